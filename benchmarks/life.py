"""How soon a server is there, and how soon it is gone."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.report import Effort, Figure
from benchmarks.servers import Server, bare, mockserver
from mockserver import Mockserver

_TIMES = 5  # in a round


def start_and_stop(effort: Effort) -> list[Figure]:
    """From the start of the process to the first 200; from the signal to its end."""
    ours, beside, stops, inside = [], [], [], []
    for kind in (mockserver, bare):  # the first start compiles the modules, as an installation does
        _life(kind)
    for number in range(effort.rounds):
        print(f"start and stop, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        for _ in range(_TIMES):
            started, stopped = _life(mockserver)
            ours.append(started)
            stops.append(stopped)
            beside.append(_life(bare)[0])
            inside.append(_in_process())
    return [
        Figure("cold start to the first 200", "ms", ours, beside, 1 / 1.5, less_is_more=True),
        Figure("stop of an idle server on SIGTERM", "ms", stops, bound=500.0, less_is_more=True),
        Figure("stop of a Mockserver", "ms", inside, bound=50.0, less_is_more=True),
    ]


def _life(kind: Callable[[], AbstractContextManager[Server]]) -> tuple[float, float]:
    begun = time.perf_counter()
    with kind() as server:
        while not _answers(server):
            time.sleep(0.002)
        started = time.perf_counter() - begun
        begun = time.perf_counter()
    return started * 1000, (time.perf_counter() - begun) * 1000


def _answers(server: Server) -> bool:
    try:
        with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=5)) as connection:
            connection.request("GET", "/_mock/health")
            return connection.getresponse().status == 200
    except OSError:
        return False


def _in_process() -> float:
    server = Mockserver()
    server.start()
    server.account("demo")
    begun = time.perf_counter()
    server.stop()
    return (time.perf_counter() - begun) * 1000
