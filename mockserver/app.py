"""Builds the application: its HTTP edges, the operations of `stories`, and the log of the database."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from starlette.types import ASGIApp

from mockserver.asgi import Application
from mockserver.configuration import MEMORY, Configuration
from mockserver.log.interface import Log
from mockserver.log.memory import MemoryLog
from mockserver.stories.initial_accounts import Listed, preload
from mockserver.stories.operations import OPERATIONS


class Options(TypedDict, total=False):
    """The options of `create_app` and `Mockserver`; meanings and defaults are those of `Configuration`."""

    database: str | Path
    closed: bool
    clock: str
    now: datetime | None
    fixture: str | Path | None
    library: tuple[str, ...]
    seed: int | None
    control_token: str | None
    invalid_auth_status: int
    public_url: str | None
    callback_url: str | None
    sign_key: str | None
    allowed_hosts: tuple[str, ...]
    callback_hosts: tuple[str, ...] | None


def configured(options: Options) -> Configuration:
    """The configuration that these options describe."""
    named: dict[str, Any] = dict(options)
    for name in ("database", "fixture"):
        if named.get(name) is not None:
            named[name] = str(named[name])
    return Configuration(**named)


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
