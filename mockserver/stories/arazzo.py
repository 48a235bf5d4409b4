"""Scenarios: Arazzo 1.0 documents, parsed and validated before anything is run.

A document is validated against the official JSON Schema, then for features that are not supported: these are
reported, never ignored. The names of the sources are `billogram` and `mock`, our two OpenAPI documents.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mockserver.stories import expressions, library, yaml_source
from mockserver.stories.caller import BILLOGRAM, MOCK, NamedOperation, Table, operations
from mockserver.stories.expressions import BadExpression, Condition, Expression
from mockserver.stories.yaml_source import BadFile, ParsedFile, Steps

_SCHEMA = Path(__file__).resolve().parent / "schema" / "arazzo-1.0.json"
_PREFIX = re.compile(r"\$sourceDescriptions\.([A-Za-z0-9_\-]+)\.(.+)")
_IN_PATH = re.compile(r"\{([^}]+)\}")
_JSON = "application/json"


class BadDocument(Exception):
    """A file is not a scenario, or uses an unsupported feature; with file, line, place and reason."""

    def __init__(self, file: str, line: int, place: str, reason: str) -> None:
        parts = (f"{file}:{line}" if line else file, place, reason)
        super().__init__(": ".join(part for part in parts if part))
        self.file = file
        self.line = line
        self.place = place
        self.reason = reason


class Parameter(Struct, frozen=True):
    """A parameter of a step. `place` is path, query or header; None for an input of another workflow."""

    name: str
    place: str | None
    value: Any


class Step(Struct, frozen=True):
    """A step: one call of an operation, or one run of another workflow."""

    id: str
    line: int
    description: str = ""
    operation: NamedOperation | None = None
    operation_id: str = ""
    workflow: str | None = None
    parameters: tuple[Parameter, ...] = ()
    payload: Any = None
    criteria: tuple[Condition, ...] = ()
    outputs: dict[str, Expression] = {}


class Workflow(Struct, frozen=True):
    """A sequence of steps. `inputs` is a JSON Schema."""

    id: str
    summary: str
    inputs: dict[str, Any]
    steps: tuple[Step, ...]
    outputs: dict[str, Expression]

    @property
    def known(self) -> Mapping[str, Any]:
        """Return the schemas of the inputs, by name."""
        found: Mapping[str, Any] = self.inputs.get("properties", {})
        return found

    @property
    def required(self) -> set[str]:
        """Return the names of the inputs that must be given."""
        named = set(self.inputs.get("required", ()))
        return {name for name in named if "default" not in self.known.get(name, {})}


class Document(Struct, frozen=True):
    """A scenario: a document with one or more workflows."""

    name: str
    file: str
    title: str
    summary: str
    sources: tuple[str, ...]
    workflows: dict[str, Workflow]

    @property
    def anywhere(self) -> bool:
        """Return whether it runs against any server with Billogram's API: it needs no control plane."""
        return MOCK not in self.sources


def load(path: Path, table: Table) -> Document:
    """Load the scenario of a file; it can use these control-plane operations. Raises BadDocument."""
    try:
        stamp = path.stat()
        return _loaded(path, table, stamp.st_mtime_ns, stamp.st_size)
    except OSError as error:
        raise BadDocument(str(path), 1, "", f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadDocument(str(path), 1, "", "is not UTF-8") from None


@lru_cache(maxsize=64)
def _loaded(path: Path, table: Table, _changed: int, _size: int) -> Document:
    try:
        text = library.read(path).decode()
    except library.Unreadable as error:
        raise BadDocument(str(path), 1, "", str(error)) from None
    return parse_document(text, path.name.partition(".")[0], str(path), table)


def parse_document(text: str, name: str, file: str, table: Table) -> Document:
    """Parse a scenario from the text of a file. Raises BadDocument."""
    try:
        return _Reader(yaml_source.parse(text), name, file, operations(table)).document()
    except BadFile as error:
        raise BadDocument(file, error.line or 1, "", error.reason) from None


def sent_document(value: dict[str, Any], name: str, table: Table) -> Document:
    """Validate a scenario that a client has sent. Raises BadDocument."""
    try:
        return _Reader(yaml_source.document(value), name, name, operations(table)).document()
    except BadFile as error:
        raise BadDocument(name, 0, "", error.reason) from None


class _Reader:
    """Parses a document from top to bottom, up to the first error."""

    def __init__(self, text: ParsedFile, name: str, file: str, known: Mapping[str, NamedOperation]) -> None:
        self._text = text
        self._name = name
        self._file = file
        self._known = known
        self._sources: list[str] = []

    def document(self) -> Document:
        whole = self._text.value
        problem = _broken(whole)
        if problem is not None:
            raise self._bad(*problem)
        self._refuse(("components",), whole, ("components",))
        for number, source in enumerate(whole["sourceDescriptions"]):
            self._source((("sourceDescriptions", number)), source)
        found: dict[str, Workflow] = {}
        for number, node in enumerate(whole["workflows"]):
            path = ("workflows", number)
            if node["workflowId"] in found:
                raise self._bad((*path, "workflowId"), f"there are two workflows {node['workflowId']}")
            found[node["workflowId"]] = self._workflow(path, node)
        self._check_calls(whole["workflows"], found)
        info = whole["info"]
        return Document(
            name=self._name,
            file=self._file,
            title=info["title"],
            summary=info.get("summary", ""),
            sources=tuple(self._sources),
            workflows=found,
        )

    def _bad(self, path: Steps, reason: str) -> BadDocument:
        place = ".".join(map(str, path))
        return BadDocument(self._file, self._text.line(path), place, reason)

    @contextmanager
    def _at(self, path: Steps) -> Iterator[None]:
        try:
            yield
        except BadExpression as error:
            raise self._bad(path, str(error)) from None

    def _refuse(self, path: Steps, node: Mapping[str, Any], names: tuple[str, ...]) -> None:
        """Raise BadDocument if one of these unsupported members is present."""
        for name in names:
            if name in node:
                at = path if path and path[-1] == name else (*path, name)
                raise self._bad(at, f"{name} is not supported")

    def _source(self, path: Steps, source: Mapping[str, Any]) -> None:
        if source.get("type", "openapi") != "openapi":
            raise self._bad((*path, "type"), f"a source of type {source['type']} is not supported")
        if source["name"] not in (BILLOGRAM, MOCK):
            raise self._bad((*path, "name"), f"the sources are {BILLOGRAM} and {MOCK}, not {source['name']}")
        self._sources.append(source["name"])

    def _workflow(self, path: Steps, node: Mapping[str, Any]) -> Workflow:
        self._refuse(path, node, ("dependsOn", "successActions", "failureActions"))
        inputs = node.get("inputs", {})
        self._inputs((*path, "inputs"), inputs)
        shared = self._parameters((*path, "parameters"), node.get("parameters", []), placed=True)
        known = _Known(set(inputs.get("properties", {})))
        steps: list[Step] = []
        for number, each in enumerate(node["steps"]):
            at = (*path, "steps", number)
            if each["stepId"] in known.steps:
                raise self._bad((*at, "stepId"), f"there are two steps {each['stepId']}")
            steps.append(self._step(at, each, shared, known))
            known.steps[each["stepId"]] = set(steps[-1].outputs)
        outputs = self._outputs((*path, "outputs"), node.get("outputs", {}), known, ("inputs", "steps"))
        return Workflow(node["workflowId"], node.get("summary", ""), inputs, tuple(steps), outputs)

    def _inputs(self, path: Steps, inputs: Any) -> None:
        from jsonschema import Draft202012Validator, SchemaError

        if not isinstance(inputs, dict) or inputs.get("type", "object") != "object":
            raise self._bad(path, "the inputs are no JSON Schema of an object")
        try:
            Draft202012Validator.check_schema(inputs)
        except SchemaError as error:
            raise self._bad((*path, *error.absolute_path), error.message) from None
        for name, each in inputs.get("properties", {}).items():
            if not isinstance(each, dict) or "$ref" in each:
                raise self._bad(
                    (*path, "properties", name), "$ref is not supported, nor a schema that is a word"
                )
            if "default" in each:
                problem = wrong_input(each, each["default"])
                if problem is not None:
                    raise self._bad((*path, "properties", name, "default"), problem)

    def _parameters(
        self, path: Steps, node: list[Mapping[str, Any]], *, placed: bool
    ) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        for number, each in enumerate(node):
            at = (*path, number)
            if "reference" in each:
                raise self._bad(at, "a reference to components is not supported")
            place = each.get("in")
            if placed and place not in ("path", "query", "header"):
                raise self._bad(at, "in: path, query and header are supported")
            if any((other.name, other.place) == (each["name"], place) for other in found):
                raise self._bad(at, f"{each['name']} is given twice")
            found.append(Parameter(each["name"], place, each["value"]))
        return tuple(found)

    def _step(
        self, path: Steps, node: Mapping[str, Any], shared: tuple[Parameter, ...], known: "_Known"
    ) -> Step:
        self._refuse(path, node, ("operationPath", "onSuccess", "onFailure"))
        workflow = node.get("workflowId")
        own = self._parameters((*path, "parameters"), node.get("parameters", []), placed=workflow is None)
        for number, each in enumerate(own):
            self._expressions((*path, "parameters", number, "value"), each.value, known)
        step = Step(
            id=node["stepId"],
            line=self._text.line(path),
            description=node.get("description", "").strip(),
            outputs=self._outputs(
                (*path, "outputs"),
                node.get("outputs", {}),
                known,
                ("outputs",) if workflow is not None else ("statusCode", "body", "header"),
            ),
            criteria=self._criteria((*path, "successCriteria"), node.get("successCriteria", []), known),
        )
        if workflow is not None:
            self._refuse(path, node, ("requestBody", "successCriteria"))
            return replace(step, workflow=workflow, parameters=own)
        operation = self._operation((*path, "operationId"), node["operationId"])
        return replace(
            step,
            operation=operation,
            operation_id=node["operationId"].rpartition(".")[2],
            parameters=self._whole(path, operation, shared, own, known),
            payload=self._payload((*path, "requestBody"), node.get("requestBody"), known),
        )

    def _operation(self, path: Steps, node: str) -> NamedOperation:
        prefixed = _PREFIX.fullmatch(node)
        source, name = prefixed.groups() if prefixed else (None, node)
        if source is not None and source not in self._sources:
            raise self._bad(path, f"there is no source {source} in this document")
        found = self._known.get(name)
        if found is None or source not in (None, found.document):
            raise self._bad(
                path, f"{source or 'neither source'} has no operation {name}{self._suggestion(name)}"
            )
        if found.document not in self._sources:
            raise self._bad(path, f"{name} is of {found.document}, which is no source of this document")
        return found

    def _suggestion(self, name: str) -> str:
        from difflib import get_close_matches

        similar = get_close_matches(name, self._known, cutoff=0.6)
        return f"; did you mean {' or '.join(similar)}?" if similar else ""

    def _whole(
        self,
        path: Steps,
        operation: NamedOperation,
        shared: tuple[Parameter, ...],
        own: tuple[Parameter, ...],
        known: "_Known",
    ) -> tuple[Parameter, ...]:
        """Merge the parameters of a step and its workflow. Every path parameter must be given."""
        wanted = set(_IN_PATH.findall(operation.path))
        taken = {(each.name, each.place) for each in own}
        used = [
            each
            for each in shared
            if (each.name, each.place) not in taken and (each.place != "path" or each.name in wanted)
        ]
        for each in used:
            self._expressions(path, each.value, known)
        given = {each.name for each in (*used, *own) if each.place == "path"}
        for name in sorted(wanted - given):
            raise self._bad(path, f"the path parameter {name} is missing: {operation.path}")
        for name in sorted(given - wanted):
            raise self._bad(path, f"there is no path parameter {name}: {operation.path}")
        return (*used, *own)

    def _payload(self, path: Steps, node: Mapping[str, Any] | None, known: "_Known") -> Any:
        if node is None:
            return None
        self._refuse(path, node, ("replacements",))
        if node.get("contentType", _JSON) != _JSON:
            raise self._bad((*path, "contentType"), f"{node['contentType']} is not supported, only {_JSON}")
        self._expressions((*path, "payload"), node.get("payload"), known)
        return node.get("payload")

    def _criteria(self, path: Steps, node: list[Mapping[str, Any]], known: "_Known") -> tuple[Condition, ...]:
        found: list[Condition] = []
        for number, each in enumerate(node):
            at = (*path, number)
            kind = each.get("type", "simple")
            if kind != "simple":
                raise self._bad(at, f"a criterion of type {kind} is not supported")
            self._refuse(at, each, ("context",))
            with self._at(at):
                found.append(expressions.condition(each["condition"]))
            for expression in expressions.expressions_of(found[-1]):
                self._reachable(at, expression, known, ("statusCode", "body", "header", "inputs", "steps"))
        return tuple(found)

    def _outputs(
        self, path: Steps, node: Mapping[str, str], known: "_Known", sources: tuple[str, ...]
    ) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for name, text in node.items():
            with self._at((*path, name)):
                found[name] = expressions.parse(text)
            self._reachable((*path, name), found[name], known, sources)
        return found

    def _expressions(self, path: Steps, value: Any, known: "_Known") -> None:
        with self._at(path):
            found = list(expressions.expressions_in(value))
        for each in found:
            self._reachable(path, each, known, ("inputs", "steps"))

    def _reachable(self, path: Steps, each: Expression, known: "_Known", sources: tuple[str, ...]) -> None:
        if each.source not in sources:
            raise self._bad(path, f"{each.text} means nothing here")
        if each.source == "inputs" and each.name not in known.inputs:
            raise self._bad(path, f"{each.text}: the workflow has no input {each.name}")
        if each.source == "steps":
            if each.step not in known.steps:
                raise self._bad(path, f"{each.text}: no step {each.step} comes before")
            if each.name not in known.steps[each.step]:
                raise self._bad(path, f"{each.text}: the step {each.step} has no output {each.name}")

    def _check_calls(self, node: list[Mapping[str, Any]], found: Mapping[str, Workflow]) -> None:
        """Check the workflows that steps run: they exist, get their inputs, and do not recur."""
        ids = list(found)
        for number, workflow in enumerate(found.values()):
            for at, step in enumerate(workflow.steps):
                if step.workflow is None:
                    continue
                path = ("workflows", number, "steps", at)
                called = found.get(step.workflow)
                if called is None:
                    raise self._bad(
                        (*path, "workflowId"), f"there is no workflow {step.workflow} in this document"
                    )
                if ids.index(called.id) <= number:
                    raise self._bad((*path, "workflowId"), "a step can run only workflows that come later")
                given = {each.name for each in step.parameters}
                for name in sorted(given - set(called.known)):
                    raise self._bad(path, f"the workflow {called.id} has no input {name}")
                for name in sorted(called.required - given):
                    raise self._bad(path, f"the workflow {called.id} wants the input {name}")
                for name, each in step.outputs.items():
                    if each.name not in called.outputs:
                        reason = f"{each.text}: the workflow {called.id} has no output {each.name}"
                        raise self._bad((*path, "outputs", name), reason)


class _Known(Struct):
    """The inputs and step outputs that expressions can refer to at a place of a workflow."""

    inputs: set[str]
    steps: dict[str, set[str]] = {}


def wrong_input(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return why the value of an input violates its JSON Schema; None if it is valid."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    return None if error is None else str(error.message)


@cache
def _validator() -> Callable[[Any], Iterator[Any]]:
    from jsonschema import Draft202012Validator

    errors: Callable[[Any], Iterator[Any]] = Draft202012Validator(
        json.loads(_SCHEMA.read_text(encoding="utf-8"))
    ).iter_errors
    return errors


def _broken(whole: Any) -> tuple[Steps, str] | None:
    """Return path and message of the best match among the violations of the official JSON Schema, if any."""
    from jsonschema.exceptions import best_match

    if not (isinstance(whole, dict) and "arazzo" in whole):  # a file of another kind is not quoted
        return (), "is no Arazzo document"
    found = best_match(_validator()(whole))
    if found is None:
        return None
    return tuple(found.absolute_path), found.message
