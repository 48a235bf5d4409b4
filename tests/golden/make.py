"""Make golden databases with the code that is here, and record what it answers from them.

`python -m tests.golden.make FOLDER` makes both, in a folder that must not exist yet: a database is never made
anew. With `--later` it records only the answers after moves of the clock anew. See the README of this folder.
"""

import json
import lzma
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mockserver.core.events import EVENTS
from tests.golden import questions
from tests.golden.answers import KINDS, Asked, Request, became_preview, differences
from tests.golden.process import Process
from tests.golden.worlds import WORLDS

# the accounts whose clocks are moved
MOVED = set(
    """
    demo demo-later demo-of-fork sepa sepa-early bank bank-fork
    by-hand by-hand-fork automatic letters credits sold full oslo roma los-angeles
    scenario-automatic-reminders scenario-receiver-down money-3 money-5 money-8 money-13
    root at-position fork-of-fork again again-fork from-fixture was-live orphan
    """.split()  # noqa: SIM905
)


def make_databases(folder: Path) -> None:
    """One compressed SQLite file for each world. Together they hold every event there is."""
    found: Counter[str] = Counter()
    for name, live in WORLDS.items():
        with tempfile.TemporaryDirectory() as room:
            path = Path(room) / f"{name}.db"
            live(path)
            found.update(_tidied(path))
            (folder / f"{name}.db.xz").write_bytes(lzma.compress(path.read_bytes(), preset=9))
    absent = {each.__name__ for each in EVENTS} - set(found)
    assert not absent, f"no record holds {', '.join(sorted(absent))}"


def _tidied(path: Path) -> Iterator[str]:
    """Leave one file and no more; returns the name of each event in it."""
    database = sqlite3.connect(path)
    database.execute("pragma wal_checkpoint(truncate)")
    database.execute("vacuum")
    database.execute("pragma wal_checkpoint(truncate)")
    bodies = [json.loads(row[0]) for row in database.execute("select body from records")]
    database.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    yield from (event["type"] for body in bodies for event in body["events"])


def make_answers(folder: Path, *, later: bool = False) -> None:
    """What the code that is here answers to every request.

    With `later` the first round must be as it was recorded, and only the rounds after it are recorded anew.
    """
    for packed in sorted(folder.glob("*.db.xz")):
        name = packed.name.removesuffix(".db.xz")
        answers = folder / f"{name}.answers.json.xz"
        with tempfile.TemporaryDirectory() as room:
            path = Path(room) / f"{name}.db"
            path.write_bytes(lzma.decompress(packed.read_bytes()))
            rounds = json.loads(json.dumps(_recorded(path)))
        if later:
            first = json.loads(lzma.decompress(answers.read_bytes()))[0]
            assert _same(rounds[0], first), f"{name}: differs as it is"
            rounds[0] = first
        text = json.dumps(rounds, ensure_ascii=False, separators=(",", ":"))
        answers.write_bytes(lzma.compress(text.encode(), preset=9))
        print(name, {each["name"]: sum(len(each[kind]) for kind in KINDS) for each in rounds})


def _same(got: Any, recorded: Any) -> bool:
    """Whether a round has the recorded answers, but for what changed on purpose."""
    for kind in KINDS:
        for one, other in zip(got[kind], recorded[kind], strict=True):
            *request, status, body = one
            same = one[:-1] == other[:-1] and not list(differences(other[-1], body))
            if not same and not became_preview(Request(*request), tuple(other[-2:]), (status, body)):
                return False
    return bool(got["name"] == recorded["name"])


def _recorded(path: Path) -> list[Any]:
    """The rounds: first the file as it is, then the same file after each move of some accounts."""
    asked = Asked()
    with Process(path) as process:
        accounts = [each["id"] for each in process.call("GET", "/_mock/accounts").json]
        moved = [each for each in accounts if each in MOVED]
        return [
            _round(process, asked, "as it is", accounts, None, documents=True),
            _round(process, asked, "a month later", moved, "31d", documents=False),
            _round(process, asked, "a year later", moved, "366d", documents=True),
        ]


def _round(
    process: Process, asked: Asked, name: str, accounts: list[str], span: str | None, *, documents: bool
) -> Any:
    """Move the clocks of these accounts by a span, then ask everything about them."""
    moves: list[Request] = []
    for account in accounts if span else []:
        moves += questions.move(account, str(span))
    for move in moves:
        answer = process.call(move.method, move.path, move.body)
        assert answer.status == 200, answer.body
    asking: dict[str, list[Request]] = {kind: [] for kind in KINDS}
    if not moves:
        asking["answers"] += questions.of_server()
    for account in accounts:
        asking["answers"] += questions.of_account(process, account, moved=bool(moves))
        if not moves and not account.startswith("scenario-"):
            asking["refusals"] += questions.refused(process, account)
        if documents:
            asking["documents"] += questions.of_documents(process, account)
    recorded: dict[str, Any] = {"name": name, "moves": moves}
    for kind, requests in asking.items():
        recorded[kind] = []
        for request in requests:
            status, body = asked.ask(process, request, moved=bool(moves))
            assert status < 500, (request, status, body)
            assert request.method == "GET" or status >= 400, ("accepted", request)
            recorded[kind].append([*request, status, body])
    return recorded


def main(arguments: list[str]) -> None:
    """Make the databases, then the answers."""
    *options, name = arguments
    folder = Path(name)
    if options == ["--later"]:
        make_answers(folder, later=True)
        return
    folder.mkdir()
    make_databases(folder)
    make_answers(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
