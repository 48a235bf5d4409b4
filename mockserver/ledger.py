"""The ledger: live accounts and the log behind them. Acts are applied and written here, accounts opened.

An act is applied to the state and handed to the log's writer without suspending; it is durable when its
commit has returned. When that fails, what was applied is undone, for the accounts concerned only.

An account is opened when it is first used, or when its summary in the list of accounts says that something
is due. It is read from its checkpoint, if there is one, and the records after it.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from time import monotonic, perf_counter
from typing import Any, TypeVar

from msgspec import Raw, Struct, json

from mockserver.core import accounts, callbacks, numbers
from mockserver.core.accounts import Defaults
from mockserver.core.act import Act
from mockserver.core.callbacks import Planned
from mockserver.core.events import FORMAT, AccountLoaded, AttemptMade, Record, SnapshotTaken
from mockserver.core.fold import folded
from mockserver.core.model import Account, Clock, Value, replace
from mockserver.core.state import ACCOUNT, BILLOGRAM, State, dunning_inputs
from mockserver.log import interface
from mockserver.log.interface import (
    Append,
    Branch,
    CheckpointDamaged,
    Log,
    LogFailed,
    Point,
    PositionTaken,
    RecordDamaged,
    Unpoint,
    Write,
)
from mockserver.log.writer import Pending, Writer, durable, kept

logger = logging.getLogger(__name__)

T = TypeVar("T")

_SLICE = 0.005  # seconds of work between two chances for other requests
_FREED_AT_ONCE = 500  # billograms
_LOST_RACES = 100  # in a row; more are a failure
_QUIET, _BUSY = 0.5, 5.0  # seconds without an act before housekeeping; with acts all the time, at the latest
_CHECKPOINT_AFTER = 1000  # acts
_LOOK = 0.5  # seconds between two looks at the machine's clock
_AGAIN = timedelta(seconds=5)  # until an account that could not be read is tried again
_LOADING = "the list of accounts is being read"


class AccountGone(Exception):
    """The account is no longer what the caller found: look for it, or at its credentials, again."""


class AccountExists(ValueError):
    """There is an account with this id already."""


class Snapshot(Value, frozen=True):
    """A name for a state: that after the act at `position`, at this moment of the account's clock."""

    name: str
    stream: str
    position: int
    at: datetime
    number: int  # in the order in which they were taken


class Signal:
    """Wakes those who wait for a change. Who takes `count`, looks, and then waits with it, misses none."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self.count = 0  # of changes

    def notify(self) -> None:
        """Wake all who wait."""
        self.count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait(self, seen: int | None = None) -> None:
        """Until the next change; with `seen`, until there were more changes than that."""
        if seen is not None and self.count != seen:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class Move:
    """A move of an account's clock that is under way: what its progress is reported from."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self.begun = monotonic()
        self.acts: list[int] = []  # their positions: there are acts of others in between
        self.ended = False  # all of it is durable, or it failed


class LiveAccount:
    """An open account: its state, and where it is in the log."""

    def __init__(self, name: str, stream: str, ancestry: frozenset[str] = frozenset()) -> None:
        self.id = name
        self.stream = stream
        self.ancestry = ancestry | {stream}  # with all streams that it branched off from
        self.base = 0  # position at which its own stream begins
        self.position = 0
        self.state = State()
        self.last = datetime.min.replace(tzinfo=UTC)  # moment of the last act
        self.pending: Pending | None = None  # the last write, until it is durable
        self.behind = False  # another writer has appended to its stream
        self.durable = 0  # position of the last durable act
        self.durable_clock: Clock | None = None  # as of then, as is the moment of that act
        self.durable_last = self.last
        self.notes_stream: str | None = None  # the second stream, once there is something in it
        self.notes = 0  # its position
        self.durable_notes = 0  # of that, what is durable
        self.unwritten: list[AttemptMade] = []  # results whose commit failed: they wait for the next one
        self.refusals = 0  # of requests, since the process began
        self.snapshots: dict[str, Snapshot] = {}  # shared by all that the account was and becomes
        self.gone = False  # reset, restored or removed, and that is durable
        self.successor: LiveAccount | None = None  # what a reset or a restore made of it
        self.lock = asyncio.Lock()  # one move at a time
        self.moving = False  # a move is under way: requests are served between its entries
        self.move: Move | None = None  # the latest one, until it is durable
        self.signal = Signal()  # something of this account is new
        self.saved: Any = None  # checkpoint.Saved, when the log keeps checkpoints
        self.listed = (0, 0)  # positions of both streams in the summary that the log has

    @property
    def account(self) -> Account:
        """The account's own values."""
        return self.state.account


class Overview(Struct, frozen=True):
    """An account as it is listed, open or not. `now` is its time, in UTC."""

    account: Account
    now: datetime
    customers: int
    billograms: int
    acts: int


class Summary(Struct, frozen=True):
    """What the log's list of accounts says of one, so that it is not opened to be listed or woken.

    `wake` is the real moment at which something is due; None: nothing is due by itself.
    """

    order: int
    position: int
    notes: int
    last: datetime
    wake: datetime | None
    customers: int
    billograms: int
    account: Raw  # its own values: read when it is listed

    def overview(self, real: datetime) -> Overview:
        """The account as it is listed at a real moment."""
        account = _accounts.decode(self.account)
        now = max(account.clock.now_at(real), self.last)
        return Overview(account, now, self.customers, self.billograms, self.position)


_accounts = json.Decoder(Account)
_summaries = json.Decoder(Summary)
_encoder = json.Encoder()


class Closed:
    """An account of the log that has not been opened yet."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.notes_stream: str | None = None
        self.snapshots: dict[str, str] = {}  # stream of each, by name
        self.summary: Summary | None = None
        self.current: bool | None = None  # whether the summary tells of its last act; None: not looked at yet
        self.damage: RecordDamaged | None = None  # why it can't be opened


class Watcher:
    """Hears of what happens to accounts. No method suspends."""

    def opened(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """An account was read from the log: the callbacks of all its acts, and the results of attempts."""

    def applied(self, live: LiveAccount) -> None:
        """An act was applied or undone; it is not durable yet."""

    def acted(self, live: LiveAccount, record: Record, planned: tuple[Planned, ...]) -> None:
        """An act is durable."""

    def leaving(self, live: LiveAccount) -> None:
        """It is being reset or removed, perhaps not durably yet: from now on nothing of it may be sent."""

    def stays(self, live: LiveAccount) -> None:
        """The reset or removal could not be written: the account goes on."""

    def gone(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        """The reset or removal is durable; `successor` is what a reset made of the account."""

    def wakes_at(self, live: LiveAccount) -> datetime | None:
        """The real moment at which the account must be open because something is due; None: never."""


async def fold(
    log: Log,
    live: LiveAccount,
    stream: str | None = None,
    stop: Callable[[Record], bool] | None = None,
    after: int = 0,
) -> None:
    """Read an account from the log.

    `stream`: another one than its own; `stop`: sees each act when it is in the state, and ends the fold when
    true; `after`: the position that the state has reached already.
    """
    begun = perf_counter()
    async for record in log.read(stream or live.stream, after):
        record = absorb(live, record)
        live.durable = record.position
        if stop is not None and stop(record):
            break
        if perf_counter() - begun > _SLICE:
            await asyncio.sleep(0)
            begun = perf_counter()
    live.durable_clock, live.durable_last = live.account.clock, live.last


def absorb(live: LiveAccount, record: Record) -> Record:
    """Put a record of the log into the state, and return it in the present format."""
    record = folded(live.state, record, partial(put, live))
    live.position, live.last = record.position, record.at
    return record


def put(live: LiveAccount, kind: str, key: Any, new: Any) -> Any:
    """Replace one aggregate and return the old one; the next checkpoint has it."""
    old = live.state.put(kind, key, new)
    if live.saved is not None and live.saved.begun:
        live.saved.unsaved[kind, key] = None
        if (
            kind == ACCOUNT
            and old is not None
            and new is not None
            and dunning_inputs(old) != dunning_inputs(new)
        ):
            # what is due to each of them has changed, which the checkpoint holds too
            live.saved.unsaved.update(((BILLOGRAM, each), None) for each in live.state.billograms)
    return old


async def read_snapshot(log: Log, name: str, stream: str) -> Snapshot:
    """A snapshot, from the one record of its own stream."""
    position = (await log.branch(stream)).position
    found = [record async for record in log.read(stream, position)]
    (taken,) = found[0].events
    assert isinstance(taken, SnapshotTaken), "a snapshot's stream has no other act"
    return Snapshot(name, stream, position, found[0].at, taken.number)


def new_stream() -> str:
    """A name for a new stream."""
    return secrets.token_hex(8)


def pointer_of(account: str) -> str:
    """The pointer of an account's stream."""
    return f"account:{account}"


def notes_of(account: str) -> str:
    """The pointer of an account's second stream."""
    return f"deliveries:{account}"


def snapshot_of(account: str, name: str) -> str:
    """The pointer of a snapshot's stream: no id of an account has a slash."""
    return f"snapshot:{account}/{name}"


class Ledger:
    """All accounts of one server, open or not, and the log behind them."""

    def __init__(self, log: Log, defaults: Defaults, real_time: Callable[[], datetime]) -> None:
        self.log = log
        self.defaults = defaults
        self._real_time = real_time
        self._accounts: dict[str, LiveAccount] = {}
        self._closed: dict[str, Closed] = {}
        self._opening: dict[str, asyncio.Task[LiveAccount]] = {}
        self._removals: dict[str, Pending] = {}  # of accounts, until they are durable
        self._writer = None if log.volatile else Writer(log)
        self._watchers: list[Watcher] = []
        self._log_open = log.volatile
        self._loaded = log.volatile
        self._loading: asyncio.Task[None] | None = None
        self._doing = _LOADING
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()  # there is something for the housekeeping
        self._acts = 0  # applied since the process began
        self._housekeeping = asyncio.Lock()

    def subscribe(self, watcher: Watcher) -> None:
        """Let it hear of all accounts from now on."""
        self._watchers.append(watcher)

    # life

    async def open(self) -> None:
        """Take the log; LogInUse, LogFailed."""
        if not self._log_open:
            await self.log.open()
            self._log_open = True

    def load(self) -> None:
        """Begin to read the list of accounts (and open the log, if that was not done), in the background.

        After a failure it is tried again.
        """
        failed = self._loading is not None and self._loading.done() and not self._loaded
        if not self._loaded and (self._loading is None or failed):
            self._accounts.clear()
            self._closed.clear()
            self._loading = asyncio.create_task(self._load(), name="load")

    async def loaded(self) -> None:
        """Wait until the list of accounts is read; LogFailed when it can't be."""
        if not self._loaded and asyncio.current_task() is not self._loading:  # who loads does not wait
            self.load()
            assert self._loading is not None, "load has begun"
            await asyncio.shield(self._loading)

    async def _load(self) -> None:
        await self.open()
        await self._read_list()
        if self._writer is not None:
            self._writer.start()
        await self._prepare()
        self._loaded = True
        if self._writer is not None:
            self._spawn(self._open_what_is_due(), "open what is due")
            self._spawn(self._keep_house(), "housekeeping")

    async def _prepare(self) -> None:
        """Work that comes before anything else, once the list of accounts is read."""

    def _spawn(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Write what waits and let go of the log."""
        running = [*self._tasks, *self._opening.values()]
        if self._loading is not None:
            running.append(self._loading)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        if self._writer is not None:
            if self._loaded and self._writer.failure is None and await self._writer.kept():
                self._save_summaries()
            await self._writer.stop()
        await self.log.close()

    @property
    def trouble(self) -> str | None:
        """Why the server is not ready; None when it is."""
        if not self._loaded:
            failed = self._loading is not None and self._loading.done() and self._doing == _LOADING
            return "the list of accounts could not be read" if failed else self._doing
        if self._writer is not None and self._writer.failure is not None:
            return str(self._writer.failure)
        return None

    # the list of accounts

    async def _read_list(self) -> None:
        pointers = await self.log.pointers()
        for pointer, stream in pointers.items():
            kind, _, account = pointer.partition(":")
            if kind == "account":
                self._closed[account] = Closed(stream)
        for pointer, stream in sorted(pointers.items()):
            kind, _, account = pointer.partition(":")
            account, _, snapshot = account.partition("/") if kind == "snapshot" else (account, "", "")
            closed = self._closed.get(account)
            if closed is not None and kind == "deliveries":
                closed.notes_stream = stream
            elif closed is not None and kind == "snapshot":
                closed.snapshots[snapshot] = stream
        for pointer, body in (await self.log.summaries()).items():
            closed = self._closed.get(pointer.partition(":")[2])
            if closed is not None:
                with contextlib.suppress(ValueError):  # of another version: the account is opened instead
                    closed.summary = _summaries.decode(body)

    async def _open_what_is_due(self) -> None:
        """Open those accounts whose summary is old, then each other when something is due."""
        wakes: list[tuple[datetime, str]] = []
        for name, closed in list(self._closed.items()):
            if not await self._is_current(closed):
                if not await self._open_in_background(name):
                    heappush(wakes, (self._real_time() + _AGAIN, name))
            elif closed.summary is not None and closed.summary.wake is not None:
                heappush(wakes, (closed.summary.wake, name))
        while wakes:
            wait = (wakes[0][0] - self._real_time()).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, _LOOK))  # the machine's clock may be set meanwhile
                continue
            _, name = heappop(wakes)
            if not await self._open_in_background(name):
                heappush(wakes, (self._real_time() + _AGAIN, name))

    async def _is_current(self, closed: Closed) -> bool:
        """Whether the summary tells of the last act and the last attempt: else the server was killed."""
        if closed.current is None:
            streams, known, current = (closed.stream, closed.notes_stream), closed.summary, False
            with contextlib.suppress(LogFailed):
                ends = [0 if stream is None else await self.log.end(stream) for stream in streams]
                current = known is not None and ends == [known.position, known.notes]
            closed.current = current
        return closed.current

    async def _open_in_background(self, name: str) -> bool:
        """Open an account; False when it could not be read just now, but perhaps can be later."""
        try:
            await self.account(name)
        except LogFailed as failure:
            logger.error("account %s can't be opened: %s", name, failure)
            return isinstance(failure, RecordDamaged)
        return True

    def live_accounts(self) -> Iterator[LiveAccount]:
        """All open accounts, in the order in which they were created."""
        return iter(sorted(self._accounts.values(), key=lambda live: live.account.order))

    def known(self) -> dict[str, Account | None]:
        """The accounts by id, as far as they are known without opening one."""
        closed = {name: each.summary for name, each in self._closed.items()}
        accounts = {
            name: None if seen is None else seen.overview(self._real_time()).account
            for name, seen in closed.items()
        }
        return accounts | {live.id: live.account for live in self.live_accounts()}

    def live(self, name: str) -> LiveAccount | None:
        """The account with this id, if it is open."""
        return self._accounts.get(name)

    async def overviews(self) -> list[Overview]:
        """All accounts, open or not, in the order in which they were created; damaged ones are left out."""
        await self.loaded()
        for name, closed in list(self._closed.items()):
            if closed.damage is None and not await self._is_current(closed):
                with contextlib.suppress(LogFailed):
                    await self.account(name)

        def view() -> list[Overview]:
            real = self._real_time()
            found = [self.overview(live) for live in self._accounts.values()]
            closed = [each.summary for each in self._closed.values() if each.damage is None]
            found += [summary.overview(real) for summary in closed if summary is not None]
            return sorted(found, key=lambda each: each.account.order)

        return await self.read_all(view)

    def overview(self, live: LiveAccount) -> Overview:
        """An open account as it is listed."""
        state = live.state
        return Overview(
            live.account, self.now(live), len(state.customer_order), len(state.bucket().order), live.position
        )

    def summary(self, live: LiveAccount) -> Summary:
        """What the log's list of accounts says of an open account."""
        moments = [moment for each in self._watchers if (moment := each.wakes_at(live)) is not None]
        seen = self.overview(live)
        return Summary(
            seen.account.order,
            live.position,
            live.notes,
            live.last,
            min(moments, default=None),
            seen.customers,
            seen.billograms,
            Raw(_encoder.encode(seen.account)),
        )

    def _summary_of(self, live: LiveAccount) -> interface.Summary:
        return interface.Summary(pointer_of(live.id), _encoder.encode(self.summary(live)))

    # opening

    async def find(self, name: str) -> LiveAccount | None:
        """The account with this id, opened; None is said only once it is durable. LogFailed."""
        await self.loaded()
        while True:
            live = await self.account(name)
            removal = self._removals.get(name)
            if live is not None or removal is None or await kept(removal):
                return live

    async def account(self, name: str) -> LiveAccount | None:
        """Open the account with this id, if there is one; RecordDamaged when it can't be read."""
        live = self._accounts.get(name)
        closed = self._closed.get(name)
        if live is not None or closed is None:
            return live
        if closed.damage is not None:
            raise closed.damage
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.create_task(self._open(name, closed), name=f"open {name}")
            task.add_done_callback(lambda _: self._opening.pop(name, None))
        try:
            return await asyncio.shield(task)
        except RecordDamaged as damage:
            closed.damage = damage
            raise

    async def _open(self, name: str, closed: Closed) -> LiveAccount:
        live = LiveAccount(name, closed.stream, await self._ancestry(closed.stream))
        live.base = (await self.log.branch(closed.stream)).position
        planned = await self._read(live)
        notes = await self._read_notes(live, closed.notes_stream)
        for snapshot, stream in closed.snapshots.items():
            live.snapshots[snapshot] = await read_snapshot(self.log, snapshot, stream)
        for other in list(self._accounts.values()):
            if other.ancestry & live.ancestry:
                begun = perf_counter()
                for _ in live.state.share(other.state):
                    if perf_counter() - begun > _SLICE:
                        await asyncio.sleep(0)
                        begun = perf_counter()
                break
        if closed.summary is not None:
            live.listed = (closed.summary.position, closed.summary.notes)
        del self._closed[name]
        self._accounts[name] = live
        for watcher in self._watchers:
            watcher.opened(live, planned, notes)
        self._changed.set()
        return live

    async def _ancestry(self, stream: str) -> frozenset[str]:
        found: set[str] = set()
        walk: str | None = stream
        while walk is not None:
            found.add(walk)
            walk = (await self.log.branch(walk)).parent
        return frozenset(found)

    async def _read(self, live: LiveAccount) -> list[Planned]:
        """Read an account; the callbacks that its acts brought about.

        Those that were planned before the account became a fork, or another generation, or by a fixture, are
        not to be sent any more.
        """
        from mockserver import checkpoint  # pickle and its code are needed by a log in a file alone

        after, of = 0, (live.id, -1)
        live.saved = checkpoint.Saved()
        head = await self.log.checkpoint(live.stream)
        if head is not None and head.version == checkpoint.version():
            try:
                live.state, live.saved = await checkpoint.restore(self.log, live.stream, head)
                await self.log.verify(live.stream, head.position)
                after = head.position
                live.position = live.durable = after
                of = live.id, live.account.generation
            except CheckpointDamaged as damage:
                logger.warning("%s; the account is read from its records", damage)
                live.state, live.saved = State(), checkpoint.Saved()
        planned = live.saved.planned

        def plan(record: Record) -> bool:
            nonlocal of
            account: Account | None = live.state.find(ACCOUNT, "")
            now = of if account is None else (account.id, account.generation)
            if now != of or any(isinstance(event, AccountLoaded) for event in record.events):
                of = now
                planned.clear()
            planned.extend(callbacks.plan(live.state, record))
            return False

        if after:
            live.last = await self._last_before(live.stream, after)
        await fold(self.log, live, stop=plan, after=after)
        return list(planned)

    async def _last_before(self, stream: str, position: int) -> datetime:
        async for record in self.log.read(stream, position - 1):
            return record.at
        raise LogFailed(f"{self.log.name}: stream {stream} ends before position {position}")

    async def _read_notes(self, live: LiveAccount, stream: str | None) -> list[AttemptMade]:
        notes: list[AttemptMade] = []
        if stream is not None:
            live.notes_stream = stream
            begun = perf_counter()
            async for record in self.log.read(stream):
                notes += [event for event in record.events if isinstance(event, AttemptMade)]
                live.notes = live.durable_notes = record.position
                if perf_counter() - begun > _SLICE:
                    await asyncio.sleep(0)
                    begun = perf_counter()
        return notes

    # changes of the list

    async def vacant(self, name: str) -> None:
        """Wait until something can be applied; AccountExists when this id is taken."""
        await self.writable()
        for unlisted in [each for each, closed in self._closed.items() if closed.summary is None]:
            await self._open_in_background(unlisted)  # its place among the accounts must be known
        while name in self._accounts or name in self._closed:
            if name in self._closed or await kept(self._accounts[name].pending):
                raise AccountExists(f"account {name} exists already")

    def order_and_seed(self, name: str) -> tuple[int, int]:
        """The order and the seed of an account that is created now."""
        mixed = name if self.defaults.seed is None else f"{self.defaults.seed}:{name}"
        orders = [live.account.order for live in self._accounts.values()]
        orders += [closed.summary.order for closed in self._closed.values() if closed.summary is not None]
        return 1 + max(orders, default=0), numbers.seed_of(mixed)

    def begin(
        self,
        live: LiveAccount,
        act: Act,
        opening: tuple[Write, ...],
        *,
        cause: str,
        rule: str,
        parent: LiveAccount | None = None,
    ) -> Pending | None:
        """Open the stream of an account, to which the act is the next, and make its name mean it.

        What the account was before is gone, its snapshots stay [A]. `parent`: the stream goes on from what
        this one has not made durable yet. Without suspending.
        """
        act.close()
        old = self._accounts.get(live.id)
        live.base = live.position
        if parent is not None:
            live.ancestry |= parent.ancestry
        if not self.log.volatile:
            from mockserver import checkpoint

            live.saved = checkpoint.Saved()
        if old is not None:
            live.snapshots = old.snapshots
            for watcher in self._watchers:
                watcher.leaving(old)

        def undo(_: LogFailed) -> None:
            if old is None:
                del self._accounts[live.id]
            else:
                self._accounts[live.id] = old
                self._stays(old)

        self._accounts[live.id] = live
        names: tuple[Write, ...] = (Point(pointer_of(live.id), live.stream),)
        if old is not None and old.notes_stream is not None:
            names += (Unpoint(notes_of(live.id)),)
        then = None if old is None else partial(self._gone, old, live)
        owner = live.id if parent is None else parent.id
        self.apply(live, act, cause, rule, around=(opening, names), undo=undo, then=then, owner=owner)
        return live.pending

    async def remove(self, live: LiveAccount) -> None:
        """Forget an account and all it holds."""
        await self.writable()
        self.check_open(live)
        for watcher in self._watchers:
            watcher.leaving(live)
        del self._accounts[live.id]

        def undo(_: LogFailed) -> None:
            self._removals.pop(live.id, None)
            self._accounts[live.id] = live
            self._stays(live)

        def removed() -> None:
            self._removals.pop(live.id, None)
            self._gone(live, None)

        names = [Unpoint(pointer_of(live.id))]
        names += [Unpoint(snapshot_of(live.id, name)) for name in live.snapshots]
        if live.notes_stream is not None:
            names.append(Unpoint(notes_of(live.id)))
        removal = self.write(live.id, tuple(names), undo, removed)
        if removal is not None:
            self._removals[live.id] = removal
        await durable(removal)

    def _stays(self, live: LiveAccount) -> None:
        for watcher in self._watchers:
            watcher.stays(live)

    def _gone(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        live.gone, live.successor = True, successor
        if len(live.state.billograms) > _FREED_AT_ONCE:
            self._spawn(_freed(list(live.state.raw_table(BILLOGRAM).values())), "freeing")
        for watcher in self._watchers:
            watcher.gone(live, successor)
        live.signal.notify()

    # time

    def real_time(self) -> datetime:
        """The machine's clock."""
        return self._real_time()

    def durable_now(self, live: LiveAccount) -> datetime:
        """The account's time as far as it is durable: a move that is not brings no retry yet."""
        assert live.durable_clock is not None, "no act of it is durable"
        return max(live.durable_clock.now_at(self._real_time()), live.durable_last)

    def now(self, live: LiveAccount) -> datetime:
        """The account's time; it is never before its last act."""
        return max(live.account.clock.now_at(self._real_time()), live.last)

    def clock_after(self, act: Act, given: dict[str, object]) -> Clock:
        """The clock of an act's account with another mode, moment or speed, from the act's moment on."""
        return accounts.moved(act.account.clock, self._real_time(), {"now": act.now} | given)

    # acts

    def check_open(self, live: LiveAccount) -> None:
        """AccountGone when the account was reset, restored or removed."""
        if self._accounts.get(live.id) is not live:
            raise AccountGone(live.id)

    async def writable(self) -> None:
        """Wait until something can be applied; LogFailed while the log can't be written."""
        await self.loaded()
        if self._writer is not None and self._writer.failure is not None:
            await self._writer.works()

    async def ready(self, live: LiveAccount) -> None:
        """Wait until something can be applied to this account; AccountGone, LogFailed."""
        await self.writable()
        self.check_open(live)
        if live.behind:
            await self.catch_up(live)

    async def catch_up(self, live: LiveAccount) -> None:
        """Read what another writer has appended to the account's stream."""
        while live.behind:
            await kept(live.pending)
            self.check_open(live)
            position = live.position
            records = [record async for record in self.log.read(live.stream, position)]
            notes = 0 if live.notes_stream is None else await self.log.end(live.notes_stream)
            if live.position != position or live.pending is not None:
                continue
            live.behind = False
            live.notes = live.durable_notes = notes
            for record in records:
                record = absorb(live, record)
                self._publish(live, record, callbacks.plan(live.state, record), live.account.clock)
            for watcher in self._watchers:
                watcher.applied(live)

    async def decided_again(self, live: LiveAccount, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns; made again while other writers take the position that it decided for."""
        for _ in range(_LOST_RACES):
            try:
                return await attempt()
            except PositionTaken as taken:
                lost = taken
                await self.catch_up(live)
        raise lost

    def apply(
        self,
        live: LiveAccount,
        act: Act,
        cause: str,
        rule: str,
        *,
        around: tuple[tuple[Write, ...], tuple[Write, ...]] = ((), ()),
        undo: Callable[[LogFailed], None] | None = None,
        then: Callable[[], None] | None = None,
        owner: str | None = None,
    ) -> Record:
        """Put the changes, hand the record to the log; without suspending."""
        state, position, last = live.state, live.position, live.last
        old = [(kind, key, put(live, kind, key, new)) for (kind, key), new in act.changes.items()]
        record = Record(position + 1, act.now, cause, rule, tuple(act.events), FORMAT)
        live.position, live.last = record.position, act.now
        planned = callbacks.plan(state, record)
        clock = live.account.clock

        def undo_all(failure: LogFailed) -> None:
            for kind, key, value in reversed(old):
                state.put(kind, key, value)
            live.position, live.last = position, last
            live.pending = None  # what is left is durable
            live.behind |= isinstance(failure, PositionTaken)
            if live.saved is not None:
                live.saved.undone(position)
            if undo is not None:
                undo(failure)
            if position:
                self._applied(live)

        def publish() -> None:
            if then is not None:
                then()
            self._publish(live, record, planned, clock)
            self._note_again(live)

        before, after = around
        if live.saved is not None:
            live.saved.planned.extend(planned)
            if after:  # a new stream: the list of accounts has it from its first act on
                after += (self._summary_of(live),)
        writes = (*before, Append(live.stream, record), *after)
        live.pending = self.write(owner or live.id, writes, undo_all, publish)
        self._applied(live)
        return record

    def _applied(self, live: LiveAccount) -> None:
        self._acts += 1
        for watcher in self._watchers:
            watcher.applied(live)

    def _publish(self, live: LiveAccount, record: Record, planned: tuple[Planned, ...], clock: Clock) -> None:
        live.durable, live.durable_clock, live.durable_last = record.position, clock, record.at
        for watcher in self._watchers:
            watcher.acted(live, record, planned)
        live.signal.notify()

    def write(
        self,
        owner: str,
        writes: tuple[Write, ...],
        undo: Callable[[LogFailed], None],
        then: Callable[[], None] | None = None,
    ) -> Pending | None:
        """Hand writes whose effect has been applied to the log; what to wait for, if there is anything."""
        if self._writer is not None:
            self._changed.set()
            return self._writer.add(owner, writes, undo, then)
        for write in writes:
            self.log.append(write)
        if then is not None:
            then()
        return None

    async def read_all(self, view: Callable[[], T]) -> T:
        """What `view` sees now over all accounts, once everything that it could see is durable."""
        await self.loaded()
        while True:
            shown = view()
            if self._writer is None or await self._writer.kept():
                return shown

    # notes: the results of attempts, in a second stream that the fold never reads

    def note(self, live: LiveAccount, made: AttemptMade) -> None:
        """Keep the result of an attempt; if the server is killed before it is durable, it sends again.

        One whose commit fails is kept with the next write of its account that works.
        """
        if self._accounts.get(live.id) is not live:
            return
        fresh, position = live.notes_stream is None, live.notes
        stream = live.notes_stream or new_stream()
        record = Record(position + 1, made.at, made.delivery, "attempt", (made,), FORMAT)
        live.notes_stream, live.notes = stream, position + 1

        def undo(failure: LogFailed) -> None:
            live.notes = position
            live.unwritten.insert(0, made)  # undone backwards: the oldest comes last
            live.behind |= isinstance(failure, PositionTaken)
            if fresh:
                live.notes_stream = None

        def noted() -> None:
            live.durable_notes = record.position
            self._note_again(live)
            live.signal.notify()

        append = Append(stream, record)
        writes = (Branch(stream), append, Point(notes_of(live.id), stream)) if fresh else (append,)
        self.write(live.id, writes, undo, noted)

    def _note_again(self, live: LiveAccount) -> None:
        unwritten, live.unwritten = live.unwritten, []
        for made in unwritten:
            self.note(live, replace(made, after=live.position))

    # housekeeping: what nobody waits for

    async def _keep_house(self) -> None:
        reported = ""  # the failure that was logged last
        while True:
            await self._changed.wait()
            begun = monotonic()
            while True:
                acts = self._acts
                await asyncio.sleep(_QUIET)
                if acts == self._acts or monotonic() - begun > _BUSY:
                    break
            self._changed.clear()
            try:
                await self.tidy()
            except Exception as failure:  # nobody waits for it, and the task must live
                if str(failure) != reported:
                    reported = str(failure)
                    logger.warning("housekeeping of the log failed: %s", failure)
                await asyncio.sleep(_BUSY)

    async def tidy(self) -> None:
        """Write summaries and checkpoints that are old, and give back the space of what nobody refers to."""
        assert self._writer is not None, "a volatile log keeps neither"
        async with self._housekeeping:
            if self._writer.failure is not None:
                return
            self._save_summaries()
            for live in list(self._accounts.values()):
                assert live.saved is not None, "the log is not volatile"
                since = live.position - max(live.base, live.saved.position or 0)
                if since >= _CHECKPOINT_AFTER:
                    await self._checkpoint(live)
            more = True
            while more:
                async with self._writer.paused():
                    more = await self.log.sweep()
                await asyncio.sleep(_SLICE)

    def _save_summaries(self) -> None:
        for live in self._accounts.values():
            now = (live.position, live.notes)
            # of what is not durable the callbacks are not known to the sender yet
            if live.listed != now and now == (live.durable, live.durable_notes):
                self.write(live.id, (self._summary_of(live),), partial(_unlisted, live), None)
                live.listed = now

    async def _checkpoint(self, live: LiveAccount) -> None:
        """Write what has changed since the last checkpoint."""
        assert self._writer is not None, "the log is not volatile"
        saved = live.saved
        taken = saved.take(live.state, live.position)
        if not await kept(live.pending):
            saved.untake(taken)
            return
        try:
            complete = await saved.write(
                taken,
                self.log,
                live.stream,
                self._writer.paused,
                lambda: self._accounts.get(live.id) is live,
            )
        except BaseException:
            saved.discard()
            raise
        if not complete:
            saved.discard()


def _unlisted(live: LiveAccount, _: LogFailed) -> None:
    live.listed = (0, 0)


async def _freed(values: list[object]) -> None:
    """Let go of what a reset or removal left, in slices: freed at once, it would hold back everybody."""
    while values:
        del values[-_FREED_AT_ONCE:]
        await asyncio.sleep(0)
