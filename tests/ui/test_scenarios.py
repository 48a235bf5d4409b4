"""The pages of scenarios: the library, and runs step by step."""

from typing import Any

from tests.server import ACCOUNT, Server
from tests.ui.pages import PageReader, read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}/scenarios"


def run(server: Server, name: str, key: str, **typed: str) -> tuple[int, PageReader]:
    """Fill in the form of a workflow and send it; returns what the page shows then."""
    path = f"{UI}/{name}"
    (form,) = [each for each in read(server, path).forms if each.fields.get("key") == key]
    answer = send(server, path, form.fields | {f"text.inputs.{each}": typed[each] for each in typed})
    return answer.status, PageReader(answer.body.decode())


def test_the_library_is_listed_with_links(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    links = dict(read(server, UI).links)
    for each in server.mock("GET", "/scenarios").json:
        assert links[each["title"]] == f"{UI}/{each['name']}"


def test_a_run_is_shown_step_by_step_beside_the_source(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    before = read(server, f"{UI}/nothing-to-pay")
    assert "workflowId: nothing-to-pay" in before.text
    assert "resets" not in before.text
    status, page = run(server, "nothing-to-pay", "nothing-to-pay")
    assert status == 200
    words = " ".join(page.text.split())
    assert "Run of nothing-to-pay: passed 4 of 4 steps" in words
    assert "POST /api/v2/customer 200" in words
    assert "$statusCode == 200" in words
    assert "Basic" not in words.partition("Run of")[2].partition("Source, as Arazzo")[0]


def test_a_scenario_that_resets_the_account_says_so_and_offers_a_snapshot(server: Server) -> None:
    server.customer()
    page = read(server, f"{UI}/pay-in-parts")
    assert f"resets {ACCOUNT}" in page.text
    assert page.form(f"/_mock{A}/snapshots").fields["body.name"] == ""
    status, page = run(server, "pay-in-parts", "pay-in-parts")
    assert status == 200
    assert "Run of pay-in-parts: passed" in " ".join(page.text.split())


def test_inputs_are_fields_and_a_bad_one_is_refused_in_its_form(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret"})
    status, page = run(server, "refund-recall", "take-back", billogram="00000000")
    assert status == 200
    words = " ".join(page.text.split())
    assert "Run of take-back: failed" in words  # it was sent as text, though it has digits alone
    assert "00000000" in words
    status, page = run(server, "refund-recall", "take-back")
    assert status == 422
    assert "wants the input billogram" in " ".join(page.text.split())
    rules = [each["rule"] for each in server.mock("GET", f"{A}/timeline?kind=act").json]
    assert "reset" not in rules  # the other workflow of the scenario needs no input


def test_operations_of_a_scenario_include_those_of_its_workflows(server: Server) -> None:
    found: dict[str, Any] = server.mock("GET", "/scenarios/refund-recall").json
    outer, inner = found["workflows"]
    assert {"resetAccount", "createBillogram", *inner["operations"]} <= set(outer["operations"])
    assert "resetAccount" not in inner["operations"]
