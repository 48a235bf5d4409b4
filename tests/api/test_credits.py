"""Credit invoices: each mode with its exact sums (reference: behaviour 3.5, 9 row 2)."""

from decimal import Decimal
from typing import Any

import pytest

from mockserver.core.events import Credit
from tests.server import Server, charge

A = {"item_no": "A", "title": "Spade", "count": 4, "price": 100, "vat": 25}
B = {"title": "Rake", "count": 1, "price": 40, "vat": 25}


def credits_of(server: Server, key: str) -> list[Credit]:
    return [each for each in server.state().billograms[key].events if isinstance(each, Credit)]


def told(server: Server, key: str) -> list[tuple[str, str]]:
    """Type and shown state of each event."""
    return [(type(each).__name__, each.state) for each in server.state().billograms[key].events]


def test_2_items(server: Server) -> None:
    key = server.sent(items=[A, B], invoice_date="2026-03-02")["id"]
    one = {"mode": "items", "items": [{"item_no": "A", "count": -1}]}
    first = server.command(key, "credit", one).data
    assert first["events"][-1]["type"] == "Credit"
    data = first["events"][-1]["data"]
    assert (data["amount"], data["remaining_sum"], data["total_sum"]) == (125, 425, 550)
    assert (first["state"], first["remaining_sum"]) == ("Unpaid", 425)
    refused = server.command(key, "credit", {"mode": "items", "items": [{"item_no": "A", "count": -4}]})
    assert refused.error == (
        "INVALID_PARAMETER",
        {"message": "invalid count", "field": "count", "field_path": ["items", 0]},
    )
    last = server.command(key, "credit", {"mode": "full"}).data
    data = last["events"][-2]["data"]
    assert (data["amount"], data["remaining_sum"]) == (425, 0)
    assert told(server, key)[2:] == [
        ("Credit", "Unpaid"),
        ("Credit", "Unpaid"),
        ("BillogramEnded", "Credited"),
    ]
    assert [each.invoice_no for each in credits_of(server, key)] == [2, 3]
    assert [each.vat for each in credits_of(server, key)] == [25, 85]


# rows, currency, the rows of each credit in turn, its amount and the VAT in it
BY_ROWS: list[tuple[list[dict[str, Any]], str, list[tuple[list[dict[str, Any]], str, str]]]] = [
    # by title, price and VAT; fields that are left out are taken from the row
    ([A, B], "SEK", [([{"title": "Rake", "price": 40, "vat": 25, "count": -1}], "50", "10")]),
    ([A, B], "SEK", [([{"title": "Rake", "count": "-1"}], "50", "10")]),
    ([A, B], "SEK", [([{"item_no": "A", "count": -1}, {"title": "Rake", "count": -1}], "175", "35")]),
    ([A, B], "SEK", [([{"item_no": "A", "count": -1}, {"item_no": "A", "count": -1}], "250", "50")]),
    # a part of a count
    ([A, B], "EUR", [([{"item_no": "A", "count": -0.5}], "62.5", "12.5")]),
    # the discount goes in proportion to the count: (200 - 30) * 1.25 = 212.5, to kronor 213
    ([{**A, "count": 3, "discount": 45}], "SEK", [([{"item_no": "A", "count": -2}], "213", "42.5")]),
    ([{**A, "count": 3, "discount": 45}], "EUR", [([{"item_no": "A", "count": -2}], "212.5", "42.5")]),
    # a third does not divide: 10 * 2/3 off
    ([{**A, "count": 3, "discount": 10}], "EUR", [([{"item_no": "A", "count": -2}], "241.66", "48.33")]),
    # rows that are the same count as one, their counts and discounts add up
    (
        [{**A, "count": 1, "discount": 10}, {**A, "count": 2}],
        "EUR",
        [([{"item_no": "A", "count": -3}], "362.5", "72.5")],
    ),
    # SEK by whole kronor: the last credit takes what is left
    (
        [{"title": "Small", "count": 3, "price": 10.3, "vat": 25}],
        "SEK",  # 38.625, asked for: 39
        [
            ([{"title": "Small", "count": -1}], "13", "2.58"),
            ([{"title": "Small", "count": -1}], "13", "2.58"),
            ([{"title": "Small", "count": -1}], "13", "2.57"),
        ],
    ),
]


@pytest.mark.parametrize(("rows", "currency", "made"), BY_ROWS)
def test_by_rows(
    server: Server, rows: list[dict[str, Any]], currency: str, made: list[tuple[list[Any], str, str]]
) -> None:
    key = server.sent(items=rows, currency=currency)["id"]
    for items, _, _ in made:
        assert server.command(key, "credit", {"mode": "items", "items": items}).status == 200
    found = [(each.amount, each.vat) for each in credits_of(server, key)]
    assert found == [(Decimal(amount), Decimal(vat)) for _, amount, vat in made]


# what is wrong with the rows of a credit of [A, B]: field and path
WRONG: list[tuple[Any, str, list[Any]]] = [
    ("x", "items", []),
    ([], "items", []),
    (None, "items", []),
    ([{"item_no": "A", "count": 1}], "count", ["items", 0]),
    ([{"item_no": "A", "count": 0}], "count", ["items", 0]),
    ([{"item_no": "A"}], "count", ["items", 0]),
    ([{"item_no": "A", "count": -5}], "count", ["items", 0]),
    ([{"item_no": "A", "count": -3}, {"item_no": "A", "count": -2}], "count", ["items", 1]),
    ([{"item_no": "Z", "count": -1}], "item_no", ["items", 0]),
    ([{"item_no": "A", "price": 99, "count": -1}], "item_no", ["items", 0]),
    ([{"title": "Hoe", "count": -1}], "title", ["items", 0]),
    ([{"title": "Rake", "vat": 12, "count": -1}], "title", ["items", 0]),
    ([{"count": -1}], "title", ["items", 0]),
    ([{"item_no": "A", "count": "many"}], "count", ["items", 0]),
    ([{"item_no": "A", "count": -1}, {"title": "Rake", "x": 1}], "x", ["items", 1]),
    # the first bad row wins, through all phases
    ([{"item_no": "A", "count": -9}, {"title": "Rake", "x": 1}], "count", ["items", 0]),
]


@pytest.mark.parametrize(("items", "field", "path"), WRONG)
def test_rows_that_cannot_be_credited(server: Server, items: Any, field: str, path: list[Any]) -> None:
    key = server.sent(items=[A, B])["id"]
    position = server.position()
    answer = server.command(key, "credit", {"mode": "items", "items": items})
    assert answer.status == 400
    assert (answer.error[1]["field"], answer.error[1]["field_path"]) == (field, path)
    assert server.position() == position


def test_rows_that_are_not_credited_are_read_too(server: Server) -> None:
    key = server.sent(items=[A, B])["id"]
    for mode in ("full", "amount", "remaining", "principal"):
        answer = server.command(key, "credit", {"mode": mode, "items": [{"item_no": "A", "x": 1}]})
        assert answer.error[0] == "UNKNOWN_PARAMETER"
        assert (answer.error[1]["field"], answer.error[1]["field_path"]) == ("x", ["items", 0])
    assert server.command(key, "credit", {"mode": "full", "items": [{"item_no": "A"}]}).status == 200


# paid, mode and amount -> amount of the credit, remaining, paid_sum, state; of 125 with 60 + 5 fees charged
MODES: list[tuple[int, dict[str, Any], str, str, str, str]] = [
    (0, {"mode": "full"}, "190", "0", "0", "Credited"),
    (0, {"mode": "full", "amount": -7, "method": "DoNotNotify"}, "190", "0", "0", "Credited"),
    (0, {"mode": "amount"}, "190", "0", "0", "Credited"),
    (0, {"mode": "amount", "amount": "25.50"}, "25.5", "164.5", "0", "Unpaid"),
    (0, {"mode": "amount", "amount": 190}, "190", "0", "0", "Credited"),
    (0, {"mode": "remaining"}, "190", "0", "0", "Credited"),
    (25, {"mode": "remaining"}, "165", "0", "-25", "Credited"),
    (25, {"mode": "rest"}, "165", "0", "-25", "Credited"),
    (25, {"mode": "principal"}, "100", "65", "-25", "PartlyPaid"),
    (25, {"mode": "full"}, "190", "0", "0", "Credited"),
    (25, {"mode": "amount", "amount": 170}, "170", "0", "-20", "Credited"),
    (150, {"mode": "remaining"}, "40", "0", "-150", "Credited"),
    (190, {"mode": "full"}, "190", "0", "0", "Paid"),
    (190, {"mode": "amount", "amount": 40}, "40", "0", "-150", "Paid"),
]


@pytest.mark.parametrize(("paid", "body", "amount", "remaining", "paid_sum", "state"), MODES)
def test_each_mode(
    server: Server, paid: int, body: dict[str, Any], amount: str, remaining: str, paid_sum: str, state: str
) -> None:
    key = server.sent()["id"]
    charge(server, key, 60, 5)
    if paid:
        server.command(key, "payment", {"amount": paid})
    done = server.command(key, "credit", body).data
    (credit,) = credits_of(server, key)
    sums = done["detailed_sums"]
    assert credit.amount == Decimal(amount)
    assert sums["remaining_sum"] == done["remaining_sum"] == Decimal(remaining)
    assert sums["paid_sum"] == Decimal(paid_sum)
    assert sums["credited_sum"] == -Decimal(amount)
    assert (sums["reminder_fee"], sums["interest_fee"]) == (60, 5)  # they stay, the credit covers them
    assert done["state"] == state


# paid, credit -> how much of it is fees, and the VAT in the rest
FEES: list[tuple[int, dict[str, Any], str, str]] = [
    (0, {"mode": "full"}, "65", "25"),
    (0, {"mode": "amount", "amount": 125}, "0", "25"),
    (0, {"mode": "amount", "amount": 130}, "5", "25"),
    (0, {"mode": "amount", "amount": 50}, "0", "10"),
    (125, {"mode": "remaining"}, "65", "0"),
    (190, {"mode": "amount", "amount": 50}, "0", "10"),
    (190, {"mode": "full"}, "65", "25"),
]


@pytest.mark.parametrize(("paid", "body", "fees", "vat"), FEES)
def test_a_credit_settles_as_money_does(
    server: Server, paid: int, body: dict[str, Any], fees: str, vat: str
) -> None:
    key = server.sent()["id"]
    charge(server, key, 60, 5)
    if paid:
        server.command(key, "payment", {"amount": paid})
    server.command(key, "credit", body)
    (credit,) = credits_of(server, key)
    assert (credit.fees, credit.vat) == (Decimal(fees), Decimal(vat))


def test_the_vat_of_many_credits_adds_up(server: Server) -> None:
    rows = [
        {"title": "A", "count": 1, "price": 33.33, "vat": 25},
        {"title": "B", "count": 1, "price": 66.67, "vat": 6},
    ]
    key = server.sent(items=rows, currency="EUR")["id"]
    total = server.state().billograms[key].sums
    for amount in (10, 0.01, 33.33, 41.17):
        server.command(key, "credit", {"mode": "amount", "amount": amount})
    server.command(key, "credit", {"mode": "full"})
    made = credits_of(server, key)
    assert sum(each.amount for each in made) == total.total
    assert sum(each.vat for each in made) == total.vat
    assert all(each.vat >= 0 for each in made)


def test_money_that_a_credit_sets_free_is_taken_from_the_newest_payment_first(server: Server) -> None:
    key = server.sent()["id"]
    for amount in (50, 75):
        server.mock("POST", "/accounts/test/payments", {"amount": amount, "billogram": key})
    server.command(key, "credit", {"mode": "amount", "amount": 100})
    payments = server.mock("GET", "/accounts/test/payments").json
    assert [(each["allocations"][0]["amount"], each["liability"]) for each in payments] == [(25, 25), (0, 75)]


def test_of_a_sold_one_until_nothing_is_left(server: Server) -> None:
    key = server.draft()["id"]
    server.command(key, "sell")
    server.mock("POST", f"/accounts/test/billograms/{key}/simulate/factoring-accept")
    part = server.command(key, "credit", {"mode": "amount", "amount": 25, "method": "DoNotNotify"}).data
    assert (part["state"], part["remaining_sum"]) == ("Sold", 100)
    whole = server.command(key, "credit", {"mode": "full", "method": "DoNotNotify"}).data
    assert (whole["state"], whole["remaining_sum"]) == ("Credited", 0)
    assert told(server, key)[2:] == [
        ("BillogramSold", "Sold"),
        ("Credit", "Sold"),
        ("Credit", "Sold"),
        ("BillogramEnded", "Credited"),
    ]


def test_without_a_method_it_goes_as_the_billogram_went(server: Server) -> None:
    key = server.sent()["id"]
    server.command(key, "resend", {"method": "Letter"})
    done = server.command(key, "credit", {"mode": "amount", "amount": 5}).data
    assert done["events"][-1]["data"]["delivery_method"] == "Email"
    assert done["delivery_method"] == "Email"
