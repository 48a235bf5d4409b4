"""How a request body becomes the input that the core takes, by the declarations of `core/inputs`.

`read` raises the first problem in the order of the contract: unknown key, wrong type or range, read-only key,
missing key; each in the order of the members. Rows come last, one by one.
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
    Problem,
    Row,
    number,
    text,
)
from mockserver.core import settings
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
from mockserver.wire import encode

I = TypeVar("I", bound=Input)  # noqa: E741
S = TypeVar("S", bound=Struct)

Path = tuple[str | int, ...]

# what the OpenAPI document calls values where it is not their own name and `Fields`
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
    """A member by its name on the wire; `name` is that of the type. Either a kind or an object is read.

    `many`: a list of such objects. `as_json`: it is kept as JSON text. `null`: null can be kept.
    """

    index: int
    name: str
    required: bool
    null: bool
    kind: Row | None = None
    form: "Form | None" = None
    many: bool = False
    as_json: bool = False

    def schema(self, *, needed: bool) -> Schema:
        """The norm of what it takes."""
        if self.kind is not None:
            return self.kind.norm if needed or not self.kind.null else optional(self.kind.norm)
        assert self.form is not None, "a member is of a kind or an object"
        found = component(self.form.component)
        if self.many:
            found = {"type": "array", "items": found}
        return found if needed else optional(found)


class _Walk:
    """The problems that were found on the way through a body, by phase and place."""

    def __init__(self, *, put: bool) -> None:
        self.put = put
        self.problems: list[tuple[int, tuple[int, ...], Refusal]] = []

    def note(self, problem: Problem, at: tuple[int, ...], name: str, path: Path) -> None:
        self.problems.append((problem.phase, at, _refusal(problem, name, path)))

    def first(self) -> Refusal:
        """The problem that counts."""
        return min(self.problems, key=lambda problem: problem[:2])[2]


class Form:
    """The members of a type of objects, from its declaration. `patch`: any part of them may be sent."""

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

    def take(self, body: dict[str, Any], walk: _Walk, at: tuple[int, ...] = (), path: Path = ()) -> Any:
        """The object that a body gives; what is wrong with it is noted."""
        found: dict[Any, Any] = {}  # a patch by index, as it keeps the order of the members
        patch, members = self.patch, self.members
        for wire, value in body.items():
            member = members.get(wire)
            if member is None:
                self._beside(wire, value, walk, at, path)
                continue
            kind = member.kind
            if member.required and (value is None or (value == "" and not (kind and kind.blank))):
                continue
            try:
                taken = kind.reader(value) if kind else self._nested(member, wire, value, walk, at, path)
            except Problem as problem:
                walk.note(problem, (*at, member.index), wire, path)
                continue
            if taken is not UNSET and (taken is not None or member.null):
                found[member.index if patch else member.name] = taken
        for wire in self.required:
            member = members[wire]
            if (member.index if patch else member.name) not in found:
                walk.note(Problem(MISSING), (*at, member.index), wire, path)
        if walk.problems:
            return Patch()  # it is not looked at
        if not patch:
            return self.type(**found)
        names = self._names
        return Patch(tuple([(names[index], found[index]) for index in sorted(found)]))

    def _beside(self, wire: str, value: Any, walk: _Walk, at: tuple[int, ...], path: Path) -> None:
        """A key that is no member: unknown, or read-only. In a PUT `check_read_only` looks at that."""
        behind = len(self.members)
        if wire not in self.read_only:
            walk.note(Problem(UNKNOWN), (*at, behind + len(walk.problems)), wire, path)
        elif not walk.put and value is not None:
            walk.note(Problem(READ_ONLY), (*at, behind + self.read_only.index(wire)), wire, path)

    def _nested(
        self, member: Member, wire: str, value: Any, walk: _Walk, at: tuple[int, ...], path: Path
    ) -> Any:
        form, at, path = member.form, (*at, member.index), (*path, wire)
        assert form is not None, "a member is of a kind or an object"
        if value is None:
            return None
        if not member.many:
            if not isinstance(value, dict):
                raise Problem
            taken = form.take(value, walk, at, path)
            return _json_of(taken) if member.as_json else taken
        if not isinstance(value, list):
            raise Problem
        many: list[Any] = []
        for index, each in enumerate(value):
            if isinstance(each, dict):
                many.append(form.take(each, walk, (*at, index), (*path, index)))
            else:  # the list is to blame
                walk.note(Problem(), (*at, index), wire, path[:-1])
        return _json_of(many) if member.as_json else tuple(many)


def _json_of(taken: Any) -> Any:
    """An object without its nulls, or a list, as JSON text; an empty object is none."""
    if isinstance(taken, Patch):
        taken = {name: value for name, value in taken.changes if value is not None} or None
    return None if taken is None or taken is UNSET else encode(taken).decode()


def _member(hint: Any, index: int, name: str, *, required: bool, patch: bool) -> Member:
    """A member by its declaration."""
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
        form = Form(inner[0], patch=False)
        return Member(index, name, required, null, None, form, many=True, as_json=as_json)
    if origin is Patch:
        return Member(index, name, required, as_json, None, Form(inner[0], mark, patch=True), as_json=as_json)
    if issubclass(type_, Struct):
        return Member(index, name, required, False, None, Form(type_, mark, patch=patch))
    return Member(index, name, required, null, KINDS[OF_TYPE[type_]])


def _rows(type_: type[RowFields]) -> Row:
    """At least one row [A]. They are read one by one, up to the first that is refused."""
    form = Form(type_, patch=False)

    def read_rows(value: Any) -> Any:
        if value is None:
            return UNSET
        if not isinstance(value, list) or not value:
            raise Problem
        rows: list[RowFields] = []
        walk = _Walk(put=False)
        for index, row in enumerate(value):
            if isinstance(row, dict):
                taken = form.take(row, walk, (), ("items", index))
            else:
                walk.note(Problem(), (), "items", ())
            if walk.problems:
                return Rows(tuple(rows), walk.first())
            rows.append(taken)
        return Rows(tuple(rows))

    norm = {"type": "array", "minItems": 1, "items": component(form.component)}
    return Row(read_rows, norm, null=False, blank=True)


_FORMS: dict[tuple[type[Struct], bool], Form] = {}


def form_of(type_: type[Struct], *, patch: bool = False) -> Form:
    """The form of a body; made when it is first asked for, so that the start is sooner."""
    form = _FORMS.get((type_, patch))
    if form is None:
        form = _FORMS[type_, patch] = Form(type_, patch=patch)
    return form


def read(type_: type[I], body: Any, *, put: bool = False) -> I:
    """The input that a body gives; Refusal for the first problem. `put`: it changes what is there."""
    found: I = _read(form_of(type_), body, put=put)
    return found


def read_patch(type_: type[S], body: Any) -> Patch[S]:
    """The changes of a value that a body gives; Refusal for the first problem."""
    found: Patch[S] = _read(form_of(type_, patch=True), body, put=True)
    return found


def _read(form: Form, body: Any, *, put: bool) -> Any:
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidParameter("invalid request body", rule="body.object")
    walk = _Walk(put=put)
    try:
        found = form.take(body, walk)
    except RecursionError:  # nested so deep that it could just be read, and not written
        raise InvalidParameter("invalid JSON", rule="body.json") from None
    if walk.problems:
        raise walk.first()
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
        message = f"{label} too long, maximum {problem.maximum} characters"
        return InvalidParameter(message, rule="body.length", field=name, path=path, maximum=problem.maximum)
    return invalid(name, path, rule="body.value")


def check_read_only(type_: type[Input], body: Any, shown: Mapping[str, Any]) -> None:
    """ReadOnlyParameter for the first read-only member of a PUT that is not as `shown`.

    null and what equals the stored value are ignored, arrays and objects always [A] (reference: api 1.8).
    """
    _check_read_only(form_of(type_), body or {}, shown, ())


def _check_read_only(form: Form, body: dict[str, Any], shown: Mapping[str, Any], path: Path) -> None:
    for wire, value in body.items():
        if wire in form.read_only:
            if not (isinstance(value, list | dict) or _same(value, shown[wire])):
                raise _refusal(Problem(READ_ONLY), wire, path)
        elif isinstance(value, dict) and isinstance(stored := shown.get(wire), dict):
            inner = form.members[wire].form
            if inner is not None:
                _check_read_only(inner, value, stored, (*path, wire))


def _same(sent: Any, shown: Any) -> bool:
    """Whether nothing was sent, or the stored value in any form that is read for it (api 1.6) [A]."""
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
    """An ISO timestamp as we write it: its date part, or the second in UTC without a mark."""
    moment = datetime.fromisoformat(sent)
    if len(shown) == len("2026-05-14"):
        return f"{moment:%Y-%m-%d}"
    return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%Y-%m-%d %H:%M:%S}"


def norms(type_: type[Struct], *, patch: bool = False) -> dict[str, Schema]:
    """The norm of a body, and of the objects in it, by the names of their components."""
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
