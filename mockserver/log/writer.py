"""The writer of a log: one task, in which all writes that wait share the next commit.

A write is applied to the state before it is durable, so it has an undo function. Writes belong to an owner,
which is an account. If the log refuses the data of one owner, the writes of this owner are undone, and all
others are kept. If the log can't be written at all, everything that is not durable is undone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mockserver.log.interface import Log, LogFailed, Write, WriteRefused

logger = logging.getLogger(__name__)

Undo = Callable[[LogFailed], None]  # gets the reason


class Pending:
    """The writes of one owner in one commit, which callers can wait for."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.writes: list[Write] = []
        self.undo: list[Undo] = []
        self.then: list[Callable[[], None]] = []  # called once the writes are durable
        self.settled = False
        self.failure: LogFailed | None = None
        self._event = asyncio.Event()

    async def ended(self) -> None:
        """Wait until the writes are durable, or undone."""
        if not self.settled:
            await self._event.wait()

    async def durable(self) -> None:
        """Wait until the writes are durable. Raise LogFailed if they were undone."""
        await self.ended()
        if self.failure is not None:
            raise self.failure

    def settle(self, failure: LogFailed | None) -> None:
        """End the wait. Without a failure the writes are durable, and the `then` functions are called."""
        self.settled = True
        self.failure = failure
        self._event.set()
        if failure is None:
            for then in self.then:
                try:
                    then()
                except Exception:  # a bug; the writes are durable nevertheless
                    logger.exception("a durable act could not be published")


Commit = dict[str, Pending]  # by owner


class Writer:
    """Batches the writes to a log that is not volatile."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._filling: Commit = {}
        self._writing: Commit = {}
        self._more = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.failure: LogFailed | None = None  # set while the log can't be written

    def start(self) -> None:
        """Start the task that writes, if it is not running."""
        if self._task is not None and not self._task.done():
            return
        self._task = asyncio.create_task(self._run(), name="log writer")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Undo all waiting writes if a bug has ended the task, so that no caller waits for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the log writer has died", exc_info=error)
            self._fail(LogFailed(f"the log writer has died: {error}"))

    async def stop(self) -> None:
        """Write what is waiting, then end the task."""
        if self._task is None:
            return
        while waiting := self._waiting():
            await waiting[0].ended()
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])

    def add(
        self, owner: str, writes: tuple[Write, ...], undo: Undo, then: Callable[[], None] | None = None
    ) -> Pending:
        """Add writes whose effect has just been applied. `then` is called once they are durable."""
        if not self._filling:
            self._more.set()
        pending = self._filling.get(owner)
        if pending is None:
            pending = self._filling[owner] = Pending(owner)
        pending.writes.extend(writes)
        pending.undo.append(undo)
        if then is not None:
            pending.then.append(then)
        return pending

    async def kept(self) -> bool:
        """Wait for all writes that are waiting now, and return whether all of them became durable."""
        waiting = self._waiting()
        for pending in waiting:
            await pending.ended()
        return all(pending.failure is None for pending in waiting)

    def _waiting(self) -> list[Pending]:
        return [
            pending
            for commit in (self._writing, self._filling)
            for pending in commit.values()
            if not pending.settled
        ]

    async def works(self) -> None:
        """After a failure, test whether the log can be written again. Raise LogFailed if it can't."""
        async with self._one_at_a_time:
            if self.failure is not None:
                await self._commit([])
                self.start()
                self.failure = None
                logger.warning("the log can be written again")

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Hold commits back, for work on the log that must not be in the same transaction."""
        async with self._one_at_a_time:
            yield

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            self._writing, self._filling = self._filling, {}
            async with self._one_at_a_time:
                await self._write(list(self._writing.values()))
            self._writing = {}

    async def _write(self, together: list[Pending]) -> None:
        """Commit all of it. If the log refuses a part, commit the writes of each owner separately."""
        try:
            await self._commit([write for pending in together for write in pending.writes])
        except WriteRefused as refused:
            if len(together) == 1:
                self._undo(together, refused)
                return
            for pending in together:
                if not pending.settled:  # a failure of the whole log settles all of them
                    await self._write([pending])
        except LogFailed as failure:
            self._fail(failure)
        else:
            for pending in together:
                pending.settle(None)

    async def _commit(self, writes: list[Write]) -> None:
        try:
            await self._log.commit(writes)
        except LogFailed:
            raise
        except Exception as error:  # otherwise callers would wait for ever
            logger.exception("the log failed in a way it should not")
            raise LogFailed(f"the log can't be written: {error}") from error

    def _fail(self, failure: LogFailed) -> None:
        """Undo everything that is not durable, because the log can't be written."""
        self.failure = failure
        self._undo(self._waiting(), failure)

    def _undo(self, failed: list[Pending], failure: LogFailed) -> None:
        """Undo what these owners have applied and is not durable, the newest first."""
        logger.error("%s", failure)
        undone: list[Pending] = []
        for owner in dict.fromkeys(pending.owner for pending in failed):
            for commit in (self._filling, self._writing):
                pending = commit.get(owner)
                if pending is not None and not pending.settled:
                    undone.append(pending)
                    for undo in reversed(pending.undo):
                        undo(failure)
            self._filling.pop(owner, None)
        if not self._filling:
            self._more.clear()
        for pending in undone:
            pending.settle(failure)


async def kept(pending: Pending | None) -> bool:
    """Wait until a write has ended, and return whether it is durable. With None there is no wait."""
    if pending is not None and not pending.settled:
        await pending.ended()
        return pending.failure is None
    return True


async def durable(pending: Pending | None) -> None:
    """Wait until a write is durable. Raise LogFailed if it was undone. With None there is no wait."""
    if pending is not None:
        await pending.durable()
