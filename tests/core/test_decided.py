"""A corrected rule decides anew, and changes nothing that an existing log means."""

import ast
import re
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from mockserver import core
from mockserver.core import (
    agenda,
    calendar,
    documents,
    effects,
    interest,
    letters,
    money,
    overpayments,
    recall_windows,
    reminders,
    tabs,
)
from mockserver.core.events import FORMAT, DocumentAmounts, Record
from mockserver.core.funds import PaymentSource
from mockserver.core.model import Recipient
from tests.core.golden_logs import LETTER, golden_logs, own_log, tables, upgraded_logs
from tests.server import ACCOUNT, Server


class Rule(Struct, frozen=True):
    """One thing that decides, another value of it, and a decision that follows it."""

    module: Any
    name: str
    value: Any
    decide: Callable[[Server], Any]


def _letter_at(server: Server) -> Any:
    key = server.draft(**LETTER)["id"]
    return server.state().billograms[key].delivery.letter_at


def _interest(server: Server) -> Any:
    key = server.sent(due_days=10)["id"]
    _advance(server, "60d")
    assert server.command(key, "remind", {"method": "Email"}).status == 200
    return server.state().billograms[key].interest


def _advance(server: Server, span: str) -> None:
    assert server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": span}).status == 200


def _automatic(server: Server) -> Any:
    steps = [{"delay_days": 5, "message": ""}, {"delay_days": 0, "message": ""}]
    key = server.sent(due_days=10, automatic_reminders=True, automatic_reminders_settings=steps)["id"]
    _advance(server, "60d")
    events = server.state().billograms[key].events
    return [each.mark.at for each in events if type(each).__name__ == "ReminderSent"]


def _overdue(server: Server) -> Any:
    key = server.sent(due_days=10)["id"]
    _advance(server, "20d")
    events = server.state().billograms[key].events
    return [each.mark.at for each in events if type(each).__name__ == "Overdue"]


def _collected(server: Server) -> Any:
    key = server.sent(due_days=10, automatic_collection={"delay_days": 5, "amount": 1})["id"]
    _advance(server, "60d")
    return [(type(each).__name__, each.mark.at) for each in server.state().billograms[key].events]


def _sums(server: Server) -> Any:
    row = {"title": "Row", "count": 1, "price": "99.73", "vat": 25}
    server.draft(items=[row], invoice_fee=15)
    return [each.sums for each in server.state().billograms.values()]


def _excess(server: Server) -> Any:
    sent = server.sent()
    body = {"amount": 130, "billogram": sent["id"]}
    assert server.mock("POST", f"/accounts/{ACCOUNT}/payments", body).status < 300
    return [type(each).__name__ for each in server.state().billograms[sent["id"]].events]


def _documents(server: Server) -> Any:
    key = server.sent()["id"]
    return [(each.kind, each.amount, each.vat) for each in server.state().billograms[key].documents]


def _debit(server: Server) -> Any:
    number = server.customer()
    path = f"/accounts/{ACCOUNT}/customers/{number}/simulate/enable-recurring"
    assert server.mock("POST", path, {"type": "autogiro"}).status == 200
    key = server.sent(customer={"customer_no": number})["id"]
    _advance(server, "60d")
    return [(type(each).__name__, each.mark.at) for each in server.state().billograms[key].events]


def _tab(server: Server) -> Any:
    number = server.customer()
    server.post(
        f"/customer/{number}/billing-tab/items",
        {"billogram_item": {"title": "Row"}},
        headers={tabs.KEY: "1"},
    )
    _advance(server, "60d")
    return [(each.created_at, each.content) for each in server.state().billograms.values()]


def _mandate(server: Server) -> Any:
    now = server.state().account.clock.now
    today = now.date()
    source = PaymentSource("x", 1, 1, "SEPA_DIRECT_DEBIT", "ACTIVE", "r", now, now, imported_on=today)
    return agenda.lapses_on(source, "Europe/Stockholm")


def _customer(server: Server) -> Any:
    number = server.customer()
    return server.draft(customer={"customer_no": number})["customer"]["name"]


def _window(window: recall_windows.Window) -> Callable[[Server], Any]:
    return lambda server: window.bounds(date(2026, 3, 2))


RULES = {
    "a letter after 48 hours": Rule(letters, "WAIT", timedelta(hours=24), _letter_at),
    "the first day of interest": Rule(interest, "GRACE_PERIOD", timedelta(days=20), _interest),
    "the basis of interest": Rule(interest, "_YEAR", Decimal(36000), _interest),
    "the hour of reminders": Rule(reminders, "AT", time(11), _automatic),
    "one reminder a day": Rule(reminders, "MIN_INTERVAL", timedelta(days=3), _automatic),
    "the hour of collection": Rule(agenda, "_COLLECTED_AT", time(11), _collected),
    "the hour of news of collection": Rule(agenda, "_NEWS_AT", time(11), _collected),
    "the hour of billing tabs": Rule(agenda, "_TABS_AT", time(11), _tab),
    "the usual frequency of billing tabs": Rule(tabs, "FREQUENCY", "monthly#20", _tab),
    "the usual method of billing tabs": Rule(tabs, "METHOD", "DoNotNotify", _tab),
    "the hour of the night": Rule(calendar, "DAY_BEGINS", time(3), _overdue),
    "the hour of the bank": Rule(calendar, "BANK_TIME", time(12), _debit),
    "whole kronor": Rule(money, "_UNIT", Decimal("0.1"), _sums),
    "two decimals": Rule(money, "_CENT", Decimal("0.1"), _sums),
    "VAT of the invoice fee": Rule(money, "_INVOICE_FEE_VAT", Decimal(12), _sums),
    "a small excess of 10 kronor": Rule(overpayments, "SMALL_EXCESS", {"SEK": Decimal(1)}, _excess),
    "13 months": Rule(recall_windows, "_MONTHS", 10, _window(recall_windows.THIRTEEN_MONTHS)),
    "8 weeks": Rule(recall_windows, "_WEEKS", 6, _window(recall_windows.EIGHT_WEEKS)),
    "36 months": Rule(agenda, "_LAPSE_MONTHS", 24, _mandate),
    "the amounts of documents": Rule(
        documents,
        "amounts_of",
        lambda earlier, event: DocumentAmounts(Decimal(1), Decimal(2), "reminder"),
        _documents,
    ),
    "the copy of a customer": Rule(effects, "copied", lambda customer: Recipient(1, name="?"), _customer),
}


@pytest.mark.parametrize("name", RULES)
def test_a_new_decision_follows_the_changed_rule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES[name]
    before = _decided(rule)
    _change(rule, monkeypatch)
    assert _decided(rule) != before


def _decided(rule: Rule) -> Any:
    server = Server()
    try:
        server.get("/settings")
        return rule.decide(server)
    finally:
        server.close()


def _change(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hasattr(rule.module, rule.name)
    monkeypatch.setattr(rule.module, rule.name, rule.value)
    _forget()


def _forget() -> None:
    """What was worked out by the rules as they are."""
    for remembers in (calendar.day_start, calendar.day_moment):
        remembers.cache_clear()


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    """No test sees what the rules of another one gave."""
    yield
    _forget()


Logs = dict[str, tuple[Record, ...]]


def _logs() -> dict[str, Logs]:
    return {"format 1": golden_logs(), "upgraded": upgraded_logs(), "own": {"own": own_log()}}


@pytest.mark.parametrize("which", ["format 1", "upgraded", "own"])
def test_a_log_means_the_same_after_each_rule_was_changed(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = _logs()[which]
    formats = {record.format for records in logs.values() for record in records}
    assert formats == {{"format 1": 1, "upgraded": 2, "own": FORMAT}[which]}
    before = {name: tables(records) for name, records in logs.items()}
    for rule in RULES.values():
        _change(rule, monkeypatch)
    assert {name: tables(records) for name, records in logs.items()} == before


@pytest.mark.parametrize("name", RULES)
def test_the_own_log_means_the_same_after_one_rule_was_changed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, so that no change hides another."""
    before = tables(own_log())
    _change(RULES[name], monkeypatch)
    assert tables(own_log()) == before


# the rules that a newcomer looks for: the file, and the constant that is defined there and nowhere else
FOUND = {
    "one reminder a day": ("core/reminders.py", "MIN_INTERVAL"),
    "13 months": ("core/recall_windows.py", "_MONTHS"),
    "first day of interest": ("core/interest.py", "GRACE_PERIOD"),
    "letter after 48 hours": ("core/letters.py", "WAIT"),
    "small excess of 10 kronor": ("core/overpayments.py", "SMALL_EXCESS"),
}
VALUES = {
    "13 months": "_MONTHS = 13",
    "letter after 48 hours": "hours=48",
    "small excess of 10 kronor": '"SEK": Decimal(10)',
}


@pytest.mark.parametrize("rule", FOUND)
def test_a_rule_is_in_one_file_that_is_named_for_it(rule: str) -> None:
    file, constant = FOUND[rule]
    defining = {name for name, text in _sources().items() if re.search(f"^{constant} = ", text, re.MULTILINE)}
    assert defining == {file}
    if rule in VALUES:
        frozen = "core/format1.py"  # the rules of the version that wrote format 1
        with_value = {name for name, text in _sources().items() if VALUES[rule] in text}
        assert with_value - {frozen} == {file}


@cache
def _sources() -> dict[str, str]:
    package = Path(core.__path__[0]).parent
    return {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}


def test_the_upgrade_has_its_own_rules() -> None:
    """What decides today is not imported by what decides for format 1."""
    source = (Path(core.__path__[0]) / "format1.py").read_text()
    imported = {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "mockserver.core"
        for alias in node.names
    }
    assert imported == {"calendar", "events"}
    assert "day_start" not in source
