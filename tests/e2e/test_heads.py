"""Heads of requests are limited in size and in time."""

import socket
import time
from collections.abc import Iterator

import pytest

from mockserver import Mockserver
from mockserver.connection import Connection
from mockserver.wire import MAX_HEAD
from tests.e2e.test_clients import PATIENCE, Talk

SOON = 0.3  # seconds that a head may take here


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen", seed=1) as running:
        yield running


def head(talk: Talk, line: str, size: int, *more: str) -> bytes:
    """The head of a request of exactly `size` bytes, in three kinds of headers."""
    lines = [f"{line} HTTP/1.1", "Host: localhost", talk.auth, *more]
    while (missing := size - len("\r\n".join([*lines, "", ""]))) > 0:
        lines.append("X-Filler: " + "x" * (min(missing, 9000 if missing < 18000 else 4000) - 12))
    made = "\r\n".join([*lines, "", ""]).encode()
    assert len(made) == size
    return made


PATHS = ["/api/v2/settings", "/api/v2/settings?page=1", "/_mock/health", "/_mock/nothing", "/nothing"]


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("path", PATHS)
def test_the_limit_is_exact(server: Mockserver, path: str, pieces: int) -> None:
    """A head may come in pieces."""
    with Talk(server, "exact") as talk:
        plain = talk.ask(f"GET {path}")
        step = MAX_HEAD // pieces + 1
        for _ in range(2):  # the second one on the same connection
            whole = head(talk, f"GET {path}", MAX_HEAD)
            for at in range(0, len(whole), step):
                talk.socket.sendall(whole[at : at + step])
            assert talk.read().status == plain.status
        whole = head(talk, f"GET {path}", MAX_HEAD + 1)
        for at in range(0, len(whole), step):
            talk.socket.sendall(whole[at : at + step])
        refused = talk.read()
        assert refused.status == 431
        assert refused.headers["connection"] == "close"
        if path.startswith("/_mock"):
            assert refused.json["error"]["code"] == "head_too_large"
        else:
            assert refused.json == {
                "status": "INVALID_PARAMETER",
                "data": {"message": "request head too large"},
            }
            assert refused.headers["mock-rule"] == "head.size"
        assert refused.headers["content-type"] == "application/json"
        assert talk.at_end()


AUTH = b"GET /api/v2/settings HTTP/1.1\r\nHost: localhost\r\n"
FLOODS = {
    "one header without an end": (AUTH + b"X: ", b"x" * 8192, b"application/json"),
    "one name without an end": (AUTH, b"x" * 8192, b"application/json"),
    "many headers": (AUTH, b"X: y\r\n" * 1365, b"application/json"),
    "blanks": (AUTH + b"X:", b" " * 8192, b"application/json"),
    "a line without an end": (b"GET /api/v2/", b"x" * 8192, b"application/json"),
    "a query without an end": (b"GET /_mock/info?", b"x" * 8192, b"application/json"),
    "blank lines": (b"", b"\r\n" * 4096, b"text/plain; charset=utf-8"),
    "an upgrade": (
        AUTH + b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"X: y\r\n" * 1365,
        b"application/json",
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_head_without_an_end_is_answered_once(server: Mockserver, name: str) -> None:
    """The answer arrives although the client goes on sending."""
    start, more, kind = FLOODS[name]
    with Talk(server, "flood") as talk:
        assert talk.ask("GET /api/v2/settings").status == 200
        talk.socket.sendall(start + more * 40)
        answer = talk.read()
        assert answer.status == 431
        assert answer.headers["content-type"].encode() == kind
        assert talk.at_end()


@pytest.mark.parametrize(("lines", "end"), [(40_000, b"\r\n"), (40_000, b""), (12_000, b"\r\n")])
def test_after_what_was_asked_before_it(server: Mockserver, lines: int, end: bytes) -> None:
    """The smaller head is hardly above the limit, and most of it comes in the packet of the others."""
    with Talk(server, "behind") as talk:
        one = f"GET /api/v2/settings HTTP/1.1\r\nHost: localhost\r\n{talk.auth}\r\n\r\n".encode()
        talk.socket.sendall(one * 3 + AUTH + b"X: y\r\n" * lines + end)
        assert [talk.read().status for _ in range(4)] == [200, 200, 200, 431]
        assert talk.at_end()


@pytest.mark.parametrize("start", [b"", b'5\r\n{"a":\r\n'])
@pytest.mark.parametrize(
    "flood", [b"0\r\n" + b"X: y\r\n" * 40_000, b"0\r\nX: " + b"y" * 300_000, b"1;" + b"y" * 300_000]
)
def test_trailers_and_extensions_without_an_end(server: Mockserver, start: bytes, flood: bytes) -> None:
    """They end the connection; nobody else notices."""
    with Talk(server, "trailers") as talk:
        talk.write(
            "POST /api/v2/item HTTP/1.1",
            "Host: localhost",
            talk.auth,
            "Transfer-Encoding: chunked",
            body=start,
        )
        try:
            talk.socket.sendall(flood)
            assert talk.at_end()
        except ConnectionError:
            pass
    with Talk(server, "trailers") as talk:
        assert talk.ask("GET /api/v2/settings").status == 200


def test_trailers_are_no_headers(server: Mockserver) -> None:
    with Talk(server, "trailers") as talk:
        talk.write(
            "POST /api/v2/item HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=f"2\r\n{{}}\r\n0\r\n{talk.auth}\r\n\r\n".encode(),
        )
        assert talk.read().error == (401, "MISSING_AUTH")
        assert talk.ask("GET /api/v2/settings").status == 200


# time


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mockserver]:
    monkeypatch.setattr(Connection, "head_seconds", SOON)
    with Mockserver(clock="frozen", seed=1) as running:
        yield running


SLOW = {
    "nothing": b"",
    "a blank line": b"\r\n",
    "half a word": b"GE",
    "a line": b"GET /api/v2/settings HTTP/1.1\r\n",
    "half a header": AUTH + b"Accept: ",
    "all but the end": AUTH + b"Accept: */*\r\n\r",
}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", SLOW)
def test_a_head_that_does_not_come_to_its_end(hasty: Mockserver, name: str, kept: bool) -> None:
    """On a fresh connection, and on one that has served; that one may idle before a head begins."""
    if kept and not SLOW[name]:
        return
    with Talk(hasty, "slow") as talk:
        if kept:
            assert talk.ask("GET /api/v2/settings").status == 200
        begun = time.monotonic()
        talk.socket.sendall(SLOW[name])
        assert talk.at_end()
        assert SOON * 0.9 <= time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize("pipelined", [False, True])
def test_a_trickle_does_not_prolong_it(hasty: Mockserver, pipelined: bool) -> None:
    with Talk(hasty, "trickle") as talk:
        if pipelined:
            whole = f"GET /api/v2/settings HTTP/1.1\r\nHost: localhost\r\n{talk.auth}\r\n\r\n"
            talk.socket.sendall(whole.encode() + AUTH)
            assert talk.read().status == 200
        else:
            talk.socket.sendall(AUTH)
        begun = time.monotonic()
        talk.socket.settimeout(0.02)
        while time.monotonic() - begun < PATIENCE:
            try:
                talk.socket.sendall(b"X: y\r\n")
                if talk.socket.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() - begun < PATIENCE / 2


def test_an_idle_connection_and_a_slow_body_are_not_cut_off(hasty: Mockserver) -> None:
    """The time of a head ends with it."""
    body = b'{"title": "Row", "price": 100, "vat": 25, "unit": "unit"}'
    with Talk(hasty, "idle") as talk, Talk(hasty, "other") as watch:
        sized = f"Content-Length: {len(body)}"
        talk.write("POST /api/v2/item HTTP/1.1", "Host: localhost", talk.auth, sized, body=body[:9])
        assert watch.at_end()  # the time has passed
        talk.socket.sendall(body[9:])
        assert talk.read().status == 200
        with Talk(hasty, "other") as watch:
            assert watch.at_end()
        assert talk.ask("GET /api/v2/settings").status == 200


def test_slow_heads_hold_nothing(hasty: Mockserver) -> None:
    """Of two hundred at once nothing is left."""
    talks = [
        socket.create_connection(("127.0.0.1", int(hasty.url.split(":")[2][:5].split("/")[0])))
        for _ in range(200)
    ]
    for number, each in enumerate(talks):
        each.settimeout(PATIENCE)
        each.sendall(AUTH[: number % len(AUTH)])
    for each in talks:
        assert each.recv(1) == b""
        each.close()
    with Talk(hasty, "after") as talk:
        assert talk.ask("GET /api/v2/settings").status == 200
