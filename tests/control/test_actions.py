"""Actions: each allowed one is accepted and does what it says, each refused one is refused (control 1)."""

import os
from collections.abc import Iterator
from decimal import Decimal
from random import Random, SystemRandom
from typing import Any

import pytest

from mockserver.core.machine import public_state
from mockserver.core.showing import render_sums
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


def check_allowed(server: Server, key: str, action: Any) -> None:
    """It is accepted, as one act, and does what its effect says."""
    position = server.position()
    answer = send(server, action)
    assert answer.status in (200, 201), (action, answer.body)
    effect = action["effect"]
    told: dict[str, list[Any]] = {}
    for event in effect["events"]:
        told.setdefault(event["billogram_id"], []).append(event)
    assert server.position() <= position + 1
    state = server.state()
    assert position + bool(effect["events"]) <= server.position()
    for name, events in told.items():
        if state.billograms[name].internal != "Deleted":
            shown = server.get(
                f"/billogram_event?filter_type=field&filter_field=billogram_id&filter_value={name}&page_size=1000"
            ).data
            assert [{**each, "state": None} for each in shown[-len(events) :]] == [
                {**each, "state": None} for each in events
            ], action
            states = [each.state for each in state.billograms[name].events[-len(events) :]]
            assert states == [each["state"] for each in events], action
    after = state.billograms[key]
    assert effect["state"] == public_state(after), action
    assert Decimal(effect["total_sum"]) == after.sums.total
    assert Decimal(effect["remaining_sum"]) == after.sums.remaining
    assert effect["detailed_sums"] == render_sums(after.sums), action


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
        for number in range(len(found["allowed"])):
            action = actions(world, key)["allowed"][number]
            check_allowed(world, key, action)
            done.add(action["operation"])
            world.mock("POST", f"{A}/snapshots/start/restore")
    print(sorted(done))
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


def test_random_lives() -> None:
    """The seed is printed; LIFE_SEED repeats it."""
    given = os.environ.get("LIFE_SEED")
    done, refused = live(int(given) if given else SystemRandom().randrange(2**32), 300)
    print(len(done), sorted(done), len(refused), sorted(refused))
