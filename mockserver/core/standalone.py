"""Stand-alone credits: billograms with a negative total (reference: behaviour 3.6, api 10)."""

from decimal import Decimal
from typing import Any

from mockserver.core import debits, events, losses, money
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal, Sums, replace
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, invalid
from mockserver.core.state import BILLOGRAM

MODES = ("remaining", "amount")


def pay_out(act: Act, billogram: Billogram, mode: str, amount: Decimal | None) -> None:
    """Command `credit-payment`: record that a credit, or a part of it, was paid out to the customer [D]."""
    if not billogram.is_credit:
        raise InvalidObjectState(
            "this is no stand-alone credit: book money that comes in with the command payment",
            rule="credit-payment.on_credit",
            total_sum=billogram.sums.total,
        )
    if mode not in MODES:
        raise invalid("mode", rule="credit-payment.mode", mode=mode, known=MODES)
    left = money.negated(billogram.sums.remaining)
    if mode == "remaining":
        amount = left
    if amount is None:
        raise InvalidParameter("Amount not set", rule="required", field="amount")
    if not 0 < amount <= left:
        raise invalid("amount", rule="credit-payment.amount", amount=amount, left=left)
    sums = billogram.sums
    act.add(
        events.Payment(
            act.mark(billogram),
            money.with_remaining(replace(sums, paid=money.add(sums.paid, amount))),
            amount=amount,
            manual=True,  # [C]
            payer_name=act.account.settings.name,  # the creditor pays [A]
        )
    )
    _end_if_used_up(act, billogram.id)


def allocate(act: Act, debit: Billogram, amount: Decimal, source_id: str) -> None:
    """Command `credit-allocate`, sent to the debit: both remaining sums move towards 0 [D].

    The checks are in the order of behaviour 3.6.
    """
    if debit.is_credit:
        raise InvalidObjectState(
            "this is a stand-alone credit: give the command to the debit, with the credit as source_id",
            rule="credit-allocate.on_debit",
            total_sum=debit.sums.total,
        )
    if amount <= 0:
        raise invalid("amount", rule="credit-allocate.amount", amount=amount)
    source = _source(act, debit, source_id)
    left = money.negated(source.sums.remaining)
    if amount > left or amount > debit.sums.remaining:
        raise invalid(
            "amount",
            rule="credit-allocate.amount",
            amount=amount,
            credit_left=left,
            debt=debit.sums.remaining,
        )
    for billogram, part in ((debit, money.negated(amount)), (source, amount)):
        act.add(
            events.CreditAllocated(
                act.mark(billogram),
                _credited_by(billogram.sums, part),
                amount=amount,
                source_id=source.id,
                target_id=debit.id,
            )
        )
    losses.write_off_automatically(act, debit.id)
    debits.sync(act, debit.id, "credit")
    after = act.billogram(debit.id)
    if not after.sums.remaining:
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="Credited"))  # [C]
    _end_if_used_up(act, source.id)


def _source(act: Act, debit: Billogram, source_id: str) -> Billogram:
    found: Billogram | None = act.find(BILLOGRAM, source_id)
    if found is None or found.internal is Internal.DELETED:
        raise _invalid_source(source_id)
    if not found.is_credit or found.internal is not Internal.UNPAID:
        raise InvalidObjectState(
            f"billogram {source_id} {_remedy(found)}",
            rule="credit-allocate.source",
            state=found.internal,
            total_sum=found.sums.total,
        )
    same_customer = found.recipient.customer_no == debit.recipient.customer_no
    if not same_customer or found.content.terms.currency != debit.content.terms.currency:
        raise _invalid_source(
            source_id,
            customer_no=found.recipient.customer_no,
            wanted=debit.recipient.customer_no,
            currency=found.content.terms.currency,
        )
    return found


def _remedy(found: Billogram) -> str:
    if not found.is_credit:
        return "is no stand-alone credit: use one whose total is negative"
    if found.internal is Internal.UNATTESTED:
        return "has not been sent: send it first"
    return f"is not open ({found.internal}): use a credit of which something is left"


def _invalid_source(source_id: str, **compared: Any) -> InvalidParameter:
    return invalid("source_id", rule="credit-allocate.source_id", source_id=source_id, **compared)


def _credited_by(sums: Sums, amount: Decimal) -> Sums:
    return money.with_remaining(replace(sums, credited=money.add(sums.credited, amount)))


def _end_if_used_up(act: Act, key: str) -> None:
    after = act.billogram(key)
    if not after.sums.remaining:
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="Paid"))  # [A]
