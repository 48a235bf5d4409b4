"""Scenarios: stories told by requests, shown and run (reference: control 1, 5)."""

import asyncio
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Raw
from pydantic import Field

from mockserver.control.call import Answer, Body, ControlCall
from mockserver.schema import Form
from mockserver.wire import encode

_JSON_SCHEMA = Annotated[dict[str, Any], Form({"type": "object"})]
_ANYTHING = Annotated[Any, Form({})]
_VALUES = Annotated[dict[str, Any], Form({"type": "object"})]
Status = Literal["passed", "failed"]


class RunBody(Body):
    """What the scenario is to start from; the account is the one of the path."""

    inputs: Annotated[dict[str, Any], Field(default_factory=dict, max_length=100)]


class WorkflowShape(TypedDict):
    id: str
    summary: str
    inputs: _JSON_SCHEMA
    steps: list[str]
    outputs: list[str]


class ScenarioShape(TypedDict):
    name: str
    title: str
    summary: str
    sources: list[str]
    anywhere: bool
    workflows: list[WorkflowShape]


class WholeScenarioShape(ScenarioShape):
    document: str


class ComparedShape(TypedDict):
    passed: bool
    expected: str
    found: _ANYTHING
    what: str
    problem: str | None


class CriterionShape(TypedDict):
    condition: str
    passed: bool
    compared: list[ComparedShape]


class AskedShape(TypedDict):
    method: str
    path: str
    body: _ANYTHING


class ToldShape(TypedDict):
    status: int
    body: _ANYTHING


class StepRunShape(TypedDict):
    step: str
    description: str
    line: int
    status: Status
    operation: str | None
    workflow: str | None
    request: AskedShape | None
    answer: ToldShape | None
    criteria: list[CriterionShape]
    outputs: _VALUES
    problem: str | None
    steps: list["StepRunShape"]


class RunShape(TypedDict):
    scenario: str
    title: str
    workflow: str
    status: Status
    inputs: _VALUES
    steps: list[StepRunShape]
    outputs: _VALUES


RUN: dict[str, Any] = {"inputs": {}}


async def listing(call: ControlCall) -> Answer:
    """`GET /_mock/scenarios`: lists the scenarios that come along, with their inputs."""
    # in a thread: they are read when they are first asked for, which takes longer than others should wait
    return Answer(Raw(await asyncio.to_thread(lambda: encode(call.info.scenarios()))))


async def fetch(call: ControlCall) -> Answer:
    """`GET /_mock/scenarios/{name}`: one of them, and the Arazzo document itself."""
    return Answer(Raw(await asyncio.to_thread(lambda: encode(call.info.scenario(call.params["name"])))))


async def run(call: ControlCall) -> Answer:
    """`POST …/scenarios/{name}/run`: runs one in this account. The first workflow that takes the inputs."""
    body = call.read(RunBody)
    live = await call.live()
    return Answer(await call.info.run_scenario(live.id, call.params["name"], body.inputs))
