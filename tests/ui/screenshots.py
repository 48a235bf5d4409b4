"""`make screenshots`: the pictures of the README and the documentation, taken from the running product.

Each is a page of the fixture `demo`, whose clock is frozen, so that a picture changes when the product does.
They are PNG files at twice the resolution, light and dark, with few colours so that they are small.
"""

import io
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from mockserver import Mockserver
from tests.ui.browser import ROOT, launch

PLACE = ROOT / "docs" / "pictures"
SCHEMES = ("light", "dark")
COLOURS = 64
WIDE, PHONE = ViewportSize(width=1180, height=760), ViewportSize(width=390, height=780)
KEY = ("demo", "secret")  # of the fixture
UI = "/_mock/ui/accounts/demo"


def main() -> None:
    """Take all pictures."""
    PLACE.mkdir(exist_ok=True)
    with Mockserver(fixture="demo") as server, sync_playwright() as playwright:
        browser = launch(playwright)
        address = server.url.removesuffix("/api/v2")
        pages = prepare(address)
        for name, (path, size) in pages.items():
            for scheme in SCHEMES:
                content = picture(browser, address + path, scheme, size)
                target = PLACE / f"{name}-{scheme}.png"
                target.write_bytes(content)
                print(f"{target.relative_to(ROOT)}: {len(content) // 1024} KiB")
        browser.close()


def prepare(address: str) -> dict[str, tuple[str, ViewportSize]]:
    """Cause what the pages show, and return them by the name of their picture."""
    control = f"{address}/_mock/accounts/demo"

    def call(method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(method, control + path, json=body, trust_env=False)
        assert answer.is_success, answer.text
        return answer.json()

    call("PUT", "/callbacks", {"url": "mock:inbox", "sign_key": "an-example-of-a-key", "respond": 500})
    late = call("GET", "/billograms?state=Reminder_1")[0]
    part = call("GET", "/billograms?state=PartlyPaid")[0]["id"]
    call(
        "POST", "/payments", {"billogram": late["id"], "amount": 1000, "payer_name": late["customer"]["name"]}
    )
    call("POST", "/deliveries/wait", {"idle": True})
    failed = call("GET", "/deliveries")[0]["id"]
    refused = httpx.post(
        f"{address}/api/v2/billogram/{part}/command/payment", json={"amount": 9000}, auth=KEY, trust_env=False
    )
    assert refused.status_code == 400, refused.text
    request = call("GET", "/requests?refused=true")[-1]["id"]
    return {
        "overview": (UI, WIDE),
        "billogram": (f"{UI}/billograms/{late['id']}", WIDE),
        "refusal": (f"{UI}/requests/{request}", WIDE),
        "webhook": (f"{UI}/webhooks/{failed}", WIDE),
        "clock": (f"{UI}/clock", WIDE),
        "recipient": (late["recipient_url"].partition(address)[2], PHONE),
    }


def picture(browser: Browser, url: str, scheme: Any, size: ViewportSize) -> bytes:
    """Return the first screen of a page as PNG."""
    context = browser.new_context(
        color_scheme=scheme, viewport=size, device_scale_factor=2, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_load_state()
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    small = io.BytesIO()
    shown.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
