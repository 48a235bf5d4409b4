"""Delivery: methods and the data they need, what bounces, what removes the flags (reference: behaviour 4)."""

from pathlib import Path
from typing import Any

import pytest

from tests.server import ACCOUNT, Answer, Server

CLOCK = f"/accounts/{ACCOUNT}/clock/advance"
AGENDA = f"/accounts/{ACCOUNT}/agenda"
NOWHERE = {"street_address": "", "zipcode": "", "city": ""}
STREET = {"street_address": "Testgatan 1", "zipcode": "12345", "city": "Teststad"}
BOUNCE, DEAD = "bounce@example.com", "0700000000"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}


def types(shown: dict[str, Any]) -> list[str]:
    return [each["type"] for each in shown["events"]]


def last(shown: dict[str, Any]) -> tuple[str, Any]:
    event = shown["events"][-1]
    return event["type"], event["data"]


def show(server: Server, key: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/billogram/{key}").data
    return found


def simulate(server: Server, key: str, what: str, **body: Any) -> Answer:
    return server.mock("POST", f"/accounts/{ACCOUNT}/billograms/{key}/simulate/{what}", body)


def happened(server: Server, key: str, what: str, **body: Any) -> dict[str, Any]:
    answer = simulate(server, key, what, **body)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def advance(server: Server, by: str) -> Any:
    return server.mock("POST", CLOCK, {"by": by}).json["happened"]


def draft(server: Server, *, email: str = "", phone: str = "", **more: Any) -> str:
    """The id of a draft to somebody who has only what is given."""
    known = {name: more.pop(name, NOWHERE) for name in ("address", "delivery_address")}
    number = server.customer(contact={"email": email, "phone": phone}, **known)
    return str(server.draft(customer={"customer_no": number}, **more)["id"])


def sent(server: Server, method: str, **more: Any) -> str:
    key = draft(server, **more)
    assert server.command(key, "send", {"method": method}).status == 200
    return key


def followed(server: Server, method: str, **more: Any) -> str:
    """Sent to somebody who has all that is needed for it to be followed by a letter."""
    known = {"email": "a@example.com", "phone": "0700000001", "address": STREET}
    return sent(server, method, **known | more)


def offered(server: Server, **more: Any) -> str:
    key = draft(server, **more)
    assert server.command(key, "sell").status == 200
    return key


def agenda(server: Server) -> list[tuple[str, str]]:
    """The entries of billograms."""
    shown = server.mock("GET", AGENDA).json
    return [(each["at"], each["rule"]) for each in shown if each["billogram"] is not None]


# methods and their data

NEEDS = {
    "Email": "email",
    "Email+Letter": "email",
    "SMS": "phone",
    "SMS+Letter": "phone",
    "Letter": "address",
    "Einvoice": "e-invoice registration",
    "Efaktura": "e-invoice registration",
    "EDI": "edi electronic_id",
    "DoNotNotify": None,
}
HAS: dict[str, dict[str, Any]] = {
    "email": {"email": "a@example.com"},
    "phone": {"phone": "0700000001"},
    "address": {"address": STREET},
    "edi electronic_id": {"regional_sweden": {"edi": {"electronic_id": "0007:5560000000"}}},
    "e-invoice registration": {},
}


def with_all_but(server: Server, *lacking: str | None) -> str:
    given = {name: value for has in HAS if has not in lacking for name, value in HAS[has].items()}
    key = draft(server, **given)
    if "e-invoice registration" not in lacking:
        number = show(server, key)["customer"]["customer_no"]
        server.post(f"/customer/{number}/einvoice", {"identifier": "190000000000.SBF.SE"})
    return key


@pytest.mark.parametrize("method", NEEDS)
def test_the_data_that_a_method_needs(server: Server, method: str) -> None:
    needed = NEEDS[method]
    without = with_all_but(server, needed)
    if needed is not None:
        position, image = server.position(), server.image()
        refused = server.command(without, "send", {"method": method})
        message = f"invalid delivery method, {needed} missing"
        assert (refused.status, refused.error) == (400, ("INVALID_PARAMETER", {"message": message}))
        assert refused.headers["mock-rule"] == "delivery.data"
        assert (server.position(), server.image()) == (position, image)
    alone = with_all_but(server, *(each for each in HAS if each != needed))
    done = server.command(alone, "send", {"method": method}).data
    assert (done["state"], done["delivery_method"]) == ("Unpaid", method)
    data = done["events"][1]["data"]
    assert (data["delivery_method"], data["original_delivery_method"]) == (method, method)


@pytest.mark.parametrize("method", NEEDS)
def test_resend_and_credit_need_the_same(server: Server, method: str) -> None:
    needed = NEEDS[method]
    key = with_all_but(server, needed)
    server.command(key, "send", {"method": "DoNotNotify"})
    for command, body in (("resend", {}), ("credit", {"mode": "amount", "amount": 5})):
        answer = server.command(key, command, {**body, "method": method})
        assert answer.status == (200 if needed is None else 400)
        if needed is not None:
            assert answer.error[1] == {"message": f"invalid delivery method, {needed} missing"}


@pytest.mark.parametrize("method", ["Pigeon", "email", "Letter+Email", "EDI+Letter", " "])
def test_unknown_methods(server: Server, method: str) -> None:
    data = {"message": "invalid method", "field": "method", "field_path": []}
    assert server.command(draft(server), "send", {"method": method}).error == ("INVALID_PARAMETER", data)
    key = sent(server, "DoNotNotify")
    assert server.command(key, "resend", {"method": method}).error == ("INVALID_PARAMETER", data)


@pytest.mark.parametrize(
    ("address", "delivery_address", "possible"),
    [
        (STREET, NOWHERE, True),
        (NOWHERE, STREET, True),
        (STREET, {"street_address": "Other street"}, False),
        (STREET, {"zipcode": "1", "city": "A"}, True),
        *((STREET | {name: ""}, NOWHERE, False) for name in STREET),
        ({"address_line_1": "A", "zipcode": "1", "city": "B"}, NOWHERE, True),
    ],
    ids=str,
)
def test_where_a_letter_goes(
    server: Server, address: dict[str, str], delivery_address: dict[str, str], possible: bool
) -> None:
    key = draft(server, address=address, delivery_address=delivery_address)
    answer = server.command(key, "send", {"method": "Letter"})
    assert answer.status == (200 if possible else 400)


def test_without_a_method_that_of_the_draft(server: Server) -> None:
    key = draft(server, address=STREET)
    assert show(server, key)["delivery_method"] == "Letter"
    assert server.command(key, "send").data["events"][1]["data"]["delivery_method"] == "Letter"
    key = draft(server, email="a@example.com")
    assert server.command(key, "send").error[1]["message"] == "invalid delivery method, address missing"


@pytest.mark.parametrize(
    ("method", "identifier", "flags"),
    [("EDI", "0007:5560000000", []), ("Email", None, []), ("Letter", None, [])],
)
def test_edi_is_told_as_an_e_invoice(
    server: Server, method: str, identifier: str | None, flags: list[str]
) -> None:
    done = server.command(with_all_but(server), "send", {"method": method}).data
    if identifier is None:
        assert types(done) == ["BillogramCreated", "BillogramSent"]
    else:
        assert last(done) == (
            "EfakturaSent",
            {"recipient_identifier": None, "electronic_id": identifier},
        )
    assert done["flags"] == flags


def test_the_edi_address_of_the_customer_serves_where_the_billogram_has_none(server: Server) -> None:
    number = server.customer(edi={"electronic_id": "7300009000001"})
    for own, told in ((None, "7300009000001"), ("0007:5560000000", "0007:5560000000")):
        made = server.draft(customer={"customer_no": number}, regional_sweden={"edi": {"electronic_id": own}})
        done = server.command(made["id"], "send", {"method": "EDI"}).data
        assert last(done) == ("EfakturaSent", {"recipient_identifier": None, "electronic_id": told})
        letter = server.mock("GET", f"/accounts/{ACCOUNT}/outbox?billogram={made['id']}").json[0]
        assert (letter["channel"], letter["to"]) == ("EDI", told)


# sending again


def test_resend_keeps_the_own_method_and_makes_a_new_document(server: Server) -> None:
    key = draft(server, email="a@example.com", address=STREET)
    first = server.command(key, "send", {"method": "Email"}).data
    again = server.command(key, "resend", {"method": "Letter"}).data
    name, data = last(again)
    assert (name, data["delivery_method"]) == ("Resent", "Letter")
    assert data["letter_id"] != first["events"][1]["data"]["letter_id"]
    assert data["invoice_no"] == first["invoice_no"] == again["invoice_no"]
    assert (data["remaining_sum"], data["total_sum"]) == (125, 125)
    assert (again["delivery_method"], again["state"]) == ("Email", "Unpaid")
    third = last(server.command(key, "resend").data)[1]
    assert third["delivery_method"] == "Email"
    letters = [each.letter_id for each in server.state().billograms[key].documents]
    assert len(set(letters)) == 3
    assert third["letter_id"] == letters[-1]


@pytest.mark.parametrize("end", [None, {"command": "payment", "body": {"amount": 125}}])
def test_only_an_open_one_is_sent_again(server: Server, end: dict[str, Any] | None) -> None:
    key = draft(server, email="a@example.com")
    if end is not None:
        server.command(key, "send", {"method": "Email"})
        server.command(key, end["command"], end["body"])
    assert server.command(key, "resend", {"method": "Email"}).error[0] == "INVALID_OBJECT_STATE"


# what can't be reached

BAD = {
    "Email": (BOUNCE, "DeliveryFailed", {"customer_email": BOUNCE}),
    "Email+Letter": (BOUNCE, "DeliveryFailed", {"customer_email": BOUNCE}),
    "SMS": (DEAD, "DeliverySmsFailed", {"customer_phone": DEAD}),
    "SMS+Letter": (DEAD, "DeliverySmsFailed", {"customer_phone": DEAD}),
}
bad_methods = pytest.mark.parametrize("method", BAD)


def unreachable(server: Server, method: str) -> str:
    where = "email" if method.startswith("Email") else "phone"
    return draft(server, **{where: BAD[method][0]})


@bad_methods
def test_a_bad_address_bounces_in_the_act_that_sends(server: Server, method: str) -> None:
    _, name, data = BAD[method]
    key = unreachable(server, method)
    position = server.position()
    done = server.command(key, "send", {"method": method}).data
    assert server.position() == position + 1
    assert types(done) == ["BillogramCreated", "BillogramSent", name]
    assert last(done) == (name, data)
    assert (done["state"], done["flags"]) == ("Unpaid", ["delivery failed"])
    again = server.command(key, "resend").data
    assert types(again)[3:] == ["Resent", name]
    assert again["flags"] == ["delivery failed"]
    credit = server.command(key, "credit", {"mode": "amount", "amount": 5}).data
    assert types(credit)[5:] == ["Credit", name]
    more = server.call("PUT", f"/billogram/{key}", {"info": {"message": "Hello"}}).data
    assert types(more)[7:] == ["DataChange"], "no document, nothing to bounce"
    ended = server.command(key, "credit", {"mode": "full"}).data
    assert types(ended)[8:] == ["Credit", name, "BillogramEnded"]
    assert server.fold().image() == server.image()


@bad_methods
@pytest.mark.parametrize(("price", "document"), [(200, "InvoiceSent"), (40, "Credit")])
def test_documents_of_a_change_bounce_too(server: Server, method: str, price: int, document: str) -> None:
    key = unreachable(server, method)
    server.command(key, "send", {"method": method})
    changed = server.call("PUT", f"/billogram/{key}", {"items": [{**ROW, "price": price}]}).data
    assert types(changed)[3:] == ["DataChange", document, BAD[method][1]]
    assert changed["flags"] == ["delivery failed"]


def test_the_order_where_it_ends_or_is_late_at_once(server: Server) -> None:
    free = draft(server, email=BOUNCE, items=[{**ROW, "price": 0}])
    done = server.command(free, "send", {"method": "Email"}).data
    assert types(done)[1:] == ["BillogramSent", "DeliveryFailed", "BillogramEnded"]
    late = draft(server, email=BOUNCE, invoice_date="2026-01-01", due_date="2026-01-31")
    done = server.command(late, "send", {"method": "Email"}).data
    assert types(done)[1:] == ["BillogramSent", "DeliveryFailed", "Overdue", "InterestStarted"]


@pytest.mark.parametrize(
    ("email", "fails"),
    [
        (BOUNCE, True),
        ("anna+bounce@example.com", True),
        ("bouncer@example.com", False),
        ("bounce+anna@example.com", False),
        ("nobounce@example.com", False),
        ("anna@bounce.example.com", False),
    ],
)
def test_which_addresses_bounce(server: Server, email: str, fails: bool) -> None:
    key = sent(server, "Email", email=email)
    assert ("DeliveryFailed" in types(show(server, key))) is fails


@pytest.mark.parametrize(
    ("phone", "fails"),
    [(DEAD, True), ("+46 70 000 0000", True), ("0000", True), ("0700000001", False), ("00001", False)],
)
def test_which_numbers_are_dead(server: Server, phone: str, fails: bool) -> None:
    key = sent(server, "SMS", phone=phone)
    assert ("DeliverySmsFailed" in types(show(server, key))) is fails


def test_a_bad_address_matters_only_to_its_own_method(server: Server) -> None:
    key = sent(server, "Letter", email=BOUNCE, phone=DEAD, address=STREET)
    assert types(show(server, key)) == ["BillogramCreated", "BillogramSent"]
    assert server.command(key, "resend", {"method": "DoNotNotify"}).data["flags"] == []


# the flag, and what removes it


def test_what_removes_the_flag_of_a_failure(server: Server) -> None:
    key = sent(server, "Email", email=BOUNCE, phone="0700000001", address=STREET)
    assert server.command(key, "resend", {"method": "SMS"}).data["flags"] == []
    assert server.command(key, "resend", {"method": "Email"}).data["flags"] == ["delivery failed"]
    better = {"customer": {"email": "good@example.com"}}
    assert server.call("PUT", f"/billogram/{key}", better).data["flags"] == ["delivery failed"]
    assert server.command(key, "resend", {"method": "Email"}).data["flags"] == []
    happened(server, key, "delivery-failure")
    credit = server.command(key, "credit", {"mode": "amount", "amount": 5}).data
    assert (last(credit)[0], credit["flags"]) == ("Credit", []), "a later delivery that works"
    happened(server, key, "delivery-failure")
    assert happened(server, key, "view")["flags"] == []
    happened(server, key, "delivery-failure")
    paid = server.command(key, "payment", {"amount": 120}).data
    assert (paid["state"], paid["flags"]) == ("Paid", ["delivery failed"])


# on disk


def test_all_of_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    file = str(tmp_path / "mock.db")
    server = Server(database=file)
    waiting = followed(server, "Email+Letter")
    viewed = followed(server, "SMS+Letter")
    happened(server, viewed, "view")
    bounced = followed(server, "Email+Letter", email=BOUNCE, address=NOWHERE)
    sold, denied = offered(server), offered(server, address=STREET)
    happened(server, sold, "factoring-accept")
    happened(server, denied, "factoring-deny")
    keys = (waiting, viewed, bounced, sold, denied)
    shown, image, entries = [show(server, key) for key in keys], server.image(), agenda(server)
    server.close()
    server = Server(database=file)
    assert [show(server, key) for key in keys] == shown
    assert (server.image(), agenda(server)) == (image, entries)
    advance(server, "48h")
    assert types(show(server, waiting))[-1] == "LetterSent"
    assert types(show(server, viewed))[-1] == "DeliveryAccepted"
    assert show(server, bounced)["flags"] == ["delivery failed", "not delivered"]
    image = server.image()
    server.close()
    server = Server(database=file)
    server.get("/settings")
    assert server.image() == image
    server.close()
