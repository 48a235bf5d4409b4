"""The application, put together: the API, the control plane, and what they stand on."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from msgspec import Struct
from starlette.applications import Starlette
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from mockserver.api.edge import Api
from mockserver.api.settings import changed_settings
from mockserver.control.call import ServerInfo
from mockserver.control.edge import BASE as CONTROL_BASE
from mockserver.control.edge import Control
from mockserver.emulator import Defaults, Emulator
from mockserver.log.interface import Log
from mockserver.log.memory import MemoryLog
from mockserver.log.sqlite import SQLiteLog
from mockserver.wire import RequestIds

MEMORY = "memory"


class Configuration(Struct, frozen=True, kw_only=True):
    """What a server is made with (reference: control 2)."""

    database: str = MEMORY  # or the path of a file
    closed: bool = False
    clock: str = "live"  # of new accounts: live or frozen
    now: datetime | None = None  # of new accounts, with zone
    seed: int | None = None
    control_token: str | None = None
    invalid_auth_status: int = 403
    public_url: str | None = None  # where clients and recipients reach the server, instead of their Host

    def shown(self) -> dict[str, Any]:
        """Without secrets."""
        return {
            "database": self.database,
            "closed": self.closed,
            "clock": self.clock,
            "now": None if self.now is None else self.now.isoformat(),
            "seed": self.seed,
            "invalid_auth_status": self.invalid_auth_status,
            "public_url": self.public_url,
            "control_token": self.control_token is not None,
        }


class Application(Starlette):
    """Starlette for the lifespan; a request goes straight to its room.

    Its routes would cost a tenth of a GET, and to their patterns a line break in a path is none.
    """

    def __init__(self, control: ASGIApp, api: ASGIApp, lifespan: Lifespan["Application"]) -> None:
        super().__init__(lifespan=lifespan)
        self._control = control
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        path = scope["path"]
        ours = path == CONTROL_BASE or path.startswith(f"{CONTROL_BASE}/")
        await (self._control if ours else self._api)(scope, receive, send)


def create_app(
    *,
    database: str | Path = MEMORY,
    closed: bool = False,
    clock: str = "live",
    now: datetime | None = None,
    seed: int | None = None,
    control_token: str | None = None,
    invalid_auth_status: int = 403,
    public_url: str | None = None,
) -> Starlette:
    """An ASGI application: for `httpx.ASGITransport`, or for any ASGI server.

    `database` is `memory` or a path. A server that runs the lifespan closes the log at the end; without
    one (as under `ASGITransport`) a file is opened at the first request, and belongs to the event loop of
    that request.
    """
    configuration = Configuration(
        database=str(database),
        closed=closed,
        clock=clock,
        now=now,
        seed=seed,
        control_token=control_token,
        invalid_auth_status=invalid_auth_status,
        public_url=public_url,
    )
    return build(configuration)[0]


def build(configuration: Configuration, log: Log | None = None) -> tuple[Starlette, Emulator]:
    """The application and the emulator under it; `log` instead of the one the configuration names."""
    if log is None:
        in_memory = configuration.database == MEMORY
        log = MemoryLog() if in_memory else SQLiteLog(configuration.database)
    defaults = Defaults(
        clock_mode=configuration.clock,
        now=configuration.now,
        seed=configuration.seed,
        closed=configuration.closed,
    )
    emulator = Emulator(log, defaults)
    request_ids = RequestIds()
    info = ServerInfo(
        started=monotonic(), change_settings=changed_settings, configuration=configuration.shown()
    )
    control = Control(emulator, request_ids, info, configuration.control_token)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await emulator.open()
        emulator.load()
        yield
        await emulator.close()

    api = Api(
        emulator,
        request_ids,
        control_token=configuration.control_token,
        invalid_auth_status=configuration.invalid_auth_status,
        public_url=configuration.public_url,
    )
    return Application(control, api, lifespan), emulator
