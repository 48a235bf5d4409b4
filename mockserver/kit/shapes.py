"""The words that the kit takes and the results that it returns, for type checkers."""

from typing import Literal, TypedDict

from mockserver.configuration import ClockMode
from mockserver.control.bank import OutcomesShape
from mockserver.control.clock import ClockShape, MovedShape
from mockserver.control.faults import Fail, FaultShape
from mockserver.control.payments import Scheme

__all__ = ["ClockMode", "ClockShape", "Fail", "FaultShape", "MovedShape", "OutcomesShape", "Scheme"]

EventType = Literal[
    "AutogiroFailed",
    "BillogramCreated",
    "BillogramEnded",
    "BillogramSent",
    "BillogramSold",
    "Collection",
    "CollectionCancelled",
    "CollectionEnded",
    "CollectionStatusUpdate",
    "CollectorPayment",
    "ConfirmedLoss",
    "Credit",
    "CreditAllocated",
    "CreditorMessage",
    "CustomerMessage",
    "DataChange",
    "Deleted",
    "DeliveryAccepted",
    "DeliveryFailed",
    "DeliverySmsFailed",
    "EfakturaFailed",
    "EfakturaSent",
    "EmailNotAccepted",
    "FactoringCreditRequest",
    "FactoringCreditRequestDenied",
    "FactoringDenied",
    "FactoringRequest",
    "InterestStarted",
    "InvoiceSent",
    "LetterEvent",
    "LetterSent",
    "NewInvoicePDF",
    "Overdue",
    "OverpaymentAdjustment",
    "OverpaymentCustomerLiability",
    "Payment",
    "PaymentFailed",
    "PaymentRecalled",
    "PaymentScheduled",
    "PaymentSystemCancelled",
    "PaymentSystemUpdated",
    "PaymentUserCancelled",
    "PaymentUserUpdated",
    "RecurringPaymentDisabled",
    "RecurringPaymentEnabled",
    "RecurringPaymentUpdated",
    "ReminderSent",
    "Resent",
    "Respite",
    "RespiteRemoved",
    "RevertWritedown",
    "SaleAccepted",
    "SmsNotAccepted",
    "UnderpaymentSettled",
    "Writedown",
    "Writeoff",
]

CallbackType = Literal[
    "BillogramEvent",
    "RecipientUpdated",
    "PaymentRecalled",
    "BillingTab",
    "EinvoiceRegistrationCreated",
    "EinvoiceRegistrationDeleted",
    "EinvoiceRegistrationIdentificationMismatch",
    "EinvoiceRegistrationRecipientNotFound",
    "EfakturaRegistration",
]
WebhookType = EventType | CallbackType

RecallType = Literal[
    "revocation",
    "cancellation_request",
    "refusal",
    "reject",
    "return",
    "refund",
    "refund_unauthorised",
    "reversal",
]

Simulated = Literal[
    "message",
    "view",
    "delivery-failure",
    "schedule-payment",
    "cancel-scheduled-payment",
    "collector-payment",
    "collection-end",
    "collection-cancel",
    "factoring-accept",
    "factoring-deny",
    "accept-sale",
    "event",
]


class Allocation(TypedDict):
    """The part of a payment that one billogram received."""

    billogram: str
    amount: int | float
    event_uuid: str


class Payment(TypedDict):
    """A payment, as the control plane shows it."""

    id: str
    status: Literal["scheduled", "settled", "failed", "cancelled"]
    amount: int | float
    currency: str | None
    scheme: Scheme | Literal["MANUAL"]
    date: str
    created_at: str
    payer_name: str | None
    ocr_number: str | None
    b2b: bool
    allocations: list[Allocation]
    unmatched: int | float
    adjustment: int | float
    liability: int | float
    recalled: int | float
    billogram: str | None
    payment_source: str | None
    failure: str | None


class Payable(TypedDict):
    """The part of a recall that one billogram lost."""

    billogram: str
    amount: int | float
    event_uuid: str


class PaymentRecall(TypedDict):
    """A recall, as the control plane shows it."""

    id: str
    payment: str
    type: RecallType
    code: str | None
    message: str
    total_amount: int | float
    fee: int | float
    executed_on: str
    payables: list[Payable]
