"""The plugin in somebody else's suite (reference: control 3)."""

import json
import re
import subprocess
import sys

import httpx  # noqa: F401  # runs inside this process would load it anew
import pytest

import mockserver.kit.account
import mockserver.serving  # noqa: F401
from tests.kit.helping import tracebacks

pytest_plugins = ["pytester"]

HELPER = """
PERSON = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
ROW = {"title": "Shovel", "count": 1, "price": 100, "vat": 25}
SEND = {"command": "send", "method": "Email"}


def sent(account, **more):
    account.http.post("/customer", json=PERSON)
    body = {"customer": {"customer_no": 1}, "items": [ROW], "on_success": SEND, **more}
    return account.http.post("/billogram", json=body).json()["data"]["id"]
"""
INI = """
[pytest]
addopts = -q -p no:cacheprovider -p no:hypothesispytest -p no:schemathesis --strict-markers
filterwarnings = error
asyncio_default_fixture_loop_scope = function
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder for a test suite, with a helper `sent`."""
    pytester.makepyfile(helper=HELPER)
    pytester.makeini(INI)
    return pytester


def run(suite: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    suite.makepyfile(test_shop=source)
    return suite.runpytest_inprocess(*options)


# reports

FAILING = """
from helper import sent

def test_paid_twice(billogram):
    key = sent(billogram)
    billogram.webhooks.wait("BillogramSent")
    billogram.pay(key, 125)
    billogram.webhooks.wait("BillogramEnded")
    billogram.http.post(f"/billogram/{key}/command/payment", json={"amount": 1})
    assert key == "another"
"""
SECTION = """\
account test-paid-twice-NAME, seed SEED, its clock shows 2026-03-02 10:00:00
2026-03-02 10:00:00  act       account; AccountOpened
2026-03-02 10:00:00  request   POST /api/v2/customer
2026-03-02 10:00:00  act       customer.create; CustomerCreated
2026-03-02 10:00:00  request   POST /api/v2/billogram
2026-03-02 10:00:00  act       \
create; BillogramCreated, BillogramSent(delivery_method=Email); ID: new → Unpaid
2026-03-02 10:00:00  delivery  BillogramCreated ID
2026-03-02 10:00:00  delivery  BillogramSent ID
2026-03-02 10:00:00  attempt   BillogramCreated ID: 200
2026-03-02 10:00:00  attempt   BillogramSent ID: 200
2026-03-02 10:00:00  act       \
bank payment; Payment(amount=125, manual=False), BillogramEnded; ID: Unpaid → Paid
2026-03-02 10:00:00  delivery  Payment ID
2026-03-02 10:00:00  delivery  BillogramEnded ID
2026-03-02 10:00:00  attempt   Payment ID: 200
2026-03-02 10:00:00  attempt   BillogramEnded ID: 200
2026-03-02 10:00:00  refusal   POST /api/v2/billogram/ID/command/payment: \
400 INVALID_OBJECT_STATE by state.payment: MESSAGE
"""


def test_the_report_of_a_failure_shows_the_timeline(suite: pytest.Pytester) -> None:
    result = run(suite, FAILING)
    result.assert_outcomes(failed=1)
    shown = re.search(r"^-+ billogram timeline -+\n(.*?)^=", result.stdout.str(), re.MULTILINE | re.DOTALL)
    assert shown is not None
    said = re.sub(r"(?<=paid-twice-)[0-9a-f]{8}, seed \d+", "NAME, seed SEED", shown[1])
    said = re.sub(r"(?<=state\.payment: ).*", "MESSAGE", said)
    (key,) = set(re.findall(r"BillogramSent (\w{8})$", said, re.MULTILINE))
    assert said.replace(key, "ID") == SECTION
    again = run(suite, FAILING).stdout.str()
    assert shown[1] in again, "the same account, seed and ids"


def test_only_the_newest_rows_are_shown(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        def test_many(billogram):
            for _ in range(30):
                billogram.http.post("/customer", json={"name": "Test Customer AB"})
            assert False
        """,
    )
    shown = result.stdout.str().partition(" billogram timeline ")[2]
    assert "(21 earlier rows are left out)" in shown
    assert shown.count("2026-03-02 10:00:00  ") == 40


def test_nothing_is_shown_of_others(suite: pytest.Pytester) -> None:
    result = run(suite, "def test_other():\n    assert False\n\ndef test_good(billogram):\n    pass\n")
    result.assert_outcomes(failed=1, passed=1)
    assert "billogram timeline" not in result.stdout.str()


# the end of a test


def test_a_webhook_that_could_not_be_delivered(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        import pytest
        from helper import sent

        NOBODY = {"url": "http://127.0.0.1:1/hook"}

        def test_unnoticed(billogram):
            sent(billogram, callbacks=NOBODY)

        @pytest.mark.billogram(allow_failed_webhooks=True)
        def test_meant(billogram):
            sent(billogram, callbacks=NOBODY)

        def test_raising(billogram):
            async def app(scope, receive, send):
                raise ZeroDivisionError("no good")
            billogram.deliver_to(app)
            sent(billogram)

        def test_taken_in_the_end(billogram):
            answers = [200, 200, 500, 500]
            def app(environ, start):
                start(f"{answers.pop()} Answer", [])
                return [b"done"]
            billogram.deliver_to(app)
            sent(billogram)
            billogram.webhooks.wait("BillogramSent", status=500)
            billogram.webhooks.wait("BillogramSent", count=1, status="any")
            assert [hook.status_code for hook in billogram.webhooks.all()] == [500, 500]
            billogram.clock.advance("1m")
        """,
    )
    result.assert_outcomes(passed=4, errors=2)
    lines = result.stdout.str()
    assert re.search(
        r"^webhooks could not be delivered \(if that is meant: "
        r"@pytest\.mark\.billogram\(allow_failed_webhooks=True\)\)\n"
        r"not delivered: 2\n"
        r"  BillogramCreated \w{8} to http://127\.0\.0\.1:1/hook: connection refused.*\n"
        r"  BillogramSent \w{8} to http://127\.0\.0\.1:1/hook: connection refused.*\n"
        r"-+ billogram timeline -+\naccount test-unnoticed-",
        lines,
        re.MULTILINE,
    )
    assert re.search(r"^  BillogramSent \w{8}: 500 ZeroDivisionError: no good$", lines, re.MULTILINE)


def test_what_the_application_raised_is_shown_once(suite: pytest.Pytester) -> None:
    """In the message of the wait that failed, or else beside the failure; not in the log as well."""
    result = run(
        suite,
        """
        import pytest
        from helper import sent

        def broken(billogram, application="wsgi"):
            def wsgi(environ, start):
                raise ZeroDivisionError("no good")
            async def asgi(scope, receive, send):
                await receive()
                pytest.fail("no good")
            billogram.deliver_to(wsgi if application == "wsgi" else asgi)
            sent(billogram)

        @pytest.mark.parametrize("application", ["wsgi", "asgi"])
        def test_waiting(billogram, application):
            broken(billogram, application)
            billogram.webhooks.wait("BillogramSent", timeout=0.5)

        @pytest.mark.billogram(allow_failed_webhooks=True)
        def test_none(billogram):
            broken(billogram)
            billogram.webhooks.none("BillogramSent")

        @pytest.mark.billogram(allow_failed_webhooks=True)
        def test_something_else(billogram):
            broken(billogram)
            assert billogram.settle()
            assert billogram.user == "another"

        def test_nothing(billogram):
            broken(billogram)
        """,
    )
    result.assert_outcomes(failed=4, errors=3, passed=1)
    assert tracebacks(result) == {
        "test_waiting": 2,
        "test_none": 1,
        "test_something_else": 1,
        "test_nothing": 1,
    }
    assert "mockserver/in_process.py" not in result.stdout.str(), "the application's own frames alone"


def test_an_account_that_begins_with_a_fixture(suite: pytest.Pytester) -> None:
    suite.path.joinpath("own.yaml").write_text("customers: [{name: Fir AB, contact: {email: a@example.com}}]")
    result = run(
        suite,
        """
        import pytest
        from mockserver.control.errors import ControlError

        def names(billogram):
            return [c["name"] for c in billogram.http.get("/customer?page=1&page_size=99").json()["data"]]

        @pytest.mark.billogram(fixture="demo")
        class TestDemo:
            def test_the_demo(self, billogram):
                assert "Hotell Sjöutsikten AB" in names(billogram)
                assert billogram.clock.now.isoformat() == "2026-03-02T10:00:00+01:00"
                billogram.webhooks.none()
                key = billogram.control("GET", "/payments")[0]["allocations"][0]["billogram"]
                billogram.http.post(f"/billogram/{key}/command/message", json={"message": "Hello"})
                assert billogram.webhooks.wait("CreditorMessage").signature_ok

            @pytest.mark.billogram(fixture="own.yaml")
            def test_the_nearest_counts(self, billogram):
                assert names(billogram) == ["Fir AB"]

        @pytest.mark.billogram(fixture="demoo")
        def test_none(billogram):
            pass
        """,
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*no fixture demoo; did you mean demo?*"])


def test_a_marker_that_says_something_else(suite: pytest.Pytester) -> None:
    source = "import pytest\n\n@pytest.mark.billogram(allow_all=True)\ndef test_it(billogram):\n    pass\n"
    result = run(suite, source)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*knows *fixture, *allow_failed_webhooks, not allow_all*"])


# workers


def test_accounts_are_apart_on_workers(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_shop="""
        import json, os, pathlib
        import pytest
        from helper import sent

        @pytest.mark.parametrize("number", range(12))
        def test_it(billogram, number):
            assert billogram.http.get("/customer?page=1&page_size=10").json()["meta"]["total_count"] == 0
            key = sent(billogram)
            billogram.webhooks.wait("BillogramSent", billogram=key)
            assert len(billogram.webhooks.all()) == 2
            told = [os.environ.get("PYTEST_XDIST_WORKER"), billogram.user, billogram.seed, key]
            pathlib.Path(f"told-{number}").write_text(json.dumps(told))
        """
    )
    result = suite.runpytest_subprocess("-n", "2", timeout=60)
    result.assert_outcomes(passed=12)

    def told() -> list[list[object]]:
        return [json.loads((suite.path / f"told-{number}").read_text()) for number in range(12)]

    spread = told()
    assert {row[0] for row in spread} == {"gw0", "gw1"}
    assert len({row[1] for row in spread}) == 12
    suite.runpytest_inprocess().assert_outcomes(passed=12)
    assert [row[2:] for row in told()] == [row[2:] for row in spread], "the same ids on every worker"
    suite.makeconftest(
        """
        import random

        def pytest_collection_modifyitems(items):
            random.Random(1).shuffle(items)
        """
    )
    suite.runpytest_inprocess().assert_outcomes(passed=12)
    assert [row[2:] for row in told()] == [row[2:] for row in spread], "and in any order"


# asynchronous tests

ASYNCHRONOUS = """
import asyncio
import pytest
from helper import sent

pytestmark = pytest.mark.MARKER

async def app(scope, receive, send):
    loops.append(asyncio.get_running_loop())
    message = await receive()
    paths.append((scope["path"], scope["query_string"]))
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

loops, paths = [], []

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def test_on_the_loop_of_the_test(billogram):
    billogram.deliver_to(app, path="/hooks?from=mock")
    key = sent(billogram)
    with pytest.raises(RuntimeError, match="wait_async"):
        billogram.webhooks.wait("BillogramSent")
    with pytest.raises(RuntimeError, match="none_async"):
        billogram.webhooks.none()
    hook = await billogram.webhooks.wait_async("BillogramSent", billogram=key)
    assert hook.signature_ok and hook.status_code == 204
    await billogram.webhooks.none_async("Payment")
    assert len(await billogram.webhooks.wait_async(count=2)) == 2
    assert set(loops) == {asyncio.get_running_loop()}
    assert set(paths) == {("/hooks", b"from=mock")}

async def test_that_waits_for_nothing(billogram):
    billogram.deliver_to(app)
    sent(billogram)

async def test_that_ends_in_the_middle(billogram):
    started = asyncio.Event()
    async def slow(scope, receive, send):
        started.set()
        await asyncio.sleep(60)
    billogram.deliver_to(slow)
    sent(billogram)
    await started.wait()

async def test_with_wsgi(billogram):
    def wsgi(environ, start):
        start("200 OK", [])
        return [b""]
    billogram.deliver_to(wsgi)
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").status_code == 200

async def test_without_an_application(billogram):
    sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").signature_ok
"""


@pytest.mark.parametrize("kind", ["asyncio", "anyio"])
def test_asynchronous_tests(suite: pytest.Pytester, kind: str) -> None:
    result = run(suite, ASYNCHRONOUS.replace("MARKER", kind))
    result.assert_outcomes(passed=5)


# what it costs to have it


def test_it_imports_nothing_before_a_fixture_is_used() -> None:
    program = """
import json, sys
import pytest
before = set(sys.modules)
import mockserver.kit.plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ours = ["mockserver", "mockserver.kit", "mockserver.kit.plugin", "mockserver.version"]
    assert json.loads(done.stdout) == ours


def test_it_can_be_left_out(suite: pytest.Pytester) -> None:
    result = run(suite, "def test_it(billogram):\n    pass\n", "-p", "no:mockserver")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'billogram' not found*"])
