"""The same action as a command for a shell, and as Python with the test kit."""

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from mockserver.ui.client import API
from mockserver.wire import decode, encode


def curl(
    base: str,
    account: str,
    method: str,
    path: str,
    body: Any,
    *,
    token: bool,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Return a curl command. `$KEY` stands for the key of the account, `$TOKEN` for the control token."""
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    if path.startswith(f"{API}/"):
        parts.append(f'-u {shlex.quote(account)}:"$KEY"')
    elif token:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    parts.append(shlex.quote(base + path))
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in (headers or {}).items()]
    if body not in (None, {}):
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"-d {shlex.quote(encode(body).decode())}")
    return " ".join(parts)


def python(account: str, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> str:
    """Return a line of Python for a test that has the fixture `billogram`."""
    sent = "" if body in (None, {}) else f", {_literal(body)}"
    if path.startswith(f"{API}/"):
        named = f", json={_literal(body)}" if sent else ""
        named += f", headers={_literal(dict(headers))}" if headers else ""
        return f"billogram.http.request({method!r}, {unquote(path.removeprefix(API))!r}{named})"
    own = f"/_mock/accounts/{account}/"
    plain = unquote(path)
    if not plain.startswith(own):
        return f"billogram.server.control({method!r}, {plain.removeprefix('/_mock')!r}{sent})"
    rest = plain.removeprefix(own)
    if rest == "clock/advance" and isinstance(body, dict) and set(body) == {"by"}:
        return f"billogram.clock.advance({body['by']!r})"
    return f"billogram.control({method!r}, {'/' + rest!r}{sent})"


def _literal(value: Any) -> str:
    """Return a JSON value as Python source."""
    match decode(encode(value)):
        case None | bool() | int() as plain:
            return repr(plain)
        case str() as text:
            return repr(text)
        case list() as items:
            return f"[{', '.join(map(_literal, items))}]"
        case dict() as members:
            return "{" + ", ".join(f"{key!r}: {_literal(each)}" for key, each in members.items()) + "}"
        case number:
            return str(number)
