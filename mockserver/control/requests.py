"""The journal of the requests to Billogram's API (reference: control 1)."""

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypedDict

from msgspec import Raw

from mockserver.control import paging
from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError, unknown
from mockserver.emulator import LiveAccount
from mockserver.masking import masked_url
from mockserver.schema import Form, Schema, one_word, string
from mockserver.traffic import Entry
from mockserver.wire import encode_rows

CLIENT, DASHBOARD, ALL = "client", "dashboard", "all"
SENDERS = (CLIENT, DASHBOARD)
WORDS = ("true", "false")
QUERY: dict[str, Schema] = {
    "method": string(minimum=1),
    "status": {"type": "integer"},
    "error": string(minimum=1),
    "refused": one_word(WORDS),
    "sender": one_word((*SENDERS, ALL)) | {"default": CLIENT},
    **paging.QUERY,
}


class ExplanationShape(TypedDict):
    rule: str
    message: str
    compared: dict[str, Any]


class RequestShape(TypedDict):
    id: str
    at: Shown
    sender: Annotated[str, Form(one_word(SENDERS))]
    method: str
    path: str
    status: int | None
    error: str | None
    body: str
    body_size: int
    explanation: ExplanationShape | None
    duration_ms: float | None


class KeptRequestShape(RequestShape):
    """A request with what it was answered: cut, and null when the journal does not have it any more."""

    answer: str | None
    answer_size: int


async def listing(call: ControlCall) -> Answer:
    """`GET …/requests?method=&status=&error=&refused=&sender=`: the journal of requests, oldest first.

    Those of the dashboard are left out, unless `sender` asks for them. An id that the journal does not have
    is taken for that of an older request.
    """
    live = await call.live()
    timezone = await call.emulator.read(live, lambda state: state.account.timezone)
    method, status, error = call.query("method"), call.query("status"), call.query("error")
    refused, sender = call.query("refused"), call.query("sender") or CLIENT
    if status is not None and not (status.isascii() and status.isdigit()):
        raise ControlError(400, "invalid_query", "status is not a number", "an HTTP status such as 400")
    if refused not in (None, *WORDS):
        raise ControlError(400, "invalid_query", "refused is neither true nor false", "true or false")
    if sender not in (*SENDERS, ALL):
        raise ControlError(400, "invalid_query", "unknown sender", f"known: {', '.join((*SENDERS, ALL))}")

    def wanted(each: Entry) -> bool:
        return (
            method in (None, each.method)
            and status in (None, str(each.status))
            and error in (None, each.error)
            and refused in (None, WORDS[each.rule is None])
            and sender in (ALL, SENDERS[each.dashboard])
        )

    entries = call.traffic.entries(live.stream)
    found = await call.page().of(entries, lambda each: each.id, wanted, forgets=True)
    return Answer(Raw(await encode_rows(found, lambda each: render_request(each, timezone))))


async def fetch(call: ControlCall) -> Answer:
    """`GET …/requests/{id}`: one request of the journal, with its answer."""
    live = await call.live()
    timezone = await call.emulator.read(live, lambda state: state.account.timezone)
    entry = find_request(call, live)
    answer = None if entry.answer is None else entry.answer.decode("utf-8", "replace")
    kept: KeptRequestShape = {
        **render_request(entry, timezone),
        "answer": answer,
        "answer_size": entry.answer_size,
    }
    return Answer(kept)


def find_request(call: ControlCall, live: LiveAccount) -> Entry:
    """Return the journal's entry of the request that the path names. Raises ControlError."""
    entry = call.traffic.find(live.stream, call.params["id"])
    if entry is None:
        raise unknown("request", call.params["id"], f"GET /_mock/accounts/{live.id}/requests")
    return entry


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
        "sender": SENDERS[entry.dashboard],
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
