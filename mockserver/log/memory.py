"""A log in memory: the acts themselves, kept as long as the process lives."""

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
    """Commits at once; what it holds are the very objects that the state was made from."""

    volatile = True
    name = "memory"

    def __init__(self) -> None:
        self._branches: dict[str, Branch] = {}
        self._records: dict[str, list[Record]] = {}
        self._pointers: dict[str, str] = {}
        self._summaries: dict[str, bytes] = {}

    async def open(self) -> None:
        """Nothing to make ready."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Keep all of it, or nothing."""
        self._check(writes)
        for write in writes:
            self._keep(write)

    def append(self, write: Write) -> None:
        """Keep it at once."""
        if isinstance(write, Append):  # as most are: it is sooner done
            if write.record.position != self._end(write.stream) + 1:
                raise PositionTaken(write.stream)
            self._records[write.stream].append(write.record)
            return
        self._check((write,))
        self._keep(write)

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

    def _keep(self, write: Write) -> None:
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
        """The records of a stream after a position, its ancestors' first."""
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
        """Nothing in memory is checked."""
        self._branch(stream)

    async def branch(self, stream: str) -> Branch:
        """What a stream branched off from."""
        return self._branch(stream)

    async def end(self, stream: str) -> int:
        """The last position of a stream."""
        return self._branch(stream).position + len(self._records[stream])

    async def pointers(self) -> Mapping[str, str]:
        """Every name and the stream it means."""
        return dict(self._pointers)

    async def summaries(self) -> Mapping[str, bytes]:
        """The summaries by the name of their pointer."""
        return dict(self._summaries)

    async def checkpoint(self, stream: str) -> CheckpointHead | None:
        """There is none: nothing is ever opened from a log in memory."""
        return None

    async def read_checkpoint(self, stream: str) -> AsyncIterator[list[CheckpointRow]]:
        """No rows."""
        none: list[list[CheckpointRow]] = []
        for rows in none:
            yield rows

    async def write_checkpoint(
        self, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
    ) -> None:
        """It is not kept."""

    async def drop_checkpoint(self, stream: str) -> None:
        """There is none."""

    async def sweep(self) -> bool:
        """Drop the streams that nobody refers to."""
        self._drop_unneeded()
        return False

    def _drop_unneeded(self) -> None:
        keep = needed(self._pointers.values(), {b.stream: b.parent for b in self._branches.values()})
        for stream in [stream for stream in self._branches if stream not in keep]:
            del self._branches[stream]
            del self._records[stream]

    async def close(self) -> None:
        """Nothing to let go of: what it holds lives as long as the object."""
