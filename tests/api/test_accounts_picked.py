"""What a server is told about its surroundings: who picks an account without its key, what a wrong one gets,
and the address that clients see (reference: control 1, api 1)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from mockserver.api import shapes
from mockserver.core.accounts import key_matches
from tests.documented import hold
from tests.server import ACCOUNT, KEY, Answer, Server, basic
from tests.shapes import check

TOKEN = "s3cret"
SOME = {"authorization": basic("nobody", "knows")}
CHALLENGE = 'Basic realm="Billogram API"'


def ask(
    server: Server, headers: dict[str, str], method: str = "GET", path: str = "/settings", body: bytes = b""
) -> Answer:
    answer = server.run(server.asgi(method, f"/api/v2{path}", body, headers))
    hold(method, path, answer)
    return answer


def names(server: Server) -> list[str]:
    return [live.id for live in server.emulator.live_accounts()]


@pytest.fixture
def make() -> Iterator[Callable[..., Server]]:
    """Makes servers, and closes them."""
    with ExitStack() as stack:

        def made(**configuration: Any) -> Server:
            server = Server(**configuration)
            stack.callback(server.close)
            return server

        yield made


@pytest.fixture
def closed(make: Callable[..., Server]) -> Server:
    return make(closed=True)


@pytest.fixture
def guarded(make: Callable[..., Server]) -> Server:
    return make(control_token=TOKEN)


# Mock-Account


@pytest.mark.parametrize(
    "authorization",
    [
        basic("nobody", "knows"),
        basic("other", KEY),  # an account of its own
        basic(ACCOUNT, "wrong"),
        basic("", ""),
        "Basic !!!",
        "Basic",
        "Bearer abc",
        "x",
    ],
)
def test_it_is_picked_instead_of_the_credentials(server: Server, authorization: str) -> None:
    server.customer()
    server.get("/settings", account="other")
    headers = {"authorization": authorization, "mock-account": ACCOUNT}
    assert ask(server, headers).data["name"] == ACCOUNT
    assert ask(server, headers, path="/customer/1").data["customer_no"] == 1
    assert ask(server, headers, "POST", "/customer", b'{"name": "B"}').data["customer_no"] == 2
    assert names(server) == [ACCOUNT, "other"]
    assert len(server.state().customer_order) == 2
    assert key_matches(server.state().account, KEY)


@pytest.mark.parametrize("authorization", [None, "", "  "])
@pytest.mark.parametrize("account", [ACCOUNT, "unknown", ""])
def test_some_credentials_must_be_there(server: Server, authorization: str | None, account: str) -> None:
    server.customer()
    headers = {"mock-account": account, "mock-token": TOKEN}
    if authorization is not None:
        headers["authorization"] = authorization
    answer = ask(server, headers)
    assert (answer.status, answer.error[0]) == (401, "MISSING_AUTH")
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert names(server) == [ACCOUNT]


def test_an_unknown_one_is_born_and_adopts_the_first_key(server: Server) -> None:
    assert ask(server, SOME | {"mock-account": " picked "}).data["name"] == "picked"
    assert ask(server, SOME | {"mock-account": "picked"}).status == 200
    assert names(server) == ["picked"]
    assert server.state("picked").account.key_hash is None
    assert server.get("/settings", account="picked", key="first").status == 200
    assert server.get("/settings", account="picked", key="second").error[0] == "INVALID_AUTH"
    assert ask(server, SOME | {"mock-account": "picked"}).status == 200
    assert server.fold("picked").image() == server.image("picked")


def test_it_is_the_same_account_as_one_born_by_its_credentials(server: Server) -> None:
    server.get("/settings", account="a")
    with_key = server.state("a").account
    server.mock("DELETE", "/accounts/a")
    ask(server, SOME | {"mock-account": "a"})
    without = server.state("a").account
    assert (without.seed, without.settings) == (with_key.seed, with_key.settings)


def test_an_unknown_one_is_refused_when_closed(closed: Server) -> None:
    answer = ask(closed, SOME | {"mock-account": "unknown"})
    assert (answer.status, answer.error[0]) == (403, "INVALID_AUTH")
    assert answer.headers["mock-rule"] == "auth.mock_account"
    assert names(closed) == []
    closed.mock("POST", "/accounts", {"id": "known", "key": KEY})
    assert ask(closed, SOME | {"mock-account": "known"}).data["name"] == "known"
    assert ask(closed, SOME | {"mock-account": "known"}, path="/customer/1").error[0] == "NOT_FOUND"
    assert ask(closed, SOME).error[0] == "INVALID_AUTH"


@pytest.mark.parametrize("account", ["", " ", "a/b", "x" * 101, "\x01"])
def test_what_is_no_name_is_refused(server: Server, account: str) -> None:
    answer = ask(server, {"authorization": basic(ACCOUNT, KEY), "mock-account": account})
    assert (answer.status, answer.error[0]) == (403, "INVALID_AUTH")
    assert names(server) == []


def test_a_name_beyond_ascii(server: Server) -> None:
    assert ask(server, SOME | {"mock-account": "företag"}).data["name"] == "företag"
    assert server.get("/settings", account="företag").data["name"] == "företag"


def test_it_stands_before_path_method_and_body(server: Server) -> None:
    for method, path in (("GET", "/nowhere"), ("DELETE", "/settings"), ("POST", "/customer")):
        assert ask(server, SOME | {"mock-account": "a/b"}, method, path, b"{").error[0] == "INVALID_AUTH"


def test_after_a_reset_it_picks_what_is_there_now(server: Server) -> None:
    server.customer()
    server.mock("POST", f"/accounts/{ACCOUNT}/reset")
    assert ask(server, SOME | {"mock-account": ACCOUNT}, path="/customer/1").error[0] == "NOT_FOUND"


# with a control token


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], f"Bearer {TOKEN}", "s3crét"])
@pytest.mark.parametrize("account", [ACCOUNT, "unknown"])
def test_the_token_must_be_right(guarded: Server, token: str | None, account: str) -> None:
    guarded.customer()
    headers = {"authorization": basic(ACCOUNT, KEY), "mock-account": account}
    if token is not None:
        headers["mock-token"] = token
    answer = ask(guarded, headers)
    assert (answer.status, answer.error[0]) == (403, "INVALID_AUTH")
    assert "www-authenticate" not in answer.headers
    assert answer.headers["mock-rule"] == "auth.mock_account"
    assert TOKEN not in answer.body.decode()
    assert names(guarded) == [ACCOUNT]


def test_with_the_right_token(guarded: Server) -> None:
    guarded.customer()
    headers = SOME | {"mock-token": TOKEN}
    assert ask(guarded, headers | {"mock-account": ACCOUNT}, path="/customer/1").status == 200
    assert ask(guarded, headers | {"mock-account": "born"}).data["name"] == "born"


def test_the_token_alone_opens_nothing(guarded: Server) -> None:
    guarded.customer()
    assert ask(guarded, SOME | {"mock-token": TOKEN}).data["name"] == "nobody"  # born by its credentials
    wrong = {"authorization": basic(ACCOUNT, "wrong"), "mock-token": TOKEN}
    assert ask(guarded, wrong).error[0] == "INVALID_AUTH"
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert ask(guarded, bearer).error[0] == "MISSING_AUTH"


def test_without_a_control_token_the_header_is_not_looked_at(server: Server) -> None:
    assert ask(server, SOME | {"mock-account": "a", "mock-token": "anything"}).status == 200


def test_credentials_need_no_token(guarded: Server) -> None:
    assert guarded.get("/settings").status == 200


# the status of wrong credentials


def test_401_for_wrong_credentials(make: Callable[..., Server]) -> None:
    server = make(invalid_auth_status=401, control_token=TOKEN)
    server.customer()
    for headers in (
        {"authorization": basic(ACCOUNT, "wrong")},
        {"authorization": basic(ACCOUNT, "")},
        {"authorization": "Basic !!!"},
        SOME | {"mock-account": ACCOUNT},
        SOME | {"mock-account": ACCOUNT, "mock-token": "wrong"},
    ):
        answer = ask_401(server, headers)
        assert (answer.status, answer.error[0]) == (401, "INVALID_AUTH")
        assert answer.headers["www-authenticate"] == CHALLENGE


def ask_401(server: Server, headers: dict[str, str]) -> Answer:
    """This status with INVALID_AUTH is not among the pairs that `ask` allows."""
    answer = server.run(server.asgi("GET", "/api/v2/settings", b"", headers))
    check(answer.json, shapes.Error, "error")
    return answer


def test_nothing_else_changes_with_it(make: Callable[..., Server]) -> None:
    def answers(status: int) -> list[tuple[int, str, str | None]]:
        server = make(invalid_auth_status=status)
        body = {"id": ACCOUNT, "key": KEY, "features": {"standalone_credits": False}}
        server.mock("POST", "/accounts", body)
        server.customer()
        items = [{"title": "Row", "count": 1, "price": -100, "vat": 25}]
        return [
            (answer.status, answer.error[0], answer.headers.get("www-authenticate"))
            for answer in (
                ask(server, {}),
                server.post("/billogram", {"customer": {"customer_no": 1}, "items": items}),
                server.get("/customer/7"),
                server.get("/billogram"),
                server.call("DELETE", "/settings"),
                server.post("/customer", b"{"),
            )
        ]

    assert answers(401) == answers(403)
    assert answers(401)[:2] == [(401, "MISSING_AUTH", CHALLENGE), (403, "PERMISSION_DENIED", None)]


# the address that billograms show


def addresses(data: dict[str, Any]) -> tuple[str | None, str | None]:
    return data["url"], data["recipient_url"]


def test_billograms_show_the_host_of_the_request(server: Server) -> None:
    assert addresses(server.draft()) == (None, None)
    made = server.sent()
    url = made["url"]
    assert url == made["recipient_url"]
    assert url.startswith("http://mock.test/")
    path = f"/billogram/{made['id']}"
    for host in ("first.test", "second.test:8080", "mock.test"):
        headers = {"authorization": basic(ACCOUNT, KEY), "host": host}
        shown = ask(server, headers, path=path).data
        assert addresses(shown) == (url.replace("mock.test", host),) * 2


@pytest.mark.parametrize(
    "public", ["https://mock.example.com", "http://[::1]:8080", "https://example.com/a/b"]
)
def test_billograms_show_the_public_address(make: Callable[..., Server], public: str) -> None:
    server, plain = make(public_url=public), make()
    made, without = server.sent(), plain.sent()
    expected = without["url"].replace("http://mock.test", public, 1)
    assert addresses(made) == (expected, expected)
    for host in ("first.test", "second.test"):
        headers = {"authorization": basic(ACCOUNT, KEY), "host": host}
        shown = ask(server, headers, path=f"/billogram/{made['id']}").data
        assert addresses(shown) == (expected, expected)
    for command, body in (
        ("payment", {"amount": 50}),
        ("message", {"message": "x"}),
    ):
        assert addresses(server.command(made["id"], command, body).data) == (expected, expected)
    assert {**made, "url": "", "recipient_url": ""} == {**without, "url": "", "recipient_url": ""}


def test_the_address_is_not_kept(make: Callable[..., Server]) -> None:
    public = "https://mock.example.com"
    server, plain = make(public_url=public), make()
    for each in (server, plain):
        each.sent()
    assert server.image() == plain.image()
    assert "mock.example.com" not in repr(server.image())
