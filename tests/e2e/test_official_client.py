"""Billogram's own Python client, unchanged, over a socket; then a crash (reference: clients)."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from billogram_api import BillogramAPI, BillogramExceptions

from tests.e2e.served import Served

NEW_ACCOUNT = Path(__file__).parent.parent / "recorded" / "settings-new-account.json"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
ITEM = {"title": "A", "price": 1, "vat": 25, "unit": "hour"}
CUSTOMER = {
    "name": "Test Customer AB",
    "contact": {"email": "contact@example.com"},
    "address": {"street_address": "Testgatan 1", "zipcode": "123 45", "city": "Teststad"},
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests` would send even loopback through a proxy that the environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served("--database", "kept.db", cwd=tmp_path_factory.mktemp("official")) as server:
        yield server


@pytest.fixture
def api(served: Served, request: pytest.FixtureRequest) -> Any:
    """The client, on an account of the test's own."""
    return client_of(served, request.node.name[:100].replace("/", "-"))


def client_of(served: Served, user: str = "demo", key: str = "secret") -> Any:
    return BillogramAPI(user, key, api_base=served.told["url"])


def invoice(customer: Any, **more: Any) -> dict[str, Any]:
    return {"customer": {"customer_no": customer["customer_no"]}, "items": [dict(ROW)]} | more


# what works


def test_customers(api: Any) -> None:
    made = api.customers.create(CUSTOMER | {"customer_no": 1204})
    assert (made["customer_no"], made["name"]) == (1204, "Test Customer AB")
    assert made["address"]["zipcode"] == "12345"
    found = api.customers.get(1204)
    assert found.data == made.data
    assert found.refresh().data == made.data
    assert api.customers.query().count == 1
    made.update({"name": "Renamed AB", "contact": {"phone": "0700000001"}, "address": {"city": "Ort"}})
    assert (made["name"], made["address"]["city"], made["address"]["zipcode"]) == (
        "Renamed AB",
        "Ort",
        "12345",
    )
    assert made["contact"]["email"] == "contact@example.com"
    assert found["name"] == "Test Customer AB"  # a copy, until it is fetched again
    assert found.refresh().data == made.data
    made.update({"customer_no": 7})
    assert api.customers.get(7).data == made.data
    assert [each["customer_no"] for each in api.customers.query().iter_all()] == [7]


def test_items(api: Any) -> None:
    made = api.items.create({"title": "Hour", "price": 130, "vat": 25, "unit": "hour"})
    assert (made["item_no"], made["price"], made["description"]) == ("1", 130.0, "")
    own = api.items.create({"item_no": "extra", "title": "Part", "price": "9.50", "vat": 6, "unit": "unit"})
    assert api.items.get("extra").data == own.data
    made.update({"price": 140, "bookkeeping": {"income_account": "3001"}})
    assert (made["price"], made["bookkeeping"]["income_account"]) == (140.0, "3001")
    assert api.items.get(1).refresh().data == made.data
    assert [each["item_no"] for each in api.items.query().iter_all()] == ["1", "extra"]
    billogram = draft(api, items=[{"item_no": "1", "count": 2}])
    assert (billogram["items"][0]["title"], billogram["total_sum"]) == ("Hour", 350.0)
    assert made.delete() is None
    with pytest.raises(BillogramExceptions.ObjectNotFoundError):
        made.refresh()
    with pytest.raises(BillogramExceptions.ObjectNotFoundError):
        made.delete()
    assert billogram.refresh()["items"][0]["title"] == "Hour"
    assert api.items.create({"title": "New", "price": 1, "vat": 0, "unit": "unit"})["item_no"] == "2"


def test_a_draft_is_made_sent_and_paid(api: Any) -> None:
    billogram = api.billogram.create(invoice(api.customers.create(CUSTOMER)))
    assert (billogram["state"], billogram["invoice_no"]) == ("Unattested", None)
    billogram.send("Email")
    assert (billogram["state"], billogram["invoice_no"]) == ("Unpaid", 1)
    billogram.create_payment(50)
    assert (billogram["state"], billogram["remaining_sum"]) == ("PartlyPaid", 75)
    billogram.create_payment(75)
    assert (billogram["state"], billogram["remaining_sum"]) == ("Paid", 0)
    assert [event["type"] for event in billogram["events"]] == [
        "BillogramCreated",
        "BillogramSent",
        "Payment",
        "Payment",
        "BillogramEnded",
    ]
    assert api.billogram.get(billogram["id"]).data == billogram.data


@pytest.mark.parametrize("method", ["Email", "Letter", "Email+Letter"])
def test_create_and_send(api: Any, method: str) -> None:
    billogram = api.billogram.create_and_send(invoice(api.customers.create(CUSTOMER)), method)
    assert (billogram["state"], billogram["delivery_method"]) == ("Unpaid", method)


def test_create_and_send_deletes_what_it_can_not_send(api: Any) -> None:
    customer = api.customers.create({"name": "No Address AB"})
    kept = api.billogram.create(invoice(customer))
    with pytest.raises(BillogramExceptions.InvalidFieldValueError, match="email"):
        api.billogram.create_and_send(invoice(customer), "Email")
    assert [found["id"] for found in api.billogram.query().iter_all()] == [kept["id"]]


def test_a_draft_is_deleted(api: Any) -> None:
    billogram = api.billogram.create(invoice(api.customers.create(CUSTOMER)))
    assert billogram.delete() is None
    with pytest.raises(BillogramExceptions.ObjectNotFoundError):
        billogram.refresh()


def test_lists_come_in_pages(api: Any) -> None:
    customer = api.customers.create(CUSTOMER)
    made = [api.billogram.create(invoice(customer)) for _ in range(5)]
    query = api.billogram.query()
    query.page_size = 2
    assert (query.count, query.total_pages) == (5, 3)
    assert [found["id"] for found in query.get_page(2)] == [billogram["id"] for billogram in made[2:4]]
    assert [found["id"] for found in query.iter_all()] == [billogram["id"] for billogram in made]
    assert query.get_page(4) == []
    assert [found["name"] for found in api.customers.query().iter_all()] == ["Test Customer AB"]


def test_settings(api: Any) -> None:
    recorded = json.loads(NEW_ACCOUNT.read_text(encoding="utf-8"))["data"]
    assert set(recorded) <= set(api.settings.data)
    assert api.settings["invoices"]["default_reminder_fee"] == 60
    assert api.settings.refresh().data == api.settings.data
    steps = [{"delay_days": "5", "message": "First reminder"}]
    changed = {
        "name": "Test Creditor AB",
        "invoices": {"automatic_reminders": steps, "default_reminder_fee": 50},
    }
    assert api.settings.update(changed)["name"] == "Test Creditor AB"
    assert api.settings["invoices"]["automatic_reminders"] == [{"delay_days": 5, "message": "First reminder"}]
    fetched = client_of_same(api).settings
    assert fetched.data == api.settings.data
    assert draft(api)["reminder_fee"] == 50.0


def test_a_draft_is_updated(api: Any) -> None:
    billogram = draft(api)
    billogram.update({"due_days": 10, "info": {"order_no": 1234}, "items": [ROW, ROW | {"count": 2}]})
    assert (billogram["due_days"], billogram["info"]["order_no"]) == (10, "1234")
    assert (len(billogram["items"]), billogram["total_sum"]) == (2, 375.0)
    billogram.update(billogram.data)  # what was read can be sent back
    assert api.billogram.get(billogram["id"]).data == billogram.data
    assert [event["type"] for event in billogram["events"]] == ["BillogramCreated"]


def test_a_full_credit(api: Any) -> None:
    billogram = sent(api)
    assert billogram.credit_full() is billogram
    assert (billogram["state"], billogram["remaining_sum"]) == ("Credited", 0)
    assert billogram["detailed_sums"]["credited_sum"] == -125
    types = [event["type"] for event in billogram["events"]]
    assert types == ["BillogramCreated", "BillogramSent", "Credit", "BillogramEnded"]
    assert sent(api)["invoice_no"] == 3  # the credit invoice has a number of the same series


def test_other_credits(api: Any) -> None:
    billogram = sent(api).credit_amount(25)
    assert (billogram["state"], billogram["remaining_sum"]) == ("Unpaid", 100)
    billogram.create_payment(40)
    billogram.credit_remaining()
    assert (billogram["state"], billogram["remaining_sum"]) == ("Credited", 0)
    sums = billogram["detailed_sums"]
    assert (sums["credited_sum"], sums["paid_sum"]) == (-85, -40)


def test_create_and_sell(api: Any) -> None:
    customer = api.customers.create(CUSTOMER)
    billogram = api.billogram.create_and_sell(invoice(customer))
    assert (billogram["state"], billogram["invoice_no"]) == ("Factoring", None)
    assert len(billogram["ocr_number"]) == 9
    assert draft(api).send_to_factoring()["state"] == "Factoring"


def test_sent_again(api: Any) -> None:
    billogram = sent(api)
    first = billogram["events"][-1]["data"]["letter_id"]
    for method, expected in (("Letter", "Letter"), (None, "Email")):
        event = billogram.resend(method)["events"][-1]
        assert (event["type"], event["data"]["delivery_method"]) == ("Resent", expected)
        assert event["data"]["letter_id"] != first
    assert billogram["delivery_method"] == "Email"


def test_reminded_and_collected(api: Any) -> None:
    customer = api.customers.create(CUSTOMER)
    late = invoice(customer, invoice_date="2020-01-01", due_date="2020-01-31")
    billogram = api.billogram.create_and_send(late, "Email")
    billogram.send_reminder("Letter")
    assert (billogram["state"], billogram["events"][-1]["type"]) == ("Reminder_1", "ReminderSent")
    with pytest.raises(BillogramExceptions.InvalidObjectStateError):
        billogram.send_reminder()
    assert billogram.send_to_collector()["state"] == "Collecting"


def test_messages(api: Any) -> None:
    for billogram in (draft(api), sent(api)):
        state = billogram["state"]
        billogram.send_message("Thank you för beställningen! 😀")
        assert billogram["state"] == state
        event = billogram["events"][-1]
        assert (event["type"], event["data"]["message"]) == (
            "CreditorMessage",
            "Thank you för beställningen! 😀",
        )
        assert billogram.refresh()["events"][-1] == event


def test_reports(api: Any) -> None:
    query = api.reports.query()
    assert (query.count, query.total_pages, list(query.iter_all())) == (0, 0, [])
    query.order = {"order_field": "created_at", "order_direction": "desc"}
    assert query.filter_field("filename", "x").get_page(1) == []
    with pytest.raises(BillogramExceptions.ObjectNotFoundError):
        api.reports.get("ff")


def client_of_same(api: Any) -> Any:
    """Another client on the same account: it has fetched nothing yet."""
    return BillogramAPI(*api._auth, api_base=api._api_base)


# queries


def names(query: Any) -> list[str]:
    return [found["name"] for found in query.iter_all()]


def test_filters(api: Any) -> None:
    for name, city in (("Alfa AB", "Ort"), ("Beta AB", "Stad"), ("alfa Beta", "Ort")):
        api.customers.create({"name": name, "address": {"city": city}, "notes": name[::-1]})
    query = api.customers.query()
    assert names(query) == ["Alfa AB", "Beta AB", "alfa Beta"]
    assert names(query.filter_field("name", "ALFA ab")) == ["Alfa AB"]
    assert names(query.filter_field("customer_no", 2)) == ["Beta AB"]
    assert names(query.filter_field("address:city", "ort")) == ["Alfa AB", "alfa Beta"]
    assert names(query.filter_prefix("name", "alf")) == ["Alfa AB", "alfa Beta"]
    assert names(query.filter_search("name", "beta")) == ["Beta AB", "alfa Beta"]
    assert names(query.filter_search("notes", "afl")) == ["Alfa AB", "alfa Beta"]
    assert names(query.filter_special("search", "beta alfa")) == ["alfa Beta"]
    assert names(query.search("ab")) == ["Alfa AB", "Beta AB"]
    assert (query.count, query.filter["filter_type"]) == (2, "special")
    assert names(query.filter_field("name", "")) == []
    assert names(query.remove_filter()) == ["Alfa AB", "Beta AB", "alfa Beta"]
    for wrong in (query.filter_field("colour", "red"), api.items.query().filter_special("other", "x")):
        with pytest.raises(BillogramExceptions.RequestFormError) as raised:
            list(wrong.iter_all())
        assert (raised.value.field, raised.value.field_path) == ("filter_field", [])


def test_order_and_pages(api: Any) -> None:
    for name in ("C", "A", "E", "B", "D"):
        api.customers.create({"name": name})
    query = api.customers.query()
    query.order = {"order_field": "name", "order_direction": "asc"}
    assert names(query) == ["A", "B", "C", "D", "E"]
    query.order = {"order_field": "name", "order_direction": "desc"}
    for size in (1, 2, 3, 500, 10_000_000):
        query.page_size = size
        assert (query.count, query.total_pages) == (5, -(-5 // size))
        assert names(query) == ["E", "D", "C", "B", "A"]
        assert [found["name"] for found in query.get_page(1)] == ["E", "D", "C", "B", "A"][:size]
    assert names(query.filter_prefix("name", "b")) == ["B"]
    query.order = {}
    assert names(query.remove_filter()) == ["C", "A", "E", "B", "D"]
    query.order = {"order_field": "colour", "order_direction": "asc"}
    with pytest.raises(BillogramExceptions.RequestFormError):
        query.get_page(1)


def test_states(api: Any) -> None:
    drafts = [draft(api)["id"] for _ in range(2)]
    unpaid, paid, partly, credited = (sent(api) for _ in range(4))
    paid.create_payment(125)
    partly.create_payment(25)
    credited.credit_full()

    def found(*states: Any) -> list[str]:
        return [each["id"] for each in api.billogram.query().filter_state_any(*states).iter_all()]

    assert found("Unattested") == found("unattested") == drafts
    assert found("Paid", "Credited") == found(["Paid", "Credited"]) == [paid["id"], credited["id"]]
    assert found("Unpaid", "PartlyPaid") == [unpaid["id"], partly["id"]]
    assert found("Overdue") == []
    query = api.billogram.query()
    assert query.filter_field("invoice_no", paid["invoice_no"]).get_page(1)[0]["id"] == paid["id"]
    assert query.filter_field("customer:customer_no", 1).count == 1
    assert query.search(unpaid["ocr_number"]).get_page(1)[0]["id"] == unpaid["id"]
    assert query.filter_prefix("id", unpaid["id"][:7]).count >= 1


# what is refused


def sent(api: Any) -> Any:
    return api.billogram.create_and_send(invoice(api.customers.create(CUSTOMER)), "Email")


def draft(api: Any, **more: Any) -> Any:
    return api.billogram.create(invoice(api.customers.create(CUSTOMER), **more))


def twice(api: Any) -> None:
    for _ in range(2):
        api.customers.create({"name": "A", "customer_no": 7})


Wrong = Callable[[Any], Any]
VALUE, UNKNOWN = "InvalidFieldValueError", "UnknownFieldError"
READ_ONLY, COMBINATION = "ReadOnlyFieldError", "InvalidFieldCombinationError"
STATE, NOT_FOUND = "InvalidObjectStateError", "ObjectNotFoundError"

WRONG: dict[str, tuple[Wrong, str, str | None, Any]] = {
    # what is done, the class that is raised, its field, its path
    "a customer without name": (lambda api: api.customers.create({}), VALUE, "name", []),
    "a customer number twice": (twice, VALUE, "customer_no", None),
    "a bad address": (
        lambda api: api.customers.create({"name": "A", "address": {"country": "Sweden"}}),
        VALUE,
        "country",
        ["address"],
    ),
    "an unknown member": (lambda api: api.customers.create({"name": "A", "nom": 1}), UNKNOWN, "nom", []),
    "an unknown member below": (
        lambda api: api.customers.create({"name": "A", "contact": {"mail": "a@b"}}),
        UNKNOWN,
        "mail",
        ["contact"],
    ),
    "a read-only member of a customer": (
        lambda api: api.customers.create({"name": "A", "created_at": "2026-03-02 09:00:00"}),
        READ_ONLY,
        "created_at",
        [],
    ),
    "careof and attention": (
        lambda api: api.customers.create({"name": "A", "address": {"careof": "B", "attention": "C"}}),
        COMBINATION,
        "attention",
        ["address"],
    ),
    "nobody's number": (lambda api: api.customers.get(4711), NOT_FOUND, None, None),
    "no rows": (lambda api: draft(api, items=[]), VALUE, "items", []),
    "a row without price": (
        lambda api: draft(api, items=[ROW, {"title": "Row", "count": 1, "vat": 25}]),
        VALUE,
        "price",
        ["items", 1],
    ),
    "a dead reference": (
        lambda api: api.billogram.create({"customer": {"customer_no": 4711}, "items": [ROW]}),
        VALUE,
        "customer_no",
        ["customer"],
    ),
    "an unknown member of a billogram": (lambda api: draft(api, colour="red"), UNKNOWN, "colour", []),
    "a read-only member of a billogram": (lambda api: draft(api, state="Paid"), READ_ONLY, "state", []),
    "due date and days": (
        lambda api: draft(api, invoice_date="2026-03-02", due_date="2026-04-01", due_days=10),
        COMBINATION,
        "due_days",
        [],
    ),
    "a bad method": (lambda api: draft(api).perform_event("send", {"method": "Fax"}), VALUE, "method", []),
    "sent twice": (lambda api: sent(api).send("Email"), STATE, None, None),
    "a sent one deleted": (lambda api: sent(api).delete(), STATE, None, None),
    "a draft paid": (lambda api: draft(api).create_payment(1), STATE, None, None),
    "paid too much": (lambda api: sent(api).create_payment(125.01), VALUE, "amount", []),
    "paid too finely": (lambda api: sent(api).create_payment(1.001), VALUE, "amount", []),
    "an unknown command": (lambda api: draft(api).perform_event("dance"), NOT_FOUND, None, None),
    "no such billogram": (lambda api: api.billogram.get("nosuchid"), NOT_FOUND, None, None),
    "a list without page": (lambda api: api.get("billogram"), "RequestFormError", "page", []),
    "a list with a bad page": (
        lambda api: api.get("billogram", {"page": 0, "page_size": 1}),
        "RequestFormError",
        "page",
        [],
    ),
    "a wrong method": (lambda api: api.delete("settings"), "RequestFormError", None, None),
    "an unknown path": (lambda api: api.get("creditor"), NOT_FOUND, None, None),
    "an item number twice": (
        lambda api: [api.items.create({"item_no": "a"} | ITEM) for _ in range(2)],
        VALUE,
        "item_no",
        None,
    ),
    "an item without unit": (
        lambda api: api.items.create({"title": "A", "price": 1, "vat": 6}),
        VALUE,
        "unit",
        [],
    ),
    "a count on an item": (lambda api: api.items.create(ITEM | {"count": 1}), UNKNOWN, "count", []),
    "nobody's item": (lambda api: api.items.get("nosuch"), NOT_FOUND, None, None),
    "an unknown setting": (
        lambda api: api.settings.update({"invoices": {"colour": "red"}}),
        UNKNOWN,
        "colour",
        ["invoices"],
    ),
    "a bad setting": (
        lambda api: api.settings.update({"invoices": {"default_reminder_fee": "much"}}),
        VALUE,
        "default_reminder_fee",
        ["invoices"],
    ),
    "a customer changed to a taken number": (
        lambda api: api.customers.create(CUSTOMER).update(
            {"customer_no": api.customers.create(CUSTOMER)["customer_no"]}
        ),
        VALUE,
        "customer_no",
        None,
    ),
    "a customer changed badly": (
        lambda api: api.customers.create(CUSTOMER).update({"contact": {"email": "no"}}),
        VALUE,
        "email",
        ["contact"],
    ),
    "a draft's read-only member": (
        lambda api: draft(api).update({"ocr_number": "1"}),
        READ_ONLY,
        "ocr_number",
        [],
    ),
    "a draft's rows": (
        lambda api: draft(api).update({"items": [ROW, ROW | {"title": ""}]}),
        VALUE,
        "title",
        ["items", 1],
    ),
    "an empty message": (lambda api: sent(api).send_message(""), VALUE, "message", []),
    "a draft credited": (lambda api: draft(api).credit_full(), STATE, None, None),
    "credited twice": (lambda api: sent(api).credit_full().credit_full(), STATE, None, None),
    "no mode of credit": (lambda api: sent(api).perform_event("credit", {}), VALUE, "mode", []),
    "an unknown mode of credit": (
        lambda api: sent(api).perform_event("credit", {"mode": "x"}),
        VALUE,
        "mode",
        [],
    ),
    "an unknown member of a command": (
        lambda api: sent(api).perform_event("payment", {"amount": 1, "x": 1}),
        UNKNOWN,
        "x",
        [],
    ),
    "fees written off that are none": (lambda api: sent(api).writeoff(), STATE, None, None),
    "a row credited that is none": (
        lambda api: sent(api).perform_event("credit", {"mode": "items", "items": [ROW | {"title": "?"}]}),
        VALUE,
        "title",
        ["items", 0],
    ),
    "no amount": (lambda api: sent(api).perform_event("payment"), VALUE, "amount", []),
}


@pytest.mark.parametrize("name", WRONG)
def test_refusals_become_exceptions(api: Any, name: str) -> None:
    wrong, expected, field, path = WRONG[name]
    with pytest.raises(BillogramExceptions.BillogramAPIError) as raised:
        wrong(api)
    error = raised.value
    assert (type(error).__name__, error.field, error.field_path) == (expected, field, path)
    assert str(error)


def test_credentials(served: Served, api: Any) -> None:
    api.settings.refresh()  # the account is born with its key
    user = api._auth[0]
    for key in ("other", ""):
        with pytest.raises(BillogramExceptions.InvalidAuthenticationError):
            client_of(served, user, key).settings.refresh()
        with pytest.raises(BillogramExceptions.InvalidAuthenticationError):
            client_of(served, user, key).customers.create(CUSTOMER)
    assert api.customers.query().count == 0


def test_no_credentials(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", os.devnull)  # where `requests` would look for others
    api._auth = None
    with pytest.raises(BillogramExceptions.RequestDataError, match="credentials missing") as raised:
        api.settings.refresh()
    assert type(raised.value) is BillogramExceptions.RequestDataError


def test_pdfs(served: Served) -> None:
    api = client_of(served, "pdfs")
    billogram = sent(api)
    first = billogram.get_invoice_pdf()
    assert first.startswith(b"%PDF-")
    letter = billogram["events"][-1]["data"]["letter_id"]
    assert billogram.get_invoice_pdf(letter_id=letter, invoice_no=billogram["invoice_no"]) == first
    with pytest.raises(BillogramExceptions.ObjectNotFoundError):
        billogram.get_invoice_pdf(invoice_no=77)
    with pytest.raises(BillogramExceptions.ObjectNotFoundError):
        billogram.get_attachment_pdf()
    billogram.perform_event("attach", {"filename": "a.pdf", "content": "JVBERi0xLjQKJSVFT0YK"})
    assert billogram.get_attachment_pdf() == b"%PDF-1.4\n%%EOF\n"
    assert served.mock("PATCH", "/accounts/pdfs", {"pdf_delay": "1h"}).status_code == 200
    with pytest.raises(BillogramExceptions.ObjectNotFoundError, match="not available yet"):
        billogram.get_invoice_pdf()


def test_a_feature_that_is_off(served: Served) -> None:
    api = client_of(served, "no-credits")
    api.settings.refresh()
    off = served.mock("PATCH", "/accounts/no-credits", {"features": {"standalone_credits": False}})
    assert off.status_code == 200
    with pytest.raises(BillogramExceptions.NotAuthorizedError):
        draft(api, items=[ROW | {"price": -100}])


# a crash


def everything(api: Any) -> list[dict[str, Any]]:
    """All that the client can see, whole."""
    billograms = [api.billogram.get(row["id"]) for row in api.billogram.query().iter_all()]
    customers = list(api.customers.query().iter_all())
    rows = list(api.billogram.query().iter_all())
    items = list(api.items.query().iter_all())
    return [found.data for found in (*customers, *items, *rows, *billograms, api.settings.refresh())]


def test_after_a_crash_everything_is_there(tmp_path: Path) -> None:
    server = Served("--database", "kept.db", cwd=tmp_path)
    api = client_of(server)
    sent(api).create_payment(50)
    sent(api).create_payment(125)
    draft(api).update({"due_days": 10})
    sent(api).send_message("Hello").credit_full()
    api.items.create(ITEM).update({"price": 2})
    api.items.create(ITEM).delete()
    api.settings.update({"invoices": {"default_reminder_fee": 50}})
    draft(api).delete()
    before = everything(api)
    server.kill()
    with Served("--database", "kept.db", cwd=tmp_path) as again:
        api = client_of(again)
        after = everything(api)
        assert [replaced(data, again.address, server.address) for data in after] == before
        with pytest.raises(BillogramExceptions.InvalidAuthenticationError):
            client_of(again, key="other").settings.refresh()
        assert sent(api)["invoice_no"] == 5  # the series goes on, the credit invoice counted
        assert api.items.create(ITEM)["item_no"] == "3"  # numbers are not used again


def replaced(value: Any, old: str, new: str) -> Any:
    """Links name the address under which the server was asked, and that is another one now."""
    if isinstance(value, dict):
        return {name: replaced(member, old, new) for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(element, old, new) for element in value]
    return value.replace(old, new) if isinstance(value, str) else value


def test_a_crash_in_the_middle_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    server = Served("--database", "kept.db", cwd=tmp_path)
    answered: list[dict[str, Any]] = []
    enough = threading.Semaphore(0)

    def work(user: str) -> None:
        api = client_of(server, user)
        try:
            while True:
                answered.append({"user": user} | api.customers.create(CUSTOMER).data)
                enough.release()
        except Exception:  # the crash, however it shows
            enough.release()

    workers = [threading.Thread(target=work, args=(f"shop-{number}",)) for number in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(60):
        enough.acquire()
    server.kill()
    for worker in workers:
        worker.join()
    assert len(answered) >= 60
    with Served("--database", "kept.db", cwd=tmp_path) as again:
        found = [
            {"user": user} | customer.data
            for user in ("shop-0", "shop-1", "shop-2")
            for customer in client_of(again, user).customers.query().iter_all()
        ]
    order = sorted(answered, key=lambda data: (data["user"], data["customer_no"]))
    assert [data for data in found if data in order] == order
    assert len(found) - len(order) <= len(workers)  # at most what was on its way
