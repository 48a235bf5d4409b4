"""Clocks that tests freeze: every wait ends on time, and signatures carry the time that the test sees."""

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import freezegun
import pytest
import time_machine
from starlette.types import Receive, Scope, Send

from mockserver import BillogramAccount, Mockserver
from mockserver.core import signature
from mockserver.serving import loop_with_real_clock
from tests.kit.helping import sent

MOMENT = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
Frozen = Callable[[], AbstractContextManager[Any]]
FREEZERS: list[Frozen] = [
    functools.partial(freezegun.freeze_time, MOMENT),
    functools.partial(freezegun.freeze_time, MOMENT, tick=True),
    functools.partial(freezegun.freeze_time, MOMENT, tz_offset=2),
    functools.partial(freezegun.freeze_time, datetime(1999, 1, 1)),  # noqa: DTZ001  # as its users write it
    functools.partial(time_machine.travel, MOMENT, tick=False),
    functools.partial(time_machine.travel, MOMENT, tick=True),
]
NAMES = [
    "freezegun",
    "freezegun ticks",
    "freezegun tz_offset",
    "freezegun in the past",
    "time-machine",
    "ticks",
]

frozen_clocks = pytest.mark.parametrize("frozen", FREEZERS, ids=NAMES)


def on_time(work: Callable[[], object]) -> None:
    """Fail when the work does not end within 20 real seconds; it is meant to end within one."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert ended.wait(20), "it hangs"
    if failures:
        raise failures[0]


def every_wait(billogram: BillogramAccount) -> None:
    with pytest.raises(AssertionError, match=r"waited 0.2 s for Overdue"):
        billogram.webhooks.wait("Overdue", timeout=0.2)
    billogram.control("PUT", "/delivery-policy", {"delay": "1d"})
    key = sent(billogram)
    with pytest.raises(AssertionError, match=r"waited 0.2 s"):
        billogram.webhooks.wait("BillogramSent", billogram=key, count=2, timeout=0.2)
    billogram.webhooks.none("BillogramSent", billogram=key)
    assert billogram.settle(0.2)
    billogram.clock.advance("1d")
    assert billogram.webhooks.wait("BillogramSent", billogram=key).signature_ok
    with pytest.raises(AssertionError, match=r"waited 0.2 s"):
        asyncio.run(billogram.webhooks.wait_async("Overdue", timeout=0.2))
    billogram.clock.advance("60d")
    assert billogram.webhooks.wait("Overdue").signature_ok


@frozen_clocks
def test_every_wait_ends_on_time(billogram: BillogramAccount, frozen: Frozen) -> None:
    with frozen():
        on_time(lambda: every_wait(billogram))


@frozen_clocks
def test_every_wait_ends_on_time_without_uvloop(monkeypatch: pytest.MonkeyPatch, frozen: Frozen) -> None:
    monkeypatch.setattr("mockserver.kit.server_thread.new_event_loop", lambda: loop_with_real_clock)
    with frozen(), Mockserver(clock="frozen") as server, BillogramAccount(server, "shop") as account:
        on_time(lambda: every_wait(account))


@frozen_clocks
@pytest.mark.billogram(allow_failed_webhooks=True)
def test_a_wait_for_an_application_that_does_not_answer(billogram: BillogramAccount, frozen: Frozen) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    callbacks = {"url": billogram.webhook_url, "timeout": "0.3s"}
    billogram.control("PUT", "/callbacks", callbacks)
    with frozen():
        billogram.deliver_to(app)
        sent(billogram)
        assert not billogram.settle(0.01)
        on_time(lambda: billogram.settle(10))
        with pytest.raises(AssertionError, match=r"timed out after 0.3 s"):
            billogram.webhooks.wait("BillogramSent", timeout=0.01)


class Shop:
    """An application that accepts only fresh signatures, by the clock that it sees itself."""

    def __init__(self, key: str) -> None:
        self._key = key

    def problem(self, headers: dict[str, str], body: bytes) -> str | None:
        return signature.problem(self._key, headers, body, time.time(), tolerance=60)

    def wsgi(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        headers = {name[5:].lower().replace("_", "-"): str(value) for name, value in environ.items()}
        problem = self.problem(headers, environ["wsgi.input"].read())
        start("401 Refused" if problem else "200 OK", [])
        return [(problem or "").encode()]

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        problem = self.problem(headers, (await receive())["body"])
        await send({"type": "http.response.start", "status": 401 if problem else 200, "headers": []})
        await send({"type": "http.response.body", "body": (problem or "").encode()})


@frozen_clocks
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_frozen_application_accepts_signatures(
    billogram: BillogramAccount, frozen: Frozen, kind: str
) -> None:
    shop = Shop(billogram.sign_key)
    with frozen():
        billogram.deliver_to(getattr(shop, kind))
        sent(billogram)
        hook = billogram.webhooks.wait("BillogramSent", timeout=5)
        assert abs(float(hook.headers["Billogram-Request-Timestamp"]) - time.time()) < 60
    billogram.deliver_to(getattr(shop, kind))
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").accepted, "thawed, it sees the real time again"


@frozen_clocks
def test_an_application_on_the_loop_of_the_test(billogram: BillogramAccount, frozen: Frozen) -> None:
    shop = Shop(billogram.sign_key)

    async def story() -> None:
        with frozen():
            billogram.deliver_to(shop.asgi)
            await asyncio.to_thread(sent, billogram)
            assert (await billogram.webhooks.wait_async("BillogramSent", timeout=5)).accepted

    with asyncio.Runner(loop_factory=loop_with_real_clock) as runner:
        runner.run(story())


def test_account_and_application_move_together(billogram: BillogramAccount) -> None:
    """The recipe of the documentation: freeze at the account's time, and move both."""
    shop = Shop(billogram.sign_key)
    billogram.deliver_to(shop.wsgi)
    with freezegun.freeze_time(billogram.clock.now) as clock:
        sent(billogram)
        assert billogram.webhooks.wait("BillogramSent").accepted
        clock.tick(timedelta(days=60))
        billogram.clock.advance(to=datetime.now(UTC))
        assert billogram.webhooks.wait("Overdue").accepted
        assert datetime.now(UTC) == billogram.clock.now


@frozen_clocks
def test_a_live_account_in_a_frozen_process(frozen: Frozen) -> None:
    """Its clock shows the time of the process; with a log on disk everything is written."""
    with frozen(), Mockserver() as server, server.account("shop") as account:
        sent(account)
        assert account.webhooks.wait("BillogramSent", timeout=5).signature_ok
        assert abs(account.clock.now.timestamp() - time.time()) < 60
