"""Billogram's own events under their own names (reference: webhooks 7).

Each carries what its callback shows: the sums after it, and a state. An event's class name is its tag in the
log.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from msgspec import field

from mockserver.core.model import ZERO, Content, Recipient, Row, Sums, Value

LETTER = ("invoice_no", "letter_id", "delivery_method")
SUMS = ("remaining_sum", "total_sum")


class Mark(Value, frozen=True):
    """Which billogram, when, and the event's own uuid."""

    billogram: str
    at: datetime
    uuid: str


class BillogramEvent(Value, frozen=True, tag=True):
    """An event of a billogram. `state` is what the callback shows, which is not always what comes after."""

    keys: ClassVar[tuple[str, ...]] = ()  # members of the public `data`; none: it is null
    shows: ClassVar[str | None] = None  # the fixed state of its callback

    mark: Mark
    sums: Sums
    state: str = ""


class BillogramCreated(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """A draft was made. `recipient` only when it is not the plain copy of the customer."""

    shows = "Unattested"

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


class BillogramSent(LetterEvent, frozen=True, tag=True, kw_only=True):
    """Attested, and the first invoice sent."""

    shows = "Sending"  # seen in callbacks only [C]
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


class EfakturaSent(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Sent as e-invoice or EDI."""

    keys = ("recipient_identifier", "electronic_id")

    recipient_identifier: str | None = None
    electronic_id: str | None = None


class DeliveryFailed(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The e-mail could not be delivered."""

    keys = ("customer_email",)

    customer_email: str


class DeliverySmsFailed(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The SMS could not be delivered."""

    keys = ("customer_phone",)

    customer_phone: str


class Overdue(BillogramEvent, frozen=True, tag=True):
    """The due date has passed unpaid."""

    keys = SUMS


class InterestStarted(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Late interest runs from now on, `interest_rate` percent a year."""

    keys = ("interest_rate",)

    interest_rate: Decimal


class Payment(BillogramEvent, frozen=True, tag=True, kw_only=True):
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


class Credit(LetterEvent, frozen=True, tag=True, kw_only=True):
    """A credit invoice was made: `amount` is its sum."""

    keys = (*LETTER, "amount", *SUMS)

    amount: Decimal
    vat: Decimal = ZERO  # part of the amount
    fees: Decimal = ZERO  # part of the amount, without VAT
    rows: tuple[Row, ...] = ()  # what is credited, by its rows


class OverpaymentAdjustment(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """A little more than the debt was paid; the rest is adjusted."""

    keys = ("amount", *SUMS)

    amount: Decimal


class OverpaymentCustomerLiability(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Money beyond the debt, owed to the customer."""

    keys = ("amount", *SUMS)

    amount: Decimal


class InvoiceSent(LetterEvent, frozen=True, tag=True, kw_only=True):
    """A further invoice, over what a change added."""

    keys = (*LETTER, *SUMS)

    vat: Decimal = ZERO  # of this invoice


class Resent(LetterEvent, frozen=True, tag=True, kw_only=True):
    """The invoice was sent again."""

    keys = (*LETTER, *SUMS)


class LetterSent(LetterEvent, frozen=True, tag=True, kw_only=True):
    """The link was not opened in time: a letter went to the post."""

    keys = LETTER


class DataChange(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """A sent billogram was changed. Both are set when they are new, the sums by a document that follows."""

    content: Content | None = None
    recipient: Recipient | None = None


class DeliveryAccepted(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The recipient opened the bill; `type` is how the link came to him."""

    keys = ("customer_email", "ip", "type")

    type: str | None = field(name="by")  # `type` is the tag in the log
    customer_email: str | None = None
    ip: str | None = None


class EmailNotAccepted(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The link in the e-mail was not opened in time."""

    keys = ("customer_email",)

    customer_email: str


class SmsNotAccepted(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The link in the SMS was not opened in time."""

    keys = ("customer_phone",)

    customer_phone: str


class EfakturaFailed(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The e-invoice was refused."""

    keys = ("bankgiro", "recipient_identifier", "error_status")

    bankgiro: str | None = None
    recipient_identifier: str | None = None
    error_status: str | None = None


class UnderpaymentSettled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """What remained after a payment was let go: `amount`. Our name."""

    keys = ("amount", *SUMS)

    amount: Decimal


class ConfirmedLoss(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """What remained was booked as lost: `amount`. Our name."""

    keys = ("amount", *SUMS)

    amount: Decimal


class Writeoff(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The fees that remained were removed: `amount`."""

    keys = ("amount", *SUMS)

    amount: Decimal


class Writedown(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """What remains is feared to be lost: `amount`. A mark for the bookkeeping, no more [S]."""

    keys = ("amount",)

    amount: Decimal


class RevertWritedown(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The mark was taken away: `amount` is what it was set for."""

    keys = ("amount",)

    amount: Decimal


class CreditAllocated(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Part of a stand-alone credit, the source, went to a debit, the target: one event on each. Our name."""

    keys = ("amount", "source_id", "target_id", *SUMS)

    amount: Decimal
    source_id: str
    target_id: str


class ReminderSent(LetterEvent, frozen=True, tag=True, kw_only=True):
    """A reminder: `reminder_fee` is what was charged so far; interest so far was claimed."""

    keys = (*LETTER, "reminder_fee", "reminder_count", "message", *SUMS)

    reminder_fee: Decimal
    reminder_count: int
    day: date
    message: str | None = None
    automatic: bool = False
    claimed: Decimal = ZERO  # interest, with this one


class Respite(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """More time was given, to the end of `date`."""

    keys = ("date",)

    date: str  # ISO 8601


class RespiteRemoved(BillogramEvent, frozen=True, tag=True):
    """It was withdrawn."""


class Collection(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Handed to the collection agency; interest so far was claimed."""

    keys = ("collector_method", "collector_reference", *SUMS)

    collector_reference: str
    day: date
    collector_method: str | None = None
    claimed: Decimal = ZERO  # interest, with it


class CollectionStatusUpdate(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """News of the agency: it has taken it up."""

    keys = ("collector_reference", "full_status", "message")

    collector_reference: str
    full_status: str | None = None
    message: str | None = None


class CollectorPayment(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Paid to the agency."""

    keys = ("amount", "collector_reference", *SUMS)

    amount: Decimal
    collector_reference: str


class CollectionCancelled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The case was withdrawn."""

    keys = ("collector_reference", "message")

    collector_reference: str
    message: str | None = None


class CollectionEnded(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The case was closed."""

    keys = ("collector_reference", "message")

    collector_reference: str
    message: str | None = None


class PaymentScheduled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """A direct debit is planned."""

    keys = ("payment_type", "payment_amount", "payment_date")

    payment_type: str
    payment_amount: Decimal
    payment_date: str  # ISO 8601
    payment: str
    source: str


class PaymentSystemUpdated(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The plan changed, of itself."""

    keys = ("payment_type", "payment_amount", "payment_date", "payment_update_reason")

    payment_type: str
    payment_amount: Decimal
    payment_date: str  # ISO 8601
    payment_update_reason: str


class PaymentSystemCancelled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Nothing is planned any more."""

    keys = ("payment_type", "payment_update_reason")

    payment_type: str
    payment_update_reason: str


class PaymentUserCancelled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The recipient cancelled what was planned."""

    keys = ("payment_type", "payment_update_reason")

    payment_type: str
    payment_update_reason: str


class PaymentFailed(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The bank refused before settlement."""

    keys = ("payment_type", "payment_failure_reason")

    payment_type: str
    payment_failure_reason: str


class AutogiroFailed(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """An autogiro order failed, mostly for lack of money [D]."""

    keys = ("full_status",)

    full_status: str | None = None


class PaymentRecalled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Money was taken back; an ended billogram is open again. Its callback is one of its own [D]."""

    keys = ("recalled_amount", "related_payment_event_uuids")

    recalled_amount: Decimal
    related_payment_event_uuids: tuple[str, ...]


class RecurringPaymentEnabled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The recipient turned automatic payment on."""

    keys = ("recurring_type",)

    recurring_type: str


class RecurringPaymentDisabled(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The recipient turned automatic payment off."""

    keys = ("recurring_type",)

    recurring_type: str


class FactoringRequest(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Offered for sale."""

    keys = ("factoring_method", "factoring_reference", "sells_for")

    ocr_number: str
    link: str
    sells_for: Decimal
    factoring_reference: str
    factoring_method: str | None = None


class BillogramSold(LetterEvent, frozen=True, tag=True, kw_only=True):
    """The sale was accepted; the invoice is made."""

    keys = ("factoring_method", "factoring_reference", "sold_for")

    sold_for: Decimal
    factoring_reference: str
    factoring_method: str | None = None


class FactoringDenied(LetterEvent, frozen=True, tag=True, kw_only=True):
    """The sale was refused; the invoice is made, and asked for as any other."""

    keys = ("factoring_method", "factoring_reference", "message")

    factoring_reference: str
    factoring_method: str | None = None
    message: str | None = None


class CustomerMessage(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The recipient wrote to the creditor."""

    keys = ("message", "ip")

    message: str
    ip: str | None = None


class CreditorMessage(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """The creditor wrote to the recipient."""

    keys = ("message",)

    message: str


class BillogramEnded(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Nothing more to collect. `ended_as` is the public state that follows."""

    ended_as: str


class Deleted(BillogramEvent, frozen=True, tag=True):
    """The draft is gone; its id is not found any more. Callback only [C]."""

    shows = "Deleted"
