"""A log in one SQLite file: write-ahead log, every commit flushed to the disk before it counts."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aiosqlite

from mockserver.core.events import Record
from mockserver.log import codec
from mockserver.log.interface import Append, Branch, LogFailed, LogInUse, Point, Unpoint, Write
from mockserver.log.streams import needed

_APPLICATION_ID = 0x42676D73
_SCHEMA = """
create table streams (id text primary key, parent text, position integer not null) without rowid;
create table records (
    stream text not null, position integer not null, body blob not null, primary key (stream, position)
) without rowid;
create table pointers (name text primary key, stream text not null) without rowid;
create table attempts (number integer primary key check (number = 1), made integer not null);
insert into attempts values (1, 0);
"""
# only at the next position of its stream
_APPEND = """
insert into records select :stream, :position, :body where :position = 1 + coalesce(
    (select max(position) from records where stream = :stream),
    (select position from streams where id = :stream)
)
"""
_READ_AT_ONCE = 2000


class SQLiteLog:
    """One connection, held for as long as the process serves: a second process is refused."""

    volatile = False

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._path = Path(path)
        self._file: tuple[int, int] | None = None
        self._connection: aiosqlite.Connection | None = None

    @property
    def _db(self) -> aiosqlite.Connection:
        assert self._connection is not None, "the log is not open"
        return self._connection

    async def open(self) -> None:
        """Open or make the file, take it for this process, and read back that every commit is flushed."""
        try:
            await self._prepare(await self._connect())
        except BaseException as error:
            await self.close()  # who was cancelled on the way keeps no lock either
            if not isinstance(error, sqlite3.Error):
                raise
            if _is_locked(error):
                raise LogInUse(f"{self.name} is in use by another process") from error
            raise LogFailed(f"{self.name} can't be opened: {error}") from error
        self._file = _identity(self._path)

    async def _connect(self) -> aiosqlite.Connection:
        failed: list[sqlite3.Error] = []

        def connect() -> sqlite3.Connection:
            # when this raises, nobody can wait for the end of aiosqlite's thread, which then finds no loop
            try:
                return sqlite3.connect(self._path, timeout=0.25)
            except sqlite3.Error as error:
                failed.append(error)
                return sqlite3.connect(":memory:")

        connection = aiosqlite.Connection(connect, iter_chunk_size=_READ_AT_ONCE)
        # what was answered is on disk, so a process may end without closing (an application without lifespan)
        connection._thread.daemon = True  # noqa: SLF001

        async def opened() -> aiosqlite.Connection:
            return await connection

        opening = asyncio.ensure_future(opened())
        try:
            self._connection = await asyncio.shield(opening)
        except asyncio.CancelledError:  # who gives up while it opens leaves nothing open
            await (await opening).close()
            raise
        if failed:
            raise failed[0]
        return self._connection

    async def _prepare(self, db: aiosqlite.Connection) -> None:
        # exclusive: the operating system drops the lock with the process, however it ends
        await db.execute("pragma locking_mode = exclusive")
        kind = (await self._pragma("application_id"))[0]
        if kind != _APPLICATION_ID and (kind or await self._has_tables()):
            raise sqlite3.DatabaseError("the file belongs to another program")
        await db.execute("pragma journal_mode = wal")
        await db.execute("pragma synchronous = full")
        made = "" if kind else f"pragma application_id = {_APPLICATION_ID}; {_SCHEMA}"
        await db.executescript(f"begin exclusive; {made} commit;")
        modes = (await self._pragma("journal_mode"))[0], (await self._pragma("synchronous"))[0]
        if modes != ("wal", 2):
            raise sqlite3.DatabaseError(f"no durable mode on this file system: {modes}")

    async def _pragma(self, name: str) -> sqlite3.Row:
        async with self._db.execute(f"pragma {name}") as cursor:
            row = await cursor.fetchone()
        assert row is not None, name
        return row

    async def _has_tables(self) -> bool:
        async with self._db.execute("select count(*) from sqlite_master") as cursor:
            return await cursor.fetchone() != (0,)

    def append(self, write: Write) -> None:
        """Only a volatile log can keep a write at once."""
        raise AssertionError(f"{write} was not committed")

    async def commit(self, writes: Sequence[Write]) -> None:
        """All of it in one transaction, flushed before it returns."""
        if _identity(self._path) != self._file:
            raise LogFailed(f"{self.name} is gone")
        db = self._db
        try:
            if not writes:
                await db.execute("update attempts set made = made + 1")
            records = [
                {
                    "stream": write.stream,
                    "position": write.record.position,
                    "body": codec.encode(write.record),
                }
                for write in writes
                if isinstance(write, Append)
            ]
            for write in writes:
                await self._write(write)
            if records:
                async with db.executemany(_APPEND, records) as cursor:
                    if cursor.rowcount != len(records):
                        raise LogFailed(f"{self.name}: an act is not at the next position of its stream")
            await db.commit()
        except BaseException as error:
            with suppress(sqlite3.Error):
                await db.rollback()
            if isinstance(error, sqlite3.Error):
                raise LogFailed(f"{self.name} can't be written: {error}") from error
            raise

    async def _write(self, write: Write) -> None:
        match write:
            case Branch(stream, parent, position):
                await self._db.execute("insert into streams values (?, ?, ?)", (stream, parent, position))
            case Point(name, stream):
                await self._db.execute("insert or replace into pointers values (?, ?)", (name, stream))
            case Unpoint(name):
                await self._db.execute("delete from pointers where name = ?", (name,))
            case Append():
                pass  # together, in one statement

    async def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """The acts after a position, its ancestors' first. LogFailed when one is missing or damaged."""
        expected = after + 1
        query = (
            "select body from records where stream = ? and position > ? and position <= ? order by position"
        )
        try:
            for part, last in await self._parts(stream):
                async with self._db.execute(query, (part, after, last)) as cursor:
                    while rows := await cursor.fetchmany(_READ_AT_ONCE):
                        for row in rows:
                            yield self._record(row[0], expected)
                            expected += 1
        except sqlite3.Error as error:
            raise LogFailed(f"{self.name} can't be read: {error}") from error

    def _record(self, body: bytes, expected: int) -> Record:
        try:
            record = codec.decode(body)
        except LogFailed as error:
            raise LogFailed(f"{self.name}, act {expected}: {error}") from error
        if record.position != expected:
            raise LogFailed(f"{self.name} is damaged: act {expected} is missing")
        return record

    async def _parts(self, stream: str) -> list[tuple[str, int]]:
        """The streams that make it up, oldest first, each with the last position that counts."""
        parts: list[tuple[str, int]] = []
        walk: str | None = stream
        last = 2**62
        while walk is not None:
            parts.append((walk, last))
            branch = await self.branch(walk)
            walk, last = branch.parent, min(last, branch.position)
        return parts[::-1]

    async def branch(self, stream: str) -> Branch:
        """What a stream branched off from; LogFailed when it is missing."""
        query = "select parent, position from streams where id = ?"
        try:
            async with self._db.execute(query, (stream,)) as cursor:
                row = await cursor.fetchone()
        except sqlite3.Error as error:
            raise LogFailed(f"{self.name} can't be read: {error}") from error
        if row is None:
            raise LogFailed(f"{self.name} is damaged: stream {stream} is missing")
        return Branch(stream, row[0], row[1])

    async def pointers(self) -> Mapping[str, str]:
        """Every name and the stream it means."""
        try:
            async with self._db.execute("select name, stream from pointers") as cursor:
                return {row[0]: row[1] for row in await cursor.fetchall()}
        except sqlite3.Error as error:
            raise LogFailed(f"{self.name} can't be read: {error}") from error

    async def sweep(self) -> None:
        """Drop the streams that nobody refers to."""
        try:
            async with self._db.execute("select id, parent from streams") as cursor:
                parents = {row[0]: row[1] for row in await cursor.fetchall()}
            keep = needed((await self.pointers()).values(), parents)
            dropped = [(stream,) for stream in parents if stream not in keep]
            await self._db.executemany("delete from records where stream = ?", dropped)
            await self._db.executemany("delete from streams where id = ?", dropped)
            await self._db.commit()
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                await self._db.rollback()
            raise LogFailed(f"{self.name} can't be written: {error}") from error

    async def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                await connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
