"""The list of accounts."""

from mockserver.ui.page import Page, PageCall, page_url

_CREATED = ("id", "key", "fixture", "clock.mode", "seed", "timezone", "market")


async def listing(call: PageCall) -> Page:
    """Show all accounts, and the form that creates one."""
    create = call.form(
        "createAccount",
        body={"id": "", "key": "", "fixture": "demo", "clock": {"mode": "frozen"}},
        only=_CREATED,
        title="Create an account",
        then=page_url("accounts", "{id}").replace("%7B", "{").replace("%7D", "}"),
    )
    return Page("accounts.html", {"found": await call.client.get("accounts"), "create": create})
