"""The timeline: what an account went through; list and stream give the same (reference: control 1)."""

import asyncio
import json
import os
import random
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import Mockserver
from mockserver.control import timeline
from tests.control.test_waiting import (
    CONTROL,
    CUSTOMER,
    DRAFT,
    INBOX,
    Caller,
    Holding,
    Patient,
    api,
    born,
    control,
    draft,
    say,
    send,
    tasks,
    waiting,
)
from tests.log.test_held_commit import PATIENCE, Ask, quiet
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server, basic
from tests.webhooks.receivers import Receiver, answer, answers, hanging, read_request, receiving

LIVE = {"accept": "text/event-stream"}
UNKNOWN = Ask("GET", "/nowhere")


def parsed(body: bytes) -> list[Any]:
    """The rows of a stream; each event is named as its row. Progress is told by how busy the machine is."""
    rows = []
    for block in body.decode().split("\n\n")[:-1]:
        if block.startswith((":", "event: progress\n")):
            continue
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        row = json.loads(fields["data"], parse_float=Decimal)
        assert fields == {"id": row["id"], "event": row["kind"], "data": fields["data"]}
        rows.append(row)
    return rows


def place(row: Any) -> tuple[int, ...]:
    """What orders the rows."""
    return tuple(map(int, row["id"].split(".")))


def names(rows: list[Any]) -> list[str]:
    return [row["id"] for row in rows]


def kinds(rows: list[Any]) -> list[str]:
    return [row["kind"] for row in rows]


class Live:
    """A client that follows the timeline."""

    def __init__(
        self, server: Server, *, last: str | None = None, query: str = "", window: int | None = None
    ) -> None:
        headers = LIVE if last is None else {**LIVE, "last-event-id": last}
        self.caller = Caller(server, "GET", f"{CONTROL}/timeline{query}", b"", headers, window=window)

    @property
    def rows(self) -> list[Any]:
        return parsed(self.caller.body)

    async def until(self, wanted: Callable[[list[Any]], bool]) -> list[Any]:
        """The rows, once they are as wanted, or when no more come for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not (wanted(self.rows) or self.caller.task.done()):
                    await self.caller.more()
        return self.rows

    async def caught_up(self, rows: list[Any]) -> list[Any]:
        """Its rows, once the last of these is among them."""
        return await self.until(lambda got: not rows or names(rows[-1:]) == names(got[-1:]))

    async def hang_up(self) -> None:
        self.caller.hang_up()
        async with asyncio.timeout(PATIENCE):
            await self.caller.task


async def listed(server: Server, query: str = "") -> list[Any]:
    """The list; its ids ascend, and each is there once."""
    rows: list[Any] = await control(server, "GET", f"/timeline{query}")
    places = [place(row) for row in rows]
    assert places == sorted(set(places))
    return rows


async def at_rest(server: Server) -> None:
    """Until nothing is on its way, and what came of it is on disk."""
    assert (await waiting(server, idle=True)).status == 200
    live = server.emulator.live(ACCOUNT)
    while live is not None and live.durable_notes < live.notes:
        await live.signal.wait()


async def same_live(server: Server, live: Live) -> list[Any]:
    """The stream has given, or gives, what the list gives."""
    await at_rest(server)
    rows = await listed(server)
    got = await live.caught_up(rows)
    assert got == rows
    return rows


async def story_of_a_bill(server: Server, url: str | None) -> dict[str, Answer]:
    """A bit of everything; the answers by name."""
    await born(server, url, sign_key="key", retry_schedule=["1m"])
    made = await Ask("POST", "/billogram", DRAFT).of(server)
    key = made.data["id"]
    path = f"/billogram/{key}/command"
    answers_to = {
        "create": made,
        "refused": await Ask("POST", f"{path}/payment", {"amount": 5}).of(server),
        "send": await Ask("POST", f"{path}/send", {"method": "Email"}).of(server),
        "nowhere": await UNKNOWN.of(server),
        "message": await Ask("POST", f"{CONTROL}/billograms/{key}/simulate/message", {"message": "Hello"}).of(
            server
        ),
        "move": await Ask("POST", f"{CONTROL}/clock/advance", {"by": "60d"}).of(server),
        "paid": await Ask("POST", f"{path}/payment", {"amount": 125}).of(server),
    }
    await at_rest(server)
    return answers_to


@pytest.fixture(autouse=True)
def no_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that has missed something would else look again after a while."""
    monkeypatch.setattr(timeline, "_BEAT", 1e6)


@pytest.fixture
def patient() -> Iterator[Patient]:
    made = Patient()
    yield made
    made.close()


@pytest.fixture(params=["memory", "file"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Patient]:
    """A server in memory, and one on a file."""
    made = Patient(database="memory" if request.param == "memory" else str(tmp_path / "kept.db"))
    yield made
    made.close()


@asynccontextmanager
async def flaky(rng: random.Random) -> AsyncIterator[Receiver]:
    """A receiver that answers well, with 500, late, or not at all."""

    async def handler(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(receiver, reader):
            mood = rng.random()
            for _ in range(rng.randrange(30) if mood < 0.5 else 0):
                await asyncio.sleep(0)
            if mood > 0.9:
                return
            writer.write(answer(500 if mood > 0.6 else 200, body=b"{}"))
            await writer.drain()

    async with receiving(handler) as receiver:
        yield receiver


# what it tells


def test_it_ties_requests_acts_deliveries_and_attempts(kept: Patient) -> None:
    async def story() -> None:
        async with receiving(answers(answer(200, "Content-Type: application/json", body=b"{}"))) as receiver:
            made = await story_of_a_bill(kept, receiver.url())
            rows = await listed(kept)
            deliveries = await control(kept, "GET", "/deliveries")
        key = made["create"].data["id"]
        expected = {
            "create": ["BillogramCreated"],
            "send": ["BillogramSent"],
            "message": ["CustomerMessage"],
            "paid": ["Payment", "BillogramEnded"],
        }
        for name, events in expected.items():
            cause = made[name].headers["mock-request-id"]
            of_it = [row for row in rows if row["cause"] == cause]
            by_api = name != "message"
            assert kinds(of_it) == (
                ["request"] * by_api + ["act"] + ["delivery"] * len(events) + ["attempt"] * len(events)
            )
            assert {tuple(row["billograms"]) for row in of_it} == {(key,)}
            act = of_it[by_api]
            assert [event["type"] for event in act["events"]] == events
            its = [each for each in deliveries if each["cause"] == cause]
            check_deliveries([row for row in of_it if row["kind"] == "delivery"], its)
            check_attempts([row for row in of_it if row["kind"] == "attempt"], its)
        assert all("cause" in row and row["at"].startswith("2026-") for row in rows)

    kept.tell(story())


def check_deliveries(rows: list[Any], deliveries: list[Any]) -> None:
    shared = ("callback_id", "callback_type", "event_type", "url", "cause")
    for row, delivery in zip(rows, deliveries, strict=True):
        assert row["delivery"] == delivery["id"]
        assert [row[name] for name in shared] == [delivery[name] for name in shared]
        assert row["at"] == delivery["created_at"]


def check_attempts(rows: list[Any], deliveries: list[Any]) -> None:
    check_deliveries(
        [row | {"at": each["created_at"]} for row, each in zip(rows, deliveries, strict=True)], deliveries
    )
    assert [[row["attempt"]] for row in rows] == [each["attempts"] for each in deliveries]
    assert [row["at"] for row in rows] == [row["attempt"]["at"] for row in rows]


def test_requests_and_refusals(kept: Patient) -> None:
    async def story() -> None:
        made = await story_of_a_bill(kept, INBOX)
        key = made["create"].data["id"]
        rows = await listed(kept)
        by_cause = {row["cause"]: row for row in rows if row["kind"] in ("request", "refusal")}
        shown = {name: by_cause.get(each.headers["mock-request-id"]) for name, each in made.items()}
        assert [name for name, row in shown.items() if row is None] == ["message", "move"]
        create, refused, nowhere = shown["create"], shown["refused"], shown["nowhere"]
        assert create is not None
        assert refused is not None
        assert nowhere is not None
        assert (create["kind"], create["method"], create["path"]) == ("request", "POST", "/api/v2/billogram")
        identifier, data = made["refused"].error
        assert {name: refused[name] for name in refused if name not in ("id", "at", "cause")} == {
            "kind": "refusal",
            "billograms": [key],
            "method": "POST",
            "path": f"/api/v2/billogram/{key}/command/payment",
            "status": made["refused"].status,
            "error": identifier,
            "rule": made["refused"].headers["mock-rule"],
            "message": data["message"],
        }
        assert (nowhere["kind"], nowhere["status"], nowhere["billograms"]) == ("refusal", 404, [])
        # each stands between the acts where it was answered
        order = [row["cause"] for row in rows if row["kind"] in ("act", "refusal")]
        mine = [
            made[name].headers["mock-request-id"]
            for name in ("create", "refused", "send", "nowhere", "message")
        ]
        assert [cause for cause in order if cause in mine] == mine

    kept.tell(story())


def test_acts_tell_events_records_and_changes(kept: Patient) -> None:
    async def story() -> None:
        made = await story_of_a_bill(kept, None)
        key = made["create"].data["id"]
        rows = await listed(kept)
        acts = [row for row in rows if row["kind"] == "act"]
        assert [act["position"] for act in acts] == list(range(1, len(acts) + 1))
        assert not {"delivery", "attempt"} & set(kinds(rows))
        told = [event for act in acts for event in act["events"]]
        query = f"?filter_type=field&filter_field=billogram_id&filter_value={key}&page=1&page_size=100"
        shown = await api(kept, "GET", f"/billogram_event{query}")
        assert [{name: event[name] for name in event if name != "state"} for event in told] == shown
        changes = [(act["rule"], change) for act in acts for change in act["changes"]]
        assert changes == [
            ("create", {"billogram": key, "before": None, "after": "Unattested"}),
            ("send", {"billogram": key, "before": "Unattested", "after": "Unpaid"}),
            ("overdue", {"billogram": key, "before": "Unpaid", "after": "Overdue"}),
            ("payment", {"billogram": key, "before": "Overdue", "after": "Paid"}),
        ]
        assert acts[0]["records"] == ["AccountOpened"]
        assert acts[0]["billograms"] == []
        final = (await api(kept, "GET", f"/billogram/{key}"))["state"]
        assert changes[-1][1]["after"] == final

    kept.tell(story())


def test_a_draft_that_is_deleted_stays_in_it(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, INBOX)
        key = await draft(kept)
        before = await listed(kept)
        await api(kept, "DELETE", f"/billogram/{key}")
        await at_rest(kept)
        rows = await listed(kept)
        assert rows[: len(before)] == before
        mine = [row for row in rows if key in row["billograms"]]
        assert kinds(mine) == ["request", "act", "delivery", "attempt"] * 2
        assert mine[1]["changes"] == [{"billogram": key, "before": None, "after": "Unattested"}]
        assert mine[5]["changes"] == [{"billogram": key, "before": "Unattested", "after": "Deleted"}]

    kept.tell(story())


def test_retries_and_replays_are_attempts_too(kept: Patient) -> None:
    async def story() -> None:
        async with receiving(answers(answer(500))) as receiver:
            await born(kept, receiver.url(), retry_schedule=["1m", "1h"])
            await draft(kept)
            await at_rest(kept)
            await control(kept, "POST", "/clock/advance", {"by": "1m"})
            await at_rest(kept)
            (delivery,) = await control(kept, "GET", "/deliveries")
            replayed = await control(kept, "POST", f"/deliveries/{delivery['id']}/replay")
            await at_rest(kept)
            rows = await listed(kept)
        attempts = [row for row in rows if row["kind"] == "attempt"]
        assert [row["attempt"] for row in attempts] == replayed["attempts"]
        assert [row["attempt"]["replay"] for row in attempts] == [False, False, True]
        assert {row["cause"] for row in attempts} == {delivery["cause"]}

    kept.tell(story())


# the list


def test_filters_and_pages(kept: Patient) -> None:
    async def story() -> None:
        made = await story_of_a_bill(kept, INBOX)
        other = await draft(kept)
        await at_rest(kept)
        await Ask("DELETE", "/billogram/unknown").of(kept)
        rows = await listed(kept)
        assert {"request", "act", "delivery", "attempt", "refusal"} == set(kinds(rows))
        for index, row in enumerate(rows):
            assert await listed(kept, f"?after={row['id']}") == rows[index + 1 :]
        for limit in (1, 2, 3, 7, len(rows), 10_000):
            assert await listed(kept, f"?limit={limit}") == rows[:limit]
            assert await pages(kept, limit) == rows
        for key in (made["create"].data["id"], other):
            mine = [row for row in rows if key in row["billograms"]]
            assert mine
            assert await listed(kept, f"?billogram={key}") == mine
            assert await pages(kept, 2, f"&billogram={key}") == mine
        assert await listed(kept, "?billogram=unknown") == []
        assert await listed(kept, "?after=0.999.0.0.0") == []

    kept.tell(story())


def test_the_newest_rows(kept: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tail` and `before` read the end of the log: here a few acts at first, then more."""
    monkeypatch.setattr(timeline, "_AT_ONCE", 2)

    async def story() -> None:
        made = await story_of_a_bill(kept, INBOX)
        for _ in range(5):
            await draft(kept)
        await at_rest(kept)
        rows = await listed(kept)
        key = made["create"].data["id"]
        mine = [row for row in rows if key in row["billograms"]]
        kinds = [
            ([row for row in rows if row["kind"] == kind], f"&kind={kind}")
            for kind in ("delivery", "attempt")
        ]
        assert len(rows) > 20
        for chosen, query in ((rows, ""), (mine, f"&billogram={key}"), *kinds):
            for count in (1, 2, 5, len(chosen) - 1, len(chosen), 1000):
                assert await listed(kept, f"?tail={count}{query}") == chosen[-count:]
            for index, row in enumerate(chosen):
                before = f"{query}&before={row['id']}"
                assert await listed(kept, f"?{before[1:]}") == chosen[:index]
                assert await listed(kept, f"?limit=3{before}") == chosen[:index][-3:]
                assert await listed(kept, f"?tail=2{before}") == chosen[:index][-2:]
                after = f"&after={chosen[0]['id']}"
                assert await listed(kept, f"?limit=3{before}{after}") == chosen[1:index][:3]
                assert await listed(kept, f"?tail=3{before}{after}") == chosen[1:index][-3:]
        assert await listed(kept, "?tail=3&billogram=unknown") == []

    kept.tell(story())


def test_the_newest_rows_before_a_live_stream(kept: Patient) -> None:
    async def story() -> None:
        await story_of_a_bill(kept, INBOX)
        await at_rest(kept)
        rows = await listed(kept)
        for count in (1, 4, len(rows), 1000):
            live = Live(kept, query=f"?tail={count}")
            assert await live.caught_up(rows[-count:]) == rows[-count:]
            await live.hang_up()
        live, resumed = Live(kept, query="?tail=3"), Live(kept, query="?tail=3", last=rows[-6]["id"])
        assert await live.caught_up(rows[-3:]) == rows[-3:]
        assert await resumed.caught_up(rows[-5:]) == rows[-5:]
        await draft(kept)
        await at_rest(kept)
        after = await listed(kept)
        assert await live.caught_up(after) == after[len(rows) - 3 :]
        assert await resumed.caught_up(after) == after[len(rows) - 5 :]
        await live.hang_up()
        await resumed.hang_up()

    kept.tell(story())


async def pages(server: Server, limit: int, more: str = "") -> list[Any]:
    """All rows, page by page."""
    rows: list[Any] = []
    while page := await listed(
        server, f"?limit={limit}{more}" + (f"&after={rows[-1]['id']}" if rows else "")
    ):
        assert len(page) <= limit
        rows += page
    return rows


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "99999999999"])
def test_a_bad_limit_is_named(patient: Patient, limit: str) -> None:
    patient.tell(born(patient, None))
    answered = patient.mock("GET", f"/accounts/{ACCOUNT}/timeline?limit={limit}")
    assert (answered.status, answered.json["error"]["code"]) == (400, "invalid_query")
    assert "limit" in answered.json["error"]["message"]


BAD_IDS = [
    "x",
    "1",
    "0.1.1.0",
    "0.1.1.0.0.0",
    "0.1.1.0.-1",
    "0.1.1.0.x",
    "0.1.1.0.\u00b2",
    "0..1.0.0",
    f"0.1.1.0.{'9' * 30}",
]


@pytest.mark.parametrize("bad", BAD_IDS)
@pytest.mark.parametrize("live", [False, True], ids=["list", "live"])
def test_a_bad_after_is_named(patient: Patient, bad: str, live: bool) -> None:
    patient.tell(born(patient, None))
    path = f"{CONTROL}/timeline?after={bad.encode().decode('latin-1')}"
    answered = patient.run(patient.asgi("GET", path, b"", LIVE if live else {}))
    assert (answered.status, answered.headers["content-type"]) == (400, "application/json")
    assert answered.json["error"]["code"] == "invalid_query"
    assert "after" in answered.json["error"]["message"]


@pytest.mark.parametrize("bad", [bad for bad in BAD_IDS if bad.isascii()])
def test_a_bad_last_event_id_is_named(patient: Patient, bad: str) -> None:
    patient.tell(born(patient, None))
    headers = {**LIVE, "last-event-id": bad}
    answered = patient.run(patient.asgi("GET", f"{CONTROL}/timeline", b"", headers))
    assert (answered.status, answered.json["error"]["code"]) == (400, "invalid_query")
    assert "last-event-id" in answered.json["error"]["message"].lower()


@pytest.mark.parametrize("headers", [{}, LIVE], ids=["list", "live"])
def test_an_unknown_account(patient: Patient, headers: dict[str, str]) -> None:
    answered = patient.run(patient.asgi("GET", f"{CONTROL}/timeline", b"", headers))
    assert (answered.status, answered.json["error"]["code"]) == (404, "unknown_account")


def test_what_is_of_before_a_reset_is_behind_nothing(kept: Patient) -> None:
    async def story() -> None:
        await story_of_a_bill(kept, INBOX)
        last = (await listed(kept))[-1]["id"]
        await control(kept, "POST", "/reset")
        rows = await listed(kept)
        assert kinds(rows) == ["act"]
        assert rows[0]["rule"] == "reset"
        assert await listed(kept, f"?after={last}") == rows
        live = Live(kept, last=last)
        assert await live.caught_up(rows) == rows
        await live.hang_up()

    kept.tell(story())


# live


def test_the_stream_gives_what_the_list_gives(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, None)
        live = Live(kept)
        await same_live(kept, live)
        assert live.caller.start[0] == 200
        assert live.caller.start[1]["content-type"] == "text/event-stream"
        assert live.caller.start[1]["cache-control"] == "no-store"
        await control(kept, "DELETE", "")
        assert (await live.until(lambda _: False))[-1]["kind"] == "act"
        assert live.caller.task.done()  # gone: nothing more can come
        assert live.caller.messages[-1] == {"type": "http.response.body", "body": b""}

        await born(kept, INBOX)
        live = Live(kept)
        key = await draft(kept)
        await same_live(kept, live)
        await send(kept, key)
        await same_live(kept, live)
        await UNKNOWN.of(kept)
        await same_live(kept, live)
        for number in range(20):
            await say(kept, key, str(number))
        await at_rest(kept)
        assert len(await same_live(kept, live)) > 60
        await live.hang_up()

    kept.tell(story())


def test_it_comes_as_it_happens(patient: Patient) -> None:
    """Each row as soon as it is there, without anybody asking."""

    async def story() -> None:
        await born(patient, INBOX)
        live = Live(patient)
        begun = len(await live.until(lambda rows: len(rows) == 4))
        key = await draft(patient)
        await live.until(lambda rows: kinds(rows[begun:]) == ["request", "act", "delivery", "attempt"])
        await Ask("GET", f"/billogram/{key}/nothing").of(patient)
        assert kinds((await live.until(lambda rows: len(rows) == begun + 5))[begun:])[-1] == "refusal"
        await live.hang_up()

    patient.tell(story())


def test_it_resumes_after_every_row(kept: Patient) -> None:
    async def story() -> None:
        async with receiving(answers(answer(500))) as receiver:
            await story_of_a_bill(kept, receiver.url())
            rows = await listed(kept)
            key = rows[-1]["billograms"][0]
            mine = [row for row in rows if key in row["billograms"]]
            for index, row in enumerate(rows):
                for live in (Live(kept, last=row["id"]), Live(kept, query=f"?after={row['id']}")):
                    assert await live.caught_up(rows[index + 1 :]) == rows[index + 1 :]
                    await live.hang_up()
            for index, row in enumerate(mine):
                live = Live(kept, last=row["id"], query=f"?billogram={key}&after=0.1.1.0.0")
                assert await live.caught_up(mine[index + 1 :]) == mine[index + 1 :]
                await live.hang_up()
            live = Live(kept, last=rows[-1]["id"])
            await quiet()
            assert live.rows == []
            await draft(kept)
            await at_rest(kept)
            after = await listed(kept)
            assert await live.caught_up(after) == after[len(rows) :]
            await live.hang_up()

    kept.tell(story())


def test_one_billogram_live(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, INBOX)
        keys = [await draft(kept) for _ in range(2)]
        live = Live(kept, query=f"?billogram={keys[1]}")
        for key in keys:
            await send(kept, key)
            await Ask("POST", f"/billogram/{key}/command/send", {"method": "Email"}).of(kept)
        await at_rest(kept)
        rows = await listed(kept, f"?billogram={keys[1]}")
        assert kinds(rows).count("refusal") == 1
        assert await live.caught_up(rows) == rows
        await live.hang_up()

    kept.tell(story())


def test_it_says_now_and_then_that_it_lives(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "_BEAT", 0.005)

    async def story() -> None:
        await born(patient, None)
        live = Live(patient)
        while live.caller.body.count(b": still here\n\n") < 3:
            await live.caller.more()
        await draft(patient)
        await same_live(patient, live)
        await live.hang_up()

    patient.tell(story())


def test_a_client_that_takes_its_time_gets_all_of_it(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, INBOX)
        slow = Live(kept, window=2)
        key = await draft(kept)
        await send(kept, key)
        for number in range(20):
            await say(kept, key, str(number))
        await at_rest(kept)
        slow.caller.open_window()
        await same_live(kept, slow)
        await slow.hang_up()

    kept.tell(story())


def test_more_rows_than_go_at_once(kept: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn in between, and may change things."""
    monkeypatch.setattr(timeline, "_AT_ONCE", 3)

    async def story() -> None:
        await born(kept, INBOX)
        key = await draft(kept)
        await send(kept, key)
        live = Live(kept)
        for number in range(30):
            await say(kept, key, str(number))
            if number % 5 == 0:
                await same_live(kept, live)
        await at_rest(kept)
        rows = await same_live(kept, live)
        again = Live(kept)
        assert await again.caught_up(rows) == rows
        await live.hang_up()
        await again.hang_up()

    kept.tell(story())


# resets, removals, restarts


def open_desks(server: Server) -> bool:
    """Whether the sender keeps deliveries of accounts that there are, and of no others."""
    return set(server.sender._by_stream) <= {live.stream for live in server.emulator.live_accounts()}


def test_it_goes_on_with_the_fresh_account(kept: Patient) -> None:
    async def story() -> None:
        await story_of_a_bill(kept, INBOX)
        live = Live(kept)
        before = await same_live(kept, live)
        for generation in range(1, 4):
            await control(kept, "POST", "/reset")
            await api(kept, "POST", "/customer", CUSTOMER)
            await draft(kept)
            await at_rest(kept)
            fresh = await listed(kept)
            assert {place(row)[0] for row in fresh} == {generation}
            got = await live.caught_up(fresh)
            assert got == before + fresh
            before = got
        assert open_desks(kept)
        await live.hang_up()

    kept.tell(story())


def test_resets_and_lists_at_once(kept: Patient) -> None:
    """A list is of one account, whole; a stream is never broken off."""

    async def story() -> None:
        await born(kept, INBOX)
        live = Live(kept)
        for number in range(15):
            key = await draft(kept)
            await send(kept, key)
            for text in range(number):
                await say(kept, key, str(text))
            reset = asyncio.ensure_future(control(kept, "POST", "/reset"))
            for _ in range(number):
                await asyncio.sleep(0)
            rows, _ = await asyncio.gather(listed(kept), reset)
            assert len({place(row)[0] for row in rows}) == 1
            await api(kept, "POST", "/customer", CUSTOMER)
            await at_rest(kept)
            fresh = await listed(kept)
            got = await live.caught_up(fresh)
            assert got[-len(fresh) :] == fresh
            assert [place(row) for row in got] == sorted({place(row) for row in got})
        assert not live.caller.task.done()
        await live.hang_up()
        assert open_desks(kept)

    kept.tell(story())


@pytest.mark.parametrize("fails", [False, True], ids=["it works", "it fails"])
@pytest.mark.parametrize("what", ["reset", "removal"])
def test_while_a_reset_is_written_the_stream_is_of_the_old_account(
    holding: Holding, what: str, fails: bool
) -> None:
    """A callback that is cut off for it wakes the stream, which must not look at what is not there yet."""
    server, log = holding, holding.log
    leave = Ask("POST", f"{CONTROL}/reset") if what == "reset" else Ask("DELETE", CONTROL)

    async def story() -> None:
        async with receiving(hanging) as receiver:
            await born(server, receiver.url(), timeout="10m")
            await draft(server)
            live = Live(server)
            before = await live.caught_up(await listed(server))
            await receiver.asked.wait()
            log.holding = True
            leaving = asyncio.ensure_future(leave.of(server))
            await receiver.gone()
            await quiet()
            late = Live(server)
            await quiet()
            assert not live.caller.task.done()
            assert live.rows == before
            log.good = 0 if fails else None
            log.let_go()
            assert ((await leaving).status == 503) == fails
            log.good = None
            await quiet()
            if what == "removal" and not fails:
                await live.until(lambda _: live.caller.task.done())
                assert live.rows == before
                assert late.caller.start[0] == 404
                return
            await control(server, "PUT", "/callbacks", {"url": None})
            rows = await listed(server)
            got = await live.caught_up(rows)
            assert got == (rows if fails else before + rows)
            assert await late.caught_up(rows) == rows
            assert not live.caller.task.done()
            await live.hang_up()
            await late.hang_up()

    server.tell(story())


def test_the_next_process_tells_the_same_but_for_requests(tmp_path: Path) -> None:
    file = str(tmp_path / "kept.db")
    before: list[Any] = []

    async def first(server: Patient) -> None:
        async with receiving(answers(answer(500))) as receiver:
            await story_of_a_bill(server, receiver.url())
            before.extend(await listed(server))

    async def second(server: Patient) -> None:
        await server.open_all()
        kept_rows = [row for row in before if row["kind"] not in ("request", "refusal")]
        assert {"act", "delivery", "attempt"} == set(kinds(kept_rows))
        assert await listed(server) == kept_rows
        for row in before:
            rest = [each for each in kept_rows if place(each) > place(row)]
            live = Live(server, last=row["id"])
            assert await live.caught_up(rest) == rest
            assert await listed(server, f"?after={row['id']}") == rest
            await live.hang_up()
        live = Live(server, last=before[-1]["id"])
        await UNKNOWN.of(server)
        await draft(server)
        await at_rest(server)
        after = await listed(server)
        assert kinds(after[len(kept_rows) :])[:3] == ["refusal", "request", "act"]
        assert await live.caught_up(after) == after[len(kept_rows) :]
        await live.hang_up()

    for part in (first, second):
        server = Patient(database=file)
        try:
            server.tell(part(server))
        finally:
            server.close()


# what comes later has a greater id


@pytest.fixture
def holding() -> Iterator[Holding]:
    made = Holding()
    yield made
    made.close()


def test_a_refusal_that_was_answered_later_comes_later(holding: Holding) -> None:
    """One that came first waits for the log, another one is refused at once: the stream misses neither."""
    server, log = holding, holding.log

    async def story() -> None:
        await born(server, None)
        key = await draft(server)
        log.good = 0
        assert (await Ask("POST", "/customer", {"name": "B"}).of(server)).status == 503
        live = Live(server)
        await same_live(server, live)
        log.holding = True
        waits = asyncio.ensure_future(
            Ask("POST", f"/billogram/{key}/command/payment", {"amount": 5}).of(server)
        )
        await quiet()
        assert not waits.done()
        at_once = await UNKNOWN.of(server)
        await live.until(lambda rows: rows[-1]["cause"] == at_once.headers["mock-request-id"])
        between = live.rows[-1]["id"]
        log.good = None
        log.let_go()
        refused = await waits
        assert refused.headers["mock-rule"] == "state.payment"
        rows = await same_live(server, live)
        causes = [row["cause"] for row in rows[-2:]]
        assert causes == [each.headers["mock-request-id"] for each in (at_once, refused)]
        assert await listed(server, f"?after={between}") == rows[-1:]
        await live.hang_up()

    server.tell(story())


def test_a_refusal_is_seen_though_what_was_being_written_is_undone(holding: Holding) -> None:
    server, log = holding, holding.log

    async def story() -> None:
        await born(server, None)
        live = Live(server)
        await same_live(server, live)
        log.holding, log.good = True, 0
        undone = asyncio.ensure_future(draft(server))
        await quiet()
        refused = await UNKNOWN.of(server)
        log.let_go()
        with pytest.raises(AssertionError):
            await undone
        log.good = None
        rows = await listed(server)
        assert kinds(rows[-2:]) == ["refusal", "refusal"]  # the one, and the write that failed
        assert refused.headers["mock-request-id"] in [row["cause"] for row in rows]
        await same_live(server, live)
        await draft(server)
        assert (await same_live(server, live))[: len(rows)] == rows
        await live.hang_up()

    server.tell(story())


def test_a_refusal_by_a_fresh_account_that_never_was(holding: Holding) -> None:
    """The reset during which it was refused is undone: it is no row of the past."""
    server, log = holding, holding.log

    async def story() -> None:
        await born(server, None)
        await draft(server)
        live = Live(server)
        before = await same_live(server, live)
        log.holding, log.good = True, 0
        reset = asyncio.ensure_future(Ask("POST", f"{CONTROL}/reset").of(server))
        await quiet()
        await UNKNOWN.of(server)
        log.let_go()
        assert (await reset).status == 503
        log.good = None
        await draft(server)
        rows = await same_live(server, live)
        assert rows[: len(before)] == before
        await live.hang_up()

    server.tell(story())


def test_nothing_is_shown_that_is_not_on_disk(holding: Holding) -> None:
    server, log = holding, holding.log

    async def story() -> None:
        await born(server, INBOX)
        live = Live(server)
        before = await same_live(server, live)
        for fails in (False, True):
            log.holding, log.good = True, 0 if fails else None
            act = asyncio.ensure_future(Ask("POST", "/billogram", DRAFT).of(server))
            await quiet()
            late = Live(server)
            listing = asyncio.ensure_future(listed(server))
            await quiet()
            assert live.rows == before
            assert (late.rows, listing.done()) == ([], False)
            log.let_go()
            assert (await act).status == (503 if fails else 200)
            log.good = None
            rows = await listing
            assert kinds(rows[len(before) :])[:1] == (["refusal"] if fails else ["request"])
            before = await same_live(server, live)
            assert await same_live(server, late) == before
            await late.hang_up()
        await live.hang_up()

    server.tell(story())


class Run:
    """Writers, refused requests, a flaky receiver, and a log that is held and fails, all at once."""

    def __init__(self, server: Holding, rng: random.Random) -> None:
        self.server, self.log, self.rng = server, server.log, rng
        self.keys: list[str] = []
        self.over = False

    async def turns(self) -> None:
        for _ in range(self.rng.randrange(12)):
            await asyncio.sleep(0)

    async def writer(self) -> None:
        for _ in range(12):
            await self._once()
            await self.turns()

    async def _once(self) -> None:
        key = self.rng.choice(self.keys) if self.keys else "none"
        asks = [
            Ask("POST", "/billogram", DRAFT),
            Ask("POST", "/billogram", DRAFT),
            Ask("POST", f"/billogram/{key}/command/send", {"method": "Email"}),
            Ask("POST", f"/billogram/{key}/command/payment", {"amount": 5}),
            Ask("POST", f"{CONTROL}/billograms/{key}/simulate/message", {"message": "Hello"}),
            Ask("POST", f"{CONTROL}/clock/advance", {"by": "30s"}),
            Ask("GET", f"/billogram/{key}"),
            Ask("POST", "/customer", {"name": 1}),
            UNKNOWN,
        ]
        ask = self.rng.choice(asks)
        answered = await ask.of(self.server)
        if ask.path == "/billogram" and answered.status == 200:
            self.keys.append(answered.data["id"])

    async def keeper(self) -> None:
        """Holds the log, lets commits go one by one, makes some of them fail."""
        log = self.log
        while not self.over:
            log.holding = True
            for _ in range(self.rng.randrange(4)):
                await self.turns()
                log.good = 0 if self.rng.random() < 0.15 else None
                if log._held is not None:
                    log.let_one_go()
            await self.turns()
            log.good = None
            log.let_go()
            await self.turns()

    async def reader(self) -> list[Any]:
        """Follows, goes away after some rows, and comes back."""
        rows: list[Any] = []
        while not self.over:
            live = Live(self.server, last=rows[-1]["id"] if rows else None)
            wanted = self.rng.randrange(1, 9)
            while len(live.rows) < wanted and not self.over:
                await self.turns()
            rows += live.rows
            await live.hang_up()
        return rows


@pytest.mark.parametrize("rounds", [25, pytest.param(500, marks=pytest.mark.deep)])
def test_whatever_happens_stream_and_list_agree(rounds: int) -> None:
    seeds = random.Random(int(os.environ.get("TEST_SEED") or secrets.randbits(32)))
    for _ in range(rounds):
        seed = seeds.getrandbits(32)
        print(f"round {seed}")
        check_run(random.Random(seed))


def check_run(rng: random.Random) -> None:
    server = Holding()
    run = Run(server, rng)

    async def story() -> None:
        async with flaky(rng) as receiver:
            await born(server, rng.choice([INBOX, receiver.url()]), retry_schedule=["30s", "1m"])
            live = Live(server)
            keeper = asyncio.ensure_future(run.keeper())
            reader = asyncio.ensure_future(run.reader())
            await asyncio.gather(*(run.writer() for _ in range(3)))
            run.over = True
            await keeper
            parts = await reader
            await at_rest(server)
            await api(server, "POST", "/customer", {"name": "Last"})
            rows = await same_live(server, live)
            rest = Live(server, last=parts[-1]["id"] if parts else None)
            await rest.caught_up(rows)
            assert parts + rest.rows == rows
            assert await pages(server, 7) == rows
            check_ties(rows, await control(server, "GET", "/deliveries"))
            await live.hang_up()
            await rest.hang_up()

    try:
        server.tell(story())
    finally:
        server.close()


def check_ties(rows: list[Any], deliveries: list[Any]) -> None:
    """Every delivery stands behind its act, every attempt behind its delivery, with the act's cause."""
    causes: dict[str, str] = {}
    for row in rows:
        if row["kind"] == "delivery":
            causes[row["delivery"]] = row["cause"]
        elif row["kind"] == "attempt":
            assert causes[row["delivery"]] == row["cause"]
    assert causes == {each["id"]: each["cause"] for each in deliveries}


# nothing is left behind


async def only(before: set[asyncio.Task[Any]]) -> None:
    """Until nothing runs but this; what the file is read by takes its time to end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while tasks() != before:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert tasks() == before


def test_who_goes_leaves_nothing_behind(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, INBOX)
        key = await draft(kept)
        await send(kept, key)
        await at_rest(kept)
        before = tasks()
        followers = [Live(kept, window=window) for window in (0, 1, 2, None)]
        await followers[-1].until(lambda rows: len(rows) > 8)
        await say(kept, key, "Hello")
        assert len(tasks()) > len(before)
        for each in followers:
            await each.hang_up()
        await only(before)
        live = kept.emulator.live(ACCOUNT)
        assert live is not None
        assert not live.signal._waiting
        assert open_desks(kept)

    kept.tell(story())


def test_a_short_list_leaves_nothing_behind(kept: Patient) -> None:
    """What is not read to its end is let go of."""

    async def story() -> None:
        await story_of_a_bill(kept, INBOX)
        before = tasks()
        for limit in (1, 2, 5):
            assert len(await listed(kept, f"?limit={limit}")) == limit
        await only(before)

    kept.tell(story())


def test_only_the_head(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, INBOX)
        before = tasks()
        for headers, kind in ((LIVE, "text/event-stream"), ({}, "application/json")):
            answered = await kept.asgi("HEAD", f"{CONTROL}/timeline", b"", headers)
            assert (answered.status, answered.headers["content-type"], answered.body) == (200, kind, b"")
        await only(before)

    kept.tell(story())


def test_a_server_that_stops_ends_the_stream(kept: Patient) -> None:
    async def story() -> None:
        await born(kept, INBOX)
        live = Live(kept)
        rows = await same_live(kept, live)
        kept.app.end_waits()
        await live.until(lambda _: False)
        assert live.caller.task.done()
        assert live.rows == rows
        assert live.caller.messages[-1] == {"type": "http.response.body", "body": b""}
        late = Live(kept)
        await late.until(lambda _: False)
        assert late.caller.start[0] == 200
        assert late.caller.task.done()

    kept.tell(story())


# over a socket


def call(server: Mockserver, method: str, path: str, body: Any = NO_BODY) -> Any:
    """One request to a server on a socket; its decoded answer."""
    mock = path.startswith("/_mock")
    address = server.control_url.removesuffix("/_mock") if mock else server.url
    headers = {} if mock else {"authorization": basic(ACCOUNT, KEY)}
    with httpx.Client(trust_env=False, verify=False, timeout=PATIENCE) as client:
        content = None if body is NO_BODY else json.dumps(body)
        answered = client.request(method, f"{address}{path}", content=content, headers=headers)
    return json.loads(answered.content, parse_float=Decimal)


def rows_of(server: Mockserver) -> list[Any]:
    rows: list[Any] = call(server, "GET", f"{CONTROL}/timeline")
    return rows


@contextmanager
def following(server: Mockserver, last: str | None = None) -> Iterator[Iterator[Any]]:
    """The rows of a live stream, as they come."""
    headers = LIVE if last is None else {**LIVE, "last-event-id": last}
    with (
        httpx.Client(trust_env=False, verify=False, timeout=PATIENCE) as client,
        client.stream("GET", f"{server.control_url}/accounts/{ACCOUNT}/timeline", headers=headers) as stream,
    ):
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream"
        data = (line for line in stream.iter_lines() if line.startswith('data: {"id"'))
        yield (json.loads(line.removeprefix("data: "), parse_float=Decimal) for line in data)


class Follower(threading.Thread):
    """Follows over a socket until a row with the rule `last`, leaving and coming back on the way."""

    def __init__(self, server: Mockserver, rng: random.Random, last: str) -> None:
        super().__init__()
        self._server, self._rng, self._last = server, rng, last
        self.rows: list[Any] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not (self.rows and self.rows[-1].get("rule") == self._last):
                wanted = self._rng.randrange(1, 12)
                with following(self._server, self.rows[-1]["id"] if self.rows else None) as rows:
                    for row in rows:
                        self.rows.append(row)
                        wanted -= 1
                        if not wanted or row.get("rule") == self._last:
                            break
        except BaseException as failure:
            self.failure = failure


def born_on_socket(server: Mockserver) -> str:
    call(server, "POST", "/_mock/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": {"url": INBOX}})
    call(server, "POST", "/customer", CUSTOMER)
    key: str = call(server, "POST", "/billogram", DRAFT)["data"]["id"]
    return key


@pytest.mark.parametrize("database", ["memory", "file"])
def test_over_a_socket(tmp_path: Path, database: str) -> None:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    place_of_it = "memory" if database == "memory" else tmp_path / "kept.db"
    with Mockserver(database=place_of_it, clock="frozen") as server:
        key = born_on_socket(server)
        followers = [Follower(server, random.Random(rng.getrandbits(32)), "clock") for _ in range(3)]
        for each in followers:
            each.start()
        call(server, "POST", f"/billogram/{key}/command/send", {"method": "Email"})
        for number in range(15):
            call(server, "POST", f"{CONTROL}/billograms/{key}/simulate/message", {"message": str(number)})
            call(server, "GET", "/nowhere")
        call(server, "POST", f"{CONTROL}/deliveries/wait", {"idle": True})
        call(server, "POST", f"{CONTROL}/clock/advance", {"by": "1s"})
        for each in followers:
            each.join()
            assert each.failure is None
            assert each.rows == rows_of(server)
        with following(server) as rows:
            assert next(rows)["rule"] == "account"
        loop = server._loop
        assert loop is not None
        asyncio.run_coroutine_threadsafe(_no_stream_is_left(), loop).result(PATIENCE)


async def _no_stream_is_left() -> None:
    """Who went is noticed, by the end of his connection."""
    while [task for task in tasks() if "_stream" in str(task) or "sending" in str(task)]:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_across_a_restart_over_a_socket(tmp_path: Path) -> None:
    file = tmp_path / "kept.db"
    with Mockserver(database=file, clock="frozen") as server:
        key = born_on_socket(server)
        call(server, "POST", f"{CONTROL}/deliveries/wait", {"idle": True})
        call(server, "PATCH", f"{CONTROL}", {"default_due_days": 10})
        with following(server) as rows:
            before = [next(rows) for _ in rows_of(server)]
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            assert list(rows) == []  # it ends, and in order
            stopping.join()
    with Mockserver(database=file, clock="frozen") as server:
        call(server, "POST", f"/billogram/{key}/command/send", {"method": "Email"})
        call(server, "POST", f"{CONTROL}/deliveries/wait", {"count": 2})
        whole = rows_of(server)
        again = [row for row in before if row["kind"] not in ("request", "refusal")]
        assert whole[: len(again)] == again
        for row in before:
            rest = [each for each in whole if place(each) > place(row)]
            with following(server, row["id"]) as rows:
                assert [next(rows) for _ in rest] == rest
