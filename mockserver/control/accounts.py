"""Reads, changes and removes accounts; the bodies and shapes of accounts (reference: control 1).

`mockserver/stories/account_endpoints.py` creates and resets accounts, as that may load a fixture.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args

from msgspec import Raw
from pydantic import AfterValidator, Field

from mockserver.api.settings import changed_settings
from mockserver.control.call import (
    EXACT_DURATION,
    Answer,
    Body,
    ControlCall,
    Moment,
    SettingsChanges,
    Zone,
)
from mockserver.control.callbacks import (
    AccountCallbacksShape,
    CallbacksBody,
    checked,
    render_callbacks,
)
from mockserver.control.clock import ClockShape, render_clock
from mockserver.core import accounts, calendar
from mockserver.core.act import Act
from mockserver.core.model import Features, replace
from mockserver.emulator import Emulator, LiveAccount, NewAccount
from mockserver.ledger import Overview
from mockserver.schema import Form, one_word, string
from mockserver.wire import encode_rows


def _account_id(text: str) -> str:
    if not text.isprintable() or "/" in text:
        raise ValueError("1 to 100 printable characters without slash")
    return text


def _delay(text: str) -> str:
    if not timedelta(0) <= calendar.absolute(text) <= _LONGEST_DELAY:
        raise ValueError("must be at most 24h")
    return text


def _fixture(value: Any) -> Any:
    if (
        value is None
        or isinstance(value, dict)
        or (isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME)
    ):
        return value
    raise ValueError("must be the name of a fixture, or the fixture itself as an object")


_LONGEST_NAME = 4000  # of a fixture
_LONGEST_DELAY = timedelta(hours=24)  # of a PDF [A]
AccountId = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_account_id)]
ApiKey = Annotated[str, Field(min_length=1, max_length=1000)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# a name of the library, or the fixture itself
FixtureSource = Annotated[
    Any, AfterValidator(_fixture), Form({"anyOf": [string(_LONGEST_NAME), {"type": "object"}]})
]
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
    """The members of an account that can be changed."""

    key: ApiKey | None = None
    timezone: Zone | None = None
    features: FeatureSwitches | None = None
    default_due_days: DueDays | None = None
    settings: SettingsChanges | None = None
    callbacks: CallbacksBody | None = None
    market: Market | None = None
    pdf_delay: Delay | None = None


class AccountBody(AccountPatch):
    """The configuration of a new account: the changeable members, and its id, seed, clock and fixture."""

    id: AccountId
    seed: Seed | None = None
    clock: ClockStart | None = None
    fixture: FixtureSource = None


class ResetBody(Body):
    """What an account starts with after a reset; `clock` may go back, as the account is empty [A]."""

    seed: Seed | None = None
    fixture: FixtureSource = None
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


async def listing(call: ControlCall) -> Answer:
    """`GET /_mock/accounts`: lists the accounts."""
    return Answer(Raw(await encode_rows(await call.emulator.overviews(), render_account)))


def new_account(body: AccountBody) -> NewAccount:
    """Return the account that a body describes, before it is created."""
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
        settings=None if settings is None else lambda new: changed_settings(new, settings, new),
    )


async def fetch(call: ControlCall) -> Answer:
    """`GET /_mock/accounts/{a}`: one account."""
    live = await call.live()
    return Answer(await call.emulator.read(live, lambda _: render_account(call.emulator.overview(live))))


async def change(call: ControlCall) -> Answer:
    """`PATCH /_mock/accounts/{a}`: changes an account. Members that are not sent do not change."""
    body = call.typed_body(AccountPatch)
    live = await call.live()
    changes = body.given()
    if body.callbacks is not None:
        changes["callbacks"] = checked(call, body.callbacks)
    key = changes.pop("key", None)
    if key is not None:
        changes["key_hash"] = accounts.hash_key(live.id, key)

    def decide(act: Act) -> None:
        if "features" in changes:
            changes["features"] = replace(act.account.features, **changes["features"].given())
        if "settings" in changes:
            old, first = act.account.settings, act.account.first_settings
            changes["settings"] = changed_settings(old, changes["settings"], first)
        if changes:
            accounts.change(act, replace(act.account, **changes))

    await call.emulator.execute(live, decide, cause=call.request_id, rule="account")
    return Answer(await shown_account(call.emulator, live))


async def remove(call: ControlCall) -> Answer:
    """`DELETE /_mock/accounts/{a}`: removes an account and all its data."""
    live = await call.live()
    await call.emulator.remove(live)
    call.traffic.forget(live.stream)
    return Answer({"id": live.id})


async def shown_account(emulator: Emulator, live: LiveAccount) -> AccountShape:
    """Render an account after a write, even if another request has reset or removed it since."""
    return await emulator.read(live, lambda _: render_account(emulator.overview(live)), gone_too=True)


def render_account(seen: Overview) -> AccountShape:
    """Render an account; its key is left out."""
    account, features = seen.account, seen.account.features
    return {
        "id": account.id,
        "seed": account.seed,
        "generation": account.generation,
        "clock": render_clock(account, seen.now),
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
            "customers": seen.customers,
            "billograms": seen.billograms,
            "acts": seen.acts,
        },
    }
