"""YAML text (JSON is YAML too) read into values, each with its line.

As YAML 1.2 has it: `no` and `on` are words, a date is text, a number is a Decimal or an int, never a float.
"""

import re
from decimal import Decimal
from typing import Any

import yaml
from msgspec import Struct

Path = tuple[str | int, ...]

_NUMBER = re.compile(r"[-+]?(\d+|0o[0-7]+|0x[0-9a-fA-F]+|(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?)", re.ASCII)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MOST_VALUES = 100_000
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is there


class BadText(Exception):
    """It can't be read; `line` is where, from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Text(Struct, frozen=True):
    """A value, and the line of each of its parts."""

    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """Where a part is, or the nearest part around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Text:
    """The one document of a text; BadText."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadText(mark.line + 1 if mark else 1, f"not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise BadText(1, f"not YAML: {error}") from None
    lines: dict[Path, int] = {}
    return Text(None if node is None else _value(node, (), lines, ()), lines)


def _value(node: yaml.Node, path: Path, lines: dict[Path, int], above: tuple[int, ...]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in above:
        raise BadText(line, "a part that holds itself")
    if len(lines) >= _MOST_VALUES:
        raise BadText(line, f"more than {_MOST_VALUES} values")
    lines.setdefault(path, line)
    within = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, (*path, number), lines, within) for number, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name, at = key.value, key.start_mark.line + 1
            if not isinstance(name, str):
                raise BadText(at, "a key that is no text")
            if name in found:
                raise BadText(at, f"the key {name} stands here twice")
            lines[(*path, name)] = at
            found[name] = _value(value, (*path, name), lines, within)
        return found
    assert isinstance(node, yaml.ScalarNode)
    return node.value if node.style else scalar(node.value)  # a quoted one is text


def scalar(text: str) -> Any:
    """What a word without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    if text.startswith(("0x", "0o")):
        return int(text, 0)
    return int(text) if text.lstrip("+-").isdigit() else Decimal(text)
