"""The request journal: what is kept, cut and counted; and its bounds against a plain second model."""

import tracemalloc
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockserver import traffic
from mockserver.traffic import (
    KEPT_ANSWERS,
    MAX_KEPT_ANSWER,
    MAX_KEPT_BODY,
    MAX_KEPT_MESSAGE,
    MAX_KEPT_PATH,
    Entry,
    Traffic,
    shallow,
)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MANY = 10**9  # a bound that is never met


def begun(journal: Traffic, account: str, request_id: str, body: bytes = b"") -> Entry:
    return journal.begin(account, request_id, AT, "POST", "/api/v2/billogram", body)


def ids(journal: Traffic, account: str) -> list[str]:
    return [entry.id for entry in journal.entries(account)]


COST = begun(Traffic(), "a", "r0").cost  # of an entry without a body, as long as the id has two characters


# what an entry holds


def test_a_request_that_runs_and_ends() -> None:
    journal = Traffic()
    entry = journal.begin("a", "r1", AT, "PUT", "/api/v2/item/1?x=y", b'{"price": 1}')
    assert journal.entries("a") == [entry]
    shown = (entry.id, entry.account, entry.number, entry.at, entry.method, entry.path, entry.body)
    assert shown == ("r1", "a", 1, AT, "PUT", "/api/v2/item/1?x=y", b'{"price": 1}')
    assert entry.body_size == 12
    unknown = (entry.status, entry.error, entry.rule, entry.message, entry.compared, entry.duration_ms)
    assert unknown == (None,) * 6

    journal.finish(
        entry,
        status=400,
        error="INVALID_PARAMETER",
        rule="payment.amount",
        message="invalid amount",
        compared={"amount": Decimal(2), "remaining": Decimal(1)},
        duration_ms=0.5,
    )
    assert (entry.status, entry.error, entry.rule) == (400, "INVALID_PARAMETER", "payment.amount")
    assert (entry.message, entry.duration_ms) == ("invalid amount", 0.5)
    assert entry.compared == {"amount": Decimal(2), "remaining": Decimal(1)}
    assert journal.find("a", "r1") is entry


def test_an_answer_without_error() -> None:
    journal = Traffic()
    entry = begun(journal, "a", "r1")
    before = journal.bytes
    journal.finish(entry, status=200, duration_ms=0.25)
    known = (entry.status, entry.error, entry.rule, entry.message, entry.compared, entry.duration_ms)
    assert known == (200, None, None, None, None, 0.25)
    assert journal.bytes == before


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("body", b"", b""),
        ("body", b"x" * MAX_KEPT_BODY, b"x" * MAX_KEPT_BODY),
        ("body", b"x" * MAX_KEPT_BODY + b"y", b"x" * MAX_KEPT_BODY),
        ("path", "/" * MAX_KEPT_PATH, "/" * MAX_KEPT_PATH),
        ("path", "/" * MAX_KEPT_PATH + "y", "/" * MAX_KEPT_PATH),
        ("path", "å" * (MAX_KEPT_PATH + 1), "å" * MAX_KEPT_PATH),
        ("method", "PROPFIND", "PROPFIND"),
        ("method", "X" * 201, "X" * 200),
    ],
)
def test_what_is_cut_at_the_beginning(name: str, sent: Any, kept: Any) -> None:
    given: dict[str, Any] = {"method": "GET", "path": "/", "body": b"", name: sent}
    entry = Traffic().begin("a", "r1", AT, **given)
    assert getattr(entry, name) == kept
    assert entry.body_size == len(given["body"])


@pytest.mark.parametrize(
    ("name", "most"), [("error", 200), ("rule", 200), ("message", MAX_KEPT_MESSAGE), ("message", 0)]
)
def test_what_is_cut_at_the_end(name: str, most: int) -> None:
    journal = Traffic()
    for more in (0, 1):
        given: dict[str, Any] = {name: "x" * (most + more)}
        entry = begun(journal, "a", f"r{more}")
        journal.finish(entry, status=400, duration_ms=1, **given)
        assert getattr(entry, name) == "x" * (most or more)


def test_the_answers_of_refusals_and_of_the_newest_others_are_kept() -> None:
    journal = Traffic()
    for number in range(KEPT_ANSWERS + 1):
        refused, other = begun(journal, "a", f"r{number}"), begun(journal, "a", f"o{number}")
        journal.finish(refused, status=404, rule="path.exists", duration_ms=1, answer=b"no")
        journal.finish(other, status=200, duration_ms=1, answer=b"yes")
    answers = [(entry.id, entry.answer, entry.answer_size) for entry in journal.entries("a")]
    assert answers[:4] == [("r0", b"no", 2), ("o0", None, 3), ("r1", b"no", 2), ("o1", b"yes", 3)]
    assert all(answer is not None for _, answer, _ in answers[2:])
    assert journal.bytes == sum(traffic._cost(entry) for entry in journal.entries("a"))


def test_a_long_answer_is_cut() -> None:
    journal = Traffic()
    entry = begun(journal, "a", "r1")
    journal.finish(entry, status=200, duration_ms=1, answer=b"x" * (MAX_KEPT_ANSWER + 1))
    assert entry.answer == b"x" * MAX_KEPT_ANSWER
    assert entry.answer_size == MAX_KEPT_ANSWER + 1


class Word(StrEnum):
    A = "a word"


class Number(IntEnum):
    A = 7


class Pair(NamedTuple):
    one: int
    two: int


class Text(str):
    __slots__ = ()


def nested(depth: int) -> list[Any]:
    outer: list[Any] = []
    for _ in range(depth):
        outer = [outer]
    return outer


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("", ""),
        ("å" * 201, "å" * 200),
        (0, 0),
        (-(10**200), -(10**200)),
        (True, True),
        (None, None),
        (Decimal("1.50"), Decimal("1.50")),
        (Decimal("1E+999999"), Decimal("1E+999999")),
        (date(2026, 3, 2), date(2026, 3, 2)),
        (AT, AT),
        ((), ()),
        (("a", 1, None), ("a", 1, None)),
        (("x" * 201, Number.A), ("x" * 200, "7")),
        (((1, 2), [3]), ("(1, 2)", "[3]")),
        (tuple(range(20)), tuple(range(20))),
        (tuple(range(21)), str(tuple(range(21)))),
        (Word.A, "a word"),
        (Number.A, "7"),
        (Text("y" * 300), "y" * 200),
        (Pair(1, 2), "Pair(one=1, two=2)"),
        (0.5, "0.5"),
        (time(9, 30), "09:30:00"),
        (timedelta(days=1), "1 day, 0:00:00"),
        ([1, "a"], "[1, 'a']"),
        ({"a": 1}, "{'a': 1}"),
        (["z" * 300], "['" + "z" * 198),
        (b"abc", "b'abc'"),
        (10**1000, "1" + "0" * 199),
        (Decimal("1" * 3000), "1" * 200),
        (10**5000, "<int>"),  # more digits than Python writes
        ([10**5000], "<list>"),
        (nested(100_000), "<list>"),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_is_kept_of_the_compared(value: Any, kept: Any) -> None:
    found = shallow({"name": value})["name"]
    assert found == kept
    assert type(found) is type(kept)


def test_members_of_the_compared() -> None:
    given = {f"m{n}": n for n in range(25)}
    assert shallow(given) == {f"m{n}": n for n in range(20)}
    assert list(shallow(given)) == list(given)[:20]
    assert shallow({"k" * 300: 1}) == {"k" * 200: 1}
    assert shallow({}) == {}


def test_the_compared_are_a_copy() -> None:
    journal = Traffic()
    entry, given = begun(journal, "a", "r1"), {"a": 1}
    journal.finish(entry, status=400, compared=given, duration_ms=1)
    given["a"] = 2
    assert entry.compared == {"a": 1}


# what it costs


def test_texts_that_many_entries_have_are_shared() -> None:
    journal = Traffic()
    one, two = (
        journal.begin("".join(("acc", "ount")), f"r{n}", AT, "".join(("DEL", "ETE")), "/", b"")
        for n in (1, 2)
    )
    assert one.account is two.account
    assert one.method is two.method


def test_what_is_counted() -> None:
    journal = Traffic()
    costs = [
        journal.begin("a", str(n), AT, method, path, body).cost
        for n, (method, path, body) in enumerate(
            [
                ("GET", "/", b""),
                ("GET", "/" * 11, b""),
                ("GET", "/", b"x" * 100),
                ("GET", "/", b"x" * 10**6),
                ("GET", "å" * 10, b""),
                ("DELETE", "/", b""),
            ]
        )
    ]
    assert [cost - costs[0] for cost in costs] == [0, 10, 100, MAX_KEPT_BODY, 39, 3]
    assert journal.bytes == sum(costs)


def test_a_refusal_costs_more_and_is_counted_once() -> None:
    journal = Traffic()
    entry = begun(journal, "a", "r1")
    seen = []
    for message, compared in [
        ("x" * 50, None),
        ("x" * 150, None),
        (None, {"a": "y" * 50}),
        (None, {"a": "y" * 150}),
        (None, {"a": ("y" * 150,)}),
        (None, {"a": ("y" * 200, "y" * 50)}),
        ("x" * 50, None),
        (None, None),
    ]:
        journal.finish(entry, status=400, message=message, compared=compared, duration_ms=1)
        assert journal.bytes == entry.cost
        seen.append(entry.cost - COST)
    assert seen[1] - seen[0] == 100
    assert seen[3] - seen[2] == 100
    assert seen[3] < seen[4] < seen[5]
    assert seen[2] > 50
    assert seen[6:] == [seen[0], 0]


def test_the_cost_is_what_memory_says() -> None:
    """Roughly: it depends on the interpreter and on how full its tables are."""
    journal = Traffic(entries_per_account=500, bytes_per_account=MANY, bytes_in_all=MANY)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for n in range(6000):
            at, path = AT + timedelta(seconds=n), f"/api/v2/billogram/{n}"
            entry = journal.begin(f"a{n % 4}", f"0123abcd-{n}", at, "POST", path, b"x" * (n % 300))
            compared = {"amount": Decimal(n), "text": f"{n}"} if n % 5 == 0 else None
            message = f"invalid amount {n}" if n % 5 == 0 else None
            journal.finish(entry, status=400, message=message, compared=compared, duration_ms=n / 2)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(journal.entries("a0")) == 500
    assert 0.6 < used / journal.bytes < 1.3


# the bounds


def test_an_account_nobody_knows() -> None:
    journal = Traffic()
    begun(journal, "a", "r1")
    assert journal.entries("b") == []
    assert journal.find("b", "r1") is None
    assert journal.find("a", "r2") is None
    journal.forget("b")
    assert journal.bytes == COST


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        ({"entries_per_account": 3}, 3),
        ({"entries_per_account": 1}, 1),
        ({"entries_per_account": 0}, 1),
        ({"bytes_per_account": 3 * COST}, 3),
        ({"bytes_per_account": 3 * COST - 1}, 2),
        ({"bytes_per_account": 1}, 1),
        ({"bytes_in_all": 4 * COST}, 4),
        ({"bytes_in_all": 4 * COST - 1}, 3),
        ({"bytes_in_all": 1}, 1),
        ({"entries_per_account": 4, "bytes_per_account": 3 * COST, "bytes_in_all": 2 * COST}, 2),
        ({}, 9),
    ],
)
def test_the_oldest_go_first(bounds: dict[str, int], kept: int) -> None:
    journal = Traffic(**bounds)
    for n in range(1, 10):
        assert begun(journal, "a", f"r{n}").number == n
    assert ids(journal, "a") == [f"r{n}" for n in range(10 - kept, 10)]
    assert journal.entries("a")[-1].number == 9
    assert journal.bytes == kept * COST


def test_a_large_one_drives_out_many() -> None:
    journal = Traffic(bytes_per_account=10 * COST)
    for n in range(9):
        begun(journal, "a", f"r{n}")
    begun(journal, "a", "r9", b"x" * (7 * COST))
    assert ids(journal, "a") == ["r7", "r8", "r9"]


def test_an_account_does_not_drive_out_the_newest_of_another() -> None:
    journal = Traffic(bytes_in_all=4 * COST)
    for account, request_id in [("a", "r1"), ("a", "r2"), ("b", "r3"), ("b", "r4"), ("b", "r5"), ("b", "r6")]:
        begun(journal, account, request_id)
    assert (ids(journal, "a"), ids(journal, "b")) == (["r2"], ["r4", "r5", "r6"])
    begun(journal, "a", "r7")  # now r2 has been followed, but for a shorter time than r4
    assert (ids(journal, "a"), ids(journal, "b")) == (["r2", "r7"], ["r5", "r6"])


def test_only_the_newest_can_be_above_the_bytes_in_all() -> None:
    journal = Traffic(bytes_in_all=3 * COST)
    for n in range(10):
        begun(journal, f"a{n % 5}", f"r{n}")
    assert [ids(journal, f"a{n}") for n in range(5)] == [[f"r{n}"] for n in range(5, 10)]
    journal.forget("a0")
    journal.forget("a1")
    journal.forget("a2")
    begun(journal, "a3", "r0")
    assert ids(journal, "a3") == ["r8", "r0"]


def test_finishing_may_drive_out_the_oldest_even_itself() -> None:
    journal = Traffic(bytes_per_account=3 * COST + 100)
    first, second, third = (begun(journal, "a", f"r{n}") for n in range(3))
    journal.finish(third, status=400, message="x" * 200, duration_ms=1)
    assert journal.entries("a") == [second, third]
    assert first.cost == 0
    journal.finish(second, status=400, message="x" * 1000, duration_ms=1)
    assert journal.entries("a") == [third]
    assert journal.bytes == third.cost


def test_finishing_what_is_not_kept_is_not_counted() -> None:
    journal = Traffic(entries_per_account=1)
    evicted = begun(journal, "a", "r1")
    begun(journal, "a", "r2")
    forgotten = begun(journal, "b", "r3")
    journal.forget("b")
    begun(journal, "b", "r3")
    for entry in (evicted, forgotten):
        journal.finish(entry, status=400, message="x" * 500, compared={"a": 1}, duration_ms=1)
        assert (entry.status, entry.compared, entry.cost) == (400, {"a": 1}, 0)
    found = journal.find("b", "r3")
    assert found is not None
    assert found.status is None
    assert journal.bytes == 2 * COST


@pytest.mark.parametrize("again", ["r1", "r2", "r3"])
def test_the_same_request_again(again: str) -> None:
    """A request that met a reset on its way is begun twice."""
    journal = Traffic()
    before = [begun(journal, "a", f"r{n}") for n in (1, 2, 3)]
    entry = begun(journal, "a", again)
    assert entry.number == 4
    assert journal.entries("a") == [*(each for each in before if each.id != again), entry]
    assert journal.find("a", again) is entry
    assert journal.bytes == 3 * COST


def test_the_same_id_in_two_accounts() -> None:
    journal = Traffic()
    one, two = begun(journal, "a", "r1"), begun(journal, "b", "r1")
    assert (journal.find("a", "r1"), journal.find("b", "r1")) == (one, two)


def test_a_forgotten_journal_starts_anew() -> None:
    journal = Traffic()
    for n in range(3):
        begun(journal, "a", f"r{n}")
    begun(journal, "b", "r3")
    journal.forget("a")
    assert journal.entries("a") == []
    assert journal.find("a", "r1") is None
    assert journal.bytes == COST
    assert begun(journal, "a", "r1").number == 1
    assert begun(journal, "b", "r4").number == 2


def test_a_listing_is_a_copy() -> None:
    journal = Traffic()
    begun(journal, "a", "r1")
    listed = journal.entries("a")
    begun(journal, "a", "r2")
    listed.clear()
    assert ids(journal, "a") == ["r1", "r2"]


ACCOUNTS = st.sampled_from(["a", "b", "c"])


class Bounds(RuleBasedStateMachine):
    """`kept` is the model: the entries of all accounts as they came; `followed` when the next one did."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Entry] = []
        self.followed: dict[int, int] = {}  # by id()
        self.numbers: dict[str, int] = {}
        self.made: list[Entry] = []  # all, so that no id() comes twice

    @initialize(entries=st.integers(1, 8), account=st.integers(1, 9), in_all=st.integers(1, 16))
    def bounds(self, entries: int, account: int, in_all: int) -> None:
        self.entries, self.account, self.in_all = entries, account * COST, in_all * COST
        self.journal = Traffic(
            entries_per_account=entries, bytes_per_account=self.account, bytes_in_all=self.in_all
        )

    # the model

    def of(self, account: str) -> list[Entry]:
        return [entry for entry in self.kept if entry.account == account]

    def cost(self, entries: list[Entry]) -> int:
        return sum(traffic._cost(entry) for entry in entries)

    def remove(self, gone: Entry) -> None:
        self.kept = [entry for entry in self.kept if entry is not gone]

    def evict(self, account: str) -> None:
        while len(own := self.of(account)) > 1 and (len(own) > self.entries or self.cost(own) > self.account):
            self.remove(own[0])
        while self.cost(self.kept) > self.in_all:
            may_go = [entry for entry in self.kept if entry is not self.of(entry.account)[-1]]
            if not may_go:
                break
            self.remove(min(may_go, key=lambda entry: self.followed[id(entry)]))

    # what can happen

    @rule(account=ACCOUNTS, size=st.sampled_from([0, 0, 0, 10, COST, 3 * COST, 20_000]))
    def begin(self, account: str, size: int) -> None:
        self.begin_as(account, f"r{len(self.made)}", size)

    @precondition(lambda self: self.kept)
    @rule(pick=st.integers(0, 99), account=ACCOUNTS)
    def begin_again(self, pick: int, account: str) -> None:
        """With an id that this account or another one has."""
        self.begin_as(account, self.kept[pick % len(self.kept)].id, 5)

    def begin_as(self, account: str, request_id: str, size: int) -> None:
        for entry in self.of(account):
            if entry.id == request_id:
                self.remove(entry)
        if own := self.of(account):
            self.followed.setdefault(id(own[-1]), len(self.made))
        entry = begun(self.journal, account, request_id, b"x" * size)
        self.numbers[account] = self.numbers.get(account, 0) + 1
        assert entry.number == self.numbers[account]
        self.made.append(entry)
        self.kept.append(entry)
        self.evict(account)

    @precondition(lambda self: self.made)
    @rule(
        pick=st.integers(0, 99),
        message=st.none() | st.integers(0, 1200),
        members=st.integers(0, 25),
        answer=st.sampled_from([0, 10, COST, 20_000]),
        refusal=st.none() | st.just("path.exists"),
    )
    def finish(self, pick: int, message: int | None, members: int, answer: int, refusal: str | None) -> None:
        """Any, also for a second time, evicted or forgotten; the newest first."""
        entry = self.made[-1 - pick % len(self.made)]
        text = None if message is None else "x" * message
        compared = {f"m{n}": ("y" * n, n) for n in range(members)} or None
        self.journal.finish(
            entry,
            status=200,
            rule=refusal,
            message=text,
            compared=compared,
            duration_ms=1,
            answer=b"x" * answer,
        )
        if any(each is entry for each in self.kept):
            self.evict(entry.account)

    @rule(account=ACCOUNTS)
    def forget(self, account: str) -> None:
        self.journal.forget(account)
        self.kept = [entry for entry in self.kept if entry.account != account]
        self.numbers[account] = 0

    # what must hold

    @invariant()
    def the_journal_is_the_model(self) -> None:
        shown = {account: self.journal.entries(account) for account in "abc"}
        for account, entries in shown.items():
            assert list(map(id, entries)) == list(map(id, self.of(account)))
            numbers = [entry.number for entry in entries]
            assert numbers == sorted(set(numbers))
            assert len(entries) <= self.entries
            assert len(entries) <= 1 or self.cost(entries) <= self.account
            for entry in entries:
                assert self.journal.find(account, entry.id) is entry
                assert entry.cost == traffic._cost(entry)
        assert self.journal.bytes == self.cost(self.kept)
        assert self.journal.bytes <= self.in_all or max(map(len, shown.values())) == 1
        for entry in self.made:
            kept = any(each is entry for each in self.kept)
            assert (self.journal.find(entry.account, entry.id) is entry) == kept
            assert (entry.cost > 0) == kept

    @invariant()
    def nothing_is_held_beside_it(self) -> None:
        newest = [self.of(account)[-1] for account in "abc" if self.of(account)]
        waiting = {id(entry) for entry in self.kept} - {id(entry) for entry in newest}
        assert {id(entry) for entry in self.journal._followed} == waiting
        for journal in self.journal._journals.values():
            assert len(journal.answered) <= KEPT_ANSWERS
            assert all(type(each) is str for each in journal.answered), "ids, which hold no entry"
            plain = [each for each in journal.entries.values() if each.rule is None and each.answer]
            assert {each.id for each in plain} <= set(journal.answered)


TestBounds = Bounds.TestCase
