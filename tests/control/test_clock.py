"""The clock of an account: set, moved, running by itself (reference: control 1, behaviour 6.1)."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mockserver import clock_runner
from mockserver.core import accounts
from mockserver.core.act import Act
from mockserver.core.model import replace
from mockserver.emulator import Defaults, Emulator, NewAccount
from mockserver.log.interface import Log
from mockserver.log.memory import MemoryLog
from mockserver.log.sqlite import SQLiteLog
from tests.documented import hold_control
from tests.log.test_held_commit import PATIENCE, Ask, HeldServer, billogram, quiet
from tests.log.test_unwritable import FaultyLog, compare, refused
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server, without_reports

CLOCK = f"/accounts/{ACCOUNT}/clock"
ADVANCE = f"{CLOCK}/advance"
INBOX = {"url": "mock:inbox"}
START = "2026-03-02T10:00:00+01:00"
NIGHT = "2026-04-01 22:05:00"  # 00:05 in Stockholm on the day after the due date 2026-04-01
BOTH = [("Overdue", NIGHT), ("InterestStarted", NIGHT)]
FREE = {"interest_rate": 0}


def advance(server: Server, **body: Any) -> Any:
    """A move; the monthly reports on the way are left out of its answer."""
    answer = server.mock("POST", ADVANCE, body)
    assert answer.status == 200, answer.body
    return without_reports(answer.json)


def told(server: Server, key: str) -> list[tuple[str, str]]:
    """Each event of a billogram after its sending, and when it was; nothing is settled by looking."""
    found = server.state().billograms[key].events
    return [(type(e).__name__, e.mark.at.isoformat(" ", "seconds")[:19]) for e in found[2:]]


def moments(server: Server) -> list[datetime]:
    """Of all acts that the log has."""

    async def read() -> list[datetime]:
        stream = (await server.emulator.log.pointers())[f"account:{ACCOUNT}"]
        return [record.at async for record in server.emulator.log.read(stream)]

    return server.run(read())


def due(day: int, month: int = 4, **more: Any) -> dict[str, Any]:
    """What is due on a day; interest is free unless asked for."""
    return {"invoice_date": "2026-03-02", "due_date": f"2026-{month:02}-{day:02}"} | FREE | more


class TimedServer(Server):
    """Its machine's clock is under the test's control; new accounts are live."""

    def __init__(self, log: Log | None = None, real: str = "2026-03-02T09:00:00") -> None:
        super().__init__(log, clock="live")
        self.real = datetime.fromisoformat(real).replace(tzinfo=UTC)
        self.emulator._real_time = lambda: self.real

    def pass_by(self, **span: float) -> None:
        self.real += timedelta(**span)


@pytest.fixture
def timed() -> Iterator[TimedServer]:
    made = TimedServer()
    yield made
    made.close()


async def until(condition: Callable[[], bool], signal_of: Server) -> None:
    """Wait for something that happens by itself; nobody asks the server anything."""
    live = signal_of.emulator.live(ACCOUNT)
    assert live is not None
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await live.signal.wait()


def idle(server: Server) -> None:
    """Wait until all callbacks have been sent."""
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    deliveries = server.sender.deliveries(live)
    server.run(until(lambda: not deliveries.busy, server))


def with_inbox(server: Server) -> None:
    """The account, with a receiver of its own inside the server."""
    made = server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": INBOX})
    assert made.status == 201


def inbox(server: Server) -> Any:
    idle(server)
    return server.mock("GET", f"/accounts/{ACCOUNT}/inbox").json


def nothing_due(server: Server) -> Callable[[], bool]:
    return lambda: all(each.rule == "reports" for each in server.state().agenda.entries())


# set


def test_a_frozen_clock_stands_and_moves_when_told(server: Server) -> None:
    assert server.draft()["invoice_date"] == "2026-03-02"
    shown = server.mock("GET", CLOCK).json
    assert (shown["mode"], shown["now"]) == ("frozen", START)
    moved = server.mock("PUT", CLOCK, {"now": "2026-03-31T22:00:00Z"}).json
    assert moved["now"] == "2026-04-01T00:00:00+02:00"
    made = server.draft()
    assert (made["invoice_date"], made["created_at"]) == ("2026-04-01", "2026-03-31 22:00:00")
    assert server.mock("PUT", CLOCK, {"timezone": "UTC"}).json["now"] == "2026-03-31T22:00:00+00:00"
    assert server.draft()["invoice_date"] == "2026-03-31"
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("now", "happens"),
    [
        ("2026-03-02T09:00:00Z", []),
        ("2026-04-02T00:04:59.999999+02:00", []),
        ("2026-04-02T00:05:00+02:00", BOTH),
        ("2026-04-01T22:05:00Z", BOTH),
        ("2031-12-31T00:00:00-05:00", BOTH),
    ],
)
@pytest.mark.parametrize("way", ["put", "to"])
def test_a_later_moment_carries_out_what_is_due(
    server: Server, now: str, happens: list[tuple[str, str]], way: str
) -> None:
    key = server.sent()["id"]
    if way == "put":
        shown = server.mock("PUT", CLOCK, {"now": now}).json["now"]
    else:
        shown = advance(server, to=now)["to"]
    assert datetime.fromisoformat(shown) == datetime.fromisoformat(now)
    assert server.mock("GET", CLOCK).json["now"] == shown
    assert told(server, key) == happens
    assert server.get(f"/billogram/{key}").data["state"] == ("Overdue" if happens else "Unpaid")
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    "body",
    [
        {"now": "2026-03-02T08:59:59.999999Z"},
        {"now": "2026-03-01T10:00:00+01:00", "mode": "live", "timezone": "UTC", "speed": 5},
    ],
)
def test_an_earlier_moment_is_refused_and_nothing_of_the_body_is_done(
    server: Server, body: dict[str, Any]
) -> None:
    server.sent()
    image, position = server.image(), server.position()
    answer = server.mock("PUT", CLOCK, body)
    assert (answer.status, answer.json["error"]["code"]) == (409, "clock_backwards")
    assert (server.image(), server.position()) == (image, position)


def test_everything_at_once(timed: TimedServer) -> None:
    """The move is made in the old zone and mode; from its end on the new ones hold."""
    key = timed.sent()["id"]
    body = {"mode": "frozen", "now": "2026-04-02T12:00:00Z", "timezone": "Asia/Tokyo", "speed": 60}
    shown = timed.mock("PUT", CLOCK, body).json
    assert shown == {
        "mode": "frozen",
        "now": "2026-04-02T21:00:00+09:00",
        "timezone": "Asia/Tokyo",
        "speed": 60,
    }
    assert told(timed, key) == BOTH
    timed.pass_by(days=1)
    assert timed.mock("GET", CLOCK).json == shown
    shown = timed.mock("PUT", CLOCK, {"mode": "live", "now": "2026-04-03T00:00:00Z"}).json
    assert (shown["mode"], shown["speed"]) == ("live", 60)
    timed.pass_by(minutes=2)
    assert timed.mock("GET", CLOCK).json["now"] == "2026-04-03T11:00:00+09:00"
    assert timed.fold().image() == timed.image()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"mode": "fast"}, "mode"),
        ({"now": "2026-05-01"}, "now"),
        ({"now": "2026-05-01T00:00:00"}, "now"),
        ({"now": 1777593600}, "now"),
        ({"now": "1777593600"}, "now"),
        ({"now": "+1777593600"}, "now"),
        ({"now": "-1"}, "now"),
        ({"now": "9999-01-01T00:00:00Z"}, "now"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"speed": 0}, "speed"),
        ({"speed": -1}, "speed"),
        ({"speed": 1_000_001}, "speed"),
        ({"speed": "NaN"}, "speed"),
        ({"then": "2026-05-01T00:00:00Z"}, "then"),
    ],
)
def test_a_bad_clock_names_the_member(server: Server, body: dict[str, Any], named: str) -> None:
    server.sent()
    image, position = server.image(), server.position()
    answer = server.mock("PUT", CLOCK, body | ({} if "now" in body else {"now": "2026-05-01T00:00:00Z"}))
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_body")
    assert named in answer.json["error"]["message"]
    assert (server.image(), server.position()) == (image, position)


# moved


@pytest.mark.parametrize(
    ("body", "to"),
    [
        ({"by": "0s"}, START),
        ({"by": "0.3s"}, "2026-03-02T10:00:00.300000+01:00"),
        ({"by": "15m"}, "2026-03-02T10:15:00+01:00"),
        ({"by": "PT2H"}, "2026-03-02T12:00:00+01:00"),
        ({"by": "30d"}, "2026-04-01T10:00:00+02:00"),  # calendar days: the same local time
        ({"by": "720h"}, "2026-04-01T11:00:00+02:00"),  # hours are absolute
        ({"by": "P1M"}, "2026-04-02T10:00:00+02:00"),
        ({"by": "1mo"}, "2026-04-02T10:00:00+02:00"),
        ({"by": "2w"}, "2026-03-16T10:00:00+01:00"),
        ({"by": "P1Y2M3DT4H5M6.5S"}, "2027-05-05T14:05:06.500000+02:00"),
        ({"to": "2026-04-02T00:05:00+02:00"}, "2026-04-02T00:05:00+02:00"),
        ({"to": "2026-03-02T09:00:00Z"}, START),
        ({"until": "next"}, "2026-04-01T00:15:00+02:00"),
        ({"by": "1d", "to": None, "until": None}, "2026-03-03T10:00:00+01:00"),
    ],
)
def test_how_far_a_move_goes(server: Server, body: dict[str, Any], to: str) -> None:
    server.sent()
    tried = advance(server, **body, dry_run=True)
    moved = advance(server, **body)
    assert (moved["from"], moved["to"]) == (START, to)
    assert tried == moved
    assert server.mock("GET", CLOCK).json["now"] == to
    passed = datetime.fromisoformat(to) >= datetime.fromisoformat("2026-04-02T00:05:00+02:00")
    assert moved["count"] == len(moved["happened"]) == (2 if passed else 0)


@pytest.mark.parametrize(
    ("now", "by", "to"),
    [
        # the local time that is skipped: the first instant after it; the double one: the first
        ("2026-03-28T02:30:00+01:00", "1d", "2026-03-29T03:00:00+02:00"),
        ("2026-03-28T10:00:00+01:00", "24h", "2026-03-29T11:00:00+02:00"),
        ("2026-10-24T02:30:00+02:00", "P1D", "2026-10-25T02:30:00+02:00"),
        ("2026-10-24T02:30:00+02:00", "25h", "2026-10-25T02:30:00+01:00"),
        ("2028-01-31T10:00:00+01:00", "1mo", "2028-02-29T10:00:00+01:00"),
        ("2027-01-31T10:00:00+01:00", "1mo", "2027-02-28T10:00:00+01:00"),
        ("2028-02-29T10:00:00+01:00", "1y", "2029-02-28T10:00:00+01:00"),
        ("2028-02-28T10:00:00+01:00", "1d", "2028-02-29T10:00:00+01:00"),
        ("2026-08-31T10:00:00+02:00", "P1M", "2026-09-30T10:00:00+02:00"),
    ],
)
def test_steps_of_the_calendar(now: str, by: str, to: str) -> None:
    server = Server(now=datetime.fromisoformat(now))
    try:
        server.get("/settings")
        moved = advance(server, by=by)
        assert (moved["from"], moved["to"]) == (now, to)
    finally:
        server.close()


BAD_MOVES: list[tuple[Any, int, str, str]] = [
    ({}, 400, "invalid_body", "exactly one"),
    ({"dry_run": True}, 400, "invalid_body", "exactly one"),
    ({"by": None}, 400, "invalid_body", "exactly one"),
    ({"by": "1d", "to": "2026-04-02T00:00:00Z"}, 400, "invalid_body", "exactly one"),
    ({"by": "1d", "until": "next"}, 400, "invalid_body", "exactly one"),
    ({"by": ""}, 400, "invalid_body", "by"),
    ({"by": "soon"}, 400, "invalid_body", "by"),
    ({"by": "-1d"}, 400, "invalid_body", "by"),
    ({"by": "1"}, 400, "invalid_body", "by"),
    ({"by": "P"}, 400, "invalid_body", "by"),
    ({"by": "d" * 101}, 400, "invalid_body", "by"),
    ({"by": 5}, 400, "invalid_body", "by"),
    ({"by": "9999y"}, 400, "invalid_body", "by"),
    ({"by": f"{'9' * 30}h"}, 400, "invalid_body", "by"),
    ({"to": "2026-04-02"}, 400, "invalid_body", "to"),
    ({"to": "2026-04-02T00:05:00"}, 400, "invalid_body", "to"),
    ({"to": "9999-01-01T00:00:00Z"}, 400, "invalid_body", "to"),
    ({"to": 1777593600}, 400, "invalid_body", "to"),
    ({"to": "+1777593600"}, 400, "invalid_body", "to"),
    ({"to": "2026-03-02T08:59:59Z"}, 409, "clock_backwards", "back"),
    ({"until": "then"}, 400, "invalid_body", "until"),
    ({"by": "1d", "dry_run": "perhaps"}, 400, "invalid_body", "dry_run"),
    ({"by": "1d", "steps": 2}, 400, "invalid_body", "steps"),
    ([], 400, "invalid_body", "object"),
    ("next", 400, "invalid_body", "object"),
    (b"{", 400, "invalid_json", "JSON"),
    (NO_BODY, 400, "invalid_body", "exactly one"),
]


@pytest.mark.parametrize(("body", "status", "code", "named"), BAD_MOVES)
def test_a_move_that_is_none(server: Server, body: Any, status: int, code: str, named: str) -> None:
    server.sent()
    image, position = server.image(), server.position()
    answer = server.mock("POST", ADVANCE, body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert named in answer.json["error"]["message"]
    assert (server.image(), server.position()) == (image, position)
    assert advance(server, by="31d")["count"] == 2  # the queue of moves is free


@pytest.mark.parametrize("dry_run", [True, False])
def test_until_next_with_an_empty_agenda(server: Server, dry_run: bool) -> None:
    server.draft()
    image, position = server.image(), server.position()
    assert advance(server, until="next", dry_run=dry_run) == {
        "from": START,
        "to": START,
        "count": 0,
        "happened": [],
    }
    assert (server.image(), server.position()) == (image, position)


def test_until_next_walks_from_moment_to_moment(server: Server) -> None:
    """All entries of one moment belong to one step."""
    first, second, third = (server.sent(**due(*day))["id"] for day in ((5,), (1,), (5,)))
    steps = []
    for _ in range(4):
        moved = advance(server, until="next")
        steps.append((moved["to"], [each["billogram"] for each in moved["happened"]]))
    assert steps == [
        ("2026-04-01T00:15:00+02:00", []),  # reports, as claims are open
        ("2026-04-02T00:05:00+02:00", [second]),
        ("2026-04-06T00:05:00+02:00", [first, third]),
        ("2026-05-01T00:15:00+02:00", []),
    ]


def test_what_happened_is_told_as_billogram_event_tells_it(server: Server) -> None:
    key = server.sent()["id"]
    moved = advance(server, by="2mo")
    query = f"filter_type=field&filter_field=billogram_id&filter_value={key}"
    listed = server.get(f"/billogram_event?page=1&page_size=100&{query}").data
    at = "2026-04-02T00:05:00+02:00"
    assert moved["happened"] == [
        {"at": at, "rule": "overdue", "billogram": key, "events": [listed[2]]},
        {"at": at, "rule": "interest", "billogram": key, "events": [listed[3]]},
    ]
    assert [(each["type"], each["created_at"]) for each in listed[2:]] == BOTH


def test_the_first_thousand_acts_are_named_and_all_are_counted(server: Server) -> None:
    customer = {"customer_no": server.customer()}
    for _ in range(501):
        server.sent(customer=customer)
    tried = server.mock("POST", ADVANCE, {"by": "2mo", "dry_run": True}).json
    moved = server.mock("POST", ADVANCE, {"by": "2mo"}).json
    assert tried == moved
    assert (moved["count"], len(moved["happened"])) == (1004, 1000)  # with the reports of two months
    keys = list(server.state().billograms)
    assert [each["billogram"] for each in moved["happened"]] == [None, *keys, *keys[:498]]
    rows = server.mock("GET", f"/accounts/{ACCOUNT}/timeline?limit=10000").json
    acts = [row for row in rows if row["kind"] == "act" and row["rule"] in ("overdue", "interest")]
    assert [row["billograms"] for row in acts] == [[key] for key in keys + keys]


def test_the_callbacks_of_a_move_are_recorded_at_the_moments_of_their_acts(server: Server) -> None:
    with_inbox(server)
    server.sent(**due(1))
    server.sent(**due(20))
    advance(server, by="3mo")
    got = inbox(server)
    assert [(each["json"]["event"]["type"], each["received_at"]) for each in got][4:] == [
        ("Overdue", "2026-04-02T00:05:00+02:00"),
        ("Overdue", "2026-04-21T00:05:00+02:00"),
    ]
    assert [each["json"]["callback_timestamp"] for each in got][4:] == [
        "2026-04-01T22:05:00.000000Z",
        "2026-04-20T22:05:00.000000Z",
    ]


# tried


def _little_world(server: Server) -> None:
    """Something of all that the agenda knows, and of what it does not."""
    customer = {"customer_no": server.customer()}
    server.sent(customer=customer)
    server.sent(customer=customer, **due(1))
    partly = server.sent(customer=customer, currency="EUR")["id"]
    server.command(partly, "payment", {"amount": 25})
    server.sent(customer=customer, invoice_date="2026-03-02", due_date="2026-03-05")
    server.sent(customer=customer, invoice_date="2026-01-01", due_date="2026-02-20")
    server.draft(customer=customer)
    paid = server.sent(customer=customer)["id"]
    server.mock("POST", f"/accounts/{ACCOUNT}/payments", {"amount": 126, "billogram": paid})


@pytest.mark.parametrize(
    "body",
    [
        {"by": "0s"},
        {"by": "3d"},
        {"by": "P2M"},
        {"to": "2026-04-02T00:05:00+02:00"},
        {"until": "next"},
    ],
)
def test_a_dry_run_tells_what_the_move_then_does_and_changes_nothing(
    server: Server, body: dict[str, Any]
) -> None:
    with_inbox(server)
    _little_world(server)
    for _ in range(12):  # reports are made each month while claims are open
        got, image, position = inbox(server), server.image(), server.position()
        tried = server.mock("POST", ADVANCE, body | {"dry_run": True})
        again = server.mock("POST", ADVANCE, body | {"dry_run": True})
        assert (server.image(), server.position()) == (image, position)
        assert server.fold().image() == image
        assert inbox(server) == got
        moved = server.mock("POST", ADVANCE, body)
        assert moved.status == 200
        assert tried.body == again.body == moved.body
        if "until" not in body:
            break
    assert server.fold().image() == server.image()


@pytest.fixture
def held() -> Iterator[HeldServer]:
    """A log whose commits wait; `test` has a sent billogram."""
    made = HeldServer()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        # what a dry run, or a step, or a refusal could show of an act that is not on disk
        (Ask("POST", "/billogram", billogram("new", on_success={"command": "send", "method": "Email"})),
         Ask("POST", f"/_mock{ADVANCE}", {"by": "2mo", "dry_run": True})),
        (Ask("POST", "/billogram/{sent}/command/payment", {"amount": 125}),
         Ask("POST", f"/_mock{ADVANCE}", {"until": "next"})),
        (Ask("POST", "/billogram/{sent}/command/payment", {"amount": 125}),
         Ask("POST", f"/_mock{ADVANCE}", {"until": "next", "dry_run": True})),
        (Ask("PUT", f"/_mock{CLOCK}", {"now": "2026-03-03T00:00:00Z"}),
         Ask("POST", f"/_mock{ADVANCE}", {"to": "2026-03-02T12:00:00Z"})),
        (Ask("PUT", f"/_mock{CLOCK}", {"now": "2026-03-03T00:00:00Z"}),
         Ask("PUT", f"/_mock{CLOCK}", {"now": "2026-03-02T12:00:00Z"})),
    ],
    ids=["dry run", "empty agenda", "empty agenda tried", "advance back", "put back"],
)  # fmt: skip
def test_no_answer_of_a_move_shows_what_is_not_on_disk(held: HeldServer, first: Ask, then: Ask) -> None:
    sent = held.state().unique_values["sent"]
    first = Ask(first.method, first.path.format(sent=sent), first.body)

    async def story() -> None:
        held.log.holding = True
        writing = asyncio.ensure_future(first.of(held))
        await quiet()
        assert not writing.done()
        reading = asyncio.ensure_future(then.of(held))
        await quiet()
        assert not reading.done()
        held.log.let_go()
        assert (await writing).status < 300
        await reading

    held.run(story())


def test_a_move_is_answered_when_it_is_on_disk(held: HeldServer) -> None:
    async def story() -> None:
        held.log.holding = True
        moving_on = asyncio.ensure_future(Ask("POST", f"/_mock{ADVANCE}", {"by": "2mo"}).of(held))
        await quiet()
        assert not moving_on.done()
        while held.log._held is not None:
            held.log.let_one_go()
            await quiet()
        assert moving_on.done()
        assert without_reports(moving_on.result().json)["count"] == 2

    held.run(story())


# running by itself


def test_modes_speed_and_time_that_never_goes_back() -> None:
    real = [datetime(2026, 1, 1, tzinfo=UTC)]
    log = MemoryLog()
    emulator = Emulator(log, Defaults(), real_time=lambda: real[0])
    server = Server()
    try:
        live = server.run(emulator.open_account(NewAccount("a", "k"), cause="test"))

        def put(**given: object) -> datetime:
            def decide(act: Act) -> None:
                accounts.change(act, replace(act.account, clock=emulator.clock_after(act, given)))

            server.run(emulator.execute(live, decide, cause="test", rule="clock"))
            return emulator.now(live)

        start = real[0]
        assert emulator.now(live) == start
        real[0] += timedelta(hours=1)
        assert emulator.now(live) == start + timedelta(hours=1)  # live
        frozen = put(mode="frozen")
        real[0] += timedelta(hours=5)
        assert emulator.now(live) == frozen == start + timedelta(hours=1)
        assert put(mode="live", speed=24.0) == frozen  # goes on from there
        real[0] += timedelta(hours=1)
        assert emulator.now(live) == frozen + timedelta(days=1)
        put(speed=1.0)
        real[0] -= timedelta(days=30)  # the machine's clock was set back
        assert emulator.now(live) == frozen + timedelta(days=1)
        records = server.run(_all(log))
        assert [at for at, _ in records] == sorted(at for at, _ in records)
    finally:
        server.close()


async def _all(log: MemoryLog) -> list[tuple[datetime, str]]:
    stream = (await log.pointers())["account:a"]
    return [(record.at, record.rule) async for record in log.read(stream)]


def test_live_frozen_live(timed: TimedServer) -> None:
    timed.get("/settings")
    assert timed.mock("GET", CLOCK).json["now"] == START
    timed.pass_by(minutes=5)
    frozen = timed.mock("PUT", CLOCK, {"mode": "frozen"}).json
    assert (frozen["mode"], frozen["now"]) == ("frozen", "2026-03-02T10:05:00+01:00")
    timed.pass_by(hours=5)
    assert timed.mock("GET", CLOCK).json == frozen
    live = timed.mock("PUT", CLOCK, {"mode": "live"}).json
    assert live == frozen | {"mode": "live"}
    timed.pass_by(minutes=1)
    assert timed.mock("GET", CLOCK).json["now"] == "2026-03-02T10:06:00+01:00"
    timed.mock("PUT", CLOCK, {"speed": 3600})
    timed.pass_by(seconds=10)
    assert timed.mock("GET", CLOCK).json["now"] == "2026-03-02T20:06:00+01:00"
    timed.mock("PUT", CLOCK, {"speed": 0.5})
    timed.pass_by(minutes=2)
    assert timed.mock("GET", CLOCK).json["now"] == "2026-03-02T20:07:00+01:00"
    timed.mock("PUT", CLOCK, {"now": "2026-03-03T00:00:00Z"})
    timed.pass_by(minutes=2)
    assert timed.mock("GET", CLOCK).json["now"] == "2026-03-03T01:01:00+01:00"
    assert timed.fold().image() == timed.image()


MOCK = f"/_mock/accounts/{ACCOUNT}"
REQUESTS: dict[str, tuple[str, str, Any, int]] = {
    "billogram": ("GET", "/billogram/{key}", NO_BODY, 200),
    "billograms": ("GET", "/billogram?page=1&page_size=10", NO_BODY, 200),
    "events": (
        "GET",
        "/billogram_event?page=1&page_size=10&filter_type=field&filter_field=billogram_id&filter_value={key}",
        NO_BODY,
        200,
    ),
    "customer": ("GET", "/customer/1", NO_BODY, 200),
    "no customer": ("GET", "/customer/99", NO_BODY, 404),
    "items": ("GET", "/item?page=1&page_size=10", NO_BODY, 200),
    "settings": ("GET", "/settings", NO_BODY, 200),
    "new customer": ("POST", "/customer", {"name": "B"}, 200),
    "payment": ("POST", "/billogram/{key}/command/payment", {"amount": 25}, 200),
    "payment refused": ("POST", "/billogram/{key}/command/payment", {"amount": 126}, 400),
    "credit": ("POST", "/billogram/{key}/command/credit", {"mode": "full"}, 200),
    "account": ("GET", MOCK, NO_BODY, 200),
    "clock": ("GET", f"{MOCK}/clock", NO_BODY, 200),
    "speed": ("PUT", f"{MOCK}/clock", {"speed": 2}, 200),
    "frozen": ("PUT", f"{MOCK}/clock", {"mode": "frozen"}, 200),
    "later": ("PUT", f"{MOCK}/clock", {"now": "2026-05-01T00:00:00Z"}, 200),
    "no move": ("POST", f"{MOCK}/clock/advance", {"by": "0s"}, 200),
    "next": ("POST", f"{MOCK}/clock/advance", {"until": "next"}, 200),
    "agenda": ("GET", f"{MOCK}/agenda", NO_BODY, 200),
    "payments": ("GET", f"{MOCK}/payments", NO_BODY, 200),
    "bank": ("POST", f"{MOCK}/payments", {"amount": 25, "billogram": "{key}"}, 201),
    "message": ("POST", f"{MOCK}/billograms/{{key}}/simulate/message", {"message": "?"}, 200),
    "callbacks": ("GET", f"{MOCK}/callbacks", NO_BODY, 200),
    "deliveries": ("GET", f"{MOCK}/deliveries", NO_BODY, 200),
    "inbox": ("GET", f"{MOCK}/inbox", NO_BODY, 200),
    "timeline": ("GET", f"{MOCK}/timeline", NO_BODY, 200),
    "requests": ("GET", f"{MOCK}/requests", NO_BODY, 200),
    "features": ("PATCH", MOCK, {"features": {"collection": False}}, 200),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_first_does_what_is_due(timed: TimedServer, name: str) -> None:
    """Each entry at its own planned moment, and before what the request itself does."""
    method, path, body, status = REQUESTS[name]
    key = timed.sent()["id"]
    timed.pass_by(days=40)
    sent = json.loads(json.dumps(body).replace("{key}", key)) if body is not NO_BODY else body
    answer = timed.run(Ask(method, path.format(key=key), sent).of(timed))
    assert answer.status == status
    assert told(timed, key)[:2] == BOTH
    shown = json.loads(answer.body)
    if name in ("billogram", "billograms", "events", "deliveries", "inbox", "timeline", "agenda"):
        assert ("InterestStarted" in answer.body.decode()) == (name in ("billogram", "events", "timeline"))
    if name in ("no move", "next"):  # it was done before the move, which found nothing
        after = {"no move": "2026-04-11T11:00:00+02:00", "next": "2026-05-01T00:15:00+02:00"}
        assert (without_reports(shown)["count"], shown["to"]) == (0, after[name])
        assert shown["from"] == "2026-04-11T11:00:00+02:00"
    assert timed.fold().image() == timed.image()
    assert moments(timed) == sorted(moments(timed))


def test_what_is_done_late_stands_at_its_planned_moment(timed: TimedServer) -> None:
    """A long silence on a live clock: the same events as if somebody had always been looking."""
    keys = [timed.sent(**terms)["id"] for terms in ({}, due(3), due(30, interest_rate=5))]
    timed.pass_by(days=80)
    timed.get("/settings")
    assert [told(timed, key) for key in keys] == [
        BOTH,
        [("Overdue", "2026-04-03 22:05:00")],
        [("Overdue", "2026-04-30 22:05:00"), ("InterestStarted", "2026-04-30 22:05:00")],
    ]
    made = timed.sent(**due(30, 6))
    assert made["created_at"] == "2026-05-21 09:00:00"
    assert moments(timed) == sorted(moments(timed))


def test_a_live_clock_performs_what_is_due_by_itself(server: Server) -> None:
    """Nobody asks; five entries, each at its own moment, and their callbacks leave."""
    with_inbox(server)
    keys = [server.sent(**due(day))["id"] for day in (5, 1, 3, 3, 2)]
    advance(server, to="2026-04-01T23:59:00+02:00")
    server.mock("PUT", CLOCK, {"mode": "live", "speed": 1_000_000})
    server.run(until(nothing_due(server), server))
    nights = {day: f"2026-04-{day:02} 22:05:00" for day in range(1, 6)}
    assert [told(server, key) for key in keys] == [[("Overdue", nights[day])] for day in (5, 1, 3, 3, 2)]
    got = [each["json"]["event"] for each in inbox(server)][10:]
    assert [(event["type"], event["billogram_id"]) for event in got] == [
        ("Overdue", keys[index]) for index in (1, 4, 2, 3, 0)
    ]
    assert server.fold().image() == server.image()


def test_an_account_that_takes_long_does_not_keep_another_from_its_moment(server: Server) -> None:
    """The alarm rings for one while what was due for another is still being done."""
    for name in ("first", "second"):
        server.mock("POST", "/accounts", {"id": name, "key": "secret"})
    first, second = (
        _sent_to(server, name, due_date)
        for name, due_date in (("first", "2026-04-02"), ("second", "2026-04-01"))
    )
    for name in ("first", "second"):
        server.mock("PUT", f"/accounts/{name}/clock", {"now": "2026-04-01T23:59:00+02:00"})

    async def story() -> None:
        live, slow = server.emulator.live("first"), server.emulator.live("second")
        assert live is not None
        assert slow is not None
        async with slow.lock:  # as a move of its own, or a long catching up, would hold it
            for name in ("second", "first"):
                answer = await server.asgi(
                    "PUT", f"/_mock/accounts/{name}/clock", b'{"mode": "live", "speed": 1000000}'
                )
                assert answer.status == 200
            async with asyncio.timeout(PATIENCE):
                # until the first's entry has been due for a while, in real time, and its alarm has rung
                while server.emulator.now(live) < datetime(2026, 4, 3, 12, tzinfo=UTC):  # noqa: ASYNC110  # sets no event
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(10):  # within 1 s, says the reference; sleeping alarms look after 30 s
            while live.state.agenda.of(first) is not None:
                await live.signal.wait()
            while slow.state.agenda.of(second) is not None:
                await slow.signal.wait()

    server.run(story())
    for name, key, night in (("first", first, "2026-04-02"), ("second", second, "2026-04-01")):
        [event] = server.state(name).billograms[key].events[2:]
        assert event.mark.at.isoformat() == f"{night}T22:05:00+00:00"


def _sent_to(server: Server, account: str, due_date: str) -> str:
    server.post("/customer", {"name": "A", "contact": {"email": "a@example.com"}}, account=account)
    body = billogram("one", on_success={"command": "send", "method": "Email"}, due_date=due_date, **FREE)
    made: dict[str, Any] = server.post("/billogram", body, account=account).data
    return str(made["id"])


def test_after_downtime_each_entry_carries_its_planned_moment(tmp_path: Path) -> None:
    """Nobody asks for the account: it catches up by itself once the log is replayed."""
    server = TimedServer(SQLiteLog(tmp_path / "log.db"))
    try:
        with_inbox(server)
        keys = [server.sent(**terms)["id"] for terms in ({}, due(3), due(30, 11))]
    finally:
        server.close()
    again = TimedServer(SQLiteLog(tmp_path / "log.db"), "2026-06-01T00:00:00")
    try:
        again.run(again.open_all())
        again.run(until(lambda: len(again.state().agenda.entries()) == 2, again))  # one, and the reports
        assert [told(again, key) for key in keys] == [BOTH, [("Overdue", "2026-04-03 22:05:00")], []]
        assert again.mock("GET", CLOCK).json["now"] == "2026-06-01T02:00:00+02:00"
        got = [each["json"] for each in inbox(again)][-3:]
        assert [(each["event"]["type"], each["callback_timestamp"]) for each in got] == [
            ("Overdue", "2026-04-01T22:05:00.000000Z"),
            ("InterestStarted", "2026-04-01T22:05:00.000000Z"),
            ("Overdue", "2026-04-03T22:05:00.000000Z"),
        ]
        assert again.fold().image() == again.image()
    finally:
        again.close()


@pytest.mark.parametrize("mode", ["frozen", "live"])
def test_a_file_opened_again_shows_the_time_that_it_should(tmp_path: Path, mode: str) -> None:
    server = TimedServer(SQLiteLog(tmp_path / "log.db"))
    try:
        server.get("/settings")
        server.mock("PUT", CLOCK, {"mode": mode, "speed": 10})
    finally:
        server.close()
    again = TimedServer(SQLiteLog(tmp_path / "log.db"), "2026-03-02T10:00:00")
    try:
        now = "2026-03-02T20:00:00+01:00" if mode == "live" else START
        assert again.mock("GET", CLOCK).json["now"] == now
    finally:
        again.close()


def test_a_clock_that_ran_fast_for_long_stops_nobody(tmp_path: Path) -> None:
    """A million times as fast, left alone over a weekend: it stands at the end of the calendar."""
    server = TimedServer(SQLiteLog(tmp_path / "log.db"))
    try:
        server.sent()
        server.mock("PUT", CLOCK, {"speed": 1_000_000})
        server.get("/settings", account="other")
    finally:
        server.close()
    again = TimedServer(SQLiteLog(tmp_path / "log.db"), "2026-03-06T00:00:00")
    try:
        assert again.get("/settings", account="other").status == 200
        assert again.mock("GET", "/ready").status == 200
        assert again.mock("GET", CLOCK).status == 200
    finally:
        again.close()


# the log fails


class Faulty(TimedServer):
    """On a log that can be told to fail; account `test` is live and has one billogram, due 2026-04-01."""

    def __init__(self) -> None:
        self.log = FaultyLog()
        super().__init__(self.log)
        self.key = self.sent()["id"]

    def close(self) -> None:
        self.log.good = None
        super().close()


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    made = Faulty()
    yield made
    made.close()


def test_while_the_log_fails_a_read_answers_what_is_there(faulty: Faulty) -> None:
    faulty.pass_by(days=31)
    faulty.log.good = 0
    for _ in range(2):
        seen = faulty.get(f"/billogram/{faulty.key}")
        assert (seen.data["state"], len(seen.data["events"])) == ("Unpaid", 2)
        agenda = faulty.mock("GET", f"/accounts/{ACCOUNT}/agenda").json
        assert [each["rule"] for each in agenda] == ["reports", "overdue"]
        assert refused(faulty.command(faulty.key, "payment", {"amount": 1}))
        assert refused(faulty.mock("POST", ADVANCE, {"by": "1d"}))
        faulty.run(compare(faulty))
    faulty.log.good = None
    paid = faulty.command(faulty.key, "payment", {"amount": 1}).data
    assert [each["type"] for each in paid["events"][2:]] == ["Overdue", "InterestStarted", "Payment"]
    assert told(faulty, faulty.key)[:2] == BOTH
    faulty.run(compare(faulty))


def test_what_could_not_be_written_is_done_by_itself_once_it_can(faulty: Faulty) -> None:
    """The one entry there is comes due while the log fails, and nobody asks for the account then."""
    faulty.mock("POST", ADVANCE, {"to": "2026-04-01T23:59:00+02:00"})

    async def story() -> None:
        lag = datetime.now(UTC) - faulty.real  # from now on the machine's clock runs
        faulty.emulator._real_time = lambda: datetime.now(UTC) - lag
        body = {"mode": "live", "speed": 1_000_000}
        faulty.log.good = 1  # the change of the clock, then no more
        assert (await Ask("PUT", f"/_mock{CLOCK}", body).of(faulty)).status == 200
        async with asyncio.timeout(PATIENCE):
            while faulty.emulator.trouble is None:  # noqa: ASYNC110  # sets no event
                await asyncio.sleep(0.01)
            await quiet()
            assert told(faulty, faulty.key) == []
            faulty.log.good = None
        await until(nothing_due(faulty), faulty)

    faulty.run(story())
    assert told(faulty, faulty.key) == BOTH
    faulty.run(compare(faulty))


# several at once


async def move(server: Server, **body: Any) -> Any:
    answer = await Ask("POST", f"/_mock{ADVANCE}", body).of(server)
    assert answer.status == 200, answer.body
    return without_reports(answer.json)


@pytest.fixture
def _turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A move lets others in after each entry."""
    monkeypatch.setattr(clock_runner, "_TURN", -1.0)


@pytest.mark.usefixtures("_turns")
def test_two_moves_queue_and_by_counts_from_where_each_starts(server: Server) -> None:
    customer = {"customer_no": server.customer()}
    for day in range(2, 29):
        server.sent(customer=customer, **due(day, 4 if day % 2 else 3))

    async def story() -> list[Any]:
        return list(
            await asyncio.gather(
                move(server, by="10d"),
                move(server, by="P1M"),
                move(server, until="next"),
                move(server, until="next", dry_run=True),
                move(server, until="next"),
                move(server, to="2026-08-01T00:00:00+02:00"),
            )
        )

    moved = server.run(story())
    assert [(each["from"][:16], each["to"][:16]) for each in moved] == [
        ("2026-03-02T10:00", "2026-03-12T10:00"),
        ("2026-03-12T10:00", "2026-04-12T10:00"),
        ("2026-04-12T10:00", "2026-04-14T00:05"),
        ("2026-04-14T00:05", "2026-04-16T00:05"),
        ("2026-04-14T00:05", "2026-04-16T00:05"),
        ("2026-04-16T00:05", "2026-08-01T00:00"),
    ]
    assert moved[3] == moved[4]
    del moved[3]
    assert [each["count"] for each in moved] == [5, 14, 1, 1, 6]
    happened = [entry["at"] for each in moved for entry in each["happened"]]
    assert happened == sorted(happened)
    assert server.fold().image() == server.image()


@pytest.mark.usefixtures("_turns")
def test_a_moment_that_another_move_has_passed_is_refused(server: Server) -> None:
    server.sent()

    async def story() -> tuple[Any, Answer, Answer]:
        return await asyncio.gather(
            move(server, by="2mo"),
            Ask("POST", f"/_mock{ADVANCE}", {"to": "2026-03-20T00:00:00Z"}).of(server),
            Ask("PUT", f"/_mock{CLOCK}", {"now": "2026-03-20T00:00:00Z"}).of(server),
        )

    moved, *others = server.run(story())
    assert moved["count"] == 2
    assert [(answer.status, answer.json["error"]["code"]) for answer in others] == [
        (409, "clock_backwards")
    ] * 2


@pytest.mark.usefixtures("_turns")
def test_requests_during_a_move_are_served_at_the_moment_reached(server: Server) -> None:
    customer = {"customer_no": server.customer()}
    keys = [server.sent(customer=customer, **due(day))["id"] for day in range(1, 21)]
    last = keys[-1]
    server.get("/settings", account="other")
    seen: list[str] = []
    made: list[str] = []

    async def look() -> None:
        seen.append((await Ask("GET", f"/_mock{CLOCK}").of(server)).json["now"])

    async def write() -> None:
        answer = await Ask("POST", f"/billogram/{last}/command/payment", {"amount": 1}).of(server)
        made.append(answer.data["events"][-1]["created_at"])

    async def elsewhere() -> None:
        answer = await Ask("GET", "/_mock/accounts/other/clock").of(server)
        assert answer.json["now"] == START

    async def story() -> Any:
        moving_on = asyncio.ensure_future(move(server, by="3mo"))
        while not moving_on.done():
            await asyncio.gather(look(), write(), elsewhere())
        return moving_on.result()

    moved = server.run(story())
    assert (moved["count"], moved["to"]) == (20, "2026-06-02T10:00:00+02:00")
    nights = [f"2026-04-{day:02}T00:05:00+02:00" for day in range(2, 22)]
    assert len(set(seen)) > 5
    reports = {f"2026-{month}-01T00:15:00+02:00" for month in ("04", "05", "06")}
    assert set(seen) <= {START, *nights, *reports, moved["to"]}
    assert seen == sorted(seen)
    assert len(set(made)) > 5
    assert made == sorted(made)
    assert [event["at"] for event in moved["happened"]] == nights
    assert server.mock("GET", CLOCK).json["now"] == moved["to"]
    # the payments are told where they came, and the one that they were for is overdue all the same
    assert [name for name, _ in told(server, last)].count("Payment") == len(made)
    assert ("Overdue", "2026-04-20 22:05:00") in told(server, last)
    assert moments(server) == sorted(moments(server))
    assert server.fold().image() == server.image()


def test_a_long_move_lets_others_in(server: Server) -> None:
    """3,000 billograms fall due in one night: it is no single step."""
    customer = {"customer_no": server.customer()}
    body = billogram("", on_success={"command": "send", "method": "Email"}, customer=customer)
    server.get("/settings", account="other")

    async def story() -> tuple[Any, list[tuple[str, str]]]:
        bodies = [body | {"creditor_unique_value": f"{number}"} for number in range(3000)]
        await asyncio.gather(*(Ask("POST", "/billogram", each).of(server) for each in bodies))
        moving_on = asyncio.ensure_future(move(server, by="2mo"))
        served = []
        while not moving_on.done():
            answers = await asyncio.gather(
                Ask("GET", f"/_mock{CLOCK}").of(server),
                Ask("GET", "/_mock/accounts/other/clock").of(server),
            )
            served.append(tuple(answer.json["now"] for answer in answers))
            await asyncio.sleep(0)
        return moving_on.result(), served

    moved, served = server.run(story())
    assert (moved["count"], len(moved["happened"])) == (6001, 999)  # the reports of May are beyond the first
    assert ("2026-04-02T00:05:00+02:00", START) in served
    assert [each["rule"] for each in server.mock("GET", f"/accounts/{ACCOUNT}/agenda").json] == ["reports"]
    assert server.fold().image() == server.image()


@pytest.mark.usefixtures("_turns")
@pytest.mark.parametrize("end", ["reset", "removal", "cancel"])
def test_a_move_whose_account_goes_or_whose_caller_does(server: Server, end: str) -> None:
    customer = {"customer_no": server.customer()}
    for day in range(1, 21):
        server.sent(customer=customer, **due(day))

    async def story() -> Answer | None:
        ask = Ask("POST", f"/_mock{ADVANCE}", {"to": "2026-06-01T00:00:00Z"})
        moving_on = asyncio.ensure_future(ask.of(server))
        for _ in range(8):
            await asyncio.sleep(0)
        assert not moving_on.done()
        if end == "cancel":
            moving_on.cancel()
            await asyncio.wait([moving_on])
            return None
        method, path = ("POST", f"{MOCK}/reset") if end == "reset" else ("DELETE", MOCK)
        assert (await Ask(method, path).of(server)).status == 200
        return await moving_on

    answer = server.run(story())
    if end == "removal":
        assert answer is not None
        assert (answer.status, answer.json["error"]["code"]) == (404, "unknown_account")
        assert server.emulator.live(ACCOUNT) is None
        return
    if end == "reset":  # it goes on in the account that the reset has made
        assert answer is not None
        assert (answer.status, answer.json["count"]) == (200, 0)
        assert START < answer.json["from"] < answer.json["to"] == "2026-06-01T02:00:00+02:00"
        assert server.state().billograms == {}
    else:  # it stands where it was left, and the move can be made again
        left = server.mock("GET", CLOCK).json["now"]
        assert START < left < "2026-06-01"
        moved = advance(server, to="2026-06-01T00:00:00Z")
        assert (moved["from"], moved["count"] > 0) == (left, True)
        left_over = server.mock("GET", f"/accounts/{ACCOUNT}/agenda").json
        assert [each["rule"] for each in left_over] == ["reports"]
    assert server.mock("GET", CLOCK).json["now"] == "2026-06-01T02:00:00+02:00"
    assert server.fold().image() == server.image()


class FaultyFrozen(Server):
    """A frozen account with ten billograms that fall due one after the other."""

    def __init__(self) -> None:
        self.log = FaultyLog()
        super().__init__(self.log)
        customer = {"customer_no": self.customer()}
        terms = [due(day, interest_rate=day % 3) for day in range(1, 11)]
        self.keys = [self.sent(customer=customer, **each)["id"] for each in terms]

    def happened(self) -> Any:
        return [self.state().billograms[key].events for key in self.keys]

    def close(self) -> None:
        self.log.good = None
        super().close()


@pytest.mark.usefixtures("_turns")
def test_a_move_that_cannot_be_written_stands_between_two_moments() -> None:
    """The n-th commit fails: what was kept is in the log, the rest undone; and the move can be repeated."""
    end = "2026-06-01T00:00:00+02:00"
    whole = FaultyFrozen()
    before = len(whole.log.commits)
    moved = advance(whole, to=end)
    commits = len(whole.log.commits) - before
    assert commits > 3
    for good in range(commits):
        server = FaultyFrozen()
        try:
            server.log.good = good
            assert refused(server.mock("POST", ADVANCE, {"to": end}))
            server.run(compare(server))
            left = server.mock("GET", CLOCK).json["now"]
            assert (START < left < end) if good else left == START
            server.log.good = 0  # the trial before anything is applied fails as well
            assert refused(server.mock("POST", ADVANCE, {"to": end}))
            server.run(compare(server))
            server.log.good = None
            again = advance(server, to=end)
            server.run(compare(server))
            assert (again["from"], again["to"]) == (left, moved["to"])
            assert again["happened"] == moved["happened"][len(moved["happened"]) - again["count"] :]
            assert server.happened() == whole.happened()
            assert server.mock("GET", CLOCK).json == whole.mock("GET", CLOCK).json
        finally:
            server.close()
    whole.close()


@pytest.mark.usefixtures("_turns")
@pytest.mark.parametrize("good", range(6))
def test_what_others_did_during_a_move_that_failed_is_kept_or_undone_with_it(good: int) -> None:
    server = FaultyFrozen()

    async def story() -> tuple[Answer, list[Answer]]:
        server.log.good = good
        moving_on = asyncio.ensure_future(Ask("POST", f"/_mock{ADVANCE}", {"by": "3mo"}).of(server))
        asks = [Ask("POST", "/billogram", billogram(f"{number}")) for number in range(5)]
        others = []
        for ask in asks:
            others.append(asyncio.ensure_future(ask.of(server)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return await moving_on, list(await asyncio.gather(*others))

    try:
        moved, others = server.run(story())
        assert refused(moved)
        server.run(compare(server))
        known = server.state().unique_values
        for number, answer in enumerate(others):
            assert answer.status == (200 if f"{number}" in known else 503)
        server.log.good = None
        advance(server, by="3mo")
        server.run(compare(server))
        assert moments(server) == sorted(moments(server))
    finally:
        server.close()


def test_control_answers_are_held_against_their_shapes(server: Server) -> None:
    """`Ask` and `mock` check what they get; this looks that the clock's shapes bite."""
    server.get("/settings")
    answer = server.mock("GET", CLOCK)
    broken = Answer(200, answer.headers, answer.body.replace(b'"speed"', b'"pace"'))
    with pytest.raises(AssertionError, match=r"speed|pace"):
        hold_control("GET", CLOCK, broken)
