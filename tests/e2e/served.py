"""`mockserver serve` as a process of its own, for the length of a `with` block."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.documented import held

COMMAND = (sys.executable, "-m", "mockserver")
PATIENCE = 30  # seconds until a process that should have ended counts as hung


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without options of ours, and without a proxy between us and loopback."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MOCKSERVER_") and not name.lower().endswith("_proxy")
    }
    # a suite that is run in a test needs no plugin but ours
    return kept | {"PYTEST_ADDOPTS": "-p no:schemathesis -p no:hypothesispytest"} | more


class Served:
    """`mockserver serve` on a free port, for the length of a `with` block. It must end with 0, silently."""

    command: tuple[str, ...] = COMMAND

    def __init__(self, *arguments: str, cwd: Path | None = None, **environment: str) -> None:
        port = () if "--port" in arguments or "MOCKSERVER_PORT" in environment else ("--port", "0")
        self.process = subprocess.Popen(
            [*self.command, "serve", *port, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=clean_environment(**environment),
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        if not self.first_line:
            raise AssertionError(self._ended())
        self.told: dict[str, str] = json.loads(self.first_line)
        self.address = self.told["control"].removesuffix("/_mock")
        self.client = httpx.Client(base_url=self.address, trust_env=False, verify=False, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or self.process.returncode is not None:
            self.kill()
        else:
            assert self.stop() == (0, "", "")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to end; exit code, what came after the first line, standard error."""
        self.client.close()
        self.process.send_signal(number)
        return self._ended()

    def kill(self) -> None:
        """End it as a crash does."""
        self.client.close()
        self.process.kill()
        self._ended()

    def _ended(self) -> tuple[int, str, str]:
        with self.process:
            if self.process.stdout is not None and self.process.stdout.closed:
                return self.process.wait(), "", ""
            try:
                out, err = self.process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return self.process.returncode, out, err

    def api(
        self, method: str, path: str, body: Any = None, *, user: str = "demo", key: str = "secret"
    ) -> httpx.Response:
        """One request to Billogram's API."""
        return held(self.client.request(method, f"/api/v2{path}", json=body, auth=(user, key)))

    def mock(self, method: str, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        """One request to the control plane."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return held(self.client.request(method, f"/_mock{path}", json=body, headers=headers))

    def configuration(self, token: str | None = None) -> dict[str, Any]:
        """What it was started with, as it says itself."""
        shown: dict[str, Any] = self.mock("GET", "/info", token=token).json()["configuration"]
        return shown
