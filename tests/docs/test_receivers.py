"""The receivers of the pages pass `mockserver check-receiver` whole, and survive every request."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from mockserver.cli.main import main
from mockserver.core import signature
from mockserver.core.callbacks import TYPES
from tests.docs.pages import blocks
from tests.e2e.served import PATIENCE, clean_environment
from tests.server import Server

KEY = "test-sign-key-1"
NODE = shutil.which("node")


def program(page: str, file: str) -> str:
    (found,) = [block.text for block in blocks(page) if block.file == file]
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def process(page: str, file: str, folder: Path) -> Iterator[int]:
    """A program of a page, on a port of its own."""
    port = free_port()
    text, count = re.subn(r"\b809\d\b", str(port), program(page, file))
    assert count == 1
    (folder / file).write_text(text)
    command = [sys.executable if file.endswith(".py") else str(NODE), file]
    with (folder / "shown").open("wb") as shown:
        running = subprocess.Popen(
            command, cwd=folder, env=clean_environment(PYTHONUNBUFFERED="1"), stdout=shown, stderr=shown
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionError:
                assert running.poll() is None, (folder / "shown").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
        yield port
        assert running.poll() is None, (folder / "shown").read_text()
    finally:
        running.kill()
        running.wait()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def wsgi_application(page: str, file: str, folder: Path) -> Iterator[int]:
    """The application `shop` of a test file, under a WSGI server."""
    names: dict[str, Any] = {}
    exec(program(page, file).replace("from test_recall import sent\n", ""), names)
    with make_server("127.0.0.1", 0, names["shop"], handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


Run = Callable[[str, str, Path], Any]
RECEIVERS: list[tuple[Run, str, str]] = [
    (process, "docs/webhooks.md", "receiver.py"),
    (process, "docs/webhooks.md", "receiver.mjs"),
    (wsgi_application, "docs/pytest.md", "test_shop.py"),
]


@pytest.fixture(params=RECEIVERS, ids=[f"{page} {file}" for _, page, file in RECEIVERS])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    run, page, file = request.param
    if file.endswith(".mjs") and NODE is None:
        pytest.skip("there is no node here")
    with run(page, file, tmp_path) as found:
        yield found


def test_it_passes_whole(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check-receiver", f"http://127.0.0.1:{port}/", "--sign-key", KEY])
    shown = capsys.readouterr().out
    assert ended.value.code == 0, shown
    assert "13 of 13 passed" in shown


def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status


def signed(body: bytes, **more: str) -> dict[str, str]:
    now = f"{time.time():.6f}"
    return {
        "Billogram-Request-Timestamp": now,
        "Billogram-Signature": signature.sign(KEY, now, body),
        "Content-Type": "application/json",
        **more,
    }


@pytest.fixture(scope="module")
def callbacks() -> list[bytes]:
    """Every callback of an account with much history, and one of each other type."""
    server = Server()
    made = server.mock("POST", "/accounts", {"id": "a", "key": "secret", "fixture": "sepa"})
    assert made.status == 201
    server.mock("PUT", "/accounts/a/callbacks", {"url": "mock:inbox", "sign_key": KEY})
    server.mock("POST", "/accounts/a/clock/advance", {"by": "60d"})
    for payment in server.mock("GET", "/accounts/a/payments").json:
        server.mock("POST", f"/accounts/a/payments/{payment['id']}/recall", {"type": "refund"})
    server.mock("POST", "/accounts/a/deliveries/wait", {"idle": True})
    found = [each["body"].encode() for each in server.mock("GET", "/accounts/a/inbox").json]
    server.close()
    types = {json.loads(each)["callback_type"] for each in found}
    assert {"BillogramEvent", "PaymentRecalled"} <= types
    for name in {*TYPES, "SomethingNew"} - types:
        body = {"callback_type": name, "callback_id": name, "callback_timestamp": "", "custom": None}
        found.append(json.dumps(body).encode())
    return found


def test_every_callback(port: int, callbacks: list[bytes]) -> None:
    for body in (*callbacks, *reversed(callbacks)):
        assert post(port, body, signed(body)) == 200, body


STRANGE: list[dict[str, str]] = [
    {},
    {"Billogram-Signature": ""},
    {"Billogram-Signature": "é" * 64, "Billogram-Request-Timestamp": "1"},
    {"Billogram-Signature": "a" * 64, "Billogram-Request-Timestamp": ""},
    {"Billogram-Signature": "a" * 64, "Billogram-Request-Timestamp": "é"},
    {"Billogram-Signature": "a" * 64, "Billogram-Request-Timestamp": "nan"},
    {"Billogram-Signature": "a" * 64, "Billogram-Request-Timestamp": "1e400"},
    {"Billogram-Signature": "a" * 64, "Billogram-Request-Timestamp": "soon"},
]


def test_strange_requests(port: int) -> None:
    for headers in STRANGE:
        for body in (b"", b"{}", b"\xff", b"[" * 10_000):
            assert post(port, body, headers) == 401, headers
    with socket.create_connection(("127.0.0.1", port)) as half:  # it goes away in the middle of its body
        half.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
    with socket.create_connection(("127.0.0.1", port)) as none:
        none.sendall(b"POST / HTTP/1.0\r\n\r\n")
        assert b" 401 " in none.recv(1000)
    body = b'{"callback_type": "BillogramEvent", "callback_id": "x", "event": {"type": "Payment"}}'
    assert post(port, body, signed(body)) == 200
