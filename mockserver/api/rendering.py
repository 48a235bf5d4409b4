"""What the wire shows of values: number forms, moments, addresses (reference: api 1.6)."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from mockserver.api.shapes import (
    AddressShape,
    DeliveryAddressShape,
    DetailedSumsShape,
    EventShape,
    PermanentAddressShape,
)
from mockserver.core.events import BillogramEvent
from mockserver.core.model import Address, Sums
from mockserver.core.money import EXACT

_TENTH = Decimal("0.1")


@lru_cache(maxsize=8192)
def as_float(value: Decimal) -> Decimal:
    """A number with a fraction part: `67.0` [R]."""
    short = value.normalize(EXACT)
    exponent = short.as_tuple().exponent
    assert isinstance(exponent, int), "money is finite"
    return short.quantize(_TENTH, context=EXACT) if exponent > -1 else short


@lru_cache(maxsize=8192)
def as_number(value: Decimal) -> int | Decimal:
    """An integer when whole (`60`), else a float (`67.2`) [R]."""
    return int(value) if value == value.to_integral_value() else value.normalize(EXACT)


@lru_cache(maxsize=1024)
def timestamp(moment: datetime) -> str:
    """`YYYY-MM-DD hh:mm:ss`, UTC, no zone mark [R]."""
    return moment.isoformat(" ", "seconds")[:19]


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


def render_sums(sums: Sums) -> DetailedSumsShape:
    """`detailed_sums`: integers when whole [R]."""
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


def render_event(event: BillogramEvent) -> EventShape:
    """An event as a billogram shows it."""
    return {
        "type": type(event).__name__,
        "created_at": timestamp(event.mark.at),
        "data": _event_data(event) if event.keys else None,
        "event_uuid": event.mark.uuid,
    }


def _event_data(event: BillogramEvent) -> dict[str, Any]:
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
