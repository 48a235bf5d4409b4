"""What time brings to billograms, and what is told of it beforehand (reference: behaviour 6.1, 6.2, 6.4)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from mockserver.core.events import BillogramEvent, Record
from mockserver.wire import encode
from tests.control.test_clock import (
    ADVANCE,
    BOTH,
    CLOCK,
    NIGHT,
    advance,
    due,
    inbox,
    told,
    with_inbox,
)
from tests.server import ACCOUNT, KEY, Server

AGENDA = f"/accounts/{ACCOUNT}/agenda"
PAYMENTS = f"/accounts/{ACCOUNT}/payments"
ANSWER = f"/accounts/{ACCOUNT}/billograms/{{}}/simulate/message"
BACK = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]


def entries(server: Server, query: str = "") -> list[tuple[str, str, str]]:
    """Moment, rule and billogram of each entry of a billogram."""
    shown = server.mock("GET", f"{AGENDA}{query}").json
    return [(each["at"], each["rule"], each["billogram"]) for each in shown if each["rule"] != "reports"]


# who is on it


def _paid(server: Server) -> str:
    key: str = server.sent()["id"]
    server.command(key, "payment", {"amount": 125})
    return key


def _partly_paid(server: Server, amount: int = 25, **more: Any) -> str:
    key: str = server.sent(**more)["id"]
    server.command(key, "payment", {"amount": amount})
    return key


def _credited(server: Server) -> str:
    key: str = server.sent()["id"]
    server.command(key, "credit", {"mode": "full"})
    return key


def _deleted(server: Server) -> str:
    key: str = server.draft()["id"]
    assert server.call("DELETE", f"/billogram/{key}").status == 200
    return key


def _late(server: Server, **more: Any) -> str:
    return str(server.sent(invoice_date="2026-01-01", due_date="2026-01-31", **more)["id"])


OVERDUE = ("2026-04-02T00:05:00+02:00", "overdue")
INTEREST = ("2026-04-02T00:05:00+02:00", "interest")
WHO: dict[str, tuple[Callable[[Server], str], tuple[str, str] | None]] = {
    "draft": (lambda s: str(s.draft()["id"]), None),
    "late draft": (lambda s: str(s.draft(invoice_date="2026-01-01", due_date="2026-01-31")["id"]), None),
    "deleted": (_deleted, None),
    "sent": (lambda s: str(s.sent()["id"]), OVERDUE),
    "sent without interest": (lambda s: str(s.sent(interest_rate=0)["id"]), OVERDUE),
    "sent with nothing to pay": (
        lambda s: str(s.sent(items=[{"title": "Gift", "count": 1, "price": 0, "vat": 25}])["id"]),
        None,
    ),
    "stand-alone credit": (lambda s: str(s.sent(items=BACK)["id"]), None),
    "late stand-alone credit": (lambda s: _late(s, items=BACK), None),
    "partly paid": (_partly_paid, OVERDUE),
    "paid": (_paid, None),
    "credited": (_credited, None),
    "sent late": (_late, None),  # all of it is past
    "sent late, interest to come": (
        lambda s: str(s.sent(invoice_date="2026-02-20", due_date="2026-02-25")["id"]),
        ("2026-03-23T00:05:00+01:00", "interest"),
    ),
    "partly paid after a late sending": (
        lambda s: _partly_paid(s, invoice_date="2026-02-20", due_date="2026-02-25"),
        None,
    ),
}


@pytest.mark.parametrize("who", WHO)
def test_who_is_on_the_agenda(server: Server, who: str) -> None:
    make, expected = WHO[who]
    key = make(server)
    assert entries(server) == ([] if expected is None else [(*expected, key)])
    assert entries(server, f"?billogram={key}") == entries(server)
    rest = advance(server, by="1y", dry_run=True)["happened"]
    assert [(each["at"], each["rule"], each["billogram"]) for each in rest[:1]] == entries(server)
    assert server.fold().image() == server.image()


def test_the_next_entry_of_each_and_the_rest_by_a_dry_run(server: Server) -> None:
    key = server.sent()["id"]
    assert entries(server) == [(*OVERDUE, key)]
    happened = advance(server, by="1y", dry_run=True)["happened"]
    assert [(each["at"], each["rule"]) for each in happened] == [OVERDUE, INTEREST]
    advance(server, by="1y")
    assert entries(server) == []


@pytest.mark.parametrize(
    ("act", "happens"),
    [
        (lambda s, key: s.command(key, "payment", {"amount": 125}), []),
        (lambda s, key: s.command(key, "credit", {"mode": "full"}), []),
        (lambda s, key: s.mock("POST", PAYMENTS, {"billogram": key, "amount": 200}), []),
        (lambda s, key: s.command(key, "payment", {"amount": 25}), [("Overdue", NIGHT)]),
        (lambda s, key: s.command(key, "message", {"message": "?"}), BOTH),
        (lambda s, key: s.mock("POST", ANSWER.format(key), {"message": "!"}), BOTH),
        (lambda s, key: s.call("PUT", "/settings", {"payment": {"reminder_fee": 1}}), BOTH),
    ],
    ids=["paid", "credited", "overpaid", "partly paid", "message", "answer", "settings"],
)  # fmt: skip
def test_what_an_act_leaves_of_the_agenda(
    server: Server, act: Callable[[Server, str], Any], happens: list[tuple[str, str]]
) -> None:
    key = server.sent()["id"]
    advance(server, by="10d")
    act(server, key)
    assert len(entries(server)) == (1 if happens else 0)
    before = len(told(server, key))
    advance(server, by="2mo")
    assert told(server, key)[before:] == happens
    assert entries(server) == []
    assert server.fold().image() == server.image()


def test_money_between_the_two_entries_keeps_the_interest_away(server: Server) -> None:
    key = server.sent(invoice_date="2026-02-20", due_date="2026-03-10")["id"]
    advance(server, to="2026-03-12T00:00:00+01:00")
    assert entries(server) == [("2026-03-23T00:05:00+01:00", "interest", key)]
    server.command(key, "payment", {"amount": 25})
    assert entries(server) == []
    assert advance(server, by="1y")["count"] == 0


def test_a_partly_paid_one_is_told_overdue_and_stays_partly_paid(server: Server) -> None:
    with_inbox(server)
    key = _partly_paid(server)
    advance(server, by="2mo")
    assert told(server, key)[1:] == [("Overdue", NIGHT)]
    shown = server.get(f"/billogram/{key}").data
    assert (shown["state"], shown["flags"]) == ("PartlyPaid", ["partly paid"])
    assert shown["events"][-1]["data"] == {"remaining_sum": 100, "total_sum": 125}
    body = inbox(server)[-1]["json"]
    assert (body["event"]["type"], body["billogram"]["state"]) == ("Overdue", "PartlyPaid")
    assert body["billogram"]["remaining_sum"] == 100


def test_overdue_shows_its_state_and_interest_changes_no_sum(server: Server) -> None:
    with_inbox(server)
    key = server.sent()["id"]
    advance(server, by="1y")
    told_ones = [each["json"] for each in inbox(server)][2:]
    assert [(each["event"]["type"], each["billogram"]["state"]) for each in told_ones] == [
        ("Overdue", "Overdue"),
        ("InterestStarted", "Overdue"),
    ]
    assert {each["billogram"]["remaining_sum"] for each in told_ones} == {125}
    shown = server.get(f"/billogram/{key}").data
    assert (shown["remaining_sum"], shown["interest_fee"]) == (125, 0)


# late sendings


@pytest.mark.parametrize(
    ("now", "terms", "happens", "rest"),
    [
        ("2026-04-02T00:04:59+02:00", {}, [], BOTH),
        ("2026-04-02T00:05:00+02:00", {}, ["Overdue", "InterestStarted"], []),
        ("2026-04-05T12:00:00+02:00", {}, ["Overdue", "InterestStarted"], []),
        ("2026-04-05T12:00:00+02:00", {"interest_rate": 0}, ["Overdue"], []),
        ("2026-03-25T12:00:00+01:00", {"due_date": "2026-03-10"}, ["Overdue"], [("InterestStarted", NIGHT)]),
        ("2026-04-05T12:00:00+02:00", {"items": BACK}, [], []),
    ],
)
def test_a_late_sending_does_it_in_the_act(
    server: Server, now: str, terms: dict[str, Any], happens: list[str], rest: list[tuple[str, str]]
) -> None:
    key = server.draft(**{"invoice_date": "2026-03-02", "due_date": "2026-04-01"} | terms)["id"]
    assert advance(server, to=now)["count"] == 0  # a draft is not on the agenda
    position = server.position()
    sent = server.command(key, "send", {"method": "Email"}).data
    assert server.position() == position + 1
    utc = datetime.fromisoformat(now).astimezone(UTC).isoformat(" ")[:19]
    assert [(each["type"], each["created_at"]) for each in sent["events"][2:]] == [
        (name, utc) for name in happens
    ]
    assert sent["state"] == ("Overdue" if happens else "Unpaid")
    advance(server, by="1y")
    assert told(server, key)[len(happens) :] == rest


# the order


def test_rank_by_rank_and_in_order_of_creation(server: Server) -> None:
    """All `Overdue` of one moment, then all `InterestStarted`; each rank in the order of creation."""
    drafts = [server.draft()["id"] for _ in range(5)]
    for index in (3, 0, 4, 1, 2):  # sent in another order
        server.command(drafts[index], "send", {"method": "Email"})
    partly = drafts[2]
    server.command(partly, "payment", {"amount": 25})
    early = server.sent(invoice_date="2026-03-02", due_date="2026-03-10")["id"]
    assert entries(server) == [("2026-03-11T00:05:00+01:00", "overdue", early)] + [
        (*OVERDUE, key) for key in drafts
    ]
    happened = advance(server, by="2mo")["happened"]
    charged = [key for key in [*drafts, early] if key != partly]
    assert [(each["at"], each["rule"], each["billogram"]) for each in happened] == (
        [("2026-03-11T00:05:00+01:00", "overdue", early)]
        + [(*OVERDUE, key) for key in drafts]
        + [(*INTEREST, key) for key in charged]
    )
    stream = server.run(_records(server))
    rules = [record.rule for record in stream if record.rule in ("overdue", "interest")]
    assert rules == ["overdue"] * 6 + ["interest"] * 5


async def _records(server: Server) -> list[Record]:
    stream = (await server.emulator.log.pointers())[f"account:{ACCOUNT}"]
    return [record async for record in server.emulator.log.read(stream)]


def test_what_is_asked_of_the_agenda(server: Server) -> None:
    first, second, third = (server.sent(**due(day))["id"] for day in (20, 1, 10))
    at = {first: "2026-04-21", second: "2026-04-02", third: "2026-04-11"}
    shown = server.mock("GET", AGENDA).json
    assert shown.pop(0) == {
        "at": "2026-04-01T00:15:00+02:00",
        "rule": "reports",
        "billogram": None,
        "reason": "the reports of 2026-03 are made on the 1st of the next month",
    }
    assert [(each["billogram"], each["at"]) for each in shown] == [
        (key, f"{at[key]}T00:05:00+02:00") for key in (second, third, first)
    ]
    assert [set(each) for each in shown] == [{"at", "rule", "billogram", "reason"}] * 3
    assert "due date 2026-04-01" in shown[0]["reason"]
    for query, expected in (
        ("?until=2026-04-11T00:05:00%2B02:00", [second, third]),
        ("?until=2026-04-11T00:05:00+02:00", [second, third]),  # a plus that was not escaped
        ("?until=2026-04-10T22:04:59Z", [second]),
        ("?until=2026-04-10T22:05:00Z", [second, third]),
        ("?until=2026-03-02T09:00:00Z", []),
        (f"?billogram={third}", [third]),
        (f"?billogram={third}&until=2026-04-11T00:05:00Z", [third]),
        (f"?billogram={third}&until=2026-04-02T00:05:00Z", []),
        ("?billogram=none", []),
        ("?until=&billogram=", [second, third, first]),
    ):
        assert [each[2] for each in entries(server, query)] == expected, query


@pytest.mark.parametrize(
    "until", ["soon", "2026-04-11", "2026-04-11T00:05:00", "1777593600", "+", "2026-13-01T00:00:00Z"]
)
def test_until_must_be_a_moment(server: Server, until: str) -> None:
    server.sent()
    answer = server.mock("GET", f"{AGENDA}?until={until}")
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_query")
    assert "until" in answer.json["error"]["message"]


def test_reasons_are_for_people(server: Server) -> None:
    server.sent(invoice_date="2026-02-20", due_date="2026-02-25", interest_rate=12.5)
    server.sent(due_date="2026-05-05", invoice_date="2026-03-02")
    shown = server.mock("GET", AGENDA).json
    reasons = [each["reason"] for each in shown if each["billogram"] is not None]
    assert ["interest" in reasons[0], "12.5 %" in reasons[0], "2026-03-22" in reasons[0]] == [True] * 3
    assert ["overdue" in reasons[1], "2026-05-05" in reasons[1]] == [True] * 2


# dates and zones


@pytest.mark.parametrize(
    ("zone", "invoice", "due_date", "overdue", "interest"),
    [
        ("Europe/Stockholm", "2026-03-02", "2026-04-01", "2026-04-01 22:05:00", "2026-04-01 22:05:00"),
        # over a change of the clocks
        ("Europe/Stockholm", "2026-02-20", "2026-03-28", "2026-03-28 23:05:00", "2026-03-28 23:05:00"),
        ("Europe/Stockholm", "2026-02-20", "2026-03-29", "2026-03-29 22:05:00", "2026-03-29 22:05:00"),
        ("Europe/Stockholm", "2026-09-01", "2026-10-24", "2026-10-24 22:05:00", "2026-10-24 22:05:00"),
        ("Europe/Stockholm", "2026-09-25", "2026-09-30", "2026-09-30 22:05:00", "2026-10-25 23:05:00"),
        # ends of months and years, 29 February
        ("Europe/Stockholm", "2026-03-01", "2026-03-31", "2026-03-31 22:05:00", "2026-03-31 22:05:00"),
        ("Europe/Stockholm", "2026-12-01", "2026-12-31", "2026-12-31 23:05:00", "2026-12-31 23:05:00"),
        ("Europe/Stockholm", "2027-01-29", "2027-02-28", "2027-02-28 23:05:00", "2027-02-28 23:05:00"),
        ("Europe/Stockholm", "2028-01-29", "2028-02-28", "2028-02-28 23:05:00", "2028-02-28 23:05:00"),
        ("Europe/Stockholm", "2028-01-30", "2028-02-29", "2028-02-29 23:05:00", "2028-02-29 23:05:00"),
        ("Europe/Stockholm", "2028-01-31", "2028-02-28", "2028-02-28 23:05:00", "2028-03-01 23:05:00"),
        # interest begins after the later of due date and invoice date + 30 days
        ("Europe/Stockholm", "2026-03-02", "2026-03-31", "2026-03-31 22:05:00", "2026-04-01 22:05:00"),
        ("Europe/Stockholm", "2026-03-02", "2026-03-10", "2026-03-10 23:05:00", "2026-04-01 22:05:00"),
        ("Europe/Stockholm", "2026-03-02", "2026-04-02", "2026-04-02 22:05:00", "2026-04-02 22:05:00"),
        ("Europe/Stockholm", "2026-03-02", "2027-03-02", "2027-03-02 23:05:00", "2027-03-02 23:05:00"),
        # other zones
        ("UTC", "2026-03-02", "2026-04-01", "2026-04-02 00:05:00", "2026-04-02 00:05:00"),
        ("America/New_York", "2026-03-02", "2026-04-01", "2026-04-02 04:05:00", "2026-04-02 04:05:00"),
        ("Pacific/Kiritimati", "2026-03-02", "2026-04-01", "2026-04-01 10:05:00", "2026-04-01 10:05:00"),
        ("Asia/Kathmandu", "2026-03-02", "2026-04-01", "2026-04-01 18:20:00", "2026-04-01 18:20:00"),
        # 00:05 is skipped there: the first instant after; it is double: the first
        ("Asia/Beirut", "2026-02-20", "2026-03-28", "2026-03-28 22:00:00", "2026-03-28 22:00:00"),
        ("America/Havana", "2026-09-01", "2026-10-31", "2026-11-01 04:05:00", "2026-11-01 04:05:00"),
    ],
)  # fmt: skip
def test_five_past_midnight(zone: str, invoice: str, due_date: str, overdue: str, interest: str) -> None:
    server = Server(now=datetime.fromisoformat(f"{invoice}T12:00:00Z"))
    try:
        server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "timezone": zone})
        key = server.sent(invoice_date=invoice, due_date=due_date)["id"]
        entry = next(each for each in server.mock("GET", AGENDA).json if each["billogram"] == key)
        at = datetime.fromisoformat(entry["at"])
        assert at.astimezone(UTC).isoformat(" ")[:19] == overdue
        before = (at - timedelta(seconds=1)).isoformat()
        assert advance(server, to=before)["count"] == 0
        advance(server, by="2y")
        assert told(server, key) == [("Overdue", overdue), ("InterestStarted", interest)]
        assert server.fold().image() == server.image()
    finally:
        server.close()


@pytest.mark.parametrize("way", ["clock", "account"])
def test_another_zone_derives_the_entries_anew(server: Server, way: str) -> None:
    key = server.sent()["id"]
    assert entries(server) == [(*OVERDUE, key)]
    zone = {"timezone": "America/New_York"}
    if way == "clock":
        server.mock("PUT", CLOCK, zone)
    else:
        server.mock("PATCH", f"/accounts/{ACCOUNT}", zone)
    assert entries(server) == [("2026-04-02T00:05:00-04:00", "overdue", key)]
    advance(server, to="2026-04-02T04:04:59Z")
    assert told(server, key) == []
    advance(server, by="1s")
    assert told(server, key) == [
        ("Overdue", "2026-04-02 04:05:00"),
        ("InterestStarted", "2026-04-02 04:05:00"),
    ]
    server.mock("PUT", CLOCK, {"timezone": "Europe/Stockholm"})  # undoes nothing
    assert entries(server) == []
    assert len(told(server, key)) == 2
    assert server.fold().image() == server.image()


def test_a_zone_in_which_the_night_is_past(server: Server) -> None:
    """`Overdue` at once, at the moment of the change; the interest with the next 00:05."""
    key = server.sent()["id"]
    advance(server, to="2026-04-02T00:00:00+02:00")
    server.mock("PUT", CLOCK, {"timezone": "Europe/Helsinki"})
    assert server.get(f"/billogram/{key}").data["state"] == "Overdue"
    assert told(server, key) == [("Overdue", "2026-04-01 22:00:00")]
    assert entries(server) == [("2026-04-03T00:05:00+03:00", "interest", key)]
    moved = advance(server, until="next")
    assert (moved["from"], moved["to"]) == ("2026-04-02T01:00:00+03:00", "2026-04-03T00:05:00+03:00")
    assert told(server, key)[1:] == [("InterestStarted", "2026-04-02 21:05:00")]
    assert server.fold().image() == server.image()


# one long move is many short ones


class Deed(Struct, frozen=True):
    """Something that is done to the world at a moment: `after` hours after the start."""

    after: float
    kind: str
    pick: int = 0
    amount: str = "25"


SENDINGS = st.fixed_dictionaries(
    {
        "invoice": st.integers(-60, 10),  # days from 2026-03-02
        "days": st.integers(0, 60),
        "rate": st.sampled_from([0, 8.5]),
        "price": st.sampled_from([100, 8, -100, 0]),
        "currency": st.sampled_from(["SEK", "EUR"]),
    }
)
DEEDS = st.builds(
    Deed,
    # some at the very moments of entries: 00:05 is 14 h 5 min after 10:00
    after=st.one_of(
        st.floats(0, 2400, allow_nan=False),
        st.integers(0, 90).map(lambda day: day * 24 + 14 + 5 / 60),
    ),
    kind=st.sampled_from(["payment", "bank", "paid", "credit", "send", "message", "answer", "free", "zone"]),
    pick=st.integers(0, 7),
    amount=st.sampled_from(["1", "25", "124.5", "130", "300"]),
)
STEPS = st.lists(
    st.one_of(
        st.just({"until": "next"}),
        st.builds(lambda span: {"by": span}, st.sampled_from(["1d", "7h", "P1W", "1mo", "30s", "0s", "24h"])),
    ),
    max_size=12,
)
END = datetime(2026, 7, 1, 12, tzinfo=UTC)


class World:
    """Several billograms on one account, whose callbacks are kept; deeds come in the order of time."""

    def __init__(self, sendings: list[dict[str, Any]], zone: str) -> None:
        self.server = server = Server()
        account = {"id": ACCOUNT, "key": KEY, "callbacks": {"url": "mock:inbox", "sign_key": "k"}}
        server.mock("POST", "/accounts", account | {"timezone": zone})
        customer = {"customer_no": server.customer()}
        self.keys: list[str] = []
        for number, each in enumerate(sendings):
            invoice = datetime(2026, 3, 2).date() + timedelta(each["invoice"])  # noqa: DTZ001  # a date
            terms = {
                "customer": customer,
                "invoice_date": invoice.isoformat(),
                "due_date": (invoice + timedelta(each["days"])).isoformat(),
                "interest_rate": each["rate"],
                "currency": each["currency"],
                "items": [{"title": "Row", "count": 1, "price": each["price"], "vat": 25}],
            }
            made = server.draft(**terms) if number % 3 == 2 else server.sent(**terms)
            self.keys.append(made["id"])

    def do(self, deed: Deed) -> bytes:
        """Some of it is refused: the same in each world."""
        server, key = self.server, self.keys[deed.pick % len(self.keys)]
        match deed.kind:
            case "payment":
                answer = server.command(key, "payment", {"amount": deed.amount})
            case "paid":
                remaining = server.get(f"/billogram/{key}").data["remaining_sum"]
                answer = server.command(key, "payment", {"amount": remaining})
            case "bank":
                body = {"amount": deed.amount, "billogram": key}
                answer = server.mock("POST", PAYMENTS, body)
            case "free":
                answer = server.mock("POST", PAYMENTS, {"amount": deed.amount})
            case "credit":
                answer = server.command(key, "credit", {"mode": "full"})
            case "send":
                answer = server.command(key, "send", {"method": "Email"})
            case "message":
                answer = server.command(key, "message", {"message": "?"})
            case "answer":
                answer = server.mock("POST", ANSWER.format(key), {"message": "!"})
            case _:
                zone = ("UTC", "Asia/Tokyo", "Europe/Stockholm")[deed.pick % 3]
                answer = server.mock("PATCH", f"/accounts/{ACCOUNT}", {"timezone": zone})
                return b""  # it shows how many acts there are
        return answer.body

    def move(self, to: datetime, steps: list[dict[str, Any]]) -> None:
        """To a moment, by some steps that do not go beyond it."""
        for step in steps:
            tried = self.server.mock("POST", ADVANCE, {**step, "dry_run": True}).json
            if datetime.fromisoformat(tried["to"]) <= to:
                assert self.server.mock("POST", ADVANCE, step).json == tried
        self.server.mock("POST", ADVANCE, {"to": to.isoformat()})

    def events(self) -> list[BillogramEvent]:
        """What the log tells of billograms, in the order in which it happened."""
        records = self.server.run(_records(self.server))
        return [each for record in records for each in record.events if isinstance(each, BillogramEvent)]

    def callbacks(self) -> list[dict[str, Any]]:
        """The bodies, without what comes from the position of the act."""
        bodies = []
        for each in inbox(self.server):
            assert each["signature_ok"] is True
            body = each["json"]
            del body["callback_id"], body["signature"]
            bodies.append({**body, "received_at": each["received_at"]})
        return bodies

    def end(self) -> tuple[Any, ...]:
        server = self.server
        assert encode(server.fold().image()) == encode(server.image())
        shown = [server.get(f"/billogram/{key}").body for key in self.keys]
        payments = server.mock("GET", PAYMENTS).body
        return (
            self.events(),
            self.callbacks(),
            shown,
            payments,
            encode(server.image()),
            server.mock("GET", AGENDA).body,
        )


@given(
    sendings=st.lists(SENDINGS, min_size=1, max_size=6),
    deeds=st.lists(DEEDS, max_size=8),
    steps=st.lists(STEPS, min_size=9, max_size=9),
    zone=st.sampled_from(["Europe/Stockholm", "America/Havana", "Pacific/Auckland"]),
)
def test_one_long_move_is_many_short_ones(
    sendings: list[dict[str, Any]], deeds: list[Deed], steps: list[list[dict[str, Any]]], zone: str
) -> None:
    deeds = sorted(deeds, key=lambda deed: deed.after)
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    long, short = World(sendings, zone), World(sendings, zone)
    try:
        assert long.keys == short.keys
        for deed, between in zip([*deeds, None], steps, strict=False):
            to = END if deed is None else start + timedelta(hours=deed.after)
            long.move(to, [])
            short.move(to, between)
            if deed is not None:
                assert long.do(deed) == short.do(deed)
        for one, other in zip(long.end(), short.end(), strict=True):
            assert one == other
        moments = [event.mark.at for event in long.events()]
        assert moments == sorted(moments)
        uuids = [event.mark.uuid for event in long.events()]
        assert len(set(uuids)) == len(uuids)
    finally:
        long.server.close()
        short.server.close()


def test_callback_ids_stay_apart_whatever_the_steps() -> None:
    """They come from the positions of acts: other steps give other ids, the same steps the same ones."""
    sending = {"invoice": 0, "days": 30, "rate": 8.5, "price": 100, "currency": "SEK"}
    ids = []
    for steps in ([], [{"by": "1d"}], [{"by": "1d"}]):
        world = World([sending, sending], "Europe/Stockholm")
        try:
            world.move(END, list(steps))
            ids.append([each["json"]["callback_id"] for each in inbox(world.server)])
        finally:
            world.server.close()
    assert ids[1] == ids[2]
    assert ids[0] != ids[1]
    assert ids[0][:4] == ids[1][:4]  # from before the first step
    assert all(len(set(each)) == len(each) == 8 for each in ids)
