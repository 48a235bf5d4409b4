"""The dashboard: the time of its pages, the size of the first one, and how soon a live page knows."""

import gzip
import sys
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.large import MANY, fill
from benchmarks.load import Job, prepared
from benchmarks.report import Effort, Figure
from benchmarks.servers import ACCOUNT, Server, mockserver

_SOME = 2_400
_UI = "/_mock/ui"
_HOME = f"{_UI}/accounts/{ACCOUNT}"
_PAGES = {
    "accounts": f"{_UI}/",
    "overview": _HOME,
    "billograms": f"{_HOME}/billograms",
    "search": f"{_HOME}/search?q=nothing",
    "one billogram": f"{_HOME}/billograms/{{id}}",
    "customers": f"{_HOME}/customers",
    "clock": f"{_HOME}/clock",
    "bank": f"{_HOME}/bank",
    "webhooks": f"{_HOME}/webhooks",
    "outbox": f"{_HOME}/outbox",
    "timeline": f"{_HOME}/timeline",
    "requests": f"{_HOME}/requests",
}
_FIRST = ("/", "/static/dashboard.css", "/static/dashboard.js", "/static/icon.svg")
_BOUNDS = {_SOME: 100.0, MANY: 150.0}  # milliseconds for the slowest page, by the number of billograms
_LIMIT = 60.0  # kilobytes of the first page, compressed, with all that it loads
_KNOWN = 300.0  # milliseconds from an act's answer to its row in the stream
_SENT = {"command": "send", "method": "Email"}
_TIMES = 7


def pages(effort: Effort) -> list[Figure]:
    """One server for each number of billograms; the slowest of all pages counts, each by its median."""
    figures = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmarks-")))
        for count, bound in _BOUNDS.items():
            if count == MANY and effort.rounds == 1:
                continue
            with mockserver() as server:
                get, post = prepared(server)
                fill(server, Job("POST", "/billogram", {**post.body, "on_success": _SENT}), count, folder)
                key = get.path.rpartition("/")[2]
                first = _took(server, _PAGES["accounts"])
                cold = _took(server, _HOME)
                slowest = max((_page(server, name, key) for name in _PAGES), key=median)
                figures += [
                    Figure(
                        f"slowest page, {count:,} billograms", "ms", slowest, bound=bound, less_is_more=True
                    ),
                    Figure(
                        f"first overview, {count:,} billograms", "ms", [cold], bound=bound, less_is_more=True
                    ),
                ]
                if count == _SOME:
                    figures.append(Figure("the very first page, which imports them", "ms", [first]))
                    size = sum(len(gzip.compress(_read(server, _UI + path), 5)) for path in _FIRST) / 1000
                    known = [_known(server) for _ in range(_TIMES)]
                    figures += [
                        Figure(
                            "first page with all that it loads", "kB", [size], bound=_LIMIT, less_is_more=True
                        ),
                        Figure("act to live page", "ms", known, bound=_KNOWN, less_is_more=True),
                    ]
    return figures


def _page(server: Server, name: str, key: str) -> list[float]:
    path = _PAGES[name].replace("{id}", key)
    _took(server, path)
    found = [_took(server, path) for _ in range(_TIMES)]
    print(f"{median(found):8.1f} ms  {name}", file=sys.stderr, flush=True)
    return found


def _took(server: Server, path: str) -> float:
    begun = time.perf_counter()
    _read(server, path)
    return (time.perf_counter() - begun) * 1000


def _read(server: Server, path: str) -> bytes:
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}")
        return content


def _known(server: Server) -> float:
    """Milliseconds from the answer of a request until its act is in the stream of a page."""
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as connection:
        connection.request("GET", f"{_HOME}/stream?tail=1", headers={"Accept": "text/event-stream"})
        stream = connection.getresponse()
        while not stream.readline().startswith(b"data: {"):  # the newest row: from now on it is live
            pass
        server.call("POST", "/item", {"title": "Live", "price": 1, "vat": 25, "unit": "unit"})
        begun = time.perf_counter()
        while not stream.readline().startswith(b"event: act"):
            pass
        return (time.perf_counter() - begun) * 1000
