"""Swedish bank days (reference: behaviour 6.4, 6.6)."""

from datetime import date, timedelta

import pytest

from mockserver.core import banking

DAY = timedelta(days=1)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the anonymous algorithm."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    month, day = divmod(d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114, 31)
    return date(year, month, day + 1)


def closed(day: date) -> bool:
    """By the list of the holidays, each one by hand."""
    sunday = easter(day.year)
    fixed = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}
    moving = {sunday - 2 * DAY, sunday + DAY, sunday + 39 * DAY}
    midsummer_eve = day.month == 6 and 19 <= day.day <= 25 and day.weekday() == 4
    return day.weekday() >= 5 or (day.month, day.day) in fixed or day in moving or midsummer_eve


@pytest.mark.parametrize("year", [2005, 2011, 2020, *range(2024, 2042), 2100])
def test_the_next_bank_day_of_every_day_of_a_year(year: int) -> None:
    day = date(year, 1, 1)
    while day.year == year:
        expected = day + DAY
        while closed(expected):
            expected += DAY
        assert banking.next_swedish_day(day) == expected, day
        day += DAY


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(8999, 12, 31), date(9020, 12, 31)])
def test_at_the_ends_of_the_calendar(day: date) -> None:
    assert day < banking.next_swedish_day(day) < day + timedelta(days=10)
