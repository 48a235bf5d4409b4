"""Pages of lists that can grow: `limit`, `before` and `after`, newest last (reference: control 1)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from mockserver.control.errors import ControlError
from mockserver.schema import Schema, string
from mockserver.wire import sliced

T = TypeVar("T")

DEFAULT = 100
MOST = 1000
QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT},
    "before": string(minimum=1),
    "after": string(minimum=1),
}


class Page(Struct, frozen=True):
    """The part of a list that a request asks for: its newest rows, or the first ones after `after`.

    `before` and `after` are ids of rows. The page lies between them and contains neither.
    """

    limit: int = DEFAULT
    before: str | None = None
    after: str | None = None

    async def of(
        self,
        rows: Sequence[T],
        id_of: Callable[[T], str],
        fits: Callable[[T], bool] | None = None,
        *,
        forgets: bool = False,
    ) -> list[T]:
        """Return the page of the rows that fit. `rows` are all rows, oldest first.

        Raises ControlError if `before` or `after` is not the id of a row. In a list that `forgets` its oldest
        rows, such an id is older than all rows.
        """
        places = {
            name: next((index for index, row in enumerate(rows) if id_of(row) == key), -1)
            for name, key in (("after", self.after), ("before", self.before))
            if key is not None
        }
        for name, place in places.items():
            if place < 0 and not forgets:
                raise unplaced(name)
        start, stop = places.get("after", -1) + 1, max(0, places.get("before", len(rows)))
        return await self.take(rows[start:stop], fits)

    async def take(self, rows: Sequence[T], fits: Callable[[T], bool] | None = None) -> list[T]:
        """Return the page of the rows that fit, of those between `after` and `before`."""
        forwards = self.after is not None
        if fits is None:
            return list(rows[: self.limit] if forwards else rows[-self.limit :])
        found: list[T] = []
        async for part in sliced(rows if forwards else rows[::-1]):
            found += filter(fits, part)
            if len(found) >= self.limit:
                break
        return found[: self.limit] if forwards else found[: self.limit][::-1]


def unplaced(name: str) -> ControlError:
    """Return the error for a `before` or `after` that no row of the list has."""
    return ControlError(
        400,
        "invalid_query",
        f"{name} is not the id of a row of this list",
        "take the id of a row that you have",
    )
