"""Refusals: why a rule rejects a request, with Billogram's identifiers (reference: api 1.7).

A refusal is an exception that carries the name of its rule and the values that were compared.
It never changes anything: a decision raises it before its first event.
"""

from decimal import Decimal
from typing import Any, ClassVar


class Refusal(Exception):
    """Base of all refusals; `status` is the API's identifier.

    `field` is the offending key (last step only). `path` is the path of the object that holds it, None for
    duplicates and headers. Without a `field` neither is shown. `hint` says what to do instead, unless that
    is obvious. `compared` has the values that the rule compared.
    """

    status: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        field: str | None = None,
        path: tuple[str | int, ...] | None = (),
        hint: str = "",
        **compared: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.field = field
        self.path = path
        self.hint = hint
        self.compared = compared


class InvalidParameter(Refusal):
    """A body field is missing, duplicated, of a wrong type, out of range, or refers to nothing."""

    status = "INVALID_PARAMETER"


class InvalidParameterCombination(Refusal):
    """Fields exclude each other."""

    status = "INVALID_PARAMETER_COMBINATION"


class ReadOnlyParameter(Refusal):
    """A read-only field was given a new value."""

    status = "READ_ONLY_PARAMETER"


class UnknownParameter(Refusal):
    """The body has an unknown key."""

    status = "UNKNOWN_PARAMETER"


class InvalidObjectState(Refusal):
    """The object's state, or another fact about it, does not allow the operation."""

    status = "INVALID_OBJECT_STATE"


class PermissionDenied(Refusal):
    """The account does not have the feature."""

    status = "PERMISSION_DENIED"


class KeyAlreadyUsed(Refusal):
    """A deduplication key was used before, with another body. Its HTTP status is 409 [A]."""

    status = "INVALID_PARAMETER"


class NotFound(Refusal):
    """There is no object with this id, or it was deleted."""

    status = "NOT_FOUND"


def missing(name: str, path: tuple[str | int, ...] = ()) -> InvalidParameter:
    """Return the refusal of an absent required field: `Title not set` [C] (pattern for the others [A])."""
    label = name.replace("_", " ").capitalize()
    return InvalidParameter(f"{label} not set", rule="required", field=name, path=path)


def invalid(
    name: str, path: tuple[str | int, ...] = (), *, rule: str = "", **compared: Any
) -> InvalidParameter:
    """Return the refusal of an invalid value: `invalid vat` [A]."""
    label = name.replace("_", " ")
    return InvalidParameter(
        f"invalid {label}", rule=rule or f"value.{name}", field=name, path=path, **compared
    )


def no_object(key: object) -> NotFound:
    """Return the refusal of an unknown id: `object not found with id=6` [R]."""
    return NotFound(f"object not found with id={key}", rule="object.exists", id=key)


def on_credit(command: str, total: Decimal) -> InvalidObjectState:
    """Return the refusal of a command for debits, on a stand-alone credit with this `total_sum` [A]."""
    return InvalidObjectState(
        f"{command} is not possible on a stand-alone credit",
        rule=f"not_on_credit.{command}",
        total_sum=total,
    )
