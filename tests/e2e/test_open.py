"""`mockserver open`: what is checked, and what the browser is started with."""

import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.e2e.served import COMMAND, PATIENCE, Served, clean_environment

NO_BROWSER = "no-such-browser-here"


def browser(folder: Path) -> str:
    """What BROWSER says: a program that notes the address it is started with."""
    noted = folder / "opened"
    program = f"import pathlib, sys; pathlib.Path({str(noted)!r}).write_text(sys.argv[1])"
    return f"{sys.executable} -c {shlex.quote(program)} %s"


def opened(folder: Path) -> str:
    return (folder / "opened").read_text()


def run(*arguments: str, browser: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, "open", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=clean_environment(BROWSER=browser),
    )
    return done.returncode, done.stdout, done.stderr


@contextmanager
def answering(status: int, kind: str = "text/html; charset=utf-8") -> Iterator[tuple[str, list[str]]]:
    """A server that always gives this answer: its address, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_dashboard_of_a_server_is_opened(tmp_path: Path) -> None:
    with Served() as server:
        page = f"{server.address}/_mock/ui/"
        for url in (server.address, server.told["url"], server.told["control"], server.address[7:]):
            assert run("--url", url, browser=browser(tmp_path)) == (0, f"{page}\n", "")
            assert opened(tmp_path) == page


@pytest.mark.parametrize("options", [("--control-token", "s3cret"), ("--closed",)])
def test_a_page_that_asks_for_the_token_is_one(tmp_path: Path, options: tuple[str, ...]) -> None:
    with Served(*options) as server:
        assert run("--url", server.address, browser=browser(tmp_path))[0] == 0


def test_an_account_is_opened(tmp_path: Path) -> None:
    with answering(200) as (address, asked):
        code, _, err = run("--url", address, "--account", "å b/c", browser=browser(tmp_path))
        assert (code, err) == (0, "")
        assert opened(tmp_path) == f"{address}/_mock/ui/accounts/%C3%A5%20b%2Fc"
        assert asked == ["/_mock/ui/accounts/%C3%A5%20b%2Fc"]


def test_an_account_that_is_not_there(tmp_path: Path) -> None:
    with Served() as server:
        code, out, err = run("--url", server.address, "--account", "none", browser=browser(tmp_path))
    assert (code, out, err) == (2, "", "mockserver open: there is no account none\n")
    assert not (tmp_path / "opened").exists()


def test_without_a_dashboard_or_a_server_nothing_is_opened(tmp_path: Path) -> None:
    with Served("--no-ui") as server:
        code, out, err = run("--url", server.address, browser=browser(tmp_path))
        assert (code, out) == (2, "")
        assert "was it started with --no-ui?" in err
    code, out, err = run("--url", server.address, browser=browser(tmp_path))
    assert (code, out) == (2, "")
    assert "can't be reached: " in err
    assert err.count("\n") == 1
    for url in ("ftp://user:secret@example.com", "http://127.0.0.1:port"):
        code, out, err = run("--url", url, browser=browser(tmp_path))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "secret" not in err
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(("status", "kind"), [(500, "text/html"), (200, "text/plain"), (421, "text/html")])
def test_what_is_no_dashboard(tmp_path: Path, status: int, kind: str) -> None:
    with answering(status, kind) as (address, _):
        code, out, err = run("--url", address, browser=browser(tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_without_a_browser_the_address_is_printed() -> None:
    with Served() as server:
        code, out, err = run("--url", server.address, browser=f"{NO_BROWSER} %s")
        assert (code, out) == (1, f"{server.address}/_mock/ui/\n")
        assert err == "mockserver open: there is no browser; open the address in one\n"
