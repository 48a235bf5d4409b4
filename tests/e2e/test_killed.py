"""A server that is killed while it works: what it answered is there, once and wholly."""

import base64
import http.client
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec import Struct, field

KEY = "secret"
PATIENCE = 60  # seconds after which a server that does not answer has failed
ROWS = [{"title": "Row", "count": 1, "price": 1000, "vat": 25}]
SEND = {"command": "send", "method": "Email"}
PAGE = 200


class Unanswered(Exception):
    """The server was gone before its answer was whole."""


class Process:
    """`mockserver serve` on a file, in a process of its own."""

    def __init__(self, file: Path, *options: str) -> None:
        self._ended_as: list[int] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--database", str(file)]
        self._process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            told = self.errors()
            raise AssertionError(f"no server, exit code {self._end()}: {told}")
        self.port = urlsplit(json.loads(line)["url"]).port or 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def errors(self) -> str:
        """What it has told on standard error."""
        self._errors.seek(0)
        return self._errors.read().decode()

    def kill(self) -> None:
        """At once; nothing when it has ended already."""
        if not self._ended_as:
            self._process.kill()
            self._end()

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        code = self._process.wait(PATIENCE)
        self._ended_as.append(code)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
        return code


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, account: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        credentials = base64.b64encode(f"{account}:{KEY}".encode()).decode()
        self._headers = {"authorization": f"Basic {credentials}"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and decoded body; Unanswered."""
        raw = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, raw, self._headers)
            response = self._connection.getresponse()
            return response.status, json.loads(response.read(), parse_float=Decimal)
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered from error

    def data(self, method: str, path: str, body: Any = None) -> Any:
        """`data` of a success of the API."""
        status, answer = self.ask(method, f"/api/v2{path}", body)
        assert status == 200, (method, path, answer)
        return answer["data"]

    def all(self, path: str) -> tuple[list[Any], Any]:
        """All rows of a list, by page, and its last meta."""
        rows: list[Any] = []
        page = 1
        while True:
            status, answer = self.ask("GET", f"/api/v2{path}?page={page}&page_size={PAGE}")
            assert status == 200, answer
            rows += answer["data"]
            if len(answer["data"]) < PAGE:
                return rows, answer["meta"]
            page += 1

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class Known(Struct):
    """What the answers have said of one billogram, and what an unanswered request may have done."""

    id: str = ""
    on_success: bool = False
    sent: bool = False
    deleted: bool = False
    payments: list[Decimal] = field(default_factory=list)
    maybe_there: bool = False
    maybe_sent: bool = False
    maybe_deleted: bool = False
    maybe_payment: Decimal | None = None


class KnownAccount(Struct):
    """What is known of one account."""

    name: str
    billograms: dict[str, Known] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    maybe_customers: set[str] = field(default_factory=set)


class Load:
    """Writers on one server, until it is gone."""

    def __init__(self, server: Process, rng: random.Random) -> None:
        self._server = server
        self._threads: list[threading.Thread] = []
        self._seeds = rng
        self._answered = threading.Semaphore(0)
        self._failures: list[BaseException] = []

    def add(self, account: str, work: Callable[[Client, random.Random, Callable[[], None]], None]) -> None:
        rng = random.Random(self._seeds.getrandbits(64))

        def run() -> None:
            try:
                with Client(self._server.port, account) as client:
                    while True:
                        work(client, rng, self._answered.release)
            except Unanswered:
                pass
            except BaseException as failure:
                self._failures.append(failure)
                self._answered.release(1000)  # enough to end the wait

        self._threads.append(threading.Thread(target=run))

    def until_killed(self, answers: int, pause: float) -> None:
        """Kill the server `pause` seconds after so many answers."""
        for thread in self._threads:
            thread.start()
        for _ in range(answers):
            assert self._answered.acquire(timeout=PATIENCE), "no answers come"
        threading.Event().wait(pause)
        self._server.kill()
        for thread in self._threads:
            thread.join()
        assert not self._failures, self._failures


def writer(live: KnownAccount, prefix: str) -> Callable[[Client, random.Random, Callable[[], None]], None]:
    """One command on billograms whose creditor_unique_value begins so: nobody else's."""
    mine: list[Known] = []
    made = 0

    def work(client: Client, rng: random.Random, answered: Callable[[], None]) -> None:
        nonlocal made
        open_ones = [known for known in mine if known.sent and len(known.payments) < 8]
        drafts = [known for known in mine if not (known.sent or known.deleted)]
        dice = rng.random()
        if open_ones and dice < 0.35:
            pay(client, rng.choice(open_ones))
        elif drafts and dice < 0.45:
            send(client, rng.choice(drafts))
        elif drafts and dice < 0.5:
            delete(client, rng.choice(drafts))
        else:
            made += 1
            mine.append(create(client, live, f"{prefix}-{made}", on_success=rng.random() < 0.6))
        answered()

    return work


def create(client: Client, live: KnownAccount, unique: str, *, on_success: bool) -> Known:
    known = live.billograms[unique] = Known(on_success=on_success, maybe_there=True)
    body: dict[str, Any] = {"customer": {"customer_no": 1}, "items": ROWS, "creditor_unique_value": unique}
    if on_success:
        body["on_success"] = SEND
    known.id = client.data("POST", "/billogram", body)["id"]
    known.maybe_there, known.sent = False, on_success
    return known


def send(client: Client, known: Known) -> None:
    known.maybe_sent = True
    client.data("POST", f"/billogram/{known.id}/command/send", {"method": "Email"})
    known.sent, known.maybe_sent = True, False


def delete(client: Client, known: Known) -> None:
    known.maybe_deleted = True
    client.data("DELETE", f"/billogram/{known.id}")
    known.deleted, known.maybe_deleted = True, False


def pay(client: Client, known: Known) -> None:
    """Each payment of a billogram has an amount of its own, so that one booked twice shows."""
    amount = known.maybe_payment = len(known.payments) + Decimal("1.25")
    client.data("POST", f"/billogram/{known.id}/command/payment", {"amount": str(amount)})
    known.payments.append(amount)
    known.maybe_payment = None


def registrar(live: KnownAccount, prefix: str) -> Callable[[Client, random.Random, Callable[[], None]], None]:
    """Customers, beside the billograms of the same account."""
    made = 0

    def work(client: Client, rng: random.Random, answered: Callable[[], None]) -> None:
        nonlocal made
        made += 1
        name = f"{prefix}-{made}"
        live.maybe_customers.add(name)
        client.data("POST", "/customer", {"name": name})
        live.maybe_customers.discard(name)
        live.customers.add(name)
        answered()

    return work


class Emptied:
    """An account that gets a customer and is reset, again and again."""

    name = "emptied"

    def __init__(self) -> None:
        self.resets = 0
        self.maybe_reset = False
        self.customers = 0  # asked for since the last reset

    def work(self, client: Client, rng: random.Random, answered: Callable[[], None]) -> None:
        self.customers += 1
        client.data("POST", "/customer", {"name": "A"})
        self.maybe_reset = True
        status, answer = client.ask("POST", f"/_mock/accounts/{self.name}/reset")
        assert status == 200, answer
        self.resets += 1
        self.maybe_reset = False
        self.customers = 0
        answered()

    def check(self, server: Process) -> None:
        with Client(server.port, self.name) as client:
            customers, _ = client.all("/customer")  # the credentials make the account, if the kill came first
            status, account = client.ask("GET", f"/_mock/accounts/{self.name}")
            assert status == 200
        # the account's own first act, and the customers since
        assert account["counts"] == {"customers": len(customers), "billograms": 0, "acts": 1 + len(customers)}
        assert account["generation"] in {self.resets, self.resets + self.maybe_reset}
        if account["generation"] > self.resets:
            assert not customers
        else:  # the last one that was asked for was perhaps not answered
            assert self.customers - 1 <= len(customers) <= self.customers
        self.resets, self.maybe_reset = account["generation"], False
        self.customers = len(customers)


def check(client: Client, live: KnownAccount) -> None:
    """Hold what the server shows against what is known; then nothing is doubtful any more."""
    rows, meta = client.all("/billogram")
    shown = {row["creditor_unique_value"]: row for row in rows}
    assert len(shown) == len(rows) == meta["total_count"]
    assert set(shown) <= set(live.billograms)
    full = {}
    for unique, known in list(live.billograms.items()):
        if unique in shown:
            full[unique] = client.data("GET", f"/billogram/{shown[unique]['id']}")
            check_billogram(known, full[unique])
            check_row(shown[unique], full[unique])
        else:
            assert known.deleted or known.maybe_deleted or known.maybe_there, known
        if known.maybe_there and unique not in shown:
            del live.billograms[unique]
            continue
        settle(known, full.get(unique))
    assert sum((one["remaining_sum"] for one in full.values()), Decimal(0)) == Decimal(
        meta["total_remaining_sum"]
    )
    # numbers are given in the order of the acts: a gap would be an act that was lost
    numbers = sorted(one["invoice_no"] for one in full.values() if one["invoice_no"] is not None)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({one["ocr_number"] for one in full.values() if one["ocr_number"] is not None}) == len(numbers)
    check_customers(client, live)


def check_billogram(known: Known, shown: Any) -> None:
    assert not known.deleted, (known, shown)
    assert known.id in ("", shown["id"])
    types = [event["type"] for event in shown["events"]]
    is_sent = "BillogramSent" in types
    assert types[: 1 + is_sent] == ["BillogramCreated", "BillogramSent"][: 1 + is_sent]
    assert set(types[1 + is_sent :]) <= {"Payment"}
    assert (shown["state"] == "Unattested") == (not is_sent)
    assert is_sent or not (known.sent or known.on_success), (known, shown)
    assert not is_sent or known.sent or known.maybe_sent or known.on_success, (known, shown)
    amounts = [event["data"]["amount"] for event in shown["events"] if event["type"] == "Payment"]
    possible = [known.payments]
    if known.maybe_payment is not None:
        possible.append([*known.payments, known.maybe_payment])
    assert amounts in possible, (known, shown)
    assert shown["detailed_sums"]["paid_sum"] == -sum(amounts)
    assert shown["total_sum"] == 1250
    assert shown["remaining_sum"] == shown["total_sum"] + shown["detailed_sums"]["paid_sum"]
    uuids = [event["event_uuid"] for event in shown["events"]]
    assert len(set(uuids)) == len(uuids)


def check_row(row: Any, full: Any) -> None:
    """The list shows the same as the billogram itself."""
    for name in ("id", "invoice_no", "ocr_number", "total_sum", "remaining_sum", "state", "updated_at"):
        assert row[name] == full[name], name


def check_customers(client: Client, live: KnownAccount) -> None:
    rows, _ = client.all("/customer")
    names = [row["name"] for row in rows if row["name"] != "A"]
    assert len(set(names)) == len(names)
    assert len({row["customer_no"] for row in rows}) == len(rows)
    assert live.customers <= set(names) <= live.customers | live.maybe_customers
    live.customers, live.maybe_customers = set(names), set()


def settle(known: Known, shown: Any) -> None:
    """What the server shows now it must show for ever."""
    if shown is None:
        known.deleted = True
    else:
        known.id = shown["id"]
        known.sent = shown["invoice_no"] is not None
        known.payments = [e["data"]["amount"] for e in shown["events"] if e["type"] == "Payment"]
    known.maybe_there = known.maybe_sent = known.maybe_deleted = False
    known.maybe_payment = None


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.deep)])
def test_what_was_answered_survives_a_kill(tmp_path: Path, rounds: int) -> None:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    file = tmp_path / "killed.db"
    live_accounts = [KnownAccount("one"), KnownAccount("two")]
    emptied = Emptied()
    server = Process(file)
    try:
        for live in live_accounts:
            with Client(server.port, live.name) as client:
                client.data("POST", "/customer", {"name": "A", "contact": {"email": "a@example.com"}})
        for number in range(rounds):
            born = KnownAccount(f"born in round {number}")
            load = Load(server, rng)
            for live in live_accounts[:2]:
                for side in "ab":
                    load.add(live.name, writer(live, f"{number}{side}"))
                load.add(live.name, registrar(live, f"{number}"))
            load.add(emptied.name, emptied.work)
            load.add(born.name, registrar(born, f"{number}"))
            live_accounts.append(born)
            load.until_killed(rng.randint(1, 150), rng.random() * 0.01)
            if rng.random() < 0.5:  # and again while it replays
                Process(file).kill()
            server = Process(file)
            for live in live_accounts:
                with Client(server.port, live.name) as client:
                    check(client, live)
            emptied.check(server)
        assert server.stop() == 0
    finally:
        server.kill()
