"""The journal of the requests to Billogram's API, as the control plane shows it (reference: control 1)."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from mockserver.emulator import Emulator
from mockserver.traffic import KEPT_ANSWERS, MAX_KEPT_BODY, Traffic
from mockserver.ui.client import Client
from tests.control.test_waiting import CONTROL, Holding, born
from tests.log.test_held_commit import Ask, quiet
from tests.server import ACCOUNT, KEY, Answer, Server, basic, dumps

REQUESTS = f"/accounts/{ACCOUNT}/requests"
SEND = {"method": "Email"}


@pytest.fixture
def holding() -> Iterator[Holding]:
    made = Holding()
    yield made
    made.close()


def journal(server: Server, query: str = "", account: str = ACCOUNT) -> list[Any]:
    """What it shows, oldest first."""
    answered = server.mock("GET", f"/accounts/{account}/requests{query}")
    assert answered.status == 200, answered.body
    rows: list[Any] = answered.json
    return rows


def newest(server: Server, query: str = "") -> Any:
    return journal(server, query)[-1]


def ids(rows: list[Any]) -> list[str]:
    return [row["id"] for row in rows]


def id_of(answered: Answer) -> str:
    return answered.headers["mock-request-id"]


def traffic_of(server: Server) -> Traffic:
    return server.app._control._traffic


# one request


def test_a_request_that_went_well(server: Server) -> None:
    answered = server.get("/customer?page=1&page_size=10&order=%C3%A4")
    row = newest(server)
    duration = row.pop("duration_ms")
    assert row == {
        "id": id_of(answered),
        "at": "2026-03-02T10:00:00+01:00",
        "sender": "client",
        "method": "GET",
        "path": "/api/v2/customer?page=1&page_size=10&order=%C3%A4",
        "status": 200,
        "error": None,
        "body": "",
        "body_size": 0,
        "explanation": None,
    }
    assert isinstance(duration, Decimal)
    assert 0 < duration < 20_000


def test_the_bodies_are_there_as_they_were_sent(server: Server) -> None:
    sent = '{"name": "Åsa",\n  "customer_no": 7}'.encode()
    server.post("/customer", sent)
    row = newest(server)
    assert (row["method"], row["path"], row["status"]) == ("POST", "/api/v2/customer", 200)
    assert (row["body"], row["body_size"]) == (sent.decode(), len(sent))
    server.call("PUT", "/customer/7", {"name": "B"})
    assert (newest(server)["method"], newest(server)["body"]) == ("PUT", '{"name":"B"}')


def test_a_long_body_is_cut(server: Server) -> None:
    sent = dumps({"name": "x" * MAX_KEPT_BODY})
    server.post("/customer", sent)
    row = newest(server)
    assert row["body"] == sent[:MAX_KEPT_BODY].decode()
    assert row["body_size"] == len(sent)


@pytest.mark.parametrize("sent", [b"\xff\xfe{}", b'{"name": "\xc3', b"\x00\x01"])
def test_a_body_that_is_no_text(server: Server, sent: bytes) -> None:
    answered = server.post("/customer", sent)
    assert answered.status == 400
    row = newest(server)
    assert (row["body"], row["body_size"]) == (sent.decode("utf-8", "replace"), len(sent))


def test_the_moment_is_that_of_the_account(server: Server) -> None:
    server.get("/settings")
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "3d"})
    server.get("/settings")
    first, second = (datetime.fromisoformat(row["at"]) for row in journal(server))
    assert (second - first).days == 3
    server.mock("PUT", f"/accounts/{ACCOUNT}/clock", {"timezone": "Europe/Helsinki"})
    assert [row["at"] for row in journal(server)] == [
        "2026-03-02T11:00:00+02:00",
        "2026-03-05T11:00:00+02:00",
    ]


def test_the_head_of_an_answer_is_a_request_too(server: Server) -> None:
    headers = {"authorization": basic(ACCOUNT, KEY)}
    answered = server.run(server.asgi("HEAD", "/api/v2/settings", b"", headers))
    assert answered.status == 200
    assert (newest(server)["method"], newest(server)["id"]) == ("HEAD", id_of(answered))


def test_no_key_and_no_header_is_kept(server: Server) -> None:
    server.get("/settings")
    answered = server.mock("GET", REQUESTS)
    text = answered.body.decode()
    assert KEY not in text
    assert basic(ACCOUNT, KEY).split()[1] not in text
    assert "authorization" not in text.lower()


# one of them, with its answer


def test_one_request_has_its_answer(server: Server) -> None:
    answered = server.get("/settings")
    (row,) = journal(server)
    kept = server.mock("GET", f"{REQUESTS}/{id_of(answered)}")
    assert kept.status == 200
    assert kept.json == row | {"answer": answered.body.decode(), "answer_size": len(answered.body)}


def test_a_refusal_keeps_its_answer_longer_than_others(server: Server) -> None:
    refused, done = server.get("/nowhere"), server.get("/settings")
    for _ in range(KEPT_ANSWERS):
        server.get("/settings")
    answers = [server.mock("GET", f"{REQUESTS}/{id_of(each)}").json["answer"] for each in (refused, done)]
    assert answers == [refused.body.decode(), None]


# those of the dashboard


def test_requests_of_the_dashboard_are_left_out(server: Server) -> None:
    asked = server.get("/settings")
    dashboard = Client(server.app, "mock.test", None)
    shown = server.run(dashboard.send("GET", "/api/v2/nowhere", account=ACCOUNT))
    sent = shown.headers["mock-request-id"]
    assert ids(journal(server)) == [id_of(asked)]
    assert ids(journal(server, "?sender=dashboard")) == [sent]
    both = journal(server, "?sender=all")
    assert [(row["id"], row["sender"]) for row in both] == [(id_of(asked), "client"), (sent, "dashboard")]


# refused ones


def test_a_refusal_says_which_rule_and_what_it_compared(server: Server) -> None:
    bill = server.sent()["id"]
    answered = server.command(bill, "payment", {"amount": Decimal("200.50")})
    row = newest(server)
    identifier, data = answered.error
    assert (row["status"], row["error"]) == (answered.status, identifier)
    assert row["explanation"] == {
        "rule": answered.headers["mock-rule"],
        "message": data["message"],
        "compared": {"amount": Decimal("200.50"), "remaining": 125},
    }


def test_numbers_are_plain(server: Server) -> None:
    """JSON numbers, not texts, each with the value that was compared."""
    bill = server.sent()["id"]
    for sent in ("200.50", "126", "1e5", "12345678901.25"):
        server.command(bill, "payment", f'{{"amount": {sent}}}'.encode())
        raw = server.mock("GET", f"{REQUESTS}?limit=1").body
        (row,) = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
        compared = row["explanation"]["compared"]
        assert compared == {"amount": Decimal(sent), "remaining": Decimal(125)}
        assert all(isinstance(value, Decimal) for value in compared.values())


def test_a_state_and_what_would_be_allowed(server: Server) -> None:
    bill = server.sent()["id"]
    server.command(bill, "send", SEND)
    assert newest(server)["explanation"]["compared"] == {"state": "Unpaid", "allowed": ["Unattested"]}


def test_refusals_of_every_kind(server: Server) -> None:
    """Of the edge, of a body, of a query, of a state, of an object that is not there."""
    draft = server.draft()["id"]
    answers = [
        server.get("/nowhere"),
        server.call("PATCH", "/customer/1"),
        server.get("/customer"),
        server.get("/customer/99"),
        server.post("/customer", b"{"),
        server.post("/customer", {"nane": "A"}),
        server.command(draft, "payment", {"amount": 5}),
        server.call("DELETE", "/customer/1"),
    ]
    rows = journal(server)[-len(answers) :]
    assert ids(rows) == [id_of(answered) for answered in answers]
    for row, answered in zip(rows, answers, strict=True):
        identifier, data = answered.error
        assert (row["status"], row["error"]) == (answered.status, identifier)
        explained = row["explanation"]
        assert (explained["rule"], explained["message"]) == (answered.headers["mock-rule"], data["message"])
        assert isinstance(explained["compared"], dict)
    assert len({row["explanation"]["rule"] for row in rows}) >= 6


def test_a_mistake_of_ours_is_in_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.get("/settings")

    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(Emulator, "read", broken)
        with pytest.raises(ZeroDivisionError):
            server.get("/settings")
    row = newest(server)
    assert (row["status"], row["error"], row["explanation"]) == (500, "INTERNAL_ERROR", None)


def test_what_the_log_refused(holding: Holding) -> None:
    async def story() -> None:
        await born(holding, None)
        holding.log.good = 0
        answered = await Ask("POST", "/customer", {"name": "B"}).of(holding)
        assert answered.status == 503
        holding.log.good = None
        listed = await Ask("GET", f"/_mock{REQUESTS}?status=503").of(holding)
        (row,) = listed.json
        assert (row["id"], row["error"]) == (id_of(answered), "SERVICE_UNAVAILABLE")
        assert row["explanation"]["rule"] == "log.unavailable"

    holding.tell(story())


def test_one_that_runs_has_no_status_yet(holding: Holding) -> None:
    async def story() -> None:
        await born(holding, None)
        holding.log.good = 0
        assert (await Ask("POST", "/customer", {"name": "B"}).of(holding)).status == 503
        holding.log.holding = True
        running = asyncio.ensure_future(Ask("POST", "/customer", {"name": "C"}).of(holding))
        await quiet()
        row = (await Ask("GET", f"/_mock{REQUESTS}").of(holding)).json[-1]
        assert (row["body"], row["body_size"]) == ('{"name":"C"}', 12)
        assert (row["status"], row["error"], row["explanation"], row["duration_ms"]) == (None,) * 4
        holding.log.good = None
        holding.log.let_go()
        answered = await running
        row = (await Ask("GET", f"/_mock{REQUESTS}").of(holding)).json[-1]
        assert (row["id"], row["status"]) == (id_of(answered), 200)
        assert row["duration_ms"] > 0

    holding.tell(story())


# which requests


def test_only_what_is_asked_of_the_api_by_this_account(server: Server) -> None:
    server.get("/settings")
    server.get("/settings", account="other")
    server.mock("GET", f"/accounts/{ACCOUNT}")
    assert server.get("/settings", key="wrong").status == 403
    assert server.run(server.asgi("GET", "/api/v2/settings")).status == 401
    assert [row["path"] for row in journal(server)] == ["/api/v2/settings"]
    assert len(journal(server, account="other")) == 1


def test_an_account_that_was_picked(server: Server) -> None:
    headers = {"authorization": basic("anybody", "any"), "mock-account": ACCOUNT}
    answered = server.run(server.asgi("GET", "/api/v2/settings", b"", headers))
    assert ids(journal(server)) == [id_of(answered)]


def test_the_request_that_an_account_is_born_by(server: Server) -> None:
    answered = server.post("/customer", {"name": "A"})
    assert ids(journal(server)) == [id_of(answered)]


def test_an_unknown_account(server: Server) -> None:
    answered = server.mock("GET", REQUESTS)
    assert (answered.status, answered.json["error"]["code"]) == (404, "unknown_account")


# filters


def some_requests(server: Server) -> list[Any]:
    bill = server.sent()["id"]
    server.command(bill, "send", SEND)
    server.command(bill, "payment", {"amount": 25})
    server.command(bill, "payment", {"amount": 200})
    server.get("/nowhere")
    server.get("/settings")
    server.call("PUT", "/customer/1", {"name": "B"})
    server.call("PUT", "/customer/2", {"name": "B"})
    return journal(server)


def test_filters(server: Server) -> None:
    rows = some_requests(server)
    assert len(rows) == 9
    for name in ("method", "status", "error"):
        for value in {row[name] for row in rows} - {None}:
            chosen = [row for row in rows if row[name] == value]
            assert journal(server, f"?{name}={value}") == chosen
    both = [row for row in rows if row["method"] == "POST" and row["status"] == 200]
    assert 0 < len(both) < len(rows)
    assert journal(server, "?method=POST&status=200") == both
    for none in ("?method=PATCH", "?status=418", "?error=NO_SUCH", "?method=post", "?status=2"):
        assert journal(server, none) == []


def test_after(server: Server) -> None:
    rows = some_requests(server)
    for index, row in enumerate(rows):
        assert journal(server, f"?after={row['id']}") == rows[index + 1 :]
    after = rows[2]["id"]
    assert journal(server, f"?after={after}&method=PUT") == [r for r in rows[3:] if r["method"] == "PUT"]
    assert journal(server, "?after=unknown") == rows  # it may have gone, as the oldest do
    for index, row in enumerate(rows):
        assert journal(server, f"?before={row['id']}") == rows[:index]
        assert journal(server, f"?before={row['id']}&limit=2") == rows[max(0, index - 2) : index]


def test_refused_ones_or_not(server: Server) -> None:
    rows = some_requests(server)
    assert journal(server, "?refused=true") == [row for row in rows if row["explanation"]]
    assert journal(server, "?refused=false") == [row for row in rows if not row["explanation"]]


def test_limit(server: Server) -> None:
    """The newest; behind a request, the next ones: so one can read on."""
    rows = some_requests(server)
    for limit in (1, 2, 5, len(rows), 1000, 5000):
        assert journal(server, f"?limit={limit}") == rows[-limit:]
    got = rows[:1]
    while page := journal(server, f"?after={got[-1]['id']}&limit=3"):
        got += page
    assert got == rows


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "9" * 20])
def test_a_bad_limit_is_named(server: Server, limit: str) -> None:
    server.get("/settings")
    answered = server.mock("GET", f"{REQUESTS}?limit={limit}")
    assert (answered.status, answered.json["error"]["code"]) == (400, "invalid_query")
    assert "limit" in answered.json["error"]["message"]


# bounds


def test_so_many_are_kept(server: Server) -> None:
    answers = [server.get("/settings") for _ in range(1010)]
    assert ids(journal(server, "?limit=1000")) == [id_of(answered) for answered in answers[10:]]
    assert journal(server) == journal(server, "?limit=1000")[-100:]
    forgotten = id_of(answers[5])
    assert journal(server, f"?limit=1000&after={forgotten}") == journal(server, "?limit=1000")
    assert journal(server, f"?before={forgotten}") == []


def test_so_many_bytes_are_kept(server: Server) -> None:
    bodies = [dumps({"name": f"{number} {'x' * 20_000}"}) for number in range(100)]
    answers = [server.post("/customer", body) for body in bodies]
    rows = journal(server)
    assert 30 < len(rows) < 100
    assert ids(rows) == [id_of(answered) for answered in answers[-len(rows) :]]
    assert sum(len(row["body"]) for row in rows) <= 1024 * 1024
    assert [row["body_size"] for row in rows] == [len(body) for body in bodies[-len(rows) :]]


def test_so_many_bytes_are_kept_of_all_accounts(server: Server) -> None:
    traffic_of(server)._bytes_in_all = 100_000
    for number in range(40):
        for account in ("one", "two", "three"):
            server.post("/customer", {"name": f"{number} {'x' * 1000}"}, account=account)
    kept = {account: journal(server, account=account) for account in ("one", "two", "three")}
    assert sum(len(row["body"]) for rows in kept.values() for row in rows) <= 100_000
    for rows in kept.values():
        assert 0 < len(rows) < 40
        assert rows[-1]["body"].startswith('{"name":"39 ')


# resets and removals


def test_a_reset_empties_it(server: Server) -> None:
    rows = some_requests(server)
    server.mock("POST", f"/accounts/{ACCOUNT}/reset")
    assert journal(server) == []
    answered = server.get("/settings")
    assert ids(journal(server, f"?after={rows[-1]['id']}")) == [id_of(answered)]


def test_it_goes_with_the_account(server: Server) -> None:
    some_requests(server)
    server.get("/settings", account="other")
    server.mock("DELETE", f"/accounts/{ACCOUNT}")
    assert server.mock("GET", REQUESTS).status == 404
    assert traffic_of(server).entries(ACCOUNT) == []
    answered = server.get("/settings")
    assert ids(journal(server)) == [id_of(answered)]
    assert len(journal(server, account="other")) == 1


@pytest.mark.parametrize("what", ["reset", "removal"])
def test_what_could_not_be_written_has_emptied_nothing(holding: Holding, what: str) -> None:
    ask = Ask("POST", f"{CONTROL}/reset") if what == "reset" else Ask("DELETE", CONTROL)

    async def story() -> None:
        await born(holding, None)
        before = (await Ask("GET", f"/_mock{REQUESTS}").of(holding)).json
        assert before
        holding.log.good = 0
        assert (await ask.of(holding)).status == 503
        holding.log.good = None
        assert (await Ask("GET", f"/_mock{REQUESTS}").of(holding)).json == before

    holding.tell(story())


def test_the_requests_of_the_fresh_account_stay(holding: Holding) -> None:
    """They came while the reset was being written, and what they did is of the fresh account."""

    async def story() -> None:
        await born(holding, None)
        holding.log.holding = True
        reset = asyncio.ensure_future(Ask("POST", f"{CONTROL}/reset").of(holding))
        await quiet()
        asks = [Ask("POST", "/customer", {"name": "B"}), Ask("GET", "/customer/99"), Ask("GET", "/nowhere")]
        coming = []
        for ask in asks:
            coming.append(asyncio.ensure_future(ask.of(holding)))
            await quiet()
        holding.log.let_go()
        assert (await reset).status == 200
        answers = [await each for each in coming]
        assert [answered.status for answered in answers] == [200, 404, 404]
        rows = (await Ask("GET", f"/_mock{REQUESTS}").of(holding)).json
        assert ids(rows) == [id_of(answered) for answered in answers]

    holding.tell(story())
