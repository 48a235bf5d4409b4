"""How the edge reads what clients send: tolerantly where they are known to be odd, else strictly.

Each type below is a plain function of the raw JSON value (reference: api 1.6, "Input is read tolerantly").
`read` turns a body into the members that were given, or raises the first problem in the order of the
contract: unknown key, wrong type or range, read-only key, missing key; rows come last, one by one.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, TypeAlias

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, ValidationInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from mockserver.core.calendar import FIRST_DATE, LAST_DATE
from mockserver.core.callbacks import INBOX
from mockserver.core.refusal import (
    InvalidParameter,
    ReadOnlyParameter,
    Refusal,
    UnknownParameter,
    invalid,
    missing,
)
from mockserver.schema import Schema, integer, optional, reads, string
from mockserver.schema import number as number_norm

Given: TypeAlias = dict[str, Any]

PUT = "PUT"  # context of `read`: a partial update
NOT_GIVEN: Any = object()  # an empty string where one means "field not given"
_LIMIT = Decimal(10) ** 15  # every number stays below
_NEAR = Decimal("1e-9")  # as JavaScript and PHP send 0.1 + 0.2
_NUMERIC = re.compile(r"\s*[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}[0-9:.,]*(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _bad() -> PydanticCustomError:
    return PydanticCustomError("value", "bad value")


def _absent() -> PydanticCustomError:
    return PydanticCustomError("missing", "not set")


def text(value: Any) -> Any:
    """A string; a number becomes its decimal text [C]."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _bad()
    number_text = value if isinstance(value, Decimal) else Decimal(value)
    if abs(number_text.adjusted()) > 60:
        raise _bad()
    return format(number_text, "f")


def text_to(maximum: int) -> Callable[[Any], Any]:
    """A string of at most so many characters."""

    def read_text(value: Any) -> Any:
        found = text(value)
        if found is not None and len(found) > maximum:
            raise PydanticCustomError("too_long", "too long", {"maximum": maximum})
        return found

    return read_text


def required(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What `reader` takes, but it must be there; `""` is not."""

    def read_required(value: Any) -> Any:
        if value is None or value == "":
            raise _absent()
        return reader(value)

    return read_required


def number(value: Any) -> Any:
    """A number or numeric string; `""` is not given."""
    if value is None or value == "":
        return NOT_GIVEN if value == "" else None
    if isinstance(value, bool):
        raise _bad()
    if isinstance(value, str):
        if not _NUMERIC.fullmatch(value):
            raise _bad()
        value = Decimal(value.strip())
    if isinstance(value, int):
        if abs(value) >= 10**15:
            raise _bad()
        return Decimal(value)
    if not isinstance(value, Decimal) or value.adjusted() > 15 or abs(value) >= _LIMIT:
        raise _bad()
    return value or Decimal(0)  # there is no negative zero


def decimals(places: int, low: int | None = None, high: int | None = None) -> Callable[[Any], Any]:
    """A number with so many decimals, within the bounds. One that is all but such a number is that one."""
    step = Decimal(1).scaleb(-places)

    def read_number(value: Any) -> Any:
        found = number(value)
        if not isinstance(found, Decimal):
            return found
        exact = found
        if not isinstance(value, int):
            rounded = found.quantize(step)
            if rounded != found:
                if abs(rounded - found) > _NEAR:
                    raise _bad()
                exact = rounded
        if (low is not None and exact < low) or (high is not None and exact > high):
            raise _bad()
        return exact

    return read_number


def whole(low: int, high: int) -> Callable[[Any], Any]:
    """An integer; a whole float or a numeric string is one [C]."""

    def read_integer(value: Any) -> Any:
        found = number(value)
        if not isinstance(found, Decimal):
            return found
        if found != found.to_integral_value() or not low <= found <= high:
            raise _bad()
        return int(found)

    return read_integer


def day(value: Any) -> Any:
    """A date; of a full ISO timestamp its date part [C]; `""` is not given."""
    if value is None or value == "":
        return NOT_GIVEN if value == "" else None
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _bad()
    try:
        parsed = date.fromisoformat(found[1])
    except ValueError:
        raise _bad() from None
    if not FIRST_DATE <= parsed <= LAST_DATE:
        raise _bad()
    return parsed


def boolean(value: Any) -> Any:
    """true or false; `""` is false [C]."""
    if value is None or isinstance(value, bool):
        return value
    if value == "":
        return False
    raise _bad()


def one_of(*allowed: str) -> Callable[[Any], Any]:
    """One of these words; `""` is not given."""

    def read_word(value: Any) -> Any:
        if value is None or value in allowed:
            return value
        if value == "":
            return NOT_GIVEN
        raise _bad()

    return read_word


def zipcode(value: Any) -> Any:
    """Blanks are removed [R]."""
    found = text(value)
    return found and "".join(found.split())


def country(value: Any) -> Any:
    """Two letters or empty, put in upper case [C]."""
    found = text(value)
    if found and not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise _bad()
    return found and found.upper()


def email(value: Any) -> Any:
    """`""` or text@text [A]."""
    found = text(value)
    if found and not _EMAIL.fullmatch(found):
        raise _bad()
    return found


def currency(value: Any) -> Any:
    """Three capital letters [A]."""
    if value is None or value == "":
        return NOT_GIVEN if value == "" else None
    if not (
        isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
    ):
        raise _bad()
    return value


def digits_to(maximum: int) -> Callable[[Any], Any]:
    """Digits, at most so many."""

    def read_digits(value: Any) -> Any:
        found = text(value)
        if found and not (found.isascii() and found.isdigit() and len(found) <= maximum):
            raise _bad()
        return found

    return read_digits


def url(value: Any) -> Any:
    """http:// or https:// [D; http here A]; `mock:inbox` is the receiver inside [A]."""
    found = text(value)
    if found and found != INBOX and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", found):
        raise _bad()
    return found or None


def language(value: Any) -> Any:
    """Two letters; `""` is the market's default [A]."""
    found = text(value)
    if found and not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise _bad()
    return found.lower() if found else None


class Kept(Struct, frozen=True):
    """A value sent for a read-only key in a PUT: it is compared with the stored one later."""

    value: Any


def read_only(value: Any, info: ValidationInfo) -> Any:
    """At creation anything but null is refused; in a PUT it is kept for `check_read_only`."""
    if info.context == PUT:
        return Kept(value)
    if value is not None:
        raise PydanticCustomError("read_only", "read-only")
    return NOT_GIVEN


def changeable(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A required member in a PUT: null is ignored, anything else is read as at creation [A]."""
    return lambda value: NOT_GIVEN if value is None else reader(value)


def anything(value: Any) -> Any:
    """Any JSON object, kept as sent."""
    if value is not None and not isinstance(value, dict):
        raise _bad()
    return value


# the norms of what the readers above take: what a client should send
WORDS = optional(string())
DATE = optional(string(format="date"))


def up_to(maximum: int) -> Schema:
    """Text of at most so many characters, or null."""
    return optional(string(maximum))


NAME = string(100, 1)
COUNTRY = optional(string(pattern="^([A-Z]{2})?$"))
EMAIL = optional(string(pattern=r"^([^@\s]+@[^@\s]+)?$"))
URL = optional(string(pattern=r"^(mock:inbox|https?://[^\s/?#]+[^\s]*)$"))
LANGUAGE = optional(string(pattern="^[a-z]{2}$"))
CURRENCY = optional(string(pattern="^[A-Z]{3}$"))
DIGITS_16 = optional(string(pattern="^[0-9]{0,16}$"))
ANY_OBJECT = optional({"type": "object"})
BOOLEAN = optional({"type": "boolean"})

Text: TypeAlias = Annotated[str | None, reads(text, WORDS)]
Text30: TypeAlias = Annotated[str | None, reads(text_to(30), up_to(30))]
Text35: TypeAlias = Annotated[str | None, reads(text_to(35), up_to(35))]
Text200: TypeAlias = Annotated[str | None, reads(text_to(200), up_to(200))]
Text350: TypeAlias = Annotated[str | None, reads(text_to(350), up_to(350))]
Required: TypeAlias = Annotated[str, reads(required(text_to(100)), NAME)]
Title: TypeAlias = Annotated[str | None, reads(text_to(100), optional(NAME))]
Zipcode: TypeAlias = Annotated[str | None, reads(zipcode, WORDS)]
Country: TypeAlias = Annotated[str | None, reads(country, COUNTRY)]
Email: TypeAlias = Annotated[str | None, reads(email, EMAIL)]
Url: TypeAlias = Annotated[str | None, reads(url, URL)]
Language: TypeAlias = Annotated[str | None, reads(language, LANGUAGE)]
Bool: TypeAlias = Annotated[bool | None, reads(boolean, BOOLEAN)]
Date: TypeAlias = Annotated[date | None, reads(day, DATE)]
Currency: TypeAlias = Annotated[str | None, reads(currency, CURRENCY)]
Digits16: TypeAlias = Annotated[str | None, reads(digits_to(16), DIGITS_16)]
Number: TypeAlias = Annotated[Decimal | None, reads(decimals(6), optional(number_norm()))]
NotNegative: TypeAlias = Annotated[Decimal | None, reads(decimals(6, 0), optional(number_norm(0)))]
Percent: TypeAlias = Annotated[Decimal | None, reads(decimals(2, 0, 100), optional(number_norm(0, 100)))]
Amount: TypeAlias = Annotated[Decimal | None, reads(decimals(2), optional(number_norm()))]
InvoiceNo: TypeAlias = Annotated[int | None, reads(whole(1, 999_999_999), optional(integer(1, 999_999_999)))]
DelayDays: TypeAlias = Annotated[int | None, reads(whole(0, 3650), optional(integer(0, 3650)))]
SomeDays: TypeAlias = Annotated[int, reads(required(whole(0, 3650)), integer(0, 3650))]
ReadOnly: TypeAlias = Annotated[Any, PlainValidator(read_only), SkipJsonSchema()]
Object: TypeAlias = Annotated[dict[str, Any] | None, reads(anything, ANY_OBJECT)]


class Fields(BaseModel):
    """Base of all bodies and sub-objects: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", defer_build=True)  # built when first read: the start is sooner


class NoFields(Fields):
    """A command without parameters."""


def read(model: type[Fields], body: Any, context: str | None = None) -> Given:
    """The members that were given, under one name each; Refusal for the first problem."""
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidParameter("invalid request body", rule="body.object")
    try:
        # the validator itself: `model_validate` looks at options of its own first, a fifth of the time
        return given(model.__pydantic_validator__.validate_python(body, context=context))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise _refusal(min(problems, key=_phase)) from None


_PLAIN = {NoneType, bool, int, str, Decimal, date, list}


def given(fields: BaseModel) -> Given:
    """What was sent of it, nested the same way."""
    found: Given = {}
    values = fields.__dict__
    for name in fields.model_fields_set:
        value = values[name]
        if value is not NOT_GIVEN:
            # of a plain one the type is told faster than that it is no model
            plain = type(value) in _PLAIN
            found[name] = given(value) if not plain and isinstance(value, BaseModel) else value
    return found


def _same(sent: Any, shown: Any) -> bool:
    """Whether nothing was sent, or the stored value in any form that is read for it (api 1.6) [A]."""
    if sent is None or sent == "" or sent == shown:
        return True
    try:
        if isinstance(shown, int | Decimal):
            return bool(number(sent) == shown)
        if isinstance(shown, str):
            return text(sent) == shown or _moment(text(sent), shown) == shown
    except (PydanticCustomError, ValueError):
        pass
    return False


def _moment(sent: str, shown: str) -> str:
    """An ISO timestamp as we write it: its date part, or the second in UTC without a mark."""
    moment = datetime.fromisoformat(sent)
    if len(shown) == len("2026-05-14"):
        return f"{moment:%Y-%m-%d}"
    return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%Y-%m-%d %H:%M:%S}"


def check_read_only(given: Given, shown: Mapping[str, Any], path: tuple[str, ...] = ()) -> None:
    """Take the read-only members out of `given`; ReadOnlyParameter for the first that is not as `shown`.

    null and what equals the stored value are ignored, arrays and objects always [A] (reference: api 1.8).
    """
    for name, value in list(given.items()):
        if isinstance(value, Kept):
            del given[name]
            if not (isinstance(value.value, list | dict) or _same(value.value, shown[name])):
                raise ReadOnlyParameter(
                    f"read-only key: {name}", rule="body.read_only", field=name, path=path
                )
        elif isinstance(value, dict) and isinstance(shown.get(name), dict):
            check_read_only(value, shown[name], (*path, name))


_PHASES = {"extra_forbidden": 0, "read_only": 2, "missing": 3}  # all others: 1


def _phase(problem: ErrorDetails) -> tuple[int, int]:
    return _PHASES.get(problem["type"], 1), 0


def _refusal(problem: ErrorDetails) -> Refusal:
    steps = list(problem["loc"])
    while steps and isinstance(steps[-1], int):  # an element that is no object: its list is to blame
        steps.pop()
    name, path = str(steps[-1]), tuple(steps[:-1])
    kind = problem["type"]
    if kind == "extra_forbidden":
        return UnknownParameter(f"unexpected key: {name}", rule="body.unknown", field=name, path=path)
    if kind == "read_only":
        return ReadOnlyParameter(f"read-only key: {name}", rule="body.read_only", field=name, path=path)
    if kind == "missing":
        return missing(name, path)
    if kind == "too_long":
        maximum = problem["ctx"]["maximum"]
        label = name.replace("_", " ")
        message = f"{label} too long, maximum {maximum} characters"
        return InvalidParameter(message, rule="body.length", field=name, path=path, maximum=maximum)
    return invalid(name, path, rule="body.value")
