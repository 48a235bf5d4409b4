"""However a span is cut into moves, the same happens, and in one order (reference: behaviour 6.1)."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from mockserver.core.events import BillogramEvent
from mockserver.log.memory import MemoryLog
from mockserver.log.sqlite import SQLiteLog
from tests.control.test_agenda import _records
from tests.control.test_clock import inbox
from tests.dunned import MOCK, STOCKHOLM, Dunned, happened, steps
from tests.server import Server

START, END = datetime(2026, 3, 2, 10), datetime(2026, 8, 1)  # noqa: DTZ001  # local
RANKS = {
    "collection news": 3,
    "respite": 7,
    "overdue": 7,
    "interest": 8,
    "reminder": 9,
    "collection": 10,
    "letter": 11,
}
ZONES = [STOCKHOLM, "America/St_Johns", "Asia/Kathmandu"]


class Deed(Struct, frozen=True):
    """Something that is done `after` minutes from the start, once the clock was moved there by `cuts`."""

    after: int
    what: str
    pick: int
    number: int
    cuts: tuple[int, ...]  # minutes, within the way
    restart: bool


def _at_deadlines(day: int, clock: int, off: int) -> int:
    return max(day * 1440 + clock - 600 + off, 0)  # the start is at 10:00


AFTER = st.one_of(
    st.integers(0, 90 * 1440),
    st.builds(
        _at_deadlines,
        st.integers(1, 60),
        st.sampled_from([0, 5, 480, 540, 600]),
        st.sampled_from([-1, 0, 0, 1]),
    ),
)
WHAT = [
    *(
        "payment",
        "bank",
        "credit",
        "remind",
        "respite",
        "remove-respite",
        "collect",
        "message",
        "send",
        "view",
    ),
    *("collector-payment", "collection-end", "collection-cancel", "writeoff", "settle-underpayment"),
    *(
        "due_date",
        "interest_rate",
        "items",
        "reminders",
        "collection",
        "feature",
        "partly",
        "minimum",
        "zone",
        "own",
    ),
]
DEEDS = st.lists(
    st.builds(
        Deed,
        after=AFTER,
        what=st.sampled_from(WHAT),
        pick=st.integers(0, 5),
        number=st.integers(0, 12),
        cuts=st.lists(st.integers(1, 40_000), max_size=4).map(tuple),
        restart=st.booleans(),
    ),
    max_size=12,
).map(lambda deeds: sorted(deeds, key=lambda deed: deed.after))
DELAYS = st.lists(st.integers(0, 9), max_size=3)
COLLECTION = st.sampled_from([None, (0, 0), (5, 0), (3, 150)])
SENDINGS = st.lists(
    st.fixed_dictionaries(
        {
            "invoice": st.integers(-60, 0),
            "days": st.integers(0, 45),
            "rate": st.sampled_from([0, 8.5]),
            "price": st.sampled_from([100, 1000, -100, 0]),
            "method": st.sampled_from(["Email", "Email+Letter", "SMS+Letter", "DoNotNotify", None]),
            "own": st.sampled_from([None, [], [2, 0]]),
            "collection": COLLECTION,
        }
    ),
    min_size=1,
    max_size=5,
)
RULES = st.fixed_dictionaries({"delays": DELAYS, "collection": COLLECTION, "partly": st.booleans()})


def _collection(rule: tuple[int, int] | None) -> dict[str, Any]:
    delay, amount = (None, None) if rule is None else rule
    return {"delay_days": delay, "amount": amount}


class World:
    """One account; on a file it can be closed and opened again."""

    def __init__(
        self, rules: dict[str, Any], sendings: list[dict[str, Any]], zone: str, path: Path | None
    ) -> None:
        self.path = path
        invoices = {
            "automatic_reminders": steps(*rules["delays"]),
            "automatic_collection": _collection(rules["collection"]),
            "use_automatic_reminders_partly_paid": rules["partly"],
        }
        born = {"callbacks": {"url": "mock:inbox", "sign_key": "k"}}
        log = MemoryLog() if path is None else SQLiteLog(path)
        self.server: Dunned = Dunned(START.isoformat(" "), zone, log=log, invoices=invoices, **born)
        self.bodies: dict[str, Any] = {}  # by id of the event
        self.keys: list[str] = []
        customer = {"customer_no": self.server.customer()}
        for each in sendings:
            invoice = START.date() + timedelta(each["invoice"])
            own = {} if each["own"] is None else {"automatic_reminders_settings": steps(*each["own"])}
            made = self.server.draft(
                customer=customer,
                invoice_date=invoice.isoformat(),
                due_date=(invoice + timedelta(each["days"])).isoformat(),
                interest_rate=each["rate"],
                items=[{"title": "Row", "count": 1, "price": each["price"], "vat": 25}],
                automatic_collection=_collection(each["collection"]),
                **own,
            )
            self.keys.append(made["id"])
            if each["method"] is not None:
                self.server.command(made["id"], "send", {"method": each["method"]})

    def collect(self) -> None:
        """Keep what the receiver has got, without what comes from the position of the act."""
        for each in inbox(self.server):
            body = each["json"]
            del body["callback_id"], body["signature"]
            self.bodies.setdefault(
                body["event"]["event_uuid"],
                body | {"received_at": datetime.fromisoformat(each["received_at"])},
            )

    def restart(self) -> None:
        """Close the server, and open another one on the file."""
        if self.path is None:
            return
        self.collect()
        self.server.close()
        again: Dunned = Dunned.__new__(Dunned)
        Server.__init__(again, SQLiteLog(self.path))
        again.zone = self.server.zone
        self.server = again
        again.run(again.open_all())

    def move(self, minutes: int, deed: Deed | None, *, cut: bool) -> None:
        """To so many minutes after the start, as the wall shows them; a trial says the same before."""
        ends = [minutes]
        if cut and deed is not None:
            ends = sorted({max(minutes - each, 0) for each in deed.cuts} | {minutes})
        for end in ends:
            to = (START + timedelta(minutes=end)).replace(tzinfo=ZoneInfo(self.server.zone))
            body = {"to": to.isoformat()}
            shown = self.server.mock("GET", f"{MOCK}/clock").json["now"]
            if datetime.fromisoformat(shown) > to:
                continue  # an earlier cut than where it stands
            tried = self.server.mock("POST", f"{MOCK}/clock/advance", body | {"dry_run": True})
            moved = self.server.mock("POST", f"{MOCK}/clock/advance", body)
            assert (tried.status, tried.body) == (200, moved.body)
            if cut and deed is not None and deed.restart:
                self.restart()

    def do(self, deed: Deed) -> tuple[int, bytes]:
        """Some of it is refused: the same in each world."""
        server, key, number = self.server, self.keys[deed.pick % len(self.keys)], deed.number
        local = (START + timedelta(minutes=deed.after)).date()
        what, amount = deed.what, 25 * number + 1
        if what in _BILLOGRAM:
            answer = server.call("PUT", f"/billogram/{key}", _BILLOGRAM[what](number, local))
        elif what in _ACCOUNT:
            answer = server.call("PUT", "/settings", {"invoices": _ACCOUNT[what](number)})
        elif what == "feature":
            server.mock("PATCH", MOCK, {"features": {"collection": number % 2 == 0}})
            return 0, b""  # it shows how many acts there are
        elif what == "zone":
            answer = server.mock("PUT", f"{MOCK}/clock", {"timezone": ZONES[number % 3]})
        elif what == "bank":
            answer = server.mock("POST", f"{MOCK}/payments", {"billogram": key, "amount": amount})
        elif what == "view" or (what.startswith("collect") and what != "collect"):
            body = {"amount": amount} if what == "collector-payment" else {}
            answer = server.simulate(key, what, **body)
        else:
            bodies: dict[str, Any] = {
                "payment": {"amount": amount},
                "credit": {"mode": "amount", "amount": amount},
                "respite": {"date": (local + timedelta(number)).isoformat()},
                "message": {"message": "?"},
            }
            answer = server.command(key, what, bodies.get(what, {}))
        return answer.status, answer.body

    def end(self) -> dict[str, Any]:
        server = self.server
        assert server.fold().image() == server.image()
        self.collect()
        records = server.run(_records(server))
        events = [each for record in records for each in record.events if isinstance(each, BillogramEvent)]
        assert [each.mark.at for each in events] == sorted(each.mark.at for each in events)
        assert len({each.mark.uuid for each in events}) == len(events)
        acts = [(r.at, r.rule, [type(e).__name__ for e in r.events]) for r in records if r.rule in RANKS]
        assert list(self.bodies) == [each.mark.uuid for each in events]  # in the order in which it was told
        told = list(self.bodies.values())
        shown = [server.get(f"/billogram/{key}").body for key in self.keys]
        agenda = server.mock("GET", f"{MOCK}/agenda").body
        return {"events": events, "acts": acts, "callbacks": told, "shown": shown, "agenda": agenda}


_BILLOGRAM: dict[str, Any] = {
    "due_date": lambda number, day: {"due_date": (day + timedelta(number - 6)).isoformat()},
    "interest_rate": lambda number, _: {"interest_rate": number},
    "items": lambda number, _: {"items": [{"title": "Row", "count": number, "price": 20, "vat": 25}]},
    "own": lambda number, _: {"automatic_reminders_settings": [None, [], steps(number)][number % 3]},
}
_ACCOUNT: dict[str, Any] = {
    "reminders": lambda number: {"automatic_reminders": steps(*range(number % 4))},
    "collection": lambda number: {"automatic_collection": _collection((number, 0) if number % 3 else None)},
    "partly": lambda number: {"use_automatic_reminders_partly_paid": number % 2 == 0},
    "minimum": lambda number: {
        "automatic_reminders_minimum_principal_sum": number * 20 if number % 3 else None
    },
}


def _cut_and_whole(
    rules: dict[str, Any], sendings: list[dict[str, Any]], zone: str, deeds: list[Deed], path: Path | None
) -> None:
    whole, parts = World(rules, sendings, zone, None), World(rules, sendings, zone, path)
    try:
        for deed in [*deeds, None]:
            minutes = int((END - START).total_seconds() // 60) if deed is None else deed.after
            whole.move(minutes, deed, cut=False)
            parts.move(minutes, deed, cut=True)
            if deed is not None:
                assert whole.do(deed) == parts.do(deed)
        one, other = whole.end(), parts.end()
        for name in one:
            assert one[name] == other[name], name
    finally:
        whole.server.close()
        parts.server.close()


@given(rules=RULES, sendings=SENDINGS, zone=st.sampled_from(ZONES), deeds=DEEDS)
def test_any_way_of_cutting_a_span(
    rules: dict[str, Any], sendings: list[dict[str, Any]], zone: str, deeds: list[Deed]
) -> None:
    _cut_and_whole(rules, sendings, zone, deeds, None)


def _restarts(rules: dict[str, Any], sendings: list[dict[str, Any]], zone: str, deeds: list[Deed]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _cut_and_whole(rules, sendings, zone, deeds, Path(folder) / "log.db")


@settings(max_examples=15)
@given(rules=RULES, sendings=SENDINGS, zone=st.sampled_from(ZONES), deeds=DEEDS)
def test_with_restarts_in_between(
    rules: dict[str, Any], sendings: list[dict[str, Any]], zone: str, deeds: list[Deed]
) -> None:
    _restarts(rules, sendings, zone, deeds)


@pytest.mark.deep
@settings(max_examples=300)
@given(rules=RULES, sendings=SENDINGS, zone=st.sampled_from(ZONES), deeds=DEEDS)
def test_with_many_restarts_in_between(
    rules: dict[str, Any], sendings: list[dict[str, Any]], zone: str, deeds: list[Deed]
) -> None:
    _restarts(rules, sendings, zone, deeds)


# the order


@given(
    due=st.lists(st.sampled_from(["2011-12-20", "2011-12-28", "2011-12-29"]), min_size=2, max_size=7),
    spared=st.lists(st.booleans(), min_size=7, max_size=7),
    data=st.data(),
)
def test_moment_rank_and_number_whatever_was_touched_first(
    due: list[str], spared: list[bool], data: st.DataObject
) -> None:
    """In Apia, where all that was planned for 2011-12-30 comes in one moment."""
    orders = [list(range(len(due))), data.draw(st.permutations(range(len(due))))]
    seen = []
    for order in orders:
        rules = {"delay_days": 1, "amount": 0}
        invoices = {"automatic_reminders": steps(1), "automatic_collection": rules}
        with Dunned("2011-11-25 10:00", "Pacific/Apia", invoices=invoices) as server:
            customer = {"customer_no": server.customer()}
            keys = [
                server.draft(customer=customer, invoice_date="2011-10-01", due_date=day)["id"] for day in due
            ]
            for index in order:
                server.command(keys[index], "send", {"method": "Email"})
            for index in order:
                if spared[index]:
                    server.command(keys[index], "respite", {"date": "2011-12-29"})
                server.command(keys[index], "message", {"message": "?"})
            moved = server.to("2012-02-01 00:00")
            acts = [
                (at, RANKS[rule], keys.index(each["billogram"]), rule)
                for (rule, at), each in zip(happened(moved), moved, strict=True)
            ]
            placed = [act[:3] for act in acts]
            assert placed == sorted(placed)
            seen.append(acts)
    assert seen[0] == seen[1]
