"""`mockserver clock`, run as a command against a server."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.served import COMMAND, PATIENCE, Served, clean_environment

FROZEN = "2026-03-02T10:00:00+01:00"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with Served("--clock", "frozen", "--control-token", "letmein") as running:
        yield running


def clock(server: Served, *words: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, "clock", *words, "--url", server.address],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=clean_environment(MOCKSERVER_CONTROL_TOKEN="letmein") | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def sent(server: Served, user: str) -> str:
    """A billogram that is sent, due on 2026-04-01."""
    customer = {"name": "A", "contact": {"email": "a@example.com"}}
    server.api("POST", "/customer", customer, user=user)
    body = {
        "customer": {"customer_no": 1},
        "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    key: str = server.api("POST", "/billogram", body, user=user).json()["data"]["id"]
    return key


def test_the_only_account_is_meant(server: Served) -> None:
    assert clock(server, "show") == (
        2,
        "",
        "mockserver clock: say which account, with --account: there is none yet\n",
    )
    key = sent(server, "one")
    assert clock(server, "show") == (0, f"{FROZEN}  frozen  Europe/Stockholm\n", "")
    told = "would move from 2026-03-02T10:00:00+01:00 to 2026-04-02T10:00:00+02:00; 2 acts on the way\n"
    acts = (
        f"  2026-04-02T00:05:00+02:00  {key}  Overdue\n  2026-04-02T00:05:00+02:00  {key}  InterestStarted\n"
    )
    assert clock(server, "advance", "31d", "--dry-run") == (0, told + acts, "")
    assert clock(server, "show")[1].startswith(FROZEN)
    assert clock(server, "advance", "next")[1].startswith(
        "moved from 2026-03-02T10:00:00+01:00 to 2026-04-02T00:05"
    )
    assert clock(server, "advance", "2026-04-02T10:00:00+02:00")[1].endswith("; 0 acts on the way\n")
    server.api("GET", "/settings", user="two")
    code, out, err = clock(server, "show")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "one, two" in err


def test_freezing_and_running(server: Served) -> None:
    server.api("GET", "/settings", user="third")
    assert clock(server, "live", "--account", "third", "--speed", "60")[1].endswith(
        "  live  Europe/Stockholm, 60 times as fast\n"
    )
    assert "  frozen  " in clock(server, "freeze", "--account", "third")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("advance", "1x", "--account", "fourth"), "not a duration"),
        (("advance", "2020-01-01T00:00:00Z", "--account", "fourth"), "can't be moved back"),
        (("show", "--account", "nobody"), "no account nobody"),
        (("show", "--account", "fourth", "--control-token", "wrong"), "token is missing or wrong"),
        (("live", "--account", "fourth", "--speed", "0"), "must be above 0"),
        (("live", "--account", "fourth", "--speed", "x"), "--speed"),
        ((), "DEED"),
    ],
)
def test_what_is_not_possible_is_one_line(server: Served, words: tuple[str, ...], said: str) -> None:
    server.api("GET", "/settings", user="fourth")
    code, out, err = clock(server, *words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def test_nobody_there() -> None:
    done = subprocess.run(
        [*COMMAND, "clock", "show", "--account", "a", "--url", "http://127.0.0.1:9"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=clean_environment(),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "can't be asked" in done.stderr
