"""Webhooks as they may come: twice, in another order, from somebody else, while Billogram can't be asked."""

import time

import pytest
from conftest import WEBHOOKS, Shop

from mockserver import BillogramAccount
from shop.webhooks import FRESH, signature


def test_a_webhook_that_comes_twice_is_booked_once(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    billogram.pay(order["billogram"], 50)
    billogram.webhooks.wait("Payment")
    (payment,) = billogram.control("GET", "/deliveries?type=Payment")
    billogram.control("POST", f"/deliveries/{payment['id']}/replay")
    assert [hook.status_code for hook in billogram.webhooks.wait("Payment", count=2)] == [200, 200]
    assert shop.order()["received"] == 50
    billogram.assert_reconciled(shop.books.rows())


def test_the_newest_webhook_may_come_first(billogram: BillogramAccount, shop: Shop) -> None:
    billogram.deliver_to(None)
    order = shop.buy()
    payment = billogram.pay(order["billogram"], 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.recall(payment, type="refund")
    billogram.pay(order["billogram"], 200)
    assert billogram.settle()
    for hook in reversed(billogram.webhooks.all()):
        shop.ask("POST", WEBHOOKS, content=hook.body, headers=hook.headers)
    order = shop.order()
    assert (order["status"], order["received"], order["to_pay_back"]) == ("paid", 125, 75)
    billogram.assert_reconciled(shop.books.rows())


def test_a_webhook_that_billogram_did_not_send_is_refused(billogram: BillogramAccount, shop: Shop) -> None:
    shop.buy()
    body = billogram.webhooks.wait("BillogramSent").body.replace(b"BillogramSent", b"Payment")
    now, old = f"{time.time():.6f}", f"{time.time() - FRESH - 1:.6f}"
    key = billogram.sign_key
    for signed, timestamp in [
        (signature("another key", now, body), now),
        (signature(key, now, body), old),
        (signature(key, old, body), old),
        (signature(key, "today", body), "today"),
        (signature(key, now, body + b" "), now),
        ("ä", now),
        ("", ""),
    ]:
        headers = {"Billogram-Signature": signed.encode(), "Billogram-Request-Timestamp": timestamp.encode()}
        assert shop.ask("POST", WEBHOOKS, content=body, headers=headers).status_code == 401
    assert shop.ask("POST", WEBHOOKS, content=body).status_code == 401
    assert shop.order()["events"] == ["BillogramCreated", "BillogramSent"]


def test_a_webhook_that_could_not_be_worked_on_comes_again(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    billogram.webhooks.wait("BillogramSent")
    billogram.control(
        "POST", "/faults", {"operation": "GET /billogram/{id}", "fail": "status:503", "times": 2}
    )
    billogram.pay(order["billogram"], 125)
    billogram.webhooks.wait("Payment", status=503)
    assert shop.order()["status"] == "open"
    billogram.clock.advance("1m")
    assert billogram.webhooks.wait("BillogramEnded").status_code == 200
    order = shop.order()
    assert (order["status"], order["received"]) == ("paid", 125)


@pytest.mark.parametrize("length", [10, 2 * 1024 * 1024])
def test_what_is_no_webhook(billogram: BillogramAccount, shop: Shop, length: int) -> None:
    body, now = b"x" * length, f"{time.time():.6f}"
    signed = signature(billogram.sign_key, now, body)
    headers = {"Billogram-Signature": signed, "Billogram-Request-Timestamp": now}
    answer = shop.ask("POST", WEBHOOKS, content=body, headers=headers)
    assert answer.status_code == (400 if length == 10 else 413)
