"""Creates and resets accounts, with or without a fixture (reference: control 1, 4)."""

from typing import TYPE_CHECKING, Any

from mockserver.control.accounts import AccountBody, ResetBody, new_account, shown_account
from mockserver.control.call import Answer, ControlCall
from mockserver.control.callbacks import checked
from mockserver.control.errors import ControlError
from mockserver.emulator import AccountExists, Emulator, LiveAccount
from mockserver.stories import library

if TYPE_CHECKING:
    from mockserver.stories.fixtures import Fixture


async def create(call: ControlCall) -> Answer:
    """`POST /_mock/accounts`: creates an account. Only this answer shows `key`."""
    body = call.typed_body(AccountBody)
    fixture = await _fixture(call, body.fixture)
    if fixture is not None:
        body = fixture.body(call.decoded_body())
    if body.callbacks is not None:
        checked(call, body.callbacks)
    live = await make(call.emulator, body, fixture, cause=call.request_id)
    shown = await shown_account(call.emulator, live)
    if body.key is not None:
        shown["key"] = body.key
    return Answer(shown, 201)


async def reset(call: ControlCall) -> Answer:
    """`POST /_mock/accounts/{a}/reset`: empties an account, and loads a fixture if one is given.

    Its configuration is kept, and without a fixture its clock, unless `clock` is given.
    """
    body = call.typed_body(ResetBody)
    old = await call.live()
    if body.fixture is not None and body.clock is not None:
        hint = "leave clock out: the fixture sets the clock"
        raise ControlError(400, "invalid_body", "clock and fixture exclude each other", hint)
    fixture = await _fixture(call, body.fixture)
    if fixture is None:
        clock = {} if body.clock is None else body.clock.given()
        live = await call.emulator.reset(old, seed=body.seed, cause=call.request_id, **clock)
    else:
        live = await fixture.reset(call.emulator, old, body.seed)
    call.traffic.forget(old.stream)
    return Answer(await shown_account(call.emulator, live))


async def _fixture(call: ControlCall, asked: str | dict[str, Any] | None) -> "Fixture | None":
    if asked is None:
        return None
    if isinstance(asked, dict) and len(call.body.raw) > library.LARGEST:
        hint = f"at most {library.LARGEST} bytes"
        raise ControlError(413, "too_large", "the fixture is too large", hint)
    table, folders = call.info.operations, call.info.configuration.library

    def found() -> "Fixture":
        from mockserver.stories import fixtures  # imports YAML, so only at first use

        if isinstance(asked, dict):
            return fixtures.document_fixture(asked, table)
        return fixtures.named_fixture(asked, folders, table)

    try:
        return await library.in_thread(found)
    except TimeoutError:
        reason = f"the fixture can't be read within {library.LONGEST:g} seconds"
        raise ControlError(400, "fixture", reason, "look at the disk of its folder") from None


async def make(
    emulator: Emulator, body: AccountBody, fixture: "Fixture | None" = None, *, cause: str
) -> LiveAccount:
    """Create the account that a body describes, and load a fixture into it. Raises ControlError."""
    new = new_account(body)
    try:
        if fixture is not None:
            return await fixture.open(emulator, new)
        return await emulator.open_account(new, cause=cause)
    except AccountExists as error:
        hint = f"use it, reset it by POST /_mock/accounts/{body.id}/reset, or DELETE it first"
        raise ControlError(409, "account_exists", str(error), hint) from None
