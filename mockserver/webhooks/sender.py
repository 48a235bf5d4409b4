"""Plan, send, record: the callbacks of acts that are on disk (reference: webhooks 2, 4, 5)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime, timedelta
from time import time

from msgspec import Struct

from mockserver.clock_runner import FOR_EVER, Alarm, seconds_until
from mockserver.core import calendar, callbacks
from mockserver.core.callbacks import Planned
from mockserver.core.deadlines import RULES
from mockserver.core.events import AttemptMade, Record
from mockserver.emulator import Emulator
from mockserver.ledger import AccountGone, LiveAccount, Move, Watcher
from mockserver.webhooks.deliveries import PENDING, Deliveries, Delivery
from mockserver.webhooks.dispatcher import Dispatcher
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


class Sender(Watcher):
    """Sends what the acts of all accounts bring about. It hears of acts once they are durable."""

    def __init__(self, emulator: Emulator, transport: Transport) -> None:
        self.transport = transport
        self.receivers: dict[str, Receiver] = {}  # by address: these are called, not connected to
        self._emulator = emulator
        self._by_stream: dict[str, Deliveries] = {}  # by stream: a reset begins a new one
        self._dispatcher = Dispatcher(self._attempt)
        self._alarm = Alarm(self._rung, emulator.real_time)
        self._stopped = False
        emulator.subscribe(self)

    def deliveries(self, live: LiveAccount) -> Deliveries:
        """The deliveries of an account; of one that is gone there are none."""
        found = self._by_stream.get(live.stream)
        if found is None:
            found = Deliveries(live)
            if not live.gone:
                self._by_stream[live.stream] = found
        return found

    # as a watcher

    def opened(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """What was to be sent and is not delivered goes on."""
        if not planned:
            return
        deliveries = self.deliveries(live)
        deliveries.by_id = {each.id: Delivery(each) for each in planned}
        for made in notes:
            delivery = deliveries.by_id.get(made.delivery)
            if delivery is not None:
                deliveries.add(delivery, made)
        self._resume(deliveries)

    def acted(self, live: LiveAccount, record: Record, planned: Sequence[Planned]) -> None:
        """Send the callbacks of an act, and the retries whose moment it brought."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is None:
            if not planned:
                return
            deliveries = self.deliveries(live)
        fresh = [Delivery(each, deliveries.policy) for each in planned]
        deliveries.by_id |= {each.id: each for each in fresh}
        self._take_on(deliveries, fresh)
        self._send_due(deliveries)

    def leaving(self, live: LiveAccount) -> None:
        """Nothing more may go out: the account is being reset or removed."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is not None:
            deliveries.paused = True
            deliveries.retries.clear()
            deliveries.busy -= len(deliveries.held)
            deliveries.held.clear()
            self._dispatcher.clear(deliveries)
            if isinstance(deliveries.holding, asyncio.TimerHandle):
                deliveries.holding.cancel()
            deliveries.holding = None

    def stays(self, live: LiveAccount) -> None:
        """That was undone."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is not None:
            deliveries.paused = False
            self._resume(deliveries)

    def gone(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        """What was pending is dropped; it stays to be seen."""
        deliveries = self._by_stream.pop(live.stream, None)
        if deliveries is not None:
            deliveries.drop_pending()
            if successor is not None and deliveries.dropped:
                self.deliveries(successor).dropped = deliveries.dropped
            if successor is not None and deliveries.policy.plan is not None:  # the test goes on
                self.deliveries(successor).policy = deliveries.policy

    def wakes_at(self, live: LiveAccount) -> datetime | None:
        """At once while something waits to be sent; else when a live clock gets to the next retry."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is None or deliveries.paused:
            return None
        now = self._emulator.real_time()
        if deliveries.busy:
            return now
        soonest, clock = deliveries.retries.soonest(), live.durable_clock
        if soonest is None or clock is None:
            return None
        seconds = seconds_until(soonest, self._emulator.durable_now(live), clock)
        return None if seconds is None else now + timedelta(seconds=min(seconds, FOR_EVER))

    # by the delivery policy of the account

    def lay_down(self, live: LiveAccount, policy: Policy) -> None:
        """From now on callbacks are delivered in this way; what waits already stays as it is [A].

        It is not in the log: a restart, a reset and a restore end it [A].
        """
        self.deliveries(live).policy = policy

    def release(self, live: LiveAccount, stay: Container[str] = ()) -> None:
        """What a plan holds goes, but these ids of callbacks."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is not None:
            self._let_go(deliveries, stay)

    def _take_on(self, deliveries: Deliveries, fresh: list[Delivery]) -> None:
        """New deliveries are dropped, wait, or are sent."""
        if deliveries.paused or self._stopped:
            return
        if deliveries.policy is PLAIN:
            for delivery in fresh:
                self._dispatcher.add(deliveries, delivery)
            return
        account, ready = deliveries.live.account, []
        for delivery in fresh:
            planned, policy = delivery.planned, delivery.policy
            if policy.drops(account.seed, planned):
                self._drop(deliveries, delivery)
                continue
            moment = calendar.after(planned.at, policy.delay, account.timezone)
            if moment > planned.at:
                delivery.next_at = moment
                deliveries.retries.add(delivery)
            else:
                ready.append(delivery)
        self._send(deliveries, ready)

    def _drop(self, deliveries: Deliveries, delivery: Delivery) -> None:
        """It never comes, which is kept: after a restart it is not sent either. A replay can send it."""
        made = AttemptMade(
            delivery=delivery.id,
            at=delivery.planned.at,
            after=deliveries.live.position,
            pending=False,
            status_code=None,
            error=DROPPED_ERROR,
            duration_ms=0.0,
            dropped=True,
        )
        deliveries.add(delivery, made)
        self._emulator.note(deliveries.live, made)

    def _send(self, deliveries: Deliveries, first: list[Delivery]) -> None:
        """First attempts whose moment has come, once all are there that wait together."""
        policy, move = first[-1].policy if first else PLAIN, deliveries.live.move
        if policy.plan is None and not (policy.gathers and move is not None and not move.ended):
            self._put_in_lanes(deliveries, first)
            return
        deliveries.held += first
        deliveries.busy += len(first)
        if policy.plan is not None:
            self._wait_for_quiet(deliveries)
        elif deliveries.holding is None and move is not None:
            deliveries.holding = self._dispatcher.at_once(deliveries, self._after(deliveries, move))

    def _wait_for_quiet(self, deliveries: Deliveries) -> None:
        if isinstance(deliveries.holding, asyncio.TimerHandle):
            deliveries.holding.cancel()
        deliveries.holding = asyncio.get_running_loop().call_later(_QUIET, self._let_go, deliveries)

    async def _after(self, deliveries: Deliveries, move: Move) -> None:
        try:
            while not move.ended:
                await deliveries.live.signal.wait()
        finally:
            self._let_go(deliveries)

    def _let_go(self, deliveries: Deliveries, stay: Container[str] = ()) -> None:
        if isinstance(deliveries.holding, asyncio.TimerHandle):
            deliveries.holding.cancel()
        held = [each for each in deliveries.held if each.planned.callback_id not in stay]
        deliveries.held = [each for each in deliveries.held if each.planned.callback_id in stay]
        deliveries.holding = None
        if deliveries.held:
            self._wait_for_quiet(deliveries)
        deliveries.busy -= len(held)
        if not (deliveries.paused or self._stopped):
            self._put_in_lanes(deliveries, held)
        if held:
            deliveries.live.signal.notify()

    def _put_in_lanes(self, deliveries: Deliveries, together: list[Delivery]) -> None:
        if not together:
            return
        seen = set()
        order = together[-1].policy.arranged(
            deliveries.live.account.seed, [each.planned for each in together]
        )
        for planned in order:
            self._dispatcher.add(deliveries, deliveries.by_id[planned.id], copy=planned.id in seen)
            seen.add(planned.id)

    # sending

    def _resume(self, deliveries: Deliveries) -> None:
        if self._stopped:
            return
        for delivery in deliveries.by_id.values():
            if delivery.status == PENDING:
                if delivery.next_at is None:
                    self._dispatcher.add(deliveries, delivery)
                else:
                    deliveries.retries.add(delivery)
        self._send_due(deliveries)

    def _send_due(self, deliveries: Deliveries) -> None:
        if deliveries.paused or self._stopped or deliveries.retries.soonest() is None:
            return
        delayed = []
        for delivery in deliveries.retries.due(self._emulator.durable_now(deliveries.live)):
            if delivery.tries:
                self._dispatcher.add(deliveries, delivery)
            else:
                delayed.append(delivery)
        self._send(deliveries, delayed)
        self._look_ahead(deliveries)

    def _look_ahead(self, deliveries: Deliveries) -> None:
        soonest = deliveries.retries.soonest()
        clock = deliveries.live.durable_clock
        if soonest is not None and clock is not None:
            seconds = seconds_until(soonest, self._emulator.durable_now(deliveries.live), clock)
            if seconds is not None:
                self._alarm.within(seconds)

    def _rung(self) -> None:
        for deliveries in list(self._by_stream.values()):
            self._send_due(deliveries)

    async def _attempt(
        self, deliveries: Deliveries, delivery: Delivery, copy: bool = False, *, replay: bool = False
    ) -> None:
        """Make one attempt and record it; whatever goes wrong is its result.

        A copy is recorded as a replay, at the moment of the first attempt. Retries and replays go by the
        policy of now [A].
        """
        if delivery.status != PENDING and not (replay or copy):  # delivered by a replay while it waited
            return
        live, planned = deliveries.live, delivery.planned
        policy = deliveries.policy if replay or (delivery.tries and not copy) else delivery.policy
        at = delivery.attempts[0].at if copy else self._moment(deliveries, delivery, replay=replay)
        replay = replay or copy
        signed = told(planned, policy.signature).sign_key is not None
        timestamp = policy.stamped(at.timestamp(), time()) if signed else None
        inside = live.account.callbacks.respond
        outcome = await self._post(planned, request_of(planned, timestamp, policy.signature), inside)
        if deliveries.paused or self._by_stream.get(live.stream) is not deliveries:
            return
        made = AttemptMade(
            delivery=delivery.id,
            at=at,
            after=live.position,
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
        deliveries.add(delivery, made)
        self._emulator.note(live, made)
        if delivery.next_at is not None and not replay:
            deliveries.retries.add(delivery)
            self._send_due(deliveries)

    def _moment(self, deliveries: Deliveries, delivery: Delivery, *, replay: bool) -> datetime:
        """The planned moment: of a retry; of the act, when a move or a clock that stands caused it [A]."""
        if delivery.next_at is not None and not replay:
            return delivery.next_at
        planned = delivery.planned
        if not replay and (planned.rule in RULES or deliveries.live.account.clock.mode == "frozen"):
            return planned.at
        return self._emulator.now(deliveries.live)

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

    async def replay(self, live: LiveAccount, delivery: Delivery) -> None:
        """Send the same body again, at once, as one more attempt; AccountGone when it was reset meanwhile."""
        deliveries = self.deliveries(live)
        assert delivery not in deliveries.dropped, "nothing of before a reset is sent after it"
        deliveries.busy += 1
        task = self._dispatcher.at_once(deliveries, self._attempt(deliveries, delivery, replay=True))
        try:
            await asyncio.wait([task])
        finally:
            deliveries.busy -= 1
            live.signal.notify()
        if task.cancelled():
            raise AccountGone(live.id)
        task.result()

    async def stop(self) -> None:
        """Cut off what is on its way; with a log on disk it is sent after the next start."""
        self._stopped = True
        self._alarm.stop()
        await self._dispatcher.stop()
        await self.transport.close()


async def _called(receiver: Receiver, planned: Planned, request: Request, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await receiver(planned, request)
    except TimeoutError:
        error = f"timed out after {seconds:g} s"
        return Outcome(status_code=None, error=error, duration_ms=seconds * 1000, headers={}, body="")
