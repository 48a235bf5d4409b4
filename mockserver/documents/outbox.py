"""The outbox shows developers the sent e-mails, SMS, letters and e-invoices (reference: behaviour 4.2).

The texts are in Swedish; their wording is our own [A].
"""

from datetime import datetime

from mockserver.core import delivery, events
from mockserver.core.documents import CREDIT, REMINDER, Document
from mockserver.core.model import Billogram, Customer, Value
from mockserver.documents import words
from mockserver.documents.pdf_content import DocumentTotals


class OutboxMessage(Value, frozen=True):
    """A sent document. `to` is an e-mail address, phone number, identifier, or postal address in lines."""

    letter_id: str
    at: datetime
    billogram: str
    kind: str
    invoice_no: int
    channel: str
    method: str
    to: str
    subject: str | None  # None for an SMS
    text: str
    link: str | None
    attachment: str | None


def is_sent(document: Document) -> bool:
    """Return whether the document is sent at all."""
    return document.channel is not None


def message(billogram: Billogram, document: Document, customer: Customer | None, base: str) -> OutboxMessage:
    """Return the message with which a document was sent.

    `base` is the URL of the server, for the link to the recipient's page. `customer` supplies the identifier
    of an e-invoice if no event has it.
    """
    channel = document.channel
    assert channel is not None, "only documents that are sent have a message"
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
        text=_sms_text(document, title, link) if channel == "SMS" else _text(document, link),
        link=link,
        attachment=document.attachment,
    )


def _to(billogram: Billogram, document: Document, customer: Customer | None) -> str:
    recipient = document.recipient
    match document.channel:
        case "Email":
            return recipient.email
        case "SMS":
            return recipient.phone
        case "Letter":
            return "\n".join(words.postal_lines(recipient))
        case "EDI":
            return delivery.edi_of(document.content, customer) or ""
    registered = None if customer is None else customer.einvoice
    own = document.content.regional.efaktura_recipient_identifier
    known = own if registered is None else delivery.identifier_of(registered)
    return _einvoice_identifier(billogram, document) or known or ""


def _einvoice_identifier(billogram: Billogram, document: Document) -> str | None:
    """Return the identifier in the event after the document's letter, or else in the last one before it."""
    found, letter_seen = None, False
    for event in billogram.events:
        if isinstance(event, events.LetterEvent):
            if letter_seen:
                break
            letter_seen = event.letter_id == document.letter_id
        elif isinstance(event, events.EfakturaSent) and event.recipient_identifier is not None:
            found = event.recipient_identifier
    return found


def _facts(document: Document) -> list[tuple[str, str]]:
    totals, currency = DocumentTotals(document), document.content.terms.currency
    facts = [
        ("Fakturanummer", str(document.invoice_no)),
        (totals.asks, f"{words.amount(totals.due)} {currency}"),
    ]
    facts += [total for total in totals.after() if total[0] != "varav moms"]
    if document.kind != CREDIT:
        facts.append(("Förfallodatum", words.day(document.content.terms.due_date)))
    if document.ocr_number:
        facts.append(("OCR-nummer", document.ocr_number))
    if document.kind != CREDIT and document.settings.payment.bankgiro:
        facts.append(("Bankgiro", document.settings.payment.bankgiro))
    return facts


def _text(document: Document, link: str | None) -> str:
    """Return the text of every message but an SMS."""
    creditor, name = document.settings.name, document.recipient.name
    introductions = {
        CREDIT: f"Här är en kreditfaktura från {creditor}.",
        REMINDER: f"Vi påminner om en faktura från {creditor} som inte är betald.",
    }
    paragraphs = [
        f"Hej {name}!" if name else "Hej!",
        introductions.get(document.kind, f"Här är en faktura från {creditor}."),
        document.message or "",
        "\n".join(f"{label}: {value}" for label, value in _facts(document)),
        f"Se den här: {link}" if link else "",
        f"Hälsningar\n{creditor}",
    ]
    return "\n\n".join(filter(None, paragraphs))


def _sms_text(document: Document, title: str, link: str | None) -> str:
    """Return the text of an SMS."""
    facts = [f"{label} {value}" for label, value in _facts(document)[1:]]
    return f"{title}. {', '.join(facts)}.{f' {link}' if link else ''}"
