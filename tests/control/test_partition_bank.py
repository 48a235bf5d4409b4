"""Any way of cutting a span into moves is the same: with mandates, outcome plans, respites, recalls.

Reference: behaviour 6.1, 6.6, 8.2, 8.3. The invariants of debits and recalls are held at every stop.
"""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.test_clock import advance
from tests.server import ACCOUNT, KEY, Server

PATH = f"/accounts/{ACCOUNT}"
IBANS = [
    "DE89370400440532013000",
    "DE50370400440532010404",
    "DE23370400440532010405",
    "DE28370400440532010606",
    "DE83370400440532010101",
    "DE17370400440532010707",
]
LATER = [
    ("return.AC04", "2b"),
    ("return.AM04", "1b"),
    ("refund.MD06", "20d"),
    ("refund_unauthorised.MD01", "60d"),
]
OUTCOMES = ["ok", "reject.AM04", "reject.AC01", *({"then": then, "after": after} for then, after in LATER)]
SPANS = ["1h", "1d", "2d", "5d", "9d", "1w", "1mo"]
END = "2026-08-01T00:00:00+02:00"
PARTS = ("unmatched", "adjustment", "liability", "recalled")

plans = st.lists(st.sampled_from(OUTCOMES), max_size=4)
bills = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 2]),
        st.sampled_from(["EUR", "EUR", "SEK"]),
        st.integers(1, 60),
        st.sampled_from([None, None, 3, 20]),
        plans,
    ),
    min_size=1,
    max_size=5,
)
worlds = st.fixed_dictionaries(
    {
        "ibans": st.tuples(st.sampled_from(IBANS), st.sampled_from(IBANS)),
        "plan": plans,
        "bills": bills,
        "steps": st.sampled_from([[], [5, 1], [0, 10]]),
        "collection": st.booleans(),
    }
)


def made(server: Server, world: dict[str, Any]) -> None:
    """An account of two customers with mandates, the second with autogiro too."""
    server.mock(
        "POST", "/accounts", {"id": ACCOUNT, "key": KEY, "seed": 1, "callbacks": {"url": "mock:inbox"}}
    )
    invoices: dict[str, Any] = {"automatic_reminders": [{"delay_days": each} for each in world["steps"]]}
    if world["collection"]:
        invoices["automatic_collection"] = {"delay_days": 20, "amount": 1}
    assert server.call("PUT", "/settings", {"invoices": invoices}).status == 200
    for iban in world["ibans"]:
        body = {"customer_no": server.customer(), "iban": iban, "signed_at": "2026-02-01 00:00:00"}
        assert server.post("/sepa_dd_mandate", body).status == 200
    answer = server.mock("POST", f"{PATH}/customers/2/simulate/enable-recurring", {"type": "autogiro"})
    assert answer.status == 200, answer.body
    lay_down(server, None, world["plan"])
    for customer, currency, days, respite, plan in world["bills"]:
        dates = {"invoice_date": "2026-03-02", "due_days": days}
        key = server.sent(customer={"customer_no": customer}, currency=currency, **dates)["id"]
        lay_down(server, {"billogram": key}, plan)
        if respite is not None:
            day = f"2026-{5 + respite // 20:02}-{respite % 20 + 1:02}"
            assert server.command(key, "respite", {"date": day}).status == 200


def lay_down(server: Server, match: Any, plan: list[Any]) -> None:
    assert server.mock("PUT", f"{PATH}/outcomes", {"match": match, "plan": plan}).status == 200


def told(server: Server) -> dict[str, Any]:
    """Everything that happened, and what will."""
    bodies = [each["body"] for each in server.mock("GET", f"{PATH}/inbox").json]
    callbacks = [json.loads(each, parse_float=Decimal) for each in bodies]
    for each in callbacks:
        del each["callback_id"]
        each.pop("signature", None)  # it is over the id
    return {
        "events": {key: one.events for key, one in server.state().billograms.items()},
        "callbacks": callbacks,
        "agenda": server.mock("GET", f"{PATH}/agenda").json,
        "payments": server.mock("GET", f"{PATH}/payments").json,
        "image": server.image(),
    }


def check(server: Server) -> None:
    """What must hold of debits and recalls at any time."""
    payments = server.mock("GET", f"{PATH}/payments").json
    on: Counter[str] = Counter()
    planned: Counter[str] = Counter()
    for each in payments:
        if each["status"] == "settled":
            shares = {share["billogram"]: share["amount"] for share in each["allocations"]}
            assert sum(shares.values()) + sum(each[name] for name in PARTS) == each["amount"], each
            assert 0 <= each["recalled"] <= each["amount"], each
            on.update(shares)
        planned[each["id"]] += each["status"] == "scheduled"
    usable = {
        (source.customer_no, "SEK" if source.scheme == "AUTOGIRO" else "EUR")
        for source in server.state().sources.values()
        if source.usable
    }
    by_id = {each["id"]: each for each in payments}
    for key, one in server.state().billograms.items():
        assert on[key] == -one.sums.paid, key
        if one.debit is None:
            continue
        payment = by_id[one.debit.payment]
        assert str(one.internal) == "Unpaid", payment
        assert payment["amount"] == one.sums.remaining, payment
        assert (one.recipient.customer_no, one.content.terms.currency) in usable
        planned[payment["id"]] -= 1
    assert not any(planned.values()), planned  # each planned one is that of an open billogram


def check_recalls(callbacks: list[Any]) -> None:
    """A callback of a recall says what left the billograms."""
    for each in callbacks:
        if each["callback_type"] == "PaymentRecalled":
            recall = each["payment_recall"]
            parts = [payable["billogram"]["event"]["data"] for payable in recall["payables"]]
            assert recall["total_amount"] == sum(part["recalled_amount"] for part in parts) > 0, each


@pytest.mark.parametrize("storage", ["memory", "file"])
def test_any_way_of_cutting_a_span_is_the_same(storage: str) -> None:
    """Cut, tried before each move, and with restarts where there is a file; against one long move."""

    @settings(settings.get_profile("default"), max_examples=15, deadline=None, database=None)
    @given(world=worlds, cuts=st.lists(st.tuples(st.sampled_from(SPANS), st.booleans()), max_size=12))
    def holds(world: dict[str, Any], cuts: list[tuple[str, bool]]) -> None:
        whole = Server()
        try:
            made(whole, world)
            advance(whole, to=END)
            check(whole)
            expected = told(whole)
        finally:
            whole.close()
        check_recalls(expected["callbacks"])
        with TemporaryDirectory() as name:
            place: dict[str, Any] = {} if storage == "memory" else {"database": Path(name) / "log.sqlite"}
            server = Server(**place)
            try:
                made(server, world)
                for by, again in cuts:
                    tried = advance(server, by=by, dry_run=True)
                    if tried["to"][:10] >= END[:10]:
                        break
                    assert advance(server, by=by) == tried
                    check(server)
                    if again and place:
                        server.close()
                        server = Server(**place)
                tried = advance(server, to=END, dry_run=True)
                assert advance(server, to=END) == tried
                check(server)
                found = told(server)
            finally:
                server.close()
        restarted = storage == "file" and any(again for _, again in cuts)
        for part, value in expected.items():
            if part != "callbacks" or not restarted:  # the inbox is not kept over a restart
                assert found[part] == value, part

    holds()
