"""A progress bar at a terminal: one line on standard error, erased when the work is done."""

import os
import sys
import threading
from types import TracebackType
from typing import Self

_WIDTH = 30  # characters of the bar itself
_COLUMNS = 80  # assumed width of a terminal whose size is unknown


class Bar:
    """Shows progress during a `with` block. Shows nothing if standard error is not a terminal."""

    def __init__(self) -> None:
        self.visible = sys.stderr is not None and sys.stderr.isatty()
        self._lock = threading.Lock()  # no thread may draw after the bar has been erased
        self._drawn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self.visible = False
            if self._drawn:
                self._write(f"\r{' ' * self._drawn}\r")

    def draw(self, done: float, label: str) -> None:
        """Show the share of the work that is done, from 0 to 1, and a label."""
        full = round(_WIDTH * min(max(done, 0.0), 1.0))
        text = f"[{'#' * full}{'-' * (_WIDTH - full)}] {done:4.0%}  {label}"
        with self._lock:
            if self.visible:
                text = text[: _columns() - 1]
                self._write(f"\r{text.ljust(self._drawn)}")
                self._drawn = len(text)

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS
