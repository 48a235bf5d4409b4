"""`mockserver listen`: a receiver that shows callbacks, checks their signature and can forward them."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from mockserver.cli.listening import reason
from mockserver.core import signature
from mockserver.masking import masked_urls

_HOST = "127.0.0.1"
_EXIT_ERROR = 2
_LIMIT = 1024 * 1024  # bytes of a body
_DRAINED = 16 * _LIMIT  # bytes of a refused body that are still read
_CHUNK_LINE = 4096  # bytes of the line before a chunk, and of one after the last
_TRAILERS = 100  # lines after the last chunk
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;[^\r\n]*)?\r?\n")
_SHOWN = 60  # characters of one value in a line
_PAYABLES = 5  # payables of a recall that are shown
_IDLE_TIMEOUT = 30.0  # seconds without data until a connection is closed
_FORWARD_TIMEOUT = 10.0
_TOO_LARGE = f"body larger than {_LIMIT} bytes"
_INCOMPLETE = "body is incomplete"
_GREETING = b"mockserver listen: POST a callback here, and it is shown in the terminal where this runs.\n"


def listen(port: int, sign_key: str | None, respond: int, forward: str | None) -> int:
    """Show callbacks until SIGTERM or Ctrl-C. Returns the exit code."""
    target = None if forward is None else target_of(forward)
    if target is not None and (target.hostname, target.port) in ((_HOST, port), ("localhost", port)):
        return _error(f"can't forward to {forward}: that is this receiver")
    try:
        receiver = _Receiver(port, sign_key, respond, target)
    except OSError as error:
        return _error(reason(error, _HOST, port))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    _show(f"listening on http://{_HOST}:{receiver.server_port}/")
    stop.wait()
    for number in (signal.SIGINT, signal.SIGTERM):  # a second signal must not interrupt the orderly end
        signal.signal(number, signal.SIG_IGN)
    return 0


def target_of(url: str) -> SplitResult:
    """Parse the address to forward to. Raises ValueError if it is no http or https address."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an address such as http://127.0.0.1:8000/callbacks")
    if parts.port == 0:  # parts.port raises ValueError for text and for numbers that are too large
        raise ValueError("must have a port from 1 to 65535")
    return parts


def _error(reason: str) -> int:
    print(f"mockserver: {masked_urls(reason)}", file=sys.stderr)
    return _EXIT_ERROR


def _show(line: str) -> None:
    # one unbuffered write: lines of several threads are not mixed, and nothing has to be flushed at the end,
    # when the reader may be gone
    if sys.stdout is not None:
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), f"{line}\n".encode("ascii", "backslashreplace"))


class _Receiver(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, port: int, sign_key: str | None, respond: int, target: SplitResult | None) -> None:
        self.sign_key = sign_key
        self.respond = respond
        self.target = target
        super().__init__((_HOST, port), _Handler)

    def server_bind(self) -> None:
        """Bind without looking up the host name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a connection closed by the sender is not reported
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT
    disable_nagle_algorithm = True  # a response is two packets
    server: _Receiver

    def do_GET(self) -> None:
        self._answer_without_line(200, _GREETING, "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815  # the names of http.server

    def _refuse_method(self) -> None:
        self._answer_without_line(405, b'{"status": "ERROR"}', "application/json")

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method  # noqa: N815

    def _answer_without_line(self, status: int, answer: bytes, kind: str) -> None:
        """Answer a request that is no callback. Its body is read: it must not count as the next request."""
        body, refused, _ = self._body()
        if body is None:
            return self._refuse(refused)
        return self._answer(status, answer, kind)

    def do_POST(self) -> None:
        words = [time.strftime("%H:%M:%S")]
        body, status, problem = self._body()
        if body is None:
            _show("  ".join((*words, f"refused: {problem}", f"answered {status}")))
            return self._refuse(status)
        headers = dict(self.headers.items())
        lower = {name.lower(): value for name, value in headers.items()}
        words += [*_summary(body), _signature_text(self.server.sign_key, lower, body)]
        if self.server.target is None:
            status = self.server.respond
            words.append(f"answered {status}")
        else:
            status, problem = _forward(self.server.target, headers, body)
            words.append(f"forwarded: {status}" + (f" ({problem})" if problem else ""))
        _show("  ".join(words))  # before the response, so that whoever gets it finds the line
        return self._reply(status)

    def _body(self) -> tuple[bytes | None, int, str]:
        """The body; or None, the status to refuse it with, and why."""
        codings = self.headers.get_all("Transfer-Encoding")
        if codings is not None:
            if ",".join(codings).strip().lower() != "chunked":
                return None, 501, "unknown Transfer-Encoding"
            if "Content-Length" in self.headers:  # the sender and a proxy may disagree about the end
                self.close_connection = True
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            return None, 400, "bad Content-Length"
        if len(length) > 15 or int(length) > _LIMIT:
            return None, 413, _TOO_LARGE
        body = b""
        with contextlib.suppress(OSError):
            body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None, 400, _INCOMPLETE
        return body, 200, ""

    def _chunks(self) -> tuple[bytes | None, int, str]:
        """The body that comes in chunks; or None, the status to refuse it with, and why."""
        body = bytearray()
        size = -1
        try:
            while size:
                line = self.rfile.readline(_CHUNK_LINE)
                found = _CHUNK_SIZE.fullmatch(line)
                if found is None:
                    return None, 400, "bad chunk" if line.endswith(b"\n") else _INCOMPLETE
                size = int(found[1], 16)
                if len(body) + size > _LIMIT:
                    return None, 413, _TOO_LARGE
                chunk = self.rfile.read(size)
                if len(chunk) < size:
                    return None, 400, _INCOMPLETE
                body += chunk
                if size and self.rfile.readline(3) not in (b"\r\n", b"\n"):
                    return None, 400, "bad chunk"
            for _ in range(_TRAILERS):
                line = self.rfile.readline(_CHUNK_LINE)
                if line in (b"\r\n", b"\n"):
                    return bytes(body), 200, ""
                if not line.endswith(b"\n"):
                    break
        except OSError:
            pass
        return None, 400, _INCOMPLETE

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._reply(status)
        # if bytes are left unread, closing resets the connection, and the sender does not see the response
        self.connection.shutdown(socket.SHUT_WR)
        taken = 0
        while taken < _DRAINED and (chunk := self.connection.recv(65536)):
            taken += len(chunk)

    def _reply(self, status: int) -> None:
        word = "OK" if 200 <= status < 300 else "ERROR"
        self._answer(status, json.dumps({"status": word}).encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        if self.close_connection:
            self.send_header("Connection", "close")
        if status == 405:
            self.send_header("Allow", "GET, HEAD, POST")
        if status in (204, 304):  # these statuses have no body
            return self.end_headers()
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    def version_string(self) -> str:
        return "mockserver"

    def log_message(self, *_: Any) -> None:
        """Write no access log: each callback has its own line."""


def _summary(body: bytes) -> Iterator[str]:
    """The parts of the line that describe a callback."""
    try:
        callback = json.loads(
            body, parse_int=str, parse_float=str, parse_constant=str
        )  # numbers as they were sent
    except (ValueError, RecursionError):
        yield "not JSON"
        return
    kind, event = _get(callback, "callback_type"), _get(callback, "event", "type")
    yield "no callback_type" if kind is None else _quoted(kind)
    if event is not None:
        yield _quoted(event)
    payables = _get(callback, "payment_recall", "payables")
    many = [_get(row, "billogram") for row in payables[:_PAYABLES]] if isinstance(payables, list) else []
    for billogram in (_get(callback, "billogram"), *many):
        for name, label in _FIELDS.items():
            value = _get(billogram, name)
            if value is not None:
                yield label + _quoted(value)


_FIELDS = {
    "id": "",
    "state": "",
    "remaining_sum": "remaining_sum ",
    "remaining_amount": "remaining_amount ",
}


def _get(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _quoted(value: Any) -> str:
    """The value as text, quoted and escaped if it could be taken for several values or lines."""
    if not isinstance(value, str):
        return "?"
    plain = value.isascii() and value.isprintable() and value and " " not in value
    text = value if plain else ascii(value[:_SHOWN])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _signature_text(key: str | None, headers: Mapping[str, str], body: bytes) -> str:
    if not headers.get(signature.SIGNATURE):
        return "unsigned"
    if key is None:
        return "signature not checked"
    reason = signature.problem(key, headers, body, time.time())
    return "signature ok" if reason is None else f"signature BAD: {reason}"


def _forward(target: SplitResult, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """The status of the receiver at `target`, or 502 and the reason."""
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() in ("content-type", "user-agent") or name.lower().startswith("billogram-")
    }
    secure = target.scheme == "https"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(target.hostname or "", target.port, timeout=_FORWARD_TIMEOUT)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    try:
        connection.request("POST", path, body, kept)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return 502, " ".join(ascii(reason)[1:-1].split())[:200]
    finally:
        connection.close()
    return (status, "") if status >= 200 else (502, f"status {status}")
