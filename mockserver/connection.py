"""One connection of a client: uvicorn's protocol, and what it does not do.

tests/test_relied_on.py checks what this relies on of uvicorn.
"""

import contextlib
import socket
import struct

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mockserver.api.faults import RESET

_INVALID = "Invalid HTTP request received."


class Connection(HttpToolsProtocol):
    """The requests of one client, in order.

    An upgrade is ignored, as RFC 9110 (7.8) allows: the request is read and answered as if it asked for none.
    The parser takes what follows the head of such a request for another protocol, so the same head is parsed
    once more without its `Upgrade`. A CONNECT is no tunnel here, and is read as any other request.
    """

    _cycles: tuple[RequestResponseCycle, ...] = ()
    _method = ""  # of the head that is parsed for the second time

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
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
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        if self._method:
            self.scope["method"], self._method = self._method, ""
        # uvicorn tells only the newest of pipelined requests that the client has gone. The others would write
        # to a closed connection: harmless, but it is logged as a failure of ours.
        self._cycles = (*(each for each in self._cycles if not each.response_complete), self.cycle)
        self.scope["extensions"] = {RESET: self._reset}  # type: ignore[dict-item]

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

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
        super().connection_lost(exc)
