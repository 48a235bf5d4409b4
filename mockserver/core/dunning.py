"""What the passing of the due date brings (reference: behaviour 6.2, 6.4)."""

from collections.abc import Callable

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


def overdue(act: Act, billogram: Billogram) -> None:
    """The due date has passed."""
    act.add(events.Overdue(act.mark(billogram), billogram.sums))


def interest_started(act: Act, billogram: Billogram) -> None:
    """Interest runs from today on."""
    rate = billogram.content.terms.interest_rate
    act.add(events.InterestStarted(act.mark(billogram), billogram.sums, interest_rate=rate))


# how each rule of the agenda is carried out
RULES: dict[str, Callable[[Act, Billogram], None]] = {
    agenda.OVERDUE: overdue,
    agenda.INTEREST: interest_started,
}
