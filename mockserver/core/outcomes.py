"""Outcomes: the configured answers of the bank to direct debits (reference: behaviour 8.3)."""

import re

from mockserver.core import banking, calendar, events, sepa
from mockserver.core.act import Act
from mockserver.core.funds import (
    SEPA,
    SETTLED,
    IncomingPayment,
    Outcome,
    OutcomePlan,
    PaymentSource,
    PlannedRecall,
)
from mockserver.core.model import Billogram, replace
from mockserver.core.refusal import InvalidParameter
from mockserver.core.state import BILLOGRAM, CUSTOMER, OUTCOMES, SOURCE

OK = Outcome()
# account numbers with a fixed outcome, for tests that use only the public API [A]
TEST_ACCOUNTS = {
    "0404": Outcome(reject="AM04"),
    "0405": Outcome(recall=sepa.RETURN, code="AM04", after="2b"),
    "0606": Outcome(recall=sepa.REFUND, code="MD06", after="20d"),
    "0101": Outcome(recall=sepa.UNAUTHORISED, code="MD01", after="60d"),
    "0707": Outcome(reject="MD07"),
}
_AFTERWARDS = tuple(name for name, row in sepa.TABLE.items() if row.status == SETTLED and row.scheme == SEPA)
_BANK_DAYS = re.compile(r"(\d{1,4})b", re.ASCII)


def key_of(plan: OutcomePlan) -> str:
    """Return the key under which a plan is stored: one plan per billogram, source, customer or account."""
    if plan.billogram is not None:
        return f"billogram:{plan.billogram}"
    if plan.payment_source is not None:
        return f"payment_source:{plan.payment_source}"
    return "account" if plan.customer_no is None else f"customer_no:{plan.customer_no}"


def configure(act: Act, plan: OutcomePlan) -> None:
    """Configure a plan, and replace an earlier one. What it names must exist."""
    for kind, key in (
        (BILLOGRAM, plan.billogram),
        (SOURCE, plan.payment_source),
        (CUSTOMER, plan.customer_no),
    ):
        if key is not None and act.find(kind, key) is None:
            raise InvalidParameter(
                f"there is no {kind} {key}", rule="outcomes.match", field="match", hint="name one that exists"
            )
    for outcome in plan.plan:
        _check(act, outcome)
    act.add(events.OutcomesLaidDown(key_of(plan), plan))


def clear(act: Act) -> None:
    """Remove all plans."""
    for key in act.state.outcomes:
        act.add(events.OutcomesLaidDown(key, None))


def _check(act: Act, outcome: Outcome) -> None:
    kind = sepa.REJECT if outcome.recall is None else outcome.recall
    code = outcome.reject if outcome.recall is None else outcome.code
    row = sepa.TABLE.get(kind)
    if row is None or (outcome.recall is not None and kind not in _AFTERWARDS):
        raise _bad(f"{kind} does not follow a settlement", f"one of {', '.join(_AFTERWARDS)}")
    if code is not None and code not in sepa.codes_of(kind):
        raise _bad(f"{kind} does not know the reason {code}", f"one of {', '.join(sepa.codes_of(kind))}")
    if outcome.after is not None and not _BANK_DAYS.fullmatch(outcome.after):
        try:
            calendar.after(act.now, outcome.after, act.account.timezone)
        except ValueError as error:
            raise _bad(str(error), "20d, 2b (bank days) or 3h") from None


def _bad(message: str, hint: str) -> InvalidParameter:
    return InvalidParameter(message, rule="outcomes.plan", field="plan", hint=hint)


def next_outcome(act: Act, billogram: Billogram, source: PaymentSource) -> Outcome:
    """Take the outcome of a direct debit from the first non-empty queue, or from the test accounts."""
    for key in (
        f"billogram:{billogram.id}",
        f"payment_source:{source.id}",
        f"customer_no:{source.customer_no}",
        "account",
    ):
        plan: OutcomePlan | None = act.find(OUTCOMES, key)
        if plan is not None and plan.plan:
            act.add(events.OutcomesLaidDown(key, replace(plan, plan=plan.plan[1:])))
            return plan.plan[0]
    return TEST_ACCOUNTS.get((source.iban or "")[-4:], OK)


def planned_recall(act: Act, outcome: Outcome, payment: IncomingPayment) -> PlannedRecall | None:
    """Return the recall that follows a settlement, with its moment in UTC, or None."""
    if outcome.recall is None:
        return None
    code = outcome.code or sepa.TABLE[outcome.recall].default
    assert code is not None, "those that follow a settlement have one"
    timezone, after = act.account.timezone, outcome.after or "1b"
    if found := _BANK_DAYS.fullmatch(after):
        day = banking.after(payment.date, int(found[1]), payment.scheme)
        at = calendar.day_moment(day, calendar.BANK_TIME, timezone)
    else:
        at = calendar.after(act.now, after, timezone)
    return PlannedRecall(at, outcome.recall, code)
