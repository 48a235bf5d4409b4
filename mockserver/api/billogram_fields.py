"""What a client may send for a billogram (reference: api 8.2-8.6)."""

from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from mockserver.api.customer import CUSTOMER_NO, AddressFields, DeliveryAddressFields, PermanentAddressFields
from mockserver.api.fields import (
    PUT,
    Amount,
    Bool,
    Currency,
    Date,
    DelayDays,
    Digits16,
    Fields,
    Given,
    InvoiceNo,
    NotNegative,
    Number,
    Object,
    Percent,
    ReadOnly,
    SomeDays,
    Text,
    Text30,
    Text35,
    Text200,
    Text350,
    Title,
    Url,
    changeable,
    decimals,
    number,
    one_of,
    read,
    required,
    text,
    text_to,
    up_to,
    whole,
)
from mockserver.api.item import UNITS, BookkeepingFields, ZeroVatReason, read_objects
from mockserver.core.content import MAX_DUE_DAYS
from mockserver.core.delivery import METHODS
from mockserver.core.refusal import Refusal, invalid
from mockserver.schema import component, integer, one_word, optional, reads, string
from mockserver.schema import number as number_norm
from mockserver.wire import encode


def _due_days(value: Any, info: ValidationInfo) -> Any:
    """In a PUT a stored one may be longer: the core looks at it once it differs."""
    return whole(0, 10**7 if info.context == PUT else MAX_DUE_DAYS)(value)


_TYPES = ("individual", "company")
DueDays: TypeAlias = Annotated[int | None, reads(_due_days, optional(integer(0, MAX_DUE_DAYS)))]
Unit: TypeAlias = Annotated[str | None, reads(one_of(*UNITS), optional(one_word(UNITS)))]
Text20: TypeAlias = Annotated[str | None, reads(text_to(20), up_to(20))]
RecipientType: TypeAlias = Annotated[str | None, reads(one_of(*_TYPES), optional(one_word(_TYPES)))]
CustomerNo: TypeAlias = Annotated[int, reads(required(whole(1, 10**15 - 1)), CUSTOMER_NO)]
Sell: TypeAlias = Annotated[str | None, PlainValidator(one_of("sell")), SkipJsonSchema()]
Method: TypeAlias = Annotated[str | None, reads(text, optional(one_word(METHODS)))]


class RecipientChanges(Fields):
    customer_no: Annotated[int | None, reads(changeable(whole(1, 10**15 - 1)), CUSTOMER_NO)] = None
    name: Text = None
    org_no: Text = None
    vat_no: Text = None
    email: Text = None
    phone: Text = None
    address: AddressFields | None = None
    delivery_address: DeliveryAddressFields | None = None
    permanent_establishment_address: PermanentAddressFields | None = None


class RecipientFields(RecipientChanges):
    customer_no: CustomerNo


class ElectricityFields(Fields):
    kommunkod: Text = None
    naringsidkare: Text = None
    avflyttad: Text = None
    avflyttad_datum: Text = None
    frankopplad: Text = None
    frankopplad_datum: Text = None
    anladr: Text = None
    natom: Text = None
    arsforb: Text = None
    anlid: Text = None
    kravmall: Text = None
    plombkod: Text = None
    slutfaktura: Text = None


class RowElectricityFields(ElectricityFields):
    nyttighet: Text = None
    objtyp: Text = None
    faktforb: Text = None
    faktfrek: Text = None


class RowRegionalFields(Fields):
    rotavdrag: Bool = None
    electricity_collection: RowElectricityFields | None = None


def _row_number(value: Any) -> Any:
    return text_to(30)(value) or None


class RowFields(Fields):
    """A row; what is left out but `count` is taken from the item with this `item_no`."""

    model_config = ConfigDict(json_schema_extra={"required": ["count"]})

    item_no: Annotated[str | None, reads(_row_number, up_to(30))] = None
    title: Title = None
    description: Text200 = None
    count: Annotated[Decimal | None, reads(decimals(6), number_norm())] = None
    price: Number = None
    vat: Percent = None
    unit: Unit = None
    discount: Number = None
    bookkeeping: BookkeepingFields | None = None
    regional_sweden: RowRegionalFields | None = None
    zero_vat_reason: ZeroVatReason = None
    zero_vat_reason_reference: Text = None
    external_id: Text = None


class CreditRowFields(RowFields):
    """A row to credit: it names an invoiced one by `item_no`, or by `title`, `price` and `vat`."""

    count: Annotated[Decimal | None, reads(decimals(6), number_norm(exclusiveMaximum=0))] = None


class InfoFields(Fields):
    order_no: Text30 = None
    order_date: Date = None
    our_reference: Text35 = None
    your_reference: Text35 = None
    shipping_date: Date = None
    delivery_date: Date = None
    reference_number: Text30 = None
    message: Text350 = None


class EdiFields(Fields):
    electronic_id: Text = None
    operator: Text = None
    subtype: Text = None
    reference: Text = None
    note: Text = None


def _amount_or_text(value: Any) -> Any:
    return None if value is None else _json(value if isinstance(value, str) else number(value))


class RegionalFields(Fields):
    rotavdrag: Amount = None
    rotavdrag_personal_number: Text = None
    rotavdrag_description: Text = None
    rotavdrag_description_of_property: Text = None
    rotavdrag_apartment_designation: Text = None
    rotavdrag_housing_association_org_no: Text = None
    reversed_vat: Bool = None
    autogiro_betalarnummer: Digits16 = None
    autogiro_status: ReadOnly = None
    autogiro_full_status: ReadOnly = None
    autogiro_payment_date: ReadOnly = None
    autogiro_total_sum: ReadOnly = None
    efaktura_recipient_identifier: Text20 = None
    efaktura_recipient_type: RecipientType = None
    efaktura_recipient_bank_name: Text = None
    efaktura_recipient_bank_id: Text = None
    efaktura_recipient_bank_code: Text = None
    efaktura_recipient_id_number: Text = None
    efaktura_requested_amount: Annotated[
        Any, reads(_amount_or_text, {"type": ["number", "string", "null"]})
    ] = None
    edi: EdiFields | None = None
    electricity_collection: ElectricityFields | None = None


class CallbacksFields(Fields):
    url: Url = None
    sign_key: Text = None
    custom: Text = None


class ReminderFields(Fields):
    delay_days: SomeDays
    message: Text = None


class CollectionFields(Fields):
    delay_days: DelayDays = None
    amount: Amount = None
    use_default_settings: Bool = None


class PdfFields(Fields):
    template: Text = None


class OnSuccessFields(Fields):
    command: Annotated[str, reads(required(one_of("send", "sell")), one_word(("send", "sell")))]
    method: Method = None


def read_rows(value: Any) -> list[Given | Refusal]:
    """The rows, each read or refused by itself: which refusal counts is decided row by row."""
    if value is None:
        raise PydanticCustomError("missing", "not set")
    if not isinstance(value, list) or not value:  # at least one row [A]
        raise PydanticCustomError("value", "bad value")
    return [_read_row(item, index) for index, item in enumerate(value)]


def _read_row(item: Any, index: int) -> Given | Refusal:
    try:
        if not isinstance(item, dict):
            return invalid("items", rule="body.value")
        row = read(RowFields, item)
    except Refusal as refusal:
        refusal.path = ("items", index, *(refusal.path or ()))
        return refusal
    read_objects(row.get("bookkeeping"))
    regional = row.get("regional_sweden")
    if regional and regional.get("electricity_collection") is not None:
        power = {
            name: value for name, value in regional["electricity_collection"].items() if value is not None
        }
        regional["electricity_collection"] = _json(power) if power else None
    return row


def _unique_value(value: Any) -> Any:
    return text_to(40)(value) or None  # an empty one is none [A]


def _json(value: Any) -> str:
    return encode(value).decode()


BASE64 = string(contentEncoding="base64")
Base64: TypeAlias = Annotated[str | None, reads(text, optional(BASE64))]
UniqueValue: TypeAlias = Annotated[str | None, reads(_unique_value, up_to(40))]
ROWS = {"type": "array", "minItems": 1, "items": component("RowFields")}


class BillogramChanges(Fields):
    """What a PUT may send."""

    customer: RecipientChanges | None = None
    items: Annotated[list[Any] | None, reads(changeable(read_rows), ROWS)] = None
    invoice_date: Date = None
    due_date: Date = None
    due_days: DueDays = None
    currency: Currency = None
    invoice_fee: NotNegative = None
    reminder_fee: NotNegative = None
    interest_rate: NotNegative = None
    info: InfoFields | None = None
    regional_sweden: RegionalFields | None = None
    creditor_unique_value: Annotated[UniqueValue, SkipJsonSchema()] = None
    callbacks: CallbacksFields | None = None
    automatic_reminders: Bool = None
    automatic_reminders_settings: list[ReminderFields] | None = None
    automatic_collection: CollectionFields | None = None
    attachment: Text = None
    attachment_content: Base64 = None
    show_item_gross_prices: Bool = None
    pdf: PdfFields | None = None
    contract: Object = None
    invoice_no: Annotated[InvoiceNo, SkipJsonSchema()] = None
    on_success: Annotated[OnSuccessFields | None, SkipJsonSchema()] = None
    event: Annotated[str | None, PlainValidator(one_of("sell")), SkipJsonSchema(), Field(alias="_event")] = (
        None
    )
    id: ReadOnly = None
    ocr_number: ReadOnly = None
    state: ReadOnly = None
    url: ReadOnly = None
    recipient_url: ReadOnly = None
    flags: ReadOnly = None
    events: ReadOnly = None
    delivery_method: ReadOnly = None
    total_sum: ReadOnly = None
    remaining_sum: ReadOnly = None
    rounding_value: ReadOnly = None
    invoice_fee_vat: ReadOnly = None
    interest_fee: ReadOnly = None
    reminder_count: ReadOnly = None
    respite_date: ReadOnly = None
    detailed_sums: ReadOnly = None
    offers: ReadOnly = None
    sales_accepted: ReadOnly = None
    created_at: ReadOnly = None
    updated_at: ReadOnly = None
    attested_at: ReadOnly = None


class BillogramFields(BillogramChanges):
    """What a POST may send."""

    customer: Annotated[RecipientFields, BeforeValidator(required(lambda value: value))]
    items: Annotated[list[Any], reads(read_rows, ROWS)]
    creditor_unique_value: UniqueValue = None
    invoice_no: InvoiceNo = None
    on_success: OnSuccessFields | None = None


def read_billogram(body: Any, context: str | None = None) -> Given:
    """The members that were given; rows, reminders and contract in the form of the core."""
    sent = read(BillogramChanges if context == PUT else BillogramFields, body, context)
    steps = sent.get("automatic_reminders_settings")
    if steps is not None:
        sent["automatic_reminders_settings"] = [_step(step) for step in steps]
    if sent.get("contract") is not None:
        sent["contract"] = _json(sent["contract"])
    return sent


def _step(step: ReminderFields) -> Given:
    return {"delay_days": step.delay_days, "message": step.message or ""}
