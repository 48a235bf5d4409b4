"""Snapshots, restore and fork: branches of the log, and accounts that continue from a branch."""

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
    """The account has a snapshot of this name already."""


class NoSuchAct(LookupError):
    """The account has no act with this position, or with this event."""


class Played(Struct, frozen=True):
    """An account that a fixture created on a log of its own, from its first act on."""

    state: State
    records: tuple[Record, ...]
    now: datetime  # what its clock shows after the last act
    clock: Clock  # the mode and speed with which it continues

    @property
    def account(self) -> Account:
        """The account as its last act left it."""
        return self.state.account


class Snapshots:
    """Takes and restores snapshots, and forks accounts.

    Reading the log suspends, so account and snapshot are checked again after it, before an act is applied.
    """

    def __init__(self, ledger: Ledger, time: ClockRunner) -> None:
        self._ledger = ledger
        self._time = time

    async def snapshot(self, live: LiveAccount, name: str, *, cause: str) -> Snapshot:
        """Name the current state and its moment. Raise SnapshotExists if the name is taken [A]."""
        return await self._ledger.decided_again(live, lambda: self._snapshot(live, name, cause))

    async def _snapshot(self, live: LiveAccount, name: str, cause: str) -> Snapshot:
        ledger = self._ledger
        await self._time.settled(live)
        while name in live.snapshots:
            if await ledger.read_all(lambda: name in live.snapshots):  # the other snapshot is durable
                raise SnapshotExists(f"there is a snapshot {name} already")
            await self._time.settled(live)
        now, position = ledger.now(live), live.position
        number = 1 + max((each.number for each in live.snapshots.values()), default=0)
        clock = accounts.moved(live.account.clock, ledger.real_time(), {"now": now})
        taken = Snapshot(name, new_stream(), position, now, number)
        recorded = (events.SnapshotTaken(clock, number),)
        record = Record(position + 1, now, cause, "snapshot", recorded, FORMAT)
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
        """Delete a snapshot. Raise AccountGone if it no longer exists."""
        await self._ledger.writable()
        self._check(live, taken)
        del live.snapshots[taken.name]

        def undo(_: LogFailed) -> None:
            live.snapshots[taken.name] = taken

        forgotten = (Unpoint(snapshot_of(live.id, taken.name)),)
        await durable(self._ledger.write(live.id, forgotten, undo))

    async def restore(self, live: LiveAccount, taken: Snapshot, *, cause: str) -> LiveAccount:
        """Restore a snapshot, with its key and settings [A]. The account continues in a branch of it."""
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
        """Read the state of a snapshot into an account. Raise AccountGone if it was deleted meanwhile."""
        try:
            await fold(self._ledger.log, into, taken.stream)
        except LogFailed:
            self._check(live, taken)
            raise
        return into.state

    async def fork(self, live: LiveAccount, name: str, at: int | str | None, *, cause: str) -> LiveAccount:
        """Create an account from the current state, or from the state after an act.

        `at` is the position of the act, or the uuid of an event in it. The clock of an earlier state shows
        the moment of its act. The fork keeps the settings of callbacks, starts at generation 0, and adopts
        the first password that is used [A]. Raise AccountExists or NoSuchAct.
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
        await durable(live.pending)  # the log returns only durable records

        def stop(record: Record) -> bool:
            nonlocal found
            found = record.position == at if isinstance(at, int) else _holds(record, at)
            return found or record.position == last

        try:
            await fold(self._ledger.log, into, live.stream, stop)
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
        """Add an account that a fixture created, or replace `old` by it, with all its acts in one write.

        None of the callbacks of these acts is sent [A]. Raise AccountExists or AccountGone.
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
