"""Fixtures for all tests, and the switch for the long ones."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from mockserver.core import banking
from tests.server import Server

settings.register_profile("test", max_examples=60, deadline=None, print_blob=True)
settings.register_profile("deep", max_examples=1500, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="also what takes longer")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deep: takes longer, only with --deep (make deep)")
    settings.load_profile("deep" if config.getoption("--deep") else "test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--deep"):
        deep = [item for item in items if item.get_closest_marker("deep")]
        config.hook.pytest_deselected(items=deep)
        items[:] = [item for item in items if item not in deep]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector need not look at it again and again."""
    banking.load()  # once, not in each of the suites that tests of the plugin run
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in memory whose new accounts stand at 2026-03-02 10:00 Stockholm."""
    made = Server()
    yield made
    made.close()
