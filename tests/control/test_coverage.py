"""Coverage: what the traffic of clients has exercised is counted, and nothing else (reference: control 8)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.api.payment_source import IMPORT
from mockserver.control import coverage
from mockserver.core.machine import public_state
from mockserver.core.model import Internal
from mockserver.core.state import BILLOGRAM
from mockserver.in_process import DASHBOARD, InProcessRequest, call_asgi
from tests.server import ACCOUNT, KEY, Server, dumps

A = f"/accounts/{ACCOUNT}"
NEW = {
    "id": ACCOUNT,
    "key": KEY,
    "seed": 1,
    "clock": {"mode": "frozen"},
    "callbacks": {"url": "mock:inbox"},
    "features": {"collection": True, "standalone_credits": True, "factoring": True},
}
SENT = {
    "customer": {"customer_no": 1},
    "items": [{"title": "Work", "count": 1, "price": 100, "vat": 25}],
    "on_success": {"command": "send", "method": "Email"},
}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    assert server.mock("POST", "/accounts", NEW).status == 201
    server.post("/customer", {"customer_no": 1, "name": "A", "contact": {"email": "a@example.com"}})
    assert server.mock("DELETE", f"{A}/coverage").json["percent"] == 0
    yield server
    server.close()


def seen(server: Server, group: str, path: str = f"{A}/coverage") -> dict[str, int]:
    found = server.mock("GET", path).json["groups"][group]["seen"]
    return {each["item"]: each["count"] for each in found}


def everything(server: Server, path: str = f"{A}/coverage") -> dict[str, dict[str, int]]:
    return {name: found for name in coverage.universe() if (found := seen(server, name, path))}


def sent(server: Server) -> str:
    key: str = server.post("/billogram", SENT).data["id"]
    return key


def idle(server: Server) -> None:
    """Wait until no webhook is being sent."""

    async def wait() -> None:
        async with asyncio.timeout(5):
            live = await server.emulator.account(ACCOUNT)
            while live is not None and server.sender.deliveries(live).busy:
                await live.signal.wait()

    server.run(wait())


def act(server: Server, path: str, body: Any) -> Any:
    answer = server.mock("POST", f"{A}{path}", body)
    assert answer.status < 300, answer.body
    return answer.json


# what is counted


def test_one_request_is_an_example_of_everything_that_it_did(server: Server) -> None:
    answer = server.post("/billogram", SENT)
    assert everything(server) == {
        "operations": {"POST /billogram": 1},
        "states": {"Unattested": 1, "Unpaid": 1},
        "transitions": {"send: Unattested → Unpaid": 1},
        "events": {"BillogramCreated": 1, "BillogramSent": 1},
        "callbacks": {"BillogramEvent 2xx": 2},
        "delivery_methods": {"Email": 1},
    }
    groups = server.mock("GET", f"{A}/coverage").json["groups"]
    for group in groups.values():
        for each in group["seen"]:
            assert (each["example"], each["account"]) == (answer.headers["mock-request-id"], ACCOUNT)
    assert server.mock("GET", f"{A}/requests/{answer.headers['mock-request-id']}").status == 200


def test_totals_and_what_is_not_seen(server: Server) -> None:
    sent(server)
    answer = server.mock("GET", f"{A}/coverage").json
    items = coverage.universe()
    for name, group in answer["groups"].items():
        names = [each["item"] for each in group["seen"]]
        assert [each for each in items[name] if each in names] == names
        assert [each for each in items[name] if each not in names] == group["not_seen"]
        assert group["total"] == f"{len(names)}/{len(items[name])}"
        assert float(group["percent"]) == coverage.percent(len(names), len(items[name]))
    count = sum(len(group["seen"]) for group in answer["groups"].values())
    assert answer["total"] == f"{count}/{sum(map(len, items.values()))}"


@pytest.mark.parametrize(
    ("part", "count", "shown"), [(0, 3, 0), (1, 3, 33.3), (2, 3, 66.6), (3, 3, 100), (0, 0, 100)]
)
def test_a_percentage_is_rounded_down(part: int, count: int, shown: float) -> None:
    assert coverage.percent(part, count) == shown


def test_commands_by_mode_and_refused_ones_not(server: Server) -> None:
    key = sent(server)
    server.command(key, "credit", {"mode": "amount", "amount": 10})
    server.command(key, "credit", {"mode": "wrong"})
    server.command(key, "message", {"message": "Thanks"})
    server.command(key, "remind", {})
    server.command(key, "nothing", {})
    assert seen(server, "commands") == {"credit amount": 1, "message": 1}
    assert seen(server, "operations")["POST /billogram/{id}/command/{command}"] == 2
    assert seen(server, "errors") == {"INVALID_PARAMETER": 1, "INVALID_OBJECT_STATE": 1, "NOT_FOUND": 1}
    assert seen(server, "rules") == {"credit.mode": 1, "not_due.*": 1, "command.exists": 1}


def test_list_filters(server: Server) -> None:
    page = "page=1&page_size=10"
    for query in ("", "&xfilter_field=state", "&filter_field=", "&order_field=&x=filter_field"):
        assert server.get(f"/billogram?{page}{query}").status == 200
    assert seen(server, "list_filters") == {}
    server.get(f"/billogram?{page}&filter_type=field&filter_field=customer%3Aname&filter_value=A")
    server.get(f"/billogram?{page}&filter_type=special&filter_field=search&filter_value=A")
    server.get(f"/billogram?{page}&filter_type=field&filter_field=nothing&filter_value=A")
    assert seen(server, "list_filters") == {
        "/billogram filter_field=customer:name": 1,
        "/billogram filter_type=field": 1,
        "/billogram filter_type=special": 1,
    }


def test_time_that_a_client_moves(server: Server) -> None:
    sent(server)
    moved = server.mock("POST", f"{A}/clock/advance", {"by": "60d"})
    assert moved.json["count"] > 0
    assert seen(server, "states") == {"Unattested": 1, "Unpaid": 1, "Overdue": 1}
    assert seen(server, "events")["Overdue"] == 1


def test_payments_and_what_comes_back(server: Server) -> None:
    key, other = sent(server), sent(server)
    server.command(other, "payment", {"amount": 125})
    paid = act(server, "/payments", {"billogram": key, "amount": 130, "scheme": "SEPA_CREDIT_TRANSFER"})
    act(server, f"/payments/{paid['id']}/recall", {"type": "recall", "code": "FRAD"})
    assert seen(server, "payment_schemes") == {"SEPA_CREDIT_TRANSFER": 1, "MANUAL": 1}
    assert seen(server, "payment_outcomes") == {"settled": 2, "adjustment": 1, "recalled": 1}
    assert seen(server, "r_transaction_types") == {"cancellation_request of a credit transfer": 1}
    assert seen(server, "r_transaction_codes") == {"FRAD": 1}
    assert seen(server, "transitions") == {
        "send: Unattested → Unpaid": 2,
        "payment: Unpaid → Ended": 1,
        "Payment: Unpaid → Ended": 1,
        "PaymentRecalled: Ended → Unpaid": 1,
    }


def test_a_debit_that_the_bank_refuses(server: Server) -> None:
    answer = server.post("/sepa_dd_mandate", {**IMPORT, "customer_no": 1})
    assert answer.status == 200, answer.body
    server.mock("PUT", f"{A}/outcomes", {"match": None, "plan": ["reject.AM04"]})
    server.post("/billogram", {**SENT, "currency": "EUR"})
    server.mock("POST", f"{A}/clock/advance", {"by": "60d"})
    assert seen(server, "payment_outcomes") == {"scheduled": 1, "failed": 1}
    assert seen(server, "r_transaction_types") == {"reject": 1}
    assert seen(server, "r_transaction_codes") == {"AM04": 1}


def test_how_the_receiver_answered(server: Server) -> None:
    server.mock("PUT", f"{A}/callbacks", {"url": "mock:inbox", "respond": 500, "retry_schedule": []})
    key = sent(server)
    idle(server)
    assert seen(server, "callbacks") == {"BillogramEvent error": 2}
    server.mock("PUT", f"{A}/callbacks", {"url": "http://127.0.0.1:1/", "retry_schedule": []})
    server.command(key, "message", {"message": "Hello"})
    idle(server)
    assert seen(server, "callbacks") == {"BillogramEvent error": 2, "BillogramEvent never": 1}


def test_refusals_of_the_control_plane_count_by_their_rule(server: Server) -> None:
    key = sent(server)
    paid = act(server, "/payments", {"billogram": key})
    answer = server.mock("POST", f"{A}/payments/{paid['id']}/recall", {"type": "refund"})
    assert answer.status == 409
    assert seen(server, "rules") == {"sepa.scheme": 1}
    assert seen(server, "errors") == {}


def test_requests_without_an_account_count_for_all_alone(server: Server) -> None:
    server.get("/settings", key="wrong")
    assert everything(server) == {}
    assert seen(server, "errors", "/coverage") == {"INVALID_AUTH": 1}
    assert seen(server, "rules", "/coverage") == {"auth.invalid": 1}


def test_an_act_with_many_events_counts_by_its_parts(server: Server) -> None:
    keys = [sent(server) for _ in range(6)]
    shares = [{"billogram": key, "amount": 125} for key in keys]
    act(server, "/payments", {"amount": 750, "allocations": shares})
    assert seen(server, "events") == {
        "BillogramCreated": 6,
        "BillogramSent": 6,
        "Payment": 6,
        "BillogramEnded": 6,
    }
    assert seen(server, "transitions")["Payment: Unpaid → Ended"] == 6
    assert seen(server, "states") == {"Unattested": 6, "Unpaid": 6, "Paid": 6}


# what is not


def from_dashboard(server: Server, method: str, target: str, body: Any) -> Any:
    headers = {"Authorization": "Basic Og==", "Mock-Account": ACCOUNT}
    if target.startswith("/_mock"):
        headers = {}
    call = InProcessRequest(method, target, headers, dumps(body), {DASHBOARD: True})
    answer = server.run(call_asgi(server.app, call, "localhost"))
    assert answer.status < 300, answer.body
    return answer


def test_what_the_dashboard_does_is_not_counted(server: Server) -> None:
    key = sent(server)
    server.mock("DELETE", f"{A}/coverage")
    from_dashboard(server, "POST", "/api/v2/billogram", SENT)
    from_dashboard(server, "POST", f"/_mock{A}/payments", {"billogram": key})
    from_dashboard(server, "POST", f"/_mock{A}/clock/advance", {"by": "60d"})
    idle(server)
    assert everything(server) == {}


def test_a_scenario_that_the_dashboard_starts_is_not_counted(server: Server) -> None:
    from_dashboard(server, "POST", f"/_mock{A}/scenarios/pay-in-parts/run", {})
    assert everything(server) == {}
    answer = server.mock("POST", f"{A}/scenarios/pay-in-parts/run", {})
    assert answer.json["status"] == "passed"
    assert seen(server, "events")["Payment"] > 1


def test_a_fixture_is_not_counted(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": "demo", "fixture": "demo"})
    server.mock("POST", f"{A}/reset", {"fixture": "demo"})
    assert everything(server, "/accounts/demo/coverage") == everything(server) == {}


# how long it is kept


def test_a_reset_begins_anew_and_all_accounts_together_keep_what_was_seen(server: Server) -> None:
    server.mock("DELETE", f"{A}/coverage")
    server.mock("POST", f"{A}/reset", {})
    server.mock("DELETE", "/coverage")
    server.customer(customer_no=1)
    sent(server)
    before = everything(server)
    server.mock("POST", f"{A}/reset", {})
    assert everything(server) == {}
    assert everything(server, "/coverage") == before
    server.customer(customer_no=1)
    sent(server)
    both = everything(server, "/coverage")
    assert both == {name: {item: 2 * n for item, n in of.items()} for name, of in before.items()}
    server.mock("DELETE", A)
    assert everything(server, "/coverage") == both
    example = server.mock("GET", "/coverage").json["groups"]["events"]["seen"][0]
    assert example["account"] is None
    assert example["example"] is not None
    assert server.mock("DELETE", "/coverage").json["percent"] == 0
    assert everything(server, "/coverage") == {}


def test_a_restore_keeps_the_counts(server: Server) -> None:
    server.mock("POST", f"{A}/snapshots", {"name": "before"})
    sent(server)
    before = everything(server)
    assert server.mock("POST", f"{A}/snapshots/before/restore", {}).status == 200
    assert everything(server) == before


def test_coverage_of_an_unknown_account(server: Server) -> None:
    assert server.mock("GET", "/accounts/nobody/coverage").status == 404
    assert server.mock("DELETE", "/accounts/nobody/coverage").status == 404


def test_two_accounts_are_added_up(server: Server) -> None:
    server.mock("DELETE", "/coverage")
    for name in ("one", "two"):
        assert server.get("/settings", account=name).status == 200
    assert seen(server, "operations", "/coverage") == {"GET /settings": 2}
    assert seen(server, "operations", "/accounts/one/coverage") == {"GET /settings": 1}


# the tables


def test_the_items_of_all_groups() -> None:
    items = coverage.universe()
    assert {name: len(each) > 0 for name, each in items.items()} == dict.fromkeys(items, True)
    assert list(items) == list(coverage.GroupsShape.__annotations__)
    assert {"send", "credit full", "credit-payment amount"} <= items["commands"].keys()
    assert {"delete: Unattested → Deleted", "Payment: Collection → Ended"} <= items["transitions"].keys()
    assert {"BillogramEvent 2xx", "PaymentRecalled never"} <= items["callbacks"].keys()
    assert "state.*" in items["rules"]


def test_every_public_state_has_its_internal_state(server: Server) -> None:
    """Transitions are counted by the states that the API shows: each belongs to one internal state."""
    server.mock("POST", "/accounts", {"id": "demo", "fixture": "demo"})
    state = server.state("demo")
    for key in state.raw_table(BILLOGRAM):
        billogram = state.find(BILLOGRAM, key)
        assert coverage.internal_of(public_state(billogram)) is billogram.internal
    for name, internal in {"Deleted": Internal.DELETED, "Reminder_2": Internal.UNPAID}.items():
        assert coverage.internal_of(name) is internal
