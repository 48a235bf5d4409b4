"""Billing tabs (reference: api 11, behaviour 6.7, 9.1, webhooks 8.3)."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.server import ACCOUNT, KEY, Answer, Server

MOCK = f"/accounts/{ACCOUNT}"
TAB = "/customer/24/billing-tab"
HEADER = "X-API-Deduplication-ID"
ROW = {"title": "Subscription", "price": 100, "vat": 25}
ABSENT = "7e0c8c1a-3f4e-4c56-9a0e-6a1d1f9d2b10"


@pytest.fixture
def tabbed(server: Server) -> Server:
    """An account with the customer 24, who has an e-mail address and no postal one, and with an inbox."""
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": {"url": "mock:inbox"}})
    body = {"customer_no": 24, "name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    assert server.post("/customer", body).status == 200
    return server


def add(server: Server, key: str | None, item: Any = ROW, tab: str = TAB, **more: Any) -> Answer:
    """Add a row. Without a key the header is not sent."""
    headers = {} if key is None else {HEADER: key}
    return server.post(f"{tab}/items", {"billogram_item": item} | more, headers=headers)


def added(server: Server, key: str, item: Any = ROW, tab: str = TAB) -> Any:
    return add(server, key, item, tab).data


def settings(server: Server, tab: str = TAB, **members: Any) -> Answer:
    return server.post(f"{tab}/settings", members)


def advance(server: Server, to: str) -> Any:
    """Move the clock to a local time, such as `2026-03-31 06:00`."""
    zone = "+01:00" if to < "2026-03-29" or to > "2026-10-25" else "+02:00"
    answer = server.mock("POST", f"{MOCK}/clock/advance", {"to": f"{to.replace(' ', 'T')}:00{zone}"})
    assert answer.status == 200, answer.body
    return answer.json


def date_of(server: Server, tab: str = TAB) -> str:
    found: str = server.get(tab).data["billing_tab"]["billing_date"]
    return found


def inbox(server: Server) -> list[Any]:
    """The callbacks that were received, in order."""
    server.mock("POST", f"{MOCK}/deliveries/wait", {"idle": True})
    return [each["json"] for each in server.mock("GET", f"{MOCK}/inbox?limit=1000").json]


def events(server: Server) -> list[tuple[str, str]]:
    """Type and state of each event that the inbox has received."""
    return [
        (each["event"]["type"], each["billogram"]["state"])
        for each in inbox(server)
        if each["callback_type"] == "BillogramEvent"
    ]


def billograms(server: Server) -> list[Any]:
    listed = server.get("/billogram?page=1&page_size=100").data
    return [server.get(f"/billogram/{each['id']}").data for each in listed]


def test_a_billing_tab_over_three_months(tabbed: Server) -> None:
    """Reference: behaviour 9.1."""
    server = tabbed
    frequency = {"billing_frequency": "monthly#31", "delivery_method": "Email"}
    answer = server.post(f"{TAB}/settings", frequency)
    assert answer.json == {
        "status": "OK",
        "data": {"delivery_method": "Email", "billing_frequency": "monthly#31"},
    }
    assert server.get(TAB).status == 404

    first = add(server, "k1")
    tab1, row1 = first.data["billing_tab_id"], first.data["item_id"]
    assert UUID(tab1).version == UUID(row1).version == 4
    shown = {"title": "Subscription", "price": 100, "vat": 25, "count": 1, "unit": "unit"}
    created = "2026-03-02T09:00:00.000000Z"
    assert first.data == {
        "billing_tab_id": tab1, "item_id": row1, "created_at": created, "billogram_item": shown,
    }  # fmt: skip
    assert add(server, "k1").body == first.body
    refused = add(server, "k1", ROW | {"price": 90})
    assert (refused.status, refused.error) == (
        409,
        (
            "INVALID_PARAMETER",
            {"message": f"{HEADER} already used", "field": HEADER, "field_path": None},
        ),
    )
    item = {"item_id": row1, "created_at": created, "billogram_item": shown}
    assert server.get(TAB).json == {
        "status": "OK",
        "data": {
            "customer": {"customer_number": "24"},
            "billing_tab": {"id": tab1, "billing_date": "2026-03-31"},
            "items": [item],
        },
    }

    advance(server, "2026-03-10 10:00")
    second = added(server, "k2", {"title": "Extra", "price": 40, "vat": 25, "count": 2})
    assert second["billing_tab_id"] == tab1
    assert inbox(server) == []

    advance(server, "2026-03-31 06:00")
    assert events(server) == [("BillogramCreated", "Unattested"), ("BillogramSent", "Sending")]
    assert {each["event"]["created_at"] for each in inbox(server)} == {"2026-03-31 04:00:00"}
    (made,) = billograms(server)
    assert [each["title"] for each in made["items"]] == ["Subscription", "Extra"]
    assert (made["invoice_date"], made["due_date"]) == ("2026-03-31", "2026-04-30")
    assert (made["detailed_sums"]["net_sum"], made["total_sum"]) == (180, Decimal("225.0"))
    assert (made["invoice_no"], made["delivery_method"], made["currency"]) == (1, "Email", "SEK")

    assert server.get(TAB).status == 404
    closed = server.get(f"{TAB}/{tab1}").data
    assert closed["billing_tab"] == {"id": tab1, "billing_date": "2026-03-31"}
    assert [each["item_id"] for each in closed["items"]] == [row1, second["item_id"]]
    refused = server.call("DELETE", f"{TAB}/item/{row1}")
    invoiced = ("INVALID_OBJECT_STATE", {"message": "billing tab is invoiced already"})
    assert (refused.status, refused.error) == (400, invoiced)

    advance(server, "2026-04-02 10:00")
    third = added(server, "k3")
    tab2, row3 = third["billing_tab_id"], third["item_id"]
    assert tab2 != tab1
    assert date_of(server) == "2026-04-30"
    advance(server, "2026-04-10 10:00")
    assert server.call("PUT", "/customer/24", {"contact": {"email": ""}}).status == 200

    advance(server, "2026-04-30 06:00")
    assert len(billograms(server)) == 1
    refused_run = inbox(server)[-1]
    del refused_run["callback_id"]
    assert refused_run == {
        "callback_timestamp": "2026-04-30T04:00:00.000000Z",
        "callback_type": "BillingTab",
        "billing_tab": {"customer_number": "24", "id": tab2},
        "event": {
            "type": "BillogramCreationError",
            "response": {
                "status": "INVALID_PARAMETER",
                "data": {"message": "invalid delivery method, email missing"},
            },
        },
    }
    kept = server.get(TAB).data
    assert kept["billing_tab"] == {"id": tab2, "billing_date": "2026-05-31"}
    assert [each["item_id"] for each in kept["items"]] == [row3]

    advance(server, "2026-05-04 10:00")
    answer = server.call("PUT", f"{TAB}/settings", {"billing_frequency": "weekly#5"})
    assert answer.data == {"delivery_method": "Email", "billing_frequency": "weekly#5"}
    assert date_of(server) == "2026-05-08"
    advance(server, "2026-05-05 10:00")
    server.call("PUT", "/customer/24", {"contact": {"email": "contact@example.com"}})

    before = len(inbox(server))
    advance(server, "2026-05-08 06:00")
    told = [each["event"]["type"] for each in inbox(server)[before:]]
    assert told[-2:] == ["BillogramCreated", "BillogramSent"]
    assert [(each["invoice_no"], each["total_sum"]) for each in billograms(server)] == [(1, 225), (2, 125)]
    assert server.get(TAB).status == 404

    advance(server, "2026-05-11 10:00")
    mistake = add(server, "k4", {"title": "Mistake", "price": 1})
    tab3, row4 = mistake.data["billing_tab_id"], mistake.data["item_id"]
    assert mistake.data["billogram_item"] == {"title": "Mistake", "price": 1, "count": 1, "unit": "unit"}
    assert date_of(server) == "2026-05-15"
    removed = server.call("DELETE", f"{TAB}/item/{row4}")
    assert (removed.status, removed.body) == (204, b"")
    assert server.get(TAB).data["items"] == []
    assert add(server, "k4", {"title": "Mistake", "price": 1}).body == mistake.body
    assert server.get(TAB).data["items"] == []

    before = len(inbox(server))
    advance(server, "2026-05-15 06:00")
    assert [each["event"]["type"] for each in inbox(server)[before:]] == []
    assert date_of(server) == "2026-05-22"
    assert len(billograms(server)) == 2

    advance(server, "2026-05-18 10:00")
    assert [server.call("DELETE", f"{TAB}/{each}").status for each in (tab3, "settings")] == [204, 204]
    assert [server.get(f"{TAB}{each}").status for each in ("", "/settings")] == [404, 404]
    assert server.fold().image() == server.image()
