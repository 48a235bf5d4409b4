"""Two sets of books held against each other: the user's and the account's."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from mockserver.core import calendar
from mockserver.core.machine import public_state
from mockserver.core.model import Billogram
from mockserver.core.money import add, negated
from mockserver.core.showing import as_number, event_data
from mockserver.core.state import State

COLUMNS = ("received", "credited", "remaining")
_MONEY = ("amount", "recalled_amount", "reminder_fee", "remaining_sum")
_UNSENT = ("Unattested", "Deleted")


class Booked(Struct, frozen=True):
    """One billogram in the account's books, with the events behind it."""

    billogram: str
    state: str
    sums: dict[str, Decimal]
    events: list[str]


def booked(state: State) -> dict[str, Booked]:
    """The books of an account, from its state."""
    return {each.id: _booked(each, state.account.timezone) for each in state.billograms.values()}


def _booked(billogram: Billogram, timezone: str) -> Booked:
    sums = billogram.sums
    return Booked(
        billogram.id,
        public_state(billogram),
        {
            "received": negated(add(sums.paid, sums.collector_paid)),
            "credited": negated(sums.credited),
            "remaining": sums.remaining,
        },
        [_event(event, event.mark.at, timezone) for event in billogram.events],
    )


def _event(event: Any, at: datetime, timezone: str) -> str:
    data = event_data(event) or {}
    values = [f"{name}={data[name]}" for name in _MONEY if name in data]
    moment = at.astimezone(calendar.zone(timezone)).strftime("%Y-%m-%d %H:%M:%S")
    return f"{moment}  {' '.join([type(event).__name__, *values])}"


def differences(rows: Iterable[Mapping[str, Any]], books: Mapping[str, Booked]) -> list[str]:
    """What the user's books say otherwise, each with the events behind it; ValueError for a bad row."""
    found: list[str] = []
    seen: set[str] = set()
    for row in rows:
        key, given = _read(row)
        if key in seen:
            raise ValueError(f"billogram {key} is in the rows twice")
        seen.add(key)
        account = books.get(key)
        if account is None:
            found.append(f"billogram {key} is in your books only")
            continue
        wrong = [
            f"  {name}: {as_number(given[name])} in your books, {as_number(own)} in the account"
            for name, own in account.sums.items()
            if given[name] != own
        ]
        if wrong:
            found.append("\n".join([f"billogram {key} ({account.state})", *wrong, *_behind(account)]))
    for key, account in books.items():
        if key not in seen and account.state not in _UNSENT:
            sums = ", ".join(f"{name} {as_number(account.sums[name])}" for name in COLUMNS)
            head = f"billogram {key} ({account.state}) is missing in your books: {sums}"
            found.append("\n".join([head, *_behind(account)]))
    return found


def _behind(account: Booked) -> list[str]:
    return ["  events:", *(f"    {event}" for event in account.events)]


def _read(row: Mapping[str, Any]) -> tuple[str, dict[str, Decimal]]:
    if set(row) != {"billogram", *COLUMNS}:
        raise ValueError(f"a row has billogram, received, credited and remaining; this one: {dict(row)}")
    try:
        return str(row["billogram"]), {name: Decimal(str(row[name])) for name in COLUMNS}
    except InvalidOperation:
        raise ValueError(f"an amount is not a number: {dict(row)}") from None
