"""The pytest plugin: fixtures `billogram_server` and `billogram`, and the timeline in reports of failures.

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
    from mockserver.kit.order_reruns import OrderRun
    from mockserver.kit.server import Mockserver

_MARKER = (
    "billogram(fixture=None, allow_failed_webhooks=False, allow_not_built=False): the fixture (a name of the "
    "library, or a file) that the account of the test starts from, and what does not fail the test: "
    "webhooks that can't be delivered, operations that answer 501"
)
_ORDERS = (
    "billogram_orders(max=24, late=False): run the test unchanged, and then under at most `max` other "
    "orders and duplicates of its webhooks; the smallest that breaks it is reported. late: webhooks may also "
    "arrive after others that the test waits for"
)
_OPTIONS = ("fixture", "allow_failed_webhooks", "allow_not_built")

_account = pytest.StashKey["BillogramAccount"]()
_timeline = pytest.StashKey[str]()
_raised = pytest.StashKey[list[str]]()  # what the application raised, of an account that is removed
_order_run: "pytest.StashKey[OrderRun]" = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _ORDERS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test with the marker `billogram_orders` once for each order of its webhooks."""
    if item.get_closest_marker("billogram_orders") is None:
        return None
    from mockserver.kit import order_reruns

    return order_reruns.protocol(item, nextitem, _order_run)


@pytest.fixture(scope="session")
def billogram_server() -> "Iterator[Mockserver]":
    """A server for the whole session, on a free port. The clocks of its accounts are frozen."""
    from mockserver.kit.server import Mockserver
    from mockserver.serving import NoThreads, check_threads

    try:
        check_threads()
    except NoThreads as error:
        pytest.fail(str(error), pytrace=False)
    with Mockserver(clock="frozen") as server:
        yield server


@pytest.fixture
def billogram(request: pytest.FixtureRequest, billogram_server: "Mockserver") -> "Iterator[BillogramAccount]":
    """A new account for this test. Its webhooks are sent to `billogram.webhooks`, signed."""
    from mockserver.kit.account import BillogramAccount

    item = request.node
    options = _marker_options(item)
    name, seed = _identity(item.nodeid)
    order_run, fixture = item.stash.get(_order_run, None), options.get("fixture")
    account = BillogramAccount(billogram_server, name, seed=seed, fixture=fixture, order_run=order_run)
    item.stash[_account] = account
    try:
        yield account
        problems = _problems(account, options)
        if problems:
            item.stash[_timeline] = account.timeline_text()
            item.stash[_raised] = _new_tracebacks(account)
            pytest.fail("\n".join(problems), pytrace=False)
    finally:
        del item.stash[_account]
        account.close()


def _marker_options(item: pytest.Item) -> dict[str, Any]:
    """The options of the test's markers, the nearest first. Raises UsageError for an unknown option."""
    found: dict[str, Any] = {}
    for marker in item.iter_markers("billogram"):
        unknown = [*map(str, marker.args), *(set(marker.kwargs) - set(_OPTIONS))]
        if unknown:
            known, not_known = ", ".join(_OPTIONS), ", ".join(unknown)
            raise pytest.UsageError(f"{item.nodeid}: the marker billogram knows {known}, not {not_known}")
        found = {**marker.kwargs, **found}
    return found


def _identity(nodeid: str) -> tuple[str, int]:
    """Name and seed of a test's account: the same in every run. The name depends on the worker too."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    test = re.sub(r"[^a-z0-9]+", "-", nodeid.rpartition("::")[2].lower()).strip("-")[:50]
    digest = hashlib.blake2b(f"{worker}:{nodeid}".encode(), digest_size=4).hexdigest()
    seed = int.from_bytes(hashlib.blake2b(nodeid.encode(), digest_size=6).digest())
    return f"{test or 'test'}-{digest}", seed


def _problems(account: "BillogramAccount", options: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for each in account.with_forks():
        each.end_of_test()
        if not options.get("allow_failed_webhooks") and (lines := each.undelivered()):
            found += [f"webhooks could not be delivered ({_hint('allow_failed_webhooks')})", *lines]
        if not options.get("allow_not_built") and (names := each.operations_not_built()):
            found += [f"not built yet, answered 501 ({_hint('allow_not_built')})", *(f"  {n}" for n in names)]
    return found


def _new_tracebacks(account: "BillogramAccount") -> list[str]:
    return [line for each in account.with_forks() for line in each.new_tracebacks()]


def _hint(name: str) -> str:
    return f"if that is meant: @pytest.mark.billogram({name}=True)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Finish deliveries that are pending when the test function returns, before fixtures are torn down."""
    try:
        return (yield)
    finally:
        account = item.stash.get(_account, None)
        if account is not None:
            for each in account.with_forks():
                each.end_of_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timeline to the report of a failure."""
    report = yield
    if report.failed:
        account = item.stash.get(_account, None)
        text = item.stash.get(_timeline, None)
        if account is not None:
            try:
                text = account.timeline_text()
            except Exception as error:  # the report of the failure itself matters more
                text = f"the timeline can't be shown: {error!r}"
        raised = item.stash.get(_raised, []) if account is None else _new_tracebacks(account)
        if raised:
            report.sections.append(("billogram application", "\n".join(raised)))
        if text is not None:
            report.sections.append(("billogram timeline", text))
    return report
