"""Injects the faults that tests configure, in the form of the API's own errors (reference: control 1)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec import Struct, json
from starlette.types import Receive, Scope

from mockserver.core import calendar
from mockserver.core.refusal import Refusal
from mockserver.traffic import Fault

RESET = "mockserver.reset"  # extension of the ASGI scope: resets the connection
_SILENCE = timedelta(minutes=10)  # of a `timeout` without latency, before the connection is reset [A]
_GARBAGE = b'{"status": "OK", "data": {"id": "\xff\xfe<html>'  # a 200 whose body is not JSON [A]
_COMMITTED = ("commit-then-reset", "commit-then-502")


class ErrorAnswer(Struct, frozen=True):
    """The answer of a fault: HTTP status, error identifier, message."""

    http: int
    status: str
    message: str


# 429 and 502 use the identifier of 503, since none is known for a limit; 401 is shown as invalid credentials,
# 403 as a missing permission [A]
_ERROR_ANSWERS = {
    "status:503": ErrorAnswer(503, "SERVICE_UNAVAILABLE", "service unavailable"),
    "status:500": ErrorAnswer(500, "INTERNAL_ERROR", "internal error"),
    "status:401": ErrorAnswer(401, "INVALID_AUTH", "invalid credentials"),
    "status:403": ErrorAnswer(403, "PERMISSION_DENIED", "permission denied"),
    "status:429": ErrorAnswer(429, "SERVICE_UNAVAILABLE", "too many requests"),
    "commit-then-502": ErrorAnswer(502, "SERVICE_UNAVAILABLE", "bad gateway"),
}


class InjectedFault(Refusal):
    """A fault was injected into the request. `http` is None if the request gets no answer."""

    status = ""

    def __init__(self, fault: Fault) -> None:
        answer = _ERROR_ANSWERS.get(fault.fail or "")
        message = f"fault {fault.number}: {fault.fail}"
        super().__init__(message, rule="fault", fault=fault.number, fail=fault.fail)
        self.http: int | None = 200 if fault.fail == "garbage" else None
        self.body = _GARBAGE
        self.identifier: str | None = None
        if answer is not None:
            self.http, self.identifier = answer.http, answer.status
            self.body = json.encode({"status": answer.status, "data": {"message": answer.message}})


class FaultInjector:
    """Injects faults into requests. Waiting requests end when the server stops."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End the requests that wait."""
        self._stopped.set()

    async def inject(self, fault: Fault, operate: Callable[[], Awaitable[bytes]], receive: Receive) -> bytes:
        """Answer a request after the latency of its fault, or raise InjectedFault.

        The `commit-then` faults execute the operation before they fail. They fail in the same way if the
        operation is refused [A].
        """
        latency = timedelta(0) if fault.latency is None else calendar.absolute(fault.latency)
        if fault.fail == "timeout":
            await self._unless_gone((latency or _SILENCE).total_seconds(), receive)
            raise InjectedFault(fault)
        if latency:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(latency.total_seconds()):
                    await self._stopped.wait()
        if fault.fail is None:
            return await operate()
        if fault.fail in _COMMITTED:
            with contextlib.suppress(Refusal):  # the client does not learn that nothing was executed
                await operate()
        raise InjectedFault(fault)

    async def _unless_gone(self, seconds: float, receive: Receive) -> None:
        ends = {asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self._stopped.wait())}
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ends:
                each.cancel()


async def cut_off(scope: Scope, receive: Receive) -> None:
    """End a request without an answer: with a connection reset, or in process with ConnectionResetError."""
    reset = scope.get("extensions", {}).get(RESET)
    if reset is None:
        raise ConnectionResetError("a fault cut the connection off")
    reset()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
