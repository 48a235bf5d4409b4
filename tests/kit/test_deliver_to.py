"""Webhooks straight to an application, in tests that block."""

import asyncio
import functools
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from time import monotonic, sleep
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response

from mockserver import BillogramAccount, Mockserver
from mockserver.core import signature
from tests.kit.helping import sent


def test_an_asgi_application(billogram: BillogramAccount) -> None:
    got: list[tuple[dict[str, str], bytes, int]] = []

    async def hook(request: Request) -> JSONResponse:
        got.append((dict(request.headers), await request.body(), threading.get_ident()))
        return JSONResponse({"status": "OK"}, status_code=201)

    billogram.deliver_to(Starlette(routes=[Route("/hooks/{shop}", hook, methods=["POST"])]), "/hooks/shop")
    sent(billogram)
    came = billogram.webhooks.wait("BillogramSent")
    assert came.status_code == 201
    assert [signature.problem(billogram.sign_key, headers, body) for headers, body, _ in got] == [None, None]
    assert got[1][1] == came.body
    assert threading.get_ident() not in {thread for _, _, thread in got}
    billogram.deliver_to(None)
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").status_code == 200
    assert len(got) == 2


def test_a_wsgi_application_may_call_back(billogram: BillogramAccount) -> None:
    states: list[str] = []

    @WerkzeugRequest.application
    def app(request: WerkzeugRequest) -> Response:
        assert request.path == "/hook"
        key = request.get_json()["billogram"]["id"]
        states.append(billogram.http.get(f"/billogram/{key}").json()["data"]["state"])
        return Response("OK")

    billogram.deliver_to(app, "/hook")
    sent(billogram)
    billogram.webhooks.wait("BillogramSent")
    assert states == ["Unpaid", "Unpaid"]


class Wsgi:
    """An application that is an object, with an answer that wants to be closed."""

    closed = 0

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("202 Accepted", [("Content-Type", "text/plain")])
        return self

    def __iter__(self) -> Any:
        return iter([b"one", b"two"])

    def close(self) -> None:
        self.closed += 1


def test_an_object_and_a_partial(billogram: BillogramAccount) -> None:
    app = Wsgi()
    billogram.deliver_to(app)
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").status_code == 202
    assert app.closed == 2
    answers = billogram.control("GET", "/deliveries")[0]["attempts"][0]["response"]
    assert answers == {"headers": {"content-type": "text/plain"}, "body": "onetwo"}

    def answer(status: str, environ: dict[str, Any], start: Any) -> list[bytes]:
        start(status, [])
        return []

    billogram.deliver_to(functools.partial(answer, "200 OK"))
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").status_code == 200


@pytest.mark.billogram(allow_failed_webhooks=True)
def test_what_an_application_raises_is_told(billogram: BillogramAccount) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("no good")

    billogram.deliver_to(app)
    key = sent(billogram)
    hook = billogram.webhooks.wait("BillogramSent", status=500)
    assert (hook.status_code, hook.error, hook.accepted) == (500, "ZeroDivisionError: no good", False)
    with pytest.raises(AssertionError) as failed:
        billogram.webhooks.wait("Payment", timeout=0.01)
    lines = str(failed.value).splitlines()
    assert f"  BillogramSent {key}, the application raised ZeroDivisionError: no good" in lines
    assert f"  BillogramSent {key}: 500 ZeroDivisionError: no good" in lines
    assert lines[-1] == "ZeroDivisionError: no good"
    assert lines.count("the application raised:") == 1
    with pytest.raises(AssertionError) as failed:
        billogram.webhooks.none()
    assert "Traceback" not in str(failed.value), "it is shown once"


@pytest.mark.parametrize("app", [object(), 1, Wsgi, lambda: None])
def test_what_is_no_application(billogram: BillogramAccount, app: Any) -> None:
    with pytest.raises(TypeError, match="no ASGI or WSGI application"):
        billogram.deliver_to(app)


def test_a_loop_that_is_closed_while_a_webhook_comes(
    billogram: BillogramAccount, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A test may close its loop at any moment: nobody complains of what began there and never ran."""
    loop = asyncio.new_event_loop()
    ready: Sequence[Any] = getattr(loop, "_ready")  # noqa: B009  # not in its type

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it is not reached")

    async def story() -> None:
        billogram.deliver_to(app)

    loop.run_until_complete(story())
    sent(billogram)
    deadline = monotonic() + 30
    while not ready and monotonic() < deadline:
        sleep(0.01)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ready, "the webhook has a task, which has not begun"
    loop.close()
    del ready
    billogram.deliver_to(None)
    del loop
    gc.collect()
    assert [str(each.message) for each in recwarn] == []
    assert [each.message for each in caplog.records if each.name == "asyncio"] == []


# threads and hosts


def test_a_wsgi_application_runs_on_a_plain_thread(billogram: BillogramAccount) -> None:
    """Without an event loop, which Django refuses, and without the test's help."""
    seen: list[tuple[int, str]] = []

    @WerkzeugRequest.application
    def app(request: WerkzeugRequest) -> Response:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        seen.append((threading.get_ident(), request.host))
        return Response("OK")

    billogram.deliver_to(app)
    sent(billogram)
    deadline = monotonic() + 30
    while len(seen) < 2 and monotonic() < deadline:
        sleep(0.01)
    assert len({thread for thread, _ in seen} | {threading.get_ident()}) == 2
    assert {host for _, host in seen} == {"testserver"}
    billogram.deliver_to(app, host="shop.example:8000")
    sent(billogram)
    billogram.webhooks.wait("BillogramSent", count=2)
    assert seen[-1][1] == "shop.example:8000"


def test_on_the_thread_of_the_test(billogram: BillogramAccount) -> None:
    """It is called by everything that waits for webhooks, and by nothing else."""
    threads: list[int] = []

    @WerkzeugRequest.application
    def app(request: WerkzeugRequest) -> Response:
        threads.append(threading.get_ident())
        assert billogram.http.get("/settings").status_code == 200
        return Response("OK")

    def waiting() -> None:
        sent(billogram)
        assert not threads[count:]

    billogram.deliver_to(app, on_test_thread=True)
    looks: list[Callable[[], object]] = [
        lambda: billogram.webhooks.wait("BillogramSent"),
        lambda: billogram.webhooks.none("Payment"),
        billogram.webhooks.all,
        billogram.settle,
        lambda: billogram.deliver_to(app, on_test_thread=True),
        billogram.end_of_test,
    ]
    for look in looks:
        count = len(threads)
        waiting()
        look()
        assert len(threads) == count + 2, look
    assert set(threads) == {threading.get_ident()}
    assert billogram.undelivered() == []


@pytest.mark.billogram(allow_failed_webhooks=True)
def test_what_is_raised_on_the_thread_of_the_test(billogram: BillogramAccount) -> None:
    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        pytest.fail("no good")

    billogram.deliver_to(app, on_test_thread=True)
    sent(billogram)
    with pytest.raises(AssertionError, match="the application raised Failed: no good"):
        billogram.webhooks.wait("BillogramSent", timeout=0.1)


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("it is not called")


def test_what_does_not_go_together(billogram: BillogramAccount) -> None:
    with pytest.raises(TypeError, match="on_test_thread is for WSGI"):
        billogram.deliver_to(_asgi, on_test_thread=True)
    with pytest.raises(TypeError, match="no lifespan"):
        billogram.deliver_to(Wsgi(), lifespan=True)

    async def story() -> None:
        billogram.deliver_to(Wsgi(), on_test_thread=True)

    with pytest.raises(RuntimeError, match="no coroutine"):
        asyncio.run(story())


# lifespan


def lifespan_app(log: list[str], fails: str = "", kind: type[Any] = Starlette) -> Any:
    """An application that notes what happens, and fails at a moment."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        if fails == "start":
            raise ZeroDivisionError("no start")
        log.append("started")
        yield {"loop": loop}
        if fails == "stop":
            raise ZeroDivisionError("no stop")
        log.append("stopped")

    async def hook(request: Request) -> JSONResponse:
        log.append("same loop" if request.state.loop is asyncio.get_running_loop() else "another loop")
        return JSONResponse({})

    app = kind(lifespan=lifespan)
    app.add_route("/", hook, methods=["POST"])
    return app


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_lifespan(billogram: BillogramAccount, kind: type[Any], asynchronous: bool) -> None:
    log: list[str] = []
    app = lifespan_app(log, kind=kind)

    async def story() -> None:
        billogram.deliver_to(app, lifespan=True)
        sent(billogram)
        await billogram.webhooks.wait_async("BillogramSent")

    if asynchronous:
        asyncio.run(story())
    else:
        billogram.deliver_to(app, lifespan=True)
        assert log == ["started"]
        sent(billogram)
        billogram.webhooks.wait("BillogramSent")
    billogram.deliver_to(None)
    assert log == ["started", "same loop", "same loop", "stopped"]


def test_a_lifespan_that_fails(billogram: BillogramAccount) -> None:
    with pytest.raises(ZeroDivisionError, match="no start"):
        billogram.deliver_to(lifespan_app([], "start"), lifespan=True)
    billogram.deliver_to(lifespan_app([], "stop"), lifespan=True)
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").accepted
    with pytest.raises(ZeroDivisionError, match="no stop"):
        billogram.deliver_to(None)

    async def without(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])

    with pytest.raises(NotImplementedError, match="lifespan"):
        billogram.deliver_to(without, lifespan=True)


def test_a_lifespan_ends_with_the_account() -> None:
    log: list[str] = []
    with Mockserver(clock="frozen") as server:
        with BillogramAccount(server, "shop") as account:
            account.deliver_to(lifespan_app(log), lifespan=True)
        assert log == ["started", "stopped"]
