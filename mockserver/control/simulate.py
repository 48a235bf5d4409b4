"""What other people do to a billogram (reference: control 1, behaviour 7)."""

from typing import Annotated, Any

from pydantic import Field

from mockserver.control.call import Answer, Body, ControlCall
from mockserver.control.errors import ControlError, not_built
from mockserver.core import messages
from mockserver.core.act import Act


class MessageBody(Body):
    """The recipient writes to the creditor."""

    message: Annotated[str, Field(min_length=1, max_length=100_000)]


EXAMPLES: dict[str, Any] = {"message": {"message": "When will it come?"}}
# of a billogram; None: not built yet
DEEDS: dict[str, type[Body] | None] = {
    "message": MessageBody,
    "view": None,
    "delivery-failure": None,
    "schedule-payment": None,
    "cancel-scheduled-payment": None,
    "collector-payment": None,
    "collection-end": None,
    "collection-cancel": None,
    "factoring-accept": None,
    "factoring-deny": None,
    "accept-sale": None,
    "event": None,
}


async def billogram(call: ControlCall) -> Answer:
    """`POST …/billograms/{id}/simulate/{what}`: what others do to it. Answers with it as it then is."""
    what, key = call.params["what"], call.params["id"]
    if what not in DEEDS:
        raise ControlError(404, "unknown_deed", f"nobody can {what}", f"known: {', '.join(DEEDS)}")
    model = DEEDS[what]
    if model is None:
        raise not_built(f"simulate/{what}")
    given: Any = call.read(model)
    book = await call.book()

    def decide(act: Act) -> None:
        messages.arrive(act, act.billogram(key), given.message)

    act = await call.emulator.execute(book, decide, cause=call.request_id, rule=f"simulate {what}")
    return Answer(call.info.render_billogram(act.billogram(key), call.base))
