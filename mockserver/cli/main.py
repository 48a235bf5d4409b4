"""`mockserver`: reads the command line. Each command is imported when it is called."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from mockserver.cli.options import (
    SERVE,
    BadOption,
    Option,
    address,
    from_environment,
    port,
    seed,
    sign_key,
    token,
)
from mockserver.version import __version__

_URL = "http://127.0.0.1:8080"


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
        try:
            values = {option.key: option.default for option in SERVE}
            values |= (
                from_environment(os.environ) | given
            )  # a bad one is refused before the server is imported
            from mockserver.cli.serve import serve

            code = serve(values)
        except BadOption as error:
            parser.error(str(error))
    elif command == "listen":
        from mockserver.cli.listen import listen

        code = listen(given["port"], given["sign_key"], given["respond"], given["forward"])
    elif command == "check-receiver":
        from mockserver.cli.check_receiver import check_receiver

        code = check_receiver(**given)
    elif command == "openapi":
        from mockserver.cli.openapi import openapi

        code = openapi(given["control"], given["fixture"])
    elif command == "clock":
        from mockserver.cli.clock import clock

        code = clock(given | _control_token(given))
    elif command == "run":
        from mockserver.cli.run import run

        code = run(given | _control_token(given))
    elif command == "database":
        from mockserver.cli.database import database

        code = database(given)
    else:
        from mockserver.cli.wait import wait

        code = wait(given["url"], given["timeout"])
    raise SystemExit(code)


def _control_token(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"control_token": given["control_token"] or os.environ.get("MOCKSERVER_CONTROL_TOKEN")}


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
    wait.add_argument("--url", default=_URL, help="address of the server (%(default)s)")
    wait.add_argument(
        "--timeout", default="30s", type=_checked(_duration), help="how long to wait (%(default)s)"
    )
    openapi = commands.add_parser("openapi", help="print an OpenAPI document", allow_abbrev=False)
    which = openapi.add_mutually_exclusive_group()
    which.add_argument("--control", action="store_true", help="the one of the control plane")
    which.add_argument("--fixture", action="store_true", help="the JSON Schema of fixtures instead")
    _add_listen(commands.add_parser("listen", help="receive and show callbacks", allow_abbrev=False))
    _add_check(
        commands.add_parser("check-receiver", help="attack a receiver of callbacks", allow_abbrev=False)
    )
    _add_clock(commands.add_parser("clock", help="show or move the clock of an account", allow_abbrev=False))
    _add_run(commands.add_parser("run", help="run scenarios", allow_abbrev=False))
    _add_database(commands.add_parser("database", help="check or copy a database", allow_abbrev=False))
    return parser


def _add_database(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("check", "read everything, and say what is damaged"),
        ("compact", "give unused space back; no server may run on it"),
        ("backup", "copy it, also while a server runs"),
    ):
        action = actions.add_parser(name, help=text, allow_abbrev=False)
        action.add_argument("database", metavar="DB", help="the file of a server")
        if name == "backup":
            action.add_argument("file", metavar="FILE", help="the copy, which is not there yet")


def _add_clock(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="DEED", required=True)
    for name, text in (
        ("show", "what it shows"),
        ("advance", "move it forward, doing what falls due"),
        ("freeze", "let it stand still"),
        ("live", "let it run"),
    ):
        deed = deeds.add_parser(name, help=text, allow_abbrev=False)
        deed.add_argument("--url", default=_URL, help="address of the server (%(default)s)")
        deed.add_argument("--account", help="id of the account; not needed where there is just one")
        deed.add_argument(
            "--control-token", type=_checked(token), help="token of the server [MOCKSERVER_CONTROL_TOKEN]"
        )
        if name == "advance":
            deed.add_argument("span", help="such as 30d, 1mo or PT2H; a moment with zone; or next")
            deed.add_argument("--dry-run", action="store_true", help="only tell what would happen")
        if name == "live":
            deed.add_argument("--speed", type=_checked(_speed), help="how many times as fast as real time")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", nargs="+", help="name of one that comes along, or a file")
    parser.add_argument(
        "--base-url", type=_checked(address), help="address of a server or its API; else one is started"
    )
    parser.add_argument(
        "--account", type=_checked(_account), help="name:key; else each scenario has an account of its own"
    )
    parser.add_argument(
        "--input", type=_checked(_input), action="append", default=[], metavar="NAME=VALUE", help="an input"
    )
    parser.add_argument("--report", metavar="FILE", help="where a JUnit report is written to")
    parser.add_argument(
        "--control-token", type=_checked(token), help="token of the server [MOCKSERVER_CONTROL_TOKEN]"
    )


def _add_listen(parser: argparse.ArgumentParser) -> None:
    for name, default, read, metavar, text in (
        ("port", 8090, port, "PORT", "port to listen on; 0 picks a free one (default: %(default)s)"),
        ("sign-key", None, sign_key, "KEY", "key that signatures are checked with"),
        ("respond", 200, _status, "STATUS", "status to answer (default: %(default)s)"),
        ("forward", None, _forward, "URL", "where callbacks are passed on to; its status is answered"),
    ):
        parser.add_argument(f"--{name}", default=default, type=_checked(read), metavar=metavar, help=text)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="URL", type=_checked(_target), help="where it takes callbacks")
    parser.add_argument("--sign-key", required=True, type=_checked(sign_key), help="key that it checks with")
    parser.add_argument(
        "--seed", type=_checked(seed), help="number that ids are drawn from: another each time"
    )
    parser.add_argument(
        "--timeout", default="10s", type=_checked(_patience), help="how long an answer may take (%(default)s)"
    )
    parser.add_argument("--report", metavar="FILE", help="what came of it, as JUnit XML")


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    text = f"{option.help} [{option.variable}]"
    if option.default not in (None, False):
        text += f" (default: {option.default})"
    if option.read is None:
        parser.add_argument(f"--{option.name}", action="store_true", default=argparse.SUPPRESS, help=text)
        return
    more: dict[str, Any] = {"nargs": "+", "action": _Joined} if option.many else {}
    read = _checked(option.read)
    parser.add_argument(
        f"--{option.name}", type=read, default=argparse.SUPPRESS, metavar=option.metavar, help=text, **more
    )


class _Joined(argparse.Action):
    """Several words, of each of which some values were read."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, tuple(value for found in values for value in found))


def _checked(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same, so that argparse shows the text of its ValueError."""

    def checked(value: str) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _duration(text: str) -> float:
    from mockserver.core.calendar import absolute

    return absolute(text).total_seconds()


def _patience(text: str) -> float:
    seconds = _duration(text)
    if not 0 < seconds <= 600:
        raise ValueError("must be above 0s and at most 10m")
    return seconds


def _account(text: str) -> tuple[str, str]:
    name, _, key = text.partition(":")
    if not name or not key or not text.isprintable() or "/" in name:
        raise ValueError("must be name:key")
    return name, key


def _input(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise ValueError("must be NAME=VALUE")
    return name, value


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= 1_000_000:
        raise ValueError("must be above 0 and at most 1000000")
    return speed


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 3 and 200 <= int(text) < 600):
        raise ValueError("must be a number from 200 to 599")
    return int(text)


def _target(text: str) -> Any:
    from mockserver.cli.listen import target_of

    return target_of(text)


def _forward(text: str) -> str:
    _target(text)
    return text
