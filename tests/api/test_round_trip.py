"""GET, then PUT of the same object: 200, and nothing has changed (reference: api 1.8)."""

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.server import Server

# what a client that knows the documentation drops before it sends an object back
READ_ONLY = {
    "id",
    "ocr_number",
    "state",
    "url",
    "recipient_url",
    "flags",
    "events",
    "delivery_method",
    "total_sum",
    "remaining_sum",
    "rounding_value",
    "invoice_fee_vat",
    "interest_fee",
    "reminder_count",
    "respite_date",
    "detailed_sums",
    "offers",
    "sales_accepted",
    "created_at",
    "updated_at",
    "attested_at",
    "links",
    "creditor_unique_value",
    "invoice_no",
}
RICH: dict[str, Any] = {
    "items": [
        {"item_no": "36", "count": "0.333333", "price": "12.345678", "vat": "12.5", "discount": "0.5",
         "title": "A", "unit": "kwh", "external_id": "e",
         "bookkeeping": {"objects": [{"dimension_id": 20, "object_id": "o"}]},
         "regional_sweden": {"rotavdrag": True, "electricity_collection": {"anlid": "a"}}},
        {"title": "Text", "count": 0, "price": 0, "vat": 0},
    ],
    "invoice_date": "2026-01-15", "due_date": "2028-01-01", "invoice_fee": "10.5", "currency": "EUR",
    "info": {"order_no": 5, "message": "Hej", "order_date": "2026-01-01"},
    "regional_sweden": {"rotavdrag": 10, "reversed_vat": False, "efaktura_requested_amount": "12",
                        "edi": {"electronic_id": "e"}, "electricity_collection": {"natom": "n"}},
    "callbacks": {"url": "https://example.com/x", "custom": "c"}, "creditor_unique_value": "u",
    "automatic_reminders_settings": [{"delay_days": 5, "message": "m"}],
    "automatic_collection": {"delay_days": 4, "amount": 100}, "contract": {"a": 1.5}, "invoice_no": 77,
}  # fmt: skip
DRAFTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rich": RICH,
    "no reminders": {"automatic_reminders_settings": []},
    "credit": {"items": [{"title": "Back", "count": -1, "price": 10, "vat": 25}]},
}


@pytest.mark.parametrize("sent", [False, True], ids=["draft", "open"])
@pytest.mark.parametrize("less", [False, True], ids=["whole", "without read-only"])
@pytest.mark.parametrize("name", DRAFTS)
def test_a_billogram_sent_back(server: Server, name: str, less: bool, sent: bool) -> None:
    number = server.customer(
        delivery_address={"street_address": "D"}, address={"careof": "c/o", "city": "Åmål"}
    )
    overridden = {"customer_no": number, "phone": "1"} if name == "rich" else {"customer_no": number}
    made = server.draft(customer=overridden, **DRAFTS[name])
    if sent:
        server.command(made["id"], "send", {"method": "Email"})
    path = f"/billogram/{made['id']}"
    before = server.get(path).data
    position = server.position()
    body = {key: value for key, value in before.items() if not (less and key in READ_ONLY)}
    after = server.call("PUT", path, body)
    assert after.data == before
    assert server.get(path).data == before
    assert server.position() == position  # nothing happened
    for key, value in body.items():  # and each member by itself
        assert server.call("PUT", path, {key: value}).data == before, key
    assert server.position() == position


@pytest.mark.parametrize("less", [False, True])
def test_a_customer_and_an_item_sent_back(server: Server, less: bool) -> None:
    number = server.customer(delivery_address={"address_line_1": "D"}, language="sv", edi={"operator": "o"})
    server.post(
        "/item", {"title": "A", "price": 1, "vat": 0, "unit": "day", "regional_sweden": {"rotavdrag": False}}
    )
    for path in (f"/customer/{number}", "/item/1"):
        before = server.get(path).data
        body = {key: value for key, value in before.items() if not (less and key in READ_ONLY)}
        after = server.call("PUT", path, body).data
        assert after == {**before, "updated_at": "2026-03-02 09:00:00"}
        assert server.call("PUT", path, after).data == after


def in_other_forms(value: Any) -> Any:
    """The same object as loosely typed clients keep it: numbers as text, times as ISO timestamps."""
    match value:
        case dict():
            return {name: in_other_forms(member) for name, member in value.items()}
        case list():
            return [in_other_forms(member) for member in value]
        case int() | Decimal() if not isinstance(value, bool):
            return str(value)
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value):
            return value.replace(" ", "T") + ".000Z"
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return value + "T00:00:00.000Z"
    return value


@pytest.mark.parametrize("sent", [False, True], ids=["draft", "open"])
def test_all_of_it_sent_back_in_other_forms(server: Server, sent: bool) -> None:
    """What is read for a writable member is also the stored value of a read-only one (api 1.6, 1.8)."""
    customer = server.customer()
    made = server.draft(customer={"customer_no": customer}, **RICH | {"contract": None})
    if sent:
        server.command(made["id"], "send", {"method": "Email"})
        server.command(made["id"], "respite", {"date": "2028-01-20"})
    server.post("/item", {"title": "A", "price": 1, "vat": 0, "unit": "day"})
    for path in (f"/billogram/{made['id']}", f"/customer/{customer}", "/item/1"):
        before = server.get(path).data
        after = server.call("PUT", path, in_other_forms(before)).data
        assert {**after, "updated_at": None} == {**before, "updated_at": None}
        moment = before["created_at"]
        for value in ("", moment, moment.replace(" ", "T") + "Z", moment.replace(" 09:", "T10:") + "+01:00"):
            assert server.call("PUT", path, {"created_at": value}).status == 200, value
        for value in ("x", moment[:10], moment + "x", 5, True, moment.replace(" ", "T") + "+01:00"):
            error = server.call("PUT", path, {"created_at": value}).error
            assert (error[0], error[1]["field"]) == ("READ_ONLY_PARAMETER", "created_at"), value
    for value in ("1e400", "x", True, "-1", "0.005"):
        assert server.call("PUT", f"/billogram/{made['id']}", {"total_sum": value}).status == 400, value


def test_settings_sent_back(server: Server) -> None:
    server.call(
        "PUT",
        "/settings",
        {
            "bookkeeping": {"objects": [{"dimension_id": 1, "object_id": "x"}]},
            "invoices": {"automatic_reminders": [{"delay_days": 1}]},
        },
    )
    before = server.get("/settings").data
    position = server.position()
    assert server.call("PUT", "/settings", before).data == before
    assert server.position() == position


@pytest.mark.parametrize(
    ("sent", "path", "shown"),
    [
        ({"due_days": 10}, "due_date", "2026-03-12"),
        ({"due_date": "2026-03-12"}, "due_days", 10),
        ({"invoice_date": "2026-02-01"}, "due_date", "2026-03-03"),
        ({"invoice_date": "2026-02-01", "due_date": "2026-04-01"}, "due_date", "2026-03-03"),  # stored
        ({"invoice_date": None}, "invoice_date", "2026-03-02"),
        ({"due_days": None}, "due_days", 30),
        ({"reminder_fee": 5}, "reminder_fee", 5),
        ({"reminder_fee": None}, "reminder_fee", 60),
        ({"currency": "EUR"}, "currency", "EUR"),
        ({"info": {"order_no": "1"}}, "info.order_no", "1"),
        ({"info": None}, "info.order_no", None),
        ({"callbacks": {"custom": "c"}}, "callbacks.custom", "c"),
        ({"items": [{"title": "New", "count": 2, "price": 10, "vat": 0}]}, "total_sum", 20),
        ({"items": None}, "total_sum", 125),
        ({"customer": {"name": "Other"}}, "customer.name", "Other"),
        ({"customer": {"name": "Other", "address": {"city": "malmö"}}}, "customer.address.city", "MALMÖ"),
        ({"customer": {"customer_no": 2}}, "customer.name", "Second"),
        ({"customer": {"customer_no": 2, "name": "X"}}, "customer.name", "X"),
        ({"automatic_reminders": True}, "automatic_reminders", True),
        ({"automatic_reminders_settings": [{"delay_days": 1}]}, "automatic_reminders", True),
        ({"contract": {"x": 1}}, "contract", {"x": 1}),
        ({"pdf": {"template": "t"}}, "pdf.template", "t"),
        ({"on_success": None, "events": [], "flags": ["anything"]}, "flags", []),
    ],
)  # fmt: skip
def test_what_a_put_changes_on_a_draft(server: Server, sent: dict[str, Any], path: str, shown: Any) -> None:
    made = server.draft()
    server.customer(name="Second")
    changed = server.call("PUT", f"/billogram/{made['id']}", sent).data
    value: Any = changed
    for step in path.split("."):
        value = value[step]
    assert value == shown
    assert changed["events"] == made["events"]  # a PUT on a draft adds no event [R]
    assert server.get(f"/billogram/{made['id']}").data == changed
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("sent", "identifier", "field"),
    [
        ({"state": "Paid"}, "READ_ONLY_PARAMETER", "state"),
        ({"id": "other"}, "READ_ONLY_PARAMETER", "id"),
        ({"total_sum": 1}, "READ_ONLY_PARAMETER", "total_sum"),
        ({"creditor_unique_value": "x"}, "READ_ONLY_PARAMETER", "creditor_unique_value"),
        ({"invoice_no": 5}, "READ_ONLY_PARAMETER", "invoice_no"),
        ({"on_success": {"command": "send"}}, "READ_ONLY_PARAMETER", "on_success"),
        ({"_event": "sell"}, "READ_ONLY_PARAMETER", "_event"),
        ({"regional_sweden": {"autogiro_status": "x"}}, "READ_ONLY_PARAMETER", "autogiro_status"),
        ({"colour": 1, "state": "Paid"}, "UNKNOWN_PARAMETER", "colour"),
        ({"currency": "x", "state": "Paid"}, "INVALID_PARAMETER", "currency"),
        ({"due_days": 5, "due_date": "2026-05-01"}, "INVALID_PARAMETER_COMBINATION", "due_days"),
        ({"customer": {"customer_no": 99}}, "INVALID_PARAMETER", "customer_no"),
        ({"items": [{"title": "", "count": 1}]}, "INVALID_PARAMETER", "title"),
        ({"items": []}, "INVALID_PARAMETER", "items"),
    ],
)
def test_what_a_put_refuses(server: Server, sent: dict[str, Any], identifier: str, field: str) -> None:
    key = server.draft()["id"]
    image, position = server.image(), server.position()
    answer = server.call("PUT", f"/billogram/{key}", sent)
    assert (answer.error[0], answer.error[1]["field"]) == (identifier, field)
    assert (server.image(), server.position()) == (image, position)


def test_a_sent_one_keeps_what_sending_settled(server: Server) -> None:
    key = server.sent()["id"]
    server.customer()
    for sent, field in (({"currency": "EUR"}, "currency"), ({"customer": {"customer_no": 2}}, "customer_no")):
        answer = server.call("PUT", f"/billogram/{key}", sent)
        assert (answer.error[0], answer.error[1]["field"]) == ("READ_ONLY_PARAMETER", field)
    assert server.call("PUT", f"/billogram/{key}", {"info": {"message": "new"}}).status == 200
    server.command(key, "payment", {"amount": 125})
    late = server.call("PUT", f"/billogram/{key}", {"state": "x"})
    assert late.error[0] == "INVALID_OBJECT_STATE"  # before what is read-only


def test_a_draft_may_not_become_a_credit_without_the_feature(server: Server) -> None:
    key = server.draft()["id"]
    server.mock("PATCH", "/accounts/test", {"features": {"standalone_credits": False}})
    rows = [{"title": "Back", "count": -1, "price": 10, "vat": 0}]
    assert server.call("PUT", f"/billogram/{key}", {"items": rows}).error[0] == "PERMISSION_DENIED"


def test_customers_are_changed(server: Server) -> None:
    number = server.customer()
    made = server.draft(customer={"customer_no": number})
    path = f"/customer/{number}"
    changed = server.call(
        "PUT", path, {"name": "New", "address": {"address_line_1": "Other"}, "contact": {"phone": None}}
    ).data
    assert (changed["name"], changed["address"]["street_address"], changed["contact"]["phone"]) == (
        "New",
        "Other",
        "",
    )
    assert changed["contact"]["name"] == "Test Customer AB"
    assert server.call("PUT", path, {"contact": {"name": None}}).data["contact"]["name"] == "New"
    assert (
        server.call("PUT", path, {"address": {"country": None}, "company_type": None}).data["address"][
            "country"
        ]
        == "SE"
    )
    moved = server.call("PUT", path, {"customer_no": 50}).data
    assert moved["customer_no"] == 50
    assert server.get(path).status == 404
    assert server.get("/customer/50").data == moved
    assert server.get(f"/billogram/{made['id']}").data == made
    other = server.customer()
    assert other == 51
    taken = server.call("PUT", "/customer/51", {"customer_no": 50})
    assert taken.error[1]["message"] == "Customer with same customer_no already exists"
    assert server.call("PUT", "/customer/51", {"created_at": "x"}).error[0] == "READ_ONLY_PARAMETER"
    assert server.call("PUT", "/customer/51", {"name": ""}).error[1]["message"] == "Name not set"
    assert server.call("PUT", "/customer/99", {}).status == 404
    assert server.fold().image() == server.image()


def test_events_of_a_billogram(server: Server) -> None:
    key = server.sent()["id"]
    for _ in range(120):
        server.command(key, "message", {"message": "m"})
    found = f"filter_type=field&filter_field=billogram_id&filter_value={key}"
    first = server.get(f"/billogram_event?{found}")
    assert (len(first.data), first.json["meta"]["total_count"]) == (25, 122)
    assert [event["type"] for event in first.data[:2]] == ["BillogramCreated", "BillogramSent"]
    assert {event["billogram_id"] for event in first.data} == {key}
    last = server.get(
        f"/billogram_event?{found}&page_size=100&order_field=created_at&order_direction=desc"
    ).data
    assert last[0]["event_uuid"] == server.get(f"/billogram/{key}").data["events"][-1]["event_uuid"]
    assert server.get("/billogram_event").error[1]["field"] == "filter_field"
    assert (
        server.get(
            "/billogram_event?filter_type=field-prefix&filter_field=billogram_id&filter_value=x"
        ).status
        == 400
    )
    assert (
        server.get("/billogram_event?filter_type=field&filter_field=billogram_id&filter_value=none").data
        == []
    )


def test_reports_are_none_yet(server: Server) -> None:
    assert server.get("/report?page=1&page_size=100").json == {
        "status": "OK",
        "meta": {"total_count": 0},
        "data": [],
    }
    assert server.get("/report").error[0] == "MISSING_QUERY_PARAMETER"
    assert server.get("/report/ff").error == ("NOT_FOUND", {"message": "no report with id=ff was found"})
