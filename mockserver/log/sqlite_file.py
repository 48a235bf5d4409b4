"""The file of a log in SQLite: its locks, its schema, and how it is opened and upgraded.

**One server at a time.** A server takes SQLite's exclusive lock of the file, which succeeds only if no other
process has the file open. Then it keeps the shared lock that every reader in write-ahead mode holds. A second
server needs the exclusive lock and is refused, but `backup` can read while a server runs. The operating
system releases the locks when the process ends, even if it is killed.

**Version 2 of the schema** (`user_version`) has checksums, summaries, checkpoints, and tables of what is
being deleted. A file of version 1 is upgraded in one transaction when it is opened. If the process is killed
during the upgrade, the next process starts it anew.

**Space.** New files use `auto_vacuum = incremental`, so that `sweep` can return free pages in small steps. A
file of version 1 can be converted only by VACUUM, which takes as long as copying the data. It is converted
when it is opened if it has little data, so that a large file is ready quickly. Otherwise `sweep` converts it
once it has little data, for example after the reset of a large account. Until then free pages are reused, but
only `mockserver database compact` returns them to the file system.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from mockserver.log import checksums
from mockserver.log.interface import LogFailed, LogInUse
from mockserver.log.sqlite_errors import obstacle, reason

APPLICATION_ID = 0x42676D73
VERSION = 2
_SCHEMA = """
create table streams (
    id text primary key, parent text, position integer not null, base integer not null,
    last integer not null, head integer not null, checksum integer not null
) without rowid;
create table records (
    stream text not null, position integer not null, body blob not null, checksum integer not null,
    primary key (stream, position)
);
create table pointers (name text primary key, stream text not null, checksum integer not null) without rowid;
create table summaries (name text primary key, body blob not null, checksum integer not null) without rowid;
create table checkpoints (
    id integer primary key autoincrement, stream text not null unique, position integer, version text,
    rows integer not null default 0, sum integer not null default 0, checksum integer
);
create table checkpoint_rows (
    checkpoint integer not null, kind text not null, key text not null, body blob not null,
    checksum integer not null, primary key (checkpoint, kind, key)
);
create index rows_of_checkpoint on checkpoint_rows (checkpoint);
create trigger checkpoint_row_added after insert on checkpoint_rows begin
    update checkpoints set rows = rows + 1, sum = sum + new.checksum where id = new.checkpoint;
end;
create trigger checkpoint_row_replaced after update on checkpoint_rows begin
    update checkpoints set sum = sum + new.checksum - old.checksum where id = new.checkpoint;
end;
create trigger checkpoint_row_removed after delete on checkpoint_rows begin
    update checkpoints set rows = rows - 1, sum = sum - old.checksum where id = old.checkpoint;
end;
create table dropped_streams (stream text primary key) without rowid;
create table dropped_checkpoints (checkpoint integer primary key);
"""
_RECORD_ADDED = """
create trigger record_added after insert on records begin
    select raise(abort, 'the stream does not end right before this record') where not exists (
        select 1 from streams where id = new.stream and last = new.position - 1
    );
    update streams set last = new.position, head = new.checksum where id = new.stream;
end;
"""
_ATTEMPTS = """
create table attempts (number integer primary key check (number = 1), made integer not null);
insert into attempts values (1, 0);
"""
# the checksum of the chain of a stream at a position; no row when the stream does not reach it
CHAIN_AT = """
with recursive walk (id, parent, position, base) as (
    select id, parent, position, base from streams where id = ?1
    union
    select streams.id, streams.parent, streams.position, streams.base
    from streams join walk on streams.id = walk.parent where walk.position > ?2
)
select base from walk where position = ?2
union all
select records.checksum from walk join records on records.stream = walk.id
where walk.position < ?2 and records.position = ?2
limit 1
"""
READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # SQLite's own messages quote damaged texts
_CHUNK = 1000
_SMALL = 64 * 2**20  # bytes of content that a VACUUM copies in about half a second


def opened(
    path: Path, name: str, begun: Callable[[sqlite3.Connection], None] = lambda _: None
) -> sqlite3.Connection:
    """Open or create the file of a log, lock it against other servers, and return the connection.

    Raise LogInUse or LogFailed, with `name` as the name of the log in their texts. `begun` gets the
    connection before any work that may take long, such as an upgrade.
    """
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=0.25)
        begun(connection)
        connection.text_factory = _text
        _prepare(connection, name)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if not isinstance(error, READ_ERRORS):
            raise
        if is_locked(error):
            raise LogInUse(f"{name} is in use by another process") from error
        raise LogFailed(f"{name} can't be opened: {reason(error, path)}") from error
    return connection


def _prepare(db: sqlite3.Connection, name: str) -> None:
    kind = pragma(db, "application_id")
    if kind != APPLICATION_ID and (
        kind or db.execute("select count(*) from sqlite_master").fetchone() != (0,)
    ):
        raise sqlite3.DatabaseError("it belongs to another program")
    version = pragma(db, "user_version")
    if version > VERSION:
        raise LogFailed(f"{name} can't be opened: it was written by a newer version of mockserver")
    if not kind:
        db.execute("pragma auto_vacuum = incremental")
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("pragma journal_size_limit = 4194304")
    # only a connection that has read in write-ahead mode before can release the exclusive lock again
    pragma(db, "user_version")
    db.execute("pragma locking_mode = exclusive")
    db.execute("begin exclusive")
    # read again: only under the lock no other process can change them
    kind, version = pragma(db, "application_id"), pragma(db, "user_version")
    if kind != APPLICATION_ID:
        _run(db, f"pragma application_id = {APPLICATION_ID}; pragma user_version = {VERSION}")
        _run(db, _SCHEMA + _RECORD_ADDED + _ATTEMPTS)
    elif version < VERSION:
        _upgrade(db)
    # incomplete checkpoints are useless for another process
    db.execute("insert into dropped_checkpoints select id from checkpoints where position is null")
    db.execute("delete from checkpoints where position is null")
    db.commit()
    if pragma(db, "auto_vacuum") != 2:
        with suppress(sqlite3.OperationalError):  # for example because the disk is full
            if _content(db) <= _SMALL:
                db.execute("pragma auto_vacuum = incremental")
                db.execute("vacuum")
            pragma(db, "wal_checkpoint(truncate)")
    modes = pragma(db, "journal_mode"), pragma(db, "synchronous")
    if modes != ("wal", 2):
        raise sqlite3.DatabaseError(f"no durable mode on this file system: {modes}")
    db.execute("pragma locking_mode = normal")
    db.execute("begin immediate")  # the next access reduces the exclusive lock to a shared one
    db.commit()


def _text(value: bytes) -> str:
    """Decode a text even if it is damaged; its checksum reveals the damage."""
    return value.decode(errors="replace")


def pragma(db: sqlite3.Connection, name: str) -> Any:
    """Return the value of a pragma."""
    return db.execute(f"pragma {name}").fetchone()[0]


def is_locked(error: BaseException) -> bool:
    """Return whether the cause is a lock of another connection."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _content(db: sqlite3.Connection) -> int:
    pages: int = pragma(db, "page_count") - pragma(db, "freelist_count")
    return pages * int(pragma(db, "page_size"))


def _run(db: sqlite3.Connection, script: str) -> None:
    """Execute several statements in the current transaction; `executescript` would commit it."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


def _upgrade(db: sqlite3.Connection) -> None:
    """Upgrade a file from version 1 to 2. The caller commits.

    Records are moved in chunks and not copied, so that the new table reuses the pages of the old one. Records
    without a stream are dropped, because nothing could read them.
    """
    for table in ("streams", "records", "pointers"):
        db.execute(f"alter table {table} rename to old_{table}")
    _run(db, _SCHEMA)
    for stream, parent, position in _parents_first(db):
        _move_stream(db, stream, parent, position)
    _run(db, _RECORD_ADDED)
    for name, stream in db.execute("select name, stream from old_pointers").fetchall():
        db.execute("insert into pointers values (?, ?, ?)", (name, stream, checksums.of(name, stream)))
    for table in ("streams", "records", "pointers"):
        db.execute(f"drop table old_{table}")
    db.execute(f"pragma user_version = {VERSION}")


def _parents_first(db: sqlite3.Connection) -> list[tuple[str, str | None, int]]:
    rows = {row[0]: row for row in db.execute("select id, parent, position from old_streams")}
    ordered: dict[str, tuple[str, str | None, int]] = {}
    for stream in rows:
        path: dict[str, None] = {}
        ancestor: str | None = stream
        while ancestor is not None and ancestor in rows and ancestor not in ordered and ancestor not in path:
            path[ancestor] = None
            ancestor = rows[ancestor][1]
        ordered |= {each: rows[each] for each in reversed(path)}
    return list(ordered.values())


def _move_stream(db: sqlite3.Connection, stream: str, parent: str | None, position: int) -> None:
    base = checksums.of(stream)
    if parent is not None:
        found = db.execute(CHAIN_AT, (parent, position)).fetchone()
        base = base if found is None else found[0]  # reading the stream will report what is missing
    last, head = position, base
    query = "select position, body from old_records where stream = ? order by position limit ?"
    while rows := db.execute(query, (stream, _CHUNK)).fetchall():
        moved = []
        for last, body in rows:
            head = checksums.chained(head, body)
            moved.append((stream, last, body, head))
        db.executemany("insert into records values (?, ?, ?, ?)", moved)
        db.execute("delete from old_records where stream = ? and position <= ?", (stream, last))
    checksum = checksums.of(stream, parent, position, base)
    row = (stream, parent, position, base, last, head, checksum)
    db.execute("insert into streams values (?, ?, ?, ?, ?, ?, ?)", row)


def backup(path: Path, target: Path) -> None:
    """Copy the file of a log as it is on disk now, even while a server runs. Raise LogInUse or LogFailed.

    The copy is one read transaction. In write-ahead mode it neither waits for writers nor delays them.
    """
    partial = target.with_name(f"{target.name}.partial")
    try:
        if target.exists():
            raise LogFailed(f"{target} exists already")
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=5, uri=True)) as source,
            closing(sqlite3.connect(partial)) as copy,
        ):
            if pragma(source, "application_id") != APPLICATION_ID:
                raise LogFailed(f"{path} is not a database of mockserver")
            source.backup(copy)
        partial.rename(target)
    except (*READ_ERRORS, OSError) as error:
        if is_locked(error):
            raise LogInUse(f"{path} is in use by another process") from error
        why = obstacle(partial) or reason(error, path)
        raise LogFailed(f"{path} can't be copied to {target}: {why}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
