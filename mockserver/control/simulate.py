"""What other people do to a billogram (reference: control 1, behaviour 2.2, 4.2, 7)."""

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Struct
from pydantic import Field

from mockserver.control.call import Amount, Answer, Body, ControlCall
from mockserver.control.errors import ControlError, not_built
from mockserver.core import collection, delivery, factoring, messages
from mockserver.core.act import Act
from mockserver.core.model import Billogram


class NothingBody(Body):
    """There is nothing to say about it."""


class MessageBody(Body):
    """The recipient writes to the creditor."""

    message: Annotated[str, Field(min_length=1, max_length=100_000)]


class Deed(Struct, frozen=True):
    """What somebody does: the body that is read, and what it decides."""

    body: type[Body]
    decide: Callable[[Act, Billogram, Any], None]
    example: dict[str, Any] = {}


def _message(act: Act, billogram: Billogram, given: MessageBody) -> None:
    """The recipient writes to the creditor."""
    messages.arrive(act, billogram, given.message)


def _view(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The recipient opens the link; only the first time is told."""
    delivery.view(act, billogram)


def _delivery_failure(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """What was sent last comes back: e-mail, SMS or e-invoice."""
    delivery.fail(act, billogram)


class CollectorPaymentBody(Body):
    """Money that was paid to the collection agency."""

    amount: Amount


def _collector_payment(act: Act, billogram: Billogram, given: CollectorPaymentBody) -> None:
    """Somebody pays the collection agency: at most what remains, all of it closes the case."""
    collection.receive(act, billogram, given.amount)


def _collection_end(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The collection agency closes the case."""
    collection.end(act, billogram)


def _collection_cancel(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The case is withdrawn from the collection agency: the billogram is open again."""
    collection.cancel(act, billogram)


def _factoring_accept(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The buyer of claims takes what is offered."""
    factoring.accept(act, billogram)


def _factoring_deny(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The buyer of claims refuses what is offered: the billogram is open then."""
    factoring.deny(act, billogram)


# of a billogram; None: not built yet
DEEDS: dict[str, Deed | None] = {
    "message": Deed(MessageBody, _message, {"message": "When will it come?"}),
    "view": Deed(NothingBody, _view),
    "delivery-failure": Deed(NothingBody, _delivery_failure),
    "schedule-payment": None,
    "cancel-scheduled-payment": None,
    "collector-payment": Deed(CollectorPaymentBody, _collector_payment, {"amount": 50}),
    "collection-end": Deed(NothingBody, _collection_end),
    "collection-cancel": Deed(NothingBody, _collection_cancel),
    "factoring-accept": Deed(NothingBody, _factoring_accept),
    "factoring-deny": Deed(NothingBody, _factoring_deny),
    "accept-sale": None,
    "event": None,
}


async def billogram(call: ControlCall) -> Answer:
    """`POST …/billograms/{id}/simulate/{what}`: what others do to it. Answers with it as it then is."""
    what, key = call.params["what"], call.params["id"]
    if what not in DEEDS:
        raise ControlError(404, "unknown_deed", f"nobody can {what}", f"known: {', '.join(DEEDS)}")
    deed = DEEDS[what]
    if deed is None:
        raise not_built(f"simulate/{what}")
    given = call.read(deed.body)
    book = await call.book()

    def decide(act: Act) -> None:
        deed.decide(act, act.billogram(key), given)

    act = await call.emulator.execute(book, decide, cause=call.request_id, rule=f"simulate {what}")
    return Answer(call.info.render_billogram(act.billogram(key), call.base))
