"""A receiver that shares no code with what it tests, and an account of a served mockserver.

The receiver is the standard library's HTTP server in threads; signatures are worked out by their formulas.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from time import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from mockserver import Mockserver
from tests.documented import held

PATIENCE = 20.0  # seconds after which what should happen has failed
_numbers = count(1)


# signatures, by hand


def hmac_sha256(key: str, message: bytes) -> str:
    """RFC 2104, spelled out."""
    padded = key.encode()
    if len(padded) > 64:
        padded = hashlib.sha256(padded).digest()
    padded = padded.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).hexdigest()


def legacy_md5(key: str, callback_id: str) -> str:
    return hashlib.md5((callback_id + key).encode()).hexdigest()


class Got(NamedTuple):
    """One request, as it came. The names of the headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """With Decimal for what has a fraction."""
        return json.loads(self.body, parse_float=Decimal)

    @property
    def callback_id(self) -> str:
        return str(self.json["callback_id"])

    @property
    def event_type(self) -> str:
        return str(self.json["event"]["type"])

    @property
    def billogram(self) -> str:
        return str(self.json["event"]["billogram_id"])

    def check_signature(self, key: str | None) -> None:
        """Both signatures with this key; none at all without one."""
        said = self.json["signature"]
        header, timestamp = map(self.headers.get, ("billogram-signature", "billogram-request-timestamp"))
        if key is None:
            assert (said, header, timestamp) == (None, None, None)
            return
        assert timestamp is not None
        seconds, _, fraction = timestamp.partition(".")
        assert seconds.isdigit(), timestamp
        assert fraction.isdigit(), timestamp
        assert len(fraction) == 6, timestamp
        assert abs(float(timestamp) - time()) < 600, "real time, though the account's clock stands"
        assert header == hmac_sha256(key, timestamp.encode() + b":" + self.body)
        assert said == legacy_md5(key, self.callback_id)


Reply = Callable[[Got], int]  # the status of the answer


def ok(_: Got) -> int:
    return 200


class Failing:
    """500 to the first attempts of each callback, then 200."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._seen: Counter[str] = Counter()

    def __call__(self, got: Got) -> int:
        self._seen[got.callback_id] += 1
        return 500 if self._seen[got.callback_id] <= self._times else 200


class Gate:
    """Holds every request until it is opened."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    def __call__(self, _: Got) -> int:
        assert self._opened.wait(PATIENCE), "nobody opened the gate"
        return 200

    def open(self) -> None:
        self._opened.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # each answer in one piece
    server: "_Server"

    def setup(self) -> None:
        super().setup()
        with self.server.receiver.lock:
            self.server.receiver.connections.append(self.connection)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.receiver.answered(Got(self.path, headers, body))
        said = b'{"status": "OK"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # they are waited for at the end
    receiver: "Receiver"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The sender has gone, by a time-out or by a reset: the tests look at what it recorded."""


class Receiver:
    """A receiver on a free port, for the length of a `with` block."""

    def __init__(self, reply: Reply = ok) -> None:
        self.got: list[Got] = []
        self.most_at_once = 0
        self.lock = threading.Condition()
        self.connections: list[Any] = []
        self._reply = reply
        self._present = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._reply, Gate):
            self._reply.open()
        self._server.shutdown()
        self._thread.join()
        with self.lock:
            for connection in self.connections:  # those that are kept for the next callback
                with suppress(OSError):
                    connection.shutdown(2)
        self._server.server_close()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def answered(self, got: Got) -> int:
        with self.lock:
            self.got.append(got)
            self._present += 1
            self.most_at_once = max(self.most_at_once, self._present)
            self.lock.notify_all()
        try:
            return self._reply(got)
        finally:
            with self.lock:
                self._present -= 1

    def wait(self, number: int) -> list[Got]:
        """Until so many requests have come."""
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.got) >= number, PATIENCE), self.got
            return list(self.got)


class World:
    """One account of a server, over its socket."""

    def __init__(self, server: Mockserver, clock: dict[str, Any] | None = None, **made: Any) -> None:
        self.server = server
        self.user = f"account-{next(_numbers)}"
        self.client = httpx.Client(trust_env=False, verify=False, timeout=PATIENCE)
        body: dict[str, Any] = {"id": self.user, "key": "secret", **made}
        self.control("POST", "/accounts", body if clock is None else {**body, "clock": clock})

    def close(self) -> None:
        self.client.close()

    # calling

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request to Billogram's API."""
        auth = (self.user, "secret")
        return held(self.client.request(method, f"{self.server.url}{path}", json=body, auth=auth))

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """The `data` of its answer."""
        answer = self.ask(method, path, body)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_float=Decimal)["data"]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control plane."""
        answer = held(self.client.request(method, f"{self.server.control_url}{path}", json=body))
        assert answer.is_success, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    def mock(self, method: str, path: str, body: Any = None) -> Any:
        """The same, for this account."""
        return self.control(method, f"/accounts/{self.user}{path}", body)

    # what many tests need

    def callbacks(self, url: str | None, sign_key: str | None = None, **more: Any) -> Any:
        return self.mock("PUT", "/callbacks", {"url": url, "sign_key": sign_key, **more})

    def draft(self, **more: Any) -> dict[str, Any]:
        """A draft over one row of 100 + 25 % VAT; a customer is made when none is named."""
        if "customer" not in more:
            person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
            more["customer"] = {"customer_no": self.api("POST", "/customer", person)["customer_no"]}
        body = {"items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}], **more}
        made: dict[str, Any] = self.api("POST", "/billogram", {"invoice_date": "2026-03-02", **body})
        return made

    def sent(self, **more: Any) -> dict[str, Any]:
        return self.draft(on_success={"command": "send", "method": "Email"}, **more)

    def command(self, key: str, command: str, body: Any = None) -> Any:
        return self.api("POST", f"/billogram/{key}/command/{command}", body or {})

    def pay(self, key: str, amount: Any, **more: Any) -> Any:
        return self.mock("POST", "/payments", {"billogram": key, "amount": amount, **more})

    def advance(self, by: str) -> Any:
        return self.mock("POST", "/clock/advance", {"by": by})

    def idle(self) -> None:
        """Until nothing is queued or in flight."""
        self.mock("POST", "/deliveries/wait", {"idle": True, "timeout": f"{PATIENCE:g}s"})

    def wait(self, **what: Any) -> Any:
        """Until such deliveries are there."""
        return self.mock("POST", "/deliveries/wait", {"timeout": f"{PATIENCE:g}s", **what})

    def deliveries(self, query: str = "") -> Any:
        return self.mock("GET", f"/deliveries{query}")

    def inbox(self) -> list[Got]:
        """What the receiver inside has got."""
        return [
            Got("", {name.lower(): value for name, value in each["headers"].items()}, each["body"].encode())
            for each in self.mock("GET", "/inbox")
        ]
