"""The sums of an account by month, and its billograms by state (reference: ui 2)."""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Annotated, Any, TypedDict
from weakref import WeakKeyDictionary

from msgspec import UNSET

from mockserver.api.shapes import STATES
from mockserver.control.call import Answer, ControlCall
from mockserver.core import calendar, events, money
from mockserver.core.model import Billogram, Internal, Sums
from mockserver.core.showing import as_number
from mockserver.core.state import BILLOGRAM, Packed, State
from mockserver.emulator import LiveAccount
from mockserver.schema import Form, one_word, string
from mockserver.wire import sliced

_INVOICED, _PAID, _CREDITED, _LOST = range(4)
_LOSSES = (events.Writeoff, events.UnderpaymentSettled, events.ConfirmedLoss)

Entries = tuple[tuple[str, str, int, Decimal], ...]  # currency, month, one of the four above, amount


class MonthShape(TypedDict):
    """What happened in a month, and what is outstanding at its end."""

    month: Annotated[str, Form(string(pattern=r"^\d{4}-\d{2}$"))]
    invoiced: int | Decimal
    paid: int | Decimal
    credited: int | Decimal
    lost: int | Decimal
    outstanding: int | Decimal


class CurrencyShape(TypedDict):
    """The months of one currency, from the first one with an amount to the last, without gaps."""

    currency: str
    months: list[MonthShape]


class StateCountShape(TypedDict):
    state: Annotated[str, Form(one_word(STATES))]
    count: int


class OverviewShape(TypedDict):
    currencies: list[CurrencyShape]
    states: list[StateCountShape]


async def fetch(call: ControlCall) -> Answer:
    """`GET …/overview`: shows money by month, and how many billograms are in each state."""
    live = await call.live()
    totals = _TOTALS.get(live)
    if totals is None or totals.timezone != live.account.timezone:
        totals = _TOTALS[live] = _Totals(live.account.timezone)
    async with totals.lock:
        table, states = await call.emulator.read(live, _snapshot)
        async for part in sliced(totals.changed(table)):
            totals.enter(part)
        shown: OverviewShape = {"currencies": totals.rendered(), "states": states}
    return Answer(shown)


def _snapshot(state: State) -> tuple[list[Any], list[StateCountShape]]:
    counted: list[StateCountShape] = [
        {"state": each, "count": count}
        for each in STATES
        if (count := len(state.bucket_of_state(each).order))
    ]
    return list(state.raw_table(BILLOGRAM).values()), counted


class _Totals:
    """The sums of all billograms by currency and month.

    What a billogram adds is kept with the billogram, which never changes. So only those that were replaced
    since the last request are added up again.
    """

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self.lock = asyncio.Lock()  # one request at a time brings the sums up to date
        self._seen: list[Any] = []  # the table of billograms at the last request
        self._kept: dict[int, tuple[Billogram, Entries]] = {}  # by the number of the billogram
        self._sums: dict[str, dict[str, list[Decimal]]] = {}  # by currency and month

    def changed(self, table: list[Any]) -> list[Any]:
        """Return the billograms that were not there at the last request. None is ever removed."""
        found = [each for each, was in zip_longest(table, self._seen) if each is not was]
        self._seen = table
        return found

    def enter(self, billograms: Sequence[Any]) -> None:
        """Add billograms that are new, and replace what others added before."""
        kept = self._kept
        for each in billograms:
            billogram: Billogram = each.unpacked() if type(each) is Packed else each
            found = kept.get(billogram.number)
            if found is not None:
                if found[0] is billogram:
                    continue
                self._add(found[1], money.negated)
            entries = tuple(_entries(billogram, self.timezone))
            kept[billogram.number] = billogram, entries
            self._add(entries, None)

    def _add(self, entries: Entries, change: Any) -> None:
        for currency, month, kind, amount in entries:
            sums = self._sums.setdefault(currency, {}).setdefault(month, [money.ZERO] * 4)
            sums[kind] = money.add(sums[kind], amount if change is None else change(amount))

    def rendered(self) -> list[CurrencyShape]:
        """Return the months of each currency."""
        return [{"currency": each, "months": list(_months(self._sums[each]))} for each in sorted(self._sums)]


# The accounts that were shown, while they are open
_TOTALS: WeakKeyDictionary[LiveAccount, _Totals] = WeakKeyDictionary()


def _months(sums: dict[str, list[Decimal]]) -> Iterator[MonthShape]:
    used = sorted(month for month, row in sums.items() if any(row))
    outstanding = money.ZERO
    month = used[0] if used else ""
    while used and month <= used[-1]:
        invoiced, paid, credited, lost = sums.get(month, [money.ZERO] * 4)
        outstanding = money.subtract(money.add(outstanding, invoiced), money.add(paid, credited, lost))
        yield {
            "month": month,
            "invoiced": as_number(invoiced),
            "paid": as_number(paid),
            "credited": as_number(credited),
            "lost": as_number(lost),
            "outstanding": as_number(outstanding),
        }
        year, number = int(month[:4]), int(month[5:])
        month = f"{year + number // 12:04}-{number % 12 + 1:02}"


def _entries(billogram: Billogram, timezone: str) -> Iterator[tuple[str, str, int, Decimal]]:
    """Yield what the events of a billogram add to the sums of their months, from its attest on [A].

    A sold claim is no longer outstanding: what remained of it is `lost`, and what follows is not counted.
    """
    if billogram.internal is Internal.DELETED:
        return
    currency, attested = billogram.content.terms.currency, False
    last, demanded, waived, received = Sums(), money.ZERO, money.ZERO, money.ZERO
    for event in billogram.events:
        attested = attested or event.effect.internal is not UNSET
        sold, sums = isinstance(event, events.BillogramSold), event.sums
        if not attested or (sums == last and not sold):
            continue
        month = calendar.local_date(event.mark.at, timezone).isoformat()[:7]
        were, demanded, waived, received = (demanded, waived, received), *_parts(sums)
        added = money.subtract(demanded, were[0])
        if isinstance(event, _LOSSES):
            kind, added = _LOST, money.negated(added)
        elif sums.total < 0:  # a stand-alone credit
            kind, added = _CREDITED, money.negated(added)
        else:
            kind = _INVOICED
        for name, amount in (
            (kind, added),
            (_LOST, money.subtract(waived, were[1])),
            (_PAID, money.subtract(received, were[2])),
            (_CREDITED, money.subtract(last.credited, sums.credited)),
        ):
            if amount:
                yield currency, month, name, amount
        if sold:
            yield currency, month, _LOST, sums.remaining
            return
        last = sums


def _parts(sums: Sums) -> tuple[Decimal, Decimal, Decimal]:
    """Return what was demanded, what of it was waived, and what was received."""
    return (
        money.add(sums.gross, sums.rounding_value, sums.reminder_fee, sums.interest_fee),
        money.subtract(sums.rounding_value, sums.rounding),
        money.negated(money.add(sums.paid, sums.collector_paid)),
    )
