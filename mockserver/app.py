"""The application, put together: the API, the control plane, and what they stand on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypedDict, Unpack

from msgspec import Struct
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from mockserver.api.billogram_event import render_listed
from mockserver.api.billogram_view import render_billogram
from mockserver.api.commands import COMMANDS, decide
from mockserver.api.customer import render_customer
from mockserver.api.edge import Api
from mockserver.api.operations import known_operations
from mockserver.api.settings import changed_settings
from mockserver.control.accounts import make
from mockserver.control.call import ConfigurationShape, Fixture, ServerInfo
from mockserver.control.edge import BASE as CONTROL_BASE
from mockserver.control.edge import Control
from mockserver.control.errors import ControlError
from mockserver.core.model import CallbackSettings
from mockserver.emulator import Defaults, Emulator
from mockserver.log.interface import Log, LogFailed
from mockserver.log.memory import MemoryLog
from mockserver.schema import Schema
from mockserver.traffic import Traffic
from mockserver.webhooks.sender import Sender
from mockserver.webhooks.transport import Transport
from mockserver.wire import RequestIds

MEMORY = "memory"


def control_document(server: str, *, token: bool) -> Schema:
    """The OpenAPI document of the control plane, with what the API shows too."""
    from mockserver.api.openapi import shown  # both when it is first asked for
    from mockserver.control.openapi import document

    return document(server, shown, token=token)


def api_document() -> Schema:
    """The OpenAPI document of the API, for those who look things up in it."""
    from mockserver.api.openapi import document  # when it is first asked for

    return document("")


def read_fixture(name: str) -> Fixture:
    """The fixture of this name or path; ControlError says what is wrong with it."""
    from mockserver.stories.fixtures import read  # YAML, when it is first asked for

    return read(name, lambda: build(Configuration(closed=True)))


def id_and_key(fixture: Fixture) -> tuple[str, str]:
    """Those of the account that a server makes of a fixture when it begins."""
    return fixture.account.get("id") or "demo", fixture.account.get("key") or "secret"  # else ours [A]


async def _begin_with(name: str, emulator: Emulator) -> None:
    """Load the fixture that the server begins with, unless its account is there already."""
    try:
        fixture = await asyncio.to_thread(read_fixture, name)
        account, key = id_and_key(fixture)
        body = fixture.body({"id": account, "key": key})
        if emulator.live(body.id) is None:
            await make(emulator, body, changed_settings, fixture, cause="fixture")
    except ControlError as error:
        raise LogFailed(f"fixture: {error.message}") from None


def list_scenarios() -> Any:
    """The scenarios that come along."""
    from mockserver.stories import scenario_endpoints  # all three when they are first asked for

    return scenario_endpoints.listing()


def find_scenario(name: str) -> Any:
    """One of them."""
    from mockserver.stories import scenario_endpoints

    return scenario_endpoints.one(name)


class Configuration(Struct, frozen=True, kw_only=True):
    """What a server is made with (reference: control 2)."""

    database: str = MEMORY  # or the path of a file
    closed: bool = False
    clock: str = "live"  # of new accounts: live or frozen
    now: datetime | None = None  # of new accounts, with zone
    fixture: str | None = None  # name or file of the one that the server begins with
    seed: int | None = None
    control_token: str | None = None
    invalid_auth_status: int = 403
    public_url: str | None = None  # where clients and recipients reach the server, instead of their Host
    callback_url: str | None = None  # of new accounts: where their callbacks go
    sign_key: str | None = None  # of new accounts: with which callbacks are signed
    callback_hosts: tuple[str, ...] | None = None  # where callbacks may go; None: everywhere but ourselves

    def shown(self) -> ConfigurationShape:
        """Without secrets."""
        return {
            "database": self.database,
            "closed": self.closed,
            "clock": self.clock,
            "now": None if self.now is None else self.now.isoformat(),
            "seed": self.seed,
            "fixture": self.fixture,
            "invalid_auth_status": self.invalid_auth_status,
            "public_url": self.public_url,
            "control_token": self.control_token is not None,
            "callback_url": self.callback_url,
            "sign_key": self.sign_key is not None,
            "callback_hosts": None if self.callback_hosts is None else list(self.callback_hosts),
        }


class Options(TypedDict, total=False):
    """What `create_app` and `Mockserver` take; each has the meaning and default of `Configuration`."""

    database: str | Path
    closed: bool
    clock: str
    now: datetime | None
    fixture: str | Path | None
    seed: int | None
    control_token: str | None
    invalid_auth_status: int
    public_url: str | None
    callback_url: str | None
    sign_key: str | None
    callback_hosts: tuple[str, ...] | None


def configured(options: Options) -> Configuration:
    """The configuration of these options."""
    named: dict[str, Any] = dict(options)
    for name in ("database", "fixture"):
        if named.get(name) is not None:
            named[name] = str(named[name])
    return Configuration(**named)


class Application(Starlette):
    """Starlette for the lifespan; a request goes straight to its room.

    Its routes would cost a tenth of a GET, and to their patterns a line break in a path is none.
    """

    def __init__(self, emulator: Emulator, sender: Sender, control: Control, api: Api) -> None:
        super().__init__(lifespan=_lifespan)
        self.emulator = emulator
        self.sender = sender
        self._control = control
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        path = scope["path"]
        ours = path == CONTROL_BASE or path.startswith(f"{CONTROL_BASE}/")
        await (self._control if ours else self._api)(scope, receive, send)

    def hurry(self) -> None:
        """End the requests that wait for something to happen."""
        self._control.stop()
        self._api.stop()

    async def close(self) -> None:
        """Send no more, write what waits and let go of the log."""
        self.hurry()
        await self.sender.stop()
        await self.emulator.close()


@contextlib.asynccontextmanager
async def _lifespan(app: Application) -> AsyncIterator[None]:
    await app.emulator.open()
    app.emulator.load()
    yield
    await app.close()


def create_app(**options: Unpack[Options]) -> Starlette:
    """An ASGI application: for `httpx.ASGITransport`, or for any ASGI server.

    `database` is `memory` or a path. A server that runs the lifespan closes the log at the end; without
    one (as under `ASGITransport`) a file is opened at the first request, and belongs to the event loop of
    that request.
    """
    return build(configured(options))


def build(configuration: Configuration, log: Log | None = None) -> Application:
    """The application, put together; `log` instead of the one the configuration names."""
    if log is None:
        log = _log(configuration.database)
    defaults = Defaults(
        clock_mode=configuration.clock,
        now=configuration.now,
        seed=configuration.seed,
        closed=configuration.closed,
        callbacks=CallbackSettings(url=configuration.callback_url, sign_key=configuration.sign_key),
    )
    first = None if configuration.fixture is None else partial(_begin_with, configuration.fixture)
    emulator, traffic, request_ids = Emulator(log, defaults, first=first), Traffic(), RequestIds()
    sender = Sender(emulator, Transport(configuration.callback_hosts))
    public_url = None if configuration.public_url is None else configuration.public_url.rstrip("/")

    async def run_scenario(account: str, name: str, inputs: Mapping[str, Any]) -> Any:
        from mockserver.stories import scenario_endpoints

        return await scenario_endpoints.perform(app, account, name, inputs, configuration.control_token)

    info = ServerInfo(
        started=monotonic(),
        change_settings=changed_settings,
        render_event=render_listed,
        render_billogram=render_billogram,
        render_customer=render_customer,
        decide=decide,
        api_document=api_document,
        configuration=configuration.shown(),
        document=partial(control_document, token=configuration.control_token is not None),
        read_fixture=read_fixture,
        scenarios=list_scenarios,
        scenario=find_scenario,
        run_scenario=run_scenario,
        public_url=public_url,
        operations=known_operations(),
        commands=frozenset(COMMANDS),
    )
    control = Control(emulator, sender, traffic, request_ids, info, configuration.control_token)
    api = Api(
        emulator,
        traffic,
        request_ids,
        control_token=configuration.control_token,
        invalid_auth_status=configuration.invalid_auth_status,
        public_url=public_url,
    )
    app = Application(emulator, sender, control, api)
    return app


def _log(database: str) -> Log:
    if database == MEMORY:
        return MemoryLog()
    from mockserver.log.sqlite import SQLiteLog  # a log in memory starts without SQLite

    return SQLiteLog(database)
