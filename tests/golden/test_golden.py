"""Today's code answers from a log of an older format as the code did that wrote it.

The answers were recorded when the databases were made; the README beside this file explains both.
"""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from tests.golden.answers import KINDS, Asked, Request, became_preview, differences
from tests.golden.process import Process

_HERE = Path(__file__).parent
_DATABASES = sorted(_HERE.glob("format*/*.db.xz"))
_MOST_SHOWN = 20


def _name(packed: Path) -> str:
    return f"{packed.parent.name}/{packed.name.removesuffix('.db.xz')}"


@pytest.fixture(params=_DATABASES, ids=_name)
def packed(request: pytest.FixtureRequest) -> Path:
    """One of the golden databases, compressed."""
    found: Path = request.param
    return found


def test_a_golden_log_gives_the_answers_that_were_recorded(packed: Path, tmp_path: Path) -> None:
    """The file as it is, the same file opened again, and after a month and a year on its clocks."""
    path = tmp_path / "golden.db"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    recorded = packed.with_name(packed.name.replace(".db.", ".answers.json."))
    rounds = json.loads(lzma.decompress(recorded.read_bytes()), parse_float=str)
    asked = Asked()
    with Process(path) as process:
        _compare(process, asked, rounds[0], *KINDS)
    with Process(path) as process:
        _compare(process, asked, rounds[0], "answers")
        for each in rounds[1:]:
            _move(process, asked, each)
            _compare(process, asked, each, *KINDS)
    with Process(path) as process:
        _compare(process, asked, rounds[-1], "answers")


def _move(process: Process, asked: Asked, recorded: Any) -> None:
    """Move the clocks as they were moved for the recording."""
    for move in recorded["moves"]:
        status, body = asked.ask(process, Request(*move), moved=True)
        assert status == 200, (move, body)


def _compare(process: Process, asked: Asked, recorded: Any, *kinds: str) -> None:
    """Repeat the requests of one round, and compare the answers with those that were recorded."""
    answers = [each for kind in kinds for each in recorded[kind]]
    found: list[str] = []
    different = 0
    for method, path, account, body, status, expected in answers:
        request = Request(method, path, account, body)
        got = asked.ask(process, request, moved=bool(recorded["moves"]))
        if got == (status, expected) or became_preview(request, (status, expected), got):
            continue
        different += 1
        place = f"{recorded['name']}: {account or 'control plane'}: {method} {path}"
        if got[0] != status:
            found.append(f"{place}: expected status {status}, got {got[0]}")
        else:
            found += [f"{place}: {each}" for each in differences(expected, got[1])]
    counts = f"{different} of {len(answers)} answers differ, in {len(found)} places; the first:"
    assert not found, "\n".join([counts, *found[:_MOST_SHOWN]])
