"""Holds an answer against the TypedDict that describes it: keys, types, and the form of numbers.

JSON is read with floats as Decimal, so that `67.0` and `67` are two things: `Float` wants a fraction part,
`Number` wants none when the value is whole. A TypedDict is read once: most tests look at many answers.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
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

Checker = Callable[[Any], None]


class _Wrong(Exception):
    """What is wrong with a value. `where`: the steps from the whole answer to it."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem, where)
        self.problem = problem
        self.where = where

    def inside(self, step: str) -> "_Wrong":
        return _Wrong(self.problem, step + self.where)


def check(value: Any, shape: Any, where: str = "data") -> None:
    """AssertionError that names the place when a value has not the shape."""
    try:
        _checker(shape)(value)
    except _Wrong as wrong:
        raise AssertionError(f"{where}{wrong.where}: {wrong.problem}") from None


def _checker(shape: Any) -> Checker:
    origin = get_origin(shape)
    if shape is Any:
        return lambda value: None
    if is_typeddict(shape):
        return lambda value: _members(shape)(value)  # made when it is needed: a shape may hold itself
    if origin in (Annotated, NotRequired):
        return _checker(get_args(shape)[0])
    if origin in (Union, UnionType):
        return _union(get_args(shape))
    if origin is list:
        return _list(_checker(get_args(shape)[0]))
    if origin is dict:
        return _object
    if origin is Literal:
        return _literal(get_args(shape))
    return _plain(shape)


@cache
def _members(shape: Any) -> Checker:
    hints = get_type_hints(shape, include_extras=True)
    needed = {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}
    checkers = {name: _checker(hint) for name, hint in hints.items()}

    def checked(value: Any) -> None:
        _object(value)
        if not value.keys() <= checkers.keys():
            raise _Wrong(f"undocumented {value.keys() - checkers.keys()}")
        if not needed <= value.keys():
            raise _Wrong(f"missing {needed - value.keys()}")
        for name, member in value.items():
            try:
                checkers[name](member)
            except _Wrong as wrong:
                raise wrong.inside(f".{name}") from None

    return checked


def _list(element: Checker) -> Checker:
    def checked(value: Any) -> None:
        if not isinstance(value, list):
            raise _Wrong(f"not a list: {value!r}")
        for index, each in enumerate(value):
            try:
                element(each)
            except _Wrong as wrong:
                raise wrong.inside(f"[{index}]") from None

    return checked


def _object(value: Any) -> None:
    if not isinstance(value, dict):
        raise _Wrong(f"not an object: {value!r}")


def _literal(known: tuple[Any, ...]) -> Checker:
    def checked(value: Any) -> None:
        if value not in known:
            raise _Wrong(f"{value!r}")

    return checked


def _union(options: tuple[Any, ...]) -> Checker:
    number = {int, Decimal} <= set(options)
    checkers = [_checker(option) for option in options]

    def checked(value: Any) -> None:
        if number and isinstance(value, Decimal):  # Number
            if value == value.to_integral_value():
                raise _Wrong(f"whole, but not an integer: {value}")
            return
        problems = []
        for checker in checkers:
            try:
                checker(value)
            except _Wrong as wrong:
                problems.append(f"{wrong.where} {wrong.problem}".strip())
            else:
                return
        raise _Wrong(" / ".join(problems))

    return checked


def _plain(shape: Any) -> Checker:
    wanted = {None: NoneType, float: Decimal}.get(shape, shape)

    def checked(value: Any) -> None:
        if type(value) is not wanted:
            raise _Wrong(f"{value!r} is no {'null' if wanted is NoneType else wanted.__name__}")

    return checked
