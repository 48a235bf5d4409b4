"""Offers: banners and sales (reference: api 13)."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.server import ACCOUNT, Server

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
GIF = "R0lGODlhAQABAAAAACwAAAAAAQABAAACADs="
MEDIA = {"picture": PNG, "picture_type": "image/png"}
BMP = {"picture": PNG, "picture_type": "image/bmp"}
OTHER = {"picture": PNG, "picture_type": "image/gif"}
BROKEN = {"picture": "%", "picture_type": "image/png"}
QUERY, FILTER = "INVALID_QUERY_PARAMETER", "&filter_value=a&filter_type="
BANNER: dict[str, Any] = {
    "offer_id": "banner7",
    "type": "banner",
    "title": "Test banner",
    "text": "Invented text for a banner.",
    "info_link": "https://example.com/banner",
    "media": MEDIA,
}
SALE: dict[str, Any] = {
    "offer_id": "extra1",
    "type": "sale",
    "title": "Extra service",
    "text": "Invented text for a sale.",
    "media": MEDIA,
    "item": {"title": "Extra service", "price": 80, "vat": 25, "unit": "month"},
}


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def test_a_banner_as_the_reference_shows_it(server: Server) -> None:
    shown = server.post("/offer", BANNER).data
    assert list(shown) == [
        *("offer_id", "type", "title", "text", "media", "created_at", "updated_at", "info_link"),
    ]
    made = "2026-03-02T09:00:00.000Z"
    assert shown == BANNER | {"created_at": made, "updated_at": made}
    assert server.get("/offer/BANNER7").data == shown
    assert server.get("/offer?type=banner").json == {
        "status": "OK",
        "meta": {"total_count": 1},
        "data": [shown],
    }
    assert server.get("/offer?type=sale").json["data"] == []


def test_a_sale_has_a_type_and_an_item(server: Server) -> None:
    shown = server.post("/offer", SALE).data
    assert list(shown)[-2:] == ["sale_type", "item"]
    assert "info_link" not in shown
    assert "link_text" not in shown
    assert (shown["sale_type"], shown["item"]) == (
        "one_time",
        {"title": "Extra service", "price": 80, "vat": 25, "unit": "month"},
    )
    more = {"offer_id": "x2", "sale_type": "yearly", "info_link": "http://a", "link_text": "Look"}
    made = server.post("/offer", SALE | more).data
    assert (made["sale_type"], made["info_link"], made["link_text"]) == ("yearly", "http://a", "Look")
    plain = {"title": "A", "price": 1, "vat": 0}
    assert server.post("/offer", SALE | {"offer_id": "x3", "item": plain}).data["item"]["unit"] == "unit"


INVALID, UNKNOWN, READ_ONLY = "INVALID_PARAMETER", "UNKNOWN_PARAMETER", "READ_ONLY_PARAMETER"
CREATION = [
    ({**BANNER, "colour": 1}, UNKNOWN, "colour", [], None),
    ({**BANNER, "media": {**MEDIA, "size": 1}}, UNKNOWN, "size", ["media"], None),
    ({**SALE, "item": {**SALE["item"], "count": 1}}, UNKNOWN, "count", ["item"], None),
    ({**BANNER, "created_at": "2026-03-02"}, READ_ONLY, "created_at", [], None),
    (without(BANNER, "offer_id"), INVALID, "offer_id", [], "Offer id not set"),
    (without(BANNER, "type"), INVALID, "type", [], "Type not set"),
    (without(BANNER, "title"), INVALID, "title", [], "Title not set"),
    ({**BANNER, "title": ""}, INVALID, "title", [], "Title not set"),
    (without(BANNER, "text"), INVALID, "text", [], "Text not set"),
    (without(BANNER, "info_link"), INVALID, "info_link", [], "Info link not set"),
    (without(BANNER, "media"), INVALID, "media", [], "Media not set"),
    (without(SALE, "item"), INVALID, "item", [], "Item not set"),
    ({**BANNER, "media": {"picture": PNG}}, INVALID, "picture_type", ["media"], "Picture type not set"),
    ({**BANNER, "media": {"picture_type": "image/png"}}, INVALID, "picture", ["media"], "Picture not set"),
    ({**SALE, "item": without(SALE["item"], "vat")}, INVALID, "vat", ["item"], "Vat not set"),
    ({**BANNER, "offer_id": "a-b"}, INVALID, "offer_id", [], "invalid offer id"),
    ({**BANNER, "offer_id": "a" * 31}, INVALID, "offer_id", [], "offer id too long, maximum 30 characters"),
    ({**BANNER, "type": "poster"}, INVALID, "type", [], "invalid type"),
    ({**BANNER, "title": "a" * 201}, INVALID, "title", [], "title too long, maximum 200 characters"),
    ({**BANNER, "text": "a" * 1001}, INVALID, "text", [], "text too long, maximum 1000 characters"),
    ({**BANNER, "info_link": "ftp://a"}, INVALID, "info_link", [], "invalid info link"),
    ({**SALE, "sale_type": "a" * 31}, INVALID, "sale_type", [], "sale type too long, maximum 30 characters"),
    (
        {**BANNER, "media": BMP},
        INVALID,
        "picture_type",
        ["media"],
        None,
    ),
    ({**SALE, "item": {**SALE["item"], "vat": 101}}, INVALID, "vat", ["item"], "invalid vat"),
    ({**SALE, "item": {**SALE["item"], "unit": "sack"}}, INVALID, "unit", ["item"], "invalid unit"),
    (
        {**BANNER, "media": OTHER},
        INVALID,
        None,
        None,
        "invalid content",
    ),
    (
        {**BANNER, "media": BROKEN},
        INVALID,
        None,
        None,
        "invalid content",
    ),
    ({**BANNER, "sale_type": "one_time"}, "INVALID_PARAMETER_COMBINATION", "sale_type", [], None),
    ({**BANNER, "item": SALE["item"]}, "INVALID_PARAMETER_COMBINATION", "item", [], None),
]


@pytest.mark.parametrize(("body", "identifier", "field", "path", "message"), CREATION)
def test_what_creation_refuses(
    server: Server, body: Any, identifier: str, field: str | None, path: list[str] | None, message: str | None
) -> None:
    server.get("/settings")  # the account is created on first use
    before = server.position()
    status, data = server.post("/offer", body).error
    assert (status, data.get("field"), data.get("field_path")) == (identifier, field, path)
    if message is not None:
        assert data["message"] == message
    assert server.position() == before


def test_an_id_is_taken_without_regard_to_case(server: Server) -> None:
    server.post("/offer", BANNER)
    status, data = server.post("/offer", BANNER | {"offer_id": "BANNER7"}).error
    assert (status, data["message"]) == (INVALID, "Offer with same offer_id already exists")
    assert data["field"] == "offer_id"


LISTS = [
    ("", "MISSING_QUERY_PARAMETER", "type"),
    ("?type=", "MISSING_QUERY_PARAMETER", "type"),
    ("?type=poster", QUERY, "type"),
    ("?type=banner&page=0", QUERY, "page"),
    ("?type=banner&order_field=text", QUERY, "order_field"),
    (
        "?type=banner&filter_type=special&filter_field=search&filter_value=a",
        "INVALID_QUERY_PARAMETER",
        "filter_type",
    ),
    (
        "?type=banner&filter_type=field&filter_field=text&filter_value=a",
        "INVALID_QUERY_PARAMETER",
        "filter_field",
    ),
]


@pytest.mark.parametrize(("query", "identifier", "field"), LISTS)
def test_what_a_list_refuses(server: Server, query: str, identifier: str, field: str) -> None:
    status, data = server.get(f"/offer{query}").error
    assert (status, data["field"]) == (identifier, field)


def test_lists_filter_order_and_page(server: Server) -> None:
    for number, title in enumerate(("Beta", "alpha", "Gamma")):
        server.post("/offer", BANNER | {"offer_id": f"b{number}", "title": title})
    server.post("/offer", SALE)

    def ids(query: str) -> list[str]:
        return [each["offer_id"] for each in server.get(f"/offer?type=banner{query}").data]

    assert ids("") == ["b0", "b1", "b2"]
    assert ids("&order_field=title") == ["b1", "b0", "b2"]
    assert ids("&order_field=offer_id&order_direction=desc") == ["b2", "b1", "b0"]
    assert ids("&page=2&page_size=2") == ["b2"]
    assert ids("&filter_type=field-prefix&filter_field=title&filter_value=AL") == ["b1"]
    assert ids("&filter_type=field&filter_field=offer_id&filter_value=B2") == ["b2"]


def test_a_change(server: Server) -> None:
    made = server.post("/offer", BANNER).data
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "1h"})
    assert server.call("PUT", "/offer/banner7", made).data == made  # nothing differs
    changed = server.call(
        "PUT", "/offer/Banner7", {"title": "New test title", "text": "", "info_link": None}
    ).data
    assert (changed["title"], changed["text"], changed["info_link"]) == (
        "New test title",
        "",
        "https://example.com/banner",
    )
    assert (changed["created_at"], changed["updated_at"]) == (
        "2026-03-02T09:00:00.000Z",
        "2026-03-02T10:00:00.000Z",
    )
    both = {"media": {"picture": GIF, "picture_type": "image/gif"}}
    assert server.call("PUT", "/offer/banner7", both).data["media"] == both["media"]
    only = {"media": {"picture_type": "image/png"}}
    assert server.call("PUT", "/offer/banner7", only).error[1] == {"message": "invalid content"}
    assert server.call("DELETE", "/offer/banner7").status == 405
    assert server.call("PUT", "/offer/other", {}).error[0] == "NOT_FOUND"


READ_ONLY_MEMBERS = [
    ({"type": "banner"}, "type"),
    ({"offer_id": "other"}, "offer_id"),
    ({"link_text": "Other"}, "link_text"),
    ({"sale_type": "yearly"}, "sale_type"),
    ({"item": {"title": "Other"}}, "item"),
    ({"created_at": "2020-01-01T00:00:00.000Z"}, "created_at"),
]


@pytest.mark.parametrize(("body", "field"), READ_ONLY_MEMBERS)
def test_what_a_change_refuses(server: Server, body: Any, field: str) -> None:
    server.post("/offer", SALE)
    status, data = server.call("PUT", "/offer/extra1", body).error
    assert (status, data) == (
        READ_ONLY,
        {"message": f"read-only key: {field}", "field": field, "field_path": []},
    )


def test_an_accepted_sale_is_a_row_of_the_billing_tab(server: Server) -> None:
    server.post("/offer", BANNER)
    early = server.sent()
    server.post("/offer", SALE)
    bill = server.sent(customer={"customer_no": 1})
    assert (early["offers"], bill["offers"], bill["sales_accepted"]) == ([], ["extra1"], [])
    shown = simulate(server, bill["id"], {"offer_id": "EXTRA1"}).json
    assert shown["sales_accepted"] == ["extra1"]
    assert shown["total_sum"] == bill["total_sum"]
    event = shown["events"][-1]
    assert (event["type"], event["data"]) == (
        "SaleAccepted",
        {
            "offer_id": "extra1",
            "sale_type": "one_time",
            "accepted_at": "2026-03-02 09:00:00",
            "customer_no": 1,
            "item_title": "Extra service",
            "item_price": 80,
            "item_type": "month",
        },
    )
    (row,) = server.get("/customer/1/billing-tab").data["items"]
    assert row["billogram_item"] == {
        "title": "Extra service",
        "count": 1,
        "price": 80,
        "vat": 25,
        "unit": "month",
        "external_id": "extra1",
    }
    refusal = server.call("PUT", "/offer/extra1", {"title": "Later"})
    assert (refusal.status, refusal.error) == (
        403,
        ("PERMISSION_DENIED", {"message": "offer is accepted already"}),
    )
    assert simulate(server, early["id"], {"offer_id": "extra1"}).status == 200  # not among its offers


def simulate(server: Server, key: str, body: Any) -> Any:
    return server.mock("POST", f"/accounts/{ACCOUNT}/billograms/{key}/simulate/accept-sale", body)


SALES = [
    ("draft", {"offer_id": "extra1"}, 409, "rule"),
    ("sent", {"offer_id": "other"}, 404, "unknown_object"),
    ("sent", {"offer_id": "banner7"}, 409, "rule"),
    ("sent", {}, 400, "invalid_body"),
]


@pytest.mark.parametrize(("kind", "body", "status", "code"), SALES)
def test_what_accepting_refuses(server: Server, kind: str, body: Any, status: int, code: str) -> None:
    server.post("/offer", BANNER)
    server.post("/offer", SALE)
    bill = server.draft() if kind == "draft" else server.sent()
    before = server.position()
    answer = simulate(server, bill["id"], body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert server.position() == before


def test_a_sale_is_accepted_once_on_a_billogram(server: Server) -> None:
    server.post("/offer", SALE)
    bill = server.sent()
    assert simulate(server, bill["id"], {"offer_id": "extra1"}).status == 200
    assert simulate(server, bill["id"], {"offer_id": "extra1"}).status == 409
    other = server.sent(customer={"customer_no": 1})
    assert simulate(server, other["id"], {"offer_id": "extra1"}).status == 200
