"""The list of billograms, and the form of a new one."""

from mockserver.ui.page import Page, PageCall

PAGE = 50
_ROWS = 3  # in the form of a new billogram
_SENDING = ("on_success.command", "on_success.method")
_ROW = ("title", "count", "price", "vat", "unit")


async def listing(call: PageCall) -> Page:
    """Show the billograms, newest first, by state and search."""
    asked = {name: call.query.get(name) for name in ("state", "customer", "search", "before", "after")}
    found = await call.get("billograms", limit=PAGE, **asked)
    states = call.operations.choices("Billogram", "state")
    return Page("billograms.html", {"found": found[::-1], "states": states, "limit": PAGE, "asked": asked})


async def new(call: PageCall) -> Page:
    """Show the form of a new billogram, with rows."""
    customers = await call.get("customers")
    rows = [f"items.{row}.{name}" for row in range(_ROWS) for name in _ROW]
    form = call.form(
        "createBillogram",
        body={
            "customer": {"customer_no": call.query.get("customer") or _first(customers)},
            "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25, "unit": "unit"}],
            "on_success": {"command": "send", "method": "Email"},
        },
        only=[
            "customer.customer_no",
            *rows,
            "due_days",
            "info.message",
            "on_success.command",
            "on_success.method",
        ],
        title="Create a billogram",
        then=call.url("billograms", "-").removesuffix("-") + "{id}",
    )
    return Page("billogram_new.html", {"form_": form, "customers": customers, "rows": _ROWS})


def _first(customers: list[dict[str, object]]) -> object:
    return customers[-1]["customer_no"] if customers else ""
