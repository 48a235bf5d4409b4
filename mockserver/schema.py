"""JSON Schema of what is sent and what is answered: the blocks that both OpenAPI documents are built of.

Bodies of the control plane are described from their pydantic models. Answers are described from their
TypedDicts, closed: what is not named is not answered. None of the rooms is known here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from inspect import cleandoc
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Schema: TypeAlias = dict[str, Any]

PREFIX = "#/components/schemas/"
_COMPONENT = "x-component"  # a reference that stands until the document is put together
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}


class Form:
    """Says the form of a member where its type does not."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> Schema:
        return dict(self.schema)


def component(name: str) -> Schema:
    """A component by name; whoever puts the document together has it."""
    return {_COMPONENT: name}


def optional(schema: Schema) -> Schema:
    """The same, or null."""
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        found = schema | {"type": [*kinds, "null"]}
        return found | {"enum": [*found["enum"], None]} if "enum" in found else found
    return {"anyOf": [schema, {"type": "null"}]}


def string(maximum: int | None = None, minimum: int | None = None, **more: Any) -> Schema:
    """A string of so many characters."""
    found: Schema = {"type": "string", **more}
    if maximum is not None:
        found["maxLength"] = maximum
    if minimum is not None:
        found["minLength"] = minimum
    return found


def integer(low: int, high: int) -> Schema:
    """An integer within bounds."""
    return {"type": "integer", "minimum": low, "maximum": high}


def number(low: int | None = None, high: int | None = None, **more: Any) -> Schema:
    """A number within bounds; those of every number are +-10^15."""
    found: Schema = {"type": "number"}
    found |= {"exclusiveMinimum": -(10**15)} if low is None else {"minimum": low}
    found |= {"exclusiveMaximum": 10**15} if high is None else {"maximum": high}
    return found | more


def one_word(words: Iterable[str]) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def closed(members: Schema) -> Schema:
    """An object with these members, all of them and no other."""
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


class Components:
    """The schemas of a document by name, gathered while it is built."""

    def __init__(self, given: Mapping[str, Schema] | None = None) -> None:
        self._given = given or {}  # what others describe; taken over when it is referred to
        self._shapes: dict[str, tuple[Any, Schema]] = {}
        self._models: dict[str, Any] = {}
        self.more: dict[str, Schema] = {}

    def model(self, model: Any) -> Schema:
        """A reference to the norm of a body."""
        known = self._models.setdefault(model.__name__, model)
        assert known is model, f"two models are called {model.__name__}"
        return {"$ref": PREFIX + model.__name__}

    def shape(self, kind: Any) -> Schema:
        """The schema of an answer of this type."""
        if kind is Any:
            return {}
        if kind is None or kind in _PLAIN:
            return dict(_PLAIN[NoneType if kind is None else kind])
        if is_typeddict(kind):
            return self._object(kind)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._annotated(arguments)
        if origin in (Union, UnionType):
            return self._union(arguments)
        if origin is list:
            return {"type": "array", "items": self.shape(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.shape(arguments[1])}
        assert origin is Literal, f"no form is known of {kind}"
        return one_word(arguments)

    def _annotated(self, arguments: tuple[Any, ...]) -> Schema:
        for form in arguments[1:]:
            if isinstance(form, Form):
                plain = {} if _COMPONENT in form.schema else self.shape(arguments[0])
                return plain | form.schema
        return self.shape(arguments[0])

    def _union(self, kinds: tuple[Any, ...]) -> Schema:
        found: list[Schema] = []
        for kind in kinds:
            schema = self.shape(kind)
            if kind is int and Decimal in kinds:
                continue
            if kind is not NoneType and schema not in found:
                found.append(schema)
        if all(schema.keys() == {"type"} for schema in found):
            kinds_of = [schema["type"] for schema in found]
            one: Schema = {"type": kinds_of[0] if len(kinds_of) == 1 else kinds_of}
        else:
            one = found[0] if len(found) == 1 else {"anyOf": found}
        if NoneType not in kinds:
            return one
        if "anyOf" in one:
            return {"anyOf": [*one["anyOf"], {"type": "null"}]}
        return optional(one)

    def _object(self, shape: Any) -> Schema:
        name = shape.__name__.removesuffix("Shape")
        known = self._shapes.get(name)
        if known is None:
            schema: Schema = {}
            self._shapes[name] = shape, schema
            schema |= self.described(shape)
        else:
            assert known[0] is shape, f"two shapes are called {name}"
        return {"$ref": PREFIX + name}

    def described(self, shape: Any) -> Schema:
        """The schema of a TypedDict itself; it becomes no component."""
        members: Schema = {}
        needed = []
        for name, hint in get_type_hints(shape, include_extras=True).items():
            if get_origin(hint) is NotRequired:
                members[name] = self.shape(get_args(hint)[0])
            else:
                members[name] = self.shape(hint)
                needed.append(name)
        found = closed(members) | {"required": needed}
        text = told(shape)
        return found | ({"description": text} if text else {})

    def gathered(self, document: Schema) -> dict[str, Schema]:
        """All that a document refers to, by name. References by name are put in on the way."""
        own = {name: schema for name, (_, schema) in self._shapes.items()} | self.more
        own |= _norms(self._models.values())
        assert not own.keys() & self._given.keys(), own.keys() & self._given.keys()
        found: dict[str, Schema] = {}
        ahead = _settle(document)
        while ahead:
            name = ahead.pop()
            if name not in found:
                found[name] = own[name] if name in own else self._given[name]
                ahead |= _settle(found[name])
        return dict(sorted(found.items()))


def _norms(models: Iterable[Any]) -> dict[str, Schema]:
    """The norms of these models and of those they hold."""
    # not before it is asked for: it is slow to begin
    from pydantic.json_schema import GenerateJsonSchema, models_json_schema

    class Norm(GenerateJsonSchema):
        """Without titles, and without defaults that say nothing."""

        def nullable_schema(self, schema: Any) -> Schema:
            return optional(self.generate_inner(schema["schema"]))

        def decimal_schema(self, schema: Any) -> Schema:
            return {"type": "number"}

        def default_schema(self, schema: Any) -> Schema:
            found = super().default_schema(schema)
            if found.get("default", True) is None:
                del found["default"]
            return found

        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    ordered = sorted(models, key=lambda model: str(model.__name__))
    if not ordered:
        return {}
    _, made = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=PREFIX + "{model}", schema_generator=Norm
    )
    found: dict[str, Schema] = made["$defs"]
    for name, schema in found.items():
        assert name.isidentifier(), f"two models have one name: {name}"
        del schema["title"]
        if "description" in schema:
            schema["description"] = _EVIDENCE.sub("", schema["description"])
    return found


def _settle(part: Any) -> set[str]:
    """The names a part refers to; its references by name become those of the document."""
    found: set[str] = set()
    if isinstance(part, list):
        for each in part:
            found |= _settle(each)
    elif isinstance(part, dict):
        if _COMPONENT in part:
            part["$ref"] = PREFIX + part.pop(_COMPONENT)
        for name, each in part.items():
            if name == "$ref" and each.startswith(PREFIX):
                found.add(each.removeprefix(PREFIX))
            elif name not in ("example", "examples"):
                found |= _settle(each)
    return found


_LEAD = re.compile(r"^`[^`]*`[.:;]?\s*")
_EVIDENCE = re.compile(r"\s*\[[DRCSA](?:[ ,;:][^\]]*)?\]²?|\s*\(reference:[^)]*\)")


def described(source: Any) -> Schema:
    """The description of a body: its own docstring, if it has one, without evidence."""
    text = vars(source).get("__doc__")
    return {"description": _EVIDENCE.sub("", cleandoc(text))} if text else {}


def told(source: Any) -> str:
    """What a docstring says to a client: without the path it begins with, and without evidence."""
    text = _EVIDENCE.sub("", _LEAD.sub("", source.__doc__ or ""))
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]


def summary(source: Any) -> Schema:
    """`summary` and `description` of an operation, from the docstring of what serves it."""
    first, _, rest = told(source).partition(". ")
    first = first.removesuffix(".")
    assert first, f"{source} does not say what it does"
    return {"summary": first} | ({"description": rest} if rest else {})


def in_path(path: str, schemas: Mapping[str, Schema]) -> list[Schema]:
    """The parameters of a path."""
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas[name]}
        for name in re.findall(r"{(\w+)}", path)
    ]


def link(paths: Schema, member: Callable[[str], str]) -> None:
    """Add to each answer that makes something where its key goes: the paths that begin with it.

    `member` is the JSON pointer of the key in the answer, by the name of the path's parameter.
    """
    for path, methods in paths.items():
        made = methods.get("post", {}).get("responses", {})
        done = made.get("201") or made.get("200")
        below = {each: re.match(re.escape(path) + r"/{(\w+)}(?=[/.]|$)", each) for each in paths}
        links = {}
        for each, found in below.items():
            if found is None or done is None:
                continue
            kept = {name: f"$request.path.{name}" for name in re.findall(r"{(\w+)}", path)}
            keys = kept | {found[1]: f"$response.body#{member(found[1])}"}
            for said in paths[each].values():
                links[said["operationId"]] = {"operationId": said["operationId"], "parameters": keys}
        if links:
            done["links"] = links


def in_query(name: str, schema: Schema, *, required: bool = False) -> Schema:
    """A parameter of the query."""
    return {"name": name, "in": "query", "schema": schema} | ({"required": True} if required else {})


def json_body(schema: Schema, example: Any, *, required: bool = True) -> Schema:
    """A request body."""
    content: Schema = {"schema": schema} | ({} if example is None else {"example": example})
    return {"content": {"application/json": content}} | ({"required": True} if required else {})


def json_answer(description: str, schema: Schema, headers: Iterable[str]) -> Schema:
    """An answer with its headers."""
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {"application/json": {"schema": schema}},
    }
