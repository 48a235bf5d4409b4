"""What the bank answers to a planned debit on its day (reference: behaviour 6.6, 8.3)."""

from mockserver.core import events, outcomes, payments, recalls
from mockserver.core.act import Act
from mockserver.core.funds import ACTIVE, PENDING, SETTLED, IncomingPayment, PaymentSource
from mockserver.core.model import Billogram, replace
from mockserver.core.state import PAYMENT, SOURCE


def answer(act: Act, billogram: Billogram) -> None:
    """Answer a planned debit with its configured outcome. A success collects what remains at that moment."""
    debit = billogram.debit
    assert debit is not None, "it was on the agenda"
    payment: IncomingPayment = act.find(PAYMENT, debit.payment)
    source: PaymentSource = act.find(SOURCE, debit.source)
    outcome = outcomes.next_outcome(act, billogram, source)
    if outcome.reject is not None:
        recalls.fail(act, payment, outcome.reject)
        return
    amount = billogram.sums.remaining
    settled = replace(payment, status=SETTLED, amount=amount, at=act.now, unmatched=amount)
    settled = payments.with_allocations(act, settled, ((billogram.id, amount),))
    recall = outcomes.planned_recall(act, outcome, settled)
    act.add(events.PaymentStored(replace(settled, planned_recall=recall)))
    # the first collection completes the migration of a mandate [D]
    status = ACTIVE if source.status == PENDING else source.status
    act.add(events.SourceStored(replace(source, status=status, last_collection=settled.date)))
