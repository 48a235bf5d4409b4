"""User, password, query and fragment of URLs are shown nowhere (reference: control 1, info)."""

import asyncio
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from mockserver.cli.serve import _Formatter
from mockserver.core.events import AttemptMade
from mockserver.masking import masked_url, masked_urls
from mockserver.webhooks.transport import Outcome
from tests.server import Server

URL = "https://amy:hunter2@hooks.test/in/voices?token=hunter3#hunter4"
MASKED = "https://***@hooks.test/in/voices?***#***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, MASKED),
        ("http://hooks.test", "http://hooks.test"),
        ("http://hooks.test:81/a/b", "http://hooks.test:81/a/b"),
        ("http://amy@hooks.test/a@b", "http://***@hooks.test/a@b"),
        ("http://amy:p@ss@hooks.test", "http://***@hooks.test"),
        ("http://:p@[::1]:8080/", "http://***@[::1]:8080/"),
        ("http://@hooks.test/", "http://@hooks.test/"),
        ("http://hooks.test?a=b", "http://hooks.test?***"),
        ("http://hooks.test/?", "http://hooks.test/?"),
        ("http://hooks.test/?a=b c?d#e", "http://hooks.test/?***#***"),
        ("http://hooks.test/#", "http://hooks.test/#"),
        ("http://hooks.test/#a?b=c", "http://hooks.test/#***"),
        ("postgresql://u:p@db.test/x?password=y", "postgresql://***@db.test/x?***"),
        ("mock:inbox", "mock:inbox"),
        ("sandbox.db", "sandbox.db"),
        ("", ""),
    ],
)
def test_a_url(url: str, shown: str) -> None:
    assert masked_url(url) == shown
    assert " " in url or masked_urls(f"it's <{url} of it") == f"it's <{shown} of it"


def secrets_in(shown: Any) -> list[str]:
    text = shown if isinstance(shown, str) else json.dumps(shown, default=str)
    return [word for word in ("amy", "hunter2", "hunter3", "hunter4") if word in text]


def attempts(server: Server) -> list[AttemptMade]:
    live = server.emulator.live("test")
    assert live is not None
    return [made for each in server.sender.deliveries(live).all() for made in each.attempts]


async def attempted(server: Server) -> None:
    live = server.emulator.live("test")
    assert live is not None
    async with asyncio.timeout(10):
        while not attempts(server):
            await live.signal.wait(live.signal.count)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server whose callbacks go to URL, and fail with texts that name it."""
    made = Server(callback_url=URL, public_url=URL.replace("hooks", "mock"), sign_key="k")

    async def post(*_: Any) -> Outcome:
        return answers.pop(0)

    answers = [
        Outcome(None, f"can't connect to {URL}: refused", 1.0, {}, ""),
        *(Outcome(302, None, 1.0, {"location": URL}, "") for _ in range(9)),
    ]
    monkeypatch.setattr(made.sender.transport, "post", post)
    made.mock("POST", "/accounts", {"id": "test", "key": "secret"})
    made.mock("POST", "/accounts/test/snapshots", {"name": "before"})
    made.sent()
    made.draft(callbacks={"url": URL})
    assert made.mock("PUT", "/accounts/test/callbacks", {"url": f"{URL}x"}).status == 200
    made.run(attempted(made))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/info", True),
        ("/accounts/test/deliveries", True),
        ("/accounts/test/timeline", True),
        ("/accounts/test/timeline?kind=attempt", True),
        ("/accounts/test/diff?against=snapshot:before", False),
        ("/accounts/test/agenda", False),
        ("/accounts", None),
    ],
)
def test_every_place(path: str, masked: bool | None, server: Server) -> None:
    shown = server.mock("GET", path)
    assert shown.status == 200
    if masked is None:  # settings are shown as they were given, so that they can be sent again
        assert URL in shown.body.decode()
        return
    assert secrets_in(shown.json) == []
    assert (MASKED in shown.body.decode()) is masked


def test_the_difference_of_two_secrets_is_a_difference(server: Server) -> None:
    (differing,) = [
        each
        for difference in server.mock("GET", "/accounts/test/diff?against=snapshot:before").json[
            "differences"
        ]
        for each in difference["members"]
        if each["member"] == "callbacks.url"
    ]
    assert differing == {"member": "callbacks.url", "here": "(not shown)", "there": "(another)"}


def test_an_explanation(server: Server) -> None:
    server.mock("PUT", "/accounts/test/callbacks", {"url": None, "require_https": True})
    refused = server.post(
        "/billogram",
        {
            "customer": {"customer_no": 1},
            "items": [{"title": "A", "count": 1, "price": 1, "vat": 25}],
            "callbacks": {"url": URL.replace("https", "http")},
        },
    )
    assert refused.status == 400
    assert refused.headers["mock-rule"] == "callbacks.https"
    shown = server.run(server.asgi("GET", refused.headers["mock-explain"]))
    assert MASKED.replace("https", "http") in shown.body.decode()
    assert secrets_in(shown.json["condition"]) == []


def test_the_error_of_an_attempt(server: Server) -> None:
    assert URL in (attempts(server)[0].error or "")  # as a log of an earlier version may hold it
    found = server.mock("GET", "/accounts/test/deliveries").json
    errors = [made["error"] for each in found for made in each["attempts"] if made["error"]]
    assert errors == [f"can't connect to {MASKED} refused"]
    waited = server.mock("POST", "/accounts/test/deliveries/wait", {"timeout": "0s"})
    assert waited.status == 408
    assert secrets_in(waited.json) == []


def test_logs() -> None:
    try:
        raise ValueError(URL)
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "b", 1, "no %s", (URL,), sys.exc_info())
    text = _Formatter("%(levelname)s %(message)s").format(record)
    assert secrets_in(text.replace("raise ValueError(URL)", "")) == []
    assert text.startswith(f"ERROR no {MASKED}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("wait", "--timeout", "0.1s", "--url", "http://amy:hunter2@127.0.0.1:9/?hunter3"),
        ("clock", "show", "--account", "a", "--url", "http://amy:hunter2@127.0.0.1:9/?hunter3"),
        ("run", "nothing-to-pay", "--base-url", URL),
        ("check-receiver", "http://amy:hunter2@127.0.0.1:9/?hunter3", "--sign-key", "k"),
        ("serve", "--callbackurl", URL),
        ("serve", "--public-url", URL),
        ("serve", "--database", f"{URL}/none/x.db"),
        ("listen", "--forward", URL, "--port", "x"),
    ],
)
def test_errors_of_the_command_line(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr
    assert secrets_in(done.stdout + done.stderr) == []
