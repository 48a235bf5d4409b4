"""Compares the user's books with those of the account."""

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


class BillogramBalance(Struct, frozen=True):
    """The sums of one billogram in the account, with the events that led to them."""

    billogram: str
    state: str
    sums: dict[str, Decimal]
    events: list[str]


def balances(state: State) -> dict[str, BillogramBalance]:
    """The balance of each billogram, by id."""
    return {each.id: _balance(each, state.account.timezone) for each in state.billograms.values()}


def _balance(billogram: Billogram, timezone: str) -> BillogramBalance:
    sums = billogram.sums
    return BillogramBalance(
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


def differences(rows: Iterable[Mapping[str, Any]], balances: Mapping[str, BillogramBalance]) -> list[str]:
    """The differences between the user's rows and the account, each with the events that explain it.

    Raises ValueError for a bad row.
    """
    found: list[str] = []
    seen: set[str] = set()
    for row in rows:
        key, given = _parse_row(row)
        if key in seen:
            raise ValueError(f"billogram {key} has two rows")
        seen.add(key)
        account = balances.get(key)
        if account is None:
            found.append(f"billogram {key} is in your books only")
            continue
        wrong = [
            f"  {name}: {as_number(given[name])} in your books, {as_number(actual)} in the account"
            for name, actual in account.sums.items()
            if given[name] != actual
        ]
        if wrong:
            found.append("\n".join([f"billogram {key} ({account.state})", *wrong, *_event_lines(account)]))
    for key, account in balances.items():
        if key not in seen and account.state not in _UNSENT:
            sums = ", ".join(f"{name} {as_number(account.sums[name])}" for name in COLUMNS)
            head = f"billogram {key} ({account.state}) is missing in your books: {sums}"
            found.append("\n".join([head, *_event_lines(account)]))
    return found


def _event_lines(account: BillogramBalance) -> list[str]:
    return ["  events:", *(f"    {event}" for event in account.events)]


def _parse_row(row: Mapping[str, Any]) -> tuple[str, dict[str, Decimal]]:
    if set(row) != {"billogram", *COLUMNS}:
        raise ValueError(f"a row needs billogram, received, credited and remaining; this one is {dict(row)}")
    try:
        return str(row["billogram"]), {name: Decimal(str(row[name])) for name in COLUMNS}
    except InvalidOperation:
        raise ValueError(f"an amount is not a number: {dict(row)}") from None
