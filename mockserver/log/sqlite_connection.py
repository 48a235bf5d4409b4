"""The connection to the file of a log in SQLite, and its transactions: one at a time."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite

from mockserver.log import sqlite_file
from mockserver.log.interface import LogFailed, WriteRefused
from mockserver.log.sqlite_file import READ_ERRORS

READ_AT_ONCE = 2000  # rows
_DAMAGES = (sqlite3.SQLITE_OK, sqlite3.SQLITE_CORRUPT)
_REFUSALS = (
    UnicodeEncodeError,
    TypeError,
    OverflowError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
)


class SQLiteConnection:
    """A connection that is held for as long as the process serves: a second server is refused."""

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self.path = Path(path)
        self.transaction = asyncio.Lock()  # who holds it sees only what is on disk
        self._file: tuple[int, int] | None = None
        self._connection: aiosqlite.Connection | None = None

    @property
    def db(self) -> aiosqlite.Connection:
        """The connection itself."""
        assert self._connection is not None, "the log is not open"
        return self._connection

    async def open(self) -> None:
        """Open or make the file and take it for this process; LogInUse, LogFailed."""
        failed: list[BaseException] = []

        def connect() -> sqlite3.Connection:
            # when this raises, nobody can wait for the end of aiosqlite's thread, which then finds no loop
            try:
                return sqlite_file.opened(self.path, self.name)
            except BaseException as error:  # it is raised below
                failed.append(error)
                return sqlite3.connect(":memory:")

        connection = _in_daemon_thread(connect)

        async def opened() -> aiosqlite.Connection:
            return await connection

        opening = asyncio.ensure_future(opened())
        try:
            self._connection = await asyncio.shield(opening)
        except asyncio.CancelledError:  # who gives up while it opens leaves nothing open
            await (await opening).close()
            raise
        if failed:
            await self.close()
            raise failed[0]
        self.transaction = asyncio.Lock()
        self._file = _identity(self.path)

    async def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                await connection.close()

    def check_in_place(self) -> None:
        """LogFailed when the file is not any more where it was opened."""
        if _identity(self.path) != self._file:
            raise LogFailed(f"{self.name} is gone")

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """What a statement gives; LogFailed."""
        try:
            return await self.run(statement, *values)
        except READ_ERRORS as error:
            raise LogFailed(f"{self.name} can't be read: {error}") from error

    async def run(self, statement: str, *values: Any) -> list[Any]:
        """What a statement gives, whose errors the caller handles, as `writing` does."""
        return list(await self.db.execute_fetchall(statement, values))

    async def run_many(self, statement: str, values: list[tuple[Any, ...]]) -> None:
        """Run a statement with each of these values."""
        async with self.db.executemany(statement, values):
            pass

    async def pragma(self, name: str) -> Any:
        """The value of a pragma; None when it has none."""
        rows = await self.rows(f"pragma {name}")
        return rows[0][0] if rows else None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """A transaction: all of it and flushed to the disk, or nothing and LogFailed or WriteRefused."""
        async with self.transaction:
            try:
                yield
                await self.db.commit()
            except BaseException as error:
                with suppress(sqlite3.Error):
                    await self.db.rollback()
                if isinstance(error, _REFUSALS):
                    raise WriteRefused(f"{self.name} can't keep this: {error}") from error
                if isinstance(error, READ_ERRORS):
                    raise LogFailed(f"{self.name} can't be written: {error}") from error
                raise


def is_damage(error: Exception) -> bool:
    """Whether it lies in the bytes that were read; one without a code is a text that is not UTF-8."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGES


def _in_daemon_thread(connect: Callable[[], sqlite3.Connection]) -> aiosqlite.Connection:
    """A connection that does not keep the process from ending.

    What was answered is on disk, so a process may end without closing (an application without lifespan). A
    thread is a daemon when it is made in one, and the connection makes its thread when it is made.
    """
    made: list[aiosqlite.Connection] = []

    def make() -> None:
        made.append(aiosqlite.Connection(connect, iter_chunk_size=READ_AT_ONCE))

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    maker.join()
    return made[0]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
