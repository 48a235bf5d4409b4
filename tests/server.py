"""The application in process, driven from a synchronous test; every answer is held against its shape."""

import asyncio
import base64
import json
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct

from mockserver.api import shapes
from mockserver.api.errors import HTTP_STATUS
from mockserver.api.operations import OPERATIONS
from mockserver.app import Configuration, build
from mockserver.control import accounts as control_accounts
from mockserver.control import callbacks as control_callbacks
from mockserver.control import clock as control_clock
from mockserver.control import deliveries as control_deliveries
from mockserver.control import payments as control_payments
from mockserver.control import requests as control_requests
from mockserver.control import server as control_server
from mockserver.control import timeline as control_timeline
from mockserver.control.operations import OPERATIONS as CONTROL_OPERATIONS
from mockserver.core.evolve import evolve
from mockserver.core.state import State
from mockserver.log.interface import Log
from mockserver.wire import Paths
from tests.shapes import check

T = TypeVar("T")

NO_BODY: Any = object()
ACCOUNT, KEY = "test", "secret"

# data, meta
SHAPES: dict[str, tuple[Any, Any]] = {
    "listCustomers": (list[shapes.CustomerShape], shapes.ListMeta),
    "createCustomer": (shapes.CustomerShape, None),
    "getCustomer": (shapes.CustomerShape, None),
    "updateCustomer": (shapes.CustomerShape, None),
    "listItems": (list[shapes.ItemShape], shapes.ListMeta),
    "createItem": (shapes.ItemShape, None),
    "getItem": (shapes.ItemShape, None),
    "updateItem": (shapes.ItemShape, None),
    "deleteItem": (shapes.EmptyShape, None),
    "getSettings": (dict[str, Any], None),
    "updateSettings": (dict[str, Any], None),
    "listReports": (list[Any], shapes.ListMeta),
    "updateBillogram": (shapes.BillogramShape, None),
    "listBillogramEvents": (list[shapes.ListedEventShape], shapes.ListMeta),
    "listBillograms": (list[shapes.CompactBillogramShape], shapes.BillogramListMeta),
    "createBillogram": (shapes.BillogramShape, None),
    "getBillogram": (shapes.BillogramShape, None),
    "deleteBillogram": (shapes.EmptyShape, None),
    "commandBillogram": (shapes.BillogramShape, None),
}
CONTROL_SHAPES: dict[str, Any] = {
    "health": control_server.HealthShape,
    "ready": control_server.HealthShape,
    "info": control_server.InfoShape,
    "listAccounts": list[control_accounts.AccountShape],
    "createAccount": control_accounts.AccountShape,
    "getAccount": control_accounts.AccountShape,
    "changeAccount": control_accounts.AccountShape,
    "deleteAccount": control_accounts.RemovedShape,
    "resetAccount": control_accounts.AccountShape,
    "advanceClock": control_clock.MovedShape,
    "getAgenda": list[control_clock.DueShape],
    "listPayments": list[control_payments.PaymentShape],
    "createPayment": control_payments.PaymentShape,
    "getPayment": control_payments.PaymentShape,
    "allocatePayment": control_payments.PaymentShape,
    "simulateBillogram": shapes.BillogramShape,
    "getTimeline": list[control_timeline.RowShape],
    "getCallbacks": control_callbacks.AccountCallbacksShape,
    "setCallbacks": control_callbacks.AccountCallbacksShape,
    "getInbox": list[control_deliveries.InboxShape],
    "listDeliveries": list[control_deliveries.DeliveryShape],
    "replayDelivery": control_deliveries.DeliveryShape,
    "waitForDeliveries": list[control_deliveries.DeliveryShape],
    "listRequests": list[control_requests.RequestShape],
    "getClock": control_clock.ClockShape,
    "setClock": control_clock.ClockShape,
}
_PATHS = Paths((row.method, row.path, row.id) for row in OPERATIONS)
_CONTROL_PATHS = Paths((row.method, row.path, row.id) for row in CONTROL_OPERATIONS)
_STATUS = {(kind.status, code) for kind, code in HTTP_STATUS.items()} | {("INTERNAL_ERROR", 500)}


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
        target, _, query = path.partition("?")
        sent = [(b"host", b"mock.test"), (b"content-length", str(len(body)).encode())]
        sent += [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": sent,
            "client": ("127.0.0.1", 1),
            "server": ("mock.test", 80),
        }
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
    ) -> Answer:
        """One request to the API with credentials; the answer is checked."""
        raw = b"" if body is NO_BODY else body if isinstance(body, bytes) else dumps(body)
        headers = {"authorization": basic(account, key)}
        answer = self.run(self.asgi(method, f"/api/v2{path}", raw, headers))
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

    # looking inside

    def state(self, account: str = ACCOUNT) -> State:
        book = self.emulator.book(account)
        assert book is not None, account
        return book.state

    def image(self, account: str = ACCOUNT) -> dict[str, Any]:
        return self.state(account).image()

    def fold(self, account: str = ACCOUNT, upto: int | None = None) -> State:
        """The state that the log tells."""
        return self.run(fold(self.emulator.log, f"account:{account}", upto))

    def position(self, account: str = ACCOUNT) -> int:
        book = self.emulator.book(account)
        return 0 if book is None else book.position

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


async def fold(log: Log, name: str, upto: int | None = None) -> State:
    state = State()
    stream = (await log.pointers())[name]
    async for record in log.read(stream):
        if upto is not None and record.position > upto:
            break
        for event in record.events:
            for change in evolve(state, event):
                state.put(*change)
    return state


def dumps(body: Any) -> bytes:
    """JSON in which a Decimal is written with all its digits."""
    from mockserver.wire import encode

    return encode(body)


def hold(method: str, path: str, answer: Answer) -> None:
    """Hold an answer of the API against its documented shape (reference: api 1.4, 1.5, 1.7)."""
    assert answer.headers["content-type"] == "application/json", answer.headers
    assert answer.headers["mock-request-id"], answer.headers
    body = answer.json
    if answer.status != 200:
        check(body, shapes.Error, "error")
        assert (body["status"], answer.status) in _STATUS, (body, answer.status)
        assert ("field" in body["data"]) == ("field_path" in body["data"]), body
        assert answer.status == 500 or answer.headers["mock-rule"], answer.headers
        return
    found = _PATHS.find(path.partition("?")[0])
    assert found is not None, path
    data, meta = SHAPES[found[0][method]]
    assert set(body) == {"status", "data"} | ({"meta"} if meta else set()), body
    assert body["status"] == "OK", body
    check(body["data"], data)
    if meta:
        check(body["meta"], meta, "meta")


def hold_control(method: str, path: str, answer: Answer) -> None:
    """Hold an answer of the control plane against its documented shape (reference: control 1)."""
    assert answer.headers["content-type"] == "application/json", answer.headers
    body = answer.json
    if answer.status >= 300:
        assert set(body) == ({"error", "arrived"} if answer.status == 408 else {"error"}), body
        assert set(body["error"]) == {"code", "message", "hint"}, body
        assert all(isinstance(text, str) and text for text in body["error"].values()), body
        return
    found = _CONTROL_PATHS.find(path.partition("?")[0])
    assert found is not None, path
    check(body, CONTROL_SHAPES[found[0][method]], "answer")
