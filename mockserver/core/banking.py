"""Swedish bank days (reference: behaviour 6.4, 6.6). Which days count is a convention of the banks [A]."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

_DAY = timedelta(days=1)
_SATURDAY = 5


def next_swedish_day(day: date) -> date:
    """The first Swedish bank day after a date."""
    return _next(day, _swedish)


def _next(day: date, closed: Callable[[int], frozenset[date]]) -> date:
    day += _DAY
    while day.weekday() >= _SATURDAY or day in closed(day.year):
        day += _DAY
    return day


@lru_cache(maxsize=64)
def _swedish(year: int) -> frozenset[date]:
    from holidays import country_holidays

    eves = {date(year, 12, 24), date(year, 12, 31), _midsummer_eve(year)}
    return frozenset(country_holidays("SE", years=year)) | eves


def _midsummer_eve(year: int) -> date:
    """The Friday from 19 to 25 June."""
    return next(day for day in (date(year, 6, number) for number in range(19, 26)) if day.weekday() == 4)
