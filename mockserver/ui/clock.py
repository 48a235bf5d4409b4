"""The clock and the agenda: what happens when, what would happen until then, and how to get there."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from mockserver.ui.page import Page, PageCall

_DAYS = 14  # shown in any case, from today on
_MOST = 500  # entries of the agenda
SPANS = (("1h", "1 hour"), ("1d", "1 day"), ("1w", "1 week"), ("1mo", "1 month"), ("1y", "1 year"))

Row = Mapping[str, Any]


async def page(call: PageCall) -> Page:
    """Show the clock with its forms, the agenda by day, and a preview if one was asked for."""
    clock = await call.get("clock")
    agenda = await call.get("agenda", limit=_MOST + 1)
    today = date.fromisoformat(clock["now"][:10])
    advance = "advanceClock"
    shown = call.submitted
    path = f"/_mock/accounts/{call.account}/clock/advance"
    typed: Mapping[str, str] = {}
    if shown is not None and shown.path.endswith("/clock/advance"):
        typed = shown.typed
    return Page(
        "clock.html",
        {
            "change": call.form(
                "setClock",
                body={name: clock[name] for name in ("mode", "timezone", "speed")},
                only=("mode", "timezone", "speed"),
                title="Change the clock",
            ),
            "path": path,
            "by": typed.get("body.by", "30d"),
            "to": typed.get("body.to", clock["now"]),
            "typed": typed,
            "snippets": call.form(advance, body={"by": "30d"}),
            "today": today,
            "days": _days(agenda[:_MOST], today),
            "left_out": len(agenda) > _MOST,
            "spans": SPANS,
            "preview": by_day(shown.answer["happened"])
            if shown is not None and isinstance(shown.answer, dict) and "happened" in shown.answer
            else None,
        },
    )


def by_day(rows: Iterable[Row]) -> dict[date, list[Row]]:
    """Return rows by the day of their moment, in order."""
    found: dict[date, list[Row]] = {}
    for row in rows:
        found.setdefault(date.fromisoformat(row["at"][:10]), []).append(row)
    return found


def _days(agenda: Iterable[Row], today: date) -> dict[date, list[Row]]:
    """Return the agenda by day: the next days with or without an entry, then those with one."""
    nothing: dict[date, list[Row]] = {today + timedelta(days=number): [] for number in range(_DAYS)}
    return dict(sorted((nothing | by_day(agenda)).items()))
