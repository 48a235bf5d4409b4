"""Fixtures of several pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.server import ACCOUNT, KEY, Server
from tests.ui.browser import launch


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with the module, since Playwright's event loop would disturb other tests."""
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    """A server whose account has the fixture `demo`. No test changes it."""
    server = Server()
    assert server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "fixture": "demo"}).status == 201
    yield server
    server.close()


@pytest.fixture
def known(server: Server) -> None:
    """Creates the account by a first request."""
    assert server.get("/settings").status == 200
