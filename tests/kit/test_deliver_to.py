"""Webhooks straight to an application, in tests that block."""

import asyncio
import functools
import gc
import threading
from collections.abc import Iterable, Sequence
from time import monotonic, sleep
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response

from mockserver import BillogramAccount
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
