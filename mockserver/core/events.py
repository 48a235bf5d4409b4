"""What has happened: the events of the log, and the record (one act) that holds them.

Billogram's own events stand in `billogram_events`; those that are here are ours. An event's class name is its
tag in the log.
"""

from datetime import datetime
from typing import TypeAlias, get_args

from mockserver.core.billogram_events import (
    AutogiroFailed,
    BillogramCreated,
    BillogramEnded,
    BillogramEvent,
    BillogramSent,
    BillogramSold,
    Collection,
    CollectionCancelled,
    CollectionEnded,
    CollectionStatusUpdate,
    CollectorPayment,
    ConfirmedLoss,
    Credit,
    CreditAllocated,
    CreditorMessage,
    CustomerMessage,
    DataChange,
    Deleted,
    DeliveryAccepted,
    DeliveryFailed,
    DeliverySmsFailed,
    EfakturaFailed,
    EfakturaSent,
    EmailNotAccepted,
    FactoringDenied,
    FactoringRequest,
    InterestStarted,
    InvoiceSent,
    LetterEvent,
    LetterSent,
    Mark,
    Overdue,
    OverpaymentAdjustment,
    OverpaymentCustomerLiability,
    Payment,
    PaymentFailed,
    PaymentRecalled,
    PaymentScheduled,
    PaymentSystemCancelled,
    PaymentSystemUpdated,
    PaymentUserCancelled,
    RecurringPaymentDisabled,
    RecurringPaymentEnabled,
    ReminderSent,
    Resent,
    Respite,
    RespiteRemoved,
    RevertWritedown,
    SmsNotAccepted,
    UnderpaymentSettled,
    Writedown,
    Writeoff,
)
from mockserver.core.funds import IncomingPayment, OutcomePlan, PaymentSource, Recall
from mockserver.core.model import (
    Account,
    Attachment,
    Clock,
    Content,
    Customer,
    EinvoiceRegistration,
    Item,
    Picture,
    Recipient,
    Sums,
    Value,
)

__all__ = [
    "EVENTS",
    "FORMAT",
    "AccountChanged",
    "AccountLoaded",
    "AccountOpened",
    "AttachmentChanged",
    "AttemptMade",
    "AutogiroFailed",
    "AutogiroMarked",
    "BillogramCreated",
    "BillogramEnded",
    "BillogramEvent",
    "BillogramSent",
    "BillogramSold",
    "ClockMoved",
    "Collection",
    "CollectionCancelled",
    "CollectionEnded",
    "CollectionStatusUpdate",
    "CollectorPayment",
    "ConfirmedLoss",
    "Credit",
    "CreditAllocated",
    "CreditorMessage",
    "CustomerChanged",
    "CustomerCreated",
    "CustomerMessage",
    "DataChange",
    "DebitOrdered",
    "Deleted",
    "DeliveryAccepted",
    "DeliveryFailed",
    "DeliverySmsFailed",
    "DraftChanged",
    "EfakturaFailed",
    "EfakturaSent",
    "EinvoiceRegistered",
    "EmailNotAccepted",
    "Event",
    "FactoringDenied",
    "FactoringRequest",
    "InterestStarted",
    "InvoiceSent",
    "ItemChanged",
    "ItemCreated",
    "ItemDeleted",
    "LetterEvent",
    "LetterSent",
    "LetterUndelivered",
    "Mark",
    "OutcomesLaidDown",
    "Overdue",
    "OverpaymentAdjustment",
    "OverpaymentCustomerLiability",
    "Payment",
    "PaymentFailed",
    "PaymentRecalled",
    "PaymentScheduled",
    "PaymentStored",
    "PaymentSystemCancelled",
    "PaymentSystemUpdated",
    "PaymentUserCancelled",
    "PictureChanged",
    "RecallDropped",
    "RecallMade",
    "RecipientUpdated",
    "Record",
    "RecurringPaymentDisabled",
    "RecurringPaymentEnabled",
    "ReminderSent",
    "Resent",
    "Respite",
    "RespiteEnded",
    "RespiteRemoved",
    "RevertWritedown",
    "SmsNotAccepted",
    "SnapshotTaken",
    "SourceStored",
    "UnderpaymentSettled",
    "Writedown",
    "Writeoff",
]

FORMAT = 1  # of the records that are written now


class DraftChanged(Value, frozen=True, tag=True):
    """A draft was rewritten. No event of Billogram [R]."""

    billogram: str
    at: datetime
    content: Content
    recipient: Recipient
    sums: Sums


class LetterUndelivered(Value, frozen=True, tag=True):
    """A letter was due, and there is no address. No event of Billogram, only a flag [A]."""

    billogram: str
    at: datetime


class RespiteEnded(Value, frozen=True, tag=True):
    """Its last day is over. No event of Billogram [A]."""

    billogram: str
    at: datetime


class AutogiroMarked(Value, frozen=True, tag=True):
    """A mandate of autogiro came, or is gone. No event of Billogram, only a flag [A]."""

    billogram: str
    at: datetime
    on: bool


class AttachmentChanged(Value, frozen=True, tag=True):
    """A file was attached, or taken away. No event of Billogram [A]."""

    billogram: str
    at: datetime
    attachment: Attachment | None


class PictureChanged(Value, frozen=True, tag=True):
    """The `logotype` or the `coverphoto` of the account was set, or taken away."""

    name: str
    picture: Picture | None


class EinvoiceRegistered(Value, frozen=True, tag=True):
    """A customer registered for e-invoices, or anew."""

    customer_no: int
    registration: EinvoiceRegistration


class AccountOpened(Value, frozen=True, tag=True):
    """First event of a root stream: the account as it was made, or as a reset made it anew."""

    account: Account


class AccountChanged(Value, frozen=True, tag=True):
    """Settings, features, key or clock of the account were changed."""

    account: Account


class AccountLoaded(Value, frozen=True, tag=True):
    """The last act of a fixture. What came before is history: none of its callbacks is to be sent [A]."""

    account: Account


class ClockMoved(Value, frozen=True, tag=True):
    """The clock of the account was moved forward: the end of a move."""

    clock: Clock


class SnapshotTaken(Value, frozen=True, tag=True):
    """The one act of a snapshot's own stream: what the clock shows, and the how manieth it is."""

    clock: Clock
    number: int


class PaymentStored(Value, frozen=True, tag=True):
    """A payment came in, or its parts moved. What that means for a billogram, its own events tell."""

    payment: IncomingPayment


class SourceStored(Value, frozen=True, tag=True):
    """A mandate was made, or changed."""

    source: PaymentSource


class DebitOrdered(Value, frozen=True, tag=True):
    """An autogiro order went to the bank. No event of Billogram [A]."""

    billogram: str
    at: datetime


class OutcomesLaidDown(Value, frozen=True, tag=True):
    """What the bank will answer, under the key of what it is for; None: no longer laid down."""

    key: str
    plan: OutcomePlan | None


class RecallMade(Value, frozen=True, tag=True):
    """Money was taken back, in one step from all billograms it was on."""

    recall: Recall


class RecallDropped(Value, frozen=True, tag=True):
    """A recall that was laid down could not be made any more, and why."""

    payment: str
    reason: str


class RecipientUpdated(Value, frozen=True, tag=True):
    """A customer verified an e-mail address, or changed the recurring payment: only that is not None."""

    customer_no: int
    email: str | None = None
    recurring: bool = False
    recurring_type: str | None = None


class CustomerCreated(Value, frozen=True, tag=True):
    """A customer entered the register."""

    customer: Customer


class CustomerChanged(Value, frozen=True, tag=True):
    """A customer was changed; `before` is the number it had."""

    before: int
    customer: Customer


class ItemCreated(Value, frozen=True, tag=True):
    """An item entered the register."""

    item: Item


class ItemChanged(Value, frozen=True, tag=True):
    """An item was changed; `before` is the number it had."""

    before: str
    item: Item


class ItemDeleted(Value, frozen=True, tag=True):
    """An item left the register; rows keep what they took from it."""

    item_no: str


class AttemptMade(Value, frozen=True, tag=True, kw_only=True):
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


Event: TypeAlias = (
    BillogramCreated
    | BillogramSent
    | EfakturaSent
    | DeliveryFailed
    | DeliverySmsFailed
    | Overdue
    | InterestStarted
    | Payment
    | Credit
    | OverpaymentAdjustment
    | OverpaymentCustomerLiability
    | InvoiceSent
    | Resent
    | LetterSent
    | DataChange
    | DeliveryAccepted
    | EmailNotAccepted
    | SmsNotAccepted
    | EfakturaFailed
    | UnderpaymentSettled
    | ConfirmedLoss
    | Writeoff
    | Writedown
    | RevertWritedown
    | CreditAllocated
    | ReminderSent
    | Respite
    | RespiteRemoved
    | Collection
    | CollectionStatusUpdate
    | CollectorPayment
    | CollectionCancelled
    | CollectionEnded
    | PaymentScheduled
    | PaymentSystemUpdated
    | PaymentSystemCancelled
    | PaymentUserCancelled
    | PaymentFailed
    | AutogiroFailed
    | PaymentRecalled
    | RecurringPaymentEnabled
    | RecurringPaymentDisabled
    | FactoringRequest
    | BillogramSold
    | FactoringDenied
    | CustomerMessage
    | CreditorMessage
    | BillogramEnded
    | Deleted
    | DraftChanged
    | LetterUndelivered
    | RespiteEnded
    | AttachmentChanged
    | PictureChanged
    | EinvoiceRegistered
    | AccountOpened
    | AccountChanged
    | AccountLoaded
    | ClockMoved
    | SnapshotTaken
    | PaymentStored
    | SourceStored
    | DebitOrdered
    | AutogiroMarked
    | OutcomesLaidDown
    | RecallMade
    | RecallDropped
    | RecipientUpdated
    | CustomerCreated
    | CustomerChanged
    | ItemCreated
    | ItemChanged
    | ItemDeleted
    | AttemptMade
)
EVENTS: tuple[type[Value], ...] = get_args(Event)


_OF_BILLOGRAMS = (
    *(DraftChanged, LetterUndelivered, RespiteEnded),
    *(AttachmentChanged, DebitOrdered, AutogiroMarked),
)


class Record(Value, frozen=True):
    """One act: what one cause brought about, in one step, at one moment.

    `position` counts from 1 in its stream, `cause` is the id of the request (or what else caused it),
    `rule` the command or rule that decided.
    """

    position: int
    at: datetime
    cause: str
    rule: str
    events: tuple[Event, ...]
    format: int = 1  # of a record that names none

    @property
    def billograms(self) -> list[str]:
        """The billograms that it is about."""
        found: dict[str, None] = {}
        for event in self.events:
            if isinstance(event, BillogramEvent):
                found[event.mark.billogram] = None
            elif isinstance(event, _OF_BILLOGRAMS):
                found[event.billogram] = None
        return list(found)
