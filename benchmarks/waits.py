"""The longest wait of other requests while one request is read, refused or answered, however large it is."""

import json
import socket
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from benchmarks.report import Effort, Figure
from benchmarks.servers import HEADERS, Server, mockserver

BOUND = 100.0  # milliseconds that a request may wait for another
_ATTEMPTS = 3
MB = 1024 * 1024
_ALMOST = 32 * MB - 1000  # bytes: just below the limit of a body

ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
ROWS = [ROW] * 1000
SENT = {"command": "send", "method": "Email"}


class Large(Struct, frozen=True):
    """A request that is large, or whose answer is."""

    name: str
    method: str
    path: str  # with /api/v2 or /_mock; `{id}` is the billogram of 1,000 rows, `{sent}` one that was sent
    body: bytes | None = None
    accept: str = ""


def _text(before: bytes, filling: bytes, after: bytes) -> bytes:
    return before + filling * ((_ALMOST - len(before) - len(after)) // len(filling)) + after


def _billogram(rows: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"customer": {"customer_no": 1}, "items": rows, **more}).encode()


def hostile() -> Iterator[tuple[str, bytes]]:
    """Bodies of up to 32 MiB."""
    yield "1,000,000 unknown keys", json.dumps(dict.fromkeys(map(str, range(1_000_000)), 0)).encode()
    yield "45,000 unknown keys", json.dumps(dict.fromkeys(map(str, range(45_000)), 0)).encode()
    yield "16 million empty arrays", _text(b'{"name":[', b"[],", b"[]]}")
    yield "1,000,000 levels", b'{"a":' * 1_000_000
    yield "32 MiB of text", _text(b'{"name":"', b"x", b'"}')
    yield "32 MiB of escapes in notes", _text(b'{"name":"A","notes":"', b"ab\\nc\\u00e4", b'"}')
    yield "32 MiB of quotes", _text(b'{"name":["', b'","', b'"]}')
    yield "32 MiB of commas in a text", _text(b'{"name":"', b",", b'"}')
    yield "a number of 32 MiB", _text(b'{"name":1.', b"1", b"}")
    yield "32 MiB that are no JSON", b"," * _ALMOST
    yield "32 MiB of blanks in a number", _text(b'{"name":"A","customer_no":"', b" ", b'1"}')
    yield "32 MiB in a time zone", _text(b'{"id":"x","timezone":"', b"x", b'"}')
    yield (
        "45,000 unknown keys in an object",
        b'{"id":"x","features":%b}' % json.dumps(dict.fromkeys(map(str, range(45_000)), 0)).encode(),
    )
    yield "32 MiB of blanks", _text(b'{"name":"A"', b" ", b"}")
    yield (
        "an object of 10,000 texts in one member",
        json.dumps(
            {"name": "A", "regional_sweden": {str(each): "x" * 1000 for each in range(10_000)}}
        ).encode(),
    )
    yield "100,000 rows", _billogram([ROW] * 100_000)
    yield "1,001 rows", _billogram([*ROWS, ROW])


def requests() -> Iterator[Large]:
    """What is tried, on both wires."""
    picture = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(10 * MB - 8)).decode()
    file = b64encode(b"%PDF" + bytes(10 * MB - 4)).decode()
    for name, body in hostile():
        where = "/api/v2/billogram" if "rows" in name else "/api/v2/customer"
        yield Large(f"POST {where[8:]}, {name}", "POST", where, body)
        if "rows" not in name:
            yield Large(f"PUT /settings, {name}", "PUT", "/api/v2/settings", body)
            yield Large(f"POST /_mock/accounts, {name}", "POST", "/_mock/accounts", body)
            yield Large(f"POST …/expect, {name}", "POST", "/_mock/accounts/bench/faults", body)
            body = b'{"id":"x","settings":' + body + b"}"
            yield Large(f"POST /_mock/accounts with settings, {name}", "POST", "/_mock/accounts", body)
    yield Large("POST /billogram, 1,000 rows", "POST", "/api/v2/billogram", _billogram(ROWS))
    yield Large(
        "POST /billogram, 1,000 rows, sent", "POST", "/api/v2/billogram", _billogram(ROWS, on_success=SENT)
    )
    last = {**ROW, "vat": "x"}
    yield Large(
        "POST /billogram, the last row refused", "POST", "/api/v2/billogram", _billogram([*ROWS[:-1], last])
    )
    yield Large(
        "PUT /billogram, 1,000 rows", "PUT", "/api/v2/billogram/{id}", json.dumps({"items": ROWS}).encode()
    )
    yield Large(
        "PUT a sent billogram, 1,000 rows",
        "PUT",
        "/api/v2/billogram/{sent}",
        json.dumps({"items": ROWS[1:]}).encode(),
    )
    credit = {"mode": "items", "items": [{"title": "Row", "count": -0.001, "price": 100, "vat": 25}] * 1000}
    yield Large(
        "credit 1,000 rows", "POST", "/api/v2/billogram/{sent}/command/credit", json.dumps(credit).encode()
    )
    yield Large("a wrong command on 1,000 rows", "POST", "/api/v2/billogram/{sent}/command/send", b"{}")
    yield Large("GET a billogram of 1,000 rows", "GET", "/api/v2/billogram/{id}")
    yield Large("its PDF", "GET", "/api/v2/billogram/{sent}.pdf")
    yield Large("its timeline", "GET", "/_mock/accounts/bench/timeline?billogram={sent}&limit=1000")
    yield Large(
        "its events",
        "GET",
        "/api/v2/billogram_event?page=1&page_size=10000&filter_type=field&filter_field=billogram:id&filter_value={sent}",
    )
    yield Large("payment of 1,000 rows", "POST", "/api/v2/billogram/{sent}/command/payment", b'{"amount":1}')
    attach = json.dumps({"filename": "a.pdf", "content": file}).encode()
    yield Large("attach 10 MiB", "POST", "/api/v2/billogram/{id}/command/attach", attach)
    yield Large("GET the attachment", "GET", "/api/v2/billogram/{id}/attachment.pdf")
    yield Large("GET the billogram with it", "GET", "/api/v2/billogram/{id}")
    yield Large(
        "PUT a picture of 10 MiB", "PUT", "/api/v2/logotype", json.dumps({"content": picture}).encode()
    )
    yield Large("GET the picture", "GET", "/api/v2/logotype")
    big = _text(b'{"content":"', b"AAAA", b'"}')
    yield Large("PUT a picture of 32 MiB that is none", "PUT", "/api/v2/logotype", big)
    real = b'{"content":"' + b64encode(b"\x89PNG\r\n\x1a\n" + bytes(22 * MB)) + b'"}'
    yield Large("PUT a picture of 30 MiB", "PUT", "/api/v2/logotype", real)
    yield Large("timeline", "GET", "/_mock/accounts/bench/timeline?limit=1000000")
    yield Large("deliveries", "GET", "/_mock/accounts/bench/deliveries")
    yield Large("journal", "GET", "/_mock/accounts/bench/requests")
    yield Large("outbox", "GET", "/_mock/accounts/bench/outbox")
    yield Large("agenda", "GET", "/_mock/accounts/bench/agenda")
    yield Large("list of 300 billograms of 1,000 rows", "GET", "/api/v2/billogram?page=1&page_size=500")
    yield Large("snapshot", "POST", "/_mock/accounts/bench/snapshots", b'{"name":"s"}')
    yield Large("diff", "GET", "/_mock/accounts/bench/diff?from=s")
    yield Large("advance a year", "POST", "/_mock/accounts/bench/clock/advance", b'{"by":"90d"}')
    yield Large("restore", "POST", "/_mock/accounts/bench/snapshots/s/restore", b"{}")
    yield Large("reset", "POST", "/_mock/accounts/bench/reset", b"{}")
    yield Large("list of accounts", "GET", "/_mock/accounts")
    yield Large("info", "GET", "/_mock/info")


def waits(effort: Effort) -> list[Figure]:
    """The longest wait in any of the requests, log in memory and in a file."""
    figures = []
    with TemporaryDirectory(prefix="benchmarks-") as folder:
        for kind, database in (("memory", "memory"), ("file", str(Path(folder) / "log.sqlite"))):
            found = measure(database)
            longest = [max(wait for _, wait, _ in found)]
            name = f"longest wait for another request, {kind}"
            figures.append(Figure(name, "ms", longest, bound=BOUND, less_is_more=True))
    return figures


def measure(database: str, only: str = "") -> list[tuple[str, float, float]]:
    """Each large request: its name, the longest wait of others in ms, and how long it took itself."""
    found: list[tuple[str, float, float]] = []
    with mockserver(database) as server:
        names = prepare(server)
        for large in requests():
            if only and only not in large.name:
                continue
            path = large.path
            for name, value in names.items():
                path = path.replace(f"{{{name}}}", value)
            explain = attempt(server, large, path, found)
            if explain:
                attempt(server, Large("    its explanation", "GET", explain), explain, found)
    return found


def attempt(server: Server, large: Large, path: str, found: list[tuple[str, float, float]]) -> str | None:
    """Send one, up to three times while others wait too long: the machine may be busy with something else."""
    waited = took = float("inf")
    status, size, explain = 0, 0, None
    for _ in range(_ATTEMPTS):
        with probing(server) as longest:
            time.sleep(0.02)
            begun = time.perf_counter()
            status, size, explain = send(server, large, path)
            took = min(took, (time.perf_counter() - begun) * 1000)
            time.sleep(0.02)
        waited = min(waited, longest())
        if waited <= BOUND / 2:
            break
    note(found, f"{large.name} → {status}, {size:,} bytes", waited, took)
    return explain


def note(found: list[tuple[str, float, float]], name: str, wait: float, took: float) -> None:
    mark = "  <<<" if wait > BOUND else ""
    print(f"{wait:9.1f} ms waited {took:10.1f} ms took  {name}{mark}", file=sys.stderr, flush=True)
    found.append((name, wait, took))


def prepare(server: Server) -> dict[str, str]:
    """Accounts, and one with billograms of 1,000 rows."""
    server.call("POST", "/customer", {"name": "A", "contact": {"email": "a@example.com"}})
    server.mock("PATCH", "/accounts/bench", {"settings": {}})
    for number in range(2000):
        server.mock("POST", "/accounts", {"id": f"other-{number}"})
    body = json.loads(_billogram(ROWS))
    made = [server.call("POST", "/billogram", body).body["data"]["id"] for _ in range(300)]
    sent = server.call("POST", "/billogram", body | {"on_success": SENT}).body["data"]["id"]
    return {"id": made[0], "sent": sent}


@contextmanager
def probing(server: Server) -> Iterator[Callable[[], float]]:
    """GETs over another connection until the block ends; then the longest wait in ms."""
    stop, longest = threading.Event(), [0.0]
    parts = urlsplit(server.url)

    def probe() -> None:
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        asked = f"GET {parts.path}/customer/1 HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}\r\n".encode()
        asked = asked.replace(HEADERS["Authorization"].encode(), b"Basic " + b64encode(b"probe:secret"))
        with closing(socket.create_connection((parts.hostname or "", parts.port or 0), 60)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not stop.is_set():
                begun = time.perf_counter()
                sock.sendall(asked)
                sock.recv(65536)
                longest[0] = max(longest[0], (time.perf_counter() - begun) * 1000)
                time.sleep(0.001)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield lambda: longest[0]
    finally:
        stop.set()
        thread.join()


def send(server: Server, large: Large, path: str) -> tuple[int, int, str | None]:
    """Status, size of the answer, and where its refusal is explained."""
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.netloc, timeout=120)) as connection:
        headers = HEADERS if path.startswith("/api") else {}
        try:
            connection.request(large.method, path, large.body, headers)
            response = connection.getresponse()
        except (OSError, HTTPException) as error:
            print(repr(error), file=sys.stderr)
            return 0, 0, None
        size = 0
        while piece := response.read1(MB):
            size += len(piece)
        return response.status, size, response.headers.get("Mock-Explain")


if __name__ == "__main__":
    measure(*sys.argv[1:])
