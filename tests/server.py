"""The application in process, driven from a synchronous test; every answer is held against its shape."""

import asyncio
import base64
import gc
import json
import weakref
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from decimal import Decimal
from time import monotonic, sleep
from typing import Any, ClassVar, TypeVar

import pytest
from msgspec import Struct

from mockserver.api import edge as api_edge
from mockserver.app import build
from mockserver.configuration import Configuration
from mockserver.control import edge as control_edge
from mockserver.core.fold import folded
from mockserver.core.model import replace
from mockserver.core.money import with_remaining
from mockserver.core.state import BILLOGRAM, State
from mockserver.ledger import LiveAccount
from mockserver.log.interface import Log
from mockserver.wire import JsonBody
from tests.documented import hold, hold_control

T = TypeVar("T")

NO_BODY: Any = object()
ACCOUNT, KEY = "test", "secret"


class WatchedBody(JsonBody):
    """The body of a request; `kept` counts those that are still in memory."""

    _made: ClassVar[list[weakref.ref["WatchedBody"]]] = []

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._made.append(weakref.ref(self))

    @classmethod
    def kept(cls) -> int:
        return sum(made() is not None for made in cls._made)


@contextmanager
def no_body_kept() -> Iterator[None]:
    """No body of a request in this block is in a reference cycle when it has been answered."""
    WatchedBody._made.clear()
    with pytest.MonkeyPatch.context() as patch:
        for edge in (api_edge, control_edge):
            patch.setattr(edge, "JsonBody", WatchedBody)
        gc.disable()
        try:
            yield
            patience = monotonic() + 5  # a thread that worked for the request may still be ending
            while WatchedBody.kept() and monotonic() < patience:
                sleep(0.001)
            assert WatchedBody.kept() == 0
        finally:
            gc.enable()


class Answer(Struct, frozen=True):
    """What came back. `json` has its floats as Decimal."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)

    @property
    def data(self) -> Any:
        """Of a success."""
        assert self.status == 200, (self.status, self.body)
        return self.json["data"]

    @property
    def error(self) -> tuple[str, dict[str, Any]]:
        """Identifier and data of a refusal."""
        assert self.status >= 400, self.body
        return self.json["status"], self.json["data"]


def basic(account: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{account}:{key}".encode()).decode()


class Server:
    """One application. `log` instead of the one that the configuration names."""

    def __init__(self, log: Log | None = None, **configuration: Any) -> None:
        configuration.setdefault("clock", "frozen")
        self.app = build(Configuration(**configuration), log)
        self.emulator, self.sender = self.app.emulator, self.app.sender
        self.loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.app.close())
        self.loop.close()

    # calling

    async def asgi(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request, not checked."""
        scope = scope_of(method, path, body, headers or {})
        chunks = [body]
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if chunks:
                return {"type": "http.request", "body": chunks.pop(), "more_body": False}
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start, *parts = messages
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], names, b"".join(part["body"] for part in parts))

    def call(
        self,
        method: str,
        path: str,
        body: Any = NO_BODY,
        *,
        account: str = ACCOUNT,
        key: str = KEY,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request to the API with credentials; the answer is checked."""
        raw = b"" if body is NO_BODY else body if isinstance(body, bytes) else dumps(body)
        credentials = {"authorization": basic(account, key)}
        answer = self.run(self.asgi(method, f"/api/v2{path}", raw, credentials | (headers or {})))
        hold(method, path, answer)
        return answer

    def get(self, path: str, **more: Any) -> Answer:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = NO_BODY, **more: Any) -> Answer:
        return self.call("POST", path, body, **more)

    def mock(self, method: str, path: str, body: Any = NO_BODY, token: str | None = None) -> Answer:
        """One request to the control plane; the answer is checked."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        raw = b"" if body is NO_BODY else body if isinstance(body, bytes) else dumps(body)
        answer = self.run(self.asgi(method, f"/_mock{path}", raw, headers))
        hold_control(method, path, answer)
        return answer

    async def open_all(self) -> list[LiveAccount]:
        """Open every account, as if each was asked for."""
        await self.emulator.loaded()
        for name in self.emulator.known():
            await self.emulator.find(name)
        return list(self.emulator.live_accounts())

    # looking inside

    def state(self, account: str = ACCOUNT) -> State:
        live = self.emulator.live(account) or self.run(self.emulator.find(account))
        assert live is not None, account
        return live.state

    def image(self, account: str = ACCOUNT) -> dict[str, Any]:
        return self.state(account).image()

    def fold(self, account: str = ACCOUNT, upto: int | None = None) -> State:
        """The state that the log tells."""
        return self.run(fold(self.emulator.log, f"account:{account}", upto))

    def position(self, account: str = ACCOUNT) -> int:
        live = self.emulator.live(account) or self.run(self.emulator.find(account))
        return 0 if live is None else live.position

    # acts that many tests need

    def customer(self, **more: Any) -> int:
        body = {
            "name": "Test Customer AB",
            "contact": {"email": "contact@example.com", "phone": "0700000001"},
            "address": {"street_address": "Testgatan 1", "zipcode": "123 45", "city": "Teststad"},
        }
        number: int = self.post("/customer", body | more).data["customer_no"]
        return number

    def draft(self, **more: Any) -> dict[str, Any]:
        """A draft over one row of 100 + 25 % VAT; a customer is made when none is named."""
        if "customer" not in more:
            more["customer"] = {"customer_no": self.customer()}
        body = {"items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}], **more}
        made: dict[str, Any] = self.post("/billogram", body).data
        return made

    def sent(self, **more: Any) -> dict[str, Any]:
        """The same, sent."""
        return self.draft(on_success={"command": "send", "method": "Email"}, **more)

    def command(self, key: str, command: str, body: Any = NO_BODY) -> Answer:
        return self.post(f"/billogram/{key}/command/{command}", body)


def without_reports(moved: dict[str, Any]) -> dict[str, Any]:
    """What a move answers, without the monthly reports: what happened to billograms."""
    rows = [each for each in moved["happened"] if each["rule"] != "reports"]
    made = len(moved["happened"]) - len(rows)
    return moved | {"happened": rows, "count": moved["count"] - made}


def charge(server: Server, key: str, reminder_fee: int, interest_fee: int = 0) -> None:
    """Fees on a billogram, as reminders will charge them; past the log."""
    state = server.state()
    old = state.billograms[key]
    fees = replace(old.sums, reminder_fee=Decimal(reminder_fee), interest_fee=Decimal(interest_fee))
    state.put(BILLOGRAM, key, replace(old, sums=with_remaining(fees)))


def scope_of(method: str, path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """An ASGI request."""
    target, _, query = path.partition("?")
    sent = [(b"host", b"mock.test"), (b"content-length", str(len(body)).encode())]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": sent + [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("mock.test", 80),
    }


async def fold(log: Log, name: str, upto: int | None = None) -> State:
    state = State()
    stream = (await log.pointers())[name]
    async for record in log.read(stream):
        if upto is not None and record.position > upto:
            break
        folded(state, record)
    return state


def dumps(body: Any) -> bytes:
    """JSON in which a Decimal is written with all its digits."""
    from mockserver.wire import encode

    return encode(body)
