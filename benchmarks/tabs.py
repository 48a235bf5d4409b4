"""Billing tabs: a year of customers who are billed monthly, and what adding a row costs beside an item."""

import json
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.load import CUSTOMER, ROW
from benchmarks.report import Effort, Figure
from benchmarks.servers import ACCOUNT, HEADERS, KEY, Server, mockserver
from benchmarks.time import FEW, fill, moved

_CUSTOMERS, _MONTHS, _ROWS = 1_000, 12, 5
_ADDED = 9_000  # rows and items whose cost is measured
_MANY = 5_000  # rows of one tab
_KEY = "X-API-Deduplication-ID"
_ITEM = {"title": "Item", "price": 100, "vat": 25, "unit": "unit"}
_PATIENCE = 120


def billed(effort: Effort) -> list[Figure]:
    """The moves of a year by month, beside that of the year of other billograms; and requests."""
    tabs, others, rows, long, items = [], [], [], [], []
    rounds = min(effort.rounds, 3)
    for number in range(rounds):
        print(f"billing tabs, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        with mockserver() as server:
            fill(server, FEW)
            others.append(moved(server, FEW) * 1000 / FEW)
        with mockserver() as server:
            tabs.append(_year(server) * 1000 / (_CUSTOMERS * _MONTHS))
        with mockserver() as server:
            few, many, item = _added(server)
            rows.append(few)
            long.append(many)
            items.append(item)
    unit, share = "CPU µs/request", 1 / 1.2
    return [
        Figure(
            f"a year, {_CUSTOMERS:,} monthly tabs of {_ROWS} rows, by billogram made, beside billograms",
            "ms",
            tabs,
            others,
            0.5,
            less_is_more=True,
        ),
        Figure("POST of a row of a tab, beside POST of an item", unit, rows, items, share, less_is_more=True),
        Figure(f"POST of a row of a tab of {_MANY:,}", unit, long, items, share, less_is_more=True),
    ]


def _year(server: Server) -> float:
    """Seconds of the moves, in each of which the tabs of all customers are invoiced."""
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "clock": {"mode": "frozen"}})
    settings = {"delivery_method": "Email"}
    customers = []
    for _ in range(_CUSTOMERS):
        customers.append(server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"])
        server.call("PUT", f"/customer/{customers[-1]}/billing-tab/settings", settings)
    passed = 0.0
    for month in range(_MONTHS):
        for customer_no in customers:
            _add(server, customer_no, f"{month}", _ROWS)
        begun = time.perf_counter()
        server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "1mo"})
        passed += time.perf_counter() - begun
    made = server.call("GET", "/billogram?page=1&page_size=1")
    assert json.dumps(made.body["meta"]["total_count"]) == str(_CUSTOMERS * _MONTHS), made.body["meta"]
    return passed


def _added(server: Server) -> tuple[float, float, float]:
    """CPU time of a row of a new tab, of one of a long tab, and of an item, in microseconds."""
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "clock": {"mode": "frozen"}})
    customer_no = server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"]
    few = many = item = 0.0
    parts = 9
    for part in range(parts):  # in turn, so that what else the machine does concerns all
        other = server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"]
        begun = server.seconds()
        _add(server, other, f"few {part}", _ADDED // parts)
        few += server.seconds() - begun
        if part == 0:
            _add(server, customer_no, "first", _MANY)
        begun = server.seconds()
        _add(server, customer_no, f"many {part}", _ADDED // parts)
        many += server.seconds() - begun
        begun = server.seconds()
        _post(server, "/item", [json.dumps(_ITEM)] * (_ADDED // parts), "item")
        item += server.seconds() - begun
    return few * 1e6 / _ADDED, many * 1e6 / _ADDED, item * 1e6 / _ADDED


def _add(server: Server, customer_no: int, keys: str, count: int) -> None:
    body = json.dumps({"billogram_item": ROW})
    _post(server, f"/customer/{customer_no}/billing-tab/items", [body] * count, keys)


def _post(server: Server, path: str, bodies: list[str], keys: str) -> None:
    """One request after the other over one connection; a header that an item does not need costs nothing."""
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.netloc, timeout=_PATIENCE)) as connection:
        for number, body in enumerate(bodies):
            headers = {**HEADERS, _KEY: f"{keys} {number}"}
            connection.request("POST", parts.path + path, body, headers)
            response = connection.getresponse()
            content = response.read()
            assert response.status == 200, content
