"""Resource `item` (reference: api 3)."""

from typing import Any, cast

from msgspec import Raw

from mockserver.api.call import Call, answer
from mockserver.api.inputs import check_read_only, read_input
from mockserver.api.listing import Listed, answer_list, read_query, select
from mockserver.api.rendering import as_float, as_number, timestamp
from mockserver.api.shapes import ItemShape
from mockserver.core import register
from mockserver.core.act import Act
from mockserver.core.inputs import ItemChanges, ItemFields
from mockserver.core.model import Item
from mockserver.core.refusal import no_object
from mockserver.core.state import State, item_rank

LISTED: Listed[Item] = Listed(
    number=lambda each: each.number,
    filters={
        "item_no": lambda each: each.item_no,
        "title": lambda each: each.title,
        "description": lambda each: each.description,
        "price": lambda each: each.price,
        "bookkeeping:income_account": lambda each: each.income_account,
        "bookkeeping:vat_account": lambda each: each.vat_account,
    },
    orders={
        "item_no": lambda each: _rank_text(each.item_no),
        "title": lambda each: each.title,
        "price": lambda each: each.price,
        "created_at": lambda each: each.created_at.isoformat(),
        "updated_at": lambda each: None if each.updated_at is None else each.updated_at.isoformat(),
    },
    special=lambda each: (each.item_no, each.title, each.description),
    strict=False,
)


def _rank_text(item_no: str) -> str:
    """A sort key: numeric item numbers by value, followed by the others."""
    digits, number, name = item_rank(item_no)
    return f"{digits}{number:030d}{name}"


EXAMPLE = {
    "title": "Test service",
    "description": "One hour of testing",
    "price": 130,
    "vat": 25,
    "unit": "hour",
    "bookkeeping": {"income_account": "3001", "vat_account": "2610"},
}
CHANGE = {"price": 140}


async def create(call: Call) -> bytes:
    """`POST /item`: creates an item."""
    number = ""

    def decide(act: Act) -> None:
        nonlocal number
        number = register.create_item(act, read_input(ItemFields, call.json()))

    act = await call.execute(decide, rule="item.create")
    return answer(render_item(act.item(number)))


async def fetch(call: Call) -> bytes:
    """`GET /item/{item_no}`: one item."""
    return answer(render_item(await call.read(lambda state: find(state, call.params["item_no"]))))


async def update(call: Call) -> bytes:
    """`PUT /item/{item_no}`: changes an item. Members that are not sent, and existing rows, do not change."""
    number = ""

    def decide(act: Act) -> None:
        nonlocal number
        item = find(act.state, call.params["item_no"])
        body = call.json()
        given = read_input(ItemChanges, body, put=True)
        check_read_only(ItemChanges, body, cast("dict[str, Any]", render_item(item)))
        number = register.change_item(act, item, given)

    act = await call.execute(decide, rule="item.update")
    return answer(render_item(act.item(number)))


async def delete(call: Call) -> bytes:
    """`DELETE /item/{item_no}`: deletes an item. Existing rows keep their values."""

    def decide(act: Act) -> None:
        register.delete_item(act, find(act.state, call.params["item_no"]))

    await call.execute(decide, rule="item.delete")
    return answer({})


async def listing(call: Call) -> bytes:
    """`GET /item`: lists items, by number unless the query asks for another order."""
    query = read_query(LISTED, call.query)
    matches = await call.read(lambda state: [state.items[name] for _, _, name in state.item_order])
    matches = await select(LISTED, query, matches)
    page = matches[query.start : query.stop]
    return await answer_list(page, render_item, {"total_count": len(matches)})


def find(state: State, item_no: str) -> Item:
    """The item with the number of a path. NotFound if there is none."""
    item = state.items.get(item_no)
    if item is None:
        raise no_object(item_no)
    return item


def render_item(item: Item | None) -> ItemShape:
    """An item as the API shows it; `objects` and `rotavdrag` only when they are set [A]."""
    assert item is not None, "the item was created or found"
    shown: ItemShape = {
        "item_no": item.item_no,
        "title": item.title,
        "description": item.description,
        "price": as_float(item.price),
        "vat": as_number(item.vat),
        "unit": item.unit,
        "zero_vat_reason": item.zero_vat_reason,
        "zero_vat_reason_reference": item.zero_vat_reason_reference,
        "bookkeeping": {"income_account": item.income_account, "vat_account": item.vat_account},
        "created_at": timestamp(item.created_at),
        "updated_at": None if item.updated_at is None else timestamp(item.updated_at),
    }
    if item.objects != "[]":
        objects: Any = Raw(item.objects.encode())
        shown["bookkeeping"]["objects"] = objects
    if item.rotavdrag is not None:
        shown["regional_sweden"] = {"rotavdrag": item.rotavdrag}
    return shown
