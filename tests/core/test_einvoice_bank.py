"""What banks report of e-invoices: callbacks by market, the nightly file (behaviour 7.4, webhooks 8)."""

import base64
import json
from typing import Any

import pytest

from tests.server import ACCOUNT, NO_BODY, Server

A = f"/accounts/{ACCOUNT}"
HIM = f"{A}/customers/1/simulate"


def ready(server: Server, market: str | None = None) -> None:
    """An account with one customer, and the built-in receiver."""
    body: dict[str, Any] = {"id": ACCOUNT, "key": "secret", "callbacks": {"url": "mock:inbox"}}
    assert server.mock("POST", "/accounts", body | ({"market": market} if market else {})).status == 201
    server.customer(name="Test Recipient", org_no="DDMMYYCZZZQ")


def simulate(server: Server, what: str, body: Any = NO_BODY, number: str = "1") -> Any:
    return server.mock("POST", f"{A}/customers/{number}/simulate/{what}", body)


def received(server: Server) -> list[dict[str, Any]]:
    """The callbacks in order, without what every one of them has."""
    server.mock("POST", f"{A}/deliveries/wait", {"idle": True})
    found = []
    for each in server.mock("GET", f"{A}/inbox").json:
        body = json.loads(each["body"])
        body.pop("callback_id")
        found.append(body)
    return found


def test_a_mismatch_in_finland(server: Server) -> None:
    ready(server, "Finland")
    before = server.get("/customer/1").data
    assert simulate(server, "einvoice-mismatch", {"personal_identification_number": "456"}).status == 200
    assert simulate(server, "einvoice-mismatch", {"operation": "DELETE"}).status == 200
    assert server.get("/customer/1").data == before
    first, second = received(server)
    assert first == {
        "callback_timestamp": "2026-03-02T09:00:00.000000Z",
        "callback_type": "EinvoiceRegistrationIdentificationMismatch",
        "recipient_information": {
            "customer_number": "1",
            "operation": "ADD",
            "existing_personal_identification_number": "DDMMYYCZZZQ",
            "new_personal_identification_number": "456",
        },
    }
    assert second["recipient_information"]["operation"] == "DELETE"
    assert second["recipient_information"]["new_personal_identification_number"] == "DDMMYYCZZZQ"


def test_nobody_found_in_finland(server: Server) -> None:
    ready(server, "Finland")
    answer = simulate(server, "einvoice-not-found", number="999")
    assert (answer.status, answer.json) == (200, {"customer_number": "999"})
    assert simulate(server, "einvoice-not-found", {"operation": "CHANGE"}, number="abc").status == 200
    first, second = received(server)
    assert first == {
        "callback_timestamp": "2026-03-02T09:00:00.000000Z",
        "callback_type": "EinvoiceRegistrationRecipientNotFound",
        "recipient_information": {
            "customer_number": "999",
            "operation": "ADD",
            "personal_identification_number": "DDMMYYCZZZQ",
            "electronic_invoicing_address": "FI0000000000000001",
        },
    }
    assert second["recipient_information"]["customer_number"] == "abc"


REFUSED = [
    (None, "einvoice-mismatch", "1", 409),
    ("Norway", "einvoice-mismatch", "1", 409),
    ("Italy", "einvoice-not-found", "999", 409),
    (None, "einvoice-not-found", "999", 409),
    ("Finland", "einvoice-not-found", "1", 409),
    ("Finland", "einvoice-mismatch", "999", 404),
]


@pytest.mark.parametrize(("market", "what", "number", "status"), REFUSED)
def test_what_banks_do_not_report(
    server: Server, market: str | None, what: str, number: str, status: int
) -> None:
    ready(server, market)
    before = server.position()
    assert simulate(server, what, number=number).status == status
    assert server.position() == before


def advance(server: Server, **to: str) -> list[dict[str, Any]]:
    moved: list[dict[str, Any]] = server.mock("POST", f"{A}/clock/advance", to).json["happened"]
    return moved


def test_the_nightly_file(server: Server) -> None:
    ready(server)
    advance(server, to="2026-03-06T14:05:20+01:00")
    bill = server.sent(customer={"customer_no": 1})
    identifier = {"identifier": "190000000000.SHB.SE"}
    assert simulate(server, "einvoice-register", identifier).status == 200
    (entry,) = [each for each in server.mock("GET", f"{A}/agenda").json if each["rule"] == "e-invoice file"]
    assert entry == {
        "at": "2026-03-07T02:00:00+01:00",
        "rule": "e-invoice file",
        "billogram": None,
        "reason": "the file of the e-invoice registrations of 2026-03-06 is forwarded the night after",
    }
    advance(server, to="2026-03-07T01:00:00+01:00")
    simulate(server, "einvoice-deregister")  # it is in the file of the next night
    advance(server, to="2026-03-08T03:00:00+01:00")
    advance(server, to="2026-03-10T03:00:00+01:00")
    registrations = [each for each in received(server) if each["callback_type"] == "EfakturaRegistration"]
    assert [each["efaktura_registration"]["registration_type"] for each in registrations] == [
        "Registration",
        "Deregistration",
        "ForwardedEfakturaRegistration",
        "ForwardedEfakturaRegistration",
    ]
    assert [each["callback_timestamp"] for each in registrations[2:]] == [
        "2026-03-07T01:00:00.000000Z",
        "2026-03-08T01:00:00.000000Z",
    ]
    shown = registrations[2]["efaktura_registration"]
    name, content = shown.pop("file_name"), base64.b64decode(shown.pop("file_contents"))
    assert name[:23] == "ANMALAN_20260307020000_"
    assert (len(name), name[-4:]) == (len("ANMALAN_20260307020000_14926164417564.TXT"), ".TXT")
    mail = "contact@example.com"
    assert content.decode("latin-1") == (
        f"140520;Registration;190000000000.SHB.SE;{bill['ocr_number']};1;Test Recipient;{mail}\r\n"
    )
    assert shown == dict.fromkeys(
        (
            *("fmi", "bank_name", "bank_code", "id_number", "recipient_type", "ocr"),
            *("billogram_customer_number", "customer_supplied_billogram_customer_no"),
            *("full_name", "email"),
        )
    ) | {"registration_type": "ForwardedEfakturaRegistration"}
    later = base64.b64decode(registrations[3]["efaktura_registration"]["file_contents"])
    assert later.startswith(b"010000;Deregistration;")


def test_the_night_that_has_no_two_o_clock(server: Server) -> None:
    ready(server)
    advance(server, to="2026-03-28T12:00:00+01:00")
    simulate(server, "einvoice-register")
    advance(server, to="2026-03-29T12:00:00+02:00")
    *_, last = received(server)
    assert last["callback_timestamp"] == "2026-03-29T01:00:00.000000Z"
    assert last["efaktura_registration"]["file_name"].startswith("ANMALAN_20260329030000_")


def test_a_text_can_not_break_the_file(server: Server) -> None:
    ready(server)
    simulate(server, "einvoice-register", {"full_name": "A;B\r\nC \u2713 Å", "email": "a@b.se"})
    advance(server, by="1d")
    *_, last = received(server)
    content = base64.b64decode(last["efaktura_registration"]["file_contents"])
    assert content == "100000;Registration;190000000000.SHB.SE;;1;A B  C ? Å;a@b.se\r\n".encode("latin-1")


def test_a_deregistration_refuses_e_invoices(server: Server) -> None:
    ready(server)
    simulate(server, "einvoice-register")
    bill = server.draft(customer={"customer_no": 1})
    once = {"command": "send", "method": "Einvoice"}
    assert (
        server.post(
            "/billogram", {"customer": {"customer_no": 1}, "items": bill["items"], "on_success": once}
        ).status
        == 200
    )
    simulate(server, "einvoice-deregister")
    refused = server.command(bill["id"], "send", {"method": "Einvoice"})
    assert refused.error[0] == "INVALID_PARAMETER"
    server.command(bill["id"], "send", {"method": "Email"})
    assert server.command(bill["id"], "resend", {"method": "Einvoice"}).error[0] == "INVALID_PARAMETER"
    assert simulate(server, "einvoice-deregister").status == 409
    assert server.get("/customer/1/einvoice").status == 404
