"""Resource `settings` (reference: api 4)."""

from decimal import Decimal
from typing import Any

from msgspec import Raw, Struct

from mockserver.api.call import Call, answer
from mockserver.api.rendering import as_float, as_number
from mockserver.core.settings import Settings

_FLOATS = ("default_interest_rate", "default_reminder_fee", "default_invoice_fee")  # [R]
_JSON_TEXTS = ("objects", "reminders_without_fee")


async def fetch(call: Call) -> bytes:
    """`GET /settings`."""
    return answer(render_settings(await call.read(lambda state: state.account.settings)))


def render_settings(settings: Settings) -> dict[str, Any]:
    """The whole object; its values have the shape of the wire already."""
    return _rendered(settings)


def _rendered(value: Struct) -> dict[str, Any]:
    return {
        name: _member(name, getattr(value, name))
        for name in value.__struct_fields__
        if not (name == "objects" and getattr(value, name) is None)  # absent until given [A]
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
