"""The user's own application as a receiver: called straight, on a loop that is not the server's."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from mockserver.in_process import InProcessRequest, InProcessResponse, call_asgi, call_wsgi

HOST = "receiver.invalid"

_Answering = Callable[[InProcessRequest], Awaitable[InProcessResponse]]


class TestEnded(Exception):
    """The test was over before the application could answer: nobody's failure."""

    __test__ = False


def answering(app: Any) -> tuple[_Answering, bool]:
    """How an application is called, and whether it is an asynchronous one. TypeError when it is none."""
    kind = _kind(app)
    if kind == "asgi":
        return lambda call: call_asgi(app, call, HOST), True

    async def answer(call: InProcessRequest) -> InProcessResponse:
        return call_wsgi(app, call, HOST)

    return answer, False


def _kind(app: Any) -> str:
    bare = app
    while isinstance(bare, functools.partial):
        bare = bare.func
    called = bare if inspect.isroutine(bare) else _call_of(bare)
    if inspect.isclass(bare) or called is None:
        raise TypeError(f"{app!r} is no ASGI or WSGI application")
    if inspect.iscoroutinefunction(called):
        return "asgi"
    with contextlib.suppress(TypeError, ValueError):
        for kind, arguments in (("wsgi", 2), ("asgi", 3)):
            with contextlib.suppress(TypeError):
                inspect.signature(app, follow_wrapped=False).bind(*[None] * arguments)
                return kind
    raise TypeError(f"{app!r} is no ASGI or WSGI application")


def _call_of(app: Any) -> Any:
    return next((vars(kind)["__call__"] for kind in type(app).__mro__ if "__call__" in vars(kind)), None)


class OnLoop:
    """Calls an application on somebody's event loop, for as long as the test lasts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: _Answering) -> None:
        self._loop = loop
        self._answer = answer
        self._open: set[concurrent.futures.Future[InProcessResponse]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self._lock = threading.Lock()  # between the server's loop and who ends it

    def runs_here(self) -> bool:
        """Whether the caller stands on the loop that the application needs."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    async def __call__(self, call: InProcessRequest) -> InProcessResponse:
        """From another loop. What the application raises comes out; TestEnded."""
        done: concurrent.futures.Future[InProcessResponse] = concurrent.futures.Future()
        with self._lock:
            if self._ended:
                raise TestEnded
            self._open.add(done)
        try:
            self._loop.call_soon_threadsafe(self._start, call, done)
        except RuntimeError:  # the loop is closed
            self._open.discard(done)
            raise TestEnded from None
        done.add_done_callback(self._open.discard)
        return await asyncio.wrap_future(done)

    def _start(self, call: InProcessRequest, done: "concurrent.futures.Future[InProcessResponse]") -> None:
        if done.done():  # a coroutine made now would never be awaited
            return
        task = self._loop.create_task(self._work(call, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(
        self, call: InProcessRequest, done: "concurrent.futures.Future[InProcessResponse]"
    ) -> None:
        try:
            answered = await self._answer(call)
        except asyncio.CancelledError:
            _settle(done, TestEnded())
            raise
        except Exception as error:
            _settle(done, error)
        else:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                done.set_result(answered)

    def end(self) -> None:
        """Whoever waits for the application waits no more."""
        with self._lock:
            self._ended = True
            waiting = list(self._open)
        for done in waiting:
            _settle(done, TestEnded())

    def close(self) -> None:
        """The loop is somebody else's; a task that came just when it was closed would be complained of."""
        self.end()
        if self._loop.is_closed():
            for task in list(self._tasks):
                work: Any = task.get_coro()
                if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:  # it never ran, and never will
                    work.close()
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # no public way


def _settle(done: "concurrent.futures.Future[InProcessResponse]", error: Exception) -> None:
    with contextlib.suppress(concurrent.futures.InvalidStateError):
        done.set_exception(error)


class OnThread(OnLoop):
    """The same on a loop of its own, in a thread of the fixture: the test may block as it likes."""

    def __init__(self, answer: _Answering) -> None:
        started: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._run(started),), name="billogram-receiver", daemon=True
        )
        self._thread.start()
        super().__init__(started.result(), answer)

    async def _run(self, started: "concurrent.futures.Future[asyncio.AbstractEventLoop]") -> None:
        started.set_result(asyncio.get_running_loop())
        await self._stop.wait()

    def close(self) -> None:
        """End the thread; one that hangs in the application is left behind."""
        self.end()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        super().close()


def runner(app: Any) -> OnLoop:
    """Where an application runs: an asynchronous one of an asynchronous test on the test's own loop."""
    answer, asynchronous = answering(app)
    if asynchronous:
        with contextlib.suppress(RuntimeError):
            return OnLoop(asyncio.get_running_loop(), answer)
    return OnThread(answer)
