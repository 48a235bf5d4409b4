"""Sends the callbacks of durable acts and records the attempts (reference: webhooks 2, 4, 5)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime, timedelta

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
from mockserver.webhooks.policy import DROPPED_ERROR, PLAIN, Policy, signature_headers, with_signature_key
from mockserver.webhooks.transport import Outcome, Transport

logger = logging.getLogger(__name__)

_QUIET = 1.0  # seconds without an act after which callbacks that a plan holds are released


class Request(Struct, frozen=True):
    """The headers and the body that one attempt posts."""

    headers: dict[str, str]
    body: bytes


# takes callbacks inside this process; an exception that it raises is a failed attempt
Receiver = Callable[[Planned, Request], Awaitable[Outcome]]
Observer = Callable[[Planned, Request, Outcome], None]


def request_of(planned: Planned, timestamp: str | None, signature: str = "good") -> Request:
    """The request of an attempt at a timestamp (None: unsigned). Each timestamp has its own signature [A]."""
    planned = with_signature_key(planned, signature)
    body = callbacks.body(planned)
    headers = {"Content-Type": "application/json", "User-Agent": "mockserver"}  # [A]
    return Request(headers | signature_headers(planned, timestamp, body, signature), body)


class Sender(Watcher):
    """Sends the callbacks of all accounts. The ledger notifies it of acts once they are durable."""

    def __init__(self, emulator: Emulator, transport: Transport) -> None:
        self.transport = transport
        self.receivers: dict[str, Receiver] = {}  # by URL: called in this process, without a connection
        self.observers: dict[str, Observer] = {}  # by account: called after each attempt, wherever it went
        self.on_attempt: Callable[[LiveAccount, Planned, AttemptMade], None] | None = None
        self._emulator = emulator
        self._by_stream: dict[str, Deliveries] = {}  # by stream: a reset begins a new one
        self._dispatcher = Dispatcher(self._attempt)
        self._alarm = Alarm(self._on_alarm, emulator.real_time)
        self._stopped = False
        emulator.subscribe(self)

    def deliveries(self, live: LiveAccount) -> Deliveries:
        """The deliveries of an account; empty for an account that is gone."""
        found = self._by_stream.get(live.stream)
        if found is None:
            found = Deliveries(live)
            if not live.gone:
                self._by_stream[live.stream] = found
        return found

    # methods of Watcher

    def opened(self, live: LiveAccount, planned: list[Planned], notes: list[AttemptMade]) -> None:
        """Resume the deliveries that are still pending, when an account is opened."""
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
        """Send the callbacks of an act, and the retries that have become due with it."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is None:
            if not planned:
                return
            deliveries = self.deliveries(live)
        fresh = [Delivery(each, deliveries.policy) for each in planned]
        deliveries.by_id |= {each.id: each for each in fresh}
        self._accept(deliveries, fresh)
        self._send_due(deliveries)

    def leaving(self, live: LiveAccount) -> None:
        """Stop sending for an account that is being reset or removed."""
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
        """Resume sending, because the reset or the removal was undone."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is not None:
            deliveries.paused = False
            self._resume(deliveries)

    def gone(self, live: LiveAccount, successor: LiveAccount | None) -> None:
        """Drop the pending deliveries of an account that is gone. Its successor still lists them."""
        deliveries = self._by_stream.pop(live.stream, None)
        if deliveries is not None:
            deliveries.drop_pending()
            if successor is not None and deliveries.dropped:
                self.deliveries(successor).dropped = deliveries.dropped
            if successor is not None and deliveries.policy.plan is not None:  # the test continues there
                self.deliveries(successor).policy = deliveries.policy

    def wakes_at(self, live: LiveAccount) -> datetime | None:
        """Now while a delivery is being sent or queued, else when a live clock reaches the next retry."""
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

    # the delivery policy of an account

    def configure(self, live: LiveAccount, policy: Policy) -> None:
        """Set the delivery policy of an account. Callbacks that already wait keep their policy [A].

        The policy is not in the log: a restart, a reset and a restore end it [A].
        """
        self.deliveries(live).policy = policy

    def release(self, live: LiveAccount, keep: Container[str] = ()) -> None:
        """Send the callbacks that a plan holds, except those with the ids in `keep`."""
        deliveries = self._by_stream.get(live.stream)
        if deliveries is not None:
            self._release(deliveries, keep)

    def _accept(self, deliveries: Deliveries, fresh: list[Delivery]) -> None:
        """Drop, delay or send new deliveries, as their policy says."""
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
        """Record a delivery as dropped, so that a restart does not send it either. A replay can."""
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
        """Send first attempts that are due, or hold them until all that wait together have arrived."""
        policy, move = first[-1].policy if first else PLAIN, deliveries.live.move
        if policy.plan is None and not (policy.gathers and move is not None and not move.ended):
            self._enqueue(deliveries, first)
            return
        deliveries.held += first
        deliveries.busy += len(first)
        if policy.plan is not None:
            self._wait_for_quiet(deliveries)
        elif deliveries.holding is None and move is not None:
            deliveries.holding = self._dispatcher.run_now(deliveries, self._release_after(deliveries, move))

    def _wait_for_quiet(self, deliveries: Deliveries) -> None:
        if isinstance(deliveries.holding, asyncio.TimerHandle):
            deliveries.holding.cancel()
        deliveries.holding = asyncio.get_running_loop().call_later(_QUIET, self._release, deliveries)

    async def _release_after(self, deliveries: Deliveries, move: Move) -> None:
        try:
            while not move.ended:
                await deliveries.live.signal.wait()
        finally:
            self._release(deliveries)

    def _release(self, deliveries: Deliveries, keep: Container[str] = ()) -> None:
        if isinstance(deliveries.holding, asyncio.TimerHandle):
            deliveries.holding.cancel()
        held = [each for each in deliveries.held if each.planned.callback_id not in keep]
        deliveries.held = [each for each in deliveries.held if each.planned.callback_id in keep]
        deliveries.holding = None
        if deliveries.held:
            self._wait_for_quiet(deliveries)
        deliveries.busy -= len(held)
        if not (deliveries.paused or self._stopped):
            self._enqueue(deliveries, held)
        if held:
            deliveries.live.signal.notify()

    def _enqueue(self, deliveries: Deliveries, together: list[Delivery]) -> None:
        if not together:
            return
        seen = set()
        order = together[-1].policy.ordered(deliveries.live.account.seed, [each.planned for each in together])
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
        self._set_alarm(deliveries)

    def _set_alarm(self, deliveries: Deliveries) -> None:
        soonest = deliveries.retries.soonest()
        clock = deliveries.live.durable_clock
        if soonest is not None and clock is not None:
            seconds = seconds_until(soonest, self._emulator.durable_now(deliveries.live), clock)
            if seconds is not None:
                self._alarm.within(seconds)

    def _on_alarm(self) -> None:
        for deliveries in list(self._by_stream.values()):
            self._send_due(deliveries)

    async def _attempt(
        self, deliveries: Deliveries, delivery: Delivery, copy: bool = False, *, replay: bool = False
    ) -> None:
        """Make one attempt and record it. An error is the result of the attempt.

        A copy is recorded as a replay at the moment of the first attempt. Retries and replays use the
        current policy [A].
        """
        if delivery.status != PENDING and not (replay or copy):  # a replay delivered it while it waited
            return
        live, planned = deliveries.live, delivery.planned
        policy = deliveries.policy if replay or (delivery.tries and not copy) else delivery.policy
        at = delivery.attempts[0].at if copy else self._attempt_time(deliveries, delivery, replay=replay)
        replay = replay or copy
        signed = with_signature_key(planned, policy.signature).sign_key is not None
        now = self._emulator.real_time().timestamp()
        timestamp = policy.timestamp_of_attempt(at.timestamp(), now) if signed else None
        inside = live.account.callbacks.respond
        request = request_of(planned, timestamp, policy.signature)
        outcome = await self._post(planned, request, inside)
        if (observer := self.observers.get(live.id)) is not None:
            observer(planned, request, outcome)
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
        if self.on_attempt is not None:
            self.on_attempt(live, planned, made)
        self._emulator.note(live, made)
        if delivery.next_at is not None and not replay:
            deliveries.retries.add(delivery)
            self._send_due(deliveries)

    def _attempt_time(self, deliveries: Deliveries, delivery: Delivery, *, replay: bool) -> datetime:
        """The planned moment of a retry, the moment of the act under a move or a frozen clock [A], or now."""
        if delivery.next_at is not None and not replay:
            return delivery.next_at
        planned = delivery.planned
        if not replay and (planned.rule in RULES or deliveries.live.account.clock.mode == "frozen"):
            return planned.at
        return self._emulator.now(deliveries.live)

    async def _post(self, planned: Planned, request: Request, inside: int) -> Outcome:
        """Post a request. `inside` is the status code that the built-in receiver answers with."""
        if planned.url == callbacks.INBOX:
            return Outcome(status_code=inside, error=None, duration_ms=0.0, headers={}, body="")
        if planned.settings.require_https and not planned.url.lower().startswith("https:"):
            error = "require_https is on: only https addresses are sent to"
            return Outcome(status_code=None, error=error, duration_ms=0.0, headers={}, body="")
        timeout = calendar.absolute(planned.settings.timeout).total_seconds()
        receiver = self.receivers.get(planned.url)
        try:
            if receiver is not None:
                return await _call_receiver(receiver, planned, request, timeout)
            return await self.transport.post(planned.url, request.headers, request.body, timeout)
        except Exception:  # a bug in mockserver: it is logged, and other deliveries continue
            logger.exception("a callback could not be sent")
            error = "internal error of mockserver"
            return Outcome(status_code=None, error=error, duration_ms=0.0, headers={}, body="")

    async def replay(self, live: LiveAccount, delivery: Delivery) -> None:
        """Send the same body again now. AccountGone if the account is reset before the attempt ends."""
        deliveries = self.deliveries(live)
        assert delivery not in deliveries.dropped, "a delivery from before a reset is not sent after it"
        deliveries.busy += 1
        task = self._dispatcher.run_now(deliveries, self._attempt(deliveries, delivery, replay=True))
        try:
            await asyncio.wait([task])
        finally:
            deliveries.busy -= 1
            live.signal.notify()
        if task.cancelled():
            raise AccountGone(live.id)
        task.result()

    async def stop(self) -> None:
        """Cancel running attempts. With a log on disk they are sent after the next start."""
        self._stopped = True
        self._alarm.stop()
        await self._dispatcher.stop()
        await self.transport.close()


async def _call_receiver(receiver: Receiver, planned: Planned, request: Request, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await receiver(planned, request)
    except TimeoutError:
        error = f"timed out after {seconds:g} s"
        return Outcome(status_code=None, error=error, duration_ms=seconds * 1000, headers={}, body="")
