"""Swedish words, numbers and lines, as documents and messages show them."""

import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from mockserver.core import money
from mockserver.core.documents import CREDIT, REMINDER, Document
from mockserver.core.model import Address, Recipient

DRAFT = "UTKAST"
UNITS = {
    "unit": "st",
    "hour": "tim",
    "day": "dag",
    "month": "mån",
    "year": "år",
    "gram": "g",
    "kwh": "kWh",
    "meter": "m",
    "m2": "m²",
    "m3": "m³",
    "litre": "l",
}
_LETTERS = str.maketrans(  # characters that Unicode does not decompose, and invisible ones to remove
    "łŁđĐħĦ\u0131ŧŦ\u2010\u2011\u2012\u2015\u2212\u2032\u2033",
    "lLdDhHitT-----'\"",
    "\u00ad\u200b\u200c\u200d\ufeff\ufe0e\ufe0f",
)


def printable(text: str) -> str:
    """Return a text in the characters that the fonts of a PDF have (cp1252).

    Other letters lose their diacritical marks; what still has no character becomes `?`. Line breaks stay,
    except at the end. Other white space and control characters become spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    text = "\n".join(text.splitlines()).translate(_LETTERS)
    return "".join(map(_letter, unicodedata.normalize("NFC", text))).rstrip("\n")


def _letter(letter: str) -> str:
    if letter == "\n" or (letter.isascii() and letter.isprintable()):
        return letter
    category = unicodedata.category(letter)
    if category[0] == "Z" or category in ("Cc", "Cf"):
        return " "
    if _encodable(letter):
        return letter
    if category[0] == "M":  # a mark that combines with no letter before it
        return ""
    parts = unicodedata.normalize("NFKD", letter)
    plain = "".join(part for part in parts if unicodedata.category(part)[0] != "M")
    return plain if plain and _encodable(plain) else "?"


def _encodable(text: str) -> bool:
    try:
        return bool(text.encode("cp1252"))
    except UnicodeEncodeError:
        return False


def amount(value: Decimal) -> str:
    """Return an amount of money with two decimals: `1 186,25`."""
    return _grouped(f"{money.cents(value):,f}")


def precise(value: Decimal, like: Decimal) -> str:
    """Return a price with two decimals, or with as many as `like` has if that is more."""
    decimals = -int(like.normalize(money.EXACT).as_tuple().exponent)
    if decimals <= 2:
        return amount(value)
    rounded = value.quantize(Decimal(1).scaleb(-decimals), context=money.ROUNDING)
    whole, _, part = f"{rounded:,f}".partition(".")
    return _grouped(f"{whole}.{part.rstrip('0').ljust(2, '0')}")


def number(value: Decimal) -> str:
    """Return a count or a rate, without zeros at the end of its decimals."""
    return _grouped(f"{value.normalize(money.EXACT):,f}")


def _grouped(text: str) -> str:
    text = text.replace(",", " ").replace(".", ",")
    return text.removeprefix("-") if not text.strip("-0,") else text  # no minus sign for zero


def day(value: date | None) -> str:
    """Return a date as `YYYY-MM-DD`, or an empty text for None."""
    return "" if value is None else value.isoformat()


def title(document: Document) -> str:
    """Return the Swedish title of a document."""
    kind = {CREDIT: "Kreditfaktura", REMINDER: "Påminnelse"}.get(document.kind, "Faktura")
    return f"{kind} {DRAFT}" if document.draft else kind


def postal_lines(recipient: Recipient) -> list[str]:
    """Return name and address of a letter in lines: of the delivery address if that has a street."""
    place, name = recipient.address, recipient.name
    if recipient.delivery_address.street_address:
        place, name = recipient.delivery_address, recipient.delivery_address.name or recipient.name
    return [name, *_address_lines(place)]


def _address_lines(place: Address) -> Iterator[str]:
    careof = place.careof
    if careof:
        yield f"Att: {careof}" if place.use_careof_as_attention else f"c/o {careof}"
    if place.attention:
        yield f"Att: {place.attention}"
    lines = (
        place.organization,
        place.street_address,
        place.address_line_2,
        place.address_line_3,
        place.dependent_locality,
        town(place.zipcode, place.city, place.country),
        place.administrative_area,
    )
    yield from filter(None, lines)
    if place.country not in ("", "SE"):
        yield place.country


def town(zipcode: str | None, city: str | None, country: str | None = "SE") -> str:
    """Return zip code and city in one line. A Swedish zip code is written `123 45`."""
    code = (zipcode or "").strip()
    if len(code) == 5 and code.isdigit() and country in ("", "SE", None):
        code = f"{code[:3]} {code[3:]}"
    return f"{code}  {city or ''}".strip()
