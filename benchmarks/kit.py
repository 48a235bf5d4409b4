"""What the fixture `billogram` costs: for each test beyond its own requests, and over a whole suite."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Effort, Figure
from mockserver import BillogramAccount, Mockserver

_TESTS = 200  # in the suite
_ACCOUNTS = 200  # in a round
_WARM = 20
_SUITE = """
import pytest

PERSON = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
ROW = {"title": "Shovel", "count": 1, "price": 100, "vat": 25}
SEND = {"command": "send", "method": "Email"}


@pytest.mark.parametrize("number", range(NUMBER))
def test_paid(billogram, number):
    billogram.http.post("/customer", json=PERSON)
    body = {"customer": {"customer_no": 1}, "items": [ROW], "on_success": SEND}
    key = billogram.http.post("/billogram", json=body).json()["data"]["id"]
    billogram.pay(key, 125)
    assert billogram.webhooks.wait("BillogramEnded").signature_ok
"""


def fixtures(effort: Effort) -> list[Figure]:
    """An account made, looked over at the end and removed; a suite of tests alone and on two workers."""
    each: list[float] = []
    alone: list[float] = []
    workers: list[float] = []
    with TemporaryDirectory() as place:
        Path(place, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        suite = Path(place, "test_suite.py")
        suite.write_text(_SUITE.replace("NUMBER", str(_TESTS)), encoding="utf-8")
        for number in range(effort.rounds):
            print(f"the kit, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
            each.append(_an_account())
            alone.append(_suite(Path(place)))
            workers.append(_suite(Path(place), "-n", "2"))
    return [
        Figure("fixture billogram, beyond the test's requests", "ms", each, bound=5.0, less_is_more=True),
        Figure(f"pytest suite of {_TESTS} tests, the whole process", "s", alone),
        Figure(f"pytest suite of {_TESTS} tests with -n 2", "s", workers),
    ]


def _an_account() -> float:
    """Mean milliseconds for what the fixture does before and after a test."""
    with Mockserver(clock="frozen") as server:
        for number in range(_WARM):
            _life(server, number)
        begun = time.perf_counter()
        for number in range(_WARM, _WARM + _ACCOUNTS):
            _life(server, number)
        return (time.perf_counter() - begun) / _ACCOUNTS * 1000


def _life(server: Mockserver, number: int) -> None:
    with BillogramAccount(server, f"test-{number}", seed=number) as account:
        assert account.http
        account.end_of_test()  # once when the test function has returned, once at teardown
        account.end_of_test()
        assert account.undelivered() == account.unbuilt() == []


def _suite(place: Path, *options: str) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return took
