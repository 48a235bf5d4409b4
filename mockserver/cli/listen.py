"""`mockserver listen`: a receiver that shows callbacks, checks their signature and passes them on."""

import contextlib
import http.client
import json
import os
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

from mockserver.core import signature

_HOST = "127.0.0.1"
_COULD_NOT = 2
_LIMIT = 1024 * 1024  # bytes of a body
_DRAINED = 16 * _LIMIT  # bytes of a refused one that are still taken from the sender
_SHOWN = 60  # characters of one word
_PAYABLES = 5  # of a recall that are shown
_PATIENCE = 30.0  # seconds that a connection may be silent
_FORWARD_TIMEOUT = 10.0
_GREETING = b"mockserver listen: POST a callback here, and it is shown in the terminal where this runs.\n"


def listen(port: int, sign_key: str | None, respond: int, forward: str | None) -> int:
    """Show what comes until SIGTERM or Ctrl-C; the exit code."""
    target = None if forward is None else target_of(forward)
    if target is not None and (target.hostname, target.port) in ((_HOST, port), ("localhost", port)):
        return _failed(f"can't forward to {forward}: that is this receiver")
    try:
        receiver = _Receiver(port, sign_key, respond, target)
    except OSError as error:
        return _failed(f"can't listen on {_HOST} port {port}: {error.strerror}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    _show(f"listening on http://{_HOST}:{receiver.server_port}/")
    stop.wait()
    for number in (signal.SIGINT, signal.SIGTERM):  # a second one may not end what has ended in order
        signal.signal(number, signal.SIG_IGN)
    return 0


def target_of(url: str) -> SplitResult:
    """Where to forward to; ValueError when that is no address."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an address such as http://127.0.0.1:8000/callbacks")
    if parts.port == 0:  # a port that is no number, or too large, raises ValueError by itself
        raise ValueError("must have a port from 1 to 65535")
    return parts


def _failed(reason: str) -> int:
    print(f"mockserver: {reason}", file=sys.stderr)
    return _COULD_NOT


def _show(line: str) -> None:
    # one write past Python's buffer: lines of several threads stay whole, and at the end, when perhaps nobody
    # reads any more, nothing is left to flush
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
        """Without the look-up of our own name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a sender that has gone is nothing to tell
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    disable_nagle_algorithm = True  # an answer is two packets
    server: _Receiver

    def do_GET(self) -> None:
        self.close_connection = True  # should it have a body, that would be read as the next request
        self._answer(200, _GREETING, "text/plain; charset=utf-8")

    def do_POST(self) -> None:
        words = [time.strftime("%H:%M:%S")]
        body, status, trouble = self._body()
        if body is None:
            _show("  ".join((*words, f"refused: {trouble}", f"answered {status}")))
            return self._refuse(status)
        headers = dict(self.headers.items())
        lower = {name.lower(): value for name, value in headers.items()}
        words += [*_about(body), _checked(self.server.sign_key, lower, body)]
        if self.server.target is None:
            status = self.server.respond
            words.append(f"answered {status}")
        else:
            status, trouble = _forward(self.server.target, headers, body)
            words.append(f"forwarded: {status}" + (f" ({trouble})" if trouble else ""))
        _show("  ".join(words))  # before the answer: who has that finds the line there
        return self._reply(status)

    def _body(self) -> tuple[bytes | None, int, str]:
        """The body; or None, the status to refuse it with, and why."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            return None, 411, "no Content-Length"
        if not (length.isascii() and length.isdigit()):
            return None, 400, "bad Content-Length"
        if len(length) > 15 or int(length) > _LIMIT:
            return None, 413, f"body larger than {_LIMIT} bytes"
        body = b""
        with contextlib.suppress(OSError):
            body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None, 400, "body did not come to its end"
        return body, 200, ""

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._reply(status)
        # closed with bytes unread, the connection would be reset, and the sender not see the answer
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
        if status in (204, 304):  # these have no body
            return self.end_headers()
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def version_string(self) -> str:
        return "mockserver"

    def log_message(self, *_: Any) -> None:
        """The lines of the callbacks are the log."""


def _about(body: bytes) -> Iterator[str]:
    """What the line says of a callback."""
    try:
        callback = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)  # as they were sent
    except (ValueError, RecursionError):
        yield "not JSON"
        return
    kind, event = _get(callback, "callback_type"), _get(callback, "event", "type")
    yield "no callback_type" if kind is None else _word(kind)
    if event is not None:
        yield _word(event)
    payables = _get(callback, "payment_recall", "payables")
    many = [_get(row, "billogram") for row in payables[:_PAYABLES]] if isinstance(payables, list) else []
    for billogram in (_get(callback, "billogram"), *many):
        for name, label in _FIELDS.items():
            value = _get(billogram, name)
            if value is not None:
                yield label + _word(value)


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


def _word(value: Any) -> str:
    """One word; quoted and escaped when it could be taken for several, or for the end of the line."""
    if not isinstance(value, str):
        return "?"
    plain = value.isascii() and value.isprintable() and value and " " not in value
    text = value if plain else ascii(value[:_SHOWN])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _checked(key: str | None, headers: Mapping[str, str], body: bytes) -> str:
    if not headers.get(signature.SIGNATURE):
        return "unsigned"
    if key is None:
        return "signature not checked"
    reason = signature.problem(key, headers, body, time.time())
    return "signature ok" if reason is None else f"signature BAD: {reason}"


def _forward(target: SplitResult, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """The status of the one behind us, or 502 and why."""
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
