"""What the passing of the due date brings (reference: behaviour 6.2, 6.4)."""

from mockserver.core import agenda, events
from mockserver.core.act import Act
from mockserver.core.model import Billogram


def after_sending(act: Act, key: str) -> None:
    """Whatever of it is already past when a billogram is sent happens at once, in that act [A]."""
    billogram = act.billogram(key)
    if billogram.is_credit:  # never overdue [A]
        return
    timezone = act.account.timezone
    if agenda.overdue_at(billogram, timezone) <= act.now:
        overdue(act, billogram)
        billogram = act.billogram(key)
    rate = billogram.content.terms.interest_rate
    if rate > 0 and agenda.interest_starts_at(billogram, timezone) <= act.now:
        interest_started(act, billogram)


def after_change(act: Act, key: str) -> None:
    """A due date that was moved into the past: what it brings comes at once, interest with the next 00:05."""
    billogram = act.billogram(key)
    if billogram.is_credit or billogram.dunning.overdue or not billogram.sums.remaining:
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
