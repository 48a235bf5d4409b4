"""The HTTP edge of the API: what is common to all operations (reference: api 1).

Order of checks: credentials, path, method, query, object, JSON, body, state, and then the rule itself. An
endpoint reads the request, calls the core, and renders the answer.
"""

import asyncio
import contextlib
from base64 import b64decode
from functools import lru_cache
from hmac import compare_digest
from time import perf_counter
from urllib.parse import quote

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from mockserver.api.cache import AnswerCache
from mockserver.api.call import MAX_BODY, MAX_LINE, Call
from mockserver.api.commands import MODES
from mockserver.api.errors import (
    HTTP_STATUS,
    HeadTooLarge,
    InvalidAuth,
    MethodNotAllowed,
    MissingAuth,
    Unavailable,
    error_data,
)
from mockserver.api.faults import FaultInjector, InjectedFault, cut_off
from mockserver.api.operations import OPERATIONS, Operation
from mockserver.browsers import cross_site
from mockserver.configuration import Configuration
from mockserver.core.refusal import NotFound, PermissionDenied, Refusal
from mockserver.coverage import DETAILED, REFUSED, Coverage, counts
from mockserver.documents.pdf import PdfCache
from mockserver.emulator import AccountGone, Emulator, LiveAccount
from mockserver.in_process import DASHBOARD
from mockserver.log.interface import LogFailed
from mockserver.traffic import Entry, Traffic
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

BASE = "/api/v2"
DOCUMENT = "/openapi.json"  # outside of BASE and without credentials, since its readers have none yet
_LINE_TOO_LONG = b"<html><head><title>Bad Request</title></head><body><h1>Bad Request</h1></body></html>\n"
_FIXED = [  # [R]; our own Server, and no charset: known clients compare the type as a string
    (b"content-type", b"application/json"),
    (b"cache-control", b"max-age=0"),
    (b"vary", b"Cookie"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"server", b"mockserver"),
]
_CHALLENGE = (b"www-authenticate", b'Basic realm="Billogram API"')

Headers = list[tuple[bytes, bytes]]


class Api:
    """The ASGI application of Billogram's API."""

    def __init__(
        self,
        emulator: Emulator,
        traffic: Traffic,
        request_ids: RequestIds,
        configuration: Configuration,
        pdf_cache: PdfCache,
        coverage: Coverage,
    ) -> None:
        self._emulator = emulator
        self._traffic = traffic
        self._coverage = coverage
        self._request_ids = request_ids
        self._control_token = configuration.control_token
        self._public_url = configuration.public_base
        # configurable: 401 follows the newer guide
        self._http_status = HTTP_STATUS | {InvalidAuth: configuration.invalid_auth_status}
        self._date, self._fault_injector = HttpDate(), FaultInjector()
        self._cache, self._pdf_cache = AnswerCache(), pdf_cache
        self._paths: Paths[Operation] = Paths((row.method, row.path, row) for row in OPERATIONS)

    def stop(self) -> None:
        """End the requests that a fault delays."""
        self._fault_injector.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._request_ids.next()
        if not head_too_large(scope) and _line_length(scope) > MAX_LINE:
            html = [(b"content-type", b"text/html"), (b"connection", b"close")]
            await send_answer(scope, send, 400, html, _LINE_TOO_LONG)
            return
        extra: Headers = [(b"mock-request-id", request_id.encode())]
        failure: Exception | None = None
        refused: Refusal | None = None
        passing = _Passing(perf_counter(), counts(scope))
        try:
            body = await self._answer(scope, receive, request_id, passing)
            status = 200 if body else 204  # [D] for some lists that are empty
        except ClientGone:
            return
        except Refusal as refusal:
            refused = without_frames(refusal)
            status, body = self._refused(refusal, extra)
        except LogFailed as error:
            refused = Unavailable(str(error), rule="log.unavailable")
            status, body = self._refused(refused, extra)
        except Exception as error:  # a bug in mockserver: it is answered as an API error, and raised below
            status, body = 500, _error("INTERNAL_ERROR", {"message": "internal error"})
            failure = error
        if refused is None and passing.live is not None and passing.counts and status < 300:
            self._coverage.succeeded(passing.live.id, passing.operation, request_id)
            if passing.operation in _DETAILED:
                self._count_details(passing, request_id)
        elif refused is not None and passing.counts:
            self._count_refused(passing, request_id, refused)
        if passing.entry is not None:
            self._journal(passing, passing.entry, status or None, refused, body if status else b"")
            if refused is not None:
                extra.append((b"mock-explain", _explained(passing)))
        if not status:
            await cut_off(scope, receive)
            return
        date = self._date.now()
        dates = [(b"date", date), (b"last-modified", date), (b"expires", date)]
        await send_answer(scope, send, status, [*_FIXED, *dates, *extra], body)
        if failure is not None:
            raise failure

    def _refused(self, refusal: Refusal, extra: Headers) -> tuple[int, bytes]:
        extra.append((b"mock-rule", refusal.rule.encode()))
        if isinstance(refusal, InjectedFault):
            if refusal.http == 429:
                extra.append((b"retry-after", b"1"))
            elif refusal.http == 401:
                extra.append(_CHALLENGE)
            return refusal.http or 0, refusal.body
        status = self._http_status[type(refusal)]
        if status == 401:
            extra.append(_CHALLENGE)
        elif isinstance(refusal, MethodNotAllowed):
            extra.append((b"allow", str(refusal.compared["allowed"]).encode()))
        return status, _error(refusal.status, error_data(refusal))

    def _journal(
        self, passing: "_Passing", entry: Entry, status: int | None, refused: Refusal | None, answer: bytes
    ) -> None:
        took = (perf_counter() - passing.begun) * 1000
        if refused is None:
            error = "INTERNAL_ERROR" if status == 500 else None
            self._traffic.finish(entry, status=status, error=error, duration_ms=took, answer=answer)
            return
        live = passing.live
        if live is not None and (not live.durable or entry.dashboard):
            live = (
                None  # an account that is not durable has no timeline; what the dashboard asks is not on it
            )
        if live is not None:
            live.refusals += 1
        self._traffic.finish(
            entry,
            status=status,
            error=refused.identifier if isinstance(refused, InjectedFault) else refused.status,
            rule=refused.rule,
            message=refused.message,
            compared=refused.compared,
            field=refused.field,
            field_path=refused.path,
            duration_ms=took,
            after=None if live is None else (live.durable, live.durable_notes, live.refusals),
            answer=answer,
        )
        if live is not None:
            live.signal.notify()

    def _count_details(self, passing: "_Passing", request_id: str) -> None:
        assert passing.live is not None, "the request has succeeded"
        assert passing.call is not None, "the request has succeeded"
        details = _details(passing.call)
        if details is not None:
            key = DETAILED, passing.operation, *details
            self._coverage.add(passing.live.id, key, request_id)

    def _count_refused(self, passing: "_Passing", request_id: str, refused: Refusal) -> None:
        error = refused.identifier if isinstance(refused, InjectedFault) else refused.status
        account = None if passing.live is None else passing.live.id
        self._coverage.add(account, (REFUSED, error, refused.rule), request_id)

    async def _answer(self, scope: Scope, receive: Receive, request_id: str, passing: "_Passing") -> bytes:
        if head_too_large(scope):
            raise HeadTooLarge("request head too large", rule="head.size", maximum=MAX_HEAD)
        try:
            body: JsonBody | None = JsonBody(await read_body(receive, MAX_BODY))
        except BodyTooLarge:
            body = None
        if cross_site(scope, self._public_url):  # [A]: a form can carry credentials in its address
            raise PermissionDenied("a web page of another origin sent this request", rule="auth.cross_site")
        path: str = scope["path"]
        if path == DOCUMENT:
            return await self._document(scope)
        if path != BASE and not path.startswith(f"{BASE}/"):
            raise NotFound(f"no such resource: {path}", rule="path.exists", asked=path)
        if body is not None and body.large:
            await body.prepare()
        while True:
            try:
                return await self._operate(scope, receive, body, request_id, passing)
            except AccountGone:  # reset or removed meanwhile: check the credentials again
                continue

    async def _document(self, scope: Scope) -> bytes:
        """The OpenAPI document, without envelope and without an account."""
        if scope["method"] not in ("GET", "HEAD"):
            raise _not_allowed(scope["method"], "GET, HEAD")
        base = self._public_url or base_of(scope)
        return await asyncio.to_thread(_document, base, self._http_status[InvalidAuth])

    async def _operate(
        self, scope: Scope, receive: Receive, body: JsonBody | None, request_id: str, passing: "_Passing"
    ) -> bytes:
        live = passing.live = await self._authenticate(scope, request_id)
        raw = b"" if body is None else body.raw
        passing.entry = self._traffic.begin(
            live.stream,
            request_id,
            self._emulator.now(live),
            scope["method"],
            _asked(scope),
            raw,
            DASHBOARD in scope,
        )
        if not passing.counts:
            self._coverage.ignore(request_id)
        operation, params = self._route(scope["method"], scope["path"])
        query, base = scope["query_string"], self._public_url or base_of(scope)
        call = Call(
            *(self._emulator, self._cache, self._pdf_cache, live, request_id, params, query, body, base),
            headers=scope["headers"],
        )
        passing.operation, passing.call = operation.id, call
        fault = self._traffic.faults.match(
            live.stream, live.account.seed, operation.method, operation.path, params.get("command")
        )
        if fault is not None:
            return await self._fault_injector.inject(fault, lambda: operation.endpoint(call), receive)
        return await operation.endpoint(call)

    async def _authenticate(self, scope: Scope, request_id: str) -> LiveAccount:
        authorization = (header(scope, b"authorization") or b"").strip()
        picked = header(scope, b"mock-account")
        if picked is not None and authorization:
            return await self._pick(scope, picked, request_id)
        scheme, _, value = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            raise MissingAuth("credentials missing", rule="auth.missing")
        user, key = _credentials(value)
        await self._emulator.loaded()
        if key:
            live = await self._emulator.enter(user, key, cause=request_id)
            if live is not None:
                return live
        raise InvalidAuth("invalid credentials", rule="auth.invalid")

    async def _pick(self, scope: Scope, name: bytes, request_id: str) -> LiveAccount:
        """The account of `Mock-Account`, instead of credentials. A control token requires `Mock-Token`."""
        sent = (header(scope, b"mock-token") or b"").strip()
        if self._control_token is None or compare_digest(sent, self._control_token.encode()):
            with contextlib.suppress(UnicodeDecodeError):
                account = name.strip().decode()
                live = (
                    await self._emulator.pick(account, cause=request_id) if is_account_id(account) else None
                )
                if live is not None:
                    return live
        raise InvalidAuth("invalid account or token", rule="auth.mock_account")

    def _route(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        found = self._paths.find(path[len(BASE) :])
        if found is None:
            raise NotFound(f"no such resource: {path}", rule="path.exists", asked=path)
        rows, params = found
        operation = rows.get("GET" if method == "HEAD" else method)
        if operation is None:
            allowed = ", ".join([*rows, "HEAD"] if "GET" in rows else rows)
            raise _not_allowed(method, allowed)
        return operation, params


class _Passing(Struct):
    """A running request: its start, whether it counts, its account, journal entry, operation and call."""

    begun: float
    counts: bool
    live: LiveAccount | None = None
    entry: Entry | None = None
    operation: str = ""
    call: Call | None = None


_DETAILED = {row.id for row in OPERATIONS if row.listed is not None or "{command}" in row.path}


def _details(call: Call) -> tuple[str, str] | None:
    """What coverage also counts of such an operation: command and mode, or field and type of a filter.

    Of the body and the query only these words are read again.
    """
    command = call.params.get("command")
    if command is not None:
        mode = call.body.read()["mode"] if command in MODES and call.body is not None else ""
        return command, mode
    if b"filter_field" not in call.query_string:
        return None
    query = call.query
    field = query.get("filter_field")
    return (field, query["filter_type"]) if field else None


def _explained(passing: _Passing) -> bytes:
    """The URL that explains a refusal. Only requests of an account are in a journal and have one [A]."""
    assert passing.live is not None, "its journal has the entry"
    assert passing.entry is not None, "it is explained from it"
    account = quote(passing.live.id, safe="")
    return f"/_mock/accounts/{account}/requests/{passing.entry.id}/explain".encode()


def _asked(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return (path + b"?" + query if query else path).decode("latin-1")


@lru_cache(maxsize=256)
def _credentials(value: bytes) -> tuple[str, str]:
    """User and key of Basic credentials. The key is empty if they cannot belong to an account."""
    try:
        user, _, key = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, key if is_account_id(user) else ""


def is_account_id(text: str) -> bool:
    """Whether a text is a valid account id: 1..100 printable characters without a slash [A]."""
    return 0 < len(text) <= 100 and text.isprintable() and "/" not in text


def _document(base: str, invalid_auth_status: int) -> bytes:
    """The encoded OpenAPI document. Building it is slow, so this runs in a thread."""
    from mockserver.api.openapi import document

    return encode(document(base, invalid_auth_status))


def _not_allowed(method: str, allowed: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"method not allowed: {method}", rule="path.method", allowed=allowed)


def _error(identifier: str, data: object) -> bytes:
    return encode({"status": identifier, "data": data})


def _line_length(scope: Scope) -> int:
    query = scope["query_string"]
    path = scope.get("raw_path") or scope["path"].encode()
    return len(scope["method"]) + len(path) + len(query) + bool(query) + len("  HTTP/1.1")
