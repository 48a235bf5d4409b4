"""Receivers of callbacks, good and bad: small asyncio servers on a free port of 127.0.0.1."""

import asyncio
import gzip
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import cast

PATIENCE = 20.0  # seconds after which what should happen has failed

# for localhost and 127.0.0.1, from 2020 to 2120; trusted by nobody
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3j5n7TKmIFJ8m1fH
3aBTzoeVtqEO5yCsQ17Vey78DmuhRANCAAQJE+FShr/IVVarcYtthUgTwtsHwSvA
v7VkX6k7KF5D0K+9ZFgE4CQAunOHCMe7pdmLnZtr+zYzD/vj7U6jAYOh
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBaTCCAQ+gAwIBAgIUEijjPOEjY+2LpnP7KNTeDAAtb80wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAx
MDAwMDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQJE+FShr/IVVarcYtthUgTwtsHwSvAv7VkX6k7KF5D0K+9ZFgE4CQA
unOHCMe7pdmLnZtr+zYzD/vj7U6jAYOhoz0wOzAaBgNVHREEEzARgglsb2NhbGhv
c3SHBH8AAAEwHQYDVR0OBBYEFJU62lYo4UkNUVMj9WZVH5VDIzncMAoGCCqGSM49
BAMCA0gAMEUCIHw86tULlv6H8P/p+s/1OMl4E2qx2e9Zt68IdtxcFhryAiEAlF0T
EwhIwGUSAdYDySRh7nYL4rLV89y5daZAbEXqvwI=
-----END CERTIFICATE-----
"""


def tls_context() -> ssl.SSLContext:
    """Of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        both = Path(folder, "both.pem")
        both.write_text(KEY + CERTIFICATE)
        context.load_cert_chain(both)
    return context


class Receiver:
    """One that runs: what it got and what it gave."""

    def __init__(self, handler: "Handler", port: int = 0, scheme: str = "http") -> None:
        self.port, self.scheme = port, scheme
        self.requests: list[bytes] = []  # head and body, those that it has read
        self.connections = 0  # ever made
        self.given = 0  # bytes of an endless answer
        self.asked = asyncio.Event()  # somebody has connected or asked
        self.released = asyncio.Event()  # `deaf` ones may read
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._handler(self, reader, writer)
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise

    async def gone(self) -> None:
        """When nobody is connected any more, and every handler has seen it."""
        if self._tasks:
            _, waiting = await asyncio.wait(self._tasks, timeout=PATIENCE)
            assert not waiting, "a connection is still open"

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


Handler = Callable[[Receiver, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Such a receiver, while the block runs."""
    receiver = Receiver(handler, scheme="http" if tls is None else "https")
    server = await asyncio.start_server(receiver.connected, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.stop()
        await server.wait_closed()


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that is taken and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/hook"


async def read_request(receiver: Receiver, reader: asyncio.StreamReader) -> bool:
    """One whole request; False when there is none any more."""
    receiver.asked.set()
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return False
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    receiver.requests.append(head + await reader.readexactly(int(fields[b"content-length"])))
    return True


# good ones


def answer(status: int, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def answers(data: bytes) -> Handler:
    """Gives this answer to each request, and leaves the connection open."""

    async def handler(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(receiver, reader):
            writer.write(data)
            await writer.drain()

    return handler


def says(data: bytes) -> Handler:
    """Says this after a request, whatever it is, and closes the connection."""

    async def handler(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(receiver, reader)
        writer.write(data)

    return handler


ok = answers(answer(200, "Content-Type: application/json", body=b'{"status": "OK"}'))


# bad ones


async def hanging(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and never answers."""
    await read_request(receiver, reader)
    await reader.read()


async def deaf(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and takes nothing, until it is released: then it takes what the sender still has."""
    receiver.asked.set()
    await receiver.released.wait()
    await reader.read()


async def answers_deaf(
    receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answers before it has taken the request, which it never does."""
    writer.write(answer(200))
    await deaf(receiver, reader, writer)


async def no_tls(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers whatever comes first in plain HTTP."""
    await reader.read(1)
    writer.write(answer(400))


async def answers_and_stops(
    receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Says that it closes the connection and does not, nor does it see that the sender does."""
    await read_request(receiver, reader)
    link = cast("asyncio.Transport", writer.transport)
    writer.write(answer(200, "Connection: close"))
    link.pause_reading()
    await receiver.released.wait()
    link.resume_reading()


async def resets(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and resets the connection."""
    await read_request(receiver, reader)
    end_with_reset(writer)


async def resets_body(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers, and resets the connection in the middle of the body."""
    await read_request(receiver, reader)
    writer.write(answer(200, body=b"x" * 100)[:-50])
    await asyncio.sleep(0.05)  # so that the head is there before the reset, which may overtake it
    end_with_reset(writer)


def end_with_reset(writer: asyncio.StreamWriter) -> None:
    link: socket.socket = writer.get_extra_info("socket")
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def endless(start: bytes, part: bytes, pause: float = 0.0) -> Handler:
    """Begins an answer and goes on for as long as anybody listens, each part after a pause in seconds."""

    async def handler(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(receiver, reader)
        writer.write(start)
        while not writer.is_closing():  # uvloop refuses, with another error, what is written after that
            writer.write(part)
            await writer.drain()
            receiver.given += len(part)
            await asyncio.sleep(pause)

    return handler


_HEAD = b"HTTP/1.1 200 X\r\n"
_MUCH = b"x" * 2**16

slow_head = endless(_HEAD, b"X-A: b\r\n", pause=0.02)
slow_body = endless(_HEAD + b"Content-Length: 1000\r\n\r\n", b"x", pause=0.02)
endless_body = endless(_HEAD + b"\r\n", _MUCH)
endless_chunks = endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + _MUCH + b"\r\n")
endless_extension = endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", _MUCH)
endless_trailers = endless(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 2**13)
endless_headers = endless(_HEAD, b"X-A: b\r\n" * 2**13)
endless_header = endless(_HEAD + b"X-A: ", _MUCH)
endless_reason = endless(b"HTTP/1.1 200 ", _MUCH)
endless_line = endless(b"", _MUCH)
endless_continue = endless(b"", b"HTTP/1.1 100 X\r\n\r\n" * 2**12)
bomb = answers(answer(200, "Content-Encoding: gzip", body=gzip.compress(bytes(2**26))))
