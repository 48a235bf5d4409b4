"""What the API and the control plane share: JSON with Decimals, reading bodies, routing, request ids."""

import asyncio
import itertools
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from decimal import Decimal
from email.utils import formatdate
from time import perf_counter, time
from typing import Any, Generic, TypeVar

from msgspec import DecodeError, json
from starlette.types import Message, Receive, Scope, Send

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

_encoder = json.Encoder(decimal_format="number")
_decoder = json.Decoder(float_hook=Decimal)

encode = _encoder.encode

MAX_HEAD = 64 * 1024  # bytes of a request's head: its line and all its headers
HEAD_TOO_LARGE = "mockserver.head_too_large"  # extension of the scope: the rest of the request is not read

_BOM = b"\xef\xbb\xbf"  # of UTF-8

# limits of a JSON body [A]
MAX_MEMBERS = 50_000  # members of objects and elements of arrays, in all
MAX_DEPTH = 100  # objects and arrays in one another
MAX_DIGITS = 100  # of a number, in a large body: more of them take long to read

SLICE = 0.005  # seconds of work between two chances for other requests
_ROWS = 50  # objects that are processed between two looks at the time
_LARGE = MAX_MEMBERS  # bytes of a body; a larger one is decoded before anything else is done
_PART = 1024 * 1024  # bytes of a large body that are searched at once

_LONG_NUMBER = re.compile(rb"[:,\[\s-][\d.]{%d}" % (MAX_DIGITS + 1))  # other digits are in a text
# commas and opening brackets become commas, digits become 1, everything else becomes a blank
_MARKS = bytes(44 if byte in b",[{" else 49 if byte in b"0123456789" else 32 for byte in range(256))


class BadJson(Exception):
    """The body is not JSON."""


class BodyTooLarge(Exception):
    """The body exceeds the limit."""


class JsonTooLarge(BadJson):
    """A body has more of something than is allowed: `what` is exceeded, and `maximum` is allowed."""

    def __init__(self, what: str, maximum: int) -> None:
        super().__init__(what, maximum)
        self.what, self.maximum = what, maximum

    def __str__(self) -> str:
        return f"more than {self.maximum} {self.what}"


def decode(body: bytes) -> Any:
    """Decode JSON; numbers become int or Decimal, never float.

    BadJson, also for NaN and infinities, and JsonTooLarge for what is nested too deeply. A BOM before the
    JSON is skipped: Windows programs write one [A].
    """
    try:
        found = _decoder.decode(body.removeprefix(_BOM))
    except RecursionError:
        raise JsonTooLarge("levels", MAX_DEPTH) from None
    except (DecodeError, ValueError, ArithmeticError) as error:
        raise BadJson(str(error)) from error
    # counting the brackets of a large body takes longer than looking at what was decoded
    if (len(body) > _LARGE or body.count(b"{") + body.count(b"[") > MAX_DEPTH) and _is_deep(found):
        raise JsonTooLarge("levels", MAX_DEPTH)
    return found


def _is_deep(value: Any) -> bool:
    """Whether more objects and arrays are in one another than allowed."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        held = (each.values() if isinstance(each, dict) else each for each in level)
        level = [inner for each in held for inner in each if isinstance(inner, dict | list)]
    return bool(level)


class JsonBody:
    """The body of a request, as JSON. Whatever is wrong with it is raised by `read`."""

    __slots__ = ("_decoded", "_problem", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._decoded: Any = None
        self._problem: BadJson | None = None

    @property
    def large(self) -> bool:
        """Whether it must be prepared."""
        return len(self.raw) > _LARGE

    async def prepare(self) -> None:
        """Decode a large body. Other requests run in between, and before what is done with the result."""
        try:
            # what does not begin as an object or an array is refused at its beginning, or is one text
            if self.raw[:_PART].removeprefix(_BOM).lstrip()[:1] in (b"{", b"["):
                await _check_size(self.raw)
            self._decoded = decode(self.raw)
        except BadJson as problem:
            self._problem = without_frames(problem)
        await asyncio.sleep(0)

    def read(self) -> Any:
        """The decoded body; BadJson."""
        if self._problem is not None:
            raise type(self._problem)(*self._problem.args)  # with a traceback of its own
        return self._decoded if self.large else decode(self.raw)


async def _check_size(body: bytes) -> None:
    """Raise JsonTooLarge for too many members or digits.

    Commas and brackets in texts are counted too: no text that the API takes has so many.
    """
    members, digits = 0, b"1" * (MAX_DIGITS + 1)
    for start in range(0, len(body), _PART):
        part = body[start : start + _PART + MAX_DIGITS + 1]
        marks = part.translate(_MARKS)
        members += marks.count(b",", 0, _PART)
        if members > MAX_MEMBERS:
            raise JsonTooLarge("members", MAX_MEMBERS)
        if digits in marks and _LONG_NUMBER.search(part):
            raise JsonTooLarge("digits", MAX_DIGITS)
        await asyncio.sleep(0)


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


def without_frames(error: E) -> E:
    """Return an error that is not raised again without what it refers to.

    Its traceback holds the frames of the request, which hold the error: a cycle that keeps the request's body
    in memory until the garbage collector runs, which then stops everybody for as long as freeing it takes.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


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


async def sliced(rows: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """The rows in small parts; other requests may run after every few milliseconds of work."""
    begun = perf_counter()
    for start in range(0, len(rows), _ROWS):
        if perf_counter() - begun > SLICE:
            await asyncio.sleep(0)
            begun = perf_counter()
        yield rows[start : start + _ROWS]


async def encode_rows(rows: Iterable[T], render: Callable[[T], Any]) -> bytes:
    """A JSON array of the rendered rows. Other requests may run after every few milliseconds of work."""
    parts: list[bytes] = []
    rendered: list[Any] = []
    begun = perf_counter()
    for row in rows:
        rendered.append(render(row))
        if perf_counter() - begun > SLICE:
            parts.append(encode(rendered)[1:-1])
            rendered = []
            await asyncio.sleep(0)
            begun = perf_counter()
    if rendered:
        parts.append(encode(rendered)[1:-1])
    return b"[" + b",".join(parts) + b"]"
