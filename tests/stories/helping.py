"""What tests of fixtures look at: all that an account shows."""

import json
from typing import Any

from tests.server import Server, basic

PAGE = "page=1&page_size=500"


def everything(server: Server, account: str, key: str = "secret") -> dict[str, bytes]:
    """Every answer that tells something of an account, by its path; PDFs and timeline too."""
    found: dict[str, bytes] = {}
    headers = {"authorization": basic(account, key)}

    def get(path: str) -> Any:
        answer = server.run(server.asgi("GET", path, headers=headers))
        assert answer.status in (200, 204), (path, answer)
        found[path.replace(f"/{account}/", "/…/")] = answer.body
        return json.loads(answer.body) if answer.body else None

    for name in ("settings", f"item?{PAGE}"):
        get(f"/api/v2/{name}")
    for customer in get(f"/api/v2/customer?{PAGE}")["data"]:
        get(f"/api/v2/payment_source?customer_no={customer['customer_no']}")
    for billogram in get(f"/api/v2/billogram?{PAGE}")["data"]:
        whole = get(f"/api/v2/billogram/{billogram['id']}")["data"]
        for event in whole["events"]:
            letter = (event["data"] or {}).get("letter_id")
            if letter is not None:
                get(f"/api/v2/billogram/{billogram['id']}.pdf?letter_id={letter}")
    for name in ("payments", "payment-sources", "outcomes", "agenda", "outbox", "clock", "deliveries"):
        get(f"/_mock/accounts/{account}/{name}")
    get(f"/_mock/accounts/{account}/timeline?limit=10000")
    get(f"/_mock/accounts/{account}")
    return found


def events(server: Server, account: str) -> list[dict[str, Any]]:
    """The events of all billograms of an account."""
    listed = server.get(f"/billogram?{PAGE}", account=account).data
    return [
        {**event, "billogram": each["id"]}
        for each in listed
        for event in server.get(f"/billogram/{each['id']}", account=account).data["events"]
    ]


def states(server: Server, account: str) -> dict[str, list[str]]:
    """The ids of the billograms in each public state."""
    found: dict[str, list[str]] = {}
    for billogram in server.get(f"/billogram?{PAGE}", account=account).data:
        found.setdefault(billogram["state"], []).append(billogram["id"])
    return found
