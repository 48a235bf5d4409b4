"""A shop with an account of its own for each test."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from mockserver import BillogramAccount
from shop.app import create_app
from shop.billogram import Billogram
from shop.books import Books
from shop.webhooks import Receiver

WEBHOOKS = "/webhooks/billogram"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option for the receivers in broken.py."""
    parser.addoption("--receiver", default="shop.webhooks:Receiver", help="another one, as broken:BooksTwice")


class Shop:
    """The shop, as its customers and its staff use it."""

    def __init__(self, app: Starlette, books: Books) -> None:
        self.app = app
        self.books = books

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, in process."""

        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
                return await http.request(method, path, **more)

        return asyncio.run(asking())

    def buy(self, price: int = 100) -> Any:
        """Somebody orders a shovel; VAT comes on top of the price."""
        items = [{"title": "Shovel", "count": 1, "price": price}]
        order = {"name": "Test Customer AB", "email": "contact@example.com", "items": items}
        return self.ask("POST", "/orders", json=order).json()

    def order(self, number: int = 1) -> Any:
        """The status of an order."""
        return self.ask("GET", f"/orders/{number}").json()


@pytest.fixture
def shop(billogram: BillogramAccount, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Shop]:
    """The shop: its client talks to the account, whose webhooks are delivered directly to the application."""
    api = Billogram(billogram.url, billogram.user, billogram.key)
    books = Books(tmp_path / "shop.db")
    receiver: type[Receiver] = resolve_name(pytestconfig.getoption("receiver"))
    app = create_app(api, books, receiver(api, books, billogram.sign_key))
    billogram.deliver_to(app, path=WEBHOOKS)
    yield Shop(app, books)
    api.close()
