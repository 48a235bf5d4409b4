"""Documents: invoices, credit invoices and what else leaves the house (reference: behaviour 1, 4.2).

A document never changes: it holds what it was made from, shared with the aggregates of that moment.
"""

from datetime import datetime
from decimal import Decimal

from mockserver.core import calendar, events, money
from mockserver.core.model import Billogram, Content, Picture, Recipient, Row, Sums, Value
from mockserver.core.settings import Settings

INVOICE, CREDIT, REMINDER = "invoice", "credit", "reminder"


class Document(Value, frozen=True):
    """One document, as it was when it left.

    `kind`: an invoice, a credit invoice (of a stand-alone credit too) or a reminder; `method` is the delivery
    method by which it left. `sums` are those right after it. `amount` is what it asks for, or credits: below
    0 only on a stand-alone credit; `vat` is contained in it. `earlier` is what was invoiced
    before it, where it is about a change. `rows` are those of a credit by rows, with negative counts; else
    the rows are those of the content. All sums are in the currency of `content.terms`.
    """

    letter_id: str
    kind: str
    invoice_no: int
    at: datetime
    method: str
    content: Content
    recipient: Recipient
    sums: Sums
    amount: Decimal
    vat: Decimal
    settings: Settings  # of the creditor
    timezone: str
    ocr_number: str | None = None
    link: str | None = None
    logotype: Picture | None = None
    earlier: Decimal = Decimal(0)
    rows: tuple[Row, ...] = ()
    message: str | None = None
    attachment: str | None = None  # name of the file that goes with it

    @property
    def channel(self) -> str | None:
        """How it leaves: `Email`, `SMS`, `Letter`, `Einvoice` or `EDI`; None: not at all."""
        return channel_of(self.method)


def amounts_of(earlier: Sums, event: events.LetterEvent) -> events.DocumentAmounts:
    """What the document of an event is about; `earlier` are the sums before it."""
    sums = event.sums
    if isinstance(event, events.InvoiceSent):
        added = money.subtract(sums.total, earlier.total)
        return events.DocumentAmounts(added, event.vat, _kind(sums), earlier.total)
    if isinstance(event, events.Credit):
        was = money.ZERO if earlier.total == sums.total else earlier.total
        return events.DocumentAmounts(event.amount, event.vat, CREDIT, was)
    if isinstance(event, events.ReminderSent):
        return events.DocumentAmounts(sums.remaining, money.ZERO, REMINDER)
    return events.AMOUNTS_OF_SUMS if sums.total >= 0 else events.DocumentAmounts(kind=CREDIT)


def _kind(sums: Sums) -> str:
    """An invoice over less than nothing is that of a stand-alone credit."""
    return CREDIT if sums.total < 0 else INVOICE


def channel_of(method: str) -> str | None:
    """How a delivery method reaches the recipient at first."""
    first = method.partition("+")[0]
    return {"DoNotNotify": None, "Efaktura": "Einvoice"}.get(first, first)


def latest(billogram: Billogram, *, invoice_no: int | None = None) -> Document | None:
    """The latest invoice, credit invoices included [A]; or the one with this number, as last sent."""
    found: list[Document] = [each for each in billogram.documents if each.kind != REMINDER]
    if invoice_no is not None:
        found = [each for each in found if each.invoice_no == invoice_no]
    return found[-1] if found else None


def by_letter(billogram: Billogram, letter_id: str) -> Document | None:
    """The document with this id."""
    return next((each for each in billogram.documents if each.letter_id == letter_id), None)


def available_at(document: Document, pdf_delay: str) -> datetime:
    """When its PDF can be had [C, A]; the delay is a span of hours, minutes and seconds."""
    return document.at + calendar.absolute(pdf_delay)
