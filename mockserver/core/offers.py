"""Offers on the recipient's page: banners and sales (reference: api 13, behaviour 7.3)."""

import base64

from msgspec import UnsetType

from mockserver.core import events, pictures, tabs
from mockserver.core.act import Act
from mockserver.core.inputs import OfferChanges, OfferFields, resolve_required
from mockserver.core.model import Billogram, Customer, Offer, OfferItem, Picture, TabItem, replace
from mockserver.core.refusal import (
    InvalidObjectState,
    InvalidParameter,
    InvalidParameterCombination,
    NotFound,
    PermissionDenied,
    missing,
    no_object,
)
from mockserver.core.showing import timestamp
from mockserver.core.state import CUSTOMER, OFFER, View

BANNER, SALE = "banner", "sale"
TYPES = (BANNER, SALE)
ONE_TIME = "one_time"  # the only sale type with a meaning [A]


def find(view: View, offer_id: str) -> Offer:
    """Return the offer with this id, in any case. Raise NotFound when there is none."""
    found: Offer | None = view.find(OFFER, offer_id.lower())
    if found is None:
        raise no_object(offer_id)
    return found


def create(act: Act, given: OfferFields) -> Offer:
    """Create an offer."""
    is_sale = given.type == SALE
    if not is_sale and given.info_link is None:
        raise missing("info_link")
    if is_sale and given.item is None:
        raise missing("item")
    if not is_sale:
        for name in ("sale_type", "item"):
            if getattr(given, name) is not None:
                raise InvalidParameterCombination(
                    f"{name} cannot be combined with type {BANNER}", rule="offer.banner", field=name
                )
    if act.find(OFFER, given.offer_id.lower()) is not None:
        raise InvalidParameter(
            "Offer with same offer_id already exists",
            rule="offer.offer_id",
            field="offer_id",
            path=None,
            offer_id=given.offer_id,
        )
    sold = given.item
    offer = Offer(
        offer_id=given.offer_id,
        number=act.new_number(OFFER),
        type=given.type,
        title=given.title,
        text=given.text,
        picture=_picture(given.media.picture, given.media.picture_type),
        created_at=act.now,
        updated_at=act.now,
        info_link=given.info_link,
        link_text=given.link_text,
        sale_type=(given.sale_type or ONE_TIME) if is_sale else None,
        item=None
        if sold is None
        else OfferItem(sold.title, sold.price, sold.vat, resolve_required(sold.unit, "unit")),
    )
    act.add(events.OfferStored(offer))
    return offer


def _picture(content: str, file_type: str) -> Picture:
    """Return the picture of an offer. Its content and its type must agree [A]."""
    picture = pictures.picture(content, file_type)
    if pictures.file_type_of(picture.content) != file_type:
        raise InvalidParameter(
            "invalid content", rule="picture.content", size=len(picture.content), known=pictures.FILE_TYPES
        )
    return picture


def check_changeable(offer: Offer) -> None:
    """Refuse to change a sale offer that was accepted on a billogram [D]."""
    if offer.sales:
        raise PermissionDenied("offer is accepted already", rule="offer.accepted")


def change(act: Act, offer: Offer, given: OfferChanges) -> Offer:
    """Change an offer. If nothing differs, `updated_at` stays as well [A]."""
    picture = offer.picture
    sent = dict(given.media.changes)
    if any(sent.values()):
        content = str(sent.get("picture") or base64.b64encode(picture.content).decode())
        picture = _picture(content, str(sent.get("picture_type") or picture.file_type))
    info_link = offer.info_link
    if not isinstance(given.info_link, UnsetType) and (given.info_link or offer.type == SALE):
        info_link = given.info_link
    changed = replace(
        offer,
        title=resolve_required(given.title, offer.title),
        text=resolve_required(given.text, offer.text),
        info_link=info_link,
        picture=picture,
    )
    if changed != offer:
        changed = replace(changed, updated_at=act.now)
        act.add(events.OfferStored(changed))
    return changed


def accept(act: Act, billogram: Billogram, offer_id: str) -> None:
    """Record that the recipient accepts a sale offer. Its item becomes a row of the customer's billing tab.

    The checks are in the order of the reference (behaviour 7.3).
    """
    if billogram.link is None:
        raise InvalidObjectState(
            f"billogram {billogram.id} has no page for its recipient",
            rule="simulate.sent",
            hint="send it first",
            state=billogram.internal,
        )
    offer: Offer | None = act.find(OFFER, offer_id.lower())
    if offer is None:
        raise NotFound(f"there is no offer {offer_id}", rule="object.exists", hint="create it by POST /offer")
    if offer.item is None or offer.sale_type is None:
        raise InvalidObjectState(
            f"offer {offer.offer_id} is a {offer.type}: there is nothing to accept",
            rule="sale.type",
            hint="accept a sale offer",
            type=offer.type,
        )
    if offer.offer_id in billogram.sales_accepted:
        raise InvalidObjectState(
            f"offer {offer.offer_id} was accepted on this billogram",
            rule="sale.once",
            hint="accept another offer, or this one on another billogram",
            accepted=billogram.sales_accepted,
        )
    number = billogram.recipient.customer_no
    customer: Customer | None = act.find(CUSTOMER, number)
    if customer is None:
        raise InvalidObjectState(
            f"there is no customer {number} any more, whose billing tab the sale would be on",
            rule="sale.customer",
            hint="the customer has another number now",
            customer_no=number,
        )
    sold = offer.item
    act.add(
        events.SaleAccepted(
            act.mark(billogram),
            billogram.sums,
            offer_id=offer.offer_id,
            sale_type=offer.sale_type,
            accepted_at=timestamp(act.now),
            customer_no=number,
            item_title=sold.title,
            item_price=sold.price,
            item_type=sold.unit,
        )
    )
    item = TabItem(
        title=sold.title,
        price=sold.price,
        vat=sold.vat,
        unit=sold.unit,
        external_id=offer.offer_id,
    )
    tabs.add_row(act, customer, item)
