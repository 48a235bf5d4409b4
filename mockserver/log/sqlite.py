"""A log in one SQLite file, in write-ahead mode. A commit returns when it is flushed to the disk.

Statements that read fetch all their rows at once, because an open cursor would prevent the truncation of the
write-ahead log. There is one transaction at a time.
"""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mockserver.core.events import Record
from mockserver.log import checksums, codec, sqlite_checkpoints
from mockserver.log.interface import (
    Branch,
    CheckpointHead,
    CheckpointRow,
    LogFailed,
    Point,
    RecordDamaged,
    Unpoint,
    Write,
)
from mockserver.log.sqlite_commit import Commit, Stream, stream_of
from mockserver.log.sqlite_connection import READ_AT_ONCE, SQLiteConnection, is_damage
from mockserver.log.sqlite_errors import reason
from mockserver.log.sqlite_file import READ_ERRORS
from mockserver.log.sqlite_space import Sweeper

_KNOWN_STREAMS = 10_000  # streams whose ends are cached in memory

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
_LOST = """
select stream, count(*) from records
where stream not in (select id from streams union select stream from dropped_streams) group by stream
"""


class SQLiteLog(SQLiteConnection):
    """A log in a file. It caches the ends of streams until a commit fails."""

    volatile = False

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._streams: dict[str, Stream] = {}  # as they are on disk
        self._sweeper = Sweeper(self)

    async def open(self) -> None:
        """Open or create the file, and lock it for this process. Raise LogInUse or LogFailed."""
        await super().open()
        self._streams.clear()
        self._sweeper = Sweeper(self)

    # commits

    def append(self, write: Write) -> None:
        """Fail: only a volatile log can write at once."""
        raise AssertionError(f"{write} was not committed")

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it in one transaction, and return when it is flushed to the disk."""
        self.check_in_place()
        try:
            async with self.writing():
                moved = await Commit(self, self._streams).write(writes)
        except BaseException:
            self._streams.clear()  # another writer may have changed the streams
            raise
        if len(self._streams) > _KNOWN_STREAMS:
            self._streams.clear()
        self._streams |= moved
        self._sweeper.unsure |= any(isinstance(write, Point | Unpoint) for write in writes)

    # reading

    async def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """Yield the records after a position, its ancestors' first. Raise RecordDamaged at a damaged one."""
        async for part, rows in self._chain(stream, after, None):
            for position, body, _ in rows:
                try:
                    record = codec.decode(body)
                except LogFailed as error:
                    raise RecordDamaged(self.name, part, position, str(error)) from error
                if record.position != position:
                    raise RecordDamaged(self.name, part, position, f"it is record {record.position}")
                yield record

    async def verify(self, stream: str, upto: int) -> None:
        """Verify the chain of a stream's records up to a position. Raise RecordDamaged."""
        async for _ in self._chain(stream, 0, upto):
            pass

    async def _chain(self, stream: str, after: int, upto: int | None) -> AsyncIterator[tuple[str, list[Any]]]:
        """Yield verified records after a position in chunks, each with the stream that contains it.

        A record is a tuple of its position, its bytes and its checksum.
        """
        # each stream of the chain with the last position that belongs to it, and the checksum there
        sections: list[tuple[Stream, int, int]] = []
        parts = await self._lineage(stream)
        end, head = parts[-1].last, parts[-1].head
        for part in reversed(parts):
            sections.append((part, end, head))
            if part.position <= end:
                end, head = part.position, part.base
        for part, end, head in reversed(sections):
            last = end if upto is None else min(end, upto)
            position = max(part.position, after)
            if position >= last:
                continue
            checksum = part.base
            if position > part.position:
                checksum = await self._checksum_at(part.id, position)
            while position < last:
                rows = await self._read(part.id, position, last)
                intact, damage = self._leading_intact(part.id, position, checksum, rows)
                if intact:
                    yield part.id, intact
                    position, _, checksum = intact[-1]
                if damage is not None:
                    raise damage
                if len(intact) < len(rows) or not rows:
                    raise await self._missing_record(part.id, position + 1)
            if last == end and checksum != head:
                raise RecordDamaged(self.name, part.id, last, "it was replaced")

    def _leading_intact(
        self, stream: str, position: int, checksum: int, rows: list[Any]
    ) -> tuple[list[Any], RecordDamaged | None]:
        """Return the leading rows that are consecutive and undamaged, and the damage after them if any."""
        for place, (found, body, kept) in enumerate(rows):
            position += 1
            if found != position:
                return rows[:place], None
            checksum = checksums.chained(checksum, body) if isinstance(body, bytes) else -1
            if checksum != kept:
                damage = RecordDamaged(self.name, stream, position, "its checksum is wrong")
                return rows[:place], damage
        return rows, None

    async def _read(self, stream: str, after: int, last: int) -> list[Any]:
        try:
            return await self.run(_READ, stream, after, last, READ_AT_ONCE)
        except READ_ERRORS as error:
            if is_damage(error):
                raise RecordDamaged(self.name, stream, after + 1, str(error)) from error
            raise LogFailed(f"{self.name} can't be read: {reason(error, self.path)}") from error

    async def _missing_record(self, stream: str, position: int) -> LogFailed:
        """Return the error for a missing record: damage, unless the stream was deleted during the reading."""
        if await self.rows("select 1 from streams where id = ?", stream):
            return RecordDamaged(self.name, stream, position, "it is missing")
        return LogFailed(f"{self.name}: stream {stream} is not there any more")

    async def _checksum_at(self, stream: str, position: int) -> int:
        query = "select checksum from records where stream = ? and position = ?"
        rows = await self.rows(query, stream, position)
        if not rows:
            raise await self._missing_record(stream, position)
        checksum: int = rows[0][0]
        return checksum

    async def _lineage(self, stream: str) -> list[Stream]:
        """Return a stream and its ancestors, oldest first. Raise LogFailed if one is missing or damaged."""
        parts: list[Stream] = []
        async with self.transaction:  # a commit that is running may still fail
            rows = await self.rows(_WALK, stream)
        for columns in rows:
            part = stream_of(columns)
            if part is None:
                raise LogFailed(f"{self.name} is damaged: what is kept of stream {columns[0]} is wrong")
            parts.append(part)
        missing = parts[-1].parent if parts else stream
        if missing is not None:
            raise LogFailed(f"{self.name} is damaged: stream {missing} is missing")
        return parts[::-1]

    async def branch(self, stream: str) -> Branch:
        """Return where a stream branched off. Raise LogFailed if it does not exist."""
        part = (await self._lineage(stream))[-1]
        return Branch(stream, part.parent, part.position)

    async def end(self, stream: str) -> int:
        """Return the last position of a stream. Raise LogFailed if it does not exist."""
        return (await self._lineage(stream))[-1].last

    async def pointers(self) -> Mapping[str, str]:
        """Return the stream of each pointer by name. For a damaged pointer, the stream does not exist."""
        async with self.transaction:
            rows = await self.rows("select * from pointers")
        return {
            name: stream if checksums.of(name, stream) == checksum else f"{stream} (of a damaged pointer)"
            for name, stream, checksum in rows
        }

    async def summaries(self) -> Mapping[str, bytes]:
        """Return the summaries by the name of their pointer, without damaged ones."""
        rows = await self.rows("select * from summaries")
        return {name: body for name, body, checksum in rows if checksums.of_row("", name, body) == checksum}

    async def problems(self) -> AsyncIterator[str]:
        """Yield a text for each damage, except in records of streams with a pointer: reading finds those."""
        for (line,) in await self.rows("pragma integrity_check"):
            if line != "ok":
                yield f"the file: {line}"
        pointers = await self.rows("select * from pointers")
        for name, stream, checksum in pointers:
            if checksums.of(name, stream) != checksum:
                yield f"what {name} points at is wrong"
        for name, body, checksum in await self.rows("select * from summaries"):
            if checksums.of_row("", name, body) != checksum:
                yield f"the summary of {name} is wrong"
        pointed = {stream for _, stream, _ in pointers}
        for columns in await self.rows("select * from streams"):
            stream = columns[0]
            try:
                if stream not in pointed:
                    await self.verify(stream, await self.end(stream))
                if await self.rows("select 1 from checkpoints where stream = ?", stream):
                    async for _ in self.read_checkpoint(stream):
                        pass
            except LogFailed as failure:
                yield str(failure)
        for stream, count in await self.rows(_LOST):
            yield f"{count} records are of a stream {stream}, which is missing"

    # checkpoints

    async def checkpoint(self, stream: str) -> CheckpointHead | None:
        """Return the head of the complete checkpoint of a stream; None if there is none or it is damaged."""
        found = await sqlite_checkpoints.find(self, stream)
        return None if found is None else found[1]

    def read_checkpoint(self, stream: str) -> AsyncIterator[list[CheckpointRow]]:
        """Return an iterator over the rows of a stream's complete checkpoint. It raises CheckpointDamaged."""
        return sqlite_checkpoints.read(self, stream)

    async def write_checkpoint(
        self, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
    ) -> None:
        """Add, replace and remove rows of a checkpoint, and set its head, in one transaction."""
        async with self.writing():
            await sqlite_checkpoints.write(self, stream, rows, head)

    async def drop_checkpoint(self, stream: str) -> None:
        """Delete the checkpoint of a stream. `sweep` frees its space."""
        async with self.writing():
            await sqlite_checkpoints.forget(self, [stream])
        self._sweeper.deleting = True

    # space

    async def sweep(self) -> bool:
        """Delete unreferenced data, then free pages, for a short time. Return whether there is more to do."""
        if self._sweeper.unsure:
            for stream in await self._sweeper.drop_streams():
                self._streams.pop(stream, None)
        return await self._sweeper.step()

    async def compact(self) -> None:
        """Delete all unreferenced data, and rewrite the file without free pages."""
        while await self.sweep():
            pass
        async with self.transaction:
            for statement in (
                "pragma auto_vacuum = incremental",
                "vacuum",
                "pragma wal_checkpoint(truncate)",
            ):
                try:
                    await self.run(statement)
                except sqlite3.Error as error:
                    raise LogFailed(f"{self.name} can't be compacted: {reason(error, self.path)}") from error
