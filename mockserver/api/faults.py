"""What goes wrong on purpose: faults that tests lay down, in the API's own dialect (reference: control 1)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec import Struct, json
from starlette.types import Receive, Scope

from mockserver.core import calendar
from mockserver.core.refusal import Refusal
from mockserver.traffic import Fault

RESET = "mockserver.reset"  # extension of the scope: cuts the connection off
_SILENCE = timedelta(minutes=10)  # of a `timeout` without latency; then the connection is cut off [A]
_GARBAGE = b'{"status": "OK", "data": {"id": "\xff\xfe<html>'  # a 200 that is no JSON [A]
_COMMITTED = ("commit-then-reset", "commit-then-502")


class Told(Struct, frozen=True):
    """How a fault is told: HTTP status, identifier, message."""

    http: int
    status: str
    message: str


# no identifier of a limit is known, so those of 429 and 502 are the one of 503; 401 is told as credentials
# that don't fit, 403 as a permission that is missing [A]
_TOLD = {
    "status:503": Told(503, "SERVICE_UNAVAILABLE", "service unavailable"),
    "status:500": Told(500, "INTERNAL_ERROR", "internal error"),
    "status:401": Told(401, "INVALID_AUTH", "invalid credentials"),
    "status:403": Told(403, "PERMISSION_DENIED", "permission denied"),
    "status:429": Told(429, "SERVICE_UNAVAILABLE", "too many requests"),
    "commit-then-502": Told(502, "SERVICE_UNAVAILABLE", "bad gateway"),
}


class Faulted(Refusal):
    """A request that a fault struck. `http` None: it gets no answer."""

    status = ""

    def __init__(self, fault: Fault) -> None:
        told = _TOLD.get(fault.fail or "")
        message = f"fault {fault.number}: {fault.fail}"
        super().__init__(message, rule="fault", fault=fault.number, fail=fault.fail)
        self.http: int | None = 200 if fault.fail == "garbage" else None
        self.body = _GARBAGE
        self.identifier: str | None = None
        if told is not None:
            self.http, self.identifier = told.http, told.status
            self.body = json.encode({"status": told.status, "data": {"message": told.message}})


class Faultline:
    """Lets requests suffer their faults; what waits ends when the server stops."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End what waits."""
        self._stopped.set()

    async def suffer(self, fault: Fault, operate: Callable[[], Awaitable[bytes]], receive: Receive) -> bytes:
        """The answer after a latency; Faulted. Only the `commit-then` kinds do what was asked and fail.

        What is refused they tell as if it had been done [A].
        """
        latency = timedelta(0) if fault.latency is None else calendar.absolute(fault.latency)
        if fault.fail == "timeout":
            await self._unless_gone((latency or _SILENCE).total_seconds(), receive)
            raise Faulted(fault)
        if latency:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(latency.total_seconds()):
                    await self._stopped.wait()
        if fault.fail is None:
            return await operate()
        if fault.fail in _COMMITTED:
            with contextlib.suppress(
                Refusal
            ):  # then nothing was done, and the client doesn't know that either
                await operate()
        raise Faulted(fault)

    async def _unless_gone(self, seconds: float, receive: Receive) -> None:
        ends = {asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self._stopped.wait())}
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ends:
                each.cancel()


async def cut_off(scope: Scope, receive: Receive) -> None:
    """End a request without an answer: by a reset on a socket, by an exception in process."""
    reset = scope.get("extensions", {}).get(RESET)
    if reset is None:
        raise ConnectionResetError("a fault cut the connection off")
    reset()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
