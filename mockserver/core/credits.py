"""Credit invoices (reference: behaviour 3.5)."""

from decimal import Decimal

from mockserver.core import delivery, events, money, numbers, payments
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal, Sums, replace
from mockserver.core.refusal import InvalidObjectState, invalid

MODES = ("full", "items", "amount", "remaining", "rest", "principal")


def check_creditable(billogram: Billogram) -> Decimal:
    """Facts of the object: no stand-alone credit, and something left to credit. Returns how much."""
    if billogram.is_credit:
        raise InvalidObjectState(
            "a stand-alone credit cannot be credited",
            rule="credit.not_on_credit",
            total_sum=billogram.sums.total,
        )
    left = creditable(billogram.sums)
    if left <= 0:
        raise InvalidObjectState(
            "nothing is left to credit", rule="credit.left", credited_sum=billogram.sums.credited
        )
    return left


def check_mode(mode: str) -> None:
    """An unknown mode is a bad value: it is looked at after state and facts [A]."""
    if mode not in MODES:
        raise invalid("mode", rule="credit.mode", mode=mode, known=MODES)


def creditable(sums: Sums) -> Decimal:
    """Everything invoiced and not credited yet, claimed fees and interest too [A]."""
    return money.add(sums.gross, sums.rounding, sums.reminder_fee, sums.interest_fee, sums.credited)


def credited(sums: Sums, amount: Decimal) -> tuple[Sums, Decimal]:
    """The sums after a credit, and how much paid money it set free: what exceeds the remaining sum."""
    freed = max(money.subtract(amount, sums.remaining), money.ZERO)
    after = replace(
        sums,
        credited=money.subtract(sums.credited, amount),
        paid=money.add(sums.paid, freed),
    )
    return replace(after, remaining=money.remaining_of(after)), freed


def credit(act: Act, billogram: Billogram, amount: Decimal, method: str | None) -> None:
    """Make a credit invoice over this amount; what was paid beyond it is owed to the customer."""
    account = act.account
    method = method or billogram.content.terms.delivery_method
    delivery.check_method(billogram, method)
    sums, freed = credited(billogram.sums, amount)
    act.add(
        events.Credit(
            act.mark(billogram),
            sums,
            invoice_no=account.highest_invoice_no + 1,
            letter_id=numbers.letter_id(account.seed, billogram.number, billogram.letters),
            delivery_method=method,
            amount=amount,
        )
    )
    if freed:
        after = act.billogram(billogram.id)
        act.add(events.OverpaymentCustomerLiability(act.mark(after), sums, amount=freed))
        payments.set_free(act, billogram.id, freed)
    after = act.billogram(billogram.id)
    if not sums.remaining and after.internal is not Internal.ENDED:
        act.add(events.BillogramEnded(act.mark(after), sums, ended_as="Credited"))  # [C]
