"""The customers, and the page of one with its billograms, mandates and what its recipient can do."""

from mockserver.ui.client import API
from mockserver.ui.page import Page, PageCall

PAGE = 50
_BILLOGRAMS = 20
_FIELDS = (
    *("name", "customer_no", "company_type", "org_no", "vat_no", "language", "notes"),
    *("contact.name", "contact.email", "contact.phone"),
    *("address.careof", "address.street_address", "address.zipcode", "address.city", "address.country"),
)
_CHANGEABLE = tuple(name for name in _FIELDS if name != "customer_no")
_MANDATE = ("status", "b2b", "last_collection")


async def listing(call: PageCall) -> Page:
    """Show the customers, those with the highest numbers first, by search."""
    asked = {name: call.query.get(name) for name in ("search", "before")}
    found = await call.get("customers", limit=PAGE, **asked)
    return Page("customers.html", {"found": found[::-1], "asked": asked, "limit": PAGE})


async def new(call: PageCall) -> Page:
    """Show the form of a new customer."""
    body = {"name": "", "contact": {"email": "", "phone": ""}, "company_type": "individual"}
    form = call.form(
        "createCustomer",
        body=body,
        only=_FIELDS,
        title="Create a customer",
        then=call.url("customers", "-").removesuffix("-") + "{customer_no}",
    )
    return Page("customer_new.html", {"form_": form})


async def one(call: PageCall) -> Page:
    """Show one customer, with forms for what can be done."""
    number = call.params["no"]
    found = await call.get("customers", number)
    no = str(found["customer_no"])
    registration = await call.client.send("GET", f"{API}/customer/{no}/einvoice", account=call.account)
    plans = await call.get("outcomes")
    own = [each for each in plans if each["match"] and each["match"]["customer_no"] == found["customer_no"]]
    path = {"no": no}
    return Page(
        "customer.html",
        {
            "c": found,
            "billograms": (await call.get("billograms", customer=no, limit=_BILLOGRAMS))[::-1],
            "most": _BILLOGRAMS,
            "einvoice": registration.value["data"] if registration.ok else None,
            "plan": own[0]["plan"] if own else None,
            "change": call.form(
                "updateCustomer", {"customer_no": no}, found, only=_CHANGEABLE, title="Change this customer"
            ),
            "register": call.form(
                "createEinvoiceRegistration",
                {"customer_no": no},
                {"identifier": "190000000000.SBF.SE"},
                title="Register for e-invoices",
            ),
            "simulations": [
                call.form(name, path, body)
                for name, body in (
                    ("simulateVerifyEmail", {"email": found["contact"]["email"]}),
                    ("simulateEnableRecurring", {"type": "autogiro"}),
                    ("simulateDisableRecurring", {}),
                )
                if call.operations.named(name)
            ],
            "mandates": [
                (each, call.form("changeMockPaymentSource", {"id": each["id"]}, each, only=_MANDATE))
                for each in found["internal"]["payment_sources"]
            ],
            "outcome": call.form(
                "setOutcomes",
                body={
                    "match": {"customer_no": found["customer_no"]},
                    "plan": own[0]["plan"] if own else ["reject.AM04", "ok"],
                },
                only=("match.customer_no", "plan"),
                title="Plan what the bank answers",
            ),
        },
    )
