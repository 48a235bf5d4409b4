"""The page of faults."""

import re

from tests.server import ACCOUNT, Server
from tests.ui.pages import load, read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}/faults"


def test_faults_are_created_counted_and_removed(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    page = read(server, UI)
    assert "There is no fault" in page.text
    form = page.form(f"/_mock{A}/faults")
    assert form.fields["body.operation"] == "POST /billogram"
    typed = {"body.operation": "POST /customer", "body.fail": "status:503", "body.times": "1"}
    assert send(server, UI, form.fields | typed).headers["location"] == UI
    assert server.post("/customer", {"name": "A"}).status == 503
    assert server.post("/customer", {"name": "A"}).status == 200
    page = read(server, UI)
    assert "POST /customer status:503 the first (used up) 21" in " ".join(page.text.split())
    remove = page.form(f"/_mock{A}/faults", "DELETE")
    assert send(server, UI, remove.fields).headers["location"] == UI
    assert "There is no fault" in read(server, UI).text


def test_every_operation_that_can_be_chosen_is_accepted(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    source = read(server, UI)
    select = load(server, UI).body.decode().partition('name="body.operation"')[2].partition("</select>")[0]
    choices = re.findall(r"<option[^>]*>([^<]+)</option>", select)
    assert "POST /billogram/{id}/command/payment" in choices
    for each in choices:
        form = source.form(f"/_mock{A}/faults")
        assert send(server, UI, form.fields | {"body.operation": each}).status == 303, each
        server.mock("DELETE", f"{A}/faults")


def test_a_bad_fault_is_refused_and_keeps_what_was_typed(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    form = read(server, UI).form(f"/_mock{A}/faults")
    answer = send(server, UI, form.fields | {"body.latency": "soon"})
    assert answer.status == 422
    assert "latency" in answer.body.decode()
    assert b'value="soon"' in answer.body
