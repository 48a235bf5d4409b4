"""What the passing of the due date brings (reference: behaviour 6.2, 6.4)."""

from datetime import datetime, timedelta

from mockserver.core import calendar, events
from mockserver.core.act import Act
from mockserver.core.model import Billogram

_INTEREST_FREE = timedelta(days=30)  # after the invoice date [S]
_DAY = timedelta(days=1)


def overdue_at(billogram: Billogram, timezone: str) -> datetime:
    """00:05 on the day after the due date [R]."""
    return calendar.day_start(billogram.content.terms.due_date + _DAY, timezone)


def interest_starts_at(billogram: Billogram, timezone: str) -> datetime:
    """00:05 on the day after the later of due date and invoice date + 30 days [S]."""
    terms = billogram.content.terms
    latest = max(terms.due_date, terms.invoice_date + _INTEREST_FREE)
    return calendar.day_start(latest + _DAY, timezone)


def after_sending(act: Act, key: str) -> None:
    """Whatever of it is already past when a billogram is sent happens at once, in that act [A]."""
    billogram = act.billogram(key)
    if billogram.is_credit:  # never overdue [A]
        return
    timezone = act.account.timezone
    if overdue_at(billogram, timezone) <= act.now:
        act.add(events.Overdue(act.mark(billogram), billogram.sums))
    rate = billogram.content.terms.interest_rate
    if rate > 0 and interest_starts_at(billogram, timezone) <= act.now:
        billogram = act.billogram(key)
        act.add(events.InterestStarted(act.mark(billogram), billogram.sums, interest_rate=rate))
