"""`deliveries/wait`: what is waited for is never missed, and how it ends otherwise (reference: control 1)."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from mockserver.log.memory import MemoryLog
from tests.documented import hold_control
from tests.log.test_held_commit import PATIENCE, Ask, quiet
from tests.log.test_unwritable import FaultyLog
from tests.server import ACCOUNT, NO_BODY, Answer, Server, dumps, scope_of
from tests.webhooks.receivers import Receiver, answer, answers, ok, read_request, receiving, refusing

INBOX = "mock:inbox"
ROUNDS = 200
MOMENTS = 23  # at which the act of a round begins
CUSTOMER = {"name": "A", "customer_no": 1, "contact": {"email": "a@example.com"}}
DRAFT = {"customer": {"customer_no": 1}, "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}]}
CONTROL = f"/_mock/accounts/{ACCOUNT}"


# clients in process


class Caller:
    """A client that stays connected until it hangs up, and hears what is sent."""

    def __init__(
        self,
        server: Server,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        window: int | None = None,
    ) -> None:
        """`window`: so many messages are taken, then none until it is opened."""
        self.messages: list[Any] = []
        self._window = asyncio.Event()
        self._room = window
        self._heard = asyncio.Event()
        self._left = asyncio.Event()
        self._chunks = [body]
        self.task = asyncio.ensure_future(self._run(server, scope_of(method, path, body, headers or {})))

    async def _run(self, server: Server, scope: dict[str, Any]) -> None:
        try:
            await server.app(scope, self._receive, self._send)
        finally:
            self._heard.set()

    async def _receive(self) -> dict[str, Any]:
        if self._chunks:
            return {"type": "http.request", "body": self._chunks.pop(), "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if self._room == 0:
            await self._window.wait()
        if self._left.is_set():  # servers let who writes to a client that has gone go on
            return
        if self._room:
            self._room -= 1
        self.messages.append(message)
        self._heard.set()

    def open_window(self) -> None:
        """Take all that comes from now on."""
        self._room = None
        self._window.set()

    def hang_up(self) -> None:
        """Go; what is being sent is lost."""
        self._left.set()
        self._window.set()

    async def more(self) -> None:
        """Until something more was sent, or the request has ended."""
        self._heard.clear()
        if not self.task.done():
            await self._heard.wait()

    @property
    def body(self) -> bytes:
        return b"".join(each["body"] for each in self.messages if each["type"] == "http.response.body")

    @property
    def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        first = self.messages[0]
        return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}

    async def answer(self) -> Answer:
        """When it is whole."""
        try:
            await self.task
        except asyncio.CancelledError:
            self.task.cancel()
            raise
        return Answer(*self.start, self.body)


class Patient(Server):
    """Its clients stay until they have their answer."""

    async def asgi(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        return await Caller(self, method, path, body, headers).answer()

    def tell(self, story: Coroutine[Any, Any, None]) -> None:
        """Run it; should it hang, it has failed."""

        async def in_time() -> None:
            async with asyncio.timeout(3 * PATIENCE):
                await story

        self.run(in_time())


class Holding(Patient):
    """On a log whose commits can be held and can fail."""

    def __init__(self, first: MemoryLog | None = None) -> None:
        self.log = FaultyLog(first)
        super().__init__(self.log)

    def close(self) -> None:
        """Whatever the test has come to."""
        self.log.good = None
        self.log.let_go()
        self.run(asyncio.wait_for(self.app.close(), PATIENCE))
        self.loop.close()


@pytest.fixture
def patient() -> Iterator[Patient]:
    made = Patient()
    yield made
    made.close()


@pytest.fixture
def holding() -> Iterator[Holding]:
    made = Holding()
    yield made
    made.close()


async def control(server: Server, method: str, path: str, body: Any = NO_BODY) -> Any:
    """The answer of the control plane, for the account; it must be a success."""
    answer = await Ask(method, f"{CONTROL}{path}", body).of(server)
    assert answer.status < 300, answer.body
    return answer.json


async def api(server: Server, method: str, path: str, body: Any = NO_BODY) -> Any:
    """`data` of a success of the API."""
    return (await Ask(method, path, body).of(server)).data


async def waiting(server: Server, **body: Any) -> Answer:
    """One wait; long enough that an end by its timeout is a failure of what it waits for."""
    return await Ask("POST", f"{CONTROL}/deliveries/wait", {"timeout": f"{PATIENCE // 2}s"} | body).of(server)


async def born(server: Server, url: str | None, **more: Any) -> None:
    """The account, its customer, and where its callbacks go."""
    made = await Ask("POST", "/_mock/accounts", {"id": ACCOUNT, "key": "secret"}).of(server)
    assert made.status == 201
    await control(server, "PUT", "/callbacks", {"url": url, **more})
    await api(server, "POST", "/customer", CUSTOMER)


async def draft(server: Server, **more: Any) -> str:
    made = await api(server, "POST", "/billogram", DRAFT | more)
    return str(made["id"])


async def send(server: Server, key: str) -> None:
    await api(server, "POST", f"/billogram/{key}/command/send", {"method": "Email"})


async def say(server: Server, key: str, text: str) -> None:
    """The recipient of a sent one writes: one event."""
    await control(server, "POST", f"/billograms/{key}/simulate/message", {"message": text})


def types(rows: Any) -> list[str]:
    return [row["event_type"] for row in rows]


def tasks() -> set[asyncio.Task[Any]]:
    """What runs, without the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


# nothing is missed

Body = Callable[[str], dict[str, Any]]
KINDS: dict[str, tuple[Body, list[str]]] = {
    "event_type": (lambda key: {"event_type": "BillogramSent"}, ["BillogramSent"]),
    "callback_type": (
        lambda key: {"callback_type": "BillogramEvent", "count": 2},
        ["BillogramCreated", "BillogramSent"],
    ),
    "billogram": (lambda key: {"billogram": key, "count": 2}, ["BillogramCreated", "BillogramSent"]),
    "count": (lambda key: {"count": 3}, ["BillogramCreated", "BillogramSent", "CustomerMessage"]),
    "reader": (lambda key: {"reader": "me", "count": 2}, ["BillogramSent", "CustomerMessage"]),
}


def story_of(kind: str, rounds: int, *, before: bool) -> Callable[[Server], Coroutine[Any, Any, None]]:
    """Rounds in which a draft is sent and its recipient writes, before or during a wait."""
    body_of, expected = KINDS[kind]

    async def story(server: Server) -> None:
        for number in range(rounds):
            await control(server, "POST", "/reset")  # only what this round does counts
            await api(server, "POST", "/customer", CUSTOMER)
            key = await draft(server)
            if kind == "reader":
                assert types((await waiting(server, reader="me")).json) == ["BillogramCreated"]

            async def act(key: str = key, turns: int = number % MOMENTS) -> None:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await send(server, key)
                await say(server, key, "Hello")

            if before:
                await act()
                answer = await waiting(server, **body_of(key))
            else:
                answer, _ = await asyncio.gather(waiting(server, **body_of(key)), act())
            assert answer.status == 200, answer.body
            got = types(answer.json)
            assert got[: len(expected)] == expected

    return story


@pytest.mark.parametrize("before", [True, False], ids=["act before", "act during"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["inbox", "receiver"])
def test_what_is_waited_for_is_never_missed(patient: Patient, where: str, kind: str, before: bool) -> None:
    async def story() -> None:
        async with receiving(ok) as receiver:
            inside = where == "inbox"
            await born(patient, INBOX if inside else receiver.url())
            # inside the server two rounds of one moment are the same; a receiver takes a time of its own
            await story_of(kind, MOMENTS * 2 if inside else ROUNDS // 4, before=before)(patient)

    patient.tell(story())


@pytest.mark.parametrize("before", [True, False], ids=["act before", "act during"])
def test_a_failure_is_never_missed(patient: Patient, before: bool) -> None:
    async def story() -> None:
        with refusing() as url:
            await born(patient, url, retry_schedule=[])
            key = await draft(patient)
            await send(patient, key)
            assert (await waiting(patient, status="failed", count=2, reader="me")).status == 200
            for number in range(ROUNDS):
                if before:
                    await say(patient, key, str(number))
                    answer = await waiting(patient, status="failed", reader="me")
                else:
                    answer, _ = await asyncio.gather(
                        waiting(patient, status="failed", reader="me"), say(patient, key, str(number))
                    )
                (row,) = answer.json
                assert (row["status"], row["event_type"]) == ("failed", "CustomerMessage")
                (attempt,) = row["attempts"]
                assert attempt["status_code"] is None
                assert attempt["error"].startswith("connection refused")

    patient.tell(story())


@pytest.mark.parametrize("before", [True, False], ids=["act before", "act during"])
def test_idle_is_never_missed_and_never_early(patient: Patient, before: bool) -> None:
    """Whoever acts and then waits for idle finds at the receiver what his act has caused."""

    async def story() -> None:
        async with receiving(ok) as receiver:
            await born(patient, receiver.url())
            key = await draft(patient)
            await send(patient, key)
            sent = 2
            for number in range(ROUNDS):
                acts = number % 4
                talk = [say(patient, key, "Hello") for _ in range(acts)]
                idle = waiting(patient, idle=True, event_type="Deleted")
                if before:
                    await asyncio.gather(*talk)
                    answer = await idle
                else:
                    begun = asyncio.ensure_future(idle)
                    await asyncio.gather(*talk)
                    answer = await begun
                sent += acts
                assert not before or len(receiver.requests) == sent
                assert (answer.status, answer.json) == (200, [])
            assert (await waiting(patient, idle=True)).status == 200
            assert len(receiver.requests) == sent

    patient.tell(story())


def test_many_wait_for_the_same(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        waits = [asyncio.ensure_future(waiting(patient, count=number)) for number in range(1, 6)]
        await quiet()
        for number, wait in enumerate(waits, 1):
            assert not any(each.done() for each in waits[number - 1 :])
            await draft(patient)
            assert len((await wait).json) == number

    patient.tell(story())


def test_what_matches_is_given_and_nothing_else(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        keys = [await draft(patient) for _ in range(3)]
        for key in keys[:2]:
            await send(patient, key)
        everything = (await waiting(patient, count=5)).json
        assert everything == await control(patient, "GET", "/deliveries")
        for body in (
            {"billogram": keys[1], "count": 2},
            {"event_type": "BillogramSent", "count": 2},
            {"event_type": "BillogramSent", "billogram": keys[0]},
            {"callback_type": "BillogramEvent", "count": 5},
            {"status": "delivered", "count": 5},
        ):
            wanted = {name: value for name, value in body.items() if name != "count"}
            answer = await waiting(patient, **body)
            assert answer.json == [
                row for row in everything if all(row[name] == value for name, value in wanted.items())
            ]
            assert len(answer.json) == body.get("count", 1)

    patient.tell(story())


# readers


def test_readers_get_each_delivery_once_each(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        for _ in range(3):
            await draft(patient)
        rows = await control(patient, "GET", "/deliveries")
        assert len(rows) == 3
        for reader in ("one", "two"):
            got = [(await waiting(patient, reader=reader, count=1)).json for _ in range(3)]
            assert got == [[row] for row in rows]
            assert (await waiting(patient, reader=reader, timeout="0s")).status == 408
        assert (await waiting(patient, count=3)).json == rows  # who has no name gets all of them
        assert (await waiting(patient, reader="three", count=2)).json == rows[:2]
        assert (await waiting(patient, reader="three", count=1)).json == rows[2:]

    patient.tell(story())


def test_two_readers_at_once(patient: Patient) -> None:
    """Each gets every delivery once, in order, however its requests lie between the acts."""

    async def story() -> None:
        await born(patient, INBOX)

        async def reads(name: str, turns: int) -> list[Any]:
            got: list[Any] = []
            while len(got) < 50:
                got += (await waiting(patient, reader=name)).json
                for _ in range(turns):
                    await asyncio.sleep(0)
            return got

        async def acts() -> None:
            for number in range(50):
                await draft(patient)
                for _ in range(number % 7):
                    await asyncio.sleep(0)

        one, two, _ = await asyncio.gather(reads("one", 0), reads("two", 5), acts())
        assert one == two == await control(patient, "GET", "/deliveries")

    patient.tell(story())


def test_one_reader_in_two_requests_at_once(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        both = [asyncio.ensure_future(waiting(patient, reader="one")) for _ in range(2)]
        await quiet()
        await draft(patient)
        await draft(patient)
        got = [(await each).json for each in both]
        assert sorted(row["id"] for rows in got for row in rows) == [
            row["id"] for row in await control(patient, "GET", "/deliveries")
        ]
        assert [len(rows) for rows in got] == [1, 1]

    patient.tell(story())


def test_a_reader_counts_each_status_by_itself(patient: Patient) -> None:
    """What it got as pending it does not get again as failed: each delivery once."""

    async def story() -> None:
        with refusing() as url:
            await born(patient, url, retry_schedule=["1m"])
            await draft(patient)
            assert (await waiting(patient, idle=True)).json == []
            assert len((await waiting(patient, status="pending", reader="one")).json) == 1
            await control(patient, "POST", "/clock/advance", {"by": "1m"})
            assert len((await waiting(patient, status="failed", reader="two")).json) == 1
            answer = await waiting(patient, status="failed", reader="one", timeout="0s")
            assert answer.status == 408

    patient.tell(story())


# in vain


def test_in_vain_tells_how_things_stand(patient: Patient) -> None:
    async def story() -> None:
        async with receiving(answers(answer(500))) as receiver:
            await born(patient, INBOX)
            first = await draft(patient)
            await control(patient, "PUT", "/callbacks", {"url": receiver.url(), "retry_schedule": ["1m"]})
            await draft(patient)
            await waiting(patient, idle=True)
            answered = await waiting(patient, event_type="Payment", billogram=first, count=2, timeout="0.01s")
            assert answered.status == 408
            body = answered.json
            assert set(body) == {"error", "arrived"}
            assert set(body["error"]) == {"code", "message", "hint"}
            assert body["error"]["code"] == "timeout"
            message = body["error"]["message"]
            for part in (
                "0.01s",
                "event_type Payment",
                f"billogram {first}",
                "1 delivered",
                "1 pending",
                "500",
            ):
                assert part in message, message
            delivered = await control(patient, "GET", "/deliveries?status=delivered")
            assert body["arrived"] == delivered
            assert len(delivered) == 1

    patient.tell(story())


def test_in_vain_where_nothing_is_sent(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, None)
        await draft(patient)
        answered = await waiting(patient, timeout="0s")
        assert answered.status == 408
        assert answered.json["arrived"] == []
        assert "nothing was sent" in answered.json["error"]["message"]

    patient.tell(story())


def test_no_time_at_all(patient: Patient) -> None:
    """It looks once: what is there is given, what is not is not waited for."""

    async def story() -> None:
        await born(patient, INBOX)
        assert (await waiting(patient, timeout="0s")).status == 408
        await draft(patient)
        assert types((await waiting(patient, timeout="0s")).json) == ["BillogramCreated"]
        vain = await waiting(patient, timeout="0s", count=2)
        assert vain.status == 408
        assert "for count 2, status delivered; now 1 delivered" in vain.json["error"]["message"]

    patient.tell(story())


def test_a_count_of_none_is_at_once(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        assert (await waiting(patient, count=0)).json == []
        await draft(patient)
        assert types((await waiting(patient, count=0)).json) == ["BillogramCreated"]

    patient.tell(story())


# idle


def test_idle_is_at_once_where_nothing_was_sent(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        assert (await waiting(patient, idle=True, timeout="0s")).json == []
        await draft(patient)
        assert types((await waiting(patient, idle=True, timeout="0s")).json) == ["BillogramCreated"]

    patient.tell(story())


def test_idle_waits_while_a_receiver_holds_a_request(patient: Patient) -> None:
    released = asyncio.Event()

    async def slow(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(receiver, reader):
            await released.wait()
            writer.write(answer(200))
            await writer.drain()

    async def story() -> None:
        async with receiving(slow) as receiver:
            await born(patient, receiver.url())
            await draft(patient)
            await draft(patient)
            idle = asyncio.ensure_future(waiting(patient, idle=True, count=2))
            async with asyncio.timeout(PATIENCE):
                await receiver.asked.wait()
            await quiet()
            assert not idle.done()
            assert (await waiting(patient, idle=True, timeout="0.01s")).status == 408
            released.set()
            rows = (await idle).json
            assert [row["status"] for row in rows] == ["delivered", "delivered"]
            assert len(receiver.requests) == 2

    patient.tell(story())


def test_idle_does_not_wait_for_a_retry_whose_moment_has_not_come(patient: Patient) -> None:
    async def story() -> None:
        async with receiving(answers(answer(503))) as receiver:
            await born(patient, receiver.url())
            await draft(patient)
            rows = (await waiting(patient, idle=True, status="pending")).json
            assert [row["next_attempt_at"] for row in rows] == ["2026-03-02T10:01:00+01:00"]
            await control(patient, "POST", "/clock/advance", {"by": "1m"})
            rows = (await waiting(patient, idle=True, status="pending")).json
            assert [len(row["attempts"]) for row in rows] == [2]
            assert len(receiver.requests) == 2

    patient.tell(story())


def test_idle_with_more_to_come(patient: Patient) -> None:
    """Idle and a count: both must be true."""

    async def story() -> None:
        await born(patient, INBOX)
        await draft(patient)
        wait = asyncio.ensure_future(waiting(patient, idle=True, count=2))
        await quiet()
        assert not wait.done()
        await draft(patient)
        assert len((await wait).json) == 2

    patient.tell(story())


def test_idle_after_a_replay(patient: Patient) -> None:
    released = asyncio.Event()

    async def slow(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(receiver, reader):
            if len(receiver.requests) > 1:
                await released.wait()
            writer.write(answer(200))
            await writer.drain()

    async def story() -> None:
        async with receiving(slow) as receiver:
            await born(patient, receiver.url())
            await draft(patient)
            (row,) = (await waiting(patient)).json
            again = asyncio.ensure_future(control(patient, "POST", f"/deliveries/{row['id']}/replay"))
            idle = asyncio.ensure_future(waiting(patient, idle=True))
            while len(receiver.requests) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await quiet()
            assert not idle.done() or len(idle.result().json[0]["attempts"]) == 1  # it looked before it began
            later = asyncio.ensure_future(waiting(patient, idle=True))
            await quiet()
            assert not later.done()
            released.set()
            assert len((await later).json[0]["attempts"]) == 2
            await asyncio.gather(again, idle)

    patient.tell(story())


# resets, removals, ends


def test_a_wait_across_a_reset(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        await draft(patient)
        wait = asyncio.ensure_future(waiting(patient, count=2))
        other = asyncio.ensure_future(waiting(patient, event_type="BillogramSent"))
        await quiet()
        await control(patient, "POST", "/reset")
        await api(patient, "POST", "/customer", CUSTOMER)
        key = await draft(patient)
        await quiet()
        assert not wait.done()  # the one of before doesn't count
        await send(patient, key)
        assert types((await wait).json) == ["BillogramCreated", "BillogramSent"]
        assert types((await other).json) == ["BillogramSent"]

    patient.tell(story())


def test_a_reset_drops_what_is_waited_for(patient: Patient) -> None:
    async def story() -> None:
        with refusing() as url:
            await born(patient, url)
            await draft(patient)
            await waiting(patient, idle=True)
            dropped = asyncio.ensure_future(waiting(patient, status="dropped"))
            await quiet()
            assert not dropped.done()
            await control(patient, "POST", "/reset")
            (row,) = (await dropped).json
            assert (row["status"], row["next_attempt_at"]) == ("dropped", None)

    patient.tell(story())


def test_a_wait_across_a_removal(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        waits = [
            asyncio.ensure_future(waiting(patient, **body))
            for body in ({}, {"reader": "one"}, {"status": "failed"}, {"count": 9})
        ]
        await quiet()
        gone = await Ask("DELETE", CONTROL).of(patient)
        assert gone.status == 200
        for wait in waits:
            answered = await wait
            assert (answered.status, answered.json["error"]["code"]) == (404, "unknown_account")

    patient.tell(story())


@pytest.mark.parametrize("fails", [False, True], ids=["it works", "it fails"])
@pytest.mark.parametrize("what", ["reset", "removal"])
def test_a_wait_while_a_reset_is_being_written(holding: Holding, what: str, fails: bool) -> None:
    """Nothing of it is told before it is on disk; what is undone has not ended the wait."""
    server, log = holding, holding.log
    ask = Ask("POST", f"{CONTROL}/reset") if what == "reset" else Ask("DELETE", CONTROL)

    async def story() -> None:
        await born(server, INBOX)
        await draft(server)
        assert len((await waiting(server)).json) == 1
        wait = asyncio.ensure_future(waiting(server, count=2))
        await quiet()
        log.holding, log.good = True, 0 if fails else None
        leaving = asyncio.ensure_future(ask.of(server))
        await quiet()
        live = server.emulator.live(ACCOUNT)
        if live is not None:
            live.signal.notify()
        late = asyncio.ensure_future(waiting(server, count=2))
        await quiet()
        assert [each.done() for each in (wait, late, leaving)] == [False] * 3
        log.let_go()
        assert ((await leaving).status == 503) == fails
        log.good = None
        await quiet()
        if what == "removal" and not fails:
            assert [(await each).status for each in (wait, late)] == [404, 404]
            return
        if not fails:
            await api(server, "POST", "/customer", CUSTOMER)
            await draft(server)
            await quiet()
            assert not wait.done()
        await draft(server)
        assert [len((await each).json) for each in (wait, late)] == [2, 2]

    server.tell(story())


def test_a_held_commit_is_waited_for(holding: Holding) -> None:
    """A wait shows a callback only when its act is on disk."""
    server, log = holding, holding.log

    async def story() -> None:
        await born(server, INBOX)
        wait = asyncio.ensure_future(waiting(server))
        await quiet()
        log.holding = True
        act = asyncio.ensure_future(draft(server))
        await quiet()
        late = asyncio.ensure_future(waiting(server))
        idle = asyncio.ensure_future(waiting(server, idle=True))
        await quiet()
        assert [each.done() for each in (wait, late, idle)] == [False] * 3
        log.let_go()
        await act
        for each in (wait, late, idle):
            assert types((await each).json) == ["BillogramCreated"]

    server.tell(story())


@pytest.mark.parametrize("body", [{}, {"idle": True, "count": 1}, {"reader": "one"}, {"status": "failed"}])
def test_a_client_that_hangs_up_leaves_nothing_behind(patient: Patient, body: dict[str, Any]) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        before = tasks()
        callers = [
            Caller(patient, "POST", f"{CONTROL}/deliveries/wait", dumps({"timeout": "10m", **body}))
            for _ in range(5)
        ]
        await quiet()
        assert len(tasks()) > len(before)
        for caller in callers:
            caller.hang_up()
        await asyncio.wait([caller.task for caller in callers], timeout=PATIENCE)
        await quiet()
        assert [caller.task.result() for caller in callers] == [None] * 5
        assert [caller.messages for caller in callers] == [[]] * 5
        assert tasks() == before
        live = patient.emulator.live(ACCOUNT)
        assert live is not None
        assert not live.signal._waiting
        await draft(patient)
        rows = (await waiting(patient, reader="one")).json  # who went has got nothing
        assert types(rows) == ["BillogramCreated"]

    patient.tell(story())


def test_a_server_that_stops_ends_the_wait(patient: Patient) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        wait = asyncio.ensure_future(waiting(patient, timeout="10m"))
        await quiet()
        patient.app.end_waits()
        answered = await wait
        assert (answered.status, answered.json["error"]["code"]) == (503, "stopping")
        late = await waiting(patient, timeout="10m")
        assert late.status == 503
        assert not tasks()

    patient.tell(story())


# bad bodies


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"event": "Payment"}, "event"),
        ({"count": -1}, "count"),
        ({"count": 1_000_001}, "count"),
        ({"count": "many"}, "count"),
        ({"count": 1.5}, "count"),
        ({"timeout": "11m"}, "timeout"),
        ({"timeout": "-1s"}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 5}, "timeout"),
        ({"timeout": ""}, "timeout"),
        ({"timeout": "1mo"}, "timeout"),
        ({"status": "sent"}, "status"),
        ({"status": None}, "status"),
        ({"reader": ""}, "reader"),
        ({"reader": "x" * 201}, "reader"),
        ({"idle": "perhaps"}, "idle"),
        ({"event_type": 1}, "event_type"),
        ({"callback_type": []}, "callback_type"),
        ({"billogram": {}}, "billogram"),
    ],
)
def test_a_bad_body_is_named(patient: Patient, body: dict[str, Any], named: str) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        answered = await Ask("POST", f"{CONTROL}/deliveries/wait", body).of(patient)
        assert answered.status == 400
        error = answered.json["error"]
        assert error["code"] == "invalid_body"
        assert named in error["message"].replace(":", " ").split(), error

    patient.tell(story())


@pytest.mark.parametrize(
    ("raw", "code"), [(b"{", "invalid_json"), (b"[]", "invalid_body"), (b"1", "invalid_body")]
)
def test_what_is_no_object(patient: Patient, raw: bytes, code: str) -> None:
    async def story() -> None:
        await born(patient, INBOX)
        answered = await patient.asgi("POST", f"{CONTROL}/deliveries/wait", raw)
        hold_control("POST", f"/accounts/{ACCOUNT}/deliveries/wait", answered)
        assert (answered.status, answered.json["error"]["code"]) == (400, code)

    patient.tell(story())


def test_an_unknown_account(patient: Patient) -> None:
    async def story() -> None:
        answered = await waiting(patient)
        assert (answered.status, answered.json["error"]["code"]) == (404, "unknown_account")

    patient.tell(story())
