"""Events that nothing else causes (reference: behaviour 7.5)."""

from typing import Any

import pytest

from mockserver.core.other_events import TYPES
from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"


def write(server: Server, key: str, body: Any) -> Any:
    return server.mock("POST", f"{A}/billograms/{key}/simulate/event", body)


GIVEN: dict[str, dict[str, Any]] = {
    "NewInvoicePDF": {"invoice_no": 1001, "letter_id": "hTq2mXc9RkzW4vGpL7yJdAuQ3fHs6CnE"},
    "EfakturaFailed": {
        "bankgiro": "0000-0000",
        "recipient_identifier": "190000000000.SHB.SE",
        "error_status": "rejected",
    },
    "PaymentUserUpdated": {
        "payment_type": "AUTOGIRO",
        "payment_amount": 125,
        "payment_date": "2026-04-01",
        "payment_update_reason": "user",
    },
    "RecurringPaymentUpdated": {"recurring_type": "autogiro"},
    "FactoringCreditRequest": {"factoring_reference": "F-1001", "amount": 125},
    "FactoringCreditRequestDenied": {"factoring_reference": "F-1001", "message": "too late"},
}


def test_every_type_is_tried() -> None:
    assert GIVEN.keys() == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_an_event_as_it_is_given(server: Server, name: str) -> None:
    before = server.sent()
    shown = write(server, before["id"], {"type": name, "data": GIVEN[name]}).json
    event = shown["events"][-1]
    assert (event["type"], event["data"]) == (name, GIVEN[name])
    flags = ["delivery failed"] if name == "EfakturaFailed" else []
    assert shown["flags"] == before["flags"] + flags
    same = ("state", "total_sum", "remaining_sum", "detailed_sums")
    assert [shown[each] for each in same] == [before[each] for each in same]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("EfakturaFailed", {"bankgiro": None, "recipient_identifier": None, "error_status": None}),
        ("RecurringPaymentUpdated", {"recurring_type": None}),
        ("FactoringCreditRequest", {"factoring_reference": None, "amount": 125}),
        ("FactoringCreditRequestDenied", {"factoring_reference": None, "message": None}),
        (
            "PaymentUserUpdated",
            dict.fromkeys(("payment_type", "payment_amount", "payment_date", "payment_update_reason")),
        ),
    ],
)
def test_what_is_left_out_is_filled(server: Server, name: str, data: Any) -> None:
    shown = write(server, server.sent()["id"], {"type": name}).json
    assert shown["events"][-1]["data"] == data


def test_what_is_known_is_filled_in(server: Server) -> None:
    server.call("PUT", "/settings", {"payment": {"bankgiro": "123-4567"}})
    number = server.customer()
    server.mock("POST", f"{A}/customers/{number}/simulate/einvoice-register")
    server.mock("POST", f"{A}/customers/{number}/simulate/enable-recurring", {"type": "autogiro"})
    key = server.sent(customer={"customer_no": number})["id"]
    server.command(key, "credit", {"mode": "amount", "amount": 25, "method": "Email"})
    server.command(key, "resend", {"method": "Email"})

    def data(name: str) -> Any:
        return write(server, key, {"type": name}).json["events"][-1]["data"]

    billogram = server.get(f"/billogram/{key}").data
    credit = next(each["data"] for each in billogram["events"] if each["type"] == "Credit")
    assert data("NewInvoicePDF") == {name: credit[name] for name in ("invoice_no", "letter_id")}
    assert data("EfakturaFailed") == {
        "bankgiro": "123-4567",
        "recipient_identifier": "190000000000.SHB.SE",
        "error_status": None,
    }
    assert data("RecurringPaymentUpdated") == {"recurring_type": "autogiro"}
    assert data("PaymentUserUpdated") == {
        "payment_type": "AUTOGIRO",
        "payment_amount": 100,
        "payment_date": "2026-04-01",
        "payment_update_reason": None,
    }
    assert data("NewInvoicePDF") == data("NewInvoicePDF")


REFUSED = [
    ({"type": "Payment"}, 400, "type"),
    ({}, 400, "type"),
    ({"type": "NewInvoicePDF", "data": {"amount": 1}}, 400, "amount"),
    ({"type": "NewInvoicePDF", "data": {"invoice_no": "x"}}, 400, "invoice_no"),
    ({"type": "PaymentUserUpdated", "data": {"payment_date": "soon"}}, 400, "payment_date"),
    ({"type": "NewInvoicePDF", "data": []}, 400, "data"),
]


@pytest.mark.parametrize(("body", "status", "named"), REFUSED)
def test_what_is_refused(server: Server, body: Any, status: int, named: str) -> None:
    key = server.sent()["id"]
    before = server.position()
    answer = write(server, key, body)
    assert answer.status == status
    assert named in answer.json["error"]["message"]
    assert server.position() == before


def test_a_draft_has_no_such_event(server: Server) -> None:
    answer = write(server, server.draft()["id"], {"type": "NewInvoicePDF"})
    assert (answer.status, answer.json["error"]["code"]) == (409, "rule")
