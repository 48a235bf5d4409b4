"""The lists of the documentation are those of the tables in the source. Its blocks run in tests/docs."""

import re

from mockserver.api.commands import COMMANDS
from mockserver.api.operations import OPERATIONS
from mockserver.cli.options import SERVE
from mockserver.control.edge import BASE as CONTROL
from mockserver.stories.operations import OPERATIONS as CONTROL_OPERATIONS
from tests.docs import pages

LISTS, SERVER = pages.text("docs/what-works.md"), pages.text("docs/server.md")


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


# the lists


def listed(text: str) -> set[str]:
    """The operations of a section: `GET, PUT /settings` are two; `…` is the path of an account."""
    found = set()
    for methods, path in re.findall(r"`([A-Z]+(?:, [A-Z]+)*) ([/…][^` ]*)`", text):
        for method in methods.split(", "):
            operation = f"{method} {path.replace('…', '/_mock/accounts/{a}')}"
            assert operation not in found, f"twice: {operation}"
            found.add(operation)
    return found


def commands(text: str) -> set[str]:
    (line,) = re.findall(r"^- Commands of a billogram: (.*)$", text, re.MULTILINE)
    return set(re.findall(r"`([a-z-]+)`", line))


def test_operations_and_commands_are_listed() -> None:
    own = {f"{row.method} {row.path}" for row in OPERATIONS}
    control = {f"{row.method} {CONTROL}{row.path}" for row in CONTROL_OPERATIONS}
    assert listed(LISTS) == own | control
    assert commands(LISTS) == set(COMMANDS)


def test_every_option_is_in_the_table() -> None:
    text = section(SERVER, "Options of `mockserver serve`")
    rows = re.findall(r"^\| `(--.*?)` \| `(.*?)` \|([^|]*)\|", text, re.MULTILINE)
    shown = {
        (
            f"--{option.name}{'' if option.metavar is None else ' ' + option.metavar}",
            option.variable,
            "" if option.default in (None, False) else f"`{option.default}`",
        )
        for option in SERVE
    }
    assert {tuple(cell.strip() for cell in row) for row in rows} == shown
    assert len(rows) == len(SERVE)
