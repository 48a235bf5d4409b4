"""Errors of the control plane: `{"error": {"code", "message", "hint"}}`. The hint says what to do instead."""

from mockserver.core.refusal import InvalidObjectState, NotFound, PermissionDenied, Refusal

STATUS = {
    "invalid_json": 400,
    "invalid_body": 400,
    "invalid_query": 400,
    "refused": 400,
    "fixture": 400,
    "scenario": 400,
    "unauthorized": 401,
    "cross_site": 403,
    "unknown_path": 404,
    "unknown_account": 404,
    "unknown_object": 404,
    "unknown_payment": 404,
    "unknown_payment_source": 404,
    "unknown_tab": 404,
    "unknown_delivery": 404,
    "unknown_deed": 404,
    "unknown_letter": 404,
    "unknown_link": 404,
    "unknown_request": 404,
    "unknown_report": 404,
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
    "unknown_host": 421,
    "head_too_large": 431,
    "internal_error": 500,
    "log_unavailable": 503,
    "not_ready": 503,
    "stopping": 503,
}  # the HTTP status of each code


class ControlError(Exception):
    """An error answer of the control plane: a 4xx or 503 with code, message and hint."""

    def __init__(self, status: int, code: str, message: str, hint: str, *, allowed: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.allowed = allowed  # the methods of the path, for `Allow`, if another one was sent

    def body(self) -> dict[str, dict[str, str]]:
        """Return the body of the answer."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


def unknown_account(name: str) -> ControlError:
    """Return the error for an account id that does not exist."""
    return ControlError(
        404,
        "unknown_account",
        f"there is no account {name}",
        "an account is created by its first API request with credentials, or by POST /_mock/accounts",
    )


def unknown(what: str, key: str, where: str) -> ControlError:
    """Return the error for an object that the account does not have; `where` is the path that lists them."""
    noun = what.replace("_", " ")
    return ControlError(404, f"unknown_{what}", f"there is no {noun} {key}", f"{where} lists what there is")


def refused(refusal: Refusal) -> ControlError:
    """Convert a refusal by a rule: 404 for a missing object, 409 for a state or permission, else 400."""
    broken = f"it breaks the rule {refusal.rule}"
    where = ".".join(map(str, (*(refusal.path or ()), refusal.field or "")))
    hint = refusal.hint or (f"correct {where}: {broken}" if refusal.field else broken)
    match refusal:
        case NotFound():
            return ControlError(404, "unknown_object", refusal.message, refusal.hint or "look it up first")
        case InvalidObjectState() | PermissionDenied():
            return ControlError(409, "rule", refusal.message, hint)
    return ControlError(400, "refused", refusal.message, hint)
