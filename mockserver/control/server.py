"""The server itself: is it there, is it ready, what is it (reference: control 1)."""

import asyncio
from time import monotonic
from typing import Literal, TypedDict

from msgspec import Raw

from mockserver.control.call import Answer, ConfigurationShape, ControlCall
from mockserver.control.errors import ControlError
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


class ServerInfoShape(TypedDict):
    version: str
    uptime: float
    storage: str
    counts: InfoCountsShape
    configuration: ConfigurationShape


async def health(call: ControlCall) -> Answer:
    """`GET /_mock/health`: the process serves."""
    return Answer({"status": "ok"})


async def ready(call: ControlCall) -> Answer:
    """`GET /_mock/ready`: the log is replayed and can be written."""
    trouble = call.emulator.trouble
    if trouble is not None:
        raise ControlError(503, "not_ready", trouble, "ask again; GET /_mock/health tells whether it serves")
    return Answer({"status": "ready"})


async def info(call: ControlCall) -> Answer:
    """`GET /_mock/info`: what the server is and holds."""
    counts = await call.emulator.read_all(lambda: _counts(call))
    shown: ServerInfoShape = {
        "version": __version__,
        "uptime": round(monotonic() - call.info.started, 3),
        "storage": call.emulator.log.name,
        "counts": counts,
        "configuration": call.info.configuration,
    }
    return Answer(shown)


async def document(call: ControlCall) -> Answer:
    """`GET /_mock/openapi.json`: this document."""
    # in a thread: it is made when it is first asked for, which takes longer than others should wait
    return Answer(Raw(await asyncio.to_thread(lambda: encode(call.info.document(call.base)))))


def _counts(call: ControlCall) -> InfoCountsShape:
    live_accounts = list(call.emulator.live_accounts())
    return {
        "accounts": len(live_accounts),
        "billograms": sum(len(live.state.bucket().order) for live in live_accounts),
        "acts": sum(live.position for live in live_accounts),
    }
