"""Resource `customer` (reference: api 2)."""

from typing import Annotated, Any

from pydantic import PlainValidator

from mockserver.api.call import Call, answer
from mockserver.api.fields import (
    NOT_GIVEN,
    Bool,
    Country,
    Email,
    Fields,
    Language,
    Object,
    ReadOnly,
    Required,
    Text,
    Zipcode,
    one_of,
    read,
    required,
    whole,
)
from mockserver.api.listing import page_of
from mockserver.api.rendering import (
    render_address,
    render_delivery_address,
    render_permanent_address,
    timestamp,
)
from mockserver.api.shapes import CustomerShape
from mockserver.core import register
from mockserver.core.act import Act
from mockserver.core.model import Customer
from mockserver.core.refusal import no_object
from mockserver.core.state import State
from mockserver.wire import encode


class AddressFields(Fields):
    street_address: Text = None
    address_line_1: Text = None
    address_line_2: Text = None
    address_line_3: Text = None
    administrative_area: Text = None
    dependent_locality: Text = None
    organization: Text = None
    sorting_code: Text = None
    careof: Text = None
    use_careof_as_attention: Bool = None
    attention: Text = None
    zipcode: Zipcode = None
    city: Text = None
    country: Country = None


class DeliveryAddressFields(Fields):
    name: Text = None
    street_address: Text = None
    address_line_1: Text = None
    address_line_2: Text = None
    address_line_3: Text = None
    administrative_area: Text = None
    dependent_locality: Text = None
    organization: Text = None
    sorting_code: Text = None
    careof: Text = None
    attention: Text = None
    zipcode: Zipcode = None
    city: Text = None
    country: Country = None


class PermanentAddressFields(Fields):
    name: Text = None
    additional_name: Text = None
    family_name: Text = None
    address_line_1: Text = None
    address_line_2: Text = None
    address_line_3: Text = None
    administrative_area: Text = None
    dependent_locality: Text = None
    organization: Text = None
    sorting_code: Text = None
    zipcode: Zipcode = None
    city: Text = None
    country: Country = None


class ContactFields(Fields):
    name: Text = None
    email: Email = None
    phone: Text = None


class PaymentSettingsFields(Fields):
    recurring_payment_type: Text = None


class CustomerEdiFields(Fields):
    electronic_id: Text = None
    operator: Text = None
    reference: Text = None


def _own_number(value: Any) -> Any:
    """null is refused: the documentation warns against it [D]; `""` is not given."""
    return NOT_GIVEN if value == "" else required(whole(1, 10**15 - 1))(value)


class CustomerFields(Fields):
    customer_no: Annotated[int | None, PlainValidator(_own_number)] = None
    name: Required
    company_type: Annotated[
        str | None, PlainValidator(one_of("individual", "business", "foreign individual", "foreign business"))
    ] = None
    org_no: Text = None
    vat_no: Text = None
    language: Language = None
    notes: Text = None
    contact: ContactFields | None = None
    address: AddressFields | None = None
    delivery_address: DeliveryAddressFields | None = None
    permanent_establishment_address: PermanentAddressFields | None = None
    letter_forwarding_enabled: Bool = None
    payment_settings: PaymentSettingsFields | None = None
    edi: CustomerEdiFields | None = None
    regional_sweden: Object = None
    links: ReadOnly = None
    created_at: ReadOnly = None
    updated_at: ReadOnly = None


async def create(call: Call) -> bytes:
    """`POST /customer`."""
    number = 0

    def decide(act: Act) -> None:
        nonlocal number
        sent = read(CustomerFields, call.json())
        if sent.get("regional_sweden") is not None:
            sent["regional_sweden"] = encode(sent["regional_sweden"]).decode()
        number = register.create_customer(act, sent)

    act = await call.execute(decide, rule="customer.create")
    return answer(render_customer(act.customer(number)))


async def fetch(call: Call) -> bytes:
    """`GET /customer/{customer_no}`."""
    return answer(render_customer(await call.read(lambda state: find(state, call.params["customer_no"]))))


async def listing(call: Call) -> bytes:
    """`GET /customer`, by page."""
    start, stop = page_of(call.query)

    def view(state: State) -> bytes:
        rows = [render_customer(customer) for customer in state.customers_in_order(start, stop)]
        return answer(rows, {"total_count": len(state.customer_order)})

    return await call.read(view)


def find(state: State, text: str) -> Customer:
    """The customer of a path; a number that is none is not found [A]."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    customer = state.customers.get(number)
    if customer is None:
        raise no_object(text)
    return customer


def render_customer(customer: Customer) -> CustomerShape:
    """The full object."""
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
        "address": render_address(customer.address),
        "delivery_address": render_delivery_address(customer.delivery_address),
        "permanent_establishment_address": render_permanent_address(customer.permanent_establishment_address),
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
