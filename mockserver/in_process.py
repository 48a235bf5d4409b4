"""Calls ASGI and WSGI applications in this process, without a socket."""

import asyncio
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from wsgiref.util import setup_testing_defaults

from msgspec import Struct
from starlette.types import ASGIApp, Message

DASHBOARD = "mockserver.dashboard"  # in the ASGI scope of a request that the dashboard sends

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class InProcessRequest(Struct, frozen=True):
    """A request to an application; `target` is a path with its query string."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    scope: Mapping[str, Any] = {}  # more members of an ASGI scope, which a client can't send


class InProcessResponse(Struct, frozen=True):
    """The response of an application; the names of the headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


async def call_asgi(app: ASGIApp, call: InProcessRequest, host: str) -> InProcessResponse:
    """Call an ASGI application. Its lifespan is not run, as under `httpx.ASGITransport`."""
    messages: list[Message] = [{"type": "http.request", "body": call.body, "more_body": False}]
    head: Message = {}
    parts: list[bytes] = []

    answered = asyncio.Event()

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await answered.wait()  # an application that waits for the disconnect waits until it has answered
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                answered.set()

    await app(_scope(call, host), receive, send)
    if not head:
        raise RuntimeError("the application did not answer")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head["headers"]}
    return InProcessResponse(head["status"], headers, b"".join(parts))


def _scope(call: InProcessRequest, host: str) -> dict[str, Any]:
    parts = urlsplit(call.target)
    sent = {"Host": host, "Content-Length": str(len(call.body)), **call.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()
        ],
        "client": ("127.0.0.1", 0),
        "server": (host, 80),
        **call.scope,
    }


def call_wsgi(app: WSGIApp, call: InProcessRequest, host: str) -> InProcessResponse:
    """Call a WSGI application in the caller's thread."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        started.append((status, headers))
        return parts.append

    result = app(_environ(call, host), start)
    try:
        parts.extend(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    if not started:
        raise RuntimeError("the application did not answer")
    status, headers = started[-1]
    return InProcessResponse(
        int(status.split()[0]), {name.lower(): value for name, value in headers}, b"".join(parts)
    )


def _environ(call: InProcessRequest, host: str) -> dict[str, Any]:
    parts = urlsplit(call.target)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path, "latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": host,
        "SERVER_PORT": "80",
        "HTTP_HOST": host,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": sys.stderr,
    }
    for name, value in call.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    setup_testing_defaults(environ)
    return environ
