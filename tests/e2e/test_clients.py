"""Ruby, PHP, Java and other clients as they send, byte for byte over a socket (reference: clients).

A test named after a line holds that line of "What every client needs". Lines 10 (PDFs), 16 and 18 (receivers
of callbacks) have no test here yet: what they speak of is not built.
"""

import json
import logging
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from msgspec import Struct

from mockserver import Mockserver

PATIENCE = 30  # seconds until an answer that should have come counts as missing
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


class Answer(Struct, frozen=True):
    """An answer as it came, its header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split()[1])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.status == 200, (self.line, self.body)
        return self.json["data"]

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["status"]


class Talk:
    """A connection to the server: bytes out, answers in."""

    def __init__(self, server: Mockserver, user: str) -> None:
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")
        self.auth = "Authorization: Basic " + b64encode(f"{user}:secret".encode()).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self.socket.close()

    def write(self, *lines: str, body: bytes = b"") -> None:
        """Lines of a head as they are, the blank line after them, and a body."""
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def read(self, method: str = "GET") -> Answer:
        """The next answer on this connection, read by its length."""
        line = self.file.readline().decode().rstrip("\r\n")
        headers = {}
        while header := self.file.readline().decode().rstrip("\r\n"):
            name, _, value = header.partition(": ")
            headers[name.lower()] = value
        length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        return Answer(line, headers, self.file.read(length))

    def ask(self, line: str, *headers: str, body: bytes | None = None) -> Answer:
        """One request with credentials; a body comes with its length, none without."""
        sized = () if body is None else (f"Content-Length: {len(body)}",)
        self.write(f"{line} HTTP/1.1", "Host: localhost", self.auth, *headers, *sized, body=body or b"")
        return self.read(line.partition(" ")[0])

    def send(self, line: str, body: Any) -> Any:
        """`data` of a request with JSON."""
        return self.ask(line, JSON, body=json.dumps(body).encode()).data

    def at_end(self) -> bool:
        """Whether the server has hung up."""
        return self.file.read(1) == b""

    # what many tests need

    def customer(self, **more: Any) -> int:
        given = {
            "name": "Test Customer AB",
            "contact": {"email": "contact@example.com"},
            "address": {"street_address": "Testgatan 1", "zipcode": "123 45", "city": "Teststad"},
        }
        number: int = self.send("POST /api/v2/customer", given | more)["customer_no"]
        return number

    def draft(self, **more: Any) -> str:
        given = {"customer": {"customer_no": self.customer()}, "items": [ROW]}
        key: str = self.send("POST /api/v2/billogram", given | more)["id"]
        return key

    def sent(self, **more: Any) -> str:
        return self.draft(on_success={"command": "send", "method": "Email"}, **more)


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen", allowed_hosts=("mock.test",)) as made:
        yield made


@pytest.fixture
def talk(
    server: Mockserver, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[Talk]:
    """A connection, with an account of the test's own; nothing may come out of the application."""
    with Talk(server, re.sub(r"[:/]", "-", request.node.name)[:100]) as made:
        yield made
    assert [each for each in caplog.get_records("call") if each.levelno >= logging.ERROR] == []


# what every client needs


def test_line_01_the_type_of_each_answer_has_no_charset(talk: Talk) -> None:
    key = talk.sent()
    answers = [
        talk.ask("GET /api/v2/settings"),
        talk.ask("GET /api/v2/customer?page=1&page_size=1"),
        talk.ask("GET /api/v2/customer/99"),
        talk.ask("GET /api/v2/nowhere"),
        talk.ask("DELETE /api/v2/settings"),
        talk.ask(f"DELETE /api/v2/billogram/{key}"),
        talk.ask(f"GET /api/v2/billogram/{key}.pdf"),
        talk.ask("GET /api/v2/offer?page=0"),
        talk.ask("POST /api/v2/customer", body=b"{"),
        talk.ask("HEAD /api/v2/settings"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 404, 404, 405, 400, 200, 400, 400, 200]
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}


def test_line_02_status_and_data_are_always_there(talk: Talk) -> None:
    talk.send("POST /api/v2/item", {"title": "A", "price": 1, "vat": 25, "unit": "hour"})
    listed = talk.ask("GET /api/v2/item").json
    assert (listed["status"], listed["meta"], len(listed["data"])) == ("OK", {"total_count": 1}, 1)
    assert talk.ask("DELETE /api/v2/item/1").json == {"status": "OK", "data": {}}
    assert talk.ask(f"DELETE /api/v2/billogram/{talk.draft()}").json == {"status": "OK", "data": {}}
    for line in ("GET /api/v2/item/1", "GET /api/v2", "GET /api/v2/billogram", "PATCH /api/v2/item"):
        refused = talk.ask(line).json
        assert set(refused) == {"status", "data"}
        assert refused["data"]["message"]


def test_line_03_every_success_is_a_200(talk: Talk) -> None:
    key = talk.sent()
    for line, body in (
        ("POST /api/v2/customer", b'{"name":"A"}'),
        ("PUT /api/v2/customer/1", b'{"name":"B"}'),
        ("POST /api/v2/item", b'{"title":"A","price":1,"vat":25,"unit":"hour"}'),
        ("DELETE /api/v2/item/1", None),
        (f"POST /api/v2/billogram/{key}/command/payment", b'{"amount":125}'),
    ):
        assert talk.ask(line, body=body).line == "HTTP/1.1 200 OK"


def test_line_04_the_first_request_without_credentials_is_repeated(talk: Talk) -> None:
    """On the same connection, a body and all; nothing is done before the credentials."""
    talk.send("GET /api/v2/settings", None)
    body = b'{"name":"Test Customer AB"}'
    for line, sent in (("GET /api/v2/settings", b""), ("POST /api/v2/customer", body)):
        head = (f"{line} HTTP/1.1", "Host: localhost", f"Content-Length: {len(sent)}")
        talk.write(*head, body=sent)
        refused = talk.read()
        assert refused.error == (401, "MISSING_AUTH")
        assert refused.headers["www-authenticate"] == 'Basic realm="Billogram API"'
        assert "connection" not in refused.headers
        talk.write(*head, talk.auth, body=sent)
        assert talk.read().status == 200
    assert talk.ask("GET /api/v2/customer?page=1&page_size=1").json["meta"] == {"total_count": 1}
    talk.write("GET /api/v2/settings HTTP/1.1", "Host: localhost", talk.auth[:-4] + "AAA=")
    assert talk.read().error == (403, "INVALID_AUTH")


@pytest.mark.parametrize(
    "kind",
    [
        JSON,
        "Content-Type: application/json;charset=utf-8",
        FORM,
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: nonsense",
        None,
    ],
)
def test_line_05_the_type_of_a_request_is_not_trusted(talk: Talk, kind: str | None) -> None:
    headers = () if kind is None else (kind,)
    made = talk.ask("POST /api/v2/customer", *headers, body='{"name":"Åsa & Co=1"}'.encode()).data
    assert made["name"] == "Åsa & Co=1"
    assert talk.ask("PUT /api/v2/customer/1", *headers, body=b'{"notes":"+%20&"}').data["notes"] == "+%20&"


@pytest.mark.parametrize("body", [b"null", b"{}", b"", None])
@pytest.mark.parametrize("kind", [JSON, FORM, None])
def test_line_06_commands_without_parameters(talk: Talk, kind: str | None, body: bytes | None) -> None:
    headers = () if kind is None else (kind,)
    key = talk.draft()
    assert (
        talk.ask(f"POST /api/v2/billogram/{key}/command/send", *headers, body=body).data["state"] == "Unpaid"
    )
    refused = talk.ask(f"POST /api/v2/billogram/{key}/command/send", *headers, body=body)
    assert refused.error == (400, "INVALID_OBJECT_STATE")
    for command, flags in (("writedown", ["written down"]), ("revert-writedown", [])):
        line = f"POST /api/v2/billogram/{key}/command/{command}"
        assert talk.ask(line, *headers, body=body).data["flags"] == flags


def test_line_07_trailing_slashes_and_lone_question_marks(talk: Talk) -> None:
    key = talk.draft()
    for line in (
        *(
            "GET /api/v2/settings/?",
            "GET /api/v2/settings?",
            "GET /api/v2/settings/",
            f"GET /api/v2/billogram/{key}?",
        ),
        *(
            f"GET /api/v2/billogram/{key}/",
            "GET /api/v2/billogram/?page=1&page_size=10",
            "GET /api/v2/customer/1/?",
        ),
    ):
        assert talk.ask(line).status == 200, line
    assert talk.ask("POST /api/v2/customer/", body=b'{"name":"A"}').data["customer_no"] == 2
    assert talk.ask(f"POST /api/v2/billogram/{key}/command/send/", body=b"null").data["state"] == "Unpaid"
    assert talk.ask("GET /api/v2/report/ff?").error == (404, "NOT_FOUND")


def test_line_08_unknown_parameters_of_single_objects(talk: Talk) -> None:
    key = talk.draft()
    talk.send("POST /api/v2/item", {"title": "A", "price": 1, "vat": 25, "unit": "hour"})
    for line in (
        "/item/1?0=",
        "/customer/1?page=1&page_size=100",
        f"/billogram/{key}?page=x",
        "/settings?page=0",
    ):
        assert talk.ask(f"GET /api/v2{line}").status == 200, line
    assert talk.ask(f"GET /api/v2/billogram/{key}.pdf?page=1&page_size=100").status == 200  # a preview
    assert talk.ask(f"GET /api/v2/billogram/{talk.sent()}.pdf?page=1&page_size=100").status == 200


def test_line_09_an_escaped_slash_is_a_slash(talk: Talk) -> None:
    key = talk.draft()
    file = {"filename": "a.pdf", "content": "JVBERi0xLjQKJSVFT0YK"}
    talk.send(f"POST /api/v2/billogram/{key}/command/attach", file)
    attachment = talk.ask(f"GET /api/v2/billogram/{key}%2Fattachment.pdf")
    assert attachment.data["content"] == file["content"]
    assert attachment.body == talk.ask(f"GET /api/v2/billogram/{key}/attachment.pdf").body
    assert talk.ask("GET /api/v2/billogram/nosuchid%2fattachment.pdf").error == (404, "NOT_FOUND")
    assert talk.ask(f"GET /api/v2/billogram/{key}%2Enothing").error == (404, "NOT_FOUND")
    assert talk.ask("GET /api/v2%2Fcustomer%2F1").data["customer_no"] == 1
    talk.send("POST /api/v2/item", {"item_no": "å 1", "title": "A", "price": 1, "vat": 25, "unit": "hour"})
    assert talk.ask("GET /api/v2/item/%C3%A5%201").data["item_no"] == "å 1"


def test_line_10_pdfs_come_as_base64_after_a_few_polls(talk: Talk) -> None:
    key, account = talk.sent(), "/_mock/accounts/test_line_10_pdfs_come_as_base64_after_a_few_polls"
    assert talk.ask(f"PATCH {account}", body=b'{"pdf_delay": "3s"}').status == 200
    polls = []
    for _ in range(5):
        answer = talk.ask(f"GET /api/v2/billogram/{key}.pdf?letter_id=&invoice_no=")
        polls.append(answer.status)
        talk.ask(f"POST {account}/clock/advance", body=b'{"by": "1s"}')
    assert polls == [404, 404, 404, 200, 200]
    assert b64decode(answer.data["content"], validate=True).startswith(b"%PDF-")


@pytest.mark.parametrize("size", [500, 10_000, 10_000_000])
def test_line_11_big_pages(talk: Talk, size: int) -> None:
    for _ in range(101):
        talk.customer()
    listed = talk.ask(f"GET /api/v2/customer?page=1&page_size={size}").json
    assert (listed["meta"]["total_count"], len(listed["data"])) == (101, 101)
    assert talk.ask(f"GET /api/v2/customer?page=2&page_size={size}").json["data"] == []


def test_line_11_order_filter_and_parameters_given_twice(talk: Talk) -> None:
    for name in ("B", "A", "C"):
        talk.customer(name=name)

    def names(query: str) -> list[str]:
        found = talk.ask(f"GET /api/v2/customer?page=1&page_size=10&{query}").data
        return [each["name"] for each in found]

    assert names("order_direction=desc") == names("order_direction=asc") == ["B", "A", "C"]
    assert names("order_field=name&order_direction=desc") == ["C", "B", "A"]
    assert names("order_field=name&order_field=created_at&page=7&page=1") == ["B", "A", "C"]
    once = "filter_type=field&filter_field=name&filter_value=A"
    assert names(once) == names(f"{once}&filter_type=field&filter_field=name&filter_value=A") == ["A"]
    assert names(f"filter_value=B&{once}&filter_value=C") == ["C"]
    assert names("filter_type=&filter_field=&filter_value=&order_field=&order_direction=") == ["B", "A", "C"]
    for query, field in (("filter_field=name&filter_type=field", "filter_value"), (once[:29], "filter_type")):
        lone = query if field == "filter_value" else "filter_field=name&filter_value=A"
        refused = talk.ask(f"GET /api/v2/customer?page=1&page_size=10&{lone}")
        assert refused.error == (400, "MISSING_QUERY_PARAMETER")
        assert refused.json["data"]["field"] == field


def test_line_12_states(talk: Talk) -> None:
    drafts = [talk.draft() for _ in range(2)]
    unpaid, paid = talk.sent(), talk.sent()
    talk.send(f"POST /api/v2/billogram/{paid}/command/payment", {"amount": 125})

    def found(states: str) -> list[str]:
        query = f"page=1&page_size=50&filter_type=field&filter_field=state&filter_value={states}"
        return [each["id"] for each in talk.ask(f"GET /api/v2/billogram?{query}").data]

    assert found("unattested") == found("Unattested") == found("UNATTESTED") == drafts
    assert found("Unpaid,Paid") == found("paid%2CUNPAID") == [unpaid, paid]
    assert found("Credited,Overdue") == []


def test_line_13_numbers_as_strings(talk: Talk) -> None:
    assert talk.customer(customer_no="25") == 25
    item = {"item_no": 7, "title": "A", "price": "60.0", "vat": "25", "unit": "hour"}
    made = talk.send("POST /api/v2/item", item)
    assert (made["item_no"], made["price"], made["vat"]) == ("7", 60.0, 25)
    row = {"title": "A", "count": "1", "price": "60.0", "vat": "25", "discount": "1.50"}
    given = {
        "customer": {"customer_no": "25"},
        "items": [row, {"item_no": 7, "count": "2"}],
        "due_days": "10",
        "reminder_fee": "60.0",
        "info": {"order_no": 1234},
        "automatic_reminders_settings": [{"delay_days": "5"}, {"delay_days": 3.0}],
        "automatic_collection": {"delay_days": "7", "amount": "100"},
    }
    made = talk.send("POST /api/v2/billogram", given)
    assert (made["due_days"], made["reminder_fee"], made["info"]["order_no"]) == (10, 60.0, "1234")
    assert [step["delay_days"] for step in made["automatic_reminders_settings"]] == [5, 3]
    rows = [(row["item_no"], row["count"], row["price"], row["vat"]) for row in made["items"]]
    assert rows == [(None, 1, 60, 25), ("7", 2, 60, 25)]
    whole = (
        made["due_days"],
        made["customer"]["customer_no"],
        made["items"][0]["vat"],
        made["reminder_count"],
    )
    assert all(int(number) == number for number in (*whole, made["items"][0]["count"], made["invoice_fee"]))
    assert {type(number) for number in whole} == {int}
    changed = talk.send("PUT /api/v2/settings", {"invoices": {"automatic_reminders": [{"delay_days": "5"}]}})
    assert changed["invoices"]["automatic_reminders"][0]["delay_days"] == 5


READ_ONLY = [
    *("id", "ocr_number", "state", "url", "recipient_url", "flags", "events", "delivery_method", "total_sum"),
    *("remaining_sum", "rounding_value", "invoice_fee_vat", "interest_fee", "reminder_count", "respite_date"),
    *("detailed_sums", "offers", "sales_accepted", "created_at", "updated_at", "attested_at", "invoice_no"),
]


def test_line_14_what_was_read_can_be_sent_back(talk: Talk) -> None:
    key = talk.draft(due_days=10, info={"order_no": "T-1"}, callbacks={"custom": "c"})
    before = talk.ask(f"GET /api/v2/billogram/{key}").data
    some = {name: value for name, value in before.items() if name not in READ_ONLY}
    assert {"due_days", "due_date"} <= set(some)
    for body in (
        some,
        before,  # another client drops nothing
        some | {"callbacks": {}, "info": {}},
        {"callbacks": None, "info": None, "attachment": None, "contract": None},
        {"customer": before["customer"]},
        {"due_days": before["due_days"], "due_date": before["due_date"]},
    ):
        after = talk.send(f"PUT /api/v2/billogram/{key}", body)
        assert after | {"updated_at": None} == before | {"updated_at": None}
    for path in ("customer/1", "settings"):
        shown = talk.ask(f"GET /api/v2/{path}").data
        again = talk.send(f"PUT /api/v2/{path}", shown)
        assert again | {"updated_at": None} == shown | {"updated_at": None}
    item = talk.send("POST /api/v2/item", {"title": "A", "price": 1, "vat": 25, "unit": "hour"})
    assert talk.send(f"PUT /api/v2/item/{item['item_no']}", item) | {"updated_at": None} == item


def test_line_15_empty_strings_and_countries(talk: Talk) -> None:
    texts = {
        "name": "A",
        "org_no": "",
        "vat_no": "",
        "notes": "",
        "language": "",
        "company_type": "",
        "contact": {"name": "", "email": "", "phone": ""},
        "address": {
            **dict.fromkeys(("street_address", "careof", "attention", "zipcode", "city"), ""),
            "use_careof_as_attention": "",
        },
        "delivery_address": dict.fromkeys(
            ("name", "street_address", "careof", "zipcode", "city", "country"), ""
        ),
    }
    made = talk.send("POST /api/v2/customer", texts)
    assert (made["address"]["country"], made["company_type"]) == ("SE", "business")
    row = ROW | {"description": "", "unit": "", "item_no": "", "bookkeeping": {"income_account": ""}}
    given = {
        "customer": {"customer_no": made["customer_no"]},
        "items": [row],
        "invoice_date": "",
        "due_date": "",
        "currency": "",
        "info": dict.fromkeys(("order_no", "our_reference", "your_reference", "message", "order_date"), ""),
        "callbacks": {"url": "", "sign_key": "", "custom": ""},
    }
    billed = talk.send("POST /api/v2/billogram", given)
    assert (billed["currency"], billed["due_days"], billed["items"][0]["unit"]) == ("SEK", 30, "unit")
    for country in ("Sweden", "S", "SWE", "1A"):
        body = json.dumps({"name": "A", "address": {"country": country}}).encode()
        refused = talk.ask("POST /api/v2/customer", body=body)
        assert refused.error == (400, "INVALID_PARAMETER")
        assert refused.json["data"]["field"] == "country"
    assert (
        talk.send("POST /api/v2/customer", {"name": "A", "address": {"country": "no"}})["address"]["country"]
        == "NO"
    )


def test_line_17_customer_data_without_number_method_and_text_rows(talk: Talk) -> None:
    key = talk.draft()
    changes = {"customer": {"name": "Other AB", "address": {"street_address": "Provgatan 2", "city": "Ort"}}}
    copied = talk.send(f"PUT /api/v2/billogram/{key}", changes)["customer"]
    assert (copied["customer_no"], copied["name"], copied["address"]["city"]) == (1, "Other AB", "ORT")
    assert copied["address"]["country"] == "SE"
    text = {"title": "Only words", "price": 0, "vat": 0, "count": 0, "item_no": None}
    assert talk.send(f"PUT /api/v2/billogram/{key}", {"items": [ROW, text]})["total_sum"] == 125
    sent = talk.send(f"POST /api/v2/billogram/{key}/command/send", {"method": ""})
    assert (sent["state"], sent["delivery_method"]) == ("Unpaid", "Letter")


# a Ruby gem and a PHP client, as they send


def test_a_ruby_gem(talk: Talk) -> None:
    agent = ("Accept: */*", "User-Agent: Ruby", FORM)

    def ask(line: str, body: bytes | None = None) -> Any:
        return talk.ask(line, *agent, body=body)

    assert ask("POST /api/v2/customer", b'{"name":"A"}').data["customer_no"] == 1
    item = b'{"title":"Row","price":100,"vat":25,"unit":"unit"}'
    assert ask("POST /api/v2/item", item).data["item_no"] == "1"
    bill = b'{"customer":{"customer_no":1},"items":[{"item_no":"1","count":1}]}'
    key = ask("POST /api/v2/billogram", bill).data["id"]
    assert ask(f"GET /api/v2/billogram/{key}?").data["id"] == key
    assert ask("GET /api/v2/settings/?").data["name"] == "test_a_ruby_gem"
    assert ask("GET /api/v2/logotype/?").data["content"] is None
    missing = ask("GET /api/v2/report/ff?")
    assert (missing.status, missing.json["data"]["message"]) == (404, "no report with id=ff was found")
    assert ask(f"PUT /api/v2/billogram/{key}", b'{"due_days":10}').data["due_days"] == 10
    sent = ask(f"POST /api/v2/billogram/{key}/command/send", b'{"method":"DoNotNotify"}')
    assert sent.data["state"] == "Unpaid"
    unpaid = "page=1&page_size=50&filter_type=field&filter_field=state&filter_value=Unpaid"
    assert [each["id"] for each in ask(f"GET /api/v2/billogram?{unpaid}").data] == [key]
    assert ask(f"POST /api/v2/billogram/{key}/command/credit", b'{"mode":"full"}').data["state"] == "Credited"
    assert ask("DELETE /api/v2/item/1").data == {}


def test_a_php_client(talk: Talk) -> None:
    agent = ("User-Agent: GuzzleHttp/6", "Accept: application/json", JSON)

    def ask(line: str, body: bytes | None = None) -> Any:
        answer = talk.ask(line, *agent, body=body)
        assert answer.headers["content-type"].startswith("application/json")
        return answer

    assert ask("POST /api/v2/customer/", b'{"name":"A","contact":{"email":"a@example.com"}}').status == 200
    bill = b'{"customer":{"customer_no":1},"items":[{"title":"Row","count":1,"price":100,"vat":25,"item_no":4}],"automatic_reminders":true}'  # noqa: E501  # one line, as it is sent
    made = ask("POST /api/v2/billogram", bill).data
    assert (made["automatic_reminders"], made["currency"]) == (True, "SEK")
    key = made["id"]
    assert ask(f"GET /api/v2/billogram/{key}").status == 200
    assert ask(f"POST /api/v2/billogram/{key}/command/send", b'{"method":"Email"}').data["state"] == "Unpaid"
    credited = ask(
        f"POST /api/v2/billogram/{key}/command/credit", b'{"mode":"full","amount":0,"method":"Email"}'
    )
    assert credited.data["state"] == "Credited"
    other = ask("POST /api/v2/billogram", bill).data["id"]
    assert ask(f"DELETE /api/v2/billogram/{other}").data == {}
    empty = ask(f"POST /api/v2/billogram/{talk.draft()}/command/send", b"")
    assert empty.data["state"] == "Unpaid"


# HTTP itself


def test_head(talk: Talk) -> None:
    got = talk.ask("GET /api/v2/settings")
    head = talk.ask("HEAD /api/v2/settings")
    assert (head.line, head.headers["content-length"]) == (got.line, got.headers["content-length"])
    assert head.body == b""
    missing = talk.ask("HEAD /api/v2/customer/1")
    assert (missing.status, missing.body) == (404, b"")
    assert talk.ask("GET /api/v2/settings").body == got.body  # nothing was left on the connection


def test_http_1_0(talk: Talk) -> None:
    body = b'{"name":"A"}'
    talk.write("POST /api/v2/customer HTTP/1.0", talk.auth, f"Content-Length: {len(body)}", body=body)
    answer = talk.read()
    assert answer.line in ("HTTP/1.1 200 OK", "HTTP/1.0 200 OK")  # what a PHP client can read
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.data["name"] == "A"
    assert talk.at_end()


def test_connection_close(talk: Talk) -> None:
    answer = talk.ask("GET /api/v2/settings", "Connection: close")
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert talk.at_end()


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_a_chunked_body(talk: Talk, size: int) -> None:
    body = '{"name":"Åsa AB","notes":"chunked"}'.encode()
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunked = b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    talk.write(
        "POST /api/v2/customer HTTP/1.1",
        "Host: localhost",
        talk.auth,
        "Transfer-Encoding: chunked",
        body=chunked,
    )
    assert talk.read().data["name"] == "Åsa AB"
    assert talk.ask("GET /api/v2/customer/1").data["notes"] == "chunked"


def test_expect_100_continue(talk: Talk) -> None:
    body = b'{"name":"A"}'
    head = (
        "POST /api/v2/customer HTTP/1.1",
        "Host: localhost",
        "Expect: 100-continue",
        f"Content-Length: {len(body)}",
    )
    talk.write(*head, talk.auth)
    assert talk.read().line == "HTTP/1.1 100 Continue"
    talk.socket.sendall(body)
    assert talk.read().data["name"] == "A"
    talk.write(*head, talk.auth, body=body)  # one that does not wait
    assert talk.read().line == "HTTP/1.1 100 Continue"
    assert talk.read().data["customer_no"] == 2


def test_pipelined_requests(talk: Talk) -> None:
    """Sent at once, answered in their order, each after what the one before it did."""
    requests = b""
    for number in range(20):
        body = json.dumps({"name": f"Customer {number}"}).encode()
        lines = (
            "POST /api/v2/customer HTTP/1.1",
            "Host: localhost",
            talk.auth,
            f"Content-Length: {len(body)}",
            "",
            "",
        )
        requests += "\r\n".join(lines).encode() + body
        read = (f"GET /api/v2/customer/{number + 1} HTTP/1.1", "Host: localhost", talk.auth, "", "")
        requests += "\r\n".join(read).encode()
    talk.socket.sendall(requests)
    for number in range(20):
        made, found = talk.read(), talk.read()
        assert made.data["name"] == found.data["name"] == f"Customer {number}"
        assert made.data["customer_no"] == number + 1


def test_nonsense_behind_requests_in_the_pipeline(server: Mockserver, talk: Talk) -> None:
    """The connection is closed while the first answer is still being made: nobody's failure."""
    for _ in range(600):
        talk.customer()
    line = "GET /api/v2/customer?page=1&page_size=10000000&filter_type=field-search&filter_field=name"
    head = "\r\n".join((f"{line}&filter_value=a HTTP/1.1", "Host: localhost", talk.auth, "", "")).encode()
    for _ in range(20):
        with Talk(server, "") as other:
            other.socket.sendall(head * 2 + b"nonsense\r\n\r\n")
            assert other.read().status == 400
            assert other.at_end()
    assert len(talk.ask(f"{line}&filter_value=a").data) == 600


def test_a_request_byte_by_byte(talk: Talk) -> None:
    body = '{"name":"Åsa AB"}'.encode()
    head = (
        "POST /api/v2/customer HTTP/1.1",
        "Host: localhost",
        talk.auth,
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in "\r\n".join(head).encode() + body:
        talk.socket.sendall(bytes([byte]))
    assert talk.read().data["name"] == "Åsa AB"


def test_odd_but_allowed(talk: Talk) -> None:
    base = talk.auth.replace("Authorization: Basic ", "")
    for authorization in (
        *(
            f"authorization: basic {base}",
            f"AUTHORIZATION:BASIC {base}",
            f"Authorization:   Basic   {base}  ",
        ),
    ):
        talk.write("GET /api/v2/settings HTTP/1.1", "host: x", authorization)
        assert talk.read().status == 200, authorization
    where = talk.ask("GET http://mock.test/api/v2/settings")
    assert where.status == 200  # the whole address in the line, as through a proxy
    talk.socket.sendall(b"\r\n\r\n")  # blank lines before a request, as old clients leave behind a body
    assert talk.ask("GET /api/v2/settings").status == 200
