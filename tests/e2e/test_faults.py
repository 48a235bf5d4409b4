"""Faults as clients meet them: Billogram's own Python client, and a bare socket."""

import base64
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from billogram_api import BillogramAPI, BillogramExceptions

from tests.e2e.served import PATIENCE, Served

USER = "faulty"
CUSTOMER = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as server:
        yield server


@pytest.fixture
def api(served: Served) -> Any:
    served.client.delete(f"/_mock/accounts/{USER}/faults")  # of the test before
    client = BillogramAPI(USER, "secret", api_base=served.told["url"])
    assert client.customers.query().count >= 0
    served.client.post(f"/_mock/accounts/{USER}/reset")
    return client


def lay(served: Served, **body: Any) -> None:
    assert served.client.post(f"/_mock/accounts/{USER}/faults", json=body).status_code == 201


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        ("status:503", BillogramExceptions.ServiceMalfunctioningError),
        ("status:500", BillogramExceptions.ServiceMalfunctioningError),
        ("status:403", BillogramExceptions.NotAuthorizedError),
        ("status:429", BillogramExceptions.RequestDataError),
        ("status:401", BillogramExceptions.RequestDataError),
        ("reset", requests.exceptions.ConnectionError),
        ("garbage", ValueError),
    ],
)
def test_the_official_client_and_nothing_is_done(served: Served, api: Any, fail: str, error: Any) -> None:
    lay(served, fail=fail, operation="POST /customer", times=1)
    with pytest.raises(error):
        api.customers.create(CUSTOMER)
    assert api.customers.query().count == 0
    assert api.customers.create(CUSTOMER)["customer_no"] == 1


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        ("commit-then-502", BillogramExceptions.ServiceMalfunctioningError),
        ("commit-then-reset", requests.exceptions.ConnectionError),
    ],
)
def test_the_official_client_and_it_is_done_all_the_same(
    served: Served, api: Any, fail: str, error: Any
) -> None:
    lay(served, fail=fail, operation="POST /customer", times=1)
    with pytest.raises(error):
        api.customers.create(CUSTOMER)
    assert api.customers.query().count == 1


def asked(served: Served, patience: float = 10) -> socket.socket:
    host, _, port = served.address.removeprefix("http://").partition(":")
    sock = socket.create_connection((host, int(port)), timeout=patience)
    pair = base64.b64encode(f"{USER}:secret".encode()).decode()
    sock.sendall(f"GET /api/v2/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\n\r\n".encode())
    return sock


@pytest.mark.usefixtures("api")
def test_a_bare_socket_sees_a_reset(served: Served) -> None:
    lay(served, fail="reset")
    with asked(served) as sock, pytest.raises(ConnectionResetError):
        sock.recv(1)


@pytest.mark.usefixtures("api")
def test_a_bare_socket_sees_nothing_and_then_a_reset(served: Served) -> None:
    lay(served, fail="timeout", latency="0.3s")
    begun = time.monotonic()
    with asked(served) as sock, pytest.raises(ConnectionResetError):
        sock.recv(1)
    assert time.monotonic() - begun >= 0.25


@pytest.mark.usefixtures("api")
def test_who_loses_patience_goes_and_the_server_lives_on(served: Served) -> None:
    lay(served, fail="timeout", times=1)
    with asked(served, 0.2) as sock, pytest.raises(TimeoutError):
        sock.recv(1)
    with asked(served) as sock:
        assert sock.recv(15) == b"HTTP/1.1 200 OK"
    found: list[Any] = []
    deadline = time.monotonic() + PATIENCE
    while not found and time.monotonic() < deadline:  # until the server has seen that the client went
        told = served.client.get(f"/_mock/accounts/{USER}/requests").json()
        found = [each for each in told if each["explanation"] is not None]
    (entry,) = found
    assert entry["status"] is None
    assert entry["explanation"]["compared"]["fail"] == "timeout"


def test_a_server_with_a_silent_request_stops_at_once() -> None:
    server = Served()
    with server:
        client = BillogramAPI(USER, "secret", api_base=server.told["url"])
        assert client.customers.query().count == 0
        lay(server, fail="timeout")
        sock = asked(server)
        while all(each["status"] for each in server.client.get(f"/_mock/accounts/{USER}/requests").json()):
            time.sleep(0.01)  # until it is there, and waits
        begun = time.monotonic()
        assert server.stop() == (0, "", "")
        assert time.monotonic() - begun < 3
        sock.close()
