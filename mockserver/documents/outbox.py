"""What left the house, as a developer looks at it: e-mail, SMS, letter, e-invoice (reference: behaviour 4.2).

The wording is ours, in Swedish [A].
"""

from datetime import datetime

from mockserver.core import delivery, events
from mockserver.core.documents import CREDIT, REMINDER, Document
from mockserver.core.model import Billogram, Customer, Value
from mockserver.documents import words
from mockserver.documents.pdf_content import DocumentTotals


class OutboxMessage(Value, frozen=True):
    """One document on its way. `to`: e-mail, phone, identifier, or the lines of a postal address."""

    letter_id: str
    at: datetime
    billogram: str
    kind: str
    invoice_no: int
    channel: str
    method: str
    to: str
    subject: str | None  # None: an SMS has none
    text: str
    link: str | None
    attachment: str | None


def is_sent(document: Document) -> bool:
    """Whether it leaves the house at all."""
    return document.channel is not None


def message(billogram: Billogram, document: Document, customer: Customer | None, base: str) -> OutboxMessage:
    """How a document leaves. `base` is the address of the server for whoever looks; `customer` helps out
    where no event tells to whom an e-invoice went.
    """
    channel = document.channel
    assert channel is not None, "it leaves the house"
    link = f"{base}/r/{document.ocr_number}/{document.link}" if document.link else None
    title = f"{words.title(document)} {document.invoice_no} från {document.settings.name}"
    return OutboxMessage(
        letter_id=document.letter_id,
        at=document.at,
        billogram=billogram.id,
        kind=document.kind,
        invoice_no=document.invoice_no,
        channel=channel,
        method=document.method,
        to=_to(billogram, document, customer),
        subject=None if channel == "SMS" else title,
        text=_short(document, title, link) if channel == "SMS" else _text(document, link),
        link=link,
        attachment=document.attachment,
    )


def _to(billogram: Billogram, document: Document, customer: Customer | None) -> str:
    to = document.recipient
    match document.channel:
        case "Email":
            return to.email
        case "SMS":
            return to.phone
        case "Letter":
            return "\n".join(words.postal_lines(to))
        case "EDI":
            return delivery.edi_of(document.content, customer) or ""
    registered = None if customer is None else customer.einvoice
    known = None if registered is None else delivery.identifier_of(registered)
    return _einvoice_identifier(billogram, document) or known or ""


def _einvoice_identifier(billogram: Billogram, document: Document) -> str | None:
    """The identifier that an event tells: the one behind its letter, else the last one before it."""
    found, passed = None, False
    for event in billogram.events:
        if isinstance(event, events.LetterEvent):
            if passed:
                break
            passed = event.letter_id == document.letter_id
        elif isinstance(event, events.EfakturaSent) and event.recipient_identifier is not None:
            found = event.recipient_identifier
    return found


def _facts(document: Document) -> list[tuple[str, str]]:
    part, currency = DocumentTotals(document), document.content.terms.currency
    found = [("Fakturanummer", str(document.invoice_no)), (part.asks, f"{words.amount(part.due)} {currency}")]
    found += [pair for pair in part.after() if pair[0] != "varav moms"]
    if document.kind != CREDIT:
        found.append(("Förfallodatum", words.day(document.content.terms.due_date)))
    if document.ocr_number:
        found.append(("OCR-nummer", document.ocr_number))
    if document.kind != CREDIT and document.settings.payment.bankgiro:
        found.append(("Bankgiro", document.settings.payment.bankgiro))
    return found


def _text(document: Document, link: str | None) -> str:
    """The text of an e-mail; of the others too: a letter is its PDF."""
    creditor, name = document.settings.name, document.recipient.name
    came = {
        CREDIT: f"Här är en kreditfaktura från {creditor}.",
        REMINDER: f"Vi påminner om en faktura från {creditor} som inte är betald.",
    }
    paragraphs = [
        f"Hej {name}!" if name else "Hej!",
        came.get(document.kind, f"Här är en faktura från {creditor}."),
        document.message or "",
        "\n".join(f"{label}: {value}" for label, value in _facts(document)),
        f"Se den här: {link}" if link else "",
        f"Hälsningar\n{creditor}",
    ]
    return "\n\n".join(filter(None, paragraphs))


def _short(document: Document, title: str, link: str | None) -> str:
    """The text of an SMS."""
    facts = [f"{label} {value}" for label, value in _facts(document)[1:]]
    return f"{title}. {', '.join(facts)}.{f' {link}' if link else ''}"
