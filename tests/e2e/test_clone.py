"""A clean clone serves: what is committed is enough, and `make run` does the rest; without a network."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mockserver.version import __version__
from tests.e2e.served import PATIENCE
from tests.e2e.test_wheel import ROOT, offline, run


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for tool in ("git", "make"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here")
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    place = tmp_path / "clone"
    run("git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), place, cwd=tmp_path)
    return place


def test_make_run_serves(clone: Path) -> None:
    with subprocess.Popen(
        ["make", "run", f"PYTHON={sys.executable}", "ARGS=--port 0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=clone,
        # a make inside of `make test` would tell that it enters a directory
        env={name: value for name, value in offline().items() if not name.startswith(("MAKE", "MFLAGS"))},
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=PATIENCE)[1]
            with httpx.Client(trust_env=False, verify=False) as client:
                info = client.get(f"{json.loads(line)['control']}/info").json()
                assert info["version"] == __version__
        finally:
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
            out, _ = process.communicate(timeout=PATIENCE)
        assert out == ""
    assert (
        run(clone / ".venv" / "bin" / "mockserver", "--version", cwd=clone) == f"mockserver {__version__}\n"
    )
    assert run("git", "status", "--porcelain", cwd=clone) == ""
