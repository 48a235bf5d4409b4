"""Reminders by hand and by themselves: never two a day, and which of them come (reference: behaviour 6.3)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.dunned import STOCKHOLM, Dunned, steps, utc
from tests.server import Answer

END = "2026-06-01 00:00"
ZONES = [STOCKHOLM, "America/St_Johns", "Asia/Kathmandu"]
FIVE_ONE = steps(5, 1)


def refused(answer: Answer) -> str:
    """The identifier."""
    return answer.error[0]


# due 2026-04-01; delays; commands `remind` by hand at local times (a `!`: refused) -> all reminders, those
# that come by themselves with an `a`
SAME_DAY: dict[str, tuple[tuple[int, ...], list[str], list[str]]] = {
    "by themselves": ((5, 1), [], ["04-06 08:00 a", "04-07 08:00 a"]),
    "by hand, then the automatic one waits": (
        (5, 1), ["04-06 07:00"], ["04-06 07:00", "04-07 08:00 a", "04-08 08:00 a"]),
    "by hand right after midnight": (
        (5, 1), ["04-06 00:00"], ["04-06 00:00", "04-07 08:00 a", "04-08 08:00 a"]),
    "by hand right before midnight": (
        (5, 1), ["04-05 23:59:59"], ["04-05 23:59:59", "04-06 08:00 a", "04-07 08:00 a"]),
    "both sides of midnight": (
        (5, 1), ["04-04 23:59:59", "04-05 00:00", "04-05 23:59 !"],
        ["04-04 23:59:59", "04-05 00:00", "04-06 08:00 a", "04-07 08:00 a"]),
    "automatic, then by hand": (
        (5, 3), ["04-06 08:00:01 !", "04-06 23:59:59 !", "04-07 00:00"],
        ["04-06 08:00 a", "04-07 00:00", "04-10 08:00 a"]),
    "by hand at its very moment": ((5, 1), ["04-06 08:00 !"], ["04-06 08:00 a", "04-07 08:00 a"]),
    "by hand does not use one up": (
        (5, 1), ["04-03 12:00"], ["04-03 12:00", "04-06 08:00 a", "04-07 08:00 a"]),
    "twice by hand": (
        (5, 1), ["04-02 00:00", "04-02 00:01 !", "04-03 09:00"],
        ["04-02 00:00", "04-03 09:00", "04-06 08:00 a", "04-07 08:00 a"]),
    "further ones count from either kind": ((1, 5), ["04-05 12:00"],
        ["04-02 08:00 a", "04-05 12:00", "04-10 08:00 a"]),
    "by hand in between, twice": (
        (1, 5), ["04-05 12:00", "04-09 07:59"],
        ["04-02 08:00 a", "04-05 12:00", "04-09 07:59", "04-14 08:00 a"]),
    "every day by hand": (
        (5, 1), ["04-06 07:00", "04-07 07:00", "04-08 07:59:59"],
        ["04-06 07:00", "04-07 07:00", "04-08 07:59:59", "04-09 08:00 a", "04-10 08:00 a"]),
    "no delay at all: the due date itself, one a day": (
        (0, 0, 0), [], ["04-01 08:00 a", "04-02 08:00 a", "04-03 08:00 a"]),
    "by hand not on the due date, and then": (
        (0, 0), ["04-01 07:00 !", "04-01 23:59 !", "04-02 00:00"],
        ["04-01 08:00 a", "04-02 00:00", "04-03 08:00 a"]),
    "by hand only": ((), ["04-02 00:00", "04-02 23:59:59 !", "04-03 00:00"], ["04-02 00:00", "04-03 00:00"]),
    "four": (
        (1, 1, 1, 1, 1), [],
        ["04-02 08:00 a", "04-03 08:00 a", "04-04 08:00 a", "04-05 08:00 a", "04-06 08:00 a"]),
}  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", SAME_DAY)
def test_never_two_on_one_local_day(name: str, zone: str) -> None:
    delays, by_hand, expected = SAME_DAY[name]
    with Dunned(zone=zone, invoices={"automatic_reminders": steps(*delays)}) as server:
        key = server.sent()["id"]
        for each in by_hand:
            at, _, _ = each.partition(" !")
            answer = server.at(f"2026-{at}", key, "remind", method="Email")
            if each.endswith("!"):
                assert refused(answer) == "INVALID_OBJECT_STATE"
            else:
                assert answer.status == 200, (each, answer.body)
        server.to(END)
        events = [each for each in server.state().billograms[key].events if hasattr(each, "automatic")]
        told = [(each.mark.at.isoformat(" ")[:19], each.automatic) for each in events]
        assert told == [(utc(f"2026-{at.removesuffix(' a')}", zone), at.endswith("a")) for at in expected]
        assert [each.reminder_count for each in events] == list(range(1, len(expected) + 1))
        state = server.shown(key)["state"]
        assert state == (f"Reminder_{len(expected)}" if len(expected) < 4 else "Reminder_Many")
        assert server.agenda() == []
        assert server.fold().image() == server.image()


# sent late, or the settings changed: the next 08:00, then one a day


@pytest.mark.parametrize(
    ("sent", "delays", "expected"),
    [
        ("03-02 10:00", (5, 1), ["03-03", "03-04"]),
        ("03-02 07:59:59", (5, 1), ["03-02", "03-03"]),
        ("03-02 08:00", (5, 1), ["03-02", "03-03"]),  # not past
        ("03-02 08:00:01", (0, 0, 0), ["03-03", "03-04", "03-05"]),
        ("03-02 23:59:59", (5, 3), ["03-03", "03-06"]),
        ("03-03 00:00", (5, 3), ["03-03", "03-06"]),
        ("03-28 09:00", (5,), ["03-29"]),  # the clocks change in that night
        ("03-02 10:00", (60, 1), ["04-01", "04-02"]),  # still to come
    ],
)
def test_sent_late(sent: str, delays: tuple[int, ...], expected: list[str]) -> None:
    with Dunned("2026-03-02 00:00", invoices={"automatic_reminders": steps(*delays)}) as server:
        key = server.draft(invoice_date="2026-01-01", due_date="2026-01-31")["id"]
        server.at(f"2026-{sent}", key, "send", method="Email")
        server.to(END)
        assert server.reminded(key) == [utc(f"2026-{day} 08:00") for day in expected]


# settings before; (when, settings then), …; -> reminders
CHANGED: list[tuple[tuple[int, ...], list[tuple[str, tuple[int, ...]]], list[str]]] = [
    ((100,), [("04-20 10:00", (5, 1))], ["04-21", "04-22"]),
    ((100,), [("04-20 07:59", (5, 1))], ["04-20", "04-21"]),
    ((100,), [("04-20 10:00", (25, 1))], ["04-26", "04-27"]),
    ((5, 1), [("03-10 10:00", (7, 2))], ["04-08", "04-10"]),
    ((5, 9), [("04-08 10:00", (5, 3))], ["04-06", "04-09"]),
    ((5, 3), [("04-08 10:00", (5, 9))], ["04-06", "04-15"]),
    ((5, 9), [("04-08 10:00", (1,))], ["04-06"]),  # the first of one has gone
    ((5,), [("04-20 10:00", (5, 1, 1))], ["04-06", "04-21", "04-22"]),
    ((5, 1), [("03-10 10:00", ()), ("04-20 10:00", (5, 1))], ["04-21", "04-22"]),
    # several changes in one moment of a frozen clock
    ((5, 1), [("03-10 10:00", (7, 2)), ("03-10 10:00", (9, 2))], ["04-10", "04-12"]),
    ((5, 1), [("03-10 10:00", ()), ("03-10 10:00", (5, 2))], ["04-06", "04-08"]),
    ((100,), [("04-20 10:00", (5, 1)), ("04-20 10:00", ())], []),
    ((100,), [("04-20 10:00", ()), ("04-20 10:00", (5, 1))], ["04-21", "04-22"]),
]


@pytest.mark.parametrize(("before", "changes", "expected"), CHANGED)
def test_the_settings_as_they_are_at_that_moment(
    before: tuple[int, ...], changes: list[tuple[str, tuple[int, ...]]], expected: list[str]
) -> None:
    with Dunned(invoices={"automatic_reminders": steps(*before)}) as server:
        key = server.sent()["id"]
        for at, delays in changes:
            server.to(f"2026-{at}")
            server.rules(automatic_reminders=steps(*delays))
            assert server.fold().image() == server.image()
        server.to(END)
        assert server.reminded(key) == [utc(f"2026-{day} 08:00") for day in expected]


# delays; acts: local time, date of the respite (None: removed) -> all that is told, local
OVERDUE, INTEREST, FIRST = "Overdue", "InterestStarted", "ReminderSent"
RESPITES: dict[str, tuple[tuple[int, ...], list[tuple[str, str | None]], list[tuple[str, str]]]] = {
    "over the due date": (
        (5, 1), [("03-20 10:00", "04-10")],
        [("04-11 00:05", OVERDUE), ("04-11 00:05", INTEREST), ("04-15 08:00", FIRST),
         ("04-16 08:00", FIRST)]),
    "in the middle": (
        (5, 1), [("04-06 12:00", "04-20")],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-21 00:05", OVERDUE),
         ("04-21 08:00", FIRST)]),
    "in the middle, no delay": (
        (5, 0), [("04-06 12:00", "04-20")],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-21 00:05", OVERDUE),
         ("04-21 08:00", FIRST)]),
    "no delay at all": (
        (0, 0), [("03-20 10:00", "04-10")],
        [("04-11 00:05", OVERDUE), ("04-11 00:05", INTEREST), ("04-11 08:00", FIRST),
         ("04-12 08:00", FIRST)]),
    "on the very morning": (
        (5, 1), [("04-06 07:59:59", "04-07")],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-08 00:05", OVERDUE),
         ("04-12 08:00", FIRST),
         ("04-13 08:00", FIRST)]),
    "a second, earlier one": (
        (5, 1), [("04-06 12:00", "04-20"), ("04-08 10:00", "04-10")],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-11 00:05", OVERDUE),
         ("04-11 08:00", FIRST)]),
    "a second, later one": (
        (5, 1), [("03-20 12:00", "04-10"), ("04-08 10:00", "04-12")],
        [("04-13 00:05", OVERDUE), ("04-13 00:05", INTEREST), ("04-17 08:00", FIRST),
         ("04-18 08:00", FIRST)]),
    "a second one when the first is over": (
        (20, 1), [("03-20 12:00", "04-10"), ("04-12 10:00", "04-14")],
        [("04-11 00:05", OVERDUE), ("04-11 00:05", INTEREST), ("04-15 00:05", OVERDUE),
         ("05-04 08:00", FIRST),
         ("05-05 08:00", FIRST)]),
    "removed before the due date": (
        (5, 1), [("03-10 12:00", "04-20"), ("03-20 12:00", None)],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-07 08:00", FIRST)]),
    "removed after the due date": (
        (5, 1), [("03-10 12:00", "04-20"), ("04-10 12:00", None)],
        [("04-10 12:00", OVERDUE), ("04-11 00:05", INTEREST), ("04-11 08:00", FIRST),
         ("04-12 08:00", FIRST)]),
    "removed right after midnight": (
        (5, 1), [("03-10 12:00", "04-20"), ("04-02 00:04:59", None)],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-07 08:00", FIRST)]),
    "removed in the middle": (
        (5, 1), [("04-06 12:00", "04-20"), ("04-08 12:00", None)],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-08 12:00", OVERDUE),
         ("04-09 08:00", FIRST)]),
    "removed in the middle, early in the morning": (
        (5, 1), [("04-06 12:00", "04-20"), ("04-08 07:00", None)],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-08 07:00", OVERDUE),
         ("04-08 08:00", FIRST)]),
    "removed on the day of a reminder": (
        (5, 1), [("04-06 12:00", "04-20"), ("04-06 13:00", None)],
        [("04-02 00:05", OVERDUE), ("04-02 00:05", INTEREST), ("04-06 08:00", FIRST),
         ("04-06 13:00", OVERDUE),
         ("04-07 08:00", FIRST)]),
}  # fmt: skip


@pytest.mark.parametrize("name", RESPITES)
def test_respites_and_reminders(name: str) -> None:
    delays, acts, expected = RESPITES[name]
    with Dunned(invoices={"automatic_reminders": steps(*delays)}) as server:
        key = server.sent()["id"]
        for at, day in acts:
            body = {} if day is None else {"date": f"2026-{day}"}
            shown = server.at(f"2026-{at}", key, "remove-respite" if day is None else "respite", **body).data
            assert shown["respite_date"] == (None if day is None else f"2026-{day}")
            if day is not None:
                assert shown["state"] == "Unpaid"
                if shown["events"][-1]["created_at"] >= "2026-04-02":
                    assert refused(server.command(key, "remind")) == "INVALID_OBJECT_STATE"
        server.to(END)
        told = server.told(key, OVERDUE, INTEREST, FIRST)
        assert told == [(kind, utc(f"2026-{at}")) for at, kind in expected]
        assert server.agenda() == []
        assert server.fold().image() == server.image()


def test_overdue_stays_the_state_when_a_respite_is_removed_before_a_later_due_date() -> None:
    """It was overdue since it was opened; the due date moved later takes nothing back."""
    with Dunned() as server:
        key = server.sent(interest_rate=0)["id"]
        server.to("2026-04-03 10:00")
        assert server.put(key, due_date="2026-05-01")["state"] == "Overdue"
        assert server.command(key, "respite", {"date": "2026-05-10"}).data["state"] == "Unpaid"
        assert server.command(key, "remove-respite").data["state"] == "Overdue"
        server.to(END)
        assert server.told(key, OVERDUE) == [
            (OVERDUE, utc("2026-04-02 00:05")),
            (OVERDUE, utc("2026-05-02 00:05")),
        ]


# of the billogram, at its creation: whether reminders are shown as on, its own settings as shown, what comes
OWN = steps(2)
FORCED: list[tuple[dict[str, Any], bool, list[Any], list[str]]] = [
    ({}, True, [], ["04-06", "04-07"]),
    ({"automatic_reminders": True}, True, [], ["04-06", "04-07"]),
    ({"automatic_reminders": False}, False, [], []),
    ({"automatic_reminders_settings": []}, False, [], []),
    ({"automatic_reminders_settings": [], "automatic_reminders": True}, True, [], ["04-06", "04-07"]),
    ({"automatic_reminders_settings": [], "automatic_reminders": False}, False, [], []),
    ({"automatic_reminders_settings": None}, True, [], ["04-06", "04-07"]),
    ({"automatic_reminders_settings": None, "automatic_reminders": False}, False, [], []),
    ({"automatic_reminders_settings": OWN}, True, OWN, ["04-03"]),
    ({"automatic_reminders_settings": OWN, "automatic_reminders": True}, True, OWN, ["04-03"]),
    ({"automatic_reminders_settings": OWN, "automatic_reminders": False}, False, OWN, []),
]


@pytest.mark.parametrize(("given", "on", "own", "expected"), FORCED)
@pytest.mark.parametrize("way", ["post", "put on a draft", "put on a sent one"])
def test_forced_on_and_off(
    given: dict[str, Any], on: bool, own: list[Any], expected: list[str], way: str
) -> None:
    with Dunned(invoices={"automatic_reminders": FIVE_ONE}) as server:
        key = server.draft(**given if way == "post" else {})["id"]
        if way == "put on a draft":
            server.put(key, **given)
        server.command(key, "send", {"method": "Email"})
        if way == "put on a sent one" and given:
            server.put(key, **given)
        shown = server.shown(key)
        assert (shown["automatic_reminders"], shown["automatic_reminders_settings"]) == (on, own)
        server.to(END)
        assert server.reminded(key) == [utc(f"2026-{day} 08:00") for day in expected]
        messages = [e["data"]["message"] for e in server.shown(key)["events"] if e["type"] == "ReminderSent"]
        assert messages == (["step 1"] if own else ["step 1", "step 2"])[: len(expected)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"automatic_reminders_settings": None}, []),
        ({"automatic_reminders_settings": OWN}, ["04-03"]),
        ({"automatic_reminders_settings": OWN, "automatic_reminders": False}, []),
    ],
)
def test_where_the_account_has_none(given: dict[str, Any], expected: list[str]) -> None:
    with Dunned() as server:
        key = server.sent(**given)["id"]
        server.to(END)
        assert server.reminded(key) == [utc(f"2026-{day} 08:00") for day in expected]


def test_the_sequence_goes_on_where_it_was_when_it_is_switched_on_again() -> None:
    with Dunned(invoices={"automatic_reminders": steps(1, 5, 1)}) as server:
        key = server.sent()["id"]
        server.to("2026-04-03 12:00")
        server.put(key, automatic_reminders=False)
        server.to("2026-04-20 12:00")
        assert server.agenda() == []
        server.put(key, automatic_reminders=True)
        server.to(END)
        assert server.reminded(key) == [utc(f"2026-{day} 08:00") for day in ("04-02", "04-21", "04-22")]


# what waits: (local time, act, body) -> the reminders
Step = tuple[str, str, dict[str, Any]]
WAITING: dict[str, tuple[list[Step], list[str]]] = {
    "partly paid": ([("04-03 10:00", "payment", {"amount": 25})], []),
    "partly paid, after the first": ([("04-06 10:00", "payment", {"amount": 25})], ["04-06"]),
    "partly paid ones too": (
        [("03-10 10:00", "rules", {"use_automatic_reminders_partly_paid": True}),
         ("04-03 10:00", "payment", {"amount": 25})], ["04-06", "04-07"]),
    "partly paid ones too, later": (
        [("04-03 10:00", "payment", {"amount": 25}),
         ("04-10 10:00", "rules", {"use_automatic_reminders_partly_paid": True})], ["04-11", "04-12"]),
    "partly paid ones too, and no more": (
        [("04-03 10:00", "rules", {"use_automatic_reminders_partly_paid": True}),
         ("04-03 10:00", "payment", {"amount": 25}),
         ("04-06 10:00", "rules", {"use_automatic_reminders_partly_paid": False})], ["04-06"]),
    "little": ([("03-10 10:00", "rules", {"automatic_reminders_minimum_principal_sum": 125.01})], []),
    "just enough": (
        [("03-10 10:00", "rules", {"automatic_reminders_minimum_principal_sum": 125})], ["04-06", "04-07"]),
    "little after a credit; fees don't count": (
        [("03-10 10:00", "rules", {"automatic_reminders_minimum_principal_sum": 125}),
         ("04-06 10:00", "credit", {"mode": "amount", "amount": 1})], ["04-06"]),
    "little, then enough": (
        [("03-10 10:00", "rules", {"automatic_reminders_minimum_principal_sum": 200}),
         ("04-20 07:00", "rules", {"automatic_reminders_minimum_principal_sum": None})], ["04-20", "04-21"]),
    "little, then more of it": (
        [("03-10 10:00", "rules", {"automatic_reminders_minimum_principal_sum": 200}),
         ("04-20 12:00", "put", {"items": [{"title": "More", "count": 2, "price": 100, "vat": 25}]})],
        ["04-21", "04-22"]),
    "by hand does not wait": (
        [("04-03 10:00", "payment", {"amount": 25}), ("04-04 10:00", "remind", {})], ["04-04 10:00"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WAITING)
def test_a_reminder_that_waits_is_not_used_up(name: str) -> None:
    acts, expected = WAITING[name]
    with Dunned(invoices={"automatic_reminders": FIVE_ONE}) as server:
        key = server.sent()["id"]
        for at, act, body in acts:
            server.to(f"2026-{at}")
            if act == "rules":
                server.rules(**body)
            elif act == "put":
                server.put(key, **body)
            else:
                assert server.command(key, act, body).status == 200
        server.to(END)
        assert server.reminded(key) == [
            utc(f"2026-{at}" if ":" in at else f"2026-{at} 08:00") for at in expected
        ]
        assert server.agenda() == []


# the fee


@pytest.mark.parametrize(
    ("terms", "then", "fees"),
    [
        ({}, {}, [60, 60, 60]),
        ({"reminder_fee": 45.5}, {}, ["45.5", "45.5", "45.5"]),
        ({}, {"reminder_fee": 100}, [60, 60, 60]),  # too late
        ({"reminder_fee": 0}, {}, [0, 0, 0]),
    ],
)
def test_the_fee_is_charged_once(terms: dict[str, Any], then: dict[str, Any], fees: list[Any]) -> None:
    with Dunned(invoices={"automatic_reminders": FIVE_ONE}) as server:
        key = server.sent(interest_rate=0, **terms)["id"]
        server.at("2026-04-03 10:00", key, "remind", message="please")
        if then:
            server.put(key, **then)
        server.to(END)
        events = [e["data"] for e in server.shown(key)["events"] if e["type"] == "ReminderSent"]
        assert [Decimal(each["reminder_fee"]) for each in events] == [Decimal(fee) for fee in fees]
        assert [each["reminder_count"] for each in events] == [1, 2, 3]
        assert [each["message"] for each in events] == ["please", "step 1", "step 2"]
        shown = server.shown(key)
        assert Decimal(shown["detailed_sums"]["reminder_fee"]) == Decimal(fees[0])
        assert Decimal(shown["remaining_sum"]) == 125 + Decimal(fees[0])
        assert {Decimal(each["remaining_sum"]) for each in events} == {Decimal(shown["remaining_sum"])}
        assert {each["total_sum"] for each in events} == {125}


# method of the invoice, what was lost since -> method by itself, by hand (None: refused), what is missing
METHODS: list[tuple[str, tuple[str, ...], str, str | None, str]] = [
    ("Email", (), "Email", "Email", ""),
    ("Email+Letter", (), "Email", "Email", ""),
    ("SMS", (), "SMS", "SMS", ""),
    ("SMS+Letter", (), "SMS", "SMS", ""),
    ("Letter", (), "Letter", "Letter", ""),
    ("EDI", (), "Email", "Email", ""),
    ("DoNotNotify", (), "Email", "Email", ""),
    ("DoNotNotify", ("email",), "Letter", "Letter", ""),
    ("Email", ("email",), "Letter", None, "email"),
    ("SMS", ("phone",), "Letter", None, "phone"),
    ("Letter", ("address",), "Letter", None, "address"),
    ("Email", ("email", "address"), "Letter", None, "email"),
    ("DoNotNotify", ("email", "address"), "Letter", None, "address"),
]
LOST: dict[str, dict[str, Any]] = {
    "email": {"email": ""},
    "phone": {"phone": ""},
    "address": {"address": {"street_address": "", "zipcode": "", "city": ""}},
}


@pytest.mark.parametrize(("method", "lost", "by_itself", "by_hand", "absent"), METHODS)
def test_how_a_reminder_leaves(
    method: str, lost: tuple[str, ...], by_itself: str, by_hand: str | None, absent: str
) -> None:
    with Dunned(invoices={"automatic_reminders": FIVE_ONE}) as server:
        edi = {"edi": {"electronic_id": "0007:1234"}}
        key = server.draft(regional_sweden=edi)["id"]
        server.command(key, "send", {"method": method})
        for each in lost:
            server.put(key, customer=LOST[each])
        answer = server.at("2026-04-03 10:00", key, "remind")
        if by_hand is None:
            status, data = answer.error
            assert (status, data["message"]) == (
                "INVALID_PARAMETER",
                f"invalid delivery method, {absent} missing",
            )
        else:
            assert answer.data["events"][-1]["data"]["delivery_method"] == by_hand
        server.to("2026-04-06 08:00")
        shown = server.shown(key)
        assert shown["events"][-1]["data"]["delivery_method"] == by_itself
        undelivered = by_itself == "Letter" and "address" in lost
        assert ("not delivered" in shown["flags"]) == undelivered
        assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("given", "method", "problem"),
    [
        ({"method": "Letter"}, "Letter", None),
        ({"method": "SMS"}, "SMS", None),
        ({"method": None}, "Email", None),
        ({"method": "Email+Letter"}, None, "method"),
        ({"method": "Einvoice"}, None, "method"),
        ({"method": "DoNotNotify"}, None, "method"),
    ],
)
def test_the_method_that_is_asked_for(given: dict[str, Any], method: str | None, problem: str | None) -> None:
    with Dunned() as server:
        key = server.sent()["id"]
        answer = server.at("2026-04-03 10:00", key, "remind", **given)
        if problem is not None:
            status, data = answer.error
            assert (status, data["field"]) == ("INVALID_PARAMETER", problem)
            assert server.shown(key)["reminder_count"] == 0
        else:
            assert answer.data["events"][-1]["data"]["delivery_method"] == method
            assert answer.data["delivery_method"] == "Email"  # the billogram's own stays


@pytest.mark.parametrize(
    ("contact", "method", "failed"),
    [
        ({"email": "a+bounce@example.com"}, "Email", "DeliveryFailed"),
        ({"phone": "0700000000"}, "SMS", "DeliverySmsFailed"),
        ({"email": "a+bounce@example.com"}, "Letter", None),
    ],
)
def test_a_reminder_that_bounces(contact: dict[str, str], method: str, failed: str | None) -> None:
    with Dunned() as server:
        key = server.sent()["id"]
        server.put(key, customer=contact)
        shown = server.at("2026-04-03 10:00", key, "remind", method=method).data
        last = [each["type"] for each in shown["events"]][-2:]
        assert last == (["InterestStarted", "ReminderSent"] if failed is None else ["ReminderSent", failed])
        assert ("delivery failed" in shown["flags"]) == (failed is not None)


def test_each_reminder_is_a_document() -> None:
    """Over what remains then; it keeps the number of the invoice."""
    with Dunned(invoices={"automatic_reminders": FIVE_ONE}) as server:
        key = server.sent()["id"]
        server.at("2026-04-03 10:00", key, "remind", method="Letter", message="please")
        server.to(END)
        documents = server.state().billograms[key].documents[1:]
        events = [e for e in server.shown(key)["events"] if e["type"] == "ReminderSent"]
        assert [(each.kind, each.method, each.message) for each in documents] == [
            ("reminder", "Letter", "please"),
            ("reminder", "Email", "step 1"),
            ("reminder", "Email", "step 2"),
        ]
        # 125 + 60, and 2, 5, 6 days of 8.5 % on 125
        assert [str(each.amount) for each in documents] == ["185.06", "185.15", "185.17"]
        for document, event in zip(documents, events, strict=True):
            data = event["data"]
            assert (document.letter_id, document.invoice_no) == (data["letter_id"], data["invoice_no"])
            assert (document.amount, document.vat, document.earlier) == (Decimal(data["remaining_sum"]), 0, 0)
            assert document.at.isoformat(" ")[:19] == event["created_at"]
        assert len({each.letter_id for each in documents}) == 3
        assert {each.invoice_no for each in documents} == {server.shown(key)["invoice_no"]}
        assert [server.state().letters[each.letter_id] for each in documents] == [key] * 3
