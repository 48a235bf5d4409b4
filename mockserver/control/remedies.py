"""Finds the commands that a billogram accepts now, and the steps after which a refused one is accepted.

No rule is repeated here: every step was tried with the decisions of the API, on a copy of the billogram
and of what belongs to it. The clock of the copy moves too, and executes what is due on it.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

from msgspec import Struct, structs

from mockserver.api.commands import decide
from mockserver.clock_runner import decided
from mockserver.control.call import parse_body
from mockserver.control.explain_shapes import StepShape
from mockserver.control.simulate import BILLOGRAM_SIMULATIONS
from mockserver.core import accounts, calendar, delivery, money, recalls, sources
from mockserver.core.act import Act
from mockserver.core.funds import SETTLED
from mockserver.core.machine import TRANSITIONS
from mockserver.core.model import Account, Billogram, Internal, replace
from mockserver.core.refusal import Refusal
from mockserver.core.state import (
    ACCOUNT,
    BILLOGRAM,
    CUSTOMER,
    CUSTOMER_TABS,
    ITEM,
    OFFER,
    OUTCOMES,
    PAYMENT,
    SOURCE,
    TAB,
    State,
)

_DAY = timedelta(days=1)
_MAX_STEPS = 5  # of a remedy
_MAX_TRIALS = 200  # of one search
_MAX_COPIED = 50  # billograms in a copy
_PDF = "JVBERi0xLjQKJSVFT0YK"
_SIMULATE = "simulate/"
_CONTACT = {"email": "contact@example.com", "phone": "0700000001"}
_ADDRESS = {"street_address": "Testgatan 1", "zipcode": "12345", "city": "Teststad"}


class Trial(Struct, frozen=True):
    """A copy of a billogram and of what belongs to it; trials on it do not change the account."""

    base: str  # scheme and host of the server for the client
    state: State
    now: datetime
    key: str

    @property
    def billogram(self) -> Billogram:
        """Return the copied billogram."""
        return self.state.billograms[self.key]

    @property
    def account(self) -> Account:
        """Return the copied account."""
        return self.state.account

    @property
    def today(self) -> date:
        """Return the date in the time zone of the account."""
        return calendar.local_date(self.now, self.account.timezone)

    def credits(self, internal: Internal) -> list[Billogram]:
        """Return the stand-alone credits in this state that can be allocated to the billogram."""
        own = self.billogram
        return [
            each
            for each in self.state.billograms_of(_newest_of(self.state, own))
            if each.is_credit
            and each.internal is internal
            and each.id != own.id
            and each.recipient.customer_no == own.recipient.customer_no
            and each.content.terms.currency == own.content.terms.currency
        ]


# the copy


def extract(state: State, key: str, body: Any) -> State:
    """Copy a billogram to a new state, with its customer, payments, credits, and what `body` refers to."""
    named = body if isinstance(body, dict) else {}
    keys = [key, *(each.id for each in _credits_of(state, state.billograms[key]))]
    if isinstance(named.get("source_id"), str):
        keys.append(named["source_id"])
    keys += _next_debited(state)
    billograms: dict[str, Billogram] = {}
    payments: dict[str, Any] = {}
    while keys and len(billograms) < _MAX_COPIED:
        found = state.billograms.get(keys.pop(0))
        if found is None or found.id in billograms:
            continue
        billograms[found.id] = found
        planned = () if found.debit is None else (state.payments[found.debit.payment],)
        for payment in (*state.payments_of(found.id), *planned):
            payments[payment.id] = payment
            keys += [part.billogram for part in payment.allocations]
    part = State()
    part.put(ACCOUNT, "", state.account)
    for offer_id, offer in state.offers.items():
        part.put(OFFER, offer_id, offer)
    for number in dict.fromkeys(each.recipient.customer_no for each in billograms.values()):
        if number in state.customers:
            part.put(CUSTOMER, number, state.customers[number])
            for source in state.sources_of(number):
                part.put(SOURCE, source.id, source)
            owner = state.customers[number].number
            tabs = state.customer_tabs.get(owner)
            if tabs is not None:
                part.put(CUSTOMER_TABS, owner, tabs)
                if tabs.active is not None:
                    part.put(TAB, tabs.active, state.tabs[tabs.active])
    for name in _item_numbers(named):
        if name in state.items:
            part.put(ITEM, name, state.items[name])
    for kind, rows in ((BILLOGRAM, billograms), (PAYMENT, payments), (OUTCOMES, state.outcomes)):
        for name, each in rows.items():
            part.put(kind, name, each)
    return part


def _next_debited(state: State) -> list[str]:
    """Return the billograms of the next planned debits, if a plan decides what the bank will answer.

    A plan is a queue, which other billograms may share: their debits take its first outcomes.
    """
    if not any(each.plan for each in state.outcomes.values()):
        return []
    debited = (
        due.key
        for due in state.agenda.entries()
        if (found := state.billograms.get(due.key)) is not None and found.debit is not None
    )
    return list(islice(debited, _MAX_COPIED))


def _credits_of(state: State, billogram: Billogram) -> list[Billogram]:
    """Return the newest stand-alone credits of the customer that are open or drafts."""
    open_ones = (Internal.UNPAID, Internal.UNATTESTED)
    newest = state.billograms_of(_newest_of(state, billogram))
    return [each for each in newest if each.is_credit and each.internal in open_ones][-_MAX_COPIED // 10 :]


def _newest_of(state: State, billogram: Billogram) -> list[int]:
    """Return the numbers of the customer's newest billograms."""
    return state.bucket_of_customer(billogram.recipient.customer_no).order[-1000:]


def _item_numbers(body: dict[str, Any]) -> set[str]:
    rows = body.get("items")
    found = [row.get("item_no") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(each) for each in found if each is not None}


# trials


def decide_named(trial: Trial, act: Act, name: str, body: Any) -> None:
    """Decide an operation: a command, `create`, `put`, `delete`, or a simulation such as `simulate/view`."""
    if name.startswith(_SIMULATE):
        simulation = BILLOGRAM_SIMULATIONS[name.removeprefix(_SIMULATE)]
        simulation.decide(act, act.billogram(trial.key), parse_body(simulation.body, body))
    else:
        decide(act, name, trial.key, lambda: body, trial.base)


def try_operation(trial: Trial, name: str, body: Any) -> Trial | None:
    """Return the copy after an operation; None if the operation is refused."""
    return _attempted(trial, lambda act: decide_named(trial, act, name, body))


def _attempted(trial: Trial, attempt: Callable[[Act], object]) -> Trial | None:
    act = Act(trial.state, trial.now)
    try:
        attempt(act)
    except Refusal:
        return None
    act.close()
    state = trial.state.copy()
    _put(state, act)
    return _advanced(structs.replace(trial, state=state), trial.now)


def _put(state: State, act: Act) -> None:
    for (kind, key), new in act.changes.items():
        state.put(kind, key, new)


def _advanced(trial: Trial, to: datetime) -> Trial:
    """Move the clock of a copy, and execute everything that is due, each entry at its own moment."""
    due, state, last = trial.state.agenda.head(), trial.state, trial.now
    if due is not None and due.at <= to:
        state = state.copy()
    while due is not None and due.at <= to:
        act = decided(state, due, last)
        _put(state, act)
        last, due = act.now, state.agenda.head()
    return structs.replace(trial, state=state, now=max(to, last))


# minimal bodies


def plain(trial: Trial, name: str) -> list[Any]:
    """Return the bodies to try a command with, the simplest first."""
    billogram = trial.billogram
    remaining = billogram.sums.remaining
    match name:
        case "delete":
            return [None]
        case "put":
            return [{"info": {"message": "Thank you"}}]
        case "send" | "resend":
            return [{"method": "Email"}, {}, {"method": "DoNotNotify"}]
        case "remind":
            return [{"method": "Email"}, {"method": "Letter"}, {"method": "SMS"}]
        case "payment":
            return [{"amount": remaining}]
        case "credit":
            return [{"mode": "full"}, {"mode": "full", "method": "DoNotNotify"}]
        case "respite":
            day = max(billogram.content.terms.due_date, trial.today) + _DAY
            return [{"date": day.isoformat()}]
        case "message":
            return [{"message": "Thank you"}]
        case "attach":
            return [{"filename": "terms.pdf", "content": _PDF}]
        case "credit-payment":
            return [{"mode": "remaining"}]
        case "credit-allocate":
            return [
                {"amount": min(money.negated(each.sums.remaining), remaining), "source_id": each.id}
                for each in trial.credits(Internal.UNPAID)
            ]
        case "simulate/collector-payment" if remaining > 0:
            return [{"amount": remaining}]
        case "simulate/accept-sale":
            accepted = billogram.sales_accepted
            return [{"offer_id": each} for each in trial.state.sale_offers if each not in accepted]
        case _ if name.startswith(_SIMULATE):
            simulation = BILLOGRAM_SIMULATIONS[name.removeprefix(_SIMULATE)]
            return [simulation.example]
        case _:
            return [{}]


def allowed(trial: Trial) -> list[StepShape]:
    """Return the commands that would be accepted now, each with a body that is accepted."""
    found = []
    for name in TRANSITIONS:
        body = _accepted(trial, name, plain(trial, name))
        if body is not _NONE:
            found.append(_step(trial, name, body, "would be accepted now"))
    return found


_NONE: Any = object()


def _accepted(trial: Trial, name: str, bodies: Iterable[Any]) -> Any:
    return next((body for body in bodies if _accepts(trial, name, body)), _NONE)


def _accepts(trial: Trial, name: str, body: Any) -> bool:
    try:
        decide_named(trial, Act(trial.state, trial.now), name, body)
    except Refusal:
        return False
    return True


# steps


def address(trial: Trial, name: str) -> tuple[str, str]:
    """Return method and path of an operation."""
    path = f"/api/v2/billogram/{trial.key}"
    match name:
        case "create":
            return "POST", "/api/v2/billogram"
        case "put" | "delete":
            return name.upper(), path
        case _ if name.startswith(_SIMULATE):
            return "POST", f"{account_path(trial.account.id)}/billograms/{trial.key}/{name}"
        case _:
            return "POST", f"{path}/command/{name}"


def _step(trial: Trial, name: str, body: Any, why: str) -> StepShape:
    method, path = address(trial, name)
    return {"method": method, "path": path, "body": body, "why": why}


def _mock_step(trial: Trial, method: str, path: str, body: Any, why: str) -> StepShape:
    return {"method": method, "path": account_path(trial.account.id) + path, "body": body, "why": why}


def account_path(account: str) -> str:
    """Return the path of an account in the control plane."""
    return f"/_mock/accounts/{quote(account, safe='')}"


Edge = tuple[StepShape, Trial]


def _command(name: str, why: str) -> Callable[[Trial], Iterator[Edge]]:
    """Make a preparation of a command or simulation with a minimal body."""

    def edges(trial: Trial) -> Iterator[Edge]:
        return _first_accepted(trial, name, plain(trial, name), why)

    return edges


def _first_accepted(trial: Trial, name: str, bodies: Iterable[Any], why: str) -> Iterator[Edge]:
    for body in bodies:
        after = try_operation(trial, name, body)
        if after is not None:
            yield _step(trial, name, body, why), after
            return


def _feature(name: str) -> Callable[[Trial], Iterator[Edge]]:
    """Make a preparation that turns on a feature of the account."""

    def edges(trial: Trial) -> Iterator[Edge]:
        features = trial.account.features
        if not getattr(features, name):
            account = replace(trial.account, features=replace(features, **{name: True}))
            after = _attempted(trial, lambda act: accounts.change(act, account))
            assert after is not None, "an account may be changed"
            why = f"the feature {name} is off: turn it on"
            yield _mock_step(trial, "PATCH", "", {"features": {name: True}}, why), after

    return edges


def _recall(trial: Trial) -> Iterator[Edge]:
    """Recall a payment of the billogram, which makes the paid sum open again."""
    for payment in trial.state.payments_of(trial.key):
        if payment.status == SETTLED:
            after = _attempted(
                trial, partial(recalls.recall, payment=payment, request=recalls.RecallRequest())
            )
            if after is not None:
                path = f"/payments/{payment.id}/recall"
                why = "the bank recalls the payment, which opens the billogram again"
                yield _mock_step(trial, "POST", path, {}, why), after


def _until(trial: Trial, day: date, why: str) -> Iterator[Edge]:
    moment = calendar.day_start(day, trial.account.timezone)
    if moment > trial.now:
        shown = moment.astimezone(calendar.zone(trial.account.timezone)).isoformat()
        step = _mock_step(trial, "POST", "/clock/advance", {"to": shown}, why)
        yield step, _advanced(trial, moment)


def _day_after_due(trial: Trial) -> Iterator[Edge]:
    due = trial.billogram.content.terms.due_date
    if trial.today <= due:
        yield from _until(trial, due + _DAY, f"move the clock past the due date {due}")


def _day_after_respite(trial: Trial) -> Iterator[Edge]:
    dunning = trial.billogram.dunning
    if dunning.respite_active and dunning.respite_date is not None:
        why = f"or move the clock past the respite to {dunning.respite_date}"
        yield from _until(trial, dunning.respite_date + _DAY, why)


def _next_day(trial: Trial) -> Iterator[Edge]:
    yield from _until(trial, trial.today + _DAY, "move the clock to the next day")


def _contact(trial: Trial) -> Iterator[Edge]:
    """Add the delivery data that the billogram's copy of its customer lacks."""
    to = trial.billogram.recipient
    customer: dict[str, Any] = {name: each for name, each in _CONTACT.items() if not getattr(to, name)}
    if not delivery.has_address(to):
        customer["delivery_address" if to.delivery_address.street_address else "address"] = _ADDRESS
    if customer:
        why = "add what a delivery to the customer needs"
        yield from _first_accepted(trial, "put", [{"customer": customer}], why)


def _automatic_payment(trial: Trial) -> Iterator[Edge]:
    """Let the recipient turn automatic payment on, which plans the debits of open billograms."""
    number = trial.billogram.recipient.customer_no
    if number in trial.state.customers and trial.billogram.content.terms.currency == "SEK":
        after = _attempted(trial, lambda act: sources.enable_recurring(act, act.customer(number)))
        if after is not None:
            path = f"/customers/{number}/simulate/enable-recurring"
            why = "the recipient turns automatic payment on"
            yield _mock_step(trial, "POST", path, {"type": "autogiro"}, why), after


def _part_payment(trial: Trial) -> Iterator[Edge]:
    remaining = trial.billogram.sums.remaining
    part = Decimal(1) if remaining > 1 else Decimal("0.01")
    yield from _first_accepted(trial, "payment", [{"amount": part}], "part of the sum is paid")


def _principal(trial: Trial) -> Iterator[Edge]:
    sums = trial.billogram.sums
    principal = money.unpaid_principal(sums)
    if 0 < principal < sums.remaining:
        why = "the principal is paid, and only fees remain"
        yield from _first_accepted(trial, "payment", [{"amount": principal}], why)


def _source(trial: Trial) -> Iterator[Edge]:
    for draft in trial.credits(Internal.UNATTESTED):
        there = structs.replace(trial, key=draft.id)
        for step, after in _first_accepted(there, "send", [{"method": "DoNotNotify"}], "send the credit"):
            yield step, structs.replace(after, key=trial.key)


def _new_credit(trial: Trial) -> Iterator[Edge]:
    if trial.credits(Internal.UNPAID) or trial.billogram.is_credit:
        return
    body = {
        "customer": {"customer_no": trial.billogram.recipient.customer_no},
        "currency": trial.billogram.content.terms.currency,
        "items": [{"title": "Credit", "count": -1, "price": 100, "vat": 0}],
        "on_success": {"command": "send", "method": "DoNotNotify"},
    }
    yield from _first_accepted(trial, "create", [body], "create a stand-alone credit, sent at once")


# the preparations for each command, in the order in which they are tried

_SEND = _command("send", "send it, so that it becomes a claim")
_DENY = _command("simulate/factoring-deny", "the buyer of claims refuses it, so that it is open")
_CANCEL = _command("simulate/collection-cancel", "take it back from the collection agency")
_OPEN = (_SEND, _DENY, _CANCEL, _recall)
_COLLECT = (
    *_OPEN,
    _feature("collection"),
    _command("remove-respite", "withdraw the respite"),
    _day_after_respite,
    _day_after_due,
)
_CASE = (*_COLLECT, _command("collect", "hand it over to the collection agency"))
_OFFER = (_feature("factoring"), _command("sell", "offer it for sale"))
_PREPARATIONS: dict[str, tuple[Callable[[Trial], Iterator[Edge]], ...]] = {
    "put": (_DENY, _CANCEL, _recall, _feature("standalone_credits")),
    "send": (_feature("standalone_credits"), _contact),
    "sell": (_feature("factoring"),),
    "resend": (*_OPEN, _contact),
    "remind": (
        *_OPEN,
        _command("remove-respite", "withdraw the respite"),
        _day_after_respite,
        _day_after_due,
        _next_day,
        _contact,
    ),
    "collect": _COLLECT,
    "payment": _OPEN,
    "settle-underpayment": (*_OPEN, _part_payment),
    "credit": (*_OPEN, _contact),
    "writeoff": (
        *_OPEN,
        _command("remove-respite", "withdraw the respite"),
        _day_after_due,
        _command("remind", "send a reminder, which charges the reminder fee"),
        _principal,
    ),
    "writedown": (*_OPEN, _command("revert-writedown", "remove the mark of the write-down")),
    "revert-writedown": (*_OPEN, _command("writedown", "write it down")),
    "confirmed-loss": _OPEN,
    "respite": _OPEN,
    "remove-respite": (*_OPEN, _command("respite", "give a respite")),
    "credit-payment": (_feature("standalone_credits"), _SEND),
    "credit-allocate": (*_OPEN, _source, _feature("standalone_credits"), _new_credit),
    "simulate/view": _OPEN,
    "simulate/accept-sale": _OPEN,
    "simulate/event": _OPEN,
    "simulate/delivery-failure": (*_OPEN, _command("resend", "send it again"), _contact),
    "simulate/schedule-payment": (
        *_OPEN,
        _command("simulate/cancel-scheduled-payment", "the recipient cancels the scheduled payment"),
        _automatic_payment,
    ),
    "simulate/cancel-scheduled-payment": (
        *_OPEN,
        _command("simulate/schedule-payment", "the recipient schedules a payment"),
        _automatic_payment,
    ),
    "simulate/collector-payment": _CASE,
    "simulate/collection-end": _CASE,
    "simulate/collection-cancel": _CASE,
    "simulate/factoring-accept": _OFFER,
    "simulate/factoring-deny": _OFFER,
}


def find_remedy(trial: Trial, name: str, bodies: Callable[[Trial], Iterable[Any]]) -> list[StepShape]:
    """Return the fewest steps after which a command is accepted with one of the bodies.

    The command is the last step. The list is empty if no remedy was found. The search is breadth-first over
    the preparations of the command.
    """
    queue: list[tuple[Trial, list[StepShape]]] = [(trial, [])]
    seen = {_search_key(trial)}
    while queue:
        here, steps = queue.pop(0)
        body = _accepted(here, name, bodies(here))
        if body is not _NONE:
            return [*steps, _step(here, name, body, "accepted then" if steps else "accepted now")]
        if len(steps) == _MAX_STEPS:
            continue
        for prepare in _PREPARATIONS.get(name, ()):
            for step, after in prepare(here):
                place = _search_key(after)
                if place not in seen and len(seen) < _MAX_TRIALS:
                    seen.add(place)
                    queue.append((after, [*steps, step]))
    return []


def find_day(trial: Trial, days: Iterable[date], attempt: Callable[[Act], object]) -> StepShape | None:
    """Return the move of the clock to the first of these days on which an act is accepted, or None."""
    for day in sorted(days):
        for step, there in _until(trial, day, f"move the clock to {day}"):
            if _attempted(there, attempt) is not None:
                return step
    return None


def find_remedy_with_plain_body(trial: Trial, name: str) -> list[StepShape]:
    """Return the fewest steps after which a command is accepted with a minimal body; empty if none."""
    return find_remedy(trial, name, lambda here: plain(here, name))


def _search_key(trial: Trial) -> tuple[object, ...]:
    """Return a key that is equal for copies that the search need not try twice."""
    own = trial.billogram
    rest = tuple((each.id, each.internal, each.sums.remaining) for each in trial.state.billograms.values())
    features = trial.account.features
    return own.sums, own.flags, own.dunning, own.recipient, trial.now, features, rest


# the advice if there is no remedy, and commands with a similar effect

_FALLBACKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "put": ("it is not open any more, so it can't be changed", ("credit",)),
    "delete": (
        "it is not a draft any more, and a sent or sold billogram is never deleted",
        ("credit", "credit-payment"),
    ),
    "send": ("it is not a draft any more; an open billogram can be sent again by resend", ("resend",)),
    "sell": ("it is not a draft any more; create a new billogram to sell", ()),
    "credit": ("everything invoiced is credited, or nothing was invoiced, so nothing is left to credit", ()),
    "writeoff": ("no fees remain, and none can be added; an unpaid principal is a loss", ("confirmed-loss",)),
    "credit-payment": (
        "it is a claim and can't become a stand-alone credit; incoming money is a payment",
        ("payment",),
    ),
}
_CLOSED = ("it is not open, and no step that was tried opens it again", ("credit",))
_OWED = ("a stand-alone credit is not a claim: it is paid out, or allocated to a debit", ("credit-payment",))
_ALSO_ON_CREDITS = ("put", "delete", "send", "sell")


def fallback(trial: Trial, name: str) -> tuple[str, list[StepShape]]:
    """Return the advice if no remedy was found, and the steps to a similar command, if there are any."""
    advice, others = _FALLBACKS.get(name, _CLOSED)
    if trial.billogram.is_credit and name not in _ALSO_ON_CREDITS:
        advice, others = _OWED
    return advice, next(
        (found for other in others if (found := find_remedy_with_plain_body(trial, other))), []
    )
