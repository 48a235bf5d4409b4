"""Why SQLite failed: its own texts ("disk I/O error", "unable to open database file") do not say it."""

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

_BESIDE = ("-wal", "-shm", "-journal")  # files of SQLite's beside that of the database
_PROBE = bytes(64 * 1024)  # written to find out what the operating system objects to
_SYSTEM = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM)


def reason(error: BaseException, path: Path) -> str:
    """Why SQLite failed on the database at this path, as the end of a sentence about it."""
    if isinstance(error, OSError):
        return _of_system(error, path)
    # the text in brackets may quote damaged bytes
    text, code = str(error).partition(" (")[0], getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full"
    if code == sqlite3.SQLITE_NOTADB:
        return "it is not a database of SQLite: it belongs to another program, or its beginning is damaged"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
        return f"the file is damaged: {text}"
    if code in _SYSTEM:
        name = getattr(error, "sqlite_errorname", "")
        return obstacle(path) or f"the operating system refused to read or write it: {text} ({name})"
    return str(error)


def obstacle(path: Path) -> str | None:
    """What keeps a database from being opened and written at this path; None when nothing does."""
    place = path
    try:
        path = path.resolve()
        folder = place = path.parent
        if not folder.is_dir():
            return f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder}"
        for file in (path, *(path.with_name(path.name + suffix) for suffix in _BESIDE)):
            if file.is_dir():
                return f"{file} is a folder"
            if file.exists():
                if not file.is_file():
                    return f"{file} is not a regular file"
                place = file
                os.close(os.open(file, os.O_RDWR))
                place = folder
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return _of_system(error, place)
    return None


def _of_system(error: OSError, place: Path) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return f"there is no permission to write {place}"
        case errno.EROFS:
            return f"{place} is on a read-only file system"
        case errno.ENOSPC:
            return "the disk is full"
        case errno.EDQUOT:
            return "the disk quota is used up"
        case errno.EFBIG:
            return "the file may not become that large"
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open"
    return f"{error.strerror or error}: {place}"
