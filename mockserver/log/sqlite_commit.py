"""The statements of one commit to the file of a log in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from mockserver.core.events import Record
from mockserver.log import checksums, codec
from mockserver.log.interface import (
    Append,
    Branch,
    Point,
    PositionTaken,
    Summary,
    Unpoint,
    Write,
    WriteRefused,
)
from mockserver.log.sqlite_connection import SQLiteConnection
from mockserver.log.sqlite_file import CHAIN_AT

_INSERT = "insert into records values (?, ?, ?, ?)"
_TOGETHER = 64  # records in one statement


class Stream(Struct, frozen=True):
    """A row of the table of streams: the records of a stream after the position where it branched off.

    The checksum of the row covers the columns that never change; `last` and `head` must match the records.
    """

    id: str
    parent: str | None
    position: int
    base: int  # the chain's checksum at `position`
    last: int  # position of the last record
    head: int  # the chain's checksum at `last`

    @property
    def columns(self) -> tuple[Any, ...]:
        """The row with its checksum."""
        fixed = (self.id, self.parent, self.position, self.base)
        return (*fixed, self.last, self.head, checksums.of(*fixed))


def stream_of(columns: Sequence[Any]) -> Stream | None:
    """Return the stream of a row, or None if the row is damaged."""
    stream = Stream(*columns[:-1])
    if checksums.of(*columns[:4]) != columns[-1] or not isinstance(stream.last, int):
        return None
    empty_as_begun = stream.last > stream.position or (stream.last, stream.head) == columns[2:4]
    return stream if empty_as_begun else None


class Commit:
    """The writes of one commit, in their order. Consecutive records share a statement."""

    def __init__(self, file: SQLiteConnection, known: Mapping[str, Stream]) -> None:
        self._run = file.run
        self._known = known
        self._changed: dict[str, Stream] = {}  # the changed streams, as they are after the commit
        self._records: list[tuple[str, int, bytes, int]] = []

    async def write(self, writes: Sequence[Write]) -> dict[str, Stream]:
        """Execute the writes, and return the streams that were created or extended."""
        if not writes:
            await self._run("update attempts set made = made + 1")
        for write in writes:
            match write:
                case Append(stream, record):
                    await self._append(stream, record)
                case Branch(stream, parent, position):
                    await self._branch(stream, parent, position)
                case Point(name, stream):
                    await self._stream(stream)
                    checksum = checksums.of(name, stream)
                    await self._run(
                        "insert or replace into pointers values (?, ?, ?)", name, stream, checksum
                    )
                case Unpoint(name):
                    await self._run("delete from pointers where name = ?", name)
                    await self._run("delete from summaries where name = ?", name)
                case Summary(name, body):
                    checksum = checksums.of_row("", name, body)
                    await self._run("insert or replace into summaries values (?, ?, ?)", name, body, checksum)
        await self._flush()
        return self._changed

    async def _stream(self, name: str) -> Stream:
        stream = self._changed.get(name) or self._known.get(name)
        if stream is None:
            rows = await self._run("select * from streams where id = ?", name)
            if not rows:
                raise PositionTaken(name)
            stream = stream_of(rows[0])
            if stream is None:
                raise WriteRefused(f"what is kept of stream {name} is damaged")
        return stream

    async def _append(self, name: str, record: Record) -> None:
        stream = await self._stream(name)
        if record.position != stream.last + 1:
            raise PositionTaken(name)
        body = codec.encode(record)
        head = checksums.chained(stream.head, body)
        self._records.append((name, record.position, body, head))
        self._changed[name] = Stream(name, stream.parent, stream.position, stream.base, record.position, head)

    async def _branch(self, name: str, parent: str | None, position: int) -> None:
        base = checksums.of(name)
        if parent is not None:
            source = await self._stream(parent)
            if position == source.last:
                base = source.head
            else:
                await self._flush()
                rows = await self._run(CHAIN_AT, parent, position)
                if not rows:
                    raise PositionTaken(parent)
                base = rows[0][0]
        stream = Stream(name, parent, position, base, position, base)
        await self._run("insert into streams values (?, ?, ?, ?, ?, ?, ?)", *stream.columns)
        self._changed[name] = stream

    async def _flush(self) -> None:
        """Insert the waiting records. Raise PositionTaken if another writer was faster."""
        records, self._records = self._records, []
        for start in range(0, len(records), _TOGETHER):
            part = records[start : start + _TOGETHER]
            statement = ", ".join((_INSERT, *["(?, ?, ?, ?)"] * (len(part) - 1)))
            try:
                await self._run(statement, *(value for record in part for value in record))
            except sqlite3.IntegrityError as error:  # the trigger of the schema, or the key
                raise PositionTaken(await self._taken_stream(part)) from error

    async def _taken_stream(self, records: Sequence[tuple[str, int, bytes, int]]) -> str:
        """Return the stream that another writer has extended or deleted."""
        firsts: dict[str, int] = {}
        for name, position, _, _ in records:
            firsts.setdefault(name, position)
        for name, position in firsts.items():
            if await self._run("select last from streams where id = ?", name) != [(position - 1,)]:
                return name
        return records[0][0]  # a damaged record has the position
