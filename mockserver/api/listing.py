"""Lists: filter, order, page (reference: api 1.10).

Common queries are answered from indexes. For others, all objects are filtered in slices, and other requests
may run between two slices. Both work on immutable aggregates that were taken at one moment.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from heapq import merge
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mockserver.api.errors import InvalidQueryParameter, MissingQueryParameter
from mockserver.wire import encode, encode_rows, sliced

T = TypeVar("T")

DEFAULT_SIZE = 25  # where page and size are optional [D]²
_SORTED_AT_ONCE = 4000
_MERGED_AT_ONCE = 1000

Value = str | int | Decimal | None  # a value for comparison


class Listed(Struct, Generic[T], frozen=True):
    """The fields by which a resource can be filtered and ordered.

    `number` is the count of creations, which orders ties. `special` gives the values that a search compares.
    """

    number: Callable[[T], int]
    filters: Mapping[str, Callable[[T], Value]]
    orders: Mapping[str, Callable[[T], Value]]
    special: Callable[[T], Iterable[Value]] | None = None
    types: Sequence[str] = ("field", "field-prefix", "field-search", "special")
    strict: bool = True  # page and page_size are required
    filtered: bool = False  # a filter is required


class Filter(Struct, frozen=True):
    """The filter of a list request."""

    type: str
    field: str
    value: str


class Query(Struct, frozen=True):
    """The parameters of a list request; `start` and `stop` are the slice of its page."""

    start: int
    stop: int
    filter: Filter | None
    order: str | None
    descending: bool


def read_query(listed: Listed[Any], query: Mapping[str, str]) -> Query:
    """Read the list parameters, and check them in the order of the reference."""
    page = _count(query, "page", 1, strict=listed.strict)
    size = _count(query, "page_size", DEFAULT_SIZE, strict=listed.strict)
    order = query.get("order_field") or None
    if order is not None and order not in listed.orders:
        raise _invalid("order_field", order)
    direction = query.get("order_direction") or "asc"
    if order is not None and direction not in ("asc", "desc"):  # without a field it is ignored [C]
        raise _invalid("order_direction", direction)
    return Query((page - 1) * size, page * size, _filter(listed, query), order, direction == "desc")


def _count(query: Mapping[str, str], name: str, default: int, *, strict: bool) -> int:
    text = query.get(name)
    if text is None:
        if strict:
            raise _missing(name)
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise _invalid(name, text)
    return int(text)  # not clamped: clients page with the size that they sent [C]


def _filter(listed: Listed[Any], query: Mapping[str, str]) -> Filter | None:
    """The filter of a request. Its three parameters go together; an empty `filter_field` is no filter [A]."""
    field = query.get("filter_field")
    if not field:
        if listed.filtered or (field is None and (query.get("filter_type") or query.get("filter_value"))):
            raise _missing("filter_field")
        return None
    kind = query.get("filter_type")
    if not kind:
        raise _missing("filter_type")
    if kind not in listed.types:
        raise _invalid("filter_type", kind)
    if (field != "search") if kind == "special" else (field not in listed.filters):
        raise _invalid("filter_field", field)
    value = query.get("filter_value")
    if value is None:
        raise _missing("filter_value")
    return Filter(kind, field, value)


def _missing(name: str) -> MissingQueryParameter:
    return MissingQueryParameter(f"missing query parameter: {name}", rule="query.required", field=name)


def _invalid(name: str, value: str) -> InvalidQueryParameter:
    message = f"invalid query parameter: {name}"
    return InvalidQueryParameter(message, rule="query.value", field=name, value=value)


async def select(listed: Listed[T], query: Query, candidates: Sequence[T]) -> list[T]:
    """All matches in the requested order. `candidates` are in the default order."""
    matches = list(candidates)
    if query.filter is not None:
        fits = _matcher(listed, query.filter)
        matches = []
        async for part in sliced(candidates):
            matches += filter(fits, part)
    if query.order is None:
        return matches
    return await _ordered(matches, listed, query.order, descending=query.descending)


async def _ordered(matches: list[T], listed: Listed[T], order: str, *, descending: bool) -> list[T]:
    """Sort with nulls last in both directions, and ties in creation order; `desc` reverses the latter [A]."""
    value_of = listed.orders[order]
    keyed: list[tuple[Any, int, T]] = []
    nulls: list[T] = []
    async for part in sliced(matches):
        for match in part:
            value = value_of(match)
            if value is None:
                nulls.append(match)
            else:
                folded = value.casefold() if isinstance(value, str) else value
                keyed.append((folded, listed.number(match), match))
    parts = []
    for start in range(0, len(keyed), _SORTED_AT_ONCE):
        parts.append(sorted(keyed[start : start + _SORTED_AT_ONCE], key=_rank, reverse=descending))
        await asyncio.sleep(0)
    ordered: list[T] = []
    for index, (_, _, match) in enumerate(merge(*parts, key=_rank, reverse=descending)):
        ordered.append(match)
        if index % _MERGED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return ordered + sorted(nulls, key=listed.number, reverse=descending)


def _rank(keyed: tuple[Any, int, Any]) -> tuple[Any, int]:
    return keyed[:2]


def _matcher(listed: Listed[T], wanted: Filter) -> Callable[[T], bool]:
    if wanted.type == "special":
        assert listed.special is not None, "special is offered only where it has fields"
        words = wanted.value.casefold().split()
        return partial(_matches_words, listed.special, words)
    value_of = listed.filters[wanted.field]
    text = wanted.value.casefold()
    if text == "":  # matches empty or null fields [A]
        return lambda each: value_of(each) in (None, "")
    if wanted.type == "field-prefix":
        return lambda each: _text(value_of(each)).startswith(text)
    if wanted.type == "field-search":
        return lambda each: text in _text(value_of(each))
    if wanted.field == "state":  # a comma-joined list means any of them [C]
        states = {part.strip() for part in text.split(",")}
        return lambda each: _text(value_of(each)) in states
    number = _number(wanted.value)
    return partial(_equals, value_of, text, number)


def _equals(value_of: Callable[[T], Value], text: str, number: Decimal | None, each: T) -> bool:
    value = value_of(each)
    if isinstance(value, int | Decimal):
        return number is not None and value == number
    return _text(value) == text


def _matches_words(values_of: Callable[[T], Iterable[Value]], words: list[str], each: T) -> bool:
    """Every word occurs in at least one of the values [A]."""
    values = [_text(value) for value in values_of(each)]
    return all(any(word in value for value in values) for word in words)


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        short = format(value, "f")
        return short.rstrip("0").rstrip(".") if "." in short else short
    return value.casefold() if isinstance(value, str) else str(value)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


async def answer_list(rows: Sequence[T], render: Callable[[T], Any], meta: Any) -> bytes:
    """The envelope of a list. It is rendered in slices, so that other requests may run meanwhile."""
    shown = await encode_rows(rows, render)
    return b'{"status":"OK","meta":' + encode(meta) + b',"data":' + shown + b"}"
