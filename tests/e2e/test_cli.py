"""The command as people run it: a process, its first line, its exit code (reference: control 2)."""

import errno
import http.server
import itertools
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from mockserver.cli.listening import reason
from mockserver.cli.options import SERVE, Option, from_environment, ignored_variables
from mockserver.stories.operations import OPERATIONS
from mockserver.version import __version__
from tests.e2e.served import COMMAND, PATIENCE, Served, clean_environment


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env=clean_environment(**environment),
    )


def refused(*arguments: str, cwd: Path | None = None, **environment: str) -> str:
    """The one line with which a command refuses to run."""
    done = run(*arguments, cwd=cwd, **environment)
    assert (done.returncode, done.stdout) == (2, ""), done
    return one_line(done.stderr)


def one_line(text: str) -> str:
    """The line, when there is exactly one, written for people."""
    assert text.endswith("\n"), text
    assert text.count("\n") == 1, text
    assert text.startswith("mockserver"), text
    return text.rstrip()


@contextmanager
def used_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@contextmanager
def dead_port() -> Iterator[int]:
    """A port that is taken, but where nobody answers."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        yield other.getsockname()[1]


# the first line


def test_the_first_line_says_where_everything_is(tmp_path: Path) -> None:
    with Served("--database", "kept.db", cwd=tmp_path) as server:
        assert server.told == {
            "url": f"{server.address}/api/v2",
            "control": f"{server.address}/_mock",
            "database": "kept.db",
        }
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", server.address)
        assert server.api("GET", "/settings").status_code == 200
        assert server.mock("GET", "/health").json() == {"status": "ok"}
    assert (tmp_path / "kept.db").exists()


def test_memory_is_the_default(tmp_path: Path) -> None:
    with Served(cwd=tmp_path) as server:
        assert server.told["database"] == "memory"
        assert server.api("POST", "/customer", {"name": "Test Customer AB"}).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_made_where_others_can_reach_it() -> None:
    with Served("--host", "0.0.0.0") as server:
        assert set(server.told) == {"url", "control", "database", "control_token"}
        assert server.told["url"].startswith("http://127.0.0.1:")
        token = server.told["control_token"]
        assert len(token) >= 24
        assert server.mock("GET", "/info").status_code == 401
        assert server.mock("GET", "/info", token=token).status_code == 200


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
@pytest.mark.parametrize("by_environment", [True, False])
def test_an_open_control_plane_on_any_address(address: str, by_environment: bool) -> None:
    """As in a container that is published on loopback; it still knows a web page by its host."""
    given = () if by_environment else ("--control-token", "none")
    started = partial(Served, "--host", address, *given)
    with started(MOCKSERVER_CONTROL_TOKEN="none") if by_environment else started() as server:
        assert set(server.told) == {"url", "control", "database"}
        assert server.configuration()["control_token"] is False
        assert server.mock("POST", "/accounts", {"id": "made"}).status_code == 201
        assert server.mock("GET", "/accounts", token="none").status_code == 200
        answer = server.client.get("/_mock/accounts", headers={"host": "page.example"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (421, "unknown_host")


def test_a_person_sees_that_the_control_plane_is_open(tmp_path: Path) -> None:
    with Terminal("--host", "0.0.0.0", "--control-token", "none", cwd=tmp_path) as terminal:
        assert "(open)" in terminal.shown
        assert terminal.follow(terminal.request)["status"] == "OK"


def test_a_token_that_was_given_is_not_shown() -> None:
    with Served("--host", "0.0.0.0", "--control-token", "my-token") as server:
        assert set(server.told) == {"url", "control", "database"}
        assert "my-token" not in server.mock("GET", "/info", token="my-token").text


def test_nothing_on_standard_error_in_normal_running() -> None:
    with Served() as server:  # the end of the block looks at it
        assert server.api("POST", "/customer", {"name": "Test Customer AB"}).status_code == 200
        assert server.api("POST", "/customer", {"nome": "x"}).status_code == 400
        assert server.api("GET", "/nothing").status_code == 404
        assert server.api("GET", "/settings", key="wrong").status_code == 403
        assert server.mock("POST", "/accounts", {"id": 1}).status_code == 400
        assert server.mock("GET", "/nothing").status_code == 404
        port = server.client.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as talk:
            talk.sendall(b"this is not HTTP\r\n\r\n")
            assert talk.makefile("rb").readline().startswith(b"HTTP/1.1 400")
        with socket.create_connection(("127.0.0.1", port)) as talk:  # hangs up in the middle
            talk.sendall(b"POST /api/v2/customer HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")


# options and their environment variables


BY_ENVIRONMENT = {
    "database": "first.db",
    "closed": "1",
    "clock": "frozen",
    "now": "2026-05-04T12:00:00+02:00",
    "seed": "7",
    "public-url": "https://first.example.com/",
    "invalid-auth-status": "401",
    "control-token": "first",
    "accounts": "first.json",
    "log-level": "debug",
    "host": "0.0.0.0",
    "port": "0",
    "callback-url": "mock:inbox",
    "sign-key": "first key",
    "allowed-hosts": "first.test, *.first.test",
    "callback-hosts": "first.example.com, *.first.example.com",
    "fixture": "empty",
    "library": "first:.",
}
ON_THE_COMMAND_LINE = {
    "database": "second.db",
    "clock": "live",
    "now": "2027-05-04T12:00:00+02:00",
    "seed": "8",
    "public-url": "http://second.example.com:8080/sandbox",
    "invalid-auth-status": "403",
    "control-token": "second",
    "accounts": "second.json",
    "log-level": "error",
    "callback-url": "https://second.example.com/hook?a=b",
    "sign-key": "second key",
    "allowed-hosts": "second.test",
    "callback-hosts": "second.example.com",
    "fixture": "sepa",
    "library": "second",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.json").write_text(json.dumps([{"id": name, "key": "secret"}]))
    return tmp_path


def variables(values: dict[str, str]) -> dict[str, str]:
    return {f"MOCKSERVER_{name.upper().replace('-', '_')}": value for name, value in values.items()}


def test_every_option_has_its_environment_variable(folder: Path) -> None:
    assert set(BY_ENVIRONMENT) == {option.name for option in SERVE}
    server = Served(cwd=folder, **variables(BY_ENVIRONMENT))
    assert server.configuration("first") == {
        "database": "first.db",
        "closed": True,
        "clock": "frozen",
        "now": "2026-05-04T12:00:00+02:00",
        "seed": 7,
        "fixture": "empty",
        "library": ["first", "."],
        "public_url": "https://first.example.com",
        "invalid_auth_status": 401,
        "control_token": True,
        "callback_url": "mock:inbox",
        "sign_key": True,
        "allowed_hosts": ["0.0.0.0", "first.test", "*.first.test"],
        "callback_hosts": ["first.example.com", "*.first.example.com"],
    }
    assert [account["id"] for account in server.mock("GET", "/accounts", token="first").json()] == [
        "demo",
        "first",
    ]
    code, _, err = server.stop()
    assert code == 0
    assert "DEBUG" in err  # what `--log-level` is for


def test_the_command_line_comes_first(folder: Path) -> None:
    line = itertools.chain.from_iterable((f"--{name}", value) for name, value in ON_THE_COMMAND_LINE.items())
    with Served(*line, cwd=folder, **variables(BY_ENVIRONMENT)) as server:
        assert server.configuration("second") == {
            "database": "second.db",
            "closed": True,
            "clock": "live",
            "now": "2027-05-04T12:00:00+02:00",
            "seed": 8,
            "fixture": "sepa",
            "library": ["second"],
            "public_url": "http://second.example.com:8080/sandbox",
            "invalid_auth_status": 403,
            "control_token": True,
            "callback_url": "https://second.example.com/hook?***",
            "sign_key": True,
            "allowed_hosts": ["0.0.0.0", "second.test"],
            "callback_hosts": ["second.example.com"],
        }
        assert server.mock("GET", "/info", token="first").status_code == 401
        assert [a["id"] for a in server.mock("GET", "/accounts", token="second").json()] == ["sepa", "second"]


def test_the_host_by_environment_and_line() -> None:
    with Served(MOCKSERVER_HOST="0.0.0.0") as server:
        assert "control_token" in server.told
    with Served("--host", "127.0.0.1", MOCKSERVER_HOST="0.0.0.0") as server:
        assert "control_token" not in server.told


def test_the_port_by_environment_and_line() -> None:
    with used_port() as port:
        assert f"port {port}" in refused("serve", MOCKSERVER_PORT=str(port))
        with Served("--port", "0", MOCKSERVER_PORT=str(port)) as server:
            assert not server.address.endswith(f":{port}")


@pytest.mark.parametrize(("value", "closed"), [("0", False), ("", False), ("TRUE", True)])
def test_a_switch_by_environment(value: str, closed: bool) -> None:
    with Served(MOCKSERVER_CLOSED=value) as server:
        assert server.configuration()["closed"] is closed


def test_a_switch_on_the_command_line_comes_first() -> None:
    with Served("--closed", MOCKSERVER_CLOSED="0") as server:
        assert server.configuration()["closed"] is True


def test_help_names_every_option_and_variable() -> None:
    done = run("serve", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in SERVE:
        assert f"--{option.name}" in done.stdout
        assert option.variable in done.stdout.replace("\n", "").replace(" ", "")


# variables that no option reads


SERVICE = {  # what Kubernetes sets in every pod for a service called mockserver
    "MOCKSERVER_SERVICE_HOST": "10.0.0.1",
    "MOCKSERVER_SERVICE_PORT": "8080",
    "MOCKSERVER_SERVICE_PORT_HTTP_API": "8080",
    "MOCKSERVER_PORT": "tcp://10.0.0.1:8080",
    "MOCKSERVER_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    "MOCKSERVER_PORT_8080_TCP_PROTO": "tcp",
    "MOCKSERVER_PORT_8080_TCP_PORT": "8080",
    "MOCKSERVER_PORT_8080_TCP_ADDR": "10.0.0.1",
}
LINKED = {  # what Docker sets for a linked container called mockserver, and Compose for its first one
    "MOCKSERVER_NAME": "/job/mockserver",
    "MOCKSERVER_ENV_PATH": "/usr/bin",
    "MOCKSERVER_PORT_8080_TCP": "tcp://172.17.0.2:8080",
    "MOCKSERVER_PORT_8080_8090_TCP_START": "tcp://172.17.0.2:8080",
    "MOCKSERVER_1_NAME": "/job/mockserver_1",
    "MOCKSERVER_1_ENV_PATH": "/usr/bin",
    "MOCKSERVER_1_PORT": "tcp://172.17.0.2:8080",
    "MOCKSERVER_1_PORT_8080_TCP_PORT": "8080",
}
OTHER_SERVICES = {  # services whose names begin as ours
    "MOCKSERVER_DATABASE_SERVICE_HOST": "10.0.0.2",
    "MOCKSERVER_DATABASE_PORT": "tcp://10.0.0.2:5432",
    "MOCKSERVER_DATABASE_PORT_5432_TCP_ADDR": "10.0.0.2",
    "MOCKSERVER_CALLBACK_SERVICE_PORT_WEB": "80",
    "MOCKSERVER_CALLBACK_PORT": "udp://[fd00::1]:80",
}


def test_variables_of_a_platform_are_ignored_with_one_line() -> None:
    assert from_environment(SERVICE | LINKED | OTHER_SERVICES) == {}
    assert ignored_variables(LINKED | OTHER_SERVICES) == []
    (line,) = ignored_variables(SERVICE | LINKED | OTHER_SERVICES)
    assert line.startswith("MOCKSERVER_PORT=tcp://10.0.0.1:8080 is ignored")
    assert "--port" in line
    assert ignored_variables(SERVICE, {"port"}) == []
    server = Served("--port", "0", cwd=None, **SERVICE)
    assert server.stop() == (0, "", "")
    done = run(
        "serve", "--host", "203.0.113.1", cwd=None, **SERVICE
    )  # which no interface has: no fixed port is used
    assert done.stderr.startswith(f"WARNING {line}\nmockserver: can't listen on 203.0.113.1 port 8080")


@pytest.mark.parametrize("text", ["tcp:8080", "http://10.0.0.1:8080", "tcp://", "8080/tcp"])
def test_what_no_platform_writes_is_a_bad_value(text: str) -> None:
    assert "MOCKSERVER_PORT" in refused("serve", MOCKSERVER_PORT=text)


@pytest.mark.parametrize("option", [option for option in SERVE if option.parse is not None])
def test_a_given_option_wins_without_its_variable_being_read(option: Option) -> None:
    environment = {option.variable: "\t"}
    assert from_environment(environment, {option.key}) == {}
    assert ignored_variables(environment, {option.key}) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MOCKSERVER_PROT", "MOCKSERVER_PORT"),
        ("MOCKSERVER_FIXTURES", "MOCKSERVER_FIXTURE"),
        ("MOCKSERVER_CALLBACKURL", "MOCKSERVER_CALLBACK_URL"),
        ("MOCKSERVER_CALLBACK-URL", "MOCKSERVER_CALLBACK_URL"),
        ("MOCKSERVER_TOKEN", "MOCKSERVER_CONTROL_TOKEN"),
        ("MOCKSERVER__CLOCK", "MOCKSERVER_CLOCK"),
        ("mockserver_database", "MOCKSERVER_DATABASE"),
        ("Mockserver_Port", "MOCKSERVER_PORT"),
        ("MOCKSERVER_NAMES", None),
        ("MOCKSERVER_", None),
        ("MOCKSERVER_\x1b[0m", None),
    ],
)
def test_a_misspelt_variable_is_named(name: str, meant: str | None) -> None:
    (line,) = ignored_variables({name: "1", "MOCKSERVER": "1", "MOCK_PORT": "1"})
    shown = name.replace("\x1b", "\\x1b")
    assert shown in line
    assert line.isprintable()
    assert line.endswith(f"did you mean {meant}?" if meant else "there is no such option")


@pytest.mark.parametrize("command", [("clock", "show"), ("run", "pay-in-parts")])
def test_a_bad_token_by_environment(command: tuple[str, ...]) -> None:
    assert "MOCKSERVER_CONTROL_TOKEN" in refused(*command, MOCKSERVER_CONTROL_TOKEN="käse")


def test_a_misspelt_variable_is_a_line_when_the_server_starts() -> None:
    server = Served(MOCKSERVER_CLOSE="1")
    line = "MOCKSERVER_CLOSE is ignored: there is no such option; did you mean MOCKSERVER_CLOSED?"
    assert server.stop() == (0, "", f"WARNING {line}\n")


# refusing to start


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["bogus"], "bogus"),
        (["--bogus"], "COMMAND"),
        (["serve", "--bogus"], "--bogus"),
        (["serve", "--data", "x.db"], "--data"),  # no abbreviations
        (["serve", "more"], "more"),
        (["serve", "--port"], "--port"),
        (["serve", "--closed=1"], "--closed"),
        (["wait", "--bogus"], "--bogus"),
        (["wait", "--timeout", "soon"], "--timeout"),
        (["wait", "--timeout", "30d"], "--timeout"),
    ],
)
def test_an_unknown_command_or_option(arguments: list[str], said: str) -> None:
    assert said in refused(*arguments)


BAD_VALUES = [
    ("callback-url", ""),
    ("callback-url", "ftp://example.com"),
    ("callback-url", "http://"),
    ("callback-url", "http://example.com:x/"),
    ("callback-url", "http://exa mple.com/"),
    ("sign-key", ""),
    ("sign-key", "a\tb"),
    ("callback-hosts", ""),
    ("callback-hosts", " , "),
    ("allowed-hosts", ""),
    ("allowed-hosts", " , "),
    ("fixture", ""),
    ("fixture", "nowhere.yaml"),
    ("library", ""),
    ("library", "nowhere"),
    ("host", ""),
    ("host", "203.0.113.1"),  # reserved for examples: no interface has it
    ("port", "x"),
    ("port", ""),
    ("port", "-1"),
    ("port", "65536"),
    ("port", "8080.0"),
    ("database", ""),
    ("database", "no/such/folder.db"),
    ("database", "."),
    ("database", "x" * 300 + "/y"),
    ("accounts", "missing.json"),
    ("accounts", "broken.json"),
    ("accounts", "."),
    ("clock", "Live"),
    ("clock", ""),
    ("now", "yesterday"),
    ("now", "2026-03-02T10:00:00"),  # no zone
    ("now", "9999-12-31T23:00:00+00:00"),
    ("seed", "x"),
    ("seed", "-1"),
    ("seed", "1" * 19),
    ("public-url", ""),
    ("public-url", "mock.example.com"),
    ("public-url", "mock.example.com:8080"),
    ("public-url", "ftp://mock.example.com"),
    ("public-url", "https://"),
    ("public-url", "https:///path"),
    ("public-url", "https://[::1"),
    ("public-url", "https://mock.example.com/?page=1"),
    ("public-url", "https://mock.example.com/#top"),
    ("invalid-auth-status", ""),
    ("invalid-auth-status", "400"),
    ("invalid-auth-status", "403.0"),
    ("invalid-auth-status", "0401"),
    ("control-token", ""),
    ("control-token", "two words"),
    ("control-token", "käse"),
    ("log-level", "loud"),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_bad_value(name: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("[")
    port = [] if name == "port" else ["--port", "0"]
    line = refused("serve", *port, f"--{name}={value}", cwd=tmp_path)
    named = refused("serve", *port, cwd=tmp_path, **variables({name: value}))
    if name not in ("host", "database"):  # some of theirs show only when they are used
        assert f"--{name}" in line
        assert variables({name: ""}).popitem()[0] in named


def test_every_option_with_a_value_has_bad_ones() -> None:
    assert {name for name, _ in BAD_VALUES} == {o.name for o in SERVE if o.parse is not None}


def test_a_bad_value_of_a_switch() -> None:
    assert "MOCKSERVER_CLOSED" in refused("serve", MOCKSERVER_CLOSED="perhaps")


@contextmanager
def two_ports(both: bool) -> Iterator[int]:
    """A port that is in use, and the next one: also in use, or free."""
    while True:
        with used_port() as port:
            try:
                next_one = socket.create_server(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            with next_one:
                if not both:
                    next_one.close()
                yield port
                return


@pytest.mark.parametrize("command", [("serve",), ("serve", "--database", "kept.db"), ("listen",)])
@pytest.mark.parametrize("both", [True, False])
def test_a_port_in_use(command: tuple[str, ...], both: bool, tmp_path: Path) -> None:
    with two_ports(both) as port:
        line = refused(*command, "--port", str(port), cwd=tmp_path)
    where, other = f"127.0.0.1 port {port}", "" if both else f", or --port {port + 1}"
    why = f"the port is in use; use --port 0 for any free port{other}"
    assert line == f"mockserver: can't listen on {where}: {why}"


def test_the_last_port_in_use() -> None:
    """There is no next port to suggest."""
    error = OSError(errno.EADDRINUSE, "Address already in use")
    assert reason(error, "127.0.0.1", 65535).endswith("use --port 0 for any free port")


def test_an_address_that_this_machine_does_not_have() -> None:
    said = "can't listen on 203.0.113.1 port 0: this machine does not have that address"
    assert said in refused("serve", "--port", "0", "--host", "203.0.113.1")


def test_a_name_to_listen_on_that_is_not_known() -> None:
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert "no-such.test is not the name of an address: Name or service" in reason(error, "no-such.test", 0)


def test_a_port_for_which_there_is_no_permission() -> None:
    error = PermissionError(errno.EACCES, "Permission denied")
    assert "no permission for ports below 1024" in reason(error, "127.0.0.1", 80)


@pytest.mark.parametrize("action", ["check", "backup"])
def test_a_database_command_names_the_cause(action: str, tmp_path: Path) -> None:
    with Served("--database", "kept.db", cwd=tmp_path):
        pass
    (tmp_path / "file").write_text("")
    if action == "backup":
        line = refused("database", "backup", "kept.db", "file/copy.db", cwd=tmp_path)
        assert f"{tmp_path / 'file'} is not a folder" in line
        line = refused("database", "backup", "kept.db", "x" * 300, cwd=tmp_path)
    else:
        line = refused("database", "check", "x" * 300, cwd=tmp_path)
    assert "name too long" in line


def test_a_file_in_use(tmp_path: Path) -> None:
    with Served("--database", "kept.db", cwd=tmp_path) as server:
        line = refused("serve", "--port", "0", "--database", "kept.db", cwd=tmp_path)
        assert "kept.db is in use" in line
        assert server.api("POST", "/customer", {"name": "Test Customer AB"}).status_code == 200


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("notes, not a database\n" * 50)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("pragma application_id = 1")
    other.execute("create table records (x)")
    other.commit()
    other.close()
    for name in ("text.db", "other.db"):
        before = (tmp_path / name).read_bytes()
        assert name in refused("serve", "--port", "0", "--database", name, cwd=tmp_path)
        assert (tmp_path / name).read_bytes() == before


# the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_running_request_end(number: signal.Signals, tmp_path: Path) -> None:
    server = Served("--database", "kept.db", cwd=tmp_path)
    port = server.client.base_url.port
    assert port is not None
    server.api("GET", "/settings")  # its connection stays open and idle: that holds nothing up
    with socket.create_connection(("127.0.0.1", port)) as talk:
        body = b'{"name": "Test Customer AB"}'
        answer = talk.makefile("rb")
        talk.sendall(_head(len(body)))
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"  # it has begun
        answer.readline()
        server.process.send_signal(number)
        _until_nobody_listens(port)
        talk.sendall(body)
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert b'"customer_no":1' in answer.read()  # to the end: the server closes the connection
        answer.close()
    server.client.close()
    assert server._ended() == (0, "", "")
    with Served("--database", "kept.db", cwd=tmp_path) as again:
        assert again.api("GET", "/customer/1").json()["data"]["name"] == "Test Customer AB"


@pytest.mark.deep
def test_a_request_that_never_ends_is_given_up_silently() -> None:
    with Served() as server:
        port = server.client.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as talk:
            answer = talk.makefile("rb")
            talk.sendall(_head(9))
            assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert server.stop() == (0, "", "")
            answer.close()


def _head(length: int) -> bytes:
    lines = (
        "POST /api/v2/customer HTTP/1.1",
        "Host: mock.test",
        "Authorization: Basic ZGVtbzpzZWNyZXQ=",  # demo:secret
        "Expect: 100-continue",
        f"Content-Length: {length}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _until_nobody_listens(port: int) -> None:
    with suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", port)).close()


# accounts


def test_accounts_are_a_closed_list(tmp_path: Path) -> None:
    listed = [
        {"id": "shop", "key": "secret", "clock": {"mode": "frozen"}, "timezone": "Europe/Helsinki"},
        {"id": "adopts"},
    ]
    (tmp_path / "accounts.json").write_text(json.dumps(listed))
    with Served("--accounts", "accounts.json", "--database", "kept.db", cwd=tmp_path) as server:
        assert server.api("GET", "/settings", user="shop").status_code == 200
        assert server.api("GET", "/settings", user="shop", key="wrong").status_code == 403
        assert server.api("GET", "/settings", user="adopts", key="first").status_code == 200
        assert server.api("GET", "/settings", user="adopts", key="second").status_code == 403
        refusal = server.api("GET", "/settings", user="nobody")
        assert (refusal.status_code, refusal.json()["status"]) == (403, "INVALID_AUTH")
        clock = server.mock("GET", "/accounts/shop/clock").json()
        assert (clock["mode"], clock["timezone"]) == ("frozen", "Europe/Helsinki")
        server.api("POST", "/customer", {"name": "Test Customer AB"}, user="shop")
    with Served("--accounts", "accounts.json", "--database", "kept.db", cwd=tmp_path) as again:
        assert again.api("GET", "/customer/1", user="shop").status_code == 200  # it stays as it was


def test_ready_means_that_the_accounts_are_there(tmp_path: Path) -> None:
    listed = [{"id": f"shop-{number}", "key": "secret"} for number in range(300)]
    (tmp_path / "accounts.json").write_text(json.dumps(listed))
    with Served("--accounts", "accounts.json", "--database", "kept.db", cwd=tmp_path) as server:
        while server.mock("GET", "/ready").status_code == 503:
            pass
        assert server.api("GET", "/settings", user="shop-299").status_code == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "list"),
        ("nonsense", "JSON"),
        ("[" * 100_000, "JSON"),
        ("[7]", "object"),
        ("[{}]", "id"),
        ('[{"id": "a/b"}]', "id"),
        ('[{"id": "shop", "colour": "red"}]', "colour"),
        ('[{"id": "shop", "clock": {"mode": "odd"}}]', "clock.mode"),
        ('[{"id": "shop", "timezone": "Europe/Nowhere"}]', "timezone"),
        ('[{"id": "shop", "fixture": "demoo"}]', "did you mean demo?"),
        ('[{"id": "shop"}, {"id": 7}]', "id"),
    ],
)
def test_a_bad_accounts_file(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text(text)
    options = ("--port", "0", "--database", "kept.db", "--accounts", "accounts.json")
    assert said in refused("serve", *options, cwd=tmp_path)
    assert not (tmp_path / "kept.db").exists()  # it is read before anything is made


def test_closed() -> None:
    with Served("--closed") as server:
        assert server.api("GET", "/settings").status_code == 403
        assert server.mock("POST", "/accounts", {"id": "demo", "key": "secret"}).status_code == 201
        assert server.api("GET", "/settings").status_code == 200


def test_the_public_address() -> None:
    with Served("--public-url", "https://mock.example.com/sandbox/") as server:
        assert server.told["url"] == f"{server.address}/api/v2"  # where it is, not where others see it
        customer = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
        server.api("POST", "/customer", customer)
        body = {
            "customer": {"customer_no": 1},
            "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
            "on_success": {"command": "send", "method": "Email"},
        }
        made = server.api("POST", "/billogram", body).json()["data"]
        shown = server.api("GET", f"/billogram/{made['id']}").json()["data"]
        for data in (made, shown):
            assert data["url"].startswith("https://mock.example.com/sandbox/")
            assert "//" not in data["url"].removeprefix("https://")
            assert data["recipient_url"] == data["url"]


@pytest.mark.parametrize(("options", "status"), [((), 403), (("--invalid-auth-status", "401"), 401)])
def test_the_status_of_wrong_credentials(options: tuple[str, ...], status: int) -> None:
    with Served(*options) as server:
        assert server.api("GET", "/settings").status_code == 200
        answer = server.client.get("/api/v2/settings", auth=("demo", "wrong"))
        assert (answer.status_code, answer.json()["status"]) == (status, "INVALID_AUTH")
        assert ("www-authenticate" in answer.headers) is (status == 401)
        assert server.client.get("/api/v2/settings").json()["status"] == "MISSING_AUTH"


def test_a_frozen_clock() -> None:
    with Served("--clock", "frozen", "--now", "2027-12-31T23:30:00+00:00") as server:
        made = server.api("POST", "/customer", {"name": "Test Customer AB"}).json()["data"]
        assert made["created_at"] == "2027-12-31 23:30:00"
        assert server.mock("GET", "/accounts/demo/clock").json() == {
            "mode": "frozen",
            "now": "2028-01-01T00:30:00+01:00",
            "timezone": "Europe/Stockholm",
            "speed": 1,
        }


def test_a_frozen_clock_has_a_first_moment_of_its_own() -> None:
    with Served("--clock", "frozen") as server:
        server.api("GET", "/settings")
        assert server.mock("GET", "/accounts/demo/clock").json()["now"] == "2026-03-02T10:00:00+01:00"


def test_seed_changes_ids_and_the_same_seed_gives_the_same() -> None:
    def made(*options: str) -> str:
        with Served("--clock", "frozen", *options) as server:
            server.api("POST", "/customer", {"name": "Test Customer AB"})
            row = {"title": "Row", "count": 1, "price": 100, "vat": 25}
            answer = server.api("POST", "/billogram", {"customer": {"customer_no": 1}, "items": [row]})
            assert answer.status_code == 200
            return answer.text

    plain, seven, again = made(), made("--seed", "7"), made("--seed", "7")
    assert seven == again
    assert json.loads(plain)["data"]["id"] != json.loads(seven)["data"]["id"]


def test_the_control_token_guards_every_path_but_two() -> None:
    with Served("--control-token", "s3cret") as server:
        for row in OPERATIONS:
            path = re.sub(r"\{\w+\}", "demo", row.path)
            for token in (None, "wrong", "s3cret "[:5]):
                answer = server.mock(row.method, path, token=token)
                assert (answer.status_code == 401) is (row.id not in ("health", "ready")), (row, answer.text)
                if answer.status_code == 401:
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert answer.json()["error"]["code"] == "unauthorized"
            assert server.mock(row.method, path, token="s3cret").status_code != 401, row
        assert server.mock("GET", "/no/such/path").status_code == 401  # nor is it told what exists
        assert server.api("GET", "/settings").status_code == 200  # Billogram's API is not guarded by it


# a person at a terminal


class Terminal:
    """`mockserver serve` whose standard error is a terminal, for the length of a `with` block."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self._cwd = cwd
        self._screen, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            cwd=cwd,
            env=clean_environment(),
        )
        os.close(terminal)

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        try:
            self.told: dict[str, str] = json.loads(self._process.stdout.readline())
            self.shown = self._until("Ctrl-C")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._end()
        assert kind is not None or code == 0

    def _end(self) -> int:
        with self._process:
            self._process.terminate()
            try:
                return self._process.wait(PATIENCE)
            finally:
                self._process.kill()
                os.close(self._screen)

    def _until(self, last: str) -> str:
        shown = b""
        while last.encode() not in shown:
            assert select.select([self._screen], [], [], PATIENCE)[0], shown
            shown += os.read(self._screen, 10_000)  # OSError: the process has ended
        return shown.decode().replace("\r\n", "\n")

    @property
    def request(self) -> str:
        """The request to try: the one indented line."""
        (line,) = re.findall(r"^    (\S.*)$", self.shown, re.MULTILINE)
        return str(line)

    def follow(self, command: str, typed: str = "", **environment: str) -> dict[str, Any]:
        """What a command shows to somebody who copies it to another terminal, and types this when asked."""
        done = subprocess.run(
            ["bash", "-euc", command],
            input=typed + "\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            cwd=self._cwd,
            env=clean_environment(NO_PROXY="127.0.0.1", CURL_HOME=str(self._cwd), **environment),
            start_new_session=True,  # curl asks the terminal when there is one
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def test_a_person_sees_the_address_a_first_request_and_the_docs(tmp_path: Path) -> None:
    with Terminal(cwd=tmp_path) as terminal:
        assert f"serves {terminal.told['url']}\n" in terminal.shown
        assert "any user name and password works; the account is created on first use:\n" in terminal.shown
        assert f"control plane: {terminal.told['control']} (open)\n" in terminal.shown
        assert "docs: README.md" in terminal.shown
        answer = terminal.follow(terminal.request)
        assert (answer["status"], answer["data"]["name"]) == ("OK", "demo")


def test_the_first_request_works_when_its_account_has_another_key(tmp_path: Path) -> None:
    with Served("--database", "kept.db", cwd=tmp_path) as server:
        server.api("GET", "/settings", user="demo", key="another")
        server.api("GET", "/settings", user="demo-2", key="another")
    for _ in range(2):
        with Terminal("--database", "kept.db", cwd=tmp_path) as terminal:
            assert terminal.follow(terminal.request)["data"]["name"] == "demo-3"


def test_a_fixture_is_told_with_its_key(tmp_path: Path) -> None:
    with Terminal("--fixture", "demo", "--closed", "--database", "kept.db", cwd=tmp_path) as terminal:
        assert "the account demo begins with the fixture demo; its key is secret" in terminal.shown
        assert len(terminal.follow(terminal.request)["data"]) == 5
    with Served("--database", "kept.db", cwd=tmp_path) as server:
        server.mock("PATCH", "/accounts/demo", {"key": "another"})
    with Terminal("--fixture", "demo", "--database", "kept.db", cwd=tmp_path) as terminal:
        assert "begins with" not in terminal.shown
        assert terminal.follow(terminal.request)["data"]["name"] == "demo-2"


def test_closed_it_names_an_account_that_is_known(tmp_path: Path) -> None:
    listed = [{"id": "a:b", "key": "x"}, {"id": "The Shop's", "key": "hush"}, {"id": "other", "key": "x"}]
    (tmp_path / "accounts.json").write_text(json.dumps(listed))
    with Terminal("--accounts", "accounts.json", cwd=tmp_path) as terminal:
        assert "any user name" not in terminal.shown
        assert "hush" not in terminal.shown
        assert terminal.follow(terminal.request, typed="hush")["data"]["name"] == "The Shop's"


@pytest.mark.parametrize("options", [(), ("--host", "0.0.0.0"), ("--control-token", "my-token")])
def test_closed_and_empty_it_makes_an_account(options: tuple[str, ...], tmp_path: Path) -> None:
    with Terminal("--closed", *options, cwd=tmp_path) as terminal:
        assert "any user name" not in terminal.shown
        answer = terminal.follow(terminal.request, TOKEN="my-token")
        assert (answer["id"], answer["key"]) == ("demo", "secret")
        assert terminal.follow(f"curl -u demo:secret {terminal.told['url']}/settings")["status"] == "OK"


def test_a_person_sees_a_token_that_was_made_and_none_that_was_given(tmp_path: Path) -> None:
    with Terminal("--host", "0.0.0.0", cwd=tmp_path) as terminal:
        assert terminal.told["control_token"] in terminal.shown
        assert terminal.follow(terminal.request)["status"] == "OK"
    with Terminal("--control-token", "my-token", cwd=tmp_path) as terminal:
        assert "my-token" not in terminal.shown
        assert "open" not in terminal.shown
        assert "token" in terminal.shown
        assert terminal.follow(terminal.request)["status"] == "OK"


@pytest.mark.parametrize("options", [("--closed",), ("--host", "0.0.0.0"), ("--log-level", "error")])
def test_a_program_sees_nothing(options: tuple[str, ...]) -> None:
    with Served(*options) as server:  # the end of the block looks at it
        assert server.mock("GET", "/ready").status_code == 200


# wait, and the rest


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[int]:
    """A server that gives these answers, the last one for ever."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any, **more: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_wait_until_ready() -> None:
    with Served() as server:
        for url in (server.address, server.address + "/", server.address.removeprefix("http://")):
            done = run("wait", "--url", url)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_wait_asks_again() -> None:
    with answering((503, "{}"), (503, "{}"), (200, "{}")) as port:
        done = run("wait", "--url", f"http://127.0.0.1:{port}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_wait_in_vain() -> None:
    with dead_port() as port:
        done = run("wait", "--url", f"http://127.0.0.1:{port}", "--timeout", "0.2s")
    assert (done.returncode, done.stdout) == (1, "")
    assert "refused" in one_line(done.stderr)


@pytest.mark.parametrize("text", ['{"error": {"message": "the log is being replayed"}}', "<html>\n<p>No\n"])
def test_wait_says_what_was_answered_last(text: str) -> None:
    with answering((503, text)) as port:
        done = run("wait", "--url", f"http://127.0.0.1:{port}", "--timeout", "0.2s")
    assert (done.returncode, done.stdout) == (1, "")
    assert "503" in one_line(done.stderr)


@pytest.mark.parametrize(
    "url", ["", "http://", "ftp://127.0.0.1", "http://127.0.0.1:x", "http://127.0.0.1:65536", "http://[::1"]
)
def test_wait_for_a_bad_address(url: str) -> None:
    assert "address" in refused("wait", f"--url={url}")


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mockserver {__version__}\n", "")


def test_the_command_is_installed() -> None:
    script = Path(sys.executable).parent / "mockserver"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == f"mockserver {__version__}\n"
