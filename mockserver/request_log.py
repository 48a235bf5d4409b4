"""One line for each request that comes through a socket, for `--log-level info`; `debug` adds the bodies."""

import json
import logging
import re
from base64 import b64decode
from datetime import datetime
from time import perf_counter
from typing import Any
from urllib.parse import unquote

from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockserver.wire import header

logger = logging.getLogger(__name__)

_MOST = 64 * 1024  # bytes of a body that are shown
_SECRETS = frozenset(("key", "sign_key", "api_key", "token", "control_token", "password", "secret"))
_IN_PATH = re.compile(r"/_mock/accounts/([^/]+)")
_URL = re.compile(r"(\w+://)(?:[^/\s@]*@)?([^\s?#]*)(?:[?#]\S*)?")
_GREEN, _YELLOW, _RED, _DIM, _PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


class Line(Struct, frozen=True):
    """What is logged of a request."""

    at: str
    account: str
    method: str
    path: str
    status: int | None  # None: it was not answered
    rule: str
    milliseconds: float

    def text(self, colours: bool) -> str:
        """The line, for a terminal with colours or without."""
        status = "-" if self.status is None else str(self.status)
        if not colours:
            begin, end = self.at, ""
        else:
            colour = _RED if (self.status or 500) >= 500 else _YELLOW if status >= "400" else _GREEN
            begin, end = f"{_DIM}{self.at}{_PLAIN}", _PLAIN
            status = f"{colour}{status}"
        words = (begin, self.account, self.method, self.path, f"{status}{end}", self.rule)
        return f"{' '.join(words)} {self.milliseconds:.1f} ms"

    def __str__(self) -> str:
        return self.text(colours=False)


class RequestLog:
    """An application whose requests are logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, at = perf_counter(), datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        head: Message = {}
        sent, answered = bytearray(), bytearray()

        async def receiving() -> Message:
            message = await receive()
            _keep(sent, message)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                _keep(answered, message)
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        finally:
            status = head.get("status")
            line = Line(
                at,
                _account(scope),
                _printable(scope["method"]),
                _path(scope),
                status,
                _rule(head, answered),
                (perf_counter() - begun) * 1000,
            )
            logger.info("%s", line)
            for arrow, body in ((">", sent), ("<", answered)):
                if body:
                    logger.debug("%s %s", arrow, shown(bytes(body)))


def _keep(body: bytearray, message: Message) -> None:
    if len(body) <= _MOST:
        body += message.get("body", b"")[: _MOST + 1]


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() and each != " " else ascii(each)[1:-1] for each in text)


def _path(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return _printable((path + b"?" + query if query else path).decode("latin-1"))


def _account(scope: Scope) -> str:
    """The account that a request names; its key is not checked here."""
    found = _IN_PATH.match(scope["path"])
    if found is not None:
        return _printable(unquote(found[1]))
    picked = header(scope, b"mock-account")
    if picked is not None:
        return _printable(picked.decode("latin-1")) or "-"
    scheme, _, value = (header(scope, b"authorization") or b"").strip().partition(b" ")
    if scheme.lower() != b"basic":
        return "-"
    try:
        user, colon, _ = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "-"
    return _printable(user) if user and colon else "-"


def _rule(head: Message, body: bytearray) -> str:
    """The rule of a refusal; of the control plane, the code of its error."""
    for name, value in head.get("headers", ()):
        if name == b"mock-rule":
            return str(value.decode("latin-1"))
    if head.get("status", 0) >= 400:
        found = re.match(rb'\{"error":\s*\{"code":\s*"(\w+)"', body)
        if found is not None:
            return found[1].decode()
    return "-"


def shown(body: bytes) -> str:
    """A body as it may be shown: no key, token or password, and no user or query of a URL."""
    if len(body) > _MOST:
        return f"(more than {_MOST} bytes)"
    try:
        return json.dumps(_masked(json.loads(body)), ensure_ascii=True)
    except (ValueError, RecursionError):
        return f"({len(body)} bytes, not JSON)"


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "***" if name.lower() in _SECRETS and each is not None else _masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return _URL.sub(r"\1\2", value) if isinstance(value, str) else value
