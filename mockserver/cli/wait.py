"""`mockserver wait`: waits until a server is ready."""

import http.client
import sys
import time
from urllib.parse import urlsplit

from mockserver.masking import masked_url

_INTERVAL = 0.05  # seconds between two requests


def wait(url: str, timeout: float) -> int:
    """Wait for `/_mock/ready`. Returns 0 when the server is ready, 1 on timeout, 2 for a bad address."""
    host, port = _address(url)
    if host is None:
        print(f"mockserver wait: not an http address: {masked_url(url)}", file=sys.stderr)
        return 2
    deadline = time.monotonic() + timeout
    while True:
        reason = _problem(host, port, max(0.1, deadline - time.monotonic()))
        if reason is None:
            return 0
        if time.monotonic() + _INTERVAL > deadline:
            print(f"mockserver wait: {masked_url(url)} is not ready: {reason}", file=sys.stderr)
            return 1
        time.sleep(_INTERVAL)


def _address(url: str) -> tuple[str | None, int]:
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        return (parts.hostname if parts.scheme == "http" else None), parts.port or 80
    except ValueError:
        return None, 0


def _problem(host: str, port: int, timeout: float) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/_mock/ready")
        answer = connection.getresponse()
        text = answer.read(2000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if answer.status == 200 else f"status {answer.status} {' '.join(text.split())}"
