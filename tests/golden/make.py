"""Make golden databases with the code that is here, and record what it answers from them.

`python -m tests.golden.make FOLDER` makes both, in a folder that must not be there yet: what was recorded
once is never made anew. See the README beside this file.
"""

import json
import lzma
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mockserver.core.events import EVENTS
from tests.golden import questions
from tests.golden.answers import Asked, Request
from tests.golden.process import Process
from tests.golden.worlds import WORLDS

# the accounts whose clocks are moved on
MOVED = {
    *("demo", "demo-later", "demo-of-fork", "sepa", "sepa-early", "bank", "bank-fork"),
    *("by-hand", "by-hand-fork", "automatic", "letters", "credits", "sold", "oslo", "roma", "los-angeles"),
    *("root", "at-position", "fork-of-fork", "again", "again-fork", "from-fixture", "was-live", "orphan"),
}
MOVED_ALIKE = ("money-2", "scenario-automatic")

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


def make_answers(folder: Path) -> None:
    """What the code that is here answers, to all that can be asked."""
    for packed in sorted(folder.glob("*.db.xz")):
        name = packed.name.removesuffix(".db.xz")
        with tempfile.TemporaryDirectory() as room:
            path = Path(room) / f"{name}.db"
            path.write_bytes(lzma.decompress(packed.read_bytes()))
            rounds = _recorded(path)
        text = json.dumps(rounds, ensure_ascii=False, separators=(",", ":"))
        (folder / f"{name}.answers.json.xz").write_bytes(lzma.compress(text.encode(), preset=9))
        print(name, {each["name"]: len(each["answers"]) + len(each["documents"]) for each in rounds})


def _recorded(path: Path) -> list[Any]:
    """The rounds: as the file is, then after each move of some accounts."""
    asked = Asked()
    with Process(path) as process:
        accounts = [each["id"] for each in process.call("GET", "/_mock/accounts").json]
        moved = [each for each in accounts if each in MOVED or each.startswith(MOVED_ALIKE)]

        def ask(asking: Iterable[Request], *, after_move: bool) -> list[Any]:
            answers = []
            for request in asking:
                status, body = asked.ask(process, request, moved=after_move)
                assert status < 500, (request, status, body)
                assert request.method == "GET" or status >= 400, ("accepted", request)
                answers.append([*request, status, body])
            return answers

        def round_of(name: str, whose: list[str], span: str | None, *, documents: bool) -> Any:
            moves = [] if span is None else [each for account in whose for each in questions.move(account, span)]
            for method, target, account, body in moves:
                answer = process.call(method, target, body, account)
                assert answer.status == 200, answer.body
            after_move = bool(moves)
            asking = [] if after_move else list(questions.of_server())
            for account in whose:
                asking += questions.of_account(process, account, moved=after_move)
            if not after_move:
                for account in whose:
                    asking += questions.refused(process, account)
            drawn = [each for account in whose for each in questions.of_documents(process, account)]
            return {
                "name": name,
                "moves": moves,
                "answers": ask(asking, after_move=after_move),
                "documents": ask(drawn if documents else [], after_move=after_move),
            }

        return [
            round_of("as it is", accounts, None, documents=True),
            round_of("a month later", moved, "31d", documents=False),
            round_of("a year later", moved, "366d", documents=True),
        ]


def main(arguments: list[str]) -> None:
    """The databases, then the answers."""
    folder = Path(arguments[0])
    folder.mkdir()
    make_databases(folder)
    make_answers(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
