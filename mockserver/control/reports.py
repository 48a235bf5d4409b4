"""Reports as files, reports on request, and the vouchers they are made from (reference: control 1)."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypedDict
from urllib.parse import quote

from pydantic import Field, model_validator

from mockserver.api.report import content_of, read_books, read_months
from mockserver.api.report import render_listed as as_listed
from mockserver.api.shapes import ReportType
from mockserver.control.call import Answer, Body, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError, unknown
from mockserver.core import calendar, reports, sie
from mockserver.core.act import Act
from mockserver.core.bookkeeping import SEK, balances
from mockserver.core.model import Account, Report
from mockserver.core.showing import as_number
from mockserver.core.state import State
from mockserver.schema import Form, Schema, string

MONTH = "^[1-9][0-9]{3}-(0[1-9]|1[0-2])$"
MONTH_QUERY: dict[str, Schema] = {"month": string(pattern=MONTH), "currency": string(pattern="^[A-Z]{3}$")}
FILE_TYPES = tuple(dict.fromkeys(kind.file_type for kind in reports.KINDS.values()))
Month = Annotated[str, Field(pattern=MONTH, description="a month, such as 2026-03")]
MonthShape = Annotated[str, Form(string(pattern=MONTH))]


class ReportOrder(Body):
    """The months to make reports of, both included, and the types; without types all of them."""

    from_: Annotated[Month, Field(alias="from")]
    to: Month
    types: Annotated[list[ReportType], Field(min_length=1, max_length=3)] | None = None

    @model_validator(mode="after")
    def _check_span(self) -> "ReportOrder":
        if self.to < self.from_:
            raise ValueError("to is before from")
        return self


ORDER = {"from": "2026-03", "to": "2026-03"}


class ReportFileShape(TypedDict):
    """A report. `file` is the path of the file itself, and `created_at` in the zone of the account."""

    filename: str
    type: ReportType
    file_type: Literal["text/plain", "application/pdf", "text/csv"]
    info: str
    month: MonthShape
    currency: str
    created_at: Shown
    file: Annotated[str, Form(string(description="the path of the file in the control plane"))]


class LegShape(TypedDict):
    """A line of a voucher: debit is positive. `objects` are dimension and object of an income account."""

    account: str
    name: str
    amount: int | Decimal
    objects: list[list[str]]


class VoucherShape(TypedDict):
    """A voucher; `billogram` is null for money that is on no billogram. Its legs add up to 0."""

    number: int
    date: Annotated[str, Form(string(format="date"))]
    text: str
    billogram: str | None
    legs: list[LegShape]


class BalanceShape(TypedDict):
    """The change of an account in the month, and its balance at the end; debit is positive."""

    account: str
    name: str
    change: int | Decimal
    balance: int | Decimal


class VouchersShape(TypedDict):
    """The books of one month. `months` and `currencies` are those with vouchers."""

    month: MonthShape
    currency: str
    series: str
    months: list[MonthShape]
    currencies: list[str]
    vouchers: list[VoucherShape]
    balances: list[BalanceShape]


async def listing(call: ControlCall) -> Answer:
    """`GET …/reports`: lists the reports, oldest first. Each has the path of its file."""
    live = await call.live()
    page = call.page()
    found, account = await call.emulator.read(
        live, lambda state: (sorted(state.reports.values(), key=lambda each: each.number), state.account)
    )
    rows = await page.of(found, lambda each: each.filename)
    return Answer([_shown(each, account) for each in rows])


async def fetch(call: ControlCall) -> Answer:
    """`GET …/reports/{filename}`: the file of a report, with its content type."""
    live, filename = await call.live(), call.params["filename"]

    def view(state: State) -> Report:
        report = state.reports.get(filename)
        if report is None:
            raise unknown("report", filename, "GET …/reports")
        return report

    report = await call.emulator.read(live, view)
    content = await content_of(call.emulator, live, report)
    return Answer(content, media_type=reports.KINDS[report.kind].file_type)


async def create(call: ControlCall) -> Answer:
    """`POST …/reports`: makes the reports of a span of months, as they are now.

    A month without a voucher and without an open claim at its end has none. A report of the same name is
    replaced. The running month is reported as far as it has come [A].
    """
    live, order = await call.live(), call.typed_body(ReportOrder)
    first, last = _day(order.from_), _day(order.to)
    account = await call.emulator.read(live, lambda state: state.account)
    today = calendar.local_date(call.emulator.now(live), account.timezone)
    if last > today:
        raise ControlError(
            400,
            "refused",
            f"to: {order.to} has not begun",
            f"the month of this account's clock is {today:%Y-%m}",
        )
    months = await read_months(call.emulator, live, first, last)
    kinds = [key for key, kind in reports.KINDS.items() if order.types is None or kind.type in order.types]
    made: list[Report] = []

    def decide(act: Act) -> None:
        made[:] = reports.order(act, months, kinds)

    await call.emulator.execute(live, decide, cause=call.request_id, rule="report")
    return Answer([_shown(each, account) for each in made], status=201)


async def vouchers(call: ControlCall) -> Answer:
    """`GET …/vouchers?month=&currency=`: the vouchers of a month, with the balances of the accounts.

    Without a month it is the month of the account's clock; without a currency SEK.
    """
    live = await call.live()
    month, currency = call.query("month"), call.query("currency") or SEK
    account = await call.emulator.read(live, lambda state: state.account)
    first = calendar.local_date(call.emulator.now(live), account.timezone).replace(day=1)
    if month is not None:
        first = _month(month)
    books, every = await read_books(call.emulator, live)
    own = [each for each in every if each.currency == currency]
    numbered = sie.numbered(own, first, account.settings)
    upto = [each for each in own if (each.day.year, each.day.month) <= (first.year, first.month)]
    names = sie.Names(books.account_names, books.dimension_names, books.object_names)
    changes = balances([voucher for _, voucher in numbered])
    found: VouchersShape = {
        "month": f"{first:%Y-%m}",
        "currency": currency,
        "series": sie.series_of(account.settings),
        "months": sorted({f"{each.day:%Y-%m}" for each in own}),
        "currencies": sorted({each.currency for each in every}, key=lambda each: (each != SEK, each)),
        "vouchers": [
            {
                "number": number,
                "date": voucher.day.isoformat(),
                "text": voucher.text,
                "billogram": voucher.billogram,
                "legs": [
                    {
                        "account": leg.account,
                        "name": sie.account_name(names, leg.account),
                        "amount": _kronor(leg.amount),
                        "objects": [list(each) for each in leg.objects],
                    }
                    for leg in voucher.legs
                ],
            }
            for number, voucher in numbered
        ],
        "balances": [
            {
                "account": name,
                "name": sie.account_name(names, name),
                "change": _kronor(changes.get(name, 0)),
                "balance": _kronor(balance),
            }
            for name, balance in balances(upto).items()
        ],
    }
    return Answer(found)


def _shown(report: Report, account: Account) -> ReportFileShape:
    listed = as_listed(report)
    base = f"/_mock/accounts/{quote(account.id, safe='')}/reports"
    return {
        "filename": report.filename,
        "type": listed["type"],
        "file_type": listed["file_type"],
        "info": listed["info"],
        "month": f"{report.month:%Y-%m}",
        "currency": report.currency,
        "created_at": format_moment(report.made_at, account.timezone),
        "file": f"{base}/{report.filename}",
    }


def _month(text: str) -> date:
    """Return the first day of a month of a query."""
    if re.fullmatch(MONTH, text) is None:
        raise ControlError(400, "invalid_query", "month is no month", "write it as 2026-03")
    return _day(text)


def _kronor(ore: int) -> int | Decimal:
    return as_number(Decimal(ore).scaleb(-2))


def _day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
