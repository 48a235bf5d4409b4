"""PHP writes an empty object as `[]`: it is one wherever an object is expected (reference: api 1.3, 1.6)."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from mockserver.api.commands import COMMANDS
from mockserver.api.inputs import InputForm, form_of, read_input, read_patch
from mockserver.core import inputs
from mockserver.core.inputs import BillogramChanges, BillogramFields, CreditFields, Input
from mockserver.core.refusal import Refusal
from mockserver.core.settings import Settings
from tests.server import Server

ROW: dict[str, Any] = {"title": "Row", "count": 1, "price": 100, "vat": 25}
BACK = {"title": "Row", "count": -1, "price": 100, "vat": 25}


def places(form: InputForm, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a body of this form has an object: each way is one of members."""
    for wire, member in form.members.items():
        if member.form is not None and not member.many:
            yield (*way, wire)
            yield from places(member.form, (*way, wire))
        elif member.kind is not None and member.kind.schema.get("type") == "object":
            yield (*way, wire)


def body_with(way: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(way):
        value = {name: value}
    found: dict[str, Any] = value
    return found


def outcome(type_: type[Struct], body: Any) -> Any:
    """What is read, or what is refused, and where."""
    try:
        if issubclass(type_, Input):
            return read_input(type_, body, put=True)
        return read_patch(type_, body)
    except Refusal as refusal:
        return refusal.rule, refusal.message, refusal.field, refusal.path


TYPES: list[type[Struct]] = [
    each
    for each in vars(inputs).values()
    if isinstance(each, type) and issubclass(each, Input) and each is not Input
]
PLACES = [(type_, way) for type_ in TYPES for way in places(form_of(type_))]
PLACES += [(Settings, way) for way in places(form_of(Settings, patch=True))]


def test_the_places_are_found() -> None:
    ways = {way for _, way in PLACES}
    named = {"contact", "address", "automatic_collection", "info", "callbacks", "regional_sweden", "contract"}
    assert {(name,) for name in (*named, "bookkeeping", "edi", "invoices", "payment")} <= ways
    assert ("regional_sweden", "electricity_collection") in ways


@pytest.mark.parametrize(("type_", "way"), PLACES, ids=str)
def test_an_empty_list_is_an_empty_object(type_: type[Struct], way: tuple[str, ...]) -> None:
    assert outcome(type_, body_with(way, [])) == outcome(type_, body_with(way, {}))
    wrong: Any
    for wrong in ([{}], [[]], ["a", 1], "a", 1, True):
        rule, _, field, path = outcome(type_, body_with(way, wrong))
        assert (rule, field, path) == ("body.value", way[-1], way[:-1])


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.__name__)
def test_the_whole_body(type_: type[Input]) -> None:
    assert outcome(type_, []) == outcome(type_, {})
    assert outcome(type_, [{}])[0] == "body.object"


def test_commands_and_updates_take_it(server: Server) -> None:
    key = server.sent()["id"]
    assert server.command(key, "resend", []).status == 200
    assert server.command(key, "writedown", []).status == 200
    assert server.command(key, "payment", []).error[1]["message"] == "Amount not set"
    for path in ("/customer/1", "/settings", f"/billogram/{key}"):
        before = server.get(path).data
        after = server.call("PUT", path, []).data
        assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert "writedown" in COMMANDS


def test_a_fetched_billogram_comes_back_with_lists_for_its_empty_objects(server: Server) -> None:
    """As a widely installed client sends it with every change."""
    draft = server.draft()
    sent = {
        **{name: value for name, value in draft.items() if name not in ("events", "url", "detailed_sums")},
        **{name: [] for name in ("automatic_collection", "callbacks", "info", "regional_sweden", "pdf")},
        "items": [row | {"bookkeeping": [], "regional_sweden": []} for row in draft["items"]],
    }
    changed = server.call("PUT", f"/billogram/{draft['id']}", sent).data
    assert {**changed, "updated_at": None} == {**draft, "updated_at": None}


# rows


@pytest.mark.parametrize("type_", [BillogramFields, BillogramChanges, CreditFields])
def test_an_empty_row_is_skipped(type_: type[Input]) -> None:
    rest: dict[str, Any] = {} if type_ is BillogramChanges else {"customer": {"customer_no": 1}}
    rest = {"mode": "items"} if type_ is CreditFields else rest

    def rows(*sent: Any) -> Any:
        return read_input(type_, rest | {"items": list(sent)})

    plain = list(rows(BACK, BACK).items)
    for sent, numbers in (
        (([], BACK, BACK), [1, 2]),
        ((BACK, [], [], BACK), [0, 3]),
        ((BACK, BACK, []), [0, 1]),
        ((BACK, BACK), [0, 1]),
    ):
        given = rows(*sent).items
        assert list(given) == plain
        assert list(given.numbered()) == list(zip(numbers, plain, strict=True))
    for count in range(3):
        with pytest.raises(Refusal) as refused:
            rows(*([[]] * count))
        assert (refused.value.rule, refused.value.field, refused.value.path) == ("body.value", "items", ())
    wrong: Any
    for wrong in ([[]], [BACK], "a", 1, None, True):
        for at, around in enumerate(([wrong], [[], wrong, {"x": 1}], [BACK, [], wrong, []])):
            refusal = rows(*around).items.refusal
            assert (refusal.rule, refusal.message) == ("body.row", "invalid items")
            assert (refusal.field, refusal.path) == ("items", ("items", at))
    for bad, field in (({"x": 1}, "x"), (BACK | {"vat": "x"}, "vat")):
        refusal = rows([], BACK, [], bad).items.refusal
        assert (refusal.field, refusal.path) == (field, ("items", 3))


def test_places_count_the_rows_as_they_were_sent(server: Server) -> None:
    customer = {"customer_no": server.customer()}

    def refused(*rows: Any) -> Any:
        return server.post("/billogram", {"customer": customer, "items": list(rows)}).error

    title = {"message": "Title not set", "field": "title", "field_path": ["items", 2]}
    assert refused([], ROW, {**ROW, "title": ""}) == ("INVALID_PARAMETER", title)
    count = {"message": "Count not set", "field": "count", "field_path": ["items", 3]}
    assert refused([], ROW, [], {"title": "A", "price": 1, "vat": 0}) == ("INVALID_PARAMETER", count)
    items = {"message": "invalid items", "field": "items", "field_path": ["items", 1]}
    assert refused([], [ROW], ROW) == ("INVALID_PARAMETER", items)
    assert refused([]) == ("INVALID_PARAMETER", items | {"field_path": []})
    made = server.post("/billogram", {"customer": customer, "items": [[], ROW]}).data
    assert [row["title"] for row in made["items"]] == ["Row"]
    key = server.sent(items=[ROW])["id"]
    error = server.command(key, "credit", {"mode": "items", "items": [[], BACK | {"count": -2}]}).error[1]
    assert (error["field"], error["field_path"]) == ("count", ["items", 1])
    assert server.command(key, "credit", {"mode": "items", "items": [[], BACK]}).data["state"] == "Credited"


def test_a_row_of_another_form_is_explained(server: Server) -> None:
    body = {"customer": {"customer_no": server.customer()}, "items": [ROW, [ROW]]}
    answer = server.post("/billogram", body)
    found = server.mock("GET", answer.headers["mock-explain"].removeprefix("/_mock")).json
    assert (found["rule"], found["field"], found["field_path"]) == ("body.row", "items", ["items", 1])
    assert found["condition"]["values"] == {"row": 1}
