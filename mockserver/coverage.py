"""Coverage: what the traffic of clients has exercised, counted per account (reference: control 8).

As the journal, the counts are not in the log. A request and an act add one to one counter each; its key holds
what happened as it is. `control/coverage.py` makes items and percentages of the counters when they are asked
for. What the dashboard sends does not count, nor do fixtures: their acts come from another application. What
a clock brings counts, whoever waits for it [A].
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from msgspec import Struct
from starlette.types import Scope

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.callbacks import Planned
from mockserver.core.events import EVENTS, AttemptMade, BillogramEvent, LetterEvent, Record
from mockserver.core.funds import TRANSFER, IncomingPayment
from mockserver.core.machine import public_state
from mockserver.core.sepa import CANCELLATION, REJECT, TRANSFER_RECALL
from mockserver.core.state import BILLOGRAM, PAYMENT
from mockserver.emulator import Emulator, LiveAccount
from mockserver.in_process import DASHBOARD
from mockserver.ledger import Watcher

# the first member of a key; the comment names the others. A key that is a text is the id of an operation
DETAILED = "detailed"  # id of an operation, and two words of a request that succeeded
REFUSED = "refused"  # identifier of the error, None on the control plane; rule
EVENT = "event"  # type
STATE = "state"  # as the API shows it
TRANSITION = "transition"  # rule of the act, states before and after, as the API shows them, types of events
PAID = "payment"  # scheme, outcome
RECALLED = "recall"  # type in the table of SEPA, code or None
DELIVERED = "delivery"  # method
ATTEMPT = "attempt"  # type of callback, answer of the receiver
_ACT = "act"  # rule, states before and after, types of events and delivery methods; see `_keys_of`

ACCEPTED, ERROR, NEVER = "2xx", "error", "never"
ANSWERS = (ACCEPTED, ERROR, NEVER)
PARTS = ("unmatched", "adjustment", "liability", "recalled")  # of the amount of a payment

_KEYS = 10_000  # of an account: far more than there is to count
_CAUSES = 1000  # of the dashboard: attempts of their callbacks may follow later
_FEW = 10  # members of a key of an act; one with more is counted by its parts: there are many such acts
_LETTERS = frozenset(each for each in EVENTS if issubclass(each, LetterEvent))
_MORE = (events.PaymentStored, events.RecallMade, events.RespiteEnded)  # see `_count_more`
_BEGINS = (events.AccountOpened, events.AccountLoaded)  # an account that is new, or was reset

Key = str | tuple[Any, ...]


class Tally(Struct, gc=False):
    """How often something happened, and the id of the newest request that caused it, if any.

    `more` says of an act that it has events that are counted one by one.
    """

    count: int
    request: str | None
    more: bool = False


Counts = dict[Key, Tally]

_uncounted: ContextVar[bool] = ContextVar("uncounted", default=False)


def counts(scope: Scope) -> bool:
    """Whether a request counts: the dashboard did not send it, nor a scenario that the dashboard started."""
    return DASHBOARD not in scope and not _uncounted.get()


@contextmanager
def uncounted() -> Iterator[None]:
    """Do not count requests that are sent in this context, in this process."""
    token = _uncounted.set(True)
    try:
        yield
    finally:
        _uncounted.reset(token)


class Coverage(Watcher):
    """The counts of all accounts. The ledger notifies it of acts once they are durable."""

    def __init__(self, emulator: Emulator) -> None:
        self._of: dict[str, Counts] = {}
        self._earlier: Counts = {}  # of accounts from before a reset or removal, and of no account
        self._ignored: dict[str, None] = {}  # ids of requests of the dashboard, oldest first
        emulator.subscribe(self)
        emulator.on_act = self._acted

    def of(self, account: str) -> Counts:
        """The counts of one account, since it was created or reset, or its counts were removed."""
        return _by_part(self._of.get(account, {}))

    def all(self) -> list[tuple[str | None, Counts]]:
        """The counts of every account by its id, and with None those of accounts that are gone."""
        return [(name, _by_part(found)) for name, found in [*self._of.items(), (None, self._earlier)]]

    def clear(self, account: str | None = None) -> None:
        """Remove the counts of one account, or all counts."""
        if account is not None:
            self._of.pop(account, None)
        else:
            self._of.clear()
            self._earlier.clear()

    def ignore(self, cause: str) -> None:
        """Do not count the acts of this request, nor the attempts of their callbacks."""
        self._ignored[cause] = None
        if len(self._ignored) > _CAUSES:
            del self._ignored[next(iter(self._ignored))]

    def succeeded(self, account: str, operation: str, request: str) -> None:
        """Count a request that succeeded."""
        try:
            tally = self._of[account][operation]
        except KeyError:
            self.add(account, operation, request)
        else:
            tally.count += 1
            tally.request = request

    def add(self, account: str | None, key: Key, request: str | None, *, more: bool = False) -> None:
        """Count something that a request of an account did. Without an account it counts for all alone."""
        if account is None:
            found = self._earlier
        elif account in self._of:
            found = self._of[account]
        else:
            found = self._of[account] = {}
        tally = found.get(key)
        if tally is not None:
            tally.count += 1
            tally.request = request or tally.request
        elif len(found) < _KEYS:
            found[key] = Tally(1, request, more)

    def attempted(self, live: LiveAccount, planned: Planned, made: AttemptMade) -> None:
        """Count the answer of a receiver to a callback."""
        if planned.cause in self._ignored:
            return
        code = made.status_code
        answer = NEVER if code is None else ACCEPTED if 200 <= code < 300 else ERROR
        self.add(
            live.id, (ATTEMPT, planned.type, answer), None if planned.cause == "clock" else planned.cause
        )

    # what the ledger notifies of

    def gone(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        """Keep the counts of an account that was removed, for those of all."""
        if successor is None:
            self._end(live.id)

    def _acted(self, live: LiveAccount, act: Act, record: Record, before: list[tuple[str, Any, Any]]) -> None:
        """Count the events of an act, and the states that it changed."""
        cause = record.cause
        if cause in self._ignored:
            return
        name, request = live.id, _request_of(cause)
        parts: list[Any] = [_ACT, record.rule, act.public_states()]
        for event in act.events:
            kind = type(event)
            parts.append(kind)
            if kind in _LETTERS:
                parts.append(event.delivery_method)  # type: ignore[attr-defined]  # mypy does not know the set
        key = tuple(parts)
        try:
            tally = self._of[name][key]
        except KeyError:
            more = self._first(name, key, request)
        else:
            tally.count += 1
            tally.request = request or tally.request
            more = tally.more
        if more:
            self._count_more(name, act, before, request)

    def _first(self, name: str, key: tuple[Any, ...], request: str | None) -> bool:
        """Count an act whose like was not counted yet. Return whether it has more to count."""
        more = any(kind in key for kind in _MORE)
        if any(kind in key for kind in _BEGINS):
            self._end(name)
        elif len(key) <= _FEW:
            self.add(name, key, request, more=more)
        else:
            for each in _keys_of(*key[1:]):
                self.add(name, each, request)
        return more

    def _count_more(
        self,
        name: str,
        act: Act,
        before: list[tuple[str, Any, Any]],
        request: str | None,
    ) -> None:
        """Count payments, recalls, and the end of a respite, which is no event of Billogram."""
        recalls = [event.recall for event in act.events if isinstance(event, events.RecallMade)]
        for recall in recalls:
            of_transfer = recall.scheme == TRANSFER and recall.type == CANCELLATION
            self.add(name, (RECALLED, TRANSFER_RECALL if of_transfer else recall.type, recall.code), request)
        for kind, key, old in before:
            new = act.changes[kind, key]
            if kind == PAYMENT:
                self._count_payment(name, old, new, request, recalled=bool(recalls))
            elif kind == BILLOGRAM and len(act.events) == 1 and public_state(old) != public_state(new):
                self.add(name, (STATE, public_state(new)), request)  # a respite ended

    def _end(self, account: str) -> None:
        _merge(self._earlier, self._of.pop(account, {}))

    def _count_payment(
        self,
        name: str,
        old: IncomingPayment | None,
        new: IncomingPayment,
        request: str | None,
        *,
        recalled: bool,
    ) -> None:
        if old is None or old.status != new.status:
            self.add(name, (PAID, new.scheme, new.status), request)
            if new.failure is not None and not recalled:  # the bank refused it, as it was configured
                self.add(name, (RECALLED, REJECT, new.failure), request)
        for part in PARTS:
            if getattr(new, part) > (getattr(old, part) if old is not None else 0):
                self.add(name, (PAID, new.scheme, part), request)


def _request_of(cause: str) -> str | None:
    return None if cause == "clock" else cause


def _merge(into: Counts, more: Counts) -> None:
    for key, tally in more.items():
        known = into.setdefault(key, Tally(0, None))
        known.count += tally.count
        known.request = tally.request or known.request


def _by_part(found: Counts) -> Counts:
    """The counts with the parts of acts instead of acts."""
    parts: Counts = {}
    for key, tally in found.items():
        for part in _keys_of(*key[1:]) if key[0] == _ACT else [key]:
            _merge(parts, {part: tally})
    return parts


def _keys_of(rule: str, states: tuple[str, ...], *parts: Any) -> Iterator[Key]:
    types = [each for each in parts if isinstance(each, type)]
    names = tuple(dict.fromkeys(each.__name__ for each in types))
    for part in parts:
        if not isinstance(part, type):
            yield DELIVERED, part
        elif issubclass(part, BillogramEvent):
            yield EVENT, part.__name__
    if events.BillogramCreated in types:
        yield STATE, states[0]
    for before, after in zip(states[::2], states[1::2], strict=True):
        if before != after:
            yield TRANSITION, rule, before, after, names
            yield STATE, after
