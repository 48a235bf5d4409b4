"""The pytest plugin: fixtures `billogram_server` and `billogram`, and the timeline in reports of failures.

It is loaded in every pytest run where the package is installed, so it imports nothing before a fixture is
used.
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Unpack

import pytest

if TYPE_CHECKING:
    from mockserver.kit.account import BillogramAccount
    from mockserver.kit.coverage import Gathered
    from mockserver.kit.new_account import KeyedOptions
    from mockserver.kit.order_reruns import OrderRun
    from mockserver.kit.server import Mockserver

_MARKER = (
    "billogram(fixture=None, key=, sign_key=, now=, seed=, timezone=, settings=, features=, "
    "default_due_days=, market=, pdf_delay=, allow_failed_webhooks=False): what the account of the test is "
    "created with, such as the fixture (a name of the library, or a file) that it starts from, and whether "
    "webhooks that can't be delivered do not fail the test"
)
_ORDERS = (
    "billogram_orders(max=24, late=False): run the test unchanged, and then under at most `max` other "
    "orders and duplicates of its webhooks; the smallest that breaks it is reported. late: webhooks may also "
    "arrive after others that the test waits for"
)
_ALLOWED = ("allow_failed_webhooks",)
_HINT = "@pytest.mark.billogram({}=True)"
_FIXTURE = "billogram"


class _Owned(NamedTuple):
    """The account of a fixture, what does not fail its tests, and the problems that were reported of it."""

    account: "BillogramAccount"
    allowed: dict[str, bool]
    reported: set[str]


# of a test, class, module, package or session: its accounts, by the name of the fixture
_accounts = pytest.StashKey[dict[str, _Owned]]()
_timeline = pytest.StashKey[str]()  # of accounts that are removed
_raised = pytest.StashKey[list[str]]()  # what the applications of these raised
_gathered: "pytest.StashKey[Gathered]" = pytest.StashKey()  # with --billogram-coverage
_worker_lost = pytest.StashKey[bool]()
_unwritten = pytest.StashKey[str]()  # why a file of it could not be written
_OUTPUT = "billogram_coverage"  # of a worker of pytest-xdist
_order_run: "pytest.StashKey[OrderRun]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of coverage."""
    group = parser.getgroup("billogram")
    group.addoption(
        "--billogram-coverage",
        nargs="?",
        const="",
        metavar="FILE",
        help="show what of Billogram's API the tests exercised; the end of FILE chooses its form: .json, "
        ".html, .xml (JUnit) or .txt",
    )
    group.addoption(
        "--billogram-coverage-fail-under",
        type=_percent,
        metavar="PERCENT",
        help="fail if less of Billogram's API was exercised, and list what was not",
    )
    parser.addini(
        "billogram_coverage_items",
        "what the project uses of Billogram's API, as patterns such as `commands: credit *`: coverage is of "
        "these items alone",
        type="linelist",
        default=[],
    )


def _percent(text: str) -> float:
    percent = float(text)
    if not 0 <= percent <= 100:
        raise ValueError("must be from 0 to 100")
    return percent


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and begin to gather coverage if it is asked for."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _ORDERS)
    file, limit = config.option.billogram_coverage, config.option.billogram_coverage_fail_under
    if file is None and limit is None:
        return
    from mockserver.kit import coverage
    from mockserver.kit.server import Mockserver

    if file and (Path(file).suffix not in coverage.WRITERS or not Path(file).absolute().parent.is_dir()):
        known = ", ".join(coverage.WRITERS)
        raise pytest.UsageError(
            f"--billogram-coverage={file}: must be a file in an existing folder, named with {known}"
        )
    try:
        coverage.check_patterns(config.getini("billogram_coverage_items"))
    except coverage.UnknownItem as error:
        raise pytest.UsageError(f"billogram_coverage_items: {error}") from None
    config.stash[_gathered] = gathered = coverage.Gathered()
    Mockserver.on_stop = gathered.add_server


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop gathering coverage."""
    if _gathered in config.stash:
        from mockserver.kit.server import Mockserver

        Mockserver.on_stop = None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Add the coverage of a worker of pytest-xdist."""
    gathered = node.config.stash.get(_gathered, None)
    if gathered is None:
        return
    packed = getattr(node, "workeroutput", {}).get(_OUTPUT)
    if packed is None:
        node.config.stash[_worker_lost] = True
    else:
        gathered.add_packed(packed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass the coverage of a worker on; elsewhere write it, and fail the run if it is under the limit."""
    config = session.config
    gathered = config.stash.get(_gathered, None)
    if gathered is None:
        return
    if (output := getattr(config, "workeroutput", None)) is not None:
        output[_OUTPUT] = gathered.packed()
        return
    from mockserver.kit import coverage

    shown, limit = _coverage(config), config.option.billogram_coverage_fail_under
    failed = limit is not None and shown["percent"] < limit
    if file := config.option.billogram_coverage:
        try:
            coverage.write(Path(file), shown, limit)
        except OSError as error:
            config.stash[_unwritten] = f"{file} can't be written: {error.strerror}"
            failed = True
    if failed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the coverage, and below the limit what was never exercised."""
    if _gathered not in config.stash:
        return
    from mockserver import coverage_report

    shown, limit = _coverage(config), config.option.billogram_coverage_fail_under
    under = limit is not None and shown["percent"] < limit
    terminalreporter.section("billogram coverage")
    for line in coverage_report.text(shown, missing=under):
        terminalreporter.write_line(line)
    if (problem := config.stash.get(_unwritten, None)) is not None:
        terminalreporter.write_line(problem, red=True)
    if config.stash.get(_worker_lost, False):
        terminalreporter.write_line("a worker crashed: what its tests exercised is missing", red=True)
    if under:
        verdict = coverage_report.verdict(shown, limit)
        terminalreporter.write_line(f"FAILED: billogram coverage of {verdict}", red=True)


def _coverage(config: pytest.Config) -> Any:
    return config.stash[_gathered].coverage(config.getini("billogram_coverage_items"))


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
    yield from _new_account(request, billogram_server, {})


def billogram_account(
    scope: Literal["function", "class", "module", "package", "session"] = "function",
    *,
    allow_failed_webhooks: bool = False,
    **options: "Unpack[KeyedOptions]",
) -> Any:
    """Make a fixture: an account for a test, class, module, package or session, with these options.

    `shop = billogram_account("module", fixture="demo")` in a conftest.py or a test file is the fixture
    `shop`. Each test that uses it is checked at its end, and shows the timeline of the account if it fails.
    """
    given = {**options, _ALLOWED[0]: allow_failed_webhooks}

    @pytest.fixture(scope=scope)
    def account(
        request: pytest.FixtureRequest, billogram_server: "Mockserver"
    ) -> "Iterator[BillogramAccount]":
        yield from _new_account(request, billogram_server, given)

    return account


def _new_account(
    request: pytest.FixtureRequest, server: "Mockserver", given: dict[str, Any]
) -> "Iterator[BillogramAccount]":
    from mockserver.kit.account import BillogramAccount
    from mockserver.kit.new_account import identity

    node, name = request.node, request.fixturename or _FIXTURE
    options = given | _marker_options(node)
    allowed = {each: bool(options.pop(each, False)) for each in _ALLOWED}
    user, seed = identity(node.nodeid if name == _FIXTURE else f"{node.nodeid}::{name}")
    order_run = node.stash.get(_order_run, None) if name == _FIXTURE else None
    account = BillogramAccount(server, user, order_run=order_run, **{"seed": seed, **options})
    accounts = node.stash.setdefault(_accounts, {})
    accounts[name] = owned = _Owned(account, allowed, set())
    try:
        yield account
        for each in account.with_forks():
            each.end_of_test()
        problems = _new_problems(owned, {})
        if problems:
            request.config.stash[_timeline] = account.timeline_text()
            request.config.stash[_raised] = account.new_tracebacks()
            pytest.fail("\n".join(problems), pytrace=False)
    finally:
        del accounts[name]
        if (gathered := request.config.stash.get(_gathered, None)) is not None:
            gathered.add_test(node.nodeid, account.control("GET", "/coverage"))
        account.close()


def _marker_options(node: pytest.Item) -> dict[str, Any]:
    """The options of the markers of a test, class or module, the nearest first; UsageError."""
    from mockserver.kit.new_account import NAMES

    found: dict[str, Any] = {}
    known = (*NAMES, *_ALLOWED)
    for marker in node.iter_markers("billogram"):
        unknown = [*map(str, marker.args), *(each for each in marker.kwargs if each not in known)]
        if unknown:
            text = f"knows {', '.join(known)}, not {', '.join(unknown)}"
            raise pytest.UsageError(f"{node.nodeid}: the marker billogram {text}")
        found = {**marker.kwargs, **found}
    return found


def _used(item: pytest.Item) -> Iterator[tuple[Any, _Owned]]:
    """The accounts that a test uses, each with the test, class, module, package or session that it is for."""
    used = getattr(item, "fixturenames", ())
    for node in reversed(item.listchain()):
        for name, owned in node.stash.get(_accounts, {}).items():
            if node is item or name in used:
                yield node, owned


def _new_problems(owned: _Owned, options: dict[str, Any]) -> list[str]:
    """What is wrong with an account since the test before, unless it is allowed."""
    allowed = {each: owned.allowed[each] or bool(options.get(each)) for each in _ALLOWED}
    every = owned.account.problems(_HINT, **dict.fromkeys(_ALLOWED, False))
    found = [line for line in owned.account.problems(_HINT, **allowed) if line not in owned.reported]
    owned.reported.update(line for line in every if line.startswith("  "))
    return found if any(line.startswith("  ") for line in found) else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Finish deliveries that are pending when the test function returns, before fixtures are torn down."""
    try:
        return (yield)
    finally:
        for _, owned in _used(item):
            for each in owned.account.with_forks():
                each.end_of_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Check the accounts that the test shares with others: their own end may be far away."""
    problems: list[str] = []
    texts: list[str] = []
    raised: list[str] = []
    for node, owned in _used(item):
        if node is item:
            continue
        found = _new_problems(owned, _marker_options(item))
        problems += found
        if found:
            texts.append(owned.account.timeline_text())
            raised += owned.account.new_tracebacks()
        for each in owned.account.with_forks():
            each.begin_test()
    result = yield
    if problems:
        item.config.stash[_timeline] = "\n\n".join(texts)
        item.config.stash[_raised] = raised
        pytest.fail("\n".join(problems), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timeline to the report of a failure."""
    report = yield
    if report.failed:
        texts = []
        raised = item.config.stash.get(_raised, [])
        item.config.stash[_raised] = []
        for _, owned in _used(item):
            try:
                texts.append(owned.account.timeline_text())
            except Exception as error:  # the report of the failure itself matters more
                texts.append(f"the timeline can't be shown: {error!r}")
            raised += owned.account.new_tracebacks()
        text = item.config.stash.get(_timeline, None) or "\n\n".join(texts)
        item.config.stash[_timeline] = ""
        if raised:
            report.sections.append(("billogram application", "\n".join(raised)))
        if text:
            report.sections.append(("billogram timeline", text))
    return report
