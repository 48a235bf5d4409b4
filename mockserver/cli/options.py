"""The options of `serve`: one table for the command line and the environment variables."""

import json
import os
import re
from collections.abc import Callable, Container, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct


class Option(Struct, frozen=True):
    """One option. `parse` turns its text into the value, or raises ValueError. A switch has no `parse`."""

    name: str
    default: Any
    help: str
    parse: Callable[[str], Any] | None = str
    metavar: str | None = None
    many: bool = False  # the option takes several words

    @property
    def variable(self) -> str:
        """The environment variable that sets the option."""
        return f"MOCKSERVER_{self.name.upper().replace('-', '_')}"

    @property
    def key(self) -> str:
        """The name of the option in Python."""
        return self.name.replace("-", "_")


def fixture(text: str) -> str:
    """The name of a bundled fixture, or a file."""
    from mockserver.stories.library import FIXTURES, NotInLibrary, find

    try:
        find(FIXTURES, text)
    except (NotInLibrary, OSError) as error:
        raise ValueError(str(error)) from None
    return text


def folders(text: str) -> tuple[str, ...]:
    """Folders that exist, separated as in PATH."""
    found = tuple(filter(None, text.split(os.pathsep)))
    for each in found:
        if not Path(each).is_dir():
            raise ValueError(f"there is no directory {each}")
    if not found:
        raise ValueError("must name a folder")
    return found


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that accepts only these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text

    return parse


def host(text: str) -> str:
    """An address to listen on. Empty text is refused: it would mean all addresses."""
    if not text:
        raise ValueError("must be an address")
    return text


def port(text: str) -> int:
    """A port number; 0 picks a free port."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise ValueError("must be a number from 0 to 65535")
    return int(text)


def seed(text: str) -> int:
    """A whole number from which the ids of accounts are drawn: another seed gives other ids."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError("must be a whole number, at most 18 digits")
    return int(text)


def moment(text: str) -> datetime:
    """A moment in ISO 8601 with time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a time such as 2026-03-02T10:00:00+01:00") from None
    if found.tzinfo is None or not 1900 < found.year < 8999:
        raise ValueError("must have a zone, such as 2026-03-02T10:00:00+01:00")
    return found


def database(text: str) -> str:
    """`memory`, or a file in a directory that exists."""
    if not text or "://" in text:
        raise ValueError("must be a file, or memory")
    if text != "memory":
        path = Path(text).absolute()
        try:
            if not path.parent.is_dir():
                raise ValueError(f"there is no directory {path.parent}")
            if path.is_dir():
                raise ValueError(f"{path} is a directory")
        except OSError as error:
            raise ValueError(f"{text} can't be used: {error.strerror}") from None
    return text


def accounts_file(text: str) -> Any:
    """The content of the file: a JSON list."""
    try:
        found = json.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{text} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text} is not JSON: {error}") from None
    if not isinstance(found, list):
        raise ValueError(f"{text} must be a list of accounts")
    return found


_ADDRESS = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?", re.ASCII
)


def address(text: str) -> str:
    """An http or https URL with a host and an optional path."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be an address such as https://mock.example.com")
    if (urlsplit(text).port or 0) > 65535:  # .port itself may raise ValueError
        raise ValueError("must have a port from 0 to 65535")
    return text.rstrip("/")


def receiver(text: str) -> str:
    """An http or https URL for callbacks, or `mock:inbox`, the receiver inside the server."""
    parts = urlsplit(text)  # may raise ValueError
    usable = parts.scheme in ("http", "https") and parts.hostname and not any(map(str.isspace, text))
    if text != "mock:inbox" and not usable:
        raise ValueError("must be an http or https address, or mock:inbox")
    _ = parts.port  # raises ValueError for a bad port
    return text


def sign_key(text: str) -> str:
    """A key for making or checking signatures."""
    if not text or not text.isprintable():  # this also refuses bytes that are not UTF-8
        raise ValueError("must be printable text")
    return text


def patterns(text: str) -> tuple[str, ...]:
    """Host patterns, separated by spaces or commas."""
    found = tuple(text.replace(",", " ").split())
    if not found:
        raise ValueError("must name a host, such as hooks.example.com or *.example.com")
    return found


def auth_status(text: str) -> int:
    """403, or 401 as in Billogram's newer guide."""
    return int(one_of("403", "401")(text))


def token(text: str) -> str:
    """A secret that can be sent in a header."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    return text


OPEN = "none"  # instead of a token: the control plane is open on any address


SERVE: tuple[Option, ...] = (
    Option("host", "127.0.0.1", "address to listen on", host, "ADDRESS"),
    Option("port", 8080, "port to listen on; 0 picks a free one", port, "PORT"),
    Option("database", "memory", "file that stores everything, or memory", database, "FILE"),
    Option("accounts", None, "JSON list of accounts; no others are accepted", accounts_file, "FILE"),
    Option("fixture", None, "fixture to load: the name of a bundled one, or a file", fixture, "NAME"),
    Option("library", None, "folder whose files clients may name as fixtures", folders, "FOLDER", many=True),
    Option("closed", False, "accept only known accounts: unknown credentials create none", None),
    Option("clock", "live", "clock of new accounts: live or frozen", one_of("live", "frozen"), "MODE"),
    Option("now", None, "start time of the clock of new accounts", moment, "TIME"),
    Option("seed", None, "number from which ids are drawn", seed, "N"),
    Option("public-url", None, "address that billograms show instead of the request's host", address, "URL"),
    Option("invalid-auth-status", 403, "status of wrong credentials: 403 or 401", auth_status, "STATUS"),
    Option("control-token", None, "token of the control plane; none leaves it open", token, "TOKEN"),
    Option(
        "allowed-hosts", None, "names that clients may use for the server", patterns, "PATTERN", many=True
    ),
    Option("callback-url", None, "address for callbacks of new accounts, or mock:inbox", receiver, "URL"),
    Option("sign-key", None, "key to sign these callbacks with", sign_key, "KEY"),
    Option("callback-hosts", None, "hosts to which callbacks may be sent", patterns, "PATTERN", many=True),
    Option(
        "log-level",
        "warning",
        "level of messages on standard error",
        one_of("debug", "info", "warning", "error"),
        "LEVEL",
    ),
)


class BadOption(Exception):
    """An option or environment variable has a bad value; the text is the line to show."""


def from_environment(environment: Mapping[str, str], given: Container[str] = ()) -> dict[str, Any]:
    """The values of options that are set by environment variables. Raises BadOption.

    A variable is not read when the option is `given` on the command line, or when a platform wrote it.
    """
    found: dict[str, Any] = {}
    for option in SERVE:
        text = environment.get(option.variable)
        if text is None or option.key in given or _by_platform(option.variable, text):
            continue
        if option.parse is None:
            if text.lower() not in _SWITCH:
                raise BadOption(f"{option.variable}: must be 1 or 0")
            found[option.key] = _SWITCH[text.lower()]
            continue
        try:
            found[option.key] = option.parse(text)
        except ValueError as error:
            raise BadOption(f"{option.variable}: {error}") from None
    return found


_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


def ignored_variables(environment: Mapping[str, str], given: Container[str] = ()) -> list[str]:
    """A line for each variable that looks like one of ours and is ignored.

    The variables that Kubernetes and Docker set for a service of our name are reported only where one of them
    has the name of an option.
    """
    options = {option.variable: option for option in SERVE}
    lines = []
    for name, text in sorted(environment.items()):
        option = options.get(name)
        if not name.upper().startswith(_PREFIX) or (option is not None and option.key in given):
            continue
        if _by_platform(name, text):
            if option is not None:
                lines.append(
                    f"{name}={text} is ignored: Kubernetes or Docker sets it for a service of that name; "
                    f"use --{option.name}"
                )
        elif option is None:
            lines.append(f"{_shown(name)} is ignored: there is no such option{_meant(name, list(options))}")
    return lines


_PREFIX = "MOCKSERVER_"
_ADDRESS_OF_PORT = re.compile(r"(tcp|udp|sctp)://[\w.:\[\]-]+")
_OF_PORT = re.compile(r"MOCKSERVER_(\w+_)?(PORT(_\d+){1,2}_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR|START|END))?)")
_OF_SERVICE = re.compile(r"MOCKSERVER_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)")
_OF_LINK = re.compile(r"MOCKSERVER_(\d+_)?(ENV_.+|NAME)")


def _by_platform(name: str, text: str) -> bool:
    """Whether Kubernetes (service links) or Docker (container links) sets a variable of this form."""
    if name.endswith("_PORT") and _ADDRESS_OF_PORT.fullmatch(text):
        return True
    if _OF_LINK.fullmatch(name):
        return "ENV_" in name or text.startswith("/")
    return bool(_OF_PORT.fullmatch(name) or _OF_SERVICE.fullmatch(name))


def _meant(name: str, known: list[str]) -> str:
    """The variable that a misspelt one resembles, as the end of a line."""
    from difflib import get_close_matches  # when a name is misspelt

    words = name.upper().removeprefix(_PREFIX)
    short = {each.removeprefix(_PREFIX): each for each in known}
    found = get_close_matches(words, short, 1) or [
        each for each in short if set(words.split("_")) & set(each.split("_"))
    ]
    return f"; did you mean {short[found[0]]}?" if found else ""


def _shown(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode() if name.isprintable() else ascii(name)
