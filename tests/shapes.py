"""Holds an answer against the TypedDict that describes it: keys, types, and the form of numbers.

JSON is read with floats as Decimal, so that `67.0` and `67` are two things: `Float` wants a fraction part,
`Number` wants none when the value is whole.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)


def check(value: Any, shape: Any, where: str = "data") -> None:
    """AssertionError that names the place when a value has not the shape."""
    if shape is Any:
        return
    if is_typeddict(shape):
        _check_members(value, shape, where)
        return
    origin = get_origin(shape)
    if origin is Annotated:
        check(value, get_args(shape)[0], where)
    elif origin in (Union, UnionType):
        _check_union(value, get_args(shape), where)
    elif origin is list:
        assert isinstance(value, list), f"{where}: not a list: {value!r}"
        for index, element in enumerate(value):
            check(element, get_args(shape)[0], f"{where}[{index}]")
    elif origin is dict:
        assert isinstance(value, dict), f"{where}: not an object: {value!r}"
    elif origin is Literal:
        assert value in get_args(shape), f"{where}: {value!r}"
    else:
        _check_plain(value, shape, where)


def _check_members(value: Any, shape: Any, where: str) -> None:
    assert isinstance(value, dict), f"{where}: not an object: {value!r}"
    hints: Mapping[str, Any] = get_type_hints(shape, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    assert set(value) <= set(hints), f"{where}: undocumented {set(value) - set(hints)}"
    assert set(hints) - optional <= set(value), f"{where}: missing {set(hints) - set(value)}"
    for name, member in value.items():
        hint = hints[name]
        check(member, get_args(hint)[0] if get_origin(hint) is NotRequired else hint, f"{where}.{name}")


def _check_union(value: Any, options: tuple[Any, ...], where: str) -> None:
    if {int, Decimal} <= set(options) and isinstance(value, Decimal):  # Number
        assert value != value.to_integral_value(), f"{where}: whole, but not an integer: {value}"
        return
    problems = []
    for option in options:
        try:
            check(value, option, where)
        except AssertionError as problem:
            problems.append(str(problem))
        else:
            return
    raise AssertionError(" / ".join(problems))


def _check_plain(value: Any, shape: Any, where: str) -> None:
    if shape in (None, NoneType):
        assert value is None, f"{where}: {value!r} instead of null"
        return
    wanted = Decimal if shape is float else shape
    assert type(value) is wanted, f"{where}: {value!r} is no {shape.__name__}"
