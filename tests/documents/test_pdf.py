"""PDFs, read back: what stands on them, and that they are always the same."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from mockserver.core.documents import REMINDER
from mockserver.core.model import Picture, replace
from mockserver.documents import pdf
from mockserver.documents.pages import BLACK, Text
from tests.documents import papers
from tests.documents.papers import ROWS, command, document, rendered
from tests.server import Server


@pytest.fixture
def server(server: Server) -> Server:
    papers.as_creditor(server)
    server.customer(name="Åkeri & Söner i Östersund AB", org_no="165599-0011")
    return server


def sent(server: Server, **more: Any) -> str:
    body: dict[str, Any] = {"customer": {"customer_no": 1}, "items": ROWS} | more
    key: str = server.sent(**body)["id"]
    return key


def test_an_invoice_says_all_of_it(server: Server) -> None:
    info = {
        "order_no": "T-1001",
        "our_reference": "Örjan Ek",
        "your_reference": "Åsa Lind",
        "reference_number": "R-77",
        "order_date": "2026-02-20",
        "message": "Tack för att ni anlitar oss!\nVi ses nästa vinter.",
    }
    key = sent(server, info=info, invoice_fee=29)
    seen = server.get(f"/billogram/{key}").data
    told = papers.text(rendered(server, key))
    for line in (
        "Snöskottarna Åre AB Faktura",
        f"Fakturanummer {seen['invoice_no']} Åkeri & Söner i Östersund AB",
        "Fakturadatum 2026-03-02 Testgatan 1",
        "Förfallodatum 2026-04-01 123 45 TESTSTAD",
        f"OCR-nummer {seen['ocr_number']}",
        "Kundnummer 1",
        "Ert org.nr 165599-0011",
        "Er referens Åsa Lind",
        "Vår referens Örjan Ek",
        "Ordernummer T-1001",
        "Orderdatum 2026-02-20",
        "Referensnummer R-77",
        "Tack för att ni anlitar oss!",
        "Vi ses nästa vinter.",
        "Benämning Antal Enhet À-pris Rabatt Moms Belopp",
        "Skottning av tak 3 tim 1 050,50 50,00 25 % 3 101,50",
        "Bok om snö 2 st 99,125 6 % 198,25",
        "Inbunden",
        "Utfört i februari\n",
        "Fakturaavgift 29,00",
        "Summa exkl. moms 3 328,75",
        "Moms 25 % på 3 130,50 782,62",
        "Moms 6 % på 198,25 11,90",
        "Öresavrundning -0,27",
        "Att betala 4 123,00 SEK",
        "Efter förfallodagen debiteras dröjsmålsränta med 8,5 % och påminnelseavgift med 60,00 SEK.",
        f"123-4567 {seen['ocr_number']} 2026-04-01 4 123,00 SEK",
        "Bankgiro 123-4567",
        "Plusgiro 12345-6",
        "IBAN SE4550000000058398257466",
        "Org.nr 556677-8899",
        "Momsreg.nr SE556677889901",
        "Godkänd för F-skatt",
        "Storgatan 1",
        "831 30 Åre",
        "Sida 1 (1)",
    ):
        assert line in told, told


def credit_rows(server: Server) -> str:
    key = sent(server)
    command(server, key, "credit", {"mode": "items", "items": [{"title": "Bok om snö", "count": -1}]})
    return key


def credit_amount(server: Server) -> str:
    key = sent(server)
    command(server, key, "credit", {"mode": "amount", "amount": 100})
    return key


def change(server: Server, more: int) -> str:
    key = sent(server)
    rows = [*ROWS, {"title": "Salt", "count": 1, "price": 80, "vat": 25}] if more > 0 else ROWS[1:]
    assert server.call("PUT", f"/billogram/{key}", {"items": rows}).status == 200
    return key


def stand_alone(server: Server) -> str:
    return sent(server, items=[{"title": "Återbetalning", "count": -2, "price": 300, "vat": 25}])


def resent(server: Server) -> str:
    key = credit_amount(server)
    command(server, key, "payment", {"amount": 1000})
    command(server, key, "resend", {"method": "Letter"})
    return key


KINDS: list[tuple[str, Callable[[Server], str], list[str], list[str]]] = [
    (
        "credit by rows",
        credit_rows,
        [
            "Kreditfaktura",
            "Fakturanummer 2",
            "Avser faktura 1",
            "Bok om snö -1 st 99,125 6 % -99,13",
            "Summa exkl. moms -99,13",
            "Moms 6 % på -99,13 -5,95",
            "Summa kreditering -105,00 SEK",
            "Kvar att betala, efter detta 3 982,00 SEK",
        ],
        ["Förfallodatum", "Betalas senast", "Skottning", "Efter förfallodagen"],
    ),
    (
        "credit by amount",
        credit_amount,
        [
            "Kreditering av faktura 1 -100,00",
            "Summa kreditering -100,00 SEK",
            "Kvar att betala, efter detta 3 987,00 SEK",
        ],
        ["Förfallodatum", "Skottning", "Antal"],
    ),
    (
        "a change that adds",
        lambda s: change(s, 1),
        [
            "Faktura",
            "Avser faktura 1",
            "Salt 1 st 80,00 25 % 80,00",
            "Totalt 4 187,00 SEK",
            "Tidigare fakturerat -4 087,00",
            "Denna faktura 100,00 SEK",
            "varav moms 20,00",
            "Kvar att betala, efter detta 4 187,00 SEK",
            "Betalas senast",
        ],
        [],
    ),
    (
        "a change that takes away",
        lambda s: change(s, -1),
        [
            "Kreditfaktura",
            "Tidigare fakturerat -4 087,00",
            "Att kreditera -3 877,00 SEK",
            "varav moms -775,37",
            "Kvar att betala, efter detta 210,00 SEK",
        ],
        ["Betalas senast", "Skottning"],
    ),
    (
        "a stand-alone credit",
        stand_alone,
        ["Kreditfaktura", "Återbetalning -2 st 300,00 25 % -600,00", "Er till godo 750,00 SEK"],
        ["Avser faktura", "Att betala"],
    ),
    (
        "sent again",
        resent,
        [
            "Faktura",
            "Totalt 4 087,00 SEK",
            "Krediterat -100,00",
            "Betalt -1 000,00",
            "Att betala 2 987,00 SEK",
        ],
        ["Avser faktura"],
    ),
]


@pytest.mark.parametrize(
    ("make", "there", "absent"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS]
)
def test_every_kind_of_document(
    server: Server, make: Callable[[Server], str], there: list[str], absent: list[str]
) -> None:
    told = papers.text(rendered(server, make(server)))
    assert [line for line in there if line not in told] == [], told
    assert [line for line in absent if line in told] == [], told


def test_a_reminder(server: Server) -> None:
    key = sent(server)
    found = document(server, key)
    sums = replace(
        found.sums, reminder_fee=Decimal(60), interest_fee=Decimal(5), remaining=found.sums.remaining + 65
    )
    reminder = replace(found, kind=REMINDER, sums=sums, message="Ni har glömt att betala.")
    told = papers.text(pdf.render(reminder, found.invoice_no))
    for line in (
        "Påminnelse",
        "Påminnelsedatum 2026-03-02",
        "Ni har glömt att betala.",
        "Totalt 4 087,00 SEK",
        "Påminnelseavgift 60,00",
        "Dröjsmålsränta 5,00",
        "Att betala 4 152,00 SEK",
        "Betalas senast",
    ):
        assert line in told, told


def test_prices_with_vat(server: Server) -> None:
    told = papers.text(rendered(server, sent(server, show_item_gross_prices=True)))
    assert "À-pris inkl. moms" in told
    assert "Belopp inkl. moms" in told
    assert "Skottning av tak 3 tim 1 313,13 62,50 25 % 3 876,88" in told


def test_reversed_vat(server: Server) -> None:
    told = papers.text(rendered(server, sent(server, regional_sweden={"reversed_vat": True})))
    assert "Moms, omvänd betalningsskyldighet 0,00" in told
    assert "köparen redovisar momsen" in told
    assert "Att betala 3 300,00 SEK" in told


def test_other_currencies_are_not_rounded(server: Server) -> None:
    told = papers.text(rendered(server, sent(server, currency="EUR")))
    assert "Att betala 4 087,02 EUR" in told
    assert "Öresavrundning" not in told


def test_vat_of_the_rates_adds_up(server: Server) -> None:
    rows = [{"title": f"Rad {vat}", "count": 1, "price": "1.25", "vat": vat} for vat in (1, 2, 3, 6, 7, 11)]
    told = papers.text(rendered(server, sent(server, items=rows, currency="EUR")))
    taxes = [line.rsplit(" ", 1)[1] for line in told.splitlines() if line.strip().startswith("Moms ")]
    assert len(taxes) == 6
    assert sum(int(tax.replace(",", "")) for tax in taxes) == 38  # 30 % of 1.25, in hundredths
    assert "Att betala 7,88 EUR" in told


def test_a_letter_goes_to_the_delivery_address(server: Server) -> None:
    place = {
        "name": "Lagret",
        "street_address": "Bakgatan 2",
        "zipcode": "54321",
        "city": "Annanstad",
        "country": "NO",
    }
    number = server.customer(name="Kunden", delivery_address=place)
    told = papers.text(rendered(server, sent(server, customer={"customer_no": number})))
    for line in ("Lagret", "Bakgatan 2", "54321 Annanstad", " NO"):
        assert line in told
    assert "Testgatan" not in told


def test_a_thousand_rows_run_over_many_pages(server: Server) -> None:
    rows = [
        {
            "title": f"Rad nummer {n}",
            "count": 1,
            "price": n,
            "vat": 25,
            "description": "Beskriven. " * (n % 19),
        }
        for n in range(1, 1001)
    ]
    pages = papers.pages(rendered(server, sent(server, items=rows)))
    assert len(pages) > 20
    for index, page in enumerate(pages, 1):
        assert f"Sida {index} ({len(pages)})" in page
        assert "Org.nr 556677-8899" in page
    assert all("Benämning Antal" in page for page in pages[:-1])
    whole = "\n".join(pages)
    assert [n for n in range(1, 1001) if f"Rad nummer {n} 1 st" not in whole] == []
    assert "Att betala 625 625,00 SEK" in pages[-1]


LENGTHS = [(count, 9, "ord " * 80) for count in range(16, 44)] + [
    *[(count, 100, "") for count in (39, 40, 70, 71, 72, 73, 74, 75, 99)],
    *[(1, 1, "\n".join("o" * count)) for count in (30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 175)],
]


@pytest.mark.parametrize(("count", "rates", "message"), LENGTHS)
def test_nothing_runs_into_the_footer_or_off_the_page(
    server: Server, count: int, rates: int, message: str
) -> None:
    rows = [{"title": f"Rad {n}", "count": 1, "price": 10, "vat": n % rates} for n in range(count)]
    key = sent(server, items=rows, info={"message": message})
    content = rendered(server, key)
    for page in PdfReader(io.BytesIO(content)).pages:
        spots: list[tuple[float, str]] = []
        page.extract_text(visitor_text=lambda said, _cm, tm, _font, _size: spots.append((tm[5], said)))  # noqa: B023
        footer = next(y for y, said in spots if said.strip() == "Adress")
        middle = [y for y, said in spots if said.strip() and y > footer + 1]
        assert min(middle) > footer + 14, "a gap above the footer"
        assert all(10 < y < 830 for y, said in spots if said.strip())
    assert "Betalas senast" in papers.pages(content)[-1]


def test_long_words_and_numbers_stay_in_their_columns(server: Server) -> None:
    rows = [
        {"title": "W" * 100, "description": "M" * 200, "count": "123456789.123456", "price": "1234567.891234"}
        | {"vat": 12.25, "discount": "99999999.99", "item_no": "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"}
    ]
    key = sent(server, items=rows, info={"message": "W" * 350, "your_reference": "W" * 35})
    found = document(server, key)
    for page in pdf.layout(found, 1):
        for part in page:
            if isinstance(part, Text):
                end = part.x + pdf.metrics().width(part.text, part.size, bold=part.bold)
                assert end < 190.5, part
    assert "W" * 30 in papers.text(rendered(server, key))


def test_weird_letters_never_break_it(server: Server) -> None:
    weird = "日本語 Łódź \u202e \U0001f600 € \x00\x1b[0m \\( ) {nb} **fet** \ud7ff \u0301 \t"
    server.call("PUT", "/settings", {"name": weird, "contact": {"name": weird}})
    number = server.customer(name=weird, address={"street_address": weird, "city": weird})
    rows = [{"title": weird, "description": weird * 3, "count": 1, "price": 1, "vat": 25}]
    key = sent(server, customer={"customer_no": number}, items=rows, info={"message": weird})
    told = papers.text(rendered(server, key))
    assert "??? Lódz" in told
    assert "€" in told
    assert "\\( ) {nb} **fet**" in told


# pictures


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (300, 100)) -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, 120 if mode in ("L", "P", "1") else (10, 100, 200, 90)[: len(mode)]).save(
        made, kind
    )
    return made.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("GIF", "P"),
    ],
)
def test_the_logotype_stands_on_it(server: Server, kind: str, mode: str) -> None:
    papers.set_logotype(server, picture(kind, mode))
    assert papers.pictures(rendered(server, sent(server))) == 1


BROKEN = {
    "cut": picture("PNG", size=(90, 90))[:60],
    "cut JPEG": picture("JPEG")[:-200],
    "empty": b"",
    "text": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "enormous": picture("PNG", "1", (20_000, 20_000)),
    "many pixels": picture("PNG", "1", (6_000, 6_000)),
    "another kind": picture("BMP"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_or_enormous_logotype_is_left_out(server: Server, name: str) -> None:
    papers.set_logotype(server, BROKEN[name])
    content = rendered(server, sent(server))
    assert papers.pictures(content) == 0
    assert "Snöskottarna Åre AB Faktura" in papers.text(content)


# always the same


def test_the_same_after_a_restart_and_after_later_changes(tmp_path: Path) -> None:
    first = Server(database=str(tmp_path / "file.db"))
    papers.as_creditor(first)
    first.customer()
    item = first.post("/item", {"title": "Spade", "price": 100, "vat": 25, "unit": "unit"}).data["item_no"]
    papers.set_logotype(first, picture("PNG", "RGBA"))
    key = sent(first, items=[{"item_no": item, "count": 2}])
    before = rendered(first, key)
    assert first.call("PUT", "/customer/1", {"name": "Other", "address": {"city": "Other"}}).status == 200
    assert first.call("PUT", f"/item/{item}", {"title": "Other", "price": 1}).status == 200
    assert first.call("PUT", "/settings", {"name": "Other", "payment": {"bankgiro": "1-1"}}).status == 200
    papers.set_logotype(first, picture("GIF", "P"), "gif")
    command(first, key, "payment", {"amount": 10})
    assert rendered(first, key, 0) == before
    assert rendered(first, sent(first), 0) != before
    first.close()
    second = Server(database=str(tmp_path / "file.db"))
    second.get("/settings")
    assert rendered(second, key, 0) == before
    second.close()


SCRIPT = """
import hashlib
from tests.documents import papers
from tests.documents.test_pdf import picture, sent
from tests.server import Server
server = Server()
papers.as_creditor(server)
server.customer()
papers.set_logotype(server, picture("PNG", "RGBA"))
print(hashlib.sha256(papers.rendered(server, sent(server))).hexdigest())
server.close()
"""


def test_the_same_in_another_process(server: Server) -> None:
    found = set()
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment
        )
        found.add(done.stdout.strip())
    fresh = Server()
    papers.as_creditor(fresh)
    fresh.customer()
    papers.set_logotype(fresh, picture("PNG", "RGBA"))
    found.add(hashlib.sha256(rendered(fresh, sent(fresh))).hexdigest())
    fresh.close()
    assert len(found) == 1


def test_what_it_says_of_itself(server: Server) -> None:
    content = rendered(server, sent(server))
    reader = PdfReader(io.BytesIO(content), strict=True)
    assert reader.metadata == {
        "/Title": "Faktura 1",
        "/Producer": "mockserver",
        "/CreationDate": "D:20260302090000Z",
    }
    assert content.count(b"/ID [<") == 1


# the shelf


def test_the_shelf_keeps_the_newest(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_MAX_PDFS", 2)
    papers_of = [document(server, sent(server)) for _ in range(3)]
    pdf_cache = pdf.PdfCache()
    first = [pdf_cache.get_or_render("a", each, 1) for each in papers_of]
    assert pdf_cache.get_or_render("a", papers_of[2], 1) is first[2]
    assert pdf_cache.get_or_render("a", papers_of[0], 1) is not first[0]
    assert pdf_cache.get_or_render("a", papers_of[0], 1) == first[0]
    # after a reset the same id comes again, perhaps of another document
    other = replace(papers_of[0], message="Another one")
    assert pdf_cache.get_or_render("a", other, 1) != first[0]


def test_the_shelf_is_bounded_in_bytes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    one = document(server, sent(server))
    pdf_cache = pdf.PdfCache()
    made = pdf_cache.get_or_render("a", one, 1)
    monkeypatch.setattr(pdf, "_MAX_BYTES", len(made) - 1)
    assert pdf_cache.get_or_render("b", one, 1) == made
    assert pdf_cache.get_or_render("a", one, 1) is not made


def test_nothing_of_it_is_imported_before_the_first_pdf() -> None:
    program = (
        "import sys; from mockserver.app import create_app; create_app();"
        "print([name for name in ('fpdf', 'PIL', 'fontTools') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"


def test_pictures_that_are_equal_are_read_once() -> None:
    content = picture("PNG")
    assert pdf._picture(Picture(content, "png")) is pdf._picture(Picture(content, "png"))
    assert BLACK == 0
