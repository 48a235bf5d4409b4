"""Checkpoints: the fold of a stream as rows of the log, so that an account opens without a full fold.

A checkpoint is a cache. It is written in the background and thrown away whenever it is in doubt: when a row
is damaged, or when it was made by other code than that which reads it.

Aggregates are pickled. An account opens with them still packed; each is unpacked when it is first read
(`state.LazyTable`). Values that many aggregates hold, such as settings, are rows of their own. Their keys are
digests of their bytes, so that equal bytes of two aggregates always mean equal aggregates. Unpickling makes
values of `mockserver.core` and of a few plain types and nothing else: a file that somebody else made can't
run code.

Billograms and payments are kept in segments: rows of many each, with what the indexes hold of them in
columns. One that has changed is in a later segment again. When too much of the segments is out of date, the
checkpoint is written anew.
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
    ITEM,
    OUTCOMES,
    PAYMENT,
    PICTURE,
    SOURCE,
    BillogramEntries,
    LazyTable,
    Packed,
    PaymentEntries,
    State,
    billogram_entries,
    payment_entries,
)
from mockserver.log.interface import CheckpointDamaged, CheckpointHead, CheckpointRow, Log

SLICE = 0.005  # seconds of work between two chances for other requests
_TOGETHER = 2**19  # bytes of one write
_IN_SEGMENT = 200  # aggregates: packing them takes about as long as a slice
_OUT_OF_DATE = 1000  # aggregates
_AT_ONCE = 2000  # values that are written together with the head, so that no write leaves it incomplete

_PLANNED, _LETTERS, _VALUES = "planned", "letters", "shared"
_WHOLE = (OUTCOMES, PICTURE)  # small tables whose order matters: one row each
_LAZY = (CUSTOMER, ITEM, BILLOGRAM, PAYMENT)
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

_ENTRIES: dict[str, Callable[[Any, Any], Any]] = {BILLOGRAM: billogram_entries, PAYMENT: payment_entries}

Key = tuple[str, Any]  # kind and key of an aggregate
Segment = tuple[list[str], list[bytes], Any]  # keys and bodies of many aggregates, and their entries


@cache
def version() -> str:
    """What made a checkpoint: the code of the rules, as bytes, and the version of Python."""
    digest = blake2b(repr(sys.version_info[:2]).encode(), digest_size=16)
    for path in [*sorted(Path(model.__file__).parent.glob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class SharedValues:
    """The values that many aggregates of an account hold: each is packed once, under a digest of it."""

    def __init__(self) -> None:
        self._digests: dict[int, bytes] = {}  # by the identity of the value
        self._known: list[Any] = []  # those values: their identities can't be given to others
        self._values: dict[bytes, Any] = {}
        self._bodies: dict[bytes, bytes] = {}  # of those that are still packed
        self._unwritten: dict[bytes, bytes] = {}
        self.reducers: dict[type, Any] = dict.fromkeys(
            _SHARED_TYPES, lambda value: (_shared, (self.digest(value),))
        )

    def digest(self, value: Any) -> bytes:
        """The digest of a value."""
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
        """The value with this digest."""
        body = self._bodies.pop(digest, None)
        if body is not None:
            value = self._values[digest] = unpacked(body, None)
            self._digests[id(value)] = digest
        return self._values[digest]

    def restore(self, bodies: Mapping[str, bytes]) -> None:
        """Take the values of a checkpoint."""
        self._bodies.update((bytes.fromhex(key), body) for key, body in bodies.items())

    def rows(self) -> Iterator[CheckpointRow]:
        """The values that are no rows of the checkpoint yet."""
        unwritten, self._unwritten = self._unwritten, {}
        for digest, body in unwritten.items():
            yield CheckpointRow(_VALUES, digest.hex(), body)


def _shared(digest: bytes) -> Any:
    """What a pickle calls for a shared value; `_Unpickler` puts the values of its account in its place."""
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
    """The bytes of an aggregate; of a shared value itself, when there is nothing to share with."""
    file = BytesIO()
    pickler = Pickler(file, 5)
    if shared is not None:
        pickler.dispatch_table = shared.reducers
    pickler.dump(value)
    return file.getvalue()


def unpacked(body: bytes, shared: SharedValues | None) -> Any:
    """The aggregate of these bytes."""
    return _Unpickler(BytesIO(body), shared).load()


class Changes(Struct):
    """What a checkpoint will hold, taken at one moment without suspending: all values in it are frozen."""

    position: int
    changed: dict[str, dict[Any, Any]]  # by kind and key; None: gone
    due: dict[str, Due | None]
    letters: list[tuple[str, str]]
    planned: list[Planned]


class Saved:
    """What the log's checkpoint of one stream holds, and what has changed since."""

    def __init__(self) -> None:
        self.position: int | None = None  # None: there is no complete checkpoint
        self.begun = False  # a checkpoint is complete, or the first one is being written
        self.unsaved: dict[
            Key, None
        ] = {}  # since the last `take`, in the order in which they were changed first
        self.planned: list[Planned] = []  # all that the acts of the stream brought about
        self.shared = SharedValues()
        self._letters = 0
        self._planned = 0
        self._segments = 0
        self._in_segments = 0  # aggregates, those that are out of date too

    def discard(self) -> None:
        """What the log holds is not to be built upon: the next checkpoint is written anew."""
        self.position = None

    def undone(self, position: int) -> None:
        """Acts behind this position were undone."""
        while self.planned and self.planned[-1].position > position:
            self.planned.pop()

    def take(self, folded: State, position: int) -> Changes:
        """What has changed since the last checkpoint, as it is now; all of it, when there is none."""
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
        keys = [*changed.get(BILLOGRAM, ()), *changed.get(PAYMENT, ())]
        letters = list(islice(folded.letters.items(), self._letters, None))
        due = {key: folded.agenda.of(key) for key in keys}
        self.unsaved, self.begun = {}, True
        return Changes(position, changed, due, letters, self.planned[self._planned :])

    def untake(self, taken: Changes) -> None:
        """The changes did not become a checkpoint."""
        self.unsaved |= {(kind, key): None for kind, table in taken.changed.items() for key in table}

    async def write(
        self, taken: Changes, log: Log, stream: str, paused: Callable[[], Any], stay: Callable[[], bool]
    ) -> bool:
        """Write the changes; whether it is complete. `stay`: whether the account is still the one it was."""
        rows: list[CheckpointRow] = []
        if self.position is None:
            async with paused():
                await log.drop_checkpoint(stream)
        begun, size = perf_counter(), 0
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
            if perf_counter() - begun > SLICE:
                await asyncio.sleep(SLICE)  # as long as it works: others come first
                begun = perf_counter()
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
        """The account was opened from a checkpoint that holds these."""
        self.begun = True
        self.position, self._letters, self._planned = position, letters, len(planned)
        self.planned = planned

    def restored_segments(self, count: int, aggregates: int) -> None:
        """There were so many segments of one kind in it, with so many aggregates, out of date or not."""
        self._segments += count
        self._in_segments += aggregates


def _present(value: Any) -> Any:
    """An aggregate of a table; one that is packed stays so."""
    if type(value) is Packed:
        return value.value if value.body is None else value.unpack(value.body)
    return value


_letters_decoder = msgpack.Decoder(tuple[list[str], list[str]])
_decoders: dict[str, msgpack.Decoder[Any]] = {
    BILLOGRAM: msgpack.Decoder(tuple[list[str], list[bytes], BillogramEntries]),
    PAYMENT: msgpack.Decoder(tuple[list[str], list[bytes], PaymentEntries]),
}


async def restore(log: Log, stream: str, head: CheckpointHead) -> tuple[State, Saved]:
    """The state of a checkpoint, and what it holds; CheckpointDamaged."""
    saved = Saved()
    bodies: dict[str, dict[str, bytes]] = {}
    segments: dict[str, dict[str, Segment]] = {kind: {} for kind in _ENTRIES}
    try:
        async for rows in log.read_checkpoint(stream):
            begun = perf_counter()
            for row in rows:
                assert row.body is not None, "a checkpoint that was read has all its bodies"
                if row.kind in segments:
                    segments[row.kind][row.key] = _decoders[row.kind].decode(row.body)
                    begun = await _turn(begun)
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
    restored = State(tables)
    begun = perf_counter()
    for kind, index in ((BILLOGRAM, restored.restore_billograms), (PAYMENT, restored.restore_payments)):
        kept = [segment for _, segment in sorted(segments.pop(kind).items())]
        saved.restored_segments(len(kept), sum(len(keys) for keys, _, _ in kept))
        for keys, packed_ones, entries in _in_order(kept):
            tables[kind].update(zip(keys, map(Packed, packed_ones, repeat(unpack)), strict=True))
            index(keys, entries)
            begun = await _turn(begun)
    return restored


def _in_order(segments: list[Segment]) -> Iterator[Segment]:
    """The latest of each aggregate, in the order of their numbers."""
    numbers = [number for _, _, entries in segments for number in entries.numbers]
    latest = dict(zip(numbers, count()))
    places = [latest[number] for number in sorted(latest)]
    if places == list(range(len(numbers))):
        segments.reverse()
        while segments:
            yield segments.pop()  # which frees what it holds
        return
    made = type(segments[0][2])
    keys = [key for segment in segments for key in segment[0]]
    bodies = [body for segment in segments for body in segment[1]]
    columns = [
        [value for segment in segments for value in getattr(segment[2], name)]
        for name in made.__struct_fields__
    ]
    segments.clear()
    for start in range(0, len(places), _IN_SEGMENT):
        part = places[start : start + _IN_SEGMENT]
        entries = made(*([column[place] for place in part] for column in columns))
        yield [keys[place] for place in part], [bodies[place] for place in part], entries


async def _turn(begun: float) -> float:
    """Let others in when enough was done since `begun`; when that was looked at last."""
    if perf_counter() - begun <= SLICE:
        return begun
    await asyncio.sleep(0)
    return perf_counter()
