"""One connection of a client: uvicorn's protocol, and what it does not do.

tests/test_relied_on.py checks what this relies on of uvicorn.
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
    """Stops the parser: nothing more is read of this connection."""


class Connection(HttpToolsProtocol):
    """The requests of one client, in order.

    An upgrade is ignored, as RFC 9110 (7.8) allows: the request is read and answered as if it asked for none.
    The parser takes what follows the head of such a request for another protocol, so the same head is parsed
    once more without its `Upgrade`. A CONNECT is no tunnel here, and is read as any other request.

    A head above `head_bytes` is answered 431, and a head that is not complete `head_seconds` after its first
    byte, or after the connection was made, closes the connection. The limit of bytes holds also for what else
    a parser keeps or skips without an end: blank lines before a head, sizes of chunks, trailers. A head that
    begins behind another request in the same packet is counted from the next packet on.
    """

    head_bytes = MAX_HEAD
    head_seconds = 30.0
    linger_seconds = 2.0  # that a client may still send after its head was refused

    url = b""
    _unused = 0  # bytes since the parser last completed something
    _in_body = False
    _refused = False
    _timer: asyncio.TimerHandle | None = None
    _cycles: tuple[RequestResponseCycle, ...] = ()
    _method = ""  # of the head that is parsed for the second time

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer(self.head_seconds)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._unused += len(data)
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
                    self._parse_again()
        except HttpParserError:
            if self._refused:
                return
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)

    def _parse_again(self) -> None:
        """Parse the head of a request that asks for an upgrade, without what asks for it."""
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
        size = len(self._method or self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n\r\n")
        for name, value in self.headers:
            size += len(name) + len(value) + len(": \r\n")
        if size > self.head_bytes:
            self._refuse()
            raise _HeadTooLarge
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self._unused, self._in_body = 0, True
        self.headers = []  # trailers are no headers
        if self._method:
            self.scope["method"], self._method = self._method, ""
        # uvicorn tells only the newest of pipelined requests that the client has gone. The others would write
        # to a closed connection: harmless, but it is logged as a failure of ours.
        self._cycles = (*(each for each in self._cycles if not each.response_complete), self.cycle)
        self.scope["extensions"] = {RESET: self._reset}  # type: ignore[dict-item]

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
        """Answer that the head is too large, after what was asked before it, and read no more."""
        self._refused = True
        self._stop_timer()
        running = self.cycle is not None and not self.cycle.response_complete
        if self.url and not self._in_body:
            self.url = self.url[:_SHOWN_PATH]
            super().on_headers_complete()
            self.scope["extensions"] = {HEAD_TOO_LARGE: {}}
            self.cycle.keep_alive = False
            self.cycle.transport = _LastAnswer(self)  # type: ignore[assignment]
        elif running:  # no answer could be told from that to the request that runs
            self.transport.abort()
        else:
            self.transport.write(_NO_PATH)
            self.linger()

    def linger(self) -> None:
        """Write no more, and drop what still comes: closed with bytes unread, the answer could be lost."""
        if not self.transport.is_closing():
            self.transport.write_eof()
            self._start_timer(self.linger_seconds)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refused:
            self._unset_keepalive_if_required()

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._time_is_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        if self._refused:
            self.transport.abort()
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:  # while a request runs, reading may be paused
            self._start_timer(self.head_seconds)

    def _reset(self) -> None:
        """Cut the connection off as a peer that has died: without a last word."""
        if self.transport.is_closing():  # the client has gone by itself
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
    """The transport of the last answer of a connection: closing it makes the connection linger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def close(self) -> None:
        self._connection.linger()

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()
