"""Forks of an account with 10,000 billograms: of the present state, and of an earlier act."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.large import fill
from benchmarks.load import prepared
from benchmarks.report import Effort, Figure
from benchmarks.servers import Server, mockserver

_MANY = 10_000
_FORKS = 20  # in a round


def forks(effort: Effort) -> list[Figure]:
    """Time and memory of a fork; one of the last act by its position, beside the start on the same file."""
    times, sizes, earlier, replays = [], [], [], []
    for number in range(effort.rounds):
        print(f"forks, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        with TemporaryDirectory(prefix="benchmarks-") as name:
            folder = Path(name)
            with mockserver(folder / "log.sqlite") as server:
                fill(server, prepared(server)[1], _MANY, folder)
                _fork(server, {"id": "warm"})
                before = server.resident()
                times += [_fork(server, {"id": f"fork-{each}"}) for each in range(_FORKS)]
                sizes.append((server.resident() - before) / _FORKS / 1e6)
                acts = server.mock("GET", "/accounts/bench")["counts"]["acts"]
                earlier.append(_fork(server, {"id": "earlier", "at": acts}))
                for each in ("warm", "earlier", *(f"fork-{each}" for each in range(_FORKS))):
                    server.mock("DELETE", f"/accounts/{each}")
            replays.append(_start(folder / "log.sqlite") - _start(folder / "empty.sqlite"))
    name = f"account with {_MANY:,} billograms"
    return [
        Figure(f"fork of an {name}", "ms", times, bound=50.0, less_is_more=True),
        Figure(f"memory of such a fork, {name}", "MB", sizes, bound=2.0, less_is_more=True),
        Figure(
            f"fork at its last act, beside its replay, {name}", "ms", earlier, replays, 1.0, less_is_more=True
        ),
    ]


def _fork(server: Server, body: dict[str, object]) -> float:
    begun = time.perf_counter()
    server.mock("POST", "/accounts/bench/fork", body)
    return (time.perf_counter() - begun) * 1000


def _start(file: Path) -> float:
    begun = time.perf_counter()
    with mockserver(file):
        return (time.perf_counter() - begun) * 1000
