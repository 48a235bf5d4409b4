"""Late interest, held against a count of the days one by one (reference: behaviour 6.4)."""

from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from tests.dunned import STOCKHOLM, Dunned, utc

DAY = timedelta(days=1)
SUMS = ("interest_fee", "reminder_fee", "paid_sum", "credited_sum", "collector_paid_sum")


class Facts(Struct, frozen=True):
    """What interest follows from."""

    total: Decimal
    rate: Decimal
    due: date
    invoice: date
    respite: date | None = None
    paid: Decimal = Decimal(0)
    credited: Decimal = Decimal(0)
    collected: bool = False
    got: Decimal = Decimal(0)  # the collector

    def on(self, day: date) -> Fraction:
        """What a day adds that begins with these facts."""
        late = day > self.due and day > self.invoice + 30 * DAY
        spared = self.respite is not None and day <= self.respite
        if not late or spared or self.collected or self.paid or self.got:
            return Fraction(0)
        return Fraction(max(self.total - self.credited, Decimal(0))) * Fraction(self.rate) / 36500


class Oracle:
    """The facts from each moment on, by local time, and what was claimed."""

    def __init__(self, facts: Facts, sent: datetime) -> None:
        self.changes = [(sent, facts)]
        self.interest = self.fee = Decimal(0)

    @property
    def now(self) -> Facts:
        return self.changes[-1][1]

    @property
    def remaining(self) -> Decimal:
        now = self.now
        return now.total + self.interest + self.fee - now.paid - now.credited - now.got

    def change(self, at: datetime, **facts: Any) -> None:
        self.changes.append((at, structs.replace(self.now, **facts)))

    def facts_on(self, day: date) -> Facts:
        """At its 00:05; days before the sending count as unpaid ones."""
        start = datetime.combine(day, time(0, 5))
        before = [facts for at, facts in self.changes if at < start]
        return before[-1] if before else self.changes[0][1]

    def claim(self, at: datetime) -> None:
        """All days up to and including this one."""
        day, total = min(facts.due for _, facts in self.changes), Fraction(0)
        while day <= at.date():
            total += self.facts_on(day).on(day)
            day += DAY
        exact = Decimal(total.numerator) / Decimal(total.denominator)
        self.interest = max(exact.quantize(Decimal("0.01"), ROUND_HALF_UP), self.interest)


def row(total: str) -> list[dict[str, Any]]:
    return [{"title": "Row", "count": 1, "price": total, "vat": 0}]


# 1000 at 36.5 %: 1 a day from 04-02 on. acts; -> interest after the last reminder, which is by hand on 04-12
Act = tuple[str, str, dict[str, Any]]
WORKED: dict[str, tuple[dict[str, Any], list[Act], str]] = {
    "nothing happens": ({}, [], "11"),
    "part payment": ({}, [("04-05 10:00", "payment", {"amount": 100})], "4"),  # the 5th began unpaid
    "part payment right after midnight": ({}, [("04-05 00:04:59", "payment", {"amount": 100})], "3"),
    "part payment at 00:05": ({}, [("04-05 00:05", "payment", {"amount": 100})], "4"),
    "paid in part before it began": ({}, [("03-10 10:00", "payment", {"amount": 1})], "0"),
    "respite before": ({}, [("03-10 10:00", "respite", {"date": "2026-04-08"})], "4"),
    "respite in between": ({}, [("04-05 12:00", "respite", {"date": "2026-04-10"})], "6"),
    "respite that is removed": (
        {}, [("04-05 12:00", "respite", {"date": "2026-04-10"}), ("04-07 12:00", "remove-respite", {})], "9"),
    "respite, then a shorter one": (
        {}, [("04-03 12:00", "respite", {"date": "2026-04-10"}),
         ("04-05 12:00", "respite", {"date": "2026-04-06"})],
        "8"),
    "respite, then a longer one": (
        {}, [("04-03 12:00", "respite", {"date": "2026-04-05"}),
         ("04-05 12:00", "respite", {"date": "2026-04-11"})],
        "3"),
    "two respites": (
        {}, [("04-03 12:00", "respite", {"date": "2026-04-05"}),
         ("04-08 12:00", "respite", {"date": "2026-04-10"})],
        "7"),
    "half of it credited": ({}, [("04-05 12:00", "credit", {"mode": "amount", "amount": 500})], "7.5"),
    "twice as much": ({}, [("04-05 12:00", "put", {"items": row("2000")})], "18"),
    "half as much": ({}, [("04-05 12:00", "put", {"items": row("500")})], "7.5"),
    "twice the rate": ({}, [("04-05 12:00", "put", {"interest_rate": 73})], "18"),
    "no rate any more": ({}, [("04-05 12:00", "put", {"interest_rate": 0})], "4"),
    "a rate at last": ({"interest_rate": 0}, [("04-05 12:00", "put", {"interest_rate": 36.5})], "7"),
    "a rate for a while": (
        {"interest_rate": 0},
        [("04-05 12:00", "put", {"interest_rate": 36.5}), ("04-07 12:00", "put", {"interest_rate": 0})], "2"),
    "never a rate": ({"interest_rate": 0}, [], "0"),
    "due later, in between": ({}, [("04-05 12:00", "put", {"due_date": "2026-04-10"})], "6"),
    "due earlier, after the fact": (
        {"due_date": "2026-04-20"}, [("04-10 12:00", "put", {"due_date": "2026-04-03"})], "2"),
    "due earlier, before": ({"due_date": "2026-04-20"}, [("03-10 12:00", "put", {"due_date": "2026-04-03"})],
        "9"),
    "invoiced later": ({},
        [("04-05 12:00", "put", {"invoice_date": "2026-03-10", "due_date": "2026-04-05"})], "7"),
    "30 days after the invoice": ({"due_date": "2026-03-05"}, [], "11"),
    "texts": ({}, [("04-05 12:00", "put", {"info": {"message": "!"}}),
        ("04-06 12:00", "message", {"message": "?"})],
              "11"),
    "collection and back": ({}, [("04-05 12:00", "collect", {}), ("04-08 12:00", "collection-cancel", {})],
        "8"),
    "collection and back at once": (
        {}, [("04-05 12:00", "collect", {}), ("04-05 12:00", "collection-cancel", {})], "11"),
    "paid in part to the collector": (
        {}, [("04-05 12:00", "collect", {}), ("04-06 12:00", "collector-payment", {"amount": 100}),
             ("04-08 12:00", "collection-cancel", {})], "4"),
    "claims in between": ({}, [("04-05 12:00", "remind", {}), ("04-07 12:00", "remind", {})], "11"),
    "a claim, then paid in part": (
        {}, [("04-05 12:00", "remind", {}), ("04-07 12:00", "payment", {"amount": 1})], "6"),
    "claimed right after midnight, then paid in part": (
        {}, [("04-05 00:01", "remind", {}), ("04-05 00:02", "payment", {"amount": 1})], "4"),
    "EUR": ({"currency": "EUR", "items": row("1000.01")}, [], "11"),
    "EUR, cents": ({"currency": "EUR", "items": row("0.45")}, [], "0"),  # 0.00495
    "EUR, half a cent": ({"currency": "EUR", "items": row("5"), "interest_rate": "33.181818"}, [], "0.05"),
    "EUR, more cents": ({"currency": "EUR", "items": row("0.46")}, [], "0.01"),  # 0.00506
    "SEK": ({"items": row("125"), "interest_rate": 8.5}, [], "0.32"),  # 0.3202
}  # fmt: skip


@pytest.mark.parametrize("name", WORKED)
def test_worked_out_by_hand(name: str) -> None:
    given_terms, acts, expected = WORKED[name]
    terms = {"items": row("1000"), "interest_rate": 36.5, "due_date": "2026-04-01"} | given_terms
    with Dunned() as server:
        key = server.sent(invoice_date="2026-03-02", **terms)["id"]
        for at, what, body in acts:
            server.to(f"2026-{at}")
            before = server.shown(key)["detailed_sums"]
            if what == "put":
                server.put(key, **body)
            elif what.startswith("collect") and what != "collect":
                assert server.simulate(key, what, **body).status == 200
            else:
                assert server.command(key, what, body).status == 200
            if what not in ("remind", "collect"):  # nothing else claims
                assert server.shown(key)["detailed_sums"]["interest_fee"] == before["interest_fee"]
        shown = server.at("2026-04-12 12:00", key, "remind").data
        assert Decimal(shown["detailed_sums"]["interest_fee"]) == Decimal(expected)
        assert server.fold().image() == server.image()


# invoice date, due date, sent on, claimed on, total, rate -> claimed
LONG: list[tuple[str, str, str, str, str, str, str]] = [
    ("2026-01-01", "2026-01-31", "2026-03-02", "2026-03-02", "125", "8.5", "0.87"),  # 30 days
    ("2026-03-02", "2026-04-01", "2026-03-02", "2026-04-02", "125", "8.5", "0.03"),
    ("2026-03-02", "2026-04-01", "2026-03-02", "2026-04-06", "125", "8.5", "0.15"),
    ("2026-03-02", "2026-04-01", "2026-03-02", "2027-04-01", "125", "8.5", "10.63"),  # 10.625
    ("2026-03-02", "2026-03-12", "2026-03-02", "2026-04-01", "125", "8.5", "0"),
    ("2026-03-02", "2026-03-12", "2026-03-02", "2026-04-02", "125", "8.5", "0.03"),
    ("2028-01-29", "2028-02-28", "2028-01-29", "2028-03-01", "1000", "36.5", "2"),  # 29 February is a day
    ("2028-01-29", "2028-02-28", "2028-01-29", "2029-02-28", "1000", "36.5", "366"),  # of a year of 365
    ("2026-02-25", "2026-03-27", "2026-02-25", "2026-03-30", "1000", "36.5", "3"),  # one of 23 hours
    ("2026-09-24", "2026-10-24", "2026-09-24", "2026-10-26", "1000", "36.5", "2"),  # one of 25
    ("2026-03-02", "2026-04-01", "2026-03-02", "2126-04-01", "999999999999", "99.999999",
     "99999998999900010000"),
]  # fmt: skip


@pytest.mark.parametrize(("invoice", "due", "sent", "claimed", "total", "rate", "expected"), LONG)
def test_over_a_long_time(
    invoice: str, due: str, sent: str, claimed: str, total: str, rate: str, expected: str
) -> None:
    if len(expected) > 15:  # 36524 days of a hundred years
        days = (date(2126, 4, 1) - date(2026, 4, 1)).days
        expected = str(
            (Decimal(total) * Decimal(rate) * days / 36500).quantize(Decimal("0.01"), ROUND_HALF_UP)
        )
    with Dunned(f"{sent} 10:00") as server:
        terms = {"invoice_date": invoice, "due_date": due, "interest_rate": rate, "items": row(total)}
        key = server.sent(reminder_fee=0, **terms)["id"]
        shown = server.at(f"{claimed} 23:59", key, "remind").data
        assert Decimal(shown["detailed_sums"]["interest_fee"]) == Decimal(expected)
        assert Decimal(shown["remaining_sum"]) == Decimal(total) + Decimal(expected)


# act that makes it due -> InterestStarted, local
STARTED: dict[str, tuple[dict[str, Any], list[Act], list[str]]] = {
    "its day": ({}, [], ["04-02 00:05"]),
    "no rate": ({"interest_rate": 0}, [], []),
    "a rate at last": ({"interest_rate": 0}, [("04-05 12:00", "put", {"interest_rate": 8})], ["04-06 00:05"]),
    "a rate at last, right after midnight": (
        {"interest_rate": 0}, [("04-05 00:04", "put", {"interest_rate": 8})], ["04-05 00:05"]),
    "once": (
        {}, [("04-05 12:00", "put", {"interest_rate": 0}), ("04-08 12:00", "put", {"interest_rate": 8})],
        ["04-02 00:05"]),
    "due date moved into the past": (
        {"due_date": "2026-05-20"}, [("04-05 12:00", "put", {"due_date": "2026-04-01"})], ["04-06 00:05"]),
    "due date moved later after it": ({}, [("04-05 12:00", "put", {"due_date": "2026-05-20"})],
        ["04-02 00:05"]),
    "partly paid": ({}, [("04-01 12:00", "payment", {"amount": 1})], []),
    "only fees remain": (
        {"due_date": "2026-03-10"},
        [("03-12 12:00", "remind", {}), ("03-13 12:00", "credit", {"mode": "principal"})], []),
    "in collection": ({"due_date": "2026-03-10"}, [("03-12 12:00", "collect", {})], []),
    "back from collection": (
        {"due_date": "2026-03-10"},
        [("03-12 12:00", "collect", {}), ("04-05 12:00", "collection-cancel", {})], ["04-06 00:05"]),
    "a respite": ({}, [("03-12 12:00", "respite", {"date": "2026-04-10"})], ["04-11 00:05"]),
    "something is written on the day before": ({}, [("04-01 12:00", "message", {"message": "?"})],
        ["04-02 00:05"]),
}  # fmt: skip


@pytest.mark.parametrize("name", STARTED)
def test_interest_started_once_at_five_past_midnight(name: str) -> None:
    given_terms, acts, expected = STARTED[name]
    with Dunned() as server:
        key = server.sent(**{"invoice_date": "2026-03-02", "due_date": "2026-04-01"} | given_terms)["id"]
        for at, what, body in acts:
            server.to(f"2026-{at}")
            if what == "put":
                server.put(key, **body)
            elif what == "collection-cancel":
                assert server.simulate(key, what, **body).status == 200
            else:
                assert server.command(key, what, body).status == 200
        server.to("2026-09-01 00:00")
        assert server.told(key, "InterestStarted") == [
            ("InterestStarted", utc(f"2026-{at}")) for at in expected
        ]
        assert server.agenda() == []


def test_a_zone_in_which_its_first_night_is_past_leaves_it_to_the_next() -> None:
    """`Overdue` was long ago; the interest alone becomes due by the change."""
    with Dunned() as server:
        key = server.sent(invoice_date="2026-03-02", due_date="2026-03-10")["id"]
        server.to("2026-04-02 00:00")  # in Helsinki it is 01:00
        server.mock("PUT", "/accounts/test/clock", {"timezone": "Europe/Helsinki"})
        assert server.agenda() == [("interest", "2026-04-02 21:05:00")]
        assert [name for name, _ in server.told(key)] == ["Overdue"]


# at random, against the count


class Deed(Struct, frozen=True):
    """Something that is done, `minutes` after the one before."""

    minutes: int
    what: str
    amount: int
    days: int


DEEDS = st.lists(
    st.builds(
        Deed,
        # hours, days, and around midnight
        minutes=st.one_of(st.integers(0, 3000), st.integers(0, 14400), st.sampled_from([0, 4, 5, 6, 1440])),
        what=st.sampled_from([
            "payment", "credit", "rate", "due", "items", "respite", "remove-respite", "remind", "remind",
            "collect", "collection-cancel", "collector-payment", "message",
        ]),
        amount=st.integers(1, 400),
        days=st.integers(1, 25),
    ),
    max_size=14,
)  # fmt: skip
TERMS = st.fixed_dictionaries(
    {"invoice": st.integers(-70, 0), "due": st.integers(0, 40), "total": st.integers(1, 3000)}
)


def done(server: Dunned, key: str, oracle: Oracle, deed: Deed, at: datetime) -> bool:
    """Do it in both worlds; False: it was refused, or would end the billogram."""
    now = oracle.now
    amount = Decimal(deed.amount) / 4
    match deed.what:
        case "payment" | "credit" | "collector-payment":
            left = now.total - now.paid - now.credited - now.got
            if amount >= min(oracle.remaining, left):  # money that sets fees or itself free: not here
                return False
            name = {"payment": "paid", "credit": "credited", "collector-payment": "got"}[deed.what]
            body: dict[str, Any] = {"amount": amount} | ({"mode": "amount"} if deed.what == "credit" else {})
            if deed.what == "collector-payment":
                answer = server.simulate(key, deed.what, amount=amount)
            else:
                answer = server.command(key, deed.what, body)
            changes: dict[str, Any] = {name: getattr(now, name) + amount}
        case "rate":
            changes = {"rate": Decimal(deed.amount % 5) * Decimal("8.5")}
            answer = server.call("PUT", f"/billogram/{key}", {"interest_rate": changes["rate"]})
        case "due":
            changes = {"due": max(now.invoice, at.date() + (deed.days - 15) * DAY)}
            answer = server.call("PUT", f"/billogram/{key}", {"due_date": changes["due"].isoformat()})
        case "items":
            if now.credited or deed.amount * 4 <= now.paid + now.got:
                return False
            changes = {"total": Decimal(deed.amount * 4)}
            answer = server.call("PUT", f"/billogram/{key}", {"items": row(str(deed.amount * 4))})
        case "respite":
            changes = {"respite": at.date() + deed.days * DAY}
            answer = server.command(key, "respite", {"date": changes["respite"].isoformat()})
        case "remove-respite":
            changes = {"respite": None}
            answer = server.command(key, "remove-respite")
        case "collection-cancel":
            changes = {"collected": False}
            answer = server.simulate(key, deed.what)
        case "collect":
            changes = {"collected": True}
            answer = server.command(key, "collect")
        case _:
            changes = {}
            answer = server.command(key, deed.what, {} if deed.what == "remind" else {"message": "?"})
    if answer.status != 200:
        return False
    if deed.what in ("remind", "collect"):
        oracle.claim(at)
        oracle.fee = Decimal(60) if deed.what == "remind" else oracle.fee
    oracle.change(at, **changes)
    return True


@given(terms=TERMS, deeds=DEEDS)
def test_any_history_against_the_count_of_days(terms: dict[str, int], deeds: list[Deed]) -> None:
    at = datetime(2026, 3, 2, 10)  # noqa: DTZ001  # local
    with Dunned(at.isoformat(" "), zone=STOCKHOLM) as server:
        invoice = at.date() + terms["invoice"] * DAY
        facts = Facts(Decimal(terms["total"]), Decimal("8.5"), invoice + terms["due"] * DAY, invoice)
        sent = {"invoice_date": invoice.isoformat(), "due_date": facts.due.isoformat(), "interest_rate": 8.5}
        key = server.sent(items=row(str(facts.total)), **sent)["id"]
        oracle = Oracle(facts, at)
        for deed in deeds:
            at += timedelta(minutes=deed.minutes)
            if at.hour == 2:  # the hour that one of the days lacks
                at += timedelta(hours=1)
            server.to(at.isoformat(" "))
            done(server, key, oracle, deed, at)
            sums = server.shown(key)["detailed_sums"]
            now = oracle.now
            expected = (oracle.interest, oracle.fee, -now.paid, -now.credited, -now.got)
            assert tuple(Decimal(sums[name]) for name in SUMS) == expected, deed
            assert Decimal(sums["remaining_sum"]) == oracle.remaining
        assert server.fold().image() == server.image()
