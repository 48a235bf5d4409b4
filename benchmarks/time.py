"""A year on the clock of an account with many billograms: the move, reads beside it, the agenda."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import urlsplit

from benchmarks.load import CUSTOMER, ROW
from benchmarks.report import Effort, Figure
from benchmarks.servers import ACCOUNT, HEADERS, KEY, Server, mockserver

FEW, MANY = 1_000, 10_000
_BOUNDS = {FEW: 0.4, MANY: 4.0}  # seconds of a year
_ACTS = 5  # of each billogram: overdue, interest, three reminders
_REPORTS = 12  # of each month
_DEBITS = 0.6  # seconds of a year of FEW billograms with mandates
_PAYERS = 100
_IBAN = "DE89370400440532013000"
_AGENDA = 10  # times that it is asked for
_OTHER = "other"
_SENT = {"command": "send", "method": "Email"}
_PATIENCE = 120


def year(effort: Effort) -> list[Figure]:
    """Each move is made once on a server of its own."""
    moves: dict[tuple[int, str], list[float]] = {}
    agendas: list[float] = []
    debits: dict[str, list[float]] = {}
    reads: dict[str, list[float]] = {}
    rounds = min(effort.rounds, 3)
    for number in range(rounds):
        print(f"a year, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for storage in ("memory", "file"):
            for count in _BOUNDS:
                with _filled(storage, count) as server:
                    if count == MANY and storage == "memory":
                        agendas.append(_agenda(server))
                    moves.setdefault((count, storage), []).append(moved(server, count))
            with _served(storage) as server:
                debits.setdefault(storage, []).append(_collected(server))
            with _filled(storage, MANY) as server:
                reads.setdefault(storage, []).append(_read_beside(server))
    found = [
        Figure(f"a year, {count:,} billograms, {storage}", "s", runs, bound=_BOUNDS[count], less_is_more=True)
        for (count, storage), runs in moves.items()
    ]
    return [
        *found,
        *(
            Figure(f"a year, {FEW:,} debits, {storage}", "s", runs, bound=_DEBITS, less_is_more=True)
            for storage, runs in debits.items()
        ),
        Figure(f"agenda of {MANY:,} billograms", "ms", agendas, bound=50.0, less_is_more=True),
        *(
            Figure(f"GET beside such a move, {storage}", "ms, p99", runs, bound=25.0, less_is_more=True)
            for storage, runs in reads.items()
        ),
    ]


@contextmanager
def _served(storage: str) -> Iterator[Server]:
    with TemporaryDirectory(prefix="benchmarks-") as name:
        place = "memory" if storage == "memory" else Path(name) / "log.sqlite"
        with mockserver(place) as server:
            yield server


@contextmanager
def _filled(storage: str, count: int) -> Iterator[Server]:
    with _served(storage) as server:
        fill(server, count)
        yield server


def _collected(server: Server) -> float:
    """Seconds of a year of billograms with a mandate: 10 % of the debits are rejected, 5 % taken back."""
    account = f"/accounts/{ACCOUNT}"
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "clock": {"mode": "frozen"}})
    numbers = []
    for _ in range(_PAYERS):
        numbers.append(server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"])
        mandate = {"customer_no": numbers[-1], "iban": _IBAN, "signed_at": "2026-02-01 00:00:00"}
        assert server.call("POST", "/sepa_dd_mandate", mandate).body["status"] == "OK"
    plan: list[object] = ["ok"] * 17 + ["reject.AM04"] * 2 + [{"then": "refund.MD06", "after": "20d"}]
    server.mock("PUT", f"{account}/outcomes", {"match": None, "plan": plan * (FEW // len(plan))})
    for number in numbers:
        body: dict[str, object] = {
            "customer": {"customer_no": number},
            "items": [ROW],
            "currency": "EUR",
        }
        _send(server, body, FEW // _PAYERS)
    begun = time.perf_counter()
    moved = server.mock("POST", f"{account}/clock/advance", {"by": "1y"})
    passed = time.perf_counter() - begun
    assert moved["count"] > FEW, moved["count"]
    return passed


def fill(server: Server, count: int) -> None:
    """A frozen account with so many sent billograms, each of which will be reminded three times."""
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "clock": {"mode": "frozen"}})
    number = server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"]
    body = {
        "customer": {"customer_no": number},
        "items": [ROW],
        "interest_rate": 8,
        "reminder_fee": 60,
        "automatic_reminders_settings": [{"delay_days": days, "message": ""} for days in (5, 10, 10)],
    }
    _send(server, body, count)


def _send(server: Server, body: dict[str, object], count: int) -> None:
    parts, sent = urlsplit(server.url), json.dumps(body | {"on_success": _SENT})
    with closing(HTTPConnection(parts.netloc, timeout=_PATIENCE)) as connection:
        for _ in range(count):
            connection.request("POST", f"{parts.path}/billogram", sent, HEADERS)
            response = connection.getresponse()
            content = response.read()
            assert response.status == 200, content


def moved(server: Server, count: int) -> float:
    """Seconds of the request that moves the clock."""
    begun = time.perf_counter()
    moved = server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "1y"})
    passed = time.perf_counter() - begun
    assert moved["count"] == _ACTS * count + _REPORTS, moved["count"]
    return passed


def _agenda(server: Server) -> float:
    """Median milliseconds until the whole list is there."""
    times = []
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.netloc, timeout=_PATIENCE)) as connection:
        for _ in range(_AGENDA):
            begun = time.perf_counter()
            connection.request("GET", f"/_mock/accounts/{ACCOUNT}/agenda")
            response = connection.getresponse()
            content = response.read()
            times.append((time.perf_counter() - begun) * 1000)
            assert response.status == 200, content
    return median(times)


def _read_beside(server: Server) -> float:
    """The 99th percentile of GETs of a small account, one after the other while the big one moves."""
    server.mock("POST", "/accounts", {"id": _OTHER, "clock": {"mode": "frozen"}})
    parts = urlsplit(server.url)
    mover = Thread(target=moved, args=(server, MANY))
    times = []
    with closing(HTTPConnection(parts.netloc, timeout=_PATIENCE)) as connection:
        headers = {**HEADERS, "Mock-Account": _OTHER}
        mover.start()
        while mover.is_alive():
            begun = time.perf_counter()
            connection.request("GET", f"{parts.path}/settings", headers=headers)
            response = connection.getresponse()
            content = response.read()
            times.append((time.perf_counter() - begun) * 1000)
            assert response.status == 200, content
            time.sleep(0.002)
    mover.join()
    return sorted(times)[int(len(times) * 0.99)]
