"""What will happen automatically: one next entry for each object, derived from state and settings.

Reference: behaviour 6.1-6.5, 4.2. No entry is stored in the log: each change of a billogram or of its account
derives the entry again. `deadlines` executes entries.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from heapq import heapify, heappop, heappush, nsmallest

from msgspec import Struct

from mockserver.core import banking, calendar, interest, letters, reminders
from mockserver.core.funds import AUTOGIRO, PENDING, IncomingPayment, PaymentSource
from mockserver.core.model import (
    Account,
    BillingTab,
    Billogram,
    Debit,
    Dunning,
    EfakturaDay,
    Internal,
    ReportPlan,
)

_DAY = timedelta(days=1)
_COLLECTED_AT, _NEWS_AT, _TABS_AT = time(9), time(10), time(6)
_REPORTS_AT, _FORWARDED_AT = time(0, 15), time(2)
_RUNNING = (Internal.UNPAID, Internal.COLLECTION)  # created once: time changes nothing of all others
_LAPSE_MONTHS = 36  # after the last collection, or after the import

OVERDUE, INTEREST, LETTER = "overdue", "interest", "letter"
RESPITE, REMINDER, COLLECTION, NEWS = "respite", "reminder", "collection", "collection news"
MANDATE, LAPSE, ORDER, DEBIT, RECALL = "mandate", "mandate lapses", "autogiro order", "direct debit", "recall"
TAB, REPORTS, FORWARDING = "billing tab", "reports", "e-invoice file"
REPORTS_KEY, EFAKTURA_KEY = "reports", "efaktura"  # the keys of the only entries of their kind
RANKS = {  # the order of entries that are due at the same moment [A]
    MANDATE: 1,
    LAPSE: 1,
    ORDER: 1,
    DEBIT: 2,
    RECALL: 2,
    NEWS: 3,
    REPORTS: 4,
    FORWARDING: 5,
    TAB: 6,
    RESPITE: 7,
    OVERDUE: 7,
    INTEREST: 8,
    REMINDER: 9,
    COLLECTION: 10,
    LETTER: 11,
}


# what an entry happens to
Subject = Billogram | PaymentSource | IncomingPayment | BillingTab | ReportPlan | EfakturaDay


class Due(Struct, frozen=True, order=True, gc=False):
    """One entry of the agenda. Entries are executed in the order of these members.

    `at` is the moment in UTC. `number` is the object's number in order of creation. `entry` counts the
    entries of one object at one moment. `rule` names what will happen, and `key` the billogram, mandate,
    payment or billing tab that it will happen to.
    """

    at: datetime
    rank: int
    number: int
    entry: int
    rule: str
    key: str


class Agenda:
    """The next entry of each object, earliest first."""

    def __init__(self) -> None:
        self._of: dict[str, Due] = {}
        self._heap: list[Due] = []  # may contain outdated entries: those that are not in `_of`

    def put(self, key: str, due: Due | None) -> None:
        """Replace the entry of an object; None removes it."""
        if due is None:
            self._of.pop(key, None)
        elif self._of.get(key) != due:
            self._of[key] = due
            heappush(self._heap, due)
            if len(self._heap) > 64 + 2 * len(self._of):
                self._heap = list(self._of.values())
                heapify(self._heap)

    def restore(self, keys: Iterable[str], entries: Iterable[Due | None]) -> None:
        """Enter many objects that have no entry yet."""
        for key, due in zip(keys, entries, strict=True):
            if due is not None:
                self._of[key] = due
                heappush(self._heap, due)

    def share(self, other: "Agenda") -> Iterator[None]:
        """Hold the entries of another agenda where both are equal; it yields after each."""
        for key, due in self._of.items():
            its = other.of(key)
            if its == due:
                self._of[key] = its
            yield
        self._heap = list(self._of.values())
        heapify(self._heap)

    def head(self) -> Due | None:
        """Return the earliest entry, or None."""
        heap = self._heap
        while heap:
            due = heap[0]
            if self._of.get(due.key) is due:
                return due
            heappop(heap)
        return None

    def entries(self, most: int | None = None) -> list[Due]:
        """Return the entries in order: all of them, or the soonest ones."""
        return sorted(self._of.values()) if most is None else nsmallest(most, self._of.values())

    def of(self, key: str) -> Due | None:
        """Return the entry of one object, or None."""
        return self._of.get(key)

    def copy(self) -> "Agenda":
        """Return an independent copy."""
        other = Agenda()
        other._of = dict(self._of)  # its own kind
        other._heap = list(self._heap)
        return other


def next_due(billogram: Billogram, account: Account) -> Due | None:
    """Return the next automatic entry of this billogram, or None."""
    moments = _moments(billogram, account)
    if not moments:
        return None
    at, rank, rule = min((at, RANKS[rule], rule) for rule, at in moments)
    return Due(at, rank, billogram.number, 0, rule, billogram.id)


def _moments(billogram: Billogram, account: Account) -> list[tuple[str, datetime]]:
    found: list[tuple[str, datetime]] = []
    internal, dunning, timezone = billogram.internal, billogram.dunning, account.timezone
    if internal not in _RUNNING:
        return found
    if billogram.delivery.letter_at is not None:
        found.append((LETTER, billogram.delivery.letter_at))
    if internal is Internal.COLLECTION:
        if dunning.collecting and dunning.collected_on is not None:
            found.append((NEWS, _at(banking.next_swedish_day(dunning.collected_on), _NEWS_AT, timezone)))
        return found
    if billogram.debit is not None:
        found.append(_debit(billogram.debit, timezone))
    if billogram.is_credit or not billogram.sums.remaining:  # a credit is never overdue [A]
        return found
    if dunning.respite_active and dunning.respite_date is not None:
        found.append((RESPITE, calendar.day_start(dunning.respite_date + _DAY, timezone)))
    elif becomes_overdue(dunning):
        found.append((OVERDUE, overdue_at(billogram, timezone)))
    if interest.accrues(billogram) and not dunning.interest_started:
        starts = calendar.day_start(interest.first_day(billogram), timezone)
        floor = _floor(billogram, account)
        if starts < floor:  # it became due by a later change: interest starts at the next 00:05 [A]
            starts = calendar.next_day_start(floor, timezone)
        found.append((INTEREST, starts))
    reminder = reminder_at(billogram, account)
    collection = collection_at(billogram, account) if reminder is None else None
    if reminder is not None:
        found.append((REMINDER, reminder))
    elif collection is not None:
        found.append((COLLECTION, collection))
    return found


def _debit(debit: Debit, timezone: str) -> tuple[str, datetime]:
    """Return the next step of a debit: the autogiro order one bank day before, then the bank's answer."""
    if debit.scheme == AUTOGIRO and not debit.ordered:
        return ORDER, calendar.day_start(banking.before(debit.day, 1, AUTOGIRO), timezone)
    return DEBIT, _at(debit.day, calendar.BANK_TIME, timezone)


def source_due(source: PaymentSource, timezone: str) -> Due | None:
    """Return the next automatic entry of a mandate: it becomes active, or it lapses."""
    if not source.usable:
        return None
    rule, at = LAPSE, calendar.day_start(lapses_on(source, timezone), timezone)
    if source.status == PENDING and not source.migrated:
        rule, at = min(
            (MANDATE, calendar.next_day_start(source.created_at, timezone)),
            (rule, at),
            key=lambda each: each[1],
        )
    return Due(at, RANKS[rule], source.number, 0, rule, source.id)


def lapses_on(source: PaymentSource, timezone: str) -> date:
    """Return the date 36 months after the mandate's last collection, or else after its import [A]."""
    return calendar.months_after(_last_use(source, timezone), _LAPSE_MONTHS)


def _last_use(source: PaymentSource, timezone: str) -> date:
    """Return the day from which the lapse of a mandate counts.

    It does not count from the signature, which may be years ago [A]. Only in a log that has not decided on
    the day of the import does it so, as the version that wrote that log did.
    """
    used = source.last_collection or source.imported_on
    return calendar.local_date(source.signed_at, timezone) if used is None else used


def recall_due(payment: IncomingPayment, number: int) -> Due | None:
    """Return the entry for the configured recall of a payment; `number` is that of its first billogram."""
    planned = payment.planned_recall
    return None if planned is None else Due(planned.at, RANKS[RECALL], number, 0, RECALL, payment.id)


def tab_due(tab: BillingTab, timezone: str) -> Due | None:
    """Return the entry of a billing tab: 06:00 local on its billing date [A]; None if it is not active."""
    if not tab.active:
        return None
    return Due(_at(tab.billing_date, _TABS_AT, timezone), RANKS[TAB], tab.number, 0, TAB, tab.id)


def report_due(plan: ReportPlan, any_open: bool, timezone: str) -> Due | None:
    """Return the entry for the next reports: 00:15 local on the 1st after the last month that matters [A].

    There is one only while a month with a voucher waits for its reports, or a claim is open.
    """
    waiting = min([month for _, month in plan.booked], default=plan.covered if any_open else None)
    if waiting is None:
        return None
    day = next_month(waiting)
    return Due(_at(day, _REPORTS_AT, timezone), RANKS[REPORTS], 0, 0, REPORTS, REPORTS_KEY)


def next_month(month: date) -> date:
    """Return the first day of the month after a date."""
    return calendar.months_after(month.replace(day=1), 1)


def efaktura_due(day: EfakturaDay, timezone: str) -> Due | None:
    """Return the entry for the nightly file of e-invoice registrations: 02:00 local on the next day [A]."""
    if not day.lines:
        return None
    after = calendar.local_date(day.lines[0].at, timezone) + _DAY
    return Due(_at(after, _FORWARDED_AT, timezone), RANKS[FORWARDING], 0, 0, FORWARDING, EFAKTURA_KEY)


def becomes_overdue(dunning: Dunning) -> bool:
    """Whether the billogram will become overdue.

    That happens once each time it is opened [R: nightly], and once more for each respite granted after it was
    overdue. It does not happen during a respite.
    """
    return not dunning.respite_active and (dunning.respited or not dunning.overdue)


def overdue_at(billogram: Billogram, timezone: str) -> datetime:
    """Return 00:05 local on the day after the latest of due date, respite date and planned debit [R]."""
    return calendar.day_start(_latest(billogram) + _DAY, timezone)


def _latest(billogram: Billogram) -> date:
    latest, respite = billogram.content.terms.due_date, billogram.dunning.respite_date
    if respite is not None and respite > latest:
        latest = respite
    debit = billogram.debit
    return latest if debit is None else max(latest, debit.day)


def reminder_at(billogram: Billogram, account: Account) -> datetime | None:
    """Return 08:00 local on the day of the next automatic reminder, or the next 08:00 if that has passed."""
    step = reminders.next_step(billogram, account)
    if step is None:
        return None
    return _not_before(
        reminders.day_of(step, billogram, _latest(billogram)), reminders.AT, billogram, account
    )


def collection_at(billogram: Billogram, account: Account) -> datetime | None:
    """Return 09:00 local, `delay_days` after the latest of due date, respite and last reminder, or None.

    It happens once: a billogram that the agency returned is not sent to it again automatically [A].
    """
    terms, dunning = billogram.content.terms, billogram.dunning
    delay, amount = terms.collection_delay_days, terms.collection_amount
    if terms.collection_default_settings or (delay is None and amount is None):
        rule = account.settings.invoices.automatic_collection
        delay, amount = rule.delay_days, rule.amount
    if delay is None or amount is None or not account.features.collection:
        return None
    if billogram.sums.remaining < amount or dunning.collected_on is not None:
        return None
    latest = _latest(billogram)
    base = latest if dunning.last_reminder is None else max(latest, dunning.last_reminder)
    day = max(base + timedelta(days=delay), latest + _DAY)
    return _not_before(day, _COLLECTED_AT, billogram, account)


def _at(day: date, at: time, timezone: str) -> datetime:
    return calendar.day_moment(day, at, timezone)


def _not_before(day: date, at: time, billogram: Billogram, account: Account) -> datetime:
    """Return the moment of a local time on a day.

    If that moment is before the last change of the facts behind it, return the same time on the first day on
    which it is not.
    """
    timezone, floor = account.timezone, _floor(billogram, account)
    moment = _at(day, at, timezone)
    if moment < floor:
        day = max(day, calendar.local_date(floor, timezone))
        while (moment := _at(day, at, timezone)) < floor:
            day += _DAY
    return moment


def _floor(billogram: Billogram, account: Account) -> datetime:
    """Return when the facts that the entries of a billogram depend on last changed."""
    changed = account.dunning_changed_at
    return billogram.updated_at if changed is None else max(billogram.updated_at, changed)


def agenda_inputs(account: Account) -> tuple[object, ...]:
    """Return the values of an account that its agenda depends on.

    An entry that becomes due by a change of these values waits for its next regular time of day.
    """
    rules = account.settings.invoices
    return (
        account.timezone,
        account.features.collection,
        rules.automatic_reminders,
        rules.automatic_reminders_minimum_principal_sum,
        rules.use_automatic_reminders_partly_paid,
        rules.automatic_collection,
    )


def reason(due: Due, subject: Subject, account: Account) -> tuple[str | None, str]:
    """Return the id of the billogram that an entry concerns, if any, and the reason for it in plain words."""
    if isinstance(subject, Billogram):
        return subject.id, _REASONS[due.rule](subject, account)
    if isinstance(subject, PaymentSource):
        return None, _why_of_source(due, subject)
    if isinstance(subject, ReportPlan):
        return None, _why_reports(due, account)
    if isinstance(subject, EfakturaDay):
        first = calendar.local_date(subject.lines[0].at, account.timezone)
        return None, f"the file of the e-invoice registrations of {first} is forwarded the night after"
    if isinstance(subject, BillingTab):
        return None, _why_tab(subject)
    return subject.allocations[0].billogram, _why_recall(subject)


def _why_overdue(billogram: Billogram, _: Account) -> str:
    terms, respite = billogram.content.terms, billogram.dunning.respite_date
    if respite is not None and respite > terms.due_date:
        return f"overdue: the day after the respite to {respite}"
    return f"overdue: the day after the due date {terms.due_date}"


def _why_interest(billogram: Billogram, _: Account) -> str:
    terms, respite = billogram.content.terms, billogram.dunning.respite_date
    free = terms.invoice_date + interest.GRACE_PERIOD
    begins = f"interest of {terms.interest_rate:f} % begins: the day after"
    if respite is not None and respite > max(terms.due_date, free):
        return f"{begins} the respite to {respite}"
    grace = f"invoice date + {interest.GRACE_PERIOD.days} days {free}"
    return f"{begins} the later of due date {terms.due_date} and {grace}"


def _why_reminder(billogram: Billogram, account: Account) -> str:
    step, dunning = reminders.next_step(billogram, account), billogram.dunning
    assert step is not None, "it is an entry"
    days = f"{step.delay_days} day{'' if step.delay_days == 1 else 's'}"
    respite, last = dunning.respite_date, dunning.last_reminder
    since: date | None = last if dunning.automatic_reminders else billogram.content.terms.due_date
    after = f"the one of {since}" if dunning.automatic_reminders else f"the due date {since}"
    if respite is not None and (since is None or respite > since):
        after = f"the respite to {respite}"
    return f"reminder {dunning.automatic_reminders + 1}: {days} after {after}"


def _why_collection(billogram: Billogram, _: Account) -> str:
    last, latest = billogram.dunning.last_reminder, _latest(billogram)
    since = latest if last is None else max(latest, last)
    return f"collection: no reminder is left, and {billogram.sums.remaining:f} remains since {since}"


def _why_order(billogram: Billogram, _: Account) -> str:
    assert billogram.debit is not None, "it is an entry"
    return f"the autogiro order for {billogram.debit.day} goes to the bank, the bank day before"


def _why_debit(billogram: Billogram, _: Account) -> str:
    assert billogram.debit is not None, "it is an entry"
    return f"the bank answers to the direct debit of {billogram.debit.day}"


def _why_of_source(due: Due, source: PaymentSource) -> str:
    if due.rule == MANDATE:
        return f"mandate {source.reference} becomes active: the day after it was imported"
    since = source.last_collection or source.imported_on or source.signed_at.date()
    return f"mandate {source.reference} lapses: {_LAPSE_MONTHS} months after {since}"


def _why_recall(payment: IncomingPayment) -> str:
    planned = payment.planned_recall
    assert planned is not None, "it is an entry"
    return f"payment {payment.id} is taken back: {planned.type} {planned.code}, as was laid down"


def _why_tab(tab: BillingTab) -> str:
    return f"the billing tab of customer {tab.customer_no} is invoiced on its date {tab.billing_date}"


def _why_reports(due: Due, account: Account) -> str:
    month = calendar.local_date(due.at, account.timezone) - _DAY
    return f"the reports of {month:%Y-%m} are made on the 1st of the next month"


def _why_respite(billogram: Billogram, _: Account) -> str:
    return f"the respite to {billogram.dunning.respite_date} ends"


def _why_news(billogram: Billogram, _: Account) -> str:
    return f"the agency takes it up: the bank day after {billogram.dunning.collected_on}"


def _why_letter(_: Billogram, __: Account) -> str:
    return f"a letter: the link was not opened within {letters.WAIT // timedelta(hours=1)} hours"


_REASONS = {
    OVERDUE: _why_overdue,
    INTEREST: _why_interest,
    REMINDER: _why_reminder,
    COLLECTION: _why_collection,
    ORDER: _why_order,
    DEBIT: _why_debit,
    RESPITE: _why_respite,
    NEWS: _why_news,
    LETTER: _why_letter,
}
