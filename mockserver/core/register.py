"""The registers: customers and items (reference: api 2 and 3)."""

from typing import Any

from mockserver.core import events, sources
from mockserver.core.act import Act
from mockserver.core.model import (
    Address,
    Contact,
    Customer,
    Item,
    merged,
    replace,
)
from mockserver.core.refusal import InvalidParameter, InvalidParameterCombination, invalid
from mockserver.core.settings import country_of
from mockserver.core.state import is_digits

Given = dict[str, Any]

_HIGHEST_ITEM_NO = 999_999_999  # [D]
_LONGEST_ITEM_NO = 30  # characters, when it is not all digits [D]


def create_customer(act: Act, given: Given) -> int:
    """Enter a customer; returns its number: the given one, else the highest existing + 1 [D]."""
    order = act.state.customer_order
    number: int = given.get("customer_no") or (order[-1] + 1 if order else 1)
    _check_free(act, number)
    sent = {name: value for name, value in given.items() if value is not None}
    address = dict(sent.get("address", {}))
    if not address.get("country"):
        address["country"] = None
    blank = Customer(
        customer_no=number,
        number=len(order) + 1,
        name=sent["name"],
        created_at=act.now,
        contact=Contact(name=sent["name"]),  # [C]
    )
    act.add(events.CustomerCreated(_customer_with(act, blank, sent | {"address": address})))
    return number


def change_customer(act: Act, customer: Customer, given: Given) -> int:
    """Change a customer; returns its number, which may be a new one [D]. Nothing changed, nothing happens."""
    sent = {name: value for name, value in given.items() if value is not None or name not in _REQUIRED}
    changed = _customer_with(act, customer, sent)
    if changed.customer_no != customer.customer_no:
        _check_free(act, changed.customer_no)
    changed = replace(changed, updated_at=act.now)
    act.add(events.CustomerChanged(customer.customer_no, changed))
    if changed.customer_no != customer.customer_no:
        sources.renumber(act, customer.customer_no, changed.customer_no)
    return changed.customer_no


_REQUIRED = ("name", "customer_no")  # null is ignored for them [A]
_ADDRESSES = ("address", "delivery_address", "permanent_establishment_address")


def _customer_with(act: Act, base: Customer, given: Given) -> Customer:
    """The customer with what was sent; null puts a member back to its default."""
    sent = dict(given)
    for name in _ADDRESSES:
        if sent.get(name) is not None:
            sent[name] = given_address(getattr(base, name), sent[name], path=(name,))
    if "country" in (given.get("address") or {}) and given["address"]["country"] is None:
        sent["address"] = replace(sent["address"], country=country_of(act.account.settings))
    if "name" in (given.get("contact") or {}) and given["contact"]["name"] is None:
        sent["contact"] = given["contact"] | {"name": sent.get("name", base.name)}
    payment = sent.pop("payment_settings", None) or {}
    return merged(base, sent | payment)


def _check_free(act: Act, number: int) -> None:
    if number in act.state.customers:
        raise InvalidParameter(  # [R]
            "Customer with same customer_no already exists",
            rule="customer.customer_no",
            field="customer_no",
            path=None,
            customer_no=number,
        )


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


def create_item(act: Act, given: Given) -> str:
    """Enter an item; returns its number: the given one, else the next that was never used [R]."""
    account = act.account
    item_no: str = given.get("item_no") or _next_item_no(act)
    _check_item_no(act, item_no)
    sent = {name: value for name, value in given.items() if value is not None and name != "item_no"}
    blank = Item(
        item_no=item_no,
        number=account.items + 1,
        title=sent.pop("title"),
        price=sent.pop("price"),
        vat=sent.pop("vat"),
        unit=sent.pop("unit"),
        created_at=act.now,
    )
    act.add(events.ItemCreated(_item_with(blank, sent)))
    return item_no


def _next_item_no(act: Act) -> str:
    """The highest + 1; where that is past the limit, the first that is free after so many items [A]."""
    number = act.account.highest_item_no + 1
    if number > _HIGHEST_ITEM_NO:
        number = act.account.items + 1
        while act.item(str(number)) is not None:
            number += 1
    return str(number)


def change_item(act: Act, item: Item, given: Given) -> str:
    """Change an item; returns its number, which may be a new one [D]. Rows keep their data [D]."""
    sent = {
        name: value for name, value in given.items() if value is not None or name not in _REQUIRED_OF_ITEM
    }
    changed = replace(_item_with(item, sent), updated_at=act.now)
    if changed.item_no != item.item_no:
        _check_item_no(act, changed.item_no)
    act.add(events.ItemChanged(item.item_no, changed))
    return changed.item_no


_REQUIRED_OF_ITEM = ("item_no", "title", "price", "vat", "unit")  # null is ignored for them [A]


def delete_item(act: Act, item: Item) -> None:
    """Remove an item; rows that refer to it keep their data [D]."""
    act.add(events.ItemDeleted(item.item_no))


def _item_with(base: Item, given: Given) -> Item:
    sent = dict(given)
    for group in ("bookkeeping", "regional_sweden"):
        sent.update(sent.pop(group, None) or {})
    return merged(base, sent)


def _check_item_no(act: Act, item_no: str) -> None:
    fits = len(item_no) <= _LONGEST_ITEM_NO
    if fits and is_digits(item_no):
        fits = int(item_no) <= _HIGHEST_ITEM_NO
    if not fits:
        raise invalid("item_no", rule="item.item_no", item_no=item_no)
    if act.item(item_no) is not None:
        raise InvalidParameter(  # [A]
            "Item with same item_no already exists",
            rule="item.item_no_taken",
            field="item_no",
            path=None,
            item_no=item_no,
        )
