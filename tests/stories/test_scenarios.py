"""Every scenario that comes along: in all ways, the same bytes, and failing when its rule is broken."""

import asyncio
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from mockserver import BillogramAccount, Mockserver, create_app
from mockserver.core import (
    banking,
    delivery,
    interest,
    machine,
    overpayments,
    recall_windows,
    sepa,
    standalone,
    tabs,
)
from mockserver.core.model import Internal
from mockserver.stories import arazzo, library, runs
from mockserver.stories.arazzo import Document
from mockserver.stories.caller import Caller
from mockserver.stories.library import SCENARIOS
from mockserver.stories.operations import OPERATIONS
from mockserver.stories.remote import Remote, basic
from mockserver.stories.runs import Run
from mockserver.wire import encode
from tests.server import Server

NAMES = library.names(SCENARIOS)
ANYWHERE = {"send-in-two-requests", "nothing-to-pay", "credit-by-rows"}
OWN = {"refund-recall": "take-back", "unauthorised-refund": "disown", "dunning-to-collection": "dun"}


def document(name: str) -> Document:
    return arazzo.load(library.find(SCENARIOS, name), OPERATIONS)


@pytest.fixture(scope="module")
def shared() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen") as server:
        yield server


def over_a_socket(server: Mockserver, name: str, account: str) -> Run:
    async def story() -> Run:
        async with Remote(server.url, account, "secret") as caller:
            return await runs.run(document(name), caller, {}, credentials=basic(account, "secret"))

    return asyncio.run(story())


# what differs from run to run: times of requests and what is signed by them, their ids, the address
_REAL = re.compile(
    r'"(?:Billogram-Request-Timestamp|Billogram-Signature|duration_ms|cause|date|mock-request-id)":[^,}]+'
    r"|https?://[^/\"]+"
)


def told(run: Any) -> str:
    shown = structs.asdict(run) if isinstance(run, Run) else dict(run)
    shown.pop("file", None)
    return _REAL.sub("", encode(shown).decode())


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_in_all_ways_with_the_same_bytes(name: str, shared: Mockserver, server: Server) -> None:
    account = f"story-{name}"
    shared.control("POST", "/accounts", {"id": account, "key": "secret"})
    over = over_a_socket(shared, name, account)
    assert over.failed is None, over.failed
    assert server.mock("POST", "/accounts", {"id": account}).status == 201
    posted = server.mock("POST", f"/accounts/{account}/scenarios/{name}/run")
    assert posted.status == 200
    assert posted.json["status"] == "passed"
    assert told(posted.json) == told(over)
    with BillogramAccount(shared, f"kit-{name}") as billogram:
        assert billogram.run(name).keys() == over.outputs.keys()


@pytest.mark.parametrize("name", ["refund-recall", "receiver-down", "credit-by-rows"])
def test_it_passes_again_in_the_same_account(name: str, shared: Mockserver) -> None:
    for _ in range(2):
        assert over_a_socket(shared, name, "again").status == "passed"


def test_there_are_enough_and_some_run_anywhere() -> None:
    assert len(NAMES) >= 16
    assert {name for name in NAMES if document(name).anywhere} == ANYWHERE
    for name in NAMES:
        workflows = list(document(name).workflows)
        assert workflows == [name, *([OWN[name]] if name in OWN else [])]


# a broken rule

_BROKEN: dict[str, tuple[Any, str, Any, str]] = {
    # workflow: the scenario, what is broken, and the step that finds it
    "paid-too-much": (overpayments, "SMALL_EXCESS", {"SEK": Decimal(1)}, "pay_little"),
    "credit-in-full": (
        machine,
        "TRANSITIONS",
        machine.TRANSITIONS | {"credit": machine.Transition("Credit", (Internal.SOLD,))},
        "credit",
    ),
    "standalone-credit": (standalone, "_end_if_used_up", lambda *_: None, "used_up"),
    "sale-accepted": (tabs, "FREQUENCY", "monthly#2", "tab"),
    "einvoice-deregistered": (delivery, "check_method", lambda *_: None, "refused"),
    "billing-tab": (tabs, "_meaning", lambda _: ("", 0), "next_friday"),
    "more-time-for-a-debit": (banking, "_target", lambda _: frozenset(), "respite"),
    "reminders-by-hand": (interest, "GRACE_PERIOD", interest.GRACE_PERIOD * 2, "overdue"),
    "refund-recall": (
        sepa,
        "TABLE",
        sepa.TABLE | {sepa.REFUND: replace(sepa.TABLE[sepa.REFUND], core=recall_windows.DAY_BEFORE)},
        "recall",
    ),
}


@pytest.mark.parametrize("name", _BROKEN)
def test_it_fails_when_its_rule_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, instead, step = _BROKEN[name]
    monkeypatch.setattr(where, what, instead)
    ran = asyncio.run(
        runs.run(document(name), Caller(create_app(), "shop"), {}, credentials=basic("shop", "-"))
    )
    assert ran.status == "failed"
    assert ran.failed is not None
    assert ran.failed.step == step
    assert any(not each.passed for each in ran.failed.criteria)


# from a billogram of the caller


def late(billogram: BillogramAccount) -> str:
    """A sent one, some days after its due date."""
    person = {"name": "A", "contact": {"email": "a@example.com"}}
    number = billogram.http.post("/customer", json=person).json()["data"]["customer_no"]
    body = {
        "customer": {"customer_no": number},
        "currency": "EUR",
        "due_date": "2026-03-06",
        "items": [{"title": "Row", "count": 2, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    key = str(billogram.http.post("/billogram", json=body).json()["data"]["id"])
    billogram.clock.advance("7d")
    return key


def test_dunning_of_a_billogram_of_the_caller(billogram: BillogramAccount) -> None:
    key = late(billogram)
    assert billogram.run("dunning-to-collection", billogram=key) == {"collected": 310}
    assert billogram.webhooks.wait("CollectionEnded").billogram == key
    with pytest.raises(AssertionError, match="the step remind failed"):
        billogram.run("dunning-to-collection", billogram=key)


def test_a_refund_of_a_billogram_of_the_caller(billogram: BillogramAccount) -> None:
    key = late(billogram)
    billogram.pay(key, 250, scheme="SEPA_DIRECT_DEBIT")
    assert billogram.run("refund-recall", billogram=key) == {"amount": 250}
    recalled = billogram.webhooks.wait("PaymentRecalled").json["payment_recall"]
    assert recalled["payables"][0]["billogram"]["id"] == key


def test_an_unauthorised_refund_of_a_billogram_of_the_caller(billogram: BillogramAccount) -> None:
    key = late(billogram)
    billogram.pay(key, 250, scheme="SEPA_DIRECT_DEBIT")
    billogram.clock.advance("60d")
    assert billogram.run("unauthorised-refund", billogram=key) == {"amount": 250}


def test_the_same_over_the_control_plane(server: Server) -> None:
    key = server.sent(due_date="2026-03-02", invoice_date="2026-03-01")["id"]
    server.mock("POST", "/accounts/test/clock/advance", {"by": "1d"})
    body = {"inputs": {"billogram": key}}
    ran = server.mock("POST", "/accounts/test/scenarios/dunning-to-collection/run", body).json
    assert (ran["workflow"], ran["status"], ran["inputs"]["billogram"]) == ("dun", "passed", key)
    assert ran["inputs"]["authorization"] == "…"
    again = server.mock("POST", "/accounts/test/scenarios/dunning-to-collection/run", body).json
    assert (again["status"], len(again["steps"]), again["outputs"]) == ("failed", 1, {})
    (status, left) = again["steps"][0]["criteria"]
    assert (status["passed"], left["passed"]) == (False, False)
    assert status["compared"][0] == {
        "passed": False,
        "expected": "== 200",
        "found": 400,
        "what": "$statusCode",
        "problem": None,
    }
    assert left["compared"][0]["problem"] == "$response.body#/data/remaining_sum reaches no value"


def test_the_library_over_the_control_plane(server: Server) -> None:
    listed = server.mock("GET", "/scenarios").json
    assert [each["name"] for each in listed] == NAMES
    assert {each["name"] for each in listed if each["anywhere"]} == ANYWHERE
    for each in listed:
        assert each["title"]
        assert set(each["workflows"][0]["inputs"]["properties"]) >= {"authorization"}
    one = server.mock("GET", "/scenarios/refund-recall").json
    text = one.pop("document")
    assert one in listed
    assert text == library.find(SCENARIOS, "refund-recall").read_text(encoding="utf-8")


def test_with_a_control_token() -> None:
    with (
        Mockserver(clock="frozen", control_token="T0ken") as server,
        BillogramAccount(server, "mine") as billogram,
    ):
        before = billogram.control("GET", "/callbacks")
        assert billogram.run("pay-in-parts").keys() == {"billogram"}
        assert billogram.control("GET", "/callbacks") == before
