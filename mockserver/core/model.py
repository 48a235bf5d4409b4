"""The values of the state: frozen, and nested as the API nests them.

They are `msgspec.Struct` rather than frozen dataclasses: on CPython 3.11 a value of twenty fields is
created 18 times and replaced 38 times faster, and the log reads and writes them without a second description.
Money is `Decimal` in the currency of its billogram. Moments are aware datetimes in UTC. Dates are local dates
of the account's time zone.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace as replace  # exported together with the values

from mockserver.core import kinds
from mockserver.core.kinds import MemberSubset
from mockserver.core.settings import Settings

ZERO = Decimal(0)
_LAST = datetime(8999, 12, 31, tzinfo=UTC)  # the last moment that a clock shows


class Value(Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of all values. They contain no reference cycles, so the garbage collector need not visit them."""


class Internal(StrEnum):
    """The internal state, from which the public state is derived (reference: behaviour 2.1)."""

    UNATTESTED = "Unattested"
    UNPAID = "Unpaid"
    COLLECTION = "Collection"
    FACTORING = "Factoring"
    SOLD = "Sold"
    ENDED = "Ended"
    DELETED = "Deleted"


class Address(Value, frozen=True):
    """One address in either dialect of the API: `street_address` is `address_line_1` [A]."""

    name: str = ""
    additional_name: str = ""
    family_name: str = ""
    street_address: str = ""
    address_line_2: str = ""
    address_line_3: str = ""
    administrative_area: str = ""
    dependent_locality: str = ""
    organization: str = ""
    sorting_code: str = ""
    careof: str = ""
    use_careof_as_attention: bool = False
    attention: str = ""
    zipcode: kinds.Zipcode = ""
    city: str = ""
    country: kinds.Country = ""


def _members(text: str) -> dict[str, str]:
    """Map names in a request to the members of an address."""
    return {name: kinds.SECOND_NAMES.get(name, name) for name in text.split()}


_LINES = "address_line_2 address_line_3 administrative_area dependent_locality organization sorting_code"
_TOWN = "zipcode city country"
# the members of an address depend on its place; that of an establishment has the dialect of 2026
ADDRESS = MemberSubset(
    "AddressFields",
    _members(
        f"street_address address_line_1 {_LINES} careof use_careof_as_attention attention {_TOWN}",
    ),
)
DELIVERY_ADDRESS = MemberSubset(
    "DeliveryAddressFields",
    _members(f"name street_address address_line_1 {_LINES} careof attention {_TOWN}"),
)
PERMANENT_ADDRESS = MemberSubset(
    "PermanentAddressFields", _members(f"name additional_name family_name address_line_1 {_LINES} {_TOWN}")
)


class Contact(Value, frozen=True):
    """The contact person of a customer."""

    name: str = ""
    email: kinds.Email = ""
    phone: str = ""


class CustomerEdi(Value, frozen=True):
    """The EDI address of a customer."""

    electronic_id: str | None = None
    operator: str | None = None
    reference: str | None = None


class EinvoiceRegistration(Value, frozen=True):
    """A registration for e-invoices (reference: api 2.2). The market decides which member is set."""

    registered_at: datetime
    identifier: str | None = None
    pec: str | None = None
    codice_destinatario: str | None = None


class EfakturaNotice(Value, frozen=True):
    """What the callback of a Swedish registration or deregistration shows (reference: webhooks 8.8).

    `customer_supplied` is the customer number that the recipient typed in.
    """

    recipient_type: str
    customer_supplied: int
    fmi: str | None = None
    bank_name: str | None = None
    bank_code: str | None = None
    id_number: str | None = None
    ocr: str | None = None
    full_name: str | None = None
    email: str | None = None


class Recipient(Value, frozen=True):
    """The copy of a customer that a billogram holds (reference: api 8.3)."""

    customer_no: kinds.CustomerNo
    name: str = ""
    org_no: str = ""
    vat_no: str = ""
    email: str = ""
    phone: str = ""
    address: Annotated[Address, ADDRESS] = Address()
    delivery_address: Annotated[Address, DELIVERY_ADDRESS] = Address()
    permanent_establishment_address: Annotated[Address, PERMANENT_ADDRESS] = Address()


class Customer(Value, frozen=True):
    """A customer of the register (reference: api 2)."""

    customer_no: int
    number: int  # order of creation in the account
    name: str
    created_at: datetime
    updated_at: datetime | None = None
    company_type: str = "business"
    org_no: str = ""
    vat_no: str = ""
    language: str | None = None
    notes: str = ""
    contact: Contact = Contact()
    address: Address = Address()
    delivery_address: Address = Address()
    permanent_establishment_address: Address = Address()
    letter_forwarding_enabled: bool = False
    recurring_payment_type: str | None = None
    edi: CustomerEdi = CustomerEdi()
    regional_sweden: str | None = None  # JSON text, stored and never shown [A]
    einvoice: EinvoiceRegistration | None = None
    deregistered: bool = False  # from e-invoices, and not registered again
    copy: Recipient = Recipient(0)  # the copy for billograms created now; decided at each change


def copied(customer: Customer) -> Recipient:
    """Return the copy of a customer for billograms: city in upper case, no attention [R]."""
    address = customer.address
    return Recipient(
        customer_no=customer.customer_no,
        name=customer.name,
        org_no=customer.org_no,
        vat_no=customer.vat_no,
        email=customer.contact.email,
        phone=customer.contact.phone,
        address=replace(address, city=address.city.upper(), attention=""),
        delivery_address=customer.delivery_address,
        permanent_establishment_address=customer.permanent_establishment_address,
    )


class Item(Value, frozen=True):
    """An item of the register (reference: api 3). `price` is per unit without VAT, `vat` percent."""

    item_no: str
    number: int  # order of creation in the account
    title: str
    price: Decimal
    vat: Decimal
    unit: str
    created_at: datetime
    updated_at: datetime | None = None
    description: str = ""
    income_account: str = ""
    vat_account: str = ""
    objects: str = "[]"  # JSON text of the bookkeeping objects
    rotavdrag: bool | None = None  # None: never set, not shown
    zero_vat_reason: str | None = None
    zero_vat_reason_reference: str | None = None


class Row(Value, frozen=True):
    """One row of a billogram (reference: api 8.4). `price` is per unit without VAT, `vat` percent."""

    title: str
    count: Decimal
    price: Decimal
    vat: Decimal
    item_no: str | None = None
    description: str = ""
    unit: str = "unit"
    discount: Decimal = ZERO
    income_account: str = ""
    vat_account: str = ""
    objects: str = "[]"  # JSON text of the bookkeeping objects
    rotavdrag: bool = False
    electricity_collection: str | None = None  # JSON text; None shows as {"nyttighet": null} [R]
    zero_vat_reason: str | None = None
    zero_vat_reason_reference: str | None = None
    external_id: str | None = None


class Sums(Value, frozen=True):
    """`detailed_sums` and the three other sums of a billogram. `paid` and `credited` are negative or 0 [R].

    Only `money` creates them: `remaining` is computed from the other members (behaviour 3.3).
    """

    net: Decimal = ZERO
    vat: Decimal = ZERO
    gross: Decimal = ZERO
    rounding: Decimal = ZERO
    rounding_value: Decimal = ZERO
    total: Decimal = ZERO
    remaining: Decimal = ZERO
    invoice_fee: Decimal = ZERO
    invoice_fee_vat: Decimal = ZERO
    reminder_fee: Decimal = ZERO
    interest_fee: Decimal = ZERO
    credited: Decimal = ZERO
    paid: Decimal = ZERO
    collector_paid: Decimal = ZERO
    rotavdrag: Decimal = ZERO


class Reminder(Value, frozen=True):
    """One step of an automatic dunning sequence."""

    delay_days: kinds.SomeDays
    message: str = ""


class Terms(Value, frozen=True):
    """The terms of payment, delivery and dunning of a billogram."""

    invoice_date: date
    due_date: date
    due_days: int
    currency: str = "SEK"
    invoice_fee: Decimal = ZERO
    reminder_fee: Decimal = ZERO
    interest_rate: Decimal = ZERO
    delivery_method: str = "Letter"
    automatic_reminders: bool = False
    automatic_reminders_settings: tuple[Reminder, ...] = ()
    collection_delay_days: int | None = None
    collection_amount: Decimal | None = None
    collection_default_settings: bool = False
    show_item_gross_prices: bool = False
    pdf_template: str = ""


class Info(Value, frozen=True):
    """Texts and references on the invoice."""

    order_no: kinds.Text30 | None = None
    order_date: date | None = None
    our_reference: kinds.Text35 | None = None
    your_reference: kinds.Text35 | None = None
    shipping_date: date | None = None
    delivery_date: date | None = None
    reference_number: kinds.Text30 | None = None
    message: kinds.Text350 | None = None


class Edi(Value, frozen=True):
    """The EDI address of one billogram."""

    electronic_id: str | None = None
    operator: str | None = None
    subtype: str | None = None
    reference: str | None = None
    note: str | None = None


class ElectricityCollection(Value, frozen=True):
    """Legacy fields of electricity sellers, kept as sent [R]."""

    kommunkod: str | None = None
    naringsidkare: str | None = None
    avflyttad: str | None = None
    avflyttad_datum: str | None = None
    frankopplad: str | None = None
    frankopplad_datum: str | None = None
    anladr: str | None = None
    natom: str | None = None
    arsforb: str | None = None
    anlid: str | None = None
    kravmall: str | None = None
    plombkod: str | None = None
    slutfaktura: str | None = None


class Regional(Value, frozen=True):
    """`regional_sweden` of a billogram (reference: api 8.6)."""

    read_only: ClassVar[tuple[str, ...]] = (
        *("autogiro_status", "autogiro_full_status", "autogiro_payment_date", "autogiro_total_sum"),
    )

    rotavdrag: kinds.Amount = ZERO
    rotavdrag_personal_number: str | None = None
    rotavdrag_description: str | None = None
    rotavdrag_description_of_property: str | None = None
    rotavdrag_apartment_designation: str | None = None
    rotavdrag_housing_association_org_no: str | None = None
    reversed_vat: bool | None = None
    autogiro_betalarnummer: kinds.Digits16 | None = None
    efaktura_recipient_identifier: kinds.Text20 | None = None
    efaktura_recipient_type: kinds.RecipientType | None = None
    efaktura_recipient_bank_name: str | None = None
    efaktura_recipient_bank_id: str | None = None
    efaktura_recipient_bank_code: str | None = None
    efaktura_recipient_id_number: str | None = None
    efaktura_requested_amount: kinds.AmountOrText | None = None
    edi: Edi = Edi()
    electricity_collection: ElectricityCollection = ElectricityCollection()


class Callbacks(Value, frozen=True):
    """Where the events of this billogram are posted, with which key, and a text that they repeat."""

    url: kinds.Url | None = None
    sign_key: str | None = None
    custom: str | None = None


class Content(Value, frozen=True):
    """What the creditor writes and may change: a billogram without its customer and its history."""

    terms: Terms
    items: tuple[Row, ...]
    info: Info = Info()
    regional: Regional = Regional()
    callbacks: Callbacks = Callbacks()
    contract: str | None = None  # JSON text, opaque [A]


class Dunning(Value, frozen=True):
    """The progress of dunning. Dates are local dates of the account."""

    overdue: bool = False  # the event was published since the billogram was opened
    respited: bool = False  # a respite was granted since then: the event will be published once more
    interest_started: bool = False  # since it was opened
    reminded: bool = False  # since it was opened
    reminder_count: int = 0
    automatic_reminders: int = 0  # steps of the sequence that were used
    last_reminder: date | None = None  # automatic or manual
    fee_charged: bool = False
    respite_date: date | None = None  # kept after it has passed
    respite_active: bool = False
    collected_on: date | None = None
    collecting: bool = False  # the agency has not accepted the case yet


class Interest(Value, frozen=True):
    """Late interest: `product` is the sum over days of unpaid principal times yearly rate in percent."""

    since: date | None = None  # the first day that `product` does not include; None: it includes no day
    product: Decimal = ZERO
    claimed: Decimal = ZERO  # interest claimed since the billogram was opened


class Debit(Value, frozen=True):
    """A planned direct debit: the id of its payment, its day, and the mandate that it uses."""

    payment: str
    day: date
    scheme: str
    source: str
    ordered: bool = False  # autogiro: the order was sent to the bank


class Autogiro(Value, frozen=True):
    """What a billogram shows of its autogiro payment (reference: behaviour 6.6)."""

    status: str
    payment_date: date | None = None
    total_sum: Decimal | None = None
    full_status: str | None = None


class Delivery(Value, frozen=True):
    """The result of delivery. `letter_at` is when a letter is sent unless the link is opened before."""

    viewed: bool = False
    letter_at: datetime | None = None


class Attachment(Value, frozen=True):
    """The PDF file that is attached to a billogram."""

    filename: str
    content: bytes


class Picture(Value, frozen=True):
    """Logotype or cover photo of an account."""

    content: bytes
    file_type: str


class EfakturaLine(Value, frozen=True):
    """A registration or deregistration in Sweden, as the nightly file lists it. `at` is in UTC."""

    at: datetime
    registered: bool
    customer_no: int
    notice: EfakturaNotice


class EfakturaDay(Value, frozen=True):
    """The registrations that the next nightly file lists, in order (reference: behaviour 7.4)."""

    lines: tuple[EfakturaLine, ...] = ()


class OfferItem(Value, frozen=True):
    """What a sale offer sells: the row that an accepted sale adds to the customer's billing tab."""

    title: str
    price: Decimal
    vat: Decimal
    unit: str = "unit"


class Sale(Value, frozen=True):
    """A sale offer that was accepted on a billogram. `at` is in UTC."""

    billogram: str
    customer_no: int
    at: datetime


class Offer(Value, frozen=True):
    """A banner or a sale offer on the recipient's page (reference: api 13). Both times are in UTC.

    From the first of its `sales` on the offer can't be changed.
    """

    offer_id: str
    number: int
    type: str
    title: str
    text: str
    picture: Picture
    created_at: datetime
    updated_at: datetime
    info_link: str | None = None
    link_text: str | None = None
    sale_type: str | None = None
    item: OfferItem | None = None
    sales: tuple[Sale, ...] = ()


class Billogram(Value, frozen=True):
    """One claim with its history (reference: behaviour 1). `number` is its creation order in the account."""

    id: str
    number: int
    recipient: Recipient
    content: Content
    sums: Sums
    internal: Internal
    created_at: datetime
    updated_at: datetime
    attested_at: datetime | None = None
    creditor_unique_value: str | None = None
    invoice_no: int | None = None
    ocr_number: str | None = None
    link: str | None = None  # five capitals at the end of its public address
    ended_as: str | None = None  # the public state while `internal` is Ended
    dunning: Dunning = Dunning()
    interest: Interest = Interest()
    debit: Debit | None = None
    autogiro: Autogiro | None = None
    delivery: Delivery = Delivery()
    attachment: Attachment | None = None
    documents: tuple[Any, ...] = ()  # documents.Document, oldest first
    flags: tuple[str, ...] = ()  # the flags that are set by events; others are derived
    events: tuple[Any, ...] = ()  # events.BillogramEvent, oldest first
    offers: tuple[str, ...] = ()  # the ids of the sale offers when it was sent
    sales_accepted: tuple[str, ...] = ()  # the ids of the accepted ones, in order

    @property
    def is_credit(self) -> bool:
        """Whether this is a stand-alone credit: its total after rounding is negative [D]."""
        return self.sums.total < 0


class TabItem(Value, frozen=True):
    """What was sent for a row of a billing tab (reference: api 11.4). None: nothing was sent for the member.

    `from_register` says that `item_no` was in the register: what is missing comes from there at billing.
    """

    title: str | None = None
    count: Decimal = Decimal(1)
    price: Decimal | None = None
    vat: Decimal | None = None
    item_no: str | None = None
    description: str | None = None
    unit: str | None = None
    discount: Decimal | None = None
    income_account: str | None = None
    vat_account: str | None = None
    objects: str | None = None  # JSON text of the bookkeeping objects
    rotavdrag: bool | None = None
    electricity_collection: str | None = None  # JSON text
    zero_vat_reason: str | None = None
    zero_vat_reason_reference: str | None = None
    external_id: str | None = None
    from_register: bool = False


class TabRow(Value, frozen=True):
    """A row of a billing tab. A deleted row is kept, so that its key still gives the first answer.

    `owner` is the `number` of the customer. `shown` is the row as answers show it, as JSON text. `body` is a
    digest of the request's body, which is compared when `key`, its deduplication key, is sent again.
    """

    id: str
    number: int  # order of creation in the account
    tab: str
    owner: int
    created_at: datetime
    item: TabItem
    shown: str
    key: str | None = None
    body: str | None = None
    deleted: bool = False


class TabRefusal(Value, frozen=True):
    """Why a billing tab could not be invoiced: the refusal as a request would have been answered."""

    status: str
    message: str
    field: str | None = None
    path: tuple[str | int, ...] | None = None


class ReportPlan(Value, frozen=True):
    """When reports will be made (reference: behaviour 6.8).

    `booked` has the local months with vouchers that wait for their reports, each with a currency and by its
    first day. `covered` is the last 1st of a month on which the reports of all earlier months were made.
    `made` counts the reports.
    """

    booked: tuple[tuple[str, date], ...] = ()
    covered: date | None = None
    made: int = 0


class Report(Value, frozen=True):
    """A report of one month and currency (reference: api 7). `made_at` is in UTC, `month` its first day.

    `number` counts the reports of the account. `settings` are those of the account at that moment. The
    content is made from the acts up to it.
    """

    filename: str
    number: int
    kind: str  # a key of `reports.KINDS`
    month: date
    currency: str
    made_at: datetime
    settings: Settings


class BillingTab(Value, frozen=True):
    """A billing tab: active, invoiced (`billogram`), or deleted (reference: behaviour 6.7).

    `owner` is the `number` of the customer, which never changes; `customer_no` is its present number. Of an
    invoiced tab `billing_date` is the day on which it was invoiced. `refusal` is that of its last run.
    """

    id: str
    number: int  # order of creation in the account
    owner: int
    customer_no: int
    opened_at: datetime
    billing_date: date
    billogram: str | None = None
    refusal: TabRefusal | None = None
    deleted: bool = False

    @property
    def active(self) -> bool:
        """Whether it collects rows."""
        return self.billogram is None and not self.deleted


class TabSettings(Value, frozen=True):
    """When and how a customer's billing tab is invoiced. None means the account's default."""

    billing_frequency: str | None = None
    delivery_method: str | None = None


class CustomerTabs(Value, frozen=True):
    """The billing tabs of a customer and their settings. `tabs` has the ids of all but deleted tabs."""

    active: str | None = None
    tabs: tuple[str, ...] = ()
    settings: TabSettings | None = None


class CallbackSettings(Value, frozen=True):
    """Where and how an account's callbacks are sent (reference: control 1, webhooks 5)."""

    url: str | None = None  # None: nothing is sent
    sign_key: str | None = None
    require_https: bool = False
    types: tuple[str, ...] | None = None  # callback types that are sent; None: all
    timeout: str = "10s"  # real time [A]
    retry_schedule: tuple[str, ...] = ("1m", "5m", "15m", "1h", "3h", "6h", "12h")  # account's clock [A]
    respond: int = 200  # what the receiver inside the server answers


class Features(Value, frozen=True):
    """Features that Billogram enables on request; here all of them are enabled by default [A]."""

    standalone_credits: bool = True
    collection: bool = True
    factoring: bool = True
    recipient_updated_callback: bool = True


class Clock(Value, frozen=True):
    """The clock of an account.

    A `frozen` clock always shows `now`. A `live` clock showed `now` at the real moment `real`, and has
    advanced `speed` times as fast as real time since then.
    """

    mode: str
    now: datetime
    real: datetime
    speed: float = 1.0

    def now_at(self, real: datetime) -> datetime:
        """Return what this clock shows at a real moment, at most its last moment. Both are in UTC."""
        if self.mode == "frozen":
            return self.now
        try:
            passed = real - self.real
            if self.speed != 1:  # multiplying by a float is slow
                passed *= self.speed
            return min(self.now + passed, _LAST)
        except OverflowError:  # a fast clock that ran for a long time
            return _LAST


class Origin(Value, frozen=True):
    """The account that another was forked from, and the position of the last act that both share."""

    id: str
    position: int


class Account(Value, frozen=True):
    """One creditor, which the credentials of an API user give access to, and its counters."""

    id: str
    order: int  # order of creation among the accounts of the server
    key_hash: str | None  # None until the first password is received and adopted
    seed: int
    clock: Clock
    timezone: str
    settings: Settings
    first_settings: Settings  # as created; a reset restores them
    features: Features = Features()
    callbacks: CallbackSettings = CallbackSettings()
    default_due_days: int = 30
    market: str = "Sweden"
    pdf_delay: str = "0s"  # until a new document's PDF is available, by the account's clock
    dunning_changed_at: datetime | None = None  # the last change of dunning rules or time zone
    generation: int = 0
    billograms: int = 0  # ever created
    items: int = 0  # ever created
    highest_item_no: int = 0  # among numeric ones: numbers of deleted items are not reused [R]
    highest_invoice_no: int = 0
    forked_from: Origin | None = None  # a reset forgets it
    earlier_seeds: tuple[int, ...] = ()  # of a fork: those that drew the numbers of what it continues from
