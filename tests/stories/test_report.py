"""What is told of a step that failed, and JUnit."""

import asyncio
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mockserver import create_app
from mockserver.stories import arazzo, report, runs
from mockserver.stories.caller import Caller
from mockserver.stories.operations import OPERATIONS
from mockserver.stories.remote import basic
from mockserver.stories.report import Timed
from mockserver.stories.runs import BadInputs, Run

HEAD = """\
arazzo: 1.0.1
info: {title: Small, version: 1.0.0}
sourceDescriptions:
  - {name: billogram, url: "http://127.0.0.1:8080/openapi.json", type: openapi}
  - {name: mock, url: "http://127.0.0.1:8080/_mock/openapi.json", type: openapi}
workflows:
  - workflowId: small
    inputs:
      type: object
      required: [name]
      properties:
        account: {type: string}
        name: {type: string, default: A, maxLength: 10}
        many: {type: number}
    parameters:
      - {name: a, in: path, value: $inputs.account}
    steps:
      - stepId: ready
        operationId: ready
"""
CUSTOMER = """\
      - stepId: customer
        description: Somebody without an address.
        operationId: createCustomer
        requestBody:
          payload: {name: $inputs.name, contact: {email: 5}}
        successCriteria:
          - condition: $statusCode == 200 && $response.body#/data/customer_no >= 1
          - condition: $response.header.Content-Type == 'application/json'
          - condition: $response.body#/data/field == $inputs.name || $response.body#/status == 'OK'
"""
GOLDEN = """\
small: the step customer failed, line 20
  Somebody without an address.

  POST /api/v2/customer                                     answer 400
  {                                                         {
    "name": "A",                                              "status": "INVALID_PARAMETER",
    "contact": {                                              "data": {
      "email": 5                                                "message": "invalid email",
    }                                                           "field": "email",
  }                                                             "field_path": [
                                                                  "contact"
                                                                ]
                                                              }
                                                            }

       expected                                             found
  NOT  $statusCode == 200                                   400
  NOT  $response.body#/data/customer_no >= 1                reaches no value
  ok   $response.header.Content-Type == "application/json"  "application/json"
  NOT  $response.body#/data/field == "A" ($inputs.name)     "email"
  NOT  $response.body#/status == "OK"                       "INVALID_PARAMETER"
"""


def ran(steps: str, **inputs: Any) -> Run:
    document = arazzo.parse_document(HEAD + steps, "small", "small.yaml", OPERATIONS)
    return asyncio.run(
        runs.run(document, Caller(create_app(), "shop"), inputs, credentials=basic("shop", "-"))
    )


def test_a_step_that_failed_side_by_side() -> None:
    assert report.failure(ran(CUSTOMER)) + "\n" == GOLDEN


LONG = """\
      - stepId: settings
        operationId: getSettings
        successCriteria:
          - condition: $response.body#/data == null
"""


def test_a_long_answer_is_cut() -> None:
    told = report.failure(ran(LONG))
    assert "more lines" in told
    assert len(told.splitlines()) < 35
    assert all(len(line) < 200 for line in told.splitlines())


def test_a_run_that_passed_has_nothing_to_tell() -> None:
    passed = ran("")
    assert (passed.status, passed.failed, report.failure(passed)) == ("passed", None, "")


PROBLEMS = {
    "without criteria": ("      - stepId: none\n        operationId: getAccount\n", "the answer is 404"),
    "an output that is not there": (
        "      - stepId: out\n        operationId: info\n        outputs: {x: $response.body#/x}\n",
        "$response.body#/x reaches no value",
    ),
    "an input that is not there": (
        "      - stepId: in\n        operationId: createPayment\n"
        "        requestBody: {payload: {amount: $inputs.many}}\n",
        "$inputs.many reaches no value",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_that_is_no_criterion(name: str) -> None:
    steps, said = PROBLEMS[name]
    found = ran(steps)
    assert found.failed is not None
    assert found.failed.problem == said
    assert f"  {said}" in report.failure(found).splitlines()


NESTED = """\
      - stepId: inner
        workflowId: deeper
        parameters: [{name: who, value: "{$inputs.name}"}]
  - workflowId: deeper
    inputs: {type: object, properties: {who: {type: string, maxLength: 3}}}
    steps:
      - stepId: there
        operationId: info
        successCriteria: [{condition: $statusCode == 201}]
"""


def test_a_step_within_another() -> None:
    found = ran(NESTED)
    assert report.failure(found).startswith("small: the step inner > there failed, line 26\n")
    assert runs.count(found.steps) == 3
    refused = ran(NESTED, name="Anna")
    assert refused.failed is not None
    assert refused.failed.problem == "who: 'Anna' is too long"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"colour": 1}, "the workflow small has no input colour (its inputs: account, name, many)"),
        ({"name": 5}, "name: 5 is not of type 'string'"),
        ({"name": "A" * 11}, "name: 'AAAAAAAAAAA' is too long"),
        ({"many": "x"}, "many: 'x' is not of type 'number'"),
    ],
)
def test_bad_inputs(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputs) as error:
        ran("", **inputs)
    assert str(error.value) == said


def test_an_output_of_an_input_that_was_not_given_is_left_out() -> None:
    outputs = "    outputs: {name: $inputs.name, many: $inputs.many}\n"
    assert ran(outputs).outputs == {"name": "A"}
    assert ran(outputs, many=3).outputs == {"name": "A", "many": 3}


def test_inputs_as_text() -> None:
    document = arazzo.parse_document(HEAD, "small", "small.yaml", OPERATIONS)
    assert runs.from_text(document, {"name": "5", "many": "5"}) == {"name": "5", "many": 5}


def test_junit(tmp_path: Path) -> None:
    odd = ran(CUSTOMER, name="<&\x01å]]>")
    text = report.junit([Timed(ran(""), 0.25), Timed(odd, 1.5)])
    (tmp_path / "report.xml").write_text(text, encoding="utf-8")
    root = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["time"]) == (
        *("testsuites", "2", "1"),
        "1.750",
    )
    passed, failed = root.iter("testcase")
    assert (passed.attrib, len(passed)) == (
        {"classname": "scenarios", "name": "small", "time": "0.250"},
        0,
    )
    (failure,) = failed
    assert failure.attrib["message"] == "small: the step customer failed, line 20"
    assert failure.text is not None
    assert "<&" in failure.text
    assert "å]]>" in failure.text
