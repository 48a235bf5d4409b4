"""Rows 1 mandate, 4 debit and 6 of behaviour 9 with a receiver; the callback of webhooks 8.2, key by key."""

from decimal import Decimal
from typing import Any

from tests.webhooks.world import Got, Receiver, World

KEY = "test-sign-key-1"
IBAN = "DE89370400440532013000"


def mandate(world: World) -> dict[str, Any]:
    """A customer with one, as a draft names him."""
    person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    number = world.api("POST", "/customer", person)["customer_no"]
    body = {"customer_no": number, "iban": IBAN, "signed_at": "2026-02-01 00:00:00"}
    world.api("POST", "/sepa_dd_mandate", body)
    return {"customer": {"customer_no": number}, "currency": "EUR"}


def to(world: World, moment: str) -> None:
    world.mock("POST", "/clock/advance", {"to": f"{moment}+02:00"})


def told(got: list[Got]) -> list[tuple[Any, ...]]:
    """Type, moment, state and what remains; of a recall those of its payables."""
    rows: list[tuple[Any, ...]] = []
    for each in got:
        said = each.json
        if said["callback_type"] == "PaymentRecalled":
            shown = [payable["billogram"] for payable in said["payment_recall"]["payables"]]
            first = shown[0]
            at = first["event"]["created_at"]
            rows.append(("PaymentRecalled", at[5:16], first["state"], first["remaining_amount"]))
        else:
            assert said["event"]["type"] != "PaymentRecalled", "the one of the whole recall tells of it"
            event, billogram = said["event"], said["billogram"]
            rows.append(
                (event["type"], event["created_at"][5:16], billogram["state"], billogram["remaining_sum"])
            )
    return rows


SENT = [
    ("BillogramCreated", "03-02 09:00", "Unattested", 125),
    ("BillogramSent", "03-02 09:00", "Sending", 125),
    ("PaymentScheduled", "03-02 09:00", "Unpaid", 125),
]
COLLECTED = [("Payment", "04-01 08:00", "Unpaid", 0), ("BillogramEnded", "04-01 08:00", "Paid", 0)]
BACK = [
    ("PaymentRecalled", "04-21 08:00", "Overdue", 125),
    ("Overdue", "04-21 08:00", "Overdue", 125),
    ("InterestStarted", "04-21 22:05", "Overdue", 125),
    ("ReminderSent", "04-22 06:00", "Reminder_1", Decimal("185.03")),
    ("ReminderSent", "04-23 06:00", "Reminder_2", Decimal("185.06")),
]


def test_1_mandate(world: World) -> None:
    terms = mandate(world)
    with Receiver() as receiver:
        world.callbacks(receiver.url(), KEY)
        key = world.sent(**terms)["id"]
        to(world, "2026-04-08T10:00:00")
        world.idle()
        got = list(receiver.got)
    assert told(got) == SENT + COLLECTED
    data = got[2].json["event"]["data"]
    assert data == {
        "payment_type": "SEPA_DIRECT_DEBIT",
        "payment_amount": 125,
        "payment_date": "2026-04-01",
    }
    paid = got[3].json["event"]["data"]
    assert (paid["amount"], paid["remaining_sum"], paid["manual"]) == (125, 0, False)
    assert world.api("GET", f"/billogram/{key}")["state"] == "Paid"
    for each in got:
        each.check_signature(KEY)


def test_4_debit(world: World) -> None:
    """Respite to Good Friday; the debit moves behind Easter Monday."""
    terms = mandate(world)
    with Receiver() as receiver:
        world.callbacks(receiver.url(), KEY)
        key = world.sent(**terms)["id"]
        world.command(key, "respite", {"date": "2026-04-03"})
        to(world, "2026-04-02T10:00:00")
        world.command(key, "remove-respite")
        world.mock("PUT", "/outcomes", {"match": None, "plan": ["reject.AM04"]})
        to(world, "2026-04-08T00:04:00")
        world.idle()
        before = len(receiver.got)
        to(world, "2026-04-08T00:06:00")
        world.idle()
        got = list(receiver.got)
    rows = told(got)
    assert rows[3:before] == [
        ("Respite", "03-02 09:00", "Unpaid", 125),
        ("PaymentSystemUpdated", "03-02 09:00", "Unpaid", 125),
        ("RespiteRemoved", "04-02 08:00", "Unpaid", 125),
        ("PaymentSystemUpdated", "04-02 08:00", "Unpaid", 125),
        # 04-07 10:00: the due date is long past when the bank refuses
        ("PaymentFailed", "04-07 08:00", "Unpaid", 125),
        ("Overdue", "04-07 08:00", "Overdue", 125),
    ]
    assert rows[before:] == [("InterestStarted", "04-07 22:05", "Overdue", 125)]
    for each in (got[4], got[6]):
        data = each.json["event"]["data"]
        assert data == {
            "payment_type": "SEPA_DIRECT_DEBIT",
            "payment_amount": 125,
            "payment_date": "2026-04-07",
            "payment_update_reason": "respite",
        }
    failed = got[7].json["event"]["data"]
    assert failed == {"payment_type": "SEPA_DIRECT_DEBIT", "payment_failure_reason": "AM04"}


def test_6(world: World) -> None:
    terms = mandate(world)
    steps = [{"delay_days": 5}, {"delay_days": 1}]
    world.api("PUT", "/settings", {"invoices": {"automatic_reminders": steps}})
    world.mock("PUT", "/outcomes", {"match": None, "plan": [{"then": "refund.MD06", "after": "20d"}]})
    with Receiver() as receiver:
        world.callbacks(receiver.url(), KEY)
        key = world.sent(**terms)["id"]
        to(world, "2026-05-20T10:00:00")
        world.idle()
        got = list(receiver.got)
    assert told(got) == SENT + COLLECTED + BACK
    events = world.api("GET", f"/billogram/{key}")["events"]
    assert [each["type"] for each in events] == [row[0] for row in SENT + COLLECTED + BACK]
    payment = next(each for each in events if each["type"] == "Payment")
    recalled = next(each for each in events if each["type"] == "PaymentRecalled")
    said = got[5].json["payment_recall"]["payables"][0]["billogram"]["event"]
    assert said == recalled
    assert said["data"]["related_payment_event_uuids"] == [payment["event_uuid"]]


def test_the_callback_of_a_recall(world: World) -> None:
    """As the documented example: two billograms, one past due, the second paid in two shares."""
    person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    customer = {"customer_no": world.api("POST", "/customer", person)["customer_no"]}
    row = {"title": "Row", "count": 1, "vat": 25}
    first = world.sent(
        customer=customer, currency="EUR", due_date="2026-04-01", items=[row | {"price": 200}]
    )["id"]
    second = world.sent(
        customer=customer, currency="EUR", due_date="2026-06-01", items=[row | {"price": 80.4}]
    )["id"]
    shares = [
        {"billogram": first, "amount": 250},
        {"billogram": second, "amount": 60},
        {"billogram": second, "amount": 40.5},
    ]
    to(world, "2026-04-01T12:00:00")
    body = {"amount": 350.5, "allocations": shares, "scheme": "SEPA_DIRECT_DEBIT"}
    payment = world.mock("POST", "/payments", body)["id"]
    to(world, "2026-04-28T18:20:01")
    with Receiver() as receiver:
        world.callbacks(receiver.url(), KEY)
        made = world.mock(
            "POST", f"/payments/{payment}/recall", {"type": "refund", "code": "MD06", "fee": 3.5}
        )
        world.idle()
        got = list(receiver.got)
    assert [each.json["callback_type"] for each in got] == ["PaymentRecalled", "BillogramEvent"]
    assert (got[1].event_type, got[1].billogram) == ("Overdue", first)
    assert made["payables"] == [
        {"billogram": key, "amount": amount, "event_uuid": recalled(world, key)["event_uuid"]}
        for key, amount in ((first, 250), (second, Decimal("100.5")))
    ]
    said = got[0].json
    assert said.pop("callback_id")
    assert said.pop("callback_timestamp") == "2026-04-28T16:20:01.000000Z"
    assert said == {
        "callback_type": "PaymentRecalled",
        "payment_recall": {
            "incoming_payment_id": payment,
            "executed_on": "2026-04-28",
            "message": "Refund Request By End Customer",
            "payment_schema": {"code": "SEPA_DIRECT_DEBIT"},
            "total_amount": Decimal("350.5"),
            "fee": Decimal("3.5"),
            "payables": [
                payable(world, first, 250, "Overdue", 1),
                payable(world, second, Decimal("100.5"), "Unpaid", 2),
            ],
            "raw_details": {
                "payment_schema": {
                    "sepa": {"r_transaction": {"code": "MD06", "message": "Refund Request By End Customer"}}
                }
            },
        },
    }
    header = got[0].headers
    assert "billogram-signature" in header


def recalled(world: World, key: str) -> Any:
    events = world.api("GET", f"/billogram/{key}")["events"]
    return next(each for each in events if each["type"] == "PaymentRecalled")


def payable(world: World, key: str, amount: Any, state: str, shares: int) -> dict[str, Any]:
    whole = world.api("GET", f"/billogram/{key}")
    payments = [each["event_uuid"] for each in whole["events"] if each["type"] == "Payment"]
    assert len(payments) == shares
    return {
        "type": "Billogram",
        "billogram": {
            "id": key,
            "remaining_amount": amount,
            "state": state,
            "invoice_no": whole["invoice_no"],
            "event": {
                "type": "PaymentRecalled",
                "created_at": "2026-04-28 16:20:01",
                "event_uuid": recalled(world, key)["event_uuid"],
                "data": {"recalled_amount": amount, "related_payment_event_uuids": payments},
            },
        },
    }


def test_a_message_of_its_own_and_a_transfer(world: World) -> None:
    key = world.sent(currency="EUR", due_date="2026-04-01")["id"]
    payment = world.pay(key, 125)["id"]
    with Receiver() as receiver:
        world.callbacks(receiver.url())
        asked = {"type": "recall", "code": "FRAD", "message": "It was stolen"}
        made = world.mock("POST", f"/payments/{payment}/recall", asked)
        world.idle()
        (said,) = [each.json["payment_recall"] for each in receiver.got]
    assert made["type"] == "cancellation_request"
    assert (said["message"], said["fee"]) == ("It was stolen", 0)
    assert said["payment_schema"] == {"code": "SEPA_CREDIT_TRANSFER"}
    reason = {"code": "FRAD", "message": "Fraudulent Origin"}
    assert said["raw_details"] == {"payment_schema": {"sepa": {"r_transaction": reason}}}
