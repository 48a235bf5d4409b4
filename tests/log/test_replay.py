"""fold(log) is the live state, whatever was asked; and where the log is kept changes no answer."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from mockserver.wire import encode
from tests.server import NO_BODY, Answer, Server


class Step(Struct, frozen=True):
    """One request of a random story. `pick` chooses among the billograms made so far."""

    kind: str
    pick: int = 0
    value: Any = None


PRICES = st.sampled_from([0, 1, "99.99", 100, "-250", 1250.5])
STEPS = st.one_of(
    st.builds(Step, kind=st.just("customer"), value=st.sampled_from([None, 5, 7, "bad"])),
    st.builds(
        Step,
        kind=st.sampled_from(["draft", "sent", "late", "refused"]),
        pick=st.integers(0, 3),
        value=st.tuples(PRICES, st.sampled_from(["SEK", "EUR"]), st.sampled_from([None, "u1", "u2"])),
    ),
    st.builds(
        Step,
        kind=st.just("send"),
        pick=st.integers(0, 9),
        value=st.sampled_from(["Email", "Letter", "EDI", "x"]),
    ),
    st.builds(
        Step,
        kind=st.just("payment"),
        pick=st.integers(0, 9),
        value=st.sampled_from([1, "50", 125, "0.01", -1]),
    ),
    st.builds(Step, kind=st.just("delete"), pick=st.integers(0, 9)),
    st.builds(Step, kind=st.just("own number"), value=st.sampled_from([3, 100, 4])),
    st.builds(Step, kind=st.just("features"), value=st.booleans()),
    st.builds(
        Step, kind=st.just("clock"), value=st.sampled_from(["2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"])
    ),
    st.builds(Step, kind=st.just("reset")),
)
STORIES = st.lists(STEPS, max_size=25)


def perform(server: Server, step: Step, made: list[str]) -> Answer:
    """Send the request of a step; remembers the ids of what it makes."""
    key = made[step.pick % len(made)] if made else "none"
    match step.kind:
        case "customer":
            body: dict[str, Any] = {"name": "A", "contact": {"email": "a@example.com"}}
            return server.post(
                "/customer", body if step.value is None else {**body, "customer_no": step.value}
            )
        case "draft" | "sent" | "late" | "refused":
            return _create(server, step, made)
        case "own number":
            rows = [{"title": "A", "count": 1, "price": 1, "vat": 0}]
            return server.post(
                "/billogram", {"customer": {"customer_no": 1}, "items": rows, "invoice_no": step.value}
            )
        case "send":
            return server.command(key, "send", {"method": step.value})
        case "payment":
            return server.command(key, "payment", {"amount": step.value})
        case "delete":
            return server.call("DELETE", f"/billogram/{key}")
        case "features":
            return server.mock("PATCH", "/accounts/test", {"features": {"standalone_credits": step.value}})
        case "clock":
            return server.mock("PUT", "/accounts/test/clock", {"now": step.value})
    made.clear()
    return server.mock("POST", "/accounts/test/reset", NO_BODY)


def _create(server: Server, step: Step, made: list[str]) -> Answer:
    price, currency, unique = step.value
    body: dict[str, Any] = {
        "customer": {"customer_no": step.pick or 1},
        "items": [{"title": "A", "count": 1, "price": price, "vat": 25}],
        "currency": currency,
        "creditor_unique_value": unique,
    }
    if step.kind == "late":
        body |= {"invoice_date": "2026-01-01", "due_days": 10}
    if step.kind != "draft":
        body["on_success"] = {"command": "send", "method": "SMS" if step.kind == "refused" else "Email"}
    answer = server.post("/billogram", body)
    if answer.status == 200:
        made.append(answer.data["id"])
    return answer


def play(server: Server, story: list[Step], between: Callable[[int], Server] | None = None) -> list[Any]:
    """The answers of a story; `between` may put another server in place before a step."""
    made: list[str] = []
    answers = []
    server.customer()
    for index, step in enumerate(story):
        if between is not None:
            server = between(index)
        answers.append((perform(server, step, made)).body)
    return answers


@given(story=STORIES)
def test_the_log_tells_the_state(story: list[Step]) -> None:
    server = Server()
    try:
        made: list[str] = []
        server.customer()
        images = {server.position(): encode(server.image())}
        for step in story:
            answer = perform(server, step, made)
            if step.kind == "reset":
                images.clear()
            if answer.status >= 400:  # a refusal changes nothing
                assert images[server.position()] == encode(server.image())
            images[server.position()] = encode(server.image())
        assert encode(server.fold().image()) == encode(server.image())
        for position, image in images.items():  # and each prefix the state of then
            assert encode(server.fold(upto=position).image()) == image
    finally:
        server.close()


@settings(max_examples=25)
@given(story=STORIES, cut=st.integers(0, 25))
def test_memory_file_and_restart_answer_the_same(story: list[Step], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one = Server()
        two = Server(database=str(Path(folder) / "two.db"))
        three = [Server(database=str(Path(folder) / "three.db"))]

        def restarted(index: int) -> Server:
            if index == cut % (len(story) or 1):
                three[0].close()
                three[0] = Server(database=str(Path(folder) / "three.db"))
            return three[0]

        try:
            expected = play(one, story)
            assert play(two, story) == expected
            assert play(three[0], story, restarted) == expected
            assert encode(three[0].image()) == encode(two.image()) == encode(one.image())
        finally:
            for server in (one, two, *three):
                server.close()


def test_the_same_story_twice_gives_the_same_bytes() -> None:
    story = [
        Step("sent", 1, (100, "SEK", "u1")),
        Step("payment", 0, 25),
        Step("draft", 1, ("99.99", "EUR", None)),
        Step("send", 1, "Letter"),
        Step("late", 1, (5, "SEK", None)),
    ]
    first, second, other = Server(), Server(), Server(seed=7)
    try:
        told = play(first, story)
        assert play(second, story) == told
        assert play(other, story) != told
    finally:
        for server in (first, second, other):
            server.close()


def test_a_reset_gives_the_same_ids_and_other_event_uuids() -> None:
    server = Server()
    try:
        before = server.sent()
        server.mock("POST", "/accounts/test/reset")
        after = server.sent()
        assert {**before, "events": None} == {**after, "events": None}
        uuids = [event["event_uuid"] for made in (before, after) for event in made["events"]]
        assert len(set(uuids)) == 4
        server.mock("POST", "/accounts/test/reset", {"seed": 5})
        assert server.sent()["id"] != before["id"]
    finally:
        server.close()
