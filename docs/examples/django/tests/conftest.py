"""What the tests share."""

from collections.abc import Callable

import pytest

from billing.models import Invoice
from mockserver import BillogramAccount


@pytest.fixture
def sell(billogram: BillogramAccount) -> Callable[[], Invoice]:
    """Sells something for 125 kronor: sends a billogram, and stores the invoice."""

    def sold() -> Invoice:
        customer = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
        number = billogram.http.post("/customer", json=customer).json()["data"]["customer_no"]
        body = {
            "customer": {"customer_no": number},
            "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25}],
            "on_success": {"command": "send", "method": "Email"},
        }
        sent = billogram.http.post("/billogram", json=body).json()["data"]
        return Invoice.objects.create(billogram=sent["id"])

    return sold
