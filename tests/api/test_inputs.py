"""How bodies are read by the declarations of their members (reference: api 1.6, 1.7, 1.8)."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from mockserver.api.inputs import InputForm, form_of, input_schemas, read_input, read_patch
from mockserver.api.kinds import KINDS, OF_TYPE, Problem
from mockserver.core import inputs, kinds
from mockserver.core.inputs import BillogramChanges, BillogramFields, CustomerFields, Input, Patch, Rows
from mockserver.core.model import Info, Reminder
from mockserver.core.refusal import Refusal
from mockserver.core.settings import Settings

BODY: dict[str, Any] = {
    "customer": {"customer_no": 1},
    "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
}
STEPS = "automatic_reminders_settings"
INPUTS = [
    each
    for each in vars(inputs).values()
    if isinstance(each, type) and issubclass(each, Input) and each is not Input
]


def test_every_kind_has_a_reader_and_every_reader_a_kind() -> None:
    declared = {
        mark.name
        for alias in vars(kinds).values()
        for mark in getattr(alias, "__metadata__", ())
        if isinstance(mark, kinds.Kind)
    }
    assert declared | set(OF_TYPE.values()) == KINDS.keys()


@pytest.mark.parametrize("type_", INPUTS, ids=lambda type_: type_.__name__)
def test_every_input_has_a_norm_with_its_members(type_: type[Input]) -> None:
    form = form_of(type_)
    norm = input_schemas(type_)[form.component]
    assert list(norm["properties"]) == [name for name in form.members if name not in form.hidden]
    assert norm.get("required", []) == list(form.needed)
    assert norm["additionalProperties"] is False


def test_a_component_is_the_same_wherever_it_is_used() -> None:
    found = input_schemas(Settings, patch=True)
    for type_ in INPUTS:
        for name, norm in input_schemas(type_).items():
            assert found.setdefault(name, norm) == norm, name


def test_what_was_not_given_is_known() -> None:
    given = read_input(BillogramFields, BODY | {"due_date": None, "info": {"order_no": "1", "message": None}})
    assert given.due_date is None
    assert given.invoice_date is UNSET
    assert given.info == Patch[Info]((("order_no", "1"), ("message", None)))
    assert given.callbacks == Patch()
    assert given.items == Rows(
        (inputs.RowFields(title="Row", count=Decimal(1), price=Decimal(100), vat=Decimal(25)),)
    )


def test_the_members_of_a_patch_are_in_the_order_of_the_value() -> None:
    patch = read_patch(Settings, {"invoices": {"pdf": {"template": "x"}, "default_message": 5}, "name": "A"})
    assert patch.changes == (
        ("name", "A"),
        ("invoices", Patch((("default_message", "5"), ("pdf", Patch((("template", "x"),)))))),
    )


def test_a_list_of_values_is_read_whole() -> None:
    steps = [{"delay_days": "5", "message": None}, {"delay_days": Decimal("7.0"), "message": "Hello"}]
    given = read_input(BillogramChanges, {"automatic_reminders_settings": steps}, put=True)
    assert given.automatic_reminders_settings == (Reminder(5), Reminder(7, "Hello"))


@pytest.mark.parametrize(
    ("body", "field", "path"),
    [
        # unknown before wrong before read-only before missing, wherever they are
        ({"state": "Paid", "currency": 1, "info": {"odd": 1}}, "odd", ("info",)),
        ({"state": "Paid", "currency": 1, "regional_sweden": {"reversed_vat": 2}}, "currency", ()),
        ({"id": "x", "regional_sweden": {"autogiro_status": "x"}}, "autogiro_status", ("regional_sweden",)),
        ({"id": "x", "state": "Paid"}, "id", ()),
        ({}, "customer", ()),
        ({"customer": {}, "items": []}, "items", ()),
        ({"customer": {}, "items": [{}]}, "customer_no", ("customer",)),
        # in one phase the order of the members counts, not that of the body; unknown ones come last
        ({"odd": 1, "info": {"odder": 1}}, "odder", ("info",)),
        ({"pdf": 1, "info": {"message": []}}, "message", ("info",)),
        ({STEPS: [{"delay_days": -1}, 5]}, "delay_days", (STEPS, 0)),
        ({STEPS: [5, {"odd": 1}]}, "odd", (STEPS, 1)),
        ({STEPS: [5]}, STEPS, ()),
    ],
)
def test_the_first_problem_in_the_order_of_the_contract(
    body: dict[str, Any], field: str, path: tuple[str | int, ...]
) -> None:
    for each in (body, dict(reversed(body.items()))):
        with pytest.raises(Refusal) as refused:
            read_input(BillogramFields, each)
        assert (refused.value.field, refused.value.path) == (field, path)


def test_rows_are_read_up_to_the_first_bad_one() -> None:
    rows = [*BODY["items"], {"vat": "x"}, {"odd": 1}]
    given = read_input(BillogramFields, BODY | {"items": rows}).items
    assert len(given.valid) == 1
    assert given.refusal is not None
    assert (given.refusal.field, given.refusal.path) == ("vat", ("items", 1))


def test_read_only_keys_are_not_looked_at_in_a_put() -> None:
    assert read_input(BillogramChanges, {"state": "x", "flags": []}, put=True) == BillogramChanges()


def test_forms_are_made_once() -> None:
    assert form_of(CustomerFields) is form_of(CustomerFields)
    assert isinstance(form_of(CustomerFields), InputForm)


NUMBERS = {name: kind for name, kind in KINDS.items() if kind.schema.get("type") in ("number", "integer")}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "tiny",
    [Decimal("1e-300"), Decimal("-1e-300"), "1e-300", Decimal("1e-7"), Decimal("1e-10"), "0.0000000001"],
)
def test_a_number_that_is_not_0_is_never_read_as_0(name: str, tiny: Any) -> None:
    with pytest.raises(Problem):
        NUMBERS[name].reader(tiny)


@pytest.mark.parametrize("name", [name for name in NUMBERS if name in ("count", "price", "number", "amount")])
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (Decimal("0.30000000000000004"), "0.3"),
        (Decimal("0.2999999999999999889"), "0.3"),
        (Decimal("0E-300"), "0"),
        ("-0.00", "0"),
    ],
)
def test_a_number_of_floating_point_is_the_one_that_was_meant(name: str, sent: Any, read: str) -> None:
    assert NUMBERS[name].reader(sent) == Decimal(read)


def test_a_tiny_count_of_a_row_is_refused_in_the_row() -> None:
    rows = [BODY["items"][0], BODY["items"][0] | {"count": Decimal("1e-300")}]
    found = read_input(BillogramFields, BODY | {"items": rows}).items.refusal
    assert found is not None
    assert (found.field, found.path, found.rule) == ("count", ("items", 1), "body.value")


@pytest.mark.parametrize("name", ["date", "filled date"])
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2027-03-05", "2027-03-05"),
        ("2027-3-5", "2027-03-05"),
        ("2027-03-5", "2027-03-05"),
        ("2027-3-05", "2027-03-05"),
        ("2027-12-1", "2027-12-01"),
        ("2027-3-5T10:00:00.000Z", "2027-03-05"),
        ("2027-3-5 10:00:00", "2027-03-05"),
    ],
)
def test_a_date_may_lack_leading_zeros(name: str, sent: str, read: str) -> None:
    assert KINDS[name].reader(sent).isoformat() == read


@pytest.mark.parametrize(
    "sent",
    ["2027-2-29", "2027-13-1", "2027-0-5", "2027-3-0", "27-3-5", "2027-003-5", "2027-3", "2027-\u0663-5"],
)
def test_what_is_no_date_without_leading_zeros_either(sent: str) -> None:
    with pytest.raises(Problem):
        KINDS["date"].reader(sent)
