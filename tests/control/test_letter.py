"""A letter 48 hours after what nobody opened: `Email+Letter`, `SMS+Letter` (reference: behaviour 4.2)."""

import itertools
from typing import Any

import pytest

from tests.api.test_delivery import (
    AGENDA,
    BOUNCE,
    NEEDS,
    NOWHERE,
    ROW,
    STREET,
    advance,
    agenda,
    followed,
    happened,
    show,
    simulate,
    types,
    with_all_but,
)
from tests.server import ACCOUNT, KEY, Server

IN_48_HOURS = "2026-03-04T10:00:00+01:00"
PLUS = {
    "Email+Letter": ("EmailNotAccepted", {"customer_email": "a@example.com"}),
    "SMS+Letter": ("SmsNotAccepted", {"customer_phone": "0700000001"}),
}
plus_methods = pytest.mark.parametrize("method", PLUS)


@plus_methods
def test_a_letter_follows_after_48_hours(server: Server, method: str) -> None:
    key = followed(server, method)
    assert agenda(server) == [(IN_48_HOURS, "letter")]
    (entry,) = server.mock("GET", f"{AGENDA}?billogram={key}").json
    assert "48 hours" in entry["reason"]
    first = show(server, key)["events"][1]["data"]
    assert advance(server, "47h") == advance(server, "3599s") == []
    (done,) = advance(server, "1s")
    assert (done["at"], done["rule"], done["billogram"]) == (IN_48_HOURS, "letter", key)
    shown = show(server, key)
    name, data = PLUS[method]
    assert [each["type"] for each in done["events"]] == types(shown)[2:] == [name, "LetterSent"]
    assert shown["events"][2]["data"] == data
    letter = shown["events"][3]["data"]
    assert letter == {"invoice_no": 1, "letter_id": letter["letter_id"], "delivery_method": "Letter"}
    assert letter["letter_id"] != first["letter_id"]
    assert {each["created_at"] for each in shown["events"][2:]} == {"2026-03-04 09:00:00"}
    assert (shown["state"], shown["flags"], shown["delivery_method"]) == ("Unpaid", [], method)
    assert shown["updated_at"] == "2026-03-04 09:00:00"
    document = server.state().billograms[key].documents[-1]
    assert (document.letter_id, document.kind, document.amount) == (letter["letter_id"], "invoice", 125)
    assert [rule for _, rule in agenda(server)] == ["overdue"]
    assert server.fold().image() == server.image()


@plus_methods
def test_without_an_address_there_is_only_a_flag(server: Server, method: str) -> None:
    key = followed(server, method, address=NOWHERE)
    position = server.position()
    (done,) = advance(server, "48h")
    assert (done["rule"], done["billogram"], done["events"]) == ("letter", key, [])
    shown = show(server, key)
    assert types(shown) == ["BillogramCreated", "BillogramSent"]
    assert (shown["flags"], shown["state"]) == (["not delivered"], "Unpaid")
    assert shown["updated_at"] == "2026-03-04 09:00:00"
    assert [rule for _, rule in agenda(server)] == ["overdue"]
    rows = server.mock("GET", f"/accounts/{ACCOUNT}/timeline?billogram={key}").json
    assert ["LetterUndelivered"] in [row.get("records") for row in rows]
    assert server.position() == position + 2  # it, and the clock
    assert server.command(key, "credit", {"mode": "amount", "amount": 5}).data["flags"] == ["not delivered"]
    assert happened(server, key, "view")["flags"] == ["not delivered"]
    assert server.command(key, "resend", {"method": "DoNotNotify"}).data["flags"] == []
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    "act",
    [
        lambda s, key: simulate(s, key, "view"),
        lambda s, key: s.command(key, "payment", {"amount": 125}),
        lambda s, key: s.command(key, "credit", {"mode": "full"}),
        lambda s, key: s.command(key, "confirmed-loss"),
    ],
    ids=["viewed", "paid", "credited", "lost"],
)
@plus_methods
def test_no_letter_where_it_was_viewed_or_has_ended(server: Server, method: str, act: Any) -> None:
    key = followed(server, method)
    advance(server, "47h")
    assert act(server, key).status == 200
    assert "letter" not in [rule for _, rule in agenda(server)]
    assert advance(server, "10d") == []
    assert not {"LetterSent", PLUS[method][0]} & set(types(show(server, key)))
    assert server.fold().image() == server.image()


@pytest.mark.parametrize("method", [each for each in NEEDS if each not in PLUS])
def test_no_letter_after_the_other_methods(server: Server, method: str) -> None:
    server.command(with_all_but(server), "send", {"method": method})
    assert [rule for _, rule in agenda(server)] == ["overdue"]


def test_what_a_letter_is_not_kept_back_by(server: Server) -> None:
    """A message, part of the money, a document that a change made, another sending of the same."""
    key = followed(server, "Email+Letter")
    server.command(key, "message", {"message": "?"})
    server.command(key, "payment", {"amount": 25})
    server.call("PUT", f"/billogram/{key}", {"items": [{**ROW, "price": 200}]})
    server.command(key, "resend", {"method": "SMS"})
    assert agenda(server)[0] == (IN_48_HOURS, "letter")
    advance(server, "48h")
    shown = show(server, key)
    assert types(shown)[-2:] == ["EmailNotAccepted", "LetterSent"]
    assert shown["events"][-1]["data"]["invoice_no"] == shown["invoice_no"] == 1
    assert shown["state"] == "PartlyPaid"


@pytest.mark.parametrize(("first", "other"), list(itertools.permutations(PLUS)))
def test_it_follows_what_was_sent_not_a_credit_of_the_meantime(
    server: Server, first: str, other: str
) -> None:
    """The document of a credit may have left by another method, and has a number of its own."""
    key = followed(server, first)
    server.command(key, "credit", {"mode": "amount", "amount": 5, "method": other})
    advance(server, "48h")
    shown = show(server, key)
    assert types(shown)[2:] == ["Credit", PLUS[first][0], "LetterSent"]
    assert [shown["events"][at]["data"]["invoice_no"] for at in (1, 2, 4)] == [1, 2, 1]


def test_another_sending_counts_anew(server: Server) -> None:
    key = followed(server, "Email+Letter")
    advance(server, "24h")
    server.command(key, "resend", {"method": "SMS+Letter"})
    assert agenda(server)[0] == ("2026-03-05T10:00:00+01:00", "letter")
    assert [each["rule"] for each in advance(server, "10d")] == ["letter"]
    assert types(show(server, key))[2:] == ["Resent", "SmsNotAccepted", "LetterSent"]
    server.command(key, "resend")
    assert types(show(server, key))[5:] == ["Resent"]
    assert [each["rule"] for each in advance(server, "2d")] == ["letter"]
    assert types(show(server, key))[6:] == ["EmailNotAccepted", "LetterSent"]


def test_none_follows_what_is_sent_to_who_has_seen_it(server: Server) -> None:
    """The link is opened once: what is sent again is not waited for."""
    key = followed(server, "Email+Letter")
    happened(server, key, "view")
    server.command(key, "resend")
    assert [rule for _, rule in agenda(server)] == ["overdue"]


def test_a_bounce_does_not_hold_the_letter_back_and_it_mends_the_flag(server: Server) -> None:
    key = followed(server, "Email+Letter", email=BOUNCE)
    assert show(server, key)["flags"] == ["delivery failed"]
    advance(server, "48h")
    shown = show(server, key)
    assert types(shown)[2:] == ["DeliveryFailed", "EmailNotAccepted", "LetterSent"]
    assert shown["flags"] == []


def test_an_address_that_came_in_time(server: Server) -> None:
    key = followed(server, "Email+Letter", address=NOWHERE)
    server.call("PUT", f"/billogram/{key}", {"customer": {"address": STREET}})
    advance(server, "48h")
    assert types(show(server, key))[2:] == ["DataChange", "EmailNotAccepted", "LetterSent"]


def test_a_stand_alone_credit_is_followed_by_a_letter_too(server: Server) -> None:
    key = followed(server, "Email+Letter", items=[{**ROW, "count": -1}])
    assert agenda(server) == [(IN_48_HOURS, "letter")]
    advance(server, "48h")
    assert types(show(server, key))[2:] == ["EmailNotAccepted", "LetterSent"]
    assert [each.kind for each in server.state().billograms[key].documents] == ["credit", "credit"]
    assert agenda(server) == []


def test_the_callbacks_of_a_letter(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": {"url": "mock:inbox"}})
    followed(server, "Email+Letter")
    advance(server, "48h")
    server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/wait", {"idle": True})
    told = [each["json"] for each in server.mock("GET", f"/accounts/{ACCOUNT}/inbox").json]
    assert [(each["event"]["type"], each["billogram"]["state"]) for each in told[2:]] == [
        ("EmailNotAccepted", "Unpaid"),
        ("LetterSent", "Unpaid"),
    ]
