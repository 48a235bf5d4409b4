"""Reminders, and the fees and interest that they claim (reference: behaviour 6.3, 6.4)."""

from decimal import Decimal

from mockserver.core import debits, delivery, events, interest, money, reminders
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Sums, replace
from mockserver.core.refusal import InvalidObjectState, invalid, on_credit

METHODS = ("Email", "Letter", "SMS")  # of a reminder [C]


def remind(act: Act, billogram: Billogram, method: str | None, message: str | None) -> None:
    """Command `remind`. At most one reminder is sent per local day, manual or automatic [D]."""
    check_unpaid_in_time(act, billogram, "remind")
    last = billogram.dunning.last_reminder
    if last is not None and act.today < reminders.first_day_after(last):
        raise InvalidObjectState(
            f"a reminder was sent today already ({last})", rule="remind.same_day", last=last, today=act.today
        )
    if method and method not in METHODS:
        raise invalid("method", rule="remind.method", method=method, known=METHODS)
    method = method or usual_method(billogram)
    delivery.check_method(act, billogram, method)
    _send(act, billogram, method, message, automatic=False)


def remind_automatically(act: Act, billogram: Billogram) -> None:
    """Send the next reminder of the sequence, by letter when the data for its method is missing."""
    step = reminders.next_step(billogram, act.account)
    assert step is not None, "it was on the agenda"
    method = usual_method(billogram)
    if not delivery.possible(act, billogram, method):
        method = "Letter"
    _send(act, billogram, method, step.message or None, automatic=True)


def usual_method(billogram: Billogram) -> str:
    """Return the delivery method of a reminder that names none (reference: behaviour 4.1)."""
    method = billogram.content.terms.delivery_method.partition("+")[0]
    if method in METHODS:
        return method
    return "Email" if billogram.recipient.email else "Letter"


def check_unpaid_in_time(act: Act, billogram: Billogram, command: str) -> None:
    """Refuse a reminder or collection on a stand-alone credit, before or on the due date, and in a respite.

    Dates are local dates of the account.
    """
    terms, dunning = billogram.content.terms, billogram.dunning
    if billogram.is_credit:
        raise on_credit(command, billogram.sums.total)
    if act.today <= terms.due_date:
        raise InvalidObjectState(
            f"it is not due yet: the due date is {terms.due_date}",
            rule=f"not_due.{command}",
            due_date=terms.due_date,
            today=act.today,
        )
    if dunning.respite_active:
        raise InvalidObjectState(
            f"it has respite to {dunning.respite_date}",
            rule=f"respite.{command}",
            respite_date=dunning.respite_date,
            today=act.today,
        )


def with_claim(act: Act, billogram: Billogram) -> tuple[Sums, Decimal]:
    """Return the sums with the interest accrued so far, and how much of it is new."""
    claim = interest.claim(billogram, act.today)
    sums = billogram.sums
    return replace(sums, interest_fee=money.add(sums.interest_fee, claim)), claim


def _send(act: Act, billogram: Billogram, method: str, message: str | None, *, automatic: bool) -> None:
    sums, claim = with_claim(act, billogram)
    if not billogram.dunning.fee_charged:  # once per billogram [S]
        sums = replace(sums, reminder_fee=money.add(sums.reminder_fee, billogram.content.terms.reminder_fee))
    sums = money.with_remaining(sums)
    assert billogram.invoice_no is not None, "a sent one has its number"
    act.add(
        events.ReminderSent(
            act.mark(billogram),
            sums,
            invoice_no=billogram.invoice_no,
            letter_id=act.new_letter(billogram),
            delivery_method=method,
            reminder_fee=sums.reminder_fee,
            reminder_count=billogram.dunning.reminder_count + 1,
            day=act.today,
            message=message,
            automatic=automatic,
            claimed=claim,
        )
    )
    delivery.deliver(act, billogram.id, method)
    if method == "Letter" and not delivery.has_address(billogram.recipient):
        act.add(events.LetterUndelivered(billogram.id, act.now))
    debits.sync(act, billogram.id, "fee")
