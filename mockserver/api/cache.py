"""Caches of rendered answers: aggregates are immutable, so an answer stays valid for its aggregate."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Raw

from mockserver.core.model import Billogram
from mockserver.wire import encode

T = TypeVar("T")

_MOST_PARTS = 4096
_MOST = 1024  # about 5 MB


class AnswerCache:
    """The most recent answers of `GET /billogram/{id}`, each valid for the same aggregate object only."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], tuple[Billogram, str, bytes]] = OrderedDict()

    def get(self, account: str, billogram: Billogram, base: str) -> bytes | None:
        """The cached answer for this state of the billogram and this base address, or None."""
        key = account, billogram.id
        found = self._answers.get(key)
        if found is None or found[0] is not billogram or found[1] != base:
            return None
        self._answers.move_to_end(key)
        return found[2]

    def keep(self, account: str, billogram: Billogram, base: str, answer: bytes) -> bytes:
        """Cache an answer, and return it."""
        self._answers[account, billogram.id] = billogram, base, answer
        self._answers.move_to_end((account, billogram.id))
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)
        return answer


class Rendered(Generic[T]):
    """Cached bytes of values that many billograms share, such as a copied customer, by object identity."""

    def __init__(self, render: Callable[[T], Any]) -> None:
        self._render = render
        self._kept: dict[int, tuple[T, Raw]] = {}

    def __call__(self, value: T) -> Any:
        """The rendered value as raw JSON, for use inside an answer."""
        found = self._kept.get(id(value))
        if found is not None and found[0] is value:
            return found[1]
        raw = Raw(encode(self._render(value)))
        if len(self._kept) >= _MOST_PARTS:
            self._kept.clear()
        self._kept[id(value)] = value, raw
        return raw
