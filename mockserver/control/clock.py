"""The clock of an account (reference: control 1, behaviour 6.1)."""

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from mockserver.control.call import Answer, Body, ControlCall, Moment, Zone
from mockserver.control.errors import ControlError, not_built
from mockserver.core import accounts, calendar
from mockserver.core.act import Act
from mockserver.emulator import Book, Emulator


class ClockBody(Body):
    mode: Literal["live", "frozen"] | None = None
    now: Moment | None = None
    timezone: Zone | None = None
    speed: Annotated[float, Field(gt=0, le=1_000_000)] | None = None


class ClockShape(TypedDict):
    mode: str
    now: str
    timezone: str
    speed: float


async def fetch(call: ControlCall) -> Answer:
    """`GET …/clock`."""
    book = await call.book()
    return Answer(await call.emulator.read(book, lambda _: render_clock(call.emulator, book)))


async def put(call: ControlCall) -> Answer:
    """`PUT …/clock`: another mode, a later moment, another zone or speed."""
    body = call.read(ClockBody)
    book = await call.book()
    given = body.given()
    timezone = given.pop("timezone", None)

    def decide(act: Act) -> None:
        if body.now is not None:
            _check_move(act, body.now)
        changes: dict[str, object] = {"clock": call.emulator.clock_after(act, given)}
        if timezone is not None:
            changes["timezone"] = timezone
        accounts.change(act, changes)

    await call.emulator.execute(book, decide, cause=call.request_id, rule="clock")
    shown = await call.emulator.read(book, lambda _: render_clock(call.emulator, book), gone_too=True)
    return Answer(shown)


def _check_move(act: Act, now: datetime) -> None:
    """Forward only; with a sent billogram open not yet, as its due date could pass."""
    if now < act.now:
        hint = f"it shows {act.now.isoformat()}; time moves forward only"
        raise ControlError(409, "clock_backwards", "the clock can't be moved back", hint)
    if now > act.now and act.state.open_sent:
        raise not_built("a later clock while a sent billogram is open: its due date could pass")


def render_clock(emulator: Emulator, book: Book) -> ClockShape:
    """Mode, the moment it shows in the account's zone, zone and speed."""
    account = book.account
    now = emulator.now(book).astimezone(calendar.zone(account.timezone))
    return {
        "mode": account.clock.mode,
        "now": now.isoformat(),
        "timezone": account.timezone,
        "speed": account.clock.speed,
    }
