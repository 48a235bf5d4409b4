"""Every flipped bit in a file is found, and closes those streams only that have it (issue 24, shown 2)."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.log.interface import Branch, LogFailed, Point, RecordDamaged, Summary
from mockserver.log.sqlite import SQLiteLog
from tests.log.files import beside, opened, read, records, root

# `b` has the first two records of `a`; `c` and `d` have nothing of them
WRITES = [
    *root("a", 3, "of a"),
    *(Branch("b", "a", 2), *records("b", 3, 4, "of b"), Point("account:b", "b")),
    *root("c", 2, "of c"),
    *(Branch("d", "c", 1), Point("account:d", "d")),
    Summary("account:a", b"the first"),
    Summary("account:c", b"the third"),
]
STREAMS = {
    "a": ["of a"] * 3,
    "b": ["of a"] * 2 + ["of b"] * 2,
    "c": ["of c"] * 2,
    "d": ["of c"],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"

    async def make() -> None:
        async with opened(path) as log:
            await log.commit(WRITES)

    asyncio.run(make())
    return path


def flips(value: Any) -> Iterator[Any]:
    """The value with one bit changed: each bit once."""
    if isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(62))
    else:
        data = value.encode() if isinstance(value, str) else value
        for index in range(len(data)):
            for bit in range(8):
                yield data[:index] + bytes([data[index] ^ 1 << bit]) + data[index + 1 :]


async def damaged(log: SQLiteLog) -> dict[str, LogFailed]:
    """What is said of each stream that can't be read; the others are as they were."""
    found: dict[str, LogFailed] = {}
    await log.pointers()
    for stream, causes in STREAMS.items():
        try:
            assert await read(log, stream) == causes
        except LogFailed as failure:
            found[stream] = failure
    return found


def check_flips(file: Path, table: str, column: str, where: str, streams: set[str], place: Any) -> None:
    """Each bit of a column of a row: these streams can't be read, and say why; the others can."""

    async def check() -> None:
        async with opened(file) as log:
            with beside(file) as database:
                query = f"select {column} from {table} where {where}"
                (value,) = database.execute(query).fetchone()
                kind = "cast(? as text)" if isinstance(value, str) else "?"
                (key,) = database.execute(f"select rowid from {table} where {where}").fetchone()
                for flipped in flips(value):
                    statement = f"update {table} set {column} = {kind} where rowid = ?"
                    try:
                        database.execute(statement, (flipped, key))
                    except sqlite3.IntegrityError:
                        continue  # two rows of this key: only the test of whole files can do that
                    found = await damaged(log)
                    assert set(found) == streams, (flipped, found)
                    for stream, failure in found.items():
                        assert isinstance(failure, RecordDamaged)
                        assert (failure.stream, failure.position) == place
                        with pytest.raises(RecordDamaged):
                            await log.verify(stream, len(STREAMS[stream]))
                        assert f"stream {place[0]} at position {place[1]}" in str(failure)
                    database.execute(statement, (value, key))
                assert not await damaged(log)

    asyncio.run(check())


@pytest.mark.parametrize("column", ["body", "checksum", "position", "stream"])
@pytest.mark.parametrize(
    ("stream", "position", "streams"),
    [("a", 1, {"a", "b"}), ("a", 2, {"a", "b"}), ("a", 3, {"a"}), ("b", 3, {"b"}), ("b", 4, {"b"})],
)
def test_a_flipped_bit_of_a_record_closes_the_streams_that_have_it(
    file: Path, column: str, stream: str, position: int, streams: set[str]
) -> None:
    where = f"stream = '{stream}' and position = {position}"
    check_flips(file, "records", column, where, streams, (stream, position))


@pytest.mark.parametrize("column", ["id", "position", "base", "last", "head", "checksum"])
@pytest.mark.parametrize(("stream", "streams"), [("a", {"a", "b"}), ("b", {"b"}), ("d", {"d"})])
def test_a_flipped_bit_of_a_stream_closes_the_streams_that_have_it(
    file: Path, column: str, stream: str, streams: set[str]
) -> None:
    async def check() -> None:
        async with opened(file) as log:
            with beside(file) as database:
                row = database.execute("select * from streams where id = ?", (stream,)).fetchone()
                names = ("id", "parent", "position", "base", "last", "head", "checksum")
                for flipped in flips(row[names.index(column)]):
                    database.execute("delete from streams where id = ?", (stream,))
                    values = [
                        flipped if name == column else old for name, old in zip(names, row, strict=True)
                    ]
                    try:
                        database.execute(
                            "insert into streams values (cast(? as text), ?, ?, ?, ?, ?, ?)", values
                        )
                    except sqlite3.IntegrityError:
                        database.execute("insert into streams values (?, ?, ?, ?, ?, ?, ?)", row)
                        continue
                    found = await damaged(log)
                    # a child is not concerned by where its parent ends
                    own = {stream} if column in ("last", "head") else streams
                    assert set(found) == own, (flipped, found)
                    with pytest.raises(LogFailed):
                        await read(log, stream)
                    database.execute("delete from streams where id = cast(? as text)", (values[0],))
                    database.execute("insert into streams values (?, ?, ?, ?, ?, ?, ?)", row)
                assert not await damaged(log)

    asyncio.run(check())


@pytest.mark.parametrize("column", ["name", "stream", "checksum"])
def test_a_flipped_bit_of_a_pointer_closes_its_account(file: Path, column: str) -> None:
    async def check() -> None:
        async with opened(file) as log:
            with beside(file) as database:
                row = database.execute("select * from pointers where name = 'account:c'").fetchone()
                for flipped in flips(row[["name", "stream", "checksum"].index(column)]):
                    kind = "?" if column == "checksum" else "cast(? as text)"
                    try:
                        database.execute(
                            f"update pointers set {column} = {kind} where name = 'account:c'", (flipped,)
                        )
                    except sqlite3.IntegrityError:
                        continue
                    pointers = await log.pointers()
                    assert len(pointers) == 4
                    for name, stream in pointers.items():
                        if name in ("account:a", "account:b", "account:d") and stream == name[-1]:
                            assert await read(log, stream) == STREAMS[stream]
                        else:
                            with pytest.raises(LogFailed, match=r"damaged pointer\) is missing"):
                                await read(log, stream)
                    assert "account:a" in pointers
                    with pytest.raises(LogFailed, match="nothing is dropped"):
                        await log.sweep()
                    database.execute(
                        "delete from pointers where name not in ('account:a', 'account:b', 'account:d')"
                    )
                    database.execute("insert into pointers values (?, ?, ?)", row)

    asyncio.run(check())


@pytest.mark.parametrize("column", ["name", "body", "checksum"])
def test_a_damaged_summary_is_left_out(file: Path, column: str) -> None:
    async def check() -> None:
        async with opened(file) as log:
            with beside(file) as database:
                row = database.execute("select * from summaries where name = 'account:c'").fetchone()
                for flipped in flips(row[["name", "body", "checksum"].index(column)]):
                    kind = "cast(? as text)" if column == "name" else "?"
                    try:
                        database.execute(
                            f"update summaries set {column} = {kind} where name = 'account:c'", (flipped,)
                        )
                    except sqlite3.IntegrityError:
                        continue
                    assert await log.summaries() == {"account:a": b"the first"}
                    database.execute("delete from summaries where name <> 'account:a'")
                    database.execute("insert into summaries values (?, ?, ?)", row)

    asyncio.run(check())


def test_nothing_is_dropped_while_a_stream_is_damaged(file: Path) -> None:
    """It may be that what seems to be unneeded is a parent."""

    async def check() -> None:
        async with opened(file) as log:
            with beside(file) as database:
                database.execute("update streams set parent = 'c' where id = 'b'")
                database.execute("delete from pointers where name = 'account:a'")
                with pytest.raises(LogFailed, match="nothing is dropped"):
                    await log.sweep()
                database.execute("update streams set parent = 'a' where id = 'b'")
            await log.sweep()
            assert await read(log, "b") == STREAMS["b"]

    asyncio.run(check())


def test_any_bit_of_the_file(file: Path) -> None:
    """As a disk may lose it: never another error, never other records."""
    whole = file.read_bytes()
    pick = random.Random(24)
    copy = file.with_name("copy.db")
    outcomes: list[bool] = []

    async def check() -> None:
        log = SQLiteLog(copy)
        try:
            await log.open()
            pointers = await log.pointers()
            await log.summaries()
            for stream in STREAMS:
                with contextlib.suppress(LogFailed):
                    assert await read(log, stream) == STREAMS[stream]
            with contextlib.suppress(LogFailed):
                await log.commit(records("c", 3, 3))
            outcomes.append(len(pointers) == len(STREAMS))
        finally:
            await log.close()

    for _ in range(80):
        index = pick.randrange(len(whole))
        copy.write_bytes(whole[:index] + bytes([whole[index] ^ 1 << pick.randrange(8)]) + whole[index + 1 :])
        with contextlib.suppress(LogFailed):
            asyncio.run(check())
        for end in ("", "-wal", "-shm"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
    assert outcomes.count(True) > 25  # most of the file is not used, or belongs to one of the streams
