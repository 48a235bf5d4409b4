"""`mockserver listen` as people run it: callbacks come, and lines and answers show what they were."""

import http.client
import http.server
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from mockserver.cli.main import main
from mockserver.core.signature import legacy, sign
from tests.e2e.served import COMMAND, PATIENCE, clean_environment
from tests.e2e.test_cli import dead_port, one_line, used_port

KEY = "test-sign-key-1"
RECORDED = Path(__file__).parent.parent / "recorded" / "callback-payment-2021.json"
LIMIT = 1024 * 1024


class Listening:
    """`mockserver listen` on a free port, for the length of a `with` block. It must end with 0, silently."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "listen", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | environment,
        )
        self.first_line = self.line()
        assert re.fullmatch(r"listening on http://127\.0\.0\.1:[1-9]\d*/", self.first_line), self._ended()
        self.address = self.first_line.removeprefix("listening on ")
        self.port = int(self.address.rstrip("/").rpartition(":")[2])
        self.client = httpx.Client(base_url=self.address, trust_env=False, verify=False, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.client.close()
            self.process.kill()
            self._ended()
        elif self.process.returncode is None:
            assert self.stop() == []

    def line(self) -> str:
        """The next line; it is there as soon as the sender has the answer."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def about(self, body: bytes, headers: dict[str, str] | None = None) -> str:
        """What its line says of a callback, without the time."""
        self.client.post("/", content=body, headers=headers)
        shown = self.line()
        assert re.match(r"\d\d:\d\d:\d\d  ", shown), shown
        return shown[10:]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> list[str]:
        """Ask it to end; the lines that nobody has read."""
        self.client.close()
        self.process.send_signal(number)
        code, out, err = self._ended()
        assert (code, err) == (0, "")
        return out.splitlines()

    def _ended(self) -> tuple[int, str, str]:
        with self.process:
            try:
                out, err = self.process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return self.process.returncode, out, err


def signed(body: bytes, key: str = KEY, age: float = 0) -> dict[str, str]:
    timestamp = f"{time.time() - age:.6f}"
    return {
        "Content-Type": "application/json",
        "User-Agent": "mockserver",
        "Billogram-Request-Timestamp": timestamp,
        "Billogram-Signature": sign(key, timestamp, body),
    }


def callback(**more: Any) -> bytes:
    fields: dict[str, Any] = {
        "callback_id": "c1",
        "callback_type": "BillogramEvent",
        "billogram": {"id": "kT4wRq7X", "state": "Sending", "remaining_sum": 1186},
        "event": {"type": "BillogramSent"},
        "signature": legacy(KEY, "c1"),
    }
    return json.dumps(fields | more).encode()


SENT = "BillogramEvent  BillogramSent  kT4wRq7X  Sending  remaining_sum 1186"
RECALLED = callback(
    callback_type="PaymentRecalled",
    billogram=None,
    event=None,
    payment_recall={
        "payables": [
            {"billogram": {"id": "rH7uLw4Q", "remaining_amount": 250, "state": "Overdue"}},
            {"billogram": {"id": "Vp2fZc9T", "remaining_amount": 100.50, "state": "Unpaid"}},
        ]
    },
)


# lines


@pytest.fixture(scope="module")
def unchecked() -> Iterator[Listening]:
    """One for all that only sends bodies."""
    with Listening() as listener:
        yield listener


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (RECORDED.read_bytes(), "BillogramEvent  Payment  W3fsFXgk  Unpaid  remaining_sum 0"),
        (callback(), SENT),
        (b'{"billogram": {"remaining_sum": 67.10}, "callback_type": "X"}', "X  remaining_sum 67.10"),
        (
            RECALLED,
            "PaymentRecalled  rH7uLw4Q  Overdue  remaining_amount 250"
            "  Vp2fZc9T  Unpaid  remaining_amount 100.5",
        ),
        (b'{"callback_type": "RecipientUpdated", "customer": {"customer_number": 24}}', "RecipientUpdated"),
        (b"", "not JSON"),
        (b"\xff\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 100_000, "no callback_type"),
        (b"[]", "no callback_type"),
        (b'{"event": 1, "billogram": [], "payment_recall": {"payables": [1, {}]}}', "no callback_type"),
        (b'{"callback_type": {}, "event": {"type": true}, "billogram": {"id": []}}', "?  ?  ?"),
        (b'{"callback_type": ""}', "''"),
        (b'{"callback_type": "X\\r\\n12:00:00  Y"}', r"'X\r\n12:00:00  Y'"),
        (b'{"callback_type": "X  signature ok"}', "'X  signature ok'"),
        (b'{"callback_type": "\\u001b[2J\\u007f\\u0085"}', r"'\x1b[2J\x7f\x85'"),
        (b'{"callback_type": "\\u2028\\u202e\\ud800\\u00e5"}', r"'\u2028\u202e\ud800\xe5'"),
        (json.dumps({"callback_type": "x" * 9999}).encode(), "x" * 60 + "..."),
    ],
)
def test_what_is_said_of_a_body(unchecked: Listening, body: bytes, said: str) -> None:
    assert unchecked.about(body) == f"{said}  unsigned  answered 200"


def test_the_line_begins_with_the_local_time() -> None:
    with Listening(TZ="UTC-5:30") as listener:
        before = time.time()
        listener.client.post("/", content=callback())
        after = time.time()
        shown = listener.line()[:8]
    seconds = range(int(before), int(after) + 1)
    assert shown in [time.strftime("%H:%M:%S", time.gmtime(second + 5.5 * 3600)) for second in seconds]


def test_a_signature_without_a_key_is_not_checked(unchecked: Listening) -> None:
    assert unchecked.about(callback(), signed(b"other")) == f"{SENT}  signature not checked  answered 200"


def test_signatures_are_checked() -> None:
    good = callback()
    with Listening("--sign-key", KEY) as listener:

        def said(body: bytes, headers: dict[str, str]) -> str:
            return listener.about(body, headers).removeprefix(f"{SENT}  ").removesuffix("  answered 200")

        assert said(good, signed(good)) == "signature ok"
        assert said(good, {}) == "unsigned"
        strange = callback(signature=legacy("other", "c1"))
        assert "wrong key:" in said(strange, signed(strange, "other"))
        assert "changed on the way:" in said(good + b" ", signed(good))
        assert re.search(r"stale: .* 40\d seconds old", said(good, signed(good, age=400)))
        assert re.search(r"stale: .* seconds ahead", said(good, signed(good, age=-400)))
        without = {name: value for name, value in signed(good).items() if "Timestamp" not in name}
        assert "Timestamp is missing" in said(good, without)
        assert "is not a number" in said(good, without | {"Billogram-Request-Timestamp": "soon"})
        assert said(good, signed(good, "other")).startswith("signature BAD: ")
        garbled = [(b"Billogram-Signature", b"\xe5\xff"), (b"Billogram-Request-Timestamp", b"1")]
        listener.client.post("/", content=good, headers=garbled)
        assert "signature BAD: " in listener.line()


# answers


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"status": "OK"}'),
        (299, b'{"status": "OK"}'),
        (204, b""),
        (302, b'{"status": "ERROR"}'),
        (503, b'{"status": "ERROR"}'),
    ],
)
def test_the_answer(status: int, body: bytes) -> None:
    with Listening("--respond", str(status), "--sign-key", KEY) as listener:
        for headers in (signed(callback()), signed(callback(), "other")):  # it is a viewer
            answer = listener.client.post("/any/path?x=1", content=callback(), headers=headers)
            assert (answer.status_code, answer.content) == (status, body)
            assert status == 204 or answer.headers["content-type"] == "application/json"
            assert listener.line().endswith(f"  answered {status}")


def test_a_look_with_a_browser(unchecked: Listening) -> None:
    for path in ("/", "/any/path"):
        answer = unchecked.client.get(path)
        assert answer.status_code == 200
        assert "mockserver listen" in answer.text


def test_a_connection_is_kept(unchecked: Listening) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", unchecked.port, timeout=PATIENCE)
    connection.connect()
    first = connection.sock
    for _ in range(2):
        connection.request("POST", "/", callback())
        assert connection.getresponse().read() == b'{"status": "OK"}'
        assert connection.sock is first
        unchecked.line()
    connection.close()


def test_the_limit_of_a_body(unchecked: Listening) -> None:
    assert unchecked.about(b" " * LIMIT) == "not JSON  unsigned  answered 200"
    answer = unchecked.client.post("/", content=b" " * (LIMIT + 1))
    assert (answer.status_code, answer.json()) == (413, {"status": "ERROR"})
    assert unchecked.line()[10:] == "refused: body larger than 1048576 bytes  answered 413"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Transfer-Encoding: chunked", 400),  # what comes is no chunk
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        ("Transfer-Encoding: identity\r\nContent-Length: 1", 501),
        ("Content-Length: -1", 400),
        ("Content-Length: 1_0", 400),
        ("Content-Length: " + "9" * 5000, 413),
        ("Content-Length: 9", 400),  # less comes
    ],
)
def test_a_body_of_unclear_length(unchecked: Listening, headers: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", unchecked.port), PATIENCE) as talk:
        talk.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{{".encode())
        talk.shutdown(socket.SHUT_WR)
        assert talk.makefile("rb").read().startswith(f"HTTP/1.1 {status} ".encode())
    assert re.fullmatch(rf"refused: .*  answered {status}", unchecked.line()[10:])


FRAMED: dict[str, Callable[[bytes], bytes]] = {
    "one chunk": lambda body: b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
    "bytes": lambda body: b"".join(b"1\r\n%c\r\n" % each for each in body) + b"0\r\n\r\n",
    "extensions": lambda body: b"%X;a=b; c\r\n%b\r\n000;end\r\n\r\n" % (len(body), body),
    "trailers": lambda body: b"%x\r\n%b\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n" % (len(body), body),
}


@pytest.mark.parametrize("form", FRAMED)
@pytest.mark.parametrize("apart", [False, True])
def test_a_chunked_body_is_read_whole(unchecked: Listening, form: str, apart: bool) -> None:
    """Also when head and body come apart; the next request on the connection is the next callback."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", unchecked.port), PATIENCE) as talk:
        for _ in range(2):
            for part in (head, FRAMED[form](callback())) if apart else (head + FRAMED[form](callback()),):
                talk.sendall(part)
            answer = http.client.HTTPResponse(talk)
            answer.begin()
            assert (answer.status, answer.read()) == (200, b'{"status": "OK"}')
            assert unchecked.line()[10:] == f"{SENT}  unsigned  answered 200"


def test_a_chunked_body_is_checked_and_passed_on() -> None:
    body = callback()
    with (
        Listening("--sign-key", KEY) as last,
        Listening("--sign-key", KEY, "--forward", last.address) as first,
    ):
        parts = iter([body[:10], body[10:]])  # httpx sends an iterator in chunks
        assert first.client.post("/", content=parts, headers=signed(body)).status_code == 200
        assert first.line()[10:] == f"{SENT}  signature ok  forwarded: 200"
        assert last.line()[10:] == f"{SENT}  signature ok  answered 200"


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"%x\r\n%b\r\n0\r\n\r\n" % (LIMIT, b" " * LIMIT), 200),
        (b"%x\r\n%b\r\n1\r\n \r\n0\r\n\r\n" % (LIMIT, b" " * LIMIT), 413),
        (b"%x\r\n" % (LIMIT + 1), 413),
        (b"f" * 16 + b"\r\n", 413),
        (b"f" * 17 + b"\r\n", 400),
        (b"-1\r\n", 400),
        (b"0x1\r\n{\r\n0\r\n\r\n", 400),
        (b"\r\n", 400),
        (b"2\r\n{}0\r\n\r\n", 400),  # no line break after the chunk
        (b"1;" + b"x" * 100_000 + b"\r\n{\r\n0\r\n\r\n", 400),
        (b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 1000 + b"\r\n", 400),
        (b"2\r\n{}\r\n0\r\n", 400),  # the end is missing
        (b"2\r\n{}\r\n", 400),
        (b"9\r\n{}", 400),
        (b"", 400),
    ],
)
def test_the_limits_of_chunks(unchecked: Listening, chunks: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", unchecked.port), PATIENCE) as talk:
        talk.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        talk.shutdown(socket.SHUT_WR)
        assert talk.makefile("rb").read().startswith(f"HTTP/1.1 {status} ".encode())
    assert unchecked.line().endswith(f"  answered {status}")


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 200), ("HEAD", 200), ("PUT", 405), ("PATCH", 405), ("DELETE", 405), ("OPTIONS", 405)],
)
@pytest.mark.parametrize("framing", ["Content-Length: 66", "Transfer-Encoding: chunked"])
def test_the_body_of_another_method_is_no_request(
    unchecked: Listening, method: str, status: int, framing: str
) -> None:
    inner = b"POST /inner HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    body = inner.ljust(66) if "Length" in framing else FRAMED["one chunk"](inner)
    with socket.create_connection(("127.0.0.1", unchecked.port), PATIENCE) as talk:
        for asked, expected in ((method, status), ("GET", 200)):
            talk.sendall(f"{asked} / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode() + body)
            answer = http.client.HTTPResponse(talk, method=asked)
            answer.begin()
            answer.read()
            assert answer.status == expected
            assert (answer.headers["Allow"] == "GET, HEAD, POST") == (expected == 405)
    assert unchecked.about(callback()).startswith(SENT)  # and no line before it


def test_noise_is_no_callback(unchecked: Listening) -> None:
    for noise in (b"this is not HTTP\r\n\r\n", b"PUT / HTTP/1.1\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", unchecked.port), PATIENCE) as talk:
            talk.sendall(noise)
            talk.shutdown(socket.SHUT_WR)
            talk.makefile("rb").read()
    assert unchecked.about(callback()).startswith(SENT)


def test_many_at_a_time() -> None:
    with Listening() as listener:

        def send() -> None:
            for _ in range(10):
                httpx.post(listener.address, content=callback(), trust_env=False, timeout=PATIENCE)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [line[10:] for line in listener.stop()] == [f"{SENT}  unsigned  answered 200"] * 40


# passing on


@contextmanager
def receiver(status: int) -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """One that answers with a status, and what it got."""
    got: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers.items()), body))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [200, 204, 302, 503])
def test_a_callback_is_passed_on(status: int) -> None:
    body = callback()
    headers = signed(body) | {"Billogram-New": "x"}
    with (
        receiver(status) as (address, got),
        dead_port() as proxy,
        Listening("--forward", f"{address}/hooks?shop=1", http_proxy=f"http://127.0.0.1:{proxy}") as listener,
    ):
        more = {"Cookie": "a=b", "X-Other": "c", "Authorization": "Basic x"}  # these are not
        answer = listener.client.post("/", content=body, headers=headers | more)
        assert answer.status_code == status
        assert listener.line().endswith(f"{SENT}  signature not checked  forwarded: {status}")
    ((path, came, content),) = got
    assert (path, content) == ("/hooks?shop=1", body)
    own = {
        "Host": address.removeprefix("http://"),
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
    }
    assert came == headers | own


def test_what_is_passed_on_is_still_signed() -> None:
    body = callback()
    with (
        Listening("--sign-key", KEY, "--respond", "500") as last,
        Listening("--sign-key", "other", "--forward", last.address) as first,
    ):
        assert first.client.post("/", content=body, headers=signed(body)).status_code == 500
        assert "signature BAD: " in (line := first.line())
        assert line.endswith("  forwarded: 500")
        assert last.line()[10:] == f"{SENT}  signature ok  answered 500"


def test_nobody_to_pass_on_to() -> None:
    with dead_port() as port, Listening("--forward", f"http://127.0.0.1:{port}") as listener:
        answer = listener.client.post("/", content=callback())
        assert (answer.status_code, answer.json()) == (502, {"status": "ERROR"})
        assert re.search(r"  forwarded: 502 \(.*refused.*\)$", listener.line())


@pytest.mark.parametrize("said", [b"", b"this is not HTTP\r\n\r\n", b"HTTP/1.1 101 Other\r\n\r\n"])
def test_the_one_behind_answers_nonsense(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as behind:

        def answer() -> None:
            talk, _ = behind.accept()
            with talk:
                talk.recv(65536)
                talk.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with Listening("--forward", f"http://127.0.0.1:{behind.getsockname()[1]}") as listener:
            assert listener.client.post("/", content=callback()).status_code == 502
            assert "  forwarded: 502 (" in listener.line()
        thread.join()


# the beginning and the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_silently(number: signal.Signals) -> None:
    with Listening() as listener, socket.create_connection(("127.0.0.1", listener.port)) as talk:
        talk.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")  # and never the rest
        listener.client.post("/", content=callback())
        assert [line[10:] for line in listener.stop(number)] == [f"{SENT}  unsigned  answered 200"]


def test_nobody_reads_any_more() -> None:
    with Listening() as listener:
        assert listener.process.stdout is not None
        listener.process.stdout.close()
        for _ in range(3):
            assert listener.client.post("/", content=callback()).status_code == 200
        listener.client.close()
        listener.process.send_signal(signal.SIGTERM)
        assert listener.process.wait(PATIENCE) == 0
        assert listener.process.stderr is not None
        with listener.process:
            assert listener.process.stderr.read() == ""


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which it refuses to run."""
    with pytest.raises(SystemExit) as ended:
        main(["listen", *arguments])
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (2, "")
    return one_line(err)


def test_a_port_in_use(capfd: pytest.CaptureFixture[str]) -> None:
    with used_port() as port:
        line = refused(capfd, "--port", str(port))
    assert line.startswith(f"mockserver: can't listen on 127.0.0.1 port {port}: ")
    assert "in use" in line


def test_it_does_not_forward_to_itself(capfd: pytest.CaptureFixture[str]) -> None:
    for host in ("127.0.0.1", "LOCALHOST"):
        address = f"http://{host}:8090/hooks"
        assert address in refused(capfd, "--port", "8090", "--forward", address)


@pytest.mark.parametrize(
    "argument",
    [
        "--bogus",
        "--sign=x",  # no abbreviations
        "--port=",
        "--port=x",
        "--port=65536",
        "--sign-key=",
        "--sign-key=\udcff",
        "--sign-key=a\nb",
        "--respond=",
        "--respond=199",
        "--respond=600",
        "--respond=0200",
        "--respond=\u0662\u0660\u0660",
        "--forward=",
        "--forward=127.0.0.1:8000",
        "--forward=ftp://127.0.0.1",
        "--forward=http://",
        "--forward=http://a:b@127.0.0.1/",
        "--forward=http://127.0.0.1:0/",
        "--forward=http://127.0.0.1:x/",
        "--forward=http://127.0.0.1:65536/",
        "--forward=http://[::1",
        "--forward=http://127.0.0.1/a b",
        "--forward=http://127.0.0.1/\u00e5",
        "--forward=http://127.0.0.1/\r\nX: y",
    ],
)
def test_a_bad_option(argument: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert argument.partition("=")[0] in refused(capfd, argument)
