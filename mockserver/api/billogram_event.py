"""Resource `billogram_event`: all events of one billogram (reference: api 9)."""

from mockserver.api.call import Call
from mockserver.api.listing import Listed, answer_list, read_query
from mockserver.api.rendering import render_event
from mockserver.api.shapes import ListedEventShape
from mockserver.core.events import BillogramEvent
from mockserver.core.state import State

LISTED: Listed[BillogramEvent] = Listed(
    number=lambda _: 0,
    filters={"billogram_id": lambda each: each.mark.billogram},
    orders={"created_at": lambda each: each.mark.at.isoformat()},
    types=("field",),
    strict=False,
    filtered=True,
)


async def listing(call: Call) -> bytes:
    """`GET /billogram_event`: lists the events of one billogram, oldest first; none for an unknown id [A]."""
    query = read_query(LISTED, call.query)
    assert query.filter is not None, "it is required"
    key = query.filter.value

    def view(state: State) -> tuple[BillogramEvent, ...]:
        billogram = state.billograms.get(key)
        return () if billogram is None else billogram.events

    events = await call.read(view)
    if query.descending and query.order:
        events = events[::-1]
    return await answer_list(events[query.start : query.stop], render_listed, {"total_count": len(events)})


def render_listed(event: BillogramEvent) -> ListedEventShape:
    """An event with the id of its billogram. Events inside a billogram do not have it [A]."""
    shown = render_event(event)
    return {
        "type": shown["type"],
        "created_at": shown["created_at"],
        "data": shown["data"],
        "event_uuid": shown["event_uuid"],
        "billogram_id": event.mark.billogram,
    }
