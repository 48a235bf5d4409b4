"""Documents: invoices, credit invoices and reminders (reference: behaviour 1, 4.2).

A document never changes. It holds the values it was made from, and shares them with the aggregates.
"""

from datetime import datetime
from decimal import Decimal

from mockserver.core import calendar, events, money
from mockserver.core.model import Account, Billogram, Content, Picture, Recipient, Row, Sums, Value
from mockserver.core.settings import Settings

INVOICE, CREDIT, REMINDER = "invoice", "credit", "reminder"


class Document(Value, frozen=True):
    """One document, as it was when it was sent.

    `kind` is an invoice, a credit invoice (also of a stand-alone credit) or a reminder. `method` is its
    delivery method. `at` is in UTC. `sums` are the billogram's sums directly after it. `amount` is what it
    demands or credits, including `vat`; it is negative only on a stand-alone credit. `earlier` is the total
    that was invoiced before, for a document about a change. `rows` are those of a credit by rows, with
    negative counts; otherwise the rows are those of `content`. All sums are in the currency of
    `content.terms`.
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
    attachment: str | None = None  # name of the attached file

    @property
    def draft(self) -> bool:
        """Whether this is a `preview`: the only document without an invoice number, which is 0 then."""
        return not self.invoice_no

    @property
    def channel(self) -> str | None:
        """The channel: `Email`, `SMS`, `Letter`, `Einvoice` or `EDI`; None if the document is not sent."""
        return channel_of(self.method)


def amounts_of(earlier: Sums, event: events.LetterEvent) -> events.DocumentAmounts:
    """Return the amounts of an event's document; `earlier` are the sums before the event."""
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
    """Return the kind of an invoice: one with a negative total belongs to a stand-alone credit."""
    return CREDIT if sums.total < 0 else INVOICE


def channel_of(method: str) -> str | None:
    """Return the first channel of a delivery method, or None."""
    first = method.partition("+")[0]
    return {"DoNotNotify": None, "Efaktura": "Einvoice"}.get(first, first)


def preview(billogram: Billogram, account: Account, logotype: Picture | None) -> Document:
    """Return a draft as it would be sent now: without invoice number and OCR number [C; look A].

    It is no document of the billogram: nobody has received it, and it changes with the draft.
    """
    sums, attachment = billogram.sums, billogram.attachment
    return Document(
        letter_id=billogram.id,
        kind=_kind(sums),
        invoice_no=0,
        at=billogram.updated_at,
        method=billogram.content.terms.delivery_method,
        content=billogram.content,
        recipient=billogram.recipient,
        sums=sums,
        amount=sums.total,
        vat=sums.vat,
        settings=account.settings,
        timezone=account.timezone,
        logotype=logotype,
        attachment=None if attachment is None else attachment.filename,
    )


def latest(billogram: Billogram, *, invoice_no: int | None = None) -> Document | None:
    """Return the latest invoice or credit invoice [A], or the one with this number as it was last sent."""
    found: list[Document] = [each for each in billogram.documents if each.kind != REMINDER]
    if invoice_no is not None:
        found = [each for each in found if each.invoice_no == invoice_no]
    return found[-1] if found else None


def by_letter(billogram: Billogram, letter_id: str) -> Document | None:
    """Return the document with this id, or None."""
    return next((each for each in billogram.documents if each.letter_id == letter_id), None)


def available_at(document: Document, pdf_delay: str) -> datetime:
    """Return when the PDF becomes available [C, A]; the delay is a span of hours, minutes and seconds."""
    return document.at + calendar.absolute(pdf_delay)
