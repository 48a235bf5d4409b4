"""Where an account's callbacks go: set, shown, refused (reference: control 1, webhooks 1)."""

from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.core.callbacks import TYPES
from tests.control.test_clock import inbox
from tests.server import ACCOUNT, KEY, Answer, Server

PATH = f"/accounts/{ACCOUNT}/callbacks"
DEFAULTS = {
    "url": None,
    "sign_key": None,
    "require_https": False,
    "types": list(TYPES),
    "timeout": "10s",
    "retry_schedule": ["1m", "5m", "15m", "1h", "3h", "6h", "12h"],
    "respond": 200,
}
WHOLE = {
    "url": "https://example.com:8443/hook?x=1",
    "sign_key": "k1",
    "require_https": True,
    "types": ["PaymentRecalled", "BillogramEvent"],
    "timeout": "0.5s",
    "retry_schedule": ["10s", "PT1M", "1d", "P1M"],
    "respond": 503,
}
SECURE = {"url": "HTTPS://a.example", "require_https": True}


@pytest.fixture
def server(server: Server) -> Server:
    """One with the account."""
    server.get("/settings")
    return server


def shown(server: Server) -> Any:
    """As it is told here, and as the account tells it."""
    told = server.mock("GET", PATH).json
    assert server.mock("GET", f"/accounts/{ACCOUNT}").json["callbacks"] == told
    return told


def put(server: Server, body: Any) -> Answer:
    return server.mock("PUT", PATH, body)


def test_a_new_account_sends_nothing(server: Server) -> None:
    assert shown(server) == DEFAULTS
    server.sent()
    assert server.mock("GET", f"/accounts/{ACCOUNT}/deliveries").json == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"url": None}, {}),
        ({"url": "mock:inbox"}, {"url": "mock:inbox"}),
        ({"url": "http://example.com"}, {"url": "http://example.com"}),
        ({"url": "HTTP://EXAMPLE.com/Hook"}, {"url": "HTTP://EXAMPLE.com/Hook"}),
        ({"url": "http://[::1]:1/"}, {"url": "http://[::1]:1/"}),
        ({"url": "http://user:word@example.com/"}, {"url": "http://user:word@example.com/"}),
        ({"url": "http://mock.test:8080/hook"}, {"url": "http://mock.test:8080/hook"}),  # another port
        ({"url": "mock:inbox", "require_https": True}, {"url": "mock:inbox", "require_https": True}),
        (SECURE, SECURE),
        ({"url": None, "sign_key": ""}, {}),
        ({"url": None, "sign_key": "å"}, {"sign_key": "å"}),
        ({"url": None, "types": []}, {"types": []}),
        ({"url": None, "types": None, "timeout": None, "retry_schedule": None}, {}),
        ({"url": None, "retry_schedule": []}, {"retry_schedule": []}),
        ({"url": None, "retry_schedule": ["0s"] * 20}, {"retry_schedule": ["0s"] * 20}),
        ({"url": None, "timeout": "10m"}, {"timeout": "10m"}),
        ({"url": None, "timeout": "PT0.1S"}, {"timeout": "PT0.1S"}),
        (WHOLE, WHOLE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["put", "patch", "post"])
def test_what_is_left_out_has_its_default(
    server: Server, body: dict[str, Any], expected: dict[str, Any], way: str
) -> None:
    """Set whole, whatever there was before; by PUT, with PATCH of the account, and at its making."""
    assert put(server, {**WHOLE, "types": ["BillingTab"]}).status == 200
    if way == "put":
        assert put(server, body).json == DEFAULTS | expected
    elif way == "patch":
        changed = server.mock("PATCH", f"/accounts/{ACCOUNT}", {"callbacks": body})
        assert changed.json["callbacks"] == DEFAULTS | expected
    else:
        server.mock("DELETE", f"/accounts/{ACCOUNT}")
        made = server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": body})
        assert (made.status, made.json["callbacks"]) == (201, DEFAULTS | expected)
    assert shown(server) == DEFAULTS | expected
    assert server.fold().image() == server.image()


BAD_URLS: list[Any] = [
    *("", " ", "example.com", "//example.com/hook", "ftp://example.com/", "javascript:alert(1)"),
    *("mock:outbox", "mock:inbox/", "http://", "https:///hook", "http://exa mple.com/", "http://[::1"),
    *("http://example.com/\n", "http://example.com:99999/", "http://example.com:x/", "http://" + "x" * 4000),
    *(5, True, [], {}),
    # the server itself, by the names under which this client knows it
    *("http://mock.test/", "http://mock.test:80/hook", "HTTP://MOCK.TEST/", "http://user@mock.test/x"),
]
BAD_TIMEOUTS: list[Any] = [
    *("", "5", "soon", "0s", "-1s", "601s", "11m", "1h", "1d", "P1D", "1e3s", 5, []),
]
BAD_INTERVALS: list[Any] = ["", "soon", "-1s", "1", "9999y", 5, None]
BAD: list[tuple[Any, str]] = [
    *(({"url": url}, "url") for url in BAD_URLS),
    ({"url": "http://example.com/", "require_https": True}, "url"),
    ({}, "url"),
    ({"sign_key": "k"}, "url"),
    ({"url": None, "sign_key": 5}, "sign_key"),
    ({"url": None, "sign_key": "x" * 1001}, "sign_key"),
    ({"url": None, "require_https": "perhaps"}, "require_https"),
    ({"url": None, "require_https": None}, "require_https"),
    ({"url": None, "types": "BillogramEvent"}, "types"),
    ({"url": None, "types": ["BillogramEvent", "Overdue"]}, "types.1"),
    ({"url": None, "types": [5]}, "types.0"),
    *(({"url": None, "timeout": span}, "timeout") for span in BAD_TIMEOUTS),
    *(({"url": None, "retry_schedule": [span]}, "retry_schedule.0") for span in BAD_INTERVALS),
    ({"url": None, "retry_schedule": ["1m", "P"]}, "retry_schedule.1"),
    ({"url": None, "retry_schedule": "1m"}, "retry_schedule"),
    ({"url": None, "retry_schedule": ["1m"] * 21}, "retry_schedule"),
    *(({"url": "mock:inbox", "respond": status}, "respond") for status in (199, 600, "503", None, 200.5)),
    ({"url": None, "colour": "red"}, "colour"),
    ([], ""),
    ("mock:inbox", ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "named"), BAD, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("way", ["put", "patch", "post"])
def test_every_bad_value_is_named_and_nothing_changes(
    server: Server, body: Any, named: str, way: str
) -> None:
    assert put(server, WHOLE).status == 200
    image, position = server.image(), server.position()
    method, path, sent = {
        "put": ("PUT", PATH, body),
        "patch": ("PATCH", f"/accounts/{ACCOUNT}", {"callbacks": body, "default_due_days": 5}),
        "post": ("POST", "/accounts", {"id": "other", "callbacks": body}),
    }[way]
    answer = server.mock(method, path, sent)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_body")
    assert named in answer.json["error"]["message"]
    assert (server.image(), server.position()) == (image, position)
    assert [live.id for live in server.emulator.live_accounts()] == [ACCOUNT]


def test_a_server_behind_a_public_address_is_no_receiver_there() -> None:
    server = Server(public_url="https://pay.example:8443/x")
    try:
        server.get("/settings")
        for url, status in (
            ("https://pay.example:8443/hook", 400),
            ("https://PAY.example:8443", 400),
            ("https://pay.example/", 200),
            ("http://pay.example:8444/", 200),
        ):
            assert put(server, {"url": url}).status == status, url
    finally:
        server.close()


def test_null_of_patch_leaves_them_as_they_are(server: Server) -> None:
    put(server, WHOLE)
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"callbacks": None, "default_due_days": 5})
    assert shown(server) == WHOLE


def test_for_what_happens_from_now_on(server: Server) -> None:
    """What was sent keeps the key of its moment; a type left out, or no address, makes no delivery."""
    first = {"url": "mock:inbox", "sign_key": "k1"}
    for settings in (
        first,
        first | {"sign_key": "k2"},
        {"url": None},
        first | {"types": ["PaymentRecalled"]},
        first | {"types": ["BillogramEvent"]},
        {"url": "mock:inbox"},
    ):
        put(server, settings)
        server.draft()
    got = inbox(server)
    created = list(server.state().billograms)
    assert [each["json"]["event"]["billogram_id"] for each in got] == [
        created[0], created[1], created[4], created[5],
    ]  # fmt: skip
    assert [each["signature_ok"] for each in got] == [True, True, True, None]
    assert [each["json"]["signature"] is None for each in got] == [False, False, False, True]


# what the server was started with


@pytest.fixture
def calling() -> Iterator[Server]:
    """A server whose new accounts have callbacks."""
    made = Server(callback_url="mock:inbox", sign_key="k")
    yield made
    made.close()


def test_new_accounts_take_the_address_of_the_server(calling: Server) -> None:
    expected = DEFAULTS | {"url": "mock:inbox", "sign_key": "k"}
    calling.sent()
    assert shown(calling) == expected
    got = inbox(calling)
    assert [each["json"]["event"]["type"] for each in got] == ["BillogramCreated", "BillogramSent"]
    assert [each["signature_ok"] for each in got] == [True, True]
    made = calling.mock("POST", "/accounts", {"id": "posted"})
    assert made.json["callbacks"] == expected
    # given ones take the place of it all: the key too
    for body, own in (({"url": None}, {}), ({"url": "http://a.example/"}, {"url": "http://a.example/"})):
        made = calling.mock("POST", "/accounts", {"id": f"own {len(own)}", "callbacks": body})
        assert made.json["callbacks"] == DEFAULTS | own
    configuration = calling.mock("GET", "/info").json["configuration"]
    assert (configuration["callback_url"], configuration["sign_key"]) == ("mock:inbox", True)


def test_a_reset_keeps_what_the_account_has(calling: Server) -> None:
    calling.get("/settings")
    for settings in (shown(calling), DEFAULTS, WHOLE):
        put(calling, settings)
        calling.mock("POST", f"/accounts/{ACCOUNT}/reset")
        assert shown(calling) == settings
    assert calling.fold().image() == calling.image()
