"""Errors of the control plane: `{"error": {"code", "message", "hint"}}`; the hint says what to do instead."""


class ControlError(Exception):
    """A refusal of the control plane with a fitting 4xx (or 501, 503)."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint

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
