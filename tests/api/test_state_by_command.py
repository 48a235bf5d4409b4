"""Every command in every state that can be reached: its effect, or the exact refusal.

The expectations are written out from the table of behaviour 2.2, not taken from the machine.
"""

from typing import Any

import pytest

from mockserver.wire import encode
from tests.server import Server

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
INTERNAL = {
    "draft": "Unattested",
    "paid": "Ended",
    "credited": "Ended",
    "zero": "Ended",
    "lost": "Ended",
    "closed": "Ended",
    "agency": "Collection",
    "offered": "Factoring",
    "sold": "Sold",
    "back-draft": "Unattested",
}
# each command in each state that can be reached ("back": a stand-alone credit): `ok`; `-`: not in this state;
# else the fact of the object that refuses it
TABLE = """
                    draft unpaid partly overdue denied down respite agency paid credited zero lost closed offered sold back-draft back
send                ok    -      -      -       -      -    -       -      -    -        -    -    -      -       -    ok         -
sell                ok    -      -      -       -      -    -       -      -    -        -    -    -      -       -    ok         -
resend              -     ok     ok     ok      ok     ok   ok      -      -    -        -    -    -      -       -    -          ok
remind              -     due    due    ok      due    due  respite -      -    -        -    -    -      -       -    -          debit
collect             -     due    due    ok      due    due  respite -      -    -        -    -    -      -       -    -          debit
payment             -     ok     ok     ok      ok     ok   ok      ok     -    -        -    -    -      -       -    -          debit
settle-underpayment -     paid   ok     paid    paid   paid paid    -      -    -        -    -    -      -       -    -          debit
credit              -     ok     ok     ok      ok     ok   ok      -      ok   left     left left ok     -       ok   -          debit
writeoff            -     fees   fees   fees    fees   fees fees    -      -    -        -    -    -      -       -    -          debit
writedown           -     ok     ok     ok      ok     once ok      ok     -    -        -    -    -      -       -    -          debit
revert-writedown    -     down   down   down    down   ok   down    down   -    -        -    -    -      -       -    -          down
confirmed-loss      -     ok     ok     ok      ok     ok   ok      ok     -    -        -    -    -      -       -    -          debit
respite             -     ok     ok     ok      ok     ok   ok      -      -    -        -    -    -      -       -    -          debit
remove-respite      -     active active active  active active ok    -      -    -        -    -    -      -       -    -          active
message             ok    ok     ok     ok      ok     ok   ok      ok     ok   ok       ok   ok   ok     ok      ok   ok         ok
attach              ok    ok     ok     ok      ok     ok   ok      ok     ok   ok       ok   ok   ok     ok      ok   ok         ok
credit-payment      -     back   back   back    back   back back    -      -    -        -    -    -      -       -    -          ok
credit-allocate     -     ok     ok     ok      ok     ok   ok      -      -    -        -    -    -      -       -    -          debit
delete              ok    -      -      -       -      -    -       -      -    -        -    -    -      -       -    ok         -
put                 ok    ok     ok     ok      ok     ok   ok      -      -    -        -    -    -      -       -    ok         ok
"""
STATES = TABLE.split("\n")[1].split()
CELLS = [
    (line.split()[0], state, cell)
    for line in TABLE.strip().splitlines()[1:]
    for state, cell in zip(STATES, line.split()[1:], strict=True)
]
# the rules behind the words of the table
FACTS = {
    "paid": "settle-underpayment.paid",
    "left": "credit.left",
    "fees": "writeoff.principal",
    "once": "writedown.once",
    "down": "revert-writedown.written_down",
    "back": "credit-payment.on_credit",
    "active": "remove-respite.active",
}
ON_CREDIT = {  # "debit": not on a stand-alone credit
    "payment": "payment.not_on_credit",
    "credit": "credit.not_on_credit",
    "credit-allocate": "credit-allocate.on_debit",
}
PDF = "JVBERi0xLjQKJSVFT0YK"
BODIES: dict[str, Any] = {
    "send": {"method": "Email"},
    "resend": {"method": "Email"},
    "payment": {"amount": 10},
    "credit": {"mode": "full"},
    "message": {"message": "Hello"},
    "attach": {"filename": "a.pdf", "content": PDF},
    "credit-payment": {"mode": "remaining"},
    "respite": {"date": "2026-12-31"},
}
BACK = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]


def reach(server: Server, state: str, customer: int | None = None) -> str:
    """A billogram in this state."""
    more: dict[str, Any] = {} if customer is None else {"customer": {"customer_no": customer}}
    if state in ("draft", "offered", "sold", "denied"):
        made = server.draft(**more)
    elif state in ("overdue", "respite", "agency", "closed"):
        made = server.sent(invoice_date="2026-01-01", due_date="2026-01-31", **more)
    elif state == "zero":
        made = server.sent(items=[{"title": "Gift", "count": 1, "price": 0, "vat": 25}], **more)
    elif state.startswith("back"):
        made = (server.draft if state == "back-draft" else server.sent)(items=BACK, **more)
    else:
        made = server.sent(**more)
    key: str = made["id"]
    deeds: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "partly": [("payment", {"amount": 25})],
        "paid": [("payment", {"amount": 125})],
        "down": [("writedown", {})],
        "credited": [("credit", {"mode": "full"})],
        "lost": [("confirmed-loss", {})],
        "respite": [("respite", {"date": "2026-12-31"})],
        **{name: [("collect", {})] for name in ("agency", "closed")},
        **{name: [("sell", {})] for name in ("offered", "sold", "denied")},
    }
    for command, body in deeds.get(state, []):
        assert server.command(key, command, body).status == 200
    deed = {"sold": "factoring-accept", "denied": "factoring-deny", "closed": "collection-end"}.get(state)
    if deed is not None:
        assert server.mock("POST", f"/accounts/test/billograms/{key}/simulate/{deed}").status == 200
    return key


def test_the_table_is_whole() -> None:
    assert {command for command, _, _ in CELLS} == set(NAMES)
    assert len(CELLS) == len(NAMES) * len(STATES)


@pytest.mark.parametrize(("command", "state", "cell"), CELLS)
def test_each_command_in_each_state(server: Server, command: str, state: str, cell: str) -> None:
    customer = server.customer()
    source = reach(server, "back", customer)
    key = reach(server, state, customer)
    before, position = server.image(), server.position()
    if command == "delete":
        answer = server.call("DELETE", f"/billogram/{key}")
    elif command == "put":
        answer = server.call("PUT", f"/billogram/{key}", {"info": {"message": "x"}})
    elif command == "credit-allocate":
        answer = server.command(key, command, {"amount": 10, "source_id": source})
    else:
        answer = server.command(key, command, BODIES.get(command, {}))
    if cell == "ok":
        assert answer.status == 200
        assert server.position() == position + 1
        return
    if cell == "-":
        internal = INTERNAL.get(state, "Unpaid")
        expected = f"Event {NAMES[command]} not supported in state Billogram_State_{internal}"
        assert answer.error == ("INVALID_OBJECT_STATE", {"message": expected})
        assert answer.status == 400
        assert answer.headers["mock-rule"] == f"state.{command}"
    else:
        found = {
            "debit": ON_CREDIT.get(command, f"not_on_credit.{command}"),
            "due": f"not_due.{command}",
            "respite": f"respite.{command}",
        }
        rule = found.get(cell) or FACTS[cell]
        assert answer.error[0] == "INVALID_OBJECT_STATE"
        assert answer.status == 400
        assert "field" not in answer.error[1]
        assert answer.headers["mock-rule"] == rule
    assert server.position() == position
    assert encode(before) == encode(server.image())


# what is wrong in more than one way: the rule that is named is the first one of behaviour 2.2
ORDER: list[tuple[str, str, dict[str, Any], str]] = [
    # body, then state
    ("credit", "draft", {}, "required"),
    ("credit", "draft", {"mode": "half"}, "state.credit"),
    ("credit", "paid", {"mode": "full", "x": 1}, "body.unknown"),
    ("attach", "draft", {"filename": "a.pdf"}, "required"),
    ("attach", "draft", {"filename": "", "content": "x"}, "required"),
    ("credit-allocate", "paid", {"amount": 1}, "required"),
    ("credit-payment", "draft", {"mode": "?"}, "state.credit-payment"),
    # facts, then values
    ("credit", "back", {"mode": "half"}, "credit.not_on_credit"),
    ("credit", "credited", {"mode": "half", "method": "Pigeon"}, "credit.left"),
    ("credit", "unpaid", {"mode": "half", "method": "Pigeon"}, "credit.mode"),
    ("credit", "unpaid", {"mode": "amount", "amount": 126, "method": "Pigeon"}, "credit.amount"),
    ("credit", "unpaid", {"mode": "amount", "amount": 12, "method": "Pigeon"}, "delivery.method"),
    ("credit", "unpaid", {"mode": "items", "method": "Pigeon"}, "required"),
    ("credit", "paid", {"mode": "remaining", "method": "Pigeon"}, "credit.left"),
    ("credit", "paid", {"mode": "principal"}, "credit.left"),
    ("payment", "back", {"amount": -1}, "payment.not_on_credit"),
    ("credit-payment", "unpaid", {"mode": "?"}, "credit-payment.on_credit"),
    ("credit-payment", "back", {"mode": "?", "amount": -1}, "credit-payment.mode"),
    ("credit-payment", "back", {"mode": "amount"}, "required"),
    ("credit-payment", "back", {"mode": "amount", "amount": 126}, "credit-payment.amount"),
    ("credit-allocate", "back", {"amount": -1, "source_id": "none"}, "credit-allocate.on_debit"),
    ("credit-allocate", "unpaid", {"amount": 0, "source_id": "none"}, "credit-allocate.amount"),
    ("credit-allocate", "unpaid", {"amount": 999, "source_id": "none"}, "credit-allocate.source_id"),
    ("attach", "draft", {"filename": "a", "content": "JVBERi0x!"}, "attachment.content"),
    ("attach", "draft", {"filename": "a", "content": "AAAA"}, "attachment.content"),
    ("send", "draft", {"method": "Pigeon"}, "delivery.method"),
    ("resend", "unpaid", {"method": "EDI"}, "delivery.data"),
    ("remind", "back", {"method": "Pigeon"}, "not_on_credit.remind"),
    ("remind", "unpaid", {"method": "Pigeon"}, "not_due.remind"),
    ("remind", "respite", {"method": "Pigeon"}, "respite.remind"),
    ("remind", "overdue", {"method": "Pigeon"}, "remind.method"),
    ("remind", "overdue", {"method": "Email+Letter"}, "remind.method"),
    ("remind", "draft", {"method": "Email"}, "state.remind"),
    ("remind", "draft", {"method": 5, "x": 1}, "body.unknown"),
    ("respite", "back", {"date": "2020-01-01"}, "not_on_credit.respite"),
    ("respite", "unpaid", {"date": "2026-04-01"}, "respite.date"),
    ("respite", "overdue", {"date": "2026-03-02"}, "respite.date"),
    ("respite", "unpaid", {"date": "soon"}, "body.value"),
    ("respite", "unpaid", {}, "required"),
    ("respite", "paid", {}, "required"),
]


@pytest.mark.parametrize(("command", "state", "body", "rule"), ORDER)
def test_the_first_thing_that_is_wrong_is_named(
    server: Server, command: str, state: str, body: dict[str, Any], rule: str
) -> None:
    key = reach(server, state)
    position = server.position()
    answer = server.command(key, command, body)
    assert answer.headers["mock-rule"] == rule
    assert answer.status == 400
    assert server.position() == position


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


def test_the_path_and_the_json_come_first(server: Server) -> None:
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
