"""Runs scenarios; the first failed step ends a run."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, Protocol

from msgspec import Struct

from mockserver.in_process import InProcessResponse
from mockserver.stories import expressions
from mockserver.stories.arazzo import Document, Step, Workflow, wrong_input
from mockserver.stories.caller import BILLOGRAM, NamedOperation, target_of
from mockserver.stories.expressions import MISSING, Compared, Scope, Unresolved, as_text
from mockserver.stories.yaml_source import word
from mockserver.wire import BadJson, decode

ACCOUNT, AUTHORIZATION = "account", "authorization"  # inputs that a runner fills in by itself [A]
_HIDDEN = "…"  # instead of credentials

Status = Literal["passed", "failed"]


class Client(Protocol):
    """The sender of requests: `Caller` in process, `Remote` over HTTP."""

    account: str

    async def call(
        self,
        operation: NamedOperation,
        path: Mapping[str, str] = {},
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        body: Any = None,
    ) -> InProcessResponse:
        """Call an operation for the account. `body` is a JSON value; None sends no body."""


class BadInputs(ValueError):
    """The inputs fit no workflow of the scenario, or violate its schema."""


class Criterion(Struct, frozen=True):
    """A success criterion, and the results of its comparisons."""

    condition: str
    passed: bool
    compared: list[Compared]


class SentRequest(Struct, frozen=True):
    """The request of a step; the body is a JSON value."""

    method: str
    path: str
    body: Any


class ReceivedAnswer(Struct, frozen=True):
    """The answer to a step; the body is a JSON value, or text if it is not JSON."""

    status: int
    body: Any


class StepRun(Struct):
    """The result of a step; if it ran another workflow, `steps` are the results of that."""

    step: str
    description: str
    line: int
    status: Status
    operation: str | None = None
    workflow: str | None = None
    request: SentRequest | None = None
    answer: ReceivedAnswer | None = None
    criteria: list[Criterion] = []
    outputs: dict[str, Any] = {}
    problem: str | None = None
    steps: list["StepRun"] = []


class Run(Struct):
    """The result of a run of a scenario."""

    scenario: str
    title: str
    workflow: str
    file: str
    status: Status
    inputs: dict[str, Any]
    steps: list[StepRun]
    outputs: dict[str, Any] = {}

    @property
    def failed(self) -> StepRun | None:
        """Return the failed step, in the innermost workflow; None if the run passed."""
        return None if self.status == "passed" else _failed(self.steps)


def _failed(steps: list[StepRun]) -> StepRun:
    last = steps[-1]
    return _failed(last.steps) if last.steps and last.problem is None else last


def count(steps: list[StepRun]) -> int:
    """Return the number of steps that were run, including those of nested workflows."""
    return sum(1 + count(each.steps) for each in steps)


# inputs


def choose(document: Document, given: Mapping[str, Any], name: str | None = None) -> Workflow:
    """Return the first workflow that has all given inputs and needs no others [A]. Raises BadInputs.

    `name`: the only workflow that may be chosen.
    """
    if name is not None and name not in document.workflows:
        raise BadInputs(f"there is no workflow {name}; there are {', '.join(document.workflows)}")
    reasons: list[str] = []
    for workflow in document.workflows.values() if name is None else (document.workflows[name],):
        unknown = sorted(set(given) - set(workflow.known))
        missing = sorted(workflow.required - set(given) - {ACCOUNT, AUTHORIZATION})
        if not unknown and not missing:
            return workflow
        reason = [f"has no input {name}" for name in unknown] + [
            f"wants the input {name}" for name in missing
        ]
        known = ", ".join(workflow.known) or "none"
        reasons.append(f"the workflow {workflow.id} {' and '.join(reason)} (its inputs: {known})")
    raise BadInputs("; ".join(reasons))


def from_text(document: Document, given: Mapping[str, str]) -> dict[str, Any]:
    """Convert inputs of the command line: to text if the schema requires text, else as YAML words."""
    workflow = choose(document, given)
    found: dict[str, Any] = {}
    for name, text in given.items():
        wanted = workflow.known[name].get("type")
        found[name] = text if wanted == "string" else word(text)
    return found


def inputs_of(workflow: Workflow, given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the given inputs and the defaults, and validate them. Raises BadInputs."""
    found = {name: each["default"] for name, each in workflow.known.items() if "default" in each}
    found |= given
    for name, value in found.items():
        problem = wrong_input(workflow.known[name], value)
        if problem is not None:
            raise BadInputs(f"{name}: {problem}")
    problem = wrong_input(workflow.inputs, found)
    if problem is not None:
        raise BadInputs(problem)
    return found


# runs


async def run(
    document: Document,
    caller: Client,
    given: Mapping[str, Any],
    *,
    credentials: str,
    name: str | None = None,
) -> Run:
    """Run a scenario as the caller's account. Raises BadInputs before anything is sent.

    `credentials` is the header `Authorization` for Billogram's API. `name` is that of the workflow.
    """
    workflow = choose(document, given, name)
    ours = {ACCOUNT: caller.account, AUTHORIZATION: credentials}
    inputs = inputs_of(workflow, {name: ours[name] for name in ours if name in workflow.known} | dict(given))
    steps, outputs = await _run(document, caller, workflow, inputs)
    shown = {name: _HIDDEN if name == AUTHORIZATION else value for name, value in inputs.items()}
    status: Status = "failed" if outputs is None else "passed"
    return Run(document.name, document.title, workflow.id, document.file, status, shown, steps, outputs or {})


async def _run(
    document: Document, caller: Client, workflow: Workflow, inputs: Mapping[str, Any]
) -> tuple[list[StepRun], dict[str, Any] | None]:
    """Run the steps of a workflow; return their results, and the outputs unless one failed."""
    scope = Scope(inputs, steps := {})
    done: list[StepRun] = []
    for step in workflow.steps:
        if step.workflow is None:
            made = await _call(caller, step, scope)
        else:
            made = await _within(document, caller, step, scope)
        done.append(made)
        if made.status == "failed":
            return done, None
        steps[step.id] = made.outputs
    outputs: dict[str, Any] = {}
    for name, each in workflow.outputs.items():
        with suppress(Unresolved):  # an input that was not given: there is no such output [A]
            outputs[name] = expressions.resolve(each, scope)
    return done, outputs


async def _within(document: Document, caller: Client, step: Step, scope: Scope) -> StepRun:
    """Run a step that runs another workflow."""
    assert step.workflow is not None
    made = StepRun(step.id, step.description, step.line, "failed", workflow=step.workflow)
    workflow = document.workflows[step.workflow]
    try:
        given = {each.name: expressions.filled(each.value, scope) for each in step.parameters}
        inputs = inputs_of(workflow, given)
    except (Unresolved, BadInputs) as error:
        made.problem = str(error)
        return made
    made.steps, outputs = await _run(document, caller, workflow, inputs)
    if outputs is None:
        return made
    return _ended(made, step, Scope(scope.inputs, scope.steps, outputs=outputs))


async def _call(caller: Client, step: Step, scope: Scope) -> StepRun:
    """Run a step that calls an operation."""
    assert step.operation is not None
    made = StepRun(step.id, step.description, step.line, "failed", operation=step.operation_id)
    try:
        path, query, headers = (_placed(step, place, scope) for place in ("path", "query", "header"))
        body = expressions.filled(step.payload, scope)
    except Unresolved as error:
        made.problem = str(error)
        return made
    if step.operation.document != BILLOGRAM:
        # a workflow's parameters are for all its steps, but the caller sends the control token itself
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    made.request = SentRequest(step.operation.method, target_of(step.operation, path, query), body)
    answered = await caller.call(step.operation, path, query, headers, body)
    try:
        decoded = decode(answered.body)
    except BadJson:
        decoded = MISSING
    shown = answered.body.decode("utf-8", "replace") if decoded is MISSING else decoded
    made.answer = ReceivedAnswer(answered.status, shown)
    after = Scope(scope.inputs, scope.steps, answered.status, answered.headers, decoded)
    for each in step.criteria:
        passed, compared = expressions.check(each, after)
        made.criteria.append(Criterion(each.text, passed, compared))
    if not step.criteria and answered.status // 100 != 2:  # without criteria a status 2xx is required [A]
        made.problem = f"the answer is {answered.status}"
        return made
    if not all(each.passed for each in made.criteria):
        return made
    return _ended(made, step, after)


def _placed(step: Step, place: str, scope: Scope) -> dict[str, str]:
    return {
        each.name: as_text(expressions.filled(each.value, scope))
        for each in step.parameters
        if each.place == place
    }


def _ended(made: StepRun, step: Step, scope: Scope) -> StepRun:
    """Resolve the outputs of a step; it has passed if all have values."""
    try:
        made.outputs = {name: expressions.resolve(each, scope) for name, each in step.outputs.items()}
    except Unresolved as error:
        made.problem = str(error)
        return made
    made.status = "passed"
    return made
