"""Payments: those that the bank reports, and how they are allocated (reference: control 1, behaviour 5)."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypedDict, get_args

from pydantic import Field, model_validator

from mockserver.control.call import Amount, Answer, Body, ControlCall, Shown, Uuid
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import unknown
from mockserver.core import payments
from mockserver.core.act import Act
from mockserver.core.calendar import FIRST_DATE
from mockserver.core.funds import MANUAL, IncomingPayment
from mockserver.core.showing import as_number
from mockserver.core.state import PAYMENT, State
from mockserver.schema import Form, one_word, string

ObjectId = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=1000)]
Scheme = Literal["BANKGIRO", "SEPA_CREDIT_TRANSFER", "SEPA_DIRECT_DEBIT", "AUTOGIRO", "SWISH", "CARD"]
Day = Annotated[date, Field(ge=FIRST_DATE)]


class Share(Body):
    billogram: ObjectId
    amount: Amount


class PaymentBody(Body):
    """A payment as the bank reports it: for an OCR number, a billogram, several billograms, or unmatched."""

    amount: Amount
    ocr_number: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    billogram: ObjectId | None = None
    allocations: Annotated[list[Share], Field(min_length=1, max_length=1000)] | None = None
    payer_name: Text | None = None
    scheme: Scheme | None = None
    b2b: bool = False
    date: Day | None = None

    @model_validator(mode="after")
    def _check_exclusive(self) -> "PaymentBody":
        given = [
            name for name in ("ocr_number", "billogram", "allocations") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other")
        return self


class AllocateBody(Body):
    """The billogram for unmatched money. The example names the first billogram of the account `shop`."""

    billogram: ObjectId
    amount: Amount | None = None


ALLOCATION = {"billogram": "79FbgfYx", "amount": 50}


class AllocationShape(TypedDict):
    billogram: str
    amount: int | Decimal
    event_uuid: Uuid


class PaymentShape(TypedDict):
    id: str
    status: Annotated[str, Form(one_word(["scheduled", "settled", "failed", "cancelled"]))]
    amount: int | Decimal
    currency: str | None
    scheme: Annotated[str, Form(one_word([*get_args(Scheme), MANUAL]))]
    date: Annotated[str, Form(string(format="date"))]
    created_at: Shown
    payer_name: str | None
    ocr_number: str | None
    b2b: bool
    allocations: list[AllocationShape]
    unmatched: int | Decimal
    adjustment: int | Decimal
    liability: int | Decimal
    recalled: int | Decimal
    billogram: str | None
    payment_source: str | None
    failure: str | None


async def listing(call: ControlCall) -> Answer:
    """`GET …/payments?billogram=`: lists the payments, or only those for one billogram.

    Planned payments and those of the command `payment` are included.
    """
    live = await call.live()
    key = call.query("billogram")

    def view(state: State) -> list[PaymentShape]:
        timezone = state.account.timezone
        return [
            render_payment(each, timezone)
            for each in state.payments.values()
            if key is None or each.planned_for == key or key in (part.billogram for part in each.allocations)
        ]

    return Answer(await call.emulator.read(live, view))


async def fetch(call: ControlCall) -> Answer:
    """`GET …/payments/{id}`: one payment."""
    live = await call.live()

    def view(state: State) -> PaymentShape:
        payment = find_payment(state.payments.get(call.params["id"]), call)
        return render_payment(payment, state.account.timezone)

    return Answer(await call.emulator.read(live, view))


async def create(call: ControlCall) -> Answer:
    """`POST …/payments`: reports a payment that the bank received."""
    body = call.typed_body(PaymentBody)
    live = await call.live()
    key = ""

    def decide(act: Act) -> None:
        nonlocal key
        key = payments.receive(
            act,
            payments.ReportedPayment(
                amount=body.amount,
                shares=_shares(act.state, body),
                scheme=body.scheme,
                payer_name=body.payer_name,
                ocr_number=body.ocr_number,
                b2b=body.b2b,
                day=body.date,
            ),
        )

    act = await call.emulator.execute(live, decide, cause=call.request_id, rule="bank payment")
    return Answer(render_payment(act.find(PAYMENT, key), act.account.timezone), 201)


def _shares(state: State, body: PaymentBody) -> tuple[tuple[str, Decimal], ...]:
    """Return the billograms and amounts of a payment; a payment with an unknown OCR number has none [S]."""
    if body.allocations is not None:
        return tuple((share.billogram, share.amount) for share in body.allocations)
    key = body.billogram
    if body.ocr_number is not None:
        key = state.ocr_numbers.get("".join(body.ocr_number.split()))
    return () if key is None else ((key, body.amount),)


async def allocate(call: ControlCall) -> Answer:
    """`POST …/payments/{id}/allocate`: allocates unmatched money; without an amount all of it."""
    body = call.typed_body(AllocateBody)
    live = await call.live()

    def decide(act: Act) -> None:
        payment = find_payment(act.find(PAYMENT, call.params["id"]), call)
        payments.allocate(act, payment, body.billogram, body.amount)

    act = await call.emulator.execute(live, decide, cause=call.request_id, rule="allocation")
    return Answer(render_payment(act.find(PAYMENT, call.params["id"]), act.account.timezone))


def find_payment(payment: IncomingPayment | None, call: ControlCall) -> IncomingPayment:
    """Return the payment of a path. Raises ControlError if there is none."""
    if payment is None:
        raise unknown("payment", call.params["id"], "GET …/payments")
    return payment


def render_payment(payment: IncomingPayment, timezone: str) -> PaymentShape:
    """Render a payment; its parts add up to the amount."""
    return {
        "id": payment.id,
        "status": payment.status,
        "amount": as_number(payment.amount),
        "currency": payment.currency,
        "scheme": payment.scheme,
        "date": payment.date.isoformat(),
        "created_at": format_moment(payment.at, timezone),
        "payer_name": payment.payer_name,
        "ocr_number": payment.ocr_number,
        "b2b": payment.b2b,
        "allocations": [
            {
                "billogram": part.billogram,
                "amount": as_number(part.amount),
                "event_uuid": part.event_uuid,
            }
            for part in payment.allocations
        ],
        "unmatched": as_number(payment.unmatched),
        "adjustment": as_number(payment.adjustment),
        "liability": as_number(payment.liability),
        "recalled": as_number(payment.recalled),
        "billogram": payment.planned_for,
        "payment_source": payment.source,
        "failure": payment.failure,
    }
