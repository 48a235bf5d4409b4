"""What has happened: the events of the log, and the record (one act) that holds them.

An event is listed once: by its class, whose name is its tag in the log. An event carries every value that was
decided, so that `evolve` only copies, and a corrected rule never changes what an existing log means.
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
    Clock,
    Content,
    Customer,
    Debit,
    Delivery,
    Dunning,
    EinvoiceRegistration,
    Interest,
    Internal,
    Item,
    Picture,
    Recipient,
    Row,
    Sums,
    Value,
)

FORMAT = 2  # of the records that are written now

LETTER = ("invoice_no", "letter_id", "delivery_method")
SUMS = ("remaining_sum", "total_sum")


class Event(Value, frozen=True, tag=True):
    """Base of all events."""


class DocumentAmounts(Value, frozen=True):
    """What was decided for the document of an event; an amount that is not set is that of the sums."""

    amount: Decimal | UnsetType = UNSET
    vat: Decimal | UnsetType = UNSET
    kind: str = "invoice"
    earlier: Decimal = ZERO


AMOUNTS_OF_SUMS = DocumentAmounts()


class Effect(Value, frozen=True):
    """What was decided to change in the billogram of an event; a member that is not set stays as it is.

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
    """Base of those that change a billogram."""

    effect: Effect = NO_EFFECT


# Billogram's own events under their own names (reference: webhooks 7): each carries what its callback shows,
# the sums after it, and a state


class Mark(Value, frozen=True):
    """Which billogram, when, and the event's own uuid."""

    billogram: str
    at: datetime
    uuid: str


class BillogramEvent(AboutBillogram, frozen=True):
    """An event of a billogram. `state` is what the callback shows, which is not always what comes after."""

    keys: ClassVar[tuple[str, ...]] = ()  # members of the public `data`; none: it is null
    callback_state: ClassVar[str | None] = None  # the fixed state of its callback

    mark: Mark
    sums: Sums
    state: str = ""


class BillogramCreated(BillogramEvent, frozen=True, kw_only=True):
    """A draft was made. `recipient` only when it is not the plain copy of the customer."""

    callback_state: ClassVar[str] = "Unattested"

    number: int
    customer_no: int
    content: Content
    recipient: Recipient | None = None
    creditor_unique_value: str | None = None
    invoice_no: int | None = None


class LetterEvent(BillogramEvent, frozen=True, kw_only=True):
    """Base of those that made a document: it has a `letter_id`, and leaves by a method."""

    invoice_no: int
    letter_id: str
    delivery_method: str


class BillogramSent(LetterEvent, frozen=True, kw_only=True):
    """Attested, and the first invoice sent."""

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


class EfakturaSent(BillogramEvent, frozen=True, kw_only=True):
    """Sent as e-invoice or EDI."""

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
    """Late interest runs from now on, `interest_rate` percent a year."""

    keys = ("interest_rate",)

    interest_rate: Decimal


class Payment(BillogramEvent, frozen=True, kw_only=True):
    """Money received: `amount` is all that came for this billogram, of which the debt at most was booked."""

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
    """A credit invoice was made: `amount` is its sum."""

    keys = (*LETTER, "amount", *SUMS)

    amount: Decimal
    vat: Decimal = ZERO  # part of the amount
    fees: Decimal = ZERO  # part of the amount, without VAT
    rows: tuple[Row, ...] = ()  # what is credited, by its rows


class OverpaymentAdjustment(BillogramEvent, frozen=True, kw_only=True):
    """A little more than the debt was paid; the rest is adjusted."""

    keys = ("amount", *SUMS)

    amount: Decimal


class OverpaymentCustomerLiability(BillogramEvent, frozen=True, kw_only=True):
    """Money beyond the debt, owed to the customer."""

    keys = ("amount", *SUMS)

    amount: Decimal


class InvoiceSent(LetterEvent, frozen=True, kw_only=True):
    """A further invoice, over what a change added."""

    keys = (*LETTER, *SUMS)

    vat: Decimal = ZERO  # of this invoice


class Resent(LetterEvent, frozen=True, kw_only=True):
    """The invoice was sent again."""

    keys = (*LETTER, *SUMS)


class LetterSent(LetterEvent, frozen=True, kw_only=True):
    """The link was not opened in time: a letter went to the post."""

    keys = LETTER


class DataChange(BillogramEvent, frozen=True, kw_only=True):
    """A sent billogram was changed. Both are set when they are new, the sums by a document that follows."""

    content: Content | None = None
    recipient: Recipient | None = None


class DeliveryAccepted(BillogramEvent, frozen=True, kw_only=True):
    """The recipient opened the bill; `type` is how the link came to him."""

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
    """What remained after a payment was let go: `amount`. Our name."""

    keys = ("amount", *SUMS)

    amount: Decimal


class ConfirmedLoss(BillogramEvent, frozen=True, kw_only=True):
    """What remained was booked as lost: `amount`. Our name."""

    keys = ("amount", *SUMS)

    amount: Decimal


class Writeoff(BillogramEvent, frozen=True, kw_only=True):
    """The fees that remained were removed: `amount`."""

    keys = ("amount", *SUMS)

    amount: Decimal


class Writedown(BillogramEvent, frozen=True, kw_only=True):
    """What remains is feared to be lost: `amount`. A mark for the bookkeeping, no more [S]."""

    keys = ("amount",)

    amount: Decimal


class RevertWritedown(BillogramEvent, frozen=True, kw_only=True):
    """The mark was taken away: `amount` is what it was set for."""

    keys = ("amount",)

    amount: Decimal


class CreditAllocated(BillogramEvent, frozen=True, kw_only=True):
    """Part of a stand-alone credit, the source, went to a debit, the target: one event on each. Our name."""

    keys = ("amount", "source_id", "target_id", *SUMS)

    amount: Decimal
    source_id: str
    target_id: str


class ReminderSent(LetterEvent, frozen=True, kw_only=True):
    """A reminder: `reminder_fee` is what was charged so far; interest so far was claimed."""

    keys = (*LETTER, "reminder_fee", "reminder_count", "message", *SUMS)

    reminder_fee: Decimal
    reminder_count: int
    day: date
    message: str | None = None
    automatic: bool = False
    claimed: Decimal = ZERO  # interest, with this one


class Respite(BillogramEvent, frozen=True, kw_only=True):
    """More time was given, to the end of `date`."""

    keys = ("date",)

    date: str  # ISO 8601


class RespiteRemoved(BillogramEvent, frozen=True):
    """It was withdrawn."""


class Collection(BillogramEvent, frozen=True, kw_only=True):
    """Handed to the collection agency; interest so far was claimed."""

    keys = ("collector_method", "collector_reference", *SUMS)

    collector_reference: str
    day: date
    collector_method: str | None = None
    claimed: Decimal = ZERO  # interest, with it


class CollectionStatusUpdate(BillogramEvent, frozen=True, kw_only=True):
    """News of the agency: it has taken it up."""

    keys = ("collector_reference", "full_status", "message")

    collector_reference: str
    full_status: str | None = None
    message: str | None = None


class CollectorPayment(BillogramEvent, frozen=True, kw_only=True):
    """Paid to the agency."""

    keys = ("amount", "collector_reference", *SUMS)

    amount: Decimal
    collector_reference: str


class CollectionCancelled(BillogramEvent, frozen=True, kw_only=True):
    """The case was withdrawn."""

    keys = ("collector_reference", "message")

    collector_reference: str
    message: str | None = None


class CollectionEnded(BillogramEvent, frozen=True, kw_only=True):
    """The case was closed."""

    keys = ("collector_reference", "message")

    collector_reference: str
    message: str | None = None


class PaymentScheduled(BillogramEvent, frozen=True, kw_only=True):
    """A direct debit is planned."""

    keys = ("payment_type", "payment_amount", "payment_date")

    payment_type: str
    payment_amount: Decimal
    payment_date: str  # ISO 8601
    payment: str
    source: str


class PaymentSystemUpdated(BillogramEvent, frozen=True, kw_only=True):
    """The plan changed, of itself."""

    keys = ("payment_type", "payment_amount", "payment_date", "payment_update_reason")

    payment_type: str
    payment_amount: Decimal
    payment_date: str  # ISO 8601
    payment_update_reason: str


class PaymentSystemCancelled(BillogramEvent, frozen=True, kw_only=True):
    """Nothing is planned any more."""

    keys = ("payment_type", "payment_update_reason")

    payment_type: str
    payment_update_reason: str


class PaymentUserCancelled(BillogramEvent, frozen=True, kw_only=True):
    """The recipient cancelled what was planned."""

    keys = ("payment_type", "payment_update_reason")

    payment_type: str
    payment_update_reason: str


class PaymentFailed(BillogramEvent, frozen=True, kw_only=True):
    """The bank refused before settlement."""

    keys = ("payment_type", "payment_failure_reason")

    payment_type: str
    payment_failure_reason: str


class AutogiroFailed(BillogramEvent, frozen=True, kw_only=True):
    """An autogiro order failed, mostly for lack of money [D]."""

    keys = ("full_status",)

    full_status: str | None = None


class PaymentRecalled(BillogramEvent, frozen=True, kw_only=True):
    """Money was taken back; an ended billogram is open again. Its callback is one of its own [D]."""

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
    """Offered for sale."""

    keys = ("factoring_method", "factoring_reference", "sells_for")

    ocr_number: str
    link: str
    sells_for: Decimal
    factoring_reference: str
    factoring_method: str | None = None


class BillogramSold(LetterEvent, frozen=True, kw_only=True):
    """The sale was accepted; the invoice is made."""

    keys = ("factoring_method", "factoring_reference", "sold_for")

    sold_for: Decimal
    factoring_reference: str
    factoring_method: str | None = None


class FactoringDenied(LetterEvent, frozen=True, kw_only=True):
    """The sale was refused; the invoice is made, and asked for as any other."""

    keys = ("factoring_method", "factoring_reference", "message")

    factoring_reference: str
    factoring_method: str | None = None
    message: str | None = None


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
    """Nothing more to collect. `ended_as` is the public state that follows."""

    ended_as: str


class Deleted(BillogramEvent, frozen=True):
    """The draft is gone; its id is not found any more. Callback only [C]."""

    callback_state = "Deleted"


# Events of ours


class BillogramNote(AboutBillogram, frozen=True):
    """Something that happened to a billogram, and is no event of Billogram."""

    billogram: str
    at: datetime


class DraftChanged(BillogramNote, frozen=True):
    """A draft was rewritten. No event of Billogram [R]."""

    content: Content
    recipient: Recipient
    sums: Sums


class LetterUndelivered(BillogramNote, frozen=True):
    """A letter was due, and there is no address. No event of Billogram, only a flag [A]."""


class RespiteEnded(BillogramNote, frozen=True):
    """Its last day is over. No event of Billogram [A]."""


class AutogiroMarked(BillogramNote, frozen=True):
    """A mandate of autogiro came, or is gone. No event of Billogram, only a flag [A]."""

    on: bool


class AttachmentChanged(BillogramNote, frozen=True):
    """A file was attached, or taken away. No event of Billogram [A]."""

    attachment: Attachment | None


class PictureChanged(Event, frozen=True):
    """The `logotype` or the `coverphoto` of the account was set, or taken away."""

    name: str
    picture: Picture | None


class EinvoiceRegistered(Event, frozen=True):
    """A customer registered for e-invoices, or anew."""

    customer_no: int
    registration: EinvoiceRegistration


class AccountOpened(Event, frozen=True):
    """First event of a root stream: the account as it was made, or as a reset made it anew."""

    account: Account


class AccountChanged(Event, frozen=True):
    """Settings, features, key or clock of the account were changed."""

    account: Account


class AccountLoaded(Event, frozen=True):
    """The last act of a fixture. What came before is history: none of its callbacks is to be sent [A]."""

    account: Account


class ClockMoved(Event, frozen=True):
    """The clock of the account was moved forward: the end of a move."""

    clock: Clock


class SnapshotTaken(Event, frozen=True):
    """The one act of a snapshot's own stream: what the clock shows, and the how manieth it is."""

    clock: Clock
    number: int


class PaymentStored(Event, frozen=True):
    """A payment came in, or its parts moved. What that means for a billogram, its own events tell."""

    payment: IncomingPayment


class SourceStored(Event, frozen=True):
    """A mandate was made, or changed."""

    source: PaymentSource


class DebitOrdered(BillogramNote, frozen=True):
    """An autogiro order went to the bank. No event of Billogram [A]."""


class OutcomesLaidDown(Event, frozen=True):
    """What the bank will answer, under the key of what it is for; None: no longer laid down."""

    key: str
    plan: OutcomePlan | None


class RecallMade(Event, frozen=True):
    """Money was taken back, in one step from all billograms it was on."""

    recall: Recall


class RecallDropped(Event, frozen=True):
    """A recall that was laid down could not be made any more, and why."""

    payment: str
    reason: str


class RecipientUpdated(Event, frozen=True):
    """A customer verified an e-mail address, or changed the recurring payment: only that is not None."""

    customer_no: int
    email: str | None = None
    recurring: bool = False
    recurring_type: str | None = None
    copy: Recipient | None = None  # with the address, as billograms copy it from then on


class CustomerCreated(Event, frozen=True):
    """A customer entered the register."""

    customer: Customer


class CustomerChanged(Event, frozen=True):
    """A customer was changed; `before` is the number it had."""

    before: int
    customer: Customer


class ItemCreated(Event, frozen=True):
    """An item entered the register."""

    item: Item
    highest_item_no: int | UnsetType = UNSET  # of the account, when it is another one by this


class ItemChanged(Event, frozen=True):
    """An item was changed; `before` is the number it had."""

    before: str
    item: Item
    highest_item_no: int | UnsetType = UNSET


class ItemDeleted(Event, frozen=True):
    """An item left the register; rows keep what they took from it."""

    item_no: str


class AttemptMade(Event, frozen=True, kw_only=True):
    """One attempt to deliver a callback; `at` is its planned moment by the account's clock.

    It stands in the second stream of an account, which the fold never reads. `delivery` is the id of the
    delivery, `after` the last act when it was made, `pending`: it will be tried again.
    """

    delivery: str
    at: datetime
    after: int
    pending: bool
    status_code: int | None
    error: str | None
    duration_ms: float
    timestamp: str | None = None  # header Billogram-Request-Timestamp, when it was signed
    headers: str = ""  # of the answer, cut: a line for each
    body: str = ""  # of the answer, cut
    replay: bool = False  # or a copy
    signed: str = "good"  # how, as a delivery policy has it
    dropped: bool = False  # by a delivery policy: nothing was sent, and nothing will be


EVENTS = tuple(
    each
    for each in tuple(vars().values())
    if isinstance(each, type) and issubclass(each, Event) and not each.__subclasses__()
)
if TYPE_CHECKING:
    AnyEvent = Event
else:
    AnyEvent = reduce(or_, EVENTS)  # what the decoder picks from by the tag


class Record(Value, frozen=True):
    """One act: what one cause brought about, in one step, at one moment.

    `position` counts from 1 in its stream, `cause` is the id of the request (or what else caused it),
    `rule` the command or rule that decided.
    """

    position: int
    at: datetime
    cause: str
    rule: str
    events: tuple[AnyEvent, ...]
    format: int = 1  # of a record that names none

    @property
    def billograms(self) -> list[str]:
        """The billograms that it is about."""
        found: dict[str, None] = {}
        for event in self.events:
            if isinstance(event, BillogramEvent):
                found[event.mark.billogram] = None
            elif isinstance(event, BillogramNote):
                found[event.billogram] = None
        return list(found)
