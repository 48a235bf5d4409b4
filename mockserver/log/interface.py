"""What a log can do: one small interface for every place where records are kept.

A stream is a sequence of records (acts), numbered from 1. It may branch off from a parent at a position: then
it begins with the parent's records up to there, and its own positions go on from it. A pointer is a name for
a stream: `account:demo`. A stream that neither a pointer nor the ancestry of a pointed one needs is dropped
by `sweep`.

Each record is kept with a checksum over the checksum of the record before it and its own bytes. At a branch
the chain goes on from the parent's checksum at that position.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from mockserver.core.events import Record


class Append(Struct, frozen=True):
    """One record at the end of a stream; its position must be the next one."""

    stream: str
    record: Record


class Branch(Struct, frozen=True):
    """A new stream: a root (no parent), or one that goes on from `position` of `parent`."""

    stream: str
    parent: str | None = None
    position: int = 0


class Point(Struct, frozen=True):
    """Let a name mean this stream from now on."""

    name: str
    stream: str


class Unpoint(Struct, frozen=True):
    """Forget a name, and the summary under it."""

    name: str


class Summary(Struct, frozen=True):
    """What the list of accounts says of the account of this pointer."""

    name: str
    body: bytes


Write: TypeAlias = Append | Branch | Point | Unpoint | Summary


class CheckpointRow(Struct, frozen=True):
    """One value of the fold of a stream. Without a body: there is no such value any more."""

    kind: str
    key: str
    body: bytes | None


class CheckpointHead(Struct, frozen=True):
    """Up to which position the rows are the fold of their stream, and which code made them."""

    position: int
    version: str


class LogFailed(Exception):
    """The log can't be read or written; the text says why. Nothing of the commit has happened."""


class LogInUse(LogFailed):
    """Another process holds this log."""


class WriteRefused(LogFailed):
    """These writes can't be kept; the log itself works."""


class PositionTaken(WriteRefused):
    """The stream does not end right before this record: another writer was faster, or it was dropped."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"stream {stream} has gone on without this process, or was dropped")
        self.stream = stream


class RecordDamaged(LogFailed):
    """A record is not what was written there, or is missing."""

    def __init__(self, log: str, stream: str, position: int, why: str) -> None:
        super().__init__(f"{log} is damaged in stream {stream} at position {position}: {why}")
        self.stream = stream
        self.position = position


class CheckpointDamaged(LogFailed):
    """The rows of a checkpoint are not what was written: the records must be read instead."""

    def __init__(self, log: str, stream: str, why: str) -> None:
        super().__init__(f"{log}: the checkpoint of stream {stream} is damaged: {why}")
        self.stream = stream


class Log(Protocol):
    """A log. `volatile`: it ends with the process, so that a commit never waits and can't fail."""

    volatile: bool
    name: str  # what a person would call the place: `memory`, or the file

    async def open(self) -> None:
        """Make ready; LogInUse, LogFailed."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Keep all of it, or nothing: PositionTaken, WriteRefused, LogFailed.

        Without writes: try whether writing works.
        """

    def append(self, write: Write) -> None:
        """Keep it at once; volatile logs only."""

    def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """The records of a stream after a position, its ancestors' first, each checked by its checksum.

        RecordDamaged at the first that does not fit; LogFailed when the stream is not there.
        """

    async def verify(self, stream: str, upto: int) -> None:
        """Check the chain of a stream's records up to a position without decoding them; RecordDamaged."""

    async def branch(self, stream: str) -> Branch:
        """What a stream branched off from; LogFailed when it is not there."""

    async def end(self, stream: str) -> int:
        """The last position of a stream; LogFailed when it is not there."""

    async def pointers(self) -> Mapping[str, str]:
        """Every name and the stream it means. The stream of a damaged pointer is missing."""

    async def summaries(self) -> Mapping[str, bytes]:
        """The summaries by the name of their pointer; damaged ones are left out."""

    async def checkpoint(self, stream: str) -> CheckpointHead | None:
        """The head of the complete checkpoint of a stream; None: there is none, or it is damaged."""

    def read_checkpoint(self, stream: str) -> AsyncIterator[list[CheckpointRow]]:
        """The rows of the complete checkpoint of a stream, in chunks; CheckpointDamaged.

        Only at the end is it certain that all rows are there.
        """

    async def write_checkpoint(
        self, stream: str, rows: Sequence[CheckpointRow], head: CheckpointHead | None
    ) -> None:
        """Add, replace and remove rows, and set the head, at once.

        Without a head more parts follow: until then the stream has no complete checkpoint. What was begun and
        not completed is lost when the log is closed; who begins anew before that drops it first.
        """

    async def drop_checkpoint(self, stream: str) -> None:
        """Forget the checkpoint of a stream, complete or not."""

    async def sweep(self) -> bool:
        """Drop a part of what nobody refers to, in about 20 milliseconds; whether there is more to do."""

    async def close(self) -> None:
        """Let go of it."""
