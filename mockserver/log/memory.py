"""A log in memory: the acts themselves, kept as long as the process lives."""

from collections.abc import AsyncIterator, Mapping, Sequence

from mockserver.core.events import Record
from mockserver.log.interface import Append, Branch, LogFailed, Point, Unpoint, Write
from mockserver.log.streams import needed


class MemoryLog:
    """Commits at once; what it holds are the very objects that the state was made from."""

    volatile = True
    name = "memory"

    def __init__(self) -> None:
        self._branches: dict[str, Branch] = {}
        self._records: dict[str, list[Record]] = {}
        self._pointers: dict[str, str] = {}

    async def open(self) -> None:
        """Nothing to make ready."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Keep all of it."""
        for write in writes:
            self.append(write)

    def append(self, write: Write) -> None:
        """Keep it at once."""
        match write:
            case Append(stream, record):
                records = self._records[stream]
                expected = self._branches[stream].position + len(records) + 1
                if record.position != expected:
                    raise LogFailed(f"stream {stream} is not at position {record.position - 1}")
                records.append(record)
            case Branch(stream):
                self._branches[stream] = write
                self._records[stream] = []
            case Point(name, stream):
                self._pointers[name] = stream
                self._drop_unneeded()
            case Unpoint(name):
                del self._pointers[name]
                self._drop_unneeded()

    async def read(self, stream: str) -> AsyncIterator[Record]:
        """All acts of a stream, its ancestors' first."""
        for record in self._chain(stream):
            yield record

    def _chain(self, stream: str) -> list[Record]:
        branch = self._branches[stream]
        inherited = self._chain(branch.parent)[: branch.position] if branch.parent else []
        return inherited + self._records[stream]

    async def pointers(self) -> Mapping[str, str]:
        """Every name and the stream it means."""
        return dict(self._pointers)

    async def sweep(self) -> None:
        """Drop the streams that nobody refers to."""
        self._drop_unneeded()

    def _drop_unneeded(self) -> None:
        keep = needed(self._pointers.values(), {b.stream: b.parent for b in self._branches.values()})
        for stream in [stream for stream in self._branches if stream not in keep]:
            del self._branches[stream]
            del self._records[stream]

    async def close(self) -> None:
        """Nothing to let go of: what it holds lives as long as the object."""
