"""Fixtures: what an account begins with, in whatever way it is asked for (reference: control 1, 4)."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from mockserver.core.accounts import NewAccount
from mockserver.emulator import Emulator
from mockserver.ledger import LiveAccount
from mockserver.log.interface import Append, Branch, LogFailed, Point, Summary
from mockserver.stories import library
from mockserver.stories.fixtures import Fixture
from tests.log.test_held_commit import HeldLog
from tests.log.test_unwritable import FULL, FaultyLog
from tests.server import Server
from tests.stories.helping import events, everything, states

# reference: behaviour 2.1
PUBLIC = {
    *("Unattested", "Unpaid", "PartlyPaid", "Overdue", "Reminder_1", "Reminder_2", "Reminder_3"),
    *("Reminder_Many", "FactoringDenied", "Collecting", "Collection", "Factoring", "Sold", "Paid"),
    *("Credited", "Ended", "CollectorEnded"),
}
SMALL = """\
account:
  clock: {mode: frozen, now: "2026-01-12T10:00:00+01:00"}
  timezone: Europe/Helsinki
  features: {collection: false}
  settings: {name: Fixture AB, invoices: {default_reminder_fee: 45}}
  callbacks: {url: "mock:inbox", sign_key: test-sign-key-1}
  seed: 7
customers:
  - {as: spruce, name: Spruce Testing AB, contact: {email: spruce@example.com}}
acts:
  - do: createBillogram
    as: spades
    with:
      customer: {customer_no: $spruce}
      items: [{title: Spade, count: 1, price: 100, vat: 25}]
      callbacks: {url: "mock:inbox", custom: "$$spades"}
      on_success: {command: send, method: Email}
  - {at: 2026-01-20 09:30, do: createPayment, with: {billogram: $spades, amount: 50}}
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return "small"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(library=(str(tmp_path),))
    yield made
    made.close()


def made(server: Server, account: str, fixture: str, **more: Any) -> Any:
    answer = server.mock("POST", "/accounts", {"id": account, "key": "secret", "fixture": fixture, **more})
    assert answer.status == 201, answer.body
    return answer.json


# the library


def test_every_state_is_in_the_demo(server: Server) -> None:
    made(server, "a", "demo")
    assert set(states(server, "a")) == PUBLIC
    bank = server.mock("GET", "/accounts/a/payments").json
    assert [each["unmatched"] for each in bank if each["unmatched"]] == [750]
    assert [each["liability"] for each in bank if each["liability"]] == [500]
    listed = server.get("/billogram?page=1&page_size=500", account="a").data
    assert any(each["total_sum"] < 0 for each in listed)  # a stand-alone credit
    flags = {flag for each in listed for flag in each["flags"]}
    assert {"partly paid", "message", "overpaid", "has been in collection", "has been sold"} <= flags
    kinds = {each["type"] for each in events(server, "a")}
    assert {"Respite", "InterestStarted", "CreditAllocated", "DeliveryFailed", "CustomerMessage"} <= kinds
    assert {"UnderpaymentSettled", "Writeoff", "Writedown", "ConfirmedLoss"} <= kinds


def test_debits_of_every_kind_are_in_sepa(server: Server) -> None:
    made(server, "a", "sepa")
    bank = server.mock("GET", "/accounts/a/payments").json
    assert {each["status"] for each in bank} == {"scheduled", "settled", "failed", "cancelled"}
    assert any(0 < each["recalled"] < each["amount"] for each in bank)
    sources = server.mock("GET", "/accounts/a/payment-sources").json
    assert {each["status"] for each in sources} == {"ACTIVE", "PENDING", "CANCELLED"}
    listed = server.get("/billogram?page=1&page_size=500", account="a").data
    assert {each["currency"] for each in listed} == {"EUR"}


def test_empty(server: Server) -> None:
    shown = made(server, "a", "empty")
    assert shown["counts"] == {"customers": 0, "billograms": 0, "acts": 2}
    assert shown["clock"]["now"] == "2026-03-02T10:00:00+01:00"


@pytest.mark.parametrize("name", library.names(library.FIXTURES))
def test_it_is_loaded_soon(name: str, server: Server) -> None:
    begun = process_time()
    made(server, "a", name)
    assert process_time() - begun < 2  # what is imported for the first one counts too


# the same fixture, the same bytes


@pytest.mark.parametrize("name", library.names(library.FIXTURES))
def test_the_same_bytes_on_every_server(name: str, tmp_path: Path) -> None:
    file = str(tmp_path / "sandbox.db")
    shown = []
    for database in ("memory", "memory", file):
        server = Server(database=database)
        made(server, "other", "empty")  # that there are others changes nothing
        made(server, "a", name)
        shown.append(everything(server, "a"))
        server.close()
    server = Server(database=file)
    server.run(server.open_all())
    shown.append(everything(server, "a"))
    server.close()
    first = shown[0]
    assert len(first) > 10
    for others in shown[1:]:
        assert others.keys() == first.keys()
        assert [path for path in first if others[path] != first[path]] == []


def test_the_state_is_what_the_log_tells(server: Server) -> None:
    made(server, "a", "demo")
    assert server.fold("a").image() == server.image("a")


# the account


def test_what_the_fixture_says_of_the_account(server: Server, small: str) -> None:
    shown = made(server, "a", small)
    assert (shown["id"], shown["seed"], shown["timezone"]) == ("a", 7, "Europe/Helsinki")
    assert shown["features"]["collection"] is False
    assert shown["callbacks"]["url"] == "mock:inbox"
    assert shown["clock"]["now"] == "2026-01-20T09:30:00+02:00"
    settings = server.get("/settings", account="a").data
    assert (settings["name"], settings["invoices"]["default_reminder_fee"]) == ("Fixture AB", 45)


def test_what_the_body_says_wins(server: Server, small: str) -> None:
    own = {
        "seed": 8,
        "timezone": "Europe/Stockholm",
        "clock": {"now": "2026-01-19T10:00:00+01:00"},
        "features": {"factoring": False},
        "settings": {"name": "Own AB"},
    }
    shown = made(server, "a", small, **own)
    assert (shown["seed"], shown["timezone"]) == (8, "Europe/Stockholm")
    assert shown["clock"]["mode"] == "frozen"  # members that it does not say stay
    assert (shown["features"]["collection"], shown["features"]["factoring"]) == (False, False)
    first = server.mock("GET", "/accounts/a/timeline?limit=1").json[0]
    assert first["at"] == "2026-01-19T10:00:00+01:00"
    settings = server.get("/settings", account="a").data
    assert (settings["name"], settings["invoices"]["default_reminder_fee"]) == ("Own AB", 45)


def test_a_live_clock_goes_on_from_the_end(server: Server, small: str) -> None:
    shown = made(server, "a", small, clock={"mode": "live"})
    assert shown["clock"]["mode"] == "live"
    assert shown["clock"]["now"].startswith("2026-01-20T09:30:0")


def test_the_server_says_where_the_acts_begin(tmp_path: Path) -> None:
    (tmp_path / "any.yaml").write_text("acts: [{after: 1d}]")
    for began, now in (
        (None, "2026-03-03T10:00:00+01:00"),
        (datetime(2026, 5, 4, 8, tzinfo=UTC), "2026-05-05T10:00:00+02:00"),
    ):
        server = Server(now=began, library=(str(tmp_path),))
        assert made(server, "a", "any")["clock"]["now"] == now
        server.close()


def test_the_timeline_names_file_and_line(server: Server, small: str) -> None:
    made(server, "a", small)
    acts = server.mock("GET", "/accounts/a/timeline?kind=act").json
    assert [(act["rule"], act["cause"]) for act in acts] == [
        ("account", "small.yaml:1"),
        ("customer.create", "small.yaml:9"),
        ("create", "small.yaml:11"),
        ("clock", "small.yaml:18"),
        ("bank payment", "small.yaml:18"),
        ("fixture", "small.yaml:1"),
    ]


def test_json(server: Server, tmp_path: Path) -> None:
    said = {"customers": [{"customer_no": 7, "name": "Fir AB", "contact": {"email": "fir@example.com"}}]}
    (tmp_path / "fir.json").write_text(json.dumps(said))
    made(server, "a", "fir")
    assert server.get("/customer/7", account="a").data["name"] == "Fir AB"


def test_the_account_goes_on_as_any_other(server: Server, small: str) -> None:
    made(server, "a", small)
    (key,) = states(server, "a")["PartlyPaid"]
    assert server.mock("POST", "/accounts/a/snapshots", {"name": "s"}).status == 201
    assert server.mock("POST", "/accounts/a/fork", {"id": "early", "at": 3}).status == 201
    server.mock("POST", "/accounts/a/payments", {"billogram": key, "amount": 75})
    assert server.get(f"/billogram/{key}", account="a").data["state"] == "Paid"
    assert server.mock("POST", "/accounts/a/snapshots/s/restore").status == 200
    assert server.get(f"/billogram/{key}", account="a").data["state"] == "PartlyPaid"
    assert server.get(f"/billogram/{key}", account="early").data["state"] == "Unpaid"
    assert server.fold("a").image() == server.image("a")


# acts


def test_rows_of_a_billing_tab(server: Server) -> None:
    row = {"do": "addBillingTabItem", "on": "$cedar", "with": {"billogram_item": {"title": "A", "price": 1}}}
    settings = {"billing_frequency": "weekly#Friday", "delivery_method": "DoNotNotify"}
    document = {
        "customers": [{"as": "cedar", "name": "Cedar AB"}],
        "acts": [
            {"do": "updateBillingTabSettings", "on": "$cedar", "with": settings},
            *(row, row),
            {**row, "after": "7d"},
        ],
    }
    server.mock("POST", "/accounts", {"id": "cedar", "fixture": document})
    found = server.mock("GET", "/accounts/cedar/tabs").json
    assert [(each["status"], each["items"]) for each in found] == [("invoiced", 2), ("active", 1)]


def test_references(server: Server, tmp_path: Path) -> None:
    (tmp_path / "refs.yaml").write_text("""\
customers: [{as: fir, name: Fir AB, contact: {email: fir@example.com}}]
items: [{as: axe, item_no: AXE, title: Axe, price: 100, vat: 25, unit: unit}]
acts:
  - {do: updateItem, on: $axe, with: {title: Sharp axe}}
  - {do: updateCustomer, on: $fir, with: {notes: $$fir}}
  - {do: updateCustomer, on: 1, with: {name: Fir Ltd}}
  - do: createSepaDdMandate
    as: mandate
    with: {customer_no: $fir, iban: DE89370400440532013000, signed_at: "2026-02-01 00:00:00"}
  - {do: changeMockPaymentSource, on: $mandate, with: {last_collection: 2026-02-27}}
  - {do: setOutcomes, with: {match: {payment_source: $mandate}, plan: [ok]}}
  - do: createBillogram
    as: first
    with: &body
      customer: {customer_no: $fir}
      currency: EUR
      items: [{item_no: AXE, count: 2}]
      on_success: {command: send, method: Email}
  - {do: createBillogram, as: second, with: *body}
  - {do: createPayment, as: money, with: {amount: 60, ocr_number: "12345"}}
  - {do: allocatePayment, on: $money, with: {billogram: $first, amount: 50}}
  - {after: P40D}
  - {do: recallPayment, on: $second, with: {type: refund}}
  - {do: simulateVerifyEmail, on: $fir, with: {email: other@example.com}}
  - {do: deleteOutcomes}
""")
    made(server, "a", "refs")
    assert server.get("/item/AXE", account="a").data["title"] == "Sharp axe"
    customer = server.get("/customer/1", account="a").data
    assert (customer["name"], customer["notes"]) == ("Fir Ltd", "$fir")
    assert customer["contact"]["email"] == "other@example.com"
    bank = server.mock("GET", "/accounts/a/payments").json
    assert [(each["amount"], each["unmatched"], each["recalled"]) for each in bank if each["ocr_number"]] == [
        (60, 10, 0)
    ]
    assert server.mock("GET", "/accounts/a/outcomes").json == []


# webhooks


def test_what_came_about_by_the_fixture_is_not_sent(tmp_path: Path, small: str) -> None:
    file = str(tmp_path / "sandbox.db")
    server = Server(database=file, library=(str(tmp_path),))
    made(server, "a", small)
    (key,) = states(server, "a")["PartlyPaid"]

    def sent() -> list[str]:
        server.mock("POST", "/accounts/a/deliveries/wait", {"idle": True})
        rows = server.mock("GET", "/accounts/a/deliveries").json
        assert {each["status"] for each in rows} <= {"delivered"}
        return [each["event_type"] for each in rows]

    assert sent() == []
    server.close()
    server = Server(database=file)
    server.run(server.open_all())
    assert sent() == []
    server.mock("POST", "/accounts/a/payments", {"billogram": key, "amount": 75})
    assert sent() == ["Payment", "BillogramEnded"]
    (row, _) = server.mock("GET", "/accounts/a/inbox").json
    assert json.loads(row["body"])["custom"] == "$spades"
    server.close()
    server = Server(database=file)
    server.run(server.open_all())
    assert sent() == ["Payment", "BillogramEnded"]
    server.close()


# reset


def test_a_reset_loads_the_fixture(server: Server, small: str) -> None:
    callbacks = {"url": "https://hooks.example.com/own", "sign_key": "test-sign-key-2"}
    body = {"id": "a", "key": "own", "seed": 3, "callbacks": callbacks, "settings": {"name": "Own AB"}}
    body |= {"pdf_delay": "2h", "features": {"factoring": False}}
    assert server.mock("POST", "/accounts", body).status == 201
    server.post(
        "/customer", {"name": "Old AB", "contact": {"email": "a@example.com"}}, account="a", key="own"
    )
    shown = server.mock("POST", "/accounts/a/reset", {"fixture": small}).json
    assert (shown["generation"], shown["seed"], shown["pdf_delay"]) == (1, 7, "2h")
    assert shown["callbacks"]["url"] == "https://hooks.example.com/own"
    assert (shown["features"]["collection"], shown["features"]["factoring"]) == (False, False)
    assert shown["clock"]["now"] == "2026-01-20T09:30:00+02:00"  # set back
    (customer,) = server.get("/customer?page=1&page_size=9", account="a", key="own").data
    assert customer["name"] == "Spruce Testing AB"
    assert server.get("/settings", account="a", key="own").data["name"] == "Fixture AB"
    # it says what the account was made with: a plain reset goes back to that
    shown = server.mock("POST", "/accounts/a/reset").json
    assert (shown["generation"], shown["counts"]["customers"]) == (2, 0)
    assert server.get("/settings", account="a", key="own").data["name"] == "Own AB"


def test_a_reset_gives_the_same_ids_and_other_event_uuids(server: Server, small: str) -> None:
    made(server, "a", small)
    first = events(server, "a")
    server.mock("POST", "/accounts/a/reset", {"fixture": small})
    second = events(server, "a")
    assert [each["billogram"] for each in first] == [each["billogram"] for each in second]
    assert not {each["event_uuid"] for each in first} & {each["event_uuid"] for each in second}
    other = server.mock("POST", "/accounts/a/reset", {"fixture": small, "seed": 99}).json
    assert (other["seed"], other["generation"]) == (99, 2)


def test_a_reset_without_a_clock_begins_at_the_present(server: Server, tmp_path: Path) -> None:
    (tmp_path / "any.yaml").write_text("acts: [{after: 1d}]")
    server.mock("POST", "/accounts", {"id": "a", "clock": {"mode": "live", "now": "2026-07-01T10:00:00Z"}})
    shown = server.mock("POST", "/accounts/a/reset", {"fixture": "any"}).json
    assert shown["clock"]["mode"] == "live"
    assert shown["clock"]["now"].startswith("2026-07-02T12:00")


def test_what_was_pending_is_dropped(server: Server, small: str) -> None:
    server.mock(
        "POST", "/accounts", {"id": "a", "key": "secret", "callbacks": {"url": "http://127.0.0.1:9/"}}
    )
    customer = server.post("/customer", {"name": "A", "contact": {"email": "a@example.com"}}, account="a")
    row = {"title": "Row", "count": 1, "price": 1, "vat": 25}
    body = {"customer": {"customer_no": customer.data["customer_no"]}, "items": [row]}
    server.post("/billogram", body, account="a")
    server.mock("POST", "/accounts/a/reset", {"fixture": small})
    (row,) = server.mock("GET", "/accounts/a/deliveries").json
    assert row["status"] == "dropped"


# all or nothing


def test_it_is_one_write(small: str, tmp_path: Path) -> None:
    log = HeldLog()
    server = Server(log, library=(str(tmp_path),))
    for path, body in (
        ("/accounts", {"id": "a", "fixture": small}),
        ("/accounts/a/reset", {"fixture": small}),
    ):
        log.commits.clear()
        assert server.mock("POST", path, body).status in (200, 201)
        (writes,) = log.commits
        assert isinstance(writes[0], Branch)
        assert [type(write) for write in writes[-2:]] == [Point, Summary]
        acts = [each.record.position for each in writes if isinstance(each, Append)]
        assert acts == list(range(1, len(writes) - 2))
        assert len(acts) == 6
    server.close()


def test_a_log_that_cannot_be_written(small: str, tmp_path: Path) -> None:
    log = FaultyLog()
    server = Server(log, library=(str(tmp_path),))
    server.mock("POST", "/accounts", {"id": "a", "key": "secret"})
    old = {"name": "Old AB", "contact": {"email": "old@example.com"}}
    server.post("/customer", old, account="a")
    before, position = server.image("a"), server.position("a")
    log.good = 0
    assert server.mock("POST", "/accounts/a/reset", {"fixture": small}).status == 503
    assert server.mock("POST", "/accounts", {"id": "b", "fixture": small}).status == 503
    assert FULL in server.mock("GET", "/ready").json["error"]["message"]
    assert (server.image("a"), server.position("a")) == (before, position)
    assert server.emulator.live("b") is None
    assert server.fold("a").image() == before
    log.good = None
    assert server.mock("POST", "/accounts/a/reset", {"fixture": small}).status == 200
    assert server.mock("POST", "/accounts", {"id": "b", "fixture": small}).status == 201
    assert server.fold("a").image() == server.image("a")
    assert server.fold("b").image() == server.image("b")
    server.close()


def test_two_at_once(server: Server, small: str) -> None:
    body = json.dumps({"id": "a", "fixture": small}).encode()

    async def both(path: str) -> list[int]:
        asked = [server.asgi("POST", f"/_mock{path}", body if path == "/accounts" else again) for _ in "ab"]
        return sorted(answer.status for answer in await asyncio.gather(*asked))

    again = json.dumps({"fixture": small}).encode()
    assert server.run(both("/accounts")) == [201, 409]
    assert server.run(both("/accounts/a/reset")) == [200, 200]
    assert server.mock("GET", "/accounts/a").json["generation"] == 2
    assert server.fold("a").image() == server.image("a")


def test_requests_are_served_meanwhile(server: Server) -> None:
    """Not only while the file is read, which is done in a thread: between its acts too."""
    made(server, "b", "empty")

    async def story() -> int:
        loading = asyncio.ensure_future(
            server.asgi("POST", "/_mock/accounts", b'{"id": "a", "fixture": "demo"}')
        )
        await entered.wait()  # the file is read, the first act is played
        answered = 0
        while not loading.done():
            await asyncio.sleep(0)  # a GET itself waits for nothing
            answer = await server.asgi("GET", "/_mock/accounts/b")
            assert answer.status == 200
            answered += 1
        assert (await loading).status == 201
        return answered

    entered, usual = asyncio.Event(), Fixture.open

    async def noted(self: Fixture, emulator: Emulator, birth: NewAccount) -> LiveAccount:
        entered.set()
        return await usual(self, emulator, birth)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fixture, "open", noted)
        assert server.run(story()) >= 10


# from the start


def test_a_server_that_begins_with_it(small: str, tmp_path: Path) -> None:
    for database in ("memory", str(tmp_path / "sandbox.db")):
        server = Server(database=database, fixture=str(tmp_path / "small.yaml"))
        assert server.mock("GET", "/ready").json["error"]["message"] == "the list of accounts is being read"
        listed = server.get("/billogram?page=1&page_size=9", account="demo").data  # the first request waits
        assert [each["state"] for each in listed] == ["PartlyPaid"]
        assert server.mock("GET", "/ready").status == 200
        assert server.mock("GET", "/info").json["configuration"]["fixture"] == str(tmp_path / "small.yaml")
        server.close()


def test_an_account_that_is_there_is_left_as_it_is(small: str, tmp_path: Path) -> None:
    file = str(tmp_path / "sandbox.db")
    server = Server(database=file, fixture=str(tmp_path / "small.yaml"))
    server.post("/customer", {"name": "New AB", "contact": {"email": "a@example.com"}}, account="demo")
    before = server.image("demo")
    server.close()
    server = Server(database=file, fixture=str(tmp_path / "small.yaml"))
    server.run(server.open_all())
    assert server.image("demo") == before
    server.close()


def test_a_server_that_begins_with_a_bad_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("acts: [{after: soon}]")
    server = Server(fixture=str(bad))
    with pytest.raises(LogFailed, match=r"bad.yaml:1: after: not a duration"):
        server.run(server.open_all())
    assert "bad.yaml:1" in server.mock("GET", "/ready").json["error"]["message"]
    assert server.mock("GET", "/accounts").status == 503
    bad.write_text("acts: [{after: 1d}]")
    assert [each["id"] for each in server.mock("GET", "/accounts").json] == ["demo"]  # it is tried anew
    server.close()


def test_it_costs_nothing_before_it_is_asked_for() -> None:
    program = "import sys, mockserver.cli.serve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    rows = {"account_endpoints", "initial_accounts", "library", "operations", "scenario_endpoints"}
    rows.add("background")  # the thread in which files are read
    assert {name for name in modules if name.startswith("mockserver.stories.")} == {
        f"mockserver.stories.{name}" for name in rows
    }
    assert not modules & {
        "yaml",
        "jsonschema",
        "difflib",
        "mockserver.control.openapi",
        "starlette.applications",
    }
