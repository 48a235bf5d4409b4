"""Requests that ask for another protocol: the server takes none, and reads them whole."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from mockserver import Mockserver
from tests.e2e.test_clients import PATIENCE, Answer, Talk
from tests.e2e.test_listen import Listening, callback

UPGRADES = {
    "h2c": (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    ),
    "h2c of Java": ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAEAAEAAAAI", "upgrade: h2c"),
    "websocket": ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "several": ("Connection: upgrade", "Upgrade: foo/2, h2c", "Upgrade: IRC/6.9"),
    "TLS": ("Upgrade: TLS/1.0", "Connection: UPGRADE"),
    "Connection alone": ("Connection: Upgrade",),
    "Upgrade alone": ("Upgrade: h2c",),
}

Framing = Callable[[bytes], tuple[str, bytes]]


def sized(body: bytes) -> tuple[str, bytes]:
    return f"Content-Length: {len(body)}", body


def chunked(body: bytes) -> tuple[str, bytes]:
    parts = [body[:1], body[1:7], body[7:]]
    framed = b"".join(b"%x;part\r\n%b\r\n" % (len(part), part) for part in parts)
    return "Transfer-Encoding: chunked", framed + b"0\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"


# how head and body come: in one packet, in two, in packets of seven bytes
CUTS: dict[str, Callable[[bytes, bytes], list[bytes]]] = {
    "together": lambda head, body: [head + body],
    "apart": lambda head, body: [head, body],
    "in pieces": lambda head, body: [(head + body)[at : at + 7] for at in range(0, len(head + body), 7)],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen", seed=1) as running:
        yield running


@contextmanager
def talk(server: Mockserver, user: str) -> Iterator[Talk]:
    with Talk(server, user) as made:
        yield made
        assert made.ask("GET /api/v2/settings").status == 200, "the connection is still good"


def ask(
    talk: Talk, line: str, *headers: str, body: bytes, framing: Framing = sized, cut: str = "apart"
) -> Answer:
    framed, sent = framing(body)
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", talk.auth, *headers, framed, "", ""]).encode()
    for part in CUTS[cut](head, sent):
        talk.socket.sendall(part)
    return talk.read(line.partition(" ")[0])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("framing", [sized, chunked])
@pytest.mark.parametrize("upgrade", UPGRADES)
def test_the_body_is_read_on_both_wires(server: Mockserver, upgrade: str, framing: Framing, cut: str) -> None:
    with talk(server, "whole") as client:
        number = client.customer()
        renamed = json.dumps({"name": f"{upgrade} {cut}"}).encode()
        put = ask(
            client,
            f"PUT /api/v2/customer/{number}",
            *UPGRADES[upgrade],
            body=renamed,
            framing=framing,
            cut=cut,
        )
        assert put.data["name"] == f"{upgrade} {cut}"
        got = ask(client, f"GET /api/v2/customer/{number}", *UPGRADES[upgrade], body=b"", cut=cut)
        assert got.data["name"] == f"{upgrade} {cut}"

        laid = json.dumps({"operation": "GET /settings", "fail": "status:503", "times": 1}).encode()
        path = "/_mock/accounts/whole/faults"
        assert ask(
            client, f"POST {path}", *UPGRADES[upgrade], body=laid, framing=framing, cut=cut
        ).status in (200, 201)
        assert client.ask("GET /api/v2/settings").status == 503


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_every_method(server: Mockserver, upgrade: str) -> None:
    """An upgrade changes no answer."""
    with talk(server, "methods") as client:
        number = client.customer()
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
            for path in (f"/api/v2/customer/{number}", "/api/v2/nothing", "/_mock/health", "/_mock/nothing"):
                body = b'{"city": "GET /api/v2/settings HTTP/1.1\\r\\n\\r\\n"}'
                plain = ask(client, f"{method} {path}", body=body)
                asking = ask(client, f"{method} {path}", *UPGRADES[upgrade], body=body)
                assert (asking.status, asking.json if asking.body else None) == (
                    plain.status,
                    plain.json if plain.body else None,
                ), (method, path)
                assert "upgrade" not in asking.headers


@pytest.mark.parametrize("framing", [sized, chunked])
def test_many_in_one_packet_are_answered_in_order(server: Mockserver, framing: Framing) -> None:
    with talk(server, "pipelined") as client:
        number = client.customer()
        data = b""
        for index in range(20):
            upgrade = [*UPGRADES.values()][index % len(UPGRADES)]
            framed, body = framing(json.dumps({"name": f"Name {index}"}).encode())
            line = f"PUT /api/v2/customer/{number} HTTP/1.1"
            head = "\r\n".join([line, "Host: localhost", client.auth, *upgrade, framed, "", ""])
            data += head.encode() + body
        client.socket.sendall(data)
        assert [client.read().data["name"] for _ in range(20)] == [f"Name {index}" for index in range(20)]


def test_a_body_that_waits_for_100_continue(server: Mockserver) -> None:
    body = b'{"title": "Row", "price": 100, "vat": 25, "unit": "unit"}'
    with talk(server, "continue") as client:
        waits = ("Expect: 100-continue", f"Content-Length: {len(body)}")
        client.write("POST /api/v2/item HTTP/1.1", "Host: localhost", client.auth, *UPGRADES["h2c"], *waits)
        assert client.read().line == "HTTP/1.1 100 Continue"
        client.socket.sendall(body)
        assert client.read().data["title"] == "Row"


@pytest.mark.parametrize("last", ["Connection: close, Upgrade", "HTTP/1.0"])
def test_what_ends_the_connection_ends_it_still(server: Mockserver, last: str) -> None:
    version = "HTTP/1.0" if last == "HTTP/1.0" else "HTTP/1.1"
    connection = "Connection: Upgrade" if last == "HTTP/1.0" else last
    with Talk(server, "last") as client:
        client.write(
            f"GET /api/v2/settings {version}", "Host: localhost", client.auth, connection, "Upgrade: h2c"
        )
        assert client.read().status == 200
        assert client.at_end()


@pytest.mark.parametrize("framing", [sized, chunked])
def test_a_bad_body_is_still_refused(server: Mockserver, framing: Framing) -> None:
    with talk(server, "bad") as client:
        answer = ask(client, "POST /api/v2/item", *UPGRADES["h2c"], body=b'{"title": ', framing=framing)
        assert answer.error == (400, "INVALID_PARAMETER")
    with Talk(server, "bad") as client:
        client.write(
            "POST /api/v2/item HTTP/1.1", *UPGRADES["h2c"], "Transfer-Encoding: chunked", body=b"no\r\n"
        )
        assert client.read().status == 400
        assert client.at_end()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_with_http2(server: Mockserver) -> None:
    with talk(server, "curl") as client:
        number = client.customer()
        for more in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
            name = f"Name {len(more)} {more[-1:]}"
            command = ["curl", "--http2", "--silent", "--noproxy", "*", "--user", "curl:secret", *more]
            called = subprocess.run(
                [*command, "-X", "PUT", "-d", json.dumps({"name": name}), f"{server.url}/customer/{number}"],
                capture_output=True,
                timeout=PATIENCE,
                check=True,
            )
            assert json.loads(called.stdout)["data"]["name"] == name


# mockserver listen


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_the_receiver_reads_callbacks_that_ask_for_an_upgrade(upgrade: str) -> None:
    headers = dict(each.split(": ", 1) for each in UPGRADES[upgrade])
    with Listening() as listener:
        connection = HTTPConnection("127.0.0.1", listener.port, timeout=PATIENCE)
        for _ in range(2):
            connection.request("POST", "/", callback(), headers)
            assert connection.getresponse().read() == b'{"status": "OK"}'
            assert "answered 200" in listener.line()
        connection.close()
