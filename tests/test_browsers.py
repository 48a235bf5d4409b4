"""What web pages of other origins may ask: nothing (reference: control 7)."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.documented import hold, hold_control
from tests.e2e.served import Served
from tests.server import Answer, Server, basic, scope_of

TOKEN = "T0ken"
PORT = 8080
OPTIONS: dict[str, Any] = {
    "public_url": "https://mock.example.com/path",
    "allowed_hosts": ("box.test", "*.lan.test", "10.1.0.0/16", "2001:db8::/32"),
}

KNOWN = [
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost", "127.0.0.1", "127.8.9.1"),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "192.0.2.7", "mock.example.com", "Mock.Example.Com."),
    *("box.test", "a.lan.test", "10.1.2.3", "[2001:db8::5]"),
]
UNKNOWN = [
    *("page.example", "localhost.page.example", "notlocalhost", "127.0.0.1.page.example", "128.0.0.1"),
    *("127.1", "2130706433", "0x7f.0.0.1", "192.0.2.8", "10.2.0.1", "[::2]", "[2001:db9::1]", "::1"),
    *("[::ffff:127.0.0.1]", "lan.test", "a.box.test", "x.mock.example.com", "user@localhost"),
    *("localhost/", "localhost localhost", "localhost,page.example", ".", "[]", "[localhost]", "é.test"),
]


@pytest.fixture(scope="module")
def table() -> Iterator[Server]:
    made = Server(control_token=TOKEN, **OPTIONS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def open_server() -> Iterator[Server]:
    made = Server(**OPTIONS)
    yield made
    made.close()


def ask(
    server: Server,
    method: str,
    path: str,
    hosts: list[str],
    headers: list[tuple[str, str]],
    listening: str = "192.0.2.7",
) -> Answer:
    """A request as it comes from a socket that listens on this address."""
    scope = scope_of(method, path, b"", {})
    names = [("host", each) for each in hosts] + headers
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in names]
    scope["server"] = (listening, PORT)
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    server.run(server.app(scope, receive, send))
    start, *parts = messages
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(part["body"] for part in parts))


def code(answer: Answer) -> str:
    """Of a refusal of the control plane; empty for a success."""
    return answer.json["error"]["code"] if answer.status >= 400 else ""


@pytest.mark.parametrize("port", ["", ":8080", ":1", ":"])
@pytest.mark.parametrize("host", KNOWN)
def test_a_known_host(open_server: Server, host: str, port: str) -> None:
    answer = ask(open_server, "GET", "/_mock/health", [host + port], [])
    assert (answer.status, answer.headers["x-content-type-options"]) == (200, "nosniff")


@pytest.mark.parametrize("path", ["/health", "/ready", "/accounts", "/nowhere", ""])
@pytest.mark.parametrize("hosts", [[], [""], ["localhost", "page.example"], *([each] for each in UNKNOWN)])
def test_an_unknown_host(open_server: Server, hosts: list[str], path: str) -> None:
    answer = ask(open_server, "GET", f"/_mock{path}", hosts, [])
    assert (answer.status, code(answer)) == (421, "unknown_host")
    assert "--allowed-hosts" in answer.json["error"]["hint"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    if path in ("/health", "/ready", "/accounts"):
        hold_control("GET", path, answer)


@pytest.mark.parametrize("host", ["localhost:port", "localhost:8080:8080", "localhost:-1", "[::1"])
def test_a_host_with_a_bad_port(open_server: Server, host: str) -> None:
    assert code(ask(open_server, "GET", "/_mock/health", [host], [])) == "unknown_host"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(f"Bearer {TOKEN}", 200), ("Bearer wrong", 421), (f"Basic {TOKEN}", 421), ("", 421)],
)
def test_the_right_token_may_use_any_host(table: Server, sent: str, expected: int) -> None:
    answer = ask(table, "GET", "/_mock/accounts", ["page.example"], [("authorization", sent)])
    assert answer.status == expected


def test_calls_in_process_may_use_any_host(open_server: Server) -> None:
    answer = ask(open_server, "GET", "/_mock/accounts", ["any.example"], [], listening="testserver")
    assert answer.status == 200


@pytest.mark.parametrize("host", ["page.example", ""])
def test_the_api_takes_any_host(open_server: Server, host: str) -> None:
    headers = [("authorization", basic("host", "secret"))]
    assert ask(open_server, "GET", "/api/v2/settings", [host], headers).status == 200


# origins: headers beside `Host: localhost:8080`, and whether the request may change something

OWN = "http://localhost:8080"
ORIGINS: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"origin": OWN}, True),
    ({"origin": "HTTP://LOCALHOST:8080"}, True),
    ({"origin": OWN, "sec-fetch-site": "same-origin"}, True),
    ({"origin": "https://mock.example.com"}, True),
    ({"origin": "https://mock.example.com:443"}, True),
    ({"sec-fetch-site": "none"}, True),
    ({"sec-fetch-site": "same-origin"}, True),
    ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
    ({"origin": "null"}, False),
    ({"origin": "null", "sec-fetch-site": "none"}, False),
    ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
    ({"origin": ""}, False),
    ({"origin": "http://localhost"}, False),
    ({"origin": "http://localhost:8081"}, False),
    ({"origin": "http://127.0.0.1:8080"}, False),
    ({"origin": "http://a.localhost:8080"}, False),
    ({"origin": "https://page.example"}, False),
    ({"origin": "http://mock.example.com"}, False),
    ({"origin": "https://mock.example.com:8080"}, False),
    ({"origin": "file://"}, False),
    ({"origin": "chrome-extension://localhost:8080"}, False),
    ({"origin": "http://localhost:8080.page.example"}, False),
    ({"origin": "http://user@localhost:8080"}, False),
    ({"origin": "https://page.example", "sec-fetch-site": "same-origin"}, False),
    ({"origin": OWN, "sec-fetch-site": "cross-site"}, False),
    ({"origin": OWN, "sec-fetch-site": "same-site"}, False),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "same-site"}, False),
]
IDS = [" ".join(f"{name}={value}" for name, value in headers.items()) for headers, _ in ORIGINS]
HOST = ["localhost:8080"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"])
@pytest.mark.parametrize(("headers", "allowed"), ORIGINS, ids=IDS)
def test_origins_at_the_control_plane(
    open_server: Server, headers: dict[str, str], allowed: bool, method: str
) -> None:
    path = "/accounts/nobody" if method != "POST" else "/accounts"
    answer = ask(open_server, method, f"/_mock{path}", HOST, list(headers.items()))
    refused = not allowed and method not in ("GET", "HEAD")
    assert (answer.status == 403) is refused
    assert not any(name.startswith("access-control") for name in answer.headers)
    if refused:
        assert code(answer) == "cross_site"
        if method != "PUT":
            hold_control(method, path, answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET", "HEAD"])
@pytest.mark.parametrize(("headers", "allowed"), ORIGINS, ids=IDS)
def test_origins_at_the_api(open_server: Server, headers: dict[str, str], allowed: bool, method: str) -> None:
    path = "/item" if method == "POST" else "/item/1"
    sent = [("authorization", basic("origins", "secret")), *headers.items()]
    answer = ask(open_server, method, f"/api/v2{path}", HOST, sent)
    refused = not allowed and method not in ("GET", "HEAD")
    assert (answer.status == 403) is refused
    assert not any(name.startswith("access-control") for name in answer.headers)
    if refused:
        assert answer.error[0] == "PERMISSION_DENIED"
        assert answer.headers["mock-rule"] == "auth.cross_site"
        hold(method, path, answer)


@pytest.mark.parametrize(("headers", "allowed"), ORIGINS, ids=IDS)
def test_origins_at_the_event_stream(open_server: Server, headers: dict[str, str], allowed: bool) -> None:
    """The account is unknown: a stream that is allowed ends at once."""
    sent = [("accept", "text/event-stream"), *headers.items()]
    answer = ask(open_server, "GET", "/_mock/accounts/nobody/timeline", HOST, sent)
    assert code(answer) == ("unknown_account" if allowed else "cross_site")


# a real browser

PAGE = """<!doctype html><title>started</title>
<form id="form" method="post" enctype="text/plain" target="frame" action="{mock}/_mock/accounts">
<input name='{{"id": "form", "key": "' value='"}}'></form><iframe name="frame"></iframe>
<script>
const mock = "{mock}", found = [];
const body = '{{"id": "taken"}}';
async function tried(name, work) {{
  try {{ found.push(name + "=" + await work()); }} catch (error) {{ found.push(name + "=refused"); }}
}}
function event(made) {{
  return new Promise(resolve => {{
    made.onload = made.onopen = made.onmessage = () => resolve("read");
    made.onerror = () => resolve("refused");
  }});
}}
(async () => {{
  await tried("get", async () => (await fetch(mock + "/_mock/accounts")).text());
  await tried("post", async () => (await fetch(mock + "/_mock/accounts", {{method: "POST", body}})).text());
  await tried("no-cors", async () => {{
    const got = await fetch(mock + "/_mock/accounts", {{method: "POST", mode: "no-cors", body}});
    return got.type + got.status + await got.text();
  }});
  const kept = mock + "/_mock/accounts/kept";
  await tried("delete", async () => (await fetch(kept, {{method: "DELETE"}})).text());
  await tried("stream", () => event(new EventSource(kept + "/timeline")));
  await tried("image", () => {{
    const image = new Image(); image.src = kept + "/timeline"; return event(image);
  }});
  const headers = {{Authorization: "Basic a2VwdDpzZWNyZXQ="}};
  await tried("api", async () => (await fetch(mock + "/api/v2/settings", {{headers}})).text());
  const frame = document.querySelector("iframe");
  await tried("form", () => {{
    const done = event(frame); document.getElementById("form").submit(); return done;
  }});
  await tried("frame", async () => frame.contentWindow.document.body.textContent);
  await fetch("/found", {{method: "POST", body: found.join("\\n")}});
}})();
</script>"""


class Site:
    """A web site on another port of loopback: it serves one page and gets what the page found."""

    def __init__(self, page: str) -> None:
        site = self
        self.found = ""
        self.done = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(page.encode())

            def do_POST(self) -> None:
                site.found = self.rfile.read(int(self.headers["content-length"])).decode()
                self._answer(b"")
                site.done.set()

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "page.localhost"])
def test_a_page_in_a_real_browser(tmp_path: Path, name: str) -> None:
    """Names of the page's site: the same host on another port is same-site, the others are cross-site."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "make test installs chromium"
    with Served() as served:
        assert served.mock("POST", "/accounts", {"id": "kept", "key": "secret"}).status_code == 201
        site = Site(PAGE.format(mock=served.address))
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
        command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
        command += ["--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]
        browser = subprocess.Popen(
            [*command, "--remote-debugging-port=0", f"http://{name}:{site.port}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert site.done.wait(90), "the page did not finish"
        finally:
            browser.terminate()
            browser.wait(30)
            site.close()
        found = dict(line.split("=", 1) for line in site.found.splitlines())
        # an opaque answer has neither status nor body, and a frame is loaded without being readable
        assert found.pop("no-cors") == "opaque0"
        assert found.pop("form") == "read"
        assert set(found) == {"get", "post", "delete", "stream", "image", "api", "frame"}
        assert set(found.values()) == {"refused"}, found
        shown = served.mock("GET", "/accounts").json()
        assert [each["id"] for each in shown] == ["kept"]
