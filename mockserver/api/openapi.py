"""The OpenAPI document of Billogram's API, made from the rows of its operations (reference: api 1-9).

It describes only what is built. The schemas of requests show what a client should send [D]; they do not
show what is tolerated beyond that [C]. The module is imported when a document is first requested.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from msgspec import structs

from mockserver.api import callback_shapes
from mockserver.api.call import MAX_LINE
from mockserver.api.commands import COMMANDS
from mockserver.api.errors import (
    HTTP_STATUS,
    InvalidAuth,
    InvalidQueryParameter,
    MissingAuth,
    MissingQueryParameter,
    TooLarge,
    Unavailable,
)
from mockserver.api.inputs import input_schemas
from mockserver.api.listing import Listed
from mockserver.api.operations import OPERATIONS, Operation
from mockserver.api.shapes import BillogramShape, CustomerShape, ErrorData
from mockserver.core.inputs import CreditRowFields, Input, RowFields
from mockserver.core.model import ADDRESS, DELIVERY_ADDRESS, PERMANENT_ADDRESS, Address
from mockserver.core.refusal import InvalidParameter, NotFound, PermissionDenied, Refusal, UnknownParameter
from mockserver.core.settings import Settings
from mockserver.schema import (
    Components,
    Schema,
    closed,
    component,
    in_header,
    in_path,
    in_query,
    json_answer,
    json_body,
    link,
    one_word,
    string,
    summary,
)
from mockserver.version import __version__
from mockserver.wire import MAX_HEAD

_ABOUT = f"""\
The part of Billogram's API that mockserver has built. The schemas of requests show what a client should send;
the server accepts more than that, as known clients need it (numbers as text, `""` for a value that is not
given, read-only members that are sent back unchanged). Operations of Billogram that this document does not
contain are answered 501. The header `Mock-Account` selects an account instead of the credentials; then
`Authorization` must be present but is not checked, and if the control plane has a token, `Mock-Token` must
hold it. Two answers belong to no operation: a request line of more than {MAX_LINE} bytes is answered 400 with
a small HTML page, before anything else is checked, and a head of more than {MAX_HEAD} bytes is answered 431
`INVALID_PARAMETER`."""

_IN_PATH: Mapping[str, Schema] = {
    "customer_no": {"type": "integer", "minimum": 1},
    "item_no": string(minimum=1),
    "id": string(minimum=1),
    "filename": string(minimum=1),
    "offer_id": string(30, 1, pattern="^[A-Za-z0-9]+$"),
    "billing_tab_id": string(format="uuid"),
    "billing_tab_item_id": string(format="uuid"),
}
_ID, _RULE, _EXPLAIN = "Mock-Request-Id", "Mock-Rule", "Mock-Explain"
_HEADERS = {
    _ID: {"description": "The id of the request, in the journal and in `cause`", "schema": string()},
    _RULE: {
        "description": "The rule that refuses the request; stable, for people and tests",
        "schema": string(),
    },
    _EXPLAIN: {
        "description": "Where the refusal is explained; absent if the account is not known",
        "schema": string(format="uri-reference"),
    },
}


def documented_operations() -> Iterator[tuple[Operation, Any]]:
    """The rows, each with the object whose docstring describes it.

    The row of all commands becomes one row for each command.
    """
    for row in OPERATIONS:
        if "{command}" in row.path:
            yield from _commands(row)
        else:
            yield row, row.endpoint


def _commands(row: Operation) -> Iterator[tuple[Operation, Any]]:
    for name, command in COMMANDS.items():
        if command is not None:
            one = structs.replace(
                row,
                id=command.id,
                path=row.path.replace("{command}", name),
                fields=command.fields,
                example=command.example,
                refusals=(*row.refusals, *command.refusals),
            )
            yield one, command.decide


@lru_cache(maxsize=8)
def document(server: str, invalid_auth_status: int = 403) -> Schema:
    """The OpenAPI document. `server` is the address under which it was requested: scheme and host."""
    components = _components()
    statuses = HTTP_STATUS | {InvalidAuth: invalid_auth_status}
    paths: dict[str, Schema] = {}
    for row, source in documented_operations():
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, source, components, statuses)
    link(paths, lambda name: f"/data/{name}")
    made: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "Billogram API v2 in mockserver", "version": __version__, "description": _ABOUT},
        "servers": [{"url": f"{server}/api/v2"}],
        "security": [{"basic": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(row) for row, _ in documented_operations())],
        "paths": paths,
        "webhooks": callback_shapes.webhooks(),
    }
    made["components"] = {
        "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        "headers": _HEADERS,
        "schemas": components.collected(made),
    }
    return made


def _components() -> Components:
    components = Components()
    for rows in (RowFields, CreditRowFields):  # not in the schemas of their bodies: rows are read separately
        components.more |= input_schemas(rows)
    components.more |= callback_shapes.schemas(components)
    members = get_type_hints(Address)
    for part in (ADDRESS, DELIVERY_ADDRESS, PERMANENT_ADDRESS):
        shown = {wire: components.shape(members[name]) for wire, name in part.names.items()}
        components.more[part.component.removesuffix("Fields")] = closed(shown)
    return components


def shared_schemas() -> tuple[dict[str, Schema], dict[str, Any]]:
    """The schemas that the control plane shares and all that they refer to, and their TypedDicts, by name."""
    components = _components()
    components.more |= input_schemas(Settings, patch=True)
    components.shape(BillogramShape)
    components.shape(CustomerShape)
    names = ("Billogram", "Customer", "Callback", "ListedEvent", "EventType", "EventData", "SettingsFields")
    return components.collected({name: component(name) for name in names}), components.shapes


def _tag(row: Operation) -> str:
    return row.path.split("/")[1]


def _operation(
    row: Operation, source: Any, components: Components, statuses: Mapping[type[Refusal], int]
) -> Schema:
    found: Schema = {"operationId": row.id, "tags": [_tag(row)], **summary(source)}
    parameters = in_path(row.path, _IN_PATH) + ([] if row.listed is None else _list_parameters(row.listed))
    required = MissingQueryParameter in row.refusals
    parameters += [in_query(*each, required=required) for each in row.query.items()]
    parameters += [in_header(*each) for each in row.headers.items()]
    if parameters:
        found["parameters"] = parameters
    if row.fields is not None:
        bodies = input_schemas(row.fields, patch=not issubclass(row.fields, Input))
        components.more |= bodies
        found["requestBody"] = json_body(component(next(iter(bodies))), row.example)
    answers: Schema = {}
    if row.data is not None:
        answers["200"] = json_answer("Done", _envelope(row, components), [_ID])
    if row.empty:
        answers["204"] = {"description": "Done" if row.data is None else "There are none"}
    by_status: dict[int, set[str]] = {}
    for refusal in refusals(row):
        by_status.setdefault(statuses[refusal], set()).add(refusal.status)
    for status, identifiers in sorted(by_status.items()):
        words = sorted(identifiers)
        schema = closed({"status": one_word(words), "data": components.shape(ErrorData)})
        answers[str(status)] = json_answer(", ".join(words), schema, [_ID, _RULE, _EXPLAIN])
    return found | {"responses": answers}


def _envelope(row: Operation, components: Components) -> Schema:
    members: Schema = {"status": one_word(["OK"]), "data": components.shape(row.data)}
    if row.meta is not None:
        members["meta"] = components.shape(row.meta)
    return closed(members)


def refusals(row: Operation) -> set[type[Refusal]]:
    """The refusals of an operation: those of its row, and those that follow from its parameters and body."""
    found: set[type[Refusal]] = {MissingAuth, InvalidAuth, Unavailable, *row.refusals}
    if row.method != "GET":
        found.add(PermissionDenied)  # of a web page
    if "{" in row.path:
        found.add(NotFound)
    if row.fields is not None:
        found |= {InvalidParameter, UnknownParameter, TooLarge}
    if row.listed is not None:
        found |= {MissingQueryParameter, InvalidQueryParameter}
    if row.query:
        found.add(InvalidQueryParameter)
    return found


def _list_parameters(listed: Listed[Any]) -> list[Schema]:
    count = {"type": "integer", "minimum": 1, "maximum": 10**15 - 1}
    special = ["search"] if "special" in listed.types else []
    filtered = listed.filtered
    return [
        in_query("page", count, required=listed.strict),
        in_query("page_size", count, required=listed.strict),
        in_query("filter_type", one_word(listed.types), required=filtered),
        in_query("filter_field", one_word([*listed.filters, *special]), required=filtered),
        in_query("filter_value", string(), required=filtered),
        in_query("order_field", one_word(listed.orders)),
        in_query("order_direction", one_word(("asc", "desc"))),
    ]
