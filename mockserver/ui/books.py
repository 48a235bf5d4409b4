"""The books of an account: vouchers by month, balances, reports as files, and offers with their sales."""

from typing import Any

from mockserver.ui.page import Page, PageCall

PAGE = 100
_REPORTS = 200
_OFFER = ("offer_id", "title", "text", "info_link", "media.picture", "media.picture_type", "link_text")
_SALE = ("sale_type", "item.title", "item.price", "item.vat", "item.unit")
_CHANGEABLE = ("title", "text", "info_link", "media.picture", "media.picture_type")
_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="


async def vouchers(call: PageCall) -> Page:
    """Show the vouchers of a month with the balances of the accounts, and all reports."""
    asked = {name: call.query.get(name) for name in ("month", "currency")}
    found = await call.get("vouchers", **asked)
    reports = await call.get("reports", limit=_REPORTS)
    order = call.form(
        "createReports",
        body={"from": found["month"], "to": found["month"]},
        title="Make reports now",
        submit="Make reports",
    )
    by_month: dict[str, list[Any]] = {}
    for each in reports[::-1]:
        by_month.setdefault(each["month"], []).append(each)
    return Page(
        "books.html",
        {
            "found": found,
            "asked": asked,
            "months": sorted({found["month"], *found["months"]}, reverse=True),
            "reports": by_month,
            "order": order,
        },
    )


async def report(call: PageCall) -> Page:
    """Send the file of a report."""
    reply = await call.file("reports", call.params["filename"])
    return Page(content=reply.body, content_type=reply.headers["content-type"])


async def offers(call: PageCall) -> Page:
    """Show banners and sale offers, who accepted them, and the forms that create one."""
    found = await call.get("offers", limit=PAGE)
    media = {"picture": _PICTURE, "picture_type": "image/png"}
    shared: dict[str, Any] = {"title": "", "text": "", "media": media}
    return Page(
        "offers.html",
        {
            "found": [
                (
                    each,
                    call.form(
                        "updateOffer",
                        {"offer_id": each["offer_id"]},
                        each,
                        only=_CHANGEABLE,
                        title=f"Change {each['offer_id']}",
                    ),
                )
                for each in found
            ],
            "sale": call.form(
                "createOffer",
                body={
                    **shared,
                    "offer_id": "extra1",
                    "type": "sale",
                    "item": {"title": "Extra service", "price": 80, "vat": 25, "unit": "month"},
                },
                only=("type", *_OFFER, *_SALE),
                title="Create a sale offer",
                key="sale",
            ),
            "banner": call.form(
                "createOffer",
                body={
                    **shared,
                    "offer_id": "banner1",
                    "type": "banner",
                    "info_link": "https://example.com/",
                },
                only=("type", *_OFFER),
                title="Create a banner",
                key="banner",
            ),
        },
    )
