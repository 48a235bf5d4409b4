"""The OpenAPI document of the control plane, made from the rows of its operations (reference: control 1).

It describes only what is built. This module is imported at the first request for the document.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypedDict

from msgspec import structs

from mockserver.api.openapi import shared_schemas
from mockserver.control.call import JSON, ControlOperation
from mockserver.control.errors import STATUS
from mockserver.control.recipient import FILES, OFFER_FILE
from mockserver.control.simulate import BILLOGRAM_SIMULATIONS, CUSTOMER_SIMULATIONS, operation_id
from mockserver.schema import (
    Components,
    Schema,
    closed,
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

_ABOUT = """\
The control plane of mockserver: accounts, their clocks, money, callbacks, and timelines. Requests and answers
are JSON; an error is `{"error": {"code", "message", "hint"}}`, and `hint` says what to do instead. Moments
are ISO 8601 with zone, durations ISO 8601 (`P30D`, `PT2H`) or short (`30d`, `2h`, `15m`, `0.3s`). If the
server has a control token, every path but `health` and `ready` requires it."""
_ID = "Mock-Request-Id"
_IN_PATH: Mapping[str, Schema] = {
    "no": {"type": "integer", "minimum": 1},
    "a": string(minimum=1),
    "id": string(minimum=1),
    "letter_id": string(minimum=1),
    "name": string(minimum=1),
    "ocr_number": string(minimum=1),
    "link": string(minimum=1),
    "filename": string(minimum=1),
    "file": string(pattern=f"^({'|'.join(FILES)}|{OFFER_FILE}[A-Za-z0-9]{{1,30}})$"),
}


class ErrorShape(TypedDict):
    code: str
    message: str
    hint: str


def operations(table: tuple[ControlOperation, ...]) -> Iterator[tuple[ControlOperation, Any]]:
    """Yield the rows of a table that are built, each with the function whose docstring describes it.

    The rows that simulate other people become one row for each simulation.
    """
    for row in table:
        if "{what}" not in row.path:
            yield row, row.endpoint
            continue
        of_customer = "{no}" in row.path
        for name, simulation in (CUSTOMER_SIMULATIONS if of_customer else BILLOGRAM_SIMULATIONS).items():
            one = structs.replace(
                row,
                id=operation_id(name),
                path=row.path.replace("{what}", name),
                body=simulation.body,
                example=simulation.example,
                answer=simulation.answer or row.answer,
            )
            yield one, simulation.decide


@lru_cache(maxsize=8)
def document(table: tuple[ControlOperation, ...], server: str, *, token: bool) -> Schema:
    """Return the document of these rows.

    `server` is scheme and host of the server; `token` is whether a control token is required.
    """
    components = Components(*shared_schemas())
    paths: dict[str, Schema] = {}
    for row, source in operations(table):
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, source, components, token)
    link(paths, lambda _: "/id")
    made: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "Control plane of mockserver", "version": __version__, "description": _ABOUT},
        "servers": [{"url": f"{server}/_mock"}],
        "security": [{"token": []}] if token else [{"token": []}, {}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(row) for row, _ in operations(table))],
        "paths": paths,
    }
    header = {"description": "The id of the request", "schema": string()}
    made["components"] = {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "headers": {_ID: header},
        "schemas": components.collected(made),
    }
    return made


def _tag(row: ControlOperation) -> str:
    """Return the topic of an operation: its own, else the name of the endpoint's module."""
    return row.tag or row.endpoint.__module__.rpartition(".")[2]


def _operation(row: ControlOperation, source: Any, components: Components, token: bool) -> Schema:
    found: Schema = {"operationId": row.id, "tags": [_tag(row)], **summary(source)}
    if row.open:
        found["security"] = []
    parameters = in_path(row.path, _IN_PATH) + [in_query(*each) for each in row.query.items()]
    if parameters:
        found["parameters"] = parameters
    if row.body is not None:
        found["requestBody"] = json_body(components.model(row.body), row.example)
    done = json_answer("Done", components.shape(row.answer), [_ID])
    if JSON not in row.media_types:
        done["content"] = {each: {} for each in row.media_types}
    if row.streams:
        done["content"]["text/event-stream"] = {"schema": string()}
    answers = {str(row.status): done}
    by_status: dict[int, list[str]] = {}
    for code in codes(row, token):
        by_status.setdefault(STATUS[code], []).append(code)
    for status, words in sorted(by_status.items()):
        answers[str(status)] = json_answer(", ".join(words), _error(row, status, words, components), [_ID])
    return found | {"responses": answers}


def _error(row: ControlOperation, status: int, words: list[str], components: Components) -> Schema:
    plain = components.object_schema(ErrorShape)
    members = {"error": plain | {"properties": plain["properties"] | {"code": one_word(words)}}}
    if status == STATUS["timeout"]:
        members["arrived"] = components.shape(row.answer)
    return closed(members)


def codes(row: ControlOperation, token: bool) -> list[str]:
    """Return the error codes of an operation: those of its row, and those that follow from its inputs."""
    found = set(row.codes) | {"unknown_host"}
    if row.method != "GET" or row.streams:
        found.add("cross_site")
    if token and not row.open:
        found.add("unauthorized")
    if "{a}" in row.path:
        found.add("unknown_account")
    if row.body is not None:
        found |= {"invalid_json", "invalid_body", "too_large"}
    if row.query:
        found.add("invalid_query")
    if row.id != "health":
        found.add("log_unavailable")
    return sorted(found)
