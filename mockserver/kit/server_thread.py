"""A server in a thread of this process, on a free port. It serves the accounts of the kit."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar, Unpack

from mockserver.app import Options, configured
from mockserver.core import banking
from mockserver.in_process import InProcessRequest, call_asgi
from mockserver.serving import Listener, NoThreads, check_threads, new_event_loop
from mockserver.wire import encode

T = TypeVar("T")


class ControlRefused(Exception):
    """The control plane answered with an error: its `status`, `code`, `message` and `hint`."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(f"{message} ({status} {code}); {hint}")
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


class ServerThread:
    """A server that listens on loopback from `start` until `stop`."""

    def __init__(self, *, port: int = 0, **options: Unpack[Options]) -> None:
        self._configuration = configured(options)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._listener: Listener | None = None
        self._calendars: threading.Thread | None = None

    def start(self) -> None:
        """Start, and wait until requests are served. Raises OSError, LogInUse, LogFailed or NoThreads."""
        check_threads()
        assert self._thread is None, "the server is already running"
        self._started.clear()
        failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(failures,), name="mockserver", daemon=True)
        self._thread.start()
        self._started.wait()
        if failures:
            self._thread.join()
            self._thread = None
            raise failures[0]
        # the calendars of the banks take a while to import: not in the middle of a test
        self._calendars = threading.Thread(target=banking.load, name="mockserver-calendars", daemon=True)
        self._calendars.start()

    def stop(self) -> None:
        """Finish running requests, write pending records, and stop."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None
        if self._calendars is not None:
            self._calendars.join()

    @property
    def url(self) -> str:
        """The base address of Billogram's API."""
        return f"{self.listener.address}/api/v2"

    @property
    def control_url(self) -> str:
        """The base address of the control plane."""
        return f"{self.listener.address}/_mock"

    def control(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        meanwhile: Callable[[Future[Any]], None] | None = None,
    ) -> Any:
        """Call an operation of the control plane without a socket. `path` is below `/_mock`.

        Raises ControlRefused when the answer is an error.
        """
        sent = b"" if body is None else encode(body)
        token = self.control_token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        listener = self.listener
        call = InProcessRequest(method, f"/_mock{path}", headers, sent)
        answered = self.run(call_asgi(listener.app, call, listener.address.partition("://")[2]), meanwhile)
        payload = json.loads(answered.body)
        if answered.status >= 300:
            error = payload["error"]
            raise ControlRefused(answered.status, error["code"], error["message"], error["hint"])
        return payload

    def run(self, work: Coroutine[Any, Any, T], meanwhile: Callable[[Future[Any]], None] | None = None) -> T:
        """Run a coroutine on the server's event loop, from another thread, and wait for its result.

        `meanwhile` is called with the future of the result, and may work until it is done.
        """
        try:
            check_threads()  # patched since the start, it would wait for ever
        except NoThreads:
            work.close()
            raise
        if self._loop is None or self._listener is None:
            work.close()
            raise AssertionError("the server is not running")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        if meanwhile is not None:
            meanwhile(future)
        return future.result()

    @property
    def control_token(self) -> str | None:
        """The token that the control plane requires, if any."""
        return self._configuration.control_token

    @property
    def listener(self) -> Listener:
        """The running listener. Use it only on the server's event loop."""
        assert self._listener is not None, "the server is not running"
        return self._listener

    def _run(self, failures: list[BaseException]) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop()) as runner:
                runner.run(self._serve())
        except BaseException as failure:
            failures.append(failure)
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        listener = Listener(self._configuration)
        await listener.open("127.0.0.1", self._port)
        try:
            await listener.serve()
            await listener.emulator.loaded()
            self._listener = listener
            self._started.set()
            await self._stop.wait()
        finally:
            self._listener = None
            await listener.stop()
