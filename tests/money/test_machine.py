"""The machine, run for some seconds in the suite, for half an hour in the deep one."""

import os
from collections.abc import Callable
from random import SystemRandom
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.money.machine import Money
from tests.server import Server

STEPS = 1800  # in the suite: some seconds
BOUNDS = settings(
    max_examples=15,
    stateful_step_count=50,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
# looking for a smaller example takes minutes: for who asks for a seed again
SHRINKING = settings(BOUNDS, phases=(Phase.generate, Phase.shrink))


def run(number: int, bounds: settings = BOUNDS) -> None:
    """One run from this seed: with it the same comes again."""
    print(f"MONEY_SEED={number}")
    Money.server = Server()
    try:
        run_state_machine_as_test(seed(number)(Money), settings=bounds)
    finally:
        Money.server.close()


def run_while(more: Callable[[], bool]) -> None:
    """Runs from seeds of their own, each of which is printed, or the one of a seed that is given."""
    Money.steps = Money.refusals = 0
    given = os.environ.get("MONEY_SEED")
    try:
        if given:
            run(int(given), SHRINKING)
        while not given and more():
            run(SystemRandom().randrange(2**32))
    finally:
        print(f"{Money.steps} steps, {Money.refusals} of them refused; told: {Money.kinds}")
    assert Money.steps > 100


def test_no_sum_is_wrong() -> None:
    run_while(lambda: Money.steps < STEPS)


@pytest.mark.deep
def test_no_sum_is_wrong_in_half_an_hour() -> None:
    until = monotonic() + 1800
    run_while(lambda: monotonic() < until)
