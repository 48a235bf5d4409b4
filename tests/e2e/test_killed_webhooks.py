"""A server that is killed between commit and delivery: every event's callback arrives, none of another."""

import json
import os
import random
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.core.model import CallbackSettings
from tests.e2e.test_killed import ROWS, SEND, Client, Load, Process
from tests.webhooks.world import Gate, Got, Receiver, ok

PATIENCE = 20  # seconds until a server that should have ended counts as hung
SIGN_KEY = "test-sign-key-1"
FROZEN = ("--clock", "frozen")
STEPS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
SCHEDULE = [int(text[:-1]) * STEPS[text[-1]] for text in CallbackSettings().retry_schedule]


class Moody:
    """Answers as it likes: mostly well, sometimes late, sometimes 500, sometimes not at all."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        self.well = False

    def __call__(self, _: Got) -> int:
        with self._lock:
            mood, late = self._rng.random(), self._rng.random() * 0.02
        if self.well or mood < 0.5:
            return 200
        if mood < 0.65:
            threading.Event().wait(late)
            return 200
        if mood < 0.85:
            return 500
        raise ConnectionError("closed without an answer")


def asked(client: Client, method: str, path: str, body: Any = None) -> Any:
    """A success of the control plane."""
    status, answer = client.ask(method, f"/_mock{path}", body)
    assert status < 300, (method, path, answer)
    return answer


class Story:
    """One account: its writers, and what its receivers must have got."""

    def __init__(self, name: str, receiver: Receiver) -> None:
        self.name = name
        self.receiver = receiver
        self.url = receiver.url(f"/{name}")
        self.path = f"/accounts/{name}"
        self.recorded: dict[str, Any] = {}  # deliveries that were on disk before the last kill

    def begin(self, client: Client) -> None:
        client.data("POST", "/customer", {"name": "A", "contact": {"email": "a@example.com"}})
        asked(client, "PUT", f"{self.path}/callbacks", {"url": self.url, "sign_key": SIGN_KEY})

    def writer(self) -> Callable[[Client, random.Random, Callable[[], None]], None]:
        mine: list[str] = []

        def work(client: Client, rng: random.Random, answered: Callable[[], None]) -> None:
            dice = rng.random()
            if mine and dice < 0.25:
                client.data("POST", f"/billogram/{rng.choice(mine)}/command/payment", {"amount": "1.25"})
            elif mine and dice < 0.5:
                key = rng.choice(mine)
                asked(client, "POST", f"{self.path}/billograms/{key}/simulate/message", {"message": "?"})
            elif dice < 0.6:
                asked(client, "POST", f"{self.path}/clock/advance", {"by": f"{rng.randint(1, 90)}s"})
            else:
                mine.append(self._create(client, rng))
            answered()

        return work

    def _create(self, client: Client, rng: random.Random) -> str:
        body: dict[str, Any] = {"customer": {"customer_no": 1}, "items": ROWS, "on_success": SEND}
        if rng.random() < 0.4:
            own = f"{self.url}/own-{rng.randrange(2)}?order={rng.randrange(100)}"
            body["callbacks"] = {"url": own, "sign_key": SIGN_KEY, "custom": own}
        key: str = client.data("POST", "/billogram", body)["id"]
        return key

    def check(self, client: Client) -> None:
        """Hold what has arrived against what the server shows, once nothing is on its way."""
        waited = asked(client, "POST", f"{self.path}/deliveries/wait", {"idle": True, "timeout": "60s"})
        assert isinstance(waited, list)
        # behind the results in the log: once it is answered they are on disk
        client.data("POST", "/customer", {"name": "B"})
        deliveries: list[Any] = []
        after = ""
        while rows := asked(client, "GET", f"{self.path}/deliveries?limit=1000{after}"):
            deliveries += rows
            after = f"&after={rows[-1]['id']}"
        events = self._events(client)
        with self.receiver.lock:
            arrived = [got for got in self.receiver.got if got.path.split("/")[1] == self.name]
        check_arrivals(self.url, arrived, deliveries, events)
        now = datetime.fromisoformat(asked(client, "GET", f"{self.path}/clock")["now"])
        for delivery in deliveries:
            check_attempts(delivery, now)
        self._check_recorded(deliveries)
        self.recorded = {delivery["id"]: delivery for delivery in deliveries}

    def _events(self, client: Client) -> list[Any]:
        """What the API shows of every billogram, in the order in which it happened."""
        shown: dict[str, Any] = {}
        for row in client.all("/billogram")[0]:
            query = f"filter_type=field&filter_field=billogram_id&filter_value={row['id']}"
            of_one = client.data("GET", f"/billogram_event?{query}&page=1&page_size=100")
            shown |= {event["event_uuid"]: event for event in of_one}
        happened: list[str] = []
        after = ""
        while rows := asked(client, "GET", f"{self.path}/timeline?limit=500{after}"):
            after = f"&after={rows[-1]['id']}"
            acts = [row for row in rows if row["kind"] == "act"]
            happened += [event["event_uuid"] for act in acts for event in act["events"]]
        assert sorted(happened) == sorted(shown)
        return [shown[uuid] for uuid in happened]

    def _check_recorded(self, deliveries: list[Any]) -> None:
        """What was on disk before the kill has gone on from there."""
        present = {delivery["id"]: delivery for delivery in deliveries}
        for key, before in self.recorded.items():
            after = present[key]
            same = "callback_id", "created_at", "url", "billogram", "cause"
            assert [after[name] for name in same] == [before[name] for name in same]
            known = len(before["attempts"])
            times = [[a["at"] for a in each["attempts"][:known]] for each in (before, after)]
            assert times[0] == times[1]
            if len(after["attempts"]) == known:
                assert (after["status"], after["next_attempt_at"]) == (
                    before["status"],
                    before["next_attempt_at"],
                )
            else:
                assert before["status"] == "pending"
                assert after["attempts"][known]["at"] == before["next_attempt_at"]


def check_arrivals(url: str, arrived: list[Got], deliveries: list[Any], events: list[Any]) -> None:
    """Each event's callback came, to its receiver, first in order, always as the same bytes; no other."""
    first: dict[str, Got] = {}  # by event
    came: dict[str, list[str]] = {}  # events by receiver, as they came first
    for got in arrived:
        uuid = got.json["event"]["event_uuid"]
        got.check_signature(SIGN_KEY)
        assert (got.json["custom"] or url).endswith(got.path)
        if uuid in first:
            assert (got.path, got.body) == (first[uuid].path, first[uuid].body)
        else:
            first[uuid] = got
            came.setdefault(got.path.partition("?")[0], []).append(uuid)
    happened = [event["event_uuid"] for event in events]
    assert set(first) == set(happened), (set(happened) - set(first), set(first) - set(happened))
    assert len({got.callback_id for got in first.values()}) == len(first) == len(happened)
    for uuids in came.values():
        assert uuids == [uuid for uuid in happened if uuid in set(uuids)]
    for event in events:
        assert first[event["event_uuid"]].json["event"] == event
    for uuid, delivery in zip(happened, deliveries, strict=True):
        got = first[uuid]
        assert (delivery["callback_id"], delivery["event_type"]) == (got.callback_id, got.event_type)
        assert delivery["url"].partition("?")[0].endswith(got.path.partition("?")[0])  # its query is masked
        assert {each["request"]["body"] for each in delivery["attempts"]} == {got.body.decode()}


def check_attempts(delivery: Any, now: datetime) -> None:
    """Attempts at their planned moments, and the next one planned, whatever was killed in between."""
    attempts, status = delivery["attempts"], delivery["status"]
    moments = [datetime.fromisoformat(each["at"]) for each in attempts]
    assert moments[0] == datetime.fromisoformat(delivery["created_at"])
    for before, after, span in zip(moments, moments[1:], SCHEDULE, strict=False):
        assert after - before == span
    good = [each["status_code"] == 200 for each in attempts]
    assert not any(good[:-1])
    assert status == ("delivered" if good[-1] else "pending" if len(good) <= len(SCHEDULE) else "failed")
    if status == "pending":
        planned = datetime.fromisoformat(delivery["next_attempt_at"])
        assert planned == moments[-1] + SCHEDULE[len(moments) - 1]
        assert planned > now
    else:
        assert delivery["next_attempt_at"] is None


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.deep)])
def test_every_callback_arrives_though_the_server_is_killed(tmp_path: Path, rounds: int) -> None:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    mood = Moody(random.Random(rng.getrandbits(64)))
    file = tmp_path / "killed.db"
    with Receiver(mood) as receiver:
        stories = [Story("one", receiver), Story("two", receiver)]
        server = Process(file, *FROZEN)
        try:
            for story in stories:
                with Client(server.port, story.name) as client:
                    story.begin(client)
            for _ in range(rounds):
                load = Load(server, rng)
                for story in stories:
                    for _ in range(2):
                        load.add(story.name, story.writer())
                load.until_killed(rng.randint(1, 80), rng.random() * 0.01)
                if rng.random() < 0.5:  # and again, while it begins to send what was left
                    again = Process(file, *FROZEN)
                    threading.Event().wait(rng.random() * 0.02)
                    again.kill()
                server = Process(file, *FROZEN)
                for story in stories:
                    with Client(server.port, story.name) as client:
                        story.check(client)
            mood.well = True
            for story in stories:
                with Client(server.port, story.name) as client:
                    asked(client, "POST", f"{story.path}/clock/advance", {"by": "2d"})
                    story.check(client)
                    assert {each["status"] for each in story.recorded.values()} <= {"delivered", "failed"}
            assert server.stop() == 0
        finally:
            server.kill()


# one moment each


@contextmanager
def served(file: Path, url: str | None = None, **callbacks: Any) -> Iterator[tuple[Process, Client]]:
    """A server on a file, and a client of account `one`, whose callbacks go there."""
    server = Process(file, *FROZEN)
    try:
        with Client(server.port, "one") as client:
            if url is not None:
                body = {"url": url, "sign_key": SIGN_KEY, **callbacks}
                client.data("POST", "/customer", {"name": "A", "contact": {"email": "a@example.com"}})
                asked(client, "PUT", "/accounts/one/callbacks", body)
            yield server, client
    finally:
        server.kill()


def create(client: Client) -> Any:
    body = {"customer": {"customer_no": 1}, "items": ROWS, "on_success": SEND}
    return client.data("POST", "/billogram", body)


def idle(client: Client) -> None:
    asked(client, "POST", "/accounts/one/deliveries/wait", {"idle": True, "timeout": "60s"})


def deliveries(client: Client) -> list[Any]:
    found: list[Any] = asked(client, "GET", "/accounts/one/deliveries")
    return found


def fails(_: Got) -> int:
    return 503


def test_retries_that_wait_at_a_kill_keep_their_moments(tmp_path: Path) -> None:
    file = tmp_path / "killed.db"
    with Receiver(fails) as receiver:
        with served(file, receiver.url()) as (server, client):
            create(client)
            idle(client)
            asked(client, "POST", "/accounts/one/clock/advance", {"by": "40s"})
            create(client)
            idle(client)
            client.data("POST", "/customer", {"name": "B"})  # behind the results in the log
            before = deliveries(client)
            server.kill()
        moments = [each["next_attempt_at"][11:19] for each in before]
        assert moments == ["10:01:00"] * 2 + ["10:01:40"] * 2
        assert len(receiver.got) == 4
        with served(file) as (_, client):
            idle(client)
            assert deliveries(client) == before
            asked(client, "POST", "/accounts/one/clock/advance", {"by": "19s"})
            idle(client)
            assert deliveries(client) == before
            asked(client, "POST", "/accounts/one/clock/advance", {"by": "1s"})
            idle(client)
            assert [len(each["attempts"]) for each in deliveries(client)] == [2, 2, 1, 1]
            asked(client, "POST", "/accounts/one/clock/advance", {"by": "1h"})
            idle(client)
            after = deliveries(client)
        expected = [["10:00:00", "10:01:00", "10:06:00", "10:21:00"]] * 2
        expected += [["10:00:40", "10:01:40", "10:06:40", "10:21:40"]] * 2
        assert [[attempt["at"][11:19] for attempt in each["attempts"]] for each in after] == expected
        assert len(receiver.got) == 16
        assert len({(got.callback_id, got.body) for got in receiver.got}) == 4


def test_what_is_under_way_at_a_kill_comes_again_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "killed.db"
    gate = Gate()
    with Receiver(gate) as receiver:
        with served(file, receiver.url()) as (server, client):
            made = create(client)
            receiver.wait(1)
            server.kill()
        gate.open()
        with served(file) as (_, client):
            idle(client)
            rows = deliveries(client)
            shown = client.data("GET", f"/billogram/{made['id']}")
    assert shown["events"] == made["events"]
    assert [got.event_type for got in receiver.got] == ["BillogramCreated"] * 2 + ["BillogramSent"]
    assert receiver.got[0].body == receiver.got[1].body
    assert [got.callback_id for got in receiver.got[1:]] == [row["callback_id"] for row in rows]
    assert [len(row["attempts"]) for row in rows] == [1, 1]
    for got in receiver.got:
        got.check_signature(SIGN_KEY)


# in order


def ended(server: Process) -> None:
    """It ends by itself after SIGTERM, well and silently."""
    server._process.terminate()
    server._process.wait(PATIENCE)
    assert server.errors() == ""
    assert server.stop() == 0


def test_a_server_that_stops_does_not_wait_for_a_receiver_that_hangs(tmp_path: Path) -> None:
    file = tmp_path / "stopped.db"
    gate = Gate()
    with Receiver(gate) as receiver:
        with served(file, receiver.url(), timeout="10m") as (server, client):
            create(client)
            receiver.wait(1)
            ended(server)
        gate.open()
        with served(file) as (server, client):
            idle(client)
            rows = deliveries(client)
            ended(server)
    assert [got.event_type for got in receiver.got] == ["BillogramCreated"] * 2 + ["BillogramSent"]
    assert receiver.got[0].body == receiver.got[1].body
    assert [(row["status"], len(row["attempts"])) for row in rows] == [("delivered", 1)] * 2


def test_a_server_that_stops_ends_who_waits(tmp_path: Path) -> None:
    wait = json.dumps({"event_type": "BillogramEnded", "timeout": "10m"}).encode()
    lines: list[str] = []
    with Receiver(ok) as receiver, served(tmp_path / "stopped.db", receiver.url()) as (server, client):
        create(client)
        idle(client)
        address = f"http://127.0.0.1:{server.port}"
        accept = {"accept": "text/event-stream"}
        with (
            httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE) as other,
            socket.create_connection(("127.0.0.1", server.port), PATIENCE) as waiter,
            other.stream("GET", "/_mock/accounts/one/timeline", headers=accept) as stream,
        ):
            follow = stream.iter_lines()
            while lines.count("event: attempt") < 2:
                lines.append(next(follow))
            waiter.sendall(
                b"POST /_mock/accounts/one/deliveries/wait HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(wait), wait)
            )
            for _ in range(3):  # what comes later was answered: so the wait has begun
                asked(client, "GET", "/health")
            ended(server)
            lines += follow  # it is ended, not broken off
            answer = b"".join(iter(lambda: waiter.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["error"]["code"] == "stopping"
    assert lines.count("event: attempt") == 2
