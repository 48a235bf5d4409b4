"""How far a long move of the clock has come, as the live timeline tells it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mockserver import clock_runner
from mockserver.control import timeline
from tests.control.test_timeline import Live, at_rest, listed
from tests.control.test_waiting import CONTROL, DRAFT, Holding, Patient, born, control
from tests.log.test_held_commit import PATIENCE, Ask

BILLS = 12
ACTS = BILLS + 2  # the reports of two months
SENT = DRAFT | {"on_success": {"command": "send", "method": "Email"}}
START, END = "2026-03-02T10:00:00+01:00", "2026-05-01T10:00:00+02:00"
MOVE = Ask("POST", f"{CONTROL}/clock/advance", {"to": END})


def told(body: bytes) -> list[Any]:
    """The events `progress` of a stream; they have no id."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        name, *lines = block.split("\n")
        if name == "event: progress":
            [data] = lines
            found.append(json.loads(data.removeprefix("data: ")))
    return found


@pytest.fixture(params=["memory", "file"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Patient]:
    made = Patient(database="memory" if request.param == "memory" else str(tmp_path / "kept.db"))
    yield made
    made.close()


@pytest.fixture
def holding() -> Iterator[Holding]:
    made = Holding()
    yield made
    made.close()


@pytest.fixture
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every move takes long, and others get their turn after each entry."""
    monkeypatch.setattr(timeline, "_LONG", 0.0)
    monkeypatch.setattr(timeline, "_EVERY", 0.0)
    monkeypatch.setattr(clock_runner, "_TURN", -1.0)


async def bills(server: Patient) -> None:
    """A dozen, each due on a day of its own."""
    await born(server, None)
    for day in range(1, BILLS + 1):
        body = SENT | {"invoice_date": "2026-03-02", "due_date": f"2026-04-{day:02}", "interest_rate": 0}
        assert (await Ask("POST", "/billogram", body).of(server)).status == 200


async def ended(server: Patient, live: Live) -> list[Any]:
    """What a stream has told of a move, once the last of it has come."""
    async with asyncio.timeout(PATIENCE):
        while not (found := told(live.caller.body)) or found[-1]["now"] != END:
            await live.caller.more()
    return found


@pytest.mark.usefixtures("_always")
def test_a_long_move_tells_how_far_it_has_come(kept: Patient) -> None:
    async def story() -> None:
        await bills(kept)
        live, only = Live(kept), Live(kept, query="?kind=progress")
        await live.caught_up(await listed(kept))
        moved = (await MOVE.of(kept)).json
        for each in (live, only):
            found = await ended(kept, each)
            assert all(event.keys() == {"from", "to", "now", "count"} for event in found)
            assert {(event["from"], event["to"]) for event in found} == {(START, END)}
            for name in ("now", "count"):
                assert [event[name] for event in found] == sorted(event[name] for event in found)
            assert (found[-1]["now"], found[-1]["count"]) == (moved["to"], moved["count"]) == (END, ACTS)
        if kept.emulator.log.volatile:  # a file may have it in one commit
            assert len(told(live.caller.body)) > 2
        await at_rest(kept)
        rows = await listed(kept)
        assert await live.caught_up(rows) == rows
        assert only.rows == []
        await live.hang_up()
        await only.hang_up()

    kept.tell(story())


def test_a_short_move_tells_nothing(kept: Patient) -> None:
    async def story() -> None:
        await bills(kept)
        live = Live(kept)
        await MOVE.of(kept)
        await at_rest(kept)
        await live.caught_up(await listed(kept))
        assert told(live.caller.body) == []
        await live.hang_up()

    kept.tell(story())


@pytest.mark.usefixtures("_always")
def test_a_dry_run_tells_nothing(kept: Patient) -> None:
    async def story() -> None:
        await bills(kept)
        live = Live(kept)
        trial = await Ask("POST", f"{CONTROL}/clock/advance", {"to": END, "dry_run": True}).of(kept)
        assert trial.json["count"] == ACTS
        await live.caught_up(await listed(kept))
        assert told(live.caller.body) == []
        await live.hang_up()

    kept.tell(story())


def test_not_more_often_than_it_should(holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nothing happens: the commit is held for a while."""
    monkeypatch.setattr(timeline, "_LONG", 0.1)
    monkeypatch.setattr(timeline, "_EVERY", 0.05)

    async def story() -> None:
        await bills(holding)
        live = Live(holding, query="?kind=progress")
        while b"the timeline" not in live.caller.body:
            await live.caller.more()
        holding.log.holding = True
        begun = monotonic()
        moving_on = asyncio.ensure_future(MOVE.of(holding))
        came = []
        async with asyncio.timeout(PATIENCE):
            while len(told(live.caller.body)) < 4:
                await live.caller.more()
                came.append(monotonic())
        assert came[0] - begun >= 0.1
        assert came[-1] - came[0] >= 3 * 0.05 - 0.02  # each as late as the one before it, or a little less
        holding.log.let_go()
        await moving_on
        await ended(holding, live)
        await live.hang_up()

    holding.tell(story())


@pytest.mark.usefixtures("_always")
def test_what_is_not_on_disk_is_not_told(holding: Holding) -> None:
    """While the commit is held, the move has come to nothing yet; then all of it is there."""

    async def story() -> None:
        await bills(holding)
        live = Live(holding, query="?kind=progress")
        while b"the timeline" not in live.caller.body:
            await live.caller.more()
        holding.log.holding = True
        moving_on = asyncio.ensure_future(MOVE.of(holding))
        async with asyncio.timeout(PATIENCE):
            while not told(live.caller.body):
                await live.caller.more()
        for _ in range(200):
            await asyncio.sleep(0)
        assert {(event["now"], event["count"]) for event in told(live.caller.body)} == {(START, 0)}
        holding.log.let_go()
        assert (await moving_on).status == 200
        assert (await ended(holding, live))[-1]["count"] == ACTS
        await live.hang_up()

    holding.tell(story())


@pytest.mark.usefixtures("_always")
def test_a_reset_in_the_middle(kept: Patient) -> None:
    async def story() -> None:
        await bills(kept)
        live = Live(kept)
        moving_on = asyncio.ensure_future(MOVE.of(kept))
        for _ in range(30):
            await asyncio.sleep(0)
        await control(kept, "POST", "/reset")
        assert (await moving_on).status == 200
        await at_rest(kept)
        rows = await listed(kept)
        assert (await live.caught_up(rows))[-len(rows) :] == rows
        await live.hang_up()

    kept.tell(story())


def test_rows_of_one_kind(kept: Patient) -> None:
    async def story() -> None:
        await bills(kept)
        await MOVE.of(kept)
        await at_rest(kept)
        rows = await listed(kept)
        for kind in timeline.KINDS:
            wanted = [row for row in rows if row["kind"] == kind]
            assert await listed(kept, f"?kind={kind}") == wanted
            assert wanted or kind in ("delivery", "attempt", "refusal", "progress")
            live = Live(kept, query=f"?kind={kind}")
            assert await live.caught_up(wanted) == wanted
            await live.hang_up()
        bad = await Ask("GET", f"{CONTROL}/timeline?kind=acts").of(kept)
        assert (bad.status, bad.json["error"]["code"]) == (400, "invalid_query")

    kept.tell(story())
