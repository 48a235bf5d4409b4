"""What an account of a test is created with, in each way to create one (reference: control 1, 3)."""

import io
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mockserver import BillogramAccount, BillogramMixin, Mockserver, billogram_account
from mockserver.kit.new_account import NAMES, KeyedOptions
from tests.kit.helping import sent

# option, value, and what shows that it had an effect
Shown = Callable[[BillogramAccount], Any]
OPTIONS: dict[str, tuple[Any, Shown, Any]] = {
    "key": ("own-key", lambda account: account.http.get("/settings").status_code, 200),
    "sign_key": (
        "own-sign-key",
        lambda account: account.control("GET", "/callbacks")["sign_key"],
        "own-sign-key",
    ),
    "now": (
        "2024-02-29T12:00:00+01:00",
        lambda account: account.clock.now.isoformat(),
        "2024-02-29T12:00:00+01:00",
    ),
    "seed": (7, lambda account: account.control("GET", "")["seed"], 7),
    "timezone": (
        "Europe/Helsinki",
        lambda account: account.clock.now.isoformat(),
        "2026-03-02T11:00:00+02:00",
    ),
    "settings": (
        {"invoices": {"default_reminder_fee": 45}},
        lambda account: account.http.get("/settings").json()["data"]["invoices"]["default_reminder_fee"],
        45,
    ),
    "features": (
        {"collection": False},
        lambda account: account.control("GET", "")["features"]["collection"],
        False,
    ),
    "default_due_days": (14, lambda account: account.control("GET", "")["default_due_days"], 14),
    "market": ("Norway", lambda account: account.control("GET", "")["market"], "Norway"),
    "pdf_delay": ("10s", lambda account: account.control("GET", "")["pdf_delay"], "PT10S"),
    "fixture": (
        "demo",
        lambda account: account.http.get("/customer?page=1&page_size=1").json()["meta"]["total_count"] > 1,
        True,
    ),
}


def test_every_option_is_tried() -> None:
    assert set(OPTIONS) == set(NAMES)


@contextmanager
def of_its_own(server: Mockserver, options: dict[str, Any]) -> Iterator[BillogramAccount]:
    """By `BillogramAccount`."""
    with BillogramAccount(server, "mine", **options) as account:
        yield account


@contextmanager
def of_the_server(server: Mockserver, options: dict[str, Any]) -> Iterator[BillogramAccount]:
    """By `Mockserver.account`."""
    account = server.account("mine", **options)
    try:
        yield account
    finally:
        server.control("DELETE", "/accounts/mine")


@contextmanager
def of_a_test_case(server: Mockserver, options: dict[str, Any]) -> Iterator[BillogramAccount]:
    """By the mixin of `unittest`."""
    case = type("Case", (BillogramMixin, unittest.TestCase), {"billogram_options": options, "test": id})()
    del server
    try:
        yield case.billogram
    finally:
        case.doCleanups()


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    """A server whose clocks are frozen."""
    with Mockserver(clock="frozen") as running:
        yield running


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("create", [of_its_own, of_the_server])
def test_an_option(server: Mockserver, create: Any, name: str) -> None:
    value, show, expected = OPTIONS[name]
    with create(server, {name: value}) as account:
        shown = show(account)
        if name == "pdf_delay":
            assert shown in (expected, value)
        else:
            assert shown == expected
        if name == "sign_key":
            sent(account)
            hook = account.webhooks.wait("BillogramSent")
            assert hook.signature_ok
            assert account.sign_key == value


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        ({"timezon": "UTC"}, TypeError, "no option timezon; did you mean timezone"),
        ({"colour": 1}, TypeError, "no option colour; known are"),
        ({"timezone": "Europe/Stockholmm"}, ValueError, "timezone"),
        ({"features": {"colection": True}}, ValueError, r"features\.colection; known members: .*collection"),
        ({"settings": {"nothing": 1}}, ValueError, "nothing"),
        ({"settings": {"invoices": {"default_reminder_fee": "x"}}}, ValueError, "default reminder fee"),
        ({"now": "2026-03-02"}, ValueError, "now"),
        ({"now": datetime(2026, 3, 2)}, ValueError, "now"),  # noqa: DTZ001  # it is refused
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": "7"}, ValueError, "seed"),
        ({"market": "Denmark"}, ValueError, "market"),
        ({"pdf_delay": "2d"}, ValueError, "pdf_delay"),
        ({"default_due_days": 1000}, ValueError, "default_due_days"),
        ({"fixture": "demoo"}, ValueError, "did you mean demo"),
        ({"key": ""}, ValueError, "key"),
    ],
)
@pytest.mark.parametrize("create", [of_its_own, of_the_server])
def test_a_bad_option_creates_nothing(
    server: Mockserver, create: Any, options: dict[str, Any], kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason), create(server, options):
        pass
    assert server.control("GET", "/accounts") == []
    with create(server, {}) as account:
        sent(account)
        assert account.webhooks.wait("BillogramSent").signature_ok


def test_a_moment_as_a_datetime(server: Mockserver) -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    with BillogramAccount(server, "mine", now=moment, fixture="empty") as account:
        assert account.clock.now == moment


def test_options_override_those_of_a_fixture(server: Mockserver, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "account: {timezone: Europe/Oslo, clock: {now: '2026-01-01T00:00:00+01:00'}}\ncustomers: [{name: A}]"
    )
    with BillogramAccount(server, "mine", fixture=path, timezone="Europe/Helsinki") as account:
        assert account.clock.now.isoformat() == "2026-01-01T01:00:00+02:00"
        assert account.http.get("/customer/1").json()["data"]["name"] == "A"


def test_an_account_of_the_server_follows_its_callback_url() -> None:
    with Mockserver(callback_url="mock:inbox", sign_key="of-the-server") as server:
        for options, key in (({}, "of-the-server"), ({"sign_key": "own"}, "own")):
            account = server.account(f"with-{key}", **options)  # type: ignore[arg-type]
            callbacks = account.control("GET", "/callbacks")
            assert (callbacks["url"], callbacks["sign_key"]) == ("mock:inbox", key)
            assert account.sign_key == key


# fixtures of other scopes, used in this process

shop = billogram_account("module", fixture="demo", timezone="Europe/Helsinki", key="of-the-shop")


def test_a_fixture_of_the_module(shop: BillogramAccount, billogram: BillogramAccount) -> None:
    assert shop.key == "of-the-shop"
    assert shop.clock.now.isoformat() == "2026-03-02T10:00:00+02:00"  # a local time in the file
    assert shop.http.get("/settings").status_code == 200
    assert billogram.user != shop.user


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_a_test_case(server: Mockserver, name: str) -> None:
    value, show, expected = OPTIONS[name]
    with of_a_test_case(server, {name: value}) as account:
        assert show(account) in (expected, value)


# unittest


def outcome(body: Callable[[Any], None], **members: Any) -> tuple[unittest.TestResult, str]:
    """The result of one test case, and what a runner of unittest prints of it."""
    case = type("Case", (BillogramMixin, unittest.TestCase), {"test": body, **members})("test")
    stream = io.StringIO()
    result = unittest.TextTestRunner(stream=stream).run(case)
    return result, stream.getvalue()


def unreachable(case: Any) -> None:
    """Send a webhook that nobody receives."""
    case.billogram.control("PUT", "/callbacks", {"url": "http://127.0.0.1:1/nobody"})
    sent(case.billogram)


def test_a_test_case_that_passes() -> None:
    users: list[str] = []

    def body(case: Any) -> None:
        sent(case.billogram)
        assert case.billogram.webhooks.wait("BillogramSent").signature_ok
        users.append(case.billogram.user)

    for _ in range(2):  # the account of the first run is removed
        result, shown = outcome(body)
        assert result.wasSuccessful(), shown
        assert "timeline" not in shown
    assert users[0] == users[1]


def test_a_test_case_that_does_not_use_it() -> None:
    result, shown = outcome(lambda case: case.fail("no"))
    assert len(result.failures) == 1
    assert "timeline" not in shown


@pytest.mark.parametrize("how", ["test", "error", "subtest", "setup", "teardown"])
def test_a_failing_test_case_shows_the_timeline(how: str) -> None:
    def body(case: Any) -> None:
        sent(case.billogram)
        if how == "test":
            case.fail("no")
        if how == "error":
            raise ZeroDivisionError
        with case.subTest("part"):
            assert how != "subtest"

    def around(case: Any) -> None:
        sent(case.billogram)
        case.fail("no")

    members = {"setUp": around} if how == "setup" else {"tearDown": around} if how == "teardown" else {}
    result, shown = outcome(body, **members)
    assert len(result.failures) + len(result.errors) == 1, shown
    assert "billogram timeline" in shown
    assert "BillogramCreated, BillogramSent" in shown


def test_a_failing_test_case_shows_what_the_application_raised() -> None:
    def app(environ: Any, start: Any) -> list[bytes]:
        raise ZeroDivisionError("no good")

    def body(case: Any) -> None:
        case.billogram.deliver_to(app)
        sent(case.billogram)
        case.billogram.settle()
        case.fail("no")

    _, shown = outcome(body, allow_failed_webhooks=True)
    assert shown.count("billogram application\nthe application raised:\nTraceback") == 1
    assert shown.count("ZeroDivisionError: no good\nbillogram timeline") == 1


def test_a_test_case_is_checked_at_its_end() -> None:
    result, shown = outcome(unreachable)
    assert len(result.failures) == 1
    assert "could not be delivered (if that is meant: allow_failed_webhooks = True in the class)" in shown
    assert "billogram timeline" in shown
    result, shown = outcome(unreachable, allow_failed_webhooks=True)
    assert result.wasSuccessful(), shown


class TestMixin(BillogramMixin, unittest.TestCase):
    """A class that pytest runs."""

    billogram_options: ClassVar[KeyedOptions] = {
        "features": {"collection": False},
        "timezone": "Europe/Helsinki",
    }

    def test_it_has_an_account(self) -> None:
        sent(self.billogram)
        assert self.billogram.webhooks.wait("BillogramSent").signature_ok
        assert self.billogram.clock.now.isoformat() == "2026-03-02T11:00:00+02:00"


class TestAsyncMixin(BillogramMixin, unittest.IsolatedAsyncioTestCase):
    """An asynchronous class, with an application on the loop of the test."""

    async def test_it_has_an_account(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        self.billogram.deliver_to(app)
        sent(self.billogram)
        hook = await self.billogram.webhooks.wait_async("BillogramSent")
        assert hook.status_code == 204
        assert await self.billogram.settle_async()
        with pytest.raises(RuntimeError, match=r"await billogram\.settle_async"):
            self.billogram.settle()
        with pytest.raises(RuntimeError, match=r"await billogram\.webhooks\.clear_async"):
            self.billogram.webhooks.clear()
        await self.billogram.check_async()
        await self.billogram.webhooks.clear_async()
        assert self.billogram.webhooks.all() == []
