"""`mockserver serve`."""

import asyncio
import gc
import ipaddress
import json
import logging
import secrets
import signal
import sys
from collections.abc import Mapping
from typing import Any

from mockserver.app import Configuration
from mockserver.control.accounts import AccountBody, preload, read_list
from mockserver.control.errors import ControlError
from mockserver.log.interface import LogFailed, LogInUse
from mockserver.serving import Listener, new_event_loop

_COULD_NOT = 2


def serve(options: Mapping[str, Any]) -> int:
    """Run the server until SIGTERM or Ctrl-C; the exit code."""
    logging.basicConfig(
        level=options["log_level"].upper(), stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(max(logging.ERROR, logging.getLogger().level))
    try:
        bodies = read_list(options["accounts"] or [])
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            runner.run(_serve(options, bodies))
    except (LogInUse, LogFailed) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"can't listen on {options['host']} port {options['port']}: {error.strerror}")
    except ControlError as error:
        return _failed(f"accounts: {error.message}")
    return 0


def _failed(reason: str) -> int:
    print(f"mockserver: {reason}", file=sys.stderr)
    return _COULD_NOT


async def _serve(options: Mapping[str, Any], bodies: list[AccountBody]) -> None:
    token, made = options["control_token"], False
    if token is None and not _is_loopback(options["host"]):
        token, made = secrets.token_urlsafe(24), True
    configuration = Configuration(
        database=options["database"],
        closed=options["closed"] or options["accounts"] is not None,
        clock=options["clock"],
        now=options["now"],
        seed=options["seed"],
        control_token=token,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listener = Listener(configuration)
    await listener.open(options["host"], options["port"])
    try:
        if bodies:  # they are there before anybody is answered
            await preload(listener.emulator, bodies)
        await listener.serve()
        _tell(listener, configuration, token if made else None)
        if await _loaded_or_stopped(listener, stop):
            _settle_memory()
            await stop.wait()
    finally:
        await listener.stop()


async def _loaded_or_stopped(listener: Listener, stop: asyncio.Event) -> bool:
    loading = asyncio.ensure_future(listener.emulator.loaded())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not loading.done():
        loading.cancel()
        return False
    loading.result()
    return not stop.is_set()


def _tell(listener: Listener, configuration: Configuration, made_token: str | None) -> None:
    """The first line on standard output: where the server is, for whoever started it."""
    line = {
        "url": f"{listener.address}/api/v2",
        "control": f"{listener.address}/_mock",
        "database": configuration.database,
    }
    if made_token is not None:
        line["control_token"] = made_token
    print(json.dumps(line), flush=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _settle_memory() -> None:
    """What the start made stays: the collector need not look at it, nor so often at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
