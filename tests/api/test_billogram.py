"""Resource `billogram`: drafts made and read (reference: api 8, behaviour 3)."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from stdnum import luhn

from tests.server import Server

RECORDED = Path(__file__).parent.parent / "recorded"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}


def at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else value[step]
    return value


@pytest.mark.parametrize(
    ("sent", "path", "shown"),
    [
        ({}, "invoice_date", "2026-03-02"),
        ({}, "due_date", "2026-04-01"),
        ({}, "due_days", 30),
        ({}, "delivery_method", "Letter"),
        ({}, "automatic_reminders", False),
        ({}, "items.0.unit", "unit"),
        ({}, "items.0.bookkeeping", {"income_account": "3001", "vat_account": "2610", "objects": []}),
        ({}, "items.0.regional_sweden", {"rotavdrag": False, "electricity_collection": {"nyttighet": None}}),
        ({"invoice_date": "2020-01-31T10:00:00.000Z"}, "due_date", "2020-03-01"),
        ({"due_days": "10"}, "due_date", "2026-03-12"),
        ({"due_days": 0}, "due_date", "2026-03-02"),
        ({"due_date": "2028-03-02"}, "due_days", 731),
        ({"due_date": "2026-03-12", "due_days": 10}, "due_days", 10),
        ({"due_date": "", "due_days": ""}, "due_days", 30),
        ({"currency": "EUR"}, "currency", "EUR"),
        ({"currency": ""}, "currency", "SEK"),
        ({"reminder_fee": "60.0"}, "reminder_fee", Decimal("60.0")),
        ({"interest_rate": 0}, "interest_rate", Decimal("0.0")),
        ({"info": {"order_no": 1234}}, "info.order_no", "1234"),
        ({"info": {"order_date": "2026-01-01T00:00:00Z"}}, "info.order_date", "2026-01-01"),
        ({"info": {}}, "info.message", None),
        ({"callbacks": {}}, "callbacks", {"url": None, "sign_key": None, "custom": None}),
        (
            {"callbacks": {"url": "http://localhost:1/x", "custom": 7, "sign_key": 8}},
            "callbacks",
            {"url": "http://localhost:1/x", "sign_key": "8", "custom": "7"},
        ),
        (
            {"automatic_reminders_settings": [{"delay_days": 3.0, "message": "m"}]},
            "automatic_reminders",
            True,
        ),
        (
            {"automatic_reminders_settings": [{"delay_days": "5"}]},
            "automatic_reminders_settings",
            [{"delay_days": 5, "message": ""}],
        ),
        ({"automatic_reminders_settings": []}, "automatic_reminders", False),
        (
            {"automatic_reminders_settings": [{"delay_days": 1}], "automatic_reminders": False},
            "automatic_reminders",
            False,
        ),
        ({"automatic_reminders": True}, "automatic_reminders", True),
        (
            {"automatic_collection": {"delay_days": 5, "amount": 100}},
            "automatic_collection",
            {"delay_days": 5, "amount": 100, "use_default_settings": False},
        ),
        ({"contract": {"a": [1, 2.5, None]}}, "contract", {"a": [1, Decimal("2.5"), None]}),
        ({"pdf": {"template": "t"}}, "pdf.template", "t"),
        ({"regional_sweden": {"rotavdrag": "12.50"}}, "regional_sweden.rotavdrag", Decimal("12.5")),
        (
            {"regional_sweden": {"efaktura_requested_amount": 5}},
            "regional_sweden.efaktura_requested_amount",
            5,
        ),
        (
            {"regional_sweden": {"efaktura_requested_amount": "5 kr"}},
            "regional_sweden.efaktura_requested_amount",
            "5 kr",
        ),
        ({"regional_sweden": {"edi": {"electronic_id": "e"}}}, "regional_sweden.edi.electronic_id", "e"),
        ({"items": [{**ROW, "item_no": 25}]}, "items.0.item_no", "25"),
        ({"items": [{**ROW, "item_no": None, "unit": ""}]}, "items.0.unit", "unit"),
        ({"items": [{**ROW, "vat": 12}]}, "items.0.bookkeeping.vat_account", "2620"),
        (
            {"items": [{**ROW, "vat": 0}]},
            "items.0.bookkeeping",
            {"income_account": "3004", "vat_account": "", "objects": []},
        ),
        (
            {
                "items": [
                    {
                        **ROW,
                        "bookkeeping": {
                            "income_account": "3999",
                            "objects": [{"dimension_id": 1, "object_id": "x"}],
                        },
                    }
                ]
            },
            "items.0.bookkeeping.objects",
            [{"dimension_id": "1", "object_id": "x"}],
        ),
        ({"items": [{**ROW, "regional_sweden": {"rotavdrag": True}}]}, "flags", ["rot-deduction"]),
        (
            {"items": [{**ROW, "regional_sweden": {"electricity_collection": {"anlid": "1"}}}]},
            "items.0.regional_sweden.electricity_collection",
            {"nyttighet": None, "anlid": "1"},
        ),
        ({"items": [{"title": "Text", "count": 0, "price": 0, "vat": 0}]}, "total_sum", Decimal("0.0")),
        ({"items": [{**ROW, "price": "-5", "count": "2"}]}, "total_sum", Decimal("-13.0")),
        ({"items": [{**ROW, "price": -0.0}]}, "items.0.price", Decimal("0.0")),
        ({"invoice_no": "77"}, "invoice_no", 77),
        ({"attachment": None, "on_success": None}, "attachment", None),
    ],
)
def test_what_a_draft_shows(server: Server, sent: dict[str, Any], path: str, shown: Any) -> None:
    made = server.draft(**sent)
    assert at(made, path) == shown
    assert server.get(f"/billogram/{made['id']}").data == made


COMBINED = "due_date and due_days cannot be combined"


@pytest.mark.parametrize(
    ("sent", "identifier", "message", "field", "field_path"),
    [
        ({"customer": None}, "INVALID_PARAMETER", "Customer not set", "customer", []),
        ({"customer": {}}, "INVALID_PARAMETER", "Customer no not set", "customer_no", ["customer"]),
        (
            {"customer": {"customer_no": 99}},
            "INVALID_PARAMETER",
            "Customer with customer_no=99 not found",
            "customer_no",
            ["customer"],
        ),
        (
            {"customer": {"customer_no": 1, "colour": 1}},
            "UNKNOWN_PARAMETER",
            "unexpected key: colour",
            "colour",
            ["customer"],
        ),
        ({"items": None}, "INVALID_PARAMETER", "Items not set", "items", []),
        ({"items": []}, "INVALID_PARAMETER", "invalid items", "items", []),
        ({"items": {}}, "INVALID_PARAMETER", "invalid items", "items", []),
        ({"items": [1]}, "INVALID_PARAMETER", "invalid items", "items", ["items", 0]),
        ({"items": [ROW, {**ROW, "title": ""}]}, "INVALID_PARAMETER", "Title not set", "title", ["items", 1]),
        (
            {"items": [{"title": "A", "price": 1, "vat": 0}]},
            "INVALID_PARAMETER",
            "Count not set",
            "count",
            ["items", 0],
        ),
        (
            {"items": [{"item_no": "9", "count": 1}]},
            "INVALID_PARAMETER",
            "Title not set",
            "title",
            ["items", 0],
        ),
        (
            {"items": [{"title": "A", "count": 1}]},
            "INVALID_PARAMETER",
            "Price not set",
            "price",
            ["items", 0],
        ),
        ({"items": [{**ROW, "vat": 101}]}, "INVALID_PARAMETER", "invalid vat", "vat", ["items", 0]),
        ({"items": [{**ROW, "vat": 12.345}]}, "INVALID_PARAMETER", "invalid vat", "vat", ["items", 0]),
        ({"items": [{**ROW, "unit": "box"}]}, "INVALID_PARAMETER", "invalid unit", "unit", ["items", 0]),
        (
            {"items": [{**ROW, "title": "x" * 101}]},
            "INVALID_PARAMETER",
            "title too long, maximum 100 characters",
            "title",
            ["items", 0],
        ),
        (
            {"items": [{**ROW, "bookkeeping": {"x": 1}}]},
            "UNKNOWN_PARAMETER",
            "unexpected key: x",
            "x",
            ["items", 0, "bookkeeping"],
        ),
        # the first bad row wins, through all phases
        (
            {"items": [{**ROW, "title": ""}, {**ROW, "x": 1}]},
            "INVALID_PARAMETER",
            "Title not set",
            "title",
            ["items", 0],
        ),
        (
            {"items": [{**ROW, "x": 1, "count": "many"}]},
            "UNKNOWN_PARAMETER",
            "unexpected key: x",
            "x",
            ["items", 0],
        ),
        # all other levels come before rows, rows before references
        (
            {"items": [{**ROW, "x": 1}], "info": {"y": 1}},
            "UNKNOWN_PARAMETER",
            "unexpected key: y",
            "y",
            ["info"],
        ),
        (
            {"items": [{**ROW, "x": 1}], "due_days": 5, "due_date": "2026-03-03"},
            "INVALID_PARAMETER_COMBINATION",
            COMBINED,
            "due_days",
            [],
        ),
        (
            {"items": [{**ROW, "x": 1}], "customer": {"customer_no": 99}},
            "UNKNOWN_PARAMETER",
            "unexpected key: x",
            "x",
            ["items", 0],
        ),
        ({"due_date": "2026-03-01"}, "INVALID_PARAMETER", "invalid due date", "due_date", []),
        ({"due_days": 366}, "INVALID_PARAMETER", "invalid due days", "due_days", []),
        ({"due_days": -1}, "INVALID_PARAMETER", "invalid due days", "due_days", []),
        ({"invoice_date": "2026-02-30"}, "INVALID_PARAMETER", "invalid invoice date", "invoice_date", []),
        ({"invoice_date": "9999-12-31"}, "INVALID_PARAMETER", "invalid invoice date", "invoice_date", []),
        ({"invoice_date": 20260101}, "INVALID_PARAMETER", "invalid invoice date", "invoice_date", []),
        ({"currency": "sek"}, "INVALID_PARAMETER", "invalid currency", "currency", []),
        ({"invoice_fee": -1}, "INVALID_PARAMETER", "invalid invoice fee", "invoice_fee", []),
        (
            {"creditor_unique_value": "x" * 41},
            "INVALID_PARAMETER",
            "creditor unique value too long, maximum 40 characters",
            "creditor_unique_value",
            [],
        ),
        (
            {"info": {"message": "x" * 351}},
            "INVALID_PARAMETER",
            "message too long, maximum 350 characters",
            "message",
            ["info"],
        ),
        ({"callbacks": {"url": "ftp://x"}}, "INVALID_PARAMETER", "invalid url", "url", ["callbacks"]),
        (
            {"automatic_reminders_settings": [{"message": "x"}]},
            "INVALID_PARAMETER",
            "Delay days not set",
            "delay_days",
            ["automatic_reminders_settings", 0],
        ),
        (
            {"automatic_reminders_settings": [5]},
            "INVALID_PARAMETER",
            "invalid automatic reminders settings",
            "automatic_reminders_settings",
            [],
        ),
        ({"contract": [1]}, "INVALID_PARAMETER", "invalid contract", "contract", []),
        ({"invoice_no": 10**9}, "INVALID_PARAMETER", "invalid invoice no", "invoice_no", []),
        (
            {"on_success": {"command": "fly"}},
            "INVALID_PARAMETER",
            "invalid command",
            "command",
            ["on_success"],
        ),
        ({"on_success": {"command": ""}}, "INVALID_PARAMETER", "Command not set", "command", ["on_success"]),
        ({"state": "Paid"}, "READ_ONLY_PARAMETER", "read-only key: state", "state", []),
        ({"events": []}, "READ_ONLY_PARAMETER", "read-only key: events", "events", []),
        (
            {"regional_sweden": {"autogiro_status": "x"}},
            "READ_ONLY_PARAMETER",
            "read-only key: autogiro_status",
            "autogiro_status",
            ["regional_sweden"],
        ),
    ],
)
def test_what_is_refused(
    server: Server, sent: dict[str, Any], identifier: str, message: str, field: str, field_path: list[Any]
) -> None:
    body = {"customer": {"customer_no": server.customer()}, "items": [ROW]}
    image, position = server.image(), server.position()
    answer = server.post("/billogram", body | sent)
    assert answer.error == (identifier, {"message": message, "field": field, "field_path": field_path})
    assert answer.status == 400
    assert (server.image(), server.position()) == (image, position)


@pytest.mark.parametrize("sent", [{"_event": "sell"}, {"on_success": {"command": "sell"}}])
def test_made_and_sold(server: Server, sent: dict[str, Any]) -> None:
    body = {"customer": {"customer_no": server.customer()}, "items": [ROW]}
    position = server.position()
    made = server.post("/billogram", body | sent).data
    assert (made["state"], made["invoice_no"], len(made["ocr_number"])) == ("Factoring", None, 9)
    assert server.position() == position + 1
    server.mock("PATCH", "/accounts/test", {"features": {"factoring": False}})
    assert server.post("/billogram", body | sent).error[0] == "PERMISSION_DENIED"
    assert server.get("/billogram?page=1&page_size=1").json["meta"]["total_count"] == 1  # nothing was made


def test_the_customer_is_copied(server: Server) -> None:
    number = server.customer(
        name="Åsa", address={"street_address": "G 1", "zipcode": "1 2", "city": "Örebro", "attention": "x"}
    )
    plain = server.draft(customer={"customer_no": number})["customer"]
    assert (plain["name"], plain["address"]["city"], plain["address"]["zipcode"]) == ("Åsa", "ÖREBRO", "12")
    assert (plain["address"]["attention"], plain["email"]) == ("", "contact@example.com")
    sent = {
        "customer_no": str(number),
        "name": "Other",
        "email": "",
        "address": {"city": "malmö", "zipcode": "2 1"},
    }
    other = server.draft(customer=sent)["customer"]
    assert (other["name"], other["email"]) == ("Other", "")
    assert (other["address"]["city"], other["address"]["zipcode"]) == ("MALMÖ", "21")
    assert other["address"]["street_address"] == "G 1"
    assert server.get(f"/customer/{number}").data["name"] == "Åsa"
    copies = [each.recipient for each in server.state().billograms.values()]
    assert copies[0] is server.state().customers[number].copy  # shared as long as nothing overrides it


def test_a_unique_value_is_unique_for_ever(server: Server) -> None:
    key = server.draft(creditor_unique_value="u")["id"]
    body = {"customer": {"customer_no": 1}, "items": [ROW], "creditor_unique_value": "u"}
    expected = {
        "message": "Billogram with same creditor_unique_value already exists",
        "field": "creditor_unique_value",
        "field_path": None,
    }
    assert server.post("/billogram", body).error == ("INVALID_PARAMETER", expected)
    server.call("DELETE", f"/billogram/{key}")
    assert server.post("/billogram", body).error == ("INVALID_PARAMETER", expected)


def test_invoice_numbers_are_one_series_that_own_ones_raise(server: Server) -> None:
    assert server.sent()["invoice_no"] == 1
    own = server.draft(invoice_no=10)
    assert own["invoice_no"] == 10
    assert (
        server.get("/billogram?page=2&page_size=1").data[0]["invoice_no"] is None
    )  # lists: only after attest
    assert server.sent()["invoice_no"] == 11
    assert (
        server.post("/billogram", {"customer": {"customer_no": 1}, "items": [ROW], "invoice_no": 10}).error[
            1
        ]["field"]
        == "invoice_no"
    )
    assert server.command(own["id"], "send", {"method": "Email"}).data["invoice_no"] == 10
    assert server.sent(invoice_no=5)["invoice_no"] == 5
    assert server.sent()["invoice_no"] == 12


@pytest.mark.parametrize(("number", "length"), [(1, 16), (99999, 16), (100000, 17), (999_999_999, 20)])
def test_ocr_numbers_check_themselves(server: Server, number: int, length: int) -> None:
    ocr = server.sent(invoice_no=number)["ocr_number"]
    assert len(ocr) == length
    assert ocr[-2] == str(length % 10)
    assert luhn.is_valid(ocr)
    assert ocr[8:].startswith(f"{number:05d}")


def test_ids_have_no_look_alikes(server: Server) -> None:
    number = server.customer()
    keys = {server.draft(customer={"customer_no": number})["id"] for _ in range(50)}
    assert len(keys) == 50
    for key in keys:
        assert len(key) == 8
        assert key.isalnum()
        assert not set(key) & set("0158BDINOSeilo")


def test_a_refused_sending_leaves_nothing(server: Server) -> None:
    number = server.customer(contact={"email": ""})
    body = {
        "customer": {"customer_no": number},
        "items": [ROW],
        "creditor_unique_value": "u",
        "invoice_no": 9,
        "on_success": {"command": "send", "method": "Email"},
    }
    image = server.image()
    refused = server.post("/billogram", body)
    assert refused.error == ("INVALID_PARAMETER", {"message": "invalid delivery method, email missing"})
    assert server.image() == image
    made = server.post(
        "/billogram", {**body, "on_success": {"command": "send", "method": "DoNotNotify"}}
    ).data
    assert (made["invoice_no"], made["creditor_unique_value"]) == (9, "u")


def test_stand_alone_credits_need_their_feature(server: Server) -> None:
    back = [{"title": "Back", "count": -4, "price": 100, "vat": 25}]
    made = server.sent(items=back)
    assert (made["state"], made["total_sum"], made["remaining_sum"]) == ("Unpaid", -500, -500)
    assert [event["type"] for event in made["events"]] == ["BillogramCreated", "BillogramSent"]
    draft = server.draft(items=back)["id"]
    server.mock("PATCH", "/accounts/test", {"features": {"standalone_credits": False}})
    refused = server.post("/billogram", {"customer": {"customer_no": 1}, "items": back})
    assert (refused.status, refused.error[0]) == (403, "PERMISSION_DENIED")
    sending = server.command(draft, "send", {"method": "Email"})
    assert (sending.status, sending.error[0], sending.headers["mock-rule"]) == (
        403,
        "PERMISSION_DENIED",
        "feature.standalone_credits",
    )


def test_the_url_is_the_one_the_client_knows_the_server_by(server: Server) -> None:
    made = server.sent()
    assert made["url"] == made["recipient_url"]
    base, ocr, letters = made["url"].rsplit("/", 2)
    assert (base, ocr) == ("http://mock.test/r", made["ocr_number"])
    assert len(letters) == 5
    assert letters.isupper()


def test_only_the_newest_hundred_events_are_inside(server: Server) -> None:
    key = server.sent()["id"]
    for _ in range(110):
        answer = server.command(key, "payment", {"amount": 1})
    events = answer.data["events"]
    assert len(events) == 100
    assert events[-1]["data"]["remaining_sum"] == 15


def test_the_recorded_draft_has_the_same_keys_and_number_forms(server: Server) -> None:
    recorded = json.loads((RECORDED / "billogram-create.json").read_text(), parse_float=Decimal)["data"]
    server.customer(customer_no=23)
    rows = [
        {
            "item_no": 25,
            "count": 5,
            "discount": 0,
            "title": "cc",
            "description": "cc",
            "price": 12.0,
            "vat": 12,
            "unit": "hour",
        }
    ]
    made = server.draft(customer={"customer_no": 23}, items=rows, invoice_date="2013-11-14")
    ours = {
        # since 2018, 2020 and 2026 [C][D], and two texts that a new account has null
        "creditor_unique_value",
        "respite_date",
        "recipient_url",
        "contract",
        "show_item_gross_prices",
        "pdf",
        "sales_accepted",
    }
    assert set(made) - set(recorded) == ours
    assert set(recorded) <= set(made)
    for name in (
        "total_sum",
        "remaining_sum",
        "rounding_value",
        "reminder_fee",
        "interest_rate",
        "interest_fee",
    ):
        assert (made[name], type(made[name])) == (recorded[name], type(recorded[name]))
    assert made["detailed_sums"] == recorded["detailed_sums"]
    assert {n: type(v) for n, v in made["detailed_sums"].items()} == {
        n: type(v) for n, v in recorded["detailed_sums"].items()
    }
    row, old = made["items"][0], recorded["items"][0]
    assert {name: row[name] for name in old if name != "bookkeeping"} == {
        n: v for n, v in old.items() if n != "bookkeeping"
    }


def test_an_own_number_must_be_free_among_all_documents(server: Server) -> None:
    """First and later invoices, credit invoices, and numbers that drafts reserve (reference: api 8.2)."""
    key = server.sent()["id"]  # 1
    server.command(key, "credit", {"mode": "amount", "amount": 5})  # 2
    other = server.sent()["id"]  # 3
    more = {"items": [{**ROW, "price": 200}]}
    assert server.call("PUT", f"/billogram/{other}", more).status == 200  # 4: a later invoice
    less = {"items": [{**ROW, "price": 50}]}
    assert server.call("PUT", f"/billogram/{other}", less).status == 200  # 5: a credit invoice
    server.command(key, "resend", {})
    reserved = server.draft(invoice_no=9)["id"]
    body = {"customer": {"customer_no": 1}, "items": [ROW]}
    refused = {
        "message": "Billogram with same invoice_no already exists",
        "field": "invoice_no",
        "field_path": None,
    }
    for number in (1, 2, 3, 4, 5, 9):
        answer = server.post("/billogram", body | {"invoice_no": number})
        assert answer.error == ("INVALID_PARAMETER", refused), number
    for number in (6, 7, 8, 10):
        assert server.post("/billogram", body | {"invoice_no": number}).status == 200
    server.call("DELETE", f"/billogram/{reserved}")
    assert server.post("/billogram", body | {"invoice_no": 9}).status == 200
    assert server.sent()["invoice_no"] == 11
