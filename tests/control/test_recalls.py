"""Money that goes away again, and the dunning after it (reference: behaviour 8.2, 6.2-6.4)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.control.test_payments import OWED, check, pay, story, whole
from tests.core.test_sepa import DEBIT, PAYMENTS, TRANSFER, advance, collected, planned, refused
from tests.server import ACCOUNT, Server

ENDED = ("BillogramEnded", None, None, "Paid")


@pytest.fixture
def server(server: Server) -> Server:
    """One with the account, and no automatic reminders."""
    server.call("PUT", "/settings", {"invoices": {"automatic_reminders": []}})
    return server


def sent(server: Server, **more: Any) -> str:
    """125, due on 2026-04-01."""
    key: str = server.sent(**{"currency": "EUR", "invoice_date": "2026-03-02", **more})["id"]
    return key


def recall(server: Server, payment: Any, **asked: Any) -> Any:
    answer = server.mock("POST", f"{PAYMENTS}/{payment['id']}/recall", asked)
    assert answer.status == 201, answer.body
    check(server)
    whole(server.mock("GET", f"{PAYMENTS}/{payment['id']}").json)
    return answer.json


def parts(server: Server, payment: Any) -> tuple[Any, ...]:
    """What is on billograms; unmatched, adjusted, owed, taken back."""
    now = server.mock("GET", f"{PAYMENTS}/{payment['id']}").json
    booked = [each["amount"] for each in now["allocations"]]
    return booked, now["unmatched"], now["adjustment"], now["liability"], now["recalled"]


def sums(server: Server, key: str) -> tuple[Any, ...]:
    shown = server.get(f"/billogram/{key}").data
    return shown["state"], shown["detailed_sums"]["paid_sum"], shown["remaining_sum"]


def test_what_is_on_no_billogram_first_then_in_order(server: Server) -> None:
    first, second = sent(server), sent(server)
    shares = [{"billogram": first, "amount": 130}, {"billogram": second, "amount": 25}]
    shares += [{"billogram": first, "amount": 10}, {"billogram": second, "amount": 100}]
    made = pay(server, 300, allocations=shares, scheme=DEBIT)
    assert parts(server, made) == ([125, 25, 0, 100], 35, 0, 15, 0)
    assert recall(server, made, amount=35)["payables"] == []
    assert parts(server, made) == ([125, 25, 0, 100], 0, 0, 15, 35)
    assert recall(server, made, amount=10)["total_amount"] == 0
    assert recall(server, made, amount=20)["total_amount"] == 15
    assert parts(server, made) == ([110, 25, 0, 100], 0, 0, 0, 65)
    taken = recall(server, made, amount=160)
    assert [(each["billogram"], each["amount"]) for each in taken["payables"]] == [(first, 110), (second, 50)]
    assert taken["total_amount"] == 160
    assert parts(server, made) == ([0, 0, 0, 75], 0, 0, 0, 225)
    assert (sums(server, first), sums(server, second)) == (("Unpaid", 0, 125), ("PartlyPaid", -75, 50))
    assert "80" not in refused(server, made["id"], {"amount": 75.01})["message"]
    assert recall(server, made)["total_amount"] == 75
    assert parts(server, made) == ([0, 0, 0, 0], 0, 0, 0, 300)
    assert sums(server, second) == ("Unpaid", 0, 125)
    refused(server, made["id"], {})


def test_allocations_in_the_order_in_which_they_were_made(server: Server) -> None:
    """Not billogram by billogram; the events that it was booked by are named, and no others."""
    first, second = sent(server), sent(server)
    shares = [(first, 50), (second, 50), (first, 25)]
    body = [{"billogram": key, "amount": amount} for key, amount in shares]
    made = pay(server, 125, allocations=body, scheme=DEBIT)
    uuids = [each["event_uuid"] for each in made["allocations"]]
    taken = recall(server, made, amount=60)
    assert [(each["billogram"], each["amount"]) for each in taken["payables"]] == [(first, 50), (second, 10)]
    related = [event_data(server, key)["related_payment_event_uuids"] for key in (first, second)]
    assert related == [[uuids[0]], [uuids[1]]]
    recall(server, made, amount=65)
    related = [event_data(server, key)["related_payment_event_uuids"] for key in (first, second)]
    assert related == [[uuids[2]], [uuids[1]]]


def event_data(server: Server, key: str) -> Any:
    events = server.get(f"/billogram/{key}").data["events"]
    return [each["data"] for each in events if each["type"] == "PaymentRecalled"][-1]


def test_shares_as_they_are_given(server: Server) -> None:
    first, second = sent(server), sent(server)
    shares = [{"billogram": key, "amount": 125} for key in (first, second)]
    made = pay(server, 260, allocations=shares, scheme=DEBIT)
    for bad, amount in (
        ([(second, 126)], None),
        ([(second, 50), (second, 50)], None),
        ([("nobody", 5)], None),
        ([(second, 50)], 49),
        ([(second, 50)], 61),
    ):
        body: dict[str, Any] = {"allocations": [{"billogram": key, "amount": part} for key, part in bad]}
        refused(server, made["id"], body if amount is None else body | {"amount": amount})
    taken = recall(server, made, amount=60, allocations=[{"billogram": second, "amount": 50}])
    assert [(each["billogram"], each["amount"]) for each in taken["payables"]] == [(second, 50)]
    assert parts(server, made) == ([125, 75], 0, 0, 0, 60)
    assert (sums(server, first), sums(server, second)) == (("Paid", -125, 0), ("PartlyPaid", -75, 50))


@pytest.mark.parametrize("scheme", ["MANUAL", "BANKGIRO", "AUTOGIRO", "SWISH", "CARD"])
def test_other_money_stays(server: Server, scheme: str) -> None:
    key = sent(server, currency="SEK")
    if scheme == "MANUAL":
        server.command(key, "payment", {"amount": 125})
        made = server.mock("GET", PAYMENTS).json[-1]
    else:
        made = pay(server, 125, billogram=key, scheme=scheme)
    for asked in ({}, {"type": "refund"}, {"type": "recall"}):
        error = refused(server, made["id"], asked)
        assert scheme in error["message"]
        assert error["hint"]


def test_it_is_open_again_and_can_be_paid_again(server: Server) -> None:
    key = sent(server)
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    advance(server, "2026-04-10T10:00:00+02:00")
    assert sums(server, key) == ("Paid", -125, 0)
    shown = recall(server, made, type="refund", amount=25, fee=3.5, message="why")
    assert (shown["fee"], shown["message"], shown["code"]) == (3.5, "why", "MD06")
    assert (shown["total_amount"], shown["executed_on"]) == (25, "2026-04-10")
    assert sums(server, key) == ("PartlyPaid", -100, 25)
    assert "partly paid" in server.get(f"/billogram/{key}").data["flags"]
    recall(server, made, type="refund")
    assert sums(server, key) == ("Overdue", 0, 125)
    pay(server, 125, billogram=key)
    assert story(server, key) == [
        ("Payment", 125, 0, "Unpaid"),
        ENDED,
        ("PaymentRecalled", None, None, "PartlyPaid"),
        ("Overdue", None, 25, "PartlyPaid"),
        ("PaymentRecalled", None, None, "Overdue"),
        ("Payment", 125, 0, "Overdue"),
        ENDED,
    ]


def test_one_that_is_open(server: Server) -> None:
    key = sent(server)
    made = pay(server, 25, billogram=key, scheme=TRANSFER)
    assert sums(server, key) == ("PartlyPaid", -25, 100)
    recall(server, made)
    assert sums(server, key) == ("Unpaid", 0, 125)
    assert story(server, key)[1:] == [("PaymentRecalled", None, None, "Unpaid")]
    advance(server, "2026-04-02T10:00:00+02:00")
    assert [each[0] for each in story(server, key)[2:]] == ["Overdue", "InterestStarted"]


def test_before_it_is_due(server: Server) -> None:
    key = sent(server)
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    recall(server, made)
    assert sums(server, key) == ("Unpaid", 0, 125)
    advance(server, "2026-04-03T10:00:00+02:00")
    assert [each[0] for each in story(server, key)[2:]] == ["PaymentRecalled", "Overdue", "InterestStarted"]


def test_in_collection(server: Server) -> None:
    key = sent(server)
    made = pay(server, 25, billogram=key, scheme=DEBIT)
    advance(server, "2026-04-02T10:00:00+02:00")
    assert server.command(key, "collect").status == 200
    other = pay(server, 20, billogram=key, scheme=DEBIT)
    start = len(story(server, key))
    recall(server, made, type="refund")
    assert sums(server, key) == ("Collecting", -20, 105)
    assert story(server, key)[start:] == [("PaymentRecalled", None, None, "Collecting")]
    last = pay(server, 105, billogram=key, scheme=DEBIT)
    assert sums(server, key) == ("Paid", -125, 0)
    recall(server, other)
    assert sums(server, key) == ("PartlyPaid", -105, 20)
    recall(server, last)
    assert sums(server, key) == ("Overdue", 0, 125)


def test_what_was_settled_stays_settled(server: Server) -> None:
    """8.2: what `settle-underpayment` let go is not asked for again; nor is a loss."""
    for command, state in (("settle-underpayment", "Paid"), ("confirmed-loss", "Ended")):
        key = sent(server)
        made = pay(server, 100, billogram=key, scheme=DEBIT)
        assert server.command(key, command).data["state"] == state
        recall(server, made)
        assert sums(server, key) == ("Unpaid", 0, 100)


# paid before the loss, after it; amount of the recall of which -> state, paid, remaining, rounding
LATE: list[tuple[str, int, list[int], tuple[int, int | None], tuple[str, int, int, int]]] = [
    ("all of it", 0, [125], (0, None), ("Ended", 0, 0, -125)),
    ("a part", 0, [125], (0, 50), ("Ended", -75, 0, -50)),
    ("one of two", 0, [50, 75], (1, None), ("Ended", -50, 0, -75)),
    ("after a part", 25, [100], (1, None), ("Ended", -25, 0, -100)),
    ("what is beyond goes first", 0, [150], (0, 25), ("Ended", -125, 0, 0)),
    ("money from before", 25, [100], (0, None), ("PartlyPaid", -100, 25, 0)),
    ("money from before, the loss stays", 25, [], (0, None), ("Unpaid", 0, 25, -100)),
]


@pytest.mark.parametrize(
    ("before", "after", "taken", "then"), [row[1:] for row in LATE], ids=[row[0] for row in LATE]
)
def test_money_that_came_after_a_loss(
    server: Server,
    before: int,
    after: list[int],
    taken: tuple[int, int | None],
    then: tuple[str, int, int, int],
) -> None:
    """8.2, 5: without it the loss is as it was. Only money from before the loss opens it again."""
    key = sent(server)
    made = [pay(server, before, billogram=key, scheme=DEBIT)] if before else []
    assert server.command(key, "confirmed-loss").data["state"] == "Ended"
    made += [pay(server, each, billogram=key, scheme=DEBIT) for each in after]
    index, amount = taken
    start = len(story(server, key))
    payables = recall(server, made[index], **({} if amount is None else {"amount": amount}))["payables"]
    assert (*sums(server, key), server.get(f"/billogram/{key}").data["detailed_sums"]["rounding"]) == then
    told = [("PaymentRecalled", None, None, then[0])] if payables else []
    assert story(server, key)[start:] == told
    if then[0] == "Ended":  # it can come again
        lost = -then[3]
        pay(server, max(lost, 1), billogram=key, scheme=DEBIT)
        assert sums(server, key) == ("Ended", -125, 0)


def test_one_payment_from_before_and_after_a_loss(server: Server) -> None:
    """Its parts are taken in order: the first opens the billogram again, the second is lost again."""
    key = sent(server)
    shares = [{"billogram": key, "amount": 50}]
    made = pay(server, 100, allocations=shares, scheme=DEBIT)
    server.command(key, "confirmed-loss")
    allocated = server.mock("POST", f"{PAYMENTS}/{made['id']}/allocate", {"billogram": key, "amount": 50})
    assert allocated.status == 200, allocated.body
    assert (sums(server, key), parts(server, made)[0]) == (("Ended", -100, 0), [50, 50])
    taken = recall(server, made, amount=80)
    assert sums(server, key) == ("PartlyPaid", -20, 50)
    assert server.get(f"/billogram/{key}").data["detailed_sums"]["rounding"] == -55
    assert [each["amount"] for each in taken["payables"]] == [80]
    uuids = event_data(server, key)["related_payment_event_uuids"]
    assert len(uuids) == 2
    pay(server, 50, billogram=key, scheme=DEBIT)  # now it is for the debt
    assert sums(server, key) == ("Paid", -70, 0)
    recall(server, made)  # the rest of what was lost: the billogram stays closed
    assert sums(server, key) == ("Paid", -50, 0)


def test_credited_in_between(server: Server) -> None:
    """What a credit set free is owed: it goes first, and opens nothing."""
    key = sent(server)
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    server.command(key, "credit", {"mode": "amount", "amount": 50})
    assert parts(server, made) == ([75], 0, 0, 50, 0)
    assert recall(server, made, amount=50)["payables"] == []
    assert sums(server, key) == ("Paid", -75, 0)
    recall(server, made)
    assert sums(server, key) == ("Unpaid", 0, 75)
    other = sent(server)
    made = pay(server, 125, billogram=other, scheme=DEBIT)
    server.command(other, "credit", {"mode": "full"})
    assert recall(server, made)["payables"] == []
    assert sums(server, other) == ("Paid", 0, 0)
    assert [each[0] for each in story(server, other)] == ["Payment", "BillogramEnded", "Credit", OWED]


def test_ended_by_another_payment_in_between(server: Server) -> None:
    key = sent(server)
    first = pay(server, 100, billogram=key, scheme=DEBIT)
    second = pay(server, 125, billogram=key, scheme=DEBIT)
    assert parts(server, second) == ([25], 0, 0, 100, 0)
    recall(server, first)
    assert sums(server, key) == ("PartlyPaid", -25, 100)
    recall(server, second, amount=100)
    assert sums(server, key) == ("PartlyPaid", -25, 100)
    third = pay(server, 100, billogram=key, scheme=DEBIT)
    assert sums(server, key) == ("Paid", -125, 0)
    recall(server, third)
    assert sums(server, key) == ("PartlyPaid", -25, 100)


def test_money_that_nobody_knew(server: Server) -> None:
    made = pay(server, 40, scheme=TRANSFER)
    taken = recall(server, made, type="recall")
    assert (taken["payables"], taken["total_amount"]) == ([], 0)
    assert parts(server, made) == ([], 0, 0, 0, 40)
    refused(server, made["id"], {})


def test_a_planned_one_is_stopped_as_a_whole(server: Server) -> None:
    _, (key,) = collected(server)
    made = planned(server, key)
    for asked in ({"amount": 25}, {"allocations": [{"billogram": key, "amount": 25}]}):
        assert "whole" in refused(server, made["id"], asked)["message"]
    stopped = server.mock("POST", f"{PAYMENTS}/{made['id']}/recall", {"type": "revocation", "amount": 125})
    assert (stopped.json["total_amount"], stopped.json["payables"]) == (0, [])
    assert story(server, key)[-1][0] == "PaymentSystemCancelled"


# dunning

STEPS = [{"delay_days": 5}, {"delay_days": 1}, {"delay_days": 10}]
Told = tuple[str, str, Any]


def dunned(server: Server, key: str, kinds: tuple[str, ...] = ("Overdue", "ReminderSent")) -> list[Told]:
    """Type, local day (all of them happen after 00:05 and before 22:00 UTC), what remains."""
    return [
        (type(each).__name__, f"{each.mark.at:%m-%d %H:%M}", each.sums.remaining)
        for each in server.state().billograms[key].events
        if type(each).__name__ in kinds
    ]


def interest(days: int, principal: int = 125) -> Decimal:
    return (Decimal(principal) * days * Decimal("8.5") / 36500).quantize(Decimal("0.01"))


# paid on a day, taken back on a later one: what happens before, and after
DUNNING: dict[str, tuple[str, str, list[Told]]] = {
    "before the first reminder": (
        "2026-04-03",
        "2026-04-04",
        [
            ("Overdue", "04-01 22:05", 125),
            ("Overdue", "04-04 08:00", 125),
            # the first is 5 days after the due date; interest of 5 and 6 April
            ("ReminderSent", "04-06 06:00", 185 + interest(2)),
            ("ReminderSent", "04-07 06:00", 185 + interest(3)),
            ("ReminderSent", "04-17 06:00", 185 + interest(13)),
        ],
    ),
    "after the first": (
        "2026-04-06",
        "2026-04-20",
        [
            ("Overdue", "04-01 22:05", 125),
            ("ReminderSent", "04-06 06:00", 185 + interest(5)),
            ("Overdue", "04-20 08:00", 185 + interest(5)),
            ("ReminderSent", "04-21 06:00", 185 + interest(5) + interest(1)),
            ("ReminderSent", "05-01 06:00", 185 + interest(5) + interest(11)),
        ],
    ),
    "after the second": (
        "2026-04-07",
        "2026-04-10",
        [
            ("Overdue", "04-01 22:05", 125),
            ("ReminderSent", "04-06 06:00", 185 + interest(5)),
            ("ReminderSent", "04-07 06:00", 185 + interest(6)),
            ("Overdue", "04-10 08:00", 185 + interest(6)),
            # ten days after the second
            ("ReminderSent", "04-17 06:00", 185 + interest(6) + interest(7)),
        ],
    ),
    "after the last": (
        "2026-04-17",
        "2026-04-24",
        [
            ("Overdue", "04-01 22:05", 125),
            ("ReminderSent", "04-06 06:00", 185 + interest(5)),
            ("ReminderSent", "04-07 06:00", 185 + interest(6)),
            ("ReminderSent", "04-17 06:00", 185 + interest(16)),
            ("Overdue", "04-24 08:00", 185 + interest(16)),
        ],
    ),
}


@pytest.mark.parametrize("name", DUNNING)
def test_dunning_goes_on_from_where_it_was(server: Server, name: str) -> None:
    paid, back, rows = DUNNING[name]
    server.call("PUT", "/settings", {"invoices": {"automatic_reminders": STEPS}})
    key = sent(server)
    advance(server, f"{paid}T10:00:00+02:00")
    owed = server.get(f"/billogram/{key}").data["remaining_sum"]
    made = pay(server, owed, billogram=key, scheme=DEBIT)
    advance(server, f"{back}T10:00:00+02:00")
    recall(server, made, type="refund")
    shown = server.get(f"/billogram/{key}").data
    assert (shown["state"], shown["remaining_sum"]) == ("Overdue", owed)
    advance(server, "2026-06-01T10:00:00+02:00")
    assert dunned(server, key) == rows
    count = sum(row[0] == "ReminderSent" for row in rows)
    shown = server.get(f"/billogram/{key}").data
    assert (shown["reminder_count"], shown["reminder_fee"]) == (count, 60)
    expected = "Overdue" if name == "after the last" else f"Reminder_{count}"
    assert shown["state"] == expected
    starts = [row[1] for row in dunned(server, key, ("InterestStarted",))]
    assert starts == ["04-01 22:05", f"{back[5:]} 22:05"]
    check(server)


def test_dunning_of_one_that_was_credited_in_between(server: Server) -> None:
    """What the credit set free goes first; the rest is dunned as if it had never been more."""
    server.call("PUT", "/settings", {"invoices": {"automatic_reminders": STEPS}})
    key = sent(server)
    advance(server, "2026-04-03T10:00:00+02:00")
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    server.command(key, "credit", {"mode": "amount", "amount": 50})
    advance(server, "2026-04-04T10:00:00+02:00")
    assert recall(server, made, type="refund")["total_amount"] == 75
    advance(server, "2026-06-01T10:00:00+02:00")
    assert dunned(server, key) == [
        ("Overdue", "04-01 22:05", 125),
        ("Overdue", "04-04 08:00", 75),
        ("ReminderSent", "04-06 06:00", 135 + interest(2, 75)),
        ("ReminderSent", "04-07 06:00", 135 + interest(3, 75)),
        ("ReminderSent", "04-17 06:00", 135 + interest(13, 75)),
    ]


@pytest.mark.parametrize("partly", [True, False])
def test_dunning_of_one_that_another_payment_ended(server: Server, partly: bool) -> None:
    """25 stay: partly paid, so no interest, and reminders as the account has it; a third payment ends it."""
    rules = {"automatic_reminders": STEPS, "use_automatic_reminders_partly_paid": partly}
    server.call("PUT", "/settings", {"invoices": rules})
    key = sent(server)
    advance(server, "2026-04-03T10:00:00+02:00")
    first = pay(server, 100, billogram=key, scheme=DEBIT)
    second = pay(server, 125, billogram=key, scheme=DEBIT)
    advance(server, "2026-04-04T10:00:00+02:00")
    recall(server, first, type="refund")
    assert sums(server, key) == ("PartlyPaid", -25, 100)
    advance(server, "2026-04-07T10:00:00+02:00")
    reminded = [("ReminderSent", f"04-{day} 06:00", 160) for day in ("06", "07")] if partly else []
    overdue = [("Overdue", "04-01 22:05", 125), ("Overdue", "04-04 08:00", 100)]
    assert dunned(server, key) == overdue + reminded
    pay(server, 160 if partly else 100, billogram=key, scheme=DEBIT)
    assert sums(server, key)[::2] == ("Paid", 0)
    advance(server, "2026-05-01T10:00:00+02:00")
    assert dunned(server, key) == overdue + reminded
    recall(server, second, type="refund")  # what was owed, then its 25
    assert sums(server, key)[::2] == ("PartlyPaid", 25)
    advance(server, "2026-06-01T10:00:00+02:00")
    again = [("ReminderSent", "05-02 06:00", 25)] if partly else []
    assert dunned(server, key) == [*overdue, *reminded, ("Overdue", "05-01 08:00", 25), *again]


def test_a_reminder_by_hand_after_it(server: Server) -> None:
    """The fee is charged once per billogram, through recalls; interest is of the days since."""
    key = sent(server)
    advance(server, "2026-04-02T10:00:00+02:00")
    assert server.command(key, "remind", {"method": "Email"}).status == 200
    made = pay(server, Decimal("185.03"), billogram=key, scheme=DEBIT)
    advance(server, "2026-04-12T10:00:00+02:00")
    recall(server, made, type="refund")
    assert sums(server, key) == ("Overdue", 0, Decimal("185.03"))
    advance(server, "2026-04-14T10:00:00+02:00")
    shown = server.command(key, "remind", {"method": "Email"}).data
    assert (shown["state"], shown["reminder_count"], shown["reminder_fee"]) == ("Reminder_2", 2, 60)
    assert shown["remaining_sum"] == Decimal("185.03") + interest(2)


def test_written_off_fees_stay_so(server: Server) -> None:
    key = sent(server)
    advance(server, "2026-04-02T10:00:00+02:00")
    server.command(key, "remind", {"method": "Email"})
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    assert server.command(key, "writeoff").data["state"] == "Paid"
    recall(server, made)
    assert sums(server, key) == ("Overdue", 0, 125)
    advance(server, "2026-04-03T10:00:00+02:00")
    shown = server.command(key, "remind", {"method": "Email"}).data
    assert (shown["detailed_sums"]["reminder_fee"], shown["remaining_sum"]) == (0, 125 + interest(1))


def respite_active(server: Server, key: str) -> list[str]:
    """It still runs when the money goes: Unpaid, and overdue when it ends."""
    server.command(key, "respite", {"date": "2026-04-20"})
    return ["04-20 22:05"]


def respite_passed(server: Server, key: str) -> list[str]:
    """It ended while the billogram was: nothing waits for it."""
    server.command(key, "respite", {"date": "2026-04-08"})
    return ["04-10 08:00"]


@pytest.mark.parametrize("give", [respite_active, respite_passed])
def test_with_respite(server: Server, give: Callable[[Server, str], list[str]]) -> None:
    key = sent(server)
    expected = give(server, key)
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    advance(server, "2026-04-10T10:00:00+02:00")
    recall(server, made, type="refund")
    state = "Unpaid" if give is respite_active else "Overdue"
    assert sums(server, key)[0] == state
    advance(server, "2026-05-01T10:00:00+02:00")
    assert [row[1] for row in dunned(server, key)] == expected
    assert sums(server, key)[0] == "Overdue"
    left = server.mock("GET", f"/accounts/{ACCOUNT}/agenda").json
    assert [each["rule"] for each in left] == ["reports"]


def test_collection_after_it(server: Server) -> None:
    """Automatic collection counts from the due date; past already, it comes the next morning."""
    rules = {"automatic_collection": {"delay_days": 10, "amount": 50}}
    server.call("PUT", "/settings", {"invoices": rules})
    key = sent(server)
    made = pay(server, 125, billogram=key, scheme=DEBIT)
    advance(server, "2026-04-20T10:00:00+02:00")
    recall(server, made, type="refund")
    advance(server, "2026-04-21T09:30:00+02:00")
    assert dunned(server, key, ("Collection",)) == [("Collection", "04-21 07:00", 125 + interest(1))]
