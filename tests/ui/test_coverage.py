"""The page of coverage: bars, what was seen with an example, and what was not."""

import pytest

from mockserver.control.coverage import universe
from tests.server import ACCOUNT, Server
from tests.ui.pages import read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}/coverage"


@pytest.fixture
def shop(server: Server) -> Server:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "clock": {"mode": "frozen"}})
    return server


def test_an_account_that_exercised_nothing(shop: Server) -> None:
    page = read(shop, UI)
    assert "No client has exercised anything yet." in page.text
    assert f'curl -u {ACCOUNT}:"$KEY"' in page.text
    assert f"{len(universe()['operations'])} not seen" in page.text


def test_what_was_seen_leads_to_an_example(shop: Server) -> None:
    shop.sent()
    request = shop.get("/billogram/none").headers["mock-request-id"]
    page = read(shop, UI)
    links = {text: target for text, target in page.links if "/requests/" in target}
    assert links[f"{request}: object.exists"] == f"/_mock/ui{A}/requests/{request}"
    assert "No client has exercised" not in page.text
    shown = " ".join(page.text.split())
    assert f"Operations 2/{len(universe()['operations'])} " in shown
    for target in links.values():
        assert "POST /api/v2" in read(shop, target).text or "none" in read(shop, target).text


def test_every_group_has_a_link_to_its_lists(shop: Server) -> None:
    page = read(shop, UI)
    assert {f"#{name}" for name in universe()} <= {target for _, target in page.links}
    assert set(universe()) <= set(page.ids)
    for items in universe().values():
        assert all(item in page.text for item in items)


def test_what_the_clock_did_has_no_example(shop: Server) -> None:
    live = shop.run(shop.emulator.account(ACCOUNT))
    assert live is not None
    shop.app.coverage.add(ACCOUNT, ("event", "Overdue"), None)
    assert "Overdue1the clock" in read(shop, UI).text


def test_a_request_that_the_journal_does_not_have_is_no_link(shop: Server) -> None:
    key = shop.sent()["id"]
    moved = shop.mock("POST", f"{A}/payments", {"billogram": key}).headers["mock-request-id"]
    page = read(shop, UI)
    assert f"settled1{moved}" in page.text
    assert moved not in str(page.links)


def test_it_counts_anew_and_does_not_count_itself(shop: Server) -> None:
    shop.get("/settings")
    form = read(shop, UI).form(f"/_mock{A}/coverage", "DELETE")
    assert send(shop, UI, form.fields).headers["location"] == UI
    page = read(shop, UI)
    assert "No client has exercised anything yet." in page.text
    assert shop.mock("GET", f"{A}/coverage").json["percent"] == 0
