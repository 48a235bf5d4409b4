"""`mockserver clock`, run as a command against a server."""

import contextlib
import http.server
import json
import os
import pty
import select
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.served import COMMAND, PATIENCE, Served, clean_environment

FROZEN = "2026-03-02T10:00:00+01:00"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with Served("--clock", "frozen", "--control-token", "letmein") as running:
        yield running


def clock(server: Served, *words: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, "clock", *words[:1], "--url", server.address, *words[1:]],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=clean_environment(MOCKSERVER_CONTROL_TOKEN="letmein") | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def sent(server: Served, user: str) -> str:
    """A billogram that is sent, due on 2026-04-01."""
    customer = {"name": "A", "contact": {"email": "a@example.com"}}
    server.api("POST", "/customer", customer, user=user)
    body = {
        "customer": {"customer_no": 1},
        "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    key: str = server.api("POST", "/billogram", body, user=user).json()["data"]["id"]
    return key


@pytest.mark.parametrize("end", ["", "/", "/api/v2", "/_mock"])
def test_each_address_that_the_server_tells_will_do(server: Served, end: str) -> None:
    done = clock(server, "show", "--account", "nobody", "--url", f"{server.address}{end}")
    assert done[0] == 2
    assert "there is no account nobody" in done[2]


def test_the_only_account_is_meant(server: Served) -> None:
    assert clock(server, "show") == (
        2,
        "",
        "mockserver clock: name the account with --account: there is none yet\n",
    )
    key = sent(server, "one")
    assert clock(server, "show") == (0, f"{FROZEN}  frozen  Europe/Stockholm\n", "")
    told = "would move from 2026-03-02T10:00:00+01:00 to 2026-04-02T10:00:00+02:00; 3 acts on the way\n"
    acts = (
        "  2026-04-01T00:15:00+02:00  -  reports\n"
        f"  2026-04-02T00:05:00+02:00  {key}  Overdue\n  2026-04-02T00:05:00+02:00  {key}  InterestStarted\n"
    )
    assert clock(server, "advance", "31d", "--dry-run") == (0, told + acts, "")
    assert clock(server, "show")[1].startswith(FROZEN)
    assert clock(server, "advance", "next")[1].startswith(
        "moved from 2026-03-02T10:00:00+01:00 to 2026-04-01T00:15"
    )
    assert clock(server, "advance", "2026-04-02T10:00:00+02:00")[1].count("\n") == 3
    server.api("GET", "/settings", user="two")
    code, out, err = clock(server, "show")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "one, two" in err


def test_freezing_and_running(server: Served) -> None:
    server.api("GET", "/settings", user="third")
    assert clock(server, "live", "--account", "third", "--speed", "60")[1].endswith(
        "  live  Europe/Stockholm, 60 times as fast\n"
    )
    assert "  frozen  " in clock(server, "freeze", "--account", "third")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("advance", "1x", "--account", "fourth"), "not a duration"),
        (("advance", "2020-01-01T00:00:00Z", "--account", "fourth"), "can't be moved back"),
        (("show", "--account", "nobody"), "no account nobody"),
        (("show", "--account", "fourth", "--control-token", "wrong"), "token is missing or wrong"),
        (("live", "--account", "fourth", "--speed", "0"), "must be above 0"),
        (("live", "--account", "fourth", "--speed", "x"), "--speed"),
        ((), "ACTION"),
    ],
)
def test_what_is_not_possible_is_one_line(server: Served, words: tuple[str, ...], said: str) -> None:
    server.api("GET", "/settings", user="fourth")
    code, out, err = clock(server, *words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://127.0.0.1:port"])
def test_nobody_there(url: str) -> None:
    done = subprocess.run(
        [*COMMAND, "clock", "show", "--account", "a", "--url", url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=clean_environment(),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "can't be reached" in done.stderr


# at a terminal


def at_terminal(server: "Served | Slow", *words: str) -> tuple[int, str, str]:
    """The same with standard error at a terminal: code, standard output, what the terminal got."""
    screen, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [*COMMAND, "clock", *words[:1], "--url", server.address, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            env=clean_environment(MOCKSERVER_CONTROL_TOKEN="letmein"),
        )
        os.close(terminal)
        with process:
            shown = b""
            with contextlib.suppress(OSError):  # EIO: the command has closed its end
                while select.select([screen], [], [], PATIENCE)[0] and (part := os.read(screen, 10_000)):
                    shown += part
                    if isinstance(server, Slow) and b"100%" in shown:
                        server.drawn.set()
            assert process.stdout is not None
            out = process.stdout.read()
            return process.wait(PATIENCE), out, shown.decode()
    finally:
        os.close(screen)


class Slow(threading.Thread):
    """Stands in for a server whose move takes a while: it ends when the terminal has got the last event."""

    def __init__(self, events: list[dict[str, Any]], status: int = 200) -> None:
        super().__init__(daemon=True)
        self.asked: list[tuple[str, str | None]] = []
        self.drawn = threading.Event()
        told = threading.Event()
        thread = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                thread.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(status)
                self.end_headers()
                for event in events if status == 200 else ():
                    self.wfile.write(f"event: progress\ndata: {json.dumps(event)}\n\n".encode())
                told.set()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                assert told.wait(PATIENCE)
                assert not events or thread.drawn.wait(PATIENCE)
                body = json.dumps({"from": FROZEN, "to": FROZEN, "count": 0, "happened": []}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def run(self) -> None:
        self._server.serve_forever()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.join()


def screen_of(written: str) -> str:
    """What stands in the one line of a terminal after all of this."""
    line: list[str] = []
    column = 0
    for letter in written:
        if letter == "\r":
            column = 0
        else:
            line[column : column + 1] = [letter]
            column += 1
    return "".join(line)


MOVING = [
    {"from": FROZEN, "to": "2027-03-02T10:00:00+01:00", "now": now, "count": count}
    for now, count in ((FROZEN, 0), ("2026-08-31T22:00:00+02:00", 700), ("2027-03-02T10:00:00+01:00", 12000))
]


def test_a_bar_shows_how_far_a_long_move_has_come() -> None:
    slow = Slow(MOVING)
    slow.start()
    code, out, written = at_terminal(slow, "advance", "1y", "--account", "shop")
    slow.stop()
    assert (code, out.startswith("moved from ")) == (0, True)
    assert slow.asked == [("/_mock/accounts/shop/timeline?kind=progress", "Bearer letmein")]
    assert screen_of(written).strip() == ""
    bars = [part.rstrip() for part in written.split("\r") if part.strip()]
    assert bars == [
        f"[{'-' * 30}]   0%  2026-03-02  0 acts",
        f"[{'#' * 15}{'-' * 15}]  50%  2026-08-31  700 acts",
        f"[{'#' * 30}] 100%  2027-03-02  12000 acts",
    ]


def test_where_nothing_is_told_of_the_move_it_is_done_all_the_same() -> None:
    slow = Slow([], status=500)
    slow.start()
    code, out, written = at_terminal(slow, "advance", "1y", "--account", "shop")
    slow.stop()
    assert (code, out.startswith("moved from "), written) == (0, True, "")


def test_no_bar_for_a_program(server: Served) -> None:
    sent(server, "piped")
    code, out, err = clock(server, "advance", "31d", "--account", "piped")
    assert (code, out.count("\n"), err) == (0, 4, "")


def test_at_a_terminal_with_a_real_server(server: Served) -> None:
    """A short move shows nothing; what is not possible is still one line."""
    sent(server, "quick")
    code, out, written = at_terminal(server, "advance", "31d", "--account", "quick")
    assert (code, out.count("\n")) == (0, 4)
    assert screen_of(written).strip() == ""
    code, out, written = at_terminal(server, "advance", "1x", "--account", "quick")
    assert (code, out, written.count("\n")) == (2, "", 1)
