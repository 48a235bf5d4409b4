"""The schemas of events and callbacks for the OpenAPI document (reference: webhooks 3, 6, 7).

They are made from the classes of the events, which declare the members of their public `data` [C].
"""

from decimal import Decimal
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from mockserver.api.shapes import STATES, Base64, Error, EventShape, ListedEventShape, Number, Timestamp, Uuid
from mockserver.core.callbacks import (
    BILLING_TAB,
    BILLOGRAM_EVENT,
    EFAKTURA,
    EINVOICE_CREATED,
    EINVOICE_DELETED,
    EINVOICE_MISMATCH,
    EINVOICE_NOT_FOUND,
    PAYMENT_RECALLED,
    RECIPIENT_UPDATED,
    CallbackType,
)
from mockserver.core.events import EVENTS, BillogramEvent
from mockserver.core.showing import DetailedSumsShape
from mockserver.core.signature import SIGNATURE, TIMESTAMP
from mockserver.schema import PREFIX, Components, Form, Schema, one_word, string

_TYPES = [each for each in EVENTS if issubclass(each, BillogramEvent)]


class PaymentReferenceShape(TypedDict):
    type: Literal["ocr"]
    reference: str


class CallbackBillogramShape(TypedDict):
    """The billogram as callbacks show it, which is not the object of the API's answers [R]."""

    id: str
    ocr_number: str | None
    payment_references: list[PaymentReferenceShape]
    state: Annotated[str, Form(one_word([*STATES, "Sending", "Deleted"]))]
    remaining_sum: Number
    total_sum: Number
    attested_at: Timestamp | None
    detailed_sums: DetailedSumsShape


class BillogramEventShape(TypedDict):
    """A callback: something happened to a billogram."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["BillogramEvent"]
    custom: str | None
    signature: Annotated[str | None, Form({"type": ["string", "null"], "description": "the older MD5"})]
    billogram: CallbackBillogramShape
    event: ListedEventShape


class RecipientInformationShape(TypedDict):
    customer_number: Annotated[str, Form(string(pattern="^[0-9]+$"))]


class EinvoiceRegistrationCreatedShape(TypedDict):
    """A callback: a customer registered for e-invoices."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["EinvoiceRegistrationCreated"]
    recipient_information: RecipientInformationShape


class EinvoiceRegistrationDeletedShape(TypedDict):
    """A callback: a customer deregistered from e-invoices."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["EinvoiceRegistrationDeleted"]
    recipient_information: RecipientInformationShape


Operation = Literal["ADD", "CHANGE", "DELETE"]


class MismatchShape(RecipientInformationShape):
    operation: Operation
    existing_personal_identification_number: str
    new_personal_identification_number: str


class EinvoiceRegistrationIdentificationMismatchShape(TypedDict):
    """A callback: a customer in Finland registered with another identity code than the stored one."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["EinvoiceRegistrationIdentificationMismatch"]
    recipient_information: MismatchShape


class NotFoundShape(TypedDict):
    customer_number: str
    operation: Operation
    personal_identification_number: str
    electronic_invoicing_address: str


class EinvoiceRegistrationRecipientNotFoundShape(TypedDict):
    """A callback: somebody in Finland registered with a number of no customer."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["EinvoiceRegistrationRecipientNotFound"]
    recipient_information: NotFoundShape


class EfakturaShape(TypedDict):
    registration_type: Literal["Registration", "Deregistration", "ForwardedEfakturaRegistration"]
    fmi: str | None
    bank_name: str | None
    bank_code: str | None
    id_number: str | None
    recipient_type: Literal["individual", "company"] | None
    ocr: str | None
    billogram_customer_number: int | None
    customer_supplied_billogram_customer_no: int | None
    full_name: str | None
    email: str | None
    file_contents: Base64 | None
    file_name: str | None


class EfakturaRegistrationShape(TypedDict):
    """A callback: a customer in Sweden registered for e-invoices, or deregistered."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["EfakturaRegistration"]
    efaktura_registration: EfakturaShape


class UpdatedCustomerShape(TypedDict):
    """Of the two optional members, only the one that changed is present."""

    customer_number: int
    updated_email: NotRequired[str]
    updated_recurring_payment_type: NotRequired[str | None]


class RecipientUpdatedShape(TypedDict):
    """A callback: a customer verified an e-mail address, or changed the recurring payment."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["RecipientUpdated"]
    customer: UpdatedCustomerShape


class RecalledDataShape(TypedDict):
    recalled_amount: Number
    related_payment_event_uuids: list[Uuid]


class RecalledEventShape(TypedDict):
    type: Literal["PaymentRecalled"]
    created_at: Timestamp
    event_uuid: Uuid
    data: RecalledDataShape


class RecalledBillogramShape(TypedDict):
    id: str
    remaining_amount: Number
    state: Annotated[str, Form(one_word(STATES))]
    invoice_no: int
    event: RecalledEventShape


class RecalledPayableShape(TypedDict):
    type: Literal["Billogram"]
    billogram: RecalledBillogramShape


class ReasonShape(TypedDict):
    code: str
    message: str


class SepaShape(TypedDict):
    r_transaction: ReasonShape


class SepaDetailsShape(TypedDict):
    sepa: SepaShape


class RawDetailsShape(TypedDict):
    payment_schema: SepaDetailsShape


class SchemaShape(TypedDict):
    code: Annotated[str, Form(one_word(("SEPA_DIRECT_DEBIT", "SEPA_CREDIT_TRANSFER")))]


class PaymentRecallShape(TypedDict):
    """`total_amount` is the sum of what was recalled, without the fee."""

    incoming_payment_id: Uuid
    executed_on: Annotated[str, Form(string(format="date"))]
    message: str
    payment_schema: SchemaShape
    total_amount: Number
    fee: Number
    payables: list[RecalledPayableShape]
    raw_details: RawDetailsShape


class PaymentRecalledShape(TypedDict):
    """A callback: a payment was recalled."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["PaymentRecalled"]
    payment_recall: PaymentRecallShape


class TabOfCustomerShape(TypedDict):
    customer_number: Annotated[str, Form(string(pattern="^[0-9]+$"))]
    id: Uuid


class TabErrorShape(TypedDict):
    """The answer that a request would have got."""

    type: Literal["BillogramCreationError"]
    response: Error


class BillingTabEventShape(TypedDict):
    """A callback: a billing tab could not be invoiced. It keeps its rows, and is tried again."""

    callback_id: Uuid
    callback_timestamp: Annotated[str, Form(string(format="date-time"))]
    callback_type: Literal["BillingTab"]
    billing_tab: TabOfCustomerShape
    event: TabErrorShape


_CALLBACKS = {
    BILLOGRAM_EVENT: BillogramEventShape,
    PAYMENT_RECALLED: PaymentRecalledShape,
    BILLING_TAB: BillingTabEventShape,
    RECIPIENT_UPDATED: RecipientUpdatedShape,
    EINVOICE_CREATED: EinvoiceRegistrationCreatedShape,
    EINVOICE_DELETED: EinvoiceRegistrationDeletedShape,
    EINVOICE_MISMATCH: EinvoiceRegistrationIdentificationMismatchShape,
    EINVOICE_NOT_FOUND: EinvoiceRegistrationRecipientNotFoundShape,
    EFAKTURA: EfakturaRegistrationShape,
}


def schemas(components: Components) -> dict[str, Schema]:
    """The components of callbacks and events, with the event types and the `data` of each type."""
    known = {row.name: str(components.shape(shape)["$ref"]) for row, shape in _CALLBACKS.items()}
    found: dict[str, Schema] = {
        "Callback": {
            "oneOf": [{"$ref": each} for each in known.values()],
            "discriminator": {"propertyName": "callback_type", "mapping": known},
        }
    }
    data_of: dict[str, Schema] = {}
    for each in _TYPES:
        name, data = each.__name__, _data(each)
        if data is None:
            data_of[name] = {"type": "null"}
        else:
            found[f"{name}Data"] = components.object_schema(data)
            data_of[name] = {"$ref": f"{PREFIX}{name}Data"}
    found["EventType"] = one_word(data_of)
    found["EventData"] = {
        "description": "The data of the event's type; null for a type without data",
        "anyOf": [*(data for data in data_of.values() if "$ref" in data), {"type": "null"}],
    }
    for shape in (EventShape, ListedEventShape):
        found |= _by_type(shape, components, data_of)
    return found


def _by_type(shape: Any, components: Components, data_of: dict[str, Schema]) -> dict[str, Schema]:
    """The component of an event: one of the event types, each with its own `data`."""
    event_shape = shape.__name__.removesuffix("Shape")
    plain = components.object_schema(shape)
    found: dict[str, Schema] = {}
    for name, data in data_of.items():
        own = {"type": one_word([name]), "data": data}
        found[f"{name}{event_shape}"] = plain | {"properties": plain["properties"] | own}
    known = {name: f"{PREFIX}{name}{event_shape}" for name in data_of}
    found[event_shape] = {
        "oneOf": [{"$ref": each} for each in known.values()],
        "discriminator": {"propertyName": "type", "mapping": known},
    }
    return found


def _data(event: type[Any]) -> Any:
    """The TypedDict of an event's `data`; None for an event without data."""
    if not event.keys:
        return None
    hints = get_type_hints(event)
    sums = {"remaining_sum": Decimal, "total_sum": Decimal}
    members = {name: _shown(sums.get(name) or hints[name]) for name in event.keys}
    return TypedDict(f"{event.__name__}Data", members)  # type: ignore[operator]


def _shown(hint: Any) -> Any:
    """A type as `event_data` shows it: whole amounts become integers, and tuples become arrays [R]."""
    if hint is Decimal:
        return Number
    if get_origin(hint) is tuple:
        return list[get_args(hint)[0]]  # type: ignore[misc]
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(_shown(each) for each in get_args(hint))]  # noqa: UP007
    return hint


def webhooks() -> dict[str, Schema]:
    """The member `webhooks` of the document."""
    return {row.name: _received(row) for row in _CALLBACKS}


def _received(row: CallbackType) -> Schema:
    or_own = ", or to the billogram's own" if row is BILLOGRAM_EVENT else ""
    header = {"in": "header", "schema": string()}
    return {
        "post": {
            "operationId": f"receive{row.name}",
            "summary": row.summary,
            "description": f"Sent to the receiver of the account{or_own}. Any 2xx accepts it; otherwise it is"
            " sent again with the same body.",
            "security": [],
            "parameters": [
                {
                    "name": SIGNATURE.title(),
                    "description": "HMAC-SHA256, in lower-case hex, of timestamp, colon and raw body,"
                    " by the sign key; only with one",
                    **header,
                },
                {
                    "name": TIMESTAMP.title(),
                    "description": "Unix seconds of the attempt, with a fraction; only with a sign key",
                    **header,
                },
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": f"{PREFIX}{row.name}"}}},
            },
            "responses": {"2XX": {"description": "Accepted"}},
        }
    }
