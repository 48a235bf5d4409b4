"""The pytest plugin: fixtures `billogram_server` and `billogram`, the timeline of a failing test.

It is loaded in every pytest run where the package is installed, so it imports nothing before a fixture is
used.
"""

import hashlib
import os
import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.kit.account import BillogramAccount
    from mockserver.kit.order_reruns import Turn
    from mockserver.kit.server import Mockserver

_MARKER = (
    "billogram(fixture=None, allow_failed_webhooks=False, allow_not_built=False): what the account of the "
    "fixture of this name begins with (a name of the library, or a file), and what it does not mind: "
    "webhooks that can't be delivered, operations that answer 501"
)
_ORDERS = (
    "billogram_orders(max=24, late=False): run the test as it is, and then under at most so many other "
    "orders and duplicates of its webhooks; the smallest that breaks it is reported. late: webhooks may also "
    "come later than the test waits for others"
)
_ALLOWED = ("fixture", "allow_failed_webhooks", "allow_not_built")

_account = pytest.StashKey["BillogramAccount"]()
_told = pytest.StashKey[str]()
_turn: "pytest.StashKey[Turn]" = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """The markers."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _ORDERS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A test whose webhooks are to come in other orders is run several times."""
    if item.get_closest_marker("billogram_orders") is None:
        return None
    from mockserver.kit import order_reruns

    return order_reruns.protocol(item, nextitem, _turn)


@pytest.fixture(scope="session")
def billogram_server() -> "Iterator[Mockserver]":
    """A server for the whole session, on a free port; the clocks of its accounts stand still."""
    from mockserver.kit.server import Mockserver

    with Mockserver(clock="frozen") as server:
        yield server


@pytest.fixture
def billogram(request: pytest.FixtureRequest, billogram_server: "Mockserver") -> "Iterator[BillogramAccount]":
    """A fresh account of its own for this test; its webhooks come to `billogram.webhooks`, signed."""
    from mockserver.kit.account import BillogramAccount

    item = request.node
    allowed = _allowed(item)
    name, seed = _identity(item.nodeid)
    turn, fixture = item.stash.get(_turn, None), allowed.get("fixture")
    account = BillogramAccount(billogram_server, name, seed=seed, fixture=fixture, turn=turn)
    item.stash[_account] = account
    try:
        yield account
        problems = _problems(account, allowed)
        if problems:
            item.stash[_told] = account.told()
            pytest.fail("\n".join(problems), pytrace=False)
    finally:
        del item.stash[_account]
        account.close()


def _allowed(item: pytest.Item) -> dict[str, Any]:
    """What the nearest markers say; UsageError for a word that is not known."""
    found: dict[str, Any] = {}
    for marker in item.iter_markers("billogram"):
        unknown = [*map(str, marker.args), *(set(marker.kwargs) - set(_ALLOWED))]
        if unknown:
            known, not_known = ", ".join(_ALLOWED), ", ".join(unknown)
            raise pytest.UsageError(f"{item.nodeid}: the marker billogram knows {known}, not {not_known}")
        found = {**marker.kwargs, **found}
    return found


def _identity(nodeid: str) -> tuple[str, int]:
    """Name and seed of a test's account: the same in every run; the seed on every worker too."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    test = re.sub(r"[^a-z0-9]+", "-", nodeid.rpartition("::")[2].lower()).strip("-")[:50]
    digest = hashlib.blake2b(f"{worker}:{nodeid}".encode(), digest_size=4).hexdigest()
    seed = int.from_bytes(hashlib.blake2b(nodeid.encode(), digest_size=6).digest())
    return f"{test or 'test'}-{digest}", seed


def _problems(account: "BillogramAccount", allowed: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for each in account.family():
        each.end_of_test()
        if not allowed.get("allow_failed_webhooks") and (lines := each.undelivered()):
            found += [f"webhooks could not be delivered ({_hint('allow_failed_webhooks')})", *lines]
        if not allowed.get("allow_not_built") and (names := each.unbuilt()):
            found += [f"not built yet, answered 501 ({_hint('allow_not_built')})", *(f"  {n}" for n in names)]
    return found


def _hint(name: str) -> str:
    return f"if that is meant: @pytest.mark.billogram({name}=True)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """What is under way when the test function returns comes to its end before other fixtures go."""
    try:
        return (yield)
    finally:
        account = item.stash.get(_account, None)
        if account is not None:
            for each in account.family():
                each.end_of_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The timeline in the report of a failure."""
    report = yield
    if report.failed:
        account = item.stash.get(_account, None)
        text = item.stash.get(_told, None)
        if account is not None:
            try:
                text = account.told()
            except Exception as error:  # the failure itself must be seen all the same
                text = f"the timeline can't be shown: {error!r}"
        if text is not None:
            report.sections.append(("billogram timeline", text))
    return report
