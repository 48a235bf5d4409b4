"""The ledger: live accounts and the log behind them. It opens accounts, applies acts and writes them.

An act is applied to the state and handed to the log's writer without suspending. It is durable when its
commit has returned. If the commit fails, the act is undone; only the accounts in the commit are affected.

An account is opened when it is first used, or at the moment that its summary in the list of accounts gives.
It is read from its checkpoint, if there is one, and from the records after it.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
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
from mockserver.core.state import ACCOUNT, BILLOGRAM, TAB, State, dunning_inputs
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
    Stopping,
    Unpoint,
    Write,
)
from mockserver.log.writer import Pending, Writer, durable, kept
from mockserver.wire import sliced

logger = logging.getLogger(__name__)

T = TypeVar("T")

_SLICE = 0.005  # seconds of work between two chances for other requests
_FREED_AT_ONCE = 500  # billograms
_LOST_RACES = 100  # in a row; one more fails the request
_QUIET, _BUSY = 0.5, 5.0  # seconds without an act, or at most with acts, until housekeeping begins
_CHECKPOINT_AFTER = 1000  # acts since the last checkpoint
_LOOK = 0.5  # seconds between two readings of the machine's clock
_AGAIN = timedelta(seconds=5)  # between two attempts to read an account
_LOADING = "the list of accounts is being read"
_STOPPING = "the server is stopping"


class AccountGone(Exception):
    """The account was reset, restored or removed, or its key was undone. The caller must look it up again."""


class AccountExists(ValueError):
    """An account with this id exists already."""


class Snapshot(Value, frozen=True):
    """A named state: the one after the act at `position`, at the moment `at` of the account's clock."""

    name: str
    stream: str
    position: int
    at: datetime
    number: int  # in the order in which they were taken


class Signal:
    """Wakes tasks that wait for a change.

    A task that reads `count`, looks for changes, and passes `count` to `wait` does not miss a change.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self.count = 0  # of changes

    def notify(self) -> None:
        """Wake all tasks that wait."""
        self.count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait(self, seen: int | None = None) -> None:
        """Wait for the next change. With `seen`, return at once if `count` is no longer this."""
        if seen is not None and self.count != seen:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class Move:
    """A move of an account's clock while it runs. The progress of the move is reported from it."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self.begun = monotonic()
        self.acts: list[int] = []  # positions of its acts; acts of requests are between them
        self.ended = False  # every act of it is durable, or it failed


class LiveAccount:
    """An open account: its state, and its positions in the log."""

    def __init__(self, name: str, stream: str, ancestry: frozenset[str] = frozenset()) -> None:
        self.id = name
        self.stream = stream
        self.ancestry = ancestry | {stream}  # its stream, and all streams that it branched off from
        self.base = 0  # position at which its stream branched off
        self.position = 0
        self.state = State()
        self.last = datetime.min.replace(tzinfo=UTC)  # moment of the last act
        self.pending: Pending | None = None  # the last write, until it is durable
        self.behind = False  # another writer has appended to its stream
        self.durable = 0  # position of the last durable act
        self.durable_clock: Clock | None = None  # the clock after the last durable act
        self.durable_last = self.last  # moment of the last durable act
        self.notes_stream: str | None = None  # the stream of the results of attempts, once there are any
        self.notes = 0  # last position of that stream
        self.durable_notes = 0  # last durable position of that stream
        self.unwritten: list[AttemptMade] = []  # results whose commit failed; the next write has them again
        self.refusals = 0  # of requests, since the process began
        self.snapshots: dict[str, Snapshot] = {}  # one dict for all generations of the account
        self.gone = False  # it was reset, restored or removed, and that is durable
        self.successor: LiveAccount | None = None  # the account after a reset or a restore
        self.lock = asyncio.Lock()  # one move at a time
        self.moving = False  # a move is running; requests are served between its entries
        self.move: Move | None = None  # the latest move, until it is durable
        self.signal = Signal()  # notified when the account has changed
        self.saved: Any = None  # checkpoint.Saved, if the log keeps checkpoints
        self.listed = (0, 0)  # positions of both streams in the summary that is in the log

    @property
    def account(self) -> Account:
        """The values of the account itself."""
        return self.state.account


class Overview(Struct, frozen=True):
    """An account in the list of accounts, open or not. `now` is the time of its clock, in UTC."""

    account: Account
    now: datetime
    customers: int
    billograms: int
    acts: int


class Summary(Struct, frozen=True):
    """An account in the log's list of accounts: enough to list it, and to know when it must be opened.

    `position` and `notes` are the last positions of its two streams. `wake` is the real moment at which
    something is due; None means that nothing is due until a request comes.
    """

    order: int
    position: int
    notes: int
    last: datetime
    wake: datetime | None
    customers: int
    billograms: int
    account: Raw  # an `Account`; it is decoded when the account is listed

    def overview(self, real: datetime) -> Overview:
        """Return the account as it is listed at a real moment."""
        account = _accounts.decode(self.account)
        now = max(account.clock.now_at(real), self.last)
        return Overview(account, now, self.customers, self.billograms, self.position)


_accounts = json.Decoder(Account)
_summaries = json.Decoder(Summary)
_encoder = json.Encoder()


class Closed:
    """An account of the log that is not open yet."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.notes_stream: str | None = None
        self.snapshots: dict[str, str] = {}  # stream of each, by name
        self.summary: Summary | None = None
        self.current: bool | None = None  # whether the summary is of the last act; None: not checked yet
        self.damage: RecordDamaged | None = None  # the reason why it can't be opened

    @cached_property
    def account(self) -> Account:
        """The values of the account in its summary. An account that is not open does not change."""
        assert self.summary is not None, "it has no summary"
        return _accounts.decode(self.summary.account)


class Watcher:
    """Is called when accounts change. Its methods do not suspend."""

    def opened(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """An account was opened. `planned` are the callbacks of its acts, `notes` the results of attempts."""

    def applied(self, live: LiveAccount) -> None:
        """An act was applied, but is not durable yet, or it was undone."""

    def acted(self, live: LiveAccount, record: Record, planned: tuple[Planned, ...]) -> None:
        """An act is durable. `planned` are its callbacks."""

    def leaving(self, live: LiveAccount) -> None:
        """A reset or removal was applied, but is not durable yet. From now on no callback may be sent."""

    def stays(self, live: LiveAccount) -> None:
        """A reset or removal was undone, because it could not be written. Callbacks may be sent again."""

    def gone(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        """A reset or removal is durable. `successor` is the account after a reset or restore."""

    def wakes_at(self, live: LiveAccount) -> datetime | None:
        """Return the real moment at which the account must be open because something is due; None: never."""


async def fold(
    log: Log,
    live: LiveAccount,
    stream: str | None = None,
    stop: Callable[[Record], bool] | None = None,
    after: int = 0,
) -> None:
    """Read the records of a stream into the state of an account.

    `stream` is the account's own stream unless given. `stop` is called after each record; the fold ends when
    it returns true. `after` is the position that the state has reached already.
    """
    slice_start = perf_counter()
    async for record in log.read(stream or live.stream, after):
        record = absorb(live, record)
        live.durable = record.position
        if stop is not None and stop(record):
            break
        if perf_counter() - slice_start > _SLICE:
            await asyncio.sleep(0)
            slice_start = perf_counter()
    live.durable_clock, live.durable_last = live.account.clock, live.last


def absorb(live: LiveAccount, record: Record) -> Record:
    """Apply a record of the log to the state, and return the record in the current format."""
    record = folded(live.state, record, partial(put, live))
    live.position, live.last = record.position, record.at
    return record


def put(live: LiveAccount, kind: str, key: Any, new: Any) -> Any:
    """Replace one aggregate, note it for the next checkpoint, and return the old aggregate."""
    old = live.state.put(kind, key, new)
    if live.saved is not None and live.saved.begun:
        live.saved.unsaved[kind, key] = None
        if (
            kind == ACCOUNT
            and old is not None
            and new is not None
            and dunning_inputs(old) != dunning_inputs(new)
        ):
            # the checkpoint also holds the agenda, which has changed for every billogram and active tab
            live.saved.unsaved.update(((BILLOGRAM, each), None) for each in live.state.billograms)
            active = (each.active for each in live.state.customer_tabs.values())
            live.saved.unsaved.update(((TAB, each), None) for each in active if each is not None)
    return old


async def read_snapshot(log: Log, name: str, stream: str) -> Snapshot:
    """Read a snapshot from the only record of its own stream."""
    position = (await log.branch(stream)).position
    found = [record async for record in log.read(stream, position)]
    (taken,) = found[0].events
    assert isinstance(taken, SnapshotTaken), "a snapshot's stream has no other act"
    return Snapshot(name, stream, position, found[0].at, taken.number)


def new_stream() -> str:
    """Return a random id for a new stream."""
    return secrets.token_hex(8)


def pointer_of(account: str) -> str:
    """Return the name of the pointer to an account's stream."""
    return f"account:{account}"


def notes_of(account: str) -> str:
    """Return the name of the pointer to an account's second stream: the results of attempts."""
    return f"deliveries:{account}"


def snapshot_of(account: str, name: str) -> str:
    """Return the name of the pointer to a snapshot's stream. Ids of accounts have no slash."""
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
        # called with an act of this process when it is durable, and with the aggregates before it
        self.on_act: Callable[[LiveAccount, Act, Record, list[tuple[str, Any, Any]]], None] | None = None
        self._log_open = log.volatile
        self._loaded = log.volatile
        self._loading: asyncio.Task[None] | None = None
        self._activity = _LOADING
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()  # there is something for the housekeeping
        self._acts = 0  # applied since the process began
        self._housekeeping = asyncio.Lock()

    def subscribe(self, watcher: Watcher) -> None:
        """Call this watcher for all accounts from now on."""
        self._watchers.append(watcher)

    # life

    async def open(self) -> None:
        """Open the log. Raise LogInUse or LogFailed."""
        if not self._log_open:
            await self.log.open()
            self._log_open = True

    def load(self) -> None:
        """Begin to read the list of accounts in the background. Open the log first if necessary.

        After a failure, the next call tries again.
        """
        if self._stopping and not self._loaded:
            raise Stopping(_STOPPING)
        failed = self._loading is not None and self._loading.done() and not self._loaded
        if not self._loaded and (self._loading is None or failed):
            self._accounts.clear()
            self._closed.clear()
            self._loading = asyncio.create_task(self._load(), name="load")

    async def loaded(self) -> None:
        """Wait until the list of accounts is read. Raise LogFailed if it can't be read."""
        if not self._loaded and asyncio.current_task() is not self._loading:  # that task itself does not wait
            self.load()
            assert self._loading is not None, "load has begun"
            await self._unless_stopping(self._loading)

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
        """Do what must be done before any request, right after the list of accounts was read."""

    def _spawn(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _unless_stopping(self, task: "asyncio.Task[T]") -> T:
        """What a shared task returns; Stopping when `stop_opening` has ended it."""
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if self._stopping and task.done() and not (this is not None and this.cancelling()):
                raise Stopping(_STOPPING) from None
            raise

    def stop_opening(self) -> list["asyncio.Task[Any]"]:
        """End what is read or done in the background: who waits for it gets Stopping. Returns its tasks."""
        self._stopping = True
        running: list[asyncio.Task[Any]] = [*self._tasks, *self._opening.values()]
        if self._loading is not None:
            running.append(self._loading)
        for task in running:
            task.cancel()
        return running

    async def close(self) -> None:
        """Write what waits and let go of the log."""
        running = self.stop_opening()
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
            failed = self._loading is not None and self._loading.done() and self._activity == _LOADING
            return "the list of accounts could not be read" if failed else self._activity
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
                with contextlib.suppress(ValueError):  # another version wrote it: the account is opened
                    closed.summary = _summaries.decode(body)

    async def _open_what_is_due(self) -> None:
        """Open the accounts whose summary is out of date, then every other account when something is due."""
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
                await asyncio.sleep(min(wait, _LOOK))  # the machine's clock may be set in between
                continue
            _, name = heappop(wakes)
            if not await self._open_in_background(name):
                heappush(wakes, (self._real_time() + _AGAIN, name))

    async def _is_current(self, closed: Closed) -> bool:
        """Return whether the summary is of the last act and attempt. It is not if the server was killed."""
        if closed.current is None:
            streams, summary, current = (closed.stream, closed.notes_stream), closed.summary, False
            with contextlib.suppress(LogFailed):
                ends = [0 if stream is None else await self.log.end(stream) for stream in streams]
                current = summary is not None and ends == [summary.position, summary.notes]
            closed.current = current
        return closed.current

    async def _open_in_background(self, name: str) -> bool:
        """Open an account. Return False if that failed but may succeed later."""
        try:
            await self.account(name)
        except Stopping:
            return False
        except LogFailed as failure:
            logger.error("account %s can't be opened: %s", name, failure)
            return isinstance(failure, RecordDamaged)
        return True

    def live_accounts(self) -> Iterator[LiveAccount]:
        """Return all open accounts, in order of creation."""
        return iter(sorted(self._accounts.values(), key=lambda live: live.account.order))

    def known(self) -> dict[str, Account | None]:
        """Return all accounts by id; None for an account whose values are unknown until it is opened."""
        closed = {name: each.summary for name, each in self._closed.items()}
        accounts = {
            name: None if summary is None else summary.overview(self._real_time()).account
            for name, summary in closed.items()
        }
        return accounts | {live.id: live.account for live in self.live_accounts()}

    async def holders(self, may_hold: Callable[[Account], bool]) -> list[LiveAccount]:
        """Return all open accounts, newest first, after opening those that may hold what is looked for.

        `may_hold` is asked about the values of accounts that are not open. One whose values are not known is
        opened; a damaged one is left out.
        """
        await self.loaded()
        async for part in sliced(list(self._closed.items())):
            for name, closed in part:
                if closed.damage is None and (not await self._is_current(closed) or may_hold(closed.account)):
                    with contextlib.suppress(RecordDamaged):
                        await self.account(name)
        return list(self.live_accounts())[::-1]

    def live(self, name: str) -> LiveAccount | None:
        """Return the account with this id if it is open."""
        return self._accounts.get(name)

    async def overviews(self) -> list[Overview]:
        """Return all accounts, open or not, in order of creation, except damaged ones."""
        await self.loaded()
        for name, closed in list(self._closed.items()):
            if closed.damage is None and not await self._is_current(closed):
                with contextlib.suppress(LogFailed):
                    await self.account(name)

        def view() -> list[Overview]:
            real = self._real_time()
            listed = [self.overview(live) for live in self._accounts.values()]
            closed = [each.summary for each in self._closed.values() if each.damage is None]
            listed += [summary.overview(real) for summary in closed if summary is not None]
            return sorted(listed, key=lambda each: each.account.order)

        return await self.read_all(view)

    def overview(self, live: LiveAccount) -> Overview:
        """Return an open account as it is listed."""
        state = live.state
        return Overview(
            live.account, self.now(live), len(state.customer_order), len(state.bucket().order), live.position
        )

    def summary(self, live: LiveAccount) -> Summary:
        """Return the summary of an open account for the log's list of accounts."""
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
        """Open and return the account with this id. Wait for its removal before None. Raise LogFailed."""
        await self.loaded()
        while True:
            live = await self.account(name)
            removal = self._removals.get(name)
            if live is not None or removal is None or await kept(removal):
                return live

    async def account(self, name: str) -> LiveAccount | None:
        """Open and return the account with this id, or None. Raise LogFailed, or RecordDamaged for damage."""
        live = self._accounts.get(name)
        closed = self._closed.get(name)
        if live is not None or closed is None:
            return live
        if closed.damage is not None:
            raise closed.damage
        if self._stopping:
            raise Stopping(_STOPPING)
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.create_task(self._open(name, closed), name=f"open {name}")
            task.add_done_callback(lambda _: self._opening.pop(name, None))
        try:
            return await self._unless_stopping(task)
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
                slice_start = perf_counter()
                for _ in live.state.share(other.state):
                    if perf_counter() - slice_start > _SLICE:
                        await asyncio.sleep(0)
                        slice_start = perf_counter()
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
        """Read an account from the log, and return the callbacks of its acts.

        Callbacks from before a fork or a new generation, and those of a fixture, are left out: they must not
        be sent.
        """
        from mockserver import checkpoint  # only a log in a file needs it, and pickle

        after, identity = 0, (live.id, -1)
        live.saved = checkpoint.Saved()
        head = await self.log.checkpoint(live.stream)
        if head is not None and head.version == checkpoint.version():
            try:
                live.state, live.saved = await checkpoint.restore(self.log, live.stream, head)
                await self.log.verify(live.stream, head.position)
                after = head.position
                live.position = live.durable = after
                identity = live.id, live.account.generation
            except CheckpointDamaged as damage:
                logger.warning("%s; the account is read from its records", damage)
                live.state, live.saved = State(), checkpoint.Saved()
        planned = live.saved.planned

        def plan(record: Record) -> bool:
            nonlocal identity
            account: Account | None = live.state.find(ACCOUNT, "")
            now = identity if account is None else (account.id, account.generation)
            if now != identity or any(isinstance(event, AccountLoaded) for event in record.events):
                identity = now
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
            slice_start = perf_counter()
            async for record in self.log.read(stream):
                notes += [event for event in record.events if isinstance(event, AttemptMade)]
                live.notes = live.durable_notes = record.position
                if perf_counter() - slice_start > _SLICE:
                    await asyncio.sleep(0)
                    slice_start = perf_counter()
        return notes

    # changes of the list

    async def vacant(self, name: str) -> None:
        """Wait until an act can be applied. Raise AccountExists if this id is taken."""
        await self.writable()
        for unlisted in [each for each, closed in self._closed.items() if closed.summary is None]:
            await self._open_in_background(unlisted)  # the order of the accounts must be known
        while name in self._accounts or name in self._closed:
            if name in self._closed or await kept(self._accounts[name].pending):
                raise AccountExists(f"account {name} exists already")

    def order_and_seed(self, name: str) -> tuple[int, int]:
        """Return the order and the seed of an account that is created now."""
        seed_text = name if self.defaults.seed is None else f"{self.defaults.seed}:{name}"
        orders = [live.account.order for live in self._accounts.values()]
        orders += [closed.summary.order for closed in self._closed.values() if closed.summary is not None]
        return 1 + max(orders, default=0), numbers.seed_of(seed_text)

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
        """Create the stream of an account, append the act, and point the account's name at the stream.

        An account of the same id is replaced; its snapshots stay [A]. `opening` creates the stream. With
        `parent`, the stream continues acts of this account that may not be durable yet, so both are written
        in the same order. It does not suspend.
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
                self._on_removal_undone(old)

        self._accounts[live.id] = live
        names: tuple[Write, ...] = (Point(pointer_of(live.id), live.stream),)
        if old is not None and old.notes_stream is not None:
            names += (Unpoint(notes_of(live.id)),)
        then = None if old is None else partial(self._on_removal_durable, old, live)
        owner = live.id if parent is None else parent.id
        self.apply(live, act, cause, rule, around=(opening, names), undo=undo, then=then, owner=owner)
        return live.pending

    async def remove(self, live: LiveAccount) -> None:
        """Remove an account with all its data and snapshots."""
        await self.writable()
        self.check_open(live)
        for watcher in self._watchers:
            watcher.leaving(live)
        del self._accounts[live.id]

        def undo(_: LogFailed) -> None:
            self._removals.pop(live.id, None)
            self._accounts[live.id] = live
            self._on_removal_undone(live)

        def removed() -> None:
            self._removals.pop(live.id, None)
            self._on_removal_durable(live, None)

        names = [Unpoint(pointer_of(live.id))]
        names += [Unpoint(snapshot_of(live.id, name)) for name in live.snapshots]
        if live.notes_stream is not None:
            names.append(Unpoint(notes_of(live.id)))
        removal = self.write(live.id, tuple(names), undo, removed)
        if removal is not None:
            self._removals[live.id] = removal
        await durable(removal)

    def _on_removal_undone(self, live: LiveAccount) -> None:
        for watcher in self._watchers:
            watcher.stays(live)

    def _on_removal_durable(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        live.gone, live.successor = True, successor
        if len(live.state.billograms) > _FREED_AT_ONCE:
            self._spawn(_free(list(live.state.raw_table(BILLOGRAM).values())), "freeing")
        for watcher in self._watchers:
            watcher.gone(live, successor)
        live.signal.notify()

    # time

    def real_time(self) -> datetime:
        """Return the time of the machine's clock, in UTC."""
        return self._real_time()

    def durable_now(self, live: LiveAccount) -> datetime:
        """Return the account's time after its last durable act, so that retries wait for a durable move."""
        assert live.durable_clock is not None, "no act of it is durable"
        return max(live.durable_clock.now_at(self._real_time()), live.durable_last)

    def now(self, live: LiveAccount) -> datetime:
        """Return the account's time, which is never before its last act."""
        return max(live.account.clock.now_at(self._real_time()), live.last)

    def clock_after(self, act: Act, given: dict[str, object]) -> Clock:
        """Return the account's clock, changed in mode, moment or speed from the act's moment on."""
        return accounts.moved(act.account.clock, self._real_time(), {"now": act.now} | given)

    # acts

    def check_open(self, live: LiveAccount) -> None:
        """Raise AccountGone if the account was reset, restored or removed."""
        if self._accounts.get(live.id) is not live:
            raise AccountGone(live.id)

    async def writable(self) -> None:
        """Wait until acts can be applied. Raise LogFailed while the log can't be written."""
        await self.loaded()
        if self._writer is not None and self._writer.failure is not None:
            await self._writer.works()

    async def ready(self, live: LiveAccount) -> None:
        """Wait until an act can be applied to this account. Raise AccountGone or LogFailed."""
        await self.writable()
        self.check_open(live)
        if live.behind:
            await self.catch_up(live)

    async def catch_up(self, live: LiveAccount) -> None:
        """Read the records that another writer has appended to the account's stream."""
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
        """Return what `attempt` returns. Repeat it while other writers take the position of its act."""
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
        """Apply the changes of an act and hand its record to the log, without suspending.

        `around` are writes before and after the record. `undo` is called if the commit fails, and `then` when
        the act is durable. Writes of the same `owner` are kept or undone together.
        """
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
            live.pending = None  # the remaining acts are durable
            live.behind |= isinstance(failure, PositionTaken)
            if live.saved is not None:
                live.saved.undone(position)
            if undo is not None:
                undo(failure)
            if position:
                self._notify_applied(live)

        def publish() -> None:
            if then is not None:
                then()
            if self.on_act is not None:
                self.on_act(live, act, record, old)
            self._publish(live, record, planned, clock)
            self._rewrite_notes(live)

        before, after = around
        if live.saved is not None:
            live.saved.planned.extend(planned)
            if after:  # a new stream: its first act also adds it to the list of accounts
                after += (self._summary_of(live),)
        writes = (*before, Append(live.stream, record), *after)
        live.pending = self.write(owner or live.id, writes, undo_all, publish)
        self._notify_applied(live)
        return record

    def _notify_applied(self, live: LiveAccount) -> None:
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
        """Hand writes to the log after their effect was applied. Return what to wait for, if anything."""
        if self._writer is not None:
            self._changed.set()
            return self._writer.add(owner, writes, undo, then)
        for write in writes:
            self.log.append(write)
        if then is not None:
            then()
        return None

    async def read_all(self, view: Callable[[], T]) -> T:
        """Return what `view` returns about all accounts, once every act that it could show is durable."""
        await self.loaded()
        while True:
            shown = view()
            if self._writer is None or await self._writer.kept():
                return shown

    # notes: the results of attempts, in a second stream that the fold does not read

    def note(self, live: LiveAccount, made: AttemptMade) -> None:
        """Write the result of an attempt. A server that is killed before it is durable sends again.

        A result whose commit fails is written again with the next write of the account that succeeds.
        """
        if self._accounts.get(live.id) is not live:
            return
        is_first, position = live.notes_stream is None, live.notes
        stream = live.notes_stream or new_stream()
        record = Record(position + 1, made.at, made.delivery, "attempt", (made,), FORMAT)
        live.notes_stream, live.notes = stream, position + 1

        def undo(failure: LogFailed) -> None:
            live.notes = position
            live.unwritten.insert(0, made)  # commits are undone backwards: the oldest result is last
            live.behind |= isinstance(failure, PositionTaken)
            if is_first:
                live.notes_stream = None

        def noted() -> None:
            live.durable_notes = record.position
            self._rewrite_notes(live)
            live.signal.notify()

        append = Append(stream, record)
        writes = (Branch(stream), append, Point(notes_of(live.id), stream)) if is_first else (append,)
        self.write(live.id, writes, undo, noted)

    def _rewrite_notes(self, live: LiveAccount) -> None:
        unwritten, live.unwritten = live.unwritten, []
        for made in unwritten:
            self.note(live, replace(made, after=live.position))

    # housekeeping: no request waits for it

    async def _keep_house(self) -> None:
        reported = ""  # the failure that was logged last
        while True:
            await self._changed.wait()
            started = monotonic()
            while True:
                acts = self._acts
                await asyncio.sleep(_QUIET)
                if acts == self._acts or monotonic() - started > _BUSY:
                    break
            self._changed.clear()
            try:
                await self.tidy()
            except Exception as failure:  # no caller can handle it, and the task must not end
                if str(failure) != reported:
                    reported = str(failure)
                    logger.warning("housekeeping of the log failed: %s", failure)
                await asyncio.sleep(_BUSY)

    async def tidy(self) -> None:
        """Write outdated summaries and checkpoints anew, and free the space of unreferenced streams."""
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
            # the sender does not know the callbacks of acts that are not durable yet
            if live.listed != now and now == (live.durable, live.durable_notes):
                self.write(live.id, (self._summary_of(live),), partial(_forget_listed, live), None)
                live.listed = now

    async def _checkpoint(self, live: LiveAccount) -> None:
        """Write what has changed since the account's last checkpoint."""
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


def _forget_listed(live: LiveAccount, _: LogFailed) -> None:
    live.listed = (0, 0)


async def _free(values: list[object]) -> None:
    """Free the memory of an account after a reset or removal in slices, so that requests do not wait."""
    while values:
        del values[-_FREED_AT_ONCE:]
        await asyncio.sleep(0)
