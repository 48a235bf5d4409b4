"""When what comes by itself comes, over dates, changes of the clocks and zones (reference: behaviour 6)."""

from typing import Any

import pytest

from tests.dunned import STOCKHOLM, Dunned, happened, steps


def told_by_a_move(
    zone: str, invoice: str, due: str, delays: tuple[int, ...], collection: int | None, end: str
) -> list[tuple[str, str]]:
    rule = {"delay_days": collection, "amount": 0}
    invoices = {"automatic_reminders": steps(*delays), "automatic_collection": rule}
    with Dunned(f"{invoice} 12:00", zone, invoices=invoices) as server:
        key = server.sent(invoice_date=invoice, due_date=due)["id"]
        moved = server.to(end)
        assert {each["billogram"] for each in moved} == {key}
        assert server.fold().image() == server.image()
        return happened(moved)


# zone, invoice date, due date, delays of the reminders, of the collection (None: never) -> UTC of: Overdue,
# interest, the reminders, collection and its news
SEQUENCES: list[tuple[str, str, str, tuple[int, ...], int | None, str, str, list[str], list[str]]] = [
    # 2026-03-29 has 23 hours, 2026-10-25 has 25
    (STOCKHOLM, "2026-02-20", "2026-03-22", (5, 2, 1), 10, "2026-03-22 23:05", "2026-03-22 23:05",
     ["2026-03-27 07:00", "2026-03-29 06:00", "2026-03-30 06:00"], ["2026-04-09 07:00", "2026-04-10 08:00"]),
    (STOCKHOLM, "2026-09-22", "2026-10-22", (1, 2, 1), 5, "2026-10-22 22:05", "2026-10-22 22:05",
     ["2026-10-23 06:00", "2026-10-25 07:00", "2026-10-26 07:00"], ["2026-10-31 08:00", "2026-11-02 09:00"]),
    (STOCKHOLM, "2026-02-26", "2026-03-28", (0, 1), 0, "2026-03-28 23:05", "2026-03-28 23:05",
     ["2026-03-28 07:00", "2026-03-29 06:00"], ["2026-03-29 07:00", "2026-03-30 08:00"]),
    # 29 February, the year after it, the end of a month and of a year
    (STOCKHOLM, "2028-01-29", "2028-02-28", (1, 1), 365, "2028-02-28 23:05", "2028-02-28 23:05",
     ["2028-02-29 07:00", "2028-03-01 07:00"], ["2029-03-01 08:00", "2029-03-02 09:00"]),
    (STOCKHOLM, "2027-01-29", "2027-02-28", (1, 1), None, "2027-02-28 23:05", "2027-02-28 23:05",
     ["2027-03-01 07:00", "2027-03-02 07:00"], []),
    (STOCKHOLM, "2026-12-01", "2026-12-31", (0, 0), 0, "2026-12-31 23:05", "2026-12-31 23:05",
     ["2026-12-31 07:00", "2027-01-01 07:00"], ["2027-01-01 08:00", "2027-01-04 09:00"]),
    (STOCKHOLM, "2026-03-31", "2026-04-30", (30,), 31, "2026-04-30 22:05", "2026-04-30 22:05",
     ["2026-05-30 06:00"], ["2026-06-30 07:00", "2026-07-01 08:00"]),
    (STOCKHOLM, "2026-03-02", "2026-04-01", (), 0, "2026-04-01 22:05", "2026-04-01 22:05",
     [], ["2026-04-02 07:00", "2026-04-07 08:00"]),  # not on the due date itself; over Easter
    (STOCKHOLM, "2026-03-02", "2026-04-01", (3650,), None, "2026-04-01 22:05", "2026-04-01 22:05",
     ["2036-03-29 07:00"], []),
    # interest waits for invoice date + 30 days
    (STOCKHOLM, "2026-03-02", "2026-03-10", (5,), 40, "2026-03-10 23:05", "2026-04-01 22:05",
     ["2026-03-15 07:00"], ["2026-04-24 07:00", "2026-04-27 08:00"]),
    # odd offsets: +5:45; -2:30 in summer, -3:30 else
    ("Asia/Kathmandu", "2026-03-02", "2026-04-01", (5, 1), 10, "2026-04-01 18:20", "2026-04-01 18:20",
     ["2026-04-06 02:15", "2026-04-07 02:15"], ["2026-04-17 03:15", "2026-04-20 04:15"]),
    ("America/St_Johns", "2026-03-02", "2026-04-01", (5, 1), 10, "2026-04-02 02:35", "2026-04-02 02:35",
     ["2026-04-06 10:30", "2026-04-07 10:30"], ["2026-04-17 11:30", "2026-04-20 12:30"]),
    ("America/St_Johns", "2026-10-01", "2026-10-31", (1, 1), 1, "2026-11-01 02:35", "2026-11-01 02:35",
     ["2026-11-01 11:30", "2026-11-02 11:30"], ["2026-11-03 12:30", "2026-11-04 13:30"]),
    # there the clocks changed at 00:01 in those years: 00:05 is skipped; it comes after the double minute
    ("America/St_Johns", "2011-02-10", "2011-03-12", (1,), None, "2011-03-13 03:31", "2011-03-13 03:31",
     ["2011-03-13 10:30"], []),
    ("America/St_Johns", "2010-10-07", "2010-11-06", (1,), None, "2010-11-07 03:35", "2010-11-07 03:35",
     ["2010-11-07 11:30"], []),
    # 2011-12-30 was skipped: its times are the first instant of the 31st
    ("Pacific/Apia", "2011-11-29", "2011-12-29", (1, 1), 1, "2011-12-30 10:00", "2011-12-30 10:00",
     ["2011-12-30 10:00", "2011-12-31 18:00"], ["2012-01-01 19:00", "2012-01-02 20:00"]),
    ("Pacific/Apia", "2011-11-30", "2011-12-30", (0, 1), None, "2011-12-30 10:05", "2011-12-30 10:05",
     ["2011-12-30 10:00", "2011-12-31 18:00"], []),
    ("Pacific/Apia", "2011-11-28", "2011-12-28", (1, 1, 1), None, "2011-12-29 10:05", "2011-12-29 10:05",
     ["2011-12-29 18:00", "2011-12-30 10:00", "2011-12-31 18:00"], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "invoice", "due", "delays", "collection", "overdue", "interest", "reminders", "agency"),
    SEQUENCES,
)
def test_the_moments_of_a_sequence(
    zone: str,
    invoice: str,
    due: str,
    delays: tuple[int, ...],
    collection: int | None,
    overdue: str,
    interest: str,
    reminders: list[str],
    agency: list[str],
) -> None:
    told = told_by_a_move(zone, invoice, due, delays, collection, "2037-01-01 00:00")
    rules = ["collection", "collection news"]
    expected = [("overdue", overdue), *zip(["reminder"] * len(reminders), reminders, strict=True)]
    expected += zip(rules[: len(agency)], agency, strict=True)
    if not agency or interest < agency[0]:  # none begins in Collection
        expected.append(("interest", interest))
    assert sorted(told) == sorted((rule, f"{at}:00") for rule, at in expected)
    assert [at for _, at in told] == sorted(at for _, at in told)


# collected at noon -> the agency has taken it up, UTC
NEWS = [
    ("2026-03-02", "2026-03-03 09:00"),
    ("2026-04-10", "2026-04-13 08:00"),  # Friday
    ("2026-04-11", "2026-04-13 08:00"),
    ("2026-04-12", "2026-04-13 08:00"),
    ("2026-03-27", "2026-03-30 08:00"),  # the clocks change
    ("2026-10-23", "2026-10-26 09:00"),
    ("2026-04-01", "2026-04-02 08:00"),
    ("2026-04-02", "2026-04-07 08:00"),  # Good Friday and Easter Monday
    ("2026-04-03", "2026-04-07 08:00"),
    ("2026-04-30", "2026-05-04 08:00"),
    ("2026-05-13", "2026-05-15 08:00"),  # Ascension
    ("2026-06-05", "2026-06-08 08:00"),
    ("2025-06-05", "2025-06-09 08:00"),  # 6 June is a Friday
    ("2026-06-18", "2026-06-22 08:00"),  # Midsummer Eve
    ("2027-06-24", "2027-06-28 08:00"),
    ("2026-10-30", "2026-11-02 09:00"),
    ("2026-12-23", "2026-12-28 09:00"),  # 24 to 27
    ("2026-12-30", "2027-01-04 09:00"),  # 31, 1 to 3
    ("2027-01-05", "2027-01-07 09:00"),
    ("2029-12-21", "2029-12-27 09:00"),  # 24 is a Monday
]


@pytest.mark.parametrize(("day", "expected"), NEWS)
def test_news_of_the_agency_the_next_swedish_bank_day(day: str, expected: str) -> None:
    with Dunned(f"{day} 12:00") as server:
        key = server.sent(invoice_date="2025-01-01", due_date="2025-01-31")["id"]
        assert server.command(key, "collect").data["state"] == "Collecting"
        assert server.agenda() == [("collection news", f"{expected}:00")]
        [event] = server.to(f"{expected[:10]} 23:00")
        assert [each["type"] for each in event["events"]] == ["CollectionStatusUpdate"]
        assert server.shown(key)["state"] == "Collection"
        assert server.agenda() == []


# zone, born at noon of, due date, respite to -> its end, UTC
RESPITES = [
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2026-03-27", "2026-03-27 23:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2026-03-28", "2026-03-28 23:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2026-03-29", "2026-03-29 22:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2026-10-24", "2026-10-24 22:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2026-10-25", "2026-10-25 23:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2026-12-31", "2026-12-31 23:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2028-02-28", "2028-02-28 23:05"),
    (STOCKHOLM, "2026-03-02", "2026-03-10", "2028-02-29", "2028-02-29 23:05"),
    ("Asia/Kathmandu", "2026-03-02", "2026-04-01", "2026-04-20", "2026-04-20 18:20"),
    ("America/St_Johns", "2026-03-02", "2026-04-01", "2026-04-20", "2026-04-21 02:35"),
    ("Pacific/Apia", "2011-12-01", "2011-12-15", "2011-12-29", "2011-12-30 10:00"),
    ("Pacific/Apia", "2011-12-01", "2011-12-15", "2011-12-30", "2011-12-30 10:05"),
]


@pytest.mark.parametrize(("zone", "born", "due", "until", "expected"), RESPITES)
def test_a_respite_ends_with_its_last_day_and_then_it_is_overdue(
    zone: str, born: str, due: str, until: str, expected: str
) -> None:
    with Dunned(f"{born} 12:00", zone) as server:
        key = server.sent(invoice_date="2011-01-01", due_date=due, interest_rate=0)["id"]
        assert server.command(key, "respite", {"date": until}).data["respite_date"] == until
        assert server.agenda() == [("respite", f"{expected}:00")]
        moved = server.to("2030-01-01 00:00")
        assert happened(moved) == [("respite", f"{expected}:00"), ("overdue", f"{expected}:00")]
        assert [each["billogram"] for each in moved] == [key, key]
        assert moved[0]["events"] == []  # an act of its own, without an event
        shown: dict[str, Any] = server.shown(key)
        assert (shown["state"], shown["respite_date"]) == ("Overdue", until)  # it stays visible
        assert server.fold().image() == server.image()
