"""YAML as JSON values, with the line of each part."""

from decimal import Decimal
from typing import Any

import pytest

from mockserver.stories import yaml_source


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("Yes", "Yes"),
        ("true", True),
        ("True", "True"),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7", -7),
        ("0701740605", "0701740605"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("10:00", "10:00"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T10:00:00+01:00", "2026-03-02T10:00:00+01:00"),
        ("987 65", "987 65"),
        ("0.1", Decimal("0.1")),
        ("12.50", Decimal("12.50")),
        ("1e3", Decimal("1E+3")),
        (".5", ".5"),
        (".inf", ".inf"),
        ("'7'", "7"),
        ('"7"', "7"),
        ("=", "="),
        ("<<", "<<"),
        ("[1, {a: 2}]", [1, {"a": 2}]),
        ('{"a": [true, null, "x"]}', {"a": [True, None, "x"]}),
        ("|-\n  two\n  lines", "two\nlines"),
        ("!!str 7", "7"),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = yaml_source.parse(f"it: {text}\n").value["it"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("0.50", Decimal("0.50")),
        ("true", True),
        ("null", None),
        ("", None),
        ("a: b", "a: b"),
        ("[1]", "[1]"),
        ("1" * 101, "1" * 101),
    ],
)
def test_a_word(text: str, value: Any) -> None:
    found = yaml_source.word(text)
    assert found == value
    assert type(found) is type(value)


def test_lines() -> None:
    text = "a:\n  - x\n  - b: 1\n    c: &k\n      d: 2\ne: *k\n"
    file = yaml_source.parse(text)
    assert file.value == {"a": ["x", {"b": 1, "c": {"d": 2}}], "e": {"d": 2}}
    for steps, line in (
        ((), 1),
        (("a",), 1),
        (("a", 0), 2),
        (("a", 1), 3),
        (("a", 1, "c"), 4),
        (("a", 1, "c", "d"), 5),
        (("e",), 6),
        (("e", "d"), 5),  # where it is written
        (("a", 1, "none", "deeper"), 3),
        (("none",), 1),
    ):
        assert file.line(steps) == line, steps
