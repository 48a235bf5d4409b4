"""The pages of the bank: payments, recalls, unmatched money, direct debits, mandates (ui 2)."""

from typing import Any

import pytest

from tests.server import ACCOUNT, Server
from tests.ui.pages import PageReader, read, send, submit

A = f"/accounts/{ACCOUNT}"
PAGE = f"/_mock/ui{A}/bank"
PAYMENTS = f"/_mock{A}/payments"
OUTCOMES = f"/_mock{A}/outcomes"


pytestmark = pytest.mark.usefixtures("known")


def payments(server: Server) -> Any:
    return server.mock("GET", f"{A}/payments").json


def report(server: Server, **body: Any) -> Any:
    return server.mock("POST", f"{A}/payments", body).json


def labelled(page: PageReader, words: str) -> Any:
    """The form whose button has this text."""
    (found,) = [each for each in page.forms if words in [made.text for made in each.buttons]]
    return found


def with_debit(server: Server) -> Any:
    """A mandate, and a debit that is planned."""
    number = server.customer()
    server.mock("POST", f"{A}/customers/{number}/simulate/enable-recurring", {"type": "autogiro"})
    server.sent(customer={"customer_no": number})
    (planned,) = payments(server)
    return planned


def test_an_empty_bank_says_how_to_fill_it(server: Server) -> None:
    assert "No money has come in yet" in read(server, PAGE).text
    assert "Nothing is unpaid now" in read(server, f"{PAGE}/pay").text
    assert "There is no mandate yet" in read(server, f"{PAGE}/debits").text


@pytest.mark.parametrize(
    ("kind", "amount", "state"),
    [("", "125.00", "Paid"), ("less", "62.50", "PartlyPaid"), ("more", "225.00", "Paid")],
)
def test_a_payment_is_prefilled(server: Server, kind: str, amount: str, state: str) -> None:
    made = server.sent()
    page = read(server, f"{PAGE}/pay?billogram={made['id']}&kind={kind}")
    form = page.form(PAYMENTS)
    assert (form.fields["body.amount"], form.fields["body.billogram"]) == (amount, made["id"])
    assert form.fields["body.payer_name"] == "Test Customer AB"
    after = submit(server, f"{PAGE}/pay", form)
    assert "Allocated to" in after.text
    assert server.get(f"/billogram/{made['id']}").data["state"] == state


def test_what_remains_is_the_first_choice(server: Server) -> None:
    server.sent()
    page = read(server, f"{PAGE}/pay")
    assert page.form(PAYMENTS).fields["body.amount"] == "125.00"
    assert "What it does: Payment, BillogramEnded; then Paid" in " ".join(page.text.split())


def test_one_payment_for_several(server: Server) -> None:
    keys = [server.sent()["id"] for _ in range(2)]
    form = read(server, f"{PAGE}/pay?kind=several").form(PAYMENTS)
    submit(server, f"{PAGE}/pay?kind=several", form)
    (made,) = payments(server)
    assert made["amount"] == 250
    assert {part["billogram"] for part in made["allocations"]} == set(keys)


def test_unmatched_money_is_allocated(server: Server) -> None:
    key = server.sent()["id"]
    form = read(server, f"{PAGE}/pay?kind=unmatched").form(PAYMENTS)
    page = submit(server, f"{PAGE}/pay?kind=unmatched", form)
    (made,) = payments(server)
    assert [made["unmatched"], made["payer_name"]] == [100, "Somebody"]
    assert "Somebody" in read(server, f"{PAGE}?unmatched=true").text
    form = page.form(f"{PAYMENTS}/{made['id']}/allocate")
    assert form.fields["body.billogram"] == key
    page = submit(server, f"{PAGE}/{made['id']}", form)
    assert "Allocate unmatched money" not in page.text
    assert "No payment matches" in read(server, f"{PAGE}?unmatched=true").text


def test_a_settled_debit_bounces(server: Server) -> None:
    made = report(server, billogram=server.sent()["id"], scheme="SEPA_DIRECT_DEBIT")
    path = f"{PAGE}/{made['id']}"
    page = read(server, path)
    options = server.mock("GET", f"{A}/payments/{made['id']}/recall-options").json
    legal = [each for each in options if each["legal"]]
    forms = [each for each in page.forms if each.fields.get("path", "").endswith("/recall")]
    assert [each.fields["body.type"] for each in forms] == [each["type"] for each in legal]
    for each in legal:
        assert f"until {each['until']}" in page.text
    form = forms[0]
    assert form.fields["body.code"] == "AM04"
    assert "AM04 Insufficient Funds" in page.text
    assert "The debtor's bank returns the payment" in page.text
    page = submit(server, path, form)
    (after,) = payments(server)
    assert after["recalled"] == 125
    assert "No recall is possible today" in page.text


def test_a_refused_recall_keeps_what_was_typed(server: Server) -> None:
    made = report(server, billogram=server.sent()["id"], scheme="SEPA_DIRECT_DEBIT")
    path = f"{PAGE}/{made['id']}"
    form = next(each for each in read(server, path).forms if each.fields.get("body.type") == "refund")
    answer = send(server, path, form.fields | {"body.amount": "9999", "body.message": "<b>no</b>"})
    assert answer.status == 422
    page = PageReader(answer.body.decode())
    typed = [each.fields.get("body.amount") for each in page.forms if each.fields.get("key")]
    assert typed == ["" if each != "refund" else "9999" for each in ("return", "refund", "reversal")]
    assert "Refused: nothing was changed" in page.text


def test_a_planned_debit_bounces(server: Server) -> None:
    planned = with_debit(server)
    page = read(server, f"{PAGE}/{planned['id']}")
    page = submit(server, f"{PAGE}/{planned['id']}", labelled(page, "Let the next direct debit bounce"))
    assert "At its collection the bank will answer reject.AM04" in page.text
    server.mock("POST", f"{A}/clock/advance", {"to": f"{planned['date']}T23:00:00+02:00"})
    (after,) = [each for each in payments(server) if each["id"] == planned["id"]]
    assert after["status"] == "failed"
    assert after["failure"] in read(server, f"{PAGE}/{planned['id']}").text


def test_plans_are_an_editable_list(server: Server) -> None:
    page = read(server, f"{PAGE}/debits")
    form = labelled(page, "Add the plan")
    typed = {"body.plan.0": "reject.AM04", "body.plan.1.then": "refund.MD06", "body.plan.1.after": "20d"}
    page = submit(server, f"{PAGE}/debits", form, **typed)
    plan = ["reject.AM04", {"then": "refund.MD06", "after": "20d"}]
    assert server.mock("GET", f"{A}/outcomes").json == [{"match": None, "plan": plan}]
    assert "ok, then refund.MD06 after 20d" in page.text
    form = labelled(page, "Save the plan")
    filled = {name: value for name, value in form.fields.items() if name.startswith("body.") and value}
    assert filled == typed
    submit(server, f"{PAGE}/debits", form, **{"body.plan.2": "ok", "body.plan.0": "reject.MD07"})
    assert server.mock("GET", f"{A}/outcomes").json[0]["plan"] == ["reject.MD07", plan[1], "ok"]
    page = submit(server, f"{PAGE}/debits", labelled(page, "Remove all plans"))
    assert "every debit is settled" in page.text


def test_a_plan_that_answers_twice_is_shown_again(server: Server) -> None:
    form = labelled(read(server, f"{PAGE}/debits"), "Add the plan")
    typed = {"body.plan.0": "ok", "body.plan.0.then": "refund.MD06"}
    answer = send(server, f"{PAGE}/debits", form.fields | typed)
    assert answer.status == 422
    again = labelled(PageReader(answer.body.decode()), "Add the plan")
    assert {name: again.fields[name] for name in typed} == typed


def test_a_customer_gives_a_mandate(server: Server) -> None:
    number = server.customer()
    page = read(server, f"{PAGE}/debits?customer={number}")
    form = page.form(f"/_mock{A}/customers/{number}/simulate/enable-recurring")
    page = submit(server, f"{PAGE}/debits", form)
    (source,) = server.mock("GET", f"{A}/payment-sources").json
    path = f"{PAGE}/mandates/{source['id']}"
    assert ("Test Customer AB", path) in page.links
    mandate = read(server, path)
    assert "ACTIVE" in mandate.text
    mandate = submit(server, path, labelled(mandate, "Let the next direct debit bounce"))
    assert labelled(mandate, "Save the plan").fields["body.plan.0"] == "reject.AM04"
    (plan,) = server.mock("GET", f"{A}/outcomes").json
    assert plan["match"]["payment_source"] == source["id"]
    form = mandate.form(f"/_mock{A}/payment-sources/{source['id']}", "PATCH")
    assert "CANCELLED" in submit(server, path, form, **{"body.status": "CANCELLED"}).text
    assert server.mock("GET", f"{A}/payment-sources").json[0]["status"] == "CANCELLED"


def test_what_is_not_there_is_404(server: Server) -> None:
    read(server, f"{PAGE}/none", 404)
    read(server, f"{PAGE}/mandates/none", 404)
    read(server, f"{PAGE}/pay?billogram=none", 404)


def test_hostile_texts_are_shown_as_text(server: Server) -> None:
    hostile = '<script>alert("x")</script>'
    key = server.sent(customer={"customer_no": server.customer(name=hostile)})["id"]
    made = report(server, amount=10, payer_name=hostile)
    for path in (PAGE, f"{PAGE}/{made['id']}", f"{PAGE}/pay?billogram={key}", f"{PAGE}/debits"):
        assert "<script>alert" not in server.run(server.asgi("GET", path)).body.decode()
