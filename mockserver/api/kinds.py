"""How the edge reads each kind of member: tolerantly where clients are known to be odd, else strictly.

A reader is a plain function of the raw JSON value (reference: api 1.6, "Input is read tolerantly"); `UNSET`
is what was not given, such as `""` for a number. A kind has a norm too: what a client should send, for the
OpenAPI document.
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
from mockserver.core.pictures import FILE_TYPES
from mockserver.schema import Schema, integer, one_word, string
from mockserver.schema import number as number_norm
from mockserver.wire import encode

Reader = Callable[[Any], Any]

_LIMIT = Decimal(10) ** 15  # every number stays below
_NEAR = Decimal("1e-9")  # as JavaScript and PHP send 0.1 + 0.2
_NUMERIC = re.compile(r"\s*[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}[0-9:.,]*(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

UNKNOWN, WRONG, READ_ONLY, MISSING = range(4)  # problems, in the order of the contract


class Problem(Exception):
    """Why a value is not taken; with a maximum if it is too long."""

    def __init__(self, phase: int = WRONG, maximum: int | None = None) -> None:
        super().__init__(phase, maximum)
        self.phase, self.maximum = phase, maximum


def text(value: Any) -> Any:
    """A string; a number becomes its decimal text [C]."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Problem
    number_text = value if isinstance(value, Decimal) else Decimal(value)
    if abs(number_text.adjusted()) > 60:
        raise Problem
    return format(number_text, "f")


def text_to(maximum: int) -> Reader:
    """A string of at most so many characters."""

    def read_text(value: Any) -> Any:
        found = value if type(value) is str else text(value)
        if found is not None and len(found) > maximum:
            raise Problem(WRONG, maximum)
        return found

    return read_text


def required(reader: Reader) -> Reader:
    """What `reader` takes, but it must be there; `""` is not."""

    def read_required(value: Any) -> Any:
        if value is None or value == "":
            raise Problem(MISSING)
        return reader(value)

    return read_required


def number(value: Any) -> Any:
    """A number or numeric string; `""` is not given."""
    if value is None or value == "":
        return UNSET if value == "" else None
    if isinstance(value, bool):
        raise Problem
    if isinstance(value, str):
        if not _NUMERIC.fullmatch(value):
            raise Problem
        value = Decimal(value.strip())
    if isinstance(value, int):
        if abs(value) >= 10**15:
            raise Problem
        return Decimal(value)
    if not isinstance(value, Decimal) or value.adjusted() > 15 or abs(value) >= _LIMIT:
        raise Problem
    return value or Decimal(0)  # there is no negative zero


def decimals(places: int, low: int | None = None, high: int | None = None) -> Reader:
    """A number with so many decimals, within the bounds. One that is all but such a number is that one."""
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
                if abs(rounded - found) > _NEAR:
                    raise Problem
                exact = rounded
        if (low is not None and exact < low) or (high is not None and exact > high):
            raise Problem
        return exact

    return read_number


def whole(low: int, high: int) -> Reader:
    """An integer; a whole float or a numeric string is one [C]."""

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
    """A date; of a full ISO timestamp its date part [C]; `""` is not given."""
    if value is None or value == "":
        return UNSET if value == "" else None
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Problem
    try:
        parsed = date.fromisoformat(found[1])
    except ValueError:
        raise Problem from None
    if not FIRST_DATE <= parsed <= LAST_DATE:
        raise Problem
    return parsed


def boolean(value: Any) -> Any:
    """true or false; `""` is false [C]."""
    if value is None or isinstance(value, bool):
        return value
    if value == "":
        return False
    raise Problem


def one_of(*allowed: str) -> Reader:
    """One of these words; `""` is not given."""

    def read_word(value: Any) -> Any:
        if value is None or value in allowed:
            return value
        if value == "":
            return UNSET
        raise Problem

    return read_word


def zipcode(value: Any) -> Any:
    """Blanks are removed [R]."""
    found = text(value)
    return found and "".join(found.split())


def country(value: Any) -> Any:
    """Two letters or empty, put in upper case [C]."""
    found = text(value)
    if found and not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise Problem
    return found and found.upper()


def email(value: Any) -> Any:
    """`""` or text@text [A]."""
    found = text(value)
    if found and not _EMAIL.fullmatch(found):
        raise Problem
    return found


def currency(value: Any) -> Any:
    """Three capital letters [A]."""
    if value is None or value == "":
        return UNSET if value == "" else None
    if not (
        isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
    ):
        raise Problem
    return value


def digits_to(maximum: int) -> Reader:
    """Digits, at most so many."""

    def read_digits(value: Any) -> Any:
        found = text(value)
        if found and not (found.isascii() and found.isdigit() and len(found) <= maximum):
            raise Problem
        return found

    return read_digits


def url(value: Any) -> Any:
    """http:// or https:// [D; http here A]; `mock:inbox` is the receiver inside [A]."""
    found = text(value)
    if found and found != INBOX and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", found):
        raise Problem
    return found or None


def language(value: Any) -> Any:
    """Two letters; `""` is the market's default [A]."""
    found = text(value)
    if found and not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise Problem
    return found.lower() if found else None


def like(pattern: str) -> Reader:
    """Text of this form; an empty one is none."""
    form = re.compile(pattern, re.ASCII)

    def read_text(value: Any) -> Any:
        found = text(value)
        if found and not form.fullmatch(found):
            raise Problem
        return found or None

    return read_text


def or_none(reader: Reader) -> Reader:
    """What `reader` takes; an empty text is none [A]."""
    return lambda value: reader(value) or None


def or_unset(reader: Reader) -> Reader:
    """What `reader` takes; an empty text is not given."""

    def read_text(value: Any) -> Any:
        return UNSET if value == "" else reader(value)

    return read_text


def changeable(reader: Reader) -> Reader:
    """A required member in a PUT: null is ignored, anything else is read as at creation [A]."""

    def read_changed(value: Any) -> Any:
        return UNSET if value is None else reader(value)

    return read_changed


def json_text(kind: type) -> Reader:
    """A JSON value of this type, kept as text."""

    def read_json(value: Any) -> Any:
        if value is not None and not isinstance(value, kind):
            raise Problem
        return None if value is None else encode(value).decode()

    return read_json


def amount_or_text(value: Any) -> Any:
    """A number or a text, kept as JSON text."""
    found = value if isinstance(value, str) else number(value)
    return None if found is None else encode(found).decode()


def year_and_month(value: Any) -> Any:
    """`YYYY-MM`; an empty one is not given, and null isn't either."""
    return like(_YEAR_AND_MONTH)(value) or UNSET


def moment(value: Any) -> Any:
    """`YYYY-MM-DD HH:MM:SS`, not the ISO form [D]; UTC [A]."""
    try:
        found = datetime.strptime(value, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  # the zone is given below
    except (TypeError, ValueError):
        raise Problem from None
    return found.replace(tzinfo=UTC) if day(value) is not None else None


# kinds


class Row(Struct, frozen=True):
    """A kind of member: its reader, and the norm that a client should send.

    `null`: a client may send null where the member need not be given. `blank`: `""` is a value.
    """

    reader: Reader
    norm: Schema
    null: bool = True
    blank: bool = False


def _never_null(reader: Reader, norm: Schema) -> Row:
    """A kind that is required at creation."""
    return Row(changeable(reader), norm, null=False)


def _words(*words: str) -> Row:
    return Row(one_of(*words), one_word(words))


def _text(maximum: int) -> Row:
    return Row(text_to(maximum), string(maximum))


# `-` stands in one billing-tab example [D]
UNITS = (
    *("unit", "hour", "day", "month", "year"),  # [D]
    *("kg", "gram", "kwh", "ton", "meter", "mm", "km", "m2", "m3", "litre", "-"),  # [C]
)
_COMPANY_TYPES = ("individual", "business", "foreign individual", "foreign business")
_IDENTIFIER = r"^([0-9]{12})\.([A-Za-z]{2,4})(\.[sS][eE])?$"  # [D]
_CODICE = r"^[A-Za-z0-9]{6,7}$"  # [A]
_YEAR_AND_MONTH = "^[0-9]{4}-(0[1-9]|1[0-2])$"
_UPPER_CASE_WORD = "^[A-Z][A-Z0-9_]*$"  # the list may be longer than the two that are known [A]
_SIGNED_AT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
_NAME = string(100, 1)
_DAY = string(format="date")
_UNIT = one_word(UNITS)
# all digits: up to nine, else up to thirty characters
ITEM_NO = string(30, 1, pattern="^([0-9]{1,9}|.*[^0-9].*)$")
CUSTOMER_NO = integer(1, 10**15 - 1)
BASE64 = string(contentEncoding="base64")
_customer_no = whole(1, 10**15 - 1)

KINDS = {
    "text": Row(text, string()),
    "text 20": _text(20),
    "text 30": _text(30),
    "text 35": _text(35),
    "text 200": _text(200),
    "text 350": _text(350),
    "unique value": Row(or_none(text_to(40)), string(40)),
    "name": _never_null(required(text_to(100)), _NAME),
    "title": Row(text_to(100), _NAME),
    "filled": Row(text, string(minimum=1)),
    # whether it says something is looked at after the state [A]
    "message": Row(text, string(minimum=1), blank=True),
    "zipcode": Row(zipcode, string()),
    "country": Row(country, string(pattern="^([A-Z]{2})?$")),
    "email": Row(email, string(pattern=r"^([^@\s]+@[^@\s]+)?$")),
    "url": Row(url, string(pattern=r"^(mock:inbox|https?://[^\s/?#]+[^\s]*)$")),
    "language": Row(language, string(pattern="^[a-z]{2}$")),
    "currency": Row(currency, string(pattern="^[A-Z]{3}$")),
    "digits 16": Row(digits_to(16), string(pattern="^[0-9]{0,16}$")),
    "year and month": Row(year_and_month, string(pattern=_YEAR_AND_MONTH)),
    "base64": Row(text, BASE64),
    "zero VAT reason": Row(like(_UPPER_CASE_WORD), string(pattern=_UPPER_CASE_WORD)),
    "e-invoice identifier": Row(like(_IDENTIFIER), string(pattern=_IDENTIFIER)),
    "codice destinatario": Row(like(_CODICE), string(pattern=_CODICE)),
    "company type": _words(*_COMPANY_TYPES),
    "recipient type": _words("individual", "company"),
    "unit": _never_null(one_of(*UNITS), _UNIT),
    "unit or none": Row(one_of(*UNITS), _UNIT),
    "delivery method": Row(text, one_word(METHODS)),
    "reminder method": Row(text, one_word(dunning.METHODS)),
    "command on success": _words("send", "sell"),
    "sell": _words("sell"),
    "credit mode": Row(text, one_word(credits.MODES)),
    "credit-payment mode": Row(text, one_word(standalone.MODES)),
    "file type": _words(*FILE_TYPES),
    "boolean": Row(boolean, {"type": "boolean"}),
    "date": Row(day, _DAY),
    "filled date": Row(day, _DAY),
    "moment of a signature": Row(moment, string(pattern=_SIGNED_AT)),
    "number": Row(decimals(6), number_norm()),
    "not negative": Row(decimals(6, 0), number_norm(0)),
    "percent": Row(decimals(2, 0, 100), number_norm(0, 100)),
    "amount": Row(decimals(2), number_norm()),
    "amount above 0": Row(decimals(2), number_norm(exclusiveMinimum=0)),
    "count": Row(decimals(6), number_norm()),
    "count below 0": Row(decimals(6), number_norm(exclusiveMaximum=0)),
    "price": _never_null(decimals(6), number_norm()),
    "VAT": _never_null(decimals(2, 0, 100), number_norm(0, 100)),
    "amount or text": Row(amount_or_text, {"type": ["number", "string"]}),
    "customer number": _never_null(_customer_no, CUSTOMER_NO),
    # null is refused: the documentation warns against it [D]
    "number of a new customer": Row(or_unset(required(_customer_no)), CUSTOMER_NO, null=False),
    "item number": _never_null(required(text), ITEM_NO),
    "number of a new item": Row(or_unset(required(text)), ITEM_NO, null=False),
    "item number of a row": Row(or_none(text_to(30)), string(30)),
    "invoice number": Row(whole(1, 999_999_999), integer(1, 999_999_999)),
    "days of delay": Row(whole(0, 3650), integer(0, 3650)),
    "days": Row(whole(0, 3650), integer(0, 3650)),
    "due days": Row(whole(0, MAX_DUE_DAYS), integer(0, MAX_DUE_DAYS)),
    # the core looks at it once it differs from the stored one
    "due days, also longer ones": Row(whole(0, 10**7), integer(0, MAX_DUE_DAYS)),
    "months of a year": Row(whole(1, 18), integer(1, 18)),
    "any object": Row(json_text(dict), {"type": "object"}),
    "any list": Row(json_text(list), {"type": "array", "items": {}}),
}
OF_TYPE = {str: "text", bool: "boolean", date: "date"}
