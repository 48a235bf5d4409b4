"""The documents of a billogram, and their PDFs as files (reference: control 1)."""

import base64
from typing import Any

from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"
B = f"{A}/billograms"


def listed(server: Server, key: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.mock("GET", f"{B}/{key}/documents{query}").json
    return found


def story(server: Server) -> str:
    """Sent, credited in part without a letter, reminded."""
    late = {"invoice_date": "2026-01-01", "due_date": "2026-01-31", "reminder_fee": 0, "interest_rate": 0}
    key: str = server.sent(**late)["id"]
    server.command(key, "credit", {"mode": "amount", "amount": 25, "method": "DoNotNotify"})
    server.command(key, "remind", {"method": "SMS"})
    return key


def test_each_document(server: Server) -> None:
    key = story(server)
    found = listed(server, key)
    assert [(each["kind"], each["amount"], each["method"], each["channel"]) for each in found] == [
        ("invoice", 125, "Email", "Email"),
        ("credit", 25, "DoNotNotify", None),
        ("reminder", 100, "SMS", "SMS"),
    ]
    events = [event["data"] for event in server.get(f"/billogram/{key}").data["events"]]
    told = [(data["letter_id"], data["invoice_no"]) for data in events if data and "letter_id" in data]
    assert [(each["letter_id"], each["invoice_no"]) for each in found] == told
    outbox = server.mock("GET", f"{A}/outbox?billogram={key}").json
    assert [each["letter_id"] for each in found if each["channel"]] == [each["letter_id"] for each in outbox]
    letters = [each["letter_id"] for each in found]
    assert listed(server, key, "?limit=2") == found[1:]
    assert listed(server, key, f"?after={letters[0]}&before={letters[2]}") == [found[1]]
    assert listed(server, server.draft()["id"]) == []


def test_the_file_is_that_of_the_api(server: Server) -> None:
    key = story(server)
    for each in listed(server, key):
        answer = server.mock("GET", each["pdf"].removeprefix("/_mock"))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.body.startswith(b"%PDF-")
        shown = server.get(f"/billogram/{key}.pdf?letter_id={each['letter_id']}").data["content"]
        assert answer.body == base64.b64decode(shown)
        head = server.run(server.asgi("HEAD", each["pdf"]))
        assert (head.headers["content-length"], head.body) == (str(len(answer.body)), b"")


def test_the_file_is_there_before_the_api_has_it(server: Server) -> None:
    server.get("/settings")
    server.mock("PATCH", A, {"pdf_delay": "1h"})
    key = server.sent()["id"]
    (found,) = listed(server, key)
    assert (found["at"], found["available_at"]) == ("2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
    assert server.get(f"/billogram/{key}.pdf").status == 404
    assert server.mock("GET", found["pdf"].removeprefix("/_mock")).status == 200


def test_a_letter_of_another_billogram_is_not_there(server: Server) -> None:
    first, second = story(server), server.sent()["id"]
    letter = listed(server, first)[0]["letter_id"]
    assert server.mock("GET", f"{B}/{second}/documents/{letter}.pdf").status == 404
