"""Errors of the API: the HTTP status of each refusal, and the refusals that the API itself raises.

Reference: api 1.7. Never invent further identifiers: a known client breaks on them [C].
"""

from typing import Any

from mockserver.api.shapes import ErrorData
from mockserver.core.refusal import (
    InvalidObjectState,
    InvalidParameter,
    InvalidParameterCombination,
    KeyAlreadyUsed,
    NotFound,
    PermissionDenied,
    ReadOnlyParameter,
    Refusal,
    UnknownParameter,
)
from mockserver.core.showing import refusal_data


class MissingAuth(Refusal):
    """No usable credentials."""

    status = "MISSING_AUTH"


class InvalidAuth(Refusal):
    """Credentials unknown, wrong or undecodable."""

    status = "INVALID_AUTH"


class MethodNotAllowed(Refusal):
    """The path is known, but not with this method."""

    status = "METHOD_NOT_ALLOWED"


class MissingQueryParameter(Refusal):
    """A required query parameter is absent."""

    status = "MISSING_QUERY_PARAMETER"


class InvalidQueryParameter(Refusal):
    """A query parameter has a bad value."""

    status = "INVALID_QUERY_PARAMETER"


class TooLarge(Refusal):
    """The body exceeds the limit [A]."""

    status = "INVALID_PARAMETER"


class HeadTooLarge(Refusal):
    """The head of the request is above the limit [A]."""

    status = "INVALID_PARAMETER"


class NotAvailableYet(Refusal):
    """The object is still being made, such as a PDF just after its document [C]."""

    status = "NOT_AVAILABLE_YET"


class Unavailable(Refusal):
    """The log cannot be written."""

    status = "SERVICE_UNAVAILABLE"


HTTP_STATUS: dict[type[Refusal], int] = {
    InvalidParameter: 400,
    InvalidParameterCombination: 400,
    ReadOnlyParameter: 400,
    UnknownParameter: 400,
    InvalidObjectState: 400,
    MissingQueryParameter: 400,
    InvalidQueryParameter: 400,
    MissingAuth: 401,
    InvalidAuth: 403,  # the official Python client recognizes it only with 403 [C]
    PermissionDenied: 403,
    NotFound: 404,
    NotAvailableYet: 404,
    MethodNotAllowed: 405,
    KeyAlreadyUsed: 409,
    TooLarge: 413,
    HeadTooLarge: 431,
    Unavailable: 503,
}


def error_data(refusal: Refusal) -> ErrorData:
    """`data` of the envelope. `field` and `field_path` are both present or both absent."""
    data: Any = refusal_data(refusal.message, refusal.field, refusal.path)
    return data  # type: ignore[no-any-return]  # the optional members are set together
