"""The same two requests beside other mock servers: the nearest operation that each of them has."""

import json
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from benchmarks.load import CONNECTIONS, CUSTOMER, ROW, Job, Run, prepared, run
from benchmarks.report import Effort, Figure
from benchmarks.servers import Server, mockserver, process

PLACE = Path(__file__).parent.parent / ".venv-peers"
_KEPT = Path("/tmp/localstripe.pickle")  # where localstripe keeps all it holds, anew at each write
_PATIENCE = 30  # seconds until a peer that does not answer has failed
_OURS = "mockserver"

_STRIPE = {"Authorization": "Bearer sk_test_bench", "Content-Type": "application/json"}
_DYNAMO = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "Content-Type": "application/x-amz-json-1.0",
}
_TABLE = {
    "TableName": "billogram",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
_ITEM = {
    "id": {"S": "fcHXLiW"},
    "customer": {"M": {"customer_no": {"N": "1"}}},
    "items": {"L": [{"M": {name: {"S" if name == "title" else "N": str(ROW[name])} for name in ROW}}]},
}


class Peer(Struct, frozen=True):
    """Another server, and what is asked of it: a read, then a write."""

    name: str
    module: str
    options: Callable[[int], list[str]]  # by its port
    jobs: Callable[[Server], tuple[Job, Job]]


def beside(effort: Effort) -> list[Figure]:
    """In a round all servers are new and take turns. Nothing where the peers are not installed."""
    if not (PLACE / "installed").exists():
        print("peers: they are not installed, they are left out", file=sys.stderr, flush=True)
        return []
    found: defaultdict[tuple[str, int, int], list[Run]] = defaultdict(list)
    for number in range(effort.rounds):
        print(f"peers, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        _round(effort, found)
    rates, costs = [], []
    for peer in PEERS:
        for index, method in enumerate(("GET", "POST")):
            for connections in CONNECTIONS:
                ours, theirs = found[_OURS, index, connections], found[peer.name, index, connections]
                name = f"{method} beside {peer.name}, {connections} connection{'s' * (connections > 1)}"
                rates.append(
                    Figure(name, "requests/s", [one.rate for one in ours], [one.rate for one in theirs])
                )
                if connections == max(CONNECTIONS):
                    cost, other = [one.cost for one in ours], [one.cost for one in theirs]
                    costs.append(Figure(name, "CPU µs/request", cost, other, less_is_more=True))
    return rates + costs


def _round(effort: Effort, found: dict[tuple[str, int, int], list[Run]]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmarks-")))
        ours = stack.enter_context(mockserver())
        running = {_OURS: (ours, prepared(ours))}
        for peer in PEERS:
            server = stack.enter_context(_running(peer))
            running[peer.name] = server, peer.jobs(server)
        for index in range(2):
            for connections in CONNECTIONS:
                for name, (server, jobs) in running.items():
                    one = run(server, jobs[index], connections, effort.seconds, folder)
                    found[name, index, connections].append(one)


@contextmanager
def _running(peer: Peer) -> Iterator[Server]:
    """The peer's real command. It tells what it does on both of its outputs: nobody listens."""
    port, before = _free_port(), _KEPT.read_bytes() if _KEPT.exists() else None
    command = [str(PLACE / "bin" / "python"), "-m", peer.module, *peer.options(port)]
    try:
        with process(command, subprocess.DEVNULL, subprocess.DEVNULL) as started:
            deadline = time.monotonic() + _PATIENCE
            while not _listens(port):
                if started.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{peer.name} did not start")
                time.sleep(0.05)
            yield Server(f"http://127.0.0.1:{port}", started.pid)
    finally:
        _KEPT.unlink(missing_ok=True)
        if before is not None:
            _KEPT.write_bytes(before)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _asked(server: Server, job: Job) -> Any:
    """The answer to one request that must go well."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=_PATIENCE)
    try:
        connection.request(job.method, job.path, json.dumps(job.body), job.headers or {})
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{job.method} {job.path}: {response.status} {content!r}")
        return json.loads(content)
    finally:
        connection.close()


def _localstripe(server: Server) -> tuple[Job, Job]:
    """An invoice item of a customer who is there already."""
    customer = {"name": CUSTOMER["name"], "email": "contact@example.com"}
    key = _asked(server, Job("POST", "/v1/customers", customer, _STRIPE))["id"]
    row = {"customer": key, "amount": 12500, "currency": "sek", "description": ROW["title"]}
    write = Job("POST", "/v1/invoiceitems", row, _STRIPE)
    made = _asked(server, write)["id"]
    return Job("GET", f"/v1/invoiceitems/{made}", None, _STRIPE), write


def _moto(server: Server) -> tuple[Job, Job]:
    """An item of a DynamoDB table: both its operations are a POST with a JSON body."""

    def job(operation: str, body: Any) -> Job:
        return Job("POST", "/", body, {**_DYNAMO, "X-Amz-Target": f"DynamoDB_20120810.{operation}"})

    _asked(server, job("CreateTable", _TABLE))
    write = job("PutItem", {"TableName": _TABLE["TableName"], "Item": _ITEM})
    _asked(server, write)
    return job("GetItem", {"TableName": _TABLE["TableName"], "Key": {"id": _ITEM["id"]}}), write


PEERS = (
    Peer("localstripe", "localstripe", lambda port: ["--port", str(port), "--from-scratch"], _localstripe),
    Peer("moto", "moto.server", lambda port: ["-H", "127.0.0.1", "-p", str(port)], _moto),
)
