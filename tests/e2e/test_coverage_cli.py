"""`mockserver coverage`, run as a command against a server."""

import json
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from mockserver.control import coverage as tables
from tests.e2e.served import COMMAND, PATIENCE, Served, clean_environment


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with Served("--clock", "frozen", "--control-token", "letmein") as running:
        customer = {"name": "A", "contact": {"email": "a@example.com"}}
        running.api("POST", "/customer", customer, user="one")
        running.api("GET", "/customer/1", user="one")
        running.api("GET", "/customer/9", user="one")
        running.api("GET", "/settings", user="two")
        yield running


def coverage(server: Served, *words: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, "coverage", "--url", server.address, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=clean_environment(MOCKSERVER_CONTROL_TOKEN="letmein") | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_table_of_all_accounts(server: Served) -> None:
    code, out, err = coverage(server)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [*tables.universe(), "total"]
    count = len(tables.universe()["operations"])
    share = tables.percent(3, count)
    full = int(30 * share / 100)
    bar = "#" * full + "-" * (30 - full)
    assert lines[0].split() == ["operations", f"3/{count}", f"{share:.1f}", "%", f"[{bar}]"]


def test_one_account_and_one_group_with_what_is_missing(server: Served) -> None:
    code, out, _ = coverage(server, "--account", "two", "--group", "operations", "errors")
    assert code == 0
    count = len(tables.universe()["operations"])
    assert re.match(rf"operations +1/{count} ", out)
    never = out.partition("never exercised, operations:")[2].partition("never exercised, errors:")[0]
    assert "POST /customer," in never
    assert "GET /settings" not in never
    assert "NOT_FOUND" in out.partition("never exercised, errors:")[2]


def test_json_is_the_answer_of_the_control_plane(server: Served) -> None:
    token = {"Authorization": "Bearer letmein"}
    answer = httpx.get(f"{server.address}/_mock/coverage", headers=token).json()
    assert json.loads(coverage(server, "--format", "json")[1]) == answer
    only = json.loads(coverage(server, "--format", "json", "--group", "errors")[1])
    assert only["groups"] == {"errors": answer["groups"]["errors"]}
    assert (only["total"], only["percent"]) == (
        answer["groups"]["errors"]["total"],
        answer["groups"]["errors"]["percent"],
    )


def test_under_a_limit(server: Served) -> None:
    code, out, err = coverage(server, "--fail-under", "50", "--group", "operations")
    share = tables.percent(3, len(tables.universe()["operations"]))
    assert (code, err) == (1, f"mockserver coverage: {share:g} % is under the limit of 50 %\n")
    assert "never exercised, operations:" in out
    assert coverage(server, "--fail-under", f"{share:g}", "--group", "operations")[0] == 0


def test_junit(server: Served) -> None:
    code, out, _ = coverage(server, "--format", "junit", "--fail-under", "50", "--group", "operations")
    assert code == 1
    (suite,) = ElementTree.fromstring(out)  # it is ours
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    items = tables.universe()["operations"]
    assert cases["operations: GET /settings"] == []
    assert cases["operations: POST /billogram"] == ["skipped"]
    assert cases["at least 50 %"] == ["failure"]
    expected = {"tests": str(len(items) + 1), "skipped": str(len(items) - 3), "failures": "1", "errors": "0"}
    assert {name: suite.get(name) for name in expected} == expected


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_page_that_needs_nothing_else(server: Served, tmp_path: Path) -> None:
    code, out, _ = coverage(server, "--format", "html")
    assert code == 0
    page = _Page()
    page.feed(out)
    assert not [tag for tag, _ in page.tags if tag in {"script", "link", "img", "iframe"}]
    assert "://" not in out
    anchors = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    headings = {f"#{attrs['id']}" for tag, attrs in page.tags if tag == "h2"}
    assert anchors == headings == {f"#{name}" for name in tables.universe()}
    assert "<code>POST /customer</code></td><td>1</td>" in out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--account", "nobody"], "there is no account nobody"),
        (["--group", "nothing"], "there is no group nothing; known: operations, commands"),
        (["--url", "http://127.0.0.1:1"], "can't be reached"),
        (["--fail-under", "101"], "must be from 0 to 100"),
        (["--fail-under", "nan"], "must be from 0 to 100"),
        (["--format", "xml"], "invalid choice"),
        (["--control-token", "wrong"], "token"),
    ],
)
def test_it_can_not_run(server: Served, words: list[str], error: str) -> None:
    code, out, err = coverage(server, *words)
    assert (code, out) == (2, "")
    assert error in err
    assert err.count("\n") == 1
