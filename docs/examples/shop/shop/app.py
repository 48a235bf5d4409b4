"""The shop as an ASGI application: orders as JSON, and the address for Billogram's webhooks."""

import json
import time
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shop.billogram import Billogram, Item, Refused, Unanswered
from shop.books import Books, Order
from shop.money import kronor, ore
from shop.webhooks import Receiver

LARGEST = 1024 * 1024  # bytes of a webhook; real ones have a few thousand


def create_app(api: Billogram, books: Books, receiver: Receiver) -> Starlette:
    """The application."""
    shop = Shop(api, books, receiver)
    routes = [
        Route("/orders", shop.orders, methods=["GET"]),
        Route("/orders", shop.place, methods=["POST"]),
        Route("/orders/{number:int}", shop.order, methods=["GET"]),
        Route("/orders/{number:int}/invoice", shop.invoice, methods=["POST"]),
        Route("/orders/{number:int}/credit", shop.credit, methods=["POST"]),
        Route("/orders/{number:int}/ship", shop.ship, methods=["POST"]),
        Route("/webhooks/billogram", shop.webhook, methods=["POST"]),
    ]
    handlers: Any = {Refused: _refused, Unanswered: _unanswered}
    return Starlette(routes=routes, exception_handlers=handlers)


class Shop:
    """The endpoints. SQLite and httpx block, so they work on threads."""

    def __init__(self, api: Billogram, books: Books, receiver: Receiver) -> None:
        self._api = api
        self._books = books
        self._receiver = receiver

    async def orders(self, request: Request) -> Response:
        """All orders."""
        found = await run_in_threadpool(self._books.orders)
        return JSONResponse([_shown(each) for each in found])

    async def order(self, request: Request) -> Response:
        """One order."""
        return await run_in_threadpool(self._answer, request.path_params["number"])

    async def place(self, request: Request) -> Response:
        """A new order: written down first, then invoiced. 202: Billogram did not answer, see `invoice`."""
        name, email, items = _read(await request.body())

        def work() -> Response:
            number = self._books.add(name, email, items)
            try:
                self._invoice(number)
            except Unanswered:
                return self._answer(number, 202)
            return self._answer(number, 201)

        return await run_in_threadpool(work)

    async def invoice(self, request: Request) -> Response:
        """Once more, for an order without a billogram. There will never be two."""
        number = request.path_params["number"]

        def work() -> Response:
            self._invoice(number)
            return self._answer(number)

        return await run_in_threadpool(work)

    async def credit(self, request: Request) -> Response:
        """Credit `{"amount": …}` kronor; without an amount everything. The webhook books it.

        When Billogram does not answer it may have been done all the same: then the order will tell, so look
        there before doing it again.
        """
        number = request.path_params["number"]
        amount = _amount(await request.body())

        def work() -> Response:
            billogram = self._find(number).billogram
            if billogram is None:
                raise HTTPException(409, "it has no invoice yet")
            self._api.credit(billogram, amount)
            return self._answer(number)

        return await run_in_threadpool(work)

    async def ship(self, request: Request) -> Response:
        """The goods leave the house; 409 unless they are paid."""
        number = request.path_params["number"]

        def work() -> Response:
            if not self._books.ship(number):
                raise HTTPException(409, f"its delivery is {self._find(number).delivery}")
            return self._answer(number)

        return await run_in_threadpool(work)

    async def webhook(self, request: Request) -> Response:
        """A webhook. Anything but 2xx lets Billogram send it again later."""
        body = await _body(request)
        if not self._receiver.genuine(request.headers, body, time.time()):
            raise HTTPException(401, "the signature is wrong, or old")
        try:
            callback = json.loads(body)
        except ValueError:
            raise HTTPException(400, "no JSON") from None
        await run_in_threadpool(self._receiver.receive, callback)
        return JSONResponse({"status": "OK"})

    def _find(self, number: int) -> Order:
        order = self._books.order(number)
        if order is None:
            raise HTTPException(404, f"there is no order {number}")
        return order

    def _answer(self, number: int, status: int = 200) -> Response:
        return JSONResponse(_shown(self._find(number)), status)

    def _invoice(self, number: int) -> None:
        """Exactly one billogram for an order, however often it is tried."""
        order = self._find(number)
        customer = self._api.customer(order.name, order.email)
        billogram = self._api.invoice(order.reference, number, customer, order.items)
        heard = self._books.attach(number, billogram)
        self._books.settle(billogram, heard, self._api.standing(billogram))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, "too large")
    return bytes(body)


def _read(body: bytes) -> tuple[str, str, list[Item]]:
    """An order as it is sent: name, email, items with title, count and price."""
    try:
        order = json.loads(body)
        items = [Item(str(each["title"]), int(each["count"]), ore(each["price"])) for each in order["items"]]
        if any(each.count < 1 or each.price < 0 for each in items):
            raise ValueError("count and price must not be negative, and count not 0")
        return str(order["name"]), str(order["email"]), items
    except (ValueError, TypeError, KeyError, ArithmeticError) as wrong:
        raise HTTPException(400, f"no order: {wrong!r}") from None


def _amount(body: bytes) -> int | None:
    try:
        amount = json.loads(body or b"{}").get("amount")
        return None if amount is None else ore(amount)
    except (ValueError, AttributeError, ArithmeticError) as wrong:
        raise HTTPException(400, f"no amount: {wrong!r}") from None


def _shown(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "name": order.name,
        "billogram": order.billogram,
        "status": order.status,
        "delivery": order.delivery,
        "received": kronor(order.received),
        "credited": kronor(order.credited),
        "remaining": kronor(order.remaining),
        "to_pay_back": kronor(order.overpaid),
        "events": order.events,
    }


async def _refused(request: Request, error: Refused) -> Response:
    return JSONResponse({"error": error.message, "billogram": error.status}, 422)


async def _unanswered(request: Request, error: Unanswered) -> Response:
    return JSONResponse({"error": f"Billogram did not answer: {error}"}, 503)
