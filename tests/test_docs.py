"""The README is true: its blocks run in order, and its lists are those of the tables in the source.

A block that begins with `make run` starts the server, and stops the one before; `sh` blocks go to one bash,
`python` blocks to a Python of their own. `http://127.0.0.1:8080` stands for the address of the server, which
is also `$MOCK`. A comment `# → text` says what must be in the output of its block, in this order.
"""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from msgspec import Struct

from mockserver.api.commands import COMMANDS
from mockserver.api.operations import OPERATIONS
from mockserver.cli.options import SERVE
from mockserver.control.edge import BASE as CONTROL
from mockserver.control.operations import OPERATIONS as CONTROL_OPERATIONS
from tests.e2e.served import PATIENCE, Served, clean_environment

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


class Block(Struct, frozen=True):
    """A fenced block of the README."""

    language: str
    text: str
    line: int

    @property
    def expected(self) -> list[str]:
        return re.findall(r"# → (.+)$", self.text, re.MULTILINE)


def blocks() -> Iterator[Block]:
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        yield Block(match[1], match[2], README.count("\n", 0, match.start()) + 1)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


# the blocks


class Reader:
    """Somebody who follows the README in a folder of their own."""

    def __init__(self, home: Path) -> None:
        (home / ".curlrc").write_text(f"max-time = {PATIENCE}\n")
        self._home = home
        self._environment = clean_environment(HOME=str(home), CURL_HOME=str(home), NO_PROXY="127.0.0.1")
        self._server: Served | None = None
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            env=self._environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._bash:
            self._bash.kill()
        if self._server is not None:
            self._server.kill()

    def follow(self, block: Block) -> str:
        """What a block shows."""
        if block.text.startswith("make run"):
            self._start(shlex.split(block.text, comments=True))
            return ""
        text = block.text if self._server is None else block.text.replace(ADDRESS, self._server.address)
        return self._shell(text) if block.language == "sh" else self._python(text)

    def _start(self, words: list[str]) -> None:
        arguments = [shlex.split(word.removeprefix("ARGS=")) for word in words[2:]]
        if self._server is not None:
            assert self._server.stop(signal.SIGINT) == (0, "", "")
        self._server = Served(*(word for words in arguments for word in words), cwd=self._home)
        self._shell(f"MOCK={self._server.address}")

    def _shell(self, text: str) -> str:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        end = "=== the end of a block ==="
        self._bash.stdin.write(f"{{\n{text}\n}} </dev/null\nprintf '\\n%s\\n' '{end}'\n")
        self._bash.stdin.flush()
        shown: list[str] = []
        for line in self._bash.stdout:
            if line.rstrip() == end:
                return "".join(shown)
            shown.append(line)
        raise AssertionError(f"bash gave up at:\n{text}\n{''.join(shown)}")

    def _python(self, text: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", text],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=self._home,
            env=self._environment,
        )
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        return done.stdout


def test_the_blocks_work_in_order(tmp_path: Path) -> None:
    followed: list[str] = []
    with Reader(tmp_path) as reader:
        for block in blocks():
            if block.language not in ("sh", "python"):
                continue
            shown = reader.follow(block)
            place = 0
            for text in block.expected:
                assert text in shown[place:], f"README.md:{block.line}: no {text} in {shown[place:]}"
                place = shown.index(text, place) + len(text)
            followed.append(block.language)
    assert followed.count("sh") >= 8
    assert followed.count("python") >= 2


def test_every_block_is_run_and_says_what_to_expect() -> None:
    for block in blocks():
        assert block.language in ("sh", "python"), f"README.md:{block.line}"
        assert block.expected or block.text.startswith("make run"), f"README.md:{block.line}"


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


def operations(built: bool) -> set[str]:
    own = {f"{row.method} {row.path}" for row in OPERATIONS if (row.endpoint is not None) is built}
    control = {
        f"{row.method} {CONTROL}{row.path}"
        for row in CONTROL_OPERATIONS
        if (row.endpoint is not None) is built
    }
    return own | control


@pytest.mark.parametrize(("title", "built"), [("What works today", True), ("Not yet", False)])
def test_operations_and_commands_are_listed_as_they_are_built(title: str, built: bool) -> None:
    text = section(title)
    assert listed(text) == operations(built)
    assert commands(text) == {name for name, row in COMMANDS.items() if (row is not None) is built}


def test_every_option_is_in_the_table() -> None:
    text = section("Options of `mockserver serve`")
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


def test_links_inside_the_readme_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors
