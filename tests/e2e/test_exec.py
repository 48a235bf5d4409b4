"""`mockserver exec`: what a command gets, and how it ends (reference: control 2)."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.served import COMMAND, PATIENCE, clean_environment

NAMES = ("BILLOGRAM_URL", "BILLOGRAM_USER", "BILLOGRAM_KEY", "MOCK_CONTROL_URL", "MOCK_CONTROL_TOKEN")
SHOW = f"""
import json, os, sys
print(json.dumps([{{name: os.environ.get(name) for name in {NAMES}}}, sys.argv[1:], sys.stdin.read()]))
"""
USE = """
import os, httpx
auth = (os.environ["BILLOGRAM_USER"], os.environ["BILLOGRAM_KEY"])
url, control = os.environ["BILLOGRAM_URL"], os.environ["MOCK_CONTROL_URL"]
headers = {"authorization": f"Bearer {os.environ.get('MOCK_CONTROL_TOKEN')}"}
with httpx.Client(trust_env=False, verify=False) as client:
    print(client.get(f"{url}/settings", auth=auth).status_code)
    print(client.get(f"{control}/accounts", headers=headers).status_code)
"""


def execute(
    options: list[str], *command: str, stdin: str = "", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `mockserver exec` to its end."""
    return subprocess.run(
        [*COMMAND, "exec", *options, "--", *command],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env=clean_environment(**environment),
    )


def shown(*options: str, **environment: str) -> dict[str, str | None]:
    """The variables that a command sees."""
    done = execute([*options], sys.executable, "-c", SHOW, cwd=None, **environment)
    assert (done.returncode, done.stderr) == (0, ""), done
    variables: dict[str, str | None] = json.loads(done.stdout)[0]
    return variables


def test_the_command_gets_addresses_arguments_and_standard_input() -> None:
    """Standard output is the command's alone, and what follows `--` is not read, even another `--`."""
    given = ["--port", "x y", "--", "--help", ""]
    done = execute(["--clock", "frozen"], sys.executable, "-c", SHOW, *given, stdin="text")
    variables, arguments, stdin = json.loads(done.stdout)
    assert (done.returncode, done.stderr, arguments, stdin) == (0, "", given, "text")
    assert variables["MOCK_CONTROL_URL"].removesuffix("/_mock") == variables["BILLOGRAM_URL"].removesuffix(
        "/api/v2"
    )
    assert (variables["BILLOGRAM_USER"], variables["BILLOGRAM_KEY"]) == ("demo", "secret")
    assert variables["MOCK_CONTROL_TOKEN"] is None


def test_each_run_has_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert shown()["BILLOGRAM_URL"] not in (f"http://127.0.0.1:{taken}/api/v2", None)
        done = execute(["--port", str(taken)], sys.executable, "-c", SHOW)
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't listen on" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--fixture", "demo"],
        ["--host", "0.0.0.0"],
        ["--control-token", "my-token"],
        ["--host", "0.0.0.0", "--control-token", "none"],
        ["--database", "kept.db"],
    ],
)
def test_the_variables_work(options: list[str], tmp_path: Path) -> None:
    done = execute(options, sys.executable, "-c", USE, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n200\n", "")


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ([], {}, ("demo", "secret")),
        ([], {"BILLOGRAM_USER": "own", "BILLOGRAM_KEY": "pass"}, ("own", "pass")),
        ([], {"BILLOGRAM_USER": "own"}, ("own", None)),
        (["--closed"], {}, (None, None)),
        (["--closed", "--fixture", "demo"], {}, ("demo", "secret")),
    ],
)
def test_credentials(
    options: list[str], environment: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    """Those of the user are kept; there are none where none are known."""
    found = shown(*options, **environment)
    assert (found["BILLOGRAM_USER"], found["BILLOGRAM_KEY"]) == expected


def test_the_addresses_of_the_user_are_replaced() -> None:
    """A suite must not reach the real service because its address was set before."""
    found = shown(BILLOGRAM_URL="https://billogram.com/api/v2", MOCK_CONTROL_URL="http://mock")
    assert all(str(found[name]).startswith("http://127.0.0.1:") for name in ("BILLOGRAM_URL", NAMES[3]))


def test_the_options_come_from_the_environment_too() -> None:
    assert shown(MOCKSERVER_CONTROL_TOKEN="my-token")["MOCK_CONTROL_TOKEN"] == "my-token"


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 1", 1), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_the_exit_code_is_that_of_the_command(script: str, code: int) -> None:
    assert execute([], "sh", "-c", script).returncode == code


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (["no-such-command"], 127, "no-such-command can't be run: No such file or directory"),
        (["./plain"], 126, "./plain can't be run: Permission denied"),
    ],
)
def test_a_command_that_cannot_be_run(command: list[str], code: int, reason: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("not executable")
    done = execute([], *command, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"mockserver exec: {reason}\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "exec needs a command after --"),
        (["--"], "exec needs a command after --"),
        (["npm", "test"], "exec needs a command after --"),
        (["--clock", "frozen"], "exec needs a command after --"),
        (["--clock", "frozne", "--", "true"], "must be live or frozen"),
        (["npm", "--", "true"], "unrecognized arguments: npm"),
        (["--database", "no/such/folder/x.db", "--", "true"], "no directory"),
    ],
)
def test_a_bad_call_runs_nothing(arguments: list[str], reason: str) -> None:
    done = subprocess.run(
        [*COMMAND, "exec", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=clean_environment(),
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert reason in done.stderr


WAITS = """
import os, signal, sys
def ended(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    sys.exit(5)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, ended)
print(os.environ["MOCK_CONTROL_URL"], flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_command_while_the_server_still_answers(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "exec", "--", sys.executable, "-c", WAITS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    with process:
        stdout: Any = process.stdout
        control = stdout.readline().strip()
        with httpx.Client(trust_env=False, verify=False) as client:
            assert client.get(f"{control}/health").status_code == 200
            process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (5, f"got {number.name}\n", "")


def test_what_was_answered_is_kept(tmp_path: Path) -> None:
    make = USE.replace(
        'client.get(f"{url}/settings", auth=auth)',
        'client.post(f"{url}/customer", auth=auth, json={"name": "Test Customer AB"})',
    )
    look = USE.replace(
        'client.get(f"{url}/settings", auth=auth)', 'client.get(f"{url}/customer/1", auth=auth)'
    )
    for program in (make, look):
        done = execute(["--database", "kept.db"], sys.executable, "-c", program, cwd=tmp_path)
        assert done.stdout.startswith("200\n"), done
