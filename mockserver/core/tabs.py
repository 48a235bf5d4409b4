"""Billing tabs: rows of a customer that are invoiced together on a billing date (reference: behaviour 6.7).

A tab belongs to the customer and not to its number, so it refers to the `number` (order of creation), which
never changes. Rows are aggregates of their own, so that adding one copies nothing of the others.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from msgspec import UnsetType, json

from mockserver.core import billogram as drafts
from mockserver.core import calendar, events, numbers
from mockserver.core.act import Act
from mockserver.core.content import MAX_ROWS
from mockserver.core.inputs import (
    Accounts,
    BillingTabSettingsFields,
    BillogramFields,
    BillogramItemFields,
    Patch,
    RowFields,
    RowRegional,
    Rows,
    resolve,
)
from mockserver.core.model import (
    BillingTab,
    Customer,
    CustomerTabs,
    Recipient,
    TabItem,
    TabRefusal,
    TabRow,
    TabSettings,
)
from mockserver.core.refusal import (
    InvalidObjectState,
    InvalidParameter,
    KeyAlreadyUsed,
    Refusal,
    missing,
    no_object,
)
from mockserver.core.showing import as_number
from mockserver.core.state import CUSTOMER_TABS, TAB, TAB_ROW, View

KEY = "X-API-Deduplication-ID"  # the header with the deduplication key [D]
FREQUENCY, METHOD = "monthly#1", "Letter"  # the account's defaults [A]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")  # 1 = Monday [D]
_DAY = timedelta(days=1)
_NO_TABS = CustomerTabs()
_SHOWN = ("title", "count", "price", "vat", "unit", "description", "item_no", "external_id")
_encoder = json.Encoder(decimal_format="number")


def of_customer(act: Act, customer: Customer) -> CustomerTabs:
    """Return the billing tabs of a customer and their settings."""
    found: CustomerTabs | None = act.find(CUSTOMER_TABS, customer.number)
    return _NO_TABS if found is None else found


def in_force(tabs: CustomerTabs) -> tuple[str, str]:
    """Return the billing frequency and the delivery method: the customer's own, else the account's."""
    own = tabs.settings
    if own is None:
        return FREQUENCY, METHOD
    return own.billing_frequency or FREQUENCY, own.delivery_method or METHOD


def next_date(frequency: str, today: date) -> date:
    """Return the first date of a frequency that is later than today's [A].

    A month without the day of a monthly frequency uses its last day [D].
    """
    kind, _, day = frequency.partition("#")
    if kind == "daily":
        return today + _DAY
    if kind == "weekly":
        ahead = (_weekday(day) - today.isoweekday()) % 7
        return today + timedelta(days=ahead or 7)
    first = today.replace(day=1)
    for months in (0, 1):
        found = _day_in(first, months, int(day))
        if found > today:
            return found
    raise AssertionError("the day of the next month is later")


def _day_in(first: date, months: int, day: int) -> date:
    """Return a day of the month some months after another, or its last day if it is shorter."""
    month = calendar.months_after(first, months)
    last = calendar.months_after(month, 1) - _DAY
    return min(month + timedelta(days=day - 1), last)


def _weekday(day: str) -> int:
    return int(day) if day.isdigit() else DAYS.index(day.lower()) + 1


def add_row(
    act: Act,
    customer: Customer,
    item: TabItem,
    *,
    shown: str | None = None,
    key: str | None = None,
    body: str | None = None,
) -> TabRow:
    """Add a row to the active tab of a customer, and return it. The first row opens the tab.

    `shown` is the row as answers show it, as JSON text; by default it is made from the item. `key` is the
    deduplication key of the request, and `body` the digest of its body.
    """
    tab = of_customer(act, customer).active or _open(act, customer)
    number = act.new_number(TAB_ROW)
    row = TabRow(
        id=numbers.tab_row_id(act.account.seed, number),
        number=number,
        tab=tab,
        owner=customer.number,
        created_at=act.now,
        item=item,
        shown=_shown(item) if shown is None else shown,
        key=key,
        body=body,
    )
    act.add(events.TabRowAdded(row))
    return row


def _open(act: Act, customer: Customer) -> str:
    number = act.new_number(TAB)
    frequency, _ = in_force(of_customer(act, customer))
    tab = BillingTab(
        id=numbers.tab_id(act.account.seed, number),
        number=number,
        owner=customer.number,
        customer_no=customer.customer_no,
        opened_at=act.now,
        billing_date=next_date(frequency, act.today),
    )
    act.add(events.TabOpened(tab))
    return tab.id


def _shown(item: TabItem) -> str:
    """Return the members of a row that no request has sent, as JSON text."""
    members: dict[str, Any] = {}
    for name in _SHOWN:
        value = getattr(item, name)
        if value is not None:
            members[name] = as_number(value) if isinstance(value, Decimal) else value
    return _encoder.encode(members).decode()


def item_of(act: Act, given: BillogramItemFields) -> TabItem:
    """Return the row that a request sends. The title is required unless there is an item number."""
    if given.title == "" or (given.title is None and given.item_no is None):
        raise missing("title", ("billogram_item",))
    parts: dict[str, Any] = dict((*given.bookkeeping.changes, *given.regional_sweden.changes))
    known = _known(act, given.item_no)
    return TabItem(
        title=given.title,
        count=Decimal(1) if given.count is None else given.count,
        price=given.price,
        vat=given.vat,
        item_no=given.item_no,
        description=given.description,
        unit=given.unit or (None if known else "unit"),
        discount=given.discount,
        zero_vat_reason=given.zero_vat_reason,
        zero_vat_reason_reference=given.zero_vat_reason_reference,
        external_id=given.external_id,
        from_register=known,
        **parts,
    )


def repeated(act: Act, customer: Customer, key: str, body: str) -> TabRow | None:
    """Return the row that was added with this deduplication key, or None if the key is new.

    A key belongs to the customer and never expires [A]. With another body it is refused.
    """
    found = act.state.tab_keys.get((customer.number, key))
    if found is None:
        return None
    row: TabRow = act.find(TAB_ROW, found)
    if row.body != body:
        raise KeyAlreadyUsed(f"{KEY} already used", rule="deduplication.used", field=KEY, path=None)
    return row


def find(view: View, customer: Customer, key: str) -> BillingTab:
    """Return the billing tab of a customer with this id. Raise NotFound when there is none."""
    tab: BillingTab | None = view.find(TAB, key.lower())
    if tab is None or tab.owner != customer.number or tab.deleted:
        raise no_object(key)
    return tab


def find_row(view: View, customer: Customer, key: str) -> TabRow:
    """Return the row with this id in a billing tab of a customer. Raise NotFound when there is none."""
    row: TabRow | None = view.find(TAB_ROW, key.lower())
    if row is None or row.owner != customer.number or row.deleted or view.find(TAB, row.tab).deleted:
        raise no_object(key)
    return row


def delete_row(act: Act, row: TabRow) -> None:
    """Remove a row. The last one leaves an empty tab [A]."""
    _check_open(act.find(TAB, row.tab))
    act.add(events.TabRowDeleted(row.id))


def delete(act: Act, tab: BillingTab) -> None:
    """Discard a tab with its rows."""
    _check_open(tab)
    act.add(events.TabDeleted(tab.id))


def _check_open(tab: BillingTab) -> None:
    if tab.billogram is not None:
        raise InvalidObjectState(
            "billing tab is invoiced already", rule="tab.invoiced", billogram=tab.billogram
        )


def change_settings(act: Act, customer: Customer, given: BillingTabSettingsFields) -> TabSettings:
    """Create or update the settings of a customer, and return them. Null means the account's default [D]."""
    if isinstance(given.billing_frequency, UnsetType) and isinstance(given.delivery_method, UnsetType):
        raise InvalidParameter("billing_frequency or delivery_method required", rule="tab.settings_required")
    old = of_customer(act, customer).settings
    base = TabSettings() if old is None else old
    new = TabSettings(
        resolve(given.billing_frequency, base.billing_frequency, None),
        resolve(given.delivery_method, base.delivery_method, None),
    )
    if new != old:
        _store_settings(act, customer, new)
    return new


def delete_settings(act: Act, customer: Customer) -> None:
    """Remove the settings of a customer. Raise NotFound when there are none."""
    if of_customer(act, customer).settings is None:
        raise no_object(customer.customer_no)
    _store_settings(act, customer, None)


def _store_settings(act: Act, customer: Customer, settings: TabSettings | None) -> None:
    """Store settings. Another frequency gives the active tab a new date, worked out from today [A]."""
    before, _ = in_force(of_customer(act, customer))
    act.add(events.TabSettingsChanged(customer.number, settings))
    tabs = of_customer(act, customer)
    frequency, _ = in_force(tabs)
    if tabs.active is None or _meaning(frequency) == _meaning(before):
        return
    day = next_date(frequency, act.today)
    if day != act.find(TAB, tabs.active).billing_date:
        act.add(events.TabRescheduled(tabs.active, day))


def _meaning(frequency: str) -> tuple[str, int]:
    """Return a frequency so that equal ones compare equal: `weekly#5` is `weekly#Friday`."""
    kind, _, day = frequency.partition("#")
    return kind, _weekday(day) if kind == "weekly" else int(day or 0)


def bill(act: Act, tab: BillingTab) -> None:
    """Invoice a tab on its billing date, in one billogram that is sent.

    If that is refused, nothing is made: the tab keeps its rows and is tried again on the next date. An empty
    tab moves to the next date silently.
    """
    tabs: CustomerTabs = act.find(CUSTOMER_TABS, tab.owner)
    frequency, method = in_force(tabs)
    following = next_date(frequency, act.today)
    rows = act.state.rows_of(tab.id)
    if not rows:
        act.add(events.TabRescheduled(tab.id, following))
        return
    try:
        key = act.attempt(lambda: _billogram(act, tab, rows, method))
    except Refusal as refusal:
        why = TabRefusal(refusal.status, refusal.message, refusal.field, refusal.path)
        act.add(events.TabRefused(tab.id, tab.customer_no, following, why))
    else:
        act.add(events.TabBilled(tab.id, key, act.today))


def _billogram(act: Act, tab: BillingTab, rows: list[TabRow], method: str) -> str:
    """Create and send the billogram of a tab as `POST /billogram` does with `on_success`. Return its id."""
    if len(rows) > MAX_ROWS:
        raise InvalidParameter(
            f"items too long, maximum {MAX_ROWS} rows", rule="body.length", field="items", maximum=MAX_ROWS
        )
    fields = tuple([_fields(act, row.item) for row in rows])
    customer: Patch[Recipient] = Patch((("customer_no", tab.customer_no),))
    key = drafts.create(act, BillogramFields(customer=customer, items=Rows(fields)))
    drafts.send(act, act.billogram(key), method)
    return key


def _fields(act: Act, item: TabItem) -> RowFields:
    """Return a row as a request would send it.

    Price and VAT that were not sent are those of a known item, else 0. A row that was left to the register
    needs its item [A].
    """
    default = None if item.from_register or _known(act, item.item_no) else Decimal(0)
    return RowFields(
        item_no=item.item_no,
        title=item.title,
        description=item.description,
        count=item.count,
        price=default if item.price is None else item.price,
        vat=default if item.vat is None else item.vat,
        unit=item.unit,
        discount=item.discount,
        bookkeeping=_patch(Accounts, item),
        regional_sweden=_patch(RowRegional, item),
        zero_vat_reason=item.zero_vat_reason,
        zero_vat_reason_reference=item.zero_vat_reason_reference,
        external_id=item.external_id,
    )


def _known(act: Act, item_no: str | None) -> bool:
    return item_no is not None and act.item(item_no) is not None


def _patch(kind: Any, item: TabItem) -> Patch[Any]:
    """Return the members of a part of a row that were sent."""
    members = [(name, getattr(item, name)) for name in kind.__struct_fields__]
    return Patch(tuple([each for each in members if each[1] is not None]))
