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
from mockserver.log.sqlite_errors import reason
from mockserver.log.sqlite_file import READ_ERRORS

READ_AT_ONCE = 2000  # rows
_INTERRUPT_AGAIN = 0.01  # seconds
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
    """A connection that locks the file for as long as it is open, so that a second server is refused."""

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self.path = Path(path)
        self.transaction = asyncio.Lock()  # with it, a reader sees only committed data
        self._file: tuple[int, int] | None = None  # device and inode
        self._connection: aiosqlite.Connection | None = None

    @property
    def db(self) -> aiosqlite.Connection:
        """The connection itself."""
        assert self._connection is not None, "the log is not open"
        return self._connection

    async def open(self) -> None:
        """Open or create the file, and lock it for this process. Raise LogInUse or LogFailed."""
        failed: list[BaseException] = []
        begun: list[sqlite3.Connection] = []

        def connect() -> sqlite3.Connection:
            # if this raised, nothing could wait for aiosqlite's thread, which would outlive the loop
            try:
                return sqlite_file.opened(self.path, self.name, begun.append)
            except BaseException as error:  # it is raised below
                failed.append(error)
                return sqlite3.connect(":memory:")

        connection = _in_daemon_thread(connect)

        async def opened() -> aiosqlite.Connection:
            return await connection

        opening = asyncio.ensure_future(opened())
        try:
            self._connection = await asyncio.shield(opening)
        except asyncio.CancelledError:  # a cancelled caller must leave no connection open
            while not opening.done():  # a statement that begins after an interrupt is not interrupted
                for each in begun:
                    with suppress(sqlite3.Error):
                        each.interrupt()
                await asyncio.wait([opening], timeout=_INTERRUPT_AGAIN)
            await (await opening).close()
            raise
        if failed:
            await self.close()
            raise failed[0]
        self.transaction = asyncio.Lock()
        self._file = _identity(self.path)

    async def close(self) -> None:
        """Close the connection, which unlocks the file."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                await connection.close()

    def check_in_place(self) -> None:
        """Raise LogFailed if the file is no longer at the path where it was opened."""
        if _identity(self.path) != self._file:
            raise LogFailed(f"{self.name} is gone")

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """Execute a statement, and return its rows. Raise LogFailed."""
        try:
            return await self.run(statement, *values)
        except READ_ERRORS as error:
            raise LogFailed(f"{self.name} can't be read: {reason(error, self.path)}") from error

    async def run(self, statement: str, *values: Any) -> list[Any]:
        """Execute a statement, and return its rows. It raises SQLite's errors, which `writing` translates."""
        return list(await self.db.execute_fetchall(statement, values))

    async def run_many(self, statement: str, values: list[tuple[Any, ...]]) -> None:
        """Execute a statement with each of these rows of values."""
        async with self.db.executemany(statement, values):
            pass

    async def pragma(self, name: str) -> Any:
        """Return the value of a pragma, or None if it has no value."""
        rows = await self.rows(f"pragma {name}")
        return rows[0][0] if rows else None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Run a transaction. It is flushed to the disk, or rolled back with LogFailed or WriteRefused."""
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
                    raise LogFailed(f"{self.name} can't be written: {reason(error, self.path)}") from error
                raise


def is_damage(error: Exception) -> bool:
    """Return whether the cause is damaged data. An error without a code is about a text that is not UTF-8."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGES


def _in_daemon_thread(connect: Callable[[], sqlite3.Connection]) -> aiosqlite.Connection:
    """Return a connection that does not keep the process alive.

    A process may end without closing the log, as an application without lifespan does: everything that was
    answered is on disk. A thread that is created by a daemon thread is a daemon too, and the connection
    creates its thread in its constructor.
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
