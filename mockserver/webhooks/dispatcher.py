"""Who may send when: one at a time to a receiver [A], a few at a time to a host, a bounded number in all."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from urllib.parse import urlsplit

from mockserver.webhooks.deliveries import Deliveries, Delivery

logger = logging.getLogger(__name__)

AT_A_HOST = 8  # attempts at once from one account to one host
IN_ALL = 256  # attempts at once of the whole server: tasks and sockets
_TURN = 32  # attempts after which others get their turn, even if none of them had to wait


class _Queue:
    """What waits for one receiver of one account, in order."""

    def __init__(self) -> None:
        self.queue: deque[tuple[Delivery, bool]] = deque()
        self.active = False


class _Host:
    """The receivers of one account at one host."""

    def __init__(self, key: tuple[str, str], deliveries: Deliveries) -> None:
        self.key = key
        self.deliveries = deliveries
        self.dispatcher: dict[str, _Queue] = {}
        self.waiting: deque[tuple[str, _Queue]] = deque()
        self.running = 0
        self.blocked = False  # waits for a place among all


class Dispatcher:
    """All that waits to be sent; `attempt` makes one attempt, or a copy of the first one."""

    def __init__(self, attempt: Callable[[Deliveries, Delivery, bool], Awaitable[None]]) -> None:
        self._attempt = attempt
        self._hosts: dict[tuple[str, str], _Host] = {}
        self._tasks: dict[asyncio.Task[None], Deliveries] = {}
        self._blocked: deque[_Host] = deque()

    def add(self, deliveries: Deliveries, delivery: Delivery, *, copy: bool = False) -> None:
        """Send it when those before it have been sent."""
        deliveries.busy += 1
        name, receiver = _places(delivery.planned.url)
        key = deliveries.live.stream, name
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(key, deliveries)
        lane = host.dispatcher.get(receiver)
        if lane is None:
            lane = host.dispatcher[receiver] = _Queue()
        lane.queue.append((delivery, copy))
        if not lane.active:
            lane.active = True
            host.waiting.append((receiver, lane))
            self._start(host)

    def _start(self, host: _Host) -> None:
        while host.waiting and host.running < AT_A_HOST:
            if len(self._tasks) >= IN_ALL:
                if not host.blocked:
                    host.blocked = True
                    self._blocked.append(host)
                return
            host.running += 1
            receiver, lane = host.waiting.popleft()
            task = asyncio.create_task(self._work(host, receiver, lane), name="webhooks")
            self._tasks[task] = host.deliveries
            task.add_done_callback(self._ended)

    async def _work(self, host: _Host, receiver: str, lane: _Queue) -> None:
        """Send what waits for this receiver, then for the others at the same host."""
        made = 0
        try:
            while True:
                delivery, copy = lane.queue.popleft()
                try:
                    await self._attempt(host.deliveries, delivery, copy)
                except Exception:  # our own mistake: it is told, and the others' callbacks go on
                    logger.exception("delivery %s could not be attempted", delivery.id)
                finally:
                    host.deliveries.busy -= 1
                    host.deliveries.live.signal.notify()
                made += 1
                if made % _TURN == 0:
                    await asyncio.sleep(0)
                if lane.queue:
                    host.waiting.append((receiver, lane))
                else:
                    lane.active = False
                    host.dispatcher.pop(receiver, None)
                if not host.waiting:
                    return
                receiver, lane = host.waiting.popleft()
        finally:
            host.running -= 1
            if not host.dispatcher and self._hosts.get(host.key) is host:
                del self._hosts[host.key]

    def at_once(self, deliveries: Deliveries, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Work for an account that waits for nobody, and is cut off with the rest of it."""
        task = asyncio.create_task(work, name="webhooks")
        self._tasks[task] = deliveries
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        while self._blocked and len(self._tasks) < IN_ALL:
            host = self._blocked.popleft()
            host.blocked = False
            self._start(host)

    def clear(self, deliveries: Deliveries) -> None:
        """Nothing of this account goes out any more: what waits is forgotten, what is on its way cut off."""
        for key in [key for key, host in self._hosts.items() if host.deliveries is deliveries]:
            host = self._hosts.pop(key)
            host.waiting.clear()
            for lane in host.dispatcher.values():
                deliveries.busy -= len(lane.queue)
                lane.queue.clear()
            host.dispatcher.clear()
        for task, owner in list(self._tasks.items()):
            if owner is deliveries:
                task.cancel()

    async def stop(self) -> None:
        """Cut off all that is on its way."""
        self._blocked.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _places(url: str) -> tuple[str, str]:
    """The host of an address, and the receiver: the address without its query [A]."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, url
    return f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}{parts.path}"
