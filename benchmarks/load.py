"""POST of a billogram with one row and GET of one, beside the ceiling: how many a second, and their cost."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.report import Effort, Figure
from benchmarks.servers import HEADERS, Answer, Server, ceiling, cores, mockserver

CONNECTIONS = (1, 32)
TARGETS = {("memory", "POST", 32): 0.33, ("file", "POST", 32): 0.28, ("memory", "GET", 32): 0.80}
CUSTOMER = {
    "name": "Test Customer AB",
    "contact": {"email": "contact@example.com"},
    "address": {"street_address": "Testgatan 1", "zipcode": "123 45", "city": "Teststad"},
}
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
_CEILING = "ceiling"

Kind = tuple[str, str, int]  # storage or ceiling, method, connections

# one line of JSON instead of wrk's own report; `status` counts the answers of 400 and above
_SCRIPT = """\
wrk.method = %s
wrk.body = %s
wrk.headers = {%s}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%%d,"microseconds":%%d,"status":%%d,"connect":%%d,"read":%%d,"write":%%d,"timeout":%%d}\\n',
    summary.requests, summary.duration,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
"""


class Job(msgspec.Struct, frozen=True):
    """What is asked of a server again and again."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] | None = None  # None: those of mockserver

    def script(self) -> str:
        """It in wrk's language. A string of JSON in ASCII is one of Lua too."""
        body = "nil" if self.body is None else json.dumps(json.dumps(self.body))
        sent = HEADERS if self.headers is None else self.headers
        headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in sent.items())
        return _SCRIPT % (json.dumps(self.method), body, headers)


class Run(msgspec.Struct, frozen=True):
    """What one run gave. What a request costs is what neighbours on the machine disturb least."""

    rate: float  # requests per second
    cost: float  # microseconds of CPU time that the server used for one


def requests(effort: Effort) -> list[Figure]:
    """One round after the other, each with new servers; in a round the servers take turns."""
    found: defaultdict[Kind, list[Run]] = defaultdict(list)
    for number in range(effort.rounds):
        print(f"requests, round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
        _round(effort, found)
    rates, costs = [], []
    for kind, runs in found.items():
        storage, method, connections = kind
        if storage == _CEILING:
            continue
        beside, target = found[_CEILING, method, connections], TARGETS.get(kind)
        name = f"{method}, {storage}, {connections} connection{'s' * (connections > 1)}"
        rate, ceiling_rate = [one.rate for one in runs], [one.rate for one in beside]
        rates.append(Figure(name, "requests/s", rate, ceiling_rate, target))
        if connections == max(CONNECTIONS):
            cost, ceiling_cost = [one.cost for one in runs], [one.cost for one in beside]
            figure = Figure(name, "CPU µs/request", cost, ceiling_cost, target, less_is_more=True)
            costs.append(figure)
    return rates + costs


def _round(effort: Effort, found: dict[Kind, list[Run]]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmarks-")))
        running = {
            "memory": stack.enter_context(mockserver()),
            "file": stack.enter_context(mockserver(folder / "log.sqlite")),
        }
        jobs = {storage: prepared(server) for storage, server in running.items()}
        answer = running["memory"].call("POST", "/billogram", jobs["memory"][-1].body)
        (folder / "answer.json").write_bytes(msgspec.json.encode(answer))
        running = {_CEILING: stack.enter_context(ceiling(folder / "answer.json")), **running}
        jobs[_CEILING] = jobs["memory"]
        _check_same(answer, running[_CEILING], jobs[_CEILING])
        for index in range(2):
            for connections in CONNECTIONS:
                for storage, server in running.items():
                    job = jobs[storage][index]
                    one = run(server, job, connections, effort.seconds, folder)
                    found[storage, job.method, connections].append(one)


def prepared(server: Server) -> tuple[Job, Job]:
    """GET of the one billogram there is, then POST of many more."""
    customer_no = server.call("POST", "/customer", CUSTOMER).body["data"]["customer_no"]
    body = {"customer": {"customer_no": customer_no}, "items": [ROW]}
    key = server.call("POST", "/billogram", body).body["data"]["id"]
    return Job("GET", f"/billogram/{key}"), Job("POST", "/billogram", body)


def _check_same(answer: Answer, server: Server, jobs: tuple[Job, ...]) -> None:
    """The ceiling must give what mockserver gives, or the figures compare nothing."""
    for job in jobs:
        given = server.call(job.method, job.path, job.body)
        assert given.body == answer.body, job
        assert given.headers.keys() == answer.headers.keys(), job
        assert given.headers["content-length"] == answer.headers["content-length"], job


def run(server: Server, job: Job, connections: int, seconds: int, folder: Path) -> Run:
    """One run; RuntimeError when a request was refused or got no answer."""
    script = folder / "job.lua"
    script.write_text(job.script(), encoding="ascii")
    _, core = cores()
    before = server.seconds()
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), server.url + job.path],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise RuntimeError(f"wrk: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    used = server.seconds() - before
    told: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    count, microseconds = told.pop("requests"), told.pop("microseconds")
    if not count or any(told.values()):
        raise RuntimeError(f"{job.method} {job.path}, {connections}: {count} requests, errors {told}")
    return Run(count / microseconds * 1e6, used / count * 1e6)
