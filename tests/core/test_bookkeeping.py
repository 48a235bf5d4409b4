"""Vouchers, made of the acts of an account (reference: behaviour 6.8 and 9.2)."""

import base64
from typing import Any

from mockserver.core import bookkeeping
from mockserver.core.bookkeeping import Books, Voucher
from tests.server import ACCOUNT, Server

CLOCK = f"/accounts/{ACCOUNT}/clock/advance"


def to(server: Server, moment: str) -> None:
    """Move the clock to a local moment of 2026."""
    answer = server.mock("POST", CLOCK, {"to": f"2026-{moment}:00+{'01' if moment < '03-29' else '02'}:00"})
    assert answer.status == 200, answer.body


def books_of(server: Server, account: str = ACCOUNT) -> tuple[Books, list[Voucher]]:
    """The books of an account, and all of its vouchers in order."""

    async def read() -> tuple[Books, list[Voucher]]:
        books, vouchers = Books(), []
        stream = (await server.emulator.log.pointers())[f"account:{account}"]
        async for record in server.emulator.log.read(stream):
            vouchers += books.apply(record)
        return books, vouchers

    return server.run(read())


def shown(voucher: Voucher) -> str:
    """A voucher in one line, as the reference writes them."""
    legs = " · ".join(f"{leg.account} {leg.amount:+d}" for leg in voucher.legs)
    return f"{voucher.day:%m-%d} {voucher.text}: {legs}"


def pay(server: Server, amount: Any, **more: Any) -> dict[str, Any]:
    answer = server.mock("POST", f"/accounts/{ACCOUNT}/payments", {"amount": amount, **more})
    assert answer.status == 201, answer.body
    paid: dict[str, Any] = answer.json
    return paid


def two_billograms(server: Server) -> tuple[str, str]:
    """The acts of the worked example 9.2."""
    rows = [
        {"title": "A", "count": 2, "price": 99.9, "vat": 25},
        {"title": "B", "count": 1, "price": 50, "vat": 12},
    ]
    first = server.sent(items=rows)["id"]
    second = server.sent(customer={"customer_no": 1})["id"]
    to(server, "04-02T10:00")
    assert server.command(first, "remind", {"method": "Email"}).data["remaining_sum"] * 100 == 36607
    server.command(second, "writedown")
    to(server, "04-03T10:00")
    server.command(first, "credit", {"mode": "amount", "amount": 56, "method": "Email"})
    to(server, "04-07T10:00")
    pay(server, 100, billogram=first)
    pay(server, 25, billogram=second)
    to(server, "04-08T10:00")
    server.command(second, "revert-writedown")
    to(server, "04-10T10:00")
    pay(server, 210.07, billogram=first)
    to(server, "04-20T10:00")
    server.command(second, "confirmed-loss")
    to(server, "05-05T10:00")
    pay(server, 40, billogram=second)
    return first, second


def test_the_books_of_two_billograms(server: Server) -> None:
    two_billograms(server)
    _, vouchers = books_of(server)
    assert [shown(each) for each in vouchers] == [
        "03-02 Faktura 1: 1500 +30600 · 2610 -4995 · 2620 -600 · 3001 -19980 · 3002 -5000 · 3740 -25",
        "03-02 Faktura 2: 1500 +12500 · 2610 -2500 · 3001 -10000",
        "04-02 Nedskrivning faktura 2: 1519 -12500 · 6352 +12500",
        "04-03 Kreditfaktura 3: 1500 -5600 · 2610 +914 · 2620 +110 · 3001 +3656 · 3002 +915 · 3740 +5",
        "04-07 Inbetalning faktura 1: 1500 -10000 · 1940 +10000",
        "04-07 Inbetalning faktura 2: 1500 -2500 · 1519 +2500 · 1940 +2500 · 6352 -2500",
        "04-08 Återförd nedskrivning faktura 2: 1519 +10000 · 6352 -10000",
        "04-10 Inbetalning faktura 1: 1500 -15000 · 1940 +21007 · 8313 -6007",
        "04-20 Konstaterad kundförlust faktura 2: 1500 -10000 · 6352 +10000",
        "05-05 Inbetalning faktura 2: 1940 +4000 · 6352 -4000",
    ]
    assert bookkeeping.balances(vouchers) == {
        "1500": 0,
        "1519": 0,
        "1940": 37507,
        "2610": -6581,
        "2620": -490,
        "3001": -26324,
        "3002": -4085,
        "3740": -20,
        "6352": 6000,
        "8313": -6007,
    }


def test_the_reports_of_two_billograms(server: Server) -> None:
    two_billograms(server)
    to(server, "06-01T00:15")
    listed = server.get("/report?page=1&page_size=100").data
    assert [(each["filename"], each["created_at"]) for each in listed] == [
        (f"2026-{month}_{name}", made)
        for month, made in (
            ("03", "2026-03-31 22:15:00"),
            ("04", "2026-04-30 22:15:00"),
            ("05", "2026-05-31 22:15:00"),
        )
        for name in ("sie4.si", "sie4_report.pdf", "debtors_ledger.pdf", "debtors_ledger.csv")
    ]
    assert {each["info"] for each in listed if "2026-04" in each["filename"]} == {
        "Bookkeeping 2026-04",
        "Bookkeeping report 2026-04",
        "Debtors ledger 2026-04",
    }
    ledger = content(server, "2026-03_debtors_ledger.csv").decode().splitlines()
    assert [line.split(";")[2::5] for line in ledger[1:]] == [["1", "306.00"], ["2", "125.00"]]
    assert len(content(server, "2026-04_debtors_ledger.csv").decode().splitlines()) == 1
    sie = content(server, "2026-04_sie4.si").decode("cp437")
    voucher = """#VER A 6 20260410 "Inbetalning faktura 1"
{
#TRANS 1500 {} -150.00
#TRANS 1940 {} 210.07
#TRANS 8313 {} -60.07
}
"""
    assert voucher.replace("\n", "\r\n") in sie
    assert "#VER A 1 20260505" in content(server, "2026-05_sie4.si").decode("cp437")
    for name in ("sie4_report.pdf", "debtors_ledger.pdf"):
        assert content(server, f"2026-03_{name}").startswith(b"%PDF-")


def content(server: Server, filename: str) -> bytes:
    return base64.b64decode(server.get(f"/report/{filename}").data["content"])
