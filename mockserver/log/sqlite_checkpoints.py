"""Checkpoints in the file of a log in SQLite.

Triggers of the schema maintain the number of rows of a checkpoint and the sum of their checksums, so that a
part of the rows can be replaced without reading the others.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from mockserver.log import checksums
from mockserver.log.interface import (
    CheckpointDamaged,
    CheckpointHead,
    CheckpointRow,
    LogFailed,
    PositionTaken,
)
from mockserver.log.sqlite_connection import READ_AT_ONCE, SQLiteConnection, is_damage
from mockserver.log.sqlite_errors import reason
from mockserver.log.sqlite_file import READ_ERRORS

_FIND = "select id, position, version, rows, sum, checksum from checkpoints where stream = ?"
_BEGIN = "insert or ignore into checkpoints (stream) select id from streams where id = ?"
_COMPLETE = "update checkpoints set position = ?, version = ?, checksum = ? where id = ?"
_ADD_ROW = """
insert into checkpoint_rows values (?, ?, ?, ?, ?)
on conflict do update set body = excluded.body, checksum = excluded.checksum
"""
_REMOVE_ROW = "delete from checkpoint_rows where checkpoint = ? and kind = ? and key = ?"
_READ_ROWS = """
select rowid, kind, key, body, checksum from checkpoint_rows
where checkpoint = ? and rowid > ? order by rowid limit ?
"""


async def find(file: SQLiteConnection, stream: str) -> tuple[int, CheckpointHead, int, int] | None:
    """Return number, head, row count and sum of checksums of a stream's complete checkpoint, or None."""
    for number, position, version, rows, total, checksum in await file.rows(_FIND, stream):
        values = (stream, number, position, version, rows, total)
        if position is not None and checksums.of(*values) == checksum:
            return number, CheckpointHead(position, version), rows, total
    return None


async def read(file: SQLiteConnection, stream: str) -> AsyncIterator[list[CheckpointRow]]:
    """Yield the rows of the complete checkpoint of a stream in chunks, in the order of their insertion."""
    found = await find(file, stream)
    if found is None:
        raise CheckpointDamaged(file.name, stream, "it is not complete")
    number, _, count, total = found
    last = 0
    while True:
        try:
            rows = await file.run(_READ_ROWS, number, last, READ_AT_ONCE)
        except READ_ERRORS as error:
            if is_damage(error):
                raise CheckpointDamaged(file.name, stream, str(error)) from error
            raise LogFailed(f"{file.name} can't be read: {reason(error, file.path)}") from error
        if not rows:
            break
        chunk: list[CheckpointRow] = []
        for _, kind, key, body, checksum in rows:
            if not isinstance(body, bytes) or checksums.of_row(kind, key, body) != checksum:
                raise CheckpointDamaged(file.name, stream, f"{kind} {key} is not what was written")
            count -= 1
            total -= checksum
            chunk.append(CheckpointRow(kind, key, body))
        last = rows[-1][0]
        yield chunk
    if (count, total) != (0, 0):
        raise CheckpointDamaged(file.name, stream, "not all of its rows are there")


async def write(
    file: SQLiteConnection, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
) -> None:
    """Add, replace and remove rows of a checkpoint, and set its head. The caller commits."""
    await file.run(_BEGIN, stream)
    known = await file.run(_FIND, stream)
    if not known:
        raise PositionTaken(stream)
    number = known[0][0]
    await file.run_many(
        _ADD_ROW,
        [
            (number, row.kind, row.key, row.body, checksums.of_row(row.kind, row.key, row.body))
            for row in rows
            if row.body is not None
        ],
    )
    await file.run_many(_REMOVE_ROW, [(number, row.kind, row.key) for row in rows if row.body is None])
    values: tuple[Any, ...] = (None, None, None)
    if head is not None:
        ((_, _, _, count, total, _),) = await file.run(_FIND, stream)
        checksum = checksums.of(stream, number, head.position, head.version, count, total)
        values = (head.position, head.version, checksum)
    await file.run(_COMPLETE, *values, number)


async def forget(file: SQLiteConnection, streams: Sequence[str]) -> None:
    """Mark the checkpoints of these streams for deletion. The caller commits."""
    values = [(stream,) for stream in streams]
    query = "insert into dropped_checkpoints select id from checkpoints where stream = ?"
    await file.run_many(query, values)
    await file.run_many("delete from checkpoints where stream = ?", values)
