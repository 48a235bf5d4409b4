"""Values of the bank: received and planned payments, mandates, and configured outcomes."""

from datetime import date, datetime
from decimal import Decimal

from mockserver.core.model import ZERO, Value

SEPA, AUTOGIRO, TRANSFER = "SEPA_DIRECT_DEBIT", "AUTOGIRO", "SEPA_CREDIT_TRANSFER"
MANUAL = "MANUAL"
PENDING, ACTIVE, FAILED, CANCELLED = "PENDING", "ACTIVE", "FAILED", "CANCELLED"  # of a mandate
SCHEDULED, SETTLED = "scheduled", "settled"  # of a payment; also failed and cancelled


class Allocation(Value, frozen=True):
    """The part of a payment that was booked on one billogram, and the uuid of its `Payment` event."""

    billogram: str
    amount: Decimal
    event_uuid: str


class PlannedRecall(Value, frozen=True):
    """A recall by the bank that an outcome plan configured. `at` is in UTC."""

    at: datetime
    type: str
    code: str


class IncomingPayment(Value, frozen=True):
    """A payment that was received or is planned (reference: behaviour 1, 5, 6.6; control 1).

    The parts of a settled payment add up to `amount`: the allocations, `unmatched` (not allocated yet),
    `adjustment` and `liability` (beyond the debt) and `recalled`. `currency` is None until the payment is
    allocated to a billogram. `number` counts in the account. `planned_for` is the billogram of a direct
    debit. `at` is in UTC, `date` is a local date.
    """

    id: str
    number: int
    amount: Decimal
    currency: str | None
    scheme: str
    date: date
    at: datetime
    payer_name: str | None = None
    ocr_number: str | None = None  # as the bank reported it
    b2b: bool = False
    status: str = SETTLED
    allocations: tuple[Allocation, ...] = ()
    unmatched: Decimal = ZERO
    adjustment: Decimal = ZERO
    liability: Decimal = ZERO
    recalled: Decimal = ZERO
    planned_for: str | None = None
    source: str | None = None
    failure: str | None = None  # code of the bank
    planned_recall: PlannedRecall | None = None
    recalls: int = 0


class PaymentSource(Value, frozen=True):
    """A mandate: SEPA direct debit or autogiro (reference: api 12). `number` counts in the account."""

    id: str
    number: int
    customer_no: int
    scheme: str
    status: str
    reference: str
    created_at: datetime
    signed_at: datetime
    iban: str | None = None
    migrated: bool = False
    b2b: bool = False
    last_collection: date | None = None
    # the day it was imported or migrated, from which its lapse counts; None in older logs: from its signature
    imported_on: date | None = None

    @property
    def usable(self) -> bool:
        """Whether money can be collected with this mandate. That includes a pending mandate [A]."""
        return self.status in (PENDING, ACTIVE)


class Outcome(Value, frozen=True):
    """The bank's answer to one direct debit: a rejection, or a success that a recall may follow."""

    reject: str | None = None
    recall: str | None = None  # type
    code: str | None = None
    after: str | None = None  # a span; `2b` are bank days


class OutcomePlan(Value, frozen=True):
    """A queue of outcomes, each used once, for a billogram, payment source or customer.

    If all three are None, it is for the account.
    """

    plan: tuple[Outcome, ...]
    billogram: str | None = None
    payment_source: str | None = None
    customer_no: int | None = None


class Payable(Value, frozen=True):
    """The part of a recall that was taken from one billogram: its event, and the events of the payments."""

    billogram: str
    amount: Decimal
    event_uuid: str
    payments: tuple[str, ...]


class Recall(Value, frozen=True):
    """A recall (reference: behaviour 8.2). `amount` is its total, also what was on no billogram."""

    id: str
    payment: str
    scheme: str
    type: str
    code: str | None
    message: str
    executed_on: date
    amount: Decimal
    fee: Decimal
    payables: tuple[Payable, ...] = ()
