"""The shape of the actions of a billogram."""

from typing import Any, Literal, TypedDict

from mockserver.api.shapes import Float
from mockserver.control.explain_shapes import StepShape
from mockserver.control.timeline import TimelineEventShape
from mockserver.core.showing import DetailedSumsShape


class EffectShape(TypedDict):
    """What an act would be: its events, and state and sums of the billogram after it."""

    events: list[TimelineEventShape]
    state: str
    total_sum: Float
    remaining_sum: Float
    detailed_sums: DetailedSumsShape


class AllowedActionShape(TypedDict):
    """An action that would be accepted now. `choices` has other values of members of `body`."""

    operation: str
    method: Literal["POST", "PUT", "DELETE"]
    path: str
    title: str
    body: Any
    choices: dict[str, list[str]]
    effect: EffectShape


class RefusedActionShape(TypedDict):
    """An action that would be refused now with this body: by which rule, why, and what leads there."""

    operation: str
    method: Literal["POST", "PUT", "DELETE"]
    path: str
    title: str
    body: Any
    rule: str
    tag: str
    message: str
    reason: str
    advice: str
    remedies: list[StepShape]


class ActionsShape(TypedDict):
    allowed: list[AllowedActionShape]
    refused: list[RefusedActionShape]
