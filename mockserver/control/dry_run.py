"""Decides every action of a billogram without applying it: what it would do, or which rule refuses it.

No rule is repeated here: an action is allowed if its own decision accepts it, on the account as it is. A
decision changes nothing. The remedies of refused actions are searched on a copy.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from mockserver.api.billogram import CHANGE
from mockserver.api.billogram_event import render_listed
from mockserver.api.commands import COMMANDS
from mockserver.api.rendering import as_float, as_number, render_sums
from mockserver.control import remedies
from mockserver.control.action_shapes import AllowedActionShape, EffectShape, RefusedActionShape
from mockserver.control.bank import RecallBody, take_back
from mockserver.control.call import parse_body
from mockserver.control.explain_shapes import StepShape
from mockserver.control.payments import PaymentBody, report
from mockserver.control.reasons import reason_of
from mockserver.control.remedies import Trial
from mockserver.control.simulate import BILLOGRAM_SIMULATIONS, operation_id
from mockserver.core import other_events, sepa
from mockserver.core.act import Act
from mockserver.core.delivery import METHODS
from mockserver.core.events import BillogramEvent
from mockserver.core.funds import IncomingPayment
from mockserver.core.machine import TRANSITIONS, public_state
from mockserver.core.model import Billogram
from mockserver.core.refusal import InvalidObjectState, PermissionDenied, Refusal
from mockserver.core.state import BILLOGRAM, PAYMENT, State

_MOST_PAYMENTS = 20  # the newest payments of a billogram whose recalls are tried

_TITLES = {
    "delete": "Delete the draft",
    "put": "Change it",
    "send": "Send it",
    "sell": "Offer it for sale",
    "resend": "Send it again",
    "remind": "Send a reminder",
    "collect": "Hand it over to the collection agency",
    "payment": "Record a manual payment",
    "settle-underpayment": "Give up what remains after a payment",
    "credit": "Credit it",
    "writeoff": "Write off the fees that remain",
    "writedown": "Mark what remains as an expected loss",
    "revert-writedown": "Remove the mark of an expected loss",
    "confirmed-loss": "Record what remains as a loss",
    "respite": "Give a respite",
    "remove-respite": "Withdraw the respite",
    "message": "Send a message to the recipient",
    "attach": "Attach a PDF",
    "credit-payment": "Record that the credit was paid out",
    "credit-allocate": "Use a stand-alone credit for it",
    "simulate/message": "The recipient writes",
    "simulate/view": "The recipient opens the link",
    "simulate/delivery-failure": "The last delivery comes back",
    "simulate/schedule-payment": "The recipient schedules a payment",
    "simulate/cancel-scheduled-payment": "The recipient cancels the scheduled payment",
    "simulate/collector-payment": "Somebody pays the collection agency",
    "simulate/collection-end": "The collection agency closes the case",
    "simulate/collection-cancel": "The case is withdrawn from the collection agency",
    "simulate/factoring-accept": "The buyer of claims accepts it",
    "simulate/factoring-deny": "The buyer of claims refuses it",
    "simulate/accept-sale": "The recipient accepts a sale offer",
    "simulate/event": "An event that nothing else causes is written",
}
_BANK_PAYMENT = "The bank reports a payment"
_RECALL = "The bank takes the payment back"
_RECALLS = {
    sepa.REVOCATION: "The creditor revokes the planned debit",
    sepa.CANCELLATION: "The payer's or creditor's bank asks for cancellation",
    sepa.REFUSAL: "The debtor refuses the planned debit",
    sepa.REJECT: "The bank rejects the planned debit",
    sepa.RETURN: "The debtor's bank returns the payment",
    sepa.REFUND: "The debtor demands a refund",
    sepa.UNAUTHORISED: "The debtor demands a refund, as there is no mandate",
    sepa.REVERSAL: "The creditor reverses the payment",
}


class Action(Struct, frozen=True):
    """An action to try: its request, its decision, and the bodies to try it with, the best one first.

    `name` is its name in `remedies`. `choices` are values to try for members of the body that is accepted,
    and `days` are those on which it may be accepted if it has no name.
    """

    operation: str
    method: Any
    path: str
    title: str
    decide: Callable[[Act, Any], object]
    bodies: list[Any]
    name: str | None = None
    choices: dict[str, tuple[str, ...]] = {}
    days: tuple[date, ...] = ()


class Refused(Struct, frozen=True):
    """An action that was refused, with a copy of the billogram on which remedies are searched."""

    action: Action
    body: Any
    refusal: Refusal
    trial: Trial


def decided(
    state: State, now: datetime, billogram: Billogram, base: str
) -> tuple[list[AllowedActionShape], list[Refused]]:
    """Decide every action of a billogram, on the state itself, which no decision changes."""
    here = Trial(base, state, now, billogram.id)
    copy = Trial(base, remedies.extract(state, billogram.id, None), now, billogram.id)
    allowed: list[AllowedActionShape] = []
    refused: list[Refused] = []
    for action in _actions(here):
        refusals: list[tuple[Any, Refusal]] = []
        for body in action.bodies:
            made = _decide(here, action, body)
            if isinstance(made, Act):
                allowed.append(_allowed(here, action, body, made))
                break
            refusals.append((body, made))
        else:
            body, refusal = next((each for each in refusals if isinstance(each[1], _FACTS)), refusals[0])
            refused.append(Refused(action, body, refusal, copy))
    return allowed, refused


_FACTS = (InvalidObjectState, PermissionDenied)  # the billogram or the account is the cause, not the body


def _decide(trial: Trial, action: Action, body: Any) -> Act | Refusal:
    """Return the act that a request would be, or the refusal."""
    act = Act(trial.state, trial.now)
    try:
        action.decide(act, body)
    except Refusal as refusal:
        return refusal
    act.close()
    return act


def _allowed(trial: Trial, action: Action, body: Any, act: Act) -> AllowedActionShape:
    choices = {
        member: [each for each in values if isinstance(_decide(trial, action, body | {member: each}), Act)]
        for member, values in action.choices.items()
        if member in body
    }
    return {
        "operation": action.operation,
        "method": action.method,
        "path": action.path,
        "title": action.title,
        "body": body,
        "choices": choices,
        "effect": _effect(act, trial.key),
    }


def _effect(act: Act, key: str) -> EffectShape:
    after: Billogram = act.find(BILLOGRAM, key)
    return {
        "events": [
            {**render_listed(event), "state": event.state}
            for event in act.events
            if isinstance(event, BillogramEvent)
        ],
        "state": public_state(after),
        "total_sum": as_float(after.sums.total),
        "remaining_sum": as_float(after.sums.remaining),
        "detailed_sums": render_sums(after.sums),
    }


# the actions


def _actions(trial: Trial) -> Iterator[Action]:
    simulations = [f"simulate/{name}" for name in BILLOGRAM_SIMULATIONS]
    for name in (*TRANSITIONS, *simulations):
        yield _named(trial, name)
    yield _bank_payment(trial)
    state, billogram = trial.state, trial.billogram
    planned = [] if billogram.debit is None else [state.payments[billogram.debit.payment]]
    for payment in (*state.payments_of(billogram.id)[-_MOST_PAYMENTS:], *planned):
        yield from _recalls(trial, payment)


def _named(trial: Trial, name: str) -> Action:
    method, path = remedies.address(trial, name)
    bodies = [*remedies.plain(trial, name)]
    example: dict[str, Any] | None
    match name:
        case "put":
            operation, example = "updateBillogram", CHANGE
        case "delete":
            operation, example = "deleteBillogram", None
        case _ if name in COMMANDS:
            operation, example = COMMANDS[name].id, COMMANDS[name].example
        case _:
            what = name.removeprefix("simulate/")
            simulation = BILLOGRAM_SIMULATIONS[what]
            operation, example = operation_id(what), simulation.example
    if example not in bodies:
        bodies.append(example)
    return Action(
        operation,
        method,
        path,
        _TITLES[name],
        lambda act, body: remedies.decide_named(trial, act, name, body),
        bodies,
        name,
        _choices(trial, name),
    )


def _choices(trial: Trial, name: str) -> dict[str, tuple[str, ...]]:
    """Return values to try for members of the body of an action."""
    if name in ("send", "resend", "remind", "credit"):
        return {"method": METHODS}
    if name == "simulate/event":
        return {"type": other_events.TYPES}
    return {"offer_id": trial.state.sale_offers} if name == "simulate/accept-sale" else {}


def _bank_payment(trial: Trial) -> Action:
    sums = trial.billogram.sums
    amount = sums.remaining if sums.remaining > 0 else abs(sums.total) or Decimal(100)
    return Action(
        "createPayment",
        "POST",
        f"{remedies.account_path(trial.account.id)}/payments",
        _BANK_PAYMENT,
        lambda act, body: report(act, parse_body(PaymentBody, body)),
        [{"amount": as_number(amount), "billogram": trial.key}],
    )


def _recalls(trial: Trial, payment: IncomingPayment) -> Iterator[Action]:
    kinds = [each for each in _RECALLS if sepa.TABLE[sepa.kind_of(payment, each)].scheme == payment.scheme]
    if not kinds:
        yield _recall(trial, payment, _RECALL, [{}])
    for kind in kinds:
        row = sepa.kind_of(payment, kind)
        usual = sepa.TABLE[row].default
        codes = sorted(sepa.codes_of(row), key=lambda code: code != usual)  # the usual one first
        bodies = [{"type": kind, "code": code} for code in codes] or [{"type": kind}]
        yield _recall(trial, payment, _RECALLS[kind], bodies, {"code": tuple(codes)})


def _recall(
    trial: Trial,
    payment: IncomingPayment,
    title: str,
    bodies: list[Any],
    choices: dict[str, tuple[str, ...]] | None = None,
) -> Action:
    options = sepa.options(payment, trial.today)
    firsts = {each.first for each in options if each.first is not None}
    return Action(
        "recallPayment",
        "POST",
        f"{remedies.account_path(trial.account.id)}/payments/{payment.id}/recall",
        title,
        lambda act, body: take_back(act, act.find(PAYMENT, payment.id), parse_body(RecallBody, body)),
        bodies,
        choices=choices or {},
        days=tuple(firsts | {payment.date, payment.date + timedelta(days=1)}),
    )


# why an action is refused, and what leads there


def explained(refused: list[Refused]) -> list[RefusedActionShape]:
    """Explain refused actions. It may take long; it does not access the account: it can run in a thread."""
    return [_explained(each) for each in refused]


def _explained(refused: Refused) -> RefusedActionShape:
    action, refusal = refused.action, refused.refusal
    _, reason = reason_of(refusal.rule)
    advice, steps = reason.do, _remedy(refused)
    if not steps and action.name in TRANSITIONS:
        advice, _ = remedies.fallback(refused.trial, action.name)
    return {
        "operation": action.operation,
        "method": action.method,
        "path": action.path,
        "title": action.title,
        "body": refused.body,
        "rule": refusal.rule,
        "tag": reason.tags,
        "message": refusal.message,
        "reason": reason.why,
        "advice": advice,
        "remedies": steps,
    }


def _remedy(refused: Refused) -> list[StepShape]:
    action, trial = refused.action, refused.trial
    if action.name is not None:
        return remedies.find_remedy_with_plain_body(trial, action.name)
    step = remedies.find_day(trial, action.days, lambda act: action.decide(act, refused.body))
    if step is None:
        return []
    return [
        step,
        {"method": action.method, "path": action.path, "body": refused.body, "why": "accepted then"},
    ]
