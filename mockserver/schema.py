"""JSON Schema of requests and answers: the parts from which both OpenAPI documents are built.

The schemas of the control plane's bodies come from their pydantic models. The schemas of answers come from
their TypedDicts and allow no other members. This module does not know the packages that use it.
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
_COMPONENT = "x-component"  # a reference by name, which `collected` replaces with a `$ref`
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}


class Form:
    """The JSON Schema of a member whose type does not determine it."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> Schema:
        return dict(self.schema)


def component(name: str) -> Schema:
    """A reference to a component by its name. The document that uses it must provide that component."""
    return {_COMPONENT: name}


def optional(schema: Schema) -> Schema:
    """The schema of a value that may also be null."""
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        found = schema | {"type": [*kinds, "null"]}
        return found | {"enum": [*found["enum"], None]} if "enum" in found else found
    return {"anyOf": [schema, {"type": "null"}]}


def string(maximum: int | None = None, minimum: int | None = None, **more: Any) -> Schema:
    """The schema of a string, with its length limits in characters."""
    found: Schema = {"type": "string", **more}
    if maximum is not None:
        found["maxLength"] = maximum
    if minimum is not None:
        found["minLength"] = minimum
    return found


def integer(low: int, high: int) -> Schema:
    """The schema of an integer within inclusive bounds."""
    return {"type": "integer", "minimum": low, "maximum": high}


def number(low: int | None = None, high: int | None = None, **more: Any) -> Schema:
    """The schema of a number within inclusive bounds. Without a bound it lies inside +-10^15, exclusive."""
    found: Schema = {"type": "number"}
    found |= {"exclusiveMinimum": -(10**15)} if low is None else {"minimum": low}
    found |= {"exclusiveMaximum": 10**15} if high is None else {"maximum": high}
    return found | more


def one_word(words: Iterable[str]) -> Schema:
    """The schema of a string that is one of these words."""
    return {"type": "string", "enum": list(words)}


def closed(members: Schema) -> Schema:
    """The schema of an object with all of these members and no others."""
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


class Components:
    """The schemas of a document by name, collected while it is built.

    `given` has schemas from elsewhere, which are included when they are referred to. `shapes` has the
    TypedDicts that some of them describe, by the same names.
    """

    def __init__(
        self, given: Mapping[str, Schema] | None = None, shapes: Mapping[str, Any] | None = None
    ) -> None:
        self._given = given or {}
        self._given_shapes = shapes or {}
        self._shapes: dict[str, tuple[Any, Schema]] = {}
        self._models: dict[str, Any] = {}
        self.more: dict[str, Schema] = {}

    def model(self, model: Any) -> Schema:
        """A reference to the schema of a body, by its pydantic model."""
        known = self._models.setdefault(model.__name__, model)
        assert known is model, f"two models are called {model.__name__}"
        return {"$ref": PREFIX + model.__name__}

    def shape(self, kind: Any) -> Schema:
        """The schema of an answer of this type. A TypedDict becomes a component."""
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
        assert origin is Literal, f"no schema is known for {kind}"
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
        if self._given_shapes.get(name) is shape:
            return {"$ref": PREFIX + name}
        known = self._shapes.get(name)
        if known is None:
            schema: Schema = {}
            self._shapes[name] = shape, schema
            schema |= self.object_schema(shape)
        else:
            assert known[0] is shape, f"two shapes are called {name}"
        return {"$ref": PREFIX + name}

    @property
    def shapes(self) -> dict[str, Any]:
        """The TypedDicts that have a schema, by the name of the schema."""
        return {name: shape for name, (shape, _) in self._shapes.items()}

    def object_schema(self, shape: Any) -> Schema:
        """The schema of a TypedDict itself, which does not become a component."""
        members: Schema = {}
        needed = []
        for name, hint in get_type_hints(shape, include_extras=True).items():
            if get_origin(hint) is NotRequired:
                members[name] = self.shape(get_args(hint)[0])
            else:
                members[name] = self.shape(hint)
                needed.append(name)
        found = closed(members) | {"required": needed}
        text = description_of(shape)
        return found | ({"description": text} if text else {})

    def collected(self, document: Schema) -> dict[str, Schema]:
        """All schemas that a document refers to, by name. References by name are replaced with `$ref`."""
        own = {name: schema for name, (_, schema) in self._shapes.items()} | self.more
        own |= _model_schemas(self._models.values())
        assert not own.keys() & self._given.keys(), own.keys() & self._given.keys()
        found: dict[str, Schema] = {}
        ahead = _resolve(document)
        while ahead:
            name = ahead.pop()
            if name not in found:
                found[name] = own[name] if name in own else self._given[name]
                ahead |= _resolve(found[name])
        return dict(sorted(found.items()))


def _model_schemas(models: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of these models and of the models that they contain."""
    # imported when it is needed, since the import is slow
    from pydantic.json_schema import GenerateJsonSchema, models_json_schema

    class Generator(GenerateJsonSchema):
        """Generates schemas without titles and without defaults that are null."""

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
        [(model, "validation") for model in ordered],
        ref_template=PREFIX + "{model}",
        schema_generator=Generator,
    )
    found: dict[str, Schema] = made["$defs"]
    for name, schema in found.items():
        assert name.isidentifier(), f"two models have one name: {name}"
        del schema["title"]
        if "description" in schema:
            schema["description"] = _EVIDENCE.sub("", schema["description"])
    return found


def _resolve(part: Any) -> set[str]:
    """The names that a part refers to. Its references by name are replaced with `$ref`."""
    found: set[str] = set()
    if isinstance(part, list):
        for each in part:
            found |= _resolve(each)
    elif isinstance(part, dict):
        if _COMPONENT in part:
            part["$ref"] = PREFIX + part.pop(_COMPONENT)
        for name, each in part.items():
            if name == "$ref" and each.startswith(PREFIX):
                found.add(each.removeprefix(PREFIX))
            elif name not in ("example", "examples"):
                found |= _resolve(each)
    return found


_LEAD = re.compile(r"^`[^`]*`[.:;]?\s*")
_EVIDENCE = re.compile(r"\s*\[[DRCSA](?:[ ,;:][^\]]*)?\]²?|\s*\(reference:[^)]*\)")


def own_description(source: Any) -> Schema:
    """`description` of a body: the docstring of its own class, if there is one, without evidence tags."""
    text = vars(source).get("__doc__")
    return {"description": _EVIDENCE.sub("", cleandoc(text))} if text else {}


def description_of(source: Any) -> str:
    """A docstring for clients: without the path at its beginning, and without evidence tags."""
    text = _EVIDENCE.sub("", _LEAD.sub("", source.__doc__ or ""))
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]


def summary(source: Any) -> Schema:
    """`summary` and `description` of an operation, from the docstring of its endpoint."""
    first, _, rest = description_of(source).partition(". ")
    first = first.removesuffix(".")
    assert first, f"{source} has no docstring"
    return {"summary": first} | ({"description": rest} if rest else {})


def in_path(path: str, schemas: Mapping[str, Schema]) -> list[Schema]:
    """The parameters of a path, with their schemas by name."""
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas[name]}
        for name in re.findall(r"{(\w+)}", path)
    ]


def link(paths: Schema, member: Callable[[str], str]) -> None:
    """Add links to each answer of a POST that creates an object: to the operations on that object.

    `member` gives the JSON pointer of the object's key in the answer, by the name of the path's parameter.
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
            for operation in paths[each].values():
                name = operation["operationId"]
                links[name] = {"operationId": name, "parameters": keys}
        if links:
            done["links"] = links


def in_query(name: str, schema: Schema, *, required: bool = False) -> Schema:
    """A query parameter."""
    return {"name": name, "in": "query", "schema": schema} | ({"required": True} if required else {})


def in_header(name: str, schema: Schema) -> Schema:
    """A required header of a request."""
    return {"name": name, "in": "header", "required": True, "schema": schema}


def json_body(schema: Schema, example: Any, *, required: bool = True) -> Schema:
    """A JSON request body with its example."""
    content: Schema = {"schema": schema} | ({} if example is None else {"example": example})
    return {"content": {"application/json": content}} | ({"required": True} if required else {})


def json_answer(description: str, schema: Schema, headers: Iterable[str]) -> Schema:
    """A JSON answer with its headers."""
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {"application/json": {"schema": schema}},
    }
