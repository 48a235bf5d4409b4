"""The example of a Django project: its suite passes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.e2e.served import clean_environment

NO = ("cacheprovider", "asyncio", "hypothesispytest", "schemathesis", "anyio")
# a connection that Django's live server still has when it stops is left to its thread, and to the collector
WARNINGS = (
    *("-W", "error", "-W", "ignore::ResourceWarning"),
    *("-W", "ignore::pytest.PytestUnhandledThreadExceptionWarning"),
)
OPTIONS = ("-q", *WARNINGS, *(word for name in NO for word in ("-p", f"no:{name}")))


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["alone", "on two workers"])
@pytest.mark.parametrize("database", ["in memory", "in a file"])
def test_the_suite_passes(tmp_path: Path, database: str, more: tuple[str, ...]) -> None:
    project = shutil.copytree(ROOT / "docs" / "examples" / "django", tmp_path / "project")
    if database == "in a file":  # each thread has a connection of its own, as with PostgreSQL
        with (project / "billing" / "settings.py").open("a") as settings:
            settings.write("DATABASES['default']['TEST'] = {'NAME': 'test.sqlite3'}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *more],
        cwd=project,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^9 passed", done.stdout, re.MULTILINE), done.stdout
