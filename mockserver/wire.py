"""What the API and the control plane share: JSON with Decimals, reading bodies, routing, request ids."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from decimal import Decimal
from email.utils import formatdate
from time import time
from typing import Any, Generic, TypeVar

from msgspec import DecodeError, json
from starlette.types import Message, Receive, Scope, Send

T = TypeVar("T")

_encoder = json.Encoder(decimal_format="number")
_decoder = json.Decoder(float_hook=Decimal)

encode = _encoder.encode

MAX_HEAD = 64 * 1024  # bytes of a request's head: its line and all its headers
HEAD_TOO_LARGE = "mockserver.head_too_large"  # extension of the scope: the rest of the request is not read

_BOM = b"\xef\xbb\xbf"  # of UTF-8

SLICE = 250  # objects that are processed before other requests may run


class BadJson(Exception):
    """The body is not JSON."""


class BodyTooLarge(Exception):
    """The body exceeds the limit."""


def decode(body: bytes) -> Any:
    """Decode JSON; numbers become int or Decimal, never float. BadJson, also for NaN and infinities.

    A BOM before the JSON is skipped: Windows programs write one [A].
    """
    try:
        return _decoder.decode(body.removeprefix(_BOM))
    except (DecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise BadJson(str(error)) from error


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read the whole body. BodyTooLarge above `limit` bytes, ClientGone when the client disconnects.

    Up to twice the limit is read before the refusal, since some clients read an answer only after they have
    sent their whole body.
    """
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
            if size > 2 * limit:
                break
    if size > limit:
        raise BodyTooLarge
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class RequestIds:
    """Ids of requests. They differ between runs of the server, so a log of many runs stays unambiguous."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._counter = itertools.count(1)

    def next(self) -> str:
        """The id of the next request."""
        return f"{self._run}-{next(self._counter)}"


class _Node(Generic[T]):
    __slots__ = ("children", "methods", "names", "suffixes", "wild")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.suffixes: dict[str, _Node[T]] = {}  # `{id}.pdf`
        self.wild: _Node[T] | None = None
        self.methods: dict[str, T] = {}
        self.names: tuple[str, ...] = ()


class Paths(Generic[T]):
    """Finds the row of a path by walking a tree of segments instead of trying each row in turn."""

    def __init__(self, rows: Iterable[tuple[str, str, T]]) -> None:
        self._root: _Node[T] = _Node()
        for method, path, row in rows:
            node = self._root
            names = []
            for segment in path.strip("/").split("/"):
                name, _, suffix = segment.partition("}")
                if not name.startswith("{"):
                    node = node.children.setdefault(segment, _Node())
                    continue
                names.append(name[1:])
                if suffix:
                    node = node.suffixes.setdefault(suffix, _Node())
                else:
                    node.wild = node.wild or _Node()
                    node = node.wild
            node.methods[method] = row
            node.names = tuple(names)

    def find(self, path: str) -> tuple[dict[str, T], dict[str, str]] | None:
        """The rows of a path by method, and its parameters; None for an unknown path."""
        node = self._root
        values: list[str] = []
        for segment in path.strip("/").split("/"):
            following = node.children.get(segment)
            if following is None:
                following = self._parameter(node, segment, values)
            if following is None:
                return None
            node = following
        if not node.methods:
            return None
        return node.methods, dict(zip(node.names, values, strict=True))

    def _parameter(self, node: _Node[T], segment: str, values: list[str]) -> "_Node[T] | None":
        if not segment:
            return None
        for suffix, following in node.suffixes.items():
            if segment.endswith(suffix) and len(segment) > len(suffix):
                values.append(segment.removesuffix(suffix))
                return following
        if node.wild is not None:
            values.append(segment)
        return node.wild


class HttpDate:
    """The current HTTP date, formatted at most once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = b""

    def now(self) -> bytes:
        """The current date as the value of a header."""
        second = int(time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True).encode()
        return self._text


def head_too_large(scope: Scope) -> bool:
    """Whether the head of this request is above the limit; then it has perhaps not come to its end."""
    return HEAD_TOO_LARGE in scope.get("extensions", {})


async def send_answer(
    scope: Scope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Send one answer with its Content-Length. The answer to HEAD has no body."""
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    shown = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": shown})


def header(scope: Scope, name: bytes) -> bytes | None:
    """The last header with this lower-case name, or None."""
    for each, value in reversed(scope["headers"]):
        if each == name:
            found: bytes = value
            return found
    return None


def base_of(scope: Scope) -> str:
    """The address under which the client reached the server: scheme and host."""
    host = header(scope, b"host") or b"localhost"
    return f"{scope['scheme']}://{host.decode('latin-1')}"


async def sliced(rows: Sequence[T], size: int = SLICE) -> AsyncIterator[Sequence[T]]:
    """The rows in slices; other requests may run between two slices."""
    for start in range(0, len(rows), size):
        if start:
            await asyncio.sleep(0)
        yield rows[start : start + size]


async def encode_rows(rows: Sequence[T], render: Callable[[T], Any], size: int = SLICE) -> bytes:
    """A JSON array of the rendered rows, made in slices so that other requests may run meanwhile."""
    parts = [encode([render(row) for row in part])[1:-1] async for part in sliced(rows, size)]
    return b"[" + b",".join(parts) + b"]"
