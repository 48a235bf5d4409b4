"""Reports of coverage: as text with bars, as a page, as JUnit; and several coverages added up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from html import escape
from json import dumps
from textwrap import wrap
from typing import Any

from mockserver.control.coverage import SeenShape, coverage_of, percent
from mockserver.stories.junit import Case
from mockserver.stories.junit import junit as as_junit

Coverage = Mapping[str, Any]  # the answer of `GET …/coverage`

_BAR = 30  # characters
_WIDTH = 100


class UnknownGroup(ValueError):
    """There is no group of this name."""


def chosen(shown: Coverage, names: Sequence[str] | None) -> Coverage:
    """Return the coverage of these groups alone, of all of them without names. Raises UnknownGroup."""
    if names is None:
        return shown
    groups = shown["groups"]
    for name in names:
        if name not in groups:
            raise UnknownGroup(f"there is no group {name}; known: {', '.join(groups)}")
    return _of_groups(shown["account"], {name: groups[name] for name in groups if name in names})


def matching(shown: Coverage, patterns: Sequence[str]) -> Coverage:
    """Return the items alone that match one of these patterns, such as `commands: credit *`."""
    groups: dict[str, Any] = {}
    for name, group in shown["groups"].items():

        def matches(item: str, name: str = name) -> bool:
            return any(fnmatchcase(f"{name}: {item}", pattern) for pattern in patterns)

        seen = [each for each in group["seen"] if matches(each["item"])]
        missing = [item for item in group["not_seen"] if matches(item)]
        if seen or missing:
            groups[name] = {
                "title": group["title"],
                "total": f"{len(seen)}/{len(seen) + len(missing)}",
                "percent": percent(len(seen), len(seen) + len(missing)),
                "seen": seen,
                "not_seen": missing,
            }
    return _of_groups(shown["account"], groups)


def merged(parts: Iterable[Coverage]) -> Coverage:
    """Return several coverages added up, such as those of several servers of this version."""
    found: dict[tuple[str, str], SeenShape] = {}
    for part in parts:
        for name, group in part["groups"].items():
            for each in group["seen"]:
                known = found.get((name, each["item"]))
                if known is None:
                    found[name, each["item"]] = each.copy()
                else:
                    known["count"] += each["count"]
    return coverage_of(None, found)


def _of_groups(account: str | None, groups: Mapping[str, Any]) -> Coverage:
    seen = sum(len(group["seen"]) for group in groups.values())
    count = seen + sum(len(group["not_seen"]) for group in groups.values())
    return {
        "account": account,
        "total": f"{seen}/{count}",
        "percent": percent(seen, count),
        "groups": groups,
    }


def verdict(shown: Coverage, limit: float) -> str:
    """Return how the percentage compares with a limit that it does not reach."""
    return f"{shown['percent']:g} % is under the limit of {limit:g} %"


def text(shown: Coverage, *, missing: bool) -> Iterator[str]:
    """The lines of a table with bars; with `missing` also what was never exercised, by group."""
    rows = [(name, group["total"], group["percent"]) for name, group in shown["groups"].items()]
    rows.append(("total", shown["total"], shown["percent"]))
    width = max(len(name) for name, *_ in rows)
    for name, total, share in rows:
        full = int(_BAR * share / 100)  # a full bar means everything
        yield f"{name:{width}}  {total:>7}  {share:5.1f} %  [{'#' * full}{'-' * (_BAR - full)}]"
    if missing:
        yield from never_exercised(shown)


def never_exercised(shown: Coverage) -> Iterator[str]:
    """The lines that list what was not seen, by group."""
    for name, group in shown["groups"].items():
        if group["not_seen"]:
            yield ""
            yield f"never exercised, {name}:"
            yield from wrap(
                ", ".join(group["not_seen"]),
                _WIDTH,
                initial_indent="  ",
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )


def json(shown: Coverage) -> str:
    """The coverage as indented JSON."""
    return dumps(shown, indent=2, ensure_ascii=False)


def junit(shown: Coverage, limit: float | None) -> str:
    """A JUnit report: a test case for each item, skipped if it was never exercised, and one for the limit."""
    cases = []
    for name, group in shown["groups"].items():
        cases += [Case(f"{name}: {each['item']}", 0.0) for each in group["seen"]]
        cases += [Case(f"{name}: {item}", 0.0, skipped="never exercised") for item in group["not_seen"]]
    if limit is not None:
        failure = verdict(shown, limit) if shown["percent"] < limit else None
        missing = "\n".join(never_exercised(shown)).strip()
        cases.append(Case(f"at least {limit:g} %", 0.0, failure, missing))
    return as_junit("mockserver coverage", "coverage", cases)


def html(shown: Coverage) -> str:
    """A page that needs nothing else: no style sheet, script or picture of another file."""
    account = "all accounts" if shown["account"] is None else f"account {shown['account']}"
    rows = "\n".join(_html_row(name, group) for name, group in shown["groups"].items())
    details = "\n".join(_html_group(name, group) for name, group in shown["groups"].items())
    return _PAGE.format(
        account=escape(account), total=shown["total"], percent=shown["percent"], rows=rows, details=details
    )


def _html_row(name: str, group: Mapping[str, Any]) -> str:
    title, total, share = escape(group["title"]), group["total"], group["percent"]
    meter = f'<meter min="0" max="100" value="{share:g}" aria-hidden="true"></meter>'
    return (
        f'<tr><th scope="row"><a href="#{name}">{title}</a></th>'
        f"<td>{total}</td><td>{share:g} %</td><td>{meter}</td></tr>"
    )


def _html_group(name: str, group: Mapping[str, Any]) -> str:
    missing = "".join(f"<li><code>{escape(item)}</code></li>" for item in group["not_seen"])
    seen = "".join(
        f"<tr><td><code>{escape(each['item'])}</code></td><td>{each['count']}</td>"
        f"<td><code>{escape(each['example'] or '')}</code></td></tr>"
        for each in group["seen"]
    )
    head = '<tr><th scope="col">Exercised</th><th scope="col">Count</th><th scope="col">Example</th></tr>'
    table = f"<table><thead>{head}</thead><tbody>{seen}</tbody></table>" if seen else ""
    never = f"<h3>Never exercised</h3><ul>{missing}</ul>" if missing else ""
    return f'<section><h2 id="{name}">{escape(group["title"])}: {group["total"]}</h2>{never}{table}</section>'


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Coverage of Billogram's API: {percent:g} %</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }}
td:nth-child(n + 2) {{ white-space: nowrap; }}
ul {{ columns: 20rem; padding-left: 1.25rem; }}
code {{ overflow-wrap: anywhere; }}
meter {{ width: 10rem; max-width: 30vw; }}
</style>
</head>
<body>
<h1>Coverage of Billogram's API: {total}, {percent:g} %</h1>
<p>What the traffic of {account} has exercised, and what it has not.</p>
<table>
<thead>
<tr><th scope="col">Group</th><th scope="col">Seen</th><th scope="col">Percent</th><td></td></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
{details}
</body>
</html>"""
