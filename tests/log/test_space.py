"""What nobody refers to is deleted in small steps, and its space is given back (issue 24, build 7)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mockserver.core.events import Record
from mockserver.log import sqlite_space
from mockserver.log.interface import (
    Branch,
    CheckpointHead,
    CheckpointRow,
    LogFailed,
    Point,
    PositionTaken,
    RecordDamaged,
    Unpoint,
)
from mockserver.log.sqlite import SQLiteLog
from tests.log.files import beside, opened, read, records, root, size, sweep

MANY = 4000
LONG = "x" * 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a large account `large`, its checkpoint, and a small account `small`."""
    path = tmp_path / "log.db"

    async def make() -> None:
        async with opened(path) as log:
            await log.commit([*root("large", MANY, LONG), *root("small", 3)])
            rows = [CheckpointRow("k", str(number), LONG.encode()) for number in range(MANY)]
            await log.write_checkpoint("large", rows, CheckpointHead(MANY, "v"))
            await sweep(log)

    asyncio.run(make())
    return path


async def reset(log: SQLiteLog) -> None:
    await log.commit([*root("new", 2), Point("account:large", "new")])


def test_the_file_is_small_again_after_a_reset(file: Path) -> None:
    async def story() -> None:
        before = size(file)
        assert before > 8_000_000
        async with opened(file) as log:
            await reset(log)
            assert await sweep(log) > 10
            assert size(file) < 0.02 * before
            assert not await log.sweep()
            assert await read(log, "small") == ["cause"] * 3
            assert [problem async for problem in log.problems()] == []

    asyncio.run(story())


def test_commits_come_between_the_steps(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However short a step is, it does something."""
    monkeypatch.setattr(sqlite_space, "_SECONDS", 0.0001)

    async def story() -> None:
        async with opened(file) as log:
            await reset(log)
            position = 3
            while await log.sweep():
                position += 1
                await log.commit(records("small", position, position))
            assert position > 50
            assert len(await read(log, "small")) == position
        assert size(file) < 1_000_000

    asyncio.run(story())


async def exhaust(reading: AsyncIterator[Record]) -> None:
    async for _ in reading:
        pass


def test_a_stream_that_is_being_dropped_is_gone_at_once(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            reading = log.read("large")
            assert (await anext(reading)).position == 1
            await reset(log)
            assert await log.sweep()
            await sweep(log)
            with pytest.raises(LogFailed, match="not there any more") as caught:
                await exhaust(reading)
            assert not isinstance(caught.value, RecordDamaged)
            with pytest.raises(LogFailed, match="missing"):
                await read(log, "large")
            for write in (
                Branch("b", "large", 5),
                Point("account:b", "large"),
                *records("large", 4001, 4001),
            ):
                with pytest.raises(PositionTaken):
                    await log.commit([write])
            assert await log.checkpoint("large") is None

    asyncio.run(story())


def test_dropping_goes_on_after_a_restart(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await reset(log)
            assert await log.sweep()
        async with opened(file) as log:
            await sweep(log)
            for table in ("records", "checkpoint_rows", "dropped_streams", "dropped_checkpoints"):
                ((count,),) = await log.rows(f"select count(*) from {table}")
                assert count == (5 if table == "records" else 0)
        assert size(file) < 100_000

    asyncio.run(story())


def test_what_a_branch_needs_is_kept(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await log.commit([Branch("child", "large", 10), Point("snapshot:large/s", "child")])
            await reset(log)
            await sweep(log)
            assert await read(log, "child") == [LONG] * 10
            await log.commit([Unpoint("snapshot:large/s")])
            await sweep(log)
        assert size(file) < 100_000

    asyncio.run(story())


def test_a_reader_beside_holds_nobody_up(file: Path) -> None:
    """Its view of the file is kept in the write-ahead log until it has ended."""

    async def story() -> None:
        async with opened(file) as log:
            with beside(file) as database:
                database.execute("begin")
                query = "select count(*) from records"
                assert database.execute(query).fetchone() == (MANY + 3,)
                await reset(log)
                await sweep(log)
                await log.commit(records("small", 4, 4))
                assert database.execute(query).fetchone() == (MANY + 3,)
            await log.commit([Unpoint("account:new")])
            await sweep(log)
            assert size(file) < 100_000

    asyncio.run(story())


def test_compacting(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await reset(log)
            await log.compact()
            assert size(file) < 100_000
            assert await log.pragma("auto_vacuum") == 2
            assert await read(log, "new") == ["cause"] * 2

    asyncio.run(story())
