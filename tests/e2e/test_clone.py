"""A clean clone serves: what is committed is enough, and `make run` does the rest; without a network."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

from mockserver.version import __version__
from tests.docs.pages import README, blocks
from tests.docs.reader import Reader
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


def make_run(clone: Path) -> None:
    """Start the server as a newcomer does, and stop it with Ctrl-C."""
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


def test_make_run_serves(clone: Path) -> None:
    make_run(clone)
    assert (
        run(clone / ".venv" / "bin" / "mockserver", "--version", cwd=clone) == f"mockserver {__version__}\n"
    )
    assert run("git", "status", "--porcelain", cwd=clone) == ""


def test_the_readme_word_by_word(clone: Path) -> None:
    make_run(clone)
    environment = clone / ".venv"
    # pip finds there what the page installs from the network: pytest, httpx and Billogram's client
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    with Reader(clone, python=str(environment / "bin" / "python")) as reader:
        for block in blocks(README):
            if block.language != "mermaid":
                reader.follow(block)
        reader.finish()
    assert (clone / "sandbox.db").exists()
