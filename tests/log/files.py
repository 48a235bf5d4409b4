"""Logs in files for the tests of this folder, and ways to change a file behind the log's back."""

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from mockserver.core.events import Record
from mockserver.log.interface import Append, Branch, Point, Write
from mockserver.log.sqlite import SQLiteLog

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def record(position: int, cause: str = "cause", rule: str = "test") -> Record:
    """A record without events."""
    return Record(position, AT, cause, rule, ())


def records(stream: str, first: int, last: int, cause: str = "cause") -> list[Write]:
    """Records for the end of a stream."""
    return [Append(stream, record(position, cause)) for position in range(first, last + 1)]


def root(stream: str, last: int, cause: str = "cause") -> list[Write]:
    """An account `account:{stream}` with a stream of its own."""
    return [Branch(stream), *records(stream, 1, last, cause), Point(f"account:{stream}", stream)]


@contextlib.asynccontextmanager
async def opened(file: Path) -> AsyncIterator[SQLiteLog]:
    """The log of a file, open."""
    log = SQLiteLog(file)
    await log.open()
    try:
        yield log
    finally:
        await log.close()


@contextlib.contextmanager
def beside(file: Path) -> Iterator[sqlite3.Connection]:
    """Another connection to the file, whose every statement is a transaction."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("pragma synchronous = off")
        yield database


async def read(log: SQLiteLog, stream: str) -> list[str]:
    """The causes of the records of a stream."""
    return [each.cause async for each in log.read(stream)]


async def sweep(log: SQLiteLog) -> int:
    """Sweep until there is no more to do; how many steps that took."""
    steps = 1
    while await log.sweep():
        steps += 1
    return steps


def size(file: Path) -> int:
    """All that the log takes on the disk."""
    parts = (file, file.with_name(f"{file.name}-wal"))
    return sum(os.path.getsize(part) for part in parts if part.exists())
