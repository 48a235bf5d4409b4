"""Billograms, as the API shows them and with what it does not show (reference: control 1)."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypedDict, cast

from msgspec import UNSET, Struct

from mockserver.api.billogram import find
from mockserver.api.billogram_view import render_billogram, shown_number
from mockserver.api.shapes import STATES, BillogramShape
from mockserver.control.call import Answer, ControlCall, Shown, Uuid
from mockserver.control.clock import DueShape, render_due
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError
from mockserver.control.machine import InternalState
from mockserver.control.paging import QUERY, Page, unplaced
from mockserver.control.payments import PaymentShape, render_payment
from mockserver.core import events, money
from mockserver.core.losses import WRITTEN_DOWN
from mockserver.core.machine import public_state
from mockserver.core.model import Billogram, Internal
from mockserver.core.showing import as_number
from mockserver.core.state import State, is_digits, merged_slice
from mockserver.emulator import Emulator, LiveAccount
from mockserver.schema import Schema, one_word, string
from mockserver.wire import sliced

# Swedish sorts these three after z
_LETTERS = str.maketrans({"å": "\U0010fffd", "ä": "\U0010fffe", "ö": "\U0010ffff"})

ORDERS: dict[str, Callable[[Billogram], Any]] = {
    "invoice_no": lambda each: shown_number(each) or 0,
    "customer": lambda each: each.recipient.name.casefold().translate(_LETTERS),
    "state": lambda each: STATES.index(public_state(each)),
    "total_sum": lambda each: each.sums.total,
    "remaining_sum": lambda each: each.sums.remaining,
    "due_date": lambda each: each.content.terms.due_date,
}

LIST_QUERY: dict[str, Schema] = {
    "state": string(minimum=1),
    "customer": {"type": "integer", "minimum": 1},
    "search": string(minimum=1),
    "order": one_word([sign + name for name in ORDERS for sign in ("", "-")]),
    **QUERY,
}


class LossesShape(TypedDict):
    """Money that will not be paid, by how it was given up. `written_down` is expected to be lost."""

    written_off: int | Decimal
    settled_underpayment: int | Decimal
    confirmed_loss: int | Decimal
    written_down: int | Decimal


class TakenShape(TypedDict):
    """A transition that a billogram has made, and the event that made it. `before` is null at creation."""

    at: Shown
    event: str
    event_uuid: Uuid
    before: InternalState | None
    after: InternalState


class BillogramInternalShape(TypedDict):
    """What the API does not show: `debits` are the planned direct debits."""

    state: InternalState
    agenda: DueShape | None
    debits: list[PaymentShape]
    losses: LossesShape
    transitions: list[TakenShape]


class InspectedBillogramShape(BillogramShape):
    """A billogram as the API shows it, and what the API does not show."""

    internal: BillogramInternalShape


class Wanted(Struct, frozen=True):
    """The filter of a list of billograms; None matches any. `state` may name several, joined by commas.

    `order` names a member of `ORDERS`, with a minus sign for the reverse. None is the order of creation.
    """

    state: str | None = None
    customer: int | None = None
    search: str | None = None
    order: str | None = None


async def listing(call: ControlCall) -> Answer:
    """`GET …/billograms?state=&customer=&search=&order=`: lists billograms, oldest first.

    `state` is a public state, or several, joined by commas. `search` finds words in id, invoice number, OCR
    number and name. Without `before` and `after` the newest are shown.
    """
    live = await call.live()
    return Answer(await list_billograms(call.emulator, live, call.base, _wanted(call), call.page()))


async def fetch(call: ControlCall) -> Answer:
    """`GET …/billograms/{id}`: one billogram."""
    live = await call.live()
    key = call.params["id"]
    return Answer(
        await call.emulator.read(live, lambda state: inspect_billogram(state, find(state, key), call.base))
    )


def _wanted(call: ControlCall) -> Wanted:
    number = call.query("customer")
    if number is not None and not (is_digits(number) and len(number) < 16):
        raise ControlError(400, "invalid_query", "customer is not a number", "the number of a customer")
    state = call.query("state")
    if unknown := [each for each in _words(state) if each not in _STATES]:
        hint = f"known: {', '.join(_STATES.values())}"
        raise ControlError(400, "invalid_query", f"unknown state: {', '.join(unknown)}", hint)
    order = call.query("order")
    if order is not None and order.removeprefix("-") not in ORDERS:
        raise ControlError(400, "invalid_query", f"unknown order: {order}", f"known: {', '.join(ORDERS)}")
    return Wanted(state, None if number is None else int(number), call.query("search"), order)


_STATES = {each.casefold(): each for each in STATES}


def _words(text: str | None) -> list[str]:
    return [] if text is None else [part.strip().casefold() for part in text.split(",")]


async def list_billograms(
    emulator: Emulator, live: LiveAccount, base: str, wanted: Wanted, page: Page
) -> list[InspectedBillogramShape]:
    """Return a page of the billograms that match. Only what is on the page is rendered.

    Raises ControlError if `before` or `after` of the page is no billogram.
    """
    rows: list[InspectedBillogramShape] = []

    async for part in sliced(await find_page(emulator, live, wanted, page)):
        rows += await emulator.read(live, partial(_inspected, part, base))
    return rows


async def find_page(emulator: Emulator, live: LiveAccount, wanted: Wanted, page: Page) -> list[Billogram]:
    """Return a page of the billograms that match, not rendered."""
    fits = _matcher(wanted)
    if wanted.order is not None:
        found = await emulator.read(live, lambda state: state.billograms_of(_numbers(state, wanted)))
        # in a thread: it would block other requests for too long
        found = await asyncio.to_thread(_sorted, found, wanted.order)
        return await page.of(found, lambda each: each.id, fits)

    def view(state: State) -> list[Billogram]:
        numbers = _numbers(state, wanted)
        start = 0 if page.after is None else bisect_right(numbers, _number(state, "after", page.after))
        stop = len(numbers)
        if page.before is not None:
            stop = bisect_left(numbers, _number(state, "before", page.before))
        window = numbers[start:stop]
        if fits is None:
            window = window[: page.limit] if page.after is not None else window[-page.limit :]
        return state.billograms_of(window)

    return await page.take(await emulator.read(live, view), fits)


def _sorted(found: list[Billogram], order: str) -> list[Billogram]:
    """Return billograms in an order; those with the same value stay in the order of creation."""
    return sorted(found, key=ORDERS[order.removeprefix("-")], reverse=order.startswith("-"))


def _numbers(state: State, wanted: Wanted) -> list[int]:
    """Return the numbers of the billograms that the index knows to match, in ascending order."""
    if wanted.customer is not None:
        return state.bucket_of_customer(wanted.customer).order
    if wanted.state is None:
        return state.bucket().order
    names = [_STATES[each] for each in dict.fromkeys(_words(wanted.state)) if each in _STATES]
    return merged_slice([state.bucket_of_state(each).order for each in names], 0, None)


def _number(state: State, name: str, key: str) -> int:
    billogram = state.billograms.get(key)
    if billogram is None:
        raise unplaced(name)
    return billogram.number


def _matcher(wanted: Wanted) -> Callable[[Billogram], bool] | None:
    """Return the part of a filter that is not in an index."""
    states = set(_words(wanted.state)) if wanted.customer is not None else set()
    words = [] if wanted.search is None else wanted.search.casefold().split()
    if not states and not words:
        return None

    def fits(each: Billogram) -> bool:
        if states and public_state(each).casefold() not in states:
            return False
        text = f"{each.id}\n{each.invoice_no}\n{each.ocr_number}\n{each.recipient.name}".casefold()
        return all(word in text for word in words)

    return fits


def _inspected(part: Sequence[Billogram], base: str, state: State) -> list[InspectedBillogramShape]:
    return [inspect_billogram(state, each, base) for each in part]


def inspect_billogram(state: State, billogram: Billogram, base: str) -> InspectedBillogramShape:
    """Render a billogram as the API shows it, and what the API does not show."""
    account = state.account
    keys = [billogram.id, *(payment.id for payment in state.payments_of(billogram.id))]
    entries = [due for key in keys if (due := state.agenda.of(key)) is not None]
    due = min(entries, default=None)
    planned = [] if billogram.debit is None else [state.payments[billogram.debit.payment]]
    internal: BillogramInternalShape = {
        "state": str(billogram.internal),
        "agenda": None if due is None else render_due(due, state.agenda_object(due.key), account),
        "debits": [render_payment(each, account.timezone) for each in planned],
        "losses": _losses(billogram),
        "transitions": _taken(billogram, account.timezone),
    }
    return cast("InspectedBillogramShape", render_billogram(billogram, base) | {"internal": internal})


def _taken(billogram: Billogram, timezone: str) -> list[TakenShape]:
    found: list[TakenShape] = []
    state: str | None = None
    for event in billogram.events:
        after = Internal.UNATTESTED if state is None else event.effect.internal
        if after is UNSET:
            continue
        found.append(
            {
                "at": format_moment(event.mark.at, timezone),
                "event": type(event).__name__,
                "event_uuid": event.mark.uuid,
                "before": state,
                "after": str(after),
            }
        )
        state = str(after)
    return found


def _losses(billogram: Billogram) -> LossesShape:
    lost = dict.fromkeys((events.Writeoff, events.UnderpaymentSettled, events.ConfirmedLoss), money.ZERO)
    marked = money.ZERO
    for event in billogram.events:
        if isinstance(event, events.Writeoff | events.UnderpaymentSettled | events.ConfirmedLoss):
            lost[type(event)] = money.add(lost[type(event)], event.amount)
        elif isinstance(event, events.Writedown):
            marked = event.amount
    return {
        "written_off": as_number(lost[events.Writeoff]),
        "settled_underpayment": as_number(lost[events.UnderpaymentSettled]),
        "confirmed_loss": as_number(lost[events.ConfirmedLoss]),
        "written_down": as_number(marked if WRITTEN_DOWN in billogram.flags else money.ZERO),
    }
