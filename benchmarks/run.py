"""`make bench`: measure, tell, and keep the figures in README.md and figures.json."""

import argparse
import signal
import sys
from collections.abc import Callable

from benchmarks import load, report, webhooks
from benchmarks.report import Effort, Figure

MEASURES: tuple[Callable[[Effort], list[Figure]], ...] = (load.requests, webhooks.callbacks)

_FULL, _QUICK = Effort(rounds=5, seconds=3), Effort(rounds=1, seconds=1)


def main() -> None:
    """Read the command line, measure everything, and write it down."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run of one second; only shown, not kept")
    quick = parser.parse_args().quick
    effort = _QUICK if quick else _FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # unwinds, so that no server stays behind
    figures = [figure for measure in MEASURES for figure in measure(effort)]
    print(report.table(figures))
    if not quick:
        report.write(figures, effort)


if __name__ == "__main__":
    main()
