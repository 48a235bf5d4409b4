"""The overview of an account: its money by month, its billograms by state, what is next, what went wrong."""

import asyncio
from itertools import groupby
from typing import Any

from mockserver.ui import drawings
from mockserver.ui.page import Page, PageCall

_CHARTED = 24  # the newest ones, in the chart
_COMING = 50  # entries of the agenda
_NEWEST = 5  # refusals, failed webhooks
_NO_SUMS: dict[str, list[Any]] = {"currencies": [], "states": []}
_BARS = {"invoiced": "invoiced", "paid": "paid", "credited": "credited", "outstanding": "outstanding"}


_PATIENCE = 0.05  # seconds for the sums: those of many billograms are shown when they are there
_adding: set["asyncio.Task[Any]"] = set()


async def overview(call: PageCall) -> Page:
    """Show the account."""
    sums = asyncio.ensure_future(call.get("overview"))
    _adding.add(sums)  # the loop itself keeps no strong reference
    sums.add_done_callback(_added)
    await asyncio.wait([sums], timeout=_PATIENCE)
    found = sums.result() if sums.done() else _NO_SUMS
    agenda = await call.get("agenda", limit=_COMING)
    charts = [
        (each["currency"], each["months"], drawings.chart(each["months"][-_CHARTED:], _BARS))
        for each in found["currencies"]
    ]
    values = {
        "pending": found is _NO_SUMS,
        "charts": charts,
        "bars": dict(zip(_BARS, "abcd", strict=True)),
        "states": found["states"],
        "total": sum(each["count"] for each in found["states"]),
        "days": [
            (day, [_entry(call, each) for each in entries])
            for day, entries in groupby(agenda, key=lambda each: str(each["at"])[:10])
        ],
        "more": len(agenda) == _COMING,
        "refusals": (await call.get("requests", refused="true", limit=_NEWEST))[::-1],
        "failed": (await call.get("deliveries", status="failed", limit=_NEWEST))[::-1],
    }
    return Page("overview.html", values)


def _added(task: "asyncio.Task[Any]") -> None:
    _adding.discard(task)
    if not task.cancelled():
        task.exception()  # where nobody waits for it any more, it is not logged either


def _entry(call: PageCall, entry: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return an entry of the agenda, and the form that moves the clock to it."""
    form = call.form("advanceClock", body={"to": entry["at"]}, only=["to"], submit="Go there")
    return entry, form
