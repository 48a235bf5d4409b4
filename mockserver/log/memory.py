"""A log in memory. It stores the records themselves, for as long as the process runs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from sys import maxsize

from mockserver.core.events import Record
from mockserver.log.interface import (
    Append,
    Branch,
    CheckpointHead,
    CheckpointRow,
    LogFailed,
    Point,
    PositionTaken,
    Summary,
    Unpoint,
    Write,
    WriteRefused,
)
from mockserver.log.streams import needed


class MemoryLog:
    """A log that commits at once. It shares the records with the state that was made from them."""

    volatile = True
    name = "memory"

    def __init__(self) -> None:
        self._branches: dict[str, Branch] = {}
        self._records: dict[str, list[Record]] = {}
        self._pointers: dict[str, str] = {}
        self._summaries: dict[str, bytes] = {}

    async def open(self) -> None:
        """Do nothing: a log in memory is always open."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it or nothing."""
        self._check(writes)
        for write in writes:
            self._store(write)

    def append(self, write: Write) -> None:
        """Write at once."""
        if isinstance(write, Append):  # the most frequent write has a short cut
            if write.record.position != self._end(write.stream) + 1:
                raise PositionTaken(write.stream)
            self._records[write.stream].append(write.record)
            return
        self._check((write,))
        self._store(write)

    def _check(self, writes: Sequence[Write]) -> None:
        ends: dict[str, int] = {}  # of the streams that these writes make or lengthen

        def end(stream: str) -> int:
            if stream not in ends:
                ends[stream] = self._end(stream)
            return ends[stream]

        for write in writes:
            match write:
                case Append(stream, record):
                    if record.position != end(stream) + 1:
                        raise PositionTaken(stream)
                    ends[stream] = record.position
                case Branch(stream, parent, position):
                    if stream in ends or stream in self._branches:
                        raise WriteRefused(f"stream {stream} exists already")
                    if parent is not None and position > end(parent):
                        raise PositionTaken(parent)
                    ends[stream] = position
                case Point(_, stream):
                    end(stream)

    def _end(self, stream: str) -> int:
        if stream not in self._branches:
            raise PositionTaken(stream)
        return self._branches[stream].position + len(self._records[stream])

    def _store(self, write: Write) -> None:
        match write:
            case Append(stream, record):
                self._records[stream].append(record)
            case Branch(stream):
                self._branches[stream] = write
                self._records[stream] = []
            case Point(name, stream):
                self._pointers[name] = stream
                self._drop_unneeded()
            case Unpoint(name):
                self._pointers.pop(name, None)
                self._summaries.pop(name, None)
                self._drop_unneeded()
            case Summary(name, body):
                self._summaries[name] = body

    async def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """Yield the records of a stream after a position, its ancestors' first."""
        for record in self._chain(stream, after):
            yield record

    def _chain(self, stream: str, after: int) -> list[Record]:
        parts: list[list[Record]] = []
        walk: str | None = stream
        last = maxsize
        while walk is not None:
            branch = self._branch(walk)
            parts.append(
                self._records[walk][max(0, after - branch.position) : max(0, last - branch.position)]
            )
            walk, last = branch.parent, min(last, branch.position)
        return parts[0] if len(parts) == 1 else [record for part in reversed(parts) for record in part]

    def _branch(self, stream: str) -> Branch:
        if stream not in self._branches:
            raise LogFailed(f"stream {stream} is not there any more")
        return self._branches[stream]

    async def verify(self, stream: str, upto: int) -> None:
        """Do nothing but check that the stream exists: memory needs no checksums."""
        self._branch(stream)

    async def branch(self, stream: str) -> Branch:
        """Return where a stream branched off."""
        return self._branch(stream)

    async def end(self, stream: str) -> int:
        """Return the last position of a stream."""
        return self._branch(stream).position + len(self._records[stream])

    async def pointers(self) -> Mapping[str, str]:
        """Return the stream of each pointer by name."""
        return dict(self._pointers)

    async def summaries(self) -> Mapping[str, bytes]:
        """Return the summaries by the name of their pointer."""
        return dict(self._summaries)

    async def checkpoint(self, stream: str) -> CheckpointHead | None:
        """Return None: no account is ever opened from a log in memory, so it has no checkpoints."""
        return None

    async def read_checkpoint(self, stream: str) -> AsyncIterator[list[CheckpointRow]]:
        """Yield nothing: a log in memory has no checkpoints."""
        none: list[list[CheckpointRow]] = []
        for rows in none:
            yield rows

    async def write_checkpoint(
        self, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
    ) -> None:
        """Do nothing: a log in memory has no checkpoints."""

    async def drop_checkpoint(self, stream: str) -> None:
        """Do nothing: there is no checkpoint to delete."""

    async def sweep(self) -> bool:
        """Delete the unreferenced streams."""
        self._drop_unneeded()
        return False

    def _drop_unneeded(self) -> None:
        keep = needed(self._pointers.values(), {b.stream: b.parent for b in self._branches.values()})
        for stream in [stream for stream in self._branches if stream not in keep]:
            del self._branches[stream]
            del self._records[stream]

    async def close(self) -> None:
        """Do nothing: the data lives as long as this object."""
