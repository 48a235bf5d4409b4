"""Calls the user's own application as a receiver, in process, on an event loop that is not the server's."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from mockserver.in_process import InProcessRequest, InProcessResponse, call_asgi, call_wsgi
from mockserver.serving import loop_with_real_clock

HOST = "receiver.invalid"

_Responder = Callable[[InProcessRequest], Awaitable[InProcessResponse]]


class TestEnded(Exception):
    """The test ended before the application answered. This is not a failure of the test."""

    __test__ = False


def responder_of(app: Any) -> tuple[_Responder, bool]:
    """A function that calls the application, and whether it is asynchronous.

    Raises TypeError if `app` is no ASGI or WSGI application.
    """
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
    called = bare if inspect.isroutine(bare) else _call_method(bare)
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


def _call_method(app: Any) -> Any:
    return next((vars(kind)["__call__"] for kind in type(app).__mro__ if "__call__" in vars(kind)), None)


class LoopRunner:
    """Calls an application on a given event loop until the test ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: _Responder) -> None:
        self._loop = loop
        self._answer = answer
        self._open: set[concurrent.futures.Future[InProcessResponse]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self._lock = threading.Lock()  # guards against the thread that ends the test

    def runs_here(self) -> bool:
        """Whether the caller runs on the event loop of the application."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    async def __call__(self, call: InProcessRequest) -> InProcessResponse:
        """Call the application from another loop. Raises what the application raises, or TestEnded."""
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
        if done.done():  # a coroutine created now would never be awaited
            return
        task = self._loop.create_task(self._work(call, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(
        self, call: InProcessRequest, done: "concurrent.futures.Future[InProcessResponse]"
    ) -> None:
        try:
            response = await self._answer(call)
        except asyncio.CancelledError:
            _fail(done, TestEnded())
            raise
        except BaseException as error:  # pytest.fail() and sys.exit() too
            _fail(done, error)
        else:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                done.set_result(response)

    def end(self) -> None:
        """Let every pending call raise TestEnded, and later ones as well."""
        with self._lock:
            self._ended = True
            waiting = list(self._open)
        for done in waiting:
            _fail(done, TestEnded())

    def close(self) -> None:
        """End, and discard tasks that a closed loop will never run: asyncio would warn about them."""
        self.end()
        if self._loop.is_closed():
            for task in list(self._tasks):
                work: Any = task.get_coro()
                if (
                    inspect.getcoroutinestate(work) == inspect.CORO_CREATED
                ):  # it has not started, and never will
                    work.close()
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # no public way


def _fail(done: "concurrent.futures.Future[InProcessResponse]", error: BaseException) -> None:
    with contextlib.suppress(concurrent.futures.InvalidStateError):
        done.set_exception(error)


class ThreadRunner(LoopRunner):
    """Calls an application on an event loop in a thread of its own, so that the test may block."""

    def __init__(self, answer: _Responder) -> None:
        started: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=self._work_in_thread, args=(started,), name="billogram-receiver", daemon=True
        )
        self._thread.start()
        super().__init__(started.result(), answer)

    def _work_in_thread(self, started: "concurrent.futures.Future[asyncio.AbstractEventLoop]") -> None:
        with asyncio.Runner(loop_factory=loop_with_real_clock) as running:
            running.run(self._run(started))

    async def _run(self, started: "concurrent.futures.Future[asyncio.AbstractEventLoop]") -> None:
        started.set_result(asyncio.get_running_loop())
        await self._stop.wait()

    def close(self) -> None:
        """End the thread. If the application does not return within 5 seconds, the thread keeps running."""
        self.end()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        super().close()


def runner(app: Any) -> LoopRunner:
    """The runner of an application: the test's own loop for an ASGI application in an asynchronous test."""
    answer, asynchronous = responder_of(app)
    if asynchronous:
        with contextlib.suppress(RuntimeError):
            return LoopRunner(asyncio.get_running_loop(), answer)
    return ThreadRunner(answer)
