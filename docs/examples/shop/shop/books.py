"""The books: orders, and every event of their billograms, in one SQLite file. All amounts are öre."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from shop.billogram import Item, Standing

TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,             -- the order's name at Billogram, never used again
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    items TEXT NOT NULL,
    billogram TEXT UNIQUE,
    state TEXT,                                 -- as Billogram has it
    remaining INTEGER NOT NULL DEFAULT 0,
    heard INTEGER NOT NULL DEFAULT 0,           -- the number of events and answers so far
    delivery TEXT NOT NULL DEFAULT 'waiting'    -- waiting, released, stopped, shipped
);
CREATE TABLE IF NOT EXISTS events (
    event_uuid TEXT PRIMARY KEY,                -- so the same event is booked once
    billogram TEXT NOT NULL,
    type TEXT NOT NULL,
    received INTEGER NOT NULL,
    credited INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_billogram ON events (billogram);
"""
ENDED = ("Paid", "Credited", "Ended", "CollectorEnded")


@dataclass(frozen=True)
class Event:
    """What happened to a billogram: by how much it changed what was received and credited."""

    event_uuid: str
    billogram: str
    type: str
    received: int = 0
    credited: int = 0


@dataclass(frozen=True)
class Order:
    """An order, with the sums of its events."""

    number: int
    reference: str
    name: str
    email: str
    items: list[Item]
    billogram: str | None
    state: str | None
    remaining: int
    delivery: str
    received: int
    credited: int
    overpaid: int  # what the customer gets back
    events: list[str]

    @property
    def status(self) -> str:
        """`new`, `open`, `paid`, `credited`, or `closed` in another way."""
        if self.state not in ENDED:
            return "new" if self.billogram is None else "open"
        if self.state == "Paid" and self.received > 0:
            return "paid"
        return "credited" if self.credited > 0 else "closed"


class Books:
    """The books of the shop. Each call is one transaction, so several processes may share the file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with closing(sqlite3.connect(file)) as db:
            db.executescript(TABLES)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which an exception rolls back."""
        with closing(sqlite3.connect(self._file, timeout=10, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    # orders

    def add(self, name: str, email: str, items: list[Item]) -> int:
        """A new order; its number."""
        with self._transaction() as db:
            rows = json.dumps([asdict(each) for each in items])
            values = (str(uuid4()), name, email, rows)
            db.execute("INSERT INTO orders (reference, name, email, items) VALUES (?, ?, ?, ?)", values)
            return int(db.execute("SELECT last_insert_rowid()").fetchone()[0])

    def order(self, number: int) -> Order | None:
        """One order."""
        with self._transaction() as db:
            row = db.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
            return None if row is None else _order(db, row)

    def orders(self) -> list[Order]:
        """All of them, oldest first."""
        with self._transaction() as db:
            return [_order(db, row) for row in db.execute("SELECT * FROM orders ORDER BY number").fetchall()]

    def ship(self, number: int) -> bool:
        """The goods leave the house, if they may."""
        with self._transaction() as db:
            change = "UPDATE orders SET delivery = 'shipped' WHERE number = ? AND delivery = 'released'"
            return db.execute(change, (number,)).rowcount == 1

    # their billograms

    def attach(self, number: int, billogram: str) -> int:
        """Store the billogram of an order. Returns the value `heard` for `settle`."""
        with self._transaction() as db:
            db.execute("UPDATE orders SET billogram = ? WHERE number = ?", (billogram, number))
            heard = _hear(db, billogram)
            assert heard is not None, f"there is no order {number}"
            return heard

    def book(self, event: Event) -> int | None:
        """Store an event, once. Returns the value `heard` for `settle`; None: no order has this billogram.

        The events of a billogram that no order has yet are kept: its webhooks may come before the answer to
        the request that makes it.
        """
        with self._transaction() as db:
            values = (event.event_uuid, event.billogram, event.type, event.received, event.credited)
            db.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", values)
            return _hear(db, event.billogram)

    def settle(self, billogram: str, heard: int, standing: Standing) -> None:
        """Store the status of a billogram that Billogram answered after `heard`.

        If another event was booked in the meantime, the status may be out of date. It is then stored only if
        there is none yet: the other event requests the status too, and later.
        """
        with self._transaction() as db:
            change = (
                "UPDATE orders SET state = ?, remaining = ? "
                "WHERE billogram = ? AND (heard = ? OR state IS NULL) RETURNING *"
            )
            values = (standing.state, standing.remaining, billogram, heard)
            row = db.execute(change, values).fetchone()
            if row is not None:
                delivery = _delivery(_order(db, row))
                db.execute("UPDATE orders SET delivery = ? WHERE billogram = ?", (delivery, billogram))

    def rows(self) -> list[dict[str, Any]]:
        """What the books say of each billogram, in kronor."""
        return [
            {
                "billogram": order.billogram,
                "received": Decimal(order.received) / 100,
                "credited": Decimal(order.credited) / 100,
                "remaining": Decimal(order.remaining) / 100,
            }
            for order in self.orders()
            if order.billogram is not None
        ]


def _hear(db: sqlite3.Connection, billogram: str) -> int | None:
    change = "UPDATE orders SET heard = heard + 1 WHERE billogram = ? RETURNING heard"
    row = db.execute(change, (billogram,)).fetchone()
    return None if row is None else int(row["heard"])


def _order(db: sqlite3.Connection, row: sqlite3.Row) -> Order:
    """An order with the sums of its events, which are the same in whatever order they came."""
    asked = "SELECT * FROM events WHERE billogram = ? ORDER BY rowid"
    events = db.execute(asked, (row["billogram"],)).fetchall()
    return Order(
        number=row["number"],
        reference=row["reference"],
        name=row["name"],
        email=row["email"],
        items=[Item(**each) for each in json.loads(row["items"])],
        billogram=row["billogram"],
        state=row["state"],
        remaining=row["remaining"],
        delivery=row["delivery"],
        received=sum(each["received"] for each in events),
        credited=sum(each["credited"] for each in events),
        overpaid=-sum(each["received"] for each in events if each["type"] == "OverpaymentCustomerLiability"),
        events=[each["type"] for each in events],
    )


def _delivery(order: Order) -> str:
    """Goods leave for paid orders only. What has left is not called back."""
    if order.delivery == "shipped":
        return "shipped"
    if order.status == "paid":
        return "released"
    return "stopped" if order.delivery == "released" else order.delivery
