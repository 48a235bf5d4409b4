"""The webhook laboratory: delivery policies for the callbacks of an account (reference: control 1).

The functions are pure and reproducible: random values are drawn from the account's seed and from the
callback's position in its log, so the same seed and the same acts have the same outcome.
"""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from mockserver.core import numbers
from mockserver.core.callbacks import Planned
from mockserver.core.model import replace
from mockserver.core.signature import SIGNATURE, TIMESTAMP, sign

ORDERS = ("fifo", "reverse", "shuffle")
SIGNATURES = ("good", "bad", "missing", "old-key")
TIMESTAMPS = ("wall", "clock", "stale")
DROPPED_ERROR = "dropped by the delivery policy: it was not sent"
_STALE = 600.0  # seconds: older than any receiver should accept


class Policy(Struct, frozen=True):
    """How callbacks are delivered.

    `order` [A] sorts the callbacks that wait together: those of one act, and those of all acts of one move of
    the clock. The callbacks of consecutive requests keep their order, unless a `delay` makes them wait for a
    move. `plan` is set by the test kit, which decides itself when waiting callbacks may go: it holds the ids
    of the callbacks in the order of delivery, with an id repeated for each copy.
    """

    order: str = "fifo"
    duplicate: int = 0  # copies of each callback, sent after it; `shuffle` sends them at any point after it
    drop: float = 0.0  # probability that a callback and its copies are never sent [A]
    delay: str = "0s"  # of the first attempt, by the account's clock
    signature: str = "good"
    timestamp: str = "wall"
    plan: tuple[str, ...] | None = None

    @property
    def gathers(self) -> bool:
        """Whether callbacks wait for each other so that they can be ordered."""
        return self.plan is not None or self.order != "fifo"

    def drops(self, seed: int, planned: Planned) -> bool:
        """Whether this callback is never sent."""
        return self.drop > 0 and numbers.happens(self.drop, seed, "delivery drop", *_log_position(planned))

    def ordered(self, seed: int, waiting: Sequence[Planned]) -> list[Planned]:
        """The callbacks that wait together, in the order of delivery. Copies appear as repeated elements."""
        if self.plan is not None:
            return _in_plan_order(self.plan, waiting)
        sequence = waiting[::-1] if self.order == "reverse" else waiting
        copied = [each for each in sequence for _ in range(1 + self.duplicate)]
        if self.order != "shuffle":
            return copied
        counted: Counter[str] = Counter()

        def drawn(each: Planned) -> int:
            counted[each.id] += 1
            return numbers.draw(seed, "delivery order", *_log_position(each), counted[each.id])

        return sorted(copied, key=drawn)

    def timestamp_of_attempt(self, clock: float, wall: float) -> str:
        """The timestamp of an attempt in Unix seconds: real time, or the account's clock [A: real time]."""
        moment = {"wall": wall, "clock": clock, "stale": wall - _STALE}[self.timestamp]
        return f"{moment:.6f}"


PLAIN = Policy()


def _log_position(planned: Planned) -> tuple[int, ...]:
    """The position in the log: the id without its generation, so that a reset repeats the draws."""
    return tuple(map(int, planned.id.split("-")[1:]))


def _in_plan_order(plan: tuple[str, ...], waiting: Sequence[Planned]) -> list[Planned]:
    """The callbacks in the order of the plan. Those that it does not name follow, in their own order."""
    by_id = {each.callback_id: each for each in waiting}
    known = set(plan)
    found = [by_id[key] for key in plan if key in by_id]
    return found + [each for each in waiting if each.callback_id not in known]


def with_signature_key(planned: Planned, signature: str) -> Planned:
    """The callback with the key that this kind of signature uses, both in its headers and in its body.

    `missing` uses no key. `old-key` signs correctly with another key: the current key with the prefix `old-`
    [A]. A callback of an account without a key is returned unchanged.
    """
    if planned.sign_key is None or signature in ("good", "bad"):
        return planned
    return replace(planned, sign_key=None if signature == "missing" else f"old-{planned.sign_key}")


def signature_headers(planned: Planned, timestamp: str | None, body: bytes, signature: str) -> dict[str, str]:
    """The two headers of a signature, which are sent only with a key [D].

    `bad` is well formed but signs another body, as if the body had been changed in transit [A].
    """
    if timestamp is None or planned.sign_key is None:
        return {}
    signed_body = body if signature != "bad" else b"another body"
    return {
        _header_name(TIMESTAMP): timestamp,
        _header_name(SIGNATURE): sign(planned.sign_key, timestamp, signed_body),
    }


def _header_name(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))
