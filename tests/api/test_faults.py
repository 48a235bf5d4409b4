"""Faults in process: which requests they strike, how they are told, and that nothing is done (control 1)."""

import asyncio
import json
from typing import Any

import pytest

from tests.log.test_held_commit import quiet
from tests.server import ACCOUNT, NO_BODY, Answer, Server, basic, dumps

A = f"/accounts/{ACCOUNT}"
TOLD = [
    ("status:503", 503, "SERVICE_UNAVAILABLE"),
    ("status:500", 500, "INTERNAL_ERROR"),
    ("status:401", 401, "INVALID_AUTH"),
    ("status:403", 403, "PERMISSION_DENIED"),
    ("status:429", 429, "SERVICE_UNAVAILABLE"),
]


def lay(server: Server, **body: Any) -> Any:
    answer = server.mock("POST", f"{A}/faults", body)
    assert answer.status == 201, answer
    return answer.json


def ask(server: Server, method: str, path: str, body: Any = NO_BODY) -> Answer:
    """Not held against the documents: they know nothing of faults."""
    raw = b"" if body is NO_BODY else dumps(body)
    headers = {"authorization": basic(ACCOUNT, "secret")}
    return server.run(server.asgi(method, f"/api/v2{path}", raw, headers))


def statuses(server: Server, count: int) -> list[int]:
    return [ask(server, "GET", "/settings").status for _ in range(count)]


@pytest.mark.parametrize(("fail", "status", "identifier"), TOLD)
def test_an_answer_in_the_dialect_of_the_api_and_nothing_done(
    server: Server, fail: str, status: int, identifier: str
) -> None:
    key = server.sent()["id"]
    image, position = server.image(), server.position()
    lay(server, fail=fail)
    answer = ask(server, "POST", f"/billogram/{key}/command/payment", {"amount": 50})
    assert (answer.status, answer.error[0]) == (status, identifier)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["mock-rule"] == "fault"
    assert (server.image(), server.position()) == (image, position)
    entry = server.mock("GET", f"{A}/requests").json[-1]
    assert (entry["status"], entry["error"], entry["explanation"]["rule"]) == (status, identifier, "fault")
    assert server.mock("GET", f"{A}/timeline?kind=refusal").json[-1]["rule"] == "fault"
    server.mock("DELETE", f"{A}/faults")
    assert server.command(key, "payment", {"amount": 50}).status == 200


def test_after_and_times(server: Server) -> None:
    server.get("/settings")
    lay(server, fail="status:503", after=2, times=3)
    assert statuses(server, 7) == [200, 200, 503, 503, 503, 200, 200]
    (shown,) = server.mock("GET", f"{A}/faults").json
    assert (shown["seen"], shown["hits"]) == (7, 3)


def test_operation_and_command(server: Server) -> None:
    key = server.sent()["id"]
    lay(server, fail="status:503", command="payment")
    lay(server, fail="status:429", operation="GET /billogram/{id}")
    assert lay(server, fail="status:403", operation="listCustomers")["operation"] == "GET /customer"
    assert ask(server, "POST", f"/billogram/{key}/command/payment", {"amount": 1}).status == 503
    assert ask(server, "POST", f"/billogram/{key}/command/message", {"message": "a"}).status == 200
    assert ask(server, "GET", f"/billogram/{key}").status == 429
    assert ask(server, "GET", "/customer?page=1&page_size=1").status == 403
    assert ask(server, "GET", "/nowhere").status == 404


@pytest.mark.parametrize("operation", ["payBillogram", "POST /billogram/{id}/command/payment"])
def test_an_operation_of_the_document_that_is_a_command(server: Server, operation: str) -> None:
    key = server.sent()["id"]
    assert lay(server, fail="status:503", operation=operation, times=1)["command"] == "payment"
    assert ask(server, "POST", f"/billogram/{key}/command/message", {"message": "a"}).status == 200
    assert ask(server, "POST", f"/billogram/{key}/command/payment", {"amount": 1}).status == 503
    assert ask(server, "POST", f"/billogram/{key}/command/payment", {"amount": 1}).status == 200


def test_probability_is_drawn_from_the_seed() -> None:
    seen = []
    for _ in range(2):
        server = Server()
        server.get("/settings")
        lay(server, fail="status:503", probability=0.5)
        seen.append(statuses(server, 60))
        server.close()
    assert seen[0] == seen[1]
    assert 15 < seen[0].count(503) < 45


def test_never_and_always(server: Server) -> None:
    server.get("/settings")
    lay(server, fail="status:503", probability=0)
    assert statuses(server, 5) == [200] * 5
    lay(server, fail="status:503", probability=1)
    assert statuses(server, 5) == [503] * 5


@pytest.mark.parametrize("fail", ["commit-then-502", "commit-then-reset"])
def test_what_was_asked_is_done_and_the_client_does_not_know(server: Server, fail: str) -> None:
    key = server.sent()["id"]
    lay(server, fail=fail, command="payment", times=1)
    path = f"/billogram/{key}/command/payment"
    if fail == "commit-then-502":
        assert ask(server, "POST", path, {"amount": 50}).status == 502
    else:
        with pytest.raises(ConnectionResetError):
            ask(server, "POST", path, {"amount": 50})
    assert server.get(f"/billogram/{key}").data["remaining_sum"] == 75
    assert server.fold().image() == server.image()
    assert server.command(key, "payment", {"amount": 75}).data["state"] == "Paid"


def test_garbage_is_no_json(server: Server) -> None:
    server.get("/settings")
    lay(server, fail="garbage")
    answer = ask(server, "GET", "/settings")
    assert answer.status == 200
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.body)


def test_latency_alone_waits_and_then_answers(server: Server) -> None:
    server.get("/settings")
    lay(server, latency="0.1s")
    before = server.loop.time()
    assert ask(server, "GET", "/settings").status == 200
    assert server.loop.time() - before >= 0.09


def test_who_waits_is_let_go_when_the_server_stops(server: Server) -> None:
    server.get("/settings")
    lay(server, latency="1h")

    async def story() -> int:
        headers = {"authorization": basic(ACCOUNT, "secret")}
        waiting = asyncio.ensure_future(server.asgi("GET", "/api/v2/settings", b"", headers))
        await quiet()
        assert not waiting.done()
        server.app.end_waits()
        return (await asyncio.wait_for(waiting, 5)).status

    assert server.run(story()) == 200


def test_a_reset_a_restore_and_other_accounts_know_nothing_of_them(server: Server) -> None:
    server.get("/settings")
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    for path in ("reset", "snapshots/s/restore"):
        lay(server, fail="status:503")
        assert server.get("/settings", account="other").status == 200
        server.mock("POST", f"{A}/{path}")
        assert server.mock("GET", f"{A}/faults").json == []
        assert server.get("/settings").status == 200


def test_they_are_bounded(server: Server) -> None:
    server.get("/settings")
    for _ in range(100):
        lay(server, fail="reset")
    assert server.mock("POST", f"{A}/faults", {"fail": "reset"}).json["error"]["code"] == "too_many_faults"
