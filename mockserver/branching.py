"""Snapshots, restore, fork: names for branches of the log, and accounts that go on from one."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from mockserver.book import AccountGone, Book, Snapshot, fold
from mockserver.core import accounts, events
from mockserver.core.act import Act
from mockserver.core.events import FORMAT, BillogramEvent, Record
from mockserver.core.model import Account, Clock, replace
from mockserver.core.state import State
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

    def now(self, book: Book) -> datetime:
        """The account's time."""

    def real_time(self) -> datetime:
        """What the machine's clock shows."""

    def check_open(self, book: Book) -> None:
        """AccountGone when it was reset, restored or removed."""

    async def writable(self) -> None:
        """Wait until something can be applied; LogFailed."""

    async def settled(self, book: Book) -> None:
        """The same, and what is due by now is done."""

    async def read_all(self, view: Callable[[], T]) -> T:
        """What `view` sees now, once all of it is on disk."""

    async def vacant(self, name: str) -> None:
        """The same; AccountExists when this id is taken."""

    def newborn(self, name: str) -> tuple[int, int]:
        """The order and the seed of an account that is made now."""

    def begin(
        self, book: Book, act: Act, opening: tuple[Write, ...], *, cause: str, rule: str
    ) -> Batch | None:
        """Open the stream of a book, and make its name mean it."""

    def write(
        self, writes: tuple[Write, ...], undo: Callable[[], None], then: Callable[[], None] | None = None
    ) -> Batch | None:
        """Hand writes to the log whose effect has been applied."""


class Brancher:
    """Makes branches of accounts. What is read from the log meanwhile is looked at again before it counts."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def snapshot(self, book: Book, name: str, *, cause: str) -> Snapshot:
        """Name the present state, its moment included; SnapshotExists when the name is taken [A]."""
        shell = self._shell
        await shell.settled(book)
        while name in book.snapshots:
            if await shell.read_all(lambda: name in book.snapshots):  # that it is taken is on disk
                raise SnapshotExists(f"there is a snapshot {name} already")
            await shell.settled(book)
        now, position = shell.now(book), book.position
        number = 1 + max((each.number for each in book.snapshots.values()), default=0)
        clock = accounts.moved(book.account.clock, shell.real_time(), {"now": now})
        taken = Snapshot(name, new_stream(), position, now, number)
        happened = (events.SnapshotTaken(clock, number),)
        record = Record(position + 1, now, cause, "snapshot", happened, FORMAT)
        book.snapshots[name] = taken

        def undo() -> None:
            del book.snapshots[name]

        writes = (
            Branch(taken.stream, book.stream, position),
            Append(taken.stream, record),
            Point(snapshot_of(book.id, name), taken.stream),
        )
        await durable(shell.write(writes, undo))
        return taken

    async def forget(self, book: Book, taken: Snapshot) -> None:
        """Drop a snapshot; AccountGone when it is not there any more."""
        await self._shell.writable()
        self._check(book, taken)
        del book.snapshots[taken.name]

        def undo() -> None:
            book.snapshots[taken.name] = taken

        await durable(self._shell.write((Unpoint(snapshot_of(book.id, taken.name)),), undo))

    async def restore(self, book: Book, taken: Snapshot, *, cause: str) -> Book:
        """Go back to a snapshot, key and settings too [A]: the account goes on in a branch of it."""
        fresh = Book(book.id, new_stream())
        await self.read(book, taken, fresh)
        await self._shell.writable()
        self._check(book, taken)
        clock = accounts.moved(fresh.account.clock, self._shell.real_time(), {"now": taken.at})
        account = accounts.restored(fresh.account, book.account, clock)
        await durable(self._begin(fresh, account, taken.at, taken.stream, cause, "restore"))
        return fresh

    async def read(self, book: Book, taken: Snapshot, into: Book) -> State:
        """The state of a snapshot, from the log; AccountGone when it was dropped meanwhile."""
        try:
            await fold(self._shell.log, into, taken.stream)
        except LogFailed:
            self._check(book, taken)
            raise
        return into.state

    async def fork(self, book: Book, name: str, at: int | str | None, *, cause: str) -> Book:
        """Another account of the present state, or of that after an act: by position, or an event in it.

        AccountExists, NoSuchAct. The clock of an earlier state shows the moment of its act, callbacks stay,
        generations begin anew, and the first password that comes is adopted [A].
        """
        shell = self._shell
        await shell.settled(book)
        fresh = Book(name, new_stream())
        if at is not None:
            await self._read_until(book, at, fresh)
        await shell.vacant(name)
        shell.check_open(book)
        if at is None:
            fresh.state, fresh.position = book.state.copy(), book.position
            fresh.last = shell.now(book)
        order, seed = shell.newborn(name)
        clock = accounts.moved(fresh.account.clock, shell.real_time(), {"now": fresh.last})
        account = accounts.forked(fresh.account, name, order=order, seed=seed, clock=clock)
        await durable(self._begin(fresh, account, fresh.last, book.stream, cause, "fork"))
        return fresh

    async def _read_until(self, book: Book, at: int | str, into: Book) -> None:
        last, found = book.position, False
        await durable(book.batch)  # a log reads only what is on disk

        def until(record: Record) -> bool:
            nonlocal found
            found = record.position == at if isinstance(at, int) else _holds(record, at)
            return found or record.position == last

        try:
            await fold(self._shell.log, into, book.stream, until)
        except LogFailed:
            self._shell.check_open(book)
            raise
        if not found:
            raise NoSuchAct(f"there is no act {at}")

    def _begin(
        self, fresh: Book, account: Account, at: datetime, parent: str, cause: str, rule: str
    ) -> Batch | None:
        act = Act(fresh.state, at)
        act.add(events.AccountChanged(account))
        branch = Branch(fresh.stream, parent, fresh.position)
        return self._shell.begin(fresh, act, (branch,), cause=cause, rule=rule)

    async def take_over(self, played: Played, old: Book | None, *, cause: str) -> Book:
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
        fresh = Book(name, new_stream())
        fresh.state, fresh.position, fresh.last = played.state, len(played.records), played.now
        clock = accounts.started(played.clock.mode, played.now, shell.real_time(), played.clock.speed)
        act = Act(fresh.state, played.now)
        act.add(events.AccountLoaded(replace(played.account, order=order, clock=clock)))
        acts = (Append(fresh.stream, record) for record in played.records)
        opening: tuple[Write, ...] = (Branch(fresh.stream), *acts)
        await durable(shell.begin(fresh, act, opening, cause=cause, rule="fixture"))
        return fresh

    def _check(self, book: Book, taken: Snapshot) -> None:
        self._shell.check_open(book)
        if book.snapshots.get(taken.name) is not taken:
            raise AccountGone(book.id)


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
