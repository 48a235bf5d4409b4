"""`mockserver`: reads the command line. Each command is imported when it is called."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from mockserver.cli.options import SERVE, BadOption, Option, from_environment
from mockserver.version import __version__


class _Parser(argparse.ArgumentParser):
    """One clear line and exit 2 instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that was asked for, and exit with its code."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    command = given.pop("command")
    if command == "serve":
        from mockserver.cli.serve import serve

        try:
            values = {option.key: option.default for option in SERVE}
            values |= from_environment(os.environ) | given
            code = serve(values)
        except BadOption as error:
            parser.error(str(error))
    else:
        from mockserver.cli.wait import wait

        code = wait(given["url"], given["timeout"])
    raise SystemExit(code)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mockserver",
        description="A local mock and sandbox server for the Billogram v2 API",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mockserver {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="run the server", allow_abbrev=False)
    for option in SERVE:
        _add(serve, option)
    wait = commands.add_parser("wait", help="wait until a server is ready", allow_abbrev=False)
    wait.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server (%(default)s)")
    wait.add_argument("--timeout", default="30s", type=_duration, help="how long to wait (%(default)s)")
    return parser


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    text = f"{option.help} [{option.variable}]"
    if option.default not in (None, False):
        text += f" (default: {option.default})"
    if option.read is None:
        parser.add_argument(f"--{option.name}", action="store_true", default=argparse.SUPPRESS, help=text)
        return
    read = option.read

    def checked(value: str) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    parser.add_argument(
        f"--{option.name}", type=checked, default=argparse.SUPPRESS, metavar=option.metavar, help=text
    )


def _duration(text: str) -> float:
    from mockserver.core.calendar import absolute

    try:
        return absolute(text).total_seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
