"""Billing tabs, with what the API does not show (reference: control 1, behaviour 6.7)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, TypedDict, cast

from mockserver.api.billing_tab import render_row
from mockserver.api.customer import find
from mockserver.api.shapes import BillingTabRowShape, Day, Error, Uuid
from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError, unknown
from mockserver.control.paging import QUERY
from mockserver.core.model import BillingTab, CustomerTabs
from mockserver.core.showing import refusal_data
from mockserver.core.state import State
from mockserver.core.tabs import in_force
from mockserver.schema import Form, Schema, one_word, string
from mockserver.wire import sliced

ACTIVE, INVOICED = "active", "invoiced"
STATUSES = (ACTIVE, INVOICED)
LIST_QUERY: dict[str, Schema] = {"customer": string(minimum=1), "status": one_word(STATUSES), **QUERY}


class TabShape(TypedDict):
    """A billing tab. `items` is the number of its rows, `refusal` the answer to its last run if it failed.

    Frequency and method are those that the customer has now, or else the account.
    """

    id: Uuid
    customer_no: int
    status: Annotated[str, Form(one_word(STATUSES))]
    opened_at: Shown
    billing_date: Day
    billing_frequency: str
    delivery_method: str
    items: int
    billogram: str | None
    refusal: Error | None


class OneTabShape(TypedDict):
    """A billing tab with its rows as the API shows them."""

    id: Uuid
    customer_no: int
    status: Annotated[str, Form(one_word(STATUSES))]
    opened_at: Shown
    billing_date: Day
    billing_frequency: str
    delivery_method: str
    items: list[BillingTabRowShape]
    billogram: str | None
    refusal: Error | None


async def listing(call: ControlCall) -> Answer:
    """`GET …/tabs?customer=&status=`: lists the billing tabs, active and invoiced."""
    live = await call.live()
    number, status = call.query("customer"), call.query("status")
    if status not in (None, *STATUSES):
        raise ControlError(400, "invalid_query", "unknown status", f"known: {', '.join(STATUSES)}")

    def view(state: State) -> list[str]:
        if number is None:
            return list(state.tabs)  # after a start they are packed: only those of the page are read
        found: CustomerTabs | None = state.customer_tabs.get(find(state, number).number)
        return [] if found is None else list(found.tabs)

    def fits(key: str) -> bool:
        tab = live.state.tabs.get(key)
        return tab is not None and not tab.deleted and status in (None, _status(tab))

    keys = await call.emulator.read(live, view)
    rows: list[TabShape] = []
    async for part in sliced(await call.page().of(keys, lambda key: key, fits)):
        rows += await call.emulator.read(live, partial(_shown, part))
    return Answer(rows)


async def fetch(call: ControlCall) -> Answer:
    """`GET …/tabs/{id}`: one billing tab, with its rows."""
    live = await call.live()
    key = call.params["id"]

    def view(state: State) -> OneTabShape:
        tab = state.tabs.get(key.lower())
        if tab is None or tab.deleted:
            raise unknown("tab", key, "GET …/tabs")
        shown = _render(tab, state)
        items = [render_row(row) for row in state.rows_of(tab.id)]
        return cast("OneTabShape", shown | {"items": items})

    return Answer(await call.emulator.read(live, view))


def _shown(keys: Sequence[str], state: State) -> list[TabShape]:
    return [_render(tab, state) for key in keys if (tab := state.tabs.get(key)) is not None]


def _render(tab: BillingTab, state: State) -> TabShape:
    refusal = tab.refusal
    frequency, method = in_force(state.customer_tabs[tab.owner])
    why: Error | None = None
    if refusal is not None:
        data: Any = refusal_data(refusal.message, refusal.field, refusal.path)
        why = {"status": refusal.status, "data": data}
    return {
        "id": tab.id,
        "customer_no": tab.customer_no,
        "status": _status(tab),
        "opened_at": format_moment(tab.opened_at, state.account.timezone),
        "billing_date": tab.billing_date.isoformat(),
        "billing_frequency": frequency,
        "delivery_method": method,
        "items": len(state.rows_of(tab.id)),
        "billogram": tab.billogram,
        "refusal": why,
    }


def _status(tab: BillingTab) -> str:
    return ACTIVE if tab.active else INVOICED
