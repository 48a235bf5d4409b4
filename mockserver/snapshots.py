"""Snapshots, restore, fork: names for branches of the log, and accounts that go on from one."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from mockserver.core import accounts, events
from mockserver.core.act import Act
from mockserver.core.events import FORMAT, BillogramEvent, Record
from mockserver.core.model import Account, Clock, replace
from mockserver.core.state import State
from mockserver.ledger import AccountGone, LiveAccount, Snapshot, fold
from mockserver.log.interface import Append, Branch, Log, LogFailed, Point, Unpoint, Write
from mockserver.log.writer import Batch, durable

T = TypeVar("T")


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


class Shell(Protocol):
    """What a branch needs of the emulator."""

    log: Log

    def now(self, live: LiveAccount) -> datetime:
        """The account's time."""

    def real_time(self) -> datetime:
        """What the machine's clock shows."""

    def check_open(self, live: LiveAccount) -> None:
        """AccountGone when it was reset, restored or removed."""

    async def writable(self) -> None:
        """Wait until something can be applied; LogFailed."""

    async def settled(self, live: LiveAccount) -> None:
        """The same, and what is due by now is done."""

    async def read_all(self, view: Callable[[], T]) -> T:
        """What `view` sees now, once all of it is on disk."""

    async def vacant(self, name: str) -> None:
        """The same; AccountExists when this id is taken."""

    def newborn(self, name: str) -> tuple[int, int]:
        """The order and the seed of an account that is made now."""

    def begin(
        self, live: LiveAccount, act: Act, opening: tuple[Write, ...], *, cause: str, rule: str
    ) -> Batch | None:
        """Open the stream of a book, and make its name mean it."""

    def write(
        self, writes: tuple[Write, ...], undo: Callable[[], None], then: Callable[[], None] | None = None
    ) -> Batch | None:
        """Hand writes to the log whose effect has been applied."""


class Snapshots:
    """Makes branches of accounts. What is read from the log meanwhile is looked at again before it counts."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def snapshot(self, live: LiveAccount, name: str, *, cause: str) -> Snapshot:
        """Name the present state, its moment included; SnapshotExists when the name is taken [A]."""
        shell = self._shell
        await shell.settled(live)
        while name in live.snapshots:
            if await shell.read_all(lambda: name in live.snapshots):  # that it is taken is on disk
                raise SnapshotExists(f"there is a snapshot {name} already")
            await shell.settled(live)
        now, position = shell.now(live), live.position
        number = 1 + max((each.number for each in live.snapshots.values()), default=0)
        clock = accounts.moved(live.account.clock, shell.real_time(), {"now": now})
        taken = Snapshot(name, new_stream(), position, now, number)
        happened = (events.SnapshotTaken(clock, number),)
        record = Record(position + 1, now, cause, "snapshot", happened, FORMAT)
        live.snapshots[name] = taken

        def undo() -> None:
            del live.snapshots[name]

        writes = (
            Branch(taken.stream, live.stream, position),
            Append(taken.stream, record),
            Point(snapshot_of(live.id, name), taken.stream),
        )
        await durable(shell.write(writes, undo))
        return taken

    async def forget(self, live: LiveAccount, taken: Snapshot) -> None:
        """Drop a snapshot; AccountGone when it is not there any more."""
        await self._shell.writable()
        self._check(live, taken)
        del live.snapshots[taken.name]

        def undo() -> None:
            live.snapshots[taken.name] = taken

        await durable(self._shell.write((Unpoint(snapshot_of(live.id, taken.name)),), undo))

    async def restore(self, live: LiveAccount, taken: Snapshot, *, cause: str) -> LiveAccount:
        """Go back to a snapshot, key and settings too [A]: the account goes on in a branch of it."""
        fresh = LiveAccount(live.id, new_stream())
        await self.read(live, taken, fresh)
        await self._shell.writable()
        self._check(live, taken)
        clock = accounts.moved(fresh.account.clock, self._shell.real_time(), {"now": taken.at})
        account = accounts.restored(fresh.account, live.account, clock)
        await durable(self._begin(fresh, account, taken.at, taken.stream, cause, "restore"))
        return fresh

    async def read(self, live: LiveAccount, taken: Snapshot, into: LiveAccount) -> State:
        """The state of a snapshot, from the log; AccountGone when it was dropped meanwhile."""
        try:
            await fold(self._shell.log, into, taken.stream)
        except LogFailed:
            self._check(live, taken)
            raise
        return into.state

    async def fork(self, live: LiveAccount, name: str, at: int | str | None, *, cause: str) -> LiveAccount:
        """Another account of the present state, or of that after an act: by position, or an event in it.

        AccountExists, NoSuchAct. The clock of an earlier state shows the moment of its act, callbacks stay,
        generations begin anew, and the first password that comes is adopted [A].
        """
        shell = self._shell
        await shell.settled(live)
        fresh = LiveAccount(name, new_stream())
        if at is not None:
            await self._read_until(live, at, fresh)
        await shell.vacant(name)
        shell.check_open(live)
        if at is None:
            fresh.state, fresh.position = live.state.copy(), live.position
            fresh.last = shell.now(live)
        order, seed = shell.newborn(name)
        clock = accounts.moved(fresh.account.clock, shell.real_time(), {"now": fresh.last})
        account = accounts.forked(fresh.account, name, order=order, seed=seed, clock=clock)
        await durable(self._begin(fresh, account, fresh.last, live.stream, cause, "fork"))
        return fresh

    async def _read_until(self, live: LiveAccount, at: int | str, into: LiveAccount) -> None:
        last, found = live.position, False
        await durable(live.batch)  # a log reads only what is on disk

        def until(record: Record) -> bool:
            nonlocal found
            found = record.position == at if isinstance(at, int) else _holds(record, at)
            return found or record.position == last

        try:
            await fold(self._shell.log, into, live.stream, until)
        except LogFailed:
            self._shell.check_open(live)
            raise
        if not found:
            raise NoSuchAct(f"there is no act {at}")

    def _begin(
        self, fresh: LiveAccount, account: Account, at: datetime, parent: str, cause: str, rule: str
    ) -> Batch | None:
        act = Act(fresh.state, at)
        act.add(events.AccountChanged(account))
        branch = Branch(fresh.stream, parent, fresh.position)
        return self._shell.begin(fresh, act, (branch,), cause=cause, rule=rule)

    async def take_over(self, played: Played, old: LiveAccount | None, *, cause: str) -> LiveAccount:
        """An account that was played elsewhere goes on here, in place of `old`: all its acts in one write.

        AccountExists, AccountGone. None of the callbacks that they brought about is sent [A].
        """
        shell, name = self._shell, played.account.id
        if old is None:
            await shell.vacant(name)
            order, _ = shell.newborn(name)
        else:
            await shell.writable()
            shell.check_open(old)
            order = old.account.order
        fresh = LiveAccount(name, new_stream())
        fresh.state, fresh.position, fresh.last = played.state, len(played.records), played.now
        clock = accounts.started(played.clock.mode, played.now, shell.real_time(), played.clock.speed)
        act = Act(fresh.state, played.now)
        act.add(events.AccountLoaded(replace(played.account, order=order, clock=clock)))
        acts = (Append(fresh.stream, record) for record in played.records)
        opening: tuple[Write, ...] = (Branch(fresh.stream), *acts)
        await durable(shell.begin(fresh, act, opening, cause=cause, rule="fixture"))
        return fresh

    def _check(self, live: LiveAccount, taken: Snapshot) -> None:
        self._shell.check_open(live)
        if live.snapshots.get(taken.name) is not taken:
            raise AccountGone(live.id)


def _holds(record: Record, event_uuid: str) -> bool:
    return any(isinstance(event, BillogramEvent) and event.mark.uuid == event_uuid for event in record.events)


def new_stream() -> str:
    """The name of a stream that there is not yet."""
    return secrets.token_hex(8)


def snapshot_of(account: str, name: str) -> str:
    """What the log calls a snapshot: no id of an account has a slash."""
    return f"snapshot:{account}/{name}"


async def read_snapshots(log: Log, pointers: Mapping[str, str], account: str) -> dict[str, Snapshot]:
    """The snapshots of an account."""
    found: dict[str, Snapshot] = {}
    prefix = snapshot_of(account, "")
    for pointer, stream in pointers.items():
        if pointer.startswith(prefix):
            name, position = pointer.removeprefix(prefix), (await log.branch(stream)).position
            async for record in log.read(stream, position):
                (taken,) = record.events
                assert isinstance(taken, events.SnapshotTaken), "a snapshot's stream has no other act"
                found[name] = Snapshot(name, stream, position, record.at, taken.number)
    return found
