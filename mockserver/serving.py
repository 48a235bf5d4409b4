"""A server on a socket, with uvicorn's HTTP protocol and its own start and stop.

uvicorn's own server checks ten times a second whether it should stop; this one stops immediately.
"""

import _thread
import asyncio
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import BuiltinFunctionType

import uvicorn
from uvicorn.server import ServerState

from mockserver import request_log
from mockserver.app import build
from mockserver.configuration import Configuration
from mockserver.connection import Connection
from mockserver.stories.initial_accounts import Listed

_POLL_INTERVAL = 0.002  # seconds between two checks whether the last requests have ended
_BACKLOG = 2048  # connections that the operating system queues before they are accepted
_KEEP_ALIVE = 75  # seconds for which an idle connection is kept, so that slow clients can reuse it


class NoThreads(RuntimeError):
    """The threads of this process are greenlets, on which no event loop can run beside other code."""


def check_threads() -> None:
    """Raise NoThreads when a library has replaced Python's threads, as gevent's monkey patching does."""
    if isinstance(_thread.start_new_thread, BuiltinFunctionType):
        return
    library = next((name for name in ("gevent", "eventlet") if name in sys.modules), "a library")
    raise NoThreads(
        f"{library} has replaced Python's threads in this process (monkey patching), and mockserver needs "
        "real ones: run `mockserver serve` as a process of its own, or do not patch in this process"
    )


class Listener:
    """The application on one listening socket."""

    def __init__(self, configuration: Configuration, listed: Listed = ()) -> None:
        """`listed`: accounts to create before any request is answered."""
        self.app = build(configuration, listed=listed)
        self.emulator = self.app.emulator
        logged = request_log.logger.isEnabledFor(logging.INFO)
        self._config = uvicorn.Config(
            request_log.RequestLog(self.app) if logged else self.app,
            http=Connection,
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

    def _connection(self) -> Connection:
        return Connection(config=self._config, server_state=self._state, app_state={})

    async def stop(self, patience: float = 4.0) -> None:
        """Stop listening, wait at most `patience` seconds for running requests, and finish pending writes."""
        state = self._state
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        self.app.end_waits()
        self.emulator.stop_opening()
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
    """The factory of uvloop if it is installed, else that of asyncio, with a clock that no test freezes."""
    try:
        import uvloop
    except ImportError:
        return loop_with_real_clock
    return uvloop.new_event_loop


def loop_with_real_clock() -> asyncio.AbstractEventLoop:
    """A loop of asyncio whose timers run on while freezegun has frozen `time.monotonic`."""
    loop = asyncio.new_event_loop()
    loop.time = real_monotonic  # type: ignore[method-assign]
    return loop


def real_monotonic() -> float:
    """Monotonic seconds, also while freezegun has frozen those of `time`: it leaves `threading` alone."""
    clock: Callable[[], float] = getattr(threading, "_time", time.monotonic)
    return clock()
