"""The delivery machine: attempts, retries, order, resets (reference: webhooks 1, 5; control 1)."""

import asyncio
import gc
import os
import re
import socket
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mockserver import Mockserver
from mockserver.core import messages
from mockserver.core.act import Act
from mockserver.webhooks import dispatcher
from mockserver.webhooks.deliveries import Deliveries
from mockserver.webhooks.dispatcher import MAX_PER_HOST
from mockserver.webhooks.transport import Outcome
from tests.server import ACCOUNT, Server
from tests.webhooks import receivers
from tests.webhooks.receivers import answer, answers, read_request, receiving, refusing, says, tls_context
from tests.webhooks.world import PATIENCE, Failing, Gate, Got, Receiver, World

KEY = "test-sign-key-1"
START = "2026-03-02T10:00:00+01:00"
SELF = "the server itself is not a receiver: use mock:inbox"


# in process, with receivers in the same loop


class Inside:
    """A server in process, and receivers beside it."""

    def __init__(self) -> None:
        self.server = Server()
        self._open = AsyncExitStack()
        made = self.server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
        assert made.status == 201, made.body

    def close(self) -> None:
        self.server.run(self._open.aclose())
        self.server.close()

    def receiver(self, handler: receivers.Handler, *, tls: bool = False) -> receivers.Receiver:
        made = receiving(handler, tls_context() if tls else None)
        return self.server.run(self._open.enter_async_context(made))

    def callbacks(self, url: str | None, **more: Any) -> None:
        assert self.server.mock("PUT", f"/accounts/{ACCOUNT}/callbacks", {"url": url, **more}).status == 200

    def move(self, to: str) -> None:
        moved = self.server.mock("PUT", f"/accounts/{ACCOUNT}/clock", {"now": to})
        assert moved.status == 200, moved.body

    def advance(self, by: str) -> Any:
        return self.server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": by}).json

    def deliveries(self, query: str = "") -> Any:
        return self.server.mock("GET", f"/accounts/{ACCOUNT}/deliveries{query}").json

    @property
    def kept(self) -> Deliveries:
        live = self.server.emulator.live(ACCOUNT)
        assert live is not None
        return self.server.sender.deliveries(live)

    def idle(self) -> None:
        """Until nothing is queued or in flight."""
        self.server.run(self.is_idle())

    async def is_idle(self) -> None:
        while self.kept.busy:
            await self.news()

    async def news(self) -> None:
        """Until an attempt has been made; a time-out for each, however many there are."""
        async with asyncio.timeout(PATIENCE):
            await self.kept.live.signal.wait()

    def attempts(self) -> list[list[tuple[str, int | None]]]:
        """Moment and status of each attempt of each delivery."""
        return [
            [(made["at"], made["status_code"]) for made in each["attempts"]] for each in self.deliveries()
        ]


@pytest.fixture
def inside() -> Iterator[Inside]:
    made = Inside()
    yield made
    made.close()


# over a socket


@pytest.fixture(scope="module")
def served() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen") as server:
        yield server


@pytest.fixture
def world(served: Mockserver) -> Iterator[World]:
    made = World(served)
    yield made
    made.close()


# what comes of one attempt

BAD: dict[str, tuple[receivers.Handler, int | None, str | None]] = {
    "server error": (answers(answer(500, body=b"oh")), 500, None),
    "not found": (answers(answer(404)), 404, None),
    "resets": (receivers.resets, None, "connection closed without an answer"),
    "closes": (says(b""), None, "connection closed without an answer"),
    "speaks no HTTP": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), None, "not an HTTP answer: .*"),
    "endless headers": (receivers.endless_headers, None, "not an HTTP answer: .*"),
}
GOOD: dict[str, tuple[receivers.Handler, int]] = {
    "ok": (receivers.ok, 200),
    "accepted": (answers(answer(202, body=b"\xff no JSON")), 202),
    "no content": (answers(b"HTTP/1.1 204 X\r\n\r\n"), 204),
    "huge answer": (receivers.endless_body, 200),
    "bomb": (receivers.bomb, 200),
    "reset in the body": (receivers.resets_body, 200),
}


def check_failed(inside: Inside, status: int | None, error: str | None) -> None:
    """The one delivery has failed once, waits for its first retry, and then for its second."""
    (first,) = inside.deliveries()
    assert first["status"] == "pending"
    assert first["next_attempt_at"] == "2026-03-02T10:01:00+01:00"
    inside.advance("1m")
    inside.idle()
    (second,) = inside.deliveries()
    assert second["status"] == "pending"
    assert second["next_attempt_at"] == "2026-03-02T10:06:00+01:00"
    assert second["attempts"][:1] == first["attempts"]
    assert [made["at"] for made in second["attempts"]] == [START, "2026-03-02T10:01:00+01:00"]
    for made in second["attempts"]:
        assert made["status_code"] == status
        assert made["replay"] is False
        assert made["duration_ms"] >= 0
        if error is None:
            assert made["error"] is None
            assert made["response"] is not None
        else:
            assert re.fullmatch(error, made["error"] or ""), made["error"]
            assert made["response"] is None


@pytest.mark.parametrize("case", BAD)
def test_a_bad_receiver(case: str, inside: Inside) -> None:
    handler, status, error = BAD[case]
    receiver = inside.receiver(handler)
    inside.callbacks(receiver.url())
    inside.server.draft()
    inside.idle()
    check_failed(inside, status, error)
    assert receiver.connections == len(receiver.requests) == 2 or case in ("server error", "not found")


def test_a_receiver_that_hangs(inside: Inside) -> None:
    receiver = inside.receiver(receivers.hanging)
    inside.callbacks(receiver.url(), timeout="0.2s")
    inside.server.draft()
    inside.idle()
    check_failed(inside, None, "timed out after 0.2 s")
    inside.server.run(receiver.gone())  # no connection is left open


def test_nobody_there(inside: Inside) -> None:
    with refusing() as nobody:
        inside.callbacks(nobody)
        inside.server.draft()
        inside.idle()
        check_failed(inside, None, "connection refused.*")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int, inside: Inside) -> None:
    target = inside.receiver(receivers.ok)
    receiver = inside.receiver(answers(answer(status, f"Location: {target.url('/elsewhere')}")))
    inside.callbacks(receiver.url())
    inside.server.draft()
    inside.idle()
    check_failed(inside, status, None)
    assert target.connections == 0
    made = inside.deliveries()[0]["attempts"][0]
    assert made["response"]["headers"]["Location"] == target.url("/elsewhere")


def test_a_certificate_that_nobody_trusts(inside: Inside) -> None:
    receiver = inside.receiver(receivers.ok, tls=True)
    inside.callbacks(receiver.url())
    inside.server.draft()
    inside.idle()
    check_failed(inside, None, "bad certificate: .*SSL_CERT_FILE.*")
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
def test_a_forbidden_address(host: str, inside: Inside) -> None:
    inside.callbacks(f"http://{host}/latest/")
    inside.server.draft()
    inside.idle()
    check_failed(inside, None, r"host not allowed: .* is link-local \(never allowed\)")


def test_a_name_of_a_forbidden_address(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        return real("169.254.169.254" if host == "meta.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    inside.callbacks("http://meta.test/latest/")
    inside.server.draft()
    inside.idle()
    check_failed(inside, None, r"host not allowed: meta\.test \(169\.254\.169\.254\) is link-local .*")


@pytest.mark.parametrize("case", GOOD)
def test_any_2xx_is_a_success_whatever_its_body(case: str, inside: Inside) -> None:
    handler, status = GOOD[case]
    inside.callbacks(inside.receiver(handler).url())
    inside.server.draft()
    inside.idle()
    (each,) = inside.deliveries()
    assert each["status"] == "delivered"
    assert each["next_attempt_at"] is None
    (made,) = each["attempts"]
    assert (made["at"], made["status_code"], made["error"]) == (START, status, None)
    assert len(made["response"]["body"]) <= 200
    inside.advance("2d")
    inside.idle()
    assert inside.deliveries() == [each]


def test_what_an_answer_said_can_be_kept(inside: Inside) -> None:
    """Of plain texts only: what aiohttp makes of well-known names is none that the log can write."""
    fields = (
        "Content-Type: text/html",
        "Server: nginx",
        "Date: Mon, 02 Mar 2026 09:00:00 GMT",
        "Set-Cookie: a=b",
    )
    inside.callbacks(inside.receiver(answers(answer(502, *fields, "X-A: b", body=b"\xff oh"))).url())
    inside.server.draft()
    inside.idle()
    (each,) = inside.kept.by_id.values()
    (made,) = each.attempts
    assert made.headers.splitlines() == [*fields, "X-A: b", "Content-Length: 4"]
    assert type(made.headers) is str
    assert made.body == "\ufffd oh"


def failing(times: int) -> receivers.Handler:
    """500 to the first attempts of each callback, then 200."""
    seen: Counter[bytes] = Counter()

    async def handler(
        receiver: receivers.Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while await read_request(receiver, reader):
            found = re.search(rb'"callback_id":"([^"]+)"', receiver.requests[-1])
            assert found is not None
            seen[found[1]] += 1
            writer.write(answer(500 if seen[found[1]] <= times else 200))

    return handler


def test_a_failure_then_a_success(inside: Inside) -> None:
    receiver = inside.receiver(failing(1))
    inside.callbacks(receiver.url())
    inside.server.draft()
    inside.idle()
    inside.advance("1m")
    inside.idle()
    (each,) = inside.deliveries()
    assert (each["status"], each["next_attempt_at"]) == ("delivered", None)
    assert inside.attempts() == [[(START, 500), ("2026-03-02T10:01:00+01:00", 200)]]
    inside.advance("2d")
    inside.idle()
    assert len(receiver.requests) == 2


# retries

SCHEDULES: dict[str, tuple[list[str] | None, list[str]]] = {
    "as it is": (
        None,
        [
            "2026-03-28T12:00:00+01:00",
            "2026-03-28T12:01:00+01:00",
            "2026-03-28T12:06:00+01:00",
            "2026-03-28T12:21:00+01:00",
            "2026-03-28T13:21:00+01:00",
            "2026-03-28T16:21:00+01:00",
            "2026-03-28T22:21:00+01:00",
            "2026-03-29T11:21:00+02:00",  # 12 hours, and the clocks were put forward
        ],
    ),
    "another": (
        ["0.5s", "PT2H", "1d", "P1M"],
        [
            "2026-03-28T12:00:00+01:00",
            "2026-03-28T12:00:00.500000+01:00",
            "2026-03-28T14:00:00.500000+01:00",
            "2026-03-29T14:00:00.500000+02:00",
            "2026-04-29T14:00:00.500000+02:00",
        ],
    ),
    "empty": ([], ["2026-03-28T12:00:00+01:00"]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_retries_come_at_the_moments_of_the_schedule(name: str, inside: Inside) -> None:
    schedule, moments = SCHEDULES[name]
    inside.move(moments[0])
    receiver = inside.receiver(answers(answer(503)))
    inside.callbacks(receiver.url(), **({} if schedule is None else {"retry_schedule": schedule}))
    inside.server.draft()
    inside.idle()
    for number, moment in enumerate(moments[1:], start=1):
        (each,) = inside.deliveries()
        assert (each["status"], each["next_attempt_at"]) == ("pending", moment)
        before = datetime.fromisoformat(moment).timestamp() - 0.25
        inside.move(datetime.fromtimestamp(before, datetime.fromisoformat(moment).tzinfo).isoformat())
        inside.idle()
        assert len(receiver.requests) == number, "it is not time yet"
        inside.move(moment)
        inside.idle()
        assert len(receiver.requests) == number + 1
    (each,) = inside.deliveries()
    assert (each["status"], each["next_attempt_at"]) == ("failed", None)
    assert inside.attempts() == [[(moment, 503) for moment in moments]]
    assert inside.deliveries("?status=failed") == [each]
    inside.advance("60d")
    inside.idle()
    assert len(receiver.requests) == len(moments)


def test_the_body_stays_the_signature_is_new(world: World) -> None:
    with Receiver(Failing(8)) as receiver:
        world.callbacks(receiver.url(), KEY)
        world.draft(callbacks={"custom": "ä"})
        world.idle()
        world.advance("2d")
        world.idle()
        assert len(receiver.got) == 8
        assert len({got.body for got in receiver.got}) == 1
        stamps = [float(got.headers["billogram-request-timestamp"]) for got in receiver.got]
        assert stamps == sorted(set(stamps))
        assert len({got.headers["billogram-signature"] for got in receiver.got}) == 8
        (each,) = world.deliveries()
        assert each["status"] == "failed"
        for got, made in zip(receiver.got, each["attempts"], strict=True):
            got.check_signature(KEY)
            assert made["request"]["body"].encode() == got.body
            shown = {name.lower(): value for name, value in made["request"]["headers"].items()}
            assert shown.items() <= got.headers.items()


def moved(steps: int, *, waiting: bool) -> list[Any]:
    """What is recorded of 40 days, in so many moves: billogram, event, status, attempts.

    One billogram's receiver fails three times, another's always, the third's is the inbox.
    """
    inside = Inside()
    try:
        with refusing() as nobody:
            inside.callbacks(inside.receiver(failing(3)).url())
            inside.server.sent()
            inside.server.sent(callbacks={"url": nobody})
            inside.server.sent(due_date="2026-03-20", callbacks={"url": "mock:inbox"})
            for _ in range(steps):
                inside.advance(f"{40 * 24 * 3600 // steps}s")
                if waiting:
                    inside.idle()
            inside.idle()
            names = {key: number for number, key in enumerate(inside.server.state().billograms)}
            return [
                (names[each["billogram"]], each["event_type"], each["status"], attempts)
                for each, attempts in zip(inside.deliveries(), inside.attempts(), strict=True)
            ]
    finally:
        inside.close()


@pytest.fixture(scope="module")
def moved_once() -> list[Any]:
    return moved(1, waiting=False)


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("steps", [7, 40])
def test_one_move_and_many_record_the_same_attempts(moved_once: list[Any], steps: int, waiting: bool) -> None:
    assert moved(steps, waiting=waiting) == moved_once


def test_what_one_move_records(moved_once: list[Any]) -> None:
    assert [(*each[:3], len(each[3])) for each in moved_once] == [
        (0, "BillogramCreated", "delivered", 4),
        (0, "BillogramSent", "delivered", 4),
        (1, "BillogramCreated", "failed", 8),
        (1, "BillogramSent", "failed", 8),
        (2, "BillogramCreated", "delivered", 1),
        (2, "BillogramSent", "delivered", 1),
        (2, "Overdue", "delivered", 1),
        (0, "Overdue", "delivered", 4),
        (1, "Overdue", "failed", 8),
        (0, "InterestStarted", "delivered", 4),
        (1, "InterestStarted", "failed", 8),
        (2, "InterestStarted", "delivered", 1),
    ]
    overdue = moved_once[7][3]  # at the moment of its act, and its retries after it
    assert overdue == [
        ("2026-04-02T00:05:00+02:00", 500),
        ("2026-04-02T00:06:00+02:00", 500),
        ("2026-04-02T00:11:00+02:00", 500),
        ("2026-04-02T00:26:00+02:00", 200),
    ]


@pytest.mark.parametrize("frozen_first", [False, True])
def test_a_live_clock_retries_by_itself(frozen_first: bool, served: Mockserver) -> None:
    world = World(served, {"mode": "frozen" if frozen_first else "live"})
    try:
        with Receiver(Failing(2)) as receiver:
            world.callbacks(receiver.url())
            if frozen_first:
                world.draft()
                world.idle()
                assert len(receiver.got) == 1
            world.mock("PUT", "/clock", {"mode": "live", "speed": 3600})
            if not frozen_first:
                world.draft()
            (each,) = world.wait()  # until it is delivered
            first, second, third = [datetime.fromisoformat(made["at"]) for made in each["attempts"]]
            assert (second - first).total_seconds() == 60
            assert (third - second).total_seconds() == 300
            assert [made["status_code"] for made in each["attempts"]] == [500, 500, 200]
    finally:
        world.close()


@pytest.mark.parametrize("live", [False, True])
def test_setting_the_time_brings_the_retries_on_the_way(live: bool, served: Mockserver) -> None:
    """A clock that ran and stands: it is moved by hand from then on; a live one can be set, too."""
    world = World(served, {"mode": "live", "now": "2026-03-02T09:00:00Z"})
    try:
        with Receiver(Failing(3)) as receiver:
            world.callbacks(receiver.url())
            world.draft()
            world.idle()
            if not live:
                assert world.mock("PUT", "/clock", {"mode": "frozen"})["mode"] == "frozen"
            world.mock("PUT", "/clock", {"now": "2026-03-02T12:00:00Z"})
            (each,) = world.wait()
            moments = [datetime.fromisoformat(made["at"]) for made in each["attempts"]]
            waited = [(late - early).total_seconds() for early, late in pairwise(moments)]
            assert waited == [60, 300, 900]
            assert len(receiver.got) == 4
    finally:
        world.close()


# who waits for whom


def test_a_failing_callback_holds_back_none(world: World) -> None:
    def reply(got: Got) -> int:
        return 500 if got.event_type == "BillogramSent" else 200

    with Receiver(reply) as receiver:
        world.callbacks(receiver.url())
        key = world.sent()["id"]
        world.pay(key, 125)
        world.idle()
        told = ["BillogramCreated", "BillogramSent", "Payment", "BillogramEnded"]
        assert [got.event_type for got in receiver.got] == told
        assert [each["status"] for each in world.deliveries()] == [
            *("delivered", "pending", "delivered", "delivered")
        ]
        (pending,) = world.deliveries("?status=pending")
        assert pending == world.deliveries("?type=BillogramSent")[0]
        assert world.deliveries(f"?type=BillogramEvent&billogram={key}&status=pending") == [pending]
        for nothing in ("?status=failed", "?type=Credit", "?type=PaymentRecalled", "?billogram=another"):
            assert world.deliveries(nothing) == []
        world.advance("1m")
        world.idle()
        assert [got.event_type for got in receiver.got] == [*told, "BillogramSent"]


def test_one_at_a_time_in_the_order_of_events(world: World) -> None:
    gate = Gate()
    with Receiver(gate) as receiver:
        world.callbacks(receiver.url())
        urls = [receiver.url(f"/hook{query}") for query in ("", "?order=1", "?order=2")]
        # one receiver: its query doesn't count
        keys = [world.sent(callbacks={"url": url})["id"] for url in urls]
        talk = [*keys, *reversed(keys)]
        for key in talk:
            world.command(key, "message", {"message": "Hello"})
        receiver.wait(1)
        assert len(receiver.got) == 1, "many requests later it is still alone"
        assert [each["status"] for each in world.deliveries()] == ["pending"] * 12
        gate.open()
        world.idle()
        assert receiver.most_at_once == 1
        assert [(got.event_type, got.billogram) for got in receiver.got] == [
            *((told, key) for key in keys for told in ("BillogramCreated", "BillogramSent")),
            *(("CreditorMessage", key) for key in talk),
        ]


def test_retries_of_one_moment_keep_that_order_too(world: World) -> None:
    with Receiver(Failing(1)) as receiver:
        world.callbacks(receiver.url())
        for _ in range(5):
            world.sent()
        world.idle()
        first = [got.callback_id for got in receiver.got]
        world.advance("1m")
        world.idle()
        assert [got.callback_id for got in receiver.got] == first * 2
        assert receiver.most_at_once == 1


def test_a_hanging_receiver_holds_back_neither_others_nor_requests(world: World) -> None:
    with Receiver(Gate()) as hanging, Receiver() as other:
        world.callbacks(hanging.url(), timeout="600s")
        key = world.sent()["id"]
        hanging.wait(1)
        quick = [
            world.sent(callbacks={"url": url})["id"]
            # another host, and another receiver at the same host
            for url in (other.url(), "mock:inbox")
        ]
        for each in quick:
            world.wait(billogram=each, count=2)
        same_host = world.sent(callbacks={"url": hanging.url("/elsewhere")})["id"]
        assert {got.path for got in hanging.wait(2)} == {"/hook", "/elsewhere"}
        assert world.pay(key, 125)["allocations"][0]["amount"] == 125
        assert world.api("GET", f"/billogram/{key}")["state"] == "Paid"
        world.advance("30d")
        assert [each["attempts"] for each in world.deliveries("?status=pending")] == [[]] * 6
        assert {each["billogram"] for each in world.deliveries("?status=pending")} == {key, same_host}
        assert len(hanging.got) == 2


def test_other_accounts_go_on_at_the_same_receiver(world: World, served: Mockserver) -> None:
    gate = Gate()

    def reply(got: Got) -> int:
        return 200 if got.headers.get("billogram-signature") else gate(got)

    another = World(served)
    try:
        with Receiver(reply) as receiver:
            world.callbacks(receiver.url(), timeout="600s")
            world.draft()
            receiver.wait(1)
            another.callbacks(receiver.url(), KEY)
            another.draft()
            another.wait()
            assert [each["status"] for each in world.deliveries()] == ["pending"]
            gate.open()
    finally:
        another.close()


def test_who_waits_for_a_place_gets_it_though_others_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """All places are taken; of two accounts that wait, the first is removed."""
    monkeypatch.setattr(dispatcher, "MAX_TOTAL", 1)
    gate = Gate()
    with ExitStack() as closing:
        served = closing.enter_context(Mockserver(clock="frozen"))
        holding, good = closing.enter_context(Receiver(gate)), closing.enter_context(Receiver())
        worlds = [World(served) for _ in range(3)]
        for world, receiver in zip(worlds, (holding, good, good), strict=True):
            closing.callback(world.close)
            world.callbacks(receiver.url(), timeout="600s")
            world.draft()
            holding.wait(1)
        assert good.got == []
        worlds[1].mock("DELETE", "")
        gate.open()
        worlds[0].wait()
        worlds[2].wait()
        assert len(good.got) == 1


def test_a_server_stops_while_a_receiver_hangs() -> None:
    with Receiver(Gate()) as receiver:
        with Mockserver(clock="frozen") as served:
            world = World(served)
            world.callbacks(receiver.url(), timeout="600s")
            world.sent()
            receiver.wait(1)
            world.close()
        assert len(receiver.got) == 1, "it has stopped, and the receiver still holds the first"


# replay


def test_a_replay_delivers_what_had_failed(world: World) -> None:
    with Receiver(Failing(2)) as receiver:
        world.callbacks(receiver.url(), KEY, retry_schedule=[])
        world.draft()
        world.idle()
        (failed,) = world.deliveries("?status=failed")
        path = f"/deliveries/{failed['id']}/replay"
        still = world.mock("POST", path)
        assert (still["status"], len(still["attempts"]), len(receiver.got)) == ("failed", 2, 2)
        delivered = world.mock("POST", path)
        assert (delivered["status"], delivered["next_attempt_at"]) == ("delivered", None)
        assert [(made["status_code"], made["replay"]) for made in delivered["attempts"]] == [
            *((500, False), (500, True), (200, True))
        ]
        assert world.deliveries() == [delivered]
        world.mock("POST", path)  # a delivered one is sent once more too
        assert len(receiver.got) == 4
        assert len({got.body for got in receiver.got}) == 1
        assert len({got.headers["billogram-signature"] for got in receiver.got}) == 4
        for got in receiver.got:
            got.check_signature(KEY)


def test_a_replay_in_vain_changes_neither_status_nor_schedule(world: World) -> None:
    with Receiver(lambda _: 500) as receiver:
        world.callbacks(receiver.url())
        world.draft()
        world.idle()
        world.advance("30s")
        (before,) = world.deliveries()
        after = world.mock("POST", f"/deliveries/{before['id']}/replay")
        assert after["attempts"][:-1] == before["attempts"]
        assert after["attempts"][-1]["at"] == "2026-03-02T10:00:30+01:00"
        assert {**after, "attempts": []} == {**before, "attempts": []}
        world.advance("2d")
        world.idle()
        (each,) = world.deliveries()
        assert each["status"] == "failed"
        assert [made["replay"] for made in each["attempts"]] == [False, True, *[False] * 7]
        assert len(receiver.got) == 9


def test_a_replay_that_delivers_ends_the_retries(world: World) -> None:
    with Receiver(Failing(1)) as receiver:
        world.callbacks(receiver.url())
        world.draft()
        world.idle()
        (each,) = world.deliveries("?status=pending")
        delivered = world.mock("POST", f"/deliveries/{each['id']}/replay")
        assert (delivered["status"], delivered["next_attempt_at"]) == ("delivered", None)
        world.advance("2d")
        world.idle()
        assert len(receiver.got) == 2
        assert world.deliveries() == [delivered]


def test_a_replay_in_vain_leaves_a_delivered_one_delivered(world: World) -> None:
    answers_left = iter([200, 500, 500])
    with Receiver(lambda _: next(answers_left)) as receiver:
        world.callbacks(receiver.url())
        world.draft()
        world.idle()
        (each,) = world.deliveries()
        again = world.mock("POST", f"/deliveries/{each['id']}/replay")
        assert (again["status"], again["next_attempt_at"]) == ("delivered", None)
        world.advance("2d")
        world.idle()
        assert len(receiver.got) == 2


def test_an_attempt_that_fails_late_leaves_a_delivered_one_delivered(world: World) -> None:
    """A replay came through while the attempt before it was still held."""
    gate, first = Gate(), [True]

    def reply(got: Got) -> int:
        if first.pop() if first else False:
            gate(got)
            return 500
        return 200

    with Receiver(reply) as receiver:
        world.callbacks(receiver.url(), timeout="600s")
        world.draft()
        receiver.wait(1)
        (held,) = world.deliveries("?status=pending")
        assert world.mock("POST", f"/deliveries/{held['id']}/replay")["status"] == "delivered"
        gate.open()
        world.idle()
        (each,) = world.deliveries()
        assert sorted(made["status_code"] for made in each["attempts"]) == [200, 500]
        assert (each["status"], each["next_attempt_at"]) == ("delivered", None)
        world.advance("2d")
        world.idle()
        assert len(receiver.got) == 2


def test_a_replay_goes_at_once(world: World) -> None:
    """Not behind what waits for the same receiver."""
    gate = Gate()

    def reply(got: Got) -> int:
        return gate(got) if got.event_type == "BillogramSent" else 200

    with Receiver(reply) as receiver:
        world.callbacks(receiver.url(), timeout="600s")
        world.sent()
        receiver.wait(2)
        first = world.deliveries()[0]
        again = world.mock("POST", f"/deliveries/{first['id']}/replay")
        assert [made["replay"] for made in again["attempts"]] == [False, True]
        assert [each["status"] for each in world.deliveries()] == ["delivered", "pending"]
        # what a replay delivers while it still waits for its turn is not sent again when that comes
        key = world.draft()["id"]
        (waiting,) = world.deliveries(f"?billogram={key}")
        assert world.mock("POST", f"/deliveries/{waiting['id']}/replay")["status"] == "delivered"
        gate.open()
        world.idle()
        assert [got.event_type for got in receiver.got] == [
            *("BillogramCreated", "BillogramSent", "BillogramCreated", "BillogramCreated")
        ]
        assert {each["status"] for each in world.deliveries()} == {"delivered"}


def test_a_reset_cuts_a_replay_off(inside: Inside) -> None:
    receiver = inside.receiver(receivers.hanging)
    inside.callbacks(receiver.url(), timeout="600s")
    inside.server.draft()

    async def story() -> int:
        await asyncio.wait_for(receiver.asked.wait(), PATIENCE)
        receiver.asked.clear()
        (key,) = inside.kept.by_id
        path = f"/_mock/accounts/{ACCOUNT}"
        replaying = asyncio.create_task(inside.server.asgi("POST", f"{path}/deliveries/{key}/replay"))
        await asyncio.wait_for(receiver.asked.wait(), PATIENCE)
        await inside.server.asgi("POST", f"{path}/reset")
        answer = await asyncio.wait_for(replaying, PATIENCE)
        await receiver.gone()
        return answer.status

    assert inside.server.run(story()) == 409
    assert [(each["status"], each["attempts"]) for each in inside.deliveries()] == [("dropped", [])]
    assert inside.kept.busy == 0
    assert receiver.connections == 2


def test_a_replay_of_nothing(inside: Inside) -> None:
    for unknown in ("0-1-0", "nothing", "%20"):
        refused = inside.server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/{unknown}/replay")
        assert refused.status == 404
        assert refused.json["error"]["code"] == "unknown_delivery"


# configuration


def test_a_type_that_is_left_out_makes_no_delivery(inside: Inside) -> None:
    inside.callbacks("mock:inbox", types=["BillogramEvent"])
    key = inside.server.draft()["id"]
    assert len(inside.deliveries()) == 1
    for types in ([], ["RecipientUpdated", "PaymentRecalled"]):
        inside.callbacks("mock:inbox", types=types)
        assert inside.server.mock("GET", f"/accounts/{ACCOUNT}/callbacks").json["types"] == types
        inside.server.command(key, "message", {"message": "Hello"})
    inside.callbacks("mock:inbox")
    assert len(inside.server.mock("GET", f"/accounts/{ACCOUNT}/callbacks").json["types"]) == 9
    events = inside.server.command(key, "message", {"message": "Hello"}).data["events"]
    assert [event["type"] for event in events] == ["BillogramCreated", *["CreditorMessage"] * 3]
    told = [each["event_type"] for each in inside.deliveries()]
    assert told == ["BillogramCreated", "CreditorMessage"]
    assert (
        inside.server.mock(
            "PUT", f"/accounts/{ACCOUNT}/callbacks", {"url": None, "types": ["Overdue"]}
        ).status
        == 400
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(
            ("url", url)
            for url in ("", "shop.test/hook", "ftp://shop.test/", "http://", "http://a b/", "http://h:x/")
        ),
        *(("timeout", span) for span in ("0s", "-1s", "11m", "1d", "soon", "", 10)),
        *(("retry_schedule", spans) for spans in ("1m", ["soon"], [1], ["-1m"], [""], ["1m"] * 21)),
        *(("types", types) for types in ("BillogramEvent", ["Payment"], ["billogramevent"])),
        ("sign_key", 1),
        ("custom", "order-1001"),
    ],
)
def test_settings_that_are_none(member: str, value: Any, inside: Inside) -> None:
    inside.callbacks("mock:inbox", sign_key=KEY)
    before = inside.server.mock("GET", f"/accounts/{ACCOUNT}/callbacks").json
    message, hint = refusal(inside, "PUT", f"/accounts/{ACCOUNT}/callbacks", {"url": None, member: value})
    assert member in message
    assert hint
    assert inside.server.mock("GET", f"/accounts/{ACCOUNT}/callbacks").json == before


def refusal(inside: Inside, method: str, path: str, body: Any) -> tuple[str, str]:
    refused = inside.server.mock(method, path, body)
    assert refused.status == 400, refused.body
    error = refused.json["error"]
    return error["message"], error["hint"]


def test_https_as_the_account_wants_it(inside: Inside) -> None:
    where = f"/accounts/{ACCOUNT}/callbacks"
    plain = {"url": "http://shop.test/hook", "require_https": True}
    for url in ("http://shop.test/hook", "HTTP://shop.test/hook"):
        assert "https" in refusal(inside, "PUT", where, {**plain, "url": url})[0]
        assert (
            "https"
            in refusal(inside, "PATCH", f"/accounts/{ACCOUNT}", {"callbacks": {**plain, "url": url}})[0]
        )
        assert (
            "https"
            in refusal(inside, "POST", "/accounts", {"id": "b", "callbacks": {**plain, "url": url}})[0]
        )
    assert inside.server.mock("GET", where).json["url"] is None, "nothing was changed"
    for accepted in ("https://shop.test/hook", "HTTPS://shop.test/hook", "mock:inbox", None):
        inside.callbacks(accepted, require_https=True)
    number = inside.server.customer()
    rows = [{"title": "Row", "count": 1, "price": 100, "vat": 25}]
    body = {"customer": {"customer_no": number}, "items": rows}
    status, data = inside.server.post("/billogram", body | {"callbacks": {"url": plain["url"]}}).error
    assert status == "INVALID_PARAMETER"
    assert (data["field"], data["field_path"]) == ("url", ["callbacks"])
    key = inside.server.post("/billogram", body | {"callbacks": {"url": "https://shop.test/"}}).data["id"]
    changed = inside.server.call("PUT", f"/billogram/{key}", {"callbacks": {"url": plain["url"]}})
    assert changed.error[0] == "INVALID_PARAMETER"
    assert changed.error[1]["field_path"] == ["callbacks"]
    inside.server.post("/billogram", body | {"callbacks": {"url": "mock:inbox"}})


def test_https_wanted_later_holds_for_what_happens_later(inside: Inside) -> None:
    receiver = inside.receiver(receivers.ok)
    key = inside.server.sent(callbacks={"url": receiver.url()})["id"]
    inside.idle()
    inside.callbacks(None, require_https=True, retry_schedule=[])
    inside.server.command(key, "message", {"message": "Hello"})
    inside.idle()
    assert len(receiver.requests) == 2
    *sent, last = inside.deliveries()
    assert [each["status"] for each in sent] == ["delivered", "delivered"]
    assert last["status"] == "failed"
    assert last["attempts"][0]["error"] == "require_https is on: only https addresses are sent to"


def test_address_and_key_are_those_of_the_moment_of_the_event(world: World) -> None:
    with Receiver(Failing(1)) as before, Receiver(Failing(1)) as after:
        world.callbacks(before.url(), "key before")
        key = world.draft()["id"]
        own = world.draft(callbacks={"url": before.url("/own"), "sign_key": "own key", "custom": "1"})["id"]
        world.idle()
        world.callbacks(after.url(), "key after")
        changed = {"url": after.url("/own"), "sign_key": "other own key", "custom": "2"}
        assert world.ask("PUT", f"/billogram/{own}", {"callbacks": changed}).status_code == 200
        world.command(key, "message", {"message": "Hello"})
        world.command(own, "message", {"message": "Hello"})
        world.advance("1m")
        world.idle()
        for receiver, keys, custom in (
            (before, {"/hook": "key before", "/own": "own key"}, "1"),
            (after, {"/hook": "key after", "/own": "other own key"}, "2"),
        ):
            assert sorted(got.path for got in receiver.got) == ["/hook", "/hook", "/own", "/own"]
            for got in receiver.got:
                got.check_signature(keys[got.path])
                assert got.json["custom"] == (custom if got.path == "/own" else None)


def test_an_unsigned_one_stays_unsigned(world: World) -> None:
    with Receiver(Failing(1)) as receiver:
        world.callbacks(receiver.url())
        world.draft()
        world.idle()
        world.callbacks(receiver.url(), KEY)
        world.advance("1m")
        world.idle()
        (each,) = world.deliveries()
        world.mock("POST", f"/deliveries/{each['id']}/replay")
        assert len(receiver.got) == 3
        for got in receiver.got:
            got.check_signature(None)


def test_the_server_itself_is_no_receiver(world: World) -> None:
    address = world.server.control_url.removesuffix("/_mock")
    port = address.rpartition(":")[2]
    for url in (address, f"{address}/_mock/health", f"http://localhost:{port}/", f"HTTP://LOCALHOST:{port}"):
        path = f"{world.server.control_url}/accounts/{world.user}/callbacks"
        refused = world.client.put(path, json={"url": url})
        assert refused.status_code == 400, url
        assert "mock:inbox" in refused.json()["error"]["hint"]
    assert world.mock("GET", "/callbacks")["url"] is None
    world.callbacks(None, retry_schedule=[])
    for host in ("127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"):
        world.draft(callbacks={"url": f"http://{host}:{port}/api/v2/billogram"})
    world.idle()
    assert [each["attempts"][0]["error"] for each in world.deliveries()] == [SELF] * 4


# an end


def test_nothing_of_before_a_reset_arrives_after_it(world: World) -> None:
    gate = Gate()
    with Receiver(gate) as receiver:
        world.callbacks(receiver.url(), KEY, timeout="600s")
        world.draft()
        old_ids = [world.sent()["id"]]
        receiver.wait(1)
        before = world.deliveries("?status=pending")
        assert len(before) == 3
        world.mock("POST", "/reset")  # it does not wait for the receiver
        dropped = world.deliveries("?status=dropped")
        assert [each["callback_id"] for each in dropped] == [each["callback_id"] for each in before]
        assert world.deliveries() == dropped
        assert [(each["next_attempt_at"], each["attempts"]) for each in dropped] == [(None, [])] * 3
        path = f"{world.server.control_url}/accounts/{world.user}/deliveries/{dropped[0]['id']}/replay"
        assert world.client.post(path).status_code == 409
        gate.open()
        world.draft()
        new_ids = [world.sent()["id"]]
        world.idle()
        world.advance("2d")
        world.idle()
        assert new_ids == old_ids, "the same seed begins anew"
        assert len(receiver.got) == 4
        first, *rest = receiver.got
        assert first.callback_id == before[0]["callback_id"]
        assert [got.event_type for got in rest] == ["BillogramCreated"] * 2 + ["BillogramSent"]
        assert [got.billogram for got in rest] == [each["billogram"] for each in before]
        assert {got.callback_id for got in rest}.isdisjoint(each["callback_id"] for each in before)
        assert len({got.json["event"]["event_uuid"] for got in receiver.got}) == 4
        assert [each["status"] for each in world.deliveries()] == ["dropped"] * 3 + ["delivered"] * 3


def test_a_reset_drops_retries_and_keeps_what_was_dropped(world: World) -> None:
    with Receiver(lambda _: 500) as receiver:
        world.callbacks(receiver.url())
        for number in (1, 2, 3):
            world.draft()
            world.idle()
            assert len(receiver.got) == number
            world.mock("POST", "/reset")
            assert [len(each["attempts"]) for each in world.deliveries("?status=dropped")] == [1] * number
        world.advance("2d")
        world.idle()
        assert len(receiver.got) == 3
        assert len({got.callback_id for got in receiver.got}) == 3
        assert len({got.billogram for got in receiver.got}) == 1


def test_a_removed_account_sends_no_more(world: World, served: Mockserver) -> None:
    gate = Gate()
    with Receiver(gate) as receiver:
        world.callbacks(receiver.url(), timeout="600s")
        world.draft()
        world.sent()
        receiver.wait(1)
        world.mock("DELETE", "")
        gate.open()
        other = World(served)
        try:
            for account in (world, other):  # the first is born again, with the same name
                if account is world:
                    assert account.ask("GET", "/settings").status_code == 200
                    assert account.deliveries() == []
                account.callbacks(receiver.url(f"/{account.user}"))
                account.sent()
                account.idle()
                account.advance("2d")
                account.idle()
        finally:
            other.close()
        assert [got.path for got in receiver.got] == [
            *("/hook", *[f"/{world.user}"] * 2, *[f"/{other.user}"] * 2)
        ]


def test_what_was_pending_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mock.db"
    with ExitStack() as closing, Receiver(Failing(2)) as receiver:
        with Mockserver(clock="frozen", database=path) as server:
            world = World(server)
            closing.callback(world.close)
            world.callbacks(receiver.url(), KEY)
            world.sent()
            world.idle()
            world.advance("1m")
            world.idle()
            before = world.deliveries()
            assert [len(each["attempts"]) for each in before] == [2, 2]
        with Mockserver(clock="frozen", database=path) as server:
            world.server = server
            assert world.deliveries() == before
            assert len(receiver.got) == 4
            world.advance("5m")
            world.idle()
            after = world.deliveries()
        assert len(receiver.got) == 6
        assert len({got.body for got in receiver.got}) == 2
        for got in receiver.got:
            got.check_signature(KEY)
        assert [(each["status"], each["attempts"][:2]) for each in after] == [
            ("delivered", each["attempts"]) for each in before
        ]


# much of it


async def flooded(inside: Inside, keys: list[str], number: int) -> None:
    """So many messages on each of these billograms, one event each."""
    for key in keys:

        def decide(act: Act, key: str = key) -> None:
            for _ in range(number):
                messages.send(act, act.billogram(key), "Hello")

        await inside.server.emulator.execute(inside.kept.live, decide, cause="test", rule="message")


class Gauge:
    """The most tasks and open files of this process seen so far."""

    def __init__(self) -> None:
        self.tasks = self.files = 0

    def look(self) -> None:
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        self.files = max(self.files, len(os.listdir("/proc/self/fd")))


@pytest.mark.parametrize("places", [1, 100])
def test_ten_thousand_callbacks_to_a_dead_receiver(places: int, inside: Inside) -> None:
    """Neither tasks nor sockets grow with what waits."""
    with refusing() as nobody:
        number = inside.server.customer()
        keys = []
        for index in range(100):
            own = {"url": f"{nobody}/{index % places}"}
            keys.append(inside.server.draft(customer={"customer_no": number}, callbacks=own)["id"])
        inside.idle()  # what is loaded with the first callback is loaded
        before, during = Gauge(), Gauge()

        async def watched() -> None:
            before.look()
            await flooded(inside, keys, 99)
            while inside.kept.busy:
                during.look()
                await inside.news()

        inside.server.run(watched())
    assert len(inside.kept.by_id) == 10_000
    for each in inside.kept.by_id.values():
        assert len(each.attempts) == 1
        assert each.status == "pending"
    at_once = min(places, MAX_PER_HOST)
    assert during.tasks <= before.tasks + at_once
    assert during.files <= before.files + at_once + 1


def test_what_is_kept_of_a_callback_to_a_dead_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 4 kB of each, after all its attempts, in the log in memory too."""
    count = 0

    async def post(*_: Any) -> Outcome:
        nonlocal count
        count += 1
        return Outcome(None, f"{count:08} connection refused", 0.1 + count, {}, "")

    def kept(url: str | None) -> int:
        inside = Inside()
        monkeypatch.setattr(inside.server.sender.transport, "post", post)
        try:
            keys = [inside.server.draft()["id"] for _ in range(10)]
            inside.callbacks(url)
            gc.collect()
            tracemalloc.start()
            inside.server.run(flooded(inside, keys, 100))
            inside.idle()
            inside.advance("2d")
            inside.idle()
            gc.collect()
            size, _ = tracemalloc.get_traced_memory()
            assert len(inside.kept.by_id) == (1000 if url else 0)
            for each in inside.kept.by_id.values():
                assert (each.status, len(each.attempts)) == ("failed", 8)
            return size
        finally:
            tracemalloc.stop()
            inside.close()

    assert 0 < (kept("http://127.0.0.1:9/hook") - kept(None)) / 1000 <= 4096


def test_of_many_attempts_the_newest_are_kept(inside: Inside) -> None:
    receiver = inside.receiver(answers(answer(500, "X-A: b", body=b"oh")))
    inside.callbacks(receiver.url(), retry_schedule=["1m"])
    inside.server.draft()
    inside.idle()
    (first,) = inside.deliveries()
    for _ in range(30):
        each = inside.server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/{first['id']}/replay").json
    assert (each["status"], each["next_attempt_at"]) == ("pending", "2026-03-02T10:01:00+01:00")
    assert [made["replay"] for made in each["attempts"]] == [True] * 25
    assert [made["response"]["body"] for made in each["attempts"]] == [""] * 22 + ["oh"] * 3
    inside.advance("1m")
    inside.idle()
    (last,) = inside.deliveries()
    assert last["status"] == "failed"
    assert [made["replay"] for made in last["attempts"]] == [True] * 24 + [False]


def test_a_move_over_a_thousand_due_ones_does_not_wait_for_their_receiver(inside: Inside) -> None:
    receiver = inside.receiver(receivers.hanging)
    number = inside.server.customer()
    keys = [inside.server.sent(customer={"customer_no": number})["id"] for _ in range(1000)]
    inside.callbacks(receiver.url(), timeout="600s")
    moved = inside.advance("40d")
    assert moved["count"] == 2001  # Overdue and InterestStarted of each, and the reports of the month
    waiting = inside.kept.by_id.values()
    assert [each.planned.billogram for each in waiting] == [*keys, *keys]
    assert {(each.status, each.attempts) for each in waiting} == {("pending", ())}
    inside.server.run(asyncio.wait_for(receiver.asked.wait(), PATIENCE))
    assert len(receiver.requests) <= 1, "it still holds the first"
    assert receiver.connections == 1
    assert inside.server.get(f"/billogram/{keys[-1]}").data["state"] == "Overdue"
    assert inside.advance("1d")["count"] == 0
    assert {(each.status, each.attempts) for each in waiting} == {("pending", ())}
