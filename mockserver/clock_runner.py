"""How time passes for an account: entry after entry of its agenda, each at its own moment (behaviour 6.1)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from time import perf_counter
from typing import Protocol

from msgspec import Struct

from mockserver.core import accounts
from mockserver.core.act import Act
from mockserver.core.agenda import Due
from mockserver.core.deadlines import carry_out
from mockserver.core.events import FORMAT, Record
from mockserver.core.model import Clock
from mockserver.core.state import State
from mockserver.ledger import AccountGone, LiveAccount, Move
from mockserver.log.interface import LogFailed
from mockserver.log.writer import Batch, durable

logger = logging.getLogger(__name__)

HAPPENED = 1000  # acts that the answer of a move names; the timeline has all
_AGAIN = 1.0  # seconds until what could not be written is tried again
_TURN = 0.005  # seconds of work between two chances for other requests
_COMMIT = 0.1  # seconds of work that wait for the disk together; more at once would hold others back
_LONGEST = 30.0  # seconds that an alarm sleeps at most
_LOOK = 0.5  # seconds between two looks at the machine's clock: it may be set, or the machine sleep
_SET = 0.1  # seconds that it may differ from the time that has passed


class Moved(Struct):
    """What a move of the clock did. `happened` has its first acts, `count` says how many there were."""

    start: datetime
    end: datetime
    count: int = 0
    happened: list[Record] = []

    def add(self, record: Record) -> None:
        """One more act."""
        self.count += 1
        if self.count <= HAPPENED:
            self.happened.append(record)


def decided(state: State, due: Due, last: datetime) -> Act:
    """The act of an entry, at its own moment; one whose moment is past when it comes up: at `last`."""
    act = Act(state, max(due.at, last))
    carry_out(act, due)
    assert act.events, f"{due} changes nothing"
    act.close()
    return act


async def performed(
    state: State, end: datetime, last: datetime, apply: Callable[[Act, str], Record]
) -> AsyncIterator[Record]:
    """Carry out what is due until `end`; others get their turn between two entries."""
    begun = perf_counter()
    while (due := state.agenda.head()) is not None and due.at <= end:
        record = apply(decided(state, due, last), due.rule)
        last = record.at
        assert state.agenda.head() is not due, f"{due} stays for ever"
        yield record
        if perf_counter() - begun > _TURN:
            await asyncio.sleep(0)
            begun = perf_counter()


async def tried(state: State, start: datetime, end: datetime, position: int) -> Moved:
    """What a move would do, on a copy of the state."""
    trial = state.copy()

    def apply(act: Act, rule: str) -> Record:
        nonlocal position
        position += 1
        for (kind, key), new in act.changes.items():
            trial.put(kind, key, new)
        return Record(position, act.now, "dry run", rule, tuple(act.events), FORMAT)

    moved = Moved(start, end)
    async for record in performed(trial, end, start, apply):
        moved.add(record)
    return moved


def seconds_until(moment: datetime, now: datetime, clock: Clock) -> float | None:
    """Real seconds until a clock that shows `now` gets to a moment; None when it stands still before it."""
    if moment <= now:
        return 0.0
    return None if clock.mode == "frozen" else (moment - now).total_seconds() / clock.speed


class Alarm:
    """Calls back at the soonest of the moments that it was asked for, or when the machine's clock was set."""

    def __init__(self, ring: Callable[[], None], real_time: Callable[[], datetime]) -> None:
        self._ring = ring
        self._real_time = real_time
        self._lag = 0.0  # of the loop's time behind the machine's
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._when = 0.0

    def within(self, seconds: float) -> None:
        """Ring after so many seconds at the latest."""
        loop = asyncio.get_running_loop()
        when = loop.time() + min(max(seconds, 0.0), _LONGEST)
        if self._handle is not None and self._loop is loop:
            if self._when <= when:
                return
            self._handle.cancel()
        self._loop, self._when = loop, when
        self._sleep(loop)

    def _sleep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lag = self._real_time().timestamp() - loop.time()
        self._handle = loop.call_at(min(self._when, loop.time() + _LOOK), self._wakes, loop)

    def _wakes(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = None
        lag = self._real_time().timestamp() - loop.time()
        if loop.time() < self._when and abs(lag - self._lag) < _SET:
            self._sleep(loop)
        else:
            self._ring()

    def stop(self) -> None:
        """Ring no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Shell(Protocol):
    """What a move needs of the emulator."""

    def live_accounts(self) -> Iterable[LiveAccount]:
        """All accounts."""

    def real_time(self) -> datetime:
        """What the machine's clock shows."""

    def now(self, live: LiveAccount) -> datetime:
        """The account's time."""

    def check_open(self, live: LiveAccount) -> None:
        """AccountGone when it was reset or removed."""

    async def writable(self) -> None:
        """Wait until something can be applied; LogFailed."""

    def apply(self, live: LiveAccount, act: Act, cause: str, rule: str) -> Record:
        """Apply an act and hand it to the log."""

    def clock_after(self, act: Act, given: dict[str, object]) -> Clock:
        """The clock at the moment of the act."""


class ClockRunner:
    """Moves the clocks of accounts, and keeps the live ones up with what is due."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._alarm = Alarm(self._rung, shell.real_time)
        self._ringing: asyncio.Task[None] | None = None
        self._rings = False

    async def stop(self) -> None:
        """Nothing happens by itself any more."""
        self._alarm.stop()
        if self._ringing is not None:
            self._ringing.cancel()
            await asyncio.wait([self._ringing])

    async def advance(
        self,
        live: LiveAccount,
        target: Callable[[datetime], datetime | None],
        *,
        cause: str,
        dry_run: bool = False,
        finish: Callable[[Act], object] | None = None,
    ) -> Moved:
        """Move the clock to what `target` makes of the present moment, doing what is due on the way.

        It returns when all of that is on disk; other requests are served between two entries. None: the
        clock stays. A `dry_run` does it on a copy. `finish` is decided at the end, not the clock alone.
        LogFailed: what could not be written was undone, the clock stands at the last act that was.
        """
        async with live.lock:
            await self._shell.writable()
            self._shell.check_open(live)
            start = self._shell.now(live)
            await self._perform(live, start, "clock", Moved(start, start))  # what is due already
            batch = live.batch  # what is told from here on must be on disk
            try:
                end = target(start)
                if end is None or dry_run:
                    found = Moved(start, start)
                    if end is not None:
                        found = await tried(live.state, start, end, live.position)
                    await durable(batch)
                    return found
            except Exception:
                await durable(batch)
                raise
            move = live.move = Move(start, end)
            live.signal.notify()
            try:
                moved = await self._move(live, move, cause, finish or self._clock_moved)
            except BaseException:
                self._end(live, move)
                raise
        try:
            await durable(live.batch)
        finally:
            self._end(live, move)
        return moved

    async def _move(
        self, live: LiveAccount, move: Move, cause: str, finish: Callable[[Act], object]
    ) -> Moved:
        moved = Moved(move.start, move.end)
        live.moving = True
        try:
            await self._perform(live, move.end, cause, moved, move.acts)
            act = Act(live.state, max(move.end, self._shell.now(live)))
            finish(act)
            act.close()
            self._shell.apply(live, act, cause, "clock")
        finally:
            live.moving = False
            self.look_ahead(live)
        return moved

    @staticmethod
    def _end(live: LiveAccount, move: Move) -> None:
        move.ended = True
        if live.move is move:
            live.move = None
        live.signal.notify()

    def _clock_moved(self, act: Act) -> None:
        accounts.move_clock(act, self._shell.clock_after(act, {}))

    async def _perform(
        self, live: LiveAccount, end: datetime, cause: str, moved: Moved, acts: list[int] | None = None
    ) -> None:
        batch: Batch | None = None

        def apply(act: Act, rule: str) -> Record:
            nonlocal batch
            if batch is not None and batch.failure is not None:
                raise batch.failure
            self._shell.check_open(live)
            record = self._shell.apply(live, act, cause, rule)
            batch = live.batch
            return record

        begun = perf_counter()
        async for record in performed(live.state, end, live.last, apply):
            moved.add(record)
            if acts is not None:
                acts.append(record.position)
            if perf_counter() - begun > _COMMIT:  # the thread that writes gets behind while this goes on
                await durable(batch)
                begun = perf_counter()
        if batch is not None and batch.failure is not None:
            raise batch.failure

    def is_due(self, live: LiveAccount) -> bool:
        """Whether something must be done before a request is served; not while a move does it anyway."""
        due = live.state.agenda.head()
        return due is not None and not live.moving and due.at <= self._shell.now(live)

    async def settle(self, live: LiveAccount) -> None:
        """Do what is due by now."""
        async with live.lock:
            self._shell.check_open(live)
            await self._perform(live, self._shell.now(live), "clock", Moved(live.last, live.last))

    def look_ahead(self, live: LiveAccount) -> None:
        """Have the next entry carried out when a live clock gets there; a move looks ahead at its end."""
        if live.moving:
            return
        due = live.state.agenda.head()
        if (
            due is not None
            and (seconds := seconds_until(due.at, self._shell.now(live), live.account.clock)) is not None
        ):
            self._alarm.within(seconds)

    def _rung(self) -> None:
        self._rings = True
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._answer_rings(), name="what is due")

    async def _answer_rings(self) -> None:
        while self._rings:  # it may ring again while somebody's entries take long
            self._rings = False
            await self._catch_up()

    async def _catch_up(self) -> None:
        for live in list(self._shell.live_accounts()):
            try:
                if self.is_due(live):
                    await self._shell.writable()
                    await self.settle(live)
            except (LogFailed, AccountGone):
                self._alarm.within(_AGAIN)
                continue
            except Exception:  # our own mistake in one account: the others' clocks go on
                logger.exception("what is due in account %s could not be done", live.id)
                continue
            self.look_ahead(live)
