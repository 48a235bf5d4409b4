"""The file: durable modes, one process at a time, whose it is, and what is told when it is damaged."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from mockserver.core.events import FORMAT, Record
from mockserver.kit.server import Mockserver
from mockserver.log import checksums, codec, sqlite_file
from mockserver.log.interface import (
    Append,
    Branch,
    LogFailed,
    LogInUse,
    Point,
    PositionTaken,
    Write,
    WriteRefused,
)
from mockserver.log.memory import MemoryLog
from mockserver.log.sqlite import SQLiteLog
from tests.server import Server

FOREIGN = "belongs to another program"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@contextlib.asynccontextmanager
async def opened(file: Path) -> AsyncIterator[SQLiteLog]:
    log = SQLiteLog(file)
    await log.open()
    try:
        yield log
    finally:
        await log.close()


def act(position: int, rule: str = "test") -> Record:
    return Record(position, datetime(2026, 3, 2, 9, tzinfo=UTC), "cause", rule, ())


ROOT: list[Write] = [Branch("s"), Append("s", act(1)), Append("s", act(2)), Point("account:test", "s")]


def made(file: Path, writes: list[Write] | None = None) -> None:
    """A log with the acts 1 and 2 in the stream of `account:test`."""

    async def make() -> None:
        async with opened(file) as log:
            await log.commit(ROOT if writes is None else writes)

    asyncio.run(make())


def changed(file: Path, statement: str, *values: Any) -> None:
    """Change the file behind the log's back."""
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        assert database.execute(statement, values).rowcount, statement


def rewritten(file: Path, position: int, body: bytes) -> None:
    """Change a record of the stream s with all the checksums that depend on it, as another program could."""
    changed(file, "update records set body = ? where position = ?", body, position)
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        head = checksums.of("s")
        for at, kept in database.execute("select position, body from records order by position").fetchall():
            head = checksums.chained(head, kept)
            database.execute("update records set checksum = ? where position = ?", (head, at))
        database.execute("update streams set head = ?", (head,))


async def content(file: Path) -> list[Record]:
    async with opened(file) as log:
        streams = await log.pointers()
        return [record async for record in log.read(streams["account:test"])]


def failure(file: Path) -> str:
    """What is told when the log is read."""
    with pytest.raises(LogFailed) as caught:
        asyncio.run(content(file))
    assert str(file) in str(caught.value)
    return str(caught.value)


def told(file: Path) -> str:
    """What `mockserver serve` tells on a file that it can't serve: one line, exit 2."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--database", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"mockserver: {file}"), done.stderr
    return done.stderr


def test_every_commit_is_flushed(file: Path) -> None:
    async def modes() -> tuple[Any, Any]:
        async with opened(file) as log:
            return (await log.rows("pragma synchronous"))[0][0], (await log.rows("pragma journal_mode"))[0][0]

    for _ in range(2):  # made, and opened again
        assert asyncio.run(modes()) == (2, "wal")


def test_what_was_committed_is_there_again(file: Path) -> None:
    made(file)
    assert asyncio.run(content(file)) == [act(1), act(2)]


@pytest.mark.parametrize(
    "bad",
    [
        Append("s", act(5)),  # a gap
        Append("s", act(3)),  # twice
        Append("nowhere", act(1)),
        Branch("s"),
        Append("s", act(3, "\ud800")),  # not UTF-8: no error of SQLite
        Point("account:\ud800", "s"),
    ],
)
def test_a_commit_that_fails_leaves_nothing(file: Path, bad: Write) -> None:
    made(file)

    async def commit() -> None:
        async with opened(file) as log:
            with pytest.raises((LogFailed, UnicodeError)):
                await log.commit([Append("s", act(3)), Branch("t"), Point("account:test", "t"), bad])
            await log.commit([])
            await log.commit([Append("s", act(3, "another"))])

    asyncio.run(commit())
    assert asyncio.run(content(file)) == [act(1), act(2), act(3, "another")]


# one process at a time


def test_a_second_log_on_the_file_is_refused(file: Path) -> None:
    made(file)

    async def both() -> None:
        async with opened(file) as first:
            for _ in range(2):
                with pytest.raises(LogInUse, match="in use by another process"):
                    await SQLiteLog(file).open()
            await first.commit([Append("s", act(3))])
        async with opened(file) as second:  # the first has let go
            await second.commit([Append("s", act(4))])

    asyncio.run(both())
    assert [record.position for record in asyncio.run(content(file))] == [1, 2, 3, 4]


def test_a_second_process_is_refused(file: Path) -> None:
    with Mockserver(database=file) as server:
        server.account("test")
        assert "in use by another process" in told(file)
        with pytest.raises(LogInUse):
            Mockserver(database=file).start()
        server.account("another")
    with Mockserver(database=file) as server, pytest.raises(ValueError, match="exists already"):
        server.account("another")


def test_an_application_without_a_lifespan_says_that_the_file_is_in_use(file: Path) -> None:
    with Mockserver(database=file):
        server = Server(database=str(file))
        status, data = server.get("/settings").error
        assert status == "SERVICE_UNAVAILABLE"
        assert "in use by another process" in data["message"]
        assert server.mock("GET", "/accounts").json["error"]["code"] == "log_unavailable"
        assert server.mock("GET", "/ready").status == 503
        server.close()


def test_who_was_cancelled_while_opening_holds_nothing(file: Path) -> None:
    made(file)

    async def open_and_cancel(turns: int) -> bool:
        threads = threading.active_count()
        log = SQLiteLog(file)
        opening = asyncio.ensure_future(log.open())
        for _ in range(turns):
            await asyncio.wait([opening], timeout=0.0001)
        opening.cancel()
        await asyncio.wait([opening])
        try:
            if not opening.cancelled():
                await log.close()
            async with opened(file) as another:
                await another.commit([])
        finally:
            await log.close()
        # a connection's thread tells the loop that it ends, and nobody else
        while threading.active_count() > threads:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return opening.cancelled()

    turns = 0
    while asyncio.run(open_and_cancel(turns)):
        turns += 1


# whose file


def test_a_database_of_another_program_is_refused(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("pragma application_id = 12345")
        database.execute("create table streams (id text)")
    before = file.read_bytes()
    assert FOREIGN in failure(file)
    assert FOREIGN in told(file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_database_of_nobody_in_particular_is_refused(file: Path) -> None:
    """Most programs give their databases no application id."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("create table songs (title text)")
    before = file.read_bytes()
    assert FOREIGN in failure(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["list\n", "shopping list\n" * 1000])
def test_a_text_file_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    assert "not a database" in failure(file)
    assert file.read_text() == text


def test_a_text_file_is_refused_in_one_line(file: Path) -> None:
    file.write_text("shopping list\n")
    assert "not a database" in told(file)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in failure(tmp_path)


def test_an_empty_file_is_taken(file: Path) -> None:
    file.touch()
    made(file)
    assert asyncio.run(content(file)) == [act(1), act(2)]


# damage


def test_a_damaged_record_is_told(file: Path) -> None:
    made(file)
    rewritten(file, 2, codec.encode(act(2))[:-5])
    message = failure(file)
    assert "stream s at position 2" in message
    assert "damaged record" in message


def test_no_flipped_byte_goes_through_as_another_error(file: Path) -> None:
    """It is told, or it is another record of the right shape."""
    body = codec.encode(act(1))
    for index in range(len(body)):
        for bit in range(8):
            flipped = body[:index] + bytes([body[index] ^ 1 << bit]) + body[index + 1 :]
            with contextlib.suppress(LogFailed):
                codec.decode(flipped)


def test_a_missing_record_is_told(file: Path) -> None:
    made(file, [*ROOT, Append("s", act(3))])
    changed(file, "delete from records where position = 2")
    assert "stream s at position 2: it is missing" in failure(file)


def test_a_missing_stream_is_told(file: Path) -> None:
    made(file)
    changed(file, "delete from streams")
    assert "stream s is missing" in failure(file)


def test_a_missing_table_is_told(file: Path) -> None:
    made(file)
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("drop table pointers")
    assert "no such table" in failure(file)


@pytest.mark.parametrize("more", [{}, {"events": [{"type": "FromTheFuture"}]}, {"rule": None}])
def test_a_record_of_a_newer_format_is_told(file: Path, more: dict[str, Any]) -> None:
    """Also one that this version could read: it may hold what this version would drop."""
    made(file)
    newer = {**json.decode(codec.encode(act(2))), "format": FORMAT + 1, **more}
    rewritten(file, 2, json.encode(newer))
    assert "written by a newer version of mockserver" in failure(file)


def test_a_record_of_this_format_with_an_unknown_event_is_damaged(file: Path) -> None:
    made(file)
    other = {**json.decode(codec.encode(act(2))), "events": [{"type": "Unheard"}]}
    rewritten(file, 2, json.encode(other))
    assert "damaged record" in failure(file)


def test_a_damaged_record_closes_its_account_and_no_other(file: Path) -> None:
    made(file)
    rewritten(file, 1, b"\0")
    server = Server(database=str(file))
    for _ in range(2):
        status, data = server.get("/settings").error
        assert status == "SERVICE_UNAVAILABLE"
        assert "stream s at position 1" in data["message"]
        assert "damaged record" in data["message"]
    assert server.get("/settings", account="other").status == 200
    assert server.mock("GET", "/ready").status == 200
    assert [each["id"] for each in server.mock("GET", "/accounts").json] == ["other"]
    server.close()


# other writers


def written_behind(file: Path, position: int) -> None:
    """Another writer, as another server on the same database would be."""
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        ((head,),) = database.execute("select head from streams where id = 's'").fetchall()
        body = codec.encode(act(position, "other"))
        checksum = checksums.chained(head, body)
        database.execute("insert into records values ('s', ?, ?, ?)", (position, body, checksum))


def test_a_lost_race_for_a_position(file: Path) -> None:
    made(file)

    async def story() -> None:
        async with opened(file) as log:
            await log.commit([Append("s", act(3)), Branch("t"), Append("t", act(1)), Point("account:t", "t")])
            written_behind(file, 4)
            with pytest.raises(PositionTaken, match="stream s") as caught:
                await log.commit([Append("t", act(2)), Append("s", act(4)), Append("s", act(5)), Branch("u")])
            assert caught.value.stream == "s"
            assert await log.end("s") == 4
            assert await log.end("t") == 1
            assert [record.rule async for record in log.read("s", 2)] == ["test", "other"]
            await log.commit([Append("t", act(2)), Append("s", act(5)), Branch("u")])
            assert [record.rule async for record in log.read("s", 3)] == ["other", "test"]

    asyncio.run(story())


def test_a_stream_that_another_writer_dropped(file: Path) -> None:
    made(file)

    async def story() -> None:
        async with opened(file) as log:
            await log.commit([Append("s", act(3))])
            changed(file, "delete from streams")
            with pytest.raises(PositionTaken) as caught:
                await log.commit([Append("s", act(4))])
            assert caught.value.stream == "s"

    asyncio.run(story())


REFUSED: list[tuple[Write, type[WriteRefused]]] = [
    (Append("s", act(5)), PositionTaken),
    (Append("nowhere", act(1)), PositionTaken),
    (Branch("t", "nowhere", 1), PositionTaken),
    (Branch("t", "s", 3), PositionTaken),
    (Point("account:t", "nowhere"), PositionTaken),
    (Branch("s"), WriteRefused),
]
NO_TEXT: list[tuple[Write, type[WriteRefused]]] = [  # memory encodes nothing
    (Append("s", act(3, "\ud800")), WriteRefused),
    (Point("account:\ud800", "s"), WriteRefused),
]


@pytest.mark.parametrize(
    ("place", "bad", "kind"),
    [("file", *each) for each in [*REFUSED, *NO_TEXT]] + [("memory", *each) for each in REFUSED],
)
def test_what_can_not_be_kept_is_no_failure_of_the_log(
    file: Path, place: str, bad: Write, kind: type[WriteRefused]
) -> None:
    log = SQLiteLog(file) if place == "file" else MemoryLog()

    async def story() -> None:
        await log.open()
        await log.commit(ROOT)
        with pytest.raises(LogFailed) as caught:
            await log.commit([bad])
        assert type(caught.value) is kind
        await log.commit([Append("s", act(3))])
        await log.close()

    asyncio.run(story())


def test_a_process_that_does_not_close_its_log_ends() -> None:
    """What is relied on: `aiosqlite.Connection` makes its thread when it is made."""
    code = (
        "import asyncio, sys\n"
        "from mockserver.log.sqlite import SQLiteLog\n"
        "log = SQLiteLog(sys.argv[1])\n"
        "asyncio.run(log.open())\n"
        "print('open', flush=True)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, f"{folder}/log.db"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "open\n"), done


def test_an_open_log_is_read_by_others(file: Path) -> None:
    """So that it can be copied while a server runs."""
    made(file)

    async def story() -> None:
        for _ in range(2):  # made in write-ahead mode, and opened again
            async with opened(file) as log:
                with contextlib.closing(sqlite3.connect(file, timeout=0)) as database:
                    assert database.execute("select count(*) from records").fetchone() == (2,)
                    await log.commit([])

    asyncio.run(story())


@pytest.mark.parametrize("new", [True, False])
def test_an_open_log_is_copied(file: Path, new: bool) -> None:
    copy = file.with_name("copy.db")
    if not new:
        made(file, [])

    async def story() -> None:
        async with opened(file) as log:
            await log.commit(ROOT)
            sqlite_file.backup(file, copy)
            await log.commit([Append("s", act(3))])
        assert [record.position for record in await content(copy)] == [1, 2]
        assert [record.position for record in await content(file)] == [1, 2, 3]

    asyncio.run(story())
