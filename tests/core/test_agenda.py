"""What is going to happen by itself: the entries, and when they come (reference: behaviour 6.1, 6.2, 6.4)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.core import agenda, calendar, interest
from mockserver.core.agenda import Agenda, Due, next_due
from mockserver.core.deadlines import RULES
from mockserver.core.model import (
    Account,
    Billogram,
    Clock,
    Content,
    Delivery,
    Dunning,
    Internal,
    Recipient,
    Row,
    Sums,
    Terms,
    replace,
)
from mockserver.core.settings import AutomaticCollection, AutomaticReminder, new_settings

STOCKHOLM = "Europe/Stockholm"
SENT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def account(timezone: str = STOCKHOLM) -> Account:
    settings = new_settings("a", 2026)
    return Account("a", 1, None, 1, Clock("frozen", SENT, SENT), timezone, settings, settings)


def billogram(
    due: str = "2026-04-01", invoice: str = "2026-03-02", rate: str = "8.5", **more: Any
) -> Billogram:
    """A sent one of 125; dates in ISO 8601."""
    terms = Terms(date.fromisoformat(invoice), date.fromisoformat(due), 30, interest_rate=Decimal(rate))
    made = Billogram(
        id="b",
        number=7,
        recipient=Recipient(1),
        content=Content(terms, (Row("Row", Decimal(1), Decimal(100), Decimal(25)),)),
        sums=Sums(total=Decimal(125), remaining=Decimal(125)),
        internal=Internal.UNPAID,
        created_at=SENT,
        updated_at=SENT,
    )
    return replace(made, **more)


OVER = Dunning(overdue=True)
LETTER = Delivery(letter_at=utc("2026-03-04T09:00"))
PARTLY = Sums(total=Decimal(125), remaining=Decimal(100), paid=Decimal(-25))


# which, and when


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (billogram(), ("overdue", "2026-04-01T22:05")),
        (billogram(dunning=OVER), ("interest", "2026-04-01T22:05")),
        (billogram(dunning=Dunning(overdue=True, interest_started=True)), None),
        # interest waits for invoice date + 30 days, if that is later than the due date
        (billogram("2026-03-12", dunning=OVER), ("interest", "2026-04-01T22:05")),
        (billogram("2026-03-12"), ("overdue", "2026-03-12T23:05")),
        (billogram("2026-05-01", dunning=OVER), ("interest", "2026-05-01T22:05")),
        (billogram("2026-04-02", dunning=OVER), ("interest", "2026-04-02T22:05")),
        (billogram("2026-03-31", dunning=OVER), ("interest", "2026-04-01T22:05")),
        # none at rate 0, none while something is paid
        (billogram(rate="0"), ("overdue", "2026-04-01T22:05")),
        (billogram(rate="0", dunning=OVER), None),
        (billogram(rate="0.000001", dunning=OVER), ("interest", "2026-04-01T22:05")),
        (billogram(sums=PARTLY), ("overdue", "2026-04-01T22:05")),
        (billogram(sums=PARTLY, dunning=OVER), None),
        # what made it due came when its moment was past: the next 00:05; at its very moment: then
        (billogram(dunning=OVER, updated_at=utc("2026-04-01T22:05")), ("interest", "2026-04-01T22:05")),
        (billogram(dunning=OVER, updated_at=utc("2026-04-01T22:05:01")), ("interest", "2026-04-02T22:05")),
        (billogram(dunning=OVER, updated_at=utc("2026-04-10T08:00")), ("interest", "2026-04-10T22:05")),
        (billogram(dunning=OVER, updated_at=utc("2026-04-10T22:04")), ("interest", "2026-04-10T22:05")),
        # `Overdue` is not put off: its moment is past, it comes at once
        (billogram(updated_at=utc("2026-04-10T08:00")), ("overdue", "2026-04-01T22:05")),
        # a letter comes at its own moment, of a stand-alone credit too; last among what comes at one moment
        (billogram(delivery=LETTER), ("letter", "2026-03-04T09:00")),
        (billogram("2026-03-03", delivery=LETTER), ("overdue", "2026-03-03T23:05")),
        (billogram(delivery=Delivery(letter_at=utc("2026-04-01T22:05"))), ("overdue", "2026-04-01T22:05")),
        (billogram(sums=Sums(total=Decimal(-125)), delivery=LETTER), ("letter", "2026-03-04T09:00")),
        (billogram(internal=Internal.COLLECTION, delivery=LETTER), ("letter", "2026-03-04T09:00")),
        (billogram(internal=Internal.ENDED, delivery=LETTER), None),
        # a stand-alone credit is never overdue; nothing happens to what is not open
        (billogram(sums=Sums(total=Decimal(-125), remaining=Decimal(-125))), None),
        (billogram(internal=Internal.UNATTESTED), None),
        (billogram(internal=Internal.ENDED), None),
        (billogram(internal=Internal.DELETED), None),
        (billogram(internal=Internal.COLLECTION), None),
        (billogram(internal=Internal.FACTORING), None),
        (billogram(internal=Internal.SOLD), None),
    ],
)  # fmt: skip
def test_the_next_entry(made: Billogram, expected: tuple[str, str] | None) -> None:
    due = next_due(made, account())
    if expected is None:
        assert due is None
        return
    rule, at = expected
    assert due == Due(utc(at), agenda.RANKS[rule], 7, 0, rule, "b")


@pytest.mark.parametrize(
    ("zone", "due", "expected"),
    [
        (STOCKHOLM, "2026-03-27", "2026-03-27T23:05"),
        (STOCKHOLM, "2026-03-28", "2026-03-28T23:05"),  # 00:05 comes before the change
        (STOCKHOLM, "2026-03-29", "2026-03-29T22:05"),
        (STOCKHOLM, "2026-10-24", "2026-10-24T22:05"),
        (STOCKHOLM, "2026-10-25", "2026-10-25T23:05"),
        (STOCKHOLM, "2026-12-31", "2026-12-31T23:05"),
        (STOCKHOLM, "2028-02-28", "2028-02-28T23:05"),  # the day after is the 29th
        (STOCKHOLM, "2028-02-29", "2028-02-29T23:05"),
        (STOCKHOLM, "2027-02-28", "2027-02-28T23:05"),
        (STOCKHOLM, "8999-12-31", "8999-12-31T23:05"),
        ("UTC", "2026-04-01", "2026-04-02T00:05"),
        ("America/New_York", "2026-04-01", "2026-04-02T04:05"),
        ("Pacific/Kiritimati", "2026-04-01", "2026-04-01T10:05"),
        ("Asia/Beirut", "2026-03-28", "2026-03-28T22:00"),  # 00:05 is skipped: the first instant after
        ("America/Havana", "2026-10-31", "2026-11-01T04:05"),  # 00:05 is double: the first
    ],
)
def test_five_past_midnight_on_the_day_after(zone: str, due: str, expected: str) -> None:
    made = billogram(due, due)
    assert agenda.overdue_at(made, zone) == utc(expected)
    found = next_due(made, account(zone))
    assert found is not None
    assert (found.at, found.rule) == (utc(expected), "overdue")


@given(
    invoice=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    days=st.integers(0, 365),
    zone=st.sampled_from([STOCKHOLM, "UTC", "America/Havana", "Asia/Beirut", "Pacific/Apia"]),
)
def test_overdue_never_after_interest(invoice: date, days: int, zone: str) -> None:
    terms = Terms(invoice, invoice + timedelta(days), days, interest_rate=Decimal(1))
    made = billogram()
    made = replace(made, content=replace(made.content, terms=terms), updated_at=utc("1999-12-01T00:00"))
    overdue, starts = agenda.overdue_at(made, zone), calendar.day_start(interest.first_day(made), zone)
    assert overdue <= starts
    assert (overdue == starts) == (days >= 30) or zone == "Pacific/Apia"  # it skipped a day
    assert calendar.local_date(overdue, zone) == terms.due_date + timedelta(1) or zone == "Pacific/Apia"
    first = next_due(made, account(zone))
    assert first is not None
    assert (first.rule, first.at) == ("overdue", overdue)
    second = next_due(replace(made, dunning=OVER, updated_at=overdue), account(zone))
    assert second is not None
    assert (second.rule, second.at) == ("interest", starts)
    assert first < second


def test_ranks_and_rules_are_of_the_same_entries() -> None:
    assert agenda.RANKS == {
        "mandate": 1,
        "mandate lapses": 1,
        "autogiro order": 1,
        "direct debit": 2,
        "recall": 2,
        "collection news": 3,
        "reports": 4,
        "e-invoice file": 5,
        "billing tab": 6,
        "respite": 7,
        "overdue": 7,
        "interest": 8,
        "reminder": 9,
        "collection": 10,
        "letter": 11,
    }
    assert set(RULES) == set(agenda.RANKS)


LATE = Dunning(overdue=True, interest_started=True)
APRIL = date(2026, 4, 20)
MAY = date(2026, 5, 20)
COLLECTED: dict[str, Any] = {
    "internal": Internal.COLLECTION,
    "dunning": replace(LATE, collected_on=APRIL, collecting=True),
}


@pytest.mark.parametrize(
    ("made", "rule", "words"),
    [
        (billogram(), "overdue", ["overdue", "due date 2026-04-01"]),
        (billogram(dunning=OVER), "interest", ["interest", "8.5 %", "2026-04-01"]),
        (billogram("2026-05-20", rate="1", dunning=OVER), "interest", ["1 %", "2026-05-20", "2026-04-01"]),
        (billogram(dunning=Dunning(respite_date=APRIL)), "overdue", ["respite to 2026-04-20"]),
        (billogram(dunning=Dunning(overdue=True, respite_date=MAY)), "interest", ["respite to 2026-05-20"]),
        (
            billogram(dunning=Dunning(respite_date=APRIL, respite_active=True)),
            "respite",
            ["2026-04-20", "ends"],
        ),
        (billogram(dunning=LATE), "reminder", ["reminder 1", "5 days", "due date 2026-04-01"]),
        (
            billogram(dunning=replace(LATE, respite_date=APRIL)),
            "reminder",
            ["1:", "5 days", "respite to 2026-04-20"],
        ),
        (
            billogram(dunning=replace(LATE, automatic_reminders=1, last_reminder=APRIL)),
            "reminder",
            ["reminder 2", "1 day ", "2026-04-20"],
        ),
        (
            billogram(dunning=replace(LATE, automatic_reminders=2, last_reminder=APRIL)),
            "collection",
            ["no reminder", "125 remains", "2026-04-20"],
        ),
        (billogram(**COLLECTED), "collection news", ["bank day after 2026-04-20"]),
        (billogram(delivery=Delivery(letter_at=SENT)), "letter", ["48 hours"]),
    ],
)
def test_the_reason_names_what_it_follows_from(made: Billogram, rule: str, words: list[str]) -> None:
    strict = account()
    rules = replace(
        strict.settings.invoices,
        automatic_reminders=(AutomaticReminder(5), AutomaticReminder(1)),
        automatic_collection=AutomaticCollection(10, Decimal(0)),
    )
    strict = replace(strict, settings=replace(strict.settings, invoices=rules))
    terms = replace(made.content.terms, automatic_reminders=True)
    made = replace(made, content=replace(made.content, terms=terms))
    due = next_due(made, strict)
    assert due is not None
    assert due.rule == rule
    key, reason = agenda.reason(due, made, strict)
    assert key == made.id
    assert [word for word in words if word not in reason] == []


# the heap


def entry(key: str, at: int = 0, rank: int = 7, number: int = 1) -> Due:
    return Due(SENT + timedelta(hours=at), rank, number, 0, "overdue", key)


def test_entries_stand_in_the_order_of_moment_rank_and_number() -> None:
    entries = [
        entry("a", 1, 7, 1),
        entry("b", 1, 7, 2),
        entry("c", 1, 8, 1),
        entry("d", 2, 7, 1),
        entry("e", 2, 7, 10),
        entry("f", 3, 1, 9),
    ]
    kept = Agenda()
    for each in reversed(entries):
        kept.put(each.key, each)
    assert kept.entries() == entries
    walked = []
    while (due := kept.head()) is not None:
        walked.append(due)
        kept.put(due.key, None)
    assert walked == entries
    assert kept.entries() == []


def test_what_is_replaced_comes_no_more_and_what_stays_is_the_same_one() -> None:
    kept = Agenda()
    first = entry("a", 1)
    kept.put("a", first)
    kept.put("a", entry("a", 1))
    assert kept.head() is first  # an equal one changes nothing
    later = entry("a", 9)
    kept.put("a", later)
    assert kept.head() is kept.of("a") is later
    kept.put("a", entry("a", 1))  # and back: the stale one of before counts no more than once
    assert kept.entries() == [first]
    kept.put("a", None)
    assert kept.head() is kept.of("a") is None
    kept.put("a", None)
    assert kept.entries() == []


STEPS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 5)), st.booleans()),
    max_size=400,
)


@given(steps=STEPS)
def test_the_heap_is_a_table_that_is_sorted_at_each_look(steps: list[tuple[str, int | None, bool]]) -> None:
    kept, table = Agenda(), dict[str, Due]()
    copies: list[tuple[Agenda, list[Due]]] = []
    for key, at, look in steps:
        if at is None:
            table.pop(key, None)
            kept.put(key, None)
        else:
            table[key] = entry(key, at, number=ord(key))
            kept.put(key, table[key])
        if look:
            assert kept.head() == min(table.values(), default=None)
        if len(copies) < 3:
            copies.append((kept.copy(), sorted(table.values())))
    assert kept.entries() == sorted(table.values())
    for copy, then in copies:  # a copy neither changes nor is changed
        assert copy.entries() == then
        assert copy.head() == (then[0] if then else None)
        copy.put("a", None)
        copy.put("z", entry("z"))
    assert kept.entries() == sorted(table.values())
    assert kept.head() == min(table.values(), default=None)


def test_old_entries_are_forgotten() -> None:
    """An object whose entry changes for ever does not make the heap grow for ever."""
    kept = Agenda()
    for at in range(10_000):
        kept.put("a", entry("a", at))
        kept.put("b", entry("b", 10_000 - at))
    assert len(kept._heap) < 100
    assert kept.entries() == [entry("b", 1), entry("a", 9_999)]
