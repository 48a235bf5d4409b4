"""Events that nothing else causes, written on request (reference: behaviour 7.5) [A]."""

from collections.abc import Callable, Mapping
from typing import Any

from mockserver.core import delivery, events
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Customer
from mockserver.core.state import CUSTOMER, PAYMENT


def write(act: Act, billogram: Billogram, name: str, given: Mapping[str, Any]) -> None:
    """Write one event of a sent billogram. Members that are not given are filled from the billogram, or None.

    No sum and no state changes. `EfakturaFailed` sets the flag `delivery failed`.
    """
    delivery.check_sent(billogram)
    type_, fill = _TYPES[name]
    act.add(type_(act.mark(billogram), billogram.sums, **{**fill(act, billogram), **given}))


def _new_pdf(_: Act, billogram: Billogram) -> dict[str, Any]:
    """Return the newest invoice or credit invoice; no reminder and no copy."""
    made = [each for each in billogram.events if isinstance(each, _DOCUMENTS)]
    return {"invoice_no": made[-1].invoice_no, "letter_id": made[-1].letter_id} if made else {}


_DOCUMENTS = (
    events.BillogramSent,
    events.BillogramSold,
    events.FactoringDenied,
    events.InvoiceSent,
    events.Credit,
)


def _efaktura_failed(act: Act, billogram: Billogram) -> dict[str, Any]:
    return {
        "bankgiro": act.account.settings.payment.bankgiro or None,
        "recipient_identifier": delivery.einvoice_identifier(act, billogram),
    }


def _planned_payment(act: Act, billogram: Billogram) -> dict[str, Any]:
    if billogram.debit is None:
        return {}
    payment = act.find(PAYMENT, billogram.debit.payment)
    return {
        "payment_type": billogram.debit.scheme,
        "payment_amount": payment.amount,
        "payment_date": billogram.debit.day.isoformat(),
    }


def _recurring(act: Act, billogram: Billogram) -> dict[str, Any]:
    customer: Customer | None = act.find(CUSTOMER, billogram.recipient.customer_no)
    return {"recurring_type": None if customer is None else customer.recurring_payment_type}


def _credit_request(_: Act, billogram: Billogram) -> dict[str, Any]:
    offered = [each for each in billogram.events if isinstance(each, events.FactoringRequest)]
    return {
        "factoring_reference": offered[-1].factoring_reference if offered else None,
        "amount": billogram.sums.total,
    }


_TYPES: dict[str, tuple[Any, Callable[[Act, Billogram], dict[str, Any]]]] = {
    "NewInvoicePDF": (events.NewInvoicePDF, _new_pdf),
    "EfakturaFailed": (events.EfakturaFailed, _efaktura_failed),
    "PaymentUserUpdated": (events.PaymentUserUpdated, _planned_payment),
    "RecurringPaymentUpdated": (events.RecurringPaymentUpdated, _recurring),
    "FactoringCreditRequest": (events.FactoringCreditRequest, _credit_request),
    "FactoringCreditRequestDenied": (events.FactoringCreditRequestDenied, lambda _, __: {}),
}
TYPES = tuple(_TYPES)
