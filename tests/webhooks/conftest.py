"""A frozen server with a socket for each file here, and an account of its own for each test."""

from collections.abc import Iterator

import pytest

from mockserver import Mockserver
from tests.webhooks.world import World


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen") as served:
        yield served


@pytest.fixture
def world(server: Mockserver) -> Iterator[World]:
    made = World(server)
    yield made
    made.close()
