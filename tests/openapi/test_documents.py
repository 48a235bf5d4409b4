"""The two documents: valid, of what is built and no more, the same everywhere, with examples that work."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from openapi_spec_validator import validate

from mockserver.api.commands import COMMANDS
from mockserver.api.operations import OPERATIONS
from mockserver.control.operations import OPERATIONS as CONTROL_OPERATIONS
from mockserver.control.simulate import DEEDS
from tests.documented import API, CONTROL, Document, hold, hold_control
from tests.server import ACCOUNT, Answer, Server, dumps

DOCUMENTS = {"api": API, "control": CONTROL}
both = pytest.mark.parametrize("name", DOCUMENTS)


class Described(Struct, frozen=True):
    """An operation of a document."""

    id: str
    method: str
    path: str
    said: Document


def described(made: Document) -> Iterator[Described]:
    for path, methods in made["paths"].items():
        for method, said in methods.items():
            yield Described(said["operationId"], method.upper(), path, said)


def inside(part: Any) -> Iterator[Any]:
    yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from inside(each)


# the documents


@both
def test_it_is_valid(name: str) -> None:
    validate(DOCUMENTS[name])
    assert DOCUMENTS[name]["openapi"] == "3.1.0"


def test_they_hold_what_is_built_and_nothing_else() -> None:
    commands = {row.id for row in COMMANDS.values() if row is not None}
    built = {row.id for row in OPERATIONS if row.endpoint is not None} - {"commandBillogram"}
    assert {each.id for each in described(API)} == built | commands
    deeds = {"simulateMessage"}
    assert [name for name, model in DEEDS.items() if model is not None] == ["message"]
    built = {row.id for row in CONTROL_OPERATIONS if row.endpoint is not None} - {"simulateBillogram"}
    assert {each.id for each in described(CONTROL)} == built | deeds


@both
def test_every_operation_says_what_it_does_and_what_it_may_refuse(name: str) -> None:
    ids = [each.id for each in described(DOCUMENTS[name])]
    assert len(ids) == len(set(ids))
    for each in described(DOCUMENTS[name]):
        assert each.said["summary"], each.id
        assert each.said["tags"], each.id
        assert len(each.said["responses"]) > (1 if each.id != "health" else 0), each.id
        partly = each.id == "updateBillogram"  # nothing of a sent one can be changed yet
        assert ("501" in each.said["responses"]) is partly, each.id
        assert "500" not in each.said["responses"]


@both
def test_no_answer_is_open(name: str) -> None:
    """What is not named is not answered, but where anything may stand."""
    for schema in inside(DOCUMENTS[name]["components"]["schemas"]):
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and "type" in schema:
            assert schema["type"] == "object"
            assert schema["additionalProperties"] is False, schema


@both
def test_nothing_of_the_house_is_told(name: str) -> None:
    """No evidence tags, no references to our own papers, no names that stand for something later."""
    text = json.dumps(DOCUMENTS[name])
    for word in ("[D]", "[R]", "[C]", "[S]", "[A]", "(reference:", "x-component"):
        assert word not in text


def test_read_only_and_unbuilt_members_stand_in_no_request() -> None:
    schemas = API["components"]["schemas"]
    sent = schemas["BillogramFields"]["properties"]
    assert not set(sent) & {"id", "state", "events", "created_at", "attachment", "_event", "event"}
    assert schemas["CreditFields"]["properties"]["mode"]["enum"] == ["full"]
    account = CONTROL["components"]["schemas"]["AccountBody"]["properties"]
    assert not set(account) & {"fixture"}


def test_what_is_required_of_a_client() -> None:
    schemas = API["components"]["schemas"]
    required = {name: schemas[name].get("required", []) for name in schemas if name.endswith("Fields")}
    assert required["CustomerFields"] == ["name"]
    assert required["ItemFields"] == ["title", "price", "vat", "unit"]
    assert required["BillogramFields"] == ["customer", "items"]
    assert required["RecipientFields"] == ["customer_no"]
    assert required["RowFields"] == ["count"]
    assert (required["AmountFields"], required["MessageFields"]) == (["amount"], ["message"])


@pytest.mark.parametrize("arguments", [["openapi"], ["openapi", "--control"]], ids=" ".join)
def test_the_command_prints_the_same_in_every_process(arguments: list[str]) -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-m", "mockserver", *arguments],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    made = json.loads(printed[0])
    wanted = copy.deepcopy(DOCUMENTS["control" if "--control" in arguments else "api"])
    for each in (made, wanted):
        del each["servers"], each["security"]
    if "--control" in arguments:  # without a token nobody is unauthorized
        for methods in wanted["paths"].values():
            for said in methods.values():
                said["responses"].pop("401", None)
    assert made == wanted


# being served


def test_the_one_of_the_api_wants_no_credentials(server: Server) -> None:
    answer = server.run(server.asgi("GET", "/openapi.json"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    made = json.loads(answer.body)
    assert made["servers"] == [{"url": "http://mock.test/api/v2"}]
    assert made == json.loads(json.dumps(API))
    assert server.run(server.asgi("HEAD", "/openapi.json")).body == b""
    refused = server.run(server.asgi("POST", "/openapi.json"))
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
    assert not list(server.emulator.books())


def test_the_one_of_the_control_plane_wants_the_token() -> None:
    server = Server(control_token="s3cret")
    assert server.mock("GET", "/openapi.json").status == 401
    answer = server.mock("GET", "/openapi.json", token="s3cret")
    assert json.loads(answer.body) == json.loads(json.dumps(CONTROL))
    server.close()


def test_they_tell_of_how_the_server_was_started() -> None:
    server = Server(public_url="https://mock.example.com/", invalid_auth_status=401)
    made = json.loads(server.run(server.asgi("GET", "/openapi.json")).body)
    assert made["servers"] == [{"url": "https://mock.example.com/api/v2"}]
    answers = made["paths"]["/settings"]["get"]["responses"]
    assert answers["401"]["description"] == "INVALID_AUTH, MISSING_AUTH"
    assert "403" not in answers
    control = json.loads(server.mock("GET", "/openapi.json").body)
    assert control["servers"] == [{"url": "https://mock.example.com/_mock"}]
    assert {} in control["security"]
    server.close()


# the examples


def example(each: Described) -> Any:
    if "requestBody" not in each.said:
        return None
    return each.said["requestBody"]["content"]["application/json"].get("example")


@pytest.mark.parametrize(
    "each", [each for each in described(API) if example(each) is not None], ids=lambda each: str(each.id)
)
def test_the_example_works(each: Described, server: Server) -> None:
    customer = server.customer()
    server.post("/item", {"title": "Item", "price": 1, "vat": 25, "unit": "unit"})
    sent = each.id in ("payBillogram", "creditBillogram")
    made = server.sent if sent else server.draft
    billogram = made(customer={"customer_no": customer})["id"]
    path = each.path.format(customer_no=customer, item_no="1", id=billogram)
    assert server.call(each.method, path, example(each)).status == 200


@pytest.mark.parametrize(
    "each", [each for each in described(CONTROL) if example(each) is not None], ids=lambda each: str(each.id)
)
def test_the_example_of_the_control_plane_works(each: Described, server: Server) -> None:
    path = each.path.format(a=ACCOUNT, id=server.sent()["id"])
    answer = server.mock(each.method, path, example(each))
    assert answer.status < 300, answer


def test_every_body_has_an_example() -> None:
    lacking = {
        each.id
        for made in DOCUMENTS.values()
        for each in described(made)
        if "requestBody" in each.said and example(each) is None
    }
    assert lacking == {"allocatePayment"}, "its ids are drawn, so none works everywhere"


# the check itself


def members(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each member of an answer, at any depth."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*path, name)
            yield from members(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from members(each, (*path, index))


def renamed(value: Any, path: tuple[Any, ...]) -> Any:
    found = copy.deepcopy(value)
    place = found
    for step in path[:-1]:
        place = place[step]
    place[f"{path[-1]}_renamed"] = place.pop(path[-1])
    return found


def test_a_member_of_another_name_is_seen_wherever_it_stands(server: Server) -> None:
    key = server.sent()["id"]
    server.command(key, "payment", {"amount": 125})
    seen = 0
    for path in (f"/billogram/{key}", "/billogram?page=1&page_size=9", "/settings", "/customer/1"):
        answer = server.get(path)
        for place in members(json.loads(answer.body)):
            body = dumps(renamed(json.loads(answer.body), place))
            with pytest.raises((AssertionError, KeyError)):
                hold("GET", path, Answer(200, answer.headers, body))
            seen += 1
    assert seen > 200


def test_a_member_of_another_name_is_seen_in_the_control_plane(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "callbacks": {"url": "mock:inbox"}})
    key = server.sent()["id"]
    server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/wait", {"idle": True})
    for path in ("clock", "timeline", "deliveries", "inbox", "callbacks", "agenda", "requests"):
        answer = server.mock("GET", f"/accounts/{ACCOUNT}/{path}")
        shown = json.loads(answer.body)
        assert shown, path
        for place in members(shown):
            if set(place) & {"headers", "compared"}:  # their members are not ours to name
                continue
            body = dumps(renamed(shown, place))
            with pytest.raises(AssertionError):
                hold_control("GET", f"/accounts/{ACCOUNT}/{path}", Answer(200, answer.headers, body))
    assert key
