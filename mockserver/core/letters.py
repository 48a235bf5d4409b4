"""The letter after an e-mail or SMS whose link is not opened in time (reference: behaviour 4.2)."""

from datetime import datetime, timedelta
from typing import TypeGuard

from mockserver.core import events
from mockserver.core.model import Delivery

WAIT = timedelta(hours=48)  # [S]


def may_be_followed(event: events.BillogramEvent) -> TypeGuard[events.LetterEvent]:
    """Whether a letter may follow an event. None follows a document of a change or credit."""
    kinds = events.BillogramSent | events.Resent | events.FactoringDenied
    return isinstance(event, kinds) and event.delivery_method.endswith("+Letter")


def due_after(event: events.LetterEvent, delivery: Delivery) -> datetime | None:
    """Return when a letter follows this event unless the link is opened before, or None for no letter."""
    if not may_be_followed(event) or delivery.viewed:  # once opened, no letter follows [A]
        return None
    return event.mark.at + WAIT


def after_failure(delivery: Delivery, at: datetime) -> datetime | None:
    """Return when the next letter follows although one could not be sent now: a later one is kept."""
    return None if delivery.letter_at is not None and delivery.letter_at <= at else delivery.letter_at
