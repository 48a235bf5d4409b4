"""Errors of the control plane: `{"error": {"code", "message", "hint"}}`; the hint says what to do instead."""

from mockserver.core.refusal import InvalidObjectState, NotFound, PermissionDenied, Refusal

STATUS = {
    "invalid_json": 400,
    "invalid_body": 400,
    "invalid_query": 400,
    "refused": 400,
    "fixture": 400,
    "unauthorized": 401,
    "unknown_path": 404,
    "unknown_account": 404,
    "unknown_object": 404,
    "unknown_payment": 404,
    "unknown_payment_source": 404,
    "unknown_delivery": 404,
    "unknown_deed": 404,
    "unknown_letter": 404,
    "unknown_request": 404,
    "unknown_snapshot": 404,
    "unknown_scenario": 404,
    "unknown_act": 404,
    "method_not_allowed": 405,
    "timeout": 408,
    "account_exists": 409,
    "snapshot_exists": 409,
    "clock_backwards": 409,
    "delivery_dropped": 409,
    "not_refused": 409,
    "too_many_faults": 409,
    "rule": 409,
    "too_large": 413,
    "internal_error": 500,
    "not_built": 501,
    "log_unavailable": 503,
    "not_ready": 503,
    "stopping": 503,
}  # the HTTP status of each code


class ControlError(Exception):
    """A refusal of the control plane with a fitting 4xx (or 501, 503)."""

    def __init__(self, status: int, code: str, message: str, hint: str, *, allowed: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.allowed = allowed  # methods, where another one was sent

    def body(self) -> dict[str, dict[str, str]]:
        """The answer's body."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


def unknown_account(name: str) -> ControlError:
    """No account has this id."""
    return ControlError(
        404,
        "unknown_account",
        f"there is no account {name}",
        "an account is born by its first API request with credentials, or by POST /_mock/accounts",
    )


def not_built(what: str) -> ControlError:
    """Named in the reference, not built yet."""
    return ControlError(
        501, "not_built", f"not built yet: {what}", "the README lists what works today and what does not"
    )


def unknown(what: str, key: str, where: str) -> ControlError:
    """No object of the account has this id; `where` lists those that there are."""
    said = what.replace("_", " ")
    return ControlError(404, f"unknown_{what}", f"there is no {said} {key}", f"{where} lists what there is")


def refused(refusal: Refusal) -> ControlError:
    """A rule of the emulated world that says no: 404 for what is not there, 409 for a fact, else 400."""
    broken = f"it breaks the rule {refusal.rule}"
    where = ".".join(map(str, (*(refusal.path or ()), refusal.field or "")))
    hint = refusal.hint or (f"correct {where}: {broken}" if refusal.field else broken)
    match refusal:
        case NotFound():
            return ControlError(404, "unknown_object", refusal.message, refusal.hint or "look it up first")
        case InvalidObjectState() | PermissionDenied():
            return ControlError(409, "rule", refusal.message, hint)
    return ControlError(400, "refused", refusal.message, hint)
