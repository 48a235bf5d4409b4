"""The supported subset of Arazzo's runtime expressions and simple conditions."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from mockserver.wire import encode

MISSING: Any = object()  # stands for the body of an answer that is not JSON


class BadExpression(ValueError):
    """A text is not an expression or condition, or an unsupported one; the message says which."""


class Unresolved(LookupError):
    """An expression has no value in the scope."""


class Scope(Struct):
    """The values that expressions can refer to."""

    inputs: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]]  # the outputs of the steps so far
    status: int | None = None
    headers: Mapping[str, str] = {}  # lower-case names
    body: Any = MISSING
    outputs: Mapping[str, Any] = {}  # of the workflow that the step ran


class Expression(Struct, frozen=True):
    """A parsed expression: `source` is its first word; `step`, `name` and `pointer` locate the value."""

    text: str
    source: str
    name: str = ""
    step: str = ""
    pointer: tuple[str, ...] = ()


_NAME = r"[A-Za-z0-9_\-]+"
_SUPPORTED = re.compile(
    rf"""\$(?:
    (?P<status>statusCode)
    | response\.(?P<body>body)(?P<pointer>\#(?:/[^/]*)*)?
    | response\.(?P<header>header)\.(?P<token>[A-Za-z0-9!\#$%&'*+.^_`|~\-]+)
    | (?P<own>inputs|outputs)\.(?P<name>{_NAME})
    | (?P<steps>steps)\.(?P<step>{_NAME})\.outputs\.(?P<output>{_NAME})
    )""",
    re.VERBOSE,
)
_KNOWN = re.compile(
    r"\$(url|method|statusCode|request|response|inputs|outputs|steps|workflows|sourceDescriptions|components|self"
    r"|message)\b"
)


def parse(text: str) -> Expression:
    """Parse an expression. Raises BadExpression."""
    found = _SUPPORTED.fullmatch(text)
    if found is None:
        reason = "is not supported" if _KNOWN.match(text) else "is no runtime expression"
        raise BadExpression(f"{text} {reason}")
    if found["status"]:
        return Expression(text, "statusCode")
    if found["body"]:
        parts = (found["pointer"] or "#").split("/")[1:]
        return Expression(text, "body", pointer=tuple(_unescaped(part) for part in parts))
    if found["header"]:
        return Expression(text, "header", found["token"].lower())
    if found["own"]:
        return Expression(text, found["own"], found["name"])
    return Expression(text, "steps", found["output"], found["step"])


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def resolve(expression: Expression, scope: Scope) -> Any:
    """Return the value of an expression. Raises Unresolved."""
    match expression.source:
        case "statusCode":
            return scope.status
        case "body":
            return _pointed(expression, scope.body)
        case "header":
            return _member(scope.headers, expression.name, expression)
        case "inputs":
            return _member(scope.inputs, expression.name, expression)
        case "outputs":
            return _member(scope.outputs, expression.name, expression)
    return _member(_member(scope.steps, expression.step, expression), expression.name, expression)


def _member(members: Mapping[str, Any], name: str, expression: Expression) -> Any:
    if name not in members:
        raise Unresolved(f"{expression.text} reaches no value")
    return members[name]


def _pointed(expression: Expression, body: Any) -> Any:
    if body is MISSING:
        raise Unresolved("the answer is not JSON")
    for part in expression.pointer:
        if isinstance(body, dict) and part in body:
            body = body[part]
        elif isinstance(body, list) and part.isascii() and part.isdigit() and int(part) < len(body):
            body = body[int(part)]
        else:
            raise Unresolved(f"{expression.text} reaches no value")
    return body


# values that hold expressions: payloads, parameters

_EMBEDDED = re.compile(r"\{(\$[^{}]*)\}")


def expressions_in(value: Any) -> Iterator[Expression]:
    """Yield every expression in a payload or a parameter. Raises BadExpression."""
    if isinstance(value, dict):
        for each in value.values():
            yield from expressions_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from expressions_in(each)
    elif isinstance(value, str):
        if value.startswith("$"):
            yield parse(value)
        else:
            yield from map(parse, _EMBEDDED.findall(value))


def filled(value: Any, scope: Scope) -> Any:
    """Replace the expressions in a value. A text that is one expression becomes its value, with its type."""
    if isinstance(value, dict):
        return {name: filled(each, scope) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, scope) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("$"):
        return resolve(parse(value), scope)
    return _EMBEDDED.sub(lambda found: as_text(resolve(parse(found[1]), scope)), value)


def as_text(value: Any) -> str:
    """Convert a value for use in a text, a path or a header."""
    return value if isinstance(value, str) else encode(value).decode()


# conditions


class Comparison(Struct, frozen=True):
    """One comparison of a condition; a side is an expression or a value."""

    left: Any
    operator: str
    right: Any


class Condition(Struct, frozen=True):
    """A condition. It holds if all comparisons of at least one row hold."""

    text: str
    rows: tuple[tuple[Comparison, ...], ...]


class Compared(Struct, frozen=True):
    """The result of a comparison."""

    passed: bool
    expected: str  # such as == 125
    found: Any
    what: str  # the left side as it was written
    problem: str | None = None


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<operator>==|!=|<=|>=|<|>|&&|\|\|)
    | (?P<expression>\$[^\s=!<>&|()]+)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])
    | '(?P<text>(?:[^']|'')*)'
    | (?P<word>true|false|null)\b
    )""",
    re.VERBOSE | re.ASCII,
)
_LITERALS = {"true": True, "false": False, "null": None}
_COMPARE = ("==", "!=", "<", "<=", ">", ">=")


def condition(text: str) -> Condition:
    """Parse a simple condition. Raises BadExpression."""
    rows: list[tuple[Comparison, ...]] = []
    row: list[Comparison] = []
    tokens = list(_tokens(text))
    for start in range(0, len(tokens), 4):  # three words make a comparison, and one joins it to the next
        words = tokens[start : start + 4]
        kinds = ["operator" if kind == "operator" else "value" for kind, _ in words]
        if kinds[:3] != ["value", "operator", "value"] or words[1][1] not in _COMPARE:
            raise BadExpression(f"{text} is no comparison such as $statusCode == 200")
        row.append(Comparison(words[0][1], words[1][1], words[2][1]))
        if len(words) == 3:
            rows.append(tuple(row))
            return Condition(text, tuple(rows))
        if words[3][1] == "||":
            rows.append(tuple(row))
            row = []
        elif words[3][1] != "&&":
            raise BadExpression(f"{text}: two comparisons are joined by && or ||")
    raise BadExpression(f"{text or 'nothing'} is no comparison such as $statusCode == 200")


def _tokens(text: str) -> Iterator[tuple[str, Any]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None:
            rest = text[place:].strip()
            reason = "! and ( ) are not supported" if rest[0] in "!()" else "is not understood"
            raise BadExpression(f"{text}: {reason}, at {rest}")
        place = found.end()
        kind = found.lastgroup or ""
        match kind:
            case "expression":
                yield kind, parse(found[kind])
            case "number":
                yield kind, Decimal(found[kind])
            case "text":
                yield kind, found[kind].replace("''", "'")
            case "word":
                yield kind, _LITERALS[found[kind]]
            case _:
                yield kind, found[kind]


def expressions_of(found: Condition) -> Iterator[Expression]:
    """Yield every expression in a condition."""
    for row in found.rows:
        for each in row:
            yield from (side for side in (each.left, each.right) if isinstance(side, Expression))


def check(found: Condition, scope: Scope) -> tuple[bool, list[Compared]]:
    """Return whether a condition holds, and its comparisons; one with an unresolved expression fails."""
    rows = [[_compare(each, scope) for each in row] for row in found.rows]
    passed = any(all(each.passed for each in row) for row in rows)
    return passed, [each for row in rows for each in row]


def _compare(each: Comparison, scope: Scope) -> Compared:
    what = each.left.text if isinstance(each.left, Expression) else as_text(each.left)
    expected = f"{each.operator} {_shown(each.right)}"
    try:
        left, right = (
            resolve(side, scope) if isinstance(side, Expression) else side for side in (each.left, each.right)
        )
        if isinstance(each.right, Expression):
            expected = f"{each.operator} {_shown(right)} ({each.right.text})"
        return Compared(_holds(left, each.operator, right), expected, left, what)
    except Unresolved as error:
        return Compared(False, expected, None, what, str(error))


def _shown(value: Any) -> str:
    return value.text if isinstance(value, Expression) else encode(value).decode()


def _holds(left: Any, operator: str, right: Any) -> bool:
    if operator in ("==", "!="):
        return _equal(left, right) == (operator == "==")
    for side in (left, right):
        if not _is_number(side):
            raise Unresolved(f"{operator} compares numbers, and {_shown(side)} is none")
    match operator:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
    return bool(left >= right)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()  # Arazzo: text is compared without case
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
