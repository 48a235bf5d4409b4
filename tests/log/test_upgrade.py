"""A file of an older version is upgraded in place, also after being killed; one of a newer is refused."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.log import codec, sqlite_file
from mockserver.log.interface import Branch, LogFailed, RecordDamaged, Unpoint
from tests.log.files import beside, opened, read, record, records, root, size, sweep

# as it was before there were checksums
VERSION_1 = f"""
pragma application_id = {sqlite_file.APPLICATION_ID};
create table streams (id text primary key, parent text, position integer not null) without rowid;
create table records (
    stream text not null, position integer not null, body blob not null, primary key (stream, position)
) without rowid;
create table pointers (name text primary key, stream text not null) without rowid;
create table attempts (number integer primary key check (number = 1), made integer not null);
insert into attempts values (1, 0);
"""
MANY = 3000
# the child's id comes before its parent's
STREAMS = {
    "c": (None, 0, ["of c"] * MANY),
    "b": ("c", 2500, ["of b"] * 2),
    "a": ("b", 2501, []),
    "d": ("b", 10, ["of d"]),
}
EXPECTED = {
    "c": ["of c"] * MANY,
    "b": ["of c"] * 2500 + ["of b"] * 2,
    "a": ["of c"] * 2500 + ["of b"],
    "d": ["of c"] * 10 + ["of d"],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("pragma journal_mode = wal")
        database.executescript(VERSION_1)
        for stream, (parent, position, causes) in STREAMS.items():
            database.execute("insert into streams values (?, ?, ?)", (stream, parent, position))
            database.execute("insert into pointers values (?, ?)", (f"account:{stream}", stream))
            for at, cause in enumerate(causes, position + 1):
                body = codec.encode(record(at, cause, "rule" * 100))
                database.execute("insert into records values (?, ?, ?)", (stream, at, body))
    return path


async def check_upgraded(file: Path) -> None:
    async with opened(file) as log:
        assert await log.pointers() == {f"account:{stream}": stream for stream in STREAMS}
        for stream, causes in EXPECTED.items():
            assert await read(log, stream) == causes
            assert await log.end(stream) == len(causes)
            await log.verify(stream, len(causes))
        assert await log.pragma("user_version") == sqlite_file.VERSION
        assert await log.pragma("auto_vacuum") == 2
        tables = await log.rows("select name from sqlite_master where name like 'old%'")
        assert not tables
        assert [problem async for problem in log.problems()] == []


def test_an_old_file_is_upgraded(file: Path) -> None:
    async def story() -> None:
        await check_upgraded(file)
        async with opened(file) as log:
            await log.commit([*records("a", 2502, 2503), Branch("e", "a", 2502)])
            assert await read(log, "e") == [*EXPECTED["a"], "cause"]

    asyncio.run(story())


def test_the_schema_is_that_of_a_new_file(file: Path) -> None:
    async def schema(path: Path) -> set[tuple[str, str]]:
        async with opened(path) as log:
            return set(await log.rows("select name, sql from sqlite_master"))

    assert asyncio.run(schema(file)) == asyncio.run(schema(file.with_name("new.db")))


def test_what_is_missing_in_an_old_file_closes_its_streams_only(file: Path) -> None:
    with beside(file) as database:
        database.execute("delete from records where stream = 'c' and position = 2000")
        database.execute("insert into streams values ('f', 'nowhere', 3)")

    async def story() -> None:
        async with opened(file) as log:
            assert await read(log, "d") == EXPECTED["d"]
            for stream in ("a", "b", "c"):
                with pytest.raises(RecordDamaged, match="stream c at position 2000: it is missing"):
                    await read(log, stream)
            with pytest.raises(LogFailed, match="stream nowhere is missing"):
                await read(log, "f")

    asyncio.run(story())


_KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from mockserver.log import sqlite_file

class Counting(sqlite3.Connection):
    left = int(sys.argv[2])

    def counted(self):
        Counting.left -= 1
        if not Counting.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, *given):
        self.counted()
        return super().execute(*given)

    def commit(self):
        self.counted()
        super().commit()
        self.counted()

connect = sqlite3.connect
sqlite3.connect = lambda *given, **more: connect(*given, **more, factory=Counting)
sqlite_file.opened(Path(sys.argv[1]), "log").close()
"""


def test_a_process_killed_while_it_upgrades(file: Path) -> None:
    """After any number of statements; each time on the file that the one before left."""
    killed, statements = 0, 1
    while True:
        command = [sys.executable, "-c", _KILLED, str(file), str(statements)]
        done = subprocess.run(command, check=False, timeout=60)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
        statements += max(1, statements // 6)
    assert killed > 10
    asyncio.run(check_upgraded(file))


def test_a_file_of_a_newer_version_is_refused(file: Path) -> None:
    with beside(file) as database:
        database.execute(f"pragma user_version = {sqlite_file.VERSION + 1}")
    before = file.read_bytes()

    async def story() -> None:
        with pytest.raises(LogFailed, match="written by a newer version of mockserver"):
            async with opened(file):
                pass

    asyncio.run(story())
    assert file.read_bytes() == before


def test_a_large_old_file_is_written_anew_once_it_has_become_small(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_SMALL", 1000)
    before = size(file)

    async def story() -> None:
        async with opened(file) as log:
            assert size(file) < 1.5 * before  # records are moved, not copied
            for stream, causes in EXPECTED.items():
                assert await read(log, stream) == causes
            await sweep(log)
            assert await log.pragma("auto_vacuum") == 0
            await log.commit([Unpoint(f"account:{stream}") for stream in STREAMS])
            await log.commit(root("e", 2))
            await sweep(log)
            assert await log.pragma("auto_vacuum") == 2
            assert size(file) < before / 10
            assert await read(log, "e") == ["cause"] * 2

    asyncio.run(story())
