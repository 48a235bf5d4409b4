"""What the fixture `billogram` costs: for each test beyond its own requests, and over a whole suite."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers import PLACE as PEERS
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

# the same number of tests on the fixtures of others: each makes what it needs, writes, reads, asserts
_OTHERS = {
    "pytest-httpserver": """
import pytest
import requests


@pytest.mark.parametrize("number", range(NUMBER))
def test_paid(httpserver, number):
    httpserver.expect_request("/customer", method="POST").respond_with_json({"data": {"customer_no": 1}})
    httpserver.expect_request("/billogram", method="POST").respond_with_json({"data": {"id": "fcHXLiW"}})
    httpserver.expect_request("/billogram/fcHXLiW").respond_with_json({"data": {"state": "Paid"}})
    assert requests.post(httpserver.url_for("/customer"), json={"name": "Test Customer AB"}).ok
    key = requests.post(httpserver.url_for("/billogram"), json={}).json()["data"]["id"]
    assert requests.get(httpserver.url_for(f"/billogram/{key}")).json()["data"]["state"] == "Paid"
""",
    "moto": """
import boto3
import pytest
from moto import mock_aws

KEYS = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}


@pytest.fixture
def table():
    with mock_aws():
        yield boto3.resource("dynamodb", **KEYS).create_table(
            TableName="billogram",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


@pytest.mark.parametrize("number", range(NUMBER))
def test_paid(table, number):
    table.put_item(Item={"id": "fcHXLiW", "state": "Paid"})
    assert table.get_item(Key={"id": "fcHXLiW"})["Item"]["state"] == "Paid"
""",
}


def others(effort: Effort) -> list[Figure]:
    """The whole process of a suite of ours, beside one of theirs. Nothing where they are not installed."""
    if not (PEERS / "installed").exists():
        return []
    found: dict[str, list[float]] = {}
    with TemporaryDirectory() as place:
        Path(place, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        suite = Path(place, "test_suite.py")
        python = str(PEERS / "bin" / "python")
        for number in range(min(effort.rounds, 3)):
            print(f"fixtures of others, round {number + 1}", file=sys.stderr, flush=True)
            for name, source in {"ours": _SUITE, **_OTHERS}.items():
                suite.write_text(source.replace("NUMBER", str(_TESTS)), encoding="utf-8")
                with_ = sys.executable if name == "ours" else python
                found.setdefault(name, []).append(_suite(Path(place), python=with_))
    return [
        Figure(
            f"pytest suite of {_TESTS} tests, beside {name}",
            "s",
            found["ours"],
            found[name],
            less_is_more=True,
        )
        for name in _OTHERS
    ]


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
        assert account.undelivered() == []


def _suite(place: Path, *options: str, python: str = sys.executable) -> float:
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return took
