"""Coverage: what the traffic of clients has exercised, and what it has not (reference: control 8).

The items of each group come from the tables of the rules: a new row is an item that nobody has exercised yet.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Annotated, TypedDict, get_args

from msgspec import Struct

from mockserver.api.commands import COMMANDS
from mockserver.api.errors import HTTP_STATUS
from mockserver.api.inputs import input_schemas
from mockserver.api.operations import OPERATIONS, Operation
from mockserver.api.shapes import STATES
from mockserver.control.call import Answer, ControlCall
from mockserver.control.payments import STATUSES, Scheme
from mockserver.core import callbacks, sepa
from mockserver.core.delivery import METHODS
from mockserver.core.events import EVENTS, BillogramEvent
from mockserver.core.funds import MANUAL
from mockserver.core.machine import OTHERS, TRANSITIONS
from mockserver.core.model import Internal
from mockserver.coverage import (
    ANSWERS,
    ATTEMPT,
    DELIVERED,
    DETAILED,
    EVENT,
    PAID,
    PARTS,
    RECALLED,
    REFUSED,
    STATE,
    TRANSITION,
    Counts,
    Key,
)
from mockserver.emulator import LiveAccount
from mockserver.schema import Form

Percent = Annotated[float, Form({"type": "number", "minimum": 0, "maximum": 100})]


class SeenShape(TypedDict):
    """An item that was exercised: how often, and the newest request that did it, with its account.

    `example` is null if a clock did it. `account` is null if no journal has the request: it was one of the
    control plane, or an older one.
    """

    item: str
    count: int
    example: str | None
    account: str | None


class GroupShape(TypedDict):
    title: str
    total: str
    percent: Percent
    seen: list[SeenShape]
    not_seen: list[str]


class GroupsShape(TypedDict):
    operations: GroupShape
    commands: GroupShape
    list_filters: GroupShape
    states: GroupShape
    transitions: GroupShape
    events: GroupShape
    callbacks: GroupShape
    errors: GroupShape
    rules: GroupShape
    payment_schemes: GroupShape
    payment_outcomes: GroupShape
    r_transaction_types: GroupShape
    r_transaction_codes: GroupShape
    delivery_methods: GroupShape


class CoverageShape(TypedDict):
    """What was exercised: `account` is null for all accounts together."""

    account: str | None
    total: str
    percent: Percent
    groups: GroupsShape


class Group(Struct, frozen=True):
    """A group of items that can be exercised. `items` returns all of them."""

    name: str
    title: str
    items: Callable[[], Iterable[str]]


def _commands() -> Iterator[str]:
    for name, row in COMMANDS.items():
        schema = input_schemas(row.fields)[row.fields.__name__]
        modes = schema["properties"].get("mode", {}).get("enum")
        yield from [name] if modes is None else [f"{name} {mode}" for mode in modes]


def _list_filters() -> Iterator[str]:
    for row in OPERATIONS:
        if row.listed is not None and row.listed.filters:
            yield from (f"{row.path} filter_field={field}" for field in row.listed.filters)
            yield from (f"{row.path} filter_type={kind}" for kind in row.listed.types)


def _rules() -> Iterator[str]:
    from mockserver.control.reasons import TOPICS  # a long table, imported when it is needed

    for rows in TOPICS.values():
        yield from rows


@cache
def _transitions() -> dict[tuple[str, Internal, Internal], str]:
    """The transitions of the machine's tables, by the name of the command or event, and both states."""
    return {
        (name, source, lead): f"{name}: {source} → {lead}"
        for name, row in [*TRANSITIONS.items(), *((each.name, each) for each in OTHERS)]
        for source in row.sources
        for lead in row.leads
        if source is not lead
    }


_EVENT_TYPES = [each for each in EVENTS if issubclass(each, BillogramEvent)]
GROUPS = (
    Group(
        "operations",
        "Operations",
        lambda: (f"{row.method} {row.path}" for row in OPERATIONS),
    ),
    Group("commands", "Commands and their modes", _commands),
    Group("list_filters", "Filters of lists", _list_filters),
    Group("states", "States reached", lambda: (*STATES, "Deleted")),
    Group("transitions", "Transitions made", lambda: _transitions().values()),
    Group(
        "events",
        "Event types",
        lambda: (each.__name__ for each in EVENTS if issubclass(each, BillogramEvent)),
    ),
    Group(
        "callbacks",
        "Callback types, and how the receiver answered",
        lambda: (f"{row.name} {answer}" for row in callbacks.TABLE for answer in ANSWERS),
    ),
    Group("errors", "Error identifiers", lambda: (each.status for each in HTTP_STATUS)),
    Group("rules", "Rules that refused", _rules),
    Group("payment_schemes", "Payment schemes", lambda: (*get_args(Scheme), MANUAL)),
    Group("payment_outcomes", "Outcomes of payments", lambda: (*STATUSES, *PARTS)),
    Group("r_transaction_types", "Types of R-transactions", lambda: sepa.TABLE),
    Group("r_transaction_codes", "Reason codes of R-transactions", lambda: sepa.CODES),
    Group("delivery_methods", "Delivery methods", lambda: METHODS),
)


@cache
def universe() -> dict[str, dict[str, None]]:
    """All items of each group, in order."""
    return {group.name: dict.fromkeys(group.items()) for group in GROUPS}


async def fetch(call: ControlCall) -> Answer:
    """`GET …/coverage`: shows what the traffic of an account has exercised, and what it has not."""
    live = await call.live()
    return Answer(_render(call, live.id, [(live, call.coverage.of(live.id))]))


async def clear(call: ControlCall) -> Answer:
    """`DELETE …/coverage`: begins to count the account's traffic anew."""
    live = await call.live()
    call.coverage.clear(live.id)
    return Answer(_render(call, live.id, []))


async def fetch_all(call: ControlCall) -> Answer:
    """`GET /_mock/coverage`: shows the coverage of all accounts, also of those that are gone [A]."""
    open_accounts = {live.id: live for live in call.emulator.live_accounts()}
    parts = [(open_accounts.get(name or ""), counts) for name, counts in call.coverage.all()]
    return Answer(_render(call, None, parts))


async def clear_all(call: ControlCall) -> Answer:
    """`DELETE /_mock/coverage`: begins to count the traffic of all accounts anew."""
    call.coverage.clear()
    return Answer(_render(call, None, []))


def _render(
    call: ControlCall, account: str | None, parts: Iterable[tuple[LiveAccount | None, Counts]]
) -> CoverageShape:
    found: dict[tuple[str, str], SeenShape] = {}
    for live, counts in parts:
        for key, tally in counts.items():
            example = tally.request
            kept = live is not None and example is not None and call.traffic.find(live.stream, example)
            owner = live.id if live is not None and kept else None
            for place in _items(key):
                seen = found.setdefault(
                    place, {"item": place[1], "count": 0, "example": None, "account": None}
                )
                seen["count"] += tally.count
                if example is not None and (seen["account"] is None or owner is not None):
                    seen["example"], seen["account"] = example, owner
    return coverage_of(account, {place: seen for place, seen in found.items() if _is_known(*place)})


def coverage_of(account: str | None, found: dict[tuple[str, str], SeenShape]) -> CoverageShape:
    """The coverage of what was seen: items by group and name."""
    groups: dict[str, GroupShape] = {}
    for group in GROUPS:
        items = universe()[group.name]
        seen = [found[group.name, item] for item in items if (group.name, item) in found]
        groups[group.name] = {
            "title": group.title,
            "total": f"{len(seen)}/{len(items)}",
            "percent": percent(len(seen), len(items)),
            "seen": seen,
            "not_seen": [item for item in items if (group.name, item) not in found],
        }
    count = sum(map(len, universe().values()))
    return {
        "account": account,
        "total": f"{len(found)}/{count}",
        "percent": percent(len(found), count),
        "groups": groups,  # type: ignore[typeddict-item]  # GROUPS has the names of its members
    }


def percent(seen: int, count: int) -> float:
    """How much of a group was seen, rounded down: 100 means everything."""
    return seen * 1000 // count / 10 if count else 100.0


def _is_known(group: str, item: str) -> bool:
    return item in universe()[group]


def _items(key: Key) -> Iterator[tuple[str, str]]:
    """The items that a key of the counts is for: group and item, also such as no group has."""
    match key:
        case str():
            row = _operation(key)
            yield "operations", f"{row.method} {row.path}"
        case (kind, operation, word, other) if kind == DETAILED:
            row = _operation(operation)
            if row.listed is None:
                yield "commands", f"{word} {other}".rstrip()
            else:
                yield "list_filters", f"{row.path} filter_field={word}"
                yield "list_filters", f"{row.path} filter_type={other}"
        case (kind, error, rule) if kind == REFUSED:
            if error is not None:
                yield "errors", error
            yield from _rule(rule)
        case (kind, name) if kind == EVENT:
            yield "events", name
        case (kind, state) if kind == STATE:
            yield "states", state
        case (kind, rule, source, lead, types) if kind == TRANSITION:
            yield from _transition(rule, internal_of(source), internal_of(lead), types)
        case (kind, scheme, outcome) if kind == PAID:
            yield "payment_outcomes", outcome
            if outcome in STATUSES:
                yield "payment_schemes", scheme
        case (kind, name, code) if kind == RECALLED:
            yield "r_transaction_types", name
            if code is not None:
                yield "r_transaction_codes", code
        case (kind, method) if kind == DELIVERED:
            yield "delivery_methods", method
        case (kind, name, answer) if kind == ATTEMPT:
            yield "callbacks", f"{name} {answer}"


def _operation(name: str) -> Operation:
    return next(each for each in OPERATIONS if each.id == name)


def _rule(rule: str) -> Iterator[tuple[str, str]]:
    from mockserver.control.reasons import row_of

    found = row_of(rule)
    if found is not None:
        yield "rules", found


# every other state that the API shows is one of `Unpaid`: see `core.machine.public_state`
_INTERNAL = {
    **{each.value: each for each in Internal},
    "Collecting": Internal.COLLECTION,
    **dict.fromkeys(("Paid", "Credited", "CollectorEnded"), Internal.ENDED),
}


def internal_of(state: str) -> Internal:
    return _INTERNAL.get(state, Internal.UNPAID)


def _transition(
    rule: str, source: Internal, lead: Internal, types: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The transition that an act made: by its command, by an event of others, or by what follows `create`."""
    known = _transitions()
    for name in (rule, *types, "send", "sell"):
        if (name, source, lead) in known:
            yield "transitions", known[name, source, lead]
            return
