"""The request of a control-plane operation, the row that describes the operation, and body parsing."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import parse_qsl

from msgspec import Struct
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from starlette.types import ASGIApp

from mockserver.api.inputs import MAX_ELEMENTS
from mockserver.api.kinds import MAX_TEXT
from mockserver.api.shapes import BillogramShape, CustomerShape, ListedEventShape
from mockserver.configuration import Configuration
from mockserver.control.errors import ControlError, unknown_account
from mockserver.control.paging import DEFAULT, MOST, Page
from mockserver.core import calendar
from mockserver.coverage import Coverage
from mockserver.documents.pdf import PdfCache
from mockserver.emulator import Emulator, LiveAccount
from mockserver.json_problems import problem_of
from mockserver.schema import Form, Schema, component, number, string
from mockserver.traffic import Traffic
from mockserver.webhooks.sender import Sender
from mockserver.wire import BadJson, JsonBody, JsonTooLarge

M = TypeVar("M", bound="Body")


def _zone(name: str) -> str:
    calendar.zone(name)
    return name


def _text(value: Any) -> Any:
    if not isinstance(value, str) or "T" not in value.upper().replace(" ", "T"):
        raise ValueError("must be ISO 8601 with zone, such as 2026-03-02T10:00:00+01:00")
    return value


def _moment(moment: datetime) -> datetime:
    if not calendar.FIRST_DATE.year < moment.year < calendar.LAST_DATE.year:
        raise ValueError(
            f"the year must be after {calendar.FIRST_DATE.year} and before {calendar.LAST_DATE.year}"
        )
    return moment.astimezone(UTC)


def money(value: Any) -> Decimal:
    """Read an amount of money: a JSON number, or a string of plain decimal digits. Raises ValueError.

    It has at most two decimals; 1e-9 is tolerated, since JavaScript sends 0.1 + 0.2 as 0.30000000000000004.
    """
    readable = isinstance(value, Decimal | int) and not isinstance(value, bool)
    if not readable and not (isinstance(value, str) and _PLAIN.fullmatch(value)):
        raise ValueError("must be an amount of money such as 125 or 50.25")
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= _LIMIT:
        raise ValueError("must be below 10^15")
    rounded = number.quantize(_CENT)
    if abs(number - rounded) > _TOLERANCE or (number and not rounded):
        raise ValueError("has more than two decimals")
    return rounded


def _amount(value: Any) -> Decimal:
    amount = money(value)
    if amount <= 0:
        raise ValueError("must be above 0")
    return amount


_PLAIN = re.compile(r"-?\d{1,40}(\.\d{1,40})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CENT, _TOLERANCE, _LIMIT = Decimal("0.01"), Decimal("1e-9"), Decimal(10) ** 15
Amount = Annotated[Decimal, BeforeValidator(_amount), Form(number(exclusiveMinimum=0))]
Zone = Annotated[str, AfterValidator(_zone), Form(string(examples=["Europe/Stockholm"]))]
Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_moment)]

# durations: of hours, minutes and seconds only; and of any unit from years to seconds
_TIME = r"(\d+H)?(\d+M)?(\d+(\.\d+)?S)?"
EXACT_DURATION = string(40, pattern=rf"^(\d+(\.\d+)?[hms]|PT{_TIME})$", examples=["10s", "PT2H"])
DURATION = string(
    40,
    pattern=rf"^(\d+(\.\d+)?[hms]|\d+(y|mo|w|d)|P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T{_TIME})?)$",
    examples=["30d", "P1M", "2h"],
)

# types of answer members
Shown = Annotated[str, Form(string(format="date-time"))]  # a moment in the time zone of the account
Uuid = Annotated[str, Form(string(format="uuid"))]
ShownEvent = Annotated[ListedEventShape, Form(component("ListedEvent"))]  # as the API shows them
ShownBillogram = Annotated[BillogramShape, Form(component("Billogram"))]
ShownCustomer = Annotated[CustomerShape, Form(component("Customer"))]
SettingsChanges = Annotated[dict[str, Any], Form(component("SettingsFields"))]


class Body(BaseModel):
    """The base of request bodies. Unknown members are refused, and JSON types are not converted."""

    model_config = ConfigDict(extra="forbid", defer_build=True)  # built at first use, for a faster start-up

    @field_validator("*", mode="before")
    @classmethod
    def _check_json_type(cls, value: Any, info: ValidationInfo) -> Any:
        wanted = set(_parts(cls.model_fields[info.field_name or ""].annotation))
        if bool in wanted and not isinstance(value, bool):
            raise ValueError("must be true or false")
        if wanted & {int, float} and str not in wanted and isinstance(value, bool | str):
            raise ValueError("must be a number")
        if date in wanted and not (isinstance(value, str) and _DATE.fullmatch(value)):
            raise ValueError("must be a date such as 2026-03-02")
        return value

    def given(self) -> dict[str, Any]:
        """Return the members that were sent with a value other than null."""
        return {
            name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None
        }


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and every annotation nested in it."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


class ServerInfo(Struct, frozen=True):
    """Facts about the server that do not change while it runs."""

    started: float  # monotonic seconds
    configuration: Configuration
    operations: tuple["ControlOperation", ...]  # all operations of the control plane


class ControlCall(Struct):
    """One request to the control plane, as its endpoint receives it."""

    emulator: Emulator
    sender: Sender
    traffic: Traffic
    info: ServerInfo
    pdf_cache: PdfCache
    coverage: Coverage
    app: ASGIApp  # the whole application, for operations that send requests to it
    request_id: str
    params: dict[str, str]
    query_string: bytes
    known: Collection[str]  # the query parameters that the row of the operation lists
    headers: Mapping[str, str]  # lower-case names
    body: JsonBody
    base: str  # scheme and host under which this client reaches the server

    def query(self, name: str) -> str | None:
        """Return a query parameter, or None if it is absent or empty. The last of several values counts."""
        assert name in self.known, f"the row of the operation does not name {name}"
        return dict(parse_qsl(self.query_string.decode("latin-1"))).get(name)

    def number(self, name: str, default: int, maximum: int) -> int:
        """Return a query parameter that is a whole number from 1, at most `maximum`.

        Raises ControlError for any other text.
        """
        text = self.query(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
            raise ControlError(
                400, "invalid_query", f"{name} is not a whole number from 1", f"at most {maximum}"
            )
        return min(int(text), maximum)

    def page(self) -> Page:
        """Return the page of a list that the query asks for. Raises ControlError for a bad `limit`."""
        return Page(self.number("limit", DEFAULT, MOST), self.query("before"), self.query("after"))

    async def live(self) -> LiveAccount:
        """Return the account that the path names. Raises ControlError if it does not exist."""
        live = await self.emulator.find(self.params["a"])
        if live is None:
            raise unknown_account(self.params["a"])
        return live

    def typed_body(self, model: type[M]) -> M:
        """Return the body, validated by this model. Raises ControlError."""
        return parse_body(model, self.decoded_body())

    def decoded_body(self) -> Any:
        """Return the decoded JSON body; an empty body is `{}`. Raises ControlError if it is not JSON."""
        try:
            return self.body.read() if self.body.raw else {}
        except JsonTooLarge as problem:
            message, hint = f"the body has too many {problem.what}", f"at most {problem.maximum}"
            raise ControlError(400, "invalid_body", message, hint) from None
        except BadJson as error:
            message = f"the body is not JSON: {problem_of(self.body.raw, str(error))}"
            raise ControlError(400, "invalid_json", message, "send a JSON object") from None


JSON = "application/json"


class Answer(Struct, frozen=True):
    """The answer of an endpoint: a JSON value, a stream of server-sent events, or a file as bytes."""

    body: Any = None
    status: int = 200
    stream: AsyncIterator[bytes] | None = None
    media_type: str = JSON


Endpoint = Callable[[ControlCall], Coroutine[Any, Any, Answer]]


class ControlOperation(Struct, frozen=True, eq=False):
    """One operation of the control plane; `path` is relative to `/_mock`.

    The OpenAPI document is made from `body` and its `example`, the type of the `answer` and its `status`, the
    `query` parameters, and the error `codes` (without those that every such operation can answer). An
    endpoint can read no query parameter that is not listed. `media_types`: the answer is a file of one of
    these types. `streams`: it can also answer with server-sent events. `open`: it needs no control token.
    `waits`: it may wait a long time for something to happen. `tag`: its topic in the document, if that is not
    the name of the endpoint's module.
    """

    id: str
    method: str
    path: str
    endpoint: Endpoint
    body: type[Body] | None = None
    answer: Any = None
    status: int = 200
    query: dict[str, Schema] = {}
    example: Any = None
    codes: tuple[str, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    streams: bool = False
    open: bool = False
    waits: bool = False
    tag: str = ""


def parse_body(model: type[M], data: Any) -> M:
    """Validate a decoded body by a model. Raises ControlError, which names the first invalid member."""
    if not isinstance(data, dict):
        raise ControlError(400, "invalid_body", "the body is not a JSON object", "send a JSON object")
    data = _reduced(model, data)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    steps, holder = _place(model, problem["loc"])
    if problem["type"] == "extra_forbidden":
        where = ".".join([*steps, str(problem["loc"][-1])])
        known = ", ".join(_members(holder)) or "none"
        raise ControlError(400, "invalid_body", f"unknown member: {where}", f"known members: {known}")
    where = ".".join(steps) or "body"
    reason = "must be an object" if problem["type"] in _NO_OBJECT else problem["msg"]
    message = f"{where}: {reason.removeprefix('Value error, ')}"
    raise ControlError(400, "invalid_body", message, f"correct {where} and send it again")


def _members(model: type[Body]) -> dict[str, FieldInfo]:
    """Return the members of a body by their name in JSON, which is the alias of a field that has one."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _reduced(model: type[Body], data: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the data with only the first unknown member of each object.

    Raises ControlError for a list or a text that is too long. pydantic makes an error for every wrong member,
    which takes long for many, though only one is shown.
    """
    fields = _members(model)
    found: dict[str, Any] = {}
    unknown = False
    for name, value in data.items():
        field = fields.get(name)
        if field is None:
            if not unknown:
                found[name] = value
            unknown = True
            continue
        found[name] = _reduced_value(field.annotation, value, (*path, name))
    return found


def _reduced_value(annotation: Any, value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise _too_long(path, f"{MAX_TEXT} characters")
    if isinstance(value, list):
        if len(value) > MAX_ELEMENTS:
            raise _too_long(path, f"{MAX_ELEMENTS} elements")
        return [_reduced_value(annotation, each, (*path, str(index))) for index, each in enumerate(value)]
    model = _inner_body(annotation) if isinstance(value, dict) else None
    return value if model is None else _reduced(model, value, path)


def _too_long(path: tuple[str, ...], maximum: str) -> ControlError:
    return ControlError(400, "invalid_body", f"{'.'.join(path)} is too long", f"at most {maximum}")


_NO_OBJECT = ("dict_type", "model_type", "model_attributes_type")


def _place(model: type[Body], location: Iterable[int | str]) -> tuple[list[str], type[Body]]:
    """Return the path of members without pydantic's names of union parts, and the last body on it."""
    steps: list[str] = []
    for step in location:
        if isinstance(step, int):
            steps.append(str(step))
        elif (field := _members(model).get(step)) is not None:
            steps.append(step)
            model = _inner_body(field.annotation) or model
    return steps, model


def _inner_body(annotation: Any) -> type[Body] | None:
    """Return the body that a member of this type is, or consists of."""
    parts = (part for part in _parts(annotation) if isinstance(part, type))
    return next((each for each in parts if issubclass(each, Body)), None)
