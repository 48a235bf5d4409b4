"""Every command in every state that can be reached: its effect, the exact refusal, or 501.

The expectations are written out from the table of behaviour 2.2, not taken from the machine.
"""

from typing import Any

import pytest

from mockserver.wire import encode
from tests.server import Server

# from which internal states each command may be given (behaviour 2.2)
ALLOWED = {
    "send": {"Unattested"},
    "sell": {"Unattested"},
    "resend": {"Unpaid"},
    "remind": {"Unpaid"},
    "collect": {"Unpaid"},
    "payment": {"Unpaid"},
    "settle-underpayment": {"Unpaid"},
    "credit": {"Unpaid", "Ended"},
    "writeoff": {"Unpaid"},
    "writedown": {"Unpaid"},
    "revert-writedown": {"Unpaid"},
    "confirmed-loss": {"Unpaid"},
    "respite": {"Unpaid"},
    "remove-respite": {"Unpaid"},
    "message": {"Unattested", "Unpaid", "Ended"},
    "attach": {"Unattested", "Unpaid", "Ended"},
    "credit-payment": {"Unpaid"},
    "credit-allocate": {"Unpaid"},
    "delete": {"Unattested"},
    "put": {"Unattested", "Unpaid"},
}
NAMES = {
    "send": "Send",
    "sell": "Sell",
    "resend": "Resend",
    "remind": "Remind",
    "collect": "Collect",
    "payment": "Payment",
    "settle-underpayment": "SettleUnderpayment",
    "credit": "Credit",
    "writeoff": "Writeoff",
    "writedown": "Writedown",
    "revert-writedown": "RevertWritedown",
    "confirmed-loss": "ConfirmedLoss",
    "respite": "Respite",
    "remove-respite": "RemoveRespite",
    "message": "Message",
    "attach": "Attach",
    "credit-payment": "CreditPayment",
    "credit-allocate": "CreditAllocate",
    "delete": "Delete",
    "put": "Update",
}
BUILT = {"send", "payment", "delete", "credit", "message", "put"}
STATES = ("draft", "unpaid", "partly paid", "overdue", "paid", "zero", "credit")
INTERNAL = {"draft": "Unattested", "paid": "Ended", "zero": "Ended"}
BODIES: dict[str, Any] = {
    "send": {"method": "Email"},
    "payment": {"amount": 10},
    "credit": {"mode": "full"},
    "message": {"message": "Hello"},
}
# facts of the object that refuse what its state allows
FACTS = {
    ("payment", "credit"): "payment.not_on_credit",
    ("credit", "credit"): "credit.not_on_credit",
    ("credit", "zero"): "credit.left",
}


def reach(server: Server, state: str) -> str:
    """A billogram in this state."""
    if state == "draft":
        made = server.draft()
    elif state == "overdue":
        made = server.sent(invoice_date="2026-01-01", due_date="2026-01-31")
    elif state == "zero":
        made = server.sent(items=[{"title": "Gift", "count": 1, "price": 0, "vat": 25}])
    elif state == "credit":
        made = server.sent(items=[{"title": "Back", "count": -1, "price": 100, "vat": 25}])
    else:
        made = server.sent()
        if state != "unpaid":
            server.command(made["id"], "payment", {"amount": 125 if state == "paid" else 25})
    key: str = made["id"]
    return key


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", sorted(ALLOWED))
def test_each_command_in_each_state(server: Server, command: str, state: str) -> None:
    key = reach(server, state)
    before, position = server.image(), server.position()
    if command == "delete":
        answer = server.call("DELETE", f"/billogram/{key}")
    elif command == "put":
        answer = server.call("PUT", f"/billogram/{key}", {"info": {"message": "x"}})
    else:
        answer = server.command(key, command, BODIES.get(command, {}))
    internal = INTERNAL.get(state, "Unpaid")
    if internal not in ALLOWED[command]:
        expected = f"Event {NAMES[command]} not supported in state Billogram_State_{internal}"
        assert answer.error == ("INVALID_OBJECT_STATE", {"message": expected})
        assert answer.status == 400
        assert answer.headers["mock-rule"] == f"state.{command}"
    elif command not in BUILT:
        assert answer.status == 501
        identifier, data = answer.error
        assert identifier == "INTERNAL_ERROR"
        assert data["message"].startswith("not emulated yet: ")
    elif (command, state) in FACTS:
        assert answer.error[0] == "INVALID_OBJECT_STATE"
        assert answer.headers["mock-rule"] == FACTS[command, state]
    elif command == "put" and internal == "Unpaid":
        assert answer.status == 501  # a real change of a sent one
    else:
        assert answer.status == 200
        assert server.position() == position + 1
        return
    assert server.position() == position
    assert encode(before) == encode(server.image())


def test_a_deleted_one_is_found_by_nothing(server: Server) -> None:
    key = reach(server, "draft")
    server.call("DELETE", f"/billogram/{key}")
    position = server.position()
    for command in NAMES:
        answer = (
            server.command(key, command)
            if command not in ("delete", "put")
            else server.get(f"/billogram/{key}")
        )
        if command in ("delete", "put"):
            answer = server.call(command.upper(), f"/billogram/{key}", {} if command == "put" else b"")
        assert answer.error == ("NOT_FOUND", {"message": f"object not found with id={key}"})
    assert server.get("/billogram?page=1&page_size=10").json["meta"]["total_count"] == 0
    assert server.position() == position


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/logotype"),
        ("POST", "/coverphoto"),
        ("GET", "/payment_source?customer_no=1"),
        ("POST", "/sepa_dd_mandate/migrate"),
        ("GET", "/offer?type=sale"),
        ("GET", "/customer/1/einvoice"),
        ("GET", "/customer/1/billing-tab"),
        ("DELETE", "/customer/1/billing-tab/settings"),
    ],
)
def test_what_is_known_and_not_built_says_so(server: Server, method: str, path: str) -> None:
    server.customer()
    answer = server.call(method, path)
    assert answer.status == 501
    assert answer.error[0] == "INTERNAL_ERROR"
    assert answer.error[1]["message"].startswith(f"not emulated yet: {method} /")


def test_501_stands_after_path_and_json(server: Server) -> None:
    assert server.call("PUT", "/customer/7", {}).error[0] == "NOT_FOUND"
    assert server.call("POST", "/offer", b"{").error[1] == {"message": "invalid JSON"}
    key = server.draft()["id"]
    assert server.command(key, "attach", b"{").error[1] == {"message": "invalid JSON"}
    assert server.command(key, "fly").error == ("NOT_FOUND", {"message": "no such command: fly"})


def test_the_body_of_a_command_is_looked_at_before_its_state(server: Server) -> None:
    key = reach(server, "paid")
    assert server.command(key, "payment", {"amount": 10, "x": 1}).error[0] == "UNKNOWN_PARAMETER"
    assert server.command(key, "payment", {}).error[1]["message"] == "Amount not set"
    assert server.command(key, "payment", {"amount": "ten"}).error[1]["message"] == "invalid amount"
    assert server.command(key, "payment", {"amount": 10}).error[0] == "INVALID_OBJECT_STATE"


@pytest.mark.parametrize("amount", [0, -1, 126, "125.01", 1e15])
def test_a_payment_is_more_than_nothing_and_at_most_what_remains(server: Server, amount: Any) -> None:
    key = reach(server, "unpaid")
    position = server.position()
    answer = server.command(key, "payment", {"amount": amount})
    assert answer.error == (
        "INVALID_PARAMETER",
        {"message": "invalid amount", "field": "amount", "field_path": []},
    )
    assert server.position() == position


@pytest.mark.parametrize(
    ("method", "customer", "message"),
    [
        ("Pigeon", {}, "invalid method"),
        ("Email", {"contact": {}}, "invalid delivery method, email missing"),
        ("SMS+Letter", {"contact": {}}, "invalid delivery method, phone missing"),
        ("Letter", {"address": {"city": "X"}}, "invalid delivery method, address missing"),
        (
            "Letter",
            {"delivery_address": {"street_address": "Only"}},
            "invalid delivery method, address missing",
        ),
        ("Einvoice", {}, "invalid delivery method, e-invoice registration missing"),
        ("Efaktura", {}, "invalid delivery method, e-invoice registration missing"),
        ("EDI", {}, "invalid delivery method, edi electronic_id missing"),
    ],
)
def test_a_method_needs_its_data(server: Server, method: str, customer: dict[str, Any], message: str) -> None:
    number = server.customer(**customer)
    key = server.draft(customer={"customer_no": number})["id"]
    position = server.position()
    answer = server.command(key, "send", {"method": method})
    assert answer.status == 400
    assert answer.error[1]["message"] == message
    assert answer.error[1].get("field") == ("method" if method == "Pigeon" else None)
    assert server.position() == position


def test_without_a_method_the_drafts_own_counts(server: Server) -> None:
    for body in (None, {}, {"method": ""}, {"method": None}):
        key = server.draft()["id"]
        assert server.command(key, "send", body).data["delivery_method"] == "Letter"


@pytest.mark.parametrize(
    ("method", "contact", "event", "data"),
    [
        (
            "Email",
            {"email": "bounce@example.com"},
            "DeliveryFailed",
            {"customer_email": "bounce@example.com"},
        ),
        (
            "Email+Letter",
            {"email": "a+bounce@example.com"},
            "DeliveryFailed",
            {"customer_email": "a+bounce@example.com"},
        ),
        ("SMS", {"phone": "0700000000"}, "DeliverySmsFailed", {"customer_phone": "0700000000"}),
    ],
)
def test_addresses_that_cannot_be_reached(
    server: Server, method: str, contact: dict[str, str], event: str, data: dict[str, str]
) -> None:
    number = server.customer(contact=contact)
    made = server.draft(customer={"customer_no": number}, on_success={"command": "send", "method": method})
    assert [each["type"] for each in made["events"]] == ["BillogramCreated", "BillogramSent", event]
    assert made["events"][2]["data"] == data
    assert made["flags"] == ["delivery failed"]
