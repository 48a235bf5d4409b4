"""Reports in the format JUnit, which CI servers read."""

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(Struct, frozen=True):
    """A test case; `failure` is the error in one line, or None, and `text` its details.

    `skipped` is the reason why it was not run, or None.
    """

    name: str
    seconds: float
    failure: str | None = None
    text: str = ""
    skipped: str | None = None


def junit(title: str, suite: str, cases: Sequence[Case]) -> str:
    """Return the report of one suite, as XML."""
    failures = sum(each.failure is not None for each in cases)
    skipped = sum(each.skipped is not None for each in cases)
    total = f'tests="{len(cases)}" failures="{failures}" time="{sum(each.seconds for each in cases):.3f}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites name={_quoted(title)} {total}>",
        f'  <testsuite name={_quoted(suite)} errors="0" skipped="{skipped}" {total}>',
    ]
    for each in cases:
        named = f'classname={_quoted(suite)} name={_quoted(each.name)} time="{each.seconds:.3f}"'
        if each.skipped is not None:
            reason = f"<skipped message={_quoted(each.skipped)}/>"
            lines.append(f"    <testcase {named}>{reason}</testcase>")
            continue
        if each.failure is None:
            lines.append(f"    <testcase {named}/>")
            continue
        text = escape(_plain(each.text))
        lines.append(f"    <testcase {named}>")
        lines.append(f"      <failure message={_quoted(each.failure)}>{text}</failure>")
        lines.append("    </testcase>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _plain(text: str) -> str:
    return _NOT_IN_XML.sub("?", text)


def _quoted(text: str) -> str:
    return quoteattr(_plain(text))
