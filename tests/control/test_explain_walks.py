"""Random lives of a billogram: at any moment, what an explanation says of each command is true.

The seed of a walk is its name: what fails can be walked again.
"""

import random
from typing import Any

import pytest

from tests.control.test_explain import ALL, BACK, A, asked, carry_out, explained, named
from tests.control.test_refusals import MANDATE
from tests.server import Server

STEPS = 7  # of a walk
COMMANDS = 4  # that are looked at after each
SOON = {"invoice_date": "2026-02-20", "due_date": "2026-03-05"}


def begin(server: Server, chance: random.Random) -> str:
    """An account with rules of its own, and a billogram."""
    server.customer()
    reminders = chance.choice([[], [{"delay_days": 1}, {"delay_days": 2}]])
    settings: dict[str, Any] = {
        "automatic_reminders": reminders,
        "automatic_writeoff": chance.choice([{"settings": None}, {"settings": "all_fees", "amount": 20}]),
        "automatic_collection": chance.choice([{}, {"delay_days": 3, "amount": 10}]),
    }
    server.mock("PATCH", A, {"settings": {"invoices": settings}})
    more: dict[str, Any] = chance.choice([{}, SOON, {"due_days": 3}])
    more |= chance.choice([{}, {"currency": "EUR"}])
    if "currency" in more and chance.random() < 0.7:
        server.post("/sepa_dd_mandate", MANDATE | {"customer_no": 1})
        plan = chance.choice([["ok"], ["reject.AM04"], [{"then": "refund.MD06", "after": "3d"}]])
        server.mock("PUT", f"{A}/outcomes", {"match": None, "plan": plan})
    if chance.random() < 0.5:
        currency = {"currency": more["currency"]} if "currency" in more else {}
        sent = chance.choice([None, {"command": "send", "method": "DoNotNotify"}])
        server.draft(customer={"customer_no": 1}, on_success=sent, **BACK, **currency)
    kind = chance.choice([{}, {}, {}, {}, BACK])
    key: str = server.draft(customer={"customer_no": 1}, **more, **kind)["id"]
    if chance.random() < 0.8:
        server.command(key, "send", {"method": "Email"})
    return key


def stir(server: Server, chance: random.Random, key: str) -> None:
    """Something happens; it may be refused."""
    match chance.randrange(8):
        case 0 | 1:
            server.mock("POST", f"{A}/clock/advance", {"by": chance.choice(["1d", "3d", "2h", "20d"])})
        case 2:
            amount = chance.choice([20, 125, 200])
            scheme = chance.choice([{}, {"scheme": "SEPA_DIRECT_DEBIT"}])
            server.mock("POST", f"{A}/payments", {"billogram": key, "amount": amount} | scheme)
        case 3:
            deed = chance.choice(
                ["factoring-accept", "factoring-deny", "collection-end", "collection-cancel"]
            )
            server.mock("POST", f"{A}/billograms/{key}/simulate/{deed}")
        case 4:
            feature = chance.choice(["standalone_credits", "collection", "factoring"])
            server.mock("PATCH", A, {"features": {feature: chance.random() < 0.3}})
        case 5:
            server.command(key, "send", {"method": "Email"})
        case _:
            name = chance.choice([each for each in ALL if each not in ("delete", "attach")])
            found = [step for step in allowed(server, key) if named(step) == name]
            if found:
                asked(server, name, key, found[0]["body"])


def allowed(server: Server, key: str) -> list[dict[str, Any]]:
    """What is allowed now, by the explanation of something that is always refused."""
    found: list[dict[str, Any]] = explained(server, server.command(key, "message", {}))["allowed"]["commands"]
    return found


def hold(server: Server, key: str, name: str) -> None:
    """What is said of a command is true; the account is as before afterwards."""
    possible = {named(step): step for step in allowed(server, key)}
    found = explained(server, asked(server, name, key, {"unknown": 1}))
    assert bool(found["how"]) or name not in possible
    assert server.mock("POST", f"{A}/snapshots", {"name": "here"}).status == 201
    if name in possible:
        assert asked(server, name, key, possible[name]["body"]).status == 200
        assert server.mock("POST", f"{A}/snapshots/here/restore").status == 200
    carry_out(server, found["how"] or found["instead"])
    server.mock("POST", f"{A}/snapshots/here/restore")
    server.mock("DELETE", f"{A}/snapshots/here")


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(8, 100))]
)
def test_a_walk(server: Server, seed: int) -> None:
    chance = random.Random(seed)
    key = begin(server, chance)
    for _ in range(STEPS):
        stir(server, chance, key)
        for name in chance.sample([each for each in ALL if each != "delete"], COMMANDS):
            hold(server, key, name)
