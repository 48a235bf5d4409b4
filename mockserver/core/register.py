"""The registers: customers and items (reference: api 2 and 3)."""

from mockserver.core import events, sources
from mockserver.core.act import Act
from mockserver.core.inputs import (
    Accounts,
    CustomerChanges,
    CustomerFields,
    ItemChanges,
    ItemFields,
    PaymentType,
    RegionalItem,
    resolve,
    resolve_required,
)
from mockserver.core.model import Address, Contact, Customer, CustomerTabs, Item, Recipient, replace
from mockserver.core.refusal import InvalidParameter, InvalidParameterCombination, invalid
from mockserver.core.settings import country_of
from mockserver.core.state import CUSTOMER_TABS, is_digits

_HIGHEST_ITEM_NO = 999_999_999  # [D]
_LONGEST_ITEM_NO = 30  # characters, when it is not all digits [D]


def create_customer(act: Act, given: CustomerFields) -> int:
    """Create a customer. Return its number: the given one, or the highest existing + 1 [D]."""
    order = act.state.customer_order
    number = resolve_required(given.customer_no, order[-1] + 1 if order else 1)
    _check_free(act, number)
    blank = Customer(
        customer_no=number,
        number=len(order) + 1,
        name=given.name,
        created_at=act.now,
        contact=Contact(name=given.name),  # [C]
    )
    customer = _customer_with(act, blank, given)
    if not customer.address.country:
        address = replace(customer.address, country=country_of(act.account.settings))
        customer = replace(customer, address=address)
    act.add(events.CustomerCreated(customer))
    return number


def change_customer(act: Act, customer: Customer, given: CustomerChanges) -> int:
    """Change a customer. Return its number, which may be a new one [D]."""
    changed = _customer_with(act, customer, given)
    if changed.customer_no != customer.customer_no:
        _check_free(act, changed.customer_no)
    changed = replace(changed, updated_at=act.now)
    act.add(events.CustomerChanged(customer.customer_no, changed))
    if changed.customer_no != customer.customer_no:
        sources.renumber(act, customer.customer_no, changed.customer_no)
        tabs: CustomerTabs | None = act.find(CUSTOMER_TABS, changed.number)
        if tabs is not None and tabs.tabs:
            act.add(events.TabsRenumbered(changed.number, changed.customer_no))
    return changed.customer_no


def _customer_with(act: Act, base: Customer, given: CustomerChanges) -> Customer:
    """Return the customer with the members that were sent; null resets a member to its default."""
    name = resolve_required(given.name, base.name)
    changed = replace(
        base,
        customer_no=resolve_required(given.customer_no, base.customer_no),
        name=name,
        company_type=resolve(given.company_type, base.company_type, "business"),
        org_no=resolve(given.org_no, base.org_no, ""),
        vat_no=resolve(given.vat_no, base.vat_no, ""),
        language=resolve(given.language, base.language, None),
        notes=resolve(given.notes, base.notes, ""),
        contact=given.contact.over(base.contact, Contact(name=name)),
        address=given.address.over(base.address, Address(country=country_of(act.account.settings))),
        delivery_address=given.delivery_address.over(base.delivery_address),
        permanent_establishment_address=given.permanent_establishment_address.over(
            base.permanent_establishment_address
        ),
        letter_forwarding_enabled=resolve(
            given.letter_forwarding_enabled, base.letter_forwarding_enabled, False
        ),
        recurring_payment_type=given.payment_settings.over(
            PaymentType(base.recurring_payment_type)
        ).recurring_payment_type,
        edi=given.edi.over(base.edi),
        regional_sweden=resolve(given.regional_sweden, base.regional_sweden, None),
    )
    check_addresses(changed, ())
    return changed


def _check_free(act: Act, number: int) -> None:
    if number in act.state.customers:
        raise InvalidParameter(  # [R]
            "Customer with same customer_no already exists",
            rule="customer.customer_no",
            field="customer_no",
            path=None,
            customer_no=number,
        )


def check_addresses(of: Customer | Recipient, path: tuple[str, ...]) -> None:
    """Refuse an address that has both `careof` and `attention` [C]."""
    for name in ("address", "delivery_address", "permanent_establishment_address"):
        address: Address = getattr(of, name)
        if address.careof and address.attention:
            raise InvalidParameterCombination(
                "careof and attention cannot be combined",
                rule="address.careof_attention",
                field="attention",
                path=(*path, name),
            )


def create_item(act: Act, given: ItemFields) -> str:
    """Create an item. Return its number: the given one, or the next that was never used [R]."""
    account = act.account
    item_no = given.item_no if isinstance(given.item_no, str) else _next_item_no(act)
    _check_item_no(act, item_no)
    blank = Item(
        item_no=item_no,
        number=account.items + 1,
        title=given.title,
        price=given.price,
        vat=given.vat,
        unit=given.unit,
        created_at=act.now,
    )
    act.add(events.ItemCreated(_item_with(blank, given)))
    return item_no


def _next_item_no(act: Act) -> str:
    """Return the highest number + 1; beyond the limit, the first free number above the count of items [A]."""
    number = act.account.highest_item_no + 1
    if number > _HIGHEST_ITEM_NO:
        number = act.account.items + 1
        while act.item(str(number)) is not None:
            number += 1
    return str(number)


def change_item(act: Act, item: Item, given: ItemChanges) -> str:
    """Change an item. Return its number, which may be a new one [D]. Rows keep their data [D]."""
    changed = replace(_item_with(item, given), updated_at=act.now)
    if changed.item_no != item.item_no:
        _check_item_no(act, changed.item_no)
    act.add(events.ItemChanged(item.item_no, changed))
    return changed.item_no


def delete_item(act: Act, item: Item) -> None:
    """Remove an item; rows that refer to it keep their data [D]."""
    act.add(events.ItemDeleted(item.item_no))


def _item_with(base: Item, given: ItemChanges) -> Item:
    """Return the item with the members that were sent; null resets a member to its default."""
    book = given.bookkeeping.over(Accounts(base.income_account, base.vat_account, base.objects))
    return replace(
        base,
        item_no=resolve_required(given.item_no, base.item_no),
        title=resolve_required(given.title, base.title),
        description=resolve(given.description, base.description, ""),
        price=resolve_required(given.price, base.price),
        vat=resolve_required(given.vat, base.vat),
        unit=resolve_required(given.unit, base.unit),
        income_account=book.income_account,
        vat_account=book.vat_account,
        objects=book.objects,
        rotavdrag=given.regional_sweden.over(RegionalItem(base.rotavdrag)).rotavdrag,
        zero_vat_reason=resolve(given.zero_vat_reason, base.zero_vat_reason, None),
        zero_vat_reason_reference=resolve(
            given.zero_vat_reason_reference, base.zero_vat_reason_reference, None
        ),
    )


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
