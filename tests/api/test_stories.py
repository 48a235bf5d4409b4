"""The workflows of the guide, as they must run (reference: behaviour 9)."""

from decimal import Decimal
from typing import Any

import pytest

from mockserver.core.events import BillogramEvent
from tests.server import Server

BASE = {"invoice_date": "2026-03-02"}


def told(server: Server, key: str) -> list[tuple[str, str]]:
    """Each event of a billogram with the state that its callback shows."""
    events: tuple[BillogramEvent, ...] = server.state().billograms[key].events
    return [(type(event).__name__, event.state) for event in events]


def test_1a_create_with_on_success(server: Server) -> None:
    made = server.sent(**BASE)
    assert told(server, made["id"]) == [("BillogramCreated", "Unattested"), ("BillogramSent", "Sending")]
    assert made["state"] == "Unpaid"
    assert made["due_date"] == "2026-04-01"
    assert made["total_sum"] == made["remaining_sum"] == Decimal("125.0")
    assert server.position() == 3  # account, customer, and both in one act


def test_1b_create_then_send(server: Server) -> None:
    made = server.draft(**BASE)
    assert made["state"] == "Unattested"
    assert made["invoice_no"] is made["ocr_number"] is made["url"] is made["attested_at"] is None
    sent = server.command(made["id"], "send", {"method": "Email"}).data
    assert told(server, made["id"]) == [("BillogramCreated", "Unattested"), ("BillogramSent", "Sending")]
    assert sent["state"] == "Unpaid"
    assert sent["invoice_no"] == 1
    assert sent["delivery_method"] == "Email"
    assert sent["attested_at"] == "2026-03-02 09:00:00"
    assert sent["events"][1]["data"] == {
        "invoice_no": 1,
        "letter_id": sent["events"][1]["data"]["letter_id"],
        "delivery_method": "Email",
        "original_delivery_method": "Email",
        "delivery_redirected": False,
        "scanning_central": False,
        "remaining_sum": 125,
        "total_sum": 125,
    }


def test_1_pay_in_two_parts(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    first = server.command(key, "payment", {"amount": 50}).data
    assert first["state"] == "PartlyPaid"
    assert first["flags"] == ["partly paid"]
    assert first["detailed_sums"]["paid_sum"] == -50
    second = server.command(key, "payment", {"amount": 75}).data
    assert told(server, key)[2:] == [
        ("Payment", "PartlyPaid"),
        ("Payment", "PartlyPaid"),
        ("BillogramEnded", "Paid"),
    ]
    payments = [event["data"] for event in second["events"] if event["type"] == "Payment"]
    assert [(data["amount"], data["remaining_sum"]) for data in payments] == [(50, 75), (75, 0)]
    assert all(data["manual"] is True for data in payments)
    assert second["state"] == "Paid"
    assert second["flags"] == []
    assert second["remaining_sum"] == 0
    assert second["detailed_sums"]["paid_sum"] == -125


def test_1_paid_at_once_shows_the_state_from_before(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    server.command(key, "payment", {"amount": 125})
    assert told(server, key)[2:] == [("Payment", "Unpaid"), ("BillogramEnded", "Paid")]


def test_1_late_is_overdue_in_the_answer(server: Server) -> None:
    made = server.sent(invoice_date="2026-01-01", due_date="2026-01-31")
    assert told(server, made["id"]) == [
        ("BillogramCreated", "Unattested"),
        ("BillogramSent", "Sending"),
        ("Overdue", "Overdue"),
        ("InterestStarted", "Overdue"),
    ]
    assert made["state"] == "Overdue"
    assert made["events"][2]["data"] == {"remaining_sum": 125, "total_sum": 125}
    assert made["events"][3]["data"] == {"interest_rate": Decimal("8.5")}
    assert made["interest_fee"] == 0  # not claimed yet


def test_1_zero_ends_at_once(server: Server) -> None:
    made = server.sent(items=[{"title": "Gift", "count": 1, "price": 0, "vat": 25}], **BASE)
    assert told(server, made["id"])[1:] == [("BillogramSent", "Sending"), ("BillogramEnded", "Ended")]
    assert made["state"] == "Ended"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        # the day after the due date has begun, but not 00:05 of it: nothing is due
        ({"invoice_date": "2026-02-01", "due_date": "2026-03-02"}, []),
        ({"invoice_date": "2026-02-01", "due_date": "2026-03-01"}, ["Overdue"]),
        # interest waits for invoice date + 30 days
        ({"invoice_date": "2026-01-29", "due_date": "2026-02-10"}, ["Overdue", "InterestStarted"]),
        ({"invoice_date": "2026-01-31", "due_date": "2026-02-10"}, ["Overdue"]),
        ({"invoice_date": "2026-01-01", "due_date": "2026-01-31", "interest_rate": 0}, ["Overdue"]),
    ],
)
def test_what_a_late_sending_finds_due(server: Server, terms: dict[str, Any], expected: list[str]) -> None:
    made = server.sent(**terms)
    assert [event["type"] for event in made["events"][2:]] == expected


def test_2_full(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    done = server.command(key, "credit", {"mode": "full"}).data
    assert told(server, key)[2:] == [("Credit", "Unpaid"), ("BillogramEnded", "Credited")]
    credit = done["events"][2]["data"]
    assert (credit["amount"], credit["remaining_sum"], credit["total_sum"]) == (125, 0, 125)
    assert (credit["invoice_no"], credit["delivery_method"]) == (2, "Email")
    assert credit["letter_id"] != done["events"][1]["data"]["letter_id"]
    assert (done["state"], done["remaining_sum"]) == ("Credited", 0)
    assert (done["detailed_sums"]["credited_sum"], done["detailed_sums"]["paid_sum"]) == (-125, 0)
    assert server.sent()["invoice_no"] == 3  # credit invoices take from the same series


def test_2_part_paid(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    server.command(key, "payment", {"amount": 25})
    done = server.command(key, "credit", {"mode": "full", "amount": 0, "method": "Email"}).data
    assert told(server, key)[3:] == [
        ("Credit", "PartlyPaid"),
        ("OverpaymentCustomerLiability", "PartlyPaid"),
        ("BillogramEnded", "Credited"),
    ]
    assert done["events"][3]["data"]["amount"] == 125
    assert done["events"][4]["data"] == {"amount": 25, "remaining_sum": 0, "total_sum": 125}
    assert (done["detailed_sums"]["paid_sum"], done["detailed_sums"]["credited_sum"]) == (0, -125)
    assert (done["state"], done["flags"]) == ("Credited", ["overpaid"])


def test_2_paid(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    server.command(key, "payment", {"amount": 125})
    done = server.command(key, "credit", {"mode": "full"}).data
    assert told(server, key)[4:] == [("Credit", "Paid"), ("OverpaymentCustomerLiability", "Paid")]
    assert done["events"][4]["data"]["amount"] == 125
    assert done["events"][5]["data"] == {"amount": 125, "remaining_sum": 0, "total_sum": 125}
    assert done["state"] == "Paid"
    assert (done["detailed_sums"]["paid_sum"], done["detailed_sums"]["credited_sum"]) == (0, -125)
    again = server.command(key, "credit", {"mode": "full"})
    assert again.error[0] == "INVALID_OBJECT_STATE"


def test_a_credit_that_cannot_be_sent_is_none(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    position = server.position()
    for body, message in (
        ({}, "Mode not set"),
        ({"mode": ""}, "Mode not set"),
        ({"mode": "half"}, "invalid mode"),
        ({"mode": "full", "method": "Pigeon"}, "invalid method"),
        ({"mode": "full", "method": "EDI"}, "invalid delivery method, edi electronic_id missing"),
        ({"mode": "full", "amount": "x"}, "invalid amount"),
        ({"mode": "full", "colour": 1}, "unexpected key: colour"),
    ):
        assert server.command(key, "credit", body).error[1]["message"] == message
    assert server.position() == position


def test_a_message_is_an_event(server: Server) -> None:
    key = server.draft()["id"]
    done = server.command(key, "message", {"message": "Hej å"}).data
    assert [event["type"] for event in done["events"]] == ["BillogramCreated", "CreditorMessage"]
    assert done["events"][1]["data"] == {"message": "Hej å"}
    position = server.position()
    for body, message in (
        ({}, "Message not set"),
        ({"message": ""}, "invalid message"),
        ({"message": []}, "invalid message"),
    ):
        assert server.command(key, "message", body).error[1]["message"] == message
    assert server.position() == position
