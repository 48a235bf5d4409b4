"""Plan, send, record: the callbacks of acts that are on disk (reference: webhooks 2, 4, 5)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime
from time import time

from msgspec import Struct

from mockserver.book import AccountGone, Book, Move
from mockserver.core import calendar, callbacks
from mockserver.core.callbacks import Planned
from mockserver.core.deadlines import RULES
from mockserver.core.events import AttemptMade, Record
from mockserver.emulator import Emulator
from mockserver.moving import Alarm, seconds_until
from mockserver.webhooks.desk import PENDING, Delivery, Desk
from mockserver.webhooks.lanes import Lanes
from mockserver.webhooks.policy import DROPPED_ERROR, PLAIN, Policy, signing, told
from mockserver.webhooks.transport import Outcome, Transport

logger = logging.getLogger(__name__)

_QUIET = 1.0  # seconds without an act after which what a plan holds goes by itself


class Request(Struct, frozen=True):
    """What is posted at one attempt."""

    headers: dict[str, str]
    body: bytes


# somebody inside this process who takes callbacks; what it raises is a failed attempt
Receiver = Callable[[Planned, Request], Awaitable[Outcome]]


def request_of(planned: Planned, timestamp: str | None, signed: str = "good") -> Request:
    """The request of an attempt at a timestamp (None: unsigned). A new timestamp is a new signature [A]."""
    planned = told(planned, signed)
    body = callbacks.body(planned)
    headers = {"Content-Type": "application/json", "User-Agent": "mockserver"}  # [A]
    return Request(headers | signing(planned, timestamp, body, signed), body)


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
                desk.add(delivery, made)
        self._resume(desk)

    def acted(self, book: Book, record: Record, planned: Sequence[Planned]) -> None:
        """Send the callbacks of an act, and the retries whose moment it brought."""
        desk = self._desks.get(book.stream)
        if desk is None:
            if not planned:
                return
            desk = self.desk(book)
        fresh = [Delivery(each, desk.policy) for each in planned]
        desk.deliveries |= {each.id: each for each in fresh}
        self._take_on(desk, fresh)
        self._send_due(desk)

    def left(self, book: Book) -> None:
        """Nothing more may go out: the account is being reset or removed."""
        desk = self._desks.get(book.stream)
        if desk is not None:
            desk.paused = True
            desk.retries.clear()
            desk.busy -= len(desk.held)
            desk.held.clear()
            self._lanes.clear(desk)
            if isinstance(desk.holding, asyncio.TimerHandle):
                desk.holding.cancel()
            desk.holding = None

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
            if fresh is not None and desk.policy.plan is not None:  # the test goes on
                self.desk(fresh).policy = desk.policy

    # by the delivery policy of the account

    def lay_down(self, book: Book, policy: Policy) -> None:
        """From now on callbacks are delivered in this way; what waits already stays as it is [A].

        It is not in the log: a restart, a reset and a restore end it [A].
        """
        self.desk(book).policy = policy

    def release(self, book: Book, stay: Container[str] = ()) -> None:
        """What a plan holds goes, but these ids of callbacks."""
        desk = self._desks.get(book.stream)
        if desk is not None:
            self._let_go(desk, stay)

    def _take_on(self, desk: Desk, fresh: list[Delivery]) -> None:
        """New deliveries are dropped, wait, or are sent."""
        if desk.paused or self._stopped:
            return
        if desk.policy is PLAIN:
            for delivery in fresh:
                self._lanes.add(desk, delivery)
            return
        account, ready = desk.book.account, []
        for delivery in fresh:
            planned, policy = delivery.planned, delivery.policy
            if policy.drops(account.seed, planned):
                self._drop(desk, delivery)
                continue
            moment = calendar.after(planned.at, policy.delay, account.timezone)
            if moment > planned.at:
                delivery.next_at = moment
                desk.retries.add(delivery)
            else:
                ready.append(delivery)
        self._send(desk, ready)

    def _drop(self, desk: Desk, delivery: Delivery) -> None:
        """It never comes, which is kept: after a restart it is not sent either. A replay can send it."""
        made = AttemptMade(
            delivery=delivery.id,
            at=delivery.planned.at,
            after=desk.book.position,
            pending=False,
            status_code=None,
            error=DROPPED_ERROR,
            duration_ms=0.0,
            dropped=True,
        )
        desk.add(delivery, made)
        self._emulator.note(desk.book, made)

    def _send(self, desk: Desk, first: list[Delivery]) -> None:
        """First attempts whose moment has come, once all are there that wait together."""
        policy, move = first[-1].policy if first else PLAIN, desk.book.move
        if policy.plan is None and not (policy.gathers and move is not None and not move.ended):
            self._put_in_lanes(desk, first)
            return
        desk.held += first
        desk.busy += len(first)
        if policy.plan is not None:
            self._wait_for_quiet(desk)
        elif desk.holding is None and move is not None:
            desk.holding = self._lanes.at_once(desk, self._after(desk, move))

    def _wait_for_quiet(self, desk: Desk) -> None:
        if isinstance(desk.holding, asyncio.TimerHandle):
            desk.holding.cancel()
        desk.holding = asyncio.get_running_loop().call_later(_QUIET, self._let_go, desk)

    async def _after(self, desk: Desk, move: Move) -> None:
        try:
            while not move.ended:
                await desk.book.signal.wait()
        finally:
            self._let_go(desk)

    def _let_go(self, desk: Desk, stay: Container[str] = ()) -> None:
        if isinstance(desk.holding, asyncio.TimerHandle):
            desk.holding.cancel()
        held = [each for each in desk.held if each.planned.callback_id not in stay]
        desk.held = [each for each in desk.held if each.planned.callback_id in stay]
        desk.holding = None
        if desk.held:
            self._wait_for_quiet(desk)
        desk.busy -= len(held)
        if not (desk.paused or self._stopped):
            self._put_in_lanes(desk, held)
        if held:
            desk.book.signal.notify()

    def _put_in_lanes(self, desk: Desk, together: list[Delivery]) -> None:
        if not together:
            return
        seen = set()
        order = together[-1].policy.arranged(desk.book.account.seed, [each.planned for each in together])
        for planned in order:
            self._lanes.add(desk, desk.deliveries[planned.id], copy=planned.id in seen)
            seen.add(planned.id)

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
        delayed = []
        for delivery in desk.retries.due(self._emulator.told_now(desk.book)):
            if delivery.tries:
                self._lanes.add(desk, delivery)
            else:
                delayed.append(delivery)
        self._send(desk, delayed)
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

    async def _attempt(
        self, desk: Desk, delivery: Delivery, copy: bool = False, *, replay: bool = False
    ) -> None:
        """Make one attempt and record it; whatever goes wrong is its result.

        A copy is recorded as a replay, at the moment of the first attempt. Retries and replays go by the
        policy of now [A].
        """
        if delivery.status != PENDING and not (replay or copy):  # delivered by a replay while it waited
            return
        book, planned = desk.book, delivery.planned
        policy = desk.policy if replay or (delivery.tries and not copy) else delivery.policy
        at = delivery.attempts[0].at if copy else self._moment(desk, delivery, replay=replay)
        replay = replay or copy
        signed = told(planned, policy.signature).sign_key is not None
        timestamp = policy.stamped(at.timestamp(), time()) if signed else None
        inside = book.account.callbacks.respond
        outcome = await self._post(planned, request_of(planned, timestamp, policy.signature), inside)
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
            signed=policy.signature,
        )
        desk.add(delivery, made)
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
        desk = self.desk(book)
        assert delivery not in desk.dropped, "nothing of before a reset is sent after it"
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
