"""`mockserver serve` runs the server until it is stopped, `mockserver exec` for as long as a command runs."""

import asyncio
import contextlib
import gc
import ipaddress
import itertools
import json
import logging
import os
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from mockserver.cli.command import run_command
from mockserver.cli.listening import reason
from mockserver.cli.options import OPEN
from mockserver.configuration import Configuration
from mockserver.control.errors import ControlError
from mockserver.core import banking
from mockserver.core.accounts import key_matches
from mockserver.core.refusal import Refusal
from mockserver.emulator import Emulator
from mockserver.log.interface import LogFailed, LogInUse
from mockserver.masking import masked_url, masked_urls
from mockserver.request_log import Line
from mockserver.serving import Listener, NoThreads, check_threads, new_event_loop
from mockserver.stories import background
from mockserver.stories.initial_accounts import Listed, id_and_key, read_fixture, read_list

logger = logging.getLogger(__name__)

_EXIT_ERROR = 2
_GREETING_KEY = "secret"  # key of the account in the greeting
_GREETING = """
  mockserver serves {url}
  {who}:

    {request}

  control plane: {control} ({access})
  docs: README.md; of Billogram's API itself: https://docs.billogram.com   stop: Ctrl-C
"""


def serve(options: Mapping[str, Any], ignored: Sequence[str] = (), command: Sequence[str] = ()) -> int:
    """Run the server until SIGTERM or Ctrl-C, or while `command` runs. Returns the exit code.

    `ignored`: a line for each environment variable that has no effect.
    """
    _log(options["log_level"].upper())
    for line in ignored:
        logger.warning("%s", line)
    try:
        check_threads()
        bodies = read_list(options["accounts"] or [])
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            code = runner.run(_serve(options, bodies, command))
    except (LogInUse, LogFailed, NoThreads) as error:
        return _error(str(error))
    except _CannotListen as error:
        return _error(str(error))
    except (ControlError, Refusal) as error:
        return _error(f"accounts: {error.message}")
    finally:
        # the runner has restored the default handlers: a second signal must not interrupt the orderly end
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    if background.is_running():  # everything is closed; to free what it has made could take seconds
        os._exit(code)
    return code


class _Formatter(logging.Formatter):
    """Masks URLs in messages and tracebacks, and shows requests with colours at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        if record.args and isinstance(record.args, tuple) and isinstance(record.args[0], Line):
            colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
            return masked_urls(f"{record.levelname} {record.args[0].text(colours)}")
        return masked_urls(super().format(record))


def _log(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    # what the libraries report below a warning is about themselves, and would show secrets
    for name in ("asyncio", "aiosqlite", "aiohttp"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("uvicorn").setLevel(max(logging.ERROR, logging.getLogger().level))


class _CannotListen(Exception):
    """The server can't listen on the address."""


def _error(reason: str) -> int:
    print(f"mockserver: {masked_urls(reason)}", file=sys.stderr)
    return _EXIT_ERROR


async def _serve(options: Mapping[str, Any], bodies: Listed, command: Sequence[str]) -> int:
    token, generated = options["control_token"], False
    if token == OPEN:
        token = None
    elif token is None and not _is_loopback(options["host"]):
        token, generated = secrets.token_urlsafe(24), True
    configuration = Configuration(
        database=options["database"],
        closed=options["closed"] or options["accounts"] is not None,
        clock=options["clock"],
        now=options["now"],
        seed=options["seed"],
        fixture=options["fixture"],
        library=options["library"] or (),
        control_token=token,
        invalid_auth_status=options["invalid_auth_status"],
        public_url=options["public_url"],
        callback_url=options["callback_url"],
        sign_key=options["sign_key"],
        allowed_hosts=(options["host"], *(options["allowed_hosts"] or ())),
        callback_hosts=_callback_hosts(options),
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listener = Listener(configuration, bodies)
    try:
        if not await _unless_stopped(_start(listener, options["host"], options["port"]), stop):
            return _error("stopped before the command was started") if command else 0
        # the calendars of the banks take a while to import: not in the middle of a request
        threading.Thread(target=banking.load, name="mockserver-calendars", daemon=True).start()
        if command:
            _tune_garbage_collector()
            return await run_command(command, _variables(listener, token, options["fixture"]))
        _print_addresses(listener, configuration, token if generated else None)
        if sys.stderr.isatty():
            shown = _greeting(listener, token, generated, options["fixture"])
            print(shown, file=sys.stderr, flush=True)
        _tune_garbage_collector()
        await stop.wait()
    finally:
        await listener.stop()
    return 0


async def _start(listener: Listener, host: str, port: int) -> None:
    try:
        await listener.open(host, port)
    except OSError as error:
        raise _CannotListen(reason(error, host, port)) from error
    await listener.serve()
    await listener.emulator.loaded()


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Whether the work ended before the server was asked to stop, which cancels it."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
        return False
    working.result()
    return not stop.is_set()


def _print_addresses(listener: Listener, configuration: Configuration, generated_token: str | None) -> None:
    """Print the first line on standard output: the addresses of the server, as JSON."""
    line = {
        "url": f"{listener.address}/api/v2",
        "control": f"{listener.address}/_mock",
        "database": masked_url(configuration.database),
    }
    if generated_token is not None:
        line["control_token"] = generated_token
    with contextlib.suppress(BrokenPipeError):  # standard output may be closed
        print(json.dumps(line), flush=True)


def _variables(listener: Listener, token: str | None, fixture: str | None) -> dict[str, str]:
    """The environment variables of a command: the addresses, the token, and credentials that work.

    Credentials that the user has set are kept. There are none if only listed accounts are accepted.
    """
    found = {"BILLOGRAM_URL": f"{listener.address}/api/v2", "MOCK_CONTROL_URL": f"{listener.address}/_mock"}
    if token is not None:
        found["MOCK_CONTROL_TOKEN"] = token
    credentials = None if fixture is None else _fixture_credentials(listener.emulator, fixture)
    if credentials is None and not listener.emulator.defaults.closed:
        credentials = _usable_name(listener.emulator), _GREETING_KEY
    if credentials is not None and not {"BILLOGRAM_USER", "BILLOGRAM_KEY"} & set(os.environ):
        found["BILLOGRAM_USER"], found["BILLOGRAM_KEY"] = credentials
    return found


def _greeting(listener: Listener, token: str | None, generated: bool, fixture: str | None) -> str:
    """The text for a terminal, with a first request that works. It does not show a token set by the user."""
    url, control = f"{listener.address}/api/v2", f"{listener.address}/_mock"
    shown = token if generated else "$TOKEN"
    access = "open" if token is None else f"token: {token}" if generated else "with the token that you set"
    emulator = listener.emulator
    known = [name for name in emulator.known() if ":" not in name]
    loaded = None if fixture is None else _fixture_credentials(emulator, fixture)
    if loaded is not None:
        who = f"the account {loaded[0]} begins with the fixture {fixture}; its key is {loaded[1]}"
        request = f"curl -u {shlex.quote(':'.join(loaded))} '{url}/billogram?page=1&page_size=5'"
    elif not emulator.defaults.closed:
        who = "any user name and password works; the account is created on first use"
        request = f"curl -u {_usable_name(emulator)}:{_GREETING_KEY} {url}/settings"
    elif known:
        who = "only known accounts are accepted; curl asks for the key of this one"
        request = f"curl -u {shlex.quote(known[0])} {url}/settings"
    else:
        who = "only known accounts are accepted, and there is none yet; this creates one"
        if token is not None and not generated:
            who += " (TOKEN is the control token)"
        header = "" if token is None else f' -H "Authorization: Bearer {shown}"'
        request = f"""curl{header} {control}/accounts -d '{{"id": "demo", "key": "{_GREETING_KEY}"}}'"""
    return _GREETING.format(url=url, control=control, who=who, request=request, access=access)


def _fixture_credentials(emulator: Emulator, fixture: str) -> tuple[str, str] | None:
    """Id and key of the fixture's account. None if its key was changed, or if its id can't be a user name."""
    name, key = id_and_key(read_fixture(fixture))
    account = emulator.known().get(name)
    return (name, key) if ":" not in name and account is not None and key_matches(account, key) else None


def _usable_name(emulator: Emulator) -> str:
    """`demo`, or the first of `demo-2`, `demo-3`, … that does not exist or has the key of the greeting."""
    known = emulator.known()
    for name in itertools.chain(["demo"], (f"demo-{number}" for number in itertools.count(2))):
        account = known.get(name)
        if name not in known or (account is not None and key_matches(account, _GREETING_KEY)):
            return name
    raise AssertionError("not reached: the names are endless")


def _callback_hosts(options: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The hosts to which callbacks may be sent. None: all hosts.

    Without the option all hosts are allowed while the server listens on loopback, and none otherwise.
    """
    named: tuple[str, ...] | None = options["callback_hosts"]
    return () if named is None and not _is_loopback(options["host"]) else named


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tune_garbage_collector() -> None:
    """Exclude the objects of the start from garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
