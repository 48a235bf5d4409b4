"""The webhook laboratory: what a delivery policy makes of an account's callbacks (reference: control 1).

Pure, and reproducible: what is random is drawn from the account's seed and from where a callback stands in
its log, so the same seed and the same acts have the same outcome.
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
_STALE = 600.0  # seconds: older than any receiver should take


class Policy(Struct, frozen=True):
    """How callbacks are delivered.

    `order` [A]: of what waits together, which are the callbacks of one act, and those of all acts of one move
    of the clock. Requests one after the other stay in their order, unless a `delay` makes them wait for a
    move. `plan`: of the test kit, which says itself when what waits may go: the ids of callbacks in the order
    in which they are to come, an id once more for a copy.
    """

    order: str = "fifo"
    duplicate: int = 0  # copies of each, behind it; shuffled, they come anywhere behind it
    drop: float = 0.0  # probability that one never comes, nor a copy of it [A]
    delay: str = "0s"  # of the first attempt, by the account's clock
    signature: str = "good"
    timestamp: str = "wall"
    plan: tuple[str, ...] | None = None

    @property
    def gathers(self) -> bool:
        """Whether callbacks wait for each other, to be put in order."""
        return self.plan is not None or self.order != "fifo"

    def drops(self, seed: int, planned: Planned) -> bool:
        """Whether this one never comes."""
        return self.drop > 0 and numbers.happens(self.drop, seed, "delivery drop", *_place(planned))

    def arranged(self, seed: int, waiting: Sequence[Planned]) -> list[Planned]:
        """What waits together, in the order in which it goes; copies are there once more."""
        if self.plan is not None:
            return _as_planned(self.plan, waiting)
        row = waiting[::-1] if self.order == "reverse" else waiting
        copied = [each for each in row for _ in range(1 + self.duplicate)]
        if self.order != "shuffle":
            return copied
        counted: Counter[str] = Counter()

        def drawn(each: Planned) -> int:
            counted[each.id] += 1
            return numbers.draw(seed, "delivery order", *_place(each), counted[each.id])

        return sorted(copied, key=drawn)

    def stamped(self, clock: float, wall: float) -> str:
        """The timestamp of an attempt: Unix seconds by the account's clock, or real ones [A: real time]."""
        moment = {"wall": wall, "clock": clock, "stale": wall - _STALE}[self.timestamp]
        return f"{moment:.6f}"


PLAIN = Policy()


def _place(planned: Planned) -> tuple[int, ...]:
    """Where it stands in the log: of its id all but the generation, so a reset starts the draws anew."""
    return tuple(map(int, planned.id.split("-")[1:]))


def _as_planned(plan: tuple[str, ...], waiting: Sequence[Planned]) -> list[Planned]:
    """Those that the plan does not know come last, in their own order."""
    by_id = {each.callback_id: each for each in waiting}
    known = set(plan)
    found = [by_id[key] for key in plan if key in by_id]
    return found + [each for each in waiting if each.callback_id not in known]


def told(planned: Planned, signed: str) -> Planned:
    """The callback as somebody tells it who signs in this way, in its body too.

    `missing` is as from an account without a key; `old-key` is right, but for another key: the text `old-`
    before the present one [A]. An unsigned callback stays as it is.
    """
    if planned.sign_key is None or signed in ("good", "bad"):
        return planned
    return replace(planned, sign_key=None if signed == "missing" else f"old-{planned.sign_key}")


def signing(planned: Planned, timestamp: str | None, body: bytes, signed: str) -> dict[str, str]:
    """The two headers of a signature, which are there only with a key [D].

    `bad`: well formed, but over another body, as if this one was changed on the way [A].
    """
    if timestamp is None or planned.sign_key is None:
        return {}
    over = body if signed != "bad" else b"another body"
    return {_titled(TIMESTAMP): timestamp, _titled(SIGNATURE): sign(planned.sign_key, timestamp, over)}


def _titled(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))
