"""`evolve`: what an event makes of the state. It decides nothing and never fails on what a decision made."""

from collections.abc import Callable
from typing import Any

from mockserver.core import events
from mockserver.core.events import BillogramEvent, Event
from mockserver.core.model import Billogram, Internal, Item, replace
from mockserver.core.state import ACCOUNT, BILLOGRAM, CUSTOMER, ITEM, PAYMENT, Change, View, is_digits


def evolve(view: View, event: Event) -> tuple[Change, ...]:
    """The changes that an event brings, to be `put` in this order."""
    if isinstance(event, events.BillogramCreated):
        return _created(view, event)
    if isinstance(event, BillogramEvent):
        return _happened(view, event)
    return _OTHERS[type(event)](view, event)


def _draft_changed(view: View, event: events.DraftChanged) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    new = replace(
        old,
        content=event.content,
        recipient=event.recipient,
        sums=event.sums,
        updated_at=event.at,
    )
    return ((BILLOGRAM, event.billogram, new),)


def _account(_: View, event: events.AccountOpened | events.AccountChanged) -> tuple[Change, ...]:
    return ((ACCOUNT, "", event.account),)


def _clock_moved(view: View, event: events.ClockMoved) -> tuple[Change, ...]:
    return ((ACCOUNT, "", replace(view.find(ACCOUNT, ""), clock=event.clock)),)


def _payment_stored(_: View, event: events.PaymentStored) -> tuple[Change, ...]:
    return ((PAYMENT, event.payment.id, event.payment),)


def _customer_created(_: View, event: events.CustomerCreated) -> tuple[Change, ...]:
    return ((CUSTOMER, event.customer.customer_no, event.customer),)


def _customer_changed(_: View, event: events.CustomerChanged) -> tuple[Change, ...]:
    new = (CUSTOMER, event.customer.customer_no, event.customer)
    if event.before == event.customer.customer_no:
        return (new,)
    return ((CUSTOMER, event.before, None), new)


def _item_created(view: View, event: events.ItemCreated) -> tuple[Change, ...]:
    return (_item_numbers(view, event.item), (ITEM, event.item.item_no, event.item))


def _item_changed(view: View, event: events.ItemChanged) -> tuple[Change, ...]:
    new = (ITEM, event.item.item_no, event.item)
    if event.before == event.item.item_no:
        return (new,)
    return ((ITEM, event.before, None), _item_numbers(view, event.item), new)


def _item_numbers(view: View, item: Item) -> Change:
    account = view.find(ACCOUNT, "")
    highest = max(account.highest_item_no, int(item.item_no) if is_digits(item.item_no) else 0)
    return (ACCOUNT, "", replace(account, items=max(account.items, item.number), highest_item_no=highest))


def _item_deleted(_: View, event: events.ItemDeleted) -> tuple[Change, ...]:
    return ((ITEM, event.item_no, None),)


_OTHERS: dict[type, Callable[[View, Any], tuple[Change, ...]]] = {
    events.DraftChanged: _draft_changed,
    events.AccountOpened: _account,
    events.AccountChanged: _account,
    events.ClockMoved: _clock_moved,
    events.PaymentStored: _payment_stored,
    events.CustomerCreated: _customer_created,
    events.CustomerChanged: _customer_changed,
    events.ItemCreated: _item_created,
    events.ItemChanged: _item_changed,
    events.ItemDeleted: _item_deleted,
}


def _created(view: View, event: events.BillogramCreated) -> tuple[Change, ...]:
    account = view.find(ACCOUNT, "")
    billogram = Billogram(
        id=event.mark.billogram,
        number=event.number,
        recipient=event.recipient or view.recipient(event.customer_no),
        content=event.content,
        sums=event.sums,
        internal=Internal.UNATTESTED,
        created_at=event.mark.at,
        updated_at=event.mark.at,
        creditor_unique_value=event.creditor_unique_value,
        invoice_no=event.invoice_no,
        events=(event,),
    )
    # an own number raises the series from the draft's creation on [A]
    highest = max(account.highest_invoice_no, event.invoice_no or 0)
    return (
        (BILLOGRAM, billogram.id, billogram),
        (ACCOUNT, "", replace(account, billograms=event.number, highest_invoice_no=highest)),
    )


def _happened(view: View, event: BillogramEvent) -> tuple[Change, ...]:
    key = event.mark.billogram
    old: Billogram = view.find(BILLOGRAM, key)
    every: dict[str, Any] = {
        "sums": event.sums,
        "updated_at": event.mark.at,
        "events": (*old.events, event),
    }
    new = replace(old, **every | _EFFECTS[type(event)](old, event))
    change = (BILLOGRAM, key, new)
    if isinstance(event, events.BillogramSent | events.Credit):
        account = view.find(ACCOUNT, "")
        if event.invoice_no > account.highest_invoice_no:
            return (change, (ACCOUNT, "", replace(account, highest_invoice_no=event.invoice_no)))
    return (change,)


def _sent(old: Billogram, event: events.BillogramSent) -> dict[str, Any]:
    terms = replace(old.content.terms, delivery_method=event.delivery_method)
    return {
        "internal": Internal.UNPAID,
        "attested_at": event.mark.at,
        "invoice_no": event.invoice_no,
        "ocr_number": event.ocr_number,
        "link": event.link,
        "letters": old.letters + 1,
        "content": replace(old.content, terms=terms),
    }


def _flag(name: str) -> Callable[[Billogram, Any], dict[str, Any]]:
    def effect(old: Billogram, event: Any) -> dict[str, Any]:
        return {} if name in old.flags else {"flags": (*old.flags, name)}

    return effect


def _overdue(old: Billogram, event: events.Overdue) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, overdue=True)}


def _interest_started(old: Billogram, event: events.InterestStarted) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, interest_started=True)}


def _customer_wrote(old: Billogram, event: events.CustomerMessage) -> dict[str, Any]:
    added = tuple(flag for flag in ("new message", "message") if flag not in old.flags)
    return {"flags": old.flags + added}


def _message_written(old: Billogram, event: events.CreditorMessage) -> dict[str, Any]:
    return {"flags": tuple(flag for flag in old.flags if flag != "new message")}


def _nothing_more(old: Billogram, event: events.Payment) -> dict[str, Any]:
    return {}


def _credit(old: Billogram, event: events.Credit) -> dict[str, Any]:
    return {"letters": old.letters + 1}


def _ended(old: Billogram, event: events.BillogramEnded) -> dict[str, Any]:
    return {"internal": Internal.ENDED, "ended_as": event.ended_as}


def _deleted(old: Billogram, event: events.Deleted) -> dict[str, Any]:
    # what is left keeps the id and the creditor_unique_value taken; an own invoice number is free again [A]
    return {
        "internal": Internal.DELETED,
        "content": replace(old.content, items=()),
        "invoice_no": None,
        "events": (),
    }


_EFFECTS: dict[type, Callable[[Billogram, Any], dict[str, Any]]] = {
    events.BillogramSent: _sent,
    events.EfakturaSent: _flag("efaktura order sent"),
    events.DeliveryFailed: _flag("delivery failed"),
    events.DeliverySmsFailed: _flag("delivery failed"),
    events.Overdue: _overdue,
    events.InterestStarted: _interest_started,
    events.Payment: _nothing_more,
    events.Credit: _credit,
    events.OverpaymentAdjustment: _flag("overpaid"),
    events.OverpaymentCustomerLiability: _flag("overpaid"),
    events.CustomerMessage: _customer_wrote,
    events.CreditorMessage: _message_written,
    events.BillogramEnded: _ended,
    events.Deleted: _deleted,
}
