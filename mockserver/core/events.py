"""What has happened: the events of the log, and the record (one act) that holds them.

The classes that derive from `BillogramEvent` are Billogram's own events under their own names
(reference: webhooks 7); each carries what its callback shows: the sums after it, and a state. The others
are ours. An event's class name is its tag in the log.
"""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, TypeAlias, get_args

from mockserver.core.model import (
    Account,
    Clock,
    Content,
    Customer,
    IncomingPayment,
    Item,
    Recipient,
    Sums,
    Value,
)

FORMAT = 1  # of the records that are written now


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


class BillogramSent(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Attested, and the first invoice sent."""

    shows = "Sending"  # seen in callbacks only [C]
    keys = (
        "invoice_no",
        "letter_id",
        "delivery_method",
        "original_delivery_method",
        "delivery_redirected",
        "scanning_central",
        "remaining_sum",
        "total_sum",
    )

    invoice_no: int
    ocr_number: str
    link: str
    letter_id: str
    delivery_method: str
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

    keys = ("remaining_sum", "total_sum")


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
        "remaining_sum",
        "total_sum",
    )

    amount: Decimal
    manual: bool
    payer_name: str
    banking_amount: Decimal | None = None
    payment_flags: tuple[str, ...] = ()


class Credit(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """A credit invoice was made: `amount` is its sum."""

    keys = ("invoice_no", "letter_id", "delivery_method", "amount", "remaining_sum", "total_sum")

    invoice_no: int
    letter_id: str
    delivery_method: str
    amount: Decimal


class OverpaymentAdjustment(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """A little more than the debt was paid; the rest is adjusted."""

    keys = ("amount", "remaining_sum", "total_sum")

    amount: Decimal


class OverpaymentCustomerLiability(BillogramEvent, frozen=True, tag=True, kw_only=True):
    """Money beyond the debt, owed to the customer."""

    keys = ("amount", "remaining_sum", "total_sum")

    amount: Decimal


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


class DraftChanged(Value, frozen=True, tag=True):
    """A draft was rewritten. No event of Billogram [R]."""

    billogram: str
    at: datetime
    content: Content
    recipient: Recipient
    sums: Sums


class AccountOpened(Value, frozen=True, tag=True):
    """First event of a root stream: the account as it was made, or as a reset made it anew."""

    account: Account


class AccountChanged(Value, frozen=True, tag=True):
    """Settings, features, key or clock of the account were changed."""

    account: Account


class ClockMoved(Value, frozen=True, tag=True):
    """The clock of the account was moved forward: the end of a move."""

    clock: Clock


class PaymentStored(Value, frozen=True, tag=True):
    """A payment came in, or its parts moved. What that means for a billogram, its own events tell."""

    payment: IncomingPayment


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
    replay: bool = False


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
    | CustomerMessage
    | CreditorMessage
    | BillogramEnded
    | Deleted
    | DraftChanged
    | AccountOpened
    | AccountChanged
    | ClockMoved
    | PaymentStored
    | CustomerCreated
    | CustomerChanged
    | ItemCreated
    | ItemChanged
    | ItemDeleted
    | AttemptMade
)
EVENTS: tuple[type[Value], ...] = get_args(Event)


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
