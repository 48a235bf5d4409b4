"""The delivery policy: what a receiver sees of each field, over sockets (reference: control 1)."""

from collections.abc import Iterator
from time import time
from typing import Any

import pytest

from mockserver import Mockserver
from tests.webhooks.world import Failing, Got, Receiver, World, hmac_sha256, legacy_md5

KEY = "test-sign-key-1"
CREATED, SENT, PAID, ENDED = "BillogramCreated", "BillogramSent", "Payment", "BillogramEnded"
MARCH_2 = 1772442000.0  # what the clock of the account shows, in Unix seconds


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def lay_down(world: World, **policy: Any) -> Any:
    return world.mock("PUT", "/delivery-policy", policy)


def aimed(world: World, receiver: Receiver, **policy: Any) -> None:
    world.callbacks(receiver.url(), KEY)
    lay_down(world, **policy)


def types(receiver: Receiver) -> list[str]:
    return [each.event_type for each in receiver.got]


# order


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [CREATED, SENT, PAID, ENDED]),
        ({"order": "fifo", "duplicate": 1}, [CREATED] * 2 + [SENT] * 2 + [PAID] * 2 + [ENDED] * 2),
        ({"order": "reverse"}, [SENT, CREATED, ENDED, PAID]),
        ({"order": "reverse", "duplicate": 1}, [SENT] * 2 + [CREATED] * 2 + [ENDED] * 2 + [PAID] * 2),
    ],
)
def test_the_callbacks_of_one_act_wait_together(
    world: World, receiver: Receiver, policy: dict[str, Any], expected: list[str]
) -> None:
    aimed(world, receiver, **policy)
    key = world.sent()["id"]
    world.pay(key, 125)
    world.idle()
    assert types(receiver) == expected
    assert len({each.body for each in receiver.got}) == 4, "a copy is the same byte for byte"
    assert [each["status"] for each in world.deliveries()] == ["delivered"] * 4
    copies = policy.get("duplicate", 0)
    for delivery in world.deliveries():
        assert [each["replay"] for each in delivery["attempts"]] == [False] + [True] * copies
        assert {each["at"] for each in delivery["attempts"]} == {"2026-03-02T10:00:00+01:00"}


def test_those_of_one_move_wait_together(world: World, receiver: Receiver) -> None:
    aimed(world, receiver)
    due = [world.sent(due_date=f"2026-03-{day}")["id"] for day in (20, 25)]
    world.idle()
    lay_down(world, order="reverse")
    world.advance("30d")
    world.idle()
    came = [(each.event_type, each.billogram) for each in receiver.got[4:]]
    assert came == [("Overdue", key) for key in due[::-1]]
    moments = [each["attempts"][0]["at"][:10] for each in world.deliveries()[4:]]
    assert moments == ["2026-03-21", "2026-03-26"], "recorded at the moment of its act"


@pytest.mark.parametrize("order", ["fifo", "reverse", "shuffle"])
def test_delayed_ones_wait_for_the_move_that_brings_their_moment(
    world: World, receiver: Receiver, order: str
) -> None:
    aimed(world, receiver, delay="1h", order=order)
    key = world.sent()["id"]
    world.pay(key, 125)
    world.idle()
    assert receiver.got == [], "nothing is under way"
    assert {each["next_attempt_at"] for each in world.deliveries()} == {"2026-03-02T11:00:00+01:00"}
    world.advance("59m")
    world.idle()
    assert receiver.got == []
    world.advance("1m")
    world.idle()
    came = types(receiver)
    assert sorted(came) == sorted([CREATED, SENT, PAID, ENDED])
    if order != "shuffle":
        assert came == [CREATED, SENT, PAID, ENDED][:: 1 if order == "fifo" else -1]
    assert {each["attempts"][0]["at"] for each in world.deliveries()} == {"2026-03-02T11:00:00+01:00"}


def test_a_delayed_one_that_fails_is_tried_again_as_ever(world: World) -> None:
    with Receiver(Failing(1)) as receiver:
        aimed(world, receiver, delay="1h")
        world.draft()
        world.advance("1h")
        world.idle()
        (delivery,) = world.deliveries()
        assert (delivery["status"], delivery["next_attempt_at"]) == ("pending", "2026-03-02T11:01:00+01:00")
        world.advance("1m")
        world.idle()
        (delivery,) = world.deliveries()
        assert [each["at"][11:16] for each in delivery["attempts"]] == ["11:00", "11:01"]
        assert delivery["status"] == "delivered"


def outcome(server: Mockserver, seed: int, **policy: Any) -> list[Any]:
    """What comes of the same acts: what the receiver got, and what the account tells of it."""
    world = World(server, seed=seed)
    with Receiver() as receiver:
        aimed(world, receiver, **policy)
        for _ in range(4):
            world.pay(world.sent(due_date="2026-03-20")["id"], 25)
        world.advance("30d")
        world.idle()
        told = [
            [each["callback_id"], each["status"], [made["error"] for made in each["attempts"]]]
            for each in world.deliveries()
        ]
        came = [(each.callback_id, each.event_type, each.body) for each in receiver.got]
    world.close()
    return [came, told]


@pytest.mark.parametrize(
    "policy",
    [
        {"order": "shuffle"},
        {"order": "shuffle", "duplicate": 2},
        {"drop": 0.5},
        {"order": "shuffle", "duplicate": 1, "drop": 0.3, "delay": "2d", "timestamp": "clock"},
    ],
)
def test_the_same_seed_has_the_same_outcome(server: Mockserver, policy: dict[str, Any]) -> None:
    first = outcome(server, 7, **policy)
    assert outcome(server, 7, **policy) == first
    other, plain = outcome(server, 8, **policy), outcome(server, 7)
    assert [name for _, name, _ in other[0]] != [name for _, name, _ in first[0]]
    assert [key for key, _, _ in plain[0]] != [key for key, _, _ in first[0]]
    assert {key for key, _, _ in first[0]} <= {key for key, _, _ in plain[0]}


# dropped


def test_a_dropped_one_never_comes_until_it_is_replayed(world: World, receiver: Receiver) -> None:
    aimed(world, receiver, drop=1, duplicate=2)
    world.draft()
    world.idle()
    world.advance("3d")
    world.idle()
    assert receiver.got == []
    (dropped,) = world.wait(status="dropped")
    assert (dropped["status"], dropped["next_attempt_at"]) == ("dropped", None)
    (made,) = dropped["attempts"]
    assert (made["status_code"], made["response"]) == (None, None)
    assert made["error"] == "dropped by the delivery policy: it was not sent"
    replayed = world.mock("POST", f"/deliveries/{dropped['id']}/replay")
    assert (replayed["status"], len(replayed["attempts"])) == ("delivered", 2)
    assert types(receiver) == [CREATED]


def test_a_dropped_one_stays_dropped_after_a_restart(tmp_path: Any) -> None:
    with Receiver() as receiver:
        with Mockserver(clock="frozen", database=tmp_path / "log") as server:
            world = World(server)
            aimed(world, receiver, drop=1)
            world.draft()
            world.idle()
            before = world.deliveries()
        with Mockserver(clock="frozen", database=tmp_path / "log") as server:
            world.server = server
            world.idle()
            assert world.deliveries() == before
            assert world.mock("GET", "/delivery-policy")["drop"] == 0
            world.draft(customer={"customer_no": 1})
            world.idle()
            assert types(receiver) == [CREATED]
        world.close()


# signatures and timestamps

SIGNED = {
    "good": (KEY, KEY),
    "bad": (None, KEY),
    "missing": (None, None),
    "old-key": (f"old-{KEY}", f"old-{KEY}"),
}


def fits(got: Got, key: str) -> bool:
    timestamp = got.headers["billogram-request-timestamp"].encode()
    return got.headers["billogram-signature"] == hmac_sha256(key, timestamp + b":" + got.body)


@pytest.mark.parametrize("signature", SIGNED)
def test_signatures(world: World, receiver: Receiver, signature: str) -> None:
    aimed(world, receiver, signature=signature)
    world.draft()
    world.idle()
    (got,) = receiver.got
    header, older = SIGNED[signature]
    assert got.json["signature"] == (None if older is None else legacy_md5(older, got.callback_id))
    if header is not None:
        assert fits(got, header)
    elif signature == "bad":
        assert not fits(got, KEY)
        assert len(got.headers["billogram-signature"]) == 64
    else:
        assert not [name for name in got.headers if name.startswith("billogram-")]
    (delivery,) = world.deliveries()
    sent = delivery["attempts"][0]["request"]
    assert sent["body"].encode() == got.body
    assert {name.lower(): value for name, value in sent["headers"].items()}.items() <= got.headers.items()


def test_what_came_to_the_inbox_tells_the_same(world: World) -> None:
    world.callbacks("mock:inbox", KEY)
    for signature, ok in (("good", True), ("bad", False), ("missing", False), ("old-key", False)):
        lay_down(world, signature=signature)
        world.draft()
        world.idle()
        assert world.mock("GET", "/inbox")[-1]["signature_ok"] is ok


def test_without_a_key_there_is_no_signature(world: World, receiver: Receiver) -> None:
    world.callbacks(receiver.url())
    for signature in SIGNED:
        lay_down(world, signature=signature)
        world.draft()
    world.idle()
    assert {each.json["signature"] for each in receiver.got} == {None}
    assert not [name for each in receiver.got for name in each.headers if name.startswith("billogram-")]


@pytest.mark.parametrize(("timestamp", "age"), [("wall", 0), ("stale", 600), ("clock", None)])
def test_timestamps(world: World, receiver: Receiver, timestamp: str, age: float | None) -> None:
    aimed(world, receiver, timestamp=timestamp)
    world.draft()
    world.idle()
    (got,) = receiver.got
    said = float(got.headers["billogram-request-timestamp"])
    assert fits(got, KEY)
    if age is None:
        assert said == MARCH_2
    else:
        assert abs(time() - age - said) < 30


def test_retries_and_replays_go_by_the_policy_of_now(world: World) -> None:
    with Receiver(Failing(1)) as receiver:
        aimed(world, receiver, signature="bad")
        world.draft()
        world.idle()
        world.mock("DELETE", "/delivery-policy")
        world.advance("1m")
        world.idle()
        lay_down(world, signature="old-key")
        world.mock("POST", f"/deliveries/{world.deliveries()[0]['id']}/replay")
        bad, good, old = receiver.got
        assert [fits(bad, KEY), fits(good, KEY), fits(old, f"old-{KEY}")] == [False, True, True]


# its life


def test_a_reset_and_a_restore_end_it(world: World, receiver: Receiver) -> None:
    plain = world.mock("GET", "/delivery-policy")
    assert plain == {
        "order": "fifo",
        "duplicate": 0,
        "drop": 0,
        "delay": "0s",
        "signature": "good",
        "timestamp": "wall",
    }
    laid = lay_down(world, order="shuffle", duplicate=3, drop=0.25, delay="P1D", signature="bad")
    assert laid == plain | {
        "order": "shuffle",
        "duplicate": 3,
        "drop": 0.25,
        "delay": "P1D",
        "signature": "bad",
    }
    assert world.mock("GET", "/delivery-policy") == laid
    assert lay_down(world, timestamp="clock") == plain | {"timestamp": "clock"}, "the whole of it"
    world.mock("POST", "/snapshots", {"name": "here"})
    endings: list[tuple[Any, ...]]
    endings = [("POST", "/reset", {}), ("POST", "/snapshots/here/restore"), ("DELETE", "/delivery-policy")]
    for ending in endings:
        lay_down(world, drop=1)
        world.mock(*ending)
        assert world.mock("GET", "/delivery-policy") == plain


def test_a_copy_may_fail(world: World) -> None:
    seen: list[str] = []

    def once(got: Got) -> int:
        seen.append(got.callback_id)
        return 200 if seen.count(got.callback_id) == 1 else 500

    with Receiver(once) as receiver:
        aimed(world, receiver, duplicate=2)
        world.draft()
        world.idle()
        (delivery,) = world.deliveries()
        assert delivery["status"] == "delivered"
        assert [each["status_code"] for each in delivery["attempts"]] == [200, 500, 500]
        world.advance("3d")
        world.idle()
        assert len(receiver.got) == 3, "a copy is not tried again"


def test_the_inbox_shows_what_came_as_it_came(tmp_path: Any) -> None:
    with Mockserver(clock="frozen", database=tmp_path / "log") as server:
        world = World(server)
        world.callbacks("mock:inbox")
        lay_down(world, order="reverse", duplicate=1)
        world.sent()
        world.idle()
        came = [each.event_type for each in world.inbox()]
        assert came == [SENT, SENT, CREATED, CREATED]
    with Mockserver(clock="frozen", database=tmp_path / "log") as server:
        world.server = server
        assert [each.event_type for each in world.inbox()] == came
    world.close()


@pytest.mark.parametrize("database", [False, True])
def test_a_move_that_is_held_up_by_nothing(database: bool, tmp_path: Any) -> None:
    """What waits for the end of a move counts as under way: whoever waits until idle misses none of it."""
    more: dict[str, Any] = {"database": tmp_path / "log"} if database else {}
    with Mockserver(clock="frozen", **more) as server, Receiver() as receiver:
        world = World(server)
        aimed(world, receiver, order="reverse")
        for day in range(10, 20):
            world.sent(due_date=f"2026-03-{day}")
        world.advance("30d")
        world.idle()
        came = [each.json["callback_timestamp"] for each in receiver.got if each.event_type == "Overdue"]
        assert len(came) == 10
        assert came == sorted(came, reverse=True)
        world.close()
