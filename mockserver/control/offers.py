"""The offers of an account, with the sales that were accepted (reference: api 13, behaviour 7.3)."""

from typing import TypedDict

from mockserver.api.offer import render_offer
from mockserver.api.shapes import OfferShape
from mockserver.control.call import Answer, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.core.model import Account, Offer


class SaleShape(TypedDict):
    """A billogram on which the offer was accepted; the customer is that of the billogram."""

    billogram: str
    customer_no: int
    at: Shown


class SoldOfferShape(OfferShape):
    """An offer as the API shows it, with its sales."""

    sales: list[SaleShape]


async def listing(call: ControlCall) -> Answer:
    """`GET …/offers`: lists banners and sale offers, oldest first, with the sales that were accepted."""
    live = await call.live()
    found, account = await call.emulator.read(
        live, lambda state: (list(state.offers.values()), state.account)
    )
    rows = await call.page().of(found, lambda each: each.offer_id)
    return Answer([_shown(each, account) for each in rows])


def _shown(offer: Offer, account: Account) -> SoldOfferShape:
    sales: list[SaleShape] = [
        {
            "billogram": each.billogram,
            "customer_no": each.customer_no,
            "at": format_moment(each.at, account.timezone),
        }
        for each in offer.sales
    ]
    return {**render_offer(offer), "sales": sales}
