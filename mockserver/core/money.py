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

from mockserver.core.model import Row, Sums

EXACT = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])

ZERO = Decimal(0)
_CENT = Decimal("0.01")
_UNIT = Decimal(1)
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
