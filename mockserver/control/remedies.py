"""What can be done with a billogram now, and how to get to where a command is accepted.

No rule is repeated here: all that is told was tried with the API's own decisions, on a copy of the billogram
and of what belongs to it. Time is moved on that copy too, with all that falls due on it.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from msgspec import Struct, structs

from mockserver.api.commands import decide
from mockserver.clock_runner import decided
from mockserver.control.explain_shapes import StepShape
from mockserver.core import accounts, calendar, collection, delivery, factoring, money, recalls
from mockserver.core.act import Act
from mockserver.core.funds import SETTLED
from mockserver.core.machine import TRANSITIONS
from mockserver.core.model import Account, Billogram, Internal, replace
from mockserver.core.refusal import Refusal
from mockserver.core.state import ACCOUNT, BILLOGRAM, CUSTOMER, ITEM, OUTCOMES, PAYMENT, SOURCE, State

_DAY = timedelta(days=1)
_DEEPEST = 5  # steps of a way
_MOST = 200  # places that a search looks at
_BELONGING = 50  # billograms that are copied with one
_PDF = "JVBERi0xLjQKJSVFT0YK"
_CONTACT = {"email": "contact@example.com", "phone": "0700000001"}
_ADDRESS = {"street_address": "Testgatan 1", "zipcode": "12345", "city": "Teststad"}


class Trial(Struct, frozen=True):
    """A billogram and what belongs to it, apart from the account: nothing that is tried here stays."""

    base: str  # where the client reaches the server
    state: State
    now: datetime
    key: str

    @property
    def billogram(self) -> Billogram:
        """As it is here."""
        return self.state.billograms[self.key]

    @property
    def account(self) -> Account:
        """Whose it is."""
        return self.state.account

    @property
    def today(self) -> date:
        """The local date."""
        return calendar.local_date(self.now, self.account.timezone)

    def credits(self, internal: Internal) -> list[Billogram]:
        """The stand-alone credits that could be used on it."""
        own = self.billogram
        return [
            each
            for each in self.state.billograms.values()
            if each.is_credit
            and each.internal is internal
            and each.id != own.id
            and each.recipient.customer_no == own.recipient.customer_no
            and each.content.terms.currency == own.content.terms.currency
        ]


# the copy


def extract(state: State, key: str, body: Any) -> State:
    """A state of its own: the billogram, what `body` names, what its customer and payments bring in."""
    named = body if isinstance(body, dict) else {}
    keys = [key, *(each.id for each in _credits_of(state, state.billograms[key]))]
    if isinstance(named.get("source_id"), str):
        keys.append(named["source_id"])
    billograms: dict[str, Billogram] = {}
    payments: dict[str, Any] = {}
    while keys and len(billograms) < _BELONGING:
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
    for number in dict.fromkeys(each.recipient.customer_no for each in billograms.values()):
        if number in state.customers:
            part.put(CUSTOMER, number, state.customers[number])
            for source in state.sources_of(number):
                part.put(SOURCE, source.id, source)
    for name in _item_numbers(named):
        if name in state.items:
            part.put(ITEM, name, state.items[name])
    for kind, rows in ((BILLOGRAM, billograms), (PAYMENT, payments), (OUTCOMES, state.outcomes)):
        for name, each in rows.items():
            part.put(kind, name, each)
    return part


def _credits_of(state: State, billogram: Billogram) -> list[Billogram]:
    """The newest stand-alone credits of its customer that are open or drafts."""
    numbers = state.bucket_of_customer(billogram.recipient.customer_no).order[-1000:]
    open_ones = (Internal.UNPAID, Internal.UNATTESTED)
    found = [b for b in state.billograms_of(numbers) if b.is_credit and b.internal in open_ones]
    return found[-_BELONGING // 10 :]


def _item_numbers(body: dict[str, Any]) -> set[str]:
    rows = body.get("items")
    found = [row.get("item_no") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(each) for each in found if each is not None}


# trying


def try_operation(trial: Trial, name: str, body: Any) -> Trial | None:
    """The trial after an operation of the API; None when it is refused."""
    return _attempted(trial, lambda act: decide(act, name, trial.key, lambda: body, trial.base))


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
    """What is due until then is done, each at its moment, as the clock does it."""
    due, state, last = trial.state.agenda.head(), trial.state, trial.now
    if due is not None and due.at <= to:
        state = state.copy()
    while due is not None and due.at <= to:
        act = decided(state, due, last)
        _put(state, act)
        last, due = act.now, state.agenda.head()
    return structs.replace(trial, state=state, now=max(to, last))


# bodies that are as plain as can be


def plain(trial: Trial, name: str) -> list[Any]:
    """Bodies to try a command with, the plainest first."""
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
        case _:
            return [{}]


def allowed(trial: Trial) -> list[StepShape]:
    """Each command of the table that would be accepted now, with the body that was tried."""
    found = []
    for name in TRANSITIONS:
        body = _accepted(trial, name, plain(trial, name))
        if body is not _NONE:
            found.append(_api_step(trial, name, body, "would be accepted now"))
    return found


_NONE: Any = object()


def _accepted(trial: Trial, name: str, bodies: Iterable[Any]) -> Any:
    return next((body for body in bodies if _accepts(trial, name, body)), _NONE)


def _accepts(trial: Trial, name: str, body: Any) -> bool:
    try:
        decide(Act(trial.state, trial.now), name, trial.key, lambda: body, trial.base)
    except Refusal:
        return False
    return True


# steps


def _api_step(trial: Trial, name: str, body: Any, why: str) -> StepShape:
    path = f"/api/v2/billogram/{trial.key}"
    match name:
        case "create":
            return {"method": "POST", "path": "/api/v2/billogram", "body": body, "why": why}
        case "put" | "delete":
            return {"method": name.upper(), "path": path, "body": body, "why": why}
        case _:
            return {"method": "POST", "path": f"{path}/command/{name}", "body": body, "why": why}


def _mock_step(trial: Trial, method: str, path: str, body: Any, why: str) -> StepShape:
    return {"method": method, "path": account_path(trial.account.id) + path, "body": body, "why": why}


def account_path(account: str) -> str:
    """The path of an account in the control plane."""
    return f"/_mock/accounts/{quote(account, safe='')}"


Edge = tuple[StepShape, Trial]


def _command(name: str, why: str) -> Callable[[Trial], Iterator[Edge]]:
    """A command with a plain body, where it is accepted."""

    def edges(trial: Trial) -> Iterator[Edge]:
        return _first_accepted(trial, name, plain(trial, name), why)

    return edges


def _first_accepted(trial: Trial, name: str, bodies: Iterable[Any], why: str) -> Iterator[Edge]:
    for body in bodies:
        after = try_operation(trial, name, body)
        if after is not None:
            yield _api_step(trial, name, body, why), after
            return


def _simulation(
    name: str, attempt: Callable[[Act, Billogram], None], why: str
) -> Callable[[Trial], Iterator[Edge]]:
    """What somebody else does to it."""

    def edges(trial: Trial) -> Iterator[Edge]:
        after = _attempted(trial, lambda act: attempt(act, act.billogram(trial.key)))
        if after is not None:
            path = f"/billograms/{trial.key}/simulate/{name}"
            yield _mock_step(trial, "POST", path, {}, why), after

    return edges


def _feature(name: str) -> Callable[[Trial], Iterator[Edge]]:
    """A feature of the account is turned on."""

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
    """Money of it is taken back: what it has settled is open again."""
    for payment in trial.state.payments_of(trial.key):
        if payment.status == SETTLED:
            after = _attempted(
                trial, partial(recalls.recall, payment=payment, request=recalls.RecallRequest())
            )
            if after is not None:
                path = f"/payments/{payment.id}/recall"
                why = "the bank takes the payment back, which opens the billogram again"
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
    """The data for deliveries that the billogram's copy of its customer lacks."""
    to = trial.billogram.recipient
    customer: dict[str, Any] = {name: each for name, each in _CONTACT.items() if not getattr(to, name)}
    if not delivery.has_address(to):
        customer["delivery_address" if to.delivery_address.street_address else "address"] = _ADDRESS
    if customer:
        why = "add what a delivery to the customer needs"
        yield from _first_accepted(trial, "put", [{"customer": customer}], why)


def _part_payment(trial: Trial) -> Iterator[Edge]:
    remaining = trial.billogram.sums.remaining
    part = Decimal(1) if remaining > 1 else Decimal("0.01")
    yield from _first_accepted(trial, "payment", [{"amount": part}], "some money comes")


def _principal(trial: Trial) -> Iterator[Edge]:
    sums = trial.billogram.sums
    principal = money.unpaid_principal(sums)
    if 0 < principal < sums.remaining:
        why = "the principal is settled, and only fees remain"
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
    yield from _first_accepted(trial, "create", [body], "make a stand-alone credit, sent at once")


# what may help towards a command, in the order in which it is tried

_SEND = _command("send", "send it: then it is a claim")
_DENY = _simulation("factoring-deny", factoring.deny, "the buyer of claims refuses it: then it is open")
_CANCEL = _simulation("collection-cancel", collection.cancel, "take it back from the collection agency")
_OPEN = (_SEND, _DENY, _CANCEL, _recall)
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
    "collect": (
        *_OPEN,
        _feature("collection"),
        _command("remove-respite", "withdraw the respite"),
        _day_after_respite,
        _day_after_due,
    ),
    "payment": _OPEN,
    "settle-underpayment": (*_OPEN, _part_payment),
    "credit": (*_OPEN, _contact),
    "writeoff": (
        *_OPEN,
        _command("remove-respite", "withdraw the respite"),
        _day_after_due,
        _command("remind", "remind: that charges the reminder fee"),
        _principal,
    ),
    "writedown": (*_OPEN, _command("revert-writedown", "take the mark away")),
    "revert-writedown": (*_OPEN, _command("writedown", "write it down")),
    "confirmed-loss": _OPEN,
    "respite": _OPEN,
    "remove-respite": (*_OPEN, _command("respite", "give a respite")),
    "credit-payment": (_feature("standalone_credits"), _SEND),
    "credit-allocate": (*_OPEN, _source, _feature("standalone_credits"), _new_credit),
}


def find_remedy(trial: Trial, name: str, bodies: Callable[[Trial], Iterable[Any]]) -> list[StepShape]:
    """The shortest way to where a command is accepted with one of the bodies; the command is its last step.

    Empty: none was found. Breadth first, over what may help.
    """
    queue: list[tuple[Trial, list[StepShape]]] = [(trial, [])]
    seen = {_search_key(trial)}
    while queue:
        here, steps = queue.pop(0)
        body = _accepted(here, name, bodies(here))
        if body is not _NONE:
            return [*steps, _api_step(here, name, body, "accepted then" if steps else "accepted now")]
        if len(steps) == _DEEPEST:
            continue
        for help_ in _PREPARATIONS.get(name, ()):
            for step, after in help_(here):
                place = _search_key(after)
                if place not in seen and len(seen) < _MOST:
                    seen.add(place)
                    queue.append((after, [*steps, step]))
    return []


def find_remedy_with_plain_body(trial: Trial, name: str) -> list[StepShape]:
    """The same with a plain body."""
    return find_remedy(trial, name, lambda here: plain(here, name))


def _search_key(trial: Trial) -> tuple[object, ...]:
    """What tells one place of the search from another."""
    own = trial.billogram
    rest = tuple((each.id, each.internal, each.sums.remaining) for each in trial.state.billograms.values())
    features = trial.account.features
    return own.sums, own.flags, own.dunning, own.recipient, trial.now, features, rest


# what is said where no way leads, and commands that lead to something like it

_FALLBACKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "put": ("it is not open any more, so it stays as it is", ("credit",)),
    "delete": (
        "it is no draft any more, and what was sent or sold is never deleted",
        ("credit", "credit-payment"),
    ),
    "send": ("it is no draft any more: an open one can be sent again, by resend", ("resend",)),
    "sell": ("it is no draft any more: make a new billogram to sell", ()),
    "credit": ("all that was invoiced is credited, or was never there: nothing is left to credit", ()),
    "writeoff": ("no fees remain, and none can come on it: what is not paid is a loss", ("confirmed-loss",)),
    "credit-payment": (
        "it is a claim, and becomes no stand-alone credit: money that comes in is a payment",
        ("payment",),
    ),
}
_CLOSED = ("it is not open, and nothing that can be done here opens it again", ("credit",))
_OWED = ("a stand-alone credit is no claim: it is paid out, or used on a debit", ("credit-payment",))
_OF_BOTH = ("put", "delete", "send", "sell")


def fallback(trial: Trial, name: str) -> tuple[str, list[StepShape]]:
    """What is to be said where no way was found, and the way to what can be done instead, if there is one."""
    said, others = _FALLBACKS.get(name, _CLOSED)
    if trial.billogram.is_credit and name not in _OF_BOTH:
        said, others = _OWED
    return said, next((found for other in others if (found := find_remedy_with_plain_body(trial, other))), [])
