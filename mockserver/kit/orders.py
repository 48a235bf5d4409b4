"""Other orders of a test's webhooks: which are tried, how large each is, and its description in words.

An order is a sequence of groups, one for each look of the test: the ids of the callbacks delivered then. A
repeated id is a copy. The size of an order is the number of callbacks out of place plus the number of copies.
The functions are pure; what is random is drawn from the seed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from mockserver.core import numbers

Group = tuple[str, ...]
Order = tuple[Group, ...]
T = TypeVar("T")

_EVERY_MOVE = 40  # in a group of at most this size every single move is a candidate
_SMALL = 2 / 3  # share of orders of size 1 among all that are tried, at most
_ATTEMPTS = 20  # draws for each larger order that is still needed


def orders(base: Order, seed: int, most: int, late: Mapping[str, range] = {}) -> list[Order]:
    """At most `most` orders other than `base`, all different, the smallest first.

    `late`: the numbers of the later groups to which a callback may be moved.
    """
    found: dict[Order, None] = {}
    small = list(dict.fromkeys(_small(base, seed, late)))
    for order in small[: max(1, int(most * _SMALL))]:
        found[order] = None
    for order in _large(base, seed, late, most * _ATTEMPTS):
        if len(found) >= most:
            break
        found[order] = None
    for order in small:
        if len(found) >= most:
            break
        found[order] = None
    found.pop(base, None)
    return sorted(list(found)[:most], key=lambda order: size(base, order))


def _small(base: Order, seed: int, late: Mapping[str, range]) -> Iterator[Order]:
    """The orders of size 1, in two shuffled parts.

    First: two neighbours exchanged, a copy directly after its original, one callback postponed by one look.
    Then all other single changes.
    """
    nearest: list[Order] = []
    other_changes: list[Order] = []
    for key, groups in late.items():
        for number in groups:
            (nearest if number == groups[0] else other_changes).append(
                _postponed(base, key, number, len(base[number]))
            )
            other_changes.append(_postponed(base, key, number, 0))
    for number, group in enumerate(base):
        for place, key in enumerate(group):
            nearest.append(_with(base, number, _inserted(group, place + 1, key)))
            if place:
                nearest.append(_with(base, number, _moved(group, place, place - 1)))
            if len(group) > _EVERY_MOVE:
                continue
            for to in range(len(group)):
                other_changes.append(_with(base, number, _moved(group, place, to)))
                if to > place:
                    other_changes.append(_with(base, number, _inserted(group, to + 1, key)))
    yield from _drawn(nearest, seed, "near")
    yield from (order for order in _drawn(other_changes, seed, "far") if order != base)


def _large(base: Order, seed: int, late: Mapping[str, range], attempts: int) -> Iterator[Order]:
    """Everything twice, everything reversed; then random orders with a copy of half of the callbacks."""
    yield tuple(group + group for group in base)
    yield tuple(group[::-1] for group in base)
    yield tuple(tuple(key for key in group for _ in range(2)) for group in base)
    for attempt in range(attempts):
        order = []
        for number, group in enumerate(base):
            copies = [
                key
                for place, key in enumerate(group)
                if numbers.happens(0.5, seed, "orders copy", attempt, number, place)
            ]
            order.append(tuple(_drawn([*group, *copies], seed, "orders shuffle", attempt, number)))
        mixed = tuple(order)
        for place, (key, groups) in enumerate(late.items()):
            drawn = numbers.draw(seed, "orders late", attempt, place)
            if drawn % 2:
                number = groups[drawn // 2 % len(groups)]
                mixed = _postponed(mixed, key, number, drawn // 2**60 % (1 + len(mixed[number])))
        yield mixed


def _drawn(row: list[T], seed: int, kind: str, *counters: int) -> list[T]:
    places = sorted(range(len(row)), key=lambda place: numbers.draw(seed, kind, *counters, place))
    return [row[place] for place in places]


def _with(base: Order, number: int, group: Group) -> Order:
    return (*base[:number], group, *base[number + 1 :])


def _inserted(group: Group, place: int, key: str) -> Group:
    return (*group[:place], key, *group[place:])


def _postponed(order: Order, key: str, number: int, place: int) -> Order:
    """Move a callback to a later group, with its copies directly after it."""
    times = flat(order).count(key)
    rest = [tuple(each for each in group if each != key) for group in order]
    rest[number] = (*rest[number][:place], *[key] * times, *rest[number][place:])
    return tuple(rest)


def _moved(group: Group, place: int, to: int) -> Group:
    rest = (*group[:place], *group[place + 1 :])
    return _inserted(rest, to, group[place])


# how large an order is


def size(base: Order, order: Order) -> int:
    """The number of callbacks out of place plus the number of copies."""
    return sum(
        len(changed) - len(_in_place(group, changed)) for group, changed in zip(base, order, strict=True)
    )


def _without_copies(changed: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(changed))


def _in_place(group: Sequence[str], changed: Sequence[str]) -> list[str]:
    """The callbacks that need not be moved: the longest subsequence of `changed` in the order of `group`."""
    place = {key: number for number, key in enumerate(group)}
    ends: list[str] = []  # the last key of the best subsequence of each length
    before: dict[str, str | None] = {}
    for key in _without_copies(changed):
        if key not in place:
            continue
        length = bisect_left(ends, place[key], key=place.__getitem__)
        before[key] = ends[length - 1] if length else None
        ends[length : length + 1] = [key]
    row: list[str] = []
    key_at = ends[-1] if ends else None
    while key_at is not None:
        row.append(key_at)
        key_at = before[key_at]
    return row[::-1]


def smaller(base: Order, order: Order) -> Iterator[Order]:
    """The orders with one callback moved back to its place, or without one of the copies."""
    seen: set[str] = set()
    for number, (group, changed) in enumerate(zip(base, order, strict=True)):
        kept = _in_place(group, changed)
        for place, key in enumerate(changed):
            if key in seen:
                yield _with(order, number, (*changed[:place], *changed[place + 1 :]))
            elif key not in kept:
                yield _put_back(base, order, key)
            seen.add(key)


def _put_back(base: Order, order: Order, key: str) -> Order:
    """Move a callback back, directly after the one that precedes it among those in place."""
    home = next(number for number, group in enumerate(base) if key in group)
    group, rest = base[home], [each for each in order[home] if each != key]
    ahead = [each for each in _in_place(group, order[home]) if group.index(each) < group.index(key)]
    return _postponed(order, key, home, rest.index(ahead[-1]) + 1 if ahead else 0)


# in words


def differences(base: Sequence[str], came: Sequence[str], name: Callable[[str], str]) -> list[str]:
    """How the order received differs from the base: which came before which, and which came again."""
    place = {key: number for number, key in enumerate(base)}
    first = [key for key in _without_copies(came) if key in place]
    kept = _in_place(base, first)
    found = []
    for number, key in enumerate(first):
        if key in kept:
            continue
        later = [each for each in first[number + 1 :] if place[each] < place[key]]
        earlier = [each for each in first[:number] if place[each] > place[key]]
        if later:
            found.append(f"{name(key)} came before {name(later[0])}")
        elif earlier:
            found.append(f"{name(earlier[-1])} came before {name(key)}")
    for key, times in Counter(came).items():
        if times > 1:
            again = [number for number, each in enumerate(came) if each == key][1]
            behind = "" if came[again - 1] == key else f", again after {name(came[again - 1])}"
            often = "twice" if times == 2 else f"{times} times"
            found.append(f"{name(key)} came {often}{behind}")
    return found


def late_ones(base: Order, order: Order) -> list[str]:
    """The ids that are postponed to a later look."""
    found = []
    for number, group in enumerate(base):
        found += [key for key in group if key not in order[number]]
    return found


def flat(order: Order) -> tuple[str, ...]:
    """The ids of all groups in one sequence."""
    return tuple(chain.from_iterable(order))
