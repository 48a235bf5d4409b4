"""Builds the application: its HTTP edges, the operations of `stories`, and the log of the database."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, get_args

from starlette.types import ASGIApp

from mockserver.asgi import Application
from mockserver.configuration import MEMORY, ClockMode, Configuration
from mockserver.log.interface import Log
from mockserver.log.memory import MemoryLog
from mockserver.stories.initial_accounts import Listed, preload
from mockserver.stories.operations import OPERATIONS


class Options(TypedDict, total=False):
    """The options of `create_app` and `Mockserver`; meanings and defaults are those of `Configuration`."""

    database: str | Path
    closed: bool
    clock: ClockMode
    now: datetime | None
    fixture: str | Path | None
    library: tuple[str, ...]
    seed: int | None
    control_token: str | None
    invalid_auth_status: Literal[401, 403]
    public_url: str | None
    callback_url: str | None
    sign_key: str | None
    allowed_hosts: tuple[str, ...]
    callback_hosts: tuple[str, ...] | None


def configured(options: Options) -> Configuration:
    """The configuration that these options describe. Raises TypeError or ValueError for a wrong name."""
    named: dict[str, Any] = dict(options)
    for name in named:
        if name not in Options.__optional_keys__:
            raise TypeError(f"there is no option {name}{_suggestion(name, Options.__optional_keys__)}")
    for name, known in _CHOICES.items():
        if name in named and named[name] not in known:
            suggestion = _suggestion(str(named[name]), map(str, known))
            raise ValueError(
                f"{name} must be {' or '.join(map(str, known))}, not {named[name]!r}{suggestion}"
            )
    for name in ("database", "fixture"):
        if named.get(name) is not None:
            named[name] = str(named[name])
    return Configuration(**named)


_CHOICES = {"clock": get_args(ClockMode), "invalid_auth_status": (401, 403)}


def _suggestion(text: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # imported at first use

    found = get_close_matches(text, known, 1)
    return f"; did you mean {found[0]}?" if found else ""


def create_app(**options: Unpack[Options]) -> ASGIApp:
    """Create an ASGI application, for `httpx.ASGITransport` or for any ASGI server.

    `database` is `memory` or a path. A server that runs the lifespan closes the log at the end. Without a
    lifespan (as under `ASGITransport`) the database file is opened at the first request and belongs to the
    event loop of that request.
    """
    return build(configured(options))


def build(configuration: Configuration, log: Log | None = None, listed: Listed = ()) -> Application:
    """Build the application of a configuration.

    `log`, if given, replaces the log of its database. `listed`: accounts to create before any request.
    """
    if log is None:
        log = _log(configuration.database)
    first = partial(preload, configuration.fixture, listed) if configuration.fixture or listed else None
    return Application(configuration, log, OPERATIONS, first)


def _log(database: str) -> Log:
    if database == MEMORY:
        return MemoryLog()
    from mockserver.log.sqlite import SQLiteLog  # not imported for a log in memory

    return SQLiteLog(database)
