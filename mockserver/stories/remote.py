"""Sends operations over HTTP to a mockserver, or to any server with Billogram's API."""

from base64 import b64encode
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mockserver.in_process import InProcessResponse
from mockserver.stories.caller import BASES, BILLOGRAM, MOCK, NamedOperation, call_of, target_of

if TYPE_CHECKING:
    import aiohttp

_PATIENCE = 600.0  # seconds for one answer, as a step may wait for webhooks


class NoServer(Exception):
    """The server can't be reached, or is not a mockserver where one is needed."""


def basic(user: str, key: str) -> str:
    """Return the value of the header `Authorization` for credentials."""
    return f"Basic {b64encode(f'{user}:{key}'.encode()).decode()}"


class Remote:
    """Sends operations to a server, as one account, in an `async with` block.

    `base` is the address of the server, or of its API.
    """

    def __init__(self, base: str, account: str, key: str, token: str | None = None) -> None:
        self.account = account
        self.address = base.rstrip("/").removesuffix(BASES[BILLOGRAM])
        self._headers = {BILLOGRAM: {"Authorization": basic(account, key)}, MOCK: {}}
        if token is not None:
            self._headers[MOCK]["Authorization"] = f"Bearer {token}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp  # imported at first use

        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        # a server on this machine is reached without a proxy
        local = urlsplit(self.address).hostname in ("127.0.0.1", "localhost", "::1")
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=not local)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def call(
        self,
        operation: NamedOperation,
        path: Mapping[str, str] = {},
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        body: Any = None,
    ) -> InProcessResponse:
        """Call an operation for the account. `body` is a JSON value; None sends no body. Raises NoServer."""
        import aiohttp
        from yarl import URL

        assert self._session is not None, "outside of its block"
        given = {**self._headers[operation.document], **headers}
        target = target_of(operation, {"a": self.account, **path}, query)
        call = call_of(operation, target, given, body)
        url = URL(self.address + call.target, encoded=True)
        try:
            async with self._session.request(
                call.method, url, data=call.body or None, headers=dict(call.headers), allow_redirects=False
            ) as answer:
                received = {name.lower(): value for name, value in answer.headers.items()}
                return InProcessResponse(answer.status, received, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoServer(f"{self.address} can't be asked: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", error)  # aiohttp's own text names options of ours
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)
