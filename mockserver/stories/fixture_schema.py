"""The JSON Schema of fixtures, for editors, made from the two OpenAPI documents.

Bodies have the schemas of the documents, and a reference is allowed in place of any scalar value. This module
is imported at first use.
"""

from typing import Any

from mockserver.api import openapi as of_api
from mockserver.control import openapi as of_control
from mockserver.schema import PREFIX, Schema, one_word, string
from mockserver.stories.fixtures import MADE, MEMBERS, acts, object_of
from mockserver.stories.operations import OPERATIONS

_NAME = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_-]*$", "description": "A name for what it makes"}
_REFERENCE = string(pattern=r"^\$[A-Za-z][A-Za-z0-9_-]*$", description="What an earlier act made")
_SCALARS = {"string", "integer", "number", "boolean", "null"}


def schema() -> Schema:
    """Return the JSON Schema (2020-12)."""
    documents = (of_api.document("/"), of_control.document(OPERATIONS, "/", token=False))
    known: Schema = {}
    bodies: dict[str, str] = {}
    for document in documents:
        known = document["components"]["schemas"] | known
        for methods in document["paths"].values():
            for row in methods.values():
                if "requestBody" in row and row["operationId"] in acts():
                    body = row["requestBody"]["content"]["application/json"]["schema"]
                    bodies[row["operationId"]] = body["$ref"].removeprefix(PREFIX)
    defs: Schema = {}
    for name in ("AccountBody", "CustomerFields", "ItemFields", *bodies.values()):
        _gather(name, known, defs)
    account = dict(defs.pop("AccountBody"))
    account["properties"] = {name: each for name, each in account["properties"].items() if name != "fixture"}
    account.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A fixture of mockserver: an account to start from",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "account": account,
            "customers": {"type": "array", "items": _with_name(defs["CustomerFields"])},
            "items": {"type": "array", "items": _with_name(defs["ItemFields"])},
            "acts": {"type": "array", "items": _act(bodies)},
        },
        "$defs": defs,
    }


def _act(bodies: dict[str, str]) -> Schema:
    members: Schema = {
        "at": string(description="The clock is moved there first; local time of the account, or with a zone"),
        "after": string(description="The clock is moved on first, by a span such as 3d, P1M or 2h"),
        "do": one_word(acts()) | {"description": "The operationId of what is done"},
        "on": {"type": ["string", "integer"], "description": "What it is done to: $name, or an id"},
        "with": {"type": "object", "description": "The body"},
        "as": _NAME,
    }
    assert tuple(members) == MEMBERS, "these are the members of an act"
    rules: list[Schema] = []
    for name, called in acts().items():
        then: Schema = {"properties": {}}
        if name in bodies:
            then["properties"]["with"] = {"$ref": f"#/$defs/{bodies[name]}"}
        if object_of(called) is None:
            then["properties"]["on"] = False
        else:
            then["required"] = ["on"]
        if name not in MADE:
            then["properties"]["as"] = False
        rules.append({"if": {"properties": {"do": {"const": name}}, "required": ["do"]}, "then": then})
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": members,
        "anyOf": [{"required": [name]} for name in ("do", "at", "after")],
        "not": {"required": ["at", "after"]},
        "dependentRequired": {name: ["do"] for name in ("on", "with", "as")},
        "allOf": rules,
    }


def _with_name(fields: Schema) -> Schema:
    return fields | {"properties": {"as": _NAME, **fields["properties"]}}


def _gather(name: str, known: Schema, defs: Schema) -> None:
    if name not in defs:
        defs[name] = {}
        defs[name] = _referring(known[name], known, defs)


def _referring(part: Any, known: Schema, defs: Schema) -> Any:
    """Rewrite a schema: references point to `$defs`, and a scalar can be a reference to an act."""
    if isinstance(part, list):
        return [_referring(each, known, defs) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].removeprefix(PREFIX)
        _gather(name, known, defs)
        return {"$ref": f"#/$defs/{name}"}
    kinds = part.get("type", [])
    if kinds and {*([kinds] if isinstance(kinds, str) else kinds)} <= _SCALARS:
        return {"anyOf": [part, _REFERENCE]}
    return {
        name: {key: _referring(each, known, defs) for key, each in value.items()}
        if name == "properties"
        else _referring(value, known, defs)
        for name, value in part.items()
    }
