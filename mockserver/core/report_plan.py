"""Which months have vouchers, so that the agenda knows when reports are due (reference: behaviour 6.8).

Whether there is a voucher is derived from the events, like the agenda. What it says is computed only when
somebody asks for it (`core.bookkeeping`).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from mockserver.core import calendar, events
from mockserver.core.events import BillogramEvent, Event
from mockserver.core.funds import SETTLED, TRANSFER, IncomingPayment
from mockserver.core.model import Account, Billogram, ReportPlan, replace
from mockserver.core.state import ACCOUNT, BILLOGRAM, PAYMENT, REPORT_PLAN, Change, View, open_currency

_LATE = 28  # of a month in UTC, the 1st can have begun elsewhere
_SEK = "SEK"  # of money that is on no billogram
Booking = tuple[str, date]  # currency, and a local day with a voucher


def of(view: View) -> ReportPlan:
    """Return the plan of an account."""
    found: ReportPlan | None = view.find(REPORT_PLAN, "")
    return ReportPlan() if found is None else found


def after(plan: ReportPlan, event: events.ReportsMade) -> ReportPlan:
    """Return the plan after reports were made: what is covered no longer waits."""
    made = plan.made + len(event.reports)
    covered = event.covered
    if covered is None:
        return replace(plan, made=made)
    booked = tuple([each for each in plan.booked if each[1] >= covered])
    return ReportPlan(booked, covered, made)


def changes(view: View, event: Event, made: tuple[Change, ...]) -> tuple[Change, ...]:
    """Note the month of the voucher of an event, if it is the first of its currency in this month.

    `view` is the state before the event, which may include earlier events of the same act. `made` are the
    changes of the event itself: a claim that ends on the 1st was open at the end of the month before.
    """
    rule = _BOOKED.get(type(event))
    booking = None if rule is None else rule(view, event)
    plan = old = of(view)
    # before the first reports, the month of the claim's sending waits for its reports anyway
    ended = [_ended(view, new) for kind, _, new in made if kind == BILLOGRAM and plan.covered is not None]
    for currency, day in filter(None, (booking, *ended)):
        waiting = currency, day.replace(day=1)
        if waiting not in plan.booked and (plan.covered is None or waiting[1] >= plan.covered):
            plan = replace(plan, booked=(*plan.booked, waiting))
    return () if plan is old else ((REPORT_PLAN, "", plan),)


def _ended(view: View, new: Billogram) -> Booking | None:
    """Return the last day of a month at whose end a claim was open that ends on the 1st; else None."""
    if 1 < new.updated_at.day < _LATE:  # in every time zone
        return None
    old: Billogram | None = view.find(BILLOGRAM, new.id)
    currency = open_currency(old)
    today = _local(view, new.updated_at)
    if currency is None or open_currency(new) is not None or today.day != 1 or old is None:
        return None
    if old.attested_at is not None and _local(view, old.attested_at) == today:
        return None
    return currency, today - timedelta(days=1)


def _by_event(view: View, event: BillogramEvent) -> Booking | None:
    old: Billogram = view.find(BILLOGRAM, event.mark.billogram)
    return old.content.terms.currency, _local(view, event.mark.at)


def _by_pay_out(view: View, event: events.Payment) -> Booking | None:
    """Only money that was paid out: what came in is stored as a payment."""
    old: Billogram = view.find(BILLOGRAM, event.mark.billogram)
    return _by_event(view, event) if old.is_credit else None


def _by_payment(view: View, event: events.PaymentStored) -> Booking | None:
    """Money that has come in or was placed by hand. Transfers from abroad are not booked [S]."""
    payment = event.payment
    known: IncomingPayment | None = view.find(PAYMENT, payment.id)
    if payment.status != SETTLED or payment.scheme == TRANSFER:
        return None
    if known is None:
        return payment.currency or _SEK, _local(view, payment.at)
    if len(known.allocations) == len(payment.allocations):
        return None
    last: Billogram = view.find(BILLOGRAM, payment.allocations[-1].billogram)
    return payment.currency or _SEK, _local(view, last.updated_at)


def _by_recall(view: View, event: events.RecallMade) -> Booking | None:
    payment: IncomingPayment = view.find(PAYMENT, event.recall.payment)
    if payment.status != SETTLED or payment.scheme == TRANSFER:
        return None
    return payment.currency or _SEK, event.recall.executed_on


def _local(view: View, moment: datetime) -> date:
    account: Account = view.find(ACCOUNT, "")
    return calendar.local_date(moment, account.timezone)


# the events that a voucher comes from (`core.bookkeeping`)
_BOOKED: dict[type, Callable[[View, Any], Booking | None]] = {
    **dict.fromkeys(
        (
            events.BillogramSent,
            events.FactoringDenied,
            events.BillogramSold,
            events.InvoiceSent,
            events.Credit,
            events.CollectorPayment,
            events.CreditAllocated,
            events.UnderpaymentSettled,
            events.Writedown,
            events.RevertWritedown,
            events.ConfirmedLoss,
        ),
        _by_event,
    ),
    events.Payment: _by_pay_out,
    events.PaymentStored: _by_payment,
    events.RecallMade: _by_recall,
}
