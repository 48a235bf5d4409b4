"""The callback configuration of an account (reference: control 1, webhooks 1)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypedDict
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from mockserver.control.call import DURATION, EXACT_DURATION, Answer, Body, ControlCall
from mockserver.control.errors import ControlError
from mockserver.core import accounts, calendar
from mockserver.core.act import Act
from mockserver.core.callbacks import INBOX, TYPES
from mockserver.core.model import CallbackSettings, replace
from mockserver.schema import Form, one_word, string

_LONGEST_TIMEOUT = 600  # seconds
_MOST_RETRIES = 20
_LONGEST_INTERVAL = timedelta(days=366)
_RESPOND = f"the status that {INBOX} answers: with 500 each attempt fails"
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def _url(text: str) -> str:
    if text != INBOX:
        parts = urlsplit(text)  # raises ValueError for some malformed addresses
        if parts.scheme not in ("http", "https") or not parts.hostname or any(map(str.isspace, text)):
            raise ValueError(f"must be an http or https address, or {INBOX}")
        _ = parts.port  # raises ValueError for an invalid port
    return text


def _timeout(text: str) -> str:
    seconds = calendar.absolute(text).total_seconds()
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise ValueError("must be above 0s and at most 10m")
    return text


def _interval(text: str) -> str:
    if calendar.after(_ANY_MOMENT, text, "UTC") - _ANY_MOMENT > _LONGEST_INTERVAL:
        raise ValueError("must be at most a year")
    return text


def _type(text: str) -> str:
    if text not in TYPES:
        raise ValueError(f"known callback types: {', '.join(TYPES)}")
    return text


_URL = string(
    4000,
    pattern=r"^(mock:inbox|https?://[^\s/?#]+[^\s]*)$",
    description=f"where callbacks are sent: an http or https address, or {INBOX}, the receiver in the server",
)
Url = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_url), Form(_URL)]
Interval = Annotated[str, AfterValidator(_interval), Form(DURATION)]


class CallbacksBody(Body):
    """The whole callback configuration of the account; a member that is left out has its default.

    `respond` is the status that `mock:inbox` answers from now on; a status other than 2xx emulates an outage.
    """

    url: Url | None
    sign_key: Annotated[str, Field(max_length=1000)] | None = None
    require_https: bool = False
    types: list[Annotated[str, AfterValidator(_type), Form(one_word(TYPES))]] | None = None
    timeout: Annotated[str, AfterValidator(_timeout), Form(EXACT_DURATION)] | None = None
    retry_schedule: Annotated[list[Interval], Field(max_length=_MOST_RETRIES)] | None = None
    respond: Annotated[int, Field(ge=200, le=599, strict=True, description=_RESPOND)] = 200

    def settings(self) -> CallbackSettings:
        """Return the settings that the account stores."""
        settings = CallbackSettings(
            url=self.url,
            sign_key=self.sign_key or None,
            require_https=self.require_https,
            types=None if self.types is None else tuple(self.types),
            respond=self.respond,
        )
        if self.timeout is not None:
            settings = replace(settings, timeout=self.timeout)
        if self.retry_schedule is not None:
            settings = replace(settings, retry_schedule=tuple(self.retry_schedule))
        return settings


EXAMPLE = {"url": INBOX, "sign_key": "test-sign-key-1"}


class AccountCallbacksShape(TypedDict):
    url: str | None
    sign_key: str | None
    require_https: bool
    types: list[str]
    timeout: str
    retry_schedule: list[str]
    respond: int


async def fetch(call: ControlCall) -> Answer:
    """`GET …/callbacks`: shows the callback configuration."""
    live = await call.live()
    return Answer(await call.emulator.read(live, lambda state: render_callbacks(state.account.callbacks)))


async def put(call: ControlCall) -> Answer:
    """`PUT …/callbacks`: sets the callback configuration. Pending callbacks keep their address and key."""
    settings = checked(call, call.typed_body(CallbacksBody))
    live = await call.live()

    def decide(act: Act) -> None:
        accounts.change(act, replace(act.account, callbacks=settings))

    await call.emulator.execute(live, decide, cause=call.request_id, rule="callbacks")
    return Answer(render_callbacks(settings))


def checked(call: ControlCall, body: CallbacksBody) -> CallbackSettings:
    """Return the settings of a body. Raises ControlError if callbacks can't be sent to its address."""
    url = body.url
    if url is not None and url != INBOX:
        if body.require_https and not url.lower().startswith("https:"):
            raise ControlError(
                400,
                "invalid_body",
                "url: not https, though require_https is set",
                "send an https address, or leave require_https out",
            )
        if _is_own(call, url):
            raise ControlError(
                400,
                "invalid_body",
                "url: the server itself is not a receiver",
                f"use {INBOX}, the built-in receiver",
            )
    return body.settings()


def _is_own(call: ControlCall, url: str) -> bool:
    """Return whether an address is one under which this client reaches the server, or one it listens on."""
    place = _place(url)
    known = {_place(call.base), _place(f"http://{call.headers.get('host', '')}")}
    if call.info.configuration.public_url is not None:
        known.add(_place(call.info.configuration.public_url))
    host, port = place
    loopback = host == "localhost" or host.startswith("127.") or host == "::1"
    return place in known or (loopback and any(port == own for _, own in call.sender.transport.own))


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return (parts.hostname or "").lower(), port or (443 if parts.scheme == "https" else 80)


def render_callbacks(settings: CallbackSettings) -> AccountCallbacksShape:
    """Render callback settings, with the defaults filled in."""
    return {
        "url": settings.url,
        "sign_key": settings.sign_key,
        "require_https": settings.require_https,
        "types": list(TYPES if settings.types is None else settings.types),
        "timeout": settings.timeout,
        "retry_schedule": list(settings.retry_schedule),
        "respond": settings.respond,
    }
