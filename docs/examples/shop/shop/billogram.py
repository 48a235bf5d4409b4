"""The client of Billogram's API: only what the shop needs of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import httpx

from shop.money import kronor, ore

ATTEMPTS = 3

T = TypeVar("T")

_certificates = cache(httpx.create_ssl_context)  # reading them takes longer than most requests


class Refused(Exception):
    """Billogram said no, and nothing was done."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status
        self.message = message


class Unanswered(Exception):
    """No answer, or one that says nothing: it may have been done, or not."""


@dataclass(frozen=True)
class Item:
    """One row of an order. The price is in öre, for one piece, without VAT."""

    title: str
    count: int
    price: int
    vat: int = 25


@dataclass(frozen=True)
class Standing:
    """How a billogram stands: its state, and what remains to be paid, in öre."""

    state: str
    remaining: int


class Billogram:
    """An account at Billogram. It may be used from several threads."""

    def __init__(self, url: str, user: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, auth=(user, key), timeout=10, verify=_certificates())

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def customer(self, name: str, email: str) -> int:
        """The number of the customer with this address, who is made if need be."""
        body = {"name": name, "contact": {"email": email}}
        found = _once(
            lambda: self._find("/customer", "contact:email", email),
            lambda: self._ask("POST", "/customer", body),
        )
        return int(found["customer_no"])

    def invoice(self, reference: str, number: int, customer: int, items: list[Item]) -> str:
        """The id of the one billogram with this reference, which is made and sent if need be."""
        rows = [
            {"title": each.title, "count": each.count, "price": kronor(each.price), "vat": each.vat}
            for each in items
        ]
        body = {
            "creditor_unique_value": reference,
            "info": {"order_no": str(number)},
            "customer": {"customer_no": customer},
            "items": rows,
            "on_success": {"command": "send", "method": "Email"},
        }
        found = _once(
            lambda: self._find("/billogram", "creditor_unique_value", reference),
            lambda: self._ask("POST", "/billogram", body),
        )
        return str(found["id"])

    def credit(self, billogram: str, amount: int | None) -> None:
        """Credit so many öre; None: everything that is left."""
        body = {"mode": "full"} if amount is None else {"mode": "amount", "amount": kronor(amount)}
        self._ask("POST", f"/billogram/{billogram}/command/credit", body)

    def standing(self, billogram: str) -> Standing:
        """How a billogram stands now."""
        told = self._ask("GET", f"/billogram/{billogram}")
        return Standing(told["state"], ore(told["remaining_sum"]))

    def _find(self, path: str, field: str, value: str) -> Any:
        """The first object of which this field has this value, or None."""
        chosen = {"filter_type": "field", "filter_field": field, "filter_value": value}
        found = self._ask("GET", path, query={"page": "1", "page_size": "1", **chosen})
        return found[0] if found else None

    def _ask(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        """One request: the `data` of its answer. Refused, Unanswered."""
        try:
            answer = self._http.request(method, path, json=body, params=query)
            told = answer.json()
        except (httpx.TransportError, ValueError) as lost:
            raise Unanswered(f"{method} {path}: {lost!r}") from lost
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unanswered(f"{method} {path}: {answer.status_code}")
        if answer.status_code != 200:
            raise Refused(told["status"], told["data"]["message"])
        return told["data"]


def _once(find: Callable[[], T | None], create: Callable[[], T]) -> T:
    """What is there already, or else is made now.

    When the answer gets lost on its way, nobody knows whether the thing was made. So each attempt looks for
    it first, and there is never a second one.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return find() or create()
        except Unanswered:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
