"""Rules that keep a command safe which talks to a server of Billogram (reference: control 9.1 to 9.3).

The only such server is the sandbox. Everything here is decided before a name is looked up.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mockserver.in_process import InProcessResponse
from mockserver.masking import masked_url
from mockserver.stories.arazzo import Document, Step, Workflow
from mockserver.stories.caller import BASES, BILLOGRAM, NamedOperation
from mockserver.stories.remote import Remote

SANDBOX = "https://sandbox.billogram.com"
USER, KEY = "MOCKSERVER_SANDBOX_USER", "MOCKSERVER_SANDBOX_KEY"
READ, WRITE, SEND = "read", "write", "send"  # levels: what a command may do there

_SENDING = {"send", "resend", "remind", "message", "collect", "sell"}  # commands that reach somebody
_MOST = 4096  # characters of a file of credentials


class Unsafe(Exception):
    """The command would break a rule; the text is the line to show, which has no credentials."""


def is_sandbox(address: str) -> bool:
    """Whether an address is Billogram's sandbox; False for a loopback address. Raises Unsafe for any other.

    The text is compared as a whole, because parts of a URL can look like another host: user information,
    ports, letters of other alphabets.
    """
    base = address.rstrip("/").removesuffix(BASES[BILLOGRAM])
    if base == SANDBOX:
        return True
    if _is_loopback(base):
        return False
    raise Unsafe(
        f"{masked_url(base)} is refused: only {SANDBOX} and loopback addresses such as http://127.0.0.1:8080 "
        "are allowed"
    )


def _is_loopback(base: str) -> bool:
    if not base.isascii() or not base.isprintable() or any(each in base for each in "\\ "):
        return False
    try:
        host = urlsplit(base).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def credentials(file: str | None, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """User name and key of the sandbox: from a file with `name:key`, or from the environment. Raises Unsafe.

    Others must not be able to read or write the file.
    """
    if file is None:
        found = environment.get(USER, ""), environment.get(KEY, "")
        where = f"{USER} and {KEY}"
    else:
        name, _, key = _read(Path(file)).strip().partition(":")
        found, where = (name, key), f"name:key in {file}"
    if not all(found) or not all(each.isprintable() for each in found):
        raise Unsafe(f"the sandbox needs credentials: {where}, or another file with --credentials")
    return found


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise Unsafe(f"{path} can be used by others: chmod 600 {path}")
            return opened.read(_MOST)
    except (OSError, UnicodeDecodeError) as error:
        raise Unsafe(f"{path} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None


def check_level(document: Document, level: str, mailbox: str | None) -> None:
    """Raise Unsafe if a scenario does more than the user has allowed, before anything is sent."""
    needed = max((_level(step) for step in _steps(document)), key=(READ, WRITE, SEND).index, default=READ)
    if (READ, WRITE, SEND).index(needed) > (READ, WRITE, SEND).index(level):
        does, option = ("sends", "--write=send") if needed == SEND else ("writes", "--write")
        raise Unsafe(f"{document.name} {does}: allow it on {SANDBOX} with {option}")
    if needed == SEND and mailbox is None:
        raise Unsafe(f"{document.name} sends: name the address that gets all of it with --mailbox")
    for step in _steps(document):
        _check_body(step.payload)


def _steps(document: Document) -> Iterator[Step]:
    workflow: Workflow
    for workflow in document.workflows.values():
        yield from workflow.steps


def _level(step: Step) -> str:
    if step.operation is None or step.operation.method in ("GET", "HEAD"):
        return READ
    command = step.operation.path.rpartition("/command/")[2]
    sends = command in _SENDING or any(
        name == "command" and value in _SENDING for name, value in _members(step.payload)
    )
    return SEND if sends else WRITE


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """The members of all objects in a JSON value."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield name, each
            yield from _members(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _members(each)


_TO_NOBODY_ELSE = ("Email", "DoNotNotify")


def _check_body(body: Any) -> None:
    for name, value in _members(body):
        known = isinstance(value, str) and not value.startswith("$")  # an expression has no value yet
        if name == "method" and known and value not in _TO_NOBODY_ELSE:
            raise Unsafe(f"{value} goes to an address that you did not name: only Email goes to --mailbox")
        if name == "callbacks" and value:
            raise Unsafe("callbacks go to an address that you did not name")


class SandboxClient(Remote):
    """Sends operations to the sandbox. Each e-mail address in a body is replaced by the mailbox."""

    def __init__(self, address: str, user: str, key: str, mailbox: str | None) -> None:
        super().__init__(address, user, key)
        self._mailbox = mailbox or "nobody@drift.invalid"  # nothing is sent without a mailbox

    async def call(
        self,
        operation: NamedOperation,
        path: Mapping[str, str] = {},
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        body: Any = None,
    ) -> InProcessResponse:
        """Call an operation. Raises Unsafe before anything is sent, or NoServer."""
        _check_body(body)
        return await super().call(operation, path, query, headers, self._redirected(body))

    def _redirected(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: self._mailbox if name == "email" and each else self._redirected(each)
                for name, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._redirected(each) for each in value]
        return value
