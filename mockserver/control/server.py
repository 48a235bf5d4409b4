"""The server itself: health, readiness, information, OpenAPI document (reference: control 1)."""

import asyncio
from time import monotonic
from typing import Literal, TypedDict

from msgspec import Raw

from mockserver.configuration import Configuration
from mockserver.control.call import Answer, ControlCall
from mockserver.control.errors import ControlError
from mockserver.ledger import Overview
from mockserver.masking import masked_url
from mockserver.version import __version__
from mockserver.wire import encode


class HealthShape(TypedDict):
    status: Literal["ok"]


class ReadyShape(TypedDict):
    status: Literal["ready"]


class InfoCountsShape(TypedDict):
    accounts: int
    billograms: int
    acts: int


class ConfigurationShape(TypedDict):
    """The configuration of the server, without secrets."""

    database: str
    closed: bool
    clock: str
    now: str | None
    seed: int | None
    invalid_auth_status: int
    public_url: str | None
    control_token: bool
    fixture: str | None
    library: list[str]
    callback_url: str | None
    sign_key: bool
    allowed_hosts: list[str]
    callback_hosts: list[str] | None


class ServerInfoShape(TypedDict):
    version: str
    uptime: float
    storage: str
    counts: InfoCountsShape
    configuration: ConfigurationShape


async def health(call: ControlCall) -> Answer:
    """`GET /_mock/health`: answers when the process is running."""
    return Answer({"status": "ok"})


async def ready(call: ControlCall) -> Answer:
    """`GET /_mock/ready`: answers 200 when the log is loaded and can be written, else 503."""
    trouble = call.emulator.trouble
    if trouble is not None:
        raise ControlError(
            503, "not_ready", trouble, "ask again; GET /_mock/health answers while the process is running"
        )
    return Answer({"status": "ready"})


async def info(call: ControlCall) -> Answer:
    """`GET /_mock/info`: shows version, storage, counts and configuration."""
    counts = _counts(await call.emulator.overviews())
    shown: ServerInfoShape = {
        "version": __version__,
        "uptime": round(monotonic() - call.info.started, 3),
        "storage": masked_url(call.emulator.log.name),
        "counts": counts,
        "configuration": _configuration(call.info.configuration),
    }
    return Answer(shown)


async def document(call: ControlCall) -> Answer:
    """`GET /_mock/openapi.json`: returns this OpenAPI document."""

    def made() -> bytes:
        from mockserver.control.openapi import document  # imported at first use

        token = call.info.configuration.control_token is not None
        return encode(document(call.info.operations, call.base, token=token))

    # in a thread: it would block other requests for too long
    return Answer(Raw(await asyncio.to_thread(made)))


def _configuration(made: Configuration) -> ConfigurationShape:
    return {
        "database": masked_url(made.database),
        "closed": made.closed,
        "clock": made.clock,
        "now": None if made.now is None else made.now.isoformat(),
        "seed": made.seed,
        "fixture": made.fixture,
        "library": list(made.library),
        "invalid_auth_status": made.invalid_auth_status,
        "public_url": None if made.public_url is None else masked_url(made.public_url),
        "control_token": made.control_token is not None,
        "callback_url": None if made.callback_url is None else masked_url(made.callback_url),
        "sign_key": made.sign_key is not None,
        "allowed_hosts": list(made.allowed_hosts),
        "callback_hosts": None if made.callback_hosts is None else list(made.callback_hosts),
    }


def _counts(accounts: list[Overview]) -> InfoCountsShape:
    return {
        "accounts": len(accounts),
        "billograms": sum(each.billograms for each in accounts),
        "acts": sum(each.acts for each in accounts),
    }
