"""Actions: each allowed one is accepted and does what it says, each refused one is refused (control 1)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from mockserver.core.machine import public_state
from mockserver.core.showing import render_sums
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server

A = f"/accounts/{ACCOUNT}"


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
