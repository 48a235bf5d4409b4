"""Until when money may be taken back, by its settlement day (reference: behaviour 8.1).

D is the settlement day, B are TARGET bank days; all bounds are inclusive [A].
"""

from collections.abc import Callable
from datetime import date, timedelta

from msgspec import Struct

from mockserver.core import banking, calendar
from mockserver.core.funds import SEPA

_DAY = timedelta(days=1)
_WEEKS = 8  # of a refund without a reason
_MONTHS = 13  # of a debit without a mandate
Bounds = tuple[date | None, date | None]


class Window(Struct, frozen=True):
    """A period in which money may be taken back.

    `description` is for people. `bounds` gives the first and last day of the period for a settlement day;
    None means that the period has no bound on that side.
    """

    description: str
    bounds: Callable[[date], Bounds]


def bank_days(count: int) -> Window:
    """So many bank days from the settlement day on."""
    return Window(f"D … D+{count} B", lambda day: (day, banking.after(day, count, SEPA)))


def _back(day: date) -> date:
    return banking.before(day, 1, SEPA)


def _weeks_after(day: date) -> date:
    return day + timedelta(weeks=_WEEKS)


def _months_after(day: date) -> date:
    return calendar.months_after(day, _MONTHS)


BEFORE_SENDING = Window("before D-1", lambda day: (None, _back(day) - _DAY))
DAY_BEFORE = Window("≤ D-1", lambda day: (None, _back(day)))
SAME_DAY = Window("≤ D", lambda day: (None, day))
EIGHT_WEEKS = Window(f"≤ {_WEEKS} weeks", lambda day: (day, _weeks_after(day)))
THIRTEEN_MONTHS = Window(f"≤ {_MONTHS} months", lambda day: (day, _months_after(day)))
LATER = Window(
    f"> {_WEEKS} weeks … {_MONTHS} months", lambda day: (_weeks_after(day) + _DAY, _months_after(day))
)
