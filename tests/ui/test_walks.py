"""What a person finds out without documentation, in a browser that is driven by labels alone (ui 4)."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from mockserver import Mockserver
from tests.ui.browser import Visitor, visitor

BASE = "/_mock/ui/accounts/{}"
HOSTILE = ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "\u202eevil\u202c", "x" * 100]
LONG = "y" * 10_000


@pytest.fixture(scope="module")
def server() -> Iterator[Mockserver]:
    with Mockserver() as found:
        yield found


@pytest.fixture
def account(server: Mockserver, request: pytest.FixtureRequest) -> str:
    """An account with the fixture demo, of this test alone."""
    name = f"of-{request.node.name}".replace("[", "-").replace("]", "")[:90]
    body = {"id": name, "key": "secret", "fixture": "demo"}
    address = server.url.replace("/api/v2", "/_mock/accounts")
    made = httpx.post(address, json=body, trust_env=False, timeout=60)
    assert made.status_code == 201, made.text
    return name


def call(server: Mockserver, account: str, method: str, path: str, body: object = None) -> httpx.Response:
    """Sends a request as a client does."""
    return httpx.request(method, server.url + path, json=body, auth=(account, "secret"), trust_env=False)


def start(somebody: Visitor, account: str) -> None:
    """Goes from the first page to the account."""
    somebody.go("/_mock/ui/")
    somebody.page.locator("main").get_by_role("link", name=account, exact=True).click()


def go_to(page: Page, section: str) -> None:
    page.get_by_role("navigation", name="Pages of the account").get_by_role("link", name=section).click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_why_a_request_was_refused_and_what_to_do(
    browser: Browser, server: Mockserver, account: str, script: bool
) -> None:
    """A client pays too much. Its answer says `invalid amount`, the page says which amount is possible."""
    found = call(
        server,
        account,
        "GET",
        "/billogram?page=1&page_size=1&filter_type=field&filter_field=state&filter_value=Unpaid",
    )
    name = found.json()["data"][0]["id"]
    refused = call(server, account, "POST", f"/billogram/{name}/command/payment", {"amount": 10**6})
    assert refused.status_code == 400
    with visitor(browser, server, "refused", java_script_enabled=script) as somebody:
        page = somebody.page
        start(somebody, account)
        go_to(page, "Requests")
        page.get_by_role("link", name="Refused only").click()
        page.get_by_role("link", name=f"POST /api/v2/billogram/{name}/command/payment").click()
        expect(page.get_by_role("heading", name="Why it was refused, and what to do")).to_be_visible()
        expect(page.get_by_text("0 < amount ≤ remaining")).to_be_visible()
        page.get_by_role("button", name="Do it").first.click()
        expect(page).to_have_url(f"{somebody.address}{BASE.format(account)}/billograms/{name}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Paid")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_what_happens_next_tuesday(browser: Browser, server: Mockserver, account: str, script: bool) -> None:
    with visitor(browser, server, "tuesday", java_script_enabled=script) as somebody:
        page = somebody.page
        start(somebody, account)
        go_to(page, "Clock and agenda")
        tuesday = page.get_by_role("region", name="Tuesday 2026-03-03")
        expect(tuesday).to_contain_text("Collection news")
        tuesday.get_by_role("button", name="What would happen until then").click()
        expect(page.get_by_role("region", name="What would happen until")).to_contain_text(
            "CollectionStatusUpdate"
        )
        page.get_by_role("button", name="Move the clock there").click()
        expect(page.locator("#clock time").first).to_contain_text("2026-03-04")


def test_hostile_texts_are_shown_as_text_and_fit(browser: Browser, server: Mockserver, account: str) -> None:
    window = {"width": 320, "height": 640}
    for text in HOSTILE:
        body = {"name": text, "notes": LONG, "contact": {"name": text, "email": "a@example.com"}}
        assert call(server, account, "POST", "/customer", body).status_code == 200
    odd = call(server, account, "POST", "/customer", {HOSTILE[0] + LONG: 1})
    call(server, account, "GET", f"/customer/{'z' * 3000}?{'q' * 500}")
    number = call(
        server, account, "GET", "/customer?page=1&page_size=1&order_direction=desc&order_field=customer_no"
    ).json()["data"][0]["customer_no"]
    paths = ("customers", f"customers/{number}", "timeline", "requests", "clock")
    with visitor(browser, server, "hostile", viewport=window) as somebody:
        for path in (*paths, f"requests/{odd.headers['mock-request-id']}"):
            check(somebody, f"{BASE.format(account)}/{path}")
        page = somebody.page
        somebody.go(f"{BASE.format(account)}/customers")
        for text in HOSTILE:
            expect(page.get_by_role("link", name=text, exact=True)).to_have_count(1)


def check(somebody: Visitor, path: str) -> None:
    somebody.go(path)
    page = somebody.page
    page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    assert page.locator("main script, main img[src=x]").count() == 0
    assert somebody.axe() == []
