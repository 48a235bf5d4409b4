"""Snapshots, forks and restores while a long move is under way: each sees a moment between two entries."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from mockserver import clock_runner
from tests.control.test_clock import advance, due
from tests.log.test_held_commit import Ask
from tests.log.test_unwritable import FaultyServer, compare
from tests.server import ACCOUNT, Answer, Server

A = f"/accounts/{ACCOUNT}"
END = "2026-06-01T00:00:00+02:00"


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Twenty billograms that fall due one after the other; a move lets others in after each entry."""
    monkeypatch.setattr(clock_runner, "_TURN", -1.0)
    server = Server()
    customer = {"customer_no": server.customer()}
    for day in range(1, 21):
        server.sent(customer=customer, **due(day))
    assert server.mock("POST", f"{A}/snapshots", {"name": "start"}).status == 201
    yield server
    server.close()


async def asked(server: Server, method: str, path: str, body: Any = None) -> Answer:
    return await Ask(method, f"/_mock{path}", {} if body is None else body).of(server)


def beside(server: Server, *turns: int, path: str, bodies: list[Any]) -> tuple[Answer, list[Answer]]:
    """A move to the end, and requests beside it, each so many turns of the loop after the one before."""

    async def story() -> tuple[Answer, list[Answer]]:
        going = asyncio.ensure_future(asked(server, "POST", f"{A}/clock/advance", {"to": END}))
        answers = []
        for turn, body in zip(turns, bodies, strict=True):
            for _ in range(turn):
                await asyncio.sleep(0)
            assert not going.done()
            answers.append(await asked(server, "POST", path, body))
        return await going, answers

    return server.run(story())


def happened(server: Server, account: str) -> list[tuple[str, str]]:
    rows = server.mock("GET", f"/accounts/{account}/timeline?kind=act").json
    return [(row["at"], row["rule"]) for row in rows if row["rule"] == "overdue"]


def test_a_fork_stands_between_two_entries_and_goes_on_by_itself(moved: Server) -> None:
    going, forks = beside(moved, 5, 3, 3, path=f"{A}/fork", bodies=[{"id": f"f{n}"} for n in range(3)])
    assert (going.status, going.json["count"]) == (200, 22)
    assert [answer.status for answer in forks] == [201] * 3
    whole = happened(moved, ACCOUNT)
    seen = []
    for number in range(3):
        name = f"f{number}"
        left = happened(moved, name)
        assert left == whole[: len(left)]
        assert moved.mock("GET", f"/accounts/{name}/clock").json["now"] >= left[-1][0]
        seen.append(len(left))
        moved.mock("POST", f"/accounts/{name}/clock/advance", {"to": END})
        assert happened(moved, name) == whole
        shown = moved.mock("GET", f"/accounts/{name}/diff?against=account:{ACCOUNT}").json["differences"]
        assert shown == []
    assert 0 < seen[0] < seen[1] < seen[2] < 20
    assert moved.fold().image() == moved.image()


def test_a_snapshot_names_a_moment_of_the_move(moved: Server) -> None:
    going, taken = beside(moved, 9, 9, path=f"{A}/snapshots", bodies=[{"name": "a"}, {"name": "b"}])
    assert going.json["count"] == 22
    whole = happened(moved, ACCOUNT)
    first, second = (answer.json["at"] for answer in taken)
    assert first < second < END
    for name, at in (("b", second), ("a", first)):
        assert moved.mock("POST", f"{A}/snapshots/{name}/restore").status == 200
        assert happened(moved, ACCOUNT) == [row for row in whole if row[0] <= at]
        advance(moved, to=END)
        assert happened(moved, ACCOUNT) == whole


def test_a_restore_ends_the_move_on_what_it_left(moved: Server) -> None:
    """As a reset does: the move goes on in the account that the restore has made."""
    going, (restored,) = beside(moved, 9, path=f"{A}/snapshots/start/restore", bodies=[{}])
    assert restored.status == 200
    assert (going.status, going.json["to"]) == (200, END)
    assert going.json["count"] == 22
    assert len(happened(moved, ACCOUNT)) == 20
    assert moved.mock("GET", f"{A}/clock").json["now"] == END
    assert moved.fold().image() == moved.image()


@pytest.mark.parametrize("good", range(4))
def test_branches_of_a_move_that_fails_are_kept_or_undone_with_it(
    good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th commit fails; a fork that was answered is there, wholly, a refused one is not."""
    monkeypatch.setattr(clock_runner, "_TURN", -1.0)
    server = FaultyServer()

    async def story() -> list[Answer]:
        server.log.good = good
        going = asyncio.ensure_future(asked(server, "POST", "/accounts/test/clock/advance", {"by": "2mo"}))
        others = []
        for number in range(4):
            path = "/accounts/test/snapshots" if number % 2 else "/accounts/test/fork"
            body = {"name": f"n{number}"} if number % 2 else {"id": f"n{number}"}
            others.append(asyncio.ensure_future(asked(server, "POST", path, body)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await going
        return list(await asyncio.gather(*others))

    try:
        answers = server.run(story())
        server.log.good = None
        assert server.mock("PATCH", "/accounts/test", {"default_due_days": 9}).status == 200
        server.run(compare(server))
        live = server.emulator.live("test")
        assert live is not None
        for number, answer in enumerate(answers):
            there = f"n{number}" in live.snapshots if number % 2 else server.emulator.live(f"n{number}")
            assert answer.status == (201 if there else 503), (number, answer)
    finally:
        server.close()
