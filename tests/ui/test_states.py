"""Snapshots, forks, reset, deletion and comparison on the pages."""

from typing import Any
from urllib.parse import unquote

import pytest

from mockserver.ui.states import family
from tests.server import ACCOUNT, Server
from tests.ui.pages import load, read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}/states"


@pytest.fixture(autouse=True)
def account(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    server.customer(name="First AB")


def submitted(server: Server, path: str, target: str, method: str = "POST", **typed: str) -> str:
    """Fill in a form of a page and send it; returns the page that follows."""
    form = read(server, path).form(f"/_mock{target}", method)
    answer = send(server, path, form.fields | {f"body.{name}": value for name, value in typed.items()})
    assert answer.status == 303, answer.body.decode()
    return answer.headers["location"]


def test_a_snapshot_is_taken_restored_and_deleted(server: Server) -> None:
    assert "There is no snapshot" in read(server, UI).text
    assert submitted(server, UI, f"{A}/snapshots", name="before & after") == UI
    server.customer(name="Second AB")
    links = dict(read(server, UI).links)
    restore = unquote(links["Restore… before & after"])
    page = read(server, restore)
    assert "2 customers, 0 billograms, 3 acts" in page.text
    assert unquote(submitted(server, restore, f"{A}/snapshots", name="later")) == restore
    assert submitted(server, restore, f"{A}/snapshots/before%20%26%20after/restore") == UI
    assert server.mock("GET", A).json["counts"]["customers"] == 1
    forget = unquote(links["Delete… before & after"])
    assert submitted(server, forget, f"{A}/snapshots/before%20%26%20after", "DELETE") == UI
    assert [each["name"] for each in server.mock("GET", f"{A}/snapshots").json] == ["later"]


def test_a_taken_name_is_refused_in_place(server: Server) -> None:
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    form = read(server, UI).form(f"/_mock{A}/snapshots")
    answer = send(server, UI, form.fields | {"body.name": "s"})
    assert answer.status == 422
    assert "there is a snapshot s already" in answer.body.decode()
    assert b'value="s"' in answer.body


def test_a_reset_asks_and_may_load_a_fixture(server: Server) -> None:
    page = f"{UI}/reset"
    assert submitted(server, page, f"{A}/snapshots", name="kept") == page
    assert submitted(server, page, f"{A}/reset") == UI
    assert server.mock("GET", A).json["counts"]["customers"] == 0
    assert "kept" in read(server, UI).text
    assert submitted(server, page, f"{A}/reset", fixture="sepa") == UI
    assert server.mock("GET", A).json["counts"]["customers"] > 0


def test_an_account_is_deleted_and_a_fork_may_be_kept(server: Server) -> None:
    page = f"{UI}/delete"
    assert submitted(server, page, f"{A}/fork") == page
    assert submitted(server, page, A, "DELETE") == "/_mock/ui/"
    assert [each["id"] for each in server.mock("GET", "/accounts").json] == [f"{ACCOUNT}-copy"]
    kept = read(server, f"/_mock/ui/accounts/{ACCOUNT}-copy/states").text
    assert f"{ACCOUNT} no longer there" in " ".join(kept.split())


def test_forks_are_a_tree_with_links(server: Server) -> None:
    assert submitted(server, UI, f"{A}/fork", id="child") == "/_mock/ui/accounts/child/states"
    child = "/_mock/ui/accounts/child/states"
    assert submitted(server, child, "/accounts/child/fork", id="old", at="1").endswith("/old/states")
    links = read(server, "/_mock/ui/accounts/old/states").links
    assert (ACCOUNT, UI) in links
    assert ("child", child) in links


def account_of(name: str, origin: str | None = None) -> dict[str, Any]:
    return {"id": name, "forked_from": origin and {"id": origin, "position": 1}}


def test_a_circle_of_forks_ends() -> None:
    """The id of a deleted account was used again, for a fork of its own fork."""
    tree = family([account_of("a", "b"), account_of("b", "a")], "a")
    assert (tree.id, [each.id for each in tree.forks], tree.forks[0].forks) == ("b", ["a"], [])
    alone = family([account_of("a", "a")], "a")
    assert (alone.id, alone.forks) == ("a", [])


def test_two_states_stand_side_by_side(server: Server) -> None:
    page = f"{UI}/diff"
    assert "nothing to compare with" in read(server, page).text
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    assert "Both states are the same" in read(server, f"{page}?against=snapshot:s").text
    server.call("PUT", "/customer/1", {"name": "<b>New"})
    server.customer(name="Second AB")
    found = read(server, f"{page}?against=snapshot:s")
    words = " ".join(found.text.split())
    assert "customer 1 name<b>NewFirst AB" in words
    assert "customer 2 the whole objectexists" in words
    assert ("customer 2", f"/_mock/ui{A}/customers/2") in found.links
    other = read(server, f"{page}?against=snapshot:s&kind=account").text
    assert "First AB" not in other


def test_a_snapshot_that_is_not_there_is_not_found(server: Server) -> None:
    assert "no snapshot gone" in read(server, f"{UI}/diff?against=snapshot:gone", 404).text
    assert load(server, "/_mock/ui/accounts/nobody/states").status == 404
