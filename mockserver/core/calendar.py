"""Local time and UTC. Nothing else turns one into the other (reference: behaviour 6.1)."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SHORT = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)", re.ASCII)
_ISO = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", re.ASCII)
_UNITS = {"h": "hours", "m": "minutes", "s": "seconds"}

# Dates outside are refused at the edge, so that adding days or zones never leaves the calendar [A].
FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(8999, 12, 31)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The zone of this IANA name; ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"unknown time zone: {name}") from error


def local_date(moment: datetime, timezone: str) -> date:
    """The date on the wall of the account at a moment."""
    return moment.astimezone(zone(timezone)).date()


def moment(day: date, at: time, timezone: str) -> datetime:
    """The moment of a local time, in UTC.

    A time that a change of the clocks skips is the first instant after it; a double one is the first.
    """
    local = datetime.combine(day, at, zone(timezone))
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


def day_start(day: date, timezone: str) -> datetime:
    """00:05 local, when the dates of billograms are looked at [R: nightly, just after midnight]."""
    return moment(day, time(0, 5), timezone)


def absolute(text: str) -> timedelta:
    """A span of hours, minutes and seconds: `2h`, `15m`, `0.3s`, `PT2H30M` (reference: control 1).

    ValueError for anything else; calendar steps such as `30d` are none of these.
    """
    short, iso = _SHORT.fullmatch(text), _ISO.fullmatch(text)
    try:
        if short is not None:
            return timedelta(**{_UNITS[short[2]]: float(short[1])})
        if iso is not None:
            hours, minutes, seconds = (float(part or 0) for part in iso.groups())
            return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        pass
    raise ValueError(f"not a duration: {text} (try 30s, 15m, 2h or PT2H)")
