"""`mockserver open`: opens the dashboard of a server in a web browser."""

import http.client
import sys
import urllib.error
import urllib.request
import webbrowser
from urllib.parse import quote

from mockserver.cli.control_plane import server_base
from mockserver.masking import masked_urls

_TIMEOUT = 10.0  # seconds until the server must have answered
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404


class _CannotOpen(Exception):
    """There is nothing to open; the text is the line to show."""


def open_browser(url: str, account: str | None) -> int:
    """Open the list of accounts, or the overview of one. Returns 0, 1 without a browser, 2 without a page."""
    page = f"{server_base(url)}/_mock/ui/"
    if account is not None:
        page += f"accounts/{quote(account, safe='')}"
    try:
        _check(page, account)
    except _CannotOpen as failure:
        print(f"mockserver open: {masked_urls(str(failure))}", file=sys.stderr)
        return 2
    print(page)
    if not webbrowser.open(page):
        print("mockserver open: there is no browser; open the address in one", file=sys.stderr)
        return 1
    return 0


def _check(page: str, account: str | None) -> None:
    """Load the page. Raises _CannotOpen. The page that asks for the control token is one too."""
    if not page.startswith(("http://", "https://")):  # urllib would also read ftp and files
        raise _CannotOpen(f"not an http address: {page}")
    # no proxy: the server is on this machine or network
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(page, timeout=_TIMEOUT) as answer:
            status, kind = answer.status, answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        with error:
            status, kind = error.code, error.headers.get_content_type()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _CannotOpen(f"{page} can't be reached: {getattr(error, 'reason', error)}") from None
    if kind != "text/html":
        raise _CannotOpen(f"{page} is no page: is this a mockserver, or was it started with --no-ui?")
    if status == _NOT_FOUND and account is not None:
        raise _CannotOpen(f"there is no account {account}")
    if status not in (_OK, _UNAUTHORIZED):
        raise _CannotOpen(f"{page} answers {status}")
