"""The layout of a document on A4 pages. The layout of real documents is not known [A].

The whole layout is made before anything is drawn, because each page shows the number of pages. Coordinates
are millimetres from the upper left corner. The coordinates of a text are those of its baseline.
"""

from collections.abc import Iterator, Sequence
from math import atan2, cos, degrees, hypot, sin

from msgspec import Struct

from mockserver.documents.pdf_content import Line, Pair, PdfContent
from mockserver.documents.words import printable

WIDTH, HEIGHT = 210.0, 297.0
LEFT, RIGHT, TOP = 20.0, 190.0, 16.0
MIDDLE = 116.0  # left edge of the recipient's address, in the window of an envelope
LOGOTYPE = 62.0, 22.0  # largest width and height

_BODY, _SMALL, _LABEL = 9.5, 8.0, 8.5  # points
_STEP, _NARROW = 4.8, 3.7  # distances of lines
_POINT = 25.4 / 72  # millimetres
_SMALLEST = 5.0  # points; a text that is still too wide at this size is cut
BLACK, GREY, LIGHT, PALE = 0, 105, 190, 243
_STAMP = 220  # shade; what is drawn over it stays easy to read


class Text(Struct, frozen=True):
    """One line of text, in characters that the fonts have. `size` is in points."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    shade: int = BLACK


class Box(Struct, frozen=True):
    """A filled rectangle. A flat one serves as a line."""

    x: float
    y: float
    width: float
    height: float
    shade: int


class LogotypeBox(Struct, frozen=True):
    """The position and size of the logotype."""

    x: float
    y: float
    width: float
    height: float


class Stamp(Struct, frozen=True):
    """A word across the page, from its lower left to its upper right. `angle` is in degrees."""

    x: float
    y: float
    text: str
    size: float
    angle: float
    shade: int


Page = list[Text | Box | LogotypeBox | Stamp]


class Metrics(Struct, frozen=True):
    """The widths of the characters by their byte in cp1252, in thousandths of the font size."""

    plain: tuple[int, ...]
    bold: tuple[int, ...]

    def width(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return the width of a text in millimetres; `size` is in points."""
        widths = self.bold if bold else self.plain
        return sum(widths[byte] for byte in text.encode("cp1252")) * size * _POINT / 1000


def pages(pdf_content: PdfContent, metrics: Metrics, logotype: tuple[float, float] | None) -> list[Page]:
    """Lay out a document. `logotype` is its width and height in any unit, None if there is none."""
    layout = _Layout(pdf_content, metrics)
    layout.head(logotype)
    layout.table()
    layout.end()
    return layout.finished()


class _Layout:
    def __init__(self, pdf_content: PdfContent, metrics: Metrics) -> None:
        self._pdf_content = pdf_content
        self._metrics = metrics
        self._pages: list[Page] = [[]]
        self._y = TOP
        self._foot = HEIGHT - 13 - _NARROW * max(map(len, pdf_content.footer), default=0)
        self._columns = self._column_positions()
        self._widths: dict[tuple[str, float], float] = {}

    # the parts

    def head(self, logotype: tuple[float, float] | None) -> None:
        """Lay out what is above the rows of the first page."""
        pdf_content = self._pdf_content
        if logotype is None:
            self._fit(LEFT, 24.5, pdf_content.creditor, 15, MIDDLE - LEFT - 8, bold=True)
        else:
            scale = min(LOGOTYPE[0] / logotype[0], LOGOTYPE[1] / logotype[1])
            self._pages[0].append(LogotypeBox(LEFT, 12.5, logotype[0] * scale, logotype[1] * scale))
        self._fit(MIDDLE, 24.5, pdf_content.title, 22, RIGHT - MIDDLE, bold=True)
        y = 46.0
        for line in pdf_content.recipient:
            self._fit(MIDDLE, y, line, 10.5, RIGHT - MIDDLE)
            y += 5
        self._y = 46.0
        self._pairs(pdf_content.facts, LEFT, 31, MIDDLE - LEFT - 8)
        self._y = max(self._y, y) + 3.5
        if pdf_content.references:
            top, half = self._y, (len(pdf_content.references) + 1) // 2
            self._pairs(pdf_content.references[:half], LEFT, 31, MIDDLE - LEFT - 8)
            lowest, self._y = self._y, top
            self._pairs(pdf_content.references[half:], MIDDLE, 28, RIGHT - MIDDLE)
            self._y = max(self._y, lowest) + 1.5
        self._paragraph(pdf_content.message, _BODY, _STEP)
        self._y += 3.5

    def table(self) -> None:
        """Lay out the rows, with a heading on each page."""
        self._ensure_room(22)
        self._heading()
        for line in self._pdf_content.lines:
            self._row(line)
        self._box(LEFT, self._y - 2.2, RIGHT - LEFT, 0.25, LIGHT)

    def end(self) -> None:
        """Lay out the sums, the notes, and where to pay."""
        pdf_content, left = self._pdf_content, MIDDLE - 12
        size = _STEP * (len(pdf_content.sums) + len(pdf_content.after)) + 16
        self._y += 4
        self._ensure_room(min(size, 180))
        for pair in pdf_content.sums:
            self._ensure_room(_STEP)
            self._sum(pair, left, _BODY)
            self._y += _STEP
        self._ensure_room(_STEP * len(pdf_content.after) + 9)
        self._box(left, self._y - 2.6, RIGHT - left, 0.4, BLACK)
        self._y += 3.2
        self._sum(pdf_content.due, left, 13, bold=True)
        self._y += 6.5
        for pair in pdf_content.after:
            self._sum(pair, left, _BODY)
            self._y += _STEP
        self._y += 2
        for note in pdf_content.notes:
            self._paragraph(note, _SMALL, _NARROW + 0.3, GREY)
        if pdf_content.payment:
            self._payment_band()

    def finished(self) -> list[Page]:
        """Add number and footer to each page, and return the pages."""
        total = len(self._pages)
        for index, page in enumerate(self._pages, 1):
            text = f"Sida {index} ({total})"
            width = self._metrics.width(text, _SMALL)
            page.append(Text(RIGHT - width, 11, text, _SMALL, shade=GREY))
            page += self._footer
            if self._pdf_content.stamp:
                page.insert(0, self._stamp(self._pdf_content.stamp))
        return self._pages

    # pieces of the parts

    def _stamp(self, text: str) -> Stamp:
        """Return a stamp along the diagonal of the page, in its middle."""
        angle, length = atan2(HEIGHT, WIDTH), 0.7 * hypot(WIDTH, HEIGHT)
        size = length / self._metrics.width(text, 1, bold=True)
        # the baseline is half the height of a capital below the diagonal
        below = 0.36 * size * _POINT
        x = WIDTH / 2 - length / 2 * cos(angle) + below * sin(angle)
        y = HEIGHT / 2 + length / 2 * sin(angle) + below * cos(angle)
        return Stamp(x, y, text, size, degrees(angle), _STAMP)

    def _column_positions(self) -> list[tuple[float, float, bool]]:
        """Return the left edge and the width of each column, and whether it holds numbers."""
        columns = self._pdf_content.columns
        free = RIGHT - LEFT - sum(column.width or 0 for column in columns)
        found, x = [], LEFT
        for column in columns:
            width = column.width or free
            found.append((x, width, column.number))
            x += width
        return found

    def _heading(self) -> None:
        self._box(LEFT, self._y - 4.6, RIGHT - LEFT, 6.6, PALE)
        self._cells([column.heading for column in self._pdf_content.columns], _SMALL, bold=True)
        self._y += 7

    def _cells(self, cells: Sequence[str], size: float, *, bold: bool = False) -> None:
        last = len(cells) - 1
        for index, (cell, (x, width, number)) in enumerate(zip(cells, self._columns, strict=True)):
            if not cell:
                continue
            inset, gap = (1.5 if index == 0 else 0.0), (1.5 if index == last else 2.5)
            if number:
                self._fit(x, self._y, cell, size, width - gap, bold=bold, right=True)
            else:
                self._fit(x + inset, self._y, cell, size, width - inset - gap, bold=bold)

    def _row(self, line: Line) -> None:
        at = self._pdf_content.title_at
        x, width, _ = self._columns[at]
        title_only = not any(cell for index, cell in enumerate(line.cells) if index not in (0, at))
        inset = 0.0 if at else 1.5
        width = (RIGHT - x if title_only else width) - inset - 2.5
        titles = list(self._wrapped(line.cells[at], _BODY, width)) or [""]
        # the lines below the title have no numbers beside them
        below = list(self._wrapped(line.below, _SMALL, max(width, RIGHT - 31 - x)))
        self._ensure_room(min(_STEP * len(titles) + _NARROW * len(below), 40), again=True)
        cells = list(line.cells)
        cells[at] = ""
        self._cells(cells, _BODY)
        for text in titles:
            self._ensure_room(0, again=True)
            self._put(x + inset, self._y, text, _BODY)
            self._y += _STEP
        self._y -= 0.6 if below else 0
        for text in below:
            self._ensure_room(0, again=True)
            self._put(x + inset, self._y, text, _SMALL, shade=GREY)
            self._y += _NARROW
        self._y += 1.4

    def _sum(self, pair: Pair, left: float, size: float, *, bold: bool = False) -> None:
        label, value = pair
        width = self._metrics.width(printable(value), size, bold=bold)
        self._fit(left, self._y, label, size, max(RIGHT - left - width - 4.5, 20), bold=bold)
        self._fit(left, self._y, value, size, RIGHT - left - 1.5, bold=bold, right=True)

    def _payment_band(self) -> None:
        """Lay out where to pay, in a band above the footer of the last page."""
        top = self._foot - 23
        if self._y > top - 1:
            self._break()
        self._box(LEFT, top, RIGHT - LEFT, 17, PALE)
        self._box(LEFT, top, 1.2, 17, BLACK)
        values = [printable(value) for _, value in self._pdf_content.payment]
        widths = [min(self._metrics.width(value, 11.5, bold=True), 62.0) for value in values]
        free = RIGHT - LEFT - 8
        gap = max((free - sum(widths)) / len(widths), 5)
        scale = min((free - gap * len(widths)) / sum(widths), 1)
        x = LEFT + 6
        for (label, value), value_width in zip(self._pdf_content.payment, widths, strict=True):
            self._fit(x, top + 6, label, _SMALL, value_width * scale + gap - 2, shade=GREY)
            self._fit(x, top + 12.5, value, 11.5, value_width * scale + 0.1, bold=True)
            x += value_width * scale + gap

    @property
    def _footer(self) -> Page:
        columns = self._pdf_content.footer
        made: Page = [Box(LEFT, self._foot, RIGHT - LEFT, 0.25, LIGHT)]
        each = (RIGHT - LEFT) / max(len(columns), 1)
        for index, lines in enumerate(columns):
            y = self._foot + 4.5
            for number, line in enumerate(lines):
                text, size = self._fitted(line, 7.5, each - 3, bold=number == 0)
                made.append(Text(LEFT + index * each, y, text, size, number == 0, BLACK if number else GREY))
                y += _NARROW
        return made

    # drawing

    def _pairs(self, pairs: Sequence[Pair], x: float, labels: float, width: float) -> None:
        for label, value in pairs:
            self._fit(x, self._y, label, _LABEL, labels - 2, shade=GREY)
            self._fit(x + labels, self._y, value, _BODY, width - labels)
            self._y += _STEP

    def _paragraph(self, text: str, size: float, step: float, shade: int = BLACK) -> None:
        if not text:
            return
        self._y += 2
        for line in self._wrapped(text, size, RIGHT - LEFT):
            self._ensure_room(step)
            self._put(LEFT, self._y, line, size, shade=shade)
            self._y += step

    def _ensure_room(self, height: float, *, again: bool = False) -> None:
        """Begin a new page if this height does not fit. `again` repeats the heading of the rows there."""
        if self._y + height > self._foot - 4:
            self._break()
            if again:
                self._heading()

    def _break(self) -> None:
        self._pages.append([])
        number = next((value for label, value in self._pdf_content.facts if label == "Fakturanummer"), "")
        title = f"{self._pdf_content.title} {number}, {self._pdf_content.creditor}"
        self._y = 20.0
        self._fit(LEFT, self._y, title, _BODY, 140, bold=True)
        self._y += 12

    def _box(self, x: float, y: float, width: float, height: float, shade: int) -> None:
        self._pages[-1].append(Box(x, y, width, height, shade))

    def _put(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, shade: int = BLACK
    ) -> None:
        self._pages[-1].append(Text(x, y, text, size, bold, shade))

    def _fit(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        width: float,
        *,
        bold: bool = False,
        shade: int = BLACK,
        right: bool = False,
    ) -> None:
        """Put a text in one line of at most this width. With `right` it is aligned to the right edge."""
        text, size = self._fitted(text, size, width, bold=bold, whole=right)
        if right:
            x += width - self._metrics.width(text, size, bold=bold)
        self._put(x, y, text, size, bold=bold, shade=shade)

    def _fitted(
        self, text: str, size: float, width: float, *, bold: bool, whole: bool = False
    ) -> tuple[str, float]:
        """Return the text, and a size at which it fits into this width. Unless `whole`, it may be cut."""
        text = printable(text).replace("\n", " ")
        text_width = self._metrics.width(text, size, bold=bold)
        if text_width <= width:
            return text, size
        size = size * width / text_width if whole else max(size * width / text_width, min(_SMALLEST, size))
        while not whole and text and self._metrics.width(text, size, bold=bold) > width + 0.01:
            text = text.removesuffix("…")[:-1] + "…" if len(text) > 1 else ""
        return text, size

    def _wrapped(self, text: str, size: float, width: float) -> Iterator[str]:
        """Yield the lines of a text. A word that is wider than a line is broken."""
        for paragraph in printable(text).split("\n") if text else ():
            line, room = "", width
            for word in paragraph.split(" "):
                word_width = self._width_of(word, size)
                blank = self._width_of(" ", size) if line else 0.0
                if blank + word_width <= room:
                    line, room = f"{line} {word}" if line else word, room - blank - word_width
                    continue
                if line:
                    yield line
                *full, line = self._broken(word, size, width) if word_width > width else [word]
                yield from full
                room = width - self._width_of(line, size)
            yield line

    def _broken(self, word: str, size: float, width: float) -> list[str]:
        parts, room = [""], width
        for letter in word:
            letter_width = self._width_of(letter, size)
            if letter_width > room and parts[-1]:
                parts.append("")
                room = width
            parts[-1] += letter
            room -= letter_width
        return parts

    def _width_of(self, word: str, size: float) -> float:
        known = self._widths.get((word, size))
        if known is None:
            known = self._widths[word, size] = self._metrics.width(word, size)
        return known
