"""The clock of a test's account."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mockserver.kit.shapes import ClockMode, ClockShape, MovedShape


class AccountClock:
    """A frozen clock. When it is moved, everything that falls due is done at its own moment."""

    def __init__(self, control: Callable[..., Any]) -> None:
        self._control = control

    @property
    def now(self) -> datetime:
        """The present time, in the account's time zone."""
        return datetime.fromisoformat(self._control("GET", "/clock")["now"])

    def advance(
        self,
        by: str | timedelta | None = None,
        *,
        to: str | datetime | None = None,
        until: Literal["next"] | None = None,
        dry_run: bool = False,
    ) -> "MovedShape":
        """Move the clock by a span (`"20d"`, `"P1M"`), to a moment, or until the next thing that happens.

        Returns `from`, `to`, `count` and `happened` when everything due is done. `dry_run` changes nothing.
        """
        __tracebackhide__ = True
        span = f"PT{by.total_seconds():.6f}S" if isinstance(by, timedelta) else by
        body = {"by": span, "to": _text(to), "until": until, "dry_run": dry_run}
        given = {name: value for name, value in body.items() if value is not None}
        moved: MovedShape = self._control("POST", "/clock/advance", given)
        return moved

    def set(
        self,
        now: str | datetime | None = None,
        *,
        mode: "ClockMode | None" = None,
        timezone: str | None = None,
        speed: float | None = None,
    ) -> "ClockShape":
        """Move the clock to a later moment, or change its mode, time zone or speed."""
        __tracebackhide__ = True
        body = {"now": _text(now), "mode": mode, "timezone": timezone, "speed": speed}
        given = {name: value for name, value in body.items() if value is not None}
        shown: ClockShape = self._control("PUT", "/clock", given)
        return shown


def _text(moment: str | datetime | None) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else moment
