"""Late interest: it runs silently, and is asked for when it is claimed (reference: behaviour 6.4).

Simple, by local day on the unpaid principal, actual/365 [A]. A day counts by the facts at its 00:05, so the
days up to a change are added up by the facts before it; between two claims no sum changes by itself [R].
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

from mockserver.core import calendar, money
from mockserver.core.model import Billogram, Interest, Internal, replace

GRACE_PERIOD = timedelta(days=30)  # after the invoice date [S]
_DAY = timedelta(days=1)
_YEAR = Decimal(36500)  # 365 days, percent


def first_day(billogram: Billogram) -> date:
    """The day after the latest of due date, invoice date + 30 days [S], respite, and a planned debit."""
    terms, respite, debit = billogram.content.terms, billogram.dunning.respite_date, billogram.debit
    latest = max(terms.due_date, terms.invoice_date + GRACE_PERIOD)
    if respite is not None and respite > latest:
        latest = respite
    if debit is not None and debit.day > latest:
        latest = debit.day
    return latest + _DAY


def claim(billogram: Billogram, today: date) -> Decimal:
    """What a claim today adds: the total up to and including today, rounded, less what was claimed.

    Never less than nothing: a day that was claimed before its 00:05 is not given back [A].
    """
    product = _product_before(billogram, today + _DAY)
    total = money.cents(money.ROUNDING.divide(product, _YEAR))
    return max(money.subtract(total, billogram.interest.claimed), money.ZERO)


def accrues(billogram: Billogram) -> bool:
    """Whether it grows by the facts as they are, once its first day has come."""
    return bool(_daily(billogram))


def accrued(old: Billogram, new: Billogram, at: datetime, timezone: str) -> Interest:
    """The interest of `new`: the days before a change that matters are added up by the facts of `old`.

    Days before a late sending count as unpaid ones: until then nothing is added up [A].
    """
    if old.internal is Internal.ENDED and new.internal is Internal.UNPAID:
        return Interest(since=next_day(at, timezone))  # open again: what was not claimed is dropped [A]
    if old.internal in (Internal.UNATTESTED, Internal.FACTORING) or _same(old, new):
        return new.interest
    day = next_day(at, timezone)
    return replace(new.interest, since=day, product=_product_before(old, day))


def next_day(at: datetime, timezone: str) -> date:
    """The first day whose 00:05 has not come at a moment: the first that counts by what happens now."""
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
    """Unpaid principal times rate; none on a partly paid billogram [S], while paid, in Collection."""
    if billogram.internal is not Internal.UNPAID or billogram.is_credit or money.any_received(billogram.sums):
        return money.ZERO
    rate = billogram.content.terms.interest_rate
    return money.EXACT.multiply(money.unpaid_principal(billogram.sums), rate) if rate else money.ZERO


def _same(old: Billogram, new: Billogram) -> bool:
    """Whether a day counts the same: mostly seen at once, as what an event leaves alone stays the object."""
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
