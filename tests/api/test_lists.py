"""Lists against a plain model of the reference: filters, order, pages, sums (reference: api 1.10)."""

import asyncio
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from mockserver import wire
from mockserver.wire import encode
from tests.server import Server, basic, dumps

SIZE = 3000
GOOD = {"authorization": basic("test", "secret")}
SEED = 20260302

FIELDS: dict[str, tuple[list[str], list[str]]] = {
    "/customer": (
        [
            "customer_no",
            "name",
            "notes",
            "org_no",
            "company_type",
            "contact:name",
            "contact:email",
            "contact:phone",
            "address:street_address",
            "address:address_line_1",
            "address:careof",
            "address:zipcode",
            "address:city",
            "address:country",
            "delivery_address:name",
            "delivery_address:street_address",
            "delivery_address:address_line_1",
            "delivery_address:careof",
            "delivery_address:zipcode",
            "delivery_address:city",
            "delivery_address:country",
        ],
        [
            "customer_no",
            "name",
            "org_no",
            "contact:email",
            "contact:phone",
            "address:zipcode",
            "address:city",
            "delivery_address:name",
            "delivery_address:zipcode",
            "delivery_address:city",
            "created_at",
            "updated_at",
        ],
    ),
    "/item": (
        ["item_no", "title", "description", "price", "bookkeeping:income_account", "bookkeeping:vat_account"],
        ["item_no", "title", "price", "created_at", "updated_at"],
    ),
    "/billogram": (
        [
            "id",
            "invoice_no",
            "invoice_date",
            "due_date",
            "ocr_number",
            "customer:name",
            "customer:customer_no",
            "customer:org_no",
            "state",
            "creditor_unique_value",
        ],
        [
            "invoice_no",
            "invoice_date",
            "due_date",
            "customer:name",
            "customer:customer_no",
            "state",
            "attested_at",
            "created_at",
            "updated_at",
        ],
    ),
}
SPECIAL = {
    "/customer": ["name", "org_no", "contact:name", "contact:email", "contact:phone", "customer_no"],
    "/item": ["item_no", "title", "description"],
    "/billogram": ["id", "invoice_no", "ocr_number", "customer:name", "customer:customer_no"],
}
WORDS = ["Åsa", "Björn", "ALFA", "beta", "Gamma", "delta AB", "x1", "", "50%", "a b"]


@pytest.fixture(scope="module")
def full() -> Iterator[Server]:
    """3,000 customers, items and billograms with many ties and gaps."""
    server = Server()
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    numbers = list(range(1, SIZE + 1))
    chance.shuffle(numbers)

    def send(method: str, path: str, body: dict[str, Any]) -> Any:
        answer = server.run(server.asgi(method, f"/api/v2{path}", dumps(body), GOOD))
        assert answer.status == 200, answer.body
        return answer

    for number in numbers:
        word = chance.choice(WORDS)
        send(
            "POST",
            "/customer",
            {
                "customer_no": number,
                "name": f"{word or 'n'} {number % 50}",
                "org_no": str(number % 97),
                "notes": chance.choice(WORDS),
                "company_type": chance.choice(["individual", "business"]),
                "contact": {
                    "name": chance.choice(WORDS),
                    "email": f"u{number % 40}@example.com",
                    "phone": str(number % 30),
                },
                "address": {
                    "street_address": word,
                    "zipcode": str(number % 20),
                    "city": chance.choice(WORDS),
                    "country": "se",
                },
                "delivery_address": {
                    "name": word,
                    "street_address": word,
                    "careof": word,
                    "city": word,
                    "zipcode": str(number % 7),
                },
            },
        )
    for number in chance.sample(numbers, 100):
        send("PUT", f"/customer/{number}", {"notes": "changed"})
    for number in range(SIZE):
        item_no = None if number % 3 else f"{chance.choice('abc')}{number}"
        send(
            "POST",
            "/item",
            {
                "title": chance.choice(WORDS) or "t",
                "description": chance.choice(WORDS),
                "unit": "unit",
                "price": chance.choice([1, "2.50", "-3", 0, "10.125"]),
                "vat": 25,
                "bookkeeping": {"income_account": chance.choice(["", "3001", "30"])},
                **({} if item_no is None else {"item_no": item_no}),
            },
        )
    for number in range(SIZE):
        body: dict[str, Any] = {
            "customer": {"customer_no": chance.randint(1, 60)},
            "items": [
                {"title": "R", "count": 1, "price": chance.choice([0, 1, "99.50", -7, 100]), "vat": 25}
            ],
            "invoice_date": chance.choice(["2026-01-01", "2026-02-15", "2026-03-02"]),
            "due_days": chance.choice([5, 30]),
            "currency": chance.choice(["SEK", "EUR"]),
        }
        if number % 4 == 0:
            body["creditor_unique_value"] = f"{chance.choice(['U', 'u', 'v'])}-{number}"
        if number % 50 == 1:
            body["invoice_no"] = 10_000 + number
        if chance.random() < 0.7:
            body["on_success"] = {"command": "send", "method": "DoNotNotify"}
        made = send("POST", "/billogram", body).data
        if made["state"] in ("Unpaid", "Overdue") and made["total_sum"] > 0 and chance.random() < 0.5:
            part = chance.choice([made["total_sum"], Decimal("0.50")])
            send("POST", f"/billogram/{made['id']}/command/payment", {"amount": part})
    yield server
    server.close()


@pytest.fixture(scope="module")
def everything(full: Server) -> dict[str, list[dict[str, Any]]]:
    """Each resource in order of creation, as its list shows it."""
    found = {}
    for path in FIELDS:
        rows = plain(full, f"{path}?page=1&page_size=100000")["data"]
        order = {
            "/customer": lambda row: full.state().customers[row["customer_no"]].number,
            "/item": lambda row: full.state().items[row["item_no"]].number,
            "/billogram": lambda row: full.state().billograms[row["id"]].number,
        }[path]
        found[path] = sorted(rows, key=order)
        assert len(rows) == SIZE
    return found


def value_of(path: str, row: dict[str, Any], field: str) -> Any:
    if path == "/billogram" and field == "attested_at":
        return None  # not in the row: looked up by the test itself
    value: Any = row
    for step in field.split(":"):
        value = value[step]
    return value


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value).casefold()


def model(path: str, rows: list[dict[str, Any]], kind: str, field: str, wanted: str) -> list[dict[str, Any]]:
    """The filter of the reference, written once more."""
    folded = wanted.casefold()

    def fits(row: dict[str, Any]) -> bool:
        if kind == "special":
            values = [text(value_of(path, row, name)) for name in SPECIAL[path]]
            return all(any(word in value for value in values) for word in folded.split())
        value = value_of(path, row, field)
        if wanted == "":
            return value in (None, "")
        if kind == "field-prefix":
            return text(value).startswith(folded)
        if kind == "field-search":
            return folded in text(value)
        if field == "state":
            return text(value) in folded.split(",")
        if isinstance(value, int | Decimal):
            return Decimal(wanted) == value if wanted.replace(".", "").replace("-", "").isdigit() else False
        return text(value) == folded

    return [row for row in rows if fits(row)]


def item_key(item_no: str) -> Any:
    return (0, int(item_no), "") if item_no.isdigit() else (1, 0, item_no)


def in_order(
    path: str, rows: list[dict[str, Any]], field: str, attested: Callable[[Any], Any], desc: bool
) -> list[Any]:
    def key(row: dict[str, Any]) -> Any:
        if field == "attested_at":
            return attested(row)
        value = value_of(path, row, field)
        if field == "item_no":
            return item_key(value)
        return value.casefold() if isinstance(value, str) else value

    found = [row for row in rows if key(row) is not None]
    nulls = [row for row in rows if key(row) is None]
    found.sort(key=key)
    if desc:
        found = [
            row for _, row in sorted(enumerate(found), key=lambda each: (key(each[1]), each[0]), reverse=True)
        ]
        nulls.reverse()
    return found + nulls


def ident(path: str, row: dict[str, Any]) -> Any:
    return row[{"/customer": "customer_no", "/item": "item_no", "/billogram": "id"}[path]]


CASES = [
    (path, field, kind)
    for path in FIELDS
    for field in FIELDS[path][0]
    for kind in ("field", "field-prefix", "field-search")
]


@pytest.mark.parametrize(
    ("path", "field", "kind"), [*CASES, *((path, "search", "special") for path in FIELDS)]
)
def test_each_filter_finds_what_the_model_finds(
    full: Server, everything: dict[str, list[dict[str, Any]]], path: str, field: str, kind: str
) -> None:
    chance = random.Random(f"{SEED}{path}{field}{kind}")
    rows = everything[path]
    names = SPECIAL[path] if kind == "special" else [field]
    values = [text(value_of(path, chance.choice(rows), chance.choice(names))) for _ in range(6)]
    wanted = [value.upper() if index % 2 else value for index, value in enumerate(values)] + ["", "zzz", "1"]
    if kind == "field-prefix":
        wanted = [value[:2] for value in wanted]
    if kind == "field-search":
        wanted = [value[1:3] for value in wanted]
    if kind == "special":
        wanted = [f"{value[:3]} {value[-2:]}" for value in wanted]
    if (field, kind) == ("state", "field"):
        wanted += ["Paid,Overdue", "unattested", "UNPAID,paid"]
    default = sorted(rows, key=lambda row: default_rank(path, row))
    for value in wanted:
        expected = model(path, default, kind, field, value)
        found = f"filter_type={kind}&filter_field={quote(field)}&filter_value={quote(value)}"
        page = 1 + len(expected) // 200
        answer = plain(full, f"{path}?page={page}&page_size=100&{found}")
        assert answer["meta"]["total_count"] == len(expected), value
        shown = expected[(page - 1) * 100 : page * 100]
        assert [ident(path, row) for row in answer["data"]] == [ident(path, row) for row in shown], value
        if path == "/billogram":
            total = sum((row["remaining_sum"] for row in expected), Decimal(0))
            assert answer["meta"]["total_remaining_sum"] == f"{total:.2f}"


def plain(server: Server, path: str) -> Any:
    """The answer, its shape not looked at once more: that is costly for thousands of rows."""
    return server.run(server.asgi("GET", f"/api/v2{path}", b"", GOOD)).json


def default_rank(path: str, row: dict[str, Any]) -> Any:
    if path == "/customer":
        return row["customer_no"]
    return item_key(row["item_no"]) if path == "/item" else 0  # billograms: as they were made


@pytest.mark.parametrize(("path", "field"), [(path, field) for path in FIELDS for field in FIELDS[path][1]])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_each_order_is_that_of_the_model(
    full: Server, everything: dict[str, list[dict[str, Any]]], path: str, field: str, direction: str
) -> None:
    def attested(row: dict[str, Any]) -> Any:
        at = full.state().billograms[row["id"]].attested_at
        return None if at is None else at.isoformat()

    expected = in_order(path, everything[path], field, attested, direction == "desc")
    order = f"order_field={quote(field)}&order_direction={direction}"
    for page in (1, 12, 30):
        rows = plain(full, f"{path}?page={page}&page_size=100&{order}")["data"]
        shown = expected[(page - 1) * 100 : page * 100]
        assert [ident(path, row) for row in rows] == [ident(path, row) for row in shown]
    assert plain(full, f"{path}?page=99&page_size=100&{order}")["data"] == []
    # together with a filter
    name = {"/customer": "company_type", "/item": "title", "/billogram": "state"}[path]
    some = text(value_of(path, everything[path][0], name))
    both = f"filter_type=field&filter_field={name}&filter_value={quote(some)}&{order}"
    kept = [row for row in expected if text(value_of(path, row, name)) == some][:100]
    rows = plain(full, f"{path}?page=1&page_size=100&{both}")["data"]
    assert [ident(path, row) for row in rows] == [ident(path, row) for row in kept]


def test_the_default_orders(full: Server, everything: dict[str, list[dict[str, Any]]]) -> None:
    rows = plain(full, "/customer?page=1&page_size=10000")["data"]
    assert [row["customer_no"] for row in rows] == list(range(1, SIZE + 1))
    items = plain(full, "/item?page=1&page_size=10000")["data"]
    assert [row["item_no"] for row in items] == sorted((row["item_no"] for row in items), key=item_key)
    bills = plain(full, "/billogram?page=2&page_size=1000")["data"]
    assert [row["id"] for row in bills] == [row["id"] for row in everything["/billogram"][1000:2000]]
    assert len(full.get("/item").data) == 25  # page 1, size 25


@pytest.mark.parametrize(
    ("query", "identifier", "field"),
    [
        ("filter_field=name", "MISSING_QUERY_PARAMETER", "filter_type"),
        ("filter_field=name&filter_type=field", "MISSING_QUERY_PARAMETER", "filter_value"),
        ("filter_type=field&filter_value=x", "MISSING_QUERY_PARAMETER", "filter_field"),
        ("filter_type=fuzzy&filter_field=name&filter_value=x", "INVALID_QUERY_PARAMETER", "filter_type"),
        ("filter_type=field&filter_field=colour&filter_value=x", "INVALID_QUERY_PARAMETER", "filter_field"),
        ("filter_type=special&filter_field=name&filter_value=x", "INVALID_QUERY_PARAMETER", "filter_field"),
        ("order_field=colour", "INVALID_QUERY_PARAMETER", "order_field"),
        ("order_field=name&order_direction=up", "INVALID_QUERY_PARAMETER", "order_direction"),
        ("page_size=0", "INVALID_QUERY_PARAMETER", "page_size"),
    ],
)
def test_bad_list_parameters(server: Server, query: str, identifier: str, field: str) -> None:
    answer = server.get(f"/customer?page=1&page_size=5&{query}")
    assert answer.status == 400
    assert (answer.error[0], answer.error[1]["field"], answer.error[1]["field_path"]) == (
        identifier,
        field,
        [],
    )


@pytest.mark.parametrize(
    "query",
    [
        "filter_type=&filter_field=&filter_value=&order_field=&order_direction=",
        "order_direction=desc",
        "order_direction=sideways",
        "unknown=1&_=2",
        "filter_field=name&filter_field=",
        "page=7&page=1",
    ],
)
def test_what_is_ignored(server: Server, query: str) -> None:
    server.customer()
    assert len(server.get(f"/customer?page=1&page_size=5&{query}").data) == 1


def test_a_page_of_everything_lets_others_in(full: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a big page is made, requests of another account are answered again and again.

    With no time for a piece of work, others are let in after each row.
    """
    monkeypatch.setattr(wire, "SLICE", 0.0)

    async def both() -> int:
        big = asyncio.ensure_future(
            full.asgi("GET", "/api/v2/billogram?page=1&page_size=10000000", b"", headers)
        )
        answered = 0
        while not big.done():
            await full.asgi("GET", "/api/v2/settings", b"", {"authorization": basic("other", "k")})
            await asyncio.sleep(0)  # in memory nothing else gives way
            answered += 1
        assert len(big.result().json["data"]) == SIZE
        return answered

    headers = {"authorization": basic("test", "secret")}
    assert full.run(both()) >= SIZE // 2
    assert encode(full.fold().image()) == encode(full.image())
