"""A test with the marker `billogram_orders`: run as it is, then once for each other order of its webhooks.

Each turn sets up all fixtures of the function anew, with an account of the same id and seed. The first that
fails is made as small as it can be, and is the result of the test.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from _pytest.runner import runtestprotocol  # not public; other plugins that run a test again use it, too

from mockserver.app import Application
from mockserver.kit import orders
from mockserver.kit.orders import Order, flat
from mockserver.webhooks.policy import Policy

if TYPE_CHECKING:
    from mockserver.kit.account import BillogramAccount

_MOST = 24
_LIMIT = 1000

Reports = list[pytest.TestReport]


class Turn:
    """One run of the test. `order` None: as it is, and what waits together is noted.

    Otherwise callbacks wait until the test looks: at `webhooks`, or at its end; then all of them come, as the
    order has it, and the test goes on when nothing is under way any more [A].
    """

    def __init__(self, order: Order | None = None) -> None:
        self.order = order
        self.groups: list[tuple[str, ...]] = []
        self.names: dict[str, str] = {}
        self.came: list[str] = []
        self.seed = 0

    def begin(self, account: "BillogramAccount") -> None:
        """The account was made."""
        self.seed = account.seed
        if self.order is not None:
            account.server.run(self._hold(account, flat(self.order)))

    async def _hold(self, account: "BillogramAccount", plan: tuple[str, ...]) -> None:
        app = account.server.listener.app
        book = app.emulator.book(account.user)
        assert book is not None, "it was made just now"
        app.sender.lay_down(book, Policy(plan=plan))

    def look(self, account: "BillogramAccount", seconds: float) -> None:
        """The test wants to see what came."""
        account.server.run(self._look(account, seconds))

    async def _look(self, account: "BillogramAccount", seconds: float) -> None:
        app = account.server.listener.app
        book = app.emulator.book(account.user)
        if book is None:
            return
        desk = app.sender.desk(book)
        fresh = [
            each.planned for each in desk.deliveries.values() if each.planned.callback_id not in self.names
        ]
        for planned in fresh:
            words = [planned.event_type or planned.type, *([planned.billogram] if planned.billogram else [])]
            self.names[planned.callback_id] = " ".join(words)
        if fresh:
            self.groups.append(tuple(planned.callback_id for planned in fresh))
        if self.order is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _all_gone(app, account.user)

    def end(self, account: "BillogramAccount") -> None:
        """The account is about to be removed."""
        self.came = [each.json["callback_id"] for each in account.webhooks.came()]


async def _all_gone(app: Application, user: str) -> None:
    while (book := app.emulator.book(user)) is not None:
        desk = app.sender.desk(book)
        seen = book.signal.count
        app.sender.release(book)
        if not desk.busy:
            return
        await book.signal.wait(seen)


def protocol(item: pytest.Item, nextitem: pytest.Item | None, key: pytest.StashKey[Turn]) -> bool:
    """What pytest does for each test, for one with the marker; always True: it was done."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = _reports(item, key)
    # what was kept from turn to turn, as the fixtures of the module: unless the next test needs it
    session: Any = item.session
    last = _called(item, lambda: session._setupstate.teardown_exact(nextitem), "teardown")  # noqa: SLF001
    for report in [*reports, *last]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _called(item: pytest.Item, work: Callable[[], None], when: Any) -> Reports:
    """The report of something that is no part of a turn, if it failed."""
    call = pytest.CallInfo.from_call(work, when, reraise=(pytest.exit.Exception, KeyboardInterrupt))
    return [] if call.excinfo is None else [item.ihook.pytest_runtest_makereport(item=item, call=call)]


def _reports(item: pytest.Item, key: pytest.StashKey[Turn]) -> Reports:
    refused = _called(item, lambda: _check(item), "setup")
    if refused:
        return refused
    most: int = _marker(item).kwargs.get("max", _MOST)
    first = Turn()
    reports = _run(item, key, first)
    if not _passed(reports):
        return reports
    base = tuple(first.groups)
    wanted = orders.orders(base, first.seed, most)
    for number, order in enumerate(wanted, 1):
        turn = Turn(order)
        found = _run(item, key, turn)
        if not _passed(found):
            return _smallest(item, key, first, turn, found, tried=wanted[:number], most=most)
    reports[-1].user_properties.append(("billogram_orders", len(wanted)))
    return reports


def _smallest(
    item: pytest.Item,
    key: pytest.StashKey[Turn],
    first: Turn,
    turn: Turn,
    found: Reports,
    *,
    tried: list[Order],
    most: int,
) -> Reports:
    """The reports of the smallest order that can be found to fail, within what may be tried."""
    base, known = tuple(first.groups), set(tried)
    shrinking = True
    while shrinking:
        shrinking = False
        assert turn.order is not None, "the one without an order has passed"
        for order in orders.smaller(base, turn.order):
            if order in known or (len(known) >= most and order != base):
                continue
            known.add(order)
            again = Turn(order)
            reports = _run(item, key, again)
            if not _passed(reports):
                turn, found, shrinking = again, reports, True
                break
    broken = next(report for report in found if not report.passed or hasattr(report, "wasxfail"))
    broken.sections.insert(0, ("billogram orders", _told(first, turn, len(known))))
    return found


def _told(first: Turn, turn: Turn, number: int) -> str:
    assert turn.order is not None, "the one without an order has passed"
    base, names = flat(tuple(first.groups)), first.names | turn.names
    lines = orders.differences(base, turn.came, names.__getitem__) or orders.differences(
        base, flat(turn.order), names.__getitem__
    )
    if flat(turn.order) == base:
        lines = ["nothing came otherwise; but only when the test looked at billogram.webhooks, or at its end"]
    return "\n".join(
        [
            f"The test passes as it is, and fails when its webhooks come otherwise ({_count(number)} tried; "
            "this is the smallest that failed):",
            *(f"  {line}" for line in lines),
            f"as it is:   {_row(base, names)}",
            f"as it came: {_row(turn.came, names)}",
        ]
    )


def _count(number: int) -> str:
    return "1 order was" if number == 1 else f"{number} orders were"


def _row(keys: "tuple[str, ...] | list[str]", names: dict[str, str]) -> str:
    return ", ".join(names[key] for key in keys) or "nothing"


def _run(item: pytest.Item, key: pytest.StashKey[Turn], turn: Turn) -> Reports:
    """One turn: its reports, which nobody has seen yet."""
    item.stash[key] = turn
    anew: Any = item
    anew._report_sections.clear()  # noqa: SLF001  # what was printed in the turn before
    if getattr(item, "cls", None) is not None:
        vars(item).pop("_instance", None)  # a class has a new instance for each test
        vars(item).pop("_obj", None)
    try:
        # the parent as the next one: what belongs to the function is torn down, and nothing else
        return runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))
    finally:
        del item.stash[key]


def _passed(reports: Reports) -> bool:
    return all(
        each.passed or (isinstance(each.longrepr, str) and each.longrepr.startswith("[XPASS(strict)]"))
        for each in reports
    )


def _marker(item: pytest.Item) -> pytest.Mark:
    marker = item.get_closest_marker("billogram_orders")
    assert marker is not None, "this is only called for tests that have it"
    return marker


def _check(item: pytest.Item) -> None:
    marker = _marker(item)
    most = marker.kwargs.get("max", _MOST)
    number = isinstance(most, int) and not isinstance(most, bool) and 0 < most <= _LIMIT
    if marker.args or set(marker.kwargs) - {"max"} or not number:
        pytest.fail(f"the marker billogram_orders knows max, a number from 1 to {_LIMIT}", pytrace=False)
    if "billogram" not in getattr(item, "fixturenames", ()):
        pytest.fail("the marker billogram_orders is for tests with the fixture billogram", pytrace=False)
