"""What the recipient of a billogram sees of it by its link (reference: behaviour 7.1, 7.2).

Nothing here is about anybody else: the texts of the invoice, its history, and the other billograms of the
same recipient.
"""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Annotated, Any, TypedDict

from mockserver.api.billogram import find
from mockserver.api.billogram_view import SHOWN_EVENTS, shown_number
from mockserver.api.rendering import render_event
from mockserver.api.shapes import STATES, Base64, Day
from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError
from mockserver.core import calendar, documents, money, numbers, pictures
from mockserver.core.funds import AUTOGIRO
from mockserver.core.machine import public_state
from mockserver.core.model import Account, Billogram, Customer, Internal, Offer, Recipient
from mockserver.core.offers import BANNER
from mockserver.core.refusal import no_object
from mockserver.core.showing import as_number
from mockserver.core.state import PICTURE, State
from mockserver.documents import pdf
from mockserver.documents.pdf_content import Pair, PdfContent, pdf_content
from mockserver.schema import Form, Schema, one_word, string

LINK_QUERY: dict[str, Schema] = {"account": string(minimum=1)}
FILES = ("invoice.pdf", "attachment.pdf", pictures.LOGOTYPE, pictures.COVERPHOTO)
OFFER_FILE = "offer-"  # before the offer_id in the name of the picture
_OTHERS = 50  # billograms of the same recipient that are listed
_PDF = "application/pdf"


class LinkShape(TypedDict):
    """The billogram that a link opens."""

    account: str
    billogram: str


class PairShape(TypedDict):
    """A label and its value, in Swedish."""

    label: str
    value: str


class ColumnShape(TypedDict):
    """A column of the rows. `number`: whether it holds numbers."""

    heading: str
    number: bool


class LineShape(TypedDict):
    """One row: its cells in the order of the columns, and the text below its title."""

    cells: list[str]
    below: str


class InvoiceShape(TypedDict):
    """The texts of the invoice as its PDF has them, in Swedish, with the sums of now."""

    title: str
    creditor: str
    facts: list[PairShape]
    recipient: list[str]
    references: list[PairShape]
    message: str
    columns: list[ColumnShape]
    title_at: int
    lines: list[LineShape]
    sums: list[PairShape]
    due: PairShape
    after: list[PairShape]
    payment: list[PairShape]
    notes: list[str]
    footer: list[list[str]]


class PlannedShape(TypedDict):
    """The payment that is planned."""

    date: Day
    amount: int | Decimal


class HistoryShape(TypedDict):
    """An event of the billogram, at a moment in the time zone of the account."""

    at: Shown
    type: str
    data: Annotated[dict[str, Any] | None, Form({"type": ["object", "null"]})]


class OtherShape(TypedDict):
    """Another billogram of the same recipient; `path` is that of its page."""

    path: str
    invoice_no: int | None
    state: Annotated[str, Form(one_word(STATES))]
    total_sum: int | Decimal
    remaining_sum: int | Decimal
    currency: str
    due_date: Day


class OfferedShape(TypedDict):
    """A banner, or a sale offer of the billogram. `file` is the name of its picture.

    `price` is null for a banner; it includes VAT. `accepted` says that the sale was accepted here.
    """

    offer_id: str
    title: str
    text: str
    info_link: str | None
    file: str
    price: int | Decimal | None
    unit: str | None
    accepted: bool


class RecipientPageShape(TypedDict):
    """A billogram as its recipient sees it."""

    path: str
    state: Annotated[str, Form(one_word(STATES))]
    is_credit: bool
    payable: bool
    customer_no: int
    customer: bool
    name: str
    email: str
    automatic: bool
    currency: str
    remaining_sum: int | Decimal
    today: Day
    due_date: Day
    respite_date: Day | None
    planned: PlannedShape | None
    invoice: InvoiceShape
    history: list[HistoryShape]
    others: list[OtherShape]
    banners: list[OfferedShape]
    sales: list[OfferedShape]
    files: Annotated[list[str], Form({"type": "array", "items": one_word(FILES)})]


class FileShape(TypedDict):
    """A file of the page."""

    content: Base64
    filename: str
    file_type: Annotated[str, Form(one_word((_PDF, *pictures.FILE_TYPES)))]


async def find_link(call: ControlCall) -> Answer:
    """`GET /_mock/links/{ocr_number}/{link}?account=`: finds the billogram of a recipient's link.

    Accounts with the same seed, and forks, can share a link: the newest account that has it is meant [A],
    unless the query names one.
    """
    ocr_number, link, wanted = call.params["ocr_number"], call.params["link"], call.query("account")

    def may_hold(account: Account) -> bool:
        seeds = (account.seed, *account.earlier_seeds)
        return any(numbers.may_have_made(seed, account.billograms, ocr_number, link) for seed in seeds)

    if wanted is not None:
        named = await call.emulator.find(wanted)
        accounts = [] if named is None else [named]
    else:
        accounts = await call.emulator.holders(may_hold)
    key_of = partial(_linked, ocr_number, link)
    for live in accounts:
        if key_of(live.state) is None:
            continue
        key = await call.emulator.read(live, key_of)
        if key is not None:
            return Answer({"account": live.id, "billogram": key})
    hint = "the url of a sent billogram ends in an OCR number and a link"
    raise ControlError(404, "unknown_link", f"there is no link {ocr_number}/{link}", hint)


def _linked(ocr_number: str, link: str, state: State) -> str | None:
    key = state.ocr_numbers.get(ocr_number)
    return key if key is not None and state.billograms[key].link == link else None


async def page(call: ControlCall) -> Answer:
    """`GET …/billograms/{id}/recipient`: a billogram as its recipient sees it on the page of its link."""
    live = await call.live()
    key = call.params["id"]

    def view(state: State) -> RecipientPageShape:
        today = calendar.local_date(call.emulator.now(live), state.account.timezone).isoformat()
        return _render(state, _sent(state, key), today)

    return Answer(await call.emulator.read(live, view))


def _sent(state: State, key: str) -> Billogram:
    """Return a billogram that has a page. Raise NotFound for a draft."""
    billogram = find(state, key)
    if billogram.link is None:
        raise no_object(key)
    return billogram


def _render(state: State, billogram: Billogram, today: str) -> RecipientPageShape:
    sums, to, terms = billogram.sums, billogram.recipient, billogram.content.terms
    customer = _registered(state, to)
    sources = [] if customer is None else state.sources_of(customer.customer_no)
    respite = billogram.dunning.respite_date
    return {
        "path": _path(billogram),
        "state": public_state(billogram),
        "is_credit": billogram.is_credit,
        # payments on the page; other money comes from the bank
        "payable": billogram.internal is Internal.UNPAID and sums.remaining > 0 and not billogram.is_credit,
        "customer_no": to.customer_no,
        "customer": customer is not None,
        "name": to.name,
        "email": to.email if customer is None else customer.contact.email,
        "automatic": any(each.scheme == AUTOGIRO and each.usable for each in sources),
        "currency": terms.currency,
        "remaining_sum": as_number(sums.remaining),
        "today": today,
        "due_date": terms.due_date.isoformat(),
        "respite_date": respite.isoformat() if respite and billogram.dunning.respite_active else None,
        "planned": _planned(state, billogram),
        "invoice": _invoice(state.account, billogram),
        "history": _history(state.account, billogram),
        "others": [_other(each) for each in islice(_same_recipient(state, billogram), _OTHERS)],
        "banners": [_offered(each, billogram) for each in state.offers.values() if each.type == BANNER],
        "sales": [_offered(state.offers[each.lower()], billogram) for each in billogram.offers],
        "files": [name for name in FILES if _has_file(state, billogram, name)],
    }


def _path(billogram: Billogram) -> str:
    return f"/r/{billogram.ocr_number}/{billogram.link}"


def _planned(state: State, billogram: Billogram) -> PlannedShape | None:
    if billogram.debit is None:
        return None
    amount = state.payments[billogram.debit.payment].amount
    return {"date": billogram.debit.day.isoformat(), "amount": as_number(amount)}


def _registered(state: State, to: Recipient) -> Customer | None:
    """Return the customer of the register whom a billogram was sent to, or None."""
    customer = state.customers.get(to.customer_no)
    return customer if customer is not None and _same(customer.copy, to) else None


def _same(one: Recipient, other: Recipient) -> bool:
    """Whether two copies are of the same customer [A].

    The number of a customer can change, and become that of another one. So one more member must agree.
    """
    pairs = ((one.name, other.name), (one.org_no, other.org_no), (one.email, other.email))
    return one.customer_no == other.customer_no and any(mine and mine == theirs for mine, theirs in pairs)


def _same_recipient(state: State, billogram: Billogram) -> Iterator[Billogram]:
    """Yield the other sent billograms of the same recipient, newest first."""
    for number in reversed(state.bucket_of_customer(billogram.recipient.customer_no).order):
        (each,) = state.billograms_of((number,))
        if each is not billogram and each.link is not None and _same(each.recipient, billogram.recipient):
            yield each


def _other(billogram: Billogram) -> OtherShape:
    return {
        "path": _path(billogram),
        "invoice_no": shown_number(billogram),
        "state": public_state(billogram),
        "total_sum": as_number(billogram.sums.total),
        "remaining_sum": as_number(billogram.sums.remaining),
        "currency": billogram.content.terms.currency,
        "due_date": billogram.content.terms.due_date.isoformat(),
    }


def _history(account: Account, billogram: Billogram) -> list[HistoryShape]:
    found: list[HistoryShape] = []
    for event in billogram.events[-SHOWN_EVENTS:]:
        shown = render_event(event)
        at = format_moment(event.mark.at, account.timezone)
        found.append({"at": at, "type": shown["type"], "data": shown["data"]})
    return found


def _offered(offer: Offer, billogram: Billogram) -> OfferedShape:
    sold = offer.item
    price = None if sold is None else money.add(sold.price, money.percent(sold.price, sold.vat))
    return {
        "offer_id": offer.offer_id,
        "title": offer.title,
        "text": offer.text,
        "info_link": offer.info_link,
        "file": f"{OFFER_FILE}{offer.offer_id}",
        "price": None if price is None else as_number(price),
        "unit": None if sold is None else sold.unit,
        "accepted": offer.offer_id in billogram.sales_accepted,
    }


def _invoice(account: Account, billogram: Billogram) -> InvoiceShape:
    document = documents.present(billogram, account)
    made: PdfContent = pdf_content(document, document.invoice_no)
    return {
        "title": made.title,
        "creditor": made.creditor,
        # one that is offered for sale has no number yet
        "facts": _pairs([fact for fact in made.facts if document.invoice_no or fact[0] != "Fakturanummer"]),
        "recipient": made.recipient,
        "references": _pairs(made.references),
        "message": made.message,
        "columns": [{"heading": each.heading, "number": each.number} for each in made.columns],
        "title_at": made.title_at,
        "lines": [{"cells": list(each.cells), "below": each.below} for each in made.lines],
        "sums": _pairs(made.sums),
        "due": _pair(made.due),
        "after": _pairs(made.after),
        "payment": _pairs(made.payment),
        "notes": made.notes,
        "footer": made.footer,
    }


def _pairs(found: list[Pair]) -> list[PairShape]:
    return [_pair(each) for each in found]


def _pair(found: Pair) -> PairShape:
    return {"label": found[0], "value": found[1]}


# files

File = tuple[bytes, str, str]  # content, name, type


async def file(call: ControlCall) -> Answer:
    """`GET …/billograms/{id}/recipient/{file}`: a file of the page, in base64.

    It is the PDF of the newest document, the attachment, the logotype, the cover photo, or the picture of an
    offer, `offer-` and its id.
    """
    live = await call.live()
    key, name = call.params["id"], call.params["file"]

    def view(state: State) -> tuple[documents.Document, int] | File:
        billogram = _sent(state, key)
        if not _has_file(state, billogram, name):
            raise no_object(name)
        if name == "invoice.pdf":
            document = billogram.documents[-1]
            if call.emulator.now(live) < documents.available_at(document, state.account.pdf_delay):
                raise no_object(name)
            return document, billogram.documents[0].invoice_no
        if name == "attachment.pdf":
            assert billogram.attachment is not None, "it has one"
            return billogram.attachment.content, billogram.attachment.filename, _PDF
        if name.startswith(OFFER_FILE):
            shown = state.offers[name.removeprefix(OFFER_FILE).lower()].picture
            return shown.content, name, shown.file_type
        content = state.find(PICTURE, name).content
        # the type that a client gave may be another one
        return content, name, pictures.file_type_of(content) or pictures.PNG

    found = await call.emulator.read(live, view)
    return Answer(await asyncio.to_thread(_answer, found))


def _answer(found: tuple[documents.Document, int] | File) -> FileShape:
    match found:
        case (documents.Document() as document, int() as claim_no):
            content, filename, kind = pdf.render(document, claim_no), f"{document.invoice_no}.pdf", _PDF
        case (bytes() as content, str() as filename, str() as kind):
            pass
    return {"content": b64encode(content).decode(), "filename": filename, "file_type": kind}


def _has_file(state: State, billogram: Billogram, name: str) -> bool:
    match name:
        case "invoice.pdf":
            return bool(billogram.documents)
        case "attachment.pdf":
            return billogram.attachment is not None
    if name.startswith(OFFER_FILE):
        offer = state.offers.get(name.removeprefix(OFFER_FILE).lower())
        return offer is not None and (offer.type == BANNER or offer.offer_id in billogram.offers)
    return name in FILES and state.find(PICTURE, name) is not None
