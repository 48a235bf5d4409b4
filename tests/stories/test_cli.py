"""`mockserver run`: exit codes, the table, the report, other servers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest

from mockserver import Mockserver
from mockserver.cli.main import main
from tests.stories.test_report import CUSTOMER, HEAD


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> "Runner":
    return Runner(capsys)


class Runner:
    """The command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["run", *arguments])
        told = self._capsys.readouterr()
        return ended.value.code, told.out, told.err


@pytest.fixture(scope="module")
def shared() -> Iterator[Mockserver]:
    with Mockserver(clock="frozen") as server:
        yield server


@pytest.fixture
def failing(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(HEAD + CUSTOMER)
    return str(path)


def test_all_pass(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    code, out, err = run("pay-in-parts", "nothing-to-pay", "--report", str(path))
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith("pay-in-parts    passed   13 steps ")
    assert second.startswith("nothing-to-pay  passed    4 steps ")
    suite = ElementTree.parse(path).getroot()
    assert [case.attrib["name"] for case in suite.iter("testcase")] == ["pay-in-parts", "nothing-to-pay"]


def test_one_fails(run: Runner, failing: str, tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    code, out, err = run("nothing-to-pay", failing, "--report", str(path))
    assert (code, err) == (1, "")
    assert "nothing-to-pay  passed" in out
    assert "small           failed" in out
    assert "small: the step customer failed, line 20" in out
    assert "answer 400" in out
    assert ElementTree.parse(path).getroot().attrib["failures"] == "1"


COULD_NOT = [
    (["pay-in-part"], "no scenario pay-in-part; did you mean pay-in-parts?"),
    (
        ["pay-in-parts", "--input", "colour=red"],
        "pay-in-parts: the workflow pay-in-parts has no input colour",
    ),
    (["pay-in-parts", "nobody"], "no scenario nobody"),
    (["paid-too-much", "--input", "all_of_it=much"], "paid-too-much: all_of_it: 'much' is not of type"),
    (["pay-in-parts", "--input", "x"], "argument --input: must be NAME=VALUE"),
    (["pay-in-parts", "--account", "me"], "argument --account: must be name:key"),
    (["pay-in-parts", "--base-url", "here"], "argument --base-url: must be an address"),
    ([], "the following arguments are required: scenario"),
    (
        ["pay-in-parts", "--base-url", "http://127.0.0.1:9"],
        "http://127.0.0.1:9 can't be asked: connection ref",
    ),
    (["nothing-to-pay", "--base-url", "http://127.0.0.1:9"], "http://127.0.0.1:9 can't be asked: "),
]


@pytest.mark.parametrize(("arguments", "said"), COULD_NOT)
def test_it_could_not_run(run: Runner, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mockserver run: {said}")


def test_a_report_that_can_not_be_written(run: Runner, tmp_path: Path) -> None:
    code, _, err = run("nothing-to-pay", "--report", str(tmp_path / "none" / "report.xml"))
    assert (code, err.count("\n")) == (2, 1)
    assert "report.xml can't be written: " in err


def test_a_document_that_is_wrong(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(HEAD.replace("operationId: ready", "operationId: steady"))
    code, out, err = run("pay-in-parts", str(path))
    assert (code, out) == (2, "")
    assert err.startswith(
        f"mockserver run: {path}:19: workflows.0.steps.0.operationId: neither source has no operation steady"
    )


def test_a_server_that_runs(run: Runner, shared: Mockserver) -> None:
    address = shared.url.removesuffix("/api/v2")
    for base in (shared.url, address, f"{address}/"):
        code, out, err = run("refund-recall", "credit-by-rows", "--base-url", base)
        assert (code, err) == (0, ""), out
    ids = {each["id"] for each in shared.control("GET", "/accounts")}
    assert ids == {"scenario-refund-recall", "scenario-credit-by-rows"}
    code, _, _ = run("credit-by-rows", "--base-url", address, "--account", "mine:Key:2")
    assert code == 0
    assert "mine" in {each["id"] for each in shared.control("GET", "/accounts")}
    code, out, _ = run("credit-by-rows", "--base-url", address, "--account", "mine:other")
    assert code == 1
    assert "INVALID_AUTH" in out


def test_a_control_token(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOCKSERVER_CONTROL_TOKEN", raising=False)
    with Mockserver(clock="frozen", control_token="T0ken") as server:
        base = ("pay-in-parts", "--base-url", server.url)
        code, out, err = run(*base)
        assert (code, out) == (2, "")
        assert "requires its control token: use --control-token, or MOCKSERVER_CONTROL_TOKEN" in err
        assert run(*base, "--control-token", "T0ken")[0] == 0
        monkeypatch.setenv("MOCKSERVER_CONTROL_TOKEN", "T0ken")
        assert run(*base)[0] == 0


class Other(BaseHTTPRequestHandler):
    """A server with Billogram's API, as far as one request goes, and no control plane."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        there = self.path.startswith("/api/v2/")
        body = json.dumps({"status": "MISSING_AUTH" if there else "NOT_FOUND", "data": {}}).encode()
        self.send_response(401 if there else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815  # names of the standard library

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def other() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_that_is_none_of_ours(run: Runner, other: str) -> None:
    code, out, err = run("credit-by-rows", "pay-in-parts", "--base-url", other)
    assert (code, out) == (2, "")
    assert f"{other} has no control plane, which pay-in-parts can't do without" in err
    assert "credit-by-rows, nothing-to-pay, send-in-two-requests" in err
    code, out, err = run("credit-by-rows", "--base-url", f"{other}/api/v2")
    assert (code, err) == (1, "")
    assert "MISSING_AUTH" in out


def test_as_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", "run", "nothing-to-pay"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("nothing-to-pay  passed    4 steps")
