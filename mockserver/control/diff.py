"""Compares two states of accounts, member by member (reference: control 1)."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Raw, Struct

from mockserver.control.call import Answer, ControlCall
from mockserver.control.errors import ControlError, unknown_account
from mockserver.control.snapshots import find_snapshot
from mockserver.core.events import BillogramEvent
from mockserver.core.state import (
    BILLOGRAM,
    CUSTOMER,
    CUSTOMER_TABS,
    ITEM,
    OUTCOMES,
    PAYMENT,
    PICTURE,
    SOURCE,
    TAB,
    TAB_ROW,
    State,
)
from mockserver.emulator import LiveAccount
from mockserver.masking import masked_url
from mockserver.schema import Form
from mockserver.wire import encode, encode_rows

_KINDS = {
    CUSTOMER: "customer",
    ITEM: "item",
    BILLOGRAM: "billogram",
    PAYMENT: "payment",
    SOURCE: "mandate",
    OUTCOMES: "outcomes",
    PICTURE: "picture",
    TAB: "billing tab",
    TAB_ROW: "billing tab row",
    CUSTOMER_TABS: "billing tabs of a customer",
}
# members that always differ between two accounts, and the internal value of a running clock
_OWN = {
    *("id", "order", "key_hash", "seed", "earlier_seeds", "generation", "forked_from"),
    *("first_settings", "settings", "clock.real"),
}
_DERIVED = ("copy", "effect")  # of customers and events: they follow from other members
_DRAWN = ("uuid", "uuids")  # of events: drawn from seed and generation, so they always differ
_SECRET = "sign_key"  # noqa: S105  # a name
_HIDDEN = "(not shown)"
_Any = Annotated[Any, Form({})]
Found = tuple[str, str, Any, Any]  # kind, key, here, there


class MemberShape(TypedDict):
    member: str
    here: _Any
    there: _Any


class DifferenceShape(TypedDict):
    kind: Literal[
        "account",
        "settings",
        "customer",
        "item",
        "billogram",
        "payment",
        "mandate",
        "outcomes",
        "picture",
        "billing tab",
        "billing tab row",
        "billing tabs of a customer",
    ]
    key: str
    change: Literal["changed", "only here", "only there"]
    members: list[MemberShape]


class DiffShape(TypedDict):
    against: str
    count: int
    differences: list[DifferenceShape]


async def fetch(call: ControlCall) -> Answer:
    """`GET …/diff?against=`: what differs from a snapshot (`snapshot:name`) or an account (`account:id`)."""
    against = call.query("against") or ""
    kind, _, name = against.partition(":")
    live = await call.live()
    if kind == "account" and name:
        other = await call.emulator.find(name)
        if other is None:
            raise unknown_account(name)
        there = await call.emulator.read(other, lambda state: state)
    elif kind == "snapshot" and name:
        live, taken = await find_snapshot(call, name)
        there = await call.emulator.snapshots.read(live, taken, LiveAccount(live.id, taken.stream))
    else:
        hint = "such as ?against=snapshot:before or ?against=account:other"
        raise ControlError(400, "invalid_query", "against names no snapshot and no account", hint)
    found = await call.emulator.read(live, lambda state: list(_pairs(state, there)))
    shown = await encode_rows(found, _render)
    head = encode({"against": against, "count": len(found)})
    return Answer(Raw(head[:-1] + b',"differences":' + shown + b"}"))


def _pairs(here: State, there: State) -> Iterator[Found]:
    """Yield the objects that differ. The values are immutable, so they can be rendered later."""
    mine, other = here.account, there.account
    if next(_members(mine, other, ""), None) is not None:
        yield "account", "", mine, other
    if mine.settings != other.settings:
        yield "settings", "", mine.settings, other.settings
    for kind, name in _KINDS.items():
        left, right = here.table(kind), there.table(kind)
        for key in [*left, *(key for key in right if key not in left)]:
            one, two = left.get(key), right.get(key)
            if one is two or one == two:
                continue
            if one is None or two is None or next(_members(one, two, ""), None) is not None:
                yield name, str(key), one, two


def _render(found: Found) -> DifferenceShape:
    kind, key, here, there = found
    change: Literal["changed", "only here", "only there"] = "changed"
    if here is None or there is None:
        change = "only there" if here is None else "only here"
    members = list(_members(here, there, "")) if change == "changed" else []
    return {"kind": kind, "key": key, "change": change, "members": members}  # type: ignore[typeddict-item]


def _members(here: Any, there: Any, path: str) -> Iterator[MemberShape]:
    if here is there or here == there or path in _OWN or path.endswith(_DERIVED + _DRAWN):
        return
    if isinstance(here, Struct) and type(here) is type(there):
        for name in here.__struct_fields__:
            yield from _members(getattr(here, name), getattr(there, name), f"{path}.{name}" if path else name)
    elif isinstance(here, tuple) and isinstance(there, tuple):
        for index in range(max(len(here), len(there))):
            yield from _members(_at(here, index), _at(there, index), f"{path}[{index}]")
    elif path.endswith(_SECRET) or (isinstance(here, str) and _plain(here) == _plain(there)):
        yield {"member": path, "here": here and _HIDDEN, "there": there and "(another)"}
    else:
        yield {"member": path, "here": _plain(here), "there": _plain(there)}


def _at(values: tuple[Any, ...], index: int) -> Any:
    return values[index] if index < len(values) else None


def _plain(value: Any) -> Any:
    """Convert a value to JSON; an event becomes the name of its type, a file its size in bytes."""
    match value:
        case BillogramEvent():
            return type(value).__name__
        case Struct():
            shown = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
            return {name: each and _HIDDEN if name == _SECRET else each for name, each in shown.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return f"{len(value)} bytes"
        case str():
            return masked_url(value)
        case None | bool() | int() | float() | Decimal():
            return value
    return str(value)
