"""Why a request was refused, and what to do about it (reference: control 1).

The journal has what the rule compared; all else is looked up, or tried, when it is asked for. So a refusal
costs nothing more, and what is said of the state, and of what is possible, is said of now.
"""

import asyncio

from mockserver.control.call import Answer, ControlCall
from mockserver.control.errors import ControlError, unknown


async def fetch(call: ControlCall) -> Answer:
    """`GET …/requests/{id}/explain`: why a request was refused, what is allowed now, and how to get there."""
    from mockserver.control import explained  # with the table of rules, when it is first asked for

    live = await call.live()
    entry = call.traffic.find(live.stream, call.params["id"])
    if entry is None:
        raise unknown("request", call.params["id"], f"GET /_mock/accounts/{live.id}/requests")
    if entry.rule is None:
        done = "it is being answered" if entry.status is None else f"it was answered {entry.status}"
        message = f"no rule refused this request: {done}"
        raise ControlError(409, "not_refused", message, "the timeline tells what it did")
    refused = explained.parse_refusal(entry, entry.rule)
    emulator, there = call.emulator, call.base
    context = await emulator.read(
        live, lambda state: explained.Context(live.id, there, emulator.now(live), refused.extract(state))
    )
    return Answer(await asyncio.to_thread(explained.explain, refused, context))
