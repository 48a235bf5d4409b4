"""Words of YAML as version 1.2 has them, and where each part is."""

from decimal import Decimal
from typing import Any

import pytest

from mockserver.stories import places

WORDS: list[tuple[str, Any]] = [
    *((word, word) for word in ("no", "on", "off", "yes", "y", "2026-03-02", "1:30", "1_000", "0b1", ".")),
    *((word, None) for word in ("~", "null", "Null", "NULL", "")),
    *((word, True) for word in ("true", "True", "TRUE")),
    *((word, False) for word in ("false", "False", "FALSE")),
    *((word, int(word)) for word in ("0", "-5", "+7", "12345678901234567890")),
    ("0x1F", 31),
    ("0o17", 15),
    ("017", 17),
    ("185.03", Decimal("185.03")),
    ("-1.5e3", Decimal(-1500)),
    (".5", Decimal("0.5")),
    ("'5'", "5"),
    ('"true"', "true"),
    (".inf", ".inf"),
]


@pytest.mark.parametrize(("text", "meant"), WORDS)
def test_a_word(text: str, meant: Any) -> None:
    found = places.read(f"a: {text}").value["a"]
    assert found == meant
    assert type(found) is type(meant)


def test_lines() -> None:
    text = places.read("a:\n  - 1\n  - b: 2\n    c: 3\nd: {e: [4]}\n")
    assert text.value == {"a": [1, {"b": 2, "c": 3}], "d": {"e": [4]}}
    lines = [text.line(path) for path in ((), ("a", 0), ("a", 1, "c"), ("d", "e", 0), ("a", 1, "x", "y"))]
    assert lines == [1, 2, 4, 5, 3]


def test_an_alias_is_the_same_value() -> None:
    assert places.read("a: &x {b: 1}\nc: *x").value == {"a": {"b": 1}, "c": {"b": 1}}
