"""Reports: which are made and when, and the debtors' ledger (reference: api 7, behaviour 6.8)."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Literal

from msgspec import Struct

from mockserver.core import agenda, calendar, events, money
from mockserver.core.act import Act
from mockserver.core.bookkeeping import SEK, unpaid
from mockserver.core.model import Billogram, Internal, Report
from mockserver.core.refusal import NotFound
from mockserver.core.state import State

_DAY = timedelta(days=1)
SIE, SIE_PDF = "sie4", "sie4_report"
LEDGER_PDF, LEDGER_CSV = "debtors_ledger_pdf", "debtors_ledger_csv"


class Kind(Struct, frozen=True):
    """One kind of report: the end of its file name, and what the API shows of it [C; values A]."""

    suffix: str
    type: Literal["sie4", "sie4 report", "debtors ledger journal"]
    file_type: Literal["text/plain", "application/pdf", "text/csv"]
    info: str


KINDS = {
    SIE: Kind("sie4.si", "sie4", "text/plain", "Bookkeeping"),
    SIE_PDF: Kind("sie4_report.pdf", "sie4 report", "application/pdf", "Bookkeeping report"),
    LEDGER_PDF: Kind("debtors_ledger.pdf", "debtors ledger journal", "application/pdf", "Debtors ledger"),
    LEDGER_CSV: Kind("debtors_ledger.csv", "debtors ledger journal", "text/csv", "Debtors ledger"),
}
COLUMNS = (
    *("customer_no", "name", "invoice_no", "ocr_number", "invoice_date", "due_date", "currency"),
    *("total_sum", "remaining_principal", "remaining_fees", "remaining_sum"),
)


class OpenClaim(Struct, frozen=True):
    """One line of the debtors' ledger. A stand-alone credit has negative sums [A]."""

    customer_no: int
    name: str
    invoice_no: int
    ocr_number: str
    invoice_date: date
    due_date: date
    currency: str
    total_sum: Decimal
    remaining_principal: Decimal
    remaining_fees: Decimal
    remaining_sum: Decimal


def make_monthly(act: Act, due: agenda.Due) -> None:
    """Make the reports of the month before, for each currency that had a voucher or has an open claim."""
    covered = calendar.local_date(due.at, act.account.timezone)
    month = (covered - _DAY).replace(day=1)
    booked = [currency for currency, waiting in act.state.report_plan.booked if waiting == month]
    currencies = sorted({*booked, *act.state.open_currencies}, key=lambda each: (each != SEK, each))
    made = _made(act, [(month, currency) for currency in currencies], KINDS)
    act.add(events.ReportsMade(made, covered=covered))


def order(act: Act, months: Iterable[tuple[date, str]], kinds: Iterable[str]) -> list[Report]:
    """Make the reports of these months and currencies now, and return them.

    Earlier reports of the same names are replaced [A].
    """
    made = _made(act, months, tuple(kinds))
    if made:
        act.add(events.ReportsMade(made))
    return list(made)


def _made(act: Act, months: Iterable[tuple[date, str]], kinds: Iterable[str]) -> tuple[Report, ...]:
    number = count(act.state.report_plan.made + 1)
    return tuple(
        [
            Report(
                f"{month:%Y-%m}{'' if currency == SEK else f'_{currency}'}_{KINDS[kind].suffix}",
                next(number),
                kind,
                month,
                currency,
                act.now,
                act.account.settings,
            )
            for month, currency in months
            for kind in kinds
        ]
    )


def info(report: Report) -> str:
    """Return the title of a report, for people. It does not name the currency [A]."""
    return f"{KINDS[report.kind].info} {report.month:%Y-%m}"


def find(state: State, filename: str) -> Report:
    """Return the report with this name. Raise NotFound when there is none."""
    found = state.reports.get(filename)
    if found is None:
        message = f"no report with id={filename} was found"  # [R]
        raise NotFound(message, rule="object.exists", filename=filename)
    return found


def open_claims(state: State, currency: str) -> list[OpenClaim]:
    """Return the debtors' ledger: claims that are sent, not ended and not sold, by invoice number."""
    found = [_claim(each) for each in state.billograms.values() if _is_open(each, currency)]
    return sorted(found, key=lambda each: each.invoice_no)


def _is_open(billogram: Billogram, currency: str) -> bool:
    is_claimed = billogram.internal in (Internal.UNPAID, Internal.COLLECTION)
    return is_claimed and billogram.content.terms.currency == currency


def _claim(billogram: Billogram) -> OpenClaim:
    assert billogram.invoice_no is not None, "it was sent"
    assert billogram.ocr_number is not None, "it was sent"
    terms, sums = billogram.content.terms, billogram.sums
    principal = unpaid(billogram)
    return OpenClaim(
        customer_no=billogram.recipient.customer_no,
        name=billogram.recipient.name,
        invoice_no=billogram.invoice_no,
        ocr_number=billogram.ocr_number,
        invoice_date=terms.invoice_date,
        due_date=terms.due_date,
        currency=terms.currency,
        total_sum=sums.total,
        remaining_principal=principal,
        remaining_fees=money.subtract(sums.remaining, principal),
        remaining_sum=sums.remaining,
    )


def ledger_csv(claims: Iterable[OpenClaim]) -> bytes:
    """Return the debtors' ledger as CSV: UTF-8, `;`, CRLF, a head line, quoted as RFC 4180 says [A]."""
    rows = [COLUMNS, *([_shown(getattr(claim, name)) for name in COLUMNS] for claim in claims)]
    return "".join(f"{';'.join(map(_quoted, row))}\r\n" for row in rows).encode("utf-8", "replace")


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if set(';"\r\n') & set(text) else text
