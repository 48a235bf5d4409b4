"""Detection of requests that a web page of another origin sends (reference: control 7).

A page of any site can send requests to 127.0.0.1. The `Host` header reveals a page whose name was made to
resolve to this machine (DNS rebinding). `Origin` and `Sec-Fetch-Site`, which a page can't set, reveal a page
of another origin.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.types import Scope

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{0,5}))?", re.ASCII)
_ORIGIN = re.compile(r"(https?)://(.+)", re.ASCII | re.IGNORECASE)
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_PORTS = {"http": 80, "https": 443}
_FOREIGN_SITES = (b"cross-site", b"same-site")  # the other values of Sec-Fetch-Site: same-origin and none


class Authority(NamedTuple):
    """A host in the form for comparison (lower case, without brackets and final dot), and its port."""

    host: str
    port: int | None


def authority(text: str) -> Authority | None:
    """Parse the value of a `Host` header. Return None if it is invalid."""
    matched = _AUTHORITY.fullmatch(text)
    if matched is None:
        return None
    host = matched[1].lower().strip("[]").removesuffix(".")
    return Authority(host, int(matched[2]) if matched[2] else None) if host else None


class KnownHosts:
    """The names under which the server may be addressed."""

    def __init__(self, patterns: Iterable[str], public_url: str | None) -> None:
        """Combine `patterns` (names with wildcards of fnmatch, IP addresses, networks) and the public URL."""
        self._patterns = [pattern.lower().strip("[]").removesuffix(".") for pattern in patterns]
        if public_url is not None:
            self._patterns.append((urlsplit(public_url).hostname or "").removesuffix("."))
        self._networks: list[IPv4Network | IPv6Network] = list(_LOOPBACK)
        for pattern in self._patterns:
            try:
                self._networks.append(ip_network(pattern, strict=False))
            except ValueError:
                continue

    def knows(self, scope: Scope) -> bool:
        """Return whether the `Host` header of a request is one of these names."""
        listening = (scope.get("server") or ("", None))[0]
        if not _is_address(listening):  # a name is no socket: the application is called in this process
            return True
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        named = authority(sent[0]) if len(sent) == 1 else None
        if named is None:
            return False
        host = named.host
        if host in (listening, "localhost") or host.endswith(".localhost"):
            return True
        if any(fnmatchcase(host, pattern) for pattern in self._patterns):
            return True
        return _is_address(host) and any(ip_address(host) in network for network in self._networks)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def cross_site(scope: Scope, public_url: str | None, *, stream: bool = False) -> bool:
    """Return whether a page of another origin sends a request that may change data, or opens a stream."""
    if scope["method"] in _SAFE and not stream:
        return False
    headers = dict(scope["headers"])
    site = headers.get(b"sec-fetch-site")
    if site in _FOREIGN_SITES:
        return True
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    for origin in origins:
        if origin == "null":  # browsers also send it with forms of the same origin under no-referrer
            if site != b"same-origin":
                return True
        elif not _is_own(origin, headers.get(b"host", b"").decode("latin-1"), public_url):
            return True
    return False


def _is_own(origin: str, host: str, public_url: str | None) -> bool:
    """Return whether an origin is that of the server.

    The scheme is used for the default port only: a proxy may use https to the browser and http to the server.
    """
    parsed_origin = _ORIGIN.fullmatch(origin)
    sent = authority(parsed_origin[2]) if parsed_origin else None
    if parsed_origin is None or sent is None:
        return False
    if public_url is not None:
        public = urlsplit(public_url)
        scheme = parsed_origin[1].lower()
        public_authority = Authority(
            (public.hostname or "").removesuffix("."), public.port or _PORTS[public.scheme]
        )
        if public.scheme == scheme and public_authority == (sent.host, sent.port or _PORTS[scheme]):
            return True
    named = authority(host)
    default = _PORTS[parsed_origin[1].lower()]
    return named is not None and (named.host, named.port or default) == (sent.host, sent.port or default)
