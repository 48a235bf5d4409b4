"""schemathesis, against a server of its own: no 500, and no answer but those that are documented."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.served import Served, clean_environment

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROGRAM = Path(sys.executable).parent / "st"
TOKEN = "s3cret"
ACCOUNTS = [{"id": "demo", "key": "secret", "features": {"standalone_credits": True}}]
DOCUMENTS = {
    "/openapi.json": ("--auth", "demo:secret"),
    "/_mock/openapi.json": ("--header", f"Authorization: Bearer {TOKEN}"),
}
documents = pytest.mark.parametrize("path", DOCUMENTS)


def attacked(path: str, folder: Path, *arguments: str, patience: float) -> int:
    """How many cases were sent, all of which were answered as documented."""
    listed = folder / "accounts.json"
    listed.write_text(json.dumps(ACCOUNTS))
    closed = ("--accounts", str(listed), "--clock", "frozen", "--control-token", TOKEN)
    nowhere = ("--callback-hosts", "nowhere.invalid")  # callbacks to addresses that were made up stay here
    with Served(*closed, *nowhere, cwd=ROOT) as server:
        done = subprocess.run(
            [
                *(str(PROGRAM), "--config-file", str(HERE / "schemathesis.toml"), "run"),
                *(server.address + path, *DOCUMENTS[path], "--continue-on-failure", *arguments),
            ],
            cwd=folder,
            env=clean_environment(
                SCHEMATHESIS_HOOKS="tests.openapi.hooks", PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])
            ),
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
        print(done.stdout)  # with the seed
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.mock("GET", "/ready").status_code == 200
    found = re.search(r"(\d+) generated", done.stdout)
    assert found is not None
    return int(found[1])


@documents
def test_every_answer_is_documented(path: str, tmp_path: Path) -> None:
    some = ("--max-examples", "3", "--seed", "1")
    assert attacked(path, tmp_path, *some, patience=300) > 4000


@pytest.mark.deep
@documents
def test_every_answer_is_documented_for_ten_minutes(path: str, tmp_path: Path) -> None:
    """Five for each document; the seed is another one each time, and is printed."""
    assert attacked(path, tmp_path, "--max-time", "300", patience=1200) > 4000  # even on a busy machine
