"""The timeline: requests, acts, deliveries and attempts, as list or stream (reference: control 1).

It is a view of the log and of the deliveries. Only the requests come from the journal, which is bounded and
is lost with the process. Every row has a key, and later rows have greater keys. So the list and the live
stream show the same rows, and both can continue after any row.
"""

import asyncio
import contextlib
from bisect import bisect
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from time import monotonic, perf_counter
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from msgspec import Raw

from mockserver.api.billogram_event import render_listed
from mockserver.control.call import Answer, ControlCall, Shown, Uuid
from mockserver.control.deliveries import AttemptShape, format_moment, render_attempt
from mockserver.control.errors import ControlError
from mockserver.core import events
from mockserver.core.events import AttemptMade, BillogramEvent, Record
from mockserver.core.state import State
from mockserver.ledger import AccountGone, LiveAccount, Move
from mockserver.log.interface import LogFailed
from mockserver.masking import masked_url
from mockserver.schema import Form, component
from mockserver.traffic import Entry
from mockserver.webhooks.deliveries import Delivery
from mockserver.wire import SLICE, encode

_MOST = 10_000  # rows of one answer
_AT_ONCE = 500  # rows in a chunk of a stream
_BEAT = 15.0  # seconds without rows after which a live stream sends a comment as keep-alive

_LONG = 0.5  # seconds after which a running move of the clock is reported
_EVERY = 0.25  # seconds between two reports of progress
PROGRESS = "progress"
KINDS = ("request", "act", "delivery", "attempt", "refusal", PROGRESS)

_REQUEST, _ACT, _DELIVERY, _LATER = range(4)


class RowKey(NamedTuple):
    """The place of a row: the position of its act, and the order of the rows of one act.

    A refusal has the `number` of the last note before it, and its own number in `refusal`.
    """

    position: int
    kind: int
    number: int = 0
    refusal: int = 0


_START = RowKey(0, 0)


class Wanted(NamedTuple):
    """The filter of rows, by billogram and by kind; None matches any."""

    billogram: str | None
    kind: str | None

    def has(self, row: "TimelineShape") -> bool:
        """Return whether the filter matches a row."""
        return self.kind in (None, row["kind"]) and (
            self.billogram is None or self.billogram in row["billograms"]
        )


class ChangeShape(TypedDict):
    billogram: str
    before: str | None
    after: str


class TimelineEventShape(TypedDict):
    """An event, with the state that its callback shows."""

    type: Annotated[str, Form(component("EventType"))]
    created_at: str
    data: Annotated[dict[str, Any] | None, Form(component("EventData"))]
    event_uuid: Uuid
    billogram_id: str
    state: str


class TimelineShape(TypedDict):
    """A row of the timeline; its members depend on `kind`."""

    id: str
    at: Shown
    kind: Literal["request", "act", "delivery", "attempt", "refusal"]
    cause: str
    billograms: list[str]
    # request, refusal
    method: NotRequired[str]
    path: NotRequired[str]
    status: NotRequired[int | None]
    error: NotRequired[str | None]
    rule: NotRequired[str]  # of an act, too
    message: NotRequired[str]
    # act
    position: NotRequired[int]
    events: NotRequired[list[TimelineEventShape]]
    records: NotRequired[list[str]]
    changes: NotRequired[list[ChangeShape]]
    # delivery, attempt
    delivery: NotRequired[str]
    callback_id: NotRequired[Uuid]
    callback_type: NotRequired[str]
    event_type: NotRequired[str | None]
    url: NotRequired[str]
    attempt: NotRequired[AttemptShape]


async def fetch(call: ControlCall) -> Answer:
    """`GET …/timeline?billogram=&kind=&after=&limit=`: lists what happened, oldest first.

    As `text/event-stream` it continues with new rows. There, events `progress`, without id, report how far a
    long move of the clock has come.
    """
    live = await call.live()
    await call.emulator.read(live, lambda _: None)  # executes what is due
    await call.emulator.read_all(lambda: None)  # waits until past attempts are durable
    key, wanted = call.query("after"), Wanted(call.query("billogram"), call.query("kind"))
    if wanted.kind not in (None, *KINDS):
        raise ControlError(400, "invalid_query", "unknown kind", f"known: {', '.join(KINDS)}")
    if "text/event-stream" in call.headers.get("accept", ""):
        last = call.headers.get("last-event-id")
        after = _parsed("Last-Event-ID", last, live) if last else _parsed("after", key, live)
        return Answer(stream=_live(call, live, after, wanted))
    limit = call.number("limit", 1000, _MOST)
    rows: list[Raw] = []  # encoded one by one, so that others get their turn
    try:
        async with contextlib.aclosing(_rows(call, live, _parsed("after", key, live), wanted)) as found:
            async for _, row in found:
                rows.append(Raw(encode(row)))
                if len(rows) == limit:
                    break
    except LogFailed:
        if live.gone:  # its stream of the log was dropped
            raise AccountGone(live.id) from None
        raise
    return Answer(rows)


def _parsed(name: str, text: str | None, live: LiveAccount) -> RowKey:
    """Parse the id of a row to its key; an id of before a reset gives the start."""
    if text is None:
        return _START
    parts = text.split(".")
    if len(parts) != 5 or not all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts):
        raise ControlError(
            400,
            "invalid_query",
            f"{name} is not the id of a row",
            "take the id of the last row that you have",
        )
    generation, *key = map(int, parts)
    return RowKey(*key) if generation == live.account.generation else _START


class _Progress:
    """The progress reports of long moves of an account's clock."""

    def __init__(self, live: LiveAccount) -> None:
        self._live = live
        self._move: Move | None = None
        self._next = 0.0  # monotonic seconds of the next report
        self._reported = False

    def event(self) -> bytes:
        """Return a report if one is due, else b"". The last report of a move is made at its end."""
        if self._move is None:
            if self._live.move is None:
                return b""
            self._move = self._live.move
            self._next, self._reported = self._move.begun + _LONG, False
        move, now = self._move, monotonic()
        if move.ended:
            self._move = None
            return self._as_event(move) if self._reported else b""
        if now < self._next:
            return b""
        self._next, self._reported = now + _EVERY, True
        return self._as_event(move)

    def pause(self) -> float | None:
        """Return the seconds until the next report; None if no move is running."""
        if self._move is None:
            return None if self._live.move is None else 0.0
        return max(0.0, self._next - monotonic())

    def _as_event(self, move: Move) -> bytes:
        live = self._live
        zone = live.account.timezone
        data = {
            "from": format_moment(move.start, zone),
            "to": format_moment(move.end, zone),
            "now": format_moment(min(max(live.durable_last, move.start), move.end), zone),
            "count": bisect(move.acts, live.durable),
        }
        return f"event: {PROGRESS}\n".encode() + b"data: " + encode(data) + b"\n\n"


async def _live(call: ControlCall, live: LiveAccount, after: RowKey, wanted: Wanted) -> AsyncIterator[bytes]:
    """Yield the rows as server-sent events, then new ones; after a reset those of the new account."""
    yield b": the timeline\n\n"
    notes = 0  # position of the last note that was sent: notes up to it are not read again
    progress = _Progress(live) if wanted.kind in (None, PROGRESS) else None
    while True:
        if live.gone:
            if live.successor is None:
                return
            live, after, notes = live.successor, _START, 0
            progress = None if progress is None else _Progress(live)
        seen = live.signal.count
        chunk: list[bytes] = []
        try:
            async with contextlib.aclosing(_rows(call, live, after, wanted, notes)) as rows:
                async for key, row in rows:
                    after, notes = key, max(notes, key.number if key.kind == _LATER else 0)
                    chunk.append(_as_event(row))
                    if len(chunk) == _AT_ONCE:
                        yield b"".join(chunk) + (b"" if progress is None else progress.event())
                        chunk.clear()
        except LogFailed:
            if not live.gone:  # its stream of the log was dropped
                raise
        chunk.append(b"" if progress is None else progress.event())
        if data := b"".join(chunk):
            yield data
        pause = None if progress is None else progress.pause()
        try:
            async with asyncio.timeout(_BEAT if pause is None else pause):
                await live.signal.wait(seen)
        except TimeoutError:
            if pause is None:
                yield b": still here\n\n"


def _as_event(row: TimelineShape) -> bytes:
    return f"id: {row['id']}\nevent: {row['kind']}\n".encode() + b"data: " + encode(row) + b"\n\n"


async def _rows(
    call: ControlCall, live: LiveAccount, after: RowKey, wanted: Wanted, notes: int = 0
) -> AsyncGenerator[tuple[RowKey, TimelineShape], None]:
    """Yield the durable rows after a key, in order. The first `notes` notes are skipped."""
    if wanted.kind == PROGRESS:
        return
    source = _Source(call, live)
    durable, noted = live.durable, live.durable_notes
    later = deque(await source.later(after, notes, durable, noted))
    begun = perf_counter()
    async for record in call.emulator.log.read(live.stream, max(0, after.position - 1)):
        if record.position > durable:
            break
        found = []
        while later and later[0][0].position < record.position:
            found.append(later.popleft())
        found += source.act(record)
        while later and later[0][0].position == record.position:
            found.append(later.popleft())
        for key, row in found:
            if key > after and wanted.has(row):
                yield key, row
        if perf_counter() - begun > SLICE:
            await asyncio.sleep(0)
            begun = perf_counter()


class _Source:
    """Renders the rows of one account."""

    def __init__(self, call: ControlCall, live: LiveAccount) -> None:
        self._call = call
        self._live = live
        self._state: State = live.state
        self._deliveries = call.sender.deliveries(live)
        self._timezone = live.account.timezone

    def _row(
        self, key: RowKey, at: datetime, kind: str, cause: str, billograms: list[str], **more: Any
    ) -> Any:
        name = ".".join(map(str, (self._live.account.generation, *key)))
        shown_at = format_moment(at, self._timezone)
        return {"id": name, "at": shown_at, "kind": kind, "cause": cause, "billograms": billograms, **more}

    def act(self, record: Record) -> list[tuple[RowKey, TimelineShape]]:
        """Return the rows of an act: the request that caused it, the act itself, its deliveries."""
        public = [event for event in record.events if isinstance(event, BillogramEvent)]
        billograms = record.billograms
        found: list[tuple[RowKey, TimelineShape]] = []
        entry = self._call.traffic.find(self._live.stream, record.cause)
        if entry is not None:
            found.append(self._request(RowKey(record.position, _REQUEST), "request", entry, billograms))
        key = RowKey(record.position, _ACT)
        row = self._row(
            key,
            record.at,
            "act",
            record.cause,
            billograms,
            rule=record.rule,
            position=record.position,
            events=[render_listed(event) | {"state": event.state} for event in public],
            records=[type(e).__name__ for e in record.events if not isinstance(e, BillogramEvent)],
            changes=_changes(self._state, public),
        )
        found.append((key, row))
        generation = self._live.account.generation
        for index in range(len(record.events)):
            delivery = self._deliveries.by_id.get(f"{generation}-{record.position}-{index}")
            if delivery is not None:
                key = RowKey(record.position, _DELIVERY, index)
                found.append((key, self._delivery(key, delivery.planned.at, "delivery", delivery)))
        return found

    async def later(
        self, after: RowKey, notes: int, durable: int, noted: int
    ) -> list[tuple[RowKey, TimelineShape]]:
        """Return the attempts and refusals after a key; each belongs between two acts."""
        found: list[tuple[RowKey, TimelineShape]] = []
        if self._live.notes_stream is not None and notes < noted:
            async for record in self._call.emulator.log.read(self._live.notes_stream, notes):
                if record.position > noted:
                    break
                found += self._attempts(record, after, durable)
        for entry in self._call.traffic.entries(self._live.stream):
            if entry.after is not None:
                key = RowKey(entry.after[0], _LATER, *entry.after[1:])
                if after < key and key.position <= durable and key.number <= noted:
                    found.append(self._request(key, "refusal", entry, []))
        return sorted(found, key=lambda each: each[0])

    def _attempts(self, record: Record, after: RowKey, durable: int) -> list[tuple[RowKey, TimelineShape]]:
        found: list[tuple[RowKey, TimelineShape]] = []
        for made in record.events:
            assert isinstance(made, AttemptMade), "nothing else is noted"
            key = RowKey(made.after, _LATER, record.position)
            if after < key and made.after <= durable:
                delivery = self._deliveries.by_id[made.delivery]
                row = self._delivery(key, made.at, "attempt", delivery)
                row["attempt"] = render_attempt(delivery, made, self._timezone)
                found.append((key, row))
        return found

    def _delivery(self, key: RowKey, at: datetime, kind: str, delivery: Delivery) -> TimelineShape:
        planned = delivery.planned
        row: TimelineShape = self._row(
            key,
            at,
            kind,
            planned.cause,
            [] if planned.billogram is None else [planned.billogram],
            delivery=delivery.id,
            callback_id=planned.callback_id,
            callback_type=planned.type,
            event_type=planned.event_type,
            url=masked_url(planned.url),
        )
        return row

    def _request(
        self, key: RowKey, kind: str, entry: Entry, billograms: list[str]
    ) -> tuple[RowKey, TimelineShape]:
        more: dict[str, Any] = {"method": entry.method, "path": entry.path}
        if kind == "refusal":
            more |= {
                "status": entry.status,
                "error": entry.error,
                "rule": entry.rule,
                "message": entry.message,
            }
            billograms = [
                part for part in entry.path.split("?")[0].split("/") if part in self._state.billograms
            ]
        return key, self._row(key, entry.at, kind, entry.id, billograms, **more)


def _changes(state: State, public: Sequence[BillogramEvent]) -> list[ChangeShape]:
    """Return the public states of each billogram before and after an act, if they differ."""
    last: dict[str, BillogramEvent] = {event.mark.billogram: event for event in public}
    first: dict[str, BillogramEvent] = {event.mark.billogram: event for event in reversed(public)}
    found: list[ChangeShape] = []
    for key, event in last.items():
        before, after = _state_before(state, first[key]), _state_after(event)
        if before != after:
            found.append({"billogram": key, "before": before, "after": after})
    return found


def _state_before(state: State, event: BillogramEvent) -> str | None:
    if isinstance(event, events.BillogramCreated):
        return None
    if isinstance(event, events.Deleted):
        return "Unattested"
    history = state.billograms[event.mark.billogram].events
    place = next((index for index, each in enumerate(history) if each.mark.uuid == event.mark.uuid), 0)
    return _state_after(history[place - 1]) if place else "Unattested"  # a deleted billogram has no history


def _state_after(event: BillogramEvent) -> str:
    """Return the state after the last event of an act: that of its callback, but never `Sending`."""
    return "Unpaid" if isinstance(event, events.BillogramSent) else event.state
