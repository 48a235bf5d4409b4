"""The operations that forms can send, with the schemas of their bodies, from the OpenAPI documents."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from mockserver.ui.client import API

Schema = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")


class Described(Struct, frozen=True):
    """An operation of one of the two OpenAPI documents. `body` is the schema of its body, if it has one.

    `headers` are the names of the headers that it requires.
    """

    id: str
    method: str
    path: str  # with placeholders such as {id}, from the root of the server
    title: str
    body: Schema | None
    document: Schema
    headers: tuple[str, ...] = ()


class Operations:
    """All operations of both documents, found by their id or by a request."""

    def __init__(self, documents: Mapping[str, Schema]) -> None:
        """`documents`: each OpenAPI document by the path before the paths that it lists."""
        self._documents = documents
        self._by_id = {each.id: each for base, found in documents.items() for each in _described(base, found)}
        self._patterns = [(each, _pattern(each.path)) for each in self._by_id.values()]

    def named(self, name: str) -> Described | None:
        """Return the operation with this `operationId`."""
        return self._by_id.get(name)

    def of_api(self) -> list[str]:
        """Return the operations of the API as method and path, such as `POST /billogram`."""
        rows = (each for each in self._by_id.values() if each.path.startswith(f"{API}/"))
        return [f"{each.method} {each.path.removeprefix(API)}" for each in rows]

    def choices(self, component: str, name: str) -> list[str]:
        """Return the words that a member of a component of the API's document can have."""
        document = self._documents[API]
        shape = resolved(member(document["components"]["schemas"][component], name, document), document)
        return [str(each) for each in shape.get("enum", ()) if each is not None]

    def find(self, method: str, path: str) -> Described | None:
        """Return the operation that a request with this path would call."""
        for each, pattern in self._patterns:
            if each.method == method and pattern.fullmatch(path):
                return each
        return None


def _described(base: str, document: Schema) -> Iterator[Described]:
    for path, members in document["paths"].items():
        for method in _METHODS:
            if method not in members:
                continue
            row = members[method]
            content = row.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            title = row.get("summary", row["operationId"])
            headers = tuple(each["name"] for each in row.get("parameters", ()) if each["in"] == "header")
            yield Described(row["operationId"], method.upper(), base + path, title, schema, document, headers)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def alternatives(schema: Schema, document: Schema) -> Iterator[Schema]:
    """Yield what a schema allows besides null, without references and unions at its top level."""
    while "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if not choices:
        yield schema
        return
    for each in choices:
        if each.get("type") != "null":
            yield from alternatives(each, document)


def resolved(schema: Schema, document: Schema) -> Schema:
    """Return the first of a schema's alternatives."""
    return next(alternatives(schema, document), {})


def type_of(schema: Schema) -> str:
    """Return the JSON type of a resolved schema: the first one that is not null, or `any`."""
    named = schema.get("type")
    types = [named] if isinstance(named, str) else list(named or ())
    if not types:
        if "properties" in schema:
            return "object"
        return "string" if "enum" in schema or "const" in schema else "any"
    return next((each for each in types if each != "null"), "null")


def member(schema: Schema, name: str, document: Schema) -> Schema:
    """Return the schema of a member, or of the items of a list; empty if it is unknown."""
    for found in alternatives(schema, document):
        if type_of(found) == "array":
            items: Schema = found.get("items", {})
            return items
        if name in found.get("properties", {}):
            wanted: Schema = found["properties"][name]
            return wanted
    return {}
