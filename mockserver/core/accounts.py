"""Accounts: opened, changed, emptied; their clocks (reference: control 1)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from mockserver.core import agenda, calendar, events
from mockserver.core.act import Act
from mockserver.core.model import Account, CallbackSettings, Clock, Features, Value, replace
from mockserver.core.settings import Settings, new_settings

FROZEN_START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 10:00 in Stockholm, a Monday


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
    """What the server gives to accounts that name nothing else; `seed` is mixed into theirs."""

    clock_mode: str = "live"
    now: datetime | None = None
    seed: int | None = None
    closed: bool = False  # no account is created on first use
    callbacks: CallbackSettings = CallbackSettings()


def created(new: NewAccount, defaults: Defaults, order: int, seed: int, real: datetime) -> Account:
    """The account that is made with these values at this real moment."""
    mode = new.clock_mode or defaults.clock_mode
    now = new.now or defaults.now or (FROZEN_START if mode == "frozen" else real)
    settings = new_settings(new.id, calendar.local_date(now, new.timezone).year)
    if new.settings is not None:
        settings = new.settings(settings)
    return Account(
        id=new.id,
        order=order,
        key_hash=None if new.key is None else hashed(new.id, new.key),
        seed=seed if new.seed is None else new.seed,
        clock=started(mode, now, real),
        timezone=new.timezone,
        settings=settings,
        first_settings=settings,
        features=new.features,
        callbacks=defaults.callbacks if new.callbacks is None else new.callbacks,
        default_due_days=new.default_due_days,
        market=new.market,
        pdf_delay=new.pdf_delay,
    )


@lru_cache(maxsize=1024)
def hashed(account: str, key: str) -> str:
    """How the log keeps the key of an account."""
    salt = blake2b(account.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=24, salt=salt).hexdigest()


def key_fits(account: Account, key: str) -> bool:
    """Whether this is the account's key; compared in constant time."""
    return account.key_hash is not None and compare_digest(account.key_hash, hashed(account.id, key))


def open_account(act: Act, account: Account) -> None:
    """First act of a root stream."""
    act.add(events.AccountOpened(account))


def adopt(act: Act, key: str) -> None:
    """The first password that comes to an account without a key becomes its key."""
    if act.account.key_hash is None:
        change(act, replace(act.account, key_hash=hashed(act.account.id, key)))


def change(act: Act, new: Account) -> None:
    """Put a changed account in place of the present one."""
    if agenda.followed(act.account) != agenda.followed(new):
        new = replace(new, dunning_changed_at=act.now)
    act.add(events.AccountChanged(new))


def move_clock(act: Act, clock: Clock) -> None:
    """The end of a move: the clock shows the new moment."""
    act.add(events.ClockMoved(clock))


def emptied(account: Account, *, clock: Clock, seed: int | None) -> Account:
    """The account as a reset makes it anew: what it was made with stays, counters start again.

    The generation goes on, so that event_uuid and callback_id are never those of before.
    """
    return replace(
        account,
        seed=account.seed if seed is None else seed,
        clock=clock,
        settings=account.first_settings,
        dunning_changed_at=None,
        generation=account.generation + 1,
        billograms=0,
        items=0,
        highest_item_no=0,
        highest_invoice_no=0,
    )


def restored(account: Account, present: Account, clock: Clock) -> Account:
    """The account of a snapshot, key and settings too; its place and the next generation are its own."""
    return replace(account, order=present.order, generation=present.generation + 1, clock=clock)


def forked(account: Account, name: str, *, order: int, seed: int, clock: Clock) -> Account:
    """Another account of the same state. It adopts the first password that comes: its hash holds the id.

    What is drawn from now on follows its own seed. Callbacks stay, and generations begin anew.
    """
    return replace(account, id=name, order=order, key_hash=None, seed=seed, clock=clock, generation=0)


def moved(clock: Clock, real: datetime, given: Mapping[str, Any]) -> Clock:
    """The clock with another mode, moment or speed; it goes on from what it shows at `real`."""
    now = given.get("now", clock.reads(real))
    return started(given.get("mode", clock.mode), now, real, given.get("speed", clock.speed))


def started(mode: str, now: datetime, real: datetime, speed: float = 1.0) -> Clock:
    """A clock that shows `now` at the real moment `real`; a frozen one doesn't know the real moment."""
    return Clock(mode=mode, now=now, real=now if mode == "frozen" else real, speed=speed)
