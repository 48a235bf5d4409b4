"""The request journal of Billogram's API, bounded and per account, and the configured faults.

Neither is in the log, and no decision depends on the journal: it shows people what a client sent and why a
request was refused. `begin` and `finish` run for every request; each costs a microsecond or two.
"""

from collections import OrderedDict, deque
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from msgspec import Struct

from mockserver.core import numbers

MAX_KEPT_BODY = 16 * 1024  # bytes
MAX_KEPT_ANSWER = 8 * 1024  # bytes
KEPT_ANSWERS = 50  # per account, besides those of refusals
MAX_KEPT_PATH = 4096  # characters, as the two limits below
MAX_KEPT_MESSAGE = 1000  # of a message, which may quote a key that the client sent
MAX_KEPT_TEXT = 200
MAX_FAULTS = 100  # per account [A]
MAX_COMPARED = 20  # members of `compared`, and elements of each tuple in it

Body = bytes  # an alias, since `bytes` is a property in `Traffic`

_LARGEST_NUMBER = 200  # bytes of an object: about 200 digits; a client may send a megabyte of digits
_FIXED_COST = 800  # bytes of an entry without its texts: measured 620 to 740 allocated, 690 to 870 resident
_PLAIN = {str, int, Decimal, bool, type(None), date, datetime}
# HTTP servers create the method text for each request: these are shared, others are truncated
_METHODS = {name: name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


class Entry(Struct, gc=False, eq=False):
    """One request of an account. Fields that are None are set by `finish`, or do not apply."""

    id: str
    account: str  # the stream id, which changes with a reset
    number: int  # from 1 within the account's journal
    at: datetime
    method: str
    path: str  # with the query string; truncated
    body: bytes  # truncated
    body_size: int  # before truncation, in bytes
    dashboard: bool  # whether the dashboard sent it, not a client
    status: int | None = None  # HTTP status; None while the request runs, or when it gets no answer
    error: str | None = None  # the identifier of the API's error
    rule: str | None = None
    message: str | None = None
    compared: dict[str, Any] | None = None  # the values that the rule compared; see `shallow`
    field: str | None = None  # the offending field, and the path of the object that contains it
    field_path: tuple[str | int, ...] | None = None
    duration_ms: float | None = None
    after: tuple[int, int, int] | None = None  # of a refusal: the account's acts, notes, refusals so far
    answer: bytes | None = None  # truncated; None if it is not kept (any more)
    answer_size: int = 0  # before truncation, in bytes
    cost: int = 0  # bytes that the journal counts for the entry; 0: the entry was removed


class Fault(Struct, gc=False, eq=False):
    """A fault that is injected into matching requests of an account.

    `operation` is the method and the path template of an operation; None matches all. `after` is the number
    of matching requests that pass first, `times` the largest number of injections. `fail` is None if the
    fault only adds latency.
    """

    number: int  # counts the faults of the account, from 1
    operation: str | None
    command: str | None
    times: int | None
    after: int
    probability: float | None
    latency: str | None
    fail: str | None
    seen: int = 0  # matching requests so far
    hits: int = 0  # of these, the requests into which it was injected

    def matches(self, seed: int, operation: str, command: str | None) -> bool:
        """Whether to inject the fault into this request, which is counted. A draw uses seed and count."""
        if self.operation not in (None, operation) or self.command not in (None, command):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        if self.probability is not None and not numbers.happens(
            self.probability, seed, "fault", self.number, self.seen
        ):
            return False
        self.hits += 1
        return True


class Faults:
    """The faults of all accounts, oldest first."""

    def __init__(self) -> None:
        self._of: dict[str, list[Fault]] = {}
        self._made: dict[str, int] = {}

    def number(self, account: str) -> int:
        """The number of the next fault of an account."""
        return self._made.get(account, 0) + 1

    def add(self, account: str, fault: Fault) -> bool:
        """Add a fault; False when the account has too many."""
        faults = self._of.setdefault(account, [])
        if len(faults) >= MAX_FAULTS:
            return False
        faults.append(fault)
        self._made[account] = fault.number
        return True

    def all(self, account: str) -> list[Fault]:
        """The faults of an account."""
        return list(self._of.get(account, ()))

    def clear(self, account: str) -> None:
        """Remove the faults of an account; their numbers are not used again."""
        self._of.pop(account, None)

    def match(self, account: str, seed: int, method: str, path: str, command: str | None) -> Fault | None:
        """The first fault that matches a request, or None. Later faults do not count the request [A]."""
        faults = self._of.get(account)
        if not faults:
            return None
        operation = f"{method} {path}"
        return next((fault for fault in faults if fault.matches(seed, operation, command)), None)

    def forget(self, account: str) -> None:
        """Remove the faults and their count, when the account is removed, reset or restored."""
        self.clear(account)
        self._made.pop(account, None)


class _Journal:
    """The entries of one account, by request id, oldest first."""

    __slots__ = ("account", "answered", "bytes", "count", "entries", "newest")

    def __init__(self, account: str) -> None:
        self.account = account
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.answered: deque[str] = deque()  # ids of requests that were not refused, with their answers
        self.newest: Entry | None = None
        self.count = 0
        self.bytes = 0


class Traffic:
    """The journals of all accounts, and their faults.

    The journal is bounded by entries and bytes per account, and by bytes in total. An account's oldest
    entries are removed first; across accounts, the entry that has been followed longest by a newer one of its
    account. So the newest entry of each account is always kept, and only these entries can exceed the total.
    Answers are kept of refusals, and of the newest requests of each account: they are larger than the rest.
    """

    def __init__(
        self,
        *,
        entries_per_account: int = 1000,
        bytes_per_account: int = 1024 * 1024,
        bytes_in_all: int = 64 * 1024 * 1024,
    ) -> None:
        self._entries_per_account = entries_per_account
        self._bytes_per_account = bytes_per_account
        self._bytes_in_all = bytes_in_all
        self._journals: dict[str, _Journal] = {}
        # the entries that may be removed, next one first. OrderedDict, here and above: finding the first key
        # of a dict whose first keys were deleted takes time in proportion to the deleted ones
        self._followed: OrderedDict[Entry, None] = OrderedDict()
        self._bytes = 0
        self.faults = Faults()

    @property
    def bytes(self) -> int:
        """The cost of all entries in bytes."""
        return self._bytes

    def begin(
        self,
        account: str,
        request_id: str,
        at: datetime,
        method: str,
        path: str,
        body: Body,
        dashboard: bool = False,
    ) -> Entry:
        """Record a new request. It replaces an entry of the same account that has the same id."""
        journal = self._journals.get(account)
        if journal is None:
            journal = self._journals[account] = _Journal(account)
        if request_id in journal.entries:
            self._drop(journal, journal.entries[request_id])
        if journal.newest is not None:
            self._followed[journal.newest] = None
        journal.count += 1
        entry = Entry(
            request_id,
            journal.account,  # a shared object, as the method
            journal.count,
            at,
            _METHODS.get(method) or method[:MAX_KEPT_TEXT],
            path[:MAX_KEPT_PATH],
            body[:MAX_KEPT_BODY],
            len(body),
            dashboard,
        )
        journal.newest = journal.entries[request_id] = entry
        entry.cost = _cost(entry)
        journal.bytes += entry.cost
        self._bytes += entry.cost
        self._shrink(journal)
        return entry

    def finish(
        self,
        entry: Entry,
        *,
        status: int | None,
        error: str | None = None,
        rule: str | None = None,
        message: str | None = None,
        compared: dict[str, Any] | None = None,
        field: str | None = None,
        field_path: tuple[str | int, ...] | None = None,
        duration_ms: float,
        after: tuple[int, int, int] | None = None,
        answer: Body = b"",
    ) -> None:
        """Record how a request ended. An entry that was already removed is filled in too."""
        plain = entry.duration_ms is None and message is None and field is None and compared is None
        entry.status = status
        entry.after = after
        entry.duration_ms = duration_ms
        entry.error = error and error[:MAX_KEPT_TEXT]
        entry.rule = rule and rule[:MAX_KEPT_TEXT]
        entry.message = message and message[:MAX_KEPT_MESSAGE]
        entry.compared = None if compared is None else shallow(compared)
        entry.field = field and field[:MAX_KEPT_TEXT]
        entry.field_path = None if field is None else field_path
        entry.answer_size = len(answer)
        if not entry.cost:
            return
        journal = self._journals[entry.account]
        entry.answer = answer[:MAX_KEPT_ANSWER]
        freed = 0
        if rule is None:
            journal.answered.append(entry.id)
            if len(journal.answered) > KEPT_ANSWERS:
                oldest = journal.entries.get(journal.answered.popleft())
                if oldest is not None and oldest.answer is not None:
                    freed = len(oldest.answer)
                    oldest.answer = None
                    oldest.cost -= freed
        cost = entry.cost + len(entry.answer) if plain else _cost(entry)
        more = cost - entry.cost - freed
        entry.cost = cost
        journal.bytes += more
        self._bytes += more
        if more > 0:
            self._shrink(journal)

    def entries(self, account: str) -> list[Entry]:
        """The journal of an account, oldest first."""
        journal = self._journals.get(account)
        return [] if journal is None else list(journal.entries.values())

    def find(self, account: str, request_id: str) -> Entry | None:
        """The entry of a request, or None if it is not kept."""
        journal = self._journals.get(account)
        return None if journal is None else journal.entries.get(request_id)

    def forget(self, account: str) -> None:
        """Remove journal and faults, and restart numbering: after a removal, reset or restore."""
        self.faults.forget(account)
        journal = self._journals.pop(account, None)
        if journal is not None:
            for entry in list(journal.entries.values()):
                self._drop(journal, entry)

    def _shrink(self, journal: _Journal) -> None:
        """Remove entries of the account, and of others, until nothing is above a limit."""
        entries = journal.entries
        while len(entries) > 1 and (
            len(entries) > self._entries_per_account or journal.bytes > self._bytes_per_account
        ):
            self._drop(journal, next(iter(entries.values())))
        while self._bytes > self._bytes_in_all and self._followed:
            oldest = next(iter(self._followed))
            self._drop(self._journals[oldest.account], oldest)

    def _drop(self, journal: _Journal, entry: Entry) -> None:
        del journal.entries[entry.id]
        if entry is journal.newest:
            journal.newest = None
        else:
            del self._followed[entry]
        journal.bytes -= entry.cost
        self._bytes -= entry.cost
        entry.cost = 0


def shallow(compared: dict[str, Any]) -> dict[str, Any]:
    """The values that a rule compared, reduced to plain values, short tuples of them, and texts."""
    members = islice(compared.items(), MAX_COMPARED)
    return {name[:MAX_KEPT_TEXT]: _shallow(value) for name, value in members}


def _shallow(value: Any, member: bool = False) -> Any:
    kind = type(value)
    if kind is str:
        return value[:MAX_KEPT_TEXT]
    if kind in _PLAIN and value.__sizeof__() <= _LARGEST_NUMBER:
        return value
    if kind is tuple and not member and len(value) <= MAX_COMPARED:
        return tuple([_shallow(each, True) for each in value])
    try:
        return str(value)[:MAX_KEPT_TEXT]
    except (ValueError, RecursionError):  # a client's value may have too many digits or be nested too deeply
        return f"<{kind.__name__}>"


def _cost(entry: Entry) -> int:
    """Memory in bytes. Error identifiers and rule names are shared with the code, so they do not count."""
    path = entry.path
    cost = _FIXED_COST + len(entry.id) + len(entry.method) + len(entry.body)
    cost += len(path) if path.isascii() else 4 * len(path)
    if entry.answer is not None:
        cost += len(entry.answer)
    if entry.message is not None:
        cost += entry.message.__sizeof__()
    if entry.field is not None:  # the path consists of names that the API knows, which are shared
        cost += entry.field.__sizeof__() + entry.field_path.__sizeof__()
    if entry.compared is not None:
        cost += entry.compared.__sizeof__()
        for value in entry.compared.values():
            cost += value.__sizeof__()  # half the time of sys.getsizeof
            if type(value) is tuple:
                cost += sum([each.__sizeof__() for each in value])
    return cost
