"""Loaded into the process of schemathesis: what a case is spared before it is sent."""

from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import Case, HookContext


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: object) -> None:
    """A wait for deliveries that never come need not last its five seconds."""
    if case.operation.definition.raw.get("operationId") == "waitForDeliveries":
        given = case.body if isinstance(case.body, dict) else {}
        case.body = {**given, "timeout": "0s"}


@schemathesis.hook
def filter_query(context: HookContext, query: dict[str, Any] | None) -> bool:
    """A request line beyond the limit is answered with a page of HTML, which belongs to no operation."""
    return len(urlencode(query or {}, doseq=True)) < 3000
