"""What hardly ever happens. The report of coverage showed that no other test tries it."""

from conftest import Shop

from mockserver import BillogramAccount


def test_a_collection_agency_collects_the_money(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    billogram.clock.advance("60d")
    billogram.http.post(f"/billogram/{order['billogram']}/command/collect", json={})
    billogram.simulate(order["billogram"], "collector-payment", amount=50)
    billogram.webhooks.wait("CollectorPayment")
    assert shop.order()["received"] == 50


def test_a_recall_that_could_not_be_worked_on_comes_again(billogram: BillogramAccount, shop: Shop) -> None:
    order = shop.buy()
    payment = billogram.pay(order["billogram"], 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.webhooks.wait("BillogramEnded")
    billogram.fault("status:503", "GET /billogram/{id}", times=1)
    billogram.recall(payment, type="refund")
    billogram.webhooks.wait("PaymentRecalled", status=503)
    billogram.clock.advance("1m")
    assert billogram.webhooks.wait("PaymentRecalled").status_code == 200
    order = shop.order()
    assert (order["status"], order["received"]) == ("open", 0)
