"""Clocks of accounts move from entry to entry of the agenda (reference: behaviour 6.1)."""

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

HAPPENED = 1000  # acts in the answer of a move; the timeline has all
_AGAIN = 1.0  # seconds until an act that could not be written is tried again
_TURN = 0.005  # seconds of work after which other requests get their turn
_COMMIT = 0.1  # seconds of work that share a wait for the disk; more would delay other requests
_LONGEST = 30.0  # seconds after which an alarm calls back at the latest
_LOOK = 0.5  # seconds between two readings of the machine's clock, which can be set
FOR_EVER = 1e9  # seconds, about thirty years
_SET = 0.1  # seconds; a larger difference from the elapsed time means that the clock was set


class Moved(Struct):
    """What a move of the clock did. `happened` has its first acts, `count` is the number of all acts."""

    start: datetime
    end: datetime
    count: int = 0
    happened: list[Record] = []

    def add(self, record: Record) -> None:
        """Add an act."""
        self.count += 1
        if self.count <= HAPPENED:
            self.happened.append(record)

    def undone(self, acts: list[int], position: int) -> None:
        """Remove the acts after this position, which were undone. `acts` has the positions of all acts."""
        del acts[bisect_right(acts, position) :]
        self.count = len(acts)
        self.happened = [record for record in self.happened if record.position <= position]


def decided(state: State, due: Due, last: datetime) -> Act:
    """Decide the act of an entry, at the entry's moment, but not before `last`, that of the last act."""
    act = Act(state, max(due.at, last))
    carry_out(act, due)
    assert act.events, f"{due} changes nothing"
    act.close()
    return act


async def performed(
    state: State, end: datetime, last: datetime, apply: Callable[[Act, str], Record]
) -> AsyncIterator[Record]:
    """Carry out what is due until `end`. Other tasks get their turn between two entries."""
    slice_start = perf_counter()
    while (due := state.agenda.head()) is not None and due.at <= end:
        record = apply(decided(state, due, last), due.rule)
        last = record.at
        assert state.agenda.head() is not due, f"{due} stays for ever"
        yield record
        if perf_counter() - slice_start > _TURN:
            await asyncio.sleep(0)
            slice_start = perf_counter()


async def tried(state: State, start: datetime, end: datetime, position: int) -> Moved:
    """Return what a move would do. It is carried out on a copy of the state."""
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
    """Return the real seconds until a clock that shows `now` reaches a moment; None if it is frozen."""
    if moment <= now:
        return 0.0
    return None if clock.mode == "frozen" else (moment - now).total_seconds() / clock.speed


class Alarm:
    """Calls back at the earliest of the requested moments, and after the machine's clock was set."""

    def __init__(self, call: Callable[[], None], real_time: Callable[[], datetime]) -> None:
        self._call = call
        self._real_time = real_time
        self._lag = 0.0  # seconds of the loop's time behind the machine's clock
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._when = 0.0

    def within(self, seconds: float) -> None:
        """Call back after this many seconds at the latest."""
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
        """Cancel all requests to call back."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class ClockRunner(Watcher):
    """Moves the clocks of accounts, and carries out what becomes due by live clocks."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._alarm = Alarm(self._on_alarm, ledger.real_time)
        ledger.subscribe(self)
        self._working: asyncio.Task[None] | None = None
        self._alarmed = False

    async def stop(self) -> None:
        """Stop carrying out what becomes due."""
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
        """Move the clock of an account, and carry out everything that becomes due on the way.

        `target` gets the current time of the account and returns the new one, or None to leave the clock as
        it is. A `dry_run` works on a copy of the state. `finish` decides the last act; by default this act
        only moves the clock. Other requests are served between two entries. The method returns when all acts
        are durable. After LogFailed, the clock shows the moment of the last act that was written.
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
            await self._perform(live, start, "clock", Moved(start, start))  # what was due before the move
            pending = live.pending  # an answer without a move waits for it
            try:
                end = target(start)
                if end is None or dry_run:
                    answer = Moved(start, start)
                    if end is not None:
                        answer = await tried(live.state, start, end, live.position)
                    await durable(pending)
                    return answer
            except Exception:
                await durable(pending)
                raise
            move, moved = Move(start, end), Moved(start, end)
            live.move = move
            live.signal.notify()
            try:
                lost = await self._lost_race(self._move(live, move, moved, cause, finish))
            except BaseException:
                self._end(live, move)
                raise

        async def move_on() -> None:
            """Continue the move after the records that another writer has appended."""
            async with live.lock:
                await self._ledger.ready(live)
                moved.undone(move.acts, live.position)
                await self._move(live, move, moved, cause, finish)
            await durable(live.pending)

        try:
            if lost or await self._lost_race(durable(live.pending)):
                await self._ledger.decided_again(live, move_on)
        finally:
            self._end(live, move)
        return moved

    @staticmethod
    async def _lost_race(work: Awaitable[None]) -> bool:
        """Return whether another writer took the position of an act of this work."""
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

        batch_start = perf_counter()
        async for record in performed(live.state, end, live.last, apply):
            moved.add(record)
            if acts is not None:
                acts.append(record.position)
            if perf_counter() - batch_start > _COMMIT:  # else the writing thread would fall behind
                await durable(pending)
                batch_start = perf_counter()
        if pending is not None and pending.failure is not None:
            raise pending.failure

    def is_due(self, live: LiveAccount) -> bool:
        """Return whether entries must be carried out before a request. During a move, the move does it."""
        due = live.state.agenda.head()
        return due is not None and not live.moving and due.at <= self._ledger.now(live)

    async def settled(self, live: LiveAccount) -> None:
        """Carry out what is due, and wait until an act can be applied. Raise AccountGone or LogFailed."""
        await self._ledger.ready(live)
        if self.is_due(live):
            await self.settle(live)
            self._ledger.check_open(live)

    async def settle(self, live: LiveAccount) -> None:
        """Carry out the entries that are due by now."""
        async with live.lock:
            self._ledger.check_open(live)
            await self._perform(live, self._ledger.now(live), "clock", Moved(live.last, live.last))

    def opened(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """Schedule what became due while the account was closed."""
        self.applied(live)

    def applied(self, live: LiveAccount) -> None:
        """Set the alarm for the next entry of a live clock. During a move this is left to its end."""
        if not live.moving and (seconds := self._seconds(live)) is not None:
            self._alarm.within(seconds)

    def wakes_at(self, live: LiveAccount) -> datetime | None:
        """Return the real moment at which a live clock reaches the next entry; None if it never does."""
        seconds = self._seconds(live)
        if seconds is None:
            return None
        return self._ledger.real_time() + timedelta(seconds=min(seconds, FOR_EVER))

    def _seconds(self, live: LiveAccount) -> float | None:
        """Return the real seconds until the next entry; None if there is none, or the clock is frozen."""
        due = live.state.agenda.head()
        if due is None:
            return None
        return seconds_until(due.at, self._ledger.now(live), live.account.clock)

    def _on_alarm(self) -> None:
        self._alarmed = True
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._carry_out_due(), name="what is due")

    async def _carry_out_due(self) -> None:
        while self._alarmed:  # the alarm may go off again while entries are carried out
            self._alarmed = False
            await self._settle_all()

    async def _settle_all(self) -> None:
        for live in list(self._ledger.live_accounts()):
            try:
                if self.is_due(live):
                    await self._ledger.ready(live)
                    await self.settle(live)
            except (LogFailed, AccountGone):
                self._alarm.within(_AGAIN)
                continue
            except Exception:  # a bug that concerns one account must not stop the clocks of others
                logger.exception("what is due in account %s could not be done", live.id)
                continue
            self.applied(live)
