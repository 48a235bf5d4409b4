"""The timeline: what happened, in groups of one cause, newest first."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from mockserver.ui.page import Page, PageCall

PAGE = 100
MOST = 1000  # rows of one page
KINDS = ("request", "act", "delivery", "attempt", "refusal")

Row = Mapping[str, Any]


class Group(Struct):
    """The rows of one cause, in the order request, act, its deliveries, their attempts."""

    cause: str
    rows: list[Row]

    @property
    def head(self) -> Row:
        """Return the row that names the group: the request, or else its last act, such as that of a move."""
        acts = [row for row in self.rows if row["kind"] == "act"]
        return acts[-1] if acts and self.rows[0]["kind"] == "act" else self.rows[0]

    @property
    def events(self) -> list[str]:
        """Return the types of the events, each once."""
        return list(dict.fromkeys(each["type"] for row in self.rows for each in row.get("events", ())))

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """Return the changes of states."""
        return [each for row in self.rows for each in row.get("changes", ())]

    def number(self, kind: str) -> int:
        """Return the number of rows of a kind."""
        return sum(row["kind"] == kind for row in self.rows)

    def attempts(self, *, good: bool) -> int:
        """Return the number of attempts that delivered, or of those that did not."""
        return sum("attempt" in row and delivered(row["attempt"]) is good for row in self.rows)


def delivered(attempt: Mapping[str, Any]) -> bool:
    """Return whether the receiver accepted what was sent."""
    return attempt["error"] is None and 200 <= (attempt["status_code"] or 0) < 300


def grouped(rows: Iterable[Row]) -> list[Group]:
    """Return the groups of rows that are oldest first; the group with the newest row comes first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        own = found.pop(row["cause"], [])
        found[row["cause"]] = [*own, row]
    return [Group(cause, _ordered(own)) for cause, own in reversed(found.items())]


def _ordered(rows: list[Row]) -> list[Row]:
    """Return the rows of a group with each attempt after its delivery."""
    attempts: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "attempt":
            attempts.setdefault(row["delivery"], []).append(row)
    made: list[Row] = []
    for row in rows:
        if row["kind"] != "attempt":
            made.append(row)
        if row["kind"] == "delivery":
            made += attempts.pop(row["delivery"], [])
    return made + [row for own in attempts.values() for row in own]


async def listing(call: PageCall) -> Page:
    """Show the newest rows, by kind and billogram."""
    asked = {name: call.query.get(name) for name in ("kind", "billogram", "before")}
    text = call.query.get("rows", "")
    number = min(int(text) or PAGE, MOST) if re.fullmatch("[0-9]{1,5}", text) else PAGE
    rows = await call.get("timeline", tail=number, **asked)
    return Page(
        "timeline.html",
        {
            "groups": grouped(rows),
            "number": number,
            "more": rows[0]["id"] if len(rows) == number else None,
            "most": MOST,
            "kinds": KINDS,
            "asked": asked,
            "delivered": delivered,
        },
    )
