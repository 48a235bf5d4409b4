"""The journal of the requests to Billogram's API (reference: control 1)."""

from decimal import Decimal
from enum import Enum
from typing import Any, TypedDict

from msgspec import Raw

from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError
from mockserver.masking import masked_url
from mockserver.traffic import Entry
from mockserver.wire import encode_rows


class ExplanationShape(TypedDict):
    rule: str
    message: str
    compared: dict[str, Any]


class RequestShape(TypedDict):
    id: str
    at: Shown
    method: str
    path: str
    status: int | None
    error: str | None
    body: str
    body_size: int
    explanation: ExplanationShape | None
    duration_ms: float | None


async def listing(call: ControlCall) -> Answer:
    """`GET …/requests?method=&status=&error=&after=&limit=`: the journal of requests, oldest first.

    `after` is the id of a request in the journal.
    """
    live = await call.live()
    timezone = await call.emulator.read(live, lambda state: state.account.timezone)
    method, status, error = call.query("method"), call.query("status"), call.query("error")
    if status is not None and not (status.isascii() and status.isdigit()):
        raise ControlError(400, "invalid_query", "status is not a number", "an HTTP status such as 400")
    after = call.query("after")
    entries = call.traffic.entries(live.stream)
    if after is not None:
        known = call.traffic.find(live.stream, after)
        entries = [each for each in entries if known is None or each.number > known.number]
    chosen = [
        each
        for each in entries
        if method in (None, each.method)
        and status in (None, str(each.status))
        and error in (None, each.error)
    ]
    limit = call.number("limit", 1000, 1000)
    page = (
        chosen[:limit] if after is not None else chosen[-limit:]
    )  # the first after `after`, else the newest
    return Answer(Raw(await encode_rows(page, lambda each: render_request(each, timezone))))


def render_request(entry: Entry, timezone: str) -> RequestShape:
    """Render a journal entry; for a refused request with the rule and the values that it compared."""
    explanation: ExplanationShape | None = None
    if entry.rule is not None:
        explanation = {
            "rule": entry.rule,
            "message": entry.message or "",
            "compared": {name: plain(value) for name, value in (entry.compared or {}).items()},
        }
    return {
        "id": entry.id,
        "at": format_moment(entry.at, timezone),
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "error": entry.error,
        "body": entry.body.decode("utf-8", "replace"),
        "body_size": entry.body_size,
        "explanation": explanation,
        "duration_ms": None if entry.duration_ms is None else round(entry.duration_ms, 3),
    }


def plain(value: Any) -> Any:
    """Convert a compared value to JSON."""
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, bool | int | Decimal) or value is None:
        return value
    return masked_url(str(value.value if isinstance(value, Enum) else value))
