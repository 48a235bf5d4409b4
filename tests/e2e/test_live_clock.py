"""A live clock that runs fast, in a server of its own: two months go by while somebody watches."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.served import PATIENCE, Served

SPEED = 1_000_000  # a day takes 86 ms
TERMS = {
    "customer": {"customer_no": 1},
    "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
    "invoice_date": "2026-03-02",
    "due_date": "2026-04-01",
    "interest_rate": 0,
    "automatic_reminders_settings": [{"delay_days": 5, "message": ""}, {"delay_days": 9, "message": ""}],
    "automatic_collection": {"delay_days": 10, "amount": 1},
    "on_success": {"command": "send", "method": "Email+Letter"},
}
COMES = [
    ("2026-03-04T10:00:00", "letter"),
    ("2026-04-01T00:15:00+02:00", "reports"),
    ("2026-04-11T00:05:00+02:00", "respite"),
    ("2026-04-11T00:05:00+02:00", "overdue"),
    ("2026-04-15T08:00:00+02:00", "reminder"),
    ("2026-04-24T08:00:00+02:00", "reminder"),
    ("2026-05-01T00:15:00+02:00", "reports"),
    ("2026-05-04T09:00:00+02:00", "collection"),
    ("2026-05-05T10:00:00+02:00", "collection news"),
]


def happened(server: Served) -> list[tuple[str, str]]:
    rows = server.mock("GET", "/accounts/demo/timeline?kind=act").json()
    return [(row["at"], row["rule"]) for row in rows if row["cause"] == "clock"]


def agenda(server: Served) -> Any:
    return server.mock("GET", "/accounts/demo/agenda").json()


@pytest.mark.parametrize("storage", ["memory", "file"])
def test_two_months_go_by(tmp_path: Path, storage: str) -> None:
    """Nobody asks for the account: the stream of its timeline tells what comes by itself, and when."""
    database = "memory" if storage == "memory" else str(tmp_path / "log.db")
    with Served("--clock", "frozen", "--database", database) as server:
        customer = {
            "name": "A",
            "contact": {"email": "a@example.com"},
            "address": {"street_address": "Testgatan 1", "zipcode": "12345", "city": "Teststad"},
        }
        server.api("POST", "/customer", customer)
        key = server.api("POST", "/billogram", TERMS).json()["data"]["id"]
        server.api("POST", f"/billogram/{key}/command/respite", {"date": "2026-04-10"})
        path = "/_mock/accounts/demo/timeline?kind=act"
        came: list[tuple[str, str]] = []
        with server.client.stream("GET", path, headers={"accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            while "respite" not in next(lines):
                pass
            begun = time.monotonic()
            server.mock("PUT", "/accounts/demo/clock", {"mode": "live", "speed": SPEED})
            for line in lines:
                if line.startswith("data: "):
                    row = json.loads(line.removeprefix("data: "))
                    if row["cause"] == "clock":
                        came.append((row["at"], row["rule"]))
                if len(came) == len(COMES):
                    break
        passed = time.monotonic() - begun
        assert [rule for _, rule in came] == [rule for _, rule in COMES]
        for (moment, _), (expected, _) in zip(came, COMES, strict=True):
            assert moment.startswith(expected)
        days = (
            datetime.fromisoformat(COMES[-1][0]) - datetime.fromisoformat("2026-03-02T10:00:00+01:00")
        ).days
        assert days * 86400 / SPEED <= passed < PATIENCE  # not sooner than time goes by
        assert [entry["rule"] for entry in agenda(server)] == ["reports"]
        assert happened(server) == came
        assert server.api("GET", f"/billogram/{key}").json()["data"]["state"] == "Collection"
