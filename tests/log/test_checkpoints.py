"""Checkpoints in a file: rows that are replaced in part, complete or not there, and never damaged unseen."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.log.interface import (
    CheckpointDamaged,
    CheckpointHead,
    CheckpointRow,
    LogFailed,
    PositionTaken,
    Unpoint,
    WriteRefused,
)
from mockserver.log.sqlite import SQLiteLog
from tests.log.files import beside, opened, records, root, sweep

HEAD = CheckpointHead(3, "version 1")
ROWS = [CheckpointRow("customer", str(number), b"body %d" % number) for number in range(5)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"

    async def make() -> None:
        async with opened(path) as log:
            await log.commit([*root("a", 3), *root("b", 2)])

    asyncio.run(make())
    return path


async def content(log: SQLiteLog, stream: str = "a") -> list[CheckpointRow]:
    return [row async for chunk in log.read_checkpoint(stream) for row in chunk]


def test_parts_make_a_checkpoint_with_the_last(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            assert await log.checkpoint("a") is None
            await log.write_checkpoint("a", ROWS[:2], None)
            assert await log.checkpoint("a") is None
            with pytest.raises(CheckpointDamaged, match="not complete"):
                await content(log)
            await log.write_checkpoint("a", ROWS[2:], HEAD)
            assert await log.checkpoint("a") == HEAD
        async with opened(file) as log:
            assert await log.checkpoint("a") == HEAD
            assert await content(log) == ROWS
            assert await log.checkpoint("b") is None
            later = CheckpointHead(4, "version 1")
            changed = CheckpointRow("customer", "1", b"changed")
            await log.write_checkpoint("a", [changed, CheckpointRow("customer", "2", None)], later)
            assert await log.checkpoint("a") == later
            assert await content(log) == [ROWS[0], changed, *ROWS[3:]]
            await log.write_checkpoint("a", [], None)
            assert await log.checkpoint("a") is None

    asyncio.run(story())


@settings(max_examples=settings().max_examples // 5)
@given(
    parts=st.lists(
        st.tuples(
            st.lists(
                st.builds(
                    CheckpointRow,
                    st.sampled_from(["", "x", "é"]),
                    st.sampled_from(["", "1", "2", "x1"]),
                    st.one_of(st.none(), st.binary(max_size=3)),
                ),
                max_size=6,
            ),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["", "", "", "drop", "reopen"]),
        ),
        max_size=8,
    )
)
def test_any_parts(parts: list[tuple[list[CheckpointRow], str, str]]) -> None:
    async def story(file: Path) -> None:
        log = SQLiteLog(file)
        await log.open()
        await log.commit([*root("a", 1), *root("b", 1)])
        model: dict[str, dict[tuple[str, str], bytes]] = {}
        for number, (rows, stream, more) in enumerate(parts):
            head = CheckpointHead(number, "v")
            await log.write_checkpoint(stream, rows, head)
            kept = model.setdefault(stream, {})
            for row in [row for row in rows if row.body is not None] + [
                row for row in rows if row.body is None
            ]:
                kept.pop((row.kind, row.key), None)
                if row.body is not None:
                    kept[row.kind, row.key] = row.body
            assert await log.checkpoint(stream) == head
            if more == "drop":
                await log.drop_checkpoint(stream)
                assert await log.checkpoint(stream) is None
                del model[stream]
            elif more == "reopen":
                await log.close()
                await log.open()
            for each, expected in model.items():
                found = await content(log, each)
                assert {(row.kind, row.key): row.body for row in found} == expected
                assert len(found) == len(expected)
        await sweep(log)
        assert await log.rows("select count(*) from checkpoint_rows") == [(sum(map(len, model.values())),)]
        await log.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder) / "log.db"))


def test_a_stream_that_is_not_there_has_no_checkpoint(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            with pytest.raises(PositionTaken):
                await log.write_checkpoint("nowhere", ROWS, HEAD)
            with pytest.raises(WriteRefused):
                await log.write_checkpoint("a", [*ROWS, CheckpointRow("customer", "\ud800", b"")], HEAD)
            assert await log.checkpoint("a") is None
            await log.drop_checkpoint("nowhere")

    asyncio.run(story())


def test_the_checkpoint_of_a_dropped_stream_is_deleted(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            await log.write_checkpoint("a", ROWS, HEAD)
            await log.write_checkpoint("b", ROWS, HEAD)
            await log.commit([Unpoint("account:a")])
            await sweep(log)
            assert await log.checkpoint("a") is None
            assert await content(log, "b") == ROWS
            assert await log.rows("select count(*) from checkpoint_rows") == [(len(ROWS),)]

    asyncio.run(story())


def test_what_is_written_anew_has_nothing_of_what_was_dropped(file: Path) -> None:
    """The rows of the dropped one are still there: they are deleted when there is time."""

    async def story() -> None:
        async with opened(file) as log:
            await log.write_checkpoint("a", ROWS, HEAD)
            await log.drop_checkpoint("a")
            await log.write_checkpoint("a", ROWS[:1], HEAD)
            assert await content(log) == ROWS[:1]
            await sweep(log)
            assert await content(log) == ROWS[:1]

    asyncio.run(story())


@pytest.mark.parametrize(
    "change",
    [
        "update checkpoint_rows set body = cast('body 9' as blob) where key = '3'",
        "update checkpoint_rows set body = 'body 3' where key = '3'",
        "update checkpoint_rows set key = '33' where key = '3'",
        "update checkpoint_rows set key = cast(x'ff' as text) where key = '3'",
        "update checkpoint_rows set kind = 'custom' where key = '3'",
        "update checkpoint_rows set checksum = checksum + 1 where key = '3'",
        "update checkpoint_rows set checkpoint = checkpoint + 9 where key = '3'",
        "delete from checkpoint_rows where key = '3'",
        "insert into checkpoint_rows select checkpoint, kind, '9', body, 1 from checkpoint_rows limit 1",
        "update checkpoints set position = 2",
        "update checkpoints set version = 'version 2'",
        "update checkpoints set rows = rows + 1",
        "update checkpoints set sum = sum - 1",
        "update checkpoints set checksum = checksum + 1",
        "update checkpoints set stream = 'b'",
        "update checkpoints set id = 9",
    ],
)
@pytest.mark.parametrize("triggers", [True, False])
def test_a_damaged_checkpoint_is_not_used(file: Path, change: str, triggers: bool) -> None:
    """Nor is that of another stream; the stream itself can be read."""

    async def story() -> None:
        async with opened(file) as log:
            await log.write_checkpoint("a", ROWS, HEAD)
            with beside(file) as database:
                if not triggers:
                    for (name,) in database.execute("select name from sqlite_master where type = 'trigger'"):
                        database.execute(f"drop trigger {name}")
                assert database.execute(change).rowcount
            for stream in ("a", "b"):
                if await log.checkpoint(stream) is not None:
                    with pytest.raises(CheckpointDamaged) as caught:
                        await content(log, stream)
                    assert caught.value.stream == stream == "a"
                assert [each async for each in log.read(stream)]
            assert [problem async for problem in log.problems()]
            await log.drop_checkpoint("a")
            await log.drop_checkpoint("b")
            await log.write_checkpoint("b", ROWS, HEAD)
            if triggers:
                assert await content(log, "b") == ROWS

    asyncio.run(story())


_KILLED = """
import asyncio, os, signal, sys
from mockserver.log.interface import CheckpointHead, CheckpointRow
from mockserver.log.sqlite import SQLiteLog

async def story():
    log = SQLiteLog(sys.argv[1])
    await log.open()
    run, left = log.run, int(sys.argv[2])

    async def counted(*given):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return await run(*given)

    log.run = counted
    for part in range(3):
        rows = [CheckpointRow("k", f"{part} {n}", sys.argv[2].encode()) for n in range(3000)]
        await log.write_checkpoint("a", rows, None if part < 2 else CheckpointHead(3, sys.argv[2]))

asyncio.run(story())
"""


def test_a_process_killed_while_it_writes_a_checkpoint(file: Path) -> None:
    """The stream has the complete one, or none; what was begun is deleted."""

    async def check(statements: int) -> int:
        async with opened(file) as log:
            head = await log.checkpoint("a")
            rows = [] if head is None else await content(log)
            if head is not None:
                assert {row.body for row in rows} == {head.version.encode()}
                assert len(rows) == 9000
                assert head.version == str(statements)
            await sweep(log)
            assert await log.rows("select count(*) from checkpoint_rows") == [(len(rows),)]
            return len(rows)

    found: list[int] = []
    statements, ended = 1, False
    while not ended:
        command = [sys.executable, "-c", _KILLED, str(file), str(statements)]
        done = subprocess.run(command, check=False, timeout=60)
        ended = done.returncode == 0
        assert ended or done.returncode == -signal.SIGKILL
        found.append(asyncio.run(check(statements)))
        statements += 3
    assert found[-1] == 9000
    assert set(found[:-1]) == {0}


def test_a_log_reads_on_while_a_checkpoint_is_written(file: Path) -> None:
    async def story() -> None:
        async with opened(file) as log:
            rows = [CheckpointRow("k", str(number), b"x" * 100) for number in range(2000)]
            parts = [log.write_checkpoint("a", rows, HEAD), log.write_checkpoint("b", rows, None)]
            tasks: list[Any] = [asyncio.ensure_future(part) for part in parts]
            tasks.append(asyncio.ensure_future(log.commit(records("b", 3, 3))))
            assert [each.position async for each in log.read("a")] == [1, 2, 3]
            await asyncio.gather(*tasks)
            assert await log.checkpoint("a") == HEAD
            assert await log.end("b") == 3
            assert len(await content(log)) == 2000
            with pytest.raises(LogFailed):
                await content(log, "b")

    asyncio.run(story())
