"""Requests that are given up on their way: the state is still what the log tells, and the next one works."""

import asyncio
import itertools
import logging
import os
import random
import secrets
import shutil
import socket
import struct
import threading
import types
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockserver.kit.server import Mockserver
from mockserver.log.sqlite import SQLiteLog
from tests.e2e.test_killed import Client
from tests.log.test_held_commit import LIST, SEND, WRITES, Ask, billogram, prepared, writes
from tests.log.test_unwritable import KINDS, FaultyLog, Step, asked, compare
from tests.server import Answer, Server, basic, dumps


def seeded() -> random.Random:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)


@types.coroutine
def cancelled_at(work: Coroutine[Any, Any, Answer], point: int) -> Generator[Any, Any, Answer]:
    """Run a coroutine; where it suspends for the time `point`, its task is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    step: Callable[[Any], Any] = work.send
    sent: Any = None
    for suspended in itertools.count():
        try:
            waited = step(sent)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        if suspended == point:
            task.cancel()
        step, sent = work.send, None
        try:
            yield waited
        except BaseException as raised:
            step, sent = work.throw, raised
    raise AssertionError("it goes on until it returns")


async def was_cancelled(ask: Ask, server: Server, point: int) -> bool:
    """Whether the request suspended so often that it could be cancelled there."""

    async def run() -> Answer:
        return await cancelled_at(ask.of(server), point)

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    if task.cancelled():
        return True
    assert task.result().status < 400, task.result()
    return False


class Store:
    """Makes servers on logs whose commits suspend; they begin with the prepared accounts."""

    def server(self) -> Server:
        raise NotImplementedError

    def fail(self) -> None:
        """From now on the log of the newest server can't be written."""
        raise NotImplementedError

    def mend(self) -> None:
        raise NotImplementedError


class InMemory(Store):
    def __init__(self, folder: Path) -> None:
        self.log = FaultyLog()

    def server(self) -> Server:
        self.log = FaultyLog(prepared())
        return Server(self.log)

    def fail(self) -> None:
        self.log.good = 0

    def mend(self) -> None:
        self.log.good = None


class InFile(Store):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = 0
        asyncio.run(self.prepare())

    async def prepare(self) -> None:
        log = SQLiteLog(self.folder / "prepared.db")
        await log.open()
        await log.commit([write for commit in prepared().commits for write in commit])
        await log.close()

    def server(self) -> Server:
        self.files += 1
        self.file = self.folder / f"{self.files}.db"
        shutil.copyfile(self.folder / "prepared.db", self.file)
        return Server(database=str(self.file))

    def fail(self) -> None:
        self.file.rename(self.file.with_suffix(".away"))

    def mend(self) -> None:
        self.file.with_suffix(".away").rename(self.file)


@pytest.fixture(params=[InMemory, InFile])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made: Store = request.param(tmp_path)
    return made


ANOTHER = Ask("POST", "/customer", {"name": "Z"}, account="twin")
READ = Ask("GET", f"/billogram{LIST}")


async def check(server: Server) -> None:
    """The next request works, and then all that was applied before it is in the log."""
    assert (await ANOTHER.of(server)).status == 200
    await compare(server)


def at_each_point(store: Store, story: Callable[[Server, int], Coroutine[Any, Any, bool]]) -> int:
    """Tell the story on a new server for every point until it is not cancelled any more; how often it was."""
    for point in itertools.count():
        server = store.server()
        try:
            if not server.run(story(server, point)):
                return point
        finally:
            server.close()
    raise AssertionError("it ends when nothing was cancelled")


@pytest.mark.parametrize("write", WRITES)
def test_cancelled_at_each_point(store: Store, write: str) -> None:
    async def story(server: Server, point: int) -> bool:
        await server.open_all()
        cancelled = await was_cancelled(writes(server)[write], server, point)
        await check(server)
        return cancelled

    assert at_each_point(store, story)


@pytest.mark.parametrize("ask", [READ, ANOTHER, Ask("GET", "/_mock/accounts")])
def test_cancelled_while_the_log_is_opened_and_replayed(store: Store, ask: Ask) -> None:
    """As under an ASGI server that runs no lifespan: the first request opens the log."""

    async def story(server: Server, point: int) -> bool:
        cancelled = await was_cancelled(ask, server, point)
        assert (await READ.of(server)).json["meta"]["total_count"] == 2
        await check(server)
        return cancelled

    assert at_each_point(store, story)


def test_the_first_requests_come_together(store: Store) -> None:
    server = store.server()

    async def story() -> None:
        tasks = [asyncio.ensure_future(ask.of(server)) for ask in (READ, ANOTHER, READ, ANOTHER, READ)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        assert [task.result().status for task in tasks[1:]] == [200] * 4
        await check(server)

    server.run(story())
    server.close()


@pytest.mark.parametrize("write", WRITES)
def test_cancelled_while_it_is_tried_whether_the_log_works_again(store: Store, write: str) -> None:
    async def story(server: Server, point: int) -> bool:
        await server.open_all()
        ask = writes(server)[write]
        store.fail()
        assert (await ANOTHER.of(server)).status == 503
        store.mend()
        cancelled = await was_cancelled(ask, server, point)
        await check(server)
        assert (await Ask("GET", "/_mock/ready").of(server)).status == 200
        return cancelled

    assert at_each_point(store, story) > 1  # in the trial, and in its own commit


def test_cancelled_anywhere_under_load(store: Store) -> None:
    rng = seeded()
    server = store.server()
    numbers = itertools.count()
    cancelled = 0

    async def perform() -> None:
        """One random request, given up after a random while."""
        nonlocal cancelled
        step = Step(rng.choice(KINDS), rng.choice(["test", "twin", "new"]), 0)
        task = asyncio.ensure_future(asked(server, step, f"u{next(numbers)}").of(server))
        if rng.random() < 0.5:
            for _ in range(rng.randrange(20)):
                await asyncio.sleep(0)
        else:
            await asyncio.wait([task], timeout=rng.random() * 0.005)
        task.cancel()
        await asyncio.wait([task])
        cancelled += task.cancelled()
        if not task.cancelled():
            assert task.result().status in (200, 201, 400, 404, 409, 503), task.result()

    async def story() -> None:
        await server.open_all()  # a file that is moved away before it is opened is another one
        while cancelled < 200:
            failing = rng.random() < 0.3
            if failing:
                store.fail()
            await asyncio.gather(*(perform() for _ in range(8)))
            if failing:
                store.mend()
            await check(server)

    try:
        server.run(story())
    finally:
        server.close()


# on a socket


class Rude:
    """Sends requests and does not wait for their answers."""

    def __init__(self, url: str, rng: random.Random) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.rng = rng

    def request(self, unique: str) -> bytes:
        body = dumps(billogram(unique, on_success=SEND))
        head = (
            "POST /api/v2/billogram HTTP/1.1\r\nHost: test\r\n"
            f"Authorization: {basic('test', 'secret')}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def annoy(self, unique: str) -> None:
        whole = self.request(unique)
        sent = self.rng.choice([whole, whole, whole + whole, whole[: self.rng.randrange(len(whole))]])
        with socket.create_connection(self.address) as connection:
            connection.sendall(sent)
            if self.rng.random() < 0.5:  # a reset instead of an orderly end
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _closed(record: logging.LogRecord) -> bool:
    """uvicorn tells only the newest request of a connection that its client is gone, not one before it."""
    return record.exc_info is not None and "handler is closed" in str(record.exc_info[1])


def test_clients_that_hang_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rng = seeded()
    file = tmp_path / "log.db"
    customer = {"name": "A", "customer_no": 1, "contact": {"email": "a@example.com"}}
    polite = [f"polite {index}" for index in range(40)]

    def annoy(rude: Rude, number: int) -> None:
        for index in range(40):
            rude.annoy(f"rude {number} {index}")

    with Mockserver(database=file) as server, Client(urlsplit(server.url).port or 0, "test") as client:
        emulator = server.listener.emulator
        client.data("POST", "/customer", customer)
        rudes = [Rude(server.url, random.Random(rng.getrandbits(64))) for _ in range(4)]
        threads = [threading.Thread(target=annoy, args=(rude, n)) for n, rude in enumerate(rudes)]
        for thread in threads:
            thread.start()
        for unique in polite:
            client.data("POST", "/billogram", billogram(unique))
        for thread in threads:
            thread.join()
        client.data("POST", "/billogram", billogram("last"))
    assert not [
        record for record in caplog.records if record.levelno >= logging.ERROR and not _closed(record)
    ]
    live = emulator.live("test")
    assert live is not None
    again = Server(database=str(file))
    again.run(again.open_all())
    assert again.image() == live.state.image()
    assert again.position() == live.position
    states = {one.creditor_unique_value: one.internal for one in again.state().billograms.values()}
    again.close()
    assert {*polite, "last"} <= set(states)
    assert all(
        (internal == "Unattested") == (unique in {*polite, "last"}) for unique, internal in states.items()
    )
    assert len(states) > len(polite) + 1, "none of the rude ones was whole"
