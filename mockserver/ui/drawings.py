"""Where the lines and words of a drawing stand; the templates draw them as SVG."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from msgspec import Struct

CHARACTER = 7.0  # the average width of a character, at the size of words in drawings
_BOLD = 1.2  # how much wider bold characters are
_GAP = 8.0
PRESENT = "present"  # the kind of the label of the present moment


class Label(Struct):
    """Words at a place: `row` counts away from the axis, so that no words overlap."""

    x: float
    text: str
    kind: str = ""
    title: str = ""
    future: bool = False
    row: int = 0

    @property
    def end(self) -> float:
        """Return where the words end."""
        return self.x + CHARACTER * len(self.text) * (_BOLD if self.kind == PRESENT else 1) + _GAP


def stack(labels: Iterable[Label]) -> int:
    """Give each label its row, and return how many rows there are.

    It begins with the last one. So the line from a label to the axis never crosses other words.
    """
    placed: list[Label] = []
    for each in sorted(labels, key=lambda label: -label.x):
        each.row = 1 + max((other.row for other in placed if other.x < each.end), default=-1)
        placed.append(each)
    return 1 + max((each.row for each in placed), default=-1)


# the life of a billogram


class Moment(Struct, frozen=True):
    """Something that happened, or will happen, for the time axis. `kind` selects how its dot looks."""

    at: datetime
    text: str
    kind: str = ""
    future: bool = False


class Axis(Struct, frozen=True):
    """A time axis: `above` has what happened, `below` dates and the present moment."""

    width: float
    up: int  # rows above the axis
    down: int
    start: float
    now: float
    stop: float
    above: Sequence[Label]
    below: Sequence[Label]


_LENGTH, _START = 760.0, 14.0


def axis(moments: Sequence[Moment], dates: Mapping[str, date], now: datetime) -> Axis:
    """Return the drawing of these moments, oldest first. What happens on one day shares a label."""
    zone = now.tzinfo
    noted = [(name, datetime(day.year, day.month, day.day, tzinfo=zone)) for name, day in dates.items()]
    all_of_them = [now, *(each.at for each in moments), *(at for _, at in noted)]
    first, last = min(all_of_them), max(all_of_them)
    seconds = max((last - first).total_seconds(), 1.0)

    def place(at: datetime) -> float:
        return round(_START + _LENGTH * (at - first).total_seconds() / seconds, 1)

    days: dict[tuple[date, bool], list[Moment]] = {}
    for each in moments:
        days.setdefault((each.at.date(), each.future), []).append(each)
    above = [_of_day(found, place(found[0].at)) for found in days.values()]
    below = [Label(place(at), f"{name} {at:%Y-%m-%d}") for name, at in noted]
    below.append(Label(place(now), f"now {now:%Y-%m-%d}", PRESENT))
    up, down = stack(above), stack(below)
    ends = [each.end for each in (*above, *below)]
    return Axis(
        max(_START * 2 + _LENGTH, *ends), up, down, place(first), place(now), place(last), above, below
    )


def _of_day(found: Sequence[Moment], x: float) -> Label:
    """Return the label of what happened on one day: the first two things, and how many more there are."""
    kind = max((each.kind for each in found), key=_WEIGHT.index)
    texts = [found[0].text, *(each.text[:1].lower() + each.text[1:] for each in found[1:2])]
    more = f" +{len(found) - 2}" if len(found) > 2 else ""
    title = "; ".join(f"{each.at:%Y-%m-%d %H:%M} {each.text}" for each in found)
    return Label(x, ", ".join(texts) + more, kind, title, found[0].future)


_WEIGHT = (
    "",
    "open",
    "late",
    "money",
    "bad",
    "done",
)  # of kinds: the last one counts


# the state machine


class Box(Struct, frozen=True):
    """A state of the machine."""

    name: str
    x: float
    y: float
    visited: bool
    present: bool


class Arrow(Struct, frozen=True):
    """The transitions from one state to another: the path of the line, and what makes them."""

    source: str
    target: str
    path: str
    names: Sequence[str]
    x: float
    y: float
    taken: Sequence[int]  # as which steps of its life the billogram made it


class Machine(Struct, frozen=True):
    """The diagram of all states."""

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


WIDE, HIGH = 112.0, 36.0  # of a box
_PLACES = {  # column and row
    "Unattested": (0, 1),
    "Deleted": (0, 2),
    "Factoring": (1, 0),
    "Unpaid": (1, 1),
    "Collection": (1, 2),
    "Sold": (2, 0),
    "Ended": (2, 1),
}


def machine(found: Mapping[str, Any], taken: Sequence[Mapping[str, Any]]) -> Machine:
    """Return the diagram of the machine's table with the transitions that a billogram has made."""
    moves: dict[tuple[str, str], list[str]] = {}
    for row in found["transitions"]:
        for source in row["sources"]:
            for target in row["leads"]:
                if source != target:
                    moves.setdefault((source, target), []).append(row["name"])
    steps: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(taken):
        if each["before"] is not None:
            steps.setdefault((each["before"], each["after"]), []).append(number)
    visited = {each["after"] for each in taken}
    present = taken[-1]["after"] if taken else ""
    boxes = [
        Box(name, *_corner(name, index), name in visited, name == present)
        for index, name in enumerate(found["states"])
    ]
    at = {each.name: each for each in boxes}
    arrows = [
        _arrow(at[source], at[target], names, (target, source) in moves, steps.get((source, target), ()))
        for (source, target), names in moves.items()
    ]
    return Machine(boxes, arrows)


def _corner(name: str, index: int) -> tuple[float, float]:
    column, row = _PLACES.get(name, (index % 3, 3))
    return 8 + column * 264.0, 8 + row * 96.0


def _arrow(source: Box, target: Box, names: Sequence[str], both_ways: bool, taken: Sequence[int]) -> Arrow:
    right, down = target.x - source.x, target.y - source.y
    aside = 9.0 if both_ways else 0.0
    far = abs(right) > 300
    if right and (far or not down or abs(right) > abs(down)):
        sign = 1 if right > 0 else -1
        x1, x2 = source.x + (WIDE if sign > 0 else 0), target.x + (0 if sign > 0 else WIDE)
        y1, y2 = source.y + HIGH / 2 - aside * sign, target.y + HIGH / 2 - aside * sign
        if down:  # two arrows from other rows do not end at the same point
            y2 += 9.0 if down < 0 else -9.0
    else:
        sign = 1 if down > 0 else -1
        y1, y2 = source.y + (HIGH if sign > 0 else 0), target.y + (0 if sign > 0 else HIGH)
        x1, x2 = source.x + WIDE / 2 + aside * sign, target.x + WIDE / 2 + aside * sign
    if far and not down:  # around the box between them
        top = source.y - 26
        x1, x2, y1, y2 = source.x + WIDE * 0.75, target.x + WIDE * 0.25, source.y, target.y
        path = f"M{x1} {y1} C{x1 + 40} {top} {x2 - 40} {top} {x2} {y2}"
        return Arrow(source.name, target.name, path, names, x1 + 96, top + 14, taken)
    path = f"M{x1} {y1} L{x2} {y2}"
    return Arrow(source.name, target.name, path, names, (x1 + x2) / 2, (y1 + y2) / 2, taken)


# money by month


class Bar(Struct, frozen=True):
    """One bar of a chart."""

    x: float
    y: float
    height: float
    kind: str
    title: str


class Chart(Struct, frozen=True):
    """Bars by month, with lines at round amounts: each has its height and its words."""

    width: float
    zero: float
    bars: Sequence[Bar]
    lines: Sequence[tuple[float, str]]
    months: Sequence[tuple[float, str]]


BAR = 9.0  # the width of a bar
_HEIGHT, _TOP, _LEFT = 180.0, 12.0, 84.0


def chart(months: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Chart:
    """Return the chart of some members of these months; `names` has their labels."""
    values = [Decimal(str(row[name])) for row in months for name in names]
    most, least = max([*values, Decimal(0)]), min([*values, Decimal(0)])
    step = _round_step(most - least)
    top = step * (most / step).to_integral_value(ROUND_CEILING)
    bottom = step * (least / step).to_integral_value(ROUND_FLOOR)
    span = top - bottom or step

    def height(value: Decimal) -> float:
        return round(_TOP + _HEIGHT * float((top - value) / span), 1)

    zero = height(Decimal(0))
    wide = BAR * len(names) + 14
    bars = []
    for index, row in enumerate(months):
        for place, (name, label) in enumerate(names.items()):
            value = Decimal(str(row[name]))
            y = height(value)
            x = _LEFT + index * wide + place * BAR
            bars.append(
                Bar(x, min(y, zero), abs(y - zero), "abcd"[place], f"{row['month']} {label} {value:,.2f}")
            )
    count = int((top - bottom) / step)
    lines = [(height(bottom + step * each), f"{bottom + step * each:,.0f}") for each in range(count + 1)]
    shown = [(_LEFT + index * wide, str(row["month"])) for index, row in enumerate(months)]
    return Chart(_LEFT + wide * len(months) + 8, zero, bars, lines, shown)


def _round_step(span: Decimal) -> Decimal:
    """Return the distance of lines: 1, 2 or 5 times a power of ten, so that there are at most six."""
    if not span:
        return Decimal(1)
    power = Decimal(10) ** (span / 5).adjusted()
    return next(power * each for each in (1, 2, 5, 10) if power * each * 5 >= span)
