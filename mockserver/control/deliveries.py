"""Deliveries of callbacks: list, wait, replay; and the built-in receiver (reference: control 1)."""

import asyncio
import contextlib
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Raw
from pydantic import AfterValidator, Field

from mockserver.control.call import EXACT_DURATION, Answer, Body, ControlCall, Shown, Uuid
from mockserver.control.errors import ControlError, unknown
from mockserver.core import calendar, signature
from mockserver.core.events import AttemptMade
from mockserver.ledger import AccountGone
from mockserver.masking import masked_url, masked_urls
from mockserver.schema import Form, component, one_word
from mockserver.webhooks.deliveries import DELIVERED, STATUSES, Deliveries, Delivery, is_success
from mockserver.webhooks.sender import request_of
from mockserver.wire import encode_rows

_LONGEST_WAIT = 600  # seconds
_MOST_READERS = 1000
_BACKOFF = 4  # after a search, a wait pauses for this multiple of the time that the search took
_ARRIVED = 1000  # deliveries that the answer 408 of a wait shows


def _seconds(text: str) -> str:
    if not 0 <= calendar.absolute(text).total_seconds() <= _LONGEST_WAIT:
        raise ValueError("must be at most 10m")
    return text


class WaitBody(Body):
    callback_type: str | None = None
    event_type: str | None = None
    billogram: str | None = None
    count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    timeout: Annotated[str, AfterValidator(_seconds), Form(EXACT_DURATION)] = "5s"
    status: Literal["pending", "delivered", "failed", "dropped"] = "delivered"
    reader: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    idle: bool = False


class SentShape(TypedDict):
    headers: dict[str, str]
    body: str


class AttemptShape(TypedDict):
    at: Shown
    status_code: int | None
    error: str | None
    duration_ms: float
    replay: bool
    request: SentShape
    response: SentShape | None


class DeliveryShape(TypedDict):
    id: str
    callback_id: Uuid
    callback_type: str
    event_type: str | None
    billogram: str | None
    url: str
    status: Annotated[str, Form(one_word(STATUSES))]
    created_at: Shown
    next_attempt_at: Shown | None
    cause: str
    attempts: list[AttemptShape]


class InboxShape(TypedDict):
    delivery: str
    received_at: Shown
    headers: dict[str, str]
    body: str
    json: Annotated[Any, Form(component("Callback"))]
    signature_ok: bool | None


async def listing(call: ControlCall) -> Answer:
    """`GET …/deliveries?status=&type=&billogram=`: lists deliveries. `type` is a callback or event type."""
    deliveries, timezone = await _deliveries(call)
    status, kind, billogram = call.query("status"), call.query("type"), call.query("billogram")
    if status not in (None, *STATUSES):
        raise ControlError(400, "invalid_query", "unknown status", f"known: {', '.join(STATUSES)}")

    def wanted(each: Delivery) -> bool:
        planned = each.planned
        return (
            status in (None, each.status)
            and kind in (None, planned.type, planned.event_type)
            and billogram in (None, planned.billogram)
        )

    return await _answer(list(filter(wanted, deliveries.all())), timezone)


async def _answer(found: list[Delivery], timezone: str) -> Answer:
    return Answer(Raw(await encode_rows(found, lambda each: render_delivery(each, timezone))))


async def inbox(call: ControlCall) -> Answer:
    """`GET …/inbox`: lists what `mock:inbox`, the built-in receiver, has received."""
    deliveries, timezone = await _deliveries(call)
    received = list(deliveries.inbox)
    return Answer(Raw(await encode_rows(received, lambda row: _shown_in_inbox(*row, timezone))))


def _shown_in_inbox(each: Delivery, made: AttemptMade, timezone: str) -> InboxShape:
    request = request_of(each.planned, made.timestamp, made.signed)
    headers = {name.lower(): value for name, value in request.headers.items()}
    key = each.planned.sign_key
    return {
        "delivery": each.id,
        "received_at": format_moment(made.at, timezone),
        "headers": request.headers,
        "body": request.body.decode(),
        "json": Raw(request.body),
        "signature_ok": None if key is None else signature.problem(key, headers, request.body) is None,
    }


async def replay(call: ControlCall) -> Answer:
    """`POST …/deliveries/{id}/replay`: sends a callback again at once. The answer shows the result."""
    live = await call.live()
    deliveries, timezone = await _deliveries(call)
    delivery = deliveries.find(call.params["id"])
    if delivery is None:
        raise unknown("delivery", call.params["id"], "GET …/deliveries")
    if delivery.id not in deliveries.by_id:
        raise ControlError(
            409,
            "delivery_dropped",
            "this callback was planned before the last reset",
            "callbacks of before a reset are not sent after it; let the event happen again",
        )
    await call.sender.replay(live, delivery)
    return Answer(render_delivery(delivery, timezone))


async def wait(call: ControlCall) -> Answer:
    """`POST …/deliveries/wait`: waits until enough deliveries match, or none is pending.

    On timeout it answers 408 with the deliveries that arrived.
    """
    body = call.typed_body(WaitBody)
    clock = asyncio.get_running_loop().time
    deadline = clock() + calendar.absolute(body.timeout).total_seconds()
    while True:
        begun = clock()
        try:
            deliveries, timezone = await _deliveries(call)
        except AccountGone:  # it was reset or removed meanwhile; the deadline stays
            continue
        seen = deliveries.live.signal.count
        found = _find_awaited(deliveries, body)
        if found is not None:
            return await _answer(found, timezone)
        if begun >= deadline:
            return await _timed_out(body, deliveries, timezone)
        took = clock() - begun
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await deliveries.live.signal.wait(seen)
                await asyncio.sleep(took * _BACKOFF)


def _find_awaited(deliveries: Deliveries, body: WaitBody) -> list[Delivery] | None:
    """Return the awaited deliveries, or None if they are not there yet."""
    count = body.count if body.count is not None else 0 if body.idle else 1
    if body.idle and deliveries.busy:
        return None
    got = deliveries.readers.get(body.reader, set()) if body.reader is not None else set()
    found = [each for each in deliveries.all() if _matches(each, body) and each.id not in got]
    if len(found) < count:
        return None
    if body.reader is not None:
        found = found[:count] if count else found
        _mark_read(deliveries, body.reader, found)
    return found


def _mark_read(deliveries: Deliveries, reader: str, found: list[Delivery]) -> None:
    deliveries.readers.setdefault(reader, set()).update(each.id for each in found)
    if len(deliveries.readers) > _MOST_READERS:
        del deliveries.readers[next(iter(deliveries.readers))]


def _matches(each: Delivery, body: WaitBody) -> bool:
    planned = each.planned
    return (
        each.status == body.status
        and body.callback_type in (None, planned.type)
        and body.event_type in (None, planned.event_type)
        and body.billogram in (None, planned.billogram)
    )


async def _timed_out(body: WaitBody, deliveries: Deliveries, timezone: str) -> Answer:
    arrived = [each for each in deliveries.all() if each.status == DELIVERED][-_ARRIVED:]
    error = ControlError(
        408, "timeout", _describe_wait(body, deliveries), "see what arrived, and GET …/deliveries"
    )
    shown_ones = await encode_rows(arrived, lambda each: render_delivery(each, timezone))
    return Answer(error.body() | {"arrived": Raw(shown_ones)}, 408)


def _describe_wait(body: WaitBody, deliveries: Deliveries) -> str:
    """Describe what a wait asked for, and the deliveries that there are."""
    wanted = [
        f"{name} {value}"
        for name in ("count", "callback_type", "event_type", "billogram", "status", "reader")
        if (value := getattr(body, name)) is not None
    ]
    counts: dict[str, int] = {}
    errors = [""]
    for each in deliveries.all():
        counts[each.status] = counts.get(each.status, 0) + 1
        if each.attempts and not is_success(each.attempts[-1]):
            last = each.attempts[-1]
            errors.append(f"; the last failure: {masked_urls(last.error or f'status {last.status_code}')}")
    present = ", ".join(f"{number} {status}" for status, number in counts.items()) or "nothing was sent"
    goal = "until nothing was pending, " if body.idle else ""
    return f"waited {body.timeout} {goal}for {', '.join(wanted)}; now {present}{errors[-1]}"


async def _deliveries(call: ControlCall) -> tuple[Deliveries, str]:
    """Return the deliveries of the account in the path, after all that is due, and its time zone."""
    live = await call.live()
    timezone = await call.emulator.read(live, lambda state: state.account.timezone)
    return call.sender.deliveries(live), timezone


def format_moment(moment: datetime, timezone: str) -> str:
    """Format a moment as ISO 8601 in a time zone, that of the account."""
    return moment.astimezone(calendar.zone(timezone)).isoformat()


def render_delivery(each: Delivery, timezone: str) -> DeliveryShape:
    """Render a delivery with its attempts; times are in the time zone."""
    planned = each.planned
    return {
        "id": each.id,
        "callback_id": planned.callback_id,
        "callback_type": planned.type,
        "event_type": planned.event_type,
        "billogram": planned.billogram,
        "url": masked_url(planned.url),
        "status": each.status,
        "created_at": format_moment(planned.at, timezone),
        "next_attempt_at": None if each.next_at is None else format_moment(each.next_at, timezone),
        "cause": planned.cause,
        "attempts": [render_attempt(each, made, timezone) for made in each.attempts],
    }


def render_attempt(each: Delivery, made: AttemptMade, timezone: str) -> AttemptShape:
    """Render an attempt: the request, and the response (truncated)."""
    request = request_of(each.planned, made.timestamp, made.signed)
    answered = made.status_code is not None
    return {
        "at": format_moment(made.at, timezone),
        "status_code": made.status_code,
        "error": None if made.error is None else masked_urls(made.error),
        "duration_ms": made.duration_ms,
        "replay": made.replay,
        "request": {"headers": request.headers, "body": request.body.decode()},
        "response": {"headers": _headers(made), "body": made.body} if answered else None,
    }


def _headers(made: AttemptMade) -> dict[str, str]:
    parts = (line.partition(": ") for line in made.headers.splitlines())
    return {name: masked_urls(value) for name, _, value in parts}
