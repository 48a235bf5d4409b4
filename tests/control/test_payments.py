"""The bank: money that comes in, and what becomes of it (reference: control 1, behaviour 5 and 9)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from mockserver.control.payments import Scheme
from mockserver.core import payments
from mockserver.core.act import Act
from tests.control.test_clock import CLOCK, advance, due
from tests.server import ACCOUNT, NO_BODY, Server

PAYMENTS = f"/accounts/{ACCOUNT}/payments"
BACK = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]
PARTS = ("unmatched", "adjustment", "liability", "recalled")


@pytest.fixture
def server(server: Server) -> Server:
    """One with the account."""
    server.get("/settings")
    return server


def pay(server: Server, amount: Any, **more: Any) -> Any:
    """Money at the bank; its parts are held against its amount."""
    answer = server.mock("POST", PAYMENTS, {"amount": amount, **more})
    assert answer.status == 201, answer.body
    return whole(answer.json)


def allocate(server: Server, payment: str, billogram: str, **more: Any) -> Any:
    answer = server.mock("POST", f"{PAYMENTS}/{payment}/allocate", {"billogram": billogram, **more})
    assert answer.status == 200, answer.body
    return whole(answer.json)


def whole(payment: Any) -> Any:
    parts = [part["amount"] for part in payment["allocations"]] + [payment[name] for name in PARTS]
    assert sum(parts) == payment["amount"], payment
    assert all(part >= 0 for part in parts), payment
    return payment


def split(payment: Any) -> tuple[list[Any], Any, Any, Any]:
    """What was booked, share by share; unmatched, adjusted, owed."""
    booked = [part["amount"] for part in payment["allocations"]]
    return booked, payment["unmatched"], payment["adjustment"], payment["liability"]


def story(server: Server, key: str, start: int = 2) -> list[tuple[str, Any, Any, str]]:
    """Each event after the sending: type, `amount`, `remaining_sum`, the state that its callback shows."""
    events = server.get(f"/billogram/{key}").data["events"][start:]
    states = [event.state for event in server.state().billograms[key].events[start:]]
    return [
        (each["type"], (each["data"] or {}).get("amount"), (each["data"] or {}).get("remaining_sum"), state)
        for each, state in zip(events, states, strict=True)
    ]


def check(server: Server) -> None:
    """The log tells the state, and the equation of the sums holds (behaviour 3.3)."""
    assert server.fold().image() == server.image()
    for each in server.state().billograms.values():
        sums = each.sums
        assert sums.remaining == (
            sums.gross + sums.rounding + sums.reminder_fee + sums.interest_fee
            + sums.credited + sums.paid + sums.collector_paid
        )  # fmt: skip


END = ("BillogramEnded", None, None, "Paid")
ADJUSTED, OWED = "OverpaymentAdjustment", "OverpaymentCustomerLiability"


class Case(Struct, frozen=True):
    """An amount for one open billogram over 125; what was booked, adjusted and owed; the events."""

    amount: str
    booked: str
    adjustment: str
    liability: str
    events: list[tuple[str, Any, Any, str]]
    currency: str = "SEK"


def _beyond(amount: str, kind: str, excess: str, currency: str = "SEK") -> Case:
    got, over = Decimal(amount), Decimal(excess)
    return Case(
        amount,
        "125",
        excess if kind == ADJUSTED else "0",
        excess if kind == OWED else "0",
        [("Payment", got, 0, "Unpaid"), (kind, over, 0, "Unpaid"), END],
        currency,
    )


CASES = [
    Case("50", "50", "0", "0", [("Payment", 50, 75, "PartlyPaid")]),
    Case("124.99", "124.99", "0", "0", [("Payment", Decimal("124.99"), Decimal("0.01"), "PartlyPaid")]),
    Case("125", "125", "0", "0", [("Payment", 125, 0, "Unpaid"), END]),
    _beyond("125.01", ADJUSTED, "0.01"),
    _beyond("130", ADJUSTED, "5"),
    _beyond("135", ADJUSTED, "10"),
    _beyond("135.01", OWED, "10.01"),
    _beyond("200", OWED, "75"),
    *(_beyond("135", ADJUSTED, "10", currency) for currency in ("NOK", "DKK")),
    *(_beyond("135.01", OWED, "10.01", currency) for currency in ("NOK", "DKK")),
    *(_beyond("126", ADJUSTED, "1", currency) for currency in ("EUR", "GBP", "USD")),
    *(_beyond("126.01", OWED, "1.01", currency) for currency in ("EUR", "GBP", "USD")),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.currency}-{case.amount}" for case in CASES])
@pytest.mark.parametrize("way", ["ocr_number", "billogram", "allocations"])
def test_money_for_an_open_one(server: Server, case: Case, way: str) -> None:
    sent = server.sent(currency=case.currency)
    where: dict[str, Any] = {
        "ocr_number": {"ocr_number": sent["ocr_number"]},
        "billogram": {"billogram": sent["id"]},
        "allocations": {"allocations": [{"billogram": sent["id"], "amount": case.amount}]},
    }[way]
    position = server.position()
    made = pay(server, case.amount, **where)
    assert server.position() == position + 1
    assert split(made) == (
        [Decimal(case.booked)],
        0,
        Decimal(case.adjustment),
        Decimal(case.liability),
    )
    assert made["currency"] == case.currency
    assert story(server, sent["id"]) == case.events
    shown = server.get(f"/billogram/{sent['id']}").data
    ended = case.events[-1] == END
    assert shown["state"] == ("Paid" if ended else "PartlyPaid")
    assert shown["detailed_sums"]["paid_sum"] == -Decimal(case.booked)
    assert shown["remaining_sum"] == 125 - Decimal(case.booked)
    over = Decimal(case.adjustment) + Decimal(case.liability)
    assert shown["flags"] == (["overpaid"] if over else [] if ended else ["partly paid"])
    [payment] = [event for event in shown["events"] if event["type"] == "Payment"]
    assert made["allocations"][0]["event_uuid"] == payment["event_uuid"]
    assert payment["data"] | {"amount": 0, "remaining_sum": 0} == {
        "amount": 0,
        "banking_amount": None,
        "manual": False,
        "payer_name": "Test Customer AB",
        "payment_flags": [],
        "remaining_sum": 0,
        "total_sum": 125,
    }
    assert server.mock("GET", PAYMENTS).json == [made]
    assert server.mock("GET", f"{PAYMENTS}/{made['id']}").json == made
    check(server)


def test_two_parts_then_too_much(server: Server) -> None:
    """What is beyond counts from what remained."""
    key = server.sent()["id"]
    assert split(pay(server, 50, billogram=key)) == ([50], 0, 0, 0)
    assert split(pay(server, 80, billogram=key)) == ([75], 0, 5, 0)
    assert story(server, key) == [
        ("Payment", 50, 75, "PartlyPaid"),
        ("Payment", 80, 0, "PartlyPaid"),
        (ADJUSTED, 5, 0, "PartlyPaid"),
        END,
    ]
    assert server.get(f"/billogram/{key}").data["detailed_sums"]["paid_sum"] == -125
    check(server)


# several


def test_several_in_one_act_one_after_the_other(server: Server) -> None:
    keys = [server.sent()["id"] for _ in range(3)]
    position = server.position()
    shares = [
        {"billogram": keys[2], "amount": 125},
        {"billogram": keys[0], "amount": 25},
        {"billogram": keys[1], "amount": 130},
    ]
    made = pay(server, 300, allocations=shares)
    assert server.position() == position + 1
    assert split(made) == ([125, 25, 125], 20, 5, 0)
    assert [part["billogram"] for part in made["allocations"]] == [keys[2], keys[0], keys[1]]
    assert story(server, keys[2]) == [("Payment", 125, 0, "Unpaid"), END]
    assert story(server, keys[0]) == [("Payment", 25, 100, "PartlyPaid")]
    assert story(server, keys[1]) == [("Payment", 130, 0, "Unpaid"), (ADJUSTED, 5, 0, "Unpaid"), END]
    rows = server.mock("GET", f"/accounts/{ACCOUNT}/timeline?limit=10000").json
    act = next(row for row in reversed(rows) if row["kind"] == "act")
    assert act["billograms"] == [keys[2], keys[0], keys[1]]
    assert [event["type"] for event in act["events"]] == [
        *("Payment", "BillogramEnded", "Payment", "Payment", ADJUSTED, "BillogramEnded")
    ]
    check(server)


def test_the_same_one_twice_in_one_payment(server: Server) -> None:
    key = server.sent()["id"]
    made = pay(server, 140, allocations=[{"billogram": key, "amount": 100}, {"billogram": key, "amount": 40}])
    assert split(made) == ([100, 25], 0, 0, 15)
    assert [event[0] for event in story(server, key)] == ["Payment", "Payment", OWED, "BillogramEnded"]
    assert len({part["event_uuid"] for part in made["allocations"]}) == 2
    check(server)


@pytest.mark.parametrize(
    ("amount", "shares", "unmatched"),
    [(125, ["125"], 0), (125, ["100"], 25), ("125.01", ["100", "25"], Decimal("0.01")), (1000, ["1"], 999)],
)
def test_what_is_beyond_the_allocations_is_unmatched(
    server: Server, amount: Any, shares: list[str], unmatched: Any
) -> None:
    rows = [{"billogram": server.sent()["id"], "amount": share} for share in shares]
    assert pay(server, amount, allocations=rows)["unmatched"] == unmatched
    check(server)


# nobody's


def _draft(server: Server) -> dict[str, Any]:
    return {"billogram": server.draft()["id"]}


def _deleted(server: Server) -> dict[str, Any]:
    key = server.draft()["id"]
    server.call("DELETE", f"/billogram/{key}")
    return {"billogram": key}


NOBODY: dict[str, Callable[[Server], dict[str, Any]]] = {
    "nobody named": lambda _: {},
    "unknown ocr": lambda _: {"ocr_number": "1234567890"},
    "no ocr": lambda _: {"ocr_number": "thanks for the fish"},
    "blank ocr": lambda _: {"ocr_number": " "},
    "draft": _draft,
    "deleted": _deleted,
    "stand-alone credit": lambda s: {"billogram": s.sent(items=BACK)["id"]},
    "stand-alone credit by ocr": lambda s: {"ocr_number": s.sent(items=BACK)["ocr_number"]},
    "draft among allocations": lambda s: {"allocations": [_draft(s) | {"amount": 50}]},
}


@pytest.mark.parametrize("who", NOBODY)
def test_money_for_nobody_is_unmatched_and_nothing_else_happens(server: Server, who: str) -> None:
    server.get("/settings")
    where = NOBODY[who](server)
    before, position = server.image()["billograms"], server.position()
    made = pay(server, 50, **where)
    assert split(made) == ([], 50, 0, 0)
    assert (made["currency"], made["status"], made["scheme"]) == (None, "settled", "BANKGIRO")
    assert made["ocr_number"] == where.get("ocr_number")
    assert server.image()["billograms"] == before
    assert server.position() == position + 1  # it is kept: an act
    check(server)


def test_of_several_the_payable_ones_get_their_share(server: Server) -> None:
    sent, draft = server.sent()["id"], server.draft()["id"]
    shares = [{"billogram": draft, "amount": 60}, {"billogram": sent, "amount": 40}]
    assert split(pay(server, 110, allocations=shares)) == ([40], 70, 0, 0)
    assert story(server, sent) == [("Payment", 40, 85, "PartlyPaid")]
    check(server)


# ended


ENDINGS: dict[str, tuple[Callable[[Server, str], Any], str]] = {
    "paid by hand": (lambda s, key: s.command(key, "payment", {"amount": 125}), "Paid"),
    "paid at the bank": (lambda s, key: pay(s, 125, billogram=key), "Paid"),
    "credited": (lambda s, key: s.command(key, "credit", {"mode": "full"}), "Credited"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("amount", "kind"), [("0.01", ADJUSTED), ("10", ADJUSTED), ("10.01", OWED), ("125", OWED)]
)
def test_money_for_an_ended_one(server: Server, ending: str, amount: str, kind: str) -> None:
    key = server.sent()["id"]
    end, state = ENDINGS[ending]
    end(server, key)
    before = server.get(f"/billogram/{key}").data
    made = pay(server, amount, billogram=key)
    got = Decimal(amount)
    expected = ([0], 0, got, 0) if kind == ADJUSTED else ([0], 0, 0, got)
    assert split(made) == expected
    after = server.get(f"/billogram/{key}").data
    assert story(server, key, len(before["events"])) == [("Payment", got, 0, state), (kind, got, 0, state)]
    assert after["detailed_sums"] == before["detailed_sums"]
    assert (after["state"], after["remaining_sum"]) == (state, 0)
    assert "overpaid" in after["flags"]
    assert [each["type"] for each in after["events"]].count("BillogramEnded") == 1
    check(server)


def test_money_for_one_that_ended_with_nothing_to_pay(server: Server) -> None:
    key = server.sent(items=[{"title": "Gift", "count": 1, "price": 0, "vat": 25}])["id"]
    assert split(pay(server, 11, billogram=key)) == ([0], 0, 0, 11)
    assert server.get(f"/billogram/{key}").data["state"] == "Ended"
    check(server)


# placed by hand


@pytest.mark.parametrize(
    ("amounts", "parts", "state"),
    [
        ([None], ([125], 0, 0, 5), "Paid"),  # EUR: 5 too much is owed
        ([50], ([50], 80, 0, 0), "PartlyPaid"),
        ([50, 75], ([50, 75], 5, 0, 0), "Paid"),
        ([50, None], ([50, 75], 0, 0, 5), "Paid"),
        ([126, None], ([125, 0], 0, 1, 4), "Paid"),
        (["0.01", "129.99"], ([Decimal("0.01"), Decimal("124.99")], 0, 0, 5), "Paid"),
    ],
)
def test_unmatched_money_is_placed(
    server: Server, amounts: list[Any], parts: tuple[Any, ...], state: str
) -> None:
    made = pay(server, 130, ocr_number="42", payer_name="A. Payer")
    assert made["unmatched"] == 130
    key = server.sent(currency="EUR")["id"]
    advance(server, by="1d")
    for amount in amounts:
        made = allocate(server, made["id"], key, **({} if amount is None else {"amount": amount}))
    assert split(made) == parts
    assert (made["currency"], made["ocr_number"], made["date"]) == ("EUR", "42", "2026-03-02")
    shown = server.get(f"/billogram/{key}").data
    assert shown["state"] == state
    paid = [each for each in shown["events"] if each["type"] == "Payment"]
    assert [each["created_at"] for each in paid] == ["2026-03-03 09:00:00"] * len(amounts)
    assert {each["data"]["payer_name"] for each in paid} == {"A. Payer"}
    assert [part["event_uuid"] for part in made["allocations"]] == [each["event_uuid"] for each in paid]
    assert server.mock("GET", PAYMENTS).json == [made]
    check(server)


def test_one_payment_is_placed_on_several(server: Server) -> None:
    made = pay(server, 300)
    keys = [server.sent()["id"] for _ in range(2)]
    ended = server.sent()["id"]
    server.command(ended, "payment", {"amount": 125})
    for key in keys:
        allocate(server, made["id"], key, amount=125)
    made = allocate(server, made["id"], ended)
    assert split(made) == ([125, 125, 0], 0, 0, 50)
    assert [part["billogram"] for part in made["allocations"]] == [*keys, ended]
    check(server)


def test_what_cannot_be_placed(server: Server) -> None:
    free, placed = pay(server, 100), pay(server, 125, billogram=server.sent()["id"])
    euro = pay(server, 100, allocations=[{"billogram": server.sent(currency="EUR")["id"], "amount": 10}])
    sent = server.sent()["id"]
    draft, credit = server.draft()["id"], server.sent(items=BACK)["id"]
    gone = _deleted(server)["billogram"]
    image, position = server.image(), server.position()
    for payment, body, status, code, words in (
        (free, {"billogram": sent, "amount": "100.01"}, 400, "refused", "100"),
        (free, {"billogram": draft}, 409, "rule", draft),
        (free, {"billogram": credit}, 409, "rule", credit),
        (free, {"billogram": gone}, 404, "unknown_object", gone),
        (free, {"billogram": "none"}, 404, "unknown_object", "none"),
        (free, {"billogram": "none", "amount": 500}, 404, "unknown_object", "none"),
        (placed, {"billogram": sent}, 409, "rule", "unmatched"),
        (placed, {"billogram": sent, "amount": 1}, 409, "rule", "unmatched"),
        (euro, {"billogram": sent}, 400, "refused", "EUR and SEK"),
        ({"id": "none"}, {"billogram": sent}, 404, "unknown_payment", "none"),
        (free, {}, 400, "invalid_body", "billogram"),
        (free, NO_BODY, 400, "invalid_body", "billogram"),
        (free, {"billogram": sent, "amount": 0}, 400, "invalid_body", "amount"),
        (free, {"billogram": sent, "amount": "1.001"}, 400, "invalid_body", "amount"),
        (free, {"billogram": sent, "all": True}, 400, "invalid_body", "all"),
    ):
        answer = server.mock("POST", f"{PAYMENTS}/{payment['id']}/allocate", body)
        error = answer.json["error"]
        assert (answer.status, error["code"]) == (status, code), body
        assert words in error["message"], error
        assert (server.image(), server.position()) == (image, position), body
    assert server.mock("GET", f"{PAYMENTS}/none").status == 404


# a credit sets money free


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        (["25"], [([0], 0, 0, 25)]),
        (["25", "50"], [([0], 0, 0, 25), ([0], 0, 0, 50)]),
        (["125"], [([0], 0, 0, 125)]),
        (["130"], [([0], 0, 5, 125)]),
        (["25", "200"], [([0], 0, 0, 25), ([0], 0, 0, 200)]),
    ],
)
def test_a_full_credit_makes_all_of_it_liability(
    server: Server, paid: list[str], expected: list[Any]
) -> None:
    key = server.sent()["id"]
    for amount in paid:
        pay(server, amount, billogram=key)
    assert server.command(key, "credit", {"mode": "full"}).status == 200
    assert [split(whole(each)) for each in server.mock("GET", PAYMENTS).json] == expected
    shown = server.get(f"/billogram/{key}").data
    assert (shown["detailed_sums"]["paid_sum"], shown["detailed_sums"]["credited_sum"]) == (0, -125)
    [owed] = [each for each in shown["events"] if each["type"] == OWED][-1:]
    assert owed["data"]["amount"] == min(sum(map(Decimal, paid)), Decimal(125))
    check(server)


@pytest.mark.parametrize(
    ("freed", "left"),
    [("10", [25, 50, 20]), ("30", [25, 50, 0]), ("31", [25, 49, 0]), ("80", [25, 0, 0]), ("105", [0, 0, 0])],
)
def test_the_newest_allocation_is_set_free_first(server: Server, freed: str, left: list[int]) -> None:
    """By the order of the events, not of the payments: the oldest money may have been placed last."""
    key, other = server.sent()["id"], server.sent()["id"]
    first = pay(server, 40)  # placed last
    pay(server, 25, billogram=key)
    pay(server, 60, allocations=[{"billogram": other, "amount": 10}, {"billogram": key, "amount": 50}])
    allocate(server, first["id"], key, amount=30)
    act = Act(server.state(), server.state().account.clock.now)
    payments.release(act, key, Decimal(freed))
    found = [act.find("payment", each["id"]) for each in server.mock("GET", PAYMENTS).json]
    booked = [
        next(part.amount for part in found[number].allocations if part.billogram == key)
        for number in (1, 2, 0)
    ]
    assert booked == left
    assert sum(each.liability for each in found) == Decimal(freed)
    for each in found:
        assert each.amount == sum(part.amount for part in each.allocations) + each.unmatched + each.liability
    assert found[2].allocations[0].amount == 10  # what is on another billogram stays


def test_a_credit_then_money(server: Server) -> None:
    """What came before is owed; what comes after is, too; the sums stay."""
    key = server.sent()["id"]
    first = pay(server, 25, billogram=key)
    server.command(key, "credit", {"mode": "full"})
    second = pay(server, 50, billogram=key)
    shown = {each["id"]: split(whole(each)) for each in server.mock("GET", PAYMENTS).json}
    assert shown == {first["id"]: ([0], 0, 0, 25), second["id"]: ([0], 0, 0, 50)}
    assert server.get(f"/billogram/{key}").data["state"] == "Credited"
    check(server)


# what is reported


@pytest.mark.parametrize(
    ("currency", "given", "expected"),
    [
        ("SEK", None, "BANKGIRO"),
        ("EUR", None, "SEPA_CREDIT_TRANSFER"),
        ("NOK", None, "SEPA_CREDIT_TRANSFER"),
        *(("SEK", scheme, scheme) for scheme in get_args(Scheme)),
        ("EUR", "BANKGIRO", "BANKGIRO"),
    ],
)
def test_schemes(server: Server, currency: str, given: str | None, expected: str) -> None:
    sent = server.sent(currency=currency)
    more = {} if given is None else {"scheme": given}
    assert pay(server, 1, billogram=sent["id"], **more)["scheme"] == expected
    draft = server.draft(currency=currency)["id"]
    unmatched = pay(server, 1, billogram=draft, **more)  # it was meant in this currency, and may go elsewhere
    assert (unmatched["scheme"], unmatched["currency"]) == (expected, None)


def test_what_is_not_given_and_what_is(server: Server) -> None:
    sent = server.sent()
    made = pay(server, "12.50", billogram=sent["id"])
    assert made == {
        "id": made["id"],
        "status": "settled",
        "amount": Decimal("12.5"),
        "currency": "SEK",
        "scheme": "BANKGIRO",
        "date": "2026-03-02",
        "created_at": "2026-03-02T10:00:00+01:00",
        "payer_name": None,
        "ocr_number": None,
        "b2b": False,
        "allocations": made["allocations"],
        "unmatched": 0,
        "adjustment": 0,
        "liability": 0,
        "recalled": 0,
        "billogram": None,
        "payment_source": None,
        "failure": None,
    }
    more = {"payer_name": "A. Payer", "scheme": "SWISH", "date": "2026-02-28", "b2b": True}
    given_ones = pay(server, 12.5, billogram=sent["id"], **more)
    assert {name: given_ones[name] for name in more} == more
    events = server.get(f"/billogram/{sent['id']}").data["events"][2:]
    assert [event["data"]["payer_name"] for event in events] == ["Test Customer AB", "A. Payer"]
    assert server.mock("GET", PAYMENTS).json == [made, given_ones]


def test_the_day_is_the_local_one_of_the_account(server: Server) -> None:
    advance(server, to="2026-03-02T23:30:00Z")
    assert pay(server, 1)["date"] == "2026-03-03"
    assert pay(server, 1, date="2026-03-03")["date"] == "2026-03-03"
    server.mock("PUT", CLOCK, {"timezone": "UTC"})
    assert pay(server, 1)["date"] == "2026-03-02"
    answer = server.mock("POST", PAYMENTS, {"amount": 1, "date": "2026-03-03"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "refused")
    assert "2026-03-02" in answer.json["error"]["hint"]


def test_those_for_one_billogram(server: Server) -> None:
    one, other = server.sent()["id"], server.sent()["id"]
    shares = [{"billogram": key, "amount": 10} for key in (one, other)]
    both = server.mock("POST", PAYMENTS, {"amount": 20, "allocations": shares}).json
    mine = server.mock("POST", PAYMENTS, {"amount": 5, "billogram": one}).json
    assert server.mock("GET", f"{PAYMENTS}?billogram={one}").json == [both, mine]
    assert server.mock("GET", f"{PAYMENTS}?billogram={other}").json == [both]
    assert server.mock("GET", f"{PAYMENTS}?billogram=none").json == []
    assert server.mock("GET", PAYMENTS).json == [both, mine]


def test_those_of_a_status_and_those_with_unmatched_money(server: Server) -> None:
    free = pay(server, 20)
    paid = pay(server, 125, billogram=server.sent()["id"])
    assert server.mock("GET", f"{PAYMENTS}?unmatched=true").json == [free]
    assert server.mock("GET", f"{PAYMENTS}?status=settled").json == [free, paid]
    assert server.mock("GET", f"{PAYMENTS}?status=scheduled").json == []


def test_the_payment_command_is_listed_as_manual(server: Server) -> None:
    sent = server.sent(currency="EUR")
    server.command(sent["id"], "payment", {"amount": "25.50"})
    bank = pay(server, 1, billogram=sent["id"])
    manual, second = server.mock("GET", PAYMENTS).json
    assert second == bank
    assert (manual["scheme"], manual["amount"], manual["currency"]) == ("MANUAL", Decimal("25.5"), "EUR")
    assert split(whole(manual)) == ([Decimal("25.5")], 0, 0, 0)
    assert server.mock("GET", f"{PAYMENTS}/{manual['id']}").json == manual
    events = server.get(f"/billogram/{sent['id']}").data["events"][2:]
    assert [event["data"]["manual"] for event in events] == [True, False]
    assert manual["allocations"][0]["event_uuid"] == events[0]["event_uuid"]
    for scheme in ("MANUAL", "manual"):  # not at the bank
        assert server.mock("POST", PAYMENTS, {"amount": 1, "scheme": scheme}).status == 400
    check(server)


@pytest.mark.parametrize("spread", [lambda ocr: ocr, lambda ocr: f" {ocr[:4]} {ocr[4:]}\t", " ".join])
def test_an_ocr_number_may_have_blanks(server: Server, spread: Callable[[str], str]) -> None:
    sent = server.sent()
    made = pay(server, 125, ocr_number=spread(sent["ocr_number"]))
    assert [part["billogram"] for part in made["allocations"]] == [sent["id"]]
    assert made["ocr_number"] == spread(sent["ocr_number"])


def test_the_same_seed_gives_the_same_ids() -> None:
    found = []
    for seed in (5, 5, 6):
        server = Server(seed=seed)
        try:
            key = server.sent()["id"]
            pay(server, 1)
            server.command(key, "payment", {"amount": 1})
            pay(server, 1, billogram=key)
            found.append([each["id"] for each in server.mock("GET", PAYMENTS).json])
        finally:
            server.close()
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])
    assert [len(set(each)) for each in found] == [3, 3, 3]


# amounts


@pytest.mark.parametrize(
    ("amount", "booked"),
    [
        (1, "1"),
        ("1", "1"),
        ("1.00", "1"),
        (1.5, "1.5"),
        ("0.01", "0.01"),
        (0.1 + 0.2, "0.3"),
        (0.7 + 0.1, "0.8"),
        (1.1 * 3, "3.3"),
        (b'{"amount": 0.30000000000000004}', "0.3"),
        (b'{"amount": 1.230000000}', "1.23"),
        (b'{"amount": 2.9999999999}', "3"),
        (b'{"amount": 1e2}', "100"),
        (b'{"amount": 999999999999999.99}', "999999999999999.99"),
    ],
)
def test_amounts(server: Server, amount: Any, booked: str) -> None:
    body = amount if isinstance(amount, bytes) else {"amount": amount}
    answer = server.mock("POST", PAYMENTS, body)
    assert answer.status == 201
    assert whole(answer.json)["amount"] == Decimal(booked)
    assert answer.json["unmatched"] == Decimal(booked)


BAD_AMOUNTS: list[Any] = [
    *(0, -1, "0", "-0.01", "0.001", "1.005", 0.004, "x", "", " ", "1,5", "12 kr", True, False, None),
    *([], {}, [1], 1e20, "1e20", 10**15, "NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "nan123"),
    *("1e400", "1e-400", "9" * 1000, "\u0000", "0.0000000001"),
]  # fmt: skip


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=lambda amount: repr(amount)[:20])
@pytest.mark.parametrize("where", ["amount", "share", "allocate"])
def test_bad_amounts_are_refused_by_name(server: Server, amount: Any, where: str) -> None:
    key = server.sent()["id"]
    free = pay(server, 100)["id"]
    path, body = {
        "amount": (PAYMENTS, {"amount": amount}),
        "share": (PAYMENTS, {"amount": 5, "allocations": [{"billogram": key, "amount": amount}]}),
        "allocate": (f"{PAYMENTS}/{free}/allocate", {"billogram": key, "amount": amount}),
    }[where]
    if where == "allocate" and amount is None:
        return  # all of it
    image, position = server.image(), server.position()
    answer = server.mock("POST", path, body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_body")
    named = "allocations.0.amount: " if where == "share" else "amount: "
    assert answer.json["error"]["message"].startswith(named)
    assert (server.image(), server.position()) == (image, position)


def _two(key: str) -> dict[str, Any]:
    """A share of 2."""
    return {"billogram": f"{{{key}}}", "amount": 2}


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        ({}, 400, "invalid_body", "amount"),
        ([], 400, "invalid_body", "object"),
        ({"amount": 1, "date": "2026-03-03"}, 400, "refused", "date"),
        ({"amount": 1, "date": "9999-12-31"}, 400, "refused", "date"),
        ({"amount": 1, "date": "1899-12-31"}, 400, "invalid_body", "date"),
        ({"amount": 1, "date": "yesterday"}, 400, "invalid_body", "date"),
        ({"amount": 1, "scheme": "CASH"}, 400, "invalid_body", "scheme"),
        ({"amount": 1, "b2b": "perhaps"}, 400, "invalid_body", "b2b"),
        ({"amount": 1, "payer_name": 5}, 400, "invalid_body", "payer_name"),
        ({"amount": 1, "payer_name": "x" * 1001}, 400, "invalid_body", "payer_name"),
        ({"amount": 1, "ocr_number": ""}, 400, "invalid_body", "ocr_number"),
        ({"amount": 1, "ocr_number": "1" * 101}, 400, "invalid_body", "ocr_number"),
        ({"amount": 1, "billogram": ""}, 400, "invalid_body", "billogram"),
        ({"amount": 1, "billogram": "none"}, 404, "unknown_object", "none"),
        ({"amount": 1, "allocations": []}, 400, "invalid_body", "allocations"),
        ({"amount": 1, "allocations": {}}, 400, "invalid_body", "allocations"),
        ({"amount": 1, "allocations": [{"amount": 1}]}, 400, "invalid_body", "allocations.0.billogram"),
        ({"amount": 1, "allocations": [{"billogram": "{a}"}]}, 400, "invalid_body", "allocations.0.amount"),
        ({"amount": 1, "allocations": [{"billogram": "none", "amount": 1}]}, 404, "unknown_object", "none"),
        ({"amount": 1, "allocations": [_two("a") | {"x": 1}]}, 400, "invalid_body", "allocations.0.x"),
        ({"amount": "1.99", "allocations": [_two("a")]}, 400, "refused", "1.99"),
        ({"amount": 3, "allocations": [_two("a"), _two("b")]}, 400, "refused", "4"),
        ({"amount": 9, "allocations": [_two("a"), _two("e")]}, 400, "refused", "EUR and SEK"),
        ({"amount": 9, "allocations": [_two("a"), _two("d")]}, 400, "refused", "EUR and SEK"),
        ({"amount": 1, "billogram": "{a}", "ocr_number": "1"}, 400, "invalid_body", "ocr_number and"),
        ({"amount": 2, "billogram": "{a}", "allocations": [_two("a")]}, 400, "invalid_body", "and alloc"),
        ({"amount": 1, "currency": "SEK"}, 400, "invalid_body", "currency"),
    ],
)  # fmt: skip
def test_what_the_bank_does_not_take(server: Server, body: Any, status: int, code: str, named: str) -> None:
    ids = {"a": server.sent()["id"], "b": server.sent()["id"], "e": server.sent(currency="EUR")["id"]}
    ids["d"] = server.draft(currency="EUR")["id"]
    image, position = server.image(), server.position()
    answer = server.mock("POST", PAYMENTS, _filled(body, ids))
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert named in answer.json["error"]["message"]
    assert (server.image(), server.position()) == (image, position)


def _filled(value: Any, ids: dict[str, str]) -> Any:
    """`{a}` stands for the id of a billogram that the test made."""
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    return ids.get(value[1:-1], value) if isinstance(value, str) and value[:1] == "{" else value


# whatever comes


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["billogram", "ocr", "shares", "free", "place", "command", "credit", "move"]),
        st.integers(0, 9),
        st.integers(1, 40_000).map(lambda cents: Decimal(cents) / 100),
    ),
    max_size=15,
)


def _do(server: Server, kind: str, pick: int, amount: Decimal, keys: list[str]) -> None:
    key = keys[pick % len(keys)]
    listed = server.mock("GET", PAYMENTS).json
    body: dict[str, Any] = {"amount": amount}
    match kind:
        case "billogram":
            body["billogram"] = key
        case "ocr":
            body["ocr_number"] = server.state().billograms[key].ocr_number or "0"
        case "shares":
            share = (amount / 3).quantize(Decimal("0.01"))
            body["allocations"] = [
                {"billogram": each, "amount": share} for each in (key, keys[0]) if share
            ] or None
        case "place":
            payment = listed[pick % len(listed)]["id"] if listed else "none"
            more = {} if pick % 2 else {"amount": amount}
            server.mock("POST", f"{PAYMENTS}/{payment}/allocate", {"billogram": key, **more})
            return
        case "command":
            server.command(key, "payment", {"amount": amount})
            return
        case "credit":
            server.command(key, "credit", {"mode": "full"})
            return
        case "move":
            advance(server, by=f"{pick * 7}d")
            return
    server.mock("POST", PAYMENTS, body)


@given(deeds=DEEDS)
def test_no_money_is_lost_or_made(deeds: list[tuple[str, int, Decimal]]) -> None:
    """What was paid on a billogram is what its payments' allocations say, and the parts are the whole."""
    server = Server()
    try:
        customer = {"customer_no": server.customer()}
        keys = [server.sent(customer=customer, **due(day))["id"] for day in (1, 20)]
        keys += [server.sent(customer=customer, currency="EUR")["id"], server.draft(customer=customer)["id"]]
        for kind, pick, amount in deeds:
            _do(server, kind, pick, amount, keys)
        listed = [whole(each) for each in server.mock("GET", PAYMENTS).json]
        for key in keys:
            billogram = server.state().billograms[key]
            booked = [
                part["amount"] for each in listed for part in each["allocations"] if part["billogram"] == key
            ]
            assert -billogram.sums.paid == sum(booked)
            names = [type(event).__name__ for event in billogram.events]
            assert names.count("BillogramEnded") <= 1
            assert names.count("Payment") == len(booked)
            assert (billogram.internal == "Ended") == ("BillogramEnded" in names)
        check(server)
    finally:
        server.close()


@pytest.mark.parametrize("way", ["billogram", "ocr_number"])
def test_without_an_amount_it_is_what_remains(server: Server, way: str) -> None:
    made = server.sent()
    pay(server, 50, billogram=made["id"])
    named = {"billogram": made["id"], "ocr_number": server.get(f"/billogram/{made['id']}").data["ocr_number"]}
    answer = server.mock("POST", PAYMENTS, {way: named[way]})
    assert (answer.status, answer.json["amount"]) == (201, 75)
    assert server.get(f"/billogram/{made['id']}").data["state"] == "Paid"
    again = server.mock("POST", PAYMENTS, {way: named[way]})
    assert again.json["error"]["message"] == "amount: must be given when nothing remains to be paid"


def test_without_an_amount_it_is_the_sum_of_the_allocations(server: Server) -> None:
    shares = [{"billogram": server.sent()["id"], "amount": amount} for amount in (125, 25)]
    assert server.mock("POST", PAYMENTS, {"allocations": shares}).json["amount"] == 150
