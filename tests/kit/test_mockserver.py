"""The server inside one's own process: `Mockserver` and `create_app` (reference: control 3)."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp, Message

import mockserver
from mockserver import BillogramAccount, Mockserver
from mockserver.log.interface import LogFailed, LogInUse

CUSTOMER = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
ROW = {"title": "Shovel", "count": 1, "price": 100, "vat": 25}
SEND = {"command": "send", "method": "Email"}


class Account(NamedTuple):
    """What a client needs."""

    url: str
    user: str
    key: str


def ask(account: Account | BillogramAccount, method: str, path: str, body: Any = None) -> httpx.Response:
    """One request with an account's credentials."""
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.request(method, f"{account.url}{path}", json=body, auth=(account.user, account.key))


def control(server: Mockserver, path: str) -> Any:
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.get(f"{server.control_url}{path}").json()


# Mockserver


def test_an_account_has_all_that_the_fixture_has() -> None:
    with Mockserver(clock="frozen") as server:
        account = server.account("demo")
        assert account.http.post("/customer", json=CUSTOMER).status_code == 200
        body = {"customer": {"customer_no": 1}, "items": [ROW], "on_success": SEND}
        key = account.http.post("/billogram", json=body).json()["data"]["id"]
        account.pay(key, 125)
        assert account.webhooks.wait("BillogramEnded").signature_ok
        account.clock.advance("1d")
        assert account.clock.now.isoformat() == "2026-03-03T10:00:00+01:00"


def test_webhooks_go_where_the_server_sends_them(tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    with Mockserver(database=kept, callback_url="mock:inbox", sign_key="another") as server:
        account = server.account("demo")
        assert account.control("GET", "/callbacks")["url"] == "mock:inbox"
        assert account.sign_key == "another"
        assert account.control("GET", "/clock")["mode"] == "live"
        with account.http as client:
            assert client.get("/settings").status_code == 200
    with Mockserver(database=kept) as server:  # it is still there
        assert control(server, "/accounts/demo")["id"] == "demo"


def test_a_server_for_the_length_of_a_block() -> None:
    with Mockserver() as server:
        account = server.account("demo")
        assert (account.url, account.user, account.key) == (server.url, "demo", "secret")
        assert server.url.startswith("http://127.0.0.1:")
        assert server.url.endswith("/api/v2")
        assert server.control_url == server.url.removesuffix("/api/v2") + "/_mock"
        assert ask(account, "POST", "/customer", CUSTOMER).json()["data"]["customer_no"] == 1
        assert control(server, "/accounts/demo")["counts"]["customers"] == 1
        port = urlsplit(server.url).port
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port))


def test_accounts_have_their_own_key_and_name() -> None:
    with Mockserver(closed=True) as server:
        account = server.account("demo", "my-key")
        assert ask(account, "GET", "/settings").status_code == 200
        assert ask(Account(server.url, "demo", "other"), "GET", "/settings").status_code == 403
        assert ask(Account(server.url, "other", "my-key"), "GET", "/settings").status_code == 403
        with pytest.raises(ValueError, match="demo"):
            server.account("demo")


def test_two_at_once_know_nothing_of_each_other() -> None:
    with Mockserver() as first, Mockserver() as second:
        assert first.url != second.url
        here, there = first.account("demo"), second.account("demo")
        ask(here, "POST", "/customer", CUSTOMER)
        assert ask(here, "GET", "/customer/1").status_code == 200
        assert ask(there, "GET", "/customer/1").status_code == 404


def test_what_it_is_made_with() -> None:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with Mockserver(clock="frozen", now=start, seed=7) as server:
        server.account("demo")
        assert control(server, "/accounts/demo/clock")["now"] == "2026-03-02T10:00:00+01:00"
        assert control(server, "/info")["configuration"] == {
            "database": "memory",
            "closed": False,
            "clock": "frozen",
            "now": "2026-03-02T09:00:00+00:00",
            "seed": 7,
            "fixture": None,
            "library": [],
            "invalid_auth_status": 403,
            "ui": True,
            "public_url": None,
            "control_token": False,
            "callback_url": None,
            "sign_key": False,
            "allowed_hosts": [],
            "callback_hosts": None,
        }


def test_a_file_is_kept_between_two(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    with Mockserver(database=path) as server:
        account = server.account("demo")
        made = ask(account, "POST", "/customer", CUSTOMER).json()
    with Mockserver(database=path) as server:
        assert ask(Account(server.url, "demo", "secret"), "GET", "/customer/1").json() == made
        with pytest.raises(ValueError, match="demo"):
            server.account("demo")


def test_a_file_in_use(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    with Mockserver(database=path) as server:
        account = server.account("demo")
        second = Mockserver(database=path)
        with pytest.raises(LogInUse, match=r"kept\.db"):
            second.start()
        assert ask(account, "POST", "/customer", CUSTOMER).status_code == 200
    with second:  # free now
        assert control(second, "/accounts/demo")["counts"]["customers"] == 1


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for database in ("memory", tmp_path / "kept.db"):
            with pytest.raises(OSError, match="in use"):
                Mockserver(database=database, port=port).start()
    with Mockserver(database=tmp_path / "kept.db"):  # the one that could not listen let go of it
        pass


def test_it_can_be_started_again() -> None:
    server = Mockserver()
    for _ in range(2):
        server.start()
        assert ask(server.account("demo"), "GET", "/settings").status_code == 200
        server.stop()
        server.stop()  # twice is once
        with pytest.raises(AssertionError):
            _ = server.url


def test_it_ends_with_a_failing_block(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"

    def failing() -> None:
        with Mockserver(database=path) as server:
            ask(server.account("demo"), "POST", "/customer", CUSTOMER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with Mockserver(database=path) as server:
        assert control(server, "/accounts/demo")["counts"]["customers"] == 1


def test_it_begins_with_a_fixture(tmp_path: Path) -> None:
    with Mockserver(fixture="demo") as server:
        account = Account(server.url, "demo", "secret")
        listed = ask(account, "GET", "/billogram?page=1&page_size=500").json()["data"]
        assert len(listed) == 28
        assert server.account("another").user == "another"
    bad = tmp_path / "bad.yaml"
    bad.write_text("acts:\n- {do: deleteItem, on: NONE}\n")
    with pytest.raises(LogFailed, match=r"^fixture: .*bad.yaml:2: deleteItem is refused"):
        Mockserver(fixture=bad).start()


# create_app


def test_an_application_begins_with_a_fixture() -> None:
    async def story() -> None:
        async with calling(mockserver.create_app(fixture="demo")) as client:
            found = await client.get("/customer?page=1&page_size=9")
            assert found.json()["meta"]["total_count"] == 10

    asyncio.run(story())


def calling(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://mock.test/api/v2", auth=("demo", "secret")
    )


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Run the lifespan of an application as a server does; what the application raises when it fails."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan"}, to_app.get, from_app.put))
    for phase in ("startup", "shutdown"):
        await to_app.put({"type": f"lifespan.{phase}"})
        answer = await from_app.get()
        if answer["type"] != f"lifespan.{phase}.complete":
            assert (answer["type"], "Traceback" in answer["message"]) == (f"lifespan.{phase}.failed", True)
            await running
        if phase == "startup":
            yield
    await running


def test_a_lifespan_that_fails_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        kept = tmp_path / "kept.db"
        async with lifespan(mockserver.create_app(database=kept)):
            with pytest.raises(LogInUse, match=r"kept\.db"):
                async with lifespan(mockserver.create_app(database=kept)):
                    pass

    asyncio.run(story())


def test_a_web_socket_is_refused() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/v2/customer", "headers": []}

    async def story() -> None:
        await mockserver.create_app()(scope, receive, send)

    asyncio.run(story())
    assert sent == [{"type": "websocket.close"}]


def test_an_application_without_lifespan() -> None:
    async def story() -> None:
        async with calling(mockserver.create_app(clock="frozen")) as client:
            assert (await client.post("/customer", json=CUSTOMER)).json()["data"]["customer_no"] == 1
            assert (await client.get("/customer/1")).status_code == 200
            health = await client.get("http://mock.test/_mock/health", auth=None)
            assert (health.status_code, health.json()) == (200, {"status": "ok"})

    asyncio.run(story())


def test_a_link_names_the_host_that_was_asked() -> None:
    async def story() -> None:
        async with calling(mockserver.create_app()) as client:
            person = CUSTOMER | {"contact": {"email": "contact@example.com"}}
            await client.post("/customer", json=person)
            row = {"title": "Row", "count": 1, "price": 100, "vat": 25}
            send = {"command": "send", "method": "Email"}
            body = {"customer": {"customer_no": 1}, "items": [row], "on_success": send}
            data = (await client.post("/billogram", json=body)).json()["data"]
            assert data["url"].startswith("http://mock.test/")

    asyncio.run(story())


WITHOUT_LIFESPAN = """
import asyncio, sys
import httpx, mockserver

async def main():
    app = mockserver.create_app(database=sys.argv[1])
    url, transport = "http://mock.test/api/v2/customer", httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, auth=("demo", "secret")) as client:
        print((await client.post(url, json={"name": "Test Customer AB"})).status_code)
        print((await client.get(url + "?page=1&page_size=10")).json()["meta"]["total_count"])

asyncio.run(main())
"""


def test_a_file_without_lifespan(tmp_path: Path) -> None:
    # a process of its own: nothing closes the log but its end, and the end must come
    for expected in ("200\n1\n", "200\n2\n"):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_LIFESPAN, str(tmp_path / "kept.db")],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


@pytest.mark.parametrize("database", ["memory", "kept.db"])
def test_an_application_with_its_lifespan(database: str, tmp_path: Path) -> None:
    kept = database if database == "memory" else tmp_path / database

    async def story() -> int:
        app = mockserver.create_app(database=kept)
        async with lifespan(app), calling(app) as client:
            await client.post("/customer", json=CUSTOMER)
            listed = await client.get("/customer", params={"page": 1, "page_size": 10})
            total: int = listed.json()["meta"]["total_count"]
            return total

    counts = [asyncio.run(story()) for _ in range(2)]  # the first one let go of the file
    assert counts == ([1, 1] if database == "memory" else [1, 2])


def test_an_application_takes_the_options_of_a_server() -> None:
    async def story() -> None:
        start = datetime(2026, 3, 2, 9, tzinfo=UTC)
        app = mockserver.create_app(closed=True, clock="frozen", now=start, seed=7, control_token="s3cret")
        async with calling(app) as client:
            assert (await client.get("/settings")).status_code == 403
            info = "http://mock.test/_mock/info"
            assert (await client.get(info, auth=None)).status_code == 401
            shown = await client.get(info, auth=None, headers={"authorization": "Bearer s3cret"})
            assert shown.json()["configuration"]["seed"] == 7
            assert "s3cret" not in shown.text

    asyncio.run(story())


# what an import costs


@pytest.mark.parametrize("module", ["mockserver", "mockserver.cli.main", "mockserver.cli.wait"])
def test_an_import_costs_nothing(module: str) -> None:
    program = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"starlette", "pydantic", "uvicorn", "aiosqlite", "asyncio", "mockserver.app"}
    assert heavy & set(json.loads(done.stdout)) == set()


CALENDARS = """
import sys, threading
from mockserver import BillogramAccount, Mockserver

with Mockserver(clock="frozen") as server:
    for thread in threading.enumerate():
        if thread.name == "mockserver-calendars":
            thread.join()
    loaded = {name for name in sys.modules if name.startswith("holidays")}
    assert "holidays.countries.sweden" in loaded
    with BillogramAccount(server, "shop", fixture="demo") as account:
        account.clock.advance("400d")
        again = {name for name in sys.modules if name.startswith("holidays")}
        assert again == loaded, again - loaded
    assert server.control("GET", "/accounts") == []
"""


def test_the_calendars_of_the_banks_are_loaded_in_the_background() -> None:
    """No test waits for them when its clock reaches a bank day for the first time."""
    subprocess.run([sys.executable, "-c", CALENDARS], check=True)
