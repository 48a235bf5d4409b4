"""What is true of every operation: credentials, order of checks, envelope, headers (reference: api 1)."""

import base64
from typing import Any

import pytest

from mockserver.api.call import MAX_BODY
from mockserver.api.operations import OPERATIONS
from tests.documented import API, hold
from tests.server import Answer, Server, basic

GOOD = {"authorization": basic("test", "secret")}


def ask(
    server: Server, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    answer = server.run(server.asgi(method, path, body, headers))
    if answer.headers["content-type"] == "application/json" and method != "HEAD":
        hold(method, path.removeprefix("/api/v2"), answer)
    return answer


@pytest.mark.parametrize("value", [None, "", "Bearer abc", "Digest username=x", "Basi"])
@pytest.mark.parametrize("path", ["/api/v2/billogram", "/api/v2/nowhere", "/api/v2", "/api/v2/"])
def test_without_credentials_nothing_else_is_looked_at(server: Server, value: str | None, path: str) -> None:
    headers = {} if value is None else {"authorization": value}
    for method, body in (("POST", b"{nonsense"), ("PATCH", b""), ("GET", b"")):
        answer = ask(server, method, path, headers, body)
        assert answer.status == 401
        assert answer.error[0] == "MISSING_AUTH"
        assert answer.headers["www-authenticate"] == 'Basic realm="Billogram API"'
    assert server.emulator.live("test") is None


@pytest.mark.parametrize(
    "pair", ["test:wrong", "test:", ":secret", "nocolon", "\u0000:x", "a/b:x", "x" * 101 + ":y"]
)
def test_a_wrong_pair_is_invalid_and_makes_no_account(server: Server, pair: str) -> None:
    server.customer()
    value = "Basic " + base64.b64encode(pair.encode()).decode()
    answer = ask(server, "GET", "/api/v2/settings", {"authorization": value})
    assert (answer.status, answer.error[0]) == (403, "INVALID_AUTH")
    assert "www-authenticate" not in answer.headers
    assert [live.id for live in server.emulator.live_accounts()] == ["test"]


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe:x").decode()])
def test_what_cannot_be_decoded_is_invalid(server: Server, value: str) -> None:
    answer = ask(server, "GET", "/api/v2/settings", {"authorization": value})
    assert (answer.status, answer.error[0]) == (403, "INVALID_AUTH")


def test_the_first_credentials_make_the_account_and_keep_its_key(server: Server) -> None:
    assert server.get("/settings").data["name"] == "test"
    assert server.get("/settings", key="other").error[0] == "INVALID_AUTH"
    assert server.get("/settings", account="second", key="other").data["name"] == "second"
    assert server.get("/settings").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "identifier"),
    [
        ("GET", "/api/v2", 404, "NOT_FOUND"),
        ("GET", "/api/v2/", 404, "NOT_FOUND"),
        ("GET", "/api/v2/creditor", 404, "NOT_FOUND"),
        ("GET", "/api/v2/billogram/x/y", 404, "NOT_FOUND"),
        ("POST", "/api/v2/billogram/x/command", 404, "NOT_FOUND"),
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/api/v1/settings", 404, "NOT_FOUND"),
        ("DELETE", "/api/v2/customer/1", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/api/v2/billogram", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/api/v2/settings", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/v2/report", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_paths_and_methods(server: Server, method: str, path: str, status: int, identifier: str) -> None:
    answer = ask(server, method, path, GOOD, b"{")
    assert (answer.status, answer.error[0]) == (status, identifier)
    if status == 404:
        assert answer.error[1] == {"message": f"no such resource: {path}"}
    else:
        allowed = set(answer.headers["allow"].split(", "))
        rows = {
            row.method for row in OPERATIONS if f"/api/v2{row.path}" == path or path.endswith("/customer/1")
        }
        assert "GET" in allowed
        assert allowed - {"HEAD", "PUT"} <= rows


def test_path_before_method_before_query_before_body(server: Server) -> None:
    key = server.draft()["id"]
    assert ask(server, "POST", "/api/v2/nowhere", GOOD, b"{").error[0] == "NOT_FOUND"
    assert ask(server, "DELETE", "/api/v2/settings", GOOD, b"{").error[0] == "METHOD_NOT_ALLOWED"
    assert ask(server, "POST", "/api/v2/billogram/none/command/send", GOOD, b"{").error[0] == "NOT_FOUND"
    assert (
        ask(server, "POST", f"/api/v2/billogram/{key}/command/send", GOOD, b"{").error[0]
        == "INVALID_PARAMETER"
    )


@pytest.mark.parametrize(
    "path", ["/api/v2/settings", "/api/v2/settings/", "/api/v2/settings/?", "/api/v2/settings?0="]
)
def test_slashes_and_lone_question_marks_are_ignored(server: Server, path: str) -> None:
    assert ask(server, "GET", path, GOOD).status == 200


def test_head_is_get_without_the_body(server: Server) -> None:
    got, head = (ask(server, method, "/api/v2/settings", GOOD) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.body))


def test_the_headers_are_exact(server: Server) -> None:
    for path, status in (("/api/v2/settings", 200), ("/api/v2/nowhere", 404)):
        headers = ask(server, "GET", path, GOOD).headers
        assert ask(server, "GET", path, GOOD).status == status
        assert headers["content-type"] == "application/json"
        assert headers["date"] == headers["last-modified"] == headers["expires"]
        assert headers["date"].endswith(" GMT")
        assert headers["cache-control"] == "max-age=0"
        assert headers["vary"] == "Cookie"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["server"] == "mockserver"
        assert ("mock-rule" in headers) == (status == 404)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "invalid JSON"),
        (b"nonsense", "invalid JSON"),
        (b'{"name":"\xff"}', "invalid JSON"),
        (b'{"name":NaN}', "invalid JSON"),
        (b"[" * 100, "invalid JSON"),
        (b"[" * 10_000, "request body too large, maximum 100 levels"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "invalid JSON"),
        (b"[1]", "invalid request body"),
        (b"\xef\xbb\xbf{}", "Name not set"),
        (b"[]", "Name not set"),
        (b'"text"', "invalid request body"),
        (b"1", "invalid request body"),
        (b"", "Name not set"),
        (b"null", "Name not set"),
        (b"{}", "Name not set"),
    ],
)
def test_bodies_that_are_no_object(server: Server, body: bytes, message: str) -> None:
    answer = ask(server, "POST", "/api/v2/customer", GOOD, body)
    assert (answer.status, answer.error[0], answer.error[1]["message"]) == (400, "INVALID_PARAMETER", message)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8", ""]
)
def test_the_type_of_a_request_is_not_looked_at(server: Server, kind: str) -> None:
    headers = {**GOOD, "content-type": kind, "accept": "text/html"}
    assert ask(server, "POST", "/api/v2/customer", headers, b'{"name":"A"}').data["name"] == "A"


def test_a_body_above_the_limit(server: Server) -> None:
    body = b'{"name":"' + b"x" * MAX_BODY + b'"}'
    answer = ask(server, "POST", "/api/v2/customer", GOOD, body)
    assert (answer.status, answer.error[0]) == (413, "INVALID_PARAMETER")
    assert ask(server, "POST", "/api/v2/customer", {}, body).error[0] == "MISSING_AUTH"
    assert ask(server, "POST", "/api/v2/nowhere", GOOD, body).error[0] == "NOT_FOUND"


def test_an_over_long_request_line(server: Server) -> None:
    answer = ask(server, "GET", "/api/v2/settings?x=" + "y" * 4096, GOOD)
    assert (answer.status, answer.headers["content-type"]) == (400, "text/html")
    fits = "/api/v2/settings?x="
    fits += "y" * (4094 - len(f"GET {fits} HTTP/1.1"))
    assert ask(server, "GET", fits, GOOD).status == 200
    assert ask(server, "GET", fits + "y", GOOD).status == 400
    assert "more than 4094 bytes" in " ".join(API["info"]["description"].split())


@pytest.mark.parametrize(
    ("query", "identifier", "field"),
    [
        ("", "MISSING_QUERY_PARAMETER", "page"),
        ("?page=1", "MISSING_QUERY_PARAMETER", "page_size"),
        ("?page_size=1", "MISSING_QUERY_PARAMETER", "page"),
        ("?page=0&page_size=1", "INVALID_QUERY_PARAMETER", "page"),
        ("?page=-1&page_size=1", "INVALID_QUERY_PARAMETER", "page"),
        ("?page=x&page_size=1", "INVALID_QUERY_PARAMETER", "page"),
        ("?page=1&page_size=", "INVALID_QUERY_PARAMETER", "page_size"),
        ("?page=1&page_size=1.5", "INVALID_QUERY_PARAMETER", "page_size"),
        ("?page=1&page_size=%C2%B2", "INVALID_QUERY_PARAMETER", "page_size"),
    ],
)
@pytest.mark.parametrize("path", ["/customer", "/billogram"])
def test_pages_must_be_asked_for(server: Server, path: str, query: str, identifier: str, field: str) -> None:
    answer = server.get(path + query)
    assert answer.status == 400
    assert answer.error[0] == identifier
    assert (answer.error[1]["field"], answer.error[1]["field_path"]) == (field, [])


def test_lists_by_page(server: Server) -> None:
    numbers = [server.customer(customer_no=number) for number in (7, 3, 5)]
    assert [row["customer_no"] for row in server.get("/customer?page=1&page_size=10").data] == sorted(numbers)
    made = [server.draft(customer={"customer_no": 3})["id"] for _ in range(5)]
    paid = server.sent(customer={"customer_no": 5})["id"]
    server.command(paid, "payment", {"amount": 25})
    server.call("DELETE", f"/billogram/{made.pop(1)}")
    pages = [server.get(f"/billogram?page={page}&page_size=2") for page in (1, 2, 3, 4)]
    assert [[row["id"] for row in page.data] for page in pages] == [made[:2], made[2:4], [paid], []]
    for page in pages:
        assert page.json["meta"] == {"total_count": 5, "total_remaining_sum": "600.00"}
    assert len(server.get("/billogram?page=1&page_size=10000000").data) == 5
    assert len(server.get("/billogram?page=9&page=1&page_size=2&filter_field=&order_field=").data) == 2


def test_an_empty_list(server: Server) -> None:
    assert server.get("/customer?page=1&page_size=5").json == {
        "status": "OK",
        "meta": {"total_count": 0},
        "data": [],
    }


def test_our_own_mistake_is_a_500_in_the_dialect_and_never_swallowed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mockserver.core import register

    def broken(*_: Any) -> int:
        raise AssertionError("broken")

    server.customer()
    monkeypatch.setattr(register, "create_customer", broken)
    with pytest.raises(AssertionError, match="broken"):
        server.post("/customer", {"name": "A"})
    monkeypatch.undo()
    assert server.fold().image() == server.image()
    assert server.customer() == 2


def test_request_ids_differ(server: Server) -> None:
    ids = {server.get("/settings").headers["mock-request-id"] for _ in range(20)}
    assert len(ids) == 20
