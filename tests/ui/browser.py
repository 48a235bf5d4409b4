"""A real browser, Chromium, driven by Playwright, and a server for its pages.

What a page must never do fails every test: an error in the console (a violation of the content security
policy is one), an exception in the script, a request that is not answered. A picture is kept of a page on
which a test fails, in `.screenshots`.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from mockserver import Mockserver

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / ".screenshots"
PATIENCE = 20_000  # milliseconds for what should be there at once, on a busy machine
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def launch(playwright: Playwright) -> Browser:
    """Starts Debian's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "make test installs chromium"
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


class Visitor:
    """Somebody who looks at pages of one server. `problems`: what went wrong on them."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        context.set_default_timeout(PATIENCE)
        self.context = context
        self.address = address
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"{self.page.url}: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            refused = re.search(r"status of (422|401|404|421|503)", message.text)  # shown by the page itself
            if not refused and "ERR_INTERNET_DISCONNECTED" not in message.text:
                self.problems.append(f"{self.page.url}: {message.text}")

    def go(self, path: str) -> None:
        """Opens a page, which must be there."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)

    def axe(self) -> list[str]:
        """What axe finds on the page, by the rules of WCAG 2.2, A and AA."""
        found: dict[str, Any] = Axe().run(self.page, options={"runOnly": RULES}).response
        return [
            f"{self.page.url}: {each['id']}: {node['html'][:200]}: {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]


@contextmanager
def visitor(browser: Browser, server: Mockserver, name: str, **options: Any) -> Iterator[Visitor]:
    """Opens a window of a browser without history. Its problems fail the test."""
    context = browser.new_context(**options)
    found = Visitor(context, server.url.removesuffix("/api/v2"))
    try:
        yield found
        assert found.problems == []
    except BaseException:
        PICTURES.mkdir(exist_ok=True)
        found.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
        raise
    finally:
        context.close()
