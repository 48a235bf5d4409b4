"""PDFs: the answers are JSON with base64, although the paths end in `.pdf` [C] (reference: api 8.8)."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from mockserver.api.billogram import find
from mockserver.api.call import Call, answer
from mockserver.api.errors import InvalidQueryParameter, NotAvailableYet
from mockserver.core import documents
from mockserver.core.documents import Document
from mockserver.core.model import Attachment, Billogram, Internal
from mockserver.core.refusal import no_object
from mockserver.core.state import PICTURE, State
from mockserver.documents.pdf import render
from mockserver.schema import string

QUERY = {"invoice_no": {"type": "integer", "minimum": 1}, "letter_id": string(minimum=1)}
FILE_TYPE = "application/pdf"  # [A]

# one thread keeps the event loop free; more threads would not be faster, since they share the interpreter
_DRAWING_THREAD = ThreadPoolExecutor(1, thread_name_prefix="pdf")


async def fetch(call: Call) -> bytes:
    """`GET /billogram/{id}.pdf`: a PDF in base64: of the latest invoice, or of the one that the query names.

    It is not available until the `pdf_delay` of the account has passed. A draft has a preview at once [C, A].
    """
    query = call.query
    number = _number(query.get("invoice_no") or None)

    def view(state: State) -> tuple[Document, int]:
        billogram = find(state, call.params["id"])
        if billogram.internal is Internal.UNATTESTED and number is None and not query.get("letter_id"):
            return documents.preview(billogram, state.account, state.find(PICTURE, "logotype")), 0
        document = _requested(billogram, number, query)
        ready = documents.available_at(document, state.account.pdf_delay)
        if call.emulator.now(call.live) < ready:
            raise NotAvailableYet(  # [C]
                f"object not available yet with id={billogram.id}",
                rule="pdf.available",
                letter_id=document.letter_id,
                available_at=ready,
            )
        return document, billogram.documents[0].invoice_no

    document, claim_no = await call.read(view)
    kept = None if document.draft else call.pdf_cache.get(call.live.id, document)
    if kept is not None:
        return await asyncio.to_thread(_answer, kept)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_DRAWING_THREAD, _draw_answer, call, document, claim_no)


def _draw_answer(call: Call, document: Document, claim_no: int) -> bytes:
    if document.draft:  # made anew for each request, so it is never found in the cache again
        return _answer(render(document, claim_no))
    return _answer(call.pdf_cache.get_or_render(call.live.id, document, claim_no))


def _answer(made: bytes) -> bytes:
    return answer({"content": b64encode(made).decode(), "file_type": FILE_TYPE})


def _number(text: str | None) -> int | None:
    if text is None:  # an empty value counts as not given [A]
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise InvalidQueryParameter(
            "invalid query parameter: invoice_no", rule="query.value", field="invoice_no", value=text
        )
    return int(text)


def _requested(billogram: Billogram, number: int | None, query: Mapping[str, str]) -> Document:
    """The requested document. If letter and number are both given, the letter must have the number [A]."""
    key = query.get("letter_id") or None
    if key is None:
        found = documents.latest(billogram, invoice_no=number)
    else:
        found = documents.by_letter(billogram, key)
        if found is not None and number not in (None, found.invoice_no):
            found = None
    if (
        found is None
    ):  # a billogram that is offered for sale, an unknown letter or number (any of a draft) [A]
        raise no_object(key or number or billogram.id)
    return found


async def attachment(call: Call) -> bytes:
    """`GET /billogram/{id}/attachment.pdf`: the attachment of a billogram, in base64."""

    def view(state: State) -> Attachment:
        billogram = find(state, call.params["id"])
        if billogram.attachment is None:
            raise no_object(billogram.id)
        return billogram.attachment

    file = await call.read(view)
    return await asyncio.to_thread(_attachment_answer, file)


def _attachment_answer(file: Attachment) -> bytes:
    content = b64encode(file.content).decode()
    return answer({"content": content, "filename": file.filename, "file_type": FILE_TYPE})
