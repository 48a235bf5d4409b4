"""Accounts that several tests share, in somebody else's suite (reference: control 3)."""

import httpx  # noqa: F401  # runs inside this process would load it anew
import pytest

import mockserver.kit.account
import mockserver.kit.new_account
import mockserver.serving  # noqa: F401
from tests.kit.helping import tracebacks
from tests.kit.test_plugin import run, suite

__all__ = ["suite"]

SHARED = """
import pytest
from helper import sent
from mockserver import billogram_account

shop = billogram_account(SCOPE)

def app(environ, start):
    start("500 No", [])
    return [b""]

class TestOne:
    def test_good(self, shop):
        users.append((shop.user, shop.seed))
        sent(shop)
        shop.webhooks.wait("BillogramSent")

    def test_failing(self, shop):
        users.append((shop.user, shop.seed))
        assert not shop.user

    def test_of_others(self):
        assert False, "of others"

    def test_undelivered(self, shop):
        shop.deliver_to(app)
        sent(shop)
        shop.settle()
        shop.deliver_to(None)

    def test_after_it(self, shop):
        sent(shop)

    @pytest.mark.billogram(allow_failed_webhooks=True)
    def test_allowed(self, shop):
        shop.control("PUT", "/callbacks", {"url": "http://127.0.0.1:1/nobody"})
        sent(shop)

class TestTwo:
    def test_last(self, shop):
        users.append((shop.user, shop.seed))
        print("users", len(set(users)))

users = []
"""


@pytest.mark.parametrize(("scope", "accounts"), [("class", 2), ("module", 1), ("package", 1), ("session", 1)])
def test_each_test_is_checked_and_shows_the_timeline(
    suite: pytest.Pytester, scope: str, accounts: int
) -> None:
    result = run(suite, SHARED.replace("SCOPE", repr(scope)), "-rP")
    # a test is blamed for its own webhook, and not for that of an earlier one
    result.assert_outcomes(passed=5, failed=2, errors=1)
    text = result.stdout.str()
    assert f"users {accounts}" in text
    assert text.count(" billogram timeline ") == 2
    of_others = text.partition("_ TestOne.test_of_others _")[2].partition("\n=")[0]
    assert "of others" in of_others
    assert "timeline" not in of_others
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of TestOne.test_undelivered*",
            "webhooks could not be delivered*",
            "*BillogramSent ????????: 500*",
        ]
    )


def test_what_the_application_raised_is_shown_by_its_own_test(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        import pytest
        from helper import sent
        from mockserver import billogram_account

        shop = billogram_account("module")

        def app(environ, start):
            raise ZeroDivisionError("no good")

        @pytest.fixture(autouse=True)
        def broken(shop):
            shop.deliver_to(app)
            sent(shop)
            shop.settle()

        @pytest.mark.billogram(allow_failed_webhooks=True)
        def test_allowed(shop):
            pass

        @pytest.mark.billogram(allow_failed_webhooks=True)
        def test_failing(shop):
            assert not shop.user

        def test_undelivered(shop):
            pass

        @pytest.mark.billogram(allow_failed_webhooks=True)
        def test_checked(shop):
            shop.check()

        def test_other(shop):
            shop.deliver_to(None)
            assert not shop.user
        """,
    )
    result.assert_outcomes(passed=2, failed=3, errors=2)
    assert tracebacks(result) == {
        "test_failing": 1,
        "test_undelivered": 1,
        "test_checked": 1,
        "test_other": 1,
    }


def test_two_accounts_of_one_test(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        from helper import sent
        from mockserver import billogram_account

        shop = billogram_account()
        club = billogram_account("session", now="2020-01-01T00:00:00+01:00", sign_key="of-the-club")

        def test_all(billogram, shop, club):
            assert len({billogram.user, shop.user, club.user}) == 3
            for account in (billogram, shop, club):
                sent(account)
                assert account.webhooks.wait("BillogramSent").signature_ok
            assert club.clock.now.year == 2020
            assert False
        """,
    )
    result.assert_outcomes(failed=1)
    section = result.stdout.str().partition(" billogram timeline ")[2]
    assert section.count("account ") == section.count("AccountOpened") == 3 or section.count("seed ") == 3


def test_an_application_on_the_loop_of_an_earlier_test(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        import pytest
        from helper import sent
        from mockserver import billogram_account

        shop = billogram_account("module")

        async def app(scope, receive, send):
            await receive()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        @pytest.mark.asyncio
        async def test_first(shop):
            shop.deliver_to(app)
            sent(shop)
            assert (await shop.webhooks.wait_async("BillogramSent")).status_code == 204

        def test_second(shop):
            shop.webhooks.clear()
            sent(shop)
            assert shop.webhooks.wait("BillogramSent").status_code == 200
        """,
    )
    result.assert_outcomes(passed=2)


def test_options_of_markers(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        import pytest
        from mockserver import billogram_account

        pytestmark = pytest.mark.billogram(timezone="Europe/Helsinki")
        shop = billogram_account("module", timezone="Europe/Oslo", seed=3)

        @pytest.mark.billogram(
            key="own", sign_key="own-sign-key", now="2024-02-29T12:00:00+01:00", seed=7,
            settings={"invoices": {"default_reminder_fee": 45}}, features={"collection": False},
        )
        def test_all(billogram, shop):
            assert (billogram.key, billogram.sign_key, billogram.seed) == ("own", "own-sign-key", 7)
            assert billogram.clock.now.isoformat() == "2024-02-29T13:00:00+02:00"
            settings = billogram.http.get("/settings").json()["data"]
            assert settings["invoices"]["default_reminder_fee"] == 45
            assert billogram.control("GET", "")["features"]["collection"] is False
            assert (shop.seed, shop.clock.now.utcoffset().seconds) == (3, 7200)

        @pytest.mark.billogram(features={"colection": True})
        def test_bad(billogram):
            pass
        """,
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: unknown member: features.colection; known members:*"])
