"""The effects of events in log format 1, by the rules of the version that wrote it.

Records of format 1 do not hold what was decided: `evolve` of that version decided it whenever it read them.
These rules make the same decisions, with constants of their own. They must never change, and they must not
depend on a rule that may change.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any

from mockserver.core import calendar, events
from mockserver.core.events import (
    AMOUNTS_OF_SUMS,
    NO_EFFECT,
    BillogramEvent,
    BillogramNote,
    DocumentAmounts,
    Effect,
    Event,
    LetterEvent,
)
from mockserver.core.model import (
    Account,
    Autogiro,
    Billogram,
    Customer,
    Debit,
    Interest,
    Internal,
    Recipient,
    Sums,
    replace,
)
from mockserver.core.state import ACCOUNT, BILLOGRAM, CUSTOMER, View

_ZERO = Decimal(0)
_EXACT = Context(prec=60)
_DAY = timedelta(days=1)


def completed(view: View, event: Event) -> Event:
    """Return an event of format 1 with everything that it changed. `view` is the state before the event."""
    if isinstance(event, events.BillogramCreated):
        own = event.invoice_no or 0
        raised = own > view.find(ACCOUNT, "").highest_invoice_no
        return replace(event, effect=Effect(highest_invoice_no=own)) if raised else event
    if isinstance(event, BillogramEvent):
        return _of_billogram(view, event)
    if isinstance(event, BillogramNote):
        old: Billogram = view.find(BILLOGRAM, event.billogram)
        return replace(event, effect=_effect(old, _note(old, event)))
    if isinstance(event, events.ItemCreated | events.ItemChanged):
        text = event.item.item_no
        number = int(text) if text.isascii() and text.isdigit() else 0
        raised = number > view.find(ACCOUNT, "").highest_item_no
        return replace(event, highest_item_no=number) if raised else event
    if isinstance(event, events.CustomerCreated | events.CustomerChanged):
        return replace(event, customer=replace(event.customer, copy=_copied(event.customer)))
    if isinstance(event, events.RecipientUpdated) and event.email is not None:
        copy: Recipient = view.find(CUSTOMER, event.customer_no).copy
        return replace(event, copy=replace(copy, email=event.email))
    return event


def _copied(customer: Customer) -> Recipient:
    address = customer.address
    return Recipient(
        customer_no=customer.customer_no,
        name=customer.name,
        org_no=customer.org_no,
        vat_no=customer.vat_no,
        email=customer.contact.email,
        phone=customer.contact.phone,
        address=replace(address, city=address.city.upper(), attention=""),
        delivery_address=customer.delivery_address,
        permanent_establishment_address=customer.permanent_establishment_address,
    )


def _effect(old: Billogram, changes: dict[str, Any], **more: Any) -> Effect:
    found = {name: value for name, value in changes.items() if value != getattr(old, name)}
    return Effect(**found, **more) if found or more else NO_EFFECT


def _of_billogram(view: View, event: BillogramEvent) -> BillogramEvent:
    account: Account = view.find(ACCOUNT, "")
    old: Billogram = view.find(BILLOGRAM, event.mark.billogram)
    if isinstance(event, events.Deleted):
        return event
    changes = _EFFECTS[type(event)](old, event)
    content = event.content if isinstance(event, events.DataChange) else None
    new = replace(old, sums=event.sums, content=content or old.content, **changes)
    changes["interest"] = _rolled(old, new, event.mark.at, account.timezone)
    more: dict[str, Any] = {}
    if isinstance(event, LetterEvent):
        more["document"] = _document(old.sums, event)
        if event.invoice_no > account.highest_invoice_no:
            more["highest_invoice_no"] = event.invoice_no
    return replace(event, effect=_effect(old, changes, **more))


def _document(earlier: Sums, event: LetterEvent) -> DocumentAmounts:
    sums = event.sums
    kind = "credit" if sums.total < 0 else "invoice"
    if isinstance(event, events.InvoiceSent):
        return DocumentAmounts(_EXACT.subtract(sums.total, earlier.total), event.vat, kind, earlier.total)
    if isinstance(event, events.Credit):
        was = _ZERO if earlier.total == sums.total else earlier.total
        return DocumentAmounts(event.amount, event.vat, "credit", was)
    if isinstance(event, events.ReminderSent):
        return DocumentAmounts(sums.remaining, _ZERO, "reminder")
    return AMOUNTS_OF_SUMS if kind == "invoice" else DocumentAmounts(kind=kind)


def _note(old: Billogram, event: BillogramNote) -> dict[str, Any]:
    if isinstance(event, events.LetterUndelivered):
        waits = old.delivery.letter_at
        kept = None if waits is not None and waits <= event.at else waits
        return {"delivery": replace(old.delivery, letter_at=kept)} | _with_flags(old, "not delivered")
    if isinstance(event, events.DebitOrdered):
        assert old.debit is not None, "one is planned"
        changes = {
            "debit": replace(old.debit, ordered=True),
            "autogiro": Autogiro("scheduled", old.debit.day),
        }
        return changes | _with_flags(old, "autogiro payment order sent")
    if isinstance(event, events.AutogiroMarked):
        flag = "pay via autogiro"
        return _with_flags(old, flag) if event.on else _with_flags(old, without=(flag,))
    if isinstance(event, events.RespiteEnded):
        return {"dunning": replace(old.dunning, respite_active=False)}
    return {}


# late interest


def _rolled(old: Billogram, new: Billogram, at: datetime, timezone: str) -> Interest:
    if old.internal is Internal.ENDED and new.internal is Internal.UNPAID:
        return Interest(since=_next_day(at, timezone))
    if old.internal in (Internal.UNATTESTED, Internal.FACTORING):
        return new.interest
    if (_daily(old), _first_day(old)) == (_daily(new), _first_day(new)):
        return new.interest
    day = _next_day(at, timezone)
    interest, first, daily = old.interest, _first_day(old), _daily(old)
    begin = first if interest.since is None else max(interest.since, first)
    product = interest.product
    if daily and day > begin:
        grown = _EXACT.multiply(daily, Decimal((day - begin).days))
        product = _sum(product, grown)
    return replace(new.interest, since=day, product=product)


def _next_day(at: datetime, timezone: str) -> date:
    day = calendar.local_date(at, timezone)
    return day + _DAY if calendar.day_moment(day, time(0, 5), timezone) <= at else day


def _first_day(billogram: Billogram) -> date:
    terms, respite, debit = billogram.content.terms, billogram.dunning.respite_date, billogram.debit
    latest = max(terms.due_date, terms.invoice_date + timedelta(days=30))
    if respite is not None and respite > latest:
        latest = respite
    if debit is not None and debit.day > latest:
        latest = debit.day
    return latest + _DAY


def _daily(billogram: Billogram) -> Decimal:
    sums = billogram.sums
    if billogram.internal is not Internal.UNPAID or sums.total < 0 or sums.paid or sums.collector_paid:
        return _ZERO
    rate = billogram.content.terms.interest_rate
    gone = _EXACT.subtract(sums.rounding_value, sums.rounding)
    settled = _EXACT.minus(_sum(sums.paid, sums.credited, sums.collector_paid))
    unpaid = max(_EXACT.subtract(_EXACT.subtract(sums.total, gone), settled), _ZERO)
    return _EXACT.multiply(unpaid, rate) if rate else _ZERO


def _sum(*values: Decimal) -> Decimal:
    total = _ZERO
    for value in values:
        if value:
            total = _EXACT.add(total, value)
    return total


# what an event did to its billogram


def _with_flags(old: Billogram, *added: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    remaining = tuple(flag for flag in old.flags if flag not in without)
    return {"flags": remaining + tuple(flag for flag in added if flag not in remaining)}


def _paid(old: Billogram, event: events.Payment) -> dict[str, Any]:
    if event.collected:
        return {"debit": None} | _answered(old, "successful", event.amount)
    return _with_flags(old, "paid on collection") if old.internal is Internal.COLLECTION else {}


def _answered(old: Billogram, status: str, amount: Decimal | None = None) -> dict[str, Any]:
    if old.debit is None or old.debit.scheme != "AUTOGIRO":
        return {}
    autogiro = Autogiro(status, old.debit.day, amount)
    return {"autogiro": autogiro} | _with_flags(old, without=("autogiro payment order sent",))


def _scheduled(old: Billogram, event: events.PaymentScheduled) -> dict[str, Any]:
    day = date.fromisoformat(event.payment_date)
    debit = Debit(event.payment, day, event.payment_type, event.source)
    if event.payment_type != "AUTOGIRO":
        return {"debit": debit}
    return {"debit": debit, "autogiro": Autogiro("unattested", day)} | _with_flags(old, "pay via autogiro")


def _replanned(old: Billogram, event: events.PaymentSystemUpdated) -> dict[str, Any]:
    assert old.debit is not None, "one is planned"
    day = date.fromisoformat(event.payment_date)
    if day == old.debit.day:
        return {}
    changes: dict[str, Any] = {"debit": replace(old.debit, day=day, ordered=False)}
    if old.autogiro is not None:
        changes["autogiro"] = Autogiro("unattested", day)
    return changes | _with_flags(old, without=("autogiro payment order sent",))


def _unplanned(
    old: Billogram, event: events.PaymentSystemCancelled | events.PaymentUserCancelled
) -> dict[str, Any]:
    gone = (
        ("autogiro payment order sent", "pay via autogiro")
        if event.payment_update_reason == "mandate"
        else ("autogiro payment order sent",)
    )
    return {"debit": None, "autogiro": None} | _with_flags(old, without=gone)


def _failed(old: Billogram, event: events.PaymentFailed) -> dict[str, Any]:
    return {"debit": None} | _answered(old, "failed")


def _autogiro_failed(old: Billogram, event: events.AutogiroFailed) -> dict[str, Any]:
    if old.autogiro is None:
        return {}
    return {"autogiro": replace(old.autogiro, full_status=event.full_status)}


def _recalled(old: Billogram, event: events.PaymentRecalled) -> dict[str, Any]:
    if old.internal is not Internal.ENDED:
        return {}
    dunning = replace(old.dunning, overdue=False, interest_started=False, reminded=False)
    return {"internal": Internal.UNPAID, "ended_as": None, "dunning": dunning}


def _sent(old: Billogram, event: events.BillogramSent) -> dict[str, Any]:
    return {"internal": Internal.UNPAID} | _handed_over(old, event)


def _handed_over(old: Billogram, event: LetterEvent) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if event.delivery_method != "DoNotNotify":
        changes = _with_flags(old, without=("delivery failed",))
    followed = isinstance(event, events.BillogramSent | events.Resent | events.FactoringDenied)
    if followed and event.delivery_method.endswith("+Letter") and not old.delivery.viewed:
        changes["delivery"] = replace(old.delivery, letter_at=event.mark.at + timedelta(hours=48))
    return changes


def _resent(old: Billogram, event: events.Resent) -> dict[str, Any]:
    return _handed_over(old, event) | _with_flags(old, without=("delivery failed", "not delivered"))


def _letter_sent(old: Billogram, event: events.LetterSent) -> dict[str, Any]:
    return _handed_over(old, event) | {"delivery": replace(old.delivery, letter_at=None)}


def _accepted(old: Billogram, event: events.DeliveryAccepted) -> dict[str, Any]:
    delivery = replace(old.delivery, viewed=True, letter_at=None)
    return {"delivery": delivery} | _with_flags(old, without=("delivery failed",))


def _efaktura_sent(old: Billogram, event: events.EfakturaSent) -> dict[str, Any]:
    return {} if event.recipient_identifier is None else _with_flags(old, "efaktura order sent")


def _offered(old: Billogram, event: events.FactoringRequest) -> dict[str, Any]:
    return {"internal": Internal.FACTORING}


def _sold(old: Billogram, event: events.BillogramSold) -> dict[str, Any]:
    return {"internal": Internal.SOLD} | _with_flags(old, "has been sold")


def _denied(old: Billogram, event: events.FactoringDenied) -> dict[str, Any]:
    changes = {"internal": Internal.UNPAID}
    return changes | _handed_over(old, event) | _with_flags(old, "factoring denied")


def _reverted(old: Billogram, event: events.RevertWritedown) -> dict[str, Any]:
    return _with_flags(old, without=("written down",))


def _adds_flag(name: str) -> Callable[[Billogram, Any], dict[str, Any]]:
    def effect(old: Billogram, event: Any) -> dict[str, Any]:
        return {} if name in old.flags else {"flags": (*old.flags, name)}

    return effect


def _overdue(old: Billogram, event: events.Overdue) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, overdue=True, respited=False)}


def _interest_started(old: Billogram, event: events.InterestStarted) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, interest_started=True)}


def _reminded(old: Billogram, event: events.ReminderSent) -> dict[str, Any]:
    dunning = replace(
        old.dunning,
        reminded=True,
        reminder_count=event.reminder_count,
        automatic_reminders=old.dunning.automatic_reminders + event.automatic,
        last_reminder=event.day,
        fee_charged=True,
    )
    return {"dunning": dunning, "interest": _claimed(old, event)} | _handed_over(old, event)


def _claimed(old: Billogram, event: events.ReminderSent | events.Collection) -> Interest:
    return replace(old.interest, claimed=_sum(old.interest.claimed, event.claimed))


def _respite(old: Billogram, event: events.Respite) -> dict[str, Any]:
    day, dunning = date.fromisoformat(event.date), old.dunning
    given = replace(dunning, respite_date=day, respite_active=True, respited=dunning.overdue)
    return {"dunning": given}


def _respite_removed(old: Billogram, event: events.RespiteRemoved) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, respite_date=None, respite_active=False)}


def _collected(old: Billogram, event: events.Collection) -> dict[str, Any]:
    return {
        "internal": Internal.COLLECTION,
        "dunning": replace(old.dunning, collected_on=event.day, collecting=True),
        "interest": _claimed(old, event),
    } | _with_flags(old, "has been in collection")


def _collection_accepted(old: Billogram, event: events.CollectionStatusUpdate) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, collecting=False)}


def _collection_cancelled(old: Billogram, event: events.CollectionCancelled) -> dict[str, Any]:
    return {"internal": Internal.UNPAID, "dunning": replace(old.dunning, collecting=False)}


def _customer_message(old: Billogram, event: events.CustomerMessage) -> dict[str, Any]:
    added = tuple(flag for flag in ("new message", "message") if flag not in old.flags)
    return {"flags": old.flags + added}


def _creditor_message(old: Billogram, event: events.CreditorMessage) -> dict[str, Any]:
    return {"flags": tuple(flag for flag in old.flags if flag != "new message")}


def _no_effect(old: Billogram, event: BillogramEvent) -> dict[str, Any]:
    return {}


def _ended(old: Billogram, event: events.BillogramEnded) -> dict[str, Any]:
    changes = {
        "internal": Internal.ENDED,
        "ended_as": event.ended_as,
        "delivery": replace(old.delivery, letter_at=None),
    }
    return changes | _with_flags(old, without=("written down",))


_EFFECTS: dict[type, Callable[[Billogram, Any], dict[str, Any]]] = {
    events.BillogramSent: _sent,
    events.InvoiceSent: _handed_over,
    events.Resent: _resent,
    events.LetterSent: _letter_sent,
    events.EfakturaSent: _efaktura_sent,
    events.EfakturaFailed: _adds_flag("delivery failed"),
    events.DeliveryFailed: _adds_flag("delivery failed"),
    events.DeliverySmsFailed: _adds_flag("delivery failed"),
    events.DeliveryAccepted: _accepted,
    events.EmailNotAccepted: _no_effect,
    events.SmsNotAccepted: _no_effect,
    events.DataChange: _no_effect,
    events.Overdue: _overdue,
    events.InterestStarted: _interest_started,
    events.ReminderSent: _reminded,
    events.Respite: _respite,
    events.RespiteRemoved: _respite_removed,
    events.Collection: _collected,
    events.CollectionStatusUpdate: _collection_accepted,
    events.CollectorPayment: _adds_flag("paid on collection"),
    events.CollectionCancelled: _collection_cancelled,
    events.CollectionEnded: _no_effect,
    events.Payment: _paid,
    events.PaymentScheduled: _scheduled,
    events.PaymentSystemUpdated: _replanned,
    events.PaymentSystemCancelled: _unplanned,
    events.PaymentUserCancelled: _unplanned,
    events.PaymentFailed: _failed,
    events.AutogiroFailed: _autogiro_failed,
    events.PaymentRecalled: _recalled,
    events.RecurringPaymentEnabled: _no_effect,
    events.RecurringPaymentDisabled: _no_effect,
    events.Credit: _handed_over,
    events.CreditAllocated: _no_effect,
    events.OverpaymentAdjustment: _adds_flag("overpaid"),
    events.OverpaymentCustomerLiability: _adds_flag("overpaid"),
    events.UnderpaymentSettled: _no_effect,
    events.ConfirmedLoss: _no_effect,
    events.Writeoff: _no_effect,
    events.Writedown: _adds_flag("written down"),
    events.RevertWritedown: _reverted,
    events.FactoringRequest: _offered,
    events.BillogramSold: _sold,
    events.FactoringDenied: _denied,
    events.CustomerMessage: _customer_message,
    events.CreditorMessage: _creditor_message,
    events.BillogramEnded: _ended,
}
