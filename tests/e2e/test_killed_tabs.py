"""A server that is killed while it invoices billing tabs: each is invoiced once, never twice, never lost."""

import http.client
import json
import os
import random
import secrets
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.e2e.test_killed import PATIENCE, Client, Process, Unanswered

ACCOUNT = "shop"
MOCK = f"/_mock/accounts/{ACCOUNT}"
FROZEN = ("--clock", "frozen", "--seed", "7")
CUSTOMERS, MONTHS = 40, 8
HEADER = "X-API-Deduplication-ID"


class Adder(Client):
    """A client that adds rows, and repeats a row that was not answered with its key."""

    def add(self, customer_no: int, key: str) -> Any:
        """The answer of a row whose title is its key; Unanswered."""
        headers = {**self._headers, HEADER: key}
        body = json.dumps({"billogram_item": {"title": f"{customer_no} {key}", "price": 100, "vat": 25}})
        path = f"/api/v2/customer/{customer_no}/billing-tab/items"
        try:
            self._connection.request("POST", path, body, headers)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered from error
        assert response.status == 200, answer
        return answer["data"]

    def ready(self) -> None:
        """Customers who are invoiced every month, every week and every day."""
        for number in range(1, CUSTOMERS + 1):
            self.data("POST", "/customer", {"customer_no": number, "name": "A"})
            frequency = ("monthly#31", "weekly#Friday", "daily")[number % 3]
            settings = {"billing_frequency": frequency, "delivery_method": "DoNotNotify"}
            self.data("POST", f"/customer/{number}/billing-tab/settings", settings)


def work(port: int, first: int, done: list[dict[tuple[int, str], Any]]) -> None:
    """Months of rows, each added and then invoiced, until the server is gone."""
    client = Adder(port, ACCOUNT)
    with suppress(Unanswered), client:
        for month in range(first, MONTHS):
            answers: dict[tuple[int, str], Any] = {}
            for number in range(1, CUSTOMERS + 1):
                for row in range(2):
                    answers[number, f"{month}-{row}"] = client.add(number, f"{month}-{row}")
            moment = f"2026-{month + 4:02}-02T12:00:00Z"
            status, answer = client.ask("POST", f"{MOCK}/clock/advance", {"to": moment})
            assert status == 200, answer
            done.append(answers)


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.deep)])
def test_a_tab_is_invoiced_once(tmp_path: Path, rounds: int) -> None:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    for number in range(rounds):
        file = tmp_path / f"{number}.db"
        server = Process(file, *FROZEN)
        try:
            first = Adder(server.port, ACCOUNT)
            with first:
                first.ready()
            done: list[dict[tuple[int, str], Any]] = []
            kills = 0
            while len(done) < MONTHS:
                thread = threading.Thread(target=work, args=(server.port, len(done), done))
                thread.start()
                if kills < 4:
                    thread.join(rng.uniform(0.05, 0.6))
                    server.kill()
                    thread.join(PATIENCE)
                    kills += 1
                    server = Process(file, *FROZEN)
                else:
                    thread.join(PATIENCE)
            with Client(server.port, ACCOUNT) as seen:
                check(seen, done)
            assert server.stop() == 0
        finally:
            server.kill()


def check(client: Client, done: list[dict[tuple[int, str], Any]]) -> None:
    """Every row that was answered is on one billogram, which its tab names."""
    billograms = [client.data("GET", f"/billogram/{row['id']}") for row in client.all("/billogram")[0]]
    titles = Counter(item["title"] for each in billograms for item in each["items"])
    rows = {key: answer for answers in done for key, answer in answers.items()}
    assert titles == Counter(f"{number} {key}" for number, key in rows)
    assert sorted(each["invoice_no"] for each in billograms) == list(range(1, len(billograms) + 1))
    tabs: dict[str, Any] = {}
    while True:
        after = f"&after={next(reversed(tabs))}" if tabs else "&after="
        query = f"?limit=1000{after}" if tabs else "?limit=1000&status=invoiced"
        status, page = client.ask("GET", f"{MOCK}/tabs{query}")
        assert status == 200, page
        tabs |= {each["id"]: each for each in page}
        if len(page) < 1000:
            break
    of = {each["id"]: {item["title"] for item in each["items"]} for each in billograms}
    made = [each["billogram"] for each in tabs.values()]
    assert sorted(made) == sorted(of), "each tab has one billogram, and each billogram one tab"
    for (number, key), answer in rows.items():
        assert UUID(answer["billing_tab_id"])
        tab = tabs[answer["billing_tab_id"]]
        assert tab["customer_no"] == number
        assert f"{number} {key}" in of[tab["billogram"]]
