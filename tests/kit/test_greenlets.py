"""Under monkey patching that makes greenlets of threads, one clear line instead of a hang."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.served import PATIENCE, clean_environment

# what gevent and eventlet do to the module, without their packages
PATCH = """
import _thread, sys, types
real = _thread.start_new_thread
def patch(library):
    if library:
        sys.modules[library] = types.ModuleType(library)
    _thread.start_new_thread = lambda *given: real(*given)
"""
SAID = "has replaced Python's threads in this process (monkey patching), and mockserver needs real ones"


def run(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PATCH + code, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env=clean_environment(),
    )


@pytest.mark.parametrize(
    ("library", "named"), [("gevent", "gevent"), ("eventlet", "eventlet"), ("", "a library")]
)
def test_a_server_of_a_test(library: str, named: str, tmp_path: Path) -> None:
    code = f"patch({library!r})\nfrom mockserver import Mockserver\nMockserver().start()"
    done = run(code, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"mockserver.serving.NoThreads: {named} {SAID}")


def test_patched_after_the_start(tmp_path: Path) -> None:
    code = (
        "from mockserver import Mockserver\n"
        "server = Mockserver()\nserver.start()\npatch('gevent')\nserver.account('demo')"
    )
    assert f"NoThreads: gevent {SAID}" in run(code, cwd=tmp_path).stderr


def test_the_command(tmp_path: Path) -> None:
    code = "patch('gevent')\nfrom mockserver.cli.main import main\nmain(['serve', '--port', '0'])"
    done = run(code, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"mockserver: gevent {SAID}")


def test_the_fixture_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(f"{PATCH}\npatch('gevent')\ndef test(billogram): pass\n")
    done = run("import pytest\nraise SystemExit(pytest.main(['-q', 'test_it.py']))", cwd=tmp_path)
    assert done.returncode == 1
    assert f"gevent {SAID}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_without_patching_nothing_is_said(tmp_path: Path) -> None:
    done = run("from mockserver import Mockserver\nwith Mockserver() as s: s.account('demo')", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
