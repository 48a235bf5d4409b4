"""How time passes for an account: entry after entry of its agenda, each at its own moment (behaviour 6.1)."""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from time import perf_counter

from msgspec import Struct

from mockserver.core import accounts
from mockserver.core.act import Act
from mockserver.core.agenda import Due
from mockserver.core.callbacks import Planned
from mockserver.core.deadlines import carry_out
from mockserver.core.events import FORMAT, AttemptMade, Record
from mockserver.core.model import Clock
from mockserver.core.state import State
from mockserver.ledger import AccountGone, Ledger, LiveAccount, Move, Watcher
from mockserver.log.interface import LogFailed, PositionTaken
from mockserver.log.writer import Pending, durable

logger = logging.getLogger(__name__)

HAPPENED = 1000  # acts that the answer of a move names; the timeline has all
_AGAIN = 1.0  # seconds until what could not be written is tried again
_TURN = 0.005  # seconds of work between two chances for other requests
_COMMIT = 0.1  # seconds of work that wait for the disk together; more at once would hold others back
_LONGEST = 30.0  # seconds that an alarm sleeps at most
_LOOK = 0.5  # seconds between two looks at the machine's clock: it may be set, or the machine sleep
FOR_EVER = 1e9  # seconds, some thirty years
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

    def undone(self, acts: list[int], position: int) -> None:
        """Of these acts those behind a position were undone."""
        del acts[bisect_right(acts, position) :]
        self.count = len(acts)
        self.happened = [record for record in self.happened if record.position <= position]


def decided(state: State, due: Due, last: datetime) -> Act:
    """The act of an entry, at the moment of the entry, but not before `last`, the moment of the last act."""
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
    """Real seconds until a clock that shows `now` reaches a moment; None when it is frozen before that."""
    if moment <= now:
        return 0.0
    return None if clock.mode == "frozen" else (moment - now).total_seconds() / clock.speed


class Alarm:
    """Calls back at the earliest of the requested moments, and when the machine's clock was set."""

    def __init__(self, call: Callable[[], None], real_time: Callable[[], datetime]) -> None:
        self._call = call
        self._real_time = real_time
        self._lag = 0.0  # of the loop's time behind the machine's
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._when = 0.0

    def within(self, seconds: float) -> None:
        """Call back after so many seconds at the latest."""
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
        self._handle = loop.call_at(min(self._when, loop.time() + _LOOK), self._on_timer, loop)

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = None
        lag = self._real_time().timestamp() - loop.time()
        if loop.time() < self._when and abs(lag - self._lag) < _SET:
            self._sleep(loop)
        else:
            self._call()

    def stop(self) -> None:
        """Do not call back any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class ClockRunner(Watcher):
    """Moves the clocks of accounts, and keeps the live ones up with what is due."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._alarm = Alarm(self._on_alarm, ledger.real_time)
        ledger.subscribe(self)
        self._working: asyncio.Task[None] | None = None
        self._alarmed = False

    async def stop(self) -> None:
        """Carry out nothing any more."""
        self._alarm.stop()
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])

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

        It returns when all of that is durable; other requests are served between two entries. None: the
        clock stays. A `dry_run` does it on a copy. `finish` is decided at the end, not the clock alone.
        LogFailed: what could not be written was undone, the clock shows the last act that was written.
        """
        return await self._ledger.decided_again(
            live, lambda: self._advance(live, target, cause, dry_run, finish or self._clock_moved)
        )

    async def _advance(
        self,
        live: LiveAccount,
        target: Callable[[datetime], datetime | None],
        cause: str,
        dry_run: bool,
        finish: Callable[[Act], object],
    ) -> Moved:
        async with live.lock:
            await self._ledger.ready(live)
            start = self._ledger.now(live)
            await self._perform(live, start, "clock", Moved(start, start))  # what is due already
            pending = live.pending  # what is answered from here on must be durable
            try:
                end = target(start)
                if end is None or dry_run:
                    found = Moved(start, start)
                    if end is not None:
                        found = await tried(live.state, start, end, live.position)
                    await durable(pending)
                    return found
            except Exception:
                await durable(pending)
                raise
            move, moved = Move(start, end), Moved(start, end)
            live.move = move
            live.signal.notify()
            try:
                lost = await self._lost(self._move(live, move, moved, cause, finish))
            except BaseException:
                self._end(live, move)
                raise

        async def move_on() -> None:
            """Move on from what another writer has appended."""
            async with live.lock:
                await self._ledger.ready(live)
                moved.undone(move.acts, live.position)
                await self._move(live, move, moved, cause, finish)
            await durable(live.pending)

        try:
            if lost or await self._lost(durable(live.pending)):
                await self._ledger.decided_again(live, move_on)
        finally:
            self._end(live, move)
        return moved

    @staticmethod
    async def _lost(work: Awaitable[None]) -> bool:
        """Whether another writer took the position of an act of this work."""
        try:
            await work
        except PositionTaken:
            return True
        return False

    async def _move(
        self, live: LiveAccount, move: Move, moved: Moved, cause: str, finish: Callable[[Act], object]
    ) -> None:
        live.moving = True
        try:
            await self._perform(live, move.end, cause, moved, move.acts)
            act = Act(live.state, max(move.end, self._ledger.now(live)))
            finish(act)
            act.close()
            self._ledger.apply(live, act, cause, "clock")
        finally:
            live.moving = False
            self.applied(live)

    @staticmethod
    def _end(live: LiveAccount, move: Move) -> None:
        move.ended = True
        if live.move is move:
            live.move = None
        live.signal.notify()

    def _clock_moved(self, act: Act) -> None:
        accounts.move_clock(act, self._ledger.clock_after(act, {}))

    async def _perform(
        self, live: LiveAccount, end: datetime, cause: str, moved: Moved, acts: list[int] | None = None
    ) -> None:
        pending: Pending | None = None

        def apply(act: Act, rule: str) -> Record:
            nonlocal pending
            if pending is not None and pending.failure is not None:
                raise pending.failure
            self._ledger.check_open(live)
            record = self._ledger.apply(live, act, cause, rule)
            pending = live.pending
            return record

        begun = perf_counter()
        async for record in performed(live.state, end, live.last, apply):
            moved.add(record)
            if acts is not None:
                acts.append(record.position)
            if perf_counter() - begun > _COMMIT:  # the thread that writes gets behind while this goes on
                await durable(pending)
                begun = perf_counter()
        if pending is not None and pending.failure is not None:
            raise pending.failure

    def is_due(self, live: LiveAccount) -> bool:
        """Whether something must be done before a request is served; not while a move does it anyway."""
        due = live.state.agenda.head()
        return due is not None and not live.moving and due.at <= self._ledger.now(live)

    async def settled(self, live: LiveAccount) -> None:
        """Wait until something can be applied to it and what is due was done; AccountGone, LogFailed."""
        await self._ledger.ready(live)
        if self.is_due(live):
            await self.settle(live)
            self._ledger.check_open(live)

    async def settle(self, live: LiveAccount) -> None:
        """Carry out what is due by now."""
        async with live.lock:
            self._ledger.check_open(live)
            await self._perform(live, self._ledger.now(live), "clock", Moved(live.last, live.last))

    def opened(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """Schedule what became due while the account was closed."""
        self.applied(live)

    def applied(self, live: LiveAccount) -> None:
        """Schedule the next entry for the moment when a live clock reaches it; after a move, at its end."""
        if not live.moving and (seconds := self._seconds(live)) is not None:
            self._alarm.within(seconds)

    def wakes_at(self, live: LiveAccount) -> datetime | None:
        """The real moment at which a live clock reaches the next entry."""
        seconds = self._seconds(live)
        if seconds is None:
            return None
        return self._ledger.real_time() + timedelta(seconds=min(seconds, FOR_EVER))

    def _seconds(self, live: LiveAccount) -> float | None:
        """Real seconds until the next entry; None: there is none, or the clock is frozen."""
        due = live.state.agenda.head()
        if due is None:
            return None
        return seconds_until(due.at, self._ledger.now(live), live.account.clock)

    def _on_alarm(self) -> None:
        self._alarmed = True
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._do_what_is_due(), name="what is due")

    async def _do_what_is_due(self) -> None:
        while self._alarmed:  # the alarm may go off again while entries are carried out
            self._alarmed = False
            await self._catch_up()

    async def _catch_up(self) -> None:
        for live in list(self._ledger.live_accounts()):
            try:
                if self.is_due(live):
                    await self._ledger.ready(live)
                    await self.settle(live)
            except (LogFailed, AccountGone):
                self._alarm.within(_AGAIN)
                continue
            except Exception:  # our own mistake in one account: the others' clocks go on
                logger.exception("what is due in account %s could not be done", live.id)
                continue
            self.applied(live)
