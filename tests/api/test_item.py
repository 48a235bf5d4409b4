"""Resource `item` (reference: api 3)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.server import Server

ITEM = {"title": "Test service", "price": 130, "vat": 25, "unit": "hour"}


def test_the_example_of_the_reference(server: Server) -> None:
    body = {
        **ITEM,
        "description": "One hour of testing",
        "bookkeeping": {"income_account": "3001", "vat_account": "2610"},
    }
    made = server.post("/item", body).data
    expected = {
        "item_no": "1",
        **body,
        "zero_vat_reason": None,
        "zero_vat_reason_reference": None,
        "created_at": "2026-03-02 09:00:00",
        "updated_at": None,
    }
    assert made == expected
    assert str(made["price"]) == "130.0"
    assert server.get("/item/1").data == server.get("/item?page=1&page_size=5").data[0] == made
    assert server.call("DELETE", "/item/1").json == {"status": "OK", "data": {}}
    gone = server.call("DELETE", "/item/1")
    assert gone.error == ("NOT_FOUND", {"message": "object not found with id=1"})
    assert server.post("/item", ITEM).data["item_no"] == "2"  # numbers of deleted items are not reused


def test_what_was_set_is_shown(server: Server) -> None:
    more = {
        "bookkeeping": {"objects": [{"dimension_id": 1, "object_id": "x", "dimension_name": None}]},
        "regional_sweden": {"rotavdrag": True},
        "zero_vat_reason": "VAT_EXEMPT",
    }
    made = server.post("/item", ITEM | more).data
    assert made["bookkeeping"]["objects"] == [{"dimension_id": "1", "object_id": "x", "dimension_name": None}]
    assert made["regional_sweden"] == {"rotavdrag": True}
    assert made["zero_vat_reason"] == "VAT_EXEMPT"


@pytest.mark.parametrize(
    ("item_no", "status"),
    [
        (25, 200),
        ("25", 200),
        ("A-1", 200),
        ("x" * 30, 200),
        ("", 200),
        (999999999, 200),
        (1000000000, 400),
        ("x" * 31, 400),
    ],
)
def test_own_numbers(server: Server, item_no: Any, status: int) -> None:
    answer = server.post("/item", {**ITEM, "item_no": item_no})
    assert answer.status == status
    if status == 400:
        assert answer.error[1] == {"message": "invalid item no", "field": "item_no", "field_path": []}
    else:
        assert answer.data["item_no"] == (str(item_no) or "1")


def test_the_number_after_the_last_one(server: Server) -> None:
    """The highest number that is allowed does not stop the series: a free one is taken [A]."""
    for item_no in (None, "999999999", "3"):
        server.post("/item", ITEM if item_no is None else {**ITEM, "item_no": item_no})
    assert [server.post("/item", ITEM).data["item_no"] for _ in range(3)] == ["4", "5", "6"]


def test_a_put_changes_what_is_sent(server: Server) -> None:
    server.post("/item", {**ITEM, "item_no": "7", "description": "d"})
    server.post("/item", {**ITEM, "item_no": "8"})
    changed = server.call(
        "PUT", "/item/7", {"price": "2.50", "description": None, "title": None, "bookkeeping": {}}
    ).data
    assert (changed["price"], changed["description"], changed["title"]) == (
        Decimal("2.5"),
        "",
        "Test service",
    )
    assert changed["updated_at"] == "2026-03-02 09:00:00"
    assert server.call("PUT", "/item/7", {"item_no": "9"}).data["item_no"] == "9"
    assert server.get("/item/7").status == 404
    taken = server.call("PUT", "/item/9", {"item_no": 8})
    assert taken.error[1] == {
        "message": "Item with same item_no already exists",
        "field": "item_no",
        "field_path": None,
    }
    assert server.post("/item", ITEM).data["item_no"] == "10"
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("sent", "identifier", "message", "field"),
    [
        ({"title": None}, "INVALID_PARAMETER", "Title not set", "title"),
        ({"title": "x" * 101}, "INVALID_PARAMETER", "title too long, maximum 100 characters", "title"),
        (
            {"description": "x" * 201},
            "INVALID_PARAMETER",
            "description too long, maximum 200 characters",
            "description",
        ),
        ({"price": None}, "INVALID_PARAMETER", "Price not set", "price"),
        ({"vat": ""}, "INVALID_PARAMETER", "Vat not set", "vat"),
        ({"vat": 25.125}, "INVALID_PARAMETER", "invalid vat", "vat"),
        ({"unit": None}, "INVALID_PARAMETER", "Unit not set", "unit"),
        ({"unit": "box"}, "INVALID_PARAMETER", "invalid unit", "unit"),
        ({"item_no": None}, "INVALID_PARAMETER", "Item no not set", "item_no"),
        ({"zero_vat_reason": "because"}, "INVALID_PARAMETER", "invalid zero vat reason", "zero_vat_reason"),
        ({"count": 1}, "UNKNOWN_PARAMETER", "unexpected key: count", "count"),
        ({"discount": 1}, "UNKNOWN_PARAMETER", "unexpected key: discount", "discount"),
        ({"created_at": "x"}, "READ_ONLY_PARAMETER", "read-only key: created_at", "created_at"),
    ],
)
def test_what_is_refused(
    server: Server, sent: dict[str, Any], identifier: str, message: str, field: str
) -> None:
    server.get("/settings")
    position = server.position()
    answer = server.post("/item", ITEM | sent)
    assert answer.error == (identifier, {"message": message, "field": field, "field_path": []})
    assert server.position() == position


def test_rows_take_from_the_register_what_they_leave_out(server: Server) -> None:
    server.post(
        "/item",
        {
            **ITEM,
            "item_no": "36",
            "price": 500,
            "description": "d",
            "bookkeeping": {"income_account": "3999"},
        },
    )
    rows: list[dict[str, Any]] = [
        {"item_no": "36", "count": 2, "discount": 100},
        {"title": "Freight", "count": 1, "price": 49, "vat": 25, "unit": "unit"},
    ]
    made = server.draft(items=rows)
    first = made["items"][0]
    assert (first["title"], first["price"], first["unit"], first["description"]) == (
        "Test service",
        500,
        "hour",
        "d",
    )
    assert first["bookkeeping"] == {"income_account": "3999", "vat_account": "2610", "objects": []}
    sums = made["detailed_sums"]
    assert (sums["net_sum"], sums["vat_sum"], made["total_sum"]) == (949, Decimal("237.25"), 1186)
    other = server.draft(items=[{"item_no": 36, "count": 1, "price": 1, "title": "Own", "vat": 12}])["items"][
        0
    ]
    assert (other["item_no"], other["title"], other["price"], other["vat"]) == ("36", "Own", 1, 12)
    server.call("PUT", "/item/36", {"price": 1})
    server.call("DELETE", "/item/36")
    assert server.get(f"/billogram/{made['id']}").data["items"] == made["items"]
