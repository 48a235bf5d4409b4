"""A progress bar at a terminal: one line of standard error, gone when the work is done."""

import os
import sys
import threading
from types import TracebackType
from typing import Self

_WIDTH = 30  # characters of the bar itself
_COLUMNS = 80  # of a terminal that does not say


class Bar:
    """For the length of a `with` block; where standard error is no terminal nothing is shown."""

    def __init__(self) -> None:
        self.visible = sys.stderr is not None and sys.stderr.isatty()
        self._lock = threading.Lock()  # what is erased must stay erased, whoever still draws
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

    def draw(self, done: float, said: str) -> None:
        """So much of 1 is done, and a few words."""
        full = round(_WIDTH * min(max(done, 0.0), 1.0))
        text = f"[{'#' * full}{'-' * (_WIDTH - full)}] {done:4.0%}  {said}"
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
