"""The pages of customers: the list, a new one, and what can be done with one."""

from collections.abc import Iterator

import pytest

from tests.server import KEY, Server
from tests.ui.pages import PageReader, read, send

PAGES = "/_mock/ui/accounts/demo/customers"
CONTROL = "/_mock/accounts/demo"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(fixture="demo")
    yield made
    made.close()


def test_the_list_and_its_search(server: Server) -> None:
    page = read(server, PAGES)
    assert [target for text, target in page.links if text == "Signe Påhittig"] == [f"{PAGES}/203"]
    assert "Signe" not in read(server, f"{PAGES}?search=101").text
    assert "No customer matches." in read(server, f"{PAGES}?search=nobody").text
    server.mock("POST", "/accounts", {"id": "fresh"})
    assert "curl -u fresh:$KEY" in read(server, "/_mock/ui/accounts/fresh/customers").text


def test_pages_of_the_list(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": "many", "key": KEY})
    for number in range(1, 62):
        body = {"name": f"Customer {number}", "customer_no": number}
        server.post("/customer", body, account="many", key=KEY)
    first = read(server, "/_mock/ui/accounts/many/customers")
    (older,) = [target for text, target in first.links if text == "Older"]
    names = [text for text, _ in read(server, "/_mock/ui/accounts/many/customers" + older).links]
    assert ("Customer 61" in first.text, "Customer 11" in names, "Customer 61" in names) == (
        True,
        True,
        False,
    )


def test_one_is_created_and_changed(server: Server) -> None:
    form = read(server, f"{PAGES}/new").form("/api/v2/customer")
    refused = send(server, f"{PAGES}/new", {**form.fields, "body.contact.email": "a@example.com"})
    assert refused.status == 422
    again = PageReader(refused.body.decode()).form("/api/v2/customer")
    assert again.fields["body.contact.email"] == "a@example.com"
    name = "<script>alert(1)</script> Åsa"
    made = send(server, f"{PAGES}/new", {**again.fields, "body.name": name, "body.address.city": "Lund"})
    assert made.status == 303
    location = made.headers["location"]
    page = read(server, location)
    assert name in page.text
    assert "Lund" in page.text
    assert "This customer has no billogram yet." in page.text
    change = page.form("/api/v2/customer/" + location.rpartition("/")[2], "PUT")
    assert change.fields["body.name"] == name
    assert send(server, location, {**change.fields, "body.notes": "pays late"}).status == 303
    assert "pays late" in read(server, location).text


def test_its_billograms_mandates_and_registration(server: Server) -> None:
    page = f"{PAGES}/203"
    shown = read(server, page)
    assert "Not registered." in shown.text
    own = server.mock("GET", "/accounts/demo/billograms?customer=203").json
    assert f"/_mock/ui/accounts/demo/billograms/{own[0]['id']}" in [target for _, target in shown.links]
    registered = send(server, page, shown.form("/api/v2/customer/203/einvoice").fields)
    assert registered.status == 303
    assert "registered" in read(server, page).text
    path = f"{CONTROL}/customers/203/simulate/enable-recurring"
    assert send(server, page, shown.form(path).fields).status == 303
    shown = read(server, page)
    assert "Automatic payment: autogiro" in shown.text
    mandate = next(each for each in shown.forms if "/payment-sources/" in each.fields.get("path", ""))
    assert send(server, page, {**mandate.fields, "body.status": "FAILED"}).status == 303
    assert "FAILED" in read(server, page).text


def test_what_the_bank_will_answer(server: Server) -> None:
    page = f"{PAGES}/201"
    assert "No plan" in read(server, page).text
    form = read(server, page).form(f"{CONTROL}/outcomes", "PUT")
    assert form.fields["body.match.customer_no"] == "201"
    plan = '["reject.AM04", {"then": "refund.MD06", "after": "20d"}]'
    assert send(server, page, {**form.fields, "body.plan": plan}).status == 303
    text = " ".join(read(server, page).text.split())
    assert "reject.AM04" in text
    assert "ok , then refund.MD06 after 20d" in text.replace("ok, then", "ok , then")
    bad = send(server, page, {**form.fields, "body.plan": "[reject.AM04]"})
    assert bad.status == 422
    assert "is not JSON" in bad.body.decode()


def test_one_that_is_not_there(server: Server) -> None:
    assert read(server, f"{PAGES}/999", 404)


def test_its_billing_tab(server: Server) -> None:
    page, items = f"{PAGES}/203", "/api/v2/customer/203/billing-tab/items"
    shown = read(server, page)
    assert "No active tab: the first row opens one." in shown.text
    form = shown.form(items)
    key = form.fields["header.X-API-Deduplication-ID"]
    name = "<b>Plan</b>"
    fields = {**form.fields, "body.billogram_item.title": name, "body.billogram_item.price": "12,50"}
    assert [send(server, page, fields).status for _ in range(2)] == [303, 303], "sent twice is one row"
    shown = read(server, page)
    assert name in shown.text
    assert [each["items"] for each in server.mock("GET", "/accounts/demo/tabs?customer=203").json] == [1]
    assert shown.form(items).fields["header.X-API-Deduplication-ID"] != key
    refused = send(server, page, {**fields, "body.billogram_item.price": "9"})
    assert refused.status == 422
    assert "X-API-Deduplication-ID already used" in PageReader(refused.body.decode()).text
    settings = shown.form("/api/v2/customer/203/billing-tab/settings", "PUT")
    assert settings.fields["body.billing_frequency"] == "monthly#1"
    sent = {**settings.fields, "body.billing_frequency": "daily", "body.delivery_method": "DoNotNotify"}
    assert send(server, page, sent).status == 303
    shown = read(server, page)
    assert "daily" in shown.text
    (tab,) = server.mock("GET", "/accounts/demo/tabs?customer=203").json
    (row,) = server.mock("GET", f"/accounts/demo/tabs/{tab['id']}").json["items"]
    path = f"/api/v2/customer/203/billing-tab/item/{row['item_id']}"
    assert send(server, page, shown.form(path, "DELETE").fields).status == 303
    assert "The tab is empty" in read(server, page).text
    send(server, page, {**fields, "header.X-API-Deduplication-ID": "another"})
    server.mock("POST", "/accounts/demo/clock/advance", {"by": "1d"})
    shown = read(server, page)
    assert "1 invoiced tab" in shown.text
    made = server.mock("GET", f"/accounts/demo/tabs/{tab['id']}").json["billogram"]
    assert f"/_mock/ui/accounts/demo/billograms/{made}" in [target for _, target in shown.links]
    follow = shown.form("/api/v2/customer/203/billing-tab/settings", "DELETE")
    assert send(server, page, follow.fields).status == 303
    send(server, page, {**fields, "header.X-API-Deduplication-ID": "third"})
    (tab,) = server.mock("GET", "/accounts/demo/tabs?customer=203&status=active").json
    discard = read(server, page).form(f"/api/v2/customer/203/billing-tab/{tab['id']}", "DELETE")
    assert send(server, page, discard.fields).status == 303
    assert "No active tab" in read(server, page).text
