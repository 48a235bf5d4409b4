"""Resource `billing-tab` of a customer (reference: api 11).

Order of checks [A]: path, customer, header, body, deduplication, tab or row, state.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from msgspec import Raw, json

from mockserver.api import customer
from mockserver.api.call import Call, answer
from mockserver.api.inputs import read_input
from mockserver.api.shapes import BillingTabRowShape, BillingTabSettingsShape
from mockserver.core import tabs
from mockserver.core.act import Act
from mockserver.core.inputs import BillingTabItemFields, BillingTabSettingsFields
from mockserver.core.model import BillingTab, Customer, CustomerTabs, TabRow, TabSettings
from mockserver.core.refusal import InvalidParameter, invalid, no_object
from mockserver.core.showing import as_number
from mockserver.core.state import State
from mockserver.core.tabs import KEY
from mockserver.schema import string
from mockserver.wire import encode, encode_rows

EXAMPLE = {
    "billogram_item": {
        "title": "Test subscription",
        "description": "Basic plan",
        "price": 29.99,
        "count": 1,
        "unit": "month",
        "vat": 25,
    }
}
SETTINGS = {"billing_frequency": "monthly#20", "delivery_method": "Email"}
MAX_KEY = 36  # characters [D]
HEADERS = {KEY: string(MAX_KEY, 1, examples=["7e0c8c1a-3f4e-4c56-9a0e-6a1d1f9d2b10"])}
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_canonical = json.Encoder(order="sorted", decimal_format="number")


async def fetch_active(call: Call) -> bytes:
    """`GET …/billing-tab`: the active tab of a customer."""

    def view(state: State) -> tuple[BillingTab, list[TabRow]]:
        owner = _customer(state, call)
        found: CustomerTabs | None = state.customer_tabs.get(owner.number)
        if found is None or found.active is None:
            raise no_object(call.params["customer_no"])
        return state.tabs[found.active], state.rows_of(found.active)

    return await _shown(*await call.read(view))


async def fetch(call: Call) -> bytes:
    """`GET …/billing-tab/{billing_tab_id}`: a tab of a customer, also one that is invoiced."""

    def view(state: State) -> tuple[BillingTab, list[TabRow]]:
        tab = tabs.find(state, _customer(state, call), call.params["billing_tab_id"])
        return tab, state.rows_of(tab.id)

    return await _shown(*await call.read(view))


async def _shown(tab: BillingTab, rows: list[TabRow]) -> bytes:
    items = await encode_rows(rows, render_row)
    return answer(
        {
            "customer": {"customer_number": str(tab.customer_no)},  # a string [D]
            "billing_tab": {"id": tab.id, "billing_date": tab.billing_date.isoformat()},
            "items": Raw(items),
        }
    )


def render_row(row: TabRow) -> BillingTabRowShape:
    """A row of a tab as the API shows it."""
    created_at = row.created_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    item: Any = Raw(row.shown.encode())
    return {"item_id": row.id, "created_at": created_at, "billogram_item": item}


async def delete(call: Call) -> bytes:
    """`DELETE …/billing-tab/{billing_tab_id}`: discards a tab with its rows."""

    def decide(act: Act) -> None:
        tabs.delete(act, tabs.find(act, _customer(act.state, call), call.params["billing_tab_id"]))

    await call.execute(decide, rule="tab.delete")
    return b""


async def add_item(call: Call) -> bytes:
    """`POST …/billing-tab/items`: adds a row to the active tab; the first row opens one.

    The same key with the same body is answered with the first answer, and adds nothing.
    """
    found: list[TabRow] = []

    def decide(act: Act) -> None:
        owner = _customer(act.state, call)
        key = _key(call)
        sent = call.json()
        given = read_input(BillingTabItemFields, sent).billogram_item
        item = tabs.item_of(act, given)
        body = _digest(sent["billogram_item"])  # there is no other member
        row = tabs.repeated(act, owner, key, body)
        if row is None:
            shown = {name: value for name, value in sent["billogram_item"].items() if value is not None}
            if given.count is None:
                shown["count"] = item.count
            if given.unit is None and item.unit is not None:
                shown["unit"] = item.unit
            row = tabs.add_row(act, owner, item, shown=encode(shown).decode(), key=key, body=body)
        found.append(row)

    await call.execute(decide, rule="tab.item")
    return _item_answer(found[-1])


def _item_answer(row: TabRow) -> bytes:
    return answer({"billing_tab_id": row.tab, **render_row(row)})


def _key(call: Call) -> str:
    """The deduplication key of a request."""
    key = call.header(KEY)
    if not key:
        raise InvalidParameter(f"{KEY} not set", rule="deduplication.key", field=KEY, path=None)
    if not key.isprintable() or "\ufffd" in key:
        raise InvalidParameter(f"invalid {KEY}", rule="deduplication.key", field=KEY, path=None)
    if len(key) > MAX_KEY:
        raise InvalidParameter(
            f"{KEY} too long, maximum {MAX_KEY} characters",
            rule="deduplication.key",
            field=KEY,
            path=None,
            maximum=MAX_KEY,
        )
    return key


def _digest(sent: Any) -> str:
    """A digest that is the same for equal JSON: the order of members and the form of numbers do not count."""
    return blake2b(_canonical.encode(_plain(sent)), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return as_number(value) if isinstance(value, Decimal) else value


async def fetch_item(call: Call) -> bytes:
    """`GET …/billing-tab/item/{billing_tab_item_id}`: one row of a tab, also of one that is invoiced."""

    def view(state: State) -> TabRow:
        return tabs.find_row(state, _customer(state, call), call.params["billing_tab_item_id"])

    return _item_answer(await call.read(view))


async def delete_item(call: Call) -> bytes:
    """`DELETE …/billing-tab/item/{billing_tab_item_id}`: removes a row. The last one leaves an empty tab."""

    def decide(act: Act) -> None:
        owner = _customer(act.state, call)
        tabs.delete_row(act, tabs.find_row(act, owner, call.params["billing_tab_item_id"]))

    await call.execute(decide, rule="tab.item_delete")
    return b""


async def fetch_settings(call: Call) -> bytes:
    """`GET …/billing-tab/settings`: the settings of a customer's tab."""

    def view(state: State) -> TabSettings:
        found: CustomerTabs | None = state.customer_tabs.get(_customer(state, call).number)
        if found is None or found.settings is None:
            raise no_object(call.params["customer_no"])
        return found.settings

    return answer(_render_settings(await call.read(view)))


async def store_settings(call: Call) -> bytes:
    """`PUT` or `POST …/billing-tab/settings`: creates or changes the settings; null follows the account."""
    found: list[TabSettings] = []

    def decide(act: Act) -> None:
        owner = _customer(act.state, call)
        given = read_input(BillingTabSettingsFields, call.json())
        found.append(tabs.change_settings(act, owner, given))

    await call.execute(decide, rule="tab.settings")
    return answer(_render_settings(found[-1]))


def _render_settings(settings: TabSettings) -> BillingTabSettingsShape:
    return {
        "delivery_method": settings.delivery_method,
        "billing_frequency": settings.billing_frequency,
    }


async def delete_settings(call: Call) -> bytes:
    """`DELETE …/billing-tab/settings`: removes the settings, so that the account's defaults count."""

    def decide(act: Act) -> None:
        tabs.delete_settings(act, _customer(act.state, call))

    await call.execute(decide, rule="tab.settings")
    return b""


def _customer(state: State, call: Call) -> Customer:
    """The customer of a path, after all its parameters were checked."""
    for name in _wrong(call.params):
        raise invalid(name, rule="tab.path")
    return customer.find(state, call.params["customer_no"])


def _wrong(params: dict[str, str]) -> Iterator[str]:
    """The parameters of a path that are not in their form [D]: unlike those of the other resources."""
    for name, text in params.items():
        if name == "customer_no":
            right = text.isascii() and text.isdigit() and bool(text.strip("0"))
        else:
            right = _UUID.fullmatch(text) is not None
        if not right:
            yield name
