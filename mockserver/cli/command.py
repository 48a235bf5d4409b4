"""The command of `mockserver exec`: its environment, its signals and its exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # exit codes, as a shell has them
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


async def run_command(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command with these environment variables added. Returns its exit code, as a shell shows it."""
    try:
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | variables)
    except OSError as error:
        print(f"mockserver exec: {command[0]} can't be run: {error.strerror}", file=sys.stderr)
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    loop = asyncio.get_running_loop()
    for number in _FORWARDED:
        loop.add_signal_handler(number, partial(_forward, process, number))
    code = await process.wait()
    return code if code >= 0 else 128 - code


def _forward(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Let the command decide what a signal does. What is typed at a terminal, the command gets by itself."""
    if number in (signal.SIGINT, signal.SIGQUIT) and sys.stdin is not None and sys.stdin.isatty():
        return
    with suppress(ProcessLookupError):
        process.send_signal(number)
