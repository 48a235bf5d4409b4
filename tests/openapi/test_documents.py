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

from mockserver.api import offer, payment_source
from mockserver.api.commands import COMMANDS
from mockserver.api.operations import OPERATIONS
from mockserver.control.simulate import BILLOGRAM_SIMULATIONS, CUSTOMER_SIMULATIONS
from mockserver.stories.operations import OPERATIONS as CONTROL_OPERATIONS
from tests.api.test_offer import SALE
from tests.documented import API, CONTROL, Document, hold, hold_control
from tests.server import ACCOUNT, Answer, Server, charge, dumps

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
    commands = {row.id for row in COMMANDS.values()}
    built = {row.id for row in OPERATIONS} - {"commandBillogram"}
    assert {each.id for each in described(API)} == built | commands
    every = [*BILLOGRAM_SIMULATIONS.items(), *CUSTOMER_SIMULATIONS.items()]
    deeds = {f"simulate{name.title().replace('-', '')}" for name, deed in every if deed is not None}
    assert len(deeds) >= 13
    rows = {"simulateBillogram", "simulateCustomer"}
    built = {row.id for row in CONTROL_OPERATIONS} - rows
    assert {each.id for each in described(CONTROL)} == built | deeds


@both
def test_every_operation_says_what_it_does_and_what_it_may_refuse(name: str) -> None:
    ids = [each.id for each in described(DOCUMENTS[name])]
    assert len(ids) == len(set(ids))
    for each in described(DOCUMENTS[name]):
        assert each.said["summary"], each.id
        assert each.said["tags"], each.id
        assert len(each.said["responses"]) > (1 if each.id != "health" else 0), each.id
        assert "501" not in each.said["responses"], each.id
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
    assert not set(sent) & {"id", "state", "events", "created_at", "_event", "event"}


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
    assert not list(server.emulator.live_accounts())


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
    # a copy: tests put real numbers in, and the document is that of all tests
    return copy.deepcopy(each.said["requestBody"]["content"]["application/json"].get("example"))


@pytest.mark.parametrize(
    "each", [each for each in described(API) if example(each) is not None], ids=lambda each: str(each.id)
)
def test_the_example_works(each: Described, server: Server) -> None:
    customer = server.customer()
    server.post("/item", {"title": "Item", "price": 1, "vat": 25, "unit": "unit"})
    billogram = reached(server, str(each.id), customer)
    if each.id == "updateOffer":
        server.post("/offer", offer.EXAMPLE)
    path = each.path.format(customer_no=customer, item_no="1", id=billogram, offer_id="banner7")
    body = example(each)
    if "source_id" in body:  # an id is drawn
        back = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]
        body["source_id"] = server.sent(customer={"customer_no": customer}, items=back)["id"]
    parameters = each.said.get("parameters", [])
    headers = {one["name"]: one["schema"]["examples"][0] for one in parameters if one["in"] == "header"}
    assert server.call(each.method, path, body, headers=headers).status == 200


LATE = {"invoice_date": "2026-01-01", "due_date": "2026-01-31"}
DRAFTS = {"sendBillogram", "sellBillogram", "updateBillogram", "messageBillogram", "attachToBillogram"}


def reached(server: Server, operation: str, customer: int) -> str:
    """A billogram, or a mandate, on which the operation's example works."""
    if operation == "cancelPaymentSource":
        server.post("/sepa_dd_mandate", payment_source.IMPORT | {"customer_no": customer})
        return str(server.get(f"/payment_source?customer_no={customer}").data[0]["id"])
    made = server.draft if operation in DRAFTS else server.sent
    price = -100 if operation == "payOutCredit" else 100
    rows = [{"title": "Row", "count": 1, "price": price, "vat": 25}]
    more = LATE if operation in ("remindBillogram", "collectBillogram") else {}
    key = str(made(customer={"customer_no": customer}, items=rows, **more)["id"])
    if operation == "removeRespite":
        server.command(key, "respite", {"date": "2026-12-31"})
    if operation == "settleUnderpayment":
        server.command(key, "payment", {"amount": 100})
    elif operation == "revertWritedown":
        server.command(key, "writedown")
    elif operation == "writeoffBillogram":
        charge(server, key, 60)
        server.command(key, "payment", {"amount": 125})
    return key


OF_CONTROL = {each.id: each for each in described(CONTROL) if example(each) is not None}


@pytest.mark.parametrize("name", sorted(OF_CONTROL.keys() - {"allocatePayment"}))
def test_the_example_of_the_control_plane_works(name: str, server: Server) -> None:
    each = OF_CONTROL[name]
    key = server.draft()["id"] if "factoring" in each.path else server.sent(**LATE)["id"]
    if "factoring" in each.path:
        server.command(key, "sell")
    if "/collect" in each.path:
        server.command(key, "collect")
    if name in ("recallPayment", "changeMockPaymentSource") or "schedule" in each.path:
        key = debited(server, name)
    if name == "simulateDisableRecurring":
        server.mock(
            "POST", f"/accounts/{ACCOUNT}/customers/1/simulate/enable-recurring", {"type": "autogiro"}
        )
    if name == "simulateEinvoiceDeregister":
        server.mock("POST", f"/accounts/{ACCOUNT}/customers/1/simulate/einvoice-register", {})
    if name in ("simulateEinvoiceMismatch", "simulateEinvoiceNotFound"):
        server.mock("PATCH", f"/accounts/{ACCOUNT}", {"market": "Finland"})
    if name == "simulateAcceptSale":
        server.post("/offer", SALE)
    number = 999 if name == "simulateEinvoiceNotFound" else 1
    path = each.path.format(a=ACCOUNT, id=key, no=number, name="pay-in-parts")
    answer = server.mock(each.method, path, example(each))
    assert answer.status < 300, answer


def debited(server: Server, name: str) -> str:
    """What the operation needs: money of a direct debit, a mandate, or a billogram that it serves."""
    number = server.customer()
    key = str(server.sent(customer={"customer_no": number}, currency="EUR")["id"])
    if name == "recallPayment":
        money = {"amount": 125, "billogram": key, "scheme": "SEPA_DIRECT_DEBIT"}
        return str(server.mock("POST", f"/accounts/{ACCOUNT}/payments", money).json["id"])
    server.post("/sepa_dd_mandate", payment_source.IMPORT | {"customer_no": number})
    if name == "simulateSchedulePayment":
        server.mock("POST", f"/accounts/{ACCOUNT}/billograms/{key}/simulate/cancel-scheduled-payment")
    return key if "Payment" in name and "Source" not in name else next(iter(server.state().sources))


def test_the_example_of_an_allocation_works_in_the_account_of_the_first_example(server: Server) -> None:
    made, each = example(OF_CONTROL["createAccount"]), OF_CONTROL["allocatePayment"]
    server.mock("POST", "/accounts", made)
    who = {"account": made["id"], "key": made["key"]}
    contact = {"email": "contact@example.com"}
    number = server.post("/customer", {"name": "A", "contact": contact}, **who).data["customer_no"]
    row = {"title": "Row", "count": 1, "price": 100, "vat": 25}
    draft = {"customer": {"customer_no": number}, "items": [row]}
    sent = draft | {"on_success": {"command": "send", "method": "Email"}}
    assert server.post("/billogram", sent, **who).data["state"] == "Unpaid"
    money = server.mock("POST", f"/accounts/{made['id']}/payments", {"amount": 100}).json
    answer = server.mock(each.method, each.path.format(a=made["id"], id=money["id"]), example(each))
    assert (answer.status, answer.json["unmatched"]) == (200, 50)


def test_every_body_has_an_example() -> None:
    for made in DOCUMENTS.values():
        for each in described(made):
            assert "requestBody" not in each.said or example(each) is not None, each.id


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
