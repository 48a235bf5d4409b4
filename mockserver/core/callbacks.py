"""Which callbacks an act brings about, and what they say (reference: webhooks 1-3, 6).

`plan` is a pure function of the act and the state right after it; pending is what was planned for all acts
less the results that were recorded.
"""

import re
from datetime import datetime
from typing import Any

from msgspec import json

from mockserver.core import numbers
from mockserver.core.events import (
    BillogramCreated,
    BillogramEvent,
    EinvoiceRegistered,
    PaymentRecalled,
    RecallMade,
    RecipientUpdated,
    Record,
)
from mockserver.core.funds import Recall
from mockserver.core.machine import public_state
from mockserver.core.model import Billogram, CallbackSettings, Value
from mockserver.core.money import ZERO, add
from mockserver.core.sepa import words
from mockserver.core.showing import as_number, event_data, render_sums, timestamp
from mockserver.core.signature import legacy
from mockserver.core.state import BILLOGRAM, State

INBOX = "mock:inbox"  # a receiver inside the server
BILLOGRAM_EVENT, EINVOICE_CREATED = "BillogramEvent", "EinvoiceRegistrationCreated"
RECIPIENT_UPDATED, PAYMENT_RECALLED = "RecipientUpdated", "PaymentRecalled"
TYPES = (
    BILLOGRAM_EVENT,
    RECIPIENT_UPDATED,
    PAYMENT_RECALLED,
    "BillingTab",
    EINVOICE_CREATED,
    "EinvoiceRegistrationDeleted",
    "EinvoiceRegistrationIdentificationMismatch",
    "EinvoiceRegistrationRecipientNotFound",
    "EfakturaRegistration",
)
_encoder = json.Encoder(order="sorted", decimal_format="number")
_NOT_ASCII = re.compile("[^\x00-\x7f]")


class Planned(Value, frozen=True):
    """One callback that is to be sent.

    URL, key and the other settings are those of the moment of the event [A]. `at` is the moment of the act,
    by the account's clock; `position`, `cause` and `rule` are those of its record.
    """

    id: str
    callback_id: str
    type: str
    at: datetime
    position: int
    cause: str
    rule: str
    url: str
    sign_key: str | None
    settings: CallbackSettings
    billogram: str | None = None
    event: BillogramEvent | None = None
    ocr_number: str | None = None
    attested_at: datetime | None = None
    custom: str | None = None
    told: dict[str, Any] | None = None  # what the other types say

    @property
    def event_type(self) -> str | None:
        """Of a BillogramEvent."""
        return None if self.event is None else type(self.event).__name__


def plan(state: State, record: Record) -> tuple[Planned, ...]:
    """The callbacks of an act, in the order of its events; `state` is the one right after it.

    Every Billogram event makes one ("every" [A]) but `PaymentRecalled`: the one of the whole recall tells of
    it, before what the recall leads to [A]. So do e-invoice registrations [D] and what recipients
    change, all as far as there is somewhere to send it.
    """
    found: list[Planned | None] = []
    for index, event in enumerate(record.events):
        if isinstance(event, PaymentRecalled):
            continue
        if isinstance(event, BillogramEvent):
            billogram: Billogram = state.find(BILLOGRAM, event.mark.billogram)
            found.append(_of_billogram(state, record, index, event, billogram))
        elif isinstance(event, RecallMade):
            if event.recall.payables:
                told = _recall_told(state, event.recall)
                found.insert(0, _of_account(state, record, index, PAYMENT_RECALLED, told))
        elif isinstance(event, RecipientUpdated):
            if state.account.features.recipient_updated_callback:
                found.append(_of_account(state, record, index, RECIPIENT_UPDATED, _recipient_told(event)))
        elif isinstance(event, EinvoiceRegistered):
            told = {"recipient_information": {"customer_number": str(event.customer_no)}}  # a string [D]
            found.append(_of_account(state, record, index, EINVOICE_CREATED, told))
    return tuple(planned for planned in found if planned is not None)


def _of_account(state: State, record: Record, index: int, kind: str, told: dict[str, Any]) -> Planned | None:
    """One of the other types: always to the account's address, with its key [A]."""
    settings = state.account.callbacks
    return _planned(state, record, index, kind, settings.url, settings.sign_key, told=told)


def _of_billogram(
    state: State, record: Record, index: int, event: BillogramEvent, billogram: Billogram
) -> Planned | None:
    own, settings = billogram.content.callbacks, state.account.callbacks
    # a billogram's own address takes its own key with it, the account's else [A]
    url, sign_key = (own.url, own.sign_key) if own.url else (settings.url, settings.sign_key)
    drafted = isinstance(event, BillogramCreated)  # create and send may be one act
    return _planned(
        state,
        record,
        index,
        BILLOGRAM_EVENT,
        url,
        sign_key,
        billogram=billogram.id,
        event=event,
        ocr_number=None if drafted else billogram.ocr_number,
        attested_at=None if drafted else billogram.attested_at,
        custom=own.custom,
    )


def _planned(
    state: State, record: Record, index: int, kind: str, url: str | None, sign_key: str | None, **more: Any
) -> Planned | None:
    account = state.account
    settings = account.callbacks
    if not url or (settings.types is not None and kind not in settings.types):
        return None
    return Planned(
        id=f"{account.generation}-{record.position}-{index}",
        callback_id=numbers.callback_id(account.seed, account.generation, record.position, index),
        type=kind,
        at=record.at,
        position=record.position,
        cause=record.cause,
        rule=record.rule,
        url=url,
        sign_key=sign_key or None,
        settings=settings,
        **more,
    )


def _recipient_told(event: RecipientUpdated) -> dict[str, Any]:
    customer: dict[str, Any] = {"customer_number": event.customer_no}
    if event.email is not None:
        customer["updated_email"] = event.email
    if event.recurring:
        customer["updated_recurring_payment_type"] = event.recurring_type
    return {"customer": customer}


def _recall_told(state: State, recall: Recall) -> dict[str, Any]:
    total = ZERO
    payables = []
    for payable in recall.payables:
        billogram: Billogram = state.find(BILLOGRAM, payable.billogram)
        event = next(each for each in billogram.events if each.mark.uuid == payable.event_uuid)
        total = add(total, payable.amount)
        payables.append(
            {
                "type": "Billogram",
                "billogram": {
                    "id": billogram.id,
                    "remaining_amount": as_number(billogram.sums.remaining),
                    "state": public_state(billogram),  # after it was opened again [A]
                    "invoice_no": billogram.invoice_no,
                    "event": {
                        "type": PAYMENT_RECALLED,
                        "created_at": timestamp(event.mark.at),
                        "event_uuid": payable.event_uuid,
                        "data": event_data(event),
                    },
                },
            }
        )
    reason = None if recall.code is None else {"code": recall.code, "message": words(recall.code)}
    return {
        "payment_recall": {
            "incoming_payment_id": recall.payment,
            "executed_on": recall.executed_on.isoformat(),
            "message": recall.message,
            "payment_schema": {"code": recall.scheme},
            "total_amount": as_number(total),
            "fee": as_number(recall.fee),
            "payables": payables,
            "raw_details": {"payment_schema": {"sepa": {"r_transaction": reason}}},
        }
    }


def body(planned: Planned) -> bytes:
    """The bytes that are posted, the same at each attempt.

    Compact, pure ASCII, plain slashes, keys in alphabetical order [A; the order R]. Whole amounts are
    integers, unlike in the REST answers [R].
    """
    said: dict[str, Any] = {
        "callback_id": planned.callback_id,
        "callback_timestamp": planned.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "callback_type": planned.type,
    }
    if planned.told is not None:
        said |= planned.told
    if planned.event is not None:
        said |= _billogram_event(planned, planned.event)
    encoded = _encoder.encode(said)
    if encoded.isascii():
        return encoded
    return _NOT_ASCII.sub(_escaped, encoded.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _billogram_event(planned: Planned, event: BillogramEvent) -> dict[str, Any]:
    key = planned.sign_key
    return {
        "custom": planned.custom,
        # the old MD5 whenever there is a key [C; whenever A], null without one [R]
        "signature": None if key is None else legacy(key, planned.callback_id),
        "billogram": _compact(planned, event),
        "event": {
            "type": type(event).__name__,
            "created_at": timestamp(event.mark.at),
            "event_uuid": event.mark.uuid,
            "billogram_id": event.mark.billogram,
            "data": event_data(event),
        },
    }


def _compact(planned: Planned, event: BillogramEvent) -> dict[str, Any]:
    """The billogram as callbacks show it: not the REST object [R]."""
    ocr, sums = planned.ocr_number, event.sums
    return {
        "id": event.mark.billogram,
        "ocr_number": ocr,
        "payment_references": [] if ocr is None else [{"type": "ocr", "reference": ocr}],  # form [A]
        "state": event.state,
        "remaining_sum": as_number(sums.remaining),
        "total_sum": as_number(sums.total),
        "attested_at": None if planned.attested_at is None else timestamp(planned.attested_at),
        "detailed_sums": render_sums(sums),
    }
