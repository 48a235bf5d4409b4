"""No webhook leaves for what is not on disk (reference: webhooks 5 "Timing", control 6)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mockserver.log.memory import MemoryLog
from mockserver.webhooks.deliveries import Deliveries
from tests.control.test_waiting import CONTROL, Holding, Patient, api, control, tasks, waiting
from tests.log.test_held_commit import PATIENCE, Ask, billogram, ids, prepared, quiet
from tests.log.test_unwritable import FaultyLog
from tests.server import ACCOUNT, Answer
from tests.webhooks.receivers import Receiver, answer, read_request, receiving

INBOX = "mock:inbox"
SEND = {"command": "send", "method": "Email"}


class Held(Holding):
    """With account `test`: a sent billogram and a draft."""

    def __init__(self) -> None:
        super().__init__(prepared())
        self.run(self.open_all())

    @property
    def deliveries(self) -> Deliveries:
        """Of the account."""
        live = self.emulator.live(ACCOUNT)
        assert live is not None
        return self.sender.deliveries(live)

    def nothing_left(self) -> bool:
        """Whether nothing is on its way or waits to be, nor was planned for a receiver."""
        return not (self.deliveries.busy or list(self.deliveries.all()) or sending())

    async def ends(self, writing: "asyncio.Future[Answer]", *, fails: bool = False) -> Answer:
        """Let the held commit end, well or not; the answer to what was held."""
        self.log.good = 0 if fails else None
        self.log.let_go()
        answered = await writing
        assert (answered.status == 503) == fails, answered.body
        self.log.good = None
        return answered


@pytest.fixture
def held() -> Iterator[Held]:
    server = Held()
    yield server
    server.close()


class Hook:
    """A receiver that answers with `status`, while it is `open`; until then it holds what it has got."""

    def __init__(self) -> None:
        self.receiver = Receiver(self._handle)
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()

    async def _handle(
        self, receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while await read_request(receiver, reader):
            await self.open.wait()
            writer.write(answer(self.status))
            await writer.drain()

    @property
    def url(self) -> str:
        return self.receiver.url()

    @property
    def got(self) -> list[Any]:
        """The bodies, in order of their arrival."""
        return [json.loads(each.partition(b"\r\n\r\n")[2]) for each in self.receiver.requests]

    @property
    def types(self) -> list[str]:
        return [each["event"]["type"] for each in self.got]

    async def wait(self, number: int) -> None:
        """Until so many requests have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.receiver.requests) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    hook = Hook()
    async with receiving(hook._handle) as receiver:
        hook.receiver = receiver
        yield hook


def sending() -> list[asyncio.Task[Any]]:
    """The tasks that send."""
    return [task for task in tasks() if task.get_name() == "webhooks"]


def acts(server: Held) -> dict[str, tuple[Ask, list[str]]]:
    """One of every kind that brings about callbacks, and their events."""
    sent, draft = ids(server)
    overdue = Ask("POST", f"{CONTROL}/clock/advance", {"by": "60d"})
    return {
        "create": (Ask("POST", "/billogram", billogram("new")), ["BillogramCreated"]),
        "create and send": (
            Ask("POST", "/billogram", billogram("new", on_success=SEND)),
            ["BillogramCreated", "BillogramSent"],
        ),
        "send": (Ask("POST", f"/billogram/{draft}/command/send", {"method": "Email"}), ["BillogramSent"]),
        "payment": (Ask("POST", f"/billogram/{sent}/command/payment", {"amount": 100}), ["Payment"]),
        "paid": (
            Ask("POST", f"/billogram/{sent}/command/payment", {"amount": 125}),
            ["Payment", "BillogramEnded"],
        ),
        "delete": (Ask("DELETE", f"/billogram/{draft}"), ["Deleted"]),
        "bank": (
            Ask("POST", f"{CONTROL}/payments", {"billogram": sent, "amount": 125}),
            ["Payment", "BillogramEnded"],
        ),
        "message": (
            Ask("POST", f"{CONTROL}/billograms/{sent}/simulate/message", {"message": "?"}),
            ["CustomerMessage"],
        ),
        "clock": (overdue, ["Overdue", "InterestStarted"]),
    }


def _names() -> list[str]:
    server = Held()
    try:
        return list(acts(server))
    finally:
        server.close()


ACTS = _names()
WHERE = pytest.mark.parametrize("where", ["inbox", "receiver"])


@WHERE
@pytest.mark.parametrize("act", ACTS)
def test_nothing_leaves_before_its_commit_ends(held: Held, act: str, where: str) -> None:
    ask, events = acts(held)[act]

    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": INBOX if where == "inbox" else hook.url})
            held.log.holding = True
            writing = asyncio.ensure_future(ask.of(held))
            await quiet()
            readers = [
                asyncio.ensure_future(Ask("GET", f"{CONTROL}/{what}").of(held))
                for what in ("deliveries", "inbox", "timeline")
            ]
            await quiet()
            assert held.nothing_left()
            assert not writing.done()
            for reader in readers[:2]:
                assert not reader.done() or reader.result().json == []
            assert hook.receiver.connections == 0
            await held.ends(writing)
            rows = (await waiting(held, count=len(events))).json
            assert [row["event_type"] for row in rows] == events
            assert hook.types == ([] if where == "inbox" else events)
            inbox = await control(held, "GET", "/inbox")
            assert [row["delivery"] for row in inbox] == [r["id"] for r in rows if r["url"] == INBOX]
            await asyncio.gather(*readers)

    held.tell(story())


@WHERE
@pytest.mark.parametrize("act", ACTS)
def test_nothing_ever_leaves_for_what_was_undone(held: Held, act: str, where: str) -> None:
    ask, events = acts(held)[act]

    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": INBOX if where == "inbox" else hook.url})
            held.log.holding = True
            writing = asyncio.ensure_future(ask.of(held))
            await quiet()
            await held.ends(writing, fails=True)
            assert held.nothing_left()
            # what is done after it takes its place in the log, and the same ids: but is another event
            await control(held, "PUT", "/clock", {"timezone": "Europe/Helsinki"})
            assert held.nothing_left()
            again = await ask.of(held)
            assert again.status < 300
            rows = (await waiting(held, count=len(events), idle=True)).json
            assert [row["event_type"] for row in rows] == events
            assert hook.types == ([] if where == "inbox" else events)
            assert await control(held, "GET", "/deliveries") == rows

    held.tell(story())


@WHERE
def test_each_commit_lets_go_of_its_own(held: Held, where: str) -> None:
    """Acts in a row of commits: each one's callbacks leave when it ends, in order of the events."""

    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": INBOX if where == "inbox" else hook.url})
            held.log.holding = True
            writing = []
            for number in range(4):
                ask = Ask("POST", "/billogram", billogram(f"new {number}", on_success=SEND))
                writing.append(asyncio.ensure_future(ask.of(held)))
                await quiet()
            # the first is being written, the others wait together
            held.log.let_one_go()
            await writing[0]
            while held.deliveries.busy:  # noqa: ASYNC110  # results wait for the next commit
                await asyncio.sleep(0.001)
            assert len(held.deliveries.by_id) == 2
            assert where == "inbox" or hook.types == ["BillogramCreated", "BillogramSent"]
            held.log.let_go()
            made = [(await each).data for each in writing]
            rows = (await waiting(held, count=8, idle=True)).json
            assert [row["billogram"] for row in rows] == [each["id"] for each in made for _ in range(2)]
            uuids = [event["event_uuid"] for each in made for event in each["events"]]
            assert len(set(uuids)) == 8
            if where == "receiver":
                assert [each["event"]["event_uuid"] for each in hook.got] == uuids
                assert [each["callback_id"] for each in hook.got] == [row["callback_id"] for row in rows]

    held.tell(story())


def test_what_fails_takes_what_is_behind_it_along(held: Held) -> None:
    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": hook.url})
            held.log.holding = True
            first = asyncio.ensure_future(Ask("POST", "/billogram", billogram("first")).of(held))
            await quiet()
            second = asyncio.ensure_future(Ask("POST", "/billogram", billogram("second")).of(held))
            await quiet()
            await held.ends(first, fails=True)
            assert (await second).status == 503
            assert held.nothing_left()
            made = await api(held, "POST", "/billogram", billogram("third"))
            await waiting(held, idle=True, count=1)
            assert [each["event"]["billogram_id"] for each in hook.got] == [made["id"]]

    held.tell(story())


def test_who_was_told_while_another_waits_sees_the_new_state(held: Held) -> None:
    """A receiver that asks at once, and the commit of another act is being held: it sees its own."""

    async def story() -> None:
        seen: list[Any] = []

        async def asks(
            receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while await read_request(receiver, reader):
                key = json.loads(receiver.requests[-1].partition(b"\r\n\r\n")[2])["billogram"]["id"]
                seen.append(await api(held, "GET", f"/billogram/{key}"))
                writer.write(answer(200))
                await writer.drain()

        async with receiving(asks) as receiver:
            await control(held, "PUT", "/callbacks", {"url": receiver.url()})
            for number in range(5):
                made = await api(held, "POST", "/billogram", billogram(f"new {number}", on_success=SEND))
                await waiting(held, idle=True)
                assert [each["events"] for each in seen[-2:]] == [made["events"]] * 2

    held.tell(story())


# retries


async def with_a_retry(held: Held, hook: Hook) -> dict[str, Any]:
    """One delivery whose first attempt has failed, on a frozen clock; its retry comes after a minute."""
    await control(held, "PUT", "/callbacks", {"url": hook.url, "retry_schedule": ["1m", "1m"]})
    hook.status = 500
    await api(held, "POST", "/billogram", billogram("retried"))
    (row,) = (await waiting(held, idle=True, status="pending", count=1)).json
    assert len(row["attempts"]) == 1
    hook.status = 200
    found: dict[str, Any] = row
    return found


@pytest.mark.parametrize("fails", [False, True], ids=["it works", "it fails"])
def test_a_retry_waits_for_the_commit_of_the_move_that_brings_its_moment(held: Held, fails: bool) -> None:
    async def story() -> None:
        async with hooked() as hook:
            await with_a_retry(held, hook)
            held.log.holding = True
            move = Ask("POST", f"{CONTROL}/clock/advance", {"by": "1m"})
            moving = asyncio.ensure_future(move.of(held))
            await quiet()
            assert (len(hook.got), held.deliveries.busy, sending()) == (1, 0, [])
            await held.ends(moving, fails=fails)
            if fails:
                assert (await waiting(held, idle=True, status="pending")).status == 200
                assert len(hook.got) == 1
                await control(held, "POST", "/clock/advance", {"by": "1m"})
            (row,) = (await waiting(held, idle=True, count=1)).json
            assert [attempt["at"][11:19] for attempt in row["attempts"]] == ["10:00:00", "10:01:00"]
            assert hook.got[0] == hook.got[1]

    held.tell(story())


@pytest.mark.parametrize("fails", [False, True], ids=["it works", "it fails"])
def test_another_attempt_that_ends_meanwhile_lets_no_retry_go(held: Held, fails: bool) -> None:
    """The end of any attempt looks for retries whose moment has come: one of a held move has not."""

    async def story() -> None:
        async with hooked() as hook:
            await with_a_retry(held, hook)
            hook.open.clear()
            await api(held, "POST", "/billogram", billogram("slow"))
            await hook.wait(2)
            held.log.holding = True
            moving = asyncio.ensure_future(Ask("POST", f"{CONTROL}/clock/advance", {"by": "1m"}).of(held))
            await quiet()
            hook.status = 500
            hook.open.set()
            slow = list(held.deliveries.by_id.values())[-1]
            while not slow.attempts:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await quiet()
            assert len(hook.got) == 2
            assert not sending()
            hook.status = 200
            await held.ends(moving, fails=fails)
            if fails:
                await control(held, "POST", "/clock/advance", {"by": "1m"})
            rows = (await waiting(held, idle=True, count=2)).json
            assert [len(row["attempts"]) for row in rows] == [2, 2]
            assert {row["attempts"][1]["at"] for row in rows} == {"2026-03-02T10:01:00+01:00"}

    held.tell(story())


# an account that is left


def leaving(what: str) -> Ask:
    return Ask("POST", f"{CONTROL}/reset") if what == "reset" else Ask("DELETE", CONTROL)


LEAVING = pytest.mark.parametrize("what", ["reset", "removal"])


async def busy_account(held: Held, hook: Hook) -> None:
    """One retry whose moment comes by itself, one callback on its way, two behind it."""
    await control(held, "PUT", "/callbacks", {"url": hook.url, "retry_schedule": ["1h"]})
    hook.status = 500
    await api(held, "POST", "/billogram", billogram("retried"))
    assert len((await waiting(held, idle=True, status="pending", count=1)).json) == 1
    hook.open.clear()
    for number in range(3):
        await api(held, "POST", "/billogram", billogram(f"waiting {number}"))
    await hook.wait(2)
    hook.status = 200


@LEAVING
def test_while_it_is_written_nothing_leaves_and_when_it_is_nothing_ever_does(held: Held, what: str) -> None:
    async def story() -> None:
        async with hooked() as hook:
            await busy_account(held, hook)
            before = held.deliveries
            deliveries = list(before.by_id.values())
            held.log.holding = True
            going = asyncio.ensure_future(leaving(what).of(held))
            await quiet()
            assert not going.done()
            assert (before.busy, sending()) == (0, [])
            hook.open.set()
            await quiet()
            await hook.receiver.gone()  # the one that was on its way was cut off
            assert len(hook.got) == 2
            await held.ends(going)
            assert [each.status for each in deliveries] == ["dropped"] * 4
            if what == "removal":
                assert (await Ask("GET", f"{CONTROL}/deliveries").of(held)).status == 404
                await api(held, "POST", "/customer", {"name": "A", "customer_no": 1})
                await control(held, "PUT", "/callbacks", {"url": hook.url})
            else:
                rows = await control(held, "GET", "/deliveries")
                assert [row["status"] for row in rows] == ["dropped"] * 4
                assert [row["next_attempt_at"] for row in rows] == [None] * 4
                await api(held, "POST", "/customer", {"name": "A", "customer_no": 1})
            await control(held, "POST", "/clock/advance", {"by": "2h"})
            made = await api(held, "POST", "/billogram", billogram("fresh"))
            await waiting(held, idle=True, count=1)
            assert [each["event"]["billogram_id"] for each in hook.got[2:]] == [made["id"]]

    held.tell(story())


@LEAVING
def test_when_it_fails_what_was_pending_goes_on(held: Held, what: str) -> None:
    async def story() -> None:
        async with hooked() as hook:
            await busy_account(held, hook)
            held.log.holding = True
            going = asyncio.ensure_future(leaving(what).of(held))
            await quiet()
            hook.open.set()
            await hook.receiver.gone()
            await held.ends(going, fails=True)
            rows = (await waiting(held, idle=True, count=3)).json
            first, *others = await control(held, "GET", "/deliveries")
            assert others == rows
            assert (first["status"], len(first["attempts"])) == ("pending", 1)
            assert [len(row["attempts"]) for row in rows] == [1, 1, 1]
            arrived = [each["callback_id"] for each in hook.got]
            # the one that was cut off comes again, the others once, in order
            assert arrived[:2] == [first["callback_id"], rows[0]["callback_id"]]
            assert arrived[2:] == [row["callback_id"] for row in rows]
            assert hook.got[1] == hook.got[2]
            await control(held, "POST", "/clock/advance", {"by": "1h"})
            (first, *_) = (await waiting(held, idle=True, count=4)).json
            assert [attempt["at"][11:19] for attempt in first["attempts"]] == ["10:00:00", "11:00:00"]
            assert hook.got[-1] == hook.got[0]

    held.tell(story())


@LEAVING
@pytest.mark.parametrize("fails", [False, True], ids=["it works", "it fails"])
def test_no_retry_leaves_an_account_that_is_being_left(held: Held, what: str, fails: bool) -> None:
    """The moment of the retry comes by a live clock while the reset is being written."""

    async def story() -> None:
        async with hooked() as hook:
            await with_a_retry(held, hook)
            held.log.holding = True
            # its moment comes in the very act behind which the account is left
            running = asyncio.ensure_future(
                Ask("PUT", f"{CONTROL}/clock", {"mode": "live", "speed": 1_000_000}).of(held)
            )
            await quiet()
            going = asyncio.ensure_future(leaving(what).of(held))
            await quiet()
            await asyncio.sleep(0.01)  # what would be wrong has time to show
            assert (len(hook.got), sending()) == (1, [])
            held.log.let_one_go()
            assert (await running).status == 200
            await asyncio.sleep(0.01)
            assert (len(hook.got), sending()) == (1, [])
            await held.ends(going, fails=fails)
            if fails:
                rows = (await waiting(held, count=1)).json
                assert len(rows[0]["attempts"]) == 2
                assert hook.got[0] == hook.got[1]
            else:
                await asyncio.sleep(0.01)
                assert (len(hook.got), sending()) == (1, [])

    held.tell(story())


def test_two_resets_in_one_commit(held: Held) -> None:
    async def story() -> None:
        for fails in (True, False):
            async with hooked() as hook:
                await control(held, "PUT", "/callbacks", {"url": hook.url})
                hook.open.clear()
                made = await api(held, "POST", "/billogram", billogram(f"left {fails}"))
                await hook.wait(1)
                held.log.holding = True
                resets = []
                for _ in range(2):
                    resets.append(asyncio.ensure_future(leaving("reset").of(held)))
                    await quiet()
                hook.open.set()
                await hook.receiver.gone()
                assert not sending()
                await held.ends(resets[0], fails=fails)
                assert ((await resets[1]).status == 503) == fails
                await waiting(held, idle=True)
                assert [each["event"]["billogram_id"] for each in hook.got] == [made["id"]] * (1 + fails)
                rows = await control(held, "GET", "/deliveries")
                assert rows[-1]["status"] == ("delivered" if fails else "dropped")

    held.tell(story())


def test_what_happens_while_a_reset_is_written_is_of_the_fresh_account(held: Held) -> None:
    async def story() -> None:
        async with hooked() as hook:
            birth = {"id": "other", "key": "secret", "callbacks": {"url": hook.url}}
            made = await Ask("POST", "/_mock/accounts", birth).of(held)
            assert made.status == 201
            held.log.holding = True
            reset = asyncio.ensure_future(Ask("POST", "/_mock/accounts/other/reset").of(held))
            await quiet()
            work = []
            for ask in (
                Ask("POST", "/customer", {"name": "A", "customer_no": 1}, account="other"),
                Ask("POST", "/billogram", billogram("new"), account="other"),
            ):
                work.append(asyncio.ensure_future(ask.of(held)))
                await quiet()
            assert (hook.got, sending()) == ([], [])
            held.log.let_one_go()
            await quiet()
            assert (hook.got, sending()) == ([], [])
            held.log.let_go()
            assert (await reset).status == 200
            key = [(await each).data for each in work][1]["id"]
            await hook.wait(1)
            assert [each["event"]["billogram_id"] for each in hook.got] == [key]
            answered = await Ask("GET", "/_mock/accounts/other/deliveries").of(held)
            assert [row["id"] for row in answered.json] == ["1-3-0"]

    held.tell(story())


# results, and the end


async def started(log: MemoryLog) -> Patient:
    """The next server on what is in that log, on the loop that runs."""
    server = Patient(FaultyLog(log))
    server.loop.close()
    await server.open_all()
    return server


def test_a_result_that_could_not_be_written_is_sent_again_by_the_next_server(held: Held) -> None:
    """It is not sent twice by the same one; whoever starts on that log knows nothing of it."""

    async def story(server: Held, hook: Hook) -> None:
        await control(server, "PUT", "/callbacks", {"url": hook.url})
        hook.open.clear()
        await api(server, "POST", "/billogram", billogram("new"))
        await hook.wait(1)
        server.log.good = 0
        hook.open.set()
        await waiting(server, idle=True, count=1)
        assert await control(server, "GET", "/deliveries?status=pending") == []
        assert len(hook.got) == 1

    async def both() -> None:
        async with hooked() as hook:
            await story(held, hook)
            second = await started(held.log)
            await hook.wait(2)
            (row,) = (await waiting(second, idle=True, count=1)).json
            assert row["callback_id"] == hook.got[1]["callback_id"]
            assert hook.got[0] == hook.got[1]
            await second.app.close()
            assert len(hook.got) == 2

    held.tell(both())


def test_the_timeline_waits_for_results_that_are_being_written(held: Held) -> None:
    """What a wait has told of, it has too."""

    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": hook.url})
            hook.open.clear()
            await api(held, "POST", "/billogram", billogram("new"))
            await hook.wait(1)
            held.log.holding = True
            hook.open.set()
            await waiting(held, idle=True, count=1)
            asked = asyncio.ensure_future(Ask("GET", f"{CONTROL}/timeline").of(held))
            await quiet()
            assert not asked.done()
            held.log.let_go()
            assert [row["kind"] for row in (await asked).json][-2:] == ["delivery", "attempt"]

    held.tell(story())


def test_results_that_could_not_be_written_are_with_the_next_write_that_works(held: Held) -> None:
    """So the timeline tells of them, and the next server goes on where this one was."""

    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": hook.url, "retry_schedule": ["1m", "5m"]})
            hook.status = 500
            hook.open.clear()
            await api(held, "POST", "/billogram", billogram("new"))
            await hook.wait(1)
            held.log.good = 0
            hook.open.set()
            (failed,) = (await waiting(held, idle=True, count=1, status="pending")).json
            held.log.good = None
            assert [row for row in await control(held, "GET", "/timeline") if row["kind"] == "attempt"] == []
            await control(held, "POST", "/clock/advance", {"by": "1m"})
            (pending,) = (await waiting(held, idle=True, count=1, status="pending")).json
            told = [row for row in await control(held, "GET", "/timeline") if row["kind"] == "attempt"]
            assert [row["attempt"] for row in told] == pending["attempts"]
            assert pending["attempts"][0] == failed["attempts"][0]
            assert pending["next_attempt_at"] == "2026-03-02T10:06:00+01:00"
            second = await started(held.log)
            assert (await waiting(second, idle=True, status="pending")).json == [pending]
            assert len(hook.got) == 2
            await second.app.close()

    held.tell(story())


@WHERE
def test_a_server_that_stops_while_a_commit_is_held_sends_no_more(held: Held, where: str) -> None:
    """What is written at the very end is sent by the next one; nothing is left running."""

    async def story() -> None:
        async with hooked() as hook:
            await control(held, "PUT", "/callbacks", {"url": INBOX if where == "inbox" else hook.url})
            held.log.holding = True
            writing = asyncio.ensure_future(Ask("POST", "/billogram", billogram("new")).of(held))
            await quiet()
            closing = asyncio.ensure_future(held.app.close())
            await quiet()
            assert not closing.done()
            held.log.let_go()
            await closing
            made = (await writing).data
            assert not sending()
            await quiet()
            assert hook.receiver.connections == 0
            second = await started(held.log)
            (row,) = (await waiting(second, count=1)).json
            assert row["billogram"] == made["id"]
            assert len(row["attempts"]) == 1
            assert where == "inbox" or [each["billogram"]["id"] for each in hook.got] == [made["id"]]
            await second.app.close()

    held.tell(story())


@LEAVING
def test_a_server_that_stops_while_a_reset_fails_sends_no_more(held: Held, what: str) -> None:
    """What goes on, goes on with the next server."""

    async def story() -> None:
        async with hooked() as hook:
            await busy_account(held, hook)
            held.log.holding = True
            going = asyncio.ensure_future(leaving(what).of(held))
            await quiet()
            hook.open.set()
            await hook.receiver.gone()
            closing = asyncio.ensure_future(held.app.close())
            await quiet()
            await held.ends(going, fails=True)
            await closing
            assert not sending()
            assert len(hook.got) == 2
            second = await started(held.log)
            rows = (await waiting(second, idle=True, count=3)).json
            assert [each["callback_id"] for each in hook.got[2:]] == [row["callback_id"] for row in rows]
            await second.app.close()

    held.tell(story())
