"""The types of the kit: each wrong word fails at run time, and in mypy.

The comments `type: ignore` below are the test of mypy: it refuses one that is not needed.
"""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from mockserver import BillogramAccount, Mockserver, create_app
from mockserver.control import bank, payments, simulate
from mockserver.core import callbacks, sepa
from mockserver.core.events import BillogramEvent
from mockserver.kit import shapes
from mockserver.kit.server import ControlRefused
from tests.kit.helping import sent


def event_types(base: type) -> set[str]:
    found: set[str] = set()
    each: type
    for each in base.__subclasses__():
        found |= {each.__name__} | event_types(each)
    return found


@pytest.mark.parametrize(
    ("literal", "known"),
    [
        (shapes.EventType, event_types(BillogramEvent)),
        (shapes.CallbackType, set(callbacks.TYPES)),
        (shapes.RecallType, {name for name in sepa.TABLE if " " not in name}),
        (shapes.Simulated, set(simulate.BILLOGRAM_SIMULATIONS)),
    ],
)
def test_the_words_are_those_of_the_server(literal: Any, known: set[str]) -> None:
    assert set(get_args(literal)) == known


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        (shapes.Payment, payments.PaymentShape),
        (shapes.Allocation, payments.AllocationShape),
        (shapes.PaymentRecall, bank.RecallShape),
        (shapes.Payable, bank.PayableShape),
    ],
)
def test_the_results_are_those_of_the_server(shape: Any, shown: Any) -> None:
    assert shape.__required_keys__ == shown.__required_keys__
    assert not shape.__optional_keys__ | shown.__optional_keys__


WRONG: dict[str, Callable[[BillogramAccount, str], object]] = {
    "wait": lambda b, _: b.webhooks.wait("Pyament"),  # type: ignore[call-overload]
    "none": lambda b, _: b.webhooks.none("Pyament"),  # type: ignore[arg-type]
    "scheme": lambda b, key: b.pay(key, 1, scheme="SWISHH"),  # type: ignore[arg-type]
    "recall": lambda b, key: b.recall(b.pay(key, 1), type="refnd"),  # type: ignore[arg-type]
    "fault": lambda b, _: b.fault("status:5033"),  # type: ignore[arg-type]
    "mode": lambda b, _: b.clock.set(mode="frozne"),  # type: ignore[arg-type]
    "until": lambda b, _: b.clock.advance(until="nxt"),  # type: ignore[arg-type]
    "simulate": lambda b, key: b.simulate(key, "veiw"),  # type: ignore[arg-type]
    "account": lambda b, _: BillogramAccount(b.server, "x", timezon="UTC"),  # type: ignore[call-arg]
    "account of a server": lambda *_: Mockserver().account("x", timezon="UTC"),  # type: ignore[call-arg]
    "features": lambda b, _: BillogramAccount(b.server, "x", features={"colection": True}),  # type: ignore[typeddict-unknown-key]
    "market": lambda b, _: BillogramAccount(b.server, "x", market="Denmark"),  # type: ignore[arg-type]
    "server clock": lambda *_: Mockserver(clock="frozne"),  # type: ignore[arg-type]
    "server option": lambda *_: Mockserver(clok="frozen"),  # type: ignore[call-arg]
    "application clock": lambda *_: create_app(clock="frozne"),  # type: ignore[arg-type]
    "application option": lambda *_: create_app(clok="frozen"),  # type: ignore[call-arg]
    "status": lambda *_: create_app(invalid_auth_status=402),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_word_is_refused(billogram: BillogramAccount, name: str) -> None:
    key = sent(billogram)
    with pytest.raises((ValueError, TypeError, ControlRefused)):
        WRONG[name](billogram, key)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"clock": "frozne"}, "clock must be live or frozen, not 'frozne'; did you mean frozen"),
        ({"clok": "frozen"}, "no option clok; did you mean clock"),
        ({"invalid_auth_status": 402}, "invalid_auth_status must be 401 or 403, not 402"),
    ],
)
def test_the_error_names_what_was_meant(options: dict[str, Any], reason: str) -> None:
    for create in (Mockserver, create_app):
        with pytest.raises((ValueError, TypeError), match=reason):
            create(**options)


def test_results_have_members(billogram: BillogramAccount) -> None:
    """With types: mypy knows these members, and no others."""
    key = sent(billogram)
    payment = billogram.pay(key, 125, scheme="SEPA_DIRECT_DEBIT")
    assert payment["allocations"][0]["billogram"] == key
    assert billogram.recall(payment, type="refund", code="MD06")["payables"][0]["amount"] == 125
    assert billogram.clock.advance("1d")["count"] >= 0
    assert billogram.clock.set(mode="frozen")["mode"] == "frozen"
    assert billogram.fault("status:503", times=1)["hits"] == 0
    assert billogram.outcomes("ok")["plan"] == ["ok"]
    assert billogram.timeline()[0]["kind"] == "act"
    with pytest.raises(KeyError):
        payment["amuont"]  # type: ignore[typeddict-item]
