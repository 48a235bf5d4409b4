"""Who may send when: one at a time to a receiver [A], a few at a time to a host, a bounded number in all."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from urllib.parse import urlsplit

from mockserver.webhooks.desk import Delivery, Desk

logger = logging.getLogger(__name__)

AT_A_HOST = 8  # attempts at once from one account to one host
IN_ALL = 256  # attempts at once of the whole server: tasks and sockets
_TURN = 32  # attempts after which others get their turn, even if none of them had to wait


class _Lane:
    """What waits for one receiver of one account, in order."""

    def __init__(self) -> None:
        self.queue: deque[tuple[Delivery, bool]] = deque()
        self.active = False


class _Host:
    """The receivers of one account at one host."""

    def __init__(self, key: tuple[str, str], desk: Desk) -> None:
        self.key = key
        self.desk = desk
        self.lanes: dict[str, _Lane] = {}
        self.waiting: deque[tuple[str, _Lane]] = deque()
        self.running = 0
        self.blocked = False  # waits for a place among all


class Lanes:
    """All that waits to be sent; `attempt` makes one attempt, or a copy of the first one."""

    def __init__(self, attempt: Callable[[Desk, Delivery, bool], Awaitable[None]]) -> None:
        self._attempt = attempt
        self._hosts: dict[tuple[str, str], _Host] = {}
        self._tasks: dict[asyncio.Task[None], Desk] = {}
        self._blocked: deque[_Host] = deque()

    def add(self, desk: Desk, delivery: Delivery, *, copy: bool = False) -> None:
        """Send it when those before it have been sent."""
        desk.busy += 1
        name, receiver = _places(delivery.planned.url)
        key = desk.book.stream, name
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(key, desk)
        lane = host.lanes.get(receiver)
        if lane is None:
            lane = host.lanes[receiver] = _Lane()
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
            self._tasks[task] = host.desk
            task.add_done_callback(self._ended)

    async def _work(self, host: _Host, receiver: str, lane: _Lane) -> None:
        """Send what waits for this receiver, then for the others at the same host."""
        made = 0
        try:
            while True:
                delivery, copy = lane.queue.popleft()
                try:
                    await self._attempt(host.desk, delivery, copy)
                except Exception:  # our own mistake: it is told, and the others' callbacks go on
                    logger.exception("delivery %s could not be attempted", delivery.id)
                finally:
                    host.desk.busy -= 1
                    host.desk.book.signal.notify()
                made += 1
                if made % _TURN == 0:
                    await asyncio.sleep(0)
                if lane.queue:
                    host.waiting.append((receiver, lane))
                else:
                    lane.active = False
                    host.lanes.pop(receiver, None)
                if not host.waiting:
                    return
                receiver, lane = host.waiting.popleft()
        finally:
            host.running -= 1
            if not host.lanes and self._hosts.get(host.key) is host:
                del self._hosts[host.key]

    def at_once(self, desk: Desk, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Work for an account that waits for nobody, and is cut off with the rest of it."""
        task = asyncio.create_task(work, name="webhooks")
        self._tasks[task] = desk
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        while self._blocked and len(self._tasks) < IN_ALL:
            host = self._blocked.popleft()
            host.blocked = False
            self._start(host)

    def clear(self, desk: Desk) -> None:
        """Nothing of this account goes out any more: what waits is forgotten, what is on its way cut off."""
        for key in [key for key, host in self._hosts.items() if host.desk is desk]:
            host = self._hosts.pop(key)
            host.waiting.clear()
            for lane in host.lanes.values():
                desk.busy -= len(lane.queue)
                lane.queue.clear()
            host.lanes.clear()
        for task, owner in list(self._tasks.items()):
            if owner is desk:
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
