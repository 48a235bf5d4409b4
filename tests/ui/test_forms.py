"""The fields of a form, and the body that a submitted form describes (reference: ui 1)."""

from decimal import Decimal
from typing import Any

import pytest

from mockserver.ui.forms import BadField, body_of, fields_of
from mockserver.ui.schemas import Described

ROW = {"type": "object", "properties": {"title": {"type": "string"}, "price": {"type": "number"}}}
SCHEMA = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "maxLength": 100},
        "amount": {"type": ["number", "null"]},
        "count": {"type": "integer"},
        "wanted": {"type": "boolean"},
        "word": {"enum": ["one", "two", None]},
        "day": {"type": "string", "format": "date"},
        "rows": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Row"}},
        "person": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Row"}]},
        "anything": {},
    },
}
FORM = Described("x", "POST", "/x", "X", SCHEMA, {"components": {"schemas": {"Row": ROW}}})

BODIES: list[tuple[dict[str, str], Any]] = [
    ({}, {}),
    ({"body.text": "", "body.amount": "  "}, {}),
    ({"other": "1", "method": "POST"}, {}),
    ({"body.text": " a "}, {"text": " a "}),
    ({"body.text": "12"}, {"text": "12"}),
    ({"body.amount": "12"}, {"amount": 12}),
    ({"body.amount": "1 234,50"}, {"amount": Decimal("1234.50")}),
    ({"body.amount": "1\N{NO-BREAK SPACE}234.5"}, {"amount": Decimal("1234.5")}),
    ({"body.amount": "-0.25"}, {"amount": Decimal("-0.25")}),
    ({"body.amount": "much"}, {"amount": "much"}),
    ({"body.amount": "NaN"}, {"amount": "NaN"}),
    ({"body.count": "3"}, {"count": 3}),
    ({"body.wanted": "true"}, {"wanted": True}),
    ({"body.wanted": "false"}, {"wanted": False}),
    ({"body.wanted": "maybe"}, {"wanted": "maybe"}),
    ({"body.word": "two"}, {"word": "two"}),
    ({"body.day": "2026-03-02"}, {"day": "2026-03-02"}),
    ({"body.rows": '[{"title": "A"}]'}, {"rows": [{"title": "A"}]}),
    (
        {"body.rows.0.title": "A", "body.rows.0.price": "1,5"},
        {"rows": [{"title": "A", "price": Decimal("1.5")}]},
    ),
    ({"body.rows.0.title": "", "body.rows.2.title": "C"}, {"rows": [{"title": "C"}]}),
    ({"body.rows.10.title": "K", "body.rows.9.title": "J"}, {"rows": [{"title": "J"}, {"title": "K"}]}),
    ({"body.person.title": "A"}, {"person": {"title": "A"}}),
    ({"body.anything": "word"}, {"anything": "word"}),
    ({"body.anything": '{"a": 1.50}'}, {"anything": {"a": Decimal("1.50")}}),
    ({"body.unknown": "1"}, {"unknown": 1}),
]


@pytest.mark.parametrize(("typed", "expected"), BODIES, ids=str)
def test_the_body_of_a_form(typed: dict[str, str], expected: Any) -> None:
    found = body_of(FORM, typed.items())
    assert found == expected
    assert repr(found) == repr(expected), "numbers keep their type"


@pytest.mark.parametrize(
    ("name", "text"),
    [("rows", "[1,"), ("rows", "A, B"), ("anything", "{a: 1}"), ("person", "'x'")],
)
def test_a_field_of_json_that_is_not_json(name: str, text: str) -> None:
    with pytest.raises(BadField, match="is not JSON"):
        body_of(FORM, {f"body.{name}": text}.items())


@pytest.mark.parametrize("order", [1, -1])
def test_a_member_that_is_a_value_and_an_object(order: int) -> None:
    typed = [("body.person", '"x"'), ("body.person.title", "A")]
    with pytest.raises(BadField, match="given twice"):
        body_of(FORM, typed[::order])


def test_an_operation_without_a_body() -> None:
    assert body_of(Described("x", "POST", "/x", "X", None, {}), [("body.a", "1")]) is None


def test_the_fields_of_an_example_come_first() -> None:
    fields = {each.name: each for each in fields_of(FORM, {"word": "two", "wanted": True}, None)}
    assert list(fields)[:2] == ["body.word", "body.wanted"]
    assert [fields["body.word"].value, fields["body.wanted"].value] == ["two", "true"]
    assert [name for name, each in fields.items() if each.required] == ["body.text"]
    shown = {name for name, each in fields.items() if each.shown}
    assert shown == {"body.word", "body.wanted", "body.text"}
    kinds = {name.removeprefix("body."): each.kind for name, each in fields.items()}
    assert kinds == {
        "text": "text",
        "amount": "number",
        "count": "number",
        "wanted": "select",
        "word": "select",
        "day": "date",
        "rows": "json",
        "person": "json",
        "anything": "json",
    }


def test_what_was_typed_is_kept() -> None:
    typed = {"body.text": "<b>", "body.amount": "much"}
    fields = {each.name: each.value for each in fields_of(FORM, {"text": "first", "count": 3}, typed)}
    assert (fields["body.text"], fields["body.amount"], fields["body.count"]) == ("<b>", "much", "")
