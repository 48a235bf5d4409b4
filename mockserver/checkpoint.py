"""Checkpoints: the fold of a stream as rows of the log, so that an account opens without a full fold.

A checkpoint is a cache. It is written in the background and thrown away whenever it is in doubt: when a row
is damaged, or when it was made by other code than that which reads it.

Aggregates are pickled. What the indexes hold of a billogram or a payment stands beside it, so that an account
opens with its aggregates still packed; each is unpacked when it is first read (`state.LazyTable`). Values
that many aggregates hold, such as settings, are rows of their own. Unpickling makes values of
`mockserver.core` and of a few plain types and nothing else: a file that somebody else made can't run code.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import blake2b
from io import BytesIO
from itertools import islice
from pathlib import Path
from pickle import Pickler, Unpickler, UnpicklingError
from time import perf_counter
from typing import Any, cast

from msgspec import DecodeError, Struct, msgpack

from mockserver.core import model, state
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
    Entry,
    LazyTable,
    Packed,
    PaymentEntry,
    State,
    entry_of,
    payment_entry_of,
)
from mockserver.log.interface import CheckpointDamaged, CheckpointHead, CheckpointRow, Log

SLICE = 0.005  # seconds of work between two chances for other requests
_TOGETHER = 500  # rows of one write
_AT_ONCE = 2000  # rows that are written together with the head, so that no write leaves it incomplete

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

Key = tuple[str, Any]  # kind and key of an aggregate


@cache
def version() -> str:
    """What made a checkpoint: the code of the rules, as bytes, and the version of Python."""
    digest = blake2b(repr(sys.version_info[:2]).encode(), digest_size=16)
    for path in [*sorted(Path(model.__file__).parent.glob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class SharedValues:
    """The values that many aggregates of an account hold: each is packed once, under a number."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}  # by the identity of the value
        self._values: list[Any] = []  # None: still packed
        self._bodies: list[bytes | None] = []
        self.written = 0  # so many are rows of the checkpoint
        self.reducers: dict[type, Any] = dict.fromkeys(
            _SHARED_TYPES, lambda value: (_shared, (self.number(value),))
        )

    def number(self, value: Any) -> int:
        """The number of a value; a new one if it has none yet."""
        found = self._numbers.get(id(value))
        if found is None:
            found = self._numbers[id(value)] = len(self._values)
            self._values.append(value)  # which keeps its identity from being given to another one
            self._bodies.append(None)
        return found

    def value(self, number: int) -> Any:
        """The value with this number."""
        body = self._bodies[number]
        if body is not None:
            value = self._values[number] = unpacked(body, None)
            self._bodies[number] = None
            self._numbers[id(value)] = number
        return self._values[number]

    def restore(self, bodies: Iterable[bytes]) -> None:
        """Take the values of a checkpoint, in order of their numbers."""
        self._bodies.extend(bodies)
        self._values = [None] * len(self._bodies)
        self.written = len(self._bodies)

    def rows(self) -> Iterator[CheckpointRow]:
        """The values that are no rows of the checkpoint yet."""
        for number in range(self.written, len(self._values)):
            yield CheckpointRow(_VALUES, str(number), packed(self._values[number], None))
        self.written = len(self._values)


def _shared(number: int) -> Any:
    """What a pickle calls for a shared value; `_Unpickler` puts the values of its account in its place."""
    raise UnpicklingError(f"shared value {number} without an account")


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
        self.unsaved: set[Key] = set()
        self.planned: list[Planned] = []  # all that the acts of the stream brought about
        self.shared = SharedValues()
        self._letters = 0
        self._planned = 0

    def discard(self) -> None:
        """What the log holds is not to be built upon: the next checkpoint is written anew."""
        self.position = None

    def undone(self, position: int) -> None:
        """Acts behind this position were undone."""
        while self.planned and self.planned[-1].position > position:
            self.planned.pop()

    def take(self, folded: State, position: int) -> Changes:
        """What has changed since the last checkpoint, as it is now; all of it, when there is none."""
        if self.position is None:
            self._letters = self._planned = self.shared.written = 0
            changed = {kind: folded.raw_table(kind) for kind in (*_LAZY, SOURCE, ACCOUNT)}
            whole = list(_WHOLE)
        else:
            changed = {}
            for kind, key in self.unsaved:
                if kind not in _WHOLE:
                    changed.setdefault(kind, {})[key] = folded.find(kind, key)
            whole = [kind for kind in _WHOLE if any(each == kind for each, _ in self.unsaved)]
        for kind in whole:
            changed[kind] = dict(folded.table(kind).items())
        keys = [*changed.get(BILLOGRAM, ()), *changed.get(PAYMENT, ())]
        letters = list(islice(folded.letters.items(), self._letters, None))
        due = {key: folded.agenda.of(key) for key in keys}
        self.unsaved = set()
        return Changes(position, changed, due, letters, self.planned[self._planned :])

    def untake(self, taken: Changes) -> None:
        """The changes did not become a checkpoint."""
        self.unsaved |= {(kind, key) for kind, table in taken.changed.items() for key in table}

    async def write(
        self, taken: Changes, log: Log, stream: str, paused: Callable[[], Any], stay: Callable[[], bool]
    ) -> bool:
        """Write the changes; whether it is complete. `stay`: whether the account is still the one it was."""
        rows: list[CheckpointRow] = []
        if self.position is None:
            async with paused():
                await log.drop_checkpoint(stream)
        begun = perf_counter()
        total = sum(map(len, taken.changed.values())) + len(taken.planned)
        for row in self._rows(taken):
            rows.append(row)
            if total > _AT_ONCE and len(rows) >= _TOGETHER:
                async with paused():
                    await log.write_checkpoint(stream, rows, None)
                rows = []
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
                continue
            for key, value in table.items():
                if type(value) is Packed:
                    value = value.unpacked()
                yield CheckpointRow(
                    kind, str(key), None if value is None else self._body(kind, key, value, taken)
                )
        yield CheckpointRow(_LETTERS, f"{self._letters:09}", msgpack.encode(taken.letters))
        for number, planned in enumerate(taken.planned, self._planned):
            yield CheckpointRow(_PLANNED, f"{number:09}", packed(planned, self.shared))
        yield from self.shared.rows()

    def _body(self, kind: str, key: Any, value: Any, taken: Changes) -> bytes:
        body = packed(value, self.shared)
        if kind == BILLOGRAM:
            return msgpack.encode((entry_of(value, taken.due[key]), body))
        if kind == PAYMENT:
            return msgpack.encode((payment_entry_of(value, taken.due[key]), body))
        return body

    def restored(self, position: int, letters: int, planned: list[Planned]) -> None:
        """The account was opened from a checkpoint that holds these."""
        self.position, self._letters, self._planned = position, letters, len(planned)
        self.planned = planned


_billogram_decoder = msgpack.Decoder(tuple[Entry, bytes])
_payment_decoder = msgpack.Decoder(tuple[PaymentEntry, bytes])
_letters_decoder = msgpack.Decoder(list[tuple[str, str]])


async def restore(log: Log, stream: str, head: CheckpointHead) -> tuple[State, Saved]:
    """The state of a checkpoint, and what it holds; CheckpointDamaged."""
    saved = Saved()
    bodies: dict[str, dict[str, bytes]] = {}
    async for rows in log.read_checkpoint(stream):
        for row in rows:
            if row.body is not None:
                bodies.setdefault(row.kind, {})[row.key] = row.body
        await asyncio.sleep(0)
    try:
        shared = bodies.get(_VALUES, {})
        saved.shared.restore(shared[str(number)] for number in range(len(shared)))
        restored = await _state(bodies, saved.shared)
        letters = [
            letter
            for _, body in sorted(bodies.get(_LETTERS, {}).items())
            for letter in _letters_decoder.decode(body)
        ]
        restored.restore_rest(letters)
        planned = [
            cast("Planned", unpacked(body, saved.shared))
            for _, body in sorted(bodies.get(_PLANNED, {}).items())
        ]
    except (DecodeError, UnpicklingError, LookupError, TypeError, ValueError, EOFError) as error:
        raise CheckpointDamaged(log.name, stream, str(error)) from error
    saved.restored(head.position, len(letters), planned)
    return restored, saved


async def _state(bodies: dict[str, dict[str, bytes]], shared: SharedValues) -> State:
    begun = perf_counter()

    def unpack(body: bytes) -> Any:
        return unpacked(body, shared)

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
    billograms: list[tuple[int, str, Entry]] = []
    for key, body in bodies.get(BILLOGRAM, {}).items():
        entry, rest = _billogram_decoder.decode(body)
        tables[BILLOGRAM][key] = Packed(rest, unpack)
        billograms.append((entry.number, key, entry))
        begun = await _turn(begun)
    payments: list[tuple[int, str, PaymentEntry]] = []
    for key, body in bodies.get(PAYMENT, {}).items():
        payment, rest = _payment_decoder.decode(body)
        tables[PAYMENT][key] = Packed(rest, unpack)
        payments.append((payment.number, key, payment))
        begun = await _turn(begun)
    for kind, order in ((BILLOGRAM, billograms), (PAYMENT, payments)):
        order.sort(key=lambda each: each[0])
        tables[kind] = LazyTable((key, dict.__getitem__(tables[kind], key)) for _, key, _ in order)
    restored = state.State(tables)
    for _, key, entry in billograms:
        restored.restore_billogram(key, entry)
        begun = await _turn(begun)
    for _, key, payment in payments:
        restored.restore_payment(key, payment)
        begun = await _turn(begun)
    return restored


async def _turn(begun: float) -> float:
    """Let others in when enough was done since `begun`; when that was looked at last."""
    if perf_counter() - begun <= SLICE:
        return begun
    await asyncio.sleep(0)
    return perf_counter()
