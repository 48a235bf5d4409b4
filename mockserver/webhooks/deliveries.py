"""The deliveries of one account: the callbacks to send, and the results of their attempts."""

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
_KEPT_ATTEMPTS = 25  # of a delivery: the newest attempts
_KEPT_ANSWERS = 3  # of the newest attempts: also headers and body of the answer
_KEPT_DROPPED = 1000  # deliveries from before a reset


def is_success(made: AttemptMade) -> bool:
    """Any 2xx [A]."""
    return made.status_code is not None and 200 <= made.status_code < 300


class Delivery:
    """One callback to one receiver. Its status is pending, delivered, failed (no retry left) [A] or dropped.

    `policy` is the delivery policy at the moment of the event. It applies to the first attempt and to the
    copies of that attempt [A].
    """

    __slots__ = ("attempts", "next_at", "planned", "policy", "status", "tries")

    def __init__(self, planned: Planned, policy: Policy = PLAIN) -> None:
        self.planned = planned
        self.policy = policy
        self.status = PENDING
        self.attempts: tuple[AttemptMade, ...] = ()
        self.tries = 0  # without replays
        # when the next retry, or a delayed first attempt, is planned
        self.next_at: datetime | None = None

    @property
    def id(self) -> str:
        """The id, which the attempts share."""
        return self.planned.id

    def add(self, made: AttemptMade, timezone: str) -> None:
        """Record an attempt. Older attempts lose the headers and the body of their answers."""
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
        elif not made.replay and self.status != DELIVERED:  # unless a replay delivered it
            self.next_at = self._retry_at(made, timezone) if made.pending else None
            self.status = PENDING if made.pending else FAILED

    def has_retry(self) -> bool:
        """Whether a retry would follow if the next attempt failed."""
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
    """Deliveries that wait for their planned moment, soonest first. Ties keep the order of addition."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Delivery]] = []
        self._number = 0

    def add(self, delivery: Delivery) -> None:
        """Add a delivery whose next attempt is planned."""
        assert delivery.next_at is not None, "no attempt is planned"
        self._number += 1
        heappush(self._heap, (delivery.next_at, self._number, delivery))

    def soonest(self) -> datetime | None:
        """The moment of the next planned attempt; None when nothing waits."""
        while self._heap and self._heap[0][2].next_at != self._heap[0][0]:
            heappop(self._heap)  # a replay has delivered it
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> list[Delivery]:
        """Remove and return the deliveries whose moment has come."""
        found: list[Delivery] = []
        while (at := self.soonest()) is not None and at <= now:
            found.append(heappop(self._heap)[2])
        return found

    def clear(self) -> None:
        """Remove all deliveries."""
        self._heap.clear()


class Deliveries:
    """All deliveries of one account, in the order of their events."""

    def __init__(self, live: LiveAccount) -> None:
        self.live = live
        self.by_id: dict[str, Delivery] = {}
        self.dropped: list[Delivery] = []  # from before the last reset
        self.inbox: list[
            tuple[Delivery, AttemptMade]
        ] = []  # what the built-in receiver got, in order of arrival
        self.readers: dict[str, set[str]] = {}  # which deliveries each reader has fetched
        self.retries = Retries()
        self.busy = 0  # deliveries that are held, queued or being sent
        self.paused = False
        self.policy = PLAIN
        self.held: list[Delivery] = []  # wait together so that they can be ordered
        self.holding: asyncio.TimerHandle | asyncio.Task[None] | None = None  # releases the held deliveries

    def all(self) -> Iterator[Delivery]:
        """Every delivery, oldest first."""
        yield from self.dropped
        yield from self.by_id.values()

    def find(self, key: str) -> Delivery | None:
        """The delivery with this id, or None."""
        found = self.by_id.get(key)
        return found or next((each for each in self.dropped if each.id == key), None)

    def add(self, delivery: Delivery, made: AttemptMade) -> None:
        """Record an attempt. A success at the built-in receiver goes to the inbox."""
        delivery.add(made, self.live.account.timezone)
        if delivery.planned.url == INBOX and is_success(made):
            self.inbox.append((delivery, made))

    def drop_pending(self) -> None:
        """Drop the pending deliveries, because the account is reset or removed."""
        for delivery in self.by_id.values():
            if delivery.status == PENDING:
                delivery.status, delivery.next_at = DROPPED, None
                self.dropped.append(delivery)
        del self.dropped[:-_KEPT_DROPPED]
