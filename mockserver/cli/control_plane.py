"""Requests to the control plane of a running server, for commands that show or change what it has."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_TIMEOUT = 600.0  # seconds: a long move of a clock takes minutes


class CannotRun(Exception):
    """The command is not possible; the text is the line to show."""


def ask(given: Mapping[str, Any], method: str, path: str, body: Any = None) -> Any:
    """Return the JSON answer of an operation; `path` is below `/_mock`. Raises CannotRun."""
    try:
        with open_response(given, method, path, body) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise CannotRun(_reason(error)) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise CannotRun(f"{given['url']} can't be reached: {reason}") from None


def open_response(
    given: Mapping[str, Any], method: str, path: str, body: Any = None, *, accept: str = "application/json"
) -> Any:
    """Open the response for reading. Raises OSError or ValueError."""
    headers = {"Content-Type": "application/json", "Accept": accept}
    if given["control_token"]:
        headers["Authorization"] = f"Bearer {given['control_token']}"
    data = None if body is None else json.dumps(body).encode()
    # no proxy: the server is on this machine or network
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310  # the address is given by the user
        f"{server_base(given['url'])}/_mock{path}", data, headers, method=method
    )
    return opener.open(request, timeout=_TIMEOUT)


def server_base(url: str) -> str:
    """Return the address of a server without the suffixes with which `serve` prints it."""
    return (
        (url if "//" in url else f"http://{url}").rstrip("/").removesuffix("/api/v2").removesuffix("/_mock")
    )


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.load(error)["error"]
        return f"{problem['message']} ({problem['hint']})"
    except (ValueError, KeyError, TypeError, OSError):
        return f"status {error.code}: is this a mockserver?"
