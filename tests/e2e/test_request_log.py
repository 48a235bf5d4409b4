"""`--log-level info` prints one line for each request; `debug` adds bodies, without secrets."""

import re

import pytest

from mockserver.request_log import Line, shown
from tests.e2e.served import Served

LINE = r"INFO \d\d:\d\d:\d\d\.\d{3} {} \d+\.\d ms"


def lines(level: str) -> list[str]:
    server = Served("--log-level", level)
    server.api("GET", "/settings")
    server.api("POST", "/customer?a=b", {"nome": "x"})
    server.api("GET", "/settings", key="wrong")
    callbacks = {"url": "http://user:hidden@127.0.0.1:1/hook?token=hidden", "sign_key": "hidden"}
    server.mock("POST", "/accounts", {"id": "shop", "key": "hidden", "callbacks": callbacks})
    server.mock("GET", "/accounts/shop")
    server.mock("GET", "/accounts/nobody")
    server.client.get("/")
    code, _, err = server.stop()
    assert code == 0
    return err.splitlines()


EXPECTED = [
    r"demo GET /api/v2/settings 200 -",
    r"demo POST /api/v2/customer\?a=b 400 \S+\.\S+",
    r"demo GET /api/v2/settings 403 auth\.invalid",
    r"- POST /_mock/accounts 201 -",
    r"shop GET /_mock/accounts/shop 200 -",
    r"nobody GET /_mock/accounts/nobody 404 unknown_account",
    r"- GET / 404 path\.exists",
]


def matches(found: list[str]) -> None:
    assert len(found) == len(EXPECTED), found
    for line, expected in zip(found, EXPECTED, strict=True):
        assert re.fullmatch(LINE.replace("{}", expected, 1), line), line


def test_a_line_for_each_request() -> None:
    matches(lines("info"))


def test_bodies_without_secrets() -> None:
    found = lines("debug")
    matches([line for line in found if line.startswith("INFO")])
    text = "\n".join(found)
    assert 'DEBUG > {"nome": "x"}' in text
    assert '"sign_key": "***"' in text
    assert '"url": "http://127.0.0.1:1/hook"' in text
    assert "hidden" not in text
    assert {line.split()[0] for line in found} == {"INFO", "DEBUG"}
    assert {line.split()[1] for line in found if line.startswith("DEBUG")} == {"<", ">"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": [{"Sign_Key": "x"}], "key": null}', '{"a": [{"Sign_Key": "***"}], "key": null}'),
        (b'{"sign_key": "x",}', "(18 bytes, not JSON)"),
        (b"%PDF \xff", "(6 bytes, not JSON)"),
        (b"[" * 50_000, "(50000 bytes, not JSON)"),
        (b"[" + b" " * 70_000 + b"]", "(more than 65536 bytes)"),
        (b'"see https://a:b@c.test/d?e=f#g now"', '"see https://c.test/d now"'),
        (b'"\\u001b[0m"', '"\\u001b[0m"'),
    ],
)
def test_a_body_as_it_is_shown(body: bytes, expected: str) -> None:
    assert shown(body) == expected


@pytest.mark.parametrize(
    ("status", "colour"), [(200, "\x1b[32m"), (404, "\x1b[33m"), (503, "\x1b[31m"), (None, "\x1b[31m")]
)
def test_colours_at_a_terminal(status: int | None, colour: str) -> None:
    line = Line("10:00:00.000", "demo", "GET", "/x", status, "-", 1.25)
    assert f"{colour}{'-' if status is None else status}\x1b[0m" in line.text(colours=True)
    assert "\x1b" not in line.text(colours=False)
