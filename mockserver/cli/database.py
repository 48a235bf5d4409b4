"""`mockserver database`: checks, compacts and copies the database of a server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from mockserver.checkpoint import restore, version
from mockserver.core.fold import folded
from mockserver.core.state import State
from mockserver.log import sqlite_file
from mockserver.log.interface import LogFailed
from mockserver.log.sqlite import SQLiteLog

_EXIT_DAMAGED = 1
_EXIT_ERROR = 2


def database(given: Mapping[str, Any]) -> int:
    """Run an action. Returns 0, 1 if `check` found damage, or 2 after one line if it is not possible."""
    path = Path(given["database"])
    try:
        if not path.is_file():
            raise LogFailed(f"there is no file {path}")
        match given["action"]:
            case "check":
                return asyncio.run(_check(path))
            case "compact":
                asyncio.run(_compact(path))
            case _:
                target = Path(given["file"])
                sqlite_file.backup(path, target)
                print(f"copied to {target}, {_size(target)}")
    except (LogFailed, OSError) as failure:
        print(f"mockserver database: {failure}", file=sys.stderr)
        return _EXIT_ERROR
    return 0


async def _check(path: Path) -> int:
    log = SQLiteLog(path)
    await log.open()
    try:
        found = 0
        async for problem in log.problems():
            found += 1
            print(problem)
        pointers = await log.pointers()
        for name, stream in sorted(pointers.items()):
            async for problem in _problems(log, name, stream):
                found += 1
                print(f"{_display_name(name)}: {problem}")
    finally:
        await log.close()
    accounts = sum(name.startswith("account:") for name in pointers)
    print(f"{accounts} accounts, {len(pointers)} streams: {found or 'no'} problem{'s' * (found != 1)}")
    return _EXIT_DAMAGED if found else 0


async def _problems(log: SQLiteLog, name: str, stream: str) -> AsyncIterator[str]:
    """The problems of a stream: at most one damaged record, since no later record can be applied.

    A checkpoint is compared with the fold of the records up to it, if this version of mockserver made it.
    """
    state = State()
    try:
        head = await log.checkpoint(stream)
        async for record in log.read(stream):
            if name.startswith("deliveries:"):
                continue
            try:
                folded(state, record)
            except Exception as error:  # any exception means that the record is damaged
                yield f"stream {stream} at position {record.position} can't be applied: {error!r}"
                return
            if head is not None and head.position == record.position and head.version == version():
                restored, _ = await restore(log, stream, head)
                if restored.image() != state.image():
                    yield f"the checkpoint of stream {stream} at position {head.position} is not its fold"
    except (LogFailed, OSError) as failure:
        yield str(failure)


def _display_name(name: str) -> str:
    """The name of a pointer, for display."""
    kind, _, rest = name.partition(":")
    account, _, snapshot = rest.partition("/")
    if kind == "account":
        return f"account {rest}"
    return f"account {account}, snapshot {snapshot}" if kind == "snapshot" else f"account {rest}, {kind}"


async def _compact(path: Path) -> None:
    before = _size(path)
    log = SQLiteLog(path)
    await log.open()
    try:
        await log.compact()
    finally:
        await log.close()
    print(f"{path}: {before} before, {_size(path)} now")


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"
