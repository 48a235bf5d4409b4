"""The page of a billogram: every state of the demo, its drawings and its forms (reference: ui 2)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import ACCOUNT, Server
from tests.ui.pages import PageReader, load, read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}/billograms"
HOSTILE = "<script>alert(1)</script>\"'&\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 50


@pytest.fixture
def small() -> Iterator[Server]:
    server = Server()
    customer = {"customer_no": 1, "name": HOSTILE, "contact": {"email": "a@example.com"}}
    assert server.post("/customer", customer).status == 200
    yield server
    server.close()


def billograms(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.mock("GET", f"{A}/billograms?limit=1000").json
    return found


def made(server: Server, **more: Any) -> str:
    body = {
        "customer": {"customer_no": 1},
        "items": [{"title": HOSTILE[:40], "count": 1, "price": 100, "vat": 25}],
    }
    key: str = server.post("/billogram", body | more).data["id"]
    return key


SENT = {"on_success": {"command": "send", "method": "Email"}}


def test_a_page_of_each_state_shows_its_life(demo: Server) -> None:
    of_states = {each["state"]: each for each in billograms(demo)}
    assert len(of_states) > 12
    for shown in of_states.values():
        page = read(demo, f"{UI}/{shown['id']}")
        for event in shown["events"]:
            assert event["type"] in page.text
        for made_one in shown["internal"]["transitions"]:
            assert f"{made_one['before'] or 'New'} → {made_one['after']}" in " ".join(page.text.split())
        assert shown["customer"]["name"] in page.text
        assert len(page.ids) == len(set(page.ids)), "two elements have the same id"


def test_each_allowed_action_is_a_form_and_each_refused_one_has_its_reason(demo: Server) -> None:
    for shown in {each["state"]: each for each in billograms(demo)}.values():
        page = read(demo, f"{UI}/{shown['id']}")
        actions = demo.mock("GET", f"{A}/billograms/{shown['id']}/actions").json
        sent = [(each.fields.get("method"), each.fields.get("path")) for each in page.forms]
        for each in actions["allowed"]:
            assert (each["method"], each["path"]) in sent
        for each in actions["refused"]:
            assert each["rule"] in page.text
            assert each["reason"] in page.text


def test_a_form_is_sent_as_it_is_shown_and_leads_back(small: Server) -> None:
    key = made(small, **SENT)
    page = read(small, f"{UI}/{key}")
    form = form_of(page, "/payments")
    assert form["body.amount"] == "125"
    answer = send(small, f"{UI}/{key}", form)
    assert (answer.status, answer.headers["location"]) == (303, f"{UI}/{key}")
    page = read(small, f"{UI}/{key}")
    assert "Paid" in page.text
    payment = small.mock("GET", f"{A}/payments").json[0]["id"]
    assert any(target.endswith(f"/bank/{payment}") for _, target in page.links)


def test_what_is_refused_is_explained_in_place(small: Server) -> None:
    key = made(small, **SENT)
    form = form_of(read(small, f"{UI}/{key}"), "/command/payment")
    answer = send(small, f"{UI}/{key}", {**form, "body.amount": "0"})
    assert answer.status == 422
    page = PageReader(answer.body.decode())
    assert "Refused: nothing was changed" in page.text
    assert [each.fields["body.amount"] for each in page.forms if each.fields.get("key") == form["key"]] == [
        "0"
    ]


def test_a_draft_is_deleted_after_a_question(small: Server) -> None:
    key = made(small)
    source = load(small, f"{UI}/{key}").body.decode()
    assert "data-confirm=" in source
    form = next(each.fields for each in PageReader(source).forms if each.fields.get("method") == "DELETE")
    answer = send(small, f"{UI}/{key}", form)
    assert (answer.status, answer.headers["location"]) == (303, UI)
    assert read(small, f"{UI}/{key}", 404)


def test_hostile_values_are_text(small: Server) -> None:
    key = made(small, **SENT)
    source = load(small, f"{UI}/{key}").body.decode()
    assert "<script>alert" not in source
    assert HOSTILE in PageReader(source).text


def test_the_recipients_page_is_announced(small: Server) -> None:
    page = read(small, f"{UI}/{made(small, **SENT)}")
    assert "opening it counts as the recipient's first view" in page.text
    assert "opening it" not in read(small, f"{UI}/{made(small)}").text


def form_of(page: PageReader, path: str) -> dict[str, str]:
    """The first form of a path that ends so."""
    return next(each.fields for each in page.forms if each.fields.get("path", "").endswith(path))
