"""Calls the user's own application as a receiver, in process, on an event loop that is not the server's."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import queue
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from mockserver.in_process import InProcessRequest, InProcessResponse, call_asgi, call_wsgi
from mockserver.serving import loop_with_real_clock

T = TypeVar("T")

HOST = "receiver.invalid"  # of the URL of an account's receiver

TESTSERVER = "testserver"  # the host of the test clients of Django and Starlette, which both accept in tests
_FRAMES = 5

_Responder = Callable[[InProcessRequest], Awaitable[InProcessResponse]]
_Done = concurrent.futures.Future[InProcessResponse]


class TestEnded(Exception):
    """The test ended before the application answered. This is not a failure of the test."""

    __test__ = False


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
    """Calls an ASGI application on an event loop in a thread of its own, so that the test may block."""

    def __init__(self, answer: _Responder, lifespan: "Lifespan | None" = None) -> None:
        started: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._stop = asyncio.Event()
        self._lifespan = lifespan
        self._thread = threading.Thread(
            target=self._work_in_thread, args=(started,), name="billogram-receiver", daemon=True
        )
        self._thread.start()
        super().__init__(started.result(), answer)

    def _work_in_thread(self, started: "concurrent.futures.Future[asyncio.AbstractEventLoop]") -> None:
        with asyncio.Runner(loop_factory=loop_with_real_clock) as running:
            running.run(self._run(started))

    async def _run(self, started: "concurrent.futures.Future[asyncio.AbstractEventLoop]") -> None:
        try:
            if self._lifespan is not None:
                await self._lifespan.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(asyncio.get_running_loop())
        await self._stop.wait()
        if self._lifespan is not None:
            await self._lifespan.stop()

    def close(self) -> None:
        """End the thread. If the application does not return within 5 seconds, the thread keeps running."""
        self.end()
        with contextlib.suppress(RuntimeError):  # the loop is closed: it was ended before
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        super().close()
        if self._lifespan is not None:
            self._lifespan.check_stop()


class Lifespan:
    """The lifespan of an ASGI application: what it does when it starts and when it stops."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | str | None = None  # of the shutdown

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The application, which finds what its lifespan has left in the state."""
        await self._app({**scope, "state": self._state.copy()}, receive, send)

    async def start(self) -> None:
        """Run the startup. Raises what the application raises, or RuntimeError when it reports a failure."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        self._task = asyncio.create_task(self._app(scope, self._to_app.get, self._from_app.put))
        message = await self._ask("startup")
        if message["type"] != "lifespan.startup.complete":
            raise RuntimeError(f"the application did not start: {message.get('message', '')}")

    async def stop(self) -> None:
        """Run the shutdown."""
        try:
            message = await self._ask("shutdown")
        except BaseException as error:
            self._failure = error
            return
        if message["type"] != "lifespan.shutdown.complete":
            self._failure = message.get("message", "")

    def check_stop(self) -> None:
        """Raise what the application raised while it stopped."""
        failure, self._failure = self._failure, None
        if isinstance(failure, BaseException):
            raise failure
        if failure is not None:
            raise RuntimeError(f"the application did not stop: {failure}")

    async def _ask(self, what: str) -> dict[str, Any]:
        assert self._task is not None, "the lifespan has not begun"
        await self._to_app.put({"type": f"lifespan.{what}"})
        answer = asyncio.create_task(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            message = answer.result()
            if message["type"].endswith(".failed") and self._task is not None:
                await asyncio.wait({self._task}, timeout=1)
                if self._task.done() and not self._task.cancelled() and (error := self._task.exception()):
                    raise error  # with its traceback, which the message has only as text
            return message
        answer.cancel()
        self._task.result()
        raise RuntimeError("the application has no lifespan: it returned without an answer")


class WsgiRunner:
    """Calls a WSGI application: in a plain thread, without an event loop, or on the thread of the test.

    On the thread of the test it is called while the test waits for webhooks, so it sees what the test has
    written in a transaction that is not committed.
    """

    def __init__(self, app: Any, host: str, *, on_test_thread: bool) -> None:
        self._app = app
        self._host = host
        self._ended = False
        self._lock = threading.Lock()  # guards against the thread that ends the test
        self._calls: queue.SimpleQueue[tuple[InProcessRequest, _Done] | None] = queue.SimpleQueue()
        self.notify: Callable[[], None] = lambda: None  # a call waits for the thread of the test
        self._test_thread = threading.get_ident() if on_test_thread else None
        self._thread: threading.Thread | None = None
        if not on_test_thread:
            self._thread = threading.Thread(target=self._work, name="billogram-receiver", daemon=True)
            self._thread.start()

    def runs_here(self) -> bool:
        """Whether the application can't answer while the caller blocks: never, since the caller calls it."""
        return False

    def called_here(self) -> bool:
        """Whether the application is called by the caller's thread, in `work` and `work_until`."""
        return self._test_thread == threading.get_ident()

    async def __call__(self, call: InProcessRequest) -> InProcessResponse:
        """Call the application on its thread. Raises what the application raises, or TestEnded."""
        done: _Done = concurrent.futures.Future()
        with self._lock:
            if self._ended:
                raise TestEnded
            self._calls.put((call, done))
        self.notify()
        return await asyncio.wrap_future(done)

    def waiting(self) -> bool:
        """Whether a call waits."""
        return not self._calls.empty()

    def work(self) -> None:
        """Answer the calls that wait."""
        while self.waiting():
            self._answer(self._calls.get())

    def work_until(self, future: "concurrent.futures.Future[Any]") -> None:
        """Answer calls until the future is done."""
        future.add_done_callback(lambda _: self._calls.put(None))
        while not future.done():
            self._answer(self._calls.get())

    def _work(self) -> None:
        try:
            while (next_call := self._calls.get()) is not None:
                self._answer(next_call)
        finally:
            if (django := sys.modules.get("django.db")) is not None:
                with contextlib.suppress(Exception):  # it is not configured
                    django.connections.close_all()  # those of this thread: nobody can use them any more

    def _answer(self, next_call: "tuple[InProcessRequest, _Done] | None") -> None:
        if next_call is None:
            return
        call, done = next_call
        if not done.set_running_or_notify_cancel():  # it has timed out
            return
        try:
            with contextlib.nullcontext() if self._thread is not None else _django_connections_kept():
                response = _call_deeply(lambda: call_wsgi(self._app, call, self._host))
        except BaseException as error:  # pytest.fail() and sys.exit() too
            _fail(done, error)
            if isinstance(error, KeyboardInterrupt) and self._thread is None:
                raise
        else:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                done.set_result(response)

    def end(self) -> None:
        """Let every pending call raise TestEnded, and later ones as well."""
        with self._lock:
            self._ended = True
        while self.waiting():
            next_call = self._calls.get()
            if next_call is not None and not next_call[1].cancelled():
                _fail(next_call[1], TestEnded())

    def close(self) -> None:
        """End the thread. If the application does not return within 5 seconds, the thread keeps running."""
        self.end()
        if self._thread is not None:
            self._calls.put(None)
            self._thread.join(5)


Runner = LoopRunner | WsgiRunner


def _call_deeply(work: Callable[[], T], frames: int = _FRAMES) -> T:
    # freezegun shows the real time to callers with a frame of `threading` among the last five
    return _call_deeply(work, frames - 1) if frames else work()


def runner(
    app: Any, *, host: str = TESTSERVER, lifespan: bool = False, on_test_thread: bool | None = None
) -> Runner:
    """The runner of an application: the test's own loop for an ASGI application in an asynchronous test.

    `on_test_thread` None: a WSGI application is called on this thread if it has an open transaction of
    Django. Raises TypeError if `app` is no ASGI or WSGI application, or not one of the kind that is needed.
    """
    in_loop = True
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        in_loop = False
    if _kind(app) == "wsgi":
        if lifespan:
            raise TypeError(f"{app!r} is a WSGI application, which has no lifespan")
        if on_test_thread and in_loop:
            raise RuntimeError("on_test_thread=True needs a test that is no coroutine: it blocks its thread")
        here = not in_loop and _in_transaction() if on_test_thread is None else on_test_thread
        return WsgiRunner(app, host, on_test_thread=here)
    if on_test_thread:
        raise TypeError(f"{app!r} is an ASGI application: on_test_thread is for WSGI applications")
    if lifespan:
        living = Lifespan(app)
        return ThreadRunner(lambda call: call_asgi(living.app, call, host), living)
    if in_loop:
        return LoopRunner(loop, lambda call: call_asgi(app, call, host))
    return ThreadRunner(lambda call: call_asgi(app, call, host))


@contextlib.contextmanager
def _django_connections_kept() -> Iterator[None]:
    """Keep a request from closing the connection of the test's transaction, as Django's test client does."""
    django, signals = sys.modules.get("django.db"), sys.modules.get("django.core.signals")
    close = getattr(django, "close_old_connections", None)
    kept = [
        signal
        for signal in ((signals.request_started, signals.request_finished) if signals is not None else ())
        if close is not None and signal.disconnect(close)
    ]
    try:
        yield
    finally:
        for signal in kept:
            signal.connect(close)


def _in_transaction() -> bool:
    """Whether this thread has an open transaction of Django, as it has under the fixture `db`."""
    django = sys.modules.get("django.db")
    with contextlib.suppress(Exception):  # it is not configured
        return django is not None and any(each.in_atomic_block for each in django.connections.all())
    return False
