"""Why a request was refused, and what to do about it (reference: control 1).

The journal stores the values that the rule compared; everything else is computed when an explanation is
requested. So a refusal costs no extra work, and an explanation describes the present state of the account.
"""

import asyncio

from mockserver.control.call import Answer, ControlCall
from mockserver.control.errors import ControlError
from mockserver.control.requests import find_request


async def fetch(call: ControlCall) -> Answer:
    """`GET …/requests/{id}/explain`: explains a refusal: why, what is allowed now, and how to get there."""
    from mockserver.control import explained  # loads the table of rules at first use

    live = await call.live()
    entry = find_request(call, live)
    if entry.rule is None:
        done = "it is being answered" if entry.status is None else f"it was answered {entry.status}"
        message = f"no rule refused this request: {done}"
        raise ControlError(409, "not_refused", message, "the timeline shows what it did")
    refused = explained.parse_refusal(entry, entry.rule)
    emulator, there = call.emulator, call.base
    context = await emulator.read(
        live, lambda state: explained.Context(live.id, there, emulator.now(live), refused.extract(state))
    )
    return Answer(await asyncio.to_thread(explained.explain, refused, context))
