"""Customers and billograms in the control plane: as the API shows them, filtered, in pages (control 1)."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.server import ACCOUNT, KEY, NO_BODY, Server

A = f"/accounts/{ACCOUNT}"
B = f"{A}/billograms"
DEMO = {"id": ACCOUNT, "key": KEY, "fixture": "demo"}


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    """An account of the fixture `demo`. No test changes it."""
    server = Server()
    assert server.mock("POST", "/accounts", DEMO).status == 201
    yield server
    server.close()


def listed(server: Server, query: str = "") -> list[Any]:
    found: list[Any] = server.mock("GET", B + query).json
    return found


def ids(server: Server, query: str = "") -> list[str]:
    return [each["id"] for each in listed(server, query)]


def by_the_api(server: Server) -> dict[str, Any]:
    """All billograms of the account, as its API shows them."""
    rows = server.get("/billogram?page=1&page_size=1000").data
    return {row["id"]: server.get(f"/billogram/{row['id']}").data for row in rows}


def without_internal(shown: dict[str, Any]) -> dict[str, Any]:
    assert "internal" in shown
    return {name: value for name, value in shown.items() if name != "internal"}


# as the API shows them


def test_billograms_are_those_of_the_api(demo: Server) -> None:
    known = by_the_api(demo)
    shown = listed(demo, "?limit=1000")
    assert [each["id"] for each in shown] == list(known)
    assert [without_internal(each) for each in shown] == list(known.values())
    for each in shown[:20]:
        assert demo.mock("GET", f"{B}/{each['id']}").json == each


def test_customers_are_those_of_the_api(demo: Server) -> None:
    rows = demo.get("/customer?page=1&page_size=1000").data
    shown = demo.mock("GET", f"{A}/customers?limit=1000").json
    assert [without_internal(each) for each in shown] == rows
    for each in shown:
        number = each["customer_no"]
        assert demo.mock("GET", f"{A}/customers/{number}").json == each
        own = [b for b in by_the_api(demo).values() if b["customer"]["customer_no"] == number]
        assert each["internal"]["billograms"] == len(own)
        assert each["internal"]["remaining_sum"] == sum(b["remaining_sum"] for b in own)
        sources = demo.mock("GET", f"{A}/payment-sources").json
        assert each["internal"]["payment_sources"] == [s for s in sources if s["customer_no"] == number]


def test_what_the_api_does_not_show(demo: Server) -> None:
    agenda = {each["billogram"]: each for each in reversed(demo.mock("GET", f"{A}/agenda").json)}
    payments = demo.mock("GET", f"{A}/payments").json
    for each in listed(demo, "?limit=1000"):
        internal = each["internal"]
        assert internal["state"] == str(demo.state().billograms[each["id"]].internal)
        assert internal["agenda"] == agenda.get(each["id"])
        planned = [p for p in payments if p["status"] == "scheduled" and p["billogram"] == each["id"]]
        assert internal["debits"] == planned


def test_losses(server: Server) -> None:
    lost, settled, marked = (server.sent()["id"] for _ in range(3))
    server.command(lost, "confirmed-loss")
    server.command(settled, "payment", {"amount": 100})
    server.command(settled, "settle-underpayment")
    server.command(marked, "writedown")
    none = dict.fromkeys(("written_off", "settled_underpayment", "confirmed_loss", "written_down"), 0)
    assert [each["internal"]["losses"] for each in listed(server)] == [
        none | {"confirmed_loss": 125},
        none | {"settled_underpayment": 25},
        none | {"written_down": 125},
    ]
    server.command(marked, "revert-writedown")
    assert listed(server)[-1]["internal"]["losses"] == none


# filters


def test_states(demo: Server) -> None:
    known = by_the_api(demo)
    states = {each["state"] for each in known.values()}
    assert len(states) > 4
    for state in states:
        expected = [key for key, each in known.items() if each["state"] == state]
        assert ids(demo, f"?limit=1000&state={state}") == expected
        assert ids(demo, f"?limit=2&state={state.lower()}") == expected[-2:]
    two = sorted(states)[:2]
    expected = [key for key, each in known.items() if each["state"] in two]
    assert ids(demo, f"?limit=1000&state={two[0]},%20{two[1]}") == expected


def test_a_customer(demo: Server) -> None:
    known = by_the_api(demo)
    for number in {each["customer"]["customer_no"] for each in known.values()}:
        own = {key: each for key, each in known.items() if each["customer"]["customer_no"] == number}
        assert ids(demo, f"?limit=1000&customer={number}") == list(own)
        paid = [key for key, each in own.items() if each["state"] == "Paid"]
        assert ids(demo, f"?limit=1000&customer={number}&state=Paid") == paid
    assert ids(demo, "?customer=999999999") == []


def test_search(demo: Server) -> None:
    for key, each in list(by_the_api(demo).items())[::7]:
        name = each["customer"]["name"]
        assert ids(demo, f"?search={key}") == [key]
        assert key in ids(demo, f"?limit=1000&search={quote_plus(name.upper())}")
        if each["ocr_number"]:
            assert ids(demo, f"?search={each['ocr_number']}") == [key]
            assert key in ids(demo, f"?limit=1000&search={each['invoice_no']}")
            assert ids(demo, f"?search={each['ocr_number']}+{quote_plus(name.split()[0])}+{key}") == [key]
    assert ids(demo, "?search=nobody+is+called+so") == []
    some = demo.mock("GET", f"{A}/customers").json[2]
    word = quote_plus(some["name"].split()[0].lower())
    assert some in demo.mock("GET", f"{A}/customers?search={word}").json
    assert demo.mock("GET", f"{A}/customers?search=nobody+is+called+so").json == []


# pages


@pytest.mark.parametrize("query", ["", "&state=Paid", "&search=a", "&customer={busiest}"])
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_of_billograms(demo: Server, query: str, limit: int) -> None:
    customers = demo.mock("GET", f"{A}/customers").json
    busiest = max(customers, key=lambda each: each["internal"]["billograms"])["customer_no"]
    query = query.format(busiest=busiest)
    whole = ids(demo, f"?limit=1000{query}")
    assert len(whole) > 3
    assert ids(demo, f"?limit={limit}{query}") == whole[-limit:]
    for place in {0, 1, len(whole) // 2, len(whole) - 1}:
        key = whole[place]
        before = whole[:place]
        assert ids(demo, f"?limit={limit}{query}&before={key}") == before[-limit:]
        assert ids(demo, f"?limit={limit}{query}&after={key}") == whole[place + 1 :][:limit]
        if place:
            between = whole[1:place]
            assert ids(demo, f"?limit={limit}{query}&after={whole[0]}&before={key}") == between[:limit]


def test_a_page_has_a_hundred_rows_unless_it_is_asked_for(server: Server) -> None:
    customer = {"customer_no": server.customer()}
    made = [server.draft(customer=customer)["id"] for _ in range(102)]
    assert ids(server) == made[2:]
    assert ids(server, "?limit=999999999") == made


def test_the_ids_of_a_page_need_not_match_its_filter(demo: Server) -> None:
    known = by_the_api(demo)
    paid = [key for key, each in known.items() if each["state"] == "Paid"]
    other = next(key for key, each in reversed(known.items()) if each["state"] != "Paid")
    place = list(known).index(other)
    expected = [key for key in paid if list(known).index(key) < place]
    assert ids(demo, f"?limit=1000&state=Paid&before={other}") == expected


def test_pages_of_customers(demo: Server) -> None:
    def numbers(query: str) -> list[int]:
        return [each["customer_no"] for each in demo.mock("GET", f"{A}/customers{query}").json]

    whole = numbers("")
    assert whole == sorted(whole)
    assert numbers("?limit=2") == whole[-2:]
    assert numbers(f"?limit=2&before={whole[-2]}") == whole[-4:-2]
    assert numbers(f"?limit=2&after={whole[0]}") == whole[1:3]


def some_of_everything(server: Server) -> None:
    """Four of everything that is listed in pages."""
    body = {"id": ACCOUNT, "key": KEY, "callbacks": {"url": "mock:inbox"}, "clock": {"mode": "frozen"}}
    server.mock("POST", "/accounts", body)
    for number in range(4):
        server.mock("POST", "/accounts", {"id": f"other-{number}"})
        customer = server.customer()
        mandate = {"customer_no": customer, "iban": "DE89370400440532013000"}
        server.post("/sepa_dd_mandate", mandate | {"signed_at": "2026-02-01 00:00:00"})
        key = server.sent(customer={"customer_no": customer})["id"]
        server.mock("POST", f"{A}/payments", {"amount": 1, "billogram": key})
        server.mock("POST", f"{A}/snapshots", {"name": f"snapshot {number}"})
    server.mock("POST", f"{A}/deliveries/wait", {"idle": True})


LISTS = {
    "/accounts": "id",
    f"{A}/customers": "customer_no",
    f"{A}/billograms": "id",
    f"{A}/payments": "id",
    f"{A}/payment-sources": "id",
    f"{A}/deliveries": "id",
    f"{A}/inbox": "number",
    f"{A}/outbox": "letter_id",
    f"{A}/requests": "id",
    f"{A}/snapshots": "name",
}


def test_pages_of_every_list(server: Server) -> None:
    some_of_everything(server)
    for path, member in LISTS.items():

        def listed(query: str, path: str = path) -> Any:
            return server.mock("GET", path + query).json

        whole = listed("")
        names = [quote_plus(str(row[member])) for row in whole]
        assert len(whole) >= 4, path
        assert len(set(names)) == len(whole)
        assert listed("?limit=3") == whole[-3:]
        for place, name in enumerate(names):
            assert listed(f"?before={name}") == whole[:place]
            assert listed(f"?limit=2&before={name}") == whole[:place][-2:]
            assert listed(f"?after={name}") == whole[place + 1 :]
            assert listed(f"?limit=2&after={name}") == whole[place + 1 :][:2]
        assert listed(f"?after={names[0]}&before={names[3]}") == whole[1:3]
        if path != f"{A}/requests":
            for name in ("before", "after"):
                refused = server.mock("GET", f"{path}?{name}=unknown")
                assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_query")
    key = server.mock("GET", f"{A}/billograms?limit=1").json[0]["id"]
    assert [row["billogram"] for row in server.mock("GET", f"{A}/outbox?billogram={key}").json] == [key]
    payments = server.mock("GET", f"{A}/payments?billogram={key}").json
    assert [part["billogram"] for each in payments for part in each["allocations"]] == [key]


# what is not there


def test_deleted_ones_are_not_shown(server: Server) -> None:
    kept, gone = server.draft()["id"], server.draft()["id"]
    server.call("DELETE", f"/billogram/{gone}")
    assert ids(server) == [kept]
    assert ids(server, f"?before={gone}") == [kept]
    assert server.mock("GET", f"{B}/{gone}").status == 404


def test_nothing_yet(server: Server) -> None:
    server.get("/settings")
    assert listed(server) == []
    assert server.mock("GET", f"{A}/customers", NO_BODY).json == []


# order


@pytest.mark.parametrize("name", ["total_sum", "remaining_sum", "due_date"])
def test_billograms_are_sorted_by_a_member(demo: Server, name: str) -> None:
    shown = listed(demo, f"?order={name}&limit=1000")
    assert [each[name] for each in shown] == sorted(each[name] for each in shown)
    backwards = [each[name] for each in listed(demo, f"?order=-{name}&limit=1000")]
    assert backwards == [each[name] for each in shown][::-1]
    first = ids(demo, f"?order={name}&limit=4")
    assert first == [each["id"] for each in shown][-4:]
    assert ids(demo, f"?order={name}&limit=4&before={first[0]}") == [each["id"] for each in shown][-8:-4]


def test_names_are_sorted_as_in_swedish() -> None:
    server = Server()
    for number, name in enumerate(("Öberg", "Zeta", "Ärlig", "Åberg", "adam"), 1):
        server.post("/customer", {"customer_no": number, "name": name})
        row = {"title": "Work", "count": 1, "price": 1, "vat": 0}
        server.post("/billogram", {"customer": {"customer_no": number}, "items": [row]})
    shown = [each["customer"]["name"] for each in listed(server, "?order=customer")]
    server.close()
    assert shown == ["adam", "Zeta", "Åberg", "Ärlig", "Öberg"]
