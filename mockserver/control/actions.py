"""What can be done with a billogram now, and what each act would do (reference: control 1)."""

import asyncio

from mockserver.api.billogram import find
from mockserver.control.action_shapes import ActionsShape
from mockserver.control.call import Answer, ControlCall
from mockserver.emulator import Emulator, LiveAccount


async def fetch(call: ControlCall) -> Answer:
    """`GET …/billograms/{id}/actions`: lists what can be done with a billogram now, and what can't.

    Each allowed action is accepted when it is sent as it is shown. Nothing is changed by asking.
    """
    live = await call.live()
    return Answer(await list_actions(call.emulator, live, call.params["id"], call.base))


async def list_actions(emulator: Emulator, live: LiveAccount, key: str, base: str) -> ActionsShape:
    """Return the actions of a billogram. Raises NotFound if there is no such billogram.

    `base` is scheme and host of the server for the client.
    """
    from mockserver.control import dry_run  # loads the table of rules at first use

    allowed, refused = await emulator.read(
        live, lambda state: dry_run.decided(state, emulator.now(live), find(state, key), base)
    )
    return {"allowed": allowed, "refused": await asyncio.to_thread(dry_run.explained, refused)}
