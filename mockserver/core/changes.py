"""Changes of a billogram after it was sent (reference: behaviour 3.4)."""

from mockserver.core import credits, debits, delivery, dunning_dates, events, losses, money
from mockserver.core.act import Act
from mockserver.core.content import sums_of
from mockserver.core.model import Attachment, Billogram, Content, Recipient, Sums, replace
from mockserver.core.refusal import InvalidObjectState, invalid


def change_sent(
    act: Act, billogram: Billogram, content: Content, recipient: Recipient, attachment: Attachment | None
) -> None:
    """Change a sent billogram. Nothing happens when nothing differs.

    A changed total creates a document over the difference. What was paid beyond a smaller total is owed to
    the customer.
    """
    if attachment != billogram.attachment:
        act.add(events.AttachmentChanged(billogram.id, act.now, attachment))
    elif (content, recipient) == (billogram.content, billogram.recipient):
        return
    old = billogram.sums
    new = _sums_after(billogram, content)
    act.add(
        events.DataChange(
            act.mark(act.billogram(billogram.id)),
            new if new.total == old.total else old,
            content=None if content == billogram.content else content,
            recipient=None if recipient == billogram.recipient else recipient,
        )
    )
    if new.total != old.total:
        _document(act, act.billogram(billogram.id), new)
        losses.write_off_automatically(act, billogram.id)
    remaining = act.billogram(billogram.id).sums.remaining
    if content.terms.due_date != billogram.content.terms.due_date and remaining > 0:
        debits.reschedule(act, billogram.id, "due_date")  # with the new amount: the plan changes once
    debits.sync(act, billogram.id, "invoice")
    dunning_dates.mark_overdue_if_past(act, billogram.id)
    after = act.billogram(billogram.id)
    if new.total != old.total and not after.sums.remaining and not after.is_credit:
        ended_as = "Paid" if money.any_received(old) else "Credited"
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as=ended_as))


def _sums_after(billogram: Billogram, content: Content) -> Sums:
    """Return the sums with the new rows and with the payments, fees and credits so far."""
    old, new = billogram.sums, sums_of(content)
    if _priced(content) == _priced(billogram.content):
        return replace(old, rotavdrag=new.rotavdrag)
    if old.credited:
        raise InvalidObjectState(
            "rows and invoice fee can't be changed after a credit",
            rule="put.credited",
            credited_sum=old.credited,
        )
    after = money.keep_waived(
        old,
        replace(
            new,
            reminder_fee=old.reminder_fee,
            interest_fee=old.interest_fee,
            paid=old.paid,
            collector_paid=old.collector_paid,
        ),
    )
    # a debit can't become a stand-alone credit, nor the reverse [D], nor be less than what was paid out [A]
    if (new.total < 0) != (old.total < 0) or (new.total < 0 and after.remaining > 0):
        raise invalid("items", rule="put.sign", before=old.total, after=new.total, remaining=after.remaining)
    return after


def _priced(content: Content) -> tuple[object, ...]:
    """Return the content whose change creates a document; `reversed_vat` counts like a row [A]."""
    return content.items, content.terms.invoice_fee, bool(content.regional.reversed_vat)


def _document(act: Act, billogram: Billogram, new: Sums) -> None:
    """Create an invoice over an increase of the total, or a credit invoice over a decrease."""
    old = billogram.sums
    method = billogram.content.terms.delivery_method
    if not delivery.possible(act, billogram, method):
        method = "DoNotNotify"  # the address was removed: the document is created, but not sent [A]
    invoice_no = act.account.highest_invoice_no + 1
    mark, letter_id = act.mark(billogram), act.new_letter(billogram)
    booked, freed = credits.booked_vat(billogram), money.ZERO
    if new.total > old.total:
        act.add(
            events.InvoiceSent(
                mark,
                new,
                invoice_no=invoice_no,
                letter_id=letter_id,
                delivery_method=method,
                vat=money.subtract(new.vat, booked),
            )
        )
    else:
        if not billogram.is_credit:
            freed = max(money.negated(new.remaining), money.ZERO)
            new = credits.without_freed(new, freed)
        act.add(
            events.Credit(
                mark,
                new,
                invoice_no=invoice_no,
                letter_id=letter_id,
                delivery_method=method,
                amount=money.subtract(old.total, new.total),
                vat=money.subtract(booked, new.vat),
            )
        )
    delivery.deliver(act, billogram.id, method)
    if freed:
        credits.record_liability(act, billogram.id, freed)
