"""The outgoing HTTP of webhooks: where a callback may go, one POST, and what came of it in plain words."""

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

# aiohttp takes a quarter of a second to import: the first callback does it, not the start of the server
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
_KEPT = 15.0  # seconds that an idle connection is kept
_HEADER_LINE = 8190  # bytes
_BUFFER = 4096  # bytes of an answer's body after which its connection is read no further
_LARGE = 2**20  # bytes of a callback above which it is handed to aiohttp as a stream, which it insists on
_UNWANTED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # what aiohttp would add

_UNKNOWN_ISSUER = (18, 19, 20, 21)  # of OpenSSL's verification: self-signed, or an issuer not known here

_NEVER = (
    (ip_network("169.254.0.0/16"), "link-local"),
    (ip_network("fe80::/10"), "link-local"),
    (ip_network("fd00:ec2::/32"), "cloud metadata"),
)
# IPv6 ways to write an IPv4 address: mapped, translated (NAT64), and the old "compatible" one
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


class Outcome(Struct, frozen=True):
    """What came of one attempt: an answer, or an error and no answer."""

    status_code: int | None
    error: str | None  # one plain line; None for any answer, a 500 or a redirect too
    duration_ms: float  # until the answer's head had come, or the error
    headers: dict[str, str]  # of the answer, as many whole fields as fit into 200 characters
    body: str  # the first 200 bytes of the answer


class Refused(OSError):
    """This is not sent, and why; no connection was made."""


class _Stale(Exception):
    """A connection that was kept had been closed: nothing of the request was answered on it."""


class Transport:
    """Sends callbacks, on connections that are kept for the next one.

    hosts: patterns of the receivers that are allowed; None allows all. A pattern is a host name or host:port,
    with the wildcards of fnmatch, or an IP address or network, which the resolved address is held against.
    Whatever they say, the server itself, link-local and cloud metadata addresses get nothing.
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
        timeout: float,  # noqa: ASYNC109  # it ends in an outcome
    ) -> Outcome:
        """One request, and its answer or the reason why there is none; never an exception.

        timeout: seconds in which the head of the answer must have come. For the first 200 bytes of its body
        there is what is left of them, at most one second: whatever becomes of that, it is an answer.
        """
        begun = perf_counter()
        host = ""
        try:
            client = await self._client()
            begun = perf_counter()  # the import that comes before the first request is not the receiver's
            async with asyncio.timeout(timeout):
                target = _target(url)
                host = target.raw_host or ""
                self._hosts.check_written(host, target.port or 0)
                try:
                    response = await _send(client, target, headers, body)
                except _Stale:
                    response = await _send(client, target, headers, body)
        except Exception as error:
            return Outcome(None, _one_line(_reason(error, host, timeout)), _ms_since(begun), {}, "")
        duration = _ms_since(begun)
        left = timeout - duration / 1000
        shown = await _first_of_body(response, min(1.0, max(0.05, left)))
        return Outcome(response.status, None, duration, _first_headers(response), shown)

    async def close(self) -> None:
        """Let go of the connections of the running loop; what is still being sent fails."""
        opening = self._clients.pop(asyncio.get_running_loop(), None)
        if opening is not None:
            with suppress(ImportError):
                await (await opening).close()

    async def _client(self) -> "ClientSession":
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients = {kept: task for kept, task in self._clients.items() if not kept.is_closed()}
            self._clients[loop] = loop.create_task(_open(self._hosts))
        return await asyncio.shield(self._clients[loop])  # whoever is cancelled, the others wait for it too


class _Hosts:
    """Which hosts callbacks may go to."""

    def __init__(self, patterns: Iterable[str], own: Callable[[], list[tuple[str, int]]]) -> None:
        self._patterns = [_as_in_urls(pattern) for pattern in patterns]
        self._own = own
        self._networks = []
        for pattern in self._patterns:
            with suppress(ValueError):
                self._networks.append(ip_network(pattern.strip("[]"), strict=False))

    def check_written(self, host: str, port: int) -> None:
        """The host as it stands in a URL, before anybody resolves it."""
        if ":" in host or host.replace(".", "").isdigit():  # an address to aiohttp, which doesn't resolve it
            self.allowed(host, port, [host])
        elif not self._networks and not self._named(host, port):
            raise Refused(_not_allowed(host))

    def allowed(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """Those of the addresses of a host that may be connected to; Refused when there is none."""
        named = self._named(host, port)
        found = []
        refusals = []
        for address in addresses:
            refusal = self.never(address, port, host)
            if refusal is None and not named and not self._listed(address):
                refusal = _not_allowed(host)
            if refusal is None:
                found.append(address)
            else:
                refusals.append(refusal)
        if not found and refusals:
            raise Refused(refusals[0])
        return found

    def never(self, address: str, port: int, host: str = "") -> str | None:
        """Why this address is not connected to whatever the patterns say, or None."""
        try:
            ip = _plain(address)
        except ValueError:
            # libraries read 127.1 and 2130706433 as addresses, but not all, nor all as the same one
            return f"not an http address: {_cut(address)} is no IP address that is written out"
        for network, kind in _NEVER:
            if ip in network:
                shown = f"{_cut(host)} ({address})" if host and host != address else address
                return f"host not allowed: {shown} is {kind} (never allowed)"
        if any(port == own_port and _reaches(ip, own) for own, own_port in self._own()):
            return "the server itself is not a receiver: use mock:inbox"
        return None

    def _named(self, host: str, port: int) -> bool:
        host = _as_in_urls(host)
        names = (host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        # compared too, since the brackets of an IPv6 address are a wildcard
        return any(
            name == pattern or fnmatchcase(name, pattern) for pattern in self._patterns for name in names
        )

    def _listed(self, address: str) -> bool:
        ip = _plain(address)
        return any(ip in network for network in self._networks)


def _as_in_urls(host: str) -> str:
    host = host.lower().rstrip(".")
    if not host.isascii():
        with suppress(UnicodeError):
            return host.encode("idna").decode()
    return host


def _not_allowed(host: str) -> str:
    return f"host not allowed: {_cut(host)}; allow it with --callback-hosts"


def _plain(address: str) -> Address:
    """An address without its scope, and as IPv4 where it stands for one. ValueError when it is none."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return ip
    if int(ip) > 1 and any(ip in network for network in _IPV4_INSIDE):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return IPv6Address(int(ip))


def _reaches(ip: Address, own: str) -> bool:
    """Whether who connects to `ip` may end at what listens on `own`."""
    if ip.is_unspecified:  # connecting there is connecting to loopback
        return True
    listening = _plain(own)
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
    """Names to the addresses that are allowed, at every new connection."""

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
        except UnicodeError as error:  # a label that is empty or too long
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
        answered = False  # on this connection, before

        def data_received(self, data: bytes) -> None:
            # each head by itself: else a body that breaks HTTP (one that is longer than its Content-Length,
            # or belongs to a 204) takes the answer along when it comes in one piece with the head
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
                # closing would wait until the receiver has taken everything, or has ended TLS
                if self.link is not None:
                    self.link.abort()
                closed = isinstance(error, aiohttp.ClientConnectionError | ConnectionError)
                if closed and getattr(protocol, "answered", False):
                    raise _Stale from error  # many receivers close after an answer without saying so
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
        # the last word: every connection passes here, whatever aiohttp took for a name or for an address
        refusal = hosts.never(str(info[4][0]), int(info[4][1]))
        if refusal is not None:
            raise Refused(refusal)
        return socket.socket(info[0], info[1], info[2])

    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEPT,
        resolver=_Resolver(hosts),
        use_dns_cache=False,
        socket_factory=open_socket,
    )
    # not public; an aiohttp that makes its protocols otherwise only loses what the class above adds
    factory = partial(protocol, loop=asyncio.get_running_loop())
    connector._factory = factory  # noqa: SLF001
    return connector


def _target(url: str) -> "URL":
    """The URL, as it is written where that can be sent. Refused when it is none."""
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
    data = io.BytesIO(body) if len(body) > _LARGE else body
    # a redirect is an answer like any other, not followed [A]
    return await client.post(target, data=data, headers=headers, allow_redirects=False)


async def _first_of_body(response: "ClientResponse", seconds: float) -> str:
    """What the answer's body begins with; its connection is kept if all of it came, and is closed if not."""
    body = b""
    try:
        with suppress(Exception):  # an answer it is, whatever becomes of the rest
            async with asyncio.timeout(seconds):
                while len(body) <= _BODY and (part := await response.content.read(_BODY + 1 - len(body))):
                    body += part
    finally:
        # a connection whose request was sent and whose answer came, both wholly, is kept by now; others end
        response.close()
        link: asyncio.Transport | None = getattr(response, "link", None)
        if link is not None and link.is_closing():
            link.abort()  # at once: an end that waits for the receiver may never come
    return body[:_BODY].decode("utf-8", "replace")


def _first_headers(response: "ClientResponse") -> dict[str, str]:
    headers: dict[str, str] = {}
    left = _HEADERS
    for name, value in response.headers.items():
        name, value = _sound(name), _sound(value)  # plain text: the library has a kind of its own
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
    """In plain words, without anything of the URL but its host, whose query and credentials may be secret."""
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
            return f"name not found: {_cut(host)}"
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
    told = getattr(problem, "verify_message", "") or "not verified"
    remedy = " (to trust it, start the server with SSL_CERT_FILE)"
    return told + remedy if getattr(problem, "verify_code", None) in _UNKNOWN_ISSUER else told


def _no_connection(error: OSError, host: str) -> str:
    # several addresses may have failed, each for its own reason: then they stand in the text
    numbers = [error.errno or 0, *map(int, re.findall(r"\[Errno (\d+)\]", str(error)))]
    if isinstance(error, ConnectionRefusedError) or errno.ECONNREFUSED in numbers:
        if _is_loopback(host) and in_container():
            remedy = " (inside a container loopback is the container itself: use host.docker.internal)"
            return f"connection refused{remedy}"
        return "connection refused"
    if isinstance(error, ConnectionError):  # while TLS began
        return "connection closed without an answer"
    number = next(filter(None, numbers), 0)
    return os.strerror(number).lower() if number else "no connection"


def _is_loopback(host: str) -> bool:
    host = host.lower().rstrip(".")
    try:
        ip = _plain(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return ip.is_loopback or ip.is_unspecified


def in_container() -> bool:
    """Whether this process runs in a container of Docker or Podman."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _ms_since(begun: float) -> float:
    return (perf_counter() - begun) * 1000


def _cut(host: str) -> str:
    return host if len(host) <= 100 else f"{host[:100]}…"


def _one_line(text: str) -> str:
    text = " ".join(_sound(text).split())
    return text if len(text) <= _ERROR else f"{text[: _ERROR - 1]}…"


def _sound(text: str) -> str:
    """Without the lone surrogates that stand for bytes that are no UTF-8: nobody could encode them."""
    return text.encode("utf-8", "replace").decode()
