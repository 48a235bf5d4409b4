"""The pages of the request journal: what was sent and answered, why it was refused, and the ways out."""

from collections.abc import Iterator

import pytest

from tests.server import KEY, NO_BODY, Answer, Server
from tests.ui.pages import PageReader, load, read, send

ACCOUNT = "demo"
PAGES = f"/_mock/ui/accounts/{ACCOUNT}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(fixture="demo")
    yield made
    made.close()


def call(server: Server, method: str, path: str, body: object = None) -> Answer:
    return server.call(method, path, NO_BODY if body is None else body, account=ACCOUNT, key=KEY)


def request_page(server: Server, answer: Answer) -> PageReader:
    return read(server, f"{PAGES}/requests/{answer.headers['mock-request-id']}")


def billogram(server: Server, state: str) -> str:
    found = server.mock("GET", f"/accounts/{ACCOUNT}/billograms?state={state}").json
    name: str = found[0]["id"]
    return name


def test_the_list_has_requests_of_clients_newest_first(server: Server) -> None:
    call(server, "GET", "/settings")
    refused = call(server, "POST", f"/billogram/{billogram(server, 'Unpaid')}/command/send")
    page = read(server, f"{PAGES}/requests")
    names = [text for text, _ in page.links if "/api/v2/" in text]
    assert names[0].startswith("POST /api/v2/billogram/")
    assert names[1] == "GET /api/v2/settings"
    status, data = refused.error
    assert status in page.text
    assert data["message"] in page.text


def test_what_the_dashboard_sends_is_left_out(server: Server) -> None:
    read(server, f"{PAGES}/customers/101")  # reads the registration for e-invoices from the API
    call(server, "GET", "/settings")
    path = "/api/v2/customer/101/einvoice"
    assert path not in read(server, f"{PAGES}/requests").text
    assert path in read(server, f"{PAGES}/requests?sender=dashboard").text
    assert path in read(server, f"{PAGES}/requests?sender=all").text
    timeline = server.mock("GET", f"/accounts/{ACCOUNT}/timeline?kind=refusal&tail=50").json
    assert path not in [row["path"] for row in timeline]


def test_filters(server: Server) -> None:
    call(server, "GET", "/settings")
    call(server, "GET", "/nowhere")
    refused = read(server, f"{PAGES}/requests?refused=true").text
    assert "/api/v2/nowhere" in refused
    assert "/api/v2/settings" not in refused
    assert "/api/v2/nowhere" not in read(server, f"{PAGES}/requests?error=INVALID_PARAMETER").text
    assert "No request matches." in read(server, f"{PAGES}/requests?status=418").text


def test_pages_of_the_list(server: Server) -> None:
    for _ in range(51):
        call(server, "GET", "/settings")
    first = read(server, f"{PAGES}/requests")
    (older,) = [target for text, target in first.links if text == "Older"]
    second = read(server, f"{PAGES}/requests{older}")
    assert "Newest" in [text for text, _ in second.links]
    ids = [target for _, target in first.links if "/requests/" in target]
    assert len(ids) == 50
    assert not set(ids) & {target for _, target in second.links}


def test_a_request_shows_both_bodies_and_what_it_did(server: Server) -> None:
    page = request_page(server, call(server, "POST", "/customer", {"name": "Åsa <b>"}))
    assert '"name": "Åsa <b>"' in page.text
    assert '"status": "OK"' in page.text
    assert "customer.create" in page.text


def test_a_refusal_is_explained_and_each_way_out_is_a_button(server: Server) -> None:
    """The first button does what the explanation says, and leads to the billogram."""
    name = billogram(server, "Unpaid")
    answer = call(server, "POST", f"/billogram/{name}/command/payment", {"amount": 10_000_000})
    page = request_page(server, answer)
    for text in ("Why it was refused", "payment.amount", "amount = 10000000", "at most:"):
        assert text in page.text
    path = f"/api/v2/billogram/{name}/command/payment"
    form = next(each for each in page.forms if each.fields.get("key", "").startswith("step"))
    assert (form.fields["path"], [each.text for each in form.buttons]) == (path, ["Do it"])
    sent = send(server, f"{PAGES}/requests/{answer.headers['mock-request-id']}", form.fields)
    assert (sent.status, sent.headers["location"]) == (303, f"{PAGES}/billograms/{name}")


def test_a_request_can_be_corrected_and_sent_again(server: Server) -> None:
    name = billogram(server, "Overdue")
    answer = call(server, "POST", f"/billogram/{name}/command/payment", {"amount": 10_000_000})
    path = f"{PAGES}/requests/{answer.headers['mock-request-id']}"
    form = next(
        each for each in read(server, path).forms if "body.amount" in each.fields and "key" not in each.fields
    )
    assert form.fields["body.amount"] == "10000000"
    again = send(server, path, {**form.fields, "body.amount": "9999999"})
    assert again.status == 422
    shown = PageReader(again.body.decode())
    typed = [each.fields.get("body.amount") for each in shown.forms if "key" not in each.fields]
    assert "9999999" in typed
    assert len(shown.ids) == len(set(shown.ids))
    assert send(server, path, {**form.fields, "body.amount": "1"}).status == 303


def test_what_is_not_json_or_is_cut_is_shown_as_text(server: Server) -> None:
    page = request_page(server, call(server, "POST", "/customer", b"{<script>"))
    assert "{<script>" in page.text
    page = request_page(server, call(server, "POST", "/customer", b'{"name": "' + b"x" * 20_000 + b'"}'))
    assert "20012 bytes in all." in page.text


def test_an_unknown_request_and_an_empty_journal(server: Server) -> None:
    assert "request" in read(server, f"{PAGES}/requests/none", 404).text
    server.mock("POST", "/accounts", {"id": "fresh"})
    page = read(server, "/_mock/ui/accounts/fresh/requests")
    assert "curl -u fresh:$KEY" in page.text


def test_no_page_has_an_id_twice(server: Server) -> None:
    answer = call(server, "POST", f"/billogram/{billogram(server, 'Paid')}/command/send")
    for path in ("requests", f"requests/{answer.headers['mock-request-id']}", "clock", "customers/101"):
        ids = read(server, f"{PAGES}/{path}").ids
        assert sorted(ids) == sorted(set(ids)), path
    assert load(server, f"{PAGES}/timeline").status == 200
