"""Mandates: how they are created, change and end (reference: api 12, behaviour 6.6)."""

from datetime import datetime
from typing import Any

from stdnum import iban as ibans
from stdnum.exceptions import ValidationError

from mockserver.core import debits, dunning_dates, events, numbers
from mockserver.core.act import Act
from mockserver.core.funds import (
    ACTIVE,
    AUTOGIRO,
    CANCELLED,
    PENDING,
    SCHEDULED,
    SEPA,
    OutcomePlan,
    PaymentSource,
)
from mockserver.core.model import Billogram, Customer, Internal, replace
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, invalid, no_object
from mockserver.core.state import CUSTOMER, OUTCOMES, SOURCE


def add(act: Act, customer_no: int, iban: str, signed_at: datetime, *, migrated: bool) -> PaymentSource:
    """Create a SEPA mandate. It is usable at once: debits of the customer's open billograms are planned."""
    if act.find(CUSTOMER, customer_no) is None:
        raise InvalidParameter(  # [A]
            f"Customer with customer_no={customer_no} not found",
            rule="mandate.customer",
            field="customer_no",
            customer_no=customer_no,
        )
    try:
        number = ibans.validate(iban, check_country=False)  # national checks refuse common test numbers [A]
    except ValidationError:
        raise invalid("iban", rule="mandate.iban", iban=iban) from None
    source = _new_source(act, customer_no, SEPA, PENDING, signed_at, iban=number, migrated=migrated)
    act.add(events.SourceStored(source))
    _plan_open_billograms(act, customer_no)
    return source


def _new_source(
    act: Act, customer_no: int, scheme: str, status: str, signed_at: datetime, **more: Any
) -> PaymentSource:
    number = act.new_number(SOURCE)
    return PaymentSource(
        id=numbers.source_id(act.account.seed, number),
        number=number,
        customer_no=customer_no,
        scheme=scheme,
        status=status,
        reference=numbers.mandate_reference(act.account.seed, number),
        created_at=act.now,
        signed_at=signed_at,
        imported_on=act.today,
        **more,
    )


def find(act: Act, key: str) -> PaymentSource:
    """Return the mandate with this id. Raise NotFound when there is none."""
    found: PaymentSource | None = act.find(SOURCE, key)
    if found is None:
        raise no_object(key)
    return found


def cancel(act: Act, source: PaymentSource) -> None:
    """Cancel a mandate for the creditor. A mandate that has ended is refused [A]."""
    if source.scheme != SEPA:
        raise InvalidParameter(
            f"a payment source of scheme {source.scheme} cannot be cancelled",
            rule="mandate.scheme",
            scheme=source.scheme,
        )
    if not source.usable:
        raise InvalidObjectState(
            f"the payment source is {source.status} already", rule="mandate.usable", status=source.status
        )
    end(act, source, CANCELLED)


def change(act: Act, source: PaymentSource, new: PaymentSource) -> None:
    """Apply a change by the control plane. If the mandate ends, its planned debits are cancelled."""
    status, changed = new.status, replace(new, status=source.status)
    if changed != source:
        act.add(events.SourceStored(changed))
    if status != source.status:
        if status in (PENDING, ACTIVE):
            act.add(events.SourceStored(replace(changed, status=status)))
            _sync_autogiro_flags(act, changed)
        else:
            end(act, changed, status)


def end(act: Act, source: PaymentSource, status: str) -> None:
    """End a mandate with this status, and cancel its planned debits."""
    act.add(events.SourceStored(replace(source, status=status)))
    for billogram in _billograms_planned_by(act, source):
        debits.cancel(act, billogram.id, "mandate")
        dunning_dates.mark_overdue_if_past(act, billogram.id)
    _sync_autogiro_flags(act, source)


def _sync_autogiro_flags(act: Act, source: PaymentSource) -> None:
    """Update the autogiro flag of the customer's billograms if this is an autogiro mandate."""
    if source.scheme == AUTOGIRO:
        for billogram in _billograms_of(act, source.customer_no):
            debits.sync_autogiro_flag(act, billogram.id)


def _billograms_planned_by(act: Act, source: PaymentSource) -> list[Billogram]:
    """Return the billograms with a debit planned by this mandate, in order of creation.

    They are found by the payments, because a billogram keeps its customer's old number.
    """
    planned = [
        act.billogram(payment.planned_for)
        for payment in act.state.payments.values()
        if payment.source == source.id and payment.status == SCHEDULED and payment.planned_for is not None
    ]
    found = [each for each in planned if each.debit is not None and each.debit.source == source.id]
    return sorted(found, key=lambda each: each.number)


def renumber(act: Act, before: int, after: int) -> None:
    """Move the mandates and planned outcomes of a customer to its new number [A]."""
    for source in act.sources_of(before):
        act.add(events.SourceStored(replace(source, customer_no=after)))
    plan: OutcomePlan | None = act.find(OUTCOMES, f"customer_no:{before}")
    if plan is not None:
        act.add(events.OutcomesLaidDown(f"customer_no:{before}", None))
        act.add(events.OutcomesLaidDown(f"customer_no:{after}", replace(plan, customer_no=after)))


def activate(act: Act, source: PaymentSource) -> None:
    """Activate an imported mandate. The agenda does so at the next 00:05 local [A]."""
    act.add(events.SourceStored(replace(source, status=ACTIVE)))


def lapse(act: Act, source: PaymentSource) -> None:
    """Cancel a mandate 36 months after its last collection, or after its import if there was none."""
    end(act, source, CANCELLED)


def verify_email(act: Act, customer: Customer, email: str) -> None:
    """Store the e-mail address that the recipient verified."""
    act.add(events.RecipientUpdated(customer.customer_no, email=email))


def enable_recurring(act: Act, customer: Customer) -> None:
    """Turn on autogiro for the recipient: create a mandate, add the event to the newest sent billogram."""
    number = customer.customer_no
    source = _new_source(act, number, AUTOGIRO, ACTIVE, act.now)
    act.add(events.SourceStored(source))
    newest = newest_sent(act, number)
    if newest is not None:
        act.add(events.RecurringPaymentEnabled(act.mark(newest), newest.sums, recurring_type="autogiro"))
    act.add(events.RecipientUpdated(number, recurring=True, recurring_type="autogiro"))
    _plan_open_billograms(act, number)
    _sync_autogiro_flags(act, source)


def disable_recurring(act: Act, customer: Customer) -> None:
    """Turn off autogiro for the recipient: cancel the mandates and their planned debits."""
    number = customer.customer_no
    usable = [each for each in act.sources_of(number) if each.scheme == AUTOGIRO and each.usable]
    if not usable:
        raise InvalidObjectState(
            "automatic payment is not on", rule="simulate.recurring", hint="simulate/enable-recurring first"
        )
    newest = newest_sent(act, number)
    if newest is not None:
        act.add(events.RecurringPaymentDisabled(act.mark(newest), newest.sums, recurring_type="autogiro"))
    for source in usable:
        end(act, source, CANCELLED)
    act.add(events.RecipientUpdated(number, recurring=True))


def _plan_open_billograms(act: Act, customer_no: int) -> None:
    for billogram in _open_billograms(act, customer_no):
        debits.plan(act, billogram.id)


def _billograms_of(act: Act, customer_no: int) -> list[Billogram]:
    numbers_of = act.state.bucket_of_customer(customer_no).order
    return [act.billogram(each.id) for each in act.state.billograms_of(numbers_of)]


def _open_billograms(act: Act, customer_no: int) -> list[Billogram]:
    return [each for each in _billograms_of(act, customer_no) if each.internal is Internal.UNPAID]


def newest_sent(act: Act, customer_no: int) -> Billogram | None:
    """Return the sent billogram of a customer that was created last, or None."""
    found = [each for each in _billograms_of(act, customer_no) if each.attested_at is not None]
    return found[-1] if found else None
