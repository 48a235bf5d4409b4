"""The documentation as it is written: its pages, their sections and their blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
README = "README.md"
PAGES = (
    README,
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/examples").glob("*/README.md")),
)

_FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(Struct, frozen=True):
    """A fenced block. Its first line may give a file name behind the language."""

    place: str
    section: str  # the title above it
    language: str
    file: str
    text: str

    @property
    def expected(self) -> list[str]:
        """What is to be seen when it is run, in this order."""
        return re.findall(r"(?:#|//) → (.+)$", self.text, re.MULTILINE)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    whole = text(page)
    titles = list(_titles(whole))
    for match in _FENCED.finditer(whole):
        language, _, file = match[1].partition(" ")
        above = [title[1] for title in titles if title.start() < match.start()]
        place = f"{page}:{whole.count(chr(10), 0, match.start()) + 1}"
        yield Block(place, above[-1], language, file, match[2])


def check_made(page: str, module: str, right: str) -> None:
    """A part of a page is what a module of ours prints."""
    begin = re.escape(f"<!-- made by python -m {module} -->")
    shown = re.findall(rf"^{begin}\n(.*?)\n?<!-- end -->", text(page), re.MULTILINE | re.DOTALL)
    assert shown == [right], f"{page} must show (python -m {module}):\n\n{right}\n"


def prose(page: str) -> str:
    """A page without its blocks."""
    return _FENCED.sub("", text(page))


def sections(page: str) -> Iterator[tuple[str, str]]:
    """Title and text of each section, up to the next title of any level."""
    whole = text(page)
    found = list(_titles(whole))
    ends = [match.start() for match in found[1:]] + [len(whole)]
    for match, end in zip(found, ends, strict=True):
        yield match[1], whole[match.end() : end]


def _titles(whole: str) -> Iterator[re.Match[str]]:
    hidden = _FENCED.sub(lambda match: re.sub(r"[^\n]", "x", match[0]), whole)  # a comment is no title
    return re.finditer(r"^#+ (.*)$", hidden, re.MULTILINE)


def anchors(page: str) -> set[str]:
    """The fragments that GitHub gives to its titles."""
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title, _ in sections(page)}
