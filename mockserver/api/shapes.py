"""The types of the API's answers. Every answer that a test receives is validated against them.

`Float` is a number with a fraction part (`67.0`), `Number` an integer when whole (`60`, else `67.2`),
as recorded (reference: api 1.6). Both are written as exact decimals.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

from mockserver.core.delivery import METHODS
from mockserver.core.pictures import FILE_TYPES
from mockserver.core.showing import DetailedSumsShape
from mockserver.schema import Form, component, one_word, string

# the states of a billogram in the API; callbacks also have `Sending` and `Deleted`
STATES = (
    "Unattested",
    "Unpaid",
    "PartlyPaid",
    "Overdue",
    "Reminder_1",
    "Reminder_2",
    "Reminder_3",
    "Reminder_Many",
    "Collecting",
    "Collection",
    "CollectorEnded",
    "Paid",
    "Credited",
    "Ended",
    "Factoring",
    "FactoringDenied",
    "Sold",
)

Float: TypeAlias = Decimal
Number: TypeAlias = int | Decimal
Timestamp: TypeAlias = Annotated[
    str, Form(string(pattern=r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", description="UTC, without zone"))
]
Day: TypeAlias = Annotated[str, Form(string(format="date"))]
Uuid: TypeAlias = Annotated[str, Form(string(format="uuid"))]
State: TypeAlias = Annotated[str, Form(one_word(STATES))]
Method: TypeAlias = Annotated[str, Form(one_word(METHODS))]


class ErrorData(TypedDict):
    """`field` is the offending key, `field_path` the path of the object that contains it; both or neither."""

    message: str
    field: NotRequired[str]
    field_path: NotRequired[list[str | int] | None]


IsoMoment: TypeAlias = Annotated[
    str, Form(string(format="date-time", pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"))
]
# the members as they were sent, with `count` and `unit`
SentItem: TypeAlias = Annotated[dict[str, Any], Form({"type": "object"})]


class BillingTabRowShape(TypedDict):
    item_id: Uuid
    created_at: IsoMoment
    billogram_item: SentItem


class BillingTabItemShape(BillingTabRowShape):
    billing_tab_id: Uuid


class TabCustomerShape(TypedDict):
    customer_number: str


class TabDateShape(TypedDict):
    id: Uuid
    billing_date: Day


class BillingTabShape(TypedDict):
    customer: TabCustomerShape
    billing_tab: TabDateShape
    items: list[BillingTabRowShape]


class BillingTabSettingsShape(TypedDict):
    """Null follows the account."""

    delivery_method: str | None
    billing_frequency: str | None


class Error(TypedDict):
    status: str
    data: ErrorData


# the members depend on the kind of address (reference: api 2.1)
AddressShape: TypeAlias = Annotated[dict[str, str | bool], Form(component("Address"))]
DeliveryAddressShape: TypeAlias = Annotated[dict[str, str | bool], Form(component("DeliveryAddress"))]
PermanentAddressShape: TypeAlias = Annotated[dict[str, str | bool], Form(component("PermanentAddress"))]


class ContactShape(TypedDict):
    name: str
    email: str
    phone: str


class PaymentSettingsShape(TypedDict):
    recurring_payment_type: str | None


class CustomerEdiShape(TypedDict):
    electronic_id: str | None
    operator: str | None
    reference: str | None


class LinksShape(TypedDict):
    automatic_payments_setup_link: str | None


class CustomerShape(TypedDict):
    customer_no: int
    name: str
    company_type: str
    org_no: str
    vat_no: str
    language: str | None
    notes: str
    contact: ContactShape
    address: AddressShape
    delivery_address: DeliveryAddressShape
    permanent_establishment_address: PermanentAddressShape
    letter_forwarding_enabled: bool
    payment_settings: PaymentSettingsShape
    edi: CustomerEdiShape
    links: LinksShape
    created_at: Timestamp
    updated_at: Timestamp | None


class RegionalSwedenShape(TypedDict):
    fmi: str | None
    identifier: str | None


class RegionalItalyShape(TypedDict):
    pec: str | None
    codice_destinatario: str | None


class EinvoiceRegistrationShape(TypedDict):
    """An e-invoice registration. It has the member of its market: `regional_italy` in Italy only."""

    status: Literal["registered"]
    registered_at: Annotated[str, Form(string(format="date-time"))]
    regional_sweden: NotRequired[RegionalSwedenShape]
    regional_italy: NotRequired[RegionalItalyShape]


Milliseconds: TypeAlias = Annotated[
    str, Form(string(format="date-time", examples=["2026-03-02T11:40:20.500Z"]))
]


class OfferMediaShape(TypedDict):
    """The picture of an offer."""

    picture: Annotated[str, Form(string(contentEncoding="base64"))]
    picture_type: Annotated[str, Form(one_word(FILE_TYPES))]


class OfferItemShape(TypedDict):
    """What a sale offer sells."""

    title: str
    price: Float
    vat: Number
    unit: str


class OfferShape(TypedDict):
    """A banner or a sale offer. Both times are in UTC."""

    offer_id: str
    type: Literal["banner", "sale"]
    title: str
    text: str
    media: OfferMediaShape
    created_at: Milliseconds
    updated_at: Milliseconds
    link_text: NotRequired[str]
    info_link: NotRequired[str]
    sale_type: NotRequired[str]
    item: NotRequired[OfferItemShape]


class PictureShape(TypedDict):
    content: Annotated[str | None, Form({"type": ["string", "null"], "contentEncoding": "base64"})]
    file_type: Annotated[str, Form(one_word(FILE_TYPES))]


class BookkeepingObjectShape(TypedDict):
    dimension_id: str
    object_id: str
    dimension_name: NotRequired[str | None]
    object_name: NotRequired[str | None]


class ItemBookkeepingShape(TypedDict):
    income_account: str
    vat_account: str
    objects: NotRequired[list[BookkeepingObjectShape]]


class ItemRegionalShape(TypedDict):
    rotavdrag: bool


class ItemShape(TypedDict):
    item_no: str
    title: str
    description: str
    price: Float
    vat: Number
    unit: str
    zero_vat_reason: str | None
    zero_vat_reason_reference: str | None
    bookkeeping: ItemBookkeepingShape
    regional_sweden: NotRequired[ItemRegionalShape]
    created_at: Timestamp
    updated_at: Timestamp | None


class RecipientShape(TypedDict):
    customer_no: int
    name: str
    org_no: str
    vat_no: str
    email: str
    phone: str
    address: AddressShape
    delivery_address: DeliveryAddressShape
    permanent_establishment_address: PermanentAddressShape


class RowBookkeepingShape(TypedDict):
    income_account: str
    vat_account: str
    objects: list[BookkeepingObjectShape]


class RowElectricityShape(TypedDict):
    nyttighet: str | None
    objtyp: NotRequired[str]
    faktforb: NotRequired[str]
    faktfrek: NotRequired[str]
    kommunkod: NotRequired[str]
    naringsidkare: NotRequired[str]
    avflyttad: NotRequired[str]
    avflyttad_datum: NotRequired[str]
    frankopplad: NotRequired[str]
    frankopplad_datum: NotRequired[str]
    anladr: NotRequired[str]
    natom: NotRequired[str]
    arsforb: NotRequired[str]
    anlid: NotRequired[str]
    kravmall: NotRequired[str]
    plombkod: NotRequired[str]
    slutfaktura: NotRequired[str]


class RowRegionalShape(TypedDict):
    rotavdrag: bool
    electricity_collection: RowElectricityShape


class RowShape(TypedDict):
    item_no: str | None
    title: str
    description: str
    count: Float
    price: Float
    vat: Number
    discount: Float
    unit: str
    bookkeeping: RowBookkeepingShape
    regional_sweden: RowRegionalShape
    zero_vat_reason: str | None
    zero_vat_reason_reference: str | None
    external_id: str | None


class InfoShape(TypedDict):
    order_no: str | None
    order_date: Day | None
    our_reference: str | None
    your_reference: str | None
    shipping_date: Day | None
    delivery_date: Day | None
    reference_number: str | None
    message: str | None


class EdiShape(TypedDict):
    electronic_id: str | None
    operator: str | None
    subtype: str | None
    reference: str | None
    note: str | None


class ElectricityShape(TypedDict):
    kommunkod: str | None
    naringsidkare: str | None
    avflyttad: str | None
    avflyttad_datum: str | None
    frankopplad: str | None
    frankopplad_datum: str | None
    anladr: str | None
    natom: str | None
    arsforb: str | None
    anlid: str | None
    kravmall: str | None
    plombkod: str | None
    slutfaktura: str | None


class RegionalShape(TypedDict):
    rotavdrag: Number
    rotavdrag_personal_number: str | None
    rotavdrag_description: str | None
    rotavdrag_description_of_property: str | None
    rotavdrag_apartment_designation: str | None
    rotavdrag_housing_association_org_no: str | None
    reversed_vat: bool | None
    autogiro_betalarnummer: str | None
    autogiro_payment_date: Day | None
    autogiro_status: str | None
    autogiro_full_status: str | None
    autogiro_total_sum: Number | None
    efaktura_recipient_identifier: str | None
    efaktura_recipient_type: str | None
    efaktura_recipient_bank_name: str | None
    efaktura_recipient_bank_id: str | None
    efaktura_recipient_bank_code: str | None
    efaktura_recipient_id_number: str | None
    efaktura_requested_amount: Number | str | None
    edi: EdiShape
    electricity_collection: ElectricityShape


class EventShape(TypedDict):
    type: Annotated[str, Form(component("EventType"))]
    created_at: Timestamp
    data: Annotated[dict[str, Any] | None, Form(component("EventData"))]
    event_uuid: Uuid


class ListedEventShape(EventShape):
    billogram_id: str


class ReminderShape(TypedDict):
    delay_days: int
    message: str


class AutomaticCollectionShape(TypedDict):
    delay_days: int | None
    amount: Number | None
    use_default_settings: bool


class CallbacksShape(TypedDict):
    url: str | None
    sign_key: str | None
    custom: str | None


class PdfShape(TypedDict):
    template: str


class BillogramShape(TypedDict):
    id: str
    invoice_no: int | None
    ocr_number: str | None
    creditor_unique_value: str | None
    customer: RecipientShape
    items: list[RowShape]
    invoice_date: Day
    due_date: Day
    due_days: int
    respite_date: Day | None
    invoice_fee: Number
    invoice_fee_vat: Number
    reminder_fee: Float
    interest_rate: Float
    interest_fee: Float
    currency: str
    info: InfoShape
    regional_sweden: RegionalShape
    delivery_method: Method
    state: State
    url: str | None
    recipient_url: str | None
    flags: list[str]
    events: list[EventShape]
    total_sum: Float
    remaining_sum: Float
    rounding_value: Float
    detailed_sums: DetailedSumsShape
    automatic_reminders: bool
    automatic_reminders_settings: list[ReminderShape]
    reminder_count: int
    automatic_collection: AutomaticCollectionShape
    callbacks: CallbacksShape
    attachment: str | None
    contract: Annotated[Any, Form({"type": ["object", "null"]})]
    show_item_gross_prices: bool
    pdf: PdfShape
    offers: list[str]
    sales_accepted: list[str]
    created_at: Timestamp
    updated_at: Timestamp
    attested_at: Timestamp | None


class CompactCustomerShape(TypedDict):
    customer_no: int
    name: str
    email: str
    org_no: str


class CompactBillogramShape(TypedDict):
    """A row of the list [R]."""

    id: str
    invoice_no: int | None
    ocr_number: str | None
    creditor_unique_value: str | None
    customer: CompactCustomerShape
    invoice_date: Day
    due_date: Day
    currency: str
    total_sum: Float
    remaining_sum: Float
    state: State
    flags: list[str]
    created_at: Timestamp
    updated_at: Timestamp


Base64: TypeAlias = Annotated[str, Form(string(contentEncoding="base64"))]


class PdfFileShape(TypedDict):
    content: Base64
    file_type: Literal["application/pdf"]


class AttachmentShape(TypedDict):
    content: Base64
    filename: str
    file_type: Literal["application/pdf"]


class EmptyShape(TypedDict):
    """DELETE answers an empty object [R]."""


ReportType = Literal["sie4", "sie4 report", "debtors ledger journal"]


class ListedReportShape(TypedDict):
    """A report without its content. `created_at` is in UTC."""

    filename: str
    type: ReportType
    file_type: Literal["text/plain", "application/pdf", "text/csv"]
    info: str
    created_at: Timestamp


class ReportShape(ListedReportShape):
    """A report with its content, the file itself in base64."""

    content: Base64


class ListMeta(TypedDict):
    total_count: int


class BillogramListMeta(TypedDict):
    total_count: int
    total_remaining_sum: Annotated[str, Form(string(pattern=r"^-?\d+\.\d{2}$"))]


class MandateShape(TypedDict):
    customer_no: int
    iban: str
    signed_at: Annotated[str, Form(string(format="date-time"))]


class MigratedMandateShape(TypedDict):
    customer_no: int
    iban: str
    signed_date: Day
    sepa_creditor_identifier: str
    unique_mandate_reference: str


class MandateDetailsShape(TypedDict):
    reference: str
    iban: str
    signed_at: str


class PaymentSourceShape(TypedDict):
    id: Uuid
    status: Annotated[str, Form(one_word(("PENDING", "ACTIVE", "CANCELLED", "FAILED")))]
    scheme: Annotated[str, Form(one_word(("SEPA_DIRECT_DEBIT",)))]
    details: MandateDetailsShape
