"""Billogram's own Python client, unchanged, over a socket; then a crash (reference: clients)."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from billogram_api import BillogramAPI, BillogramExceptions

from tests.e2e.test_cli import Served

NEW_ACCOUNT = Path(__file__).parent.parent / "recorded" / "settings-new-account.json"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
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
    return [found.data for found in (*customers, *rows, *billograms, api.settings.refresh())]


def test_after_a_crash_everything_is_there(tmp_path: Path) -> None:
    server = Served("--database", "kept.db", cwd=tmp_path)
    api = client_of(server)
    sent(api).create_payment(50)
    sent(api).create_payment(125)
    draft(api)
    draft(api).delete()
    before = everything(api)
    server.kill()
    with Served("--database", "kept.db", cwd=tmp_path) as again:
        api = client_of(again)
        after = everything(api)
        assert [replaced(data, again.address, server.address) for data in after] == before
        with pytest.raises(BillogramExceptions.InvalidAuthenticationError):
            client_of(again, key="other").settings.refresh()
        assert sent(api)["invoice_no"] == 3  # the series goes on


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
