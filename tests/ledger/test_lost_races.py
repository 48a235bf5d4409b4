"""Another writer on the same log, and data that the log refuses: only the account concerned is touched."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mockserver.log.interface import Append, Write, WriteRefused
from tests.log.test_held_commit import HeldLog, quiet
from tests.server import ACCOUNT, Answer, Server, basic, dumps

A = f"/_mock/accounts/{ACCOUNT}"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
CUSTOMER = {"name": "Test AB", "contact": {"email": "contact@example.com"}}


class Pair:
    """Two servers on one log, each of which has opened the account."""

    def __init__(self) -> None:
        self.log = HeldLog()
        self.ours, self.theirs = Server(self.log), Server(self.log)
        self.theirs.loop.close()
        self.theirs.loop = self.ours.loop
        self.sent = self.ours.sent()
        self.ours.draft()
        self.ours.mock("POST", f"/accounts/{ACCOUNT}/snapshots", {"name": "before"})
        self.theirs.get("/settings")

    def close(self) -> None:
        self.ours.run(self.theirs.app.close())
        self.ours.close()

    def same(self) -> None:
        """What our server holds is what the log tells."""
        assert self.ours.image() == self.ours.fold().image()
        live = self.ours.emulator.live(ACCOUNT)
        assert live is not None
        assert live.position == self.ours.run(self.log.end(live.stream)) == live.durable


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


async def together(server: Server, accounts: list[str]) -> list[Answer]:
    """A customer for each, asked for at once."""
    headers = [{"authorization": basic(account, "secret")} for account in accounts]
    asked = [server.asgi("POST", "/api/v2/customer", dumps(CUSTOMER), each) for each in headers]
    return list(await asyncio.gather(*asked))


def api(method: str, path: str, body: Any = None) -> Callable[[Server, str], Answer]:
    def ask(server: Server, sent: str) -> Answer:
        return server.call(method, path.format(sent=sent), {} if body is None else body)

    return ask


def mock(method: str, path: str, body: Any = None) -> Callable[[Server, str], Answer]:
    def ask(server: Server, sent: str) -> Answer:
        return server.mock(
            method, f"/accounts/{ACCOUNT}{path}".format(sent=sent), {} if body is None else body
        )

    return ask


ASKS: dict[str, Callable[[Server, str], Answer]] = {
    "customer": api("POST", "/customer", CUSTOMER),
    "billogram": api("POST", "/billogram", {"customer": {"customer_no": 1}, "items": [ROW]}),
    "command": api("POST", "/billogram/{sent}/command/message", {"message": "from us"}),
    "payment": api("POST", "/billogram/{sent}/command/payment", {"amount": 10}),
    "settings": api("PUT", "/settings", {"name": "Other AB"}),
    "clock": mock("PUT", "/clock", {"now": "2026-06-02T09:00:00Z"}),
    "advance": mock("POST", "/clock/advance", {"by": "40d"}),
    "restore": mock("POST", "/snapshots/before/restore"),
    "reset": mock("POST", "/reset"),
    "account": mock("PATCH", "", {"default_due_days": 12}),
}


@pytest.mark.parametrize("name", ASKS)
def test_what_was_decided_for_a_taken_position_is_decided_again(pair: Pair, name: str) -> None:
    """The answer is that of a server that has read what the other one wrote."""
    twin = Pair()
    ask = ASKS[name]
    assert pair.theirs.post("/customer", CUSTOMER).data["customer_no"] == 3
    assert pair.theirs.command(pair.sent["id"], "message", {"message": "from the other"}).status == 200
    twin.ours.post("/customer", CUSTOMER)
    twin.ours.command(twin.sent["id"], "message", {"message": "from the other"})
    answer, expected = ask(pair.ours, pair.sent["id"]), ask(twin.ours, twin.sent["id"])
    assert answer.status == expected.status != 503, answer.body
    assert pair.ours.image() == twin.ours.image()
    pair.same()
    twin.close()


def test_those_who_waited_together_are_all_answered(pair: Pair) -> None:
    """Of many requests in one commit each is decided again; other accounts in it are not touched."""
    pair.ours.post("/customer", CUSTOMER, account="other")
    other = pair.ours.position("other")
    pair.theirs.post("/customer", CUSTOMER)

    answers = pair.ours.run(together(pair.ours, [ACCOUNT] * 10 + ["other"] * 5))
    assert [answer.status for answer in answers] == [200] * 15
    numbers = [answer.data["customer_no"] for answer in answers]
    assert sorted(numbers[:10]) == list(range(4, 14))
    assert sorted(numbers[10:]) == list(range(2, 7))
    assert pair.ours.position("other") == other + 5
    assert pair.ours.mock("GET", "/ready").status == 200
    pair.same()


def test_a_move_that_loses_its_position_half_way_goes_on(pair: Pair) -> None:
    """The other writer comes in while the acts of the move are being written."""

    async def story() -> Answer:
        pair.log.holding = True
        body = dumps({"by": "90d"})
        moving = asyncio.ensure_future(pair.ours.asgi("POST", f"{A}/clock/advance", body))
        await quiet()
        assert not moving.done()
        stream = (await pair.log.pointers())[f"account:{ACCOUNT}"]
        end = await pair.log.end(stream)
        theirs = pair.theirs.emulator.live(ACCOUNT)
        assert theirs is not None
        assert theirs.position == end
        pair.theirs.emulator._writer = None  # it writes past the commit that is held
        pair.log.volatile = True
        await pair.theirs.asgi(
            "POST", "/api/v2/customer", dumps(CUSTOMER), {"authorization": basic(ACCOUNT, "secret")}
        )
        pair.log.volatile = False
        assert await pair.log.end(stream) == end + 1
        pair.log.let_go()
        return await moving

    answer = pair.ours.run(story())
    assert answer.status == 200, answer.body
    assert answer.json["to"].startswith("2026-05-31")
    assert answer.json["count"] == len(answer.json["happened"])
    assert len(answer.json["happened"]) > 0
    assert pair.ours.get("/customer/3").status == 200
    pair.same()


class RefusingLog(HeldLog):
    """Can't keep records of one stream."""

    refused: str | None = None

    async def keep(self, writes: Sequence[Write]) -> None:
        for write in writes:
            if isinstance(write, Append) and write.stream == self.refused:
                raise WriteRefused("this record is too large")
        await super().keep(writes)


def test_data_that_the_log_refuses_fails_its_account_only() -> None:
    log = RefusingLog()
    server = Server(log)
    for account in ("a", "b", "c"):
        server.post("/customer", CUSTOMER, account=account)
    live = server.emulator.live("b")
    assert live is not None
    log.refused = live.stream
    images = {account: server.image(account) for account in ("a", "b", "c")}

    answers = server.run(together(server, ["a", "b", "c", "b", "a"]))
    assert [answer.status for answer in answers] == [200, 503, 200, 503, 200]
    assert "too large" in answers[1].json["data"]["message"]
    assert server.image("b") == images["b"] == server.fold("b").image()
    for account in ("a", "c"):
        assert server.image(account) == server.fold(account).image() != images[account]
    assert server.mock("GET", "/ready").status == 200
    log.refused = None
    assert server.post("/customer", CUSTOMER, account="b").data["customer_no"] == 2
    server.close()
