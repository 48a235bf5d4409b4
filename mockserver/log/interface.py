"""The interface of a log: one small interface for every kind of storage.

A stream is a sequence of records (acts), numbered from 1. It may branch off from a parent at a position: then
it begins with the parent's records up to this position, and its own records follow. A pointer is a name for a
stream, such as `account:demo`. `sweep` deletes streams that have no pointer and that are not ancestors of a
stream with a pointer.

Each record is stored with a checksum of the previous record's checksum and its own bytes. At a branch the
chain continues from the parent's checksum at that position.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from mockserver.core.events import Record


class Append(Struct, frozen=True):
    """Append a record to a stream. Its position must be the next one."""

    stream: str
    record: Record


class Branch(Struct, frozen=True):
    """Create a stream: a root without a parent, or a stream that continues from `position` of `parent`."""

    stream: str
    parent: str | None = None
    position: int = 0


class Point(Struct, frozen=True):
    """Point a name at this stream."""

    name: str
    stream: str


class Unpoint(Struct, frozen=True):
    """Delete a pointer and its summary."""

    name: str


class Summary(Struct, frozen=True):
    """Store the summary of the account of this pointer, for the list of accounts."""

    name: str
    body: bytes


Write: TypeAlias = Append | Branch | Point | Unpoint | Summary


class CheckpointRow(Struct, frozen=True):
    """One value of the fold of a stream. None as body removes the value."""

    kind: str
    key: str
    body: bytes | None


class CheckpointHead(Struct, frozen=True):
    """The position up to which a checkpoint's rows are the fold of their stream, and the code's version."""

    position: int
    version: str


class LogFailed(Exception):
    """The log can't be read or written, and the text says why. A failed commit has written nothing."""


class Stopping(LogFailed):
    """The server stops, and does not open or load any more."""


class LogInUse(LogFailed):
    """Another process uses this log."""


class WriteRefused(LogFailed):
    """These writes can't be stored, but the log itself works."""


class PositionTaken(WriteRefused):
    """The stream does not end right before this record: another writer was faster, or it was deleted."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"another process has extended or deleted stream {stream}")
        self.stream = stream


class RecordDamaged(LogFailed):
    """A record is missing, or is not what was written."""

    def __init__(self, log: str, stream: str, position: int, why: str) -> None:
        super().__init__(f"{log} is damaged in stream {stream} at position {position}: {why}")
        self.stream = stream
        self.position = position


class CheckpointDamaged(LogFailed):
    """The rows of a checkpoint are not what was written. The records must be read instead."""

    def __init__(self, log: str, stream: str, why: str) -> None:
        super().__init__(f"{log}: the checkpoint of stream {stream} is damaged: {why}")
        self.stream = stream


class Log(Protocol):
    """A log. A `volatile` one ends with the process, so a commit does not wait and can't fail."""

    volatile: bool
    name: str  # for messages: `memory`, or the path of the file

    async def open(self) -> None:
        """Open the log. Raise LogInUse or LogFailed."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it or nothing. Raise PositionTaken, WriteRefused or LogFailed.

        Without writes, test whether the log can be written.
        """

    def append(self, write: Write) -> None:
        """Write at once, without suspending. Only a volatile log can do this."""

    def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """Yield the records of a stream after a position, its ancestors' first, and verify their checksums.

        Raise RecordDamaged at the first damaged record, and LogFailed if the stream does not exist.
        """

    async def verify(self, stream: str, upto: int) -> None:
        """Verify the chain of a stream up to a position without decoding records. Raise RecordDamaged."""

    async def branch(self, stream: str) -> Branch:
        """Return where a stream branched off. Raise LogFailed if it does not exist."""

    async def end(self, stream: str) -> int:
        """Return the last position of a stream. Raise LogFailed if it does not exist."""

    async def pointers(self) -> Mapping[str, str]:
        """Return the stream of each pointer by name. For a damaged pointer, the stream does not exist."""

    async def summaries(self) -> Mapping[str, bytes]:
        """Return the summaries by the name of their pointer, without damaged ones."""

    async def checkpoint(self, stream: str) -> CheckpointHead | None:
        """Return the head of the complete checkpoint of a stream; None if there is none or it is damaged."""

    def read_checkpoint(self, stream: str) -> AsyncIterator[list[CheckpointRow]]:
        """Yield the rows of the complete checkpoint of a stream, in chunks. Raise CheckpointDamaged.

        Missing rows are detected at the end only.
        """

    async def write_checkpoint(
        self, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
    ) -> None:
        """Add, replace and remove rows and set the head, in one write.

        Without a head more parts must follow: until then the stream has no complete checkpoint. An incomplete
        checkpoint is lost when the log is closed. Call `drop_checkpoint` before writing it anew.
        """

    async def drop_checkpoint(self, stream: str) -> None:
        """Delete the checkpoint of a stream, complete or not."""

    async def sweep(self) -> bool:
        """Delete unreferenced data for about 20 milliseconds. Return whether there is more to do."""

    async def close(self) -> None:
        """Close the log."""
