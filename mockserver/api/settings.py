"""Resource `settings` (reference: api 4)."""

from decimal import Decimal
from typing import Any, cast

from msgspec import Raw, Struct

from mockserver.api.call import Call, answer
from mockserver.api.inputs import read_patch
from mockserver.api.rendering import as_float, as_number
from mockserver.api.settings_shapes import SettingsShape
from mockserver.core import accounts
from mockserver.core.act import Act
from mockserver.core.model import replace
from mockserver.core.settings import Settings

_FLOATS = ("default_interest_rate", "default_reminder_fee", "default_invoice_fee")  # [R]
_JSON_TEXTS = ("objects", "reminders_without_fee")

EXAMPLE = {
    "invoices": {
        "default_reminder_fee": 50,
        "automatic_reminders": [{"delay_days": 5, "message": "First reminder"}],
    }
}


async def fetch(call: Call) -> bytes:
    """`GET /settings`: the settings of the account."""
    return answer(render_settings(await call.read(lambda state: state.account.settings)))


async def update(call: Call) -> bytes:
    """`PUT /settings`: changes the settings. They apply at once to objects that are created later [A]."""

    def decide(act: Act) -> None:
        old = act.account.settings
        new = changed_settings(old, call.json(), act.account.first_settings)
        if new != old:
            accounts.change(act, replace(act.account, settings=new))

    act = await call.execute(decide, rule="settings.update")
    return answer(render_settings(act.account.settings))


def changed_settings(old: Settings, body: Any, first: Settings) -> Settings:
    """The settings after a partial update; null resets a member to its default (reference: api 1.8).

    Members without a default are reset to their values at the creation of the account, in `first`.
    """
    return read_patch(Settings, body).over(
        old, Settings(first.name, first.registration_email, first.bookkeeping)
    )


def render_settings(settings: Settings) -> SettingsShape:
    """The settings as the API shows them; the fields already have the names of the wire."""
    return cast("SettingsShape", _rendered(settings))


def _rendered(value: Struct) -> dict[str, Any]:
    return {
        name: _member(name, getattr(value, name))
        for name in value.__struct_fields__
        if not (name == "objects" and getattr(value, name) is None)  # absent until it is set [A]
    }


def _member(name: str, value: Any) -> Any:
    if isinstance(value, Struct):
        return _rendered(value)
    if isinstance(value, tuple):
        return [_rendered(element) for element in value]
    if isinstance(value, Decimal):
        return as_float(value) if name in _FLOATS else as_number(value)
    if name in _JSON_TEXTS:
        return Raw(value.encode())
    return value
