"""Renders values as the API shows them, with the functions that callbacks share (reference: api 1.6)."""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from mockserver.api.shapes import EventShape
from mockserver.core.events import BillogramEvent
from mockserver.core.kinds import MemberSubset
from mockserver.core.model import Address
from mockserver.core.money import EXACT
from mockserver.core.showing import as_number, event_data, render_sums, timestamp

__all__ = [
    "as_float",
    "as_number",
    "optional_day",
    "render_address",
    "render_event",
    "render_sums",
    "timestamp",
]

_TENTH = Decimal("0.1")


@lru_cache(maxsize=8192)
def as_float(value: Decimal) -> Decimal:
    """A number that always has a fraction part, such as `67.0` [R]."""
    short = value.normalize(EXACT)
    exponent = short.as_tuple().exponent
    assert isinstance(exponent, int), "money is finite"
    return short.quantize(_TENTH, context=EXACT) if exponent > -1 else short


def optional_day(day: date | None) -> str | None:
    """`YYYY-MM-DD` or null."""
    return None if day is None else day.isoformat()


def render_address(address: Address, part: MemberSubset) -> dict[str, str | bool]:
    """The members of an address that its kind shows, by all their names on the wire."""
    return {wire: getattr(address, name) for wire, name in part.names.items()}


def render_event(event: BillogramEvent) -> EventShape:
    """An event as a billogram shows it."""
    return {
        "type": type(event).__name__,
        "created_at": timestamp(event.mark.at),
        "data": event_data(event),
        "event_uuid": event.mark.uuid,
    }
