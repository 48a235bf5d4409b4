"""What a PUT does to a sent billogram (reference: behaviour 3.4, 2.2, 2.4; api 1.8)."""

import base64
from typing import Any

import pytest

from tests.server import Server, charge

ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
BASE = {"invoice_date": "2026-03-02"}


def put(server: Server, key: str, body: dict[str, Any]) -> Any:
    return server.call("PUT", f"/billogram/{key}", body)


def told(server: Server, key: str) -> list[tuple[str, str]]:
    return [(type(each).__name__, each.state) for each in server.state().billograms[key].events]


# paid before, new price -> events with their shown state, remaining, paid_sum, total, state, liability
TOTALS: list[tuple[int, int, list[tuple[str, str]], int, int, int, str, int]] = [
    (0, 160, [("DataChange", "Unpaid"), ("InvoiceSent", "Unpaid")], 200, 0, 200, "Unpaid", 0),
    (0, 80, [("DataChange", "Unpaid"), ("Credit", "Unpaid")], 100, 0, 100, "Unpaid", 0),
    (
        *(0, 0, [("DataChange", "Unpaid"), ("Credit", "Unpaid"), ("BillogramEnded", "Credited")]),
        *(0, 0, 0, "Credited", 0),
    ),
    (50, 160, [("DataChange", "PartlyPaid"), ("InvoiceSent", "PartlyPaid")], 150, -50, 200, "PartlyPaid", 0),
    (50, 80, [("DataChange", "PartlyPaid"), ("Credit", "PartlyPaid")], 50, -50, 100, "PartlyPaid", 0),
    (
        *(50, 40, [("DataChange", "PartlyPaid"), ("Credit", "PartlyPaid"), ("BillogramEnded", "Paid")]),
        *(0, -50, 50, "Paid", 0),
    ),
    (
        *(
            50,
            20,
            [
                ("DataChange", "PartlyPaid"),
                ("Credit", "PartlyPaid"),
                ("OverpaymentCustomerLiability", "PartlyPaid"),
                ("BillogramEnded", "Paid"),
            ],
        ),
        *(0, -25, 25, "Paid", 25),
    ),
    (
        *(
            50,
            0,
            [
                ("DataChange", "PartlyPaid"),
                ("Credit", "PartlyPaid"),
                ("OverpaymentCustomerLiability", "PartlyPaid"),
                ("BillogramEnded", "Paid"),
            ],
        ),
        *(0, 0, 0, "Paid", 50),
    ),
]


@pytest.mark.parametrize(
    ("paid", "price", "events", "remaining", "paid_sum", "total", "state", "owed"), TOTALS
)
def test_another_total_makes_a_document(
    server: Server,
    paid: int,
    price: int,
    events: list[tuple[str, str]],
    remaining: int,
    paid_sum: int,
    total: int,
    state: str,
    owed: int,
) -> None:
    key = server.sent(**BASE)["id"]
    if paid:
        server.mock("POST", "/accounts/test/payments", {"amount": paid, "billogram": key})
    before = len(told(server, key))
    done = put(server, key, {"items": [{**ROW, "price": price}]}).data
    assert told(server, key)[before:] == events
    sums = done["detailed_sums"]
    assert (sums["remaining_sum"], sums["paid_sum"], done["total_sum"]) == (remaining, paid_sum, total)
    assert sums["credited_sum"] == 0  # these credits are not in it
    assert done["state"] == state
    data = done["events"][before + 1]["data"]
    assert (data["invoice_no"], data["remaining_sum"], data["total_sum"]) == (2, remaining, total)
    assert data["letter_id"] != done["events"][1]["data"]["letter_id"]
    if "Credit" in dict(events):
        assert data["amount"] == 125 - total
    assert done["events"][before]["data"] is None
    assert done["invoice_no"] == 1
    (payment,) = server.mock("GET", "/accounts/test/payments").json or [{"liability": 0}]
    assert payment["liability"] == owed


def test_fees_stay_asked_for(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    charge(server, key, 60)
    server.command(key, "payment", {"amount": 100})
    done = put(server, key, {"items": [{**ROW, "price": 40}]}).data
    assert (done["remaining_sum"], done["state"]) == (10, "PartlyPaid")  # 50 + 60 - 100
    assert done["detailed_sums"]["reminder_fee"] == 60


# of 125, 100 were paid and 25 let go; taken back of the 100, fee charged then, new price -> remaining,
# paid_sum, rounding (what is let go still), state, liability
LET_GO: list[tuple[int, int, int, int, int, int, str, int]] = [
    (100, 0, 160, 175, 0, -25, "Unpaid", 0),
    (100, 0, 80, 75, 0, -25, "Unpaid", 0),
    (100, 0, 20, 0, 0, -25, "Credited", 0),
    (100, 0, 12, 0, 0, -15, "Credited", 0),
    (100, 0, 0, 0, 0, 0, "Credited", 0),
    (50, 0, 160, 125, -50, -25, "PartlyPaid", 0),
    (50, 0, 60, 0, -50, -25, "Paid", 0),
    (50, 0, 48, 0, -50, -10, "Paid", 0),  # 60 are not less than the 50 that were paid: nothing is owed
    (50, 0, 32, 0, -40, 0, "Paid", 10),
    (100, 60, 80, 135, 0, -25, "Unpaid", 0),
    (100, 60, 12, 60, 0, -15, "Unpaid", 0),
    (50, 60, 32, 25, -50, -25, "PartlyPaid", 0),
]


@pytest.mark.parametrize("command", ["settle-underpayment", "confirmed-loss"])
@pytest.mark.parametrize(
    ("back", "fee", "price", "remaining", "paid_sum", "rounding", "state", "owed"), LET_GO
)
def test_what_was_let_go_stays_so(
    server: Server,
    command: str,
    back: int,
    fee: int,
    price: int,
    remaining: int,
    paid_sum: int,
    rounding: int,
    state: str,
    owed: int,
) -> None:
    """8.2, of one that a recall opened again; never more than there is [A]."""
    key = _opened_again(server, command, back)
    if fee:
        charge(server, key, fee)
    done = put(server, key, {"items": [{**ROW, "price": price}]}).data
    sums = done["detailed_sums"]
    assert (sums["remaining_sum"], sums["paid_sum"], sums["rounding"]) == (remaining, paid_sum, rounding)
    assert (done["total_sum"], done["state"], done["rounding_value"]) == (price * 5 / 4, state, 0)
    (payment,) = server.mock("GET", "/accounts/test/payments").json
    assert payment["liability"] == owed


def test_what_was_let_go_stays_so_without_a_document(server: Server) -> None:
    """Other rows of the same total."""
    key = _opened_again(server, "settle-underpayment", 40)
    before = len(told(server, key))
    done = put(server, key, {"items": [{**ROW, "count": 2, "price": 50}]}).data
    assert told(server, key)[before:] == [("DataChange", "PartlyPaid")]
    assert (done["remaining_sum"], done["detailed_sums"]["rounding"]) == (40, -25)


def test_fees_that_were_written_off_stay_so(server: Server) -> None:
    key = server.sent(**BASE, currency="EUR")["id"]
    charge(server, key, 60, 5)
    money = {"amount": 125, "billogram": key, "scheme": "SEPA_DIRECT_DEBIT"}
    payment = server.mock("POST", "/accounts/test/payments", money).json["id"]
    assert server.command(key, "writeoff").data["state"] == "Paid"
    server.mock("POST", f"/accounts/test/payments/{payment}/recall", {"amount": 25})
    done = put(server, key, {"items": [{**ROW, "price": 160}]}).data
    assert (done["remaining_sum"], done["reminder_fee"]) == (100, 60)
    sums = done["detailed_sums"]
    assert (sums["reminder_fee"], sums["interest_fee"], sums["rounding"]) == (0, 0, 0)


def _opened_again(server: Server, command: str, back: int) -> str:
    key: str = server.sent(**BASE, currency="EUR")["id"]
    money = {"amount": 100, "billogram": key, "scheme": "SEPA_DIRECT_DEBIT"}
    payment = server.mock("POST", "/accounts/test/payments", money).json["id"]
    assert server.command(key, command).status == 200
    answer = server.mock("POST", f"/accounts/test/payments/{payment}/recall", {"amount": back})
    assert answer.status == 201, answer.body
    return key


# changes that make no document
PLAIN: list[dict[str, Any]] = [
    {"info": {"message": "Thank you"}},
    {"customer": {"email": "other@example.com"}},
    {"reminder_fee": 0},
    {"interest_rate": 4},
    {"due_date": "2026-05-01"},
    {"automatic_reminders_settings": [{"delay_days": 5}]},
    {"callbacks": {"custom": "x"}},
    {"items": [{**ROW, "title": "Other"}]},
    {"items": [{**ROW, "price": 50, "count": 2}]},
    {"regional_sweden": {"rotavdrag": 10}},
    {"attachment": "a.pdf", "attachment_content": "JVBERi0xLjQKJSVFT0YK"},
]


@pytest.mark.parametrize("body", PLAIN)
def test_other_changes_are_told_and_no_more(server: Server, body: dict[str, Any]) -> None:
    key = server.sent(**BASE)["id"]
    done = put(server, key, body).data
    assert told(server, key)[2:] == [("DataChange", "Unpaid")]
    assert done["remaining_sum"] == 125
    position = server.position()
    assert put(server, key, body).status == 200  # the same again is no change
    assert server.position() == position


def test_what_was_fetched_may_be_sent_back(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    server.command(key, "attach", {"filename": "a.pdf", "content": "JVBERi0xLjQKJSVFT0YK"})
    shown = server.get(f"/billogram/{key}").data
    position = server.position()
    assert put(server, key, shown).data == shown
    assert server.position() == position


@pytest.mark.parametrize(
    ("body", "field", "path"),
    [
        ({"customer": {"customer_no": 2}}, "customer_no", ["customer"]),
        ({"currency": "EUR"}, "currency", []),
        ({"creditor_unique_value": "new"}, "creditor_unique_value", []),
        ({"invoice_no": 77}, "invoice_no", []),
        ({"on_success": {"command": "send"}}, "on_success", []),
        ({"state": "Paid"}, "state", []),
    ],
)
def test_what_sending_settled(server: Server, body: dict[str, Any], field: str, path: list[str]) -> None:
    key = server.sent(**BASE)["id"]
    position = server.position()
    answer = put(server, key, {"info": {"message": "x"}, **body})
    assert answer.error == (
        "READ_ONLY_PARAMETER",
        {"message": f"read-only key: {field}", "field": field, "field_path": path},
    )
    assert server.position() == position


def test_a_due_date_in_the_past_is_overdue_at_once(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    done = put(server, key, {"invoice_date": "2026-01-01", "due_date": "2026-01-31"}).data
    assert told(server, key)[2:] == [("DataChange", "Unpaid"), ("Overdue", "Overdue")]
    assert done["state"] == "Overdue"
    later = put(server, key, {"due_date": "2026-06-01"}).data  # no second event, and the state stays
    assert told(server, key)[4:] == [("DataChange", "Overdue")]
    assert later["state"] == "Overdue"
    moved = server.mock("POST", "/accounts/test/clock/advance", {"by": "2d"}).json
    assert [each["rule"] for each in moved["happened"]] == []  # interest follows the new due date


def test_interest_of_a_date_that_was_moved_begins_with_the_next_day(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    put(server, key, {"invoice_date": "2026-01-01", "due_date": "2026-01-31"})
    moved = server.mock("POST", "/accounts/test/clock/advance", {"by": "1d"}).json
    assert [(each["rule"], each["at"]) for each in moved["happened"]] == [
        ("interest", "2026-03-03T00:05:00+01:00")
    ]


def test_an_invoice_fee_is_asked_for(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    done = put(server, key, {"invoice_fee": 20}).data
    assert (done["total_sum"], done["invoice_fee_vat"]) == (150, 25)
    assert told(server, key)[2:] == [("DataChange", "Unpaid"), ("InvoiceSent", "Unpaid")]
    done = put(server, key, {"regional_sweden": {"reversed_vat": True}}).data
    assert (done["total_sum"], done["detailed_sums"]["vat_sum"]) == (120, 0)
    assert told(server, key)[4:] == [("DataChange", "Unpaid"), ("Credit", "Unpaid")]
    documents = server.state().billograms[key].documents
    assert [(each.kind, each.amount, each.vat, each.earlier) for each in documents] == [
        ("invoice", 125, 25, 0),
        ("invoice", 25, 5, 125),
        ("credit", 30, 30, 150),
    ]


@pytest.mark.parametrize("how", ["credit", "credit-allocate"])
def test_after_a_credit_rows_and_fee_are_fixed(server: Server, how: str) -> None:
    customer = server.customer()
    key = server.sent(customer={"customer_no": customer}, **BASE)["id"]
    if how == "credit":
        server.command(key, "credit", {"mode": "amount", "amount": 25})
    else:
        back = server.sent(customer={"customer_no": customer}, items=[{**ROW, "price": -100}])["id"]
        server.command(key, "credit-allocate", {"amount": 25, "source_id": back})
    position = server.position()
    for body in (
        {"items": [{**ROW, "title": "Other"}]},
        {"items": [{**ROW, "price": 200}]},
        {"invoice_fee": 5},
        {"regional_sweden": {"reversed_vat": True}},
    ):
        answer = put(server, key, body)
        assert (answer.status, answer.error[0]) == (400, "INVALID_OBJECT_STATE")
    assert server.position() == position
    assert put(server, key, {"info": {"message": "x"}}).status == 200


def test_a_debit_stays_a_debit(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    position = server.position()
    answer = put(server, key, {"items": [{**ROW, "price": -1}]})
    assert answer.error == (
        "INVALID_PARAMETER",
        {"message": "invalid items", "field": "items", "field_path": []},
    )
    assert server.position() == position


def test_a_document_follows_to_the_address_as_it_is_then(server: Server) -> None:
    key = server.sent(**BASE)["id"]
    body = {"customer": {"email": "bounce@example.com"}, "items": [{**ROW, "price": 200}]}
    done = put(server, key, body).data
    assert [each["type"] for each in done["events"]][2:] == ["DataChange", "InvoiceSent", "DeliveryFailed"]
    assert done["flags"] == ["delivery failed"]


# attachments


PDF = "JVBERi0xLjQKJSVFT0YK"
FREE = {"title": "Free", "count": 1, "price": 0, "vat": 0}


def test_attachments(server: Server) -> None:
    made = server.draft(attachment="terms.pdf", attachment_content=PDF)
    assert made["attachment"] == "terms.pdf"
    key = made["id"]
    assert put(server, key, {"attachment": "terms.pdf"}).data["attachment"] == "terms.pdf"
    renamed = {"attachment": "new name.pdf", "attachment_content": PDF}
    assert put(server, key, renamed).data["attachment"] == "new name.pdf"
    assert put(server, key, {"attachment_content": PDF}).data["attachment"] == "new name.pdf"
    assert put(server, key, {"attachment": None}).data["attachment"] is None
    assert put(server, key, {"attachment_content": PDF}).data["attachment"] == "attachment.pdf"
    done = server.command(key, "attach", {"filename": "other.pdf", "content": PDF}).data
    assert done["attachment"] == "other.pdf"
    assert [each["type"] for each in done["events"]] == ["BillogramCreated"]
    position = server.position()
    for content in ("JVBERi0x!", "AAAA", PDF.lower()):
        refused = ("INVALID_PARAMETER", {"message": "invalid content"})
        assert put(server, key, {"attachment_content": content}).error == refused
        assert server.command(key, "attach", {"filename": "x", "content": content}).error == refused
        body = {"customer": {"customer_no": 1}, "items": [ROW], "attachment_content": content}
        assert server.post("/billogram", body).error == refused
    assert server.position() == position


MISSING = (
    "INVALID_PARAMETER_COMBINATION",
    {
        "message": "attachment and attachment_content belong together",
        "field": "attachment_content",
        "field_path": [],
    },
)


def test_a_new_name_without_content_is_refused_as_a_combination(server: Server) -> None:
    """Before rows, references and rules, and after values, the state and fixed members."""
    bare, filed = server.draft()["id"], server.draft(attachment="a.pdf", attachment_content=PDF)["id"]
    sent, ended = (
        server.sent(attachment="a.pdf", attachment_content=PDF)["id"],
        server.sent(items=[FREE])["id"],
    )
    name = {"attachment": "b.pdf"}
    for key in (bare, filed, sent):
        assert put(server, key, name).error == MISSING
        assert put(server, key, name | {"items": [{"x": 1}]}).error == MISSING
        assert put(server, key, name | {"interest_rate": -1}).error[1]["field"] == "interest_rate"
        assert put(server, key, name | {"state": "Paid"}).error[0] == "READ_ONLY_PARAMETER"
        assert put(server, key, name | {"invoice_no": 77}).error[0] == "READ_ONLY_PARAMETER"
    assert put(server, bare, name | {"customer": {"customer_no": 99}}).error == MISSING
    assert put(server, ended, name).error[0] == "INVALID_OBJECT_STATE"
    body = {"customer": {"customer_no": 99}, "items": [{"x": 1}], "attachment": "b.pdf"}
    assert server.post("/billogram", body).error == MISSING
    assert server.post("/billogram", {"attachment": "b.pdf"}).error[1]["message"] == "Customer not set"


def test_bad_content_of_an_attachment_is_a_value(server: Server) -> None:
    bad = {"attachment": "b.pdf", "attachment_content": "x"}
    refused = ("INVALID_PARAMETER", {"message": "invalid content"})
    ended, draft = server.sent(items=[FREE])["id"], server.draft()["id"]
    assert put(server, ended, bad).error == refused
    assert put(server, draft, bad | {"items": [{"x": 1}], "state": "Paid"}).error == refused
    body = {"customer": {"customer_no": 99}, "items": [{"x": 1}]}
    assert server.post("/billogram", body | bad).error == refused


def test_an_attachment_has_a_limit(server: Server) -> None:
    key = server.draft()["id"]
    for size, status in ((10 * 2**20, 200), (10 * 2**20 + 1, 400)):
        content = base64.b64encode(b"%PDF".ljust(size, b" ")).decode()
        assert server.command(key, "attach", {"filename": "a.pdf", "content": content}).status == status
