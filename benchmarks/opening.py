"""A large account in a file: its start and first use, its forks, memory, and space after a reset."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.large import fill
from benchmarks.load import Job, prepared
from benchmarks.report import Effort, Figure
from benchmarks.servers import ACCOUNT, HEADERS, Server, mockserver

_MANY, _FEW = 100_000, 5_000  # sent billograms; few in the quick mode
_FORKED, _FORKS = 2_500, 40
_STARTS = 7  # of each file, by turns
_FIRST_USES, _FOLDS = 3, 2
_SETTLED = 1000  # acts that the checkpoint may lack: only for as many a new one is written
_PATIENCE = 180  # seconds
_MINUTE = 60
_SENT = {"command": "send", "method": "Email"}


def large_account(effort: Effort) -> list[Figure]:
    """One account is made, as that takes long; it is then started, opened and at last reset."""
    count = _FEW if effort.rounds == 1 else _MANY
    print(f"opening an account with {count:,} billograms", file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        file, empty = folder / "log.sqlite", folder / "empty.sqlite"
        with mockserver(empty):
            pass
        with mockserver(file) as server:
            job = _filled(server, count, folder)
            _wait_for_checkpoint(server, file)
            before = server.resident()
        starts: list[float] = []
        nothing: list[float] = []
        for _ in range(_STARTS):
            nothing.append(_start(empty))
            starts.append(_start(file))
        uses, sizes = _opened(file, job, _FIRST_USES)
        folds = []
        for _ in range(_FOLDS):
            _forget_checkpoints(file)
            folds += _opened(file, job, 1)[0]
        with mockserver(file) as server:
            _first_use(server, job)
            _wait_for_checkpoint(server, file)
            full = _size(file)
            server.mock("POST", f"/accounts/{ACCOUNT}/reset")
            left = _shrunk(file, full)
    of = f"{count:,} billograms"
    return [
        _at_most(1.2, f"start to ready, {of}, beside an empty file", "ms", starts, nothing),
        _at_most(0.1, f"first request after a restart, {of}, beside a full fold", "s", uses, folds),
        _at_most(1.2, f"memory after it, {of}, beside that before the restart", "MB", sizes, [before / 1e6]),
        _at_most(0.1, f"file and WAL after a reset, {of}, beside those before", "MB", [left], [full / 1e6]),
    ]


def forks(effort: Effort) -> list[Figure]:
    """Memory when all forks have been opened after a restart, beside that before it."""
    rounds = min(effort.rounds, 3)
    before: list[float] = []
    after: list[float] = []
    for number in range(rounds):
        print(f"opening forks, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        with TemporaryDirectory(prefix="benchmarks-") as name:
            folder = Path(name)
            file = folder / "log.sqlite"
            names = [f"fork-{each}" for each in range(_FORKS)]
            with mockserver(file) as server:
                job = _filled(server, _FORKED, folder)
                for each in names:
                    server.mock("POST", f"/accounts/{ACCOUNT}/fork", {"id": each})
                _wait_for_checkpoint(server, file)
                before.append(server.resident() / 1e6)
            with mockserver(file) as server:
                for each in (ACCOUNT, *names):
                    _first_use(server, job, each)
                after.append(server.resident() / 1e6)
    name = f"memory after a restart, {_FORKED:,} billograms and {_FORKS} forks, beside that before it"
    return [_at_most(1.3, name, "MB", after, before)]


def _at_most(times: float, name: str, unit: str, runs: list[float], beside: list[float]) -> Figure:
    """A figure that may be so many times that beside it."""
    return Figure(name, unit, runs, beside, 1 / times, less_is_more=True)


def _filled(server: Server, count: int, folder: Path) -> Job:
    """The account gets so many sent billograms; the GET of one of them."""
    get, post = prepared(server)
    fill(server, Job("POST", "/billogram", {**post.body, "on_success": _SENT}), count, folder)
    return get


def _wait_for_checkpoint(server: Server, file: Path) -> None:
    """Until the server has written it, which it does when it is quiet."""
    acts = server.mock("GET", f"/accounts/{ACCOUNT}")["counts"]["acts"]
    with _reading(file) as db:
        for _ in _looks(_PATIENCE):
            rows = db.execute("select max(position) from checkpoints").fetchone()
            if acts - (rows[0] or 0) < _SETTLED:
                return
    raise RuntimeError(f"no checkpoint after {_PATIENCE} seconds")


def _shrunk(file: Path, full: int) -> float:
    """Megabytes after a minute, or as soon as a tenth is left."""
    for _ in _looks(_MINUTE):
        if _size(file) < full / 10:
            break
    return _size(file) / 1e6


def _looks(seconds: float) -> Iterator[None]:
    """Two looks a second, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.5)


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
        yield db


def _size(file: Path) -> int:
    return sum(os.stat(path).st_size for path in (file, Path(f"{file}-wal")) if path.exists())


def _start(file: Path) -> float:
    """Milliseconds until the server is ready."""
    begun = time.perf_counter()
    with mockserver(file) as server:
        _wait_until_ready(server)
        return (time.perf_counter() - begun) * 1000


def _wait_until_ready(server: Server) -> None:
    while True:
        with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=5)) as connection:
            connection.request("GET", "/_mock/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.002)


def _opened(file: Path, job: Job, times: int) -> tuple[list[float], list[float]]:
    """Seconds of the first request after a start, and megabytes after it."""
    seconds: list[float] = []
    sizes: list[float] = []
    for _ in range(times):
        with mockserver(file) as server:
            _wait_until_ready(server)
            seconds.append(_first_use(server, job))
            sizes.append(server.resident() / 1e6)
    return seconds, sizes


def _first_use(server: Server, job: Job, account: str = ACCOUNT) -> float:
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.netloc, timeout=_PATIENCE)) as connection:
        begun = time.perf_counter()
        connection.request(job.method, parts.path + job.path, headers={**HEADERS, "Mock-Account": account})
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content
        return time.perf_counter() - begun


def _forget_checkpoints(file: Path) -> None:
    """Without one the account is opened by a full fold."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("delete from checkpoints")
        db.execute("delete from checkpoint_rows")
        db.commit()
