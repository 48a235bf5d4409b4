"""What an account of a test is created with: its options, its name and its seed."""

import asyncio
import hashlib
import os
import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypedDict

from mockserver.control.accounts import AccountBody, new_account
from mockserver.control.call import parse_body
from mockserver.control.errors import ControlError
from mockserver.core.model import CallbackSettings, replace
from mockserver.core.refusal import Refusal
from mockserver.emulator import Emulator, LiveAccount
from mockserver.stories.initial_accounts import read_fixture
from mockserver.wire import decode, encode


class FeatureOptions(TypedDict, total=False):
    """What can be switched on and off in an account."""

    standalone_credits: bool
    collection: bool
    factoring: bool
    recipient_updated_callback: bool


class AccountOptions(TypedDict, total=False):
    """What an account may be created with. The members are those of `POST /_mock/accounts`.

    `now` is the start of its clock, `sign_key` the key that its webhooks are signed with, `fixture` the name
    or the file of a fixture. The other options override the members of the fixture.
    """

    seed: int
    now: datetime | str | None
    sign_key: str
    fixture: str | Path | None
    timezone: str
    settings: Mapping[str, Any]
    features: FeatureOptions
    default_due_days: int
    market: Literal["Sweden", "Norway", "Finland", "Italy"]
    pdf_delay: str


class KeyedOptions(AccountOptions, total=False):
    """The options of an account whose name is not chosen by the test."""

    key: str


NAMES = (*KeyedOptions.__required_keys__, *sorted(KeyedOptions.__optional_keys__))
_OWN = ("now", "sign_key", "fixture")  # members that the body of `POST /_mock/accounts` has elsewhere


def identity(test: str) -> tuple[str, int]:
    """Name and seed of the account of a test: the same in every run. The name depends on the worker too."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = re.sub(r"[^a-z0-9]+", "-", test.rpartition("::")[2].lower()).strip("-")[:50]
    digest = hashlib.blake2b(f"{worker}:{test}".encode(), digest_size=4).hexdigest()
    seed = int.from_bytes(hashlib.blake2b(test.encode(), digest_size=6).digest())
    return f"{name or 'test'}-{digest}", seed


def check_names(options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise TypeError, with a suggestion, for an option that is not known."""
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise TypeError(f"an account has no option {name}; {hint}")


async def open_account(
    emulator: Emulator,
    user: str,
    key: str,
    options: AccountOptions,
    *,
    callbacks: CallbackSettings | None,
    mode: Literal["frozen"] | None,
) -> LiveAccount:
    """Create an account and load its fixture. `mode` None: that of the server.

    Raises ValueError for a bad option, and if the account exists.
    """
    now, fixture = options.get("now"), options.get("fixture")
    clock = {"mode": mode, "now": now.isoformat() if isinstance(now, datetime) else now}
    own = {name: value for name, value in options.items() if name not in _OWN and value is not None}
    given = {"id": user, "key": key, "clock": {n: v for n, v in clock.items() if v is not None}, **own}
    try:
        data = decode(encode(given))
        found = None if fixture is None else await asyncio.to_thread(read_fixture, str(fixture))
        new = new_account(parse_body(AccountBody, data)) if found is None else found.new_account(data)
        if callbacks is not None:
            new = replace(new, callbacks=callbacks)
        if found is None:
            return await emulator.open_account(new, cause="kit")
        return await found.open(emulator, new)
    except ControlError as error:
        raise ValueError(f"{error.message}; {error.hint}") from None
    except Refusal as error:
        raise ValueError(error.message) from None
