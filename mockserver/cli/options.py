"""The options of `serve`: one table, from which the command line and the environment are read."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct


class Option(Struct, frozen=True):
    """One option. `read` turns its text into the value, or raises ValueError; None: it is a switch."""

    name: str
    default: Any
    help: str
    read: Callable[[str], Any] | None = str
    metavar: str | None = None
    many: bool = False  # several words may be given

    @property
    def variable(self) -> str:
        """The environment variable that gives it too."""
        return f"MOCKSERVER_{self.name.upper().replace('-', '_')}"

    @property
    def key(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")


def fixture(text: str) -> str:
    """A name of the library, or a file."""
    from mockserver.stories.library import FIXTURES, NotInLibrary, find

    try:
        find(FIXTURES, text)
    except (NotInLibrary, OSError) as error:
        raise ValueError(str(error)) from None
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text

    return read


def host(text: str) -> str:
    """An address; an empty one would mean all of them."""
    if not text:
        raise ValueError("must be an address")
    return text


def port(text: str) -> int:
    """0 picks a free one."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise ValueError("must be a number from 0 to 65535")
    return int(text)


def seed(text: str) -> int:
    """A number that makes the ids of this server's accounts others than those of another seed."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError("must be a whole number, at most 18 digits")
    return int(text)


def moment(text: str) -> datetime:
    """ISO 8601 with zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a time such as 2026-03-02T10:00:00+01:00") from None
    if found.tzinfo is None or not 1900 < found.year < 8999:
        raise ValueError("must have a zone, such as 2026-03-02T10:00:00+01:00")
    return found


def database(text: str) -> str:
    """`memory`, or a file in a directory that exists."""
    if not text:
        raise ValueError("must be a file, or memory")
    if text != "memory" and not Path(text).absolute().parent.is_dir():
        raise ValueError(f"there is no directory {Path(text).absolute().parent}")
    return text


def accounts_file(text: str) -> Any:
    """What the file holds: a JSON list."""
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
    """http:// or https://, a host, perhaps a path."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be an address such as https://mock.example.com")
    if (urlsplit(text).port or 0) > 65535:  # raises ValueError by itself too
        raise ValueError("must have a port from 0 to 65535")
    return text.rstrip("/")


def receiver(text: str) -> str:
    """An address that callbacks can be posted to, or the receiver inside."""
    parts = urlsplit(text)  # raises ValueError too
    usable = parts.scheme in ("http", "https") and parts.hostname and not any(map(str.isspace, text))
    if text != "mock:inbox" and not usable:
        raise ValueError("must be an http or https address, or mock:inbox")
    _ = parts.port  # raises ValueError when it is none
    return text


def sign_key(text: str) -> str:
    """A key that signatures are made or checked with."""
    if not text or not text.isprintable():  # bytes that are no UTF-8 are not printable either
        raise ValueError("must be printable text")
    return text


def patterns(text: str) -> tuple[str, ...]:
    """Host patterns, between blanks or commas."""
    found = tuple(text.replace(",", " ").split())
    if not found:
        raise ValueError("must name a host, such as hooks.example.com or *.example.com")
    return found


def auth_status(text: str) -> int:
    """403, or 401 as the newer guide has it."""
    return int(one_of("403", "401")(text))


def token(text: str) -> str:
    """A secret that fits in a header."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without blanks")
    return text


SERVE: tuple[Option, ...] = (
    Option("host", "127.0.0.1", "address to listen on", host, "ADDRESS"),
    Option("port", 8080, "port to listen on; 0 picks a free one", port, "PORT"),
    Option("database", "memory", "file that keeps everything, or memory", database, "FILE"),
    Option("accounts", None, "JSON list of accounts; only these are known", accounts_file, "FILE"),
    Option("fixture", None, "account to begin with: a name of the library, or a file", fixture, "NAME"),
    Option("closed", False, "only known accounts: unknown credentials make none", None),
    Option("clock", "live", "clock of new accounts: live or frozen", one_of("live", "frozen"), "MODE"),
    Option("now", None, "what the clock of new accounts shows first", moment, "TIME"),
    Option("seed", None, "number from which ids are drawn", seed, "N"),
    Option("public-url", None, "address that billograms show instead of the request's host", address, "URL"),
    Option("invalid-auth-status", 403, "status of wrong credentials: 403 or 401", auth_status, "STATUS"),
    Option("control-token", None, "token that the control plane wants", token, "TOKEN"),
    Option("callback-url", None, "where callbacks of new accounts go, or mock:inbox", receiver, "URL"),
    Option("sign-key", None, "key that they are signed with", sign_key, "KEY"),
    Option("callback-hosts", None, "hosts that callbacks may go to", patterns, "PATTERN", many=True),
    Option(
        "log-level",
        "warning",
        "what is told on standard error",
        one_of("debug", "info", "warning", "error"),
        "LEVEL",
    ),
)


class BadOption(Exception):
    """An option or variable with a bad value; the text is the line to show."""


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The values that environment variables give."""
    found: dict[str, Any] = {}
    for option in SERVE:
        text = environment.get(option.variable)
        if text is None:
            continue
        if option.read is None:
            if text.lower() not in _SWITCH:
                raise BadOption(f"{option.variable}: must be 1 or 0")
            found[option.key] = _SWITCH[text.lower()]
            continue
        try:
            found[option.key] = option.read(text)
        except ValueError as error:
            raise BadOption(f"{option.variable}: {error}") from None
    return found


_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
