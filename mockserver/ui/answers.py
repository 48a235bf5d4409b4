"""How pages answer: their headers, compression and static files; and how a form is read."""

import gzip
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import resources
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from mockserver.wire import BodyTooLarge, HttpDate, header, read_body, send_answer

HTML = "text/html; charset=utf-8"
MAX_FORM = 1024 * 1024  # bytes
_COMPRESSED_FROM = 800  # bytes; smaller answers are not compressed
_COMPRESSED_ALREADY = ("application/pdf", "image/png", "image/jpeg", "image/gif")
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

Headers = list[tuple[bytes, bytes]]


class BadForm(Exception):
    """The body of a request is not a form: the status that says so, a title and a sentence."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title
        self.text = text


class Answers:
    """Sends what pages answer, with the headers that all of them have."""

    def __init__(self, policy: str) -> None:
        """`policy` is the Content-Security-Policy; `{ancestors}` in it is who may frame an answer."""
        self._policy = policy
        self._date = HttpDate()

    async def send(
        self, scope: Scope, send: Send, status: int, headers: Headers, content: bytes, kind: str = HTML
    ) -> None:
        """Send one answer, compressed if that is worth it and the client reads it."""
        framed = kind == "application/pdf"
        policy = self._policy.format(ancestors="'self'" if framed else "'none'")
        found: Headers = [
            (b"content-type", kind.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"content-security-policy", policy.encode()),
            (b"server", b"mockserver"),
            (b"date", self._date.now()),
            *headers,
        ]
        if len(content) >= _COMPRESSED_FROM and not kind.startswith(_COMPRESSED_ALREADY):
            found.append((b"vary", b"accept-encoding"))
            if b"gzip" in (header(scope, b"accept-encoding") or b""):
                content = gzip.compress(content, compresslevel=5, mtime=0)
                found.append((b"content-encoding", b"gzip"))
        await send_answer(scope, send, status, found, content)

    async def send_static(self, scope: Scope, send: Send, name: str) -> None:
        """Send a static file, or 304 if the client has it."""
        content = static_files()[name]
        tag = b'"' + sha256(content).hexdigest()[:16].encode() + b'"'
        headers: Headers = [(b"cache-control", b"no-cache"), (b"etag", tag)]
        if header(scope, b"if-none-match") == tag:
            await send_answer(scope, send, 304, [*headers, (b"date", self._date.now())], b"")
            return
        kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        await self.send(scope, send, 200, headers, content, kind)


@cache
def static_files() -> Mapping[str, bytes]:
    """Return the static files of all pages by name."""
    static = resources.files("mockserver.ui") / "static"
    return {each.name: each.read_bytes() for each in static.iterdir() if each.is_file()}


async def read_form(scope: Scope, receive: Receive) -> list[tuple[str, str]]:
    """Return the fields of a form. Raises BadForm, and ClientGone."""
    kind = (header(scope, b"content-type") or b"").decode("latin-1")
    if not kind.startswith("application/x-www-form-urlencoded"):
        raise BadForm(415, "Not a form", "A form is sent as application/x-www-form-urlencoded.")
    try:
        body = await read_body(receive, MAX_FORM)
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2000, errors="strict")
    except BodyTooLarge:
        raise BadForm(413, "Too large", f"A form has at most {MAX_FORM} bytes.") from None
    except ValueError:
        text = "The form can't be read: it is not UTF-8, or has too many fields."
        raise BadForm(400, "Not a form", text) from None
