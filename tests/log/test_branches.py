"""Both logs against a plain model: streams, branches of branches, names, and what is dropped."""

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockserver.core.events import Record
from mockserver.log.interface import Append, Branch, Log, LogFailed, Point, Unpoint, Write
from mockserver.log.memory import MemoryLog
from mockserver.log.sqlite import SQLiteLog

T = TypeVar("T")

NAMES = st.sampled_from(["account:a", "account:b", "snapshot:a:x", "snapshot:a:y"])
SOME = st.integers(0, 10**6)  # taken modulo what there is
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Logs(RuleBasedStateMachine):
    """`streams` is the model: the acts of each stream, its ancestors' first, as texts."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.exit = contextlib.ExitStack()
        self.streams: dict[str, list[str]] = {}
        self.parents: dict[str, str | None] = {}
        self.names: dict[str, str] = {}
        self.acts = 0
        self.made = 0
        self.log = self.first()
        self.run(self.log.open())

    def first(self) -> Log:
        raise NotImplementedError

    def reopened(self) -> Log:
        """The log as another process would find it."""
        raise NotImplementedError

    def kept(self) -> set[str]:
        """The streams that take room in the log."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.log.close())
        self.exit.close()
        self.loop.close()

    # the model

    def needed(self) -> list[str]:
        """The streams that a name means, and their ancestors."""
        found: dict[str, None] = {}
        for stream in self.names.values():
            walk: str | None = stream
            while walk is not None:
                found[walk] = None
                walk = self.parents[walk]
        return list(found)

    def forget(self) -> None:
        needed = self.needed()
        self.streams = {stream: self.streams[stream] for stream in needed}
        self.parents = {stream: self.parents[stream] for stream in needed}

    def fresh(self) -> str:
        self.made += 1
        return f"stream {self.made}"

    def act(self, position: int) -> Record:
        self.acts += 1
        return Record(position, AT, f"cause {self.acts}", "rule", ())

    def append(self, stream: str) -> Append:
        acts = self.streams[stream]
        record = self.act(len(acts) + 1)
        acts.append(record.cause)
        return Append(stream, record)

    def any(self, pick: int) -> str:
        needed = self.needed()
        return needed[pick % len(needed)]

    # what can happen

    def root_of(self, name: str, acts: int) -> list[Write]:
        """A birth or a reset."""
        stream = self.fresh()
        self.streams[stream], self.parents[stream] = [], None
        self.names[name] = stream
        return [Branch(stream), *(self.append(stream) for _ in range(acts)), Point(name, stream)]

    @initialize()
    def first_root(self) -> None:
        self.run(self.log.commit(self.root_of("account:a", 3)))

    @rule(name=NAMES, acts=st.integers(0, 3))
    def root(self, name: str, acts: int) -> None:
        self.run(self.log.commit(self.root_of(name, acts)))

    @precondition(lambda self: self.names)
    @rule(name=NAMES, pick=SOME, at=SOME, acts=st.integers(0, 3))
    def branch(self, name: str, pick: int, at: int, acts: int) -> None:
        """From any act of any stream that is kept: a snapshot that is restored, a fork, a dry run."""
        parent = self.any(pick)
        position = at % (len(self.streams[parent]) + 1)
        stream = self.fresh()
        self.streams[stream] = self.streams[parent][:position]
        self.parents[stream] = parent
        self.names[name] = stream
        begun = Branch(stream, parent, position)
        writes: list[Write] = [begun, *(self.append(stream) for _ in range(acts)), Point(name, stream)]
        self.run(self.log.commit(writes))

    @precondition(lambda self: self.names)
    @rule(name=NAMES, pick=SOME)
    def point(self, name: str, pick: int) -> None:
        """A second name for a stream, or another stream for a name."""
        stream = self.any(pick)
        self.names[name] = stream
        self.run(self.log.commit([Point(name, stream)]))

    @precondition(lambda self: self.names)
    @rule(picks=st.lists(SOME, min_size=1, max_size=6))
    def write(self, picks: list[int]) -> None:
        """Acts in several streams, parents too, in one commit."""
        writes: list[Write] = [self.append(self.any(pick)) for pick in picks]
        self.run(self.log.commit(writes))

    @rule(name=NAMES)
    def unpoint(self, name: str) -> None:
        """Also a name that there is not."""
        self.names.pop(name, None)
        self.run(self.log.commit([Unpoint(name)]))

    @rule()
    def sweep(self) -> None:
        while self.run(self.log.sweep()):
            pass
        self.forget()
        assert self.kept() == set(self.streams)

    @rule()
    def reopen(self) -> None:
        self.run(self.log.close())
        self.log = self.reopened()
        self.run(self.log.open())

    @rule()
    def nothing(self) -> None:
        self.run(self.log.commit([]))

    # what is refused, with all that stands beside it

    @precondition(lambda self: self.names)
    @rule(pick=SOME, off=st.sampled_from([-2, -1, 1, 2]), name=NAMES, last=st.booleans())
    def wrong_position(self, pick: int, off: int, name: str, last: bool) -> None:
        stream = self.any(pick)
        wrong = Append(stream, self.act(len(self.streams[stream]) + 1 + off))
        self.refused(stream, name, wrong, last)

    @precondition(lambda self: self.names)
    @rule(pick=SOME, name=NAMES, last=st.booleans())
    def taken_stream(self, pick: int, name: str, last: bool) -> None:
        stream = self.any(pick)
        self.refused(stream, name, Branch(stream), last)

    @precondition(lambda self: self.names)
    @rule(pick=SOME, name=NAMES, last=st.booleans())
    def unknown_stream(self, pick: int, name: str, last: bool) -> None:
        self.refused(self.any(pick), name, Append("nowhere", self.act(1)), last)

    def refused(self, stream: str, name: str, wrong: Write, last: bool) -> None:
        other = self.any(self.acts)
        good: list[Write] = [Branch("never"), Append("never", self.act(1)), Point(name, "never")]
        if other != stream:
            good.append(Append(other, self.act(len(self.streams[other]) + 1)))
        writes = [*good, wrong] if last else [wrong, *good]
        with pytest.raises(LogFailed):
            self.run(self.log.commit(writes))

    # what must hold

    @invariant()
    def the_log_is_the_model(self) -> None:
        async def content() -> tuple[dict[str, str], dict[str, list[Record]]]:
            streams = {stream: [record async for record in self.log.read(stream)] for stream in self.needed()}
            return dict(await self.log.pointers()), streams

        names, streams = self.run(content())
        assert names == self.names
        for stream, records in streams.items():
            assert [record.cause for record in records] == self.streams[stream]
            assert [record.position for record in records] == list(range(1, len(records) + 1))


class InMemory(Logs):
    def first(self) -> Log:
        return MemoryLog()

    def reopened(self) -> Log:
        return self.log

    def kept(self) -> set[str]:
        assert isinstance(self.log, MemoryLog)
        assert set(self.log._records) == set(self.log._branches)
        return set(self.log._branches)


class InFile(Logs):
    def first(self) -> Log:
        self.file = Path(self.exit.enter_context(tempfile.TemporaryDirectory())) / "log.db"
        return SQLiteLog(self.file)

    def reopened(self) -> Log:
        return SQLiteLog(self.file)

    def kept(self) -> set[str]:
        async def query(text: str) -> set[str]:
            assert isinstance(self.log, SQLiteLog)
            async with self.log.db.execute(text) as cursor:
                return {row[0] for row in await cursor.fetchall()}

        streams = self.run(query("select id from streams"))
        assert self.run(query("select stream from records")) <= streams
        return streams


_examples = settings().max_examples
TestInMemory = InMemory.TestCase
TestInMemory.settings = settings(max_examples=_examples, stateful_step_count=40, deadline=None)
TestInFile = InFile.TestCase
# each step is a flush to the disk
TestInFile.settings = settings(max_examples=_examples // 4, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_long_row_of_branches(kind: str, tmp_path: Path) -> None:
    """As by restoring a snapshot of what was restored, again and again."""
    log: Log = MemoryLog() if kind == "memory" else SQLiteLog(tmp_path / "log.db")
    depth = 3000

    async def story() -> list[int]:
        await log.open()
        writes: list[Write] = [Branch("0"), Append("0", Record(1, AT, "", "", ()))]
        for number in range(1, depth):
            writes.append(Branch(str(number), str(number - 1), number))
            writes.append(Append(str(number), Record(number + 1, AT, "", "", ())))
        await log.commit([*writes, Point("account:a", str(depth - 1))])
        await log.sweep()
        positions = [record.position async for record in log.read(str(depth - 1))]
        await log.close()
        return positions

    assert asyncio.run(story()) == list(range(1, depth + 1))
