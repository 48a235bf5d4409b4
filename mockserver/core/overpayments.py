"""Money beyond the debt: a small excess is adjusted, a larger one is owed to the customer (behaviour 5)."""

from decimal import Decimal

SMALL_EXCESS = {"SEK": Decimal(10), "NOK": Decimal(10), "DKK": Decimal(10)}  # [S threshold; A which is which]
SMALL_EXCESS_ELSEWHERE = Decimal(1)


def is_small(excess: Decimal, currency: str) -> bool:
    """Whether an excess is small enough to be adjusted."""
    return excess <= SMALL_EXCESS.get(currency, SMALL_EXCESS_ELSEWHERE)
