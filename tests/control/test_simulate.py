"""What recipients, postmen and buyers of claims do (reference: control 1, behaviour 2.2, 4.2, 10)."""

from typing import Any

import pytest

from tests.api.test_delivery import (
    BOUNCE,
    ROW,
    STREET,
    advance,
    agenda,
    followed,
    happened,
    last,
    offered,
    show,
    simulate,
    types,
    with_all_but,
)
from tests.server import ACCOUNT, KEY, Server

# the recipient


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        *(("Email", "Email"), ("Email+Letter", "Email"), ("SMS", "SMS"), ("SMS+Letter", "SMS")),
        *(("Letter", "Letter"), ("EDI", "EDI"), ("Einvoice", "Einvoice"), ("Efaktura", "Einvoice")),
        ("DoNotNotify", None),
    ],
)
def test_a_view_is_told_once_with_the_last_method(server: Server, method: str, kind: str | None) -> None:
    key = with_all_but(server)
    server.command(key, "send", {"method": method})
    shown = happened(server, key, "view")
    assert last(shown) == ("DeliveryAccepted", {"customer_email": "a@example.com", "ip": None, "type": kind})
    assert (shown["state"], shown["remaining_sum"]) == ("Unpaid", 125)
    position = server.position()
    assert happened(server, key, "view") == shown
    assert server.position() == position
    assert server.fold().image() == server.image()


def test_the_last_method_is_that_of_the_last_document(server: Server) -> None:
    key = followed(server, "Email")
    server.command(key, "resend", {"method": "SMS"})
    assert last(happened(server, key, "view"))[1]["type"] == "SMS"
    key = followed(server, "SMS+Letter")
    advance(server, "48h")
    assert last(happened(server, key, "view"))[1]["type"] == "Letter"
    key = followed(server, "Email")
    server.command(key, "credit", {"mode": "full", "method": "Letter"})
    shown = happened(server, key, "view")
    assert (last(shown)[1]["type"], shown["state"]) == ("Letter", "Credited")


def test_a_failure_by_the_last_method(server: Server) -> None:
    key = with_all_but(server)
    server.command(key, "send", {"method": "Email"})
    expected = {
        "Email": ("DeliveryFailed", {"customer_email": "a@example.com"}),
        "SMS": ("DeliverySmsFailed", {"customer_phone": "0700000001"}),
        "Einvoice": ("EfakturaFailed", "190000000000.SBF.SE"),
        "EDI": ("EfakturaFailed", None),
    }
    for method, (name, data) in expected.items():
        assert server.command(key, "resend", {"method": method}).data["flags"] == []
        shown = happened(server, key, "delivery-failure")
        told = last(shown)[1]
        assert last(shown)[0] == name
        assert (told if isinstance(data, dict) else told["recipient_identifier"]) == data
        assert (shown["flags"], shown["state"]) == (["delivery failed"], "Unpaid")
    server.command(key, "resend", {"method": "Letter"})
    answer = simulate(server, key, "delivery-failure")
    assert (answer.status, answer.json["error"]["code"]) == (409, "rule")
    assert "Letter" in answer.json["error"]["message"]
    assert server.fold().image() == server.image()


def test_the_address_of_the_recipient_is_in_the_events(server: Server) -> None:
    key = followed(server, "Email")
    shown = happened(server, key, "view", ip="192.0.2.10")
    assert last(shown)[1] == {"customer_email": "a@example.com", "ip": "192.0.2.10", "type": "Email"}
    shown = happened(server, key, "message", message="?", ip="2001:db8::1")
    assert last(shown) == ("CustomerMessage", {"message": "?", "ip": "2001:db8::1"})
    assert server.fold().image() == server.image()


def test_each_view_clears_a_failed_delivery(server: Server) -> None:
    key = followed(server, "Email")
    assert happened(server, key, "delivery-failure")["flags"] == ["delivery failed"]
    assert happened(server, key, "view")["flags"] == []
    assert happened(server, key, "delivery-failure")["flags"] == ["delivery failed"]
    before = types(show(server, key))
    shown = happened(server, key, "view")
    assert (shown["flags"], types(shown)) == ([], before)
    position = server.position()
    happened(server, key, "view")
    assert server.position() == position
    assert server.fold().image() == server.image()


@pytest.mark.parametrize("unpaid_too", [True, False])
def test_automatic_payment_of_what_is_unpaid_is_asked_for(server: Server, unpaid_too: bool) -> None:
    key = server.sent()["id"]
    customer = show(server, key)["customer"]["customer_no"]
    path = f"/accounts/{ACCOUNT}/customers/{customer}/simulate/enable-recurring"
    body = {"type": "autogiro", "unpaid_too": unpaid_too}
    assert server.mock("POST", path, body).status == 200
    shown = show(server, key)
    assert types(shown)[2:] == ["RecurringPaymentEnabled", *(["PaymentScheduled"] if unpaid_too else [])]
    assert "pay via autogiro" in shown["flags"]
    later = server.sent(customer={"customer_no": customer})
    assert types(later)[-1] == "PaymentScheduled"
    assert server.fold().image() == server.image()


# sales


def test_a_sale_that_is_accepted(server: Server) -> None:
    key = offered(server)
    before = show(server, key)
    assert (before["state"], before["invoice_no"]) == ("Factoring", None)
    shown = happened(server, key, "factoring-accept")
    assert types(shown) == ["BillogramCreated", "FactoringRequest", "BillogramSold"]
    name, data = last(shown)
    asked = shown["events"][1]["data"]
    assert (name, data["sold_for"]) == ("BillogramSold", 125)
    assert data["factoring_reference"] == asked["factoring_reference"]
    assert (shown["state"], shown["flags"], shown["invoice_no"]) == ("Sold", ["has been sold"], 1)
    assert shown["ocr_number"] == before["ocr_number"]
    assert len(before["ocr_number"]) == 9
    assert agenda(server) == []
    assert server.command(key, "payment", {"amount": 1}).error[0] == "INVALID_OBJECT_STATE"
    assert simulate(server, key, "factoring-accept").status == 409
    assert server.fold().image() == server.image()


def test_a_sale_that_is_refused(server: Server) -> None:
    key = offered(server, email="a@example.com", address=STREET)
    before = show(server, key)
    shown = happened(server, key, "factoring-deny")
    assert types(shown) == ["BillogramCreated", "FactoringRequest", "FactoringDenied"]
    assert (shown["state"], shown["flags"]) == ("FactoringDenied", ["factoring denied"])
    assert (shown["invoice_no"], shown["ocr_number"]) == (1, before["ocr_number"])
    assert agenda(server)[0][1] == "overdue"
    assert (shown["delivery_method"], server.state().billograms[key].documents[-1].method) == ("Letter",) * 2
    again = server.command(key, "resend", {"method": "Email+Letter"}).data
    assert last(again)[1]["invoice_no"] == 1
    paid = server.command(key, "payment", {"amount": 125}).data
    assert (paid["state"], paid["flags"]) == ("Paid", ["factoring denied"])
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("more", "follows", "state", "method"),
    [
        ({"address": STREET}, [], "FactoringDenied", "Letter"),
        ({"email": BOUNCE}, [], "FactoringDenied", "DoNotNotify"),
        (
            {"invoice_date": "2026-01-01", "due_date": "2026-01-31"},
            ["Overdue", "InterestStarted"],
            "Overdue",
            "DoNotNotify",
        ),
        ({"items": [{**ROW, "price": 0}]}, ["BillogramEnded"], "Ended", "DoNotNotify"),
    ],
    ids=["a letter", "no address", "late", "nothing to pay"],
)
def test_what_follows_a_refused_sale_at_once(
    server: Server, more: dict[str, Any], follows: list[str], state: str, method: str
) -> None:
    key = offered(server, **more)
    shown = happened(server, key, "factoring-deny")
    assert types(shown)[2:] == ["FactoringDenied", *follows]
    assert (shown["state"], shown["flags"]) == (state, ["factoring denied"])
    assert server.state().billograms[key].documents[-1].method == method


def test_the_states_that_callbacks_of_a_sale_show(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": {"url": "mock:inbox"}})
    for what in ("factoring-accept", "factoring-deny"):
        happened(server, offered(server), what)
    server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/wait", {"idle": True})
    told = [each["json"] for each in server.mock("GET", f"/accounts/{ACCOUNT}/inbox").json]
    assert [(each["event"]["type"], each["billogram"]["state"]) for each in told] == [
        *(("BillogramCreated", "Unattested"), ("FactoringRequest", "Factoring"), ("BillogramSold", "Sold")),
        *(("BillogramCreated", "Unattested"), ("FactoringRequest", "Factoring")),
        ("FactoringDenied", "FactoringDenied"),
    ]
