"""Accounts: made, looked at, changed, removed, emptied (reference: control 1)."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args

from pydantic import AfterValidator, Field

from mockserver.control.call import (
    EXACT_DURATION,
    Answer,
    Body,
    ChangeSettings,
    ControlCall,
    Fixture,
    Moment,
    ReadFixture,
    SettingsChanges,
    Zone,
    parse,
)
from mockserver.control.callbacks import (
    AccountCallbacksShape,
    CallbacksBody,
    checked,
    render_callbacks,
)
from mockserver.control.clock import ClockShape, render_clock
from mockserver.control.errors import ControlError
from mockserver.core import accounts, calendar
from mockserver.core.act import Act
from mockserver.core.model import Features, replace
from mockserver.core.settings import new_settings
from mockserver.emulator import AccountExists, Emulator, LiveAccount, NewAccount
from mockserver.schema import Form, one_word


def _account_id(text: str) -> str:
    if not text.isprintable() or "/" in text:
        raise ValueError("1 to 100 printable characters without slash")
    return text


def _delay(text: str) -> str:
    if not timedelta(0) <= calendar.absolute(text) <= _LONGEST_DELAY:
        raise ValueError("must be at most 24h")
    return text


_LONGEST_DELAY = timedelta(hours=24)  # of a PDF [A]
AccountId = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_account_id)]
Key = Annotated[str, Field(min_length=1, max_length=1000)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
FixtureName = Annotated[str, Field(min_length=1, max_length=4000)]  # or the path of one
DueDays = Annotated[int, Field(ge=0, le=365)]
Market = Literal["Sweden", "Norway", "Finland", "Italy"]
Delay = Annotated[str, AfterValidator(_delay), Form(EXACT_DURATION)]


class ClockStart(Body):
    mode: Literal["live", "frozen"] | None = None
    now: Moment | None = None


class FeatureSwitches(Body):
    standalone_credits: bool | None = None
    collection: bool | None = None
    factoring: bool | None = None
    recipient_updated_callback: bool | None = None


class AccountPatch(Body):
    """What of an account can be changed."""

    key: Key | None = None
    timezone: Zone | None = None
    features: FeatureSwitches | None = None
    default_due_days: DueDays | None = None
    settings: SettingsChanges | None = None
    callbacks: CallbacksBody | None = None
    market: Market | None = None
    pdf_delay: Delay | None = None


class AccountBody(AccountPatch):
    """What an account is made with: besides what can be changed later, what it is and where it starts."""

    id: AccountId
    seed: Seed | None = None
    clock: ClockStart | None = None
    fixture: FixtureName | None = None


class ResetBody(Body):
    """What the emptied account starts with; `clock` may go back, as nothing of before is left [A]."""

    seed: Seed | None = None
    fixture: FixtureName | None = None
    clock: ClockStart | None = None


EXAMPLE = {
    "id": "shop",
    "key": "secret",
    "clock": {"mode": "frozen", "now": "2026-03-02T10:00:00+01:00"},
    "settings": {"invoices": {"default_reminder_fee": 45}},
}
CHANGE = {"default_due_days": 14}


class FeaturesShape(TypedDict):
    standalone_credits: bool
    collection: bool
    factoring: bool
    recipient_updated_callback: bool


class CountsShape(TypedDict):
    customers: int
    billograms: int
    acts: int


class RemovedShape(TypedDict):
    id: str


class AccountShape(TypedDict):
    id: str
    key: NotRequired[str]
    seed: int
    generation: int
    clock: ClockShape
    timezone: str
    features: FeaturesShape
    callbacks: AccountCallbacksShape
    default_due_days: int
    market: Annotated[str, Form(one_word(get_args(Market)))]
    pdf_delay: str
    counts: CountsShape


async def _fixture(call: ControlCall, asked: str | None) -> Fixture | None:
    # in a thread: a file is read
    return None if asked is None else await asyncio.to_thread(call.info.read_fixture, asked)


async def listing(call: ControlCall) -> Answer:
    """`GET /_mock/accounts`: lists the accounts."""
    live_accounts = call.emulator.live_accounts
    return Answer(
        await call.emulator.read_all(
            lambda: [render_account(call.emulator, live) for live in live_accounts()]
        )
    )


async def create(call: ControlCall) -> Answer:
    """`POST /_mock/accounts`: makes an account. `key` is shown only here."""
    body = call.read(AccountBody)
    fixture = await _fixture(call, body.fixture)
    if fixture is not None:
        body = fixture.body(call.sent())
    if body.callbacks is not None:
        checked(call, body.callbacks)
    live = await make(call.emulator, body, call.info.change_settings, fixture, cause=call.request_id)
    shown = await shown_account(call.emulator, live)
    if body.key is not None:
        shown["key"] = body.key
    return Answer(shown, 201)


def birth_of(body: AccountBody, change_settings: ChangeSettings) -> NewAccount:
    """What a body says of the account that it makes."""
    start = body.clock or ClockStart()
    settings = body.settings
    return NewAccount(
        id=body.id,
        key=body.key,
        seed=body.seed,
        clock_mode=start.mode,
        now=start.now,
        timezone=body.timezone or "Europe/Stockholm",
        features=Features(**body.features.given()) if body.features else Features(),
        callbacks=None if body.callbacks is None else body.callbacks.settings(),
        default_due_days=30 if body.default_due_days is None else body.default_due_days,
        market=body.market or "Sweden",
        pdf_delay=body.pdf_delay or "0s",
        settings=None if settings is None else lambda new: change_settings(new, settings, new),
    )


async def make(
    emulator: Emulator,
    body: AccountBody,
    change_settings: ChangeSettings,
    fixture: Fixture | None = None,
    *,
    cause: str,
) -> LiveAccount:
    """Make the account that a body describes, and load a fixture into it."""
    birth = birth_of(body, change_settings)
    try:
        if fixture is not None:
            return await fixture.open(emulator, birth)
        return await emulator.open_account(birth, cause=cause)
    except AccountExists as error:
        hint = f"use it, reset it by POST /_mock/accounts/{body.id}/reset, or DELETE it first"
        raise ControlError(409, "account_exists", str(error), hint) from None


async def fetch(call: ControlCall) -> Answer:
    """`GET /_mock/accounts/{a}`: one account."""
    live = await call.live()
    return Answer(await call.emulator.read(live, lambda _: render_account(call.emulator, live)))


async def change(call: ControlCall) -> Answer:
    """`PATCH /_mock/accounts/{a}`: changes an account. What is not sent stays."""
    body = call.read(AccountPatch)
    live = await call.live()
    changes = body.given()
    if body.callbacks is not None:
        changes["callbacks"] = checked(call, body.callbacks)
    key = changes.pop("key", None)
    if key is not None:
        changes["key_hash"] = accounts.hashed(live.id, key)

    def decide(act: Act) -> None:
        if "features" in changes:
            changes["features"] = replace(act.account.features, **changes["features"].given())
        if "settings" in changes:
            old, first = act.account.settings, act.account.first_settings
            changes["settings"] = call.info.change_settings(old, changes["settings"], first)
        if changes:
            accounts.change(act, replace(act.account, **changes))

    await call.emulator.execute(live, decide, cause=call.request_id, rule="account")
    return Answer(await shown_account(call.emulator, live))


async def remove(call: ControlCall) -> Answer:
    """`DELETE /_mock/accounts/{a}`: removes an account and all it holds."""
    live = await call.live()
    await call.emulator.remove(live)
    call.traffic.forget(live.stream)
    return Answer({"id": live.id})


async def reset(call: ControlCall) -> Answer:
    """`POST /_mock/accounts/{a}/reset`: empties an account, or loads a fixture into it.

    What it was made with stays, and without a fixture its clock, unless another one is given.
    """
    body = call.read(ResetBody)
    old = await call.live()
    if body.fixture is not None and body.clock is not None:
        hint = "the fixture says what the clock shows"
        raise ControlError(400, "invalid_body", "clock and fixture exclude each other", hint)
    fixture = await _fixture(call, body.fixture)
    if fixture is None:
        clock = {} if body.clock is None else body.clock.given()
        live = await call.emulator.reset(old, seed=body.seed, cause=call.request_id, **clock)
    else:
        live = await fixture.reset(call.emulator, old, body.seed)
    call.traffic.forget(old.stream)
    return Answer(await shown_account(call.emulator, live))


Listed = list[tuple[AccountBody, Fixture | None]]


def read_list(listed: list[Any], change_settings: ChangeSettings, read_fixture: ReadFixture) -> Listed:
    """The bodies of a `--accounts` file and their fixtures, wholly checked before anything is made."""
    found: Listed = []
    names: set[str] = set()
    for data in listed:
        body = parse(AccountBody, data)
        fixture = None if body.fixture is None else read_fixture(body.fixture)
        if fixture is not None:
            body = fixture.body(data)
        if body.id in names:
            raise ControlError(400, "account_exists", f"account {body.id} is listed twice", "list it once")
        if body.settings is not None:
            new = new_settings(body.id, 2000)
            change_settings(new, body.settings, new)
        names.add(body.id)
        found.append((body, fixture))
    return found


async def preload(emulator: Emulator, listed: Listed, change_settings: ChangeSettings) -> None:
    """Make these accounts; those that the log has already stay as they are."""
    await emulator.loaded()
    for body, fixture in listed:
        if emulator.live(body.id) is None:
            await make(emulator, body, change_settings, fixture, cause="accounts")


async def shown_account(emulator: Emulator, live: LiveAccount) -> AccountShape:
    """The account after a write, even if another one has reset or removed it since."""
    return await emulator.read(live, lambda _: render_account(emulator, live), gone_too=True)


def render_account(emulator: Emulator, live: LiveAccount) -> AccountShape:
    """The account without its key."""
    account, features = live.account, live.account.features
    return {
        "id": account.id,
        "seed": account.seed,
        "generation": account.generation,
        "clock": render_clock(emulator, live),
        "timezone": account.timezone,
        "features": {
            "standalone_credits": features.standalone_credits,
            "collection": features.collection,
            "factoring": features.factoring,
            "recipient_updated_callback": features.recipient_updated_callback,
        },
        "callbacks": render_callbacks(account.callbacks),
        "default_due_days": account.default_due_days,
        "market": account.market,
        "pdf_delay": account.pdf_delay,
        "counts": {
            "customers": len(live.state.customer_order),
            "billograms": len(live.state.bucket().order),
            "acts": live.position,
        },
    }
