"""Accounts are opened when they are first used, or when something of theirs is due."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mockserver.log.interface import LogFailed
from tests.server import ACCOUNT, Server, basic

PATIENCE = 20  # seconds after which what is waited for has failed to come
CUSTOMER = {"name": "Test AB", "contact": {"email": "contact@example.com"}}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Counting(Server):
    """Counts which streams are read, and has a machine's clock that can be set."""

    def __init__(self, file: Path, real: datetime = START, **configuration: Any) -> None:
        super().__init__(database=str(file), **configuration)
        self.real = real
        self.emulator._real_time = lambda: self.real
        self.read: list[str] = []
        log, read = self.emulator.log, self.emulator.log.read

        def counted(stream: str, after: int = 0) -> Any:
            self.read.append(stream)
            return read(stream, after)

        log.read = counted  # type: ignore[method-assign]

    def until(self, there: Callable[[], bool]) -> None:
        async def wait() -> None:
            async with asyncio.timeout(PATIENCE):
                while not there():  # noqa: ASYNC110  # what it waits for notifies nobody
                    await asyncio.sleep(0.005)

        self.run(wait())

    def opened(self) -> set[str]:
        return {live.id for live in self.emulator.live_accounts()}

    def settled(self) -> None:
        """Until the look at which accounts must be opened is over."""
        self.run(self.emulator.loaded())
        tasks = self.emulator._tasks
        self.until(lambda: not any(task.get_name() == "open what is due" for task in tasks))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def three(file: Path, **configuration: Any) -> None:
    """A log with three accounts."""
    server = Counting(file, **configuration)
    for account in ("c", "a", "b"):
        server.post("/customer", CUSTOMER, account=account)
    server.mock("POST", "/accounts/a/snapshots", {"name": "one"})
    server.close()


def test_the_start_reads_no_record_and_a_request_opens_its_account_alone(file: Path) -> None:
    three(file)
    server = Counting(file)
    server.settled()
    assert (server.read, server.opened()) == ([], set())
    assert server.mock("GET", "/ready").status == 200
    assert server.get("/customer/1", account="a").status == 200
    assert server.opened() == {"a"}
    assert [each["name"] for each in server.mock("GET", "/accounts/a/snapshots").json] == ["one"]
    server.close()


def test_the_list_of_accounts_opens_none(file: Path) -> None:
    three(file)
    server = Counting(file)
    listed = server.mock("GET", "/accounts").json
    assert [(each["id"], each["counts"]["customers"], each["counts"]["acts"]) for each in listed] == [
        ("c", 1, 2),
        ("a", 1, 2),
        ("b", 1, 2),
    ]
    assert server.mock("GET", "/info").json["counts"] == {"accounts": 3, "billograms": 0, "acts": 6}
    assert server.opened() == set()
    server.run(server.open_all())
    assert server.mock("GET", "/accounts").json == listed
    server.post("/customer", CUSTOMER, account="d")
    assert [each["id"] for each in server.mock("GET", "/accounts").json] == ["c", "a", "b", "d"]
    assert server.mock("POST", "/accounts", {"id": "a"}).status == 409
    server.close()


def test_a_closed_account_keeps_its_key(file: Path) -> None:
    three(file)
    server = Counting(file)
    assert server.get("/settings", account="a", key="wrong").status == 403
    assert server.get("/settings", account="a").status == 200
    server.close()


def test_many_requests_open_it_once(file: Path) -> None:
    three(file)
    server = Counting(file)

    async def story() -> list[int]:
        headers = {"authorization": basic("a", "secret")}
        asks = [server.asgi("GET", "/api/v2/customer/1", b"", headers) for _ in range(20)]
        return [answer.status for answer in await asyncio.gather(*asks)]

    assert server.run(story()) == [200] * 20
    assert len(server.read) == len(set(server.read)) == 2  # its own stream, and that of its snapshot
    server.close()


def test_who_gives_up_waiting_harms_nobody(file: Path) -> None:
    three(file)
    server = Counting(file)

    async def story() -> None:
        await server.emulator.loaded()
        first = asyncio.ensure_future(server.emulator.find("a"))
        second = asyncio.ensure_future(server.emulator.find("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        live = await second
        assert live is not None
        assert live is await server.emulator.find("a")

    server.run(story())
    assert server.post("/customer", CUSTOMER, account="a").data["customer_no"] == 2
    server.close()


def test_what_a_live_clock_brings_happens_though_nobody_asks(file: Path) -> None:
    server = Counting(file, clock="live")
    server.sent()
    server.post("/customer", CUSTOMER, account="idle")
    server.close()
    server = Counting(file, START + timedelta(days=29), clock="live")
    server.run(server.emulator.loaded())
    server.until(lambda: not server.emulator._changed.is_set())
    assert server.opened() == set()
    server.real += timedelta(days=10)
    server.until(lambda: server.opened() == {ACCOUNT})
    server.until(lambda: "Overdue" in str(server.emulator.live(ACCOUNT).state.billograms))  # type: ignore[union-attr]
    server.close()


def test_a_callback_that_waits_is_sent_though_nobody_asks(file: Path) -> None:
    """Its receiver was down; by a live clock the next attempt is due after the restart."""
    server = Counting(file, clock="live")
    customer = {"customer_no": server.customer()}
    callbacks = {"url": "http://127.0.0.1:1/hook"}
    assert server.mock("PUT", f"/accounts/{ACCOUNT}/callbacks", callbacks).status == 200
    server.sent(customer=customer)
    server.until(lambda: all(attempts(server)))
    before = attempts(server)
    assert len(before) == 2
    server.close()
    server = Counting(file, START + timedelta(minutes=2), clock="live")
    server.run(server.emulator.loaded())
    server.until(lambda: server.opened() == {ACCOUNT})
    server.until(lambda: attempts(server) != before)
    server.close()


def attempts(server: Server) -> list[int]:
    """How many there were of each delivery."""
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    return [len(each.attempts) for each in server.sender.deliveries(live).by_id.values()]


def test_after_a_kill_those_whose_summary_is_old_are_opened(file: Path, tmp_path: Path) -> None:
    three(file)
    server = Counting(file)
    server.post("/customer", CUSTOMER, account="a")
    copy = tmp_path / "killed.db"
    for suffix in ("", "-wal"):  # as a kill would leave them
        if Path(f"{file}{suffix}").exists():
            shutil.copyfile(f"{file}{suffix}", f"{copy}{suffix}")
    server.close()
    server = Counting(copy)
    server.settled()
    assert server.opened() == {"a"}
    assert [each["counts"]["customers"] for each in server.mock("GET", "/accounts").json] == [1, 2, 1]
    server.close()


def test_an_account_that_cannot_be_read_just_now_is_read_later(file: Path) -> None:
    three(file)
    server = Counting(file)
    server.run(server.emulator.loaded())
    branch = server.emulator.log.branch

    async def refused(stream: str) -> Any:
        raise LogFailed("the disk does not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.emulator.log, "branch", refused)
        assert server.get("/customer/1", account="a").status == 503
    assert server.emulator.log.branch == branch
    assert server.get("/customer/1", account="a").status == 200
    server.close()


def test_what_is_due_is_opened_later_when_it_could_not_be_read(file: Path) -> None:
    server = Counting(file, clock="live")
    server.sent()
    server.close()
    server = Counting(file, START + timedelta(days=40), clock="live")
    refusals = []
    branch = server.emulator.log.branch

    async def refused(stream: str) -> Any:
        refusals.append(stream)
        raise LogFailed("the disk does not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.emulator.log, "branch", refused)
        server.run(server.emulator.loaded())
        server.until(lambda: bool(refusals))
    assert server.emulator.log.branch == branch

    def opened_later() -> bool:
        server.real += timedelta(seconds=1)
        return server.opened() == {ACCOUNT}

    server.until(opened_later)
    server.close()


def test_forks_share_with_their_parent_after_a_restart_too(file: Path) -> None:
    server = Counting(file)
    customer = {"customer_no": server.customer()}
    for _ in range(20):
        server.sent(customer=customer)
    for number in range(3):
        server.mock("POST", f"/accounts/{ACCOUNT}/fork", {"id": f"fork{number}"})
    server.post("/customer", CUSTOMER, account="fork1")
    server.close()
    server = Counting(file)
    for name in ("fork2", ACCOUNT, "fork0", "fork1"):
        server.get("/settings", account=name)
    mine = server.state()
    for number in range(3):
        its = server.state(f"fork{number}")
        assert all(its.billograms[key] is mine.billograms[key] for key in mine.billograms)
        assert its.customers[1] is mine.customers[1]
    server.close()
