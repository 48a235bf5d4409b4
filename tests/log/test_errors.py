"""An error of the database names its cause, and not what SQLite calls it."""

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mockserver.log import sqlite_errors
from mockserver.log.interface import Branch, LogFailed, Point
from mockserver.log.interface import Summary as SummaryWrite
from mockserver.log.sqlite import SQLiteLog

SAID_BY_SQLITE = ("disk I/O error", "unable to open", "readonly database", "database or disk")


def attempt(path: Path) -> str:
    """Why a server can't start with this database; empty if it can."""

    async def story() -> None:
        log = SQLiteLog(path)
        await log.open()
        try:
            await log.pointers()
            await log.summaries()
            await log.commit([])
        finally:
            await log.close()

    try:
        asyncio.run(story())
    except LogFailed as failure:
        return str(failure)
    return ""


def made(path: Path) -> Path:
    """A database of ours with some pages."""

    async def story() -> None:
        log = SQLiteLog(path)
        await log.open()
        summaries = [SummaryWrite(f"account:{number}", b"x" * 900) for number in range(50)]
        await log.commit([Branch("s"), Point("account:x", "s"), *summaries])
        await log.close()

    asyncio.run(story())
    return path


def garbage(at: int, data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        content = bytearray(made(path).read_bytes())
        content[at : at + len(data)] = data
        path.write_bytes(content)

    return write


def truncated(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(made(path), size)


def executed(statement: str) -> Callable[[Path], None]:
    def execute(path: Path) -> None:
        with closing(sqlite3.connect(made(path))) as database:
            database.execute(statement)
            database.commit()

    return execute


def of_another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table notes (text)")


def with_folder(suffix: str) -> Callable[[Path], None]:
    return lambda path: made(path).with_name(path.name + suffix).mkdir()


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


DAMAGED = "the file is damaged"
CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (lambda path: path.mkdir(), "{path} is a folder"),
    "no folder": (lambda path: path.parent.rmdir(), "there is no folder {path.parent}"),
    "below a file": (below_a_file, "{path.parent} is not a folder"),
    "a link to nowhere": (lambda path: path.symlink_to("/nowhere/x.db"), "there is no folder /nowhere"),
    "text": (lambda path: path.write_text("notes\n" * 100), "it belongs to another program"),
    "another's": (of_another, "it belongs to another program"),
    "newer": (executed("pragma user_version = 99"), "a newer version of mockserver"),
    "no table": (executed("drop table pointers"), DAMAGED),
    "folder for -wal": (with_folder("-wal"), "{path}-wal is a folder"),
    "folder for -shm": (with_folder("-shm"), "{path}-shm is a folder"),
    "folder for -journal": (with_folder("-journal"), "{path}-journal is a folder"),
    "another beginning": (garbage(0, b"x" * 16), "its beginning is damaged"),
    "garbage in the head": (garbage(24, b"x" * 76), DAMAGED),
    "garbage in a page": (garbage(100, b"x" * 500), DAMAGED),
    "unknown format": (garbage(44, b"\0\0\0\x09"), DAMAGED),
    "another encoding": (garbage(56, b"\0\0\0\x07"), DAMAGED),
    "truncated to 100": (truncated(100), DAMAGED),
    "truncated to 5000": (truncated(5000), DAMAGED),
    "truncated to 20000": (truncated(20000), DAMAGED),
}


@pytest.mark.parametrize("name", CASES)
def test_a_database_that_can_not_be_opened(name: str, tmp_path: Path) -> None:
    prepare, why = CASES[name]
    path = tmp_path / "place" / "kept.db"
    path.parent.mkdir()
    prepare(path)
    said = attempt(path)
    assert said.startswith(f"{path} can't be ")
    assert why.format(path=path) in said
    assert said.isprintable()
    assert not any(text in said for text in SAID_BY_SQLITE)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "name too long" in attempt(tmp_path / ("x" * 300))


@pytest.mark.parametrize("mode", ["file", "folder", "closed folder"])
def test_no_permission(mode: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "inner" / "kept.db"
        path.parent.mkdir()
        made(path)
        os.chmod(place, 0o755)
        os.chmod(path, 0o444 if mode == "file" else 0o666)
        os.chmod(path.parent, {"file": 0o777, "folder": 0o555, "closed folder": 0o600}[mode])
        code = (
            "import os, sys; from pathlib import Path; from tests.log.test_errors import attempt\n"
            "if os.geteuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
            "print(attempt(Path(sys.argv[1])))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, timeout=30
        )
        os.chmod(path.parent, 0o755)
    named = path if mode == "file" else path.parent
    assert done.stdout == f"{path} can't be opened: there is no permission to write {named}\n"


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EROFS, "{folder} is on a read-only file system"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EFBIG, "the file may not become that large"),
        (errno.EMFILE, "too many files are open"),
        (errno.EACCES, "there is no permission to write {folder}"),
        (errno.EIO, "Input/output error: {folder}"),
        (None, "the operating system refused to read or write it: disk I/O error (SQLITE_IOERR_WRITE)"),
    ],
)
def test_what_the_operating_system_objects_to(
    number: int | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if number is not None:

        def refuse(**_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE"
    assert sqlite_errors.reason(error, tmp_path / "x.db") == why.format(folder=tmp_path)


def test_a_full_disk() -> None:
    assert attempt(Path("/dev/full")) == "/dev/full can't be opened: the disk is full"
