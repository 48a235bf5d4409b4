"""Every scenario that comes along, in process."""

import asyncio

import pytest

from mockserver import create_app
from mockserver.stories import arazzo, library, runs
from mockserver.stories.caller import Caller
from mockserver.stories.library import SCENARIOS

NAMES = library.names(SCENARIOS)


@pytest.mark.parametrize("name", NAMES)
def test_it_passes(name: str) -> None:
    document = arazzo.load(library.find(SCENARIOS, name))
    ran = asyncio.run(runs.run(document, Caller(create_app(), "shop"), {}, credentials="Basic Og=="))
    assert ran.failed is None, ran.failed
