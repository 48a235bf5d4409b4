"""Faults: failures and delays of requests, to test how clients handle them (reference: control 1)."""

from datetime import timedelta
from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, Field

from mockserver.api.commands import COMMANDS
from mockserver.api.operations import known_operations
from mockserver.control.call import EXACT_DURATION, Answer, Body, ControlCall
from mockserver.control.errors import ControlError
from mockserver.core import calendar
from mockserver.schema import Form
from mockserver.traffic import MAX_FAULTS, Fault

_LONGEST = timedelta(hours=1)  # of a latency [A]
Fail = Literal[
    "status:503",
    "status:500",
    "status:401",
    "status:403",
    "status:429",
    "timeout",
    "reset",
    "garbage",
    "commit-then-reset",
    "commit-then-502",
]


def _latency(text: str) -> str:
    if not timedelta(0) <= calendar.absolute(text) <= _LONGEST:
        raise ValueError("must be at most 1h")
    return text


class FaultBody(Body):
    """`operation` is a method and a path such as `POST /billogram`, or an operation id."""

    operation: Annotated[str, Field(min_length=1)] | None = None
    command: Annotated[str, Field(min_length=1)] | None = None
    times: Annotated[int, Field(ge=1, lt=10**9)] | None = None
    after: Annotated[int, Field(ge=0, lt=10**9)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    latency: Annotated[str, AfterValidator(_latency), Form(EXACT_DURATION)] | None = None
    fail: Fail | None = None


class FaultShape(TypedDict):
    id: int
    operation: str | None
    command: str | None
    times: int | None
    after: int
    probability: float | None
    latency: str | None
    fail: str | None
    seen: int
    hits: int


EXAMPLE = {"operation": "POST /billogram", "times": 2, "fail": "status:503"}


async def listing(call: ControlCall) -> Answer:
    """`GET …/faults`: lists the faults, oldest first, and how often each was applied."""
    live = await call.live()
    return Answer([_render(each) for each in call.traffic.faults.all(live.stream)])


async def create(call: ControlCall) -> Answer:
    """`POST …/faults`: makes requests of the account fail, or delays them."""
    body = call.typed_body(FaultBody)
    live = await call.live()
    operation, command = known_operations().get(body.operation or "", (None, None))
    if body.operation is not None and operation is None:
        hint = "method and path as in the OpenAPI document, such as POST /billogram, or an operationId"
        raise ControlError(400, "invalid_body", f"operation: there is no {body.operation}", hint)
    if body.command is not None and body.command not in COMMANDS:
        hint = f"known: {', '.join(sorted(COMMANDS))}"
        raise ControlError(400, "invalid_body", f"command: there is no {body.command}", hint)
    if command is not None and body.command not in (None, command):
        hint = "leave it out: the operation names it"
        raise ControlError(400, "invalid_body", f"command: {body.operation} is another one", hint)
    if body.command is not None and operation is not None and "{command}" not in operation:
        hint = "leave one of them out; an on_success of POST /billogram is part of that operation"
        raise ControlError(400, "invalid_body", f"command: {body.operation} is no command", hint)
    if body.fail is None and body.latency is None:
        hint = 'such as {"fail": "status:503"} or {"latency": "2s"}'
        raise ControlError(400, "invalid_body", "fail or latency must be given", hint)
    faults = call.traffic.faults
    fault = Fault(
        number=faults.number(live.stream),
        operation=operation,
        command=command or body.command,
        times=body.times,
        after=body.after or 0,
        probability=body.probability,
        latency=body.latency,
        fail=body.fail,
    )
    if not faults.add(live.stream, fault):
        raise ControlError(409, "too_many_faults", f"there are {MAX_FAULTS} faults", "DELETE …/faults first")
    return Answer(_render(fault), 201)


async def clear(call: ControlCall) -> Answer:
    """`DELETE …/faults`: removes all faults."""
    live = await call.live()
    call.traffic.faults.clear(live.stream)
    return Answer([])


def _render(fault: Fault) -> FaultShape:
    return {
        "id": fault.number,
        "operation": fault.operation,
        "command": fault.command,
        "times": fault.times,
        "after": fault.after,
        "probability": fault.probability,
        "latency": fault.latency,
        "fail": fault.fail,
        "seen": fault.seen,
        "hits": fault.hits,
    }
