"""The documentation in the dashboard: every page, its anchors and its links."""

import re
import subprocess
import sys

import pytest

from mockserver.ui.documentation import documents
from tests.docs import pages
from tests.server import Server
from tests.ui.pages import load, read

DOCUMENTS = {each.file: each for each in documents()}


def html(server: Server, address: str) -> str:
    answer = load(server, address)
    assert answer.status == 200, address
    return answer.body.decode()


def test_all_pages_are_listed_and_the_readme_is_the_first() -> None:
    assert set(DOCUMENTS) == set(pages.PAGES)
    assert next(iter(DOCUMENTS)) == "README.md"
    assert DOCUMENTS["README.md"].address == "/_mock/ui/docs/"
    assert DOCUMENTS["docs/faults.md"].address == "/_mock/ui/docs/faults"
    assert DOCUMENTS["docs/examples/shop/README.md"].address == "/_mock/ui/docs/examples-shop"


@pytest.mark.parametrize("file", pages.PAGES)
def test_every_link_of_a_page_leads_to_a_page_and_a_heading(server: Server, file: str) -> None:
    page = read(server, DOCUMENTS[file].address)
    assert len(page.ids) == len(set(page.ids))
    assert pages.anchors(file) <= set(page.ids)
    for words, target in page.links:
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        assert path.startswith("/_mock/ui/") or (not path and fragment) or target == "#main", (words, target)
        if path.startswith("/_mock/ui/docs"):
            assert path in {each.address for each in documents()}, (words, target)
        if fragment and fragment != "main":
            there = read(server, path or DOCUMENTS[file].address)
            assert fragment in there.ids, (words, target)


@pytest.mark.parametrize("file", pages.PAGES)
def test_a_page_has_no_inline_style_and_its_blocks_are_whole(server: Server, file: str) -> None:
    source = html(server, DOCUMENTS[file].address)
    assert not re.search(r"<[^>]+ (style|on\w+)=", source)
    assert source.count("<pre") == len(list(pages.blocks(file)))
    page = read(server, DOCUMENTS[file].address)
    for block in pages.blocks(file):
        assert block.text in page.text, block.place


def test_the_page_is_marked_in_the_list(server: Server) -> None:
    source = html(server, "/_mock/ui/docs/faults")
    assert '<a href="/_mock/ui/docs/faults" aria-current="page">Faults</a>' in source
    assert "<title>Faults" in source


def test_cells_are_aligned_by_class_and_headers_have_scopes(server: Server) -> None:
    source = html(server, "/_mock/ui/docs/server")
    assert '<th scope="col">option</th>' in source
    assert "<th></th>" not in source
    assert "<th scope=" in source
    labels = re.findall(r'aria-label="(Table \d+)"', source)
    assert labels
    assert len(labels) == len(set(labels))


def test_a_link_to_a_file_that_is_not_bundled_is_text(server: Server) -> None:
    assert "](benchmarks/README.md)" in pages.text("README.md")
    assert "benchmarks/README.md" not in html(server, "/_mock/ui/docs/")


def test_another_name_is_not_found(server: Server) -> None:
    for name in ("nothing", "README.md", "..", "architecture.md"):
        assert load(server, f"/_mock/ui/docs/{name}").status == 404


def test_what_pages_need_is_imported_when_one_is_requested() -> None:
    """Requests of clients import nothing of it, and only the documentation imports Markdown."""
    program = """
import sys
from tests.server import Server
server = Server()
def loaded():
    return [name for name in ("mockserver.ui", "jinja2", "markdown_it") if name in sys.modules]
server.customer()
server.mock("GET", "/accounts")
for path in ("/", "/_mock/ui/", "/_mock/ui/docs/"):
    print(path, *loaded())
    assert server.run(server.asgi("GET", path, b"", {"accept": "text/html"})).status in (200, 303)
print("end", *loaded())
server.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "/",
        "/_mock/ui/",
        "/_mock/ui/docs/ mockserver.ui jinja2",
        "end mockserver.ui jinja2 markdown_it",
    ]
