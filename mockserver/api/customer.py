"""Resource `customer` (reference: api 2)."""

from typing import Any, cast

from mockserver.api.call import Call, answer
from mockserver.api.inputs import check_read_only, read_input
from mockserver.api.listing import Listed, answer_list, read_query, select
from mockserver.api.rendering import (
    render_address,
    timestamp,
)
from mockserver.api.shapes import CustomerShape
from mockserver.core import register
from mockserver.core.act import Act
from mockserver.core.inputs import CustomerChanges, CustomerFields
from mockserver.core.model import ADDRESS, DELIVERY_ADDRESS, PERMANENT_ADDRESS, Customer
from mockserver.core.refusal import no_object
from mockserver.core.state import State

LISTED: Listed[Customer] = Listed(
    number=lambda each: each.number,
    filters={
        "customer_no": lambda each: each.customer_no,
        "name": lambda each: each.name,
        "notes": lambda each: each.notes,
        "org_no": lambda each: each.org_no,
        "company_type": lambda each: each.company_type,
        "contact:name": lambda each: each.contact.name,
        "contact:email": lambda each: each.contact.email,
        "contact:phone": lambda each: each.contact.phone,
        "address:street_address": lambda each: each.address.street_address,
        "address:address_line_1": lambda each: each.address.street_address,
        "address:careof": lambda each: each.address.careof,
        "address:zipcode": lambda each: each.address.zipcode,
        "address:city": lambda each: each.address.city,
        "address:country": lambda each: each.address.country,
        "delivery_address:name": lambda each: each.delivery_address.name,
        "delivery_address:street_address": lambda each: each.delivery_address.street_address,
        "delivery_address:address_line_1": lambda each: each.delivery_address.street_address,
        "delivery_address:careof": lambda each: each.delivery_address.careof,
        "delivery_address:zipcode": lambda each: each.delivery_address.zipcode,
        "delivery_address:city": lambda each: each.delivery_address.city,
        "delivery_address:country": lambda each: each.delivery_address.country,
    },
    orders={
        "customer_no": lambda each: each.customer_no,
        "name": lambda each: each.name,
        "org_no": lambda each: each.org_no,
        "contact:email": lambda each: each.contact.email,
        "contact:phone": lambda each: each.contact.phone,
        "address:zipcode": lambda each: each.address.zipcode,
        "address:city": lambda each: each.address.city,
        "delivery_address:name": lambda each: each.delivery_address.name,
        "delivery_address:zipcode": lambda each: each.delivery_address.zipcode,
        "delivery_address:city": lambda each: each.delivery_address.city,
        "created_at": lambda each: each.created_at.isoformat(),
        "updated_at": lambda each: None if each.updated_at is None else each.updated_at.isoformat(),
    },
    special=lambda each: (
        each.name,
        each.org_no,
        each.contact.name,
        each.contact.email,
        each.contact.phone,
        each.customer_no,
    ),
)


EXAMPLE = {
    "name": "Test Customer AB",
    "org_no": "556000-0000",
    "contact": {"name": "Test Contact", "email": "contact@example.com", "phone": "0700000001"},
    "address": {"street_address": "Testgatan 1", "zipcode": "12345", "city": "Teststad", "country": "SE"},
}
CHANGE = {"contact": {"email": "other@example.com"}}


async def create(call: Call) -> bytes:
    """`POST /customer`: creates a customer."""
    number = 0

    def decide(act: Act) -> None:
        nonlocal number
        number = register.create_customer(act, read_input(CustomerFields, call.json()))

    act = await call.execute(decide, rule="customer.create")
    return answer(render_customer(act.customer(number)))


async def fetch(call: Call) -> bytes:
    """`GET /customer/{customer_no}`: one customer."""
    return answer(render_customer(await call.read(lambda state: find(state, call.params["customer_no"]))))


async def listing(call: Call) -> bytes:
    """`GET /customer`: lists customers, by number unless the query asks for another order."""
    query = read_query(LISTED, call.query)
    matches = await call.read(lambda state: [state.customers[number] for number in state.customer_order])
    matches = await select(LISTED, query, matches)
    page = matches[query.start : query.stop]
    return await answer_list(page, render_customer, {"total_count": len(matches)})


async def update(call: Call) -> bytes:
    """`PUT /customer/{customer_no}`: changes a customer. Members that are not sent keep their values."""
    number = 0

    def decide(act: Act) -> None:
        nonlocal number
        customer = find(act.state, call.params["customer_no"])
        body = call.json()
        given = read_input(CustomerChanges, body, put=True)
        check_read_only(CustomerChanges, body, cast("dict[str, Any]", render_customer(customer)))
        number = register.change_customer(act, customer, given)

    act = await call.execute(decide, rule="customer.update")
    return answer(render_customer(act.customer(number)))


def find(state: State, text: str) -> Customer:
    """The customer of a path. NotFound if there is none, also if the text is not a number [A]."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    customer = state.customers.get(number)
    if customer is None:
        raise no_object(text)
    return customer


def render_customer(customer: Customer) -> CustomerShape:
    """A customer as the API shows it."""
    contact, edi = customer.contact, customer.edi
    return {
        "customer_no": customer.customer_no,
        "name": customer.name,
        "company_type": customer.company_type,
        "org_no": customer.org_no,
        "vat_no": customer.vat_no,
        "language": customer.language,
        "notes": customer.notes,
        "contact": {"name": contact.name, "email": contact.email, "phone": contact.phone},
        "address": render_address(customer.address, ADDRESS),
        "delivery_address": render_address(customer.delivery_address, DELIVERY_ADDRESS),
        "permanent_establishment_address": render_address(
            customer.permanent_establishment_address, PERMANENT_ADDRESS
        ),
        "letter_forwarding_enabled": customer.letter_forwarding_enabled,
        "payment_settings": {"recurring_payment_type": customer.recurring_payment_type},
        "edi": {
            "electronic_id": edi.electronic_id,
            "operator": edi.operator,
            "reference": edi.reference,
        },
        "links": {"automatic_payments_setup_link": None},
        "created_at": timestamp(customer.created_at),
        "updated_at": None if customer.updated_at is None else timestamp(customer.updated_at),
    }
