"""Money that will not come (reference: behaviour 2.2, 2.3, 3.3, 5)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.server import Server, charge


def told(server: Server, key: str) -> list[tuple[str, str]]:
    return [(type(each).__name__, each.state) for each in server.state().billograms[key].events]


# command; paid of 125 + 60 reminder fee + 5 interest -> event, amount of it, state, and of detailed_sums:
# rounding, reminder_fee, interest_fee, paid_sum
CLOSING: list[tuple[str, int, str, int, str, int, int, int, int]] = [
    ("writeoff", 125, "Writeoff", 65, "Paid", 0, 0, 0, -125),
    ("writeoff", 150, "Writeoff", 40, "Paid", 0, 25, 0, -150),
    ("writeoff", 187, "Writeoff", 3, "Paid", 0, 60, 2, -187),
    ("settle-underpayment", 25, "UnderpaymentSettled", 165, "Paid", -100, 0, 0, -25),
    ("settle-underpayment", 125, "UnderpaymentSettled", 65, "Paid", 0, 0, 0, -125),
    ("settle-underpayment", 150, "UnderpaymentSettled", 40, "Paid", 0, 25, 0, -150),
    ("confirmed-loss", 0, "ConfirmedLoss", 190, "Ended", -125, 0, 0, 0),
    ("confirmed-loss", 25, "ConfirmedLoss", 165, "Ended", -100, 0, 0, -25),
    ("confirmed-loss", 187, "ConfirmedLoss", 3, "Ended", 0, 60, 2, -187),
]


@pytest.mark.parametrize(
    ("command", "paid", "event", "amount", "state", "rounding", "reminder", "interest", "paid_sum"), CLOSING
)
def test_closing_without_money(
    server: Server,
    command: str,
    paid: int,
    event: str,
    amount: int,
    state: str,
    rounding: int,
    reminder: int,
    interest: int,
    paid_sum: int,
) -> None:
    key = server.sent()["id"]
    charge(server, key, 60, 5)
    if paid:
        server.command(key, "payment", {"amount": paid})
    before = server.get(f"/billogram/{key}").data["state"]
    done = server.command(key, command).data
    assert told(server, key)[-2:] == [(event, before), ("BillogramEnded", state)]
    assert done["state"] == state
    assert done["events"][-2]["data"] == {"amount": amount, "remaining_sum": 0, "total_sum": 125}
    sums = done["detailed_sums"]
    assert (sums["rounding"], sums["reminder_fee"], sums["interest_fee"]) == (rounding, reminder, interest)
    assert (sums["paid_sum"], sums["remaining_sum"]) == (paid_sum, 0)
    assert (done["total_sum"], done["rounding_value"]) == (125, 0)


# settings, fees, money -> what happens by itself
AUTOMATIC: list[tuple[dict[str, Any], int, list[tuple[str, Any]], list[str], str]] = [
    (
        {"settings": "all_fees", "amount": None},
        60,
        [("payment", 125)],
        ["Payment", "Writeoff", "BillogramEnded"],
        "Paid",
    ),
    (
        {"settings": "all_fees", "amount": 60},
        60,
        [("payment", 125)],
        ["Payment", "Writeoff", "BillogramEnded"],
        "Paid",
    ),
    ({"settings": "all_fees", "amount": 59.99}, 60, [("payment", 125)], ["Payment"], "PartlyPaid"),
    (
        {"settings": "all_fees", "amount": 50},
        60,
        [("payment", 135)],
        ["Payment", "Writeoff", "BillogramEnded"],
        "Paid",
    ),
    ({"settings": "all_fees", "amount": None}, 60, [("payment", 124)], ["Payment"], "PartlyPaid"),
    ({"settings": None, "amount": None}, 60, [("payment", 125)], ["Payment"], "PartlyPaid"),
    ({"settings": "other", "amount": None}, 60, [("payment", 125)], ["Payment"], "PartlyPaid"),
    (
        {"settings": "all_fees", "amount": None},
        60,
        [("credit", 125)],
        ["Credit", "Writeoff", "BillogramEnded"],
        "Credited",
    ),
    ({"settings": "all_fees", "amount": None}, 0, [("payment", 125)], ["Payment", "BillogramEnded"], "Paid"),
]


@pytest.mark.parametrize(("settings", "fee", "deeds", "events", "state"), AUTOMATIC)
def test_automatic_writeoff(
    server: Server,
    settings: dict[str, Any],
    fee: int,
    deeds: list[tuple[str, Any]],
    events: list[str],
    state: str,
) -> None:
    assert server.call("PUT", "/settings", {"invoices": {"automatic_writeoff": settings}}).status == 200
    key = server.sent()["id"]
    charge(server, key, fee)
    for command, amount in deeds:
        body = {"amount": amount} if command == "payment" else {"mode": "amount", "amount": amount}
        server.command(key, command, body)
    assert [name for name, _ in told(server, key)][2:] == events
    assert server.get(f"/billogram/{key}").data["state"] == state


def test_automatic_writeoff_after_money_of_the_bank_and_an_allocated_credit(server: Server) -> None:
    server.call("PUT", "/settings", {"invoices": {"automatic_writeoff": {"settings": "all_fees"}}})
    customer = server.customer()
    first, second = (server.sent(customer={"customer_no": customer})["id"] for _ in range(2))
    charge(server, first, 60)
    charge(server, second, 60)
    server.mock("POST", "/accounts/test/payments", {"amount": 125, "billogram": first})
    assert [name for name, _ in told(server, first)][2:] == ["Payment", "Writeoff", "BillogramEnded"]
    rows = [{"title": "Back", "count": -1, "price": 200, "vat": 0}]
    source = server.sent(customer={"customer_no": customer}, items=rows)["id"]
    server.command(second, "credit-allocate", {"amount": 125, "source_id": source})
    assert told(server, second)[2:] == [
        ("CreditAllocated", "Unpaid"),
        ("Writeoff", "Unpaid"),
        ("BillogramEnded", "Credited"),
    ]


@pytest.mark.parametrize(
    ("amount", "paid", "price", "events", "state"),
    [
        (60, 25, 25, ["Payment", "DataChange", "Credit", "Writeoff", "BillogramEnded"], "Paid"),
        (60, 0, 0, ["DataChange", "Credit", "Writeoff", "BillogramEnded"], "Credited"),
        (None, 25, 25, ["Payment", "DataChange", "Credit", "Writeoff", "BillogramEnded"], "Paid"),
        (59, 25, 25, ["Payment", "DataChange", "Credit"], "PartlyPaid"),
        (60, 25, 26, ["Payment", "DataChange", "Credit"], "PartlyPaid"),
        (60, 25, 200, ["Payment", "DataChange", "InvoiceSent"], "PartlyPaid"),
        # what was paid beyond the new total covers fees first
        (40, 50, 20, ["Payment", "DataChange", "Credit", "Writeoff", "BillogramEnded"], "Paid"),
    ],
)
def test_automatic_writeoff_at_a_put(
    server: Server, amount: int | None, paid: int, price: int, events: list[str], state: str
) -> None:
    rule = {"settings": "all_fees", "amount": amount}
    server.call("PUT", "/settings", {"invoices": {"automatic_writeoff": rule}})
    key = server.sent()["id"]
    charge(server, key, 60)
    if paid:
        server.command(key, "payment", {"amount": paid})
    row = {"title": "Row", "count": 1, "price": price, "vat": 0}
    done = server.call("PUT", f"/billogram/{key}", {"items": [row]}).data
    assert [name for name, _ in told(server, key)][2:] == events
    assert (done["state"], done["remaining_sum"] == 0) == (state, "BillogramEnded" in events)


def test_a_writedown_is_a_mark(server: Server) -> None:
    key = server.sent()["id"]
    done = server.command(key, "writedown").data
    assert (done["state"], done["flags"], done["remaining_sum"]) == ("Unpaid", ["written down"], 125)
    assert done["events"][-1]["data"] == {"amount": 125}
    server.command(key, "payment", {"amount": 25})
    done = server.command(key, "revert-writedown").data
    assert done["events"][-1]["data"] == {"amount": 125}
    assert done["flags"] == ["partly paid"]
    server.command(key, "writedown")
    done = server.command(key, "confirmed-loss").data
    assert (done["flags"], done["state"]) == ([], "Ended")
    assert done["detailed_sums"]["rounding"] == Decimal(-100)


ADJUSTED, OWED = "OverpaymentAdjustment", "OverpaymentCustomerLiability"
# commands before, with a reminder fee of 60; money of the bank after -> state; rounding, reminder fee, paid;
# adjusted and owed; events of the money
AFTERWARDS: list[tuple[str, list[Any], list[int], str, tuple[int, int, int], tuple[int, int], list[str]]] = [
    ("all of it", ["confirmed-loss"], [125], "Ended", (0, 0, -125), (0, 0), ["Payment"]),
    ("a part", ["confirmed-loss"], [25], "Ended", (-100, 0, -25), (0, 0), ["Payment"]),
    ("in parts", ["confirmed-loss"], [25, 50, 50], "Ended", (0, 0, -125), (0, 0), ["Payment"] * 3),
    ("a little more", ["confirmed-loss"], [130], "Ended", (0, 0, -125), (5, 0), ["Payment", ADJUSTED]),
    ("more", ["confirmed-loss"], [100, 45], "Ended", (0, 0, -125), (0, 20), ["Payment", "Payment", OWED]),
    ("dropped fees stay so", ["confirmed-loss"], [185], "Ended", (0, 0, -125), (0, 60), ["Payment", OWED]),
    ("after a part", [50, "confirmed-loss"], [75], "Ended", (0, 0, -125), (0, 0), ["Payment"]),
    ("only fees lost", [150, "confirmed-loss"], [35], "Ended", (0, 25, -150), (0, 35), ["Payment", OWED]),
    ("written down", ["writedown", "confirmed-loss"], [125], "Ended", (0, 0, -125), (0, 0), ["Payment"]),
    ("settled", [50, "settle-underpayment"], [75], "Paid", (-75, 0, -50), (0, 75), ["Payment", OWED]),
    ("paid", [185], [75], "Paid", (0, 60, -185), (0, 75), ["Payment", OWED]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "money", "state", "sums", "beyond", "events"),
    [row[1:] for row in AFTERWARDS],
    ids=[row[0] for row in AFTERWARDS],
)
def test_money_after_the_end(
    server: Server,
    before: list[Any],
    money: list[int],
    state: str,
    sums: tuple[int, int, int],
    beyond: tuple[int, int],
    events: list[str],
) -> None:
    """Money for a confirmed loss is paid, and the loss shrinks; what is beyond it, and all else, is not."""
    key = server.sent()["id"]
    charge(server, key, 60)
    for command in before:
        body = {"amount": command} if isinstance(command, int) else None
        assert server.command(key, "payment" if body else command, body).status == 200
    start = len(told(server, key))
    assert server.get(f"/billogram/{key}").data["remaining_sum"] == 0
    made = [
        server.mock("POST", "/accounts/test/payments", {"amount": each, "billogram": key}) for each in money
    ]
    assert [each.status for each in made] == [201] * len(money)
    assert tuple(sum(each.json[name] for each in made) for name in ("adjustment", "liability")) == beyond
    shown = server.get(f"/billogram/{key}").data
    assert (shown["state"], shown["remaining_sum"], shown["total_sum"]) == (state, 0, 125)
    detailed = shown["detailed_sums"]
    assert tuple(detailed[name] for name in ("rounding", "reminder_fee", "paid_sum")) == sums
    assert told(server, key)[start:] == [(name, state) for name in events]
    assert [each["data"]["remaining_sum"] for each in shown["events"][start:]] == [0] * len(events)
    assert (set(shown["flags"]) == {"overpaid"}) == any(beyond)


def test_a_loss_that_was_recovered_can_be_credited(server: Server) -> None:
    """A credit frees late money like any other, newest allocation first."""
    key = server.sent()["id"]
    server.command(key, "payment", {"amount": 25})
    server.command(key, "confirmed-loss")
    refused = server.command(key, "credit", {"mode": "amount", "amount": 26})
    assert refused.error[1]["field"] == "amount"
    made = server.mock("POST", "/accounts/test/payments", {"amount": 60, "billogram": key}).json
    done = server.command(key, "credit", {"mode": "full"}).data
    assert (done["state"], done["remaining_sum"]) == ("Ended", 0)
    assert (done["detailed_sums"]["credited_sum"], done["detailed_sums"]["rounding"]) == (-85, -40)
    now = server.mock("GET", f"/accounts/test/payments/{made['id']}").json
    assert (now["liability"], [each["amount"] for each in now["allocations"]]) == (60, [0])
    last = server.mock("POST", "/accounts/test/payments", {"amount": 50, "billogram": key}).json
    assert (last["adjustment"], [each["amount"] for each in last["allocations"]]) == (10, [40])
