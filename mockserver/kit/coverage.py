"""Coverage of a pytest run: what all servers of all its processes have seen, added up."""

import json
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mockserver import coverage_report
from mockserver.control.coverage import universe
from mockserver.coverage_report import Coverage
from mockserver.kit.server_thread import ServerThread

WRITERS = {
    ".json": lambda shown, limit: coverage_report.json(shown) + "\n",
    ".html": lambda shown, limit: coverage_report.html(shown) + "\n",
    ".xml": coverage_report.junit,
    ".txt": lambda shown, limit: "\n".join([*coverage_report.text(shown, missing=True), ""]),
}
"""How a file is written, by the end of its name."""


class UnknownItem(ValueError):
    """A pattern matches no item of any group."""


class Gathered:
    """The coverage of servers that have stopped, and for each item the first test that exercised it."""

    def __init__(self) -> None:
        self._parts: list[Coverage] = []
        self._tests: dict[str, str] = {}

    def add_server(self, server: ServerThread) -> None:
        """Add what a server has counted, before it stops."""
        self._parts.append(server.control("GET", "/coverage"))

    def add_test(self, test: str, shown: Coverage) -> None:
        """Note the test that an account is for, as an example of what the account exercised."""
        for name, group in shown["groups"].items():
            for each in group["seen"]:
                key = f"{name}: {each['item']}"
                self._tests[key] = min(test, self._tests.get(key, test))

    def packed(self) -> str:
        """Everything as text, for another process."""
        return json.dumps([self._parts, self._tests])

    def add_packed(self, text: str) -> None:
        """Add what another process has gathered."""
        parts, tests = json.loads(text)
        self._parts += parts
        for key, test in tests.items():
            self._tests[key] = min(test, self._tests.get(key, test))

    def coverage(self, patterns: Sequence[str] = ()) -> Coverage:
        """All of it; with patterns such as `commands: credit *` only the items that match one."""
        shown = coverage_report.merged(self._parts)
        for name, group in shown["groups"].items():
            for each in group["seen"]:
                each["example"], each["account"] = self._tests.get(f"{name}: {each['item']}"), None
        return coverage_report.matching(shown, patterns) if patterns else shown


def check_patterns(patterns: Iterable[str]) -> None:
    """Raise UnknownItem for a pattern that matches nothing: it is misspelt, or of another version."""
    names = [f"{group}: {item}" for group, items in universe().items() for item in items]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownItem(f"no item matches {pattern}")


def write(path: Path, shown: Coverage, limit: float | None) -> None:
    """Write a report; the end of the file's name chooses its form. Raises OSError."""
    writer: Any = WRITERS[path.suffix]
    path.write_text(writer(shown, limit), encoding="utf-8")
