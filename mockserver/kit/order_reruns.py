"""A test with the marker `billogram_orders`: run as it is, then once for each other order of its webhooks.

Each turn sets up all fixtures of the function anew, with an account of the same id and seed. The first that
fails is made as small as it can be, and is the result of the test.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from _pytest.runner import runtestprotocol  # not public; other plugins that run a test again use it, too

from mockserver.asgi import Application
from mockserver.core.callbacks import Planned
from mockserver.kit import orders
from mockserver.kit.orders import Order, flat
from mockserver.kit.server_thread import ServerThread
from mockserver.webhooks.policy import Policy

_MOST = 24
_LIMIT = 1000

Asked = tuple[str, str | None]  # an event or callback type, and a billogram
Reports = list[pytest.TestReport]


class Turn:
    """One run of the test. `order` None: as it is, and what waits together is noted.

    Otherwise callbacks wait until the test looks: at `webhooks`, or at its end; then all of them come, as the
    order has it, and the test goes on when nothing is under way any more [A]. When it waits for one by name,
    those that the order has at a later look stay behind.
    """

    def __init__(self, order: Order | None = None) -> None:
        self.order = order
        self.groups: list[tuple[str, ...]] = []  # one for each look
        self.asked: list[Asked | None] = []  # likewise: what was waited for, if it was named
        self.planned: dict[str, Planned] = {}
        self.came: list[str] = []
        self.seed = 0
        self._server: ServerThread | None = None  # where its account is
        self._user = ""

    def begin(self, server: ServerThread, user: str, seed: int) -> None:
        """The account of this user was made."""
        self._server, self._user, self.seed = server, user, seed
        if self.order is not None:
            server.run(self._hold(server.listener.app, flat(self.order)))

    async def _hold(self, app: Application, plan: tuple[str, ...]) -> None:
        live = app.emulator.live(self._user)
        assert live is not None, "it was made just now"
        app.sender.configure(live, Policy(plan=plan))

    def look(self, seconds: float, asked: Asked | None) -> None:
        """The test wants to see what came."""
        assert self._server is not None, "an account was made"
        self._server.run(self._look(self._server.listener.app, seconds, asked))

    async def _look(self, app: Application, seconds: float, asked: Asked | None) -> None:
        live = app.emulator.live(self._user)
        if live is None:
            return
        planned = {
            each.planned.callback_id: each.planned for each in app.sender.deliveries(live).by_id.values()
        }
        self.groups.append(tuple(key for key in planned if key not in self.planned))
        self.asked.append(asked)
        self.planned |= planned
        if self.order is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _all_gone(app, self._user, self._stay(self.order))

    def _stay(self, order: Order) -> set[str]:
        """What the order has at a later look than this one, which is for others."""
        asked = self.asked[-1]
        if asked is None:
            return set()
        later = flat(order[len(self.asked) :])
        return {key for key in later if key in self.planned and not _is(asked, self.planned[key])}

    def late(self) -> dict[str, range]:
        """For what nobody has waited by name: at which later looks it may come as well."""
        named = [asked for asked in self.asked if asked is not None]
        found = {}
        for number, group in enumerate(self.groups):
            end = number + 1
            while end < len(self.groups) and self.asked[end - 1] is not None:
                end += 1
            for key in group:
                if end > number + 1 and not any(_is(asked, self.planned[key]) for asked in named):
                    found[key] = range(number + 1, end)
        return found

    def name(self, key: str) -> str:
        """A callback in words."""
        planned = self.planned[key]
        return " ".join(filter(None, [planned.event_type or planned.type, planned.billogram]))

    def end(self, came: Iterable[str]) -> None:
        """The account is about to be removed; `came`: the ids of the callbacks that it got."""
        self.came = list(came)


def _is(asked: Asked, planned: Planned) -> bool:
    kind, billogram = asked
    return kind in (planned.type, planned.event_type) and billogram in (None, planned.billogram)


async def _all_gone(app: Application, user: str, stay: set[str]) -> None:
    while (live := app.emulator.live(user)) is not None:
        deliveries = app.sender.deliveries(live)
        seen = live.signal.count
        app.sender.release(live, stay)
        if deliveries.busy == len(deliveries.held):  # nothing is under way but what stays behind
            return
        await live.signal.wait(seen)


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
    late = first.late() if _marker(item).kwargs.get("late") else {}
    wanted = orders.orders(base, first.seed, most, late)
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
    base, both = tuple(first.groups), Turn()
    both.planned = first.planned | turn.planned
    lines = orders.differences(flat(base), turn.came, both.name)
    lines = lines or orders.differences(flat(base), flat(turn.order), both.name)
    late = orders.late_ones(base, turn.order)
    lines += [f"{both.name(key)} came only after the test had waited for others" for key in late]
    if turn.order == base:
        lines = ["nothing came otherwise; but only when the test looked at billogram.webhooks, or at its end"]
    return "\n".join(
        [
            f"The test passes as it is, and fails when its webhooks come otherwise ({_count(number)} tried; "
            "this is the smallest that failed):",
            *(f"  {line}" for line in lines),
            f"as it is:   {', '.join(map(both.name, flat(base))) or 'nothing'}",
            f"as it came: {', '.join(map(both.name, turn.came)) or 'nothing'}",
        ]
    )


def _count(number: int) -> str:
    return "1 order was" if number == 1 else f"{number} orders were"


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
    late = marker.kwargs.get("late", False)
    if marker.args or set(marker.kwargs) - {"max", "late"} or not number or not isinstance(late, bool):
        known = f"max, a number from 1 to {_LIMIT}, and late, True or False"
        pytest.fail(f"the marker billogram_orders knows {known}", pytrace=False)
    if "billogram" not in getattr(item, "fixturenames", ()):
        pytest.fail("the marker billogram_orders is for tests with the fixture billogram", pytrace=False)
