"""A second model of the sums: what each act must do to billograms and payments, made from the rules alone.

It shares no code with what it is held against, and counts in fractions (reference: behaviour 2 to 6 and 10).
A command either raises `Refused` before it has changed anything, or returns what it tells, event by event.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

ZERO = Fraction(0)
STATE, VALUE, DENIED = "INVALID_OBJECT_STATE", "INVALID_PARAMETER", "PERMISSION_DENIED"
READ_ONLY, NOT_FOUND = "READ_ONLY_PARAMETER", "NOT_FOUND"
FLAGS = (
    *("partly paid", "overpaid", "written down", "delivery failed", "factoring denied", "has been sold"),
    "pay via autogiro",
)
ZONE, DAY = ZoneInfo("Europe/Stockholm"), timedelta(days=1)
START, RATE, FEE = date(2026, 3, 2), Fraction("8.5"), Fraction(60)  # of interest and reminders
SMALL = {"SEK": 10, "NOK": 10, "DKK": 10}  # excess that is adjusted, in other currencies 1 [S]


def rounded(value: Fraction, digits: int = 2) -> Fraction:
    """Half away from zero."""
    above, below = abs(value.numerator) * 10**digits, value.denominator
    whole = Fraction((2 * above + below) // (2 * below), 10**digits)
    return whole if value >= 0 else -whole


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """Of a local time."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC)


def easter(year: int) -> date:
    """By the rule of Gauss, as it holds from 1900 to 2099."""
    moon = (19 * (year % 19) + 24) % 30
    sunday = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7
    return date(year, 3, 22) + DAY * (moon + sunday - (7 if moon + sunday == 35 else 0))


def swedish_bank_day(day: date) -> bool:
    """Whether Swedish banks are open."""
    fixed = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}
    moving = {(day - easter(day.year)).days} & {-2, 0, 1, 39, 49}
    midsummer = day.month == 6 and day.weekday() == 4 and 19 <= day.day <= 25
    return day.weekday() < 5 and (day.month, day.day) not in fixed and not moving and not midsummer


class Refused(Exception):
    """A command must be refused: identifier, and the field that is to blame."""

    def __init__(self, status: str, blamed: str | None = None) -> None:
        super().__init__(status, blamed)
        self.status, self.blamed = status, blamed


@dataclass(frozen=True)
class Row:
    """One row of an invoice."""

    title: str
    count: Fraction
    price: Fraction
    vat: Fraction
    discount: Fraction = ZERO
    item_no: str | None = None

    @property
    def kind(self) -> tuple[Any, ...]:
        """Rows of one kind count as one (10)."""
        return (self.item_no, self.title, self.price, self.vat)

    @cached_property
    def net(self) -> Fraction:
        return self.count * self.price - self.discount

    @cached_property
    def tax(self) -> Fraction:
        return self.net * self.vat / 100


@dataclass(frozen=True)
class Part:
    """One row of a credit by rows: how it names the invoiced one, and how much of it is credited."""

    count: Fraction
    item_no: str | None = None
    title: str | None = None
    price: Fraction | None = None
    vat: Fraction | None = None

    def names(self, row: Row) -> bool:
        asked = ((self.item_no, row.item_no), (self.title, row.title), (self.price, row.price))
        return all(mine is None or mine == its for mine, its in (*asked, (self.vat, row.vat)))


@dataclass
class Told:
    """One event, as its callback must show it."""

    billogram: str
    type: str
    state: str
    remaining: Fraction
    amount: Fraction | None = None
    at: datetime | None = None
    recall: str | None = None  # of one that took it away


@dataclass
class Share:
    """What of a payment is on a billogram."""

    payment: str
    billogram: str
    amount: Fraction
    late: bool = False  # it came after a confirmed loss


@dataclass
class Debit:
    """A direct debit that is planned."""

    payment: str
    day: date


@dataclass
class Billogram:
    """One claim. `lost` is the principal that was let go: the rounding moves by it."""

    id: str
    customer: int
    currency: str
    rows: tuple[Row, ...]
    invoice_fee: Fraction = ZERO
    reversed_vat: bool | None = None
    own_no: int | None = None
    due: date = START + 30 * DAY
    invoiced: date = START
    rate: Fraction = RATE
    fee_asked: Fraction = FEE
    automatic: bool = False  # reminders
    collected: Fraction = ZERO  # paid to the agency, 0 or less
    respited: bool = False  # since it was overdue
    respite: date | None = None
    in_respite: bool = False
    interest: bool = False  # it is told that it runs
    accrued: Fraction = ZERO  # not rounded
    claimed: Fraction = ZERO
    counted_to: date | None = None  # the last day that is in it
    reminders: list[tuple[date, bool]] = field(default_factory=list)  # day, and whether by itself
    reminded: bool = False
    handed_over: date | None = None
    collecting: bool = False
    text: str | None = None
    number: int | None = None
    internal: str = "Unattested"
    ended_as: str = ""
    reminder_fee: Fraction = ZERO
    interest_fee: Fraction = ZERO
    credited: Fraction = ZERO  # 0 or less, on a stand-alone credit 0 or more
    allocated: Fraction = ZERO  # the part of it that came without a document, from a stand-alone credit
    paid: Fraction = ZERO
    made_as_credit: bool = False  # as a draft
    lost: Fraction = ZERO
    confirmed: Fraction = ZERO  # the part of it that later money recovers
    method: str = "Letter"
    overdue: bool = False
    denied: bool = False
    touched: bool = False  # by a credit: the rows can't be changed any more
    flags: set[str] = field(default_factory=set)
    counted: dict[tuple[Any, ...], Fraction] = field(default_factory=dict)  # credited of each kind of row
    booked: list[Share] = field(default_factory=list)  # the newest last
    debit: Debit | None = None
    changes: int = 0  # documents that changes made
    booked_vat: Fraction = ZERO  # of its invoices, less that of the credit invoices of changes
    events: list[str] = field(default_factory=list)
    ends: int = 0

    @property
    def net(self) -> Fraction:
        return rounded(sum((row.net for row in self.rows), self.invoice_fee))

    @property
    def vat(self) -> Fraction:
        if self.reversed_vat:
            return ZERO
        of_rows = sum((row.tax for row in self.rows), ZERO)
        return rounded(of_rows + self.invoice_fee / 4)

    @property
    def gross(self) -> Fraction:
        return self.net + self.vat

    @property
    def total(self) -> Fraction:
        return rounded(self.gross, 0) if self.currency == "SEK" else self.gross

    @property
    def rounding(self) -> Fraction:
        return self.total - self.gross - self.lost

    @property
    def fees(self) -> Fraction:
        return self.reminder_fee + self.interest_fee

    @property
    def remaining(self) -> Fraction:
        return self.total - self.lost + self.fees + self.credited + self.received

    @property
    def received(self) -> Fraction:
        return self.paid + self.collected

    @property
    def principal(self) -> Fraction:
        """What is unpaid of it: everything settles it first (5)."""
        return max(ZERO, self.total - self.lost + self.credited + self.received)

    @property
    def last_in_time(self) -> date:
        return max(self.due, self.respite or self.due, self.debit.day if self.debit else self.due)

    def counts(self, day: date) -> bool:
        """Whether interest runs on this day, by the facts as they are (6.4)."""
        free = max(self.last_in_time, self.invoiced + 30 * DAY)
        runs = self.internal == "Unpaid" and not self.is_credit and not self.received
        return runs and self.principal * self.rate > 0 and day > free

    def drop_fees(self) -> None:
        """To what was paid of them: the principal first, then the reminder fee, then the interest."""
        over = max(ZERO, -(self.total - self.lost + self.credited + self.received))
        self.reminder_fee = min(self.reminder_fee, over)
        self.interest_fee = min(self.interest_fee, over - self.reminder_fee)

    @property
    def uncredited(self) -> Fraction:
        """What is invoiced and claimed, and not credited yet; what was let go is no claim any more [A]."""
        return self.total - self.lost + self.fees + self.credited

    @property
    def is_credit(self) -> bool:
        return self.total < 0

    @property
    def public(self) -> str:
        """The state that the world sees (2.1)."""
        if self.internal == "Ended":
            return self.ended_as
        if self.internal == "Collection":
            return "Collecting" if self.collecting else "Collection"
        if self.internal != "Unpaid" or self.is_credit:
            return self.internal
        if self.received < 0 < self.remaining:
            return "PartlyPaid"
        if self.in_respite:
            return "Unpaid"
        if self.reminded:
            return f"Reminder_{len(self.reminders)}" if len(self.reminders) <= 3 else "Reminder_Many"
        return "Overdue" if self.overdue else "FactoringDenied" if self.denied else "Unpaid"

    @property
    def shown_flags(self) -> set[str]:
        is_open = self.internal in ("Unpaid", "Collection") and not self.is_credit
        partly = is_open and self.received < 0 < self.remaining
        return self.flags | ({"partly paid"} if partly else set())


@dataclass
class Payment:
    """Money that came in; its parts add up to its amount."""

    id: str
    amount: Fraction
    currency: str | None = None
    unmatched: Fraction = ZERO
    adjustment: Fraction = ZERO
    liability: Fraction = ZERO
    recalled: Fraction = ZERO
    shares: list[Share] = field(default_factory=list)  # in the order in which they were booked
    scheme: str = "MANUAL"
    day: date = START
    b2b: bool = False
    status: str = "settled"
    mandate: int | None = None
    planned_recall: tuple[date, str, str] | None = None
    real: str = ""  # its id, where it is not known when it is made


@dataclass
class Tab:
    """An active billing tab of a customer, with its rows by their ids."""

    id: str
    customer: int
    day: date
    rows: dict[str, Row] = field(default_factory=dict)


def tab_day(frequency: str, today: date) -> date:
    """The first day of a frequency after today (6.7)."""
    day, (kind, _, wanted) = today + DAY, frequency.partition("#")
    while True:
        last = (day + DAY).month != day.month
        if kind == "daily" or (kind == "weekly" and day.isoweekday() == int(wanted)):
            return day
        if kind == "monthly" and (day.day == int(wanted) or (last and day.day < int(wanted))):
            return day
        day += DAY


class Act:
    """What one act tells; states are those of 2.1 once the act is over."""

    def __init__(self, model: "Model") -> None:
        self.model = model
        self.told: list[Told] = []
        self._before: dict[str, str] = {}

    def on(self, one: Billogram) -> None:
        self._before.setdefault(one.id, one.public)

    def tell(self, one: Billogram, kind: str, amount: Fraction | None = None) -> None:
        self.on(one)
        one.events.append(kind)
        self.told.append(Told(one.id, kind, one.public, one.remaining, amount, self.model.now))

    def end(self, one: Billogram, ended_as: str) -> None:
        one.internal, one.ended_as = "Ended", ended_as
        one.flags.discard("written down")
        one.ends += 1
        self.tell(one, "BillogramEnded")

    def letter(
        self, one: Billogram, kind: str, amount: Fraction | None = None, method: str | None = None
    ) -> None:
        """A document leaves; for an address that bounces it comes back."""
        self.tell(one, kind, amount)
        method = method or one.method
        if method == "Email" and one.customer in self.model.bouncing:
            one.flags.add("delivery failed")
            self.tell(one, "DeliveryFailed")
        elif method != "DoNotNotify":
            one.flags.discard("delivery failed")

    def opened(self, one: Billogram) -> None:
        """What is past comes at once (6.2, 6.4); a refused sale opens as a sending does [A]."""
        if one.total == 0:
            self.end(one, "Ended")
            return
        day = one.last_in_time
        while moment(day, 0, 5) <= self.model.now:  # days before a late sending count as unpaid ones
            self.model.counts_day(one, day)
            day += DAY
        self.model.plan(self, one)
        self.overdue_if_past(one)
        if one.counts(self.model.started_today):
            one.interest = True
            self.tell(one, "InterestStarted")

    def overdue_if_past(self, one: Billogram) -> None:
        comes = one.internal == "Unpaid" and not one.is_credit and one.remaining and not one.in_respite
        if comes and one.last_in_time < self.model.started_today and (one.respited or not one.overdue):
            one.overdue, one.respited = True, False
            self.tell(one, "Overdue")

    def write_off(self, one: Billogram, most: Fraction | None) -> None:
        """Fees, once the principal is settled."""
        is_open = one.internal == "Unpaid" and one.remaining and not one.is_credit
        wanted = self.model.writes_off and (most is None or one.remaining <= most)
        if is_open and wanted and not one.principal:
            gone = one.remaining
            one.drop_fees()
            self.tell(one, "Writeoff", gone)

    def done(self) -> list[Told]:
        ended = {each.billogram for each in self.told if each.type == "BillogramEnded"}
        fixed = {"BillogramCreated": "Unattested", "BillogramSent": "Sending", "Deleted": "Deleted"}
        for each in self.told:
            if each.type in fixed:
                each.state = fixed[each.type]
            elif each.billogram in ended and each.type != "BillogramEnded":
                each.state = self._before[each.billogram]
        recalled = [each for each in self.told if each.type == "PaymentRecalled"]
        for each in recalled:
            each.state = self.model.billograms[each.billogram].public
        return recalled + [each for each in self.told if each.type != "PaymentRecalled"]


class Model:
    """One account."""

    def __init__(self) -> None:
        self.billograms: dict[str, Billogram] = {}
        self.payments: dict[str, Payment] = {}
        self.deleted: dict[str, Billogram] = {}
        self.bouncing: set[int] = set()  # customers whose e-mail comes back
        self.silent: set[int] = set()  # customers without e-mail
        self.highest_no = 0
        self.reserved: set[int] = set()
        self.default_fee = ZERO
        self.standalone = self.factoring = self.agency = True  # features
        self.now = moment(START, 10)
        self.writes_off = False
        self.most_written_off: Fraction | None = None
        self.steps: list[int] = []  # days before each reminder
        self.minimum: Fraction | None = None  # principal that is reminded of
        self.reminds_partly_paid = False
        self.hands_over: tuple[int, Fraction] | None = None  # days, least amount
        self.tabs: dict[int, Tab] = {}  # the active ones by customer, in order of creation
        self.tab_settings: dict[int, tuple[str, str]] = {}  # frequency and method by customer
        self.billed: dict[str, str] = {}  # the id of the billogram of each tab, as the server says

    # what the bank does of itself (see `bank`)

    def plan(self, act: Act, one: Billogram) -> None:
        """A debit, where there is a mandate."""
        raise NotImplementedError

    def follow(self, act: Act, one: Billogram) -> None:
        """What is planned follows the debt."""
        raise NotImplementedError

    def replan(self, act: Act, one: Billogram, *, even_if_unchanged: bool = True) -> None:
        """Another respite, or due date."""
        raise NotImplementedError

    def bank_answers(self) -> Iterable[Act]:
        """At ten o'clock."""
        raise NotImplementedError

    # reaching one

    def one(self, key: str, command: str, *states: str) -> Billogram:
        """The billogram, if its internal state allows the command (2.2)."""
        if key in self.deleted:
            raise Refused(NOT_FOUND)
        found = self.billograms[key]
        if found.internal not in states:
            raise Refused(STATE)
        return found

    def debit(self, key: str, command: str, *states: str) -> Billogram:
        found = self.one(key, command, *states)
        if found.is_credit:
            raise Refused(STATE)
        return found

    def next_number(self) -> int:
        self.highest_no += 1
        self.reserved.add(self.highest_no)
        return self.highest_no

    # time

    @property
    def today(self) -> date:
        return self.now.astimezone(ZONE).date()

    @property
    def started_today(self) -> date:
        """The last day whose 00:05 has come."""
        return self.today if moment(self.today, 0, 5) <= self.now else self.today - DAY

    def counts_day(self, one: Billogram, day: date) -> None:
        """Once; a day counts by the facts at its 00:05."""
        if (one.counted_to is None or day > one.counted_to) and one.counts(day):
            one.accrued += one.principal * one.rate / 36500
        one.counted_to = day if one.counted_to is None else max(day, one.counted_to)

    def advance(self, to: datetime) -> list[Told]:
        """Day by day."""
        told: list[Told] = []
        day, start = self.today, self.now
        while moment(day, 0) <= to:
            for at, work in (
                (moment(day, 0, 5), self._night),
                (moment(day, 6), self._bills_tabs),
                (moment(day, 8), self._reminds),
                (moment(day, 9), self._collects),
                (moment(day, 10), self.bank_answers),
                (moment(day, 10), self._agency_tells),
            ):
                if start < at <= to:
                    self.now = at
                    for act in work():
                        told += act.done()
            day += DAY
        self.now = to
        return told

    # billing tabs

    def tab_terms(self, customer: int) -> tuple[str, str]:
        return self.tab_settings.get(customer, ("monthly#1", "Letter"))

    def add_to_tab(self, customer: int, tab: str, key: str, row: Row) -> None:
        """A row whose answer named the tab and the row."""
        if customer not in self.tabs:
            self.tabs[customer] = Tab(tab, customer, tab_day(self.tab_terms(customer)[0], self.today))
        assert self.tabs[customer].id == tab, "one active tab"
        self.tabs[customer].rows[key] = row

    def set_tab(self, customer: int, frequency: str, method: str) -> None:
        before = self.tab_terms(customer)[0]
        self.tab_settings[customer] = frequency, method
        if customer in self.tabs and frequency != before:
            self.tabs[customer].day = tab_day(frequency, self.today)

    def _bills_tabs(self) -> Iterable[Act]:
        for tab in [each for each in self.tabs.values() if each.day == self.today]:
            frequency, method = self.tab_terms(tab.customer)
            tab.day = tab_day(frequency, self.today)
            if not tab.rows:
                continue
            act = Act(self)
            one = Billogram(
                id=self.billed.get(tab.id, ""),
                customer=tab.customer,
                currency="SEK",
                rows=tuple(tab.rows.values()),
                invoice_fee=self.default_fee,
                due=self.today + 30 * DAY,
                invoiced=self.today,
                automatic=bool(self.steps),
            )
            try:
                self.check_create(one, method)
            except Refused as refused:
                act.told.append(Told(tab.id, "BillingTab", refused.status, ZERO))
            else:
                del self.tabs[tab.customer]
                self._create(act, one, method)
            yield act

    def _of(self, internal: str) -> list[Billogram]:
        return [one for one in self.billograms.values() if one.internal == internal and not one.is_credit]

    def _night(self) -> Iterable[Act]:
        for one in self._of("Unpaid"):
            self.counts_day(one, self.today)
            if one.in_respite and one.respite is not None and one.respite < self.today:
                one.in_respite = False
            act = Act(self)
            act.on(one)
            act.overdue_if_past(one)
            yield act
        for one in self._of("Unpaid"):
            if not one.interest and one.counts(self.today):
                act = Act(self)
                one.interest = True
                act.tell(one, "InterestStarted")
                yield act

    def _step(self, one: Billogram) -> int | None:
        """Days of the next reminder, if none waits."""
        used = sum(automatic for _, automatic in one.reminders)
        if not one.automatic or used >= len(self.steps):
            return None
        if one.received and not self.reminds_partly_paid:
            return None
        return None if self.minimum is not None and one.principal < self.minimum else self.steps[used]

    def _reminds(self) -> Iterable[Act]:
        for one in self._of("Unpaid"):
            delay, base = self._step(one), one.last_in_time
            if any(automatic for _, automatic in one.reminders):
                last = one.reminders[-1][0]
                base = max(last, one.respite or last, one.debit.day if one.debit else last)
            if delay is None or self.today < base + delay * DAY or one.in_respite:
                continue
            if one.respite is not None and self.today <= one.respite:
                continue
            if one.debit is not None and self.today <= one.debit.day:
                continue
            if not one.reminders or one.reminders[-1][0] < self.today:
                act = Act(self)
                act.on(one)
                method = self._usual(one)
                no_email = method == "Email" and one.customer in self.silent
                self._remind(act, one, "Letter" if no_email else method, automatic=True)
                yield act

    def _usual(self, one: Billogram) -> str:
        if one.method in ("Email", "Letter"):
            return one.method
        return "Letter" if one.customer in self.silent else "Email"

    def _claim(self, one: Billogram) -> None:
        total = one.accrued
        if moment(self.today, 0, 5) > self.now and one.counts(self.today):
            total += one.principal * one.rate / 36500
        more = max(ZERO, rounded(total) - one.claimed)
        one.claimed += more
        one.interest_fee += more

    def _remind(self, act: Act, one: Billogram, method: str, *, automatic: bool) -> None:
        self._claim(one)
        if not one.reminders:
            one.reminder_fee += one.fee_asked
        one.reminders.append((self.today, automatic))
        one.reminded = True
        act.letter(one, "ReminderSent", method=method)
        self.follow(act, one)

    def _in_time(self, one: Billogram) -> None:
        if self.today <= one.due or one.in_respite:
            raise Refused(STATE)

    def remind(self, key: str, method: str | None) -> list[Told]:
        one = self.debit(key, "Remind", "Unpaid")
        self._in_time(one)
        if one.reminders and one.reminders[-1][0] >= self.today:
            raise Refused(STATE)
        if method not in (None, "Email", "Letter"):
            raise Refused(VALUE, "method")
        method = method or self._usual(one)
        if method == "Email" and one.customer in self.silent:
            raise Refused(VALUE)
        act = Act(self)
        act.on(one)
        self._remind(act, one, method, automatic=False)
        return act.done()

    def give_respite(self, key: str, day: date) -> list[Told]:
        one = self.debit(key, "Respite", "Unpaid")
        if day <= one.due or day <= self.today:
            raise Refused(VALUE, "date")
        act = Act(self)
        act.on(one)
        one.respite, one.in_respite, one.respited = day, True, one.overdue
        act.tell(one, "Respite")
        self.replan(act, one)
        return act.done()

    def remove_respite(self, key: str) -> list[Told]:
        one = self.one(key, "RemoveRespite", "Unpaid")
        if not one.in_respite:
            raise Refused(STATE)
        act = Act(self)
        act.on(one)
        one.respite, one.in_respite = None, False
        act.tell(one, "RespiteRemoved")
        self.replan(act, one)
        act.overdue_if_past(one)
        return act.done()

    # the agency

    def collect(self, key: str) -> list[Told]:
        one = self.one(key, "Collect", "Unpaid")
        if not self.agency:
            raise Refused(DENIED)
        if one.is_credit:
            raise Refused(STATE)
        self._in_time(one)
        act = Act(self)
        act.on(one)
        self._hand_over(act, one)
        return act.done()

    def _hand_over(self, act: Act, one: Billogram) -> None:
        self._claim(one)
        one.internal, one.handed_over, one.collecting = "Collection", self.today, True
        act.tell(one, "Collection")
        self.follow(act, one)

    def _collects(self) -> Iterable[Act]:
        for one in self._of("Unpaid"):
            if self.hands_over is None or not self.agency or self._step(one) is not None or one.in_respite:
                continue
            delay, least = self.hands_over
            base = max([one.last_in_time, *(day for day, _ in one.reminders[-1:])])
            past = self.today >= base + delay * DAY and self.today > one.last_in_time
            if past and one.remaining >= least and one.handed_over is None:
                act = Act(self)
                act.on(one)
                self._hand_over(act, one)
                yield act

    def _agency_tells(self) -> Iterable[Act]:
        if not swedish_bank_day(self.today):
            return
        for one in self._of("Collection"):
            if one.collecting and one.handed_over is not None and one.handed_over < self.today:
                one.collecting = False
                act = Act(self)
                act.tell(one, "CollectionStatusUpdate")
                yield act

    def agency_acts(self, key: str, what: str, amount: Fraction) -> list[Told]:
        one = self.billograms[key]
        if one.internal != "Collection":
            raise Refused(STATE)
        act = Act(self)
        act.on(one)
        if what == "collector-payment":
            if amount > one.remaining:
                raise Refused(VALUE, "amount")
            one.collected -= amount
            act.tell(one, "CollectorPayment", amount)
        if what == "collection-end" or (what == "collector-payment" and not one.remaining):
            act.tell(one, "CollectionEnded")
            act.end(one, "CollectorEnded")
        if what == "collection-cancel":
            one.internal, one.collecting = "Unpaid", False
            act.tell(one, "CollectionCancelled")
            act.overdue_if_past(one)
        return act.done()

    # drafts

    def check_create(self, one: Billogram, method: str | None) -> None:
        """Whether it can be made, and then sent if a method is given."""
        if one.own_no in self.reserved:
            raise Refused(VALUE, "invoice_no")
        if one.is_credit and not self.standalone:
            raise Refused(DENIED)
        if method == "Email" and one.customer in self.silent:
            raise Refused(VALUE)

    def create(self, one: Billogram, method: str | None) -> list[Told]:
        act = Act(self)
        self._create(act, one, method)
        return act.done()

    def _create(self, act: Act, one: Billogram, method: str | None) -> None:
        self.billograms[one.id] = one
        one.made_as_credit = one.is_credit
        if one.own_no is not None:
            self.reserved.add(one.own_no)
            self.highest_no = max(self.highest_no, one.own_no)
        act.tell(one, "BillogramCreated")
        if method is not None:
            self._send(act, one, method)

    def delete(self, key: str) -> list[Told]:
        one = self.one(key, "Delete", "Unattested")
        del self.billograms[key]
        self.deleted[key] = one
        act = Act(self)
        act.tell(one, "Deleted")
        return act.done()

    def send(self, key: str, method: str | None) -> list[Told]:
        one = self.one(key, "Send", "Unattested")
        method = method or one.method
        if one.is_credit and not self.standalone:
            raise Refused(DENIED)
        if method == "Email" and one.customer in self.silent:
            raise Refused(VALUE)
        act = Act(self)
        act.on(one)
        self._send(act, one, method)
        return act.done()

    def _send(self, act: Act, one: Billogram, method: str) -> None:
        one.method, one.internal = method, "Unpaid"
        one.number = self._numbered(one)
        act.letter(one, "BillogramSent")
        act.opened(one)

    def _numbered(self, one: Billogram) -> int:
        one.booked_vat = one.vat
        return self.next_number() if one.own_no is None else one.own_no

    # sale

    def sell(self, key: str) -> list[Told]:
        one = self.one(key, "Sell", "Unattested")
        if not self.factoring:
            raise Refused(DENIED)
        act = Act(self)
        act.on(one)
        one.internal = "Factoring"
        act.tell(one, "FactoringRequest")
        return act.done()

    def answer_sale(self, key: str, *, accepted: bool) -> list[Told]:
        one = self.one(key, "Factoring", "Factoring")
        act = Act(self)
        act.on(one)
        one.number = self._numbered(one)
        if accepted:
            one.internal = "Sold"
            one.flags.add("has been sold")
            act.tell(one, "BillogramSold")
        else:
            one.internal, one.denied = "Unpaid", True
            one.flags.add("factoring denied")
            act.letter(one, "FactoringDenied")
            act.opened(one)
        return act.done()

    # changes

    def put(self, key: str, **changes: Any) -> list[Told]:
        """Of rows, fee, `reversed_vat`, text, due date; `currency` stands for what is read-only later."""
        one = self.one(key, "Update", "Unattested", "Unpaid")
        sent = one.internal == "Unpaid"
        if sent and changes.get("currency", one.currency) != one.currency:
            raise Refused(READ_ONLY, "currency")
        new = replace(one, **changes)
        content = (new.rows, new.invoice_fee, bool(new.reversed_vat))
        changed = content != (one.rows, one.invoice_fee, bool(one.reversed_vat))
        if not sent:
            if one.made_as_credit and new.total >= 0:
                raise Refused(VALUE, "items")
            if new.is_credit and not self.standalone:
                raise Refused(DENIED)
        elif changed:
            if one.touched:
                raise Refused(STATE)
            if new.is_credit != one.is_credit:
                raise Refused(VALUE, "items")
            if one.is_credit and new.total + one.paid > 0:
                raise Refused(VALUE, "items")
        act = Act(self)
        act.on(one)
        if changed:  # what was let go stays so, as far as there is something to let go [A]
            owed = new.total + one.fees + one.received
            new.lost = max(ZERO, min(one.lost, new.total, owed))
            changes |= {"lost": new.lost, "confirmed": min(one.confirmed, new.lost)}
        moved = new.due != one.due
        told = changed or moved or (new.text, new.reversed_vat) != (one.text, one.reversed_vat)
        more = new.total - one.total
        for name, value in changes.items():
            setattr(one, name, value)
        if sent and told:
            self._changed(act, one, more, moved=moved)
        return act.done()

    def _changed(self, act: Act, one: Billogram, more: Fraction, *, moved: bool) -> None:
        excess = ZERO if one.is_credit else max(ZERO, -one.remaining)
        act.tell(one, "DataChange")
        if more:
            self.next_number()
            one.booked_vat = one.vat
            one.changes += 1
            self.free(one, excess)
            act.letter(one, "InvoiceSent" if more > 0 else "Credit", -more if more < 0 else None)
            if excess:
                act.tell(one, "OverpaymentCustomerLiability", excess)
            act.write_off(one, self.most_written_off)
        if moved and one.remaining > 0:  # with the new amount: told once
            self.replan(act, one, even_if_unchanged=False)
        if more:
            self.follow(act, one)
        act.overdue_if_past(one)
        if one.remaining == 0 and not one.is_credit:
            act.end(one, "Paid" if one.received or excess else "Credited")

    # money

    def free(self, one: Billogram, amount: Fraction) -> None:
        """Paid money leaves the billogram, newest allocation first, and is owed to the customer."""
        if amount:
            one.flags.add("overpaid")
            own = min(amount, -one.paid)
            one.paid += own
            one.collected += amount - own  # the agency's goes last (10)
            amount = own
        while amount:
            share = next(each for each in reversed(one.booked) if each.amount)
            part = min(share.amount, amount)
            share.amount -= part
            self.payments[share.payment].liability += part
            amount -= part

    def pay(self, key: str, amount: Fraction) -> str:
        """The command; `book` does it once the payment has its id."""
        one = self.debit(key, "Payment", "Unpaid", "Collection")
        if not 0 < amount <= one.remaining:
            raise Refused(VALUE, "amount")
        return one.currency

    def book(self, payment: Payment, shares: Iterable[tuple[str, Fraction]]) -> list[Told]:
        """Money meets what it is for; what nobody takes is unmatched."""
        act = Act(self)
        self.payments[payment.id] = payment
        for key, amount in shares:
            one = self.billograms.get(key)
            if one is None or one.is_credit or one.internal not in ("Unpaid", "Collection", "Ended"):
                continue
            self._receive(act, payment, one, amount)
        return act.done()

    def _receive(self, act: Act, payment: Payment, one: Billogram, amount: Fraction) -> None:
        act.on(one)
        payment.currency = one.currency
        payment.unmatched -= amount
        late = one.internal == "Ended"
        if not late:
            settled = min(amount, one.remaining)
        else:
            settled = min(amount, one.confirmed) if one.ended_as == "Ended" else ZERO
            one.confirmed -= settled
            one.lost -= settled
        excess = amount - settled
        one.paid -= settled
        share = Share(payment.id, one.id, settled, late=late)
        one.booked.append(share)
        payment.shares.append(share)
        act.tell(one, "Payment", amount)
        if excess:
            small = excess <= SMALL.get(one.currency, 1)
            if small:
                payment.adjustment += excess
            else:
                payment.liability += excess
            one.flags.add("overpaid")
            act.tell(one, f"Overpayment{'Adjustment' if small else 'CustomerLiability'}", excess)
        act.write_off(one, self.most_written_off)
        self.follow(act, one)
        if one.internal != "Ended" and one.remaining == 0:
            act.end(one, "Paid")

    # losses

    def settle(self, key: str) -> list[Told]:
        one = self.debit(key, "SettleUnderpayment", "Unpaid")
        if not one.received:
            raise Refused(STATE)
        return self._let_go(one, "UnderpaymentSettled", "Paid")

    def confirm_loss(self, key: str) -> list[Told]:
        return self._let_go(
            self.debit(key, "ConfirmedLoss", "Unpaid", "Collection"), "ConfirmedLoss", "Ended"
        )

    def _let_go(self, one: Billogram, kind: str, ended_as: str) -> list[Told]:
        act = Act(self)
        act.on(one)
        gone = one.remaining
        one.drop_fees()
        if ended_as == "Ended":
            one.confirmed += one.remaining
        one.lost += one.remaining
        act.tell(one, kind, gone)
        self.follow(act, one)
        act.end(one, ended_as)
        return act.done()

    def write_off(self, key: str) -> list[Told]:
        """Of fees, when nothing else remains."""
        one = self.debit(key, "Writeoff", "Unpaid")
        if one.principal or not one.remaining:
            raise Refused(STATE)
        act = Act(self)
        act.on(one)
        gone = one.remaining
        one.drop_fees()
        act.tell(one, "Writeoff", gone)
        self.follow(act, one)
        act.end(one, "Paid")
        return act.done()

    def write_down(self, key: str) -> list[Told]:
        one = self.debit(key, "Writedown", "Unpaid", "Collection")
        if "written down" in one.flags:
            raise Refused(STATE)
        act = Act(self)
        one.flags.add("written down")
        act.tell(one, "Writedown", one.remaining)
        return act.done()

    def revert_write_down(self, key: str) -> list[Told]:
        one = self.one(key, "RevertWritedown", "Unpaid", "Collection")
        if "written down" not in one.flags:
            raise Refused(STATE)
        act = Act(self)
        one.flags.discard("written down")
        act.tell(one, "RevertWritedown")
        return act.done()

    # credits

    def credit(
        self, key: str, mode: str, amount: Fraction | None = None, parts: Iterable[Part] = ()
    ) -> list[Told]:
        one = self.debit(key, "Credit", "Unpaid", "Sold", "Ended")
        if one.uncredited <= 0:
            raise Refused(STATE)
        counts = dict(one.counted)
        if mode == "items":
            credited = self._of_rows(one, list(parts), counts)
        elif mode == "amount" and amount is not None:
            if not 0 < amount <= one.uncredited:
                raise Refused(VALUE, "amount")
            credited = amount
        elif mode in ("full", "amount"):
            credited = one.uncredited
        elif mode in ("remaining", "rest", "principal"):
            credited = one.principal if mode == "principal" else one.remaining
            if credited <= 0:
                raise Refused(STATE)
        else:
            raise Refused(VALUE, "mode")
        one.counted, one.touched = counts, True
        self.next_number()
        return self._credited(one, credited)

    def _credited(self, one: Billogram, amount: Fraction) -> list[Told]:
        act = Act(self)
        act.on(one)
        open_before = one.internal != "Ended"
        beyond = max(ZERO, amount - one.remaining)
        one.credited -= amount
        self.free(one, beyond)
        act.letter(one, "Credit", amount)
        if beyond:
            act.tell(one, "OverpaymentCustomerLiability", beyond)
        act.write_off(one, self.most_written_off)
        self.follow(act, one)
        if open_before and one.remaining == 0:
            act.end(one, "Credited")
        return act.done()

    def _of_rows(
        self, one: Billogram, parts: list[Part], counts: dict[tuple[Any, ...], Fraction]
    ) -> Fraction:
        net = vat = ZERO
        for part in parts:
            if part.count >= 0:
                raise Refused(VALUE, "count")
            kind = next((row.kind for row in one.rows if part.names(row)), None)
            if kind is None:
                raise Refused(VALUE, "title" if part.item_no is None else "item_no")
            same = [row for row in one.rows if row.kind == kind]
            invoiced = sum((row.count for row in same), ZERO)
            counts[kind] = counts.get(kind, ZERO) - part.count
            if counts[kind] > invoiced:
                raise Refused(VALUE, "count")
            discount = sum((row.discount for row in same), ZERO) * -part.count / invoiced
            worth = -part.count * same[0].price - discount
            net += worth
            vat += ZERO if one.reversed_vat else worth * same[0].vat / 100
        amount = rounded(net) + rounded(vat)
        if one.currency == "SEK":
            amount = rounded(amount, 0)
        if amount <= 0:
            raise Refused(VALUE, "items")
        return min(amount, one.uncredited)

    # stand-alone credits

    def pay_out(self, key: str, mode: str, amount: Fraction | None) -> list[Told]:
        one = self.one(key, "CreditPayment", "Unpaid")
        if not one.is_credit:
            raise Refused(STATE)
        if mode not in ("remaining", "amount"):
            raise Refused(VALUE, "mode")
        if mode == "remaining":
            amount = -one.remaining
        elif amount is None or not 0 < amount <= -one.remaining:
            raise Refused(VALUE, "amount")
        assert amount is not None
        act = Act(self)
        act.on(one)
        one.paid += amount
        act.tell(one, "Payment", amount)
        if one.remaining == 0:
            act.end(one, "Paid")
        return act.done()

    def allocate_credit(self, key: str, source_id: str, amount: Fraction) -> list[Told]:
        one = self.debit(key, "CreditAllocate", "Unpaid")
        if amount <= 0:
            raise Refused(VALUE, "amount")
        source = self.billograms.get(source_id)
        if source is None:
            raise Refused(VALUE, "source_id")
        if source.internal != "Unpaid" or not source.is_credit:
            raise Refused(STATE)
        if (source.customer, source.currency) != (one.customer, one.currency):
            raise Refused(VALUE, "source_id")
        if amount > min(one.remaining, -source.remaining):
            raise Refused(VALUE, "amount")
        act = Act(self)
        act.on(one)
        act.on(source)
        one.credited -= amount
        one.allocated += amount
        source.credited += amount
        one.touched = source.touched = True
        act.tell(one, "CreditAllocated", amount)
        act.tell(source, "CreditAllocated", amount)
        act.write_off(one, self.most_written_off)
        self.follow(act, one)
        for each, ended_as in ((one, "Credited"), (source, "Paid")):
            if each.remaining == 0:
                act.end(each, ended_as)
        return act.done()
