"""Webhooks under each of pytest-django's ways to reach the database."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from freezegun import freeze_time

from billing.models import Invoice, Seen
from billing.wsgi import application
from mockserver import BillogramAccount

PATH = "/hooks/billogram/"
Sell = Callable[[], Invoice]


@pytest.mark.django_db
def test_in_the_transaction_of_the_test(billogram: BillogramAccount, sell: Sell) -> None:
    """With `db` the view runs on the test's own thread, so it finds the invoice."""
    billogram.deliver_to(application, PATH)
    invoice = sell()
    billogram.pay(invoice.billogram, 100)
    assert billogram.webhooks.wait("Payment").status_code == 200
    invoice.refresh_from_db()
    assert invoice.received == 100
    billogram.webhooks.none("BillogramEnded")


@pytest.mark.django_db
def test_that_transaction_is_rolled_back(billogram: BillogramAccount) -> None:
    assert Invoice.objects.count() == Seen.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_with_transactions_that_are_committed(billogram: BillogramAccount, sell: Sell) -> None:
    """With `transactional_db` the view runs on a thread of its own, as it does in production."""
    billogram.deliver_to(application, PATH)
    invoice = sell()
    billogram.pay(invoice.billogram, 125)
    billogram.webhooks.wait("BillogramEnded")
    invoice.refresh_from_db()
    assert invoice.received == 125


def test_with_the_live_server(billogram: BillogramAccount, live_server, sell: Sell) -> None:
    """The webhooks go over HTTP; the fixture sees them all the same."""
    callbacks = {"url": f"{live_server.url}{PATH}", "sign_key": billogram.sign_key}
    billogram.control("PUT", "/callbacks", callbacks)
    invoice = sell()
    billogram.pay(invoice.billogram, 125)
    assert billogram.webhooks.wait("Payment").signature_ok
    assert billogram.settle()
    invoice.refresh_from_db()
    assert invoice.received == 125


@pytest.mark.django_db
def test_at_the_host_of_production(billogram: BillogramAccount, sell: Sell) -> None:
    billogram.deliver_to(application, PATH, host="billing.example")
    sell()
    assert billogram.webhooks.wait("BillogramSent").accepted


@pytest.mark.django_db
@pytest.mark.billogram(allow_failed_webhooks=True)
def test_what_is_refused(billogram: BillogramAccount, sell: Sell) -> None:
    billogram.deliver_to(application, PATH)
    billogram.control("PUT", "/delivery-policy", {"signature": "bad"})
    invoice = sell()
    billogram.pay(invoice.billogram, 125)
    billogram.webhooks.wait("Payment", status=401)
    invoice.refresh_from_db()
    assert invoice.received == 0


@pytest.mark.django_db
def test_a_payment_that_comes_twice(billogram: BillogramAccount, sell: Sell) -> None:
    billogram.deliver_to(application, PATH)
    billogram.control("PUT", "/delivery-policy", {"duplicate": 1})
    invoice = sell()
    billogram.pay(invoice.billogram, 125)
    billogram.webhooks.wait("Payment", count=2)
    invoice.refresh_from_db()
    assert invoice.received == 125


@pytest.mark.django_db
@pytest.mark.billogram_orders(max=4)
def test_in_every_order(billogram: BillogramAccount, sell: Sell) -> None:
    billogram.deliver_to(application, PATH)
    invoice = sell()
    billogram.pay(invoice.billogram, 100)
    billogram.pay(invoice.billogram, 25)
    billogram.webhooks.wait("BillogramEnded")
    invoice.refresh_from_db()
    assert invoice.received == 125


@pytest.mark.django_db
def test_while_the_time_is_frozen(billogram: BillogramAccount, sell: Sell) -> None:
    with freeze_time(billogram.clock.now) as frozen:
        billogram.deliver_to(application, PATH)
        invoice = sell()
        assert billogram.settle()
        frozen.tick(timedelta(days=20))
        billogram.clock.advance("20d")
        billogram.pay(invoice.billogram, 125)
        assert billogram.webhooks.wait("Payment").accepted
        assert billogram.settle(), "nothing is on its way when the time thaws"
