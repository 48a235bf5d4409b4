"""Local time and UTC (reference: behaviour 6.1)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mockserver.core import calendar

STOCKHOLM = "Europe/Stockholm"
APIA = "Pacific/Apia"  # has no 30 December 2011
LORD_HOWE = "Australia/Lord_Howe"  # changes by half an hour
SAO_PAULO = "America/Sao_Paulo"  # changed at midnight: 00:00-00:59 skipped, 23:00-23:59 double
HAVANA = "America/Havana"  # changes at midnight too, but back into the same date: 00:00-00:59 double
DUBLIN = "Europe/Dublin"  # its winter time is the DST, a negative one
CASABLANCA = "Africa/Casablanca"  # steps back for Ramadan
ZONES = [
    *(STOCKHOLM, APIA, LORD_HOWE, SAO_PAULO, HAVANA, DUBLIN, CASABLANCA),
    *("UTC", "Africa/Cairo", "Africa/El_Aaiun", "America/Asuncion", "America/New_York", "America/Nuuk"),
    *("America/Santiago", "America/Scoresbysund", "America/St_Johns", "Antarctica/Casey"),
    *("Antarctica/Troll", "Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Pyongyang"),
    *("Asia/Tehran", "Atlantic/Azores", "Europe/Istanbul", "Europe/Volgograd", "Pacific/Chatham"),
    *("Pacific/Easter", "Pacific/Fakaofo", "Pacific/Kwajalein", "Pacific/Tongatapu"),
]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(moment: datetime, zone: str) -> datetime:
    """What a clock on the wall shows."""
    return moment.astimezone(calendar.zone(zone)).replace(tzinfo=None)


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
        ((2011, 12, 30), (12, 0), APIA, "2011-12-30T10:00:00"),  # a whole day skipped
        ((2026, 3, 2), (10, 0), "America/New_York", "2026-03-02T15:00:00"),
        ((2018, 11, 4), (0, 5), SAO_PAULO, "2018-11-04T03:00:00"),  # midnight skipped
        ((2018, 2, 17), (23, 30), SAO_PAULO, "2018-02-18T01:30:00"),  # double, before midnight
        ((2018, 2, 18), (0, 5), SAO_PAULO, "2018-02-18T03:05:00"),
        ((2025, 10, 5), (2, 15), LORD_HOWE, "2025-10-04T15:30:00"),
        ((2025, 4, 6), (1, 45), LORD_HOWE, "2025-04-05T14:45:00"),
        ((2026, 3, 29), (1, 30), DUBLIN, "2026-03-29T01:00:00"),
        ((2026, 10, 25), (1, 30), DUBLIN, "2026-10-25T00:30:00"),
        ((2025, 4, 6), (2, 30), CASABLANCA, "2025-04-06T02:00:00"),
        ((2025, 2, 23), (2, 30), CASABLANCA, "2025-02-23T01:30:00"),
        ((2025, 3, 9), (0, 5), HAVANA, "2025-03-09T05:00:00"),
        ((2025, 11, 2), (0, 5), HAVANA, "2025-11-02T04:05:00"),
        ((1994, 1, 1), (0, 5), "Pacific/Enderbury", "1994-01-01T11:05:00"),
    ],
)
def test_a_local_time_is_one_moment(
    day: tuple[int, int, int], at: tuple[int, int], zone: str, expected: str
) -> None:
    for fold in (0, 1):  # of a time read off a clock in its second double hour
        assert calendar.moment(date(*day), time(*at, fold=fold), zone) == utc(expected)


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


@pytest.mark.parametrize(
    ("start", "span", "zone", "expected"),
    [
        # absolute
        ("2026-03-02T09:00", "2h", STOCKHOLM, "2026-03-02T11:00"),
        ("2026-03-02T09:00", "15m", STOCKHOLM, "2026-03-02T09:15"),
        ("2026-03-02T09:00", "0.3s", STOCKHOLM, "2026-03-02T09:00:00.300"),
        ("2026-03-02T09:00", "1.5h", STOCKHOLM, "2026-03-02T10:30"),
        ("2026-03-02T09:00", "PT1M0.5S", STOCKHOLM, "2026-03-02T09:01:00.500"),
        ("2026-03-29T00:30", "2h", STOCKHOLM, "2026-03-29T02:30"),  # 01:30 to 04:30 on the wall
        ("2026-10-25T00:30", "2h", STOCKHOLM, "2026-10-25T02:30"),  # 02:30 to 03:30
        ("2026-03-28T12:00", "24h", STOCKHOLM, "2026-03-29T12:00"),
        ("2011-12-30T09:00", "2h", APIA, "2011-12-30T11:00"),
        # days and weeks, at the same local time
        ("2026-03-02T09:00", "1d", STOCKHOLM, "2026-03-03T09:00"),
        ("2026-03-02T09:00", "P1D", STOCKHOLM, "2026-03-03T09:00"),
        ("2026-03-28T12:00", "1d", STOCKHOLM, "2026-03-29T11:00"),
        ("2026-10-24T12:00", "1d", STOCKHOLM, "2026-10-25T13:00"),
        ("2026-03-02T09:00", "30d", STOCKHOLM, "2026-04-01T08:00"),
        ("2026-03-23T12:00", "1w", STOCKHOLM, "2026-03-30T11:00"),
        ("2026-10-19T12:00", "P2W", STOCKHOLM, "2026-11-02T13:00"),
        ("2026-06-30T22:30", "1d", STOCKHOLM, "2026-07-01T22:30"),  # the local date counts: 1 July
        # months and years, cut at the end of the month
        ("2026-01-31T09:00", "1mo", STOCKHOLM, "2026-02-28T09:00"),
        ("2028-01-31T09:00", "P1M", STOCKHOLM, "2028-02-29T09:00"),
        ("2026-01-31T09:00", "2mo", STOCKHOLM, "2026-03-31T08:00"),
        ("2026-03-31T08:00", "1mo", STOCKHOLM, "2026-04-30T08:00"),
        ("2026-11-30T09:00", "3mo", STOCKHOLM, "2027-02-28T09:00"),
        ("2026-12-31T09:00", "12mo", STOCKHOLM, "2027-12-31T09:00"),
        ("2026-12-15T09:00", "1mo", STOCKHOLM, "2027-01-15T09:00"),
        ("2028-02-29T09:00", "1y", STOCKHOLM, "2029-02-28T09:00"),
        ("2028-02-29T09:00", "4y", STOCKHOLM, "2032-02-29T09:00"),
        ("2096-02-29T09:00", "P4Y", STOCKHOLM, "2100-02-28T09:00"),  # 2100 has no leap day
        ("2028-02-29T09:00", "P1Y1M", STOCKHOLM, "2029-03-29T08:00"),  # cut once, not twice
        ("2026-01-30T23:30", "1mo", STOCKHOLM, "2026-02-27T23:30"),  # local: 31 January, 28 February
        # mixtures: months, then days, then hours
        ("2026-01-31T09:00", "P1M1D", STOCKHOLM, "2026-03-01T09:00"),
        ("2028-02-28T09:00", "P1Y1D", STOCKHOLM, "2029-03-01T09:00"),
        ("2026-03-02T09:00", "P1DT2H", STOCKHOLM, "2026-03-03T11:00"),
        ("2026-03-28T00:30", "P1DT2H", STOCKHOLM, "2026-03-29T02:30"),
        ("2026-03-27T23:30", "P1DT2H", STOCKHOLM, "2026-03-29T01:30"),
        ("2026-01-31T09:00", "P1Y2M3W4DT5H6M7.5S", STOCKHOLM, "2027-04-25T13:06:07.500"),
        # skipped
        ("2026-03-28T01:30", "1d", STOCKHOLM, "2026-03-29T01:00"),
        ("2026-03-28T01:30:15.250", "1d", STOCKHOLM, "2026-03-29T01:00"),
        ("2026-03-28T01:30", "2d", STOCKHOLM, "2026-03-30T00:30"),
        ("2026-03-28T01:30", "P1DT1H", STOCKHOLM, "2026-03-29T02:00"),
        ("2026-02-28T01:30", "P1M1D", STOCKHOLM, "2026-03-29T01:00"),
        ("2025-10-03T15:45", "1d", LORD_HOWE, "2025-10-04T15:30"),
        ("2011-12-29T22:00", "1d", APIA, "2011-12-30T10:00"),
        ("2011-12-29T22:00", "2d", APIA, "2011-12-30T22:00"),
        ("2011-12-29T22:00", "1w", APIA, "2012-01-04T22:00"),
        ("2018-11-03T03:30", "1d", SAO_PAULO, "2018-11-04T03:00"),
        ("2026-03-28T01:30", "1d", DUBLIN, "2026-03-29T01:00"),
        ("2025-04-05T02:30", "1d", CASABLANCA, "2025-04-06T02:00"),
        # double: the first, wherever it came from
        ("2026-10-24T00:30", "1d", STOCKHOLM, "2026-10-25T00:30"),
        ("2026-10-24T00:30:15.250", "1d", STOCKHOLM, "2026-10-25T00:30:15.250"),
        ("2025-04-04T14:45", "1d", LORD_HOWE, "2025-04-05T14:45"),
        ("2026-10-24T00:30", "1d", DUBLIN, "2026-10-25T00:30"),
        ("2025-02-22T01:30", "1d", CASABLANCA, "2025-02-23T01:30"),
        ("2026-10-25T01:30", "53w", STOCKHOLM, "2027-10-31T00:30"),  # from a second 02:30 to a first
        ("2026-10-25T01:30", "P5M3D", STOCKHOLM, "2027-03-28T01:00"),  # from a second 02:30 to a skipped one
        ("2026-10-25T01:30", "1d", STOCKHOLM, "2026-10-26T01:30"),
        # never back
        ("2026-10-25T01:30", "0d", STOCKHOLM, "2026-10-25T01:30"),
        ("2026-10-25T01:30", "P0Y0M0W0DT0S", STOCKHOLM, "2026-10-25T01:30"),
        ("2026-10-25T01:30", "PT15M", STOCKHOLM, "2026-10-25T01:45"),
        ("2026-10-25T01:30", "P0DT15M", STOCKHOLM, "2026-10-25T01:45"),
        ("2026-10-25T01:30:00.000007", "0s", STOCKHOLM, "2026-10-25T01:30:00.000007"),
        # to the last year, which is one of UTC
        ("2026-03-02T09:00", "6973y", STOCKHOLM, "8999-03-02T09:00"),
        ("8999-12-30T23:30", "1d", STOCKHOLM, "8999-12-31T23:30"),
        ("8999-12-31T23:59:59", "0.999999s", STOCKHOLM, "8999-12-31T23:59:59.999999"),
    ],
)
def test_a_span_after_a_moment(start: str, span: str, zone: str, expected: str) -> None:
    assert calendar.after(utc(start), span, zone) == utc(expected)


@pytest.mark.parametrize(
    "span",
    [
        *(
            "",
            "P",
            "PT",
            "P1DT",
            "PT1D",
            "P1H",
            "1",
            "d",
            "30",
            "mo",
            "T2H",
            "1h30m",
            "P1D2H",
            "P1M1Y",
            "P1D1W",
        ),
        *("-1d", "+1d", "P-1D", "-P1D", "PT-1S", "1 d", " 1d", "1d ", "1d\n", "P1D\n", "P 1D", "1d\0"),
        *("1M", "1MO", "1Mo", "1D", "2H", "1W", "1Y", "p1d", "P1d", "pt2h", "Pt2H", "1min", "1ms", "1day"),
        *(
            "1.5d",
            "0.5w",
            "1.5mo",
            "0.5y",
            "P1.5D",
            "P0.5M",
            "PT1.5H",
            "PT0.5M",
            "1.s",
            ".5s",
            "PT.5S",
            "PT1.S",
        ),
        *("PT0,5S", "1,5h", "1_0d", "1e3s", "0x1d", "\u0661d", "P\u0663D", "\uff11h", "1\u00b2d"),
        *("infs", "nans", "9" * 40 + "d", "0" * 40 + "1d", "P" + "0" * 39 + "1D", "9" * 5000 + "s"),
    ],
)
def test_what_is_no_span(span: str) -> None:
    with pytest.raises(
        ValueError, match=r"^not a duration: (?s:.*) \(try 30s, 2h, 30d, 1mo or P1M\)$"
    ) as caught:
        calendar.after(utc("2026-03-02T09:00"), span, STOCKHOLM)
    assert len(str(caught.value)) < 110
    with pytest.raises(ValueError, match="not a duration"):
        calendar.absolute(span)


@pytest.mark.parametrize("span", ["1y", "1mo", "1w", "0d", "P1D", "P1DT2H", "P0DT2H", "P0D"])
def test_calendar_steps_are_not_absolute(span: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration: .* \(try 30s, 15m, 2h or PT2H\)"):
        calendar.absolute(span)


@pytest.mark.parametrize(
    ("start", "span"),
    [
        ("2026-03-02T09:00", "6974y"),
        ("2026-03-02T09:00", "7973y"),  # 9999
        ("2026-03-02T09:00", "7974y"),
        ("2026-03-02T09:00", "P99999999999M"),
        *(("2026-03-02T09:00", "9" * 37 + unit) for unit in ("y", "mo", "w", "d", "h", "m", "s")),
        ("2026-03-02T09:00", "2912000d"),  # to the last days of 9998
        ("2026-03-02T09:00", "999999999d"),
        ("2026-03-02T09:00", "999999999h"),
        ("2026-03-02T09:00", "P7000YT" + "9" * 30 + "S"),
        ("8999-12-31T09:00", "1d"),
        ("8999-12-31T23:30", "30m"),
        ("8999-12-01T09:00", "1mo"),
        ("9000-01-01T00:00", "0s"),
        ("9999-12-31T23:30", "0d"),
        ("9999-12-31T23:30", "1d"),
    ],
)
def test_a_span_that_leaves_the_calendar(start: str, span: str) -> None:
    for zone in (STOCKHOLM, "America/New_York"):
        with pytest.raises(ValueError, match=f"^{span} after {start[:10]} leaves the calendar$"):
            calendar.after(utc(start), span, zone)


def test_a_span_in_an_unknown_zone() -> None:
    with pytest.raises(ValueError, match="unknown time zone: Nowhere"):
        calendar.after(utc("2026-03-02T09:00"), "1d", "Nowhere")


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-03-02T09:00", STOCKHOLM, "2026-03-02T23:05"),
        ("2026-03-02T23:04:59.999999", STOCKHOLM, "2026-03-02T23:05"),
        ("2026-03-02T23:05", STOCKHOLM, "2026-03-03T23:05"),  # strictly after
        ("2026-03-28T23:05", STOCKHOLM, "2026-03-29T22:05"),
        ("2026-10-24T22:05", STOCKHOLM, "2026-10-25T23:05"),
        ("2018-11-04T02:59", SAO_PAULO, "2018-11-04T03:00"),  # skipped: the first instant after
        ("2018-11-04T03:00", SAO_PAULO, "2018-11-05T02:05"),
        ("2018-02-18T02:30", SAO_PAULO, "2018-02-18T03:05"),  # the second 23:30
        ("2025-03-09T04:59", HAVANA, "2025-03-09T05:00"),
        ("2025-11-02T04:04", HAVANA, "2025-11-02T04:05"),  # double: the first alone
        ("2025-11-02T04:05", HAVANA, "2025-11-03T05:05"),
        ("2025-11-02T05:02", HAVANA, "2025-11-03T05:05"),
        ("2011-12-29T10:05", APIA, "2011-12-30T10:00"),  # of the date that is skipped
        ("2011-12-30T10:00", APIA, "2011-12-30T10:05"),
        ("2010-11-07T02:30", "America/St_Johns", "2010-11-07T03:35"),  # 00:01 goes back to 23:01
        ("2010-11-07T02:31", "America/St_Johns", "2010-11-07T03:35"),
    ],
)
def test_the_next_start_of_a_day(moment: str, zone: str, expected: str) -> None:
    assert calendar.next_day_start(utc(moment), zone) == utc(expected)


def test_the_start_of_a_day_is_kept() -> None:
    assert calendar.day_start.cache_info().maxsize == 4096
    before = calendar.day_start.cache_info().hits
    first = calendar.day_start(date(2031, 5, 1), STOCKHOLM)
    assert calendar.day_start(date(2031, 5, 1), STOCKHOLM) is first
    assert calendar.day_start(date(2031, 5, 1), "America/New_York") != first
    assert calendar.day_start.cache_info().hits == before + 1


# a second model, which only reads clocks: the moment of a local time is when the wall first shows it or more


def first_shown(local: datetime, zone: str) -> datetime:
    """Walks minute by minute; since 1973 the clocks change on whole minutes only."""
    moment = (local - 15 * HOUR).replace(second=0, microsecond=0, tzinfo=UTC)  # no zone is ahead of that
    while (missing := local - wall(moment, zone)) >= MINUTE:
        moment += MINUTE
    return moment + max(missing, timedelta(0))


@lru_cache
def changes(zone: str, year: int) -> list[datetime]:
    """The first minutes of new offsets in a year."""

    def offset(moment: datetime) -> timedelta:
        return wall(moment, zone) - moment.replace(tzinfo=None)

    return [
        next(minute for n in range(1441) if offset(minute := day + n * MINUTE) != offset(day))
        for day in (datetime(year, 1, 1, tzinfo=UTC) + n * DAY for n in range(365))
        if offset(day) != offset(day + DAY)
    ]


@st.composite
def near_changes(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[datetime, str]:
    """A moment not far from a change of the clocks, when there is one in that year; and the zone."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(1973, 2100))
    around = draw(st.sampled_from(changes(zone, year) or [datetime(year, 3, 1, tzinfo=UTC)]))
    minutes = draw(st.integers(-180, 180)) + draw(st.sampled_from([0, 0, -1440, 1440]))
    return around + minutes * MINUTE + draw(st.timedeltas(timedelta(0), MINUTE)), zone


@st.composite
def spans(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, int, int, timedelta]:
    """A span; its months, days and the rest."""
    years, months, weeks, days, hours, minutes = (
        draw(st.integers(0, most)) for most in (3, 30, 10, 40, 50, 100)
    )
    text = f"P{years}Y{months}M{weeks}W{days}DT{hours}H{minutes}M"
    return text, 12 * years + months, 7 * weeks + days, timedelta(hours=hours, minutes=minutes)


@given(near_changes())
@example((utc("2011-12-30T22:00"), APIA))
@example((utc("1993-08-21T12:00"), "Pacific/Kwajalein"))
@example((utc("2025-03-09T05:05"), HAVANA))
def test_local_times_near_a_change_are_as_the_wall_shows(around: tuple[datetime, str]) -> None:
    moment, zone = around
    shown = wall(moment, zone)
    for local in (shown, shown - HOUR, shown - HOUR / 2, shown + HOUR, shown + HOUR / 2, shown - DAY):
        assert calendar.moment(local.date(), local.time(), zone) == first_shown(local, zone)
    for day in (shown.date() - DAY, shown.date(), shown.date() + DAY):
        assert calendar.day_start(day, zone) == first_shown(datetime.combine(day, time(0, 5)), zone)


@given(near_changes())
@example((utc("2011-12-30T09:00"), APIA))
def test_the_next_start_of_a_day_is_the_least_later_one(around: tuple[datetime, str]) -> None:
    moment, zone = around
    days = [(moment + n * DAY).date() for n in range(-3, 5)]
    starts = [first_shown(datetime.combine(day, time(0, 5)), zone) for day in days]
    assert calendar.next_day_start(moment, zone) == min(start for start in starts if start > moment)


@given(near_changes(), spans())
def test_after_is_as_in_the_second_model(
    around: tuple[datetime, str], span: tuple[str, int, int, timedelta]
) -> None:
    start, zone = around
    text, months, days, rest = span
    local = wall(start, zone)
    end_of_months = local
    for cut in range(4):  # 31, 30, 29, 28
        year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
        try:
            end_of_months = local.replace(year=year, month=month + 1, day=local.day - cut)
            break
        except ValueError:
            continue
    stepped = first_shown(end_of_months + days * DAY, zone) if months or days else start
    found = calendar.after(start, text, zone)
    assert found == max(stepped, start) + rest
    assert found >= start
    assert found.tzinfo is UTC


@given(near_changes())
def test_two_steps_of_a_day_are_one_of_two_days(around: tuple[datetime, str]) -> None:
    start, zone = around
    once = calendar.after(start, "P1D", zone)
    assume(wall(once, zone) == wall(start, zone) + DAY)  # else its local time is skipped
    assert calendar.after(once, "P1D", zone) == calendar.after(start, "P2D", zone)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.one_of(
        st.from_regex(r"P?T?[0-9.]{1,8}(y|mo|w|d|h|m|s|Y|M|W|D|H|S)?", fullmatch=True),
        st.from_regex(r"P([0-9]{1,5}[YMWD]){0,3}(T([0-9]{1,9}[HMS]){0,3})?", fullmatch=True),
        st.sampled_from(["0d", "0s", "1d", "1mo", "P0DT0S"]),
        st.text(max_size=50),
    ),
    st.sampled_from(ZONES),
)
@example(datetime.min.replace(tzinfo=UTC), "1d", "America/New_York")
@example(datetime.max.replace(tzinfo=UTC), "1d", STOCKHOLM)
def test_a_span_gives_a_later_moment_or_a_value_error(start: datetime, span: str, zone: str) -> None:
    try:
        end = calendar.after(start, span, zone)
    except ValueError as error:
        said = str(error)
    else:
        said = ""
        assert end >= start
        assert end.tzinfo is UTC
        assert end.year <= 8999
    assert not said or said.startswith("not a duration: ") or said.endswith(" leaves the calendar")
