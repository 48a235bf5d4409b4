"""One run of the server in process, on a database file.

It uses `create_app`, ASGI and HTTP and nothing else, so that the golden logs outlive every change inside.
"""

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from mockserver import create_app

KEY = "secret"  # of every account
_PAGE = 1000
_PAGED = re.compile(
    r"/_mock/accounts/[^/]+/(payments|payment-sources|inbox|deliveries|outbox|snapshots)(?:\?|$)"
)
_IDS = {"inbox": "number", "outbox": "letter_id", "snapshots": "name"}  # of their rows; else `id`


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body; numbers with a fraction as text, with all their digits."""
        return json.loads(self.body, parse_float=str)


class Process:
    """One run, from the start of the lifespan to its end. New accounts have frozen clocks."""

    def __init__(self, database: Path, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._app = create_app(database=database, clock="frozen", **options)
        self._to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._from_app: asyncio.Queue[Any] = asyncio.Queue()
        self._lifespan = self._loop.create_task(self._run())
        self._lifespan_step("startup")

    async def _run(self) -> None:
        await self._app({"type": "lifespan"}, self._to_app.get, self._from_app.put)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it in order."""
        self._lifespan_step("shutdown")
        self._loop.run_until_complete(self._lifespan)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _lifespan_step(self, step: str) -> None:
        self._to_app.put_nowait({"type": f"lifespan.{step}"})
        said = self._loop.run_until_complete(self._from_app.get())
        assert said["type"] == f"lifespan.{step}.complete", said

    def call(self, method: str, path: str, body: Any = None, account: str | None = None) -> Answer:
        """One request; with the credentials of an account if one is named."""
        if method == "GET" and (listed := _PAGED.match(path)):
            return self._whole(path, account, _IDS.get(listed[1], "id"))
        return self._one(method, path, body, account)

    def _whole(self, path: str, account: str | None, key: str) -> Answer:
        """A list whose answers are pages, put together from its end."""
        parts: list[bytes] = []
        more = "&" if "?" in path else "?"
        before = ""
        while True:
            answer = self._one("GET", f"{path}{more}limit={_PAGE}{before}", None, account)
            if answer.status != 200:
                return answer
            rows = answer.json
            if rows:
                parts.insert(0, answer.body[1:-1])
                before = f"&before={quote(str(rows[0][key]))}"
            if len(rows) < _PAGE:
                return answer._replace(body=b"[" + b",".join(parts) + b"]")

    def _one(self, method: str, path: str, body: Any, account: str | None) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        return self._loop.run_until_complete(self._call(method, path, raw, account))

    async def _call(self, method: str, path: str, body: bytes, account: str | None) -> Answer:
        target, _, query = path.partition("?")
        headers = [(b"host", b"mock.test"), (b"content-length", str(len(body)).encode())]
        if account is not None:
            token = base64.b64encode(f"{account}:{KEY}".encode())
            headers.append((b"authorization", b"Basic " + token))
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
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("mock.test", 80),
        }
        chunks = [body]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if chunks:
                return {"type": "http.request", "body": chunks.pop(), "more_body": False}
            await asyncio.Event().wait()  # the client stays for the answer
            raise AssertionError("not reached")

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start, *parts = sent
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], names, b"".join(part.get("body", b"") for part in parts))
