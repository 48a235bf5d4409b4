"""The example of an integration: its suite passes, and sees what is wrong with its broken receivers."""

import re
import subprocess
import sys

import httpx  # noqa: F401  # runs inside this process would load it anew
import pytest

import mockserver.kit.account  # noqa: F401
from tests.docs.pages import ROOT
from tests.e2e.served import clean_environment

pytest_plugins = ["pytester"]

SHOP = ROOT / "docs" / "examples" / "shop"
# plain: nobody reads why a test fails here, and without rewriting it starts in a third of the time
OPTIONS = ("-q", "-W", "error", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:asyncio")
RECEIVER = ("tests/test_orders.py", "tests/test_webhooks.py")


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["alone", "on two workers"])
def test_the_suite_passes(more: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pytest", "docs/examples/shop", *OPTIONS, *more]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize(
    ("receiver", "seen_by"),
    [
        (
            "broken:BooksTwice",
            {
                "test_a_webhook_that_comes_twice_is_booked_once",
                "test_a_webhook_that_could_not_be_worked_on_comes_again",
            },
        ),
        (
            "broken:TrustsOrder",
            {
                "test_the_newest_webhook_may_come_first",
                "test_a_webhook_that_could_not_be_worked_on_comes_again",
            },
        ),
        ("broken:AcceptsAnything", {"test_a_webhook_that_billogram_did_not_send_is_refused"}),
    ],
)
def test_a_mistake_of_the_receiver_is_seen(
    pytester: pytest.Pytester, receiver: str, seen_by: set[str]
) -> None:
    """And by no test in which every webhook comes once and in order: those can't see it."""
    files = [str(SHOP / name) for name in RECEIVER]
    result = pytester.runpytest_inprocess(*files, *OPTIONS, "--receiver", receiver)
    assert result.parseoutcomes().get("passed", 0) >= 12
    assert "errors" not in result.parseoutcomes()
    assert set(re.findall(r"^FAILED .*::(\w+)", result.stdout.str(), re.MULTILINE)) == seen_by
