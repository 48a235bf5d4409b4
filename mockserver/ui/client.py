"""Calls operations of the control plane and of the API in this process, for the pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.types import ASGIApp

from mockserver.in_process import DASHBOARD, InProcessRequest, call_asgi
from mockserver.wire import BadJson, decode, encode

API = "/api/v2"
CONTROL = "/_mock"


class Reply(Struct, frozen=True):
    """What an operation answered: the JSON value, or the bytes of a file."""

    status: int
    headers: dict[str, str]
    value: Any
    body: bytes

    @property
    def ok(self) -> bool:
        """Return whether the operation was done."""
        return 200 <= self.status < 300


class NotShown(Exception):
    """An operation that a page needs was refused; the page shows the message instead."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint


class Client:
    """Sends requests to the application, with the control token where one is set."""

    def __init__(self, app: ASGIApp, host: str, token: str | None, *, recipient: bool = False) -> None:
        """`host`: the Host header of the browser, from which links in answers are made.

        What a `recipient` does counts as exercised, and what the dashboard does not.
        """
        self._scope = {} if recipient else {DASHBOARD: True}
        self._app = app
        self._host = host
        self._token = token

    async def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        account: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; `target` is a path with its query. `account` is needed by the API."""
        headers = dict(headers or {})
        content = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = encode(body)
        if target.startswith(f"{API}/"):
            headers |= {"Authorization": "Basic Og==", "Mock-Account": account or ""}
            if self._token is not None:
                headers["Mock-Token"] = self._token
        elif self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        call = InProcessRequest(method, target, headers, content, self._scope)
        answer = await call_asgi(self._app, call, self._host)
        try:
            value = decode(answer.body) if "json" in answer.headers.get("content-type", "") else None
        except BadJson:
            value = None
        return Reply(answer.status, answer.headers, value, answer.body)

    async def get(self, *path: str, **query: object) -> Any:
        """Return the answer of a GET of the control plane. Raises NotShown.

        `path`: the segments of the path below `/_mock`. A query parameter that is None or empty is left out.
        """
        return (await self.file(*path, **query)).value

    async def file(self, *path: str, **query: object) -> Reply:
        """Return the whole reply to a GET of the control plane. Raises NotShown."""
        target = path_of(*path)
        asked = {name: str(value) for name, value in query.items() if value not in (None, "")}
        reply = await self.send("GET", f"{target}?{urlencode(asked)}" if asked else target)
        if not reply.ok:
            error = (reply.value or {}).get("error", {})
            raise NotShown(reply.status, error.get("message", "not available"), error.get("hint", ""))
        return reply


def path_of(*path: str) -> str:
    """Return a path of the control plane from its segments below `/_mock`."""
    return "/".join([CONTROL, *(quote(each, safe="") for each in path)])
