"""`evolve` applies an event to the state. It copies the event's values, decides nothing and never fails."""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from mockserver.core import calendar, events, report_plan
from mockserver.core.documents import Document
from mockserver.core.events import AboutBillogram, BillogramEvent, BillogramNote, Event, LetterEvent
from mockserver.core.funds import IncomingPayment
from mockserver.core.model import (
    Account,
    BillingTab,
    Billogram,
    Customer,
    CustomerTabs,
    EfakturaDay,
    EfakturaLine,
    Internal,
    Offer,
    Sale,
    TabRow,
    replace,
)
from mockserver.core.state import (
    ACCOUNT,
    BILLOGRAM,
    CUSTOMER,
    CUSTOMER_TABS,
    EFAKTURA,
    ITEM,
    OFFER,
    OUTCOMES,
    PAYMENT,
    PICTURE,
    REPORT,
    REPORT_PLAN,
    SOURCE,
    TAB,
    TAB_ROW,
    Change,
    View,
)

_AS_DECIDED = (
    "internal",
    "ended_as",
    "dunning",
    "interest",
    "debit",
    "autogiro",
    "delivery",
    "flags",
)


def evolve(view: View, event: Event) -> tuple[Change, ...]:
    """Return the changes that an event makes to the state, to be `put` in this order."""
    made = applied(view, event)
    return made + report_plan.changes(view, event, made)


def applied(view: View, event: Event) -> tuple[Change, ...]:
    """Return the changes that an event makes, without those that plan monthly reports."""
    if isinstance(event, BillogramNote):
        return _apply_note(view, event)
    row = _ROWS.get(type(event))
    if row is not None:
        return row(view, event)
    assert isinstance(event, BillogramEvent), event
    return _apply_billogram_event(view, event)


def _apply_note(view: View, event: BillogramNote) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.billogram)
    new = replace(old, updated_at=event.at, **_changes(old, event))
    return ((BILLOGRAM, old.id, new),)


def _apply_billogram_event(view: View, event: BillogramEvent) -> tuple[Change, ...]:
    old: Billogram = view.find(BILLOGRAM, event.mark.billogram)
    new = replace(
        old,
        sums=event.sums,
        updated_at=event.mark.at,
        events=(*old.events, event),
        **_changes(old, event),
    )
    if isinstance(event, LetterEvent):
        new = replace(new, documents=(*old.documents, _document(view, new, event)))
    highest = event.effect.highest_invoice_no
    if highest is UNSET:
        return ((BILLOGRAM, old.id, new),)
    account = replace(view.find(ACCOUNT, ""), highest_invoice_no=highest)
    return (BILLOGRAM, old.id, new), (ACCOUNT, "", account)


def _changes(old: Billogram, event: AboutBillogram) -> dict[str, Any]:
    """Return the changes of a billogram: what was decided, and the event's own members."""
    row, effect = _COPIES.get(type(event)), event.effect
    changes = {} if row is None else row(old, event)
    for name in _AS_DECIDED:
        value = getattr(effect, name)
        if value is not UNSET:
            changes[name] = value
    return changes


def _document(view: View, new: Billogram, event: LetterEvent) -> Document:
    """Return the document of an event, made from the billogram after it and from the account's settings."""
    account, decided = view.find(ACCOUNT, ""), event.effect.document
    return Document(
        letter_id=event.letter_id,
        kind=decided.kind,
        invoice_no=event.invoice_no,
        at=event.mark.at,
        method=event.delivery_method,
        content=new.content,
        recipient=new.recipient,
        sums=event.sums,
        amount=event.sums.total if decided.amount is UNSET else decided.amount,
        vat=event.sums.vat if decided.vat is UNSET else decided.vat,
        settings=account.settings,
        timezone=account.timezone,
        ocr_number=new.ocr_number,
        link=new.link,
        logotype=view.find(PICTURE, "logotype"),
        earlier=decided.earlier,
        rows=event.rows if isinstance(event, events.Credit) else (),
        message=event.message if isinstance(event, events.ReminderSent) else None,
        attachment=None if new.attachment is None else new.attachment.filename,
    )


def _sent(old: Billogram, event: events.BillogramSent) -> dict[str, Any]:
    terms = replace(old.content.terms, delivery_method=event.delivery_method)
    return {
        "attested_at": event.mark.at,
        "invoice_no": event.invoice_no,
        "ocr_number": event.ocr_number,
        "link": event.link,
        "content": replace(old.content, terms=terms),
        "offers": event.offers,
    }


def _data_changed(_: Billogram, event: events.DataChange) -> dict[str, Any]:
    given = {"content": event.content, "recipient": event.recipient}
    return {name: value for name, value in given.items() if value is not None}


_COPIES: dict[type, Callable[[Billogram, Any], dict[str, Any]]] = {
    events.BillogramSent: _sent,
    events.DataChange: _data_changed,
    events.FactoringRequest: lambda _, event: {
        "attested_at": event.mark.at,
        "ocr_number": event.ocr_number,
        "link": event.link,
    },
    events.BillogramSold: lambda _, event: {"invoice_no": event.invoice_no},
    events.FactoringDenied: lambda _, event: {"invoice_no": event.invoice_no, "offers": event.offers},
    events.DraftChanged: lambda _, event: {
        "content": event.content,
        "recipient": event.recipient,
        "sums": event.sums,
    },
    events.AttachmentChanged: lambda _, event: {"attachment": event.attachment},
}


def _created(view: View, event: events.BillogramCreated) -> tuple[Change, ...]:
    account: Account = view.find(ACCOUNT, "")
    billogram = Billogram(
        id=event.mark.billogram,
        number=event.number,
        recipient=event.recipient or view.find(CUSTOMER, event.customer_no).copy,
        content=event.content,
        sums=event.sums,
        internal=Internal.UNATTESTED,
        created_at=event.mark.at,
        updated_at=event.mark.at,
        creditor_unique_value=event.creditor_unique_value,
        invoice_no=event.invoice_no,
        events=(event,),
    )
    account = replace(account, billograms=event.number)
    if event.effect.highest_invoice_no is not UNSET:
        account = replace(account, highest_invoice_no=event.effect.highest_invoice_no)
    return (BILLOGRAM, billogram.id, billogram), (ACCOUNT, "", account)


def _deleted(view: View, event: events.Deleted) -> tuple[Change, ...]:
    """Delete a draft: its id and creditor_unique_value stay in use, its invoice number is free again [A]."""
    old: Billogram = view.find(BILLOGRAM, event.mark.billogram)
    left = replace(
        old,
        updated_at=event.mark.at,
        internal=Internal.DELETED,
        content=replace(old.content, items=()),
        invoice_no=None,
        events=(),
    )
    return ((BILLOGRAM, old.id, left),)


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


def _source_stored(_: View, event: events.SourceStored) -> tuple[Change, ...]:
    return ((SOURCE, event.source.id, event.source),)


def _outcomes_laid_down(_: View, event: events.OutcomesLaidDown) -> tuple[Change, ...]:
    return ((OUTCOMES, event.key, event.plan),)


def _recall_made(_: View, event: events.RecallMade) -> tuple[Change, ...]:
    return ()  # the other events of the act contain the changes


def _recall_dropped(view: View, event: events.RecallDropped) -> tuple[Change, ...]:
    old: IncomingPayment = view.find(PAYMENT, event.payment)
    return ((PAYMENT, old.id, replace(old, planned_recall=None)),)


def _recipient_updated(view: View, event: events.RecipientUpdated) -> tuple[Change, ...]:
    old: Customer = view.find(CUSTOMER, event.customer_no)
    if event.email is not None:
        old = replace(old, contact=replace(old.contact, email=event.email), copy=event.copy)
    if event.recurring:
        old = replace(old, recurring_payment_type=event.recurring_type)
    return ((CUSTOMER, event.customer_no, old),)


def _einvoice_registered(
    view: View, event: events.EinvoiceRegistered | events.EfakturaChanged
) -> tuple[Change, ...]:
    old: Customer = view.find(CUSTOMER, event.customer_no)
    gone = event.registration is None
    return ((CUSTOMER, event.customer_no, replace(old, einvoice=event.registration, deregistered=gone)),)


def _einvoice_deregistered(view: View, event: events.EinvoiceDeregistered) -> tuple[Change, ...]:
    old: Customer = view.find(CUSTOMER, event.customer_no)
    return ((CUSTOMER, event.customer_no, replace(old, einvoice=None, deregistered=True)),)


def _customer_created(_: View, event: events.CustomerCreated) -> tuple[Change, ...]:
    return ((CUSTOMER, event.customer.customer_no, event.customer),)


def _customer_changed(_: View, event: events.CustomerChanged) -> tuple[Change, ...]:
    new = (CUSTOMER, event.customer.customer_no, event.customer)
    if event.before == event.customer.customer_no:
        return (new,)
    return ((CUSTOMER, event.before, None), new)


def _item_created(view: View, event: events.ItemCreated) -> tuple[Change, ...]:
    account = replace(view.find(ACCOUNT, ""), items=event.item.number)
    return (*_highest_item_no(account, event), (ITEM, event.item.item_no, event.item))


def _item_changed(view: View, event: events.ItemChanged) -> tuple[Change, ...]:
    new = (ITEM, event.item.item_no, event.item)
    if event.before == event.item.item_no:
        return (new,)
    return ((ITEM, event.before, None), *_highest_item_no(view.find(ACCOUNT, ""), event), new)


def _highest_item_no(account: Account, event: events.ItemCreated | events.ItemChanged) -> tuple[Change, ...]:
    if event.highest_item_no is not UNSET:
        account = replace(account, highest_item_no=event.highest_item_no)
    return ((ACCOUNT, "", account),)


def _item_deleted(_: View, event: events.ItemDeleted) -> tuple[Change, ...]:
    return ((ITEM, event.item_no, None),)


def _tab_opened(view: View, event: events.TabOpened) -> tuple[Change, ...]:
    tab, old = event.tab, _tabs_of(view, event.tab.owner)
    tabs = replace(old, active=tab.id, tabs=(*old.tabs, tab.id))
    return (TAB, tab.id, tab), (CUSTOMER_TABS, tab.owner, tabs)


def _tabs_of(view: View, owner: int) -> CustomerTabs:
    found: CustomerTabs | None = view.find(CUSTOMER_TABS, owner)
    return CustomerTabs() if found is None else found


def _tab_row_added(_: View, event: events.TabRowAdded) -> tuple[Change, ...]:
    return ((TAB_ROW, event.row.id, event.row),)


def _tab_row_deleted(view: View, event: events.TabRowDeleted) -> tuple[Change, ...]:
    """Mark a row as deleted: its deduplication key is never free again [A]."""
    old: TabRow = view.find(TAB_ROW, event.row)
    return ((TAB_ROW, old.id, replace(old, deleted=True)),)


def _tab_deleted(view: View, event: events.TabDeleted) -> tuple[Change, ...]:
    """Mark a tab as deleted: the deduplication keys of its rows are never free again [A]."""
    old: BillingTab = view.find(TAB, event.tab)
    tabs = _tabs_of(view, old.owner)
    left = replace(tabs, active=None, tabs=tuple([each for each in tabs.tabs if each != old.id]))
    return (TAB, old.id, replace(old, deleted=True)), (CUSTOMER_TABS, old.owner, left)


def _tab_rescheduled(view: View, event: events.TabRescheduled) -> tuple[Change, ...]:
    old: BillingTab = view.find(TAB, event.tab)
    return ((TAB, old.id, replace(old, billing_date=event.billing_date)),)


def _tab_billed(view: View, event: events.TabBilled) -> tuple[Change, ...]:
    old: BillingTab = view.find(TAB, event.tab)
    new = replace(old, billogram=event.billogram, billing_date=event.billed_on, refusal=None)
    tabs = replace(_tabs_of(view, old.owner), active=None)
    return (TAB, old.id, new), (CUSTOMER_TABS, old.owner, tabs)


def _tab_refused(view: View, event: events.TabRefused) -> tuple[Change, ...]:
    old: BillingTab = view.find(TAB, event.tab)
    return ((TAB, old.id, replace(old, billing_date=event.billing_date, refusal=event.refusal)),)


def _tab_settings_changed(view: View, event: events.TabSettingsChanged) -> tuple[Change, ...]:
    tabs = replace(_tabs_of(view, event.owner), settings=event.settings)
    return ((CUSTOMER_TABS, event.owner, tabs),)


def _tabs_renumbered(view: View, event: events.TabsRenumbered) -> tuple[Change, ...]:
    tabs: list[BillingTab] = [view.find(TAB, key) for key in _tabs_of(view, event.owner).tabs]
    return tuple([(TAB, tab.id, replace(tab, customer_no=event.customer_no)) for tab in tabs])


def _reports_made(view: View, event: events.ReportsMade) -> tuple[Change, ...]:
    made = tuple([(REPORT, report.filename, report) for report in event.reports])
    return *made, (REPORT_PLAN, "", report_plan.after(report_plan.of(view), event))


def _efaktura_changed(view: View, event: events.EfakturaChanged) -> tuple[Change, ...]:
    changes = _einvoice_registered(view, event)
    if event.at is None:
        return changes
    line = EfakturaLine(event.at, event.registration is not None, event.customer_no, event.notice)
    return *changes, (EFAKTURA, "", EfakturaDay((*_efaktura_of(view).lines, line)))


def _efaktura_of(view: View) -> EfakturaDay:
    found: EfakturaDay | None = view.find(EFAKTURA, "")
    return EfakturaDay() if found is None else found


def _efaktura_forwarded(view: View, event: events.EfakturaForwarded) -> tuple[Change, ...]:
    timezone = view.find(ACCOUNT, "").timezone
    left = [line for line in _efaktura_of(view).lines if calendar.local_date(line.at, timezone) >= event.day]
    return ((EFAKTURA, "", EfakturaDay(tuple(left))),)


def _no_effect(_: View, __: Event) -> tuple[Change, ...]:
    return ()


def _offer_stored(_: View, event: events.OfferStored) -> tuple[Change, ...]:
    return ((OFFER, event.offer.offer_id.lower(), event.offer),)


def _sale_accepted(view: View, event: events.SaleAccepted) -> tuple[Change, ...]:
    ((kind, key, billogram),) = _apply_billogram_event(view, event)
    new = replace(billogram, sales_accepted=(*billogram.sales_accepted, event.offer_id))
    offer: Offer = view.find(OFFER, event.offer_id.lower())
    sale = Sale(billogram.id, event.customer_no, event.mark.at)
    return (kind, key, new), (OFFER, event.offer_id.lower(), replace(offer, sales=(*offer.sales, sale)))


_ROWS: dict[type, Callable[[View, Any], tuple[Change, ...]]] = {
    events.BillogramCreated: _created,
    events.Deleted: _deleted,
    events.SourceStored: _source_stored,
    events.OutcomesLaidDown: _outcomes_laid_down,
    events.RecallMade: _recall_made,
    events.RecallDropped: _recall_dropped,
    events.RecipientUpdated: _recipient_updated,
    events.PictureChanged: _picture_changed,
    events.EinvoiceRegistered: _einvoice_registered,
    events.EinvoiceDeregistered: _einvoice_deregistered,
    events.EfakturaChanged: _efaktura_changed,
    events.EfakturaForwarded: _efaktura_forwarded,
    events.EinvoiceMismatched: _no_effect,
    events.EinvoiceNotFound: _no_effect,
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
    events.TabOpened: _tab_opened,
    events.TabRowAdded: _tab_row_added,
    events.TabRowDeleted: _tab_row_deleted,
    events.TabDeleted: _tab_deleted,
    events.TabRescheduled: _tab_rescheduled,
    events.TabBilled: _tab_billed,
    events.TabRefused: _tab_refused,
    events.TabSettingsChanged: _tab_settings_changed,
    events.TabsRenumbered: _tabs_renumbered,
    events.ReportsMade: _reports_made,
    events.OfferStored: _offer_stored,
    events.SaleAccepted: _sale_accepted,
}
