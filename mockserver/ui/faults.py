"""Faults: those that are active with their hits, and the form that creates one."""

from mockserver.ui.page import Page, PageCall

_MEMBERS = ("operation", "fail", "latency", "times", "after", "probability")


async def overview(call: PageCall) -> Page:
    """Show the faults of the account, oldest first."""
    create = call.form(
        "createFault",
        body={"operation": "POST /billogram", "fail": "status:503", "times": 1},
        only=_MEMBERS,
        title="Create a fault",
        choices={"operation": {each: each for each in call.operations.of_api()}},
    )
    remove = call.form("deleteFaults", submit="Remove all faults")
    return Page("faults.html", {"found": await call.get("faults"), "create": create, "remove": remove})
