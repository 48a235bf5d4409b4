"""What a log can do (house: one small interface, branches from the first day).

A stream is a row of acts. It may branch off from a parent at a position: then it begins with the parent's
acts up to there and its own positions go on from it. A pointer is a name for a stream: `account:demo`. A
stream that neither a pointer nor the ancestry of a pointed one needs is dropped by `sweep`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from mockserver.core.events import Record


class Append(Struct, frozen=True):
    """One act at the end of a stream; its position must be the next one."""

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
    """Forget a name."""

    name: str


Write: TypeAlias = Append | Branch | Point | Unpoint


class LogFailed(Exception):
    """The log can't be written; the text says why. Nothing of the commit has happened."""


class LogInUse(LogFailed):
    """Another process holds this log."""


class Log(Protocol):
    """A log. `volatile`: it ends with the process, so that a commit never waits and can't fail."""

    volatile: bool
    name: str  # what a person would call the place: `memory`, or the file

    async def open(self) -> None:
        """Make ready; LogInUse, LogFailed."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Keep all of it, or nothing (LogFailed). Without writes: try whether writing works."""

    def append(self, write: Write) -> None:
        """Keep it at once; volatile logs only."""

    def read(self, stream: str, after: int = 0) -> AsyncIterator[Record]:
        """The acts of a stream after a position, its ancestors' first."""

    async def branch(self, stream: str) -> Branch:
        """What a stream branched off from; LogFailed when it is not there."""

    async def pointers(self) -> Mapping[str, str]:
        """Every name and the stream it means."""

    async def sweep(self) -> None:
        """Drop the streams that nobody refers to."""

    async def close(self) -> None:
        """Let go of it."""
