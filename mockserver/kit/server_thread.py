"""A server in a thread of this process, on a free port: what accounts of the kit live on."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar, Unpack

from mockserver.app import Options, configured
from mockserver.in_process import InProcessRequest, call_asgi
from mockserver.serving import Listener, new_event_loop
from mockserver.wire import encode

T = TypeVar("T")


class ControlRefused(Exception):
    """The control plane said no: `status`, `code`, `message`, `hint` as its answer has them."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(f"{message} ({status} {code}); {hint}")
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


class ServerThread:
    """A server that listens on loopback, from `start` to `stop`."""

    def __init__(self, *, port: int = 0, **options: Unpack[Options]) -> None:
        self._configuration = configured(options)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._listener: Listener | None = None

    def start(self) -> None:
        """Start; OSError, LogInUse, LogFailed as they come."""
        assert self._thread is None, "it runs already"
        self._started.clear()
        failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(failures,), name="mockserver", daemon=True)
        self._thread.start()
        self._started.wait()
        if failures:
            self._thread.join()
            self._thread = None
            raise failures[0]

    def stop(self) -> None:
        """Let running requests end, write what waits, and stop."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    @property
    def url(self) -> str:
        """The base address of Billogram's API."""
        return f"{self.listener.address}/api/v2"

    @property
    def control_url(self) -> str:
        """The base address of the control plane."""
        return f"{self.listener.address}/_mock"

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One operation of the control plane (`path` is below `/_mock`), without a socket; ControlRefused."""
        sent = b"" if body is None else encode(body)
        token = self.control_token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        listener = self.listener
        call = InProcessRequest(method, f"/_mock{path}", headers, sent)
        answered = self.run(call_asgi(listener.app, call, listener.address.partition("://")[2]))
        told = json.loads(answered.body)
        if answered.status >= 300:
            error = told["error"]
            raise ControlRefused(answered.status, error["code"], error["message"], error["hint"])
        return told

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server's loop, from another thread, and wait for it."""
        if self._loop is None or self._listener is None:
            work.close()
            raise AssertionError("it does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def control_token(self) -> str | None:
        """What the control plane wants."""
        return self._configuration.control_token

    @property
    def listener(self) -> Listener:
        """What listens, for the rest of the kit; use it on the server's loop only."""
        assert self._listener is not None, "it does not run"
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
