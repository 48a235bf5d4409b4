"""The API and the control plane of one server, as one ASGI application."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from mockserver.api.edge import Api
from mockserver.configuration import Configuration
from mockserver.control.call import ControlOperation, ServerInfo
from mockserver.control.edge import BASE as CONTROL_BASE
from mockserver.control.edge import Control
from mockserver.control.operations import OPERATIONS
from mockserver.core.model import CallbackSettings
from mockserver.coverage import Coverage
from mockserver.documents.pdf import PdfCache
from mockserver.emulator import Defaults, Emulator
from mockserver.log.interface import Log
from mockserver.traffic import Traffic
from mockserver.webhooks.sender import Sender
from mockserver.webhooks.transport import Transport
from mockserver.wire import RequestIds, header, send_answer

_PAGES = f"{CONTROL_BASE}/ui"


class Application:
    """An emulator, the sender of its callbacks, and the HTTP edges: the API, the control plane, pages.

    A request goes directly to its edge: Starlette's routing would take a tenth of the time of a GET, and its
    patterns do not match a path with a line break.
    """

    def __init__(
        self,
        configuration: Configuration,
        log: Log,
        operations: tuple[ControlOperation, ...] = OPERATIONS,
        first: Callable[[Emulator], Awaitable[None]] | None = None,
    ) -> None:
        """`operations` are those of the control plane. `first` runs before any request is answered."""
        callbacks = CallbackSettings(url=configuration.callback_url, sign_key=configuration.sign_key)
        defaults = Defaults(
            clock_mode=configuration.clock,
            now=configuration.now,
            seed=configuration.seed,
            closed=configuration.closed,
            callbacks=callbacks,
        )
        self.emulator = Emulator(log, defaults, first=first)
        self.sender = Sender(self.emulator, Transport(configuration.callback_hosts))
        traffic, request_ids, pdf_cache = Traffic(), RequestIds(), PdfCache()
        self.coverage = coverage = Coverage(self.emulator)
        self.sender.on_attempt = coverage.attempted
        info = ServerInfo(monotonic(), configuration, operations)
        self._configuration = configuration
        self._pages: ASGIApp | None = None
        self._recipient: ASGIApp | None = None
        self._control = Control(self.emulator, self.sender, traffic, request_ids, info, pdf_cache, coverage)
        self._api = Api(self.emulator, traffic, request_ids, configuration, pdf_cache, coverage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path == CONTROL_BASE or path.startswith(f"{CONTROL_BASE}/"):
                if path.startswith(_PAGES) and self._configuration.ui:
                    await (await self._dashboard())(scope, receive, send)
                    return
                scope["app"] = self  # for operations that call others
                await self._control(scope, receive, send)
            elif path.startswith("/r/"):
                await (await self._recipient_page())(scope, receive, send)
            elif path == "/" and self._configuration.ui and b"text/html" in (header(scope, b"accept") or b""):
                headers = [(b"location", f"{_PAGES}/".encode())]
                await send_answer(scope, send, 303, headers, b"")
            else:
                await self._api(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close"})  # refuses the connection: web sockets are not supported

    async def _dashboard(self) -> ASGIApp:
        """Return the application of the pages, which is imported when the first one is requested."""
        if self._pages is None:
            await asyncio.to_thread(_import_pages)
            from mockserver.ui.edge import Dashboard

            self._pages = self._pages or Dashboard(self, self._configuration)
        return self._pages

    async def _recipient_page(self) -> ASGIApp:
        """Return the application of the recipient's page, which is imported at its first request."""
        if self._recipient is None:
            await asyncio.to_thread(_import_pages)
            from mockserver.ui.recipient_edge import Recipient

            self._recipient = self._recipient or Recipient(self, self._configuration)
        return self._recipient

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Open the log before the first request, and close it after the last one."""
        phase = "startup"
        try:
            await receive()
            await self.emulator.open()
            self.emulator.load()
            await send({"type": "lifespan.startup.complete"})
            phase = "shutdown"
            await receive()
            await self.close()
        except BaseException:
            await send({"type": f"lifespan.{phase}.failed", "message": traceback.format_exc()})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    def end_waits(self) -> None:
        """End the requests that wait for an event or a fault's latency, so that the server can stop."""
        self._control.stop()
        self._api.stop()

    async def close(self) -> None:
        """Stop sending callbacks, finish pending writes, and close the log."""
        self.end_waits()
        await self.sender.stop()
        await self.emulator.close()


def _import_pages() -> None:
    """Import what pages need, in a thread: other requests do not wait for it."""
    import mockserver.ui.edge
    import mockserver.ui.recipient_edge  # noqa: F401
