"""The golden logs as records, and what a fold of them makes."""

import asyncio
import lzma
import tempfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from mockserver.core import events, other_events, tabs
from mockserver.core.act import Act
from mockserver.core.events import Record
from mockserver.core.fold import folded
from mockserver.core.model import Customer, EfakturaNotice, TabItem, TabSettings
from mockserver.core.state import KINDS, State
from mockserver.log import codec
from mockserver.log.sqlite import SQLiteLog
from tests.server import ACCOUNT, NO_BODY, Server

LETTER = {"on_success": {"command": "send", "method": "Email+Letter"}}
SALE = {
    "offer_id": "extra1",
    "type": "sale",
    "title": "Extra service",
    "text": "Invented text for a sale.",
    "media": {
        "picture": (
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
        ),
        "picture_type": "image/png",
    },
    "item": {"title": "Extra service", "price": 80, "vat": 25, "unit": "month"},
}
_GOLDEN = Path(__file__).parent.parent / "golden"


@cache
def golden_logs() -> dict[str, tuple[Record, ...]]:
    """The records of each account and each snapshot of the golden databases of format 1."""
    found: dict[str, tuple[Record, ...]] = {}
    for packed in sorted(_GOLDEN.glob("format1/*.db.xz")):
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "golden.db"
            path.write_bytes(lzma.decompress(packed.read_bytes()))
            for name, records in asyncio.run(_read(path)).items():
                found[f"{packed.name} {name}"] = records
    assert len(found) > 50
    return found


async def _read(path: Path) -> dict[str, tuple[Record, ...]]:
    log = SQLiteLog(path)
    await log.open()
    try:
        streams = [each for each in (await log.pointers()).items() if not each[0].startswith("deliveries:")]
        return {name: tuple([record async for record in log.read(stream)]) for name, stream in streams}
    finally:
        await log.close()


@cache
def upgraded_logs() -> dict[str, tuple[Record, ...]]:
    """The golden logs as this version would have written them, through bytes."""
    found = {}
    for name, records in golden_logs().items():
        state = State()
        found[name] = tuple(codec.decode(codec.encode(folded(state, record))) for record in records)
    return found


def tables(records: Iterable[Record]) -> dict[str, dict[Any, Any]]:
    """All aggregates that a fold of these records makes; nothing that is derived from them."""
    state = State()
    for record in records:
        folded(state, record)
    return {kind: dict(state.table(kind)) for kind in KINDS}


@cache
def own_log() -> tuple[Record, ...]:
    """A log that this version writes: letters, interest, reminders, documents, excess money, e-invoices."""
    server = Server()

    def ask(method: str, path: str, body: Any = NO_BODY) -> Any:
        return server.call(method, path, body).data

    def mock(path: str, body: Any = NO_BODY) -> None:
        answer = server.mock("POST", f"/accounts/{ACCOUNT}{path}", body)
        assert answer.status < 300, answer.body

    try:
        number = server.customer()
        customer = {"customer": {"customer_no": number}}
        late = server.draft(**LETTER, **customer, due_days=10)["id"]
        row = {"title": "Row", "count": 1, "price": 99.7, "vat": 25}
        own = server.draft(**customer, invoice_no=700, items=[row])["id"]
        ask("POST", f"/billogram/{own}/command/send", {"method": "Email+Letter"})
        ask("POST", "/item", {"item_no": "40", "title": "t", "price": 1, "vat": 25, "unit": "hour"})
        ask("PUT", "/item/40", {"item_no": "80"})
        ask("PUT", "/item/80", {"title": "another"})
        other = server.customer()
        mock(f"/customers/{other}/simulate/enable-recurring", {"type": "autogiro"})
        mock(f"/customers/{other}/simulate/verify-email", {"email": "new@example.com"})
        for market in ("Sweden", "Norway"):
            server.mock("PATCH", f"/accounts/{ACCOUNT}", {"market": market})
            for what in ("register", "deregister") * 2:
                mock(f"/customers/{other}/simulate/einvoice-{what}", {})
        ask("PUT", f"/customer/{number}", {"customer_no": number + 7, "address": {"city": "lund"}})
        ask("PUT", f"/customer/{number + 7}", {"name": "Another"})
        gone = server.draft(customer={"customer_no": number + 7, "name": "Of her own"}, invoice_no=900)["id"]
        ask("PUT", f"/billogram/{gone}", {"customer": {"name": "Once more"}})
        ask("DELETE", f"/billogram/{gone}")
        server.draft(customer={"customer_no": number + 7})
        mock("/clock/advance", {"by": "50d"})
        ask("POST", f"/billogram/{late}/command/remind", {"method": "Email"})
        ask("PUT", f"/billogram/{late}", {"items": [row | {"count": 2}]})
        mock("/clock/advance", {"by": "5d"})
        ask("POST", f"/billogram/{late}/command/credit", {"mode": "amount", "amount": 20})
        mock("/payments", {"amount": 1000, "billogram": late})
        opened = server.sent()["id"]
        for what in ("view", "delivery-failure", "view"):
            mock(f"/billograms/{opened}/simulate/{what}")

        server.mock("PATCH", f"/accounts/{ACCOUNT}", {"market": "Finland"})
        mock(f"/customers/{other}/simulate/einvoice-mismatch", {})
        mock("/customers/99999/simulate/einvoice-not-found", {})
        ask("POST", "/offer", SALE)
        ask("POST", "/offer", SALE | {"offer_id": "extra2"})
        for offer in ("extra1", "extra2"):
            mock(f"/billograms/{opened}/simulate/accept-sale", {"offer_id": offer})
        again = server.sent()["id"]
        mock(f"/billograms/{again}/simulate/accept-sale", {"offer_id": "extra1"})
        server.mock("PATCH", f"/accounts/{ACCOUNT}", {"features": {"factoring": True}})
        sold = server.draft(customer={"customer_no": other})["id"]
        ask("POST", f"/billogram/{sold}/command/sell")
        mock(f"/billograms/{sold}/simulate/factoring-deny")
        for name in other_events.TYPES:
            mock(f"/billograms/{opened}/simulate/event", {"type": name})
        mock("/reports", {"from": "2026-03", "to": "2026-04"})
        _tabs(server, other)

        async def read() -> tuple[Record, ...]:
            live = server.emulator.live(ACCOUNT)
            assert live is not None
            return tuple([record async for record in server.emulator.log.read(live.stream)])

        return server.run(read())
    finally:
        server.close()


def _tabs(server: Server, number: int) -> None:
    """Add tabs that are billed, refused, emptied, moved and deleted. Their customer gets another number."""

    def act(decide: Callable[[Act, Customer], object]) -> None:
        def decided(act: Act) -> None:
            decide(act, act.customer(number))

        live = server.emulator.live(ACCOUNT)
        assert live is not None
        server.run(server.emulator.execute(live, decided, cause="test", rule="tab"))

    def add(act: Act, customer: Customer) -> None:
        tabs.add_row(
            act, customer, TabItem(title="Row", price=Decimal(100), vat=Decimal(25)), key=str(act.now)
        )

    def configure(**members: str) -> Callable[[Act, Customer], None]:
        return lambda act, customer: act.add(
            events.TabSettingsChanged(customer.number, TabSettings(**members))
        )

    def active(act: Act, customer: Customer) -> str:
        return tabs.of_customer(act, customer).active or ""

    def move(span: str) -> None:
        assert server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": span}).status == 200

    unknown = EfakturaNotice("individual", 1)  # as older versions wrote it: without its moment
    act(lambda act, customer: act.add(events.EfakturaChanged(customer.customer_no, None, unknown)))
    act(configure(billing_frequency="daily", delivery_method="EDI"))
    act(add)
    move("1d")  # refused: there is no EDI address
    act(configure(billing_frequency="daily", delivery_method="DoNotNotify"))
    move("1d")
    act(add)
    assert server.call("PUT", f"/customer/{number}", {"customer_no": number + 50}).status == 200
    number += 50
    act(lambda act, customer: act.add(events.TabRowDeleted(act.state.rows_of(active(act, customer))[0].id)))
    move("1d")  # empty
    act(lambda act, customer: act.add(events.TabDeleted(active(act, customer))))
    act(add)
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"timezone": "Etc/GMT+12"})
    act(configure(billing_frequency="daily", delivery_method="DoNotNotify"))
    night = server.state().account.clock.now.replace(hour=11, minute=30) + timedelta(days=1)
    mock = {"to": night.isoformat()}
    assert server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", mock).status == 200
    act(add)
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"timezone": "Pacific/Kiritimati"})  # 26 hours ahead
    move("1h")  # two days later than when the tab was opened: it is invoiced after its date
