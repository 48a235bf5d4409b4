"""Accounts and their clocks: how they are created, changed, reset, forked (reference: control 1)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from mockserver.core import agenda, calendar, events
from mockserver.core.act import Act
from mockserver.core.model import Account, CallbackSettings, Clock, Features, Origin, Value, replace
from mockserver.core.settings import Settings, new_settings

FROZEN_START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 10:00 in Stockholm, a Monday


class NewAccount(Value, frozen=True):
    """The values that an account is created with. None means the server's default."""

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
    settings: Callable[[Settings], Settings] | None = None  # changes the settings of a new account


class Defaults(Value, frozen=True):
    """The server's values for accounts that set none of their own. `seed` is mixed into their seeds."""

    clock_mode: str = "live"
    now: datetime | None = None
    seed: int | None = None
    closed: bool = False  # no account is created on first use
    callbacks: CallbackSettings = CallbackSettings()


def created(new: NewAccount, defaults: Defaults, order: int, seed: int, real: datetime) -> Account:
    """Return the account that these values create at the real moment `real`."""
    mode = new.clock_mode or defaults.clock_mode
    now = new.now or defaults.now or (FROZEN_START if mode == "frozen" else real)
    settings = new_settings(new.id, calendar.local_date(now, new.timezone).year)
    if new.settings is not None:
        settings = new.settings(settings)
    return Account(
        id=new.id,
        order=order,
        key_hash=None if new.key is None else hash_key(new.id, new.key),
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
def hash_key(account: str, key: str) -> str:
    """Return the salted hash of an account's key, which is what the log stores."""
    salt = blake2b(account.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=24, salt=salt).hexdigest()


def key_matches(account: Account, key: str) -> bool:
    """Whether this is the account's key. The comparison takes constant time."""
    return account.key_hash is not None and compare_digest(account.key_hash, hash_key(account.id, key))


def open_account(act: Act, account: Account) -> None:
    """Open an account: the first act of a root stream."""
    act.add(events.AccountOpened(account))


def adopt(act: Act, key: str) -> None:
    """Make the first password that an account without a key receives its key."""
    if act.account.key_hash is None:
        change(act, replace(act.account, key_hash=hash_key(act.account.id, key)))


def change(act: Act, new: Account) -> None:
    """Replace the account with a changed one."""
    if agenda.agenda_inputs(act.account) != agenda.agenda_inputs(new):
        new = replace(new, dunning_changed_at=act.now)
    act.add(events.AccountChanged(new))


def move_clock(act: Act, clock: Clock) -> None:
    """Set the clock to a new moment, at the end of a move."""
    act.add(events.ClockMoved(clock))


def emptied(account: Account, *, clock: Clock, seed: int | None) -> Account:
    """Return the account after a reset: it keeps the values of its creation, and its counters restart.

    The generation increases, so that no event_uuid or callback_id from before the reset is used again.
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
        forked_from=None,
        earlier_seeds=(),
    )


def restored(account: Account, present: Account, clock: Clock) -> Account:
    """Return the account of a snapshot, with its key and settings, to replace the `present` one.

    It keeps the present order, and takes the generation after the present one.
    """
    return replace(account, order=present.order, generation=present.generation + 1, clock=clock)


def forked(account: Account, name: str, origin: Origin, *, order: int, seed: int, clock: Clock) -> Account:
    """Return another account with the same state, which was reached at the position of the origin.

    The hash of a key contains the account's id, so the fork has no key and adopts the first password that
    it receives. It draws new ids from its own seed, keeps the callback settings, and starts at generation 0.
    """
    return replace(
        account,
        id=name,
        order=order,
        key_hash=None,
        seed=seed,
        clock=clock,
        generation=0,
        forked_from=origin,
        earlier_seeds=(*account.earlier_seeds, account.seed),
    )


def moved(clock: Clock, real: datetime, given: Mapping[str, Any]) -> Clock:
    """Return the clock with another mode, moment or speed; by default it continues from what it shows now."""
    now = given.get("now", clock.now_at(real))
    return started(given.get("mode", clock.mode), now, real, given.get("speed", clock.speed))


def started(mode: str, now: datetime, real: datetime, speed: float = 1.0) -> Clock:
    """Return a clock that shows `now` at the real moment `real`. A frozen clock does not store `real`."""
    return Clock(mode=mode, now=now, real=now if mode == "frozen" else real, speed=speed)
