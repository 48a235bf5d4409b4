"""`mockserver serve`."""

import asyncio
import contextlib
import gc
import ipaddress
import itertools
import json
import logging
import secrets
import shlex
import signal
import sys
from collections.abc import Mapping
from typing import Any

from mockserver.configuration import Configuration
from mockserver.control.errors import ControlError
from mockserver.core.accounts import key_matches
from mockserver.core.refusal import Refusal
from mockserver.emulator import Emulator
from mockserver.log.interface import LogFailed, LogInUse
from mockserver.serving import Listener, new_event_loop
from mockserver.stories.initial_accounts import Listed, id_and_key, preload, read_fixture, read_list

_COULD_NOT = 2
_KEY = "secret"  # of the account in the greeting
_GREETING = """
  mockserver serves {url}
  {who}:

    {request}

  control plane: {control} ({access})
  docs: README.md; of Billogram's API itself: https://docs.billogram.com   stop: Ctrl-C
"""


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
    except _NoAddress as error:
        return _failed(str(error))
    except (ControlError, Refusal) as error:
        return _failed(f"accounts: {error.message}")
    finally:
        # the runner has put the default handlers back: a second signal may not end what has ended in order
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    return 0


class _NoAddress(Exception):
    """The address can't be listened on."""


def _failed(reason: str) -> int:
    print(f"mockserver: {reason}", file=sys.stderr)
    return _COULD_NOT


async def _serve(options: Mapping[str, Any], bodies: Listed) -> None:
    token, made = options["control_token"], False
    if token is None and not _is_loopback(options["host"]):
        token, made = secrets.token_urlsafe(24), True
    configuration = Configuration(
        database=options["database"],
        closed=options["closed"] or options["accounts"] is not None,
        clock=options["clock"],
        now=options["now"],
        seed=options["seed"],
        fixture=options["fixture"],
        control_token=token,
        invalid_auth_status=options["invalid_auth_status"],
        public_url=options["public_url"],
        callback_url=options["callback_url"],
        sign_key=options["sign_key"],
        callback_hosts=_hosts(options),
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listener = Listener(configuration)
    try:
        await listener.open(options["host"], options["port"])
    except OSError as error:
        where = f"{options['host']} port {options['port']}"
        raise _NoAddress(f"can't listen on {where}: {error.strerror}") from error
    try:
        if bodies:  # they are there before anybody is answered
            await preload(listener.emulator, bodies)
        await listener.serve()
        if await _loaded_or_stopped(listener, stop):
            _tell(listener, configuration, token if made else None)
            if sys.stderr.isatty():
                shown = _greeting(listener, token, made, options["fixture"])
                print(shown, file=sys.stderr, flush=True)
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
    with contextlib.suppress(BrokenPipeError):  # nobody reads it
        print(json.dumps(line), flush=True)


def _greeting(listener: Listener, token: str | None, made: bool, fixture: str | None) -> str:
    """For a person: a first request that works, whatever accounts there are. A given token is not shown."""
    url, control = f"{listener.address}/api/v2", f"{listener.address}/_mock"
    shown = token if made else "$TOKEN"
    access = "open" if token is None else f"token: {token}" if made else "with the token it was given"
    emulator = listener.emulator
    known = [name for name in emulator.known() if ":" not in name]
    loaded = None if fixture is None else _loaded(emulator, fixture)
    if loaded is not None:
        who = f"the account {loaded[0]} begins with the fixture {fixture}; its key is {loaded[1]}"
        request = f"curl -u {shlex.quote(':'.join(loaded))} '{url}/billogram?page=1&page_size=5'"
    elif not emulator.defaults.closed:
        who = "any user name with any password is an account"
        request = f"curl -u {_free_name(emulator)}:{_KEY} {url}/settings"
    elif known:
        who = "only known accounts are let in; curl asks for the key of this one"
        request = f"curl -u {shlex.quote(known[0])} {url}/settings"
    else:
        who = "only known accounts are let in, and there is none yet; this makes one"
        if token is not None and not made:
            who += " (TOKEN is the control token)"
        header = "" if token is None else f' -H "Authorization: Bearer {shown}"'
        request = f"""curl{header} {control}/accounts -d '{{"id": "demo", "key": "{_KEY}"}}'"""
    return _GREETING.format(url=url, control=control, who=who, request=request, access=access)


def _loaded(emulator: Emulator, fixture: str) -> tuple[str, str] | None:
    """Id and key of the account of a fixture, if they open it: one that was there may have another key."""
    name, key = id_and_key(read_fixture(fixture))
    account = emulator.known().get(name)
    return (name, key) if ":" not in name and account is not None and key_matches(account, key) else None


def _free_name(emulator: Emulator) -> str:
    """`demo`, or the first like it that this key opens."""
    known = emulator.known()
    for name in itertools.chain(["demo"], (f"demo-{number}" for number in itertools.count(2))):
        account = known.get(name)
        if name not in known or (account is not None and key_matches(account, _KEY)):
            return name
    raise AssertionError("not reached: names don't end")


def _hosts(options: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Where callbacks may go: everywhere while only this machine can reach us, else what is named."""
    named: tuple[str, ...] | None = options["callback_hosts"]
    return () if named is None and not _is_loopback(options["host"]) else named


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
