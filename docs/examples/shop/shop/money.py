"""Money as whole öre: numbers that add up."""

from decimal import Decimal


def ore(amount: Decimal | int | float | str) -> int:
    """Convert kronor, as in JSON, to öre. Raises ValueError for fractions of an öre."""
    exact = Decimal(str(amount)) * 100
    if exact != exact.to_integral_value():
        raise ValueError(f"{amount} is no whole number of öre")
    return int(exact)


def kronor(amount: int) -> float:
    """Öre to kronor, for JSON."""
    return amount / 100
