"""Nothing that is not on disk yet may be seen in an answer; and what waits together shares one commit."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import pytest
from msgspec import Struct

from mockserver.log.interface import Write
from mockserver.log.memory import MemoryLog
from tests.documented import hold, hold_control
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server, basic, dumps

PATIENCE = 20  # seconds after which a request that nobody answers has failed


class HeldLog(MemoryLog):
    """Not volatile: while `holding`, each commit waits until it is let go."""

    volatile = False
    name = "held"

    def __init__(self, first: MemoryLog | None = None) -> None:
        """It begins with what `first` holds."""
        super().__init__()
        if first is not None:
            self._branches = dict(first._branches)
            self._records = {stream: list(records) for stream, records in first._records.items()}
            self._pointers = dict(first._pointers)
            self._summaries = dict(first._summaries)
        self.holding = False
        self.commits: list[list[Write]] = []
        self._held: asyncio.Event | None = None

    async def commit(self, writes: Sequence[Write]) -> None:
        self.commits.append(list(writes))
        await self.wait()
        await self.keep(writes)

    async def wait(self) -> None:
        if self.holding:
            self._held = asyncio.Event()
            await self._held.wait()
            self._held = None

    async def keep(self, writes: Sequence[Write]) -> None:
        await super().commit(writes)

    def let_one_go(self) -> None:
        """End the commit that waits; the next one waits again."""
        assert self._held is not None, "no commit waits"
        self._held.set()

    def let_go(self) -> None:
        """End the commit that waits, and hold no more."""
        self.holding = False
        if self._held is not None:
            self._held.set()


class Ask(Struct, frozen=True):
    """One request: of the API with the credentials of `account`, or of the control plane."""

    method: str
    path: str
    body: Any = NO_BODY
    account: str = ACCOUNT
    key: str = KEY

    async def of(self, server: Server) -> Answer:
        raw = b"" if self.body is NO_BODY else dumps(self.body)
        mock = self.path.startswith("/_mock")
        headers = {} if mock else {"authorization": basic(self.account, self.key)}
        path = self.path if mock else f"/api/v2{self.path}"
        async with asyncio.timeout(PATIENCE):
            answer = await server.asgi(self.method, path, raw, headers)
        if mock:
            hold_control(self.method, self.path.removeprefix("/_mock"), answer)
        else:
            hold(self.method, self.path, answer)
        return answer


async def quiet() -> None:
    """Until nothing can happen any more but by a timer, a socket or another thread."""
    ready: Sequence[Any] = getattr(asyncio.get_running_loop(), "_ready")  # noqa: B009  # not in its type
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110  # that nothing happens sets no event
        await asyncio.sleep(0)


CUSTOMER = {"name": "A", "customer_no": 1, "contact": {"email": "a@example.com"}}
ROWS = [{"title": "Row", "count": 1, "price": 100, "vat": 25}]
SEND = {"command": "send", "method": "Email"}
LIST = "?page=1&page_size=100"


def billogram(unique: str, **more: Any) -> dict[str, Any]:
    return {"customer": {"customer_no": 1}, "items": ROWS, "creditor_unique_value": unique, **more}


@cache
def prepared() -> HeldLog:
    """An account `test` (customer 1, a snapshot, a sent billogram and a draft), `twin`, and `keyless`."""
    log = HeldLog()
    server = Server(log)
    for ask in (
        Ask("POST", "/customer", CUSTOMER),
        Ask("POST", "/_mock/accounts/test/snapshots", {"name": "before"}),
        Ask("POST", "/billogram", billogram("sent", on_success=SEND)),
        Ask("POST", "/billogram", billogram("draft")),
        Ask("POST", "/customer", CUSTOMER, account="twin"),
        Ask("POST", "/_mock/accounts", {"id": "keyless"}),
    ):
        assert server.run(ask.of(server)).status < 300
    server.close()
    return log


class HeldServer(Server):
    """On a held log that has the prepared accounts."""

    def __init__(self) -> None:
        self.log = HeldLog(prepared())
        super().__init__(self.log)
        self.run(self.open_all())

    def close(self) -> None:
        self.log.let_go()
        self.run(asyncio.wait_for(self.emulator.close(), PATIENCE))
        self.loop.close()


@pytest.fixture
def held() -> Iterator[HeldServer]:
    server = HeldServer()
    yield server
    server.close()


def ids(server: Server) -> tuple[str, str]:
    """Of the sent one and of the draft."""
    unique = server.state().unique_values
    return unique["sent"], unique["draft"]


def writes(server: Server) -> dict[str, Ask]:
    """One of every kind that there is."""
    sent, draft = ids(server)
    return {
        "customer": Ask("POST", "/customer", {"name": "B", "customer_no": 2}),
        "create": Ask("POST", "/billogram", billogram("new")),
        "create and send": Ask("POST", "/billogram", billogram("new", on_success=SEND)),
        "send": Ask("POST", f"/billogram/{draft}/command/send", {"method": "Email"}),
        "payment": Ask("POST", f"/billogram/{sent}/command/payment", {"amount": 100}),
        "paid": Ask("POST", f"/billogram/{sent}/command/payment", {"amount": 125}),
        "delete": Ask("DELETE", f"/billogram/{draft}"),
        "birth": Ask("GET", f"/customer{LIST}", account="new"),
        "birth by control": Ask("POST", "/_mock/accounts", {"id": "new", "key": KEY}),
        "adopted key": Ask("GET", f"/customer{LIST}", account="keyless"),
        "another key": Ask("PATCH", "/_mock/accounts/test", {"key": "changed"}),
        "change": Ask("PATCH", "/_mock/accounts/test", {"default_due_days": 10}),
        "clock": Ask("PUT", "/_mock/accounts/test/clock", {"timezone": "Europe/Helsinki"}),
        "reset": Ask("POST", "/_mock/accounts/test/reset"),
        "removal": Ask("DELETE", "/_mock/accounts/test"),
        "snapshot": Ask("POST", "/_mock/accounts/test/snapshots", {"name": "another"}),
        "restore": Ask("POST", "/_mock/accounts/test/snapshots/before/restore"),
        "forgotten snapshot": Ask("DELETE", "/_mock/accounts/test/snapshots/before"),
        "fork": Ask("POST", "/_mock/accounts/test/fork", {"id": "new"}),
        "fork of an earlier act": Ask("POST", "/_mock/accounts/test/fork", {"id": "new", "at": 2}),
    }


def readers(server: Server) -> dict[str, Ask]:
    """What could show one of these writes: reads, and requests that are refused or change nothing."""
    sent, draft = ids(server)
    return {
        "a billogram": Ask("GET", f"/billogram/{sent}"),
        "a draft": Ask("GET", f"/billogram/{draft}"),
        "billograms": Ask("GET", f"/billogram{LIST}"),
        "customer 1": Ask("GET", "/customer/1"),
        "customer 2": Ask("GET", "/customer/2"),
        "customers": Ask("GET", f"/customer{LIST}"),
        "settings": Ask("GET", "/settings"),
        "accounts": Ask("GET", "/_mock/accounts"),
        "account": Ask("GET", "/_mock/accounts/test"),
        "new account": Ask("GET", "/_mock/accounts/new"),
        "clock": Ask("GET", "/_mock/accounts/test/clock"),
        "info": Ask("GET", "/_mock/info"),
        "new key": Ask("GET", "/settings", key="changed"),
        "adopted key": Ask("GET", "/settings", account="keyless"),
        "wrong key of keyless": Ask("GET", "/settings", account="keyless", key="wrong"),
        "wrong key of new": Ask("GET", "/settings", account="new", key="wrong"),
        "customer number taken": Ask("POST", "/customer", {"name": "C", "customer_no": 2}),
        "unique value taken": Ask("POST", "/billogram", billogram("new")),
        "paid too much": Ask("POST", f"/billogram/{sent}/command/payment", {"amount": 30}),
        "sent twice": Ask("POST", f"/billogram/{draft}/command/send", {"method": "Email"}),
        "deleted twice": Ask("DELETE", f"/billogram/{draft}"),
        "account taken": Ask("POST", "/_mock/accounts", {"id": "new", "key": "mine"}),
        "nothing changed": Ask("PATCH", "/_mock/accounts/test", {}),
        "reset": Ask("POST", "/_mock/accounts/test/reset"),
        "removal": Ask("DELETE", "/_mock/accounts/test"),
        "snapshots": Ask("GET", "/_mock/accounts/test/snapshots"),
        "snapshot taken": Ask("POST", "/_mock/accounts/test/snapshots", {"name": "another"}),
        "difference": Ask("GET", "/_mock/accounts/test/diff?against=snapshot:before"),
        "restore": Ask("POST", "/_mock/accounts/test/snapshots/before/restore"),
        "fork": Ask("POST", "/_mock/accounts/test/fork", {"id": "new"}),
    }


def shown(answer: Answer) -> Any:
    """What is compared: all but what differs between two answers to the same request."""
    body = json.loads(answer.body)
    if isinstance(body, dict):
        body.pop("uptime", None)
    return answer.status, body


def _names(what: Callable[[Server], dict[str, Ask]]) -> list[str]:
    server = HeldServer()
    try:
        return list(what(server))
    finally:
        server.close()


WRITES, READERS = _names(writes), _names(readers)


@pytest.mark.parametrize("write", WRITES)
def test_no_write_is_answered_before_its_commit_ends(held: HeldServer, write: str) -> None:
    server, log = held, held.log
    ask = writes(server)[write]
    log.holding = True

    async def story() -> None:
        begun = len(log.commits)
        writing = asyncio.ensure_future(ask.of(server))
        await quiet()
        assert len(log.commits) == begun + 1
        assert not writing.done()
        log.let_one_go()
        assert (await writing).status < 300

    server.run(story())


@pytest.mark.parametrize("reader", READERS)
def test_no_answer_shows_what_is_not_on_disk(reader: str) -> None:
    """An answer that leaves while a write is held is the one that it would be without the write."""
    without = HeldServer()
    expected = shown(without.run(readers(without)[reader].of(without)))
    without.close()
    shows = [write for write in WRITES if not _hides(write, reader, expected)]
    assert not shows


def _hides(write: str, reader: str, expected: Any) -> bool:
    server = HeldServer()
    ask, reader_ask = writes(server)[write], readers(server)[reader]

    async def story() -> bool:
        server.log.holding = True
        writing = asyncio.ensure_future(ask.of(server))
        await quiet()
        reading = asyncio.ensure_future(reader_ask.of(server))
        await quiet()
        early = reading.done()
        server.log.let_go()
        assert (await writing).status < 300
        answer = await reading
        assert answer.status < 500, answer.body
        return not early or shown(answer) == expected

    try:
        return server.run(story())
    finally:
        server.close()


def test_who_shows_another_account_does_not_wait(held: HeldServer) -> None:
    server, log = held, held.log

    async def story() -> None:
        log.holding = True
        writing = asyncio.ensure_future(Ask("POST", "/billogram", billogram("new")).of(server))
        await quiet()
        for ask in (Ask("GET", f"/customer{LIST}", account="twin"), Ask("GET", "/_mock/health")):
            reading = asyncio.ensure_future(ask.of(server))
            await quiet()
            assert reading.done()
        log.let_go()
        await writing

    server.run(story())


def test_a_read_waits_only_for_what_was_there_when_it_came(held: HeldServer) -> None:
    """Else a steady stream of writes would let no read of that account through."""
    server, log = held, held.log

    async def story() -> None:
        log.holding = True
        tasks = []
        for ask in (
            Ask("POST", "/customer", {"name": "B", "customer_no": 2}),
            Ask("GET", f"/customer{LIST}"),
            Ask("POST", "/customer", {"name": "C", "customer_no": 3}),
        ):
            tasks.append(asyncio.ensure_future(ask.of(server)))
            await quiet()
        first, reading, second = tasks
        log.let_one_go()
        await quiet()
        assert (first.done(), second.done()) == (True, False)
        assert reading.done()
        assert [row["customer_no"] for row in reading.result().data] == [1, 2]
        log.let_go()
        await second

    server.run(story())


def test_the_answer_of_a_write_shows_nothing_later(held: HeldServer) -> None:
    """Two changes of one account in two commits: the first is answered with what it made."""
    server, log = held, held.log

    async def story() -> None:
        log.holding = True
        tasks = []
        for days in (10, 20):
            ask = Ask("PATCH", "/_mock/accounts/test", {"default_due_days": days})
            tasks.append(asyncio.ensure_future(ask.of(server)))
            await quiet()
        log.let_one_go()
        await quiet()
        if tasks[0].done():
            assert tasks[0].result().json["default_due_days"] == 10
        log.let_go()
        await asyncio.gather(*tasks)

    server.run(story())


def test_what_waits_together_shares_one_commit(held: HeldServer) -> None:
    server, log = held, held.log

    async def story() -> None:
        begun = len(log.commits)
        log.holding = True
        first = asyncio.ensure_future(Ask("POST", "/customer", {"name": "B", "customer_no": 2}).of(server))
        await quiet()
        asks = [Ask("POST", "/billogram", billogram(f"new {n}")) for n in range(20)]
        asks += [
            Ask("POST", "/customer", {"name": "C"}, account="twin"),
            Ask("POST", "/_mock/accounts", {"id": "third"}),
            Ask("DELETE", "/_mock/accounts/keyless"),
        ]
        behind = [asyncio.ensure_future(ask.of(server)) for ask in asks]
        await quiet()
        log.let_go()
        answers = await asyncio.gather(first, *behind)
        assert all(answer.status < 300 for answer in answers)
        # a new account is four writes: its branch, its first act, its name, its place in the list of accounts
        assert [len(batch) for batch in log.commits[begun:]] == [1, 20 + 1 + 4 + 1]

    server.run(story())


def test_a_server_that_stops_writes_what_waits(held: HeldServer) -> None:
    server, log = held, held.log

    async def story() -> None:
        log.holding = True
        tasks = [
            asyncio.ensure_future(Ask("POST", "/customer", {"name": "B", "customer_no": number}).of(server))
            for number in (2, 3)
        ]
        await quiet()
        closing = asyncio.ensure_future(server.emulator.close())
        await quiet()
        assert not closing.done()
        log.let_go()
        await closing
        assert [task.result().status for task in tasks] == [200, 200]

    server.run(story())
    assert server.fold().image() == server.image()
    assert {2, 3} <= set(server.state().customers)
