"""The customer register (reference: api 2)."""

from typing import Any

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.model import (
    Address,
    Contact,
    Customer,
    CustomerEdi,
    merged,
    replace,
)
from mockserver.core.refusal import InvalidParameter, InvalidParameterCombination
from mockserver.core.settings import country_of

Given = dict[str, Any]


def create_customer(act: Act, given: Given) -> int:
    """Enter a customer; returns its number: the given one, else the highest existing + 1 [D]."""
    sent = {name: value for name, value in given.items() if value is not None}
    address = given_address(Address(), sent.pop("address", {}), path=("address",))
    if not address.country:
        address = replace(address, country=country_of(act.account.settings))
    delivery = given_address(Address(), sent.pop("delivery_address", {}), path=("delivery_address",))
    permanent = given_address(
        Address(),
        sent.pop("permanent_establishment_address", {}),
        path=("permanent_establishment_address",),
    )
    contact = merged(Contact(name=sent["name"]), sent.pop("contact", {}))
    order = act.state.customer_order
    number: int = sent.pop("customer_no", None) or (order[-1] + 1 if order else 1)
    if number in act.state.customers:
        raise InvalidParameter(  # [R]
            "Customer with same customer_no already exists",
            rule="customer.customer_no",
            field="customer_no",
            path=None,
            customer_no=number,
        )
    customer = Customer(
        customer_no=number,
        created_at=act.now,
        contact=contact,
        address=address,
        delivery_address=delivery,
        permanent_establishment_address=permanent,
        edi=merged(CustomerEdi(), sent.pop("edi", {})),
        recurring_payment_type=sent.pop("payment_settings", {}).get("recurring_payment_type"),
        **sent,
    )
    act.add(events.CustomerCreated(customer))
    return number


def given_address(base: Address, given: Given, *, path: tuple[str, ...]) -> Address:
    """`base` with the members that were sent, in either dialect.

    Of the two names of the street line the one that differs from the stored value counts; if both do,
    `address_line_1` [A].
    """
    sent = dict(given)
    lines = [sent.pop(name) or "" for name in ("street_address", "address_line_1") if name in sent]
    if lines:
        changed = [line for line in lines if line != base.street_address]
        sent["street_address"] = changed[-1] if changed else base.street_address
    address = merged(base, sent)
    if address.careof and address.attention:  # they exclude each other [C]
        raise InvalidParameterCombination(
            "careof and attention cannot be combined",
            rule="address.careof_attention",
            field="attention",
            path=path,
        )
    return address
