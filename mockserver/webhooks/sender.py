"""Plan, send, record: the callbacks of acts that are on disk (reference: webhooks 2, 4, 5)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from time import time

from msgspec import Struct

from mockserver.book import AccountGone, Book
from mockserver.core import calendar, callbacks
from mockserver.core.callbacks import Planned
from mockserver.core.deadlines import RULES
from mockserver.core.events import AttemptMade, Record
from mockserver.core.signature import sign
from mockserver.emulator import Emulator
from mockserver.moving import Alarm, seconds_until
from mockserver.webhooks.desk import DROPPED, PENDING, Delivery, Desk
from mockserver.webhooks.lanes import Lanes
from mockserver.webhooks.transport import Outcome, Transport

logger = logging.getLogger(__name__)


class Request(Struct, frozen=True):
    """What is posted at one attempt."""

    headers: dict[str, str]
    body: bytes


# somebody inside this process who takes callbacks; what it raises is a failed attempt
Receiver = Callable[[Planned, Request], Awaitable[Outcome]]


def request_of(planned: Planned, timestamp: str | None) -> Request:
    """The request of an attempt at a timestamp (None: unsigned). A new timestamp is a new signature [A]."""
    body = callbacks.body(planned)
    headers = {"Content-Type": "application/json", "User-Agent": "mockserver"}  # [A]
    # both only with a key [D]
    if timestamp is not None and planned.sign_key is not None:
        headers["Billogram-Request-Timestamp"] = timestamp
        headers["Billogram-Signature"] = sign(planned.sign_key, timestamp, body)
    return Request(headers, body)


class Sender:
    """Sends what the acts of all accounts bring about. It is told of acts once they are on disk."""

    def __init__(self, emulator: Emulator, transport: Transport) -> None:
        self.transport = transport
        self.receivers: dict[str, Receiver] = {}  # by address: these are called, not connected to
        self._emulator = emulator
        self._desks: dict[str, Desk] = {}  # by stream: a reset begins a new one
        self._lanes = Lanes(self._attempt)
        self._alarm = Alarm(self._rung, emulator.real_time)
        self._stopped = False
        emulator.subscribe(self)

    def desk(self, book: Book) -> Desk:
        """The deliveries of an account; of one that is gone there are none."""
        found = self._desks.get(book.stream)
        if found is None:
            found = Desk(book)
            if not book.gone:
                self._desks[book.stream] = found
        return found

    # being told

    def replayed(self, book: Book, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """What the log says was to be sent and is not delivered goes on."""
        if not planned:
            return
        desk = self.desk(book)
        desk.deliveries = {each.id: Delivery(each) for each in planned}
        for made in notes:
            delivery = desk.deliveries.get(made.delivery)
            if delivery is not None:
                delivery.add(made, book.account.timezone)
        self._resume(desk)

    def acted(self, book: Book, record: Record, planned: Sequence[Planned]) -> None:
        """Send the callbacks of an act, and the retries whose moment it brought."""
        desk = self._desks.get(book.stream)
        if desk is None:
            if not planned:
                return
            desk = self.desk(book)
        for each in planned:
            delivery = desk.deliveries[each.id] = Delivery(each)
            if not (desk.paused or self._stopped):
                self._lanes.add(desk, delivery)
        self._send_due(desk)

    def left(self, book: Book) -> None:
        """Nothing more may go out: the account is being reset or removed."""
        desk = self._desks.get(book.stream)
        if desk is not None:
            desk.paused = True
            desk.retries.clear()
            self._lanes.clear(desk)

    def stays(self, book: Book) -> None:
        """That was undone."""
        desk = self._desks.get(book.stream)
        if desk is not None:
            desk.paused = False
            self._resume(desk)

    def gone(self, book: Book, fresh: Book | None) -> None:
        """What was pending is dropped; it stays to be seen."""
        desk = self._desks.pop(book.stream, None)
        if desk is not None:
            desk.drop_pending()
            if fresh is not None and desk.dropped:
                self.desk(fresh).dropped = desk.dropped

    # sending

    def _resume(self, desk: Desk) -> None:
        if self._stopped:
            return
        for delivery in desk.deliveries.values():
            if delivery.status == PENDING:
                if delivery.next_at is None:
                    self._lanes.add(desk, delivery)
                else:
                    desk.retries.add(delivery)
        self._send_due(desk)

    def _send_due(self, desk: Desk) -> None:
        if desk.paused or self._stopped or desk.retries.soonest() is None:
            return
        for delivery in desk.retries.due(self._emulator.told_now(desk.book)):
            self._lanes.add(desk, delivery)
        self._look_ahead(desk)

    def _look_ahead(self, desk: Desk) -> None:
        soonest = desk.retries.soonest()
        clock = desk.book.told_clock
        if soonest is not None and clock is not None:
            seconds = seconds_until(soonest, self._emulator.told_now(desk.book), clock)
            if seconds is not None:
                self._alarm.within(seconds)

    def _rung(self) -> None:
        for desk in list(self._desks.values()):
            self._send_due(desk)

    async def _attempt(self, desk: Desk, delivery: Delivery, *, replay: bool = False) -> None:
        """Make one attempt and record it; whatever goes wrong is its result."""
        if delivery.status != PENDING and not replay:  # delivered by a replay while it waited
            return
        book, planned = desk.book, delivery.planned
        at = self._moment(desk, delivery, replay=replay)
        timestamp = None if planned.sign_key is None else f"{time():.6f}"  # real time, whatever the clock [A]
        inside = book.account.callbacks.respond
        outcome = await self._post(planned, request_of(planned, timestamp), inside)
        if desk.paused or self._desks.get(book.stream) is not desk:
            return
        made = AttemptMade(
            delivery=delivery.id,
            at=at,
            after=book.position,
            pending=not replay and outcome.status_code not in range(200, 300) and delivery.has_retry(),
            status_code=outcome.status_code,
            error=outcome.error,
            duration_ms=outcome.duration_ms,
            timestamp=timestamp,
            headers="\n".join(f"{name}: {value}" for name, value in outcome.headers.items()),
            body=outcome.body,
            replay=replay,
        )
        delivery.add(made, book.account.timezone)
        self._emulator.note(book, made)
        if delivery.next_at is not None and not replay:
            desk.retries.add(delivery)
            self._send_due(desk)

    def _moment(self, desk: Desk, delivery: Delivery, *, replay: bool) -> datetime:
        """The planned moment: of a retry; of the act, when a move or a clock that stands caused it [A]."""
        if delivery.next_at is not None and not replay:
            return delivery.next_at
        planned = delivery.planned
        if not replay and (planned.rule in RULES or desk.book.account.clock.mode == "frozen"):
            return planned.at
        return self._emulator.now(desk.book)

    async def _post(self, planned: Planned, request: Request, inside: int) -> Outcome:
        """Post it; `inside` is what the receiver inside answers."""
        if planned.url == callbacks.INBOX:
            return Outcome(status_code=inside, error=None, duration_ms=0.0, headers={}, body="")
        if planned.settings.require_https and not planned.url.lower().startswith("https:"):
            error = "require_https is on: only https addresses are sent to"
            return Outcome(status_code=None, error=error, duration_ms=0.0, headers={}, body="")
        timeout = calendar.absolute(planned.settings.timeout).total_seconds()
        receiver = self.receivers.get(planned.url)
        try:
            if receiver is not None:
                return await _called(receiver, planned, request, timeout)
            return await self.transport.post(planned.url, request.headers, request.body, timeout)
        except Exception:  # our own mistake: it is told, and the others' callbacks go on
            logger.exception("a callback could not be sent")
            error = "internal error of mockserver"
            return Outcome(status_code=None, error=error, duration_ms=0.0, headers={}, body="")

    async def replay(self, book: Book, delivery: Delivery) -> None:
        """Send the same body again, at once, as one more attempt; AccountGone when it was reset meanwhile."""
        assert delivery.status != DROPPED, "nothing of before a reset is sent after it"
        desk = self.desk(book)
        desk.busy += 1
        task = self._lanes.at_once(desk, self._attempt(desk, delivery, replay=True))
        try:
            await asyncio.wait([task])
        finally:
            desk.busy -= 1
            book.signal.notify()
        if task.cancelled():
            raise AccountGone(book.id)
        task.result()

    async def stop(self) -> None:
        """Cut off what is on its way; with a log on disk it is sent after the next start."""
        self._stopped = True
        self._alarm.stop()
        await self._lanes.stop()
        await self.transport.close()


async def _called(receiver: Receiver, planned: Planned, request: Request, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await receiver(planned, request)
    except TimeoutError:
        error = f"timed out after {seconds:g} s"
        return Outcome(status_code=None, error=error, duration_ms=seconds * 1000, headers={}, body="")
