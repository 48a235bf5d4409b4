"""Documents that are no scenarios, or use what is not supported: file, line, place, reason."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mockserver.stories import arazzo
from mockserver.stories.arazzo import BadDocument
from mockserver.stories.operations import OPERATIONS

SCHEMA = Path(arazzo.__file__).parent / "schema" / "arazzo-1.0.json"


def good() -> dict[str, Any]:
    """A small document that is right."""
    return {
        "arazzo": "1.0.1",
        "info": {"title": "Small", "version": "1.0.0"},
        "sourceDescriptions": [
            {"name": "billogram", "url": "http://h/openapi.json", "type": "openapi"},
            {"name": "mock", "url": "http://h/_mock/openapi.json", "type": "openapi"},
        ],
        "workflows": [
            {
                "workflowId": "small",
                "inputs": {"type": "object", "properties": {"who": {"type": "string", "default": "a"}}},
                "parameters": [{"name": "a", "in": "path", "value": "$inputs.who"}],
                "steps": [
                    {
                        "stepId": "one",
                        "operationId": "$sourceDescriptions.billogram.createCustomer",
                        "requestBody": {"payload": {"name": "A {$inputs.who}"}},
                        "successCriteria": [{"condition": "$statusCode == 200"}],
                        "outputs": {"number": "$response.body#/data/customer_no"},
                    },
                    {
                        "stepId": "two",
                        "workflowId": "other",
                        "parameters": [{"name": "number", "value": "$steps.one.outputs.number"}],
                        "outputs": {"state": "$outputs.state"},
                    },
                    {"stepId": "three", "operationId": "getClock"},
                ],
                "outputs": {"number": "$steps.one.outputs.number"},
            },
            {
                "workflowId": "other",
                "inputs": {"type": "object", "required": ["number"], "properties": {"number": {}}},
                "steps": [
                    {
                        "stepId": "get",
                        "operationId": "getCustomer",
                        "parameters": [{"name": "customer_no", "in": "path", "value": "$inputs.number"}],
                    }
                ],
                "outputs": {"state": "$inputs.number"},
            },
        ],
    }


def changed(path: str, value: Any) -> str:
    """The good one with one member set, or gone (None)."""
    whole: Any = good()
    *above, last = (int(word) if word.isdigit() else word for word in path.split("."))
    place = whole
    for word in above:
        place = place[word]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return yaml.safe_dump(whole, sort_keys=False)


def refused(text: str) -> BadDocument:
    with pytest.raises(BadDocument) as found:
        arazzo.parse_document(text, "small", "small.yaml", OPERATIONS)
    assert str(found.value).startswith(f"small.yaml:{found.value.line}: ")
    return found.value


def test_the_schema_is_the_official_one() -> None:
    digest = hashlib.sha256(SCHEMA.read_bytes()).hexdigest()
    assert digest == "b8715bd824fffcb2accf5077977d37c9e7a15be60d785e7a3a51cf600fd46ad4"
    notice = SCHEMA.with_name("NOTICE").read_text(encoding="utf-8")
    assert digest in notice
    assert "Apache License" in SCHEMA.with_name("LICENSE").read_text(encoding="utf-8")


def test_a_good_one() -> None:
    found = arazzo.parse_document(yaml.safe_dump(good()), "small", "small.yaml", OPERATIONS)
    assert (found.title, list(found.workflows), found.anywhere) == ("Small", ["small", "other"], False)
    step = found.workflows["small"].steps[0]
    assert step.operation is not None
    assert (step.operation.method, step.operation.path) == ("POST", "/customer")
    assert [each.name for each in step.parameters] == []  # it has no use for the path parameter a
    assert found.workflows["other"].required == {"number"}


W, S = "workflows.0", "workflows.0.steps.0"
RETRY = [{"name": "again", "type": "retry", "stepId": "one", "retryAfter": 1, "retryLimit": 3}]
GOTO = [{"name": "on", "type": "goto", "stepId": "three"}]

UNSUPPORTED = {
    f"{S}.onFailure": RETRY,
    f"{S}.onSuccess": GOTO,
    f"{W}.successActions": GOTO,
    f"{W}.failureActions": [{"name": "stop", "type": "end"}],
    f"{W}.dependsOn": ["other"],
    "components": {"parameters": {"x": {"name": "x", "in": "query", "value": 1}}},
}


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_what_is_not_supported_is_named(path: str) -> None:
    error = refused(changed(path, UNSUPPORTED[path]))
    assert error.reason == f"{path.rpartition('.')[2]} is not supported"
    assert error.place == path


CASES: list[tuple[str, Any, str, str]] = [
    # what is changed, to what; where it is seen, and the reason
    ("arazzo", "1.1.0", "arazzo", "does not match"),
    ("info.title", None, "info", "'title' is a required property"),
    ("workflows", [], "workflows", "non-empty"),
    (f"{S}.colour", "red", S, "Unevaluated properties are not allowed ('colour' was unexpected)"),
    (f"{S}.operationId", None, S, "is not valid"),
    (
        f"{S}.operationId",
        "createCustomers",
        f"{S}.operationId",
        "neither source has no operation createCustomers; did you mean createCustomer",
    ),
    (
        f"{S}.operationId",
        "$sourceDescriptions.mock.createCustomer",
        f"{S}.operationId",
        "mock has no operation createCustomer",
    ),
    (
        f"{S}.operationId",
        "$sourceDescriptions.shop.createCustomer",
        f"{S}.operationId",
        "there is no source shop in this document",
    ),
    (f"{S}.operationId", "getBillogram", S, "the path parameter id is missing: /billogram/{id}"),
    (
        f"{S}.parameters",
        [{"name": "id", "in": "path", "value": 1}],
        S,
        "there is no path parameter id: /customer",
    ),
    (f"{S}.parameters", [{"name": "x", "in": "cookie", "value": 1}], f"{S}.parameters.0", "in: path"),
    (
        f"{S}.parameters",
        [{"reference": "$components.parameters.x"}],
        f"{S}.parameters.0",
        "a reference to components is not supported",
    ),
    (
        f"{S}.parameters",
        [{"name": "x", "in": "query", "value": 1}, {"name": "x", "in": "query", "value": 2}],
        f"{S}.parameters.1",
        "x is given twice",
    ),
    ("sourceDescriptions.0.name", "api", "sourceDescriptions.0.name", "the sources are billogram and mock"),
    ("sourceDescriptions.0.type", "arazzo", "sourceDescriptions.0.type", "a source of type arazzo"),
    ("sourceDescriptions.1", None, "workflows.0.steps.2.operationId", "getClock is of mock, which is no"),
    (f"{S}.requestBody.contentType", "text/xml", f"{S}.requestBody.contentType", "text/xml is not supported"),
    (
        f"{S}.requestBody.replacements",
        [{"target": "/name", "value": "B"}],
        f"{S}.requestBody.replacements",
        "replacements is not supported",
    ),
    (
        f"{S}.requestBody.payload",
        {"name": ["$steps.two.outputs.state"]},
        f"{S}.requestBody.payload",
        "$steps.two.outputs.state: no step two comes before",
    ),
    (
        f"{S}.requestBody.payload",
        "$inputs.whom",
        f"{S}.requestBody.payload",
        "the workflow has no input whom",
    ),
    (f"{S}.requestBody.payload", "$url", f"{S}.requestBody.payload", "$url is not supported"),
    (f"{S}.requestBody.payload", "$5", f"{S}.requestBody.payload", "$5 is no runtime expression"),
    (f"{S}.requestBody.payload", "$statusCode", f"{S}.requestBody.payload", "means nothing here"),
    (
        f"{S}.successCriteria.0",
        {"context": "$response.body", "condition": "^a", "type": "regex"},
        f"{S}.successCriteria.0",
        "a criterion of type regex is not supported",
    ),
    (
        f"{S}.successCriteria.0",
        {
            "context": "$response.body",
            "condition": "//a",
            "type": "xpath",
            "version": "xpath-30",
        },
        f"{S}.successCriteria.0",
        "a criterion of type xpath is not supported",
    ),
    (
        f"{S}.successCriteria.0",
        {"context": "$response.body", "condition": "$.a", "type": "jsonpath"},
        f"{S}.successCriteria.0",
        "a criterion of type jsonpath is not supported",
    ),
    (f"{S}.successCriteria.0.condition", "!true", f"{S}.successCriteria.0", "! and ( ) are not supported"),
    (f"{S}.outputs.number", "$response.query.x", f"{S}.outputs.number", "is not supported"),
    (f"{S}.outputs.number", "$outputs.x", f"{S}.outputs.number", "$outputs.x means nothing here"),
    (f"{W}.outputs.number", "$steps.one.outputs.x", f"{W}.outputs.number", "the step one has no output x"),
    (f"{W}.steps.2.stepId", "one", f"{W}.steps.2.stepId", "there are two steps one"),
    ("workflows.1.workflowId", "small", "workflows.1.workflowId", "there are two workflows small"),
    (f"{W}.steps.1.workflowId", "nobody", f"{W}.steps.1.workflowId", "there is no workflow nobody"),
    (f"{W}.steps.1.workflowId", "small", f"{W}.steps.1.workflowId", "only workflows that come later"),
    (f"{W}.steps.1.parameters", [], f"{W}.steps.1", "the workflow other wants the input number"),
    (f"{W}.steps.1.parameters.0.name", "no", f"{W}.steps.1", "the workflow other has no input no"),
    (f"{W}.steps.1.outputs.state", "$outputs.x", f"{W}.steps.1.outputs.state", "other has no output x"),
    (f"{W}.inputs", {"type": "array"}, f"{W}.inputs", "no JSON Schema of an object"),
    (f"{W}.inputs", {"type": "objekt"}, f"{W}.inputs", ""),
    (
        f"{W}.inputs.properties.who",
        {"$ref": "#/components/inputs/who"},
        f"{W}.inputs.properties.who",
        "$ref is not supported",
    ),
    (f"{W}.inputs.properties.who.default", 5, f"{W}.inputs.properties.who.default", "5 is not of type"),
]


@pytest.mark.parametrize(("path", "value", "place", "reason"), CASES)
def test_what_is_wrong_is_told_with_its_place(path: str, value: Any, place: str, reason: str) -> None:
    text = changed(path, value)
    error = refused(text)
    assert reason in error.reason
    assert error.place.startswith(place)
    word = error.place.rpartition(".")[2]
    if not word.isdigit():
        assert f"{word}:" in text.splitlines()[error.line - 1]


TEXTS = [
    ("", 1, "is empty"),
    ("- 1", 1, "is no Arazzo document"),
    ("a: 1\nb: [1", 3, "bad YAML: "),
    ("a: 1\nb:\n  c: 1\n  c: 2", 4, "duplicate key"),
    ("a: &x [1, *x]", 1, "too many values, or too deep"),
    ("? [1]\n: 2", 1, "a key must be text"),
    ("a: *x", 1, "bad YAML: "),
    ("a: 1\n--- \nb: 2", 2, "bad YAML: "),
    ("a: \x07", 1, "bad YAML: "),
    ("a: [" + "x, " * 200_001 + "]", 1, "too many values, or too deep"),
]


@pytest.mark.parametrize(("text", "line", "reason"), TEXTS, ids=range(len(TEXTS)))
def test_what_can_not_be_read(text: str, line: int, reason: str) -> None:
    error = refused(text)
    assert (error.line, error.place) == (line, "")
    assert error.reason.startswith(reason)


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match="can't be read: "):
        arazzo.load(tmp_path, OPERATIONS)
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(BadDocument, match="is not UTF-8"):
        arazzo.load(tmp_path / "bad.yaml", OPERATIONS)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(good()))
    assert arazzo.load(path, OPERATIONS).title == "Small"
    path.write_text(yaml.safe_dump(good()).replace("Small", "Smaller"))
    assert arazzo.load(path, OPERATIONS).title == "Smaller"
