"""`mockserver coverage`: shows what the traffic of clients has exercised, over the control plane."""

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mockserver import coverage_report
from mockserver.cli.control_plane import CannotRun, ask
from mockserver.coverage_report import UnknownGroup
from mockserver.masking import masked_urls

_EXIT_UNDER, _EXIT_ERROR = 1, 2


def coverage(given: Mapping[str, Any]) -> int:
    """Print the coverage. Returns 0, 1 if it is under the limit, or 2 if the command is not possible."""
    limit = given["fail_under"]
    try:
        account = given["account"]
        path = "/coverage" if account is None else f"/accounts/{quote(account, safe='')}/coverage"
        shown = coverage_report.chosen(ask(given, "GET", path), given["group"])
    except (CannotRun, UnknownGroup) as failure:
        print(f"mockserver coverage: {masked_urls(str(failure))}", file=sys.stderr)
        return _EXIT_ERROR
    under = limit is not None and shown["percent"] < limit
    match given["format"]:
        case "json":
            print(coverage_report.json(shown))
        case "html":
            print(coverage_report.html(shown))
        case "junit":
            print(coverage_report.junit(shown, limit), end="")
        case _:
            for line in coverage_report.text(shown, missing=under or bool(given["group"])):
                print(line)
    if under:
        print(f"mockserver coverage: {coverage_report.verdict(shown, limit)}", file=sys.stderr)
    return _EXIT_UNDER if under else 0
