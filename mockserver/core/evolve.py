"""`evolve`: what an event makes of the state. It decides nothing and never fails on what a decision made."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from mockserver.core import debited, events, interest, money
from mockserver.core.debited import ORDER_SENT, VIA_AUTOGIRO, with_flags
from mockserver.core.documents import CREDIT, INVOICE, REMINDER, Document
from mockserver.core.events import BillogramEvent, Event, LetterEvent
from mockserver.core.funds import IncomingPayment
from mockserver.core.model import Autogiro, Billogram, Customer, Interest, Internal, Item, Row, replace
from mockserver.core.state import (
    ACCOUNT,
    BILLOGRAM,
    CUSTOMER,
    ITEM,
    OUTCOMES,
    PAYMENT,
    PICTURE,
    SOURCE,
    Change,
    View,
    is_digits,
)

_UNTIL_LETTER = timedelta(hours=48)  # [S]


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


def _account(
    _: View, event: events.AccountOpened | events.AccountChanged | events.AccountLoaded
) -> tuple[Change, ...]:
    return ((ACCOUNT, "", event.account),)


def _clock_moved(view: View, event: events.ClockMoved | events.SnapshotTaken) -> tuple[Change, ...]:
    return ((ACCOUNT, "", replace(view.find(ACCOUNT, ""), clock=event.clock)),)


def _payment_stored(_: View, event: events.PaymentStored) -> tuple[Change, ...]:
    return ((PAYMENT, event.payment.id, event.payment),)


def _picture_changed(_: View, event: events.PictureChanged) -> tuple[Change, ...]:
    return ((PICTURE, event.name, event.picture),)


def _attachment_changed(view: View, event: events.AttachmentChanged) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    return ((BILLOGRAM, old.id, replace(old, attachment=event.attachment, updated_at=event.at)),)


def _letter_undelivered(view: View, event: events.LetterUndelivered) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    waits = old.delivery.letter_at
    kept = None if waits is not None and waits <= event.at else waits  # that of a later moment goes on
    changes = {"delivery": replace(old.delivery, letter_at=kept), "updated_at": event.at}
    return ((BILLOGRAM, old.id, replace(old, **changes | with_flags(old, "not delivered"))),)


def _debit_ordered(view: View, event: events.DebitOrdered) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    assert old.debit is not None, "one is planned"
    changes = {
        "debit": replace(old.debit, ordered=True),
        "autogiro": Autogiro("scheduled", old.debit.day),
        "updated_at": event.at,
    }
    return ((BILLOGRAM, old.id, replace(old, **changes | with_flags(old, ORDER_SENT))),)


def _autogiro_marked(view: View, event: events.AutogiroMarked) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    added, gone = ((VIA_AUTOGIRO,), ()) if event.on else ((), (VIA_AUTOGIRO,))
    flags = with_flags(old, *added, without=gone)
    return ((BILLOGRAM, old.id, replace(old, updated_at=event.at, **flags)),)


def _source_stored(_: View, event: events.SourceStored) -> tuple[Change, ...]:
    return ((SOURCE, event.source.id, event.source),)


def _outcomes_laid_down(_: View, event: events.OutcomesLaidDown) -> tuple[Change, ...]:
    return ((OUTCOMES, event.key, event.plan),)


def _recall_made(_: View, event: events.RecallMade) -> tuple[Change, ...]:
    return ()  # what it did, the events beside it did


def _recall_dropped(view: View, event: events.RecallDropped) -> tuple[Change, ...]:
    old: IncomingPayment = view.find(PAYMENT, event.payment)
    return ((PAYMENT, old.id, replace(old, planned_recall=None)),)


def _recipient_updated(view: View, event: events.RecipientUpdated) -> tuple[Change, ...]:
    old: Customer = view.find(CUSTOMER, event.customer_no)
    if event.email is not None:
        old = replace(old, contact=replace(old.contact, email=event.email))
    if event.recurring:
        old = replace(old, recurring_payment_type=event.recurring_type)
    return ((CUSTOMER, event.customer_no, old),)


def _respite_ended(view: View, event: events.RespiteEnded) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    dunning = replace(old.dunning, respite_active=False)
    return ((BILLOGRAM, old.id, replace(old, dunning=dunning, updated_at=event.at)),)


def _einvoice_registered(view: View, event: events.EinvoiceRegistered) -> tuple[Change, ...]:
    old: Customer = view.find(CUSTOMER, event.customer_no)
    return ((CUSTOMER, event.customer_no, replace(old, einvoice=event.registration)),)


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
    events.LetterUndelivered: _letter_undelivered,
    events.RespiteEnded: _respite_ended,
    events.DebitOrdered: _debit_ordered,
    events.AutogiroMarked: _autogiro_marked,
    events.SourceStored: _source_stored,
    events.OutcomesLaidDown: _outcomes_laid_down,
    events.RecallMade: _recall_made,
    events.RecallDropped: _recall_dropped,
    events.RecipientUpdated: _recipient_updated,
    events.AttachmentChanged: _attachment_changed,
    events.PictureChanged: _picture_changed,
    events.EinvoiceRegistered: _einvoice_registered,
    events.AccountOpened: _account,
    events.AccountChanged: _account,
    events.AccountLoaded: _account,
    events.ClockMoved: _clock_moved,
    events.SnapshotTaken: _clock_moved,
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
    account = view.find(ACCOUNT, "")
    runs = interest.rolled(old, new, event.mark.at, account.timezone)
    if runs is not new.interest:
        new = replace(new, interest=runs)
    if not isinstance(event, LetterEvent):
        return ((BILLOGRAM, key, new),)
    new = replace(new, documents=(*old.documents, _document(view, old, new, event)))
    if event.invoice_no > account.highest_invoice_no:
        account = replace(account, highest_invoice_no=event.invoice_no)
        return ((BILLOGRAM, key, new), (ACCOUNT, "", account))
    return ((BILLOGRAM, key, new),)


def _document(view: View, old: Billogram, new: Billogram, event: LetterEvent) -> Document:
    """The document that an event made: from the billogram after it, and from what of the account it shows."""
    account, sums, earlier = view.find(ACCOUNT, ""), event.sums, old.sums
    kind, amount, vat = CREDIT if new.is_credit else INVOICE, sums.total, sums.vat
    was = money.ZERO
    rows: tuple[Row, ...] = ()
    if isinstance(event, events.InvoiceSent):
        amount, vat, was = money.subtract(amount, earlier.total), event.vat, earlier.total
    elif isinstance(event, events.Credit):
        kind, amount, vat, rows = CREDIT, event.amount, event.vat, event.rows
        was = money.ZERO if earlier.total == sums.total else earlier.total
    elif isinstance(event, events.ReminderSent):
        kind, amount, vat = REMINDER, sums.remaining, money.ZERO
    return Document(
        letter_id=event.letter_id,
        kind=kind,
        invoice_no=event.invoice_no,
        at=event.mark.at,
        method=event.delivery_method,
        content=new.content,
        recipient=new.recipient,
        sums=sums,
        amount=amount,
        vat=vat,
        settings=account.settings,
        timezone=account.timezone,
        ocr_number=new.ocr_number,
        link=new.link,
        logotype=view.find(PICTURE, "logotype"),
        earlier=was,
        rows=rows,
        message=event.message if isinstance(event, events.ReminderSent) else None,
        attachment=None if new.attachment is None else new.attachment.filename,
    )


def _sent(old: Billogram, event: events.BillogramSent) -> dict[str, Any]:
    terms = replace(old.content.terms, delivery_method=event.delivery_method)
    return {
        "internal": Internal.UNPAID,
        "attested_at": event.mark.at,
        "invoice_no": event.invoice_no,
        "ocr_number": event.ocr_number,
        "link": event.link,
        "content": replace(old.content, terms=terms),
    } | _on_its_way(old, event)


def _on_its_way(old: Billogram, event: LetterEvent) -> dict[str, Any]:
    """A document has left: what failed before is forgotten; some are followed by a letter [S]."""
    changes: dict[str, Any] = {}
    if event.delivery_method != "DoNotNotify":
        changes = with_flags(old, without=("delivery failed",))
    followed = isinstance(event, events.BillogramSent | events.Resent | events.FactoringDenied)
    if followed and event.delivery_method.endswith("+Letter") and not old.delivery.viewed:  # viewed once [A]
        changes["delivery"] = replace(old.delivery, letter_at=event.mark.at + _UNTIL_LETTER)
    return changes


def _resent(old: Billogram, event: events.Resent) -> dict[str, Any]:
    return _on_its_way(old, event) | with_flags(old, without=("delivery failed", "not delivered"))


def _letter_sent(old: Billogram, event: events.LetterSent) -> dict[str, Any]:
    return _on_its_way(old, event) | {"delivery": replace(old.delivery, letter_at=None)}


def _accepted(old: Billogram, event: events.DeliveryAccepted) -> dict[str, Any]:
    delivery = replace(old.delivery, viewed=True, letter_at=None)
    return {"delivery": delivery} | with_flags(old, without=("delivery failed",))


def _efaktura_sent(old: Billogram, event: events.EfakturaSent) -> dict[str, Any]:
    return {} if event.recipient_identifier is None else with_flags(old, "efaktura order sent")


def _data_changed(old: Billogram, event: events.DataChange) -> dict[str, Any]:
    given = {"content": event.content, "recipient": event.recipient}
    return {name: value for name, value in given.items() if value is not None}


def _offered(old: Billogram, event: events.FactoringRequest) -> dict[str, Any]:
    return {
        "internal": Internal.FACTORING,
        "attested_at": event.mark.at,
        "ocr_number": event.ocr_number,
        "link": event.link,
    }


def _sold(old: Billogram, event: events.BillogramSold) -> dict[str, Any]:
    return {"internal": Internal.SOLD, "invoice_no": event.invoice_no} | with_flags(old, "has been sold")


def _denied(old: Billogram, event: events.FactoringDenied) -> dict[str, Any]:
    changes = {"internal": Internal.UNPAID, "invoice_no": event.invoice_no}
    return changes | _on_its_way(old, event) | with_flags(old, "factoring denied")


def _reverted(old: Billogram, event: events.RevertWritedown) -> dict[str, Any]:
    return with_flags(old, without=("written down",))


def _flag(name: str) -> Callable[[Billogram, Any], dict[str, Any]]:
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
    return {"dunning": dunning, "interest": _claimed(old, event)} | _on_its_way(old, event)


def _claimed(old: Billogram, event: events.ReminderSent | events.Collection) -> Interest:
    return replace(old.interest, claimed=money.add(old.interest.claimed, event.claimed))


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
    } | with_flags(old, "has been in collection")


def _collection_news(old: Billogram, event: events.CollectionStatusUpdate) -> dict[str, Any]:
    return {"dunning": replace(old.dunning, collecting=False)}


def _collection_cancelled(old: Billogram, event: events.CollectionCancelled) -> dict[str, Any]:
    return {"internal": Internal.UNPAID, "dunning": replace(old.dunning, collecting=False)}


def _customer_wrote(old: Billogram, event: events.CustomerMessage) -> dict[str, Any]:
    added = tuple(flag for flag in ("new message", "message") if flag not in old.flags)
    return {"flags": old.flags + added}


def _message_written(old: Billogram, event: events.CreditorMessage) -> dict[str, Any]:
    return {"flags": tuple(flag for flag in old.flags if flag != "new message")}


def _nothing_more(old: Billogram, event: BillogramEvent) -> dict[str, Any]:
    return {}


def _ended(old: Billogram, event: events.BillogramEnded) -> dict[str, Any]:
    changes = {
        "internal": Internal.ENDED,
        "ended_as": event.ended_as,
        "delivery": replace(old.delivery, letter_at=None),
    }
    return changes | with_flags(old, without=("written down",))


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
    events.InvoiceSent: _on_its_way,
    events.Resent: _resent,
    events.LetterSent: _letter_sent,
    events.EfakturaSent: _efaktura_sent,
    events.EfakturaFailed: _flag("delivery failed"),
    events.DeliveryFailed: _flag("delivery failed"),
    events.DeliverySmsFailed: _flag("delivery failed"),
    events.DeliveryAccepted: _accepted,
    events.EmailNotAccepted: _nothing_more,
    events.SmsNotAccepted: _nothing_more,
    events.DataChange: _data_changed,
    events.Overdue: _overdue,
    events.InterestStarted: _interest_started,
    events.ReminderSent: _reminded,
    events.Respite: _respite,
    events.RespiteRemoved: _respite_removed,
    events.Collection: _collected,
    events.CollectionStatusUpdate: _collection_news,
    events.CollectorPayment: _flag("paid on collection"),
    events.CollectionCancelled: _collection_cancelled,
    events.CollectionEnded: _nothing_more,
    events.Payment: debited.paid,
    events.PaymentScheduled: debited.scheduled,
    events.PaymentSystemUpdated: debited.replanned,
    events.PaymentSystemCancelled: debited.unplanned,
    events.PaymentUserCancelled: debited.unplanned,
    events.PaymentFailed: debited.failed,
    events.AutogiroFailed: debited.autogiro_failed,
    events.PaymentRecalled: debited.recalled,
    events.RecurringPaymentEnabled: _nothing_more,
    events.RecurringPaymentDisabled: _nothing_more,
    events.Credit: _on_its_way,
    events.CreditAllocated: _nothing_more,
    events.OverpaymentAdjustment: _flag("overpaid"),
    events.OverpaymentCustomerLiability: _flag("overpaid"),
    events.UnderpaymentSettled: _nothing_more,
    events.ConfirmedLoss: _nothing_more,
    events.Writeoff: _nothing_more,
    events.Writedown: _flag("written down"),
    events.RevertWritedown: _reverted,
    events.FactoringRequest: _offered,
    events.BillogramSold: _sold,
    events.FactoringDenied: _denied,
    events.CustomerMessage: _customer_wrote,
    events.CreditorMessage: _message_written,
    events.BillogramEnded: _ended,
    events.Deleted: _deleted,
}
