"""`mockserver serve --fixture`, as a process of its own (reference: control 2, 4)."""

import json
from pathlib import Path

import pytest

from tests.e2e.served import Served
from tests.e2e.test_cli import refused, run

OVERDUE = "/billogram?page=1&page_size=9&filter_type=field&filter_field=state&filter_value=Overdue"


def names(server: Served, user: str = "demo") -> list[str]:
    return [each["customer"]["name"] for each in server.api("GET", OVERDUE, user=user).json()["data"]]


def test_it_is_there_and_survives_a_kill(tmp_path: Path) -> None:
    options = ("--fixture", "demo", "--database", "kept.db")
    server = Served(*options, cwd=tmp_path)
    assert server.mock("GET", "/ready").status_code == 200  # the first line is written when it is loaded
    assert names(server) == ["Föräldrakooperativet Blåklockan"]
    before = server.mock("GET", "/accounts/demo/timeline").json()
    server.api("POST", "/customer", {"name": "New AB", "contact": {"email": "new@example.com"}})
    server.kill()
    with Served(*options, cwd=tmp_path) as server:
        after = server.mock("GET", "/accounts/demo/timeline").json()
        assert after[: len(before)] == before
        assert [each["records"] for each in after[len(before) :]] == [["CustomerCreated"]]


def test_by_the_environment_and_by_a_path(tmp_path: Path) -> None:
    said = {
        "account": {"id": "own", "key": "hush"},
        "customers": [{"name": "A", "contact": {"email": "a@b.se"}}],
    }
    (tmp_path / "own.json").write_text(json.dumps(said))
    with Served(cwd=tmp_path, MOCKSERVER_FIXTURE="own.json") as server:
        found = server.api("GET", "/customer?page=1&page_size=9", user="own", key="hush").json()["data"]
        assert [each["name"] for each in found] == ["A"]
        assert server.api("GET", "/settings", user="own", key="other").status_code == 403


def test_fixtures_of_the_accounts_file(tmp_path: Path) -> None:
    listed = [{"id": "a", "key": "secret", "fixture": "demo"}, {"id": "b", "key": "secret"}]
    (tmp_path / "accounts.json").write_text(json.dumps(listed))
    with Served("--accounts", "accounts.json", cwd=tmp_path) as server:
        assert names(server, "a") == ["Föräldrakooperativet Blåklockan"]
        assert names(server, "b") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acts: [\n", "bad.yaml:2: bad YAML"),
        ("acts:\n- {do: deleteItem, on: NONE}\n", "bad.yaml:2: deleteItem is refused"),
    ],
)
def test_a_bad_one_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    options = ("--port", "0", "--database", "kept.db", "--fixture", "bad.yaml")
    assert said in refused("serve", *options, cwd=tmp_path)
    with Served("--database", "kept.db", cwd=tmp_path) as server:
        assert server.mock("GET", "/accounts").json() == []
    assert "did you mean demo?" in refused("serve", "--port", "0", "--fixture", "demoo")


def test_the_schema_is_printed() -> None:
    done = run("openapi", "--fixture")
    assert done.returncode == 0
    assert json.loads(done.stdout)["properties"].keys() == {"account", "customers", "items", "acts"}
    assert "not allowed with" in refused("openapi", "--fixture", "--control")
