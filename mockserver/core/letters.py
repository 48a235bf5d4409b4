"""The letter that follows an e-mail or SMS whose link is not opened in time (reference: behaviour 4.2)."""

from datetime import datetime, timedelta
from typing import TypeGuard

from mockserver.core import events
from mockserver.core.model import Delivery

WAIT = timedelta(hours=48)  # [S]


def may_be_followed(event: events.BillogramEvent) -> TypeGuard[events.LetterEvent]:
    """Whether a letter may follow: not what a change or a credit sent in the meantime."""
    kinds = events.BillogramSent | events.Resent | events.FactoringDenied
    return isinstance(event, kinds) and event.delivery_method.endswith("+Letter")


def due_after(event: events.LetterEvent, delivery: Delivery) -> datetime | None:
    """When a letter goes out after this event, unless the link is opened before; None: no letter follows."""
    if not may_be_followed(event) or delivery.viewed:  # opened once [A]
        return None
    return event.mark.at + WAIT


def after_failure(delivery: Delivery, at: datetime) -> datetime | None:
    """When a letter goes out although one could not be sent now: that of a later moment goes on."""
    return None if delivery.letter_at is not None and delivery.letter_at <= at else delivery.letter_at
