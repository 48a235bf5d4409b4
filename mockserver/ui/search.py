"""Search: by id, invoice number, OCR number, and number or name of a customer."""

from collections.abc import Mapping
from typing import Any

from mockserver.ui.page import Page, PageCall

_MOST = 50


async def found(call: PageCall) -> Page:
    """Go to the only match, or list all. A whole id or number counts more than a part of one."""
    text = call.query.get("q", "").strip()[:200]
    billograms, customers = [], []
    if text:
        billograms = (await call.get("billograms", search=text, limit=_MOST))[::-1]
        customers = (await call.get("customers", search=text, limit=_MOST))[::-1]
    targets = [
        *((call.url("billograms", each["id"]), _billogram_names(each)) for each in billograms),
        *(
            (call.url("customers", str(each["customer_no"])), [str(each["customer_no"])])
            for each in customers
        ),
    ]
    whole = [target for target, names in targets if text in names]
    for matches in (whole, [target for target, _ in targets]):
        if len(matches) == 1:
            return Page(status=303, location=matches[0])
    return Page(
        "search.html", {"text": text, "billograms": billograms, "customers": customers, "limit": _MOST}
    )


def _billogram_names(billogram: Mapping[str, Any]) -> list[str]:
    return [str(billogram[name]) for name in ("id", "invoice_no", "ocr_number")]
