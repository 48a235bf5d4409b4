"""The shop's receiver with one classic mistake each, for showing that tests find it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from shop.billogram import Standing
from shop.books import Event
from shop.money import ore
from shop.webhooks import Receiver


class BooksTwice(Receiver):
    """No idempotence: an event that comes twice is booked twice."""

    def events(self, callback: dict[str, Any]) -> list[Event]:
        """Every one is taken for a new one."""
        return [replace(each, event_uuid=uuid4().hex) for each in super().events(callback)]


class TrustsOrder(Receiver):
    """Takes each webhook for the newest."""

    def standing(self, callback: dict[str, Any], billogram: str) -> Standing:
        """The status in the webhook, which may be older than the one before."""
        if callback["callback_type"] == "BillogramEvent":
            shown = callback["billogram"]
            return Standing(shown["state"], ore(shown["remaining_sum"]))
        recalled = [each["billogram"] for each in callback["payment_recall"]["payables"]]
        (shown,) = [each for each in recalled if each["id"] == billogram]
        return Standing(shown["state"], ore(shown["remaining_amount"]))


class AcceptsAnything(Receiver):
    """Does not look at the signature."""

    def genuine(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Whoever it was."""
        return True
