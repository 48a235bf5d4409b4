"""Lists, shows and runs scenarios (reference: control 1, 5)."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, TypeVar

from msgspec import Raw, structs
from pydantic import Field

from mockserver.control.call import Answer, Body, ControlCall
from mockserver.control.errors import ControlError
from mockserver.schema import Form
from mockserver.stories import library
from mockserver.stories.library import SCENARIOS
from mockserver.wire import encode

if TYPE_CHECKING:
    from mockserver.stories.arazzo import Document

T = TypeVar("T")

_JSON_SCHEMA = Annotated[dict[str, Any], Form({"type": "object"})]
_ANYTHING = Annotated[Any, Form({})]
_VALUES = Annotated[dict[str, Any], Form({"type": "object"})]
Status = Literal["passed", "failed"]


class RunBody(Body):
    """The inputs of a scenario; its account is the one of the path.

    `scenario` is an Arazzo document that is run instead of one of the library; the path names it.
    """

    inputs: Annotated[dict[str, Any], Field(default_factory=dict, max_length=100)]
    scenario: Annotated[dict[str, Any] | None, Form({"type": ["object", "null"]})] = None


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
    """`GET /_mock/scenarios`: lists the scenarios, with their inputs. Files that are none are left out."""

    def made() -> bytes:
        shown = []
        for name in library.names(SCENARIOS, call.info.configuration.library):
            with contextlib.suppress(ControlError):
                shown.append(_shown(_document(call, name)))
        return encode(shown)

    return Answer(Raw(await _in_thread(made)))


async def fetch(call: ControlCall) -> Answer:
    """`GET /_mock/scenarios/{name}`: shows a scenario, and its Arazzo document."""

    def made() -> bytes:
        name = call.params["name"]
        document = _document(call, name)
        text = library.read(library.named(SCENARIOS, name, call.info.configuration.library))
        return encode(_shown(document) | {"document": text.decode()})

    return Answer(Raw(await _in_thread(made)))


async def run(call: ControlCall) -> Answer:
    """`POST …/scenarios/{name}/run`: runs, in this account, the first workflow that has the inputs."""
    from mockserver.stories import runs  # imported at first use
    from mockserver.stories.caller import Caller
    from mockserver.stories.remote import basic

    body = call.typed_body(RunBody)
    inputs, sent = body.inputs, body.scenario
    if sent is not None and len(call.body.raw) > library.LARGEST:
        raise ControlError(413, "too_large", "the scenario is too large", f"at most {library.LARGEST} bytes")
    account, name = (await call.live()).id, call.params["name"]
    document = await _in_thread(lambda: _document(call, name, sent))
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


async def _in_thread(work: Callable[[], T]) -> T:
    """Do work that reads scenarios, which would block other requests for too long."""
    try:
        return await library.in_thread(work)
    except TimeoutError:
        reason = f"the scenarios can't be read within {library.LONGEST:g} seconds"
        raise ControlError(400, "scenario", reason, "look at the disk of their folder") from None


def _document(call: ControlCall, name: str, sent: dict[str, Any] | None = None) -> "Document":
    """Validate a scenario that was sent, or load one by its name; no path is opened for a client."""
    from mockserver.stories import arazzo  # imports YAML, so only at first use

    table, folders = call.info.operations, call.info.configuration.library
    try:
        if sent is not None:
            return arazzo.sent_document(sent, name, table)
        return arazzo.load(library.named(SCENARIOS, name, folders), table)
    except library.NotInLibrary:
        hint = "GET /_mock/scenarios lists what there is"
        raise ControlError(404, "unknown_scenario", f"there is no scenario {name}", hint) from None
    except arazzo.BadDocument as error:
        where = Path(error.file).name
        shown = str(arazzo.BadDocument(where, error.line, error.place, error.reason))
        raise ControlError(400, "scenario", shown, "correct the scenario; nothing was done") from None


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
