"""Customers, as the API shows them and with what it does not show (reference: control 1)."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TypedDict, cast

from mockserver.api.customer import find, render_customer
from mockserver.api.shapes import CustomerShape
from mockserver.control.bank import SourceShape, render_source
from mockserver.control.call import Answer, ControlCall
from mockserver.control.paging import QUERY, Page
from mockserver.core.model import Customer
from mockserver.core.showing import as_number
from mockserver.core.state import State
from mockserver.emulator import Emulator, LiveAccount
from mockserver.schema import Schema, string
from mockserver.wire import sliced

LIST_QUERY: dict[str, Schema] = {"search": string(minimum=1), **QUERY}


class CustomerInternalShape(TypedDict):
    """What the API does not show: how many billograms there are, what remains of them, and the mandates."""

    billograms: int
    remaining_sum: int | Decimal
    payment_sources: list[SourceShape]


class InspectedCustomerShape(CustomerShape):
    """A customer as the API shows it, and what the API does not show."""

    internal: CustomerInternalShape


async def listing(call: ControlCall) -> Answer:
    """`GET …/customers?search=`: lists customers, by number.

    `search` finds words in number and name. Without `before` and `after` the last ones are shown.
    """
    live = await call.live()
    return Answer(await list_customers(call.emulator, live, call.query("search"), call.page()))


async def fetch(call: ControlCall) -> Answer:
    """`GET …/customers/{no}`: one customer."""
    live = await call.live()
    number = call.params["no"]
    return Answer(await call.emulator.read(live, lambda state: inspect_customer(state, find(state, number))))


async def list_customers(
    emulator: Emulator, live: LiveAccount, search: str | None, page: Page
) -> list[InspectedCustomerShape]:
    """Return a page of the customers that match, by number; `before` and `after` are numbers.

    Raises ControlError if `before` or `after` of the page is no customer.
    """
    words = [] if search is None else search.casefold().split()
    rows: list[InspectedCustomerShape] = []

    def fits(each: Customer) -> bool:
        text = f"{each.customer_no}\n{each.name}".casefold()
        return all(word in text for word in words)

    customers = await emulator.read(
        live, lambda state: [state.customers[number] for number in state.customer_order]
    )
    found = await page.of(customers, lambda each: str(each.customer_no), fits if words else None)
    async for part in sliced(found):
        rows += await emulator.read(live, partial(_inspected, part))
    return rows


def _inspected(part: Sequence[Customer], state: State) -> list[InspectedCustomerShape]:
    return [inspect_customer(state, each) for each in part]


def inspect_customer(state: State, customer: Customer) -> InspectedCustomerShape:
    """Render a customer as the API shows it, and what the API does not show."""
    bucket = state.bucket_of_customer(customer.customer_no)
    timezone = state.account.timezone
    internal: CustomerInternalShape = {
        "billograms": len(bucket.order),
        "remaining_sum": as_number(bucket.remaining),
        "payment_sources": [render_source(each, timezone) for each in state.sources_of(customer.customer_no)],
    }
    return cast("InspectedCustomerShape", render_customer(customer) | {"internal": internal})
