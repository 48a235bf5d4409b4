"""Requests whose answer gets lost: nobody knows what was done, and it must not be done twice."""

import pytest
from conftest import Shop

from mockserver import BillogramAccount


def count(billogram: BillogramAccount, path: str) -> int:
    """How many there are at Billogram."""
    total: int = billogram.http.get(f"{path}?page=1&page_size=1").json()["meta"]["total_count"]
    return total


@pytest.mark.parametrize("fail", ["commit-then-reset", "commit-then-502"])
@pytest.mark.parametrize("path", ["/customer", "/billogram"])
def test_nothing_is_made_twice(billogram: BillogramAccount, shop: Shop, path: str, fail: str) -> None:
    billogram.control("POST", "/faults", {"operation": f"POST {path}", "fail": fail, "times": 1})
    order = shop.buy()
    assert order["status"] == "open"
    assert (count(billogram, "/customer"), count(billogram, "/billogram")) == (1, 1)
    assert billogram.control("GET", "/faults")[0]["hits"] == 1
    assert billogram.settle()
    billogram.assert_reconciled(shop.books.rows())


def test_an_order_waits_until_billogram_answers_again(billogram: BillogramAccount, shop: Shop) -> None:
    billogram.control("POST", "/faults", {"operation": "POST /billogram", "fail": "commit-then-reset"})
    billogram.control("POST", "/faults", {"operation": "GET /billogram", "fail": "status:503", "after": 1})
    order = shop.buy()
    assert (order["status"], order["billogram"]) == ("new", None)
    assert shop.ask("POST", "/orders/1/invoice").status_code == 503
    billogram.control("DELETE", "/faults")
    order = shop.ask("POST", "/orders/1/invoice").json()
    assert (order["status"], order["remaining"], count(billogram, "/billogram")) == ("open", 125, 1)
    billogram.pay(order["billogram"], 125)
    billogram.webhooks.wait("BillogramEnded")
    assert shop.order()["events"] == ["BillogramCreated", "BillogramSent", "Payment", "BillogramEnded"]
