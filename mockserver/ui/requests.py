"""The journal of requests: what clients sent, what they were answered, and why they were refused."""

from typing import Any

from mockserver.ui.client import NotShown
from mockserver.ui.page import Page, PageCall
from mockserver.wire import BadJson, decode

PAGE = 50
_ACTS = 200
_ASKED = ("refused", "method", "status", "error", "sender", "before")


async def listing(call: PageCall) -> Page:
    """Show the requests of clients, newest first; those of the dashboard on request."""
    asked = {name: call.query.get(name) for name in _ASKED}
    found = await call.get("requests", limit=PAGE, **asked)
    return Page(
        "requests.html",
        {
            "found": found[::-1],
            "asked": asked,
            "limit": PAGE,
            "methods": ("GET", "POST", "PUT", "DELETE"),
            "filtered": any(asked[name] for name in ("refused", "method", "status", "error", "before")),
        },
    )


async def one(call: PageCall) -> Page:
    """Show one request with its answer; a refusal with why, and with the ways out as forms."""
    found = await call.get("requests", call.params["id"])
    explained = None
    if found["explanation"] is not None:
        try:
            explained = await call.get("requests", call.params["id"], "explain")
        except NotShown as problem:
            if problem.status != 409:
                raise
    path, _, query = found["path"].partition("?")
    whole = len(found["body"].encode()) == found["body_size"]
    again = None
    if whole and not query and found["method"] != "GET":
        again = call.form_of(found["method"], path, _value(found["body"]), title="Send it again")
    return Page(
        "request.html",
        {
            "r": found,
            "explained": explained,
            "again": again,
            "body": _shown(found["body"]),
            "answer": None if found["answer"] is None else _shown(found["answer"]),
            "acts": [] if found["explanation"] else await _acts(call, found["id"]),
        },
    )


async def _acts(call: PageCall, request: str) -> list[Any]:
    """Return the acts of a request, if they are among the newest of the account."""
    return [row for row in await call.get("timeline", kind="act", tail=_ACTS) if row["cause"] == request]


def _value(text: str) -> Any:
    """Return the JSON value of a body; None if it is empty or is not JSON."""
    try:
        return decode(text.encode()) if text else None
    except BadJson:
        return None


def _shown(text: str) -> Any:
    """Return a body for people: its JSON value, or the text if it is not whole or is not JSON."""
    value = _value(text)
    return text if value is None else value
