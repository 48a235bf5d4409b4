"""Live clocks: what falls due comes by itself, whatever the machine's clock does (behaviour 6.1)."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mockserver import clock_runner
from mockserver.clock_runner import Alarm
from mockserver.log.sqlite import SQLiteLog
from tests.control.test_clock import CLOCK, FREE, TimedServer, moments, told
from tests.log.test_held_commit import PATIENCE
from tests.server import ACCOUNT, Server

DUE = {"invoice_date": "2026-03-02", "due_date": "2026-04-01"} | FREE
REMINDED = {"automatic_reminders_settings": [{"delay_days": 5, "message": ""}]}
COLLECTED = {"automatic_collection": {"delay_days": 10, "amount": 1}}
POST = {"command": "send", "method": "Email+Letter"}
WITHIN = 1.0  # seconds, says the reference; a busy machine gets a few more

# each entry: what makes it, by which rule it comes, and when
NIGHT = ("overdue", "2026-04-01 22:05:00")
ENTRIES: dict[str, tuple[dict[str, Any], str | None, list[tuple[str, str]]]] = {
    "overdue": ({}, None, [NIGHT]),
    "letter": ({"on_success": POST}, None, [("letter", "2026-03-04 09:00:00"), NIGHT]),
    "reminder": (REMINDED, None, [NIGHT, ("reminder", "2026-04-06 06:00:00")]),
    "respite": ({}, "2026-04-10", [("respite", "2026-04-10 22:05:00"), ("overdue", "2026-04-10 22:05:00")]),
    "collection": (
        COLLECTED,
        None,
        [NIGHT, ("collection", "2026-04-11 07:00:00"), ("collection news", "2026-04-13 08:00:00")],
    ),
    "all": (
        {"on_success": POST} | REMINDED | COLLECTED,
        "2026-04-10",
        [
            ("letter", "2026-03-04 09:00:00"),
            ("respite", "2026-04-10 22:05:00"),
            ("overdue", "2026-04-10 22:05:00"),
            ("reminder", "2026-04-15 06:00:00"),
            ("collection", "2026-04-25 07:00:00"),
            ("collection news", "2026-04-27 08:00:00"),
        ],
    ),
}


_LOOK = clock_runner._LOOK


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock is looked at more often, so that the tests take less time."""
    assert _LOOK < WITHIN
    monkeypatch.setattr(clock_runner, "_LOOK", 0.05)


def made(server: Server, name: str) -> list[tuple[str, str]]:
    """A billogram that such entries are of; the entries."""
    terms, respite, entries = ENTRIES[name]
    sent = {"on_success": {"command": "send", "method": "Email"}} | DUE | terms
    key = server.draft(**sent)["id"]
    if respite is not None:
        server.command(key, "respite", {"date": respite})
    return entries


def done(server: Server) -> list[tuple[str, str]]:
    """What came by itself, as the log has it; nothing is settled by looking."""

    async def read() -> list[tuple[str, str]]:
        stream = (await server.emulator.log.pointers())[f"account:{ACCOUNT}"]
        return [
            (record.rule, record.at.isoformat(" ", "seconds")[:19])
            async for record in server.emulator.log.read(stream)
            if record.cause == "clock" and record.rule != "reports"
        ]

    return server.run(read())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def position_of(server: Server, beyond: int) -> float:
    """Wait until there is more in the log by itself; how long that took."""
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    begun = monotonic()
    async with asyncio.timeout(PATIENCE):
        while live.durable <= beyond:
            await live.signal.wait(live.signal.count)
    return monotonic() - begun


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_comes_by_itself_when_its_moment_has_come(timed: TimedServer, name: str) -> None:
    """Half a second before nothing has happened; then the machine's clock is set half a second further."""
    entries = made(timed, name)
    for index, (_, moment) in enumerate(entries):
        if index and entries[index - 1][1] == moment:
            continue  # came with the one before
        timed.real = at(moment) - timedelta(seconds=0.5)
        timed.run(asyncio.sleep(0.01))
        assert done(timed) == entries[:index]
        before = timed.position()
        timed.real = at(moment)
        took = timed.run(position_of(timed, before))
        assert took < WITHIN + 2
        timed.run(asyncio.sleep(0))
    assert done(timed) == entries
    assert not [each for each in timed.state().agenda.entries() if each.rule != "reports"]
    assert timed.fold().image() == timed.image()


@pytest.fixture
def timed() -> Iterator[TimedServer]:
    server = TimedServer()
    yield server
    server.close()


def opened(file: Path, real: str) -> TimedServer:
    return TimedServer(SQLiteLog(file), real)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_fell_due_while_the_server_was_down_comes_at_its_start(tmp_path: Path, name: str) -> None:
    """By itself, each at its own moment, in order; between two restarts nothing comes twice."""
    file = tmp_path / "log.db"
    server = opened(file, "2026-03-02T09:00:00")
    try:
        entries = made(server, name)
    finally:
        server.close()
    for real in ("2026-04-02T00:00:00", "2026-04-02T00:00:00", "2026-05-01T00:00:00", "2026-05-02T00:00:00"):
        again = opened(file, real)
        try:
            again.run(again.open_all())
            due = [entry for entry in entries if at(entry[1]) <= again.real]
            again.run(_all_done(again))
            assert done(again) == due
            assert moments(again) == sorted(moments(again))
            assert again.fold().image() == again.image()
        finally:
            again.close()


async def _all_done(server: TimedServer) -> None:
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    async with asyncio.timeout(PATIENCE):
        while (due := live.state.agenda.head()) is not None and due.at <= server.real:
            await live.signal.wait(live.signal.count)
        while live.durable < live.position:
            await live.signal.wait(live.signal.count)


def test_a_machine_whose_clock_goes_back(timed: TimedServer) -> None:
    """The account's stands until the machine's has caught up; nothing comes twice, nothing is lost."""
    entries = made(timed, "reminder")
    timed.real = at("2026-04-03 00:00:00")
    shown = timed.mock("GET", CLOCK).json["now"]
    assert done(timed) == entries[:1]
    timed.pass_by(days=-200)
    for _ in range(3):
        timed.run(asyncio.sleep(0.02))
        assert timed.mock("GET", CLOCK).json["now"] == "2026-04-02T00:05:00+02:00"  # its last act
    assert shown > "2026-04-02T00:05:00+02:00"
    assert done(timed) == entries[:1]
    key = next(iter(timed.state().billograms))
    timed.command(key, "message", {"message": "?"})
    assert told(timed, key)[-1] == ("CreditorMessage", "2026-04-01 22:05:00")
    timed.real = at(entries[1][1])
    timed.run(position_of(timed, timed.position()))
    assert done(timed) == entries
    assert moments(timed) == sorted(moments(timed))


def test_a_machine_that_goes_back_while_down(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    server = opened(file, "2026-03-02T09:00:00")
    try:
        entries = made(server, "reminder")
        server.real = at("2026-04-03 00:00:00")
        server.get("/settings")
    finally:
        server.close()
    again = opened(file, "2026-01-01T00:00:00")
    try:
        assert again.mock("GET", CLOCK).json["now"] == "2026-04-02T00:05:00+02:00"
        again.real = at("2026-04-20 00:00:00")
        again.run(_all_done(again))
        assert done(again) == entries
    finally:
        again.close()


@pytest.mark.parametrize("set_by", [3600.0, -3600.0])
def test_an_alarm_rings_when_the_machine_s_clock_was_set(set_by: float) -> None:
    rung: list[float] = []
    lag = [0.0]

    def real_time() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=lag[0])

    async def story() -> None:
        alarm = Alarm(lambda: rung.append(monotonic()), real_time)
        alarm.within(25)
        await asyncio.sleep(clock_runner._LOOK * 1.5)
        assert rung == []
        lag[0] = set_by
        begun = monotonic()
        async with asyncio.timeout(PATIENCE):
            while not rung:  # noqa: ASYNC110  # sets no event
                await asyncio.sleep(0.01)
        assert rung[0] - begun < WITHIN + 2
        await asyncio.sleep(clock_runner._LOOK * 1.5)
        assert len(rung) == 1
        alarm.stop()

    asyncio.run(story())


def test_nothing_rings_for_frozen_clocks_alone(server: Server) -> None:
    made(server, "all")
    assert server.emulator.time._alarm._handle is None
    server.mock("PUT", CLOCK, {"mode": "live"})
    assert server.emulator.time._alarm._handle is not None


def test_speed_makes_them_come_sooner(timed: TimedServer) -> None:
    """A thousand times as fast: what comes in 40 days comes after 58 minutes."""
    entries = made(timed, "all")
    timed.mock("PUT", CLOCK, {"speed": 1000})
    start = timed.real
    for index, (_, moment) in enumerate(entries):
        if index and entries[index - 1][1] == moment:
            continue
        after = (at(moment) - start) / 1000
        timed.real = start + after - timedelta(seconds=0.1)
        timed.run(asyncio.sleep(0.01))
        assert done(timed) == entries[:index]
        before = timed.position()
        timed.real = start + after + timedelta(microseconds=1)
        timed.run(position_of(timed, before))
    assert done(timed) == entries
