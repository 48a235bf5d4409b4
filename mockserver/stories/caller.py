"""Client operations by their `operationId`: those of Billogram's API and those of the control plane."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.types import ASGIApp

from mockserver.control.call import ControlOperation
from mockserver.in_process import InProcessRequest, InProcessResponse, call_asgi
from mockserver.wire import encode

BILLOGRAM, MOCK = "billogram", "mock"  # the two OpenAPI documents
Table = tuple[ControlOperation, ...]  # of the control plane
BASES = {BILLOGRAM: "/api/v2", MOCK: "/_mock"}


class NamedOperation(Struct, frozen=True):
    """An operation: the document that describes it, its method, and its path below that document's base.

    `headers` are the names of the headers that it requires.
    """

    document: str
    method: str
    path: str
    headers: tuple[str, ...] = ()


@cache
def operations(table: Table) -> dict[str, NamedOperation]:
    """Return the built operations of the API and of this table of the control plane, by `operationId`.

    Each command and each simulation is an operation of its own.
    """
    from mockserver.api.openapi import documented_operations as of_api
    from mockserver.control.openapi import operations as of_control

    found = {
        row.id: NamedOperation(BILLOGRAM, row.method, row.path, tuple(row.headers)) for row, _ in of_api()
    }
    return found | {row.id: NamedOperation(MOCK, row.method, row.path) for row, _ in of_control(table)}


def target_of(operation: NamedOperation, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the request target of an operation: path and query string."""
    target = BASES[operation.document] + operation.path
    for name, value in path.items():
        target = target.replace(f"{{{name}}}", quote(value, safe=""))
    return f"{target}?{urlencode(query)}" if query else target


def call_of(
    operation: NamedOperation, target: str, headers: Mapping[str, str], body: Any
) -> InProcessRequest:
    """Return the request of an operation. `body` is a JSON value; None sends no body."""
    sent = {"Content-Type": "application/json"} if body is not None else {}
    return InProcessRequest(
        operation.method, target, {**sent, **headers}, b"" if body is None else encode(body)
    )


class Caller:
    """Sends operations to an application in this process, as one account."""

    def __init__(self, app: ASGIApp, account: str, token: str | None = None) -> None:
        self.account = account
        self._app = app
        self._headers = {
            BILLOGRAM: {"Authorization": "Basic Og==", "Mock-Account": account},
            MOCK: {},
        }
        if token is not None:
            self._headers[BILLOGRAM]["Mock-Token"] = token
            self._headers[MOCK]["Authorization"] = f"Bearer {token}"

    async def call(
        self,
        operation: NamedOperation,
        path: Mapping[str, str] = {},
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        body: Any = None,
    ) -> InProcessResponse:
        """Call an operation for the account. `body` is a JSON value; None sends no body."""
        given = {**self._headers[operation.document], **headers}
        target = target_of(operation, {"a": self.account, **path}, query)
        call = call_of(operation, target, given, body)
        return await call_asgi(self._app, call, "mockserver.invalid")
