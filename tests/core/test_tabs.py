"""Billing tabs: the dates of frequencies, and what the run on a billing date makes of a tab."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from mockserver.core import tabs
from mockserver.core.act import Act
from mockserver.core.model import TabItem, TabRow
from mockserver.core.state import State
from tests.server import ACCOUNT, Server

DATES = [
    # frequency, today, the next date
    ("daily", "2026-03-02", "2026-03-03"),
    ("daily", "2026-12-31", "2027-01-01"),
    ("weekly#1", "2026-03-02", "2026-03-09"),  # a Monday: never the same day
    ("weekly#Monday", "2026-03-02", "2026-03-09"),
    ("weekly#2", "2026-03-02", "2026-03-03"),
    ("weekly#7", "2026-03-02", "2026-03-08"),
    ("weekly#SUNDAY", "2026-03-08", "2026-03-15"),
    ("weekly#5", "2026-05-04", "2026-05-08"),
    ("weekly#friday", "2026-05-04", "2026-05-08"),
    ("monthly#1", "2026-03-02", "2026-04-01"),
    ("monthly#1", "2026-03-01", "2026-04-01"),
    ("monthly#20", "2026-03-02", "2026-03-20"),
    ("monthly#31", "2026-03-02", "2026-03-31"),
    ("monthly#31", "2026-03-31", "2026-04-30"),
    ("monthly#31", "2026-04-30", "2026-05-31"),
    ("monthly#31", "2026-02-01", "2026-02-28"),
    ("monthly#30", "2027-02-28", "2027-03-30"),
    ("monthly#29", "2028-01-29", "2028-02-29"),  # a leap year
    ("monthly#30", "2028-02-28", "2028-02-29"),
    ("monthly#31", "2026-12-31", "2027-01-31"),
]


@pytest.mark.parametrize(("frequency", "today", "expected"), DATES)
def test_the_next_date(frequency: str, today: str, expected: str) -> None:
    assert tabs.next_date(frequency, date.fromisoformat(today)) == date.fromisoformat(expected)


def add(server: Server, customer_no: int, **item: Any) -> TabRow:
    """Add a row from inside an act."""
    found: list[TabRow] = []

    def decide(act: Act) -> None:
        found.append(tabs.add_row(act, act.customer(customer_no), TabItem(**item)))

    live = server.emulator.live(ACCOUNT)
    assert live is not None
    server.run(server.emulator.execute(live, decide, cause="test", rule="tab"))
    return found[0]


def test_a_row_of_an_act_opens_a_tab_and_is_invoiced() -> None:
    server = Server()
    try:
        number = server.customer()
        row = {"title": "Sale", "price": Decimal("99.50"), "vat": Decimal(25), "external_id": "offer"}
        first, second = add(server, number, **row), add(server, number, **row)
        assert first.tab == second.tab
        assert first.shown == '{"title":"Sale","count":1,"price":99.5,"vat":25,"external_id":"offer"}'
        state = server.state()
        assert state.tabs[first.tab].billing_date == date(2026, 4, 1)
        assert [each.id for each in state.rows_of(first.tab)] == [first.id, second.id]
        assert server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "30d"}).status == 200
        tab = server.state().tabs[first.tab]
        assert tab.billogram is not None
        made = server.get(f"/billogram/{tab.billogram}").data
        assert (made["total_sum"], made["invoice_date"], made["state"]) == (
            Decimal(249),
            "2026-04-01",
            "Unpaid",
        )
        assert [each["external_id"] for each in made["items"]] == ["offer", "offer"]
        assert server.fold().image() == server.image()
        third = add(server, number, **row)
        assert third.tab != first.tab
    finally:
        server.close()


def test_puts_are_undone_and_copies_are_independent() -> None:
    server = Server()
    try:
        number = server.customer()
        add(server, number, title="First", price=Decimal(1))
        state = server.state()
        before = state.image()
        act = Act(state, state.account.clock.now)
        tabs.add_row(act, act.customer(number), TabItem(title="Second"), key="k")
        copy = state.copy()
        undo = [(*each, state.put(*each, new)) for each, new in act.changes.items()]
        assert state.tab_keys[state.customers[number].number, "k"]
        assert copy.image() == before != state.image()
        for kind, key, old in reversed(undo):
            state.put(kind, key, old)
        assert state.image() == before
        assert isinstance(copy, State)
    finally:
        server.close()
