"""A live page in a real browser: at once, without gaps, and honest when it is stale (reference: ui 2, 4)."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from mockserver import Mockserver
from tests.ui.browser import Visitor, visitor

TIMELINE = "/_mock/ui/accounts/{}/timeline"
SOON = 300  # milliseconds from the answer to the page
TRIES = 6
IDS = "all => all.map(each => each.dataset.row)"
# resolves with the moment at which the first row of a cause is there
SEEN = """id => new Promise(done => {
    const there = () => document.querySelector(`[data-row="${id}"]`);
    const look = () => there() ? done(Date.now()) : requestAnimationFrame(look);
    look();
})"""


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    with Mockserver() as found:
        yield found


@pytest.fixture
def account(server: Mockserver, request: pytest.FixtureRequest) -> str:
    name: str = request.node.name[:90]
    call(server, name, "First")
    return name


def call(server: Mockserver, account: str, name: str) -> str:
    """Creates a customer as a client does. Returns the id of the request."""
    answer = httpx.post(
        f"{server.url}/customer", json={"name": name}, auth=(account, "secret"), trust_env=False
    )
    assert answer.status_code == 200, answer.text
    made: str = answer.headers["mock-request-id"]
    return made


def opened(somebody: Visitor, account: str) -> Page:
    """Opens the timeline, and waits until it is live."""
    somebody.go(TIMELINE.format(account))
    page = somebody.page
    expect(page.get_by_role("status")).to_contain_text("Live")
    return page


def rows(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all("#timeline [data-row]", IDS)
    return found


def test_an_act_is_shown_at_once(browser: Browser, server: Mockserver, account: str) -> None:
    """The best of some tries counts: the machine may be busy with something else."""
    took: list[float] = []
    with visitor(browser, server, "at-once") as somebody:
        page = opened(somebody, account)
        for number in range(TRIES):
            made = call(server, account, f"Customer {number}")
            answered = page.evaluate("Date.now()")
            took.append(page.evaluate(SEEN, made) - answered)
        assert rows(page)[0] == made
    assert min(took) < SOON, took


def test_what_a_person_holds_stays(browser: Browser, server: Mockserver, account: str) -> None:
    with visitor(browser, server, "held") as somebody:
        page = opened(somebody, account)
        summary = page.locator("#timeline summary").first
        summary.click()
        held = page.locator("#timeline details[open]").get_attribute("id")
        made = call(server, account, "Second")
        page.evaluate(SEEN, made)
        assert page.locator("#timeline details[open]").get_attribute("id") == held
        assert page.evaluate("document.activeElement.parentElement.id") == held


def test_a_filter_that_is_being_typed_stays(browser: Browser, server: Mockserver, account: str) -> None:
    with visitor(browser, server, "typed") as somebody:
        page = opened(somebody, account)
        page.get_by_label("Billogram id").fill("abc")
        page.evaluate(SEEN, call(server, account, "Second"))
        expect(page.get_by_label("Billogram id")).to_have_value("abc")


def test_while_paused_new_rows_are_counted(browser: Browser, server: Mockserver, account: str) -> None:
    with visitor(browser, server, "paused") as somebody:
        page = opened(somebody, account)
        before = rows(page)
        page.get_by_role("button", name="Pause").click()
        made = [call(server, account, f"Customer {number}") for number in range(2)]
        expect(page.get_by_role("status")).to_contain_text("Paused, 4 new")  # each a request and its act
        assert rows(page) == before
        page.get_by_role("button", name="Resume").click()
        page.evaluate(SEEN, made[0])
        assert rows(page) == [*reversed(made), *before]


class Line:
    """A proxy whose connections can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []
        self.cut = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                if self.cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += (near, far)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def break_off(self) -> None:
        self.cut = True
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.break_off()
        self._server.close()


@contextmanager
def line(server: Mockserver) -> Iterator[Line]:
    found = Line(int(server.url.removesuffix("/api/v2").rpartition(":")[2]))
    try:
        yield found
    finally:
        found.close()


def test_what_happened_while_the_line_was_cut_is_shown(
    browser: Browser, server: Mockserver, account: str
) -> None:
    sent: list[Request] = []
    with line(server) as between, visitor(browser, server, "cut") as somebody:
        somebody.address = f"http://127.0.0.1:{between.port}"
        page = opened(somebody, account)
        page.evaluate(SEEN, call(server, account, "Second"))
        before = rows(page)
        page.on("request", lambda each: sent.append(each))
        between.break_off()
        expect(page.get_by_role("status")).to_contain_text("Reconnecting")
        made = [call(server, account, f"Customer {number}") for number in range(3)]
        assert rows(page) == before
        between.cut = False
        page.evaluate(SEEN, made[0])
        expect(page.get_by_role("status")).to_contain_text("Live")
        assert rows(page) == [*reversed(made), *before]
        streams = [each for each in sent if "/stream" in each.url]
        assert streams
        assert all(each.all_headers().get("last-event-id") or "after=" in each.url for each in streams)
        somebody.problems = [each for each in somebody.problems if "net::ERR_" not in each]


def test_a_silent_connection_is_called_stale(browser: Browser, server: Mockserver, account: str) -> None:
    """The server gives a sign of life every 15 seconds. Here the time of the page runs ahead."""
    with visitor(browser, server, "stale") as somebody:
        somebody.page.clock.install()
        page = opened(somebody, account)
        somebody.context.route("**/stream*", lambda route: route.abort())
        page.clock.fast_forward(60_000)
        expect(page.get_by_role("status")).to_contain_text("Stale: as of")
        somebody.context.unroute("**/stream*")
        made = call(server, account, "Second")
        page.clock.fast_forward(10_000)
        expect(page.get_by_role("status")).to_contain_text("Live")
        expect(page.locator(f'[data-row="{made}"]')).to_have_count(1)
        somebody.problems = [each for each in somebody.problems if "net::ERR_" not in each]
