"""The state of one account: tables of immutable aggregates, and indexes that `put` keeps up to date."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from heapq import merge
from itertools import compress, islice
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from mockserver.core import money
from mockserver.core.agenda import (
    EFAKTURA_KEY,
    REPORTS_KEY,
    Agenda,
    Due,
    Subject,
    agenda_inputs,
    efaktura_due,
    next_due,
    recall_due,
    report_due,
    source_due,
    tab_due,
)
from mockserver.core.documents import Document
from mockserver.core.funds import IncomingPayment, OutcomePlan, PaymentSource
from mockserver.core.machine import public_state
from mockserver.core.model import (
    Account,
    BillingTab,
    Billogram,
    Customer,
    CustomerTabs,
    EfakturaDay,
    Internal,
    Item,
    Offer,
    Report,
    ReportPlan,
    TabRow,
)

ACCOUNT, CUSTOMER, ITEM, BILLOGRAM, PAYMENT = "account", "customer", "item", "billogram", "payment"
PICTURE = "picture"  # the keys are names: logotype, coverphoto
SOURCE, OUTCOMES = "payment source", "outcomes"
TAB, TAB_ROW = "billing tab", "billing tab row"
REPORT, REPORT_PLAN = "report", "report plan"  # the key of the plan is empty
EFAKTURA = "efaktura day"  # the key is empty
OFFER = "offer"  # the keys are ids in lower case
CUSTOMER_TABS = "customer tabs"  # the keys are the `number` of customers, which never changes

KINDS = (
    *(ACCOUNT, CUSTOMER, ITEM, BILLOGRAM, PAYMENT, PICTURE, SOURCE, OUTCOMES),
    *(TAB, TAB_ROW, CUSTOMER_TABS, REPORT, REPORT_PLAN, OFFER, EFAKTURA),
)
_ALL = "all"
_DELETED = Internal.DELETED  # looked up once, because the lookup in an enumeration is slow
_OPEN = (Internal.UNPAID, Internal.COLLECTION)
Change = tuple[str, Any, Any]  # kind, key, new aggregate (None: removed)
K = TypeVar("K", int, tuple[int, int, str])
Number = TypeVar("Number", int, str)


class View(Protocol):
    """What `evolve` reads: the state, or the state as an undecided act has changed it so far."""

    def find(self, kind: str, key: Any) -> Any:
        """Return the aggregate, or None."""


def is_digits(text: str) -> bool:
    """Return whether a text consists of ASCII digits."""
    return text.isascii() and text.isdigit()


def item_rank(item_no: str) -> tuple[int, int, str]:
    """Return the sort key of an item: by number [R]; item numbers that are not numeric come last [A]."""
    return (0, int(item_no), item_no) if is_digits(item_no) else (1, 0, item_no)


# Exact sums that start with it have two decimals, in whatever order they are added.
_ZERO = Decimal("0.00")


class Bucket(Struct):
    """Billograms with one value in common: their numbers in order of creation, and their remaining sum."""

    order: list[int]
    remaining: Decimal


class Buckets:
    """All buckets of one kind, by the value that their billograms have in common."""

    def __init__(self) -> None:
        self.of: dict[Any, Bucket] = {}

    def enter(self, value: Any, number: int, remaining: Decimal) -> None:
        """Add a billogram to the bucket of a value."""
        bucket = self.of.get(value)
        if bucket is None:
            bucket = self.of[value] = Bucket([], _ZERO)
        _insert(bucket.order, number)
        bucket.remaining = money.EXACT.add(bucket.remaining, remaining)

    def change(self, value: Any, was: Decimal, remaining: Decimal) -> None:
        """Update the remaining sum of a billogram that stays in its bucket."""
        bucket = self.of[value]
        bucket.remaining = money.EXACT.add(money.subtract(bucket.remaining, was), remaining)

    def restore(self, values: list[Any], numbers: list[int], remaining: list[Decimal]) -> None:
        """Add many billograms in the order of their numbers, which are above all numbers added before."""
        entered: dict[Any, tuple[list[int], list[Decimal]]] = {}
        if values.count(values[0]) == len(values):
            entered[values[0]] = numbers, remaining
        else:
            for value, number, rest in zip(values, numbers, remaining, strict=True):
                order, sums = entered.setdefault(value, ([], []))
                order.append(number)
                sums.append(rest)
        for value, (order, sums) in entered.items():
            bucket = self.of.get(value)
            if bucket is None:
                bucket = self.of[value] = Bucket([], _ZERO)
            bucket.order += order
            bucket.remaining = money.cents(reduce(money.EXACT.add, sums, bucket.remaining))

    def leave(self, value: Any, number: int, remaining: Decimal) -> None:
        """Remove a billogram from the bucket of a value."""
        bucket = self.of[value]
        _remove(bucket.order, number)
        bucket.remaining = money.subtract(bucket.remaining, remaining)
        if not bucket.order:
            del self.of[value]


class Packed(Struct, gc=False):
    """An aggregate that stays in the bytes of a checkpoint until it is first read.

    Tables of accounts with a common past share this object, so that each aggregate is unpacked once.
    """

    body: bytes | None
    unpack: Callable[[bytes], Any]
    value: Any = None

    def unpacked(self) -> Any:
        """Return the aggregate. Unpack it at the first call."""
        if self.body is not None:
            self.value, self.body = self.unpack(self.body), None
        return self.value


class LazyTable(dict[Any, Any]):
    """A table whose values may be `Packed`. Reading a value unpacks it."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if type(found) is Packed:
            found = self[key] = found.unpacked()
        return found

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the aggregate, or the default."""
        found = super().get(key, default)
        return self[key] if type(found) is Packed else found

    def values(self) -> Any:
        """Return all aggregates."""
        self._unpack()
        return super().values()

    def items(self) -> Any:
        """Return all keys and aggregates."""
        self._unpack()
        return super().items()

    def _unpack(self) -> None:
        for key in self:
            self[key]

    def raw(self, key: Any) -> Any:
        """Return the stored value without unpacking it: the aggregate, `Packed` or not, or None."""
        return super().get(key)


class BillogramEntries(Struct, frozen=True, array_like=True):
    """The indexed values of some billograms, in columns. The indexes are rebuilt from them alone.

    `states` has public states; None means that the billogram was deleted.
    """

    numbers: list[int]
    states: list[str | None]
    customers: list[int]
    remaining: list[Decimal]
    due: list[Due | None]
    unique_values: list[str | None]
    invoice_numbers: list[int | None]
    ocr_numbers: list[str | None]
    document_numbers: list[tuple[int, ...]]  # of later documents
    open_currencies: list[str | None]  # of open claims


class PaymentEntries(Struct, frozen=True, array_like=True):
    """The indexed values of some payments, in columns: their billograms, and their entries of the agenda."""

    numbers: list[int]
    billograms: list[tuple[str, ...]]
    due: list[Due | None]


class TabEntries(Struct, frozen=True, array_like=True):
    """The indexed values of some billing tabs, in columns: their entries of the agenda."""

    numbers: list[int]
    due: list[Due | None]


class TabRowEntries(Struct, frozen=True, array_like=True):
    """The indexed values of some rows of billing tabs, in columns."""

    numbers: list[int]
    tabs: list[str]
    owners: list[int]
    keys: list[str | None]


def billogram_entries(billograms: Sequence[Billogram], due: Mapping[str, Due | None]) -> BillogramEntries:
    """Return the indexed values of these billograms. `due` has the entries of the agenda by id."""
    kept = [None if each.internal is Internal.DELETED else each for each in billograms]
    return BillogramEntries(
        [each.number for each in billograms],
        [None if each is None else public_state(each) for each in kept],
        [each.recipient.customer_no for each in billograms],
        [each.sums.remaining for each in billograms],
        [due[each.id] for each in billograms],
        [each.creditor_unique_value for each in billograms],
        [None if each is None else each.invoice_no for each in kept],
        [None if each is None else each.ocr_number for each in kept],
        [
            tuple({document.invoice_no for document in each.documents} - {each.invoice_no})
            for each in billograms
        ],
        [open_currency(each) for each in billograms],
    )


def payment_entries(payments: Sequence[IncomingPayment], due: Mapping[str, Due | None]) -> PaymentEntries:
    """Return the indexed values of these payments. `due` has the entries of the agenda by id."""
    return PaymentEntries(
        [each.number for each in payments],
        [tuple(dict.fromkeys(part.billogram for part in each.allocations)) for each in payments],
        [due[each.id] for each in payments],
    )


def tab_entries(tabs: Sequence[BillingTab], due: Mapping[str, Due | None]) -> TabEntries:
    """Return the indexed values of these billing tabs. `due` has the entries of the agenda by id."""
    return TabEntries([each.number for each in tabs], [due[each.id] for each in tabs])


def tab_row_entries(rows: Sequence[TabRow], _: Mapping[str, Due | None]) -> TabRowEntries:
    """Return the indexed values of these rows of billing tabs."""
    return TabRowEntries(
        [each.number for each in rows],
        [each.tab for each in rows],
        [each.owner for each in rows],
        [each.key for each in rows],
    )


class State:
    """The tables of an account and their indexes. Every change goes through `put`."""

    def __init__(self, tables: Mapping[str, dict[Any, Any]] | None = None) -> None:
        initial = tables or {}
        self._tables: dict[str, dict[Any, Any]] = {kind: initial.get(kind, {}) for kind in KINDS}
        self.customers: dict[int, Customer] = self._tables[CUSTOMER]
        self.items: dict[str, Item] = self._tables[ITEM]
        self.billograms: dict[str, Billogram] = self._tables[BILLOGRAM]
        self.payments: dict[str, IncomingPayment] = self._tables[PAYMENT]  # in order of arrival
        self.sources: dict[str, PaymentSource] = self._tables[SOURCE]  # in order of creation
        self.outcomes: dict[str, OutcomePlan] = self._tables[OUTCOMES]
        self.tabs: dict[str, BillingTab] = self._tables[TAB]  # in order of creation, like their rows
        self.tab_rows: dict[str, TabRow] = self._tables[TAB_ROW]
        self.customer_tabs: dict[int, CustomerTabs] = self._tables[CUSTOMER_TABS]
        self.reports: dict[str, Report] = self._tables[REPORT]  # in order of creation
        self.offers: dict[str, Offer] = self._tables[OFFER]  # in order of creation
        # indexes
        self._sources_of: dict[int, tuple[str, ...]] = {}  # by customer
        self.customer_order: list[int] = []
        self.item_order: list[tuple[int, int, str]] = []
        self._ids: dict[int, str] = {}  # of billograms, by number
        self.unique_values: dict[str, str] = {}  # of deleted billograms too: they are never free again [D]
        self.invoice_numbers: dict[int, str] = {}  # of billograms, also those that drafts reserve
        self.document_numbers: dict[int, str] = {}  # of later invoices and credit invoices
        self._all = Buckets()  # one bucket: the billograms that are not deleted
        self._by_state = Buckets()
        self._by_customer = Buckets()
        self.ocr_numbers: dict[str, str] = {}
        self.letters: dict[str, str] = {}  # billogram by letter id, in the order of the documents' creation
        self._payments_of: dict[str, tuple[str, ...]] = {}  # by billogram, payments allocated to it
        self._rows_of: dict[str, list[str]] = {}  # by billing tab, in order of creation
        self.tab_keys: dict[tuple[int, str], str] = {}  # row by owner and deduplication key
        self._open_claims: dict[str, int] = {}  # by currency: how many there are
        self.agenda = Agenda()

    @property
    def account(self) -> Account:
        """The values of the account itself."""
        account: Account = self._tables[ACCOUNT][""]
        return account

    def find(self, kind: str, key: Any) -> Any:
        """Return the aggregate, or None."""
        return self._tables[kind].get(key)

    def restore_billograms(self, keys: Sequence[str], entries: BillogramEntries) -> None:
        """Add billograms of the table to the indexes. Call this in the order of their numbers."""
        self._ids.update(zip(entries.numbers, keys, strict=True))
        self.unique_values.update(_present_values(entries.unique_values, keys))
        self.invoice_numbers.update(_present_values(entries.invoice_numbers, keys))
        self.ocr_numbers.update(_present_values(entries.ocr_numbers, keys))
        for key, of_documents in zip(keys, entries.document_numbers, strict=True):
            self.document_numbers.update(dict.fromkeys(of_documents, key))
        for currency in entries.open_currencies:
            if currency is not None:
                self._open_claims[currency] = self._open_claims.get(currency, 0) + 1
        entered = [state is not None for state in entries.states]
        numbers = list(compress(entries.numbers, entered))
        remaining = list(compress(entries.remaining, entered))
        if numbers:
            self._all.restore([_ALL] * len(numbers), numbers, remaining)
            self._by_state.restore(list(compress(entries.states, entered)), numbers, remaining)
            self._by_customer.restore(list(compress(entries.customers, entered)), numbers, remaining)
        self.agenda.restore(keys, entries.due)

    def restore_payments(self, keys: Sequence[str], entries: PaymentEntries) -> None:
        """Add payments of the table to the indexes. Call this in the order of their numbers."""
        for key, billograms in zip(keys, entries.billograms, strict=True):
            for billogram in billograms:
                self._payments_of[billogram] = (*self._payments_of.get(billogram, ()), key)
        self.agenda.restore(keys, entries.due)

    def restore_tabs(self, keys: Sequence[str], entries: TabEntries) -> None:
        """Add billing tabs of the table to the agenda. Call this in the order of their numbers."""
        self.agenda.restore(keys, entries.due)

    def restore_tab_rows(self, keys: Sequence[str], entries: TabRowEntries) -> None:
        """Add rows of billing tabs to the indexes. Call this in the order of their numbers."""
        for key, tab in zip(keys, entries.tabs, strict=True):
            self._rows_of.setdefault(tab, []).append(key)
        for key, owner, own in zip(keys, entries.owners, entries.keys, strict=True):
            if own is not None:
                self.tab_keys[owner, own] = key

    def restore_rest(self) -> None:
        """Add customers, items and mandates of the tables to the indexes."""
        self.customer_order.extend(sorted(self.customers))
        self.item_order.extend(sorted(map(item_rank, self.items)))
        for key, source in self.sources.items():
            self._index_source(key, None, source)
        self._plan_reports(self.account.timezone)
        self._plan_efaktura(self.account.timezone)

    def share(self, other: "State") -> Iterator[None]:
        """Replace values by the equal ones of another state, to save memory.

        This is for accounts with a common past. It yields after each value, so that the caller can let other
        tasks run.
        """
        for kind, table in self._tables.items():
            theirs = other.table(kind)
            for key in table:
                mine, theirs_value = _raw(table, key), _raw(theirs, key)
                if mine is not theirs_value and theirs_value is not None and _equal(mine, theirs_value):
                    lazy = isinstance(table, LazyTable) or type(theirs_value) is not Packed
                    table[key] = theirs_value if lazy else theirs_value.unpacked()
                yield
        theirs_by_key: dict[Any, Any] = {}  # the key objects of the other state, by an equal key
        for index in other.keyed():
            for key in index:
                theirs_by_key[key] = key
                yield
        for index in self.keyed():
            shared: dict[Any, Any] = {}
            for key, value in dict.items(index):
                held = theirs_by_key.get(value, value) if type(value) is str else value
                shared[theirs_by_key.get(key, key)] = held
                yield
            index.clear()  # an assignment to an existing key keeps the old key object
            index.update(shared)
        for buckets in (self._all, self._by_state, self._by_customer):
            for bucket in buckets.of.values():
                for place, number in enumerate(bucket.order):
                    bucket.order[place] = theirs_by_key.get(number, number)
                    yield
        for rows in self._rows_of.values():
            rows[:] = [theirs_by_key.get(key, key) for key in rows]
            yield
        yield from self.agenda.share(other.agenda)

    def keyed(self) -> list[dict[Any, Any]]:
        """Return the tables, and the indexes whose keys are ids or numbers."""
        numbers = (self._ids, self.unique_values, self.invoice_numbers, self.document_numbers)
        return [*self._tables.values(), *numbers, self.ocr_numbers, self.letters, self.tab_keys]

    def agenda_object(self, key: str) -> Subject:
        """Return the object of an entry of the agenda."""
        if key == REPORTS_KEY:
            return self.report_plan
        if key == EFAKTURA_KEY:
            return self.efaktura_day
        return self.billograms.get(key) or self.sources.get(key) or self.tabs.get(key) or self.payments[key]

    @property
    def report_plan(self) -> ReportPlan:
        """When reports will be made."""
        found: ReportPlan | None = self._tables[REPORT_PLAN].get("")
        return ReportPlan() if found is None else found

    @property
    def open_currencies(self) -> tuple[str, ...]:
        """The currencies of the open claims, in alphabetical order."""
        return tuple(sorted(self._open_claims))

    def _plan_reports(self, timezone: str) -> None:
        self.agenda.put(REPORTS_KEY, report_due(self.report_plan, bool(self._open_claims), timezone))

    @property
    def efaktura_day(self) -> EfakturaDay:
        """The registrations for the next nightly file."""
        found: EfakturaDay | None = self._tables[EFAKTURA].get("")
        return EfakturaDay() if found is None else found

    def _plan_efaktura(self, timezone: str) -> None:
        self.agenda.put(EFAKTURA_KEY, efaktura_due(self.efaktura_day, timezone))

    def table(self, kind: str) -> Mapping[Any, Any]:
        """Return all aggregates of a kind by key."""
        return self._tables[kind]

    def raw_table(self, kind: str) -> dict[Any, Any]:
        """Return a copy of a table without unpacking its values."""
        return dict(dict.items(self._tables[kind]))

    def count(self, kind: str) -> int:
        """Return how many aggregates of a kind there are."""
        return len(self._tables[kind])

    def put(self, kind: str, key: Any, new: Any) -> Any:
        """Replace one aggregate (None: remove it), update the indexes, and return the old aggregate.

        A series of puts is undone by putting the old aggregates back in reverse order.
        """
        table = self._tables[kind]
        old = table.get(key)
        if new is None:
            del table[key]
        else:
            table[key] = new
        if kind == BILLOGRAM:
            self._index_billogram(key, old, new)
        elif kind == CUSTOMER:
            _index(self.customer_order, key, old, new)
        elif kind == ITEM:
            _index(self.item_order, item_rank(key), old, new)
        elif kind == PAYMENT:
            self._index_payment(key, old, new)
        elif kind == SOURCE:
            self._index_source(key, old, new)
        elif kind == TAB:
            self.agenda.put(key, None if new is None else tab_due(new, self.account.timezone))
        elif kind == REPORT_PLAN:
            self._plan_reports(self.account.timezone)
        elif kind == EFAKTURA:
            self._plan_efaktura(self.account.timezone)
        elif kind == TAB_ROW:
            self._index_tab_row(key, old, new)
        elif kind == ACCOUNT and old and new and dunning_inputs(old) != dunning_inputs(new):
            for billogram in self.billograms.values():
                self.agenda.put(billogram.id, next_due(billogram, new))
            for source in self.sources.values():
                self.agenda.put(source.id, source_due(source, new.timezone))
            self._plan_reports(new.timezone)
            self._plan_efaktura(new.timezone)
            for tabs in self.customer_tabs.values():
                if tabs.active is not None:
                    self.agenda.put(tabs.active, tab_due(self.tabs[tabs.active], new.timezone))
        return old

    def _index_source(self, key: str, old: PaymentSource | None, new: PaymentSource | None) -> None:
        if old is not None:
            remaining = tuple(each for each in self._sources_of[old.customer_no] if each != key)
            self._sources_of[old.customer_no] = remaining
            if not remaining:
                del self._sources_of[old.customer_no]
        if new is not None:
            held = (*self._sources_of.get(new.customer_no, ()), key)
            self._sources_of[new.customer_no] = tuple(
                sorted(held, key=lambda each: self.sources[each].number)
            )
        self.agenda.put(key, None if new is None else source_due(new, self.account.timezone))

    def sources_of(self, customer_no: int) -> list[PaymentSource]:
        """Return the mandates of a customer, in order of creation."""
        return [self.sources[key] for key in self._sources_of.get(customer_no, ())]

    @property
    def sale_offers(self) -> tuple[str, ...]:
        """The ids of the sale offers in order of creation: those of a billogram that is sent now."""
        return tuple([each.offer_id for each in self.offers.values() if each.item is not None])

    def _index_tab_row(self, key: str, old: TabRow | None, new: TabRow | None) -> None:
        if old is None and new is not None:
            self._rows_of.setdefault(new.tab, []).append(key)
            if new.key is not None:
                self.tab_keys[new.owner, new.key] = key
        elif old is not None and new is None:  # its creation is undone: it is the last one
            last = self._rows_of[old.tab].pop()
            assert last == key, "puts are undone in reverse order"
            if not self._rows_of[old.tab]:
                del self._rows_of[old.tab]
            if old.key is not None:
                del self.tab_keys[old.owner, old.key]

    def rows_of(self, tab: str) -> list[TabRow]:
        """Return the rows of a billing tab that are not deleted, in order of creation."""
        return [row for key in self._rows_of.get(tab, ()) if not (row := self.tab_rows[key]).deleted]

    def _index_payment(self, key: str, old: IncomingPayment | None, new: IncomingPayment | None) -> None:
        was = set() if old is None else {part.billogram for part in old.allocations}
        now = set() if new is None else {part.billogram for part in new.allocations}
        for billogram in was - now:
            remaining = tuple(each for each in self._payments_of[billogram] if each != key)
            self._payments_of[billogram] = remaining
            if not remaining:
                del self._payments_of[billogram]
        for billogram in now - was:
            of_billogram = (*self._payments_of.get(billogram, ()), key)
            # a payment can be allocated after a later one
            self._payments_of[billogram] = tuple(
                sorted(of_billogram, key=lambda each: self.payments[each].number)
            )
        number = 0
        if new is not None and new.planned_recall is not None and new.allocations:
            number = self.billograms[new.allocations[0].billogram].number
        self.agenda.put(key, None if new is None else recall_due(new, number))

    def payments_of(self, billogram: str) -> list[IncomingPayment]:
        """Return the payments with a part that was allocated to this billogram, in order of creation."""
        return [self.payments[key] for key in self._payments_of.get(billogram, ())]

    def _index_billogram(self, key: str, old: Billogram | None, new: Billogram | None) -> None:
        if old is None and new is not None:
            self._ids[new.number] = key
            if new.creditor_unique_value is not None:
                self.unique_values[new.creditor_unique_value] = key
        elif old is not None and new is None:
            del self._ids[old.number]
            if old.creditor_unique_value is not None:
                del self.unique_values[old.creditor_unique_value]
        left = None if old is None or old.internal is _DELETED else old
        entered = None if new is None or new.internal is _DELETED else new
        self._index_numbers(key, left, entered)
        self._index_documents(key, old, new)
        self.agenda.put(key, None if entered is None else next_due(entered, self.account))
        was_open, now_open = open_currency(old), open_currency(new)
        if was_open != now_open:
            self._index_open_claim(was_open, now_open)
        was, now = _bucket_values(left), _bucket_values(entered)
        if was != now:
            for index, buckets in enumerate((self._all, self._by_state, self._by_customer)):
                if was is not None and now is not None and was[index] == now[index]:
                    if was[-1] != now[-1]:
                        buckets.change(now[index], was[-1], now[-1])
                    continue
                if was is not None:
                    buckets.leave(was[index], was[-2], was[-1])
                if now is not None:
                    buckets.enter(now[index], now[-2], now[-1])

    def _index_open_claim(self, was: str | None, now: str | None) -> None:
        """Count an open claim that is new, has ended, or has changed its currency."""
        if now is not None:
            self._open_claims[now] = self._open_claims.get(now, 0) + 1
        if was is not None:
            self._open_claims[was] -= 1
            if not self._open_claims[was]:
                del self._open_claims[was]
        self._plan_reports(self.account.timezone)

    def _index_numbers(self, key: str, left: Billogram | None, entered: Billogram | None) -> None:
        if left is not None:
            if left.invoice_no is not None:
                del self.invoice_numbers[left.invoice_no]
            if left.ocr_number is not None:
                del self.ocr_numbers[left.ocr_number]
        if entered is not None:
            if entered.invoice_no is not None:
                self.invoice_numbers[entered.invoice_no] = key
            if entered.ocr_number is not None:
                self.ocr_numbers[entered.ocr_number] = key

    def _index_documents(self, key: str, old: Billogram | None, new: Billogram | None) -> None:
        was: tuple[Document, ...] = () if old is None else old.documents
        now: tuple[Document, ...] = () if new is None else new.documents
        for document in was[len(now) :]:
            del self.letters[document.letter_id]
            if all(document.invoice_no != each.invoice_no for each in now):
                self.document_numbers.pop(document.invoice_no, None)
        for document in now[len(was) :]:
            self.letters[document.letter_id] = key
            if new is not None and document.invoice_no != new.invoice_no:
                self.document_numbers[document.invoice_no] = key

    def image(self) -> dict[str, Any]:
        """Return tables and indexes as plain values. Two states are equal if their images are equal."""
        indexes = {name: _plain(value) for name, value in sorted(vars(self).items())}
        return indexes | {"_tables": {kind: dict(table.items()) for kind, table in self._tables.items()}}

    def copy(self) -> "State":
        """Return a copy that changes independently. It shares the aggregates, because they are immutable."""
        other = State({kind: _copied(table) for kind, table in self._tables.items()})
        for name, value in vars(self).items():
            if any(value is table for table in self._tables.values()):
                continue
            mine = getattr(other, name)
            if isinstance(value, Buckets):
                mine.of = {
                    key: Bucket(list(bucket.order), bucket.remaining) for key, bucket in value.of.items()
                }
            elif isinstance(value, Agenda):
                other.agenda = value.copy()
            elif isinstance(value, list):
                mine.extend(value)
            elif value is self._rows_of:
                mine.update({key: list(rows) for key, rows in value.items()})
            elif name != "_tables" and value is not mine:
                mine.update(value)
        return other

    # reading in order

    def bucket(self) -> Bucket:
        """Return the bucket of all billograms that are not deleted."""
        return self._all.of.get(_ALL) or _EMPTY

    def bucket_of_state(self, state: str) -> Bucket:
        """Return the bucket of the billograms in this public state."""
        return self._by_state.of.get(state) or _EMPTY

    def bucket_of_customer(self, customer_no: int) -> Bucket:
        """Return the bucket of the billograms whose copied customer has this number."""
        return self._by_customer.of.get(customer_no) or _EMPTY

    def states(self) -> Iterable[str]:
        """Return the public states of all billograms."""
        return self._by_state.of.keys()

    def unpack_billograms(self, numbers: Iterable[int]) -> None:
        """Unpack the billograms with these numbers, as far as they are there."""
        for number in numbers:
            self.billograms.get(self._ids.get(number, ""))

    def billograms_of(self, numbers: Iterable[int]) -> list[Billogram]:
        """Return the billograms with these numbers."""
        return [self.billograms[self._ids[number]] for number in numbers]


def _copied(table: dict[Any, Any]) -> dict[Any, Any]:
    return LazyTable(dict.items(table)) if isinstance(table, LazyTable) else dict(table)


def _raw(table: Mapping[Any, Any], key: Any) -> Any:
    return table.raw(key) if isinstance(table, LazyTable) else table.get(key)


def _equal(mine: Any, theirs: Any) -> bool:
    if type(mine) is Packed and type(theirs) is Packed and mine.body is not None and theirs.body is not None:
        return mine.body == theirs.body
    plain = [each.unpacked() if type(each) is Packed else each for each in (mine, theirs)]
    return bool(plain[0] == plain[1])


def _plain(value: Any) -> Any:
    if isinstance(value, Buckets):
        return {key: (list(bucket.order), bucket.remaining) for key, bucket in value.of.items()}
    if isinstance(value, Agenda):
        return value.entries()
    if isinstance(value, dict):
        return {key: list(each) if isinstance(each, list) else each for key, each in value.items()}
    return list(value) if isinstance(value, list) else value


def _present_values(values: Iterable[Number | None], keys: Iterable[str]) -> Iterable[tuple[Number, str]]:
    return [(value, key) for value, key in zip(values, keys, strict=True) if value is not None]


_EMPTY = Bucket([], money.ZERO)  # nothing is ever added to it


def merged_slice(orders: list[list[int]], start: int, stop: int | None) -> list[int]:
    """Return a slice of the orders merged into one."""
    if len(orders) == 1:
        return orders[0][start:stop]
    count = sum(map(len, orders))  # islice raises an error for an end beyond sys.maxsize
    return list(islice(merge(*orders), min(start, count), count if stop is None else min(stop, count)))


def dunning_inputs(account: Account) -> tuple[object, ...]:
    """Return the values of an account that the deadlines of all its billograms depend on, and since when."""
    return account.dunning_changed_at, *agenda_inputs(account)


def open_currency(billogram: Billogram | None) -> str | None:
    """Return the currency of an open claim: sent, not ended and not sold; None of any other billogram."""
    if billogram is None or billogram.internal not in _OPEN:
        return None
    return billogram.content.terms.currency


def _bucket_values(billogram: Billogram | None) -> tuple[str, str, int, int, Decimal] | None:
    if billogram is None:
        return None
    return (
        _ALL,
        public_state(billogram),
        billogram.recipient.customer_no,
        billogram.number,
        billogram.sums.remaining,
    )


def _index(order: list[K], key: K, old: object, new: object) -> None:
    if old is None and new is not None:
        _insert(order, key)
    elif old is not None and new is None:
        _remove(order, key)


def _insert(order: list[K], key: K) -> None:
    if order and key < order[-1]:
        insort(order, key)
    else:
        order.append(key)


def _remove(order: list[K], key: K) -> None:
    del order[bisect_left(order, key)]
