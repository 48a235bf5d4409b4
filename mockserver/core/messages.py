"""Messages between creditor and recipient."""

from mockserver.core import delivery, events
from mockserver.core.act import Act
from mockserver.core.model import Billogram
from mockserver.core.refusal import InvalidParameter, invalid


def send(act: Act, billogram: Billogram, text: str) -> None:
    """Command `message`: send a message to the recipient. It must not be empty [C]; no maximum length [A]."""
    if not text:
        raise invalid("message", rule="message.text")
    act.add(events.CreditorMessage(act.mark(billogram), billogram.sums, message=text))


def receive(act: Act, billogram: Billogram, text: str, ip: str | None = None) -> None:
    """Record a message of the recipient, from the page of a sent billogram (reference: behaviour 7)."""
    if not text:
        raise InvalidParameter(
            "the message is empty", rule="simulate.message", field="message", hint="send some text"
        )
    delivery.check_sent(billogram)
    act.add(events.CustomerMessage(act.mark(billogram), billogram.sums, message=text, ip=ip))
