"""What Billogram's webhooks do to the books."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from shop.billogram import Billogram, Standing
from shop.books import Books, Event
from shop.money import ore

FRESH = 300  # seconds that a webhook may be on its way

# events with money, and what their `amount` does: an over-payment was in the payment and is the customer's
MONEY = {
    "Payment": ("received", 1),
    "CollectorPayment": ("received", 1),
    "OverpaymentAdjustment": ("received", -1),
    "OverpaymentCustomerLiability": ("received", -1),
    "Credit": ("credited", 1),
}


def signature(key: str, timestamp: str, body: bytes) -> str:
    """What `Billogram-Signature` must be: over the bytes as they came, before anybody parses them."""
    return hmac.new(key.encode(), timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()


class Receiver:
    """Receives webhooks. They may come twice, in any order, and from anybody."""

    def __init__(self, api: Billogram, books: Books, sign_key: str) -> None:
        self.api = api
        self.books = books
        self.sign_key = sign_key

    def genuine(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Whether Billogram sent it, and just now."""
        timestamp = headers.get("Billogram-Request-Timestamp", "")
        given = headers.get("Billogram-Signature", "")
        right = signature(self.sign_key, timestamp, body)
        if not hmac.compare_digest(given.encode(), right.encode()):
            return False
        try:
            return abs(now - float(timestamp)) <= FRESH
        except ValueError:
            return False

    def receive(self, callback: dict[str, Any]) -> None:
        """Book the events of a webhook. Exceptions reach Billogram as an error, so that it sends it again."""
        for event in self.events(callback):
            heard = self.books.book(event)
            if heard is not None:
                standing = self.standing(callback, event.billogram)
                self.books.settle(event.billogram, heard, standing)

    def events(self, callback: dict[str, Any]) -> list[Event]:
        """The events in a webhook: a recall has one for each billogram, other types have none."""
        if callback["callback_type"] == "BillogramEvent":
            event = callback["event"]
            return [_event(event["billogram_id"], event)]
        if callback["callback_type"] == "PaymentRecalled":
            payables = [each["billogram"] for each in callback["payment_recall"]["payables"]]
            return [_event(each["id"], each["event"]) for each in payables]
        return []

    def standing(self, callback: dict[str, Any], billogram: str) -> Standing:
        """The status of the billogram. It is requested from Billogram, as the webhook may be out of date."""
        return self.api.standing(billogram)


def _event(billogram: str, event: dict[str, Any]) -> Event:
    """Unknown types are stored too, and change no sum."""
    key, kind, data = event["event_uuid"], event["type"], event["data"]
    if kind == "PaymentRecalled":
        return Event(key, billogram, kind, received=-ore(data["recalled_amount"]))
    if kind in MONEY:
        column, sign = MONEY[kind]
        return Event(key, billogram, kind, **{column: sign * ore(data["amount"])})
    return Event(key, billogram, kind)
