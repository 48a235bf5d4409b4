"""What the tests of the kit all do to get a billogram."""

from typing import Any

from mockserver import BillogramAccount


def sent(account: BillogramAccount, **more: Any) -> str:
    """The id of a sent billogram over 125 kronor."""
    person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    number = account.http.post("/customer", json=person).json()["data"]["customer_no"]
    body = {
        "customer": {"customer_no": number},
        "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
        **more,
    }
    answer = account.http.post("/billogram", json=body)
    assert answer.status_code == 200, answer.text
    key: str = answer.json()["data"]["id"]
    return key
