"""The edge of the control plane: token, path, method, errors; once for all operations."""

import hmac
from typing import Any

from starlette.types import Receive, Scope, Send

from mockserver.control.call import ControlCall, ServerInfo
from mockserver.control.errors import ControlError, not_built
from mockserver.control.operations import OPERATIONS, Operation
from mockserver.core.refusal import Refusal
from mockserver.emulator import AccountGone, Emulator
from mockserver.log.interface import LogFailed
from mockserver.wire import (
    BodyTooLarge,
    ClientGone,
    HttpDate,
    Paths,
    RequestIds,
    encode,
    header,
    read_body,
    send_answer,
)

BASE = "/_mock"
MAX_BODY = 32 * 1024 * 1024  # bytes

Headers = list[tuple[bytes, bytes]]


class Control:
    """The ASGI application of the control plane."""

    def __init__(
        self, emulator: Emulator, request_ids: RequestIds, info: ServerInfo, token: str | None = None
    ) -> None:
        self._emulator = emulator
        self._request_ids = request_ids
        self._info = info
        self._token = token
        self._date = HttpDate()
        self._paths: Paths[Operation] = Paths((row.method, row.path, row) for row in OPERATIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._request_ids.next()
        extra: Headers = []
        failure: Exception | None = None
        try:
            status, body = await self._answer(scope, receive, request_id)
        except ClientGone:
            return
        except ControlError as error:
            status, body = error.status, error.body()
            if status == 401:
                extra.append((b"www-authenticate", b"Bearer"))
        except Refusal as refusal:
            hint = f"it breaks the rule {refusal.rule}"
            status, body = 400, ControlError(400, "refused", refusal.message, hint).body()
        except LogFailed as problem:
            hint = "nothing was changed; free the disk or the lock and send it again"
            status, body = 503, ControlError(503, "log_unavailable", str(problem), hint).body()
        except Exception as problem:
            hint = "this is a mistake of mockserver: please report it"
            status, body = 500, ControlError(500, "internal_error", "internal error", hint).body()
            failure = problem
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"server", b"mockserver"),
            (b"date", self._date.now()),
            (b"mock-request-id", request_id.encode()),
            *extra,
        ]
        await send_answer(scope, send, status, headers, encode(body))
        if failure is not None:
            raise failure

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> tuple[int, Any]:
        try:
            body = await read_body(receive, MAX_BODY)
        except BodyTooLarge:
            raise ControlError(
                413, "too_large", "the body is too large", f"at most {MAX_BODY} bytes"
            ) from None
        path = scope["path"].removeprefix(BASE)
        found = self._paths.find(path)
        row = None if found is None else found[0].get("GET" if scope["method"] == "HEAD" else scope["method"])
        if not (row is not None and row.open):
            self._check_token(scope)
        if found is None:
            raise ControlError(
                404,
                "unknown_path",
                f"no such path: {scope['path']}",
                "the control plane's paths are listed in the README",
            )
        if row is None:
            allowed = ", ".join(found[0])
            raise ControlError(
                405, "method_not_allowed", f"{scope['method']} is not possible here", f"possible: {allowed}"
            )
        if row.endpoint is None:
            raise not_built(f"{row.method} {BASE}{row.path}")
        call = ControlCall(self._emulator, self._info, request_id, found[1], body)
        while True:
            try:
                answer = await row.endpoint(call)
            except AccountGone:  # reset or removed on the way: it is looked for again
                continue
            return answer.status, answer.body

    def _check_token(self, scope: Scope) -> None:
        """Bearer token, compared in constant time."""
        if self._token is None:
            return
        scheme, _, sent = (header(scope, b"authorization") or b"").strip().partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(sent.strip(), self._token.encode()):
            raise ControlError(
                401,
                "unauthorized",
                "the control token is missing or wrong",
                "send Authorization: Bearer with the token of --control-token",
            )
