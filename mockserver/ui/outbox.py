"""The outbox: what was sent to recipients, as they see it. Nothing here opens a recipient's link."""

from mockserver.ui.page import Page, PageCall

PAGE = 50


async def listing(call: PageCall) -> Page:
    """Show what was sent, newest first."""
    asked = {name: call.query.get(name) for name in ("billogram", "before", "after")}
    found = await call.get("outbox", limit=PAGE, **asked)
    move = call.form("advanceClock", body={"by": "30d"})
    return Page("outbox.html", {"asked": asked, "found": found[::-1], "limit": PAGE, "move": move})


async def one(call: PageCall) -> Page:
    """Show one e-mail, SMS, letter or e-invoice as the recipient sees it, with its PDF."""
    found = await call.get("outbox", call.params["letter_id"])
    return Page("outbox_letter.html", {"m": found})
