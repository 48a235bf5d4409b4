"""Arithmetic with money: decimal and exact, never binary floating point (reference: behaviour 3.3).

All sums are in the currency of their billogram. Both contexts have enough digits for the product of two
numbers that the API accepts (below 10^15, six decimals) and a rate, so no digit is lost silently: `EXACT`
raises an exception for an inexact result.
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
    """Return the exact sum."""
    total = ZERO
    for value in values:
        if value:
            total = EXACT.add(total, value)
    return total


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact difference."""
    return EXACT.subtract(left, right)


def negated(value: Decimal) -> Decimal:
    """Return the value with the opposite sign. Zero has no sign."""
    return EXACT.minus(value)


def percent(value: Decimal, rate: Decimal) -> Decimal:
    """Return `rate` percent of `value`, exactly."""
    return EXACT.multiply(value, rate).scaleb(-2, EXACT)


def share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `value * part / whole`, rounded to two decimals, half away from zero."""
    return cents(ROUNDING.divide(ROUNDING.multiply(value, part), whole))


def precise_share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `value * part / whole`, rounded to twelve decimals.

    The API accepts six decimals, so this is precise enough for sums of it to be rounded only once.
    """
    return ROUNDING.divide(ROUNDING.multiply(value, part), whole).quantize(_FINE, context=ROUNDING)


def cents(value: Decimal) -> Decimal:
    """Return the value rounded to two decimals, half away from zero [A]."""
    return value.quantize(_CENT, context=ROUNDING)


def total_of(gross: Decimal, currency: str) -> Decimal:
    """Return the total to be paid: SEK in whole kronor [R], half away from zero [A]; others unrounded [A]."""
    return gross.quantize(_UNIT, context=ROUNDING) if currency == "SEK" else gross


def row_net(row: Row) -> Decimal:
    """Return count x price - discount, exactly. The discount is an amount for the whole row [R]."""
    return EXACT.subtract(EXACT.multiply(row.count, row.price), row.discount)


def invoiced(
    rows: Iterable[Row],
    *,
    invoice_fee: Decimal,
    currency: str,
    reversed_vat: bool = False,
    rotavdrag: Decimal = ZERO,
) -> Sums:
    """Return the sums of a billogram before any payment, fee or credit.

    Row net and row VAT are exact; `net` and `vat` are each rounded to two decimals once [R]. `reversed_vat`
    makes all VAT 0 [A]. `rotavdrag` is copied and changes no other sum [A].
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
        # it is 25 with reversed_vat too [A]
        invoice_fee_vat=_INVOICE_FEE_VAT if invoice_fee else ZERO,
        rotavdrag=rotavdrag,
    )


def total_settled(sums: Sums) -> Decimal:
    """Return what was settled so far, by payments or credits."""
    return negated(add(sums.paid, sums.credited, sums.collector_paid))


def any_received(sums: Sums) -> bool:
    """Whether money was received and not returned. Money that the collection agency received counts [A]."""
    return bool(sums.paid or sums.collector_paid)


def unpaid_principal(sums: Sums) -> Decimal:
    """Return what remains of the principal. Payments and credits settle it first, then the fees [S].

    The waived part of the principal is not unpaid, although nothing settled it.
    """
    return max(subtract(_principal(sums), total_settled(sums)), ZERO)


def _principal(sums: Sums) -> Decimal:
    """Return the principal without its waived part, which is in `rounding` (reference: behaviour 3.3)."""
    return subtract(sums.total, waived(sums))


def waived(sums: Sums) -> Decimal:
    """Return the waived part of the principal."""
    return subtract(sums.rounding_value, sums.rounding)


def without_unpaid_fees(sums: Sums) -> Sums:
    """Return the sums with fees reduced to what was paid of them, reminder fee first (behaviour 2.2)."""
    over = max(subtract(total_settled(sums), _principal(sums)), ZERO)
    reminder_fee = min(sums.reminder_fee, over)
    interest_fee = min(sums.interest_fee, subtract(over, reminder_fee))
    return with_remaining(replace(sums, reminder_fee=reminder_fee, interest_fee=interest_fee))


def waive(sums: Sums) -> Sums:
    """Return the sums with everything that remains waived: `rounding` absorbs the unpaid principal [A]."""
    kept = without_unpaid_fees(sums)
    return replace(kept, rounding=subtract(kept.rounding, kept.remaining), remaining=ZERO)


def recover(sums: Sums, amount: Decimal) -> Sums:
    """Return the sums after money for the waived principal: it is paid, and `rounding` goes back up.

    What remains is unchanged. A negative amount is such money taken back.
    """
    paid, rounding = subtract(sums.paid, amount), add(sums.rounding, amount)
    return with_remaining(replace(sums, paid=paid, rounding=rounding))


def keep_waived(old: Sums, new: Sums) -> Sums:
    """Return the new sums of a billogram with the part that was waived before (reference: behaviour 8.2).

    The waived part is limited to what makes nothing remain, so that money is owed back only for a total that
    is less than what was paid [A].
    """
    whole = with_remaining(new)
    gone = max(min(waived(old), whole.total, whole.remaining), ZERO)
    return with_remaining(replace(whole, rounding=subtract(whole.rounding, gone))) if gone else whole


def with_remaining(sums: Sums) -> Sums:
    """Return the sums with `remaining` computed from the other members."""
    return replace(sums, remaining=remaining_of(sums))


def remaining_of(sums: Sums) -> Decimal:
    """Return the remaining sum, computed from the other members [A, R for the sign of paid].

    This identity is true after every event.
    """
    return add(
        sums.gross,
        sums.rounding,
        sums.reminder_fee,
        sums.interest_fee,
        sums.credited,
        sums.paid,
        sums.collector_paid,
    )
