"""How answers and callbacks show numbers, times, sums and events (reference: api 1.6)."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypedDict

from mockserver.core.events import BillogramEvent
from mockserver.core.model import Sums
from mockserver.core.money import EXACT


class RotavdragSumShape(TypedDict):
    """The part of `detailed_sums` that only Sweden has."""

    rotavdrag_sum: int | Decimal


class DetailedSumsShape(TypedDict):
    """The shape of `detailed_sums` (reference: api 8.5)."""

    net_sum: int | Decimal
    vat_sum: int | Decimal
    gross_sum: int | Decimal
    rounding: int | Decimal
    invoice_fee: int | Decimal
    invoice_fee_vat: int | Decimal
    reminder_fee: int | Decimal
    interest_fee: int | Decimal
    credited_sum: int | Decimal
    paid_sum: int | Decimal
    collector_paid_sum: int | Decimal
    remaining_sum: int | Decimal
    regional_sweden: RotavdragSumShape


def as_number(value: Decimal) -> int | Decimal:
    """Return an integer if the value is whole (`60`), otherwise a decimal (`67.2`) [R]."""
    return _as_number(value) if value else 0  # the most frequent value


@lru_cache(maxsize=8192)
def _as_number(value: Decimal) -> int | Decimal:
    return int(value) if value == value.to_integral_value() else value.normalize(EXACT)


@lru_cache(maxsize=1024)
def timestamp(moment: datetime) -> str:
    """Return `YYYY-MM-DD hh:mm:ss` in UTC, without a time zone [R]."""
    return moment.isoformat(" ", "seconds")[:19]


def render_sums(sums: Sums) -> DetailedSumsShape:
    """Return `detailed_sums`. Whole values are integers [R]."""
    return {
        "net_sum": as_number(sums.net),
        "vat_sum": as_number(sums.vat),
        "gross_sum": as_number(sums.gross),
        "rounding": as_number(sums.rounding),
        "invoice_fee": as_number(sums.invoice_fee),
        "invoice_fee_vat": as_number(sums.invoice_fee_vat),
        "reminder_fee": as_number(sums.reminder_fee),
        "interest_fee": as_number(sums.interest_fee),
        "credited_sum": as_number(sums.credited),
        "paid_sum": as_number(sums.paid),
        "collector_paid_sum": as_number(sums.collector_paid),
        "remaining_sum": as_number(sums.remaining),
        "regional_sweden": {"rotavdrag_sum": as_number(sums.rotavdrag)},
    }


def refusal_data(message: str, field: str | None, path: tuple[str | int, ...] | None) -> dict[str, Any]:
    """Return `data` of a refusal. `field` and `field_path` are both present or both absent."""
    data: dict[str, Any] = {"message": message}
    if field is not None:
        data["field"] = field
        data["field_path"] = None if path is None else list(path)
    return data


def event_data(event: BillogramEvent) -> dict[str, Any] | None:
    """Return `data` of an event: the members of its type, or None if its type has no members."""
    if not event.keys:
        return None
    data: dict[str, Any] = {}
    for name in event.keys:
        if name == "remaining_sum":
            value: Any = event.sums.remaining
        elif name == "total_sum":
            value = event.sums.total
        else:
            value = getattr(event, name)
        data[name] = as_number(value) if isinstance(value, Decimal) else value
    return data
