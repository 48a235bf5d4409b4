"""Which reminder is next, and when: one a day at most, automatic or not (reference: behaviour 6.3) [D]."""

from datetime import date, time, timedelta

from mockserver.core import money
from mockserver.core.model import Account, Billogram, Reminder
from mockserver.core.settings import AutomaticReminder

AT = time(8)  # local time of automatic reminders
MIN_INTERVAL = timedelta(days=1)  # one reminder a day
_DAY = timedelta(days=1)


def first_day_after(last: date) -> date:
    """Return the first local day on which another reminder may follow one sent on this day."""
    return last + MIN_INTERVAL


def next_step(billogram: Billogram, account: Account) -> Reminder | AutomaticReminder | None:
    """Return the next step of the sequence: of the billogram's own settings, else of the account's [D].

    None means that no step is left, or that none is sent because the billogram is partly paid or its unpaid
    principal is below the minimum.
    """
    terms, rules = billogram.content.terms, account.settings.invoices
    steps = terms.automatic_reminders_settings or rules.automatic_reminders
    index = billogram.dunning.automatic_reminders
    if not terms.automatic_reminders or index >= len(steps):
        return None
    if money.any_received(billogram.sums) and not rules.use_automatic_reminders_partly_paid:
        return None
    minimum = rules.automatic_reminders_minimum_principal_sum
    if minimum is not None and money.unpaid_principal(billogram.sums) < minimum:
        return None
    return steps[index]


def day_of(step: Reminder | AutomaticReminder, billogram: Billogram, latest: date) -> date:
    """Return the local day of a step: its `delay_days` after `latest`, or after the last reminder [D].

    `latest` is the latest of due date, respite date and the day of a planned debit. Once an automatic
    reminder was sent, the days count from the latest of the last reminder, automatic or not, the respite date
    and the planned debit. No reminder is sent in a respite, on or before the day of a planned debit, or on
    the day of another reminder.
    """
    dunning, debit = billogram.dunning, billogram.debit
    last, respite = dunning.last_reminder, dunning.respite_date
    base = latest
    if dunning.automatic_reminders and last is not None:
        base = last if respite is None else max(last, respite)
        base = base if debit is None else max(base, debit.day)
    day = base + timedelta(days=step.delay_days)
    if respite is not None:
        day = max(day, respite + _DAY)
    if debit is not None:
        day = max(day, debit.day + _DAY)
    return day if last is None else max(day, first_day_after(last))
