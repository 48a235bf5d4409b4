"""Every operation of the API that is known: one row each (reference: api 2-13).

A row without an endpoint is one that Billogram has and mockserver does not build yet: it answers 501 after
path and JSON (an unbuilt command: and state).
"""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from mockserver.api import billogram, billogram_event, commands, customer, item, report, settings
from mockserver.api.call import Call
from mockserver.api.errors import NotEmulated
from mockserver.core.act import Act

Endpoint = Callable[[Call], Awaitable[bytes]]


class Operation(Struct, frozen=True):
    """`id` is the operation's stable name; `path` is relative to the base address."""

    id: str
    method: str
    path: str
    endpoint: Endpoint | None = None


_TAB = "/customer/{customer_no}/billing-tab"

OPERATIONS: tuple[Operation, ...] = (
    Operation("listCustomers", "GET", "/customer", customer.listing),
    Operation("createCustomer", "POST", "/customer", customer.create),
    Operation("getCustomer", "GET", "/customer/{customer_no}", customer.fetch),
    Operation("updateCustomer", "PUT", "/customer/{customer_no}", customer.update),
    Operation("getEinvoiceRegistration", "GET", "/customer/{customer_no}/einvoice"),
    Operation("createEinvoiceRegistration", "POST", "/customer/{customer_no}/einvoice"),
    Operation("getBillingTab", "GET", _TAB),
    Operation("addBillingTabItem", "POST", f"{_TAB}/items"),
    Operation("getBillingTabItem", "GET", f"{_TAB}/item/{{billing_tab_item_id}}"),
    Operation("deleteBillingTabItem", "DELETE", f"{_TAB}/item/{{billing_tab_item_id}}"),
    Operation("getBillingTabSettings", "GET", f"{_TAB}/settings"),
    Operation("updateBillingTabSettings", "PUT", f"{_TAB}/settings"),
    Operation("createBillingTabSettings", "POST", f"{_TAB}/settings"),
    Operation("deleteBillingTabSettings", "DELETE", f"{_TAB}/settings"),
    Operation("getBillingTabById", "GET", f"{_TAB}/{{billing_tab_id}}"),
    Operation("deleteBillingTab", "DELETE", f"{_TAB}/{{billing_tab_id}}"),
    Operation("listItems", "GET", "/item", item.listing),
    Operation("createItem", "POST", "/item", item.create),
    Operation("getItem", "GET", "/item/{item_no}", item.fetch),
    Operation("updateItem", "PUT", "/item/{item_no}", item.update),
    Operation("deleteItem", "DELETE", "/item/{item_no}", item.delete),
    Operation("getSettings", "GET", "/settings", settings.fetch),
    Operation("updateSettings", "PUT", "/settings", settings.update),
    Operation("getLogotype", "GET", "/logotype"),
    Operation("createLogotype", "POST", "/logotype"),
    Operation("updateLogotype", "PUT", "/logotype"),
    Operation("deleteLogotype", "DELETE", "/logotype"),
    Operation("getCoverphoto", "GET", "/coverphoto"),
    Operation("createCoverphoto", "POST", "/coverphoto"),
    Operation("deleteCoverphoto", "DELETE", "/coverphoto"),
    Operation("listReports", "GET", "/report", report.listing),
    Operation("getReport", "GET", "/report/{filename}", report.fetch),
    Operation("listBillograms", "GET", "/billogram", billogram.listing),
    Operation("createBillogram", "POST", "/billogram", billogram.create),
    Operation("getBillogram", "GET", "/billogram/{id}", billogram.fetch),
    Operation("updateBillogram", "PUT", "/billogram/{id}", billogram.update),
    Operation("deleteBillogram", "DELETE", "/billogram/{id}", billogram.delete),
    Operation("getBillogramPdf", "GET", "/billogram/{id}.pdf"),
    Operation("getBillogramAttachment", "GET", "/billogram/{id}/attachment.pdf"),
    Operation("commandBillogram", "POST", "/billogram/{id}/command/{command}", commands.command),
    Operation("listBillogramEvents", "GET", "/billogram_event", billogram_event.listing),
    Operation("listPaymentSources", "GET", "/payment_source"),
    Operation("cancelPaymentSource", "POST", "/payment_source/{id}/cancel"),
    Operation("createSepaDdMandate", "POST", "/sepa_dd_mandate"),
    Operation("migrateSepaDdMandate", "POST", "/sepa_dd_mandate/migrate"),
    Operation("listOffers", "GET", "/offer"),
    Operation("createOffer", "POST", "/offer"),
    Operation("getOffer", "GET", "/offer/{offer_id}"),
    Operation("updateOffer", "PUT", "/offer/{offer_id}"),
)


async def not_built(operation: Operation, call: Call) -> bytes:
    """501, after the path's object, the JSON and the state have been looked at."""

    def decide(act: Act) -> None:
        if "customer_no" in call.params:
            customer.find(act.state, call.params["customer_no"])
        if operation.path.startswith("/billogram/"):
            act.billogram(call.params["id"])
        if operation.method in ("POST", "PUT"):
            call.json()
        raise NotEmulated(f"{operation.method} {operation.path}")

    await call.execute(decide, rule=operation.id)
    raise AssertionError("not reached: the decision refuses")
