"""The collection agency: handed over by itself, and what it does (reference: behaviour 6.4, 2.3)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.dunned import Dunned, steps, utc

END = "2026-09-01 00:00"
TEN = {"delay_days": 10, "amount": 0}
Act = tuple[str, str, dict[str, Any]]


def acts_on(server: Dunned, key: str, acts: list[Act]) -> None:
    for at, what, body in acts:
        server.to(f"2026-{at}")
        if what == "rules":
            server.rules(**body)
        elif what == "features":
            assert server.mock("PATCH", "/accounts/test", {"features": body}).status == 200
        elif what == "put":
            server.put(key, **body)
        elif what.startswith("collect") and what != "collect":
            assert server.simulate(key, what, **body).status == 200
        else:
            assert server.command(key, what, body).status == 200


# settings of the account; members of the billogram (due 2026-04-01, 125); acts -> collected, local
NONE: dict[str, Any] = {"delay_days": None, "amount": None}
AUTOMATIC: dict[str, tuple[dict[str, Any], dict[str, Any], list[Act], list[str]]] = {
    "never, as accounts are at first": ({}, {}, [], []),
    "ten days after the due date": ({"automatic_collection": TEN}, {}, [], ["04-11 09:00"]),
    "no delay: the day after the due date": (
        {"automatic_collection": {"delay_days": 0, "amount": 0}}, {}, [], ["04-02 09:00"]),
    # amount
    "as much as remains": ({"automatic_collection": TEN | {"amount": 125}}, {}, [], ["04-11 09:00"]),
    "less than remains": ({"automatic_collection": TEN | {"amount": "125.01"}}, {}, [], []),
    "fees count": (
        {"automatic_collection": TEN | {"amount": 185}}, {}, [("04-03 10:00", "remind", {})],
        ["04-13 09:00"]),
    "paid down below": (
        {"automatic_collection": TEN | {"amount": 100}}, {}, [("04-03 10:00", "payment", {"amount": 26})],
        []),
    "paid down to it": (
        {"automatic_collection": TEN | {"amount": 100}}, {}, [("04-03 10:00", "payment", {"amount": 25})],
        ["04-11 09:00"]),
    # null members
    "the account's delay is null": ({"automatic_collection": {"delay_days": None, "amount": 0}}, {}, [], []),
    "the account's amount is null": ({"automatic_collection": {"delay_days": 10, "amount": None}}, {}, [],
        []),
    "own settings": ({}, {"automatic_collection": TEN}, [], ["04-11 09:00"]),
    "own settings win": (
        {"automatic_collection": TEN}, {"automatic_collection": {"delay_days": 3, "amount": 0}}, [],
        ["04-04 09:00"]),
    "own amount wins": (
        {"automatic_collection": TEN}, {"automatic_collection": {"delay_days": 3, "amount": 126}}, [], []),
    "own delay is null": (
        {"automatic_collection": TEN}, {"automatic_collection": {"delay_days": None, "amount": 0}}, [], []),
    "own amount is null": (
        {"automatic_collection": TEN}, {"automatic_collection": {"delay_days": 3, "amount": None}}, [], []),
    "all of the own are null": ({"automatic_collection": TEN}, {"automatic_collection": NONE}, [],
        ["04-11 09:00"]),
    "the account's are asked for": (
        {"automatic_collection": TEN},
        {"automatic_collection": {"delay_days": 3, "amount": 0, "use_default_settings": True}}, [],
        ["04-11 09:00"]),
    "the account's are asked for, and null": (
        {}, {"automatic_collection": {"delay_days": 3, "amount": 0, "use_default_settings": True}}, [], []),
    "own settings, put later": (
        {}, {}, [("04-20 10:00", "put", {"automatic_collection": TEN})], ["04-21 09:00"]),
    "own settings, put early in the morning": (
        {}, {}, [("04-20 08:59", "put", {"automatic_collection": TEN})], ["04-20 09:00"]),
    "own settings, withdrawn": (
        {}, {"automatic_collection": TEN}, [("04-05 10:00", "put", {"automatic_collection": NONE})], []),
    # reminders
    "after the last reminder": (
        {"automatic_collection": TEN, "automatic_reminders": steps(5, 1)}, {}, [], ["04-17 09:00"]),
    "on the day of the last reminder": (
        {"automatic_collection": TEN | {"delay_days": 0}, "automatic_reminders": steps(5, 1)}, {}, [],
        ["04-07 09:00"]),
    "a reminder by hand puts it off": (
        {"automatic_collection": TEN}, {}, [("04-05 10:00", "remind", {})], ["04-15 09:00"]),
    "a reminder by hand on its day, before it": (
        {"automatic_collection": TEN}, {}, [("04-11 08:59", "remind", {})], ["04-21 09:00"]),
    "a reminder by hand after it would have been, no delay": (
        {"automatic_collection": TEN | {"delay_days": 0, "amount": 185}}, {}, [("04-05 10:00", "remind", {})],
        ["04-06 09:00"]),
    "outstanding for long": (
        {"automatic_collection": TEN, "automatic_reminders": steps(60)}, {}, [], ["06-10 09:00"]),
    "switched off reminders are not outstanding": (
        {"automatic_collection": TEN, "automatic_reminders": steps(60)}, {"automatic_reminders": False}, [],
        ["04-11 09:00"]),
    "reminders that wait are not outstanding: partly paid": (
        {"automatic_collection": TEN, "automatic_reminders": steps(60)}, {},
        [("04-03 10:00", "payment", {"amount": 25})], ["04-11 09:00"]),
    "reminders that wait are not outstanding: little": (
        {"automatic_collection": TEN, "automatic_reminders": steps(60),
         "automatic_reminders_minimum_principal_sum": 126}, {}, [], ["04-11 09:00"]),
    "one has gone, the next waits": (
        {"automatic_collection": TEN, "automatic_reminders": steps(5, 60)}, {},
        [("04-08 10:00", "payment", {"amount": 25})], ["04-16 09:00"]),
    "it began to wait too late": (
        {"automatic_collection": TEN, "automatic_reminders": steps(60)}, {},
        [("04-20 10:00", "payment", {"amount": 25})], ["04-21 09:00"]),
    # respite
    "after a respite": (
        {"automatic_collection": TEN}, {}, [("04-05 10:00", "respite", {"date": "2026-04-20"})],
        ["04-30 09:00"]),
    "after a respite, no delay": (
        {"automatic_collection": TEN | {"delay_days": 0}}, {},
        [("03-05 10:00", "respite", {"date": "2026-04-20"})], ["04-21 09:00"]),
    "a respite is removed": (
        {"automatic_collection": TEN}, {},
        [("04-05 10:00", "respite", {"date": "2026-04-20"}), ("04-15 10:00", "remove-respite", {})],
        ["04-16 09:00"]),
    # feature, changes
    "feature off": ({"automatic_collection": TEN}, {}, [("03-05 10:00", "features", {"collection": False})],
        []),
    "feature off and on again": (
        {"automatic_collection": TEN}, {},
        [("03-05 10:00", "features", {"collection": False}),
         ("04-20 10:00", "features", {"collection": True})],
        ["04-21 09:00"]),
    "due later": (
        {"automatic_collection": TEN}, {}, [("04-05 10:00", "put", {"due_date": "2026-05-01"})],
        ["05-11 09:00"]),
    "settings changed": (
        {"automatic_collection": TEN}, {},
        [("04-05 10:00", "rules", {"automatic_collection": {"delay_days": 2, "amount": 0}})],
        ["04-06 09:00"]),
    "settings changed twice in one moment": (
        {"automatic_collection": TEN}, {},
        [("04-05 10:00", "rules", {"automatic_collection": {"delay_days": 2, "amount": 0}}),
         ("04-05 10:00", "rules", {"automatic_collection": {"delay_days": 30, "amount": 0}})],
         ["05-01 09:00"]),
    "what came back is not handed over again": (
        {"automatic_collection": TEN}, {}, [("04-20 10:00", "collection-cancel", {})], ["04-11 09:00"]),
    "by hand first": ({"automatic_collection": TEN}, {}, [("04-03 10:00", "collect", {})], ["04-03 10:00"]),
    "paid": ({"automatic_collection": TEN}, {}, [("04-03 10:00", "payment", {"amount": 125})], []),
}  # fmt: skip


@pytest.mark.parametrize("name", AUTOMATIC)
def test_when_it_is_handed_over(name: str) -> None:
    rules, terms, acts, expected = AUTOMATIC[name]
    with Dunned(invoices=rules) as server:
        key = server.sent(**terms)["id"]
        acts_on(server, key, acts)
        server.to(END)
        assert server.told(key, "Collection") == [("Collection", utc(f"2026-{at}")) for at in expected]
        assert server.agenda() == []
        if expected and "collection-cancel" not in [what for _, what, _ in acts]:
            shown = server.shown(key)
            assert shown["state"] == "Collection"
            assert "has been in collection" in shown["flags"]
            assert shown["events"][-1]["type"] == "CollectionStatusUpdate"
        assert server.fold().image() == server.image()


def test_neither_a_draft_nor_a_credit_goes_there() -> None:
    with Dunned(invoices={"automatic_collection": {"delay_days": 0, "amount": 0}}) as server:
        server.draft(invoice_date="2026-01-01", due_date="2026-01-31")
        back = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]
        server.sent(invoice_date="2026-01-01", due_date="2026-01-31", items=back)
        assert server.agenda() == []
        assert server.to(END) == []


# what happens there: acts after `collect` on 2026-04-11 09:00 (ten days of interest, 0.29) -> events with the
# state of each, state, flags, collector_paid_sum, remaining_sum
CASES: dict[str, tuple[list[Act], list[tuple[str, str]], str, list[str], str, str]] = {
    "nothing": ([], [], "Collecting", [], "0", "125.29"),
    "news": (
        [("04-13 10:00", "message", {"message": "?"})],
        [("CollectionStatusUpdate", "Collection"), ("CreditorMessage", "Collection")],
        "Collection", [], "0", "125.29"),
    "part of it": (
        [("04-12 10:00", "collector-payment", {"amount": 50})], [("CollectorPayment", "Collecting")],
        "Collecting", ["paid on collection", "partly paid"], "-50", "75.29"),
    "all of it": (
        [("04-12 10:00", "collector-payment", {"amount": "125.29"})],
        [("CollectorPayment", "Collecting"), ("CollectionEnded", "Collecting"),
         ("BillogramEnded", "CollectorEnded")],
        "CollectorEnded", ["paid on collection"], "-125.29", "0"),
    "all of it in two parts": (
        [("04-12 10:00", "collector-payment", {"amount": 25}),
         ("04-14 10:00", "collector-payment", {"amount": "100.29"})],
        [("CollectorPayment", "Collecting"), ("CollectionStatusUpdate", "Collection"),
         ("CollectorPayment", "Collection"), ("CollectionEnded", "Collection"),
         ("BillogramEnded", "CollectorEnded")],
        "CollectorEnded", ["paid on collection"], "-125.29", "0"),
    "closed": (
        [("04-14 10:00", "collection-end", {})],
        [("CollectionStatusUpdate", "Collection"), ("CollectionEnded", "Collection"),
         ("BillogramEnded", "CollectorEnded")],
        "CollectorEnded", [], "0", "125.29"),
    "closed before there was news": (
        [("04-12 10:00", "collection-end", {})],
        [("CollectionEnded", "Collecting"), ("BillogramEnded", "CollectorEnded")],
        "CollectorEnded", [], "0", "125.29"),
    "withdrawn": (
        [("04-12 10:00", "collection-cancel", {})], [("CollectionCancelled", "Overdue")],
        "Overdue", [], "0", "125.29"),
    "withdrawn after part of it": (
        [("04-12 10:00", "collector-payment", {"amount": 50}), ("04-14 10:00", "collection-cancel", {})],
        [("CollectorPayment", "Collecting"), ("CollectionStatusUpdate", "Collection"),
         ("CollectionCancelled", "PartlyPaid")],
        "PartlyPaid", ["paid on collection", "partly paid"], "-50", "75.29"),
    "withdrawn after part of it, the rest let go": (
        [("04-12 10:00", "collector-payment", {"amount": 50}), ("04-12 10:00", "collection-cancel", {}),
         ("04-12 10:00", "settle-underpayment", {})],
        [("CollectorPayment", "Collecting"), ("CollectionCancelled", "PartlyPaid"),
         ("UnderpaymentSettled", "PartlyPaid"), ("BillogramEnded", "Paid")],
        "Paid", ["paid on collection"], "-50", "0"),
    "withdrawn after most of it, and asked less": (
        [("04-12 10:00", "collector-payment", {"amount": 100}), ("04-12 10:00", "collection-cancel", {}),
         ("04-12 10:00", "put", {"items": [{"title": "Less", "count": 1, "price": 64, "vat": 25}]})],
        [("CollectorPayment", "Collecting"), ("CollectionCancelled", "PartlyPaid"),
         ("DataChange", "PartlyPaid"),
         ("Credit", "PartlyPaid"), ("OverpaymentCustomerLiability", "PartlyPaid"),
         ("BillogramEnded", "Paid")],
        "Paid", ["overpaid", "paid on collection"], "-80.29", "0"),
    "withdrawn and collected again": (
        [("04-12 10:00", "collection-cancel", {}), ("04-15 10:00", "collect", {}),
         ("04-16 10:00", "message", {"message": "?"})],
        [("CollectionCancelled", "Overdue"), ("Collection", "Collecting"),
         ("CollectionStatusUpdate", "Collection"),
         ("CreditorMessage", "Collection")],
        "Collection", [], "0", "125.38"),  # and of 04-13 to 04-15
    "paid to the creditor": (
        [("04-12 10:00", "payment", {"amount": "125.29"})],
        [("Payment", "Collecting"), ("BillogramEnded", "Paid")], "Paid", ["paid on collection"], "0", "0"),
    "partly paid to the creditor": (
        [("04-12 10:00", "payment", {"amount": 25})], [("Payment", "Collecting")],
        "Collecting", ["paid on collection", "partly paid"], "0", "100.29"),
    "lost": (
        [("04-12 10:00", "confirmed-loss", {})],
        [("ConfirmedLoss", "Collecting"), ("BillogramEnded", "Ended")],
        "Ended", [], "0", "0"),
    "written down": (
        [("04-12 10:00", "writedown", {})], [("Writedown", "Collecting")],
        "Collecting", ["written down"], "0", "125.29"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_agency_does(name: str) -> None:
    acts, expected, state, flags, got, remaining = CASES[name]
    with Dunned() as server:
        key = server.sent()["id"]
        server.at("2026-04-11 09:00", key, "collect")
        before = len(server.state().billograms[key].events)
        acts_on(server, key, acts)
        told = server.state().billograms[key].events[before:]
        assert [(type(each).__name__, each.state) for each in told] == expected
        shown = server.shown(key)
        assert shown["state"] == state
        assert sorted(shown["flags"]) == sorted(["has been in collection", *flags])
        sums = {
            name: Decimal(value) for name, value in shown["detailed_sums"].items() if name.endswith("_sum")
        }
        assert (sums["collector_paid_sum"], sums["remaining_sum"]) == (Decimal(got), Decimal(remaining))
        assert max(sums["paid_sum"], sums["credited_sum"]) <= 0
        if state in ("Paid", "Ended", "CollectorEnded"):
            assert server.agenda() == []
        references = {
            e.collector_reference
            for e in server.state().billograms[key].events
            if "collector_reference" in e.keys
        }
        assert len(references) == 1
        assert server.fold().image() == server.image()


def test_both_members_of_the_agency_are_the_same_by_hand_and_by_itself() -> None:
    """Automatic or by command: the same event, sums and flags."""
    seen = []
    for invoices in ({}, {"automatic_collection": {"delay_days": 10, "amount": 0}}):
        with Dunned(invoices=invoices) as server:
            key = server.sent()["id"]
            server.to("2026-04-11 09:00")
            if not invoices:
                server.command(key, "collect")
            shown = server.shown(key)
            seen.append((shown["events"], shown["detailed_sums"], shown["state"], shown["flags"]))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("amount", ["125.30", "1000"])
def test_more_than_remains_is_refused(amount: str) -> None:
    with Dunned() as server:
        key = server.sent()["id"]
        server.at("2026-04-11 09:00", key, "collect")
        image = server.image()
        answer = server.simulate(key, "collector-payment", amount=amount)
        assert 400 <= answer.status < 500
        assert server.image() == image


@pytest.mark.parametrize("what", ["collector-payment", "collection-end", "collection-cancel"])
@pytest.mark.parametrize("state", ["draft", "open", "paid", "credit"])
def test_only_of_what_the_agency_has(what: str, state: str) -> None:
    with Dunned() as server:
        back = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]
        key = (
            server.draft()
            if state == "draft"
            else server.sent(items=back)
            if state == "credit"
            else server.sent()
        )["id"]
        if state == "paid":
            server.command(key, "payment", {"amount": 125})
        image = server.image()
        answer = server.simulate(key, what, **({"amount": 1} if what == "collector-payment" else {}))
        assert 400 <= answer.status < 500
        assert "hint" in answer.json["error"]
        assert server.image() == image


def test_collected_before_it_was_told_overdue() -> None:
    """Between midnight and 00:05; what came back is overdue at once."""
    with Dunned() as server:
        key = server.sent()["id"]
        server.at("2026-04-02 00:02", key, "collect")
        server.to("2026-04-05 10:00")
        assert server.told(key, "Overdue", "InterestStarted") == []
        position = server.position()
        shown = server.simulate(key, "collection-cancel").json
        assert server.position() == position + 1
        assert [each["type"] for each in shown["events"][-2:]] == ["CollectionCancelled", "Overdue"]
        assert shown["state"] == "Overdue"
        assert server.agenda() == [("interest", utc("2026-04-06 00:05"))]


def test_reminders_go_on_after_the_agency() -> None:
    with Dunned(invoices={"automatic_reminders": steps(5, 1, 1)}) as server:
        key = server.sent()["id"]
        server.at("2026-04-06 10:00", key, "collect")
        server.to("2026-04-20 10:00")
        assert server.reminded(key) == [utc("2026-04-06 08:00")]
        assert server.simulate(key, "collection-cancel").json["state"] == "Reminder_1"
        server.to(END)
        assert server.reminded(key) == [utc(f"2026-04-{day} 08:00") for day in ("06", "21", "22")]
