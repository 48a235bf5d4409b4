"""The command `mockserver`: parses the command line. Each subcommand is imported when it is run."""

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from msgspec.structs import replace

from mockserver.cli.options import (
    SERVE,
    BadOption,
    Option,
    address,
    from_environment,
    ignored_variables,
    port,
    seed,
    sign_key,
    token,
)
from mockserver.masking import masked_urls
from mockserver.version import __version__

_URL = "http://127.0.0.1:8080"
_OPTIONS = {
    "serve": SERVE,
    # several may run at the same time, so each takes a free port
    "exec": [replace(option, default=0) if option.name == "port" else option for option in SERVE],
}


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line with exit code 2, without the usage text."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {masked_urls(message)}", file=sys.stderr)
        raise SystemExit(2)


_PIPE = 141  # exit code, as of a program that SIGPIPE ends


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Parse the command line, run the command, and exit with its code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the output has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end of Python
        code = _PIPE
    raise SystemExit(code)


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    own, program = _split(list(sys.argv[1:] if arguments is None else arguments))
    if own[:1] == ["exec"] and not program and not {"-h", "--help"} & set(own):
        parser.error("exec needs a command after --, such as: mockserver exec -- npm test")
    given = vars(parser.parse_args(own))
    command = given.pop("command")
    if command in _OPTIONS:
        for number in (signal.SIGINT, signal.SIGTERM):  # until the server has handlers of its own
            signal.signal(number, _stopped if command == "serve" else _stopped_early)
        try:
            values = {option.key: option.default for option in _OPTIONS[command]}
            # a bad value is refused before the server is imported
            values |= from_environment(os.environ, given) | given
            ignored = ignored_variables(os.environ, given)
            from mockserver.cli.serve import serve

            code = serve(values, ignored, program)
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
    elif command == "open":
        from mockserver.cli.open_browser import open_browser

        code = open_browser(given["url"], given["account"])
    elif command == "clock":
        from mockserver.cli.clock import clock

        code = clock(given | _control_token(parser, given))
    elif command == "coverage":
        from mockserver.cli.coverage import coverage

        code = coverage(given | _control_token(parser, given))
    elif command == "run":
        from mockserver.cli.run import run

        code = run(given | _control_token(parser, given))
    elif command == "database":
        from mockserver.cli.database import database

        code = database(given)
    else:
        from mockserver.cli.wait import wait

        code = wait(given["url"], given["timeout"])
    return code


def _stopped(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)


def _stopped_early(number: int, frame: object) -> NoReturn:
    """End `exec` before its command was started, which is not a success."""
    raise SystemExit(128 + number)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and the command after `--` of `exec`, which may contain anything."""
    if arguments[:1] != ["exec"] or "--" not in arguments:
        return arguments, []
    end = arguments.index("--")
    return arguments[:end], arguments[end + 1 :]


def _control_token(parser: argparse.ArgumentParser, given: Mapping[str, Any]) -> dict[str, Any]:
    text = os.environ.get("MOCKSERVER_CONTROL_TOKEN")
    if given["control_token"] or not text:
        return {}
    try:
        return {"control_token": token(text)}
    except ValueError as error:
        parser.error(f"MOCKSERVER_CONTROL_TOKEN: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mockserver",
        description="A local mock and sandbox server for the Billogram v2 API",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mockserver {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in (("serve", "run the server"), ("exec", "run a command with a server of its own")):
        usage = "mockserver exec [serve options] -- COMMAND" if name == "exec" else None
        command = commands.add_parser(name, help=text, usage=usage, allow_abbrev=False)
        for option in _OPTIONS[name]:
            _add(command, option)
    wait = commands.add_parser("wait", help="wait until a server is ready", allow_abbrev=False)
    wait.add_argument("--url", default=_URL, help="address of the server (%(default)s)")
    wait.add_argument(
        "--timeout", default="30s", type=_argument_type(_duration), help="how long to wait (%(default)s)"
    )
    browser = commands.add_parser("open", help="open the dashboard in a browser", allow_abbrev=False)
    browser.add_argument("--url", default=_URL, help="address of the server (%(default)s)")
    browser.add_argument("--account", help="id of the account to show; without it the list of accounts")
    openapi = commands.add_parser("openapi", help="print an OpenAPI document", allow_abbrev=False)
    which = openapi.add_mutually_exclusive_group()
    which.add_argument("--control", action="store_true", help="print the document of the control plane")
    which.add_argument("--fixture", action="store_true", help="print the JSON Schema of fixtures")
    _add_listen(commands.add_parser("listen", help="receive and show callbacks", allow_abbrev=False))
    _add_check(
        commands.add_parser(
            "check-receiver", help="test a receiver of callbacks with good and bad ones", allow_abbrev=False
        )
    )
    _add_clock(commands.add_parser("clock", help="show or move the clock of an account", allow_abbrev=False))
    _add_coverage(
        commands.add_parser("coverage", help="show what the traffic has exercised", allow_abbrev=False)
    )
    _add_run(commands.add_parser("run", help="run scenarios", allow_abbrev=False))
    _add_database(commands.add_parser("database", help="check or copy a database", allow_abbrev=False))
    return parser


def _add_database(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("check", "read all records, and list what is damaged"),
        ("compact", "return unused space to the disk; no server may use the database"),
        ("backup", "copy the database, also while a server runs"),
    ):
        action = actions.add_parser(name, help=text, allow_abbrev=False)
        action.add_argument("database", metavar="DB", help="the file of a server")
        if name == "backup":
            action.add_argument("file", metavar="FILE", help="the copy; it must not exist")


def _add_clock(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("show", "show the time and the mode"),
        ("advance", "move the clock forward, and do everything that falls due"),
        ("freeze", "stop the clock"),
        ("live", "let the clock run"),
    ):
        action = actions.add_parser(name, help=text, allow_abbrev=False)
        action.add_argument("--url", default=_URL, help="address of the server (%(default)s)")
        action.add_argument("--account", help="id of the account; not needed if the server has just one")
        action.add_argument(
            "--control-token",
            type=_argument_type(token),
            help="token of the server [MOCKSERVER_CONTROL_TOKEN]",
        )
        if name == "advance":
            action.add_argument(
                "span", help="a span such as 30d, 1mo or PT2H; a moment with time zone; or next"
            )
            action.add_argument("--dry-run", action="store_true", help="only show what would happen")
        if name == "live":
            action.add_argument(
                "--speed", type=_argument_type(_speed), help="how many times as fast as real time"
            )


def _add_coverage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=_URL, help="address of the server (%(default)s)")
    parser.add_argument("--account", help="id of the account; without it all accounts together")
    parser.add_argument(
        "--format",
        choices=("text", "json", "html", "junit"),
        default="text",
        help="what is printed (%(default)s)",
    )
    parser.add_argument(
        "--fail-under",
        type=_argument_type(_percent),
        metavar="PERCENT",
        help="exit with 1 if less of the groups together was exercised",
    )
    parser.add_argument(
        "--group",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="only these groups, with what was never exercised in them",
    )
    parser.add_argument(
        "--control-token", type=_argument_type(token), help="token of the server [MOCKSERVER_CONTROL_TOKEN]"
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", nargs="+", help="name of a bundled scenario, or a file")
    parser.add_argument(
        "--base-url",
        type=_argument_type(address),
        help="address of a server or its API; without it a server is started",
    )
    parser.add_argument(
        "--account",
        type=_argument_type(_credentials),
        help="name:key; without it each scenario has an account of its own",
    )
    parser.add_argument(
        "--credentials", metavar="FILE", help="name:key of the sandbox, in a file that only you can read"
    )
    parser.add_argument(
        "--write",
        nargs="?",
        const="write",
        choices=("write", "send"),
        help="let the scenarios write to the sandbox, or also send",
    )
    parser.add_argument("--mailbox", type=_argument_type(_mailbox), help="who gets what the sandbox sends")
    parser.add_argument(
        "--input",
        type=_argument_type(_input_value),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input of the scenario",
    )
    parser.add_argument("--report", metavar="FILE", help="where a JUnit report is written to")
    parser.add_argument(
        "--control-token", type=_argument_type(token), help="token of the server [MOCKSERVER_CONTROL_TOKEN]"
    )


def _add_listen(parser: argparse.ArgumentParser) -> None:
    for name, default, parse, metavar, text in (
        ("port", 8090, port, "PORT", "port to listen on; 0 picks a free one (default: %(default)s)"),
        ("sign-key", None, sign_key, "KEY", "key to check signatures with"),
        ("respond", 200, _status, "STATUS", "status to answer (default: %(default)s)"),
        ("forward", None, _forward, "URL", "address to forward callbacks to; its status is returned"),
    ):
        parser.add_argument(
            f"--{name}", default=default, type=_argument_type(parse), metavar=metavar, help=text
        )


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="URL", type=_argument_type(_target), help="address of the receiver")
    parser.add_argument(
        "--sign-key",
        required=True,
        type=_argument_type(sign_key),
        help="key that the receiver checks signatures with",
    )
    parser.add_argument(
        "--seed",
        type=_argument_type(seed),
        help="number that ids are drawn from; different in each run by default",
    )
    parser.add_argument(
        "--timeout",
        default="10s",
        type=_argument_type(_timeout),
        help="how long a response may take (%(default)s)",
    )
    parser.add_argument("--report", metavar="FILE", help="where a JUnit report is written to")


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    text = f"{option.help} [{option.variable}]"
    if option.default not in (None, False):
        text += f" (default: {option.default})"
    if option.parse is None:
        parser.add_argument(f"--{option.name}", action="store_true", default=argparse.SUPPRESS, help=text)
        return
    more: dict[str, Any] = {"nargs": "+", "action": _JoinValues} if option.many else {}
    parse = _argument_type(option.parse)
    parser.add_argument(
        f"--{option.name}", type=parse, default=argparse.SUPPRESS, metavar=option.metavar, help=text, **more
    )


class _JoinValues(argparse.Action):
    """Joins the values parsed from several words into one tuple; an option given again adds to it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        earlier = getattr(namespace, self.dest, ())
        setattr(namespace, self.dest, (*earlier, *(value for found in values for value in found)))


def _argument_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Wrap a parser of text so that argparse shows the message of its ValueError."""

    def parse_or_explain(value: str) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_or_explain


def _duration(text: str) -> float:
    from mockserver.core.calendar import absolute

    return absolute(text).total_seconds()


def _timeout(text: str) -> float:
    seconds = _duration(text)
    if not 0 < seconds <= 600:
        raise ValueError("must be above 0s and at most 10m")
    return seconds


def _credentials(text: str) -> tuple[str, str]:
    name, _, key = text.partition(":")
    if not name or not key or not text.isprintable() or "/" in name:
        raise ValueError("must be name:key")
    return name, key


def _mailbox(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError("must be an e-mail address")
    return text


def _input_value(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise ValueError("must be NAME=VALUE")
    return name, value


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= 1_000_000:
        raise ValueError("must be above 0 and at most 1000000")
    return speed


def _percent(text: str) -> float:
    percent = float(text)
    if not 0 <= percent <= 100:
        raise ValueError("must be from 0 to 100")
    return percent


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
