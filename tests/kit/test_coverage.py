"""Coverage of a suite: gathered over its tests and the workers of pytest-xdist (reference: control 8)."""

import json
from pathlib import Path
from typing import Any

import httpx  # noqa: F401  # runs inside this process would load it anew
import pytest

import mockserver.kit.account
import mockserver.serving  # noqa: F401
from mockserver.control import coverage as tables
from tests.kit.test_plugin import HELPER, INI

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from helper import sent
from mockserver import Mockserver

@pytest.mark.parametrize("amount", [25, 100, 125])
def test_paid(billogram, amount):
    key = sent(billogram)
    billogram.pay(key, amount)
    billogram.webhooks.wait("Payment")

def test_refused(billogram):
    assert billogram.http.get("/billogram/none").status_code == 404

def test_recalled(billogram):
    payment = billogram.pay(sent(billogram), 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.recall(payment, type="refund", code="MD06")

def test_a_server_of_its_own():
    with Mockserver(clock="frozen") as server:
        account = server.account("shop")
        assert account.http.get("/settings").status_code == 200
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(helper=HELPER, test_shop=SUITE)
    pytester.makeini(INI)
    return pytester


def gathered(suite: pytest.Pytester, *options: str) -> tuple[dict[str, Any], str]:
    """The coverage as written by a run of its own, and what was printed."""
    done = suite.runpytest_subprocess("--billogram-coverage=found.json", *options)
    done.assert_outcomes(passed=6)
    found: dict[str, Any] = json.loads(Path("found.json").read_text(encoding="utf-8"))
    return found, done.stdout.str()


def test_two_workers_give_what_one_process_gives(suite: pytest.Pytester) -> None:
    alone, printed = gathered(suite)
    operations = {each["item"]: each["count"] for each in alone["groups"]["operations"]["seen"]}
    assert operations == {"POST /customer": 4, "GET /settings": 1, "POST /billogram": 4}
    assert alone["groups"]["callbacks"]["seen"][0]["item"] == "BillogramEvent 2xx"
    (code,) = alone["groups"]["r_transaction_codes"]["seen"]
    assert code == {
        "item": "MD06",
        "count": 1,
        "example": "test_shop.py::test_recalled",
        "account": None,
    }
    (found,) = [each for each in alone["groups"]["events"]["seen"] if each["item"] == "Payment"]
    assert (found["count"], found["example"]) == (4, "test_shop.py::test_paid[100]")
    assert f"total  {alone['total']}".split() in [line.split()[:2] for line in printed.splitlines()]
    both, printed = gathered(suite, "-n", "2")
    assert both == alone
    assert "billogram coverage" in printed
    assert "never exercised" not in printed


def test_under_the_limit(suite: pytest.Pytester) -> None:
    done = suite.runpytest_subprocess("--billogram-coverage-fail-under=90")
    done.assert_outcomes(passed=6)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*billogram coverage*", "never exercised, commands:", "*send,*", "FAILED: *"])
    done.stdout.fnmatch_lines(["FAILED: billogram coverage of * % is under the limit of 90 %"])
    assert suite.runpytest_subprocess("--billogram-coverage-fail-under=1", "-n", "2").ret == 0


def test_the_items_that_a_project_uses(suite: pytest.Pytester) -> None:
    items = "\n  ".join(["operations: POST *omer", "callbacks: BillogramEvent 2xx", "errors: NOT_FOUND"])
    suite.makeini(f"{INI}billogram_coverage_items =\n  {items}\n")
    found, printed = gathered(suite, "--billogram-coverage-fail-under=100")
    assert (found["percent"], found["total"]) == (100, "3/3")
    assert list(found["groups"]) == ["operations", "callbacks", "errors"]
    assert "never exercised" not in printed
    suite.makeini(f"{INI}billogram_coverage_items = operations: POST /nothing\n")
    done = suite.runpytest_subprocess("--billogram-coverage")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*billogram_coverage_items: no item matches operations: POST /nothing"])


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.html", "<!doctype html>"), ("a.xml", "<?xml"), ("a.txt", "operations "), ("a.json", "{")],
)
def test_the_end_of_its_name_chooses_the_form_of_a_file(
    suite: pytest.Pytester, name: str, start: str
) -> None:
    suite.runpytest_subprocess(f"--billogram-coverage={name}", "-k", "refused").assert_outcomes(
        passed=1, deselected=5
    )
    assert Path(name).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize("file", ["test_shop.py", "nowhere/a.json", "."])
def test_a_bad_file_is_refused(suite: pytest.Pytester, file: str) -> None:
    done = suite.runpytest_subprocess("--billogram-coverage", file)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*--billogram-coverage={file}: must be a file in an existing folder*"])
    assert "def test_paid" in Path("test_shop.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", ["101", "-1", "many", "nan"])
def test_a_bad_limit_is_refused(suite: pytest.Pytester, limit: str) -> None:
    done = suite.runpytest_subprocess(f"--billogram-coverage-fail-under={limit}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR


def test_nothing_is_gathered_unless_asked_for(suite: pytest.Pytester) -> None:
    done = suite.runpytest_subprocess("-k", "refused")
    assert "billogram coverage" not in done.stdout.str()


def test_a_suite_without_a_server(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_shop="def test_nothing(): pass")
    done = suite.runpytest_subprocess("--billogram-coverage")
    count = sum(map(len, tables.universe().values()))
    done.stdout.fnmatch_lines([f"total *0/{count} *0.0 %*"])
    assert done.ret == 0


def test_a_worker_that_crashes_is_named(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_crash="import os\ndef test_crash(billogram): os._exit(1)")
    done = suite.runpytest_subprocess("--billogram-coverage", "-n", "1", "test_crash.py")
    done.stdout.fnmatch_lines(["a worker crashed: what its tests exercised is missing"])


def test_a_file_that_can_not_be_written(suite: pytest.Pytester) -> None:
    Path("a.json").mkdir()
    done = suite.runpytest_subprocess("--billogram-coverage=a.json", "-k", "refused")
    done.stdout.fnmatch_lines(["a.json can't be written: *"])
    assert done.ret == pytest.ExitCode.TESTS_FAILED
