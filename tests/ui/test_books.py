"""The pages of the books: vouchers, reports as files, offers with their sales."""

from typing import Any

from tests.server import ACCOUNT, Server
from tests.ui.pages import load, read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui/accounts/{ACCOUNT}/books"


def test_the_vouchers_of_a_month(demo: Server) -> None:
    shown = demo.mock("GET", f"{A}/vouchers?month=2026-02").json
    page = read(demo, f"{UI}?month=2026-02")
    assert shown["vouchers"]
    for voucher in shown["vouchers"]:
        assert f"{shown['series']} {voucher['number']}" in page.text
        assert voucher["text"] in page.text
    for balance in shown["balances"]:
        assert balance["account"] in page.text
    assert f"{UI}/reports/2026-02_sie4.si" in [target for _, target in page.links]


def test_a_report_is_a_file(demo: Server) -> None:
    answer = load(demo, f"{UI}/reports/2026-02_sie4.si")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert answer.body == demo.mock("GET", f"{A}/reports/2026-02_sie4.si").body
    assert load(demo, f"{UI}/reports/none.si").status == 404


def test_reports_are_made_by_a_form(server: Server) -> None:
    server.sent()
    page = read(server, UI)
    form = page.form(f"/_mock{A}/reports").fields
    answer = send(server, UI, form)
    assert answer.status == 303
    assert len(server.mock("GET", f"{A}/reports").json) == 4
    refused = send(server, UI, {**form, "body.to": "2030-01"})
    assert refused.status == 422
    assert "has not begun" in refused.body.decode()


def test_an_account_without_a_voucher_says_how_to_get_one(server: Server) -> None:
    server.customer()
    page = read(server, UI)
    assert "No voucher yet" in page.text
    assert "No report yet" in page.text
    assert "No offer yet" in read(server, f"{UI}/offers").text


def test_offers_show_who_accepted_them(demo: Server) -> None:
    page = read(demo, f"{UI}/offers")
    offers: list[dict[str, Any]] = demo.mock("GET", f"{A}/offers").json
    assert {each["offer_id"] for each in offers} == {"oppethus", "skotsel"}
    for offer in offers:
        assert offer["title"] in page.text
    (sale,) = next(each["sales"] for each in offers if each["sales"])
    targets = [target for _, target in page.links]
    assert f"/_mock/ui/accounts/{ACCOUNT}/billograms/{sale['billogram']}" in targets
    assert f"/_mock/ui/accounts/{ACCOUNT}/customers/{sale['customer_no']}" in targets


def test_an_offer_is_created_and_changed_by_forms(server: Server) -> None:
    server.customer()
    page = read(server, f"{UI}/offers")
    forms = [each.fields for each in page.forms if each.fields.get("path") == "/api/v2/offer"]
    assert len(forms) == 2
    for form in forms:
        filled = {**form, "body.title": "A title", "body.text": "A text"}
        assert send(server, f"{UI}/offers", filled).status == 303
    assert [each["type"] for each in server.mock("GET", f"{A}/offers").json] == ["sale", "banner"]
    change = read(server, f"{UI}/offers").form("/api/v2/offer/banner1", "PUT").fields
    assert send(server, f"{UI}/offers", {**change, "body.title": "Another"}).status == 303
    assert server.get("/offer/banner1").data["title"] == "Another"
