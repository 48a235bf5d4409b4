"""Resource `settings` (reference: api 4)."""

import re
from decimal import Decimal
from typing import Annotated, Any, TypeAlias, cast

from msgspec import Raw, Struct
from pydantic_core import PydanticCustomError

from mockserver.api.call import Call, answer
from mockserver.api.fields import (
    NOT_GIVEN,
    PUT,
    Amount,
    Bool,
    DelayDays,
    Fields,
    Given,
    NotNegative,
    SomeDays,
    Text,
    Zipcode,
    given,
    read,
    text,
    whole,
)
from mockserver.api.item import BookkeepingObjectFields
from mockserver.api.rendering import as_float, as_number
from mockserver.api.settings_shapes import SettingsShape
from mockserver.core import accounts
from mockserver.core.act import Act
from mockserver.core.model import merged
from mockserver.core.settings import AutomaticReminder, Settings
from mockserver.schema import integer, optional, reads, string
from mockserver.wire import encode

_FLOATS = ("default_interest_rate", "default_reminder_fee", "default_invoice_fee")  # [R]
_JSON_TEXTS = ("objects", "reminders_without_fee")
_YEAR_AND_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def _objects(value: Any) -> Any:
    """Any JSON array, kept as sent."""
    if value is not None and not isinstance(value, list):
        raise PydanticCustomError("value", "bad value")
    return value


def _year_and_month(value: Any) -> Any:
    found = text(value)
    if found and not _YEAR_AND_MONTH.fullmatch(found):
        raise PydanticCustomError("value", "bad value")
    return found or NOT_GIVEN


YearAndMonth: TypeAlias = Annotated[
    str | None, reads(_year_and_month, optional(string(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$")))
]


class SettingsContactFields(Fields):
    name: Text = None
    email: Text = None
    phone: Text = None
    www: Text = None


class PlaceFields(Fields):
    """Country is free text here [C]; `address_line_1` is another name of the street line [A]."""

    street_address: Text = None
    address_line_1: Text = None
    careof: Text = None
    zipcode: Zipcode = None
    city: Text = None
    province: Text = None
    country: Text = None


class InvoicePlaceFields(PlaceFields):
    email: Text = None


class NamedPlaceFields(PlaceFields):
    name: Text = None


class DomesticAccountFields(Fields):
    account_no: Text = None
    clearing_no: Text = None


class InternationalAccountFields(Fields):
    bank: Text = None
    iban: Text = None
    bic: Text = None
    swift: Text = None


class PaymentFields(Fields):
    bankgiro: Text = None
    plusgiro: Text = None
    domestic_bank_account: DomesticAccountFields | None = None
    international_bank_account: InternationalAccountFields | None = None


class TaxFields(Fields):
    is_vat_registered: Bool = None
    has_fskatt: Bool = None
    vat_no: Text = None


class RegionalBookkeepingFields(Fields):
    rotavdrag_account: Text = None


class BookFields(Fields):
    income_account_for_vat_25: Text = None
    income_account_for_vat_12: Text = None
    income_account_for_vat_6: Text = None
    income_account_for_vat_0: Text = None
    reversed_vat_account: Text = None
    vat_account_for_vat_25: Text = None
    vat_account_for_vat_12: Text = None
    vat_account_for_vat_6: Text = None
    account_receivable_account: Text = None
    client_funds_account: Text = None
    banking_account: Text = None
    interest_fee_account: Text = None
    reminder_fee_account: Text = None
    rounding_account: Text = None
    factoring_receivable_account: Text = None
    non_allocated_account: Text = None
    income_payout_account: Text = None
    written_down_receivables_account: Text = None
    expected_loss_account: Text = None
    debt_collection_funds_account: Text = None
    liabilities_customers_account: Text = None
    regional_sweden: RegionalBookkeepingFields | None = None
    sie_serie: Text = None
    sie_continuous_numbering: Text = None
    financial_year_start: YearAndMonth = None
    financial_year_months: Annotated[int | None, reads(whole(1, 18), optional(integer(1, 18)))] = None
    objects: list[BookkeepingObjectFields] | None = None


class AutomaticReminderFields(Fields):
    delay_days: SomeDays
    message: Text = None


class AutomaticCollectionFields(Fields):
    delay_days: DelayDays = None
    amount: Amount = None


class AutomaticWriteoffFields(Fields):
    settings: Text = None
    amount: Amount = None


class PdfSettingsFields(Fields):
    template: Text = None


class InvoiceFields(Fields):
    default_message: Text = None
    default_interest_rate: NotNegative = None
    default_reminder_fee: NotNegative = None
    default_invoice_fee: NotNegative = None
    automatic_reminders: list[AutomaticReminderFields] | None = None
    reminders_without_fee: Annotated[
        list[Any] | None, reads(_objects, optional({"type": "array", "items": {}}))
    ] = None
    automatic_reminders_minimum_principal_sum: Amount = None
    use_automatic_reminders_partly_paid: Bool = None
    automatic_collection: AutomaticCollectionFields | None = None
    automatic_writeoff: AutomaticWriteoffFields | None = None
    show_item_gross_prices: Bool = None
    show_new_account_notice: Bool = None
    pdf: PdfSettingsFields | None = None


class SettingsFields(Fields):
    name: Text = None
    org_no: Text = None
    company_id: Text = None
    registration_email: Text = None
    contact: SettingsContactFields | None = None
    address: PlaceFields | None = None
    invoice_address: InvoicePlaceFields | None = None
    registered_office_address: NamedPlaceFields | None = None
    return_address: NamedPlaceFields | None = None
    visiting_address: PlaceFields | None = None
    payment: PaymentFields | None = None
    tax: TaxFields | None = None
    bookkeeping: BookFields | None = None
    invoices: InvoiceFields | None = None


EXAMPLE = {
    "invoices": {
        "default_reminder_fee": 50,
        "automatic_reminders": [{"delay_days": 5, "message": "First reminder"}],
    }
}


async def fetch(call: Call) -> bytes:
    """`GET /settings`: the settings of the account."""
    return answer(render_settings(await call.read(lambda state: state.account.settings)))


async def update(call: Call) -> bytes:
    """`PUT /settings`: changes the settings. They count at once, for what is made later [A]."""

    def decide(act: Act) -> None:
        old = act.account.settings
        new = changed_settings(old, call.json(), act.account.first_settings)
        if new != old:
            accounts.change(act, {"settings": new})

    act = await call.execute(decide, rule="settings.update")
    return answer(render_settings(act.account.settings))


def changed_settings(old: Settings, body: Any, first: Settings) -> Settings:
    """The settings after a partial update; null puts a member back to its default (reference: api 1.8)."""
    sent = read(SettingsFields, body, PUT)
    for name in ("name", "registration_email"):  # without a default of their own: as they were made
        if sent.get(name, "") is None:
            sent[name] = getattr(first, name)
    for name, place in sent.items():
        if name.endswith("address") and place is not None:
            _one_street(place, getattr(old, name).street_address)
    book = sent.get("bookkeeping") or {}
    if book.get("financial_year_start", "") is None:
        book["financial_year_start"] = first.bookkeeping.financial_year_start
    if book.get("objects") is not None:
        book["objects"] = encode([given(each) for each in book["objects"]]).decode()
    invoices = sent.get("invoices") or {}
    if invoices.get("automatic_reminders") is not None:
        steps = invoices["automatic_reminders"]
        invoices["automatic_reminders"] = tuple(
            AutomaticReminder(step.delay_days, step.message or "") for step in steps
        )
    if invoices.get("reminders_without_fee") is not None:
        invoices["reminders_without_fee"] = encode(invoices["reminders_without_fee"]).decode()
    return merged(old, sent)


def _one_street(place: Given, stored: str | None) -> None:
    """The name that differs from the stored value counts; if both do, `address_line_1` [A]."""
    lines = [place.pop(name) for name in ("street_address", "address_line_1") if name in place]
    changed = [line for line in lines if line != stored]
    if lines:
        place["street_address"] = changed[-1] if changed else stored


def render_settings(settings: Settings) -> SettingsShape:
    """The whole object; its values have the shape of the wire already."""
    return cast("SettingsShape", _rendered(settings))


def _rendered(value: Struct) -> dict[str, Any]:
    return {
        name: _member(name, getattr(value, name))
        for name in value.__struct_fields__
        if not (name == "objects" and getattr(value, name) is None)  # absent until given [A]
    }


def _member(name: str, value: Any) -> Any:
    if isinstance(value, Struct):
        return _rendered(value)
    if isinstance(value, tuple):
        return [_rendered(element) for element in value]
    if isinstance(value, Decimal):
        return as_float(value) if name in _FLOATS else as_number(value)
    if name in _JSON_TEXTS:
        return Raw(value.encode())
    return value
