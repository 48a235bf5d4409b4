"""Billograms change while a live clock fires: no entry is lost, none comes twice (behaviour 6.1)."""

import asyncio
import os
import random
import secrets
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from mockserver import clock_runner
from mockserver.core import calendar
from mockserver.core.events import BillogramEvent
from mockserver.core.model import Billogram, Internal
from mockserver.log.memory import MemoryLog
from tests.control.test_clock import TimedServer, moments
from tests.log.test_held_commit import PATIENCE, Ask
from tests.server import ACCOUNT, Answer

ZONE = "Europe/Stockholm"
BILLS = 5
STEPS = [{"delay_days": days, "message": ""} for days in (0, 1, 1, 3, 5)]
REFUSED = ("INVALID_OBJECT_STATE", "INVALID_PARAMETER")


class SlowLog(MemoryLog):
    """Not volatile: a commit takes some turns of the loop."""

    volatile = False
    name = "slow"

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    async def commit(self, writes: Any) -> None:
        for _ in range(self._rng.randrange(6)):
            await asyncio.sleep(0)
        await super().commit(writes)


class World:
    """A live account of a few billograms, whose machine's clock jumps while requests come."""

    def __init__(self, rng: random.Random, *, slow: bool) -> None:
        self.rng = rng
        self.server = TimedServer(SlowLog(rng) if slow else None)
        customer = {"customer_no": self.server.customer()}
        self.keys = []
        for number in range(BILLS):
            terms = {
                "invoice_date": "2026-03-02",
                "due_date": f"2026-03-{rng.randint(3, 20):02}",
                "interest_rate": rng.choice([0, 8.5]),
                "reminder_fee": 60,
                "automatic_reminders_settings": STEPS[: rng.randint(0, len(STEPS))],
            }
            if number % 2:
                terms["automatic_collection"] = {"delay_days": 9, "amount": 1}
            method = rng.choice(["Email", "Email+Letter"])
            sent = {"on_success": {"command": "send", "method": method}, "customer": customer}
            self.keys.append(self.server.draft(**sent, **terms)["id"])

    def due(self) -> datetime | None:
        head = self.server.state().agenda.head()
        return None if head is None else head.at

    def jump(self) -> None:
        """To right before, at or after the next entry, or by some hours."""
        soonest = self.due()
        if soonest is not None and self.rng.random() < 0.7:
            span = self.rng.choice([-1, 0, 0, 1, 3600 * 30])
            self.server.real = max(self.server.real, soonest + timedelta(seconds=span))
        else:
            self.server.pass_by(hours=self.rng.randint(1, 60))

    def today(self) -> date:
        return calendar.local_date(self.server.real, ZONE)

    async def deed(self) -> None:
        rng, key = self.rng, self.rng.choice(self.keys)
        later = (self.today() + timedelta(days=rng.randint(-1, 12))).isoformat()
        command, body = rng.choice(
            [
                ("payment", {"amount": rng.randint(1, 20)}),
                ("respite", {"date": later}),
                ("respite", {"date": later}),
                ("remove-respite", {}),
                ("remind", {"method": "Email"}),
                ("remind", {"method": "Email"}),
                ("collect", {}),
                ("put", {"due_date": later}),
                ("put", {"automatic_reminders_settings": STEPS[: rng.randint(0, len(STEPS))]}),
                ("get", {}),
            ]
        )
        for _ in range(rng.randrange(8)):
            await asyncio.sleep(0)
        if command == "get":
            answer: Answer = await Ask("GET", f"/billogram/{key}").of(self.server)
        elif command == "put":
            answer = await Ask("PUT", f"/billogram/{key}", body).of(self.server)
        else:
            answer = await Ask("POST", f"/billogram/{key}/command/{command}", body).of(self.server)
        assert answer.status == 200 or answer.error[0] in REFUSED, answer.body

    async def race(self) -> None:
        """The clock jumps, the alarm rings, and some requests come."""
        self.jump()
        ring = self.server.emulator.time._alarm
        ring.within(0)
        await asyncio.gather(*(self.deed() for _ in range(self.rng.randint(1, 4))))
        ring.within(0)
        live = self.server.emulator.live(ACCOUNT)
        assert live is not None
        async with asyncio.timeout(PATIENCE):
            while (soonest := self.due()) is not None and soonest <= self.server.real:
                await live.signal.wait(live.signal.count)

    def check(self) -> None:
        """After all of it."""
        server = self.server
        server.run(server.emulator.read_all(lambda: None))
        assert server.fold().image() == server.image()
        assert moments(server) == sorted(moments(server))
        soonest = self.due()
        assert soonest is None or soonest > server.real
        for key in self.keys:
            check_billogram(server.state().billograms[key])


def check_billogram(billogram: Billogram) -> None:
    """Its own history has nothing twice, and nothing that should not be."""
    history: tuple[BillogramEvent, ...] = billogram.events
    uuids = [event.mark.uuid for event in history]
    assert len(set(uuids)) == len(uuids)
    reminders = [event for event in history if type(event).__name__ == "ReminderSent"]
    days = [calendar.local_date(event.mark.at, ZONE) for event in reminders]
    assert len(set(days)) == len(days), days
    counts = [event.reminder_count for event in reminders]  # type: ignore[attr-defined]
    assert counts == list(range(1, len(counts) + 1))
    automatic = [event for event in reminders if event.automatic]  # type: ignore[attr-defined]
    assert len(automatic) == billogram.dunning.automatic_reminders <= len(STEPS)
    for event in automatic:
        assert event.mark.at.astimezone(calendar.zone(ZONE)).strftime("%H:%M") == "08:00"
    told = False  # Overdue, since the sending or the last respite
    names = [type(event).__name__ for event in history]
    for name in names:
        if name == "Overdue":
            assert not told, names
            told = True
        elif name == "Respite":
            told = False
    for name in ("InterestStarted", "Collection", "CollectionStatusUpdate", "LetterSent"):
        assert names.count(name) <= 1, names
    if "Collection" in names:
        assert not any(name in ("ReminderSent", "Overdue") for name in names[names.index("Collection") :])


def _finish(world: World) -> None:
    """Long after, with no request in between: nobody was forgotten."""
    server = world.server
    server.pass_by(days=120)

    async def rest() -> None:
        server.emulator.time._alarm.within(0)
        live = server.emulator.live(ACCOUNT)
        assert live is not None
        async with asyncio.timeout(PATIENCE):
            while (soonest := world.due()) is not None and soonest <= server.real:
                await live.signal.wait(live.signal.count)

    server.run(rest())
    world.check()
    for key in world.keys:
        billogram = server.state().billograms[key]
        if billogram.internal is Internal.UNPAID:
            steps = billogram.content.terms.automatic_reminders_settings
            assert billogram.dunning.overdue
            assert not billogram.dunning.respite_active
            assert billogram.sums.paid or billogram.dunning.automatic_reminders >= len(steps)


@pytest.fixture(autouse=True)
def _turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn after each entry."""
    monkeypatch.setattr(clock_runner, "_TURN", -1.0)


@pytest.mark.parametrize("slow", [False, True], ids=["memory", "slow"])
@pytest.mark.parametrize("worlds", [10, pytest.param(260, marks=pytest.mark.deep)])
def test_no_entry_is_lost_and_none_comes_twice(worlds: int, slow: bool) -> None:
    """Twenty races in each world."""
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    for _ in range(worlds):
        world = World(random.Random(rng.getrandbits(64)), slow=slow)
        try:
            for _ in range(20):
                world.server.run(world.race())
            world.check()
            _finish(world)
        finally:
            world.server.close()
