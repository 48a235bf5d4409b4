"""Parses YAML and JSON files to JSON values, with the line number of each part.

Its errors name lines and quote nothing: whether a file is a fixture or a secret is not known yet.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml.composer import Composer

from mockserver.stories import library

Steps = tuple[str | int, ...]

_MOST = 200_000  # values of a file, its aliases written out [A]
_DEEPEST = 40  # [A]
_DIGITS = 100  # of a number [A]
_TOO_MUCH = "too many values, or too deep"
_TAG = "tag:yaml.org,2002:"


class BadFile(ValueError):
    """A file is invalid, with reason and line (from 1; 0 if unknown)."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


# libyaml parses fast, but composes a whole document in one step, in which no other thread can run
_BASES = (Composer, yaml.CBaseLoader) if hasattr(yaml, "CBaseLoader") else (yaml.BaseLoader,)


class _Loader(*_BASES):  # type: ignore[misc]
    """Composes the nodes of a document, up to the limits.

    Unquoted words have the meaning of YAML 1.2 and JSON: `no`, `0123`, `10:00` and `2026-03-02` are text.
    """

    def __init__(self, text: str) -> None:
        _BASES[-1].__init__(self, text)
        self.anchors: dict[str, Node] = {}
        self._left = _MOST
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._left -= 1
        self._depth += 1
        if self._left < 0 or self._depth > _DEEPEST + 1:
            raise BadFile(_TOO_MUCH, self.peek_event().start_mark.line + 1)
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _kind, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z", re.ASCII), list(_first))


class ParsedFile:
    """The JSON value of a file, with the lines of its parts."""

    def __init__(self, value: Any, lines: dict[Steps, int]) -> None:
        self.value = value
        self._lines = lines

    def line(self, steps: Steps) -> int:
        """Return the line of the key of a part; for a missing part, that of its parent; 0 if unknown."""
        while steps and steps not in self._lines:
            steps = steps[:-1]
        return self._lines.get(steps, 0)


def read_file(path: Path) -> ParsedFile:
    """Parse a file, which must contain one document. Raises BadFile."""
    try:
        data = library.read(path)
    except library.Unreadable as error:
        raise BadFile(str(error)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile("is not UTF-8", 1 + data.count(b"\n", 0, error.start)) from None
    return parse(text)


def parse(text: str) -> ParsedFile:
    """Parse a text, which must contain one document. Raises BadFile."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = re.sub(r"(?<= alias) .*", "", error.problem or "")  # without the name of the alias
        raise BadFile(f"bad YAML: {problem}", 0 if mark is None else mark.line + 1) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise BadFile(f"bad YAML: {' '.join(str(error).split()) or 'too deep'}") from None
    if node is None:
        raise BadFile("is empty", 1)
    builder = _Builder()
    return ParsedFile(builder.value(node, ()), builder.lines)


def document(value: Any) -> ParsedFile:
    """Return a JSON value as if it had been parsed from a file without lines. Raises BadFile."""
    left = _MOST
    level = [value]
    for _ in range(_DEEPEST + 1):
        left -= len(level)
        if left < 0:
            break
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return ParsedFile(value, {})
    raise BadFile(_TOO_MUCH)


def word(text: str) -> Any:
    """Return the value of an unquoted word; it is text if it has no other meaning."""
    tag = _Loader("").resolve(ScalarNode, text, (True, False))
    try:
        return _scalar(ScalarNode(tag, text), 1)
    except BadFile:
        return text


class _Builder:
    def __init__(self) -> None:
        self.lines: dict[Steps, int] = {}
        self._left = _MOST

    def value(self, node: Node, steps: Steps) -> Any:
        """Return the JSON value of a node; aliases are expanded."""
        line = node.start_mark.line + 1
        self.lines.setdefault(steps, line)
        self._left -= 1
        if self._left < 0 or len(steps) > _DEEPEST:
            raise BadFile(_TOO_MUCH, line)
        if isinstance(node, ScalarNode):
            return _scalar(node, line)
        if node.tag not in (f"{_TAG}seq", f"{_TAG}map", "!"):
            raise BadFile("unknown tag", line)
        if isinstance(node, SequenceNode):
            return [self.value(each, (*steps, index)) for index, each in enumerate(node.value)]
        assert isinstance(node, MappingNode), "there are no other nodes"
        return dict(self._members(node, steps))

    def _members(self, node: MappingNode, steps: Steps) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                raise BadFile("a key must be text", line)
            name: str = key.value
            if name in seen:
                raise BadFile("duplicate key", line)
            seen.add(name)
            self.lines[(*steps, name)] = line
            yield name, self.value(value, (*steps, name))


def _scalar(node: ScalarNode, line: int) -> Any:
    text: str = node.value
    try:
        match node.tag.removeprefix(_TAG):
            case "str" | "!":
                return text
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text]
            case "int" if len(text) <= _DIGITS:
                return int(text)
            case "float" if len(text) <= _DIGITS and abs((found := Decimal(text)).adjusted()) < _DIGITS:
                return found
    except (ValueError, LookupError, ArithmeticError):  # a tag that was written out, of something else
        pass
    raise BadFile(f"can't be read as {_kind_of(node)}", line)


def _kind_of(node: ScalarNode) -> str:
    kind: str = node.tag.removeprefix(_TAG)
    return kind if kind in ("str", "null", "bool", "int", "float", "binary", "timestamp") else "this type"
