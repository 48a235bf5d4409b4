"""The page on architecture shows the machine's table and the rooms as they are."""

import re
import tomllib

from tests.docs import diagram, pages

PAGE = "docs/architecture.md"


def test_the_diagram_and_the_table_are_those_of_the_machine() -> None:
    right = f"{diagram.diagram()}\n\n{diagram.table()}"
    pages.check_made(PAGE, diagram.__name__, right)


def test_the_rooms_are_those_of_the_import_contract() -> None:
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    rows = re.findall(r"^\| (`mockserver\..*?) \|", pages.text(PAGE), re.MULTILINE)
    shown = [re.findall(r"`mockserver\.(\w+)`", row) for row in rows]
    layers = [layer.split(" | ") for layer in contract["layers"]]
    assert shown == [layer for layer in layers if layer != ["__main__"]]


def test_the_files_it_names_are_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.py|\w+\.py)`", pages.text(PAGE)))
    assert named
    missing = {
        name
        for name in named
        if not any(root.joinpath(name).is_file() for root in (pages.ROOT, pages.ROOT / "mockserver"))
    }
    assert not missing
