"""What clients can name: the library and the folders of `--library`; no path, no secret (control 1, 4)."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.stories import library, yaml_source
from mockserver.stories.yaml_source import BadFile
from tests.server import Server
from tests.stories.test_arazzo import good

GOOD = 'customers: [{name: "Fir AB", contact: {email: fir@example.com}}]\n'
SECRET = "hunter2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of fixtures, with what else may be in it; beside it is a file that is none of its business."""
    made = tmp_path / "library"
    made.mkdir()
    (made / "fir.yaml").write_text(GOOD)
    (made / "pine.yml").write_text(GOOD)
    (made / "oak.json").write_text(json.dumps({"acts": [{"after": "1d"}]}))
    (made / "notes.txt").write_text(GOOD)
    (made / "folder.yaml").mkdir()
    os.mkfifo(made / "pipe.yaml")
    (made / "zero.yaml").symlink_to("/dev/zero")
    (made / "gone.yaml").symlink_to(made / "nowhere")
    (tmp_path / "outside.yaml").write_text(GOOD)
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(library=(str(folder),))
    made.mock("POST", "/accounts", {"id": "test"})
    yield made
    made.close()


def answers(server: Server, fixture: Any) -> list[Any]:
    """The errors of each operation that takes a fixture."""
    found = []
    for path, more in (("/accounts", {"id": "new"}), ("/accounts/test/reset", {})):
        answer = server.mock("POST", path, {**more, "fixture": fixture})
        assert answer.status in (400, 413), answer.body
        found.append(answer.json["error"])
    assert server.emulator.live("new") is None
    return found


PATHS: list[Callable[[Path], str]] = [
    lambda folder: str(folder / "fir.yaml"),
    lambda folder: str(folder.parent / "outside.yaml"),
    lambda folder: "fir.yaml",
    lambda folder: "./fir",
    lambda folder: "../outside",
    lambda folder: "../outside.yaml",
    lambda folder: "notes",
    lambda folder: "notes.txt",
    lambda folder: "folder",
    lambda folder: "pipe",
    lambda folder: str(folder / "pipe.yaml"),
    lambda folder: "zero",
    lambda folder: "gone",
    lambda folder: "/dev/zero",
    lambda folder: "/dev/stdin",
    lambda folder: "/etc/passwd",
    lambda folder: "/proc/self/environ",
    lambda folder: f"file://{folder}/fir.yaml",
    lambda folder: "fir\0",
    lambda folder: "",
    lambda folder: "x" * 5000,
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_is_opened(
    path: Callable[[Path], str], server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(library, "read", opened.append)
    for error in answers(server, path(folder)):
        assert error["code"] in ("fixture", "invalid_body")
    assert opened == []


def test_the_files_of_a_folder_by_their_names(server: Server) -> None:
    for name in ("fir", "pine", "oak"):
        assert server.mock("POST", "/accounts", {"id": name, "fixture": name}).status == 201
    (error, _) = answers(server, "fiir")
    assert error["message"] == "no fixture fiir; did you mean fir?"
    assert "--library" in error["hint"]


def test_several_folders_the_first_wins(tmp_path: Path) -> None:
    for name, texts in (("first", {"a": GOOD, "demo": GOOD}), ("second", {"a": "acts: 1", "b": GOOD})):
        (tmp_path / name).mkdir()
        for stem, text in texts.items():
            (tmp_path / name / f"{stem}.yaml").write_text(text)
    server = Server(library=(str(tmp_path / "first"), str(tmp_path / "second"), str(tmp_path / "none")))
    for name in ("a", "b", "demo", "sepa"):
        shown = server.mock("POST", "/accounts", {"id": name, "fixture": name})
        assert shown.status == 201, shown.body
        assert shown.json["counts"]["customers"] == 1 or name == "sepa"
    server.close()


@pytest.mark.parametrize(
    "text",
    [
        f"password: {SECRET}\n",
        f"{SECRET}: 1\n{SECRET}: 2\n",
        f"{SECRET}\n",
        f"- {SECRET}\n",
        f"a: *{SECRET}\n",
        f"a: !{SECRET} b\n",
        f"a: !!int {SECRET}\n",
        f"a: !!{SECRET} b\n",
        f"a: {SECRET}: b\n",
        f"a: '{SECRET}\n",
        f'a: "\\{SECRET}"\n',
        f"a: @{SECRET}\n",
        f"? [{SECRET}]\n",
        f"%{SECRET}\n--- a\n",
        f"root:{SECRET}:0:0:root:/root:/bin/bash\ndaemon:*:1:1\n",
    ],
)
def test_a_file_of_another_kind_is_not_quoted(text: str, server: Server, folder: Path) -> None:
    (folder / "it.yaml").write_text(text)
    for error in answers(server, "it"):
        assert SECRET not in str(error)
        assert str(folder) not in str(error)
        assert error["message"].startswith("it.yaml:")
    run = server.mock("POST", "/accounts/test/scenarios/it/run", {})
    assert (run.status, run.json["error"]["code"]) == (400, "scenario")
    assert SECRET not in run.body.decode()
    assert str(folder) not in run.body.decode()
    assert "it" not in [each["name"] for each in server.mock("GET", "/scenarios").json]


# the document in the body


def test_a_fixture_in_the_body(server: Server) -> None:
    fixture = {
        "customers": [{"as": "fir", "name": "Fir AB", "contact": {"email": "fir@example.com"}}],
        "acts": [
            {
                "do": "createBillogram",
                "with": {
                    "customer": {"customer_no": "$fir"},
                    "items": [{"title": "Axe", "count": 1, "price": 12.5, "vat": 25}],
                },
            }
        ],
    }
    shown = server.mock("POST", "/accounts", {"id": "new", "fixture": fixture})
    assert shown.json["counts"]["billograms"] == 1
    causes = [act["cause"] for act in server.mock("GET", "/accounts/new/timeline?kind=act").json]
    assert causes == ["fixture.account", "fixture.customers[0]", "fixture.acts[0]", "fixture"]
    assert server.mock("POST", "/accounts/test/reset", {"fixture": fixture}).json["counts"]["customers"] == 1
    assert server.mock("POST", "/accounts/test/reset", {"fixture": {}}).json["counts"]["customers"] == 0


DEEP: Any = 1
for _ in range(50):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("fixture", "message"),
    [
        ({"act": []}, "fixture.act: is no fixture: it has none of account, customers, items, acts"),
        ({"acts": [], "x": 1}, "fixture.x: unknown key: x; known: account, customers, items, acts"),
        ({"acts": {}}, None),
        ({"acts": {"a": 1}}, "fixture.acts: acts must be a list"),
        ({"acts": [{"do": "sendBilogram"}]}, "fixture.acts[0].do: sendBilogram can't be done here"),
        ({"acts": [{"after": "1 day"}]}, "fixture.acts[0].after: after: not a duration"),
        ({"customers": [{}]}, "fixture.customers[0].name: createCustomer is refused: Name not set"),
        ({"account": {"seed": "x"}}, "fixture.account.seed: seed: "),
        ({"acts": DEEP}, "fixture: too many values, or too deep"),
        ([], "fixture: must be the name of a fixture"),
        (7, "fixture: must be the name of a fixture"),
    ],
)
def test_a_bad_fixture_in_the_body(fixture: Any, message: str | None, server: Server) -> None:
    if message is None:
        assert server.mock("POST", "/accounts", {"id": "new", "fixture": fixture}).status == 201
        return
    for error in answers(server, fixture):
        shown = error["message"].replace("Value error, ", "")
        assert shown.startswith(message), error


def test_a_body_above_the_limit(server: Server) -> None:
    fixture = {"customers": [{"name": "x" * library.LARGEST}]}
    assert [error["code"] for error in answers(server, fixture)] == ["too_large", "too_large"]
    answer = server.mock("POST", "/accounts/test/scenarios/any/run", {"scenario": fixture})
    assert answer.status == 413


# files


def test_a_file_above_the_limit(server: Server, folder: Path) -> None:
    (folder / "big.yaml").write_bytes(b"acts: []\n#" + b" " * library.LARGEST)
    assert answers(server, "big")[0]["message"] == "big.yaml: is larger than 5 MiB"
    (folder / "big.yaml").write_bytes((b"acts: []\n#" + b" " * library.LARGEST)[: library.LARGEST])
    assert server.mock("POST", "/accounts", {"id": "new", "fixture": "big"}).status == 201


def test_only_regular_files_are_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    usual = os.open

    def noted(path: Any, flags: int) -> int:
        opened.append(path)
        return usual(path, flags)

    monkeypatch.setattr(os, "open", noted)
    for name in ("folder.yaml", "pipe.yaml", "zero.yaml", "gone.yaml"):
        with pytest.raises(BadFile, match="can't be read: "):
            yaml_source.read_file(folder / name)
    assert opened == []
    assert yaml_source.read_file(folder / "fir.yaml").value["customers"]
    assert opened == [folder / "fir.yaml"]


def test_a_file_that_becomes_a_pipe_does_not_block(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regular = (folder / "fir.yaml").stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: regular)
    with pytest.raises(BadFile, match="it is not a regular file"):
        yaml_source.read_file(folder / "pipe.yaml")


def test_a_slow_file_holds_up_nobody(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, released = threading.Semaphore(0), threading.Event()
    usual = library.read

    def slow(path: Path) -> bytes:
        entered.release()
        assert released.wait(30)
        return usual(path)

    monkeypatch.setattr(library, "read", slow)
    monkeypatch.setattr(library, "LONGEST", 60.0)

    async def story() -> None:
        def asked(number: int, longest: float = 60.0) -> asyncio.Task[Any]:
            monkeypatch.setattr(library, "LONGEST", longest)
            body = json.dumps({"id": f"a{number}", "fixture": "fir"}).encode()
            return asyncio.ensure_future(server.asgi("POST", "/_mock/accounts", body))

        # more than the pool of the event loop has threads
        waiting = [asked(number) for number in range(40)]
        await asyncio.sleep(0)
        for path in ("/_mock/health", "/_mock/openapi.json", "/_mock/accounts"):
            assert (await server.asgi("GET", path)).status == 200
        given_up = await asked(99, 0.01)
        assert given_up.status == 400
        assert "can't be read within" in given_up.json["error"]["message"]
        released.set()
        assert {(await each).status for each in waiting} == {201}

    server.run(story())


def test_a_scenario_of_a_folder(server: Server, folder: Path) -> None:
    (folder / "mine.json").write_text(json.dumps(good()))
    names = [each["name"] for each in server.mock("GET", "/scenarios").json]
    assert "mine" in names
    assert not {"fir", "pine", "oak", "pipe", "zero"} & set(names)
    assert server.mock("GET", "/scenarios/mine").json["title"] == "Small"
    run = server.mock("POST", "/accounts/test/scenarios/mine/run", {})
    assert run.json["status"] in ("passed", "failed")
    for name in ("..%2Foutside", "outside", "pipe", "zero", "notes"):
        assert server.mock("POST", f"/accounts/test/scenarios/{name}/run", {}).status == 404


def test_a_scenario_in_the_body(server: Server) -> None:
    run = server.mock("POST", "/accounts/test/scenarios/mine/run", {"scenario": good()})
    assert run.status == 200, run.body
    assert run.json["scenario"] == "mine"
    bad = good()
    bad["workflows"][0]["steps"][0]["operationId"] = "nothing"
    for sent, message in (
        (bad, "mine: workflows.0.steps.0.operationId: "),
        ({}, "mine: is no Arazzo document"),
        ({"arazzo": DEEP}, "mine: too many values, or too deep"),
    ):
        refused = server.mock("POST", "/accounts/test/scenarios/mine/run", {"scenario": sent})
        assert (refused.status, refused.json["error"]["code"]) == (400, "scenario")
        assert refused.json["error"]["message"].startswith(message), refused.json
