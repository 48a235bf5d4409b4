"""Runtime expressions and conditions, as a table."""

from decimal import Decimal
from typing import Any

import pytest

from mockserver.stories import expressions
from mockserver.stories.expressions import MISSING, BadExpression, Scope, Unresolved

SCOPE = Scope(
    inputs={"who": "Ann", "many": 3, "rows": [1], "low": -5},
    steps={"send": {"id": "x1", "sum": Decimal("185.03"), "nothing": None}},
    status=200,
    headers={"content-type": "application/json"},
    body={"data": {"a/b": 1, "~": 2, "": 3, "list": [{"n": Decimal("125.00")}, True], "none": None}},
    outputs={"left": 75},
)

VALUES: dict[str, Any] = {
    "$statusCode": 200,
    "$response.header.Content-Type": "application/json",
    "$response.body#/data/list/0/n": 125,
    "$response.body#/data/list/1": True,
    "$response.body#/data/a~1b": 1,
    "$response.body#/data/~0": 2,
    "$response.body#/data/": 3,
    "$response.body#/data/none": None,
    "$inputs.who": "Ann",
    "$inputs.many": 3,
    "$steps.send.outputs.id": "x1",
    "$steps.send.outputs.nothing": None,
    "$outputs.left": 75,
}


@pytest.mark.parametrize("text", VALUES)
def test_an_expression(text: str) -> None:
    assert expressions.resolve(expressions.parse(text), SCOPE) == VALUES[text]


def test_the_whole_body() -> None:
    for text in ("$response.body", "$response.body#"):
        assert expressions.resolve(expressions.parse(text), SCOPE) is SCOPE.body


NOWHERE = [
    *("$response.body#/x", "$response.body#/data/list/2", "$response.body#/data/list/-1"),
    *("$response.body#/data/list/x", "$response.body#/data/a~1b/c", "$response.header.x", "$inputs.x"),
    *("$steps.x.outputs.y", "$steps.send.outputs.x", "$outputs.x"),
]


@pytest.mark.parametrize("text", NOWHERE)
def test_an_expression_that_reaches_no_value(text: str) -> None:
    with pytest.raises(Unresolved, match="reaches no value"):
        expressions.resolve(expressions.parse(text), SCOPE)


def test_an_answer_that_is_not_json() -> None:
    with pytest.raises(Unresolved, match="the answer is not JSON"):
        expressions.resolve(expressions.parse("$response.body"), Scope({}, {}, 200, body=MISSING))


NOT_OURS = [
    *(
        "$url",
        "$method",
        "$request.body#/a",
        "$request.header.a",
        "$response.query.a",
        "$workflows.a.outputs.b",
    ),
    *("$sourceDescriptions.mock.url", "$components.parameters.x", "$inputs.a.b", "$steps.a.outputs.b#/c"),
    *("$inputs", "$steps.a", "$response", "$response.body.a"),
]
NONE_AT_ALL = ["$", "$5", "$x", "$inputsx.a", "inputs.a", "$$inputs.a"]


@pytest.mark.parametrize("text", [*NOT_OURS, *NONE_AT_ALL])
def test_what_is_no_expression_of_ours(text: str) -> None:
    said = "is not supported" if text in NOT_OURS else "is no runtime expression"
    with pytest.raises(BadExpression) as error:
        expressions.parse(text)
    assert str(error.value) == f"{text} {said}"


FILLED: list[tuple[Any, Any]] = [
    ("plain", "plain"),
    (5, 5),
    (None, None),
    ("$inputs.many", 3),
    ("$inputs.rows", [1]),
    ("$steps.send.outputs.nothing", None),
    ("{$inputs.many}", "3"),
    ("for {$inputs.who}: {$steps.send.outputs.sum} kr", "for Ann: 185.03 kr"),
    ("{$steps.send.outputs.nothing} {$inputs.rows}", "null [1]"),
    ("{inputs.who} costs $5", "{inputs.who} costs $5"),
    ({"a": ["$inputs.who", {"b": "{$inputs.who}!"}]}, {"a": ["Ann", {"b": "Ann!"}]}),
]


@pytest.mark.parametrize(("value", "meant"), FILLED)
def test_a_payload(value: Any, meant: Any) -> None:
    list(expressions.expressions_in(value))
    assert expressions.filled(value, SCOPE) == meant


HOLDS = [
    *("$statusCode == 200", "200 == $statusCode", "$statusCode != 404", "$statusCode < 300", "1 >= 1"),
    *("$response.body#/data/list/0/n == 125", "$response.body#/data/list/0/n == 1.25e2", "1 <= 1", "2 > 1.5"),
    *("$steps.send.outputs.sum == 185.03", "$steps.send.outputs.sum != 185.030000001"),
    *("$inputs.who == 'ann'", "$inputs.who == 'Ann'", "$inputs.who != 'Anna'", "'it''s' == 'it''s'"),
    *("$response.body#/data/none == null", "$inputs.who != null", "$response.body#/data/list/1 == true"),
    *("$inputs.low == -5", "$inputs.low < 0", "$inputs.rows == $inputs.rows", "null == null"),
    *("$statusCode==200&&$inputs.many>2", "1 == 2 || 2 == 2", "1 == 2 && 1 == 1 || 3 == 3"),
    *("3 == 3 || 1 == 2 && 1 == 1", "$response.body#/x == 1 || 1 == 1", "  1   ==   1  "),
]
HOLDS_NOT = [
    *("$statusCode == 404", "$statusCode == '200'", "$statusCode == true", "1 == true", "0 == false"),
    *("0 == null", "'' == null", "$response.body#/x == null", "$response.body#/x != 1", "$inputs.who < 5"),
    *("'a' < 'b'", "1 == 1 && 1 == 2", "1 == 2 || 2 == 3", "$inputs.rows == '1'", "'1' == 1"),
    *("$steps.send.outputs.sum == 185.0299999999999999", "true < 5"),
]


@pytest.mark.parametrize("text", [*HOLDS, *HOLDS_NOT])
def test_a_condition(text: str) -> None:
    passed, compared = expressions.check(expressions.condition(text), SCOPE)
    assert passed is (text in HOLDS)
    assert len(compared) == 1 + text.count("&&") + text.count("||")


@pytest.mark.parametrize(
    ("text", "expected", "found", "problem"),
    [
        ("$statusCode == 404", "== 404", 200, None),
        (
            "$inputs.many == $steps.send.outputs.sum",
            "== 185.03 ($steps.send.outputs.sum)",
            3,
            None,
        ),
        ("$inputs.x > 1", "> 1", None, "$inputs.x reaches no value"),
        ("$inputs.who > 1", "> 1", None, '> compares numbers, and "Ann" is none'),
        ("$inputs.many < $inputs.x", "< $inputs.x", None, "$inputs.x reaches no value"),
    ],
)
def test_what_a_comparison_tells(text: str, expected: str, found: Any, problem: str | None) -> None:
    _, (row,) = expressions.check(expressions.condition(text), SCOPE)
    assert (row.passed, row.expected, row.found, row.problem) == (False, expected, found, problem)
    assert row.what == text.split()[0]


NO_CONDITIONS = [
    *(
        "",
        "  ",
        "$statusCode",
        "true",
        "$statusCode ==",
        "== 200",
        "$statusCode = 200",
        "1 == 1 &&",
        "|| 1 == 1",
    ),
    *("1 == 1 1 == 1", "1 == 2 == 3", "1 == 1 & 2 == 2", "!(1 == 1)", "(1 == 1)", "'a == 'b'", "a == b"),
    *("$url == 'x'", "$response.body[0] == 1", "1 == 01x", "1 && 1", "$statusCode == 200;"),
]


@pytest.mark.parametrize("text", NO_CONDITIONS)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(BadExpression):
        expressions.condition(text)
