"""Local time and UTC (reference: behaviour 6.1)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from mockserver.core import calendar

STOCKHOLM = "Europe/Stockholm"


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        ((2026, 3, 2), (10, 0), STOCKHOLM, "2026-03-02T09:00:00"),
        ((2026, 7, 1), (0, 5), STOCKHOLM, "2026-06-30T22:05:00"),
        ((2026, 4, 2), (0, 5), STOCKHOLM, "2026-04-01T22:05:00"),
        ((2026, 3, 29), (1, 59), STOCKHOLM, "2026-03-29T00:59:00"),
        ((2026, 3, 29), (2, 0), STOCKHOLM, "2026-03-29T01:00:00"),  # skipped: the first instant after
        ((2026, 3, 29), (2, 59), STOCKHOLM, "2026-03-29T01:00:00"),
        ((2026, 3, 29), (3, 0), STOCKHOLM, "2026-03-29T01:00:00"),
        ((2026, 10, 25), (2, 30), STOCKHOLM, "2026-10-25T00:30:00"),  # double: the first
        ((2026, 10, 25), (3, 0), STOCKHOLM, "2026-10-25T02:00:00"),
        ((2011, 12, 30), (12, 0), "Pacific/Apia", "2011-12-30T10:00:00"),  # a whole day skipped
        ((2026, 3, 2), (10, 0), "America/New_York", "2026-03-02T15:00:00"),
        ((2018, 11, 4), (0, 5), "America/Sao_Paulo", "2018-11-04T03:00:00"),  # midnight skipped
    ],
)
def test_a_local_time_is_one_moment(
    day: tuple[int, int, int], at: tuple[int, int], zone: str, expected: str
) -> None:
    assert calendar.moment(date(*day), time(*at), zone) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


def test_the_local_date() -> None:
    assert calendar.local_date(datetime(2026, 3, 31, 22, 5, tzinfo=UTC), STOCKHOLM) == date(2026, 4, 1)
    assert calendar.local_date(datetime(2026, 3, 31, 21, 55, tzinfo=UTC), STOCKHOLM) == date(2026, 3, 31)


@pytest.mark.parametrize("name", ["", "Nowhere", "../etc/passwd", "Europe/Stockholm\0", "/etc/localtime"])
def test_an_unknown_zone_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        calendar.zone(name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("0.3s", 0.3),
        ("15m", 900),
        ("2h", 7200),
        ("PT2H", 7200),
        ("PT1H30M", 5400),
        ("PT0.5S", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert calendar.absolute(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "s", "-1s", "30d", "P1D", "PT", "PTS", "1e9s", "99999999999999h", "30 s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        calendar.absolute(text)
