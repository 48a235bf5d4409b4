"""Orders that are paid, or not: what the shop makes of what happens at Billogram and at the bank."""

import pytest
from conftest import Shop

from mockserver import BillogramAccount


def test_an_order_is_invoiced_and_paid(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    assert (order["status"], order["delivery"], order["remaining"]) == ("open", "waiting", 125)
    assert shop.ask("POST", "/orders/1/ship").status_code == 409
    billogram.pay(order["billogram"], 125)
    billogram.webhooks.wait("BillogramEnded")
    order = shop.order()
    assert (order["status"], order["delivery"], order["remaining"]) == ("paid", "released", 0)
    assert order["events"] == ["BillogramCreated", "BillogramSent", "Payment", "BillogramEnded"]
    assert shop.ask("POST", "/orders/1/ship").json()["delivery"] == "shipped"


@pytest.mark.parametrize(
    "wrong", [{"price": 10.001}, {"count": 0}, {"price": -1}, {"price": "free"}, {"title": ""}]
)
def test_what_is_no_order(billogram: BillogramAccount, shop: Shop, wrong: dict[str, object]) -> None:
    items = [{"title": "Shovel", "count": 1, "price": 100, **wrong}]
    order = {"name": "Test Customer AB", "email": "contact@example.com", "items": items}
    expected = 422 if "title" in wrong else 400  # Billogram refuses it, or the shop itself
    assert shop.ask("POST", "/orders", json=order).status_code == expected
    billogram.webhooks.none()


def test_paid_in_parts(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    billogram.pay(order["billogram"], 50)
    billogram.webhooks.wait("Payment")
    order = shop.order()
    assert (order["status"], order["received"], order["remaining"]) == ("open", 50, 75)
    billogram.pay(order["billogram"], 75)
    billogram.webhooks.wait("BillogramEnded")
    order = shop.order()
    assert (order["status"], order["received"], order["remaining"]) == ("paid", 125, 0)


@pytest.mark.parametrize(("amount", "to_pay_back"), [(130, 0), (200, 75)])
def test_paid_too_much(billogram: BillogramAccount, shop: Shop, amount: int, to_pay_back: int) -> None:
    order = shop.buy()
    billogram.pay(order["billogram"], amount)
    billogram.webhooks.wait("BillogramEnded")
    order = shop.order()
    assert (order["status"], order["received"], order["to_pay_back"]) == ("paid", 125, to_pay_back)
    billogram.assert_reconciled(shop.books.rows())


def test_a_credit_in_part_and_in_full(billogram: BillogramAccount, shop: Shop) -> None:
    shop.buy()
    shop.ask("POST", "/orders/1/credit", json={"amount": 25})
    billogram.webhooks.wait("Credit")
    order = shop.order()
    assert (order["status"], order["credited"], order["remaining"]) == ("open", 25, 100)
    shop.ask("POST", "/orders/1/credit")
    billogram.webhooks.wait("BillogramEnded")
    order = shop.order()
    assert (order["status"], order["credited"], order["remaining"]) == ("credited", 125, 0)
    assert shop.ask("POST", "/orders/1/credit").status_code == 422


def test_a_credit_of_what_was_paid(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    billogram.pay(order["billogram"], 125)
    billogram.webhooks.wait("BillogramEnded")
    shop.ask("POST", "/orders/1/credit")
    billogram.webhooks.wait("OverpaymentCustomerLiability")
    order = shop.order()
    assert (order["status"], order["delivery"], order["to_pay_back"]) == ("credited", "stopped", 125)
    billogram.assert_reconciled(shop.books.rows())


def test_a_payment_is_recalled(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    payment = billogram.pay(order["billogram"], 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.webhooks.wait("BillogramEnded")
    assert shop.order()["delivery"] == "released"
    billogram.clock.advance("20d")
    billogram.recall(payment, type="refund", code="MD06")
    billogram.webhooks.wait("PaymentRecalled")
    order = shop.order()
    assert (order["status"], order["received"], order["remaining"]) == ("open", 0, 125)
    assert order["delivery"] == "stopped"
    assert shop.ask("POST", "/orders/1/ship").status_code == 409
    billogram.pay(order["billogram"], 125)
    billogram.webhooks.wait("BillogramEnded", count=2)
    assert shop.order()["delivery"] == "released"


def test_what_has_been_shipped_is_not_called_back(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    payment = billogram.pay(order["billogram"], 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.webhooks.wait("BillogramEnded")
    shop.ask("POST", "/orders/1/ship")
    billogram.recall(payment, type="refund", amount=25)
    billogram.webhooks.wait("PaymentRecalled")
    order = shop.order()
    assert (order["status"], order["delivery"]) == ("open", "shipped")
    assert (order["received"], order["remaining"]) == (100, 25)


@pytest.mark.billogram_orders(max=12)
def test_paid_recalled_and_paid_again(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    payment = billogram.pay(order["billogram"], 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.recall(payment, type="refund")
    billogram.pay(order["billogram"], 200)
    assert billogram.settle()
    order = shop.order()
    assert (order["status"], order["delivery"], order["remaining"]) == ("paid", "released", 0)
    assert (order["received"], order["to_pay_back"]) == (125, 75)
    billogram.assert_reconciled(shop.books.rows())


def test_a_reminder_costs_a_fee(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    billogram.clock.advance("31d")
    billogram.http.post(f"/billogram/{order['billogram']}/command/remind", json={"method": "Email"})
    billogram.webhooks.wait("ReminderSent")
    order = shop.order()
    assert (order["status"], order["remaining"]) == ("open", 185.03), "60 for the reminder, a day of interest"
    assert {"Overdue", "InterestStarted", "ReminderSent"} < set(order["events"])
    billogram.assert_reconciled(shop.books.rows())


def test_the_books_are_those_of_billogram(billogram: BillogramAccount, shop: Shop) -> None:
    paid, parts, recalled, *_ = (shop.buy(price)["billogram"] for price in (80, 100, 120, 40, 8))
    billogram.pay(paid, 100)
    billogram.pay(parts, 25)
    payment = billogram.pay(recalled, 150, scheme="SEPA_DIRECT_DEBIT")
    shop.ask("POST", "/orders/4/credit")
    billogram.clock.advance("1d")
    billogram.recall(payment, type="refund", amount=50)
    billogram.clock.advance("40d")
    assert billogram.settle()
    billogram.assert_reconciled(shop.books.rows())
    statuses = [each["status"] for each in shop.ask("GET", "/orders").json()]
    assert statuses == ["paid", "open", "open", "credited", "open"]
