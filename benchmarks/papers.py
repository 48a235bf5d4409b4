"""What a sending costs with the PDF of its invoice, over one connection."""

import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from msgspec import json

from benchmarks.load import CUSTOMER, ROW
from benchmarks.report import Effort, Figure
from benchmarks.servers import HEADERS, mockserver

_TIMES = 100  # in a round
_WARM = 10


def sending(effort: Effort) -> list[Figure]:
    """POST with `on_success`, then GET of the PDF: both together."""
    times: list[float] = []
    for number in range(effort.rounds):
        print(f"PDFs, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        with mockserver() as server:
            number = server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"]
            body = {"customer": {"customer_no": number}, "items": [ROW], "on_success": {"command": "send"}}
            parts = urlsplit(server.url)
            with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
                for count in range(_WARM + _TIMES):
                    begun = time.perf_counter()
                    made = _asked(connection, "POST", f"{parts.path}/billogram", body)
                    _asked(connection, "GET", f"{parts.path}/billogram/{made['id']}.pdf")
                    if count >= _WARM:
                        times.append((time.perf_counter() - begun) * 1000)
    return [Figure("send, and its PDF", "ms", times, bound=25.0, less_is_more=True)]


def _asked(connection: HTTPConnection, method: str, path: str, body: Any = None) -> Any:
    connection.request(method, path, None if body is None else json.encode(body), HEADERS)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    return json.decode(content)["data"]
