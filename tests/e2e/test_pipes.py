"""Commands whose output nobody reads to its end."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["openapi", "openapi --control", "run --help", "serve --help"])
def test_a_reader_that_ends_early(command: str, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    # the reader is gone before anything is written
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -m mockserver {command} 2>{errors} | true"],
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert errors.read_text() == ""
