"""The page of the timeline: groups of one cause, newest first, filtered and in pages."""

from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.ui.timeline import grouped
from tests.server import KEY, Server
from tests.ui.pages import PageReader, read

ACCOUNT = "demo"
PAGE = f"/_mock/ui/accounts/{ACCOUNT}/timeline"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(fixture="demo")
    made.mock("PUT", f"/accounts/{ACCOUNT}/callbacks", {"url": "mock:inbox"})
    yield made
    made.close()


def row(kind: str, cause: str, delivery: str = "") -> dict[str, Any]:
    return {"kind": kind, "cause": cause, "delivery": delivery}


def test_rows_of_one_cause_are_a_group_with_attempts_after_their_delivery() -> None:
    rows = [
        row("request", "a"),
        row("act", "a"),
        row("delivery", "a", "1"),
        row("delivery", "a", "2"),
        row("refusal", "b"),
        row("attempt", "a", "2"),
        row("attempt", "a", "1"),
        row("attempt", "c", "0"),
    ]
    groups = grouped(rows)
    assert [group.cause for group in groups] == ["c", "a", "b"]  # that with the newest row first
    order = [(each["kind"], each["delivery"]) for each in groups[1].rows]
    assert order == [
        ("request", ""),
        ("act", ""),
        ("delivery", "1"),
        ("attempt", "1"),
        ("delivery", "2"),
        ("attempt", "2"),
    ]


def test_a_request_its_act_its_webhooks_and_attempts(server: Server) -> None:
    body = {"customer": {"customer_no": 101}, "items": [{"title": "Row", "count": 1, "price": 1, "vat": 25}]}
    answer = server.post("/billogram", body, account=ACCOUNT, key=KEY)
    server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/wait", {"idle": True})
    page = read(server, PAGE)
    text = " ".join(page.text.split())
    assert "POST /api/v2/billogram BillogramCreated Unattested 1 webhook 1 delivered" in text
    targets = [target for _, target in page.links]
    pages = f"/_mock/ui/accounts/{ACCOUNT}"
    assert f"{pages}/requests/{answer.headers['mock-request-id']}" in targets
    assert f"{pages}/billograms/{answer.data['id']}" in targets
    assert any(target.startswith(f"{pages}/webhooks/") for target in targets)


def test_a_refusal_leads_to_its_request(server: Server) -> None:
    answer = server.get("/nowhere", account=ACCOUNT, key=KEY)
    page = read(server, f"{PAGE}?kind=refusal")
    assert "NOT_FOUND" in page.text
    assert any(target.endswith(answer.headers["mock-request-id"]) for _, target in page.links)


def test_filters(server: Server) -> None:
    found = server.mock("GET", f"/accounts/{ACCOUNT}/billograms?state=Overdue").json[0]["id"]
    other = server.mock("GET", f"/accounts/{ACCOUNT}/billograms?state=Paid").json[0]["id"]
    page = read(server, f"{PAGE}?billogram={found}")
    assert found in page.text
    assert other not in page.text
    assert "Nothing matches." in read(server, f"{PAGE}?billogram=none").text


def rows_of(page: PageReader) -> int:
    return sum("cause-" in each for each in page.ids)


def test_pages_have_at_most_a_thousand_rows(server: Server) -> None:
    page = read(server, PAGE)
    (older,) = [target for text, target in page.links if text == "Older"]
    before = {each for each in page.ids if each.startswith("cause-")}
    after = {each for each in read(server, PAGE + older).ids if each.startswith("cause-")}
    assert after
    assert (
        len(after & before) <= 2
    )  # the group that the page cuts, and the fixture: its first act and its last
    (most,) = [target for text, target in page.links if text == "Up to 1000 rows"]
    assert rows_of(page) < rows_of(read(server, PAGE + most))
    for rows in ("99999", "0", "x", "-1"):
        read(server, f"{PAGE}?rows={rows}")


def test_an_empty_timeline_says_how_to_fill_it(server: Server) -> None:
    page = read(server, "/_mock/ui/accounts/demo/timeline?kind=progress")
    assert "Nothing matches." in page.text
