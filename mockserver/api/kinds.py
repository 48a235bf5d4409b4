"""How the API reads each kind of member: tolerantly where known clients need it, else strictly.

A reader is a plain function of the raw JSON value (reference: api 1.6, "Input is read tolerantly"). It
returns `UNSET` for a value that counts as not given, such as `""` for a number. Each kind also has the JSON
Schema of what a client should send, for the OpenAPI document.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct

from mockserver.core import credits, dunning, standalone
from mockserver.core.calendar import FIRST_DATE, LAST_DATE
from mockserver.core.callbacks import INBOX
from mockserver.core.content import MAX_DUE_DAYS
from mockserver.core.delivery import METHODS
from mockserver.core.offers import TYPES as OFFER_TYPES
from mockserver.core.pictures import FILE_TYPES
from mockserver.core.tabs import DAYS
from mockserver.schema import Schema, integer, one_word, string
from mockserver.schema import number as number_schema
from mockserver.wire import encode

Reader = Callable[[Any], Any]

MAX_TEXT = 100_000  # characters of a text without another limit, and of JSON that is only stored [A]
_LIMIT = Decimal(10) ** 15  # every number must be below it
_NEAR = Decimal("1e-9")  # tolerance for results of floating point, such as 0.1 + 0.2
_MAX_SHORT = 1000  # characters of a number or a date [A]: longer texts take long to match
_NUMERIC = re.compile(r"\s*[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})([T ]\d{2}:\d{2}[0-9:.,]*(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_MONTHLY = "monthly#([1-9]|[12][0-9]|3[01])"
_FREQUENCY = re.compile(f"daily|weekly#([1-7]|(?i:{'|'.join(DAYS)}))|{_MONTHLY}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

UNKNOWN, WRONG, READ_ONLY, MISSING = range(4)  # problems, in the order of the contract


class Problem(Exception):
    """A value is not accepted. `maximum` is the allowed length, in `unit`, if it is too long."""

    def __init__(self, phase: int = WRONG, maximum: int | None = None, unit: str = "characters") -> None:
        super().__init__(phase, maximum, unit)
        self.phase, self.maximum, self.unit = phase, maximum, unit


def text(value: Any) -> Any:
    """Read a string; a number becomes its decimal text [C]."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise Problem(WRONG, MAX_TEXT)
        return value
    return value if value is None else _number_text(value)


def content(value: Any) -> Any:
    """Read a file in base64. Its size is checked when it is decoded."""
    return value if value is None or isinstance(value, str) else _number_text(value)


def _number_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Problem
    number_text = value if isinstance(value, Decimal) else Decimal(value)
    if abs(number_text.adjusted()) > 60:
        raise Problem
    return format(number_text, "f")


def text_to(maximum: int) -> Reader:
    """A reader of strings of at most `maximum` characters."""

    def read_text(value: Any) -> Any:
        found = value if type(value) is str else text(value)
        if found is not None and len(found) > maximum:
            raise Problem(WRONG, maximum)
        return found

    return read_text


def required(reader: Reader) -> Reader:
    """A reader of required members: null and `""` count as missing."""

    def read_required(value: Any) -> Any:
        if value is None or value == "":
            raise Problem(MISSING)
        return reader(value)

    return read_required


def number(value: Any) -> Any:
    """Read a number or a numeric string as Decimal; `""` counts as not given."""
    if value is None or value == "":
        return UNSET if value == "" else None
    if isinstance(value, bool):
        raise Problem
    if isinstance(value, str):
        if len(value) > _MAX_SHORT or not _NUMERIC.fullmatch(value):
            raise Problem
        value = Decimal(value.strip())
    if isinstance(value, int):
        if abs(value) >= 10**15:
            raise Problem
        return Decimal(value)
    if not isinstance(value, Decimal) or value.adjusted() > 15 or abs(value) >= _LIMIT:
        raise Problem
    return value or Decimal(0)  # without negative zero


def decimals(places: int, low: int | None = None, high: int | None = None) -> Reader:
    """A reader of numbers with at most `places` decimals, within inclusive bounds; 1e-9 is tolerated."""
    step = Decimal(1).scaleb(-places)
    lowest, highest = 1 - 10**15 if low is None else low, 10**15 - 1 if high is None else high

    def read_number(value: Any) -> Any:
        if type(value) is int and lowest <= value <= highest:  # as most are
            return Decimal(value)
        found = number(value)
        if not isinstance(found, Decimal):
            return found
        exact = found
        if not isinstance(value, int):
            rounded = found.quantize(step)
            if rounded != found:
                if abs(rounded - found) > _NEAR or not rounded:  # what is not 0 is never read as 0 [A]
                    raise Problem
                exact = rounded
        if (low is not None and exact < low) or (high is not None and exact > high):
            raise Problem
        return exact

    return read_number


def whole(low: int, high: int) -> Reader:
    """A reader of integers within inclusive bounds; whole floats and numeric strings are accepted [C]."""

    def read_integer(value: Any) -> Any:
        if type(value) is int and low <= value <= high:  # as most are
            return value
        found = number(value)
        if not isinstance(found, Decimal):
            return found
        if found != found.to_integral_value() or not low <= found <= high:
            raise Problem
        return int(found)

    return read_integer


def day(value: Any) -> Any:
    """Read a date, or the date part of a full ISO timestamp, also without leading zeros [C].

    `""` counts as not given.
    """
    if value is None or value == "":
        return UNSET if value == "" else None
    found = _DATE.fullmatch(value) if isinstance(value, str) and len(value) <= _MAX_SHORT else None
    if found is None:
        raise Problem
    try:
        parsed = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise Problem from None
    if not FIRST_DATE <= parsed <= LAST_DATE:
        raise Problem
    return parsed


def boolean(value: Any) -> Any:
    """Read true or false; `""` is false [C]."""
    if value is None or isinstance(value, bool):
        return value
    if value == "":
        return False
    raise Problem


def one_of(*allowed: str) -> Reader:
    """A reader of one of these words; `""` counts as not given."""

    def read_word(value: Any) -> Any:
        if value is None or value in allowed:
            return value
        if value == "":
            return UNSET
        raise Problem

    return read_word


def zipcode(value: Any) -> Any:
    """Read a postal code and remove its blanks [R]."""
    found = text(value)
    return found and "".join(found.split())


def country(value: Any) -> Any:
    """Read a country code of two letters, or an empty text. It becomes upper case [C]."""
    found = text(value)
    if found and not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise Problem
    return found and found.upper()


def email(value: Any) -> Any:
    """Read an e-mail address: `""` or text@text [A]."""
    found = text(value)
    if found and not _EMAIL.fullmatch(found):
        raise Problem
    return found


def currency(value: Any) -> Any:
    """Read a currency code of three capital letters [A]; `""` counts as not given."""
    if value is None or value == "":
        return UNSET if value == "" else None
    if not (
        isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
    ):
        raise Problem
    return value


def digits_to(maximum: int) -> Reader:
    """A reader of texts of at most `maximum` digits."""

    def read_digits(value: Any) -> Any:
        found = text(value)
        if found and not (found.isascii() and found.isdigit() and len(found) <= maximum):
            raise Problem
        return found

    return read_digits


def url(value: Any) -> Any:
    """Read a URL with http:// or https:// [D; http here A]; `mock:inbox` is the built-in receiver [A]."""
    found = text(value)
    if found and found != INBOX and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", found):
        raise Problem
    return found or None


def like_to(maximum: int, pattern: str) -> Reader:
    """A reader of texts of at most `maximum` characters that match a pattern; an empty text becomes null."""
    read_text, read_form = text_to(maximum), like(pattern)
    return lambda value: read_form(read_text(value))


def language(value: Any) -> Any:
    """Read a language code of two letters; `""` is the market's default [A]."""
    found = text(value)
    if found and not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise Problem
    return found.lower() if found else None


def like(pattern: str) -> Reader:
    """A reader of texts that match a pattern; an empty text becomes null."""
    form = re.compile(pattern, re.ASCII)

    def read_text(value: Any) -> Any:
        found = text(value)
        if found and not form.fullmatch(found):
            raise Problem
        return found or None

    return read_text


def or_none(reader: Reader) -> Reader:
    """A reader that turns an empty text into null [A]."""
    return lambda value: reader(value) or None


def or_unset(reader: Reader) -> Reader:
    """A reader for which an empty text counts as not given."""

    def read_text(value: Any) -> Any:
        return UNSET if value == "" else reader(value)

    return read_text


def changeable(reader: Reader) -> Reader:
    """A reader of required members in a PUT: null is ignored, other values are read as at creation [A]."""

    def read_changed(value: Any) -> Any:
        return UNSET if value is None else reader(value)

    return read_changed


def json_text(kind: type) -> Reader:
    """A reader of JSON values of one type, which returns them as JSON text."""

    def read_json(value: Any) -> Any:
        if kind is dict and value == []:  # PHP writes an empty object so [C]
            value = {}
        if value is not None and not isinstance(value, kind):
            raise Problem
        found = None if value is None else encode(value).decode()
        if found is not None and len(found) > MAX_TEXT:
            raise Problem(WRONG, MAX_TEXT)
        return found

    return read_json


def amount_or_text(value: Any) -> Any:
    """Read a number or a text, and return it as JSON text."""
    found = text(value) if isinstance(value, str) else number(value)
    return None if found is None else encode(found).decode()


def year_and_month(value: Any) -> Any:
    """Read `YYYY-MM`; an empty text and null count as not given."""
    return like(_YEAR_AND_MONTH)(value) or UNSET


def moment(value: Any) -> Any:
    """Read a moment in UTC [A], written as `YYYY-MM-DD HH:MM:SS`, not in the ISO form [D]."""
    if not isinstance(day(value), date):
        raise Problem
    try:
        found = datetime.strptime(value, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  # the zone is given below
    except ValueError:
        raise Problem from None
    return found.replace(tzinfo=UTC)


def billing_frequency(value: Any) -> Any:
    """Read a billing frequency. It is kept as sent; the name of a day is in any case [A]."""
    found = text(value)
    if found is not None and not _FREQUENCY.fullmatch(found):
        raise Problem
    return found


# kinds


class KindDefinition(Struct, frozen=True):
    """A kind of member: its reader, and the JSON Schema of what a client should send.

    `null` says that a client may send null for an optional member, `blank` that `""` is a value.
    """

    reader: Reader
    schema: Schema
    null: bool = True
    blank: bool = False


def _never_null(reader: Reader, schema: Schema) -> KindDefinition:
    """A kind that is required at creation; null is never a value of it."""
    return KindDefinition(changeable(reader), schema, null=False)


def _words(*words: str) -> KindDefinition:
    return KindDefinition(one_of(*words), one_word(words))


def _text(maximum: int) -> KindDefinition:
    return KindDefinition(text_to(maximum), string(maximum))


# `-` is in one billing-tab example [D]
UNITS = (
    *("unit", "hour", "day", "month", "year"),  # [D]
    *("kg", "gram", "kwh", "ton", "meter", "mm", "km", "m2", "m3", "litre", "-"),  # [C]
)
TAB_METHODS = tuple(each for each in METHODS if each != "Efaktura")  # [D]
_COMPANY_TYPES = ("individual", "business", "foreign individual", "foreign business")
IDENTIFIER = r"^([0-9]{12})\.([A-Za-z]{2,4})(\.[sS][eE])?$"  # [D]
CODICE = r"^[A-Za-z0-9]{6,7}$"  # [A]
_YEAR_AND_MONTH = "^[0-9]{4}-(0[1-9]|1[0-2])$"
_UPPER_CASE_WORD = "^[A-Z][A-Z0-9_]*$"  # the list may be longer than the two that are known [A]
_FREQUENCY_FORM = f"^(daily|weekly#([1-7]|{'|'.join(map(str.capitalize, DAYS))})|{_MONTHLY})$"
_OFFER_ID = "^[A-Za-z0-9]+$"  # [D]
_LINK = r"https?://(?s:.*)"  # [D]
_SIGNED_AT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
_NAME = string(100, 1)
_DAY = string(format="date")
_UNIT = one_word(UNITS)
# at most nine digits, or at most thirty characters that are not all digits
ITEM_NO = string(30, 1, pattern="^([0-9]{1,9}|.*[^0-9].*)$")
CUSTOMER_NO = integer(1, 10**15 - 1)
BASE64 = string(contentEncoding="base64")
_customer_no = whole(1, 10**15 - 1)

KINDS = {
    "text": KindDefinition(text, string()),
    "text 20": _text(20),
    "text 30": _text(30),
    "text 35": _text(35),
    "text 200": _text(200),
    "text 350": _text(350),
    "text 1000": _never_null(text_to(1000), string(1000)),
    "offer id": _never_null(required(like_to(30, _OFFER_ID)), string(30, 1, pattern=_OFFER_ID)),
    "offer type": _never_null(required(one_of(*OFFER_TYPES)), one_word(OFFER_TYPES)),
    "title of an offer": _never_null(required(text_to(200)), string(200, 1)),
    "link of an offer": KindDefinition(like_to(1000, _LINK), string(1000, pattern="^https?://")),
    "sale type": KindDefinition(or_none(text_to(30)), string(30, 1)),
    "unique value": KindDefinition(or_none(text_to(40)), string(40)),
    "name": _never_null(required(text_to(100)), _NAME),
    "title": KindDefinition(text_to(100), _NAME),
    "filled": KindDefinition(text, string(minimum=1)),
    # whether it is empty is checked after the state [A]
    "message": KindDefinition(text, string(minimum=1), blank=True),
    "zipcode": KindDefinition(zipcode, string()),
    "country": KindDefinition(country, string(pattern="^([A-Z]{2})?$")),
    "email": KindDefinition(email, string(pattern=r"^([^@\s]+@[^@\s]+)?$")),
    "url": KindDefinition(url, string(pattern=r"^(mock:inbox|https?://[^\s/?#]+[^\s]*)$")),
    "language": KindDefinition(language, string(pattern="^[a-z]{2}$")),
    "currency": KindDefinition(currency, string(pattern="^[A-Z]{3}$")),
    "digits 16": KindDefinition(digits_to(16), string(pattern="^[0-9]{0,16}$")),
    "year and month": KindDefinition(year_and_month, string(pattern=_YEAR_AND_MONTH)),
    "base64": KindDefinition(content, BASE64),
    "zero VAT reason": KindDefinition(like(_UPPER_CASE_WORD), string(pattern=_UPPER_CASE_WORD)),
    "e-invoice identifier": KindDefinition(like(IDENTIFIER), string(pattern=IDENTIFIER)),
    "codice destinatario": KindDefinition(like(CODICE), string(pattern=CODICE)),
    "company type": _words(*_COMPANY_TYPES),
    "recipient type": _words("individual", "company"),
    "unit": _never_null(one_of(*UNITS), _UNIT),
    "unit or none": KindDefinition(one_of(*UNITS), _UNIT),
    "delivery method": KindDefinition(text, one_word(METHODS)),
    "reminder method": KindDefinition(text, one_word(dunning.METHODS)),
    "command on success": _words("send", "sell"),
    "sell": _words("sell"),
    "billing frequency": KindDefinition(billing_frequency, string(pattern=_FREQUENCY_FORM)),
    "delivery method of a billing tab": _words(*TAB_METHODS),
    "credit mode": KindDefinition(text, one_word(credits.MODES)),
    "credit-payment mode": KindDefinition(text, one_word(standalone.MODES)),
    "file type": _words(*FILE_TYPES),
    "boolean": KindDefinition(boolean, {"type": "boolean"}),
    "date": KindDefinition(day, _DAY),
    "filled date": KindDefinition(day, _DAY),
    "moment of a signature": KindDefinition(moment, string(pattern=_SIGNED_AT)),
    "number": KindDefinition(decimals(6), number_schema()),
    "not negative": KindDefinition(decimals(6, 0), number_schema(0)),
    "percent": KindDefinition(decimals(2, 0, 100), number_schema(0, 100)),
    "amount": KindDefinition(decimals(2), number_schema()),
    "amount above 0": KindDefinition(decimals(2), number_schema(exclusiveMinimum=0)),
    "count": KindDefinition(decimals(6), number_schema()),
    "count below 0": KindDefinition(decimals(6), number_schema(exclusiveMaximum=0)),
    "price": _never_null(decimals(6), number_schema()),
    "VAT": _never_null(decimals(2, 0, 100), number_schema(0, 100)),
    "amount or text": KindDefinition(amount_or_text, {"type": ["number", "string"]}),
    "customer number": _never_null(_customer_no, CUSTOMER_NO),
    # null is refused: the documentation warns against it [D]
    "number of a new customer": KindDefinition(or_unset(required(_customer_no)), CUSTOMER_NO, null=False),
    "item number": _never_null(required(text), ITEM_NO),
    "number of a new item": KindDefinition(or_unset(required(text)), ITEM_NO, null=False),
    "item number of a row": KindDefinition(or_none(text_to(30)), string(30)),
    "invoice number": KindDefinition(whole(1, 999_999_999), integer(1, 999_999_999)),
    "days of delay": KindDefinition(whole(0, 3650), integer(0, 3650)),
    "days": KindDefinition(whole(0, 3650), integer(0, 3650)),
    "due days": KindDefinition(whole(0, MAX_DUE_DAYS), integer(0, MAX_DUE_DAYS)),
    # the core checks the limit only if the value differs from the stored one
    "due days, also longer ones": KindDefinition(whole(0, 10**7), integer(0, MAX_DUE_DAYS)),
    "months of a year": KindDefinition(whole(1, 18), integer(1, 18)),
    "any object": KindDefinition(json_text(dict), {"type": "object"}),
    "any list": KindDefinition(json_text(list), {"type": "array", "items": {}}),
}
OF_TYPE = {str: "text", bool: "boolean", date: "date"}
