"""Resource `report` (reference: api 7, behaviour 6.8)."""

import asyncio
from base64 import b64encode
from datetime import date
from time import perf_counter

from mockserver.api.call import Call, answer
from mockserver.api.listing import Listed, answer_list, read_query, select
from mockserver.api.rendering import timestamp
from mockserver.api.shapes import ListedReportShape, ReportShape
from mockserver.core import agenda, calendar, reports
from mockserver.core.bookkeeping import SEK, Books, Voucher
from mockserver.core.events import Record, ReportsMade
from mockserver.core.model import Report
from mockserver.core.state import ACCOUNT
from mockserver.documents.report_files import render
from mockserver.emulator import Emulator, LiveAccount

_SLICE = 0.005  # seconds of work after which other requests get their turn

LISTED: Listed[Report] = Listed(
    number=lambda each: each.number,
    filters={"filename": lambda each: each.filename},
    orders={
        "filename": lambda each: each.filename,
        "created_at": lambda each: each.made_at.isoformat(),
    },
    types=("field", "field-prefix", "field-search"),
)


async def listing(call: Call) -> bytes:
    """`GET /report`: lists reports without their content, in the order of their creation [A]."""
    query = read_query(LISTED, call.query)
    found = await call.read(lambda state: sorted(state.reports.values(), key=lambda each: each.number))
    matches = await select(LISTED, query, found)
    return await answer_list(matches[query.start : query.stop], render_listed, {"total_count": len(matches)})


async def fetch(call: Call) -> bytes:
    """`GET /report/{filename}`: one report, with its content in base64."""
    report = await call.read(lambda state: reports.find(state, call.params["filename"]))
    content = await content_of(call.emulator, call.live, report)
    shown: ReportShape = {**render_listed(report), "content": b64encode(content).decode()}
    return answer(shown)


def render_listed(report: Report) -> ListedReportShape:
    """A report as a list shows it."""
    kind = reports.KINDS[report.kind]
    return {
        "filename": report.filename,
        "type": kind.type,
        "file_type": kind.file_type,
        "info": reports.info(report),
        "created_at": timestamp(report.made_at),
    }


async def content_of(emulator: Emulator, live: LiveAccount, report: Report) -> bytes:
    """Return the file of a report, made from the acts of its month and before."""
    books, vouchers = await read_books(emulator, live, report)
    return await asyncio.to_thread(render, report, books, vouchers)


async def read_books(
    emulator: Emulator, live: LiveAccount, report: Report | None = None
) -> tuple[Books, list[Voucher]]:
    """Return the books of an account and all vouchers: now, or as they were for a report.

    A report is about the end of its month, or about the moment at which it was ordered, if that is earlier.
    """
    books, vouchers = Books(), list[Voucher]()
    started = perf_counter()
    async for record in emulator.log.read(live.stream):
        if report is not None and _is_after(books, record, report):
            break
        vouchers += books.apply(record)
        if perf_counter() - started > _SLICE:
            await asyncio.sleep(0)
            started = perf_counter()
    return books, vouchers


async def read_months(
    emulator: Emulator, live: LiveAccount, first: date, last: date
) -> list[tuple[date, str]]:
    """Return the months of a span that have reports, each with a currency: with a voucher, or an open claim
    at the end. Both ends of the span are first days of months.
    """
    books = Books()
    found: set[tuple[date, str]] = set()
    month: date | None = None
    started = perf_counter()
    async for record in emulator.log.read(live.stream):
        if books.state.count(ACCOUNT):
            day = calendar.local_date(record.at, books.state.account.timezone).replace(day=1)
            while month is not None and month < day:
                found.update((month, currency) for currency in books.state.open_currencies)
                month = agenda.next_month(month)
            month = day if month is None else month
        found.update((each.day.replace(day=1), each.currency) for each in books.apply(record))
        if perf_counter() - started > _SLICE:
            await asyncio.sleep(0)
            started = perf_counter()
    while month is not None and month <= last:  # nothing has happened since
        found.update((month, currency) for currency in books.state.open_currencies)
        month = agenda.next_month(month)
    spanned = [each for each in found if first <= each[0] <= last]
    return sorted(spanned, key=lambda each: (each[0], each[1] != SEK, each[1]))


def _is_after(books: Books, record: Record, report: Report) -> bool:
    for event in record.events:
        if isinstance(event, ReportsMade) and report in event.reports:
            return True
    if not books.state.count(ACCOUNT):
        return False
    day = calendar.local_date(record.at, books.state.account.timezone)
    return day >= agenda.next_month(report.month)
