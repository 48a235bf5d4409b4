"""Direct debits: planned, and kept up to date until the bank answers (reference: behaviour 6.6)."""

from datetime import date, timedelta
from decimal import Decimal

from mockserver.core import banking, dunning_dates, events, numbers
from mockserver.core.act import Act
from mockserver.core.debited import VIA_AUTOGIRO
from mockserver.core.funds import AUTOGIRO, SCHEDULED, SEPA, IncomingPayment, PaymentSource
from mockserver.core.model import Billogram, Internal, replace
from mockserver.core.refusal import InvalidObjectState, invalid
from mockserver.core.state import PAYMENT

_DAY = timedelta(days=1)
_CURRENCY = {SEPA: "EUR", AUTOGIRO: "SEK"}  # [A]


def usable_source(act: Act, billogram: Billogram) -> PaymentSource | None:
    """Return the newest usable mandate for this billogram's currency, or None [A]."""
    currency = billogram.content.terms.currency
    found = [
        source
        for source in act.sources_of(billogram.recipient.customer_no)
        if source.usable and _CURRENCY[source.scheme] == currency
    ]
    return found[-1] if found else None


def plan(act: Act, key: str, day: date | None = None) -> None:
    """Plan a direct debit if there is a mandate and something to collect, and none is planned.

    `day` is moved to the next bank day. None means the usual day of `own_day`.
    """
    billogram = act.billogram(key)
    open_debit = billogram.internal is Internal.UNPAID and not billogram.is_credit
    if not open_debit or not billogram.sums.remaining or billogram.debit is not None:
        return
    source = usable_source(act, billogram)
    if source is None:
        return
    day = banking.first_from(day, source.scheme) if day else own_day(act, billogram, source.scheme)
    number = act.new_number(PAYMENT)
    payment = IncomingPayment(
        id=numbers.payment_id(act.account.seed, number),
        number=number,
        amount=billogram.sums.remaining,
        currency=billogram.content.terms.currency,
        scheme=source.scheme,
        date=day,
        at=act.now,
        payer_name=billogram.recipient.name,
        b2b=source.b2b,
        status=SCHEDULED,
        planned_for=key,
        source=source.id,
    )
    act.add(events.PaymentStored(payment))
    act.add(
        events.PaymentScheduled(
            act.mark(billogram),
            billogram.sums,
            payment_type=source.scheme,
            payment_amount=payment.amount,
            payment_date=day.isoformat(),
            payment=payment.id,
            source=source.id,
        )
    )


def plan_manually(act: Act, billogram: Billogram, day: date | None) -> None:
    """Plan a direct debit for the recipient, on the given day or on the usual one."""
    if billogram.debit is not None:
        raise InvalidObjectState(
            f"a payment is planned for {billogram.debit.day} already",
            rule="simulate.scheduled",
            hint="cancel it first: simulate/cancel-scheduled-payment",
        )
    if day is not None and day <= act.today:
        raise invalid("date", rule="simulate.schedule_date", date=day, today=act.today)
    plan(act, billogram.id, day)
    if act.billogram(billogram.id).debit is None:
        raise InvalidObjectState(
            "nothing can be planned: an open billogram with a usable mandate is needed",
            rule="simulate.schedule",
            hint="SEPA mandates serve EUR billograms, autogiro serves SEK ones",
            state=billogram.internal,
        )


def cancel_manually(act: Act, billogram: Billogram) -> None:
    """Cancel the planned direct debit for the recipient."""
    if billogram.debit is None:
        raise InvalidObjectState(
            "no payment is planned", rule="simulate.not_scheduled", hint="plan one: simulate/schedule-payment"
        )
    payment = _payment(act, billogram)
    act.add(events.PaymentStored(replace(payment, status="cancelled")))
    act.add(
        events.PaymentUserCancelled(
            act.mark(billogram), billogram.sums, payment_type=payment.scheme, payment_update_reason="user"
        )
    )
    dunning_dates.mark_overdue_if_past(act, billogram.id)


def own_day(act: Act, billogram: Billogram, scheme: str) -> date:
    """Return the first bank day on or after the latest of due date, respite date and tomorrow."""
    day = max(billogram.content.terms.due_date, act.today + _DAY)
    if billogram.dunning.respite_active and billogram.dunning.respite_date is not None:
        day = max(day, billogram.dunning.respite_date)
    return banking.first_from(day, scheme)


def sync(act: Act, key: str, reason: str) -> None:
    """Adapt the planned debit to the billogram: its amount is what remains.

    It is cancelled when nothing remains, and when the collection agency has the case.
    """
    billogram = act.billogram(key)
    if billogram.debit is None:
        return
    if not billogram.sums.remaining or billogram.internal is not Internal.UNPAID:
        cancel(act, key, reason)
    elif billogram.sums.remaining != _payment(act, billogram).amount:
        _update(act, billogram, billogram.sums.remaining, billogram.debit.day, reason)


def reschedule(act: Act, key: str, reason: str, *, even_if_unchanged: bool = False) -> None:
    """Move the planned debit after a change of respite or due date, to tomorrow at the earliest.

    `even_if_unchanged` publishes an update although the day is the same.
    """
    billogram = act.billogram(key)
    if billogram.debit is None:
        return
    day = own_day(act, billogram, billogram.debit.scheme)
    if even_if_unchanged or day != billogram.debit.day:
        _update(act, billogram, billogram.sums.remaining, day, reason)


def cancel(act: Act, key: str, reason: str) -> None:
    """Cancel the planned debit for a reason other than the recipient's wish."""
    billogram = act.billogram(key)
    payment = _payment(act, billogram)
    act.add(events.PaymentStored(replace(payment, status="cancelled")))
    act.add(
        events.PaymentSystemCancelled(
            act.mark(billogram), billogram.sums, payment_type=payment.scheme, payment_update_reason=reason
        )
    )


def sync_autogiro_flag(act: Act, key: str) -> None:
    """Adapt the flag of autogiro to the mandates: set it on open billograms, remove it from any [A]."""
    billogram = act.billogram(key)
    source = usable_source(act, billogram)
    on = source is not None and source.scheme == AUTOGIRO
    is_open = billogram.internal in (Internal.UNPAID, Internal.COLLECTION) and not billogram.is_credit
    if on != (VIA_AUTOGIRO in billogram.flags) and (is_open or not on):
        act.add(events.AutogiroMarked(key, act.now, on))


def send_order(act: Act, billogram: Billogram) -> None:
    """Send the autogiro order to the bank."""
    act.add(events.DebitOrdered(billogram.id, act.now))


def _payment(act: Act, billogram: Billogram) -> IncomingPayment:
    assert billogram.debit is not None, "something is planned"
    payment: IncomingPayment = act.find(PAYMENT, billogram.debit.payment)
    return payment


def _update(act: Act, billogram: Billogram, amount: Decimal, day: date, reason: str) -> None:
    payment = replace(_payment(act, billogram), amount=amount, date=day)
    act.add(events.PaymentStored(payment))
    act.add(
        events.PaymentSystemUpdated(
            act.mark(billogram),
            billogram.sums,
            payment_type=payment.scheme,
            payment_amount=amount,
            payment_date=day.isoformat(),
            payment_update_reason=reason,
        )
    )
