"""The accounts that a server creates at its start: those of `--accounts`, and the one of `--fixture`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mockserver.api.settings import changed_settings
from mockserver.control.accounts import AccountBody
from mockserver.control.call import parse_body
from mockserver.control.errors import ControlError
from mockserver.core.settings import new_settings
from mockserver.emulator import Emulator
from mockserver.log.interface import LogFailed
from mockserver.stories.account_endpoints import make
from mockserver.stories.background import in_daemon_thread
from mockserver.stories.operations import OPERATIONS

if TYPE_CHECKING:
    from mockserver.stories.fixtures import Fixture

Listed = Sequence[tuple[AccountBody, "Fixture | None"]]


def read_fixture(name: str) -> "Fixture":
    """Load the fixture of a name or path. Raises ControlError, which describes the first error in it."""
    from mockserver.stories.fixtures import find_fixture  # imports YAML, so only at first use

    return find_fixture(name, OPERATIONS)


def _fixture_of(asked: str | dict[str, Any]) -> "Fixture":
    if isinstance(asked, str):
        return read_fixture(asked)
    from mockserver.stories.fixtures import document_fixture  # imports YAML, so only at first use

    return document_fixture(asked, OPERATIONS)


def id_and_key(fixture: "Fixture") -> tuple[str, str]:
    """Return id and key of the account that a server creates from a fixture at its start."""
    return fixture.account.get("id") or "demo", fixture.account.get("key") or "secret"  # our defaults [A]


async def load_fixture(name: str, emulator: Emulator) -> None:
    """Create the account of the fixture of `--fixture`, unless it exists already. Raises LogFailed."""
    try:
        fixture = await in_daemon_thread(read_fixture, name)
        account, key = id_and_key(fixture)
        body = fixture.body({"id": account, "key": key})
        if await emulator.find(body.id) is None:
            await make(emulator, body, fixture, cause="fixture")
    except ControlError as error:
        raise LogFailed(f"fixture: {error.message}") from None


def read_list(listed: list[Any]) -> Listed:
    """Parse the bodies of a `--accounts` file and their fixtures, before any is created; ControlError."""
    found: list[tuple[AccountBody, Fixture | None]] = []
    names: set[str] = set()
    for data in listed:
        body = parse_body(AccountBody, data)
        fixture = None if body.fixture is None else _fixture_of(body.fixture)
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


async def preload(fixture: str | None, listed: Listed, emulator: Emulator) -> None:
    """Create the account of the fixture, and those listed; existing ones are not changed. LogFailed."""
    if fixture is not None:
        await load_fixture(fixture, emulator)
    for body, found in listed:
        if await emulator.find(body.id) is None:
            await make(emulator, body, found, cause="accounts")
