"""The project's documentation, rendered from the Markdown files that come with the package."""

import asyncio
import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mockserver import bundled
from mockserver.ui.client import NotShown
from mockserver.ui.page import Page, PageCall, page_url

if TYPE_CHECKING:
    from markdown_it.token import Token

_README = "README.md"
_PICTURES = "docs/pictures"
# the list at the end of the README names every page once
_LISTED = re.compile(r"^- \[([^]]+)\]\((docs/[^)#]+\.md)\)", re.MULTILINE)


class Document(Struct, frozen=True):
    """A page of the documentation: its file below the bundled root, and its title in the list of pages."""

    file: str
    title: str

    @property
    def name(self) -> str:
        """Return its name in addresses: `docs/faults.md` is `faults`; empty for the README."""
        if self.file == _README:
            return ""
        return self.file.removeprefix("docs/").removesuffix(".md").removesuffix("/README").replace("/", "-")

    @property
    def address(self) -> str:
        """Return its address in the dashboard."""
        return page_url("docs", self.name) if self.name else f"{page_url('docs')}/"


async def one(call: PageCall) -> Page:
    """Show a page of the documentation beside the list of all pages."""
    pages = documents()
    name = call.params.get("page", "")
    found = next((each for each in pages if each.name == name), None)
    if found is None:
        raise NotShown(404, "There is no such page in the documentation.")
    html = await asyncio.to_thread(rendered, found)
    return Page("documentation.html", {"pages": pages, "page": found, "html": html})


async def picture(call: PageCall) -> Page:
    """Return a picture of the documentation."""
    file = bundled.root() / _PICTURES / f"{call.params['name']}.png"
    if "/" in call.params["name"] or not file.is_file():
        raise NotShown(404, "There is no such picture in the documentation.")
    return Page(content=file.read_bytes(), content_type="image/png")


@cache
def documents() -> tuple[Document, ...]:
    """Return the pages, in the order in which the README lists them."""
    listed = _LISTED.findall((bundled.root() / _README).read_text(encoding="utf-8"))
    return (Document(_README, "Overview"), *(Document(file, title) for title, file in listed))


@cache
def rendered(page: Document) -> str:
    """Return the HTML of a page, which is ours and therefore trusted."""
    from markdown_it import MarkdownIt  # imported at first use

    reader = MarkdownIt("commonmark").enable("table")
    for name, rule in (("fence", _fence), ("table_open", _table_open), ("table_close", _table_close)):
        reader.add_render_rule(name, rule)
    tokens = reader.parse((bundled.root() / page.file).read_text(encoding="utf-8"))
    _adapt(tokens, page)
    return str(reader.renderer.render(tokens, reader.options, {}))


def _adapt(tokens: "Sequence[Token]", page: Document) -> None:
    """Give ids to headings, lead links to pages, and make tables fit for the style sheet and for readers."""
    addresses = {each.file: each.address for each in documents()}
    seen: dict[str, int] = {}
    tables = count(1)
    for index, token in enumerate(tokens):
        match token.type:
            case "heading_open":
                token.attrSet("id", _anchor(tokens[index + 1].content, seen))
            case "table_open":
                token.meta["number"] = next(tables)
            case "th_open" if tokens[index + 1].content:
                token.attrSet("scope", "col")
            case "th_open":  # an empty header names nothing
                token.tag = tokens[index + 2].tag = "td"
        if "right" in str(token.attrs.pop("style", "")):  # the alignment of a cell
            token.attrSet("class", "number")
        hidden = False
        for inner in token.children or ():
            if inner.type == "link_open":
                target = _target(str(inner.attrs["href"]), page, addresses)
                hidden = target is None
                inner.attrSet("href", target or "")
            if inner.type in ("link_open", "link_close"):
                inner.hidden = hidden
            if inner.type == "image":
                inner.attrSet(
                    "src", page_url("docs", "pictures", posixpath.basename(str(inner.attrs["src"])))
                )
        if token.type == "html_block":  # the picture of the README, which is also for dark pages
            token.content = token.content.replace(_PICTURES, page_url("docs", "pictures"))


def _anchor(title: str, seen: dict[str, int]) -> str:
    """Return the id of a heading as GitHub makes it, so that links with a fragment work in both places."""
    made = re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
    seen[made] = seen.get(made, -1) + 1
    return f"{made}-{seen[made]}" if seen[made] else made


def _target(href: str, page: Document, addresses: Mapping[str, str]) -> str | None:
    """Return where a link leads in the dashboard; None if its file does not come with the package."""
    path, sign, fragment = href.partition("#")
    if not path or "://" in path:
        return href
    file = posixpath.normpath(posixpath.join(posixpath.dirname(page.file), path))
    return f"{addresses[file]}{sign}{fragment}" if file in addresses else None


def _fence(_renderer: Any, tokens: "Sequence[Token]", index: int, _options: Any, _env: Any) -> str:
    """Render a block of code as the macro `code` does; a file name behind the language is its title."""
    name = tokens[index].info.partition(" ")[2]
    title = f'<figcaption class="quiet">{escape(name)}</figcaption>' if name else ""
    return (
        f'<figure class="code">{title}<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>'
        '<button type="button" data-copy hidden>Copy</button></figure>\n'
    )


def _table_open(_renderer: Any, tokens: "Sequence[Token]", index: int, _options: Any, _env: Any) -> str:
    name = f"Table {tokens[index].meta['number']}"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>\n'


def _table_close(_renderer: Any, _tokens: "Sequence[Token]", _index: int, _options: Any, _env: Any) -> str:
    return "</table></div>\n"
