"""Messages between creditor and recipient."""

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.model import Billogram
from mockserver.core.refusal import invalid


def write(act: Act, billogram: Billogram, text: str) -> None:
    """Command `message`: not empty [C], no maximum [A]."""
    if not text:
        raise invalid("message", rule="message.text")
    act.add(events.CreditorMessage(act.mark(billogram), billogram.sums, message=text))
