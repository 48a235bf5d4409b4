"""Reads a request body into the typed input of the core, by the declarations of `core/inputs`.

`read_input` raises the first problem in the order of the contract: unknown key, wrong type or range,
read-only key, missing key; each in the order of the members. Rows are checked last, one by one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import UNSET, Struct, UnsetType, structs

from mockserver.api.kinds import (
    KINDS,
    MISSING,
    OF_TYPE,
    READ_ONLY,
    UNKNOWN,
    WRONG,
    KindDefinition,
    Problem,
    number,
    text,
)
from mockserver.core import settings
from mockserver.core.content import MAX_ROWS
from mockserver.core.inputs import Accounts, Input, Patch, PaymentType, RowFields, Rows
from mockserver.core.kinds import SECOND_NAMES, Json, Kind, MemberSubset
from mockserver.core.model import ElectricityCollection
from mockserver.core.refusal import (
    InvalidParameter,
    ReadOnlyParameter,
    Refusal,
    UnknownParameter,
    invalid,
    missing,
)
from mockserver.schema import Schema, component, optional, own_description
from mockserver.wire import encode, without_frames

I = TypeVar("I", bound=Input)  # noqa: E741
S = TypeVar("S", bound=Struct)

Path = tuple[str | int, ...]

MAX_ELEMENTS = MAX_ROWS  # of a list of objects, such as the rows of a billogram [A]

# component names in the OpenAPI document that are not the type's name with `Fields`
_COMPONENTS: dict[type[Struct], str] = {
    PaymentType: "PaymentSettingsFields",
    Accounts: "BookkeepingFields",
    ElectricityCollection: "ElectricityFields",
    settings.PostalAddress: "PlaceFields",
    settings.VisitingAddress: "PlaceFields",
    settings.InvoiceAddress: "InvoicePlaceFields",
    settings.NamedAddress: "NamedPlaceFields",
    settings.DomesticBankAccount: "DomesticAccountFields",
    settings.InternationalBankAccount: "InternationalAccountFields",
    settings.PaymentSettings: "PaymentFields",
    settings.Bookkeeping: "BookFields",
    settings.InvoiceSettings: "InvoiceFields",
}


class Member(Struct, frozen=True):
    """A member of an object; `name` is the name of the field. It has either a kind or the form of an object.

    `many` says that the member is a list of such objects, `as_json` that it is stored as JSON text, and
    `null` that null can be stored.
    """

    index: int
    name: str
    required: bool
    null: bool
    kind: KindDefinition | None = None
    form: "InputForm | None" = None
    many: bool = False
    as_json: bool = False

    def schema(self, *, needed: bool) -> Schema:
        """The JSON Schema of the member; `needed` excludes null."""
        if self.kind is not None:
            return self.kind.schema if needed or not self.kind.null else optional(self.kind.schema)
        assert self.form is not None, "a member is of a kind or an object"
        found = component(self.form.component)
        if self.many:
            found = {"type": "array", "maxItems": MAX_ELEMENTS, "items": found}
        return found if needed else optional(found)


class _Problems:
    """The first problem that was found in a body, in the order of the contract, and how many there are."""

    def __init__(self, *, put: bool) -> None:
        self.put = put
        self.found = 0
        self._first: tuple[tuple[int, tuple[int, ...]], Problem, str, Path] | None = None

    def note(self, problem: Problem, at: tuple[int, ...], name: str, path: Path) -> None:
        self.found += 1
        place = problem.phase, at
        if self._first is None or place < self._first[0]:
            self._first = place, without_frames(problem), name, path

    def first(self) -> Refusal:
        """The first problem in the order of the contract."""
        assert self._first is not None, "a problem was found"
        return _refusal(*self._first[1:])


class InputForm:
    """The members of an object, from the declaration of its type. `patch`: any part of them may be sent."""

    def __init__(self, type_: type[Struct], part: MemberSubset | None = None, *, patch: bool) -> None:
        self.type, self.patch = type_, patch
        name = _COMPONENTS.get(type_, type_.__name__)
        own = name if name.endswith(("Fields", "Changes")) else f"{name}Fields"
        self.component = part.component if part else own
        self.read_only: tuple[str, ...] = getattr(type_, "read_only", ())
        self.hidden: tuple[str, ...] = getattr(type_, "hidden", ())
        fields = structs.fields(type_)
        if patch:
            self.required = part.needed if part else ()
        else:
            self.required = tuple(each.encode_name for each in fields if each.required)
        self.needed = (*self.required, *getattr(type_, "needed", ()))
        names = dict(part.names) if part else {}
        if not names:
            for each in fields:
                names[each.encode_name] = each.name
                names |= {other: first for other, first in SECOND_NAMES.items() if first == each.name}
        hints = get_type_hints(type_, include_extras=True)
        self.members = {
            wire: _member(hints[name], index, name, required=wire in self.required, patch=patch)
            for index, (wire, name) in enumerate(names.items())
        }
        self._names = tuple(names.values())

    def read(
        self, body: dict[str, Any], problems: _Problems, at: tuple[int, ...] = (), path: Path = ()
    ) -> Any:
        """Read an object from a body. Problems are noted in `problems`."""
        found: dict[Any, Any] = {}  # a patch is keyed by index, since it keeps the order of the members
        patch, members = self.patch, self.members
        unknown = False
        for wire, value in body.items():
            member = members.get(wire)
            if member is None:
                if not unknown:  # the first unknown key precedes all others: there can be many
                    unknown = self._note_unexpected(wire, value, problems, at, path)
                continue
            kind = member.kind
            if member.required and (value is None or (value == "" and not (kind and kind.blank))):
                continue
            try:
                taken = kind.reader(value) if kind else self._nested(member, wire, value, problems, at, path)
            except Problem as problem:
                problems.note(problem, (*at, member.index), wire, path)
                continue
            if taken is not UNSET and (taken is not None or member.null):
                found[member.index if patch else member.name] = taken
        for wire in self.required:
            member = members[wire]
            if (member.index if patch else member.name) not in found:
                problems.note(Problem(MISSING), (*at, member.index), wire, path)
        if problems.found:
            return Patch()  # the result is not used
        if not patch:
            return self.type(**found)
        names = self._names
        return Patch(tuple([(names[index], found[index]) for index in sorted(found)]))

    def _note_unexpected(
        self, wire: str, value: Any, problems: _Problems, at: tuple[int, ...], path: Path
    ) -> bool:
        """Note an unknown or a read-only key; return whether it is unknown.

        In a PUT `check_read_only` checks the read-only keys.
        """
        behind = len(self.members)
        if wire not in self.read_only:
            problems.note(Problem(UNKNOWN), (*at, behind), wire, path)
            return True
        if not problems.put and value is not None:
            problems.note(Problem(READ_ONLY), (*at, behind + self.read_only.index(wire)), wire, path)
        return False

    def _nested(
        self, member: Member, wire: str, value: Any, problems: _Problems, at: tuple[int, ...], path: Path
    ) -> Any:
        form, at, path = member.form, (*at, member.index), (*path, wire)
        assert form is not None, "a member is of a kind or an object"
        if value is None:
            return None
        if not member.many:
            if not isinstance(value, dict) and value != []:
                raise Problem
            taken = form.read(value or {}, problems, at, path)
            return _json_of(taken) if member.as_json else taken
        if not isinstance(value, list):
            raise Problem
        if len(value) > MAX_ELEMENTS:
            raise Problem(WRONG, MAX_ELEMENTS, "elements")
        many: list[Any] = []
        for index, each in enumerate(value):
            if isinstance(each, dict) or each == []:
                many.append(form.read(each or {}, problems, (*at, index), (*path, index)))
            else:  # the problem is that of the list
                problems.note(Problem(), (*at, index), wire, path[:-1])
        return _json_of(many) if member.as_json else tuple(many)


def _json_of(taken: Any) -> Any:
    """An object without its nulls, or a list, as JSON text; None for an empty object."""
    if isinstance(taken, Patch):
        taken = {name: value for name, value in taken.changes if value is not None} or None
    return None if taken is None or taken is UNSET else encode(taken).decode()


def _member(hint: Any, index: int, name: str, *, required: bool, patch: bool) -> Member:
    """The member that a type hint declares."""
    types: list[Any] = []
    marks: list[Any] = []
    rest = [hint]
    while rest:
        each = rest.pop()
        origin = get_origin(each)
        if origin is Annotated:
            marks += each.__metadata__
            rest.append(each.__origin__)
        elif origin in (Union, UnionType):
            rest += get_args(each)
        else:
            types.append(each)
    (type_,) = (each for each in types if each not in (NoneType, UnsetType))
    mark = marks[0] if marks else None
    as_json = isinstance(mark, Json)
    null = patch or NoneType in types
    if isinstance(mark, Kind):
        return Member(index, name, required, null, KINDS[mark.name])
    if isinstance(mark, Json):
        type_, mark = mark.type, None
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Rows:
        return Member(index, name, required, null, _rows(inner[0]))
    if origin is tuple:
        form = InputForm(inner[0], patch=False)
        return Member(index, name, required, null, None, form, many=True, as_json=as_json)
    if origin is Patch:
        return Member(
            index, name, required, as_json, None, InputForm(inner[0], mark, patch=True), as_json=as_json
        )
    if issubclass(type_, Struct):
        return Member(index, name, required, False, None, InputForm(type_, mark, patch=patch))
    return Member(index, name, required, null, KINDS[OF_TYPE[type_]])


def _rows(type_: type[RowFields]) -> KindDefinition:
    """The kind of a list of at least one row [A]. Rows are read one by one, up to the first refused one.

    A row `[]` is skipped: a shop plug-in sends `[[], {…}]` with every creation [C].
    """
    form = InputForm(type_, patch=False)

    def read_rows(value: Any) -> Any:
        if value is None:
            return UNSET
        if not isinstance(value, list) or not value:
            raise Problem
        if len(value) > MAX_ELEMENTS:
            raise Problem(WRONG, MAX_ELEMENTS, "rows")
        rows: list[RowFields] = []
        places = [index for index, row in enumerate(value) if row != []] if [] in value else None
        problems = _Problems(put=False)
        for index, row in enumerate(value):
            if isinstance(row, dict):
                taken = form.read(row, problems, (), ("items", index))
            elif row == []:
                continue
            else:
                return _rows_before(rows, places, _no_row(index))
            if problems.found:
                return _rows_before(rows, places, problems.first())
            rows.append(taken)
        if not rows:
            raise Problem
        return _rows_before(rows, places, None)

    schema = {"type": "array", "minItems": 1, "maxItems": MAX_ELEMENTS, "items": component(form.component)}
    return KindDefinition(read_rows, schema, null=False, blank=True)


def _rows_before(rows: list[RowFields], places: list[int] | None, refusal: Refusal | None) -> Rows[RowFields]:
    """The rows that were read; `places` are those of all rows that are not skipped, if some are."""
    return Rows(tuple(rows), refusal, () if places is None else tuple(places[: len(rows)]))


def _no_row(index: int) -> Refusal:
    return invalid("items", ("items", index), rule="body.row", row=index)


_FORMS: dict[tuple[type[Struct], bool], InputForm] = {}


def form_of(type_: type[Struct], *, patch: bool = False) -> InputForm:
    """The form of a body. It is built at its first use, which makes the start faster."""
    form = _FORMS.get((type_, patch))
    if form is None:
        form = _FORMS[type_, patch] = InputForm(type_, patch=patch)
    return form


def read_input(type_: type[I], body: Any, *, put: bool = False) -> I:
    """Read the input from a body; Refusal for the first problem. `put`: the body changes an object."""
    found: I = _read_form(form_of(type_), body, put=put)
    return found


def read_patch(type_: type[S], body: Any) -> Patch[S]:
    """Read the changes of a value from a body; Refusal for the first problem."""
    found: Patch[S] = _read_form(form_of(type_, patch=True), body, put=True)
    return found


def _read_form(form: InputForm, body: Any, *, put: bool) -> Any:
    if body is None or body == []:  # PHP writes an empty object as [] [C]
        body = {}
    if not isinstance(body, dict):
        raise InvalidParameter("invalid request body", rule="body.object")
    problems = _Problems(put=put)
    found = form.read(body, problems)
    if problems.found:
        raise problems.first()
    return found


def _refusal(problem: Problem, name: str, path: Path) -> Refusal:
    if problem.phase == UNKNOWN:
        return UnknownParameter(f"unexpected key: {name}", rule="body.unknown", field=name, path=path)
    if problem.phase == READ_ONLY:
        return ReadOnlyParameter(f"read-only key: {name}", rule="body.read_only", field=name, path=path)
    if problem.phase == MISSING:
        return missing(name, path)
    if problem.maximum is not None:
        label = name.replace("_", " ")
        message = f"{label} too long, maximum {problem.maximum} {problem.unit}"
        return InvalidParameter(message, rule="body.length", field=name, path=path, maximum=problem.maximum)
    return invalid(name, path, rule="body.value")


def check_read_only(type_: type[Input], body: Any, shown: Mapping[str, Any]) -> None:
    """Check the read-only members of a PUT. ReadOnlyParameter for the first that differs from `shown`.

    null, a value that equals the stored one, arrays and objects are ignored [A] (reference: api 1.8).
    """
    _check_read_only(form_of(type_), body or {}, shown, ())


def _check_read_only(form: InputForm, body: dict[str, Any], shown: Mapping[str, Any], path: Path) -> None:
    for wire, value in body.items():
        if wire in form.read_only:
            if not (isinstance(value, list | dict) or _same(value, shown[wire])):
                raise _refusal(Problem(READ_ONLY), wire, path)
        elif isinstance(value, dict) and isinstance(stored := shown.get(wire), dict):
            inner = form.members[wire].form
            if inner is not None:
                _check_read_only(inner, value, stored, (*path, wire))


def same_members(sent: Any, shown: Any) -> bool:
    """Whether an object that was sent has only members of the stored one, with equal values."""
    if not isinstance(sent, dict) or not isinstance(shown, dict):
        return False
    return all(name in shown and _same(value, shown[name]) for name, value in sent.items())


def _same(sent: Any, shown: Any) -> bool:
    """Whether nothing was sent, or the stored value in any accepted form (api 1.6) [A]."""
    if sent is None or sent == "" or sent == shown:
        return True
    try:
        if isinstance(shown, int | Decimal):
            return bool(number(sent) == shown)
        if isinstance(shown, str):
            return text(sent) == shown or _moment(text(sent), shown) == shown
    except (Problem, ValueError):
        pass
    return False


def _moment(sent: str, shown: str) -> str:
    """An ISO timestamp as the API shows it: its date part, or the second in UTC without a zone."""
    moment = datetime.fromisoformat(sent)
    if len(shown) == len("2026-05-14"):
        return f"{moment:%Y-%m-%d}"
    return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%Y-%m-%d %H:%M:%S}"


def input_schemas(type_: type[Struct], *, patch: bool = False) -> dict[str, Schema]:
    """The JSON Schemas of a body and of the objects in it, by the names of their components."""
    found: dict[str, Schema] = {}
    ahead = [form_of(type_, patch=patch)]
    while ahead:
        form = ahead.pop()
        shown = {wire: member for wire, member in form.members.items() if wire not in form.hidden}
        schema: Schema = {
            "type": "object",
            "properties": {wire: member.schema(needed=wire in form.needed) for wire, member in shown.items()},
            "additionalProperties": False,
        }
        if form.needed:
            schema["required"] = list(form.needed)
        if not form.patch:
            schema |= own_description(form.type)
        found[form.component] = schema
        ahead += [member.form for member in shown.values() if member.form is not None]
    return found
