"""The outbox: e-mails, SMS, letters and e-invoices that were sent (reference: control 1, behaviour 4.2)."""

from typing import Annotated, Literal, TypedDict

from msgspec import Raw

from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import unknown
from mockserver.core.documents import Document, by_letter
from mockserver.core.model import Billogram, Customer
from mockserver.core.state import State
from mockserver.documents import outbox
from mockserver.schema import Form, string
from mockserver.wire import encode_rows

Found = tuple[Billogram, Document, Customer | None]


class LetterShape(TypedDict):
    letter_id: str
    at: Shown
    billogram: str
    kind: Literal["invoice", "credit", "reminder"]
    invoice_no: int
    channel: Literal["Email", "SMS", "Letter", "Einvoice", "EDI"]
    method: str
    to: Annotated[
        str, Form(string(description="e-mail, phone, identifier, or a postal address in several lines"))
    ]
    subject: str | None
    text: str
    link: str | None
    pdf: Annotated[str, Form(string(description="the path of its PDF in the API"))]
    attachment: str | None


async def listing(call: ControlCall) -> Answer:
    """`GET …/outbox?billogram=`: lists what was sent, oldest first: e-mails, SMS, letters, e-invoices."""
    live = await call.live()
    wanted = call.query("billogram")

    def view(state: State) -> tuple[str, State, list[tuple[str, str]]]:
        return state.account.timezone, state, _letters(state, wanted)

    timezone, state, letters = await call.emulator.read(live, view)
    page = await call.page().of(letters, lambda row: row[0], lambda row: _is_sent(state, *row))
    found = [_found(state, *row) for row in page]  # a document never changes
    return Answer(Raw(await encode_rows(found, lambda each: _render(each, call.base, timezone))))


def _letters(state: State, wanted: str | None) -> list[tuple[str, str]]:
    """Return the ids of all documents, or of those of one billogram, each with its billogram."""
    if wanted is None:
        return list(state.letters.items())
    billogram = state.billograms.get(wanted)
    return [] if billogram is None else [(each.letter_id, wanted) for each in billogram.documents]


def _is_sent(state: State, letter_id: str, key: str) -> bool:
    return outbox.is_sent(_found(state, letter_id, key)[1])


def _found(state: State, letter_id: str, key: str) -> Found:
    billogram = state.billograms[key]
    document = by_letter(billogram, letter_id)
    assert document is not None, "the index has it"
    return billogram, document, _customer(state, billogram)


def _customer(state: State, billogram: Billogram) -> Customer | None:
    return state.customers.get(billogram.recipient.customer_no)


async def fetch(call: ControlCall) -> Answer:
    """`GET …/outbox/{letter_id}`: one letter."""
    live = await call.live()
    key = call.params["letter_id"]

    def view(state: State) -> LetterShape:
        billogram = state.billograms.get(state.letters.get(key, ""))
        document = None if billogram is None else by_letter(billogram, key)
        if billogram is None or document is None or not outbox.is_sent(document):
            raise unknown("letter", key, "GET …/outbox")
        found = billogram, document, _customer(state, billogram)
        return _render(found, call.base, state.account.timezone)

    return Answer(await call.emulator.read(live, view))


def _render(found: Found, base: str, timezone: str) -> LetterShape:
    each = outbox.message(*found, base)
    return {
        "letter_id": each.letter_id,
        "at": format_moment(each.at, timezone),
        "billogram": each.billogram,
        "kind": each.kind,  # type: ignore[typeddict-item]  # one of the three
        "invoice_no": each.invoice_no,
        "channel": each.channel,  # type: ignore[typeddict-item]  # one of the five
        "method": each.method,
        "to": each.to,
        "subject": each.subject,
        "text": each.text,
        "link": each.link,
        "pdf": f"/api/v2/billogram/{each.billogram}.pdf?letter_id={each.letter_id}",
        "attachment": each.attachment,
    }
