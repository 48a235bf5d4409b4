"""What is going to happen by itself: derived from state and settings, one next entry per object.

Reference: behaviour 6.1, 6.2, 6.4, 4.2. Nothing here is stored: whenever a billogram or its account is put,
its entry is derived anew. How an entry is carried out stands in `deadlines`.
"""

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from msgspec import Struct

from mockserver.core import calendar
from mockserver.core.model import Account, Billogram, Internal

_INTEREST_FREE = timedelta(days=30)  # after the invoice date [S]
_DAY = timedelta(days=1)

OVERDUE, INTEREST, LETTER = "overdue", "interest", "letter"
RANKS = {OVERDUE: 7, INTEREST: 8, LETTER: 11}  # among entries of one moment [A]


class Due(Struct, frozen=True, order=True, gc=False):
    """One entry; they are carried out in the order of its members.

    `at` is its moment in UTC, `number` that of the object in order of creation, `entry` counts the entries
    of one object at one moment, `rule` says what will happen, to the `key` of a billogram.
    """

    at: datetime
    rank: int
    number: int
    entry: int
    rule: str
    key: str


class Agenda:
    """The next entry of each object, the soonest first."""

    def __init__(self) -> None:
        self._of: dict[str, Due] = {}
        self._heap: list[Due] = []  # also entries that are not right any more: known by not being in `_of`

    def put(self, key: str, due: Due | None) -> None:
        """Replace the entry of an object."""
        if due is None:
            self._of.pop(key, None)
        elif self._of.get(key) != due:
            self._of[key] = due
            heappush(self._heap, due)
            if len(self._heap) > 64 + 2 * len(self._of):
                self._heap = list(self._of.values())
                heapify(self._heap)

    def head(self) -> Due | None:
        """The soonest entry."""
        heap = self._heap
        while heap:
            due = heap[0]
            if self._of.get(due.key) is due:
                return due
            heappop(heap)
        return None

    def entries(self) -> list[Due]:
        """All of them in order."""
        return sorted(self._of.values())

    def of(self, key: str) -> Due | None:
        """The entry of one object."""
        return self._of.get(key)

    def copy(self) -> "Agenda":
        """One that changes apart from this one."""
        other = Agenda()
        other._of = dict(self._of)  # its own kind
        other._heap = list(self._heap)
        return other


def next_due(billogram: Billogram, account: Account) -> Due | None:
    """What time will do to this billogram next; None: nothing."""
    if billogram.internal not in (Internal.UNPAID, Internal.COLLECTION):
        return None
    moments = [(at, RANKS[rule], rule) for rule, at in _moments(billogram, account.timezone)]
    if not moments:
        return None
    at, rank, rule = min(moments)
    return Due(at, rank, billogram.number, 0, rule, billogram.id)


def _moments(billogram: Billogram, timezone: str) -> list[tuple[str, datetime]]:
    dunning = billogram.dunning
    found: list[tuple[str, datetime]] = []
    if billogram.delivery.letter_at is not None:
        found.append((LETTER, billogram.delivery.letter_at))
    if billogram.is_credit or billogram.internal is not Internal.UNPAID:  # a credit is never overdue [A]
        return found
    if not dunning.overdue:  # once per opening [R: nightly]
        found.append((OVERDUE, overdue_at(billogram, timezone)))
    runs = billogram.content.terms.interest_rate > 0 and not billogram.sums.paid  # none on partly paid [S]
    if runs and not dunning.interest_started:
        starts = interest_starts_at(billogram, timezone)
        if starts < billogram.updated_at:  # what made it due came later: the next 00:05 [A]
            starts = calendar.next_day_start(billogram.updated_at, timezone)
        found.append((INTEREST, starts))
    return found


def overdue_at(billogram: Billogram, timezone: str) -> datetime:
    """00:05 on the day after the due date [R]."""
    return calendar.day_start(billogram.content.terms.due_date + _DAY, timezone)


def interest_starts_at(billogram: Billogram, timezone: str) -> datetime:
    """00:05 on the day after the later of due date and invoice date + 30 days [S]."""
    terms = billogram.content.terms
    latest = max(terms.due_date, terms.invoice_date + _INTEREST_FREE)
    return calendar.day_start(latest + _DAY, timezone)


def reason(due: Due, billogram: Billogram) -> str:
    """Why the entry stands there, for a person."""
    terms = billogram.content.terms
    if due.rule == OVERDUE:
        return f"overdue: the day after the due date {terms.due_date}"
    if due.rule == LETTER:
        return "a letter: the link was not opened within 48 hours"
    free = terms.invoice_date + _INTEREST_FREE
    return (
        f"interest of {terms.interest_rate:f} % begins: the day after the later of due date {terms.due_date} "
        f"and invoice date + 30 days {free}"
    )
