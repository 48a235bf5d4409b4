"""What nobody should send: it is answered like anything else, and changes nothing it was refused for.

Every field of every body gets values of every kind; then bodies, paths and query strings that are broken in
themselves; then random bytes at a socket (reference: api 1.1, 1.3, 1.6, 1.7).
"""

import json
import logging
import random
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from mockserver import Mockserver
from mockserver.api import (
    billing_tab,
    billogram,
    billogram_event,
    customer,
    einvoice,
    item,
    offer,
    payment_source,
    pictures,
    report,
)
from mockserver.api.call import MAX_BODY
from mockserver.api.commands import COMMANDS
from mockserver.api.inputs import MAX_ELEMENTS, InputForm, form_of, read_input, read_patch
from mockserver.api.kinds import MAX_TEXT
from mockserver.api.listing import Listed
from mockserver.core import inputs, tabs
from mockserver.core.inputs import Input, RowFields
from mockserver.core.refusal import Refusal
from mockserver.core.settings import Settings
from mockserver.wire import MAX_DEPTH, MAX_DIGITS, MAX_MEMBERS
from tests.api.test_offer import SALE
from tests.documented import hold
from tests.server import Answer, Server, basic, dumps, no_body_kept

SEED = 20260302
SECONDS = 10  # of random bytes
PATIENCE = 30  # seconds until an answer that should have come counts as missing
ANSWERS = {200, 400, 403, 404, 405, 409, 413, 431}

MARK = "\N{WHITE SQUARE}"  # stands in a body where the hostile value goes
# as they stand in the JSON: a float would not keep all of them
VALUES = [
    *(b"null", b"true", b"false", b"0", b"-1", b"1.5", b"1e400", b'""', b'"' + b"x" * 100_000 + b'"'),
    *(rb'"\u0000"', b"[]", b"[[]]", b"{}", b'{"x":1}', b'"2026-02-30"', '"😀"'.encode()),
]
NUMBERS = [
    *(b"1e308", b"-1e308", b"-1e400", b"1e-400", b"-0.0", b"1" + b"0" * 400, b"-1" + b"0" * 400),
    *(b"18446744073709551616", b"-9223372036854775809", b"0." + b"3" * 5000),
    *(b'"1e308"', b'"1e-308"', b'"' + b"9" * 40 + b'"', b'"' + b"9" * 5000 + b'"', '"٣"'.encode(), b'"NaN"'),
]
NO_JSON = [
    *(b"NaN", b"Infinity", b"-Infinity", b"1e99999999999999999999", b"9" * 5000, b"01", b"+1", b".5", b"1."),
    *(rb'"\ud800"', rb'"\udc00\ud800"', rb'"\ud83dx"', b'"\xed\xa0\x80"', b'"\x00"', b'"\xff\xfe"', b"'x'"),
    *(b"[" * 50, b'{"a":' * 50, b"[1,]", b'{"x":1,}', b"", b"1 2"),
]

Path_ = tuple[str | int, ...]
Given = dict[str, Any]

CUSTOMER: Given = {"name": "A", "contact": {"email": "a@example.com", "phone": "0700000001"}}
ITEM: Given = {"title": "Row", "price": 100, "vat": 25, "unit": "hour"}
ROW: Given = {"title": "Row", "count": 1, "price": 100, "vat": 25}
# what a member needs beside it, so that it is itself what counts
BESIDE: dict[str, Given] = {
    "BookkeepingObjectFields": {"dimension_id": "1", "object_id": "1"},
    "AutomaticReminderFields": {"delay_days": 5},
    "ReminderFields": {"delay_days": 5},
    "OnSuccessFields": {"command": "send", "method": "DoNotNotify"},
    "RecipientFields": {"customer_no": 1},
    "RowFields": ROW,
    "CreditRowFields": {"title": ROW["title"], "count": -1},
}
REMIND: Given = {"method": "Email"}
COMMAND_BODIES: dict[str, Given] = {
    "remind": REMIND,
    "respite": {"date": "8000-01-01"},
    "send": {"method": "DoNotNotify"},
    "payment": {"amount": 1},
    "credit": {"mode": "items", "items": [{"title": "Row", "count": -1}], "method": "DoNotNotify"},
    "message": {"message": "Hello"},
    "attach": {"filename": "a.pdf", "content": "JVBERi0xLjQKJSVFT0YK"},
    "credit-payment": {"mode": "amount", "amount": 1},
    "credit-allocate": {"amount": 1, "source_id": ""},
}
BUILT: dict[str, InputForm] = {name: form_of(row.fields) for name, row in COMMANDS.items()}


class Target:
    """An operation on an account of its own: where it is sent, what a good body is, which form reads it.

    `ready` makes what it works on and returns its path; a success may have used that up.
    """

    def __init__(self, method: str, body: Given, form: InputForm, ready: Callable[["Client"], str]) -> None:
        self.method, self.body, self.form, self.ready = method, body, form, ready


class Client:
    """An account, and what it looked like after the last success."""

    def __init__(self, server: Server, account: str) -> None:
        self.server, self.account = server, account
        self.headers = {"authorization": basic(account, "secret")}
        self._keys = count()  # of rows of billing tabs
        assert self.send("POST", "/customer", dumps(CUSTOMER)).status == 200
        self.look()

    def look(self) -> None:
        self.seen = self.server.image(self.account), self.server.position(self.account)

    def send(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Not checked: what an error must look like is held in `attack`."""
        headers = self.headers | {tabs.KEY: str(next(self._keys))}
        return self.server.run(self.server.asgi(method, f"/api/v2{path}", body, headers))

    def made(self, path: str, body: Given) -> Any:
        return self.send("POST", path, dumps(body)).data

    def attack(self, method: str, path: str, body: bytes = b"") -> Answer:
        """One request: an answer of the API, and after a refusal all is as it was."""
        answer = self.send(method, path, body)
        assert answer.status in ANSWERS, (method, path, body[:200], answer)
        if answer.status == 200:
            assert json.loads(answer.body)["status"] == "OK"
            self.look()
        else:
            hold(method, path, answer)
            now = self.server.image(self.account), self.server.position(self.account)
            assert now == self.seen, (method, path, body[:200])
        return answer

    def prepared(self, target: "Target") -> str:
        """Where the target's request goes now."""
        where = target.ready(self)
        self.look()
        return where

    def settle(self) -> None:
        """The log tells the same."""
        assert self.server.fold(self.account).image() == self.server.image(self.account)


def draft(client: Client, **more: Any) -> str:
    key = client.made("/billogram", {"customer": {"customer_no": 1}, "items": [ROW]} | more)["id"]
    return f"/billogram/{key}"


def sent(client: Client, **more: Any) -> str:
    return draft(client, on_success={"command": "send", "method": "DoNotNotify"}, **more)


def commanded(name: str) -> Callable[[Client], str]:
    def ready(client: Client) -> str:
        if name in ("send", "sell"):
            where = draft(client)
        elif name == "credit-payment":
            where = stand_alone(client)
        elif name in ("remind", "collect", "writeoff"):
            where = sent(client, invoice_date="2020-01-01", due_date="2020-01-31")
        else:
            where = sent(client)
        if name == "credit-allocate":  # its source has an id that is drawn
            TARGETS[name].body["source_id"] = stand_alone(client).rpartition("/")[2]
        for first, body in BEFORE.get(name, ()):
            client.made(f"{where}/command/{first}", body)
        return f"{where}/command/{name}"

    return ready


def stand_alone(client: Client) -> str:
    on_success = {"command": "send", "method": "DoNotNotify"}
    return draft(client, items=[{**ROW, "price": -100}], on_success=on_success)


BEFORE: dict[str, list[tuple[str, Given]]] = {
    "settle-underpayment": [("payment", {"amount": 1})],
    "revert-writedown": [("writedown", {})],
    "writeoff": [("remind", REMIND), ("payment", {"amount": 125})],
    "remove-respite": [("respite", {"date": "8000-01-01"})],
}


BILLOGRAM: Given = {"customer": {"customer_no": 1}, "items": [ROW]}
TARGETS = {
    "POST customer": Target("POST", CUSTOMER, form_of(inputs.CustomerFields), lambda _: "/customer"),
    "POST item": Target("POST", ITEM, form_of(inputs.ItemFields), lambda _: "/item"),
    "POST billogram": Target("POST", BILLOGRAM, form_of(inputs.BillogramFields), lambda _: "/billogram"),
    "PUT settings": Target("PUT", {}, form_of(Settings, patch=True), lambda _: "/settings"),
    "PUT customer": Target("PUT", {}, form_of(inputs.CustomerChanges), lambda _: "/customer/1"),
    "PUT item": Target(
        "PUT",
        {},
        form_of(inputs.ItemChanges),
        lambda client: f"/item/{client.made('/item', ITEM)['item_no']}",
    ),
    "POST einvoice": Target(
        "POST", einvoice.EXAMPLE, form_of(inputs.EinvoiceFields), lambda _: "/customer/1/einvoice"
    ),
    "POST mandate": Target(
        "POST", payment_source.IMPORT, form_of(inputs.MandateFields), lambda _: "/sepa_dd_mandate"
    ),
    "POST migration": Target(
        "POST", payment_source.MIGRATE, form_of(inputs.MigrationFields), lambda _: "/sepa_dd_mandate/migrate"
    ),
    "POST tab item": Target(
        "POST",
        billing_tab.EXAMPLE,
        form_of(inputs.BillingTabItemFields),
        lambda _: "/customer/1/billing-tab/items",
    ),
    "PUT tab settings": Target(
        "PUT",
        billing_tab.SETTINGS,
        form_of(inputs.BillingTabSettingsFields),
        lambda _: "/customer/1/billing-tab/settings",
    ),
    "POST banner": Target("POST", offer.EXAMPLE, form_of(inputs.OfferFields), lambda _: "/offer"),
    "PUT offer": Target(
        "PUT",
        {},
        form_of(inputs.OfferChanges),
        lambda client: f"/offer/{client.made('/offer', SALE | {'offer_id': 'x' + token_hex(8)})['offer_id']}",
    ),
    "POST coverphoto": Target(
        "POST", pictures.EXAMPLE, form_of(inputs.PictureFields), lambda _: "/coverphoto"
    ),
    "PUT logotype": Target("PUT", pictures.EXAMPLE, form_of(inputs.PictureFields), lambda _: "/logotype"),
    "PUT draft": Target("PUT", {}, form_of(inputs.BillogramChanges), draft),
    "PUT sent": Target("PUT", {}, form_of(inputs.BillogramChanges), sent),
} | {
    name: Target("POST", COMMAND_BODIES.get(name, {}), form, commanded(name)) for name, form in BUILT.items()
}


def walk(form: InputForm, path: Path_ = ()) -> Iterator[tuple[InputForm, Path_, str]]:
    """Every field of a body: the form of the object it stands in, the path of that, its name."""
    for name, member in form.members.items():
        yield form, path, name
        if member.form is not None:
            yield from walk(member.form, (*path, name, 0) if member.many else (*path, name))
        elif name == "items":  # read row by row
            row = inputs.CreditRowFields if form.type is inputs.CreditFields else RowFields
            yield from walk(form_of(row), (*path, name, 0))
    for name in form.read_only:
        yield form, path, name


def attacked(target: Target, form: InputForm, path: Path_, name: str, value: Any = MARK) -> Given:
    """The good body with one member set, and with what that one needs beside it."""
    body: Given = json.loads(json.dumps(target.body))
    holder: Any = body
    for index, step in enumerate(path):
        if isinstance(step, int):
            continue
        rows = path[index + 1 : index + 2] == (0,)
        if not holder.get(step):
            holder[step] = [{}] if rows else {}
        holder = holder[step][0] if rows else holder[step]
    holder.update(BESIDE.get(form.component, {}) if path else {}, **{name: value})
    return body


def with_value(body: Given, value: bytes) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode().replace(f'"{MARK}"'.encode(), value)


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """Many accounts, each small: what it looks like is quickly told."""
    server = Server()
    yield server
    server.close()


def test_every_input_is_attacked() -> None:
    known = {
        each
        for each in vars(inputs).values()
        if isinstance(each, type) and issubclass(each, Input) and each not in (Input, inputs.NoFields)
    }
    reached = {form.type for target in TARGETS.values() for form, _, _ in walk(target.form)}
    assert known - reached == set()


@pytest.mark.parametrize("name", TARGETS)
def test_every_value_in_every_field(shared: Server, name: str) -> None:
    target = TARGETS[name]
    for number, (form, path, field) in enumerate(walk(target.form)):
        client = Client(shared, f"{name} {number}")
        blamed = pester(client, target, attacked(target, form, path, field), VALUES)
        assert (field, [*path]) in blamed, (path, field)  # it was read, and not only what stands before it


@pytest.mark.parametrize("name", ["POST customer", "POST item", "POST billogram", "PUT settings", *BUILT])
def test_numbers_beyond_reason(shared: Server, name: str) -> None:
    target = TARGETS[name]
    for number, (form, path, field) in enumerate(walk(target.form)):
        client = Client(shared, f"numbers {name} {number}")
        pester(client, target, attacked(target, form, path, field), NUMBERS)


MANY = dict.fromkeys(map(str, range(MAX_MEMBERS - 100)), 0)
HUGE: list[Any] = [
    *(sign * MAX_BODY for sign in ("x", " ", "1", "-")),
    *("a@" * (MAX_BODY // 2), "http://" + "a" * MAX_BODY, "1." + "1" * MAX_BODY),
    "2027-01-01T00:00" + "0" * MAX_BODY + "x",
    *(MANY, {"a": MANY}, [*MANY], [0] * len(MANY), [{}] * len(MANY), [[]] * len(MANY)),
    *([[]] * (MAX_ELEMENTS - 1) + [each] for each in (MANY, 0)),
    *([each] * MAX_ELEMENTS for each in ({str(key): 0 for key in range(48)}, "x" * 30_000)),
]


@pytest.mark.parametrize("name", TARGETS)
def test_no_value_takes_long_to_read(name: str) -> None:
    """Whatever the limits of a body let through, in any field: others wait for less than 100 ms."""
    target = TARGETS[name]
    type_: Any = target.form.type
    read = partial(read_patch if target.form.patch else read_input, type_)
    for form, path, field in walk(target.form):
        for value in HUGE:
            body = attacked(target, form, path, field, value)
            assert longest(read, body) < 0.1, (path, field, str(value)[:50])


def longest(read: Callable[[Given], Any], body: Given) -> float:
    """The CPU time that reading a body takes, in the best of three attempts."""
    took = float("inf")
    for _ in range(3):
        begun = time.thread_time()
        with suppress(Refusal):
            items = getattr(read(body), "items", ())
            if isinstance(items, inputs.Rows):
                tuple(items)
        took = min(took, time.thread_time() - begun)
        if took < 0.05:
            break
    return took


def pester(client: Client, target: Target, body: Given, values: list[bytes]) -> list[tuple[Any, Any]]:
    """One body with each of the values; which fields were blamed, and their paths."""
    blamed = []
    where = client.prepared(target)
    for value in values:
        answer = client.attack(target.method, where, with_value(body, value))
        if answer.status == 200:
            where = client.prepared(target)
        else:
            blamed.append((answer.error[1].get("field"), answer.error[1].get("field_path")))
    client.settle()
    return blamed


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_no_json(shared: Server, name: str) -> None:
    target = TARGETS[name]
    client = Client(shared, f"no JSON {name}")
    where = client.prepared(target)
    good = dumps(target.body)
    assert client.attack(target.method, where, good).status == 200
    where = client.prepared(target)
    bodies = [with_value({**target.body, "field": MARK}, value) for value in NO_JSON]
    bodies += [value for value in NO_JSON if value] + [good[:-1], good + b"}", good + b"\x00", good * 2]
    bodies += [b"\xef\xbb\xbf" * 2 + good, good.decode().encode("utf-16"), good.decode().encode("utf-32-le")]
    bodies += [
        b"name=A&title=B",
        b"<xml/>",
        b"\x00" * 1000,
        bytes(range(256)),
        b"// null\nnull",
        b"undefined",
    ]
    for body in bodies:
        answer = client.attack(target.method, where, body)
        assert (answer.status, answer.error) == (400, ("INVALID_PARAMETER", {"message": "invalid JSON"})), (
            body
        )
    for body in (b"[0]", b"true", b"0", b'""', b"1e400", b"[" * 50 + b"]" * 50):
        answer = client.attack(target.method, where, body)
        assert (answer.status, answer.error[1]) == (400, {"message": "invalid request body"}), body
    huge = client.attack(target.method, where, b'{"name":"' + b"x" * (33 * 1024 * 1024) + b'"}')
    assert (huge.status, huge.error[0]) == (413, "INVALID_PARAMETER")
    client.settle()


def test_of_a_key_given_twice_the_last_counts(server: Server) -> None:
    client = Client(server, "test")
    answer = client.attack(
        "POST", "/customer", b'{"name":1,"contact":{"x":1},"name":"B","contact":{"name":"C"}}'
    )
    assert (answer.data["name"], answer.data["contact"]["name"]) == ("B", "C")
    assert client.attack("POST", "/customer", b'{"name":"A","name":null}').error[1]["field"] == "name"


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("POST customer", b'{"name":"A","regional_sweden":', b"}"),
        ("PUT customer", b'{"regional_sweden":', b"}"),
        ("PUT customer", b'{"links":', b"}"),
        ("PUT settings", b'{"invoices":{"reminders_without_fee":[', b"]}}"),
        ("POST billogram", dumps(BILLOGRAM)[:-1] + b',"contract":', b"}"),
        ("PUT draft", b'{"contract":', b"}"),
        ("PUT draft", b'{"events":', b"}"),
        ("PUT draft", b'{"items":[', b"]}"),
        ("message", b'{"message":', b"}"),
    ],
)
def test_nesting_about_as_deep_as_can_be_read(shared: Server, name: str, start: bytes, end: bytes) -> None:
    """What can just be read must also be written, and what is refused must not be half done."""
    target = TARGETS[name]
    client = Client(shared, f"deep {name} {len(start)}")
    where = client.prepared(target)
    messages = []
    for depth in range(MAX_DEPTH - 5, MAX_DEPTH + 2):
        inner = depth - start.count(b"{") - start.count(b"[") + start.count(b"}") + start.count(b"]")
        body = start + b'{"a":' * inner + b"1" + b"}" * inner + end
        answer = client.attack(target.method, where, body)
        messages.append("" if answer.status == 200 else answer.error[1]["message"])
    assert {message == TOO_DEEP for message in messages[:-1]} == {False}
    assert messages[-1] == TOO_DEEP
    client.settle()


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 50_000, b'{"a":' * 50_000, b"[" * 20_000 + b"]" * 20_000, b"[" * 500 + b"]" * 500),
        *(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), b'[{"a":' * 51 + b"[]" + b"}]" * 51),
    ],
)
def test_nesting_too_deep(server: Server, body: bytes) -> None:
    client = Client(server, "test")
    answer = client.attack("POST", "/customer", body)
    assert (answer.status, answer.error) == (400, ("INVALID_PARAMETER", {"message": TOO_DEEP}))
    assert answer.headers["mock-rule"] == "body.limit"
    refused = server.mock("POST", "/accounts", body)
    assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_body")


def members(count: int) -> bytes:
    return b'{"name":"A",' + b",".join(b'"%d":0' % each for each in range(count - 1)) + b"}"


TOO_DEEP = f"request body too large, maximum {MAX_DEPTH} levels"
TOO_MANY = f"request body too large, maximum {MAX_MEMBERS} members"
TOO_LONG = f"request body too large, maximum {MAX_DIGITS} digits"
LARGE = b" " * MAX_MEMBERS  # makes a body large
LIMITS: list[tuple[bytes, str]] = [
    (members(MAX_MEMBERS), "unexpected key: 0"),
    (members(MAX_MEMBERS + 1), TOO_MANY),
    (members(1_000_000), TOO_MANY),
    (b"\xef\xbb\xbf" + members(MAX_MEMBERS + 1), TOO_MANY),
    (b'{"name":[' + b"[]," * 25_000 + b"[]]}", TOO_MANY),
    (b'{"name":[' + b"0," * MAX_MEMBERS + b"0]}", TOO_MANY),
    (b"\n [" + b"{}," * MAX_MEMBERS, TOO_MANY),
    (b'"' + b"," * 1_000_000 + b'"', "invalid request body"),
    (b"name,org_no\n" * 100_000, "invalid JSON"),
    (b'{"name":"' + b"," * MAX_MEMBERS + LARGE + b'"}', TOO_MANY),  # those in texts count too
    (b'{"name":1.' + b"1" * 300_000 + b"}", TOO_LONG),
    (b'{"name":' + b"1" * 101 + b"," + LARGE + b'"notes":1}', TOO_LONG),
    (b'{"name":' + b"1" * 100 + b"," + LARGE + b'"notes":1}', "invalid name"),
    (LARGE + b'{"name":[-' + b"1" * 101 + b"]}", TOO_LONG),
    (b" " * 2**20 + b'{"name":' + b"1" * 101 + b"}", "invalid name"),  # its digits are read all the same
    (LARGE + b'{"name":"' + b"1" * 101 + b'"}', "name too long, maximum 100 characters"),
    (b'{"customer_no":"' + b" " * MAX_MEMBERS + b'1"}', "invalid customer no"),
    (LARGE, "invalid JSON"),
    (LARGE + b"{", "invalid JSON"),
]


@pytest.mark.parametrize(("body", "message"), LIMITS)
def test_the_limits_of_a_body(server: Server, body: bytes, message: str) -> None:
    """On both wires. What takes long to read is refused before it is read."""
    client = Client(server, "test")
    with no_body_kept():
        answer = client.attack("POST", "/customer", body)
        refused = server.mock("PUT", "/accounts/test/callbacks", body)
    assert (answer.status, answer.error[1]["message"]) == (400, message)
    if message in (TOO_MANY, TOO_LONG):
        assert answer.headers["mock-rule"] == "body.limit"
        assert refused.json["error"]["code"] == "invalid_body"
        assert refused.json["error"]["message"] == f"the body has too many {message.split()[-1]}"
    assert refused.status == 400


def test_a_large_body_is_read(server: Server) -> None:
    notes = "1" * 100_000
    made = server.post("/customer", LARGE + dumps({**CUSTOMER, "notes": notes}) + LARGE)
    assert made.data["notes"] == notes
    answer = server.mock("POST", "/accounts", LARGE + b'{"id":"other"}')
    assert answer.status == 201


CREDIT = "/billogram/{sent}/command/credit"
LONG = "x" * (MAX_TEXT + 1)
LISTS: list[tuple[str, str, Given, str, str, list[Any]]] = [
    ("POST", "/billogram", {**BILLOGRAM, "items": [ROW] * 1001}, "rows", "items", []),
    ("PUT", "/billogram/{draft}", {"items": [ROW] * 1001}, "rows", "items", []),
    ("PUT", "/billogram/{sent}", {"items": [ROW] * 1001}, "rows", "items", []),
    (
        "POST",
        "/billogram/{sent}/command/credit",
        {"mode": "items", "items": [ROW] * 1001},
        "rows",
        "items",
        [],
    ),
    ("PUT", "/settings", {"bookkeeping": {"objects": [{}] * 1001}}, "elements", "objects", ["bookkeeping"]),
    ("POST", "/customer", {**CUSTOMER, "notes": LONG}, "characters", "notes", []),
    ("POST", "/customer", {**CUSTOMER, "contact": {"phone": LONG}}, "characters", "phone", ["contact"]),
    ("POST", "/customer", {**CUSTOMER, "address": {"zipcode": LONG}}, "characters", "zipcode", ["address"]),
    ("POST", "/customer", {**CUSTOMER, "regional_sweden": {"a": LONG}}, "characters", "regional_sweden", []),
    ("POST", "/billogram/{sent}/command/message", {"message": LONG}, "characters", "message", []),
    ("PUT", "/settings", {"name": LONG}, "characters", "name", []),
    (
        *("PUT", "/settings", {"invoices": {"reminders_without_fee": [LONG]}}),
        *("characters", "reminders_without_fee", ["invoices"]),
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "unit", "field", "field_path"), LISTS)
def test_the_limits_of_rows_and_texts(
    server: Server, method: str, path: str, body: Given, unit: str, field: str, field_path: list[Any]
) -> None:
    client = Client(server, "test")
    path = path.replace("/billogram/{draft}", draft(client)).replace("/billogram/{sent}", sent(client))
    client.look()
    answer = client.attack(method, path, dumps(body))
    maximum = MAX_TEXT if unit == "characters" else MAX_ELEMENTS
    message = f"{field.replace('_', ' ')} too long, maximum {maximum} {unit}"
    assert (answer.status, answer.error[0]) == (400, "INVALID_PARAMETER")
    assert answer.error[1] == {"message": message, "field": field, "field_path": field_path}
    assert answer.headers["mock-rule"] == "body.length"


def test_as_many_rows_as_allowed(server: Server) -> None:
    client = Client(server, "test")
    where = draft(client, items=[ROW] * MAX_ELEMENTS, on_success={"command": "send", "method": "DoNotNotify"})
    credit = {
        "mode": "items",
        "items": [{"title": "Row", "count": -1}] * MAX_ELEMENTS,
        "method": "DoNotNotify",
    }
    assert client.made(f"{where}/command/credit", credit)["state"] == "Credited"
    client.settle()


@pytest.mark.parametrize(
    ("path", "start", "name"),
    [
        ("/logotype", b"\x89PNG\r\n\x1a\n", "content"),
        ("/coverphoto", b"GIF89a", "content"),
        ("/billogram/{draft}/command/attach", b"%PDF", "content"),
        ("/billogram", b"%PDF", "attachment_content"),
    ],
)
def test_the_limit_of_a_file(server: Server, path: str, start: bytes, name: str) -> None:
    """10 MiB. What is far above that is not decoded at all."""
    client = Client(server, "test")
    path = path.replace("/billogram/{draft}", draft(client))
    client.look()
    more: Given = BILLOGRAM if path == "/billogram" else {"filename": "a"} if "attach" in path else {}
    most = 10 * 1024 * 1024
    for size, status in ((most, 200), (most + 1, 400), (2 * most, 400)):
        file = start + bytes(size - len(start))
        answer = client.attack("POST", path, dumps({**more, name: b64encode(file).decode()}))
        assert answer.status == status, size
        if status == 400:
            assert answer.error == ("INVALID_PARAMETER", {"message": "invalid content"})


IDS = [
    *(
        "\x00",
        "%",
        "%zz",
        "%00",
        "²",
        "٣",
        "\uff11",
        "-1",
        "+1",
        "1.0",
        "1e0",
        " 1",
        "1 ",
        "01",
        "null",
        "..",
        ".",
    ),
    *(
        "..\\..",
        "~",
        "*",
        "'\"",
        "<b>",
        "{id}",
        "\x7f",
        "\ud7ff",
        "\uffff",
        "😀",
        "é",
        "e\u0301",
        "\u202e",
        "\r\n",
    ),
    *(
        "9" * 19,
        "9" * 20,
        "9" * 1000,
        "x" * 1000,
        ".pdf",
        "a.pdf.pdf",
        "1;DROP TABLE",
        "#",
        "&",
        "=",
        "1/",
        "//",
    ),
]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "HEAD", "PATCH", "", "G\u0130T"])
def test_paths(server: Server, method: str) -> None:
    client = Client(server, "test")
    for each in IDS:
        for path in (
            *(f"/customer/{each}", f"/item/{each}", f"/billogram/{each}", f"/report/{each}", f"/{each}"),
            *(f"/billogram/{each}/command/send", f"/billogram/{each}.pdf", f"/customer/{each}/einvoice"),
            *(f"/billogram/{each}/command/{each}", f"{each}", f"/customer{each}"),
        ):
            answer = client.send(method, path, b"{}")
            assert answer.status in ANSWERS, (path, answer)
            if method != "HEAD" and answer.status != 200:
                hold(method, path, answer)
    for each in ("01", "²", "٣", "\uff11", "1.0", "+1", " 1", "1e0"):
        assert client.send("GET", f"/customer/{each}").status == (200 if each == "01" else 404), each
    client.settle()


QUERIES = [
    *(
        "page=²",
        "page=%C2%B2",
        "page=%D9%A3",
        "page=%EF%BC%91",
        "page=",
        "page",
        "page=1e3",
        "page=0x1",
        "page=-0",
    ),
    *(
        "page=+1",
        "page=%201",
        "page=1%00",
        "page=1_0",
        "page=NaN",
        "page=[]",
        f"page={'9' * 16}",
        "page=%",
        "page=%f",
    ),
    *(
        f"page={'9' * 1000}",
        f"page_size={'9' * 16}",
        "page_size=1.0",
        "page_size=Infinity",
        "page[]=1",
        "page=1;2",
    ),
]
STRANGE = [
    *(
        "",
        "%00",
        "%",
        "%zz",
        "%ff%fe",
        "%ED%A0%80",
        "%F0%9F%98%80",
        "²",
        "1e999999999",
        "-1e-999999999",
        "NaN",
    ),
    *("Infinity", "sNaN", "9" * 1000, "." * 100, "\\", "*", "(", "[", "%25", "%0A", "+", ",,,", "," * 1000),
    *("0" * 40 + "1", "1_000", "%D9%A3", "%E2%80%AE", "é"),
]


@pytest.mark.parametrize("path", ["/customer", "/billogram"])
def test_page_numbers(server: Server, path: str) -> None:
    client = Client(server, "test")
    for query in QUERIES:
        answer = client.attack("GET", f"{path}?page=1&page_size=1&{query}")
        if query == "page[]=1":  # of no meaning to us
            assert answer.status == 200
        else:
            name = query.partition("=")[0]
            assert (answer.error[0], answer.error[1]["field"]) == ("INVALID_QUERY_PARAMETER", name), query
    far = f"page={'9' * 15}&page_size={'9' * 15}"
    for more in ("", "&filter_type=field&filter_field=name&filter_value=A", "&order_field=name"):
        if path == "/customer":
            assert client.attack("GET", f"{path}?{far}{more}").data == []
    states = "&filter_type=field&filter_field=state&filter_value=Paid,Unpaid,Unattested"
    if path == "/billogram":
        assert client.attack("GET", f"{path}?{far}{states}").data == []


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("/customer", customer.LISTED),
        ("/item", item.LISTED),
        ("/billogram", billogram.LISTED),
        ("/report", report.LISTED),
        ("/billogram_event", billogram_event.LISTED),
    ],
)
def test_query_strings(server: Server, path: str, listed: Listed[Any]) -> None:
    client = Client(server, "test")
    client.made("/item", ITEM)
    sent(client)
    draft(client)
    client.look()
    for value in STRANGE:
        for field in listed.filters:
            for kind in ("field", "field-prefix", "field-search"):
                filtered = f"filter_type={kind}&filter_field={field}&filter_value={value}"
                client.attack("GET", f"{path}?page=1&page_size=9&{filtered}")
        for name in ("filter_type", "filter_field", "filter_value", "order_field", "order_direction", value):
            client.attack("GET", f"{path}?page=1&page_size=9&{name}={value}")
            client.attack("GET", f"{path}?page=1&page_size=9&{name}&&;={value}&{value}")
        search = f"filter_type=special&filter_field=search&filter_value={value}"
        client.attack("GET", f"{path}?page=1&page_size=9&{search}")
    many = "&".join("page=1" for _ in range(500))
    client.attack("GET", f"{path}?{many}")
    client.settle()


@pytest.mark.parametrize(
    ("path", "field"), [("/customer", "customer_no"), ("/billogram", "customer:customer_no")]
)
@pytest.mark.parametrize("value", ["1", "01", "0" * 40 + "1", "1.0", "1e0"])
def test_numbers_are_compared_by_value(server: Server, path: str, field: str, value: str) -> None:
    client = Client(server, "test")
    draft(client)
    found = f"page=1&page_size=9&filter_type=field&filter_field={field}&filter_value={value}"
    assert len(client.send("GET", f"{path}?{found}").data) == 1


@pytest.mark.parametrize(
    "start", ["2026-13", "2026-00", "2026-1", "2026/01", "\uff12026-01", "2026-01-01", "-026-01"]
)
def test_a_financial_year_starts_in_a_month(server: Server, start: str) -> None:
    client = Client(server, "test")
    refused = client.attack("PUT", "/settings", dumps({"bookkeeping": {"financial_year_start": start}}))
    assert refused.error[1]["field"] == "financial_year_start"


# at a socket


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing came out of the application, or was lost in the loop: that would be logged."""
    yield
    assert [each for each in caplog.get_records("call") if each.levelno >= logging.ERROR] == []


class Raw:
    """A server in a thread, its log in a file; requests are bytes."""

    def __init__(self, server: Mockserver) -> None:
        self.server = server
        parts = urlsplit(server.url)
        self.address = parts.hostname, parts.port
        self.client = httpx.Client(
            base_url=server.url, auth=("test", "secret"), trust_env=False, verify=False, timeout=PATIENCE
        )

    def send(self, data: bytes, *, whole: bool) -> bytes:
        """All that comes back. What is not a whole request is given up after the last byte."""
        with socket.create_connection(self.address, timeout=PATIENCE) as talk:
            got = b""
            with suppress(ConnectionError):
                talk.sendall(data)
                if not whole:
                    talk.shutdown(socket.SHUT_WR)
                while chunk := talk.recv(65536):
                    got += chunk
        return got

    def everything(self) -> Any:
        """What the account holds, as it answers it."""
        paths = ("settings", "customer?page=1&page_size=100000", "item?page=1&page_size=100000")
        answers = [self.client.get(f"/{path}") for path in (*paths, "billogram?page=1&page_size=100000")]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json() for answer in answers]


@contextmanager
def raw(path: Path) -> Iterator[Raw]:
    with Mockserver(database=path, clock="frozen", seed=1) as server:
        talk = Raw(server)
        with talk.client:
            yield talk


AUTH = b"Authorization: " + basic("test", "secret").encode() + b"\r\n"


def request(method: str, path: str, body: bytes = b"", more: bytes = b"") -> bytes:
    """A whole request, after which the server hangs up."""
    line = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
    return line + AUTH + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.usefixtures("quiet")
def test_paths_at_a_socket(tmp_path: Path) -> None:
    with raw(tmp_path / "kept.db") as server:
        assert server.client.post("/customer", json=CUSTOMER).status_code == 200
        for path in (
            *(
                b"/customer/%",
                b"/customer/%zz",
                b"/customer/%00",
                b"/customer/%C3%28",
                b"/customer/%F0%9F%98%80",
            ),
            *(
                b"/customer/%ED%A0%80",
                b"/customer/\xff",
                b"/customer/\xc3\xa9",
                b"/customer/%2e%2e",
                b"/../..",
                b"/",
            ),
            *(
                b"/customer?page=%zz&page_size=\xff",
                b"/customer/" + b"9" * 4000,
                b"/" + b"%" * 4000,
                b"/customer;x=1",
            ),
            *(
                b"//customer//1",
                b"/billogram/" + b"%2F" * 1000,
                b"/" + b"x" * 70_000,
                b"\\",
                b"?",
                b"#",
                b"/customer#x",
            ),
        ):
            line = b"GET /api/v2" + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + AUTH + b"\r\n"
            status, kind = parsed(server.send(line, whole=True))
            assert status in ANSWERS, path
            assert kind == b"application/json" or status == 400, path
        assert len(server.everything()[1]["data"]) == 1


def parsed(answer: bytes) -> tuple[int, bytes]:
    """Status and content type of an answer."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert line.startswith(b"HTTP/1.1 "), answer
    names = dict(each.lower().split(b": ", 1) for each in headers)
    return int(line.split()[1]), names[b"content-type"]


@pytest.mark.usefixtures("quiet")
def test_a_body_above_the_limit_at_a_socket(tmp_path: Path) -> None:
    body = b'{"name":"' + b"x" * MAX_BODY + b'"}'
    chunked = b"".join(b"%x\r\n%b\r\n" % (1 << 20, body[:1].ljust(1 << 20)) for _ in range(33)) + b"0\r\n\r\n"
    line = b"POST /api/v2/customer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    with raw(tmp_path / "kept.db") as server:
        for data in (request("POST", "/api/v2/customer", body), line + AUTH + b"\r\n" + chunked):
            assert parsed(server.send(data, whole=True)) == (413, b"application/json")
        assert server.everything()[1]["data"] == []


@pytest.mark.usefixtures("quiet")
def test_random_bytes_at_a_socket(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    refused = 0
    with raw(tmp_path / "kept.db") as server:
        assert server.client.post("/customer", json=CUSTOMER).status_code == 200
        key = server.client.post("/billogram", json=BILLOGRAM).json()["data"]["id"]
        good = valid_requests(key)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            method, path, body = chance.choice(good)
            kind = chance.randrange(4)
            if kind == 0:
                server.send(chance.randbytes(chance.randrange(1, 3000)), whole=False)
            elif kind == 1:  # framing and all
                server.send(mutated(chance, request(method, path, body)), whole=False)
            elif kind == 2:
                two = request(method, path, body).replace(b"Connection: close\r\n", b"") * 2
                server.send(two[: chance.randrange(len(two))], whole=False)
            else:  # inside of the framing: it is answered
                answer = server.send(request(method, path, mutated(chance, body)), whole=True)
                status, _ = parsed(answer)
                assert status in (ANSWERS if path.startswith("/api") else ANSWERS | {201}), (path, answer)
                refused += status != 200
        assert refused > 0
        before = server.everything()
    with raw(tmp_path / "kept.db") as again:  # the log tells the same
        assert again.everything() == before


def valid_requests(key: str) -> list[tuple[str, str, bytes]]:
    """Requests of many kinds: method, path, body."""
    billogram = f"/api/v2/billogram/{key}"
    return [
        ("GET", "/api/v2/settings", b""),
        (
            "GET",
            "/api/v2/customer?page=1&page_size=10&filter_type=field&filter_field=name&filter_value=A",
            b"",
        ),
        ("GET", billogram, b""),
        ("POST", "/api/v2/customer", dumps(CUSTOMER | {"address": {"city": "Teststad", "country": "SE"}})),
        ("POST", "/api/v2/item", dumps(ITEM)),
        ("POST", "/api/v2/billogram", dumps(BILLOGRAM | {"invoice_date": "2026-03-02", "due_days": 30})),
        ("PUT", "/api/v2/settings", dumps({"invoices": {"default_reminder_fee": 50}})),
        ("PUT", "/api/v2/customer/1", dumps({"notes": "ändrad", "customer_no": 1})),
        ("PUT", billogram, dumps({"items": [ROW, ROW], "info": {"message": "Hej"}})),
        ("POST", f"{billogram}/command/payment", dumps({"amount": 12.5})),
        ("POST", f"{billogram}/command/message", dumps({"message": "Hej"})),
        ("POST", "/_mock/accounts", dumps({"id": "other", "key": "secret"})),
    ]


def mutated(chance: random.Random, data: bytes) -> bytes:
    """A few bytes changed, removed, doubled or put in."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(found) + 1)
        kind = chance.randrange(5)
        if kind == 0 and at < len(found):
            found[at] = chance.randrange(256)
        elif kind == 1:
            del found[at : at + chance.randrange(1, 9)]
        elif kind == 2:
            found[at:at] = chance.choice(
                [b"\r\n", b"\x00", b'"', b"{", b"}", b"[", b",", b"9" * 30, b"e9", b"\xff"]
            )
        elif kind == 3:
            found[at:at] = found[at : at + chance.randrange(1, 40)]
        else:
            found[at : at + 1] = chance.choice([b"0", b"-", b"null", b"1e400", b":", b" ", b"%", b"\\u0000"])
    return bytes(found)
