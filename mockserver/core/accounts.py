"""Accounts: opened, changed, emptied; their clocks (reference: control 1)."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from mockserver.core import agenda, events
from mockserver.core.act import Act
from mockserver.core.model import Account, Clock, replace


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
