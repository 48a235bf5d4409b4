"""Incoming payments: received, allocated, released (reference: behaviour 5)."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from mockserver.core import debits, events, losses, money, numbers, overpayments
from mockserver.core.act import Act
from mockserver.core.funds import MANUAL, Allocation, IncomingPayment
from mockserver.core.model import (
    Billogram,
    Internal,
    Sums,
    Value,
    replace,
)
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, invalid, no_object
from mockserver.core.state import BILLOGRAM, PAYMENT


class ReportedPayment(Value, frozen=True):
    """A payment as the bank reports it. `shares` are the billograms that it is for, with their amounts."""

    amount: Decimal
    shares: tuple[tuple[str, Decimal], ...] = ()
    scheme: str | None = None
    payer_name: str | None = None
    ocr_number: str | None = None
    b2b: bool = False
    day: date | None = None  # today, if not given


def booked(sums: Sums, amount: Decimal) -> Sums:
    """Return the sums after an amount was received: `paid` is negative [R]."""
    after = replace(sums, paid=money.subtract(sums.paid, amount))
    return replace(after, remaining=money.remaining_of(after))


def pay(act: Act, billogram: Billogram, amount: Decimal) -> None:
    """Command `payment`: a manually reported payment, at most what remains (reference: behaviour 2.2)."""
    if billogram.is_credit:
        raise InvalidObjectState(
            "a stand-alone credit cannot be paid, use credit-payment",
            rule="payment.not_on_credit",
            total_sum=billogram.sums.total,
        )
    remaining = billogram.sums.remaining
    if not 0 < amount <= remaining:
        raise invalid("amount", rule="payment.amount", amount=amount, remaining=remaining)
    given = ReportedPayment(amount, shares=((billogram.id, amount),), scheme=MANUAL)
    _store(act, with_allocations(act, _new(act, given, billogram.content.terms.currency), given.shares))


def receive(act: Act, given: ReportedPayment) -> str:
    """Receive a payment at the bank and return its id.

    Each share is booked on its billogram up to the debt. An excess is adjusted, or owed to the customer. A
    share for a billogram that accepts no money, and what is in no share, remains unmatched [S, A].
    """
    today = act.today
    if given.day is not None and given.day > today:
        raise InvalidParameter(
            f"date {given.day} lies in the future",
            rule="payment.date",
            field="date",
            hint=f"today is {today} on this account's clock",
            date=given.day,
            today=today,
        )
    shared = money.add(*(amount for _, amount in given.shares))
    if shared > given.amount:
        raise InvalidParameter(
            f"the allocations add up to {shared}, the payment is {given.amount}",
            rule="payment.allocations",
            field="allocations",
            hint="allocate at most the amount",
            allocated=shared,
            amount=given.amount,
        )
    named = {key: _known(act, key) for key, _ in given.shares}
    shares = tuple(share for share in given.shares if accepts_money(named[share[0]]))
    payment = _new(act, given, _currency(named.values()))
    if not shares:
        payment = replace(payment, currency=None)  # until it is allocated
    _store(act, with_allocations(act, payment, shares))
    return payment.id


def allocate(act: Act, payment: IncomingPayment, key: str, amount: Decimal | None) -> None:
    """Allocate unmatched money to a billogram manually; without an amount all of it."""
    billogram = act.billogram(key)
    amount = payment.unmatched if amount is None else amount
    if not payment.unmatched:
        raise InvalidObjectState(
            "nothing of this payment is unmatched",
            rule="payment.unmatched",
            hint="all of it has been placed",
            unmatched=payment.unmatched,
        )
    if amount > payment.unmatched:
        raise InvalidParameter(
            f"only {payment.unmatched} of this payment is unmatched",
            rule="payment.unmatched_amount",
            field="amount",
            hint="allocate at most that",
            amount=amount,
            unmatched=payment.unmatched,
        )
    if not accepts_money(billogram):
        raise InvalidObjectState(
            f"billogram {key} takes no money",
            rule="payment.payable",
            hint="money can be placed on sent billograms that are no stand-alone credits",
            state=billogram.internal,
        )
    currency = billogram.content.terms.currency
    if payment.currency not in (None, currency):
        raise _two_currencies({str(payment.currency), currency})
    _store(act, with_allocations(act, replace(payment, currency=currency), ((key, amount),)))


def accepts_money(billogram: Billogram) -> bool:
    """Whether bank payments can be booked on it: not on drafts, sold claims or stand-alone credits [S]."""
    open_ones = (Internal.UNPAID, Internal.COLLECTION, Internal.ENDED)
    return billogram.internal in open_ones and not billogram.is_credit


def _known(act: Act, key: str) -> Billogram:
    """Return a billogram by its id. A deleted one is found too, and its money remains unmatched."""
    found: Billogram | None = act.find(BILLOGRAM, key)
    if found is None:
        raise no_object(key)
    return found


def release(act: Act, key: str, amount: Decimal) -> None:
    """Turn paid money that a credit released into a liability, newest allocation first."""
    order = {event.mark.uuid: index for index, event in enumerate(act.billogram(key).events)}
    parts = [
        (order[part.event_uuid], payment.id, index)
        for payment in act.state.payments_of(key)
        for index, part in enumerate(payment.allocations)
        if part.billogram == key and part.amount
    ]
    for _, name, index in sorted(parts, reverse=True):
        payment: IncomingPayment = act.find(PAYMENT, name)
        part = payment.allocations[index]
        freed = min(part.amount, amount)
        amount = money.subtract(amount, freed)
        kept = list(payment.allocations)
        kept[index] = replace(part, amount=money.subtract(part.amount, freed))
        liability = money.add(payment.liability, freed)
        _store(act, replace(payment, allocations=tuple(kept), liability=liability))
        if not amount:
            break


def _new(act: Act, given: ReportedPayment, currency: str | None) -> IncomingPayment:
    number = act.new_number(PAYMENT)
    usual = "BANKGIRO" if currency in ("SEK", None) else "SEPA_CREDIT_TRANSFER"  # [A]
    return IncomingPayment(
        id=numbers.payment_id(act.account.seed, number),
        number=number,
        amount=given.amount,
        currency=currency,
        scheme=given.scheme or usual,
        date=given.day or act.today,
        at=act.now,
        payer_name=given.payer_name,
        ocr_number=given.ocr_number,
        b2b=given.b2b,
        unmatched=given.amount,
    )


def _store(act: Act, payment: IncomingPayment) -> None:
    act.add(events.PaymentStored(payment))


def _currency(named: Iterable[Billogram]) -> str | None:
    """Return the common currency of the named billograms, also of those that accept no money [A].

    Raise InvalidParameter when they have two currencies.
    """
    found = {each.content.terms.currency for each in named}
    if len(found) > 1:
        raise _two_currencies(found)
    return found.pop() if found else None


def _two_currencies(found: set[str]) -> InvalidParameter:
    return InvalidParameter(
        f"one payment has one currency, these are {' and '.join(sorted(found))}",
        rule="payment.currency",
        field="allocations",
        hint="report a payment for each currency",
        currencies=tuple(sorted(found)),
    )


def with_allocations(
    act: Act, payment: IncomingPayment, shares: tuple[tuple[str, Decimal], ...]
) -> IncomingPayment:
    """Book unmatched money of a payment on these billograms, and return the payment. It is not stored."""
    for key, amount in shares:
        payment = _allocate_to(act, payment, act.billogram(key), amount)
    return payment


def _allocate_to(
    act: Act, payment: IncomingPayment, billogram: Billogram, amount: Decimal
) -> IncomingPayment:
    """Book unmatched money on one billogram. The payment keeps the excess over the debt (behaviour 5).

    An ended one has no debt, but what was confirmed as lost is recovered [S]; it stays ended [A].
    """
    ended, sums = billogram.internal is Internal.ENDED, billogram.sums
    part = min(amount, losses.lost_principal(billogram) if ended else sums.remaining)
    excess = money.subtract(amount, part)
    mark = act.mark(billogram)
    if part:
        sums = money.recover(sums, part) if ended else booked(sums, part)
    act.add(
        events.Payment(
            mark,
            sums,
            amount=amount,
            manual=payment.scheme == MANUAL,
            payer_name=billogram.recipient.name if payment.payer_name is None else payment.payer_name,
            collected=billogram.debit is not None and billogram.debit.payment == payment.id,
        )
    )
    if excess:
        small = overpayments.is_small(excess, billogram.content.terms.currency)
        kind = events.OverpaymentAdjustment if small else events.OverpaymentCustomerLiability
        after = act.billogram(billogram.id)
        act.add(kind(act.mark(after), after.sums, amount=excess))
        name = "adjustment" if small else "liability"
        payment = replace(payment, **{name: money.add(getattr(payment, name), excess)})
    if not ended:
        losses.write_off_automatically(act, billogram.id)
        debits.sync(act, billogram.id, "payment")
    after = act.billogram(billogram.id)
    if not ended and not after.sums.remaining:
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="Paid"))
    return replace(
        payment,
        allocations=(*payment.allocations, Allocation(billogram.id, part, mark.uuid)),
        unmatched=money.subtract(payment.unmatched, amount),
    )
