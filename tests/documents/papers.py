"""Documents made by a server, and their PDFs as they are read."""

import io
import re
from typing import Any

from pypdf import PdfReader

from mockserver.core.act import Act
from mockserver.core.documents import Document
from mockserver.core.events import PictureChanged
from mockserver.core.model import Picture
from mockserver.documents import pdf
from tests.server import ACCOUNT, Server

CREDITOR = {
    "name": "Snöskottarna Åre AB",
    "org_no": "556677-8899",
    "address": {"street_address": "Storgatan 1", "zipcode": "831 30", "city": "Åre"},
    "contact": {"name": "Örjan Ek", "email": "hej@example.com", "phone": "0640-123 45"},
    "payment": {
        "bankgiro": "123-4567",
        "plusgiro": "12345-6",
        "international_bank_account": {"iban": "SE4550000000058398257466", "bic": "ESSESESS"},
    },
    "tax": {"vat_no": "SE556677889901"},
}
ROWS = [
    {"title": "Skottning av tak", "count": 3, "price": 1050.5, "vat": 25, "unit": "hour", "discount": 50},
    {"title": "Bok om snö", "description": "Inbunden", "count": 2, "price": 99.125, "vat": 6},
    {"title": "Utfört i februari", "count": 0, "price": 0, "vat": 0},
]


def as_creditor(server: Server) -> None:
    """Give the account a name, an address, and places to pay to."""
    assert server.call("PUT", "/settings", CREDITOR).status == 200


def set_logotype(server: Server, content: bytes | None, file_type: str = "png") -> None:
    """Set the logotype of the account, whatever it holds."""
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    picture = None if content is None else Picture(content, file_type)

    def decide(act: Act) -> None:
        act.add(PictureChanged("logotype", picture))

    server.run(server.emulator.execute(live, decide, cause="test", rule="logotype"))


def document(server: Server, key: str, number: int = -1) -> Document:
    """One of the documents of a billogram; the last one unless told."""
    found: Document = server.state().billograms[key].documents[number]
    return found


def rendered(server: Server, key: str, number: int = -1) -> bytes:
    return pdf.render(document(server, key, number), document(server, key, 0).invoice_no)


def pages(content: bytes) -> list[str]:
    """The text of each page; what stands in one line is one line, with single blanks."""
    assert content.startswith(b"%PDF-")
    reader = PdfReader(io.BytesIO(content), strict=True)
    return [re.sub(r"[ \xa0]+", " ", page.extract_text(extraction_mode="layout")) for page in reader.pages]


def across(content: bytes) -> list[str]:
    """What stands across the pages: the texts that are not level, which `pages` leaves out."""
    found: list[str] = []

    def see(text: str, matrix: list[float], *_: Any) -> None:
        if matrix[1] and text.strip():
            found.append(text.strip())

    for page in PdfReader(io.BytesIO(content), strict=True).pages:
        page.extract_text(visitor_text=see)
    return found


def text(content: bytes) -> str:
    return "\n".join(pages(content))


def pictures(content: bytes) -> int:
    """How many pictures the first page has."""
    return len(PdfReader(io.BytesIO(content)).pages[0].images)


def command(server: Server, key: str, name: str, body: Any) -> None:
    answer = server.command(key, name, body)
    assert answer.status == 200, answer.body
