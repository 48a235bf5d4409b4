"""`make bench`: measure, tell, and keep the figures in README.md and figures.json."""

import argparse
import signal
import sys
from collections.abc import Callable

from benchmarks import (
    branches,
    kit,
    large,
    life,
    load,
    opening,
    pages,
    papers,
    peers,
    report,
    tabs,
    time,
    waits,
    webhooks,
)
from benchmarks.report import Effort, Figure

MEASURES: tuple[Callable[[Effort], list[Figure]], ...] = (
    load.requests,
    large.account,
    large.memory,
    branches.forks,
    opening.large_account,
    opening.forks,
    pages.pages,
    papers.sending,
    life.start_and_stop,
    webhooks.callbacks,
    time.year,
    tabs.billed,
    waits.waits,
    kit.fixtures,
    kit.others,
    peers.beside,
)

_FULL, _QUICK = Effort(rounds=5, seconds=3), Effort(rounds=1, seconds=1)


def main() -> None:
    """Read the command line, measure everything, and write it down."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run of one second; only shown, not kept")
    parser.add_argument(
        "--only", metavar="NAME", help="only the measures of this module; only shown, not kept"
    )
    given = parser.parse_args()
    quick, only = given.quick, given.only
    effort = _QUICK if quick else _FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # unwinds, so that no server stays behind
    measures = [measure for measure in MEASURES if only in (None, _module(measure))]
    figures = [figure for measure in measures for figure in measure(effort)]
    print(report.table(figures))
    if not (quick or only):
        report.write(figures, effort)


def _module(measure: Callable[[Effort], list[Figure]]) -> str:
    return measure.__module__.rpartition(".")[2]


if __name__ == "__main__":
    main()
