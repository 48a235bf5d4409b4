"""An open account, what it is made with, and who is told of its acts."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from mockserver.core import accounts, calendar, callbacks
from mockserver.core.callbacks import Planned
from mockserver.core.events import AccountLoaded, AttemptMade, Record
from mockserver.core.fold import folded
from mockserver.core.model import Account, CallbackSettings, Clock, Features, Value
from mockserver.core.settings import Settings, new_settings
from mockserver.core.state import ACCOUNT, State
from mockserver.log.interface import Log
from mockserver.log.writer import Batch

_REPLAY_SLICE = 500  # records between two chances for other requests
FROZEN_START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 10:00 in Stockholm, a Monday


class AccountGone(Exception):
    """The account is not any more what the caller found: look for it, or at its credentials, again."""


class AccountExists(ValueError):
    """An account of this id is there already."""


class NewAccount(Value, frozen=True):
    """What an account is made with; None: the server's default."""

    id: str
    key: str | None = None
    seed: int | None = None
    clock_mode: str | None = None
    now: datetime | None = None
    timezone: str = "Europe/Stockholm"
    features: Features = Features()
    callbacks: CallbackSettings | None = None
    default_due_days: int = 30
    market: str = "Sweden"
    pdf_delay: str = "0s"
    settings: Callable[[Settings], Settings] | None = None  # from those of a new account


class Defaults(Value, frozen=True):
    """What the server gives to accounts that don't say; `seed` is stirred into theirs."""

    clock_mode: str = "live"
    now: datetime | None = None
    seed: int | None = None
    closed: bool = False  # only accounts that are known
    callbacks: CallbackSettings = CallbackSettings()


def born(birth: NewAccount, defaults: Defaults, order: int, seed: int, real: datetime) -> Account:
    """The account that is made with these values at this real moment."""
    mode = birth.clock_mode or defaults.clock_mode
    now = birth.now or defaults.now or (FROZEN_START if mode == "frozen" else real)
    settings = new_settings(birth.id, calendar.local_date(now, birth.timezone).year)
    if birth.settings is not None:
        settings = birth.settings(settings)
    return Account(
        id=birth.id,
        order=order,
        key_hash=None if birth.key is None else accounts.hashed(birth.id, birth.key),
        seed=seed if birth.seed is None else birth.seed,
        clock=accounts.started(mode, now, real),
        timezone=birth.timezone,
        settings=settings,
        first_settings=settings,
        features=birth.features,
        callbacks=defaults.callbacks if birth.callbacks is None else birth.callbacks,
        default_due_days=birth.default_due_days,
        market=birth.market,
        pdf_delay=birth.pdf_delay,
    )


class Snapshot(Value, frozen=True):
    """A name for a state: that after the act at `position`, at this moment of the account's clock."""

    name: str
    stream: str
    position: int
    at: datetime
    number: int  # in order of being taken


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
        """Until the next change; until there are more than those that were seen, where that is known."""
        if seen is not None and self.count != seen:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class Move:
    """A move of an account's clock that is under way: what its progress is told from."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self.begun = monotonic()
        self.acts: list[int] = []  # their positions: of others in between there are acts, too
        self.ended = False  # all of it is on disk, or it failed


class LiveAccount:
    """An open account: its state, and where it stands in the log."""

    def __init__(self, name: str, stream: str) -> None:
        self.id = name
        self.stream = stream
        self.position = 0
        self.state = State()
        self.last = datetime.min.replace(tzinfo=UTC)  # moment of the last act
        self.batch: Batch | None = None  # the last write that was not on disk yet
        self.told = 0  # position of the last act that is on disk and was told
        self.durable_clock: Clock | None = None  # as of then, as is the moment of that act
        self.durable_last = self.last
        self.notes_stream: str | None = None  # the second stream, once there is something in it
        self.notes = 0  # its position
        self.noted = 0  # of that, what is on disk
        self.unwritten: list[AttemptMade] = []  # results whose commit failed: they wait for the next one
        self.refusals = 0  # of requests, since the process began
        self.snapshots: dict[str, Snapshot] = {}  # shared by all that the account was and becomes
        self.gone = False  # reset, restored or removed, and that is on disk
        self.fresh: LiveAccount | None = None  # what a reset or a restore made of it
        self.lock = asyncio.Lock()  # one move at a time
        self.moving = False  # a move is under way: requests are served between its entries
        self.move: Move | None = None  # the latest one, until it is on disk
        self.signal = Signal()  # something of this account is new

    @property
    def account(self) -> Account:
        """The account's own values."""
        return self.state.account


class Watcher(Protocol):
    """Who is told what is on disk. None of it suspends."""

    def replayed(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """An account was read from the log: the callbacks of all its acts, and what became of them."""

    def acted(self, live: LiveAccount, record: Record, planned: tuple[Planned, ...]) -> None:
        """An act is on disk."""

    def left(self, live: LiveAccount) -> None:
        """It is being reset or removed, perhaps not on disk yet: from now on nothing of it may go out."""

    def stays(self, live: LiveAccount) -> None:
        """That could not be written: it goes on."""

    def gone(self, live: LiveAccount, fresh: LiveAccount | None) -> None:
        """That is on disk; `fresh` is what a reset made of it."""


async def fold(
    log: Log, live: LiveAccount, stream: str | None = None, look: Callable[[Record], bool] | None = None
) -> None:
    """Read an account from the log.

    `stream`: another one than its own; `look`: sees each act when it is in the book, and ends it when true.
    """
    async for record in log.read(stream or live.stream):
        record = folded(live.state, record)
        live.position = live.told = record.position
        live.last = record.at
        if look is not None and look(record):
            break
        if record.position % _REPLAY_SLICE == 0:
            await asyncio.sleep(0)
    live.durable_clock, live.durable_last = live.account.clock, live.last


async def replay(log: Log, live: LiveAccount) -> list[Planned]:
    """Read an account from the log; the callbacks that its acts brought about.

    What was planned before it became a fork, or another generation, or by a fixture, is no longer to be sent.
    """
    planned: list[Planned] = []
    whose: tuple[str, int] | None = None

    def plan(record: Record) -> bool:
        nonlocal whose
        account: Account | None = live.state.find(ACCOUNT, "")
        now = None if account is None else (account.id, account.generation)
        if now != whose or any(isinstance(event, AccountLoaded) for event in record.events):
            whose = now
            planned.clear()
        planned.extend(callbacks.plan(live.state, record))
        return False

    await fold(log, live, look=plan)
    return planned


async def read_notes(log: Log, live: LiveAccount, stream: str | None) -> list[AttemptMade]:
    """Read what became of its callbacks."""
    notes: list[AttemptMade] = []
    if stream is not None:
        live.notes_stream = stream
        async for record in log.read(stream):
            notes += [event for event in record.events if isinstance(event, AttemptMade)]
            live.notes = live.noted = record.position
            if record.position % _REPLAY_SLICE == 0:
                await asyncio.sleep(0)
    return notes


def notes_of(account: str) -> str:
    """The name of an account's second stream."""
    return f"deliveries:{account}"
