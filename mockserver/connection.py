"""One connection of a client: uvicorn's protocol with limits for heads, and without upgrades.

tests/test_relied_on.py checks the interfaces of uvicorn that this module relies on.
"""

import asyncio
import contextlib
import socket
import struct

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mockserver.api.faults import RESET
from mockserver.wire import HEAD_TOO_LARGE, MAX_HEAD

_INVALID = "Invalid HTTP request received."
_NO_PATH = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 22\r\nconnection: close\r\n\r\nRequest head too large"
)
_SHOWN_PATH = 1024  # bytes of the path of a request whose head is too large


class _HeadTooLarge(Exception):
    """Stops the parser. Nothing more is read from this connection."""


class Connection(HttpToolsProtocol):
    """The requests of one client, in order.

    An upgrade is ignored, as RFC 9110 (7.8) allows: the request is answered as if it did not ask for one. The
    parser treats the bytes after the head of such a request as another protocol, so the head is parsed a
    second time without its `Upgrade`. CONNECT opens no tunnel; it is read like any other request.

    A head above `head_bytes` is answered with 431. The connection is closed if a head is not complete
    `head_seconds` after its first byte, or after the connection was made. The limit of bytes also applies to
    other data that a parser stores or skips without a limit: blank lines before a head, sizes of chunks, and
    trailers. A head that begins after another request in the same packet is counted from the next packet on.
    """

    head_bytes = MAX_HEAD
    head_seconds = 30.0
    linger_seconds = 2.0  # for which a client may still send after its head was refused

    url = b""
    _received = 0  # bytes of the newest packet
    _possible = 0  # bytes that the head can have at most; only above the limit is its size counted
    _unused = 0  # bytes since the parser last completed a head, a body or a part of a body
    _in_body = False
    _refused = False
    _timer: asyncio.TimerHandle | None = None
    _cycles: tuple[RequestResponseCycle, ...] = ()
    _method = ""  # of a head that is being parsed a second time

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer(self.head_seconds)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._received = len(data)
        self._unused += self._received
        self._possible += self._received
        self._parse(data)
        if self._refused or self.transport.is_closing():
            return
        if self._unused > self.head_bytes:
            self._refuse()
        elif self._unused and not self._in_body and self._timer is None:
            self._start_timer(self.head_seconds)

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    return
                except HttpParserUpgrade as upgrade:
                    rest = memoryview(rest)[upgrade.args[0] :]  # not copied: there can be many in one packet
                    self._parse_without_upgrade()
        except HttpParserError:
            if self._refused:
                return
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)

    def _parse_without_upgrade(self) -> None:
        """Parse the head of a request that asks for an upgrade again, without its `Upgrade`."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        self._method = method.decode()
        sent = b"POST" if method == b"CONNECT" else method
        lines = [b"%b %b HTTP/%b" % (sent, self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def on_headers_complete(self) -> None:
        self._stop_timer()
        if self._possible > self.head_bytes and self._head_size() > self.head_bytes:
            self._refuse()
            raise _HeadTooLarge
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self._unused, self._in_body = 0, True
        self._possible = self._received  # the next head may begin in this packet
        self.headers = []  # trailers must not be added to them
        if self._method:
            self.scope["method"], self._method = self._method, ""
        # uvicorn informs only the newest of pipelined requests of a disconnect. The others would write
        # to a closed connection, which is harmless, but would be logged as an error of the server.
        self._cycles = (*(each for each in self._cycles if not each.response_complete), self.cycle)
        self.scope["extensions"] = {RESET: self._reset}  # type: ignore[dict-item]

    def _head_size(self) -> int:
        size = len(self._method or self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n\r\n")
        return size + sum([len(name) + len(value) + len(": \r\n") for name, value in self.headers])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unused = self._unused or 1

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._unused, self._in_body, self.url = 0, False, b""
            super().on_message_complete()

    def _refuse(self) -> None:
        """Answer with 431 after the answers to the requests before it, and read no more."""
        self._refused = True
        self._stop_timer()
        request_running = self.cycle is not None and not self.cycle.response_complete
        if self.url and not self._in_body:
            self.url = self.url[:_SHOWN_PATH]
            super().on_headers_complete()
            self.scope["extensions"] = {HEAD_TOO_LARGE: {}}
            self.cycle.keep_alive = False
            self.cycle.transport = _LastAnswer(self)  # type: ignore[assignment]
        elif request_running:  # the client would take the answer for that to the running request
            self.transport.abort()
        else:
            self.transport.write(_NO_PATH)
            self.linger()

    def linger(self) -> None:
        """Write no more, and discard what is received. Closing with unread bytes could lose the answer."""
        if not self.transport.is_closing():
            self.transport.write_eof()
            self._start_timer(self.linger_seconds)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refused:
            self._unset_keepalive_if_required()

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._on_timeout)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timeout(self) -> None:
        if self._refused:
            self.transport.abort()
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:  # reading may be paused while a request runs
            self._start_timer(self.head_seconds)

    def _reset(self) -> None:
        """Abort the connection with a TCP reset, like a peer that has crashed."""
        if self.transport.is_closing():  # the client has closed it
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in self._cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self._stop_timer()
        super().connection_lost(exc)


class _LastAnswer:
    """The transport of the last answer of a connection. Closing it makes the connection linger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def close(self) -> None:
        self._connection.linger()

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()
