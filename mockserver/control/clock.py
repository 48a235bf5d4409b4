"""The clock of an account, and its agenda: what will happen when (reference: control 1, behaviour 6.1)."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Raw
from pydantic import Field

from mockserver.api.billogram_event import render_listed
from mockserver.clock_runner import Moved
from mockserver.control import paging
from mockserver.control.call import DURATION, Answer, Body, ControlCall, Moment, Shown, ShownEvent, Zone
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError
from mockserver.core import accounts, agenda, calendar
from mockserver.core.act import Act
from mockserver.core.agenda import Due
from mockserver.core.events import BillogramEvent, Record
from mockserver.core.model import Account, replace
from mockserver.core.state import State
from mockserver.emulator import LiveAccount
from mockserver.schema import Form, one_word
from mockserver.wire import encode_rows


class ClockBody(Body):
    mode: Literal["live", "frozen"] | None = None
    now: Moment | None = None
    timezone: Zone | None = None
    speed: Annotated[float, Field(gt=0, le=1_000_000)] | None = None


class AdvanceBody(Body):
    """Exactly one of `by` (a duration), `to` (a moment) and `until` (`next`) must be given."""

    by: Annotated[str, Field(min_length=1, max_length=100), Form(DURATION)] | None = None
    to: Moment | None = None
    until: Literal["next"] | None = None
    dry_run: bool = False


class ClockShape(TypedDict):
    mode: Annotated[str, Form(one_word(("live", "frozen")))]
    now: Shown
    timezone: str
    speed: float


class HappenedShape(TypedDict):
    at: Shown
    rule: str
    billogram: str | None
    events: list[ShownEvent]


# `from` is a word of Python
MovedShape = TypedDict(
    "MovedShape", {"from": Shown, "to": Shown, "count": int, "happened": list[HappenedShape]}
)


class DueShape(TypedDict):
    at: Shown
    rule: str
    billogram: str | None
    reason: str


ADVANCE = {"by": "30d"}
CLOCK = {"mode": "frozen"}


async def fetch(call: ControlCall) -> Answer:
    """`GET …/clock`: shows the time and mode of the clock."""
    live = await call.live()
    return Answer(await call.emulator.read(live, lambda _: _shown_clock(call, live)))


async def put(call: ControlCall) -> Answer:
    """`PUT …/clock`: sets mode, time zone or speed, or moves the clock to a later moment."""
    body = call.typed_body(ClockBody)
    live = await call.live()
    given = body.given()
    timezone, now = given.pop("timezone", None), given.pop("now", None)

    def decide(act: Act) -> None:
        account = replace(act.account, clock=call.emulator.clock_after(act, given))
        accounts.change(act, account if timezone is None else replace(account, timezone=timezone))

    if now is None:
        await call.emulator.execute(live, decide, cause=call.request_id, rule="clock")
    else:
        await call.emulator.time.advance(live, _to(now, live), cause=call.request_id, finish=decide)
    shown_clock = await call.emulator.read(live, lambda _: _shown_clock(call, live), gone_too=True)
    return Answer(shown_clock)


async def advance(call: ControlCall) -> Answer:
    """`POST …/clock/advance`: moves the clock. It answers when all that was due is committed."""
    body = call.typed_body(AdvanceBody)
    live = await call.live()
    target = _target(body, live)
    moved = await call.emulator.time.advance(live, target, cause=call.request_id, dry_run=body.dry_run)
    return Answer(_render_moved(call, moved, live.account.timezone))


def _target(body: AdvanceBody, live: LiveAccount) -> Callable[[datetime], datetime | None]:
    given = [name for name in ("by", "to", "until") if getattr(body, name) is not None]
    if len(given) != 1:
        raise ControlError(
            400,
            "invalid_body",
            "exactly one of by, to and until must be given",
            'such as {"by": "30d"}, {"to": "2026-04-02T08:00:00+02:00"} or {"until": "next"}',
        )
    if body.to is not None:
        return _to(body.to, live)
    if body.by is not None:
        return _by(body.by, live)
    return lambda _: None if (due := live.state.agenda.head()) is None else due.at


def _by(span: str, live: LiveAccount) -> Callable[[datetime], datetime]:
    def target(now: datetime) -> datetime:
        try:
            return calendar.after(now, span, live.account.timezone)
        except ValueError as error:
            raise ControlError(
                400, "invalid_body", f"by: {error}", "a duration such as 30d, P1M or 2h"
            ) from None

    return target


def _to(moment: datetime, live: LiveAccount) -> Callable[[datetime], datetime]:
    def target(now: datetime) -> datetime:
        if moment < now:
            hint = f"it shows {format_moment(now, live.account.timezone)}; time moves forward only"
            raise ControlError(409, "clock_backwards", "the clock can't be moved back", hint)
        return moment

    return target


def _render_moved(call: ControlCall, moved: Moved, timezone: str) -> MovedShape:
    return {
        "from": format_moment(moved.start, timezone),
        "to": format_moment(moved.end, timezone),
        "count": moved.count,
        "happened": [_render_act(call, record, timezone) for record in moved.happened],
    }


def _render_act(call: ControlCall, record: Record, timezone: str) -> HappenedShape:
    public = [event for event in record.events if isinstance(event, BillogramEvent)]
    return {
        "at": format_moment(record.at, timezone),
        "rule": record.rule,
        "billogram": next(iter(record.billograms), None),
        "events": [render_listed(event) for event in public],
    }


async def upcoming(call: ControlCall) -> Answer:
    """`GET …/agenda?until=&billogram=&limit=`: lists what happens next to each object, the soonest first."""
    live = await call.live()
    until, key = _until(call), call.query("billogram")
    limit = None if call.query("limit") is None else call.number("limit", 1, paging.MOST)

    def view(state: State) -> tuple[Account, list[tuple[Due, Any]]]:
        if key is not None:
            keys = [key, *(payment.id for payment in state.payments_of(key))]
            entries = sorted(due for each in keys if (due := state.agenda.of(each)) is not None)[:limit]
        else:
            entries = state.agenda.entries(limit)
        return state.account, [
            (due, state.agenda_object(due.key)) for due in entries if until is None or due.at <= until
        ]

    account, found = await call.emulator.read(
        live, view
    )  # these values are immutable, so they can be rendered later

    return Answer(Raw(await encode_rows(found, lambda row: render_due(*row, account))))


def render_due(due: Due, subject: agenda.Subject, account: Account) -> DueShape:
    """Render an entry of the agenda; `subject` is its object."""
    key, reason = agenda.reason(due, subject, account)
    return {
        "at": format_moment(due.at, account.timezone),
        "rule": due.rule,
        "billogram": key,
        "reason": reason,
    }


def _until(call: ControlCall) -> datetime | None:
    text = call.query("until")
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that was not percent-encoded
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ControlError(
            400, "invalid_query", "until is not a moment", "ISO 8601 with zone, such as 2026-04-02T00:00:00Z"
        )
    return found


def _shown_clock(call: ControlCall, live: LiveAccount) -> ClockShape:
    return render_clock(live.account, call.emulator.now(live))


def render_clock(account: Account, now: datetime) -> ClockShape:
    """Render a clock: mode, time in the account's time zone, time zone and speed."""
    return {
        "mode": account.clock.mode,
        "now": format_moment(now, account.timezone),
        "timezone": account.timezone,
        "speed": account.clock.speed,
    }
