"""Billing tabs (reference: api 11, behaviour 6.7, 9.1, webhooks 8.3)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.server import ACCOUNT, KEY, Answer, Server

MOCK = f"/accounts/{ACCOUNT}"
TAB = "/customer/24/billing-tab"
HEADER = "X-API-Deduplication-ID"
ROW = {"title": "Subscription", "price": 100, "vat": 25}
ABSENT = "7e0c8c1a-3f4e-4c56-9a0e-6a1d1f9d2b10"


@pytest.fixture
def tabbed(server: Server) -> Server:
    """An account with the customer 24, who has an e-mail address and no postal one, and with an inbox."""
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": {"url": "mock:inbox"}})
    body = {"customer_no": 24, "name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    assert server.post("/customer", body).status == 200
    return server


def add(server: Server, key: str | None, item: Any = ROW, tab: str = TAB, **more: Any) -> Answer:
    """Add a row. Without a key the header is not sent."""
    headers = {} if key is None else {HEADER: key}
    return server.post(f"{tab}/items", {"billogram_item": item} | more, headers=headers)


def added(server: Server, key: str, item: Any = ROW, tab: str = TAB) -> Any:
    return add(server, key, item, tab).data


def settings(server: Server, tab: str = TAB, **members: Any) -> Answer:
    return server.post(f"{tab}/settings", members)


def advance(server: Server, to: str) -> Any:
    """Move the clock to a local time, such as `2026-03-31 06:00`."""
    zone = "+01:00" if to < "2026-03-29" or to > "2026-10-25" else "+02:00"
    answer = server.mock("POST", f"{MOCK}/clock/advance", {"to": f"{to.replace(' ', 'T')}:00{zone}"})
    assert answer.status == 200, answer.body
    return answer.json


def date_of(server: Server, tab: str = TAB) -> str:
    found: str = server.get(tab).data["billing_tab"]["billing_date"]
    return found


def inbox(server: Server) -> list[Any]:
    """The callbacks that were received, in order."""
    server.mock("POST", f"{MOCK}/deliveries/wait", {"idle": True})
    return [each["json"] for each in server.mock("GET", f"{MOCK}/inbox?limit=1000").json]


def events(server: Server) -> list[tuple[str, str]]:
    """Type and state of each event that the inbox has received."""
    return [
        (each["event"]["type"], each["billogram"]["state"])
        for each in inbox(server)
        if each["callback_type"] == "BillogramEvent"
    ]


def billograms(server: Server) -> list[Any]:
    listed = server.get("/billogram?page=1&page_size=100").data
    return [server.get(f"/billogram/{each['id']}").data for each in listed]


def test_a_billing_tab_over_three_months(tabbed: Server) -> None:
    """Reference: behaviour 9.1."""
    server = tabbed
    frequency = {"billing_frequency": "monthly#31", "delivery_method": "Email"}
    answer = server.post(f"{TAB}/settings", frequency)
    assert answer.json == {
        "status": "OK",
        "data": {"delivery_method": "Email", "billing_frequency": "monthly#31"},
    }
    assert server.get(TAB).status == 404

    first = add(server, "k1")
    tab1, row1 = first.data["billing_tab_id"], first.data["item_id"]
    assert UUID(tab1).version == UUID(row1).version == 4
    shown = {"title": "Subscription", "price": 100, "vat": 25, "count": 1, "unit": "unit"}
    created = "2026-03-02T09:00:00.000000Z"
    assert first.data == {
        "billing_tab_id": tab1, "item_id": row1, "created_at": created, "billogram_item": shown,
    }  # fmt: skip
    assert add(server, "k1").body == first.body
    refused = add(server, "k1", ROW | {"price": 90})
    assert (refused.status, refused.error) == (
        409,
        (
            "INVALID_PARAMETER",
            {"message": f"{HEADER} already used", "field": HEADER, "field_path": None},
        ),
    )
    item = {"item_id": row1, "created_at": created, "billogram_item": shown}
    assert server.get(TAB).json == {
        "status": "OK",
        "data": {
            "customer": {"customer_number": "24"},
            "billing_tab": {"id": tab1, "billing_date": "2026-03-31"},
            "items": [item],
        },
    }

    advance(server, "2026-03-10 10:00")
    second = added(server, "k2", {"title": "Extra", "price": 40, "vat": 25, "count": 2})
    assert second["billing_tab_id"] == tab1
    assert inbox(server) == []

    advance(server, "2026-03-31 06:00")
    assert events(server) == [("BillogramCreated", "Unattested"), ("BillogramSent", "Sending")]
    assert {each["event"]["created_at"] for each in inbox(server)} == {"2026-03-31 04:00:00"}
    (made,) = billograms(server)
    assert [each["title"] for each in made["items"]] == ["Subscription", "Extra"]
    assert (made["invoice_date"], made["due_date"]) == ("2026-03-31", "2026-04-30")
    assert (made["detailed_sums"]["net_sum"], made["total_sum"]) == (180, Decimal("225.0"))
    assert (made["invoice_no"], made["delivery_method"], made["currency"]) == (1, "Email", "SEK")

    assert server.get(TAB).status == 404
    closed = server.get(f"{TAB}/{tab1}").data
    assert closed["billing_tab"] == {"id": tab1, "billing_date": "2026-03-31"}
    assert [each["item_id"] for each in closed["items"]] == [row1, second["item_id"]]
    refused = server.call("DELETE", f"{TAB}/item/{row1}")
    invoiced = ("INVALID_OBJECT_STATE", {"message": "billing tab is invoiced already"})
    assert (refused.status, refused.error) == (400, invoiced)

    advance(server, "2026-04-02 10:00")
    third = added(server, "k3")
    tab2, row3 = third["billing_tab_id"], third["item_id"]
    assert tab2 != tab1
    assert date_of(server) == "2026-04-30"
    advance(server, "2026-04-10 10:00")
    assert server.call("PUT", "/customer/24", {"contact": {"email": ""}}).status == 200

    advance(server, "2026-04-30 06:00")
    assert len(billograms(server)) == 1
    refused_run = inbox(server)[-1]
    del refused_run["callback_id"]
    assert refused_run == {
        "callback_timestamp": "2026-04-30T04:00:00.000000Z",
        "callback_type": "BillingTab",
        "billing_tab": {"customer_number": "24", "id": tab2},
        "event": {
            "type": "BillogramCreationError",
            "response": {
                "status": "INVALID_PARAMETER",
                "data": {"message": "invalid delivery method, email missing"},
            },
        },
    }
    kept = server.get(TAB).data
    assert kept["billing_tab"] == {"id": tab2, "billing_date": "2026-05-31"}
    assert [each["item_id"] for each in kept["items"]] == [row3]

    advance(server, "2026-05-04 10:00")
    answer = server.call("PUT", f"{TAB}/settings", {"billing_frequency": "weekly#5"})
    assert answer.data == {"delivery_method": "Email", "billing_frequency": "weekly#5"}
    assert date_of(server) == "2026-05-08"
    advance(server, "2026-05-05 10:00")
    server.call("PUT", "/customer/24", {"contact": {"email": "contact@example.com"}})

    before = len(inbox(server))
    advance(server, "2026-05-08 06:00")
    told = [each["event"]["type"] for each in inbox(server)[before:]]
    assert told[-2:] == ["BillogramCreated", "BillogramSent"]
    assert [(each["invoice_no"], each["total_sum"]) for each in billograms(server)] == [(1, 225), (2, 125)]
    assert server.get(TAB).status == 404

    advance(server, "2026-05-11 10:00")
    mistake = add(server, "k4", {"title": "Mistake", "price": 1})
    tab3, row4 = mistake.data["billing_tab_id"], mistake.data["item_id"]
    assert mistake.data["billogram_item"] == {"title": "Mistake", "price": 1, "count": 1, "unit": "unit"}
    assert date_of(server) == "2026-05-15"
    removed = server.call("DELETE", f"{TAB}/item/{row4}")
    assert (removed.status, removed.body) == (204, b"")
    assert server.get(TAB).data["items"] == []
    assert add(server, "k4", {"title": "Mistake", "price": 1}).body == mistake.body
    assert server.get(TAB).data["items"] == []

    before = len(inbox(server))
    advance(server, "2026-05-15 06:00")
    assert [each["event"]["type"] for each in inbox(server)[before:]] == []
    assert date_of(server) == "2026-05-22"
    assert len(billograms(server)) == 2

    advance(server, "2026-05-18 10:00")
    assert [server.call("DELETE", f"{TAB}/{each}").status for each in (tab3, "settings")] == [204, 204]
    assert [server.get(f"{TAB}{each}").status for each in ("", "/settings")] == [404, 404]
    assert server.fold().image() == server.image()


# refusals, in the order of the checks


OTHER = "/customer/25/billing-tab"
GOOD = {"billogram_item": ROW}


def at(path: str = "/items", key: str | None = "k", tab: str = TAB) -> Callable[[Server, Any], Answer]:
    headers = {} if key is None else {HEADER: key}
    return lambda server, body: server.post(f"{tab}{path}", body, headers=headers)


_NO_FREQUENCIES: tuple[Any, ...] = (
    *("", "Daily", "weekly", "weekly#0", "weekly#8", "weekly#Fri", "monthly#0", "monthly#32", "monthly#01"),
    *("daily ", 5, True, []),
)
# what is wrong with it, request, body, status, identifier, message, field and its path
REFUSALS: list[tuple[str, Callable[[Server, Any], Answer], Any, int, str, str, Any]] = [
    ("path first", at(tab="/customer/abc/billing-tab", key=None), b"{", 400, "INVALID_PARAMETER", "invalid customer no", ("customer_no", [])),
    ("zero", at(tab="/customer/0/billing-tab"), GOOD, 400, "INVALID_PARAMETER", "invalid customer no", ("customer_no", [])),
    ("customer before header", at(tab="/customer/99/billing-tab", key=None), b"{", 404, "NOT_FOUND", "object not found with id=99", None),
    ("header before body", at(key=None), b"{", 400, "INVALID_PARAMETER", f"{HEADER} not set", (HEADER, None)),
    ("empty header", at(key=" "), GOOD, 400, "INVALID_PARAMETER", f"{HEADER} not set", (HEADER, None)),
    ("long header", at(key="k" * 37), GOOD, 400, "INVALID_PARAMETER", f"{HEADER} too long, maximum 36 characters", (HEADER, None)),
    ("odd header", at(key="a\x07b"), GOOD, 400, "INVALID_PARAMETER", f"invalid {HEADER}", (HEADER, None)),
    ("no JSON", at(), b"{", 400, "INVALID_PARAMETER", "invalid JSON", None),
    ("unknown at the top", at(), {**GOOD, "other": 1}, 400, "UNKNOWN_PARAMETER", "unexpected key: other", ("other", [])),
    ("unknown in the row", at(), {"billogram_item": {"x": 1, "vat": "y"}}, 400, "UNKNOWN_PARAMETER", "unexpected key: x", ("x", ["billogram_item"])),
    ("type before missing", at(), {"billogram_item": {"vat": 101}}, 400, "INVALID_PARAMETER", "invalid vat", ("vat", ["billogram_item"])),
    ("no row", at(), {}, 400, "INVALID_PARAMETER", "Billogram item not set", ("billogram_item", [])),
    ("null row", at(), {"billogram_item": None}, 400, "INVALID_PARAMETER", "Billogram item not set", ("billogram_item", [])),
    ("a list", at(), {"billogram_item": [1]}, 400, "INVALID_PARAMETER", "invalid billogram item", ("billogram_item", [])),
    ("no title", at(), {"billogram_item": []}, 400, "INVALID_PARAMETER", "Title not set", ("title", ["billogram_item"])),
    ("empty title", at(), {"billogram_item": {"title": "", "item_no": 1}}, 400, "INVALID_PARAMETER", "Title not set", ("title", ["billogram_item"])),
    ("long title", at(), {"billogram_item": {"title": "x" * 101}}, 400, "INVALID_PARAMETER", "title too long, maximum 100 characters", ("title", ["billogram_item"])),
    ("long description", at(), {"billogram_item": {**ROW, "description": "x" * 201}}, 400, "INVALID_PARAMETER", "description too long, maximum 200 characters", ("description", ["billogram_item"])),
    ("unit", at(), {"billogram_item": {**ROW, "unit": "barrel"}}, 400, "INVALID_PARAMETER", "invalid unit", ("unit", ["billogram_item"])),
    ("object", at(), {"billogram_item": {**ROW, "bookkeeping": {"objects": [{"object_id": "1"}]}}}, 400, "INVALID_PARAMETER", "Dimension id not set", ("dimension_id", ["billogram_item", "bookkeeping", "objects", 0])),
    ("value before the key", at(key="used"), {"billogram_item": {}}, 400, "INVALID_PARAMETER", "Title not set", ("title", ["billogram_item"])),
    ("key", at(key="used"), {"billogram_item": {**ROW, "price": 1}}, 409, "INVALID_PARAMETER", f"{HEADER} already used", (HEADER, None)),
    ("no settings", at("/settings"), {}, 400, "INVALID_PARAMETER", "billing_frequency or delivery_method required", None),
    ("empty method", at("/settings"), {"delivery_method": ""}, 400, "INVALID_PARAMETER", "billing_frequency or delivery_method required", None),
    ("method", at("/settings"), {"delivery_method": "Efaktura"}, 400, "INVALID_PARAMETER", "invalid delivery method", ("delivery_method", [])),
    ("unknown setting", at("/settings"), {"frequency": "daily"}, 400, "UNKNOWN_PARAMETER", "unexpected key: frequency", ("frequency", [])),
    *(
        (f"frequency {text!r}", at("/settings"), {"billing_frequency": text}, 400, "INVALID_PARAMETER", "invalid billing frequency", ("billing_frequency", []))
        for text in _NO_FREQUENCIES
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refusals(tabbed: Server, case: tuple[Any, ...]) -> None:
    _, request, body, status, identifier, message, field = case
    added(tabbed, "used")
    image = tabbed.image()
    answer = request(tabbed, body)
    expected = {"message": message}
    if field is not None:
        expected |= {"field": field[0], "field_path": field[1]}
    assert (answer.status, answer.error) == (status, (identifier, expected))
    assert tabbed.image() == image


IDS = [
    ("GET", "", 404, "24"),
    ("GET", "/settings", 404, "24"),
    ("DELETE", "/settings", 404, "24"),
    *((method, f"/{path}{ABSENT}", 404, ABSENT) for method in ("GET", "DELETE") for path in ("", "item/")),
    ("GET", f"/{ABSENT.upper()}", 404, ABSENT.upper()),
    ("GET", "/none", 400, "billing_tab_id"),
    ("DELETE", "/item/none", 400, "billing_tab_item_id"),
    ("GET", f"/item/{ABSENT.replace('-', '')}", 400, "billing_tab_item_id"),
]


@pytest.mark.parametrize(("method", "path", "status", "named"), IDS)
def test_paths_of_what_is_not_there(tabbed: Server, method: str, path: str, status: int, named: str) -> None:
    answer = tabbed.call(method, TAB + path)
    assert answer.status == status
    if status == 404:
        assert answer.error == ("NOT_FOUND", {"message": f"object not found with id={named}"})
    else:
        message = f"invalid {named.replace('_', ' ')}"
        assert answer.error[1] == {"message": message, "field": named, "field_path": []}


def test_methods_that_a_path_does_not_have(tabbed: Server) -> None:
    answer = tabbed.get(f"{TAB}/items")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert tabbed.call("DELETE", TAB).status == 405


def test_tabs_and_rows_are_found_by_their_customer_alone_and_in_any_case(tabbed: Server) -> None:
    tabbed.post("/customer", {"customer_no": 25, "name": "Other"})
    row = added(tabbed, "k")
    tab, item = row["billing_tab_id"], row["item_id"]
    assert tabbed.get(f"{TAB}/{tab.upper()}").data == tabbed.get(TAB).data
    assert tabbed.get(f"{TAB}/item/{item.upper()}").data == row
    for method in ("GET", "DELETE"):
        assert tabbed.call(method, f"{OTHER}/{tab}").status == 404
        assert tabbed.call(method, f"{OTHER}/item/{item}").status == 404
    assert add(tabbed, "k", tab=OTHER).status == 200, "keys belong to a customer"
    assert tabbed.call("DELETE", f"{TAB}/{tab}").status == 204
    for path in (f"/{tab}", f"/item/{item}"):
        for method in ("GET", "DELETE"):
            assert tabbed.call(method, TAB + path).status == 404


def test_what_an_answer_shows_of_a_row(tabbed: Server) -> None:
    sent = {"price": "29.90", "title": 5, "vat": 25.0, "unit": None, "external_id": 7, "count": "2"}
    shown = added(tabbed, "k", sent)["billogram_item"]
    assert shown == {"price": "29.90", "title": 5, "vat": 25, "external_id": 7, "count": "2", "unit": "unit"}
    body = add(tabbed, "k", sent).body
    assert (
        b'"billogram_item":{"price":"29.90","title":5,"vat":25.0,"external_id":7,"count":"2","unit":"unit"}'
        in body
    )
    blank = {"title": "Row", "count": "", "unit": "", "bookkeeping": None}
    assert added(tabbed, "blank", blank)["billogram_item"] == {"title": "Row", "count": 1, "unit": "unit"}
    tabbed.post("/item", {"item_no": "A", "title": "A", "price": 7, "vat": 6, "unit": "hour"})
    assert added(tabbed, "known", {"item_no": "A"})["billogram_item"] == {"item_no": "A", "count": 1}
    unknown = added(tabbed, "unknown", {"item_no": "B"})["billogram_item"]
    assert unknown == {"item_no": "B", "count": 1, "unit": "unit"}


# deduplication


def test_equal_bodies_are_equal_as_json(tabbed: Server) -> None:
    first = add(tabbed, "k", {"title": "Row", "price": 1, "vat": 25})
    for same in (
        b'{"billogram_item":{"vat":25.0,"price":1e0,"title":"Row"}}',
        b' {"billogram_item" : {"price":1.00,"title":"\\u0052ow","vat":25}} ',
    ):
        assert tabbed.post(f"{TAB}/items", same, headers={HEADER: "k"}).body == first.body
    for other in ({"price": "1"}, {"unit": None}, {"count": 1}, {"price": True}):
        if other != {"price": True}:  # which is no number
            assert add(tabbed, "k", {"title": "Row", "price": 1, "vat": 25} | other).status == 409
    assert add(tabbed, "K", {"title": "Row"}).status == 200
    assert len(tabbed.get(TAB).data["items"]) == 2


def test_a_key_is_remembered_for_ever(tmp_path: Any) -> None:
    """After the row is deleted, its tab is deleted or invoiced, a restart, in a fork, after a restore."""
    file = tmp_path / "log.db"
    server = Server(database=str(file))
    try:
        body = {"customer_no": 24, "name": "A", "contact": {"email": "a@example.com"}}
        server.post("/customer", body)
        settings(server, delivery_method="Email")
        first = {name: add(server, name) for name in ("deleted", "discarded", "billed")}
        server.call("DELETE", f"{TAB}/item/{first['deleted'].data['item_id']}")
        server.mock("POST", f"{MOCK}/snapshots", {"name": "before"})
        server.call("DELETE", f"{TAB}/{first['discarded'].data['billing_tab_id']}")
        first["billed"] = add(server, "late")
        advance(server, "2026-04-01 06:00")
        first["late"] = first.pop("billed")
        assert server.get(TAB).status == 404

        def same(where: Server, account: str = ACCOUNT) -> None:
            where.get("/settings", account=account)  # a fork adopts the first key
            position = where.position(account)
            for name, answer in first.items():
                headers = {HEADER: name}
                again = where.call("POST", f"{TAB}/items", GOOD, account=account, headers=headers)
                assert again.body == answer.body
                other = {"billogram_item": {"title": "Another"}}
                again = where.call("POST", f"{TAB}/items", other, account=account, headers=headers)
                assert again.status == 409
            assert where.position(account) == position

        same(server)
        server.mock("POST", f"{MOCK}/fork", {"id": "fork"})
        same(server, "fork")
        server.close()
        server = Server(database=str(file))
        same(server)
        same(server, "fork")
        assert server.fold().image() == server.image()
        server.mock("POST", f"{MOCK}/snapshots/before/restore")
        del first["late"]
        same(server)
        assert len(server.get(TAB).data["items"]) == 2
    finally:
        server.close()


# billing


def bill_of(server: Server, tab: str = TAB) -> Any:
    """The billogram that the next run makes."""
    until = date_of(server, tab)
    advance(server, f"{until} 06:00")
    return billograms(server)[-1]


def test_rows_are_completed_when_they_are_billed(tabbed: Server) -> None:
    server = tabbed
    settings(server, billing_frequency="daily", delivery_method="DoNotNotify")
    server.post("/item", {"item_no": "A", "title": "Item A", "price": 10, "vat": 6, "unit": "hour"})
    added(server, "1", {"item_no": "A"})
    added(server, "2", {"item_no": "A", "title": "Own", "price": 5, "count": 3, "discount": 1})
    added(server, "3", {"item_no": "later", "title": "Not known yet"})
    added(server, "4", {"title": "Plain", "bookkeeping": {"income_account": "3999"}, "unit": "-"})
    added(server, "5", {"title": "Rot", "regional_sweden": {"rotavdrag": True}, "external_id": "x"})
    server.call("PUT", "/item/A", {"price": 11})
    server.post("/item", {"item_no": "later", "title": "Later", "price": 2, "vat": 12, "unit": "day"})
    made = bill_of(server)
    names = ("title", "price", "vat", "unit", "count", "discount")
    assert [tuple(each[name] for name in names) for each in made["items"]] == [
        ("Item A", 11, 6, "hour", 1, 0),
        ("Own", 5, 6, "hour", 3, 1),
        ("Not known yet", 2, 12, "unit", 1, 0),
        ("Plain", 0, 0, "-", 1, 0),
        ("Rot", 0, 0, "unit", 1, 0),
    ]
    assert made["items"][3]["bookkeeping"]["income_account"] == "3999"
    assert made["items"][4]["regional_sweden"]["rotavdrag"] is True
    assert made["items"][4]["external_id"] == "x"
    assert made["delivery_method"] == "DoNotNotify"


@pytest.mark.parametrize(
    ("item", "message", "field"),
    [
        ({"item_no": "A"}, "Title not set", "title"),
        ({"item_no": "A", "title": "Own"}, "Price not set", "price"),
        ({"item_no": "A", "title": "Own", "price": 1}, "Vat not set", "vat"),
        ({"item_no": "none"}, "Title not set", "title"),
    ],
)
def test_an_item_that_has_left_the_register(tabbed: Server, item: Any, message: str, field: str) -> None:
    server = tabbed
    settings(server, billing_frequency="weekly#Friday", delivery_method="DoNotNotify")
    server.post("/item", {"item_no": "A", "title": "Item A", "price": 10, "vat": 6, "unit": "hour"})
    added(server, "0", {"title": "First"})
    tab = added(server, "1", item)["billing_tab_id"]
    server.call("DELETE", "/item/A")
    position = server.position()
    advance(server, "2026-03-06 06:00")
    (told,) = inbox(server)
    data = {"message": message, "field": field, "field_path": ["items", 1]}
    response = {"status": "INVALID_PARAMETER", "data": data}
    assert told["event"] == {"type": "BillogramCreationError", "response": response}
    body = {
        "customer": {"customer_no": 24},
        "items": [{"title": "First", "count": 1, "price": 0, "vat": 0}, item | {"count": 1}],
    }
    asked = server.post("/billogram", body | {"on_success": {"command": "send", "method": "DoNotNotify"}})
    assert asked.json == response, "exactly as a request is answered"
    assert server.position() == position + 2  # the refused run, and the move of the clock
    assert server.state().account.billograms == server.state().account.highest_invoice_no == 0
    assert date_of(server) == "2026-03-13"
    shown = server.mock("GET", f"{MOCK}/tabs/{tab}").json
    assert (shown["status"], shown["billogram"], shown["refusal"]) == ("active", None, response)
    server.call("DELETE", f"{TAB}/item/{server.get(TAB).data['items'][1]['item_id']}")
    made = bill_of(server)
    assert (made["invoice_no"], [each["title"] for each in made["items"]]) == (1, ["First"])
    shown = server.mock("GET", f"{MOCK}/tabs/{tab}").json
    assert (shown["status"], shown["billogram"], shown["refusal"]) == ("invoiced", made["id"], None)


def test_more_rows_than_a_billogram_has(tabbed: Server) -> None:
    server = tabbed
    settings(server, billing_frequency="daily", delivery_method="DoNotNotify")
    for number in range(1001):
        added(server, f"{number}")
    advance(server, "2026-03-03 06:00")
    data = {"message": "items too long, maximum 1000 rows", "field": "items", "field_path": []}
    assert inbox(server)[-1]["event"]["response"] == {"status": "INVALID_PARAMETER", "data": data}
    server.call("DELETE", f"{TAB}/item/{server.get(TAB).data['items'][7]['item_id']}")
    assert len(bill_of(server)["items"]) == 1000


def test_a_negative_sum_makes_a_credit_if_the_account_may_have_it(tabbed: Server) -> None:
    server = tabbed
    settings(server, billing_frequency="daily", delivery_method="Email")
    server.mock("PATCH", MOCK, {"features": {"standalone_credits": False}})
    added(server, "1", {"title": "Back", "price": -100, "vat": 25})
    advance(server, "2026-03-03 06:00")
    assert inbox(server)[-1]["event"]["response"]["status"] == "PERMISSION_DENIED"
    server.mock("PATCH", MOCK, {"features": {"standalone_credits": True}})
    made = bill_of(server)
    assert (made["total_sum"], made["state"]) == (Decimal(-125), "Unpaid")


def test_a_tab_belongs_to_the_customer_and_not_to_the_number(tabbed: Server) -> None:
    server = tabbed
    settings(server, billing_frequency="daily", delivery_method="Email")
    row = added(server, "1")
    closed = bill_of(server)["id"]
    tab = added(server, "2")["billing_tab_id"]
    server.call("PUT", "/customer/24", {"customer_no": 77})
    server.post("/customer", {"customer_no": 24, "name": "Another"})
    moved = "/customer/77/billing-tab"
    assert [server.get(path).status for path in (TAB, f"{TAB}/settings", f"{TAB}/{tab}")] == [404] * 3
    for key in (tab, row["billing_tab_id"]):
        assert server.get(f"{moved}/{key}").data["customer"] == {"customer_number": "77"}
    assert server.get(f"{moved}/settings").data["billing_frequency"] == "daily"
    assert add(server, "1", tab=moved).data == row
    assert add(server, "1").data != row, "the other customer has keys of its own"
    made = bill_of(server, moved)
    assert (made["customer"]["customer_no"], made["items"][0]["title"]) == (77, "Subscription")
    listed = server.mock("GET", f"{MOCK}/tabs?customer=77").json
    assert [each["billogram"] for each in listed] == [closed, made["id"]]


# settings


def test_settings_follow_the_account_and_move_the_date(tabbed: Server) -> None:
    server = tabbed
    added(server, "1")
    assert date_of(server) == "2026-04-01", "monthly#1"
    assert server.get(f"{TAB}/settings").status == 404
    nothing = {"delivery_method": None, "billing_frequency": None}
    assert settings(server, billing_frequency=None).data == nothing
    assert server.get(f"{TAB}/settings").data == nothing
    for frequency, date in (
        ("monthly#1", "2026-04-01"),
        ("daily", "2026-03-03"),
        ("weekly#FRIDAY", "2026-03-06"),
        ("weekly#5", "2026-03-06"),
        ("monthly#31", "2026-03-31"),
    ):
        assert settings(server, billing_frequency=frequency).data["billing_frequency"] == frequency
        assert date_of(server) == date
    position = server.position()
    settings(server, billing_frequency="monthly#31")
    assert server.position() == position, "nothing changes"
    both = server.call("PUT", f"{TAB}/settings", {"delivery_method": "SMS"}).data
    assert both == {"delivery_method": "SMS", "billing_frequency": "monthly#31"}
    assert date_of(server) == "2026-03-31"
    assert server.call("DELETE", f"{TAB}/settings").status == 204
    assert date_of(server) == "2026-04-01"


def test_a_frequency_that_means_the_same_moves_nothing(tabbed: Server) -> None:
    """A date that a refused run has left behind stays, though today would give another one."""
    server = tabbed
    settings(server, billing_frequency="weekly#5", delivery_method="EDI")
    added(server, "1")
    advance(server, "2026-03-06 06:00")
    settings(server, billing_frequency="weekly#Friday")
    assert date_of(server) == "2026-03-13"


@pytest.mark.parametrize(
    "method", ["Email+Letter", "Email", "SMS+Letter", "SMS", "Letter", "Einvoice", "EDI", "DoNotNotify"]
)
def test_all_eight_methods_send(tabbed: Server, method: str) -> None:
    server = tabbed
    more = {"phone": "0700000001"}
    address = {"street_address": "Testgatan 1", "zipcode": "12345", "city": "Teststad"}
    server.call("PUT", "/customer/24", {"contact": more, "address": address, "edi": {"electronic_id": "7"}})
    server.post("/customer/24/einvoice", {"identifier": "190000000000.SHB.SE"})
    settings(server, billing_frequency="daily", delivery_method=method)
    added(server, "1")
    assert bill_of(server)["delivery_method"] == method


# time


def test_the_run_is_at_six_on_days_that_change_the_clock(tabbed: Server) -> None:
    server = tabbed
    settings(server, billing_frequency="daily", delivery_method="DoNotNotify")
    for eve, day, hour in (
        ("2026-03-28", "2026-03-29", "2026-03-29T06:00:00+02:00"),
        ("2026-10-24", "2026-10-25", "2026-10-25T06:00:00+01:00"),
    ):
        advance(server, f"{eve} 12:00")
        added(server, eve)
        assert date_of(server) == day
        (entry,) = [
            each for each in server.mock("GET", f"{MOCK}/agenda").json if each["rule"] == "billing tab"
        ]
        assert entry["at"] == hour
        moved = server.mock("POST", f"{MOCK}/clock/advance", {"to": hour}).json
        (run,) = [each for each in moved["happened"] if each["rule"] == "billing tab"]
        assert run["at"] == hour


def test_the_agenda_a_dry_run_and_the_timeline_tell_of_it(tabbed: Server) -> None:
    server = tabbed
    settings(server, delivery_method="Email")
    added(server, "1")
    (entry,) = server.mock("GET", f"{MOCK}/agenda").json
    assert entry == {
        "at": "2026-04-01T06:00:00+02:00",
        "rule": "billing tab",
        "billogram": None,
        "reason": "the billing tab of customer 24 is invoiced on its date 2026-04-01",
    }
    image = server.image()
    tried = server.mock("POST", f"{MOCK}/clock/advance", {"by": "31d", "dry_run": True}).json
    assert server.image() == image
    done = server.mock("POST", f"{MOCK}/clock/advance", {"by": "31d"}).json
    assert tried["happened"] == done["happened"]
    (run,) = done["happened"]
    (made,) = billograms(server)
    assert (run["rule"], run["billogram"]) == ("billing tab", made["id"])
    rows = server.mock("GET", f"{MOCK}/timeline?kind=act").json
    (row,) = [each for each in rows if each["rule"] == "billing tab"]
    assert (row["records"], row["billograms"]) == (["TabBilled"], [made["id"]])
    assert [each["type"] for each in row["events"]] == ["BillogramCreated", "BillogramSent"]


def test_another_zone_moves_the_hour(tabbed: Server) -> None:
    server = tabbed
    added(server, "1")
    server.mock("PATCH", MOCK, {"timezone": "Europe/Helsinki"})
    (entry,) = server.mock("GET", f"{MOCK}/agenda").json
    assert entry["at"] == "2026-04-01T06:00:00+03:00"
    assert server.fold().image() == server.image()


def test_one_long_move_is_many_short_ones(tabbed: Server) -> None:
    """Of tabs that are invoiced, refused and empty, by several frequencies."""
    server = tabbed
    for number, frequency in enumerate(("daily", "weekly#7", "monthly#31", "monthly#1", "weekly#1")):
        tab = f"/customer/{100 + number}/billing-tab"
        server.post("/customer", {"customer_no": 100 + number, "name": "A"})
        method = "EDI" if number % 2 else "DoNotNotify"
        settings(server, tab, billing_frequency=frequency, delivery_method=method)
        row = added(server, "1", tab=tab)
        if number == 4:
            server.call("DELETE", f"{tab}/item/{row['item_id']}")
    for name in ("long", "short"):
        server.mock("POST", f"{MOCK}/fork", {"id": name})
    server.mock("PATCH", "/accounts/short", {})
    server.mock("POST", "/accounts/long/clock/advance", {"by": "70d"})
    for span in ("5h", "20h", "30d", "1h", "6d"):
        server.mock("POST", "/accounts/short/clock/advance", {"by": span})
    until = server.mock("GET", "/accounts/long/clock").json["now"]
    server.mock("POST", "/accounts/short/clock/advance", {"to": until})
    shown = [
        [
            {**each, "id": None, "billogram": each["billogram"] is not None}
            for each in server.mock("GET", f"/accounts/{name}/tabs").json
        ]
        for name in ("long", "short")
    ]
    assert shown[0] == shown[1]
    happened = [
        [
            (each["at"], each["rule"], each["records"])
            for each in server.mock("GET", f"/accounts/{name}/timeline?kind=act").json
            if each["rule"] == "billing tab"
        ]
        for name in ("long", "short")
    ]
    assert happened[0] == happened[1]
    assert len(happened[0]) > 10


def test_the_control_plane_lists_tabs_and_diff_knows_them(tabbed: Server) -> None:
    server = tabbed
    settings(server, billing_frequency="daily", delivery_method="DoNotNotify")
    server.mock("POST", f"{MOCK}/snapshots", {"name": "before"})
    keys = []
    for number in range(3):
        keys.append(added(server, f"{number}")["billing_tab_id"])
        if number < 2:
            bill_of(server)
    found = server.mock("GET", f"{MOCK}/diff?against=snapshot:before").json["differences"]
    kinds = {each["kind"] for each in found}
    assert {"billing tab", "billing tab row", "billing tabs of a customer"} <= kinds

    def listed(query: str) -> list[str]:
        return [each["id"] for each in server.mock("GET", f"{MOCK}/tabs{query}").json]

    assert listed("") == listed("?customer=24") == keys
    assert listed("?status=invoiced") == keys[:2]
    assert listed("?status=active&customer=24") == keys[2:]
    assert listed(f"?limit=1&before={keys[2]}") == keys[1:2]
    server.call("DELETE", f"{TAB}/{keys[2]}")
    assert listed("?customer=24") == keys[:2]
    one = server.mock("GET", f"{MOCK}/tabs/{keys[0].upper()}").json
    assert one["items"] == server.get(f"{TAB}/{keys[0]}").data["items"]
    server.mock("POST", f"{MOCK}/snapshots/before/restore")
    assert listed("") == []
