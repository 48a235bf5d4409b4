"""Finds and reads fixtures and scenarios: bundled ones, those of `--library`, and files by their path.

Over HTTP only names are looked up (`named`); paths are for the command line and for Python (`find`).
"""

import asyncio
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from mockserver.stories.background import in_daemon_thread

T = TypeVar("T")

FIXTURES, SCENARIOS = "fixtures", "scenarios"
LARGEST = 5 * 1024 * 1024  # bytes of a file
LONGEST = 10.0  # seconds until a client gets an error instead of a file [A]
_SUFFIXES = (".yaml", ".yml", ".json")
_PACKAGE = Path(__file__).resolve().parents[1]


class NotInLibrary(LookupError):
    """No fixture or scenario has this name, and no file this path."""


class Unreadable(Exception):
    """A file can't be read; the text is the reason."""


def folder(kind: str) -> Path:
    """Return the folder of the bundled fixtures or scenarios."""
    installed = _PACKAGE / "library" / kind  # a wheel has them inside the package
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def names(kind: str, folders: Iterable[str] = ()) -> list[str]:
    """Return the names of the bundled fixtures or scenarios and of the files in `folders`, sorted."""
    return sorted(_files(kind, folders))


def named(kind: str, name: str, folders: Iterable[str] = ()) -> Path:
    """Return the file of a name; a file in `folders` hides a bundled one. Raises NotInLibrary."""
    known = _files(kind, folders)
    if name in known:
        return known[name]
    from difflib import get_close_matches  # when a name is misspelt

    similar = get_close_matches(name, known, cutoff=0.5)
    hint = f"; did you mean {' or '.join(similar)}?" if similar else f"; there are {', '.join(sorted(known))}"
    raise NotInLibrary(f"no {kind.removesuffix('s')} {name}{hint}")


def find(kind: str, asked: str) -> Path:
    """Return the bundled file of a name, or the file at a path. Raises NotInLibrary."""
    path = Path(asked)
    return path if asked not in names(kind) and path.is_file() else named(kind, asked)


def _files(kind: str, folders: Iterable[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for each in (folder(kind), *reversed([Path(each) for each in folders])):
        for entry in sorted(each.iterdir()) if each.is_dir() else ():
            if entry.suffix in _SUFFIXES and entry.is_file():
                found[entry.stem] = entry
    return found


def read(path: Path) -> bytes:
    """Return the content of a regular file. Raises Unreadable. Anything else is never opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("can't be read: it is not a regular file")
        # with O_NONBLOCK, a FIFO that has taken the place of the file since does not block
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("can't be read: it is not a regular file")
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"can't be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST // 1024 // 1024} MiB")
    return data


async def in_thread(work: Callable[[], T]) -> T:
    """Do work that reads files in a thread of its own. Raises TimeoutError after LONGEST seconds.

    The thread does not belong to the pool of the event loop: a file system that hangs can neither use up that
    pool nor hold up the end of the process.
    """
    async with asyncio.timeout(LONGEST):
        return await in_daemon_thread(work)
