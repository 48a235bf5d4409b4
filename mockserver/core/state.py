"""The state of one account: tables of immutable aggregates, and the indexes that `put` keeps beside them."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Protocol

from mockserver.core import money
from mockserver.core.model import Account, Billogram, Customer, Internal, Recipient, replace

ACCOUNT, CUSTOMER, BILLOGRAM = "account", "customer", "billogram"

Change = tuple[str, Any, Any]  # kind, key, new aggregate (None: gone)


class View(Protocol):
    """What `evolve` reads: the state, or the state seen through an act that is being decided."""

    def find(self, kind: str, key: Any) -> Any:
        """The aggregate, or None."""

    def recipient(self, customer_no: int) -> Recipient:
        """The copy that a billogram made now would keep of this customer."""


def copied(customer: Customer) -> Recipient:
    """The copy of a customer: city in upper case, no attention [R]."""
    address = customer.address
    return Recipient(
        customer_no=customer.customer_no,
        name=customer.name,
        org_no=customer.org_no,
        vat_no=customer.vat_no,
        email=customer.contact.email,
        phone=customer.contact.phone,
        address=replace(address, city=address.city.upper(), attention=""),
        delivery_address=customer.delivery_address,
        permanent_establishment_address=customer.permanent_establishment_address,
    )


class State:
    """The tables of an account and their indexes. Everything changes through `put`."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Any, Any]] = {ACCOUNT: {}, CUSTOMER: {}, BILLOGRAM: {}}
        self.customers: dict[int, Customer] = self._tables[CUSTOMER]
        self.billograms: dict[str, Billogram] = self._tables[BILLOGRAM]
        # indexes
        self._recipients: dict[int, Recipient] = {}
        self.customer_order: list[int] = []
        self.billogram_order: list[int] = []  # numbers of those that are not deleted
        self._by_number: dict[int, str] = {}
        self.unique_values: dict[str, str] = {}  # of deleted ones too: unique for ever [D]
        self.invoice_numbers: dict[int, str] = {}
        self.total_remaining = Decimal(0)
        self.open_sent = 0  # sent and not ended: what time could still change

    @property
    def account(self) -> Account:
        """The account's own values."""
        account: Account = self._tables[ACCOUNT][""]
        return account

    def find(self, kind: str, key: Any) -> Any:
        """The aggregate, or None."""
        return self._tables[kind].get(key)

    def recipient(self, customer_no: int) -> Recipient:
        """The copy that a billogram made now would keep of this customer; billograms share it."""
        return self._recipients[customer_no]

    def put(self, kind: str, key: Any, new: Any) -> Any:
        """Replace one aggregate (None: remove it), keep the indexes right, and return the old one.

        Putting the old ones back in reverse order undoes a series of puts wholly.
        """
        table = self._tables[kind]
        old = table.get(key)
        if new is None:
            del table[key]
        else:
            table[key] = new
        if kind == BILLOGRAM:
            self._index_billogram(key, old, new)
        elif kind == CUSTOMER:
            self._index_customer(key, old, new)
        return old

    def _index_customer(self, key: int, old: Customer | None, new: Customer | None) -> None:
        if new is None:
            del self._recipients[key]
            _remove(self.customer_order, key)
            return
        self._recipients[key] = copied(new)
        if old is None:
            insort(self.customer_order, key)

    def _index_billogram(self, key: str, old: Billogram | None, new: Billogram | None) -> None:
        before = old is not None and old.internal is not Internal.DELETED
        after = new is not None and new.internal is not Internal.DELETED
        if old is None and new is not None:
            self._by_number[new.number] = key
            if new.creditor_unique_value is not None:
                self.unique_values[new.creditor_unique_value] = key
        elif old is not None and new is None:
            del self._by_number[old.number]
            if old.creditor_unique_value is not None:
                del self.unique_values[old.creditor_unique_value]
        if before and old is not None:
            if not after:
                _remove(self.billogram_order, old.number)
            if old.invoice_no is not None:
                del self.invoice_numbers[old.invoice_no]
            self.open_sent -= _is_open(old)
        if after and new is not None:
            if not before:
                insort(self.billogram_order, new.number)
            if new.invoice_no is not None:
                self.invoice_numbers[new.invoice_no] = key
            self.open_sent += _is_open(new)
        was = old.sums.remaining if before and old is not None else money.ZERO
        now = new.sums.remaining if after and new is not None else money.ZERO
        if was != now:
            self.total_remaining = money.add(self.total_remaining, money.subtract(now, was))

    def billograms_in_order(self, start: int, stop: int) -> Iterator[Billogram]:
        """Those that are not deleted, in order of creation, from `start` up to `stop`."""
        for number in self.billogram_order[start:stop]:
            yield self.billograms[self._by_number[number]]

    def customers_in_order(self, start: int, stop: int) -> Iterator[Customer]:
        """By customer number [R], from `start` up to `stop`."""
        for number in self.customer_order[start:stop]:
            yield self.customers[number]

    def image(self) -> dict[str, Any]:
        """All of it as plain values, indexes too: two states are the same when their images are."""
        return {
            name: dict(value) if isinstance(value, dict) else value
            for name, value in sorted(vars(self).items())
        }


def _is_open(billogram: Billogram) -> bool:
    return billogram.internal in (Internal.UNPAID, Internal.COLLECTION, Internal.FACTORING)


def _remove(order: list[int], number: int) -> None:
    del order[bisect_left(order, number)]
