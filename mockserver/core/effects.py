"""Decides what an event changes in its billogram, customer or account (reference: behaviour 2-6).

`complete` adds these values to an event before it is applied, so that `evolve` only copies them. The rules of
letters, interest, direct debits and documents are in modules of their own.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from mockserver.core import debited, documents, events, interest, letters, money
from mockserver.core.debited import ORDER_SENT, VIA_AUTOGIRO, with_flags
from mockserver.core.events import NO_EFFECT, BillogramEvent, BillogramNote, Effect, Event, LetterEvent
from mockserver.core.model import Account, Autogiro, Billogram, Interest, Internal, Item, copied, replace
from mockserver.core.state import ACCOUNT, BILLOGRAM, CUSTOMER, View, is_digits


def complete(view: View, event: Event) -> Event:
    """Return the event with everything that it changes."""
    if isinstance(event, BillogramEvent):
        return _of_billogram(view, event)
    rule = _OTHERS.get(type(event))
    return event if rule is None else rule(view, event)


def effect_of(old: Billogram, changes: Mapping[str, Any], **more: Any) -> Effect:
    """Return the effect of these changes, without those that are equal to the present values."""
    found = {name: value for name, value in changes.items() if value != getattr(old, name)}
    return Effect(**found, **more) if found or more else NO_EFFECT


def _of_billogram(view: View, event: BillogramEvent) -> BillogramEvent:
    account: Account = view.find(ACCOUNT, "")
    if isinstance(event, events.BillogramCreated):
        # an own invoice number raises the series as soon as the draft is created [A]
        if event.invoice_no is None or event.invoice_no <= account.highest_invoice_no:
            return event
        return replace(event, effect=Effect(highest_invoice_no=event.invoice_no))
    more: dict[str, Any] = {}
    old: Billogram = view.find(BILLOGRAM, event.mark.billogram)
    rule = _EFFECTS.get(type(event))
    changes = {} if rule is None else rule(old, event)
    content = event.content if isinstance(event, events.DataChange) else None
    new = replace(old, sums=event.sums, content=content or old.content, **changes)
    runs = interest.accrued(old, new, event.mark.at, account.timezone)
    if runs is not new.interest:
        changes["interest"] = runs
    if isinstance(event, LetterEvent):
        amounts = documents.amounts_of(old.sums, event)
        if amounts is not events.AMOUNTS_OF_SUMS:
            more["document"] = amounts
        if event.invoice_no > account.highest_invoice_no:
            more["highest_invoice_no"] = event.invoice_no
    effect = effect_of(old, changes, **more)
    return event if effect is NO_EFFECT else replace(event, effect=effect)


def _handed_over(old: Billogram, event: LetterEvent) -> dict[str, Any]:
    """Return what a sent document changes: earlier failures are cleared, and a letter may follow."""
    changes: dict[str, Any] = {}
    if event.delivery_method != "DoNotNotify":
        changes = with_flags(old, without=("delivery failed",))
    letter_at = letters.due_after(event, old.delivery)
    if letter_at is not None:
        changes["delivery"] = replace(old.delivery, letter_at=letter_at)
    return changes


def _sent(old: Billogram, event: events.BillogramSent) -> dict[str, Any]:
    return {"internal": Internal.UNPAID} | _handed_over(old, event)


def _resent(old: Billogram, event: events.Resent) -> dict[str, Any]:
    return _handed_over(old, event) | with_flags(old, without=("delivery failed", "not delivered"))


def _letter_sent(old: Billogram, event: events.LetterSent) -> dict[str, Any]:
    return _handed_over(old, event) | {"delivery": replace(old.delivery, letter_at=None)}


def _accepted(old: Billogram, event: events.DeliveryAccepted) -> dict[str, Any]:
    delivery = replace(old.delivery, viewed=True, letter_at=None)
    return {"delivery": delivery} | with_flags(old, without=("delivery failed",))


def _efaktura_sent(old: Billogram, event: events.EfakturaSent) -> dict[str, Any]:
    return {} if event.electronic_id is not None else with_flags(old, "efaktura order sent")


def _offered(old: Billogram, event: events.FactoringRequest) -> dict[str, Any]:
    return {"internal": Internal.FACTORING}


def _sold(old: Billogram, event: events.BillogramSold) -> dict[str, Any]:
    return {"internal": Internal.SOLD} | with_flags(old, "has been sold")


def _denied(old: Billogram, event: events.FactoringDenied) -> dict[str, Any]:
    return {"internal": Internal.UNPAID} | _handed_over(old, event) | with_flags(old, "factoring denied")


def _reverted(old: Billogram, event: events.RevertWritedown) -> dict[str, Any]:
    return with_flags(old, without=("written down",))


def _flag(name: str) -> Callable[[Billogram, Any], dict[str, Any]]:
    return lambda old, event: with_flags(old, name)


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
    return replace(old.interest, claimed=money.add(old.interest.claimed, event.claimed))


def _respite(old: Billogram, event: events.Respite) -> dict[str, Any]:
    day, dunning = date.fromisoformat(event.date), old.dunning
    return {"dunning": replace(dunning, respite_date=day, respite_active=True, respited=dunning.overdue)}


def _respite_removed(old: Billogram, event: events.RespiteRemoved) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, respite_date=None, respite_active=False)}


def _collected(old: Billogram, event: events.Collection) -> dict[str, Any]:
    return {
        "internal": Internal.COLLECTION,
        "dunning": replace(old.dunning, collected_on=event.day, collecting=True),
        "interest": _claimed(old, event),
    } | with_flags(old, "has been in collection")


def _collection_accepted(old: Billogram, event: events.CollectionStatusUpdate) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, collecting=False)}


def _collection_cancelled(old: Billogram, event: events.CollectionCancelled) -> dict[str, Any]:
    return {"internal": Internal.UNPAID, "dunning": replace(old.dunning, collecting=False)}


def _customer_message(old: Billogram, event: events.CustomerMessage) -> dict[str, Any]:
    return with_flags(old, "new message", "message")


def _creditor_message(old: Billogram, event: events.CreditorMessage) -> dict[str, Any]:
    return with_flags(old, without=("new message",))


def _ended(old: Billogram, event: events.BillogramEnded) -> dict[str, Any]:
    delivery = replace(old.delivery, letter_at=None)
    changes = {"internal": Internal.ENDED, "ended_as": event.ended_as, "delivery": delivery}
    return changes | with_flags(old, without=("written down",))


# an event without a row changes only the sums of its billogram, and what `evolve` copies
_EFFECTS: dict[type, Callable[[Billogram, Any], dict[str, Any]]] = {
    events.BillogramSent: _sent,
    events.InvoiceSent: _handed_over,
    events.Resent: _resent,
    events.LetterSent: _letter_sent,
    events.EfakturaSent: _efaktura_sent,
    events.EfakturaFailed: _flag("delivery failed"),
    events.DeliveryFailed: _flag("delivery failed"),
    events.DeliverySmsFailed: _flag("delivery failed"),
    events.DeliveryAccepted: _accepted,
    events.Overdue: _overdue,
    events.InterestStarted: _interest_started,
    events.ReminderSent: _reminded,
    events.Respite: _respite,
    events.RespiteRemoved: _respite_removed,
    events.Collection: _collected,
    events.CollectionStatusUpdate: _collection_accepted,
    events.CollectorPayment: _flag("paid on collection"),
    events.CollectionCancelled: _collection_cancelled,
    events.Payment: debited.paid,
    events.PaymentScheduled: debited.scheduled,
    events.PaymentSystemUpdated: debited.replanned,
    events.PaymentSystemCancelled: debited.unplanned,
    events.PaymentUserCancelled: debited.unplanned,
    events.PaymentFailed: debited.failed,
    events.AutogiroFailed: debited.autogiro_failed,
    events.PaymentRecalled: debited.recalled,
    events.Credit: _handed_over,
    events.OverpaymentAdjustment: _flag("overpaid"),
    events.OverpaymentCustomerLiability: _flag("overpaid"),
    events.Writedown: _flag("written down"),
    events.RevertWritedown: _reverted,
    events.FactoringRequest: _offered,
    events.BillogramSold: _sold,
    events.FactoringDenied: _denied,
    events.CustomerMessage: _customer_message,
    events.CreditorMessage: _creditor_message,
    events.BillogramEnded: _ended,
}


def _letter_undelivered(old: Billogram, event: events.LetterUndelivered) -> dict[str, Any]:
    delivery = replace(old.delivery, letter_at=letters.after_failure(old.delivery, event.at))
    return {"delivery": delivery} | with_flags(old, "not delivered")


def _debit_ordered(old: Billogram, event: events.DebitOrdered) -> dict[str, Any]:
    assert old.debit is not None, "one is planned"
    changes = {"debit": replace(old.debit, ordered=True), "autogiro": Autogiro("scheduled", old.debit.day)}
    return changes | with_flags(old, ORDER_SENT)


def _autogiro_marked(old: Billogram, event: events.AutogiroMarked) -> dict[str, Any]:
    return with_flags(old, VIA_AUTOGIRO) if event.on else with_flags(old, without=(VIA_AUTOGIRO,))


def _respite_ended(old: Billogram, event: events.RespiteEnded) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, respite_active=False)}


def _note(rule: Callable[[Billogram, Any], dict[str, Any]]) -> Callable[[View, Any], Event]:
    def note(view: View, event: BillogramNote) -> Event:
        old: Billogram = view.find(BILLOGRAM, event.billogram)
        return replace(event, effect=effect_of(old, rule(old, event)))

    return note


def _item(view: View, event: events.ItemCreated | events.ItemChanged) -> Event:
    """Raise the highest item number, so that numbers of deleted items are not reused [R]."""
    account: Account = view.find(ACCOUNT, "")
    number = _digits(event.item)
    return event if number <= account.highest_item_no else replace(event, highest_item_no=number)


def _digits(item: Item) -> int:
    return int(item.item_no) if is_digits(item.item_no) else 0


def _customer(_: View, event: events.CustomerCreated | events.CustomerChanged) -> Event:
    return replace(event, customer=replace(event.customer, copy=copied(event.customer)))


def _recipient_updated(view: View, event: events.RecipientUpdated) -> Event:
    if event.email is None:
        return event
    copy = view.find(CUSTOMER, event.customer_no).copy
    return replace(event, copy=replace(copy, email=event.email))


_OTHERS: dict[type, Callable[[View, Any], Event]] = {
    events.LetterUndelivered: _note(_letter_undelivered),
    events.DebitOrdered: _note(_debit_ordered),
    events.AutogiroMarked: _note(_autogiro_marked),
    events.RespiteEnded: _note(_respite_ended),
    events.ItemCreated: _item,
    events.ItemChanged: _item,
    events.CustomerCreated: _customer,
    events.CustomerChanged: _customer,
    events.RecipientUpdated: _recipient_updated,
}
