"""Reports as files: SIE, CSV and PDF, made from the books of an account (reference: behaviour 6.8)."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING

from mockserver.core import calendar, reports, sie
from mockserver.core.bookkeeping import Books, Voucher, balances
from mockserver.core.model import Report
from mockserver.core.reports import OpenClaim
from mockserver.documents.words import printable

if TYPE_CHECKING:
    from fpdf import FPDF

_HEADINGS = {
    "customer_no": "Kundnr",
    "name": "Namn",
    "invoice_no": "Fakturanr",
    "ocr_number": "OCR",
    "invoice_date": "Fakturadatum",
    "due_date": "Förfaller",
    "currency": "Valuta",
    "total_sum": "Belopp",
    "remaining_principal": "Kvar kapital",
    "remaining_fees": "Kvar avgifter",
    "remaining_sum": "Kvar totalt",
}
_SUMMED = ("total_sum", "remaining_principal", "remaining_fees", "remaining_sum")


def render(report: Report, books: Books, vouchers: Sequence[Voucher]) -> bytes:
    """Return the file of a report. `books` are those at its moment, with all vouchers so far."""
    if report.kind == reports.LEDGER_CSV:
        return reports.ledger_csv(reports.open_claims(books.state, report.currency))
    if report.kind == reports.LEDGER_PDF:
        return _ledger_pdf(report, reports.open_claims(books.state, report.currency))
    numbered = sie.numbered(
        [each for each in vouchers if each.currency == report.currency], report.month, report.settings
    )
    names = sie.Names(books.account_names, books.dimension_names, books.object_names)
    if report.kind == reports.SIE_PDF:
        return _vouchers_pdf(report, numbered, names)
    return sie.sie_file(
        numbered,
        series=sie.series_of(report.settings),
        settings=report.settings,
        names=names,
        made=calendar.local_date(report.made_at, books.state.account.timezone),
        month=report.month,
        currency=report.currency,
    )


def _vouchers_pdf(report: Report, numbered: Sequence[tuple[int, Voucher]], names: sie.Names) -> bytes:
    pdf = _new(report, "Bokföring", "P")
    series = sie.series_of(report.settings)
    rows: list[tuple[str, ...]] = []
    for number, voucher in numbered:
        for index, leg in enumerate(voucher.legs):
            first = (f"{series} {number}", f"{voucher.day}", voucher.text) if not index else ("", "", "")
            account = f"{leg.account} {sie.account_name(names, leg.account)}"
            rows.append((*first, account, *_sides(leg.amount)))
    widths = (14, 20, 54, 54, 24, 24)
    _table(pdf, ("Nr", "Datum", "Text", "Konto", "Debet", "Kredit"), rows, widths, 4)
    pdf.ln(6)
    sums = balances([voucher for _, voucher in numbered])
    rows = [(account, sie.account_name(names, account), *_sides(amount)) for account, amount in sums.items()]
    debit = sum(amount for amount in sums.values() if amount > 0)
    credit = sum(amount for amount in sums.values() if amount < 0)
    rows.append(("", "Summa", _money(debit), _money(-credit)))
    _table(pdf, ("Konto", "Namn", "Debet", "Kredit"), rows, (22, 100, 34, 34), 2, total=True)
    return bytes(pdf.output())


def _ledger_pdf(report: Report, claims: Sequence[OpenClaim]) -> bytes:
    pdf = _new(report, "Kundreskontra", "L")
    rows = [tuple([_cell(getattr(claim, name)) for name in reports.COLUMNS]) for claim in claims]
    sums = [
        _cell(sum((getattr(claim, name) for claim in claims), Decimal("0.00"))) if name in _SUMMED else ""
        for name in reports.COLUMNS
    ]
    sums[1] = "Summa"
    rows.append(tuple(sums))
    widths = (18, 62, 20, 34, 26, 24, 15, 26, 26, 26, 26)
    _table(pdf, tuple(_HEADINGS[name] for name in reports.COLUMNS), rows, widths, 7, total=True)
    return bytes(pdf.output())


def _new(report: Report, title: str, orientation: str) -> "FPDF":
    """Return a PDF with a first page and its heading. The same report gives the same bytes."""
    from fpdf import FPDF

    digest = blake2b(report.filename.encode(), digest_size=16).hexdigest().upper()

    class Pdf(FPDF):
        def file_id(self) -> str:
            return f"<{digest}><{digest}>"

        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("helvetica", "", 8)
            self.cell(0, 4, f"{printable(report.settings.name)} · {report.filename} · sida {self.page_no()}")

    pdf = Pdf(orientation=orientation, unit="mm", format="A4")
    pdf.set_compression(False)
    pdf.alias_nb_pages(None)  # type: ignore[arg-type]  # so that no text is replaced by the number of pages
    pdf.core_fonts_encoding = "cp1252"
    pdf.set_creation_date(report.made_at.astimezone(UTC))
    pdf.set_producer("mockserver")
    pdf.set_title(f"{reports.info(report)} {report.currency}")
    pdf.set_lang("sv")
    pdf.set_margins(10, 12)
    pdf.set_auto_page_break(True, 16)
    pdf.add_page()
    pdf.set_font("helvetica", "B", 15)
    pdf.cell(0, 8, f"{title} {report.month:%Y-%m}", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", "", 9)
    org_no = f", org.nr {report.settings.org_no}" if report.settings.org_no else ""
    pdf.cell(
        0,
        6,
        printable(f"{report.settings.name}{org_no}, belopp i {report.currency}"),
        new_x="LMARGIN",
        new_y="NEXT",
    )
    pdf.ln(3)
    return pdf


def _table(
    pdf: "FPDF",
    head: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    widths: tuple[int, ...],
    amounts_from: int,
    *,
    total: bool = False,
) -> None:
    """Draw a table. The columns from `amounts_from` on are amounts; with `total` the last row is bold."""
    from fpdf.fonts import FontFace

    align = tuple("R" if index >= amounts_from else "L" for index in range(len(head)))
    pdf.set_font("helvetica", "", 8)
    bold = FontFace(emphasis="BOLD")
    with pdf.table(
        borders_layout="HORIZONTAL_LINES",
        col_widths=widths,
        headings_style=bold,
        line_height=4.6,
        text_align=align,
        width=pdf.epw,
    ) as table:
        table.row(head)
        for index, row in enumerate(rows):
            table.row(
                [printable(cell) for cell in row], style=bold if total and index == len(rows) - 1 else None
            )


def _sides(ore: int) -> tuple[str, str]:
    """Return an amount in the column of its side, debit or credit."""
    return (_money(ore), "") if ore > 0 else ("", _money(-ore))


def _money(ore: int) -> str:
    return sie.kronor(ore)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
