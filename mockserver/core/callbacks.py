"""Which callbacks an act causes, and their payloads (reference: webhooks 1-3, 6).

`plan` is a pure function of the act and the state directly after it. The pending callbacks are those planned
for all acts, minus the results that were recorded.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import json

from mockserver.core import numbers
from mockserver.core.events import (
    EVENTS,
    BillogramCreated,
    BillogramEvent,
    EfakturaChanged,
    EfakturaForwarded,
    EinvoiceDeregistered,
    EinvoiceMismatched,
    EinvoiceNotFound,
    EinvoiceRegistered,
    Event,
    PaymentRecalled,
    RecallMade,
    RecipientUpdated,
    Record,
    TabRefused,
)
from mockserver.core.funds import Recall
from mockserver.core.machine import public_state
from mockserver.core.model import Billogram, CallbackSettings, Value
from mockserver.core.money import ZERO, add
from mockserver.core.sepa import reason_text
from mockserver.core.showing import as_number, event_data, refusal_data, render_sums, timestamp
from mockserver.core.signature import legacy
from mockserver.core.state import BILLOGRAM, State

INBOX = "mock:inbox"  # a receiver inside the server
_encoder = json.Encoder(order="sorted", decimal_format="number")
_NOT_ASCII = re.compile("[^\x00-\x7f]")


class Planned(Value, frozen=True):
    """One callback to be sent.

    URL, key and the other settings are those at the moment of the event [A]. `at` is the moment of the act
    by the account's clock, in UTC. `position`, `cause` and `rule` are those of its record. A BillogramEvent
    sets `event`, every other type sets `payload`: the members after the three that all callbacks have.
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
    payload: dict[str, Any] | None = None

    @property
    def event_type(self) -> str | None:
        """The name of the event, for a BillogramEvent; else None."""
        return None if self.event is None else type(self.event).__name__


class CallbackType(Value, frozen=True):
    """One type of callback.

    `events` are the events that cause it; a type without events is not sent yet. `fields` returns the members
    of `Planned` that are specific to the type, or None if nothing is sent. `first` puts it before all other
    callbacks of its act. `summary` is its description in the OpenAPI document.
    """

    name: str
    events: tuple[type[Event], ...] = ()
    fields: Callable[[State, Any], dict[str, Any] | None] = lambda state, event: None
    first: bool = False
    summary: str = ""


def _billogram_event_fields(state: State, event: BillogramEvent) -> dict[str, Any] | None:
    billogram: Billogram = state.find(BILLOGRAM, event.mark.billogram)
    own, settings = billogram.content.callbacks, state.account.callbacks
    # a billogram's own address is used with its own key, the account's address with the account's key [A]
    url, sign_key = (own.url, own.sign_key) if own.url else (settings.url, settings.sign_key)
    if not url:
        return None
    drafted = isinstance(event, BillogramCreated)  # create and send may be one act
    return {
        "url": url,
        "sign_key": sign_key,
        "billogram": billogram.id,
        "event": event,
        "ocr_number": None if drafted else billogram.ocr_number,
        "attested_at": None if drafted else billogram.attested_at,
        "custom": own.custom,
    }


def _recall_fields(state: State, event: RecallMade) -> dict[str, Any] | None:
    return {"payload": _recall_payload(state, event.recall)} if event.recall.payables else None


def _recipient_fields(state: State, event: RecipientUpdated) -> dict[str, Any] | None:
    if not state.account.features.recipient_updated_callback:
        return None
    customer: dict[str, Any] = {"customer_number": event.customer_no}
    if event.email is not None:
        customer["updated_email"] = event.email
    if event.recurring:
        customer["updated_recurring_payment_type"] = event.recurring_type
    return {"payload": {"customer": customer}}


def _registration_fields(_: State, event: EinvoiceRegistered | EinvoiceDeregistered) -> dict[str, Any]:
    customer_number = str(event.customer_no)  # a string [D]
    return {"payload": {"recipient_information": {"customer_number": customer_number}}}


def _efaktura_fields(_: State, event: EfakturaChanged) -> dict[str, Any]:
    notice = event.notice
    shown = {
        "registration_type": "Deregistration" if event.registration is None else "Registration",
        "fmi": notice.fmi,
        "bank_name": notice.bank_name,
        "bank_code": notice.bank_code,
        "id_number": notice.id_number,
        "recipient_type": notice.recipient_type,
        "ocr": notice.ocr,
        "billogram_customer_number": event.customer_no,  # an integer [D]
        "customer_supplied_billogram_customer_no": notice.customer_supplied,
        "full_name": notice.full_name,
        "email": notice.email,
        "file_contents": None,  # only the nightly one has a file [A]
        "file_name": None,
    }
    return {"payload": {"efaktura_registration": shown}}


def _forwarded_fields(_: State, event: EfakturaForwarded) -> dict[str, Any]:
    shown: dict[str, Any] = dict.fromkeys(_PERSON)  # null in the nightly one [A]
    shown |= {
        "registration_type": "ForwardedEfakturaRegistration",
        "file_contents": b64encode(event.content).decode(),
        "file_name": event.file_name,
    }
    return {"payload": {"efaktura_registration": shown}}


_PERSON = (
    *("registration_type", "fmi", "bank_name", "bank_code", "id_number", "recipient_type", "ocr"),
    *("billogram_customer_number", "customer_supplied_billogram_customer_no", "full_name", "email"),
)


def _mismatch_fields(_: State, event: EinvoiceMismatched) -> dict[str, Any]:
    shown = {
        "customer_number": str(event.customer_no),
        "operation": event.operation,
        "existing_personal_identification_number": event.existing,
        "new_personal_identification_number": event.new,
    }
    return {"payload": {"recipient_information": shown}}


def _not_found_fields(_: State, event: EinvoiceNotFound) -> dict[str, Any]:
    shown = {
        "customer_number": event.customer_number,
        "operation": event.operation,
        "personal_identification_number": event.identification_number,
        "electronic_invoicing_address": event.address,
    }
    return {"payload": {"recipient_information": shown}}


def _efaktura_callback_fields(state: State, event: EfakturaChanged | EfakturaForwarded) -> dict[str, Any]:
    if isinstance(event, EfakturaForwarded):
        return _forwarded_fields(state, event)
    return _efaktura_fields(state, event)


def _tab_fields(_: State, event: TabRefused) -> dict[str, Any]:
    refusal = event.refusal
    data = refusal_data(refusal.message, refusal.field, refusal.path)
    return {
        "payload": {
            "billing_tab": {"customer_number": str(event.customer_no), "id": event.tab},  # a string [D]
            "event": {
                "type": "BillogramCreationError",
                "response": {"status": refusal.status, "data": data},
            },
        }
    }


def _recall_payload(state: State, recall: Recall) -> dict[str, Any]:
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
                    "state": public_state(billogram),  # after it was reopened [A]
                    "invoice_no": billogram.invoice_no,
                    "event": {
                        "type": type(event).__name__,
                        "created_at": timestamp(event.mark.at),
                        "event_uuid": payable.event_uuid,
                        "data": event_data(event),
                    },
                },
            }
        )
    reason = None if recall.code is None else {"code": recall.code, "message": reason_text(recall.code)}
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


BILLOGRAM_EVENT = CallbackType(
    "BillogramEvent",
    # "every" [A], except the one that the callback of the whole recall includes
    tuple(each for each in EVENTS if issubclass(each, BillogramEvent) and each is not PaymentRecalled),
    _billogram_event_fields,
    summary="Something happened to a billogram",
)
RECIPIENT_UPDATED = CallbackType(
    "RecipientUpdated",
    (RecipientUpdated,),
    _recipient_fields,
    summary="A customer verified an address, or changed the recurring payment",
)
PAYMENT_RECALLED = CallbackType(
    "PaymentRecalled",
    (RecallMade,),
    _recall_fields,
    first=True,  # before the callbacks that the recall causes [A]
    summary="Money was taken back",
)
BILLING_TAB = CallbackType(
    "BillingTab",
    (TabRefused,),  # [D: only failures are reported]
    _tab_fields,
    summary="A billing tab could not be invoiced",
)
EINVOICE_CREATED = CallbackType(
    "EinvoiceRegistrationCreated",
    (EinvoiceRegistered,),  # [D]
    _registration_fields,
    summary="A customer registered for e-invoices: in Norway, Finland and Italy",
)
EINVOICE_DELETED = CallbackType(
    "EinvoiceRegistrationDeleted",
    (EinvoiceDeregistered,),  # [D]
    _registration_fields,
    summary="A customer deregistered from e-invoices: in Norway, Finland and Italy",
)
EINVOICE_MISMATCH = CallbackType(
    "EinvoiceRegistrationIdentificationMismatch",
    (EinvoiceMismatched,),  # [D]
    _mismatch_fields,
    summary="A customer in Finland registered with another identity code than the stored one",
)
EINVOICE_NOT_FOUND = CallbackType(
    "EinvoiceRegistrationRecipientNotFound",
    (EinvoiceNotFound,),  # [D]
    _not_found_fields,
    summary="Somebody in Finland registered with a number of no customer",
)
EFAKTURA = CallbackType(
    "EfakturaRegistration",
    (EfakturaChanged, EfakturaForwarded),  # [D]
    _efaktura_callback_fields,
    summary="A customer in Sweden registered for e-invoices or deregistered; the nightly file of them",
)
TABLE = (
    BILLOGRAM_EVENT,
    RECIPIENT_UPDATED,
    PAYMENT_RECALLED,
    BILLING_TAB,
    EINVOICE_CREATED,
    EINVOICE_DELETED,
    EINVOICE_MISMATCH,
    EINVOICE_NOT_FOUND,
    EFAKTURA,
)
TYPES = tuple(row.name for row in TABLE)
_BY_EVENT = {event: row for row in TABLE for event in row.events}


def plan(state: State, record: Record) -> tuple[Planned, ...]:
    """Return the callbacks of an act in the order of its events; `state` is the state directly after it."""
    found: list[Planned] = []
    for index, event in enumerate(record.events):
        row = _BY_EVENT.get(type(event))
        planned = None if row is None else _planned(state, record, index, row, event)
        if row is not None and planned is not None:
            found.insert(0 if row.first else len(found), planned)
    return tuple(found)


def _planned(state: State, record: Record, index: int, row: CallbackType, event: Event) -> Planned | None:
    """Return the callback of one event, or None if its type is disabled or it has no address.

    The address is the account's, unless the fields of the type contain another one [A].
    """
    account = state.account
    settings = account.callbacks
    if settings.types is not None and row.name not in settings.types:
        return None
    shown = row.fields(state, event)
    if shown is None:
        return None
    url, sign_key = shown.pop("url", settings.url), shown.pop("sign_key", settings.sign_key)
    if not url:
        return None
    return Planned(
        id=f"{account.generation}-{record.position}-{index}",
        callback_id=numbers.callback_id(account.seed, account.generation, record.position, index),
        type=row.name,
        at=record.at,
        position=record.position,
        cause=record.cause,
        rule=record.rule,
        url=url,
        sign_key=sign_key or None,
        settings=settings,
        **shown,
    )


def body(planned: Planned) -> bytes:
    """Return the bytes that are posted. They are the same at each attempt.

    The JSON is compact, pure ASCII, with unescaped slashes and keys in alphabetical order [A; the order R].
    Whole amounts are integers, unlike in the REST answers [R].
    """
    payload: dict[str, Any] = {
        "callback_id": planned.callback_id,
        "callback_timestamp": planned.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "callback_type": planned.type,
    }
    if planned.payload is not None:
        payload |= planned.payload
    if planned.event is not None:
        payload |= _billogram_event(planned, planned.event)
    encoded = _encoder.encode(payload)
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
    """Return the billogram as callbacks show it, which is not the REST object [R]."""
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
