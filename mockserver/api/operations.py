"""All operations of the API, one row each (reference: api 2-13)."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from msgspec import Struct

from mockserver.api import (
    billing_tab,
    billogram,
    billogram_event,
    commands,
    customer,
    einvoice,
    item,
    offer,
    payment_source,
    pdf,
    pictures,
    report,
    settings,
)
from mockserver.api.call import Call
from mockserver.api.errors import MissingQueryParameter, NotAvailableYet
from mockserver.api.listing import Listed
from mockserver.api.settings_shapes import SettingsShape
from mockserver.api.shapes import (
    AttachmentShape,
    BillingTabItemShape,
    BillingTabSettingsShape,
    BillingTabShape,
    BillogramListMeta,
    BillogramShape,
    CompactBillogramShape,
    CustomerShape,
    EinvoiceRegistrationShape,
    EmptyShape,
    ItemShape,
    ListedEventShape,
    ListedReportShape,
    ListMeta,
    MandateShape,
    MigratedMandateShape,
    OfferShape,
    PaymentSourceShape,
    PdfFileShape,
    PictureShape,
    ReportShape,
)
from mockserver.core.inputs import (
    BillingTabItemFields,
    BillingTabSettingsFields,
    BillogramChanges,
    BillogramFields,
    CustomerChanges,
    CustomerFields,
    EinvoiceFields,
    ItemChanges,
    ItemFields,
    MandateFields,
    MigrationFields,
    NoFields,
    OfferChanges,
    OfferFields,
    PictureFields,
)
from mockserver.core.refusal import (
    InvalidObjectState,
    InvalidParameter,
    InvalidParameterCombination,
    KeyAlreadyUsed,
    PermissionDenied,
    ReadOnlyParameter,
    Refusal,
)
from mockserver.core.settings import Settings
from mockserver.schema import Schema

Endpoint = Callable[[Call], Awaitable[bytes]]


class Operation(Struct, frozen=True):
    """An operation of the API. `id` is its stable name; `path` is relative to the base URL.

    The other fields are for the OpenAPI document: `fields` is the type of the body (an input, or a value that
    the body changes in part) and `example` a valid body, `data` and `meta` are types of the answer, `listed`
    and `query` describe parameters, and `refusals` holds those that do not follow from the other fields.
    `headers` are required headers of the request. `empty` says that the answer is 204 without a body: always
    if there is no `data`, else if there are no objects.
    """

    id: str
    method: str
    path: str
    endpoint: Endpoint
    fields: type[Struct] | None = None
    data: Any = None
    meta: Any = None
    listed: Listed[Any] | None = None
    query: Mapping[str, Schema] = {}
    headers: Mapping[str, Schema] = {}
    example: Any = None
    empty: bool = False
    refusals: tuple[type[Refusal], ...] = ()


_TAB = "/customer/{customer_no}/billing-tab"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "listCustomers",
        "GET",
        "/customer",
        customer.listing,
        data=list[CustomerShape],
        meta=ListMeta,
        listed=customer.LISTED,
    ),
    Operation(
        "createCustomer",
        "POST",
        "/customer",
        customer.create,
        fields=CustomerFields,
        data=CustomerShape,
        example=customer.EXAMPLE,
        refusals=(ReadOnlyParameter, InvalidParameterCombination),
    ),
    Operation("getCustomer", "GET", "/customer/{customer_no}", customer.fetch, data=CustomerShape),
    Operation(
        "updateCustomer",
        "PUT",
        "/customer/{customer_no}",
        customer.update,
        fields=CustomerChanges,
        data=CustomerShape,
        example=customer.CHANGE,
        refusals=(ReadOnlyParameter, InvalidParameterCombination),
    ),
    Operation(
        "getEinvoiceRegistration",
        "GET",
        "/customer/{customer_no}/einvoice",
        einvoice.fetch,
        data=EinvoiceRegistrationShape,
    ),
    Operation(
        "createEinvoiceRegistration",
        "POST",
        "/customer/{customer_no}/einvoice",
        einvoice.create,
        fields=EinvoiceFields,
        data=EinvoiceRegistrationShape,
        example=einvoice.EXAMPLE,
        refusals=(PermissionDenied,),
    ),
    Operation(
        "getBillingTab",
        "GET",
        _TAB,
        billing_tab.fetch_active,
        data=BillingTabShape,
        refusals=(InvalidParameter,),
    ),
    Operation(
        "addBillingTabItem",
        "POST",
        f"{_TAB}/items",
        billing_tab.add_item,
        fields=BillingTabItemFields,
        data=BillingTabItemShape,
        headers=billing_tab.HEADERS,
        example=billing_tab.EXAMPLE,
        refusals=(KeyAlreadyUsed,),
    ),
    Operation(
        "getBillingTabItem",
        "GET",
        f"{_TAB}/item/{{billing_tab_item_id}}",
        billing_tab.fetch_item,
        data=BillingTabItemShape,
        refusals=(InvalidParameter,),
    ),
    Operation(
        "deleteBillingTabItem",
        "DELETE",
        f"{_TAB}/item/{{billing_tab_item_id}}",
        billing_tab.delete_item,
        refusals=(InvalidParameter, InvalidObjectState),
        empty=True,
    ),
    Operation(
        "getBillingTabSettings",
        "GET",
        f"{_TAB}/settings",
        billing_tab.fetch_settings,
        data=BillingTabSettingsShape,
        refusals=(InvalidParameter,),
    ),
    Operation(
        "updateBillingTabSettings",
        "PUT",
        f"{_TAB}/settings",
        billing_tab.store_settings,
        fields=BillingTabSettingsFields,
        data=BillingTabSettingsShape,
        example=billing_tab.SETTINGS,
    ),
    Operation(
        "createBillingTabSettings",
        "POST",
        f"{_TAB}/settings",
        billing_tab.store_settings,
        fields=BillingTabSettingsFields,
        data=BillingTabSettingsShape,
        example=billing_tab.SETTINGS,
    ),
    Operation(
        "deleteBillingTabSettings",
        "DELETE",
        f"{_TAB}/settings",
        billing_tab.delete_settings,
        refusals=(InvalidParameter,),
        empty=True,
    ),
    Operation(
        "getBillingTabById",
        "GET",
        f"{_TAB}/{{billing_tab_id}}",
        billing_tab.fetch,
        data=BillingTabShape,
        refusals=(InvalidParameter,),
    ),
    Operation(
        "deleteBillingTab",
        "DELETE",
        f"{_TAB}/{{billing_tab_id}}",
        billing_tab.delete,
        refusals=(InvalidParameter, InvalidObjectState),
        empty=True,
    ),
    Operation(
        "listItems", "GET", "/item", item.listing, data=list[ItemShape], meta=ListMeta, listed=item.LISTED
    ),
    Operation(
        "createItem",
        "POST",
        "/item",
        item.create,
        fields=ItemFields,
        data=ItemShape,
        example=item.EXAMPLE,
        refusals=(ReadOnlyParameter,),
    ),
    Operation("getItem", "GET", "/item/{item_no}", item.fetch, data=ItemShape),
    Operation(
        "updateItem",
        "PUT",
        "/item/{item_no}",
        item.update,
        fields=ItemChanges,
        data=ItemShape,
        example=item.CHANGE,
        refusals=(ReadOnlyParameter,),
    ),
    Operation("deleteItem", "DELETE", "/item/{item_no}", item.delete, data=EmptyShape),
    Operation("getSettings", "GET", "/settings", settings.fetch, data=SettingsShape),
    Operation(
        "updateSettings",
        "PUT",
        "/settings",
        settings.update,
        fields=Settings,
        data=SettingsShape,
        example=settings.EXAMPLE,
    ),
    Operation("getLogotype", "GET", "/logotype", pictures.fetch_logotype, data=PictureShape),
    Operation(
        "createLogotype",
        "POST",
        "/logotype",
        pictures.store_logotype,
        fields=PictureFields,
        data=PictureShape,
        example=pictures.EXAMPLE,
    ),
    Operation(
        "updateLogotype",
        "PUT",
        "/logotype",
        pictures.store_logotype,
        fields=PictureFields,
        data=PictureShape,
        example=pictures.EXAMPLE,
    ),
    Operation("deleteLogotype", "DELETE", "/logotype", pictures.delete_logotype, data=EmptyShape),
    Operation("getCoverphoto", "GET", "/coverphoto", pictures.fetch_coverphoto, data=PictureShape),
    Operation(
        "createCoverphoto",
        "POST",
        "/coverphoto",
        pictures.store_coverphoto,
        fields=PictureFields,
        data=PictureShape,
        example=pictures.EXAMPLE,
    ),
    Operation("deleteCoverphoto", "DELETE", "/coverphoto", pictures.delete_coverphoto, data=EmptyShape),
    Operation(
        "listReports",
        "GET",
        "/report",
        report.listing,
        data=list[ListedReportShape],
        meta=ListMeta,
        listed=report.LISTED,
    ),
    Operation("getReport", "GET", "/report/{filename}", report.fetch, data=ReportShape),
    Operation(
        "listBillograms",
        "GET",
        "/billogram",
        billogram.listing,
        data=list[CompactBillogramShape],
        meta=BillogramListMeta,
        listed=billogram.LISTED,
    ),
    Operation(
        "createBillogram",
        "POST",
        "/billogram",
        billogram.create,
        fields=BillogramFields,
        data=BillogramShape,
        example=billogram.EXAMPLE,
        refusals=(ReadOnlyParameter, InvalidParameterCombination, PermissionDenied),
    ),
    Operation("getBillogram", "GET", "/billogram/{id}", billogram.fetch, data=BillogramShape),
    Operation(
        "updateBillogram",
        "PUT",
        "/billogram/{id}",
        billogram.update,
        fields=BillogramChanges,
        data=BillogramShape,
        example=billogram.CHANGE,
        refusals=(
            ReadOnlyParameter,
            InvalidParameterCombination,
            InvalidObjectState,
            PermissionDenied,
        ),
    ),
    Operation(
        "deleteBillogram",
        "DELETE",
        "/billogram/{id}",
        billogram.delete,
        data=EmptyShape,
        refusals=(InvalidObjectState,),
    ),
    Operation(
        "getBillogramPdf",
        "GET",
        "/billogram/{id}.pdf",
        pdf.fetch,
        data=PdfFileShape,
        query=pdf.QUERY,
        refusals=(NotAvailableYet,),
    ),
    Operation(
        "getBillogramAttachment",
        "GET",
        "/billogram/{id}/attachment.pdf",
        pdf.attachment,
        data=AttachmentShape,
    ),
    Operation(
        "commandBillogram",
        "POST",
        "/billogram/{id}/command/{command}",
        commands.command,
        data=BillogramShape,
        refusals=(InvalidObjectState,),
    ),
    Operation(
        "listBillogramEvents",
        "GET",
        "/billogram_event",
        billogram_event.listing,
        data=list[ListedEventShape],
        meta=ListMeta,
        listed=billogram_event.LISTED,
    ),
    Operation(
        "listPaymentSources",
        "GET",
        "/payment_source",
        payment_source.listing,
        data=list[PaymentSourceShape],
        meta=ListMeta,
        query=payment_source.QUERY,
        refusals=(MissingQueryParameter,),
        empty=True,
    ),
    Operation(
        "cancelPaymentSource",
        "POST",
        "/payment_source/{id}/cancel",
        payment_source.cancel,
        fields=NoFields,
        data=PaymentSourceShape,
        example={},
        refusals=(InvalidObjectState, InvalidParameter),
    ),
    Operation(
        "createSepaDdMandate",
        "POST",
        "/sepa_dd_mandate",
        payment_source.create,
        fields=MandateFields,
        data=MandateShape,
        example=payment_source.IMPORT,
    ),
    Operation(
        "migrateSepaDdMandate",
        "POST",
        "/sepa_dd_mandate/migrate",
        payment_source.migrate,
        fields=MigrationFields,
        data=MigratedMandateShape,
        example=payment_source.MIGRATE,
    ),
    Operation(
        "listOffers",
        "GET",
        "/offer",
        offer.listing,
        data=list[OfferShape],
        meta=ListMeta,
        query=offer.QUERY,
        listed=offer.LISTED,
        refusals=(MissingQueryParameter,),
    ),
    Operation(
        "createOffer",
        "POST",
        "/offer",
        offer.create,
        fields=OfferFields,
        data=OfferShape,
        example=offer.EXAMPLE,
        refusals=(ReadOnlyParameter, InvalidParameterCombination),
    ),
    Operation("getOffer", "GET", "/offer/{offer_id}", offer.fetch, data=OfferShape),
    Operation(
        "updateOffer",
        "PUT",
        "/offer/{offer_id}",
        offer.update,
        fields=OfferChanges,
        data=OfferShape,
        example=offer.CHANGE,
        refusals=(ReadOnlyParameter, PermissionDenied),
    ),
)


@cache
def known_operations() -> dict[str, tuple[str, str | None]]:
    """Method and path of each row, and its command, by the name in the OpenAPI document: path or id."""
    found: dict[str, tuple[str, str | None]] = {}
    for row in OPERATIONS:
        name = f"{row.method} {row.path}"
        found[name] = found[row.id] = name, None
        if "{command}" in row.path:
            for word, command in commands.COMMANDS.items():
                found[name.replace("{command}", word)] = found[command.id] = name, word
    return found
