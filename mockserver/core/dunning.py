"""What the passing of the due date brings: overdue, interest, reminders (reference: behaviour 6.2-6.4)."""

from decimal import Decimal

from mockserver.core import agenda, calendar, delivery, events, interest, money
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Sums, replace
from mockserver.core.refusal import InvalidObjectState, invalid

METHODS = ("Email", "Letter", "SMS")  # of a reminder [C]


def after_sending(act: Act, key: str) -> None:
    """Whatever of it is already past when a billogram is sent happens at once, in that act [A]."""
    overdue_if_past(act, key)
    billogram = act.billogram(key)
    starts = calendar.day_start(interest.first_day(billogram), act.account.timezone)
    if interest.runs(billogram) and starts <= act.now:
        interest_started(act, billogram)


def overdue_if_past(act: Act, key: str) -> None:
    """A due date that is past comes at once; interest of any other act waits for the next 00:05 [A]."""
    billogram = act.billogram(key)
    if billogram.is_credit or not billogram.sums.remaining or not agenda.becomes_overdue(billogram.dunning):
        return
    if agenda.overdue_at(billogram, act.account.timezone) <= act.now:
        overdue(act, billogram)


def overdue(act: Act, billogram: Billogram) -> None:
    """The due date has passed."""
    act.add(events.Overdue(act.mark(billogram), billogram.sums))


def interest_started(act: Act, billogram: Billogram) -> None:
    """Interest runs from today on."""
    rate = billogram.content.terms.interest_rate
    act.add(events.InterestStarted(act.mark(billogram), billogram.sums, interest_rate=rate))


def remind(act: Act, billogram: Billogram, method: str | None, message: str | None) -> None:
    """Command `remind`: never two on one local day, whoever sends them [D]."""
    check_unpaid_in_time(act, billogram, "remind")
    last = billogram.dunning.last_reminder
    if last is not None and last >= act.today:
        raise InvalidObjectState(
            f"a reminder was sent today already ({last})", rule="remind.same_day", last=last, today=act.today
        )
    if method and method not in METHODS:
        raise invalid("method", rule="remind.method", method=method, known=METHODS)
    method = method or usual_method(billogram)
    delivery.check_method(act, billogram, method)
    _send(act, billogram, method, message, automatic=False)


def remind_automatically(act: Act, billogram: Billogram) -> None:
    """The next step of the sequence; it goes by letter when the data for its method is missing."""
    step = agenda.next_reminder(billogram, act.account)
    assert step is not None, "it was on the agenda"
    method = usual_method(billogram)
    if not delivery.possible(act, billogram, method):
        method = "Letter"
    _send(act, billogram, method, step.message or None, automatic=True)


def usual_method(billogram: Billogram) -> str:
    """How a reminder leaves that names no method (reference: behaviour 4.1)."""
    method = billogram.content.terms.delivery_method.partition("+")[0]
    if method in METHODS:
        return method
    return "Email" if billogram.recipient.email else "Letter"


def check_unpaid_in_time(act: Act, billogram: Billogram, command: str) -> None:
    """Facts that a demand needs: a debit, its due date passed by local dates, no respite."""
    terms, dunning = billogram.content.terms, billogram.dunning
    if billogram.is_credit:
        raise InvalidObjectState(
            f"{command} is not possible on a stand-alone credit",
            rule=f"not_on_credit.{command}",
            total_sum=billogram.sums.total,
        )
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
    """The sums with the interest so far, and how much of it is new."""
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
    delivery.hand_over(act, billogram.id, method)
    if method == "Letter" and not delivery.has_address(billogram.recipient):
        act.add(events.LetterUndelivered(billogram.id, act.now))
