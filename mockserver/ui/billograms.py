"""The list of billograms, the form of a new one, and the page of one with all that happened to it."""

from mockserver.ui.page import Page, PageCall

PAGE = 50
STATES = (
    *("Unattested", "Sending", "Unpaid", "PartlyPaid", "Overdue", "Reminder_1", "Reminder_2", "Reminder_3"),
    *(
        "Reminder_Many",
        "Collection",
        "Collecting",
        "Factoring",
        "FactoringDenied",
        "Sold",
        "Paid",
        "Credited",
    ),
    "Ended",
)
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


async def one(call: PageCall) -> Page:
    """Show one billogram."""
    name = call.params["id"]
    found = await call.get("billograms", name)
    actions = await call.get("billograms", name, "actions")
    return Page(
        "billogram.html",
        {
            "b": found,
            "allowed": [
                call.form_of(
                    each["method"], each["path"], each["body"], title=each["title"], effect=each["effect"]
                )
                for each in actions["allowed"]
            ],
            "refused": actions["refused"],
            "documents": await call.get("billograms", name, "documents"),
            "deliveries": await call.get("deliveries", billogram=name),
            "agenda": await call.get("agenda", billogram=name),
            "payments": await call.get("payments", billogram=name),
        },
    )


async def document(call: PageCall) -> Page:
    """Return the PDF of a document, as a file of this page's own session."""
    path = (
        f"/_mock/accounts/{call.account}/billograms/{call.params['id']}/documents/{call.params['letter']}.pdf"
    )
    reply = await call.client.send("GET", path)
    return Page(content=reply.body, content_type=reply.headers["content-type"], status=reply.status)
