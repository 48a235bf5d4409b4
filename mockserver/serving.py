"""A server on a socket, with uvicorn's HTTP protocol and its own start and stop.

uvicorn's own server checks ten times a second whether it should stop; this one stops immediately.
tests/test_relied_on.py checks the internals of uvicorn that this module uses.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from mockserver.api.faults import RESET
from mockserver.app import build
from mockserver.configuration import Configuration

_POLL_INTERVAL = 0.002  # seconds between two checks whether the last requests have ended
_BACKLOG = 2048  # connections that the operating system queues before they are accepted
_KEEP_ALIVE = 75  # seconds for which an idle connection is kept, so that slow clients can reuse it


class _Protocol(HttpToolsProtocol):
    """Notifies all pipelined requests when the client disconnects; uvicorn notifies only the newest.

    The others would write to a closed connection, which is harmless but would be logged as an error.
    """

    _cycles: tuple[RequestResponseCycle, ...] = ()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._cycles = (*(each for each in self._cycles if not each.response_complete), self.cycle)

        self.scope["extensions"] = {RESET: self._reset}  # type: ignore[dict-item]

    def _reset(self) -> None:
        """Reset the connection, as a peer does that has crashed: with RST instead of FIN."""
        if self.transport.is_closing():  # the client has disconnected
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in self._cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)


class Listener:
    """The application on one listening socket."""

    def __init__(self, configuration: Configuration) -> None:
        self.app = build(configuration)
        self.emulator = self.app.emulator
        self._config = uvicorn.Config(
            self.app,
            http=_Protocol,
            ws="none",
            lifespan="off",  # `Listener` opens and closes the application
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._socket: socket.socket | None = None
        self.address = ""  # http://host:port, after `open`

    async def open(self, host: str, port: int) -> None:
        """Bind the address, open the log, and start to replay it. OSError, LogInUse, LogFailed.

        Clients can connect from now on. Their requests are answered once `serve` is called.
        """
        sock = _bound(host, port)
        try:
            await self.emulator.open()
        except BaseException:
            sock.close()
            raise
        self._socket = sock
        self.address = _address(sock)
        self.app.sender.transport.own.append(sock.getsockname()[:2])
        self.emulator.load()

    async def serve(self) -> None:
        """Start to answer requests."""
        assert self._socket is not None, "it is not open"
        self._config.load()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=self._socket, backlog=_BACKLOG)

    def _connection(self) -> _Protocol:
        return _Protocol(config=self._config, server_state=self._state, app_state={})

    async def stop(self, patience: float = 4.0) -> None:
        """Stop listening, wait at most `patience` seconds for running requests, and finish pending writes."""
        state = self._state
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        self.app.end_waits()
        for connection in list(state.connections):
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + patience
        # uvicorn keeps sets and offers no notification when they become empty
        while (state.tasks or state.connections) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_INTERVAL)
        for connection in list(state.connections):  # incomplete requests are dropped
            connection.transport.abort()
        if late := list(state.tasks):
            await asyncio.wait(late, timeout=0.5)
        await self.app.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # shown, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def new_event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of uvloop if it is installed, else that of asyncio."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
