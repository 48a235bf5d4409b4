"""Money that comes in (reference: behaviour 5)."""

from decimal import Decimal

from mockserver.core import events, money
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Sums, replace
from mockserver.core.refusal import InvalidObjectState, invalid


def booked(sums: Sums, amount: Decimal) -> Sums:
    """The sums after an amount has been received: `paid` is negative [R]."""
    after = replace(sums, paid=money.subtract(sums.paid, amount))
    return replace(after, remaining=money.remaining_of(after))


def pay(act: Act, billogram: Billogram, amount: Decimal) -> None:
    """Command `payment`: money reported by hand, at most what remains (reference: behaviour 2.2)."""
    if billogram.is_credit:
        raise InvalidObjectState(
            "a stand-alone credit cannot be paid, use credit-payment",
            rule="payment.not_on_credit",
            total_sum=billogram.sums.total,
        )
    remaining = billogram.sums.remaining
    if not 0 < amount <= remaining:
        raise invalid("amount", rule="payment.amount", amount=amount, remaining=remaining)
    act.add(
        events.Payment(
            act.mark(billogram),
            booked(billogram.sums, amount),
            amount=amount,
            manual=True,
            payer_name=billogram.recipient.name,
        )
    )
    after = act.billogram(billogram.id)
    if not after.sums.remaining:
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="Paid"))
