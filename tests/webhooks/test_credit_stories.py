"""Rows 2 and 3 of behaviour 9, as a receiver sees them over a socket."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.webhooks.test_stories import check_form
from tests.webhooks.world import Receiver, World

KEY = "test-sign-key-1"
ROWS = [
    {"item_no": "A", "title": "A", "count": 4, "price": 100, "vat": 25},
    {"item_no": "B", "title": "B", "count": 1, "price": 40, "vat": 25},
]


def full(world: World) -> None:
    key = world.sent()["id"]
    world.command(key, "credit", {"mode": "full"})


def items(world: World) -> None:
    key = world.sent(items=ROWS)["id"]
    for count, status in ((-1, 200), (-4, 400)):
        body = {"mode": "items", "items": [{"item_no": "A", "count": count}]}
        assert world.ask("POST", f"/billogram/{key}/command/credit", body).status_code == status
    world.command(key, "credit", {"mode": "full"})


def part_paid(world: World) -> None:
    key = world.sent()["id"]
    world.pay(key, 25)
    world.command(key, "credit", {"mode": "full"})


def paid(world: World) -> None:
    key = world.sent()["id"]
    world.pay(key, 125)
    world.command(key, "credit", {"mode": "full"})


def standalone(world: World) -> None:
    customer = world.draft()["customer"]["customer_no"]
    of = {"customer": {"customer_no": customer}}
    credit = world.draft(items=[{"title": "Back", "count": -4, "price": 100, "vat": 25}], **of)["id"]
    world.command(credit, "send", {"method": "DoNotNotify"})
    first, second = (
        world.sent(items=[{"title": "Row", "count": 1, "price": price, "vat": 25}], **of)["id"]
        for price in (240, 200)
    )
    for target, amount, status in (
        (first, 301, 400),
        (first, 300, 200),
        (second, 250, 400),
        (second, 200, 200),
    ):
        body = {"amount": amount, "source_id": credit}
        assert world.ask("POST", f"/billogram/{target}/command/credit-allocate", body).status_code == status


# what the receiver gets after the last BillogramSent: type, state, amount, remaining, paid, credited
Row = tuple[str, str, int | None, int, int, int]
STORIES: dict[str, tuple[Callable[[World], None], list[Row]]] = {
    "2 full": (
        full,
        [("Credit", "Unpaid", 125, 0, 0, -125), ("BillogramEnded", "Credited", None, 0, 0, -125)],
    ),
    "2 items": (
        items,
        [
            ("Credit", "Unpaid", 125, 425, 0, -125),
            ("Credit", "Unpaid", 425, 0, 0, -550),
            ("BillogramEnded", "Credited", None, 0, 0, -550),
        ],
    ),
    "2 part paid": (
        part_paid,
        [
            ("Payment", "PartlyPaid", 25, 100, -25, 0),
            ("Credit", "PartlyPaid", 125, 0, 0, -125),
            ("OverpaymentCustomerLiability", "PartlyPaid", 25, 0, 0, -125),
            ("BillogramEnded", "Credited", None, 0, 0, -125),
        ],
    ),
    "2 paid": (
        paid,
        [
            ("Payment", "Unpaid", 125, 0, -125, 0),
            ("BillogramEnded", "Paid", None, 0, -125, 0),
            ("Credit", "Paid", 125, 0, 0, -125),
            ("OverpaymentCustomerLiability", "Paid", 125, 0, 0, -125),
        ],
    ),
    "3": (
        standalone,
        [
            ("CreditAllocated", "Unpaid", 300, 0, 0, -300),
            ("CreditAllocated", "Unpaid", 300, -200, 0, 300),
            ("BillogramEnded", "Credited", None, 0, 0, -300),
            ("CreditAllocated", "Unpaid", 200, 50, 0, -200),
            ("CreditAllocated", "Unpaid", 200, 0, 0, 500),
            ("BillogramEnded", "Paid", None, 0, 0, 500),
        ],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_story(name: str, world: World) -> None:
    story, rows = STORIES[name]
    with Receiver() as receiver:
        world.callbacks(receiver.url("/hook"), KEY)
        story(world)
        world.idle()
        for each in receiver.got:
            check_form(each)
            each.check_signature(KEY)
        last = max(index for index, each in enumerate(receiver.got) if each.event_type == "BillogramSent")
        got = [shown(each.json) for each in receiver.got[last + 1 :]]
    assert got == rows
    for each in world.api("GET", "/billogram?page=1&page_size=10"):
        whole = world.api("GET", f"/billogram/{each['id']}")
        told = [got.json for got in receiver.got if got.billogram == each["id"]][-1]
        assert told["billogram"]["detailed_sums"] == whole["detailed_sums"]
        assert told["event"]["event_uuid"] == whole["events"][-1]["event_uuid"]


def shown(callback: dict[str, Any]) -> Row:
    billogram, event = callback["billogram"], callback["event"]
    sums = billogram["detailed_sums"]
    amount = None if event["data"] is None else event["data"]["amount"]
    if event["data"] is not None:
        assert event["data"]["remaining_sum"] == billogram["remaining_sum"]
        assert event["data"]["total_sum"] == billogram["total_sum"]
    remaining = sums["remaining_sum"]
    assert remaining == billogram["remaining_sum"]
    return event["type"], billogram["state"], amount, remaining, sums["paid_sum"], sums["credited_sum"]
