"""Actions: each allowed one is accepted and does what it says, each refused one is refused (control 1)."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from random import Random, SystemRandom
from time import monotonic
from typing import Any

import pytest

from mockserver.api.billogram_event import render_listed
from mockserver.core.machine import public_state
from mockserver.core.showing import render_sums
from mockserver.wire import encode
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server

A = f"/accounts/{ACCOUNT}"
IBAN = "DE89370400440532013000"
WRITEOFF = {"settings": "all_fees", "amount": 60}


def actions(server: Server, key: str) -> Any:
    answer = server.mock("GET", f"{A}/billograms/{key}/actions")
    assert answer.status == 200, answer.body
    return answer.json


def send(server: Server, action: Any, **changes: Any) -> Answer:
    """The request of an action, word by word."""
    body = NO_BODY if action["body"] is None else action["body"] | changes
    if action["path"].startswith("/_mock"):
        return server.mock(action["method"], action["path"].removeprefix("/_mock"), body)
    return server.call(action["method"], action["path"].removeprefix("/api/v2"), body)


def check_allowed(server: Server, key: str, action: Any, *, restored: bool = False) -> None:
    """It is accepted, as one act with this effect. After a restore new events have other uuids."""
    position = server.position()
    answer = send(server, action)
    assert answer.status in (200, 201), (action, answer.body)
    effect, state = action["effect"], server.state()
    assert position + bool(effect["events"]) <= server.position() <= position + 1
    after = state.billograms[key]
    assert effect["state"] == public_state(after), action
    assert Decimal(effect["total_sum"]) == after.sums.total
    assert Decimal(effect["remaining_sum"]) == after.sums.remaining
    assert effect["detailed_sums"] == render_sums(after.sums), action
    expected: dict[str, list[Any]] = {}
    for event in effect["events"]:
        expected.setdefault(event["billogram_id"], []).append(event)
    for name, events in expected.items():
        made = state.billograms[name].events[-len(events) :]  # a deleted billogram keeps none
        shown = [
            json.loads(encode({**render_listed(each), "state": each.state}), parse_float=Decimal)
            for each in made
        ]
        for each in (*shown, *events) if restored else ():
            del each["event_uuid"]
        assert shown == (events if made else []), action


def check_refused(server: Server, action: Any) -> None:
    """It is refused by the rule that it names, and nothing changes."""
    position = server.position()
    answer = send(server, action)
    assert answer.status >= 400, action
    if action["path"].startswith("/_mock"):
        assert answer.json["error"]["message"] == action["message"], action
        hint = answer.json["error"]["hint"]
        assert "it breaks the rule" not in hint or hint.endswith(f"it breaks the rule {action['rule']}")
    else:
        assert answer.headers["mock-rule"] == action["rule"], action
        assert answer.error[1]["message"] == action["message"]
    assert server.position() == position


# the fixtures


@pytest.fixture(scope="module")
def world() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.mark.parametrize("fixture", ["demo", "sepa"])
def test_every_action_of_every_billogram(world: Server, fixture: str) -> None:
    body = {"id": ACCOUNT, "key": KEY, "fixture": fixture}
    assert world.mock("POST", "/accounts", body).status == 201
    world.mock("POST", f"{A}/snapshots", {"name": "start"})
    done = set()
    for billogram in world.mock("GET", f"{A}/billograms?limit=1000").json:
        key = billogram["id"]
        found = actions(world, key)
        for action in found["refused"]:
            check_refused(world, action)
        for number, action in enumerate(found["allowed"]):
            check_allowed(world, key, action, restored=number > 0)
            done.add(action["operation"])
            world.mock("POST", f"{A}/snapshots/start/restore")
    assert len(done) >= 20, done
    assert "createPayment" in done
    assert ("recallPayment" in done) is (fixture == "sepa")  # demo has no money of a direct debit
    world.mock("DELETE", A)


# random lives

ITEM = {"title": "Row", "count": 1, "price": 100, "vat": 25}
LATE = {"invoice_date": "2026-01-01", "due_date": "2026-01-31"}
CUSTOMERS: list[dict[str, Any]] = [
    {},
    {"address": {}},
    {"contact": {"email": "contact+bounce@example.com"}},
    {"contact": {}, "address": {}},
]
CONTENTS: list[dict[str, Any]] = [
    {},
    {"items": [ITEM | {"price": 37.5, "count": 3}, ITEM]},
    {"currency": "EUR"},
    {"currency": "EUR"},
    {"items": [ITEM | {"count": -1}]},
    {"items": [ITEM | {"price": 0}]},
    {"reminder_fee": 45, "interest_rate": 8, **LATE},
    {
        "automatic_reminders": True,
        "automatic_reminders_settings": [{"delay_days": 2}] * 2,
        "reminder_fee": 60,
    },
]
DELIVERIES: list[Any] = [
    None,
    {"command": "send", "method": "Email"},
    {"command": "send", "method": "Letter"},
    {"command": "send", "method": "DoNotNotify"},
    {"command": "sell"},
]
OUTCOMES = [
    "ok",
    "reject.AM04",
    {"then": "refund.MD06", "after": "20d"},
    {"then": "return.AC04", "after": "1b"},
]


class Life:
    """An account in which things happen at random: made, done by an allowed action, or brought by time."""

    def __init__(self, server: Server, random: Random) -> None:
        self.server, self.random = server, random
        self.keys: list[str] = []
        self.done: set[str] = set()
        self.refused: set[str] = set()
        for more in CUSTOMERS:
            number = server.customer(**more)
            mandate = {"customer_no": number, "iban": IBAN, "signed_at": "2026-02-01 00:00:00"}
            server.post("/sepa_dd_mandate", mandate)
        server.call("PUT", "/settings", {"invoices": {"automatic_writeoff": WRITEOFF}})
        server.mock("PUT", f"{A}/outcomes", {"plan": random.choices(OUTCOMES, k=9)})

    def step(self) -> None:
        kind = self.random.choices(("make", "act", "time", "others"), (3, 10, 4, 1))[0]
        if kind == "make" or not self.keys:
            self.make()
        elif kind == "act":
            self.act(self.random.choice(self.keys))
        elif kind == "time":
            by = self.random.choice(({"until": "next"}, {"by": "1d"}, {"by": "3h"}, {"by": "20d"}))
            assert self.server.mock("POST", f"{A}/clock/advance", by).status == 200
        else:
            name = self.random.choice(("collection", "factoring", "standalone_credits"))
            feature = {"features": {name: self.random.random() < 0.7}}
            assert self.server.mock("PATCH", A, feature).status == 200
            number = self.random.randrange(len(CUSTOMERS)) + 1
            what = self.random.choice(("enable-recurring", "disable-recurring"))
            body = {"type": "autogiro"} if what.startswith("enable") else {}
            self.server.mock("POST", f"{A}/customers/{number}/simulate/{what}", body)

    def make(self) -> None:
        number = self.random.randrange(len(CUSTOMERS)) + 1
        body = {"customer": {"customer_no": number}, "items": [ITEM], **self.random.choice(CONTENTS)}
        on_success = self.random.choice(DELIVERIES)
        answer = self.server.post("/billogram", body | ({"on_success": on_success} if on_success else {}))
        if answer.status == 200:
            self.keys.append(answer.data["id"])

    def act(self, key: str) -> None:
        found = actions(self.server, key)
        for action in self.random.sample(found["refused"], min(5, len(found["refused"]))):
            check_refused(self.server, action)
            self.refused.add(action["rule"])
        remedies = [each["remedies"] for each in found["refused"] if each["remedies"]]
        if remedies and self.random.random() < 0.2:
            for each in self.random.choice(remedies):
                answer = send(self.server, each)
                assert answer.status in (200, 201), (each, answer.body)
        else:
            new = [each for each in found["allowed"] if each["operation"] not in self.done]
            action = self.random.choice(new or found["allowed"])
            chosen = {member: self.random.choice(values) for member, values in action["choices"].items()}
            if chosen and self.random.random() < 0.5:
                answer = send(self.server, action, **chosen)
                assert answer.status in (200, 201), (action, chosen, answer.body)
            else:
                check_allowed(self.server, key, action)
            self.done.add(action["operation"])
        if self.server.state().billograms[key].internal == "Deleted":
            self.keys.remove(key)


def live(number: int, steps: int) -> tuple[set[str], set[str]]:
    """One life from this seed."""
    print(f"LIFE_SEED={number}")
    server = Server()
    try:
        life = Life(server, Random(number))
        for _ in range(steps):
            life.step()
        return life.done, life.refused
    finally:
        server.close()


def test_a_random_life() -> None:
    """The seed is printed; LIFE_SEED repeats it."""
    given = os.environ.get("LIFE_SEED")
    done, refused = live(int(given) if given else SystemRandom().randrange(2**32), 300)
    print(f"{len(done)} operations, refused by {len(refused)} rules")
    assert len(done) > 15
    assert len(refused) > 15


@pytest.mark.deep
def test_random_lives_for_some_minutes() -> None:
    until = monotonic() + 600
    while monotonic() < until:
        live(SystemRandom().randrange(2**32), 300)


# what is said of an action


def find(rows: list[Any], operation: str, **body: Any) -> Any:
    (found,) = (
        each
        for each in rows
        if each["operation"] == operation and body.items() <= (each["body"] or {}).items()
    )
    return found


def test_an_open_billogram(server: Server) -> None:
    key = server.sent()["id"]
    found = actions(server, key)
    paid = find(found["allowed"], "payBillogram")
    assert (paid["method"], paid["path"]) == ("POST", f"/api/v2/billogram/{key}/command/payment")
    assert (paid["title"], paid["body"]) == ("Record a manual payment", {"amount": 125})
    assert [each["type"] for each in paid["effect"]["events"]] == ["Payment", "BillogramEnded"]
    assert (paid["effect"]["state"], paid["effect"]["remaining_sum"]) == ("Paid", 0)
    assert paid["effect"]["detailed_sums"]["paid_sum"] == -125
    resent = find(found["allowed"], "resendBillogram")
    assert resent["choices"] == {
        "method": ["Email+Letter", "Email", "SMS+Letter", "SMS", "Letter", "DoNotNotify"]
    }
    bank = find(found["allowed"], "createPayment")
    assert (bank["path"], bank["body"]) == (f"/_mock{A}/payments", {"amount": 125, "billogram": key})
    reminded = find(found["refused"], "remindBillogram")
    assert (reminded["rule"], reminded["tag"]) == ("not_due.remind", "A")
    steps = [(each["method"], each["path"].rpartition("/")[2]) for each in reminded["remedies"]]
    assert steps == [("POST", "advance"), ("POST", "remind")]
    ended = find(found["refused"], "simulateCollectionEnd")
    assert ended["rule"] == "simulate.collection"
    assert [each["path"].rpartition("/")[2] for each in ended["remedies"]] == [
        "advance",
        "collect",
        "collection-end",
    ]


def test_recalls(server: Server) -> None:
    """Those of the scheme alone, each with its codes; a move of the clock may lead to others."""
    key = server.sent(currency="EUR")["id"]
    paid = {"amount": 100, "billogram": key, "scheme": "SEPA_DIRECT_DEBIT", "date": "2026-03-02"}
    server.mock("POST", f"{A}/payments", paid)
    manual = server.command(key, "payment", {"amount": 10})
    assert manual.status == 200
    found = actions(server, key)
    refund = find(found["allowed"], "recallPayment", type="refund")
    assert (refund["body"]["code"], refund["choices"]) == ("MD06", {"code": ["MD06"]})
    assert [each["type"] for each in refund["effect"]["events"]] == ["PaymentRecalled"]
    returned = find(found["allowed"], "recallPayment", type="return")
    assert (returned["body"]["code"], len(returned["choices"]["code"])) == ("AM04", 21)
    early = find(found["refused"], "recallPayment", type="refund_unauthorised")
    assert early["rule"] == "sepa.window"
    assert [each["path"].rpartition("/")[2] for each in early["remedies"]] == ["advance", "recall"]
    for each in early["remedies"]:
        assert send(server, each).status in (200, 201)
    (other,) = (each for each in found["refused"] if each["rule"] == "sepa.scheme")
    assert (other["body"], other["title"]) == ({}, "The bank takes the payment back")


def test_asking_changes_nothing(server: Server) -> None:
    key = server.sent()["id"]
    image, position = server.image(), server.position()
    actions(server, key)
    assert (server.image(), server.position()) == (image, position)


def test_remedies_know_whose_debit_takes_the_first_outcome(server: Server) -> None:
    """The plan of the account is a queue: the debit of another customer takes the refusal."""
    keys = []
    for due in ("2026-03-20", "2026-03-25"):
        number = server.customer()
        mandate = {"customer_no": number, "iban": IBAN, "signed_at": "2026-02-01 00:00:00"}
        assert server.post("/sepa_dd_mandate", mandate).status == 200
        made = server.sent(customer={"customer_no": number}, currency="EUR", due_date=due)
        keys.append(made["id"])
    server.mock("PUT", f"{A}/outcomes", {"plan": ["reject.AM04", "ok"]})
    found = actions(server, keys[1])["refused"]
    (steps,) = [each["remedies"] for each in found if each["operation"] == "remindBillogram"]
    assert len(steps) > 1
    for step in steps:
        answer = send(server, step)
        assert answer.status in (200, 201), (step, answer.body)
