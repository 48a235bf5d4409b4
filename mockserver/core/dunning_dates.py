"""What comes by the calendar alone: overdue, and that interest begins (reference: behaviour 6.2, 6.4)."""

from mockserver.core import agenda, calendar, events, interest
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal


def after_sending(act: Act, key: str) -> None:
    """Apply, in the act that sends a billogram, the dunning dates that have already passed [A]."""
    mark_overdue_if_past(act, key)
    billogram = act.billogram(key)
    starts = calendar.day_start(interest.first_day(billogram), act.account.timezone)
    if interest.accrues(billogram) and starts <= act.now:
        start_interest(act, billogram)


def mark_overdue_if_past(act: Act, key: str) -> None:
    """Make a billogram overdue immediately if its due date has passed.

    Interest that starts by an act other than sending waits for the next 00:05 local [A]. While the agency has
    the case nothing happens [A]; the billogram becomes overdue when the case is withdrawn.
    """
    billogram = act.billogram(key)
    if billogram.internal is not Internal.UNPAID:
        return
    if billogram.is_credit or not billogram.sums.remaining or not agenda.becomes_overdue(billogram.dunning):
        return
    if agenda.overdue_at(billogram, act.account.timezone) <= act.now:
        mark_overdue(act, billogram)


def mark_overdue(act: Act, billogram: Billogram) -> None:
    """Make the billogram overdue."""
    act.add(events.Overdue(act.mark(billogram), billogram.sums))


def start_interest(act: Act, billogram: Billogram) -> None:
    """Start late interest from today on."""
    rate = billogram.content.terms.interest_rate
    act.add(events.InterestStarted(act.mark(billogram), billogram.sums, interest_rate=rate))
