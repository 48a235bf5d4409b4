"""Lists, shows and runs scenarios (reference: control 1, 5)."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from msgspec import Raw, structs
from pydantic import Field

from mockserver.control.call import Answer, Body, ControlCall, ControlOperation
from mockserver.control.errors import ControlError
from mockserver.schema import Form
from mockserver.stories import library
from mockserver.stories.library import SCENARIOS
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.stories.arazzo import Document

_JSON_SCHEMA = Annotated[dict[str, Any], Form({"type": "object"})]
_ANYTHING = Annotated[Any, Form({})]
_VALUES = Annotated[dict[str, Any], Form({"type": "object"})]
Status = Literal["passed", "failed"]


class RunBody(Body):
    """The inputs of a scenario; its account is the one of the path."""

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
    """`GET /_mock/scenarios`: lists the bundled scenarios, with their inputs."""

    def made() -> bytes:
        return encode([_shown(_document(name, call.info.operations)) for name in library.names(SCENARIOS)])

    # in a thread: the first reading of the files would block other requests for too long
    return Answer(Raw(await asyncio.to_thread(made)))


async def fetch(call: ControlCall) -> Answer:
    """`GET /_mock/scenarios/{name}`: shows a scenario, and its Arazzo document."""

    def made() -> bytes:
        name = call.params["name"]
        document = _document(name, call.info.operations)
        text = library.find(SCENARIOS, name).read_text(encoding="utf-8")
        return encode(_shown(document) | {"document": text})

    return Answer(Raw(await asyncio.to_thread(made)))


async def run(call: ControlCall) -> Answer:
    """`POST …/scenarios/{name}/run`: runs, in this account, the first workflow that has the inputs."""
    from mockserver.stories import runs  # imported at first use
    from mockserver.stories.caller import Caller
    from mockserver.stories.remote import basic

    inputs = call.typed_body(RunBody).inputs
    account, name = (await call.live()).id, call.params["name"]
    document = await asyncio.to_thread(_document, name, call.info.operations)
    if inputs.get(runs.ACCOUNT, account) != account:
        hint = f"leave it out, or run it under /_mock/accounts/{inputs[runs.ACCOUNT]}"
        raise ControlError(400, "invalid_body", "inputs: account is the one of the path", hint)
    caller = Caller(call.app, account, call.info.configuration.control_token)
    try:
        done = await runs.run(document, caller, inputs, credentials=basic(account, "-"))
    except runs.BadInputs as error:
        hint = f"GET /_mock/scenarios/{name} shows the inputs"
        raise ControlError(400, "invalid_body", f"inputs: {error}", hint) from None
    return Answer({key: value for key, value in structs.asdict(done).items() if key != "file"})


def _document(name: str, operations: tuple[ControlOperation, ...]) -> "Document":
    """Load a bundled scenario by its name; the server reads no other files for a client."""
    from mockserver.stories import arazzo  # imports YAML, so only at first use

    if name not in library.names(SCENARIOS):
        hint = "GET /_mock/scenarios lists what there is"
        raise ControlError(404, "unknown_scenario", f"there is no scenario {name}", hint)
    return arazzo.load(library.find(SCENARIOS, name), operations)


def _shown(document: "Document") -> dict[str, Any]:
    return {
        "name": document.name,
        "title": document.title,
        "summary": document.summary,
        "sources": list(document.sources),
        "anywhere": document.anywhere,
        "workflows": [
            {
                "id": each.id,
                "summary": each.summary,
                "inputs": each.inputs,
                "steps": [step.id for step in each.steps],
                "outputs": list(each.outputs),
            }
            for each in document.workflows.values()
        ],
    }
