"""The example of an integration: its suite passes, and sees what is wrong with its broken receivers."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from pkgutil import resolve_name

import httpx
import pytest
import uvicorn

from mockserver import BillogramAccount
from mockserver.cli.main import main
from mockserver.core import signature
from tests.docs.pages import ROOT
from tests.e2e.served import clean_environment

pytest_plugins = ["pytester"]

SHOP = ROOT / "docs" / "examples" / "shop"
# plain: nobody reads why a test fails here, and without rewriting it starts in a third of the time
NO = ("cacheprovider", "asyncio", "hypothesispytest", "schemathesis")
OPTIONS = ("-q", "-W", "error", "--assert=plain", *(word for name in NO for word in ("-p", f"no:{name}")))
ORDERS = "test_paid_recalled_and_paid_again"  # run under many orders of its webhooks
RECEIVER = ("tests/test_orders.py", "tests/test_webhooks.py")


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["alone", "on two workers"])
def test_the_suite_passes(more: tuple[str, ...]) -> None:
    limit = "--billogram-coverage-fail-under=100"  # of what it uses
    command = [sys.executable, "-m", "pytest", "docs/examples/shop", *OPTIONS, limit, *more]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize(
    ("receiver", "seen_by"),
    [
        (
            "broken:BooksTwice",
            {
                "test_a_webhook_that_comes_twice_is_booked_once",
                "test_a_webhook_that_could_not_be_worked_on_comes_again",
                ORDERS,
            },
        ),
        (
            "broken:TrustsOrder",
            {
                "test_the_newest_webhook_may_come_first",
                "test_a_webhook_that_could_not_be_worked_on_comes_again",
                ORDERS,
            },
        ),
        ("broken:AcceptsAnything", {"test_a_webhook_that_billogram_did_not_send_is_refused"}),
    ],
)
def test_a_mistake_of_the_receiver_is_seen(
    pytester: pytest.Pytester, receiver: str, seen_by: set[str]
) -> None:
    """And by no test in which every webhook comes once and in order: those can't see it.

    The one that is run under many orders passes unchanged.
    """
    files = [str(SHOP / name) for name in RECEIVER]
    result = pytester.runpytest_inprocess(*files, *OPTIONS, "--receiver", receiver)
    assert result.parseoutcomes().get("passed", 0) >= 12
    assert "errors" not in result.parseoutcomes()
    shown = result.stdout.str()
    assert set(re.findall(r"^FAILED .*::(\w+)", shown, re.MULTILINE)) == seen_by
    assert ("The test passes unchanged, and fails with another order" in shown) == (ORDERS in seen_by)


# over HTTP


@pytest.fixture
def serve(
    billogram: BillogramAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str]]:
    """Serves the shop with one of its receivers, to which the account's webhooks go. Returns its address."""
    monkeypatch.syspath_prepend(SHOP)
    with ExitStack() as stack:

        def start(receiver: str) -> str:
            from shop.app import create_app
            from shop.billogram import Billogram
            from shop.books import Books

            api = stack.enter_context(closing(Billogram(billogram.url, billogram.user, billogram.key)))
            books = Books(tmp_path / "shop.db")
            app = create_app(api, books, resolve_name(receiver)(api, books, billogram.sign_key))
            address = _served(app, stack)
            callbacks = {"url": f"{address}/webhooks/billogram", "sign_key": billogram.sign_key}
            billogram.control("PUT", "/callbacks", callbacks)
            return address

        yield start
    for name in [each for each in sys.modules if each.partition(".")[0] == "shop"]:
        del sys.modules[name]  # other tests have a module of this name


def _served(app: object, stack: ExitStack) -> str:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    stack.callback(thread.join)
    stack.callback(setattr, server, "should_exit", True)
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    _, port = server.servers[0].sockets[0].getsockname()
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("receiver", "status", "received"),
    [("shop.webhooks:Receiver", 401, 0), ("broken:AcceptsAnything", 200, 400)],
)
def test_a_webhook_of_somebody_else(
    billogram: BillogramAccount, serve: Callable[[str], str], receiver: str, status: int, received: int
) -> None:
    """The answer tells, and so do the books."""
    address = serve(receiver)
    item = {"title": "Shovel", "count": 1, "price": 100}
    order = {"name": "Test Customer AB", "email": "contact@example.com", "items": [item]}
    with httpx.Client(base_url=address, trust_env=False) as client:
        key = client.post("/orders", json=order).json()["billogram"]
        assert billogram.settle()
        now, old = f"{time.time():.6f}", f"{time.time() - 600:.6f}"
        for number, (sign_key, signed_at, sent_at) in enumerate(
            [
                ("another", now, now),
                (billogram.sign_key, old, old),
                (billogram.sign_key, old, now),
                (None, "", ""),
            ]
        ):
            told = {
                "type": "Payment",
                "billogram_id": key,
                "event_uuid": str(number),
                "data": {"amount": 100},
            }
            body = json.dumps({"callback_type": "BillogramEvent", "event": told}).encode()
            signed = "" if sign_key is None else signature.sign(sign_key, signed_at, body)
            headers = {"Billogram-Request-Timestamp": sent_at, "Billogram-Signature": signed}
            answer = client.post("/webhooks/billogram", content=body, headers=headers)
            assert answer.status_code == status, (sign_key, signed_at, sent_at)
        shown = client.get("/orders/1").json()
    assert shown["events"][:2] == ["BillogramCreated", "BillogramSent"]
    assert shown["received"] == received


@pytest.mark.parametrize(
    ("receiver", "failed"),
    [
        ("shop.webhooks:Receiver", set()),
        (
            "broken:AcceptsAnything",
            {"bad signature", "missing signature", "signed with another key", "stale timestamp"},
        ),
    ],
)
def test_check_receiver_finds_who_accepts_a_bad_signature(
    billogram: BillogramAccount,
    serve: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
    receiver: str,
    failed: set[str],
) -> None:
    url = f"{serve(receiver)}/webhooks/billogram"
    with pytest.raises(SystemExit) as ended:
        main(["check-receiver", url, "--sign-key", billogram.sign_key])
    assert ended.value.code == bool(failed)
    shown = capsys.readouterr().out
    assert set(re.findall(r"^(.*?) {2,}.* FAILED$", shown, re.MULTILINE)) == failed, shown
