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
    """Billogram refused the request, and nothing was changed."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status
        self.message = message


class Unanswered(Exception):
    """No answer, or a useless one: the request may have been executed, or not."""


@dataclass(frozen=True)
class Item:
    """One row of an order. The price is in öre, for one piece, without VAT."""

    title: str
    count: int
    price: int
    vat: int = 25


@dataclass(frozen=True)
class Standing:
    """The status of a billogram: its state, and what remains to be paid, in öre."""

    state: str
    remaining: int


class Billogram:
    """An account at Billogram. It may be used from several threads."""

    def __init__(self, url: str, user: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, auth=(user, key), timeout=10, verify=_certificates())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def customer(self, name: str, email: str) -> int:
        """The number of the customer with this address, who is created if necessary."""
        body = {"name": name, "contact": {"email": email}}
        found = _once(
            lambda: self._find("/customer", "contact:email", email),
            lambda: self._ask("POST", "/customer", body),
        )
        return int(found["customer_no"])

    def invoice(self, reference: str, number: int, customer: int, items: list[Item]) -> str:
        """The id of the one billogram with this reference, which is created and sent if necessary."""
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
        """Credit an amount in öre; None: everything that remains."""
        body = {"mode": "full"} if amount is None else {"mode": "amount", "amount": kronor(amount)}
        self._ask("POST", f"/billogram/{billogram}/command/credit", body)

    def standing(self, billogram: str) -> Standing:
        """The present status of a billogram."""
        payload = self._ask("GET", f"/billogram/{billogram}")
        return Standing(payload["state"], ore(payload["remaining_sum"]))

    def _find(self, path: str, field: str, value: str) -> Any:
        """The first object of which this field has this value, or None."""
        chosen = {"filter_type": "field", "filter_field": field, "filter_value": value}
        found = self._ask("GET", path, query={"page": "1", "page_size": "1", **chosen})
        return found[0] if found else None

    def _ask(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        """One request: the `data` of its answer. Refused, Unanswered."""
        try:
            answer = self._http.request(method, path, json=body, params=query)
            payload = answer.json()
        except (httpx.TransportError, ValueError) as lost:
            raise Unanswered(f"{method} {path}: {lost!r}") from lost
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unanswered(f"{method} {path}: {answer.status_code}")
        if answer.status_code != 200:
            raise Refused(payload["status"], payload["data"]["message"])
        return payload["data"]


def _once(find: Callable[[], T | None], create: Callable[[], T]) -> T:
    """Find an object, or create it.

    When an answer gets lost, nobody knows whether the object was created. So each attempt looks for it first,
    and a second one is never created.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return find() or create()
        except Unanswered:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
