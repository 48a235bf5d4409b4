"""The one task that writes: what waits together shares one commit.

A write is applied to the state before it is durable; so each comes with its undo. When a commit fails, all
that was applied since is undone backwards, and everybody who waits for it is told.
"""

import asyncio
import logging
from collections.abc import Callable

from mockserver.log.interface import Log, LogFailed, Point, Unpoint, Write

logger = logging.getLogger(__name__)


class Batch:
    """Writes that share one commit, and those who wait for it."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.undo: list[Callable[[], None]] = []
        self.then: list[Callable[[], None]] = []  # once it is on disk
        self.settled = False
        self.failure: LogFailed | None = None
        self._event = asyncio.Event()

    async def ended(self) -> None:
        """Wait until it is on disk, or undone."""
        if not self.settled:
            await self._event.wait()

    async def durable(self) -> None:
        """Wait until it is on disk; LogFailed when it was undone."""
        await self.ended()
        if self.failure is not None:
            raise self.failure

    def settle(self, failure: LogFailed | None) -> None:
        """Tell those who wait how it ended."""
        self.settled = True
        self.failure = failure
        self._event.set()
        if failure is None:
            for told in self.then:
                try:
                    told()
                except Exception:  # our own mistake: it is told, but what is on disk stays
                    logger.exception("an act that is on disk could not be told")


class Writer:
    """Batches writes for a log that is not volatile."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._filling: Batch | None = None
        self._writing: Batch | None = None
        self._more = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.failure: LogFailed | None = None  # set while the log can't be written

    def start(self) -> None:
        """Begin to write; once."""
        if self._task is not None and not self._task.done():
            return
        self._task = asyncio.create_task(self._run(), name="log writer")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Should the task die by our own mistake, nobody waits for it for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the log writer has died", exc_info=error)
            batch, self._writing = self._writing or Batch(), None
            self._undo(batch, LogFailed(f"the log writer has died: {error}"))

    async def stop(self) -> None:
        """Write what waits, then end."""
        if self._task is None:
            return
        while batch := self._filling or self._writing:
            await batch.ended()
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])

    def add(
        self, writes: tuple[Write, ...], undo: Callable[[], None], then: Callable[[], None] | None = None
    ) -> Batch:
        """Take writes whose effect has been applied just now; `then` is called once they are on disk."""
        if self._filling is None:
            self._filling = Batch()
            self._more.set()
        batch = self._filling
        batch.writes.extend(writes)
        batch.undo.append(undo)
        if then is not None:
            batch.then.append(then)
        return batch

    @property
    def pending(self) -> Batch | None:
        """The last batch that is not on disk yet."""
        return self._filling or self._writing

    async def works(self) -> None:
        """While writing fails: try it, before anything is applied. LogFailed when it still does."""
        async with self._one_at_a_time:
            if self.failure is not None:
                await self._commit([])
                self.start()
                self.failure = None
                logger.warning("the log can be written again")

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            batch, self._filling = self._filling, None
            assert batch is not None, "woken without work"
            self._writing = batch
            try:
                async with self._one_at_a_time:
                    await self._commit(batch.writes)
            except LogFailed as failure:
                self._writing = None
                self._undo(batch, failure)
            else:
                self._writing = None
                batch.settle(None)
                await self._drop_if_moved(batch)

    async def _commit(self, writes: list[Write]) -> None:
        try:
            await self._log.commit(writes)
        except LogFailed:
            raise
        except Exception as error:  # whatever a store raises, nobody may wait for ever
            logger.exception("the log failed in a way it should not")
            raise LogFailed(f"the log can't be written: {error}") from error

    def _undo(self, failed: Batch, failure: LogFailed) -> None:
        """Take back all that was applied since the failed commit began, newest first."""
        self.failure = failure
        logger.error("%s", failure)
        later, self._filling = self._filling, None
        self._more.clear()
        for batch in (later, failed):
            if batch is not None:
                for undo in reversed(batch.undo):
                    undo()
        for batch in (failed, later):
            if batch is not None:
                batch.settle(failure)

    async def _drop_if_moved(self, batch: Batch) -> None:
        if any(isinstance(write, Point | Unpoint) for write in batch.writes):
            try:
                more = True
                while more:
                    async with self._one_at_a_time:
                        more = await self._log.sweep()
            except Exception as failure:  # what is left over is dropped next time; the task must live
                logger.warning("old streams were not dropped: %s", failure)


async def kept(batch: Batch | None) -> bool:
    """Wait until a batch has ended: whether it is on disk. None: there is nothing to wait for."""
    if batch is not None and not batch.settled:
        await batch.ended()
        return batch.failure is None
    return True


async def durable(batch: Batch | None) -> None:
    """Wait until a batch is on disk; LogFailed when it was undone. None: there is nothing to wait for."""
    if batch is not None:
        await batch.durable()
