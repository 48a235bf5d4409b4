"""Money: decimal, exact, never binary floating point (reference: behaviour 3.3).

All sums are in the currency of their billogram. The two contexts have room for every number that the
API lets in (below 10^15, six decimals) times another one times a rate, so nothing is ever cut silently:
in `EXACT` an inexact result is a trap.
"""

from collections.abc import Iterable
from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)

from mockserver.core.model import Row, Sums, replace

EXACT = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])

ZERO = Decimal(0)
_CENT = Decimal("0.01")
_UNIT = Decimal(1)
_FINE = Decimal("1E-12")
_INVOICE_FEE_VAT = Decimal(25)  # percent [R]


def add(*values: Decimal) -> Decimal:
    """The exact sum."""
    total = ZERO
    for value in values:
        if value:
            total = EXACT.add(total, value)
    return total


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference."""
    return EXACT.subtract(left, right)


def negated(value: Decimal) -> Decimal:
    """The value with its sign turned; zero stays plain zero."""
    return EXACT.minus(value)


def percent(value: Decimal, rate: Decimal) -> Decimal:
    """`rate` percent of `value`, exact."""
    return EXACT.multiply(value, rate).scaleb(-2, EXACT)


def share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`value` times `part` of the `whole`, rounded to two decimals where it does not divide."""
    return cents(ROUNDING.divide(ROUNDING.multiply(value, part), whole))


def precise_share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The same, far beyond the six decimals that come in: what is made of it is rounded once, as a sum."""
    return ROUNDING.divide(ROUNDING.multiply(value, part), whole).quantize(_FINE, context=ROUNDING)


def cents(value: Decimal) -> Decimal:
    """Rounded to two decimals, half away from zero [A]."""
    return value.quantize(_CENT, context=ROUNDING)


def total_of(gross: Decimal, currency: str) -> Decimal:
    """What is asked for: SEK whole kronor [R], half away from zero [A]; others two decimals [A]."""
    return gross.quantize(_UNIT, context=ROUNDING) if currency == "SEK" else gross


def row_net(row: Row) -> Decimal:
    """count x price - discount; the discount is an amount off the whole row [R]. Exact."""
    return EXACT.subtract(EXACT.multiply(row.count, row.price), row.discount)


def invoiced(
    rows: Iterable[Row],
    *,
    invoice_fee: Decimal,
    currency: str,
    reversed_vat: bool = False,
    rotavdrag: Decimal = ZERO,
) -> Sums:
    """The sums of a billogram on which nothing has happened yet.

    Row net and row VAT are exact; `net` and `vat` are each rounded to two decimals once [R];
    `reversed_vat` makes all VAT 0 [A]. `rotavdrag` is only repeated [A].
    """
    net = invoice_fee
    vat = percent(invoice_fee, _INVOICE_FEE_VAT) if invoice_fee and not reversed_vat else ZERO
    for row in rows:
        row_sum = row_net(row)
        net = EXACT.add(net, row_sum)
        if not reversed_vat:
            vat = EXACT.add(vat, percent(row_sum, row.vat))
    net, vat = cents(net), cents(vat)
    gross = EXACT.add(net, vat)
    total = total_of(gross, currency)
    rounding = EXACT.subtract(total, gross)
    return Sums(
        net=net,
        vat=vat,
        gross=gross,
        rounding=rounding,
        rounding_value=rounding,
        total=total,
        remaining=total,
        invoice_fee=invoice_fee,
        # stays 25 with reversed_vat [A]
        invoice_fee_vat=_INVOICE_FEE_VAT if invoice_fee else ZERO,
        rotavdrag=rotavdrag,
    )


def total_settled(sums: Sums) -> Decimal:
    """What was settled so far, by money or credits."""
    return negated(add(sums.paid, sums.credited, sums.collector_paid))


def any_received(sums: Sums) -> bool:
    """Whether money has come and stayed: what the collection agency got is money too [A]."""
    return bool(sums.paid or sums.collector_paid)


def unpaid_principal(sums: Sums) -> Decimal:
    """What remains of the principal: everything settles it first, then the fees [S].

    What was let go is not unpaid, though nothing settled it.
    """
    return max(subtract(_principal(sums), total_settled(sums)), ZERO)


def _principal(sums: Sums) -> Decimal:
    """All of it but what was let go, which moved `rounding` (reference: behaviour 3.3)."""
    return subtract(sums.total, _waived(sums))


def _waived(sums: Sums) -> Decimal:
    """The part of the principal that was let go."""
    return subtract(sums.rounding_value, sums.rounding)


def without_unpaid_fees(sums: Sums) -> Sums:
    """The fees fall to what was paid of them: the reminder fee first, then the interest (behaviour 2.2)."""
    over = max(subtract(total_settled(sums), _principal(sums)), ZERO)
    reminder_fee = min(sums.reminder_fee, over)
    interest_fee = min(sums.interest_fee, subtract(over, reminder_fee))
    return with_remaining(replace(sums, reminder_fee=reminder_fee, interest_fee=interest_fee))


def waive(sums: Sums) -> Sums:
    """Nothing remains, though it was not paid: `rounding` takes up what is left of the principal [A]."""
    kept = without_unpaid_fees(sums)
    return replace(kept, rounding=subtract(kept.rounding, kept.remaining), remaining=ZERO)


def keep_waived(old: Sums, new: Sums) -> Sums:
    """New sums of one of which a part had been let go: that part stays so (reference: behaviour 8.2).

    All of it as long as something remains; below that as much as makes nothing remain, so that money is
    owed back only for a total that is less than what was paid [A].
    """
    whole = with_remaining(new)
    gone = max(min(_waived(old), whole.total, whole.remaining), ZERO)
    return with_remaining(replace(whole, rounding=subtract(whole.rounding, gone))) if gone else whole


def with_remaining(sums: Sums) -> Sums:
    """The sums with `remaining` by the identity."""
    return replace(sums, remaining=remaining_of(sums))


def remaining_of(sums: Sums) -> Decimal:
    """The identity that holds after every event [A, R for the sign of paid]."""
    return add(
        sums.gross,
        sums.rounding,
        sums.reminder_fee,
        sums.interest_fee,
        sums.credited,
        sums.paid,
        sums.collector_paid,
    )
