"""The documents of a billogram: invoices, credit invoices and reminders (reference: control 1)."""

from decimal import Decimal
from typing import Annotated, Literal, TypedDict
from urllib.parse import quote

from mockserver.api.billogram import find
from mockserver.api.pdf import FILE_TYPE, pdf_of
from mockserver.api.shapes import Method
from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import unknown
from mockserver.control.paging import Page
from mockserver.core import documents
from mockserver.core.documents import Document
from mockserver.core.model import Account, Billogram
from mockserver.core.showing import as_number
from mockserver.core.state import State
from mockserver.documents.pdf import PdfCache
from mockserver.emulator import Emulator, LiveAccount
from mockserver.schema import Form, string


class DocumentShape(TypedDict):
    """A document. `channel` is null if it is not sent; `pdf` is the path of the file."""

    letter_id: str
    at: Shown
    kind: Literal["invoice", "credit", "reminder"]
    invoice_no: int
    amount: int | Decimal
    method: Method
    channel: Literal["Email", "SMS", "Letter", "Einvoice", "EDI"] | None
    available_at: Shown
    attachment: str | None
    pdf: Annotated[str, Form(string(description="the path of its PDF in the control plane"))]


async def listing(call: ControlCall) -> Answer:
    """`GET …/billograms/{id}/documents`: lists the documents of a billogram, oldest first."""
    live = await call.live()
    return Answer(await list_documents(call.emulator, live, call.params["id"], call.page()))


async def fetch(call: ControlCall) -> Answer:
    """`GET …/billograms/{id}/documents/{letter_id}.pdf`: the file itself.

    It is there at once, also while the API answers that it is not available yet.
    """
    live = await call.live()
    key, letter = call.params["id"], call.params["letter_id"]
    return Answer(await draw(call.emulator, call.pdf_cache, live, key, letter), media_type=FILE_TYPE)


async def list_documents(emulator: Emulator, live: LiveAccount, key: str, page: Page) -> list[DocumentShape]:
    """Return a page of the documents of a billogram. Raises NotFound if there is no such billogram.

    Raises ControlError if `before` or `after` of the page is no document of it.
    """
    billogram, account = await emulator.read(live, lambda state: (find(state, key), state.account))
    found = await page.of(billogram.documents, lambda each: str(each.letter_id))
    return [render_document(each, billogram, account) for each in found]


async def draw(emulator: Emulator, cache: PdfCache, live: LiveAccount, key: str, letter: str) -> bytes:
    """Return the PDF of a document. Raises NotFound or ControlError if there is none."""

    def view(state: State) -> tuple[Document, int]:
        billogram = find(state, key)
        document = documents.by_letter(billogram, letter)
        if document is None:
            raise unknown("letter", letter, f"GET …/billograms/{key}/documents")
        return document, billogram.documents[0].invoice_no

    document, claim_no = await emulator.read(live, view)
    return await pdf_of(cache, live.id, document, claim_no)


def render_document(document: Document, billogram: Billogram, account: Account) -> DocumentShape:
    """Render a document of a billogram."""
    base = f"/_mock/accounts/{quote(account.id, safe='')}/billograms/{billogram.id}/documents"
    available = documents.available_at(document, account.pdf_delay)
    return {
        "letter_id": document.letter_id,
        "at": format_moment(document.at, account.timezone),
        "kind": document.kind,  # type: ignore[typeddict-item]  # one of the three
        "invoice_no": document.invoice_no,
        "amount": as_number(document.amount),
        "method": document.method,
        "channel": document.channel,  # type: ignore[typeddict-item]  # one of the five
        "available_at": format_moment(available, account.timezone),
        "attachment": document.attachment,
        "pdf": f"{base}/{document.letter_id}.pdf",
    }
