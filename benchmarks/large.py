"""An account with 50,000 billograms: the same requests, its lists, its memory, its replay, its reset."""

import sys
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.load import CUSTOMER, ROW, Job, prepared, run
from benchmarks.report import Effort, Figure
from benchmarks.servers import HEADERS, Server, mockserver

MANY = 50_000
_RESET = 10_000
_FILLING = 32  # connections
_ASKED = 40  # times each list is asked for
_SENT = {"command": "send", "method": "Email"}

# what a list of 100 asks for, and at most how many milliseconds it may take
LISTS = {
    "list of 100, first page": ("page=1&page_size=100", 5.0),
    "list of 100, last page": (f"page={MANY // 100}&page_size=100", 5.0),
    "list of 100, filter on state, page 250": (
        "page=250&page_size=100&filter_type=field&filter_field=state&filter_value=unattested",
        5.0,
    ),
    "list of 100, filter on customer": (
        "page=1&page_size=100&filter_type=field&filter_field=customer:customer_no&filter_value=2",
        2.0,
    ),
}


def account(effort: Effort) -> list[Figure]:
    """Each round fills new servers."""
    empty: dict[str, list[float]] = {"GET": [], "POST": []}
    full: dict[str, list[float]] = {"GET": [], "POST": []}
    lists: dict[str, list[float]] = {name: [] for name in LISTS}
    resets: list[float] = []
    for number in range(effort.rounds):
        print(f"a large account, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmarks-")))
            server = stack.enter_context(mockserver())
            jobs = prepared(server)
            for job in jobs:
                empty[job.method].append(run(server, job, 32, effort.seconds, folder).rate)
            server.mock("POST", "/accounts/bench/reset")
            jobs = prepared(server)
            fill(server, jobs[1], _RESET, folder)
            begun = time.perf_counter()
            server.mock("POST", "/accounts/bench/reset")
            resets.append((time.perf_counter() - begun) * 1000)
            jobs = prepared(server)
            fill(server, jobs[1], MANY, folder)
            _second_customer(server)
            for job in jobs:
                full[job.method].append(run(server, job, 32, effort.seconds, folder).rate)
            for name, (query, _) in LISTS.items():
                lists[name].append(_asked(server, query))
    found = [
        Figure(
            f"{method}, memory, 32 connections, {MANY:,} billograms", "requests/s", rates, empty[method], 0.85
        )
        for method, rates in full.items()
    ]
    for name, times in lists.items():
        found.append(Figure(f"{name}, of {MANY:,}", "ms", times, bound=LISTS[name][1], less_is_more=True))
    name = f"reset of an account with {_RESET:,} billograms"
    return [*found, Figure(name, "ms", resets, bound=10.0, less_is_more=True)]


def fill(server: Server, job: Job, count: int, folder: Path) -> None:
    """POST until there are at least so many."""
    while _total(server) < count:
        run(server, job, _FILLING, 1, folder)


def _total(server: Server) -> int:
    return int(server.call("GET", "/billogram?page=1&page_size=1").body["meta"]["total_count"])


def _second_customer(server: Server) -> None:
    number = server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"]
    assert number == 2, number
    for _ in range(100):
        server.call("POST", "/billogram", {"customer": {"customer_no": number}, "items": [ROW]})


def _asked(server: Server, query: str) -> float:
    """Median milliseconds of one list over one connection."""
    parts = urlsplit(server.url)
    times = []
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        for _ in range(_ASKED):
            begun = time.perf_counter()
            connection.request("GET", f"{parts.path}/billogram?{query}", headers=HEADERS)
            response = connection.getresponse()
            content = response.read()
            times.append((time.perf_counter() - begun) * 1000)
            assert response.status == 200, content
    return median(times)


def memory(effort: Effort) -> list[Figure]:
    """Resident memory: empty, and for each sent billogram, callbacks off; replay of what was written."""
    empty, each, replays = [], [], []
    for number in range(min(effort.rounds, 3)):
        print(f"memory and replay, round {number + 1}", file=sys.stderr, flush=True)
        with TemporaryDirectory(prefix="benchmarks-") as name:
            folder = Path(name)
            with mockserver() as server:
                before = server.resident()
                empty.append(before / 1e6)
                job = prepared(server)[1]
                sending = Job("POST", "/billogram", {**job.body, "on_success": _SENT})
                fill(server, sending, 20_000, folder)
                each.append((server.resident() - before) / _total(server) / 1000)
            with mockserver(folder / "log.sqlite") as server:
                fill(server, prepared(server)[1], MANY, folder)
                acts = server.mock("GET", "/accounts/bench")["counts"]["acts"]
            begun = time.perf_counter()
            with mockserver(folder / "log.sqlite"):
                replayed = time.perf_counter() - begun
            begun = time.perf_counter()
            with mockserver(folder / "empty.sqlite"):
                nothing = time.perf_counter() - begun
            replays.append((replayed - nothing) / acts * MANY)
    return [
        Figure("memory of an empty server", "MB", empty, bound=60.0, less_is_more=True),
        Figure("memory of a sent billogram", "kB", each, bound=10.0, less_is_more=True),
        Figure(f"replay of {MANY:,} records", "s", replays, bound=1.0, less_is_more=True),
    ]
