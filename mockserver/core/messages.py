"""Messages between creditor and recipient."""

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, invalid


def write(act: Act, billogram: Billogram, text: str) -> None:
    """Command `message`: not empty [C], no maximum [A]."""
    if not text:
        raise invalid("message", rule="message.text")
    act.add(events.CreditorMessage(act.mark(billogram), billogram.sums, message=text))


def arrive(act: Act, billogram: Billogram, text: str) -> None:
    """The recipient writes, from the page that a sent billogram has (reference: behaviour 7)."""
    if not text:
        raise InvalidParameter(
            "the message is empty", rule="simulate.message", field="message", hint="send some text"
        )
    if billogram.internal is Internal.UNATTESTED:  # nobody has got it [A]
        raise InvalidObjectState(
            f"billogram {billogram.id} has not been sent: its recipient knows nothing of it",
            rule="simulate.sent",
            hint="send it first",
            state=billogram.internal,
        )
    act.add(events.CustomerMessage(act.mark(billogram), billogram.sums, message=text))
