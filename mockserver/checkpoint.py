"""Checkpoints: the fold of a stream as rows of the log, so that an account opens without a full fold.

A checkpoint is a cache. It is written in the background. It is discarded when a row is damaged, and when
other code made it than the code that reads it.

Aggregates are pickled. When an account is opened they stay packed; each is unpacked when it is first read
(`state.LazyTable`). Values that many aggregates share, such as settings, are rows of their own. The keys of
these rows are digests of their bytes, so that equal bytes of two aggregates always mean equal aggregates.
Unpickling creates only values of `mockserver.core` and of a few plain types, so a file from another source
can't run code.

Billograms, payments, billing tabs and their rows are stored in segments: rows that contain many aggregates,
and in columns the values for the indexes. A changed aggregate is added again in a later segment. When too
many aggregates in the segments are out of date, the checkpoint is written anew.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import blake2b
from io import BytesIO
from itertools import count, islice, repeat
from pathlib import Path
from pickle import Pickler, Unpickler, UnpicklingError
from time import perf_counter
from typing import Any, cast

from msgspec import DecodeError, Struct, msgpack

from mockserver.core import model
from mockserver.core.agenda import Due
from mockserver.core.callbacks import Planned
from mockserver.core.model import Picture, Recipient
from mockserver.core.settings import Settings
from mockserver.core.state import (
    ACCOUNT,
    BILLOGRAM,
    CUSTOMER,
    CUSTOMER_TABS,
    EFAKTURA,
    ITEM,
    OFFER,
    OUTCOMES,
    PAYMENT,
    PICTURE,
    REPORT,
    REPORT_PLAN,
    SOURCE,
    TAB,
    TAB_ROW,
    BillogramEntries,
    LazyTable,
    Packed,
    PaymentEntries,
    State,
    TabEntries,
    TabRowEntries,
    billogram_entries,
    payment_entries,
    tab_entries,
    tab_row_entries,
)
from mockserver.log.interface import CheckpointDamaged, CheckpointHead, CheckpointRow, Log

SLICE = 0.005  # seconds of work after which other requests get their turn
_TOGETHER = 2**19  # bytes in one write
_IN_SEGMENT = 200  # aggregates: packing them takes about as long as a slice
_OUT_OF_DATE = 1000  # aggregates that segments may have beyond twice the current number
_AT_ONCE = 2000  # values; up to this number all are in one write, and the checkpoint is always complete

_PLANNED, _LETTERS, _VALUES = "planned", "letters", "shared"
_WHOLE = (
    OUTCOMES,
    PICTURE,
    REPORT,
    REPORT_PLAN,
    OFFER,
    EFAKTURA,
)  # small tables whose order matters: one row each
_LAZY = (CUSTOMER, ITEM, BILLOGRAM, PAYMENT, TAB, TAB_ROW, CUSTOMER_TABS)
_SHARED_TYPES = frozenset({Settings, Picture, Recipient})
_PLAIN_TYPES = {
    ("decimal", "Decimal"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("msgspec._utils", "rebuild"),  # how msgspec pickles a struct with keyword-only members
    ("msgspec._core", "rebuild"),
    ("msgspec._core", "UNSET"),
}

_ENTRIES: dict[str, Callable[[Any, Any], Any]] = {
    BILLOGRAM: billogram_entries,
    PAYMENT: payment_entries,
    TAB: tab_entries,
    TAB_ROW: tab_row_entries,
}

Key = tuple[str, Any]  # kind and key of an aggregate
Segment = tuple[list[str], list[bytes], Any]  # keys and bodies of many aggregates, and their entries


@cache
def version() -> str:
    """Return a digest of what makes checkpoints: the source code of the rules, and the version of Python."""
    digest = blake2b(repr(sys.version_info[:2]).encode(), digest_size=16)
    for path in [*sorted(Path(model.__file__).parent.glob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class SharedValues:
    """The values that many aggregates of an account share. Each is packed once, with its digest as key."""

    def __init__(self) -> None:
        self._digests: dict[int, bytes] = {}  # by the identity of the value
        self._known: list[Any] = []  # keeps those values alive, so that their identities are not reused
        self._values: dict[bytes, Any] = {}
        self._bodies: dict[bytes, bytes] = {}  # of values that are still packed
        self._unwritten: dict[bytes, bytes] = {}
        self.reducers: dict[type, Any] = dict.fromkeys(
            _SHARED_TYPES, lambda value: (_shared, (self.digest(value),))
        )

    def digest(self, value: Any) -> bytes:
        """Return the digest of a value, and add the value."""
        found = self._digests.get(id(value))
        if found is None:
            body = packed(value, None)
            found = blake2b(body, digest_size=12).digest()
            if found not in self._values and found not in self._bodies:
                self._values[found] = value
                self._unwritten[found] = body
            self._digests[id(value)] = found
            self._known.append(value)
        return found

    def value(self, digest: bytes) -> Any:
        """Return the value with this digest."""
        body = self._bodies.pop(digest, None)
        if body is not None:
            value = self._values[digest] = unpacked(body, None)
            self._digests[id(value)] = digest
        return self._values[digest]

    def restore(self, bodies: Mapping[str, bytes]) -> None:
        """Add the values of a checkpoint, by digest in hex. They stay packed until they are used."""
        self._bodies.update((bytes.fromhex(key), body) for key, body in bodies.items())

    def rows(self) -> Iterator[CheckpointRow]:
        """Yield the rows of the values that the checkpoint does not have yet."""
        unwritten, self._unwritten = self._unwritten, {}
        for digest, body in unwritten.items():
            yield CheckpointRow(_VALUES, digest.hex(), body)


def _shared(digest: bytes) -> Any:
    """Stand in pickles for the lookup of a shared value; `_Unpickler` replaces it by `SharedValues.value`."""
    raise UnpicklingError(f"shared value {digest.hex()} without an account")


class _Unpickler(Unpickler):
    def __init__(self, file: BytesIO, shared: SharedValues | None) -> None:
        super().__init__(file)
        self._shared = shared

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _shared.__name__):
            return _shared if self._shared is None else self._shared.value
        found = super().find_class(module, name) if module.startswith("mockserver.core.") else None
        if isinstance(found, type) or (module, name) in _PLAIN_TYPES:
            return found or super().find_class(module, name)
        raise UnpicklingError(f"{module}.{name} is no value of an account")


def packed(value: Any, shared: SharedValues | None) -> bytes:
    """Pickle an aggregate. Without `shared`, pickle it with all its values, as for a shared value itself."""
    file = BytesIO()
    pickler = Pickler(file, 5)
    if shared is not None:
        pickler.dispatch_table = shared.reducers
    pickler.dump(value)
    return file.getvalue()


def unpacked(body: bytes, shared: SharedValues | None) -> Any:
    """Unpickle an aggregate, or without `shared` a shared value."""
    return _Unpickler(BytesIO(body), shared).load()


class Changes(Struct):
    """What a checkpoint will add, collected without suspending. All values in it are immutable."""

    position: int
    changed: dict[str, dict[Any, Any]]  # by kind and key; None: removed
    due: dict[str, Due | None]
    letters: list[tuple[str, str]]
    planned: list[Planned]


class Saved:
    """What the checkpoint of a stream contains, and what has changed since."""

    def __init__(self) -> None:
        self.position: int | None = None  # None: there is no complete checkpoint
        self.begun = False  # a checkpoint is complete, or the first one is being written
        self.unsaved: dict[Key, None] = {}  # changed since the last `take`, in order of the first change
        self.planned: list[Planned] = []  # the callbacks of all acts of the stream
        self.shared = SharedValues()
        self._letters = 0  # in the checkpoint, like the next two
        self._planned = 0
        self._segments = 0
        self._in_segments = 0  # aggregates, out of date or not

    def discard(self) -> None:
        """Do not add to the checkpoint in the log. The next checkpoint is written anew."""
        self.position = None

    def undone(self, position: int) -> None:
        """Drop the callbacks of the acts after this position, which were undone."""
        while self.planned and self.planned[-1].position > position:
            self.planned.pop()

    def take(self, folded: State, position: int) -> Changes:
        """Return what has changed since the last checkpoint, or everything if there is none."""
        if self._in_segments > _OUT_OF_DATE + 2 * sum(map(folded.count, _ENTRIES)):
            self.discard()
        if self.position is None:
            self._letters = self._planned = self._segments = self._in_segments = 0
            self.shared = SharedValues()
            changed = {kind: folded.raw_table(kind) for kind in (*_LAZY, SOURCE, ACCOUNT)}
            whole = list(_WHOLE)
        else:
            changed = {}
            for kind, key in self.unsaved:
                value = folded.find(kind, key)
                if kind in _ENTRIES and value is None:
                    continue  # its creation was undone, so that no checkpoint has it
                if kind not in _WHOLE:
                    changed.setdefault(kind, {})[key] = value
            whole = [kind for kind in _WHOLE if any(each == kind for each, _ in self.unsaved)]
        for kind in whole:
            changed[kind] = dict(folded.table(kind).items())
        keys = [key for kind in _ENTRIES if kind != TAB_ROW for key in changed.get(kind, ())]
        letters = list(islice(folded.letters.items(), self._letters, None))
        due = {key: folded.agenda.of(key) for key in keys}
        self.unsaved, self.begun = {}, True
        return Changes(position, changed, due, letters, self.planned[self._planned :])

    def untake(self, taken: Changes) -> None:
        """Put back changes that were not written."""
        self.unsaved |= {(kind, key): None for kind, table in taken.changed.items() for key in table}

    async def write(
        self, taken: Changes, log: Log, stream: str, paused: Callable[[], Any], stay: Callable[[], bool]
    ) -> bool:
        """Write the changes, and return whether all of them were written.

        `paused` returns a context in which no commit runs. Writing stops when `stay` returns false, because
        the account was replaced.
        """
        rows: list[CheckpointRow] = []
        if self.position is None:
            async with paused():
                await log.drop_checkpoint(stream)
        slice_start, size = perf_counter(), 0
        total = sum(map(len, taken.changed.values())) + len(taken.planned)
        for row in self._rows(taken):
            rows.append(row)
            size += len(row.body or b"")
            if total > _AT_ONCE and size >= _TOGETHER:
                async with paused():
                    await log.write_checkpoint(stream, rows, None)
                rows, size = [], 0
                if not stay():
                    return False
            if perf_counter() - slice_start > SLICE:
                await asyncio.sleep(SLICE)  # as long as the work took: requests have priority
                slice_start = perf_counter()
        if not stay():
            return False
        async with paused():
            await log.write_checkpoint(stream, rows, CheckpointHead(taken.position, version()))
        self.position = taken.position
        self._letters += len(taken.letters)
        self._planned += len(taken.planned)
        return True

    def _rows(self, taken: Changes) -> Iterator[CheckpointRow]:
        for kind, table in taken.changed.items():
            if kind in _WHOLE:
                yield CheckpointRow(kind, "", packed(table, self.shared))
            elif kind in _ENTRIES:
                yield from self._segments_of(kind, table, taken.due)
            else:
                for key, value in table.items():
                    body = None if value is None else packed(_present(value), self.shared)
                    yield CheckpointRow(kind, str(key), body)
        letters = (list(column) for column in zip(*taken.letters, strict=True))
        yield CheckpointRow(_LETTERS, f"{self._letters:09}", msgpack.encode(tuple(letters) or ([], [])))
        for number, planned in enumerate(taken.planned, self._planned):
            yield CheckpointRow(_PLANNED, f"{number:09}", packed(planned, self.shared))
        yield from self.shared.rows()

    def _segments_of(
        self, kind: str, table: dict[Any, Any], due: dict[str, Due | None]
    ) -> Iterator[CheckpointRow]:
        every = iter(table.values())
        while values := [_present(value) for value in islice(every, _IN_SEGMENT)]:
            keys = [value.id for value in values]
            bodies = [packed(value, self.shared) for value in values]
            segment = (keys, bodies, _ENTRIES[kind](values, due))
            yield CheckpointRow(kind, f"{self._segments:09}", msgpack.encode(segment))
            self._segments += 1
            self._in_segments += len(values)

    def restored(self, position: int, letters: int, planned: list[Planned]) -> None:
        """Note that the account was opened from a checkpoint with this position and this content."""
        self.begun = True
        self.position, self._letters, self._planned = position, letters, len(planned)
        self.planned = planned

    def restored_segments(self, count: int, aggregates: int) -> None:
        """Note that the checkpoint has this many segments of one kind, with this many aggregates in them."""
        self._segments += count
        self._in_segments += aggregates


def _present(value: Any) -> Any:
    """Return an aggregate of a table. If it is `Packed`, it stays packed in the table."""
    if type(value) is Packed:
        return value.value if value.body is None else value.unpack(value.body)
    return value


_letters_decoder = msgpack.Decoder(tuple[list[str], list[str]])
_decoders: dict[str, msgpack.Decoder[Any]] = {
    BILLOGRAM: msgpack.Decoder(tuple[list[str], list[bytes], BillogramEntries]),
    PAYMENT: msgpack.Decoder(tuple[list[str], list[bytes], PaymentEntries]),
    TAB: msgpack.Decoder(tuple[list[str], list[bytes], TabEntries]),
    TAB_ROW: msgpack.Decoder(tuple[list[str], list[bytes], TabRowEntries]),
}


async def restore(log: Log, stream: str, head: CheckpointHead) -> tuple[State, Saved]:
    """Read the checkpoint of a stream. Return its state and its content. Raise CheckpointDamaged."""
    saved = Saved()
    bodies: dict[str, dict[str, bytes]] = {}
    segments: dict[str, dict[str, Segment]] = {kind: {} for kind in _ENTRIES}
    try:
        async for rows in log.read_checkpoint(stream):
            slice_start = perf_counter()
            for row in rows:
                assert row.body is not None, "a checkpoint that was read has all its bodies"
                if row.kind in segments:
                    segments[row.kind][row.key] = _decoders[row.kind].decode(row.body)
                    slice_start = await _turn(slice_start)
                else:
                    bodies.setdefault(row.kind, {})[row.key] = row.body
            await asyncio.sleep(0)
        saved.shared.restore(bodies.get(_VALUES, {}))
        restored = await _state(bodies, segments, saved)
        letters = 0
        for _, body in sorted(bodies.get(_LETTERS, {}).items()):
            ids, billograms = _letters_decoder.decode(body)
            restored.letters.update(zip(ids, billograms, strict=True))
            letters += len(ids)
        restored.restore_rest()
        planned = [
            cast("Planned", unpacked(body, saved.shared))
            for _, body in sorted(bodies.get(_PLANNED, {}).items())
        ]
    except (DecodeError, UnpicklingError, LookupError, TypeError, ValueError, EOFError) as error:
        raise CheckpointDamaged(log.name, stream, str(error)) from error
    saved.restored(head.position, letters, planned)
    return restored, saved


async def _state(
    bodies: dict[str, dict[str, bytes]], segments: dict[str, dict[str, Segment]], saved: Saved
) -> State:
    def unpack(body: bytes) -> Any:
        return unpacked(body, saved.shared)

    tables: dict[str, dict[Any, Any]] = {kind: LazyTable() for kind in _LAZY}
    for kind in _WHOLE:
        if "" in bodies.get(kind, {}):
            tables[kind] = unpack(bodies[kind][""])
    tables[ACCOUNT] = {key: unpack(body) for key, body in bodies.get(ACCOUNT, {}).items()}
    sources = [unpack(body) for body in bodies.get(SOURCE, {}).values()]
    tables[SOURCE] = {source.id: source for source in sorted(sources, key=lambda each: each.number)}
    customers = {int(key): body for key, body in bodies.get(CUSTOMER, {}).items()}
    tables[CUSTOMER].update((key, Packed(customers[key], unpack)) for key in sorted(customers))
    tables[ITEM].update((key, Packed(body, unpack)) for key, body in bodies.get(ITEM, {}).items())
    owners = {int(key): body for key, body in bodies.get(CUSTOMER_TABS, {}).items()}
    tables[CUSTOMER_TABS].update((key, Packed(owners[key], unpack)) for key in sorted(owners))
    restored = State(tables)
    slice_start = perf_counter()
    indexes: list[tuple[str, Callable[[list[str], Any], None]]] = [
        (BILLOGRAM, restored.restore_billograms),
        (PAYMENT, restored.restore_payments),
        (TAB, restored.restore_tabs),
        (TAB_ROW, restored.restore_tab_rows),
    ]
    for kind, index in indexes:
        ordered = [segment for _, segment in sorted(segments.pop(kind).items())]
        saved.restored_segments(len(ordered), sum(len(keys) for keys, _, _ in ordered))
        for keys, packed_bodies, entries in _in_order(ordered):
            tables[kind].update(zip(keys, map(Packed, packed_bodies, repeat(unpack)), strict=True))
            index(keys, entries)
            slice_start = await _turn(slice_start)
    return restored


def _in_order(segments: list[Segment]) -> Iterator[Segment]:
    """Yield segments with only the latest version of each aggregate, in the order of their numbers."""
    numbers = [number for _, _, entries in segments for number in entries.numbers]
    latest = dict(zip(numbers, count()))
    places = [latest[number] for number in sorted(latest)]
    if places == list(range(len(numbers))):
        segments.reverse()
        while segments:
            yield segments.pop()  # so that its memory is freed after use
        return
    entries_type = type(segments[0][2])
    keys = [key for segment in segments for key in segment[0]]
    bodies = [body for segment in segments for body in segment[1]]
    columns = [
        [value for segment in segments for value in getattr(segment[2], name)]
        for name in entries_type.__struct_fields__
    ]
    segments.clear()
    for start in range(0, len(places), _IN_SEGMENT):
        part = places[start : start + _IN_SEGMENT]
        entries = entries_type(*([column[place] for place in part] for column in columns))
        yield [keys[place] for place in part], [bodies[place] for place in part], entries


async def _turn(slice_start: float) -> float:
    """Let other tasks run if this slice of work is over. Return the beginning of the current slice."""
    if perf_counter() - slice_start <= SLICE:
        return slice_start
    await asyncio.sleep(0)
    return perf_counter()
