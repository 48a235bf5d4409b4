"""Local time and UTC. This is the only module that converts between them (reference: behaviour 6.1)."""

import re
from calendar import monthrange
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS = ("y", "mo", "w", "d", "h", "m", "s")
_SHORT = re.compile(r"(\d+)(y|mo|w|d)|(\d+(?:\.\d+)?)(h|m|s)", re.ASCII)
_ISO = re.compile(
    r"P(?=[\dT])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_MAX_TEXT = 40  # characters of a span [A]
_DAY = timedelta(days=1)

BANK_TIME = time(10)  # when banks answer [A]
DAY_BEGINS = time(0, 5)  # when the dates of billograms are checked [R: nightly, just after midnight]

# Dates outside this range are refused at the edge, so that arithmetic never leaves the calendar [A].
FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(8999, 12, 31)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the zone with this IANA name. Raise ValueError for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"unknown time zone: {name}") from error


def local_date(moment: datetime, timezone: str) -> date:
    """Return the local date in a time zone at a moment."""
    return moment.astimezone(zone(timezone)).date()


def moment(day: date, at: time, timezone: str) -> datetime:
    """Return the moment of a local time, in UTC.

    For a local time that a change to summer time skips, it is the first instant after the gap. For one that
    occurs twice, it is the first of the two.
    """
    local = datetime.combine(day, at.replace(fold=0), zone(timezone))
    first = local.astimezone(UTC)
    if first.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
        return first
    # skipped: the change lies between the two readings of this local time
    low, high = local.replace(fold=1).astimezone(UTC), first
    before = low.astimezone(local.tzinfo).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(local.tzinfo).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@lru_cache(maxsize=4096)
def day_moment(day: date, at: time, timezone: str) -> datetime:
    """Return the moment of a local time in UTC. It is cached, because many billograms share a deadline."""
    return moment(day, at, timezone)


@lru_cache(maxsize=4096)  # needed at every change of a billogram
def day_start(day: date, timezone: str) -> datetime:
    """Return 00:05 local on a day, in UTC: the moment at which the dates of billograms are checked."""
    return moment(day, DAY_BEGINS, timezone)


def months_after(day: date, months: int) -> date:
    """Return the same day of the month `months` later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def next_day_start(moment: datetime, timezone: str) -> datetime:
    """Return the first 00:05 local after a moment, in UTC.

    Each date has exactly one, as in `day_start`, even when 00:05 occurs twice or is skipped.
    """
    day = local_date(moment, timezone)
    while (start := day_start(day, timezone)) <= moment:
        day += _DAY
    return start


def absolute(text: str) -> timedelta:
    """Parse a span of hours, minutes and seconds: `2h`, `15m`, `0.3s`, `PT2H30M` (reference: control 1).

    Raise ValueError for anything else, also for calendar steps such as `30d`.
    """
    parts = _parts(text)
    if parts is not None and parts.keys() <= {"h", "m", "s"}:
        try:
            return _exact(parts)
        except OverflowError:
            pass
    raise _invalid_duration(text, "30s, 15m, 2h or PT2H")


def after(start: datetime, span: str, timezone: str) -> datetime:
    """Return the moment a span after a start: `2h`, `30d`, `1mo`, `P1M`, `P1DT2H` (reference: control 1).

    Years to days are steps on the account's calendar at the same local time. Hours to seconds are absolute,
    and are added afterwards. The result is never before the start. Raise ValueError for a text that is no
    span, and for an end after the last year.
    """
    assert start.tzinfo is not None
    parts = _parts(span)
    if parts is None:
        raise _invalid_duration(span, "30s, 2h, 30d, 1mo or P1M")
    try:
        end = _stepped(start.astimezone(UTC), parts, timezone) + _exact(parts)
    except OverflowError:
        end = None
    if end is None or end.year > LAST_DATE.year:
        raise ValueError(f"{span} after {start.date()} leaves the calendar")
    return end


def _parts(text: str) -> dict[str, str] | None:
    """The numbers of a span by unit; None when it is no span."""
    if len(text) > _MAX_TEXT:
        return None
    if short := _SHORT.fullmatch(text):
        return {short[2] or short[4]: short[1] or short[3]}
    if iso := _ISO.fullmatch(text):
        return {unit: part for unit, part in zip(_UNITS, iso.groups(), strict=True) if part is not None}
    return None


def _exact(parts: dict[str, str]) -> timedelta:
    hours, minutes, seconds = (float(parts.get(unit, 0)) for unit in ("h", "m", "s"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _stepped(start: datetime, parts: dict[str, str], timezone: str) -> datetime:
    """Return the start moved by the years to days of a span: months first, cut at the month's end [A]."""
    years, months, weeks, days = (int(parts.get(unit, 0)) for unit in ("y", "mo", "w", "d"))
    if not (years or months or weeks or days):
        return start
    local = start.astimezone(zone(timezone))
    year, month = divmod((local.year + years) * 12 + local.month - 1 + months, 12)
    if year > MAXYEAR:
        raise OverflowError
    day = date(year, month + 1, min(local.day, monthrange(year, month + 1)[1]))
    day += timedelta(days=weeks * 7 + days)
    return max(start, moment(day, local.time(), timezone))


def _invalid_duration(text: str, examples: str) -> ValueError:
    shown = text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
    return ValueError(f"not a duration: {shown} (try {examples})")
