"""One delivery with what is signed, and the replay of all that failed (reference: control 1, webhooks 4)."""

import hashlib
import hmac
import socket
from typing import Any

import pytest

from tests.control.test_clock import idle, inbox
from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"
KEY = "test-sign-key-1"


def receive(server: Server, url: str = "mock:inbox", respond: int = 200, key: str | None = KEY) -> None:
    """Configure a receiver that is not tried again."""
    body: Any = {"url": url, "sign_key": key, "respond": respond, "retry_schedule": []}
    assert server.mock("PUT", f"{A}/callbacks", body).status == 200


def listed(server: Server) -> Any:
    return server.mock("GET", f"{A}/deliveries").json


def one(server: Server) -> Any:
    """The first delivery, and its first attempt."""
    found = server.mock("GET", f"{A}/deliveries/{listed(server)[0]['id']}").json
    return found, found["attempts"][0]


@pytest.fixture
def server(server: Server) -> Server:
    server.get("/settings")
    return server


def test_what_is_signed(server: Server) -> None:
    receive(server)
    server.draft()
    idle(server)
    found, attempt = one(server)
    headers, body = attempt["request"]["headers"], attempt["request"]["body"]
    assert attempt["signed"] == f"{headers['Billogram-Request-Timestamp']}:{body}"
    right = hmac.new(KEY.encode(), attempt["signed"].encode(), hashlib.sha256).hexdigest()
    assert attempt["signature"] == right == headers["Billogram-Signature"]
    assert KEY not in str(found)
    extra = {"signed", "signature"}
    plain = [{name: made[name] for name in made.keys() - extra} for made in found["attempts"]]
    assert {**found, "attempts": plain} == listed(server)[0]


@pytest.mark.parametrize("policy", ["bad", "old-key"])
def test_the_right_signature_of_one_that_is_signed_badly(server: Server, policy: str) -> None:
    receive(server)
    server.mock("PUT", f"{A}/delivery-policy", {"signature": policy})
    server.draft()
    idle(server)
    _, attempt = one(server)
    right = hmac.new(KEY.encode(), attempt["signed"].encode(), hashlib.sha256).hexdigest()
    assert attempt["signature"] == right != attempt["request"]["headers"]["Billogram-Signature"]


@pytest.mark.parametrize(("key", "policy"), [(None, "good"), (KEY, "missing")])
def test_one_without_a_signature(server: Server, key: str | None, policy: str) -> None:
    receive(server, key=key)
    server.mock("PUT", f"{A}/delivery-policy", {"signature": policy})
    server.draft()
    idle(server)
    _, attempt = one(server)
    assert (attempt["signed"], attempt["signature"]) == (None, None)


def test_all_that_failed_are_replayed_in_order(server: Server) -> None:
    receive(server, respond=500)
    server.sent()
    idle(server)
    failed = [each["id"] for each in listed(server)]
    assert {each["status"] for each in listed(server)} == {"failed"}
    assert len(failed) == 2
    receive(server)
    server.draft()
    idle(server)
    again = server.mock("POST", f"{A}/deliveries/replay").json
    assert [each["id"] for each in again] == failed
    assert {each["status"] for each in listed(server)} == {"delivered"}
    assert [each["delivery"] for each in inbox(server)][-2:] == failed
    assert server.mock("POST", f"{A}/deliveries/replay", {"status": "failed"}).json == []


def test_a_receiver_without_an_answer_is_tried_once(server: Server) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # reserved, and nobody listens
        receive(server, url=f"http://127.0.0.1:{closed.getsockname()[1]}/")
        server.sent()
        idle(server)
        first, second = listed(server)
        again = server.mock("POST", f"{A}/deliveries/replay").json
        assert [each["id"] for each in again] == [first["id"]]
        assert [len(each["attempts"]) for each in listed(server)] == [2, len(second["attempts"])]
