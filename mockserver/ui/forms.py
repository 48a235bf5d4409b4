"""Forms: the fields of an operation's body, and the body that a submitted form describes.

A field's name is the path of a member, such as `body.amount` or `body.items.0.title`. An empty field is left
out of the body. A field whose member is a list or an object without a form of its own holds JSON. With the
prefix `text.` instead of `body.` the value is a text as it is typed, for members that no schema describes.
A field `header.…` is a header that the operation requires.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from msgspec import Struct

from mockserver.json_problems import problem_of
from mockserver.ui.schemas import Described, Schema, alternatives, member, resolved, type_of
from mockserver.wire import BadJson, decode, encode

PREFIX, TEXT, HEADER = "body.", "text.", "header."
_SHORT = ("b2b", "ocr", "url", "vat")  # words that are written in capitals


Choices = Mapping[str, Mapping[str, str]]  # by member: the values that are possible, and their labels


class BadField(Exception):
    """A field can't be turned into a value of its member."""


class Field(Struct, frozen=True):
    """One field of a form. `kind` selects the control: text, number, date, select, area, json or hidden."""

    name: str
    label: str
    kind: str
    value: str = ""
    choices: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}  # of choices that do not explain themselves
    required: bool = False
    help: str = ""
    shown: bool = True  # without opening "more fields"


def fields_of(
    operation: Described,
    example: Any,
    typed: Mapping[str, str] | None,
    only: Sequence[str] | None = None,
    choices: Choices | None = None,
) -> list[Field]:
    """Return the fields of an operation: the members of the example first, then the others.

    `choices` narrows members of which only some values are possible now.
    `example` gives the values. `typed`, if given, has what a person typed, by field name, and wins.
    """
    if operation.body is None:
        return []
    schema = resolved(operation.body, operation.document)
    known: Mapping[str, Any] = schema.get("properties", {})
    example = example if isinstance(example, Mapping) else {}
    names = [name for name in [*example, *known] if name in known] if only is None else only
    required = set(schema.get("required", ()))
    made = []
    for name in dict.fromkeys(names):
        shape = _shape(operation, name.split("."))
        shown = only is not None or name in example or name in required
        if "const" in shape and not shown:
            continue
        field = PREFIX + name
        labels = (choices or {}).get(name)
        made.append(
            Field(
                name=field,
                label=label_of(name),
                kind=_kind(shape) if labels is None else "select",
                value=_text(_within(example, name.split("."))) if typed is None else typed.get(field, ""),
                choices=_choices(shape) if labels is None else tuple(labels),
                labels=labels or {},
                required=name in required,
                help=shape.get("description", "") or _examples(shape),
                shown=shown,
            )
        )
    for name in operation.headers:
        field = HEADER + name
        # a new key each time the form is shown: a form that is sent twice is one request to the operation
        value = str(uuid4()) if typed is None else typed.get(field, "")
        made.append(Field(name=field, label=name, kind="text", value=value, required=True))
    return made


def headers_of(operation: Described, typed: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers of an operation that a submitted form has."""
    found = dict(typed)
    names = {name: found.get(HEADER + name, "").strip() for name in operation.headers}
    return {name: value for name, value in names.items() if value}


def _shape(operation: Described, steps: Iterable[str]) -> Schema:
    """Return the schema of a member of the body, by its path: a plain one, if it need not be an object."""
    assert operation.body is not None
    schema = operation.body
    for step in steps:
        schema = member(schema, step, operation.document)
    found = list(alternatives(schema, operation.document))
    return next((each for each in found if type_of(each) != "object"), found[0] if found else {})


def _within(value: Any, steps: Iterable[str]) -> Any:
    """Return the member of a JSON value by its path; None if there is none."""
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def label_of(name: str) -> str:
    """Return the label of a member: its name in words, and which row it is of."""
    steps = name.split(".")
    row = f" of row {int(steps[-2]) + 1}" if len(steps) > 1 and steps[-2].isdigit() else ""
    words = (steps[-1] + row).replace(":", " ").replace("_", " ").split()
    label = " ".join(each.upper() if each in _SHORT else each for each in words)
    return label[:1].upper() + label[1:]


def _kind(shape: Schema) -> str:
    kind = type_of(shape)
    if kind == "boolean" or _choices(shape):
        return "select"
    if kind in ("number", "integer"):
        return "number"
    if kind in ("object", "array", "any"):
        return "json"
    if shape.get("format") == "date":
        return "date"
    return "area" if shape.get("maxLength", 0) > 1000 and not {"pattern", "examples"} & set(shape) else "text"


def _choices(shape: Schema) -> tuple[str, ...]:
    if type_of(shape) == "boolean":
        return ("true", "false")
    if "const" in shape:
        return (str(shape["const"]),)
    return tuple(str(each) for each in shape.get("enum", ()) if each is not None)


def _examples(shape: Schema) -> str:
    found = shape.get("examples", ())
    return "such as " + ", ".join(map(str, found)) if found else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()


def body_of(operation: Described, typed: Iterable[tuple[str, str]]) -> Any:
    """Return the JSON body that a submitted form describes, or None if the operation has no body.

    Raises BadField, which names the field.
    """
    if operation.body is None:
        return None
    body: dict[str, Any] = {}
    for name, text in typed:
        if not name.startswith((PREFIX, TEXT)) or not text.strip():
            continue
        steps = name.removeprefix(PREFIX).removeprefix(TEXT).split(".")
        value = text if name.startswith(TEXT) else _value(name, _shape(operation, steps), text)
        _put(body, steps, value)
    made = _compact(body)
    assert isinstance(made, dict)
    return made


def _put(body: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    for step in steps[:-1]:
        body = body.setdefault(step, {})
        if not isinstance(body, dict):
            raise BadField(f"{'.'.join(steps)} is given twice")
    if isinstance(body.get(steps[-1]), dict):
        raise BadField(f"{'.'.join(steps)} is given twice")
    body[steps[-1]] = value


def _compact(value: Any) -> Any:
    """Return objects whose keys are all numbers as lists, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    made = {name: _compact(each) for name, each in value.items()}
    if made and all(name.isascii() and name.isdigit() for name in made):
        return [made[name] for name in sorted(made, key=int)]
    return made


def _value(name: str, schema: Schema, text: str) -> Any:
    """Return the value of a field by its member's type; what does not fit is sent as text, to be refused."""
    kind = type_of(schema)
    if kind == "boolean":
        return text.strip() == "true" if text.strip() in ("true", "false") else text
    if kind in ("number", "integer"):
        try:
            number = Decimal(
                text.strip().replace(",", ".").replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
            )
        except InvalidOperation:
            return text
        if not number.is_finite():
            return text
        return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
    if kind in ("object", "array", "any"):
        try:
            return decode(text.encode())
        except BadJson as error:
            if kind == "any" and not text.lstrip().startswith(("{", "[")):
                return text
            problem = problem_of(text.encode(), str(error))
            raise BadField(f"{label_of(name.removeprefix(PREFIX))} is not JSON: {problem}") from None
    return text
