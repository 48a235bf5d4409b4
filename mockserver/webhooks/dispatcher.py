"""Limits on concurrent attempts: one per receiver [A], a few per host, and a bounded number in total."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from urllib.parse import urlsplit

from mockserver.webhooks.deliveries import Deliveries, Delivery

logger = logging.getLogger(__name__)

MAX_PER_HOST = 8  # attempts at once from one account to one host
MAX_TOTAL = 256  # attempts at once of the whole server: tasks and sockets
_ATTEMPTS_PER_TURN = 32  # then a task yields to others, even if none of its attempts had to wait


class _Queue:
    """The attempts that wait for one receiver of one account, in order."""

    def __init__(self) -> None:
        self.pending: deque[tuple[Delivery, bool]] = deque()
        self.active = False


class _Host:
    """The receivers of one account at one host."""

    def __init__(self, key: tuple[str, str], deliveries: Deliveries) -> None:
        self.key = key
        self.deliveries = deliveries
        self.queues: dict[str, _Queue] = {}
        self.waiting: deque[tuple[str, _Queue]] = deque()
        self.running = 0
        self.blocked = False  # waits because the total limit is reached


class Dispatcher:
    """Queues deliveries and starts attempts within the limits. `attempt` makes one attempt, or a copy."""

    def __init__(self, attempt: Callable[[Deliveries, Delivery, bool], Awaitable[None]]) -> None:
        self._attempt = attempt
        self._hosts: dict[tuple[str, str], _Host] = {}
        self._tasks: dict[asyncio.Task[None], Deliveries] = {}
        self._blocked: deque[_Host] = deque()

    def add(self, deliveries: Deliveries, delivery: Delivery, *, copy: bool = False) -> None:
        """Queue a delivery. It is sent after those that are already queued for its receiver."""
        deliveries.busy += 1
        name, receiver = _host_and_receiver(delivery.planned.url)
        key = deliveries.live.stream, name
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(key, deliveries)
        queue = host.queues.get(receiver)
        if queue is None:
            queue = host.queues[receiver] = _Queue()
        queue.pending.append((delivery, copy))
        if not queue.active:
            queue.active = True
            host.waiting.append((receiver, queue))
            self._start(host)

    def _start(self, host: _Host) -> None:
        while host.waiting and host.running < MAX_PER_HOST:
            if len(self._tasks) >= MAX_TOTAL:
                if not host.blocked:
                    host.blocked = True
                    self._blocked.append(host)
                return
            host.running += 1
            receiver, queue = host.waiting.popleft()
            task = asyncio.create_task(self._work(host, receiver, queue), name="webhooks")
            self._tasks[task] = host.deliveries
            task.add_done_callback(self._ended)

    async def _work(self, host: _Host, receiver: str, queue: _Queue) -> None:
        """Send what is queued for this receiver, then for the other receivers at the same host."""
        attempts = 0
        try:
            while True:
                delivery, copy = queue.pending.popleft()
                try:
                    await self._attempt(host.deliveries, delivery, copy)
                except Exception:  # a bug in mockserver: it is logged, and other deliveries continue
                    logger.exception("delivery %s could not be attempted", delivery.id)
                finally:
                    host.deliveries.busy -= 1
                    host.deliveries.live.signal.notify()
                attempts += 1
                if attempts % _ATTEMPTS_PER_TURN == 0:
                    await asyncio.sleep(0)
                if queue.pending:
                    host.waiting.append((receiver, queue))
                else:
                    queue.active = False
                    host.queues.pop(receiver, None)
                if not host.waiting:
                    return
                receiver, queue = host.waiting.popleft()
        finally:
            host.running -= 1
            if not host.queues and self._hosts.get(host.key) is host:
                del self._hosts[host.key]

    def run_now(self, deliveries: Deliveries, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run work of an account without queueing it. `clear` cancels it with the account's other work."""
        task = asyncio.create_task(work, name="webhooks")
        self._tasks[task] = deliveries
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        while self._blocked and len(self._tasks) < MAX_TOTAL:
            host = self._blocked.popleft()
            host.blocked = False
            self._start(host)

    def clear(self, deliveries: Deliveries) -> None:
        """Discard the queued attempts of an account and cancel its running ones."""
        for key in [key for key, host in self._hosts.items() if host.deliveries is deliveries]:
            host = self._hosts.pop(key)
            host.waiting.clear()
            for queue in host.queues.values():
                deliveries.busy -= len(queue.pending)
                queue.pending.clear()
            host.queues.clear()
        for task, owner in list(self._tasks.items()):
            if owner is deliveries:
                task.cancel()

    async def stop(self) -> None:
        """Cancel all running attempts."""
        self._blocked.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _host_and_receiver(url: str) -> tuple[str, str]:
    """The host of a URL, and its receiver: the URL without its query [A]."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, url
    return f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}{parts.path}"
