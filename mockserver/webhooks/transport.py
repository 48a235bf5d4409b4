"""The outgoing HTTP of webhooks: the allowed hosts, one POST, and its outcome in plain words."""

import asyncio
import errno
import io
import itertools
import logging
import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from importlib import import_module
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec import Struct

# importing aiohttp takes a quarter of a second: the first callback pays for it, not the start of the server
if TYPE_CHECKING:
    from aiohttp import AddrInfoType, ClientResponse, ClientSession, TCPConnector
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from yarl import URL
else:
    AbstractResolver = object

logger = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address

_ERROR = 300  # characters
_HEADERS = 200  # characters
_BODY = 200  # bytes
_KEEP_ALIVE = 15.0  # seconds for which an idle connection is kept
_HEADER_LINE = 8190  # bytes
_BUFFER = 4096  # bytes of an answer's body after which reading from its connection pauses
_STREAM_ABOVE = 2**20  # bytes of a callback above which aiohttp requires a stream
_UNWANTED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # aiohttp would add these

_UNKNOWN_ISSUER = (18, 19, 20, 21)  # OpenSSL's codes for a self-signed certificate and for an unknown issuer

_FORBIDDEN = (
    (ip_network("169.254.0.0/16"), "link-local"),
    (ip_network("fe80::/10"), "link-local"),
    (ip_network("fd00:ec2::/32"), "cloud metadata"),
)
# IPv6 ways to write an IPv4 address: mapped, translated (NAT64), and the old "compatible" one
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


class Outcome(Struct, frozen=True):
    """The result of one attempt: an answer, or an error without an answer."""

    status_code: int | None
    error: str | None  # one line of text; None for every answer, also for a 500 or a redirect
    duration_ms: float  # until the head of the answer, or the error
    headers: dict[str, str]  # of the answer: the whole fields that fit into 200 characters
    body: str  # the first 200 bytes of the answer


class Refused(OSError):
    """The callback may not be sent to this host; no connection was made. The message says why."""


class _Stale(Exception):
    """The receiver had closed a kept connection, so it answered nothing of the request."""


class Transport:
    """Sends callbacks, and keeps connections for the next one.

    `hosts` holds patterns of the allowed receivers; None allows all. A pattern is a host name or host:port
    with the wildcards of fnmatch, or an IP address or network, which is compared with the resolved address.
    The server itself, link-local and cloud metadata addresses are never allowed.
    """

    def __init__(self, hosts: tuple[str, ...] | None = None) -> None:
        # where the server itself listens; 0.0.0.0 and :: stand for every local address
        self.own: list[tuple[str, int]] = []
        self._hosts = _Hosts(("*",) if hosts is None else hosts, lambda: self.own)
        self._clients: dict[asyncio.AbstractEventLoop, asyncio.Task[ClientSession]] = {}

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109  # a timeout gives an outcome
    ) -> Outcome:
        """Post a request and return its answer, or the reason why there is none. It never raises.

        `timeout` is the time in seconds until the head of the answer. Reading the first 200 bytes of the body
        may use the rest of that time, at most one second; a failure there does not change the result.
        """
        begun = perf_counter()
        host = ""
        try:
            client = await self._client()
            begun = perf_counter()  # without the import that precedes the first request
            async with asyncio.timeout(timeout):
                target = _target(url)
                host = target.raw_host or ""
                self._hosts.check_literal(host, target.port or 0)
                try:
                    response = await _send(client, target, headers, body)
                except _Stale:
                    response = await _send(client, target, headers, body)
        except Exception as error:
            return Outcome(None, _one_line(_reason(error, host, timeout)), _ms_since(begun), {}, "")
        duration = _ms_since(begun)
        left = timeout - duration / 1000
        shown = await _body_prefix(response, min(1.0, max(0.05, left)))
        return Outcome(response.status, None, duration, _first_headers(response), shown)

    async def close(self) -> None:
        """Close the connections of the running event loop. Requests that are still running fail."""
        opening = self._clients.pop(asyncio.get_running_loop(), None)
        if opening is not None:
            with suppress(ImportError):
                await (await opening).close()

    async def _client(self) -> "ClientSession":
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients = {kept: task for kept, task in self._clients.items() if not kept.is_closed()}
            self._clients[loop] = loop.create_task(_open(self._hosts))
        return await asyncio.shield(self._clients[loop])  # other callers wait for it too


class _Hosts:
    """The hosts to which callbacks may be sent."""

    def __init__(self, patterns: Iterable[str], own: Callable[[], list[tuple[str, int]]]) -> None:
        self._patterns = [_normalized(pattern) for pattern in patterns]
        self._own = own
        self._networks = []
        for pattern in self._patterns:
            with suppress(ValueError):
                self._networks.append(ip_network(pattern.strip("[]"), strict=False))

    def check_literal(self, host: str, port: int) -> None:
        """Check the host as it is written in a URL, before it is resolved. Refused when it is not allowed."""
        if ":" in host or host.replace(".", "").isdigit():  # an address for aiohttp: it is not resolved
            self.allowed(host, port, [host])
        elif not self._networks and not self._matches_pattern(host, port):
            raise Refused(_not_allowed(host))

    def allowed(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """The addresses of a host that connections may go to. Refused when there is none."""
        named = self._matches_pattern(host, port)
        found = []
        refusals = []
        for address in addresses:
            refusal = self.forbidden(address, port, host)
            if refusal is None and not named and not self._in_networks(address):
                refusal = _not_allowed(host)
            if refusal is None:
                found.append(address)
            else:
                refusals.append(refusal)
        if not found and refusals:
            raise Refused(refusals[0])
        return found

    def forbidden(self, address: str, port: int, host: str = "") -> str | None:
        """Why connections to this address are forbidden regardless of the patterns, or None."""
        try:
            ip = _canonical(address)
        except ValueError:
            # some libraries read 127.1 and 2130706433 as addresses, and they do not agree on which
            return f"not an http address: {_shortened(address)} is no IP address that is written out"
        for network, kind in _FORBIDDEN:
            if ip in network:
                shown = f"{_shortened(host)} ({address})" if host and host != address else address
                return f"host not allowed: {shown} is {kind} (never allowed)"
        if any(port == own_port and _reaches(ip, own) for own, own_port in self._own()):
            return "the server itself is not a receiver: use mock:inbox"
        return None

    def _matches_pattern(self, host: str, port: int) -> bool:
        host = _normalized(host)
        names = (host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        # equality too, since the brackets of an IPv6 address are a wildcard of fnmatch
        return any(
            name == pattern or fnmatchcase(name, pattern) for pattern in self._patterns for name in names
        )

    def _in_networks(self, address: str) -> bool:
        ip = _canonical(address)
        return any(ip in network for network in self._networks)


def _normalized(host: str) -> str:
    host = host.lower().rstrip(".")
    if not host.isascii():
        with suppress(UnicodeError):
            return host.encode("idna").decode()
    return host


def _not_allowed(host: str) -> str:
    return f"host not allowed: {_shortened(host)}; allow it with --callback-hosts"


def _canonical(address: str) -> Address:
    """An address without its scope, as IPv4 if it embeds one. ValueError when the text is no address."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return ip
    if int(ip) > 1 and any(ip in network for network in _IPV4_INSIDE):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return IPv6Address(int(ip))


def _reaches(ip: Address, own: str) -> bool:
    """Whether a connection to `ip` may reach the socket that listens on `own`."""
    if ip.is_unspecified:  # such a connection goes to loopback
        return True
    listening = _canonical(own)
    return _is_local(ip) if listening.is_unspecified else ip == listening


def _is_local(ip: Address) -> bool:
    if ip.is_loopback:
        return True
    family = socket.AF_INET if isinstance(ip, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True


class _Resolver(AbstractResolver):
    """Resolves a host name to its allowed addresses, at every new connection."""

    def __init__(self, hosts: _Hosts) -> None:
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> "list[ResolveResult]":
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except UnicodeError as error:  # a label is empty or too long
            raise socket.gaierror(socket.EAI_NONAME, "not a name") from error
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self._hosts.allowed(host, port, addresses)
        ]

    async def close(self) -> None:
        pass


async def _open(hosts: _Hosts) -> "ClientSession":
    await asyncio.to_thread(import_module, "aiohttp")
    import aiohttp
    from aiohttp.client_proto import ResponseHandler

    class Protocol(ResponseHandler):
        answered = False  # whether this connection has carried an answer

        def data_received(self, data: bytes) -> None:
            # each head is parsed separately: otherwise a body that violates HTTP (longer than its
            # Content-Length, or with a 204) invalidates the answer when it arrives together with the head
            begun = 0
            for line in itertools.islice(re.finditer(rb"\n\r?\n", data), 3):
                if self.exception() is not None:
                    return
                super().data_received(data[begun : line.end()])
                begun = line.end()
            if begun < len(data) and self.exception() is None:
                super().data_received(data[begun:])

    class Response(aiohttp.ClientResponse):
        link: asyncio.Transport | None = None

        async def start(self, connection: "Connection") -> "ClientResponse":
            self.link, protocol = connection.transport, connection.protocol
            try:
                started = await super().start(connection)
            except BaseException as error:
                # `close` would wait until the receiver has read everything, or has ended TLS
                if self.link is not None:
                    self.link.abort()
                closed = isinstance(error, aiohttp.ClientConnectionError | ConnectionError)
                if closed and getattr(protocol, "answered", False):
                    raise _Stale from error  # many receivers close after an answer without announcing it
                raise
            if isinstance(protocol, Protocol):
                protocol.answered = True
            return started

    return aiohttp.ClientSession(
        connector=_connector(hosts, Protocol),
        response_class=Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
        skip_auto_headers=_UNWANTED,
        read_bufsize=_BUFFER,
        max_line_size=_HEADER_LINE,
        max_field_size=_HEADER_LINE,
    )


def _connector(hosts: _Hosts, protocol: "type[ResponseHandler]") -> "TCPConnector":
    import aiohttp

    def open_socket(info: "AddrInfoType") -> socket.socket:
        # the final check: every connection passes here, whether aiohttp saw a name or an address
        refusal = hosts.forbidden(str(info[4][0]), int(info[4][1]))
        if refusal is not None:
            raise Refused(refusal)
        return socket.socket(info[0], info[1], info[2])

    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEEP_ALIVE,
        resolver=_Resolver(hosts),
        use_dns_cache=False,
        socket_factory=open_socket,
    )
    # not public; if aiohttp stops using it, only the additions of the protocol class are lost
    factory = partial(protocol, loop=asyncio.get_running_loop())
    connector._factory = factory  # noqa: SLF001
    return connector


def _target(url: str) -> "URL":
    """The parsed URL, unchanged if it can be sent as it is written. Refused when it is not valid."""
    from yarl import URL

    if re.search(r"[\x00-\x1f\x7f]", url):
        raise Refused("not an http address: it has control characters")
    try:
        target = URL(url, encoded=re.fullmatch(r"[!-~]+", url) is not None)
        host, port = target.raw_host, target.port
    except ValueError:
        raise Refused("not an http address: it can't be read") from None
    if target.scheme not in ("http", "https"):
        raise Refused("not an http address: it must begin with http:// or https://")
    if not host or not port:
        raise Refused("not an http address: it names no host, or port 0")
    return target


async def _send(
    client: "ClientSession", target: "URL", headers: Mapping[str, str], body: bytes
) -> "ClientResponse":
    if target.raw_user is not None or target.raw_password is not None:
        credentials = b64encode(f"{target.user or ''}:{target.password or ''}".encode()).decode()
        target = target.with_user(None)
        if "authorization" not in map(str.lower, headers):
            headers = {**headers, "Authorization": f"Basic {credentials}"}
    data = io.BytesIO(body) if len(body) > _STREAM_ABOVE else body
    # a redirect is an answer like any other, not followed [A]
    return await client.post(target, data=data, headers=headers, allow_redirects=False)


async def _body_prefix(response: "ClientResponse", seconds: float) -> str:
    """The beginning of the answer's body. The connection is kept only if the whole body was received."""
    body = b""
    try:
        with suppress(Exception):  # the answer counts even if reading its body fails
            async with asyncio.timeout(seconds):
                while len(body) <= _BODY and (part := await response.content.read(_BODY + 1 - len(body))):
                    body += part
    finally:
        # aiohttp has kept the connection by now if request and answer are complete; all others are closed
        response.close()
        link: asyncio.Transport | None = getattr(response, "link", None)
        if link is not None and link.is_closing():
            link.abort()  # a close that waits for the receiver may never complete
    return body[:_BODY].decode("utf-8", "replace")


def _first_headers(response: "ClientResponse") -> dict[str, str]:
    headers: dict[str, str] = {}
    left = _HEADERS
    for name, value in response.headers.items():
        # plain `str`: aiohttp has a type of its own
        name, value = _without_surrogates(name), _without_surrogates(value)
        if name in headers:
            value = f"{headers[name]}, {value}"
            size = len(value) - len(headers[name])
        else:
            size = len(name) + len(value)
        if size <= left:
            headers[name] = value
            left -= size
    return headers


def _reason(error: Exception, host: str, timeout: float) -> str:
    """The error in plain words. It shows only the host of the URL: query and credentials may be secret."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"timed out after {timeout:g} s"
    if isinstance(error, ImportError):
        return f"the HTTP client can't be loaded: {error}"
    import aiohttp

    match error:
        case aiohttp.ClientConnectorError(os_error=Refused() as refused):
            return str(refused)
        case aiohttp.ClientConnectorDNSError():
            return f"name not found: {_shortened(host)}"
        case ssl.SSLCertVerificationError() | aiohttp.ClientConnectorCertificateError():
            return f"bad certificate: {_certificate_problem(error)}"
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError(reason=reason)):
            return f"no TLS: {(reason or 'unknown error').replace('_', ' ').lower()}"
        case aiohttp.ClientConnectorError(os_error=os_error):
            return _no_connection(os_error, host)
        case aiohttp.ClientResponseError():
            return f"not an HTTP answer: {error.message.rstrip(' ^')}"
        case aiohttp.ClientConnectionError() | ConnectionError():
            return "connection closed without an answer"
    logger.error("a callback could not be sent", exc_info=error)
    return f"could not be sent: {type(error).__name__}"


def _certificate_problem(error: Exception) -> str:
    problem = getattr(error, "certificate_error", error)
    message = getattr(problem, "verify_message", "") or "not verified"
    remedy = " (to trust it, start the server with SSL_CERT_FILE)"
    return message + remedy if getattr(problem, "verify_code", None) in _UNKNOWN_ISSUER else message


def _no_connection(error: OSError, host: str) -> str:
    # if several addresses failed, the text holds the error number of each
    numbers = [error.errno or 0, *map(int, re.findall(r"\[Errno (\d+)\]", str(error)))]
    if isinstance(error, ConnectionRefusedError) or errno.ECONNREFUSED in numbers:
        if _is_loopback(host) and in_container():
            remedy = " (inside a container loopback is the container itself: use host.docker.internal)"
            return f"connection refused{remedy}"
        return "connection refused"
    if isinstance(error, ConnectionError):  # during the TLS handshake
        return "connection closed without an answer"
    number = next(filter(None, numbers), 0)
    return os.strerror(number).lower() if number else "no connection"


def _is_loopback(host: str) -> bool:
    host = host.lower().rstrip(".")
    try:
        ip = _canonical(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return ip.is_loopback or ip.is_unspecified


def in_container() -> bool:
    """Whether this process runs in a container of Docker or Podman."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _ms_since(begun: float) -> float:
    return (perf_counter() - begun) * 1000


def _shortened(host: str) -> str:
    return host if len(host) <= 100 else f"{host[:100]}…"


def _one_line(text: str) -> str:
    text = " ".join(_without_surrogates(text).split())
    return text if len(text) <= _ERROR else f"{text[: _ERROR - 1]}…"


def _without_surrogates(text: str) -> str:
    """The text without lone surrogates (bytes that are not UTF-8), which cannot be encoded."""
    return text.encode("utf-8", "replace").decode()
