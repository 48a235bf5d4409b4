"""Stand-alone credits (reference: behaviour 3.6, 9 row 3; api 10)."""

from typing import Any

import pytest

from tests.server import Server

BACK = {"title": "Back", "count": -1, "price": 400, "vat": 25}


def debit(server: Server, customer: int, total: int, **more: Any) -> str:
    rows = [{"title": "Row", "count": 1, "price": total, "vat": 0}]
    key: str = server.sent(customer={"customer_no": customer}, items=rows, **more)["id"]
    return key


def credit(server: Server, customer: int, method: str = "DoNotNotify", **more: Any) -> str:
    made = server.draft(customer={"customer_no": customer}, items=[BACK], **more)
    server.command(made["id"], "send", {"method": method})
    key: str = made["id"]
    return key


def told(server: Server, key: str) -> list[tuple[str, str]]:
    return [(type(each).__name__, each.state) for each in server.state().billograms[key].events]


def allocate(server: Server, to: str, amount: Any, source: str) -> Any:
    return server.command(to, "credit-allocate", {"amount": amount, "source_id": source})


def test_3(server: Server) -> None:
    customer = server.customer()
    source = credit(server, customer)
    assert server.get(f"/billogram/{source}").data["state"] == "Unpaid"
    assert server.get(f"/billogram/{source}").data["remaining_sum"] == -500
    first, second = debit(server, customer, 300), debit(server, customer, 250)
    refused = {"message": "invalid amount", "field": "amount", "field_path": []}
    assert allocate(server, first, 301, source).error == ("INVALID_PARAMETER", refused)
    done = allocate(server, first, 300, source).data
    assert (done["id"], done["state"], done["remaining_sum"]) == (first, "Credited", 0)
    assert done["detailed_sums"]["credited_sum"] == -300
    data = {"amount": 300, "source_id": source, "target_id": first, "remaining_sum": 0, "total_sum": 300}
    assert done["events"][-2]["data"] == data
    assert told(server, first)[2:] == [("CreditAllocated", "Unpaid"), ("BillogramEnded", "Credited")]
    left = server.get(f"/billogram/{source}").data
    assert (left["state"], left["remaining_sum"]) == ("Unpaid", -200)
    assert left["detailed_sums"]["credited_sum"] == 300
    assert left["events"][-1]["data"] == data | {"remaining_sum": -200, "total_sum": -500}
    assert allocate(server, second, 250, source).error == ("INVALID_PARAMETER", refused)
    done = allocate(server, second, 200, source).data
    assert (done["state"], done["remaining_sum"]) == ("Unpaid", 50)
    used = server.get(f"/billogram/{source}").data
    assert (used["state"], used["remaining_sum"]) == ("Paid", 0)
    assert told(server, source)[2:] == [
        ("CreditAllocated", "Unpaid"),
        ("CreditAllocated", "Unpaid"),
        ("BillogramEnded", "Paid"),
    ]
    again = allocate(server, second, 1, source)
    assert again.error[0] == "INVALID_OBJECT_STATE"
    assert "of which something is left" in again.error[1]["message"]


def test_one_act_tells_both_allocations_before_the_ends(server: Server) -> None:
    customer = server.customer()
    source, target = credit(server, customer), debit(server, customer, 500)
    server.mock("PUT", "/accounts/test/callbacks", {"url": "mock:inbox"})
    allocate(server, target, 500, source)
    got = [
        (each["json"]["event"]["type"], each["json"]["billogram"]["id"])
        for each in server.mock("GET", "/accounts/test/inbox").json
    ]
    assert got == [
        ("CreditAllocated", target),
        ("CreditAllocated", source),
        ("BillogramEnded", target),
        ("BillogramEnded", source),
    ]


def test_a_draft_is_no_source_and_the_message_says_how_to_mend_it(server: Server) -> None:
    customer = server.customer()
    target = debit(server, customer, 300)
    draft = server.draft(customer={"customer_no": customer}, items=[BACK])["id"]
    answer = allocate(server, target, 100, draft)
    assert answer.error[0] == "INVALID_OBJECT_STATE"
    assert "send it first" in answer.error[1]["message"]
    answer = allocate(server, target, 100, debit(server, customer, 100))
    assert answer.error[0] == "INVALID_OBJECT_STATE"
    assert "total is negative" in answer.error[1]["message"]


def test_only_of_the_same_customer_and_currency(server: Server) -> None:
    customer, other = server.customer(), server.customer()
    source = credit(server, customer)
    refused = {"message": "invalid source id", "field": "source_id", "field_path": []}
    for target in (debit(server, other, 300), debit(server, customer, 300, currency="EUR")):
        position = server.position()
        assert allocate(server, target, 100, source).error == ("INVALID_PARAMETER", refused)
        assert server.position() == position
    gone = server.draft()["id"]
    server.call("DELETE", f"/billogram/{gone}")
    for unknown in ("none", gone):
        assert allocate(server, debit(server, customer, 300), 100, unknown).error == (
            "INVALID_PARAMETER",
            refused,
        )


def test_paid_out_in_part_and_wholly(server: Server) -> None:
    source = credit(server, server.customer())
    part = server.command(source, "credit-payment", {"mode": "amount", "amount": 250}).data
    assert (part["state"], part["remaining_sum"]) == ("Unpaid", -250)
    assert part["detailed_sums"]["paid_sum"] == 250
    assert part["flags"] == []
    data = part["events"][-1]["data"]
    assert (data["amount"], data["manual"], data["remaining_sum"]) == (250, True, -250)
    whole = server.command(source, "credit-payment", {"mode": "remaining", "amount": 1}).data
    assert (whole["state"], whole["remaining_sum"]) == ("Paid", 0)
    assert told(server, source)[2:] == [
        ("Payment", "Unpaid"),
        ("Payment", "Unpaid"),
        ("BillogramEnded", "Paid"),
    ]
    assert server.mock("GET", "/accounts/test/payments").json == []  # money that goes out


@pytest.mark.parametrize("method", ["DoNotNotify", "Email", "Letter"])
def test_sent_by_any_method(server: Server, method: str) -> None:
    key = credit(server, server.customer(), method)
    sent = server.get(f"/billogram/{key}").data
    assert (sent["delivery_method"], sent["state"]) == (method, "Unpaid")


def test_never_overdue(server: Server) -> None:
    key = credit(server, server.customer(), invoice_date="2026-01-01", due_date="2026-01-31")
    server.mock("POST", "/accounts/test/clock/advance", {"by": "1y"})
    assert told(server, key) == [("BillogramCreated", "Unattested"), ("BillogramSent", "Sending")]
    assert server.get(f"/billogram/{key}").data["state"] == "Unpaid"


def test_the_feature_is_asked_for_at_create_put_and_send(server: Server) -> None:
    customer = server.customer()
    draft = server.draft(customer={"customer_no": customer}, items=[BACK])["id"]
    plain = server.draft(customer={"customer_no": customer})["id"]
    server.mock("PATCH", "/accounts/test", {"features": {"standalone_credits": False}})
    position = server.position()
    body = {"customer": {"customer_no": customer}, "items": [BACK]}
    for answer in (
        server.post("/billogram", body),
        server.call("PUT", f"/billogram/{plain}", {"items": [BACK]}),
        server.command(draft, "send", {"method": "Email"}),
    ):
        assert (answer.status, answer.error[0]) == (403, "PERMISSION_DENIED")
    assert server.position() == position


def test_its_rows_may_change_after_sending(server: Server) -> None:
    customer = server.customer()
    key = credit(server, customer, "Email")
    more = server.call("PUT", f"/billogram/{key}", {"items": [{**BACK, "price": 480}]}).data
    assert (more["total_sum"], more["remaining_sum"], more["state"]) == (-600, -600, "Unpaid")
    assert told(server, key)[2:] == [("DataChange", "Unpaid"), ("Credit", "Unpaid")]
    less = server.call("PUT", f"/billogram/{key}", {"items": [{**BACK, "price": 80}]}).data
    assert (less["total_sum"], less["remaining_sum"]) == (-100, -100)
    assert told(server, key)[4:] == [("DataChange", "Unpaid"), ("InvoiceSent", "Unpaid")]
    for price in (-80, 0):  # it stays a credit
        answer = server.call("PUT", f"/billogram/{key}", {"items": [{**BACK, "price": price}]})
        assert answer.error == (
            "INVALID_PARAMETER",
            {"message": "invalid items", "field": "items", "field_path": []},
        )
    server.command(key, "credit-payment", {"mode": "amount", "amount": 60})
    answer = server.call("PUT", f"/billogram/{key}", {"items": [{**BACK, "price": 40}]})
    assert answer.error[1]["field"] == "items"  # more was paid out than would be left
    allocate(server, debit(server, customer, 10), 10, key)
    answer = server.call("PUT", f"/billogram/{key}", {"items": [{**BACK, "price": 200}]})
    assert answer.error[0] == "INVALID_OBJECT_STATE"


ZERO_SUM = [{"title": "Back", "count": 1, "price": 0, "vat": 0}]
POSITIVE = [{"title": "Row", "count": 1, "price": 1, "vat": 0}]


def test_a_draft_that_was_created_as_a_credit_stays_one(server: Server) -> None:
    """Whichever key makes the total zero or positive (reference: behaviour 3.4)."""
    key = server.draft(items=[BACK])["id"]
    refused = ("INVALID_PARAMETER", {"message": "invalid items", "field": "items", "field_path": []})
    small = {"items": [{**BACK, "price": 1}]}
    for body in ({"items": ZERO_SUM}, {"items": POSITIVE}, {"invoice_fee": 400}, {"invoice_fee": 500}):
        answer = server.call("PUT", f"/billogram/{key}", body)
        assert answer.error == refused, body
        assert answer.headers["mock-rule"] == "put.sign"
    assert server.call("PUT", f"/billogram/{key}", small | {"customer": {"customer_no": 1}}).status == 200
    assert server.call("PUT", f"/billogram/{key}", {"invoice_fee": 1}).error == refused
    assert server.command(key, "send", {"method": "DoNotNotify"}).data["total_sum"] == -1


def test_a_draft_that_was_created_as_a_debit_may_turn_and_return(server: Server) -> None:
    key = server.draft()["id"]
    for items in ([BACK], ZERO_SUM, [BACK], POSITIVE):
        assert server.call("PUT", f"/billogram/{key}", {"items": items}).status == 200
