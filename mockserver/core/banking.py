"""Bank days of Sweden and of TARGET, which SEPA uses for settlement (reference: behaviour 6.4, 6.6, 8.1)."""

from datetime import date, timedelta
from functools import lru_cache

from mockserver.core.funds import AUTOGIRO

_DAY = timedelta(days=1)
_SATURDAY = 5


def next_swedish_day(day: date) -> date:
    """Return the first Swedish bank day after a date."""
    return after(day, 1, AUTOGIRO)


def load() -> None:
    """Import the calendars now, so that the first question about a bank day does not wait for that."""
    _swedish(2026)
    _target(2026)


def is_open(day: date, scheme: str) -> bool:
    """Whether banks settle on a date. Autogiro uses Swedish bank days, the other schemes use TARGET."""
    closed = _swedish(day.year) if scheme == AUTOGIRO else _target(day.year)
    return day.weekday() < _SATURDAY and day not in closed


def first_from(day: date, scheme: str) -> date:
    """Return the first bank day on or after a date."""
    while not is_open(day, scheme):
        day += _DAY
    return day


def after(day: date, count: int, scheme: str) -> date:
    """Return the date `count` bank days after a date; with 0 the date itself."""
    for _ in range(count):
        day = first_from(day + _DAY, scheme)
    return day


def before(day: date, count: int, scheme: str) -> date:
    """Return the date `count` bank days before a date."""
    for _ in range(count):
        day -= _DAY
        while not is_open(day, scheme):
            day -= _DAY
    return day


@lru_cache(maxsize=64)
def _swedish(year: int) -> frozenset[date]:
    from holidays import country_holidays

    eves = {date(year, 12, 24), date(year, 12, 31), _midsummer_eve(year)}
    return frozenset(country_holidays("SE", years=year)) | eves


@lru_cache(maxsize=64)
def _target(year: int) -> frozenset[date]:
    from holidays import financial_holidays

    return frozenset(financial_holidays("ECB", years=year))


def _midsummer_eve(year: int) -> date:
    """Return the Friday from 19 to 25 June. It is a bank holiday, as are 24 and 31 December [A]."""
    return next(day for day in (date(year, 6, number) for number in range(19, 26)) if day.weekday() == 4)
