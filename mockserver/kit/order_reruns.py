"""Runs a test with the marker `billogram_orders`: unchanged, then once for each other order of its webhooks.

Each run sets up all function fixtures again, with an account of the same id and seed. The first order that
fails is reduced as far as possible, and its run is the result of the test.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, cast

import pytest
from _pytest.runner import runtestprotocol  # not public; other plugins that repeat a test use it too

from mockserver.asgi import Application
from mockserver.core.callbacks import Planned
from mockserver.kit import orders
from mockserver.kit.orders import Order, flat
from mockserver.kit.server_thread import ServerThread
from mockserver.webhooks.policy import Policy

_DEFAULT_MAX = 24
_MAX_ALLOWED = 1000

Awaited = tuple[str, str | None]  # an event or callback type, and a billogram
Reports = list[pytest.TestReport]


class OrderRun:
    """One run of the test. With `order` None the run is unchanged, and records which callbacks wait together.

    With an order, callbacks are on hold until the test looks: at `webhooks`, or at its end. Then all of them
    are delivered in that order, and the test continues when no delivery is pending [A]. When the test waits
    for a webhook by name, those that the order places at a later look remain on hold.
    """

    def __init__(self, order: Order | None = None) -> None:
        self.order = order
        self.groups: list[tuple[str, ...]] = []  # the callback ids on hold at each look
        self.awaited: list[Awaited | None] = []  # the webhook awaited at each look, if the test named one
        self.planned: dict[str, Planned] = {}
        self.received: list[str] = []
        self.seed = 0
        self._server: ServerThread | None = None  # the server of its account
        self._user = ""

    def begin(self, server: ServerThread, user: str, seed: int) -> None:
        """Start the run: the account of this user exists now."""
        self._server, self._user, self.seed = server, user, seed
        if self.order is not None:
            server.run(self._set_order(server.listener.app, flat(self.order)))

    async def _set_order(self, app: Application, plan: tuple[str, ...]) -> None:
        live = app.emulator.live(self._user)
        assert live is not None, "it has just been created"
        app.sender.configure(live, Policy(plan=plan))

    def look(
        self, seconds: float, awaited: Awaited | None, meanwhile: Callable[[Future[Any]], None] | None = None
    ) -> None:
        """Handle a look of the test: release the callbacks on hold, and wait up to `seconds` for them."""
        assert self._server is not None, "an account has been created"
        self._server.run(self._look(self._server.listener.app, seconds, awaited), meanwhile)

    async def _look(self, app: Application, seconds: float, awaited: Awaited | None) -> None:
        live = app.emulator.live(self._user)
        if live is None:
            return
        planned = {
            each.planned.callback_id: each.planned for each in app.sender.deliveries(live).by_id.values()
        }
        self.groups.append(tuple(key for key in planned if key not in self.planned))
        self.awaited.append(awaited)
        self.planned |= planned
        if self.order is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _release_until_idle(app, self._user, self._reserved_for_later(self.order))

    def _reserved_for_later(self, order: Order) -> set[str]:
        """The callbacks that the order places at a later look than this one."""
        awaited = self.awaited[-1]
        if awaited is None:
            return set()
        later = flat(order[len(self.awaited) :])
        return {key for key in later if key in self.planned and not _matches(awaited, self.planned[key])}

    def late(self) -> dict[str, range]:
        """For each callback never awaited by name: the later looks to which it may be postponed."""
        named = [awaited for awaited in self.awaited if awaited is not None]
        found = {}
        for number, group in enumerate(self.groups):
            end = number + 1
            while end < len(self.groups) and self.awaited[end - 1] is not None:
                end += 1
            for key in group:
                if end > number + 1 and not any(_matches(awaited, self.planned[key]) for awaited in named):
                    found[key] = range(number + 1, end)
        return found

    def name(self, key: str) -> str:
        """The type and the billogram of a callback, for a report."""
        planned = self.planned[key]
        return " ".join(filter(None, [planned.event_type or planned.type, planned.billogram]))

    def end(self, received: Iterable[str]) -> None:
        """End the run, before the account is removed. `received`: the ids of the callbacks it received."""
        self.received = list(received)


def _matches(awaited: Awaited, planned: Planned) -> bool:
    kind, billogram = awaited
    return kind in (planned.type, planned.event_type) and billogram in (None, planned.billogram)


async def _release_until_idle(app: Application, user: str, reserved: set[str]) -> None:
    while (live := app.emulator.live(user)) is not None:
        deliveries = app.sender.deliveries(live)
        seen = live.signal.count
        app.sender.release(live, reserved)
        if deliveries.busy == len(deliveries.held):  # only reserved callbacks are left
            return
        await live.signal.wait(seen)


def protocol(item: pytest.Item, nextitem: pytest.Item | None, key: pytest.StashKey[OrderRun]) -> bool:
    """Replace pytest's protocol for a test with the marker. Returns True: no other plugin runs the test."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = _reports(item, key)
    # fixtures of wider scopes were kept between the runs: tear down those that the next test does not need
    session: Any = item.session
    last = _report_failure(item, lambda: session._setupstate.teardown_exact(nextitem), "teardown")  # noqa: SLF001
    for report in [*reports, *last]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _report_failure(item: pytest.Item, work: Callable[[], None], when: Any) -> Reports:
    """Call `work`, which belongs to no run. Returns its report if it failed."""
    call = pytest.CallInfo.from_call(work, when, reraise=(pytest.exit.Exception, KeyboardInterrupt))
    return [] if call.excinfo is None else [item.ihook.pytest_runtest_makereport(item=item, call=call)]


def _reports(item: pytest.Item, key: pytest.StashKey[OrderRun]) -> Reports:
    refused = _report_failure(item, lambda: _check(item), "setup")
    if refused:
        return refused
    most: int = _marker(item).kwargs.get("max", _DEFAULT_MAX)
    first = OrderRun()
    reports = _run(item, key, first)
    if not _passed(reports):
        return reports
    base = tuple(first.groups)
    late = first.late() if _marker(item).kwargs.get("late") else {}
    wanted = orders.orders(base, first.seed, most, late)
    for number, order in enumerate(wanted, 1):
        run = OrderRun(order)
        found = _run(item, key, run)
        if not _passed(found):
            return _shrink(item, key, first, run, found, tried=wanted[:number], most=most)
    reports[-1].user_properties.append(("billogram_orders", len(wanted)))
    return reports


def _shrink(
    item: pytest.Item,
    key: pytest.StashKey[OrderRun],
    first: OrderRun,
    run: OrderRun,
    found: Reports,
    *,
    tried: list[Order],
    most: int,
) -> Reports:
    """The reports of the smallest failing order that is found within `most` attempts."""
    base, known = tuple(first.groups), set(tried)
    shrinking = True
    while shrinking:
        shrinking = False
        assert run.order is not None, "the run without an order has passed"
        for order in orders.smaller(base, run.order):
            if order in known or (len(known) >= most and order != base):
                continue
            known.add(order)
            again = OrderRun(order)
            reports = _run(item, key, again)
            if not _passed(reports):
                run, found, shrinking = again, reports, True
                break
    broken = next(report for report in found if not report.passed or hasattr(report, "wasxfail"))
    broken.sections.insert(0, ("billogram orders", _describe(first, run, len(known))))
    return found


def _describe(first: OrderRun, run: OrderRun, number: int) -> str:
    assert run.order is not None, "the run without an order has passed"
    base, both = tuple(first.groups), OrderRun()
    both.planned = first.planned | run.planned
    lines = orders.differences(flat(base), run.received, both.name)
    lines = lines or orders.differences(flat(base), flat(run.order), both.name)
    late = orders.late_ones(base, run.order)
    lines += [f"{both.name(key)} came only after the test had waited for others" for key in late]
    if run.order == base:
        lines = ["the order is the same, but webhooks came only when the test looked at them, or at its end"]
    return "\n".join(
        [
            f"The test passes unchanged, and fails with another order ({_attempts_text(number)} tried; "
            "this is the smallest that failed):",
            *(f"  {line}" for line in lines),
            f"original order: {', '.join(map(both.name, flat(base))) or 'nothing'}",
            f"failing order:  {', '.join(map(both.name, run.received)) or 'nothing'}",
        ]
    )


def _attempts_text(number: int) -> str:
    return "1 order was" if number == 1 else f"{number} orders were"


def _run(item: pytest.Item, key: pytest.StashKey[OrderRun], run: OrderRun) -> Reports:
    """Run the test once, and return its reports without logging them."""
    item.stash[key] = run
    writable: Any = item
    writable._report_sections.clear()  # noqa: SLF001  # output of the run before
    if getattr(item, "cls", None) is not None:
        vars(item).pop("_instance", None)  # a class has a new instance for each test
        vars(item).pop("_obj", None)
    try:
        # with the parent as the next item, only fixtures of the function are torn down
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
    assert marker is not None, "only tests with the marker get here"
    return marker


def _check(item: pytest.Item) -> None:
    marker = _marker(item)
    most = marker.kwargs.get("max", _DEFAULT_MAX)
    number = isinstance(most, int) and not isinstance(most, bool) and 0 < most <= _MAX_ALLOWED
    late = marker.kwargs.get("late", False)
    if marker.args or set(marker.kwargs) - {"max", "late"} or not number or not isinstance(late, bool):
        known = f"max, a number from 1 to {_MAX_ALLOWED}, and late, True or False"
        pytest.fail(f"the marker billogram_orders knows {known}", pytrace=False)
    if "billogram" not in getattr(item, "fixturenames", ()):
        pytest.fail("the marker billogram_orders is for tests with the fixture billogram", pytrace=False)
