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
    timezone, found = await call.emulator.read(
        live, lambda state: (state.account.timezone, _found(state, wanted))
    )
    return Answer(Raw(await encode_rows(found, lambda each: _render(each, call.base, timezone))))


def _found(state: State, wanted: str | None) -> list[Found]:
    if wanted is None:
        keys = list(state.letters.values())
    else:
        billogram = state.billograms.get(wanted)
        keys = [] if billogram is None else [wanted] * len(billogram.documents)
    passed: dict[str, int] = {}  # the letters of a billogram are in the order of its documents
    found: list[Found] = []
    for key in keys:
        number = passed[key] = passed.get(key, -1) + 1
        billogram = state.billograms[key]
        document: Document = billogram.documents[number]
        if outbox.is_sent(document):
            found.append((billogram, document, _customer(state, billogram)))
    return found


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
