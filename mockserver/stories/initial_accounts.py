"""The accounts that a server begins with: those of `--accounts`, and the one of `--fixture`."""

import asyncio
from typing import TYPE_CHECKING, Any

from mockserver.api.settings import changed_settings
from mockserver.control.accounts import AccountBody
from mockserver.control.call import parse_body
from mockserver.control.errors import ControlError
from mockserver.core.settings import new_settings
from mockserver.emulator import Emulator
from mockserver.log.interface import LogFailed
from mockserver.stories.account_endpoints import make
from mockserver.stories.operations import OPERATIONS

if TYPE_CHECKING:
    from mockserver.stories.fixtures import Fixture

Listed = list[tuple[AccountBody, "Fixture | None"]]


def read_fixture(name: str) -> "Fixture":
    """The fixture of this name or path; ControlError says what is wrong with it."""
    from mockserver.stories.fixtures import find_fixture  # with YAML, when it is first asked for

    return find_fixture(name, OPERATIONS)


def id_and_key(fixture: "Fixture") -> tuple[str, str]:
    """Those of the account that a server makes of a fixture when it begins."""
    return fixture.account.get("id") or "demo", fixture.account.get("key") or "secret"  # else ours [A]


async def load_fixture(name: str, emulator: Emulator) -> None:
    """Make the account of the fixture that the server begins with, unless it is there already; LogFailed."""
    try:
        fixture = await asyncio.to_thread(read_fixture, name)
        account, key = id_and_key(fixture)
        body = fixture.body({"id": account, "key": key})
        if await emulator.find(body.id) is None:
            await make(emulator, body, fixture, cause="fixture")
    except ControlError as error:
        raise LogFailed(f"fixture: {error.message}") from None


def read_list(listed: list[Any]) -> Listed:
    """The bodies of a `--accounts` file and their fixtures, wholly checked before anything is made."""
    found: Listed = []
    names: set[str] = set()
    for data in listed:
        body = parse_body(AccountBody, data)
        fixture = None if body.fixture is None else read_fixture(body.fixture)
        if fixture is not None:
            body = fixture.body(data)
        if body.id in names:
            raise ControlError(400, "account_exists", f"account {body.id} is listed twice", "list it once")
        if body.settings is not None:
            new = new_settings(body.id, 2000)
            changed_settings(new, body.settings, new)
        names.add(body.id)
        found.append((body, fixture))
    return found


async def preload(emulator: Emulator, listed: Listed) -> None:
    """Make these accounts; those that the log has already stay as they are."""
    await emulator.loaded()
    for body, fixture in listed:
        if await emulator.find(body.id) is None:
            await make(emulator, body, fixture, cause="accounts")
