"""Vouchers, made of the acts of an account (reference: behaviour 6.8 and 9.2)."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.core import bookkeeping
from mockserver.core.bookkeeping import Books, Voucher
from mockserver.log.sqlite import SQLiteLog
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


# each row of the table of vouchers

M = f"/accounts/{ACCOUNT}"
SALE = "Faktura 1: 1500 +12500 · 2610 -2500 · 3001 -10000"
LATE = {"invoice_date": "2026-03-02", "due_date": "2026-03-10", "interest_rate": 0}


def row(title: str, price: float, vat: int = 25, count: int = 1, **more: Any) -> dict[str, Any]:
    return {"title": title, "count": count, "price": price, "vat": vat, **more}


def sent(server: Server, **more: Any) -> str:
    return str(server.sent(**more)["id"])


def credit(server: Server, key: str, **body: Any) -> None:
    assert server.command(key, "credit", {"method": "Email", **body}).status == 200


def put(server: Server, key: str, *items: dict[str, Any]) -> None:
    assert server.call("PUT", f"/billogram/{key}", {"items": list(items)}).status == 200


def simulate(server: Server, key: str, what: str, **body: Any) -> None:
    assert server.mock("POST", f"{M}/billograms/{key}/simulate/{what}", body).status == 200


def reversed_vat(server: Server) -> None:
    rows = [row("A", 100), row("B", 50, bookkeeping={"income_account": "3999"})]
    sent(server, regional_sweden={"reversed_vat": True}, items=rows, invoice_fee=10)


def reversed_vat_credited(server: Server) -> None:
    """The default account changes between the sale and the credit, which goes back where the sale was."""
    key = sent(server, regional_sweden={"reversed_vat": True}, items=[row("A", 100), row("B", 50)])
    changed = {"bookkeeping": {"income_account_for_vat_25": "3005"}}
    assert server.call("PUT", "/settings", changed).status == 200
    credit(server, key, mode="items", items=[{"title": "A", "count": -1}])


def objects(server: Server) -> None:
    """The same objects in another order are the same objects."""
    one, other = {"dimension_id": "6", "object_id": "P1"}, {"dimension_id": "1", "object_id": "10"}
    books = [{"objects": each} for each in ([one, other], [other, one], [one])]
    sent(server, items=[row("A", 100, bookkeeping=each) for each in books])


def by_rows(server: Server) -> None:
    key = sent(server, items=[row("A", 99.9, count=2), row("B", 50, 12)])
    credit(server, key, mode="items", items=[{"title": "A", "count": -1}])
    credit(server, key, mode="full")


def paid_and_credited(server: Server) -> None:
    key = sent(server)
    pay(server, 125, billogram=key)
    credit(server, key, mode="amount", amount=25)


def changed(server: Server) -> None:
    key = sent(server)
    put(server, key, row("Row", 100, count=2))
    pay(server, 200, billogram=key)
    put(server, key, row("Row", 100))


def recall(server: Server, payment: dict[str, Any], **body: Any) -> None:
    assert server.mock("POST", f"{M}/payments/{payment['id']}/recall", body).status == 201


def recalled(server: Server) -> None:
    payment = pay(server, 200, billogram=sent(server), scheme="SEPA_DIRECT_DEBIT")
    recall(server, payment, type="refund", fee=3)


def transferred(server: Server) -> None:
    payment = pay(server, 60, billogram=sent(server), scheme="SEPA_CREDIT_TRANSFER")
    recall(server, payment)
    pay(server, 7, scheme="SEPA_CREDIT_TRANSFER")


def collected(server: Server) -> None:
    key = sent(server, **LATE)
    to(server, "03-20T10:00")
    server.command(key, "remind", {"method": "Email"})
    to(server, "03-25T10:00")
    server.command(key, "collect")
    simulate(server, key, "collector-payment", amount=150)
    simulate(server, key, "collection-end")


def sold(server: Server) -> None:
    server.mock("PATCH", M, {"features": {"factoring": True}})
    key = str(server.draft()["id"])
    server.command(key, "sell")
    simulate(server, key, "factoring-accept")
    credit(server, key, mode="amount", amount=25)


def stand_alone(server: Server) -> None:
    key = sent(server)
    back = sent(server, customer={"customer_no": 1}, items=[row("Back", 100, count=-1)])
    server.command(key, "credit-allocate", {"amount": 50, "source_id": back})
    server.command(back, "credit-payment", {"mode": "amount", "amount": 30})


def underpaid(server: Server) -> None:
    key = sent(server)
    server.command(key, "payment", {"amount": 100})
    server.command(key, "settle-underpayment")


def with_fee(server: Server) -> str:
    key = sent(server, **LATE)
    to(server, "03-20T10:00")
    server.command(key, "remind", {"method": "Email"})
    return key


def fee_by_credit(server: Server) -> None:
    key = with_fee(server)
    pay(server, 125, billogram=key)
    credit(server, key, mode="amount", amount=25)


def fee_credited(server: Server) -> None:
    key = with_fee(server)
    pay(server, 185, billogram=key)
    credit(server, key, mode="full")


def fee_by_allocation(server: Server) -> None:
    key = with_fee(server)
    pay(server, 125, billogram=key)
    back = sent(server, customer={"customer_no": 1}, items=[row("Back", 100, count=-1)])
    server.command(key, "credit-allocate", {"amount": 60, "source_id": back})


ROWS: list[tuple[Callable[[Server], object], list[str]]] = [
    (reversed_vat, ["Faktura 1: 1500 +16000 · 3001 -1000 · 3231 -10000 · 3999 -5000"]),
    (
        reversed_vat_credited,
        ["Faktura 1: 1500 +15000 · 3231 -15000", "Kreditfaktura 2: 1500 -10000 · 3231 +10000"],
    ),
    (objects, ["Faktura 1: 1500 +37500 · 2610 -7500 · 3001 -10000 · 3001 -20000"]),
    (
        by_rows,
        [
            "Faktura 1: 1500 +30600 · 2610 -4995 · 2620 -600 · 3001 -19980 · 3002 -5000 · 3740 -25",
            "Kreditfaktura 2: 1500 -12500 · 2610 +2498 · 3001 +9990 · 3740 +12",
            "Kreditfaktura 3: 1500 -18100 · 2610 +2497 · 2620 +600 · 3001 +9990 · 3002 +5000 · 3740 +13",
        ],
    ),
    (
        paid_and_credited,
        [
            SALE,
            "Inbetalning faktura 1: 1500 -12500 · 1940 +12500",
            "Kreditfaktura 2: 2420 -2500 · 2610 +500 · 3001 +2000",
        ],
    ),
    (
        changed,
        [
            SALE,
            "Faktura 2: 1500 +12500 · 2610 -2500 · 3001 -10000",
            "Inbetalning faktura 1: 1500 -20000 · 1940 +20000",
            "Kreditfaktura 3: 1500 -5000 · 2420 -7500 · 2610 +2500 · 3001 +10000",
        ],
    ),
    (
        lambda server: pay(server, 200, billogram=sent(server)),
        [SALE, "Inbetalning faktura 1: 1500 -12500 · 1940 +20000 · 2420 -7500"],
    ),
    (
        lambda server: pay(server, 126, billogram=sent(server)),
        [SALE, "Inbetalning faktura 1: 1500 -12500 · 1940 +12600 · 3740 -100"],
    ),
    (
        recalled,
        [
            SALE,
            "Inbetalning faktura 1: 1500 -12500 · 1940 +20000 · 2420 -7500",
            "Återtagen betalning faktura 1: 1500 +12500 · 1940 -20000 · 2420 +7500",
        ],
    ),
    (transferred, [SALE]),
    (collected, [SALE, "Inkassobetalning faktura 1: 1500 -12500 · 1941 +15000 · 8313 -2500"]),
    (
        sold,
        [
            "Såld faktura 1: 1512 +12500 · 2610 -2500 · 3001 -10000",
            "Kreditfaktura 2: 1512 -2500 · 2610 +500 · 3001 +2000",
        ],
    ),
    (
        stand_alone,  # what is allocated adds up to nothing
        [
            SALE,
            "Kreditfaktura 2: 1500 -12500 · 2610 +2500 · 3001 +10000",
            "Utbetald kredit 2: 1500 +3000 · 1920 -3000",
        ],
    ),
    (
        underpaid,
        [
            SALE,
            "Inbetalning faktura 1: 1500 -10000 · 1920 +10000",
            "Underbetalning faktura 1: 1500 -2500 · 3740 +2500",
        ],
    ),
    (
        fee_by_credit,
        [
            SALE,
            "Inbetalning faktura 1: 1500 -12500 · 1940 +12500",
            "Kreditfaktura 2: 2610 +500 · 3001 +2000 · 8313 -2500",
        ],
    ),
    (
        fee_credited,
        [
            SALE,
            "Inbetalning faktura 1: 1500 -12500 · 1940 +18500 · 8313 -6000",
            "Kreditfaktura 2: 2420 -18500 · 2610 +2500 · 3001 +10000 · 8313 +6000",
        ],
    ),
    (
        fee_by_allocation,
        [
            SALE,
            "Inbetalning faktura 1: 1500 -12500 · 1940 +12500",
            "Kreditfaktura 2: 1500 -12500 · 2610 +2500 · 3001 +10000",
            "Kvittning faktura 1: 1500 +6000 · 8313 -6000",
        ],
    ),
]


@pytest.mark.parametrize(("acts", "expected"), ROWS)
def test_the_vouchers_of(server: Server, acts: Callable[[Server], object], expected: list[str]) -> None:
    acts(server)
    _, vouchers = books_of(server)
    assert [shown(each)[6:] for each in vouchers] == expected


def test_money_that_nobody_could_place(server: Server) -> None:
    key = sent(server)
    payment = pay(server, 60, scheme="SEPA_DIRECT_DEBIT")
    body = {"billogram": key, "amount": 50}
    assert server.mock("POST", f"{M}/payments/{payment['id']}/allocate", body).status == 200
    recall(server, payment, type="refund")
    _, vouchers = books_of(server)
    assert [shown(each)[6:] for each in vouchers] == [
        SALE,
        "Ej allokerad inbetalning: 1940 +6000 · 2800 -6000",
        "Inbetalning faktura 1: 1500 -5000 · 2800 +5000",
        "Återtagen betalning faktura 1: 1500 +5000 · 1940 -5000",
        "Ej allokerad inbetalning: 1940 -1000 · 2800 +1000",
    ]


# files


class Read:
    """A SIE file, read back by the description of the format."""

    def __init__(self, content: bytes) -> None:
        assert content.endswith(b"\r\n")
        assert b"\r\n\r\n" not in content
        self.head: dict[str, list[list[str]]] = {}
        self.vouchers: list[tuple[list[str], list[list[str]]]] = []
        lines = content.decode("cp437").split("\r\n")[:-1]
        inside = False
        for line in lines:
            if line == "{":
                inside = True
            elif line == "}":
                inside = False
            else:
                name, *fields = list(self.fields(line))
                if name == "#VER":
                    self.vouchers.append((fields, []))
                elif name == "#TRANS":
                    assert inside
                    self.vouchers[-1][1].append(fields)
                else:
                    assert not self.vouchers, "the head comes first"
                    self.head.setdefault(name, []).append(fields)

    @staticmethod
    def fields(line: str) -> Iterator[str]:
        """Fields are separated by blanks; in quotes or braces they may have blanks."""
        place = 0
        while place < len(line):
            if line[place] == " ":
                place += 1
            elif line[place] == "{":
                end = line.index("}", place)
                yield line[place + 1 : end]
                place = end + 1
            elif line[place] == '"':
                text, place = "", place + 1
                while line[place] != '"':
                    place += line[place] == "\\"
                    text += line[place]
                    place += 1
                yield text
                place += 1
            else:
                end = line.find(" ", place)
                end = len(line) if end < 0 else end
                yield line[place:end]
                place = end


def test_a_file_is_read_back(server: Server) -> None:
    name = 'Åke "X" \\ Ñandú \u2713'
    assert server.call("PUT", "/settings", {"name": name, "org_no": "556000-0018"}).status == 200
    objects = [
        {"dimension_id": 6, "object_id": "P 1", "dimension_name": "Projekt", "object_name": "Torg"},
        {"dimension_id": 1, "object_id": "10", "dimension_name": "Kostnadsställe"},
    ]
    rows = [row("A", 100, bookkeeping={"objects": objects}), row("B", 50), row("C", 20, 7)]
    sent(server, items=rows)
    to(server, "04-01T00:15")
    read = Read(content(server, "2026-03_sie4.si"))
    assert read.head["#FNAMN"] == [['Åke "X" \\ Ñandú ?']]
    assert read.head["#ORGNR"] == [["556000-0018"]]
    assert read.head["#GEN"] == [["20260401"]]
    assert read.head["#RAR"] == [["0", "20260101", "20261231"]]
    assert read.head["#DIM"] == [["1", "Kostnadsställe"], ["6", "Projekt"]]
    assert read.head["#OBJEKT"] == [["1", "10", "10"], ["6", "P 1", "Torg"]]
    ((fields, legs),) = read.vouchers
    assert fields == ["A", "1", "20260302", "Faktura 1"]
    assert legs == [
        ["1500", "", "209.00"],
        ["2610", "", "-38.90"],
        ["3001", "", "-70.00"],  # a rate without an account of its own is with 25 %
        ["3001", '6 "P 1" 1 "10"', "-100.00"],
        ["3740", "", "-0.10"],
    ]


def test_currencies_and_numbers(server: Server) -> None:
    book = {"sie_serie": "F", "sie_continuous_numbering": "no", "financial_year_start": "2025-07"}
    assert server.call("PUT", "/settings", {"bookkeeping": book}).status == 200
    sent(server)
    sent(server, customer={"customer_no": 1}, currency="EUR", items=[row("A", 99.99)])
    to(server, "04-20T10:00")
    sent(server, customer={"customer_no": 1})
    to(server, "07-20T10:00")
    sent(server, customer={"customer_no": 1})
    to(server, "08-01T00:15")
    found = {name: Read(content(server, f"2026-{name}.si")) for name in ("03_sie4", "04_sie4", "07_sie4")}
    assert [[each[0][:2] for each in read.vouchers] for read in found.values()] == [
        [["F", "1"]],
        [["F", "2"]],
        [["F", "1"]],  # of the next financial year
    ]
    assert found["07_sie4"].head["#RAR"] == [["0", "20260701", "20270630"]]
    euros = Read(content(server, "2026-03_EUR_sie4.si"))
    assert euros.head["#VALUTA"] == [["EUR"]]
    assert "#VALUTA" not in found["03_sie4"].head
    assert [fields[1] for fields, _ in euros.vouchers] == ["1"]
    listed = server.get("/report?page=1&page_size=100&order_field=filename").data
    infos = {each["filename"]: each["info"] for each in listed}
    assert infos["2026-04_EUR_debtors_ledger.csv"] == "Debtors ledger 2026-04"  # a claim is open
    ledger = content(server, "2026-03_EUR_debtors_ledger.csv").decode()
    assert ";EUR;124.99;124.99;0.00;124.99\r\n" in ledger
    server.customer(name='A;B "C"')
    sent(server, customer={"customer_no": 2})
    to(server, "09-01T00:15")
    assert '2;"A;B ""C""";' in content(server, "2026-08_debtors_ledger.csv").decode()


def test_the_agenda_has_reports_only_while_there_is_something_to_report(server: Server) -> None:
    def entries() -> list[str]:
        shown = server.mock("GET", f"{M}/agenda").json
        return [each["at"][:16] for each in shown if each["rule"] == "reports"]

    key = str(server.draft()["id"])
    assert entries() == []
    server.command(key, "send", {"method": "Email"})
    assert entries() == ["2026-04-01T00:15"]
    server.command(key, "payment", {"amount": 125})
    assert entries() == ["2026-04-01T00:15"]  # the month has vouchers
    to(server, "04-01T00:14")
    other = sent(server, customer={"customer_no": 1})  # before 00:15, in the new month
    to(server, "04-01T10:00")
    assert len(Read(content(server, "2026-03_sie4.si")).vouchers) == 2
    assert len(content(server, "2026-03_debtors_ledger.csv").decode().splitlines()) == 1
    assert entries() == ["2026-05-01T00:15"]
    server.command(other, "credit", {"mode": "full", "method": "Email"})
    to(server, "05-20T10:00")
    assert len(Read(content(server, "2026-04_sie4.si")).vouchers) == 2
    assert entries() == []
    to(server, "08-20T10:00")
    names = {each["filename"][:7] for each in server.get("/report?page=1&page_size=100").data}
    assert names == {"2026-03", "2026-04"}
    pay(server, 10)
    assert entries() == ["2026-09-01T00:15"]


OPEN_AT_THE_END = [("04-30T23:59", False), ("05-01T00:05", True), ("05-01T00:20", True)]


@pytest.mark.parametrize(("paid", "is_open"), OPEN_AT_THE_END)
def test_a_claim_that_is_open_at_the_end_of_a_month(server: Server, paid: str, *, is_open: bool) -> None:
    """The month has reports without a voucher too, also if the claim is paid before they are made."""
    key = sent(server)
    to(server, paid)
    pay(server, 125, billogram=key)
    to(server, "05-02T10:00")
    # a payment in April is a voucher of April, so there are reports of April anyway
    names = [each["filename"] for each in server.get("/report?page=1&page_size=100").data]
    assert len([each for each in names if each.startswith("2026-04")]) == 4
    assert len(content(server, "2026-04_debtors_ledger.csv").decode().splitlines()) == 1 + is_open


def test_a_claim_of_the_new_month_has_no_report_in_the_old_one(server: Server) -> None:
    server.customer()
    to(server, "05-01T00:02")
    key = sent(server, customer={"customer_no": 1})
    to(server, "05-01T00:05")
    pay(server, 125, billogram=key)
    to(server, "05-02T10:00")
    assert server.get("/report?page=1&page_size=100").data == []


def test_a_report_stays_as_it_was(server: Server) -> None:
    """Later acts and settings change nothing; an ordered report is of its moment, and replaces the other."""
    key = sent(server)
    to(server, "04-01T10:00")
    names = [each["filename"] for each in server.get("/report?page=1&page_size=9").data]
    before = {name: content(server, name) for name in names}
    server.call("PUT", "/settings", {"name": "Other", "bookkeeping": {"sie_serie": "Z"}})
    server.command(key, "payment", {"amount": 25})
    assert {name: content(server, name) for name in names} == before
    assert server.mock("POST", f"{M}/reports", {"from": "2026-04", "to": "2026-04"}).status == 201
    assert len(Read(content(server, "2026-04_sie4.si")).vouchers) == 1
    server.command(key, "payment", {"amount": 5})
    assert len(Read(content(server, "2026-04_sie4.si")).vouchers) == 1
    made = server.mock("POST", f"{M}/reports", {"from": "2026-01", "to": "2026-04", "types": ["sie4"]})
    assert [each["filename"] for each in made.json] == ["2026-03_sie4.si", "2026-04_sie4.si"]
    assert len(Read(content(server, "2026-04_sie4.si")).vouchers) == 2
    assert Read(content(server, "2026-03_sie4.si")).head["#FNAMN"] == [["Other"]]
    assert len(server.get("/report?page=1&page_size=100").data) == 8


def test_a_fork_a_restore_and_a_restart_give_the_same_reports(tmp_path: Path) -> None:
    server = Server(SQLiteLog(tmp_path / "log.db"))
    try:
        two_billograms(server)
        to(server, "06-01T00:15")
        names = [each["filename"] for each in server.get("/report?page=1&page_size=100").data]
        before = {name: content(server, name) for name in names}
        assert server.mock("POST", f"{M}/snapshots", {"name": "june"}).status == 201
        assert server.mock("POST", f"{M}/fork", {"id": "fork"}).status == 201
        sent(server, customer={"customer_no": 1})
        to(server, "07-01T10:00")
        assert len(server.get("/report?page=1&page_size=100").data) == 16
        assert server.mock("POST", f"{M}/snapshots/june/restore").status == 200
        assert [each["filename"] for each in server.get("/report?page=1&page_size=100").data] == names
        assert {name: content(server, name) for name in names} == before
        for name in names:
            assert server.mock("GET", f"/accounts/fork/reports/{name}").body == before[name]
        assert server.fold().image() == server.image()
    finally:
        server.close()
    again = Server(SQLiteLog(tmp_path / "log.db"))
    try:
        assert {name: content(again, name) for name in names} == before
    finally:
        again.close()


def test_accounts_with_an_empty_name_use_the_default(server: Server) -> None:
    empty = {"income_account_for_vat_25": "", "rounding_account": ""}
    assert server.call("PUT", "/settings", {"bookkeeping": empty}).status == 200
    sent(server, items=[row("A", 99.9)])
    _, (voucher,) = books_of(server)
    assert shown(voucher)[6:] == "Faktura 1: 1500 +12500 · 2610 -2498 · 3001 -9990 · 3740 -12"
