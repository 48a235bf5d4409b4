"""The dashboard in a real browser (reference: ui 1, 4, 5)."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from mockserver import Mockserver
from mockserver.ui.routes import ROUTES
from mockserver.wire import Paths
from tests.ui.browser import Visitor, visitor

BASE = "/_mock/ui"
SAMPLES = 2  # of each page, in a crawl
PATHS = Paths(("GET", row.path, row.path) for row in ROUTES)


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    """With the account demo, and one that is changed by no test."""
    with Mockserver(fixture="demo") as found:
        create(found, "kept")
        receiver = {"url": "mock:inbox", "sign_key": "test-sign-key-1"}
        control(found, "PUT", "/accounts/kept/callbacks", receiver)
        control(found, "POST", "/accounts/kept/snapshots", {"name": "start"})
        control(found, "POST", "/accounts/kept/customers/101/simulate/enable-recurring", {"type": "autogiro"})
        httpx.get(f"{found.url}/customer", auth=("kept", "secret"), trust_env=False)  # refused: it has a page
        yield found


@pytest.fixture
def account(server: Mockserver, request: pytest.FixtureRequest) -> str:
    """An account with the fixture demo, of this test alone."""
    name = f"of-{request.node.name}".replace("[", "-").replace("]", "")[:90]
    create(server, name)
    return name


def create(server: Mockserver, name: str) -> None:
    """Creates an account with the fixture demo."""
    control(server, "POST", "/accounts", {"id": name, "key": "secret", "fixture": "demo"})


def control(server: Mockserver, method: str, path: str, body: object) -> None:
    """Sends a request to the control plane."""
    address = server.url.replace("/api/v2", "/_mock") + path
    made = httpx.request(method, address, json=body, trust_env=False)
    assert made.is_success, made.text


def links(visitor: Visitor) -> list[str]:
    """The pages of the dashboard to which the page leads, without their queries."""
    found: list[str] = visitor.page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
    own = visitor.address + BASE
    paths = [
        each.removeprefix(visitor.address).partition("#")[0].partition("?")[0]
        for each in found
        if each.startswith(own)
    ]
    return [each for each in dict.fromkeys(paths) if not each.endswith((".pdf", ".csv", ".si", "/stream"))]


def row_of(path: str) -> str:
    found = PATHS.find(path.removeprefix(BASE))
    assert found is not None, f"a page links to {path}, which is none"
    return found[0]["GET"]


def crawl(visitor: Visitor, account: str) -> Iterator[str]:
    """Opens each page that can be reached, some of each kind. Yields the path of each."""
    own = f"{BASE}/accounts/{account}"
    waiting, seen = [f"{BASE}/", own, f"{own}/search?q=caf"], Counter[str]()
    known = set(waiting)
    while waiting:
        path = waiting.pop(0)
        if f"{BASE}/accounts/" in path and not f"{path}/".startswith(f"{own}/"):
            continue
        row = row_of(path.partition("?")[0])
        if seen[row] == SAMPLES:
            continue
        seen[row] += 1
        visitor.go(path)
        yield path
        fresh = [each for each in links(visitor) if each not in known]
        known.update(fresh)
        waiting += fresh
    missing = {row.path for row in ROUTES if not row.path.endswith((".pdf", ".png", "{filename}"))} - set(
        seen
    )
    assert not missing, f"no link leads to {missing}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(browser: Browser, server: Mockserver, scheme: str) -> None:
    found: list[str] = []
    with visitor(browser, server, f"axe-{scheme}", color_scheme=scheme) as somebody:
        for _ in crawl(somebody, "kept"):
            found += somebody.axe()
    assert found == []


def test_every_page_fits_into_a_narrow_window(browser: Browser, server: Mockserver) -> None:
    wide: list[str] = []
    window = {"width": 320, "height": 640}
    with visitor(browser, server, "narrow", viewport=window) as somebody:
        for path in crawl(somebody, "kept"):
            width = somebody.page.evaluate("document.documentElement.scrollWidth")
            if width > window["width"]:
                wide.append(f"{path}: {width}")
            small = somebody.page.evaluate(SMALL)
            wide += [f"{path}: smaller than 24 px: {each}" for each in small]
    assert wide == []


# targets that are smaller than 24 px and are not links within a text (WCAG 2.2, 2.5.8)
SMALL = """() => [...document.querySelectorAll("button, summary, select, input:not([type=hidden])")]
    .filter(each => each.checkVisibility() && each.type !== "checkbox" && each.type !== "radio")
    .filter(each => each.getBoundingClientRect().height < 24)
    .map(each => each.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_life_by_hand(browser: Browser, server: Mockserver, account: str, script: bool) -> None:
    """Somebody makes a billogram, sends it, lets it become overdue, and pays: with labels alone."""
    name = f"life-{script}"
    with visitor(browser, server, name, java_script_enabled=script) as somebody:
        page = somebody.page
        somebody.go(f"{BASE}/accounts/{account}")
        page.get_by_role("link", name="Billograms", exact=True).first.click()
        page.get_by_role("link", name="Create a billogram").first.click()
        page.get_by_role("button", name="Create a billogram").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Unpaid")
        number = page.get_by_role("heading", level=1).inner_text().split()[1]
        page.get_by_role("button", name="+1 week").click()
        for button in ("+1 week", "+1 week", "+1 week", "+1 day", "+1 day", "+1 day"):
            page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Overdue")
        page.get_by_label("Search this account").fill(number)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"Invoice {number}")
        page.locator("summary", has_text="bank reports").first.click()
        page.get_by_role("button", name="bank reports").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Paid")


ROW = {"title": "Shovel", "count": 1, "price": 100, "vat": 25}
DRAFT = {"customer": {"customer_no": 101}, "items": [ROW]}


def test_a_live_page_shows_what_clients_do(browser: Browser, server: Mockserver, account: str) -> None:
    with visitor(browser, server, "live") as somebody:
        page = somebody.page
        somebody.go(f"{BASE}/accounts/{account}/billograms")
        expect(page.get_by_role("status")).to_contain_text("Live")
        made = post(server, account, "/billogram", DRAFT)
        expect(page.get_by_text(made["data"]["id"])).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        again = post(server, account, "/billogram", DRAFT)
        expect(page.get_by_role("status")).to_contain_text("new")
        assert page.get_by_text(again["data"]["id"]).count() == 0
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text(again["data"]["id"])).to_be_visible()


def test_a_stream_that_was_cut_is_resumed(browser: Browser, server: Mockserver, account: str) -> None:
    with visitor(browser, server, "cut") as somebody:
        page = somebody.page
        somebody.go(f"{BASE}/accounts/{account}/billograms")
        expect(page.get_by_role("status")).to_contain_text("Live")
        somebody.context.set_offline(True)
        made = post(server, account, "/billogram", DRAFT)
        somebody.context.set_offline(False)
        expect(page.get_by_text(made["data"]["id"])).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("Live")


FOCUSED = """() => {
    const found = document.activeElement;
    return [getComputedStyle(found).outlineStyle, found.textContent.trim()];
}"""


def test_by_keyboard_alone(browser: Browser, server: Mockserver, account: str) -> None:
    """The skip link is first; each thing that takes the focus shows it; the clock is moved by a key."""
    with visitor(browser, server, "keyboard") as somebody:
        page = somebody.page
        somebody.go(f"{BASE}/accounts/{account}/billograms")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        somebody.go(f"{BASE}/accounts/{account}/billograms")
        names: list[str] = []
        for _ in range(40):
            page.keyboard.press("Tab")
            outline, name = page.evaluate(FOCUSED)
            assert outline != "none", name
            names.append(name)
            if name == "+1 week":
                break
        assert names[-1] == "+1 week", names
        before = page.locator("#clock time").first.inner_text()
        page.keyboard.press("Enter")
        expect(page.locator("#clock time").first).not_to_have_text(before)


def post(server: Mockserver, account: str, path: str, body: object) -> dict[str, dict[str, str]]:
    """Sends a request as a client does."""
    answer = httpx.post(server.url + path, json=body, auth=(account, "secret"), trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, dict[str, str]] = answer.json()
    return found
