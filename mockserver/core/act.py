"""An act while it is being decided, and the state as its events so far have changed it."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

from mockserver.core import calendar, effects, numbers
from mockserver.core.events import BillogramEnded, BillogramEvent, Event, Mark
from mockserver.core.evolve import evolve
from mockserver.core.funds import PaymentSource
from mockserver.core.machine import public_state
from mockserver.core.model import Account, Billogram, Customer, Internal, Item, Recipient, replace
from mockserver.core.refusal import Refusal, no_object
from mockserver.core.state import ACCOUNT, BILLOGRAM, CUSTOMER, ITEM, SOURCE, State

T = TypeVar("T")

_DELETED = Internal.DELETED  # here, as finding a member of an enumeration takes its time


class Act:
    """Collects the events of one decision. It reads the state and never changes it.

    A decision adds events in the order in which they are published. `close` then sets the state that their
    callbacks show. Afterwards `events` goes to the log, and `changes` to `State.put`.
    """

    def __init__(self, state: State, now: datetime) -> None:
        self._state = state
        self.now = now
        self.account: Account = state.find(ACCOUNT, "")  # as it is after the events so far
        self.events: list[Event] = []
        self.changes: dict[tuple[str, Any], Any] = {}
        self._today: date | None = None
        self._before: dict[str, str] = {}  # public state from before the act
        self._after: list[str] = []  # public state after each event

    # reading

    def find(self, kind: str, key: Any) -> Any:
        """Return the aggregate as the events so far have changed it, or None."""
        changed = (kind, key)
        return self.changes[changed] if changed in self.changes else self._state.find(kind, key)

    def recipient(self, customer_no: int) -> Recipient:
        """Return the copy of this customer that a billogram created now would hold; billograms share it."""
        return self.customer(customer_no).copy

    @property
    def state(self) -> State:
        """The state before the act. Use it for its indexes only."""
        return self._state

    @property
    def today(self) -> date:
        """The local date of the account."""
        if self._today is None:
            self._today = calendar.local_date(self.now, self.account.timezone)
        return self._today

    def billogram(self, key: str) -> Billogram:
        """Return the billogram with this id. Raise NotFound when it does not exist or was deleted."""
        found: Billogram | None = self.find(BILLOGRAM, key)
        if found is None or found.internal is _DELETED:
            raise no_object(key)
        return found

    def customer(self, customer_no: int) -> Customer:
        """Return the customer with this number. Raise NotFound when it does not exist."""
        found: Customer | None = self.find(CUSTOMER, customer_no)
        if found is None:
            raise no_object(customer_no)
        return found

    def item(self, item_no: str) -> Item | None:
        """Return the item of the register with this number, or None."""
        found: Item | None = self.find(ITEM, item_no)
        return found

    # adding

    def mark(self, billogram: Billogram) -> Mark:
        """Return the mark (billogram, time, uuid) of the next event of this billogram."""
        account = self.account
        uuid = numbers.event_uuid(account.seed, account.generation, billogram.number, len(billogram.events))
        return Mark(billogram.id, self.now, uuid)

    def sources_of(self, customer_no: int) -> list[PaymentSource]:
        """Return the mandates of a customer as the events so far have changed them, in order of creation."""
        changed = {
            key: new for (kind, key), new in self.changes.items() if kind == SOURCE and new is not None
        }
        known = {source.id: source for source in self._state.sources_of(customer_no)} | changed
        return [source for source in known.values() if source.customer_no == customer_no]

    def new_number(self, kind: str) -> int:
        """Return the number of the next aggregate of a kind whose aggregates are never removed."""
        made = sum(each == kind and self._state.find(kind, key) is None for each, key in self.changes)
        return self._state.count(kind) + made + 1

    def new_letter(self, billogram: Billogram) -> str:
        """Return the id of the next document of a billogram."""
        return numbers.letter_id(self.account.seed, billogram.number, len(billogram.documents))

    def add(self, event: Event) -> None:
        """Complete an event with everything that it changes, and apply it."""
        event = effects.complete(self, event)
        if isinstance(event, BillogramEvent):
            key = event.mark.billogram
            if key not in self._before:
                old: Billogram | None = self._state.find(BILLOGRAM, key)
                self._before[key] = public_state(old) if old is not None else Internal.UNATTESTED
        for kind, name, new in evolve(self, event):
            self.changes[kind, name] = new
            if kind == ACCOUNT:
                self.account = new
        self.events.append(event)
        shown = isinstance(event, BillogramEvent)
        self._after.append(public_state(self.changes[BILLOGRAM, key]) if shown else "")

    def attempt(self, decide: Callable[[], T]) -> T:
        """Return what a decision returns. If it is refused, nothing of it is left in the act."""
        kept = self.account, list(self.events), dict(self.changes), dict(self._before), list(self._after)
        try:
            return decide()
        except Refusal:
            self.account, self.events, self.changes, self._before, self._after = kept
            raise

    def public_states(self) -> tuple[str, ...]:
        """Return the public state before the act and after it, of each billogram that an event concerns."""
        if len(self._before) == 1 and self._after[-1]:
            (before,) = self._before.values()
            return before, self._after[-1]
        after: dict[str, str] = {}
        for event, state in zip(self.events, self._after, strict=True):
            if isinstance(event, BillogramEvent):
                after[event.mark.billogram] = state
        return tuple([state for key in self._before for state in (self._before[key], after[key])])

    def close(self) -> None:
        """Set the state that the callback of each event shows (behaviour 2.1) [R for Payment, else A].

        If the act ends a billogram, its events other than `BillogramEnded` show the state before the act.
        Otherwise an event shows the state after itself. Some event types always show a fixed state.
        """
        ended = {e.mark.billogram for e in self.events if isinstance(e, BillogramEnded)}
        published: dict[str, list[BillogramEvent]] = {}
        for index, event in enumerate(self.events):
            if not isinstance(event, BillogramEvent):
                continue
            key = event.mark.billogram
            if event.callback_state is not None:
                state = event.callback_state
            elif key in ended and not isinstance(event, BillogramEnded):
                state = self._before[key]
            else:
                state = self._after[index]
            final = event if event.state == state else replace(event, state=state)
            self.events[index] = final
            published.setdefault(key, []).append(final)
        for key, finals in published.items():
            billogram = self.changes[BILLOGRAM, key]
            history = (*billogram.events[: -len(finals)], *finals)
            if billogram.events and billogram.events != history:  # a deleted billogram keeps no events
                self.changes[BILLOGRAM, key] = replace(billogram, events=history)
