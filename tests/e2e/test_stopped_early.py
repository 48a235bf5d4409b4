"""A server that is stopped while it opens or loads: it ends at once, and who waits for it gets 503."""

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mockserver.core.events import Record
from mockserver.log import sqlite_file
from mockserver.log.sqlite import SQLiteLog
from tests.e2e.served import COMMAND, PATIENCE, Served, clean_environment
from tests.server import ACCOUNT, KEY, Server, basic

ENDS_WITHIN = 2.0  # seconds
ASKED = ("/api/v2/settings", "/_mock/accounts")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def large_fixture(folder: Path) -> tuple[str, ...]:
    rows = "".join(f"  - {{as: c{n}, customer_no: {n + 1}, name: Customer {n} AB}}\n" for n in range(20_000))
    account = "account: {id: big, key: secret, clock: {mode: frozen}}\n"
    (folder / "big.yaml").write_text(f"{account}customers:\n{rows}")
    return "--fixture", "big.yaml"


def many_accounts(folder: Path) -> tuple[str, ...]:
    listed = [{"id": f"account-{number}", "key": "secret"} for number in range(20_000)]
    (folder / "accounts.json").write_text(json.dumps(listed))
    return "--accounts", "accounts.json", "--database", "kept.db"


def fixtures_of_accounts(folder: Path) -> tuple[str, ...]:
    _, name = large_fixture(folder)
    (folder / "accounts.json").write_text(json.dumps([{"id": "big", "key": "secret", "fixture": name}]))
    return "--accounts", "accounts.json"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("prepare", [large_fixture, many_accounts])
def test_a_signal_while_the_server_loads(prepare: object, number: signal.Signals, tmp_path: Path) -> None:
    assert callable(prepare)
    port = free_port()
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port), *prepare(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    ) as process:
        while process.poll() is None:
            try:
                assert status(asked(port, "/_mock/ready")) == 503  # it loads
                break
            except ConnectionError:
                time.sleep(0.01)
        waiting = [asked(port, path) for path in ASKED]
        assert status(asked(port, "/_mock/ready")) == 503  # so the server has read the two before it
        begun = time.monotonic()
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE)
        took = time.monotonic() - begun
    assert (process.returncode, *said) == (0, "", "")
    assert [status(talk) for talk in waiting] == [503, 503]
    assert took < ENDS_WITHIN


def asked(port: int, path: str) -> socket.socket:
    """A connection on which this was asked."""
    talk = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {basic('account-1', 'secret')}\r\n\r\n"
    talk.sendall(head.encode())
    return talk


def status(talk: socket.socket) -> int:
    """The status of what is answered on a connection, which is closed."""
    with talk, talk.makefile("rb") as answer:
        return int(answer.readline().split()[1])


def test_a_signal_before_the_server_has_begun(tmp_path: Path) -> None:
    """While the fixtures of `--accounts` are read, nobody listens yet."""
    arguments = fixtures_of_accounts(tmp_path)
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    ) as process:
        seen = Path(f"/proc/{process.pid}/status")
        caught = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)
        while True:  # until it has handlers for both
            (line,) = [each for each in seen.read_text().splitlines() if each.startswith("SigCgt")]
            if int(line.split()[1], 16) & caught == caught:
                break
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, *said) == (0, "", "")


class StuckLog(SQLiteLog):
    """Records are never read to their end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reading = asyncio.Event()

    async def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        self.reading.set()
        await asyncio.Event().wait()
        async for record in super().read(stream, after):
            yield record


def test_requests_for_an_account_that_is_being_opened(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    with Served("--database", str(path)) as served:
        served.api("GET", "/settings", user=ACCOUNT, key=KEY)
    log = StuckLog(path)
    server = Server(log)

    async def story() -> list[tuple[int, str]]:
        await server.emulator.loaded()
        headers = {"authorization": basic(ACCOUNT, KEY), "host": "127.0.0.1"}
        paths = ("/api/v2/settings", f"/_mock/accounts/{ACCOUNT}/clock")
        asked = [asyncio.ensure_future(server.asgi("GET", path, b"", headers)) for path in paths]
        await log.reading.wait()
        server.emulator.stop_opening()
        late = await server.asgi("GET", paths[0], b"", headers)
        answers = [*await asyncio.gather(*asked), late]
        return [(answer.status, answer.body.decode()) for answer in answers]

    answers = server.run(story())
    server.close()
    assert [status for status, _ in answers] == [503, 503, 503]
    assert all("the server is stopping" in body for _, body in answers)


def test_a_file_whose_opening_takes_long_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it is upgraded."""
    begun = threading.Event()

    def endless(db: sqlite3.Connection, _: str) -> None:
        begun.set()
        db.execute("with recursive n (x) as (select 1 union all select x + 1 from n) select count(*) from n")

    monkeypatch.setattr(sqlite_file, "_prepare", endless)

    async def story() -> None:
        opening = asyncio.ensure_future(SQLiteLog(tmp_path / "kept.db").open())
        await asyncio.to_thread(begun.wait, PATIENCE)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(opening, PATIENCE)

    asyncio.run(story())
