"""What the wire shows of values, beside what it shares with the callbacks (reference: api 1.6)."""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from mockserver.api.shapes import (
    AddressShape,
    DeliveryAddressShape,
    EventShape,
    PermanentAddressShape,
)
from mockserver.core.events import BillogramEvent
from mockserver.core.model import Address
from mockserver.core.money import EXACT
from mockserver.core.showing import as_number, event_data, render_sums, timestamp

__all__ = [
    "as_float",
    "as_number",
    "optional_day",
    "render_address",
    "render_delivery_address",
    "render_event",
    "render_permanent_address",
    "render_sums",
    "timestamp",
]

_TENTH = Decimal("0.1")


@lru_cache(maxsize=8192)
def as_float(value: Decimal) -> Decimal:
    """A number with a fraction part: `67.0` [R]."""
    short = value.normalize(EXACT)
    exponent = short.as_tuple().exponent
    assert isinstance(exponent, int), "money is finite"
    return short.quantize(_TENTH, context=EXACT) if exponent > -1 else short


def optional_day(day: date | None) -> str | None:
    """`YYYY-MM-DD` or null."""
    return None if day is None else day.isoformat()


def render_address(address: Address) -> AddressShape:
    """An address in both dialects."""
    return {
        "street_address": address.street_address,
        "address_line_1": address.street_address,
        "address_line_2": address.address_line_2,
        "address_line_3": address.address_line_3,
        "administrative_area": address.administrative_area,
        "dependent_locality": address.dependent_locality,
        "organization": address.organization,
        "sorting_code": address.sorting_code,
        "careof": address.careof,
        "use_careof_as_attention": address.use_careof_as_attention,
        "attention": address.attention,
        "zipcode": address.zipcode,
        "city": address.city,
        "country": address.country,
    }


def render_delivery_address(address: Address) -> DeliveryAddressShape:
    """A delivery address in both dialects."""
    return {
        "name": address.name,
        "street_address": address.street_address,
        "address_line_1": address.street_address,
        "address_line_2": address.address_line_2,
        "address_line_3": address.address_line_3,
        "administrative_area": address.administrative_area,
        "dependent_locality": address.dependent_locality,
        "organization": address.organization,
        "sorting_code": address.sorting_code,
        "careof": address.careof,
        "attention": address.attention,
        "zipcode": address.zipcode,
        "city": address.city,
        "country": address.country,
    }


def render_permanent_address(address: Address) -> PermanentAddressShape:
    """A permanent establishment address; only the 2026 dialect has it [D]."""
    return {
        "name": address.name,
        "additional_name": address.additional_name,
        "family_name": address.family_name,
        "address_line_1": address.street_address,
        "address_line_2": address.address_line_2,
        "address_line_3": address.address_line_3,
        "administrative_area": address.administrative_area,
        "dependent_locality": address.dependent_locality,
        "organization": address.organization,
        "sorting_code": address.sorting_code,
        "zipcode": address.zipcode,
        "city": address.city,
        "country": address.country,
    }


def render_event(event: BillogramEvent) -> EventShape:
    """An event as a billogram shows it."""
    return {
        "type": type(event).__name__,
        "created_at": timestamp(event.mark.at),
        "data": event_data(event),
        "event_uuid": event.mark.uuid,
    }
