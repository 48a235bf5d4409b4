"""`mockserver database` as people run it (reference: control 10)."""

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from mockserver.log import checksums
from tests.e2e.served import Served
from tests.e2e.test_cli import refused, run

NOTHING = "no problems\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with an account of the fixture `demo`, a snapshot of it, and two small accounts."""
    folder = tmp_path_factory.mktemp("made")
    with Served("--database", "kept.db", "--fixture", "demo", cwd=folder) as server:
        assert server.mock("POST", "/accounts/demo/snapshots", {"name": "first"}).status_code == 201
        for name in ("shop", "club"):
            body = {"id": name, "key": "secret", "callbacks": {"url": "mock:inbox"}}
            assert server.mock("POST", "/accounts", body).status_code == 201
    return folder / "kept.db"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Where `kept.db` is a copy of it."""
    shutil.copyfile(made, tmp_path / "kept.db")
    return tmp_path


def changed(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "kept.db")) as database, database:
        assert database.execute(statement).rowcount


def checked(folder: Path, file: str = "kept.db") -> tuple[int, list[str]]:
    done = run("database", "check", file, cwd=folder)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_a_sound_database(folder: Path) -> None:
    assert checked(folder) == (0, ["3 accounts, 4 streams: no problems"])


def test_a_damaged_record_is_named_by_account_and_position(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "kept.db")) as database:
        query = "select stream from pointers where name = ?"
        (demo,) = database.execute(query, ("account:demo",)).fetchone()
        (shop,) = database.execute(query, ("account:shop",)).fetchone()
    changed(folder, f"update records set body = x'7b7d' where stream = '{demo}' and position = 7")
    where = f"kept.db is damaged in stream {demo} at position 7: its checksum is wrong"
    expected = [f"account demo: {where}", f"account demo, snapshot first: {where}"]
    assert checked(folder) == (1, [*expected, "3 accounts, 4 streams: 2 problems"])
    changed(folder, f"delete from records where stream = '{shop}' and position = 1")
    code, lines = checked(folder)
    assert code == 1
    assert f"account shop: kept.db is damaged in stream {shop} at position 1: it is missing" in lines


def test_a_damaged_database_serves_what_is_sound(folder: Path) -> None:
    """All that `check` calls sound can be copied and compacted too."""
    assert "copied to copy.db" in run("database", "backup", "kept.db", "copy.db", cwd=folder).stdout
    assert checked(folder, "copy.db")[0] == 0
    assert " now\n" in run("database", "compact", "copy.db", cwd=folder).stdout
    assert checked(folder, "copy.db") == checked(folder)


def test_a_record_that_does_not_fit_to_the_state(folder: Path) -> None:
    """As another program could write it, with the right checksums."""
    with contextlib.closing(sqlite3.connect(folder / "kept.db")) as database, database:
        (shop,) = database.execute("select stream from pointers where name = 'account:shop'").fetchone()
        ((last, head),) = database.execute("select last, head from streams where id = ?", (shop,)).fetchall()
        body = (
            b'{"position":%d,"at":"2026-03-02T09:00:00Z","cause":"","rule":"","events":[{"type":"Odd"}]}'
            % (last + 1)
        )
        values = (shop, last + 1, body, checksums.chained(head, body))
        database.execute("insert into records values (?, ?, ?, ?)", values)
    code, lines = checked(folder)
    assert code == 1
    assert lines[0].startswith(f"account shop: kept.db is damaged in stream {shop} at position {last + 1}: ")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "update pointers set checksum = 1 where name = 'account:shop'",
            "what account:shop points at is wrong",
        ),
        ("update streams set base = base + 1", "what is kept of stream"),
        ("update records set stream = 'x' where rowid = 1", "1 records are of a stream x"),
    ],
)
def test_other_damage(folder: Path, statement: str, expected: str) -> None:
    changed(folder, statement)
    code, lines = checked(folder)
    assert code == 1
    assert any(expected in line for line in lines), lines


def test_a_backup_beside_a_running_server(folder: Path) -> None:
    with Served("--database", "kept.db", cwd=folder) as server:
        assert server.api("POST", "/customer", {"name": "A"}, user="shop").status_code == 200
        for number in range(3):
            done = run("database", "backup", "kept.db", f"copy-{number}.db", cwd=folder)
            assert (done.returncode, done.stderr) == (0, "")
            assert server.api("POST", "/customer", {"name": "B"}, user="shop").status_code == 200
        for action in ("check", "compact"):
            assert "kept.db is in use" in refused("database", action, "kept.db", cwd=folder)
    with Served("--database", "copy-1.db", cwd=folder) as server:
        assert server.api("GET", "/customer/2", user="shop").status_code == 200
        assert server.api("GET", "/customer/3", user="shop").status_code == 404


def test_space_is_given_back(folder: Path) -> None:
    before = os.path.getsize(folder / "kept.db")
    changed(folder, "delete from pointers where name like '%demo%'")
    done = run("database", "compact", "kept.db", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.getsize(folder / "kept.db") < before
    assert checked(folder) == (0, ["2 accounts, 2 streams: no problems"])


def test_a_killed_server_leaves_no_lock(folder: Path) -> None:
    server = Served("--database", "kept.db", cwd=folder)
    assert "in use" in refused("serve", "--port", "0", "--database", "kept.db", cwd=folder)
    server.kill()
    assert checked(folder)[0] == 0
    with Served("--database", "kept.db", cwd=folder):
        assert "in use" in refused("serve", "--port", "0", "--database", "kept.db", cwd=folder)


def test_what_is_no_database(folder: Path) -> None:
    (folder / "text.db").write_text("notes, not a database\n" * 50)
    with contextlib.closing(sqlite3.connect(folder / "other.db")) as other, other:
        other.execute("create table records (x)")
    (folder / "taken.db").touch()
    for arguments in (("check",), ("compact",), ("backup", "new.db")):
        action, *file = arguments
        assert "there is no file none.db" in refused("database", action, "none.db", *file, cwd=folder)
        assert "not a database" in refused("database", action, "text.db", *file, cwd=folder)
        assert "other" in refused("database", action, "other.db", *file, cwd=folder)
    assert "taken.db exists" in refused("database", "backup", "kept.db", "taken.db", cwd=folder)
    assert "no/new.db" in refused("database", "backup", "kept.db", "no/new.db", cwd=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["kept.db", "other.db", "taken.db", "text.db"]
    assert refused("database").startswith("mockserver database: ")
    assert refused("database", "backup", "kept.db").startswith("mockserver database backup: ")
