"""The overview of an account, and the search (reference: ui 1, 2)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from mockserver.control import overview as control_overview
from mockserver.ui import account, drawings
from tests.server import ACCOUNT, KEY, Server
from tests.ui.pages import load, read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}"


@pytest.fixture
def empty() -> Iterator[Server]:
    server = Server()
    assert server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY}).status == 201
    yield server
    server.close()


def test_the_overview_shows_states_months_and_what_is_next(demo: Server) -> None:
    page = read(demo, UI)
    shown = demo.mock("GET", f"{A}/overview").json
    for each in shown["states"]:
        assert (f"{each['state']} {each['count']}", f"{UI}/billograms?state={each['state']}") in page.links
    for each in shown["currencies"][0]["months"]:
        assert each["month"] in page.text
    for each in demo.mock("GET", f"{A}/agenda").json:
        assert each["reason"] in page.text
    assert len(page.ids) == len(set(page.ids))


def test_an_empty_account_says_how_to_fill_it(empty: Server) -> None:
    page = read(empty, UI)
    for words in ("There is no billogram yet", "Nothing has been invoiced", "Nothing is planned"):
        assert words in page.text
    assert "curl -u" in page.text


def test_go_there_moves_the_clock(empty: Server) -> None:
    empty.post("/customer", {"customer_no": 1, "name": "A", "contact": {"email": "a@example.com"}})
    row = {"title": "Work", "count": 1, "price": 100, "vat": 25}
    sent = {"command": "send", "method": "Email"}
    empty.post("/billogram", {"customer": {"customer_no": 1}, "items": [row], "on_success": sent})
    due = empty.mock("GET", f"{A}/agenda").json[0]["at"]
    page = read(empty, UI)
    form = next(each.fields for each in page.forms if each.fields.get("body.to"))
    assert form["body.to"] == due
    answer = send(empty, UI, form)
    assert (answer.status, answer.headers["location"]) == (303, UI)
    assert empty.mock("GET", f"{A}/clock").json["now"] == due


def test_refusals_of_clients_and_failed_webhooks_are_shown(empty: Server) -> None:
    empty.post("/billogram", {})
    request = empty.mock("GET", f"{A}/requests").json[-1]["id"]
    page = read(empty, UI)
    assert f"{UI}/requests/{request}" in [target for _, target in page.links]
    assert "No webhook has failed" in page.text


@pytest.mark.parametrize("name", ["id", "invoice_no", "ocr_number"])
def test_the_only_match_is_opened(demo: Server, name: str) -> None:
    wanted = demo.mock("GET", f"{A}/billograms?state=Overdue").json[0]
    answer = load(demo, f"{UI}/search?q={wanted[name]}")
    assert (answer.status, answer.headers["location"]) == (303, f"{UI}/billograms/{wanted['id']}")


@pytest.mark.parametrize(("text", "place"), [("203", "customers/203"), ("Vallmo HB", None)])
def test_customers_are_found_by_number_and_name(demo: Server, text: str, place: str | None) -> None:
    answer = load(demo, f"{UI}/search?q={text.replace(' ', '+')}")
    if place is not None:
        assert answer.headers["location"] == f"{UI}/{place}"
    else:
        assert b"customers/103" in answer.body


def test_several_matches_are_listed_and_none_is_said(demo: Server) -> None:
    page = read(demo, f"{UI}/search?q=ekby")
    assert len([target for _, target in page.links if "/billograms/" in target]) > 1
    assert "Nothing matches" in read(demo, f"{UI}/search?q=nowhere").text
    assert "Search by id" in read(demo, f"{UI}/search?q=").text
    assert b"<script>alert" not in load(demo, f"{UI}/search?q=%3Cscript%3Ealert(1)").body


def test_labels_never_overlap_nor_cross_lines() -> None:
    labels = [drawings.Label(float(x), "words of a label") for x in (0, 5, 5, 60, 61, 200, 800)]
    rows = drawings.stack(labels)
    assert rows == 1 + max(each.row for each in labels)
    for each in labels:
        for other in labels:
            if each is not other and each.x <= other.x < each.end:
                assert each.row != other.row
                if each.x < other.x:
                    assert each.row > other.row, "the line to the other label would cross these words"


@pytest.mark.parametrize("values", [(0, 0), (1, 3), (43000, -300), (-5, -1), ("0.01", 0)])
def test_bars_stay_within_the_chart(values: tuple[int | str, int]) -> None:
    months = [{"month": "2026-03", "paid": Decimal(each)} for each in values]
    chart = drawings.chart(months, {"paid": "paid"})
    top, bottom = min(y for y, _ in chart.lines), max(y for y, _ in chart.lines)
    assert len(chart.lines) <= 8
    for bar in chart.bars:
        assert bar.height >= 0
        assert top <= bar.y
        assert bar.y + bar.height <= bottom + 0.2


def test_a_page_does_not_wait_for_the_sums_of_many_billograms(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sent()
    added = asyncio.Event()

    async def slow(rows: Sequence[Any]) -> AsyncIterator[Sequence[Any]]:
        await added.wait()
        yield rows

    monkeypatch.setattr(control_overview, "sliced", slow)
    monkeypatch.setattr(account, "_PATIENCE", 0)
    page = read(server, UI)
    assert "This takes some seconds" in page.text
    assert "The sums follow" in page.text
    added.set()
    monkeypatch.setattr(account, "_PATIENCE", 60)
    page = read(server, UI)
    assert "This takes some seconds" not in page.text
    assert "Unpaid 1" in " ".join(page.text.split())
