"""The recorded answers: the same act gives the same keys at every level and the same form of numbers.

What differs is named, with the reason (reference: recorded/INDEX).
"""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.server import Answer, Server

RECORDED = Path(__file__).parent.parent / "recorded"
ITEM_25 = {"item_no": 25, "title": "cc", "description": "cc", "price": 12.0, "vat": 12, "unit": "hour"}
CUSTOMER = {
    "customer_no": 23, "name": "Test Customer AB", "org_no": "556000-4615", "vat_no": "SE556000461501",
    "contact": {"name": "Test", "email": "customer@example.com", "phone": "0700000000"},
    "address": {
        "street_address": "Testgatan 1", "careof": "c/o Test", "zipcode": "111 22", "city": "Stockholm",
    },
}  # fmt: skip
ROW_25 = {"item_no": 25, "count": 5, "discount": 0}

ADDRESS_2026 = {
    "address_line_1", "address_line_2", "address_line_3", "administrative_area", "dependent_locality",
    "organization", "sorting_code", "use_careof_as_attention", "attention", "country", "careof", "zipcode",
    "city", "name", "street_address",
}  # fmt: skip
# keys that ours has beside the recorded ones: newer documentation [D], newer clients [C], or ours [A]
NEWER = {
    "creditor_unique_value": "since 2020 [C]",
    "respite_date": "of the command respite [C]",
    "recipient_url": "[C]",
    "contract": "2026 [D]",
    "show_item_gross_prices": "[C]",
    "pdf": "[C]",
    "sales_accepted": "[C]",
    "event_uuid": "newer payloads carry it [D]",
    "use_default_settings": "2026 [D]",
    "permanent_establishment_address": "2026 [D]",
    "delivery_address": "in the copy since 2026 [D]",
    "letter_forwarding_enabled": "2026 [D]",
    "payment_settings": "2026 [D]",
    "edi": "[C]",
    "links": "2026 [D]",
    "language": "2026 [D]",
    "zero_vat_reason": "2026 [D]",
    "zero_vat_reason_reference": "2026 [D]",
    "external_id": "billing tab [D], rows [A]",
    "rotavdrag_description_of_property": "since 2018 [C]",
    "rotavdrag_apartment_designation": "since 2018 [C]",
    "rotavdrag_housing_association_org_no": "since 2018 [C]",
}


def load(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(), parse_float=Decimal)


def fill(server: Server) -> None:
    server.post("/customer", CUSTOMER)
    server.post("/item", ITEM_25)


def create_draft(server: Server) -> Answer:
    fill(server)
    return server.post(
        "/billogram", {"customer": {"customer_no": 23}, "items": [ROW_25], "invoice_date": "2013-11-14"}
    )


def update_draft(server: Server) -> Answer:
    server.post("/item", {**ITEM_25, "item_no": 26, "vat": 25})
    key = create_draft(server).data["id"]
    rows = [{**ROW_25}, {"item_no": 26, "count": 2, "discount": 1}]
    return server.call("PUT", f"/billogram/{key}", {"items": rows})


def list_drafts(server: Server) -> Answer:
    create_draft(server)
    return server.get("/billogram?page=1&page_size=100")


def list_sent(server: Server) -> Answer:
    key = create_draft(server).data["id"]
    server.command(key, "send", {"method": "Email"})
    return server.get("/billogram?page=1&page_size=100")


def sent(server: Server) -> Answer:
    key = create_draft(server).data["id"]
    return server.command(key, "send", {"method": "Email"})


def create_customer(server: Server) -> Answer:
    return server.post("/customer", CUSTOMER)


def update_customer(server: Server) -> Answer:
    create_customer(server)
    return server.call("PUT", "/customer/23", {"name": "Test"})


def list_customers(server: Server) -> Answer:
    create_customer(server)
    return server.get("/customer?page=1&page_size=100")


def duplicate(server: Server) -> Answer:
    create_customer(server)
    return server.post("/customer", CUSTOMER)


def create_item(server: Server) -> Answer:
    return server.post("/item", ITEM_25)


def update_item(server: Server) -> Answer:
    create_item(server)
    return server.call("PUT", "/item/25", {"title": "dd"})


def list_items(server: Server) -> Answer:
    create_item(server)
    return server.get("/item?page=1&page_size=100")


def delete_item(server: Server) -> Answer:
    create_item(server)
    return server.call("DELETE", "/item/25")


ACTS: dict[str, Callable[[Server], Answer]] = {
    "billogram-create": create_draft,
    "billogram-update-two-items": update_draft,
    "billogram-list": list_drafts,
    "billogram-list-sent": list_sent,
    "billogram-sent-2013": sent,
    "customer-create": create_customer,
    "customer-update": update_customer,
    "customer-list": list_customers,
    "customer-create-duplicate": duplicate,
    "item-create": create_item,
    "item-update": update_item,
    "item-list": list_items,
    "item-delete": delete_item,
    "item-not-found": lambda server: server.get("/item/6"),
    "report-list-empty": lambda server: server.get("/report?page=1&page_size=100"),
    "report-not-found": lambda server: server.get("/report/ff"),
    "logotype-none": lambda server: server.get("/logotype"),
    "logotype-invalid": lambda server: server.post("/logotype", {"content": "no picture"}),
}
LATER = {"callback-payment-2021"}  # not built yet
SETTINGS = {"settings-new-account", "settings-2021"}  # held in test_settings


def test_every_recording_is_held() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} == {*ACTS, *LATER, *SETTINGS}


@pytest.mark.parametrize("name", ACTS)
def test_the_same_act_has_the_recorded_shape(server: Server, name: str) -> None:
    recorded, ours = load(name), ACTS[name](server).json
    if name == "billogram-sent-2013":
        # documentation: the object alone, numbers written by hand, other values; but its keys are ours
        differences = compare(recorded, ours["data"], name)
        differences = [line for line in differences if line.endswith("recorded, not ours")]
    else:
        differences = compare(recorded, ours, name)
    assert not differences, "\n".join(differences)


def compare(recorded: Any, ours: Any, where: str) -> list[str]:
    """Where keys or forms differ, but for what is named above."""
    if isinstance(recorded, dict):
        if not isinstance(ours, dict):
            return [f"{where}: object recorded, ours {ours!r}"]
        problems = [f"{where}.{key}: recorded, not ours" for key in recorded if key not in ours]
        allowed = {*NEWER, *(ADDRESS_2026 if "address" in where else ())}
        problems += [
            f"{where}.{key}: ours only" for key in ours if key not in recorded and key not in allowed
        ]
        for key in recorded.keys() & ours.keys():
            problems += compare(recorded[key], ours[key], f"{where}.{key}")
        return problems
    if isinstance(recorded, list):
        if not (isinstance(ours, list) and bool(recorded) == bool(ours)):
            return [] if where.endswith((".events", ".flags")) else [f"{where}: {recorded!r}, ours {ours!r}"]
        return compare(recorded[0], ours[0], f"{where}[0]") if recorded else []
    if form(recorded) != form(ours) and where.rpartition(".")[2] not in DIFFERENT_VALUES.get(
        where.split(".")[0], ()
    ):
        return [f"{where}: {recorded!r}, ours {ours!r}"]
    return []


def form(value: Any) -> str:
    return type(value).__name__


# another value, so another form: what the recorded object happened to hold
DIFFERENT_VALUES = {
    "billogram-list-sent": ("invoice_no",),  # it was sold: null while Factoring
    "customer-list": ("updated_at",),  # it had been changed
}
