"""The customers, and the page of one with its billograms, mandates and what its recipient can do."""

from typing import Any

from mockserver.ui.client import API
from mockserver.ui.page import Form, Page, PageCall

PAGE = 50
_BILLOGRAMS = _TABS = 20
_FIELDS = (
    *("name", "customer_no", "company_type", "org_no", "vat_no", "language", "notes"),
    *("contact.name", "contact.email", "contact.phone"),
    *("address.careof", "address.street_address", "address.zipcode", "address.city", "address.country"),
)
_CHANGEABLE = tuple(name for name in _FIELDS if name != "customer_no")
_ROW = ("title", "price", "vat", "count", "unit", "description", "item_no")
_SIMULATIONS: dict[str, dict[str, str]] = {
    "simulateVerifyEmail": {},
    "simulateEnableRecurring": {"type": "autogiro"},
    "simulateDisableRecurring": {},
    "simulateEinvoiceRegister": {},
    "simulateEinvoiceDeregister": {},
    "simulateEinvoiceMismatch": {},
}
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
    tabs = await call.get("tabs", customer=no, limit=_TABS)
    active = next((each for each in tabs if each["status"] == "active"), None)
    settings = await call.client.send(
        "GET", f"{API}/customer/{no}/billing-tab/settings", account=call.account
    )
    own = [each for each in plans if each["match"] and each["match"]["customer_no"] == found["customer_no"]]
    return Page(
        "customer.html",
        {
            "c": found,
            "billograms": (await call.get("billograms", customer=no, limit=_BILLOGRAMS))[::-1],
            "most": _BILLOGRAMS,
            "einvoice": registration.value["data"] if registration.ok else None,
            "tab": None if active is None else await _tab(call, no, active["id"]),
            "tabs": [each for each in tabs[::-1] if each["status"] == "invoiced"],
            "tab_forms": _tab_forms(call, no, settings.value["data"] if settings.ok else None),
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
                call.form(name, {"no": no}, body or _email(found, name))
                for name, body in _SIMULATIONS.items()
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


def _email(found: Any, name: str) -> dict[str, str]:
    return {"email": found["contact"]["email"]} if name == "simulateVerifyEmail" else {}


async def _tab(call: PageCall, no: str, key: str) -> dict[str, Any]:
    """Return an active billing tab, its rows with their forms, and the form that discards it."""
    found = await call.get("tabs", key)
    path = {"customer_no": no}
    return {
        "shown": found,
        "rows": [
            (
                each,
                call.form(
                    "deleteBillingTabItem", path | {"billing_tab_item_id": each["item_id"]}, submit="Delete"
                ),
            )
            for each in found["items"]
        ],
        "discard": call.form(
            "deleteBillingTab",
            path | {"billing_tab_id": key},
            submit="Discard the tab",
            confirm="Discard the tab with all its rows?",
        ),
    }


def _tab_forms(call: PageCall, no: str, settings: Any) -> dict[str, Form | None]:
    """Return the forms of a customer's billing tab. Without settings, the account's defaults count."""
    path = {"customer_no": no}
    row = {"title": "Subscription", "price": 100, "vat": 25, "count": 1, "unit": "unit"}
    return {
        "add": call.form(
            "addBillingTabItem",
            path,
            {"billogram_item": row},
            only=[f"billogram_item.{name}" for name in _ROW],
            title="Add a row",
        ),
        "settings": call.form(
            "updateBillingTabSettings",
            path,
            settings or {"billing_frequency": "monthly#1", "delivery_method": "Letter"},
            title="Set when and how it is invoiced",
        ),
        "follow": None
        if settings is None
        else call.form("deleteBillingTabSettings", path, submit="Follow the account"),
    }
