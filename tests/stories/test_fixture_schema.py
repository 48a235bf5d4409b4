"""The JSON Schema of fixtures says what the server says."""

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mockserver.stories import library, yaml_source
from mockserver.stories.fixture_schema import schema
from mockserver.stories.fixtures import acts
from mockserver.wire import encode
from tests.server import Server
from tests.stories.test_fixture_errors import LISTED, Bad


@cache
def validator() -> Any:
    made = schema()
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def document(text: str) -> Any:
    return json.loads(encode(yaml_source.parse(text).value))


@pytest.mark.parametrize("name", library.names(library.FIXTURES))
def test_the_library_fits(name: str) -> None:
    text = (library.folder(library.FIXTURES) / f"{name}.yaml").read_text(encoding="utf-8")
    assert [problem.message for problem in validator().iter_errors(document(text))] == []


def test_it_knows_what_can_be_done() -> None:
    members = validator().schema["properties"]["acts"]["items"]["properties"]
    assert members["do"]["enum"] == list(acts())
    assert {"createBillogram", "sendBillogram", "recallPayment", "simulateMessage"} <= set(acts())
    assert not {"getBillogram", "advanceClock", "createFault", "createSnapshot", "resetAccount"} & set(acts())


FORM = [
    bad for bad in LISTED if any(word in bad.said for word in ("unknown key", "needs on", "must be a list"))
]


@pytest.mark.parametrize("bad", FORM, ids=lambda bad: bad.said)
def test_what_the_server_refuses_for_its_form_does_not_fit(bad: Bad) -> None:
    assert not validator().is_valid(document(bad.text))


def test_a_wrong_value_in_a_body_does_not_fit(server: Server) -> None:
    row = '{title: Axe, price: "much", vat: 25, unit: unit}'
    assert not validator().is_valid(document(f"items:\n- {row}\n"))
    assert validator().is_valid(document("items:\n- {title: Axe, price: 5, vat: 25, unit: unit}\n"))
    assert (
        server.mock("POST", "/accounts", {"id": "a", "fixture": document(f"items:\n- {row}\n")}).status == 400
    )
