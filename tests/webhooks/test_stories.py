"""What a receiver sees of the workflows, over sockets (reference: webhooks 1-6; behaviour 2.1, 2.4, 9)."""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import Mockserver
from tests.webhooks.world import Failing, Got, Receiver, World, hmac_sha256, legacy_md5

KEY = "test-sign-key-1"
LONG_KEY = "nyckel-åäö-" * 9
RECORDED = Path(__file__).parent.parent / "recorded" / "callback-payment-2021.json"


def test_the_signatures_of_this_test_are_those_of_the_reference() -> None:
    body = (
        b'{"callback_id":"5108d45a-3a0b-4176-82fd-502cdbf880d8",'
        b'"callback_timestamp":"2026-03-02T12:33:41.654321Z","callback_type":"RecipientUpdated",'
        b'"customer":{"customer_number":24,"updated_email":"contact@example.com"}}'
    )
    vector = "a4094c8b442474b39b1b81a2a968d7eb1c0f4993e110c453211bea4bbc0e915d"
    assert hmac_sha256(KEY, b"1772454821.718204:" + body) == vector
    assert legacy_md5(KEY, "5108d45a-3a0b-4176-82fd-502cdbf880d8") == "de1f6bcc9ea570174b1d950332566d84"
    # RFC 4231, test case 2
    vector = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_sha256("Jefe", b"what do ya want for nothing?") == vector


# the stories: what is done, and each callback's type, state, remaining sum, paid sum, and data

Story = Callable[[World, dict[str, Any]], str]
Row = tuple[str, str, int, int, dict[str, Any] | None]


def story_1a(world: World, more: dict[str, Any]) -> str:
    return str(world.sent(**more)["id"])


def story_1b(world: World, more: dict[str, Any]) -> str:
    key = str(world.draft(**more)["id"])
    world.command(key, "send", {"method": "Email"})
    return key


def story_1_pay(world: World, more: dict[str, Any]) -> str:
    key = story_1a(world, more)
    world.pay(key, 50)
    world.pay(key, 75)
    return key


def story_1_over(amount: int) -> Story:
    def story(world: World, more: dict[str, Any]) -> str:
        key = story_1a(world, more)
        world.pay(key, amount, payer_name="Somebody Else")
        return key

    return story


def story_1_late(world: World, more: dict[str, Any]) -> str:
    return str(world.sent(invoice_date="2026-01-01", due_date="2026-01-31", **more)["id"])


def story_1_zero(world: World, more: dict[str, Any]) -> str:
    items = [{"title": "Gift", "count": 1, "price": 0, "vat": 25}]
    return str(world.sent(items=items, **more)["id"])


def sent_data(total: int) -> dict[str, Any]:
    return {
        "invoice_no": 1,
        "letter_id": ...,
        "delivery_method": "Email",
        "original_delivery_method": "Email",
        "delivery_redirected": False,
        "scanning_central": False,
        "remaining_sum": total,
        "total_sum": total,
    }


def payment_data(amount: int, remaining: int, payer: str = "Test Customer AB") -> dict[str, Any]:
    return {
        "amount": amount,
        "banking_amount": None,
        "manual": False,
        "payer_name": payer,
        "payment_flags": [],
        "remaining_sum": remaining,
        "total_sum": 125,
    }


def excess_data(amount: int) -> dict[str, Any]:
    return {"amount": amount, "remaining_sum": 0, "total_sum": 125}


CREATED: Row = ("BillogramCreated", "Unattested", 125, 0, None)
SENT: Row = ("BillogramSent", "Sending", 125, 0, sent_data(125))
PAID: Row = ("BillogramEnded", "Paid", 0, -125, None)
ELSE = "Somebody Else"

STORIES: dict[str, tuple[Story, list[Row]]] = {
    "1A": (story_1a, [CREATED, SENT]),
    "1B": (story_1b, [CREATED, SENT]),
    "1 pay": (
        story_1_pay,
        [
            CREATED,
            SENT,
            ("Payment", "PartlyPaid", 75, -50, payment_data(50, 75)),
            ("Payment", "PartlyPaid", 0, -125, payment_data(75, 0)),
            PAID,
        ],
    ),
    "1 over, a little": (
        story_1_over(130),
        [
            CREATED,
            SENT,
            ("Payment", "Unpaid", 0, -125, payment_data(130, 0, ELSE)),
            ("OverpaymentAdjustment", "Unpaid", 0, -125, excess_data(5)),
            PAID,
        ],
    ),
    "1 over, much": (
        story_1_over(200),
        [
            CREATED,
            SENT,
            ("Payment", "Unpaid", 0, -125, payment_data(200, 0, ELSE)),
            ("OverpaymentCustomerLiability", "Unpaid", 0, -125, excess_data(75)),
            PAID,
        ],
    ),
    "1 late": (
        story_1_late,
        [
            CREATED,
            SENT,
            ("Overdue", "Overdue", 125, 0, {"remaining_sum": 125, "total_sum": 125}),
            ("InterestStarted", "Overdue", 125, 0, {"interest_rate": Decimal("8.5")}),
        ],
    ),
    "1 zero": (
        story_1_zero,
        [
            ("BillogramCreated", "Unattested", 0, 0, None),
            ("BillogramSent", "Sending", 0, 0, sent_data(0)),
            ("BillogramEnded", "Ended", 0, 0, None),
        ],
    ),
}
each_story = pytest.mark.parametrize("name", STORIES)


def check_rows(got: list[Got], rows: list[Row], billogram: dict[str, Any]) -> None:
    """The callbacks of a story, against its table and against what the API shows of the billogram."""
    assert [(each.event_type, each.json["billogram"]["state"]) for each in got] == [row[:2] for row in rows]
    assert len({each.callback_id for each in got}) == len(rows)
    for each, row, told in zip(got, rows, billogram["events"], strict=True):
        check_form(each)
        check_row(each.json, row)
        event = dict(each.json["event"])
        assert event.pop("billogram_id") == billogram["id"]
        assert event == told, "the same event, and the same uuid, as in the API"
        drafted = row[0] == "BillogramCreated"
        ocr = None if drafted else billogram["ocr_number"]
        shown = each.json["billogram"]
        assert shown["id"] == billogram["id"]
        assert shown["ocr_number"] == ocr
        assert shown["payment_references"] == ([] if drafted else [{"type": "ocr", "reference": ocr}])
        assert shown["attested_at"] == (None if drafted else billogram["attested_at"])
        assert each.json["callback_timestamp"] == "2026-03-02T09:00:00.000000Z"  # the account's clock
    assert got[-1].json["billogram"]["detailed_sums"] == billogram["detailed_sums"]


def check_row(callback: dict[str, Any], row: Row) -> None:
    _, _, remaining, paid, data = row
    shown, sums = callback["billogram"], callback["billogram"]["detailed_sums"]
    assert shown["remaining_sum"] == sums["remaining_sum"] == remaining
    assert sums["paid_sum"] == paid
    assert shown["total_sum"] == sums["gross_sum"] + sums["rounding"] == remaining - paid
    said = callback["event"]["data"]
    if data is None:
        assert said is None
    else:
        assert set(said) == set(data)
        assert {name: value for name, value in said.items() if data[name] is not ...} == {
            name: value for name, value in data.items() if value is not ...
        }


def check_form(got: Got) -> None:
    """Headers; and the body: pure ASCII, compact, sorted, plain slashes, whole amounts as integers."""
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "mockserver"
    plain = json.dumps(json.loads(got.body), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    assert got.body == plain.encode("ascii")
    assert set(got.json) == {
        *("billogram", "callback_id", "callback_timestamp", "callback_type", "custom", "event", "signature")
    }
    assert got.json["callback_type"] == "BillogramEvent"
    check_numbers(got.json)


def check_numbers(value: Any) -> None:
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            check_numbers(member)
    assert not isinstance(value, Decimal) or value != value.to_integral_value(), f"{value} is whole"


def check_retried(world: World, receiver: Receiver, first: list[Got], key: str | None) -> None:
    """Each comes once more after a minute, in the same order: the same body, signed anew."""
    assert receiver.got == first
    world.advance("1m")
    world.idle()
    again = receiver.got[len(first) :]
    assert [each.body for each in again] == [each.body for each in first]
    assert [each.path for each in again] == [each.path for each in first]
    for each, before in zip(again, first, strict=True):
        each.check_signature(key)
        if key is not None:
            for name in ("billogram-request-timestamp", "billogram-signature"):
                assert each.headers[name] != before.headers[name]
    assert {each["status"] for each in world.deliveries()} == {"delivered"}


@each_story
def test_to_the_url_of_the_account(name: str, world: World) -> None:
    story, rows = STORIES[name]
    with Receiver(Failing(1)) as receiver:
        world.callbacks(receiver.url("/hook?shop=7"), KEY)
        billogram = story(world, {"callbacks": {"custom": "order-1001", "sign_key": "not used"}})
        world.idle()
        first = list(receiver.got)
        check_rows(first, rows, world.api("GET", f"/billogram/{billogram}"))
        for each in first:
            assert each.path == "/hook?shop=7"
            assert each.json["custom"] == "order-1001"
            each.check_signature(KEY)
        check_retried(world, receiver, first, KEY)


@each_story
def test_to_the_url_of_the_billogram(name: str, world: World) -> None:
    story, rows = STORIES[name]
    with Receiver(Failing(1)) as receiver:
        world.callbacks("mock:inbox", "the key of the account")
        own = {"url": receiver.url("/own"), "sign_key": KEY, "custom": "order-1001"}
        billogram = story(world, {"callbacks": own})
        world.idle()
        first = list(receiver.got)
        check_rows(first, rows, world.api("GET", f"/billogram/{billogram}"))
        for each in first:
            assert each.path == "/own"
            assert each.json["custom"] == "order-1001"
            each.check_signature(KEY)
        check_retried(world, receiver, first, KEY)
        assert world.inbox() == []  # there only


@each_story
def test_to_the_inbox(name: str, world: World) -> None:
    story, rows = STORIES[name]
    world.callbacks("mock:inbox", KEY)
    billogram = story(world, {})
    got = world.inbox()  # without waiting
    check_rows(got, rows, world.api("GET", f"/billogram/{billogram}"))
    for each in got:
        assert each.json["custom"] is None
        each.check_signature(KEY)
    shown = world.mock("GET", "/inbox")
    assert [each["signature_ok"] for each in shown] == [True] * len(rows)
    assert [each["json"] for each in shown] == [each.json for each in got]
    delivered = world.deliveries()
    assert [each["status"] for each in delivered] == ["delivered"] * len(rows)
    assert [each["callback_id"] for each in delivered] == [each.callback_id for each in got]
    # once more
    world.mock("POST", f"/deliveries/{delivered[0]['id']}/replay")
    again = world.inbox()
    assert len(again) == len(rows) + 1
    (twice,) = [each for each in again if each not in got]
    assert twice.body == got[0].body
    twice.check_signature(KEY)


# keys and addresses


def test_a_billogram_with_its_own_url_and_no_key_is_unsigned(world: World) -> None:
    with Receiver() as receiver:
        world.callbacks("mock:inbox", KEY)
        world.draft(callbacks={"url": receiver.url()})
        world.idle()
        (got,) = receiver.got
        got.check_signature(None)
        assert got.json["custom"] is None


def test_an_account_without_a_key_is_unsigned(world: World) -> None:
    world.callbacks("mock:inbox")
    world.draft(callbacks={"custom": ""})
    (got,) = world.inbox()
    got.check_signature(None)
    assert world.mock("GET", "/inbox")[0]["signature_ok"] is None


def test_nothing_is_sent_where_there_is_no_url(world: World) -> None:
    key = story_1_pay(world, {"callbacks": {"sign_key": KEY, "custom": "order-1001"}})
    assert world.deliveries() == []
    assert len(world.api("GET", f"/billogram/{key}")["events"]) == 5


def test_numbers_as_key_and_custom_count_as_their_text(world: World) -> None:
    """As shop plug-ins send order ids (reference: clients 16)."""
    with Receiver() as receiver:
        world.draft(callbacks={"url": receiver.url(), "sign_key": 20310042, "custom": 1001})
        world.draft(callbacks={"url": receiver.url(), "sign_key": 12.5, "custom": 10**20})
        world.idle()
        first, second = receiver.got
        first.check_signature("20310042")
        assert first.json["custom"] == "1001"
        second.check_signature("12.5")
        assert second.json["custom"] == "100000000000000000000"


def test_what_is_not_ascii_is_escaped(world: World) -> None:
    custom = 'a/b "ä" \\ 😀\n\x01'
    with Receiver() as receiver:
        world.callbacks(receiver.url(), LONG_KEY)
        person = {"name": "Älg 😀 & Söner/HB", "contact": {"email": "contact@example.com"}}
        number = world.api("POST", "/customer", person)["customer_no"]
        made = world.sent(customer={"customer_no": number}, callbacks={"custom": custom})
        world.pay(made["id"], 125)
        world.idle()
        for got in receiver.got:
            check_form(got)
            got.check_signature(LONG_KEY)
            assert got.json["custom"] == custom
            assert rb'"custom":"a/b \"\u00e4\" \\ \ud83d\ude00\n\u0001"' in got.body
        payment = receiver.got[2]
        assert payment.event_type == "Payment"
        assert payment.json["event"]["data"]["payer_name"] == "Älg 😀 & Söner/HB"
        assert rb'"payer_name":"\u00c4lg \ud83d\ude00 & S\u00f6ner/HB"' in payment.body


def test_a_receiver_that_asks_sees_the_new_state(world: World) -> None:
    """Shop plug-ins fetch the billogram before they answer (reference: clients 16)."""
    seen: list[tuple[str, str, float]] = []

    def reply(got: Got) -> int:
        with httpx.Client(trust_env=False, verify=False) as client:
            found = client.get(
                f"{world.server.url}/billogram/{got.billogram}", auth=(world.user, "secret"), timeout=30
            )
        shown = found.json()["data"]
        seen.append((got.event_type, shown["state"], shown["remaining_sum"]))
        assert got.json["event"]["event_uuid"] in [event["event_uuid"] for event in shown["events"]]
        return 200

    with Receiver(reply) as receiver:
        world.callbacks(receiver.url())
        key = world.draft()["id"]
        world.idle()
        world.command(key, "send", {"method": "Email"})
        world.idle()
        world.pay(key, 50)
        world.idle()
        world.pay(key, 75)
        world.idle()
        assert seen == [
            ("BillogramCreated", "Unattested", 125),
            ("BillogramSent", "Unpaid", 125),
            ("Payment", "PartlyPaid", 75),
            ("Payment", "Paid", 0),
            ("BillogramEnded", "Paid", 0),
        ]
        assert {each["status"] for each in world.deliveries()} == {"delivered"}


def test_a_receiver_may_change_things_before_it_answers(world: World) -> None:
    def reply(got: Got) -> int:
        if got.event_type == "BillogramSent":
            path = f"{world.server.url}/billogram/{got.billogram}/command/payment"
            with httpx.Client(trust_env=False, verify=False) as client:
                client.post(path, json={"amount": 125}, auth=(world.user, "secret"), timeout=30)
        return 200

    with Receiver(reply) as receiver:
        world.callbacks(receiver.url())
        world.sent()
        world.idle()
        assert [got.event_type for got in receiver.got] == [
            *("BillogramCreated", "BillogramSent", "Payment", "BillogramEnded")
        ]


def test_what_a_move_brings_about(world: World) -> None:
    """Each at the moment of its act; money that settles an overdue one says so (reference: webhooks 6.2)."""
    world.callbacks("mock:inbox")
    items = [{"title": "Row", "count": 1, "price": 100.04, "vat": 25}]
    key = world.sent(items=items, currency="EUR", interest_rate=0.5)["id"]
    world.advance("40d")
    world.pay(key, 125.05)
    got = world.inbox()[2:]
    for each in got:
        check_form(each)
    assert [
        (each.event_type, each.json["billogram"]["state"], each.json["billogram"]["remaining_sum"])
        for each in got
    ] == [
        ("Overdue", "Overdue", Decimal("125.05")),
        ("InterestStarted", "Overdue", Decimal("125.05")),
        ("Payment", "Overdue", 0),
        ("BillogramEnded", "Paid", 0),
    ]
    assert {each.json["callback_timestamp"] for each in got[:2]} == {"2026-04-01T22:05:00.000000Z"}
    assert {each.json["event"]["created_at"] for each in got[:2]} == {"2026-04-01 22:05:00"}
    assert got[1].json["event"]["data"] == {"interest_rate": Decimal("0.5")}
    assert {each.json["callback_timestamp"] for each in got[2:]} == {"2026-04-11T08:00:00.000000Z"}


def test_one_payment_over_two_billograms(world: World) -> None:
    """One after the other; only the one that ends shows the state from before (behaviour 2.1, 2.4)."""
    world.callbacks("mock:inbox")
    first, second = world.sent()["id"], world.sent()["id"]
    shares = [{"billogram": second, "amount": 125}, {"billogram": first, "amount": 25}]
    world.mock("POST", "/payments", {"amount": 150, "allocations": shares})
    assert [(got.billogram, got.event_type, got.json["billogram"]["state"]) for got in world.inbox()[4:]] == [
        (second, "Payment", "Unpaid"),
        (second, "BillogramEnded", "Paid"),
        (first, "Payment", "PartlyPaid"),
    ]


def test_what_new_accounts_begin_with() -> None:
    with (
        Receiver() as receiver,
        Mockserver(clock="frozen", callback_url=receiver.url(), sign_key=KEY) as served,
    ):
        plain, own = World(served), World(served, callbacks={"url": "mock:inbox", "sign_key": "own"})
        try:
            for world in (plain, own):
                world.draft()
                world.idle()
            (got,) = receiver.got
            got.check_signature(KEY)
            (got,) = own.inbox()
            got.check_signature("own")
        finally:
            plain.close()
            own.close()


def test_a_deleted_draft_says_so(world: World) -> None:
    world.callbacks("mock:inbox")
    key = world.draft()["id"]
    assert world.ask("DELETE", f"/billogram/{key}").status_code == 200
    _, got = world.inbox()
    check_form(got)
    assert got.event_type == "Deleted"
    assert got.json["billogram"]["state"] == "Deleted"
    assert got.json["event"]["data"] is None
    assert world.ask("GET", f"/billogram/{key}").status_code == 404


# the complete examples of webhooks 6.3, and the recorded callback

SUMS: dict[str, Any] = {
    "collector_paid_sum": 0,
    "credited_sum": 0,
    "gross_sum": Decimal("1186.25"),
    "interest_fee": 0,
    "invoice_fee": 0,
    "invoice_fee_vat": 0,
    "net_sum": 949,
    "paid_sum": 0,
    "regional_sweden": {"rotavdrag_sum": 0},
    "remaining_sum": 1186,
    "reminder_fee": 0,
    "rounding": Decimal("-0.25"),
    "vat_sum": Decimal("237.25"),
}
UUID = "<uuid>"
ID = "<id>"
OCR = "<ocr>"
LETTER = "<letter>"
MOMENT = "<moment>"  # the examples' are later than their event by less than two seconds [A]
LEGACY = "<md5>"
FORMS = {
    UUID: r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
    ID: r"[A-Za-z0-9]{8}",
    OCR: r"\d{13,25}",
    LETTER: r"[A-Za-z0-9]{32}",
    MOMENT: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    LEGACY: r"[0-9a-f]{32}",
}
DRAWN = {
    "callback_id": UUID,
    "event_uuid": UUID,
    "id": ID,
    "billogram_id": ID,
    "ocr_number": OCR,
    "reference": OCR,
    "letter_id": LETTER,
    "callback_timestamp": MOMENT,
    "signature": LEGACY,
}


def formed(value: Any, name: str = "") -> Any:
    """A callback with its drawn values replaced by the name of their form."""
    if isinstance(value, dict):
        return {key: formed(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [formed(member) for member in value]
    if name in DRAWN and value is not None:
        assert re.fullmatch(FORMS[DRAWN[name]], value), f"{name}: {value}"
        return DRAWN[name]
    return value


def same(got: Any, expected: Any, where: str = "callback") -> None:
    """Equal, keys and number forms included: 1186 is not 1186.0, and False is not 0."""
    assert type(got) is type(expected), f"{where}: {got!r}, not {expected!r}"
    if isinstance(expected, dict):
        assert set(got) == set(expected), f"{where}: keys"
        for key, member in expected.items():
            same(got[key], member, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(got) == len(expected), where
        for index, member in enumerate(expected):
            same(got[index], member, f"{where}[{index}]")
    else:
        assert got == expected, f"{where}: {got!r}, not {expected!r}"


def example(
    event_type: str,
    created_at: str,
    data: dict[str, Any] | None,
    *,
    state: str,
    key: bool = False,
    sent: bool = True,
    custom: str | None = None,
    **sums: Any,
) -> dict[str, Any]:
    """An example of webhooks 6.3, with the names of forms for what is drawn."""
    shown = SUMS | sums
    return {
        "billogram": {
            "attested_at": "2026-03-02 12:33:40" if sent else None,
            "detailed_sums": shown,
            "id": ID,
            "ocr_number": OCR if sent else None,
            "payment_references": [{"reference": OCR, "type": "ocr"}] if sent else [],
            "remaining_sum": shown["remaining_sum"],
            "state": state,
            "total_sum": 1186,
        },
        "callback_id": UUID,
        "callback_timestamp": MOMENT,
        "callback_type": "BillogramEvent",
        "custom": custom,
        "event": {
            "billogram_id": ID,
            "created_at": created_at,
            "data": data,
            "event_uuid": UUID,
            "type": event_type,
        },
        "signature": LEGACY if key else None,
    }


EXAMPLE_SENT = {
    "delivery_method": "Email",
    "delivery_redirected": False,
    "invoice_no": 1001,
    "letter_id": LETTER,
    "original_delivery_method": "Email",
    "remaining_sum": 1186,
    "scanning_central": False,
    "total_sum": 1186,
}
EXAMPLE_PAYMENT: dict[str, Any] = {
    "amount": 1186,
    "banking_amount": None,
    "manual": False,
    "payer_name": "Test Customer AB",
    "payment_flags": [],
    "remaining_sum": 0,
    "total_sum": 1186,
}
EXAMPLE_CREDIT = {
    "invoice_no": 1002,
    "letter_id": LETTER,
    "delivery_method": "Email",
    "amount": 1186,
    "remaining_sum": 0,
    "total_sum": 1186,
}
EXAMPLE_FAILED = {"customer_email": "contact@example.com"}
# the example has the recipient's address; who writes by `simulate/message` has none: null when unknown [A]
EXAMPLE_MESSAGE = {"message": "Invented question from the recipient", "ip": None}


@pytest.fixture
def spring(server: Mockserver) -> Iterator[World]:
    """An account at the moment at which the examples begin."""
    made = World(server, {"mode": "frozen", "now": "2026-03-02T12:33:27Z"})
    yield made
    made.close()


def as_in_the_examples(world: World, **more: Any) -> str:
    items = [{"title": "Row", "count": 1, "price": 949, "vat": 25}]
    key = str(world.draft(items=items, invoice_no=1001, **more)["id"])
    world.advance("13s")
    world.command(key, "send", {"method": "Email"})
    return key


def at(world: World, moment: str) -> None:
    world.mock("PUT", "/clock", {"now": moment})


def test_the_examples_with_key_and_custom(spring: World) -> None:
    spring.callbacks("mock:inbox", KEY)
    billogram = as_in_the_examples(spring, callbacks={"custom": "order-1001"})
    at(spring, "2026-03-02T12:40:02Z")
    spring.mock("POST", f"/billograms/{billogram}/simulate/delivery-failure", {})
    at(spring, "2026-03-05T18:20:11Z")
    spring.mock("POST", f"/billograms/{billogram}/simulate/message", {"message": EXAMPLE_MESSAGE["message"]})
    at(spring, "2026-03-10T09:15:00Z")
    spring.command(billogram, "credit", {"mode": "full"})
    common: dict[str, Any] = {"key": True, "custom": "order-1001"}
    credited: dict[str, Any] = {"remaining_sum": 0, "credited_sum": -1186, **common}
    expected = [
        example("BillogramCreated", "2026-03-02 12:33:27", None, state="Unattested", sent=False, **common),
        example("BillogramSent", "2026-03-02 12:33:40", EXAMPLE_SENT, state="Sending", **common),
        example("DeliveryFailed", "2026-03-02 12:40:02", EXAMPLE_FAILED, state="Unpaid", **common),
        example("CustomerMessage", "2026-03-05 18:20:11", EXAMPLE_MESSAGE, state="Unpaid", **common),
        example("Credit", "2026-03-10 09:15:00", EXAMPLE_CREDIT, state="Unpaid", **credited),
        example("BillogramEnded", "2026-03-10 09:15:00", None, state="Credited", **credited),
    ]
    got = spring.inbox()
    same([formed(each.json) for each in got], expected)
    for each in got:
        check_form(each)
        each.check_signature(KEY)
        created = each.json["event"]["created_at"].replace(" ", "T")
        assert each.json["callback_timestamp"] == f"{created}.000000Z"


def test_the_examples_without_key_and_custom(spring: World) -> None:
    spring.callbacks("mock:inbox")
    billogram = as_in_the_examples(spring)
    at(spring, "2026-03-20T08:10:00Z")
    spring.pay(billogram, 1186)
    moment = "2026-03-20 08:10:00"
    paid: dict[str, Any] = {"remaining_sum": 0, "paid_sum": -1186}
    expected = [
        example("BillogramCreated", "2026-03-02 12:33:27", None, state="Unattested", sent=False),
        example("BillogramSent", "2026-03-02 12:33:40", EXAMPLE_SENT, state="Sending"),
        example("Payment", moment, EXAMPLE_PAYMENT, state="Unpaid", **paid),
        example("BillogramEnded", moment, None, state="Paid", **paid),
    ]
    got = spring.inbox()
    same([formed(each.json) for each in got], expected)
    for each in got:
        check_form(each)
        each.check_signature(None)


def test_the_recorded_callback(server: Mockserver) -> None:
    """A real Payment of 2021, but for what webhooks 6 says is newer, and for one scrambled value."""
    world = World(server, {"mode": "frozen", "now": "2021-04-06T09:58:18Z"})
    try:
        world.callbacks("mock:inbox")
        items = [{"title": "Row", "count": 1, "price": 2293.3, "vat": 25}]
        made = world.sent(items=items, invoice_date="2021-04-06")
        at(world, "2021-04-30T11:07:33Z")
        world.pay(made["id"], 2867)
        got = world.inbox()[2]
    finally:
        world.close()
    recorded = json.loads(RECORDED.read_bytes(), parse_float=Decimal)
    # was added since: names [D], form of the references [A]
    recorded["billogram"]["payment_references"] = [{"reference": "1234567890123", "type": "ocr"}]
    recorded["event"]["billogram_id"] = recorded["billogram"]["id"]
    # its publisher scrambled values; so that the sums add up, each has two decimals (behaviour 3.3)
    assert recorded["billogram"]["detailed_sums"]["rounding"] == Decimal("0.365")
    recorded["billogram"]["detailed_sums"]["rounding"] = Decimal("0.37")
    same(formed(got.json), formed(recorded))
    check_form(got)
    order = json.loads(RECORDED.read_bytes(), object_pairs_hook=list)
    assert [name for name, _ in order] == list(got.json)  # alphabetical, as recorded
