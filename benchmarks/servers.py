"""The servers that are measured: each a process of its own, alone on one core."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

ACCOUNT, KEY = "bench", "secret"
HEADERS = {
    "Authorization": "Basic " + b64encode(f"{ACCOUNT}:{KEY}".encode()).decode(),
    "Content-Type": "application/json",
}
_PATIENCE = 10  # seconds until a server that does not stop is killed


class Answer(Struct, frozen=True):
    """One answer, as a client sees it."""

    headers: dict[str, str]  # names in lower case
    body: Any


class Server(Struct, frozen=True):
    """A running server; `url` ends in `/api/v2`."""

    url: str
    pid: int

    def seconds(self) -> float:
        """CPU time that its process has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that its process holds."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def mock(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control plane."""
        parts = urlsplit(self.url)
        data = None if body is None else json.dumps(body)
        with closing(HTTPConnection(parts.netloc, timeout=60)) as connection:
            connection.request(method, f"/_mock{path}", data)
            response = connection.getresponse()
            content = response.read()
            if response.status >= 300:
                raise RuntimeError(f"{method} {path}: {response.status} {content!r}")
            return json.loads(content)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """One request that keeps its connection, as those of the load do: the headers tell the difference."""
        parts = urlsplit(self.url + path)
        data = None if body is None else json.dumps(body)
        with closing(HTTPConnection(parts.netloc, timeout=10)) as connection:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, target, data, HEADERS)
            response = connection.getresponse()
            content = response.read()
            if response.status != 200:
                raise RuntimeError(f"{method} {path}: {response.status} {content!r}")
            headers = {name.lower(): value for name, value in response.getheaders()}
            assert "connection" not in headers, headers
            return Answer(headers, json.loads(content))


def cores() -> tuple[int, int]:
    """The core of the servers and that of whoever calls them."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        sys.exit("the figures need two cores: one for the server, one for the load")
    return allowed[-1], allowed[0]


@contextmanager
def mockserver(database: str | Path = "memory", callback_url: str | None = None) -> Iterator[Server]:
    """The real command."""
    to = () if callback_url is None else ("--callback-url", callback_url, "--sign-key", "bench")
    with _running("mockserver", "serve", "--port", "0", "--database", str(database), *to) as server:
        yield server


@contextmanager
def bare() -> Iterator[Server]:
    """A bare Starlette and pydantic application, for its start."""
    with _running("benchmarks.bare") as server:
        yield server


@contextmanager
def ceiling(answer: Path) -> Iterator[Server]:
    """The bare application that gives this answer."""
    with _running("benchmarks.ceiling", str(answer)) as server:
        yield server


def _environment() -> dict[str, str]:
    """As that of a user: nothing is configured, and modules are kept compiled, as pip leaves them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOCKSERVER_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[Server]:
    """Run a module until the block ends. Its first line on standard output says where it listens."""
    with process([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} did not start: exit code {started.wait(_PATIENCE)}")
        yield Server(json.loads(line)["url"], started.pid)


@contextmanager
def process(command: list[str], stdout: int, stderr: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A server on its core until the block ends; RuntimeError when it ends before."""
    core, _ = cores()
    started = subprocess.Popen(
        command,
        stdout=stdout,
        stderr=stderr,
        text=True,
        env=_environment(),
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    with started:
        try:
            yield started
            if started.poll() is not None:
                raise RuntimeError(f"{command} ended by itself: exit code {started.returncode}")
        finally:
            started.terminate()
            try:
                started.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()
