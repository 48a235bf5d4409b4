"""A log in one SQLite file: write-ahead log, every commit flushed to the disk before it counts.

Everything is read by statements that end at once, so that no open cursor keeps the write-ahead log from being
truncated, and written by one transaction at a time.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import aiosqlite

from mockserver.core.events import Record
from mockserver.log import checksums, codec, sqlite_file
from mockserver.log.interface import (
    Branch,
    CheckpointDamaged,
    CheckpointHead,
    CheckpointRow,
    LogFailed,
    Point,
    PositionTaken,
    RecordDamaged,
    Unpoint,
    Write,
    WriteRefused,
)
from mockserver.log.sqlite_commit import Commit, Stream, stream_of
from mockserver.log.streams import needed

_READ_AT_ONCE = 2000
_KNOWN_STREAMS = 10_000  # whose ends are kept in memory
_SWEEP_SECONDS = 0.01  # then what was done is committed, which takes about as long again
_SWEPT_AT_ONCE = 50  # rows or pages between two looks at the clock
_LARGE_WAL = 2**22

_WALK = """
with recursive walk (id, parent, position, base, last, head, checksum) as (
    select * from streams where id = ?
    union
    select streams.* from streams join walk on streams.id = walk.parent
)
select * from walk
"""
_READ = """
select position, body, checksum from records where stream = ? and position > ? and position <= ?
order by position limit ?
"""
_ADD_ROW = """
insert into checkpoint_rows values (?, ?, ?, ?, ?)
on conflict do update set body = excluded.body, checksum = excluded.checksum
"""
_READ_ROWS = """
select kind, key, body, checksum from checkpoint_rows where checkpoint = ? and (kind, key) > (?, ?)
order by kind, key limit ?
"""
_DROPPED = (  # what was dropped, a statement that deletes some of its rows, one for when all are deleted
    (
        "select stream from dropped_streams",
        "delete from records where rowid in (select rowid from records where stream = ? limit ?)",
        "delete from dropped_streams where stream = ?",
    ),
    (
        "select checkpoint from dropped_checkpoints",
        """delete from checkpoint_rows where rowid in (
            select rowid from checkpoint_rows where checkpoint = ? limit ?
        )""",
        "delete from dropped_checkpoints where checkpoint = ?",
    ),
)


class SQLiteLog:
    """One connection, held for as long as the process serves: a second server is refused."""

    volatile = False

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._path = Path(path)
        self._file: tuple[int, int] | None = None
        self._connection: aiosqlite.Connection | None = None
        self._transaction = asyncio.Lock()
        self._streams: dict[str, Stream] = {}  # as they are on disk
        self._damaged: dict[str, str] = {}  # streams that damaged pointers name, and what is said of them
        self._unswept = True  # there may be something that nobody refers to

    @property
    def _db(self) -> aiosqlite.Connection:
        assert self._connection is not None, "the log is not open"
        return self._connection

    # life

    async def open(self) -> None:
        """Open or make the file, take it for this process, and read back that every commit is flushed."""
        failed: list[BaseException] = []

        def connect() -> sqlite3.Connection:
            # when this raises, nobody can wait for the end of aiosqlite's thread, which then finds no loop
            try:
                return sqlite_file.opened(self._path, self.name)
            except BaseException as error:  # raised below, where it can be caught
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
        self._transaction = asyncio.Lock()
        self._streams.clear()
        self._file = _identity(self._path)
        self._unswept = True

    async def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                await connection.close()

    async def _rows(self, statement: str, *values: Any) -> list[Any]:
        try:
            return list(await self._db.execute_fetchall(statement, values))
        except sqlite3.Error as error:
            raise LogFailed(f"{self.name} can't be read: {error}") from error

    # commits

    def append(self, write: Write) -> None:
        """Only a volatile log can keep a write at once."""
        raise AssertionError(f"{write} was not committed")

    async def commit(self, writes: Sequence[Write]) -> None:
        """All of it in one transaction, flushed before it returns."""
        if _identity(self._path) != self._file:
            raise LogFailed(f"{self.name} is gone")
        try:
            async with self._writing():
                moved = await Commit(self._db, self._streams).write(writes)
        except PositionTaken:
            self._streams.clear()  # another writer was there: nothing that was known is certain
            raise
        if len(self._streams) > _KNOWN_STREAMS:
            self._streams.clear()
        self._streams |= moved
        self._unswept |= any(isinstance(write, Point | Unpoint) for write in writes)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        """A transaction, one at a time: all of it, or nothing and LogFailed."""
        async with self._transaction:
            try:
                yield
                await self._db.commit()
            except BaseException as error:
                with suppress(sqlite3.Error):
                    await self._db.rollback()
                if isinstance(error, sqlite3.Error | ValueError | TypeError | OverflowError):
                    kind = WriteRefused if _is_refusal(error) else LogFailed
                    raise kind(f"{self.name} can't be written: {error}") from error
                raise

    # reading

    async def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """The records after a position, its ancestors' first; RecordDamaged when one does not fit."""
        async for part, position, body in self._chain(stream, after, None):
            try:
                record = codec.decode(body)
            except LogFailed as error:
                raise RecordDamaged(self.name, part, position, str(error)) from error
            if record.position != position:
                raise RecordDamaged(self.name, part, position, f"it is record {record.position}")
            yield record

    async def verify(self, stream: str, upto: int) -> None:
        """Check the chain of a stream's records up to a position."""
        async for _ in self._chain(stream, 0, upto):
            pass

    async def _chain(
        self, stream: str, after: int, upto: int | None
    ) -> AsyncIterator[tuple[str, int, bytes]]:
        """The records after a position as bytes, each with the stream that it is kept in; checked."""
        counted: list[
            tuple[Stream, int, int]
        ] = []  # each part, its last position that counts, the checksum there
        parts = await self._parts(stream)
        end, head = parts[-1].last, parts[-1].head
        for part in reversed(parts):
            counted.append((part, end, head))
            if part.position <= end:
                end, head = part.position, part.base
        for part, end, head in reversed(counted):
            last = end if upto is None else min(end, upto)
            position = max(part.position, after)
            if position >= last:
                continue
            checksum = part.base
            if position > part.position:
                checksum = await self._checksum_at(part.id, position)
            while position < last:
                rows = await self._read(part.id, position, last)
                for found, body, kept in rows:
                    position += 1
                    checksum = checksums.chained(checksum, body) if isinstance(body, bytes) else -1
                    if found != position:
                        raise await self._missing(part.id, position)
                    if checksum != kept:
                        raise RecordDamaged(self.name, part.id, position, "its checksum is wrong")
                    yield part.id, position, body
                if not rows:
                    raise await self._missing(part.id, position + 1)
            if last == end and checksum != head:
                raise RecordDamaged(self.name, part.id, last, "it was replaced")

    async def _read(self, stream: str, after: int, last: int) -> list[Any]:
        try:
            return list(await self._db.execute_fetchall(_READ, (stream, after, last, _READ_AT_ONCE)))
        except sqlite3.Error as error:
            if _is_damage(error):
                raise RecordDamaged(self.name, stream, after + 1, str(error)) from error
            raise LogFailed(f"{self.name} can't be read: {error}") from error

    async def _missing(self, stream: str, position: int) -> LogFailed:
        """Why there is no record: damage, unless the stream was dropped while it was being read."""
        if await self._rows("select 1 from streams where id = ?", stream):
            return RecordDamaged(self.name, stream, position, "it is missing")
        return LogFailed(f"{self.name}: stream {stream} is not there any more")

    async def _checksum_at(self, stream: str, position: int) -> int:
        query = "select checksum from records where stream = ? and position = ?"
        rows = await self._rows(query, stream, position)
        if not rows:
            raise await self._missing(stream, position)
        checksum: int = rows[0][0]
        return checksum

    async def _parts(self, stream: str) -> list[Stream]:
        """The streams that make it up, oldest first; LogFailed when one is missing or damaged."""
        parts: list[Stream] = []
        for columns in await self._rows(_WALK, stream):
            part = stream_of(columns)
            if part is None:
                raise LogFailed(f"{self.name} is damaged: what is kept of stream {columns[0]} is wrong")
            parts.append(part)
        missing = parts[-1].parent if parts else stream
        if missing is not None:
            raise LogFailed(f"{self.name} is damaged: stream {missing} is missing")
        if stream in self._damaged:
            raise LogFailed(self._damaged[stream])
        return parts[::-1]

    async def branch(self, stream: str) -> Branch:
        """What a stream branched off from; LogFailed when it is missing."""
        part = (await self._parts(stream))[-1]
        return Branch(stream, part.parent, part.position)

    async def end(self, stream: str) -> int:
        """The last position of a stream; LogFailed when it is missing."""
        return (await self._parts(stream))[-1].last

    async def pointers(self) -> Mapping[str, str]:
        """Every name and the stream it means."""
        self._damaged.clear()
        names: dict[str, str] = {}
        for name, stream, checksum in await self._rows("select * from pointers"):
            if checksums.of(name, stream) != checksum:
                self._damaged[stream] = f"{self.name} is damaged: what {name} points at is wrong"
            names[name] = stream
        return names

    async def summaries(self) -> Mapping[str, bytes]:
        """The summaries by the name of their pointer."""
        rows = await self._rows("select * from summaries")
        return {name: body for name, body, checksum in rows if checksums.of_row("", name, body) == checksum}

    # checkpoints

    async def checkpoint(self, stream: str) -> CheckpointHead | None:
        """The head of the complete checkpoint of a stream."""
        found = await self._checkpoint(stream)
        return None if found is None else found[1]

    async def _checkpoint(self, stream: str) -> tuple[int, CheckpointHead, int, int] | None:
        """Its number, its head, how many rows it has and the sum of their checksums."""
        query = "select id, position, version, rows, sum, checksum from checkpoints where stream = ?"
        for number, position, version, rows, total, checksum in await self._rows(query, stream):
            values = (stream, number, position, version, rows, total)
            if position is not None and checksums.of(*values) == checksum:
                return number, CheckpointHead(position, version), rows, total
        return None

    async def read_checkpoint(self, stream: str) -> AsyncIterator[list[CheckpointRow]]:
        """The rows of the complete checkpoint of a stream."""
        found = await self._checkpoint(stream)
        if found is None:
            raise CheckpointDamaged(self.name, stream, "it is not complete")
        number, _, count, total = found
        kind = key = ""
        while True:
            try:
                rows = await self._db.execute_fetchall(_READ_ROWS, (number, kind, key, _READ_AT_ONCE))
            except sqlite3.Error as error:
                if _is_damage(error):
                    raise CheckpointDamaged(self.name, stream, str(error)) from error
                raise LogFailed(f"{self.name} can't be read: {error}") from error
            chunk: list[CheckpointRow] = []
            for kind, key, body, checksum in rows:
                if not isinstance(body, bytes) or checksums.of_row(kind, key, body) != checksum:
                    raise CheckpointDamaged(self.name, stream, f"{kind} {key} is not what was written")
                count -= 1
                total -= checksum
                chunk.append(CheckpointRow(kind, key, body))
            if not chunk:
                break
            yield chunk
        if (count, total) != (0, 0):
            raise CheckpointDamaged(self.name, stream, f"{count} of its rows are missing")

    async def write_checkpoint(
        self, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
    ) -> None:
        """Add, replace and remove rows, and set the head, in one transaction."""
        db = self._db
        async with self._writing():
            known = await db.execute_fetchall("select id from checkpoints where stream = ?", (stream,))
            if not known:
                await db.execute_fetchall("insert into checkpoints (stream) values (?)", (stream,))
                known = await db.execute_fetchall("select id from checkpoints where stream = ?", (stream,))
            ((number,),) = known
            added = [
                (number, row.kind, row.key, row.body, checksums.of_row(row.kind, row.key, row.body))
                for row in rows
                if row.body is not None
            ]
            removed = [(number, row.kind, row.key) for row in rows if row.body is None]
            async with db.executemany(_ADD_ROW, added):
                pass
            query = "delete from checkpoint_rows where checkpoint = ? and kind = ? and key = ?"
            async with db.executemany(query, removed):
                pass
            values: tuple[Any, ...] = (None, None, None)
            if head is not None:
                query = "select rows, sum from checkpoints where id = ?"
                ((count, total),) = await db.execute_fetchall(query, (number,))
                checksum = checksums.of(stream, number, head.position, head.version, count, total)
                values = (head.position, head.version, checksum)
            statement = "update checkpoints set position = ?, version = ?, checksum = ? where id = ?"
            await db.execute_fetchall(statement, (*values, number))

    async def drop_checkpoint(self, stream: str) -> None:
        """Forget the checkpoint of a stream; `sweep` gives its space back."""
        async with self._writing():
            await self._forget_checkpoints([stream])
        self._unswept = True

    async def _forget_checkpoints(self, streams: list[str]) -> None:
        values = [(stream,) for stream in streams]
        query = "insert into dropped_checkpoints select id from checkpoints where stream = ?"
        async with self._db.executemany(query, values):
            pass
        async with self._db.executemany("delete from checkpoints where stream = ?", values):
            pass

    # space

    async def sweep(self) -> bool:
        """Drop a part of what nobody refers to, then give free pages back; whether there is more to do."""
        if not self._unswept:
            return False
        started = perf_counter()
        if await self._drop_streams():
            return True
        for dropped, delete, done in _DROPPED:
            if await self._delete(dropped, delete, done, started):
                return True
        if await self._give_pages_back(started):
            return True
        self._unswept = False
        return False

    async def _drop_streams(self) -> bool:
        """What nobody refers to can't be read any more from here on; whether there was any."""
        async with self._writing():
            rows = await self._db.execute_fetchall("select * from streams")
            pointers = await self._db.execute_fetchall("select * from pointers")
            streams = [stream for columns in rows if (stream := stream_of(columns))]
            if len(streams) < len(list(rows)) or any(
                checksums.of(name, stream) != checksum for name, stream, checksum in pointers
            ):
                raise LogFailed(f"{self.name} is damaged: nothing is dropped, it might be needed")
            keep = needed([row[1] for row in pointers], {part.id: part.parent for part in streams})
            dropped = [part.id for part in streams if part.id not in keep]
            values = [(stream,) for stream in dropped]
            async with self._db.executemany("insert into dropped_streams values (?)", values):
                pass
            async with self._db.executemany("delete from streams where id = ?", values):
                pass
            await self._forget_checkpoints(dropped)
        for each in dropped:
            self._streams.pop(each, None)
        return bool(dropped)

    async def _delete(self, dropped: str, delete: str, done: str, started: float) -> bool:
        """Delete some rows of what was dropped; whether there is more."""
        async with self._writing():
            for (owner,) in await self._db.execute_fetchall(dropped):
                deleted = _SWEPT_AT_ONCE
                while deleted == _SWEPT_AT_ONCE:
                    if perf_counter() - started > _SWEEP_SECONDS:
                        return True
                    async with self._db.execute(delete, (owner, _SWEPT_AT_ONCE)) as cursor:
                        deleted = cursor.rowcount
                await self._db.execute_fetchall(done, (owner,))
        return False

    async def _give_pages_back(self, started: float) -> bool:
        """Cut free pages off the file, then what is left of the write-ahead log; whether there is more."""
        if await self._pragma("auto_vacuum") == 2:
            while await self._pragma("freelist_count"):
                if perf_counter() - started > _SWEEP_SECONDS:
                    return True
                async with self._writing():
                    await self._db.execute_fetchall(f"pragma incremental_vacuum({_SWEPT_AT_ONCE})")
        with suppress(OSError):
            if os.stat(f"{self.name}-wal").st_size > _LARGE_WAL:
                await self._pragma("wal_checkpoint(truncate)")
        return False

    async def _pragma(self, name: str) -> Any:
        return (await self._rows(f"pragma {name}"))[0][0]


def _in_daemon_thread(connect: Callable[[], sqlite3.Connection]) -> aiosqlite.Connection:
    """A connection that does not keep the process from ending.

    What was answered is on disk, so a process may end without closing (an application without lifespan). A
    thread is a daemon when it is made in one, and the connection makes its thread when it is made.
    """
    made: list[aiosqlite.Connection] = []

    def make() -> None:
        made.append(aiosqlite.Connection(connect, iter_chunk_size=_READ_AT_ONCE))

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


_REFUSALS = (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE)
_DAMAGES = (sqlite3.SQLITE_OK, sqlite3.SQLITE_CORRUPT)


def _is_refusal(error: Exception) -> bool:
    """Whether it lies in what was to be written; else in the disk or the file."""
    return not isinstance(error, sqlite3.Error) or _code(error) in (0, *_REFUSALS)


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether it lies in the bytes that were read; one without a code is a text that is not UTF-8."""
    return _code(error) in _DAMAGES


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
