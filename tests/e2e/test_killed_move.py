"""A server that is killed in the middle of a long move: made again, the move comes to the same."""

import asyncio
import contextlib
import os
import random
import secrets
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mockserver.core.events import BillogramEvent, Record
from mockserver.log.sqlite import SQLiteLog
from tests.e2e.test_killed import Client, Process, Unanswered

ACCOUNT = "shop"
MOCK = f"/_mock/accounts/{ACCOUNT}"
FROZEN = ("--clock", "frozen", "--seed", "7")
BILLS = 500  # the move takes some tenths of a second, in many commits
STEPS = [{"delay_days": days, "message": ""} for days in (5, 7, 7, 10, 10, 14, 14, 21, 21, 30)]
START = datetime.fromisoformat("2026-03-02T10:00:00+01:00")
END = datetime.fromisoformat("2026-12-31T12:00:00+01:00")
MOVE = {"to": END.isoformat()}
_BUSY = 0.4  # the part of the move in which most happens


def filled(client: Client) -> None:
    """Billograms of which each has a life of its own."""
    rng = random.Random(1)
    client.data("POST", "/customer", {"name": "A", "contact": {"email": "a@example.com"}})
    for number in range(BILLS):
        body = {
            "customer": {"customer_no": 1},
            "items": [{"title": "Row", "count": 1, "price": 100 + number, "vat": 25}],
            "invoice_date": "2026-03-02",
            "due_date": f"2026-04-{rng.randint(1, 30):02}",
            "interest_rate": rng.choice([0, 8.5]),
            "reminder_fee": 60,
            "automatic_reminders_settings": STEPS[: rng.randint(1, len(STEPS))],
            "on_success": {"command": "send", "method": rng.choice(["Email", "Email+Letter"])},
        }
        if rng.random() < 0.3:
            body["automatic_collection"] = {"delay_days": 10, "amount": 1}
        key = client.data("POST", "/billogram", body)["id"]
        if rng.random() < 0.2:
            date = f"2026-05-{rng.randint(1, 31):02}"
            client.data("POST", f"/billogram/{key}/command/respite", {"date": date})


def asked(client: Client, method: str, path: str, body: Any = None) -> Any:
    status, answer = client.ask(method, f"{MOCK}{path}", body)
    assert status == 200, answer
    return answer


def shown(client: Client, port: int) -> str:
    """What a client sees afterwards; addresses name the port."""
    keys = [row["id"] for row in client.all("/billogram")[0]][::20]
    seen = (
        [client.data("GET", f"/billogram/{key}") for key in keys],
        asked(client, "GET", "/agenda"),
        asked(client, "GET", "/clock"),
    )
    return repr(seen).replace(f"127.0.0.1:{port}", "SERVER")


async def _records(file: Path) -> list[Record]:
    log = SQLiteLog(file)
    await log.open()
    try:
        stream = (await log.pointers())[f"account:{ACCOUNT}"]
        return [record async for record in log.read(stream)]
    finally:
        await log.close()


def happened(file: Path) -> list[tuple[Any, ...]]:
    """What the log tells: each act with its moment, rule and events, but for those of the clock itself."""
    return [
        (record.at, record.rule, record.events[record.position == 1 :])  # the first opens the account
        for record in asyncio.run(_records(file))
        if record.rule != "clock" or any(isinstance(event, BillogramEvent) for event in record.events)
    ]


def moved_on(client: Client) -> None:
    asked(client, "POST", "/clock/advance", MOVE)


def wait_until(port: int, moment: datetime) -> None:
    """Until the move has come so far, on disk: a read waits for that."""
    with Client(port, ACCOUNT) as client:
        while datetime.fromisoformat(asked(client, "GET", "/clock")["now"]) < moment:
            pass


def ask_until_gone(port: int) -> None:
    with Client(port, ACCOUNT) as client, contextlib.suppress(Unanswered):
        moved_on(client)


@pytest.mark.parametrize("rounds", [3, pytest.param(25, marks=pytest.mark.deep)])
def test_a_move_that_was_killed_is_made_again(tmp_path: Path, rounds: int) -> None:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    first = tmp_path / "first.db"
    server = Process(first, *FROZEN)
    try:
        with Client(server.port, ACCOUNT) as client:
            filled(client)
        assert server.stop() == 0
        begun, before = first.read_bytes(), len(happened(first))
        server = Process(first, *FROZEN)
        with Client(server.port, ACCOUNT) as client:
            moved_on(client)
            expected = shown(client, server.port)
        assert server.stop() == 0
        acts = happened(first)
        assert len(acts) > 5 * BILLS
        halves = 0
        for number in range(rounds):
            file = tmp_path / f"{number}.db"
            file.write_bytes(begun)
            for target in sorted(rng.random() for _ in range(rng.randint(1, 3))):
                server = Process(file, *FROZEN)
                thread = threading.Thread(target=ask_until_gone, args=(server.port,))
                thread.start()
                wait_until(server.port, START + target * _BUSY * (END - START))
                server.kill()
                thread.join()
            halves += before < len(happened(file)) < len(acts)
            server = Process(file, *FROZEN)
            with Client(server.port, ACCOUNT) as client:
                moved_on(client)
                assert shown(client, server.port) == expected
            assert server.stop() == 0
            assert happened(file) == acts
        print(f"{halves} of {rounds} were killed in the middle")
        assert halves >= rounds // 5
    finally:
        server.kill()
