"""The PDF of a document: the same bytes at any time and place (reference: behaviour 4.2, api 8.8).

Only pictures are compressed, because the output of compressors depends on their build. The fonts are those
that every PDF reader has, so characters outside cp1252 are replaced by similar ones. The library that draws
is imported at the first PDF, because its import is slow.
"""

from collections import OrderedDict
from datetime import UTC
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from mockserver.core.documents import Document
from mockserver.core.model import Picture
from mockserver.documents import words
from mockserver.documents.pages import Box, LogotypeBox, Metrics, Page, Stamp, Text, pages
from mockserver.documents.pdf_content import pdf_content

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 16_000_000  # of a picture; a larger picture is left out [A]
_MAX_PICTURE_SIZE = 560, 200  # pixels; larger pictures are scaled down to about 230 per inch
_MAX_PDFS = 256  # in the cache
_MAX_BYTES = 16 * 1024 * 1024  # in the cache


def render(document: Document, claim_no: int) -> bytes:
    """Return the PDF of a document. `claim_no` is the number of the first invoice of its claim."""
    from fpdf import FPDF

    picture = _picture_of(document)

    digest = blake2b(document.letter_id.encode(), digest_size=16).hexdigest().upper()

    class Pdf(FPDF):
        def file_id(self) -> str:
            return f"<{digest}><{digest}>"

    pdf = Pdf(unit="mm", format="A4")
    pdf.set_compression(False)
    pdf.set_auto_page_break(False)
    pdf.alias_nb_pages(None)  # type: ignore[arg-type]  # so that no text is replaced by the number of pages
    pdf.core_fonts_encoding = "cp1252"
    pdf.set_creation_date(document.at.astimezone(UTC))
    pdf.set_producer("mockserver")
    title = words.title(document)
    pdf.set_title(title if document.draft else f"{title} {document.invoice_no}")
    pdf.set_lang("sv")
    for page in layout(document, claim_no):
        pdf.add_page()
        for part in page:
            match part:
                case Text():
                    pdf.set_font("helvetica", "B" if part.bold else "", round(part.size, 2))
                    pdf.set_text_color(part.shade)
                    pdf.text(part.x, part.y, part.text)
                case Stamp():
                    pdf.set_font("helvetica", "B", round(part.size, 2))
                    pdf.set_text_color(part.shade)
                    with pdf.rotation(part.angle, part.x, part.y):
                        pdf.text(part.x, part.y, part.text)
                case Box():
                    pdf.set_fill_color(part.shade)
                    pdf.rect(part.x, part.y, part.width, part.height, style="F")
                case LogotypeBox():
                    assert picture is not None, "the layout has a box only if there is a picture"
                    pdf.image(picture, part.x, part.y, part.width, part.height)
    return bytes(pdf.output())


def layout(document: Document, claim_no: int) -> list[Page]:
    """Lay out the pages of a document. `claim_no` is the number of the first invoice of its claim."""
    picture = _picture_of(document)
    return pages(pdf_content(document, claim_no), metrics(), None if picture is None else picture.size)


@lru_cache(maxsize=1)
def metrics() -> Metrics:
    """Return the widths of the characters of Helvetica."""
    from fpdf.fonts import CORE_FONTS_CHARWIDTHS

    plain, bold = (CORE_FONTS_CHARWIDTHS[name] for name in ("helvetica", "helveticaB"))
    letters = list(map(chr, range(256)))
    return Metrics(tuple(plain[each] for each in letters), tuple(bold[each] for each in letters))


def _picture_of(document: Document) -> "Image | None":
    return None if document.logotype is None else _picture(document.logotype)


@lru_cache(maxsize=8)
def _picture(logotype: Picture) -> "Image | None":
    """Return the picture as it is drawn, or None if it can't be decoded or has too many pixels."""
    from PIL import Image

    try:
        with Image.open(BytesIO(logotype.content), formats=("PNG", "JPEG", "GIF")) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            opened.draft("RGB", _MAX_PICTURE_SIZE)
            plain = opened.convert("RGBA")
    except Exception:  # the invoice is made whatever Pillow raises for a damaged picture
        return None
    plain.thumbnail(_MAX_PICTURE_SIZE)
    flat = Image.new("RGB", plain.size, "white")
    flat.paste(plain, mask=plain)
    return flat


class PdfCache:
    """A cache of the PDFs that were used last. It is safe to use from several threads."""

    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[str, str], tuple[Document, bytes]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, account: str, document: Document) -> bytes | None:
        """Return the PDF of an account's document if it is in the cache.

        It must be the same document object: after a reset, another document can have the same id.
        """
        key = account, document.letter_id
        with self._lock:
            found = self._cached.get(key)
            if found is None or found[0] is not document:
                return None
            self._cached.move_to_end(key)
            return found[1]

    def get_or_render(self, account: str, document: Document, claim_no: int) -> bytes:
        """Return the PDF of an account's document from the cache, or make it and add it to the cache."""
        found = self.get(account, document)
        if found is not None:
            return found
        made, key = render(document, claim_no), (account, document.letter_id)
        with self._lock:
            self._evict(key)
            self._cached[key] = document, made
            self._size += len(made)
            while len(self._cached) > _MAX_PDFS or self._size > _MAX_BYTES:
                self._evict(next(iter(self._cached)))
        return made

    def _evict(self, key: tuple[str, str]) -> None:
        old = self._cached.pop(key, None)
        if old is not None:
            self._size -= len(old[1])
