"""Callbacks to one local receiver that answers at once: how many a second, and how soon after the answer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load import CUSTOMER, ROW
from benchmarks.report import Effort, Figure
from benchmarks.servers import HEADERS, Server, cores, mockserver

_BACKLOG = 3000  # callbacks
_RATE = 100  # acts per second
_PATIENCE = 60  # seconds


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
    """From a full backlog, and one by one."""
    rates: list[float] = []
    delays: list[float] = []
    for number in range(effort.rounds):
        print(f"webhooks, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        with receiver() as to, mockserver(callback_url=to.url) as server:
            rates.append(_backlog(server, to))
            delays.append(_delay(server, to, effort.seconds * _RATE))
    return [
        Figure("webhooks, memory, one receiver, full backlog", "callbacks/s", rates),
        Figure(f"webhook after the answer, {_RATE} acts/s", "ms, median", delays),
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

    def post(self, path: str) -> Any:
        """One message."""
        self._connection.request("POST", self._base + path, '{"message": "Hello"}', HEADERS)
        response = self._connection.getresponse()
        assert response.status == 200, response.read()
        return json.load(response)
