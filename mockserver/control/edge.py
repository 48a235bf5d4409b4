"""The edge of the control plane: it checks token, path and method, and renders errors, for all operations."""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from starlette.types import Receive, Scope, Send

from mockserver.browsers import KnownHosts, cross_site
from mockserver.control.call import JSON, Answer, ControlCall, ControlOperation, ServerInfo
from mockserver.control.errors import ControlError, refused
from mockserver.core.refusal import Refusal
from mockserver.coverage import REFUSED, Coverage, counts, uncounted
from mockserver.documents.pdf import PdfCache
from mockserver.emulator import AccountGone, Emulator
from mockserver.log.interface import LogFailed, Stopping
from mockserver.traffic import Traffic
from mockserver.webhooks.sender import Sender
from mockserver.wire import (
    MAX_HEAD,
    BodyTooLarge,
    ClientGone,
    HttpDate,
    JsonBody,
    Paths,
    RequestIds,
    base_of,
    encode,
    head_too_large,
    header,
    read_body,
    send_answer,
    without_frames,
)

logger = logging.getLogger(__name__)

BASE = "/_mock"
MAX_BODY = 32 * 1024 * 1024  # bytes

Headers = list[tuple[bytes, bytes]]


class Control:
    """The ASGI application of the control plane."""

    def __init__(
        self,
        emulator: Emulator,
        sender: Sender,
        traffic: Traffic,
        request_ids: RequestIds,
        info: ServerInfo,
        pdf_cache: PdfCache,
        coverage: Coverage,
    ) -> None:
        self._coverage = coverage
        self._emulator = emulator
        self._sender = sender
        self._traffic = traffic
        self._request_ids = request_ids
        self._info = info
        self._pdf_cache = pdf_cache
        self._token = info.configuration.control_token
        self._public_base = info.configuration.public_base
        configuration = info.configuration
        self._known_hosts = KnownHosts(configuration.allowed_hosts, configuration.public_url)
        self._date = HttpDate()
        self._waiting: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._paths: Paths[ControlOperation] = Paths((row.method, row.path, row) for row in info.operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._request_ids.next()
        extra: Headers = []
        failure: Exception | None = None
        try:
            answer = await self._answer(scope, receive, request_id)
        except ClientGone:
            return
        except Exception as problem:
            error = _as_control_error(problem)
            if error.status != 500:
                without_frames(problem)
            answer = Answer(error.body(), error.status)
            if error.status == 401:
                extra.append((b"www-authenticate", b"Bearer"))
            elif error.allowed:
                extra.append((b"allow", error.allowed.encode()))
            elif error.status == 500:
                failure = problem
        headers: Headers = [
            (
                b"content-type",
                b"text/event-stream" if answer.stream is not None else answer.media_type.encode(),
            ),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"server", b"mockserver"),
            (b"date", self._date.now()),
            (b"mock-request-id", request_id.encode()),
            *extra,
        ]
        if answer.stream is not None:
            await self._stream(scope, receive, send, headers, answer.stream)
            return
        body = encode(answer.body) if answer.media_type == JSON else answer.body
        await send_answer(scope, send, answer.status, headers, body)
        if failure is not None:
            raise failure

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> Answer:
        if head_too_large(scope):
            raise ControlError(
                431, "head_too_large", "the head of the request is too large", f"at most {MAX_HEAD} bytes"
            )
        try:
            body = JsonBody(await read_body(receive, MAX_BODY))
        except BodyTooLarge:
            raise ControlError(
                413, "too_large", "the body is too large", f"at most {MAX_BODY} bytes"
            ) from None
        self._check_browser(scope)
        row, params = self._route(scope)
        if body.large:
            await body.prepare()
        call = ControlCall(
            emulator=self._emulator,
            sender=self._sender,
            traffic=self._traffic,
            info=self._info,
            pdf_cache=self._pdf_cache,
            coverage=self._coverage,
            app=scope["app"],
            request_id=request_id,
            params=params,
            query_string=scope["query_string"],
            known=row.query,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            base=self._public_base or base_of(scope),
        )
        if not counts(scope):
            self._coverage.ignore(request_id)
            with uncounted():
                return await self._perform(row, call, receive)
        try:
            return await self._perform(row, call, receive)
        except Refusal as refusal:
            self._coverage.add(params.get("a"), (REFUSED, None, refusal.rule), request_id)
            raise

    async def _perform(self, row: ControlOperation, call: ControlCall, receive: Receive) -> Answer:
        assert row.endpoint is not None, "it is built"
        while True:
            try:
                if row.waits:
                    return await self._unless_gone(row.endpoint(call), receive)
                return await row.endpoint(call)
            except AccountGone:  # it was reset or removed meanwhile: look it up again
                continue

    def _route(self, scope: Scope) -> tuple[ControlOperation, dict[str, str]]:
        found = self._paths.find(scope["path"].removeprefix(BASE))
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
            allowed = ", ".join([*found[0], "HEAD"] if "GET" in found[0] else found[0])
            message = f"{scope['method']} is not possible here"
            raise ControlError(405, "method_not_allowed", message, f"possible: {allowed}", allowed=allowed)
        return row, found[1]

    async def _stream(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, stream: AsyncIterator[bytes]
    ) -> None:
        """Send the chunks of a stream until the client disconnects or the server stops."""
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def sending() -> Answer:
            async for chunk in stream:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            return Answer()

        try:
            if scope["method"] != "HEAD":
                await self._unless_gone(sending(), receive)
        except (ClientGone, ControlError):
            pass
        except Exception:  # the status was sent already, so the stream can only be ended
            logger.exception("a stream was aborted")
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b""})

    async def _unless_gone(self, work: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
        """Run work that may take long. ClientGone if the client disconnects; 503 when the server stops."""
        task = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(_gone(receive))
        self._waiting.add(task)
        try:
            if self._stopping:
                task.cancel()
            await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            if task.cancelled():
                raise ControlError(503, "stopping", "the server is stopping", "start it again")
            return task.result()
        finally:
            self._waiting.discard(task)
            leaving.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    def stop(self) -> None:
        """Cancel the operations and streams that wait for something to happen."""
        self._stopping = True
        for task in self._waiting:
            task.cancel()

    def _check_browser(self, scope: Scope) -> None:
        """Refuse what a web page of another origin sends."""
        if not self._known_hosts.knows(scope) and not self._has_token(scope):
            raise ControlError(
                421,
                "unknown_host",
                "the Host header is missing or names a host that is not known to be this server",
                "start the server with --allowed-hosts and that name, or use its address",
            )
        stream = b"text/event-stream" in (header(scope, b"accept") or b"")
        if cross_site(scope, self._public_base, stream=stream):
            raise ControlError(
                403,
                "cross_site",
                "a web page of another origin sent this request",
                "send it from a program, or from a page of this server",
            )

    def _has_token(self, scope: Scope) -> bool:
        """Whether the right Bearer token was sent, compared in constant time."""
        scheme, _, sent = (header(scope, b"authorization") or b"").strip().partition(b" ")
        return (
            self._token is not None
            and scheme.lower() == b"bearer"
            and hmac.compare_digest(sent.strip(), self._token.encode())
        )

    def _check_token(self, scope: Scope) -> None:
        if self._token is not None and not self._has_token(scope):
            raise ControlError(
                401,
                "unauthorized",
                "the control token is missing or wrong",
                "send Authorization: Bearer with the token of --control-token",
            )


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _as_control_error(problem: Exception) -> ControlError:
    """Return the error that the client receives for an exception."""
    match problem:
        case ControlError():
            return problem
        case Refusal():
            return refused(problem)
        case Stopping():
            return ControlError(503, "stopping", str(problem), "start it again")
        case LogFailed():
            hint = "nothing was changed; free disk space or release the lock, then send the request again"
            return ControlError(503, "log_unavailable", str(problem), hint)
    hint = "this is a bug in mockserver: please report it"
    return ControlError(500, "internal_error", "internal error", hint)
