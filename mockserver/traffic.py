"""What passed by: the journal of the requests to Billogram's API, per account and bounded, and the faults.

Nothing here is in the log, and nothing that decides reads it: it is for people who want to know what a client
sent and why the answer was no. `begin` and `finish` run for every request: each costs a microsecond or two.
"""

from collections import OrderedDict
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from msgspec import Struct

from mockserver.core import numbers

MAX_KEPT_BODY = 16 * 1024  # bytes
MAX_KEPT_PATH = 4096  # characters, as those below
MAX_KEPT_MESSAGE = 1000  # it may quote a key that the client made up
MAX_KEPT_TEXT = 200
MAX_FAULTS = 100  # of an account [A]
MAX_COMPARED = 20  # members; of a tuple in it too

Body = bytes  # `bytes` itself is a property in `Traffic`

_LARGEST_NUMBER = 200  # bytes of an object: a number of about 200 digits. A client may send one of a megabyte
_FIXED_COST = 800  # bytes of an entry beside its texts: measured 620 to 740 allocated, 690 to 870 resident
_PLAIN = {str, int, Decimal, bool, type(None), date, datetime}
# HTTP servers make the text anew for each request: these are shared, others are cut
_METHODS = {name: name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


class Entry(Struct, gc=False, eq=False):
    """One request of an account; all that is None becomes known when it is finished, or never."""

    id: str
    account: str  # its stream: a reset begins anew
    number: int  # from 1 within the account's journal
    at: datetime
    method: str
    path: str  # with the query string; cut
    body: bytes  # cut
    body_size: int  # before the cut
    status: int | None = None  # of HTTP; None while the request runs
    error: str | None = None  # the API's identifier
    rule: str | None = None
    message: str | None = None
    compared: dict[str, Any] | None = None  # by the rule; see `shallow`
    field: str | None = None  # that is to blame, and the path of the object that holds it
    field_path: tuple[str | int, ...] | None = None
    duration_ms: float | None = None
    after: tuple[int, int, int] | None = None  # of a refused one: acts, notes, refusals of the account then
    cost: int = 0  # bytes that the journal counts for it; 0: it is not kept any longer


class Fault(Struct, gc=False, eq=False):
    """What goes wrong with requests of an account: those that it matches, after some, so many times.

    `operation` is a method and a path as its row has it. `fail` is None where there is only latency.
    """

    number: int  # from 1 among those that the account ever had
    operation: str | None
    command: str | None
    times: int | None
    after: int
    probability: float | None
    latency: str | None
    fail: str | None
    seen: int = 0  # requests that it matched
    hits: int = 0  # of these, the ones that it struck

    def strikes(self, seed: int, operation: str, command: str | None) -> bool:
        """Whether this request is struck: counted, and drawn from the seed and the count."""
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
        """The number of the next one."""
        return self._made.get(account, 0) + 1

    def add(self, account: str, fault: Fault) -> bool:
        """One more; False when there are too many."""
        laid = self._of.setdefault(account, [])
        if len(laid) >= MAX_FAULTS:
            return False
        laid.append(fault)
        self._made[account] = fault.number
        return True

    def all(self, account: str) -> list[Fault]:
        """Those of an account."""
        return list(self._of.get(account, ()))

    def clear(self, account: str) -> None:
        """Nothing goes wrong any more."""
        self._of.pop(account, None)

    def strike(self, account: str, seed: int, method: str, path: str, command: str | None) -> Fault | None:
        """The first that strikes this request; those behind it don't see it [A]."""
        laid = self._of.get(account)
        if not laid:
            return None
        operation = f"{method} {path}"
        return next((fault for fault in laid if fault.strikes(seed, operation, command)), None)

    def forget(self, account: str) -> None:
        """The account was removed, reset or restored."""
        self.clear(account)
        self._made.pop(account, None)


class _Journal:
    """The entries of one account, by request id, oldest first."""

    __slots__ = ("account", "bytes", "count", "entries", "newest")

    def __init__(self, account: str) -> None:
        self.account = account
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.newest: Entry | None = None
        self.count = 0
        self.bytes = 0


class Traffic:
    """The journals of all accounts.

    Bounded by entries and bytes per account and by bytes in all. An account's oldest entries go first; among
    accounts, those that have been followed by another of their account for longest. So the newest entry of an
    account always stays, and only such entries can together be more than the bytes in all.
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
        # all that may go, next first. OrderedDict, here and above: the first of a dict whose first ones
        # were deleted is found only by walking over their gaps
        self._followed: OrderedDict[Entry, None] = OrderedDict()
        self._bytes = 0
        self.faults = Faults()

    @property
    def bytes(self) -> int:
        """What all entries cost."""
        return self._bytes

    def begin(self, account: str, request_id: str, at: datetime, method: str, path: str, body: Body) -> Entry:
        """A request came. One with the id of an entry of this account takes its place, as the newest."""
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
            journal.account,  # shared, as the method
            journal.count,
            at,
            _METHODS.get(method) or method[:MAX_KEPT_TEXT],
            path[:MAX_KEPT_PATH],
            body[:MAX_KEPT_BODY],
            len(body),
        )
        journal.newest = journal.entries[request_id] = entry
        self._count(journal, entry, _cost(entry))
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
    ) -> None:
        """A request was answered. An entry that is not kept any longer is filled in all the same."""
        entry.status = status
        entry.after = after
        entry.duration_ms = duration_ms
        entry.error = error and error[:MAX_KEPT_TEXT]
        entry.rule = rule and rule[:MAX_KEPT_TEXT]
        entry.message = message and message[:MAX_KEPT_MESSAGE]
        entry.compared = None if compared is None else shallow(compared)
        entry.field = field and field[:MAX_KEPT_TEXT]
        entry.field_path = None if field is None else field_path
        if entry.cost:
            cost = _cost(entry)
            if cost != entry.cost:
                self._count(self._journals[entry.account], entry, cost)

    def entries(self, account: str) -> list[Entry]:
        """The journal of an account, oldest first."""
        journal = self._journals.get(account)
        return [] if journal is None else list(journal.entries.values())

    def find(self, account: str, request_id: str) -> Entry | None:
        """The entry of a request, if it is kept."""
        journal = self._journals.get(account)
        return None if journal is None else journal.entries.get(request_id)

    def forget(self, account: str) -> None:
        """The account was removed, reset or restored: journal and faults go, and numbers start anew."""
        self.faults.forget(account)
        journal = self._journals.pop(account, None)
        if journal is not None:
            for entry in list(journal.entries.values()):
                self._drop(journal, entry)

    def _count(self, journal: _Journal, entry: Entry, cost: int) -> None:
        """An entry costs so much now. Others, or it itself, may have to go for it."""
        more = cost - entry.cost
        entry.cost = cost
        journal.bytes += more
        self._bytes += more
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
    """What a rule compared, small enough to keep: plain values, short tuples of them, texts of all else."""
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
    except (ValueError, RecursionError):  # what a client sent may have too many digits, or be nested too deep
        return f"<{kind.__name__}>"


def _cost(entry: Entry) -> int:
    """Bytes of memory. Identifiers of errors and names of rules are shared with the code that has them."""
    path = entry.path
    cost = _FIXED_COST + len(entry.id) + len(entry.method) + len(entry.body)
    cost += len(path) if path.isascii() else 4 * len(path)
    if entry.message is not None:
        cost += entry.message.__sizeof__()
    if entry.field is not None:  # the steps of its path are names that the API knows
        cost += entry.field.__sizeof__() + entry.field_path.__sizeof__()
    if entry.compared is not None:
        cost += entry.compared.__sizeof__()
        for value in entry.compared.values():
            cost += value.__sizeof__()  # half the time of sys.getsizeof
            if type(value) is tuple:
                cost += sum([each.__sizeof__() for each in value])
    return cost
