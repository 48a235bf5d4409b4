"""The deep module: accounts, time and the log behind a handful of methods.

`execute` decides and applies without suspending, then waits until the log has the act on disk. `read` waits
until all that it could show is on disk. A cancelled caller changes nothing of that: state equals log.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from mockserver.clock_runner import ClockRunner
from mockserver.core import accounts, callbacks, numbers
from mockserver.core.act import Act
from mockserver.core.callbacks import Planned
from mockserver.core.events import FORMAT, AttemptMade, Record
from mockserver.core.model import Account, Clock, replace
from mockserver.core.state import State
from mockserver.ledger import (
    AccountExists,
    AccountGone,
    Defaults,
    LiveAccount,
    NewAccount,
    Watcher,
    born,
    notes_of,
    read_notes,
    replay,
)
from mockserver.log.interface import Append, Branch, Log, LogFailed, Point, Unpoint, Write
from mockserver.log.writer import Batch, Writer, durable, kept
from mockserver.snapshots import Snapshots, new_stream, read_snapshots, snapshot_of

T = TypeVar("T")

_FREED_AT_ONCE = 500  # billograms
_REPLAYING = "the log is being replayed"


def _real_time() -> datetime:
    return datetime.now(UTC)


class Emulator:
    """All accounts of one server."""

    def __init__(
        self,
        log: Log,
        defaults: Defaults | None = None,
        *,
        first: Callable[["Emulator"], Awaitable[None]] | None = None,
        real_time: Callable[[], datetime] = _real_time,
    ) -> None:
        self.log = log
        self.defaults = defaults or Defaults()
        self._real_time = real_time
        self._live: dict[str, LiveAccount] = {}
        self._writer = None if log.volatile else Writer(log)
        self._opened = log.volatile
        self._loading: asyncio.Task[None] | None = None
        self._registry: Batch | None = None  # the last write that changed which accounts there are
        self._first = first  # what is to be done before anything else
        self._loaded = log.volatile and first is None
        self._doing = _REPLAYING
        self._watchers: list[Watcher] = []
        self.time = ClockRunner(self)
        self.branches = Snapshots(self)
        self._freeing: set[asyncio.Task[None]] = set()

    def subscribe(self, watcher: Watcher) -> None:
        """Tell this one of what is on disk from now on."""
        self._watchers.append(watcher)

    # life

    async def open(self) -> None:
        """Take the log; LogInUse, LogFailed."""
        if not self._opened:
            await self.log.open()
            self._opened = True

    def load(self) -> None:
        """Begin to replay the log (and open it, if that was not done), beside whatever else runs.

        After a failure it is tried anew.
        """
        failed = self._loading is not None and self._loading.done() and not self._loaded
        if not self._loaded and (self._loading is None or failed):
            self._live.clear()
            self._loading = asyncio.create_task(self._replay(), name="replay")

    async def loaded(self) -> None:
        """Wait until the log is replayed; LogFailed when it can't be."""
        if not self._loaded and asyncio.current_task() is not self._loading:  # who loads does not wait
            self.load()
            assert self._loading is not None, "load has begun"
            await asyncio.shield(self._loading)

    async def close(self) -> None:
        """Write what waits and let go of the log."""
        await self.time.stop()
        for freeing in self._freeing:
            freeing.cancel()
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        if self._writer is not None:
            await self._writer.stop()
        await self.log.close()

    @property
    def trouble(self) -> str | None:
        """Why the server is not ready; None when it is."""
        if not self._loaded:
            done = self._loading is not None and self._loading.done()
            return "the log could not be replayed" if done and self._doing == _REPLAYING else self._doing
        if self._writer is not None and self._writer.failure is not None:
            return str(self._writer.failure)
        return None

    async def _replay(self) -> None:
        await self.open()
        pointers = await self.log.pointers()
        told: list[tuple[LiveAccount, list[Planned], list[AttemptMade]]] = []
        for name, stream in sorted(pointers.items()):
            kind, _, account = name.partition(":")
            if kind == "account":
                live = LiveAccount(account, stream)
                planned = await replay(self.log, live)
                notes = await read_notes(self.log, live, pointers.get(notes_of(account)))
                live.snapshots = await read_snapshots(self.log, pointers, account)
                told.append((live, planned, notes))
                self._live[account] = live
        if self._writer is not None:
            self._writer.start()
        await self._do_first()
        self._loaded = True
        for live, planned, notes in told:
            for watcher in self._watchers:
                watcher.replayed(live, planned, notes)
            self.time.look_ahead(live)

    async def _do_first(self) -> None:
        if self._first is not None:
            self._doing = "the fixture is being loaded"
            try:
                await self._first(self)
            except LogFailed as failure:
                self._doing = str(failure)
                raise

    # accounts

    def live_accounts(self) -> Iterator[LiveAccount]:
        """All accounts, in order of their birth."""
        return iter(sorted(self._live.values(), key=lambda live: live.account.order))

    def live(self, name: str) -> LiveAccount | None:
        """The account with this id."""
        return self._live.get(name)

    async def find(self, name: str) -> LiveAccount | None:
        """The account with this id; that there is none is said only once it is on disk."""
        await self.loaded()
        while name not in self._live and self._registry is not None and not self._registry.settled:
            await self._registry.ended()
        return self._live.get(name)

    async def enter(self, name: str, key: str, *, cause: str) -> LiveAccount | None:
        """The account that these credentials open, or None.

        Unless the list is closed an unknown name is born with this key; an account without one adopts it.
        """
        while True:
            live = await self.find(name) if self.defaults.closed else self._live.get(name)
            if live is None:
                if self.defaults.closed or not key:
                    return None
                with contextlib.suppress(AccountExists):  # born by another request in the meantime
                    return await self.open_account(NewAccount(name, key), cause=cause)
                continue
            if live.account.key_hash is None and key:
                await self.execute(live, lambda act: accounts.adopt(act, key), cause=cause, rule="key")
            if accounts.key_fits(live.account, key):
                return live
            if await kept(live.batch):  # the key that it was held against is on disk
                return None

    async def pick(self, name: str, *, cause: str) -> LiveAccount | None:
        """The account with this id, its key not asked for; unless the list is closed it is born."""
        if self.defaults.closed:
            return await self.find(name)
        while (live := self._live.get(name)) is None:
            with contextlib.suppress(AccountExists):  # born by another request in the meantime
                return await self.open_account(NewAccount(name), cause=cause)
        return live

    async def open_account(self, birth: NewAccount, *, cause: str) -> LiveAccount:
        """Make an account; AccountExists when the id is taken."""
        await self.vacant(birth.id)
        return await self.open_as(self.born(birth), cause=cause, rule="account")

    async def open_as(self, account: Account, *, cause: str, rule: str) -> LiveAccount:
        """Let an account begin with these values, in a new root stream."""
        live = LiveAccount(account.id, new_stream())
        act = Act(live.state, account.clock.reads(self._real_time()))
        accounts.open_account(act, account)
        await durable(self.begin(live, act, (Branch(live.stream),), cause=cause, rule=rule))
        return live

    async def vacant(self, name: str) -> None:
        """Wait until something can be applied; AccountExists when this id is taken."""
        await self.writable()
        while (taken := self._live.get(name)) is not None:
            if await kept(taken.batch):
                raise AccountExists(f"account {name} exists already")

    def newborn(self, name: str) -> tuple[int, int]:
        """The order and the seed of an account that is made now."""
        stirred = name if self.defaults.seed is None else f"{self.defaults.seed}:{name}"
        order = 1 + max((live.account.order for live in self._live.values()), default=0)
        return order, numbers.seed_of(stirred)

    def born(self, birth: NewAccount) -> Account:
        """The account that is made now."""
        return born(birth, self.defaults, *self.newborn(birth.id), self._real_time())

    async def reset(self, live: LiveAccount, *, seed: int | None, cause: str, **clock: Any) -> LiveAccount:
        """Empty an account: it goes on in a new root stream; its clock as it is, but for what is given."""
        await self.writable()
        self.check_open(live)
        start = accounts.moved(live.account.clock, self._real_time(), {"now": self.now(live), **clock})
        account = accounts.emptied(live.account, clock=start, seed=seed)
        return await self.open_as(account, cause=cause, rule="reset")

    def begin(
        self, live: LiveAccount, act: Act, opening: tuple[Write, ...], *, cause: str, rule: str
    ) -> Batch | None:
        """Open the stream of a book, to which the act is the next, and make its name mean it.

        What it was before is gone, its snapshots stay [A]. Without suspending.
        """
        act.close()
        old = self._live.get(live.id)
        if old is not None:
            live.snapshots = old.snapshots
            for watcher in self._watchers:
                watcher.left(old)

        def undo() -> None:
            if old is None:
                del self._live[live.id]
            else:
                self._live[live.id] = old
                self._stays(old)

        self._live[live.id] = live
        names: tuple[Write, ...] = (Point(f"account:{live.id}", live.stream),)
        if old is not None and old.notes_stream is not None:
            names += (Unpoint(notes_of(live.id)),)
        then = None if old is None else partial(self._gone, old, live)
        self.apply(live, act, cause, rule, around=(opening, names), undo=undo, then=then)
        self._registry = live.batch
        return self._registry

    async def remove(self, live: LiveAccount) -> None:
        """Forget an account and all it holds."""
        await self.writable()
        self.check_open(live)
        for watcher in self._watchers:
            watcher.left(live)
        del self._live[live.id]

        def undo() -> None:
            self._live[live.id] = live
            self._stays(live)

        names = [Unpoint(f"account:{live.id}")]
        names += [Unpoint(snapshot_of(live.id, name)) for name in live.snapshots]
        if live.notes_stream is not None:
            names.append(Unpoint(notes_of(live.id)))
        self._registry = self.write(tuple(names), undo, partial(self._gone, live, None))
        await durable(self._registry)

    def _stays(self, live: LiveAccount) -> None:
        for watcher in self._watchers:
            watcher.stays(live)

    def _gone(self, live: LiveAccount, fresh: LiveAccount | None) -> None:
        live.gone, live.fresh = True, fresh
        if len(live.state.billograms) > _FREED_AT_ONCE:
            freeing = asyncio.create_task(_freed(list(live.state.billograms.values())), name="freeing")
            self._freeing.add(freeing)
            freeing.add_done_callback(self._freeing.discard)
        for watcher in self._watchers:
            watcher.gone(live, fresh)
        live.signal.notify()

    # acts

    def real_time(self) -> datetime:
        """What the machine's clock shows."""
        return self._real_time()

    def durable_now(self, live: LiveAccount) -> datetime:
        """The account's time as far as it is on disk: a move that is not brings no retry yet."""
        assert live.durable_clock is not None, "nothing of it was told"
        return max(live.durable_clock.reads(self._real_time()), live.durable_last)

    def now(self, live: LiveAccount) -> datetime:
        """The account's time; it never falls behind its last act."""
        return max(live.account.clock.reads(self._real_time()), live.last)

    async def execute(
        self, live: LiveAccount, decide: Callable[[Act], object], *, cause: str, rule: str
    ) -> Act:
        """Decide, apply, and wait until it is on disk. The act that comes back shows what it made.

        What is due by now is done first. What `decide` raises leaves everything as it was. LogFailed: it was
        undone.
        """
        await self.settled(live)
        act = Act(live.state, self.now(live))
        try:
            decide(act)
        except Exception:
            await durable(live.batch)  # what it was refused for must be on disk too
            raise
        if act.events:
            act.close()
            self.apply(live, act, cause, rule)
        await durable(live.batch)
        return act

    async def settled(self, live: LiveAccount) -> None:
        """Wait until something can be applied to it and what is due was done; AccountGone, LogFailed."""
        await self.writable()
        self.check_open(live)
        if self.time.is_due(live):
            await self.time.settle(live)
            self.check_open(live)

    def clock_after(self, act: Act, given: dict[str, object]) -> Clock:
        """The clock of an act's account with another mode, moment or speed, from the act's moment on."""
        return accounts.moved(act.account.clock, self._real_time(), {"now": act.now} | given)

    async def read(self, live: LiveAccount, view: Callable[[State], T], *, gone_too: bool = False) -> T:
        """What `view` sees now, once everything that it could see is on disk; anew if that was undone.

        `gone_too`: also when the account was reset or removed since, as for the answer of a write.
        """
        while True:
            if not gone_too:
                self.check_open(live)
                if self.time.is_due(live):
                    with contextlib.suppress(LogFailed):  # then what is there is shown
                        await self.writable()
                        await self.time.settle(live)
                    self.check_open(live)
            batch = live.batch
            try:
                shown = view(live.state)
            except Exception:
                if await kept(batch):
                    raise
            else:
                if await kept(batch):
                    return shown
            if not gone_too:  # undone, perhaps with the key that the caller came in by
                raise AccountGone(live.id)

    async def read_all(self, view: Callable[[], T]) -> T:
        """The same over all accounts."""
        await self.loaded()
        while True:
            shown, batch = view(), None if self._writer is None else self._writer.pending
            if await kept(batch):
                return shown

    # notes: what became of callbacks, in a second stream that the fold never reads

    def note(self, live: LiveAccount, made: AttemptMade) -> None:
        """Keep the result of an attempt; who is cut off before it is on disk will send again.

        One whose commit fails is kept with the next write of its account that works.
        """
        if self._live.get(live.id) is not live:
            return
        fresh, position = live.notes_stream is None, live.notes
        stream = live.notes_stream or new_stream()
        record = Record(position + 1, made.at, made.delivery, "attempt", (made,), FORMAT)
        live.notes_stream, live.notes = stream, position + 1

        def undo() -> None:
            live.notes = position
            live.unwritten.insert(0, made)  # undone backwards: the oldest comes last
            if fresh:
                live.notes_stream = None

        def noted() -> None:
            live.noted = record.position
            self._note_again(live)
            live.signal.notify()

        append = Append(stream, record)
        writes = (Branch(stream), append, Point(notes_of(live.id), stream)) if fresh else (append,)
        self.write(writes, undo, noted)

    def _note_again(self, live: LiveAccount) -> None:
        unwritten, live.unwritten = live.unwritten, []
        for made in unwritten:
            self.note(live, replace(made, after=live.position))

    def check_open(self, live: LiveAccount) -> None:
        """AccountGone when it was reset or removed."""
        if self._live.get(live.id) is not live:
            raise AccountGone(live.id)

    async def writable(self) -> None:
        """Wait until something can be applied; LogFailed while the log can't be written."""
        await self.loaded()
        if self._writer is not None and self._writer.failure is not None:
            await self._writer.works()

    def apply(
        self,
        live: LiveAccount,
        act: Act,
        cause: str,
        rule: str,
        *,
        around: tuple[tuple[Write, ...], tuple[Write, ...]] = ((), ()),
        undo: Callable[[], None] | None = None,
        then: Callable[[], None] | None = None,
    ) -> Record:
        """Put the changes, hand the record to the log; without suspending."""
        state, position, last = live.state, live.position, live.last
        old = [(kind, key, state.put(kind, key, new)) for (kind, key), new in act.changes.items()]
        record = Record(position + 1, act.now, cause, rule, tuple(act.events), FORMAT)
        live.position, live.last = record.position, act.now
        planned = callbacks.plan(state, record)
        clock = live.account.clock

        def undo_all() -> None:
            for kind, key, value in reversed(old):
                state.put(kind, key, value)
            live.position, live.last = position, last
            live.batch = None  # what is left is on disk
            if undo is not None:
                undo()
            if position:
                self.time.look_ahead(live)

        def told() -> None:
            if then is not None:
                then()
            live.told, live.durable_clock, live.durable_last = record.position, clock, record.at
            for watcher in self._watchers:
                watcher.acted(live, record, planned)
            self._note_again(live)
            live.signal.notify()

        before, after = around
        live.batch = self.write((*before, Append(live.stream, record), *after), undo_all, told)
        self.time.look_ahead(live)
        return record

    def write(
        self,
        writes: tuple[Write, ...],
        undo: Callable[[], None],
        then: Callable[[], None] | None = None,
    ) -> Batch | None:
        """Hand writes to the log whose effect has been applied; the batch to wait for, if there is one."""
        if self._writer is not None:
            return self._writer.add(writes, undo, then)
        for write in writes:
            self.log.append(write)
        if then is not None:
            then()
        return None


async def _freed(values: list[object]) -> None:
    """Let go of what a reset or removal left, in slices: freed at once, it would hold back everybody."""
    while values:
        del values[-_FREED_AT_ONCE:]
        await asyncio.sleep(0)


__all__ = ["AccountExists", "AccountGone", "Defaults", "Emulator", "LiveAccount", "LogFailed", "NewAccount"]
