"""Money by month and billograms by state: they agree with the billograms themselves (control 1, ui 2)."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from mockserver.core import machine
from mockserver.core.model import Internal
from tests.server import ACCOUNT, KEY, Server

A = f"/accounts/{ACCOUNT}"
DEMO = {"id": ACCOUNT, "key": KEY, "fixture": "demo"}
BILL = {
    "customer": {"customer_no": 1},
    "items": [{"title": "Work", "count": 1, "price": 100, "vat": 25}],
    "on_success": {"command": "send", "method": "Email"},
}


@pytest.fixture
def demo() -> Iterator[Server]:
    server = Server()
    assert server.mock("POST", "/accounts", DEMO).status == 201
    yield server
    server.close()


@pytest.fixture
def small() -> Iterator[Server]:
    server = Server()
    assert server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "seed": 1}).status == 201
    server.post("/customer", {"customer_no": 1, "name": "A", "contact": {"email": "a@example.com"}})
    yield server
    server.close()


def overview(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.mock("GET", f"{A}/overview").json
    return found


def months(server: Server) -> list[tuple[Any, ...]]:
    names = ("month", "invoiced", "paid", "credited", "lost", "outstanding")
    return [
        tuple(row[name] for name in names)
        for each in overview(server)["currencies"]
        for row in each["months"]
    ]


def billograms(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.mock("GET", f"{A}/billograms?limit=1000").json
    return found


def test_the_overview_agrees_with_the_billograms(demo: Server) -> None:
    for _ in range(2):
        shown, all_of_them = overview(demo), billograms(demo)
        counted = {row["state"]: row["count"] for row in shown["states"]}
        assert counted == Counter(each["state"] for each in all_of_them)
        claims = [each for each in all_of_them if each["state"] not in ("Unattested", "Sold")]
        (only,) = shown["currencies"]
        assert only["months"][-1]["outstanding"] == sum(each["remaining_sum"] for each in claims)
        demo.mock("POST", f"{A}/clock/advance", {"by": "60d"})  # the second time, many have changed


def test_an_empty_account_has_no_months(small: Server) -> None:
    assert overview(small) == {"currencies": [], "states": []}


def test_each_sum_is_in_the_month_of_its_event(small: Server) -> None:
    first, second = (small.post("/billogram", BILL).data["id"] for _ in range(2))
    small.post("/billogram", {**BILL, "on_success": None})  # a draft is not counted
    assert months(small) == [("2026-03", 250, 0, 0, 0, 250)]
    small.mock("POST", f"{A}/clock/advance", {"by": "61d"})
    small.post(f"/billogram/{first}/command/payment", {"amount": 100})
    small.post(f"/billogram/{second}/command/credit", {"mode": "full", "method": "Email"})
    paid, credited = months(small)[-1][2:4]
    assert (paid, credited) == (100, 125)
    assert [row[0] for row in months(small)] == ["2026-03", "2026-04", "2026-05"]


def test_what_is_given_up_is_lost(small: Server) -> None:
    key = small.post("/billogram", BILL).data["id"]
    small.post(f"/billogram/{key}/command/payment", {"amount": 25})
    small.post(f"/billogram/{key}/command/confirmed-loss")
    assert months(small) == [("2026-03", 125, 25, 0, 100, 0)]


def test_currencies_are_not_added_together(small: Server) -> None:
    small.post("/billogram", BILL)
    small.post("/billogram", {**BILL, "currency": "EUR"})
    assert [each["currency"] for each in overview(small)["currencies"]] == ["EUR", "SEK"]


def test_the_machine_has_every_transition_that_is_made(demo: Server) -> None:
    unpaid = demo.mock("GET", f"{A}/billograms?state=Unpaid&limit=1").json[0]
    money = {"billogram": unpaid["id"], "amount": unpaid["remaining_sum"], "scheme": "SEPA_DIRECT_DEBIT"}
    payment = demo.mock("POST", f"{A}/payments", money).json["id"]
    assert demo.mock("POST", f"{A}/payments/{payment}/recall", {"type": "refund"}).status == 201
    shown = demo.mock("GET", "/machine").json
    assert shown["states"] == [str(each) for each in Internal]
    assert len(shown["transitions"]) == len(machine.TRANSITIONS) + len(machine.OTHERS)
    possible = {
        (source, target)
        for row in shown["transitions"]
        for source in row["sources"]
        for target in row["leads"]
    }
    seen = set()
    for each in billograms(demo):
        made = each["internal"]["transitions"]
        assert made[0]["before"] is None
        assert made[-1]["after"] == each["internal"]["state"]
        assert all(one["after"] == two["before"] for one, two in pairwise(made))
        seen |= {(row["before"], row["after"]) for row in made[1:]}
    assert seen <= possible
    assert ("Factoring", "Sold") in seen
    assert ("Ended", "Unpaid") in seen


def test_large_sums_are_exact(small: Server) -> None:
    item = {"title": "Work", "count": 1, "price": 0.01, "vat": 0}
    small.post("/billogram", {**BILL, "currency": "EUR", "items": [item]})
    small.post("/billogram", {**BILL, "currency": "EUR", "items": [{**item, "price": 12345678.9}]})
    assert months(small)[0][1] == Decimal("12345678.91")
