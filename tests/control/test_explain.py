"""Explanations: what they say is true, as each step that they name is carried out (reference: control 1)."""

import subprocess
import sys
from typing import Any

import pytest

from mockserver.control.reasons import EVIDENCE, TOPICS
from tests.api.test_refusals import rules_of_the_source
from tests.api.test_state_by_command import BODIES, CELLS, NAMES, STATES, reach
from tests.control.test_refusals import MANDATE
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server

A = f"/accounts/{ACCOUNT}"
LATE = {"invoice_date": "2026-01-01", "due_date": "2026-01-31"}
BACK = {"items": [{"title": "Back", "count": -1, "price": 100, "vat": 25}]}
NO_ADDRESS: dict[str, Any] = {"contact": {}, "address": {}}


def explained(server: Server, refused: Answer) -> Any:
    """The explanation of a refusal."""
    assert refused.status >= 400, refused.body
    answer = server.mock("GET", refused.headers["mock-explain"].removeprefix("/_mock"))
    assert answer.status == 200, answer.body
    return answer.json


def carry_out(server: Server, steps: list[dict[str, Any]]) -> None:
    """Do what a way says, word by word: every step must succeed."""
    for step in steps:
        assert step["why"]
        body = NO_BODY if step["body"] is None else step["body"]
        path: str = step["path"]
        if path.startswith("/_mock/"):
            done = server.mock(step["method"], path.removeprefix("/_mock"), body)
        else:
            done = server.call(step["method"], path.removeprefix("/api/v2"), body)
        assert done.status in (200, 201), (step, done.body)


def asked(server: Server, command: str, key: str, body: Any = None, **more: Any) -> Answer:
    """A row of the table of commands."""
    if command == "delete":
        return server.call("DELETE", f"/billogram/{key}", **more)
    path = f"/billogram/{key}" if command == "put" else f"/billogram/{key}/command/{command}"
    return server.call("PUT" if command == "put" else "POST", path, {} if body is None else body, **more)


def named(step: dict[str, Any]) -> str:
    """The command of a step of the API."""
    last: str = step["path"].rpartition("/command/")[2]
    return last if "/command/" in step["path"] else str(step["method"]).lower()


# the table


def test_each_rule_has_a_text_of_its_own() -> None:
    rows = [(rule, reason) for rows in TOPICS.values() for rule, reason in rows.items()]
    assert sorted(rule for rule, _ in rows) == sorted(rules_of_the_source() - {"value.*"})
    for rule, reason in rows:
        assert len(reason.why) > 30, rule
        assert len(reason.do) > 8, rule
        assert reason.tags, rule
        assert set(reason.tags) <= set(EVIDENCE), rule
        assert ("{}" in reason.why) is rule.endswith(".*"), rule
        assert reason.why[0].islower() or reason.why.split()[0] in ("SEPA", "Billogram", "{}"), rule
        assert not reason.why.endswith("."), rule
    assert len({reason.why for _, reason in rows}) == len(rows)


# what is allowed now


@pytest.mark.parametrize("state", STATES)
def test_what_is_allowed_is_accepted_and_all_else_refused(server: Server, state: str) -> None:
    customer = server.customer()
    reach(server, "back", customer)
    key = reach(server, state, customer)
    found = explained(server, server.command(key, "message", {}))["allowed"]["commands"]
    allowed = {named(step): step for step in found}
    assert list(allowed) == [name for name in ALL if name in allowed]
    assert set(allowed) == {command for command, of, cell in CELLS if of == state and cell == "ok"}
    for number, step in enumerate(found):
        fork = f"fork{number}"
        assert server.mock("POST", f"{A}/fork", {"id": fork}).status == 201
        done = asked(server, named(step), key, step["body"], account=fork)
        assert done.status == 200, (step, done.body)


ALL = [
    *("delete", "put", "send", "sell", "resend", "remind", "collect", "payment", "settle-underpayment"),
    *("credit", "writeoff", "writedown", "revert-writedown", "confirmed-loss", "respite", "remove-respite"),
    *("message", "attach", "credit-payment", "credit-allocate"),
]


# how to get there

CLOSED = {"paid", "credited", "zero", "lost", "closed", "sold"}
CREDIT = {"back", "back-draft"}
SENT = set(STATES) - {"draft", "back-draft"}
# from where no way leads to a command; from everywhere else one does
NO_WAY: dict[str, set[str]] = dict.fromkeys(NAMES, CLOSED | CREDIT) | {
    "put": CLOSED,
    "delete": SENT,
    "send": SENT,
    "sell": SENT,
    "resend": CLOSED,
    "credit": {"credited", "zero", "lost"} | CREDIT,
    "credit-payment": set(STATES) - CREDIT,
}


@pytest.mark.parametrize(
    ("command", "state"), [(command, state) for command, state, cell in CELLS if cell != "ok"]
)
def test_how_to_get_there_gets_there(server: Server, command: str, state: str) -> None:
    customer = server.customer()
    source = reach(server, "back", customer)
    key = reach(server, state, customer)
    body = BODIES.get(command, {})
    if command == "credit-allocate":
        body = {"amount": 10, "source_id": source}
    image, position = server.image(), server.position()
    found = explained(server, asked(server, command, key, body))
    assert (server.image(), server.position()) == (image, position)
    assert found["state"]["billogram"] == key
    assert found["advice"]
    assert bool(found["how"]) is (state not in NO_WAY[command])
    if found["how"]:
        last = found["how"][-1]
        assert named(last) == command
        if command != "delete":
            assert last["body"] == body
        carry_out(server, found["how"])
    else:
        carry_out(server, found["instead"])


# ways that the table does not walk: features, days, money, data


def switched_off(server: Server, **features: bool) -> None:
    server.mock("PATCH", A, {"features": features})


def without_collection(server: Server) -> Answer:
    key = server.sent(**LATE)["id"]
    switched_off(server, collection=False)
    return server.command(key, "collect")


def draft_without_collection(server: Server) -> Answer:
    key = server.draft()["id"]
    switched_off(server, collection=False)
    return server.command(key, "collect")


def without_factoring(server: Server) -> Answer:
    key = server.draft()["id"]
    switched_off(server, factoring=False)
    return server.command(key, "sell")


def credit_not_to_be_sent(server: Server) -> Answer:
    key = server.draft(**BACK)["id"]
    switched_off(server, standalone_credits=False)
    return server.command(key, "send", {"method": "Email"})


def credit_not_to_be_made(server: Server) -> Answer:
    number = server.customer()
    switched_off(server, standalone_credits=False)
    return server.post("/billogram", {"customer": {"customer_no": number}, **BACK})


def draft_not_to_be_turned(server: Server) -> Answer:
    key = server.draft()["id"]
    switched_off(server, standalone_credits=False)
    return server.call("PUT", f"/billogram/{key}", BACK)


def reminded_today(server: Server) -> Answer:
    key = server.sent(**LATE)["id"]
    server.command(key, "remind")
    return server.command(key, "remind")


def reminded_by_the_clock(server: Server) -> Answer:
    """At 08:00 of the next day the second automatic one comes: the way leads to before it."""
    steps = [{"delay_days": 1}, {"delay_days": 1}]
    key = server.sent(automatic_reminders=True, automatic_reminders_settings=steps)["id"]
    server.mock("POST", f"{A}/clock/advance", {"to": "2026-04-02T09:00:00+02:00"})
    return server.command(key, "remind")


def nobody_to_remind(server: Server) -> Answer:
    number = server.customer(**NO_ADDRESS)
    on_success = {"command": "send", "method": "DoNotNotify"}
    key = server.draft(customer={"customer_no": number}, on_success=on_success, **LATE)["id"]
    return server.command(key, "remind")


def nowhere_to_send(server: Server) -> Answer:
    number = server.customer(**NO_ADDRESS)
    key = server.draft(customer={"customer_no": number})["id"]
    return server.command(key, "send", {"method": "Letter"})


def no_registration(server: Server) -> Answer:
    return server.command(server.draft()["id"], "send", {"method": "Einvoice"})


def paid_by_debit(server: Server) -> Answer:
    """Money of a direct debit can come back, and opens the billogram again."""
    key = server.sent(currency="EUR")["id"]
    server.mock("POST", f"{A}/payments", {"billogram": key, "amount": 125, "scheme": "SEPA_DIRECT_DEBIT"})
    return server.command(key, "payment", {"amount": 1})


def paid_and_not_to_be_changed(server: Server) -> Answer:
    key = server.sent(currency="EUR")["id"]
    server.post("/sepa_dd_mandate", MANDATE | {"customer_no": 1})
    server.mock("POST", f"{A}/payments", {"billogram": key, "amount": 125, "scheme": "SEPA_DIRECT_DEBIT"})
    return server.call("PUT", f"/billogram/{key}", {"info": {"message": "Hello"}})


def credit_that_is_a_draft(server: Server) -> Answer:
    debit = server.sent()
    source = server.draft(customer={"customer_no": 1}, **BACK)["id"]
    return server.command(debit["id"], "credit-allocate", {"amount": 10, "source_id": source})


def no_credit_at_all(server: Server) -> Answer:
    return server.command(server.sent()["id"], "credit-allocate", {"amount": 10, "source_id": "none"})


def no_credit_and_none_allowed(server: Server) -> Answer:
    key = server.draft()["id"]
    switched_off(server, standalone_credits=False)
    return server.command(key, "credit-allocate", {"amount": 10, "source_id": "none"})


def with_a_mandate(server: Server) -> Answer:
    """The debit is collected on the due date: only before it fails is there something to remind of."""
    server.customer()
    server.post("/sepa_dd_mandate", MANDATE | {"customer_no": 1})
    server.mock("PUT", f"{A}/outcomes", {"match": None, "plan": ["reject.AM04"]})
    key = server.sent(customer={"customer_no": 1}, currency="EUR")["id"]
    return server.command(key, "remind")


def pdf_in_an_hour(server: Server) -> Answer:
    server.get("/settings")
    server.mock("PATCH", A, {"pdf_delay": "1h"})
    return server.get(f"/billogram/{server.sent()['id']}.pdf")


def struck(server: Server) -> Answer:
    server.mock("POST", f"{A}/faults", {"fail": "status:503"}) if server.get("/settings").data else None
    return server.post("/customer", {"name": "A"})


# each with the paths of its steps, from their last segment
FACTS: list[tuple[Any, list[str]]] = [
    (without_collection, [ACCOUNT, "collect"]),
    (draft_without_collection, ["send", ACCOUNT, "advance", "collect"]),
    (without_factoring, [ACCOUNT, "sell"]),
    (credit_not_to_be_sent, [ACCOUNT, "send"]),
    (credit_not_to_be_made, [ACCOUNT, "billogram"]),
    (draft_not_to_be_turned, [ACCOUNT, "PUT"]),
    (reminded_today, ["advance", "remind"]),
    (reminded_by_the_clock, ["advance", "remind"]),
    (nobody_to_remind, ["PUT", "remind"]),
    (nowhere_to_send, ["PUT", "send"]),
    (no_registration, ["send"]),
    (paid_by_debit, ["recall", "payment"]),
    (paid_and_not_to_be_changed, ["recall", "PUT"]),
    (credit_that_is_a_draft, ["send", "credit-allocate"]),
    (no_credit_at_all, ["billogram", "credit-allocate"]),
    (no_credit_and_none_allowed, ["send", ACCOUNT, "billogram", "credit-allocate"]),
    (with_a_mandate, ["advance", "remind"]),
    (pdf_in_an_hour, ["advance", "pdf"]),
    (struck, ["faults", "customer"]),
]


@pytest.mark.parametrize(("story", "steps"), FACTS, ids=[story.__name__ for story, _ in FACTS])
def test_a_fact_is_mended(server: Server, story: Any, steps: list[str]) -> None:
    refused = story(server)
    image = server.image()
    found = explained(server, refused)
    assert server.image() == image
    shown = []
    for step in found["how"]:
        last = step["path"].replace(".pdf", "/pdf").rpartition("/")[2]
        shown.append("PUT" if step["method"] == "PUT" else last)
    assert shown == steps
    carry_out(server, found["how"])


def test_on_a_live_clock_too() -> None:
    server = Server(clock="live")
    try:
        for _ in range(2):
            key = server.sent()["id"]
            found = explained(server, server.command(key, "remind"))
            assert [step["path"].rpartition("/")[2] for step in found["how"]] == ["advance", "remind"]
            carry_out(server, found["how"])
    finally:
        server.close()


def test_where_the_steps_of_others_count_too(server: Server) -> None:
    """A payment over two billograms is taken back from both."""
    first, second = (server.sent(customer={"customer_no": server.customer()}, currency="EUR") for _ in "12")
    shares = [{"billogram": each["id"], "amount": 125} for each in (first, second)]
    server.mock(
        "POST", f"{A}/payments", {"amount": 250, "scheme": "SEPA_DIRECT_DEBIT", "allocations": shares}
    )
    carry_out(
        server, explained(server, server.command(first["id"], "respite", {"date": "2026-12-31"}))["how"]
    )
    assert server.get(f"/billogram/{second['id']}").data["state"] == "Unpaid"


# what was compared, and what would be right

SHOVEL = {"mode": "items", "items": [{"title": "Row", "count": -5}]}
VALUES: list[tuple[str, Any, dict[str, Any]]] = [
    ("payment", {"amount": 126}, {"above": 0, "at_most": 125}),
    ("credit", {"mode": "amount", "amount": 300}, {"above": 0, "at_most": 125}),
    ("credit", {"mode": "half"}, {"one_of": ["full", "items", "amount", "remaining", "rest", "principal"]}),
    ("credit", SHOVEL, {"below": 0}),
    ("respite", {"date": "2026-03-01"}, {"after": "2026-04-01"}),
    ("send", {}, {"one_of": ["Unattested"]}),
    ("attach", {"filename": "", "content": "x"}, {"form": {"type": "string", "minLength": 1}}),
]


@pytest.mark.parametrize(("command", "body", "values"), VALUES)
def test_the_values_that_would_be_right(
    server: Server, command: str, body: Any, values: dict[str, Any]
) -> None:
    found = explained(server, server.command(server.sent()["id"], command, body))
    assert found["allowed"]["values"] == values


def test_the_smaller_of_two_bounds(server: Server) -> None:
    source = server.sent(items=[{"title": "Back", "count": -1, "price": 40, "vat": 0}])
    debit = server.sent(customer={"customer_no": 1})["id"]
    for amount, values in ((41, {"above": 0, "at_most": 40}), (0, {"above": 0})):
        refused = server.command(debit, "credit-allocate", {"amount": amount, "source_id": source["id"]})
        assert explained(server, refused)["allowed"]["values"] == values


def test_the_form_of_a_member(server: Server) -> None:
    number = server.customer()
    body = {
        "customer": {"customer_no": number},
        "items": [{"title": "A", "count": 1, "price": 1, "vat": 101}],
    }
    found = explained(server, server.post("/billogram", body))
    assert (found["field"], found["field_path"]) == ("vat", ["items", 0])
    assert found["allowed"]["values"]["form"] | {"type": ["number"]} == {
        "type": ["number"],
        "minimum": 0,
        "maximum": 100,
    }
    assert found["state"] is None
    assert (found["how"], found["instead"], found["allowed"]["commands"]) == ([], [], [])
    found = explained(server, server.get("/billogram?page=0&page_size=5"))
    assert found["allowed"]["values"]["form"]["minimum"] == 1


def test_all_of_one(server: Server) -> None:
    key = server.sent(due_date="2026-03-20")["id"]
    refused = server.command(key, "remind", {"method": "Email"})
    found = explained(server, refused)
    (tag,) = found["evidence"]
    assert tag == {"tag": "A", "meaning": EVIDENCE["A"]}
    assert found.pop("why").startswith("remind is only possible when the due date has passed")
    assert found.pop("allowed")["values"] == {}
    for name in ("evidence", "advice"):
        del found[name]
    path = f"/api/v2/billogram/{key}/command/remind"
    assert found == {
        "id": refused.headers["mock-request-id"],
        "method": "POST",
        "path": path,
        "status": 400,
        "error": "INVALID_OBJECT_STATE",
        "rule": "not_due.remind",
        "topic": "Reminders, respite, collection",
        "message": "it is not due yet: the due date is 2026-03-20",
        "field": None,
        "field_path": None,
        "condition": {
            "must": "today > due_date",
            "values": {"due_date": "2026-03-20", "today": "2026-03-02"},
        },
        "state": {
            "billogram": key,
            "public": "Unpaid",
            "internal": "Unpaid",
            "remaining_sum": 125,
            "due_date": "2026-03-20",
            "respite_date": None,
            "flags": [],
            "now": "2026-03-02T10:00:00+01:00",
        },
        "how": [
            {
                "method": "POST",
                "path": f"/_mock{A}/clock/advance",
                "body": {"to": "2026-03-21T00:05:00+01:00"},
                "why": "move the clock past the due date 2026-03-20",
            },
            {"method": "POST", "path": path, "body": {"method": "Email"}, "why": "accepted then"},
        ],
        "instead": [],
        "near": [],
    }


def test_it_is_about_now(server: Server) -> None:
    """The journal has what was; the state, and what is allowed, are those of when it is asked for."""
    key = server.draft()["id"]
    refused = server.command(key, "payment", {"amount": 5})
    server.command(key, "send", {"method": "Email"})
    found = explained(server, refused)
    assert found["condition"]["values"]["state"] == "Unattested"
    assert found["state"]["public"] == "Unpaid"
    assert [step["why"] for step in found["how"]] == ["accepted now"]


def test_a_billogram_that_is_gone(server: Server) -> None:
    key = server.draft()["id"]
    server.call("DELETE", f"/billogram/{key}")
    for refused in (server.command(key, "payment", {"amount": 5}), server.get("/billogram/never")):
        found = explained(server, refused)
        assert (found["rule"], found["state"], found["how"]) == ("object.exists", None, [])


# near misses

CUSTOMER = "/customer"
NEAR: list[tuple[str, str, Any, list[str]]] = [
    # unknown paths
    ("GET", "/billograms", NO_BODY, ["/api/v2/billogram"]),
    ("GET", "/customers/1", NO_BODY, ["/api/v2/customer/1"]),
    ("GET", "/setting", NO_BODY, ["/api/v2/settings"]),
    ("POST", "/billogram/{draft}/commands/send", {}, ["/api/v2/billogram/{draft}/command/send"]),
    ("POST", "/billogram/{draft}/send", {}, ["/api/v2/billogram/{draft}/command/send"]),
    ("GET", "/billogram/{draft}/attachments.pdf", NO_BODY, ["/api/v2/billogram/{draft}/attachment.pdf"]),
    ("GET", "/billogram-event", NO_BODY, ["/api/v2/billogram_event"]),
    ("GET", "/nowhere", NO_BODY, []),
    ("GET", "/invoices", NO_BODY, []),
    ("GET", "/", NO_BODY, []),
    # commands
    ("POST", "/billogram/{draft}/command/remove_respite", {}, ["remove-respite"]),
    ("POST", "/billogram/{draft}/command/write-off", {}, ["writeoff", "writedown"]),
    ("POST", "/billogram/{draft}/command/Send", {}, ["send", "resend"]),
    ("POST", "/billogram/{draft}/command/fly", {}, []),
    # keys
    ("POST", CUSTOMER, {"nane": "A"}, ["name"]),
    ("POST", CUSTOMER, {"name": "A", "email": "a@example.com"}, ["contact.email"]),
    ("POST", CUSTOMER, {"name": "A", "address": {"zip_code": "1"}}, ["zipcode", "delivery_address.zipcode"]),
    ("POST", CUSTOMER, {"name": "A", "colour": "red"}, []),
    ("POST", "/billogram", {"dueDate": "2026-12-31"}, ["due_date"]),
    ("PUT", "/billogram/{draft}", {"invoiceDate": "2026-12-31"}, ["invoice_date"]),
    ("POST", "/billogram/{draft}/command/send", {"methods": "Email"}, ["method"]),
    # words
    ("POST", "/billogram/{draft}/command/send", {"method": "email"}, ["Email"]),
    ("POST", "/billogram/{sent}/command/credit", {"mode": "Full"}, ["full"]),
    ("POST", "/billogram/{sent}/command/credit", {"mode": "x"}, []),
    # queries
    ("GET", "/customer?page=1&pagesize=5", NO_BODY, ["page_size"]),
    ("GET", "/customer?page=1", NO_BODY, []),
    ("GET", "/customer?page=1&page_size=5&order_field=Name", NO_BODY, ["name"]),
    (
        "GET",
        "/billogram?page=1&page_size=5&filter_type=field&filter_field=duedate&filter_value=x",
        NO_BODY,
        ["due_date"],
    ),
    ("GET", "/billogram?page=1&page_size=5&filter_type=field&filter_field=color&filter_value=x", NO_BODY, []),
]


@pytest.mark.parametrize(("method", "path", "body", "near"), NEAR)
def test_did_you_mean(server: Server, method: str, path: str, body: Any, near: list[str]) -> None:
    ids = {"draft": server.draft()["id"], "sent": server.sent()["id"]}
    for name, key in ids.items():
        path = path.replace(f"{{{name}}}", key)
        near = [each.replace(f"{{{name}}}", key) for each in near]
    found = explained(server, server.call(method, path, body))["near"]
    assert found[: len(near)] == near
    assert near or not found


# what can't be explained


def test_only_refusals_are(server: Server) -> None:
    done = server.get("/settings").headers["mock-request-id"]
    for key, status, code in ((done, 409, "not_refused"), ("none", 404, "unknown_request")):
        answer = server.mock("GET", f"{A}/requests/{key}/explain")
        assert (answer.status, answer.json["error"]["code"]) == (status, code)
        assert answer.json["error"]["hint"]
    assert "mock-explain" not in server.get("/settings").headers


def test_a_reset_takes_them_away(server: Server) -> None:
    path = server.get("/nowhere").headers["mock-explain"].removeprefix("/_mock")
    assert server.mock("GET", path).status == 200
    server.mock("POST", f"{A}/reset")
    assert server.mock("GET", path).json["error"]["code"] == "unknown_request"


def test_the_path_of_an_account_with_an_odd_name(server: Server) -> None:
    name = "å b?#%"
    refused = server.get("/nowhere", account=name)
    path = refused.headers["mock-explain"]
    assert path.isascii()
    assert "?" not in path
    key = refused.headers["mock-request-id"]
    assert path == f"/_mock/accounts/%C3%A5%20b%3F%23%25/requests/{key}/explain"


def test_who_has_no_account_gets_none(server: Server) -> None:
    for path, status in (("/api/v2/settings", 401), ("/elsewhere", 404)):
        answer = server.run(server.asgi("GET", path))
        assert answer.status == status
        assert "mock-explain" not in answer.headers
    server.get("/settings")
    assert "mock-explain" not in server.get("/settings", key=f"not {KEY}").headers


def test_who_does_not_ask_pays_nothing() -> None:
    """Neither the table nor the search is loaded by a refusal."""
    program = """
import sys
from tests.server import Server
server = Server()
refused = server.get("/nowhere")
names = ("explained", "remedies", "suggestions", "reasons", "dry_run")
print([name for name in names if f"mockserver.control.{name}" in sys.modules])
server.mock("GET", refused.headers["mock-explain"].removeprefix("/_mock"))
print([name for name in names if f"mockserver.control.{name}" in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[]",
        "['explained', 'remedies', 'suggestions', 'reasons']",
    ]
