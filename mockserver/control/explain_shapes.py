"""The shape of an explanation."""

from typing import Any, TypedDict


class StepShape(TypedDict):
    """A request to send; `path` is relative to the address of the server."""

    method: str
    path: str
    body: Any
    why: str


class EvidenceShape(TypedDict):
    tag: str
    meaning: str


class ConditionShape(TypedDict):
    must: str
    values: dict[str, Any]


class StateShape(TypedDict):
    billogram: str
    public: str
    internal: str
    remaining_sum: Any
    due_date: str
    respite_date: str | None
    flags: list[str]
    now: str


class AllowedShape(TypedDict):
    values: dict[str, Any]
    commands: list[StepShape]


class ExplainedShape(TypedDict):
    id: str
    method: str
    path: str
    status: int | None
    error: str | None
    rule: str
    topic: str
    message: str
    why: str
    evidence: list[EvidenceShape]
    field: str | None
    field_path: list[str | int] | None
    condition: ConditionShape
    state: StateShape | None
    allowed: AllowedShape
    how: list[StepShape]
    advice: str
    instead: list[StepShape]
    near: list[str]
