"""Snapshots, restore, fork: names for branches of the log, and accounts that go on from one."""

from datetime import datetime

from msgspec import Struct

from mockserver.clock_runner import ClockRunner
from mockserver.core import accounts, events
from mockserver.core.act import Act
from mockserver.core.events import FORMAT, BillogramEvent, Record
from mockserver.core.model import Account, Clock, replace
from mockserver.core.state import State
from mockserver.ledger import AccountGone, Ledger, LiveAccount, Snapshot, fold, new_stream, snapshot_of
from mockserver.log.interface import Append, Branch, LogFailed, Point, Unpoint, Write
from mockserver.log.writer import Pending, durable


class SnapshotExists(ValueError):
    """The account has a snapshot of this name."""


class NoSuchAct(LookupError):
    """The account has no act of this position, or none that holds this event."""


class Played(Struct, frozen=True):
    """An account that was played on a log of its own, from its first act on."""

    state: State
    records: tuple[Record, ...]
    now: datetime  # what its clock shows at the end
    clock: Clock  # of the mode and speed with which it is to go on

    @property
    def account(self) -> Account:
        """The account as its last act left it."""
        return self.state.account


class Snapshots:
    """Makes branches of accounts. What is read from the log meanwhile is looked at again before it counts."""

    def __init__(self, ledger: Ledger, time: ClockRunner) -> None:
        self._ledger = ledger
        self._time = time

    async def snapshot(self, live: LiveAccount, name: str, *, cause: str) -> Snapshot:
        """Name the present state, its moment included; SnapshotExists when the name is taken [A]."""
        return await self._ledger.decided_again(live, lambda: self._snapshot(live, name, cause))

    async def _snapshot(self, live: LiveAccount, name: str, cause: str) -> Snapshot:
        ledger = self._ledger
        await self._time.settled(live)
        while name in live.snapshots:
            if await ledger.read_all(lambda: name in live.snapshots):  # that it is taken is durable
                raise SnapshotExists(f"there is a snapshot {name} already")
            await self._time.settled(live)
        now, position = ledger.now(live), live.position
        number = 1 + max((each.number for each in live.snapshots.values()), default=0)
        clock = accounts.moved(live.account.clock, ledger.real_time(), {"now": now})
        taken = Snapshot(name, new_stream(), position, now, number)
        happened = (events.SnapshotTaken(clock, number),)
        record = Record(position + 1, now, cause, "snapshot", happened, FORMAT)
        live.snapshots[name] = taken

        def undo(_: LogFailed) -> None:
            del live.snapshots[name]

        writes = (
            Branch(taken.stream, live.stream, position),
            Append(taken.stream, record),
            Point(snapshot_of(live.id, name), taken.stream),
        )
        await durable(ledger.write(live.id, writes, undo))
        return taken

    async def forget(self, live: LiveAccount, taken: Snapshot) -> None:
        """Drop a snapshot; AccountGone when it is not there any more."""
        await self._ledger.writable()
        self._check(live, taken)
        del live.snapshots[taken.name]

        def undo(_: LogFailed) -> None:
            live.snapshots[taken.name] = taken

        forgotten = (Unpoint(snapshot_of(live.id, taken.name)),)
        await durable(self._ledger.write(live.id, forgotten, undo))

    async def restore(self, live: LiveAccount, taken: Snapshot, *, cause: str) -> LiveAccount:
        """Go back to a snapshot, key and settings too [A]: the account goes on in a branch of it."""
        return await self._ledger.decided_again(live, lambda: self._restore(live, taken, cause))

    async def _restore(self, live: LiveAccount, taken: Snapshot, cause: str) -> LiveAccount:
        fresh = LiveAccount(live.id, new_stream())
        await self.read(live, taken, fresh)
        await self._ledger.writable()
        self._check(live, taken)
        clock = accounts.moved(fresh.account.clock, self._ledger.real_time(), {"now": taken.at})
        account = accounts.restored(fresh.account, live.account, clock)
        await durable(self._begin(fresh, account, taken.at, taken.stream, cause, "restore", live))
        return fresh

    async def read(self, live: LiveAccount, taken: Snapshot, into: LiveAccount) -> State:
        """The state of a snapshot, from the log; AccountGone when it was dropped meanwhile."""
        try:
            await fold(self._ledger.log, into, taken.stream)
        except LogFailed:
            self._check(live, taken)
            raise
        return into.state

    async def fork(self, live: LiveAccount, name: str, at: int | str | None, *, cause: str) -> LiveAccount:
        """Another account of the present state, or of that after an act: by position, or an event in it.

        AccountExists, NoSuchAct. The clock of an earlier state shows the moment of its act, callbacks stay,
        generations start again, and the first password that comes is adopted [A].
        """
        return await self._ledger.decided_again(live, lambda: self._fork(live, name, at, cause))

    async def _fork(self, live: LiveAccount, name: str, at: int | str | None, cause: str) -> LiveAccount:
        ledger = self._ledger
        await self._time.settled(live)
        fresh = LiveAccount(name, new_stream())
        if at is not None:
            await self._read_until(live, at, fresh)
        await ledger.vacant(name)
        ledger.check_open(live)
        if at is None:
            fresh.state, fresh.position = live.state.copy(), live.position
            fresh.last = ledger.now(live)
        order, seed = ledger.order_and_seed(name)
        clock = accounts.moved(fresh.account.clock, ledger.real_time(), {"now": fresh.last})
        account = accounts.forked(fresh.account, name, order=order, seed=seed, clock=clock)
        await durable(self._begin(fresh, account, fresh.last, live.stream, cause, "fork", live))
        return fresh

    async def _read_until(self, live: LiveAccount, at: int | str, into: LiveAccount) -> None:
        last, found = live.position, False
        await durable(live.pending)  # a log reads only what is durable

        def until(record: Record) -> bool:
            nonlocal found
            found = record.position == at if isinstance(at, int) else _holds(record, at)
            return found or record.position == last

        try:
            await fold(self._ledger.log, into, live.stream, until)
        except LogFailed:
            self._ledger.check_open(live)
            raise
        if not found:
            raise NoSuchAct(f"there is no act {at}")

    def _begin(
        self,
        fresh: LiveAccount,
        account: Account,
        at: datetime,
        stream: str,
        cause: str,
        rule: str,
        parent: LiveAccount,
    ) -> Pending | None:
        act = Act(fresh.state, at)
        act.add(events.AccountChanged(account))
        branch = Branch(fresh.stream, stream, fresh.position)
        return self._ledger.begin(fresh, act, (branch,), cause=cause, rule=rule, parent=parent)

    async def take_over(self, played: Played, old: LiveAccount | None, *, cause: str) -> LiveAccount:
        """An account that was played elsewhere goes on here, in place of `old`: all its acts in one write.

        AccountExists, AccountGone. None of the callbacks that they brought about is sent [A].
        """
        ledger, name = self._ledger, played.account.id
        if old is None:
            await ledger.vacant(name)
            order, _ = ledger.order_and_seed(name)
        else:
            await ledger.writable()
            ledger.check_open(old)
            order = old.account.order
        fresh = LiveAccount(name, new_stream())
        fresh.state, fresh.position, fresh.last = played.state, len(played.records), played.now
        clock = accounts.started(played.clock.mode, played.now, ledger.real_time(), played.clock.speed)
        act = Act(fresh.state, played.now)
        act.add(events.AccountLoaded(replace(played.account, order=order, clock=clock)))
        acts = (Append(fresh.stream, record) for record in played.records)
        opening: tuple[Write, ...] = (Branch(fresh.stream), *acts)
        await durable(ledger.begin(fresh, act, opening, cause=cause, rule="fixture"))
        return fresh

    def _check(self, live: LiveAccount, taken: Snapshot) -> None:
        self._ledger.check_open(live)
        if live.snapshots.get(taken.name) is not taken:
            raise AccountGone(live.id)


def _holds(record: Record, event_uuid: str) -> bool:
    return any(isinstance(event, BillogramEvent) and event.mark.uuid == event_uuid for event in record.events)
