"""Callbacks to one local receiver that answers at once: how many a second, and how soon after the answer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load import CUSTOMER, ROW, prepared, run
from benchmarks.report import Effort, Figure
from benchmarks.servers import ACCOUNT, HEADERS, Server, cores, mockserver

_BACKLOG = 3000  # callbacks
_RATE = 100  # acts per second
_PATIENCE = 60  # seconds
_QUEUED, _AT_ONE = 10_000, 100  # deliveries, of each billogram
_GETS = 2000
_TIMELINES = 200


class Receiver:
    """The process of `benchmarks.receiver`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = str(self._answer()["url"])

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def tell(self, command: str) -> Any:
        """Give a command; what it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._answer()

    def all(self, count: int) -> dict[str, float]:
        """When each of so many callbacks came."""
        came: dict[str, float] = {}
        deadline = time.monotonic() + _PATIENCE
        while len(came) < count:
            assert time.monotonic() < deadline, f"only {len(came)} of {count} callbacks came"
            time.sleep(0.05)
            came |= self.tell("report")
        return came


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on the core of the load."""
    _, core = cores()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    with process:
        try:
            yield Receiver(process)
        finally:
            process.kill()


def callbacks(effort: Effort) -> list[Figure]:
    """From a full backlog, one by one, beside POSTs and GETs; and GETs beside live timelines."""
    rates, delays, posts = [], [], []
    alone, queued, without, beside = [], [], [], []
    for number in range(effort.rounds):
        print(f"webhooks, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        with TemporaryDirectory(prefix="benchmarks-") as name, receiver() as to:
            folder = Path(name)
            with mockserver(callback_url=to.url) as server:
                rates.append(_backlog(server, to))
                delays.append(_delay(server, to, effort.seconds * _RATE))
            with mockserver(callback_url=to.url) as server:
                posts.append(_until_the_last(server, to, effort.seconds, folder))
            with mockserver(callback_url=to.url) as server:
                before, during = _slowest_gets(server, to)
                alone.append(before)
                queued.append(during)
        with TemporaryDirectory(prefix="benchmarks-") as name, mockserver() as server:
            job = prepared(server)[0]
            without.append(run(server, job, 32, effort.seconds, Path(name)).rate)
            with ExitStack() as stack:
                for _ in range(_TIMELINES):
                    stack.enter_context(_timeline(server))
                beside.append(run(server, job, 32, effort.seconds, Path(name)).rate)
    slow = f"GET while {_QUEUED:,} deliveries are queued"
    return [
        Figure("webhooks, one receiver, full backlog", "callbacks/s", rates, bound=1500.0),
        Figure(f"webhook after the answer, {_RATE} acts/s", "ms", delays, bound=5.0, less_is_more=True),
        Figure("POST with webhooks, until the last has come", "requests/s", posts, rates, 0.60),
        Figure(slow, "ms, p99", queued, alone, 1 / 3, less_is_more=True),
        Figure(f"GET beside {_TIMELINES} live timelines", "requests/s", beside, without, 0.80),
    ]


def _sent(server: Server, to: Receiver) -> str:
    """A sent billogram, its first callbacks out of the way."""
    server.call("POST", "/customer", CUSTOMER)
    on_success = {"command": "send", "method": "Email"}
    body = {"customer": {"customer_no": 1}, "items": [ROW], "on_success": on_success}
    key = str(server.call("POST", "/billogram", body).body["data"]["id"])
    to.all(2)
    return f"/billogram/{key}/command/message"


def _backlog(server: Server, to: Receiver) -> float:
    """Callbacks a second, from the moment on in which the receiver answers the first of many."""
    path = _sent(server, to)
    to.tell("hold")
    with _Client(server) as client:
        for _ in range(_BACKLOG):
            client.post(path)
    begun = to.tell("go")
    came = to.all(_BACKLOG)
    return float((_BACKLOG - 1) / (max(came.values()) - begun))


def _delay(server: Server, to: Receiver, acts: int) -> float:
    """Median milliseconds from the answer of an act to the arrival of its callback."""
    path = _sent(server, to)
    answered: dict[str, float] = {}
    with _Client(server) as client:
        start = time.monotonic()
        for number in range(acts):
            time.sleep(max(0.0, start + number / _RATE - time.monotonic()))
            events = client.post(path)["data"]["events"]
            answered[events[-1]["event_uuid"]] = time.monotonic()
    came = to.all(acts)
    return median((came[uuid] - at) * 1000 for uuid, at in answered.items())


class _Client:
    """One connection that is kept."""

    def __init__(self, server: Server) -> None:
        parts = urlsplit(server.url)
        self._base = parts.path
        self._connection = HTTPConnection(parts.netloc, timeout=_PATIENCE)

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Any:
        """Fetch something."""
        return self._ask("GET", path, None)

    def post(self, path: str) -> Any:
        """One message."""
        return self._ask("POST", path, '{"message": "Hello"}')

    def _ask(self, method: str, path: str, body: str | None) -> Any:
        self._connection.request(method, self._base + path, body, HEADERS)
        response = self._connection.getresponse()
        assert response.status == 200, response.read()
        return json.load(response)


def _until_the_last(server: Server, to: Receiver, seconds: int, folder: Path) -> float:
    """Drafts a second, counted until the callback of the last one has come."""
    job = prepared(server)[1]
    begun = time.monotonic()
    run(server, job, 32, seconds, folder)
    count = int(server.call("GET", "/billogram?page=1&page_size=1").body["meta"]["total_count"])
    came = to.all(count)
    return count / (max(came.values()) - begun)


def _slowest_gets(server: Server, to: Receiver) -> tuple[float, float]:
    """The 99th percentile of GET in milliseconds, before and while many deliveries are queued and go out."""
    path = _sent(server, to)
    key = path.split("/")[2]
    server.call("GET", f"/billogram/{key}")
    alone = _p99(server, key)
    to.tell("hold")
    with _Client(server) as client:
        for _ in range(_QUEUED // _AT_ONE):
            other = server.call("POST", "/billogram", {"customer": {"customer_no": 1}, "items": [ROW]})
            for _ in range(_AT_ONE - 1):
                client.post(f"/billogram/{other.body['data']['id']}/command/message")
    to.tell("go")
    during = _p99(server, key)
    to.all(_QUEUED)
    return alone, during


def _p99(server: Server, key: str) -> float:
    times = []
    with _Client(server) as client:
        for _ in range(_GETS):
            begun = time.perf_counter()
            client.get(f"/billogram/{key}")
            times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[int(_GETS * 0.99)]


@contextmanager
def _timeline(server: Server) -> Iterator[None]:
    """A live timeline that somebody looks at."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=_PATIENCE)
    connection.request("GET", f"/_mock/accounts/{ACCOUNT}/timeline", headers={"Accept": "text/event-stream"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    try:
        yield
    finally:
        response.close()
        connection.close()
