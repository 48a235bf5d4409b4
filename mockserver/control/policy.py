"""The delivery policy: order, duplicates, losses and delays of callbacks (reference: control 1)."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from mockserver.control.call import Answer, Body, ControlCall
from mockserver.control.callbacks import Interval
from mockserver.schema import Form, one_word
from mockserver.webhooks.policy import ORDERS, PLAIN, SIGNATURES, TIMESTAMPS, Policy

_MOST_COPIES = 10  # [A]
_ORDER = "of the callbacks of one act, or of one move of the clock"
_DUPLICATE = f"copies of each callback, at most {_MOST_COPIES}"
_DROP = "the share of callbacks that are never sent: 0.2 is one in five"


class PolicyBody(Body):
    """The whole delivery policy; a member that is left out has its default."""

    order: Literal["fifo", "reverse", "shuffle"] | None = Field(None, description=_ORDER)
    duplicate: Annotated[int, Field(ge=0, le=_MOST_COPIES)] | None = Field(None, description=_DUPLICATE)
    drop: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description=_DROP)
    delay: Interval | None = None
    signature: Literal["good", "bad", "missing", "old-key"] | None = None
    timestamp: Literal["wall", "clock", "stale"] | None = None


class PolicyShape(TypedDict):
    order: Annotated[str, Form(one_word(ORDERS))]
    duplicate: int
    drop: float
    delay: str
    signature: Annotated[str, Form(one_word(SIGNATURES))]
    timestamp: Annotated[str, Form(one_word(TIMESTAMPS))]


EXAMPLE = {"order": "shuffle", "duplicate": 1}


async def fetch(call: ControlCall) -> Answer:
    """`GET …/delivery-policy`: shows the delivery policy."""
    return Answer(_render(call.sender.deliveries(await call.live()).policy))


async def put(call: ControlCall) -> Answer:
    """`PUT …/delivery-policy`: sets the delivery policy; it replaces the previous one."""
    body = call.typed_body(PolicyBody)
    live = await call.live()
    policy = Policy(**body.given())
    call.sender.configure(live, policy)
    return Answer(_render(policy))


async def clear(call: ControlCall) -> Answer:
    """`DELETE …/delivery-policy`: restores the default delivery policy."""
    call.sender.configure(await call.live(), PLAIN)
    return Answer(_render(PLAIN))


def _render(policy: Policy) -> PolicyShape:
    return {
        "order": policy.order,
        "duplicate": policy.duplicate,
        "drop": policy.drop,
        "delay": policy.delay,
        "signature": policy.signature,
        "timestamp": policy.timestamp,
    }
