"""The events of the log, and the record (one act) that contains them.

The name of an event's class is its tag in the log. An event carries every value that was decided, so that
`evolve` only copies, and a corrected rule never changes what an existing log means.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, ClassVar

from msgspec import UNSET, UnsetType, field

from mockserver.core.funds import IncomingPayment, OutcomePlan, PaymentSource, Recall
from mockserver.core.model import (
    ZERO,
    Account,
    Attachment,
    Autogiro,
    BillingTab,
    Clock,
    Content,
    Customer,
    Debit,
    Delivery,
    Dunning,
    EfakturaNotice,
    EinvoiceRegistration,
    Interest,
    Internal,
    Item,
    Offer,
    Picture,
    Recipient,
    Report,
    Row,
    Sums,
    TabRefusal,
    TabRow,
    TabSettings,
    Value,
)

FORMAT = 3  # format version of newly written records

LETTER = ("invoice_no", "letter_id", "delivery_method")
SUMS = ("remaining_sum", "total_sum")


class Event(Value, frozen=True, tag=True):
    """Base of all events."""


class DocumentAmounts(Value, frozen=True):
    """What was decided for the document of an event. An amount that is not set is taken from the sums."""

    amount: Decimal | UnsetType = UNSET
    vat: Decimal | UnsetType = UNSET
    kind: str = "invoice"
    earlier: Decimal = ZERO


AMOUNTS_OF_SUMS = DocumentAmounts()


class Effect(Value, frozen=True):
    """What was decided to change in the billogram of an event. A member that is not set is unchanged.

    `highest_invoice_no` is a counter of the account.
    """

    internal: Internal | UnsetType = UNSET
    ended_as: str | UnsetType | None = UNSET
    dunning: Dunning | UnsetType = UNSET
    interest: Interest | UnsetType = UNSET
    debit: Debit | UnsetType | None = UNSET
    autogiro: Autogiro | UnsetType | None = UNSET
    delivery: Delivery | UnsetType = UNSET
    flags: tuple[str, ...] | UnsetType = UNSET
    document: DocumentAmounts = AMOUNTS_OF_SUMS
    highest_invoice_no: int | UnsetType = UNSET


NO_EFFECT = Effect()


class AboutBillogram(Event, frozen=True, kw_only=True):
    """Base of the events that change a billogram."""

    effect: Effect = NO_EFFECT


# Billogram's own events under their own names (reference: webhooks 7). Each carries what its callback shows:
# its data, the sums after it, and a state.


class Mark(Value, frozen=True):
    """The billogram of an event, its moment in UTC, and its uuid."""

    billogram: str
    at: datetime
    uuid: str


class BillogramEvent(AboutBillogram, frozen=True):
    """An event of a billogram. `state` is what the callback shows, not always the state after the event."""

    keys: ClassVar[tuple[str, ...]] = ()  # members of the public `data`, which is null without any
    callback_state: ClassVar[str | None] = None  # the fixed state that the callback shows, if any

    mark: Mark
    sums: Sums
    state: str = ""


class BillogramCreated(BillogramEvent, frozen=True, kw_only=True):
    """A draft was created. `recipient` is set only when it differs from the copy of the customer."""

    callback_state: ClassVar[str] = "Unattested"

    number: int
    customer_no: int
    content: Content
    recipient: Recipient | None = None
    creditor_unique_value: str | None = None
    invoice_no: int | None = None


class LetterEvent(BillogramEvent, frozen=True, kw_only=True):
    """Base of the events that create a document, which has a `letter_id` and a delivery method."""

    invoice_no: int
    letter_id: str
    delivery_method: str


class BillogramSent(LetterEvent, frozen=True, kw_only=True):
    """The draft was attested and its first invoice sent."""

    callback_state = "Sending"  # seen in callbacks only [C]
    keys = (
        *LETTER,
        "original_delivery_method",
        "delivery_redirected",
        "scanning_central",
        *SUMS,
    )

    ocr_number: str
    link: str
    original_delivery_method: str
    delivery_redirected: bool = False
    scanning_central: bool = False
    offers: tuple[str, ...] = ()


class EfakturaSent(BillogramEvent, frozen=True, kw_only=True):
    """The invoice was sent as e-invoice or by EDI."""

    keys = ("recipient_identifier", "electronic_id")

    recipient_identifier: str | None = None
    electronic_id: str | None = None


class DeliveryFailed(BillogramEvent, frozen=True, kw_only=True):
    """The e-mail could not be delivered."""

    keys = ("customer_email",)

    customer_email: str


class DeliverySmsFailed(BillogramEvent, frozen=True, kw_only=True):
    """The SMS could not be delivered."""

    keys = ("customer_phone",)

    customer_phone: str


class Overdue(BillogramEvent, frozen=True):
    """The due date has passed unpaid."""

    keys = SUMS


class InterestStarted(BillogramEvent, frozen=True, kw_only=True):
    """Late interest accrues from now on, `interest_rate` percent a year."""

    keys = ("interest_rate",)

    interest_rate: Decimal


class Payment(BillogramEvent, frozen=True, kw_only=True):
    """Money was received. `amount` is all of it; at most the debt was booked on the billogram."""

    keys = (
        "amount",
        "banking_amount",
        "manual",
        "payer_name",
        "payment_flags",
        *SUMS,
    )

    amount: Decimal
    manual: bool
    payer_name: str
    collected: bool = False  # by the direct debit that was planned
    banking_amount: Decimal | None = None
    payment_flags: tuple[str, ...] = ()


class Credit(LetterEvent, frozen=True, kw_only=True):
    """A credit invoice was created: `amount` is its sum."""

    keys = (*LETTER, "amount", *SUMS)

    amount: Decimal
    vat: Decimal = ZERO  # part of the amount
    fees: Decimal = ZERO  # part of the amount, without VAT
    rows: tuple[Row, ...] = ()  # the credited rows, for a credit by rows


class OverpaymentAdjustment(BillogramEvent, frozen=True, kw_only=True):
    """A little more than the debt was paid. The excess, `amount`, is adjusted."""

    keys = ("amount", *SUMS)

    amount: Decimal


class OverpaymentCustomerLiability(BillogramEvent, frozen=True, kw_only=True):
    """More than the debt was paid. The excess, `amount`, is owed to the customer."""

    keys = ("amount", *SUMS)

    amount: Decimal


class InvoiceSent(LetterEvent, frozen=True, kw_only=True):
    """A further invoice was sent, over what a change added."""

    keys = (*LETTER, *SUMS)

    vat: Decimal = ZERO  # of this invoice


class Resent(LetterEvent, frozen=True, kw_only=True):
    """The invoice was sent again."""

    keys = (*LETTER, *SUMS)


class LetterSent(LetterEvent, frozen=True, kw_only=True):
    """The link was not opened in time, and a letter was sent."""

    keys = LETTER


class DataChange(BillogramEvent, frozen=True, kw_only=True):
    """A sent billogram was changed.

    `content` and `recipient` are set when they changed. A change of the total follows as an event with its
    own document.
    """

    content: Content | None = None
    recipient: Recipient | None = None


class DeliveryAccepted(BillogramEvent, frozen=True, kw_only=True):
    """The recipient opened the bill. `type` is the channel by which they received the link."""

    keys = ("customer_email", "ip", "type")

    type: str | None = field(name="by")  # `type` is the tag in the log
    customer_email: str | None = None
    ip: str | None = None


class EmailNotAccepted(BillogramEvent, frozen=True, kw_only=True):
    """The link in the e-mail was not opened in time."""

    keys = ("customer_email",)

    customer_email: str


class SmsNotAccepted(BillogramEvent, frozen=True, kw_only=True):
    """The link in the SMS was not opened in time."""

    keys = ("customer_phone",)

    customer_phone: str


class EfakturaFailed(BillogramEvent, frozen=True, kw_only=True):
    """The e-invoice was refused."""

    keys = ("bankgiro", "recipient_identifier", "error_status")

    bankgiro: str | None = None
    recipient_identifier: str | None = None
    error_status: str | None = None


class UnderpaymentSettled(BillogramEvent, frozen=True, kw_only=True):
    """What remained after a payment was waived: `amount`. The name is ours."""

    keys = ("amount", *SUMS)

    amount: Decimal


class ConfirmedLoss(BillogramEvent, frozen=True, kw_only=True):
    """What remained was booked as lost: `amount`. The name is ours."""

    keys = ("amount", *SUMS)

    amount: Decimal


class Writeoff(BillogramEvent, frozen=True, kw_only=True):
    """The fees that remained were removed: `amount`."""

    keys = ("amount", *SUMS)

    amount: Decimal


class Writedown(BillogramEvent, frozen=True, kw_only=True):
    """What remains, `amount`, is expected to be lost. It is only a mark for the bookkeeping [S]."""

    keys = ("amount",)

    amount: Decimal


class RevertWritedown(BillogramEvent, frozen=True, kw_only=True):
    """A write-down was reverted. `amount` is what had been written down."""

    keys = ("amount",)

    amount: Decimal


class CreditAllocated(BillogramEvent, frozen=True, kw_only=True):
    """Part of a stand-alone credit (source) was used for a debit (target): one event on each. Our name."""

    keys = ("amount", "source_id", "target_id", *SUMS)

    amount: Decimal
    source_id: str
    target_id: str


class ReminderSent(LetterEvent, frozen=True, kw_only=True):
    """A reminder was sent. `reminder_fee` is the fee charged so far; accrued interest was claimed."""

    keys = (*LETTER, "reminder_fee", "reminder_count", "message", *SUMS)

    reminder_fee: Decimal
    reminder_count: int
    day: date
    message: str | None = None
    automatic: bool = False
    claimed: Decimal = ZERO  # interest that this reminder claimed


class Respite(BillogramEvent, frozen=True, kw_only=True):
    """A respite was granted, to the end of `date`."""

    keys = ("date",)

    date: str  # ISO 8601


class RespiteRemoved(BillogramEvent, frozen=True):
    """The respite was withdrawn."""


class Collection(BillogramEvent, frozen=True, kw_only=True):
    """The billogram was handed over to the collection agency; accrued interest was claimed."""

    keys = ("collector_method", "collector_reference", *SUMS)

    collector_reference: str
    day: date
    collector_method: str | None = None
    claimed: Decimal = ZERO  # interest that this claimed


class CollectionStatusUpdate(BillogramEvent, frozen=True, kw_only=True):
    """The collection agency accepted the case."""

    keys = ("collector_reference", "full_status", "message")

    collector_reference: str
    full_status: str | None = None
    message: str | None = None


class CollectorPayment(BillogramEvent, frozen=True, kw_only=True):
    """Money was paid to the collection agency."""

    keys = ("amount", "collector_reference", *SUMS)

    amount: Decimal
    collector_reference: str


class CollectionCancelled(BillogramEvent, frozen=True, kw_only=True):
    """The collection case was withdrawn."""

    keys = ("collector_reference", "message")

    collector_reference: str
    message: str | None = None


class CollectionEnded(BillogramEvent, frozen=True, kw_only=True):
    """The collection case was closed."""

    keys = ("collector_reference", "message")

    collector_reference: str
    message: str | None = None


class PaymentScheduled(BillogramEvent, frozen=True, kw_only=True):
    """A direct debit was planned."""

    keys = ("payment_type", "payment_amount", "payment_date")

    payment_type: str
    payment_amount: Decimal
    payment_date: str  # ISO 8601
    payment: str
    source: str


class PaymentSystemUpdated(BillogramEvent, frozen=True, kw_only=True):
    """The planned direct debit changed automatically."""

    keys = ("payment_type", "payment_amount", "payment_date", "payment_update_reason")

    payment_type: str
    payment_amount: Decimal
    payment_date: str  # ISO 8601
    payment_update_reason: str


class PaymentSystemCancelled(BillogramEvent, frozen=True, kw_only=True):
    """The planned direct debit was cancelled automatically."""

    keys = ("payment_type", "payment_update_reason")

    payment_type: str
    payment_update_reason: str


class PaymentUserCancelled(BillogramEvent, frozen=True, kw_only=True):
    """The recipient cancelled the planned direct debit."""

    keys = ("payment_type", "payment_update_reason")

    payment_type: str
    payment_update_reason: str


class PaymentFailed(BillogramEvent, frozen=True, kw_only=True):
    """The bank refused a payment before settlement."""

    keys = ("payment_type", "payment_failure_reason")

    payment_type: str
    payment_failure_reason: str


class AutogiroFailed(BillogramEvent, frozen=True, kw_only=True):
    """An autogiro order failed, usually because of insufficient funds [D]."""

    keys = ("full_status",)

    full_status: str | None = None


class PaymentRecalled(BillogramEvent, frozen=True, kw_only=True):
    """Money was taken back; an ended billogram is open again. It has a callback type of its own [D]."""

    keys = ("recalled_amount", "related_payment_event_uuids")

    recalled_amount: Decimal
    related_payment_event_uuids: tuple[str, ...]


class RecurringPaymentEnabled(BillogramEvent, frozen=True, kw_only=True):
    """The recipient turned automatic payment on."""

    keys = ("recurring_type",)

    recurring_type: str


class RecurringPaymentDisabled(BillogramEvent, frozen=True, kw_only=True):
    """The recipient turned automatic payment off."""

    keys = ("recurring_type",)

    recurring_type: str


class FactoringRequest(BillogramEvent, frozen=True, kw_only=True):
    """The claim was offered for sale."""

    keys = ("factoring_method", "factoring_reference", "sells_for")

    ocr_number: str
    link: str
    sells_for: Decimal
    factoring_reference: str
    factoring_method: str | None = None


class BillogramSold(LetterEvent, frozen=True, kw_only=True):
    """The sale was accepted, and the invoice was created."""

    keys = ("factoring_method", "factoring_reference", "sold_for")

    sold_for: Decimal
    factoring_reference: str
    factoring_method: str | None = None


class FactoringDenied(LetterEvent, frozen=True, kw_only=True):
    """The sale was refused. The invoice was created and is claimed like any other."""

    keys = ("factoring_method", "factoring_reference", "message")

    factoring_reference: str
    factoring_method: str | None = None
    message: str | None = None
    offers: tuple[str, ...] = ()


class SaleAccepted(BillogramEvent, frozen=True, kw_only=True):
    """The recipient accepted a sale offer. No sum changes: the billing tab invoices the sale."""

    keys = (
        *("offer_id", "sale_type", "accepted_at", "customer_no"),
        *("item_title", "item_price", "item_type"),
    )

    offer_id: str
    sale_type: str
    accepted_at: str  # UTC
    customer_no: int
    item_title: str
    item_price: Decimal
    item_type: str  # the unit of the item


class CustomerMessage(BillogramEvent, frozen=True, kw_only=True):
    """The recipient wrote to the creditor."""

    keys = ("message", "ip")

    message: str
    ip: str | None = None


class CreditorMessage(BillogramEvent, frozen=True, kw_only=True):
    """The creditor wrote to the recipient."""

    keys = ("message",)

    message: str


class BillogramEnded(BillogramEvent, frozen=True, kw_only=True):
    """The billogram ended: nothing is left to collect. `ended_as` is the public state that follows."""

    ended_as: str


class NewInvoicePDF(BillogramEvent, frozen=True, kw_only=True):
    """A PDF of a document was made anew. Only `simulate/event` causes it."""

    keys = ("invoice_no", "letter_id")

    invoice_no: int | None = None
    letter_id: str | None = None


class PaymentUserUpdated(BillogramEvent, frozen=True, kw_only=True):
    """The recipient changed the planned payment. Only `simulate/event` causes it, and no payment changes."""

    keys = ("payment_type", "payment_amount", "payment_date", "payment_update_reason")

    payment_type: str | None = None
    payment_amount: Decimal | None = None
    payment_date: str | None = None  # ISO 8601
    payment_update_reason: str | None = None


class RecurringPaymentUpdated(BillogramEvent, frozen=True, kw_only=True):
    """The recipient changed the recurring payment. Only `simulate/event` causes it."""

    keys = ("recurring_type",)

    recurring_type: str | None = None


class FactoringCreditRequest(BillogramEvent, frozen=True, kw_only=True):
    """The buyer of the claim was asked to credit it. Only `simulate/event` causes it."""

    keys = ("factoring_reference", "amount")

    factoring_reference: str | None = None
    amount: Decimal | None = None


class FactoringCreditRequestDenied(BillogramEvent, frozen=True, kw_only=True):
    """The buyer of the claim refused to credit it. Only `simulate/event` causes it."""

    keys = ("factoring_reference", "message")

    factoring_reference: str | None = None
    message: str | None = None


class Deleted(BillogramEvent, frozen=True):
    """The draft was deleted. Its id is not found any more; the event is seen in callbacks only [C]."""

    callback_state = "Deleted"


# Events that the mock server adds


class BillogramNote(AboutBillogram, frozen=True):
    """Base of the changes of a billogram that are no events of Billogram."""

    billogram: str
    at: datetime


class DraftChanged(BillogramNote, frozen=True):
    """A draft was changed. No event of Billogram [R]."""

    content: Content
    recipient: Recipient
    sums: Sums


class LetterUndelivered(BillogramNote, frozen=True):
    """A letter was due, but there is no address. No event of Billogram, only a flag [A]."""


class RespiteEnded(BillogramNote, frozen=True):
    """The last day of a respite is over. No event of Billogram [A]."""


class OpenedAgain(BillogramNote, frozen=True):
    """The link was opened after a failed delivery, not for the first time. No event of Billogram [A]."""


class AutogiroMarked(BillogramNote, frozen=True):
    """A mandate of autogiro was added or ended. No event of Billogram, only a flag [A]."""

    on: bool


class AttachmentChanged(BillogramNote, frozen=True):
    """A file was attached or removed. No event of Billogram [A]."""

    attachment: Attachment | None


class PictureChanged(Event, frozen=True):
    """The `logotype` or the `coverphoto` of the account was set or removed."""

    name: str
    picture: Picture | None


class OfferStored(Event, frozen=True):
    """An offer was created or changed."""

    offer: Offer


class EinvoiceRegistered(Event, frozen=True):
    """A customer registered for e-invoices, or changed the registration. In Sweden: EfakturaChanged."""

    customer_no: int
    registration: EinvoiceRegistration


class EinvoiceDeregistered(Event, frozen=True):
    """A customer wants no e-invoices any more. In Sweden: EfakturaChanged."""

    customer_no: int


class EfakturaChanged(Event, frozen=True):
    """A customer in Sweden registered for e-invoices, or deregistered (None), which has its own callback."""

    customer_no: int
    registration: EinvoiceRegistration | None
    notice: EfakturaNotice
    at: datetime | None = None  # UTC; None in older logs, whose registrations are in no nightly file


class EfakturaForwarded(Event, frozen=True):
    """The nightly file of the registrations of the days before `day`, a local date."""

    day: date
    file_name: str
    content: bytes


class EinvoiceMismatched(Event, frozen=True):
    """A recipient in Finland registered with another identity code than the stored one. It has no effect."""

    customer_no: int
    operation: str
    existing: str
    new: str


class EinvoiceNotFound(Event, frozen=True):
    """A recipient in Finland registered with a number of no customer, as it was typed. It has no effect."""

    customer_number: str
    operation: str
    identification_number: str
    address: str


class AccountOpened(Event, frozen=True):
    """The first event of a root stream: the account as it was created or reset."""

    account: Account


class AccountChanged(Event, frozen=True):
    """Settings, features, key or clock of the account were changed."""

    account: Account


class AccountLoaded(Event, frozen=True):
    """A fixture was loaded: its last event. No callback of an earlier act is sent [A]."""

    account: Account


class ClockMoved(Event, frozen=True):
    """The clock of the account was moved forward. This event ends the move."""

    clock: Clock


class SnapshotTaken(Event, frozen=True):
    """A snapshot was taken: the only act of its stream. `number` counts the snapshots."""

    clock: Clock
    number: int


class PaymentStored(Event, frozen=True):
    """A payment was received, or its allocation changed. Effects on billograms are events of their own."""

    payment: IncomingPayment


class SourceStored(Event, frozen=True):
    """A mandate was created or changed."""

    source: PaymentSource


class DebitOrdered(BillogramNote, frozen=True):
    """An autogiro order was sent to the bank. No event of Billogram [A]."""


class OutcomesLaidDown(Event, frozen=True):
    """The outcomes of direct debits were configured for what `key` names, or removed (None)."""

    key: str
    plan: OutcomePlan | None


class RecallMade(Event, frozen=True):
    """A payment was recalled, in one step from all billograms that it was booked on."""

    recall: Recall


class RecallDropped(Event, frozen=True):
    """A configured recall was not possible any more, for this reason."""

    payment: str
    reason: str


class RecipientUpdated(Event, frozen=True):
    """A customer verified an e-mail address (`email`), or changed the recurring payment (`recurring`)."""

    customer_no: int
    email: str | None = None
    recurring: bool = False
    recurring_type: str | None = None
    copy: Recipient | None = None  # the copy with the new address, for billograms created later


class CustomerCreated(Event, frozen=True):
    """A customer was created."""

    customer: Customer


class CustomerChanged(Event, frozen=True):
    """A customer was changed. `before` is its previous number."""

    before: int
    customer: Customer


class ItemCreated(Event, frozen=True):
    """An item was created."""

    item: Item
    highest_item_no: int | UnsetType = UNSET  # of the account, set when this event raises it


class ItemChanged(Event, frozen=True):
    """An item was changed. `before` is its previous number."""

    before: str
    item: Item
    highest_item_no: int | UnsetType = UNSET


class ItemDeleted(Event, frozen=True):
    """An item was deleted. Rows keep what they copied from it."""

    item_no: str


class TabOpened(Event, frozen=True):
    """The first row opened a billing tab."""

    tab: BillingTab


class TabRowAdded(Event, frozen=True):
    """A row was added to a billing tab."""

    row: TabRow


class TabRowDeleted(Event, frozen=True):
    """A row was removed from a billing tab."""

    row: str


class TabDeleted(Event, frozen=True):
    """A billing tab was discarded with its rows."""

    tab: str


class TabRescheduled(Event, frozen=True):
    """A billing tab has another billing date: the frequency was changed, or it was empty on its date."""

    tab: str
    billing_date: date


class TabBilled(Event, frozen=True):
    """A billing tab was invoiced and is closed. The other events of the act are those of its billogram."""

    tab: str
    billogram: str
    billed_on: date


class TabRefused(Event, frozen=True):
    """A billing tab could not be invoiced. It keeps its rows; `billing_date` is when it is tried again."""

    tab: str
    customer_no: int
    billing_date: date
    refusal: TabRefusal


class TabSettingsChanged(Event, frozen=True):
    """The settings of a customer's billing tab were changed, or removed (None). `owner` is its `number`."""

    owner: int
    settings: TabSettings | None


class TabsRenumbered(Event, frozen=True):
    """A customer with billing tabs has another number. `owner` is its `number`, which is the same."""

    owner: int
    customer_no: int


class ReportsMade(Event, frozen=True):
    """Reports were made. `covered` is set when that happened by itself, on the 1st of a month."""

    reports: tuple[Report, ...]
    covered: date | None = None


class AttemptMade(Event, frozen=True, kw_only=True):
    """One attempt to deliver a callback. `at` is its planned moment by the account's clock, in UTC.

    It is stored in the second stream of an account, which the fold never reads. `delivery` is the id of the
    delivery, and `after` the position of the last act when the attempt was made. `pending` means that another
    attempt will follow.
    """

    delivery: str
    at: datetime
    after: int
    pending: bool
    status_code: int | None
    error: str | None
    duration_ms: float
    timestamp: str | None = None  # header Billogram-Request-Timestamp, when it was signed
    headers: str = ""  # of the response, truncated, one line each
    body: str = ""  # of the response, truncated
    replay: bool = False  # a replay or a copy of a delivery
    signed: str = "good"  # the kind of signature, chosen by a delivery policy
    dropped: bool = False  # by a delivery policy: nothing was sent, and nothing will be


EVENTS = tuple(
    each
    for each in tuple(vars().values())
    if isinstance(each, type) and issubclass(each, Event) and not each.__subclasses__()
)
if TYPE_CHECKING:
    AnyEvent = Event
else:
    AnyEvent = reduce(or_, EVENTS)  # the decoder chooses the class by the tag


class Record(Value, frozen=True):
    """One act: the events that one cause had, in one step, at one moment (`at`, in UTC).

    `position` counts from 1 in its stream. `cause` is the id of the request, or names another cause. `rule`
    is the command or rule that decided.
    """

    position: int
    at: datetime
    cause: str
    rule: str
    events: tuple[AnyEvent, ...]
    format: int = 1  # of a record that names none

    @property
    def billograms(self) -> list[str]:
        """The ids of the billograms that its events concern."""
        found: dict[str, None] = {}
        for event in self.events:
            if isinstance(event, BillogramEvent):
                found[event.mark.billogram] = None
            elif isinstance(event, BillogramNote):
                found[event.billogram] = None
        return list(found)
