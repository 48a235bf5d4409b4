"""Resource `settings` (reference: api 4)."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.server import Server

RECORDED = Path(__file__).parent.parent / "recorded"


def test_a_new_account_has_the_recorded_settings(server: Server) -> None:
    recorded = json.loads((RECORDED / "settings-new-account.json").read_text(), parse_float=Decimal)["data"]
    ours = server.get("/settings").data
    assert keys(recorded) - keys(ours) == set()
    # since 2021 [C], in the documentation of 2025 [D]
    newer = keys(ours) - keys(recorded)
    assert newer <= {
        "bookkeeping.debt_collection_funds_account",
        "bookkeeping.liabilities_customers_account",
        "bookkeeping.financial_year_start",
        "bookkeeping.financial_year_months",
        "company_id",
        "registration_email",
        "invoices.pdf",
        "invoices.pdf.template",
        "invoices.automatic_reminders_minimum_principal_sum",
        "invoices.reminders_without_fee",
        "invoices.use_automatic_reminders_partly_paid",
        "invoices.show_item_gross_prices",
        "invoices.show_new_account_notice",
        "bookkeeping.sie_continuous_numbering",
        "bookkeeping.sie_serie",
        "bookkeeping.regional_sweden",
        "bookkeeping.regional_sweden.rotavdrag_account",
        "invoices.default_message",
        *(name for name in newer if "address" in name or name.startswith(("contact", "payment"))),
    }
    for name in ("default_interest_rate", "default_reminder_fee", "default_invoice_fee"):
        assert (ours["invoices"][name], type(ours["invoices"][name])) == (recorded["invoices"][name], Decimal)
    accounts = {k: v for k, v in recorded["bookkeeping"].items() if k.endswith("_account")}
    assert accounts.items() <= ours["bookkeeping"].items()


def keys(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return set()
    here = {f"{path}{name}" for name in value}
    return here.union(*(keys(member, f"{path}{name}.") for name, member in value.items()))


def test_the_example_of_the_reference(server: Server) -> None:
    before = server.get("/settings").data
    steps = [{"delay_days": 5, "message": "First reminder"}]
    after = server.call(
        "PUT", "/settings", {"invoices": {"default_reminder_fee": 50, "automatic_reminders": steps}}
    ).data
    expected = {**before["invoices"], "default_reminder_fee": Decimal("50.0"), "automatic_reminders": steps}
    assert after == {**before, "invoices": expected} == server.get("/settings").data
    assert str(after["invoices"]["default_reminder_fee"]) == "50.0"


@pytest.mark.parametrize(
    ("sent", "path", "shown"),
    [
        ({"name": "Provbolaget"}, "name", "Provbolaget"),
        ({"name": None}, "name", "test"),
        (
            {"address": {"street_address": "A", "zipcode": "1 2", "country": "Sverige"}},
            "address",
            {
                "street_address": "A",
                "careof": "",
                "zipcode": "12",
                "city": "",
                "province": "",
                "country": "Sverige",
            },
        ),
        ({"address": {"address_line_1": "B"}}, "address.street_address", "B"),
        ({"return_address": {"name": "R"}}, "return_address.name", "R"),
        ({"return_address": {}}, "return_address.name", None),
        ({"invoices": None}, "invoices.default_interest_rate", Decimal("8.5")),
        (
            {"invoices": {"automatic_reminders": [{"delay_days": "5"}]}},
            "invoices.automatic_reminders",
            [{"delay_days": 5, "message": ""}],
        ),
        (
            {"invoices": {"automatic_collection": {"delay_days": 3}}},
            "invoices.automatic_collection",
            {"delay_days": 3, "amount": None},
        ),
        (
            {"invoices": {"automatic_writeoff": {"settings": "all_fees", "amount": "10.5"}}},
            "invoices.automatic_writeoff",
            {"settings": "all_fees", "amount": Decimal("10.5")},
        ),
        (
            {"invoices": {"reminders_without_fee": [{"any": 1}]}},
            "invoices.reminders_without_fee",
            [{"any": 1}],
        ),
        ({"invoices": {"pdf": {"template": "x"}}}, "invoices.pdf.template", "x"),
        (
            {"bookkeeping": {"sie_serie": "B", "objects": [{"dimension_id": "1", "object_id": "2"}]}},
            "bookkeeping.objects",
            [{"dimension_id": "1", "object_id": "2"}],
        ),
        ({"bookkeeping": {"financial_year_start": ""}}, "bookkeeping.financial_year_start", "2026-01"),
        ({"tax": {"has_fskatt": ""}}, "tax.has_fskatt", False),
        (
            {"payment": {"domestic_bank_account": {"account_no": 123}}},
            "payment.domestic_bank_account.account_no",
            "123",
        ),
    ],
)
def test_what_a_put_changes(server: Server, sent: dict[str, Any], path: str, shown: Any) -> None:
    value: Any = server.call("PUT", "/settings", sent).data
    for step in path.split("."):
        value = value[step]
    assert value == shown
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("sent", "identifier", "message", "field_path"),
    [
        ({"colour": 1}, "UNKNOWN_PARAMETER", "unexpected key: colour", []),
        ({"invoices": {"colour": 1}}, "UNKNOWN_PARAMETER", "unexpected key: colour", ["invoices"]),
        (
            {"invoices": {"default_reminder_fee": -1}},
            "INVALID_PARAMETER",
            "invalid default reminder fee",
            ["invoices"],
        ),
        (
            {"invoices": {"automatic_reminders": [{}]}},
            "INVALID_PARAMETER",
            "Delay days not set",
            ["invoices", "automatic_reminders", 0],
        ),
        (
            {"bookkeeping": {"financial_year_start": "2026"}},
            "INVALID_PARAMETER",
            "invalid financial year start",
            ["bookkeeping"],
        ),
        ({"tax": {"has_fskatt": 1}}, "INVALID_PARAMETER", "invalid has fskatt", ["tax"]),
        ({"contact": [1]}, "INVALID_PARAMETER", "invalid contact", []),
    ],
)
def test_what_is_refused(
    server: Server, sent: dict[str, Any], identifier: str, message: str, field_path: list[Any]
) -> None:
    server.get("/settings")
    image, position = server.image(), server.position()
    answer = server.call("PUT", "/settings", sent)
    assert answer.error[0] == identifier
    assert (answer.error[1]["message"], answer.error[1]["field_path"]) == (message, field_path)
    assert (server.image(), server.position()) == (image, position)


def test_settings_count_for_what_is_made_later(server: Server) -> None:
    old = server.draft()
    invoices = {
        "default_message": "Hej",
        "default_interest_rate": 9,
        "default_reminder_fee": 50,
        "default_invoice_fee": 10,
        "automatic_reminders": [{"delay_days": 5}],
        "show_item_gross_prices": True,
        "pdf": {"template": "t"},
    }
    server.call(
        "PUT",
        "/settings",
        {
            "invoices": invoices,
            "bookkeeping": {"income_account_for_vat_25": "3999"},
            "address": {"country": "no"},
        },
    )
    assert server.get(f"/billogram/{old['id']}").data == old
    new = server.draft()
    assert (new["info"]["message"], new["interest_rate"], new["reminder_fee"], new["invoice_fee"]) == (
        "Hej",
        9,
        50,
        10,
    )
    assert (new["automatic_reminders"], new["automatic_reminders_settings"]) == (True, [])
    assert (new["show_item_gross_prices"], new["pdf"]["template"]) == (True, "t")
    assert new["items"][0]["bookkeeping"]["income_account"] == "3999"
    assert server.post("/customer", {"name": "A"}).data["address"]["country"] == "NO"


def test_settings_given_at_birth_survive_a_reset(server: Server) -> None:
    made = {
        "id": "test",
        "key": "secret",
        "settings": {"name": "Born", "invoices": {"default_reminder_fee": 33}},
    }
    assert server.mock("POST", "/accounts", made).status == 201
    server.call("PUT", "/settings", {"name": "Changed"})
    server.mock("PATCH", "/accounts/test", {"settings": {"org_no": "556000-0018"}})
    shown = server.get("/settings").data
    assert (shown["name"], shown["org_no"]) == ("Changed", "556000-0018")
    server.mock("POST", "/accounts/test/reset")
    shown = server.get("/settings").data
    assert (shown["name"], shown["org_no"], shown["invoices"]["default_reminder_fee"]) == ("Born", "", 33)
    bad = server.mock("POST", "/accounts", {"id": "bad", "settings": {"colour": 1}})
    assert (bad.status, "colour" in bad.json["error"]["message"]) == (400, True)
