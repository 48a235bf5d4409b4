"""One POST: every outcome is told in plain words and in bounded time, and forbidden receivers get nothing."""

import asyncio
import gc
import gzip
import os
import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from msgspec import json

from mockserver.webhooks import transport as module
from mockserver.webhooks.transport import Outcome, Transport
from tests.webhooks import receivers
from tests.webhooks.receivers import (
    CERTIFICATE,
    PATIENCE,
    Handler,
    Receiver,
    answer,
    answers,
    receiving,
    refusing,
    says,
    tls_context,
)

SOON = 0.15  # seconds, for what is to time out
HEADERS = {"Content-Type": "application/json", "User-Agent": "mock"}
SELF = "the server itself is not a receiver: use mock:inbox"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

Story = Callable[[Receiver, Transport], Awaitable[None]]


def told(
    story: Story, handler: Handler = receivers.ok, loop: str = "asyncio", tls: bool = False, **options: Any
) -> None:
    """A story with one receiver, after which nothing is left open."""

    async def whole() -> None:
        transport = Transport(**options)
        async with receiving(handler, tls_context() if tls else None) as receiver:
            try:
                await story(receiver, transport)
            finally:
                await transport.close()
            await receiver.gone()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(whole())


def post(url: str, transport: Transport | None = None, timeout: float = PATIENCE) -> Outcome:
    """One POST in a loop of its own."""

    async def whole() -> Outcome:
        used = transport or Transport()
        try:
            return await used.post(url, HEADERS, b"{}", timeout)
        finally:
            await used.close()

    return asyncio.run(whole())


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve to what a test says; the others as ever."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in known:
            return real(host, port, *rest, **more)
        return [entry for address in known[host] for entry in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


# what comes of it

_CHUNKED = "Transfer-Encoding: chunked"
OUTCOMES: dict[str, tuple[Handler, int | None, str | None]] = {
    "ok": (receivers.ok, 200, None),
    "closes after it": (says(answer(200, "Connection: close", body=b"OK")), 200, None),
    "no content": (answers(b"HTTP/1.1 204 X\r\n\r\n"), 204, None),
    "server error": (answers(answer(500, body=b"oh")), 500, None),
    "not found": (answers(answer(404)), 404, None),
    "redirect": (answers(answer(302, "Location: /elsewhere")), 302, None),
    "continue, then ok": (answers(b"HTTP/1.1 100 X\r\n\r\n" + answer(200)), 200, None),
    "another protocol": (answers(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx"), 101, None),
    # an answer, whatever its body does
    "HTTP 1.0": (says(b"HTTP/1.0 200 OK\r\n\r\nOK"), 200, None),
    "body longer than said": (says(answer(200, body=b"OK") + b" and more"), 200, None),
    "body shorter than said": (says(answer(200, body=b"OK")[:-1]), 200, None),
    "body where none belongs": (says(answer(204, body=b"OK")), 204, None),
    "no chunks": (says(f"HTTP/1.1 200 X\r\n{_CHUNKED}\r\n\r\nno chunk\r\n".encode()), 200, None),
    "not compressed": (says(answer(200, "Content-Encoding: gzip", body=b"OK")), 200, None),
    "bomb": (receivers.bomb, 200, None),
    "reset in the body": (receivers.resets_body, 200, None),
    "slow body": (receivers.slow_body, 200, None),
    "endless body": (receivers.endless_body, 200, None),
    "endless chunks": (receivers.endless_chunks, 200, None),
    "endless chunk extension": (receivers.endless_extension, 200, None),
    "endless trailers": (receivers.endless_trailers, 200, None),
    # no answer
    "hanging": (receivers.hanging, None, f"timed out after {SOON} s"),
    "slow head": (receivers.slow_head, None, f"timed out after {SOON} s"),
    "endless continue": (receivers.endless_continue, None, f"timed out after {SOON} s"),
    "closes": (says(b""), None, "connection closed without an answer"),
    "half a head": (says(b"HTTP/1.1 200 X\r\nContent-"), None, "connection closed without an answer"),
    "resets": (receivers.resets, None, "connection closed without an answer"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), None, "not an HTTP answer: Bad status line.*SSH-2"),
    "two lengths": (says(answer(200, "Content-Length: 1")), None, "not an HTTP answer: .*Content-Length"),
    "endless line": (receivers.endless_line, None, "not an HTTP answer: .*"),
    "endless reason": (receivers.endless_reason, None, "not an HTTP answer: .*more than 8190 bytes.*"),
    "endless header": (receivers.endless_header, None, "not an HTTP answer: .*more than 8190 bytes.*"),
    "endless headers": (receivers.endless_headers, None, "not an HTTP answer: Too many headers.*"),
}
SLOW = ("slow body", "no chunks", "endless chunk extension")  # answers whose body is waited for


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("case", OUTCOMES)
def test_outcome(case: str, loop: str) -> None:
    handler, status, error = OUTCOMES[case]

    async def story(receiver: Receiver, transport: Transport) -> None:
        await transport.post("no URL", {}, b"", PATIENCE)  # the import takes nobody's time
        timed_out = "timed out" in str(error)
        timeout = SOON if timed_out else 2 * SOON if case in SLOW else PATIENCE
        outcome = await transport.post(receiver.url(), HEADERS, b"{}", timeout)
        receiver.released.set()
        assert outcome.status_code == status, outcome
        assert (outcome.error is None) == (error is None), outcome
        assert re.match(f"{error}", outcome.error or "None"), outcome
        assert len(outcome.error or "") <= 300
        assert "\n" not in (outcome.error or "")
        assert len(outcome.body) <= 200
        assert outcome.duration_ms >= (SOON * 1000 - 20 if timed_out else 0)
        assert receiver.given < 2**23 or case == "endless chunk extension"  # what aiohttp throws away at once

    told(story, handler, loop)


def test_what_is_sent_is_what_was_given() -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        url = receiver.url("/a/../%7ex|?q=%2&r=a+b#part")
        outcome = await transport.post(url, {**HEADERS, "X-Key": "å"}, b'{"a": 1}', PATIENCE)
        assert (outcome.body, outcome.headers["Content-Type"]) == ('{"status": "OK"}', "application/json")
        host = b"Host: 127.0.0.1:%d\r\n" % receiver.port
        given = b"Content-Type: application/json\r\nUser-Agent: mock\r\nX-Key: \xc3\xa5\r\n"
        first = b"POST /a/../%7ex|?q=%2&r=a+b HTTP/1.1\r\n"
        assert receiver.requests == [first + host + given + b'Content-Length: 8\r\n\r\n{"a": 1}']
        await transport.post(receiver.url("/å ?q=ö"), {}, b"", PATIENCE)
        first = b"POST /%C3%A5%20?q=%C3%B6 HTTP/1.1\r\n"
        assert receiver.requests[1] == first + host + b"Content-Length: 0\r\n\r\n"
        large = b"x" * (2**20 + 1)
        assert (await transport.post(receiver.url(), {}, large, PATIENCE)).status_code == 200
        assert receiver.requests[2].endswith(b"\r\n\r\n" + large)

    told(story)


@pytest.mark.parametrize(
    ("credentials", "headers", "sent"),
    [
        ("me:se%3Acret@", {}, b"Basic bWU6c2U6Y3JldA=="),
        ("me@", {}, b"Basic bWU6"),
        ("%C3%A5:\u00f6@", {}, b"Basic w6U6w7Y="),
        ("me:secret@", {"authorization": "Bearer x"}, b"Bearer x"),
    ],
)
def test_credentials_of_the_url(credentials: str, headers: dict[str, str], sent: bytes) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        outcome = await transport.post(receiver.url(host=f"{credentials}127.0.0.1"), headers, b"", PATIENCE)
        assert outcome.status_code == 200, outcome
        lines = receiver.requests[0].split(b"\r\n")
        assert [line.split(b": ")[1] for line in lines if line.lower().startswith(b"auth")] == [sent]
        assert lines[1] == b"Host: 127.0.0.1:%d" % receiver.port

    told(story)


def test_what_is_shown_of_an_answer_is_cut_and_can_be_encoded() -> None:
    shown = answer(
        200,
        "A: \udcff",
        f"Long: {'x' * 256}",
        "B: 1",
        "Set-Cookie: a",
        "Set-Cookie: b",
        f"C: {'x' * 150}",
        f"D: {'x' * 100}",
        body="å".encode() * 300,
    )

    async def story(receiver: Receiver, transport: Transport) -> None:
        outcome = await transport.post(receiver.url(), {}, b"", PATIENCE)
        kept = {"A": "?", "B": "1", "Set-Cookie": "a, b", "C": "x" * 150, "Content-Length": "600"}
        assert outcome.headers == kept
        assert outcome.body == "å" * 100
        assert json.decode(json.encode(outcome), type=Outcome) == outcome

    told(story, answers(shown))


def test_a_compressed_answer_is_shown_as_it_came() -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        outcome = await transport.post(receiver.url(), {}, b"", PATIENCE)
        assert outcome.body == gzip.compress(b"OK", mtime=0).decode("utf-8", "replace")

    told(story, answers(answer(200, "Content-Encoding: gzip", body=gzip.compress(b"OK", mtime=0))))


def test_a_redirect_is_not_followed_and_no_cookie_is_kept() -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        async with receiving(answers(answer(307, f"Location: {receiver.url()}", "Set-Cookie: a=b"))) as other:
            for _ in range(2):
                url = other.url(host="localhost")  # a jar would take no cookie from an address
                assert (await transport.post(url, {}, b"{}", PATIENCE)).status_code == 307
            assert b"cookie" not in other.requests[1].lower()
        assert receiver.connections == 0

    told(story)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as nobody:
        monkeypatch.setenv("http_proxy", nobody)
        monkeypatch.setenv("HTTP_PROXY", nobody)

        async def story(receiver: Receiver, transport: Transport) -> None:
            assert (await transport.post(receiver.url(), {}, b"", PATIENCE)).status_code == 200

        told(story)


# connections


@pytest.mark.parametrize("tls", [False, True])
def test_connections_are_kept(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch)

    async def story(receiver: Receiver, transport: Transport) -> None:
        for _ in range(5):
            assert (await transport.post(receiver.url(), {}, b"{}", PATIENCE)).status_code == 200
        assert (len(receiver.requests), receiver.connections) == (5, 1)
        outcomes = await asyncio.gather(
            *(transport.post(receiver.url(), {}, b"", PATIENCE) for _ in range(20))
        )
        assert {outcome.status_code for outcome in outcomes} == {200}

    told(story, tls=tls)


@pytest.mark.parametrize(
    "handler", [receivers.endless_body, receivers.slow_body, says(answer(200, body=b"OK")[:-1])]
)
def test_a_connection_with_more_to_come_is_closed(handler: Handler) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        for _ in range(2):
            outcome = await transport.post(receiver.url(), {}, b"", 2 * SOON)
            assert outcome.status_code == 200
        assert receiver.connections == 2
        await receiver.gone()  # without a close of the transport

    told(story, handler)


def test_a_receiver_may_close_after_its_answer_without_saying_so() -> None:
    """The next callback finds a connection that has ended, or is about to: it gets a new one."""

    async def closes(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await receivers.read_request(receiver, reader):
            writer.write(answer(200, body=b"ok"))

    async def story(receiver: Receiver, transport: Transport) -> None:
        outcomes = [await transport.post(receiver.url(), {}, b"{}", PATIENCE) for _ in range(30)]
        assert {(each.status_code, each.error) for each in outcomes} == {(200, None)}

    told(story, closes)


def sockets_to(port: int) -> int:
    """How many sockets of this process are connected to it."""
    found = 0
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and thing.family == socket.AF_INET:
            with suppress(OSError):  # it is closed, or listens
                found += thing.getpeername()[1] == port
    return found


async def until(reached: Callable[[], bool]) -> None:
    """For what nobody tells of."""
    async with asyncio.timeout(PATIENCE):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("handler", "tls", "status"),
    [
        (receivers.deaf, False, None),
        (receivers.answers_deaf, False, 200),
        (receivers.answers_and_stops, True, 200),
    ],
)
def test_who_takes_nothing_holds_no_connection(
    handler: Handler, tls: bool, status: int | None, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch)
    monkeypatch.setitem(globals(), "PATIENCE", 5.0)  # below the times after which loops give up by themselves

    async def story(receiver: Receiver, transport: Transport) -> None:
        await transport.post("no URL", {}, b"", PATIENCE)
        body = b"{}" if tls else b"x" * 2**24
        outcome = await transport.post(receiver.url(), {}, body, PATIENCE if status else 2 * SOON)
        assert outcome.status_code == status, outcome
        await until(lambda: not sockets_to(receiver.port))
        receiver.released.set()
        await receiver.gone()

    told(story, handler, loop, tls)


def test_those_that_hang_hold_up_nobody() -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        hanging = [
            asyncio.ensure_future(transport.post(receiver.url(), {}, b"", PATIENCE)) for _ in range(101)
        ]
        await until(lambda: len(receiver.requests) == len(hanging))
        async with receiving(receivers.ok) as other:
            assert (await transport.post(other.url(), {}, b"", PATIENCE)).status_code == 200
        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging)
        await until(lambda: not sockets_to(receiver.port))

    told(story, receivers.hanging)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", [False, True])
def test_a_cancelled_post_leaves_no_socket(loop: str, tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch)

    async def story(receiver: Receiver, transport: Transport) -> None:
        task = asyncio.ensure_future(transport.post(receiver.url(), {}, b"{}", PATIENCE))
        await asyncio.wait_for(receiver.asked.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not sockets_to(receiver.port))
        await receiver.gone()

    told(story, receivers.hanging, loop, tls)


@pytest.mark.parametrize("handler", [receivers.ok, receivers.slow_body])
def test_cancelled_at_any_moment(handler: Handler) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        for steps in range(40):
            task = asyncio.ensure_future(transport.post(receiver.url(host="localhost"), {}, b"{}", PATIENCE))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.result().status_code == 200
        outcome = await transport.post(receiver.url(), {}, b"{}", 2 * SOON)
        assert outcome.status_code == 200

    told(story, handler)


def test_one_transport_in_one_loop_after_another() -> None:
    transport = Transport()

    async def story(receiver: Receiver, _: Transport) -> None:
        assert (await transport.post(receiver.url(), {}, b"", PATIENCE)).status_code == 200
        await transport.close()
        assert (await transport.post(receiver.url(), {}, b"", PATIENCE)).status_code == 200
        await transport.close()
        await transport.close()

    told(story)
    told(story, loop="uvloop")


def test_closing_ends_what_is_on_its_way() -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        task = asyncio.ensure_future(transport.post(receiver.url(), {}, b"{}", PATIENCE))
        await asyncio.wait_for(receiver.asked.wait(), PATIENCE)
        await transport.close()
        assert (await task).error == "connection closed without an answer"

    told(story, receivers.hanging)


def test_aiohttp_is_imported_by_the_first_post_only() -> None:
    program = (
        "import asyncio, sys\n"
        "from mockserver.webhooks.transport import Transport\n"
        "assert not {'aiohttp', 'yarl', 'multidict'} & set(sys.modules)\n"
        "async def main():\n"
        "    transport = Transport()\n"
        "    posts = [transport.post('mock:inbox', {}, b'', 1) for _ in range(3)]\n"
        "    print({outcome.error for outcome in await asyncio.gather(*posts)})\n"
        "    await transport.close()\n"
        "asyncio.run(main())\n"
        "assert 'aiohttp' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    told = "{'not an http address: it must begin with http:// or https://'}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")


# TLS


def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate of the receivers: aiohttp has read that of the machine when it was imported."""
    import ssl

    from aiohttp import connector

    context = ssl.create_default_context(cadata=CERTIFICATE)
    context.set_alpn_protocols(["http/1.1"])
    monkeypatch.setattr(connector, "_SSL_CONTEXT_VERIFIED", context)


@pytest.mark.parametrize("loop", LOOPS)
def test_tls(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        outcome = await transport.post(receiver.url(), {}, b"{}", PATIENCE)
        remedy = " (to trust it, start the server with SSL_CERT_FILE)"
        assert outcome.error == f"bad certificate: self-signed certificate{remedy}"
        receiver.scheme = "http"
        outcome = await transport.post(receiver.url(), {}, b"{}", PATIENCE)
        assert outcome.error == "connection closed without an answer"
        receiver.scheme = "https"
        trust(monkeypatch)
        assert (await transport.post(receiver.url(), {}, b"{}", PATIENCE)).status_code == 200

    told(story, loop=loop, tls=True)


def test_the_remedy_for_an_unknown_certificate(tmp_path: Path) -> None:
    file = tmp_path / "trusted.pem"
    file.write_text(CERTIFICATE)
    program = (
        "import asyncio, sys\n"
        "from mockserver.webhooks.transport import Transport\n"
        "async def main():\n"
        "    transport = Transport()\n"
        f"    print(await transport.post(sys.argv[1], {{}}, b'', {PATIENCE}))\n"
        "    await transport.close()\n"
        "asyncio.run(main())\n"
    )

    async def story(receiver: Receiver, transport: Transport) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, receiver.url()),
            env={**os.environ, "SSL_CERT_FILE": str(file)},
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        assert printed.startswith(b"Outcome(status_code=200"), printed

    told(story, tls=True)


def test_a_certificate_for_another_name(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    trust(monkeypatch)
    names["other.test"] = ["127.0.0.1"]

    async def story(receiver: Receiver, transport: Transport) -> None:
        outcome = await transport.post(receiver.url(host="other.test"), {}, b"{}", PATIENCE)
        assert (outcome.error or "").startswith("bad certificate: Hostname mismatch")
        assert "other.test" in (outcome.error or "")

    told(story, tls=True)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("handler", "error", "timeout"),
    [
        (receivers.no_tls, "no TLS: wrong version number", PATIENCE),
        (receivers.hanging, f"timed out after {SOON} s", SOON),
    ],
)
def test_no_tls_where_it_should_be(handler: Handler, error: str, timeout: float, loop: str) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        await transport.post("no URL", {}, b"", PATIENCE)
        receiver.scheme = "https"
        assert (await transport.post(receiver.url(), {}, b"{}", timeout)).error == error
        await receiver.gone()

    told(story, handler, loop)


# nobody there


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_refused(host: str, inside: bool, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "in_container", lambda: inside)
    remedy = " (inside a container loopback is the container itself: use host.docker.internal)"

    async def whole(url: str) -> Outcome:
        transport = Transport()
        outcome = await transport.post(url, {}, b"", PATIENCE)
        await transport.close()
        return outcome

    with refusing() as nobody, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        outcome = runner.run(whole(nobody.replace("127.0.0.1", host)))
    assert outcome.error == "connection refused" + remedy * inside


@pytest.mark.parametrize("host", ["nosuch.invalid", "a..b", f"{'a' * 64}.test", "a b", "%61", "..."])
def test_name_not_found(host: str) -> None:
    error = post(f"http://u:secret@{host}/?secret").error or ""
    assert error.startswith("name not found: ")
    assert "secret" not in error


NO_ADDRESS: Iterable[str] = (
    *("", "nothing", "mock:inbox", "ftp://h/", "ws://h/", "//h/", "http:", "http://", "http:///x", "http:/x"),
    *("http://h:0/", "http://h:x/", "http://h:99999/", "http://[::1/", "http://u:secret@/", "u:secret@h/"),
    *("http://h/\r\nX: y", "http://h\x00/", "http://h\ud800/", "http://2130706433/", "http://127.1/"),
    *("http://0177.0.0.1/", "http://[::1%]/", "http://127.0.0.1./", "javascript:alert(1)"),
)


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_not_an_http_address(url: str) -> None:
    outcome = post(url)
    assert (outcome.error or "").startswith("not an http address: "), outcome
    assert "secret" not in (outcome.error or "")
    assert (outcome.status_code, outcome.headers, outcome.body) == (None, {}, "")


def test_headers_that_cannot_be_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        outcome = await transport.post(receiver.url(), {"X": "a\r\nY: b"}, b"", PATIENCE)
        assert outcome.error == "could not be sent: ValueError"

    told(story)
    assert [record.message for record in caplog.records] == ["a callback could not be sent"]


# who gets nothing


LINK_LOCAL = "is link-local (never allowed)"
NEVER = {
    "169.254.169.254": LINK_LOCAL,
    "169.254.0.1": LINK_LOCAL,
    "[fe80::1]": LINK_LOCAL,
    "[fe80::1%25eth0]": LINK_LOCAL,
    "[febf::1]": LINK_LOCAL,
    "[::ffff:169.254.169.254]": LINK_LOCAL,
    "[::ffff:a9fe:a9fe]": LINK_LOCAL,
    "[64:ff9b::169.254.169.254]": LINK_LOCAL,
    "[::169.254.169.254]": LINK_LOCAL,
    "0xa9fea9fe": LINK_LOCAL,
    "0xa9.254.169.254": LINK_LOCAL,
    "\uff11\uff16\uff19.254.169.254": LINK_LOCAL,
    "[fd00:ec2::254]": "is cloud metadata (never allowed)",
    "meta.test": LINK_LOCAL,
    "mapped.test": LINK_LOCAL,
    "both.test": LINK_LOCAL,
}


@pytest.mark.parametrize("hosts", [None, ("*",), ("169.254.0.0/16", "*.test", "::/0")])
@pytest.mark.parametrize("host", NEVER)
def test_never_allowed(host: str, hosts: tuple[str, ...] | None, names: dict[str, list[str]]) -> None:
    names |= {"meta.test": ["169.254.169.254"], "mapped.test": ["::ffff:169.254.169.254"]}
    names["both.test"] = ["fe80::1", "169.254.1.1"]
    error = post(f"http://{host}/latest/", Transport(hosts)).error or ""
    assert error.startswith("host not allowed: ")
    assert error.endswith(
        (NEVER[host], "allow it with --callback-hosts") if hosts and len(hosts) > 1 else NEVER[host]
    )


def test_a_forbidden_address_among_others_is_left_out(names: dict[str, list[str]]) -> None:
    names["some.test"] = ["169.254.169.254", "127.0.0.1"]

    async def story(receiver: Receiver, transport: Transport) -> None:
        assert (await transport.post(receiver.url(host="some.test"), {}, b"", PATIENCE)).status_code == 200

    told(story)


def test_each_new_connection_resolves_again(names: dict[str, list[str]]) -> None:
    async def story(receiver: Receiver, transport: Transport) -> None:
        url = receiver.url(host="turns.test")
        names["turns.test"] = ["127.0.0.1"]
        assert (await transport.post(url, {}, b"", PATIENCE)).status_code == 200
        names["turns.test"] = ["169.254.169.254"]
        outcome = await transport.post(url, {}, b"", PATIENCE)
        assert outcome.error == f"host not allowed: turns.test (169.254.169.254) {LINK_LOCAL}"

    told(story, answers(answer(200, "Connection: close")))


OWN_HOSTS = {
    "127.0.0.1": True,
    "localhost": True,
    "LOCALHOST.": True,
    "[::ffff:127.0.0.1]": True,
    "0.0.0.0": True,
    "[::]": True,
    "0x7f.1": True,
    "mine.test": True,
    "127.0.0.2": False,
    "[::1]": False,
}


@pytest.mark.parametrize("own", ["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", OWN_HOSTS)
def test_the_server_itself(host: str, own: str, names: dict[str, list[str]]) -> None:
    names |= {name: ["127.0.0.1"] for name in ("mine.test", "localhost", "LOCALHOST.")}
    every_address = own in ("0.0.0.0", "::")

    async def story(receiver: Receiver, transport: Transport) -> None:
        transport.own = [("127.0.0.1", 1), (own, receiver.port)]
        outcome = await transport.post(receiver.url(host=host), {}, b"", PATIENCE)
        if OWN_HOSTS[host] or every_address:
            assert outcome.error == SELF
        else:
            assert outcome.error != SELF
        assert receiver.connections == 0
        async with receiving(receivers.ok) as other:
            assert (await transport.post(other.url(), {}, b"", PATIENCE)).status_code == 200

    told(story, hosts=("*",))


def test_every_address_of_the_machine_is_the_server_itself() -> None:
    ours = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), 1, type=socket.SOCK_STREAM)}
    transport = Transport()
    transport.own = [("0.0.0.0", 8080)]
    for address in ours:
        host = f"[{address}]" if ":" in str(address) else address
        assert post(f"http://{host}:8080/", transport).error == SELF
    assert module._is_local(module._canonical("192.0.2.1")) is False


def test_the_last_word_is_said_where_the_socket_is_made(names: dict[str, list[str]]) -> None:
    class Open(module._Hosts):
        def allowed(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
            return list(addresses)

    transport = Transport()
    transport._hosts = Open(("*",), lambda: transport.own)
    names["meta.test"] = ["169.254.169.254"]
    for host in ("meta.test", "169.254.169.254"):
        assert post(f"http://{host}/", transport).error == f"host not allowed: 169.254.169.254 {LINK_LOCAL}"


PATTERNS = [
    # patterns, host, allowed
    ((), "127.0.0.1", False),
    (("*",), "127.0.0.1", True),
    (("127.0.0.1",), "127.0.0.1", True),
    (("127.0.0.1",), "some.test", True),
    (("127.0.0.0/8",), "127.0.0.1", True),
    (("127.0.0.0/8",), "some.test", True),
    (("127.0.0.0/8",), "[::ffff:127.0.0.1]", True),
    (("10.0.0.0/8",), "127.0.0.1", False),
    (("10.0.0.0/8",), "some.test", False),
    (("some.test",), "some.test", True),
    (("SOME.Test",), "Some.TEST.", True),
    (("some.test",), "127.0.0.1", False),
    (("*.test",), "some.test", True),
    (("*.test",), "test", False),
    (("a.test", "*.test"), "some.test", True),
    (("some.test:PORT",), "some.test", True),
    (("some.test:1",), "some.test", False),
    (("127.*:PORT",), "127.0.0.1", True),
    (("127.0.0.1:1",), "127.0.0.1", False),
    (("r\u00e4ka.test",), "r\u00e4ka.test", True),
    (("r\u00e4ka.test",), "xn--rka-qla.test", True),
    (("xn--rka-qla.test",), "r\u00e4ka.test", True),
]


@pytest.mark.parametrize(("patterns", "host", "allowed"), PATTERNS)
def test_patterns(patterns: tuple[str, ...], host: str, allowed: bool, names: dict[str, list[str]]) -> None:
    for name in ("some.test", "Some.TEST.", "xn--rka-qla.test", "test"):
        names[name] = ["127.0.0.1"]

    async def story(receiver: Receiver, _: Transport) -> None:
        transport = Transport(tuple(pattern.replace("PORT", str(receiver.port)) for pattern in patterns))
        outcome = await transport.post(receiver.url(host=host), {}, b"", PATIENCE)
        await transport.close()
        if allowed:
            assert outcome.status_code == 200, outcome
        else:
            shown = host.strip("[]")
            assert outcome.error == f"host not allowed: {shown}; allow it with --callback-hosts"
        assert receiver.connections == allowed

    told(story)


@pytest.mark.parametrize(
    ("pattern", "host", "port", "allowed"),
    [
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("fc00::/7", "fd12::1", 80, True),
        ("fc00::/7", "2001:db8::1", 80, False),
    ],
)
def test_patterns_of_ipv6(pattern: str, host: str, port: int, allowed: bool) -> None:
    hosts = module._Hosts((pattern,), list)
    if allowed:
        hosts.check_literal(host, port)
    else:
        with pytest.raises(module.Refused, match="--callback-hosts"):
            hosts.check_literal(host, port)


def test_a_name_that_no_pattern_can_allow_is_not_resolved(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any) -> None:
        raise AssertionError("resolved")

    monkeypatch.setattr(module._Resolver, "resolve", nobody)
    error = "host not allowed: some.test; allow it with --callback-hosts"
    assert post("http://some.test/", Transport(("other.test",))).error == error
