"""The list of billograms, and the form of a new one."""

from mockserver.ui.forms import label_of
from mockserver.ui.page import Page, PageCall

PAGE = 50
_COLUMNS = {  # of the list, with their labels, and whether they are numbers
    "invoice_no": ("Number", False),
    "customer": ("Customer", False),
    "state": ("State", False),
    "total_sum": ("Total", True),
    "remaining_sum": ("Remaining", True),
    "due_date": ("Due", True),
}
_ROWS = 4  # in the form of a new billogram
_ROW = ("title", "count", "price", "vat", "unit")
_CUSTOMERS = 1000


async def listing(call: PageCall) -> Page:
    """Show the billograms, by state and search: newest first, or sorted by a column, largest first."""
    names = ("state", "customer", "search", "order", "before", "after")
    asked = {name: call.query.get(name) for name in names}
    found = await call.get("billograms", limit=PAGE, **asked)
    values = {
        "found": found[::-1],
        "states": call.operations.choices("Billogram", "state"),
        "limit": PAGE,
        "asked": asked,
        "columns": _COLUMNS,
    }
    return Page("billograms.html", values)


async def new(call: PageCall) -> Page:
    """Show the form of a new billogram: whom it is for, its rows as a table, and what is done at once."""
    customers = await call.get("customers", limit=_CUSTOMERS)
    labels = {str(each["customer_no"]): f"{each['customer_no']} {each['name']}" for each in customers}
    head = ["customer.customer_no", "due_days"]
    rest = ["info.message", "on_success.command", "on_success.method"]
    rows = [[f"items.{row}.{name}" for name in _ROW] for row in range(_ROWS)]
    form = call.form(
        "createBillogram",
        body={
            "customer": {"customer_no": call.query.get("customer") or next(reversed(labels), "")},
            "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25, "unit": "unit"}],
            "on_success": {"command": "send", "method": "Email"},
        },
        only=[*head, *(name for row in rows for name in row), *rest],
        choices={"customer.customer_no": labels},
        title="Create a billogram",
        then=call.url("billograms", "-").removesuffix("-") + "{id}",
    )
    fields = {each.name.removeprefix("body."): each for each in form.fields}
    values = {
        "f": form,
        "customers": customers,
        "head": [fields[name] for name in head],
        "titles": [label_of(name) for name in _ROW],
        "rows": [[fields[name] for name in row] for row in rows],
        "rest": [fields[name] for name in rest],
    }
    return Page("billogram_new.html", values)
