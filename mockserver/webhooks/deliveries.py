"""The deliveries of one account: what is to be sent, and what became of it."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush

from mockserver.core import calendar
from mockserver.core.callbacks import INBOX, Planned
from mockserver.core.events import AttemptMade
from mockserver.ledger import LiveAccount
from mockserver.webhooks.policy import PLAIN, Policy

PENDING, DELIVERED, FAILED, DROPPED = "pending", "delivered", "failed", "dropped"
STATUSES = (PENDING, DELIVERED, FAILED, DROPPED)
_KEPT_ATTEMPTS = 25  # the newest; so much is kept of a delivery at most
_KEPT_ANSWERS = 3  # of the newest attempts: headers and body of the answer
_KEPT_DROPPED = 1000  # deliveries of before a reset


def is_success(made: AttemptMade) -> bool:
    """Any 2xx [A]."""
    return made.status_code is not None and 200 <= made.status_code < 300


class Delivery:
    """One callback on its way to one receiver: pending, delivered, failed in the end [A], or dropped.

    `policy` is the one of the moment of its event; it rules its first attempt and the copies of it [A].
    """

    __slots__ = ("attempts", "next_at", "planned", "policy", "status", "tries")

    def __init__(self, planned: Planned, policy: Policy = PLAIN) -> None:
        self.planned = planned
        self.policy = policy
        self.status = PENDING
        self.attempts: tuple[AttemptMade, ...] = ()
        self.tries = 0  # without replays
        self.next_at: datetime | None = (
            None  # planned moment of the next retry, or of a delayed first attempt
        )

    @property
    def id(self) -> str:
        """Its id, and that of its attempts."""
        return self.planned.id

    def add(self, made: AttemptMade, timezone: str) -> None:
        """One more attempt; of older ones less is kept."""
        kept = (*self.attempts, made)[-_KEPT_ATTEMPTS:]
        old = max(0, len(kept) - _KEPT_ANSWERS)
        self.attempts = (*map(_without_answer, kept[:old]), *kept[old:])
        if made.dropped:
            self.status = DROPPED
            return
        if not made.replay:
            self.tries += 1
        if is_success(made):
            self.status, self.next_at = DELIVERED, None
        elif not made.replay and self.status != DELIVERED:  # not by a replay meanwhile
            self.next_at = self._retry_at(made, timezone) if made.pending else None
            self.status = PENDING if made.pending else FAILED

    def has_retry(self) -> bool:
        """Whether one more failure would be followed by a retry."""
        return self.tries < len(self.planned.settings.retry_schedule)

    def _retry_at(self, made: AttemptMade, timezone: str) -> datetime:
        return calendar.after(made.at, self.planned.settings.retry_schedule[self.tries - 1], timezone)


def _without_answer(made: AttemptMade) -> AttemptMade:
    if not (made.headers or made.body):
        return made
    return AttemptMade(
        delivery=made.delivery,
        at=made.at,
        after=made.after,
        pending=made.pending,
        status_code=made.status_code,
        error=made.error,
        duration_ms=made.duration_ms,
        timestamp=made.timestamp,
        replay=made.replay,
        signed=made.signed,
        dropped=made.dropped,
    )


class Retries:
    """Retries that wait for their moment: the soonest first, at one moment in the order of planning."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Delivery]] = []
        self._number = 0

    def add(self, delivery: Delivery) -> None:
        """One whose next moment is known."""
        assert delivery.next_at is not None, "it has no retry"
        self._number += 1
        heappush(self._heap, (delivery.next_at, self._number, delivery))

    def soonest(self) -> datetime | None:
        """The moment of the next one."""
        while self._heap and self._heap[0][2].next_at != self._heap[0][0]:
            heappop(self._heap)  # delivered by a replay meanwhile
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> list[Delivery]:
        """Take those whose moment has come."""
        found: list[Delivery] = []
        while (at := self.soonest()) is not None and at <= now:
            found.append(heappop(self._heap)[2])
        return found

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()


class Deliveries:
    """All deliveries of one account, in order of their events."""

    def __init__(self, live: LiveAccount) -> None:
        self.live = live
        self.by_id: dict[str, Delivery] = {}
        self.dropped: list[Delivery] = []  # of before the last reset
        self.inbox: list[tuple[Delivery, AttemptMade]] = []  # what came to the receiver inside, as it came
        self.readers: dict[str, set[str]] = {}  # which deliveries each of them has got
        self.retries = Retries()
        self.busy = 0  # held, queued, or being sent
        self.paused = False
        self.policy = PLAIN
        self.held: list[Delivery] = []  # wait together, to be put in order
        self.holding: asyncio.TimerHandle | asyncio.Task[None] | None = None  # lets them go

    def all(self) -> Iterator[Delivery]:
        """Every delivery, oldest first."""
        yield from self.dropped
        yield from self.by_id.values()

    def find(self, key: str) -> Delivery | None:
        """The delivery with this id."""
        found = self.by_id.get(key)
        return found or next((each for each in self.dropped if each.id == key), None)

    def add(self, delivery: Delivery, made: AttemptMade) -> None:
        """One more attempt."""
        delivery.add(made, self.live.account.timezone)
        if delivery.planned.url == INBOX and is_success(made):
            self.inbox.append((delivery, made))

    def drop_pending(self) -> None:
        """A reset: what was not delivered never will be."""
        for delivery in self.by_id.values():
            if delivery.status == PENDING:
                delivery.status, delivery.next_at = DROPPED, None
                self.dropped.append(delivery)
        del self.dropped[:-_KEPT_DROPPED]
