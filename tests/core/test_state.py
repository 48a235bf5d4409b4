"""The sums of buckets have one form, whatever led to them: a fold gives the same bytes as the life did."""

from decimal import Decimal
from itertools import permutations

from mockserver.core.state import Buckets

SUMS = {1: Decimal(125), 2: Decimal("93.75"), 3: Decimal("0.5"), 4: Decimal("-10.00")}


def test_a_sum_is_the_same_in_every_order() -> None:
    for order in permutations(SUMS):
        buckets = Buckets()
        for number in order:
            buckets.enter("all", number, SUMS[number])
        assert str(buckets.of["all"].remaining) == "209.25"
        for number in order[:-1]:
            buckets.leave("all", number, SUMS[number])
        assert str(buckets.of["all"].remaining) == f"{SUMS[order[-1]]:.2f}"
        buckets.change("all", SUMS[order[-1]], Decimal(7))
        assert str(buckets.of["all"].remaining) == "7.00"


def test_many_that_are_restored_at_once_have_it_too() -> None:
    buckets = Buckets()
    numbers = list(SUMS)
    buckets.restore(["all"] * len(numbers), numbers, [SUMS[number] for number in numbers])
    assert str(buckets.of["all"].remaining) == "209.25"
    assert buckets.of["all"].order == numbers
