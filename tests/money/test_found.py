"""What the machine has found: each story as small as it can be, with the rule that it broke."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct

from tests.server import ACCOUNT, Server


def _bounces(server: Server) -> str:
    number = server.customer(contact={"email": "contact+bounce@example.com"})
    nothing = [{"title": "Nothing", "count": 1, "price": 0, "vat": 25}]
    key: str = server.sent(customer={"customer_no": number}, items=nothing)["id"]
    return key


def _partly_lost(server: Server) -> str:
    key: str = server.sent()["id"]
    server.command(key, "payment", {"amount": 50})
    server.command(key, "confirmed-loss")
    return key


def _lost_principal(server: Server) -> str:
    key = _partly_lost(server)
    answer = server.command(key, "credit", {"mode": "principal"})
    assert answer.error == ("INVALID_OBJECT_STATE", {"message": "nothing is left to credit"})
    return key


def _credited_after_a_loss(server: Server) -> str:
    key = _partly_lost(server)
    server.command(key, "credit", {"mode": "full"})
    return key


def _credited_with_a_discount(server: Server) -> str:
    row = {"title": "Row", "price": 1, "vat": 0}
    key: str = server.sent(items=[row | {"count": 3, "discount": Decimal("0.025")}], currency="EUR")["id"]
    server.command(key, "credit", {"mode": "items", "items": [row | {"count": -3}]})
    return key


def _open_again_after_a_loss(server: Server) -> str:
    key: str = server.sent(currency="EUR")["id"]
    bank = f"/accounts/{ACCOUNT}/payments"
    money = {"amount": 50, "billogram": key, "scheme": "SEPA_DIRECT_DEBIT"}
    payment = server.mock("POST", bank, money).json["id"]
    server.command(key, "settle-underpayment")
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "31d"})
    server.mock("POST", f"{bank}/{payment}/recall", {"type": "refund"})
    server.command(key, "remind")
    server.command(key, "payment", {"amount": 50})
    assert server.command(key, "writeoff").status == 200  # only fees remain
    return key


def _open_again_partly_paid(server: Server) -> str:
    key: str = server.sent(currency="EUR")["id"]
    bank = f"/accounts/{ACCOUNT}/payments"
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "32d"})
    money = {"billogram": key, "scheme": "SEPA_DIRECT_DEBIT"}
    payment = server.mock("POST", bank, money | {"amount": 100}).json["id"]
    server.mock("POST", bank, money | {"amount": 25})
    server.mock("POST", f"{bank}/{payment}/recall", {"type": "refund"})
    server.command(key, "remind")
    return key


def _taken_back_in_collection(server: Server) -> str:
    """Handed over after the due date, before the day of its debit: it has not been overdue."""
    number = server.customer()
    body = {"customer_no": number, "iban": "DE89370400440532013000", "signed_at": "2026-02-01 00:00:00"}
    server.post("/sepa_dd_mandate", body)
    key: str = server.sent(customer={"customer_no": number}, currency="EUR", due_date="2026-04-03")["id"]
    bank = f"/accounts/{ACCOUNT}/payments"
    money = {"amount": 25, "billogram": key, "scheme": "SEPA_DIRECT_DEBIT"}
    payment = server.mock("POST", bank, money).json["id"]
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "33d"})
    server.command(key, "collect")
    server.mock("POST", f"{bank}/{payment}/recall", {"type": "refund"})
    server.mock("POST", f"/accounts/{ACCOUNT}/billograms/{key}/simulate/collection-cancel")
    return key


def shown_states(server: Server, key: str) -> Any:
    """The state that the callback of each event shows."""
    return [each.state for each in server.state().billograms[key].events]


def document_vat(server: Server, key: str) -> Any:
    """Amount and VAT of each document."""
    return [(each.amount, each.vat) for each in server.state().billograms[key].documents]


class Found(Struct, frozen=True):
    """A story, what is looked at after it, and how that must be by the rule."""

    rule: str
    story: Callable[[Server], str]
    look: Callable[[Server, str], Any]
    expected: Any


FOUND = {
    "a bounce of one that is created, sent and ended in one act showed no state at all": Found(
        "behaviour 2.1: what a callback shows",
        _bounces,
        shown_states,
        ["Unattested", "Sending", "Unattested", "Ended"],
    ),
    "mode principal credited money that was paid, for principal that had been let go": Found(
        "behaviour 3.5: the unpaid principal; 3.3: nothing remains of what was let go",
        _lost_principal,
        shown_states,
        ["Unattested", "Sending", "PartlyPaid", "PartlyPaid", "Ended"],
    ),
    "the credit of the paid part of one that was lost held the VAT of the whole": Found(
        "behaviour 3.5, 3.3: the VAT is that of what is credited",
        _credited_after_a_loss,
        document_vat,
        [(Decimal(125), Decimal(25)), (Decimal(50), Decimal(10))],
    ),
    "the discount of a credited row was rounded by itself, and a whole row not credited in full": Found(
        "behaviour 3.5: in proportion to the count; 3.3: row net is exact",
        _credited_with_a_discount,
        document_vat,
        [(Decimal("2.98"), Decimal(0)), (Decimal("2.98"), Decimal(0))],
    ),
    "fees of one that was lost in part and opened again by a recall counted as its principal": Found(
        "behaviour 8.2: what was settled stays settled; 3.3: what was let go is no principal",
        _open_again_after_a_loss,
        lambda server, key: server.get(f"/billogram/{key}").data["state"],
        "Paid",
    ),
    "money taken back while the agency had it made it overdue there": Found(
        "behaviour 8.2, 6.2: `Overdue` comes to what is open, or open again",
        _taken_back_in_collection,
        lambda server, key: [type(each).__name__ for each in server.state().billograms[key].events][-4:],
        ["PaymentSystemCancelled", "PaymentRecalled", "CollectionCancelled", "Overdue"],
    ),
    "interest of before was kept when a recall opened one again that stayed partly paid": Found(
        "behaviour 10: a reopening drops the interest of before that was not claimed",
        _open_again_partly_paid,
        lambda server, key: server.get(f"/billogram/{key}").data["detailed_sums"]["interest_fee"],
        0,
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(server: Server, name: str) -> None:
    found = FOUND[name]
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    assert found.look(server, found.story(server)) == found.expected
