"""Coverage: what the traffic of clients has exercised, as bars and lists."""

from mockserver.ui.page import Page, PageCall


async def overview(call: PageCall) -> Page:
    """Show the coverage of the account by group; a group that is named in the query is open."""
    found = await call.get("coverage")
    clear = call.form(
        "deleteCoverage",
        submit="Count anew",
        confirm="Forget what this account has exercised, and begin to count anew?",
    )
    return Page("coverage.html", {"found": found, "clear": clear})
