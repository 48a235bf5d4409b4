"""Late interest. It accrues without any event until it is claimed (reference: behaviour 6.4).

It is simple interest by local day on the unpaid principal, actual/365 [A]. A day counts by the facts at its
00:05, so the days up to a change are added up by the facts before it. Between two claims no sum changes [R].
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

from mockserver.core import calendar, money
from mockserver.core.model import Billogram, Interest, Internal, replace

GRACE_PERIOD = timedelta(days=30)  # after the invoice date [S]
_DAY = timedelta(days=1)
_YEAR = Decimal(36500)  # 365 days, percent


def first_day(billogram: Billogram) -> date:
    """Return the day after the latest of due date, invoice date + 30 days [S], respite, and planned debit."""
    terms, respite, debit = billogram.content.terms, billogram.dunning.respite_date, billogram.debit
    latest = max(terms.due_date, terms.invoice_date + GRACE_PERIOD)
    if respite is not None and respite > latest:
        latest = respite
    if debit is not None and debit.day > latest:
        latest = debit.day
    return latest + _DAY


def claim(billogram: Billogram, today: date) -> Decimal:
    """Return the interest that a claim today adds, in the billogram's currency.

    It is the total up to and including today, rounded, minus what was claimed before. It is never negative: a
    day that was claimed before its 00:05 is not given back [A].
    """
    product = _product_before(billogram, today + _DAY)
    total = money.cents(money.ROUNDING.divide(product, _YEAR))
    return max(money.subtract(total, billogram.interest.claimed), money.ZERO)


def accrues(billogram: Billogram) -> bool:
    """Whether interest accrues by the present facts, once its first day has come."""
    return bool(_daily(billogram))


def accrued(old: Billogram, new: Billogram, at: datetime, timezone: str) -> Interest:
    """Return the interest of `new`: the days before a relevant change are added up by the facts of `old`.

    The days before a late sending count as unpaid, because nothing is added up until then [A].
    """
    if old.internal is Internal.ENDED and new.internal is Internal.UNPAID:
        return Interest(since=next_day(at, timezone))  # reopened: unclaimed interest is dropped [A]
    if old.internal in (Internal.UNATTESTED, Internal.FACTORING) or _same(old, new):
        return new.interest
    day = next_day(at, timezone)
    return replace(new.interest, since=day, product=_product_before(old, day))


def next_day(at: datetime, timezone: str) -> date:
    """Return the first local day whose 00:05 is after a moment: the first day that a change now affects."""
    day = calendar.local_date(at, timezone)
    return day + _DAY if calendar.day_start(day, timezone) <= at else day


def _product_before(billogram: Billogram, day: date) -> Decimal:
    interest, first = billogram.interest, first_day(billogram)
    begin = first if interest.since is None else max(interest.since, first)
    daily = _daily(billogram)
    if not daily or day <= begin:
        return interest.product
    return money.add(interest.product, money.EXACT.multiply(daily, Decimal((day - begin).days)))


def _daily(billogram: Billogram) -> Decimal:
    """Return unpaid principal times rate. It is 0 if partly paid [S], while paid, and in Collection."""
    if billogram.internal is not Internal.UNPAID or billogram.is_credit or money.any_received(billogram.sums):
        return money.ZERO
    rate = billogram.content.terms.interest_rate
    return money.EXACT.multiply(money.unpaid_principal(billogram.sums), rate) if rate else money.ZERO


def _same(old: Billogram, new: Billogram) -> bool:
    """Whether interest is equal for both. Unchanged parts are usually the same objects, which is fast."""
    if (
        old.sums is new.sums
        and old.content is new.content
        and old.internal is new.internal
        and old.dunning.respite_date == new.dunning.respite_date
        and old.debit is new.debit
    ):
        return True
    return _facts(old) == _facts(new)


def _facts(billogram: Billogram) -> tuple[Decimal, date]:
    return _daily(billogram), first_day(billogram)
