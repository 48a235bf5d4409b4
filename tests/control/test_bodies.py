"""What every body of the control plane has in common: nothing is converted, and an error names the member."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from time import thread_time
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from mockserver.api.inputs import MAX_ELEMENTS
from mockserver.api.kinds import MAX_TEXT
from mockserver.control.accounts import AccountBody
from mockserver.control.bank import RecallBody
from mockserver.control.call import Body, _members, parse_body
from mockserver.control.errors import ControlError
from mockserver.control.payments import PaymentBody
from mockserver.control.simulate import BILLOGRAM_SIMULATIONS, CUSTOMER_SIMULATIONS, EventBody
from mockserver.stories.operations import OPERATIONS
from mockserver.wire import MAX_MEMBERS
from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"
OTHER_TYPES: dict[str, tuple[Any, ...]] = {
    "bool": (0, 1, "true", "yes", [], {}),
    "int": (True, "1", 1.5, [], {}),
    "float": (False, "1", [], {}),
    "date": (0, 20260302, True, [], {}, "1772409600", "2026-03-02T00:00:00Z", "2026-3-2", " 2026-03-02"),
    "Decimal": (
        *(True, [], {}, "", "x", "NaN", "Infinity", Decimal("NaN"), Decimal("Infinity")),
        *(
            "1_0",
            "\uff11\uff12",
            "\u0663",
            "+5",
            "5e0",
            "5E1",
            "1e-300",
            ".5",
            "5.",
            " 5",
            "5 ",
            "5\n",
            "1,5",
        ),
        *("-1", -1, "0x5", "1.001", Decimal("1e-300"), Decimal("1e-9"), Decimal("1e400"), 10**15, "9" * 99),
    ),
    "str": (1, True),
}


def models() -> list[type[Body]]:
    found = {row.body for row in OPERATIONS if row.body is not None}
    return [
        *found,
        *{
            deed.body
            for deed in (*BILLOGRAM_SIMULATIONS.values(), *CUSTOMER_SIMULATIONS.values())
            if deed is not None
        },
    ]


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def wrong() -> Iterator[tuple[type[Body], str, Any]]:
    for model in sorted(models(), key=lambda each: each.__name__):
        for name, field in _members(model).items():
            kinds = [part for part in parts(field.annotation) if isinstance(part, type)]
            if any(issubclass(kind, BaseModel) or kind in (list, dict) for kind in kinds):
                yield from ((model, name, value) for value in (1, True, "x"))
            elif len(known := {kind.__name__ for kind in kinds} & OTHER_TYPES.keys()) == 1:
                yield from ((model, name, value) for value in OTHER_TYPES[known.pop()])


@pytest.mark.parametrize(("model", "name", "value"), list(wrong()), ids=str)
def test_what_json_has_in_another_type_is_refused_by_name(model: type[Body], name: str, value: Any) -> None:
    others = {"amount": 1, "id": "a", "url": None, "billogram": "b", "plan": [], "message": "m", "name": "n"}
    others |= {"type": "autogiro", "offer_id": "a"}
    if "from" in _members(model):
        others |= {"from": "2026-03", "to": "2026-03"}
    if model is EventBody:
        others["type"] = "NewInvoicePDF"
    needed = {key: value for key, value in others.items() if key in _members(model)}
    with pytest.raises(ControlError) as caught:
        parse_body(model, needed | {name: value})
    assert caught.value.message.startswith(f"{name}: "), caught.value.message
    assert "Value error" not in caught.value.message
    assert caught.value.hint == f"correct {name} and send it again"


@pytest.mark.parametrize(
    ("method", "path", "body", "message", "hint"),
    [
        ("POST", "/accounts", {"id": "n", "clock": {"mod": 1}}, "unknown member: clock.mod", "mode, now"),
        ("PATCH", A, {"features": {"x": True}}, "unknown member: features.x", "standalone_credits, "),
        (
            "PUT",
            f"{A}/outcomes",
            {"plan": [{"then": "a", "x": 1}]},
            "unknown member: plan.0.x",
            "then, after",
        ),
        ("PUT", f"{A}/outcomes", {"plan": [5]}, "plan.0: must be an object", "correct plan.0 "),
        ("PUT", f"{A}/outcomes", {"plan": [], "match": 5}, "match: must be an object", "correct match "),
        ("POST", f"{A}/fork", {"id": "n", "at": 1.5}, "at: ", "correct at "),
        ("PATCH", A, {"settings": {"invoices": {"x": 1}}}, "unexpected key: x", "correct invoices.x: "),
    ],
)
def test_a_member_of_a_member(
    server: Server, method: str, path: str, body: Any, message: str, hint: str
) -> None:
    server.get("/settings")
    error = server.mock(method, path, body).json["error"]
    assert error["message"].startswith(message)
    assert hint in error["hint"]


MANY = dict.fromkeys(map(str, range(MAX_MEMBERS - 100)), 0)
TEXT = "x" * (MAX_TEXT + 1)
TOO_LONG: list[tuple[Any, str, str]] = [
    *((TEXT, "", f"{MAX_TEXT} characters"), ([TEXT], ".0", f"{MAX_TEXT} characters")),
    ([0] * len(MANY), "", f"{MAX_ELEMENTS} elements"),
    ([{}] * (MAX_ELEMENTS + 1), "", f"{MAX_ELEMENTS} elements"),
]
HUGE: list[Any] = [
    *(sign * MAX_TEXT for sign in ("x", " ", "1", "-", "a@")),
    *(TEXT * 300, "2027-01-01T00:00" + "0" * 90_000, MANY, {"a": MANY}, [*MANY]),
    *([each] * MAX_ELEMENTS for each in (0, {}, {str(key): 0 for key in range(48)}, "x" * 30_000)),
    [MANY, *[{}] * 900],
]
MEMBERS = [(model, name) for model in sorted(models(), key=str) for name in _members(model)]


@pytest.mark.parametrize(("model", "name"), MEMBERS, ids=str)
def test_what_is_too_long_is_refused(model: type[Body], name: str) -> None:
    for value, place, maximum in TOO_LONG:
        with pytest.raises(ControlError) as caught:
            parse_body(model, {name: value})
        assert caught.value.message == f"{name}{place} is too long"
        assert caught.value.hint == f"at most {maximum}"


@pytest.mark.parametrize(("model", "name"), MEMBERS, ids=str)
def test_no_value_takes_long_to_read(model: type[Body], name: str) -> None:
    """Whatever the limits of a body let through, others wait for less than 100 ms."""
    for value in HUGE:
        for body in ({name: value}, {name: value} | MANY):
            took = float("inf")
            for _ in range(3):
                begun = thread_time()
                with suppress(ControlError):
                    parse_body(model, body)
                took = min(took, thread_time() - begun)
                if took < 0.05:
                    break
            assert took < 0.1, str(value)[:50]


def test_of_many_unknown_members_the_first_is_named() -> None:
    for body, name in ((MANY, "0"), ({"id": "a", "clock": MANY, "x": 0}, "clock.0")):
        with pytest.raises(ControlError) as caught:
            parse_body(AccountBody, {"id": "a"} | body)
        assert caught.value.message == f"unknown member: {name}"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        *((125, "125.00"), ("125", "125.00"), ("50.25", "50.25"), (Decimal("50.5"), "50.50")),
        *(("007", "7.00"), (Decimal("5e0"), "5.00"), (Decimal("1e2"), "100.00")),
        *((Decimal("0.30000000000000004"), "0.30"), ("0.30000000000000004", "0.30")),
        *((10**15 - 1, "999999999999999.00"), (Decimal("0.01"), "0.01")),
    ],
)
def test_amounts_are_numbers_or_plain_decimal_text(sent: Any, read: str) -> None:
    assert str(parse_body(PaymentBody, {"amount": sent}).amount) == read
    assert str(parse_body(RecallBody, {"fee": sent}).fee) == read


def test_a_fee_may_be_0() -> None:
    for nothing in (0, "0", "0.00", Decimal("0.0"), Decimal("-0")):
        assert parse_body(RecallBody, {"fee": nothing}).fee == 0
        with pytest.raises(ControlError, match="amount: must be above 0"):
            parse_body(PaymentBody, {"amount": nothing})
