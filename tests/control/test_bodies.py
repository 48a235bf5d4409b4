"""What every body of the control plane has in common: nothing is converted, and an error names the member."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from mockserver.control.call import Body, parse_body
from mockserver.control.errors import ControlError
from mockserver.control.simulate import BILLOGRAM_SIMULATIONS, CUSTOMER_SIMULATIONS
from mockserver.stories.operations import OPERATIONS
from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"
OTHER_TYPES: dict[str, tuple[Any, ...]] = {
    "bool": (0, 1, "true", "yes", [], {}),
    "int": (True, "1", 1.5, [], {}),
    "float": (False, "1", [], {}),
    "date": (0, 20260302, True, [], {}),
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
        for name, field in model.model_fields.items():
            kinds = [part for part in parts(field.annotation) if isinstance(part, type)]
            if any(issubclass(kind, BaseModel) or kind in (list, dict) for kind in kinds):
                yield from ((model, name, value) for value in (1, True, "x"))
            elif len(known := {kind.__name__ for kind in kinds} & OTHER_TYPES.keys()) == 1:
                yield from ((model, name, value) for value in OTHER_TYPES[known.pop()])


@pytest.mark.parametrize(("model", "name", "value"), list(wrong()), ids=str)
def test_what_json_has_in_another_type_is_refused_by_name(model: type[Body], name: str, value: Any) -> None:
    others = {"amount": 1, "id": "a", "url": None, "billogram": "b", "plan": [], "message": "m", "name": "n"}
    needed = {key: value for key, value in others.items() if key in model.model_fields}
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
