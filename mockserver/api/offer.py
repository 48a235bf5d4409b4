"""Resource `offer` (reference: api 13)."""

import asyncio
from base64 import b64encode
from datetime import datetime
from typing import Any, cast

from mockserver.api.call import Call, answer
from mockserver.api.errors import InvalidQueryParameter, MissingQueryParameter
from mockserver.api.inputs import check_read_only, read_input, same_members
from mockserver.api.listing import Listed, answer_list, read_query, select
from mockserver.api.rendering import as_float, as_number
from mockserver.api.shapes import OfferShape
from mockserver.core import offers
from mockserver.core.act import Act
from mockserver.core.inputs import OfferChanges, OfferFields
from mockserver.core.model import Offer
from mockserver.core.refusal import ReadOnlyParameter
from mockserver.schema import one_word

QUERY = {"type": one_word(offers.TYPES)}
EXAMPLE = {
    "offer_id": "banner7",
    "type": offers.BANNER,
    "title": "Test banner",
    "text": "Invented text for a banner.",
    "info_link": "https://example.com/banner",
    "media": {
        "picture": (
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
        ),
        "picture_type": "image/png",
    },
}
CHANGE = {"title": "New test title"}

LISTED: Listed[Offer] = Listed(
    number=lambda each: each.number,
    filters={"offer_id": lambda each: each.offer_id, "title": lambda each: each.title},
    orders={"offer_id": lambda each: each.offer_id, "title": lambda each: each.title},
    types=("field", "field-prefix", "field-search"),
    strict=False,
)


async def listing(call: Call) -> bytes:
    """`GET /offer?type=`: lists the offers of a type, which is required, in the order of their creation."""
    wanted = call.query.get("type")
    if not wanted:
        raise MissingQueryParameter("missing query parameter: type", rule="query.required", field="type")
    if wanted not in offers.TYPES:
        raise InvalidQueryParameter(
            "invalid query parameter: type", rule="query.value", field="type", value=wanted
        )
    query = read_query(LISTED, call.query)
    found = await call.read(lambda state: [each for each in state.offers.values() if each.type == wanted])
    matches = await select(LISTED, query, found)
    return await answer_list(matches[query.start : query.stop], render_offer, {"total_count": len(matches)})


async def create(call: Call) -> bytes:
    """`POST /offer`: creates a banner or a sale offer."""
    made: list[Offer] = []

    def decide(act: Act) -> None:
        made.append(offers.create(act, read_input(OfferFields, call.json())))

    await call.execute(decide, rule="offer.create")
    return await _answer(made[-1])


async def fetch(call: Call) -> bytes:
    """`GET /offer/{offer_id}`: one offer. The case of the id does not matter."""
    return await _answer(await call.read(lambda state: offers.find(state, call.params["offer_id"])))


async def update(call: Call) -> bytes:
    """`PUT /offer/{offer_id}`: changes title, text, link or picture. A sale that was accepted can't be."""
    made: list[Offer] = []

    def decide(act: Act) -> None:
        offer = offers.find(act, call.params["offer_id"])
        body = call.json()
        given = read_input(OfferChanges, body, put=True)
        offers.check_changeable(offer)
        shown = {"link_text": None, "sale_type": None, "item": None, **render_offer(offer)}
        check_read_only(OfferChanges, body, shown)
        item = (body or {}).get("item")
        if item and not same_members(item, shown["item"]):
            raise ReadOnlyParameter("read-only key: item", rule="body.read_only", field="item")
        made.append(offers.change(act, offer, given))

    await call.execute(decide, rule="offer.update")
    return await _answer(made[-1])


async def _answer(offer: Offer) -> bytes:
    return await asyncio.to_thread(lambda: answer(render_offer(offer)))


def render_offer(offer: Offer) -> OfferShape:
    """An offer as the API shows it. Members that were never given are absent."""
    shown: dict[str, Any] = {
        "offer_id": offer.offer_id,
        "type": offer.type,
        "title": offer.title,
        "text": offer.text,
        "media": {
            "picture": b64encode(offer.picture.content).decode(),
            "picture_type": offer.picture.file_type,
        },
        "created_at": _moment(offer.created_at),
        "updated_at": _moment(offer.updated_at),
    }
    if offer.link_text is not None:
        shown["link_text"] = offer.link_text
    if offer.info_link is not None:
        shown["info_link"] = offer.info_link
    if offer.item is not None:
        shown["sale_type"] = offer.sale_type
        shown["item"] = {
            "title": offer.item.title,
            "price": as_float(offer.item.price),
            "vat": as_number(offer.item.vat),
            "unit": offer.item.unit,
        }
    return cast("OfferShape", shown)


def _moment(moment: datetime) -> str:
    """A moment in UTC with milliseconds [D]."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
