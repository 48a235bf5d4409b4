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


def test_1_late_is_reminded_the_same_day(server: Server) -> None:
    key = server.sent(invoice_date="2026-01-01", due_date="2026-01-31")["id"]
    assert server.command(key, "remind").data["remaining_sum"] == Decimal("185.87")


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


# time


def advance(server: Server, to: str) -> None:
    assert server.mock("POST", "/accounts/test/clock/advance", {"to": to}).status == 200


def since(server: Server, key: str, start: int) -> list[tuple[str, str, str]]:
    """Type, shown state and moment in UTC of each event from the `start`th on."""
    events: tuple[BillogramEvent, ...] = server.state().billograms[key].events
    return [(type(each).__name__, each.state, f"{each.mark.at:%m-%d %H:%M}") for each in events[start:]]


def test_4_respite(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    answer = server.mock("POST", f"/accounts/test/billograms/{key}/simulate/message", {"message": "Wait?"})
    assert answer.json["flags"] == ["new message", "message"]
    refused = server.command(key, "respite", {"date": "2026-04-01"})
    assert refused.error == (
        "INVALID_PARAMETER",
        {"message": "invalid date", "field": "date", "field_path": []},
    )
    given = server.command(key, "respite", {"date": "2026-04-20"}).data
    assert (given["respite_date"], given["events"][-1]["data"]) == ("2026-04-20", {"date": "2026-04-20"})
    advance(server, "2026-04-10T10:00:00+02:00")
    assert server.get(f"/billogram/{key}").data["state"] == "Unpaid"
    removed = server.command(key, "remove-respite").data
    assert (removed["state"], removed["respite_date"]) == ("Overdue", None)
    assert since(server, key, 2) == [
        ("CustomerMessage", "Unpaid", "03-02 09:00"),
        ("Respite", "Unpaid", "03-02 09:00"),
        ("RespiteRemoved", "Unpaid", "04-10 08:00"),
        ("Overdue", "Overdue", "04-10 08:00"),
    ]
    advance(server, "2026-04-11T10:00:00+02:00")
    assert since(server, key, 6) == [("InterestStarted", "Overdue", "04-10 22:05")]


def test_a_respite_that_ends_by_itself(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    server.command(key, "respite", {"date": "2026-04-20"})
    advance(server, "2026-04-20T23:59:00+02:00")
    assert len(since(server, key, 3)) == 0
    before = server.position()
    advance(server, "2026-04-21T10:00:00+02:00")
    assert since(server, key, 3) == [
        ("Overdue", "Overdue", "04-20 22:05"),
        ("InterestStarted", "Overdue", "04-20 22:05"),
    ]
    assert server.position() == before + 4  # the end of the respite is an act of its own, and the move
    shown = server.get(f"/billogram/{key}").data
    assert (shown["state"], shown["respite_date"]) == ("Overdue", "2026-04-20")


def test_5_by_hand(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    advance(server, "2026-04-02T10:00:00+02:00")
    assert since(server, key, 2) == [
        ("Overdue", "Overdue", "04-01 22:05"),
        ("InterestStarted", "Overdue", "04-01 22:05"),
    ]
    first = server.command(key, "remind", {"method": "Email", "message": "Please"}).data
    assert (first["state"], first["remaining_sum"], first["reminder_count"]) == (
        "Reminder_1",
        Decimal("185.03"),
        1,
    )
    data = first["events"][-1]["data"]
    assert (data["reminder_fee"], data["reminder_count"], data["message"]) == (60, 1, "Please")
    assert (data["invoice_no"], data["delivery_method"], data["total_sum"]) == (1, "Email", 125)
    assert server.command(key, "remind").error[0] == "INVALID_OBJECT_STATE"
    advance(server, "2026-04-03T10:00:00+02:00")
    second = server.command(key, "remind").data
    assert (second["state"], second["remaining_sum"]) == ("Reminder_2", Decimal("185.06"))
    assert second["detailed_sums"]["reminder_fee"] == 60
    for number, state in ((3, "Reminder_3"), (4, "Reminder_Many"), (5, "Reminder_Many")):
        server.mock("POST", "/accounts/test/clock/advance", {"by": "1d"})
        shown = server.command(key, "remind").data
        assert (shown["state"], shown["reminder_count"]) == (state, number)


def automatic(server: Server, **more: Any) -> str:
    steps = [{"delay_days": 5, "message": "First"}, {"delay_days": 1, "message": "Second"}]
    server.call("PUT", "/settings", {"invoices": {"automatic_reminders": steps}})
    key: str = server.sent(**BASE, **more)["id"]
    return key


def test_5_automatic(server: Server) -> None:
    key = automatic(server)
    advance(server, "2026-04-06T10:00:00+02:00")
    assert since(server, key, 4) == [("ReminderSent", "Reminder_1", "04-06 06:00")]
    shown = server.get(f"/billogram/{key}").data
    assert shown["remaining_sum"] == Decimal("185.15")
    assert shown["events"][-1]["data"]["message"] == "First"
    assert server.command(key, "remind").error[0] == "INVALID_OBJECT_STATE"
    advance(server, "2026-12-31T10:00:00+01:00")
    assert since(server, key, 5) == [("ReminderSent", "Reminder_2", "04-07 06:00")]
    assert server.get(f"/billogram/{key}").data["remaining_sum"] == Decimal("185.17")


def test_5_fees(server: Server) -> None:
    key = automatic(server)
    advance(server, "2026-04-08T10:00:00+02:00")
    paid = server.command(key, "payment", {"amount": 125}).data
    assert (paid["state"], paid["remaining_sum"]) == ("PartlyPaid", Decimal("60.17"))
    done = server.command(key, "writeoff").data
    assert (done["state"], done["remaining_sum"]) == ("Paid", 0)
    assert [name for name, _ in told(server, key)[-2:]] == ["Writeoff", "BillogramEnded"]


@pytest.mark.parametrize(
    ("more", "shown", "reminders"),
    [
        ({}, (True, []), 2),
        ({"automatic_reminders_settings": []}, (False, []), 0),
        ({"automatic_reminders": False}, (False, []), 0),
        ({"automatic_reminders_settings": [{"delay_days": 3}]}, (True, [3]), 1),
        (
            {"automatic_reminders_settings": [{"delay_days": 3}], "automatic_reminders": False},
            (False, [3]),
            0,
        ),
        ({"automatic_reminders_settings": None}, (True, []), 2),
    ],
)
def test_automatic_reminders_are_forced_on_and_off(
    server: Server, more: dict[str, Any], shown: tuple[bool, list[int]], reminders: int
) -> None:
    key = automatic(server, **more)
    made = server.get(f"/billogram/{key}").data
    steps = [step["delay_days"] for step in made["automatic_reminders_settings"]]
    assert (made["automatic_reminders"], steps) == shown
    advance(server, "2026-12-31T10:00:00+01:00")
    assert server.get(f"/billogram/{key}").data["reminder_count"] == reminders


def test_collection(server: Server) -> None:
    key = server.sent(invoice_date="2026-01-01", due_date="2026-01-31")["id"]
    done = server.command(key, "collect").data
    assert (done["state"], done["flags"]) == ("Collecting", ["has been in collection"])
    assert done["remaining_sum"] == Decimal("125.87")  # interest is claimed, the agency's own fee is not here
    advance(server, "2026-03-03T10:00:00+01:00")
    assert since(server, key, 5) == [("CollectionStatusUpdate", "Collection", "03-03 09:00")]
    path = f"/accounts/test/billograms/{key}/simulate"
    part = server.mock("POST", f"{path}/collector-payment", {"amount": 25}).json
    assert (part["state"], part["detailed_sums"]["collector_paid_sum"]) == ("Collection", -25)
    assert server.mock("POST", f"{path}/collector-payment", {"amount": 101}).status == 400
    whole = server.mock("POST", f"{path}/collector-payment", {"amount": 100.87}).json
    assert (whole["state"], whole["remaining_sum"]) == ("CollectorEnded", 0)
    assert [(name, state) for name, state, _ in since(server, key, 6)] == [
        ("CollectorPayment", "Collection"),
        ("CollectorPayment", "Collection"),
        ("CollectionEnded", "Collection"),
        ("BillogramEnded", "CollectorEnded"),
    ]
    assert server.mock("POST", f"{path}/collection-end").status == 409


def test_collection_cancelled_or_settled_elsewhere(server: Server) -> None:
    first, second = (server.sent(invoice_date="2026-01-01", due_date="2026-01-31")["id"] for _ in range(2))
    for key in (first, second):
        server.command(key, "collect")
    back = server.mock("POST", f"/accounts/test/billograms/{first}/simulate/collection-cancel").json
    assert (back["state"], back["flags"]) == ("Overdue", ["has been in collection"])
    paid = server.command(second, "payment", {"amount": "125.87"}).data
    assert (paid["state"], paid["flags"]) == ("Paid", ["has been in collection", "paid on collection"])
    assert [name for name, _, _ in since(server, second, 5)] == ["Payment", "BillogramEnded"]
