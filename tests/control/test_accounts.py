"""Accounts through the control plane (reference: control 1)."""

from typing import Any

import pytest

from mockserver.stories.operations import OPERATIONS
from tests.server import Server


def test_an_account_is_made_shown_changed_and_removed(server: Server) -> None:
    body = {
        "id": "demo",
        "key": "k",
        "seed": 5,
        "clock": {"mode": "frozen", "now": "2026-05-01T00:00:00+02:00"},
        "timezone": "Europe/Helsinki",
        "features": {"factoring": False},
        "default_due_days": 14,
    }
    made = server.mock("POST", "/accounts", body)
    assert made.status == 201
    assert made.json["key"] == "k"
    shown = server.mock("GET", "/accounts/demo").json
    assert shown == {name: value for name, value in made.json.items() if name != "key"}
    assert shown["clock"] == {
        "mode": "frozen",
        "now": "2026-05-01T01:00:00+03:00",
        "timezone": "Europe/Helsinki",
        "speed": shown["clock"]["speed"],
    }
    assert shown["features"]["factoring"] is False
    assert shown["features"]["collection"] is True
    assert server.mock("GET", "/accounts").json == [shown]
    changed = server.mock("PATCH", "/accounts/demo", {"features": {"collection": False}, "key": "new"}).json
    assert changed["features"] == {**shown["features"], "collection": False}
    assert "key" not in changed
    assert server.get("/settings", account="demo", key="k").status == 403
    assert server.get("/settings", account="demo", key="new").status == 200
    number = server.post("/customer", {"name": "A"}, account="demo", key="new").data["customer_no"]
    rows = [{"title": "A", "count": 1, "price": 1, "vat": 0}]
    draft = {"customer": {"customer_no": number}, "items": rows}
    made_draft = server.post("/billogram", draft, account="demo", key="new").data
    assert (made_draft["invoice_date"], made_draft["due_days"]) == ("2026-05-01", 14)
    assert server.mock("DELETE", "/accounts/demo").json == {"id": "demo"}
    assert server.mock("GET", "/accounts/demo").status == 404
    assert server.get("/settings", account="demo", key="k").status == 200  # born anew


def test_without_a_key_the_first_password_is_adopted(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": "demo"})
    assert server.get("/settings", account="demo", key="first").status == 200
    assert server.get("/settings", account="demo", key="second").status == 403
    assert server.fold("demo").image() == server.image("demo")


def test_only_known_accounts_when_closed() -> None:
    server = Server(closed=True)
    try:
        assert server.get("/settings").error[0] == "INVALID_AUTH"
        server.mock("POST", "/accounts", {"id": "test", "key": "secret"})
        assert server.get("/settings").status == 200
        assert server.get("/settings", account="other").error[0] == "INVALID_AUTH"
    finally:
        server.close()


def test_reset_empties_and_keeps_what_the_account_was_made_with(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": "test", "key": "secret", "features": {"collection": False}})
    server.sent(invoice_no=500)
    before = server.mock("GET", "/accounts/test").json
    assert before["counts"]["billograms"] == 1
    after = server.mock("POST", "/accounts/test/reset").json
    assert after == {**before, "generation": 1, "counts": {"customers": 0, "billograms": 0, "acts": 1}}
    assert server.get("/settings").status == 200
    assert server.sent()["invoice_no"] == 1
    assert server.fold().image() == server.image()
    assert server.mock("POST", "/accounts/test/reset", {"seed": 9}).json["seed"] == 9
    assert server.mock("POST", "/accounts/nobody/reset").status == 404


def test_a_reset_may_set_the_clock_back(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": "test", "key": "secret"})
    start = {"mode": "frozen", "now": "2026-03-02T10:00:00+01:00"}
    for _ in range(2):
        after = server.mock("POST", "/accounts/test/reset", {"clock": start}).json
        assert after["clock"] == {**start, "timezone": "Europe/Stockholm", "speed": 1}
        assert server.sent()["created_at"] == "2026-03-02 09:00:00"
        assert server.mock("POST", "/accounts/test/clock/advance", {"by": "60d"}).status == 200
    assert server.fold().image() == server.image()
    kept = server.mock("POST", "/accounts/test/reset", {"clock": {"mode": "live"}}).json["clock"]
    assert (kept["mode"], kept["now"][:10]) == ("live", "2026-05-01")
    refused = server.mock("POST", "/accounts/test/reset", {"clock": {"now": "soon"}})
    assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_body")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/accounts", {}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": ""}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "a/b"}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "a", "colour": 1}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "a", "timezone": "Mars"}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "a", "clock": {"now": "2026-05-01T00:00:00"}}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "a", "clock": {"mode": "slow"}}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "a", "seed": -1}, 400, "invalid_body"),
        ("POST", "/accounts", {"id": "test"}, 409, "account_exists"),
        ("POST", "/accounts", {"id": "a", "fixture": "shop"}, 400, "fixture"),
        ("POST", "/accounts", b"{", 400, "invalid_json"),
        ("POST", "/accounts", [], 400, "invalid_body"),
        ("PATCH", "/accounts/test", {"id": "b"}, 400, "invalid_body"),
        ("PATCH", "/accounts/none", {}, 404, "unknown_account"),
        ("GET", "/accounts/none", b"", 404, "unknown_account"),
        ("DELETE", "/accounts/none", b"", 404, "unknown_account"),
        ("GET", "/accounts/none/clock", b"", 404, "unknown_account"),
        ("GET", "/nowhere", b"", 404, "unknown_path"),
        ("DELETE", "/health", b"", 405, "method_not_allowed"),
        ("PUT", "/accounts/test/clock", {"now": "2026-03-02T08:59:59Z"}, 409, "clock_backwards"),
        ("PUT", "/accounts/test/clock", {"mode": "fast"}, 400, "invalid_body"),
        ("PUT", "/accounts/test/clock", {"speed": 0}, 400, "invalid_body"),
        ("PUT", "/accounts/test/clock", {"now": "9999-12-31T23:59:59Z"}, 400, "invalid_body"),
        ("PUT", "/accounts/test/clock", {"timezone": "../x"}, 400, "invalid_body"),
    ],
)
def test_refusals_change_nothing(
    server: Server, method: str, path: str, body: Any, status: int, code: str
) -> None:
    server.customer()
    image, position = server.image(), server.position()
    answer = server.mock(method, path, body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert (server.image(), server.position()) == (image, position)
    assert [live.id for live in server.emulator.live_accounts()] == ["test"]


def test_the_market_and_the_delay_of_pdfs(server: Server) -> None:
    made = server.mock("POST", "/accounts", {"id": "plain"}).json
    assert (made["market"], made["pdf_delay"]) == ("Sweden", "0s")
    made = server.mock("POST", "/accounts", {"id": "demo", "market": "Italy", "pdf_delay": "PT1M30S"}).json
    assert (made["market"], made["pdf_delay"]) == ("Italy", "PT1M30S")
    changed = server.mock("PATCH", "/accounts/demo", {"market": "Norway", "pdf_delay": "24h"}).json
    assert (changed["market"], changed["pdf_delay"]) == ("Norway", "24h")
    again = server.mock("POST", "/accounts/demo/reset", {}).json
    assert (again["market"], again["pdf_delay"]) == ("Norway", "24h")
    for bad in ("24.1h", "1d", "soon", "-1s", "", 5):
        answer = server.mock("PATCH", "/accounts/demo", {"pdf_delay": bad})
        assert answer.json["error"]["code"] == "invalid_body"
    assert server.fold("demo").image() == server.image("demo")


def test_health_ready_and_info(server: Server) -> None:
    assert server.mock("GET", "/health").json == {"status": "ok"}
    assert server.mock("GET", "/ready").json == {"status": "ready"}
    server.sent()
    info = server.mock("GET", "/info").json
    assert info["storage"] == "memory"
    assert info["counts"] == {"accounts": 1, "billograms": 1, "acts": 3}


def test_the_control_token_is_wanted_everywhere_but_at_health_and_ready() -> None:
    server = Server(control_token="T0ken")
    try:
        for row in OPERATIONS:
            path = row.path.replace("{a}", "test")
            for token in (None, "", "T0ke", "T0kens"):
                answer = server.mock(row.method, path, token=token)
                assert answer.status == (200 if row.open else 401), row.path
        assert server.mock("GET", "/nowhere").status == 401
        assert server.mock("GET", "/info", token="T0ken").status == 200
        assert "T0ken" not in server.mock("GET", "/info", token="T0ken").body.decode()
        assert server.get("/settings").status == 200  # the API itself wants none
    finally:
        server.close()


def test_another_method_is_told_which_are_possible(server: Server) -> None:
    """Found by schemathesis: `Allow` was missing."""
    answer = server.mock("TRACE", "/accounts")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, HEAD")
    assert server.mock("GET", "/accounts/test/reset").headers["allow"] == "POST"
