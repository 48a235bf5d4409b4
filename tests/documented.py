"""Holds every answer that a test sees against the OpenAPI documents, and against the type of its row.

The document says the same as the types, but JSON Schema can't tell `67.0` from `67`: the types can.
"""

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any, Protocol

import httpx
import jsonschema_rs
from msgspec import Struct

from mockserver.api.errors import HTTP_STATUS
from mockserver.api.openapi import document, documented_operations
from mockserver.api.operations import OPERATIONS
from mockserver.control.call import JSON
from mockserver.control.errors import STATUS
from mockserver.control.openapi import document as control_document
from mockserver.control.openapi import operations as control_operations
from mockserver.stories.operations import OPERATIONS as CONTROL_OPERATIONS
from mockserver.wire import Paths
from tests.shapes import check

API = document("http://mock.test")
CONTROL = control_document(CONTROL_OPERATIONS, "http://mock.test", token=True)

# None: one of several that the document names one by one
_KNOWN: dict[tuple[str, str], Any] = {
    **{(row.method, row.path): None for row in OPERATIONS},
    **{(row.method, row.path): None for row in CONTROL_OPERATIONS},
}


def _paths(built: Iterable[tuple[Any, Any]]) -> Paths[Any]:
    rows = _KNOWN | {(row.method, row.path): row for row, _ in built}
    return Paths((method, path, row) for (method, path), row in rows.items())


_PATHS, _CONTROL_PATHS = _paths(documented_operations()), _paths(control_operations(CONTROL_OPERATIONS))
_STATUS = {(kind.status, code) for kind, code in HTTP_STATUS.items()} | {("INTERNAL_ERROR", 500)}


class Answered(Protocol):
    """What came back."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def body(self) -> bytes: ...


Document = dict[str, Any]


@cache
def _validator(control: bool, path: str, method: str, status: int) -> Callable[[Any], None]:
    made: Document = CONTROL if control else API
    answers = made["paths"][path][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {path} answers {status}, which is not documented"
    return validator(made, answers[str(status)]["content"]["application/json"]["schema"])


def validator(made: Document, schema: Document) -> Callable[[Any], None]:
    """AssertionError for a value that is not as a schema of a document says."""
    whole = jsonschema_rs.Draft202012Validator(
        {"components": made["components"], **schema}, validate_formats=True
    )

    def valid(value: Any) -> None:
        problem = next(whole.iter_errors(value), None)
        assert problem is None, f"{problem.instance_path}: {problem.message}" if problem else ""

    return valid


def hold(method: str, path: str, answer: Answered) -> None:
    """Hold an answer of the API against its documented shape (reference: api 1.4, 1.5, 1.7)."""
    assert answer.headers["content-type"] == "application/json", answer.headers
    assert answer.headers["mock-request-id"], answer.headers
    if answer.status == 204:
        row = _row(_PATHS, path, method)
        assert answer.body == b""
        assert row is not None
        assert row.empty, path
        return
    body = json.loads(answer.body, parse_float=Decimal)
    row = _row(_PATHS, path, method)
    if row is not None and answer.status != 500:
        _validator(False, row.path, method, answer.status)(json.loads(answer.body))
    if answer.status != 200:
        assert (body["status"], answer.status) in _STATUS, (body, answer.status)
        assert ("field" in body["data"]) == ("field_path" in body["data"]), body
        rule = answer.headers.get("mock-rule", "")
        assert answer.status == 500 or rule, answer.headers
        # of no account where the path is outside the API, or the account itself can't be written
        if rule not in ("path.exists", "log.unavailable"):
            explained = bool(rule) and not rule.startswith("auth.")  # those belong to no account
            assert ("mock-explain" in answer.headers) is explained, answer.headers
        return
    assert row is not None, path
    check(body["data"], row.data)
    if row.meta is not None:
        check(body["meta"], row.meta, "meta")


def hold_control(method: str, path: str, answer: Answered) -> None:
    """Hold an answer of the control plane against its documented shape (reference: control 1)."""
    row = _row(_CONTROL_PATHS, path, method)
    is_file = row is not None and JSON not in row.media_types
    if is_file and answer.status == 200 and answer.headers["content-type"] in row.media_types:
        return
    assert answer.headers["content-type"] == "application/json", answer.headers
    body = json.loads(answer.body, parse_float=Decimal)
    if row is not None and answer.status != 500:
        _validator(True, row.path, method, answer.status)(json.loads(answer.body))
    if answer.status >= 300:
        error = body["error"]
        assert STATUS[error["code"]] == answer.status, body
        assert all(isinstance(text, str) and text for text in error.values()), body
        return
    assert row is not None, path
    check(body, row.answer, "answer")


def _row(paths: Paths[Any], path: str, method: str) -> Any:
    found = paths.find(path.partition("?")[0])
    return None if found is None else found[0].get("GET" if method == "HEAD" else method)


class _Told(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


def held(response: httpx.Response) -> httpx.Response:
    """The same response, held against its documented shape; streams, HTML and HEAD have none."""
    method, path = response.request.method, response.request.url.path
    told = _Told(response.status_code, dict(response.headers), response.content)
    if method != "HEAD" and told.headers.get("content-type") == "application/json":
        if path.startswith("/_mock/"):
            hold_control(method, path.removeprefix("/_mock"), told)
        elif path.startswith("/api/v2/"):
            hold(method, path.removeprefix("/api/v2"), told)
    return response
