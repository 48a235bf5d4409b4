"""Resource `customer`: made and read (reference: api 2)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.server import Server


def test_the_example_of_the_reference(server: Server) -> None:
    body = {
        "customer_no": 24,
        "name": "Test Customer AB",
        "org_no": "556000-0000",
        "vat_no": "SE556000000001",
        "notes": "created by the test suite",
        "contact": {"name": "Test Contact", "email": "contact@example.com", "phone": "0700000000"},
        "address": {
            "street_address": "Testgatan 1",
            "zipcode": "123 45",
            "city": "Teststad",
            "country": "SE",
        },
    }
    made = server.post("/customer", body).data
    assert made == server.get("/customer/24").data == server.get("/customer?page=1&page_size=1").data[0]
    assert made["customer_no"] == 24
    assert made["address"]["zipcode"] == "12345"
    assert made["address"]["street_address"] == made["address"]["address_line_1"] == "Testgatan 1"
    assert made["address"]["city"] == "Teststad"
    assert made["created_at"] == "2026-03-02 09:00:00"
    assert made["updated_at"] is None
    assert made["company_type"] == "business"
    assert server.customer() == 25  # highest existing + 1


def test_defaults(server: Server) -> None:
    made = server.post("/customer", {"name": "A"}).data
    assert (made["customer_no"], made["contact"]["name"], made["contact"]["email"]) == (1, "A", "")
    assert (made["address"]["country"], made["delivery_address"]["country"]) == ("SE", "")
    assert made["language"] is None
    assert made["links"] == {"automatic_payments_setup_link": None}


@pytest.mark.parametrize(
    ("sent", "path", "shown"),
    [
        ({"customer_no": "25"}, "customer_no", 25),
        ({"customer_no": 26.0}, "customer_no", 26),
        ({"customer_no": ""}, "customer_no", 1),
        ({"org_no": 5560000000}, "org_no", "5560000000"),
        ({"org_no": Decimal("12.5")}, "org_no", "12.5"),
        ({"company_type": "individual"}, "company_type", "individual"),
        ({"company_type": ""}, "company_type", "business"),
        ({"company_type": None}, "company_type", "business"),
        ({"language": ""}, "language", None),
        ({"language": "sv"}, "language", "sv"),
        ({"address": {"country": "de"}}, "address.country", "DE"),
        ({"address": {"country": ""}}, "address.country", "SE"),
        ({"address": {"zipcode": " 1 2 3 "}}, "address.zipcode", "123"),
        ({"address": {"use_careof_as_attention": ""}}, "address.use_careof_as_attention", False),
        ({"address": {"address_line_1": "B"}}, "address.street_address", "B"),
        ({"address": {"street_address": "A", "address_line_1": "B"}}, "address.street_address", "B"),
        ({"address": {"street_address": "A", "address_line_1": ""}}, "address.address_line_1", "A"),
        ({"delivery_address": {"street_address": "D"}}, "delivery_address.address_line_1", "D"),
        (
            {"payment_settings": {"recurring_payment_type": "autogiro"}},
            "payment_settings.recurring_payment_type",
            "autogiro",
        ),
        ({"edi": {"operator": "addett"}}, "edi.operator", "addett"),
        ({"regional_sweden": {"whatever": 1}, "notes": "n"}, "notes", "n"),
        ({"letter_forwarding_enabled": True}, "letter_forwarding_enabled", True),
        ({"created_at": None, "links": None}, "updated_at", None),
    ],
)
def test_what_is_read_tolerantly(server: Server, sent: dict[str, Any], path: str, shown: Any) -> None:
    value: Any = server.post("/customer", {"name": "A", **sent}).data
    for step in path.split("."):
        value = value[step]
    assert value == shown


@pytest.mark.parametrize(
    ("sent", "identifier", "message", "field", "field_path"),
    [
        ({"name": None}, "INVALID_PARAMETER", "Name not set", "name", []),
        ({"name": ""}, "INVALID_PARAMETER", "Name not set", "name", []),
        ({"name": "x" * 101}, "INVALID_PARAMETER", "name too long, maximum 100 characters", "name", []),
        ({"name": True}, "INVALID_PARAMETER", "invalid name", "name", []),
        ({"name": []}, "INVALID_PARAMETER", "invalid name", "name", []),
        ({"customer_no": None}, "INVALID_PARAMETER", "Customer no not set", "customer_no", []),
        ({"customer_no": 0}, "INVALID_PARAMETER", "invalid customer no", "customer_no", []),
        ({"customer_no": 1.5}, "INVALID_PARAMETER", "invalid customer no", "customer_no", []),
        ({"customer_no": 10**15}, "INVALID_PARAMETER", "invalid customer no", "customer_no", []),
        ({"company_type": "club"}, "INVALID_PARAMETER", "invalid company type", "company_type", []),
        ({"language": "swe"}, "INVALID_PARAMETER", "invalid language", "language", []),
        ({"contact": {"email": "nobody"}}, "INVALID_PARAMETER", "invalid email", "email", ["contact"]),
        ({"contact": "x"}, "INVALID_PARAMETER", "invalid contact", "contact", []),
        ({"contact": [1]}, "INVALID_PARAMETER", "invalid contact", "contact", []),
        ({"address": {"country": "Sweden"}}, "INVALID_PARAMETER", "invalid country", "country", ["address"]),
        (
            {"address": {"use_careof_as_attention": 1}},
            "INVALID_PARAMETER",
            "invalid use careof as attention",
            "use_careof_as_attention",
            ["address"],
        ),
        ({"address": {"name": "x"}}, "UNKNOWN_PARAMETER", "unexpected key: name", "name", ["address"]),
        ({"nmae": "x"}, "UNKNOWN_PARAMETER", "unexpected key: nmae", "nmae", []),
        ({"created_at": "2026-01-01"}, "READ_ONLY_PARAMETER", "read-only key: created_at", "created_at", []),
        (
            {"address": {"careof": "a", "attention": "b"}},
            "INVALID_PARAMETER_COMBINATION",
            "careof and attention cannot be combined",
            "attention",
            ["address"],
        ),
        # unknown key, then type, then read-only, then missing
        (
            {"x": 1, "vat_no": [], "created_at": "y", "name": None},
            "UNKNOWN_PARAMETER",
            "unexpected key: x",
            "x",
            [],
        ),
        (
            {"vat_no": [], "created_at": "y", "name": None},
            "INVALID_PARAMETER",
            "invalid vat no",
            "vat_no",
            [],
        ),
        (
            {"created_at": "y", "name": None},
            "READ_ONLY_PARAMETER",
            "read-only key: created_at",
            "created_at",
            [],
        ),
        (
            {"name": None, "address": {"careof": "a", "attention": "b"}},
            "INVALID_PARAMETER",
            "Name not set",
            "name",
            [],
        ),
    ],
)
def test_what_is_refused(
    server: Server, sent: dict[str, Any], identifier: str, message: str, field: str, field_path: list[Any]
) -> None:
    server.get("/settings")
    position = server.position()
    answer = server.post("/customer", {"name": "A", **sent})
    assert answer.error == (identifier, {"message": message, "field": field, "field_path": field_path})
    assert answer.status == 400
    assert server.position() == position


def test_a_taken_number(server: Server) -> None:
    server.customer(customer_no=5)
    answer = server.post("/customer", {"name": "B", "customer_no": 5})
    expected = {
        "message": "Customer with same customer_no already exists",
        "field": "customer_no",
        "field_path": None,
    }
    assert answer.error == ("INVALID_PARAMETER", expected)


@pytest.mark.parametrize("number", ["7", "x", "-1", "1.0", "²", "9" * 40])
def test_an_unknown_number_in_the_path(server: Server, number: str) -> None:
    server.customer()
    answer = server.get(f"/customer/{number}")
    assert answer.error == ("NOT_FOUND", {"message": f"object not found with id={number}"})
