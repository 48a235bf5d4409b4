"""Freeing space in the file of a log in SQLite, in steps so short that they do not delay commits."""

import os
import sqlite3
from contextlib import suppress
from time import perf_counter

from mockserver.log import checksums, sqlite_checkpoints
from mockserver.log.interface import LogFailed
from mockserver.log.sqlite_commit import stream_of
from mockserver.log.sqlite_connection import SQLiteConnection
from mockserver.log.streams import needed

_SECONDS = 0.01  # of work in a step; its commit takes about as long again
_AT_ONCE = 100  # rows or pages between two readings of the clock
_LARGE_WAL = 2**22  # bytes; a larger write-ahead log is truncated
_LITTLE = 2**24  # bytes of data that VACUUM may copy
_DROPPED = (  # select dropped objects, delete some of the rows of one, delete the entry of the object
    (
        "select stream from dropped_streams",
        "delete from records where rowid in (select rowid from records where stream = ? limit ?)",
        "delete from dropped_streams where stream = ?",
    ),
    (
        "select checkpoint from dropped_checkpoints",
        """
        delete from checkpoint_rows where rowid in (
            select rowid from checkpoint_rows where checkpoint = ? limit ?
        )
        """,
        "delete from dropped_checkpoints where checkpoint = ?",
    ),
)


class Sweeper:
    """Drops streams, deletes their rows, returns free pages to the file system, and truncates the WAL."""

    def __init__(self, file: SQLiteConnection) -> None:
        self._file = file
        self.unsure = True  # there may be unreferenced streams
        self.deleting = False  # there may be rows to delete or pages to return

    async def drop_streams(self) -> list[str]:
        """Drop the unreferenced streams, and return their ids. From then on they can't be read."""
        async with self._file.writing():
            rows = await self._file.run("select * from streams")
            pointers = await self._file.run("select * from pointers")
            streams = [stream for columns in rows if (stream := stream_of(columns))]
            intact = all(checksums.of(name, stream) == checksum for name, stream, checksum in pointers)
            if len(streams) < len(rows) or not intact:
                raise LogFailed(f"{self._file.name} is damaged: nothing is dropped, it might be needed")
            keep = needed([row[1] for row in pointers], {each.id: each.parent for each in streams})
            dropped = [each.id for each in streams if each.id not in keep]
            values = [(stream,) for stream in dropped]
            await self._file.run_many("insert into dropped_streams values (?)", values)
            await self._file.run_many("delete from streams where id = ?", values)
            await sqlite_checkpoints.forget(self._file, dropped)
        self.unsure, self.deleting = False, True
        return dropped

    async def step(self) -> bool:
        """Delete rows and return pages for about 20 milliseconds. Return whether there is more to do."""
        if not self.deleting:
            return False
        started = perf_counter()
        for dropped, delete, done in _DROPPED:
            if await self._delete(dropped, delete, done, started):
                return True
        if await self._return_pages(started):
            return True
        self.deleting = False
        return False

    async def _delete(self, dropped: str, delete: str, done: str, started: float) -> bool:
        async with self._file.writing():
            for (owner,) in await self._file.run(dropped):
                more = True
                while more:
                    async with self._file.db.execute(delete, (owner, _AT_ONCE)) as cursor:
                        more = cursor.rowcount == _AT_ONCE
                    if not more:
                        await self._file.run(done, owner)
                    if perf_counter() - started > _SECONDS:
                        return True
        return False

    async def _return_pages(self, started: float) -> bool:
        shrinks = await self._file.pragma("freelist_count")
        if await self._file.pragma("auto_vacuum") != 2:
            await self._convert(shrinks)
        elif shrinks:
            async with self._file.writing():
                await self._file.run("begin immediate")
                while shrinks:
                    await self._file.run(f"pragma incremental_vacuum({_AT_ONCE})")
                    shrinks = await self._file.pragma("freelist_count")
                    if shrinks and perf_counter() - started > _SECONDS:
                        return True
            await self._truncate_wal()
        with suppress(OSError):
            if os.stat(f"{self._file.name}-wal").st_size > _LARGE_WAL:
                await self._truncate_wal()
        return False

    async def _convert(self, free: int) -> None:
        """Rewrite a file of an older version once it has little data left, in about 0.2 seconds."""
        used = await self._file.pragma("page_count") - free
        if used < free and used * await self._file.pragma("page_size") <= _LITTLE:
            async with self._file.transaction:
                with suppress(sqlite3.OperationalError):  # for example because the disk is full
                    await self._file.run("pragma auto_vacuum = incremental")
                    await self._file.run("vacuum")
            await self._truncate_wal()

    async def _truncate_wal(self) -> None:
        """Empty the write-ahead log, without waiting for another process that reads from it."""
        async with self._file.transaction:
            timeout = await self._file.pragma("busy_timeout")
            await self._file.pragma("busy_timeout = 0")
            await self._file.pragma("wal_checkpoint(truncate)")
            await self._file.pragma(f"busy_timeout = {timeout}")
