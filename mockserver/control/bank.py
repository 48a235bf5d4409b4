"""The bank: recalls, planned outcomes of collections, mandates (reference: control 1, behaviour 8)."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BeforeValidator, Field

from mockserver.control.call import Amount, Answer, Body, ControlCall, Shown, Uuid, money
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError, unknown
from mockserver.control.payments import ObjectId, Share, Text, find_payment
from mockserver.core import outcomes, recalls, sepa, sources
from mockserver.core.act import Act
from mockserver.core.calendar import FIRST_DATE, local_date
from mockserver.core.funds import (
    ACTIVE,
    CANCELLED,
    FAILED,
    PENDING,
    Outcome,
    OutcomePlan,
    PaymentSource,
    Recall,
)
from mockserver.core.model import replace
from mockserver.core.showing import as_number
from mockserver.core.state import PAYMENT, SOURCE, State
from mockserver.schema import Form, number, one_word, string


def _fee(value: Any) -> Decimal:
    fee = money(value)
    if fee < 0:
        raise ValueError("must be 0 or more")
    return fee


Fee = Annotated[Decimal, BeforeValidator(_fee), Form(number(0))]
Day = Annotated[str, Form(string(format="date"))]
Code = Annotated[str, Field(min_length=4, max_length=4)]


class RecallBody(Body):
    """A recall of a payment; without members it is the usual R-transaction, for the whole amount."""

    type: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    code: Code | None = None
    amount: Amount | None = None
    fee: Fee | None = None
    message: Text | None = None
    allocations: Annotated[list[Share], Field(min_length=1, max_length=1000)] | None = None


class ThenBody(Body):
    """A successful collection, and a recall after a time: `20d`, `2b` (bank days), `3h`."""

    then: Annotated[str, Field(min_length=1, max_length=100)]
    after: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class MatchBody(Body):
    """What a plan applies to: at most one member; without members the whole account."""

    billogram: ObjectId | None = None
    payment_source: ObjectId | None = None
    customer_no: Annotated[int, Field(ge=1, lt=10**15)] | None = None


class OutcomesBody(Body):
    """The outcomes that the bank will answer, one for each collection."""

    match: MatchBody | None = None
    plan: Annotated[list[ThenBody | str], Field(max_length=1000)]


class SourcePatch(Body):
    """The members of a mandate that can be changed."""

    status: Literal["PENDING", "ACTIVE", "FAILED", "CANCELLED"] | None = None
    b2b: bool | None = None
    last_collection: Annotated[date, Field(ge=FIRST_DATE)] | None = None


RECALL: dict[str, Any] = {"type": "refund", "code": "MD06"}
OUTCOMES_EXAMPLE = {"match": None, "plan": ["reject.AM04", {"then": "refund.MD06", "after": "20d"}, "ok"]}
SOURCE_EXAMPLE = {"b2b": True}


class PayableShape(TypedDict):
    billogram: str
    amount: int | Decimal
    event_uuid: Uuid


class RecallShape(TypedDict):
    id: Uuid
    payment: Uuid
    type: str
    code: str | None
    message: str
    total_amount: int | Decimal
    fee: int | Decimal
    executed_on: Day
    payables: list[PayableShape]


# `from` is a word of Python
RecallOptionShape = TypedDict(
    "RecallOptionShape",
    {
        "type": str,
        "codes": list[str],
        "from": Day | None,
        "until": Day | None,
        "legal": bool,
        "reason": str,
    },
)


class MatchShape(TypedDict):
    billogram: str | None
    payment_source: str | None
    customer_no: int | None


class OutcomesShape(TypedDict):
    match: MatchShape | None
    plan: list[Any]


class SourceShape(TypedDict):
    id: Uuid
    customer_no: int
    status: Annotated[str, Form(one_word((PENDING, ACTIVE, FAILED, CANCELLED)))]
    scheme: str
    reference: str
    iban: str | None
    b2b: bool
    migrated: bool
    signed_at: Shown
    created_at: Shown
    last_collection: Day | None


async def recall(call: ControlCall) -> Answer:
    """`POST …/payments/{id}/recall`: recalls a payment, or stops a planned debit, by SEPA's rules."""
    body = call.typed_body(RecallBody)
    live = await call.live()
    shares = body.allocations
    asked = recalls.RecallRequest(
        type=body.type,
        code=body.code,
        amount=body.amount,
        fee=body.fee or Decimal(0),
        message=body.message,
        shares=None if shares is None else tuple((share.billogram, share.amount) for share in shares),
    )
    made: list[Recall] = []

    def decide(act: Act) -> None:
        payment = find_payment(act.find(PAYMENT, call.params["id"]), call)
        made.append(recalls.recall(act, payment, asked))

    await call.emulator.execute(live, decide, cause=call.request_id, rule="recall")
    return Answer(render_recall(made[-1]), 201)


def render_recall(made: Recall) -> RecallShape:
    """Render a recall; `total_amount` is the sum of its payables."""
    total = sum((each.amount for each in made.payables), Decimal(0))
    return {
        "id": made.id,
        "payment": made.payment,
        "type": made.type,
        "code": made.code,
        "message": made.message,
        "total_amount": as_number(total),
        "fee": as_number(made.fee),
        "executed_on": made.executed_on.isoformat(),
        "payables": [
            {"billogram": each.billogram, "amount": as_number(each.amount), "event_uuid": each.event_uuid}
            for each in made.payables
        ],
    }


async def options(call: ControlCall) -> Answer:
    """`GET …/payments/{id}/recall-options`: shows which recalls SEPA allows today, until when, and why."""
    live = await call.live()

    def view(state: State) -> list[RecallOptionShape]:
        payment = find_payment(state.payments.get(call.params["id"]), call)
        today = local_date(call.emulator.now(live), state.account.timezone)
        return [
            {
                "type": each.type,
                "codes": list(each.codes),
                "from": None if each.first is None else each.first.isoformat(),
                "until": None if each.last is None else each.last.isoformat(),
                "legal": each.legal,
                "reason": each.reason,
            }
            for each in sepa.options(payment, today)
        ]

    return Answer(await call.emulator.read(live, view))


# outcome plans


async def set_outcomes(call: ControlCall) -> Answer:
    """`PUT …/outcomes`: sets what the bank will answer. A new plan replaces that of the same match."""
    body = call.typed_body(OutcomesBody)
    live = await call.live()
    match = {} if body.match is None else body.match.given()
    if len(match) > 1:
        message = f"match: {' and '.join(match)} exclude each other"
        raise ControlError(400, "invalid_body", message, "give one of them")
    plan = OutcomePlan(tuple(_outcome(each) for each in body.plan), **match)
    await call.emulator.execute(
        live, lambda act: outcomes.configure(act, plan), cause=call.request_id, rule="outcomes"
    )
    return Answer(render_plan(plan))


def _outcome(planned: str | ThenBody) -> Outcome:
    if isinstance(planned, ThenBody):
        kind, _, code = planned.then.partition(".")
        return Outcome(recall=kind, code=code or None, after=planned.after)
    if planned == "ok":
        return Outcome()
    kind, _, code = planned.partition(".")
    if kind == sepa.REJECT:
        return Outcome(reject=code or sepa.TABLE[sepa.REJECT].default)
    raise ControlError(
        400,
        "invalid_body",
        f"plan: no outcome: {planned}",
        'an outcome is "ok", "reject.AM04" or {"then": "refund.MD06"}',
    )


async def list_outcomes(call: ControlCall) -> Answer:
    """`GET …/outcomes`: lists the plans, with the outcomes that are left of each."""
    live = await call.live()
    return Answer(
        await call.emulator.read(live, lambda state: [render_plan(each) for each in state.outcomes.values()])
    )


async def clear(call: ControlCall) -> Answer:
    """`DELETE …/outcomes`: removes all plans."""
    live = await call.live()
    await call.emulator.execute(live, outcomes.clear, cause=call.request_id, rule="outcomes")
    return Answer([])


def render_plan(plan: OutcomePlan) -> OutcomesShape:
    """Render a plan in the form of the body of `PUT …/outcomes`."""
    members: MatchShape = {
        "billogram": plan.billogram,
        "payment_source": plan.payment_source,
        "customer_no": plan.customer_no,
    }
    whole = any(value is not None for value in members.values())
    return {"match": members if whole else None, "plan": [_render_outcome(each) for each in plan.plan]}


def _render_outcome(outcome: Outcome) -> Any:
    if outcome.reject is not None:
        return f"{sepa.REJECT}.{outcome.reject}"
    if outcome.recall is None:
        return "ok"
    then = outcome.recall if outcome.code is None else f"{outcome.recall}.{outcome.code}"
    return {"then": then, "after": outcome.after}


# mandates


async def listing(call: ControlCall) -> Answer:
    """`GET …/payment-sources`: lists all mandates, with members that the API does not show."""
    live = await call.live()

    def view(state: State) -> list[SourceShape]:
        return [render_source(each, state.account.timezone) for each in state.sources.values()]

    return Answer(await call.emulator.read(live, view))


async def fetch(call: ControlCall) -> Answer:
    """`GET …/payment-sources/{id}`: one mandate."""
    live = await call.live()

    def view(state: State) -> SourceShape:
        found = _find_source(state.sources.get(call.params["id"]), call)
        return render_source(found, state.account.timezone)

    return Answer(await call.emulator.read(live, view))


async def change(call: ControlCall) -> Answer:
    """`PATCH …/payment-sources/{id}`: changes a mandate. When it ends, its planned payments are cancelled."""
    body = call.typed_body(SourcePatch)
    live = await call.live()
    key = call.params["id"]

    def decide(act: Act) -> None:
        source = _find_source(act.find(SOURCE, key), call)
        sources.change(act, source, replace(source, **body.given()))

    act = await call.emulator.execute(live, decide, cause=call.request_id, rule="mandate")
    return Answer(render_source(act.find(SOURCE, key), act.account.timezone))


def _find_source(source: PaymentSource | None, call: ControlCall) -> PaymentSource:
    if source is None:
        raise unknown("payment_source", call.params["id"], "GET …/payment-sources")
    return source


def render_source(source: PaymentSource, timezone: str) -> SourceShape:
    """Render a mandate with all members."""
    return {
        "id": source.id,
        "customer_no": source.customer_no,
        "status": source.status,
        "scheme": source.scheme,
        "reference": source.reference,
        "iban": source.iban,
        "b2b": source.b2b,
        "migrated": source.migrated,
        "signed_at": format_moment(source.signed_at, timezone),
        "created_at": format_moment(source.created_at, timezone),
        "last_collection": None if source.last_collection is None else source.last_collection.isoformat(),
    }
